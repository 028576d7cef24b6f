# Copyright (c) 2026 cloudops.core contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a bucket holds: listing it and removing it, page by page and batch by batch.

https://docs.aws.amazon.com/AmazonS3/latest/API/API_ListObjectVersions.html
https://docs.aws.amazon.com/AmazonS3/latest/API/API_DeleteObjects.html
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import chain
from typing import Any

from ansible_collections.cloudops.core.plugins.module_utils._aws.errors import aws_errors
from ansible_collections.cloudops.core.plugins.module_utils._aws.s3 import S3Gateway
from ansible_collections.cloudops.core.plugins.module_utils._core.account import Account, Refusal
from ansible_collections.cloudops.core.plugins.module_utils._core.drain import GONE, Drain
from ansible_collections.cloudops.core.plugins.module_utils._core.errors import CloudOpsError, NotFound
from ansible_collections.cloudops.core.plugins.module_utils._core.progress import Progress
from ansible_collections.cloudops.core.plugins.module_utils._domain.buckets import (
    MARKER,
    OBJECT,
    UPLOAD,
    VERSION,
    Emptied,
    Entry,
    Selection,
    Tally,
    count_up_to,
)
from ansible_collections.cloudops.core.plugins.module_utils._domain.emptying import (
    delete_if_empty,
    empty_and_delete,
    itself,
    told,
)

# The service takes at most 1,000 keys a request, and works on them in parallel. Other servers go through a request's keys one after
# the other, so that smaller requests, side by side, end sooner there.
BATCH_ON_AWS = 1000
BATCH_ELSEWHERE = 50

PASSING = frozenset(
    {"SlowDown", "InternalError", "ServiceUnavailable", "Throttling", "RequestTimeout", "OperationAborted"}
)

# Characters that no XML 1.0 document can hold; a DeleteObjects request with one of them is refused as a whole.
_NOT_IN_XML = re.compile("[^\t\n\r\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")


@dataclass(frozen=True)
class Removal:
    """How to remove.

    :param batch_size: keys a request; None: as it suits the server.
    :param concurrency: requests at once.
    :param mfa: serial number and code, where the bucket has MFA delete.
    """

    bypass_governance_retention: bool = False
    mfa: str | None = None
    concurrency: int = 32
    batch_size: int | None = None
    max_objects: int | None = None


class S3Contents:
    """The contents of one bucket."""

    def __init__(self, gateway: S3Gateway, name: str) -> None:
        self._gateway = gateway
        self._client = gateway.client()
        self._name = name
        self._resource = f"bucket {name}"

    # ---- listing

    def entries(self, selection: Selection) -> Iterator[Entry]:
        """All that the selection takes: versions and delete markers first, then uploads. Lazy: holds one page at a time."""
        found = self._versions(selection.prefix)
        if selection.uploads:
            found = chain(found, self._uploads(selection.prefix))
        return (entry for entry in found if selection.takes(entry))

    def _sample(self) -> tuple[Tally, bool]:
        """Count what the first page shows, and tell whether there is more. 1 call, or 2 when it shows nothing."""
        tally = Tally()
        with aws_errors("list the object versions", self._resource):
            page = self._client.list_object_versions(Bucket=self._name, **self._gateway.owner)
        tally.add(_version_entries(page))
        if tally.total == 0:
            tally.add(self._uploads(""))
        return tally, bool(page.get("IsTruncated"))

    def _versions(self, prefix: str) -> Iterator[Entry]:
        pages = self._client.get_paginator("list_object_versions").paginate(
            Bucket=self._name, Prefix=prefix, **self._gateway.owner
        )
        split = ""
        for page in self._pages(pages, "list the object versions"):
            for entry in _version_entries(page):
                # When a page ends amid a key's versions, its latest one may be gone before the next page is read, which then shows
                # another as the latest. That one counts as what it was. What may go is left to what the server says.
                yield entry._replace(kind=VERSION) if entry.kind == OBJECT and entry.key == split else entry
            split = page.get("NextKeyMarker") or ""

    def _uploads(self, prefix: str) -> Iterator[Entry]:
        pages = self._client.get_paginator("list_multipart_uploads").paginate(
            Bucket=self._name, Prefix=prefix, **self._gateway.owner
        )
        for page in self._pages(pages, "list the multipart uploads"):
            for upload in page.get("Uploads") or []:
                yield Entry(UPLOAD, upload["Key"], upload["UploadId"], 0, upload["Initiated"], True)

    def _pages(self, pages: Iterable[Any], operation: str) -> Iterator[Any]:
        """A bucket that vanishes while it is listed holds nothing more."""
        try:
            with aws_errors(operation, self._resource):
                yield from pages
        except NotFound:
            return

    # ---- removing

    def empty(self, selection: Selection, how: Removal, *, dry_run: bool, verify: bool = True) -> Emptied:
        """Remove all that the selection takes; or only count it.

        With a limit, everything is counted before the first removal. With ``verify``, it is listed again at the end.

        :raises Conflict: when there is more than ``max_objects``; nothing has been removed then.
        """
        total: int | None = None
        if dry_run or how.max_objects is not None:
            tally = count_up_to(self.entries(selection), how.max_objects, self._name)
            if dry_run:
                return Emptied(tally)
            total = tally.total
        removed = Tally()
        try:
            with Progress(f"remove from bucket {self._name}", "entries", total) as progress:
                account = self._drain(selection, how, removed.add, verify, progress)
        except CloudOpsError as error:
            return Emptied(removed, failure=error)
        return told(self._name, account, removed, itself)

    def empty_and_delete(self, how: Removal, *, dry_run: bool) -> Emptied:
        """Remove all that the bucket holds, then the bucket; what is written in between goes as well, for a few rounds."""
        return empty_and_delete(
            self._name,
            lambda: self.empty(Selection(), how, dry_run=dry_run, verify=False),
            lambda: self._gateway.delete(self._name),
            dry_run=dry_run,
        )

    def delete_if_empty(self, *, dry_run: bool) -> Emptied:
        """Delete the bucket unless it holds something.

        :raises Conflict: with a count of what it holds.
        """
        return delete_if_empty(self._name, self._sample(), lambda: self._gateway.delete(self._name), dry_run=dry_run)

    def _drain(
        self,
        selection: Selection,
        how: Removal,
        on_removed: Callable[[Iterable[Entry]], None],
        verify: bool,
        progress: Progress,
    ) -> Account[Entry]:
        drain = Drain(
            list_items=lambda: self.entries(selection),
            remove=lambda batch: self._remove_batch(batch, how),
            on_removed=on_removed,
            batch_size=how.batch_size or (BATCH_ON_AWS if self._gateway.is_aws else BATCH_ELSEWHERE),
            concurrency=1 if how.mfa else how.concurrency,
            retry_codes=PASSING,
            max_items=how.max_objects,
            verify=verify,
            progress=progress,
        )
        return drain.run()

    def _remove_batch(self, batch: Sequence[Entry], how: Removal) -> list[Refusal[Entry]]:
        together = [entry for entry in batch if entry.kind != UPLOAD and not _NOT_IN_XML.search(entry.key)]
        alone = [entry for entry in batch if entry.kind == UPLOAD or _NOT_IN_XML.search(entry.key)]
        refused = self._delete_objects(together, how) if together else []
        for entry in alone:
            refused += self._remove_one(entry, how)
        return refused

    def _delete_objects(self, entries: Sequence[Entry], how: Removal) -> list[Refusal[Entry]]:
        """One request. A version id of "null" is sent as it is: without it the service would lay a delete marker over the object."""
        wanted = [{"Key": entry.key, "VersionId": entry.version_id} for entry in entries]
        with aws_errors("delete objects", self._resource):
            response = self._client.delete_objects(
                Bucket=self._name, Delete={"Objects": wanted, "Quiet": True}, **_permissions(how), **self._gateway.owner
            )
        return _refusals(entries, response.get("Errors") or [])

    def _remove_one(self, entry: Entry, how: Removal) -> list[Refusal[Entry]]:
        try:
            with aws_errors("delete one object", self._resource):
                if entry.kind == UPLOAD:
                    self._client.abort_multipart_upload(
                        Bucket=self._name, Key=entry.key, UploadId=entry.version_id, **self._gateway.owner
                    )
                else:
                    self._client.delete_object(
                        Bucket=self._name,
                        Key=entry.key,
                        VersionId=entry.version_id,
                        **_permissions(how),
                        **self._gateway.owner,
                    )
        except NotFound:
            return [Refusal(entry, GONE)]
        except CloudOpsError as error:
            return [Refusal(entry, error.code, error.message)]
        return []


def _permissions(how: Removal) -> dict[str, Any]:
    result: dict[str, Any] = {}
    if how.bypass_governance_retention:
        result["BypassGovernanceRetention"] = True
    if how.mfa:
        result["MFA"] = how.mfa
    return result


def _version_entries(page: Any) -> Iterator[Entry]:
    for found in page.get("Versions") or []:
        latest = bool(found.get("IsLatest"))
        kind = OBJECT if latest else VERSION
        yield Entry(
            kind, found["Key"], found.get("VersionId") or "null", found.get("Size") or 0, found["LastModified"], latest
        )
    for found in page.get("DeleteMarkers") or []:
        yield Entry(
            MARKER,
            found["Key"],
            found.get("VersionId") or "null",
            0,
            found["LastModified"],
            bool(found.get("IsLatest")),
        )


def _refusals(entries: Sequence[Entry], errors: Sequence[Any]) -> list[Refusal[Entry]]:
    """The errors of a quiet answer, each with an entry of its own, so that no entry is taken for removed that wasn't."""
    left = {(entry.key, entry.version_id): entry for entry in entries} if errors else {}
    result = []
    for error in errors:
        key, code = error.get("Key", ""), str(error.get("Code", ""))
        name = (key, error.get("VersionId") or "null")
        if name not in left:  # a server that names the entry in part, or not at all
            name = next((other for other in left if other[0] == key), next(iter(left), name))
        if name in left:
            code = GONE if code in ("NoSuchKey", "NoSuchVersion") else code
            result.append(Refusal(left.pop(name), code, str(error.get("Message", ""))))
    return result
