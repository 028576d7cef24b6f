# Copyright (c) 2026 cloudops.core contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a container holds, and which requests remove it: one for a blob with all of its snapshots, one for each version."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from datetime import datetime, timezone
from itertools import groupby
from typing import NamedTuple

from ansible_collections.cloudops.core.plugins.module_utils._domain.buckets import (
    OBJECT,
    SNAPSHOT,
    VERSION,
    Entry,
    Selection,
    Tally,
)

LEASED = "LeaseIdMissing"
POLICY = "BlobImmutableDueToPolicy"
LEGAL_HOLD = "BlobImmutableDueToLegalHold"


class Found(NamedTuple):
    """One entry of a listing.

    :param snapshot: the snapshot's time as Azure writes it; "" for blobs and versions.
    :param version_id: "" where the account has no versioning.
    :param current: not a previous version.
    :param size: bytes.
    :param locked_until: end of its own immutability policy.
    :param deleted: gone, but kept by soft delete for another ``days_left`` days.
    """

    name: str
    size: int
    modified: datetime
    snapshot: str = ""
    version_id: str = ""
    current: bool = True
    leased: bool = False
    locked_until: datetime | None = None
    legal_hold: bool = False
    deleted: bool = False
    days_left: int = 0

    @property
    def kind(self) -> str:
        """Blob, version or snapshot, in the vocabulary of buckets."""
        if self.snapshot:
            return SNAPSHOT
        return OBJECT if self.current else VERSION

    @property
    def written(self) -> datetime:
        """When it came to be; for a snapshot, when it was taken."""
        return moment_of(self.snapshot) or self.modified

    def entry(self, held: str = "") -> Entry:
        """In the terms of buckets."""
        version = self.snapshot or ("" if self.current else self.version_id)
        return Entry(self.kind, self.name, version, self.size, self.written, self.kind == OBJECT, held)


class Target(NamedTuple):
    """What one request removes.

    :param entry: the blob, version or snapshot.
    :param snapshots: the snapshots that go with the blob, and their bytes.
    :param leftover: id of the version that removing this blob leaves behind; it goes in a request of its own.
    """

    entry: Entry
    snapshots: int = 0
    snapshot_bytes: int = 0
    leftover: str = ""
    leased: bool = False

    def count_into(self, tally: Tally) -> None:
        """Count all that it removes."""
        tally.add((self.entry,))
        tally.include(Tally(snapshots=self.snapshots, bytes=self.snapshot_bytes))

    @property
    def total(self) -> int:
        """Entries that it removes."""
        return 1 + self.snapshots


def targets(
    found: Iterable[Found], selection: Selection, now: datetime, *, legal_hold: bool, break_leases: bool
) -> Iterator[Target]:
    """What is to be removed of a listing, in its order. Holds the snapshots of one blob at a time.

    A blob goes with all its snapshots in one request. Where not all of them are selected, the blob stays, and those that are go singly.

    :param legal_hold: the container has one, so nothing in it can go.
    :param break_leases: leased blobs are no obstacle.
    """
    for _name, group in groupby(found, key=lambda one: one.name):
        blob: Found | None = None
        snapshots: list[Found] = []
        for one in group:
            if one.deleted:
                continue
            if one.kind == SNAPSHOT:
                snapshots.append(one)
            elif one.kind == OBJECT:
                blob = one
            elif selection.takes(one.entry()):
                yield Target(one.entry(_held(one, now, legal_hold, break_leases)))
        whole = blob is not None and all(selection.takes(one.entry()) for one in (blob, *snapshots))
        if blob is not None and whole:
            held = next(filter(None, (_held(one, now, legal_hold, break_leases) for one in (blob, *snapshots))), "")
            size = sum(one.size for one in snapshots)
            yield Target(blob.entry(held), len(snapshots), size, blob.version_id, blob.leased)
            continue
        for one in snapshots:
            if selection.takes(one.entry()):
                yield Target(one.entry(_held(one, now, legal_hold, break_leases)))


def _held(one: Found, now: datetime, legal_hold: bool, break_leases: bool) -> str:
    """The code with which Azure would refuse to remove it; "" where the listing shows no reason."""
    if legal_hold or one.legal_hold:
        return LEGAL_HOLD
    if one.locked_until is not None and one.locked_until > now:
        return POLICY
    return LEASED if one.leased and not break_leases else ""


def moment_of(snapshot: str) -> datetime | None:
    """The time in a snapshot's name, 2026-03-01T10:00:00.1234567Z; None where there is none."""
    try:
        return datetime.fromisoformat(snapshot[:19]).replace(tzinfo=timezone.utc)
    except ValueError:
        return None
