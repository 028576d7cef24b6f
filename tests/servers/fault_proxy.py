# Copyright (c) 2026 cloudops.core contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A fault-injecting HTTP/1.1 reverse proxy for tests and benchmarks.

It stands before any server, adds a fixed latency to each request, counts requests by operation, and strikes where a
rule says so. The Host header goes through unchanged, so a signature made for the proxy's address stays valid behind it.

    with FaultProxy(server.endpoint) as proxy:
        proxy.fail("DeleteObjects", "SlowDown", first=2)
        proxy.key_errors(lambda key, version: key.endswith("7"), "AccessDenied")
        ...  # a client at proxy.endpoint
        assert proxy.calls["DeleteObjects"] == 3

As a command: ``python -m tests.servers.fault_proxy --upstream URL --latency-ms 50 --stats-file FILE`` prints its
endpoint and runs until SIGTERM. ``GET /_stats`` answers with the counts so far; ``POST`` also zeroes them.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import threading
import urllib.request
from collections import Counter
from collections.abc import AsyncIterator, Callable, Collection, Mapping, Sequence
from pathlib import Path
from types import TracebackType
from typing import Any, TypeVar
from urllib.parse import urlsplit

from tests.servers import http1, operations
from tests.servers.child import ServerProcess, add_common_options, announce, stop_event, write_atomically
from tests.servers.faults import (
    STATUS,
    Answer,
    Delay,
    Drop,
    Fault,
    Hold,
    Hook,
    KeyErrors,
    Remember,
    Reply,
    Request,
    Rule,
    Truncate,
    resign,
)

STATS_PATH = "/_stats"
BUFFERED = 1024 * 1024
"""Bodies up to this many bytes are held in memory: rules may look at them, and a stale connection can be replaced."""

FaultT = TypeVar("FaultT", bound=Fault)


class Upstream:
    """One client connection's own connection to the server, opened when needed and again once the server closed it."""

    def __init__(self, host: str, port: int) -> None:
        self._address = (host, port)
        self._reader: asyncio.StreamReader | None = None
        self._writer: asyncio.StreamWriter | None = None

    async def request(
        self, head: bytes, body: bytes, rest: AsyncIterator[bytes] | None
    ) -> tuple[http1.Head, asyncio.StreamReader]:
        """Send a request and return the head of its answer, and the reader that has its body."""
        fresh = self._reader is None or self._reader.at_eof()
        if fresh:
            await self._connect()
        try:
            answer = await self._send(head, body, rest)
        except ConnectionError:
            answer = None
        if answer is None and not fresh and rest is None:
            await self._connect()
            answer = await self._send(head, body, None)
        if answer is None:
            raise ConnectionResetError("the server closed the connection without an answer")
        assert self._reader is not None
        return answer, self._reader

    async def _connect(self) -> None:
        self.close()
        self._reader, self._writer = await asyncio.open_connection(*self._address, limit=http1.LIMIT)

    async def _send(self, head: bytes, body: bytes, rest: AsyncIterator[bytes] | None) -> http1.Head | None:
        assert self._reader is not None
        assert self._writer is not None
        self._writer.write(head + body)
        if rest is not None:
            async for block in rest:
                self._writer.write(block)
                await self._writer.drain()
        answer = await http1.read_head(self._reader)
        while answer is not None and answer.first.split(b" ", 2)[1].startswith(b"1"):
            answer = await http1.read_head(self._reader)
        return answer

    def close(self) -> None:
        """Close the connection; the next request opens another."""
        if self._writer is not None:
            self._writer.close()
        self._reader = self._writer = None


class Exchange:
    """One request with its answer, as faults see and steer it."""

    def __init__(
        self,
        request: Request,
        head: http1.Head,
        rest: AsyncIterator[bytes] | None,
        client: tuple[asyncio.StreamReader, asyncio.StreamWriter],
        upstream: Upstream,
    ) -> None:
        self.request = request
        self._head = head
        self._rest = rest
        self._reader, self._writer = client
        self._upstream = upstream

    def client_is_there(self) -> bool:
        """Whether the client still holds its connection open."""
        return not (self._reader.at_eof() or self._writer.is_closing())

    async def forward(self, keep: int | None = None) -> bool:
        """Pass request and answer on as they are; with ``keep`` end the answer's body after so many bytes."""
        head, reader = await self._ask()
        until_close = not head.chunked and head.length is None and not self._bodiless(head)
        out = head.raw(add=(b"Connection: close",) if until_close else ())
        if self._bodiless(head):
            self._writer.write(out)
        else:
            await self._relay(out, http1.blocks(reader, head, until_close), keep)
        if head.closes or keep is not None:
            self._upstream.close()
        return not (until_close or keep is not None or self._head.closes)

    async def _relay(self, out: bytes, body: AsyncIterator[bytes], keep: int | None) -> None:
        """Write an answer in as few pieces as its size allows."""
        left = keep
        async for block in body:
            if left is not None:
                block = block[:left]
                left -= len(block)
            out += block
            # What a watch has to tell can't wait for more.
            if len(out) >= http1.BLOCK or self.request.operation.startswith("watch "):
                self._writer.write(out)
                await self._writer.drain()
                out = b""
            if left == 0:
                break
        self._writer.write(out)
        await self._writer.drain()

    async def fetch(self) -> bytes:
        """Let the server carry the request out and return its whole answer, head included, as it is on the wire."""
        head, reader = await self._ask()
        body = b"" if self._bodiless(head) else b"".join([block async for block in http1.blocks(reader, head, True)])
        if head.closes:
            self._upstream.close()
        return head.raw() + body

    async def fetch_rewritten(self, body: bytes, credentials: tuple[str, str] | None) -> tuple[int, bytes]:
        """Send the request with another body, signed anew with the credentials; return the answer's status and body."""
        if credentials is None:
            gone = (b"content-length", b"content-md5", *(n.encode() for n in self.request.headers if "checksum" in n))
            lines = [line for line in self._head.lines if line.partition(b":")[0].lower() not in gone]
        else:
            lines = resign(self.request, body, credentials)
        fields = (self._head.first, *lines, b"Content-Length: %d" % len(body), b"", b"")
        head, reader = await self._upstream.request(b"\r\n".join(fields), body, None)
        raw = b"".join([block async for block in http1.blocks(reader, head, True)])
        if head.closes:
            self._upstream.close()
        return int(head.first.split(b" ", 2)[1]), http1.unchunk(raw) if head.chunked else raw

    async def answer_error(self, status: int, code: str, message: str, headers: Sequence[tuple[str, str]] = ()) -> bool:
        """Answer with an error in the request's own protocol."""
        body = operations.error_body(self.request.protocol, code, message, status)
        return await self.answer(status, *body, headers)

    async def answer(
        self, status: int, content_type: str, body: bytes, headers: Sequence[tuple[str, str]] = ()
    ) -> bool:
        """Answer with a body of our own."""
        lines = [f"HTTP/1.1 {status} Injected", f"Content-Type: {content_type}", f"Content-Length: {len(body)}"]
        lines += [f"{name}: {value}" for name, value in headers]
        head = "\r\n".join((*lines, "", "")).encode()
        return await self.answer_raw(head if self.request.method == "HEAD" else head + body)

    async def answer_raw(self, data: bytes) -> bool:
        """Answer with a whole message, after the rest of the request has been read."""
        if self._rest is not None:
            async for _block in self._rest:
                pass
        self._writer.write(data)
        await self._writer.drain()
        return not self._head.closes

    def drop(self) -> bool:
        """Close the client's connection at once, without an answer."""
        self._writer.transport.abort()
        return False

    async def _ask(self) -> tuple[http1.Head, asyncio.StreamReader]:
        rest, self._rest = self._rest, None
        return await self._upstream.request(self._head.raw(), self.request.body or b"", rest)

    def _bodiless(self, answer: http1.Head) -> bool:
        return self.request.method == "HEAD" or answer.first.split(b" ", 2)[1] in (b"204", b"304")


class FaultProxy:
    """The proxy in a thread of this process. ``endpoint`` is its URL while it runs.

    ``latency`` is in seconds and is added to every request. ``credentials`` (access key, secret key) are needed where
    ``key_errors`` changes requests to a server that checks signatures.
    """

    def __init__(
        self, upstream: str, latency: float = 0.0, port: int = 0, credentials: tuple[str, str] | None = None
    ) -> None:
        where = urlsplit(upstream)
        self._upstream = (where.hostname or "127.0.0.1", where.port or 80)
        self._port = port
        self._credentials = credentials
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, name="fault-proxy", daemon=True)
        self._server: asyncio.Server | None = None
        # asyncio itself holds on to a task only while its client is there.
        self._serving: set[asyncio.Task[Any] | None] = set()
        self._in_flight = 0
        self.latency = latency
        self.endpoint = ""
        self.rules: list[Rule] = []
        self.calls: Counter[str] = Counter()
        """Requests that came in, by operation; those that a fault struck included."""
        self.faults: Counter[str] = Counter()
        """Requests that a fault struck, by operation."""
        self.in_flight_peak = 0
        """The most requests that were under way at once."""

    # Rules

    def add(
        self,
        fault: FaultT,
        operation: str | None = None,
        *,
        when: Callable[[Request], bool] | None = None,
        first: int | None = None,
        nth: int | Collection[int] | None = None,
        probability: float = 1.0,
        seed: int = 0,
    ) -> FaultT:
        """Add a rule for a fault and return the fault. The earliest rule that is due strikes, one per request."""
        which = {nth} if isinstance(nth, int) else nth
        self.rules.append(Rule(fault, operation, when, first, which, probability, seed))
        return fault

    def fail(
        self, operation: str | None, code: str, status: int | None = None, message: str | None = None, **conditions: Any
    ) -> Answer:
        """Answer with an API error; the status follows the code (400 for those not in faults.STATUS)."""
        text = "injected by the fault proxy" if message is None else message
        return self.add(Answer(code, status or STATUS.get(code, 400), text), operation, **conditions)

    def answer(self, status: int, code: str, headers: Mapping[str, str], **conditions: Any) -> Answer:
        """Answer any request that the conditions pick with an API error that carries headers of its own."""
        return self.add(Answer(code, status, "injected by the fault proxy", tuple(headers.items())), **conditions)

    def reply(
        self, operation: str | None, body: Callable[[Request], str], status: int = 200, **conditions: Any
    ) -> Reply:
        """Answer with what a function makes of the request."""
        return self.add(Reply(body, status), operation, **conditions)

    def drop(self, operation: str | None, after_forwarding: bool = False, **conditions: Any) -> Drop:
        """Close the connection before or after the server has carried the request out."""
        return self.add(Drop(after_forwarding), operation, **conditions)

    def truncate(self, operation: str | None, keep: int, **conditions: Any) -> Truncate:
        """End the answer after ``keep`` bytes of its body."""
        return self.add(Truncate(keep), operation, **conditions)

    def delay(self, operation: str | None, seconds: float, **conditions: Any) -> Delay:
        """Wait before forwarding."""
        return self.add(Delay(seconds), operation, **conditions)

    def hook(self, operation: str | None, function: Callable[[Request], object], **conditions: Any) -> Hook:
        """Call a function before forwarding."""
        return self.add(Hook(function), operation, **conditions)

    def hold(self, operation: str | None, after_forwarding: bool = False, **conditions: Any) -> Hold:
        """Hold requests until the returned fault is released."""
        return self.add(Hold(after_forwarding), operation, **conditions)

    def key_errors(
        self, matches: Callable[[str, str | None], bool], code: str, times: int | None = None, **conditions: Any
    ) -> KeyErrors:
        """Refuse the keys (and version ids) of DeleteObjects that match, each ``times`` times or for ever."""
        return self.add(KeyErrors(matches, code, times, self._credentials), "DeleteObjects", **conditions)

    def remember(self, part: str, absent: str) -> Remember:
        """Keep a sub-resource of buckets, such as ``lifecycle``, here instead of on the server; see faults.Remember."""
        return self.add(Remember(absent), when=lambda request: not request.key and request.target.endswith(f"?{part}"))

    def reset(self) -> None:
        """Forget rules and counts."""
        self.rules.clear()
        self.reset_counts()

    def reset_counts(self) -> None:
        """Set all counts to zero."""
        self.calls.clear()
        self.faults.clear()
        self.in_flight_peak = 0

    def stats(self) -> dict[str, Any]:
        """Return all counts as they are written to the stats file."""
        calls = dict(sorted(self.calls.items()))
        return {
            "calls": calls,
            "total": sum(calls.values()),
            "faults": dict(sorted(self.faults.items())),
            "in_flight": self._in_flight,
            "in_flight_peak": self.in_flight_peak,
        }

    # Life

    def start(self) -> FaultProxy:
        """Listen, and serve in a thread."""
        self._thread.start()
        opening = asyncio.start_server(self._serve, "127.0.0.1", self._port, limit=http1.LIMIT, backlog=512)
        self._server = asyncio.run_coroutine_threadsafe(opening, self._loop).result(10)
        self.endpoint = f"http://127.0.0.1:{self._server.sockets[0].getsockname()[1]}"
        return self

    def stop(self) -> None:
        """Close every connection and end the thread."""
        asyncio.run_coroutine_threadsafe(self._shut(), self._loop).result(10)
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join(10)
        self._loop.close()

    async def _shut(self) -> None:
        if self._server is not None:
            self._server.close()
        others = [task for task in asyncio.all_tasks() if task is not asyncio.current_task()]
        for task in others:
            task.cancel()
        await asyncio.gather(*others, return_exceptions=True)
        await self._loop.shutdown_asyncgens()
        await self._loop.shutdown_default_executor()

    def __enter__(self) -> FaultProxy:
        return self.start()

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()

    # Serving

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        upstream = Upstream(*self._upstream)
        self._serving.add(asyncio.current_task())
        try:
            while await self._exchange(reader, writer, upstream):
                pass
        except (ConnectionError, asyncio.IncompleteReadError, asyncio.CancelledError):
            # A side that went away, or the end of the proxy: in either case the other side sees a closed connection.
            pass
        finally:
            upstream.close()
            writer.close()
            self._serving.discard(asyncio.current_task())

    async def _exchange(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, upstream: Upstream) -> bool:
        head = await http1.read_head(reader)
        if head is None:
            return False
        if "expect" in head.headers:
            writer.write(b"HTTP/1.1 100 Continue\r\n\r\n")
        small = not head.chunked and (head.length or 0) <= BUFFERED
        body = await reader.readexactly(head.length or 0) if small else None
        request = _describe(head, body)
        rest = None if small else http1.blocks(reader, head)
        exchange = Exchange(request, head, rest, (reader, writer), upstream)
        if request.target == STATS_PATH:
            return await self._answer_stats(exchange)
        self._in_flight += 1
        self.in_flight_peak = max(self.in_flight_peak, self._in_flight)
        try:
            return await self._carry_out(exchange)
        finally:
            self._in_flight -= 1

    async def _carry_out(self, exchange: Exchange) -> bool:
        request = exchange.request
        self.calls[request.operation] += 1
        # Every rule sees every request, so that one rule's count does not depend on another's striking.
        due = [rule for rule in list(self.rules) if rule.strikes(request)]
        if self.latency:
            await asyncio.sleep(self.latency)
        if not due:
            return await exchange.forward()
        self.faults[request.operation] += 1
        return await due[0].fault.act(exchange)

    async def _answer_stats(self, exchange: Exchange) -> bool:
        body = json.dumps(self.stats()).encode()
        if exchange.request.method == "POST":
            self.reset_counts()
        return await exchange.answer(200, "application/json", body)


def _describe(head: http1.Head, body: bytes | None) -> Request:
    method, target, _unused = head.first.decode("latin-1").split(" ", 2)
    protocol, operation = operations.name_operation(method, target, head.headers, body or b"")
    bucket, key = operations.split_s3_path(target) if protocol == operations.S3 else ("", "")
    return Request(method, target, head.headers, protocol, operation, bucket, key, body)


class FaultProxyProcess(ServerProcess):
    """The proxy as a process of its own, for benchmarks: latency and counts, no rules."""

    def __init__(self, upstream: str, latency_ms: float = 0.0, stats_file: Path | None = None) -> None:
        arguments = ["--upstream", upstream, "--latency-ms", str(latency_ms)]
        arguments += [] if stats_file is None else ["--stats-file", str(stats_file)]
        super().__init__("tests.servers.fault_proxy", arguments)

    def stats(self, reset: bool = False) -> dict[str, Any]:
        """Return the counts so far; with ``reset`` also set them to zero."""
        request = urllib.request.Request(self.endpoint + STATS_PATH, method="POST" if reset else "GET")
        with urllib.request.urlopen(request, timeout=30) as answer:
            counts: dict[str, Any] = json.load(answer)
        return counts


def main(arguments: Sequence[str] | None = None) -> int:
    """Serve until SIGTERM, SIGINT or the end of the parent; then write the counts."""
    parser = argparse.ArgumentParser(
        prog="python -m tests.servers.fault_proxy", description="latency and counts for an AWS server"
    )
    add_common_options(parser)
    parser.add_argument("--upstream", required=True, help="the server's URL, http://HOST:PORT")
    parser.add_argument("--latency-ms", type=float, default=0.0, help="milliseconds added to each request")
    parser.add_argument("--stats-file", type=Path, help="write the counts to this file at the end, as JSON")
    options = parser.parse_args(arguments)
    stop = stop_event(options.with_parent)
    with FaultProxy(options.upstream, options.latency_ms / 1000, options.port) as proxy:
        announce(proxy.endpoint, options.port_file)
        stop.wait()
    if options.stats_file is not None:
        write_atomically(options.stats_file, json.dumps(proxy.stats(), indent=2) + "\n")
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
