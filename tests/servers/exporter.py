# Copyright (c) 2026 cloudops.core contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""An exporter for Prometheus whose numbers are set by whoever needs them.

    with Exporter() as exporter:
        exporter.set({"shop_queue_depth": 12, 'shop_cpu_percent{pod="a"}': 71.5})

As a command: ``python -m tests.servers.exporter --port-file FILE``; then ``curl -T - URL/metrics`` with lines such as
``shop_queue_depth 12``. With ``--file FILE`` the lines are read from that file, whenever somebody looks.
"""

from __future__ import annotations

import argparse
import threading
import urllib.request
from collections.abc import Mapping, Sequence
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

from tests.servers.child import ServerProcess, add_common_options, announce, stop_event

CONTENT_TYPE = "text/plain; version=0.0.4; charset=utf-8"


def exposition(gauges: Mapping[str, float]) -> str:
    """Gauges as Prometheus reads them: ``name{label="value"}`` and the number."""
    return "".join(f"{name} {value}\n" for name, value in gauges.items())


def set_gauges(endpoint: str, gauges: Mapping[str, float]) -> None:
    """Replace what the exporter at an endpoint shows; what isn't named is gone."""
    request = urllib.request.Request(f"{endpoint}/metrics", exposition(gauges).encode(), method="PUT")
    with urllib.request.urlopen(request, timeout=10) as answer:
        answer.read()


class Exporter(ServerProcess):
    """The exporter as a process of its own; ``endpoint`` is its URL."""

    def __init__(self, arguments: Sequence[str] = ()) -> None:
        super().__init__("tests.servers.exporter", arguments)

    def set(self, gauges: Mapping[str, float]) -> None:
        """Show these, and nothing else."""
        set_gauges(self.endpoint, gauges)


class ExporterServer(ThreadingHTTPServer):
    """The HTTP server."""

    daemon_threads = True

    def __init__(self, port: int = 0, file: Path | None = None) -> None:
        super().__init__(("127.0.0.1", port), _Handler)
        self._text = ""
        self._file = file

    @property
    def text(self) -> str:
        """What it shows now."""
        if self._file is None:
            return self._text
        return self._file.read_text(encoding="utf-8") if self._file.exists() else ""

    def show(self, text: str) -> None:
        """Show this from now on."""
        self._text = text
        if self._file is not None:
            self._file.write_text(text, encoding="utf-8")


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    server: ExporterServer

    def do_GET(self) -> None:
        if self.path == "/metrics":
            self._answer(200, self.server.text)
        else:
            self._answer(404, "it is at /metrics\n")

    def do_PUT(self) -> None:
        self.server.show(self.rfile.read(int(self.headers.get("Content-Length", 0))).decode())
        self._answer(200, "")

    def _answer(self, status: int, text: str) -> None:
        data = text.encode()
        self.send_response(status)
        self.send_header("Content-Type", CONTENT_TYPE)
        self.send_header("Content-Length", str(len(data)))
        self.end_headers()
        self.wfile.write(data)

    def log_message(self, *_args: object) -> None:
        """Write nothing: one line per scrape would be all that a log holds."""


def main(arguments: Sequence[str] | None = None) -> None:
    """Serve until SIGTERM, SIGINT or the end of the parent."""
    parser = argparse.ArgumentParser(prog="python -m tests.servers.exporter", description="gauges for Prometheus")
    add_common_options(parser)
    parser.add_argument("--file", type=Path, help="keep what is shown in this file, and read it from there")
    options = parser.parse_args(arguments)
    stop = stop_event(options.with_parent)
    server = ExporterServer(options.port, options.file)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    announce(f"http://127.0.0.1:{server.server_port}", options.port_file)
    stop.wait()


if __name__ == "__main__":
    main()
