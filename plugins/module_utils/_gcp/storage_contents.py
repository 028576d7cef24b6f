# Copyright (c) 2026 cloudops.core contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a bucket of Cloud Storage holds: listing its generations and deleting them, page by page and batch by batch.

https://cloud.google.com/storage/docs/json_api/v1/objects/list
https://cloud.google.com/storage/docs/json_api/v1/objects/delete
https://cloud.google.com/storage/docs/batch
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from itertools import islice
from urllib.parse import quote, urlencode

from ansible_collections.cloudops.core.plugins.module_utils._core.account import Account, Refusal
from ansible_collections.cloudops.core.plugins.module_utils._core.drain import GONE, Drain
from ansible_collections.cloudops.core.plugins.module_utils._core.errors import CloudOpsError, NotFound
from ansible_collections.cloudops.core.plugins.module_utils._core.progress import Progress
from ansible_collections.cloudops.core.plugins.module_utils._domain.buckets import (
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
from ansible_collections.cloudops.core.plugins.module_utils._gcp import storage_shapes as shapes
from ansible_collections.cloudops.core.plugins.module_utils._gcp.batch import (
    BOUNDARY,
    Answer,
    decode_answers,
    encode_deletions,
)
from ansible_collections.cloudops.core.plugins.module_utils._gcp.errors import from_answer, gcp_errors
from ansible_collections.cloudops.core.plugins.module_utils._gcp.storage import PAGE, StorageGateway, path_of

CALLS_A_BATCH = 100
NO_ANSWER = "noAnswer"

# What a single call of a batch is refused with for a while only, by status: https://cloud.google.com/storage/docs/retry-strategy
PASSING_STATUS = {
    408: "requestTimeout",
    429: "rateLimitExceeded",
    500: "internalError",
    502: "badGateway",
    503: "backendError",
    504: "gatewayTimeout",
}
PASSING = frozenset({*PASSING_STATUS.values(), NO_ANSWER})


@dataclass(frozen=True)
class Removal:
    """How to remove.

    :param batch_size: deletions a request; None: as many as the service takes.
    :param concurrency: requests at once.
    """

    concurrency: int = 16
    batch_size: int | None = None
    max_objects: int | None = None


class StorageContents:
    """The contents of one bucket.

    :param now: the moment that retention is held against.
    """

    def __init__(self, gateway: StorageGateway, name: str, now: datetime) -> None:
        self._gateway = gateway
        self._api = gateway.api
        self._name = name
        self._now = now
        self._resource = f"bucket {name}"

    # ---- listing

    def entries(self, selection: Selection) -> Iterator[Entry]:
        """All that the selection takes. Lazy: holds one page at a time."""
        return (entry for entry in self._generations(selection.prefix) if selection.takes(entry))

    def _generations(self, prefix: str) -> Iterator[Entry]:
        """Every generation, live or not. A bucket that vanishes while it is listed holds nothing more."""
        query = {"versions": "true", "maxResults": PAGE, "fields": f"nextPageToken,items({shapes.OBJECT_FIELDS})"}
        if prefix:
            query["prefix"] = prefix
        pages = self._api.pages(
            f"{path_of(self._name)}/o", query, lambda _iterator, item: shapes.entry(item, self._now)
        )
        try:
            with gcp_errors("list the objects", self._resource):
                yield from pages
        except NotFound:
            return

    def _sample(self) -> tuple[Tally, bool]:
        """Count what the first page shows, and tell whether there is more. 1 call, or 2 where a whole page is full."""
        tally = Tally()
        listed = self._generations("")
        tally.add(islice(listed, PAGE))
        return tally, next(listed, None) is not None

    # ---- removing

    def empty(self, selection: Selection, how: Removal, *, dry_run: bool, verify: bool = True) -> Emptied:
        """Remove all that the selection takes; or only count it.

        With a limit, everything is counted before the first removal. With ``verify``, it is listed again at the end. A dry run takes
        holds and retention from the listing, a real one from the service's refusals.

        :raises Conflict: when there is more than ``max_objects``; nothing has been removed then.
        """
        if dry_run:
            return self._count(selection, how)
        total: int | None = None
        if how.max_objects is not None:
            total = count_up_to(self.entries(selection), how.max_objects, self._name).total
        removed = Tally()
        try:
            with Progress(f"remove from bucket {self._name}", "entries", total) as progress:
                account = self._drain(selection, how, removed.add, verify, progress)
        except CloudOpsError as error:
            return Emptied(removed, failure=error)
        return told(self._name, account, removed, itself)

    def _count(self, selection: Selection, how: Removal) -> Emptied:
        """What a real run would remove, and what it would be refused. The limit is for all of it together, as it is there."""
        free, kept = Tally(), Account[Entry](drained=True)

        def sort_out() -> Iterator[Entry]:
            for entry in self.entries(selection):
                if entry.held:
                    kept.add_refusals([Refusal(entry, entry.held)])
                else:
                    free.add((entry,))
                yield entry

        count_up_to(sort_out(), how.max_objects, self._name)
        return told(self._name, kept, free, itself, dry_run=True)

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
            remove=self._remove,
            on_removed=on_removed,
            batch_size=how.batch_size or CALLS_A_BATCH,
            concurrency=how.concurrency,
            retry_codes=PASSING,
            max_items=how.max_objects,
            verify=verify,
            progress=progress,
        )
        return drain.run()

    def _remove(self, entries: Sequence[Entry]) -> list[Refusal[Entry]]:
        """Delete by generation: what was written meanwhile is another generation, and stays."""
        if len(entries) == 1:
            return self._remove_one(entries[0])
        targets = [self._target(entry) for entry in entries]
        content_type, body = self._api.post_batch(encode_deletions(targets), BOUNDARY, "delete objects", self._resource)
        with gcp_errors("delete objects", self._resource):
            answers = decode_answers(content_type, body, len(entries))
        refusals = (self._refusal(entry, answer) for entry, answer in zip(entries, answers, strict=True))
        return [refusal for refusal in refusals if refusal is not None]

    def _path(self, entry: Entry) -> str:
        return f"{path_of(self._name)}/o/{quote(entry.key, safe='')}"

    def _target(self, entry: Entry) -> str:
        """Path and query of one call of a batch."""
        query = self._api.with_payer({"generation": entry.version_id})
        return f"/storage/v1{self._path(entry)}?{urlencode(query)}"

    def _remove_one(self, entry: Entry) -> list[Refusal[Entry]]:
        try:
            self._api.request(
                "DELETE", self._path(entry), "delete one object", self._resource, query={"generation": entry.version_id}
            )
        except NotFound:
            return [Refusal(entry, GONE)]
        except CloudOpsError as error:
            return [Refusal(entry, error.code, error.message)]
        return []

    def _refusal(self, entry: Entry, answer: Answer | None) -> Refusal[Entry] | None:
        if answer is None:
            return Refusal(entry, NO_ANSWER, "the answer to the batch leaves it out")
        if 200 <= answer.status < 300:
            return None
        if answer.status == 404:
            return Refusal(entry, GONE)
        error = from_answer(answer.status, answer.body, "delete one object", self._resource)
        return Refusal(entry, PASSING_STATUS.get(answer.status, error.code), error.message)
