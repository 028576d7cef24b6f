# Copyright (c) 2026 cloudops.core contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""azure_blob_container and its info module: bad input, missing parts, and surroundings. Nothing here needs a server that works."""

from __future__ import annotations

import json
import socket
from typing import Any

import pytest

from tests.integration.harness import ModuleRunner

KEY = "c2VjcmV0LWtleQ=="
# A port on which nothing listens: a call would fail, and slowly.
NOWHERE = {"account_url": "http://127.0.0.1:9/theaccount", "account_key": KEY, "retries": 0}


@pytest.mark.parametrize(
    ("given", "words"),
    [
        pytest.param({"name": "No_Name"}, ["No_Name", "lower-case"], id="name"),
        pytest.param({"state": "gone"}, ["state", "present, empty, absent"], id="state"),
        pytest.param({"public_access": "all"}, ["public_access", "none, blob, container"], id="access"),
        pytest.param({"state": "absent", "older_than": "1d"}, ["older_than", "state: empty"], id="older-than-absent"),
        pytest.param({"state": "empty", "older_than": "soon"}, ["older_than", "30d"], id="age"),
        pytest.param({"state": "empty", "batch_size": 1000}, ["batch_size", "256"], id="batch-size"),
        pytest.param({"metadata": {"a-b": "c"}}, ["metadata", "a-b"], id="metadata"),
        pytest.param({"deny_encryption_scope_override": True}, ["default_encryption_scope"], id="deny-alone"),
        pytest.param({"tags": {"a": "b"}}, ["Unsupported parameters", "tags"], id="tags"),
        pytest.param({"versioning": "enabled"}, ["Unsupported parameters", "versioning"], id="versioning"),
        pytest.param({"sas_token": "sv=1&sig=abcdef"}, ["account_key and sas_token"], id="two-ways"),
        pytest.param(
            {"connection_string": f"AccountName=a;AccountKey={KEY}"}, ["exclude each other"], id="string-and-key"
        ),
        pytest.param({"auth_source": "credential_file"}, ["auth_source", "auto, cli, env, msi"], id="auth-source"),
        pytest.param({"cloud_environment": "AzureGermanCloud"}, ["cloud_environment"], id="cloud"),
    ],
)
def test_bad_input_fails_before_the_first_call(
    run_module: ModuleRunner, given: dict[str, Any], words: list[str]
) -> None:
    failed = run_module("azure_blob_container", {"name": "the-box", **NOWHERE, **given}, fails=True)
    assert [word for word in words if word not in failed["msg"]] == []
    assert failed.get("api_calls", {}) == {}
    shown = json.dumps({key: value for key, value in failed.items() if key != "invocation"})
    assert [secret for secret in (KEY, "abcdef") if secret in shown] == []


@pytest.mark.parametrize("module", ["azure_blob_container", "azure_blob_container_info"])
def test_missing_sdk(run_module: ModuleRunner, module: str) -> None:
    failed = run_module(module, {**NOWHERE, "name": "the-box"}, hide=["azure.storage.blob"], fails=True)
    assert "Failed to import the required Python library (azure-storage-blob)" in failed["msg"]


def test_missing_identity_matters_only_to_identities(run_module: ModuleRunner) -> None:
    given = {"name": "the-box", "storage_account_name": "theaccount", "auth_source": "cli"}
    failed = run_module("azure_blob_container", given, hide=["azure.identity"], fails=True)
    assert "Failed to import the required Python library (azure-identity)" in failed["msg"]


def test_nobody_is_signed_in(run_module: ModuleRunner) -> None:
    given = {"name": "the-box", "storage_account_name": "theaccount", "auth_source": "env", "retries": 0}
    failed = run_module("azure_blob_container", given, fails=True)
    assert failed["error"]["kind"] == "denied"
    assert "account_key" in failed["error"]["hint"]


def test_an_endpoint_that_refuses(run_module: ModuleRunner) -> None:
    with socket.socket() as closed:
        closed.bind(("127.0.0.1", 0))
        place = f"127.0.0.1:{closed.getsockname()[1]}"
        given = {**NOWHERE, "account_url": f"http://{place}/theaccount", "names": ["the-box"]}
        failed = run_module("azure_blob_container_info", given, fails=True)
    assert failed["failures"][0]["kind"] == "unavailable"
    assert "account_url" in failed["failures"][0]["hint"]


def test_an_endpoint_that_never_answers(run_module: ModuleRunner) -> None:
    with socket.socket() as silent:
        silent.bind(("127.0.0.1", 0))
        silent.listen()
        where = {**NOWHERE, "account_url": f"http://127.0.0.1:{silent.getsockname()[1]}/theaccount", "timeout": 1}
        failed = run_module("azure_blob_container", {**where, "name": "the-box"}, fails=True)
    assert failed["error"]["kind"] == "timeout"
    assert "timeout" in failed["msg"]
