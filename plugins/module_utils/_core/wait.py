# Copyright (c) 2026 cloudops.core contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""One way to wait: read, ask a predicate, sleep a little longer each time, and fail when the time is over."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import TypeVar

from ansible_collections.cloudops.core.plugins.module_utils._core.errors import Timeout

Seen = TypeVar("Seen")


def backoff(first: float = 2.0, factor: float = 1.5, most: float = 15.0) -> Iterator[float]:
    """Delays in seconds that grow from ``first`` by ``factor`` up to ``most``, for ever."""
    delay = first
    while True:
        yield min(delay, most)
        delay = min(delay * factor, most)


@dataclass(frozen=True)
class Clock:
    """Time as a thing to hand in, so that tests need not sleep. All in seconds."""

    now: Callable[[], float] = time.monotonic
    sleep: Callable[[float], None] = time.sleep


REAL_CLOCK = Clock()


def wait_for(
    read: Callable[[], Seen],
    done: Callable[[Seen], bool],
    *,
    timeout: float,
    what: str,
    describe: Callable[[Seen], str] = str,
    delays: Iterator[float] | None = None,
    clock: Clock = REAL_CLOCK,
) -> Seen:
    """Read until ``done`` says so; return what was read last.

    :param timeout: seconds. At least one read is made even with 0.
    :param delays: seconds between reads; the last one is used again and again.
    :param what: what is waited for, for the message.
    :raises Timeout: when the time is over; the message tells what was seen last.
    """
    end = clock.now() + timeout
    pauses = backoff() if delays is None else delays
    delay = 0.0
    while True:
        seen = read()
        if done(seen):
            return seen
        left = end - clock.now()
        if left <= 0:
            break
        delay = next(pauses, delay)
        clock.sleep(min(delay, left))
    raise Timeout(
        f"{what} did not happen within {timeout:g} s; last seen: {describe(seen)}",
        hint="Raise the timeout option if it only needs longer.",
    )
