# Copyright (c) 2026 cloudops.core contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Schedules against a second reading of the rules, minute by minute over two years in zones whose clocks jump oddly.

The second reading shares nothing with the code under test but the zone database: it lists what the clocks show at every
minute and looks the edges up in that list. A wall time that is listed begins things at its first place and ends things
at its last; one that is not listed takes the first later place.
"""

from __future__ import annotations

import calendar
import json
from array import array
from collections.abc import Iterator
from datetime import date, datetime, timedelta, timezone
from functools import cache
from itertools import takewhile
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from ansible_collections.cloudops.core.plugins.module_utils._domain.schedule import (
    as_dict,
    decide,
    iter_transitions,
    parse,
)
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

DAY = 1440
MARGIN = 4 * DAY
OFF, ANY, ON = 0, 1, 2
STATES = ("off", "any", "on")
DAY_NAMES = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")

# The zone and the first of its two years. Where the rules changed, years in which they were odd.
ZONES = [
    ("Australia/Lord_Howe", 2025),  # jumps by half an hour
    ("Antarctica/Troll", 2025),  # jumps by two hours
    ("Africa/Casablanca", 2025),  # jumps around Ramadan, negative daylight saving
    ("Pacific/Chatham", 2025),  # +12:45, jumps at 02:45
    ("Africa/Cairo", 2025),  # skips midnight
    ("America/Havana", 2025),  # repeats midnight
    ("America/St_Johns", 2010),  # fell back at 00:01 into the day before
    ("Pacific/Apia", 2011),  # skipped a whole day
]


class Clocks:
    """What the clocks of a zone show at each minute of two years and a margin on both sides."""

    def __init__(self, zone: str, year: int) -> None:
        self.start = int(datetime(year, 1, 1, tzinfo=timezone.utc).timestamp()) // 60 - MARGIN
        end = int(datetime(year + 2, 1, 1, tzinfo=timezone.utc).timestamp()) // 60 + MARGIN
        self.tz = ZoneInfo(zone)
        self.walls = array("q")
        self.offsets: set[int] = set()
        for minute in range(self.start, end, 60):
            # Where an hour begins and ends with one offset, it has that offset throughout.
            first, last = self._offset(minute), self._offset(minute + 59)
            for each in range(minute, minute + 60):
                self.walls.append(each + (first if first == last else self._offset(each)))
            self.offsets |= {first, last}

    def _offset(self, minute: int) -> int:
        offset = datetime.fromtimestamp(minute * 60, self.tz).utcoffset()
        assert offset is not None
        return int(offset.total_seconds()) // 60

    def _guesses(self, wall: int) -> list[int]:
        return sorted(wall - offset - self.start for offset in self.offsets)

    def place(self, wall: int, last: bool) -> int:
        """The index at which a wall minute takes effect."""
        guesses = self._guesses(wall)
        places = [at for at in guesses if self.walls[at] == wall]
        if places:
            return places[-1] if last else places[0]
        return next(at for at in range(guesses[0], len(self.walls)) if self.walls[at] >= wall)

    def end_of_day(self, day: date) -> int:
        """The index after the last minute that shows this date."""
        midnight = wall_minute(day) + DAY
        at = self._guesses(midnight)[-1]
        while self.walls[at] >= midnight:
            at -= 1
        return at + 1


@cache
def clocks(zone: str, year: int) -> Clocks:
    return Clocks(zone, year)


def wall_minute(day: date) -> int:
    return (day - date(1970, 1, 1)).days * DAY


def clock_text(minute: int) -> str:
    return f"{minute // 60:02}:{minute % 60:02}"


def matches(period: dict[str, Any], day: date) -> bool:
    """The three day rules, spelled out."""
    length = calendar.monthrange(day.year, day.month)[1]
    if period["months"] and day.month not in period["months"]:
        return False
    if period["weekdays"]:
        same = [number for number in range(1, length + 1) if (number - day.day) % 7 == 0]
        which = {"", f"#{same.index(day.day) + 1}"} | ({"L"} if day.day == same[-1] else set())
        if not any(day.weekday() == weekday and nth in which for weekday, nth in period["weekdays"]):
            return False
    if period["monthdays"]:
        workdays = [number for number in range(1, length + 1) if calendar.weekday(day.year, day.month, number) < 5]
        found = set()
        for item in period["monthdays"]:
            if item == "L":
                found.add(length)
            elif isinstance(item, int):
                found.add(item)
            elif int(item[:-1]) <= length:
                wanted = int(item[:-1])
                found.add(min(workdays, key=lambda number: abs(number - wanted)))
        return day.day in found
    return True


def windows(case: dict[str, Any], table: Clocks, first: date, days: int) -> Iterator[tuple[int, int, int]]:
    for period in case["periods"]:
        for number in range(days):
            day = first + timedelta(days=number)
            if day in case["holidays"] or not matches(period, day):
                continue
            start, begin, end = table.place(wall_minute(day), False), period["begin"], period["end"]
            if begin is None and end is None:
                yield start, table.end_of_day(day), ON
            elif end is None:
                edge = table.place(wall_minute(day) + begin, False)
                yield start, edge, ANY
                yield edge, table.end_of_day(day), ON
            elif begin is None:
                yield start, table.end_of_day(day) if end == DAY else table.place(wall_minute(day) + end, True), ANY
            else:
                edge = table.place(wall_minute(day) + begin, False)
                over = table.end_of_day(day) if end in (0, DAY) else None
                if over is None:
                    over = table.place(wall_minute(day) + end + DAY * (end < begin), True)
                yield edge, over, ON


def reference(case: dict[str, Any]) -> bytes:
    """The state of every minute of the two years."""
    table = clocks(case["zone"], case["year"])
    size = len(table.walls)
    layers = {ON: bytearray(size), ANY: bytearray(size)}
    first = date(case["year"], 1, 1) - timedelta(days=2)
    for begin, end, state in windows(case, table, first, 731 + 4):
        if begin < end:
            layers[state][begin:end] = bytes([state]) * (end - begin)
    hole = bytes([ON, OFF, ON])
    at = layers[ON].find(hole)
    while at >= 0:
        layers[ON][at + 1] = ON
        at = layers[ON].find(hole, at)
    both = int.from_bytes(layers[ON], "big") | int.from_bytes(layers[ANY], "big")
    states = bytearray(both.to_bytes(size, "big").replace(bytes([ON | ANY]), bytes([ON])))
    for begin, end, state in case["exceptions"]:
        states[begin + MARGIN : end + MARGIN] = bytes([state]) * (end - begin)
    return bytes(states[MARGIN:-MARGIN])


def as_spec(case: dict[str, Any]) -> dict[str, Any]:
    """The same schedule as a user writes it."""
    start = datetime(case["year"], 1, 1, tzinfo=timezone.utc)
    periods = []
    for period in case["periods"]:
        spec: dict[str, Any] = {
            "begintime": None if period["begin"] is None else clock_text(period["begin"]),
            "endtime": None if period["end"] is None else clock_text(period["end"]),
            "months": sorted(period["months"]) or None,
            "monthdays": sorted(period["monthdays"], key=str) or None,
            "weekdays": sorted(f"{DAY_NAMES[day]}{nth}" for day, nth in period["weekdays"]) or None,
        }
        periods.append(spec)
    return {
        "timezone": case["zone"],
        "periods": periods,
        "holidays": sorted(day.isoformat() for day in case["holidays"]),
        "exceptions": [
            {
                "from": (start + timedelta(minutes=begin)).isoformat(),
                "to": (start + timedelta(minutes=end)).isoformat(),
                "state": STATES[state],
            }
            for begin, end, state in case["exceptions"]
        ],
    }


# Half of the edges near the hours at which clocks jump, or a minute apart from each other.
MINUTES = st.one_of(
    st.integers(0, DAY - 1),
    st.sampled_from([0, 1, 60, 90, 105, 119, 120, 121, 150, 165, 180, 195, 225, 1380, 1381, 1439]),
)


@st.composite
def some_period(draw: st.DrawFn) -> dict[str, Any]:
    begin = draw(st.none() | MINUTES)
    end = draw(st.none() | MINUTES | st.just(DAY))
    if begin is not None and begin == end:
        end = (begin + 1) % DAY
    weekday = st.tuples(st.integers(0, 6), st.sampled_from(["", "", "", "#1", "#3", "#5", "L"]))
    weekdays = draw(st.sets(weekday, max_size=5))
    monthday = st.integers(1, 31) | st.sampled_from(["L", "1W", "15W", "31W"])
    monthdays = draw(st.just(set()) | st.sets(monthday, min_size=1, max_size=12))
    months = draw(st.just(set()) | st.sets(st.integers(1, 12), min_size=1, max_size=8))
    if begin is None and end is None and not (weekdays or monthdays or months):
        weekdays = {(draw(st.integers(0, 6)), "")}
    return {"begin": begin, "end": end, "weekdays": weekdays, "monthdays": monthdays, "months": months}


@st.composite
def some_case(draw: st.DrawFn, zone: str, year: int) -> dict[str, Any]:
    first = date(year, 1, 1)
    spans = st.tuples(st.integers(0, 729 * DAY), st.integers(1, 20 * DAY), st.sampled_from([OFF, ANY, ON]))
    return {
        "zone": zone,
        "year": year,
        "periods": draw(st.lists(some_period(), min_size=1, max_size=3)),
        "holidays": {first + timedelta(days=number) for number in draw(st.sets(st.integers(0, 729), max_size=4))},
        "exceptions": [
            (at, min(at + length, 730 * DAY), state) for at, length, state in draw(st.lists(spans, max_size=3))
        ],
    }


def by_transitions(spec: dict[str, Any], year: int, size: int) -> bytes:
    """The state of every minute of the two years, as the list of transitions tells it."""
    schedule = parse(spec)
    start = int(datetime(year, 1, 1, tzinfo=timezone.utc).timestamp())
    told = bytearray()
    state = STATES.index(decide(schedule, start).state)
    for change in takewhile(lambda change: change.at < start + size * 60, iter_transitions(schedule, start)):
        assert (change.at - start) % 60 == 0
        assert STATES.index(change.previous) == state
        told.extend(bytes([state]) * ((change.at - start) // 60 - len(told)))
        state = STATES.index(change.decision.state)
    told.extend(bytes([state]) * (size - len(told)))
    return bytes(told)


def jumps(table: Clocks) -> list[int]:
    """The minutes of the two years at which the clocks jump."""
    walls = table.walls
    return [at - MARGIN for at in range(MARGIN, len(walls) - MARGIN) if walls[at] - walls[at - 1] != 1]


@pytest.mark.parametrize(("zone", "year"), ZONES, ids=[row[0] for row in ZONES])
def test_next_and_state_agree_with_every_minute_of_two_years(zone: str, year: int) -> None:
    # Without shrinking: it would take minutes, and the message below names the moment.
    @settings(
        max_examples=8,
        deadline=None,
        database=None,
        phases=[Phase.explicit, Phase.generate],
        suppress_health_check=list(HealthCheck),
    )
    @given(case=some_case(zone, year), instants=st.lists(st.integers(0, 730 * DAY - 1), min_size=200, max_size=200))
    def check(case: dict[str, Any], instants: list[int]) -> None:
        spec = as_spec(case)
        expected = reference(case)
        told = by_transitions(spec, year, len(expected))
        wrong = (
            next((at for at in range(len(expected)) if expected[at] != told[at]), None) if expected != told else None
        )
        assert wrong is None, f"at {datetime.fromtimestamp(wrong * 60 + start, timezone.utc)}: {told[wrong]}"
        schedule = parse(spec)
        near = [at + shift for at in jumps(clocks(zone, year)) for shift in range(-30, 31)]
        for at in instants + near:
            assert decide(schedule, start + at * 60).state == STATES[expected[at]]

    start = int(datetime(year, 1, 1, tzinfo=timezone.utc).timestamp())
    check()


@settings(max_examples=150, deadline=None, database=None)
@given(data=st.data())
def test_normal_form_is_stable(data: st.DataObject) -> None:
    zone, year = data.draw(st.sampled_from(ZONES))
    schedule = parse(as_spec(data.draw(some_case(zone, year))))
    again = json.loads(json.dumps(as_dict(schedule)))
    assert parse(again) == schedule
    assert as_dict(parse(again)) == again


@settings(max_examples=150, deadline=None, database=None)
@given(data=st.data())
def test_off_hours_are_the_last_edge_of_the_week(data: st.DataObject) -> None:
    """In UTC: walk back hour by hour to the nearest edge; that edge is the state."""
    letters = "MTWHFSU"
    edges = data.draw(st.dictionaries(st.tuples(st.integers(0, 6), st.integers(0, 23)), st.booleans(), min_size=2))
    if len(set(edges.values())) < 2:
        return
    parts = {
        key: ",".join(f"({letters[day]},{hour})" for (day, hour), on in sorted(edges.items()) if on is state)
        for key, state in (("on", True), ("off", False))
    }
    schedule = parse(f"off=[{parts['off']}];on=[{parts['on']}];tz=utc")
    monday = int(datetime(2026, 3, 2, tzinfo=timezone.utc).timestamp())
    for hour in range(7 * 24):
        back = next(number for number in range(7 * 24) if divmod((hour - number) % (7 * 24), 24) in edges)
        expected = edges[divmod((hour - back) % (7 * 24), 24)]
        assert decide(schedule, monday + hour * 3600).state == ("on" if expected else "off")
        assert decide(schedule, monday + hour * 3600 + 3599).state == ("on" if expected else "off")
