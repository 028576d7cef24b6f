# Copyright (c) 2026 cloudops.core contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""On, off or any at an instant, why, and what comes next: tables."""

from __future__ import annotations

from typing import Any

import pytest
from ansible_collections.cloudops.core.plugins.module_utils._domain.schedule import (
    decide,
    explain,
    parse,
    read_now,
    transitions,
    upcoming,
)

OFFICE = {"begintime": "08:00", "endtime": "18:00", "weekdays": ["mon-fri"]}
NIGHT = {"begintime": "22:00", "endtime": "06:00", "weekdays": ["fri"]}


def state(spec: object, now: str, **options: Any) -> str:
    return decide(parse(spec, **options), read_now(now)).state


def in_zone(zone: str, *periods: dict[str, Any], **more: Any) -> dict[str, Any]:
    return {"timezone": zone, "periods": list(periods), **more}


# 2026-03-02 is a Monday.
STATES = [
    ("before-begin", [OFFICE], "2026-03-02T07:59:59Z", "off"),
    ("begin-counts", [OFFICE], "2026-03-02T08:00:00Z", "on"),
    ("inside", [OFFICE], "2026-03-02T12:00:00Z", "on"),
    ("last-second", [OFFICE], "2026-03-02T17:59:59Z", "on"),
    ("end-does-not-count", [OFFICE], "2026-03-02T18:00:00Z", "off"),
    ("other-weekday", [OFFICE], "2026-03-07T12:00:00Z", "off"),
    ("now-with-offset", [OFFICE], "2026-03-02T09:30:00+02:00", "off"),
    ("now-fraction", [OFFICE], "2026-03-02T07:59:59.999Z", "off"),
    ("now-without-offset-is-utc", [OFFICE], "2026-03-02T08:00", "on"),
    ("night-begin-day", [NIGHT], "2026-03-06T22:00Z", "on"),
    ("night-after-midnight", [NIGHT], "2026-03-07T05:59Z", "on"),
    ("night-end", [NIGHT], "2026-03-07T06:00Z", "off"),
    ("night-not-on-the-morning-of-its-own-day", [NIGHT], "2026-03-06T05:00Z", "off"),
    ("night-not-on-the-next-evening", [NIGHT], "2026-03-07T22:00Z", "off"),
    ("night-until-midnight", [{"begintime": "22:00", "endtime": "00:00"}], "2026-03-06T23:59:59Z", "on"),
    ("night-until-midnight-over", [{"begintime": "22:00", "endtime": "00:00"}], "2026-03-07T00:00Z", "off"),
    ("24-00", [{"begintime": "22:00", "endtime": "24:00"}], "2026-03-06T23:59:59Z", "on"),
    ("24-00-over", [{"begintime": "22:00", "endtime": "24:00"}], "2026-03-07T00:00Z", "off"),
    ("begin-only-before", [{"begintime": "08:00"}], "2026-03-02T07:59Z", "any"),
    ("begin-only-after", [{"begintime": "08:00"}], "2026-03-02T08:00Z", "on"),
    ("begin-only-late", [{"begintime": "08:00"}], "2026-03-02T23:59:59Z", "on"),
    ("begin-only-next-day-any", [{"begintime": "08:00"}], "2026-03-03T00:00Z", "any"),
    ("begin-only-other-day", [{"begintime": "08:00", "weekdays": "mon"}], "2026-03-03T00:00Z", "off"),
    ("begin-only-at-midnight", [{"begintime": "00:00", "weekdays": "mon"}], "2026-03-02T00:00Z", "on"),
    ("end-only-before", [{"endtime": "18:00"}], "2026-03-02T17:59Z", "any"),
    ("end-only-midnight", [{"endtime": "18:00"}], "2026-03-02T00:00Z", "any"),
    ("end-only-after", [{"endtime": "18:00"}], "2026-03-02T18:00Z", "off"),
    ("end-only-other-day", [{"endtime": "18:00", "weekdays": "mon"}], "2026-03-03T12:00Z", "off"),
    ("end-only-at-midnight", [{"endtime": "00:00"}], "2026-03-02T00:00Z", "off"),
    ("end-only-24-00", [{"endtime": "24:00"}], "2026-03-02T23:59:59Z", "any"),
    ("all-day", [{"weekdays": "mon"}], "2026-03-02T00:00Z", "on"),
    ("all-day-last-second", [{"weekdays": "mon"}], "2026-03-02T23:59:59Z", "on"),
    ("all-day-over", [{"weekdays": "mon"}], "2026-03-03T00:00Z", "off"),
    ("or", [OFFICE, {"weekdays": "sat"}], "2026-03-07T12:00Z", "on"),
    ("on-beats-any", [{"endtime": "18:00"}, OFFICE], "2026-03-02T12:00Z", "on"),
    ("any-beats-off", [{"endtime": "18:00"}, OFFICE], "2026-03-02T07:00Z", "any"),
    ("month-and-weekday", [{"weekdays": "mon", "months": "mar"}], "2026-03-02T12:00Z", "on"),
    ("month-fails", [{"weekdays": "mon", "months": "apr"}], "2026-03-02T12:00Z", "off"),
    ("monthday-and-weekday", [{"weekdays": "mon", "monthdays": "1-7"}], "2026-03-02T12:00Z", "on"),
    ("monthday-fails", [{"weekdays": "mon", "monthdays": "1-7"}], "2026-03-09T12:00Z", "off"),
    ("weekday-fails", [{"weekdays": "tue", "monthdays": "1-7"}], "2026-03-02T12:00Z", "off"),
    (
        "split-night-reads-continuous",
        [{"begintime": "22:00", "endtime": "23:59"}, {"begintime": "00:00", "endtime": "06:00"}],
        "2026-03-02T23:59:30Z",
        "on",
    ),
    (
        "split-night-same-minute",
        [{"begintime": "22:00", "endtime": "24:00"}, {"begintime": "00:00", "endtime": "06:00"}],
        "2026-03-02T00:00Z",
        "on",
    ),
    (
        "split-night-by-weekday",
        [
            {"begintime": "22:00", "endtime": "23:59", "weekdays": "fri"},
            {"begintime": "00:00", "endtime": "06:00", "weekdays": "sat"},
        ],
        "2026-03-06T23:59Z",
        "on",
    ),
    (
        "nothing-to-join-the-next-day",
        [
            {"begintime": "22:00", "endtime": "23:59", "weekdays": "fri"},
            {"begintime": "00:00", "endtime": "06:00", "weekdays": "sat"},
        ],
        "2026-03-07T23:59Z",
        "off",
    ),
    (
        "two-minutes-are-a-hole",
        [{"begintime": "08:00", "endtime": "11:58"}, {"begintime": "12:00", "endtime": "18:00"}],
        "2026-03-02T11:59Z",
        "off",
    ),
    ("one-period-joins-itself", [{"begintime": "00:00", "endtime": "23:59"}], "2026-03-02T23:59:30Z", "on"),
]


@pytest.mark.parametrize(("periods", "now", "expected"), [row[1:] for row in STATES], ids=[row[0] for row in STATES])
def test_state_in_utc(periods: list[dict[str, Any]], now: str, expected: str) -> None:
    assert state({"periods": periods}, now) == expected


# How each day rule falls in a month: the days of that month that are on.
DAYS = [
    ("monday-is-0", {"weekdays": [0]}, "2026-03", [2, 9, 16, 23, 30]),
    ("sunday-is-6", {"weekdays": "6"}, "2026-03", [1, 8, 15, 22, 29]),
    ("full-names", {"weekdays": ["Monday", "THURS"]}, "2026-03", [2, 5, 9, 12, 16, 19, 23, 26, 30]),
    ("wrapping-range", {"weekdays": "fri-mon", "monthdays": "1-10"}, "2026-03", [1, 2, 6, 7, 8, 9]),
    ("wrapping-numbers", {"weekdays": "5-0", "monthdays": "1-10"}, "2026-03", [1, 2, 7, 8, 9]),
    ("weekday-step", {"weekdays": "mon-fri/2", "monthdays": "1-8"}, "2026-03", [2, 4, 6]),
    ("weekday-star", {"weekdays": "*", "monthdays": "1-3"}, "2026-03", [1, 2, 3]),
    ("weekday-list-text", {"weekdays": "mon, wed", "monthdays": "1-8"}, "2026-03", [2, 4]),
    ("first-monday", {"weekdays": "mon#1"}, "2026-03", [2]),
    ("second-tuesday", {"weekdays": "tue#2"}, "2026-03", [10]),
    ("first-sunday-is-the-1st", {"weekdays": "sun#1"}, "2026-03", [1]),
    ("first-saturday-is-the-7th", {"weekdays": "sat#1"}, "2026-03", [7]),
    ("second-sunday-is-the-8th", {"weekdays": "sun#2"}, "2026-03", [8]),
    ("fifth-monday", {"weekdays": "0#5"}, "2026-03", [30]),
    ("no-fifth-friday", {"weekdays": "fri#5"}, "2026-03", []),
    ("last-friday", {"weekdays": "friL"}, "2026-03", [27]),
    ("last-friday-lower-case", {"weekdays": "fridayl"}, "2026-03", [27]),
    ("last-tuesday-is-the-31st", {"weekdays": "1L"}, "2026-03", [31]),
    ("first-and-last", {"weekdays": ["mon#1", "monL"]}, "2026-03", [2, 30]),
    ("monthday-range", {"monthdays": ["1-3"]}, "2026-03", [1, 2, 3]),
    ("monthday-numbers", {"monthdays": [5, "7"]}, "2026-03", [5, 7]),
    ("every-second-day", {"monthdays": "*/2"}, "2026-02", [1, 3, 5, 7, 9, 11, 13, 15, 17, 19, 21, 23, 25, 27]),
    ("range-with-step", {"monthdays": "1-15/7"}, "2026-03", [1, 8, 15]),
    ("start-with-step", {"monthdays": "10/10"}, "2026-03", [10, 20, 30]),
    ("last-day", {"monthdays": "L"}, "2026-02", [28]),
    ("last-day-of-a-leap-february", {"monthdays": "L"}, "2028-02", [29]),
    ("last-days", {"monthdays": "27-L"}, "2026-02", [27, 28]),
    ("31st-of-a-short-month", {"monthdays": "31"}, "2026-04", []),
    ("range-past-the-month", {"monthdays": "29-31"}, "2026-02", []),
    ("15W-on-a-sunday", {"monthdays": "15W"}, "2026-03", [16]),
    ("14W-on-a-saturday", {"monthdays": "14W"}, "2026-03", [13]),
    ("13W-on-a-friday", {"monthdays": "13w"}, "2026-03", [13]),
    ("1W-on-a-sunday", {"monthdays": "1W"}, "2026-03", [2]),
    ("1W-on-a-saturday", {"monthdays": "1W"}, "2026-08", [3]),
    ("31W-on-a-sunday", {"monthdays": "31W"}, "2026-05", [29]),
    ("31W-in-a-short-month", {"monthdays": "31W"}, "2026-04", []),
    ("months", {"months": "jan-mar", "monthdays": "1"}, "2026-03", [1]),
    ("months-no", {"months": "jan-mar", "monthdays": "1"}, "2026-04", []),
    ("months-wrap", {"months": "nov-feb", "monthdays": "1"}, "2026-01", [1]),
    ("months-wrap-no", {"months": "nov-feb", "monthdays": "1"}, "2026-03", []),
    ("quarters", {"months": "jan/3", "monthdays": "1"}, "2026-07", [1]),
    ("quarters-no", {"months": "jan/3", "monthdays": "1"}, "2026-08", []),
    ("month-number", {"months": 3, "monthdays": "1"}, "2026-03", [1]),
    ("all-three", {"months": "mar", "monthdays": "1-7", "weekdays": "mon"}, "2026-03", [2]),
]


@pytest.mark.parametrize(("period", "month", "expected"), [row[1:] for row in DAYS], ids=[row[0] for row in DAYS])
def test_days_of_a_month(period: dict[str, Any], month: str, expected: list[int]) -> None:
    schedule = parse({"periods": [period]})
    length = {"02": 28 + month.startswith("2028"), "04": 30}.get(month[-2:], 31)
    days = [day for day in range(1, length + 1) if decide(schedule, read_now(f"{month}-{day:02}T12:00Z")).state == "on"]
    assert days == expected


EARLY = {"begintime": "02:30", "endtime": "12:00"}
SHORT = {"begintime": "00:30", "endtime": "02:30"}
# Clocks in Berlin skip 02:00 to 03:00 at 2026-03-29T01:00Z and repeat 02:00 to 03:00 from 2026-10-25T00:00Z to T02:00Z.
DST = [
    ("gap-begin-not-yet", in_zone("Europe/Berlin", EARLY), "2026-03-29T00:59:59Z", "off"),
    ("gap-begin-at-its-end", in_zone("Europe/Berlin", EARLY), "2026-03-29T01:00:00Z", "on"),
    ("gap-end-not-yet", in_zone("Europe/Berlin", SHORT), "2026-03-29T00:59:59Z", "on"),
    ("gap-end-at-its-end", in_zone("Europe/Berlin", SHORT), "2026-03-29T01:00:00Z", "off"),
    ("gap-swallows", in_zone("Europe/Berlin", {"begintime": "02:10", "endtime": "02:50"}), "2026-03-29T01:00Z", "off"),
    (
        "gap-swallows-without-joining",
        in_zone(
            "Europe/Berlin",
            {"begintime": "00:00", "endtime": "01:59"},
            {"begintime": "02:10", "endtime": "02:50"},
            {"begintime": "03:01", "endtime": "12:00"},
        ),
        "2026-03-29T00:59:30Z",
        "off",
    ),
    ("gap-begin-only-any", in_zone("Europe/Berlin", {"begintime": "02:30"}), "2026-03-29T00:59:59Z", "any"),
    ("gap-begin-only-on", in_zone("Europe/Berlin", {"begintime": "02:30"}), "2026-03-29T01:00:00Z", "on"),
    ("gap-end-only", in_zone("Europe/Berlin", {"endtime": "02:30"}), "2026-03-29T01:00:00Z", "off"),
    ("fold-begin-not-yet", in_zone("Europe/Berlin", EARLY), "2026-10-25T00:29:59Z", "off"),
    ("fold-begin-first", in_zone("Europe/Berlin", EARLY), "2026-10-25T00:30:00Z", "on"),
    ("fold-begin-stays", in_zone("Europe/Berlin", EARLY), "2026-10-25T01:15:00Z", "on"),
    ("fold-end-first-passes", in_zone("Europe/Berlin", SHORT), "2026-10-25T00:45:00Z", "on"),
    ("fold-end-last", in_zone("Europe/Berlin", SHORT), "2026-10-25T01:29:59Z", "on"),
    ("fold-end-over", in_zone("Europe/Berlin", SHORT), "2026-10-25T01:30:00Z", "off"),
    (
        "fold-end-at-its-start",
        in_zone("Europe/Berlin", {"begintime": "00:30", "endtime": "02:00"}),
        "2026-10-25T00:59:59Z",
        "on",
    ),
    ("night-over-the-gap", in_zone("Europe/Berlin", NIGHT | {"weekdays": "sat"}), "2026-03-29T03:59Z", "on"),
    ("night-over-the-gap-ends", in_zone("Europe/Berlin", NIGHT | {"weekdays": "sat"}), "2026-03-29T04:00Z", "off"),
    ("lord-howe-half-hour-gap", in_zone("Australia/Lord_Howe", {"begintime": "02:15"}), "2026-10-03T15:29:59Z", "any"),
    ("lord-howe-gap-ends", in_zone("Australia/Lord_Howe", {"begintime": "02:15"}), "2026-10-03T15:30:00Z", "on"),
    ("lord-howe-fold-first", in_zone("Australia/Lord_Howe", {"begintime": "01:45"}), "2026-04-04T14:45:00Z", "on"),
    ("lord-howe-fold-last", in_zone("Australia/Lord_Howe", {"endtime": "01:45"}), "2026-04-04T15:14:59Z", "any"),
    ("lord-howe-fold-over", in_zone("Australia/Lord_Howe", {"endtime": "01:45"}), "2026-04-04T15:15:00Z", "off"),
    ("troll-two-hours", in_zone("Antarctica/Troll", {"begintime": "01:30"}), "2026-03-29T00:59:59Z", "any"),
    ("troll-two-hours-end", in_zone("Antarctica/Troll", {"begintime": "01:30"}), "2026-03-29T01:00:00Z", "on"),
    ("casablanca-ramadan", in_zone("Africa/Casablanca", OFFICE), "2026-03-02T08:00:00Z", "on"),
    ("casablanca-rest-of-the-year", in_zone("Africa/Casablanca", OFFICE), "2026-04-06T07:00:00Z", "on"),
    ("chatham-quarter-hours", in_zone("Pacific/Chatham", OFFICE), "2026-03-01T18:15:00Z", "on"),
    ("chatham-before", in_zone("Pacific/Chatham", OFFICE), "2026-03-01T18:14:59Z", "off"),
    ("cairo-no-midnight", in_zone("Africa/Cairo", {"weekdays": "fri"}), "2026-04-23T21:59:59Z", "off"),
    ("cairo-day-begins-at-one", in_zone("Africa/Cairo", {"weekdays": "fri"}), "2026-04-23T22:00:00Z", "on"),
    # Havana goes back from Sunday 01:00 to 00:00: midnight comes twice, both times on Sunday.
    ("havana-saturday-ends-once", in_zone("America/Havana", {"weekdays": "sat"}), "2026-11-01T03:59:59Z", "on"),
    ("havana-saturday-over", in_zone("America/Havana", {"weekdays": "sat"}), "2026-11-01T04:00:00Z", "off"),
    # St. John's went back from Sunday 00:01 to Saturday 23:01: Saturday comes again after a minute of Sunday.
    ("st-johns-saturday-again", in_zone("America/St_Johns", {"weekdays": "sat"}), "2010-11-07T03:29:59Z", "on"),
    ("st-johns-saturday-over", in_zone("America/St_Johns", {"weekdays": "sat"}), "2010-11-07T03:30:00Z", "off"),
    ("st-johns-sunday-has-begun", in_zone("America/St_Johns", {"weekdays": "sun"}), "2010-11-07T03:00:00Z", "on"),
    # Samoa had no 30 December 2011.
    ("apia-day-that-never-was", in_zone("Pacific/Apia", {"monthdays": 30}), "2011-12-30T10:00:00Z", "off"),
    # Thursday the 29th and Saturday the 31st touch, so what is a minute apart there is joined.
    (
        "apia-joins-across-from-before",
        in_zone("Pacific/Apia", {"begintime": "00:00", "endtime": "23:59", "weekdays": ["thu", "sat"]}),
        "2011-12-30T09:59:30Z",
        "on",
    ),
    (
        "apia-joins-across-from-after",
        in_zone("Pacific/Apia", {"weekdays": "thu"}, {"begintime": "00:01", "endtime": "12:00", "weekdays": "sat"}),
        "2011-12-30T10:00:30Z",
        "on",
    ),
    ("apia-begins-with-the-31st", in_zone("Pacific/Apia", {"monthdays": 31}), "2011-12-30T10:00:00Z", "on"),
]


@pytest.mark.parametrize(("spec", "now", "expected"), [row[1:] for row in DST], ids=[row[0] for row in DST])
def test_where_clocks_jump(spec: dict[str, Any], now: str, expected: str) -> None:
    assert state(spec, now) == expected


FREEZE = {"from": "2026-12-21", "to": "2027-01-03", "state": "off"}
LAYERS = [
    ("holiday", {"holidays": ["2026-03-02"]}, "2026-03-02T12:00Z", "off"),
    ("holiday-is-one-day", {"holidays": ["2026-03-02"]}, "2026-03-03T12:00Z", "on"),
    ("exception-off", {"exceptions": [FREEZE]}, "2026-12-21T12:00Z", "off"),
    ("exception-to-is-inclusive", {"exceptions": [FREEZE | {"to": "2026-12-22"}]}, "2026-12-22T12:00Z", "off"),
    ("exception-over", {"exceptions": [FREEZE | {"to": "2026-12-22"}]}, "2026-12-23T12:00Z", "on"),
    ("exception-on", {"exceptions": [FREEZE | {"state": "on"}]}, "2026-12-26T03:00Z", "on"),
    ("exception-any", {"exceptions": [FREEZE | {"state": "any"}]}, "2026-12-26T03:00Z", "any"),
    ("exception-yaml-boolean", {"exceptions": [FREEZE | {"state": True}]}, "2026-12-26T03:00Z", "on"),
    (
        "exception-by-time",
        {"exceptions": [{"from": "2026-03-07T10:00", "to": "2026-03-07T12:00", "state": "on"}]},
        "2026-03-07T11:59:59Z",
        "on",
    ),
    (
        "exception-by-time-end-excluded",
        {"exceptions": [{"from": "2026-03-07T10:00", "to": "2026-03-07T12:00", "state": "on"}]},
        "2026-03-07T12:00Z",
        "off",
    ),
    (
        "exception-with-offset",
        {"exceptions": [{"from": "2026-03-07T10:00+05:00", "to": "2026-03-07T12:00+05:00", "state": "on"}]},
        "2026-03-07T05:00Z",
        "on",
    ),
    (
        "last-exception-wins",
        {"exceptions": [FREEZE, {"from": "2026-12-22", "to": "2026-12-22", "state": "on"}]},
        "2026-12-22T03:00Z",
        "on",
    ),
    (
        "exception-over-holiday",
        {"holidays": ["2026-12-21"], "exceptions": [FREEZE | {"state": "on"}]},
        "2026-12-21T03:00Z",
        "on",
    ),
    (
        "exception-of-a-minute-is-not-joined",
        {"exceptions": [{"from": "2026-03-02T12:00", "to": "2026-03-02T12:01", "state": "off"}]},
        "2026-03-02T12:00:30Z",
        "off",
    ),
    ("override-on", {"override": "on"}, "2026-03-07T12:00Z", "on"),
    ("override-off", {"override": "off"}, "2026-03-02T12:00Z", "off"),
    ("override-any", {"override": "any"}, "2026-03-02T12:00Z", "any"),
    ("override-yaml-boolean", {"override": False}, "2026-03-02T12:00Z", "off"),
    ("override-over-exception", {"override": "on", "exceptions": [FREEZE]}, "2026-12-22T12:00Z", "on"),
    ("override-unset", {"override": None}, "2026-03-02T12:00Z", "on"),
]


@pytest.mark.parametrize(("more", "now", "expected"), [row[1:] for row in LAYERS], ids=[row[0] for row in LAYERS])
def test_holidays_exceptions_override(more: dict[str, Any], now: str, expected: str) -> None:
    assert state({"periods": [OFFICE], **more}, now) == expected


@pytest.mark.parametrize(
    ("now", "expected"),
    [("2026-03-06T05:00Z", "on"), ("2026-03-06T23:00Z", "off"), ("2026-03-07T05:00Z", "off")],
    ids=["night-before-runs-into-it", "no-begin-on-it", "its-night-is-gone"],
)
def test_a_holiday_takes_the_windows_that_begin_on_it(now: str, expected: str) -> None:
    night = {"begintime": "22:00", "endtime": "06:00"}
    assert state({"periods": [night], "holidays": ["2026-03-06"]}, now) == expected


def test_dates_are_those_of_the_schedules_zone() -> None:
    spec = in_zone("Asia/Tokyo", {"weekdays": "mon-fri"}, holidays=["2026-03-02"])
    assert [state(spec, f"2026-03-0{day}T{time}Z") for day, time in ((1, "14:59"), (1, "15:00"), (2, "15:00"))] == [
        "off",
        "off",
        "on",
    ]
    freeze = in_zone("Asia/Tokyo", OFFICE, exceptions=[{"from": "2026-03-07", "to": "2026-03-07", "state": "on"}])
    assert [state(freeze, now) for now in ("2026-03-06T14:59Z", "2026-03-06T15:00Z", "2026-03-07T15:00Z")] == [
        "off",
        "on",
        "off",
    ]


def test_timezone_argument_is_for_a_schedule_that_names_none() -> None:
    assert state({"periods": [OFFICE]}, "2026-03-02T07:00Z", timezone="Europe/Berlin") == "on"
    assert state(in_zone("UTC", OFFICE), "2026-03-02T07:00Z", timezone="Europe/Berlin") == "off"


def test_a_period_may_have_its_own_zone() -> None:
    spec = in_zone("UTC", OFFICE, OFFICE | {"timezone": "Asia/Tokyo"})
    assert [state(spec, f"2026-03-02T{time}Z") for time in ("00:00", "08:00", "18:00")] == ["on", "on", "off"]
    assert state(spec, "2026-03-01T23:00Z") == "on"


def next_of(spec: object, now: str, count: int = 5, **options: Any) -> list[tuple[str, str]]:
    return [(change["at"], change["state"]) for change in upcoming(parse(spec, **options), read_now(now), count)]


NEXT = [
    (
        "office",
        in_zone("Europe/Berlin", OFFICE),
        "2026-03-06T12:00:00Z",
        [
            ("2026-03-06T18:00:00+01:00", "off"),
            ("2026-03-09T08:00:00+01:00", "on"),
            ("2026-03-09T18:00:00+01:00", "off"),
        ],
    ),
    (
        "strictly-after-now",
        in_zone("UTC", OFFICE),
        "2026-03-02T08:00:00Z",
        [("2026-03-02T18:00:00+00:00", "off"), ("2026-03-03T08:00:00+00:00", "on")],
    ),
    (
        "over-the-gap",
        in_zone("Europe/Berlin", EARLY),
        "2026-03-28T12:00:00Z",
        [("2026-03-29T03:00:00+02:00", "on"), ("2026-03-29T12:00:00+02:00", "off")],
    ),
    (
        "over-the-fold",
        in_zone("Europe/Berlin", SHORT),
        "2026-10-24T12:00:00Z",
        [("2026-10-25T00:30:00+02:00", "on"), ("2026-10-25T02:30:00+01:00", "off")],
    ),
    (
        "any-edges",
        in_zone("UTC", {"begintime": "08:00", "weekdays": "mon"}),
        "2026-03-01T12:00:00Z",
        [
            ("2026-03-02T00:00:00+00:00", "any"),
            ("2026-03-02T08:00:00+00:00", "on"),
            ("2026-03-03T00:00:00+00:00", "off"),
        ],
    ),
    (
        "joined-edges-are-none",
        in_zone("UTC", {"begintime": "22:00", "endtime": "23:59"}, {"begintime": "00:00", "endtime": "06:00"}),
        "2026-03-02T12:00:00Z",
        [("2026-03-02T22:00:00+00:00", "on"), ("2026-03-03T06:00:00+00:00", "off")],
    ),
    (
        "holiday-and-exception",
        in_zone(
            "UTC",
            OFFICE,
            holidays=["2026-03-03"],
            exceptions=[{"from": "2026-03-02T12:00", "to": "2026-03-02T13:00", "state": "off"}],
        ),
        "2026-03-02T09:00:00Z",
        [
            ("2026-03-02T12:00:00+00:00", "off"),
            ("2026-03-02T13:00:00+00:00", "on"),
            ("2026-03-02T18:00:00+00:00", "off"),
            ("2026-03-04T08:00:00+00:00", "on"),
        ],
    ),
    (
        "leap-day",
        in_zone("UTC", {"months": "feb", "monthdays": "29"}),
        "2026-03-02T00:00:00Z",
        [("2028-02-29T00:00:00+00:00", "on"), ("2028-03-01T00:00:00+00:00", "off")],
    ),
    (
        "west-of-everything",
        in_zone("Etc/GMT+12", NIGHT),
        "2026-03-07T12:00:00Z",
        [("2026-03-07T06:00:00-12:00", "off"), ("2026-03-13T22:00:00-12:00", "on")],
    ),
    (
        "east-of-everything",
        in_zone("Pacific/Kiritimati", NIGHT),
        "2026-03-06T07:00:00Z",
        [("2026-03-06T22:00:00+14:00", "on"), ("2026-03-07T06:00:00+14:00", "off")],
    ),
    (
        "zones-a-day-apart",
        in_zone(
            "UTC",
            {"begintime": "00:00", "endtime": "01:00", "timezone": "Pacific/Kiritimati"},
            {"begintime": "23:00", "endtime": "24:00", "timezone": "Etc/GMT+12"},
        ),
        "2026-03-02T00:00:00Z",
        [
            ("2026-03-02T10:00:00+00:00", "on"),
            ("2026-03-02T12:00:00+00:00", "off"),
            ("2026-03-03T10:00:00+00:00", "on"),
            ("2026-03-03T12:00:00+00:00", "off"),
        ],
    ),
    (
        "the-eastern-day-comes-first",
        in_zone(
            "UTC",
            {"begintime": "00:00", "endtime": "01:00", "weekdays": "tue", "timezone": "Pacific/Kiritimati"},
            {"begintime": "23:30", "endtime": "24:00", "weekdays": "sun", "timezone": "Etc/GMT+12"},
        ),
        "2026-03-02T00:00:00Z",
        [
            ("2026-03-02T10:00:00+00:00", "on"),
            ("2026-03-02T11:00:00+00:00", "off"),
            ("2026-03-02T11:30:00+00:00", "on"),
            ("2026-03-02T12:00:00+00:00", "off"),
        ],
    ),
    (
        "exceptions-alone",
        {"exceptions": [{"from": "2026-05-01", "to": "2026-05-01", "state": "on"}]},
        "2026-03-02T00:00:00Z",
        [("2026-05-01T00:00:00+00:00", "on"), ("2026-05-02T00:00:00+00:00", "off")],
    ),
]


@pytest.mark.parametrize(("spec", "now", "expected"), [row[1:] for row in NEXT], ids=[row[0] for row in NEXT])
def test_next_transitions(spec: dict[str, Any], now: str, expected: list[tuple[str, str]]) -> None:
    assert next_of(spec, now, len(expected)) == expected


@pytest.mark.parametrize(
    "spec",
    [
        {"override": "on", "periods": [OFFICE]},
        {"periods": [{"begintime": "00:00", "endtime": "24:00"}]},
        {"periods": [{"months": "feb", "monthdays": "30"}]},
        {"exceptions": [{"from": "2020-01-01", "to": "2020-01-02", "state": "on"}]},
    ],
    ids=["override", "always-on", "30-february", "past-exception"],
)
def test_no_transitions(spec: dict[str, Any]) -> None:
    assert next_of(spec, "2026-03-02T12:00Z") == []


def test_transitions_name_the_state_before() -> None:
    first, second = transitions(parse({"periods": [OFFICE]}), read_now("2026-03-02T12:00Z"), 2)
    assert (first.previous, first.decision.state, second.previous) == ("on", "off", "off")


REASONS = [
    (
        "period",
        {"periods": [OFFICE | {"name": "office"}]},
        "2026-03-02T12:00Z",
        ("on", "period", 0, "office"),
        "period 1 'office' (mon-fri 08:00-18:00 UTC) covers 2026-03-02T12:00:00+00:00",
    ),
    (
        "latest-begin-is-named",
        {"periods": [OFFICE, {"begintime": "10:00", "endtime": "16:00"}]},
        "2026-03-02T12:00Z",
        ("on", "period", 1, None),
        "period 2 (10:00-16:00 UTC) covers 2026-03-02T12:00:00+00:00",
    ),
    (
        "none",
        {"periods": [OFFICE]},
        "2026-03-07T12:00Z",
        ("off", "none", None, None),
        "no period covers 2026-03-07T12:00:00+00:00",
    ),
    (
        "any",
        {"periods": [{"endtime": "18:00", "monthdays": "1-7,L,15W", "months": "jan-mar"}]},
        "2026-03-02T12:00Z",
        ("any", "period", 0, None),
        "period 1 (jan-mar 1-7,L,15W until 18:00 UTC) leaves the state alone at 2026-03-02T12:00:00+00:00",
    ),
    (
        "begin-only",
        {"periods": [{"begintime": "08:00", "weekdays": "monL,mon#1"}]},
        "2026-03-02T12:00Z",
        ("on", "period", 0, None),
        "period 1 (monL,mon#1 from 08:00 UTC) covers 2026-03-02T12:00:00+00:00",
    ),
    (
        "all-day",
        in_zone("Europe/Berlin", {"weekdays": "mon"}),
        "2026-03-02T12:00Z",
        ("on", "period", 0, None),
        "period 1 (mon all day Europe/Berlin) covers 2026-03-02T13:00:00+01:00",
    ),
    (
        "joined",
        {"periods": [{"begintime": "22:00", "endtime": "23:59"}, {"begintime": "00:00", "endtime": "06:00"}]},
        "2026-03-02T23:59Z",
        ("on", "period", 0, None),
        "period 1 (22:00-23:59 UTC) covers 2026-03-02T23:59:00+00:00",
    ),
    (
        "holiday",
        {"periods": [OFFICE], "holidays": ["2026-03-02"]},
        "2026-03-02T12:00Z",
        ("off", "holiday", 0, None),
        "period 1 (mon-fri 08:00-18:00 UTC) does not apply on a holiday",
    ),
    (
        "off-anyway-on-a-holiday",
        {"periods": [OFFICE], "holidays": ["2026-03-02"]},
        "2026-03-02T20:00Z",
        ("off", "none", None, None),
        "no period covers 2026-03-02T20:00:00+00:00",
    ),
    (
        "exception",
        {"periods": [OFFICE], "exceptions": [FREEZE | {"name": "freeze"}]},
        "2026-12-22T12:00Z",
        ("off", "exception", 0, "freeze"),
        "exception 1 'freeze' is off from 2026-12-21T00:00:00+00:00 to 2027-01-04T00:00:00+00:00",
    ),
    ("override", {"override": "running"}, "2026-03-02T12:00Z", ("on", "override", None, None), "override is on"),
]


@pytest.mark.parametrize(
    ("spec", "now", "rule", "reason"), [row[1:] for row in REASONS], ids=[row[0] for row in REASONS]
)
def test_explanation(
    spec: dict[str, Any], now: str, rule: tuple[str, str, int | None, str | None], reason: str
) -> None:
    schedule = parse(spec)
    story = explain(schedule, read_now(now))
    found = story["rule"]
    assert (story["state"], found["kind"], found["index"], found["name"]) == rule
    assert story["reason"] == reason
    assert story["state"] == decide(schedule, read_now(now)).state
    assert story["timezone"] == schedule.timezone


def test_transitions_are_explained_on_request() -> None:
    changes = upcoming(parse({"periods": [OFFICE]}), read_now("2026-03-02T12:00Z"), 2, why=True)
    assert changes == [
        {
            "at": "2026-03-02T18:00:00+00:00",
            "state": "off",
            "previous": "on",
            "reason": "no period covers 2026-03-02T18:00:00+00:00",
            "rule": {"kind": "none", "index": None, "name": None},
        },
        {
            "at": "2026-03-03T08:00:00+00:00",
            "state": "on",
            "previous": "off",
            "reason": "period 1 (mon-fri 08:00-18:00 UTC) covers 2026-03-03T08:00:00+00:00",
            "rule": {"kind": "period", "index": 0, "name": None},
        },
    ]
