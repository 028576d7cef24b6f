# Copyright (c) 2026 cloudops.core contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Times and durations as people write them. Pure."""

from __future__ import annotations

import re
from datetime import datetime, timezone

from ansible_collections.cloudops.core.plugins.module_utils._core.errors import Invalid

_UNITS = {"s": 1, "m": 60, "h": 3600, "d": 86400, "w": 604800}
_DURATION = re.compile(r"(?:[0-9]+[smhdw])+")


def parse_duration(text: object, option: str) -> int:
    """Seconds of ``90``, ``90s``, ``5m``, ``1h30m``, ``7d``, ``2w``.

    :raises Invalid: for anything else, and for nothing at all; names the option.
    """
    words = str(text).strip().lower()
    if words.isascii() and words.isdigit():
        return int(words)
    if _DURATION.fullmatch(words):
        return sum(int(number) * _UNITS[unit] for number, unit in re.findall(r"(\d+)([smhdw])", words))
    raise Invalid(
        f"{option} is not a duration: {text!r}",
        hint="Give seconds, or a number with s, m, h, d or w: 90s, 5m, 1h30m, 7d.",
    )


def parse_time(text: object, option: str) -> float:
    """Seconds since 1970 of an ISO 8601 time (UTC where it names no offset) or of a number of seconds.

    :raises Invalid: for anything else; names the option.
    """
    words = str(text).strip()
    try:
        return float(words) if re.fullmatch(r"\d{9,}(\.\d+)?", words) else _iso(words)
    except ValueError as error:
        raise Invalid(
            f"{option} is not a time: {text!r}", hint="Give ISO 8601, such as 2026-03-01T10:00:00Z."
        ) from error


def read_iso(text: str) -> datetime:
    """A time in ISO 8601. Python 3.10 reads neither Z nor other than 3 or 6 digits behind the point.

    :raises ValueError: for anything else.
    """
    words = re.sub(r"[Zz]$", "+00:00", text.strip())
    return datetime.fromisoformat(re.sub(r"[.,](\d+)", lambda found: f".{found[1]:0<6.6}", words))


def _iso(words: str) -> float:
    moment = read_iso(words)
    return (moment if moment.tzinfo else moment.replace(tzinfo=timezone.utc)).timestamp()


def iso_time(seconds: float) -> str:
    """A time in ISO 8601, in UTC."""
    return datetime.fromtimestamp(seconds, timezone.utc).isoformat()


def iso(moment: datetime) -> str:
    """ISO 8601 in UTC, to the second."""
    return moment.astimezone(timezone.utc).strftime("%Y-%m-%dT%H:%M:%SZ")
