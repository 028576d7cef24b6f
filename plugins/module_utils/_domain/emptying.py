# Copyright (c) 2026 cloudops.core contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""How an emptying is told, and how a bucket goes that somebody may still write to. The same for every provider."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any, TypeVar

from ansible_collections.cloudops.core.plugins.module_utils._core.account import Account, RefusalGroup
from ansible_collections.cloudops.core.plugins.module_utils._core.errors import CloudOpsError
from ansible_collections.cloudops.core.plugins.module_utils._domain.buckets import (
    Emptied,
    Entry,
    KeptBack,
    Tally,
    kept_back,
    not_empty,
    still_written,
)

Item = TypeVar("Item")

DELETE_ROUNDS = 3


def itself(entry: Entry) -> Entry:
    """What an entry is in the bucket, where the drain's items are entries."""
    return entry


def told(
    name: str,
    account: Account[Item],
    removed: Tally,
    entry_of: Callable[[Item], Entry],
    *,
    dry_run: bool = False,
    noun: str = "bucket",
) -> Emptied:
    """What a drain comes to: what was removed, what was refused, and the error that says so.

    :param entry_of: what an item of the drain is in the bucket.
    :param dry_run: nothing was tried; the account has what the listing shows to be held back.
    """
    refused = tuple(_refused_result(code, group, entry_of) for code, group in account.refused.items())
    failure: CloudOpsError | None = None
    if account.refused:
        groups = [
            KeptBack(code, group.count, [entry_of(item) for item in group.first])
            for code, group in account.refused.items()
        ]
        failure = kept_back(name, groups, removed, account.gave_up, dry_run=dry_run, noun=noun)
    elif not (dry_run or account.drained):
        failure = still_written(name, account.passes, removed, noun=noun)
    return Emptied(removed, refused, failure)


def _refused_result(code: str, group: RefusalGroup[Item], entry_of: Callable[[Item], Entry]) -> dict[str, Any]:
    entries = [entry_of(item) for item in group.first]
    first = [{"key": entry.key, "version_id": entry.version_id, "kind": entry.kind} for entry in entries]
    return {"code": code, "count": group.count, "message": group.message, "first": first}


def delete_if_empty(name: str, sample: tuple[Tally, bool], delete: Callable[[], object], *, dry_run: bool) -> Emptied:
    """Delete a bucket unless it holds something.

    :param sample: a count of what a look at it shows, and whether there is more.
    :raises Conflict: with that count.
    """
    shown, more = sample
    if shown.total:
        raise not_empty(name, shown, more)
    if not dry_run:
        delete()
    return Emptied()


def empty_and_delete(
    name: str, empty: Callable[[], Emptied], delete: Callable[[], object], *, dry_run: bool
) -> Emptied:
    """Empty a bucket, then delete it; what is written in between goes as well, for a few rounds.

    :param empty: removes all that is there; with ``dry_run`` only counts it.
    :param delete: raises a Conflict with the code BucketNotEmpty when something is there again.
    """
    emptied = empty()
    total = emptied.tally
    for _round in range(DELETE_ROUNDS):
        if dry_run or emptied.failure:
            return replace(emptied, tally=total)
        try:
            delete()
        except CloudOpsError as error:
            if error.code != "BucketNotEmpty":
                return Emptied(total, failure=error)
        else:
            return replace(emptied, tally=total)
        emptied = empty()
        total.include(emptied.tally)
    return Emptied(total, failure=still_written(name, DELETE_ROUNDS, total))
