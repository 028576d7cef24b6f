# Copyright (c) 2026 cloudops.core contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A small part of PromQL, for the stand-in of Prometheus: what tests and the demo ask, and no more.

Selectors with ``=``, ``!=``, ``=~`` and ``!~``; ``sum``, ``avg``, ``min``, ``max`` and ``count``, also ``by`` labels;
``avg_over_time`` and its like over ``[5m]``; ``rate``; ``timestamp``, ``scalar``, ``vector``, ``time``; numbers, ``+ - * /`` and
parentheses. Anything else is refused in Prometheus's own manner, so that a test that needs more can't pass by accident.
"""

from __future__ import annotations

import math
import operator
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import pairwise
from typing import Any

Labels = frozenset[tuple[str, str]]
Vector = dict[Labels, float]
Value = float | Vector

LOOKBACK = 300.0
STALE = None
"""Where a series ends: the scrape after its last one didn't have it."""

_TOKEN = re.compile(
    r"""\s*(?:(?P<number>\d+(?:\.\d+)?(?:e[+-]?\d+)?|(?:NaN|Inf)\b)|(?P<name>[a-zA-Z_:][\w:]*)|"""
    r"""(?P<text>"(?:[^"\\]|\\.)*")|(?P<range>\[\d+[smhd]\])|(?P<sign>=~|!~|!=|[-+*/(){}=,]))"""
)
_UNITS = {"s": 1, "m": 60, "h": 3600, "d": 86400}
_LINE = re.compile(r"([a-zA-Z_:][\w:]*)(?:\{(.*)\})?\s+(\S+)(?:\s+(\S+))?")
_LABEL = re.compile(r'([a-zA-Z_]\w*)="((?:[^"\\]|\\.)*)"')


class PromQLError(Exception):
    """The query is none, or more than is understood here."""


def _mean(values: Sequence[float]) -> float:
    return math.fsum(values) / len(values)


AGGREGATES: dict[str, Callable[[Sequence[float]], float]] = {
    "sum": math.fsum,
    "avg": _mean,
    "min": min,
    "max": max,
    "count": len,
}
OVER_TIME: dict[str, Callable[[Sequence[float]], float]] = {
    f"{name}_over_time": how for name, how in AGGREGATES.items()
}
ARITHMETIC: dict[str, Callable[[float, float], float]] = {
    "+": operator.add,
    "-": operator.sub,
    "*": operator.mul,
    "/": lambda left, right: left / right if right else math.copysign(math.inf, left) if left else math.nan,
}
MATCHERS: dict[str, Callable[[str, str], bool]] = {
    "=": operator.eq,
    "!=": operator.ne,
    "=~": lambda value, pattern: re.fullmatch(pattern, value) is not None,
    "!~": lambda value, pattern: re.fullmatch(pattern, value) is None,
}


@dataclass
class Samples:
    """All series with their samples, oldest first."""

    series: dict[Labels, list[tuple[float, float | None]]] = field(default_factory=dict)

    def load(self, text: str, now: float | None = None, target: Mapping[str, str] | None = None) -> set[Labels]:
        """Take samples from the text format; those without a time of their own are of ``now``. Returns whose they are."""
        seen = set()
        for line in text.splitlines():
            found = _LINE.fullmatch(line.strip()) if not line.startswith("#") else None
            if found is None:
                continue
            pairs = {name: _unescape(value) for name, value in _LABEL.findall(found[2] or "")}
            labels = frozenset({"__name__": found[1], **pairs, **(target or {})}.items())
            time = float(found[4]) if found[4] else now
            if time is None:
                raise ValueError(f"a line without a time: {line}")
            self.add(labels, time, float(found[3]))
            seen.add(labels)
        return seen

    def add(self, labels: Labels, time: float, value: float | None) -> None:
        """Add a sample, the newest of its series."""
        self.series.setdefault(labels, []).append((time, value))

    def at(self, labels: Labels, time: float) -> tuple[float, float] | None:
        """The newest sample that is not too old, unless the series has ended."""
        newest = next((sample for sample in reversed(self.series[labels]) if sample[0] <= time), None)
        if newest is None or newest[1] is None or newest[0] <= time - LOOKBACK:
            return None
        return newest[0], newest[1]


def _unescape(text: str) -> str:
    return re.sub(r"\\(.)", lambda found: "\n" if found[1] == "n" else found[1], text)


@dataclass(frozen=True)
class Selector:
    """A metric, its labels, and how many seconds of it."""

    matchers: tuple[tuple[str, str, str], ...]
    seconds: int = 0

    def matching(self, samples: Samples) -> list[Labels]:
        """The series that match."""
        return [labels for labels in samples.series if self._matches(dict(labels))]

    def _matches(self, labels: Mapping[str, str]) -> bool:
        return all(MATCHERS[how](labels.get(name, ""), wanted) for name, how, wanted in self.matchers)


Node = Callable[[Samples, float], Value]


class _Parser:
    """By recursive descent. A node is a function of the samples and the time."""

    def __init__(self, text: str) -> None:
        self._tokens = list(self._cut(text))
        self._place = 0

    def _cut(self, text: str) -> Iterator[tuple[str, str]]:
        place = 0
        text = text.rstrip()
        while place < len(text):
            found = _TOKEN.match(text, place)
            if found is None or found.lastgroup is None:
                raise PromQLError(f"1:{place + 1}: parse error: unexpected character: {text[place]!r}")
            yield found.lastgroup, found[found.lastgroup]
            place = found.end()

    @property
    def _next(self) -> tuple[str, str]:
        return self._tokens[self._place] if self._place < len(self._tokens) else ("end", "")

    def _take(self, sign: str = "") -> str:
        _kind, text = self._next
        if sign and text != sign:
            raise PromQLError(f'parse error: unexpected {text or "end of input"!r}, expected "{sign}"')
        self._place += 1
        return text

    def whole(self) -> Node | Selector:
        """The whole of the text."""
        if not self._tokens:
            raise PromQLError("unknown position: parse error: no expression found in input")
        node = self._sum()
        if self._next[0] != "end":
            raise PromQLError(f"parse error: unexpected {self._next[1]!r}")
        return node

    def _sum(self) -> Node | Selector:
        return self._chain(("+", "-"), lambda: self._chain(("*", "/"), self._atom))

    def _chain(self, signs: tuple[str, ...], part: Callable[[], Node | Selector]) -> Node | Selector:
        left = part()
        while self._next[1] in signs:
            sign = self._take()
            left = _arithmetic(sign, _node(left), _node(part()))
        return left

    def _atom(self) -> Node | Selector:
        kind, text = self._next
        if kind == "number":
            self._take()
            number = float(text)
            return lambda _samples, _time: number
        if text == "-":
            self._take()
            return _arithmetic("*", lambda _samples, _time: -1.0, _node(self._atom()))
        if text == "(":
            self._take()
            inner = self._sum()
            self._take(")")
            return inner
        if kind == "name" or text == "{":
            return self._named()
        raise PromQLError(f"parse error: unexpected {text or 'end of input'!r}")

    def _named(self) -> Node | Selector:
        name = self._take() if self._next[0] == "name" else ""
        if name in AGGREGATES:
            return self._aggregate(AGGREGATES[name])
        if name and self._next[1] == "(":
            return self._call(name)
        matchers = [("__name__", "=", name)] if name else []
        if self._next[1] == "{":
            matchers += self._matchers()
        kind, text = self._next
        seconds = 0
        if kind == "range":
            self._take()
            seconds = int(text[1:-2]) * _UNITS[text[-2]]
        return Selector(tuple(matchers), seconds)

    def _matchers(self) -> list[tuple[str, str, str]]:
        self._take("{")
        found = []
        while self._next[1] != "}":
            name, how = self._take(), self._take()
            kind, text = self._next
            if how not in MATCHERS or kind != "text":
                raise PromQLError(f"parse error: unexpected {text or 'end of input'!r} in label matching")
            found.append((name, how, _unescape(self._take()[1:-1])))
            if self._next[1] == ",":
                self._take()
        self._take("}")
        return found

    def _by(self) -> list[str] | None:
        if self._next[1] != "by":
            return None
        self._take()
        self._take("(")
        names = []
        while self._next[1] != ")":
            names.append(self._take())
            if self._next[1] == ",":
                self._take()
        self._take(")")
        return names

    def _aggregate(self, how: Callable[[Sequence[float]], float]) -> Node:
        before = self._by()
        self._take("(")
        inner = _node(self._sum())
        self._take(")")
        names = before or self._by() or []

        def node(samples: Samples, time: float) -> Value:
            groups: dict[Labels, list[float]] = {}
            for labels, value in _vector(inner(samples, time)).items():
                groups.setdefault(frozenset(pair for pair in labels if pair[0] in names), []).append(value)
            return {labels: float(how(values)) for labels, values in groups.items()}

        return node

    def _call(self, name: str) -> Node:
        self._take("(")
        argument = None if self._next[1] == ")" else self._sum()
        self._take(")")
        if name == "time" and argument is None:
            return lambda _samples, time: time
        if argument is None:
            raise PromQLError(f"parse error: expected 1 argument(s) in call to {name!r}, got 0")
        if name in OVER_TIME or name == "rate":
            how = OVER_TIME.get(name)
            return _over_time(argument, (lambda points: how([value for _time, value in points])) if how else _rate)
        if name == "timestamp":
            return _timestamp(argument)
        inner = _node(argument)
        if name == "scalar":
            return lambda samples, time: _scalar(_vector(inner(samples, time)))
        if name == "vector":
            return lambda samples, time: {frozenset(): _number(inner(samples, time))}
        raise PromQLError(f"1:1: parse error: unknown function with name {name!r}")


def _node(parsed: Node | Selector) -> Node:
    if not isinstance(parsed, Selector):
        return parsed
    if parsed.seconds:
        raise PromQLError("parse error: a range of samples is not understood here")

    def node(samples: Samples, time: float) -> Value:
        found = ((labels, samples.at(labels, time)) for labels in parsed.matching(samples))
        return {labels: sample[1] for labels, sample in found if sample is not None}

    return node


def _timestamp(argument: Node | Selector) -> Node:
    if not isinstance(argument, Selector) or argument.seconds:
        raise PromQLError("parse error: timestamp() is understood of selectors only")
    selector = argument

    def node(samples: Samples, time: float) -> Value:
        found = ((labels, samples.at(labels, time)) for labels in selector.matching(samples))
        return {_nameless(labels): sample[0] for labels, sample in found if sample is not None}

    return node


def _over_time(argument: Node | Selector, how: Callable[[Sequence[tuple[float, float]]], float | None]) -> Node:
    if not isinstance(argument, Selector) or not argument.seconds:
        raise PromQLError("parse error: expected type range vector, got instant vector")
    selector = argument

    def node(samples: Samples, time: float) -> Value:
        result: Vector = {}
        for labels in selector.matching(samples):
            points = [
                (at, value)
                for at, value in samples.series[labels]
                if value is not None and time - selector.seconds <= at <= time
            ]
            value = how(points) if points else None
            if value is not None:
                result[_nameless(labels)] = float(value)
        return result

    return node


def _rate(points: Sequence[tuple[float, float]]) -> float | None:
    """Without Prometheus's extrapolation to the ends of the range, which is nothing that tests here may depend on."""
    if len(points) < 2:
        return None
    rises = (max(0.0, after[1] - before[1]) for before, after in pairwise(points))
    return math.fsum(rises) / (points[-1][0] - points[0][0])


def _arithmetic(sign: str, left: Node, right: Node) -> Node:
    how = ARITHMETIC[sign]

    def node(samples: Samples, time: float) -> Value:
        one, two = left(samples, time), right(samples, time)
        if isinstance(one, dict) and isinstance(two, dict):
            others = {_nameless(labels): value for labels, value in two.items()}
            mine = {_nameless(labels): value for labels, value in one.items()}
            return {labels: how(value, others[labels]) for labels, value in mine.items() if labels in others}
        if isinstance(one, dict):
            return {_nameless(labels): how(value, _number(two)) for labels, value in one.items()}
        if isinstance(two, dict):
            return {_nameless(labels): how(one, value) for labels, value in two.items()}
        return how(one, two)

    return node


def _nameless(labels: Labels) -> Labels:
    return frozenset(pair for pair in labels if pair[0] != "__name__")


def _vector(value: Value) -> Vector:
    if isinstance(value, dict):
        return value
    raise PromQLError("parse error: expected type instant vector, got scalar")


def _number(value: Value) -> float:
    if isinstance(value, dict):
        raise PromQLError("parse error: expected type scalar, got instant vector")
    return value


def _scalar(vector: Vector) -> float:
    return next(iter(vector.values())) if len(vector) == 1 else math.nan


def parse(text: str) -> Node | Selector:
    """A query as something that can be asked.

    :raises PromQLError: when it can't.
    """
    try:
        return _Parser(text).whole()
    except re.error as error:
        raise PromQLError(f"parse error: {error}") from error


def instant(text: str, samples: Samples, time: float) -> dict[str, Any]:
    """The ``data`` of an instant query."""
    parsed = parse(text)
    if isinstance(parsed, Selector) and parsed.seconds:
        result = []
        for labels in parsed.matching(samples):
            points = [
                [at, _text(value)]
                for at, value in samples.series[labels]
                if value is not None and time - parsed.seconds <= at <= time
            ]
            result += [{"metric": dict(labels), "values": points}] if points else []
        return {"resultType": "matrix", "result": result}
    value = _node(parsed)(samples, time)
    if not isinstance(value, dict):
        return {"resultType": "scalar", "result": [time, _text(value)]}
    vector = [{"metric": dict(labels), "value": [time, _text(number)]} for labels, number in value.items()]
    return {"resultType": "vector", "result": vector}


def ranged(text: str, samples: Samples, start: float, end: float, step: float) -> dict[str, Any]:
    """The ``data`` of a range query."""
    if (end - start) / step > 11000:
        raise PromQLError(
            "exceeded maximum resolution of 11,000 points per timeseries. Try decreasing the query resolution (?step=XX)"
        )
    node = _node(parse(text))
    series: dict[Labels, list[list[Any]]] = {}
    for number in range(int((end - start) // step) + 1):
        time = start + number * step
        value = node(samples, time)
        for labels, one in (value if isinstance(value, dict) else {frozenset(): value}).items():
            series.setdefault(labels, []).append([time, _text(one)])
    result = [{"metric": dict(labels), "values": points} for labels, points in series.items()]
    return {"resultType": "matrix", "result": result}


def _text(value: float) -> str:
    if math.isnan(value):
        return "NaN"
    if math.isinf(value):
        return "+Inf" if value > 0 else "-Inf"
    return repr(float(value)).removesuffix(".0")
