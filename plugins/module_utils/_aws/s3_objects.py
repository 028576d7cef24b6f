# Copyright (c) 2026 cloudops.core contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Objects of a bucket: looking at them and uploading them, several at once.

https://docs.aws.amazon.com/AmazonS3/latest/API/API_HeadObject.html
https://docs.aws.amazon.com/AmazonS3/latest/API/API_PutObject.html
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, BinaryIO

from ansible_collections.cloudops.core.plugins.module_utils._aws.errors import aws_errors
from ansible_collections.cloudops.core.plugins.module_utils._aws.s3 import S3Gateway
from ansible_collections.cloudops.core.plugins.module_utils._core.errors import NotFound
from ansible_collections.cloudops.core.plugins.module_utils._core.files import Fingerprint, content_type_of
from ansible_collections.cloudops.core.plugins.module_utils._core.upload import Uploaded, Uploader
from ansible_collections.cloudops.core.plugins.module_utils._domain.objects import Candidate, Item, Stored

try:
    from boto3.s3.transfer import TransferConfig
except ImportError:  # the modules report it with missing_required_lib
    TransferConfig = None  # type: ignore[assignment,misc]

# User metadata that tells the content whatever the encryption and the number of parts make of the ETag.
SHA256 = "cloudops-sha256"


class S3Objects:
    """The objects of one bucket."""

    def __init__(self, gateway: S3Gateway, bucket: str, concurrency: int) -> None:
        self._client = gateway.client()
        self._owner = gateway.owner
        self._bucket = bucket
        self._concurrency = concurrency
        self._transfer = TransferConfig(use_threads=False, preferred_transfer_client="classic")

    def upload(self, items: Sequence[Item], *, dry_run: bool) -> Uploaded[Candidate]:
        """Upload what isn't stored as it is wanted; or only find out what that is. 1 call for each object, and 1 for each upload."""
        return Uploader(self._look, self._put, self._concurrency).run(items, dry_run=dry_run)

    def _look(self, item: Item, content: Fingerprint) -> Candidate:
        """What is wanted against what is stored. A bucket that isn't there has no objects; sending to it tells."""
        stored = None
        try:
            with aws_errors("look at the object", self._name(item)):
                response = self._client.head_object(Bucket=self._bucket, Key=item.key, **self._owner)
        except NotFound:
            pass
        else:
            stored = _stored(response)
        return Candidate(item, content.size, content.sha256, content.md5, content.stamp, stored)

    def _put(self, candidate: Candidate, body: BinaryIO) -> None:
        """Large files go in parts, one after the other, and a broken upload is aborted."""
        item = candidate.item
        content_type = item.content_type or content_type_of(item.key)
        extra = {"Metadata": {SHA256: candidate.sha256}, "ContentType": content_type, **self._owner}
        with aws_errors("upload the object", self._name(item)):
            self._client.upload_fileobj(body, self._bucket, item.key, ExtraArgs=extra, Config=self._transfer)

    def _name(self, item: Item) -> str:
        return f"s3://{self._bucket}/{item.key}"


def _stored(response: Any) -> Stored:
    return Stored(
        size=response["ContentLength"],
        etag=response.get("ETag", "").strip('"'),
        sha256=response.get("Metadata", {}).get(SHA256, ""),
        content_type=response.get("ContentType", ""),
    )
