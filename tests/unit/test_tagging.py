# Copyright (c) 2026 cloudops.core contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Wishes for tags, the changes they come to, and the calls that make them."""

from __future__ import annotations

from typing import Any

import pytest
from ansible_collections.cloudops.core.plugins.module_utils._core.errors import (
    CloudOpsError,
    Denied,
    Invalid,
    NotFound,
    Throttled,
)
from ansible_collections.cloudops.core.plugins.module_utils._domain.tagging import (
    DROP,
    PUT,
    TagChange,
    TagWish,
    calls_for,
    change_of,
    plan_tags,
    split_ids,
    wishes_from,
)
from hypothesis import given
from hypothesis import strategies as st


def wish(tags: dict[str, str], remove: tuple[str, ...] = ()) -> TagWish:
    return TagWish("i-1", "", tags, frozenset(remove))


@pytest.mark.parametrize(
    ("asked", "before", "purge", "put", "drop"),
    [
        (wish({"a": "1"}), {}, False, {"a": "1"}, set()),
        (wish({"a": "1"}), {"a": "1", "b": "2"}, False, {}, set()),
        (wish({"a": "1"}), {"a": "2"}, False, {"a": "1"}, set()),
        (wish({"a": "1"}), {"A": "1"}, False, {"a": "1"}, set()),
        (wish({}, ("a", "b")), {"a": "1"}, False, {}, {"a"}),
        (wish({"a": ""}), {"a": ""}, False, {}, set()),
        (wish({"a": "1"}), {"b": "2", "aws:x": "3"}, True, {"a": "1"}, {"b"}),
        (wish({}), {"b": "2", "aws:x": "3"}, True, {}, {"b"}),
    ],
    ids=["new", "there", "other value", "case counts", "remove", "empty value", "purge", "purge all"],
)
def test_change(asked: TagWish, before: dict[str, str], purge: bool, put: dict[str, str], drop: set[str]) -> None:
    change = change_of(asked, before, purge=purge)
    assert (change.put, change.drop) == (put, drop)
    assert bool(change) == bool(put or drop)
    assert change.after == {**{key: value for key, value in before.items() if key not in drop}, **put}


def test_plan_shows_what_is_touched_and_no_more() -> None:
    changes = [
        change_of(TagWish("i-1", "", {"a": "1"}, frozenset(["b"])), {"a": "0", "b": "2", "c": "3"}),
        change_of(TagWish("i-2", "", {"a": "1"}, frozenset()), {"a": "1"}),
    ]
    plan = plan_tags(changes)
    assert plan.before == {"i-1": {"a": "0", "b": "2"}}
    assert plan.after == {"i-1": {"a": "1"}}
    assert plan.actions() == ["untag i-1: b", "tag i-1: a=1"]
    assert not plan_tags(changes[1:])


@pytest.mark.parametrize(
    ("options", "expected"),
    [
        ({"resource_ids": ["i-1", "i-1"], "tags": {"a": True}}, [TagWish("i-1", "", {"a": "true"}, frozenset())]),
        ({"resource_ids": []}, []),
        (
            {
                "resources": [{"id": "i-1", "region": "r", "tags": {"a": 2}, "remove_tags": ["c"]}],
                "tags": {"a": 1, "b": None},
                "remove_tags": ["d"],
            },
            [TagWish("i-1", "r", {"a": "2", "b": ""}, frozenset(["c", "d"]))],
        ),
    ],
    ids=["short form", "none", "long form"],
)
def test_wishes(options: dict[str, Any], expected: list[TagWish]) -> None:
    assert wishes_from(options) == expected


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"resources": [{"id": "i-1"}, {"id": "i-1"}]}, "named twice"),
        ({"resources": [{"id": " "}]}, "empty id"),
        ({"resource_ids": ["i-1"], "tags": {"": "x"}}, "tag key"),
        ({"resource_ids": ["i-1"], "tags": {"k" * 129: "x"}}, "129 characters"),
        ({"resource_ids": ["i-1"], "tags": {"k": "v" * 257}}, "257 characters"),
        ({"resource_ids": ["i-1"], "tags": {"AWS:k": "v"}}, "AWS's own"),
        ({"resource_ids": ["i-1"], "remove_tags": ["aws:k"]}, "AWS's own"),
        ({"resource_ids": ["i-1"], "tags": {"k": "v"}, "remove_tags": ["k"]}, "at once"),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_mistakes(options: dict[str, Any], words: str) -> None:
    with pytest.raises(Invalid, match=words):
        wishes_from(options)


def test_equal_changes_share_a_call() -> None:
    changes = [TagChange(f"i-{n}", "", {}, {"state": "on" if n % 2 else "off"}, frozenset()) for n in range(10)]
    changes.append(TagChange("i-far", "us-east-1", {}, {"state": "on"}, frozenset(["old"])))
    calls = calls_for(PUT, changes, 3)
    assert sorted((call.region, len(call.ids)) for call in calls) == [
        ("", 2),
        ("", 2),
        ("", 3),
        ("", 3),
        ("us-east-1", 1),
    ]
    assert [call.ids for call in calls_for(DROP, changes, 3)] == [("i-far",)]


@pytest.mark.parametrize(
    ("error", "ids", "blamed", "others"),
    [
        (NotFound("The ID 'i-2' does not exist"), ["i-1", "i-2", "i-3"], ["i-2"], [["i-1", "i-3"]]),
        (NotFound("something"), ["i-1", "i-2", "i-3"], [], [["i-1"], ["i-2", "i-3"]]),
        (NotFound("something"), ["i-1"], ["i-1"], []),
        (Throttled("later"), ["i-1", "i-2"], ["i-1", "i-2"], []),
        (Denied("no"), ["i-1", "i-2"], [], [["i-1"], ["i-2"]]),
    ],
    ids=["named", "halves", "alone", "throttled", "denied"],
)
def test_split(error: CloudOpsError, ids: list[str], blamed: list[str], others: list[list[str]]) -> None:
    assert split_ids(error, ids) == (blamed, others)


TAGS = st.dictionaries(st.sampled_from("abc"), st.sampled_from("12"), max_size=3)


@given(tags=TAGS, before=TAGS, remove=st.sets(st.sampled_from("abc")), purge=st.booleans())
def test_a_second_change_is_none(tags: dict[str, str], before: dict[str, str], remove: set[str], purge: bool) -> None:
    asked = wish(tags, tuple(remove - set(tags)))
    after = change_of(asked, before, purge=purge).after
    assert not change_of(asked, after, purge=purge)
    assert tags.items() <= after.items()
