# Copyright (c) 2026 cloudops.core contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The inventory of buckets, on moto."""

from __future__ import annotations

import sys
import uuid
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import boto3
import pytest
from botocore.config import Config

from tests.integration.inventories import Inventories, Listing, documented
from tests.servers.fault_proxy import FaultProxy
from tests.servers.moto import MotoServer

KEYS = {"AWS_ACCESS_KEY_ID": "testing-access-key", "AWS_SECRET_ACCESS_KEY": "testing-secret-key"}
ENCRYPTION = {"Rules": [{"ApplyServerSideEncryptionByDefault": {"SSEAlgorithm": "AES256"}}]}


@dataclass
class Buckets:
    """Two buckets with a prefix of their own, and the lister for them."""

    inventories: Inventories
    proxy: FaultProxy
    prefix: str

    @property
    def plain(self) -> str:
        """One without anything."""
        return f"{self.prefix}plain"

    @property
    def safe(self) -> str:
        """One with encryption, versioning and tags."""
        return f"{self.prefix}safe"

    def options(self, given: dict[str, Any]) -> dict[str, Any]:
        """With the prefix, unless they select by name."""
        return given if "names" in given else {"name_prefix": self.prefix, **given}

    @property
    def env(self) -> dict[str, str]:
        """The connection."""
        return {**KEYS, "AWS_ENDPOINT_URL": self.proxy.endpoint, "AWS_REGION": "us-east-1"}

    def __call__(self, warns: bool = False, name: str = "", **options: Any) -> Listing:
        """List."""
        return self.inventories("s3_buckets", self.options(options), env=self.env, warns=warns, name=name)

    def fails(self, **options: Any) -> str:
        """What is said instead of a list."""
        return self.inventories.fails("s3_buckets", self.options(options), env=self.env)


@pytest.fixture(scope="module")
def prefix(moto: MotoServer) -> Iterator[str]:
    """The prefix of the two buckets, which are there."""
    made = f"inv-{uuid.uuid4().hex[:8]}-"
    client = boto3.client(
        "s3",
        endpoint_url=moto.endpoint,
        region_name="us-east-1",
        aws_access_key_id="testing",
        aws_secret_access_key="testing",
        config=Config(proxies={}),
    )
    plain, safe = f"{made}plain", f"{made}safe"
    for bucket in (plain, safe):
        client.create_bucket(Bucket=bucket)
    client.put_bucket_encryption(Bucket=safe, ServerSideEncryptionConfiguration=ENCRYPTION)
    client.put_bucket_versioning(Bucket=safe, VersioningConfiguration={"Status": "Enabled"})
    client.put_bucket_tagging(Bucket=safe, Tagging={"TagSet": [{"Key": "team", "Value": "finance"}]})
    yield made
    for bucket in (plain, safe):
        client.delete_bucket(Bucket=bucket)
    client.close()


@pytest.fixture
def listed(inventories: Inventories, moto: MotoServer, prefix: str) -> Iterator[Buckets]:
    """The lister, through a proxy."""
    with FaultProxy(moto.endpoint) as proxy:
        yield Buckets(inventories, proxy, prefix)


def test_buckets_are_hosts(listed: Buckets) -> None:
    found = listed()
    assert found.hosts == [listed.plain, listed.safe]
    variables = found.hostvars[listed.plain]
    assert variables["bucket_arn"] == f"arn:aws:s3:::{listed.plain}"
    assert variables["ansible_connection"] == "local"
    assert variables["ansible_python_interpreter"] == sys.executable
    assert variables["properties"] == {}
    assert dict(listed.proxy.calls) == {"ListBuckets": 1}


def test_unknown_is_not_absent(listed: Buckets) -> None:
    refused = [listed.safe]
    listed.proxy.fail("GetBucketEncryption", "AccessDenied", when=lambda request: request.bucket in refused)
    asked: dict[str, Any] = {
        "properties": ["encryption", "versioning"],
        "keyed_groups": [{"key": "properties.encryption.state", "prefix": "encryption"}],
        "groups": {"versioned": "properties.versioning.value | default('') == 'enabled'"},
    }
    found = listed(**asked)
    assert found.groups["encryption_unknown"] == [listed.safe]
    assert found.groups["encryption_absent"] == [listed.plain]
    assert found.hostvars[listed.safe]["properties"]["encryption"]["code"] == "AccessDenied"
    assert found.groups["versioned"] == [listed.safe]
    refused.clear()
    assert listed(**asked).groups["encryption_value"] == [listed.safe]


def test_tags(listed: Buckets) -> None:
    found = listed(tags={"team": "finance"}, properties=["tags"], compose={"team": "properties.tags.value.team"})
    assert found.hosts == [listed.safe]
    assert found.hostvars[listed.safe]["team"] == "finance"


def test_buckets_whose_tags_nobody_knows(listed: Buckets) -> None:
    listed.proxy.fail("GetBucketTagging", "AccessDenied", when=lambda request: request.bucket == listed.safe)
    found = listed(tags={"team": "finance"}, warns=True)
    assert found.hosts == []
    assert f"{listed.safe} is left out, as its tags can't be read" in found.said


def test_names(listed: Buckets) -> None:
    missing = f"{listed.prefix}missing"
    found = listed(names=[listed.safe, missing], warns=True)
    assert found.hosts == [listed.safe]
    assert f"there is no bucket {missing}" in found.said
    listed.proxy.fail("HeadBucket", "403", 403, when=lambda request: request.bucket == listed.plain)
    said = listed.fails(names=[listed.safe, listed.plain])
    assert listed.plain in said
    assert "[403]" in said
    found = listed(names=[listed.safe, listed.plain], strict_permissions=False, warns=True)
    assert found.hosts == [listed.safe]
    assert f"{listed.plain} is left out, as strict_permissions is off" in found.said


def test_cache(listed: Buckets) -> None:
    options: dict[str, Any] = {
        "properties": ["versioning"],
        "cache": True,
        "cache_plugin": "jsonfile",
        "cache_connection": str(listed.inventories.directory / f"cache-{listed.prefix}"),
    }
    first = listed(name="buckets", **options)
    calls = dict(listed.proxy.calls)
    assert listed(name="buckets", **options) == first
    assert dict(listed.proxy.calls) == calls


@pytest.mark.parametrize(
    ("options", "expected"),
    [
        pytest.param({"properties": ["colour"]}, "colour", id="properties"),
        pytest.param({"names": ["x"], "name_prefix": "y"}, "names and name_prefix exclude each other", id="names"),
        pytest.param({"concurrency": 0}, "concurrency", id="concurrency"),
    ],
)
def test_bad_options(listed: Buckets, options: dict[str, Any], expected: str) -> None:
    assert expected in listed.fails(**options)


def test_examples(listed: Buckets) -> None:
    examples = list(documented("s3_buckets"))
    assert len(examples) == 4
    for options in examples:
        found = listed.inventories("s3_buckets", options, env=listed.env, warns=True)
        assert "WARNING" not in found.said.replace("No inventory was parsed", "")
        assert (listed.safe in found.hosts) is ("name_prefix" not in options)
