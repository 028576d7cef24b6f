# Copyright (c) 2026 cloudops.core contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""prometheus_query_info against Debian's Prometheus, where it is installed, and against a stand-in that fails on demand."""

from __future__ import annotations

import json
import ssl
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml
from ansible_collections.cloudops.core.plugins.module_utils._domain.times import (
    iso_time,
)

from tests.integration.harness import ROOT, ModuleRunner, Play
from tests.servers.certificates import Authority
from tests.servers.exporter import Exporter
from tests.servers.prom_stand_in import Canned, PromStandIn
from tests.servers.prometheus import PrometheusServer, has_prometheus, prometheus_server

Run = Callable[..., dict[str, Any]]

RUNNER_OPTIONS = ("check", "env", "hide", "fails", "quiet")
NO_PROMETHEUS = "prometheus and promtool are not on the PATH"

MIDNIGHT = 1772323200
"""2026-03-01 in UTC."""
PASSWORD = "rosebud-7131"
# Of that password, with as few rounds as bcrypt has.
BCRYPT = "$2b$04$abcdefghijklmnopqrstuuXVWQYxqYaIHBbTzEFTcjKaaP/UxKCCq"


def history() -> str:
    """A sample a minute, for ten minutes: a gauge that rises in two pods, gaps, and what is no number."""
    lines = ["# TYPE load gauge"]
    for pod, values in {"a": range(10), "b": range(100, 110)}.items():
        lines += [f'load{{pod="{pod}"}} {value} {MIDNIGHT + 60 * place}' for place, value in enumerate(values)]
    lines += ["# TYPE odd gauge"]
    for sort, text in {"nan": "NaN", "inf": "+Inf", "minus": "-Inf"}.items():
        lines += [f'odd{{sort="{sort}"}} {text} {MIDNIGHT + 60 * place}' for place in range(10)]
    lines += ["# TYPE alone gauge", *(f"alone 7.5 {MIDNIGHT + 60 * place}" for place in range(10))]
    return "\n".join([*lines, "# EOF", ""])


def runner(run_module: ModuleRunner, endpoint: str) -> Run:
    """Run the module on a server; the runner's own options go to the runner."""

    def run(**params: Any) -> dict[str, Any]:
        options = {key: params.pop(key) for key in RUNNER_OPTIONS if key in params}
        return run_module("prometheus_query_info", {"url": endpoint, **params}, **options)

    return run


def warnings(found: dict[str, Any]) -> list[str]:
    """The texts of the warnings; ansible-core 2.19 and later wrap them."""
    return [one if isinstance(one, str) else one["event"]["msg"] for one in found["warnings"]]


REAL = pytest.param("real", marks=pytest.mark.skipif(not has_prometheus(), reason=NO_PROMETHEUS))


@pytest.fixture(scope="module", params=[REAL, "stand-in"])
def both(request: pytest.FixtureRequest) -> Iterator[PrometheusServer]:
    """The real one, and then the stand-in: whatever holds for one has to hold for the other."""
    with PrometheusServer(real=request.param == "real", history=history()) as server:
        yield server


@pytest.fixture
def prom(run_module: ModuleRunner, both: PrometheusServer) -> Run:
    """The module, as of ten minutes past midnight unless it is told otherwise."""
    run = runner(run_module, both.endpoint)
    return lambda **params: run(**{"now": str(MIDNIGHT + 600), **params})


@pytest.fixture
def stand_in() -> Iterator[PromStandIn]:
    """A stand-in of a test's own."""
    with PromStandIn(history()) as server:
        yield server


@pytest.fixture
def faulty(run_module: ModuleRunner, stand_in: PromStandIn) -> Run:
    """The module before it."""
    run = runner(run_module, stand_in.endpoint)
    return lambda **params: run(**{"now": str(MIDNIGHT + 600), **params})


# Instant queries


def test_an_instant_query(prom: Run) -> None:
    found = prom(query='load{pod="a"}', id="load", threshold={"operator": ">", "value": 8})
    one = found["by_id"]["load"]
    assert (one["value"], one["values"], one["count"], one["expected"], one["coverage"]) == (9.0, [9.0], 1, 1, 1.0)
    assert one["labels"] == {"__name__": "load", "pod": "a"}
    assert one["label"] == 'load{pod="a"}'
    assert (one["type"], one["query"], one["status"]) == ("instant", 'load{pod="a"}', "Complete")
    assert one["start"] == one["end"] == one["timestamps"][0] == iso_time(MIDNIGHT + 600)
    assert (one["age"], one["period"]) == (0.0, 0)
    assert (one["verdict"], one["verdict_reason"]) == ("breached", "1 of 1 datapoints > 8; 1 of 1 needed")
    assert (found["verdict"], found["breached"]) == ("breached", ["load"])
    assert found["metrics"] == [{"name": "load", "value": 9.0, "timestamp": iso_time(MIDNIGHT + 600)}]
    assert found["api_calls"] == {"query": 1}
    assert (found["failures"], found["messages"], found["changed"]) == ([], [], False)
    assert found["duration"] < 30


NUMBERS: dict[str, tuple[str, float | None, int]] = {
    "vector": ("sum(load)", 118.0, 0),
    "plain": ("alone", 7.5, 0),
    "scalar": ("scalar(alone) * 2", 15.0, 0),
    "number": ("42", 42.0, 0),
    "time": ("time()", MIDNIGHT + 600.0, 0),
    "divided": ("max(load) / 0", None, 1),
    "nan": ('odd{sort="nan"}', None, 1),
    "inf": ('odd{sort="inf"}', None, 1),
    "minus": ('odd{sort="minus"}', None, 1),
    "scalar_of_many": ("scalar(load)", None, 1),
    "nothing": ("nothing", None, 0),
    "sum_of_nothing": ("sum(nothing)", None, 0),
}


def test_what_is_no_number_is_missing(prom: Run) -> None:
    queries = [{"id": name, "query": query} for name, (query, _value, _not) in NUMBERS.items()]
    found = prom(queries=queries, threshold={"operator": "<", "value": 0.5})
    assert list(found["by_id"]) == list(NUMBERS)
    for metric, one in zip(found["metrics"], found["series"], strict=True):
        _query, value, not_numbers = NUMBERS[one["key"]]
        assert (one["value"], one["not_numbers"]) == (value, not_numbers)
        assert one["verdict"] == ("insufficient_data" if value is None else "ok")
        assert (metric["name"], metric["value"]) == (one["key"], value)
        assert (metric["timestamp"] is None) == (value is None) == (one["age"] is None)
        assert (one["count"], one["coverage"]) == ((0, 0.0) if value is None else (1, 1.0))
    assert found["verdict"] == "insufficient_data"


def test_samples_get_too_old(prom: Run) -> None:
    fresh = {"now": iso_time(MIDNIGHT + 540 + 299)}
    assert prom(query="alone", **fresh)["by_id"]["q1"]["value"] == 7.5
    gone = prom(query="alone", now=str(MIDNIGHT + 540 + 301))["by_id"]["q1"]
    assert (gone["value"], gone["status"]) == (None, "NoSeries")


# Range queries


def test_a_range_query(prom: Run) -> None:
    found = prom(query='load{pod="a"}', last="5m", now=str(MIDNIGHT + 510), aggregation="average")
    one = found["by_id"]["q1"]
    assert one["values"] == [4.0, 5.0, 6.0, 7.0, 8.0]
    assert one["timestamps"][-1] == one["end"] == iso_time(MIDNIGHT + 480)
    assert one["start"] == iso_time(MIDNIGHT + 180)
    assert (one["value"], one["age"], one["count"], one["expected"], one["coverage"]) == (6.0, 30.0, 5, 5, 1.0)
    assert (one["type"], one["period"]) == ("range", 60)
    assert found["metrics"] == [{"name": "q1", "value": 6.0, "timestamp": iso_time(MIDNIGHT + 480)}]
    assert found["api_calls"] == {"query_range": 1}


def test_aggregations(prom: Run) -> None:
    expected = {"last": 9.0, "average": 4.5, "max": 9.0, "min": 0.0, "sum": 45.0, "p50": 4.5, "p90": 8.1}
    found = prom(
        queries=[{"id": how, "query": 'load{pod="a"}', "aggregation": how} for how in expected],
        start=iso_time(MIDNIGHT - 60),
        end=str(MIDNIGHT + 540),
        return_datapoints=False,
    )
    assert {one["key"]: one["value"] for one in found["series"]} == pytest.approx(expected)
    assert not {"values", "timestamps"} & set(found["by_id"]["last"])


def test_a_window_that_begins_before_the_data(prom: Run) -> None:
    one = prom(query="alone", start=str(MIDNIGHT - 600), end=str(MIDNIGHT + 300))["by_id"]["q1"]
    assert (one["count"], one["expected"], one["coverage"]) == (6, 15, 0.4)
    empty = prom(query="alone", start=str(MIDNIGHT - 600), end=str(MIDNIGHT - 300))["by_id"]["q1"]
    assert (empty["count"], empty["expected"], empty["value"], empty["status"]) == (0, 5, None, "NoSeries")


def test_thresholds_look_back_beyond_the_window(prom: Run) -> None:
    found = prom(
        queries=[
            {"id": "all", "query": 'load{pod="a"}', "threshold": {"operator": ">", "value": 5, "of": 3}},
            {
                "id": "some",
                "query": 'load{pod="a"}',
                "threshold": {"operator": ">", "value": 7, "datapoints": 2, "of": 4},
            },
            {
                "id": "none",
                "query": "nothing",
                "threshold": {"operator": ">", "value": 7, "of": 2, "missing": "breaching"},
            },
            {
                "id": "kept",
                "query": "nothing",
                "threshold": {"operator": ">", "value": 7, "of": 2, "missing": "ignore"},
            },
            {"id": "calm", "query": 'load{pod="a"}', "threshold": {"operator": ">", "value": 8, "of": 2}},
        ],
        last="1m",
        now=str(MIDNIGHT + 540),
        previous={"kept": "ok"},
    )
    assert found["verdicts"] == {"all": "breached", "some": "breached", "none": "breached", "kept": "ok", "calm": "ok"}
    assert (found["by_id"]["all"]["count"], found["by_id"]["all"]["value"]) == (1, 9.0)
    assert found["by_id"]["all"]["verdict_reason"] == "3 of 3 datapoints > 5; 3 of 3 needed"


def test_several_at_once(prom: Run) -> None:
    found = prom(
        threshold={"operator": ">", "value": 100},
        queries=[
            {"query": "sum(load)"},
            {"id": "a", "query": 'load{pod="a"}', "last": "10m", "step": "2m", "aggregation": "max"},
            {"id": "typed", "query": "alone", "type": "range", "threshold": {"operator": "<", "value": 7.5}},
            {"query": "nothing"},
        ],
    )
    assert [one["key"] for one in found["series"]] == ["q1", "a", "typed", "q2"]
    assert [one["value"] for one in found["metrics"]] == [118.0, 9.0, 7.5, None]
    assert found["by_id"]["a"]["period"] == 120
    assert found["by_id"]["typed"]["expected"] == 60
    assert (found["breached"], found["ok"], found["insufficient_data"]) == (["q1"], ["a", "typed"], ["q2"])
    assert found["verdict"] == "breached"
    assert found["api_calls"] == {"query": 2, "query_range": 2}


def test_no_queries(prom: Run) -> None:
    found = prom(queries=[], threshold={"operator": ">", "value": 1})
    assert (found["series"], found["metrics"], found["verdict"]) == ([], [], "insufficient_data")
    assert found["api_calls"] == {}


# Many series


def test_many_series_need_an_aggregation(prom: Run) -> None:
    found = prom(queries=[{"id": "pods", "query": "load"}, {"query": "alone"}], fails=True)
    assert "2 series where one is expected" in found["msg"]
    assert "sum(), avg() or max()" in found["msg"]
    assert "expect to any" in found["msg"]
    assert [(one["name"], one["code"]) for one in found["failures"]] == [("pods", "SeveralSeries")]
    assert found["by_id"]["q1"]["value"] == 7.5


def test_many_series_that_are_wanted(prom: Run) -> None:
    found = prom(
        expect="any",
        threshold={"operator": ">", "value": 50},
        queries=[
            {"id": "pods", "query": "sum by (pod) (load)"},
            {"id": "sum", "query": "sum(load)"},
            {"id": "alone", "query": "alone"},
            {"id": "a", "query": 'load{pod="a"}', "expect": "one"},
            {"id": "none", "query": "nothing"},
        ],
    )
    assert {one["name"]: one["value"] for one in found["metrics"]} == {
        'pods/{pod="a"}': 9.0,
        'pods/{pod="b"}': 109.0,
        "sum": 118.0,
        "alone/alone": 7.5,
        "a": 9.0,
        "none": None,
    }
    assert found["breached"] == ['pods/{pod="b"}', "sum"]
    assert found["by_id"]['pods/{pod="a"}']["labels"] == {"pod": "a"}
    again = prom(expect="any", query="sum by (pod) (load)", last="3m", id="pods")
    assert again["by_id"]['pods/{pod="b"}']["values"] == [108.0, 109.0, 109.0]


def test_too_many_series(prom: Run) -> None:
    found = prom(query="odd", expect="any", max_series=2, fails=True)
    assert "3 series, more than max_series, which is 2" in found["msg"]
    assert found["error"]["kind"] == "partial"


# What the server refuses


@pytest.mark.parametrize(
    ("params", "code", "words"),
    [
        pytest.param({"query": "sum(load"}, "bad_data", "parse error", id="parse-error"),
        pytest.param({"query": "load["}, "bad_data", "parse error", id="range-without-end"),
        pytest.param({"query": "nonsense(load)"}, "bad_data", "unknown function", id="function"),
        pytest.param({"query": "load", "step": "1s", "last": "4h"}, "bad_data", "11,000 points", id="too-fine"),
        pytest.param({"query": "load[5m]"}, "NoNumbers", "max_over_time", id="range-vector"),
    ],
)
def test_bad_queries(prom: Run, params: dict[str, Any], code: str, words: str) -> None:
    found = prom(id="mine", **params, fails=True)
    assert "mine" in found["msg"]
    assert words in found["msg"]
    assert [(one["name"], one["code"], one["kind"]) for one in found["failures"]] == [("mine", code, "invalid")]


@pytest.mark.skipif(not has_prometheus(), reason=NO_PROMETHEUS)
def test_real_prometheus_says_more(run_module: ModuleRunner, tmp_path: Path) -> None:
    text = "".join(f'a{{x="{x}",y="{y}"}} 1 {MIDNIGHT}\n' for x in "12" for y in "12")
    web = json.dumps({"basic_auth_users": {"reader": BCRYPT}})
    with PrometheusServer(history=text + "# EOF\n", web_config=web) as server:
        run = runner(run_module, server.endpoint)
        user = {"username": "reader", "password": PASSWORD, "now": str(MIDNIGHT)}
        refused = run(query="a", now=str(MIDNIGHT), fails=True)
        wrong = run(query="a", **{**user, "password": "wrong-password"}, fails=True)
        found = run(query="count(a)", **user)
        execution = run(query="a + on (x) a", id="pairs", **user, fails=True)
        text_result = run(query='"words"', **user, fails=True)
    assert (refused["failures"][0]["kind"], refused["failures"][0]["code"]) == ("denied", "401")
    assert "Set bearer_token, username and password" in refused["msg"]
    assert wrong["failures"][0]["code"] == "401"
    assert found["by_id"]["q1"]["value"] == 4.0
    assert (execution["failures"][0]["code"], execution["failures"][0]["kind"]) == ("execution", "invalid")
    assert "many-to-many matching not allowed" in execution["msg"]
    assert "pairs" in execution["msg"]
    assert "a text" in text_result["msg"]
    assert PASSWORD not in json.dumps([refused, wrong, found, execution])


# Fresh data


def test_what_an_exporter_shows(run_module: ModuleRunner) -> None:
    with Exporter() as exporter, prometheus_server(target=exporter.endpoint) as server:
        run = runner(run_module, server.endpoint)
        exporter.set({"queue_depth": 12, 'cpu{pod="a"}': float("nan")})
        server.wait_for("queue_depth", 12)
        found = run(queries=[{"id": "queue", "query": "queue_depth"}, {"id": "cpu", "query": "cpu"}])
        exporter.set({"queue_depth": 3})
        server.wait_for("queue_depth", 3)
        after = run(query="count(cpu)")
        exporter.stop()
        server.wait_for("max(up)", 0)
        stale = run(queries=[{"id": "queue", "query": "queue_depth"}, {"id": "up", "query": "max(up)"}])
    assert (found["by_id"]["queue"]["value"], found["by_id"]["cpu"]["value"]) == (12.0, None)
    assert found["by_id"]["cpu"]["not_numbers"] == 1
    assert after["by_id"]["q1"]["value"] is None
    assert (stale["by_id"]["queue"]["value"], stale["by_id"]["up"]["value"]) == (None, 0.0)
    assert (stale["by_id"]["queue"]["status"], stale["by_id"]["queue"]["age"]) == ("NoSeries", None)


# Faults


def failure(found: dict[str, Any]) -> tuple[str, str]:
    """Kind and code of the first failure."""
    return found["failures"][0]["kind"], found["failures"][0]["code"]


def error(kind: str, text: str) -> dict[str, str]:
    """Prometheus's own words for one."""
    return {"status": "error", "errorType": kind, "error": text}


LOGIN = "<!DOCTYPE html><html><head><title>Sign in</title></head></html>"
UNLIKE: dict[str, Any] = {
    "status": "success",
    "data": {"resultType": "vector", "result": [{"metric": {}, "value": ["x"]}]},
}
HISTOGRAM: dict[str, Any] = {
    "status": "success",
    "data": {"resultType": "vector", "result": [{"metric": {}, "histogram": [1, {"count": "1"}]}]},
}


@pytest.mark.parametrize(
    ("answer", "expected", "words"),
    [
        pytest.param(Canned(400, error("bad_data", "it is bad")), ("invalid", "bad_data"), "it is bad", id="400"),
        pytest.param(Canned(401, "no"), ("denied", "401"), "Set bearer_token", id="401"),
        pytest.param(Canned(403, "no"), ("denied", "403"), "Let this user query", id="403"),
        pytest.param(Canned(404, LOGIN), ("not_found", "404"), "Correct url", id="404"),
        pytest.param(Canned(422, error("execution", "too many")), ("invalid", "execution"), "too many", id="422"),
        pytest.param(Canned(500, error("internal", "broken")), ("unavailable", "internal"), "broken", id="500"),
        pytest.param(Canned(503, error("timeout", "too slow")), ("timeout", "timeout"), "fewer series", id="503-timeout"),
        pytest.param(Canned(200, LOGIN), ("invalid", "NotPrometheus"), 'HTML page, "Sign in"', id="login-page"),
        pytest.param(Canned(200, "{}"), ("invalid", "NotPrometheus"), 'the text "{}"', id="other-json"),
        pytest.param(Canned(200, ""), ("invalid", "NotPrometheus"), "an empty body", id="empty"),
        pytest.param(Canned(200, UNLIKE), ("invalid", "NotPrometheus"), "not as Prometheus has it", id="odd-shape"),
        pytest.param(Canned(200, HISTOGRAM), ("invalid", "NoNumbers"), "histogram_quantile", id="histogram"),
        pytest.param(
            Canned(302, "", {"Location": "https://sso.example.com/login?token=abc"}), ("invalid", "302"), "sso.example.com/login", id="302"
        ),
    ],
)  # fmt: skip
def test_refusals(faulty: Run, stand_in: PromStandIn, answer: Canned, expected: tuple[str, str], words: str) -> None:
    answer.headers = {"Retry-After": "0", **answer.headers}
    stand_in.put("alone", answer)
    found = faulty(queries=[{"id": "mine", "query": "alone"}, {"id": "other", "query": "alone + 1"}], fails=True)
    assert failure(found) == expected
    assert words in found["msg"]
    assert "mine" in found["msg"]
    assert "token=abc" not in json.dumps(found)
    assert found["by_id"]["other"]["value"] == 8.5
    assert (found["error"]["kind"], len(found["failures"])) == ("partial", 1)
    retried = answer.status == 503
    assert found["api_calls"] == {"query": 5 if retried else 2}
    assert len(stand_in.requests) == found["api_calls"]["query"]


def test_retries_that_help(faulty: Run, stand_in: PromStandIn) -> None:
    stand_in.put("alone", *(Canned(status, "wait", {"Retry-After": "0"}, times=1) for status in (503, 429)))
    found = faulty(query="alone")
    assert found["by_id"]["q1"]["value"] == 7.5
    assert found["api_calls"] == {"query": 3}


def test_a_server_that_asks_for_patience(faulty: Run, stand_in: PromStandIn) -> None:
    stand_in.put("alone", Canned(503, "wait", {"Retry-After": "3600"}, times=1))
    began = time.monotonic()
    assert faulty(query="alone", timeout=2)["by_id"]["q1"]["value"] == 7.5
    assert time.monotonic() - began < 20


def test_slow_answers_are_not_asked_for_again(faulty: Run, stand_in: PromStandIn) -> None:
    stand_in.put("alone", Canned(delay=2.0))
    found = faulty(query="alone", timeout=0.3, fails=True)
    assert failure(found) == ("timeout", "ReadTimeoutError")
    assert "no answer within 0.3 s" in found["msg"]
    assert "Raise timeout" in found["msg"]
    assert found["api_calls"] == {"query": 1}


def test_side_by_side(faulty: Run, stand_in: PromStandIn) -> None:
    stand_in.put("", Canned(delay=1.0))
    queries = [{"query": f"alone + {number}"} for number in range(8)]
    began = time.monotonic()
    found = faulty(queries=queries, concurrency=8)
    assert time.monotonic() - began < 6
    assert [one["value"] for one in found["series"]] == [7.5 + number for number in range(8)]


def test_warnings_are_passed_on(faulty: Run, stand_in: PromStandIn) -> None:
    stand_in.put("alone", Canned(more={"warnings": ["a store did not answer"], "infos": ["not a counter"]}))
    found = faulty(queries=[{"id": "a", "query": "alone"}, {"id": "b", "query": "alone"}], quiet=False)
    assert sorted(warnings(found)) == [
        "a, b: Prometheus notes: not a counter",
        "a, b: Prometheus warns: a store did not answer",
    ]
    assert {"id": "a", "code": "warning", "value": "a store did not answer"} in found["messages"]
    assert found["by_id"]["a"]["value"] == 7.5


def test_long_queries_go_as_a_form(faulty: Run, stand_in: PromStandIn) -> None:
    long = " + ".join(["alone"] * 400)
    found = faulty(queries=[{"id": "long", "query": long}, {"id": "short", "query": "alone"}], concurrency=1)
    assert found["by_id"]["long"]["value"] == 3000.0
    assert [one.method for one in stand_in.requests] == ["POST", "GET"]
    assert stand_in.requests[0].headers["content-type"] == "application/x-www-form-urlencoded"
    assert stand_in.requests[0].fields["query"] == long


def test_nobody_there(run_module: ModuleRunner) -> None:
    with PromStandIn() as gone:
        endpoint = gone.endpoint
    found = runner(run_module, endpoint)(query="alone", fails=True)
    assert failure(found)[0] == "unavailable"
    assert "Connection refused" in found["msg"]
    assert "Check url" in found["msg"]
    assert found["api_calls"] == {"query": 3}


def test_a_name_that_nobody_has(run_module: ModuleRunner) -> None:
    found = runner(run_module, "http://prometheus.invalid:9090")(query="alone", fails=True)
    assert failure(found)[0] == "unavailable"
    assert "prometheus.invalid" in found["msg"]


# Who asks


def test_basic_authentication(run_module: ModuleRunner) -> None:
    with PromStandIn(history(), credentials=("reader", PASSWORD)) as server:
        run = runner(run_module, server.endpoint)
        asked = {"query": "alone", "now": str(MIDNIGHT)}
        good = run(username="reader", password=PASSWORD, **asked)
        from_environment = run(env={"PROMETHEUS_USERNAME": "reader", "PROMETHEUS_PASSWORD": PASSWORD}, **asked)
        bad = run(username="reader", password="wrong-password", **asked, fails=True)
        server.put("alone", Canned(400, error("bad_data", f"I was told {PASSWORD}")))
        told = run(username="reader", password=PASSWORD, **asked, fails=True)
    assert good["by_id"]["q1"]["value"] == from_environment["by_id"]["q1"]["value"] == 7.5
    assert failure(bad) == ("denied", "401")
    assert not {PASSWORD, "wrong-password"} & set(json.dumps([good, from_environment, bad, told]).split('"'))
    assert PASSWORD not in json.dumps([good, from_environment, bad, told])


def test_tokens(run_module: ModuleRunner) -> None:
    with PromStandIn(history(), credentials=(PASSWORD,)) as server:
        run = runner(run_module, server.endpoint)
        asked = {"query": "alone", "now": str(MIDNIGHT)}
        good = run(token=PASSWORD + "\n", headers={"X-Scope-OrgID": 1}, secret_headers={"X-Key": "sesame-42"}, **asked)
        from_environment = run(env={"PROMETHEUS_TOKEN": PASSWORD, "PROMETHEUS_URL": server.endpoint}, **asked)
        bad = run(bearer_token="wrong-token", **asked, fails=True)
        torn = run(bearer_token="wrong\ntoken", **asked, fails=True)
        sent = server.requests[0].headers
    assert good["by_id"]["q1"]["value"] == from_environment["by_id"]["q1"]["value"] == 7.5
    assert (sent["x-scope-orgid"], sent["x-key"], sent["user-agent"]) == ("1", "sesame-42", "cloudops.core")
    assert failure(bad) == ("denied", "401")
    assert "bearer_token" in torn["msg"]
    shown = json.dumps([good, from_environment, bad, torn])
    assert not [secret for secret in (PASSWORD, "sesame-42", "wrong-token", "wrong\\ntoken") if secret in shown]


def test_a_path_before_the_api(run_module: ModuleRunner) -> None:
    with PromStandIn(history(), prefix="/metrics/prometheus") as server:
        run = runner(run_module, server.endpoint + "/")
        assert run(query="alone", now=str(MIDNIGHT))["by_id"]["q1"]["value"] == 7.5
        wrong = runner(run_module, server.endpoint + "/api/v1")(query="alone", fails=True)
    assert failure(wrong) == ("not_found", "404")
    assert "api/v1/query" in wrong["msg"]


def test_tls(run_module: ModuleRunner, tmp_path: Path) -> None:
    authority, other = Authority(tmp_path), Authority(tmp_path, "other authority")
    asked = {"query": "alone", "now": str(MIDNIGHT)}
    with PromStandIn(history(), tls=authority.server_context()) as server:
        run = runner(run_module, server.endpoint)
        good = run(ca_cert=str(authority.ca), **asked)
        unchecked = run(validate_certs=False, **asked)
        unknown = run(**asked, fails=True)
        foreign = run(ca_path=str(other.ca), **asked, fails=True)
        plain = runner(run_module, server.endpoint.replace("https", "http"))(**asked, fails=True)
    assert good["by_id"]["q1"]["value"] == unchecked["by_id"]["q1"]["value"] == 7.5
    for found in (unknown, foreign):
        assert failure(found)[0] == "unavailable"
        assert "certificate verify failed" in found["msg"]
        assert "Set ca_cert" in found["msg"]
        assert found["api_calls"] == {"query": 1}
    assert failure(plain)[0] == "unavailable"


def test_tls_with_a_name_of_somebody_else(run_module: ModuleRunner, tmp_path: Path) -> None:
    authority = Authority(tmp_path)
    with PromStandIn(history(), tls=authority.server_context(address="127.0.0.2")) as server:
        found = runner(run_module, server.endpoint)(query="alone", ca_cert=str(authority.ca), fails=True)
    assert "Use in url a name that the server's certificate is for" in found["msg"]


def test_tls_where_there_is_none(run_module: ModuleRunner, stand_in: PromStandIn) -> None:
    found = runner(run_module, stand_in.endpoint.replace("http:", "https:"))(query="alone", fails=True)
    assert failure(found)[0] == "unavailable"
    assert "http://" in found["msg"]


@pytest.mark.parametrize("version", [ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3], ids=["1.2", "1.3"])
def test_client_certificates(run_module: ModuleRunner, tmp_path: Path, version: ssl.TLSVersion) -> None:
    authority = Authority(tmp_path)
    cert, key = (str(path) for path in authority.sign("client"))
    both_files = tmp_path / "both.pem"
    both_files.write_text(Path(cert).read_text() + Path(key).read_text())
    _locked_cert, locked = authority.sign("locked", password=b"secret")
    context = authority.server_context(clients=True)
    context.minimum_version = context.maximum_version = version
    asked = {"query": "alone", "now": str(MIDNIGHT), "ca_cert": str(authority.ca)}
    with PromStandIn(history(), tls=context) as server:
        run = runner(run_module, server.endpoint)
        good = run(client_cert=cert, client_key=key, **asked)
        together = run(client_cert=str(both_files), **asked)
        without = run(**asked, fails=True)
        absent = run(client_cert="/nowhere.pem", **asked, fails=True)
        encrypted = run(client_cert=cert, client_key=str(locked), **asked, fails=True)
    assert good["by_id"]["q1"]["value"] == together["by_id"]["q1"]["value"] == 7.5
    assert failure(without)[0] == "unavailable"
    assert "client_cert and client_key" in without["msg"]
    assert "client_cert: /nowhere.pem can't be used: No such file" in absent["msg"]
    assert "client_cert and client_key" in encrypted["msg"]
    assert absent["api_calls"] == encrypted["api_calls"] == {}


def test_a_proxy(run_module: ModuleRunner, stand_in: PromStandIn) -> None:
    run = runner(run_module, "http://prometheus.invalid:9090")
    stand_in.put("alone", Canned(200, {"status": "success", "data": {"resultType": "scalar", "result": [1, "4"]}}))
    assert run(query="alone", proxy=stand_in.endpoint)["by_id"]["q1"]["value"] == 4.0
    with PromStandIn() as gone:
        endpoint = gone.endpoint
    assert "Check proxy" in run(query="alone", proxy=endpoint, fails=True)["msg"]


# Bad input


@pytest.mark.parametrize(
    ("params", "words"),
    [
        pytest.param({}, "one of the following is required: query, queries", id="nothing"),
        pytest.param({"query": "a", "queries": []}, "mutually exclusive", id="both-forms"),
        pytest.param({"query": " "}, "query is empty", id="empty-query"),
        pytest.param({"queries": [{"id": "a"}]}, "missing required arguments: query", id="no-query"),
        pytest.param({"queries": [{"query": ""}]}, "queries[0].query is empty", id="empty-query-in-a-list"),
        pytest.param({"queries": [{"id": "a", "query": "a"}] * 2}, "more than one with id a", id="id-twice"),
        pytest.param({"queries": [], "id": "a"}, "queries excludes id", id="id-beside-queries"),
        pytest.param({"query": "a", "last": "1h", "start": "2026-03-01"}, "mutually exclusive", id="last-and-start"),
        pytest.param({"queries": [{"query": "a", "last": "1h", "start": "2026-03-01"}]}, "queries[0].last excludes", id="both"),
        pytest.param({"query": "a", "last": "soon"}, "last is not a duration", id="last"),
        pytest.param({"queries": [{"query": "a", "step": "soon"}]}, "queries[0].step is not a duration", id="step"),
        pytest.param({"query": "a", "step": "0"}, "step is 0", id="no-step"),
        pytest.param({"query": "a", "start": "soon"}, "start is not a time", id="start"),
        pytest.param({"query": "a", "now": "soon"}, "now is not a time", id="now"),
        pytest.param({"query": "a", "start": "2026-03-02", "now": "2026-03-01"}, "no period of 60 s", id="empty-window"),
        pytest.param({"query": "a", "type": "instant", "last": "1h"}, "type is instant, which excludes last", id="instant-with-a-window"),
        pytest.param({"query": "a", "type": "vector"}, "value of type must be one of", id="type"),
        pytest.param({"query": "a", "expect": "two"}, "value of expect must be one of", id="expect"),
        pytest.param({"query": "a", "aggregation": "median"}, "aggregation is unknown", id="aggregation"),
        pytest.param({"query": "a", "threshold": {"operator": ">", "value": 1, "of": 2}}, "Give last or step", id="instant-of-2"),
        pytest.param({"query": "a", "threshold": {"operator": "!=", "value": 1}}, "value of operator must be one of", id="operator"),
        pytest.param({"query": "a", "previous": {"q1": "ALARM"}}, "previous has ALARM", id="previous"),
        pytest.param({"query": "a", "max_series": 0}, "max_series and concurrency", id="max-series"),
        pytest.param({"query": "a", "concurrency": 0}, "max_series and concurrency", id="concurrency"),
        pytest.param({"query": "a", "timeout": 0}, "timeout is 0", id="timeout"),
        pytest.param({"query": "a", "url": "prometheus:9090"}, "url is no http or https URL", id="url"),
        pytest.param({"query": "a", "url": "http://u:hush-hush@h:1"}, "Set username and password instead", id="password-in-url"),
        pytest.param({"query": "a", "url": "http://h/?a=b"}, "url has more than a path", id="query-in-url"),
        pytest.param({"query": "a", "proxy": "h:1"}, "proxy is no http or https URL", id="proxy"),
        pytest.param({"query": "a", "username": "u"}, "required together: username, password", id="no-password"),
        pytest.param({"query": "a", "username": "u", "password": "hush-hush", "token": "hush-hush"}, "mutually exclusive", id="two-ways"),
        pytest.param({"query": "a", "client_key": "/k"}, "client_cert", id="key-without-certificate"),
        pytest.param({"query": "a", "url": "https://h", "ca_cert": "/nowhere.pem"}, "ca_cert: /nowhere.pem can't be used", id="ca"),
        pytest.param({"query": "a", "headers": {"Authorization": "x"}}, "headers has Authorization", id="authorization"),
        pytest.param({"query": "a", "headers": {"a b": "x"}}, "a name that no header can have", id="header"),
    ],
)  # fmt: skip
def test_bad_input(faulty: Run, stand_in: PromStandIn, params: dict[str, Any], words: str) -> None:
    found = faulty(**params, fails=True)
    assert words in found["msg"]
    assert "hush-hush" not in json.dumps(found)
    assert stand_in.requests == []


def test_without_urllib3(faulty: Run) -> None:
    assert "urllib3" in faulty(query="alone", hide=["urllib3"], fails=True)["msg"]


def test_check_mode_reads_the_same(prom: Run) -> None:
    real, check = (prom(query="sum(load)", check=check) for check in (False, True))
    for found in (real, check):
        found.pop("duration")
        found.pop("invocation")
    assert real == check


# Examples


def examples() -> list[dict[str, Any]]:
    """The tasks of the documentation."""
    text = (ROOT / "plugins" / "modules" / "prometheus_query_info.py").read_text("utf-8")
    block = text.partition('EXAMPLES = r"""')[2].partition('"""')[0]
    tasks: list[dict[str, Any]] = yaml.safe_load(block)
    return tasks


def test_examples(play: Play, tmp_path: Path) -> None:
    text = "".join(
        f'shop_{name}{{job="shop",instance="web-1"}} {value} {MIDNIGHT + 60 * place}\n'
        for name, value in {"requests_per_second": 120, "cpu_percent": 82, "queue_depth": 5}.items()
        for place in range(20)
    )
    text += "".join(f'up{{job="shop",instance="web-1"}} 0 {MIDNIGHT + 60 * place}\n' for place in range(20))
    tasks = examples()
    for task in tasks:
        options = task.get("cloudops.core.prometheus_query_info")
        if options is not None:
            options.update(url="http://127.0.0.1", now=str(MIDNIGHT + 1140))
            options.pop("ca_cert", None)
    with PromStandIn(text) as server:
        for task in tasks:
            options = task.get("cloudops.core.prometheus_query_info")
            if options is not None:
                options["url"] = server.endpoint
        ran = play(*tasks, extra_vars={"prometheus_token": "a-token", "prometheus_password": "a-password"})
        assert server.requests[-1].headers["x-scope-orgid"] == "shop"
    assert ran.statuses == ["ok"] * len(tasks)
    assert ran[1]["msg"] == "120.0 requests per second"
    assert ran[2]["breached"] == ["busy", 'up/up{instance="web-1",job="shop"}']
    assert [one["msg"] for one in ran[3]["results"]] == ["web-1 is down"]
    assert ran[4]["msg"]["desired"] == 4
    assert ran[5]["by_id"]["q1"]["value"] == 120.0
    assert "a-token" not in ran.output


# The servers themselves


def test_the_servers_as_commands(tmp_path: Path) -> None:
    command = [sys.executable, "-m", "tests.servers.prometheus", "--kind"]
    said = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True).stdout.strip()
    assert said == ("Prometheus" if has_prometheus() else "a stand-in for Prometheus")
    shown = tmp_path / "gauges"
    with Exporter(["--file", str(shown)]) as exporter:
        exporter.set({'queue_depth{queue="a"}': 3})
        assert shown.read_text() == 'queue_depth{queue="a"} 3\n'
        shown.write_text("queue_depth 4\n")
        with PrometheusServer(real=False, target=exporter.endpoint) as server:
            assert server.kind == "a stand-in for Prometheus"
            server.wait_for("queue_depth", 4)
