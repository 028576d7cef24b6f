# Copyright (c) 2026 cloudops.core contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Queries: from options, into requests of Prometheus's query API. Makes no calls.

https://prometheus.io/docs/prometheus/latest/querying/api/#expression-queries
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from ansible_collections.cloudops.core.plugins.module_utils._core.errors import Invalid
from ansible_collections.cloudops.core.plugins.module_utils._domain.metrics import (
    INSUFFICIENT_DATA,
    Reading,
    Threshold,
    Window,
    align,
    check_aggregation,
)
from ansible_collections.cloudops.core.plugins.module_utils._domain.times import (
    parse_duration,
    parse_time,
)

INSTANT, RANGE = "instant", "range"
TYPES = (INSTANT, RANGE)
ONE, ANY = "one", "any"
EXPECT = (ONE, ANY)

DEFAULT_LAST = "1h"
DEFAULT_STEP = "1m"
# What an instant query has no use for.
_OF_RANGES = ("last", "start", "end", "step")


@dataclass(frozen=True)
class PromQuery:
    """One query.

    :param text: the query in PromQL.
    :param last: seconds that the window of a range query is long, counted back from its end. None: it has a start.
    :param step: seconds from one evaluation to the next.
    :param expect: how many series it may yield.
    """

    id: str
    text: str
    ranged: bool = False
    last: int | None = None
    start: float | None = None
    end: float | None = None
    step: int = 60
    aggregation: str = "last"
    threshold: Threshold | None = None
    expect: str = ONE

    @property
    def type(self) -> str:
        """The name of its type."""
        return RANGE if self.ranged else INSTANT

    def reading(self, now: float, previous: str = INSUFFICIENT_DATA) -> Reading:
        """How to read its series. The value of an evaluation tells of the step that ends there.

        :raises Invalid: when the window of a range query is empty.
        """
        if self.ranged:
            window = align(now, self.step, last=self.last, start=self.start, end=self.end, at_ends=True)
            return Reading(window, self.aggregation, self.threshold, previous)
        # Only so that there is one: an instant query has one datapoint, or none.
        alone = self.threshold and replace(self.threshold, evaluation_range=1)
        return Reading(Window(int(now), int(now) + 1, 1), self.aggregation, alone, previous)

    def request(self, now: float) -> tuple[str, dict[str, str]]:
        """The endpoint and its fields. What the threshold looks at beyond the window is asked for as well."""
        if not self.ranged:
            return "query", {"query": self.text, "time": f"{now:.3f}"}
        needed = self.reading(now).needed
        first = needed.start + self.step
        return "query_range", {
            "query": self.text,
            "start": str(first),
            "end": str(needed.end),
            "step": str(self.step),
        }

    def facts(self) -> dict[str, Any]:
        """What the query says of its series, as return values."""
        return {"query": self.text, "type": self.type}


def read_queries(params: Mapping[str, Any]) -> list[PromQuery]:
    """The queries that a module's options ask for, in their order.

    :raises Invalid: for what can't be right, naming the option.
    """
    if params["queries"] is None:
        if params["query"] is None:
            raise Invalid("nothing is asked for", hint="Give query, or queries.")
        own = {"id": params["id"], "query": params["query"]}
        return [_query(own, params, "", iter(("q1",)))]
    if params["id"] is not None:
        raise Invalid("queries excludes id", hint="Give each query its own id.")
    names = {given["id"] for given in params["queries"] if given.get("id")}
    numbers = range(1, len(params["queries"]) + len(names) + 1)
    fresh = (name for name in (f"q{number}" for number in numbers) if name not in names)
    queries = [_query(given, params, f"queries[{place}].", fresh) for place, given in enumerate(params["queries"])]
    twice = [name for name, times in Counter(query.id for query in queries).items() if times > 1]
    if twice:
        raise Invalid(f"queries has more than one with id {', '.join(twice)}", hint="Give each query an id of its own.")
    return queries


def _query(given: Mapping[str, Any], shared: Mapping[str, Any], option: str, fresh: Iterator[str]) -> PromQuery:
    """One query.

    :param shared: the task's own options, which hold where the query has none.
    :param option: what names the query's options, such as ``queries[0].``; empty for the task's.
    """
    name = str(given.get("id") or next(fresh)).strip()
    text = str(given["query"]).strip()
    if not text:
        raise Invalid(
            f"{option}query is empty", hint="Give a query in PromQL, such as sum(rate(http_requests_total[5m]))."
        )
    how, threshold = given.get("aggregation"), given.get("threshold")
    aggregation_option = f"{option}aggregation" if how else "aggregation"
    threshold_option = f"{option}threshold" if threshold else "threshold"
    threshold = threshold or shared["threshold"]
    query = PromQuery(
        id=name,
        text=text,
        aggregation=check_aggregation(how or shared["aggregation"], aggregation_option),
        threshold=Threshold.from_options(threshold, threshold_option) if threshold else None,
        expect=given.get("expect") or shared["expect"],
        **_span(given, shared, option),
    )
    _check_instant(query, threshold or {}, threshold_option)
    return query


def _span(given: Mapping[str, Any], shared: Mapping[str, Any], option: str) -> dict[str, Any]:
    """Type, window and step."""
    own = [name for name in _OF_RANGES if given.get(name) is not None]
    kind = given.get("type") or (RANGE if own else shared["type"])
    kind = kind or (RANGE if any(shared[name] is not None for name in _OF_RANGES) else INSTANT)
    if kind == INSTANT:
        _nothing_of_ranges(given, shared, own, option)
        return {}
    return {"ranged": True, "step": _step(given, shared, option), **_window(given, shared, option)}


def _nothing_of_ranges(given: Mapping[str, Any], shared: Mapping[str, Any], own: Sequence[str], option: str) -> None:
    """The task's own window may be meant for its other queries, unless the task says itself that all are instant."""
    contradicted = list(own)
    if given.get("type") is None:
        contradicted += [name for name in _OF_RANGES if shared[name] is not None]
    if contradicted:
        where = option if own else ""
        raise Invalid(
            f"{where}type is instant, which excludes {', '.join(contradicted)}",
            hint="Leave them out, or let type be range; now tells the time of an instant query.",
        )


def _step(given: Mapping[str, Any], shared: Mapping[str, Any], option: str) -> int:
    where = f"{option}step" if given.get("step") is not None else "step"
    text = given.get("step") or shared["step"] or DEFAULT_STEP
    step = parse_duration(text, where)
    if step < 1:
        raise Invalid(f"{where} is {text}", hint="Give a second or more.")
    return step


def _window(given: Mapping[str, Any], shared: Mapping[str, Any], option: str) -> dict[str, Any]:
    """A query's own ``last`` or ``start`` takes the place of both of the task's."""
    if given.get("last") is not None and given.get("start") is not None:
        raise Invalid(f"{option}last excludes {option}start", hint="Give one of them.")
    own = given if given.get("last") is not None or given.get("start") is not None else shared
    where = option if own is given else ""
    result: dict[str, Any] = {}
    if own.get("start") is not None:
        result["start"] = parse_time(own["start"], f"{where}start")
    else:
        result["last"] = parse_duration(own.get("last") or DEFAULT_LAST, f"{where}last")
    end, where = (given["end"], option) if given.get("end") is not None else (shared["end"], "")
    return {**result, "end": parse_time(end, f"{where}end")} if end is not None else result


def _check_instant(query: PromQuery, threshold: Mapping[str, Any], option: str) -> None:
    """One datapoint can't be held against a threshold that looks at several."""
    if query.ranged or query.threshold is None:
        return
    wanted = max(query.threshold.of, threshold.get("evaluation_range") or 1)
    if wanted > 1:
        raise Invalid(
            f"{option} looks at {wanted} datapoints, and query {query.id} is instant, with one",
            hint="Give last or step: that makes it a range query.",
        )
