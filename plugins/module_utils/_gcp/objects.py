# Copyright (c) 2026 cloudops.core contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Objects of a bucket of Cloud Storage: looking at them and uploading them, several at once.

https://cloud.google.com/storage/docs/json_api/v1/objects/get
https://cloud.google.com/storage/docs/json_api/v1/objects/insert
"""

from __future__ import annotations

import base64
import binascii
import os
from collections.abc import Mapping, Sequence
from contextlib import suppress
from typing import Any, BinaryIO
from urllib.parse import quote

from ansible_collections.cloudops.core.plugins.module_utils._core.errors import NotFound
from ansible_collections.cloudops.core.plugins.module_utils._core.files import Fingerprint, content_type_of
from ansible_collections.cloudops.core.plugins.module_utils._core.upload import PART, Uploaded, Uploader
from ansible_collections.cloudops.core.plugins.module_utils._domain.objects import Candidate, Item, Stored
from ansible_collections.cloudops.core.plugins.module_utils._gcp.client import Api
from ansible_collections.cloudops.core.plugins.module_utils._gcp.errors import gcp_errors
from ansible_collections.cloudops.core.plugins.module_utils._gcp.storage import path_of

try:
    from google.cloud import storage
except ImportError:  # the modules report it with missing_required_lib
    storage = None

# Metadata that tells the content of objects that were composed, too: Cloud Storage keeps no MD5 of these.
SHA256 = "cloudops-sha256"


class UploadApi(Api):
    """Cloud Storage with the SDK's own way to upload."""

    def _open(self) -> Any:
        """Newer SDKs read the bucket beside an upload, in a thread of its own, to say in traces where it is. Nobody traces this."""
        os.environ.setdefault("DISABLE_GCS_PYTHON_CLIENT_OTEL_BUCKET_METADATA", "true")
        return super()._open()

    def upload(self, bucket: str, candidate: Candidate, body: BinaryIO, resource: str) -> None:
        """Send a content: in one request, or, when it is larger than a part, in a session that the SDK resumes where it broke.

        The service holds the content against its MD5. To send it twice does no harm, so that whatever fails for a passing reason is
        tried again.
        """
        item = candidate.item
        client = self._client
        home = storage.Bucket(client, bucket, user_project=self.connection.billing_project)
        blob = storage.Blob(item.key, home, chunk_size=PART)
        blob.metadata = {SHA256: candidate.sha256}
        blob.md5_hash = base64.b64encode(bytes.fromhex(candidate.md5)).decode()
        with gcp_errors("upload the object", resource):
            blob.upload_from_file(
                body,
                size=candidate.size,
                content_type=item.content_type or content_type_of(item.key),
                timeout=self.connection.request_timeout,
                checksum=None,
                retry=self._retry,
            )


class StorageObjects:
    """The objects of one bucket."""

    def __init__(self, api: UploadApi, bucket: str, concurrency: int) -> None:
        self._api = api
        self._bucket = bucket
        self._concurrency = concurrency

    def upload(self, items: Sequence[Item], *, dry_run: bool) -> Uploaded[Candidate]:
        """Upload what isn't stored as it is wanted; or only find out what that is. 1 call for each object, and 1 for each upload."""
        if items:
            self._api.open()
        return Uploader(self._look, self._put, self._concurrency).run(items, dry_run=dry_run)

    def _look(self, item: Item, content: Fingerprint) -> Candidate:
        """What is wanted against what is stored. A bucket that isn't there has no objects; sending to it tells."""
        stored = None
        path = f"{path_of(self._bucket)}/o/{quote(item.key, safe='')}"
        with suppress(NotFound):
            stored = stored_from(self._api.request("GET", path, "look at the object", self._name(item), query={}))
        return Candidate(item, content.size, content.sha256, content.md5, content.stamp, stored)

    def _put(self, candidate: Candidate, body: BinaryIO) -> None:
        self._api.upload(self._bucket, candidate, body, self._name(candidate.item))

    def _name(self, item: Item) -> str:
        return f"gs://{self._bucket}/{item.key}"


def stored_from(document: Mapping[str, Any]) -> Stored:
    """An object from its document."""
    return Stored(
        size=int(document.get("size") or 0),
        etag=_as_digits(document.get("md5Hash", "")),
        sha256=(document.get("metadata") or {}).get(SHA256, ""),
        content_type=document.get("contentType", ""),
    )


def _as_digits(md5: str) -> str:
    try:
        return base64.b64decode(md5).hex()
    except (binascii.Error, ValueError):
        return ""
