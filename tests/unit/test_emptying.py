# Copyright (c) 2026 cloudops.core contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What an emptying comes to, and a bucket that goes although somebody still writes to it."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import datetime, timezone

import pytest
from ansible_collections.cloudops.core.plugins.module_utils._core.account import Account, Refusal
from ansible_collections.cloudops.core.plugins.module_utils._core.errors import CloudOpsError, Conflict, Denied
from ansible_collections.cloudops.core.plugins.module_utils._domain.buckets import OBJECT, Emptied, Entry, Tally
from ansible_collections.cloudops.core.plugins.module_utils._domain.emptying import (
    DELETE_ROUNDS,
    delete_if_empty,
    empty_and_delete,
    itself,
    told,
)

NOON = datetime(2026, 11, 21, 12, tzinfo=timezone.utc)


def entry(key: str, version: str = "") -> Entry:
    return Entry(OBJECT, key, version, 2, NOON, latest=True)


def entries(count: int) -> list[Entry]:
    return [entry(f"k{number}") for number in range(count)]


def tally_of(count: int) -> Tally:
    tally = Tally()
    tally.add(entries(count))
    return tally


def account(*codes: str, drained: bool = False, passes: int = 1) -> Account[Entry]:
    kept = Account[Entry](drained=drained, passes=passes)
    kept.add_refusals(Refusal(entry(f"k{number}"), code, "no") for number, code in enumerate(codes))
    return kept


@pytest.mark.parametrize(
    ("kept", "dry_run", "code", "refused"),
    [
        pytest.param(account(drained=True), False, "", [], id="all-went"),
        pytest.param(account(passes=5), False, "StillWritten", [], id="writers"),
        pytest.param(account(), True, "", [], id="counted"),
        pytest.param(account("A", "B", "B"), False, "B", [("A", 1), ("B", 2)], id="refused-most-first"),
        pytest.param(account("A", drained=True), True, "A", [("A", 1)], id="would-be-refused"),
    ],
)
def test_what_it_comes_to(kept: Account[Entry], dry_run: bool, code: str, refused: list[tuple[str, int]]) -> None:
    removed = tally_of(3)
    emptied = told("logs", kept, removed, itself, dry_run=dry_run)
    assert emptied.tally is removed
    assert (emptied.failure.code if emptied.failure else "") == code
    assert [(one["code"], one["count"]) for one in emptied.refused] == refused


def test_items_are_told_as_what_they_are_in_the_bucket() -> None:
    kept = Account[str]()
    kept.add_refusals([Refusal("a", "Held", "by law")])
    emptied = told("box", kept, Tally(), lambda item: entry(f"dir/{item}", "v1"), noun="container")
    first = [{"key": "dir/a", "version_id": "v1", "kind": OBJECT}]
    assert emptied.refused == ({"code": "Held", "count": 1, "message": "by law", "first": first},)
    assert emptied.failure is not None
    assert emptied.failure.message.startswith("container box: 1 entries could not be removed (1 with Held, such as ")


@pytest.mark.parametrize(("dry_run", "deleted"), [(True, []), (False, ["logs"])], ids=["check", "real"])
def test_an_empty_bucket_goes(dry_run: bool, deleted: list[str]) -> None:
    done: list[str] = []
    assert delete_if_empty("logs", (Tally(), False), lambda: done.append("logs"), dry_run=dry_run) == Emptied()
    assert done == deleted


@pytest.mark.parametrize("dry_run", [True, False], ids=["check", "real"])
@pytest.mark.parametrize(("more", "words"), [(False, "it holds 2"), (True, "it holds at least 2")], ids=["all", "more"])
def test_a_bucket_that_holds_something_is_not_deleted(dry_run: bool, more: bool, words: str) -> None:
    done: list[str] = []
    with pytest.raises(Conflict, match=words) as caught:
        delete_if_empty("logs", (tally_of(2), more), lambda: done.append("logs"), dry_run=dry_run)
    assert caught.value.details["contents"]["objects"] == 2
    assert done == []


NOT_EMPTY = Conflict("something is there", code="BucketNotEmpty")
OTHERS = Conflict("a policy is attached", code="BucketInUse")
DENIED = Denied("not yours", code="AccessDenied")
REFUSED = Emptied(tally_of(1), ({"code": "Held"},), Conflict("held", code="Held"))


def answers(*errors: CloudOpsError | None) -> Callable[[], None]:
    coming: Iterator[CloudOpsError | None] = iter(errors)

    def delete() -> None:
        error = next(coming)
        if error is not None:
            raise error

    return delete


@pytest.mark.parametrize(
    ("counts", "deletes", "removed", "code"),
    [
        pytest.param([2], (None,), 2, "", id="at-once"),
        pytest.param([2, 1], (NOT_EMPTY, None), 3, "", id="written-to-once"),
        pytest.param([2, 1, 1, 1], (NOT_EMPTY,) * DELETE_ROUNDS, 5, "StillWritten", id="written-to-for-ever"),
        pytest.param([2], (OTHERS,), 2, "BucketInUse", id="another-conflict"),
        pytest.param([2], (DENIED,), 2, "AccessDenied", id="forbidden-after-emptying"),
    ],
)
def test_a_bucket_goes(counts: list[int], deletes: tuple[CloudOpsError | None, ...], removed: int, code: str) -> None:
    found = iter(counts)
    emptied = empty_and_delete("logs", lambda: Emptied(tally_of(next(found))), answers(*deletes), dry_run=False)
    assert (emptied.tally.total, emptied.failure.code if emptied.failure else "") == (removed, code)
    assert list(found) == []


@pytest.mark.parametrize("dry_run", [True, False], ids=["check", "real"])
def test_a_bucket_that_holds_something_back_stays(dry_run: bool) -> None:
    emptied = empty_and_delete("logs", lambda: REFUSED, answers(), dry_run=dry_run)
    assert (emptied.tally.total, emptied.refused, emptied.failure) == (1, REFUSED.refused, REFUSED.failure)


def test_a_check_deletes_nothing() -> None:
    emptied = empty_and_delete("logs", lambda: Emptied(tally_of(4)), answers(), dry_run=True)
    assert (emptied.tally.total, emptied.failure) == (4, None)
