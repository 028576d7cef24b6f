# Copyright (c) 2026 cloudops.core contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Parallel work: bounded, nothing lost, and no error kept quiet."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from itertools import count, islice

import pytest
from ansible_collections.cloudops.core.plugins.module_utils._core.errors import CloudOpsError, Denied
from ansible_collections.cloudops.core.plugins.module_utils._core.fanout import (
    SPARE,
    Outcome,
    SharedCounter,
    batches,
    fan_out,
    stream,
)
from hypothesis import given
from hypothesis import strategies as st

PATIENCE = 30  # seconds, for what should take none


class Gauge:
    """How many are inside at once, at the most."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._inside = 0
        self.most = 0
        self.entered = 0

    def __enter__(self) -> None:
        with self._lock:
            self._inside += 1
            self.entered += 1
            self.most = max(self.most, self._inside)

    def __exit__(self, *_error: object) -> None:
        with self._lock:
            self._inside -= 1


def even_only(item: int) -> int:
    if item % 2:
        raise Denied(f"{item} is odd")
    return item * 10


Run = Callable[..., list[Outcome[int, int]]]


def _streamed(work: Callable[[int], int], items: Iterator[int], *, concurrency: int) -> list[Outcome[int, int]]:
    return list(stream(work, items, concurrency=concurrency))


both = pytest.mark.parametrize("run", [pytest.param(fan_out, id="fan_out"), pytest.param(_streamed, id="stream")])


# ---- both


@both
@given(items=st.lists(st.integers(), max_size=40), concurrency=st.integers(1, 9))
def test_every_item_has_one_outcome(run: Run, items: list[int], concurrency: int) -> None:
    outcomes = run(even_only, items, concurrency=concurrency)
    assert sorted(outcome.item for outcome in outcomes) == sorted(items)
    for outcome in outcomes:
        if outcome.item % 2:
            assert (outcome.value, str(outcome.error)) == (None, f"{outcome.item} is odd")
        else:
            assert (outcome.value, outcome.error) == (outcome.item * 10, None)


@both
def test_works_side_by_side(run: Run) -> None:
    """Five that wait for each other get through only when all five are at work."""
    barrier = threading.Barrier(5, timeout=PATIENCE)
    assert len(run(lambda item: barrier.wait() * 0 + item, range(20), concurrency=5)) == 20


@both
@pytest.mark.parametrize("concurrency", [1, 2, 7])
def test_never_more_at_once_than_asked(run: Run, concurrency: int) -> None:
    gauge = Gauge()

    def work(item: int) -> int:
        with gauge:
            return item

    run(work, range(200), concurrency=concurrency)
    assert (gauge.entered, gauge.most <= concurrency) == (200, True)


@both
@pytest.mark.parametrize("concurrency", [1, 4])
def test_a_bug_surfaces(run: Run, concurrency: int) -> None:
    def work(item: int) -> int:
        if item == 13:
            raise ZeroDivisionError("a bug of ours")
        return item

    with pytest.raises(ZeroDivisionError, match="a bug of ours"):
        run(work, range(50), concurrency=concurrency)


@both
def test_no_items(run: Run) -> None:
    assert run(even_only, iter(()), concurrency=4) == []


@both
def test_leaves_no_thread_behind(run: Run) -> None:
    before = set(threading.enumerate())
    run(even_only, range(50), concurrency=4)
    assert set(threading.enumerate()) <= before


# ---- fan_out


@given(items=st.lists(st.integers(), max_size=40), concurrency=st.integers(1, 9))
def test_fan_out_keeps_the_order(items: list[int], concurrency: int) -> None:
    assert [outcome.item for outcome in fan_out(even_only, items, concurrency=concurrency)] == items


def test_fan_out_of_one_starts_no_thread() -> None:
    here = threading.current_thread()
    assert fan_out(lambda item: threading.current_thread(), ["one"], concurrency=9)[0].value is here


# ---- stream


@pytest.mark.parametrize("concurrency", [1, 3, 16])
def test_stream_reads_only_what_it_can_hold(concurrency: int) -> None:
    taken = 0

    def source() -> Iterator[int]:
        nonlocal taken
        for item in range(1000):
            taken += 1
            yield item

    most = 0
    for done, _outcome in enumerate(stream(even_only, source(), concurrency=concurrency)):
        most = max(most, taken - done)
    assert taken == 1000
    assert most <= concurrency + SPARE


def test_stream_waits_for_its_workers_before_it_reads_on() -> None:
    """Workers that are stuck hold the source back: nothing piles up."""
    gate, taken = threading.Event(), []

    def work(item: int) -> int:
        assert gate.wait(PATIENCE)
        return item

    def source() -> Iterator[int]:
        for item in range(100):
            taken.append(item)
            yield item

    found: list[int] = []
    reader = threading.Thread(
        target=lambda: found.extend(outcome.item for outcome in stream(work, source(), concurrency=3)), daemon=True
    )
    reader.start()
    reader.join(0.05)
    held = len(taken)
    gate.set()
    reader.join(PATIENCE)
    assert held <= 3 + SPARE
    assert sorted(found) == list(range(100))


def test_stream_begins_with_the_first_step() -> None:
    gauge = Gauge()

    def work(item: int) -> int:
        with gauge:
            return item

    outcomes = stream(work, count(), concurrency=2)
    assert gauge.entered == 0
    next(outcomes)
    assert gauge.entered > 0
    outcomes.close()


def test_stream_of_an_endless_source_can_be_left() -> None:
    gauge = Gauge()

    def work(item: int) -> int:
        with gauge:
            return item

    outcomes = stream(work, count(), concurrency=4)
    assert len(list(islice(outcomes, 100))) == 100
    outcomes.close()
    entered = gauge.entered
    assert entered <= 100 + 4 + SPARE
    assert gauge.entered == entered


@pytest.mark.parametrize(
    "error", [pytest.param(Denied("no listing"), id="typed"), pytest.param(KeyError("Key"), id="bug")]
)
@pytest.mark.parametrize("before", [0, 1, 5, 30])
def test_an_error_of_the_source_surfaces(error: Exception, before: int) -> None:
    def source() -> Iterator[int]:
        yield from range(before)
        raise error

    with pytest.raises(type(error)):
        list(stream(even_only, source(), concurrency=3))


def test_an_error_of_the_source_doesnt_lose_what_was_begun() -> None:
    """Whoever deletes must be able to tell what is gone."""
    begun, raising, told = threading.Barrier(3, timeout=PATIENCE), threading.Event(), []

    def work(item: int) -> int:
        begun.wait()
        assert raising.wait(PATIENCE)
        return item

    def source() -> Iterator[int]:
        yield from (1, 2)
        begun.wait()
        raising.set()
        raise Denied("no listing")

    def read() -> None:
        for outcome in stream(work, source(), concurrency=4):
            told.append(outcome.value)

    with pytest.raises(Denied):
        read()
    assert sorted(told) == [1, 2]


def test_after_an_error_of_the_source_nothing_new_is_begun() -> None:
    """The first item is done, two are at work, and two more wait when the listing fails."""
    begun, gate, worked = threading.Barrier(3, timeout=PATIENCE), threading.Event(), []

    def work(item: int) -> int:
        worked.append(item)
        if item > 0:
            begun.wait()
            assert gate.wait(PATIENCE)
        return item

    def source() -> Iterator[int]:
        yield from range(5)
        begun.wait()
        raise Denied("no listing")

    def read() -> None:
        for _outcome in stream(work, source(), concurrency=2):
            gate.set()

    with pytest.raises(Denied):
        read()
    assert sorted(worked) == [0, 1, 2]


# ---- batches


@given(items=st.lists(st.integers(), max_size=50), size=st.integers(1, 20))
def test_batches_hold_all_items_in_order(items: list[int], size: int) -> None:
    cut = list(batches(items, size))
    assert [item for batch in cut for item in batch] == items
    assert all(len(batch) == size for batch in cut[:-1])
    assert all(1 <= len(batch) <= size for batch in cut)


def test_batches_are_lazy() -> None:
    taken = 0

    def source() -> Iterator[int]:
        nonlocal taken
        while True:
            taken += 1
            yield taken

    cut = batches(source(), 10)
    assert taken == 0
    assert next(cut) == list(range(1, 11))
    assert taken == 10


# ---- SharedCounter


def test_counts_from_many_threads() -> None:
    counter = SharedCounter()
    fan_out(lambda item: [counter.add(name) for name in ("PutObject", "HeadBucket")], range(500), concurrency=8)
    assert counter.as_result() == {"HeadBucket": 500, "PutObject": 500}
    assert list(counter.as_result()) == ["HeadBucket", "PutObject"]


def test_outcomes_keep_typed_errors_whole() -> None:
    error = CloudOpsError("no", code="X", details={"a": 1})

    def work(item: int) -> int:
        raise error

    assert fan_out(work, [1, 2], concurrency=2)[0].error is error
