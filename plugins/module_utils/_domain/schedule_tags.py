# Copyright (c) 2026 cloudops.core contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Schedules written as one line: off-hours tags of Cloud Custodian and time specifications of kube-downscaler.

Grammar: https://cloudcustodian.io/docs/aws/examples/offhours.html and https://codeberg.org/hjacobs/kube-downscaler
(also https://caas-team.github.io/GoKubeDownscaler/).
"""

from __future__ import annotations

import re
from collections import defaultdict
from typing import TypeAlias

from ansible_collections.cloudops.core.plugins.module_utils._core.errors import Invalid
from ansible_collections.cloudops.core.plugins.module_utils._domain.schedule_model import (
    EVERY,
    WEEKDAYS,
    DatedException,
    Days,
    Period,
    Schedule,
    clock,
)
from ansible_collections.cloudops.core.plugins.module_utils._domain.schedule_parse import (
    bound,
    close,
    read_clock,
    sequence,
    weekday_of,
)
from ansible_collections.cloudops.core.plugins.module_utils._domain.wallclock import DAY_MINUTES, zone_name

# The begin and the end of a period.
Times: TypeAlias = "tuple[int | None, int | None]"

WEEK_MINUTES = 7 * DAY_MINUTES
DEFAULT_ON, DEFAULT_OFF = "(m-f,7)", "(m-f,19)"

# Cloud Custodian's short names for zones; each stands for a place, so daylight saving applies.
ZONE_ALIASES = {
    "aet": "Australia/Sydney",
    "ast": "America/Phoenix",
    "at": "America/Phoenix",
    "brt": "America/Sao_Paulo",
    "bst": "Europe/London",
    "cdt": "America/Chicago",
    "cet": "Europe/Berlin",
    "cst": "America/Chicago",
    "ct": "America/Chicago",
    "edt": "America/New_York",
    "est": "America/New_York",
    "et": "America/New_York",
    "gmt": "Etc/GMT",
    "gt": "Etc/GMT",
    "ist": "Europe/Dublin",
    "it": "Asia/Kolkata",
    "jst": "Asia/Tokyo",
    "kst": "Asia/Seoul",
    "mdt": "America/Denver",
    "mst": "America/Denver",
    "mt": "America/Denver",
    "pdt": "America/Los_Angeles",
    "pst": "America/Los_Angeles",
    "pt": "America/Los_Angeles",
    "sgt": "Asia/Singapore",
    "utc": "Etc/UTC",
}

_DAY_LETTERS = {letter: index for index, letter in enumerate("mtwhfsu")}
_EDGE = re.compile(r"\(?([a-z]+(?:-[a-z]+)?),(\d+)\)?", re.ASCII)
_RELATIVE = re.compile(r"(?P<days>\S+)\s+(?P<begin>[\d:]+)\s*-\s*(?P<end>[\d:]+)(?:\s+(?P<zone>\S+))?", re.ASCII)
_ABSOLUTE = re.compile(
    r"(?P<begin>\d{4}-.+?(?:[Zz]|[+-]\d\d:\d\d))\s*-\s*(?P<end>\d{4}-.+(?:[Zz]|[+-]\d\d:\d\d))", re.ASCII
)
_OFFHOURS_CURE = "Write off=(M-F,19);on=(M-F,7);tz=et, with days M T W H F S U and hours 0 to 23."
_SPEC_CURE = 'Write "Mon-Fri 07:30-20:30 Europe/Berlin", or two ISO 8601 times with offset and a dash between.'


def read_line(text: str, default_zone: str) -> Schedule:
    """A schedule from one line.

    :param default_zone: for a line that names no zone.
    :raises Invalid: it is neither an off-hours tag nor a time specification, or an invalid one.
    """
    line = text.strip().strip("'\"").strip()
    if not line:
        raise Invalid("schedule: empty", hint="Remove it, or write on for Monday to Friday, 7 to 19.")
    if line.lower() in ("on", "off") or "=" in line:
        return _read_offhours(line.lower(), default_zone)
    return _read_downscaler(line, default_zone)


def _read_offhours(line: str, default_zone: str) -> Schedule:
    if line == "off":
        # An instance that opted out of off-hours is left alone, not kept off.
        return Schedule(timezone=default_zone, override="any")
    fields = {} if line == "on" else _split_offhours(line)
    zone_text = default_zone
    if fields.get("tz"):
        alias = fields["tz"]
        zone_text = zone_name(ZONE_ALIASES.get(alias, alias))
    on = _read_edges(fields.get("on", DEFAULT_ON), "on")
    off = _read_edges(fields.get("off", DEFAULT_OFF), "off")
    for minute in sorted(on & off):
        raise Invalid(
            f"schedule: on and off both at {WEEKDAYS[minute // DAY_MINUTES]} {clock(minute % DAY_MINUTES)}",
            hint=f"Change one; without on it is {DEFAULT_ON.upper()}, without off {DEFAULT_OFF.upper()}.",
        )
    return Schedule(timezone=zone_text, periods=_level(on, off))


def _split_offhours(line: str) -> dict[str, str]:
    fields: dict[str, str] = {}
    for part in filter(None, (part.strip() for part in line.split(";"))):
        key, mark, value = (piece.strip() for piece in part.partition("="))
        if not mark or key not in ("on", "off", "tz"):
            raise Invalid(f"schedule: {part!r} is none of on=, off= and tz=", hint=_OFFHOURS_CURE)
        if key in fields:
            raise Invalid(f"schedule: {key}= comes twice", hint=f"Put both into one list: {key}=[(M-F,7),(S,9)].")
        fields[key] = value
    if not fields:
        raise Invalid("schedule: empty", hint=_OFFHOURS_CURE)
    return fields


def _read_edges(text: str, key: str) -> set[int]:
    """The minutes of the week at which the state changes."""
    bare = re.sub(r"[\s\[\]]", "", text)
    minutes: set[int] = set()
    for part in re.split(r",(?=\()", bare):
        match = _EDGE.fullmatch(part)
        if match is None:
            raise Invalid(f"schedule: {key}={text} has {part!r} where (days,hour) belongs", hint=_OFFHOURS_CURE)
        days = sequence(match[1], f"schedule: {key}={text}", _letter, (0, 6), wrap=True)
        if int(match[2]) > 23:
            raise Invalid(f"schedule: {key}={text} has the hour {match[2]}", hint="Use 0 to 23.")
        minutes.update(day * DAY_MINUTES + int(match[2]) * 60 for day in days)
    return minutes


def _letter(text: str, field: str) -> int:
    if text not in _DAY_LETTERS:
        raise Invalid(
            f"{field} has the day {text!r}", hint="Use M T W H (Thursday) F S U (Sunday), or a range such as M-F."
        )
    return _DAY_LETTERS[text]


def _level(on: set[int], off: set[int]) -> tuple[Period, ...]:
    """Edges read as a level, where the last edge wins: periods from each first on to the next off."""
    changes = sorted([(minute, True) for minute in on] + [(minute, False) for minute in off])
    windows: dict[Times, set[int]] = defaultdict(set)
    for index, (begin, is_on) in enumerate(changes):
        if not is_on or changes[index - 1][1]:
            continue
        end = next(minute for minute, on_again in changes[index + 1 :] + changes[:index] if not on_again)
        for weekday, window in _by_day(begin, end + WEEK_MINUTES * (end < begin)):
            windows[window].add(weekday)
    return tuple(
        Period(days=Days(weekdays=frozenset((day, EVERY) for day in days)), begin=begin, end=end)
        for (begin, end), days in windows.items()
    )


def _by_day(begin: int, end: int) -> list[tuple[int, Times]]:
    """One stretch of the week as windows of its days; a night stays one window of its begin day."""
    day, last_day = begin // DAY_MINUTES, end // DAY_MINUTES
    first, last = begin % DAY_MINUTES, end % DAY_MINUTES
    if end - begin < DAY_MINUTES:
        return [(day % 7, (first, last or DAY_MINUTES))]
    pieces: list[tuple[int, Times]] = [(day % 7, (first, DAY_MINUTES) if first else (None, None))]
    pieces += [(middle % 7, (None, None)) for middle in range(day + 1, last_day)]
    if last:
        pieces.append((last_day % 7, (0, last)))
    return pieces


def _read_downscaler(line: str, default_zone: str) -> Schedule:
    periods: list[Period] = []
    exceptions: list[DatedException] = []
    words = set()
    for part in (part.strip() for part in line.split(",")):
        if part.lower() in ("always", "true", "never", "false"):
            words.add(part.lower() in ("always", "true"))
        elif absolute := _ABSOLUTE.fullmatch(part):
            exceptions.append(_read_absolute(absolute, part, default_zone))
        else:
            periods.append(_read_relative(part, default_zone))
    if True in words:
        return Schedule(timezone=default_zone, override="on")
    if not periods and not exceptions:
        return Schedule(timezone=default_zone, override="off")
    zone_text = periods[0].timezone if periods else default_zone
    return Schedule(
        timezone=zone_text,
        periods=tuple(
            Period(period.days, period.begin, period.end, "" if period.timezone == zone_text else period.timezone)
            for period in periods
        ),
        exceptions=tuple(exceptions),
    )


def _read_absolute(match: re.Match[str], part: str, zone_text: str) -> DatedException:
    field = f"schedule: {part!r}"
    begin, end = (bound(match[key], field, zone_text, last=key == "end") for key in ("begin", "end"))
    if begin >= end:
        raise Invalid(f"{field} runs backwards", hint="Put the earlier time first.")
    return DatedException(begin, end, "on")


def _read_relative(part: str, default_zone: str) -> Period:
    field = f"schedule: {part!r}"
    match = _RELATIVE.fullmatch(part)
    if match is None:
        raise Invalid(f"{field} is not a schedule", hint=_SPEC_CURE)
    days = sequence(match["days"], field, weekday_of, (0, 6), wrap=True)
    begin = read_clock(match["begin"], field, last=DAY_MINUTES - 1)
    end = read_clock(match["end"], field, last=DAY_MINUTES)
    return Period(
        days=Days(weekdays=frozenset((day, EVERY) for day in days)),
        begin=begin,
        end=close(begin, end, field),
        timezone=zone_name(match["zone"]) if match["zone"] else default_zone,
    )
