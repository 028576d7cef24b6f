# Copyright (c) 2026 cloudops.core contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The S3 server that the benchmarks use: the one that the environment names, else a Ceph gateway of their own."""

from __future__ import annotations

import os
import shutil
import signal
import socket
import subprocess
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from tests.integration.s3 import S3Server
from tests.servers.child import ROOT

RGW_UP = ROOT.parent / "shared" / "servers" / "rgw-up"
ENDS_WITHIN = 30
"""Seconds that a daemon of the gateway may take to end."""


@contextmanager
def s3_server() -> Iterator[S3Server]:
    """Give the server of S3_ENDPOINT_URL, S3_ACCESS_KEY and S3_SECRET_KEY, or start a gateway for the time being.

    Raises SystemExit when there is neither.
    """
    if "S3_ENDPOINT_URL" in os.environ:
        endpoint, *keys = (os.environ[name] for name in ("S3_ENDPOINT_URL", "S3_ACCESS_KEY", "S3_SECRET_KEY"))
        yield S3Server(endpoint, keys[0], keys[1], os.environ.get("S3_REGION", "us-east-1"), live=True)
    elif RGW_UP.exists():
        with _gateway() as server:
            yield server
    else:
        raise SystemExit(
            "set S3_ENDPOINT_URL, S3_ACCESS_KEY and S3_SECRET_KEY to a server where buckets may be made and deleted"
        )


@contextmanager
def _gateway() -> Iterator[S3Server]:
    scratch = Path(tempfile.mkdtemp(prefix="cloudops-bench."))
    try:
        command = [str(RGW_UP), str(scratch / "gateway"), str(_free_port())]
        with (scratch / "log").open("w") as log:
            answer = subprocess.run(command, stdout=subprocess.PIPE, stderr=log, text=True, check=True).stdout
        # The last line: endpoint URL access KEY secret KEY
        words = answer.splitlines()[-1].split()
        yield S3Server(words[1], words[3], words[5], live=True)
    finally:
        end_processes(scratch / "gateway")
        shutil.rmtree(scratch, ignore_errors=True)


def _free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port: int = listener.getsockname()[1]
        return port


def end_processes(home: Path) -> None:
    """End the servers whose process ids stand in the .pid files of a directory."""
    for file in home.glob("*.pid"):
        _end(int(file.read_text()))


def _end(pid: int) -> None:
    """End one daemon; the scratch directory can go only when nothing writes to it any more."""
    with suppress(ProcessLookupError):
        os.kill(pid, signal.SIGTERM)
        deadline = time.monotonic() + ENDS_WITHIN
        while time.monotonic() < deadline:
            os.kill(pid, 0)
            time.sleep(0.1)
        os.kill(pid, signal.SIGKILL)
