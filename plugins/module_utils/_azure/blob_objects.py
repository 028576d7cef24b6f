# Copyright (c) 2026 cloudops.core contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Blobs of a container: looking at them and uploading them, several at once.

https://learn.microsoft.com/rest/api/storageservices/get-blob-properties
https://learn.microsoft.com/rest/api/storageservices/put-blob
https://learn.microsoft.com/rest/api/storageservices/put-block-list
"""

from __future__ import annotations

import base64
from collections.abc import Mapping, Sequence
from typing import Any, BinaryIO
from urllib.parse import parse_qs, urlsplit

from ansible_collections.cloudops.core.plugins.module_utils._azure.client import Account, operation_of
from ansible_collections.cloudops.core.plugins.module_utils._azure.errors import azure_errors
from ansible_collections.cloudops.core.plugins.module_utils._core.errors import Conflict, NotFound
from ansible_collections.cloudops.core.plugins.module_utils._core.files import Fingerprint, content_type_of
from ansible_collections.cloudops.core.plugins.module_utils._core.upload import PART, Uploaded, Uploader, pieces_of
from ansible_collections.cloudops.core.plugins.module_utils._domain.blobs import LEASED
from ansible_collections.cloudops.core.plugins.module_utils._domain.objects import Candidate, Item, Stored

try:
    from azure.storage.blob import BlobBlock, ContentSettings
except ImportError:  # the modules report it with missing_required_lib
    BlobBlock = ContentSettings = None  # type: ignore[assignment,misc]

# Metadata that tells the content, whoever sets the MD5. Its names are those of variables, so there is no hyphen.
SHA256 = "cloudops_sha256"
MOST_BLOCKS = 50_000

_UPLOADS = {"": "PutBlob", "block": "PutBlock", "blocklist": "PutBlockList"}


class UploadAccount(Account):
    """A storage account whose count of requests tells uploads apart."""

    def count(self, request: Any) -> None:
        method, url = request.http_request.method, request.http_request.url
        part = parse_qs(urlsplit(url).query).get("comp", [""])[0]
        if method == "HEAD":
            self.calls.add("GetBlobProperties")
        else:
            self.calls.add(_UPLOADS.get(part) or operation_of(method, url))


class BlobObjects:
    """The blobs of one container."""

    def __init__(self, account: Account, container: str, concurrency: int) -> None:
        self._client = account.container(container)
        self._container = container
        self._concurrency = concurrency

    def upload(self, items: Sequence[Item], *, dry_run: bool) -> Uploaded[Candidate]:
        """Upload what isn't stored as it is wanted; or only find out what that is. 1 call for each blob, and 1 for each upload."""
        return Uploader(self._look, self._put, self._concurrency).run(items, dry_run=dry_run)

    def _look(self, item: Item, content: Fingerprint) -> Candidate:
        """What is wanted against what is stored. A container that isn't there has no blobs; sending to it tells."""
        stored = None
        try:
            with azure_errors("look at the blob", self._name(item)):
                stored = stored_from(self._client.get_blob_client(item.key).get_blob_properties())
        except NotFound:
            pass
        return Candidate(item, content.size, content.sha256, content.md5, content.stamp, stored)

    def _put(self, candidate: Candidate, body: BinaryIO) -> None:
        """Small contents go in one request; larger ones in blocks, of which nothing is seen before the last is there.

        The service holds each request against its MD5. That of the whole content it takes as it is given.
        """
        item = candidate.item
        settings = ContentSettings(
            content_type=item.content_type or content_type_of(item.key),
            content_md5=bytearray.fromhex(candidate.md5),
        )
        about = {"content_settings": settings, "metadata": {SHA256: candidate.sha256}}
        client = self._client.get_blob_client(item.key)
        try:
            with azure_errors("upload the blob", self._name(item)):
                if candidate.size > PART:
                    _put_blocks(client, body, candidate.size, about)
                else:
                    data = body.read(candidate.size)
                    client.upload_blob(data, length=len(data), overwrite=True, validate_content=True, **about)
        except Conflict as error:
            if error.code != LEASED:
                raise
            raise Conflict(
                error.message,
                operation=error.operation,
                resource=error.resource,
                code=error.code,
                hint="Somebody has leased the blob: end the lease, and run again.",
            ) from error

    def _name(self, item: Item) -> str:
        return f"{self._container}/{item.key}"


def _put_blocks(client: Any, body: BinaryIO, size: int, about: Mapping[str, Any]) -> None:
    """Blocks that are never committed, because this breaks off, are discarded after a week."""
    blocks = []
    for number, data in enumerate(pieces_of(body, size, MOST_BLOCKS)):
        block = base64.b64encode(b"%06d" % number).decode()
        client.stage_block(block, data, length=len(data), validate_content=True)
        blocks.append(BlobBlock(block))
    client.commit_block_list(blocks, **about)


def stored_from(properties: Any) -> Stored:
    """A blob as the SDK describes it. Names of metadata come in any case."""
    settings = properties.content_settings
    noted = {name.lower(): value for name, value in (properties.metadata or {}).items()}
    return Stored(
        size=properties.size,
        etag=bytes(settings.content_md5 or b"").hex(),
        sha256=noted.get(SHA256, ""),
        content_type=settings.content_type or "",
    )
