# Copyright (c) 2026 cloudops.core contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What is wanted of a bucket of Cloud Storage, and the plan that leads there: tables of plain values."""

from __future__ import annotations

from typing import Any

import pytest
from ansible_collections.cloudops.core.plugins.module_utils._core.errors import CloudOpsError, Conflict, Invalid
from ansible_collections.cloudops.core.plugins.module_utils._domain import gcs_lifecycle
from ansible_collections.cloudops.core.plugins.module_utils._domain.buckets import (
    ABSENT,
    VALUE,
    Bucket,
    Desired,
    Reading,
)
from ansible_collections.cloudops.core.plugins.module_utils._domain.gcs_options import (
    check_name,
    check_options,
    parse_period,
    settings_from,
)
from ansible_collections.cloudops.core.plugins.module_utils._domain.gcs_properties import (
    GCS_PROPERTIES,
    check_location,
    plan_bucket,
)

NOTHING: dict[str, Any] = {
    "name": "bucket-one",
    "state": "present",
    "validate_bucket_name": True,
    "location": None,
    **dict.fromkeys(GCS_PROPERTIES),
    "purge_labels": True,
    "prefix": "",
    "older_than": None,
    "noncurrent_only": False,
    "max_objects": None,
    "concurrency": 16,
    "batch_size": None,
}
KEY = "projects/p/locations/eu/keyRings/r/cryptoKeys/k"
DELETE_OLD = {"action": {"type": "Delete"}, "condition": {"age": 30}}


def options(**given: Any) -> dict[str, Any]:
    return {**NOTHING, **given}


def bucket(location: str = "EU", **values: Any) -> Bucket:
    """A bucket with those values; what isn't named isn't configured."""
    readings = {
        name: Reading(VALUE, values[name]) if values.get(name) is not None else Reading(ABSENT)
        for name in GCS_PROPERTIES
    }
    return Bucket("bucket-one", location, readings)


# ------------------------------------------------------------------------------------------------------------- settings


def test_an_option_that_is_not_given_asks_for_nothing() -> None:
    assert settings_from(options()) == {}


@pytest.mark.parametrize(
    ("given", "name", "value"),
    [
        ({"labels": {"a": 1, "b": True}}, "labels", {"labels": {"a": "1", "b": "true"}, "purge": True}),
        ({"labels": {}, "purge_labels": False}, "labels", {"labels": {}, "purge": False}),
        ({"versioning": "true"}, "versioning", "enabled"),
        ({"versioning": "false"}, "versioning", "suspended"),
        ({"versioning": "enabled"}, "versioning", "enabled"),
        ({"retention_period": "30d"}, "retention_period", 30 * 86400),
        ({"retention_period": "3600"}, "retention_period", 3600),
        ({"retention_period": "0"}, "retention_period", 0),
        ({"soft_delete_retention": "0"}, "soft_delete_retention", None),
        ({"soft_delete_retention": "1w"}, "soft_delete_retention", 604800),
        ({"soft_delete_retention": "90d"}, "soft_delete_retention", 7776000),
        ({"default_kms_key_name": "none"}, "default_kms_key_name", None),
        ({"default_kms_key_name": KEY}, "default_kms_key_name", KEY),
        ({"logging": {"enabled": False, "log_bucket": None, "log_object_prefix": None}}, "logging", None),
        (
            {"logging": {"enabled": True, "log_bucket": "logs", "log_object_prefix": None}},
            "logging",
            {"log_bucket": "logs", "log_object_prefix": "bucket-one"},
        ),
        ({"website": {"main_page_suffix": None, "not_found_page": None}}, "website", None),
        (
            {"website": {"main_page_suffix": "index.html", "not_found_page": None}},
            "website",
            {"main_page_suffix": "index.html"},
        ),
        ({"cors": []}, "cors", None),
        (
            {"cors": [{"origin": ["*"], "method": ["GET"], "response_header": None, "max_age_seconds": None}]},
            "cors",
            [{"origin": ["*"], "method": ["GET"]}],
        ),
        ({"lifecycle_rules": []}, "lifecycle_rules", None),
        ({"requester_pays": False}, "requester_pays", False),
        ({"storage_class": "NEARLINE"}, "storage_class", "NEARLINE"),
    ],
)
def test_options_in_normal_form(given: dict[str, Any], name: str, value: Any) -> None:
    assert settings_from(options(**given)) == {name: value}


@pytest.mark.parametrize(
    ("given", "words"),
    [
        ({"labels": {"Team": "x"}}, ["labels", "'Team'", "lower-case"]),
        ({"labels": {"1st": "x"}}, ["labels", "'1st'"]),
        ({"labels": {"": "x"}}, ["labels"]),
        ({"labels": {"cloudops.core/x": "y"}}, ["labels", "cloudops.core/x"]),
        ({"labels": {"team": "Big Money"}}, ["labels", "'Big Money'", "team"]),
        ({"labels": {"team": "x" * 64}}, ["labels", "63"]),
        ({"labels": {f"l{n}": "" for n in range(65)}}, ["labels", "65", "64"]),
        ({"retention_period": "-1"}, ["retention_period", "'-1'", "30d"]),
        ({"retention_period": "a while"}, ["retention_period", "a while"]),
        ({"retention_period": "101y"}, ["retention_period"]),
        ({"retention_period": "5300w"}, ["retention_period", "100 years"]),
        ({"soft_delete_retention": "6d"}, ["soft_delete_retention", "7d", "90d"]),
        ({"soft_delete_retention": "91d"}, ["soft_delete_retention", "7d", "90d"]),
        ({"default_kms_key_name": ""}, ["default_kms_key_name", "none"]),
        ({"default_kms_key_name": f"{KEY}/cryptoKeyVersions/1"}, ["default_kms_key_name", "version"]),
        ({"logging": {"enabled": True, "log_bucket": None, "log_object_prefix": "x"}}, ["logging", "log_bucket"]),
        ({"logging": {"enabled": False, "log_bucket": "x", "log_object_prefix": None}}, ["logging", "enabled"]),
        ({"cors": [{"origin": [], "method": ["GET"]}]}, [r"cors[0].origin", "*"]),
        ({"cors": [{"origin": ["*"], "method": ["GET"], "max_age_seconds": -1}]}, ["max_age_seconds", "-1"]),
    ],
)
def test_settings_that_cannot_be_meant(given: dict[str, Any], words: list[str]) -> None:
    with pytest.raises(Invalid) as caught:
        settings_from(options(**given))
    assert all(word in str(caught.value) for word in words), str(caught.value)


@pytest.mark.parametrize("text", ["", "3.5d", "1 d d", "d", "1e9", "1234567890123"])
def test_periods_that_are_none(text: str) -> None:
    with pytest.raises(Invalid, match="x is"):
        parse_period(text, "x")


@pytest.mark.parametrize(
    ("given", "words"),
    [
        ({"name": ""}, ["name is empty"]),
        ({"name": "UPPER"}, ["lower-case", "validate_bucket_name"]),
        ({"location": ""}, ["location"]),
        ({"location": "europe west3"}, ["location", "europe-west3"]),
        ({"prefix": "x"}, ["prefix", "state: empty"]),
        ({"state": "absent", "noncurrent_only": True}, ["noncurrent_only", "state: empty"]),
        ({"max_objects": -1}, ["max_objects", "0"]),
        ({"concurrency": 0}, ["concurrency", "1"]),
        ({"batch_size": 101}, ["batch_size", "100"]),
        ({"batch_size": 0}, ["batch_size", "1"]),
    ],
)
def test_options_that_cannot_be_meant(given: dict[str, Any], words: list[str]) -> None:
    with pytest.raises(Invalid) as caught:
        check_options(options(**given))
    assert all(word in str(caught.value) for word in words), str(caught.value)


@pytest.mark.parametrize(
    "name", ["abc", "a-b_c.d", "example.com", "0ab", "a" * 63, ".".join(["a" * 63] * 3), "reports_2026"]
)
def test_good_names(name: str) -> None:
    check_name(name)


@pytest.mark.parametrize(
    ("name", "word"),
    [
        ("ab", "3 to 63"),
        ("a" * 64, "3 to 63"),
        ("a." * 112, "222"),
        ("-abc", "both ends"),
        ("abc_", "both ends"),
        ("Abc", "lower-case"),
        ("a b", "lower-case"),
        ("bücket", "lower-case"),
        ("two..dots", "between dots"),
        (f"{'a' * 64}.b", "between dots"),
        ("192.168.5.4", "IP address"),
        ("goog-things", "goog"),
        ("my-g00gle-things", "google"),
        ("gs://bucket", "lower-case"),
    ],
)
def test_bad_names(name: str, word: str) -> None:
    with pytest.raises(Invalid, match=word):
        check_name(name)


# ------------------------------------------------------------------------------------------------------ lifecycle rules


def test_rules_in_normal_form() -> None:
    rule = {
        "action": {"type": "SetStorageClass", "storage_class": "COLDLINE"},
        "condition": {
            "age": 0,
            "created_before": "2026-01-01",
            "is_live": False,
            "matches_prefix": ["b", "a", "b"],
            "matches_suffix": [],
            "num_newer_versions": None,
        },
    }
    condition = {"age": 0, "created_before": "2026-01-01", "is_live": False, "matches_prefix": ["a", "b"]}
    assert gcs_lifecycle.normalise([rule, rule]) == [{"action": rule["action"], "condition": condition}]


@pytest.mark.parametrize(
    ("rule", "words"),
    [
        ({"action": {"type": "Delete"}, "condition": {}}, ["condition is empty", "age: 0"]),
        ({"action": {"type": "Delete"}, "condition": {"age": None}}, ["condition is empty"]),
        ({"action": {"type": "Delete"}, "condition": {"age": -1}}, ["age is -1", "0"]),
        ({"action": {"type": "Delete", "storage_class": "NEARLINE"}, "condition": {"age": 1}}, ["storage_class"]),
        ({"action": {"type": "SetStorageClass"}, "condition": {"age": 1}}, ["storage_class is missing"]),
        (
            {"action": {"type": "SetStorageClass", "storage_class": "GLACIER"}, "condition": {"age": 1}},
            ["GLACIER", "COLDLINE"],
        ),
        ({"action": {"type": "Delete"}, "condition": {"matches_storage_class": ["cold"]}}, ["cold"]),
        ({"action": {"type": "Delete"}, "condition": {"created_before": "soon"}}, ["soon", "YYYY-MM-DD"]),
        (
            {"action": {"type": "AbortIncompleteMultipartUpload"}, "condition": {"age": 1, "is_live": True}},
            ["is_live", "unfinished uploads"],
        ),
    ],
)
def test_rules_that_the_service_would_reject(rule: dict[str, Any], words: list[str]) -> None:
    with pytest.raises(Invalid) as caught:
        gcs_lifecycle.normalise([DELETE_OLD, rule])
    assert "lifecycle_rules[1]" in str(caught.value) or "soon" in words[0]
    assert all(word in str(caught.value) for word in words), str(caught.value)


def test_order_means_nothing_to_rules() -> None:
    other = {"action": {"type": "Delete"}, "condition": {"matches_prefix": ["b", "a"]}}
    turned = {"condition": {"matches_prefix": ["a", "b"]}, "action": {"type": "Delete"}}
    assert gcs_lifecycle.canonical([DELETE_OLD, other]) == gcs_lifecycle.canonical([turned, DELETE_OLD, DELETE_OLD])
    assert gcs_lifecycle.canonical(None) is gcs_lifecycle.canonical([]) is None


def test_a_rule_with_something_newer_than_this_collection_is_never_what_is_asked() -> None:
    newer = {"action": {"type": "Delete"}, "condition": {"age": 30, "matches_pattern": "**"}}
    assert gcs_lifecycle.canonical([newer]) != gcs_lifecycle.canonical([DELETE_OLD])


# ---------------------------------------------------------------------------------------------------------------- plans


def plan_of(current: Bucket | None, location: str | None = None, **given: Any) -> Any:
    return plan_bucket(current, Desired("bucket-one", "", settings=settings_from(options(**given))), location)


@pytest.mark.parametrize(
    ("current", "given", "steps"),
    [
        pytest.param(bucket(), {}, [], id="nothing-asked"),
        pytest.param(bucket(labels={"a": "1"}), {"labels": {"a": "1"}}, [], id="same-labels"),
        pytest.param(bucket(labels={"a": "1"}), {"labels": {"b": "2"}}, [("labels", {"b": "2"})], id="purge"),
        pytest.param(
            bucket(labels={"a": "1"}),
            {"labels": {"b": "2"}, "purge_labels": False},
            [("labels", {"a": "1", "b": "2"})],
            id="keep",
        ),
        pytest.param(bucket(labels={"a": "1"}), {"labels": {}}, [("labels", None)], id="all-labels-go"),
        pytest.param(bucket(), {"labels": {}}, [], id="no-labels"),
        pytest.param(bucket(), {"versioning": "suspended"}, [], id="never-versioned"),
        pytest.param(bucket(versioning="enabled"), {"versioning": "suspended"}, [("versioning", "suspended")], id="v"),
        pytest.param(bucket(), {"uniform_bucket_level_access": False}, [], id="not-uniform"),
        pytest.param(bucket(), {"uniform_bucket_level_access": True}, [("uniform_bucket_level_access", True)], id="u"),
        pytest.param(bucket(), {"public_access_prevention": "inherited"}, [], id="inherited"),
        pytest.param(bucket(), {"retention_period": "0"}, [], id="no-retention"),
        pytest.param(
            bucket(retention_period={"seconds": 60, "locked": False}),
            {"retention_period": "0"},
            [("retention_period", None)],
            id="retention-goes",
        ),
        pytest.param(
            bucket(retention_period={"seconds": 60, "locked": True}),
            {"retention_period": "2m"},
            [("retention_period", {"seconds": 120, "locked": True})],
            id="locked-grows",
        ),
        pytest.param(bucket(soft_delete_retention=604800), {"soft_delete_retention": "7d"}, [], id="soft-same"),
        pytest.param(
            bucket(soft_delete_retention=604800),
            {"soft_delete_retention": "0"},
            [("soft_delete_retention", None)],
            id="soft-off",
        ),
        pytest.param(None, {}, [("bucket", None)], id="new"),
        pytest.param(
            None,
            {"soft_delete_retention": "0", "labels": {}, "versioning": "false", "requester_pays": False},
            [("bucket", None), ("requester_pays", False), ("soft_delete_retention", None)],
            id="new-against-defaults",
        ),
        pytest.param(
            bucket(cors=[{"origin": ["a", "b"], "method": ["GET", "PUT"]}]),
            {"cors": [{"origin": ["b", "a"], "method": ["PUT", "GET"]}]},
            [],
            id="cors-order-within",
        ),
    ],
)
def test_steps(current: Bucket | None, given: dict[str, Any], steps: list[tuple[str, Any]]) -> None:
    plan = plan_of(current, **given)
    assert sorted((step.subject, step.value) for step in plan.steps) == sorted(steps)
    assert bool(plan) == bool(steps)


@pytest.mark.parametrize(
    ("asked", "word"),
    [("0", "removed"), ("59", "shorter"), ("60", ""), ("61", "")],
    ids=["go", "shrink", "same", "grow"],
)
def test_a_locked_policy_can_only_grow(asked: str, word: str) -> None:
    current = bucket(retention_period={"seconds": 60, "locked": True})
    if not word:
        plan_of(current, retention_period=asked)
        return
    with pytest.raises(Conflict, match=word) as caught:
        plan_of(current, retention_period=asked)
    assert caught.value.code == "retentionPolicyNotMet"


@pytest.mark.parametrize(("asked", "fits"), [(None, True), ("EU", True), ("eu", True), ("US", False), ("EUR4", False)])
def test_location(asked: str | None, fits: bool) -> None:
    if fits:
        check_location(bucket("EU"), asked)
        return
    with pytest.raises(CloudOpsError, match="is in location EU, not in") as caught:
        plan_of(bucket("EU"), asked)
    assert (caught.value.kind, caught.value.code) == ("conflict", "LocationMismatch")


def test_a_new_bucket_shows_its_location() -> None:
    plan = plan_of(None, "eu", storage_class="NEARLINE")
    assert plan.diff()["before"] == {"state": "absent"}
    assert plan.diff()["after"] == {"state": "present", "location": "EU", "storage_class": "NEARLINE"}
