# Copyright (c) 2026 cloudops.core contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Objects of a bucket: looking at them and uploading them, several at once.

https://docs.aws.amazon.com/AmazonS3/latest/API/API_HeadObject.html
https://docs.aws.amazon.com/AmazonS3/latest/API/API_PutObject.html
"""

from __future__ import annotations

import io
import mimetypes
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from ansible_collections.cloudops.core.plugins.module_utils._aws.errors import aws_errors
from ansible_collections.cloudops.core.plugins.module_utils._aws.s3 import S3Gateway
from ansible_collections.cloudops.core.plugins.module_utils._core import files
from ansible_collections.cloudops.core.plugins.module_utils._core.errors import CloudOpsError, NotFound
from ansible_collections.cloudops.core.plugins.module_utils._core.fanout import fan_out
from ansible_collections.cloudops.core.plugins.module_utils._core.plan import Plan
from ansible_collections.cloudops.core.plugins.module_utils._domain.objects import (
    Candidate,
    Item,
    Stored,
    plan_upload,
)

try:
    from boto3.s3.transfer import TransferConfig
except ImportError:  # the modules report it with missing_required_lib
    TransferConfig = None  # type: ignore[assignment,misc]

# User metadata that tells the content whatever the encryption and the number of parts make of the ETag.
SHA256 = "cloudops-sha256"


@dataclass
class Uploaded:
    """What became of an upload: one result for each object that is as wanted now, and one failure for each other."""

    plan: Plan
    results: list[dict[str, Any]] = field(default_factory=list)
    failures: list[dict[str, Any]] = field(default_factory=list)

    def as_result(self) -> dict[str, Any]:
        """As return values."""
        sent = [result for result in self.results if result["changed"]]
        return {
            "uploaded": len(sent),
            "unchanged": len(self.results) - len(sent),
            "bytes": sum(result["bytes"] for result in sent),
            "results": self.results,
            "failures": self.failures,
        }

    @property
    def changed(self) -> bool:
        """Whether anything was sent."""
        return any(result["changed"] for result in self.results)

    def set_aside(self, item: Item, error: CloudOpsError) -> None:
        """Note an object that isn't as wanted."""
        self.failures.append({"name": item.key, **error.as_result()})


def local_files(src: str | None) -> list[tuple[str, str]]:
    """(name, path) of what ``src`` names, a file or a directory; nothing where it isn't given."""
    return files.files_below(src) if src is not None else []


class S3Objects:
    """The objects of one bucket."""

    def __init__(self, gateway: S3Gateway, bucket: str, concurrency: int) -> None:
        self._client = gateway.client()
        self._owner = gateway.owner
        self._bucket = bucket
        self._concurrency = concurrency
        self._transfer = TransferConfig(use_threads=False, preferred_transfer_client="classic")

    def upload(self, items: Sequence[Item], *, dry_run: bool) -> Uploaded:
        """Upload what isn't stored as it is wanted; or only find out what that is. 1 call for each object, and 1 for each upload."""
        looked = fan_out(self._look, items, concurrency=self._concurrency)
        candidates = [outcome.value for outcome in looked if outcome.value is not None]
        uploaded = Uploaded(plan_upload(self._bucket, candidates))
        for outcome in looked:
            if outcome.error is not None:
                uploaded.set_aside(outcome.item, outcome.error)
        sends = self._pretend if dry_run else self._send
        for sent in fan_out(sends, candidates, concurrency=self._concurrency):
            if sent.error is not None:
                uploaded.set_aside(sent.item.item, sent.error)
            else:
                uploaded.results.append(
                    {"key": sent.item.item.key, "bytes": sent.item.size, "changed": not sent.item.is_stored}
                )
        return uploaded

    def _look(self, item: Item) -> Candidate:
        """What is wanted against what is stored. A bucket that isn't there has no objects; sending to it tells."""
        seen = _fingerprint(item)
        stored = None
        try:
            with aws_errors("look at the object", self._name(item)):
                response = self._client.head_object(Bucket=self._bucket, Key=item.key, **self._owner)
        except NotFound:
            pass
        else:
            stored = _stored(response)
        return Candidate(item, seen.size, seen.sha256, seen.md5, seen.stamp, stored)

    def _pretend(self, candidate: Candidate) -> None:
        """Check mode's way to send."""

    def _send(self, candidate: Candidate) -> None:
        """Send it unless it is stored. Large files go in parts, one after the other, and a broken upload is aborted."""
        item = candidate.item
        if candidate.is_stored:
            return
        if not item.path:
            self._put(io.BytesIO(item.content.encode()), candidate)
            return
        with files.open_unchanged(item.path, candidate.stamp) as file:
            self._put(file, candidate)

    def _put(self, body: Any, candidate: Candidate) -> None:
        item = candidate.item
        content_type = item.content_type or mimetypes.guess_type(item.key)[0] or "application/octet-stream"
        extra = {"Metadata": {SHA256: candidate.sha256}, "ContentType": content_type, **self._owner}
        with aws_errors("upload the object", self._name(item)):
            self._client.upload_fileobj(body, self._bucket, item.key, ExtraArgs=extra, Config=self._transfer)

    def _name(self, item: Item) -> str:
        return f"s3://{self._bucket}/{item.key}"


def _fingerprint(item: Item) -> files.Fingerprint:
    return files.fingerprint_of_file(item.path) if item.path else files.fingerprint_of_bytes(item.content.encode())


def _stored(response: Any) -> Stored:
    return Stored(
        size=response["ContentLength"],
        etag=response.get("ETag", "").strip('"'),
        sha256=response.get("Metadata", {}).get(SHA256, ""),
        content_type=response.get("ContentType", ""),
    )
