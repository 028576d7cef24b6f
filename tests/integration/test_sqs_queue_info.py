# Copyright (c) 2026 cloudops.core contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""sqs_queue_info against moto, with CloudWatch by the guard."""

from __future__ import annotations

import json
import time
import uuid
from collections.abc import Iterator
from typing import Any

import pytest
import yaml
from ansible_collections.cloudops.core.plugins.filter.scaling_decision import scaling_decision
from ansible_collections.cloudops.core.plugins.modules import sqs_queue_info as plugin

from tests.integration.autoscaling import KEYS, REGION, aws_client
from tests.integration.harness import ModuleRunner, Play
from tests.servers.cloudwatch_guard import CloudWatchGuard
from tests.servers.fault_proxy import FaultProxy
from tests.servers.faults import Answer, Rule
from tests.servers.moto import MotoServer

ACCOUNT = "123456789012"
NEVER = {"ReceiveMessage", "DeleteMessage", "PurgeQueue", "ChangeMessageVisibility", "SendMessage"}


class Queues:
    """Queues that belong to one test, told from others by the beginning of their names."""

    def __init__(self, client: Any, proxy: FaultProxy, run_module: ModuleRunner) -> None:
        self.client, self.proxy, self._run_module = client, proxy, run_module
        self.prefix = f"q{uuid.uuid4().hex[:6]}-"
        self.cloudwatch = CloudWatchGuard().before(proxy)
        self.urls: dict[str, str] = {}

    def add(self, name: str, messages: int = 0, **attributes: str) -> str:
        """Make a queue with messages; return its full name."""
        full = self.prefix + name
        url = self.client.create_queue(QueueName=full, Attributes=attributes)["QueueUrl"]
        self.urls[full] = url
        for first in range(0, messages, 10):
            entries = [{"Id": str(n), "MessageBody": "x"} for n in range(min(10, messages - first))]
            self.client.send_message_batch(QueueUrl=url, Entries=entries)
        return full

    def arn(self, name: str) -> str:
        """The ARN of a queue."""
        return f"arn:aws:sqs:{REGION}:{ACCOUNT}:{self.prefix}{name}"

    def take(self, name: str, count: int) -> None:
        """Receive so many messages and keep them."""
        self.client.receive_message(QueueUrl=self.urls[name], MaxNumberOfMessages=count, VisibilityTimeout=300)

    @property
    def options(self) -> dict[str, Any]:
        """The options that lead a module through the proxy."""
        return {"endpoint_url": self.proxy.endpoint, "region": REGION, **KEYS}

    def read(self, **params: Any) -> dict[str, Any]:
        """Run the module; without a selection, on all queues of the test."""
        runner = {key: params.pop(key) for key in ("check", "fails") if key in params}
        if not {"names", "urls", "name_prefix"} & set(params):
            params["name_prefix"] = self.prefix
        return self._run_module("sqs_queue_info", {**self.options, **params}, **runner)

    def remove(self) -> None:
        """Remove all queues of this test."""
        for url in self.urls.values():
            self.client.delete_queue(QueueUrl=url)


@pytest.fixture(scope="module")
def sqs(moto: MotoServer) -> Iterator[Any]:
    """A client straight to the server."""
    client = aws_client("sqs", moto.endpoint)
    yield client
    client.close()


@pytest.fixture
def queues(moto: MotoServer, sqs: Any, run_module: ModuleRunner) -> Iterator[Queues]:
    """No queues yet."""
    with FaultProxy(moto.endpoint) as proxy:
        queues = Queues(sqs, proxy, run_module)
        yield queues
        queues.remove()


def test_depths(queues: Queues) -> None:
    orders, empty = queues.add("orders", 25), queues.add("empty")
    queues.take(orders, 10)
    queues.client.send_message(QueueUrl=queues.urls[orders], MessageBody="later", DelaySeconds=600)
    began = time.time()
    result = queues.read(names=[orders, empty])
    assert [one["key"] for one in result["series"]] == [orders, empty]
    one = result["by_id"][orders]
    assert {key: one[key] for key in ("visible", "in_flight", "delayed", "total", "value", "count")} == {
        "visible": 15,
        "in_flight": 10,
        "delayed": 1,
        "total": 26,
        "value": 15,
        "count": 1,
    }
    assert (result["by_id"][empty]["value"], result["by_id"][empty]["values"]) == (0, [0])
    assert "oldest_age" not in one
    assert "verdict" not in result
    assert not result["changed"]
    assert result["api_calls"] == {"GetQueueAttributes": 2, "GetQueueUrl": 2}
    assert one["age"] == 0
    assert one["timestamps"][0][:10] == time.strftime("%Y-%m-%d", time.gmtime(began))
    # Nothing was consumed, and check mode makes no difference.
    again = queues.read(names=[orders, empty], check=True)
    assert again["by_id"][orders]["visible"] == 15
    assert not NEVER & set(queues.proxy.calls)


def test_selection(queues: Queues) -> None:
    names = [queues.add(f"n{number}") for number in range(4)]
    assert sorted(queues.read()["by_id"]) == names
    assert queues.read()["api_calls"] == {"GetQueueAttributes": 4, "ListQueues": 1}
    by_url = queues.read(urls=[queues.urls[names[2]], queues.urls[names[2]]])
    assert (list(by_url["by_id"]), by_url["api_calls"]) == ([names[2]], {"GetQueueAttributes": 1})
    both = queues.read(names=[names[3]], name_prefix=queues.prefix)
    assert [one["key"] for one in both["series"]] == [names[3], *names[:3]]
    assert queues.read(names=[])["series"] == []
    other = queues.urls[names[0]].replace(ACCOUNT, "210987654321")
    twice = queues.read(names=names[:1], urls=[other])
    assert [one["key"] for one in twice["series"]] == [names[0], other]


def test_pages_are_followed(queues: Queues) -> None:
    url = f"{queues.proxy.endpoint}/{ACCOUNT}/"
    names = [queues.add(f"n{number}") for number in range(3)]

    def page(request: Any) -> str:
        asked = json.loads(request.body)
        assert asked["MaxResults"] == 1000
        first = int(asked.get("NextToken", 0))
        more = {"NextToken": str(first + 2)} if first + 2 < len(names) else {}
        return json.dumps({"QueueUrls": [url + name for name in names[first : first + 2]], **more})

    queues.proxy.reply("ListQueues", page)
    assert sorted(queues.read()["by_id"]) == names


def test_a_queue_that_does_not_exist_is_named(queues: Queues) -> None:
    orders = queues.add("orders", 3)
    nobody = f"{queues.prefix}nobody"
    gone = queues.urls[orders].replace("orders", "gone")
    threshold = {"operator": ">", "value": 100}
    result = queues.read(names=[nobody, orders], urls=[gone], threshold=threshold, fails=True)
    assert [(one["name"], one["kind"]) for one in result["failures"]] == [
        (nobody, "not_found"),
        (f"{queues.prefix}gone", "not_found"),
    ]
    assert {one["code"] for one in result["failures"]} == {"QueueDoesNotExist"}
    assert result["missing"] == [nobody, f"{queues.prefix}gone"]
    assert f"queue {nobody} does not exist in {REGION}" in result["msg"]
    assert "2 of 3" in result["msg"]
    assert result["by_id"][orders]["value"] == 3
    assert (result["ok"], result["verdict"]) == ([orders], "insufficient_data")
    values = {metric["name"]: metric["value"] for metric in result["metrics"]}
    assert (values[nobody], values[f"{nobody}/total"], values[orders]) == (None, None, 3)


def test_one_refusal_keeps_none_of_the_others(queues: Queues) -> None:
    orders, secret = queues.add("orders", 3), queues.add("secret", 3)
    denied = Answer("AccessDenied", 403, "Access to the resource is denied.")
    hit = Rule(denied, "GetQueueAttributes", when=lambda request: b"secret" in (request.body or b""))
    queues.proxy.rules.insert(0, hit)
    result = queues.read(fails=True)
    assert [(one["name"], one["code"]) for one in result["failures"]] == [(secret, "AccessDenied")]
    assert list(result["by_id"]) == [orders]
    assert result["missing"] == []


def test_throttling_is_retried_by_the_sdk(queues: Queues) -> None:
    orders = queues.add("orders", 3)
    queues.proxy.fail("GetQueueAttributes", "RequestThrottled", first=2)
    result = queues.read(names=[orders])
    assert (result["by_id"][orders]["value"], result["api_calls"]["GetQueueAttributes"]) == (3, 3)


def test_a_prefix_that_may_not_be_listed(queues: Queues) -> None:
    queues.proxy.fail("ListQueues", "AccessDenied", 403)
    result = queues.read(fails=True)
    assert (result["error"]["code"], result["error"]["operation"]) == ("AccessDenied", "list the queues")


@pytest.mark.parametrize(
    ("params", "verdicts"),
    [
        ({"threshold": {"operator": ">", "value": 10}}, {"orders": "breached", "empty": "ok"}),
        ({"threshold": {"operator": "LessThanThreshold", "value": 1}}, {"orders": "ok", "empty": "breached"}),
        (
            {"measure": "workers_needed", "per_worker": 10, "threshold": {"operator": ">=", "value": 3}},
            {"orders": "breached", "empty": "ok"},
        ),
        (
            {"measure": "oldest_age", "oldest_age": True, "threshold": {"operator": ">", "value": 60}},
            {"orders": "breached", "empty": "insufficient_data"},
        ),
        (
            {
                "measure": "oldest_age",
                "oldest_age": True,
                "threshold": {"operator": ">", "value": 60, "missing": "not_breaching"},
            },
            {"orders": "breached", "empty": "ok"},
        ),
        (
            {"measure": "backlog_per_worker", "workers": {}, "threshold": {"operator": ">", "value": 1}},
            {"orders": "insufficient_data", "empty": "insufficient_data"},
        ),
    ],
    ids=lambda value: json.dumps(value)[:60],
)
def test_verdicts(queues: Queues, params: dict[str, Any], verdicts: dict[str, str]) -> None:
    queues.add("orders", 25)
    queues.add("empty")
    now = int(time.time()) // 60 * 60
    dimensions = {"QueueName": f"{queues.prefix}orders"}
    queues.cloudwatch.seed("AWS/SQS", "ApproximateAgeOfOldestMessage", dimensions, now - 180, 60, [100, 340])
    result = queues.read(**params)
    assert {key.removeprefix(queues.prefix): verdict for key, verdict in result["verdicts"].items()} == verdicts
    assert all(one["verdict_reason"] for one in result["series"])
    order = ("breached", "insufficient_data", "ok")
    assert result["verdict"] == next(word for word in order if word in verdicts.values())


def test_the_oldest_age_comes_with_its_own_time(queues: Queues) -> None:
    orders, empty = queues.add("orders", 3), queues.add("empty")
    now = int(time.time()) // 60 * 60
    dimensions = {"QueueName": orders}
    queues.cloudwatch.seed("AWS/SQS", "ApproximateAgeOfOldestMessage", dimensions, now - 240, 60, [100, 340])
    result = queues.read(oldest_age=True, measure="oldest_age")
    one = result["by_id"][orders]
    assert (one["oldest_age"], one["value"]) == (340, 340)
    assert 180 <= one["age"] <= 260
    assert (result["by_id"][empty]["oldest_age"], result["by_id"][empty]["age"]) == (None, None)
    metrics = {metric["name"]: metric for metric in result["metrics"]}
    assert metrics[orders]["timestamp"] == one["timestamps"][0] != metrics[f"{orders}/visible"]["timestamp"]
    assert metrics[empty] == {"name": empty, "value": None, "timestamp": None}
    assert result["api_calls"] == {"GetMetricData": 1, "GetQueueAttributes": 2, "ListQueues": 1}
    queues.proxy.fail("GetMetricData", "AccessDenied", 403)
    queues.cloudwatch.step_back()
    denied = queues.read(oldest_age=True, fails=True)
    assert {one["code"] for one in denied["failures"]} == {"AccessDenied"}
    assert denied["by_id"][orders]["visible"] == 3


def test_backlog_goes_straight_into_a_decision(queues: Queues) -> None:
    orders = queues.add("orders", 25)
    result = queues.read(names=[orders], workers={orders: "4"}, per_worker="10", measure="backlog_per_worker")
    one = result["by_id"][orders]
    assert (one["backlog_per_worker"], one["workers_needed"], one["workers"]) == (6.25, 3, 4)
    assert queues.read(names=[orders], workers=0)["by_id"][orders]["backlog_per_worker"] == 25
    bounds = {"min": 0, "max": 10, "behavior": {"scale_down": {"stabilization_window_seconds": 0}}}
    policy = {**bounds, "rules": [{"metric": orders, "type": "value", "target": 12.5}]}
    assert scaling_decision({"current": 4}, policy, result["metrics"])["desired"] == 2
    total = {**bounds, "rules": [{"metric": f"{orders}/visible", "type": "average_value", "target": 5}]}
    assert scaling_decision({"current": 4}, total, result["metrics"])["desired"] == 5


def test_fifo_and_dead_letters(queues: Queues) -> None:
    dead, lonely = queues.add("dead"), queues.add("lonely")
    policy = json.dumps({"deadLetterTargetArn": queues.arn("dead"), "maxReceiveCount": "5"})
    orders = queues.add("orders", RedrivePolicy=policy)
    fifo = queues.add("orders.fifo", FifoQueue="true")
    found = queues.read()["by_id"]
    assert (found[orders]["dead_letter_target"], found[orders]["max_receive_count"]) == (queues.arn("dead"), 5)
    assert {name: one["is_dead_letter_queue"] for name, one in found.items()} == {
        dead: True,
        lonely: False,
        orders: False,
        fifo: False,
    }
    assert found[dead]["dead_letter_sources"] == [queues.arn("orders")]
    assert {name for name, one in found.items() if one["fifo"]} == {fifo}
    assert (found[orders]["visibility_timeout"], found[orders]["retention_period"]) == (30, 345600)


@pytest.mark.parametrize(
    ("params", "expected"),
    [
        ({"names": None}, "none of names, urls, name_prefix is given"),
        ({"workers": "many"}, "workers is 'many'"),
        ({"measure": "depth"}, "value of measure must be one of"),
        ({"threshold": {"operator": ">"}}, "missing required arguments: value"),
        ({"threshold": {"operator": ">", "value": "nan"}}, "threshold.value is not a number"),
    ],
    ids=str,
)
def test_bad_input(run_module: ModuleRunner, params: dict[str, Any], expected: str) -> None:
    given = {"names": ["a"], "region": REGION, "endpoint_url": "http://127.0.0.1:9", **KEYS, **params}
    options = {key: value for key, value in given.items() if value is not None}
    result = run_module("sqs_queue_info", options, fails=True)
    assert expected in result["msg"]
    assert sum(result.get("api_calls", {}).values()) == 0


def test_without_boto3(run_module: ModuleRunner) -> None:
    assert (
        "boto3" in run_module("sqs_queue_info", {"names": ["a"], "region": REGION}, hide=["boto3"], fails=True)["msg"]
    )


def test_documented_examples_run(queues: Queues, play: Play) -> None:
    """As they stand, with the names of this test."""
    orders, invoices, _dead = queues.add("orders"), queues.add("invoices", 5), queues.add("dead-orders")
    text = plugin.EXAMPLES.replace("[orders, invoices]", f"[{orders}, {invoices}]").replace("[orders]", f"[{orders}]")
    text = text.replace("by_id.orders.", f"by_id['{orders}'].").replace("dead-", f"{queues.prefix}dead-")
    done = play(*yaml.safe_load(text.replace("value: 1000", "value: 4")), defaults=queues.options)
    assert set(done.statuses) == {"ok"}
    assert f"{invoices}: 5 waiting, 0 in work" in done.output
    assert "0.0 for each of 2, so 0 should do it" in done.output
    assert done.named("Find dead letters that are older than a day")["verdict"] == "insufficient_data"
