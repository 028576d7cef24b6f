# Copyright (c) 2026 cloudops.core contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Metric queries, and how few calls of GetMetricData they fit into. Makes no calls.

https://docs.aws.amazon.com/AmazonCloudWatch/latest/APIReference/API_GetMetricData.html
"""

from __future__ import annotations

import math
import re
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from ansible_collections.cloudops.core.plugins.module_utils._core.errors import Invalid
from ansible_collections.cloudops.core.plugins.module_utils._domain.metrics import (
    Threshold,
    Window,
    check_aggregation,
    floor_to,
)
from ansible_collections.cloudops.core.plugins.module_utils._domain.times import (
    parse_duration,
)

MAX_QUERIES = 500
MAX_DATAPOINTS = 100_800
# Statistics of one metric that are billed as one metric, when one call asks for them: https://aws.amazon.com/cloudwatch/pricing/
STATISTICS_A_METRIC = 5

# The most series that these may return; a metric and a plain expression return one.
SERIES_OF_SEARCH = 100
SERIES_OF_INSIGHTS = 500

# For how long (seconds) datapoints of which period are kept; they are merged into longer ones then.
RETENTION = ((3 * 3600, 1), (15 * 86400, 60), (63 * 86400, 300))
LONGEST_KEPT = 3600

_ID = re.compile(r"[a-z][A-Za-z0-9_]{0,254}")
_NAMED_STATISTICS = {name.lower(): name for name in ("SampleCount", "Average", "Sum", "Minimum", "Maximum", "IQM")}
_NUMBER = r"[0-9]+(?:\.[0-9]{1,10})?"
_OTHER_STATISTIC = re.compile(
    rf"(?:p|tm|wm|tc|ts)(?:[0-9]{{1,2}}(?:\.[0-9]{{1,10}})?|100)|(?:TM|WM|PR|TC|TS)\((?:{_NUMBER}%?)?:(?:{_NUMBER}%?)?\)"
)
_SUB_MINUTE = (1, 5, 10, 20, 30)
_QUOTED = re.compile(r"'[^']*'|\"[^\"]*\"")
_NAME = re.compile(r"(?<![A-Za-z0-9_])[a-z][A-Za-z0-9_]*")
_ALL_METRICS = re.compile(r"\bMETRICS\s*\(")
_SEARCH = re.compile(r"\bSEARCH\s*\(")
_SEARCH_PERIOD = re.compile(r",\s*(\d+)\s*\)")
_SELECT = re.compile(r"\s*SELECT\b", re.IGNORECASE)
_GROUP_BY = re.compile(r"\bGROUP\s+BY\b", re.IGNORECASE)


@dataclass(frozen=True)
class MetricQuery:
    """One query: of a metric, or an expression.

    :param key: the name that the caller knows it by.
    :param id: the name that it has in a call.
    :param period: seconds a datapoint.
    :param sends_period: whether the period of an expression is sent along; otherwise the metrics in it determine it.
    """

    key: str
    id: str
    period: int
    namespace: str = ""
    metric: str = ""
    dimensions: tuple[tuple[str, str], ...] = ()
    stat: str = ""
    unit: str = ""
    expression: str = ""
    sends_period: bool = False
    label: str = ""
    account: str = ""
    return_data: bool = True
    aggregation: str = "last"
    threshold: Threshold | None = None

    @property
    def is_insights(self) -> bool:
        """Whether it is a query of Metrics Insights."""
        return bool(self.expression and _SELECT.match(self.expression))

    @property
    def series(self) -> int:
        """The most series that it may return."""
        if not self.expression:
            return 1
        if self.is_insights:
            return SERIES_OF_INSIGHTS if _GROUP_BY.search(self.expression) else 1
        return SERIES_OF_SEARCH if _SEARCH.search(self.expression) else 1

    def refers_to(self, others: Mapping[str, MetricQuery]) -> set[str]:
        """The ids of those of the others that its expression names."""
        if not self.expression or self.is_insights:
            return set()
        words = _QUOTED.sub("''", self.expression)
        found = {name for name in _NAME.findall(words) if name in others}
        if _ALL_METRICS.search(words):
            found |= {other.id for other in others.values() if not other.expression}
        return found

    def request(self) -> dict[str, Any]:
        """As a MetricDataQuery."""
        result: dict[str, Any] = {"Id": self.id}
        if self.expression:
            result["Expression"] = self.expression
            if self.sends_period:
                result["Period"] = self.period
        else:
            result["MetricStat"] = self._metric_stat()
        result.update({"Label": self.label} if self.label else {})
        result.update({"AccountId": self.account} if self.account else {})
        result.update({} if self.return_data else {"ReturnData": False})
        return result

    def _metric_stat(self) -> dict[str, Any]:
        dimensions = [{"Name": name, "Value": value} for name, value in self.dimensions]
        metric = {"Namespace": self.namespace, "MetricName": self.metric, "Dimensions": dimensions}
        stat = {"Metric": metric, "Period": self.period, "Stat": self.stat}
        return {**stat, "Unit": self.unit} if self.unit else stat

    def facts(self) -> dict[str, Any]:
        """What the query says of its series, as return values."""
        if self.expression:
            return {"expression": self.expression}
        dimensions = dict(self.dimensions)
        return {"namespace": self.namespace, "metric": self.metric, "dimensions": dimensions, "stat": self.stat}


# From options


def read_queries(params: Mapping[str, Any]) -> list[MetricQuery]:
    """The queries that a module's options ask for, in their order.

    :raises Invalid: for what CloudWatch would refuse, naming the option.
    """
    default: dict[str, Any] = {
        "period": _period(params["period"], "period"),
        "stat": params["stat"],
        "aggregation": check_aggregation(params["aggregation"], "aggregation"),
        "threshold": params["threshold"] and Threshold.from_options(params["threshold"]),
    }
    if params["queries"] is None:
        return _short_form(params, default)
    _only_in_the_short_form(params)
    names = {given["id"] for given in params["queries"] if given.get("id")}
    fresh = (
        name
        for name in (f"q{number}" for number in range(1, len(params["queries"]) + len(names) + 1))
        if name not in names
    )
    queries = [_full_form(given, default, f"queries[{place}]", fresh) for place, given in enumerate(params["queries"])]
    twice = [name for name, times in Counter(query.id for query in queries).items() if times > 1]
    if twice:
        raise Invalid(f"queries has more than one with id {', '.join(twice)}", hint="Give each query an id of its own.")
    return _with_periods(queries)


def _short_form(params: Mapping[str, Any], default: Mapping[str, Any]) -> list[MetricQuery]:
    """One metric of many instances, or of whatever else the dimension names."""
    if params["instance_ids"] is None or not params["metric"]:
        raise Invalid("nothing is asked for", hint="Give queries, or metric and instance_ids.")
    shared = {str(name): str(value) for name, value in (params["dimensions"] or {}).items()}
    if params["dimension"] in shared:
        raise Invalid(
            f"dimensions gives {params['dimension']} as well", hint="Leave it out; instance_ids gives its values."
        )
    return [
        MetricQuery(
            key=name,
            id=f"q{number}",
            namespace=params["namespace"],
            metric=params["metric"],
            dimensions=_dimensions({params["dimension"]: name, **shared}, "dimensions"),
            unit=params["unit"] or "",
            **{**default, "stat": _statistic(default["stat"], "stat")},
        )
        for number, name in enumerate(dict.fromkeys(params["instance_ids"]), 1)
    ]


def _only_in_the_short_form(params: Mapping[str, Any]) -> None:
    given = [name for name in ("instance_ids", "metric", "dimensions", "unit") if params[name] is not None]
    if given:
        raise Invalid(
            f"queries excludes {', '.join(given)}", hint="Give each query its own metric, dimensions and unit."
        )


def _full_form(given: Mapping[str, Any], default: Mapping[str, Any], option: str, fresh: Iterator[str]) -> MetricQuery:
    name = given.get("id") or next(fresh)
    if not _ID.fullmatch(name):
        raise Invalid(
            f"{option}.id is {name!r}", hint="Begin with a small letter; go on with letters, digits and underscores."
        )
    threshold = given.get("threshold")
    shared: dict[str, Any] = {
        "key": name,
        "id": name,
        "label": given.get("label") or "",
        "account": given.get("account") or "",
        "return_data": given.get("return_data") is not False,
        "period": _period(given["period"], f"{option}.period") if given.get("period") else default["period"],
        "aggregation": check_aggregation(given.get("aggregation") or default["aggregation"], f"{option}.aggregation"),
        "threshold": Threshold.from_options(threshold, f"{option}.threshold") if threshold else default["threshold"],
    }
    expression = (given.get("expression") or "").strip()
    unfit = [word for word in ("namespace", "metric", "dimensions", "stat", "unit") if given.get(word)]
    if expression and unfit:
        raise Invalid(
            f"{option} has an expression, and {', '.join(unfit)} as well",
            hint="Ask for the metric in a query of its own.",
        )
    if expression:
        return _expression(expression, given, shared)
    if not given.get("namespace") or not given.get("metric"):
        raise Invalid(f"{option} needs namespace and metric, or expression")
    return MetricQuery(
        namespace=given["namespace"],
        metric=given["metric"],
        dimensions=_dimensions(given.get("dimensions") or {}, f"{option}.dimensions"),
        stat=_statistic(given.get("stat") or default["stat"], f"{option}.stat"),
        unit=given.get("unit") or "",
        **shared,
    )


def _expression(expression: str, given: Mapping[str, Any], shared: dict[str, Any]) -> MetricQuery:
    """Metrics Insights must be told the period; SEARCH has it in its text."""
    own_period = bool(given.get("period"))
    found = _SEARCH_PERIOD.search(_QUOTED.sub("''", expression)) if _SEARCH.search(expression) else None
    if found and not own_period:
        shared = {**shared, "period": int(found[1])}
    return MetricQuery(expression=expression, sends_period=own_period or bool(_SELECT.match(expression)), **shared)


def _with_periods(queries: list[MetricQuery]) -> list[MetricQuery]:
    """Give each expression that names metrics, and no period of its own, the period that comes of theirs: the least common multiple."""
    by_id = {query.id: query for query in queries}

    def period_of(query: MetricQuery, above: frozenset[str]) -> int:
        named = query.refers_to(by_id) - above - {query.id}
        if query.sends_period or not named:
            return query.period
        return math.lcm(*(period_of(by_id[name], above | {query.id}) for name in named))

    return [
        MetricQuery(**{**vars(query), "period": period_of(query, frozenset())}) if query.expression else query
        for query in queries
    ]


def _period(text: object, option: str) -> int:
    period = parse_duration(text, option)
    if period in _SUB_MINUTE or (period and period % 60 == 0):
        return period
    raise Invalid(f"{option} is {text}", hint="CloudWatch takes 1, 5, 10, 20 or 30 seconds, or whole minutes.")


def _statistic(text: str, option: str) -> str:
    named = _NAMED_STATISTICS.get(text.lower())
    if named or _OTHER_STATISTIC.fullmatch(text):
        return named or text
    raise Invalid(
        f"{option} is unknown: {text!r}",
        hint=f"It is one of {', '.join(_NAMED_STATISTICS.values())}, a percentile such as p95 or p99.9, or tm, wm, tc, ts, PR with bounds.",
    )


def _dimensions(given: Mapping[str, Any], option: str) -> tuple[tuple[str, str], ...]:
    result = tuple((str(name), str(value)) for name, value in given.items())
    empty = [name for name, value in result if not name or not value]
    if empty or len(result) > 30:
        raise Invalid(
            f"{option} has {len(result)} entries" if not empty else f"{option} has no value for {', '.join(empty)}"
        )
    return result


# Into calls


@dataclass(frozen=True)
class Unit:
    """Queries that have to go into one call: an expression and what it refers to, or a single query.

    :param start: where its longest window begins.
    :param end: where its last window ends.
    """

    queries: tuple[MetricQuery, ...]
    start: int
    end: int

    @property
    def step(self) -> int:
        """What a window's start has to be a multiple of, so that every period in it begins there."""
        return math.lcm(*(query.period for query in self.queries))

    @property
    def finest(self) -> int:
        """The shortest period in it."""
        return min(query.period for query in self.queries)

    @property
    def insights(self) -> int:
        """Queries of Metrics Insights in it."""
        return sum(query.is_insights for query in self.queries)

    def datapoints(self, start: int, end: int) -> int:
        """The most datapoints that it may return for a window."""
        return sum(query.series * -(-(end - start) // query.period) for query in self.queries)


@dataclass(frozen=True)
class Call:
    """One call of GetMetricData, pages aside."""

    units: tuple[Unit, ...]
    start: int
    end: int

    @property
    def queries(self) -> list[MetricQuery]:
        """All its queries."""
        return [query for unit in self.units for query in unit.queries]

    @property
    def metrics_requested(self) -> int:
        """Metrics that are billed for it. What an expression finds for itself isn't known beforehand."""
        metrics = Counter((q.namespace, q.metric, q.dimensions, q.account) for q in self.queries if not q.expression)
        return sum(-(-statistics // STATISTICS_A_METRIC) for statistics in metrics.values())

    def request(self) -> dict[str, Any]:
        """As arguments. Newest datapoints first, so that an answer cut short lacks the oldest."""
        return {
            "MetricDataQueries": [query.request() for query in self.queries],
            "StartTime": self.start,
            "EndTime": self.end,
            "ScanBy": "TimestampDescending",
        }

    def only(self, ids: Iterable[str]) -> Call | None:
        """The same for the queries with these ids, and what has to go with them. None: there are none."""
        wanted = set(ids)
        units = tuple(unit for unit in self.units if wanted & {query.id for query in unit.queries})
        return Call(units, self.start, self.end) if units else None

    def halves(self) -> list[Call]:
        """The same in two calls."""
        middle = len(self.units) // 2
        return [Call(units, self.start, self.end) for units in (self.units[:middle], self.units[middle:])]


def units_of(queries: Sequence[MetricQuery], windows: Mapping[str, Window]) -> list[Unit]:
    """Group what refers to each other.

    :param windows: what is needed for each query, by id.
    """
    by_id = {query.id: query for query in queries}
    leader = {name: name for name in by_id}

    def find(name: str) -> str:
        while leader[name] != name:
            leader[name] = leader[leader[name]]
            name = leader[name]
        return name

    for query in queries:
        for name in query.refers_to(by_id):
            leader[find(name)] = find(query.id)
    groups: dict[str, list[MetricQuery]] = {}
    for query in queries:
        groups.setdefault(find(query.id), []).append(query)
    return [_unit(group, [windows[query.id] for query in group]) for group in groups.values()]


def _unit(queries: list[MetricQuery], windows: list[Window]) -> Unit:
    unit = Unit(tuple(queries), min(window.start for window in windows), max(window.end for window in windows))
    if len(queries) > MAX_QUERIES:
        raise Invalid(
            f"{len(queries)} queries belong together through the expression of {_expressions(unit)}; a call takes {MAX_QUERIES}",
            hint="Let the expression refer to fewer metrics, or use SEARCH or Metrics Insights.",
        )
    if unit.insights > 1:
        raise Invalid(
            f"the expression of {_expressions(unit)} refers to more than one Metrics Insights query; a call takes one"
        )
    return Unit(unit.queries, floor_to(unit.start, unit.step), unit.end)


def _expressions(unit: Unit) -> str:
    return ", ".join(query.key for query in unit.queries if query.expression and not query.is_insights)


@dataclass
class _Group:
    """Units that can share a window."""

    step: int
    start: int
    end: int
    finest: int
    units: list[Unit] = field(default_factory=list)

    def joined_by(self, unit: Unit, now: float) -> _Group | None:
        """The group with one more unit. None: their periods don't begin together, or the longer window is beyond what is kept."""
        if self.step % unit.step:
            return None
        start = floor_to(min(self.start, unit.start), self.step)
        for finest, own in ((self.finest, self.start), (unit.finest, unit.start)):
            if finest < kept_period(now - start) and finest >= kept_period(now - own):
                return None
        return _Group(self.step, start, max(self.end, unit.end), min(self.finest, unit.finest), [*self.units, unit])


def kept_period(age: float) -> int:
    """The shortest period (seconds) in which datapoints of an age (seconds) are still kept."""
    return next((period for limit, period in RETENTION if age <= limit), LONGEST_KEPT)


def plan_calls(units: Iterable[Unit], now: float) -> list[Call]:
    """The fewest calls: as many queries in each as the limits allow.

    Queries with different periods have different windows. They share calls when their periods begin together, in a window that covers
    all, unless that makes so many more datapoints that it takes more calls.
    """
    alike: dict[tuple[int, int, int, int], _Group] = {}
    for unit in units:
        key = (unit.step, unit.start, unit.end, unit.finest)
        alike.setdefault(key, _Group(*key)).units.append(unit)
    separate = list(alike.values())
    joined = _join(separate, now)
    ways = (joined, separate) if len(joined) < len(separate) else (separate,)
    return min(([call for group in groups for call in _pack(group)] for groups in ways), key=len)


def _join(groups: Iterable[_Group], now: float) -> list[_Group]:
    result: list[_Group] = []
    for group in sorted(groups, key=lambda one: -one.step):
        whole = Unit(tuple(query for unit in group.units for query in unit.queries), group.start, group.end)
        for place, other in enumerate(result):
            together = other.joined_by(whole, now)
            if together is not None:
                together.units[-1:] = group.units
                result[place] = together
                break
        else:
            result.append(group)
    return result


@dataclass(frozen=True)
class _Size:
    """What a unit, or a call, has of each thing that is limited."""

    queries: int = 0
    datapoints: int = 0
    insights: int = 0

    def __add__(self, other: _Size) -> _Size:
        return _Size(self.queries + other.queries, self.datapoints + other.datapoints, self.insights + other.insights)

    @property
    def fits(self) -> bool:
        """Whether a call may have so much."""
        return self.queries <= MAX_QUERIES and self.datapoints <= MAX_DATAPOINTS and self.insights <= 1


@dataclass
class _Bin:
    size: _Size
    units: list[Unit]

    def take(self, unit: Unit, size: _Size) -> bool:
        """Add a unit, if it fits in."""
        total = self.size + size
        if total.fits:
            self.size = total
            self.units.append(unit)
        return total.fits


def _pack(group: _Group) -> list[Call]:
    """First fit, largest first: the best there is for queries of one size, and near it for others.

    A unit that is too large by itself gets a call of its own, which comes in pages.
    """
    sized = [
        (unit, _Size(len(unit.queries), unit.datapoints(group.start, group.end), unit.insights)) for unit in group.units
    ]
    least = _Size(1, min(size.datapoints for _unit, size in sized))
    filled: list[_Bin] = []
    with_room: list[_Bin] = []
    for unit, size in sorted(sized, key=lambda pair: (-pair[1].datapoints, -pair[1].queries)):
        taker = next((each for each in with_room if each.take(unit, size)), None)
        if taker is None:
            taker = _Bin(size, [unit])
            filled.append(taker)
            with_room.append(taker)
        if not (taker.size + least).fits:
            with_room.remove(taker)
    return [Call(tuple(each.units), group.start, group.end) for each in filled]
