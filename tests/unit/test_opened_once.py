# Copyright (c) 2026 cloudops.core contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Many threads that need a connection at the same moment open it once: credentials may come from a program that takes its time."""

from __future__ import annotations

import asyncio
import json
import sys
from pathlib import Path
from typing import Any

import pytest
from ansible_collections.cloudops.core.plugins.module_utils._aws.client import Clients
from ansible_collections.cloudops.core.plugins.module_utils._aws.client import Connection as AwsConnection
from ansible_collections.cloudops.core.plugins.module_utils._core.fanout import fan_out
from ansible_collections.cloudops.core.plugins.module_utils._k8s.client import Client
from ansible_collections.cloudops.core.plugins.module_utils._k8s.config import Connection

from tests.unit.eda_sources import load

THREADS = 16


@pytest.fixture
def slow_login(tmp_path: Path) -> tuple[Path, Path]:
    """A kubeconfig whose user is known by a slow program, and a file with a line for each run of that program."""
    runs, program, kubeconfig = tmp_path / "runs", tmp_path / "login.py", tmp_path / "kubeconfig"
    answer = {"kind": "ExecCredential", "apiVersion": "client.authentication.k8s.io/v1", "status": {"token": "t"}}
    program.write_text(
        "import time\n"
        f"open({str(runs)!r}, 'a').write('run\\n')\n"
        "time.sleep(0.3)\n"
        f"print({json.dumps(json.dumps(answer))})\n"
    )
    command = {
        "apiVersion": "client.authentication.k8s.io/v1",
        "command": sys.executable,
        "args": [str(program)],
        "interactiveMode": "Never",
    }
    config: dict[str, Any] = {
        "apiVersion": "v1",
        "kind": "Config",
        "current-context": "it",
        "contexts": [{"name": "it", "context": {"cluster": "it", "user": "me", "namespace": "shop"}}],
        "clusters": [{"name": "it", "cluster": {"server": "http://127.0.0.1:9"}}],
        "users": [{"name": "me", "user": {"exec": command}}],
    }
    kubeconfig.write_text(json.dumps(config))
    return kubeconfig, runs


def test_a_cluster(slow_login: tuple[Path, Path]) -> None:
    kubeconfig, runs = slow_login
    client = Client(Connection(kubeconfig=str(kubeconfig)))
    outcomes = fan_out(lambda _number: client.namespace, range(THREADS), concurrency=THREADS)
    assert [outcome.value for outcome in outcomes] == ["shop"] * THREADS
    assert runs.read_text() == "run\n"


def test_a_cluster_of_the_event_source(slow_login: tuple[Path, Path]) -> None:
    kubeconfig, runs = slow_login
    source = load("k8s_workload")
    cluster = source.Cluster(source.read_options({"kubeconfig": str(kubeconfig)}))

    async def open_it() -> None:
        await asyncio.gather(*(cluster.ready() for _number in range(THREADS)))

    asyncio.run(open_it())
    assert runs.read_text() == "run\n"
    assert cluster.namespace == "shop"


def test_a_client_of_aws() -> None:
    keys = {"access_key": "a", "secret_key": "b", "region": "eu-central-1", "endpoint_url": "http://127.0.0.1:9"}
    clients = Clients(AwsConnection.from_params(keys))
    outcomes = fan_out(lambda _number: clients.client("sqs"), range(THREADS), concurrency=THREADS)
    assert {outcome.error for outcome in outcomes} == {None}
    assert len({id(outcome.value) for outcome in outcomes}) == 1
