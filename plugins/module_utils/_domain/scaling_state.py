# Copyright (c) 2026 cloudops.core contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What the scaling engine remembers from one evaluation to the next, as a small JSON value in an annotation or a tag.

``{"v": 1, "at": 1767225600, "high": [[30, 5]], "low": [], "events": [[30, 2]], "streaks": {"cpu": 2}, "misses": {"queue": 1}}``

``at`` is in seconds since 1970; every other time is an age, in seconds before ``at``.

* ``high`` and ``low`` are earlier recommendations, for the stabilization of a scale-down and of a scale-up. Only those are kept that can
  still decide: of the highest ones those that no later one reaches, and the other way round.
* ``events`` are changes of size, for cooldowns and rate limits: ``[age, change]``, or ``[age, change, age of the oldest]`` where several
  were drawn together to save space.
* ``streaks`` counts evaluations in a row above (positive) or below (negative) a threshold, ``misses`` those without a metric.

A state that can't be read is worth nothing: the run counts as the first, and remembers the size that it finds.
"""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from itertools import pairwise
from typing import Any

from ansible_collections.cloudops.core.plugins.module_utils._core.errors import Invalid

VERSION = 1
_KEYS = frozenset({"v", "at", "high", "low", "events", "streaks", "misses"})
_LATEST = 253402300800
"""Seconds since 1970: no state is from after the year 9999."""

Sample = tuple[float, int]
"""When, and which size was recommended."""


@dataclass(frozen=True)
class Event:
    """A change of size, or several of the same direction drawn together, between two times."""

    first: float
    last: float
    change: int


@dataclass(frozen=True)
class Windows:
    """How far back, in seconds, each part has to reach."""

    high: int = 0
    low: int = 0
    events: int = 0


@dataclass(frozen=True)
class Memory:
    """The same with points in time instead of ages, oldest first."""

    high: tuple[Sample, ...] = ()
    low: tuple[Sample, ...] = ()
    events: tuple[Event, ...] = ()
    streaks: Mapping[str, int] = field(default_factory=dict)
    misses: Mapping[str, int] = field(default_factory=dict)

    def recommended(self, size: int, now: float) -> Memory:
        """With one more recommendation. Earlier ones that can't decide any more are forgotten."""
        high = tuple(sample for sample in self.high if sample[1] > size)
        low = tuple(sample for sample in self.low if sample[1] < size)
        latest = ((now, size),)
        return replace(
            self,
            high=high if high and high[-1][0] >= now else high + latest,
            low=low if low and low[-1][0] >= now else low + latest,
        )

    def scaled(self, change: int, now: float) -> Memory:
        """With one more change of size."""
        return replace(self, events=(*self.events, Event(now, now, change))) if change else self

    def pruned(self, windows: Windows, now: float) -> Memory:
        """Without what is older than its window."""
        return replace(
            self,
            high=tuple(sample for sample in self.high if sample[0] > now - windows.high),
            low=tuple(sample for sample in self.low if sample[0] > now - windows.low),
            events=tuple(event for event in self.events if event.last > now - windows.events),
            streaks={name: count for name, count in self.streaks.items() if count},
            misses={name: count for name, count in self.misses.items() if count},
        )

    def as_state(self, now: float) -> dict[str, Any]:
        """As plain data. Times are rounded so that nothing ends early."""
        at = math.ceil(now)
        return {
            "v": VERSION,
            "at": at,
            "high": [[_age(at, when), size] for when, size in self.high],
            "low": [[_age(at, when), size] for when, size in self.low],
            "events": [_event_data(event, at) for event in self.events],
            "streaks": dict(self.streaks),
            "misses": dict(self.misses),
        }


def _age(at: int, when: float) -> int:
    return max(math.floor(at - when), 0)


def _event_data(event: Event, at: int) -> list[int]:
    last, first = _age(at, event.last), _age(at, event.first)
    return [last, event.change] if event.first == event.last else [last, event.change, max(first, last)]


def first_run(current: int, now: float) -> Memory:
    """The memory of somebody who has seen nothing but the current size."""
    return Memory().recommended(current, now)


def read_memory(state: Any, current: int, now: float) -> Memory:
    """The memory in a state, as text or data; that of a first run when there is none or it can't be read.

    What claims to be from the future counts as from now, so that a wrong clock can't block for longer than a window.
    """
    try:
        data = json.loads(state) if isinstance(state, (str, bytes)) else state
        return _of_data(data, now)
    except (ValueError, TypeError, RecursionError):
        return first_run(current, now)


def _of_data(data: Any, now: float) -> Memory:
    """:raises ValueError: for what isn't a state of ours."""
    if not isinstance(data, Mapping) or data.get("v") is True or data.get("v") != VERSION or not _KEYS.issuperset(data):
        raise ValueError("not a state of this version")
    at = _whole(data.get("at"), 0, _LATEST)
    since = min(float(at), now)
    events = tuple(_event(item, since) for item in _items(data.get("events", [])))
    return Memory(
        high=_samples(data.get("high", []), since, rising=False),
        low=_samples(data.get("low", []), since, rising=True),
        events=tuple(sorted(events, key=lambda event: event.last)),
        streaks=_counts(data.get("streaks", {}), negative=True),
        misses=_counts(data.get("misses", {}), negative=False),
    )


def _whole(value: Any, lowest: float = -math.inf, highest: float = math.inf) -> int:
    if isinstance(value, bool) or not isinstance(value, int) or not lowest <= value <= highest:
        raise ValueError(f"{value!r} isn't a number that fits")
    return int(value)


def _items(value: Any) -> list[Any]:
    if not isinstance(value, (list, tuple)):
        raise ValueError(f"{value!r} isn't a list")
    return list(value)


def _samples(value: Any, since: float, rising: bool) -> tuple[Sample, ...]:
    """Oldest first, each size beyond all later ones."""
    pairs = [_items(item) for item in _items(value)]
    if any(len(pair) != 2 for pair in pairs):
        raise ValueError("a recommendation isn't a pair")
    found = sorted((since - _whole(age, 0, _LATEST), _whole(size, 0)) for age, size in pairs)
    kept: list[Sample] = []
    for sample in found:
        while kept and (kept[-1][1] >= sample[1] if rising else kept[-1][1] <= sample[1]):
            kept.pop()
        kept.append(sample)
    return tuple(kept)


def _event(item: Any, since: float) -> Event:
    parts = _items(item)
    if len(parts) not in (2, 3):
        raise ValueError("an event has two or three parts")
    last = _whole(parts[0], 0, _LATEST)
    first = _whole(parts[2], last, _LATEST) if len(parts) == 3 else last
    change = _whole(parts[1])
    if not change:
        raise ValueError("an event without a change")
    return Event(since - first, since - last, change)


def _counts(value: Any, negative: bool) -> dict[str, int]:
    if not isinstance(value, Mapping):
        raise ValueError(f"{value!r} isn't a mapping")
    return {str(name): _whole(count, -math.inf if negative else 0) for name, count in value.items()}


def read_state(state: Any, current: int, now: float) -> dict[str, Any]:
    """A state in its normal form, from text or data; a first run's, which records the current size, when it can't be read.

    :param now: seconds since 1970.
    """
    return read_memory(state, current, now).as_state(now)


def write_state(state: Mapping[str, Any], limit: int | None = None) -> str:
    """A state as compact JSON.

    Where it is longer than ``limit`` characters, neighbours are drawn together step by step so that it never allows more than before:
    a stabilization or a cooldown never ends earlier, a rate is never higher, a streak starts again.

    :raises Invalid: for what isn't a state, or can't be made so small.
    """
    try:
        at = float(_whole(state.get("at"), 0, _LATEST))
        memory = _of_data(state, at)
    except (ValueError, AttributeError) as error:
        raise Invalid(f"the state can't be written: {error}") from None
    text = _dump(memory, at)
    while limit is not None and len(text) > limit:
        smaller = _smaller(memory)
        if smaller is None:
            raise Invalid(f"the state takes {len(text)} characters at least, more than {limit}")
        memory = smaller
        text = _dump(memory, at)
    return text


def _dump(memory: Memory, at: float) -> str:
    data = {key: value for key, value in memory.as_state(at).items() if key in ("v", "at") or value}
    return json.dumps(data, separators=(",", ":"))


def _smaller(memory: Memory) -> Memory | None:
    """A little less: of the recommendations or the events, whatever there is more of; then the counts. None: nothing is left to give."""
    samples = {"high": memory.high, "low": memory.low}
    longest = max(samples, key=lambda name: len(samples[name]))
    drawn = _drawn_together(memory.events)
    if len(samples[longest]) > 1 and (drawn is None or len(samples[longest]) >= len(memory.events)):
        shorter = _without_one(samples[longest])
        return replace(memory, high=shorter) if longest == "high" else replace(memory, low=shorter)
    if drawn is not None:
        return replace(memory, events=drawn)
    if memory.misses:
        return replace(memory, misses={})
    return replace(memory, streaks={}) if memory.streaks else None


def _without_one(samples: tuple[Sample, ...]) -> tuple[Sample, ...]:
    """The two that lie nearest in time become one: the size of the earlier one, which is the more careful, at the time of the later one."""
    gaps = [later[0] - earlier[0] for earlier, later in pairwise(samples)]
    place = gaps.index(min(gaps))
    return (*samples[:place], (samples[place + 1][0], samples[place][1]), *samples[place + 2 :])


def _drawn_together(events: tuple[Event, ...]) -> tuple[Event, ...] | None:
    """The two oldest of one direction as one that lasted from the first to the second; None where no direction has two."""
    for place, event in enumerate(events):
        for other in range(place + 1, len(events)):
            if (events[other].change > 0) == (event.change > 0):
                both = Event(
                    min(event.first, events[other].first),
                    max(event.last, events[other].last),
                    event.change + events[other].change,
                )
                return (*events[:place], *events[place + 1 : other], both, *events[other + 1 :])
    return None
