# Copyright (c) 2026 cloudops.core contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Runs event sources as the rulebook engine does: loaded by path, main() as a task with a queue, ended by cancelling."""

from __future__ import annotations

import asyncio
import contextlib
import socket
import time
from collections.abc import AsyncIterator, Callable, Coroutine, Mapping
from dataclasses import dataclass, field
from typing import Any

from tests.unit.eda_sources import load

Event = dict[str, Any]


@dataclass
class Running:
    """A source that runs, and the events that it gave."""

    queue: asyncio.Queue[Event]
    task: asyncio.Task[None]
    seen: list[Event] = field(default_factory=list)

    async def next(self, timeout: float = 30, **wanted: Any) -> Event:
        """The next event with these values; those before it are kept in ``seen``."""
        end = time.monotonic() + timeout
        while True:
            getting = asyncio.ensure_future(self.queue.get())
            left = max(0.0, end - time.monotonic())
            await asyncio.wait({getting, self.task}, timeout=left, return_when=asyncio.FIRST_COMPLETED)
            if not getting.done():
                getting.cancel()
                if self.task.done():
                    self.task.result()
                raise AssertionError(f"no event with {wanted} in {timeout} s, but {self.seen}")
            event = getting.result()
            self.seen.append(event)
            if wanted.items() <= event.items():
                return event

    async def silent(self, seconds: float) -> None:
        """See that there is no event for so long."""
        with contextlib.suppress(asyncio.TimeoutError):
            event = await asyncio.wait_for(self.queue.get(), seconds)
            raise AssertionError(f"an event that should not be: {event}")


@contextlib.asynccontextmanager
async def running(name: str, args: Mapping[str, Any]) -> AsyncIterator[Running]:
    """Run a source for a while. It has to end within 5 seconds of being cancelled, and by that alone."""
    queue: asyncio.Queue[Event] = asyncio.Queue()
    task = asyncio.ensure_future(load(name).main(queue, dict(args)))
    try:
        yield Running(queue, task)
    finally:
        task.cancel()
        done, _late = await asyncio.wait({task}, timeout=5)
        assert done, f"{name} does not end when it is cancelled"
        assert task.cancelled() or task.exception() is not None, f"{name} swallowed that it was cancelled"


def scenario(play: Callable[[], Coroutine[Any, Any, None]]) -> None:
    """Run a test's coroutine."""
    asyncio.run(play())


class Heartbeat:
    """How long the loop was kept from going on, at the longest: what blocks it shows here."""

    def __init__(self) -> None:
        self.longest = 0.0

    async def __aenter__(self) -> Heartbeat:
        self._task = asyncio.ensure_future(self._beat())
        return self

    async def __aexit__(self, *_error: object) -> None:
        self._task.cancel()

    async def _beat(self) -> None:
        while True:
            began = time.monotonic()
            await asyncio.sleep(0.01)
            self.longest = max(self.longest, time.monotonic() - began)


def free_port() -> int:
    """A port that nobody listens on."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
    return port
