# Copyright (c) 2026 cloudops.core contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What every test server that runs as a command has in common: the port file, a clean end, no orphan."""

from __future__ import annotations

import argparse
import os
import select
import signal
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from types import TracebackType
from typing import IO, TypeVar

ProcessT = TypeVar("ProcessT", bound="ServerProcess")
ROOT = Path(__file__).resolve().parents[2]


class ServerError(RuntimeError):
    """A test server did not start, or ended early."""


def add_common_options(parser: argparse.ArgumentParser) -> None:
    """Add the options that every server command takes."""
    parser.add_argument("--port", type=int, default=0, help="loopback port; 0, the default, takes a free one")
    parser.add_argument("--port-file", type=Path, help="write the endpoint URL to this file once the server answers")
    parser.add_argument(
        "--with-parent", action="store_true", help="end when standard input closes, so that no orphan stays"
    )


def announce(endpoint: str, port_file: Path | None) -> None:
    """Print the endpoint, and put it into the port file in one step so that a reader never sees half of it."""
    if port_file is not None:
        write_atomically(port_file, endpoint + "\n")
    print(endpoint, flush=True)


def write_atomically(path: Path, text: str) -> None:
    """Write a file so that it is either absent, old or complete."""
    part = path.with_name(f".{path.name}.{os.getpid()}")
    part.write_text(text, encoding="utf-8")
    part.replace(path)


def stop_event(with_parent: bool) -> threading.Event:
    """Return an event that SIGTERM, SIGINT or (asked for) the end of the parent sets."""
    stop = threading.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda _number, _frame: stop.set())
    if with_parent:
        threading.Thread(target=_watch_stdin, args=(stop,), daemon=True).start()
    return stop


def _watch_stdin(stop: threading.Event) -> None:
    while os.read(0, 1024):
        pass
    stop.set()


class ServerProcess:
    """A server module of this directory as a process of its own, from start to stop.

    The process ends when this object is stopped, or when the process that made it is gone.
    """

    def __init__(
        self, module: str, arguments: Sequence[str] = (), env: Mapping[str, str] | None = None, timeout: float = 60
    ) -> None:
        self._command = [sys.executable, "-m", module, "--with-parent", *arguments]
        self._env = {**(os.environ if env is None else env), "PYTHONPATH": str(ROOT)}
        self._timeout = timeout
        self._process: subprocess.Popen[str] | None = None
        self._log: IO[str] | None = None
        self.endpoint = ""

    @property
    def pid(self) -> int:
        """The id of the server's process."""
        if self._process is None:
            raise ServerError("the server is not running")
        return self._process.pid

    def start(self: ProcessT) -> ProcessT:
        """Start the process and wait until it says where it listens.

        Raises ServerError with the process's own output when it ends or stays silent.
        """
        self._log = tempfile.TemporaryFile("w+", encoding="utf-8", errors="replace")  # noqa: SIM115  # stop closes it
        self._process = subprocess.Popen(
            self._command,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=self._log,
            text=True,
            env=self._env,
            cwd=ROOT,
        )
        self.endpoint = self._first_line(self._process)
        return self

    def _first_line(self, process: subprocess.Popen[str]) -> str:
        assert process.stdout is not None
        deadline = time.monotonic() + self._timeout
        ready, _unused, _ignored = select.select([process.stdout], [], [], max(0.0, deadline - time.monotonic()))
        line = process.stdout.readline().strip() if ready else ""
        if line.startswith(("http://", "https://")):
            return line
        said = self.stop()
        raise ServerError(f"{self._command} did not start: {line}\n{said[-4000:]}")

    def stop(self) -> str:
        """End the process, by force after ten seconds, and return what it wrote to standard error."""
        process, self._process = self._process, None
        log, self._log = self._log, None
        if process is None or log is None:
            return ""
        process.terminate()
        try:
            process.communicate(timeout=10)
        except subprocess.TimeoutExpired:
            process.kill()
            process.communicate()
        with log:
            log.seek(0)
            return log.read()

    def __enter__(self: ProcessT) -> ProcessT:
        return self.start()

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()
