# Copyright (c) 2026 cloudops.core contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The S3 server that tests run against, and what they need to fill, look at and clear its buckets."""

from __future__ import annotations

import os
import re
import uuid
from collections import Counter
from collections.abc import Callable, Iterable
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing, suppress
from dataclasses import dataclass, replace
from typing import Any

import boto3
from botocore.config import Config
from botocore.exceptions import ClientError

from tests.integration.harness import ModuleRunner
from tests.servers.fault_proxy import FaultProxy
from tests.servers.moto import seed_versions

Client = Any
"""boto3's S3 client; boto3 makes the class at run time."""

_NOT_FOR_XML = re.compile("[^\t\n\r -\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")
_RUNNER_OPTIONS = ("check", "diff", "env", "hide", "fails", "quiet")


@dataclass(frozen=True)
class S3Server:
    """Where the server is, and the keys for it."""

    endpoint: str
    access_key: str
    secret_key: str
    region: str = "us-east-1"
    live: bool = False

    @property
    def options(self) -> dict[str, Any]:
        """The options that lead a module of this collection to the server."""
        return {
            "endpoint_url": self.endpoint,
            "access_key": self.access_key,
            "secret_key": self.secret_key,
            "region": self.region,
        }

    def via(self, proxy: FaultProxy) -> S3Server:
        """Return the same server as reached through a proxy."""
        return replace(self, endpoint=proxy.endpoint)

    def client(self) -> Client:
        """Make a boto3 client."""
        return boto3_client(self, Config())

    def runner(self, run_module: ModuleRunner, name: str) -> Callable[..., dict[str, Any]]:
        """Return a function that runs a module on this server; the runner's own options go to the runner."""

        def run(proxy: FaultProxy | None = None, **params: Any) -> dict[str, Any]:
            server = self if proxy is None else self.via(proxy)
            options = {key: params.pop(key) for key in _RUNNER_OPTIONS if key in params}
            return run_module(name, {**server.options, **params}, **options)

        return run


def boto3_client(server: S3Server, config: Config) -> Client:
    """Make a boto3 client for a server that does not look at the environment."""
    return boto3.client(
        "s3",
        endpoint_url=server.endpoint,
        aws_access_key_id=server.access_key,
        aws_secret_access_key=server.secret_key,
        region_name=server.region,
        config=Config(max_pool_connections=32, proxies={}).merge(config),
    )


def unique_name() -> str:
    """Return a bucket name that nobody else uses."""
    worker = os.environ.get("PYTEST_XDIST_WORKER", "gw")
    return f"co-{worker}-{uuid.uuid4().hex[:16]}"


def set_versioning(s3: Client, bucket: str, status: str = "Enabled") -> None:
    """Switch versioning."""
    s3.put_bucket_versioning(Bucket=bucket, VersioningConfiguration={"Status": status})


def put_all(s3: Client, bucket: str, keys: Iterable[str], body: bytes = b"x") -> None:
    """Put one object per key, several at once."""
    with ThreadPoolExecutor(16) as pool:
        for _done in pool.map(lambda key: s3.put_object(Bucket=bucket, Key=key, Body=body), keys):
            pass


def seed(server: S3Server, s3: Client, bucket: str, keys: int, versions: int = 1, prefix: str = "") -> None:
    """Fill a bucket with many object versions: straight into moto's memory, in parallel over HTTP elsewhere."""
    if not server.live:
        seed_versions(server.endpoint, bucket, keys, versions, prefix)
        return
    for _version in range(versions):
        put_all(s3, bucket, (f"{prefix}{number:07d}" for number in range(keys)))


def put_longest_key(server: S3Server, bucket: str) -> str:
    """Put an object whose key is as long as the server takes, and return the key.

    S3's limit is 1,024 bytes; Ceph's depends on how long a name its object store is configured to take.
    """
    with closing(boto3_client(server, Config(retries={"total_max_attempts": 1}))) as client:
        for length in (1024, 900):
            key = "k" * length
            with suppress(ClientError):
                client.put_object(Bucket=bucket, Key=key, Body=b"x")
                return key
    raise AssertionError(f"{server.endpoint} takes no key of 900 bytes")


def start_upload(s3: Client, bucket: str, key: str, parts: int = 1) -> str:
    """Start a multipart upload that is never completed, and return its id."""
    upload: str = s3.create_multipart_upload(Bucket=bucket, Key=key)["UploadId"]
    for number in range(1, parts + 1):
        s3.upload_part(Bucket=bucket, Key=key, UploadId=upload, PartNumber=number, Body=b"part")
    return upload


def exists(s3: Client, bucket: str) -> bool:
    """Whether the bucket is there."""
    try:
        s3.head_bucket(Bucket=bucket)
    except ClientError as error:
        if error.response["Error"]["Code"] in ("404", "NoSuchBucket"):
            return False
        raise
    return True


def versions_of(s3: Client, bucket: str) -> list[tuple[str, str, str]]:
    """Return (kind, key, version id) of every version and delete marker; kind is version or marker."""
    found = []
    for page in s3.get_paginator("list_object_versions").paginate(Bucket=bucket):
        for kind, part in (("version", "Versions"), ("marker", "DeleteMarkers")):
            found += [(kind, entry["Key"], entry["VersionId"]) for entry in page.get(part, ())]
    return found


def holds(s3: Client, bucket: str) -> Counter[str]:
    """Count what a bucket holds: version, marker, upload."""
    counts = Counter(kind for kind, _key, _version in versions_of(s3, bucket))
    for page in s3.get_paginator("list_multipart_uploads").paginate(Bucket=bucket):
        counts["upload"] += len(page.get("Uploads", ()))
    return +counts


def wipe(s3: Client, bucket: str) -> None:
    """Remove a bucket with all it holds, governance locks included; one that is not there is left alone."""
    if not exists(s3, bucket):
        return
    s3.delete_bucket_policy(Bucket=bucket)
    for page in s3.get_paginator("list_multipart_uploads").paginate(Bucket=bucket):
        for upload in page.get("Uploads", ()):
            s3.abort_multipart_upload(Bucket=bucket, Key=upload["Key"], UploadId=upload["UploadId"])
    left = []
    for _kind, key, version in versions_of(s3, bucket):
        if _NOT_FOR_XML.search(key):
            s3.delete_object(Bucket=bucket, Key=key, VersionId=version, BypassGovernanceRetention=True)
        else:
            left.append({"Key": key, "VersionId": version})
    for start in range(0, len(left), 1000):
        batch = {"Objects": left[start : start + 1000], "Quiet": True}
        s3.delete_objects(Bucket=bucket, Delete=batch, BypassGovernanceRetention=True)
    s3.delete_bucket(Bucket=bucket)
