# Copyright (c) 2026 cloudops.core contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""HTTP/1.1 framing for the fault proxy: heads as raw lines, bodies passed on in blocks as they come."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterable
from dataclasses import dataclass

BLOCK = 256 * 1024
LIMIT = 4 * 1024 * 1024
_HOP_BY_HOP = (b"connection", b"keep-alive", b"proxy-connection", b"expect")


@dataclass(frozen=True)
class Head:
    """First line and header lines of a message, raw, beside the headers by lower-case name."""

    first: bytes
    lines: tuple[bytes, ...]
    headers: dict[str, str]

    @property
    def chunked(self) -> bool:
        """Whether the body comes in chunks."""
        return "chunked" in self.headers.get("transfer-encoding", "").lower()

    @property
    def length(self) -> int | None:
        """The body's announced length in bytes, if it is announced."""
        return int(self.headers["content-length"]) if "content-length" in self.headers else None

    @property
    def closes(self) -> bool:
        """Whether the sender closes the connection after this message."""
        wish = self.headers.get("connection", "").lower()
        return "close" in wish or (b"HTTP/1.0" in self.first and "keep-alive" not in wish)

    def raw(self, without: Iterable[bytes] = (), add: Iterable[bytes] = ()) -> bytes:
        """Return the head as bytes for the other side: hop-by-hop headers and those named in ``without`` left out."""
        left_out = (*_HOP_BY_HOP, *without)
        kept = (line for line in self.lines if line.partition(b":")[0].lower() not in left_out)
        return b"\r\n".join((self.first, *kept, *add, b"", b""))


async def read_head(reader: asyncio.StreamReader) -> Head | None:
    """Read a message's head; None when the other side has closed instead."""
    try:
        data = await reader.readuntil(b"\r\n\r\n")
    except (asyncio.IncompleteReadError, ConnectionError):
        return None
    first, *lines = data[:-4].split(b"\r\n")
    headers: dict[str, str] = {}
    for line in lines:
        name, _unused, value = line.partition(b":")
        headers[name.decode("latin-1").lower()] = value.strip().decode("latin-1")
    return Head(first, tuple(lines), headers)


async def blocks(reader: asyncio.StreamReader, head: Head, until_close: bool = False) -> AsyncIterator[bytes]:
    """Yield a body as it is on the wire, framing included, in blocks of up to BLOCK bytes."""
    if head.chunked:
        async for block in _chunks(reader):
            yield block
    elif head.length is not None:
        async for block in _exactly(reader, head.length):
            yield block
    elif until_close:
        while block := await reader.read(BLOCK):
            yield block


async def _exactly(reader: asyncio.StreamReader, length: int) -> AsyncIterator[bytes]:
    while length > 0:
        block = await reader.read(min(length, BLOCK))
        if not block:
            raise ConnectionResetError("the other side closed in the middle of a body")
        length -= len(block)
        yield block


async def _chunks(reader: asyncio.StreamReader) -> AsyncIterator[bytes]:
    size = 1
    while size:
        line = await reader.readuntil(b"\r\n")
        size = int(line.partition(b";")[0], 16)
        if size:
            yield line
            async for block in _exactly(reader, size + 2):
                yield block
    while line != b"\r\n":
        yield line
        line = await reader.readuntil(b"\r\n")
    yield line


def unchunk(raw: bytes) -> bytes:
    """Return the body that a chunked body carries."""
    body, position = bytearray(), 0
    while True:
        end = raw.index(b"\r\n", position)
        size = int(raw[position:end].partition(b";")[0], 16)
        if not size:
            return bytes(body)
        body += raw[end + 2 : end + 2 + size]
        position = end + 4 + size
