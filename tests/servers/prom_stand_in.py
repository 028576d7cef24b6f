# Copyright (c) 2026 cloudops.core contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A stand-in for Prometheus's query API: for machines without Prometheus, and for what the real one can't be brought to do.

    with PromStandIn(history="load 3 1767225600\n# EOF\n") as server:
        server.put("load", Canned(503, {"status": "error", "errorType": "unavailable", "error": "starting"}, times=2))

It keeps samples, scrapes an exporter if it is told to, and understands the queries that tests/servers/promql.py does. ``put`` makes
it answer something else. What it was asked is in ``requests``.
"""

from __future__ import annotations

import json
import ssl
import threading
import time
import urllib.error
import urllib.request
from base64 import b64encode
from collections.abc import Mapping
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from types import TracebackType
from typing import Any
from urllib.parse import parse_qsl, urlsplit

from tests.servers import promql
from tests.servers.promql import Labels, PromQLError, Samples

KIND = "a stand-in for Prometheus"
JOB = "test"


@dataclass
class Canned:
    """An answer that was prepared.

    :param body: bytes, a text, or what becomes JSON. None: the query's own answer.
    :param delay: seconds before it is given.
    :param times: how often it is given before the query gets its own answer again. None: always.
    :param more: what is added to the query's own answer, such as warnings.
    """

    status: int = 200
    body: bytes | str | Mapping[str, Any] | None = None
    headers: Mapping[str, str] = field(default_factory=dict)
    delay: float = 0.0
    times: int | None = None
    more: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class Asked:
    """A request as it came, with its fields wherever they stood."""

    method: str
    path: str
    fields: dict[str, str]
    headers: dict[str, str]


class PromStandIn:
    """The stand-in in this process, on a free port of the loopback.

    :param history: samples with times, in the text format.
    :param target: host and port of an exporter to scrape, each ``interval`` seconds.
    :param credentials: user and password for basic authentication; one alone is a bearer token. Empty: all may ask.
    :param tls: for https.
    :param prefix: path before the API's own.
    """

    kind = KIND

    def __init__(
        self,
        history: str = "",
        target: str | None = None,
        *,
        interval: float = 0.5,
        credentials: tuple[str, ...] = (),
        tls: ssl.SSLContext | None = None,
        prefix: str = "",
        port: int = 0,
    ) -> None:
        self.samples = Samples()
        self.samples.load(history)
        self.requests: list[Asked] = []
        self.prefix = prefix
        self._target, self._interval = target, interval
        self._authorization = _authorization(credentials)
        self._canned: dict[str, list[Canned]] = {}
        self._lock = threading.Lock()
        self._stop = threading.Event()
        self._known: set[Labels] = set()
        self._server = _Server(("127.0.0.1", port), self, tls)
        scheme = "https" if tls else "http"
        self.endpoint = f"{scheme}://127.0.0.1:{self._server.server_port}{prefix}"

    def put(self, query: str, *answers: Canned) -> None:
        """Answer a query so, one after the other. An empty one means all queries."""
        self._canned[query] = list(answers)

    def __enter__(self) -> PromStandIn:
        threading.Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True).start()
        if self._target:
            self.scrape()
            threading.Thread(target=self._scrape_on, daemon=True).start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._stop.set()
        self._server.shutdown()
        self._server.server_close()

    def _scrape_on(self) -> None:
        while not self._stop.wait(self._interval):
            self.scrape()

    def scrape(self) -> None:
        """Take one sample of everything; a series that isn't there any more ends."""
        own = {"job": JOB, "instance": str(self._target)}
        try:
            with urllib.request.urlopen(f"http://{self._target}/metrics", timeout=5) as answer:
                text = answer.read().decode()
        except (urllib.error.URLError, OSError):
            text, up = "", 0
        else:
            up = 1
        now = time.time()
        with self._lock:
            seen = self.samples.load(text, now, own)
            for labels in self._known - seen:
                self.samples.add(labels, now, promql.STALE)
            self._known = seen
            self.samples.add(frozenset({"__name__": "up", **own}.items()), now, float(up))

    def answer(self, asked: Asked) -> Canned:
        """What a request gets."""
        with self._lock:
            self.requests.append(asked)
            if self._authorization and asked.headers.get("authorization") != self._authorization:
                return Canned(401, "Unauthorized\n", {"WWW-Authenticate": "Basic", "Content-Type": "text/plain"})
            prepared = self._prepared(asked.fields.get("query", ""))
            if prepared is not None and prepared.body is not None:
                return prepared
            found = self._own_answer(asked)
            if prepared is None:
                return found
            body = {**found.body, **prepared.more} if isinstance(found.body, Mapping) else found.body
            return Canned(found.status, body, prepared.headers, prepared.delay)

    def _prepared(self, query: str) -> Canned | None:
        waiting = self._canned.get(query) or self._canned.get("") or []
        if not waiting:
            return None
        first = waiting[0]
        if first.times is not None:
            first.times -= 1
            if first.times <= 0:
                waiting.pop(0)
        return first

    def _own_answer(self, asked: Asked) -> Canned:
        fields = asked.fields
        try:
            if asked.path == f"{self.prefix}/api/v1/query":
                data = promql.instant(fields["query"], self.samples, float(fields.get("time", time.time())))
            elif asked.path == f"{self.prefix}/api/v1/query_range":
                window = (float(fields[name]) for name in ("start", "end", "step"))
                data = promql.ranged(fields["query"], self.samples, *window)
            else:
                return Canned(404, "404 page not found\n", {"Content-Type": "text/plain"})
        except (PromQLError, KeyError, ValueError) as error:
            said = f'invalid parameter "query": {error}'
            return Canned(400, {"status": "error", "errorType": "bad_data", "error": said})
        return Canned(200, {"status": "success", "data": data})


def _authorization(credentials: tuple[str, ...]) -> str:
    if len(credentials) == 2:
        return "Basic " + b64encode(":".join(credentials).encode()).decode()
    return f"Bearer {credentials[0]}" if credentials else ""


class _Server(ThreadingHTTPServer):
    daemon_threads = True
    request_queue_size = 64

    def __init__(self, address: tuple[str, int], stand_in: PromStandIn, tls: ssl.SSLContext | None) -> None:
        super().__init__(address, _Handler)
        self.stand_in = stand_in
        self._tls = tls

    def finish_request(self, request: Any, client_address: Any) -> None:
        """In the thread of the connection, so that a slow handshake holds up no other."""
        if self._tls is None:
            super().finish_request(request, client_address)
            return
        try:
            wrapped = self._tls.wrap_socket(request, server_side=True)
        except (ssl.SSLError, OSError):
            return
        try:
            super().finish_request(wrapped, client_address)
        finally:
            self.shutdown_request(wrapped)

    def handle_error(self, request: Any, client_address: Any) -> None:
        """A client that hangs up is nothing to talk about."""


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    server: _Server

    def do_GET(self) -> None:
        self._serve("")

    def do_POST(self) -> None:
        self._serve(self.rfile.read(int(self.headers.get("Content-Length", 0))).decode())

    def _serve(self, form: str) -> None:
        parts = urlsplit(self.path)
        headers = {name.lower(): value for name, value in self.headers.items()}
        fields = dict(parse_qsl(form or parts.query, keep_blank_values=True))
        answer = self.server.stand_in.answer(Asked(self.command, parts.path, fields, headers))
        time.sleep(answer.delay)
        self._send(answer)

    def _send(self, answer: Canned) -> None:
        body, kind = answer.body, "text/plain"
        if isinstance(body, Mapping):
            body, kind = json.dumps(body), "application/json"
        data = body.encode() if isinstance(body, str) else body or b""
        self.send_response(answer.status)
        for name, value in {"Content-Type": kind, **answer.headers, "Content-Length": str(len(data))}.items():
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(data)

    def log_message(self, *_args: object) -> None:
        """Write nothing."""
