# Copyright (c) 2026 cloudops.core contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Queues from their attributes, what their depth means for workers, and what an answer says of them."""

from __future__ import annotations

import json
from typing import Any

import pytest
from ansible_collections.cloudops.core.plugins.module_utils._core.errors import Invalid
from ansible_collections.cloudops.core.plugins.module_utils._domain.queues import (
    Queue,
    Reading,
    check_names,
    metrics_of,
    name_of,
    queue_of,
    reading_from,
    selection_from,
    series_of,
    values_of,
)

NOW = 1772359200.0  # 2026-03-01T10:00:00Z
URL = "https://sqs.eu-central-1.amazonaws.com/123456789012/orders"
OPTIONS: dict[str, Any] = {
    "measure": "visible",
    "threshold": None,
    "workers": None,
    "per_worker": None,
    "oldest_age": False,
}


def reading(**options: Any) -> Reading:
    return reading_from({**OPTIONS, **options})


def test_attributes() -> None:
    attributes = {
        "QueueArn": "arn:orders",
        "ApproximateNumberOfMessages": "12",
        "ApproximateNumberOfMessagesNotVisible": "3",
        "ApproximateNumberOfMessagesDelayed": "0",
        "VisibilityTimeout": "30",
        "MessageRetentionPeriod": "345600",
        "SqsManagedSseEnabled": "true",
        "RedrivePolicy": json.dumps({"deadLetterTargetArn": "arn:dead", "maxReceiveCount": 5}),
        "RedriveAllowPolicy": json.dumps({"redrivePermission": "byQueue", "sourceQueueArns": ["arn:a", "arn:b"]}),
    }
    assert queue_of("orders", URL, attributes) == Queue(
        name="orders",
        url=URL,
        arn="arn:orders",
        visible=12,
        in_flight=3,
        delayed=0,
        dead_letter_target="arn:dead",
        max_receive_count=5,
        dead_letter_sources=("arn:a", "arn:b"),
        visibility_timeout=30,
        retention_period=345600,
        encrypted=True,
    )


@pytest.mark.parametrize(
    ("attributes", "expected"),
    [
        ({}, {"visible": None, "total": None, "encrypted": None, "fifo": False, "max_receive_count": None}),
        ({"ApproximateNumberOfMessages": "3"}, {"visible": 3, "in_flight": None, "total": None}),
        ({"ApproximateNumberOfMessages": "many"}, {"visible": None}),
        ({"RedrivePolicy": "{"}, {"dead_letter_target": ""}),
        ({"RedrivePolicy": "[]"}, {"dead_letter_target": ""}),
        ({"RedriveAllowPolicy": '{"redrivePermission": "allowAll"}'}, {"dead_letter_sources": ()}),
        ({"KmsMasterKeyId": "alias/key"}, {"encrypted": True}),
        ({"SqsManagedSseEnabled": "false"}, {"encrypted": False}),
        ({"FifoQueue": "true"}, {"fifo": True}),
    ],
    ids=str,
)
def test_attributes_that_lack(attributes: dict[str, str], expected: dict[str, Any]) -> None:
    queue = queue_of("orders", URL, attributes)
    assert {name: getattr(queue, name) for name in expected} == expected


@pytest.mark.parametrize(
    ("visible", "options", "expected"),
    [
        (250, {}, {}),
        (250, {"workers": 4}, {"backlog_per_worker": 62.5}),
        (250, {"workers": "4"}, {"backlog_per_worker": 62.5}),
        (250, {"workers": 0}, {"backlog_per_worker": 250}),
        (0, {"workers": 0}, {"backlog_per_worker": 0}),
        (1, {"workers": 3}, {"backlog_per_worker": 0.333333}),
        (250, {"workers": {"orders": 2}}, {"backlog_per_worker": 125}),
        (250, {"workers": {"other": 2}}, {"backlog_per_worker": None}),
        (None, {"workers": 4}, {"backlog_per_worker": None}),
        (250, {"per_worker": 100}, {"workers_needed": 3}),
        (200, {"per_worker": 100}, {"workers_needed": 2}),
        (0, {"per_worker": 100}, {"workers_needed": 0}),
        (1, {"per_worker": 0.1}, {"workers_needed": 10}),
        (None, {"per_worker": 100}, {"workers_needed": None}),
        (250, {"oldest_age": True}, {"oldest_age": None}),
    ],
    ids=str,
)
def test_values(visible: int | None, options: dict[str, Any], expected: dict[str, Any]) -> None:
    queue = Queue("orders", URL, visible=visible, in_flight=1, delayed=2)
    total = None if visible is None else visible + 3
    plain = {"visible": visible, "in_flight": 1, "delayed": 2, "total": total}
    assert values_of(queue, reading(**options)) == {**plain, **expected}


def test_metrics() -> None:
    queue = Queue("orders", URL, visible=10, in_flight=0, delayed=0, oldest_age=70.0, oldest_at=NOW - 60)
    asked = reading(oldest_age=True, workers=2, measure="backlog_per_worker")
    at, before = "2026-03-01T10:00:00+00:00", "2026-03-01T09:59:00+00:00"
    assert metrics_of("orders", queue, asked, NOW) == [
        {"name": "orders", "value": 5.0, "timestamp": at},
        {"name": "orders/visible", "value": 10, "timestamp": at},
        {"name": "orders/in_flight", "value": 0, "timestamp": at},
        {"name": "orders/delayed", "value": 0, "timestamp": at},
        {"name": "orders/total", "value": 10, "timestamp": at},
        {"name": "orders/backlog_per_worker", "value": 5.0, "timestamp": at},
        {"name": "orders/oldest_age", "value": 70.0, "timestamp": before},
    ]
    missing = metrics_of("orders", None, asked, NOW)
    assert [metric["name"] for metric in missing][:2] == ["orders", "orders/visible"]
    assert {(metric["value"], metric["timestamp"]) for metric in missing} == {(None, None)}


def test_series_of_what_is_not_known() -> None:
    asked = reading(threshold={"operator": ">", "value": 5.0})
    one = series_of("orders", Queue("orders", URL), asked, NOW, [])
    known = ("value", "count", "age", "timestamps", "values", "verdict")
    assert [one[name] for name in known] == [None, 0, None, [], [], "insufficient_data"]


def test_series_of_a_dead_letter_queue() -> None:
    dead = Queue("dead", URL, arn="arn:dead", dead_letter_sources=("arn:b",), visible=1)
    others = [Queue("a", URL, arn="arn:a", dead_letter_target="arn:dead"), Queue("c", URL, arn="arn:c")]
    one = series_of("dead", dead, reading(), NOW, [dead, *others])
    assert (one["is_dead_letter_queue"], one["dead_letter_sources"]) == (True, ["arn:a", "arn:b"])
    # Queues whose ARN nobody knows don't belong to each other for that.
    nameless = series_of("x", Queue("x", URL), reading(), NOW, [Queue("y", URL)])
    assert not nameless["is_dead_letter_queue"]


@pytest.mark.parametrize("name", ["a", "a-b_C9", "x" * 80, "x" * 75 + ".fifo", "orders.fifo"])
def test_names(name: str) -> None:
    check_names([name])
    assert name_of(f"https://sqs.eu-central-1.amazonaws.com/123456789012/{name}") == name
    assert name_of(f"http://127.0.0.1:5000/123456789012/{name}") == name


@pytest.mark.parametrize("name", ["", "a b", "x" * 81, "x" * 76 + ".fifo", "a.b", "a.fifo.fifo", "a/b", "ä"])
def test_no_names(name: str) -> None:
    with pytest.raises(Invalid, match="can't be the name"):
        check_names(["fine", name])


@pytest.mark.parametrize(
    "url", ["", "orders", "https://host", "https://host/", "ftp://host/1/a", "https://host/1/a?b", "https:///1/a"]
)
def test_no_urls(url: str) -> None:
    with pytest.raises(Invalid, match="isn't the address"):
        name_of(url)


def read_options(options: dict[str, Any]) -> None:
    """As the module does before it makes any call."""
    selection_from(options)
    reading_from(options)


@pytest.mark.parametrize(
    ("options", "expected"),
    [
        ({"names": None}, "none of names, urls, name_prefix is given"),
        ({"name_prefix": " "}, "name_prefix is empty"),
        ({"names": ["https://example.com/1/a"]}, "use urls"),
        ({"workers": {"a": -1}}, "workers.a is -1"),
        ({"workers": 1.5}, "workers is 1.5"),
        ({"per_worker": 0}, "per_worker is 0"),
        ({"measure": "backlog_per_worker"}, "measure is backlog_per_worker, which needs workers"),
        ({"measure": "workers_needed"}, "which needs per_worker"),
        ({"measure": "oldest_age"}, "which needs oldest_age: true"),
    ],
    ids=str,
)
def test_bad_input(options: dict[str, Any], expected: str) -> None:
    given = {**OPTIONS, "names": ["a"], "urls": None, "name_prefix": None, "account_id": None, **options}
    with pytest.raises(Invalid) as caught:
        read_options(given)
    assert expected in caught.value.message + caught.value.hint
