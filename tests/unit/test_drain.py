# Copyright (c) 2026 cloudops.core contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Draining a store in memory that behaves as badly as real ones do: what the account says is what happened."""

from __future__ import annotations

import threading
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field, replace

import pytest
from ansible_collections.cloudops.core.plugins.module_utils._core.account import SHOWN_PER_CODE, Account, Refusal
from ansible_collections.cloudops.core.plugins.module_utils._core.drain import GONE, Drain
from ansible_collections.cloudops.core.plugins.module_utils._core.errors import (
    CloudOpsError,
    Conflict,
    Denied,
    NotFound,
    Throttled,
    Unavailable,
)
from ansible_collections.cloudops.core.plugins.module_utils._core.fanout import SPARE
from ansible_collections.cloudops.core.plugins.module_utils._core.wait import Clock
from hypothesis import given
from hypothesis import strategies as st

PATIENCE = 30  # seconds, for what should take none


@dataclass(frozen=True)
class Thing:
    """Something in a store. Two with the same key are two."""

    key: str
    version: int = 0


@dataclass
class Store:
    """Holds things, shows them page by page, and removes them unless its manner says otherwise.

    :param manner: what becomes of a thing: None, it goes; a code, it is refused with that code.
    :param whole: an error that the whole batch meets.
    :param on_listing: called at the start of each listing, with its number.
    """

    things: dict[Thing, None]
    manner: Callable[[Thing], str | None] = lambda thing: None
    whole: Callable[[Sequence[Thing]], CloudOpsError | None] = lambda batch: None
    on_listing: Callable[[int], None] = lambda number: None
    lock: threading.Lock = field(default_factory=threading.Lock)
    listings: int = 0
    calls: list[int] = field(default_factory=list)
    gone: list[Thing] = field(default_factory=list)
    told: list[Thing] = field(default_factory=list)
    slept: list[float] = field(default_factory=list)
    unanswered: int = 0
    most_unanswered: int = 0

    def listing(self, page: int = 7) -> Iterator[Thing]:
        """What was there when its page was read."""
        self.listings += 1
        self.on_listing(self.listings)
        after = ("", -1)
        while True:
            with self.lock:
                left = sorted((thing for thing in self.things if (thing.key, thing.version) > after), key=_order)[:page]
            if not left:
                return
            after = _order(left[-1])
            for thing in left:
                with self.lock:
                    self.unanswered += 1
                    self.most_unanswered = max(self.most_unanswered, self.unanswered)
                yield thing

    def remove(self, batch: Sequence[Thing]) -> Sequence[Refusal[Thing]]:
        """One call."""
        with self.lock:
            self.calls.append(len(batch))
            error = self.whole(batch)
            if error is not None:
                raise error
            refused = []
            for thing in batch:
                code = self.manner(thing)
                if code is None:
                    self.things.pop(thing, None)
                    self.gone.append(thing)
                else:
                    refused.append(Refusal(thing, code, f"{code}, says the store"))
            return refused

    def tell(self, things: Iterable[Thing]) -> None:
        """Take note of what the drain says is gone."""
        self.told.extend(things)

    def drain(self, **settings: object) -> Drain[Thing]:
        plan = Drain(
            list_items=self.listing,
            remove=self.remove,
            on_removed=self.tell,
            batch_size=3,
            concurrency=2,
            clock=Clock(sleep=self.slept.append),
        )
        return replace(plan, **settings)


def _order(thing: Thing) -> tuple[str, int]:
    return thing.key, thing.version


def things(count: int) -> dict[Thing, None]:
    return {Thing(f"key-{number:06}"): None for number in range(count)}


def number(thing: Thing) -> int:
    return int(thing.key.rpartition("-")[2])


def told_the_truth(store: Store, account: Account[Thing]) -> bool:
    return Counter(store.told) == Counter(store.gone) and account.removed == len(store.gone)


# ---- everything goes


@given(
    keys=st.lists(st.tuples(st.text("ab", max_size=3), st.integers(0, 5)), unique=True, max_size=40),
    batch_size=st.integers(1, 12),
    concurrency=st.integers(1, 5),
    max_items=st.one_of(st.none(), st.integers(40, 50)),
)
def test_all_of_it_goes(keys: list[tuple[str, int]], batch_size: int, concurrency: int, max_items: int | None) -> None:
    store = Store({Thing(*key): None for key in keys})
    account = store.drain(batch_size=batch_size, concurrency=concurrency, max_items=max_items).run()
    assert store.things == {}
    assert (account.drained, account.gave_up, account.refused) == (True, False, {})
    assert account.passes == (2 if keys else 1)
    assert told_the_truth(store, account)
    assert all(size <= batch_size for size in store.calls)


def test_what_is_empty_costs_one_listing() -> None:
    store = Store({})
    assert store.drain().run() == Account(removed=0, passes=1, drained=True)
    assert (store.listings, store.calls, store.told) == (1, [], [])


def test_batches_are_as_large_as_allowed() -> None:
    store = Store(things(2500))
    store.drain(batch_size=1000, concurrency=4).run()
    assert sorted(store.calls) == [500, 1000, 1000]


def test_batches_go_side_by_side() -> None:
    barrier = threading.Barrier(4, timeout=PATIENCE)
    store = Store(things(24))

    def remove(batch: Sequence[Thing]) -> Sequence[Refusal[Thing]]:
        barrier.wait()
        return store.remove(batch)

    assert store.drain(remove=remove, concurrency=4).run().removed == 24


# ---- some of it doesn't


@dataclass(frozen=True)
class Manners:
    """What the store does with a thing: refuses it for good, or refuses it so many times and then lets go."""

    code: str
    times: int | None


_MANNERS = st.one_of(
    st.just(Manners("", 0)),
    st.builds(Manners, st.sampled_from(["AccessDenied", "InvalidObjectState"]), st.none()),
    st.builds(Manners, st.sampled_from(["SlowDown", "InternalError"]), st.one_of(st.integers(1, 6), st.none())),
)


@given(
    manners=st.lists(_MANNERS, max_size=30),
    batch_size=st.integers(1, 8),
    concurrency=st.integers(1, 4),
    retries=st.integers(0, 4),
)
def test_everything_that_can_go_goes_and_the_rest_is_accounted_for(
    manners: list[Manners], batch_size: int, concurrency: int, retries: int
) -> None:
    tries: Counter[Thing] = Counter()

    def manner(thing: Thing) -> str | None:
        tries[thing] += 1
        found = manners[number(thing)]
        return found.code if found.times is None or tries[thing] <= found.times else None

    def stays(found: Manners) -> bool:
        passing = found.code in ("SlowDown", "InternalError")
        return bool(found.code) and (found.times is None or found.times > (retries if passing else 0))

    store = Store(things(len(manners)), manner)
    account = store.drain(
        batch_size=batch_size,
        concurrency=concurrency,
        retries=retries,
        retry_codes=frozenset({"SlowDown", "InternalError"}),
    ).run()
    left = [found.code for found in manners if stays(found)]
    assert sorted(number(thing) for thing in store.things) == [
        index for index, found in enumerate(manners) if stays(found)
    ]
    assert {code: group.count for code, group in account.refused.items()} == Counter(left)
    assert told_the_truth(store, account)
    assert account.drained is (not left)
    for thing, count in tries.items():
        found = manners[number(thing)]
        passing = found.code in ("SlowDown", "InternalError")
        assert count <= (1 + retries if passing else 1)


def test_refusals_are_grouped_by_code_with_the_first_few_things() -> None:
    codes = {0: "AccessDenied", 1: "AccessDenied", 2: "InvalidObjectState"}
    store = Store(things(300), lambda thing: codes.get(number(thing) % 10))
    account = store.drain(batch_size=50, concurrency=1).run()
    assert {code: group.count for code, group in account.refused.items()} == {
        "AccessDenied": 60,
        "InvalidObjectState": 30,
    }
    denied = account.refused["AccessDenied"]
    assert denied.message == "AccessDenied, says the store"
    assert [number(thing) for thing in denied.first] == [0, 1, 10, 11, 20, 21, 30, 31, 40, 41]
    assert len(denied.first) == SHOWN_PER_CODE
    assert (account.drained, account.gave_up, account.passes) == (False, False, 1)


def test_things_that_look_the_same_are_told_apart() -> None:
    """Two versions with equal values, one of which stays: the account must not mix them up."""
    twins = [Thing("same"), Thing("same")]
    told: list[Thing] = []
    listings = iter([twins, []])
    account = Drain(
        list_items=lambda: iter(next(listings)),
        remove=lambda batch: [Refusal(batch[0], "AccessDenied")],
        on_removed=told.extend,
    ).run()
    assert account.removed == 1
    assert told[0] is twins[1]
    assert account.refused["AccessDenied"].first[0] is twins[0]


@pytest.mark.parametrize("verify", [True, False])
def test_what_was_gone_already_is_neither_removed_nor_refused(verify: bool) -> None:
    store = Store(things(10), lambda thing: GONE if number(thing) == 4 else None)
    store.whole = lambda batch: store.things.pop(Thing("key-000004"), None)
    account = store.drain(batch_size=10, verify=verify).run()
    assert (account.removed, account.refused, account.drained) == (9, {}, True)
    assert told_the_truth(store, account)


def test_without_verifying_one_listing_is_enough() -> None:
    store = Store(things(10))
    account = store.drain(verify=False).run()
    assert (account.removed, account.passes, account.drained, store.listings) == (10, 1, True, 1)


# ---- what passes


def test_only_what_was_refused_for_a_passing_reason_is_tried_again_after_growing_pauses() -> None:
    tries: Counter[Thing] = Counter()

    def manner(thing: Thing) -> str | None:
        tries[thing] += 1
        if number(thing) == 5:
            return "AccessDenied"
        return "SlowDown" if number(thing) == 7 and tries[thing] <= 3 else None

    store = Store(things(10), manner)
    account = store.drain(batch_size=10, concurrency=1, retry_codes=frozenset({"SlowDown"})).run()
    assert store.calls == [10, 1, 1, 1]
    assert store.slept == [0.2, 0.4, 0.8]
    assert (account.removed, {code: group.count for code, group in account.refused.items()}) == (
        9,
        {"AccessDenied": 1},
    )


def test_what_doesnt_pass_is_refused_in_the_end() -> None:
    store = Store(things(4), lambda thing: "SlowDown" if number(thing) == 2 else None)
    account = store.drain(batch_size=4, retry_codes=frozenset({"SlowDown"}), retries=8).run()
    assert store.calls == [4] + [1] * 8
    assert store.slept == pytest.approx([0.2, 0.4, 0.8, 1.6, 3.2, 6.4, 10, 10])
    assert account.refused["SlowDown"].count == 1
    assert account.removed == 3


def test_without_retries_nothing_sleeps() -> None:
    store = Store(things(4), lambda thing: "SlowDown")
    assert store.drain(retry_codes=frozenset({"SlowDown"}), retries=0).run().refused["SlowDown"].count == 4
    assert store.slept == []


# ---- whole batches


def test_a_batch_that_fails_as_a_whole_is_refused_with_its_code() -> None:
    store = Store(things(9), whole=lambda batch: Denied("no", code="AccessDenied") if number(batch[0]) == 3 else None)
    account = store.drain().run()
    assert account.removed == 6
    assert account.refused["AccessDenied"].count == 3
    assert account.refused["AccessDenied"].message == "no"
    assert sorted(number(thing) for thing in store.things) == [3, 4, 5]
    assert not account.gave_up


def test_a_batch_error_without_a_code_goes_by_its_kind() -> None:
    store = Store(things(1), whole=lambda batch: Unavailable("no answer"))
    assert set(store.drain().run().refused) == {"unavailable"}


def test_a_container_that_vanishes_is_drained() -> None:
    """Somebody else deletes it while we work: nothing is left to do, and nothing of it was our doing."""
    store = Store(things(9))

    def whole(batch: Sequence[Thing]) -> CloudOpsError | None:
        store.things.clear()
        return NotFound("no such bucket", code="NoSuchBucket")

    store.whole = whole
    account = store.drain().run()
    assert (account.drained, account.removed, account.refused, store.told) == (True, 0, {}, [])


@pytest.mark.parametrize(
    "error",
    [pytest.param(Denied("no", code="AccessDenied"), id="denied"), pytest.param(NotFound("gone"), id="not found")],
)
def test_what_went_before_a_batch_failed_is_counted(error: CloudOpsError) -> None:
    """The first call removes all but one, which has to wait; the second call fails as a whole."""
    store = Store(things(10), lambda thing: "SlowDown" if number(thing) == 4 else None)
    store.whole = lambda batch: error if len(batch) == 1 else None
    account = store.drain(batch_size=10, max_passes=1, retry_codes=frozenset({"SlowDown"})).run()
    assert len(store.gone) == 9
    assert told_the_truth(store, account)
    assert sum(group.count for group in account.refused.values()) <= 1


def test_what_was_refused_before_a_batch_failed_keeps_its_code() -> None:
    codes = {1: "AccessDenied", 4: "SlowDown"}
    store = Store(things(10), lambda thing: codes.get(number(thing)))
    store.whole = lambda batch: Unavailable("no answer", code="EndpointConnectionError") if len(batch) == 1 else None
    account = store.drain(batch_size=10, retry_codes=frozenset({"SlowDown"})).run()
    assert account.removed == 8
    assert account.refused["AccessDenied"].count == 1
    assert sum(group.count for group in account.refused.values()) == 2


@pytest.mark.parametrize(
    ("times", "removed", "calls", "slept"),
    [
        pytest.param(2, 4, [4, 4, 4], [0.2, 0.4], id="passes"),
        pytest.param(9, 0, [4, 4, 4, 4], [0.2, 0.4, 0.8], id="doesnt-pass"),
    ],
)
def test_a_batch_that_is_throttled_as_a_whole_is_tried_again_after_growing_pauses(
    times: int, removed: int, calls: list[int], slept: list[float]
) -> None:
    store = Store(things(4))
    store.whole = lambda batch: Throttled("slowly", code="SlowDown") if len(store.calls) <= times else None
    account = store.drain(batch_size=4, max_passes=1, retry_codes=frozenset({"SlowDown"}), retries=3).run()
    assert (account.removed, store.calls, store.slept) == (removed, calls, pytest.approx(slept))
    assert {code: group.count for code, group in account.refused.items()} == ({} if removed else {"SlowDown": 4})
    assert told_the_truth(store, account)


def test_when_one_batch_waited_in_vain_the_next_ones_dont() -> None:
    store = Store(things(12))
    store.whole = lambda batch: Throttled("slowly", code="SlowDown")
    account = store.drain(batch_size=2, concurrency=1, retry_codes=frozenset({"SlowDown"}), retries=4).run()
    assert store.slept == pytest.approx([0.2, 0.4, 0.8, 1.6])
    assert account.gave_up
    assert len(store.calls) <= 5 + 2 + SPARE


def test_a_batch_that_went_makes_patience_new() -> None:
    answers = iter(["SlowDown"] * 3 + [""] + ["SlowDown"] * 3 + [""])
    store = Store(things(3))
    store.whole = lambda batch: Throttled("slowly", code=code) if (code := next(answers)) else None
    account = store.drain(
        batch_size=1, concurrency=1, retry_codes=frozenset({"SlowDown"}), retries=2, max_passes=1
    ).run()
    assert store.slept == pytest.approx([0.2, 0.4, 0.2, 0.4])
    assert (account.removed, account.refused["SlowDown"].count) == (1, 2)


# ---- giving up


@pytest.mark.parametrize("concurrency", [1, 3, 8])
def test_gives_up_when_nothing_succeeds_any_more(concurrency: int) -> None:
    store = Store(things(3000), whole=lambda batch: Unavailable("no answer", code="EndpointConnectionError"))
    account = store.drain(concurrency=concurrency).run()
    assert (account.gave_up, account.drained, account.removed) == (True, False, 0)
    in_a_row = max(concurrency, 3)
    assert in_a_row <= len(store.calls) <= in_a_row + concurrency + SPARE
    assert 3 * in_a_row <= account.refused["EndpointConnectionError"].count <= 3 * len(store.calls)


def test_a_failure_here_and_there_is_no_reason_to_give_up() -> None:
    store = Store(things(300), whole=lambda batch: Unavailable("no answer") if number(batch[0]) % 2 else None)
    account = store.drain(concurrency=1).run()
    assert not account.gave_up
    assert (account.removed, account.refused["unavailable"].count) == (150, 150)


@pytest.mark.parametrize(
    ("pattern", "gives_up"),
    [
        pytest.param("--+" * 30, False, id="two failures between successes"),
        pytest.param("+---" + "+" * 50, True, id="three failures in a row"),
        pytest.param("--" + "+" * 50 + "--", False, id="two at the beginning and two at the end"),
    ],
)
def test_gives_up_after_three_failures_in_a_row(pattern: str, gives_up: bool) -> None:
    """One at a time, three are the limit."""
    store = Store(
        things(len(pattern)), whole=lambda batch: Unavailable("no") if pattern[number(batch[0])] == "-" else None
    )
    account = store.drain(concurrency=1, batch_size=1).run()
    assert account.gave_up is gives_up
    assert told_the_truth(store, account)
    if not gives_up:
        assert account.removed == pattern.count("+")


def test_what_was_under_way_when_it_gave_up_is_counted() -> None:
    """One call is slow and succeeds after the others have failed too often."""
    store, failed, answers = Store(things(400)), threading.Event(), 0

    def remove(batch: Sequence[Thing]) -> Sequence[Refusal[Thing]]:
        if number(batch[0]) == 0:
            assert failed.wait(PATIENCE)
            return store.remove(batch)
        raise Unavailable("no answer")

    def tell(gone: Iterable[Thing]) -> None:
        nonlocal answers
        answers += 1
        store.tell(gone)
        if answers == 4:
            failed.set()

    account = store.drain(remove=remove, on_removed=tell, concurrency=4).run()
    assert account.gave_up
    assert len(store.gone) == 3
    assert told_the_truth(store, account)


# ---- others write meanwhile


def test_what_is_added_meanwhile_goes_as_well() -> None:
    store = Store(things(20))

    def write(listing: int) -> None:
        if listing <= 3:
            store.things[Thing(f"new-{listing}")] = None

    store.on_listing = write
    account = store.drain().run()
    assert (account.drained, account.removed, account.passes, store.things) == (True, 23, 4, {})


def test_writers_that_never_stop_are_told_of() -> None:
    store = Store(things(20))
    store.on_listing = lambda listing: store.things.update({Thing(f"new-{listing}"): None})
    account = store.drain(max_passes=5).run()
    assert (account.drained, account.gave_up, account.refused, account.passes) == (False, False, {}, 5)
    assert account.removed == 25
    assert told_the_truth(store, account)


def test_no_second_pass_over_what_was_refused() -> None:
    store = Store(things(20), lambda thing: "AccessDenied" if number(thing) == 3 else None)
    store.on_listing = lambda listing: store.things.update({Thing(f"new-{listing}"): None})
    assert store.drain().run().passes == 1


# ---- the limit


def test_a_limit_that_is_just_met() -> None:
    store = Store(things(20))
    assert store.drain(max_items=20).run().drained


@pytest.mark.parametrize("limit", [0, 1, 19])
def test_never_removes_past_the_limit(limit: int) -> None:
    store = Store(things(20))
    with pytest.raises(Conflict) as caught:
        store.drain(max_items=limit).run()
    assert len(store.gone) <= limit
    assert caught.value.code == "LimitReached"
    assert f"limit of {limit}" in str(caught.value)
    assert "max_objects" in caught.value.hint


@given(
    at_first=st.integers(0, 15),
    added=st.lists(st.integers(0, 5), max_size=4),
    limit=st.integers(0, 20),
    batch_size=st.integers(1, 8),
    concurrency=st.integers(1, 4),
    refuse=st.integers(2, 30),
)
def test_never_removes_past_the_limit_whoever_writes(
    at_first: int, added: list[int], limit: int, batch_size: int, concurrency: int, refuse: int
) -> None:
    store = Store(things(at_first))

    def write(listing: int) -> None:
        for index in range(added[listing - 1] if listing <= len(added) else 0):
            store.things[Thing(f"new-{listing}-{index}")] = None

    store.on_listing = write
    tries: Counter[Thing] = Counter()

    def manner(thing: Thing) -> str | None:
        tries[thing] += 1
        return "SlowDown" if number(thing) % refuse == 1 and tries[thing] == 1 else None

    store.manner = manner
    drain = store.drain(
        max_items=limit, batch_size=batch_size, concurrency=concurrency, retry_codes=frozenset({"SlowDown"})
    )
    stopped = ""
    try:
        assert told_the_truth(store, drain.run())
    except Conflict as error:
        stopped = error.code
    assert len(store.gone) <= limit
    assert Counter(store.told) == Counter(store.gone)
    if stopped:
        assert (stopped, at_first + sum(added) > limit) == ("LimitReached", True)


# ---- errors


def test_an_error_of_the_listing_surfaces_and_what_is_gone_was_told() -> None:
    """Two batches are being removed when the listing fails."""
    error = Denied("no listing", code="AccessDenied")
    store, begun, raising = Store(things(100)), threading.Barrier(3, timeout=PATIENCE), threading.Event()

    def listing() -> Iterator[Thing]:
        for index, thing in enumerate(store.listing()):
            if index == 6:
                begun.wait()
                raising.set()
                raise error
            yield thing

    def remove(batch: Sequence[Thing]) -> Sequence[Refusal[Thing]]:
        begun.wait()
        assert raising.wait(PATIENCE)
        return store.remove(batch)

    with pytest.raises(type(error)):
        store.drain(list_items=listing, remove=remove, batch_size=3).run()
    assert len(store.gone) == 6
    assert Counter(store.told) == Counter(store.gone)


def test_a_bug_surfaces() -> None:
    def remove(batch: Sequence[Thing]) -> Sequence[Refusal[Thing]]:
        raise TypeError("a bug of ours")

    with pytest.raises(TypeError, match="a bug of ours"):
        Store(things(100)).drain(remove=remove).run()


# ---- memory


@pytest.mark.parametrize(("batch_size", "concurrency"), [(1000, 16), (50, 4), (1, 1)])
def test_holds_only_a_few_batches_however_many_there_are(batch_size: int, concurrency: int) -> None:
    total = min(200_000, 2_000 * batch_size)
    lock, in_hand, most = threading.Lock(), 0, 0

    def listing() -> Iterator[int]:
        nonlocal in_hand, most
        for item in range(total if not removed else 0):
            with lock:
                in_hand += 1
                most = max(most, in_hand)
            yield item

    def tell(gone: Iterable[int]) -> None:
        nonlocal in_hand, removed
        count = sum(1 for _unused in gone)
        removed += count
        with lock:
            in_hand -= count

    removed = 0
    account = Drain(
        list_items=listing, remove=lambda batch: (), on_removed=tell, batch_size=batch_size, concurrency=concurrency
    ).run()
    assert (account.removed, removed, account.drained) == (total, total, True)
    assert most <= (concurrency + SPARE) * batch_size


def test_the_account_of_many_refusals_is_small() -> None:
    store = Store({}, lambda thing: "AccessDenied")
    account = store.drain(list_items=lambda: iter(things(5_000)), batch_size=100).run()
    assert account.refused["AccessDenied"].count == 5_000
    assert len(account.refused["AccessDenied"].first) == SHOWN_PER_CODE
