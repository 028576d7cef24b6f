# Copyright (c) 2026 cloudops.core contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Many threads that need a connection at the same moment open it once: credentials may come from a program that takes its time."""

from __future__ import annotations

import asyncio
import base64
import json
import sys
import time
from pathlib import Path
from typing import IO, Any

import pytest
from ansible_collections.cloudops.core.plugins.module_utils._aws.client import Clients
from ansible_collections.cloudops.core.plugins.module_utils._aws.client import Connection as AwsConnection
from ansible_collections.cloudops.core.plugins.module_utils._core.fanout import fan_out
from ansible_collections.cloudops.core.plugins.module_utils._k8s.client import Client
from ansible_collections.cloudops.core.plugins.module_utils._k8s.config import Connection, open_connection
from kubernetes.config import kube_config

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


def test_contexts_of_one_cluster_side_by_side(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The package makes the authority a file that all share by its content, and names it before it is written. On a slow disk, here."""

    def slowly(name: str, mode: str = "r") -> IO[Any]:
        time.sleep(0.2)
        return open(name, mode)

    monkeypatch.setattr(kube_config, "open", slowly, raising=False)
    cluster = {"server": "https://127.0.0.1:9", "certificate-authority-data": base64.b64encode(tmp_path.name.encode())}
    config = {
        "contexts": [{"name": f"c{n}", "context": {"cluster": "it", "user": f"u{n}"}} for n in range(THREADS)],
        "clusters": [{"name": "it", "cluster": {**cluster}}],
        "users": [{"name": f"u{n}", "user": {"token": f"t{n}"}} for n in range(THREADS)],
    }

    def opened(number: int) -> str:
        configuration = open_connection(Connection(kubeconfig=config, context=f"c{number}")).configuration
        return Path(configuration.ssl_ca_cert).read_text()

    outcomes = fan_out(opened, range(THREADS), concurrency=THREADS)
    assert [outcome.value for outcome in outcomes] == [tmp_path.name] * THREADS


def test_what_one_login_says_is_not_held_against_another(tmp_path: Path) -> None:
    """The program of one context fails while that of another is at work, which then fails for a reason of its own."""
    failing = {
        "apiVersion": "client.authentication.k8s.io/v1",
        "command": sys.executable,
        "args": ["-c", "import time; time.sleep(0.3); raise SystemExit(77)"],
        "interactiveMode": "Never",
    }
    slow = {**failing, "args": ["-c", "import time; time.sleep(0.8); print('{}')"]}
    config = {
        "contexts": [{"name": name, "context": {"cluster": "it", "user": name}} for name in ("fails", "slow")],
        "clusters": [{"name": "it", "cluster": {"server": "http://127.0.0.1:9"}}],
        "users": [{"name": "fails", "user": {"exec": failing}}, {"name": "slow", "user": {"exec": slow}}],
    }
    kubeconfig = tmp_path / "kubeconfig"
    kubeconfig.write_text(json.dumps(config))

    def opened(context: str) -> object:
        return open_connection(Connection(kubeconfig=str(kubeconfig), context=context))

    fails, other = fan_out(opened, ["fails", "slow"], concurrency=2)
    codes = [outcome.error.code for outcome in (fails, other) if outcome.error]
    words = [outcome.error.message for outcome in (fails, other) if outcome.error]
    assert codes == ["ExecPlugin", "ExecPlugin"]
    assert ["77" in word for word in words] == [True, False]


def test_a_client_of_aws() -> None:
    keys = {"access_key": "a", "secret_key": "b", "region": "eu-central-1", "endpoint_url": "http://127.0.0.1:9"}
    clients = Clients(AwsConnection.from_params(keys))
    outcomes = fan_out(lambda _number: clients.client("sqs"), range(THREADS), concurrency=THREADS)
    assert {outcome.error for outcome in outcomes} == {None}
    assert len({id(outcome.value) for outcome in outcomes}) == 1
