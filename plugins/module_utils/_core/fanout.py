# Copyright (c) 2026 cloudops.core contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Bounded parallel work. The only place in the collection that starts threads."""

from __future__ import annotations

import threading
from collections import Counter
from collections.abc import Callable, Generator, Iterable, Iterator
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from dataclasses import dataclass
from itertools import islice
from typing import Generic, TypeVar

from ansible_collections.cloudops.core.plugins.module_utils._core.errors import CloudOpsError

Item = TypeVar("Item")
Value = TypeVar("Value")

# Items that wait ready, so that no worker idles while the source is read.
SPARE = 4


@dataclass(frozen=True)
class Outcome(Generic[Item, Value]):
    """What became of one item: a value, or the error that it met. Never both."""

    item: Item
    value: Value | None = None
    error: CloudOpsError | None = None


def _attempt(work: Callable[[Item], Value], item: Item) -> Outcome[Item, Value]:
    """Typed errors are results; anything else is a bug of ours and must surface."""
    try:
        return Outcome(item, value=work(item))
    except CloudOpsError as error:
        return Outcome(item, error=error)


def fan_out(work: Callable[[Item], Value], items: Iterable[Item], *, concurrency: int) -> list[Outcome[Item, Value]]:
    """Do ``work`` for every item, at most ``concurrency`` at a time; results come in the order of the items.

    One item's error never keeps the others from being done.
    """
    todo = list(items)
    if len(todo) <= 1 or concurrency <= 1:
        return [_attempt(work, item) for item in todo]
    with ThreadPoolExecutor(max_workers=min(concurrency, len(todo))) as pool:
        return list(pool.map(lambda item: _attempt(work, item), todo))


def stream(
    work: Callable[[Item], Value], items: Iterable[Item], *, concurrency: int
) -> Generator[Outcome[Item, Value], None, None]:
    """Like :func:`fan_out` for a source of any length: yields outcomes as they end, those that end together in their order.

    The source is read only as fast as the work goes on (at most ``concurrency + SPARE`` items are in hand), so memory stays flat.
    When the source raises a CloudOpsError, nothing new is begun, the outcomes of what was begun are still yielded, and then the
    error is raised. When the caller stops reading, what runs is brought to its end.
    """
    failure: CloudOpsError | None = None
    source = iter(items)
    running: list[Future[Outcome[Item, Value]]] = []
    with ThreadPoolExecutor(max_workers=concurrency) as pool:
        try:
            while failure is None:
                try:
                    item = next(source)
                except StopIteration:
                    break
                except CloudOpsError as error:
                    failure = error
                    running = [future for future in running if not future.cancel()]
                    break
                running.append(pool.submit(_attempt, work, item))
                if len(running) >= concurrency + SPARE:
                    done, running = _first_done(running)
                    yield from done
            while running:
                done, running = _first_done(running)
                yield from done
        finally:
            for future in running:
                future.cancel()
    if failure is not None:
        raise failure


def _first_done(
    running: list[Future[Outcome[Item, Value]]],
) -> tuple[list[Outcome[Item, Value]], list[Future[Outcome[Item, Value]]]]:
    """Wait for at least one; the outcomes of those that are done, and the rest, both in their order."""
    done, _rest = wait(running, return_when=FIRST_COMPLETED)
    return [future.result() for future in running if future in done], [f for f in running if f not in done]


def batches(items: Iterable[Item], size: int) -> Iterator[list[Item]]:
    """Cut a source into lists of at most ``size``, lazily."""
    source = iter(items)
    while batch := list(islice(source, size)):
        yield batch


class SharedCounter:
    """Counts by name, from any thread."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._counts: Counter[str] = Counter()

    def add(self, name: str) -> None:
        """Count one more."""
        with self._lock:
            self._counts[name] += 1

    def as_result(self) -> dict[str, int]:
        """The counts, in alphabetical order of their names."""
        with self._lock:
            return dict(sorted(self._counts.items()))


class Turn:
    """One thread at a time, for what must be made once: ``with turn: ...``. A thread that is in may come in again."""

    def __init__(self) -> None:
        self._lock = threading.RLock()

    def __enter__(self) -> None:
        self._lock.acquire()

    def __exit__(self, *_error: object) -> None:
        self._lock.release()


class Ticker:
    """Calls something again and again, in a thread of its own that doesn't outlive the process.

    :param pause: seconds between two calls.
    """

    def __init__(self, call: Callable[[], None], pause: float) -> None:
        self._call = call
        self._pause = pause
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._run, name="ticker", daemon=True)
        self._thread.start()

    def _run(self) -> None:
        while not self._over.wait(self._pause):
            self._call()

    def stop(self) -> None:
        """Call no more, once a call that runs is at its end."""
        self._over.set()
        self._thread.join()
