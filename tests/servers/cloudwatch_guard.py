# Copyright (c) 2026 cloudops.core contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""CloudWatch's GetMetricData as strict as the real one, put before moto by the fault proxy.

moto takes any number of queries, returns any number of datapoints, never pages, has no percentiles or arithmetic, and needs
minutes for the metrics of 1,000 instances. The guard keeps metrics itself and answers as the API reference has it:

- more than 500 queries, an id that is none or repeats, an unknown statistic, a period that is none, a window that is empty,
  two Metrics Insights queries, or a name in an expression that nothing defines: ValidationError
- more than 100,800 datapoints, or MaxDatapoints: pages with NextToken; with an expression in the call: PartialData and no token
- datapoints under all dimensions of the metric only, in periods that begin at multiples of the period

    with FaultProxy(moto.endpoint) as proxy:
        guard = CloudWatchGuard().before(proxy)
        guard.seed("AWS/EC2", "CPUUtilization", {"InstanceId": "i-1"}, start, 300, [1.0, None, 3.0])
        proxy.fail("GetMetricData", "Throttling", first=2)
        guard.step_back()  # the rules added since strike first

It speaks what botocore speaks: the query protocol (before 1.41 or so) and JSON. As a command it is the proxy with the guard in
it: ``python -m tests.servers.cloudwatch_guard --upstream URL``. Metrics come by ``POST /_metrics``, a JSON list of seed's
arguments.
"""

from __future__ import annotations

import argparse
import json
import math
import re
import urllib.request
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timezone
from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qsl
from xml.sax.saxutils import escape

from tests.servers import operations
from tests.servers.child import ServerProcess, add_common_options, announce, stop_event
from tests.servers.fault_proxy import FaultProxy
from tests.servers.faults import Fault, Rule

if TYPE_CHECKING:
    from tests.servers.fault_proxy import Exchange

SEED_PATH = "/_metrics"
MAX_QUERIES = 500
MAX_DATAPOINTS = 100_800
NAMESPACE = "http://monitoring.amazonaws.com/doc/2010-08-01/"

_ID = re.compile(r"[a-z][a-zA-Z0-9_]{0,254}")
_STATISTICS = {
    "SampleCount": len,
    "Sum": math.fsum,
    "Minimum": min,
    "Maximum": max,
    "Average": lambda values: math.fsum(values) / len(values),
}
_PERCENTILE = re.compile(r"p(\d{1,2}(?:\.\d+)?|100)")
_NAME = re.compile(r"\b[a-z]\w*")
_TOKEN = re.compile(r"\s*(\d+(?:\.\d+)?|\w+|[-+*/()])")
_SELECT = re.compile(
    r'SELECT (AVG|SUM|MIN|MAX|COUNT)\((\w+)\) FROM (?:SCHEMA\()?"([\w/]+)"(?:,[^)]*\))?(?: GROUP BY (\w+))?', re.I
)
_SEARCH = re.compile(r"SEARCH\('\{([\w/]+),(\w+)\} MetricName=\"(\w+)\"', '(\w+)', (\d+)\)")
_INSIGHTS = {"AVG": "Average", "SUM": "Sum", "MIN": "Minimum", "MAX": "Maximum", "COUNT": "SampleCount"}

Series = dict[int, float]
Key = tuple[str, str, frozenset[tuple[str, str]]]


class Refused(Exception):
    """The request is against the rules."""


@dataclass
class Result:
    """One series of an answer."""

    id: str
    label: str
    points: list[tuple[int, float]]
    status: str = "Complete"
    messages: list[tuple[str, str]] = field(default_factory=list)


class CloudWatchGuard(Fault):
    """Answers GetMetricData; the proxy's counts and the rules that stand before it apply.

    ``page_size`` is the most datapoints a page has, when it shall be fewer than in reality. ``once`` gives a series a status
    for its next answer only, and ``always`` for every answer; a series that is not Complete lacks its oldest half.
    """

    def __init__(self, page_size: int = MAX_DATAPOINTS) -> None:
        self.page_size = page_size
        self.metrics: dict[Key, Series] = {}
        self.requests: list[dict[str, Any]] = []
        """All requests for metrics that came in, decoded."""
        self.once: dict[str, str] = {}
        self.always: dict[str, str] = {}
        self.says: list[tuple[str, str]] = []
        """Messages about the whole call, (code, text)."""
        seeding = Rule(_Seeding(self), when=lambda request: request.target == SEED_PATH)
        self._own_rules = [Rule(self, "GetMetricData"), seeding]
        self._proxy: FaultProxy | None = None

    def before(self, proxy: FaultProxy) -> CloudWatchGuard:
        """Take the place of CloudWatch behind a proxy, and return itself."""
        self._proxy = proxy
        proxy.rules += self._own_rules
        return self

    def step_back(self) -> None:
        """Let the proxy's other rules strike before the guard answers."""
        assert self._proxy is not None
        self._proxy.rules = [rule for rule in self._proxy.rules if rule not in self._own_rules] + self._own_rules

    def seed(
        self,
        namespace: str,
        metric: str,
        dimensions: Mapping[str, str],
        start: int,
        period: int,
        values: Iterable[float | None],
    ) -> None:
        """Store one sample a period from ``start`` (seconds since 1970) on; None leaves a gap."""
        series = self.metrics.setdefault((namespace, metric, frozenset(dimensions.items())), {})
        series.update({start + place * period: value for place, value in enumerate(values) if value is not None})

    async def act(self, exchange: Exchange) -> bool:
        """Answer in the request's own protocol."""
        request = exchange.request
        asked = _decode(request.protocol, request.body or b"")
        self.requests.append(asked)
        try:
            results, token = self.answer(asked)
        except Refused as refused:
            headers = [("x-amzn-query-error", "ValidationError;Sender")] if request.protocol == operations.JSON else []
            return await exchange.answer_error(400, "ValidationError", str(refused), headers)
        content_type, body = _encode(request.protocol, results, token, self.says)
        return await exchange.answer(200, content_type, body)

    def answer(self, asked: Mapping[str, Any]) -> tuple[list[Result], str | None]:
        """Return one page of results, and the token for the next one."""
        queries = asked["MetricDataQueries"]
        start, end = _seconds(asked["StartTime"]), _seconds(asked["EndTime"])
        _check(queries, start, end)
        results = [
            result
            for query in queries
            if str(query.get("ReturnData", "true")).lower() != "false"
            for result in self._results(query, queries, start, end)
        ]
        newest_first = asked.get("ScanBy", "TimestampDescending") == "TimestampDescending"
        for result in results:
            result.points.sort(reverse=newest_first)
            self._spoil(result, newest_first)
        most = min(int(asked.get("MaxDatapoints", MAX_DATAPOINTS)), self.page_size)
        first = _place_of(asked.get("NextToken"))
        can_page = not any("Expression" in query and not _is_insights(query) for query in queries)
        return _page(results, first, most, can_page)

    def _spoil(self, result: Result, newest_first: bool) -> None:
        status = self.once.pop(result.id, None) or self.always.get(result.id)
        if status:
            half = len(result.points) // 2 if status == "PartialData" else 0
            result.points = result.points[:half] if newest_first else result.points[len(result.points) - half :]
            result.status = status

    def _results(
        self, query: Mapping[str, Any], queries: Sequence[Mapping[str, Any]], start: float, end: float
    ) -> list[Result]:
        name, label = query["Id"], query.get("Label", "")
        if "MetricStat" in query:
            points = self._metric(query["MetricStat"], start, end)
            return [Result(name, label or query["MetricStat"]["Metric"]["MetricName"], sorted(points.items()))]
        found = _SELECT.match(query["Expression"]) or _SEARCH.search(query["Expression"])
        if found is None:
            value = _Arithmetic(self, queries, start, end).evaluate(query)
            return [Result(name, label or name, sorted(value.items()))]
        if found.re is _SEARCH:
            namespace, grouped_by, metric, stat, period = found.groups()
        else:
            stat, metric, namespace, grouped_by = found.groups()
            stat, period = _INSIGHTS[stat.upper()], query["Period"]
        return [
            Result(name, group, sorted(_in_periods(samples, int(period), stat, start, end).items()))
            for group, samples in self._grouped(namespace, metric, grouped_by)
        ]

    def _grouped(self, namespace: str, metric: str, dimension: str | None) -> list[tuple[str, list[tuple[int, float]]]]:
        groups: dict[str, list[tuple[int, float]]] = {}
        for (its_namespace, its_name, dimensions), series in self.metrics.items():
            if (its_namespace, its_name) == (namespace, metric):
                group = dict(dimensions).get(dimension, "") if dimension else metric
                groups.setdefault(group, []).extend(series.items())
        return sorted(groups.items())

    def _metric(self, asked: Mapping[str, Any], start: float, end: float) -> Series:
        dimensions = frozenset((one["Name"], one["Value"]) for one in asked["Metric"].get("Dimensions") or ())
        series = self.metrics.get((asked["Metric"]["Namespace"], asked["Metric"]["MetricName"], dimensions), {})
        return _in_periods(series.items(), int(asked["Period"]), asked["Stat"], start, end)


class _Seeding(Fault):
    """Takes metrics in."""

    def __init__(self, guard: CloudWatchGuard) -> None:
        self._guard = guard

    async def act(self, exchange: Exchange) -> bool:
        """Store what was sent."""
        for arguments in json.loads(exchange.request.body or b"[]"):
            self._guard.seed(*arguments)
        return await exchange.answer(200, "application/json", b"{}")


class _Arithmetic:
    """Metric math as far as tests need it: numbers, ids, + - * / and brackets, datapoint by datapoint."""

    def __init__(self, guard: CloudWatchGuard, queries: Sequence[Mapping[str, Any]], start: float, end: float) -> None:
        self._guard, self._start, self._end = guard, start, end
        self._by_id = {query["Id"]: query for query in queries}

    def evaluate(self, query: Mapping[str, Any]) -> Series:
        """The series that an expression yields. Where one side has a gap, so has the result."""
        terms = {
            name: self.evaluate(self._by_id[name])
            if "Expression" in self._by_id[name]
            else self._guard._metric(self._by_id[name]["MetricStat"], self._start, self._end)
            for name in set(_NAME.findall(query["Expression"]))
        }
        times = set.intersection(*(set(series) for series in terms.values())) if terms else set()
        result = {}
        for time in times:
            values = {name: series[time] for name, series in terms.items()}
            try:
                result[time] = _calculate(_TOKEN.findall(query["Expression"]), values)
            except ZeroDivisionError:
                continue
        return result


def _calculate(tokens: list[str], values: Mapping[str, float]) -> float:
    def total() -> float:
        value = product()
        while tokens and tokens[0] in "+-":
            value = value + product() if tokens.pop(0) == "+" else value - product()
        return value

    def product() -> float:
        value = factor()
        while tokens and tokens[0] in "*/":
            value = value * factor() if tokens.pop(0) == "*" else value / factor()
        return value

    def factor() -> float:
        token = tokens.pop(0)
        if token == "(":
            value = total()
            tokens.pop(0)
            return value
        return values[token] if token in values else float(token)

    return total()


# The rules


def _check(queries: Sequence[Mapping[str, Any]], start: float, end: float) -> None:
    if not queries:
        raise Refused("The parameter MetricDataQueries is required.")
    if len(queries) > MAX_QUERIES:
        raise Refused(f"The collection MetricDataQueries must not have a size greater than {MAX_QUERIES}.")
    if start >= end:
        raise Refused("The parameter StartTime must be less than the parameter EndTime.")
    twice = [name for name, times in Counter(query["Id"] for query in queries).items() if times > 1]
    if twice:
        raise Refused(f"The values for parameter id in MetricDataQueries are not unique: {twice[0]}.")
    if sum(_is_insights(query) for query in queries) > 1:
        raise Refused("Only one Metrics Insights query is allowed in a GetMetricData request.")
    names = {query["Id"] for query in queries}
    for place, query in enumerate(queries, 1):
        _check_query(query, f"MetricDataQueries.member.{place}", names)


def _check_query(query: Mapping[str, Any], where: str, names: set[str]) -> None:
    if not _ID.fullmatch(query["Id"]):
        raise Refused(f"The value {query['Id']} for parameter {where}.Id is not matching the expected pattern.")
    if ("MetricStat" in query) == ("Expression" in query):
        raise Refused(f"Exactly one of {where}.MetricStat and {where}.Expression has to be given.")
    if "MetricStat" in query:
        stat, period = query["MetricStat"]["Stat"], int(query["MetricStat"]["Period"])
        if stat not in _STATISTICS and not _PERCENTILE.fullmatch(stat):
            raise Refused(f"The value {stat} for parameter {where}.MetricStat.Stat is not supported.")
        if period % 60 and period not in (1, 5, 10, 20, 30):
            raise Refused(f"The value {period} for parameter {where}.MetricStat.Period is not supported.")
        return
    if _is_insights(query):
        if "Period" not in query or not _SELECT.match(query["Expression"]):
            raise Refused(f"Error in expression '{query['Id']}': not a query, or without a period.")
        return
    words = re.sub(r"'[^']*'", "", query["Expression"])
    unknown = sorted(set(_NAME.findall(words)) - names)
    if unknown:
        raise Refused(f"Error in expression '{query['Id']}': Unknown identifier {unknown[0]}.")


def _is_insights(query: Mapping[str, Any]) -> bool:
    return str(query.get("Expression", "")).upper().startswith("SELECT")


# Datapoints


def _in_periods(samples: Iterable[tuple[int, float]], period: int, stat: str, start: float, end: float) -> Series:
    groups: dict[int, list[float]] = {}
    for time, value in samples:
        begin = time // period * period
        if start <= begin and time < end:
            groups.setdefault(begin, []).append(value)
    return {begin: float(_statistic(values, stat)) for begin, values in groups.items()}


def _statistic(values: list[float], stat: str) -> float:
    if stat in _STATISTICS:
        return float(_STATISTICS[stat](values))  # type: ignore[operator]
    return sorted(values)[min(len(values) - 1, int(len(values) * float(stat[1:]) / 100))]


def _page(results: list[Result], first: int, most: int, can_page: bool) -> tuple[list[Result], str | None]:
    """Cut a page of at most so many datapoints out, series after series."""
    page, passed, room = [], 0, most
    for result in results:
        skipped = min(max(first - passed, 0), len(result.points))
        points = result.points[skipped : skipped + room]
        cut = skipped + len(points) < len(result.points)
        passed += len(result.points)
        finished_before = first and skipped == len(result.points)
        if not finished_before and (points or not cut):
            page.append(
                Result(result.id, result.label, points, "PartialData" if cut else result.status, result.messages)
            )
        room -= len(points)
    more = first + most < passed
    return page, f"from-{first + most}" if more and can_page else None


def _place_of(token: str | None) -> int:
    if token is None:
        return 0
    if not token.startswith("from-"):
        raise Refused("The NextToken is invalid.")
    return int(token[5:])


# The wire


def _seconds(value: Any) -> float:
    if isinstance(value, (int, float)):
        return float(value)
    return datetime.fromisoformat(value.replace("Z", "+00:00")).replace(tzinfo=timezone.utc).timestamp()


def _decode(protocol: str, body: bytes) -> dict[str, Any]:
    if protocol == operations.JSON:
        decoded: dict[str, Any] = json.loads(body)
        return decoded
    if protocol != operations.QUERY:
        raise ValueError(f"the guard does not speak {protocol}")
    tree: dict[str, Any] = {}
    for path, value in parse_qsl(body.decode(), keep_blank_values=True):
        *above, last = path.split(".")
        node = tree
        for part in above:
            node = node.setdefault(part, {})
        node[last] = value
    lists: dict[str, Any] = _with_lists(tree)
    return lists


def _with_lists(node: Any) -> Any:
    """Turn {"member": {"1": a, "2": b}} into [a, b]; an empty list is an empty text there."""
    if not isinstance(node, dict):
        return node
    if set(node) == {"member"}:
        return [_with_lists(node["member"][place]) for place in sorted(node["member"], key=int)]
    return {name: [] if (name, value) == ("Dimensions", "") else _with_lists(value) for name, value in node.items()}


def _encode(
    protocol: str, results: Sequence[Result], token: str | None, says: Sequence[tuple[str, str]]
) -> tuple[str, bytes]:
    if protocol == operations.JSON:
        answer: dict[str, Any] = {
            "MetricDataResults": [_as_json(result) for result in results],
            "Messages": _said(says),
        }
        return "application/x-amz-json-1.0", json.dumps({**answer, **({"NextToken": token} if token else {})}).encode()
    inner = f"<MetricDataResults>{''.join(_as_xml(result) for result in results)}</MetricDataResults>"
    inner += _said_xml(says) + (f"<NextToken>{token}</NextToken>" if token else "")
    text = f'<GetMetricDataResponse xmlns="{NAMESPACE}"><GetMetricDataResult>{inner}</GetMetricDataResult>'
    return (
        "text/xml",
        f"{text}<ResponseMetadata><RequestId>guard</RequestId></ResponseMetadata></GetMetricDataResponse>".encode(),
    )


def _said(messages: Iterable[tuple[str, str]]) -> list[dict[str, str]]:
    return [{"Code": code, "Value": text} for code, text in messages]


def _said_xml(messages: Iterable[tuple[str, str]]) -> str:
    members = "".join(
        f"<member><Code>{escape(code)}</Code><Value>{escape(text)}</Value></member>" for code, text in messages
    )
    return f"<Messages>{members}</Messages>"


def _as_json(result: Result) -> dict[str, Any]:
    return {
        "Id": result.id,
        "Label": result.label,
        "Timestamps": [time for time, _value in result.points],
        "Values": [value for _time, value in result.points],
        "StatusCode": result.status,
        "Messages": _said(result.messages),
    }


def _as_xml(result: Result) -> str:
    times = "".join(
        f"<member>{datetime.fromtimestamp(time, timezone.utc).isoformat()}</member>" for time, _value in result.points
    )
    values = "".join(f"<member>{value!r}</member>" for _time, value in result.points)
    return (
        f"<member><Id>{escape(result.id)}</Id><Label>{escape(result.label)}</Label><Timestamps>{times}</Timestamps>"
        f"<Values>{values}</Values><StatusCode>{result.status}</StatusCode>{_said_xml(result.messages)}</member>"
    )


# As a process


class CloudWatchGuardProcess(ServerProcess):
    """The proxy with the guard in it as a process of its own, for benchmarks."""

    def __init__(self, upstream: str, latency_ms: float = 0.0) -> None:
        arguments = ["--upstream", upstream, "--latency-ms", str(latency_ms)]
        super().__init__("tests.servers.cloudwatch_guard", arguments)

    def seed(self, *series: Sequence[Any]) -> None:
        """Store metrics; each of the series has the arguments of CloudWatchGuard.seed."""
        for first in range(0, len(series), 100):  # the proxy holds a megabyte of each request
            body = json.dumps(series[first : first + 100]).encode()
            request = urllib.request.Request(self.endpoint + SEED_PATH, body, method="POST")
            with urllib.request.urlopen(request, timeout=60) as answer:
                answer.read()

    def stats(self) -> dict[str, Any]:
        """Return the proxy's counts, and set them to zero."""
        request = urllib.request.Request(f"{self.endpoint}/_stats", method="POST")
        with urllib.request.urlopen(request, timeout=30) as answer:
            counts: dict[str, Any] = json.load(answer)
        return counts


def main(arguments: Sequence[str] | None = None) -> int:
    """Serve until SIGTERM, SIGINT or the end of the parent."""
    parser = argparse.ArgumentParser(
        prog="python -m tests.servers.cloudwatch_guard", description="a strict GetMetricData"
    )
    add_common_options(parser)
    parser.add_argument("--upstream", required=True, help="the server for everything else, http://HOST:PORT")
    parser.add_argument("--latency-ms", type=float, default=0.0, help="milliseconds added to each request")
    options = parser.parse_args(arguments)
    stop = stop_event(options.with_parent)
    with FaultProxy(options.upstream, options.latency_ms / 1000, options.port) as proxy:
        CloudWatchGuard().before(proxy)
        announce(proxy.endpoint, options.port_file)
        stop.wait()
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
