# Copyright (c) 2026 cloudops.core contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Buckets with many object versions."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

import urllib3

from tests.integration.s3 import Client, S3Server, set_versioning

WRITERS = 8


def fill(server: S3Server, bucket: str, versions: int, per_key: int) -> None:
    """Make a bucket with that many versions of objects of one byte, ``per_key`` of each key."""
    s3 = server.client()
    s3.create_bucket(Bucket=bucket)
    set_versioning(s3, bucket)
    with urllib3.PoolManager(maxsize=WRITERS) as pool, ThreadPoolExecutor(WRITERS) as workers:
        keys = (f"reports/2026/{number:07d}.csv" for number in range(versions // per_key))
        for _done in workers.map(_writer(s3, bucket, pool, per_key), keys):
            pass


def _writer(s3: Client, bucket: str, pool: urllib3.PoolManager, per_key: int) -> Callable[[str], None]:
    """A function that puts all versions of a key: by one signed address, which is several times cheaper than boto3."""

    def put(key: str) -> None:
        address = s3.generate_presigned_url("put_object", Params={"Bucket": bucket, "Key": key})
        for _version in range(per_key):
            answer = pool.request("PUT", address, body=b"x")
            if answer.status != 200:
                raise RuntimeError(f"PUT {key}: {answer.status} {answer.data[:300]!r}")

    return put
