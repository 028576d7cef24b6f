# Copyright (c) 2026 cloudops.core contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Where credentials, region and endpoint come from: the names that amazon.aws and boto3 know, and who wins over whom."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tests.integration.harness import ModuleRunner, Play
from tests.integration.s3 import Client, S3Server, exists, put_all, set_versioning
from tests.servers.fault_proxy import FaultProxy
from tests.servers.faults import Request

WRONG = {"AWS_ACCESS_KEY_ID": "WRONGKEY", "AWS_SECRET_ACCESS_KEY": "a-wrong-secret"}


@pytest.fixture
def signers(fault_proxy: FaultProxy) -> list[tuple[str, str]]:
    """The (access key, region) that each request through the proxy was signed with."""
    seen: list[tuple[str, str]] = []

    def note(request: Request) -> None:
        parts = request.headers["authorization"].partition("Credential=")[2].split("/")
        seen.append((parts[0], parts[2]))

    fault_proxy.hook(None, note)
    return seen


def shared_config(directory: Path, server: S3Server, endpoint: str, profile: str = "default") -> dict[str, str]:
    """Write a shared configuration with one profile, and return the variables that lead to it."""
    section = profile if profile == "default" else f"profile {profile}"
    config, credentials = directory / "config", directory / "credentials"
    config.write_text(f"[{section}]\nregion = {server.region}\nendpoint_url = {endpoint}\n", encoding="utf-8")
    keys = f"aws_access_key_id = {server.access_key}\naws_secret_access_key = {server.secret_key}\n"
    credentials.write_text(f"[{profile}]\n{keys}", encoding="utf-8")
    return {"AWS_CONFIG_FILE": str(config), "AWS_SHARED_CREDENTIALS_FILE": str(credentials)}


@pytest.mark.parametrize(
    "names",
    [
        ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_REGION", "AWS_ENDPOINT_URL"),
        ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_DEFAULT_REGION", "AWS_URL"),
        ("AWS_ACCESS_KEY", "AWS_SECRET_KEY", "AWS_DEFAULT_REGION", "AWS_ENDPOINT_URL_S3"),
    ],
    ids=", ".join,
)
def test_environment(
    run_module: ModuleRunner,
    s3_server: S3Server,
    fault_proxy: FaultProxy,
    signers: list[tuple[str, str]],
    bucket: str,
    names: tuple[str, ...],
) -> None:
    values = (s3_server.access_key, s3_server.secret_key, s3_server.region, fault_proxy.endpoint)
    run_module("s3_bucket", {"name": bucket}, env=dict(zip(names, values, strict=True)))
    assert signers == [(s3_server.access_key, s3_server.region)]


@pytest.mark.parametrize("way", ["default", "option", "AWS_PROFILE", "AWS_DEFAULT_PROFILE"])
def test_shared_configuration(
    run_module: ModuleRunner,
    s3_server: S3Server,
    fault_proxy: FaultProxy,
    signers: list[tuple[str, str]],
    bucket: str,
    tmp_path: Path,
    way: str,
) -> None:
    profile = "default" if way == "default" else "ours"
    env = shared_config(tmp_path, s3_server, fault_proxy.endpoint, profile)
    params = {"name": bucket}
    if way == "option":
        # A profile that somebody names wins over keys in the environment.
        params |= {"profile": profile}
        env |= WRONG
    elif way != "default":
        env |= {way: profile}
    run_module("s3_bucket", params, env=env)
    assert signers == [(s3_server.access_key, s3_server.region)]


def test_options_win_over_the_environment_and_the_shared_configuration(
    run_module: ModuleRunner,
    s3_server: S3Server,
    fault_proxy: FaultProxy,
    signers: list[tuple[str, str]],
    bucket: str,
    tmp_path: Path,
) -> None:
    env = shared_config(tmp_path, s3_server, "http://127.0.0.1:1") | WRONG
    env |= {"AWS_SESSION_TOKEN": "a-wrong-token", "AWS_REGION": "eu-north-1", "AWS_URL": "http://127.0.0.1:2"}
    run_module("s3_bucket", {**s3_server.via(fault_proxy).options, "name": bucket}, env=env)
    assert signers == [(s3_server.access_key, s3_server.region)]


def test_module_defaults_of_the_action_group_and_environment_reach_the_module(
    play: Play, s3_server: S3Server, bucket_name: str
) -> None:
    env = {
        "AWS_ACCESS_KEY_ID": s3_server.access_key,
        "AWS_SECRET_ACCESS_KEY": s3_server.secret_key,
        "AWS_DEFAULT_REGION": s3_server.region,
        "AWS_URL": s3_server.endpoint,
    }
    done = play({"cloudops.core.s3_bucket": {"name": bucket_name}}, env=env)
    assert done.statuses == ["changed"]


def test_a_task_of_amazon_aws_runs_with_the_module_s_name_changed(
    run_module: ModuleRunner, s3_server: S3Server, s3: Client, bucket_name: str
) -> None:
    params: dict[str, Any] = {
        "aws_endpoint_url": s3_server.endpoint,
        "aws_access_key_id": s3_server.access_key,
        "aws_secret_access_key": s3_server.secret_key,
        "aws_region": s3_server.region,
        "validate_certs": True,
        "name": bucket_name,
        "ceph": True,
        "versioning": True,
        "resource_tags": {"a": "b"},
        "purge_tags": True,
        "public_access": {"block_public_acls": True},
        "requester_pays": False,
    }
    assert run_module("s3_bucket", params)["changed"]
    assert not run_module("s3_bucket", params)["changed"]
    run_module("s3_bucket", {**params, "state": "absent", "force": True})
    assert not exists(s3, bucket_name)


@pytest.mark.moto_only("Ceph's gateway is set up here without STS")
def test_an_assumed_role(
    run_module: ModuleRunner, s3_server: S3Server, fault_proxy: FaultProxy, signers: list[tuple[str, str]], bucket: str
) -> None:
    bodies: list[bytes] = []
    fault_proxy.rules[0].operation = "HeadBucket"
    fault_proxy.hook("AssumeRole", lambda request: bodies.append(request.body or b""))
    role = "arn:aws:iam::123456789012:role/cleaner"
    done = run_module(
        "s3_bucket",
        {
            **s3_server.via(fault_proxy).options,
            "name": bucket,
            "assume_role_arn": role,
            "external_id": "the-external-id",
        },
    )
    assert not done["changed"]
    assert fault_proxy.calls == {"AssumeRole": 1, "HeadBucket": 1}
    assert b"ExternalId=the-external-id" in bodies[0]
    assert b"role%2Fcleaner" in bodies[0]
    assert signers[0][0] != s3_server.access_key
    assert "the-external-id" not in str(done)


def test_settings_of_the_sdk(
    s3_server: S3Server, run_module: ModuleRunner, fault_proxy: FaultProxy, bucket: str
) -> None:
    fault_proxy.fail("HeadBucket", "SlowDown")
    params = {**s3_server.via(fault_proxy).options, "name": bucket}
    run_module("s3_bucket", {**params, "aws_config": {"retries": {"total_max_attempts": 3}}}, fails=True)
    assert fault_proxy.calls == {"HeadBucket": 3}


def test_requests_say_whose_they_are(
    s3_bucket: Callable[..., dict[str, Any]], s3: Client, fault_proxy: FaultProxy, bucket: str
) -> None:
    agents: set[str] = set()
    fault_proxy.hook(None, lambda request: agents.add(request.headers["user-agent"]))
    set_versioning(s3, bucket)
    put_all(s3, bucket, ["a"])
    s3_bucket(fault_proxy, name=bucket, state="empty")
    assert len(agents) >= 1
    assert all("cloudops.core" in agent for agent in agents)
