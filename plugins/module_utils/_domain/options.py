# Copyright (c) 2026 cloudops.core contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Values of options as filters and roles get them: what is given, and what it says. Pure."""

from __future__ import annotations

import math
from collections.abc import Collection, Mapping
from typing import Any

from ansible_collections.cloudops.core.plugins.module_utils._core.errors import Invalid

_TRUE = ("true", "yes", "on", "1")
_FALSE = ("false", "no", "off", "0")


def given(value: Any) -> bool:
    """Whether an option is given at all."""
    return value is not None and not (isinstance(value, str) and not value.strip())


def flag(value: Any, name: str, default: bool = False) -> bool:
    """A boolean.

    :raises Invalid: for words that are none.
    """
    if not given(value):
        return default
    word = str(value).strip().lower()
    if word in _TRUE or word in _FALSE:
        return word in _TRUE
    raise Invalid(f"{name} is {value!r}", hint="It is true or false.")


def number(value: Any, name: str, lowest: float = 0, highest: float = math.inf) -> float | None:
    """A number within bounds, or None when it isn't given.

    :raises Invalid: for what is none.
    """
    if not given(value):
        return None
    try:
        found = float(str(value).strip())
    except ValueError:
        found = math.nan
    if isinstance(value, bool) or not lowest <= found <= highest or math.isinf(found):
        bounds = f"at least {lowest:g}" if math.isinf(highest) else f"{lowest:g} to {highest:g}"
        raise Invalid(f"{name} is {value!r}", hint=f"It is a number, {bounds}.")
    return found


def text(value: Any, default: str) -> str:
    """A text, stripped; the default when it isn't given."""
    return str(value).strip() if given(value) else default


def words(value: Any, name: str) -> tuple[str, ...]:
    """A list of words, also as a text with commas or line ends between them.

    :raises Invalid: for what is neither.
    """
    if not given(value):
        return ()
    items = value.replace("\n", ",").split(",") if isinstance(value, str) else value
    if isinstance(items, Mapping) or not isinstance(items, (list, tuple)):
        raise Invalid(f"{name} is {value!r}", hint="It is a list.")
    return tuple(str(item).strip() for item in items if str(item).strip())


def known_only(options: Mapping[str, Any], known: Collection[str]) -> None:
    """Refuse options that nobody knows.

    :raises Invalid: naming the first.
    """
    for name in options:
        if name not in known:
            raise Invalid(f"unknown option {name!r}", hint=f"Known are {', '.join(sorted(known))}.")
