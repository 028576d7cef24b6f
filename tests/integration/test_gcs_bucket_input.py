# Copyright (c) 2026 cloudops.core contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Bad input, bad surroundings and credentials of every kind: one message that names the option and the cure."""

from __future__ import annotations

import json
import re
import socket
from pathlib import Path
from typing import Any

import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import rsa

from tests.integration.gcs import PROJECT, Run
from tests.integration.harness import ModuleRunner, Play, Result
from tests.servers.gcs import TOKEN_PATH, GcsServer

NEVER_CALLED = "http://127.0.0.1:1"
DELETE_OLD = {"action": {"type": "Delete"}, "condition": {"age": 3}}


def expect_message(result: Result, *parts: str) -> None:
    """Check that the message has all parts, is one short text, and carries no Python in it."""
    message = result["msg"]
    for part in parts:
        assert re.search(part, message), f"{part!r} is not in {message!r}"
    assert "Traceback" not in message
    assert "object at 0x" not in message
    assert len(message) < 700, message
    assert "\n" not in message.strip()


# What is wrong by itself: no call is made. The unit tests have more of each kind.

BAD_OPTIONS = [
    pytest.param({"name": ""}, ["name"], id="empty-name"),
    pytest.param({"name": "Upper"}, ["lower-case", "validate_bucket_name"], id="upper-case"),
    pytest.param({"name": "gs://bucket"}, ["name"], id="url"),
    pytest.param({"name": "with\nnewline"}, ["name"], id="newline"),
    pytest.param({"location": "not a place"}, ["location", "europe-west3"], id="location"),
    pytest.param({"storage_class": "GLACIER"}, ["storage_class", "COLDLINE"], id="class"),
    pytest.param({"labels": {"Team": "x"}}, ["labels", "Team"], id="label"),
    pytest.param({"versioning": "off"}, ["versioning", "enabled"], id="versioning"),
    pytest.param({"lifecycle_rules": [{"action": {"type": "Delete"}}]}, ["condition"], id="rule-without-condition"),
    pytest.param(
        {"lifecycle_rules": [{**DELETE_OLD, "condition": {}}]}, [r"lifecycle_rules\[0\]", "empty"], id="rule-for-all"
    ),
    pytest.param({"lifecycle_rules": [{"id": "r", "expiration": {"days": 3}}]}, ["lifecycle_rules", "action, condition"], id="rule-of-s3"),
    pytest.param({"tags": {"a": "b"}}, ["tags", "labels"], id="tags-of-s3"),
    pytest.param({"encryption": "AES256"}, ["encryption", "default_kms_key_name"], id="encryption-of-s3"),
    pytest.param({"retention_period": "soon"}, ["retention_period", "30d"], id="retention"),
    pytest.param({"soft_delete_retention": "1d"}, ["soft_delete_retention", "7d"], id="soft-delete"),
    pytest.param({"default_kms_key_name": "my-key"}, ["default_kms_key_name", "projects/P"], id="kms"),
    pytest.param({"logging": {}}, ["logging", "log_bucket"], id="logging"),
    pytest.param({"cors": [{"origin": ["*"]}]}, ["method"], id="cors"),
    pytest.param({"state": "absent", "prefix": "x/", "force": True}, ["prefix", "state: empty"], id="absent-in-part"),
    pytest.param({"noncurrent_only": True}, ["noncurrent_only", "state: empty"], id="present-in-part"),
    pytest.param({"state": "empty", "older_than": "3 days"}, ["older_than", "30d"], id="age"),
    pytest.param({"state": "empty", "max_objects": -1}, ["max_objects", "-1"], id="limit"),
    pytest.param({"state": "empty", "concurrency": 0}, ["concurrency", "0"], id="nobody-works"),
    pytest.param({"state": "empty", "batch_size": 101}, ["batch_size", "100"], id="large-batch"),
    pytest.param({"state": "purged"}, ["state", "present, empty, absent"], id="state"),
    pytest.param({"auth_kind": "password"}, ["auth_kind", "serviceaccount"], id="kind"),
    pytest.param({"auth_kind": "accesstoken"}, ["access_token", "GCP_ACCESS_TOKEN"], id="no-token"),
    pytest.param(
        {"access_token": "a-long-token", "service_account_file": "/x"}, ["access_token contradicts"], id="two-kinds"
    ),
    pytest.param({"api_endpoint": "http://example.com"}, ["api_endpoint", "TLS"], id="no-tls"),
    pytest.param({"api_endpoint": "gopher://x"}, ["api_endpoint"], id="no-url"),
    pytest.param({"request_timeout": 0}, ["request_timeout"], id="no-time"),
    pytest.param({"project": None}, ["project", "GCP_PROJECT"], id="no-project"),
]  # fmt: skip


@pytest.mark.parametrize(("params", "parts"), BAD_OPTIONS)
def test_bad_options(run_module: ModuleRunner, gcs: GcsServer, params: dict[str, Any], parts: list[str]) -> None:
    endpoint = gcs.endpoint if "project" in params else NEVER_CALLED
    given = {"name": "some-bucket", "api_endpoint": endpoint, "project": PROJECT, **params}
    failed = run_module("gcs_bucket", {key: value for key, value in given.items() if value is not None}, fails=True)
    expect_message(failed, *parts)
    assert not failed.get("changed")
    assert failed.get("api_calls", {}) == ({"buckets.get": 1} if "project" in params else {})


@pytest.mark.parametrize(
    ("params", "parts"),
    [
        ({"names": ["a"], "name_prefix": "b"}, ["names", "name_prefix"]),
        ({"names": [""]}, ["names", "empty"]),
        ({"concurrency": 0}, ["concurrency"]),
        ({"properties": ["colour"]}, ["properties", "colour"]),
        ({"project": None}, ["project", "GCP_PROJECT"]),
    ],
)
def test_bad_queries(run_module: ModuleRunner, params: dict[str, Any], parts: list[str]) -> None:
    given = {"api_endpoint": NEVER_CALLED, "project": PROJECT, **params}
    given = {key: value for key, value in given.items() if value is not None}
    expect_message(run_module("gcs_bucket_info", given, fails=True), *parts)


def test_names_of_emulators_are_taken_on_request(gcs_bucket: Run) -> None:
    assert gcs_bucket(name="Under_Score", validate_bucket_name=False, check=True)["changed"]


# Surroundings


@pytest.mark.parametrize("module", ["gcs_bucket", "gcs_bucket_info"])
def test_no_sdk(run_module: ModuleRunner, module: str) -> None:
    failed = run_module(module, {"name": "some-bucket"}, hide=["google.cloud"], fails=True)
    assert "Failed to import the required Python library (google-cloud-storage)" in failed["msg"]


def test_an_endpoint_that_refuses(run_module: ModuleRunner) -> None:
    with socket.socket() as closed:
        closed.bind(("127.0.0.1", 0))
        endpoint = f"http://127.0.0.1:{closed.getsockname()[1]}"
        params = {"name": "some-bucket", "api_endpoint": endpoint, "retry_deadline": 0}
        expect_message(run_module("gcs_bucket", params, fails=True), "api_endpoint", "some-bucket")


def test_an_endpoint_that_never_answers(run_module: ModuleRunner) -> None:
    with socket.socket() as silent:
        silent.bind(("127.0.0.1", 0))
        silent.listen()
        endpoint = f"http://127.0.0.1:{silent.getsockname()[1]}"
        params = {"name": "some-bucket", "api_endpoint": endpoint, "retry_deadline": 0, "request_timeout": 1}
        failed = run_module("gcs_bucket", params, fails=True)
    expect_message(failed, "request_timeout")
    assert failed["error"]["kind"] == "timeout"


def test_no_credentials(run_module: ModuleRunner) -> None:
    """Outside Google, with a metadata server that is known not to be there."""
    env = {"GCE_METADATA_HOST": "127.0.0.1:1", "GCE_METADATA_TIMEOUT": "1", "NO_GCE_CHECK": "true"}
    params = {"name": "some-bucket", "api_endpoint": "https://127.0.0.1:1", "auth_kind": "application"}
    failed = run_module("gcs_bucket", params, env=env, fails=True)
    expect_message(failed, "service_account_file", "access_token", "GOOGLE_APPLICATION_CREDENTIALS")
    assert failed["error"]["kind"] == "denied"
    assert failed["api_calls"] == {}


# Credentials


@pytest.fixture(scope="module")
def private_key() -> rsa.RSAPrivateKey:
    return rsa.generate_private_key(public_exponent=65537, key_size=2048)


@pytest.fixture
def account(gcs: GcsServer, private_key: rsa.RSAPrivateKey) -> dict[str, str]:
    """The key of a service account that the server knows, and the server as its token endpoint."""
    email = "robot@project-of-tests.iam.gserviceaccount.com"
    gcs.keys[email] = private_key.public_key()
    gcs.api.tokens["a-good-token"] = "somebody"
    kind = serialization.PrivateFormat.PKCS8
    pem = private_key.private_bytes(serialization.Encoding.PEM, kind, serialization.NoEncryption())
    return {
        "type": "service_account",
        "project_id": PROJECT,
        "private_key_id": "1",
        "private_key": pem.decode(),
        "client_email": email,
        "client_id": "2",
        "token_uri": gcs.endpoint + TOKEN_PATH,
    }


def test_every_kind_of_credentials(
    run_module: ModuleRunner, gcs: GcsServer, account: dict[str, str], tmp_path: Path
) -> None:
    gcs.create("bucket-one")
    path = tmp_path / "key.json"
    path.write_text(json.dumps(account), encoding="utf-8")
    text = json.dumps(account)
    local = {"names": ["bucket-one"], "api_endpoint": gcs.endpoint}
    good: list[tuple[dict[str, Any], dict[str, str]]] = [
        ({"service_account_file": str(path)}, {}),
        ({"service_account_contents": text}, {}),
        ({"service_account_contents": account}, {}),
        ({"auth_kind": "serviceaccount"}, {"GCP_SERVICE_ACCOUNT_FILE": str(path)}),
        ({"auth_kind": "serviceaccount"}, {"GCP_SERVICE_ACCOUNT_CONTENTS": text}),
        ({"auth_kind": "application"}, {"GOOGLE_APPLICATION_CREDENTIALS": str(path)}),
        ({"access_token": "a-good-token"}, {}),
        ({"auth_kind": "accesstoken"}, {"GCP_ACCESS_TOKEN": "a-good-token"}),
    ]
    for params, env in good:
        done = run_module("gcs_bucket_info", {**local, **params}, env=env)
        assert [bucket["name"] for bucket in done["buckets"]] == ["bucket-one"]
        assert account["private_key"][30:90] not in json.dumps(done)
        assert "********" not in json.dumps(done["buckets"])
    assert {grant["scope"] for grant in gcs.grants} == {"https://www.googleapis.com/auth/devstorage.full_control"}
    # The key knows its project, so that a listing needs no option.
    params = {"api_endpoint": gcs.endpoint, "service_account_file": str(path), "scopes": ["a", "b"]}
    assert len(run_module("gcs_bucket_info", params)["buckets"]) == 1
    assert gcs.grants[-1]["scope"] == "a b"


def test_credentials_that_are_not_accepted(
    run_module: ModuleRunner, gcs: GcsServer, account: dict[str, str], tmp_path: Path
) -> None:
    gcs.create("bucket-one")
    nonsense, secret = tmp_path / "nonsense.json", "c2VjcmV0LXRleHQ"
    nonsense.write_text('{"type": "service_account", "private_key": "' + secret + '"}', encoding="utf-8")
    bad: list[tuple[dict[str, Any], list[str], str]] = [
        ({}, ["credentials"], "denied"),  # anonymous, as on any loopback
        ({"access_token": "a-bad-token-nobody-sees"}, ["credentials"], "denied"),
        ({"service_account_file": "/nowhere/key.json"}, ["service_account_file /nowhere/key.json", "No such file"], "invalid"),
        ({"service_account_file": str(nonsense)}, ["service_account_file has no key"], "invalid"),
        ({"service_account_contents": {**account, "private_key": secret}}, ["service_account_contents has no key"], "invalid"),
        ({"service_account_contents": {**account, "client_email": "x@y"}}, ["renewed|invalid_grant"], "denied"),
    ]  # fmt: skip
    for params, parts, kind in bad:
        given = {"name": "bucket-one", "api_endpoint": gcs.endpoint, "retry_deadline": 0, **params}
        failed = run_module("gcs_bucket", given, fails=True)
        expect_message(failed, *parts)
        assert failed["error"]["kind"] == kind
        shown = json.dumps({key: value for key, value in failed.items() if key != "invocation"})
        assert not any(text in shown for text in (secret, "a-bad-token-nobody-sees"))


def test_secrets_are_never_shown(play: Play, gcs: GcsServer, account: dict[str, str]) -> None:
    gcs.create("bucket-one")
    task = {"name": "bucket-one", "project": PROJECT}
    secret = account["private_key"][30:90]
    tasks: list[Result] = [
        {"cloudops.core.gcs_bucket": {**task, "service_account_contents": account}},
        {"cloudops.core.gcs_bucket": {**task, "access_token": "the-bad-secret"}, "ignore_errors": True},
        {"cloudops.core.gcs_bucket": {**task, "access_token": "the-bad-secret", "state": "x"}, "ignore_errors": True},
    ]
    done = play(*tasks, env={"STORAGE_EMULATOR_HOST": gcs.endpoint}, diff=True, verbosity=4)
    assert done.statuses == ["ok", "failed", "failed"]
    everything = done.output + json.dumps([task.data for task in done.tasks])
    assert [text for text in (secret, "the-bad-secret") if text in everything] == []
    assert PROJECT in everything, "what is no secret isn't masked"
