# Copyright (c) 2026 cloudops.core contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What Prometheus answers, as numbers. Makes no calls.

https://prometheus.io/docs/prometheus/latest/querying/api/#expression-query-result-formats
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from ansible_collections.cloudops.core.plugins.module_utils._core.errors import Invalid
from ansible_collections.cloudops.core.plugins.module_utils._prometheus.errors import OPERATION, unlike_prometheus

_ESCAPES = str.maketrans({"\\": r"\\", '"': r"\"", "\n": r"\n"})


@dataclass(frozen=True)
class RawSeries:
    """One series as it came: NaN and infinity are still in it."""

    labels: tuple[tuple[str, str], ...] = ()
    points: tuple[tuple[float, float], ...] = ()

    @property
    def notation(self) -> str:
        """Its labels as PromQL has them: ``up{instance="a",job="b"}``."""
        return notation(dict(self.labels))


@dataclass(frozen=True)
class Answer:
    """All of an answer.

    :param messages: what Prometheus wants to be known: (code, text), the code being ``warning`` or ``info``.
    """

    series: tuple[RawSeries, ...] = ()
    messages: tuple[tuple[str, str], ...] = ()


def notation(labels: Mapping[str, str]) -> str:
    """Labels as PromQL has them, in alphabetical order. Empty when there are none."""
    name = labels.get("__name__", "")
    inside = ",".join(
        f'{label}="{value.translate(_ESCAPES)}"' for label, value in sorted(labels.items()) if label != "__name__"
    )
    return f"{name}{{{inside}}}" if inside else name


def read_answer(said: Mapping[str, Any], name: str, ranged: bool) -> Answer:
    """The series of an answer to an instant or a range query.

    :param name: the query's name, for messages.
    :raises Invalid: when they are no numbers, or the answer is none of Prometheus's.
    """
    try:
        data = said["data"]
        kind, result = data["resultType"], data["result"]
        series = tuple(_SHAPES[kind](result, name)) if kind in _SHAPES else None
        messages = tuple((code, str(text)) for code in ("warning", "info") for text in said.get(f"{code}s") or ())
    except (AttributeError, KeyError, IndexError, TypeError, ValueError) as error:
        raise unlike_prometheus(f"{type(error).__name__}: {error}", name) from error
    if kind == "string":
        raise _no_numbers(name, "a text", "Only queries for numbers can be read.")
    if kind == "matrix" and not ranged:
        hint = "Take one value of it, such as max_over_time(...), or give last or step: that makes it a range query."
        raise _no_numbers(name, "a range of samples for one time", hint)
    if series is None or (ranged and kind != "matrix"):
        raise unlike_prometheus(f"a result of type {kind}", name)
    return Answer(series, messages)


def _no_numbers(name: str, what: str, hint: str) -> Invalid:
    return Invalid(f"the query yields {what}", operation=OPERATION, resource=name, code="NoNumbers", hint=hint)


def _vector(result: Any, name: str) -> list[RawSeries]:
    return [RawSeries(_labels(one), (_point(one["value"]),)) for one in _floats(result, "value", name)]


def _matrix(result: Any, name: str) -> list[RawSeries]:
    return [
        RawSeries(_labels(one), tuple(_point(pair) for pair in one["values"]))
        for one in _floats(result, "values", name)
    ]


def _scalar(result: Any, _name: str) -> list[RawSeries]:
    return [RawSeries((), (_point(result),))]


# A text is looked at as little as it can be read.
_SHAPES = {"vector": _vector, "matrix": _matrix, "scalar": _scalar}


def _floats(result: Any, field: str, name: str) -> list[Mapping[str, Any]]:
    """The series, all with plain numbers."""
    for one in result:
        if field not in one and ("histogram" in one or "histograms" in one):
            hint = "Use histogram_quantile(), histogram_avg() or histogram_count() to get numbers of them."
            raise _no_numbers(name, "native histograms, which are no numbers", hint)
    return list(result)


def _labels(one: Mapping[str, Any]) -> tuple[tuple[str, str], ...]:
    return tuple(sorted((str(label), str(value)) for label, value in one["metric"].items()))


def _point(pair: Any) -> tuple[float, float]:
    time, value = pair
    return float(time), float(value)
