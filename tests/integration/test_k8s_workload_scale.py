# Copyright (c) 2026 cloudops.core contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""k8s_workload_scale: sizes by hand, by steps and by policy; selections, owners, annotations, waiting."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.integration.harness import ROOT, ModuleRunner, Play
from tests.integration.k8s import CPU, NOW, Bench, cpu, once
from tests.integration.kube import Kube, autoscaler, core_path, defined, eventually, path_of, unique_name, workload

MODULE = "cloudops.core.k8s_workload_scale"


@pytest.fixture
def bench(kube: Kube, namespace: str, run_module: ModuleRunner) -> Bench:
    """The modules in a namespace of this test's own."""
    return Bench(kube, namespace, run_module, kube.kubeconfig)


def by_name(result: dict[str, Any]) -> dict[str, dict[str, Any]]:
    return {item["name"]: item for item in result["results"]}


# The twelve: up, down and to nothing, each in check and in real mode, each repeated


def test_twelve_cases(bench: Bench, play: Play) -> None:
    bench.make(replicas=1)
    sizes = (3, 2, 0)
    tasks = [
        {MODULE: {**bench.options, "namespace": bench.namespace, "name": "web", "replicas": size, "wait": False}}
        | ({"check_mode": True} if check else {})
        for size in sizes
        for check in (True, True, False, False, True)
    ]
    result = play(*tasks, diff=True)
    assert result.statuses == ["changed", "changed", "changed", "ok", "ok"] * 3
    assert bench.size() == 0
    for place, size in enumerate(sizes):
        planned, _again, done = result.tasks[place * 5 : place * 5 + 3]
        for key in ("diff", "actions", "results", "counts", "matched"):
            assert done[key] == planned[key], key
        assert done["results"][0]["after"] == size
        assert set(planned["api_calls"]) == {"get deployments", "get apis", "list horizontalpodautoscalers"}
        assert done["api_calls"] == {**planned["api_calls"], "patch deployments": 1}


@pytest.mark.parametrize("kind", ["Deployment", "StatefulSet", "ReplicaSet"])
def test_check_real_again(bench: Bench, kind: str) -> None:
    bench.make(kind=kind)
    before = bench.get(kind=kind)["metadata"]["resourceVersion"]
    planned = bench.scale(kind=kind, replicas=4, check=True)
    assert bench.get(kind=kind)["metadata"]["resourceVersion"] == before
    done = bench.scale(kind=kind, replicas=4, wait=True)
    assert bench.size(kind=kind) == 4
    [result] = done["results"]
    assert result == {
        "target": f"{bench.namespace}/web",
        "name": "web",
        "namespace": bench.namespace,
        "kind": kind,
        "before": 2,
        "desired": 4,
        "after": 4,
        "changed": True,
        "outcome": "changed",
        "action": "up",
        "reason": "manual",
        "message": "scaled from 2 to 4",
        "limited_by": [],
        "owner": "",
        "bounds": {},
        "resources": {},
        "state_written": False,
        "attempts": 1,
        "waited": result["waited"],
        "complete": True,
        "reverted": False,
    }
    assert done["diff"] == planned["diff"]
    assert done["diff"]["before"] == {result["target"]: {"replicas": 2}}
    assert done["diff"]["after"] == {result["target"]: {"replicas": 4}}
    assert done["actions"] == planned["actions"] == [f"scale {result['target']} from 2 to 4"]
    assert bench.get(kind=kind)["status"]["readyReplicas"] == 4
    for check in (True, False):
        again = bench.scale(kind=kind, replicas=4, check=check, wait=True)
        assert not again["changed"]
        assert again["counts"] == {"changed": 0, "unchanged": 1, "skipped": 0, "failed": 0}
        assert again["results"][0]["reason"] == "already"


def test_nothing_else_is_touched(bench: Bench) -> None:
    bench.make(annotations={"team": "a"})
    before = bench.get()
    bench.scale(replicas=3)
    after = bench.get()
    assert after["spec"] == {**before["spec"], "replicas": 3}
    for key in ("labels", "annotations"):
        kept = {name: value for name, value in after["metadata"][key].items() if "kubernetes.io" not in name}
        assert kept == {
            name: value for name, value in before["metadata"][key].items() if "kubernetes.io" not in name
        }
