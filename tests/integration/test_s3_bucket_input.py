# Copyright (c) 2026 cloudops.core contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Bad input and bad surroundings: one message that names the option and the cure, and never a traceback."""

from __future__ import annotations

import json
import re
import socket
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tests.integration.harness import ModuleRunner, Play, Result
from tests.integration.s3 import Client, S3Server, put_all
from tests.servers.fault_proxy import FaultProxy

Run = Callable[..., Result]

RULE = {"id": "r", "expiration": {"days": 3}}
NEVER_CALLED = "http://127.0.0.1:1"
KEYS = {"access_key": "AKIDEXAMPLE", "secret_key": "a-secret-that-nobody-may-see", "region": "us-east-1"}


def expect_message(result: Result, *parts: str) -> None:
    """Check that the message has all parts, is one short text, and carries no Python in it."""
    message = result["msg"]
    for part in parts:
        assert re.search(part, message), f"{part!r} is not in {message!r}"
    assert "Traceback" not in message
    assert "object at 0x" not in message
    assert len(message) < 600, message
    assert "\n" not in message.strip()


# What is wrong by itself: no call is made.

BAD_OPTIONS = [
    # names
    pytest.param({"name": ""}, ["name"], id="empty name"),
    pytest.param({"name": "ab"}, ["'ab'", "3 to 63", "name"], id="short name"),
    pytest.param({"name": "a" * 64}, ["64 characters", "name"], id="long name"),
    pytest.param({"name": "Upper-Case"}, ["lower-case", "name"], id="upper case"),
    pytest.param({"name": "under_score"}, ["hyphens", "name"], id="underscore"),
    pytest.param({"name": "-begins"}, ["both ends", "name"], id="hyphen first"),
    pytest.param({"name": "two..dots"}, ["dots", "name"], id="two dots"),
    pytest.param({"name": "192.168.5.4"}, ["IP address", "name"], id="address"),
    pytest.param({"name": "xn--bucket"}, ["reserved", "name"], id="reserved beginning"),
    pytest.param({"name": "bucket-s3alias"}, ["reserved", "name"], id="reserved ending"),
    pytest.param({"name": "s3://bucket/key"}, ["name"], id="url"),
    pytest.param({"name": "with\nnewline"}, ["name"], id="newline"),
    pytest.param({"name": "bücket"}, ["name"], id="unicode"),
    # lifecycle
    pytest.param(
        {"lifecycle_rules": [RULE, RULE]}, ["lifecycle_rules", "more than one rule with id r", "own"], id="ids twice"
    ),
    pytest.param(
        {"lifecycle_rules": [{"id": "r"}]}, [r"lifecycle_rules\[0\]", "does nothing", "expiration"], id="no action"
    ),
    pytest.param(
        {"lifecycle_rules": [{"id": "r", "expiration": {"days": 3, "date": "2030-01-01"}}]},
        ["days", "date", "one"],
        id="days and date",
    ),
    pytest.param({"lifecycle_rules": [{"id": "r", "expiration": {"days": 0}}]}, ["days", "0"], id="no days"),
    pytest.param({"lifecycle_rules": [{"id": "r", "expiration": {"days": -1}}]}, ["days", "-1"], id="negative days"),
    pytest.param(
        {"lifecycle_rules": [{"id": "r", "expiration": {"date": "tomorrow"}}]}, ["tomorrow", "YYYY-MM-DD"], id="no date"
    ),
    pytest.param(
        {"lifecycle_rules": [{"id": "r", "transitions": [{"storage_class": "GLACIER"}]}]},
        ["transitions", "days"],
        id="transition never",
    ),
    pytest.param(
        {"lifecycle_rules": [{**RULE, "object_size_greater_than": 9, "object_size_less_than": 5}]},
        ["object_size"],
        id="no size fits",
    ),
    pytest.param(
        {"lifecycle_rules": [{"id": "r", "tags": {"a": "b"}, "abort_incomplete_multipart_upload_days": 3}]},
        ["abort_incomplete_multipart_upload_days", "tags"],
        id="uploads by tag",
    ),
    pytest.param({"lifecycle_rules": [{"id": "r" * 256, "expiration": {"days": 1}}]}, ["id", "255"], id="long id"),
    pytest.param({"lifecycle_rules": [{"nonsense": 1}]}, ["nonsense", "lifecycle_rules"], id="unknown rule option"),
    # policy
    pytest.param({"policy": "{not json"}, ["policy", "JSON"], id="unreadable policy"),
    pytest.param({"policy": "[1, 2]"}, ["policy", "object"], id="policy is a list"),
    pytest.param({"policy": '{"Version": "2012-10-17"}'}, ["policy", "Statement"], id="policy without statements"),
    # contradictions
    pytest.param(
        {"encryption": "AES256", "encryption_key_id": "k"}, ["encryption_key_id", "aws:kms"], id="key without kms"
    ),
    pytest.param({"encryption_key_id": "k"}, ["encryption_key_id", "encryption"], id="key alone"),
    pytest.param(
        {"encryption": "AES256", "bucket_key_enabled": True},
        ["bucket_key_enabled", "aws:kms"],
        id="bucket key without kms",
    ),
    pytest.param(
        {"public_access": {"block_public_acls": True}, "delete_public_access": True},
        ["public_access", "delete_public_access"],
        id="public access twice",
    ),
    pytest.param(
        {"object_ownership": "ObjectWriter", "delete_object_ownership": True},
        ["object_ownership", "delete_object_ownership"],
        id="ownership twice",
    ),
    pytest.param(
        {"acl": "public-read", "object_ownership": "BucketOwnerEnforced"},
        ["acl", "object_ownership"],
        id="acl against ownership",
    ),
    pytest.param(
        {"object_lock_enabled": True, "versioning": "suspended"},
        ["object_lock_enabled", "versioning"],
        id="lock without versions",
    ),
    pytest.param(
        {"object_lock_enabled": False, "object_lock_default_retention": {"mode": "GOVERNANCE", "days": 1}},
        ["object_lock_default_retention", "object_lock_enabled"],
        id="retention without lock",
    ),
    pytest.param(
        {"object_lock_default_retention": {"mode": "GOVERNANCE", "days": 1, "years": 1}},
        ["days or years"],
        id="days and years",
    ),
    pytest.param({"object_lock_default_retention": {"days": 1}}, ["mode"], id="retention without mode"),
    pytest.param({"object_lock_default_retention": {"mode": "GOVERNANCE", "days": 0}}, ["0", "1"], id="no retention"),
    pytest.param({"logging": {"target_prefix": "x"}}, ["logging", "target_bucket"], id="logging to nowhere"),
    pytest.param({"public_access": {"block_everything": True}}, ["block_everything"], id="unknown flag"),
    pytest.param({"acceleration": True, "name": "with.dots"}, ["acceleration", "dot"], id="acceleration and dots"),
    pytest.param({"tags": {"aws:mine": "x"}}, ["tags", "aws:", "reserved"], id="reserved tag"),
    pytest.param({"versioning": "off"}, ["versioning", "enabled"], id="unknown versioning"),
    # emptying
    pytest.param({"state": "absent", "prefix": "x/", "force": True}, ["prefix", "state: empty"], id="absent in part"),
    pytest.param(
        {"state": "absent", "older_than": "3d", "force": True}, ["older_than", "state: empty"], id="absent if old"
    ),
    pytest.param(
        {"state": "present", "noncurrent_only": True}, ["noncurrent_only", "state: empty"], id="present in part"
    ),
    pytest.param({"state": "empty", "older_than": "3 days"}, ["older_than", "30d"], id="age in words"),
    pytest.param({"state": "empty", "older_than": "0d"}, ["older_than", "above 0"], id="no age"),
    pytest.param({"state": "empty", "older_than": "99999999999w"}, ["older_than"], id="age before time began"),
    pytest.param({"state": "empty", "max_objects": -1}, ["max_objects", "-1"], id="less than nothing"),
    pytest.param({"state": "empty", "concurrency": 0}, ["concurrency", "0"], id="nobody works"),
    pytest.param({"state": "empty", "batch_size": 1001}, ["batch_size", "1000"], id="large batch"),
    pytest.param({"state": "purged"}, ["state", "present, empty, absent"], id="unknown state"),
    # connection
    pytest.param({"profile": "p"}, ["profile", "access_key"], id="profile and keys"),
    pytest.param({"secret_key": None}, ["access_key", "secret_key"], id="half a key pair"),
    pytest.param({"aws_config": {"nonsense": 1}}, ["aws_config", "nonsense"], id="unknown setting"),
    pytest.param({"endpoint_url": "not a url"}, ["endpoint_url|not a url"], id="no url"),
]


@pytest.mark.parametrize(("params", "parts"), BAD_OPTIONS)
def test_bad_options(run_module: ModuleRunner, params: dict[str, Any], parts: list[str]) -> None:
    given = {"name": "some-bucket", "endpoint_url": NEVER_CALLED, **KEYS, **params}
    given = {name: value for name, value in given.items() if value is not None}
    failed = run_module("s3_bucket", given, fails=True)
    expect_message(failed, *parts)
    assert not failed.get("changed")
    assert failed.get("api_calls", {}) == {} or "endpoint" in str(params), "it should fail before the first call"


def test_names_of_other_servers_are_taken_on_request(s3_bucket: Run, fault_proxy: FaultProxy) -> None:
    fault_proxy.fail("HeadBucket", "NoSuchBucket", 404)
    done = s3_bucket(fault_proxy, name="Under_Score", validate_bucket_name=False, check=True)
    assert done["changed"]


# Surroundings


def test_no_credentials(run_module: ModuleRunner) -> None:
    params = {"name": "some-bucket", "endpoint_url": NEVER_CALLED, "region": "us-east-1"}
    failed = run_module("s3_bucket", params, fails=True)
    expect_message(failed, "credentials", "access_key", "profile")
    assert failed["error"]["kind"] == "denied"


def test_no_region(run_module: ModuleRunner) -> None:
    failed = run_module("s3_bucket", {"name": "some-bucket", "access_key": "a", "secret_key": "b"}, fails=True)
    expect_message(failed, "region", "AWS_REGION")
    assert failed["api_calls"] == {}


@pytest.mark.parametrize("module", ["s3_bucket", "s3_bucket_info"])
def test_unknown_profile(run_module: ModuleRunner, module: str) -> None:
    params = {"name": "some-bucket", "profile": "no-such-profile", "region": "us-east-1"}
    failed = run_module(module, params, fails=True)
    expect_message(failed, "no-such-profile", "profile")


@pytest.mark.parametrize("module", ["s3_bucket", "s3_bucket_info"])
def test_an_endpoint_that_refuses(run_module: ModuleRunner, module: str) -> None:
    with socket.socket() as closed:
        closed.bind(("127.0.0.1", 0))
        port = closed.getsockname()[1]
        params = {**KEYS, "name": "some-bucket", "endpoint_url": f"http://127.0.0.1:{port}"}
        failed = run_module(module, {**params, "aws_config": {"retries": {"total_max_attempts": 2}}}, fails=True)
    expect_message(failed, "endpoint_url", f"127.0.0.1:{port}")


def test_an_endpoint_that_never_answers(run_module: ModuleRunner) -> None:
    with socket.socket() as silent:
        silent.bind(("127.0.0.1", 0))
        silent.listen()
        params = {**KEYS, "name": "some-bucket", "endpoint_url": f"http://127.0.0.1:{silent.getsockname()[1]}"}
        config = {"retries": {"total_max_attempts": 1}, "read_timeout": 1}
        failed = run_module("s3_bucket", {**params, "aws_config": config}, fails=True)
    expect_message(failed, "endpoint_url")
    assert failed["error"]["kind"] == "timeout"


def test_a_bundle_of_authorities_that_is_not_there(run_module: ModuleRunner) -> None:
    with socket.socket() as listening:
        listening.bind(("127.0.0.1", 0))
        listening.listen()
        params: dict[str, Any] = {
            **KEYS,
            "name": "some-bucket",
            "endpoint_url": f"https://127.0.0.1:{listening.getsockname()[1]}",
        }
        params |= {
            "aws_ca_bundle": "/nowhere/ca.pem",
            "aws_config": {"retries": {"total_max_attempts": 1}, "read_timeout": 5},
        }
        failed = run_module("s3_bucket", params, fails=True)
    expect_message(failed, "aws_ca_bundle|/nowhere/ca.pem")


def test_an_endpoint_that_is_no_s3_server(run_module: ModuleRunner, fault_proxy: FaultProxy) -> None:
    fault_proxy.fail(None, "teapot", 418)
    params = {**KEYS, "name": "some-bucket", "endpoint_url": fault_proxy.endpoint}
    expect_message(run_module("s3_bucket", params, fails=True), "some-bucket", "418")


@pytest.mark.parametrize("module", ["s3_bucket", "s3_bucket_info"])
def test_no_boto3(run_module: ModuleRunner, module: str) -> None:
    params = {**KEYS, "name": "some-bucket"}
    failed = run_module(module, params, hide=["boto3", "botocore"], fails=True)
    assert "Failed to import the required Python library (boto3)" in failed["msg"]


def test_wrong_keys(s3_bucket: Run, s3_server: S3Server, fault_proxy: FaultProxy, bucket: str) -> None:
    if not s3_server.live:  # moto takes any keys
        fault_proxy.fail(None, "InvalidAccessKeyId", 403)
    failed = s3_bucket(fault_proxy, name=bucket, secret_key="a-wrong-secret", fails=True)
    expect_message(failed, bucket)
    assert failed["error"]["kind"] == "denied"
    assert "a-wrong-secret" not in json.dumps(failed)


def test_a_policy_that_the_service_refuses(
    s3_bucket: Run, s3_server: S3Server, bucket: str, fault_proxy: FaultProxy
) -> None:
    if not s3_server.live:  # moto takes any policy
        fault_proxy.fail("PutBucketPolicy", "MalformedPolicy", 400, message="Policy has invalid resource")
    policy = {"Version": "2012-10-17", "Statement": [{"Effect": "Perhaps"}]}
    failed = s3_bucket(fault_proxy, name=bucket, policy=policy, fails=True)
    expect_message(failed, "policy", bucket)


# Secrets


def test_credentials_are_never_shown(play: Play, s3_server: S3Server, s3: Client, bucket: str, tmp_path: Path) -> None:
    put_all(s3, bucket, ["a"])
    secrets = {"session_token": "the-session-token", "mfa": "serial-number 654321", "external_id": "the-external-id"}
    given = {"cloudops.core.s3_bucket": {"name": bucket, "state": "empty", **secrets}}
    bad = {
        "cloudops.core.s3_bucket": {
            "name": bucket,
            "secret_key": "the-bad-secret",
            "endpoint_url": NEVER_CALLED,
            "state": "nonsense",
        }
    }
    refused = {
        "cloudops.core.s3_bucket": {
            "name": bucket,
            "secret_key": "the-other-secret",
            "endpoint_url": NEVER_CALLED,
            "aws_config": {"retries": {"total_max_attempts": 1}},
        }
    }
    info = {"cloudops.core.s3_bucket_info": {"names": [bucket], "properties": ["all"]}}
    tasks = [{**task, "ignore_errors": True} for task in (given, bad, refused, info)]
    done = play(*tasks, defaults=s3_server.options, diff=True, verbosity=4)
    assert done.statuses[1:3] == ["failed", "failed"]
    everything = done.output + json.dumps([task.data for task in done.tasks])
    secret_values = [*secrets.values(), "the-bad-secret", "the-other-secret", s3_server.secret_key]
    assert [value for value in secret_values if value in everything] == []
