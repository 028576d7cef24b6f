# Copyright (c) 2026 cloudops.core contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What people bring, the normal form that becomes of it, and what is refused with which words."""

from __future__ import annotations

import json
import sys
import zoneinfo
from collections.abc import Iterator
from datetime import date, datetime, timedelta, timezone
from typing import Any

import pytest
from ansible_collections.cloudops.core.plugins.module_utils._core.errors import Invalid
from ansible_collections.cloudops.core.plugins.module_utils._domain import wallclock
from ansible_collections.cloudops.core.plugins.module_utils._domain.schedule import as_dict, decide, parse, read_now
from ansible_collections.cloudops.core.plugins.module_utils._domain.schedule_tags import ZONE_ALIASES

# YAML makes such a datetime of an unquoted time without offset.
NAIVE = datetime(2026, 3, 2, 9)  # noqa: DTZ001


def period(begin: str | None = None, end: str | None = None, **days: Any) -> dict[str, Any]:
    unset = {"name": None, "timezone": None, "weekdays": None, "monthdays": None, "months": None}
    return {**unset, "begintime": begin, "endtime": end, **days}


def normal(*periods: dict[str, Any], zone: str = "UTC", **more: Any) -> dict[str, Any]:
    return {"timezone": zone, "periods": list(periods), "holidays": [], "exceptions": [], "override": None, **more}


WORKDAYS = ["mon-fri"]
OFFICE = period("08:00", "18:00", weekdays=WORKDAYS)

MAPPINGS = [
    ("plain", {"periods": [{"begintime": "08:00", "endtime": "18:00", "weekdays": ["mon-fri"]}]}, normal(OFFICE)),
    (
        "everything",
        {
            "timezone": "Europe/Berlin",
            "periods": [
                {
                    "name": "night",
                    "begintime": "22:00",
                    "endtime": "6:00",
                    "weekdays": ["fri-mon", "tue#1", "wedL"],
                    "monthdays": ["1-7", "L", "15W", "20-31/5"],
                    "months": ["jan-mar", "december"],
                }
            ],
            "holidays": ["2026-12-25", "2026-01-01"],
            "exceptions": [{"name": "freeze", "from": "2026-12-21", "to": "2026-12-31T12:00", "state": "off"}],
        },
        normal(
            period(
                "22:00",
                "06:00",
                name="night",
                weekdays=["mon", "fri-sun", "tue#1", "wedL"],
                monthdays=["1-7", "20", "25", "30", "L", "15W"],
                months=["jan-mar", "dec"],
            ),
            zone="Europe/Berlin",
            holidays=["2026-01-01", "2026-12-25"],
            exceptions=[
                {
                    "from": "2026-12-21T00:00:00+01:00",
                    "to": "2026-12-31T12:00:00+01:00",
                    "state": "off",
                    "name": "freeze",
                }
            ],
        ),
    ),
    (
        "unquoted-yaml",
        {
            "periods": [{"begintime": 630, "endtime": 1440, "weekdays": [0, 1]}],
            "holidays": [date(2026, 12, 25)],
            "exceptions": [{"from": NAIVE, "to": date(2026, 3, 2), "state": False}],
        },
        normal(
            period("10:30", "24:00", weekdays=["mon-tue"]),
            holidays=["2026-12-25"],
            exceptions=[
                {"from": "2026-03-02T09:00:00+00:00", "to": "2026-03-03T00:00:00+00:00", "state": "off", "name": None}
            ],
        ),
    ),
    ("endtime-00-00", {"periods": [{"begintime": "22:00", "endtime": "00:00"}]}, normal(period("22:00", "24:00"))),
    ("end-only-00-00", {"periods": [{"endtime": "00:00"}]}, normal(period(None, "00:00"))),
    (
        "unset-is-null-or-blank",
        {"timezone": None, "periods": [{"begintime": "08:00", "endtime": "", "weekdays": None}], "override": None},
        normal(period("08:00")),
    ),
    ("override", {"override": "on"}, normal(override="on")),
    ("override-yaml-true", {"override": True}, normal(override="on")),
    (
        "own-zone-that-is-the-schedules",
        {"timezone": "Asia/Tokyo", "periods": [{"begintime": "08:00", "timezone": "Asia/Tokyo"}]},
        normal(period("08:00"), zone="Asia/Tokyo"),
    ),
    (
        "own-zone",
        {"periods": [{"begintime": "08:00", "timezone": "Asia/Tokyo"}]},
        normal(period("08:00", timezone="Asia/Tokyo")),
    ),
    # Instance Scheduler on AWS: the custom resource of CloudFormation.
    (
        "is-cloudformation",
        {
            "Name": "pt-office-hours",
            "NoStackPrefix": "True",
            "ServiceToken": "arn:aws:lambda:us-west-2:123456789012:function:x",
            "Description": "Pacific Time office hours",
            "Timezone": "US/Pacific",
            "Enforced": "True",
            "RetainRunning": "False",
            "StopNewInstances": "True",
            "Hibernate": "False",
            "Periods": [{"Description": "weekdays", "BeginTime": "07:00", "EndTime": "16:59", "WeekDays": "mon-fri"}],
        },
        normal(period("07:00", "16:59", weekdays=WORKDAYS), zone="US/Pacific"),
    ),
    (
        "is-first-monday-of-a-quarter",
        {"Periods": [{"WeekDays": "mon#1", "Months": "jan/3", "InstanceType": "t3.micro"}]},
        normal(period(weekdays=["mon#1"], months=["jan", "apr", "jul", "oct"])),
    ),
    ("is-override-running", {"name": "running", "override_status": "running"}, normal(override="on")),
    ("is-override-stopped", {"OverrideStatus": "stopped", "use_metrics": False}, normal(override="off")),
]


@pytest.mark.parametrize(("spec", "expected"), [row[1:] for row in MAPPINGS], ids=[row[0] for row in MAPPINGS])
def test_mapping_to_normal_form(spec: dict[str, Any], expected: dict[str, Any]) -> None:
    assert as_dict(parse(spec)) == expected


IS_PERIODS = [
    {"type": "period", "name": "office-hours", "begintime": "09:00", "endtime": "17:00", "weekdays": {"mon-fri"}},
    {"Type": "period", "Name": "weekends", "Weekdays": ["sat-sun"]},
]


@pytest.mark.parametrize(
    "definitions",
    [IS_PERIODS, {"office-hours": IS_PERIODS[0], "weekends": {"weekdays": "sat-sun"}}],
    ids=["list", "mapping"],
)
@pytest.mark.parametrize(
    "names", [["office-hours", "weekends@t3.nano"], "office-hours, weekends"], ids=["list", "commas"]
)
def test_named_periods_of_instance_scheduler(names: object, definitions: object) -> None:
    table_row = {"type": "schedule", "name": "s", "timezone": "US/Eastern", "periods": names}
    assert as_dict(parse(table_row, periods=definitions)) == normal(
        period("09:00", "17:00", weekdays=WORKDAYS, name="office-hours"),
        period(weekdays=["sat-sun"], name="weekends"),
        zone="US/Eastern",
    )


# The documented sample of Instance Scheduler that runs from Monday 09:00 to Friday, in three periods.
WEEK = {
    "timezone": "America/New_York",
    "periods": [
        {"begintime": "09:00", "endtime": "23:59", "weekdays": "mon"},
        {"weekdays": "tue-thu"},
        {"begintime": "00:00", "endtime": "16:59", "weekdays": "fri"},
    ],
}


@pytest.mark.parametrize(
    ("now", "expected"),
    [
        ("2026-03-02T08:59-05:00", "off"),
        ("2026-03-02T09:00-05:00", "on"),
        ("2026-03-02T23:59-05:00", "on"),
        ("2026-03-03T00:00-05:00", "on"),
        ("2026-03-06T16:58-05:00", "on"),
        ("2026-03-06T16:59-05:00", "off"),
        ("2026-03-08T12:00-04:00", "off"),
    ],
)
def test_week_of_instance_scheduler_has_no_hole(now: str, expected: str) -> None:
    assert decide(parse(WEEK), read_now(now)).state == expected


LINES = [
    # Cloud Custodian
    ("cc-documented-1", "off=(M-F,19);on=(M-F,7)", normal(period("07:00", "19:00", weekdays=WORKDAYS))),
    (
        "cc-documented-2",
        "off=[(M-F,21),(U,18)];on=[(M-F,6),(U,10)];tz=pt",
        normal(
            period("06:00", "21:00", weekdays=WORKDAYS),
            period("10:00", "18:00", weekdays=["sun"]),
            zone="America/Los_Angeles",
        ),
    ),
    (
        "cc-a-second-off-changes-nothing",
        "off=[(M-F,21),(U,18)];on=(M-F,7);tz=pt",
        normal(period("07:00", "21:00", weekdays=WORKDAYS), zone="America/Los_Angeles"),
    ),
    ("cc-on", "on", normal(period("07:00", "19:00", weekdays=WORKDAYS))),
    ("cc-on-quoted", "'ON'", normal(period("07:00", "19:00", weekdays=WORKDAYS))),
    ("cc-off-opts-out", "off", normal(override="any")),
    ("cc-only-off", "off=(M-F,20)", normal(period("07:00", "20:00", weekdays=WORKDAYS))),
    ("cc-only-on", "on=(M-F,9)", normal(period("09:00", "19:00", weekdays=WORKDAYS))),
    ("cc-only-tz", "tz=jst", normal(period("07:00", "19:00", weekdays=WORKDAYS), zone="Asia/Tokyo")),
    ("cc-tz-empty", "off=(M-F,19);tz=", normal(period("07:00", "19:00", weekdays=WORKDAYS))),
    (
        "cc-tz-name-in-any-case",
        "off=(m-f,19);on=(m-f,7);tz=america/new_york;",
        normal(period("07:00", "19:00", weekdays=WORKDAYS), zone="America/New_York"),
    ),
    ("cc-spaces", " off = (M-F, 19) ; on = [ (M-F, 7) ] ", normal(period("07:00", "19:00", weekdays=WORKDAYS))),
    ("cc-no-brackets", "off=M-F,19;on=(M,7),(T-F,8)", None),
    ("cc-thursday-is-h", "off=(H,19);on=(H,7)", normal(period("07:00", "19:00", weekdays=["thu"]))),
    ("cc-wrapping-days", "off=(F-M,19);on=(F-M,7)", normal(period("07:00", "19:00", weekdays=["mon", "fri-sun"]))),
    ("cc-night", "off=(M-F,6);on=(M-F,22)", None),
    (
        "cc-over-several-days",
        "on=(M,7);off=(F,19)",
        normal(
            period("07:00", "24:00", weekdays=["mon"]),
            period(weekdays=["tue-thu"]),
            period("00:00", "19:00", weekdays=["fri"]),
        ),
    ),
    (
        "cc-over-the-weekend",
        "on=(F,18);off=(M,6)",
        normal(
            period("18:00", "24:00", weekdays=["fri"]),
            period(weekdays=["sat-sun"]),
            period("00:00", "06:00", weekdays=["mon"]),
        ),
    ),
    ("cc-at-midnight", "on=(M,0);off=(W,0)", normal(period(weekdays=["mon-tue"]))),
    ("cc-until-midnight", "on=(M,7);off=(T,0)", normal(period("07:00", "24:00", weekdays=["mon"]))),
    # kube-downscaler
    (
        "kd",
        "Mon-Fri 07:30-20:30 Europe/Berlin",
        normal(period("07:30", "20:30", weekdays=WORKDAYS), zone="Europe/Berlin"),
    ),
    (
        "kd-two-zones",
        "Mon-Fri 07:30-20:30 Europe/Berlin, Sat-Sun 00:00-24:00 UTC",
        normal(
            period("07:30", "20:30", weekdays=WORKDAYS),
            period("00:00", "24:00", weekdays=["sat-sun"], timezone="UTC"),
            zone="Europe/Berlin",
        ),
    ),
    ("kd-overnight", "Mon-Fri 20:00-08:00 UTC", normal(period("20:00", "08:00", weekdays=WORKDAYS))),
    (
        "kd-wrapping-days",
        "Sun-Thu 08:00-18:00 Asia/Dubai",
        normal(period("08:00", "18:00", weekdays=["mon-thu", "sun"]), zone="Asia/Dubai"),
    ),
    ("kd-no-zone", "Mon-Fri 07:30-20:30", normal(period("07:30", "20:30", weekdays=WORKDAYS))),
    ("kd-one-day", "Sat 10:00-12:00 UTC", normal(period("10:00", "12:00", weekdays=["sat"]))),
    ("kd-always", "always", normal(override="on")),
    ("kd-never", "Never", normal(override="off")),
    ("kd-true", "true", normal(override="on")),
    ("kd-never-and-more", "never,Sat-Sat 10:00-12:00 UTC", normal(period("10:00", "12:00", weekdays=["sat"]))),
    ("kd-always-and-more", "Sat-Sat 10:00-12:00 UTC,always", normal(override="on")),
    (
        "kd-absolute",
        "2019-01-01T00:00:00+00:00-2019-01-02T12:34:56+00:00",
        normal(
            exceptions=[
                {"from": "2019-01-01T00:00:00+00:00", "to": "2019-01-02T12:34:56+00:00", "state": "on", "name": None}
            ]
        ),
    ),
    (
        "kd-absolute-z-and-spaces",
        "2024-07-29T08:30:00Z - 2024-07-29T16:00:00+02:00",
        normal(
            exceptions=[
                {"from": "2024-07-29T08:30:00+00:00", "to": "2024-07-29T14:00:00+00:00", "state": "on", "name": None}
            ]
        ),
    ),
]
WITH_FORM = [row for row in LINES if row[2] is not None]


@pytest.mark.parametrize(("line", "expected"), [row[1:] for row in WITH_FORM], ids=[row[0] for row in WITH_FORM])
def test_line_to_normal_form(line: str, expected: dict[str, Any]) -> None:
    assert as_dict(parse(line)) == expected


LEVELS = [
    # Edges in order of the week, last one wins; the answer for each hour of the week that is on.
    ("bare-list", "off=M-F,19;on=(M,7),(T-F,8)", {0: range(7, 19), **{day: range(8, 19) for day in range(1, 5)}}),
    (
        "night-over-the-weekend",
        "off=(M-F,6);on=(M-F,22)",
        # On since Friday 22:00, and nothing turns it off before Monday 06:00.
        {
            0: [*range(6), 22, 23],
            **{day: [*range(6), 22, 23] for day in (1, 2, 3)},
            4: [*range(6), 22, 23],
            5: range(24),
            6: range(24),
        },
    ),
    (
        "weekday-off-on-sunday-only",
        "off=(U,18)",
        {0: range(7, 24), **{day: range(24) for day in range(1, 6)}, 6: range(18)},
    ),
    ("on-twice", "on=[(M,7),(M,9)];off=(M,19)", {0: range(7, 19)}),
]


@pytest.mark.parametrize(("line", "hours"), [row[1:] for row in LEVELS], ids=[row[0] for row in LEVELS])
def test_off_hours_read_as_a_level(line: str, hours: dict[int, Any]) -> None:
    schedule = parse(line)
    monday = datetime(2026, 3, 2, tzinfo=timezone.utc)
    found: dict[int, list[int]] = {}
    for hour in range(7 * 24):
        if decide(schedule, read_now(monday + timedelta(hours=hour))).state == "on":
            found.setdefault(hour // 24, []).append(hour % 24)
    assert found == {day: list(wanted) for day, wanted in hours.items()}


@pytest.mark.parametrize(
    ("now", "expected"),
    [
        ("2026-03-06T20:00Z", "on"),
        ("2026-03-07T07:59Z", "on"),
        ("2026-03-07T20:00Z", "off"),
        ("2026-03-02T07:00Z", "off"),
    ],
    ids=["begin", "friday-night-into-saturday", "no-saturday-night", "no-sunday-night"],
)
def test_downscaler_night_belongs_to_its_begin_day(now: str, expected: str) -> None:
    assert decide(parse("Mon-Fri 20:00-08:00 UTC"), read_now(now)).state == expected


def test_downscaler_periods_and_ranges_are_or_ed() -> None:
    schedule = parse("Mon-Fri 08:00-18:00 UTC, 2026-03-07T10:00:00Z-2026-03-07T12:00:00Z")
    times = ["2026-03-06T12:00Z", "2026-03-07T11:00Z", "2026-03-07T12:00Z", "2026-03-09T12:00Z"]
    assert [decide(schedule, read_now(now)).state for now in times] == ["on", "on", "off", "on"]


def test_line_takes_the_timezone_argument() -> None:
    assert parse("on", timezone="Asia/Tokyo").timezone == "Asia/Tokyo"
    assert parse("Mon-Fri 08:00-18:00", timezone="Asia/Tokyo").timezone == "Asia/Tokyo"
    assert parse("off=(M-F,19);tz=et", timezone="Asia/Tokyo").timezone == "America/New_York"


@pytest.mark.parametrize("alias", sorted(ZONE_ALIASES))
def test_zone_aliases_are_zones(alias: str) -> None:
    assert parse(f"tz={alias}").timezone == ZONE_ALIASES[alias]


EVERYTHING = [row[1] for row in MAPPINGS] + [row[1] for row in LINES] + [WEEK]


@pytest.mark.parametrize("spec", EVERYTHING, ids=[row[0] for row in MAPPINGS + LINES] + ["week"])
def test_normal_form_survives_json_and_parse(spec: object) -> None:
    schedule = parse(spec)
    data = json.loads(json.dumps(as_dict(schedule)))
    assert as_dict(parse(data)) == data
    again = parse(data)
    assert (again.timezone, again.periods, again.holidays, again.override) == (
        schedule.timezone,
        schedule.periods,
        schedule.holidays,
        schedule.override,
    )
    assert again.exceptions == schedule.exceptions


def one(**fields: Any) -> dict[str, Any]:
    return {"periods": [fields]}


BAD = [
    ("empty-text", "", "schedule: empty. Remove it, or write on"),
    ("blank-text", "  ", "schedule: empty"),
    ("empty-mapping", {}, "schedule: empty, it has no periods. Add periods, or override: on or off."),
    ("empty-periods", {"periods": []}, "schedule: empty, it has no periods"),
    ("none", None, "schedule: None is not a schedule. Give a mapping with periods"),
    ("number", 5, "schedule: 5 is not a schedule"),
    (
        "yaml-on",
        True,
        "True is not a schedule. YAML reads unquoted on and off as true and false: put the text in quotes.",
    ),
    ("list", [{"begintime": "08:00"}], "is not a schedule"),
    ("empty-period", {"periods": [{}]}, "periods[0]: empty, it has neither times nor days. Add some; for always on"),
    ("name-only-period", one(name="x"), "periods[0]: empty"),
    ("period-not-mapping", {"periods": [5]}, "periods[0]: 5 is not a mapping. Write it as field: value."),
    ("periods-mapping", {"periods": {"begintime": "08:00"}}, "schedule.periods: {'begintime': '08:00'} is not a list"),
    ("unknown-field", {"period": []}, "schedule: unknown field 'period'. Did you mean periods?"),
    ("unknown-far-field", {"wibble": 1}, "schedule: unknown field 'wibble'. Known are timezone, periods, holidays"),
    ("unknown-period-field", one(weekday="mon"), "periods[0]: unknown field 'weekday'. Did you mean weekdays?"),
    (
        "undefined-period",
        {"periods": ["office"]},
        "periods[0]: no period named 'office' is defined. Give the definitions",
    ),
    ("hour-24-61", one(begintime="24:61"), "periods[0].begintime: '24:61' is not a time of day. Use HH:MM in quotes"),
    ("begin-24-00", one(begintime="24:00"), '"00:00" to "23:59"'),
    (
        "end-24-01",
        one(endtime="24:01"),
        'periods[0].endtime: \'24:01\' is not a time of day. Use HH:MM in quotes, "00:00" to "24:00"',
    ),
    ("minute-60", one(endtime="08:60"), "periods[0].endtime: '08:60'"),
    ("dot", one(endtime="21.59"), "periods[0].endtime: '21.59'"),
    ("am-pm", one(endtime="9pm"), "periods[0].endtime: '9pm'"),
    ("hour-alone", one(endtime=9), "periods[0].endtime: 9 is not a time of day"),
    ("seconds", one(endtime="09:00:00"), "periods[0].endtime: '09:00:00'"),
    ("time-true", one(endtime=True), "periods[0].endtime: True"),
    ("negative-time", one(endtime=-60), "periods[0].endtime: -60"),
    (
        "empty-window",
        one(begintime="08:00", endtime="08:00"),
        "periods[0]: begintime and endtime are equal, so the window is empty",
    ),
    (
        "bad-day",
        one(weekdays="mon-fry"),
        "periods[0].weekdays: 'fry' is not a weekday. Use mon to sun, or 0 (Monday) to 6",
    ),
    ("day-7", one(weekdays=[7]), "periods[0].weekdays: '7' is not a weekday"),
    ("short-day", one(weekdays="mo"), "periods[0].weekdays: 'mo' is not a weekday"),
    ("nth-0", one(weekdays="mon#0"), "periods[0].weekdays: 'mon#0' asks for no week of the month. Use #1 to #5"),
    ("nth-6", one(weekdays="mon#6"), "'mon#6' asks for no week"),
    ("last-alone", one(weekdays="L"), "periods[0].weekdays: 'L' is not a weekday"),
    ("empty-weekdays", one(weekdays=[]), "periods[0].weekdays: empty. Leave the field out if it does not matter."),
    ("blank-weekdays", one(weekdays=""), "periods[0].weekdays: empty"),
    ("dangling-comma", one(weekdays="mon,"), "periods[0].weekdays: a comma with nothing beside it. Remove the comma."),
    ("weekday-boolean", one(weekdays=[True]), "periods[0].weekdays: True is neither a name nor a number"),
    ("weekday-mapping", one(weekdays={"mon": 1}), "periods[0].weekdays: {'mon': 1} is neither a name nor a number"),
    ("weekday-float", one(weekdays=[1.5]), "periods[0].weekdays: 1.5 is neither"),
    ("step-0", one(weekdays="*/0"), "periods[0].weekdays: '*/0' has no step after the slash. Use a number from 1"),
    ("step-missing", one(monthdays="*/"), "periods[0].monthdays: '*/' has no step"),
    (
        "monthday-0",
        one(monthdays=0),
        "periods[0].monthdays: '0' is not a day of the month. Use 1 to 31, L for the last",
    ),
    ("monthday-32", one(monthdays="1-32"), "periods[0].monthdays: '32' is not a day of the month"),
    (
        "monthday-backwards",
        one(monthdays="7-1"),
        "periods[0].monthdays: the range '7-1' runs backwards. Write 1-7, or two",
    ),
    ("monthday-LW", one(monthdays="LW"), "periods[0].monthdays: 'LW' is not a day of the month"),
    ("monthday-W", one(monthdays="W"), "periods[0].monthdays: 'W' is not a day of the month"),
    ("monthday-32W", one(monthdays="32W"), "periods[0].monthdays: '32' is not a day of the month"),
    ("month-13", one(months=13), "periods[0].months: '13' is not a month. Use jan to dec, or 1 to 12"),
    ("month-name", one(months="foo-bar"), "periods[0].months: 'foo' is not a month"),
    ("second-period", {"periods": [{"weekdays": "mon"}, {"weekdays": "x"}]}, "periods[1].weekdays: 'x'"),
    (
        "unknown-zone",
        {"timezone": "Mars/Olympus", "periods": ["x"]},
        "schedule.timezone: timezone 'Mars/Olympus' is not in the",
    ),
    ("near-zone", {"timezone": "America/New York", "override": "on"}, "Did you mean America/New_York?"),
    (
        "zone-is-a-directory",
        {"timezone": "America", "override": "on"},
        "timezone 'America' is not in the time zone database",
    ),
    ("zone-is-a-path", {"timezone": "../etc/passwd", "override": "on"}, "timezone '../etc/passwd' is not in"),
    ("zone-number", {"timezone": 5, "override": "on"}, "schedule.timezone: 5 is not a time zone. Give an IANA name"),
    ("period-zone", one(begintime="08:00", timezone="X/Y"), "periods[0].timezone: timezone 'X/Y' is not in"),
    ("override-word", {"override": "maybe"}, "schedule.override: 'maybe' is not a state. Use on, off or any."),
    ("override-number", {"override": 1}, "schedule.override: 1 is not a state"),
    (
        "override-twice",
        {"override": "on", "override_status": "stopped"},
        "schedule.override: contradicts override_status",
    ),
    (
        "maintenance-window",
        {"ssm_maintenance_window": ["w"], "override": "on"},
        "ssm_maintenance_window: maintenance windows",
    ),
    (
        "holiday-text",
        {"override": "on", "holidays": ["xmas"]},
        "holidays[0]: 'xmas' is not a date or time (not ISO 8601)",
    ),
    (
        "holiday-impossible",
        {"override": "on", "holidays": ["2026-02-30"]},
        "holidays[0]: '2026-02-30' is not a date or time (",
    ),
    (
        "holiday-time",
        {"override": "on", "holidays": ["2026-12-25T10:00"]},
        "holidays[0]: 2026-12-25T10:00 has a time of day. Give the date alone",
    ),
    ("holidays-text", {"override": "on", "holidays": "2026-12-25"}, "schedule.holidays: '2026-12-25' is not a list"),
    (
        "holiday-year",
        {"override": "on", "holidays": ["9999-12-25"]},
        "holidays[0]: the year 9999 is out of range. Use 1970 to 9980.",
    ),
    (
        "exception-backwards",
        {"exceptions": [{"from": "2026-03-02", "to": "2026-03-01", "state": "on"}]},
        "exceptions[0]: runs backwards, 2026-03-01 is not after 2026-03-02. Swap from and to.",
    ),
    (
        "exception-empty",
        {"exceptions": [{"from": "2026-03-02T10:00Z", "to": "2026-03-02T11:00+01:00", "state": "on"}]},
        "exceptions[0]: runs backwards",
    ),
    (
        "exception-no-to",
        {"exceptions": [{"from": "2026-03-02", "state": "on"}]},
        "exceptions[0]: to is missing. An exception needs from, to and state.",
    ),
    (
        "exception-no-state",
        {"exceptions": [{"from": "2026-03-02", "to": "2026-03-02"}]},
        "exceptions[0]: state is missing",
    ),
    (
        "exception-state",
        {"exceptions": [{"from": "2026-03-02", "to": "2026-03-02", "state": "up"}]},
        "exceptions[0].state: 'up' is not a state",
    ),
    (
        "exception-field",
        {"exceptions": [{"form": "2026-03-02"}]},
        "exceptions[0]: unknown field 'form'. Did you mean from?",
    ),
    (
        "exception-number",
        {"exceptions": [{"from": 5, "to": 6, "state": "on"}]},
        "exceptions[0].from: 5 is not a date or time. Use ISO 8601",
    ),
    ("exceptions-mapping", {"exceptions": {}}, "schedule.exceptions: {} is not a list"),
    ("cc-hour-24", "off=(M-F,24)", "schedule: off=(m-f,24) has the hour 24. Use 0 to 23."),
    ("cc-day", "off=(X,19)", "schedule: off=(x,19) has the day 'x'. Use M T W H (Thursday) F S U (Sunday)"),
    ("cc-day-name", "off=(mon-fri,19)", "has the day 'mon'"),
    (
        "cc-no-hour",
        "off=(M-F)",
        "schedule: off=(m-f) has '(m-f)' where (days,hour) belongs. Write off=(M-F,19);on=(M-F,7);tz=et",
    ),
    ("cc-half-hour", "off=(M-F,19:30)", "where (days,hour) belongs"),
    ("cc-empty-list", "off=[]", "schedule: off=[] has '' where (days,hour) belongs"),
    ("cc-key", "of=(M-F,19)", "schedule: 'of=(m-f,19)' is none of on=, off= and tz=. Write off="),
    ("cc-twice", "off=(M,19);off=(T,19)", "schedule: off= comes twice. Put both into one list"),
    ("cc-no-value", "on;off=(M,19)", "schedule: 'on' is none of"),
    ("cc-same-hour", "off=(M-F,7)", "schedule: on and off both at monday 07:00. Change one; without on it is (M-F,7)"),
    ("cc-zone", "tz=xx", "timezone 'xx' is not in the time zone database"),
    ("cc-nothing", "=", "is none of on=, off= and tz="),
    (
        "kd-name",
        "office-hours",
        "schedule: 'office-hours' is not a schedule. Write \"Mon-Fri 07:30-20:30 Europe/Berlin\"",
    ),
    ("kd-no-days", "07:30-20:30 UTC", "is not a schedule"),
    ("kd-day", "Mon-Foo 07:30-20:30 UTC", "schedule: 'Mon-Foo 07:30-20:30 UTC': 'Foo' is not a weekday"),
    ("kd-hour", "Mon-Fri 24:61-20:30 UTC", "'24:61' is not a time of day"),
    (
        "kd-zone",
        "Mon-Fri 07:30-20:30 Europe/Berlim",
        "timezone 'Europe/Berlim' is not in the time zone database. Did you mean Europe/Berlin?",
    ),
    ("kd-empty-window", "Mon-Sun 00:00-00:00 UTC", "begintime and endtime are equal, so the window is empty"),
    ("kd-backwards", "2026-03-02T00:00:00Z-2026-03-01T00:00:00Z", "runs backwards. Put the earlier time first."),
    ("kd-no-offset", "2026-03-01T00:00:00-2026-03-02T00:00:00", "is not a schedule"),
    ("kd-impossible-date", "2026-02-30T00:00:00Z-2026-03-02T00:00:00Z", "is not a date or time"),
    ("kd-dangling-comma", "Mon-Fri 07:30-20:30 UTC,", "schedule: '' is not a schedule"),
]


@pytest.mark.parametrize(("spec", "message"), [row[1:] for row in BAD], ids=[row[0] for row in BAD])
def test_bad_input_names_the_field_and_the_cure(spec: object, message: str) -> None:
    with pytest.raises(Invalid) as caught:
        parse(spec)
    assert message in str(caught.value)
    assert caught.value.hint


@pytest.mark.parametrize(
    ("definitions", "message"),
    [
        ("office", "periods: 'office' are no periods"),
        ([{"begintime": "08:00"}], "periods[0]: has no name"),
        ([5], "periods[0]: 5 is not a mapping"),
        ({"office": {"begintime": "8"}}, "periods[0] 'office'.begintime: '8' is not a time of day"),
    ],
    ids=["text", "nameless", "number", "bad-field"],
)
def test_bad_definitions(definitions: object, message: str) -> None:
    with pytest.raises(Invalid) as caught:
        parse({"periods": ["office"]}, periods=definitions)
    assert message in str(caught.value)


@pytest.mark.parametrize(
    ("now", "message"),
    [
        ("yesterday", "now: 'yesterday' is not a date or time"),
        ("2026-03-02", "now: 2026-03-02 has no time of day. Add one"),
        (date(2026, 3, 2), "now: 2026-03-02 has no time of day"),
        ("2026-03-02T25:00", "now: '2026-03-02T25:00' is not a date or time ("),
        ("2026-03-02T10:00+99:00", "is not a date or time"),
        (5, "now: 5 is not a date or time"),
        ("1969-12-31T00:00Z", "now: the year 1969 is out of range"),
    ],
)
def test_bad_now(now: object, message: str) -> None:
    with pytest.raises(Invalid) as caught:
        read_now(now)
    assert message in str(caught.value)


@pytest.mark.parametrize(
    "now",
    [
        "2026-03-02T09:00:00Z",
        "2026-03-02t09:00:00z",
        "2026-03-02T09:00",
        "2026-03-02 09:00:00.123456789",
        "20260302T090000Z",
        "2026-03-02T10:00:00+01:00",
        "2026-03-02T10:00:00 +0100",
        "2026-03-02T10:00:00+01",
        "2026-03-02T04:30:00-04:30",
        NAIVE,
        datetime(2026, 3, 2, 9, tzinfo=timezone.utc),
        datetime(2026, 3, 2, 10, tzinfo=timezone(timedelta(hours=1))),
    ],
    ids=str,
)
def test_spellings_of_now(now: object) -> None:
    assert read_now(now) == 1772442000


@pytest.fixture
def no_zone_database(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """A host without the system's database and without the Python package."""
    monkeypatch.setitem(sys.modules, "tzdata", None)
    before = zoneinfo.TZPATH
    zoneinfo.reset_tzpath(())
    zoneinfo.ZoneInfo.clear_cache()
    wallclock.zone.cache_clear()
    yield
    zoneinfo.reset_tzpath(before)
    zoneinfo.ZoneInfo.clear_cache()


@pytest.mark.usefixtures("no_zone_database")
def test_without_a_zone_database() -> None:
    with pytest.raises(Invalid) as caught:
        parse({"timezone": "Europe/Berlin", "override": "on"})
    assert str(caught.value) == (
        "schedule.timezone: timezone 'Europe/Berlin' cannot be looked up: this host has no time zone database. "
        "Install the Python package tzdata where this runs (or the system's tzdata package), or use UTC."
    )
    assert decide(parse("Mon-Fri 08:00-18:00 UTC"), read_now("2026-03-02T09:00Z")).state == "on"
