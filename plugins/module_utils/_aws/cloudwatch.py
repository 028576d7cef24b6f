# Copyright (c) 2026 cloudops.core contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Metrics from CloudWatch, for any number of queries in as few calls as there can be.

https://docs.aws.amazon.com/AmazonCloudWatch/latest/APIReference/API_GetMetricData.html
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import islice
from typing import Any

from ansible_collections.cloudops.core.plugins.module_utils._aws.client import Clients
from ansible_collections.cloudops.core.plugins.module_utils._aws.cloudwatch_queries import (
    Call,
    MetricQuery,
    kept_period,
    plan_calls,
    units_of,
)
from ansible_collections.cloudops.core.plugins.module_utils._aws.errors import aws_errors
from ansible_collections.cloudops.core.plugins.module_utils._core.errors import (
    CloudOpsError,
    Denied,
    Invalid,
    Unavailable,
)
from ansible_collections.cloudops.core.plugins.module_utils._core.fanout import Outcome, fan_out
from ansible_collections.cloudops.core.plugins.module_utils._core.wait import REAL_CLOCK, Clock, backoff
from ansible_collections.cloudops.core.plugins.module_utils._domain.metrics import (
    INSUFFICIENT_DATA,
    Reading,
    align,
    assess,
    check_previous,
    clean,
    verdict_values,
)

# USD per 1,000 metrics requested with GetMetricData, in most regions: https://aws.amazon.com/cloudwatch/pricing/
PRICE_PER_1000_METRICS = 0.01

COMPLETE, PARTIAL, INTERNAL, FORBIDDEN = "Complete", "PartialData", "InternalError", "Forbidden"
# Of a query that the service answered with no series at all: what its expression looks for isn't there.
NO_SERIES = "NoSeries"

# Further rounds for what came back incomplete, and further calls for finding what a refused call was refused for.
ROUNDS = 2
MAX_SPLITS = 20

_INPUT_CODES = ("Validation", "InvalidParameter", "MissingParameter")
_MEMBER = re.compile(r"MetricDataQueries\.member\.(\d+)\b")


@dataclass
class RawSeries:
    """One series as the service answered it, put together from its pages."""

    id: str
    label: str = ""
    status: str = COMPLETE
    points: dict[float, float] = field(default_factory=dict)
    messages: list[dict[str, str]] = field(default_factory=list)


@dataclass
class Answer:
    """What came of one call.

    :param metrics_requested: metrics billed, pages and repetitions included.
    :param errors: queries refused, by id.
    """

    series: dict[tuple[str, str, int], RawSeries] = field(default_factory=dict)
    messages: list[dict[str, str]] = field(default_factory=list)
    errors: dict[str, CloudOpsError] = field(default_factory=dict)
    metrics_requested: int = 0

    def add_page(self, page: Mapping[str, Any], several: set[str]) -> None:
        """Take a page in. A series goes on over pages under its id, and where an id may have several, under its label.

        :param several: ids that may have more than one series.
        """
        seen: Counter[tuple[str, str]] = Counter()
        for result in page.get("MetricDataResults", ()):
            name, label = result["Id"], result.get("Label", "")
            one = (name, label if name in several else "")
            series = self.series.setdefault((*one, seen[one]), RawSeries(name))
            seen[one] += 1
            series.label, series.status = label or series.label, result.get("StatusCode", COMPLETE)
            moments = (moment.timestamp() for moment in result.get("Timestamps", ()))
            series.points.update(zip(moments, result.get("Values", ()), strict=True))
            _add_messages(series.messages, result)
        _add_messages(self.messages, page)

    def incomplete(self, expressions: set[str]) -> set[str]:
        """Ids worth asking for again. What an expression leaves out for its size it would leave out again."""
        return {
            series.id
            for series in self.series.values()
            if series.status == INTERNAL or (series.status == PARTIAL and series.id not in expressions)
        }


def _add_messages(messages: list[dict[str, str]], source: Mapping[str, Any]) -> None:
    for message in source.get("Messages", ()):
        entry = {"code": message.get("Code", ""), "value": message.get("Value", "")}
        if entry not in messages:
            messages.append(entry)


class CloudWatchGateway:
    """GetMetricData. Safe to share between threads.

    :param region: None stands for the connection's own.
    """

    def __init__(self, clients: Clients, clock: Clock = REAL_CLOCK, region: str | None = None) -> None:
        self._client = clients.client("cloudwatch", region)
        self._clock = clock

    def read(self, calls: Sequence[Call], concurrency: int) -> list[Outcome[Call, Answer]]:
        """Make the calls side by side. One that fails keeps none of the others from being made."""
        return fan_out(self._read, calls, concurrency=concurrency)

    def _read(self, call: Call) -> Answer:
        """One call. When some of its queries are refused, the others are asked without them."""
        answer, todo, splits = Answer(), [call], 0
        while todo:
            part = todo.pop(0)
            try:
                self._read_whole(part, answer)
            except Invalid as error:
                pieces = _pieces(part, error) if splits < MAX_SPLITS else []
                if not pieces:
                    answer.errors.update({query.id: error for query in part.queries})
                splits += len(pieces)
                todo += pieces
        return answer

    def _read_whole(self, call: Call, answer: Answer) -> None:
        """All pages, and what came back incomplete once more."""
        expressions = {query.id for query in call.queries if query.expression}
        self._read_pages(call, answer, expressions)
        for pause in islice(backoff(first=0.5, factor=3.0), ROUNDS):
            again = call.only(answer.incomplete(expressions))
            if again is None:
                break
            self._clock.sleep(pause)
            self._read_pages(again, answer, expressions)

    def _read_pages(self, call: Call, answer: Answer, expressions: set[str]) -> None:
        several = expressions & {query.id for query in call.queries}
        with aws_errors("get metric data", _span(call)):
            for page in self._client.get_paginator("get_metric_data").paginate(**call.request()):
                answer.metrics_requested += call.metrics_requested
                answer.add_page(page, several)


def _span(call: Call) -> str:
    queries = call.queries
    return queries[0].key if len(queries) == 1 else f"{len(queries)} queries, {queries[0].key} to {queries[-1].key}"


def _pieces(call: Call, error: Invalid) -> list[Call]:
    """A refused call in pieces: the query that the refusal names, alone, and the rest; or halves. Empty: it can't be the queries.

    The one named goes first, so that it is refused for itself and by name.
    """
    if len(call.units) < 2 or not error.code.startswith(_INPUT_CODES):
        return []
    named = _MEMBER.search(error.message)
    queries = call.queries
    culprit = queries[int(named[1]) - 1].id if named and 0 < int(named[1]) <= len(queries) else None
    culprit = culprit or next(
        (q.id for q in queries if q.expression and re.search(rf"['\"]{q.id}['\"]", error.message)), None
    )
    if culprit is None:
        return call.halves()
    alone = call.only([culprit])
    rest = Call(tuple(unit for unit in call.units if alone and unit not in alone.units), call.start, call.end)
    return [piece for piece in (alone, rest) if piece and piece.units]


# A fleet of series


@dataclass(frozen=True)
class Request:
    """What to read, all of it relative to ``now``. Durations in seconds, times in seconds since 1970.

    :param judged: whether a threshold was asked for, even when there is nothing to hold against it.
    :param previous: verdicts before, by key.
    :param datapoints: whether the datapoints themselves are returned.
    """

    queries: Sequence[MetricQuery]
    now: float
    last: int | None = None
    start: float | None = None
    end: float | None = None
    delay: int = 0
    judged: bool = False
    previous: Mapping[str, str] = field(default_factory=dict)
    datapoints: bool = True
    concurrency: int = 8

    def reading(self, query: MetricQuery) -> Reading:
        """How to read a query's series."""
        window = align(self.now, query.period, last=self.last, start=self.start, end=self.end, delay=self.delay)
        return Reading(window, query.aggregation, query.threshold, self.previous.get(query.key, INSUFFICIENT_DATA))


@dataclass
class Measured:
    """What was read."""

    series: list[dict[str, Any]] = field(default_factory=list)
    metrics: list[dict[str, Any]] = field(default_factory=list)
    failures: list[dict[str, Any]] = field(default_factory=list)
    messages: list[dict[str, str]] = field(default_factory=list)
    warnings: list[str] = field(default_factory=list)
    metrics_requested: int = 0
    judged: bool = False

    def as_result(self, price: float) -> dict[str, Any]:
        """As return values."""
        result: dict[str, Any] = {
            "series": self.series,
            "by_id": {one["key"]: one for one in self.series},
            "metrics": self.metrics,
            "messages": self.messages,
            "failures": self.failures,
            "estimated_cost": {
                "metrics_requested": self.metrics_requested,
                "usd": round(self.metrics_requested * price / 1000, 6),
            },
        }
        return {**result, **verdict_values(self.series, bool(self.failures))} if self.judged else result


def measure(gateway: CloudWatchGateway, request: Request) -> Measured:
    """Read all queries: the fewest calls, side by side.

    :raises Invalid: when the request can't be right. What fails for single queries is in ``failures``.
    """
    check_previous(request.previous)
    readings = {query.id: request.reading(query) for query in request.queries}
    needed = {name: reading.needed for name, reading in readings.items()}
    measured = Measured(judged=request.judged or any(query.threshold for query in request.queries))
    measured.warnings += _beyond_retention(request, readings)
    raw: dict[str, list[RawSeries]] = {}
    errors: dict[str, CloudOpsError] = {}
    for outcome in gateway.read(plan_calls(units_of(request.queries, needed), request.now), request.concurrency):
        answer = outcome.value or Answer()
        errors.update(answer.errors)
        if outcome.error is not None:
            errors.update({query.id: outcome.error for query in outcome.item.queries})
        for series in answer.series.values():
            raw.setdefault(series.id, []).append(series)
        measured.messages += [message for message in answer.messages if message not in measured.messages]
        measured.metrics_requested += answer.metrics_requested
    for query in request.queries:
        if query.return_data or query.id in errors:
            _take_in(measured, query, raw.get(query.id, []), readings[query.id], errors.get(query.id), request)
    measured.warnings += _warnings(measured)
    return measured


def _take_in(
    measured: Measured,
    query: MetricQuery,
    found: Sequence[RawSeries],
    reading: Reading,
    error: CloudOpsError | None,
    request: Request,
) -> None:
    """Add a query's series, or its failure."""
    error = error or next((_status_error(series) for series in found if series.status in (FORBIDDEN, INTERNAL)), None)
    if error is not None:
        measured.failures.append({"name": query.key, **error.as_result()})
        return
    for series, key in _with_keys(query, found or [RawSeries(query.id, query.label, NO_SERIES)]):
        keyed = Reading(
            reading.window, reading.aggregation, reading.threshold, request.previous.get(key, reading.previous)
        )
        assessment = assess(clean(series.points.items()), keyed, request.now)
        measured.metrics.append(assessment.as_metric(key))
        measured.series.append(
            {
                "key": key,
                "id": query.key,
                "label": series.label,
                **query.facts(),
                "status": series.status,
                "messages": series.messages,
                **assessment.as_result(request.datapoints),
            }
        )


def _with_keys(query: MetricQuery, found: Sequence[RawSeries]) -> Iterator[tuple[RawSeries, str]]:
    """A query's only series goes by the query's key; several add their labels, and numbers where labels repeat."""
    used: Counter[str] = Counter()
    for series in found:
        key = query.key if len(found) == 1 else f"{query.key}/{series.label}"
        used[key] += 1
        yield series, key if used[key] == 1 else f"{key}#{used[key]}"


def _status_error(series: RawSeries) -> CloudOpsError:
    said = "; ".join(message["value"] for message in series.messages)
    kind: type[CloudOpsError] = Denied if series.status == FORBIDDEN else Unavailable
    hint = "Share the account's metrics with this one." if kind is Denied else "Run again later."
    return kind(
        said or "the service returned no data for it",
        operation="get metric data",
        resource=series.id,
        code=series.status,
        hint=hint,
    )


def _beyond_retention(request: Request, readings: Mapping[str, Reading]) -> list[str]:
    """A warning where the window begins before what is kept: what it lacks is no gap in the metric."""
    keys = [
        query.key
        for query in request.queries
        if not query.is_insights and query.period % kept_period(request.now - readings[query.id].window.start)
    ]
    if not keys:
        return []
    first = next(query for query in request.queries if query.key == keys[0])
    age = request.now - readings[first.id].window.start
    return [
        f"{_some(keys)}: the window begins {age / 86400:.1f} days ago, and CloudWatch keeps datapoints of that age in periods of "
        f"{kept_period(age)} s only; a period of {first.period} s finds none there"
    ]


def _warnings(measured: Measured) -> list[str]:
    """What a reader of the values has to know."""
    partial = [one["key"] for one in measured.series if one["status"] == PARTIAL]
    warnings = [f"{_some(partial)}: CloudWatch returned only a part of the data"] if partial else []
    return warnings + [f"CloudWatch says: {message['value']} [{message['code']}]" for message in measured.messages]


def _some(keys: Iterable[str]) -> str:
    names = list(keys)
    return ", ".join(names[:3]) + (f" and {len(names) - 3} more" if len(names) > 3 else "")
