# Copyright (c) 2026 cloudops.core contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A Kubernetes API stand-in as a process of its own on a free loopback port.

It serves what the collection uses of a real server, with that server's answers: discovery, namespaced and cluster-wide
objects, selectors, paging, watches, the patch types, the scale subresource, resource versions with conflicts, RBAC with
bearer tokens, and controllers that roll Deployments and StatefulSets out. tests/integration/test_kube_server.py runs on
it and on a real server; where they differ, it is the stand-in that is wrong.

    with KubeServer() as server:
        server.kubeconfig(path)           # contexts admin, viewer, scaler, nobody; only admin begins with rights
        ...
        server.cut_watches()              # close every open watch in the middle
        server.compact()                  # older resource versions are gone: 410
        server.set_ready_delay(2.0)       # seconds until a new pod is ready

Pods whose template carries the label ``stuck=true`` never become ready. Faults come from fault_proxy, which names these
requests ``patch deployments/scale`` or ``watch pods``. With ``tls=True`` the server has a certificate of an authority of
its own (``ca_cert``) and also takes client certificates.

As a command: ``python -m tests.servers.kube --port-file FILE`` prints the endpoint and runs until SIGTERM.
"""

from __future__ import annotations

import argparse
import json
import os
import select
import shutil
import socket
import ssl
import sys
import tempfile
import threading
import urllib.request
from collections.abc import Sequence
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any, NoReturn

from tests.servers.child import ServerProcess, add_common_options, announce, stop_event
from tests.servers.kube_access import TOKENS, bootstrap_objects
from tests.servers.kube_api import Answer, Api, Cut, Request, Watch
from tests.servers.kube_kinds import RBAC, Kinds
from tests.servers.kube_loop import Controllers
from tests.servers.kube_store import Store
from tests.servers.kube_tls import make_certificates

CONTROL_PATH = "/_control"
READY_DELAY = 0.3
USERS = {user.name: token for token, user in TOKENS.items()}
HPA_VERSIONS = {"v1.20.2": ("v1", "v2beta2"), "v1.30.0": ("v2", "v1")}
"""Releases that the server can pass for, and their autoscaling versions, the preferred one first."""


class KubeServer(ServerProcess):
    """A stand-in process; ``endpoint`` is its URL while it runs."""

    def __init__(
        self, ready_delay: float = READY_DELAY, tls: bool = False, version: str = "v1.30.0", timeout: float = 60
    ) -> None:
        self._certificates = Path(tempfile.mkdtemp(prefix="kube-tls-")) if tls else None
        arguments = ["--ready-delay", str(ready_delay), "--version", version]
        arguments += ["--tls", str(self._certificates)] if self._certificates else []
        super().__init__("tests.servers.kube", arguments, None, timeout)

    def stop(self) -> str:
        """End the process and remove its certificates."""
        said = super().stop()
        if self._certificates is not None:
            shutil.rmtree(self._certificates, ignore_errors=True)
        return said

    def _certificate(self, name: str) -> Path:
        if self._certificates is None:
            raise ValueError("the server was not asked to speak TLS")
        return self._certificates / name

    @property
    def ca_cert(self) -> Path:
        """The authority's certificate, PEM."""
        return self._certificate("ca.crt")

    @property
    def client_cert(self) -> Path:
        """The certificate of the user certadmin, who may do everything."""
        return self._certificate("client.crt")

    @property
    def client_key(self) -> Path:
        """Its key."""
        return self._certificate("client.key")

    def kubeconfig(self, path: Path, server: str | None = None) -> Path:
        """Write a kubeconfig with a context for each user; ``server`` is another address, such as a proxy's."""
        cluster: dict[str, Any] = {"server": server or self.endpoint}
        if self._certificates is not None:
            cluster["certificate-authority"] = str(self.ca_cert)
        write_kubeconfig(path, cluster)
        return path

    def cut_watches(self) -> None:
        """Close every open watch in the middle."""
        self._control(cut=True)

    def compact(self) -> None:
        """Forget all changes so far: older resource versions get 410."""
        self._control(compact=True)

    def set_ready_delay(self, seconds: float) -> None:
        """Set how long new pods take to become ready."""
        self._control(ready_delay=seconds)

    def _control(self, **wishes: Any) -> None:
        context = None
        if self._certificates is not None:
            context = ssl.create_default_context(cafile=str(self.ca_cert))
        request = urllib.request.Request(self.endpoint + CONTROL_PATH, json.dumps(wishes).encode(), method="POST")
        with urllib.request.urlopen(request, timeout=30, context=context) as answer:
            answer.read()


def write_kubeconfig(path: Path, cluster: dict[str, Any]) -> None:
    """Write a kubeconfig for a cluster entry, with one context for each user."""
    config = {
        "apiVersion": "v1",
        "kind": "Config",
        "clusters": [{"name": "test", "cluster": cluster}],
        "users": [{"name": name, "user": {"token": token}} for name, token in USERS.items()],
        "contexts": [{"name": name, "context": {"cluster": "test", "user": name}} for name in USERS],
        "current-context": "admin",
    }
    path.write_text(json.dumps(config, indent=1) + "\n", encoding="utf-8")


# HTTP


class _Handler(BaseHTTPRequestHandler):
    """One connection."""

    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True
    wbufsize = -1
    server: _Server

    def _serve(self) -> None:
        request = self._read()
        if request.target == CONTROL_PATH:
            self._send(self.server.control(json.loads(request.body)))
            return
        answer = self.server.api.answer(request)
        if isinstance(answer, Watch):
            self._stream(answer)
        else:
            self._send(answer)

    do_GET = do_HEAD = do_POST = do_PUT = do_PATCH = do_DELETE = _serve

    def _read(self) -> Request:
        headers = {name.lower(): value for name, value in self.headers.items()}
        groups = tuple(self.headers.get_all("Impersonate-Group") or ())
        body = self.rfile.read(int(headers.get("content-length", 0)))
        certificate = self.connection.getpeercert() if isinstance(self.connection, ssl.SSLSocket) else None
        return Request(self.command, self.path, headers, body, groups, certificate or None)

    def _send(self, answer: Answer) -> None:
        data = answer.data
        self.send_response(answer.status)
        self.send_header("Content-Type", answer.content_type)
        self.send_header("Content-Length", str(len(data)))
        for name, value in answer.headers:
            self.send_header(name, value)
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(data)

    def _stream(self, watch: Watch) -> None:
        self.send_response(200)
        self.send_header("Content-Type", "application/json")
        self.send_header("Transfer-Encoding", "chunked")
        self.end_headers()
        self.wfile.flush()
        try:
            for event in watch.events:
                if event is not None:
                    line = json.dumps(event, separators=(",", ":")).encode() + b"\n"
                    self.wfile.write(b"%x\r\n%s\r\n" % (len(line), line))
                    self.wfile.flush()
                elif self._client_left():
                    self.close_connection = True
                    return
            self.wfile.write(b"0\r\n\r\n")
        except Cut:
            self.close_connection = True
            self.connection.shutdown(socket.SHUT_RDWR)
        except (BrokenPipeError, ConnectionResetError):
            self.close_connection = True

    def _client_left(self) -> bool:
        """Whether the client has closed its side; nobody sends anything while watching."""
        readable, _unused, _ignored = select.select([self.connection], [], [], 0)
        return bool(readable)

    def log_request(self, code: int | str = "-", size: int | str = "-") -> None:
        """Write nothing: one line per request would be all that a test's log holds."""


class _Server(ThreadingHTTPServer):
    """The listening socket, and what is behind it."""

    daemon_threads = True
    request_queue_size = 256

    def __init__(self, port: int, api: Api, controllers: Controllers, certificates: Path | None) -> None:
        super().__init__(("127.0.0.1", port), _Handler)
        self.api = api
        self._controllers = controllers
        self._tls: ssl.SSLContext | None = None
        if certificates is not None:
            self._tls = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
            self._tls.load_cert_chain(certificates / "server.crt", certificates / "server.key")
            self._tls.load_verify_locations(certificates / "ca.crt")
            self._tls.verify_mode = ssl.CERT_OPTIONAL

    @property
    def url(self) -> str:
        """Where it listens."""
        return f"{'http' if self._tls is None else 'https'}://127.0.0.1:{self.server_port}"

    def finish_request(self, request: Any, client_address: Any) -> None:
        """Shake hands in the connection's own thread."""
        if self._tls is None:
            super().finish_request(request, client_address)
            return
        with self._tls.wrap_socket(request, server_side=True) as secured:
            super().finish_request(secured, client_address)

    def handle_error(self, request: Any, client_address: Any) -> None:
        """Leave clients that hang up, or that don't trust the certificate, out of the log."""
        if not isinstance(sys.exc_info()[1], OSError):
            super().handle_error(request, client_address)

    def control(self, wishes: dict[str, Any]) -> Answer:
        """Do what a test asks of the server itself."""
        if wishes.get("cut"):
            self.api.cut_watches()
        if wishes.get("compact"):
            self.api.store.compact()
        if "ready_delay" in wishes:
            self._controllers.cluster.ready_delay = wishes["ready_delay"]
        return Answer(200, {"done": sorted(wishes)})


def _make_api(version: str) -> Api:
    api = Api(Store(), Kinds(HPA_VERSIONS[version]), version)
    for value in bootstrap_objects():
        kind = next(kind for kind in api.kinds.all() if (kind.group, kind.kind) == (RBAC, value["kind"]))
        api.writer.create(kind, "", value)
    namespaces = api.kinds.of(("", "namespaces"))
    for name in ("default", "kube-system", "kube-public"):
        api.writer.create(namespaces, "", {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": name}})
    return api


def main(arguments: Sequence[str] | None = None) -> NoReturn:
    """Serve until SIGTERM, SIGINT or the end of the parent."""
    parser = argparse.ArgumentParser(prog="python -m tests.servers.kube", description="a Kubernetes API stand-in")
    add_common_options(parser)
    parser.add_argument("--ready-delay", type=float, default=READY_DELAY, help="seconds until a new pod is ready")
    parser.add_argument("--version", choices=sorted(HPA_VERSIONS), default="v1.30.0", help="the release to pass for")
    parser.add_argument("--tls", type=Path, help="speak TLS with certificates that are made in this directory")
    options = parser.parse_args(arguments)
    stop = stop_event(options.with_parent)
    if options.tls is not None:
        make_certificates(options.tls)
    api = _make_api(options.version)
    controllers = Controllers(api.writer, options.ready_delay)
    server = _Server(options.port, api, controllers, options.tls)
    controllers.start()
    threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.1}, daemon=True).start()
    announce(server.url, options.port_file)
    stop.wait()
    os._exit(0)


if __name__ == "__main__":
    main()
