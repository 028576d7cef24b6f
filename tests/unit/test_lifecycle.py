# Copyright (c) 2026 cloudops.core contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Lifecycle rules: one normal form, the same on both ends of the wire, and nothing written twice."""

from __future__ import annotations

import copy
from datetime import date, datetime, timedelta, timezone
from typing import Any

import pytest
from ansible_collections.cloudops.core.plugins.module_utils._aws.s3_shapes import (
    lifecycle_rules_in,
    lifecycle_rules_out,
)
from ansible_collections.cloudops.core.plugins.module_utils._core.errors import Invalid
from ansible_collections.cloudops.core.plugins.module_utils._domain.lifecycle import (
    canonical,
    iso_date,
    normalise,
    resolve,
)
from hypothesis import given
from hypothesis import strategies as st

from tests.unit.bucket_strategies import LIFECYCLE_RULES, module_options
from tests.unit.wire import sent_and_answered

Rule = dict[str, Any]


def given_to_module(rules: list[Rule]) -> list[Rule]:
    """Rules as the module gets them: Ansible fills what isn't given with None."""
    return list(module_options(lifecycle_rules=rules)["lifecycle_rules"])


def stored(rules: list[Rule] | None) -> list[Rule] | None:
    """Rules as the service gives them back: each has an id."""
    if rules is None:
        return None
    read = lifecycle_rules_in(
        sent_and_answered(
            "PutBucketLifecycleConfiguration", lifecycle_rules_out(rules), "GetBucketLifecycleConfiguration"
        )
    )
    return [{"id": f"made-up-{index}", **rule} for index, rule in enumerate(read)]


def rule(**fields: Any) -> Rule:
    """The simplest rule in normal form, with more fields."""
    return {"id": "r", "enabled": True, "expiration": {"days": 30}, **fields}


# ---- normal form


@given(rules=LIFECYCLE_RULES)
def test_the_normal_form_is_one(rules: list[Rule]) -> None:
    once = normalise(given_to_module(rules))
    assert normalise(once) == once


@given(rules=LIFECYCLE_RULES)
def test_the_normal_form_comes_back_from_the_service(rules: list[Rule]) -> None:
    once = normalise(given_to_module(rules))
    assert (lifecycle_rules_in(lifecycle_rules_out(once)["LifecycleConfiguration"]) or []) == once
    read = stored(once) if once else []
    assert read == [{"id": f"made-up-{index}", **rule} for index, rule in enumerate(once)]


@given(rules=LIFECYCLE_RULES)
def test_normalising_changes_nothing_in_place(rules: list[Rule]) -> None:
    before = copy.deepcopy(rules)
    normalise(rules)
    assert rules == before


@given(rules=LIFECYCLE_RULES)
def test_the_normal_form_says_nothing_empty(rules: list[Rule]) -> None:
    for found in normalise(given_to_module(rules)):
        assert isinstance(found.pop("enabled"), bool)
        assert all(value is not None and value != [] and value != {} and value != "" for value in found.values())


@pytest.mark.parametrize(
    ("fields", "normal"),
    [
        pytest.param({"enabled": False}, {"enabled": False}, id="disabled"),
        pytest.param({"prefix": ""}, {}, id="an empty prefix is none"),
        pytest.param({"tags": {}}, {}, id="no tags"),
        pytest.param({"tags": {"a": 1, 2: "b"}}, {"tags": {"a": "1", "2": "b"}}, id="tags are text"),
        pytest.param({"tags": {"a": True}}, {"tags": {"a": "true"}}, id="YAML's true is the text true"),
        pytest.param({"tags": {"a": None}}, {"tags": {"a": ""}}, id="a tag without a value is empty"),
        pytest.param(
            {"object_size_greater_than": 0}, {"object_size_greater_than": 0}, id="over 0 bytes is a condition"
        ),
        pytest.param({"transitions": []}, {}, id="no transitions"),
        pytest.param(
            {"transitions": [{"days": 0, "date": None, "storage_class": "GLACIER"}]},
            {"transitions": [{"days": 0, "storage_class": "GLACIER"}]},
            id="a transition at once",
        ),
        pytest.param(
            {"noncurrent_version_transitions": [{"noncurrent_days": 0, "storage_class": "INTELLIGENT_TIERING"}]},
            {"noncurrent_version_transitions": [{"noncurrent_days": 0, "storage_class": "INTELLIGENT_TIERING"}]},
            id="a noncurrent transition at once",
        ),
        pytest.param(
            {"noncurrent_version_expiration": {"noncurrent_days": None, "newer_noncurrent_versions": None}},
            {},
            id="an action without options",
        ),
        pytest.param(
            {"transitions": [{"days": 90, "storage_class": "GLACIER"}, {"days": 30, "storage_class": "STANDARD_IA"}]},
            {"transitions": [{"days": 30, "storage_class": "STANDARD_IA"}, {"days": 90, "storage_class": "GLACIER"}]},
            id="transitions in order",
        ),
    ],
)
def test_normalise(fields: Rule, normal: Rule) -> None:
    assert normalise([rule(**fields)]) == [rule(**normal)]


def test_a_rule_acts_unless_it_is_disabled() -> None:
    assert normalise([{"expiration": {"days": 1}}]) == [{"enabled": True, "expiration": {"days": 1}}]


# ---- what the service would reject
# https://docs.aws.amazon.com/AmazonS3/latest/userguide/intro-lifecycle-rules.html


@pytest.mark.parametrize(
    ("rules", "words"),
    [
        pytest.param([{"id": "x"}], "lifecycle_rules[0] (id x) does nothing", id="no action"),
        pytest.param([{"prefix": "p", "transitions": []}], "lifecycle_rules[0] does nothing", id="empty action"),
        pytest.param(
            [{"expiration": {"expired_object_delete_marker": False}}], "does nothing", id="expiration of nothing"
        ),
        pytest.param([rule(), rule()], "more than one rule with id r", id="id twice"),
        pytest.param([rule(id="x" * 256)], "255 characters", id="long id"),
        pytest.param(
            [{"enabled": True, "expiration": {"days": 1}}] * 1001, "1001 rules; a bucket takes at most 1000", id="many"
        ),
        pytest.param([rule(), rule(id="s", expiration={"days": 0})], "lifecycle_rules[1] (id s)", id="names the rule"),
        pytest.param([rule(expiration={"days": 0})], "expiration.days is 0", id="expiration at once"),
        pytest.param([rule(expiration={"days": -1})], "days is -1", id="expiration before it was written"),
        pytest.param([rule(expiration={"days": 1, "date": "2030-01-01"})], "both days and date", id="days and date"),
        pytest.param([rule(expiration={"date": "soon"})], "'soon' is not a date", id="no date"),
        pytest.param([rule(expiration={"date": "2030-01-01T12:00:00Z"})], "midnight UTC", id="noon"),
        pytest.param(
            [rule(expiration={"days": 1, "expired_object_delete_marker": True})],
            "expired_object_delete_marker",
            id="delete markers and days",
        ),
        pytest.param(
            [rule(expiration={"expired_object_delete_marker": True}, tags={"a": "b"})],
            "expired_object_delete_marker",
            id="delete markers by tag",
        ),
        pytest.param(
            [rule(abort_incomplete_multipart_upload_days=1, tags={"a": "b"})],
            "can't be filtered by tags",
            id="uploads by tag",
        ),
        pytest.param(
            [rule(abort_incomplete_multipart_upload_days=0)],
            "abort_incomplete_multipart_upload_days",
            id="uploads at once",
        ),
        pytest.param(
            [rule(noncurrent_version_expiration={"noncurrent_days": 0})],
            "noncurrent_days is 0",
            id="noncurrent at once",
        ),
        pytest.param(
            [rule(noncurrent_version_expiration={"newer_noncurrent_versions": 3})],
            "needs noncurrent_days",
            id="noncurrent without days",
        ),
        pytest.param(
            [rule(noncurrent_version_expiration={"noncurrent_days": 1, "newer_noncurrent_versions": 0})],
            "newer_noncurrent_versions is 0",
            id="keep none",
        ),
        pytest.param(
            [rule(transitions=[{"storage_class": "GLACIER"}])], "transitions[0] needs exactly one", id="no time"
        ),
        pytest.param(
            [rule(transitions=[{"days": -1, "storage_class": "GLACIER"}])], "days is -1", id="transition in the past"
        ),
        pytest.param(
            [rule(transitions=[{"days": 1, "date": "2030-01-01", "storage_class": "GLACIER"}])],
            "both days and date",
            id="transition by days and date",
        ),
        pytest.param(
            [rule(noncurrent_version_transitions=[{"storage_class": "GLACIER"}])],
            "noncurrent_version_transitions[0]",
            id="noncurrent transition without days",
        ),
        pytest.param(
            [rule(object_size_greater_than=10, object_size_less_than=10)], "no size is over 10", id="no size at all"
        ),
        pytest.param([rule(object_size_greater_than=10, object_size_less_than=11)], "under 11", id="no size between"),
    ],
)
def test_refuses(rules: list[Rule], words: str) -> None:
    with pytest.raises(Invalid) as caught:
        normalise(rules)
    assert words in str(caught.value)


@pytest.mark.parametrize(
    "rules",
    [
        pytest.param([{"expiration": {"days": 1}}] * 1000, id="as many as a bucket takes"),
        pytest.param([rule(id="x" * 255)], id="the longest id"),
        pytest.param([rule(expiration={"days": 1})], id="the shortest expiration"),
        pytest.param([rule(abort_incomplete_multipart_upload_days=1)], id="the shortest wait for uploads"),
        pytest.param([rule(object_size_greater_than=10, object_size_less_than=12)], id="one size"),
        pytest.param(
            [rule(noncurrent_version_expiration={"noncurrent_days": 1, "newer_noncurrent_versions": 1})], id="keep one"
        ),
        pytest.param(
            [rule(expiration={"expired_object_delete_marker": True}, prefix="p")], id="delete markers by prefix"
        ),
        pytest.param([{"expiration": {"days": 1}}, {"expiration": {"days": 1}}], id="two without an id"),
    ],
)
def test_takes_what_the_service_takes(rules: list[Rule]) -> None:
    assert len(normalise(rules)) == len(rules)


# ---- dates


@pytest.mark.parametrize(
    "value",
    [
        "2030-01-31",
        "2030-01-31T00:00:00",
        "2030-01-31T00:00:00Z",
        "2030-01-31 00:00:00+00:00",
        "2030-01-31T02:00:00+02:00",
        "2030-01-30T19:00:00-05:00",
        "2030-01-31T00:00:00.000Z",
        date(2030, 1, 31),
        datetime(2030, 1, 31),  # noqa: DTZ001 - YAML dates come without a zone
        datetime(2030, 1, 31, tzinfo=timezone.utc),
        datetime(2030, 1, 31, 5, 30, tzinfo=timezone(timedelta(hours=5, minutes=30))),
    ],
    ids=str,
)
def test_dates(value: Any) -> None:
    assert iso_date(value) == "2030-01-31"


@pytest.mark.parametrize(
    "value",
    [
        "",
        "31.01.2030",
        "2030-02-30",
        "2030-01-31T00:00:01Z",
        "2030-01-31T00:00:00+01:00",
        "0001-01-01T00:00:00+01:00",
        "9999-12-31T23:00:00-01:00",
        20300131.5,
        datetime(2030, 1, 31, 0, 0, 0, 1, tzinfo=timezone.utc),
    ],
    ids=str,
)
def test_no_dates(value: Any) -> None:
    with pytest.raises(Invalid) as caught:
        iso_date(value)
    assert "YYYY-MM-DD" in caught.value.hint


@given(st.dates())
def test_every_date_is_itself(day: date) -> None:
    assert iso_date(day) == iso_date(day.isoformat()) == day.isoformat()


# ---- the whole set


@given(current=LIFECYCLE_RULES, asked=LIFECYCLE_RULES, purge=st.booleans())
def test_what_was_written_isnt_written_again(current: list[Rule], asked: list[Rule], purge: bool) -> None:
    wanted = normalise(given_to_module(asked))
    once = stored(resolve(stored(normalise(current) or None), wanted, purge))
    assert canonical(resolve(once, wanted, purge)) == canonical(once)


@given(current=LIFECYCLE_RULES, asked=LIFECYCLE_RULES)
def test_purging_leaves_just_what_was_asked(current: list[Rule], asked: list[Rule]) -> None:
    wanted = normalise(asked)
    result = resolve(stored(normalise(current) or None), wanted, True) or []
    assert [{**found, "id": None} for found in result] == [{**found, "id": None} for found in wanted]
    assert [found.get("id", got["id"]) for found, got in zip(wanted, result, strict=True) if "id" in got] == [
        got["id"] for got in result if "id" in got
    ]


@given(current=LIFECYCLE_RULES, asked=LIFECYCLE_RULES)
def test_without_purging_rules_are_added_and_replaced_by_id(current: list[Rule], asked: list[Rule]) -> None:
    existing = stored(normalise(current) or None) or []
    wanted = normalise(asked)
    result = resolve(existing, wanted, False) or []
    named = {found["id"] for found in wanted if "id" in found}
    assert all(found in result for found in existing if found["id"] not in named)
    assert all(found in result for found in wanted if "id" in found)
    ids = [found["id"] for found in result if "id" in found]
    assert len(ids) == len(set(ids))


@given(rules=LIFECYCLE_RULES, random=st.randoms(use_true_random=True))
def test_the_order_means_nothing(rules: list[Rule], random: Any) -> None:
    wanted = normalise(rules)
    shuffled = random.sample(wanted, len(wanted))
    assert canonical(shuffled) == canonical(wanted)
    assert canonical(resolve(stored(wanted or None), shuffled, True)) == canonical(stored(wanted or None))


@pytest.mark.parametrize(
    ("current", "asked", "purge", "wanted"),
    [
        pytest.param(None, [], True, None, id="nothing of nothing"),
        pytest.param([rule()], [], True, None, id="all go"),
        pytest.param([rule()], [], False, [rule()], id="all stay"),
        pytest.param(
            [rule(id="made-up")],
            [{"enabled": True, "expiration": {"days": 30}}],
            True,
            [rule(id="made-up")],
            id="a rule without an id takes over the one that says the same",
        ),
        pytest.param(
            [rule(id="a"), rule(id="b")],
            [{"enabled": True, "expiration": {"days": 30}}] * 2,
            True,
            [rule(id="a"), rule(id="b")],
            id="two alike take over one each",
        ),
        pytest.param(
            [rule(id="a")],
            [{"enabled": True, "expiration": {"days": 30}}, rule(id="a", prefix="p")],
            True,
            [{"enabled": True, "expiration": {"days": 30}}, rule(id="a", prefix="p")],
            id="an id that is asked for elsewhere isn't taken over",
        ),
        pytest.param(
            [rule(id="a"), rule(id="b", prefix="b")],
            [rule(id="b", prefix="c")],
            False,
            [rule(id="a"), rule(id="b", prefix="c")],
            id="one is replaced, the other stays",
        ),
    ],
)
def test_resolve(current: list[Rule] | None, asked: list[Rule], purge: bool, wanted: list[Rule] | None) -> None:
    assert resolve(current, asked, purge) == wanted


@pytest.mark.parametrize(
    "other",
    [
        rule(enabled=False),
        rule(prefix="a"),
        rule(id="s"),
        rule(expiration={"days": 31}),
        rule(tags={"a": ""}),
        rule(object_size_greater_than=0),
        rule(abort_incomplete_multipart_upload_days=1),
    ],
    ids=str,
)
def test_rules_that_mean_something_else_differ(other: Rule) -> None:
    assert canonical([other]) != canonical([rule()])
