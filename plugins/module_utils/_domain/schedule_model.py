# Copyright (c) 2026 cloudops.core contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The normal form of a schedule: frozen values, and the same as data that JSON can carry and ``parse`` reads back."""

from __future__ import annotations

import calendar
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import date
from typing import Any, Literal

from ansible_collections.cloudops.core.plugins.module_utils._domain.wallclock import local_iso

State = Literal["on", "off", "any"]

WEEKDAYS = ("monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday")
MONTHS = (
    "january",
    "february",
    "march",
    "april",
    "may",
    "june",
    "july",
    "august",
    "september",
    "october",
    "november",
    "december",
)
EVERY, LAST = 0, -1
SATURDAY, SUNDAY = 5, 6


@dataclass(frozen=True)
class Days:
    """Which days a period applies to: month AND day of the month AND weekday. None means any.

    :param months: 1 to 12.
    :param weekdays: pairs of weekday (0 is Monday) and which one in the month: EVERY, 1 to 5, or LAST.
    :param monthdays: 1 to 31, or LAST for the last day of the month.
    :param near: days of the month whose nearest weekday (Monday to Friday) in the same month is meant.
    """

    months: frozenset[int] | None = None
    weekdays: frozenset[tuple[int, int]] | None = None
    monthdays: frozenset[int] | None = None
    near: frozenset[int] = frozenset()

    def match(self, day: date) -> bool:
        """Whether all three conditions hold on that day."""
        return (
            (self.months is None or day.month in self.months)
            and (self.weekdays is None or self._match_weekday(day, self.weekdays))
            and (self.monthdays is None or self._match_monthday(day, self.monthdays))
        )

    @staticmethod
    def _match_weekday(day: date, wanted: frozenset[tuple[int, int]]) -> bool:
        weekday = day.weekday()
        if (weekday, EVERY) in wanted or (weekday, (day.day + 6) // 7) in wanted:
            return True
        return (weekday, LAST) in wanted and day.day + 7 > calendar.monthrange(day.year, day.month)[1]

    def _match_monthday(self, day: date, wanted: frozenset[int]) -> bool:
        if day.day in wanted:
            return True
        if LAST not in wanted and not self.near:
            return False
        length = calendar.monthrange(day.year, day.month)[1]
        if LAST in wanted and day.day == length:
            return True
        return any(near <= length and day.day == nearest_weekday(day.year, day.month, near) for near in self.near)


def nearest_weekday(year: int, month: int, day: int) -> int:
    """The day of the month that is Monday to Friday and nearest to ``day`` without leaving the month."""
    weekday = calendar.weekday(year, month, day)
    if weekday == SATURDAY:
        return day - 1 if day > 1 else day + 2
    if weekday == SUNDAY:
        return day + 1 if day < calendar.monthrange(year, month)[1] else day - 2
    return day


@dataclass(frozen=True)
class Period:
    """A window on the days that match.

    :param begin: minute of the day, 0 to 1439.
    :param end: minute of the day, 0 to 1440; at or before ``begin`` it is on the next day.
    :param timezone: where it differs from the schedule's; empty otherwise.
    """

    days: Days = Days()
    begin: int | None = None
    end: int | None = None
    timezone: str = ""
    name: str = ""


@dataclass(frozen=True)
class DatedException:
    """A state from one instant (inclusive) to another (exclusive), over everything but the override."""

    begin: int
    end: int
    state: State
    name: str = ""


@dataclass(frozen=True)
class Schedule:
    """The override decides; else the last exception that covers the instant; else the periods, less the holidays."""

    timezone: str = "UTC"
    periods: tuple[Period, ...] = ()
    holidays: frozenset[date] = frozenset()
    exceptions: tuple[DatedException, ...] = ()
    override: State | None = None


def as_dict(schedule: Schedule) -> dict[str, Any]:
    """The normal form as plain data, every key present. ``parse`` makes an equal schedule from it."""
    return {
        "timezone": schedule.timezone,
        "periods": [_period_dict(period) for period in schedule.periods],
        "holidays": [day.isoformat() for day in sorted(schedule.holidays)],
        "exceptions": [
            {
                "from": local_iso(exception.begin, schedule.timezone),
                "to": local_iso(exception.end, schedule.timezone),
                "state": exception.state,
                "name": exception.name or None,
            }
            for exception in schedule.exceptions
        ],
        "override": schedule.override,
    }


def _period_dict(period: Period) -> dict[str, Any]:
    days = period.days
    return {
        "name": period.name or None,
        "timezone": period.timezone or None,
        "begintime": clock(period.begin),
        "endtime": clock(period.end),
        "weekdays": None if days.weekdays is None else _weekday_texts(days.weekdays),
        "monthdays": None if days.monthdays is None else _monthday_texts(days.monthdays, days.near),
        "months": None if days.months is None else _runs(days.months, lambda month: MONTHS[month - 1][:3]),
    }


def clock(minute: int | None) -> str | None:
    """08:05 for 485."""
    return None if minute is None else f"{minute // 60:02}:{minute % 60:02}"


def _weekday_texts(weekdays: frozenset[tuple[int, int]]) -> list[str]:
    texts = _runs((day for day, nth in weekdays if nth == EVERY), lambda day: WEEKDAYS[day][:3])
    for day, nth in sorted(pair for pair in weekdays if pair[1] != EVERY):
        texts.append(WEEKDAYS[day][:3] + ("L" if nth == LAST else f"#{nth}"))
    return texts


def _monthday_texts(monthdays: frozenset[int], near: frozenset[int]) -> list[str]:
    texts = _runs(monthdays - {LAST}, str)
    return texts + ["L"] * (LAST in monthdays) + [f"{day}W" for day in sorted(near)]


def _runs(numbers: Iterable[int], text: Any) -> list[str]:
    """Neighbours as ranges: 1, 2, 3, 7 becomes 1-3 and 7."""
    runs: list[list[int]] = []
    for number in sorted(numbers):
        if runs and number == runs[-1][-1] + 1:
            runs[-1].append(number)
        else:
            runs.append([number])
    return [text(run[0]) if len(run) == 1 else f"{text(run[0])}-{text(run[-1])}" for run in runs]


def period_text(schedule: Schedule, index: int) -> str:
    """One period for a person: ``period 1 'office' (mon-fri 08:00-18:00 Europe/Berlin)``. Counted from 1."""
    period = schedule.periods[index]
    data = _period_dict(period)
    parts: Sequence[str] = [",".join(data[key]) for key in ("months", "monthdays", "weekdays") if data[key] is not None]
    if period.begin is not None and period.end is not None:
        times = f"{clock(period.begin)}-{clock(period.end)}"
    elif period.begin is not None:
        times = f"from {clock(period.begin)}"
    elif period.end is not None:
        times = f"until {clock(period.end)}"
    else:
        times = "all day"
    name = f" {period.name!r}" if period.name else ""
    return f"period {index + 1}{name} ({' '.join([*parts, times, period.timezone or schedule.timezone])})"
