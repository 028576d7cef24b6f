# Copyright (c) 2026 cloudops.core contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Schedules as a level: is it on, off, or any (leave it as it is) at an instant, why, and when does that change.

An instant is a whole number of seconds since the epoch; ``wallclock`` says how wall times become instants. Pure: the
caller gives the time. Nothing walks over minutes: windows are computed for the days around the instant, edges from day
to day.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from datetime import date
from functools import lru_cache
from itertools import islice
from typing import Any, Literal, NamedTuple

from ansible_collections.cloudops.core.plugins.module_utils._core.errors import Invalid
from ansible_collections.cloudops.core.plugins.module_utils._domain.schedule_model import (
    Period,
    Schedule,
    State,
    as_dict,
    period_text,
)
from ansible_collections.cloudops.core.plugins.module_utils._domain.schedule_parse import (
    read_definitions,
    read_mapping,
    read_zone,
)
from ansible_collections.cloudops.core.plugins.module_utils._domain.schedule_tags import read_line
from ansible_collections.cloudops.core.plugins.module_utils._domain.wallclock import (
    DAY_MINUTES,
    EPOCH_ORDINAL,
    edge,
    local_iso,
    local_ordinal,
    read_now,
)

__all__ = [
    "Decision",
    "Schedule",
    "State",
    "Transition",
    "as_dict",
    "decide",
    "explain",
    "iter_transitions",
    "parse",
    "read_now",
    "transitions",
    "upcoming",
]

# Nobody wants a machine stopped for a minute, and whoever can't write 24:00 writes 23:59.
JOIN_SECONDS = 60
# How far ahead transitions are looked for. 29 February is never further away, but from 2096 to 2104.
HORIZON_DAYS = 3660
# No zone is, or was since 1970, further from UTC than this.
MAX_OFFSET_SECONDS = 16 * 3600

Kind = Literal["override", "exception", "holiday", "period", "none"]


class Window(NamedTuple):
    """One occurrence of a period: [begin, end) in instants."""

    begin: int
    end: int
    state: State
    period: int


@dataclass(frozen=True)
class Decision:
    """A state and the rule it comes from; ``index`` counts from 0 in the list of that kind of rule."""

    state: State
    kind: Kind
    index: int | None = None


@dataclass(frozen=True)
class Transition:
    """At this instant the state becomes another."""

    at: int
    previous: State
    decision: Decision


def parse(spec: object, timezone: str | None = None, periods: object = None) -> Schedule:
    """A schedule from whatever people have: a mapping, an off-hours tag, a kube-downscaler time specification.

    :param timezone: IANA name for a schedule that names none; UTC if unset.
    :param periods: definitions for a schedule that lists the names of its periods.
    :raises Invalid: names the field and the cure.
    """
    if isinstance(spec, Schedule):
        return spec
    default_zone = read_zone(timezone, "timezone") or "UTC"
    if isinstance(spec, str):
        return _parse_line(str(spec), default_zone)
    if isinstance(spec, Mapping):
        return read_mapping(spec, default_zone, read_definitions(periods))
    cure = "Give a mapping with periods, or text such as 'Mon-Fri 07:30-20:30 Europe/Berlin'."
    if isinstance(spec, bool):
        cure = "YAML reads unquoted on and off as true and false: put the text in quotes."
    raise Invalid(f"schedule: {spec!r} is not a schedule", hint=cure)


@lru_cache(maxsize=1024)
def _parse_line(line: str, default_zone: str) -> Schedule:
    """Remembered, because a whole fleet carries the same few tags."""
    return read_line(line, default_zone)


def decide(schedule: Schedule, instant: int) -> Decision:
    """The state at an instant. Override before exceptions (the last one listed wins) before periods."""
    if schedule.override is not None:
        return Decision(schedule.override, "override")
    for index in range(len(schedule.exceptions) - 1, -1, -1):
        exception = schedule.exceptions[index]
        if exception.begin <= instant < exception.end:
            return Decision(exception.state, "exception", index)
    return _decide_by_periods(schedule, instant)


def _decide_by_periods(schedule: Schedule, instant: int) -> Decision:
    """On before any before off; of several windows the one that began last is named."""
    on: Window | None = None
    waiting: Window | None = None
    before: Window | None = None
    after: int | None = None
    for window in _windows_around(schedule, instant):
        if window.begin <= instant < window.end:
            if window.state == "any":
                waiting = window
            elif on is None or window.begin > on.begin:
                on = window
        elif window.state == "on":
            if window.end <= instant:
                before = window if before is None or window.end > before.end else before
            else:
                after = window.begin if after is None else min(after, window.begin)
    if on is None and before is not None and after is not None and after - before.end <= JOIN_SECONDS:
        on = before
    chosen = on or waiting
    return Decision(chosen.state, "period", chosen.period) if chosen else Decision("off", "none")


def _windows_around(schedule: Schedule, instant: int) -> Iterator[Window]:
    """The windows of yesterday (nights), today and tomorrow (clocks may go back over midnight), and what joins them.

    By each period's own calendar, in which a minute away may be more than a day away.
    """
    for index, period in enumerate(schedule.periods):
        zone_text = period.timezone or schedule.timezone
        near = [local_ordinal(instant + shift, zone_text) for shift in (-JOIN_SECONDS - 1, 0, JOIN_SECONDS)]
        for ordinal in range(min(near) - 1, max(near) + 2):
            yield from _windows(period, index, zone_text, ordinal, schedule.holidays)


def _windows(period: Period, index: int, zone_text: str, ordinal: int, holidays: frozenset[date]) -> Iterator[Window]:
    """The windows that belong to a day. Those that a jump of the clocks leaves empty are left out."""
    day = date.fromordinal(ordinal)
    if day in holidays or not period.days.match(day):
        return
    begin = edge(zone_text, ordinal, period.begin or 0, False)
    if period.end is None:
        end = edge(zone_text, ordinal, DAY_MINUTES, True)
    else:
        overnight = period.begin is not None and period.end <= period.begin
        end = edge(zone_text, ordinal + overnight, period.end, True)
    state: State = "any" if period.begin is None and period.end is not None else "on"
    if begin < end:
        yield Window(begin, end, state, index)
    if period.begin is not None and period.end is None:
        midnight = edge(zone_text, ordinal, 0, False)
        if midnight < begin:
            yield Window(midnight, begin, "any", index)


def transitions(schedule: Schedule, instant: int, count: int) -> list[Transition]:
    """The next changes of state after an instant, at most ``count``, within ten years."""
    return list(islice(iter_transitions(schedule, instant), count))


def iter_transitions(schedule: Schedule, instant: int) -> Iterator[Transition]:
    """The changes of state after an instant, soonest first, within ten years; computed as they are asked for."""
    if schedule.override is not None:
        return
    current = decide(schedule, instant).state
    for at in _edges(schedule, instant):
        decision = decide(schedule, at)
        if decision.state != current:
            yield Transition(at, current, decision)
            current = decision.state


def _edges(schedule: Schedule, instant: int) -> Iterator[int]:
    """Every instant after the given one at which the state may change, in order, within the horizon."""
    pending = {at for exception in schedule.exceptions for at in (exception.begin, exception.end) if at > instant}
    today = local_ordinal(instant, "UTC")
    for ordinal in range(today - 2, today + HORIZON_DAYS):
        for index, period in enumerate(schedule.periods):
            zone_text = period.timezone or schedule.timezone
            for window in _windows(period, index, zone_text, ordinal, schedule.holidays):
                pending.update(at for at in window[:2] if at > instant)
        # No window of a later day, in whatever zone, begins before this.
        settled = (ordinal + 1 - EPOCH_ORDINAL) * DAY_MINUTES * 60 - MAX_OFFSET_SECONDS
        ready = sorted(at for at in pending if at <= settled)
        pending.difference_update(ready)
        yield from ready


def explain(schedule: Schedule, instant: int) -> dict[str, Any]:
    """The decision as data, with the rule and a sentence that says why."""
    decision = decide(schedule, instant)
    if decision.kind == "none" and schedule.holidays:
        workday = decide(replace(schedule, holidays=frozenset()), instant)
        if workday.state != "off":
            decision = Decision("off", "holiday", workday.index)
    return {
        "state": decision.state,
        "reason": _reason(schedule, decision, instant),
        "rule": {"kind": decision.kind, "index": decision.index, "name": _rule_name(schedule, decision)},
        "now": local_iso(instant, schedule.timezone),
        "timezone": schedule.timezone,
    }


def upcoming(schedule: Schedule, instant: int, count: int, why: bool = False) -> list[dict[str, Any]]:
    """The next transitions as data; with ``why``, each with the rule and the reason."""
    changes = []
    for change in transitions(schedule, instant, count):
        entry = {
            "at": local_iso(change.at, schedule.timezone),
            "state": change.decision.state,
            "previous": change.previous,
        }
        if why:
            story = explain(schedule, change.at)
            entry.update(reason=story["reason"], rule=story["rule"])
        changes.append(entry)
    return changes


def _rule_name(schedule: Schedule, decision: Decision) -> str | None:
    if decision.index is None:
        return None
    if decision.kind == "exception":
        return schedule.exceptions[decision.index].name or None
    return schedule.periods[decision.index].name or None


def _reason(schedule: Schedule, decision: Decision, instant: int) -> str:
    now = local_iso(instant, schedule.timezone)
    if decision.kind == "override":
        return f"override is {decision.state}"
    if decision.kind == "none" or decision.index is None:
        return f"no period covers {now}"
    if decision.kind == "exception":
        exception = schedule.exceptions[decision.index]
        begin, end = (local_iso(at, schedule.timezone) for at in (exception.begin, exception.end))
        name = f" {exception.name!r}" if exception.name else ""
        return f"exception {decision.index + 1}{name} is {exception.state} from {begin} to {end}"
    text = period_text(schedule, decision.index)
    if decision.kind == "holiday":
        return f"{text} does not apply on a holiday"
    if decision.state == "any":
        return f"{text} leaves the state alone at {now}"
    return f"{text} covers {now}"
