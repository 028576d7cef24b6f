# Copyright (c) 2026 cloudops.core contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The faults that the proxy can put between client and server, and the rules that say when.

A rule picks requests by operation, predicate, order (``first``, ``nth``) or a seeded probability. Its fault then acts
on the exchange: answers itself, drops the connection, cuts the answer short, takes keys out of a DeleteObjects request,
waits.
"""

from __future__ import annotations

import asyncio
import base64
import hashlib
import random
import re
import threading
from abc import ABC, abstractmethod
from collections import Counter
from collections.abc import Callable, Collection
from dataclasses import dataclass, field
from typing import TYPE_CHECKING
from xml.etree import ElementTree
from xml.sax.saxutils import escape

if TYPE_CHECKING:
    from tests.servers.fault_proxy import Exchange

STATUS = {
    "AccessDenied": 403,
    "Conflict": 409,
    "Forbidden": 403,
    "InternalError": 500,
    "InternalFailure": 500,
    "NoSuchBucket": 404,
    "RequestLimitExceeded": 503,
    "ServiceUnavailable": 503,
    "SlowDown": 503,
    "Throttling": 400,
    "ThrottlingException": 400,
    "Timeout": 504,
    "TooManyRequests": 429,
    "backendError": 503,
    "forbidden": 403,
    "internalError": 500,
    "rateLimitExceeded": 429,
}


@dataclass(frozen=True)
class Request:
    """What a rule may look at: one request as the client sent it."""

    method: str
    target: str
    headers: dict[str, str]
    protocol: str
    operation: str
    bucket: str
    key: str
    body: bytes | None
    """The body, where it is small enough to be held in memory; None for one that is passed on in blocks."""


class Fault(ABC):
    """Something that happens to an exchange instead of plain forwarding."""

    @abstractmethod
    async def act(self, exchange: Exchange) -> bool:
        """Carry the exchange out; return whether the client's connection stays open."""


@dataclass(frozen=True)
class Answer(Fault):
    """Answer with an API error; the server never sees the request."""

    code: str
    status: int
    message: str = "injected by the fault proxy"
    headers: tuple[tuple[str, str], ...] = ()

    async def act(self, exchange: Exchange) -> bool:
        """Answer in the error format of the request's own protocol."""
        return await exchange.answer_error(self.status, self.code, self.message, self.headers)


@dataclass(frozen=True)
class Reply(Fault):
    """Answer with a body of the test's own; the server never sees the request."""

    body: Callable[[Request], str]
    status: int = 200

    async def act(self, exchange: Exchange) -> bool:
        """Answer with what the function makes of the request."""
        return await exchange.answer(self.status, "application/xml", self.body(exchange.request).encode())


@dataclass(frozen=True)
class Drop(Fault):
    """Close the connection without an answer, before or after the server has carried the request out."""

    after_forwarding: bool = False

    async def act(self, exchange: Exchange) -> bool:
        """Leave the client without an answer."""
        if self.after_forwarding:
            await exchange.fetch()
        return exchange.drop()


@dataclass(frozen=True)
class Truncate(Fault):
    """Announce the whole answer, send only its first ``keep`` bytes, and close."""

    keep: int

    async def act(self, exchange: Exchange) -> bool:
        """Forward, then cut the answer's body short."""
        return await exchange.forward(keep=self.keep)


@dataclass(frozen=True)
class Delay(Fault):
    """Wait before forwarding, on top of the proxy's own latency."""

    seconds: float

    async def act(self, exchange: Exchange) -> bool:
        """Wait, then forward."""
        await asyncio.sleep(self.seconds)
        return await exchange.forward()


@dataclass(frozen=True)
class Hook(Fault):
    """Call something, such as a writer that races with the module, and forward when it has returned."""

    function: Callable[[Request], object]

    async def act(self, exchange: Exchange) -> bool:
        """Run the function beside the loop, so that it may itself go through the proxy."""
        await asyncio.get_running_loop().run_in_executor(None, self.function, exchange.request)
        return await exchange.forward()


class Hold(Fault):
    """Hold the request back until ``release`` is called; a client that went away meanwhile is not served any more."""

    def __init__(self, after_forwarding: bool = False) -> None:
        self._after_forwarding = after_forwarding
        self._released = threading.Event()
        self._reached = threading.Event()

    def wait_until_reached(self, timeout: float = 60) -> bool:
        """Wait until a request is being held."""
        return self._reached.wait(timeout)

    def release(self) -> None:
        """Let what is held, and what comes later, go on."""
        self._released.set()

    async def act(self, exchange: Exchange) -> bool:
        """Hold, then forward; or forward, then hold the answer."""
        if self._after_forwarding:
            answer = await exchange.fetch()
            return await self._hold(exchange) and await exchange.answer_raw(answer)
        return await self._hold(exchange) and await exchange.forward()

    async def _hold(self, exchange: Exchange) -> bool:
        self._reached.set()
        while not self._released.is_set() and exchange.client_is_there():
            await asyncio.sleep(0.02)
        return exchange.client_is_there()


class Remember(Fault):
    """Keep one configuration document per bucket in the server's place, as S3 does.

    For servers that lack a configuration, or lose parts of it. ``absent`` is what a read finds before the first write:
    an error code, or a document.
    """

    def __init__(self, absent: str) -> None:
        self._absent = absent
        self.documents: dict[str, bytes] = {}

    async def act(self, exchange: Exchange) -> bool:
        """Store, give out or forget the document."""
        request = exchange.request
        if request.method == "PUT":
            self.documents[request.bucket] = request.body or b""
            return await exchange.answer(200, "application/xml", b"")
        if request.method == "DELETE":
            self.documents.pop(request.bucket, None)
            return await exchange.answer(204, "application/xml", b"")
        document = self.documents.get(request.bucket)
        if document is None and not self._absent.startswith("<"):
            return await exchange.answer_error(404, self._absent, "not configured")
        return await exchange.answer(200, "application/xml", document or self._absent.encode())


_OBJECT = re.compile(rb"<Object>.*?</Object>", re.DOTALL)


class KeyErrors(Fault):
    """Take the keys that match out of a DeleteObjects request and report them as errors in its answer.

    ``times`` limits how often each version of a key is refused; without it a matching key is never deleted.
    """

    def __init__(
        self,
        matches: Callable[[str, str | None], bool],
        code: str,
        times: int | None,
        credentials: tuple[str, str] | None,
    ) -> None:
        self._matches = matches
        self._code = code
        self._times = times
        self._credentials = credentials
        self.refused: Counter[tuple[str, str | None]] = Counter()

    async def act(self, exchange: Exchange) -> bool:
        """Forward what is left of the request; when nothing is, answer without the server."""
        body = exchange.request.body
        if body is None or exchange.request.operation != "DeleteObjects":
            return await exchange.forward()
        errors: list[bytes] = []
        left = _OBJECT.sub(lambda found: self._refuse(found.group(), errors), body)
        if not errors:
            return await exchange.forward()
        answer = b"<DeleteResult></DeleteResult>"
        if _OBJECT.search(left):
            status, answer = await exchange.fetch_rewritten(left, self._credentials)
            if status != 200:
                return await exchange.answer(status, "application/xml", answer)
        return await exchange.answer(200, "application/xml", _with_errors(answer, errors))

    def _refuse(self, entry: bytes, errors: list[bytes]) -> bytes:
        element = ElementTree.fromstring(entry)
        key, version = element.findtext("Key") or "", element.findtext("VersionId")
        if not self._matches(key, version) or (self._times is not None and self.refused[key, version] >= self._times):
            return entry
        self.refused[key, version] += 1
        errors.append(_error_entry(key, version, self._code))
        return b""


def _error_entry(key: str, version: str | None, code: str) -> bytes:
    id_part = "" if version is None else f"<VersionId>{escape(version)}</VersionId>"
    name = escape(key, {"\r": "&#13;", "\n": "&#10;"})
    return f"<Error><Key>{name}</Key>{id_part}<Code>{code}</Code><Message>injected</Message></Error>".encode()


def _with_errors(answer: bytes, errors: list[bytes]) -> bytes:
    """Put error entries into a DeleteResult, whether it has content or is a single empty tag."""
    opened = re.sub(rb"<DeleteResult([^>]*?)\s*/>", rb"<DeleteResult\1></DeleteResult>", answer)
    return opened.replace(b"</DeleteResult>", b"".join(errors) + b"</DeleteResult>")


def resign(request: Request, body: bytes, credentials: tuple[str, str]) -> list[bytes]:
    """Return the header lines of a request whose body was changed, signed anew for the same host and service."""
    from botocore.auth import S3SigV4Auth
    from botocore.awsrequest import AWSRequest
    from botocore.credentials import Credentials

    _unused, _ignored, region, service, _other = (
        request.headers["authorization"].partition("Credential=")[2].partition(",")[0].split("/")
    )
    keep = ("content-type", "host", "x-amz-mfa", "x-amz-security-token", "x-amz-bypass", "x-amz-expected")
    headers = {name: value for name, value in request.headers.items() if name.startswith(keep)}
    headers["content-md5"] = base64.b64encode(hashlib.md5(body, usedforsecurity=False).digest()).decode()
    signed = AWSRequest(request.method, f"http://{request.headers['host']}{request.target}", headers, body)
    S3SigV4Auth(Credentials(*credentials), service, region).add_auth(signed)
    return [f"{name}: {value}".encode() for name, value in signed.headers.items()]


@dataclass
class Rule:
    """When a fault strikes: all the conditions that are given must hold.

    ``first`` and ``nth`` count the requests that match operation and predicate, from 1.
    """

    fault: Fault
    operation: str | None = None
    when: Callable[[Request], bool] | None = None
    first: int | None = None
    nth: Collection[int] | None = None
    probability: float = 1.0
    seed: int = 0
    matched: int = 0
    struck: int = 0
    _chance: random.Random = field(init=False, repr=False)

    def __post_init__(self) -> None:
        self._chance = random.Random(self.seed)

    def strikes(self, request: Request) -> bool:
        """Count the request and tell whether the fault is due."""
        if self.operation not in (None, request.operation) or (self.when is not None and not self.when(request)):
            return False
        self.matched += 1
        due = (self.first is None or self.matched <= self.first) and (self.nth is None or self.matched in self.nth)
        due = due and (self.probability >= 1.0 or self._chance.random() < self.probability)
        self.struck += due
        return due
