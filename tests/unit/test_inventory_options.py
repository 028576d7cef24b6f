# Copyright (c) 2026 cloudops.core contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The options of inventory plugins, and what they keep between runs."""

from __future__ import annotations

from typing import Any

import pytest
from ansible_collections.cloudops.core.plugins.module_utils._core.errors import Denied, Invalid, Throttled
from ansible_collections.cloudops.core.plugins.module_utils._domain.inventory import (
    Account,
    Document,
    Window,
    fingerprint,
    from_cache,
    is_fresh,
    may_stand_in,
    read_accounts,
    read_concurrency,
    read_filter_list,
    read_filters,
    read_measurements,
    read_regions,
    read_tags,
    skipped_note,
    stale_note,
    to_cache,
    workload_state,
)

ARN = "arn:aws:iam::111122223333:role/inventory"


def test_filters() -> None:
    assert read_filters({"tag:a": ["x", 1], "source-dest-check": True, "vpc-id": "v"}, "filters") == {
        "tag:a": ("x", "1"),
        "source-dest-check": ("true",),
        "vpc-id": ("v",),
    }
    assert read_filter_list([{"tag:a": "x"}], "exclude_filters") == [{"tag:a": ("x",)}]


@pytest.mark.parametrize(
    ("given", "message"),
    [
        pytest.param(["a"], "filters is", id="list"),
        pytest.param({"": "x"}, "filters has the name ''", id="name"),
        pytest.param({"tag:a": []}, "filters.tag:a is", id="empty"),
        pytest.param({"tag:a": None}, "filters.tag:a is", id="none"),
        pytest.param({"tag:a": [["x"]]}, "filters.tag:a is", id="nested"),
        pytest.param({"tag:a": [{"x": 1}]}, "filters.tag:a is", id="mapping"),
    ],
)
def test_bad_filters(given: Any, message: str) -> None:
    with pytest.raises(Invalid, match="filters") as caught:
        read_filters(given, "filters")
    assert caught.value.message.startswith(message)


@pytest.mark.parametrize("given", [{"tag:a": "x"}, "tag:a", [{}], [{"tag:a": "x"}, {}]])
def test_bad_filter_lists(given: Any) -> None:
    with pytest.raises(Invalid, match="exclude_filters"):
        read_filter_list(given, "exclude_filters")


def test_tags() -> None:
    assert read_tags({"a": None, "b": True, 3: 4.5}) == {"a": "", "b": "true", "3": "4.5"}
    for given in (["a"], {"a": ["b"]}, {"a": {"b": 1}}):
        with pytest.raises(Invalid, match="tags"):
            read_tags(given)


def test_regions() -> None:
    assert read_regions(["b", "a", "b", " "]) == ("b", "a")
    assert read_regions("a, b\nc") == ("a", "b", "c")
    assert read_regions(None) == ()
    assert read_regions(["all"]) == ("all",)
    for given in (["all", "a"], {"a": 1}):
        with pytest.raises(Invalid, match="regions"):
            read_regions(given)


def test_concurrency() -> None:
    assert (read_concurrency(4), read_concurrency("4")) == (4, 4)
    for given in (0, "many", -1):
        with pytest.raises(Invalid, match="concurrency"):
            read_concurrency(given)


@pytest.mark.parametrize(
    ("roles", "arn", "external_id", "expected"),
    [
        pytest.param([], None, None, [Account()], id="own"),
        pytest.param([], ARN, "x", [Account(ARN, "x")], id="single"),
        pytest.param([ARN], None, "x", [Account(ARN, "x")], id="text"),
        pytest.param(
            [{"role_arn": ARN, "external_id": "y", "regions": "a,b", "name": "n"}, ARN, {"role_arn": ARN}],
            None,
            "x",
            [Account(ARN, "y", ("a", "b"), "n"), Account(ARN, "x")],
            id="each-once",
        ),
    ],
)
def test_accounts(roles: Any, arn: str | None, external_id: str | None, expected: list[Account]) -> None:
    assert list(read_accounts(roles, arn, external_id)) == expected


@pytest.mark.parametrize(
    ("roles", "arn", "message"),
    [
        pytest.param([ARN], ARN, "assume_roles excludes assume_role_arn", id="both"),
        pytest.param(ARN, None, "assume_roles is", id="text"),
        pytest.param([1], None, "assume_roles[0] is 1", id="number"),
        pytest.param([{"arn": ARN}], None, "assume_roles[0]: unknown option 'arn'", id="unknown"),
        pytest.param([ARN, {"external_id": "x"}], None, "assume_roles[1].role_arn is ''", id="without"),
        pytest.param(
            [{"role_arn": ARN, "regions": ["all", "a"]}], None, "assume_roles[0].regions has all", id="regions"
        ),
    ],
)
def test_bad_accounts(roles: Any, arn: str | None, message: str) -> None:
    with pytest.raises(Invalid) as caught:
        read_accounts(roles, arn, None)
    assert caught.value.message.startswith(message)


def test_external_ids_are_not_shown() -> None:
    assert "secret" not in repr(read_accounts([], ARN, "secret"))


def test_measurements() -> None:
    short, full = read_measurements(
        {
            "cpu": "CPUUtilization",
            "disk": {
                "metric": "used",
                "namespace": "CWAgent",
                "dimensions": {"path": "/"},
                "period": "1h",
                "last": "7d",
                "delay": "5m",
                "aggregation": "max",
                "threshold": {"operator": ">", "value": "80", "of": "3"},
            },
        }
    )
    assert (short.name, short.window, short.params["metric"]) == ("cpu", Window(last=3600), "CPUUtilization")
    assert (short.params["namespace"], short.params["period"], short.params["threshold"]) == ("AWS/EC2", "5m", None)
    assert full.window == Window(last=7 * 86400, delay=300)
    assert full.params["threshold"] == {
        "operator": ">",
        "value": 80.0,
        "missing": None,
        "datapoints": None,
        "of": 3,
        "evaluation_range": None,
    }
    (fixed,) = read_measurements({"a": {"metric": "m", "start": "1970-01-12T13:46:40Z"}})
    assert fixed.window == Window(start=1_000_000.0)


@pytest.mark.parametrize(
    ("given", "message"),
    [
        pytest.param(["cpu"], "metrics is", id="list"),
        pytest.param({"my cpu": "X"}, "metrics.my cpu: 'my cpu' can't be", id="name"),
        pytest.param({"cpu": None}, "metrics.cpu names no metric", id="none"),
        pytest.param({"cpu": {"stat": "Sum"}}, "metrics.cpu names no metric", id="without"),
        pytest.param({"cpu": {"metric": "X", "instance_ids": []}}, "metrics.cpu: unknown option", id="unknown"),
        pytest.param({"cpu": {"metric": "X", "last": "soon"}}, "metrics.cpu: last is not a duration", id="last"),
        pytest.param(
            {"cpu": {"metric": "X", "last": "1h", "start": "2026-01-01"}}, "metrics.cpu: last and start", id="both"
        ),
        pytest.param({"cpu": {"metric": "X", "threshold": 80}}, "metrics.cpu: threshold is 80", id="threshold"),
        pytest.param(
            {"cpu": {"metric": "X", "threshold": {"value": 1}}}, "metrics.cpu: threshold needs", id="operator"
        ),
        pytest.param({"cpu": {"metric": "X", "threshold": {"over": 1}}}, "metrics.cpu: unknown option", id="key"),
    ],
)
def test_bad_measurements(given: Any, message: str) -> None:
    with pytest.raises(Invalid) as caught:
        read_measurements(given)
    assert caught.value.message.startswith(message)


# What is kept


def test_kept_as_it_was() -> None:
    document = Document([{"a": 1, "b": ["ü", None, 2.5]}], ("note",), 12.5)
    assert from_cache(to_cache(document, "q"), "q") == document
    assert all(isinstance(value, str) for value in to_cache(document, "q").values())


@pytest.mark.parametrize(
    "value",
    [
        pytest.param(None, id="nothing"),
        pytest.param({}, id="empty"),
        pytest.param({"cloudops": "{"}, id="broken"),
        pytest.param({"cloudops": "[1, 2]"}, id="short"),
        pytest.param({"cloudops": '[0, "q", 1, [], []]'}, id="other-format"),
        pytest.param([1], id="list"),
        pytest.param(to_cache(Document([]), "another"), id="other-question"),
    ],
)
def test_what_is_no_answer_counts_as_none(value: Any) -> None:
    assert from_cache(value, "q") is None


def test_fingerprints() -> None:
    assert fingerprint({"a": 1, "b": 2}) == fingerprint({"b": 2, "a": 1})
    assert fingerprint({"a": 1}) != fingerprint({"a": 2})


@pytest.mark.parametrize(
    ("age", "timeout", "expected"),
    [(0, 10, True), (9.9, 10, True), (10, 10, False), (1e9, 0, True), (0, -1, False)],
)
def test_freshness(age: float, timeout: float, expected: bool) -> None:
    assert is_fresh(Document([], saved=1000), 1000 + age, timeout) is expected


def test_what_an_older_answer_may_stand_in_for() -> None:
    assert may_stand_in(Throttled("x"))
    assert may_stand_in(Denied("x"))
    assert not may_stand_in(Invalid("x"))
    assert stale_note(Document([], saved=0), Throttled("slow", code="X")) == (
        "the refresh failed, so this is what was read at 1970-01-01T00:00:00+00:00: slow [X]"
    )
    assert skipped_note("region a", Denied("no")) == "region a is left out, as strict_permissions is off: no"


@pytest.mark.parametrize(
    ("rollout", "replicas", "expected"),
    [
        ("complete", 2, "ready"),
        ("complete", 0, "stopped"),
        ("progressing", 0, "rolling"),
        ("progressing", 2, "rolling"),
        ("failed", 2, "failed"),
    ],
)
def test_workload_states(rollout: str, replicas: int, expected: str) -> None:
    assert workload_state({"rollout": rollout, "replicas": replicas}) == expected
