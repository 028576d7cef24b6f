# Copyright (c) 2026 cloudops.core contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Any number of queries, side by side, read and judged."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from ansible_collections.cloudops.core.plugins.module_utils._core.errors import Invalid
from ansible_collections.cloudops.core.plugins.module_utils._core.fanout import fan_out
from ansible_collections.cloudops.core.plugins.module_utils._domain.metrics import (
    INSUFFICIENT_DATA,
    Reading,
    Window,
    assess,
    check_previous,
    clean,
    verdict_values,
)
from ansible_collections.cloudops.core.plugins.module_utils._domain.times import (
    iso_time,
)
from ansible_collections.cloudops.core.plugins.module_utils._prometheus.answers import Answer, RawSeries, read_answer
from ansible_collections.cloudops.core.plugins.module_utils._prometheus.client import Client
from ansible_collections.cloudops.core.plugins.module_utils._prometheus.errors import OPERATION
from ansible_collections.cloudops.core.plugins.module_utils._prometheus.queries import ONE, PromQuery

COMPLETE, NO_SERIES = "Complete", "NoSeries"
_SAYS = {"warning": "Prometheus warns", "info": "Prometheus notes"}


@dataclass(frozen=True)
class Request:
    """What to read, as of ``now``, in seconds since 1970.

    :param judged: whether a threshold was asked for, even when there is nothing to hold against it.
    :param previous: verdicts before, by key.
    :param datapoints: whether the datapoints themselves are returned.
    :param max_series: the most series that one query may yield.
    """

    queries: Sequence[PromQuery]
    now: float
    judged: bool = False
    previous: Mapping[str, str] = field(default_factory=dict)
    datapoints: bool = True
    max_series: int = 1000
    concurrency: int = 8


@dataclass
class Measured:
    """What was read."""

    series: list[dict[str, Any]] = field(default_factory=list)
    metrics: list[dict[str, Any]] = field(default_factory=list)
    failures: list[dict[str, Any]] = field(default_factory=list)
    messages: list[dict[str, Any]] = field(default_factory=list)
    judged: bool = False

    @property
    def warnings(self) -> list[str]:
        """What Prometheus wants to be known, each once, with the queries that it concerns."""
        said: dict[tuple[str, str], list[str]] = {}
        for message in self.messages:
            said.setdefault((message["code"], message["value"]), []).append(message["id"])
        return [f"{_some(ids)}: {_SAYS[code]}: {text}" for (code, text), ids in said.items()]

    def as_result(self) -> dict[str, Any]:
        """As return values."""
        result: dict[str, Any] = {
            "series": self.series,
            "by_id": {one["key"]: one for one in self.series},
            "metrics": self.metrics,
            "messages": self.messages,
            "failures": self.failures,
        }
        return {**result, **verdict_values(self.series, bool(self.failures))} if self.judged else result


def measure(client: Client, request: Request) -> Measured:
    """Read all queries.

    :raises Invalid: when the request can't be right. What fails for single queries is in ``failures``.
    """
    check_previous(request.previous)
    if request.max_series < 1 or request.concurrency < 1:
        raise Invalid("max_series and concurrency are 1 or more", hint="Leave them out for their defaults.")
    readings = {query.id: query.reading(request.now) for query in request.queries}
    client.open()
    measured = Measured(judged=request.judged or any(query.threshold for query in request.queries))

    def ask(query: PromQuery) -> Answer:
        return _ask(client, query, request)

    for outcome in fan_out(ask, request.queries, concurrency=request.concurrency):
        query = outcome.item
        if outcome.error is not None:
            measured.failures.append({"name": query.id, **outcome.error.as_result()})
            continue
        _take_in(measured, query, outcome.value or Answer(), readings[query.id], request)
    return measured


def _ask(client: Client, query: PromQuery, request: Request) -> Answer:
    """Ask, and see that there are not more series than there may be."""
    endpoint, fields = query.request(request.now)
    answer = read_answer(client.ask(endpoint, fields, query.id), query.id, query.ranged)
    found = len(answer.series)
    shown = ", ".join(one.notation or "one without labels" for one in answer.series[:3]) + (" ..." if found > 3 else "")
    if query.expect == ONE and found > 1:
        raise Invalid(
            f"it yields {found} series where one is expected: {shown}",
            operation=OPERATION,
            resource=query.id,
            code="SeveralSeries",
            hint="Aggregate them, such as by sum(), avg() or max(), select one by its labels, or set expect to any.",
        )
    if found > request.max_series:
        raise Invalid(
            f"it yields {found} series, more than max_series, which is {request.max_series}: {shown}",
            operation=OPERATION,
            resource=query.id,
            code="TooManySeries",
            hint="Aggregate them, select fewer by their labels, or raise max_series.",
        )
    return answer


def _take_in(measured: Measured, query: PromQuery, answer: Answer, reading: Reading, request: Request) -> None:
    """Add a query's series."""
    measured.messages += [{"id": query.id, "code": code, "value": text} for code, text in answer.messages]
    for series, key in _with_keys(query, answer.series or (RawSeries(),)):
        before = request.previous.get(key, INSUFFICIENT_DATA)
        own = replace(reading, previous=before, window=_window_of(series, query, reading))
        points = clean(series.points)
        assessment = assess(points, own, request.now)
        measured.metrics.append(assessment.as_metric(key))
        measured.series.append(
            {
                "key": key,
                "id": query.id,
                "label": series.notation,
                "labels": dict(series.labels),
                **query.facts(),
                "status": COMPLETE if answer.series else NO_SERIES,
                "not_numbers": len(own.window.cut(series.points)) - len(own.window.cut(points)),
                **assessment.as_result(request.datapoints),
                **({} if query.ranged else {"start": iso_time(request.now), "end": iso_time(request.now), "period": 0}),
            }
        )


def _window_of(series: RawSeries, query: PromQuery, reading: Reading) -> Window:
    """For an instant query, around its datapoint, should the server have rounded the time of it."""
    if query.ranged or not series.points:
        return reading.window
    second = int(series.points[0][0])
    return replace(reading.window, start=second, end=second + 1)


def _with_keys(query: PromQuery, found: Sequence[RawSeries]) -> Iterator[tuple[RawSeries, str]]:
    """The key of a series hangs on its labels only, never on how many others there are; where one is expected, it is the query's id."""
    used: Counter[str] = Counter()
    for series in found:
        key = f"{query.id}/{series.notation}" if query.expect != ONE and series.labels else query.id
        used[key] += 1
        # Prometheus has no two with the same labels; what speaks its language may.
        yield series, key if used[key] == 1 else f"{key}#{used[key]}"


def _some(names: Sequence[str]) -> str:
    return ", ".join(names[:3]) + (f" and {len(names) - 3} more" if len(names) > 3 else "")
