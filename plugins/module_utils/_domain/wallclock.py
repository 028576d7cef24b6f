# Copyright (c) 2026 cloudops.core contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""From wall clocks to instants.

An instant is a whole number of seconds since 1970-01-01T00:00:00Z. A wall time is a day (its proleptic ordinal) and a
minute of that day in a named zone. Where the clocks jump there are two rules:

* a wall time that the clocks skip takes effect at the end of the gap;
* a wall time that comes twice begins things at its first occurrence and ends things at its last.

The end of a day (minute 1440) is no wall time: it is the instant after which that date is over.
"""

from __future__ import annotations

import difflib
import re
import zoneinfo
from datetime import date, datetime, time, timedelta, timezone, tzinfo
from functools import lru_cache

from ansible_collections.cloudops.core.plugins.module_utils._core.errors import Invalid

DAY_MINUTES = 1440
EPOCH_ORDINAL = date(1970, 1, 1).toordinal()
FIRST_YEAR, LAST_YEAR = 1970, 9980

# These need no database, so a schedule in UTC works on a host that has none.
_UTC_NAMES = frozenset({"UTC", "Etc/UTC", "GMT", "Etc/GMT"})

_MOMENT = re.compile(
    r"(?P<year>\d{4})-?(?P<month>\d\d)-?(?P<day>\d\d)"
    r"(?:[Tt ](?P<hour>\d\d):?(?P<minute>\d\d)(?::?(?P<second>\d\d)(?:[.,]\d+)?)?"
    r"\s*(?P<zone>[Zz]|(?P<sign>[+-])(?P<zhour>\d\d):?(?P<zminute>\d\d)?)?)?",
    re.ASCII,
)


@lru_cache(maxsize=256)
def zone(name: str) -> tzinfo:
    """The zone of this IANA name.

    :raises Invalid: the host's time zone database doesn't know the name, or there is no database.
    """
    if name in _UTC_NAMES:
        return timezone.utc
    try:
        return zoneinfo.ZoneInfo(name)
    # Besides "not found", zoneinfo lets ValueError (absolute path) and OSError (the name of a directory) through.
    except (zoneinfo.ZoneInfoNotFoundError, ValueError, OSError):
        raise _unknown_zone(name) from None


def _unknown_zone(name: str) -> Invalid:
    known = zoneinfo.available_timezones()
    if not known:
        return Invalid(
            f"timezone {name!r} cannot be looked up: this host has no time zone database",
            hint="Install the Python package tzdata where this runs (or the system's tzdata package), or use UTC.",
        )
    near = difflib.get_close_matches(name, known, n=1)
    return Invalid(
        f"timezone {name!r} is not in the time zone database",
        hint=(f"Did you mean {near[0]}? " if near else "Give an IANA name such as Europe/Berlin. ")
        + "Names that only this host lacks come with the Python package tzdata.",
    )


@lru_cache(maxsize=256)
def zone_name(name: str) -> str:
    """The IANA name in its own spelling for a name in any case, as tags are often lower-cased.

    :raises Invalid: no zone has that name.
    """
    try:
        zone(name)
    except Invalid:
        wanted = name.lower()
        for known in zoneinfo.available_timezones() | _UTC_NAMES:
            if known.lower() == wanted:
                return known
        raise
    return name


def local_ordinal(instant: int, name: str) -> int:
    """The ordinal of the date that the clocks of this zone show at the instant."""
    return datetime.fromtimestamp(instant, zone(name)).toordinal()


def local_iso(instant: int, name: str) -> str:
    """The instant as ISO 8601 with the zone's offset, to the second."""
    return datetime.fromtimestamp(instant, zone(name)).isoformat(timespec="seconds")


@lru_cache(maxsize=16384)
def edge(name: str, ordinal: int, minute: int, last: bool) -> int:
    """The instant at which a wall time takes effect.

    :param name: the IANA name of the zone.
    :param ordinal: the day.
    :param minute: minute of the day, 0 to 1440; 1440 is the end of the day.
    :param last: whether something ends here (the last occurrence counts) or begins (the first).
    """
    tz = zone(name)
    if minute == DAY_MINUTES:
        return _day_end(tz, ordinal)
    return _resolve(datetime.combine(date.fromordinal(ordinal), time(minute // 60, minute % 60)), tz, last)


def _resolve(wall: datetime, tz: tzinfo, last: bool) -> int:
    first, second = _instant(wall, tz, 0), _instant(wall, tz, 1)
    if first > second:
        return _gap_end(tz, second, first)
    return second if last else first


def _instant(wall: datetime, tz: tzinfo, fold: int) -> int:
    return int(wall.replace(tzinfo=tz, fold=fold).timestamp())


def _gap_end(tz: tzinfo, before: int, after: int) -> int:
    """When the clocks jump; PEP 495 reads a skipped time as an instant before that and one after."""
    offset = datetime.fromtimestamp(before, tz).utcoffset()
    while after - before > 1:
        middle = (before + after) // 2
        if datetime.fromtimestamp(middle, tz).utcoffset() == offset:
            before = middle
        else:
            after = middle
    return after


def _day_end(tz: tzinfo, ordinal: int) -> int:
    midnight = datetime.combine(date.fromordinal(ordinal + 1), time())
    first, second = _instant(midnight, tz, 0), _instant(midnight, tz, 1)
    if first > second:
        return _gap_end(tz, second, first)
    # Midnight comes twice. Either the clocks fell back past it (the old date comes again) or onto it (it does not).
    if datetime.fromtimestamp(second - 1, tz).toordinal() == ordinal:
        return second
    return first


def instant_of(when: datetime, default_zone: str, last: bool = False) -> int:
    """The instant of a datetime, fractions dropped; one without offset is a wall time of ``default_zone``."""
    if when.tzinfo is not None:
        return int(when.timestamp() // 1)
    return _resolve(when.replace(microsecond=0), zone(default_zone), last)


def read_moment(value: object, field: str) -> date | datetime:
    """A date or a datetime from ISO 8601 text, or such an object as it is (YAML makes them from unquoted text).

    :raises Invalid: it is neither, or out of range.
    """
    if isinstance(value, str):
        value = _read_text(value.strip(), field)
    if not isinstance(value, date):
        raise Invalid(
            f"{field}: {value!r} is not a date or time",
            hint="Use ISO 8601, such as 2026-03-02 or 2026-03-02T09:00:00+01:00.",
        )
    if not FIRST_YEAR <= value.year <= LAST_YEAR:
        raise Invalid(f"{field}: the year {value.year} is out of range", hint=f"Use {FIRST_YEAR} to {LAST_YEAR}.")
    return value


def _read_text(text: str, field: str) -> date | datetime:
    match = _MOMENT.fullmatch(text)
    try:
        if match is None:
            raise ValueError("not ISO 8601")
        day = date(int(match["year"]), int(match["month"]), int(match["day"]))
        if match["hour"] is None:
            return day
        clock = time(int(match["hour"]), int(match["minute"]), int(match["second"] or 0), tzinfo=_read_offset(match))
    except ValueError as exc:
        raise Invalid(
            f"{field}: {text!r} is not a date or time ({exc})",
            hint="Use ISO 8601, such as 2026-03-02 or 2026-03-02T09:00:00+01:00.",
        ) from None
    return datetime.combine(day, clock)


def _read_offset(match: re.Match[str]) -> timezone | None:
    if match["zone"] is None:
        return None
    if match["sign"] is None:
        return timezone.utc
    offset = timedelta(hours=int(match["zhour"]), minutes=int(match["zminute"] or 0))
    return timezone(-offset if match["sign"] == "-" else offset)


def read_now(value: object) -> int:
    """The instant of a ``now`` that a user gave; without offset it is UTC.

    :raises Invalid: it is not a datetime, or not ISO 8601 with a time of day.
    """
    moment = read_moment(value, "now")
    if not isinstance(moment, datetime):
        raise Invalid(f"now: {value!s} has no time of day", hint="Add one, such as 2026-03-02T09:00:00Z.")
    return instant_of(moment, "UTC")
