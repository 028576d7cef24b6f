# Copyright (c) 2026 cloudops.core contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Upload what isn't stored as it is wanted, several at once: look at each, then send those that differ.

Knows nothing of any provider: it is given a way to look and a way to send, and it keeps the account.
"""

from __future__ import annotations

import io
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any, BinaryIO, Generic, Protocol, TypeVar

from ansible_collections.cloudops.core.plugins.module_utils._core import files
from ansible_collections.cloudops.core.plugins.module_utils._core.errors import CloudOpsError
from ansible_collections.cloudops.core.plugins.module_utils._core.fanout import fan_out

PART = 8 * 1024 * 1024
"""Bytes. Larger contents go in parts of this size, so that a worker holds no more than that."""


class Wanted(Protocol):
    """A thing to store: the file at ``path``, or else ``content``."""

    @property
    def key(self) -> str:
        """Its name."""

    @property
    def path(self) -> str:
        """The file; "" for content."""

    @property
    def content(self) -> str:
        """The text."""


Item = TypeVar("Item", bound=Wanted)
ItemSeen_co = TypeVar("ItemSeen_co", bound=Wanted, covariant=True)


class Compared(Protocol[ItemSeen_co]):
    """The same with what its content is, and whether it is stored."""

    @property
    def item(self) -> ItemSeen_co:
        """What is wanted."""

    @property
    def size(self) -> int:
        """Bytes."""

    @property
    def stamp(self) -> tuple[int, ...]:
        """What changes when somebody writes to its file."""

    @property
    def is_stored(self) -> bool:
        """Whether it needn't be sent."""


Seen = TypeVar("Seen", bound=Compared[Any])


@dataclass
class Uploaded(Generic[Seen]):
    """What became of an upload: one result for each thing that is as wanted now, and one failure for each other.

    :param seen: what could be looked at.
    """

    seen: list[Seen]
    results: list[dict[str, Any]] = field(default_factory=list)
    failures: list[dict[str, Any]] = field(default_factory=list)

    def as_result(self) -> dict[str, Any]:
        """As return values."""
        sent = [result for result in self.results if result["changed"]]
        return {
            "uploaded": len(sent),
            "unchanged": len(self.results) - len(sent),
            "bytes": sum(result["bytes"] for result in sent),
            "results": self.results,
            "failures": self.failures,
        }

    @property
    def changed(self) -> bool:
        """Whether anything was sent."""
        return any(result["changed"] for result in self.results)

    def set_aside(self, item: Wanted, error: CloudOpsError) -> None:
        """Note a thing that isn't as wanted."""
        self.failures.append({"name": item.key, **error.as_result()})


@dataclass(frozen=True)
class Uploader(Generic[Item, Seen]):
    """How to upload.

    :param look: holds what is wanted, and what its content is, against what is stored.
    :param send: sends the content, which is open for reading.
    """

    look: Callable[[Item, files.Fingerprint], Seen]
    send: Callable[[Seen, BinaryIO], None]
    concurrency: int

    def run(self, items: Sequence[Item], *, dry_run: bool) -> Uploaded[Seen]:
        """Upload what isn't stored as it is wanted; or only find out what that is."""
        looked = fan_out(self._look, items, concurrency=self.concurrency)
        uploaded = Uploaded([outcome.value for outcome in looked if outcome.value is not None])
        for outcome in looked:
            if outcome.error is not None:
                uploaded.set_aside(outcome.item, outcome.error)
        sends = self._pretend if dry_run else self._send
        for sent in fan_out(sends, uploaded.seen, concurrency=self.concurrency):
            if sent.error is not None:
                uploaded.set_aside(sent.item.item, sent.error)
            else:
                uploaded.results.append(
                    {"key": sent.item.item.key, "bytes": sent.item.size, "changed": not sent.item.is_stored}
                )
        return uploaded

    def _look(self, item: Item) -> Seen:
        """First the content, so that a file which can't be read costs no call."""
        return self.look(item, _fingerprint(item))

    def _pretend(self, seen: Seen) -> None:
        """Check mode's way to send."""

    def _send(self, seen: Seen) -> None:
        """Send it unless it is stored."""
        if seen.is_stored:
            return
        if not seen.item.path:
            self.send(seen, io.BytesIO(seen.item.content.encode()))
            return
        with files.open_unchanged(seen.item.path, seen.stamp) as file:
            self.send(seen, file)


def _fingerprint(item: Wanted) -> files.Fingerprint:
    return files.fingerprint_of_file(item.path) if item.path else files.fingerprint_of_bytes(item.content.encode())


def pieces_of(body: BinaryIO, size: int, most_pieces: int) -> Iterator[bytes]:
    """Read a content of this size piece by piece. A file that grows meanwhile is not read any further."""
    piece = max(PART, -(-size // most_pieces))
    left = size
    while left > 0 and (data := body.read(min(piece, left))):
        left -= len(data)
        yield data
