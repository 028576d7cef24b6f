# Copyright (c) 2026 cloudops.core contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The options of s3_bucket: what a task means, and what is refused before the first call."""

from __future__ import annotations

import json
from typing import Any

import pytest
from ansible_collections.cloudops.core.plugins.module_utils._core.errors import Invalid
from ansible_collections.cloudops.core.plugins.module_utils._domain.bucket_options import (
    check_options,
    check_query,
    settings_from,
)
from hypothesis import given

from tests.unit.bucket_strategies import module_options, tasks

DEFAULT = {"algorithm": "AES256", "key_id": None, "bucket_key_enabled": False}
RETENTION = {"mode": "GOVERNANCE", "days": 30}
STATEMENT = {"Effect": "Deny", "Principal": "*", "Action": "s3:*", "Resource": "*"}


def settings(**task: Any) -> dict[str, Any]:
    return settings_from(module_options(**task), DEFAULT)


# ---- what a task means


def test_nothing_given_is_nothing_asked() -> None:
    assert settings() == {}


@pytest.mark.parametrize(
    ("task", "expected"),
    [
        pytest.param({"tags": {}}, {"tags": {"tags": {}, "purge": True}}, id="no tags"),
        pytest.param(
            {"tags": {"a": 1, "b": True, "c": None, "d": "x", "e": 1.5}, "purge_tags": False},
            {"tags": {"tags": {"a": "1", "b": "true", "c": "", "d": "x", "e": "1.5"}, "purge": False}},
            id="tags are text",
        ),
        pytest.param({"resource_tags": {"a": "b"}}, {"tags": {"tags": {"a": "b"}, "purge": True}}, id="tags by alias"),
        pytest.param({"purge_tags": True}, {}, id="purging alone"),
        pytest.param({"versioning": True}, {"versioning": "enabled"}, id="versioning true"),
        pytest.param({"versioning": "true"}, {"versioning": "enabled"}, id="versioning 'true'"),
        pytest.param({"versioning": False}, {"versioning": "suspended"}, id="versioning false"),
        pytest.param({"versioning": "enabled"}, {"versioning": "enabled"}, id="versioning enabled"),
        pytest.param({"encryption": "none"}, {"encryption": DEFAULT}, id="no encryption is the provider's own"),
        pytest.param(
            {"encryption": "AES256"},
            {"encryption": {"algorithm": "AES256", "key_id": None, "bucket_key_enabled": None}},
            id="AES256",
        ),
        pytest.param(
            {"encryption": "aws:kms", "encryption_key_id": "alias/a", "bucket_key_enabled": True},
            {"encryption": {"algorithm": "aws:kms", "key_id": "alias/a", "bucket_key_enabled": True}},
            id="KMS",
        ),
        pytest.param({"encryption": "none", "bucket_key_enabled": False}, {"encryption": DEFAULT}, id="no bucket key"),
        pytest.param(
            {"public_access": {"block_public_acls": True, "ignore_public_acls": False}},
            {"public_access": {"block_public_acls": True, "ignore_public_acls": False}},
            id="two flags",
        ),
        pytest.param({"public_access": {}}, {}, id="no flags"),
        pytest.param({"delete_public_access": True}, {"public_access": None}, id="block removed"),
        pytest.param({"delete_public_access": False}, {}, id="block not removed"),
        pytest.param({"object_ownership": "ObjectWriter"}, {"object_ownership": "ObjectWriter"}, id="ownership"),
        pytest.param({"delete_object_ownership": True}, {"object_ownership": None}, id="ownership removed"),
        pytest.param({"delete_object_ownership": False}, {}, id="ownership not removed"),
        pytest.param({"acl": "public-read"}, {"acl": "public-read"}, id="acl"),
        pytest.param({"policy": {}}, {"policy": {"policy": None}}, id="no policy"),
        pytest.param({"policy": {"Statement": []}, "state": "absent"}, None, id="policy without statements"),
        pytest.param(
            {"policy": {"Statement": STATEMENT}}, {"policy": {"policy": {"Statement": STATEMENT}}}, id="policy"
        ),
        pytest.param(
            {"policy": json.dumps({"Statement": STATEMENT})},
            {"policy": {"policy": {"Statement": STATEMENT}}},
            id="policy as text",
        ),
        pytest.param({"deny_insecure_transport": False}, {"policy": {"deny": False}}, id="insecure transport"),
        pytest.param(
            {"object_lock_enabled": True},
            {"object_lock": {"enabled": True, "default_retention": None}},
            id="lock, retention untouched",
        ),
        pytest.param(
            {"object_lock_enabled": True, "object_lock_default_retention": {}},
            {"object_lock": {"enabled": True, "default_retention": {}}},
            id="lock without retention",
        ),
        pytest.param(
            {"object_lock_default_retention": RETENTION},
            {"object_lock": {"enabled": True, "default_retention": RETENTION}},
            id="retention implies the lock",
        ),
        pytest.param(
            {"object_lock_enabled": False}, {"object_lock": {"enabled": False, "default_retention": None}}, id="no lock"
        ),
        pytest.param(
            {"lifecycle_rules": []}, {"lifecycle_rules": {"rules": [], "purge": True}}, id="no lifecycle rules"
        ),
        pytest.param(
            {"lifecycle_rules": [{"expiration": {"days": 1}}], "purge_lifecycle_rules": False},
            {"lifecycle_rules": {"rules": [{"enabled": True, "expiration": {"days": 1}}], "purge": False}},
            id="a lifecycle rule more",
        ),
        pytest.param(
            {"logging": {"target_bucket": "logs"}},
            {"logging": {"target_bucket": "logs", "target_prefix": ""}},
            id="logging",
        ),
        pytest.param(
            {"logging": {"target_bucket": "logs", "target_prefix": "s3/"}},
            {"logging": {"target_bucket": "logs", "target_prefix": "s3/"}},
            id="logging with a prefix",
        ),
        pytest.param({"logging": {"enabled": False, "target_bucket": "logs"}}, {"logging": None}, id="logging off"),
        pytest.param({"cors": []}, {"cors": None}, id="no CORS"),
        pytest.param(
            {
                "cors": [
                    {
                        "allowed_origins": ["*"],
                        "allowed_methods": ["GET"],
                        "allowed_headers": [],
                        "max_age_seconds": 0,
                        "id": "",
                    }
                ]
            },
            {"cors": [{"allowed_origins": ["*"], "allowed_methods": ["GET"], "max_age_seconds": 0}]},
            id="CORS, nothing empty but a 0 that means something",
        ),
        pytest.param({"requester_pays": False}, {"requester_pays": False}, id="owner pays"),
        pytest.param({"accelerate_enabled": True}, {"acceleration": True}, id="acceleration by alias"),
        pytest.param({"rgw": True, "dualstack": True, "force": True}, {}, id="no property at all"),
    ],
)
def test_settings(task: dict[str, Any], expected: dict[str, Any] | None) -> None:
    if expected is None:
        with pytest.raises(Invalid):
            settings(**task)
    else:
        assert settings(**task) == expected


@given(tasks())
def test_a_task_that_makes_sense_is_accepted(task: dict[str, Any]) -> None:
    options = module_options(**task)
    check_options(options)
    settings_from(options, DEFAULT)


# ---- contradictions


@pytest.mark.parametrize(
    ("task", "words"),
    [
        pytest.param({"tags": {"aws:x": "y"}}, "aws:x begins with aws:", id="tag of AWS"),
        pytest.param({"tags": {"AWS:x": "y"}}, "AWS:x begins with aws:", id="tag of AWS in capitals"),
        pytest.param({"encryption_key_id": "alias/a"}, "encryption_key_id needs encryption", id="key alone"),
        pytest.param({"bucket_key_enabled": False}, "bucket_key_enabled needs encryption", id="bucket key alone"),
        pytest.param(
            {"encryption": "AES256", "encryption_key_id": "alias/a"},
            "encryption_key_id doesn't go with encryption: AES256",
            id="a key for AES256",
        ),
        pytest.param(
            {"encryption": "none", "encryption_key_id": "alias/a"}, "encryption: none", id="a key for no encryption"
        ),
        pytest.param(
            {"encryption": "aws:kms:dsse", "bucket_key_enabled": True}, "bucket_key_enabled", id="bucket key with DSSE"
        ),
        pytest.param(
            {"acl": "public-read", "object_ownership": "BucketOwnerEnforced"},
            "acl: public-read contradicts object_ownership",
            id="an ACL where ACLs are off",
        ),
        pytest.param(
            {"object_lock_enabled": True, "versioning": "suspended"},
            "object_lock_enabled contradicts versioning",
            id="lock without versions",
        ),
        pytest.param(
            {"object_lock_enabled": False, "object_lock_default_retention": RETENTION},
            "object_lock_default_retention contradicts",
            id="retention without lock",
        ),
        pytest.param({"object_lock_default_retention": {"days": 1}}, "needs mode", id="retention without mode"),
        pytest.param(
            {"object_lock_default_retention": {"mode": "GOVERNANCE"}},
            "either days or years",
            id="retention of no length",
        ),
        pytest.param(
            {"object_lock_default_retention": {**RETENTION, "years": 1}}, "either days or years", id="two lengths"
        ),
        pytest.param(
            {"object_lock_default_retention": {**RETENTION, "days": 0}}, "the shortest is 1", id="retention of 0 days"
        ),
        pytest.param({"logging": {"enabled": True}}, "logging needs target_bucket", id="logging to nowhere"),
        pytest.param(
            {"name": "a.b.c", "acceleration": True}, "acceleration isn't possible", id="acceleration with dots"
        ),
        pytest.param({"policy": "{"}, "policy is not valid JSON", id="policy cut off"),
        pytest.param({"policy": "[]"}, "policy must be a JSON object", id="policy is a list"),
        pytest.param({"lifecycle_rules": [{"id": "x"}]}, "lifecycle_rules[0] (id x) does nothing", id="idle rule"),
    ],
)
def test_contradictions(task: dict[str, Any], words: str) -> None:
    with pytest.raises(Invalid) as caught:
        settings(**task)
    assert words in str(caught.value)


@pytest.mark.parametrize("acceleration", [False, None])
def test_a_dot_matters_only_where_acceleration_is_on(acceleration: bool | None) -> None:
    settings(name="a.b.c", acceleration=acceleration)


# ---- what can be checked before anything else


@pytest.mark.parametrize(
    "task",
    [
        pytest.param({}, id="just a name"),
        pytest.param({"name": "Under_Score", "validate_bucket_name": False}, id="a name of other rules"),
        pytest.param({"state": "empty", "prefix": "a/", "older_than": "1d", "noncurrent_only": True}, id="narrowed"),
        pytest.param({"state": "empty", "max_objects": 0}, id="none may go"),
        pytest.param({"state": "absent", "force": True, "batch_size": 1000, "concurrency": 1}, id="bounds"),
        pytest.param({"state": "absent", "prefix": "", "noncurrent_only": False}, id="narrowed by nothing"),
    ],
)
def test_options_that_go_together(task: dict[str, Any]) -> None:
    check_options(module_options(**task))


@pytest.mark.parametrize(
    ("task", "words"),
    [
        pytest.param({"name": ""}, "name is empty", id="no name"),
        pytest.param({"name": "", "validate_bucket_name": False}, "name is empty", id="no name, whatever the rules"),
        pytest.param({"name": "Bucket"}, "not a valid bucket name", id="capital"),
        pytest.param({"state": "absent", "prefix": "tmp/"}, "prefix only goes with state: empty", id="absent below"),
        pytest.param({"state": "absent", "older_than": "30d"}, "older_than only goes", id="absent if old"),
        pytest.param({"state": "absent", "noncurrent_only": True}, "noncurrent_only only goes", id="absent in part"),
        pytest.param({"state": "present", "older_than": "30d"}, "not with state: present", id="present if old"),
        pytest.param({"state": "absent", "force": True, "older_than": "30d"}, "older_than", id="forced if old"),
        pytest.param(
            {"state": "empty", "max_objects": -1}, "max_objects is -1; the smallest possible is 0", id="limit"
        ),
        pytest.param({"concurrency": 0}, "concurrency is 0; the smallest possible is 1", id="no requests"),
        pytest.param({"batch_size": 0}, "batch_size is 0; the smallest possible is 1", id="no keys"),
        pytest.param({"batch_size": 1001}, "at most 1000", id="too many keys"),
    ],
)
def test_options_that_dont(task: dict[str, Any], words: str) -> None:
    with pytest.raises(Invalid) as caught:
        check_options(module_options(**task))
    assert words in str(caught.value)


@pytest.mark.parametrize("option", ["prefix", "older_than", "noncurrent_only"])
def test_a_narrowing_option_is_never_ignored(option: str) -> None:
    """An option that narrows, ignored, would delete more than was asked."""
    value = {"prefix": "a", "older_than": "1d", "noncurrent_only": True}[option]
    for state in ("present", "absent"):
        with pytest.raises(Invalid, match=option):
            check_options(module_options(state=state, **{option: value}))


# ---- queries


def query(**options: Any) -> dict[str, Any]:
    return {"names": None, "name_prefix": "", "concurrency": 16, **options}


@pytest.mark.parametrize(
    "options",
    [
        pytest.param({}, id="all buckets"),
        pytest.param({"names": ["a", "b"], "concurrency": 1}, id="two buckets, one after the other"),
        pytest.param({"names": []}, id="an empty list names no bucket"),
        pytest.param({"name_prefix": "logs-"}, id="a prefix"),
    ],
)
def test_queries(options: dict[str, Any]) -> None:
    check_query(query(**options))


@pytest.mark.parametrize(
    ("options", "words"),
    [
        pytest.param({"names": ["a"], "name_prefix": "b"}, "names and name_prefix exclude each other", id="both"),
        pytest.param({"names": [], "name_prefix": "b"}, "exclude each other", id="both, and no name"),
        pytest.param({"names": ["a", ""]}, "names has an empty name", id="a name that came out empty"),
        pytest.param({"concurrency": 0}, "concurrency is 0; the smallest possible is 1", id="no requests"),
    ],
)
def test_queries_that_cant_be_meant(options: dict[str, Any], words: str) -> None:
    with pytest.raises(Invalid) as caught:
        check_query(query(**options))
    assert words in str(caught.value)
