# Copyright (c) 2026 cloudops.core contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Sources that read values again and again: thresholds, what is news, and the loop."""

from __future__ import annotations

import asyncio
import operator as operators
import random
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, Protocol

from cloudops_sources.arguments import Argument, ArgumentError
from cloudops_sources.events import Health, Pace, Queue, SourceFailure, iso_time, logger_of, make_event

BREACHED, OK, INSUFFICIENT_DATA = "breached", "ok", "insufficient_data"
OPERATORS: Mapping[str, Callable[[float, float], bool]] = {
    ">": operators.gt,
    ">=": operators.ge,
    "<": operators.lt,
    "<=": operators.le,
}
# The names that alarms of CloudWatch have for them.
OPERATOR_NAMES = {
    "GreaterThanThreshold": ">",
    "GreaterThanOrEqualToThreshold": ">=",
    "LessThanThreshold": "<",
    "LessThanOrEqualToThreshold": "<=",
}
# CloudWatch looks at 5 periods where 3 count; how many more it takes in general is not published.
SPARE_PERIODS = 2

THRESHOLD = Argument(
    "mapping",
    fields={
        "operator": Argument(required=True, choices=(*OPERATORS, *OPERATOR_NAMES)),
        "value": Argument("number", required=True),
        "datapoints": Argument("integer", least=1),
        "of": Argument("integer", least=1),
        "missing": Argument(default="missing", choices=("breaching", "not_breaching", "ignore", "missing")),
        "evaluation_range": Argument("integer", least=1),
    },
)
POLLING_ARGUMENTS = {
    "interval": Argument("duration", 60.0, least=0.1),
    "jitter": Argument("number", 0.1, least=0, most=0.5),
    "max_backoff": Argument("duration", 600.0, least=0),
    "emit": Argument(default="change", choices=("change", "always")),
    "timeout": Argument("duration", 10.0, least=0.1),
}


@dataclass(frozen=True)
class Threshold:
    """When a series is breached: ``datapoints`` of the newest ``of``, looked for in ``evaluation_range`` periods."""

    operator: str
    value: float
    datapoints: int
    of: int
    missing: str
    evaluation_range: int

    @classmethod
    def read(cls, given: Mapping[str, Any], name: str) -> Threshold:
        """From an argument.

        :raises ArgumentError: when it contradicts itself.
        """
        of = given["of"] or given["datapoints"] or 1
        datapoints = given["datapoints"] or of
        wide = given["evaluation_range"] or of + SPARE_PERIODS
        if datapoints > of:
            raise ArgumentError(
                name, f"asks for {datapoints} of {of} datapoints", f"Let {name}.datapoints be {of} or less."
            )
        if wide < of:
            raise ArgumentError(f"{name}.evaluation_range", f"is {wide}", f"It is {of} or more, as {name}.of is {of}.")
        operator = OPERATOR_NAMES.get(given["operator"], given["operator"])
        return cls(operator, given["value"], datapoints, of, given["missing"], wide)

    def judge(self, values: Sequence[float | None], previous: str | None) -> tuple[str, str]:
        """Verdict and reason over one evaluation range, oldest period first; None is missing, and never 0.

        :param previous: the verdict before, which ``missing: ignore`` keeps.
        """
        slots = [None if value is None else OPERATORS[self.operator](value, self.value) for value in values]
        real = [slot for slot in slots if slot is not None][-self.of :]
        filled = self.of - len(real)
        state, why = self._decide(slots, real, previous or INSUFFICIENT_DATA)
        reason = f"{sum(real)} of {len(real)} datapoints {self.operator} {self.value:g}"
        reason += f"; {self.datapoints} of {self.of} needed"
        return state, reason + (f", {filled} missing in {len(slots)} periods{why}" if filled else "")

    def _decide(self, slots: Sequence[bool | None], real: Sequence[bool], previous: str) -> tuple[str, str]:
        """As alarms of CloudWatch do. The word about missing datapoints is for where they mattered."""
        breaching, filled = sum(real), self.of - len(real)
        if breaching >= self.datapoints:
            return BREACHED, ""
        if not filled:
            return OK, ""
        if self.missing == "breaching":
            return (BREACHED if breaching + filled >= self.datapoints else OK), ", taken as breaching"
        if self.missing == "not_breaching":
            return OK, ", taken as not breaching"
        if not all(real):
            return OK, ""
        # Here every real datapoint breaches, or there is none: what is missing could turn it either way.
        if self.missing == "ignore":
            return previous, ", so the verdict before stays"
        if not real:
            return INSUFFICIENT_DATA, ""
        oldest = len(slots) - next(place for place, slot in enumerate(slots) if slot is not None)
        if oldest >= self.datapoints:
            return BREACHED, f", and none since the first breach, {oldest} periods back, says otherwise"
        return OK, f", and the first breach is only {oldest} periods back"

    def as_event(self) -> dict[str, Any]:
        """As data."""
        return {name: getattr(self, name) for name in THRESHOLD.fields}


@dataclass(frozen=True)
class Observation:
    """What one series says now.

    :param key: what the series goes by; ``id`` is what was asked for, and may have several series.
    :param value: the newest value; None is no data.
    :param timestamp: its time in seconds since 1970.
    """

    key: str
    id: str
    verdict: str
    reason: str
    value: float | None
    timestamp: float | None
    facts: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class Trouble:
    """A series that couldn't be read; the key "" stands for all."""

    key: str
    failure: SourceFailure


Reading = Sequence[Observation | Trouble]


class Monitor:
    """What is known of all series, and so what is new in a reading. Has no clock of its own."""

    def __init__(self, source: str, options: Mapping[str, Any]) -> None:
        self._source = source
        self._always = options["emit"] == "always"
        self._pace = Pace(options["interval"], options["jitter"], options["max_backoff"])
        self._health = Health(source, self._always)
        self._known: dict[str, Observation] = {}
        self._failures = 0

    @property
    def verdicts(self) -> dict[str, str]:
        """The last verdict of each series."""
        return {key: seen.verdict for key, seen in self._known.items()}

    def take(self, reading: Reading, now: float, chance: float) -> tuple[list[dict[str, Any]], float]:
        """The events of a reading, and the seconds until the next; it is put off only when nothing at all could be read."""
        seen = [entry for entry in reading if isinstance(entry, Observation)]
        troubles = [entry for entry in reading if isinstance(entry, Trouble)]
        self._failures = self._failures + 1 if troubles and not seen else 0
        pause = self._pace.pause(self._failures, chance)
        events = [] if any(trouble.key == "" for trouble in troubles) else self._health.worked("", now)
        for trouble in troubles:
            events += self._health.failed(trouble.key, trouble.failure, now, pause)
        for entry in seen:
            events += self._health.worked(entry.key, now) + self._told(entry, now)
        if not any(trouble.key == "" for trouble in troubles):
            events += self._gone({entry.key for entry in reading}, now)
        return events, pause

    def _told(self, entry: Observation, now: float) -> list[dict[str, Any]]:
        before = self._known.get(entry.key)
        self._known[entry.key] = entry
        changed = before is None or before.verdict != entry.verdict
        if not changed and not self._always:
            return []
        when = None if entry.timestamp is None else iso_time(entry.timestamp)
        told: dict[str, Any] = {
            "id": entry.id,
            "series": entry.key,
            "verdict": entry.verdict,
            "verdict_reason": entry.reason,
        }
        told |= {"previous": before.verdict if before else None, "changed": changed, "value": entry.value}
        told |= {"timestamp": when, "age": None if entry.timestamp is None else round(now - entry.timestamp, 3)}
        told["metrics"] = [{"name": entry.id, "value": entry.value, "timestamp": when}]
        return [make_event(self._source, "metric", now, **told, **entry.facts)]

    def _gone(self, present: set[str], now: float) -> list[dict[str, Any]]:
        """Series that there are no more: that is missing data, told once."""
        events: list[dict[str, Any]] = []
        for key in [key for key in self._known if key not in present]:
            last = self._known[key]
            if last.verdict != INSUFFICIENT_DATA:
                last = replace(last, verdict=INSUFFICIENT_DATA, reason="the series is gone", value=None, timestamp=None)
                events += self._told(last, now)
            del self._known[key]
        return events


class Readable(Protocol):
    """What is read again and again; it may block, as it runs in a thread."""

    def read(self, verdicts: Mapping[str, str]) -> Reading:
        """One reading; is given the verdicts so far."""

    def close(self) -> None:
        """Let go of connections."""


async def poll(queue: Queue, name: str, options: Mapping[str, Any], source: Readable) -> None:
    """Read and tell until cancelled; ``name`` is the source's."""
    monitor = Monitor(name, options)
    try:
        while True:
            reading = await _attempt(name, source.read, monitor.verdicts)
            events, pause = monitor.take(reading, time.time(), random.random())
            for event in events:
                await queue.put(event)
            await asyncio.sleep(pause)
    finally:
        source.close()


async def _attempt(name: str, read: Callable[[Mapping[str, str]], Reading], verdicts: Mapping[str, str]) -> Reading:
    try:
        return await asyncio.to_thread(read, verdicts)
    except SourceFailure as failure:
        return [Trouble("", failure)]
    except Exception as error:  # noqa: BLE001  # an answer that nobody foresaw must not end a rulebook that runs for months
        logger_of(name).exception("unexpected")
        words = f"{type(error).__name__}: {error}"
        return [Trouble("", SourceFailure("error", words, "read", hint="The engine's log has the traceback."))]
