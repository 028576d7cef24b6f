# Copyright (c) 2026 cloudops.core contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What Prometheus answers, good and bad, into numbers and errors."""

from __future__ import annotations

import json
import math
from typing import Any

import pytest
from ansible_collections.cloudops.core.plugins.module_utils._core.errors import CloudOpsError, Invalid
from ansible_collections.cloudops.core.plugins.module_utils._domain.metrics import clean
from ansible_collections.cloudops.core.plugins.module_utils._prometheus.answers import (
    RawSeries,
    notation,
    read_answer,
)
from ansible_collections.cloudops.core.plugins.module_utils._prometheus.errors import (
    Reply,
    from_sdk_error,
    refusal,
)
from hypothesis import given
from hypothesis import strategies as st
from urllib3 import HTTPConnectionPool
from urllib3 import exceptions as sdk

from tests.servers import promql

NOON = 1772366400


def said(kind: str, result: Any, **more: Any) -> dict[str, Any]:
    """An answer of Prometheus."""
    return {"status": "success", "data": {"resultType": kind, "result": result}, **more}


# Numbers


@pytest.mark.parametrize(
    ("answer", "ranged", "expected"),
    [
        pytest.param(said("vector", []), False, (), id="empty-vector"),
        pytest.param(said("matrix", []), True, (), id="empty-matrix"),
        pytest.param(said("scalar", [1.5, "3"]), False, (RawSeries((), ((1.5, 3.0),)),), id="scalar"),
        pytest.param(
            said("vector", [{"metric": {"b": "2", "a": "1"}, "value": [1, "1e3"]}]),
            False,
            (RawSeries((("a", "1"), ("b", "2")), ((1.0, 1000.0),)),),
            id="vector",
        ),
        pytest.param(
            said("matrix", [{"metric": {}, "values": [[1, "1"], [2.5, "-0.5"]]}]),
            True,
            (RawSeries((), ((1.0, 1.0), (2.5, -0.5))),),
            id="matrix",
        ),
    ],
)
def test_results(answer: dict[str, Any], ranged: bool, expected: tuple[RawSeries, ...]) -> None:
    assert read_answer(answer, "a", ranged).series == expected


@pytest.mark.parametrize("text", ["NaN", "+Inf", "-Inf", "Inf", "1e999", "-1e999"])
def test_what_is_no_number_is_no_datapoint(text: str) -> None:
    found = read_answer(said("vector", [{"metric": {}, "value": [1, text]}]), "a", False).series[0]
    assert len(found.points) == 1
    assert not math.isfinite(found.points[0][1])
    assert clean(found.points) == ()


def test_messages() -> None:
    found = read_answer(said("vector", [], warnings=["one", "two"], infos=["three"]), "a", False)
    assert found.messages == (("warning", "one"), ("warning", "two"), ("info", "three"))
    assert read_answer(said("vector", [], warnings=None), "a", False).messages == ()


@pytest.mark.parametrize(
    ("answer", "ranged", "code", "words"),
    [
        pytest.param(said("string", [1, "x"]), False, "NoNumbers", "a text", id="string"),
        pytest.param(said("matrix", []), False, "NoNumbers", "a range of samples", id="range-vector"),
        pytest.param(said("vector", [{"metric": {}, "histogram": [1, {}]}]), False, "NoNumbers", "histogram", id="histogram"),
        pytest.param(said("matrix", [{"metric": {}, "histograms": []}]), True, "NoNumbers", "histogram", id="histograms"),
        pytest.param(said("vector", []), True, "NotPrometheus", "type vector", id="vector-for-a-range"),
        pytest.param(said("table", []), False, "NotPrometheus", "type table", id="unknown-type"),
        pytest.param(said("vector", None), False, "NotPrometheus", "TypeError", id="no-result"),
        pytest.param(said("vector", [{"value": [1, "1"]}]), False, "NotPrometheus", "metric", id="no-labels"),
        pytest.param(said("vector", [{"metric": {}}]), False, "NotPrometheus", "value", id="no-value"),
        pytest.param(said("vector", [{"metric": {}, "value": [1]}]), False, "NotPrometheus", "ValueError", id="half-a-point"),
        pytest.param(said("vector", [{"metric": {}, "value": [1, "x"]}]), False, "NotPrometheus", "ValueError", id="words"),
        pytest.param(said("vector", [{"metric": [], "value": [1, "1"]}]), False, "NotPrometheus", "Attr", id="odd-labels"),
        pytest.param(said("scalar", 3), False, "NotPrometheus", "TypeError", id="bare-scalar"),
        pytest.param({"status": "success"}, False, "NotPrometheus", "data", id="no-data"),
        pytest.param({"status": "success", "data": []}, False, "NotPrometheus", "TypeError", id="odd-data"),
        pytest.param({**said("vector", []), "warnings": 3}, False, "NotPrometheus", "TypeError", id="odd-warnings"),
    ],
)  # fmt: skip
def test_refuses(answer: dict[str, Any], ranged: bool, code: str, words: str) -> None:
    with pytest.raises(Invalid) as caught:
        read_answer(answer, "mine", ranged)
    assert caught.value.code == code
    assert words in str(caught.value)
    assert "mine" in str(caught.value)
    assert caught.value.hint


@pytest.mark.parametrize(
    ("labels", "expected"),
    [
        ({}, ""),
        ({"__name__": "up"}, "up"),
        ({"job": "a"}, '{job="a"}'),
        ({"z": "1", "__name__": "up", "a": "2"}, 'up{a="2",z="1"}'),
        ({"a": 'x"y\\z\n'}, '{a="x\\"y\\\\z\\n"}'),
    ],
)
def test_notation(labels: dict[str, str], expected: str) -> None:
    assert notation(labels) == expected


NAMES = st.from_regex(r"[a-z_][a-z0-9_]{0,5}", fullmatch=True)
LABELS = st.dictionaries(NAMES, st.text(max_size=8), max_size=3)
JSON = st.recursive(
    st.none() | st.booleans() | st.floats() | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=8,
)


@given(st.lists(st.tuples(LABELS, st.lists(st.floats(), max_size=5)), max_size=4))
def test_numbers_arrive_as_they_were_sent(series: list[tuple[dict[str, str], list[float]]]) -> None:
    result = [
        {"metric": labels, "values": [[NOON + place, promql._text(value)] for place, value in enumerate(values)]}
        for labels, values in series
    ]
    found = read_answer(json.loads(json.dumps(said("matrix", result))), "a", True).series
    assert len(found) == len(series)
    for one, (labels, values) in zip(found, series, strict=True):
        assert dict(one.labels) == labels
        assert [time for time, _value in one.points] == [NOON + place for place in range(len(values))]
        for (_time, got), sent in zip(one.points, values, strict=True):
            assert (math.isnan(got) and math.isnan(sent)) or got == sent


@given(LABELS, LABELS)
def test_notation_tells_labels_apart(one: dict[str, str], other: dict[str, str]) -> None:
    assert (notation(one) == notation(other)) == (one == other)


@given(
    st.sampled_from(["vector", "matrix", "scalar", "string", "other"]) | JSON,
    JSON | st.lists(st.fixed_dictionaries({"metric": LABELS | JSON, "value": JSON, "values": JSON}), max_size=2),
    JSON,
    st.booleans(),
)
def test_odd_answers_are_errors_and_never_numbers(kind: Any, result: Any, warnings: Any, ranged: bool) -> None:
    try:
        answer = read_answer(said(kind, result, warnings=warnings), "a", ranged)
    except Invalid:
        return
    for series in answer.series:
        assert all(isinstance(number, float) for point in series.points for number in point)
    assert kind in ("vector", "matrix", "scalar")


# Refusals


def json_reply(status: int, kind: str, text: str) -> Reply:
    """A refusal in Prometheus's own words."""
    return Reply(status, {}, json.dumps({"status": "error", "errorType": kind, "error": text}).encode())


@pytest.mark.parametrize(
    ("reply", "kind", "code", "words"),
    [
        pytest.param(json_reply(400, "bad_data", "1:3: parse error"), "invalid", "bad_data", "1:3: parse error", id="bad-data"),
        pytest.param(json_reply(422, "execution", "too many samples"), "invalid", "execution", "match less", id="execution"),
        pytest.param(json_reply(503, "timeout", "timed out"), "timeout", "timeout", "shorter window", id="timeout"),
        pytest.param(json_reply(503, "canceled", "gone"), "timeout", "canceled", "run again", id="canceled"),
        pytest.param(json_reply(500, "internal", "oops"), "unavailable", "internal", "log of the server", id="internal"),
        pytest.param(json_reply(503, "unavailable", "wal"), "unavailable", "unavailable", "ready", id="unavailable"),
        pytest.param(json_reply(404, "not_found", "no"), "not_found", "not_found", "api/v1/query", id="not-found"),
        pytest.param(json_reply(401, "unauthorized", "who"), "denied", "unauthorized", "bearer_token", id="unauthorized"),
        pytest.param(json_reply(403, "execution", "tenant"), "denied", "execution", "headers", id="forbidden"),
        pytest.param(json_reply(429, "bad_data", "rate"), "throttled", "bad_data", "concurrency", id="throttled"),
        pytest.param(json_reply(200, "execution", "late"), "invalid", "execution", "late", id="error-under-200"),
        pytest.param(json_reply(418, "teapot", "short"), "invalid", "teapot", "short", id="unknown"),
        pytest.param(Reply(503, {}, b"starting"), "unavailable", "503", 'answered 503 with the text "starting"', id="plain-503"),
        pytest.param(Reply(504, {}, b""), "timeout", "504", "an empty body", id="plain-504"),
        pytest.param(Reply(429, {}, b"slow down"), "throttled", "429", "slow down", id="plain-429"),
        pytest.param(Reply(502, {}, b"<html><title>\n Bad  </title>"), "unavailable", "502", 'an HTML page, "Bad"', id="html-502"),
        pytest.param(Reply(401, {}, b"Unauthorized\n"), "denied", "401", "Unauthorized", id="plain-401"),
        pytest.param(Reply(405, {}, b""), "invalid", "405", "GET and POST", id="plain-405"),
        pytest.param(Reply(400, {}, b"Client sent an HTTP request to an HTTPS server.\n"), "invalid", "400", "https", id="https"),
        pytest.param(Reply(200, {"content-type": "text/html"}, b"hello"), "invalid", "NotPrometheus", "an HTML page;" , id="html"),
        pytest.param(Reply(200, {"content-type": "image/png"}, b"\x89PNG"), "invalid", "NotPrometheus", "image/png", id="image"),
        pytest.param(Reply(200, {}, b"[" * 100000), "invalid", "NotPrometheus", "no Prometheus", id="deep"),
        pytest.param(Reply(307, {"location": "http://h/x?secret=1"}, b""), "invalid", "307", "on to http://h/x", id="redirect"),
        pytest.param(Reply(307, {}, b""), "invalid", "307", "nowhere", id="redirect-nowhere"),
    ],
)  # fmt: skip
def test_refusals(reply: Reply, kind: str, code: str, words: str) -> None:
    error = refusal(reply, "mine at http://h")
    assert (error.kind, error.code) == (kind, code)
    assert words.rstrip(";") in str(error)
    assert str(error).startswith("Could not query Prometheus (mine at http://h): ")
    assert "secret=1" not in str(error)


# No answers

POOL = HTTPConnectionPool("h", 1)


def failed(reason: Exception) -> sdk.MaxRetryError:
    """What urllib3 raises once its retries are over."""
    return sdk.MaxRetryError(POOL, "/", reason)


VERIFY = "[SSL: CERTIFICATE_VERIFY_FAILED] certificate verify failed: "


@pytest.mark.parametrize(
    ("error", "kind", "words"),
    [
        pytest.param(sdk.ReadTimeoutError(POOL, "/", "slow"), "timeout", "no answer within 3 s", id="read"),
        pytest.param(failed(sdk.ConnectTimeoutError("slow")), "timeout", "Raise timeout", id="connect"),
        pytest.param(failed(sdk.ProtocolError("gone")), "unavailable", "the connection broke", id="broken"),
        pytest.param(failed(sdk.ProxyError("no proxy", OSError("x"))), "unavailable", "Check proxy", id="proxy"),
        pytest.param(sdk.LocationParseError("x"), "invalid", "url can't be read", id="url"),
        pytest.param(failed(sdk.SSLError(VERIFY + "self-signed certificate (_ssl.c:1)")), "unavailable", "self-signed", id="ca"),
        pytest.param(failed(sdk.SSLError(VERIFY + "unable to get issuer (_ssl.c:1)")), "unavailable", "Set ca_cert", id="ca-hint"),
        pytest.param(
            failed(sdk.SSLError(VERIFY + "IP address mismatch, certificate is not valid for 'h'. (_ssl.c:1)")), "unavailable",
            "Use in url", id="name",
        ),
        pytest.param(failed(sdk.SSLError("hostname 'h' doesn't match 'x'")), "unavailable", "doesn't match 'x'", id="old"),
        pytest.param(failed(sdk.SSLError("[SSL: WRONG_VERSION_NUMBER] wrong version number")), "unavailable", "http:", id="http"),
        pytest.param(
            failed(sdk.SSLError("[SSL: TLSV13_ALERT_CERTIFICATE_REQUIRED] tlsv13 alert certificate required (_ssl.c:1)")), "unavailable",
            "Set client_cert and client_key", id="client",
        ),
        pytest.param(failed(sdk.SSLError("something new")), "unavailable", "TLS failed: something new", id="unknown"),
    ],
)  # fmt: skip
def test_no_answers(error: Exception, kind: str, words: str) -> None:
    found: CloudOpsError = from_sdk_error(error, "mine", 3)
    assert found.kind == kind
    assert words in str(found)
    assert "HTTPConnectionPool" not in str(found)
    assert found.hint
