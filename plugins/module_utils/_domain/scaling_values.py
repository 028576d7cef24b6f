# Copyright (c) 2026 cloudops.core contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Numbers, sizes and times as people write them, read for the scaling engine; every mistake names the option.

Numbers are exact fractions, so that ``1.1 x 70`` is 77 and not a little more, and ``ceil`` never adds a replica for a rounding error.
Texts are fine everywhere, since surveys send texts. A number may be a Kubernetes quantity (``250m``, ``2Gi``):
https://kubernetes.io/docs/reference/kubernetes-api/common-definitions/quantity/
"""

from __future__ import annotations

import math
import re
from collections.abc import Collection, Mapping, Sequence
from decimal import Decimal
from fractions import Fraction
from typing import Any

from ansible_collections.cloudops.core.plugins.module_utils._core.errors import Invalid
from ansible_collections.cloudops.core.plugins.module_utils._domain.times import (
    parse_duration,
)

LONGEST = 86400
"""Seconds: no window, period or cooldown is longer than a day."""

_NOTHING = frozenset(
    {"", "nan", "none", "null", *(f"{sign}inf{end}" for sign in ("", "+", "-") for end in ("", "inity"))}
)
_NUMBER = re.compile(r"(?P<number>[+-]?(?:\d+\.?\d*|\.\d+)(?:[eE][+-]?\d+)?)(?P<unit>[numkMGTPE]|[KMGTPE]i)?", re.ASCII)
_DECIMAL_UNITS = {unit: Fraction(1000) ** power for power, unit in enumerate("num kMGTPE", start=-3) if unit != " "}
_BINARY_UNITS = {f"{unit}i": Fraction(1024) ** power for power, unit in enumerate("KMGTPE", start=1)}
_UNITS = {**_DECIMAL_UNITS, **_BINARY_UNITS}


def read_number(value: Any, path: str) -> Fraction | None:
    """A number; None for what is none: null, an empty text, NaN, infinity.

    :raises Invalid: for words, booleans and the like.
    """
    words = "" if value is None else str(value).strip()
    if words.lower() in _NOTHING:
        return None
    match = None if isinstance(value, bool) else _NUMBER.fullmatch(words)
    if match is None:
        raise Invalid(f"{path} is {value!r}", hint="It is a number, such as 70, 0.5 or 250m.")
    number, unit = float(match["number"]), _UNITS.get(match["unit"] or "", Fraction(1))
    if math.isinf(number * float(unit)):
        return None
    return Fraction(Decimal(repr(number))) * unit


def number(value: Any, path: str, lowest: float | None = None, above: float | None = None) -> Fraction:
    """A number that has to be there.

    :param lowest: the least that it may be.
    :param above: what it has to be more than.
    :raises Invalid: for anything else.
    """
    found = read_number(value, path)
    if found is None or (lowest is not None and found < lowest) or (above is not None and found <= above):
        bound = "" if lowest is None else f", {lowest:g} or more"
        bound = bound if above is None else f", more than {above:g}"
        raise Invalid(f"{path} is {value!r}", hint=f"It is a number{bound}.")
    return found


def whole(value: Any, path: str, lowest: int | None = 0) -> int:
    """A whole number that has to be there.

    :raises Invalid: for anything else.
    """
    found = read_number(value, path)
    if found is None or found.denominator != 1 or (lowest is not None and found < lowest):
        bound = "" if lowest is None else f", {lowest} or more"
        raise Invalid(f"{path} is {value!r}", hint=f"It is a whole number{bound}.")
    return int(found)


def maybe_whole(value: Any, path: str, lowest: int | None = 0) -> int | None:
    """A whole number, or None where none is given.

    :raises Invalid: for anything else.
    """
    return None if not_given(value) else whole(value, path, lowest)


def seconds(value: Any, path: str, lowest: int = 0, longest: int = LONGEST) -> int:
    """A duration in whole seconds: a number, or text such as ``90s``, ``5m``, ``1h30m``.

    :raises Invalid: for anything else.
    """
    if isinstance(value, float) and value.is_integer():
        value = int(value)
    found = parse_duration(value, path)
    if not lowest <= found <= longest:
        raise Invalid(f"{path} is {value!r}", hint=f"It is a duration of {lowest} to {longest} seconds.")
    return found


def mapping(value: Any, path: str, known: Collection[str]) -> Mapping[str, Any]:
    """A mapping that has only known keys.

    :raises Invalid: naming the key that isn't.
    """
    if not isinstance(value, Mapping):
        raise Invalid(f"{path} is {value!r}", hint=f"It is a mapping with {', '.join(known)}.")
    for key in value:
        if key not in known:
            raise Invalid(f"{path}.{key} is unknown", hint=f"Known are {', '.join(known)}.")
    return value


def listed(value: Any, path: str) -> Sequence[Any]:
    """A list.

    :raises Invalid: for anything else.
    """
    if isinstance(value, (str, bytes, Mapping)) or not isinstance(value, Sequence):
        raise Invalid(f"{path} is {value!r}", hint="It is a list.")
    return value


def word(value: Any, path: str, known: Collection[str]) -> str:
    """One of these words, in any case and with or without underscores.

    :raises Invalid: for another.
    """
    plain = str(value).strip().lower().replace("_", "")
    found = next((name for name in known if name.lower().replace("_", "") == plain), None)
    if found is None:
        raise Invalid(f"{path} is {value!r}", hint=f"It is one of {', '.join(known)}.")
    return found


def not_given(value: Any) -> bool:
    """Whether an option isn't given: null, or an empty text as surveys send it."""
    return value is None or (isinstance(value, str) and not value.strip())


def ceil(value: Fraction) -> int:
    """The next whole number that isn't less."""
    return math.ceil(value)


def show(value: Fraction) -> str:
    """A number for people."""
    try:
        return f"{float(value):.6g}"
    except OverflowError:
        return "beyond 1e308"


def plain(value: Fraction | None) -> int | float | None:
    """A number for JSON."""
    if value is None:
        return None
    return int(value) if value.denominator == 1 else float(value)
