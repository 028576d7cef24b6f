# Copyright (c) 2026 cloudops.core contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Prometheus for tests and the demo: the real one where its program is on the PATH, otherwise a stand-in that says so.

    with Exporter() as exporter, prometheus_server(target=exporter.endpoint) as prometheus:
        print(prometheus.kind, prometheus.endpoint)

As a command: ``python -m tests.servers.prometheus --target URL --port-file FILE`` serves until SIGTERM, and
``python -m tests.servers.prometheus --kind`` says which of the two it would be.

Samples with times come from a file in the OpenMetrics text format (``history``), fresh ones from an exporter that is scraped twice
a second (``target``); its series have the labels job="test" and instance. The real one needs 5 s until it scrapes for the first time.
"""

from __future__ import annotations

import argparse
import json
import shutil
import socket
import subprocess
import tempfile
import time
import urllib.error
import urllib.parse
import urllib.request
from collections.abc import Sequence
from pathlib import Path
from threading import Event
from typing import IO
from urllib.parse import urlsplit

from tests.servers.child import ServerError, ServerProcess, add_common_options, announce, stop_event
from tests.servers.prom_stand_in import JOB, KIND, PromStandIn

PROGRAM, TOOL = "prometheus", "promtool"
INTERVAL = 0.5


def has_prometheus() -> bool:
    """Whether the real one is there."""
    return all(shutil.which(name) for name in (PROGRAM, TOOL))


class PrometheusServer(ServerProcess):
    """One of the two as a process; ``endpoint`` is its URL, ``kind`` says which it is.

    :param target: URL of an exporter to scrape.
    :param history: samples with times, in the OpenMetrics text format.
    :param web_config: Prometheus's own web configuration (TLS, users), in YAML. Only for the real one.
    """

    def __init__(
        self, *, real: bool = True, target: str = "", history: str = "", web_config: str = "", timeout: float = 60
    ) -> None:
        self.kind = "Prometheus" if real else KIND
        self._files = tempfile.TemporaryDirectory(prefix="prometheus-")
        arguments = [] if real else ["--stand-in"]
        arguments += ["--target", target] if target else []
        for option, text in (("--history", history), ("--web-config", web_config)):
            if text:
                path = Path(self._files.name, option.strip("-"))
                path.write_text(text, encoding="utf-8")
                arguments += [option, str(path)]
        super().__init__("tests.servers.prometheus", arguments, timeout=timeout)

    def stop(self) -> str:
        """End it, and remove its files."""
        said = super().stop()
        self._files.cleanup()
        return said

    def wait_for(self, query: str, value: float, timeout: float = 20.0) -> None:
        """Wait until an instant query has this value: until a scrape has brought it."""
        end = time.monotonic() + timeout
        while (seen := ask(self.endpoint, query)) != [value]:
            if time.monotonic() > end:
                raise ServerError(f"{query} is {seen}, not {value}, after {timeout} s")
            time.sleep(0.1)


def prometheus_server(*, target: str = "", history: str = "") -> PrometheusServer:
    """The real one if it is there, else the stand-in."""
    return PrometheusServer(real=has_prometheus(), target=target, history=history)


def ask(endpoint: str, query: str) -> list[float]:
    """The values of an instant query, without the module under test."""
    url = f"{endpoint}/api/v1/query?{urllib.parse.urlencode({'query': query})}"
    with urllib.request.urlopen(url, timeout=10) as answer:
        data = json.load(answer)["data"]
    if data["resultType"] == "scalar":
        return [float(data["result"][1])]
    return [float(one["value"][1]) for one in data["result"]]


# As a command


def _configuration(target: str) -> str:
    """Prometheus's configuration; JSON is YAML, too."""
    job = {"job_name": JOB, "static_configs": [{"targets": [urlsplit(target).netloc]}]}
    milliseconds = f"{int(INTERVAL * 1000)}ms"
    times = {"scrape_interval": milliseconds, "scrape_timeout": milliseconds, "evaluation_interval": "1s"}
    return json.dumps({"global": times, "scrape_configs": [job] if target else []})


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
    return port


def _start(options: argparse.Namespace, home: Path, port: int, log: IO[str]) -> subprocess.Popen[bytes]:
    config, data = home / "prometheus.yml", home / "data"
    config.write_text(_configuration(options.target), encoding="utf-8")
    command = [PROGRAM, f"--config.file={config}", f"--storage.tsdb.path={data}", "--storage.tsdb.retention.time=100y"]
    command += [f"--web.listen-address=127.0.0.1:{port}", "--log.level=warn"]
    command += [f"--web.config.file={options.web_config}"] if options.web_config else []
    return subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=log, stderr=log, cwd=home)


def _answers(endpoint: str) -> bool:
    try:
        with urllib.request.urlopen(f"{endpoint}/-/ready", timeout=5):
            return True
    except urllib.error.HTTPError as error:
        # It wants to know who asks: it is there.
        return error.code == 401
    except OSError:
        return False


def _wait_until_ready(process: subprocess.Popen[bytes], endpoint: str) -> bool:
    """False: it ended, because another took the port, or for what it says itself."""
    while process.poll() is None:
        if _answers(endpoint):
            return True
        time.sleep(0.05)
    return False


def _serve_real(options: argparse.Namespace, stop: Event, log: IO[str]) -> None:
    with tempfile.TemporaryDirectory(prefix="prometheus-") as name:
        home = Path(name)
        if options.history:
            blocks = [
                TOOL,
                "tsdb",
                "create-blocks-from",
                "openmetrics",
                "--quiet",
                str(options.history),
                str(home / "data"),
            ]
            subprocess.run(blocks, check=True, stdout=log, stderr=log)
        for _attempt in range(3):
            port = options.port or _free_port()
            process = _start(options, home, port, log)
            if _wait_until_ready(process, f"http://127.0.0.1:{port}"):
                break
        else:
            raise SystemExit(f"{PROGRAM} ends with {process.returncode}")
        announce(f"http://127.0.0.1:{port}", options.port_file)
        try:
            while process.poll() is None and not stop.wait(0.2):
                pass
        finally:
            process.terminate()
            try:
                process.wait(5)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()


def _serve_stand_in(options: argparse.Namespace, stop: Event) -> None:
    history = options.history.read_text(encoding="utf-8") if options.history else ""
    target = urlsplit(options.target).netloc or None
    with PromStandIn(history, target, interval=INTERVAL, port=options.port) as server:
        announce(server.endpoint, options.port_file)
        stop.wait()


def main(arguments: Sequence[str] | None = None) -> None:
    """Serve until SIGTERM, SIGINT or the end of the parent."""
    parser = argparse.ArgumentParser(prog="python -m tests.servers.prometheus", description="Prometheus, or a stand-in")
    add_common_options(parser)
    parser.add_argument("--stand-in", action="store_true", help="the stand-in even where the real one is")
    parser.add_argument("--target", default="", metavar="URL", help="an exporter to scrape")
    parser.add_argument("--history", type=Path, metavar="FILE", help="samples with times, OpenMetrics text")
    parser.add_argument("--web-config", type=Path, metavar="FILE", help="Prometheus's own web configuration")
    parser.add_argument("--kind", action="store_true", help="say which of the two it would be, and end")
    options = parser.parse_args(arguments)
    real = has_prometheus() and not options.stand_in
    if options.kind:
        print("Prometheus" if real else KIND)
        return
    stop = stop_event(options.with_parent)
    if not real:
        _serve_stand_in(options, stop)
        return
    with tempfile.TemporaryFile("w+", encoding="utf-8", errors="replace") as log:
        try:
            _serve_real(options, stop, log)
        except BaseException:
            log.seek(0)
            print(log.read()[-4000:], flush=True)
            raise


if __name__ == "__main__":
    main()
