# Copyright (c) 2026 cloudops.core contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""k8s_workload_info: facts of workloads, their owners and pods."""

from __future__ import annotations

from typing import Any

import pytest
import yaml

from tests.integration.harness import ROOT, ModuleRunner, Play
from tests.integration.k8s import CPU, NOW, Bench, cpu
from tests.integration.kube import Kube, autoscaler, eventually, unique_name, workload

MODULE = "cloudops.core.k8s_workload_info"


@pytest.fixture
def bench(kube: Kube, namespace: str, run_module: ModuleRunner) -> Bench:
    """The modules in a namespace of this test's own."""
    return Bench(kube, namespace, run_module, kube.kubeconfig)


def test_facts(bench: Bench) -> None:
    bench.make(annotations={"cloudops.core/min": "2", "team": "a"}, labels={"tier": "front"})
    bench.make("db", 1, "StatefulSet")
    bench.scale(policy=CPU, metrics=cpu(60), now=NOW)
    result = bench.info()
    assert (result["changed"], result["matched"], result["missing"], result["unknown"]) == (False, 2, [], [])
    database, web = result["workloads"]
    assert (database["kind"], database["target"]) == ("StatefulSet", f"{bench.namespace}/db")
    for key, value in {
        "target": f"{bench.namespace}/web",
        "kind": "Deployment",
        "api_version": "apps/v1",
        "replicas": 2,
        "current": 2,
        "ready": 2,
        "updated": 2,
        "available": 2,
        "rollout": "complete",
        "labels": {"app": "web", "tier": "front"},
        "selector": "app=web",
        "controller": "",
    }.items():
        assert web[key] == value, key
    assert set(web["images"]) == {"main"}
    assert web["annotations"]["team"] == "a"
    assert web["scaling"]["min"] == 2
    assert web["scaling"]["state"]["v"] == 1
    assert {"owner", "pods"} & set(web) == set()
    assert result["api_calls"] == {"list deployments": 1, "list statefulsets": 1}
    assert bench.info(check=True)["workloads"] == bench.info()["workloads"]


def test_owners_and_pods(bench: Bench) -> None:
    bench.make("web", 1)
    bench.make("bad", 1, stuck=True, settled=False)
    bench.add_hpa(autoscaler("web", 1, 4))
    eventually(lambda: bench.info(kinds=["Deployment"], name=["bad"], pods=True)["workloads"][0]["pods"])
    result = bench.info(kinds=["Deployment", "ReplicaSet"], owners=True, pods=True)
    told = {(item["kind"], item["name"].partition("-")[0]): item for item in result["workloads"]}
    assert told["Deployment", "web"]["owner"] == "HorizontalPodAutoscaler web"
    assert told["Deployment", "web"]["owner_bounds"] == {"min": 1, "max": 4}
    assert told["Deployment", "bad"]["owner"] == ""
    assert told["ReplicaSet", "web"]["owner"] == told["ReplicaSet", "web"]["controller"] == "Deployment web"
    [fine], [stuck] = (told["Deployment", name]["pods"] for name in ("web", "bad"))
    assert (fine["ready"], fine["phase"], fine["reason"]) == (True, "Running", "")
    assert not stuck["ready"]
    assert stuck["reason"]
    assert told["Deployment", "bad"]["rollout"] == "progressing"


def test_names(bench: Bench) -> None:
    bench.make("web", 1, settled=False)
    bench.make("db", 1, "StatefulSet", settled=False)
    result = bench.info(name=["db", "web", f"{bench.namespace}/nobody"])
    assert [item["name"] for item in result["workloads"]] == ["db", "web"]
    assert result["missing"] == [f"{bench.namespace}/nobody"]
    many = bench.info(name=["db", "web", "a", "b", "c"])
    assert many["missing"] == [f"{bench.namespace}/{name}" for name in "abc"]
    assert many["api_calls"] == {"list deployments": 1, "list statefulsets": 1}


def test_all_namespaces_and_selectors(bench: Bench) -> None:
    mark = unique_name("mark")
    bench.make("web", 1, labels={"mark": mark}, settled=False)
    bench.make("db", 1, "StatefulSet", labels={"mark": mark}, settled=False)
    result = bench.info(all_namespaces=True, label_selectors=[f"mark={mark}"], owners=True)
    assert [item["name"] for item in result["workloads"]] == ["db", "web"]
    assert result["api_calls"]["list horizontalpodautoscalers"] == 1
    assert bench.info(label_selectors=["mark=other"])["workloads"] == []


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ({"kinds": []}, "kinds is empty"),
        ({"kinds": ["Widget"]}, "api_version isn't given"),
        ({"kinds": ["Deployment", "Widget"], "api_version": "example.com/v1"}, "api_version goes with a single kind"),
        ({"name": []}, "name is empty"),
        ({"label_selectors": [" "]}, "label_selectors is empty"),
        ({"name": ["a"], "label_selectors": ["b"]}, "mutually exclusive"),
        ({"name": ["a"], "all_namespaces": True}, "all_namespaces doesn't go with name"),
        ({"namespaces": ["a"], "all_namespaces": True}, "both namespaces and all_namespaces"),
        ({"page_size": 0}, "page_size is 0"),
        ({"kinds": ["nobody.example.org/v1/Thing"]}, "the server has no nobody.example.org/v1"),
    ],
)
def test_bad_input(bench: Bench, options: dict[str, Any], said: str) -> None:
    assert said in bench.info(**options, fails=True)["msg"]


def test_the_library_is_missing(bench: Bench) -> None:
    assert (
        "Failed to import the required Python library (kubernetes)"
        in bench.info(hide=["kubernetes"], fails=True)["msg"]
    )


def test_the_examples_run(bench: Bench, play: Play, kube: Kube) -> None:
    text = (ROOT / "plugins/modules/k8s_workload_info.py").read_text("utf-8")
    examples = yaml.safe_load(text.split('EXAMPLES = r"""')[1].split('"""')[0])
    kube.api.create(bench.path(), workload("web", 1, stuck=True))
    for task in examples:
        if MODULE in task:
            task[MODULE] |= {"namespaces": [bench.namespace], **bench.options}
            task[MODULE].pop("namespace", None)
    result = play(*examples)
    assert result.statuses == ["ok"] * len(examples)
    assert f"{bench.namespace}/web: " in result.output
    assert result.tasks[-1]["workloads"][0]["name"] == "web"
