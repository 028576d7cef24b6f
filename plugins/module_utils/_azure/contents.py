# Copyright (c) 2026 cloudops.core contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a container holds: listing it and removing it, page by page and batch by batch.

https://learn.microsoft.com/rest/api/storageservices/list-blobs
https://learn.microsoft.com/rest/api/storageservices/delete-blob
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any

from ansible_collections.cloudops.core.plugins.module_utils._azure.batch import Answers, Part, delete_all, delete_one
from ansible_collections.cloudops.core.plugins.module_utils._azure.containers import (
    Container,
    ContainerGateway,
    unless_leased,
)
from ansible_collections.cloudops.core.plugins.module_utils._azure.errors import azure_errors
from ansible_collections.cloudops.core.plugins.module_utils._core.account import Account, Refusal
from ansible_collections.cloudops.core.plugins.module_utils._core.drain import GONE, Drain
from ansible_collections.cloudops.core.plugins.module_utils._core.errors import (
    CloudOpsError,
    Conflict,
    NotFound,
    Throttled,
)
from ansible_collections.cloudops.core.plugins.module_utils._core.fanout import SharedCounter
from ansible_collections.cloudops.core.plugins.module_utils._core.progress import Progress
from ansible_collections.cloudops.core.plugins.module_utils._domain.blobs import LEASED, Found, Target, targets
from ansible_collections.cloudops.core.plugins.module_utils._domain.buckets import (
    OBJECT,
    SNAPSHOT,
    VERSION,
    Emptied,
    Entry,
    Selection,
    Tally,
    not_empty,
)
from ansible_collections.cloudops.core.plugins.module_utils._domain.containers import KEYS_A_REQUEST, NOUN
from ansible_collections.cloudops.core.plugins.module_utils._domain.emptying import told

PASSING = frozenset(
    {"ServerBusy", "TooManyRequests", "429", "OperationTimedOut", "InternalError", "500", "502", "503", "504"}
)

# Azure works on the parts of a batch side by side; emulators do so one after the other, and the answer is long in coming.
BATCH_ELSEWHERE = 32


@dataclass(frozen=True)
class Removal:
    """How to remove.

    :param batch_size: blobs a request; None: as many as the service takes.
    :param concurrency: requests at once.
    :param break_leases: leased blobs go, too.
    """

    concurrency: int = 16
    batch_size: int | None = None
    max_objects: int | None = None
    break_leases: bool = False


class ContainerContents:
    """The contents of one container.

    :param now: what ages and retentions are held against.
    """

    def __init__(self, gateway: ContainerGateway, name: str, container: Container, now: datetime) -> None:
        self._gateway = gateway
        self._client = gateway.account.container(name)
        self._name = name
        self._container = container
        self._now = now
        self._resource = f"container {name}"
        self._counts = SharedCounter()
        # Deletions that failed on the server's side: each may have been carried out all the same.
        self._in_doubt: set[Entry] = set()

    @property
    def leases_broken(self) -> int:
        """Leases that were ended, or would be."""
        return self._counts.as_result().get("leases", 0)

    # ---- listing

    def targets(self, selection: Selection, how: Removal) -> Iterator[Target]:
        """All that the selection takes. Lazy: holds one page at a time."""
        include = ["snapshots", "versions"]
        if self._container.version_level:
            include += ["immutabilitypolicy", "legalhold"]
        return targets(
            self._list(selection.prefix, include),
            selection,
            self._now,
            legal_hold=self._container.legal_hold,
            break_leases=how.break_leases,
        )

    def _list(self, prefix: str, include: Sequence[str]) -> Iterator[Found]:
        """A container that vanishes while it is listed holds nothing more."""
        try:
            with azure_errors("list the blobs", self._resource):
                for item in self._client.list_blobs(name_starts_with=prefix or None, include=list(include)):
                    yield found_from(item)
        except NotFound:
            return

    def soft_deleted(self, prefix: str) -> dict[str, int]:
        """Count what the account's soft delete keeps. It can't be removed any sooner."""
        tally, days = _no_entries(), 0
        for one in self._list(prefix, ["snapshots", "versions", "deleted"]):
            if one.deleted:
                tally.add((one.entry(),))
                days = max(days, one.days_left)
        return {**tally.as_result(), "days_left": days}

    def _count(self, selection: Selection, how: Removal) -> tuple[Tally, Account[Target]]:
        """Count what would go, and what the listing shows to be held back.

        :raises Conflict: when more would go than ``max_objects``; nothing has been removed then.
        """
        tally, held = _no_entries(), Account[Target]()
        for target in self.targets(selection, how):
            if target.entry.held:
                held.add_refusals([_kept(target)])
                continue
            target.count_into(tally)
            if target.leased:
                self._counts.add("leases")
            if how.max_objects is not None and tally.total > how.max_objects:
                raise Conflict(
                    f"{NOUN} {self._name} holds more than max_objects={how.max_objects} entries of what was selected; "
                    "nothing was removed",
                    code="LimitExceeded",
                    hint="Look at what is there, then raise max_objects or narrow it by prefix or older_than.",
                )
        return tally, held

    # ---- removing

    def empty(self, selection: Selection, how: Removal, *, dry_run: bool, verify: bool = True) -> Emptied:
        """Remove all that the selection takes; or only count it.

        With a limit, everything is counted before the first removal. With ``verify``, it is listed again at the end.

        :raises Conflict: when there is more than ``max_objects``; nothing has been removed then.
        """
        total: int | None = None
        if dry_run or how.max_objects is not None:
            tally, held = self._count(selection, how)
            if dry_run:
                return self._told(held, tally, dry_run=True)
            self._counts, total = SharedCounter(), tally.total
        removed = _no_entries()
        try:
            with Progress(f"remove from {NOUN} {self._name}", "entries", total) as progress:
                account = self._drain(selection, how, removed, verify, progress)
        except CloudOpsError as error:
            return Emptied(removed, failure=error)
        return self._told(account, removed)

    def empty_and_delete(self, how: Removal, *, dry_run: bool) -> Emptied:
        """Delete the container with all that it holds, which takes one request after the counting.

        Where a policy makes blobs immutable, the service deletes only empty containers: then what may go is removed first.

        :raises Conflict: when it is leased, or holds more than ``max_objects``; nothing has been removed then.
        """
        unless_leased(self._name, self._container, how.break_leases)
        if self._container.legal_hold or self._container.immutable or self._container.version_level:
            return self._empty_first(how, dry_run=dry_run)
        tally, held = self._count(Selection(), how)
        # The container goes as a whole, and with it what is leased: their leases need not be ended one by one.
        self._counts = SharedCounter()
        if held.refused:
            return self._none_removed(held, tally)
        failure = self._delete(dry_run)
        return Emptied(_no_entries() if failure else tally, failure=failure)

    def delete_if_empty(self, how: Removal, *, dry_run: bool) -> Emptied:
        """Delete the container unless it holds something.

        :raises Conflict: with a count of what it holds, or when it is leased.
        """
        unless_leased(self._name, self._container, how.break_leases)
        sample, more = self._sample()
        if sample.total:
            raise not_empty(self._name, sample, more, noun=NOUN)
        return Emptied(sample, failure=self._delete(dry_run))

    def _sample(self) -> tuple[Tally, bool]:
        """Count what the first page shows, and tell whether there is more. 1 call."""
        tally = _no_entries()
        with azure_errors("list the blobs", self._resource):
            pages = self._client.list_blobs(include=["snapshots", "versions"]).by_page()
            for item in next(pages, ()):
                tally.add((found_from(item).entry(),))
        return tally, bool(pages.continuation_token)

    def _empty_first(self, how: Removal, *, dry_run: bool) -> Emptied:
        emptied = self.empty(Selection(), how, dry_run=dry_run)
        return emptied if emptied.failure else replace(emptied, failure=self._delete(dry_run))

    def _delete(self, dry_run: bool) -> CloudOpsError | None:
        """Delete the container, and end its lease before."""
        if self._container.leased:
            self._counts.add("leases")
        if dry_run:
            return None
        try:
            if self._container.leased:
                self._gateway.break_lease(self._name)
            self._gateway.delete(self._name)
        except CloudOpsError as error:
            return error
        return None

    def _none_removed(self, held: Account[Target], tally: Tally) -> Emptied:
        """Some of it is held back, so that the container can't go, and nothing is touched."""
        told = self._told(held, _no_entries(), dry_run=True)
        count = sum(group.count for group in held.refused.values())
        failure = Conflict(
            f"{NOUN} {self._name} can't be deleted: {count} of its blobs are held back "
            f"({', '.join(sorted(held.refused))}); nothing was removed, and nothing holds the others back: {tally}",
            code=next(iter(held.refused)),
            hint=told.failure.hint if told.failure else "",
        )
        return replace(told, failure=failure)

    def _told(self, account: Account[Target], removed: Tally, *, dry_run: bool = False) -> Emptied:
        return told(self._name, account, removed, lambda target: target.entry, dry_run=dry_run, noun=NOUN)

    def _drain(
        self, selection: Selection, how: Removal, removed: Tally, verify: bool, progress: Progress
    ) -> Account[Target]:
        def count(done: Iterable[Target]) -> None:
            for target in done:
                target.count_into(removed)

        drain: Drain[Target] = Drain(
            list_items=lambda: self._within_limit(selection, how, removed),
            remove=lambda batch: self._remove_batch(batch, how),
            on_removed=count,
            batch_size=how.batch_size or (KEYS_A_REQUEST if self._gateway.account.is_azure else BATCH_ELSEWHERE),
            concurrency=how.concurrency,
            retry_codes=PASSING,
            verify=verify,
            progress=progress,
        )
        return drain.run()

    def _within_limit(self, selection: Selection, how: Removal, removed: Tally) -> Iterator[Target]:
        """The listing, cut short by an error when it would go past the limit (others added while we removed)."""
        taken = removed.total
        for target in self.targets(selection, how):
            taken += 0 if target.entry.held else target.total
            if how.max_objects is not None and taken > how.max_objects:
                raise Conflict(
                    f"blobs were added meanwhile; stopped at the limit of {how.max_objects} entries",
                    code="LimitReached",
                    hint="Stop the writers, or raise max_objects, and run again.",
                )
            yield target

    def _remove_batch(self, batch: Sequence[Target], how: Removal) -> list[Refusal[Target]]:
        """Remove what isn't held back; a second request for versions that the first one left, and for leases that it met."""
        refused = [_kept(target) for target in batch if target.entry.held]
        free = [target for target in batch if not target.entry.held]
        if how.break_leases:
            for target in free:
                if target.leased:
                    self._break(target)
        outcome = self._submit(free, [_blob_request(target) for target in free])
        if how.break_leases:
            met = [target for target in free if outcome[target].code == LEASED]
            for target in met:
                self._break(target)
            outcome.update(self._submit(met, [_blob_request(target) for target in met]))
        left = [
            target for target in free if target.leftover and (outcome[target].done or outcome[target].status == 404)
        ]
        for target, part in self._submit(left, [_version_request(target) for target in left]).items():
            if not (part.code == GONE and outcome[target].done):
                outcome[target] = part
        return refused + [_refusal(target, part) for target, part in outcome.items() if not part.done]

    def _submit(self, wanted: Sequence[Target], requests: Sequence[Mapping[str, Any]]) -> dict[Target, Part]:
        """One request. What a failed earlier try may have removed, and isn't there now, counts as removed by us."""
        if not wanted:
            return {}
        try:
            answers = delete_all(self._client, requests, self._resource, self._gateway.account.count)
        except Throttled as error:
            answers = Answers([Part(429, error.code, error.message)] * len(wanted))
        result: dict[Target, Part] = {}
        for target, request, answer in zip(wanted, requests, answers.parts, strict=True):
            part = answer
            if part.status == 404 and target.entry.kind != OBJECT:
                # Azurite finds no snapshot by a request within a batch.
                part = delete_one(self._client, request, self._resource)
            if part.status >= 500:
                self._in_doubt.add(target.entry)
            elif part.status == 404 and part.code != "ContainerNotFound":
                ours = answers.repeated or target.entry in self._in_doubt
                part = Part(202) if ours else Part(404, GONE)
            result[target] = part
        return result

    def _break(self, target: Target) -> None:
        """End a blob's lease. Where that fails, its deletion says why."""
        try:
            if self._gateway.break_lease(self._name, target.entry.key):
                self._counts.add("leases")
        except CloudOpsError:
            return


def found_from(item: Any) -> Found:
    """What the SDK tells of an entry of a listing."""
    version = item.version_id or ""
    policy = getattr(item, "immutability_policy", None)
    return Found(
        name=item.name,
        size=item.size or 0,
        modified=item.last_modified,
        snapshot=item.snapshot or "",
        version_id=version,
        current=not version or bool(item.is_current_version),
        leased=str(getattr(item.lease, "status", "") or "") == "locked",
        locked_until=getattr(policy, "expiry_time", None),
        legal_hold=bool(getattr(item, "has_legal_hold", None)),
        deleted=bool(item.deleted),
        days_left=item.remaining_retention_days or 0,
    )


def _no_entries() -> Tally:
    return Tally(snapshots=0)


def _blob_request(target: Target) -> dict[str, Any]:
    """A blob goes with its snapshots; a version or a snapshot goes alone."""
    entry = target.entry
    if entry.kind == OBJECT:
        return {"name": entry.key, "delete_snapshots": "include"}
    which = {SNAPSHOT: "snapshot", VERSION: "version_id"}[entry.kind]
    return {"name": entry.key, which: entry.version_id}


def _version_request(target: Target) -> dict[str, Any]:
    """With versioning, deleting a blob makes it a previous version, which goes by its id."""
    return {"name": target.entry.key, "version_id": target.leftover}


def _kept(target: Target) -> Refusal[Target]:
    return Refusal(target, target.entry.held, "the listing shows it, so it wasn't tried")


def _refusal(target: Target, part: Part) -> Refusal[Target]:
    code = GONE if part.code == GONE or part.code == "ContainerNotFound" else part.code
    return Refusal(target, code or str(part.status), part.message)
