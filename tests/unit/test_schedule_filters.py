# Copyright (c) 2026 cloudops.core contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The filters around the schedules: defaults, arguments, errors."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime, timedelta, timezone
from pathlib import Path
from typing import Any

import pytest
import yaml
from ansible.errors import AnsibleFilterError
from ansible_collections.cloudops.core.plugins.filter import schedule as plugin
from ansible_collections.cloudops.core.plugins.filter.schedule import (
    FilterModule,
    schedule_next,
    schedule_parse,
    schedule_state,
)

OFFICE = "Mon-Fri 08:00-18:00 Europe/Berlin"
NOON = "2026-03-02T12:00:00Z"


@pytest.mark.parametrize(
    ("options", "expected"),
    [
        ({"now": NOON}, "on"),
        ({"now": "2026-03-02T17:00:00Z"}, "off"),
        ({"now": datetime(2026, 3, 2, 12, tzinfo=timezone.utc)}, "on"),
        ({"now": datetime(2026, 3, 2, 6, 59)}, "off"),  # noqa: DTZ001  what Ansible's now(utc=true) returns
        ({"now": NOON, "explain": False}, "on"),
        ({"now": NOON, "explain": "no"}, "on"),
    ],
    ids=["text", "off", "aware", "naive-is-utc", "explain-false", "explain-no"],
)
def test_state(options: dict[str, Any], expected: str) -> None:
    assert schedule_state(OFFICE, **options) == expected


def test_state_explained() -> None:
    assert schedule_state(OFFICE, now=NOON, explain=True) == {
        "state": "on",
        "reason": "period 1 (mon-fri 08:00-18:00 Europe/Berlin) covers 2026-03-02T13:00:00+01:00",
        "rule": {"kind": "period", "index": 0, "name": None},
        "now": "2026-03-02T13:00:00+01:00",
        "timezone": "Europe/Berlin",
    }


def test_now_is_the_current_time_unless_given() -> None:
    before = datetime.now(timezone.utc).replace(microsecond=0)
    told = datetime.fromisoformat(schedule_state("always", explain=True)["now"])
    assert before <= told <= before + timedelta(minutes=1)
    coming = datetime.fromisoformat(schedule_next("Mon-Sun 00:00-12:00 UTC", count=1)[0]["at"])
    assert before < coming <= before + timedelta(hours=12, minutes=1)


def test_timezone_and_periods() -> None:
    named = {"periods": ["office"]}
    office = {"office": {"begintime": "08:00", "endtime": "18:00"}}
    assert schedule_state(named, now="2026-03-02T07:30Z", periods=office) == "off"
    assert schedule_state(named, now="2026-03-02T07:30Z", periods=office, timezone="Europe/Berlin") == "on"
    assert schedule_parse(named, periods=office)["periods"][0]["name"] == "office"
    assert schedule_next(named, now=NOON, periods=office, count=1)[0]["at"] == "2026-03-02T18:00:00+00:00"


def test_next() -> None:
    assert schedule_next(OFFICE, now=NOON, count=2) == [
        {"at": "2026-03-02T18:00:00+01:00", "state": "off", "previous": "on"},
        {"at": "2026-03-03T08:00:00+01:00", "state": "on", "previous": "off"},
    ]
    assert len(schedule_next(OFFICE, now=NOON)) == 5
    assert schedule_next(OFFICE, now=NOON, count=1, explain=True)[0]["rule"]["kind"] == "none"


def test_parsed_schedule_is_accepted() -> None:
    parsed = schedule_parse(OFFICE)
    assert schedule_parse(parsed) == parsed
    assert schedule_state(parsed, now=NOON) == "on"
    assert schedule_next(parsed, now=NOON) == schedule_next(OFFICE, now=NOON)


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: schedule_state("office"), "schedule_state: schedule: 'office' is not a schedule. Write"),
        (lambda: schedule_state(OFFICE, now="noon"), "schedule_state: now: 'noon' is not a date or time"),
        (lambda: schedule_state(OFFICE, explain="perhaps"), "schedule_state: explain: "),
        (lambda: schedule_state({"periods": []}), "schedule_state: schedule: empty, it has no periods. Add periods"),
        (
            lambda: schedule_parse({"periods": [{"begintime": "24:61"}]}),
            "schedule_parse: periods[0].begintime: '24:61'",
        ),
        (lambda: schedule_parse("on", timezone="X/Y"), "schedule_parse: timezone: timezone 'X/Y' is not in the"),
        (
            lambda: schedule_next(OFFICE, count=0),
            "schedule_next: count: 0 is not a number of transitions. Use 1 to 1000.",
        ),
        (lambda: schedule_next(OFFICE, count=1001), "schedule_next: count: 1001"),
        (lambda: schedule_next(OFFICE, count="5"), "schedule_next: count: '5'"),
        (lambda: schedule_next(OFFICE, count=True), "schedule_next: count: True"),
    ],
    ids=["name", "now", "explain", "empty", "time", "zone", "count-0", "count-1001", "count-text", "count-bool"],
)
def test_errors_are_ansibles(call: Callable[[], object], message: str) -> None:
    with pytest.raises(AnsibleFilterError) as caught:
        call()
    assert message in str(caught.value)


def test_every_filter_is_documented_with_its_own_arguments() -> None:
    for name, function in FilterModule().filters().items():
        text = Path(plugin.__file__).with_name(f"{name}.yml").read_text(encoding="utf-8")
        described = yaml.safe_load(text)["DOCUMENTATION"]
        code = function.__wrapped__.__code__  # type: ignore[attr-defined]
        arguments = code.co_varnames[: code.co_argcount]
        assert described["name"] == name
        assert list(described["options"]) == ["_input", *arguments[1:]]
