# Copyright (c) 2026 cloudops.core contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Queries of Prometheus: from options, into requests."""

from __future__ import annotations

from typing import Any

import pytest
from ansible_collections.cloudops.core.plugins.module_utils._core.errors import Invalid
from ansible_collections.cloudops.core.plugins.module_utils._domain.metrics import Window
from ansible_collections.cloudops.core.plugins.module_utils._prometheus.queries import PromQuery, read_queries

NOON = 1772366400
NOW = NOON + 437.25
ABOVE = {"operator": ">", "value": 1}


def params(**given: Any) -> dict[str, Any]:
    """The module's options with their defaults."""
    nothing = ("query", "id", "queries", "type", "last", "start", "end", "step", "threshold")
    return {**dict.fromkeys(nothing), "aggregation": "last", "expect": "one", **given}


def read(*queries: dict[str, Any], **given: Any) -> list[PromQuery]:
    """Queries of the long form."""
    return read_queries(params(queries=list(queries), **given))


def one(query: dict[str, Any], **given: Any) -> PromQuery:
    """A single one."""
    return read({"query": "up", **query}, **given)[0]


# From options


def test_short_form() -> None:
    assert read_queries(params(query=" up\n")) == [PromQuery("q1", "up")]
    assert read_queries(params(query="up", id="mine"))[0].id == "mine"


def test_names_are_given_where_there_is_none() -> None:
    found = read({"query": "a"}, {"id": "q1", "query": "b"}, {"query": "c"}, {"id": "x", "query": "d"})
    assert [query.id for query in found] == ["q2", "q1", "q3", "x"]


@pytest.mark.parametrize(
    ("given", "shared", "ranged"),
    [
        pytest.param({}, {}, False, id="nothing-said"),
        pytest.param({"last": "5m"}, {}, True, id="own-last"),
        pytest.param({"step": "5m"}, {}, True, id="own-step"),
        pytest.param({"start": str(NOON)}, {}, True, id="own-start"),
        pytest.param({"end": str(NOON)}, {}, True, id="own-end"),
        pytest.param({}, {"last": "5m"}, True, id="last-of-the-task"),
        pytest.param({}, {"step": "5m"}, True, id="step-of-the-task"),
        pytest.param({"type": "range"}, {}, True, id="own-type"),
        pytest.param({}, {"type": "range"}, True, id="type-of-the-task"),
        pytest.param({"type": "instant"}, {"last": "5m"}, False, id="own-instant-beside-a-window-for-others"),
        pytest.param({"last": "5m"}, {"type": "instant"}, True, id="own-window-in-an-instant-task"),
        pytest.param({"type": "instant"}, {"type": "range"}, False, id="own-type-wins"),
    ],
)
def test_types(given: dict[str, Any], shared: dict[str, Any], ranged: bool) -> None:
    assert one(given, **shared).ranged is ranged


@pytest.mark.parametrize(
    ("given", "shared", "expected"),
    [
        pytest.param({"type": "range"}, {}, (3600, None, None, 60), id="defaults"),
        pytest.param({"last": "10m", "step": "30s"}, {}, (600, None, None, 30), id="own"),
        pytest.param({}, {"last": "2h", "step": "5m", "end": str(NOON)}, (7200, None, NOON, 300), id="of-the-task"),
        pytest.param({"last": "10m"}, {"start": "0", "step": "5m"}, (600, None, None, 300), id="own-last-for-their-start"),
        pytest.param({"start": str(NOON)}, {"last": "2h"}, (None, NOON, None, 60), id="own-start-for-their-last"),
        pytest.param({"end": str(NOON)}, {"last": "2h"}, (7200, None, NOON, 60), id="own-end-with-their-last"),
    ],
)  # fmt: skip
def test_windows(given: dict[str, Any], shared: dict[str, Any], expected: tuple[Any, ...]) -> None:
    query = one(given, **shared)
    assert (query.last, query.start, query.end, query.step) == expected


def test_what_a_query_has_of_its_own_wins() -> None:
    shared = {"aggregation": "max", "expect": "any", "threshold": {**ABOVE, "of": 1}}
    plain = one({}, **shared)
    own = one({"aggregation": "p95", "expect": "one", "threshold": {"operator": "<", "value": 3}}, **shared)
    assert plain.threshold is not None
    assert own.threshold is not None
    assert (plain.aggregation, plain.expect, plain.threshold.operator) == ("max", "any", ">")
    assert (own.aggregation, own.expect, own.threshold.operator) == ("p95", "one", "<")


@pytest.mark.parametrize(
    ("given", "words"),
    [
        pytest.param({}, "nothing is asked for", id="nothing"),
        pytest.param({"query": ""}, "query is empty", id="empty"),
        pytest.param({"queries": [{"query": "a"}, {"query": " "}]}, "queries[1].query is empty", id="empty-in-a-list"),
        pytest.param({"queries": [], "id": "a"}, "queries excludes id", id="id"),
        pytest.param({"queries": [{"id": "a", "query": "a"}] * 2}, "more than one with id a", id="twice"),
        pytest.param({"query": "a", "step": "1ms"}, "step is not a duration", id="step"),
        pytest.param({"query": "a", "last": "-1h"}, "last is not a duration", id="last"),
        pytest.param({"queries": [{"query": "a", "end": "soon"}]}, "queries[0].end is not a time", id="own-end"),
        pytest.param({"query": "a", "end": "soon"}, "end is not a time", id="end"),
        pytest.param({"query": "a", "type": "range", "step": "0s"}, "step is 0s", id="no-step"),
        pytest.param({"query": "a", "type": "instant", "step": "1m"}, "excludes step", id="instant-with-a-step"),
        pytest.param({"queries": [{"query": "a", "type": "instant", "end": "1"}]}, "queries[0].type is instant", id="own-instant"),
        pytest.param({"query": "a", "aggregation": "mode"}, "aggregation is unknown", id="aggregation"),
        pytest.param({"queries": [{"query": "a", "aggregation": "mode"}]}, "queries[0].aggregation is", id="own-aggregation"),
        pytest.param({"query": "a", "threshold": {**ABOVE, "of": 2}}, "looks at 2 datapoints", id="instant-of-2"),
        pytest.param({"query": "a", "threshold": {**ABOVE, "evaluation_range": 4}}, "looks at 4 datapoints", id="instant-of-4"),
        pytest.param({"query": "a", "last": "5m", "threshold": {**ABOVE, "of": 0}}, "threshold asks for 0 of 0", id="of-0"),
        pytest.param(
            {"queries": [{"query": "a", "threshold": {**ABOVE, "datapoints": 0}}]}, "queries[0].threshold asks", id="own-threshold"
        ),
    ],
)  # fmt: skip
def test_refuses(given: dict[str, Any], words: str) -> None:
    with pytest.raises(Invalid) as caught:
        read_queries(params(**given))
    assert words in str(caught.value)


# Into requests


def test_an_instant_request() -> None:
    query = PromQuery("a", "up")
    assert query.request(NOW) == ("query", {"query": "up", "time": "1772366837.250"})
    assert query.type == "instant"


@pytest.mark.parametrize(
    ("given", "first", "last", "step"),
    [
        pytest.param({"last": "5m"}, NOON + 180, NOON + 420, 60, id="the-last-whole-steps"),
        pytest.param({"last": "5m", "step": "5m"}, NOON + 300, NOON + 300, 300, id="one-step"),
        pytest.param({"last": "61s"}, NOON + 360, NOON + 420, 60, id="rounded-up"),
        pytest.param({"start": str(NOON + 30), "end": str(NOON + 150)}, NOON + 60, NOON + 180, 60, id="start-and-end"),
        pytest.param({"start": str(NOON), "end": str(NOON + 7200)}, NOON + 60, NOON + 420, 60, id="end-in-the-future"),
        pytest.param({"last": "1m", "threshold": {**ABOVE, "of": 3}}, NOON + 180, NOON + 420, 60, id="threshold"),
        pytest.param(
            {"last": "1m", "threshold": {**ABOVE, "evaluation_range": 1}}, NOON + 420, NOON + 420, 60, id="short-threshold"
        ),
    ],
)  # fmt: skip
def test_range_requests(given: dict[str, Any], first: int, last: int, step: int) -> None:
    endpoint, fields = one(given).request(NOW)
    assert endpoint == "query_range"
    assert fields == {"query": "up", "start": str(first), "end": str(last), "step": str(step)}


def test_a_value_stands_at_the_end_of_its_step() -> None:
    window = one({"last": "5m"}).reading(NOW).window
    assert window == Window(NOON + 120, NOON + 420, 60, at_ends=True)
    assert window.expected == 5


def test_an_empty_window() -> None:
    with pytest.raises(Invalid, match="no period of 60 s that is over"):
        one({"start": str(NOON + 600)}).request(NOW)
