# Copyright (c) 2026 cloudops.core contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""CloudWatch queries: from options, into the fewest calls, and back from pages."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import datetime, timezone
from typing import Any

import pytest
from ansible_collections.cloudops.core.plugins.module_utils._aws.cloudwatch import (
    Call,
    CloudWatchGateway,
    Request,
    measure,
)
from ansible_collections.cloudops.core.plugins.module_utils._aws.cloudwatch_queries import (
    MAX_DATAPOINTS,
    MAX_QUERIES,
    MetricQuery,
    kept_period,
    plan_calls,
    read_queries,
    units_of,
)
from ansible_collections.cloudops.core.plugins.module_utils._core.errors import Denied, Invalid
from ansible_collections.cloudops.core.plugins.module_utils._core.wait import Clock
from ansible_collections.cloudops.core.plugins.module_utils._domain.metrics import Threshold, align
from botocore.exceptions import ClientError
from hypothesis import given, settings
from hypothesis import strategies as st

NOON = int(datetime(2026, 3, 1, 12, tzinfo=timezone.utc).timestamp())
DAY = 86400


def params(**given: Any) -> dict[str, Any]:
    """The module's options with their defaults."""
    return {
        "instance_ids": None,
        "metric": None,
        "namespace": "AWS/EC2",
        "dimension": "InstanceId",
        "dimensions": None,
        "unit": None,
        "queries": None,
        "stat": "Average",
        "period": "5m",
        "aggregation": "last",
        "threshold": None,
        **given,
    }


def metric(**given: Any) -> dict[str, Any]:
    """A query of a metric."""
    return {"namespace": "N", "metric": "M", **given}


def full(*queries: dict[str, Any], **given: Any) -> list[MetricQuery]:
    """Queries in the full form."""
    return read_queries(params(queries=list(queries), **given))


def plan(queries: Sequence[MetricQuery], last: int, now: float = NOON) -> list[Call]:
    """Their calls."""
    windows = {query.id: align(now, query.period, last=last) for query in queries}
    return plan_calls(units_of(queries, windows), now)


# From options


def test_short_form() -> None:
    queries = read_queries(
        params(instance_ids=["i-2", "i-1", "i-2"], metric="CPUUtilization", period="1h", unit="Percent")
    )
    assert [(query.key, query.id) for query in queries] == [("i-2", "q1"), ("i-1", "q2")]
    assert queries[0].request() == {
        "Id": "q1",
        "MetricStat": {
            "Metric": {
                "Namespace": "AWS/EC2",
                "MetricName": "CPUUtilization",
                "Dimensions": [{"Name": "InstanceId", "Value": "i-2"}],
            },
            "Period": 3600,
            "Stat": "Average",
            "Unit": "Percent",
        },
    }


def test_short_form_with_further_dimensions() -> None:
    query = read_queries(
        params(instance_ids=["/"], metric="disk", dimension="path", dimensions={"host": "a"}, stat="maximum")
    )[0]
    assert (query.dimensions, query.stat) == ((("path", "/"), ("host", "a")), "Maximum")


def test_no_instances_are_no_queries() -> None:
    assert read_queries(params(instance_ids=[], metric="CPUUtilization")) == []
    assert plan([], 300) == []


def test_full_form() -> None:
    queries = full(
        metric(id="m1", dimensions={"a": 1}, stat="p99.9", period="1m", account="123456789012", return_data=False),
        {"id": "e1", "expression": " m1 * 2 ", "label": "twice"},
        metric(),
        threshold={"operator": ">", "value": 1},
        aggregation="max",
    )
    assert [query.key for query in queries] == ["m1", "e1", "q1"]
    assert queries[0].request() == {
        "Id": "m1",
        "MetricStat": {
            "Metric": {"Namespace": "N", "MetricName": "M", "Dimensions": [{"Name": "a", "Value": "1"}]},
            "Period": 60,
            "Stat": "p99.9",
        },
        "AccountId": "123456789012",
        "ReturnData": False,
    }
    assert queries[1].request() == {"Id": "e1", "Expression": "m1 * 2", "Label": "twice"}
    assert all(query.threshold == Threshold(">", 1) and query.aggregation == "max" for query in queries)


def test_made_up_ids_keep_clear_of_given_ones() -> None:
    assert [query.id for query in full(metric(), metric(id="q1"), metric(), metric(id="q3"))] == [
        "q2",
        "q1",
        "q4",
        "q3",
    ]


@pytest.mark.parametrize(
    ("expression", "more", "period", "sent"),
    [
        pytest.param("a + 1", {}, 60, None, id="of-its-metric"),
        pytest.param("a + b", {}, 300, None, id="of-the-longest"),
        pytest.param("a + c", {}, 420, None, id="of-the-common-multiple"),
        pytest.param("e1 / 2", {}, 300, None, id="through-another-expression"),
        pytest.param("a + 1", {"period": "1h"}, 3600, 3600, id="its-own"),
        pytest.param("SEARCH('{AWS/EC2,InstanceId}', 'Average', 900)", {}, 900, None, id="of-the-search"),
        pytest.param("SUM(SEARCH('{AWS/EC2,InstanceId} a', 'Average', 60))", {}, 60, None, id="names-in-quotes"),
        pytest.param("select AVG(a) FROM N", {}, 120, 120, id="insights-default"),
        pytest.param("SELECT AVG(a) FROM N", {"period": "1m"}, 60, 60, id="insights-own"),
        pytest.param("TIME_SERIES(3)", {}, 120, None, id="of-nothing"),
        pytest.param("e2 + a", {}, 60, None, id="of-itself"),
    ],
)
def test_period_of_an_expression(expression: str, more: dict[str, Any], period: int, sent: int | None) -> None:
    queries = full(
        metric(id="a", period="1m"),
        metric(id="b", period="5m"),
        metric(id="c", period="7m"),
        {"id": "e1", "expression": "a + b"},
        {"id": "e2", "expression": expression, **more},
        period="2m",
    )
    assert (queries[-1].period, queries[-1].request().get("Period")) == (period, sent)


@pytest.mark.parametrize(
    ("given", "words"),
    [
        pytest.param({}, "nothing is asked for", id="nothing"),
        pytest.param({"instance_ids": ["i-1"]}, "nothing is asked for", id="no-metric"),
        pytest.param({"metric": "M"}, "nothing is asked for", id="no-instances"),
        pytest.param({"queries": [], "metric": "M"}, "queries excludes metric", id="both-forms"),
        pytest.param({"queries": [metric(id="Up")]}, r"queries\[0\].id is 'Up'", id="capital-id"),
        pytest.param({"queries": [metric(id="a-b")]}, "id is 'a-b'", id="dash-in-id"),
        pytest.param({"queries": [metric(id="a"), metric(id="a")]}, "more than one with id a", id="id-twice"),
        pytest.param({"queries": [{"namespace": "N"}]}, "needs namespace and metric", id="no-metric-name"),
        pytest.param({"queries": [metric(expression="1")]}, "has an expression, and namespace, metric", id="metric-and-expression"),
        pytest.param({"queries": [metric(), metric(stat="Avg")]}, r"queries\[1\].stat is unknown: 'Avg'", id="statistic"),
        pytest.param({"queries": [metric(stat="p101")]}, "stat is unknown", id="percentile"),
        pytest.param({"queries": [metric(stat="TM(5)")]}, "stat is unknown", id="trimmed-mean"),
        pytest.param({"queries": [metric(period="90s")]}, r"queries\[0\].period is 90s", id="period"),
        pytest.param({"queries": [metric(period="0")]}, "period is 0", id="period-zero"),
        pytest.param({"queries": [metric(aggregation="mean")]}, r"queries\[0\].aggregation is unknown", id="aggregation"),
        pytest.param({"queries": [metric(dimensions={"a": ""})]}, "no value for a", id="empty-dimension"),
        pytest.param({"queries": [metric(dimensions=dict.fromkeys(range(1, 32), "x"))]}, "31 entries", id="dimensions"),
        pytest.param({"instance_ids": ["i-1"], "metric": "M", "period": "45s"}, "period is 45s", id="short-period"),
        pytest.param({"instance_ids": ["i-1"], "metric": "M", "stat": "mean"}, "stat is unknown", id="short-statistic"),
        pytest.param(
            {"instance_ids": ["i-1"], "metric": "M", "dimensions": {"InstanceId": "i-2"}},
            "dimensions gives InstanceId",
            id="dimension-twice",
        ),
        pytest.param(
            {"queries": [metric(threshold={"operator": ">", "value": 1, "of": 0})]}, r"queries\[0\].threshold asks", id="threshold"
        ),
    ],
)  # fmt: skip
def test_refuses(given: dict[str, Any], words: str) -> None:
    with pytest.raises(Invalid, match=words):
        read_queries(params(**given))


@pytest.mark.parametrize(
    "stat",
    [
        *("SampleCount", "Sum", "IQM", "p95", "p0", "p100", "p99.95", "tm90", "wm98", "tc10", "ts5.5"),
        "TM(10%:90%)",
        "TM(150:1000)",
        "TM(:95%)",
        "WM(80%:)",
        "PR(:300)",
        "PR(100:2000)",
        "TC(0.005:0.030)",
        "TS(80%:)",
    ],
)
def test_statistics(stat: str) -> None:
    assert full(metric(stat=stat))[0].stat == stat


# Into calls


def many(number: int, period: str = "5m", **given: Any) -> list[dict[str, Any]]:
    """So many metrics."""
    return [metric(dimensions={"i": place}, period=period, **given) for place in range(number)]


INSIGHTS = {"expression": "SELECT AVG(CPUUtilization) FROM N"}
GROUPED = {"expression": "SELECT AVG(CPUUtilization) FROM N GROUP BY InstanceId", "period": "1m"}
SEARCH = {"expression": "SEARCH('{N,i}', 'Average', 60)"}


@pytest.mark.parametrize(
    ("queries", "last", "sizes"),
    [
        pytest.param(many(1), 3600, [1], id="one"),
        pytest.param(many(500), 3600, [500], id="500"),
        pytest.param(many(501), 3600, [500, 1], id="501"),
        pytest.param(many(1000, "1h"), 7 * DAY, [500, 500], id="1000-instances-7-hourly-days"),
        pytest.param(many(500), 201 * 300, [500], id="100,500-datapoints"),
        pytest.param(many(500), 202 * 300, [499, 1], id="101,000-datapoints"),
        pytest.param(many(1000), 300 * 300, [336, 336, 328], id="300,000-datapoints"),
        pytest.param(many(2, "1m"), 15 * DAY, [2], id="two-long-ones"),
        pytest.param(many(5, "1m"), 15 * DAY, [4, 1], id="five-long-ones"),
        pytest.param(many(1, "1s"), 2 * DAY, [1], id="one-too-long-comes-in-pages"),
        pytest.param([INSIGHTS, INSIGHTS, INSIGHTS], 3600, [1, 1, 1], id="one-insights-query-a-call"),
        pytest.param([INSIGHTS, *many(499)], 3600, [500], id="insights-with-metrics"),
        pytest.param([GROUPED, *many(499)], 3 * 3600, [301, 199], id="grouped-insights-may-yield-500-series"),
        pytest.param([SEARCH] * 6, 3 * 3600, [5, 1], id="a-search-may-yield-100-series"),
        pytest.param([*many(250, "5m"), *many(250, "1m")], 3600, [500], id="periods-share-a-call"),
        pytest.param([*many(250, "5m"), *many(251, "1m")], 3600, [500, 1], id="periods-share-two-calls"),
        pytest.param(
            [*many(1, "1h"), *many(1, "1m"), *many(1, "5m"), *many(1, "7m")], 300, [3, 1], id="periods-that-do-not-fit"
        ),
        pytest.param([*many(1, "1d"), *many(400, "1m")], 300, [400, 1], id="no-day-of-minutes-for-five"),
        pytest.param([*many(1, "1h"), *many(1, "10s")], 300, [2], id="high-resolution-within-an-hour"),
        pytest.param([*many(1, "1d"), *many(1, "10s")], 300, [1, 1], id="high-resolution-not-within-a-day"),
        pytest.param([*many(1, "1d"), *many(1, "1m")], 15 * DAY, [1, 1], id="minutes-are-kept-15-days"),
    ],
)
def test_calls(queries: list[dict[str, Any]], last: int, sizes: list[int]) -> None:
    calls = plan(full(*queries), last)
    assert sorted((len(call.queries) for call in calls), reverse=True) == sorted(sizes, reverse=True)


@pytest.mark.parametrize(
    ("expression", "together"),
    [
        pytest.param("m1 + m450", {"m1", "m450", "e"}, id="two"),
        pytest.param("f * 2", {"m2", "m3", "f", "e"}, id="through-another"),
        pytest.param("SUM(METRICS('m1')) + 0", None, id="METRICS-refers-to-all"),
        pytest.param("ANOMALY_DETECTION_BAND(m7, 2)", {"m7", "e"}, id="function"),
        pytest.param("IF(m1 > 5, m2, M3)", {"m1", "m2", "m3", "f", "e"}, id="not-of-another-case"),
        pytest.param("m10", {"m10", "e"}, id="not-the-beginning-of-a-name"),
        pytest.param("SEARCH('m5', 'Sum', 300)", {"e"}, id="not-in-quotes"),
    ],
)
def test_what_belongs_together(expression: str, together: set[str] | None) -> None:
    metrics = [{**one, "id": f"m{number}"} for number, one in enumerate(many(490), 1)]
    queries = full(*metrics, {"id": "e", "expression": expression}, {"id": "f", "expression": "m2 / m3"})
    units = units_of(queries, {query.id: align(NOON, query.period, last=3600) for query in queries})
    names = next({query.id for query in unit.queries} for unit in units if "e" in {q.id for q in unit.queries})
    assert names == (together or {query.id for query in queries})


def test_expressions_stay_with_their_metrics_over_many_calls() -> None:
    queries = []
    for number in range(400):
        queries += [
            metric(id=f"a{number}"),
            metric(id=f"b{number}"),
            {"id": f"e{number}", "expression": f"a{number} / b{number}"},
        ]
    calls = plan(full(*queries), 3600)
    assert [len(call.queries) for call in calls] == [498, 498, 204]
    for call in calls:
        assert len({query.id[1:] for query in call.queries}) * 3 == len(call.queries)


def test_too_much_for_one_call() -> None:
    with pytest.raises(Invalid, match=r"501 queries belong together through the expression of total"):
        plan(full(*many(500), {"id": "total", "expression": "SUM(METRICS())"}), 3600)
    with pytest.raises(Invalid, match="more than one Metrics Insights query"):
        plan(full({"id": "a", **INSIGHTS}, {"id": "b", **INSIGHTS}, {"id": "e", "expression": "a + b"}), 3600)


def test_windows_that_are_shared_cover_all_and_begin_with_each_period() -> None:
    call = plan(full(*many(1, "1h"), *many(1, "1m")), 600, NOON + 90)[0]
    assert (call.start, call.end) == (NOON - 3600, NOON + 60)
    assert call.request()["StartTime"] % 3600 == 0


@pytest.mark.parametrize(
    ("queries", "metrics"),
    [
        pytest.param(
            [metric(stat=stat) for stat in ("Sum", "Average", "Maximum", "Minimum", "p99")], 1, id="five-statistics"
        ),
        pytest.param([metric(stat=f"p{n}") for n in range(6)], 2, id="six-statistics"),
        pytest.param([metric(), metric(dimensions={"a": "b"}), metric(metric="other")], 3, id="three-metrics"),
        pytest.param([metric(id="a"), {"expression": "a*2"}, INSIGHTS], 1, id="expressions-cost-nothing-of-their-own"),
    ],
)
def test_billed_metrics(queries: list[dict[str, Any]], metrics: int) -> None:
    assert sum(call.metrics_requested for call in plan(full(*queries), 3600)) == metrics


@pytest.mark.parametrize(
    ("age", "period"),
    [
        (0, 1),
        (3 * 3600, 1),
        (3 * 3600 + 1, 60),
        (15 * DAY, 60),
        (15 * DAY + 1, 300),
        (63 * DAY + 1, 3600),
        (500 * DAY, 3600),
    ],
)
def test_retention(age: int, period: int) -> None:
    assert kept_period(age) == period


@settings(deadline=None, max_examples=50)
@given(
    kinds=st.lists(
        st.tuples(st.sampled_from(["1m", "5m", "7m", "1h", "1d"]), st.integers(1, 400)), min_size=1, max_size=4
    ),
    insights=st.integers(0, 3),
    last=st.integers(1, 20 * DAY),
    now=st.floats(NOON, NOON + DAY),
)
def test_calls_keep_the_limits(kinds: list[tuple[str, int]], insights: int, last: int, now: float) -> None:
    queries = full(*[one for period, number in kinds for one in many(number, period)], *[INSIGHTS] * insights)
    windows = {query.id: align(now, query.period, last=last) for query in queries}
    calls = plan_calls(units_of(queries, windows), now)
    assert sorted(query.id for call in calls for query in call.queries) == sorted(query.id for query in queries)
    for call in calls:
        assert len(call.queries) <= MAX_QUERIES
        datapoints = sum(unit.datapoints(call.start, call.end) for unit in call.units)
        assert datapoints <= MAX_DATAPOINTS or len(call.units) == 1
        assert sum(query.is_insights for query in call.queries) <= 1
        for query in call.queries:
            assert call.start <= windows[query.id].start
            assert call.end >= windows[query.id].end
            assert call.start % query.period == 0


@settings(deadline=None, max_examples=25)
@given(number=st.integers(1, 3000), periods=st.integers(1, 2000))
def test_equal_queries_take_the_fewest_calls_possible(number: int, periods: int) -> None:
    a_call = min(MAX_QUERIES, MAX_DATAPOINTS // periods)
    assert len(plan(full(*many(number, "1h")), periods * 3600)) == -(-number // a_call)


# And back


class Service:
    """Stands in for boto3's client: answers each request with the next of the scripts, page by page."""

    def __init__(self, *scripts: Any) -> None:
        self.scripts = list(scripts)
        self.asked: list[list[str]] = []

    def client(self, _name: str, _region: str | None = None) -> Service:
        """Itself, for Clients."""
        return self

    def get_paginator(self, _operation: str) -> Service:
        """Itself."""
        return self

    def paginate(self, **request: Any) -> Iterator[dict[str, Any]]:
        """The pages of the next script; an error is raised where it stands; a function is called with the ids."""
        ids = [query["Id"] for query in request["MetricDataQueries"]]
        self.asked.append(ids)
        script = self.scripts.pop(0)
        for page in script(ids) if callable(script) else script:
            if isinstance(page, Exception):
                raise page
            yield page


def result(
    name: str, *points: tuple[int, float], status: str = "Complete", label: str = "L", said: str = ""
) -> dict[str, Any]:
    """One MetricDataResult; times in minutes before noon."""
    times = [datetime.fromtimestamp(NOON - 60 * minutes, timezone.utc) for minutes, _value in points]
    messages = [{"Code": "C", "Value": said}] if said else []
    return {"Id": name, "Label": label, "Timestamps": times, "Values": [value for _minutes, value in points], "StatusCode": status,
            "Messages": messages}  # fmt: skip


def page(*results: dict[str, Any], said: str = "") -> dict[str, Any]:
    """One page."""
    return {"MetricDataResults": list(results), "Messages": [{"Code": "G", "Value": said}] if said else []}


def refusal(code: str, message: str) -> ClientError:
    """An answer that is an error."""
    response: Any = {"Error": {"Code": code, "Message": message}, "ResponseMetadata": {"HTTPStatusCode": 400}}
    return ClientError(response, "GetMetricData")


def read(service: Service, *queries: dict[str, Any], **given: Any) -> tuple[Any, list[float]]:
    """What measure makes of it, and the pauses that it took."""
    pauses: list[float] = []
    clients: Any = service
    gateway = CloudWatchGateway(clients, Clock(sleep=pauses.append))
    request = Request(full(*queries, period="1m"), NOON, last=600, **given)
    return measure(gateway, request), pauses


def test_pages_are_put_together() -> None:
    service = Service(
        [
            page(result("a", (1, 5.0), (2, 4.0), status="PartialData"), result("b", (1, 1.0)), said="only so much"),
            page(),
            page(result("a", (3, 3.0), (2, 4.0)), said="only so much"),
        ]
    )
    measured, pauses = read(service, metric(id="a"), metric(id="b"))
    first, second = measured.series
    assert (first["values"], first["status"], first["coverage"]) == ([3.0, 4.0, 5.0], "Complete", 0.3)
    assert (second["values"], second["status"]) == ([1.0], "Complete")
    assert measured.messages == [{"code": "G", "value": "only so much"}]
    assert measured.warnings == ["CloudWatch says: only so much [G]"]
    assert (len(service.asked), pauses) == (1, [])
    assert measured.as_result(0.01)["estimated_cost"] == {"metrics_requested": 3, "usd": 3e-05}


def test_what_is_incomplete_is_asked_again() -> None:
    service = Service(
        [page(result("a", (1, 5.0), status="PartialData"), result("b", (1, 1.0)), result("c", status="InternalError"))],
        [page(result("a", (2, 4.0)), result("c", status="InternalError"))],
        [page(result("c", (1, 7.0)))],
    )
    measured, pauses = read(service, metric(id="a"), metric(id="b"), metric(id="c"))
    assert [one["values"] for one in measured.series] == [[4.0, 5.0], [1.0], [7.0]]
    assert service.asked == [["a", "b", "c"], ["a", "c"], ["c"]]
    assert pauses == [0.5, 1.5]
    assert measured.failures == []


def test_what_stays_incomplete_is_said() -> None:
    still = [page(result("a", (1, 5.0), status="PartialData"), result("b", status="InternalError", said="try later"))]
    measured, _pauses = read(Service(still, still, still), metric(id="a"), metric(id="b"), datapoints=False)
    assert [(one["key"], one["status"]) for one in measured.series] == [("a", "PartialData")]
    assert measured.warnings == ["a: CloudWatch returned only a part of the data"]
    assert [(one["name"], one["kind"], one["code"], one["message"]) for one in measured.failures] == [
        ("b", "unavailable", "InternalError", "try later")
    ]


def test_a_partial_expression_is_not_asked_again() -> None:
    service = Service([page(result("e", (1, 5.0), status="PartialData"))])
    measured, _pauses = read(service, {"id": "e", "expression": "SEARCH('x', 'Sum', 60)"})
    assert (measured.series[0]["status"], len(service.asked)) == ("PartialData", 1)


def test_another_account_may_forbid() -> None:
    service = Service([page(result("a", status="Forbidden"), result("b", (1, 1.0)))])
    measured, _pauses = read(service, metric(id="a"), metric(id="b"))
    assert [(one["name"], one["kind"], one["code"]) for one in measured.failures] == [("a", "denied", "Forbidden")]
    assert [one["key"] for one in measured.series] == ["b"]


def test_several_series_of_one_query() -> None:
    service = Service(
        [
            page(result("e", (1, 1.0), label="x"), result("e", (1, 2.0), label="y"), result("e", (1, 3.0), label="x")),
            page(result("e", (2, 4.0), label="y")),
        ]
    )
    judged = {"operator": ">", "value": 1, "missing": "ignore", "of": 3}
    measured, _pauses = read(
        service,
        {"id": "e", "expression": "SEARCH('x', 'Sum', 60)", "threshold": judged},
        previous={"e/y": "ok", "e/x#2": "breached"},
    )
    found = measured.as_result(0.01)
    assert {key: one["values"] for key, one in found["by_id"].items()} == {
        "e/x": [1.0],
        "e/y": [4.0, 2.0],
        "e/x#2": [3.0],
    }
    assert found["verdicts"] == {"e/x": "ok", "e/y": "ok", "e/x#2": "breached"}


def test_labels_that_change_do_not_split_a_metric() -> None:
    service = Service([page(result("a", (1, 1.0), label="max 1")), page(result("a", (2, 2.0), label="max 2"))])
    measured, _pauses = read(service, metric(id="a"))
    assert [one["values"] for one in measured.series] == [[2.0, 1.0]]


def test_no_series_is_no_data() -> None:
    judged = {"operator": ">", "value": 1}
    measured, _pauses = read(
        Service([page()]), {"id": "e", "expression": "SEARCH('x', 'Sum', 60)", "threshold": judged}
    )
    found = measured.as_result(0.01)
    assert (found["by_id"]["e"]["status"], found["by_id"]["e"]["value"]) == ("NoSeries", None)
    assert (found["verdict"], found["insufficient_data"], found["ok"]) == ("insufficient_data", ["e"], [])


def refusing(*bad: str, says: str = "no good") -> Any:
    """A service that refuses a request with one of these in it, and answers the others."""

    def answer(ids: list[str]) -> list[Any]:
        met = [name for name in ids if name in bad]
        if not met:
            return [page(*(result(name, (1, 1.0)) for name in ids))]
        return [refusal("ValidationError", says.format(name=met[0], place=ids.index(met[0]) + 1))]

    return answer


@pytest.mark.parametrize(
    ("says", "calls"),
    [
        pytest.param("The value of MetricDataQueries.member.{place}.MetricStat.Unit is bad", 3, id="by-place"),
        pytest.param("Error in expression '{name}'", 3, id="by-name"),
        pytest.param("something is wrong", 13, id="not-at-all"),
        pytest.param("MetricDataQueries.member.999.Stat", 13, id="by-a-place-that-is-none"),
    ],
)
def test_one_bad_query_does_not_take_the_others_along(says: str, calls: int) -> None:
    queries = [{"id": f"e{number}", "expression": f"TIME_SERIES({number})"} for number in range(64)]
    service = Service(*[refusing("e41", says=says)] * calls)
    measured, _pauses = read(service, *queries)
    assert [one["name"] for one in measured.failures] == ["e41"]
    assert measured.failures[0]["code"] == "ValidationError"
    assert len(measured.series) == 63
    assert service.scripts == []


def test_looking_for_bad_queries_ends() -> None:
    queries = [metric(id=f"m{number}") for number in range(500)]
    service = Service(*[refusing(*(query["id"] for query in queries))] * 500)
    measured, _pauses = read(service, *queries)
    assert len(measured.failures) == 500
    assert len(service.asked) <= 22


def test_other_errors_are_not_looked_into() -> None:
    service = Service([refusal("AccessDenied", "not you")])
    measured, _pauses = read(service, metric(id="a"), metric(id="b"))
    assert [(one["name"], one["kind"]) for one in measured.failures] == [("a", Denied.kind), ("b", Denied.kind)]
    assert len(service.asked) == 1


def test_a_metric_that_serves_an_expression_only_is_not_returned() -> None:
    service = Service([page(result("e", (1, 2.0)))])
    measured, _pauses = read(service, metric(id="a", return_data=False), {"id": "e", "expression": "a * 2"})
    assert [one["key"] for one in measured.series] == ["e"]


def test_verdicts_before_have_to_be_verdicts() -> None:
    with pytest.raises(Invalid, match="previous has ALARM"):
        read(Service(), metric(id="a"), previous={"a": "ALARM"})


def test_a_window_beyond_what_is_kept_is_warned_of() -> None:
    clients: Any = Service([page()])
    request = Request(full(metric(id="a", period="1m"), metric(id="b", period="1h")), NOON, last=20 * DAY)
    warnings = measure(CloudWatchGateway(clients), request).warnings
    assert len(warnings) == 1
    assert "a: the window begins 20.0 days ago" in warnings[0]
    assert "periods of 300 s only" in warnings[0]
