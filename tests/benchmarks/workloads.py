# Copyright (c) 2026 cloudops.core contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Scaling Deployments: one task for all of them against a loop of kubernetes.core.k8s_scale, and one Deployment against one."""

from __future__ import annotations

import os
import shutil
import subprocess
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tests.benchmarks.gateway import end_processes
from tests.benchmarks.measure import Compared
from tests.benchmarks.sides import OURS, Player, Side
from tests.integration.kube import Kube, path_of, unique_name, with_trust, workload
from tests.servers.child import ROOT
from tests.servers.fault_proxy import FaultProxyProcess
from tests.servers.kube import KubeServer

KUBE_UP = ROOT.parent / "shared" / "servers" / "kube-up"
THEIRS = Side("kubernetes.core", "kubernetes.core")
SIDES = (OURS, THEIRS)
NAMES_FOR_CALLS = 10
"""Deployments in the run that counts the requests."""


@dataclass(frozen=True)
class Api:
    """The server that is measured on, and what it is in words."""

    kube: Kube
    kind: str


@contextmanager
def api_server() -> Iterator[Api]:
    """Give the server of CLOUDOPS_TEST_KUBECONFIG, or start a real one, or the stand-in of the tests when there is none."""
    given = os.environ.get("CLOUDOPS_TEST_KUBECONFIG")
    scratch = Path(tempfile.mkdtemp(prefix="cloudops-bench."))
    try:
        if given:
            trusted = with_trust(Path(given), scratch / "kubeconfig")
            yield Api(Kube(trusted, live=True), "the server of CLOUDOPS_TEST_KUBECONFIG")
        elif KUBE_UP.exists():
            home = scratch / "kube"
            with (scratch / "log").open("w") as log:
                subprocess.run([str(KUBE_UP), str(home)], stdout=log, stderr=log, check=True)
            try:
                trusted = with_trust(home / "kubeconfig", scratch / "kubeconfig")
                yield Api(Kube(trusted, live=True), "a real kube-apiserver on the same machine")
            finally:
                end_processes(home)
        else:
            with stand_in(scratch) as kube:
                yield Api(kube, "the stand-in of the tests, not a real server")
    finally:
        shutil.rmtree(scratch, ignore_errors=True)


@contextmanager
def stand_in(scratch: Path) -> Iterator[Kube]:
    """The server of the tests, for the time being."""
    with KubeServer() as server:
        yield Kube(server.kubeconfig(scratch / "kubeconfig"), live=False, server=server)


@contextmanager
def deployments(kube: Kube, count: int) -> Iterator[tuple[str, list[str]]]:
    """A namespace with so many Deployments of one replica; gone at the end."""
    namespace = unique_name("co-bench")
    kube.api.create("/api/v1/namespaces", {"metadata": {"name": namespace}})
    names = [f"web-{number:03d}" for number in range(count)]
    try:
        for name in names:
            kube.api.create(path_of(namespace, "deployments"), workload(name))
        yield namespace, names
    finally:
        kube.api.delete(f"/api/v1/namespaces/{namespace}")


def task(side: Side, kubeconfig: Path, namespace: str, names: list[str], replicas: int) -> dict[str, Any]:
    """Scale without waiting: all in one task of ours, and one after the other in a loop of theirs."""
    common = {"kubeconfig": str(kubeconfig), "namespace": namespace, "replicas": replicas, "wait": False}
    if side is OURS:
        return {"cloudops.core.k8s_workload_scale": {**common, "name": names}}
    module = {"kubernetes.core.k8s_scale": {**common, "kind": "Deployment", "api_version": "apps/v1"}}
    if len(names) == 1:
        return {"kubernetes.core.k8s_scale": {**module["kubernetes.core.k8s_scale"], "name": names[0]}}
    return {"kubernetes.core.k8s_scale": {**module["kubernetes.core.k8s_scale"], "name": "{{ item }}"}, "loop": names}


def scaling(player: Player, api: Api, count: int, rounds: int, say: Callable[[str], None]) -> Compared:
    """Both sides in turns; each run scales its own Deployments from one replica to two."""
    result = Compared(runs={side: [] for side in SIDES})
    for number in range(rounds):
        for side in SIDES if number % 2 == 0 else SIDES[::-1]:
            with deployments(api.kube, count) as (namespace, names):
                cost = player.run(side.name, task(side, api.kube.kubeconfig, namespace, names, 2), changed=True)
                _check(api.kube, namespace, names)
            result.runs[side].append(cost)
            say(f"  {side.name}: {cost.wall:.2f} s (processor: {cost.command:.2f})")
    result.calls |= requests(player, min(count, NAMES_FOR_CALLS))
    return result


def requests(player: Player, count: int) -> dict[Side, dict[str, int]]:
    """The requests that a run makes, counted by a proxy before the stand-in."""
    found = {}
    with stand_in(player.scratch) as kube, FaultProxyProcess(kube.stand_in.endpoint) as proxy:
        through = kube.via(proxy.endpoint, player.scratch / "kubeconfig-proxy")
        for side in SIDES:
            with deployments(kube, count) as (namespace, names):
                proxy.stats(reset=True)
                player.run(side.name, task(side, through, namespace, names, 2), changed=True)
                found[side] = proxy.stats()["calls"]
    return found


def _check(kube: Kube, namespace: str, names: list[str]) -> None:
    """See that it was done, and not only said."""
    found = {
        item["metadata"]["name"]: item["spec"]["replicas"] for item in kube.api.list(path_of(namespace, "deployments"))
    }
    if found != dict.fromkeys(names, 2):
        raise RuntimeError(f"not scaled: {[name for name in names if found.get(name) != 2]}")
