# Copyright (c) 2026 cloudops.core contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""cloudwatch_metric_info against a GetMetricData as strict as the real one, and against moto."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Iterator
from contextlib import closing
from datetime import datetime, timedelta, timezone
from typing import Any

import boto3
import pytest
from botocore.config import Config
from botocore.exceptions import ClientError

from tests.integration.harness import ModuleRunner, Play
from tests.servers.cloudwatch_guard import CloudWatchGuard, CloudWatchGuardProcess
from tests.servers.fault_proxy import FaultProxy
from tests.servers.moto import MotoServer

Run = Callable[..., dict[str, Any]]

CPU = {"namespace": "AWS/EC2", "metric": "CPUUtilization"}
KEYS = {"access_key": "testing-access-key", "secret_key": "testing-secret-key", "region": "us-east-1"}
ONE_TRY = {"retries": {"mode": "standard", "total_max_attempts": 1}}
RUNNER_OPTIONS = ("check", "env", "hide", "fails", "quiet")
HOUR = 3600


@pytest.fixture
def proxy(moto: MotoServer) -> Iterator[FaultProxy]:
    """A proxy before moto."""
    with FaultProxy(moto.endpoint) as server:
        yield server


@pytest.fixture
def guard(proxy: FaultProxy) -> CloudWatchGuard:
    """CloudWatch behind that proxy."""
    return CloudWatchGuard().before(proxy)


@pytest.fixture
def metrics(run_module: ModuleRunner, proxy: FaultProxy, guard: CloudWatchGuard) -> Run:
    """Run the module against the guard; the runner's own options go to the runner."""
    return _runner(run_module, proxy.endpoint)


def _runner(run_module: ModuleRunner, endpoint: str) -> Run:
    def run(**params: Any) -> dict[str, Any]:
        options = {key: params.pop(key) for key in RUNNER_OPTIONS if key in params}
        return run_module("cloudwatch_metric_info", {**KEYS, "endpoint_url": endpoint, **params}, **options)

    return run


@pytest.fixture
def hour() -> int:
    """The beginning of the present hour."""
    return int(time.time()) // HOUR * HOUR


def cpu(guard: CloudWatchGuard, instance: str, end: int, period: int, *values: float | None) -> None:
    """Store the values that come up to ``end``."""
    guard.seed("AWS/EC2", "CPUUtilization", {"InstanceId": instance}, end - len(values) * period, period, values)


def window(end: int, length: int = HOUR) -> dict[str, str]:
    """The options for a window."""
    return {"start": str(end - length), "end": str(end)}


def warnings(found: dict[str, Any]) -> list[str]:
    """The texts of the warnings; ansible-core 2.19 and later wrap them."""
    return [one if isinstance(one, str) else one["event"]["msg"] for one in found["warnings"]]


# The short form


def test_instances(metrics: Run, guard: CloudWatchGuard, hour: int) -> None:
    cpu(guard, "i-busy", hour, 300, *[90.0] * 11, 95.5)
    cpu(guard, "i-gaps", hour, 300, 10.0, None, 20.0, None)
    cpu(guard, "i-idle", hour, 300, *[0.0] * 12)
    found = metrics(
        instance_ids=["i-busy", "i-gaps", "i-idle", "i-gone"],
        metric="CPUUtilization",
        threshold={"operator": ">", "value": 80, "datapoints": 2, "of": 3},
        **window(hour),
    )
    busy = found["by_id"]["i-busy"]
    assert (busy["count"], busy["expected"], busy["coverage"], busy["value"]) == (12, 12, 1.0, 95.5)
    assert busy["values"] == [90.0] * 11 + [95.5]
    assert busy["timestamps"][-1] == datetime.fromtimestamp(hour - 300, timezone.utc).isoformat()
    assert (busy["verdict"], busy["verdict_reason"]) == ("breached", "3 of 3 datapoints > 80; 2 of 3 needed")
    assert busy["dimensions"] == {"InstanceId": "i-busy"}
    assert 300 < busy["age"] < 300 + HOUR + 60
    gaps = found["by_id"]["i-gaps"]
    assert (gaps["count"], gaps["coverage"], gaps["value"], gaps["verdict"]) == (2, 0.1667, 20.0, "ok")
    idle = found["by_id"]["i-idle"]
    assert (idle["value"], idle["verdict"]) == (0.0, "ok")
    gone = found["by_id"]["i-gone"]
    assert (gone["count"], gone["coverage"], gone["value"], gone["age"]) == (0, 0.0, None, None)
    assert (gone["verdict"], gone["values"], gone["status"]) == ("insufficient_data", [], "Complete")
    assert (found["breached"], found["ok"], found["insufficient_data"]) == (
        ["i-busy"],
        ["i-gaps", "i-idle"],
        ["i-gone"],
    )
    assert found["verdict"] == "breached"
    assert found["verdicts"]["i-gone"] == "insufficient_data"
    assert [one["key"] for one in found["series"]] == ["i-busy", "i-gaps", "i-idle", "i-gone"]
    newest = datetime.fromtimestamp(hour - 300, timezone.utc).isoformat()
    before = datetime.fromtimestamp(hour - 600, timezone.utc).isoformat()
    assert found["metrics"] == [
        {"name": "i-busy", "value": 95.5, "timestamp": newest},
        {"name": "i-gaps", "value": 20.0, "timestamp": before},
        {"name": "i-idle", "value": 0.0, "timestamp": newest},
        {"name": "i-gone", "value": None, "timestamp": None},
    ]
    assert found["api_calls"] == {"GetMetricData": 1}
    assert found["estimated_cost"] == {"metrics_requested": 4, "usd": 0.00004}
    assert found["failures"] == found["messages"] == []
    assert found["changed"] is False


def test_without_a_threshold_nothing_is_judged(metrics: Run, guard: CloudWatchGuard, hour: int) -> None:
    cpu(guard, "i-1", hour, 300, 1.0, 3.0)
    found = metrics(
        instance_ids=["i-1"], metric="CPUUtilization", aggregation="average", return_datapoints=False, **window(hour), check=True
    )  # fmt: skip
    assert found["by_id"]["i-1"]["value"] == 2.0
    assert not {"verdict", "values", "timestamps"} & set(found["by_id"]["i-1"])
    assert not {"verdict", "verdicts", "breached", "ok"} & set(found)


def test_no_instances(metrics: Run, proxy: FaultProxy) -> None:
    found = metrics(instance_ids=[], metric="CPUUtilization", threshold={"operator": ">", "value": 1})
    assert (found["series"], found["by_id"], found["verdict"], found["breached"]) == ([], {}, "insufficient_data", [])
    assert proxy.calls["GetMetricData"] == 0


def test_the_last_minutes(metrics: Run, guard: CloudWatchGuard) -> None:
    now = int(time.time()) // 60 * 60
    cpu(guard, "i-1", now + 120, 60, *[5.0] * 20)
    found = metrics(instance_ids=["i-1"], metric="CPUUtilization", period="1m", last="5m")["by_id"]["i-1"]
    assert (found["count"], found["expected"]) == (5, 5)
    assert 60 <= found["age"] < 130
    late = metrics(instance_ids=["i-1"], metric="CPUUtilization", period="1m", last="5m", delay="3m")["by_id"]["i-1"]
    assert late["end"] < found["end"]


def test_other_dimensions_are_other_metrics(metrics: Run, guard: CloudWatchGuard, hour: int) -> None:
    guard.seed("App", "depth", {"queue": "a", "stage": "prod"}, hour - 60, 60, [7.0])
    asked = {"namespace": "App", "metric": "depth", "dimension": "queue", "dimension_values": ["a"], "period": "60"}
    assert metrics(**asked, **window(hour))["by_id"]["a"]["value"] is None
    assert metrics(**asked, dimensions={"stage": "prod"}, **window(hour))["by_id"]["a"]["value"] == 7.0


@pytest.mark.parametrize(
    ("how", "stat", "period", "expected"),
    [
        ("last", "Average", "5m", 4.5),
        ("average", "Sum", "5m", 5.0),
        ("max", "Maximum", "5m", 5.0),
        ("min", "Minimum", "5m", 0.0),
        ("sum", "SampleCount", "10m", 4.0),
        ("p50", "Average", "5m", 2.5),
        ("last", "p90", "10m", 5.0),
    ],
)
def test_statistics(
    metrics: Run, guard: CloudWatchGuard, hour: int, how: str, stat: str, period: str, expected: float
) -> None:
    cpu(guard, "i-1", hour, 150, 0.0, 1.0, 4.0, 5.0)
    found = metrics(
        instance_ids=["i-1"], metric="CPUUtilization", stat=stat, period=period, aggregation=how, **window(hour)
    )
    assert found["by_id"]["i-1"]["value"] == expected


# Large fleets


def test_a_thousand_instances_a_week(metrics: Run, guard: CloudWatchGuard, proxy: FaultProxy, hour: int) -> None:
    names = [f"i-{number:04d}" for number in range(1000)]
    for number, name in enumerate(names):
        cpu(guard, name, hour, HOUR, *[float(number)] * 168)
    found = metrics(
        instance_ids=names,
        metric="CPUUtilization",
        period="1h",
        last="7d",
        aggregation="max",
        threshold={"operator": "<", "value": 5, "of": 168},
        return_datapoints=False,
    )
    assert found["api_calls"] == {"GetMetricData": 2}
    assert proxy.calls["GetMetricData"] == 2
    assert sorted(len(request["MetricDataQueries"]) for request in guard.requests) == [500, 500]
    assert {one["count"] for one in found["series"]} == {168}
    assert [one["value"] for one in found["series"]] == [float(number) for number in range(1000)]
    assert found["breached"] == names[:5]
    assert len(found["ok"]) == 995
    assert found["estimated_cost"] == {"metrics_requested": 1000, "usd": 0.01}


def test_calls_run_side_by_side(metrics: Run, guard: CloudWatchGuard, proxy: FaultProxy) -> None:
    proxy.latency = 0.2
    found = metrics(instance_ids=[f"i-{number}" for number in range(2000)], metric="CPUUtilization", concurrency=4)
    assert found["api_calls"] == {"GetMetricData": 4}
    assert proxy.in_flight_peak > 1


def test_pages(metrics: Run, guard: CloudWatchGuard, proxy: FaultProxy, hour: int) -> None:
    guard.page_size = 50
    for number in range(20):
        cpu(guard, f"i-{number}", hour, 300, *[float(100 * number + place) for place in range(12)])
    names = [f"i-{number}" for number in range(20)]
    found = metrics(instance_ids=names, metric="CPUUtilization", **window(hour))
    for number, one in enumerate(found["series"]):
        assert one["values"] == [float(100 * number + place) for place in range(12)]
        assert (one["status"], one["coverage"]) == ("Complete", 1.0)
    assert found["api_calls"] == {"GetMetricData": 5}


def test_one_series_over_many_pages(metrics: Run, guard: CloudWatchGuard, hour: int) -> None:
    length = 110_000
    cpu(guard, "i-1", hour, 1, *[float(place) for place in range(length)])
    found = metrics(
        instance_ids=["i-1"],
        metric="CPUUtilization",
        period="1s",
        aggregation="sum",
        return_datapoints=False,
        quiet=False,
        **window(hour, length),
    )
    one = found["by_id"]["i-1"]
    assert (one["count"], one["coverage"], one["status"]) == (length, 1.0, "Complete")
    assert one["value"] == length * (length - 1) / 2
    assert found["api_calls"] == {"GetMetricData": 2}
    assert "keeps datapoints of that age in periods of 60 s only" in warnings(found)[0]


def test_periods_share_a_call(metrics: Run, guard: CloudWatchGuard, hour: int) -> None:
    cpu(guard, "i-1", hour, 60, *[float(minute) for minute in range(120)])
    query = {**CPU, "dimensions": {"InstanceId": "i-1"}}
    queries = [{**query, "id": f"p{minutes}", "period": f"{minutes}m"} for minutes in (1, 5, 60)]
    end = hour - 10 * 60
    found = metrics(queries=queries, start=str(end - 10 * 60), end=str(end))
    assert found["api_calls"] == {"GetMetricData": 1}
    assert found["by_id"]["p1"]["values"] == [float(minute) for minute in range(100, 110)]
    assert found["by_id"]["p5"]["values"] == [102.0, 107.0]
    assert found["by_id"]["p60"]["values"] == [89.5]
    assert [found["by_id"][name]["coverage"] for name in ("p1", "p5", "p60")] == [1.0, 1.0, 1.0]


# The full form


def test_expressions(metrics: Run, guard: CloudWatchGuard, hour: int) -> None:
    for name, values in (("Errors", [0.0, 5.0, 2.0]), ("Requests", [10.0, 10.0, 0.0])):
        guard.seed("App", name, {}, hour - 180, 60, values)
    found = metrics(
        period="1m",
        queries=[
            {"id": "errors", "namespace": "App", "metric": "Errors", "stat": "Sum", "return_data": False},
            {"id": "requests", "namespace": "App", "metric": "Requests", "stat": "Sum", "label": "all"},
            {"id": "rate", "expression": "100 * errors / requests", "aggregation": "max", "label": "error rate"},
            {"id": "half", "expression": "rate / 2"},
        ],
        **window(hour, 180),
    )
    assert set(found["by_id"]) == {"requests", "rate", "half"}
    rate = found["by_id"]["rate"]
    assert (rate["values"], rate["value"], rate["label"], rate["count"]) == ([0.0, 50.0], 50.0, "error rate", 2)
    assert (rate["expression"], rate["period"]) == ("100 * errors / requests", 60)
    assert found["by_id"]["half"]["values"] == [0.0, 25.0]
    assert found["by_id"]["requests"]["label"] == "all"
    assert found["estimated_cost"]["metrics_requested"] == 2


def test_expressions_of_a_fleet_stay_with_their_metrics(metrics: Run, guard: CloudWatchGuard, hour: int) -> None:
    queries = []
    for number in range(300):
        guard.seed("App", "up", {"i": str(number)}, hour - 60, 60, [float(number)])
        queries.append(
            {"id": f"m{number}", "namespace": "App", "metric": "up", "dimensions": {"i": number}, "return_data": False}
        )
        queries.append({"id": f"e{number}", "expression": f"m{number} + 1"})
    found = metrics(queries=queries, period="1m", **window(hour, 60))
    assert found["api_calls"] == {"GetMetricData": 2}
    assert [found["by_id"][f"e{number}"]["value"] for number in range(300)] == [number + 1.0 for number in range(300)]


def test_insights_and_search(metrics: Run, guard: CloudWatchGuard, hour: int) -> None:
    cpu(guard, "i-1", hour, 60, 90.0)
    cpu(guard, "i-2", hour, 60, 10.0)
    found = metrics(
        period="1m",
        threshold={"operator": ">", "value": 50},
        queries=[
            {"id": "average", "expression": 'SELECT AVG(CPUUtilization) FROM "AWS/EC2"'},
            {
                "id": "each",
                "expression": 'SELECT AVG(CPUUtilization) FROM SCHEMA("AWS/EC2", InstanceId) GROUP BY InstanceId',
            },
            {
                "id": "found",
                "expression": "SEARCH('{AWS/EC2,InstanceId} MetricName=\"CPUUtilization\"', 'Average', 60)",
            },
            {
                "id": "nothing",
                "expression": "SEARCH('{Nowhere,InstanceId} MetricName=\"CPUUtilization\"', 'Average', 60)",
            },
        ],
        **window(hour, 60),
    )
    assert {key: one["value"] for key, one in found["by_id"].items()} == {
        "average": 50.0,
        "each/i-1": 90.0,
        "each/i-2": 10.0,
        "found/i-1": 90.0,
        "found/i-2": 10.0,
        "nothing": None,
    }
    assert found["breached"] == ["each/i-1", "found/i-1"]
    assert (found["insufficient_data"], found["by_id"]["nothing"]["status"]) == (["nothing"], "NoSeries")
    assert found["api_calls"] == {"GetMetricData": 2}


def test_thresholds_of_their_own(metrics: Run, guard: CloudWatchGuard, hour: int) -> None:
    cpu(guard, "i-1", hour, 300, None, 60.0, None)
    query = {**CPU, "dimensions": {"InstanceId": "i-1"}}
    found = metrics(
        threshold={"operator": "GreaterThanThreshold", "value": 50, "datapoints": 2, "of": 3},
        queries=[
            {**query, "id": "common"},
            {**query, "id": "high", "threshold": {"operator": ">=", "value": 60, "of": 1}},
            {**query, "id": "filled", "threshold": {"operator": ">", "value": 50, "of": 3, "missing": "breaching"}},
            {**query, "id": "kept", "threshold": {"operator": ">", "value": 50, "of": 3, "missing": "ignore"}},
            {**query, "id": "unknown", "threshold": {"operator": ">", "value": 50, "of": 3, "missing": "ignore"}},
        ],
        previous={"kept": "ok"},
        **window(hour, 300),
    )
    assert found["verdicts"] == {
        "common": "breached",
        "high": "breached",
        "filled": "breached",
        "kept": "ok",
        "unknown": "insufficient_data",
    }
    # The window of one period is empty; the verdicts look further back.
    assert {one["count"] for one in found["series"]} == {0}


def test_what_the_service_says_is_passed_on(metrics: Run, guard: CloudWatchGuard) -> None:
    guard.says = [("MaxMetricsExceeded", "Maximum number of allowed metrics exceeded")]
    found = metrics(instance_ids=["i-1"], metric="CPUUtilization", quiet=False)
    assert found["messages"] == [{"code": "MaxMetricsExceeded", "value": "Maximum number of allowed metrics exceeded"}]
    assert warnings(found) == ["CloudWatch says: Maximum number of allowed metrics exceeded [MaxMetricsExceeded]"]


# Faults


@pytest.mark.parametrize(
    ("code", "status"), [("Throttling", 400), ("InternalServiceFault", 500), ("ServiceUnavailable", 503)]
)
def test_passing_errors_are_tried_again(
    metrics: Run, guard: CloudWatchGuard, proxy: FaultProxy, hour: int, code: str, status: int
) -> None:
    cpu(guard, "i-1", hour, 300, 1.0)
    proxy.fail("GetMetricData", code, status, first=2)
    guard.step_back()
    found = metrics(instance_ids=["i-1"], metric="CPUUtilization", **window(hour))
    assert found["by_id"]["i-1"]["value"] == 1.0
    assert found["api_calls"] == {"GetMetricData": 3}


def test_a_cut_connection_is_tried_again(metrics: Run, guard: CloudWatchGuard, proxy: FaultProxy, hour: int) -> None:
    cpu(guard, "i-1", hour, 300, 1.0)
    proxy.drop("GetMetricData", nth=1)
    guard.step_back()
    assert metrics(instance_ids=["i-1"], metric="CPUUtilization", **window(hour))["by_id"]["i-1"]["value"] == 1.0


@pytest.mark.parametrize(
    ("code", "status", "kind"),
    [
        ("Throttling", 400, "throttled"),
        ("InternalServiceFault", 500, "unavailable"),
        ("AccessDenied", 403, "denied"),
        ("ExpiredToken", 403, "denied"),
    ],
)
def test_lasting_errors(
    metrics: Run, guard: CloudWatchGuard, proxy: FaultProxy, code: str, status: int, kind: str
) -> None:
    proxy.fail("GetMetricData", code, status)
    guard.step_back()
    asked = {"instance_ids": ["i-1", "i-2"], "metric": "CPUUtilization", "threshold": {"operator": ">", "value": 1}}
    found = metrics(**asked, aws_config=ONE_TRY, fails=True)
    assert [(one["name"], one["kind"], one["code"]) for one in found["failures"]] == [
        ("i-1", kind, code),
        ("i-2", kind, code),
    ]
    assert (found["error"]["kind"], found["error"]["code"]) == ("partial", code)
    assert "could not read 2 of 2" in found["msg"]
    assert (found["verdict"], found["ok"]) == ("insufficient_data", [])


def test_one_failed_call_hides_no_other(metrics: Run, guard: CloudWatchGuard, proxy: FaultProxy, hour: int) -> None:
    names = [f"i-{number:03d}" for number in range(700)]
    for name in names:
        cpu(guard, name, hour, 300, 1.0)
    proxy.fail("GetMetricData", "Throttling", when=lambda request: b"i-600" in (request.body or b""))
    guard.step_back()
    found = metrics(instance_ids=names, metric="CPUUtilization", aws_config=ONE_TRY, **window(hour), fails=True)
    assert [one["key"] for one in found["series"]] == names[:500]
    assert {one["value"] for one in found["series"]} == {1.0}
    assert [one["name"] for one in found["failures"]] == names[500:]
    assert {one["kind"] for one in found["failures"]} == {"throttled"}


@pytest.mark.parametrize("status", ["PartialData", "InternalError"])
def test_what_is_incomplete_is_asked_again(
    metrics: Run, guard: CloudWatchGuard, proxy: FaultProxy, hour: int, status: str
) -> None:
    for name in ("i-1", "i-2"):
        cpu(guard, name, hour, 300, *[1.0] * 12)
    guard.once = {"q2": status}
    found = metrics(instance_ids=["i-1", "i-2"], metric="CPUUtilization", **window(hour))
    assert [(one["status"], one["count"]) for one in found["series"]] == [("Complete", 12)] * 2
    assert [[query["Id"] for query in request["MetricDataQueries"]] for request in guard.requests] == [
        ["q1", "q2"],
        ["q2"],
    ]
    assert found["estimated_cost"]["metrics_requested"] == 3


def test_partial_data_for_good(metrics: Run, guard: CloudWatchGuard, hour: int) -> None:
    cpu(guard, "i-1", hour, 300, *[1.0] * 12)
    guard.always = {"q1": "PartialData"}
    found = metrics(instance_ids=["i-1"], metric="CPUUtilization", **window(hour), quiet=False)
    assert (found["by_id"]["i-1"]["status"], found["by_id"]["i-1"]["coverage"]) == ("PartialData", 0.5)
    assert warnings(found) == ["i-1: CloudWatch returned only a part of the data"]
    assert found["api_calls"] == {"GetMetricData": 3}


def test_internal_error_for_good(metrics: Run, guard: CloudWatchGuard, hour: int) -> None:
    cpu(guard, "i-2", hour, 300, 1.0)
    guard.always = {"q1": "InternalError"}
    found = metrics(instance_ids=["i-1", "i-2"], metric="CPUUtilization", **window(hour), fails=True)
    assert [(one["name"], one["code"]) for one in found["failures"]] == [("i-1", "InternalError")]
    assert found["by_id"]["i-2"]["value"] == 1.0


def test_an_expression_that_is_refused_takes_no_other_along(metrics: Run, guard: CloudWatchGuard, hour: int) -> None:
    queries: list[dict[str, Any]] = []
    for number in range(20):
        guard.seed("App", "up", {"i": str(number)}, hour - 60, 60, [1.0])
        queries.append({"namespace": "App", "metric": "up", "dimensions": {"i": number}})
    queries.insert(7, {"id": "bad", "expression": "nothing + 1"})
    found = metrics(queries=queries, period="1m", **window(hour, 60), fails=True)
    assert [(one["name"], one["kind"]) for one in found["failures"]] == [("bad", "invalid")]
    assert "Unknown identifier nothing" in found["msg"]
    assert [one["value"] for one in found["series"]] == [1.0] * 20
    assert found["api_calls"]["GetMetricData"] == 3


# Bad input


@pytest.mark.parametrize(
    ("params", "words"),
    [
        pytest.param({}, "nothing is asked for", id="nothing"),
        pytest.param({"instance_ids": ["i-1"]}, "Give queries, or metric and instance_ids", id="no-metric"),
        pytest.param({"queries": [CPU], "instance_ids": ["i-1"]}, "mutually exclusive", id="both-forms"),
        pytest.param({"queries": [CPU], "metric": "M"}, "queries excludes metric", id="metric-beside-queries"),
        pytest.param({"queries": [{}]}, "queries[0] needs namespace and metric", id="empty-query"),
        pytest.param({"queries": [{**CPU, "id": "CPU"}]}, "queries[0].id is 'CPU'", id="id"),
        pytest.param({"queries": [CPU], "last": "1 day"}, "last is not a duration", id="last"),
        pytest.param({"queries": [CPU], "last": "1h", "start": "1700000000"}, "mutually exclusive", id="last-and-start"),
        pytest.param({"queries": [CPU], "start": "yesterday"}, "start is not a time", id="start"),
        pytest.param({"queries": [CPU], "start": "2026-03-02", "end": "2026-03-01"}, "no period of 300 s", id="backwards"),
        pytest.param({"queries": [CPU], "start": "2099-01-01"}, "that is over lies between", id="future"),
        pytest.param({"queries": [CPU], "period": "7s"}, "CloudWatch takes 1, 5, 10, 20 or 30 seconds", id="period"),
        pytest.param({"queries": [CPU], "stat": "mean"}, "stat is unknown", id="stat"),
        pytest.param({"queries": [CPU], "aggregation": "median"}, "aggregation is unknown", id="aggregation"),
        pytest.param({"queries": [CPU], "threshold": {"operator": "!=", "value": 1}}, "value of operator must be one of", id="operator"),
        pytest.param({"queries": [CPU], "threshold": {"operator": ">"}}, "missing required arguments: value", id="no-value"),
        pytest.param({"queries": [CPU], "threshold": {"operator": ">", "value": 1, "datapoints": 3, "of": 2}}, "3 of 2", id="m-of-n"),
        pytest.param({"queries": [CPU], "threshold": {"operator": ">", "value": 1}, "previous": {"q1": "ALARM"}}, "ALARM", id="previous"),
        pytest.param({"queries": [{"expression": "SUM(METRICS())"}, *[CPU] * 500]}, "501 queries belong together", id="too-many"),
    ],
)  # fmt: skip
def test_bad_input(metrics: Run, proxy: FaultProxy, params: dict[str, Any], words: str) -> None:
    found = metrics(**params, fails=True)
    assert words in found["msg"]
    assert proxy.calls["GetMetricData"] == 0


def test_without_boto3(metrics: Run) -> None:
    found = metrics(instance_ids=["i-1"], metric="CPUUtilization", hide=["boto3"], fails=True)
    assert "boto3" in found["msg"]


# Playbooks


def test_playbook(play: Play, guard: CloudWatchGuard, proxy: FaultProxy, hour: int) -> None:
    cpu(guard, "i-1", hour, 300, *[90.0] * 12)
    cpu(guard, "i-2", hour, 300, *[10.0] * 12)
    asked = {"instance_ids": ["i-1", "i-2"], "metric": "CPUUtilization", **window(hour)}
    judged = {**asked, "threshold": {"operator": ">", "value": 80, "of": 3}}
    ran = play(
        {"cloudops.core.cloudwatch_metric_info": judged, "register": "cpu"},
        {
            "ansible.builtin.debug": {"msg": "{{ item }}: {{ cpu.by_id[item].value }}"},
            "loop": "{{ cpu.breached }}",
            "when": "cpu.verdict == 'breached'",
        },
        {"ansible.builtin.debug": {"msg": "quiet"}, "when": "cpu.by_id['i-2'].verdict == 'ok'"},
        {"cloudops.core.cloudwatch_metric_info": {**judged, "previous": "{{ cpu.verdicts }}"}},
        {
            "cloudops.core.cloudwatch_metric_info": {**judged, "instance_ids": ["i-3"]},
            "register": "waited",
            "until": "waited.verdict == 'ok'",
            "retries": 2,
            "delay": 0,
            "ignore_errors": True,
        },
        defaults={**KEYS, "endpoint_url": proxy.endpoint},
    )
    assert ran.statuses == ["ok", "ok", "ok", "ok", "failed"]
    assert ran[0]["api_calls"] == {"GetMetricData": 1}
    assert [one["msg"] for one in ran[1]["results"]] == ["i-1: 90.0"]
    assert ran[4]["attempts"] == 2
    assert ran[4]["verdict"] == "insufficient_data"


# moto, without the guard


def test_moto(run_module: ModuleRunner, moto: MotoServer, hour: int) -> None:
    with closing(_client(moto.endpoint)) as client:
        for place, value in enumerate([10.0, 20.0, 60.0]):
            client.put_metric_data(
                Namespace="cloudops/test",
                MetricData=[
                    {
                        "MetricName": "load",
                        "Dimensions": [{"Name": "InstanceId", "Value": "i-1"}],
                        "Timestamp": datetime.fromtimestamp(hour, timezone.utc) - timedelta(minutes=5 * (3 - place)),
                        "Value": value,
                    }
                ],
            )
    run = _runner(run_module, moto.endpoint)
    found = run(
        namespace="cloudops/test",
        metric="load",
        instance_ids=["i-1", "i-2"],
        threshold={"operator": ">", "value": 50, "of": 1},
        **window(hour),
    )
    assert found["by_id"]["i-1"]["values"] == [10.0, 20.0, 60.0]
    assert (found["breached"], found["insufficient_data"]) == (["i-1"], ["i-2"])


# The guard itself


def _client(endpoint: str) -> Any:
    keys = {
        "aws_access_key_id": KEYS["access_key"],
        "aws_secret_access_key": KEYS["secret_key"],
        "region_name": KEYS["region"],
    }
    return boto3.client(
        "cloudwatch", endpoint_url=endpoint, config=Config(proxies={}, retries=ONE_TRY["retries"]), **keys
    )


def _query(number: int = 1, **more: Any) -> dict[str, Any]:
    metric = {
        "Namespace": "AWS/EC2",
        "MetricName": "CPUUtilization",
        "Dimensions": [{"Name": "InstanceId", "Value": "i-1"}],
    }
    return {"Id": f"q{number}", "MetricStat": {"Metric": metric, "Period": 60, "Stat": "Average", **more}}


@pytest.mark.parametrize(
    ("queries", "words"),
    [
        pytest.param([_query(number) for number in range(501)], "must not have a size greater than 500", id="501-queries"),
        pytest.param([_query(), _query()], "not unique", id="id-twice"),
        pytest.param([_query(Stat="mean")], "member.1.MetricStat.Stat is not supported", id="statistic"),
        pytest.param([_query(Period=90)], "member.1.MetricStat.Period is not supported", id="period"),
        pytest.param([_query(), {"Id": "e", "Expression": "q9 * 2"}], "Unknown identifier q9", id="identifier"),
        pytest.param(
            [{"Id": name, "Expression": "SELECT AVG(m) FROM \"n\"", "Period": 60} for name in ("a", "b")], "Only one", id="insights"
        ),
    ],
)  # fmt: skip
def test_the_guard_refuses(
    guard: CloudWatchGuard, proxy: FaultProxy, queries: list[dict[str, Any]], words: str
) -> None:
    with closing(_client(proxy.endpoint)) as client, pytest.raises(ClientError, match=words) as caught:
        client.get_metric_data(MetricDataQueries=queries, StartTime=0, EndTime=3600)
    assert caught.value.response["Error"]["Code"] == "ValidationError"


def test_the_guard_pages_and_counts(guard: CloudWatchGuard, proxy: FaultProxy) -> None:
    guard.seed("AWS/EC2", "CPUUtilization", {"InstanceId": "i-1"}, 0, 60, [float(number) for number in range(10)])
    with closing(_client(proxy.endpoint)) as client:
        asked = {"MetricDataQueries": [_query(1), _query(2)], "StartTime": 0, "EndTime": 600}
        pages = list(client.get_paginator("get_metric_data").paginate(**asked, MaxDatapoints=8))
        whole = client.get_metric_data(**asked, ScanBy="TimestampAscending")
        math = client.get_metric_data(
            MetricDataQueries=[_query(1), {"Id": "e", "Expression": "(q1 - 1) * 2 + q1 / 2"}],
            StartTime=0, EndTime=600, MaxDatapoints=12, ScanBy="TimestampAscending",
        )  # fmt: skip
    assert [
        [(one["Id"], len(one["Values"]), one["StatusCode"]) for one in each["MetricDataResults"]] for each in pages
    ] == [
        [("q1", 8, "PartialData")],
        [("q1", 2, "Complete"), ("q2", 6, "PartialData")],
        [("q2", 4, "Complete")],
    ]
    assert pages[0]["MetricDataResults"][0]["Values"][0] == 9.0
    assert [one["Values"][0] for one in whole["MetricDataResults"]] == [0.0, 0.0]
    assert "NextToken" not in whole
    assert math["MetricDataResults"][1]["Values"] == [-2.0, 0.5]
    assert math["MetricDataResults"][1]["StatusCode"] == "PartialData"
    assert "NextToken" not in math
    assert proxy.calls["GetMetricData"] == 5


def test_the_guard_lets_everything_else_through(guard: CloudWatchGuard, proxy: FaultProxy) -> None:
    with closing(_client(proxy.endpoint)) as client:
        assert "Metrics" in client.list_metrics(Namespace="nowhere")


def test_the_guard_as_a_process(moto: MotoServer) -> None:
    with CloudWatchGuardProcess(moto.endpoint) as server, closing(_client(server.endpoint)) as client:
        server.seed(["AWS/EC2", "CPUUtilization", {"InstanceId": "i-1"}, 0, 60, [1.0, None, 3.0]])
        found = client.get_metric_data(MetricDataQueries=[_query()], StartTime=0, EndTime=600)
        assert found["MetricDataResults"][0]["Values"] == [3.0, 1.0]
        assert json.loads(json.dumps(server.stats()["calls"]))["GetMetricData"] == 1
