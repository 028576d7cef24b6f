# Copyright (c) 2026 cloudops.core contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Cloud Storage's JSON API in memory, for what no emulator has: labels, lifecycle rules, retention, holds, conditions, batches, IAM.

    with GcsServer() as server:
        server.seed("bucket", keys=1000, generations=3)
        server.refuse(lambda name, generation: name.endswith("7"), 503, times=2)
        ...  # a client at server.endpoint
        assert server.api.calls["buckets.patch"] == 1

What it does is written from Google's reference, and each rule names its page: gcs_api.py (calls), gcs_store.py (objects),
gcs_bucket_rules.py (metadata of buckets), gcs_batch.py, gcs_fields.py, gcs_errors.py. It has no ACLs, no resumable uploads, no XML API,
and doesn't list what soft delete keeps.

As a command, ``python -m tests.servers.gcs`` prints its endpoint and runs until SIGTERM.
"""

from __future__ import annotations

import argparse
import base64
import json
import socket
import threading
from collections.abc import Callable, Sequence
from datetime import datetime
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from types import TracebackType
from typing import Any
from urllib.parse import parse_qs

from tests.servers.child import ServerProcess, add_common_options, announce, stop_event
from tests.servers.gcs_api import Answer, JsonApi, Refusal
from tests.servers.gcs_errors import GcsError
from tests.servers.gcs_store import Store

PROJECT = "project-of-tests"
TOKEN_PATH = "/token"


class GcsServer:
    """The server in threads of this process, on a free port of the loopback."""

    def __init__(self, port: int = 0, clock: Callable[[], datetime] | None = None) -> None:
        self.store = Store(clock) if clock else Store()
        self.api = JsonApi(self.store)
        self.lock = threading.RLock()
        self.keys: dict[str, Any] = {}
        """Public keys of service accounts, by their e-mail address."""
        self.grants: list[dict[str, Any]] = []
        """What was asked of the token endpoint."""
        self._server = _Server(("127.0.0.1", port), self)
        self.endpoint = f"http://127.0.0.1:{self._server.server_port}"

    def __enter__(self) -> GcsServer:
        threading.Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True).start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._server.shutdown()
        self._server.server_close()

    # ---- what tests need

    def reset(self) -> None:
        """Forget everything but who may ask."""
        with self.lock:
            self.store.buckets.clear()
            clean = JsonApi(self.store)
            self.api.__dict__.update(clean.__dict__)
            self.grants.clear()

    def create(self, name: str, *, project: str = PROJECT, **fields: Any) -> None:
        """Make a bucket with fields as the API has them."""
        with self.lock:
            self.store.insert(project, {"name": name, **fields})

    def put(self, bucket: str, *names: str, size: int = 1, created: datetime | None = None) -> None:
        """Write objects."""
        with self.lock:
            for name in names:
                self.store.put(bucket, name, size, created)

    def seed(self, bucket: str, keys: int, generations: int = 1, prefix: str = "k") -> None:
        """Write many objects, each so many times."""
        for _time in range(generations):
            self.put(bucket, *(f"{prefix}{number:06d}" for number in range(keys)))

    def hold(self, bucket: str, *names: str, event_based: bool = False) -> None:
        """Put a hold on live objects."""
        with self.lock:
            for name in names:
                self.store.patch_object(bucket, name, {"eventBasedHold" if event_based else "temporaryHold": True}, {})

    def document(self, bucket: str) -> dict[str, Any]:
        """A bucket's metadata as the API has it."""
        with self.lock:
            return self.store.bucket(bucket).document()

    def held(self, bucket: str) -> list[tuple[str, bool]]:
        """Name of each generation, and whether it is live."""
        with self.lock:
            return [(one.name, one.replaced is None) for one in self.store.bucket(bucket).all()]

    def refuse(
        self, matches: Callable[[str, str], bool], status: int, reason: str = "", times: int | None = None
    ) -> Refusal:
        """Refuse the deletion of the generations (name and number) that match, in batches and outside."""
        refusal = Refusal(matches, GcsError(status, "injected by the test", reason), times)
        self.api.refusals.append(refusal)
        return refusal

    # ---- requests

    def answer(self, method: str, target: str, headers: dict[str, str], body: bytes) -> Answer:
        """Answer a request, one at a time: so no two changes ever cross."""
        with self.lock:
            if target == TOKEN_PATH:
                return self._token(body)
            return self.api.answer(method, target, headers, body)

    def _token(self, body: bytes) -> Answer:
        """A token for a service account that signs with its key.

        https://developers.google.com/identity/protocols/oauth2/service-account#httprest
        """
        asked = parse_qs(body.decode())
        try:
            claims = self._claims(asked["assertion"][0])
        except (KeyError, ValueError):
            return Answer(400, json.dumps({"error": "invalid_grant", "error_description": "Invalid JWT"}).encode())
        token = f"token-of-{claims['iss']}-{len(self.grants)}"
        self.grants.append(claims)
        self.api.tokens[token] = claims["iss"]
        return Answer(200, json.dumps({"access_token": token, "expires_in": 3600, "token_type": "Bearer"}).encode())

    def _claims(self, assertion: str) -> dict[str, Any]:
        from cryptography.exceptions import InvalidSignature
        from cryptography.hazmat.primitives import hashes
        from cryptography.hazmat.primitives.asymmetric import padding

        signed, _dot, signature = assertion.rpartition(".")
        claims: dict[str, Any] = json.loads(_decoded(signed.partition(".")[2]))
        try:
            self.keys[claims["iss"]].verify(_decoded(signature), signed.encode(), padding.PKCS1v15(), hashes.SHA256())
        except InvalidSignature:
            raise ValueError("not signed with that key") from None
        return claims


def _decoded(text: str) -> bytes:
    return base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))


class _Server(ThreadingHTTPServer):
    daemon_threads = True
    request_queue_size = 128

    def __init__(self, address: tuple[str, int], owner: GcsServer) -> None:
        super().__init__(address, _Handler)
        self.owner = owner

    def handle_error(self, request: Any, client_address: Any) -> None:
        """A client that hangs up is nothing to talk about."""


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    wbufsize = -1
    server: _Server

    def setup(self) -> None:
        """Answer at once."""
        super().setup()
        self.connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, True)

    def _serve(self) -> None:
        body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        headers = {name.lower(): value for name, value in self.headers.items()}
        answer = self.server.owner.answer(self.command, self.path, headers, body)
        self.send_response(answer.status)
        self.send_header("Content-Type", answer.content_type)
        if answer.status != 204:
            self.send_header("Content-Length", str(len(answer.body)))
        self.end_headers()
        self.wfile.write(answer.body)

    do_GET = do_POST = do_PUT = do_PATCH = do_DELETE = _serve

    def log_message(self, *_args: object) -> None:
        """Write nothing."""


class GcsServerProcess(ServerProcess):
    """The server as a process of its own."""

    def __init__(self, *arguments: str) -> None:
        super().__init__("tests.servers.gcs", arguments)


def main(arguments: Sequence[str] | None = None) -> int:
    """Serve until SIGTERM, SIGINT or the end of the parent."""
    parser = argparse.ArgumentParser(prog="python -m tests.servers.gcs", description="Cloud Storage in memory")
    add_common_options(parser)
    parser.add_argument("--project", default=PROJECT, help="the project that the caller owns")
    options = parser.parse_args(arguments)
    stop = stop_event(options.with_parent)
    with GcsServer(options.port) as server:
        server.api.projects = {options.project}
        announce(server.endpoint, options.port_file)
        stop.wait()
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
