# Copyright (c) 2026 cloudops.core contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The event sources that read values, on moto and on Prometheus."""

from __future__ import annotations

import socket
import time
from collections.abc import Iterator
from contextlib import closing
from datetime import datetime, timezone
from typing import Any

import boto3
import pytest

from tests.integration.eda import Heartbeat, free_port, running, scenario
from tests.integration.kube import unique_name
from tests.servers.fault_proxy import FaultProxy
from tests.servers.moto import MotoServer
from tests.servers.prometheus import PrometheusServer, has_prometheus, prometheus_server

KEYS = {"access_key": "testing", "secret_key": "testing"}
QUICK = {"interval": 0.2, "jitter": 0, "max_backoff": 0.4, "timeout": 3}
HIGH = {"operator": ">", "value": 80}


def aws(server: Any) -> dict[str, Any]:
    """The connection of a source."""
    return {**KEYS, "region": "eu-central-1", "endpoint_url": server.endpoint, **QUICK}


def client(moto: MotoServer, service: Any) -> Any:
    """A client of the test's own."""
    return boto3.client(
        service,
        region_name="eu-central-1",
        endpoint_url=moto.endpoint,
        aws_access_key_id="testing",
        aws_secret_access_key="testing",
    )


def publish(moto: MotoServer, name: str, value: float, dimensions: dict[str, str], ago: float = 60) -> None:
    """A datapoint, in the period that was ``ago`` seconds ago."""
    named = [{"Name": key, "Value": text} for key, text in dimensions.items()]
    when = datetime.fromtimestamp(time.time() - ago, timezone.utc)
    datum = {"MetricName": name, "Dimensions": named, "Timestamp": when, "Value": value, "Unit": "Percent"}
    with closing(client(moto, "cloudwatch")) as cloudwatch:
        cloudwatch.put_metric_data(Namespace="Test", MetricData=[datum])


# CloudWatch


def test_cloudwatch_tells_when_a_metric_crosses_its_threshold_and_comes_back(moto: MotoServer) -> None:
    name = unique_name("m")
    threshold = {**HIGH, "evaluation_range": 5}
    args = {
        **aws(moto),
        "namespace": "Test",
        "metric": name,
        "instance_ids": ["i-1", "i-2"],
        "period": "1m",
        "threshold": threshold,
    }

    async def play() -> None:
        publish(moto, name, 95, {"InstanceId": "i-1"}, ago=120)
        async with running("cloudwatch_metric", args) as source:
            first = await source.next(id="i-1")
            assert (first["verdict"], first["previous"], first["value"]) == ("breached", None, 95)
            assert first["dimensions"] == {"InstanceId": "i-1"}
            assert first["metrics"] == [{"name": "i-1", "value": 95, "timestamp": first["timestamp"]}]
            # A metric that nobody published is missing, not 0.
            missing = await source.next(id="i-2")
            assert (missing["verdict"], missing["value"], missing["age"]) == ("insufficient_data", None, None)
            await source.silent(0.5)
            publish(moto, name, 20, {"InstanceId": "i-1"}, ago=60)
            after = await source.next(id="i-1")
            assert (after["verdict"], after["previous"], after["changed"]) == ("ok", "breached", True)

    scenario(play)


def test_cloudwatch_every_time(moto: MotoServer) -> None:
    name = unique_name("m")
    query = {"id": "cpu", "metric": name, "namespace": "Test", "dimensions": {"A": "1"}}
    args = {
        **aws(moto),
        "queries": [query],
        "period": "1m",
        "emit": "always",
        "threshold": {**HIGH, "evaluation_range": 5},
    }

    async def play() -> None:
        publish(moto, name, 95, {"A": "1"}, ago=120)
        async with running("cloudwatch_metric", args) as source:
            events = [await source.next() for _number in range(3)]
        assert [(one["verdict"], one["changed"]) for one in events] == [
            ("breached", True),
            ("breached", False),
            ("breached", False),
        ]

    scenario(play)


@pytest.fixture
def faulty(moto: MotoServer) -> Iterator[FaultProxy]:
    with FaultProxy(moto.endpoint) as proxy:
        yield proxy


def test_cloudwatch_away_is_an_error_event_and_so_is_its_return(moto: MotoServer) -> None:
    """The source itself never fails; it waits longer and longer, and tells."""

    async def play() -> None:
        port = free_port()
        args = {**aws(moto), "endpoint_url": f"http://127.0.0.1:{port}", "metric": "m", "threshold": HIGH}
        async with running("cloudwatch_metric", args) as source:
            event = await source.next(type="error")
            assert event["error"]["kind"] == "unavailable"
            assert "endpoint_url" in event["error"]["hint"]
            assert event["failures"] == 1
            with FaultProxy(moto.endpoint, port=port):
                again = await source.next(type="recovered")
                assert again["failures"] >= 1
                assert (await source.next(type="metric"))["verdict"] == "insufficient_data"

    scenario(play)


# SQS


@pytest.fixture
def sqs(moto: MotoServer) -> Iterator[Any]:
    with closing(client(moto, "sqs")) as found:
        yield found


def test_sqs_depth_is_read_without_consuming_anything(moto: MotoServer, sqs: Any) -> None:
    name = unique_name("q")
    url = sqs.create_queue(QueueName=name)["QueueUrl"]
    args = {**aws(moto), "queues": [name, "there-is-none"], "threshold": {"operator": ">", "value": 2}}

    async def play() -> None:
        async with running("sqs_depth", args) as source:
            error = await source.next(type="error")
            assert (error["series"], error["error"]["kind"]) == ("there-is-none", "invalid")
            assert (await source.next(id=name))["verdict"] == "ok"
            for number in range(3):
                sqs.send_message(QueueUrl=url, MessageBody=str(number))
            full = await source.next(id=name)
            assert (full["verdict"], full["value"], full["visible"], full["in_flight"]) == ("breached", 3, 3, 0)
            await source.silent(0.5)

    scenario(play)
    asked = {"QueueUrl": url, "MaxNumberOfMessages": 10, "MessageSystemAttributeNames": ["ApproximateReceiveCount"]}
    messages = sqs.receive_message(**asked)["Messages"]
    assert sorted(one["Body"] for one in messages) == ["0", "1", "2"]
    assert {one["Attributes"]["ApproximateReceiveCount"] for one in messages} == {"1"}


def test_sqs_depth_waits_for_several_readings_and_survives_a_failure(
    moto: MotoServer, sqs: Any, faulty: FaultProxy
) -> None:
    name = unique_name("q")
    url = sqs.create_queue(QueueName=name)["QueueUrl"]
    sqs.send_message(QueueUrl=url, MessageBody="x")
    threshold = {"operator": ">", "value": 0, "datapoints": 3, "of": 3, "evaluation_range": 6}

    async def play() -> None:
        args = {
            **aws(faulty),
            "queues": url.replace(moto.endpoint, faulty.endpoint),
            "threshold": threshold,
            "measure": "total",
        }
        async with running("sqs_depth", args) as source:
            assert (await source.next())["verdict"] == "ok"
            assert (await source.next())["verdict"] == "breached"
            faulty.fail("GetQueueAttributes", "AccessDenied", 403, first=3)
            error = await source.next(type="error")
            assert (error["error"]["kind"], error["series"]) == ("denied", name)
            assert "IAM policy" in error["error"]["hint"]
            await source.next(type="recovered")

    scenario(play)


# Prometheus


@pytest.fixture(scope="module")
def prometheus() -> Iterator[PrometheusServer]:
    """With an hour of history that ends now: load rises from 0 to 120, one sample each 15 seconds; two targets of which one is down."""
    end = int(time.time()) + 600
    times = range(end - 4200, end, 15)
    lines = ["# TYPE load gauge", *(f"load {min(120, 60):d} {when}" for when in times)]
    lines += ["# TYPE up gauge"]
    for number, value in enumerate((1, 0)):
        lines += [f'up{{instance="web-{number}"}} {value} {when}' for when in times]
    lines += ["# TYPE broken gauge", *(f"broken NaN {when}" for when in times)]
    with prometheus_server(history="\n".join([*lines, "# EOF", ""])) as server:
        yield server


def asking(server: PrometheusServer, **more: Any) -> dict[str, Any]:
    return {"url": server.endpoint, "step": "15s", **QUICK, **more}


def test_prometheus_verdicts_of_several_queries(prometheus: PrometheusServer) -> None:
    queries = [
        {"id": "load", "query": "load", "threshold": {"operator": ">", "value": 50, "datapoints": 3}},
        {"id": "up", "query": "up", "expect": "any", "threshold": {"operator": "<", "value": 1}},
        {"id": "none", "query": "there_is_none"},
        {"id": "nan", "query": "broken"},
        {"id": "wrong", "query": "sum("},
        {"id": "many", "query": "up"},
    ]

    async def play() -> None:
        async with running("prometheus_query", asking(prometheus, queries=queries, threshold=HIGH)) as source:
            await source.next(series="nan")
            await source.silent(0.5)
            found = {one["series"]: one for one in source.seen}
            assert {name: one.get("verdict") for name, one in found.items()} == {
                "load": "breached",
                'up/up{instance="web-0"}': "ok",
                'up/up{instance="web-1"}': "breached",
                "none": "insufficient_data",
                "nan": "insufficient_data",
                "wrong": None,
                "many": None,
            }
            assert found["load"]["value"] == 60
            assert found["none"]["value"] is None
            assert found["nan"]["value"] is None
            assert found['up/up{instance="web-1"}']["labels"]["instance"] == "web-1"
            assert (found["wrong"]["error"]["kind"], found["wrong"]["error"]["resource"]) == ("invalid", "wrong")
            assert "expect: any" in found["many"]["error"]["hint"]

    scenario(play)


def test_prometheus_away_and_back(prometheus: PrometheusServer) -> None:
    async def play() -> None:
        port = free_port()
        args = asking(prometheus, query="load", threshold=HIGH, url=f"http://127.0.0.1:{port}")
        async with running("prometheus_query", args) as source:
            error = await source.next(type="error")
            assert (error["error"]["kind"], error["series"]) == ("unavailable", "")
            with FaultProxy(prometheus.endpoint, port=port):
                await source.next(type="recovered")
                assert (await source.next(type="metric"))["verdict"] == "ok"

    scenario(play)


@pytest.mark.skipif(not has_prometheus(), reason="needs Prometheus's own authentication")
def test_prometheus_token_is_wrong() -> None:
    # bcrypt of "right"
    web = "basic_auth_users: {reader: $2b$04$5rgxYwYMjdjZJYjgWuBMWe0dHUMBVLc0xMM7SmdCFy8.N6ND/Nk0e}"

    async def play() -> None:
        with PrometheusServer(web_config=web) as server:
            args = asking(server, query="up", threshold=HIGH, username="reader", password="wrong")
            async with running("prometheus_query", args) as source:
                error = (await source.next(type="error"))["error"]
                assert error["kind"] == "denied"
                assert "password" in error["hint"]
                assert "wrong" not in str(error)

    scenario(play)


# Cancelling


@pytest.mark.parametrize("name", ["cloudwatch_metric", "sqs_depth", "prometheus_query"])
def test_a_source_that_waits_for_an_answer_blocks_nobody_and_can_be_cancelled(name: str) -> None:
    """The server takes connections and never answers."""

    async def play() -> None:
        with socket.create_server(("127.0.0.1", 0)) as silent:
            url = f"http://127.0.0.1:{silent.getsockname()[1]}"
            shared = {"threshold": HIGH, "timeout": 2, "interval": 1}
            more: dict[str, dict[str, Any]] = {
                "cloudwatch_metric": {**KEYS, "region": "eu-central-1", "endpoint_url": url, "metric": "m"},
                "sqs_depth": {**KEYS, "region": "eu-central-1", "endpoint_url": url, "queues": "q"},
                "prometheus_query": {"url": url, "query": "up"},
            }
            async with Heartbeat() as heart, running(name, {**shared, **more[name]}) as source:
                await source.silent(1)
            assert heart.longest < 1, "the loop stood still while the source waited"

    scenario(play)
