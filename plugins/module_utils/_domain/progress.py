# Copyright (c) 2026 cloudops.core contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""How far a long operation is, in words: what a module told of it, how fast it goes, and how long it may still take."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any, TypeGuard

# The speed is that of the last so many seconds, once there were as many as LEAST.
WINDOW = 60.0
LEAST = 5.0
LONGEST = 200
MOST = 10**15


@dataclass(frozen=True)
class Report:
    """What a module told last.

    :param total: None when nobody knows.
    :param began: seconds since 1970.
    :param pid: the process that tells it.
    """

    what: str
    unit: str
    done: int
    total: int | None
    began: float
    pid: int


def read_report(text: str) -> Report | None:
    """The report in a file; None for anything else, as a file may be cut short or somebody else's."""
    try:
        story = json.loads(text)
    except (ValueError, RecursionError):
        return None
    if not isinstance(story, Mapping):
        return None
    done, began, pid, total = (story.get(key) for key in ("done", "began", "pid", "total"))
    if not _is_count(done) or not _is_count(pid) or not isinstance(began, float) or not 0 <= began <= MOST:
        return None
    return Report(
        _words(story.get("what")), _words(story.get("unit")), done, total if _is_count(total) else None, began, pid
    )


def _is_count(value: Any) -> TypeGuard[int]:
    return isinstance(value, int) and not isinstance(value, bool) and 0 <= value <= MOST


def _words(value: Any) -> str:
    """Names come from outside; what would steer a terminal is left out."""
    return "".join(letter for letter in str(value or "") if letter.isprintable())[:LONGEST]


@dataclass(frozen=True)
class Meter:
    """What was seen of one operation, as (seconds, done), the oldest first."""

    samples: tuple[tuple[float, int], ...] = ()

    def seen(self, now: float, done: int) -> Meter:
        """One more look. Counts that went back begin anew."""
        if self.samples and done < self.samples[-1][1]:
            return Meter(((now, done),))
        if self.samples and now - self.samples[-1][0] < 1.0:
            return self
        recent = tuple(sample for sample in self.samples if now - sample[0] <= WINDOW)
        return replace(self, samples=(*recent, (now, done)))

    def rate(self, report: Report, now: float) -> float:
        """How many a second, of late if that is known, else since the beginning."""
        if self.samples and now - self.samples[0][0] >= LEAST:
            first, done = self.samples[0]
            return (report.done - done) / (now - first)
        return report.done / (now - report.began) if now - report.began >= 1 else 0.0


def line(report: Report, meter: Meter, now: float) -> str:
    """One line for people."""
    unit = f" {report.unit}" if report.unit else ""
    parts = [f"{report.done:,}{unit}"]
    if report.total is not None:
        share = f" ({report.done * 100 // report.total} %)" if report.total else ""
        parts = [f"{report.done:,}/{report.total:,}{unit}{share}"]
    rate = meter.rate(report, now)
    if rate > 0:
        parts.append(_speed(rate))
        left = (report.total or 0) - report.done
        if left > 0:
            parts.append(f"{duration(left / rate)} left")
    parts.append(f"{duration(now - report.began)} so far")
    return f"{report.what}: {', '.join(parts)}"


def _speed(rate: float) -> str:
    """Per second, or per minute when that is less than one."""
    if rate >= 1:
        return f"{rate:,.0f}/s" if rate >= 10 else f"{rate:.1f}/s"
    return f"{rate * 60:.1f}/min"


def duration(seconds: float) -> str:
    """Such as 45 s, 3 min 20 s, 2 h 05 min."""
    whole = max(0, round(seconds))
    if whole < 60:
        return f"{whole} s"
    if whole < 3600:
        return f"{whole // 60} min {whole % 60:02} s"
    return f"{whole // 3600} h {whole % 3600 // 60:02} min"
