# Copyright (c) 2026 cloudops.core contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Arguments of event sources: what they may be, and how they are read. Pure."""

from __future__ import annotations

import difflib
import math
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any


class ArgumentError(ValueError):
    """An argument that can't be right. The text names it, and says what to do."""

    def __init__(self, name: str, problem: str, cure: str) -> None:
        super().__init__(f"{name} {problem}. {cure}")


@dataclass(frozen=True)
class Argument:
    """What an argument may be.

    :param kind: text, integer, number, boolean, duration (seconds), texts (a list), lines (a list; as text, one a line),
        mapping, mappings, or raw.
    :param fields: the arguments inside a mapping; without them, it may have any keys.
    """

    kind: str = "text"
    default: Any = None
    required: bool = False
    choices: tuple[str, ...] = ()
    least: float | None = None
    most: float | None = None
    aliases: tuple[str, ...] = ()
    fields: Mapping[str, Argument] = field(default_factory=dict)


def read_arguments(given: Mapping[str, Any], table: Mapping[str, Argument], where: str = "") -> dict[str, Any]:
    """The arguments as they are meant, defaults filled in. None and an empty text mean that one isn't given.

    :raises ArgumentError: for the first that can't be right.
    """
    names = {alias: name for name, argument in table.items() for alias in (name, *argument.aliases)}
    values: dict[str, Any] = {}
    for key, value in given.items():
        if key not in names:
            near = difflib.get_close_matches(str(key), names, 1)
            cure = f"Did you mean {where}{near[0]}?" if near else f"There are {', '.join(table)}."
            raise ArgumentError(f"{where}{key}", "is not an argument of this source", cure)
        if value is None or value == "":
            continue
        name = names[key]
        if name in values:
            raise ArgumentError(f"{where}{name}", f"is given twice, also as {key}", "Leave one of them out.")
        values[name] = READERS[table[name].kind](value, where + name, table[name])
    for name, argument in table.items():
        if argument.required and name not in values:
            raise ArgumentError(f"{where}{name}", "is missing", "This source can't do without it.")
        values.setdefault(name, argument.default)
    return values


def _read_text(value: Any, name: str, argument: Argument) -> str:
    if isinstance(value, (Mapping, list, tuple)):
        raise ArgumentError(name, f"is a {'mapping' if isinstance(value, Mapping) else 'list'}", "Give a text.")
    text = str(value)
    if argument.choices and text not in argument.choices:
        raise ArgumentError(name, f"is {text!r}", f"It is one of {', '.join(argument.choices)}.")
    return text


def _read_number(value: Any, name: str, argument: Argument) -> float:
    try:
        number = math.nan if isinstance(value, bool) else float(value)
    except (TypeError, ValueError):
        number = math.nan
    if not math.isfinite(number):
        raise ArgumentError(name, f"is {value!r}, which is no number", "Give a number, such as 5 or 0.5.")
    return _within(number, name, argument)


def _read_integer(value: Any, name: str, argument: Argument) -> int:
    number = _read_number(value, name, argument)
    if not number.is_integer():
        raise ArgumentError(name, f"is {value!r}, which is no whole number", "Give a whole number, such as 5.")
    return int(number)


def _within(number: float, name: str, argument: Argument) -> float:
    if argument.least is not None and number < argument.least:
        raise ArgumentError(name, f"is {number:g}", f"It is {argument.least:g} or more.")
    if argument.most is not None and number > argument.most:
        raise ArgumentError(name, f"is {number:g}", f"It is {argument.most:g} or less.")
    return number


_UNITS = {"s": 1, "m": 60, "h": 3600, "d": 86400, "w": 604800}


def _read_duration(value: Any, name: str, argument: Argument) -> float:
    text = "" if isinstance(value, bool) else str(value).strip().lower()
    if re.fullmatch(r"\d+(\.\d+)?", text):
        return _within(float(text), name, argument)
    if not re.fullmatch(r"(\d+(\.\d+)?[smhdw])+", text):
        cure = "Give seconds, or a number with s, m, h, d or w: 90s, 5m, 1h30m."
        raise ArgumentError(name, f"is {value!r}, which is no duration", cure)
    parts = re.findall(r"(\d+(?:\.\d+)?)([smhdw])", text)
    return _within(sum(float(number) * _UNITS[unit] for number, unit in parts), name, argument)


def _read_boolean(value: Any, name: str, _argument: Argument) -> bool:
    word = str(value).strip().lower()
    if word not in ("true", "yes", "on", "1", "false", "no", "off", "0"):
        raise ArgumentError(name, f"is {value!r}", "It is true or false.")
    return word in ("true", "yes", "on", "1")


def _read_texts(value: Any, name: str, argument: Argument) -> tuple[str, ...]:
    if isinstance(value, str):
        value = value.splitlines() if argument.kind == "lines" else re.split(r"[\s,]+", value)
    if not isinstance(value, (list, tuple)):
        raise ArgumentError(name, f"is {value!r}", "Give a list.")
    texts = (_read_text(item, f"{name}[{place}]", argument).strip() for place, item in enumerate(value))
    return tuple(text for text in texts if text)


def _read_mapping(value: Any, name: str, argument: Argument) -> dict[str, Any]:
    if not isinstance(value, Mapping):
        raise ArgumentError(name, f"is {value!r}, which is no mapping", "Give keys and values.")
    return read_arguments(value, argument.fields, f"{name}.") if argument.fields else dict(value)


def _read_mappings(value: Any, name: str, argument: Argument) -> tuple[dict[str, Any], ...]:
    if not isinstance(value, (list, tuple)):
        raise ArgumentError(name, f"is {value!r}", "Give a list of mappings.")
    return tuple(_read_mapping(item, f"{name}[{place}]", argument) for place, item in enumerate(value))


READERS: Mapping[str, Callable[[Any, str, Argument], Any]] = {
    "text": _read_text,
    "number": _read_number,
    "integer": _read_integer,
    "duration": _read_duration,
    "boolean": _read_boolean,
    "texts": _read_texts,
    "lines": _read_texts,
    "mapping": _read_mapping,
    "mappings": _read_mappings,
    "raw": lambda value, _name, _argument: value,
}
