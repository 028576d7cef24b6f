# Copyright (c) 2026 cloudops.core contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The pure parts of the event sources that read values: arguments, verdicts, what is told when, and the pace."""

from __future__ import annotations

from typing import Any

import pytest
from ansible_collections.cloudops.core.plugins.module_utils._domain import metrics as domain
from hypothesis import given
from hypothesis import strategies as some

from tests.unit.eda_sources import load

CLOUDWATCH, PROMETHEUS, SQS = load("cloudwatch_metric"), load("prometheus_query"), load("sqs_depth")
LIMIT = {"operator": ">", "value": 80}
NOW = 1_772_359_200.0  # 2026-03-01T10:00:00Z


# Arguments

AWS = {"region": "eu-central-1"}
CPU = {**AWS, "metric": "CPUUtilization", "instance_ids": ["i-1"], "threshold": LIMIT}
LOAD = {"url": "http://127.0.0.1:9090", "query": "up", "threshold": LIMIT}
ORDERS = {**AWS, "queues": ["orders"], "threshold": LIMIT}


@pytest.mark.parametrize(
    ("source", "args", "says"),
    [
        pytest.param(
            CLOUDWATCH,
            {**CPU, "intervall": 5},
            "intervall is not an argument of this source. Did you mean interval?",
            id="typo",
        ),
        pytest.param(SQS, {"zzz": 1}, "zzz is not an argument of this source. There are queues, ", id="unknown"),
        pytest.param(SQS, {**AWS, "threshold": LIMIT}, "queues is missing", id="required"),
        pytest.param(SQS, {**ORDERS, "queues": []}, "queues is empty. Name at least one queue.", id="no-queue"),
        pytest.param(SQS, {**ORDERS, "queue": "mails"}, "queues is given twice, also as queue", id="twice"),
        pytest.param(
            SQS, {**ORDERS, "queues": ["orders", "https://sqs/1/orders"]}, "queues[1] is orders, as another", id="same"
        ),
        pytest.param(SQS, {**ORDERS, "queues": {"a": 1}}, "queues is {'a': 1}. Give a list.", id="no-list"),
        pytest.param(SQS, {**ORDERS, "queues": [["a"]]}, "queues[0] is a list. Give a text.", id="list-in-list"),
        pytest.param(SQS, {**ORDERS, "measure": "age"}, "measure is 'age'. It is one of visible, ", id="choice"),
        pytest.param(SQS, {**AWS, "queues": "orders"}, "threshold is missing", id="no-threshold"),
        pytest.param(
            SQS, {**ORDERS, "interval": "5x"}, "interval is '5x', which is no duration. Give seconds", id="duration"
        ),
        pytest.param(SQS, {**ORDERS, "interval": True}, "interval is True, which is no duration", id="bool-duration"),
        pytest.param(SQS, {**ORDERS, "interval": 0}, "interval is 0. It is 0.1 or more.", id="interval-0"),
        pytest.param(SQS, {**ORDERS, "jitter": 1}, "jitter is 1. It is 0.5 or less.", id="jitter"),
        pytest.param(SQS, {**ORDERS, "jitter": "nan"}, "jitter is 'nan', which is no number", id="nan"),
        pytest.param(
            SQS,
            {**ORDERS, "validate_certs": "perhaps"},
            "validate_certs is 'perhaps'. It is true or false.",
            id="boolean",
        ),
        pytest.param(SQS, {**ORDERS, "threshold": 5}, "threshold is 5, which is no mapping", id="no-mapping"),
        pytest.param(SQS, {**ORDERS, "threshold": {"value": 1}}, "threshold.operator is missing", id="no-operator"),
        pytest.param(
            SQS,
            {**ORDERS, "threshold": {"operator": "=>", "value": 1}},
            "threshold.operator is '=>'. It is one of >",
            id="operator",
        ),
        pytest.param(
            SQS,
            {**ORDERS, "threshold": {**LIMIT, "of": 2.5}},
            "threshold.of is 2.5, which is no whole number",
            id="integer",
        ),
        pytest.param(
            SQS,
            {**ORDERS, "threshold": {**LIMIT, "datapoints": 3, "of": 2}},
            "threshold asks for 3 of 2 datapoints",
            id="m-of-n",
        ),
        pytest.param(
            SQS,
            {**ORDERS, "threshold": {**LIMIT, "of": 3, "evaluation_range": 2}},
            "threshold.evaluation_range is 2",
            id="range",
        ),
        pytest.param(SQS, {**ORDERS, "access_key": "AKIA"}, "secret_key is missing. Give both keys", id="half-a-pair"),
        pytest.param(SQS, {**ORDERS, "session_token": "x"}, "session_token is given without keys", id="token-alone"),
        pytest.param(
            SQS, {**ORDERS, "external_id": "x"}, "external_id is given without assume_role_arn", id="external-id"
        ),
        pytest.param(CLOUDWATCH, {**AWS, "threshold": LIMIT}, "metric is missing. Give metric and", id="no-metric"),
        pytest.param(
            CLOUDWATCH, {**CPU, "queries": [{"metric": "a"}]}, "metric is given together with queries", id="both"
        ),
        pytest.param(CLOUDWATCH, {**CPU, "period": 90}, "period is 90 seconds. It is whole minutes", id="period"),
        pytest.param(
            CLOUDWATCH, {**CPU, "instance_ids": []}, "instance_ids has 0 entries. Give 1 to 500", id="no-instance"
        ),
        pytest.param(
            CLOUDWATCH,
            {**CPU, "instance_ids": [f"i-{n}" for n in range(501)]},
            "instance_ids has 501 entries",
            id="too-many",
        ),
        pytest.param(
            CLOUDWATCH,
            {"queries": [{"id": "A", "metric": "a"}], "threshold": LIMIT},
            "queries[0].id is 'A'. It begins",
            id="query-id",
        ),
        pytest.param(
            CLOUDWATCH,
            {"queries": [{"id": "a"}]},
            "queries[0] has both metric and expression, or neither",
            id="empty-query",
        ),
        pytest.param(
            CLOUDWATCH,
            {"queries": [{"metric": "a"}]},
            "threshold is missing. Give operator and value",
            id="query-threshold",
        ),
        pytest.param(
            CLOUDWATCH,
            {"queries": [{"metric": "a", "return_data": False}]},
            "queries have return_data: false all",
            id="nothing-to-tell",
        ),
        pytest.param(PROMETHEUS, {**LOAD, "url": ""}, "url is missing. Give it, or set PROMETHEUS_URL.", id="no-url"),
        pytest.param(PROMETHEUS, {**LOAD, "url": "http://a:secret@host"}, "url is no plain address", id="user-in-url"),
        pytest.param(
            PROMETHEUS, {**LOAD, "queries": [{"query": "up"}]}, "query and queries are both given", id="two-kinds"
        ),
        pytest.param(PROMETHEUS, {**LOAD, "threshold": None}, "threshold is missing", id="prometheus-threshold"),
        pytest.param(PROMETHEUS, {**LOAD, "username": "x"}, "password is missing", id="half-a-user"),
        pytest.param(
            PROMETHEUS,
            {**LOAD, "query": None, "queries": [{"id": "a", "query": "up"}, {"id": "a", "query": "down"}]},
            "queries[1].id is 'a', as another one",
            id="same-id",
        ),
        pytest.param(
            PROMETHEUS, {**LOAD, "ca_cert": "/no/such"}, "ca_cert is /no/such, which is no file", id="no-file"
        ),
    ],
)
def test_refuses_arguments(source: Any, args: dict[str, Any], says: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("PROMETHEUS_URL", raising=False)
    with pytest.raises(source.ArgumentError) as caught:
        source.read_options(args)
    assert says in str(caught.value)
    assert "secret" not in str(caught.value).replace("secret_key", "")


@pytest.mark.parametrize(
    ("text", "seconds"),
    [("90", 90), (0.5, 0.5), ("1h30m", 5400), ("1.5m", 90), (" 2D ", 172800), (7, 7)],
    ids=str,
)
def test_durations(text: object, seconds: float) -> None:
    assert SQS.read_options({**ORDERS, "interval": text})[0]["interval"] == seconds


def test_what_comes_as_text_means_the_same() -> None:
    as_text = {
        "queues": "orders, mails\nbills",
        "threshold": {"operator": "GreaterThanThreshold", "value": "80", "of": "3", "datapoints": ""},
        "validate_certs": "no",
        "jitter": "0",
        "region": "eu-central-1",
        "profile": "",
    }
    as_meant = {
        "queues": ["orders", "mails", "bills"],
        "threshold": {"operator": ">", "value": 80.0, "of": 3},
        "validate_certs": False,
        "jitter": 0,
        "region": "eu-central-1",
    }
    read, threshold = SQS.read_options(as_text)
    expected, same = SQS.read_options(as_meant)
    assert threshold == same
    assert {**read, "threshold": None} == {**expected, "threshold": None}


def test_a_token_of_the_environment_gives_way_to_a_user_of_the_arguments(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PROMETHEUS_TOKEN", "t")
    monkeypatch.setenv("PROMETHEUS_URL", "http://env:9090")
    options, _queries = PROMETHEUS.read_options({**LOAD, "url": None, "username": "u", "password": "p"})
    assert (options["url"], options["bearer_token"], options["username"]) == ("http://env:9090", None, "u")


@pytest.mark.parametrize(
    ("queue", "name"),
    [
        ("orders", "orders"),
        ("https://sqs.eu-central-1.amazonaws.com/123456789012/orders", "orders"),
        ("arn:aws:sqs:eu-central-1:123456789012:orders.fifo", "orders.fifo"),
    ],
)
def test_queue_names(queue: str, name: str) -> None:
    assert SQS.queue_name(queue) == name


# Verdicts

VALUES = some.lists(some.one_of(some.none(), some.sampled_from([10.0, 90.0])), min_size=1, max_size=8)


@given(
    values=VALUES,
    of=some.integers(1, 4),
    less=some.integers(0, 3),
    missing=some.sampled_from(domain.MISSING),
    before=some.sampled_from([None, *domain.VERDICTS]),
)
def test_verdicts_are_those_of_the_modules(
    values: list[float | None], of: int, less: int, missing: str, before: str | None
) -> None:
    asked = {"operator": ">", "value": 50.0, "datapoints": max(1, of - less), "of": of, "missing": missing}
    periods = max(of, len(values))
    wide = {**asked, "evaluation_range": periods}
    values = [*[None] * (periods - len(values)), *values]
    theirs = domain.Threshold.from_options(wide)
    slots = [None if value is None else theirs.breaches(value) for value in values]
    expected = domain.judge(slots, theirs, before or domain.INSUFFICIENT_DATA)
    for source in (CLOUDWATCH, PROMETHEUS, SQS):
        assert source.Threshold.read(wide, "threshold").judge(values, before) == (expected.state, expected.reason)


def test_thresholds_default_as_those_of_the_modules() -> None:
    for asked in ({}, {"of": 3}, {"datapoints": 2}, {"datapoints": 2, "of": 5}):
        given_fields = dict.fromkeys(SQS.THRESHOLD.fields) | {**LIMIT, "missing": "missing", **asked}
        ours = SQS.Threshold.read(given_fields, "threshold")
        theirs = domain.Threshold.from_options({**LIMIT, **asked})
        names = ("operator", "value", "datapoints", "of", "missing", "evaluation_range")
        assert [getattr(ours, name) for name in names] == [getattr(theirs, name) for name in names]


@pytest.mark.parametrize(
    ("values", "slots", "newest"),
    [
        ([], [None, None, None], None),
        ([[100, "1"], [130, "2.5"]], [1.0, None, 2.5], 2),
        ([[100, "1"], [115, "NaN"], [130, "+Inf"]], [1.0, None, None], 0),
        ([[85, "9"], [145, "9"], [115, "0"]], [None, 0.0, None], 1),
    ],
    ids=["none", "gap", "no-numbers", "outside"],
)
def test_prometheus_values_to_places(values: list[Any], slots: list[Any], newest: int | None) -> None:
    assert PROMETHEUS._slots(values, 100.0, 15.0, 3) == (slots, newest)


def test_series_names_are_as_prometheus_writes_them() -> None:
    labels = {"__name__": "up", "job": 'a"b\\', "instance": "ü:1"}
    assert PROMETHEUS._series_name(labels) == 'up{instance="ü:1",job="a\\"b\\\\"}'
    assert PROMETHEUS._series_name({}) == ""


# What is told when


def monitor(**options: Any) -> Any:
    return SQS.Monitor(
        "sqs_depth", {"emit": "change", "interval": 60.0, "jitter": 0.0, "max_backoff": 600.0, **options}
    )


def seen(verdict: str, key: str = "orders", value: float | None = 1.0) -> Any:
    return SQS.Observation(key, key, verdict, "why", value, None if value is None else NOW - 5, {"queue": key})


def trouble(key: str, kind: str = "denied", code: str = "AccessDenied") -> Any:
    return SQS.Trouble(key, SQS.SourceFailure(kind, "no", "read", code=code, hint="Ask."))


def told(watcher: Any, *reading: Any, now: float = NOW) -> list[tuple[Any, ...]]:
    """Type, series and verdict or error of the events."""
    events, _pause = watcher.take(list(reading), now, 0.5)
    return [(one["type"], one["series"], one.get("verdict") or one.get("error", {}).get("kind")) for one in events]


def test_on_change_only_what_is_new_is_told() -> None:
    watcher = monitor()
    assert told(watcher, seen("ok")) == [("metric", "orders", "ok")]
    assert told(watcher, seen("ok", value=2.0)) == []
    assert told(watcher, seen("breached")) == [("metric", "orders", "breached")]
    assert told(watcher, seen("insufficient_data", value=None)) == [("metric", "orders", "insufficient_data")]
    assert watcher.verdicts == {"orders": "insufficient_data"}


def test_always_means_each_reading() -> None:
    watcher = monitor(emit="always")
    assert [told(watcher, seen("breached")) for _number in range(3)] == [[("metric", "orders", "breached")]] * 3


def test_an_event_has_all_that_a_rule_needs() -> None:
    watcher = monitor()
    watcher.take([seen("ok")], NOW, 0.5)
    (event,) = watcher.take([seen("breached", value=95.0)], NOW, 0.5)[0]
    when = "2026-03-01T09:59:55+00:00"
    assert event == {
        "type": "metric",
        "source": "sqs_depth",
        "time": "2026-03-01T10:00:00+00:00",
        "id": "orders",
        "series": "orders",
        "verdict": "breached",
        "verdict_reason": "why",
        "previous": "ok",
        "changed": True,
        "value": 95.0,
        "timestamp": when,
        "age": 5.0,
        "metrics": [{"name": "orders", "value": 95.0, "timestamp": when}],
        "queue": "orders",
    }


def test_missing_data_is_never_zero() -> None:
    (event,) = monitor().take([seen("insufficient_data", value=None)], NOW, 0.5)[0]
    assert (event["value"], event["timestamp"], event["age"]) == (None, None, None)
    assert event["metrics"] == [{"name": "orders", "value": None, "timestamp": None}]


def test_a_series_that_is_gone_is_told_once_and_comes_back_as_new() -> None:
    watcher = monitor()
    told(watcher, seen("breached", "a"), seen("ok", "b"))
    assert told(watcher, seen("ok", "b")) == [("metric", "a", "insufficient_data")]
    assert told(watcher, seen("ok", "b")) == []
    assert told(watcher, seen("breached", "a"), seen("ok", "b")) == [("metric", "a", "breached")]


def test_errors_are_told_when_they_begin_change_and_end() -> None:
    watcher = monitor()
    told(watcher, seen("ok"))
    assert told(watcher, trouble("")) == [("error", "", "denied")]
    assert told(watcher, trouble("")) == []
    assert told(watcher, trouble("", "throttled", "Throttling")) == [("error", "", "throttled")]
    assert told(watcher, seen("ok")) == [("recovered", "", None)]
    assert told(watcher, seen("ok")) == []


def test_one_queue_in_trouble_leaves_the_others_alone() -> None:
    watcher = monitor()
    told(watcher, seen("ok", "a"), seen("breached", "b"))
    assert told(watcher, seen("breached", "a"), trouble("b")) == [("error", "b", "denied"), ("metric", "a", "breached")]
    # What could not be read is neither gone nor fine.
    assert watcher.verdicts == {"a": "breached", "b": "breached"}
    assert told(watcher, seen("breached", "a"), seen("breached", "b")) == [("recovered", "b", None)]


def test_an_error_event_says_what_to_do_and_when_it_is_tried_again() -> None:
    watcher = monitor()
    (event,) = watcher.take([trouble("")], NOW, 0.5)[0]
    error = {
        "kind": "denied",
        "message": "no",
        "operation": "read",
        "resource": "",
        "code": "AccessDenied",
        "hint": "Ask.",
    }
    assert (event["error"], event["failures"], event["retry_in"]) == (error, 1, 60)


def test_the_pause_doubles_while_nothing_can_be_read() -> None:
    watcher = monitor()
    pauses = [watcher.take([trouble("")], NOW, 0.5)[1] for _attempt in range(6)]
    assert pauses == [60, 120, 240, 480, 600, 600]
    assert watcher.take([seen("ok")], NOW, 0.5)[1] == 60
    assert watcher.take([seen("ok"), trouble("b")], NOW, 0.5)[1] == 60


@given(
    interval=some.floats(0.1, 1e5),
    jitter=some.floats(0, 0.5),
    backoff=some.floats(0, 1e6),
    failures=some.integers(0, 10_000),
    chance=some.floats(0, 1),
)
def test_the_pause_stays_within_bounds(
    interval: float, jitter: float, backoff: float, failures: int, chance: float
) -> None:
    pause = SQS.Pace(interval, jitter, backoff).pause(failures, chance)
    assert interval * (1 - jitter) * 0.999 <= pause <= max(interval, backoff) * (1 + jitter) * 1.001


@given(
    some.recursive(
        some.text(alphabet="{}%# a"), lambda inner: some.lists(inner) | some.dictionaries(some.text("{}%a"), inner)
    )
)
def test_nothing_from_outside_is_a_template(value: Any) -> None:
    assert not any(
        mark in repr(SQS.plain({"x": value})).replace("{'", "").replace("{}", "") for mark in ("{{", "{%", "{#")
    )
