# Copyright (c) 2026 cloudops.core contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What all event sources put into their events, and how they speak of failures. Pure but for the log."""

from __future__ import annotations

import json
import logging
import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timezone
from typing import Any, Protocol


class Queue(Protocol):
    """What the engine hands over to put events into."""

    async def put(self, event: dict[str, Any], /) -> None:
        """Take an event; waits while the engine is busy."""


class SourceFailure(Exception):
    """What kept the source from reading, in the words of the error event.

    :param kind: denied, invalid, not_found, throttled, timeout, unavailable, or error.
    :param operation: what was being done, as a verb phrase.
    :param code: the provider's own.
    :param hint: what to do about it.
    """

    def __init__(
        self, kind: str, message: str, operation: str, *, resource: str = "", code: str = "", hint: str = ""
    ) -> None:
        super().__init__(message)
        self.kind, self.message, self.operation = kind, message, operation
        self.resource, self.code, self.hint = resource, code, hint

    def as_event(self) -> dict[str, str]:
        """As data."""
        names = ("kind", "message", "operation", "resource", "code", "hint")
        return {name: getattr(self, name) for name in names}


def logger_of(source: str) -> logging.Logger:
    """Where a source tells people what its events do not say."""
    return logging.getLogger(f"cloudops.core.{source}")


def iso_time(seconds: float) -> str:
    """A time in ISO 8601, in UTC."""
    return datetime.fromtimestamp(seconds, timezone.utc).isoformat()


def plain(value: Any) -> Any:
    """What comes from outside, with nothing in it that a playbook would take for a template: rules hand it on as variables."""
    if isinstance(value, str):
        return re.sub(r"\{(?=[{%#])", "{ ", value)
    if isinstance(value, Mapping):
        return {plain(str(key)): plain(item) for key, item in value.items()}
    return [plain(item) for item in value] if isinstance(value, (list, tuple)) else value


def make_event(source: str, what: str, now: float, /, **facts: Any) -> dict[str, Any]:
    """An event; all have a type, the source's short name, and the time of the reading."""
    return {"type": what, "source": source, "time": iso_time(now), **plain(facts)}


class Health:
    """What fails at present, and what is told of it: each error when it is new or another one, or every time; and its end."""

    def __init__(self, source: str, always: bool) -> None:
        self._source = source
        self._always = always
        self._logger = logger_of(source)
        self._failing: dict[str, tuple[int, float, tuple[str, str]]] = {}

    def failures(self, key: str) -> int:
        """Failures in a row."""
        return self._failing.get(key, (0, 0.0, ("", "")))[0]

    def failed(self, key: str, failure: SourceFailure, now: float, retry_in: float) -> list[dict[str, Any]]:
        """Events of a failure; ``key`` says what couldn't be read, "" is everything."""
        count, since, said = self._failing.get(key, (0, now, ("", "")))
        says = (failure.kind, failure.code)
        self._failing[key] = (count + 1, since, says)
        if says == said and not self._always:
            return []
        self._logger.warning("%s: %s %s", failure.operation, failure.message, failure.hint)
        # Not "key": the engine shows dots instead of whatever goes by such a name.
        told = {"series": key, "error": failure.as_event(), "failures": count + 1, "since": iso_time(since)}
        return [make_event(self._source, "error", now, **told, retry_in=round(retry_in, 3))]

    def worked(self, key: str, now: float) -> list[dict[str, Any]]:
        """Events of a success: none, unless it failed before."""
        if key not in self._failing:
            return []
        count, since, _said = self._failing.pop(key)
        return [make_event(self._source, "recovered", now, series=key, failures=count, since=iso_time(since))]


@dataclass(frozen=True)
class Pace:
    """How long to wait until the next attempt: longer after each failure, and never all at the same moment."""

    interval: float
    jitter: float
    max_backoff: float

    def pause(self, failures: int, chance: float) -> float:
        """Seconds.

        :param failures: failures in a row.
        :param chance: a random number from 0 to 1.
        """
        longest = max(self.max_backoff, self.interval)
        wanted = self.interval * 2.0 ** min(max(failures - 1, 0), 40)
        return min(wanted, longest) * (1 + self.jitter * (2 * chance - 1))


class Printer:
    """A queue for trying the source by hand: prints each event."""

    async def put(self, event: dict[str, Any], /) -> None:
        """Print it."""
        print(json.dumps(event), flush=True)
