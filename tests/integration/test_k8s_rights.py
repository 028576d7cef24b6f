# Copyright (c) 2026 cloudops.core contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""With exactly the rights of docs/rbac the modules work; with one verb fewer they say which."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
import yaml

from tests.integration.harness import ROOT, ModuleRunner
from tests.integration.k8s import Bench
from tests.integration.kube import Kube, Rule, autoscaler, defined, eventually, grant, path_of


def rules_of(name: str) -> list[Rule]:
    documents = yaml.safe_load_all((ROOT / f"docs/rbac/{name}.yml").read_text("utf-8"))
    [rules] = [document["rules"] for document in documents if document["kind"] == "Role"]
    return list(rules)


def rights_of(name: str) -> list[tuple[str, str]]:
    return [(rule["resources"][0], verb) for rule in rules_of(name) for verb in rule["verbs"]]


def without(rules: list[Rule], resource: str, verb: str) -> list[Rule]:
    return [
        {**rule, "verbs": [one for one in rule["verbs"] if one != verb]} if resource in rule["resources"] else rule
        for rule in rules
    ]


@pytest.fixture
def bench(kube: Kube, namespace: str, run_module: ModuleRunner) -> Iterator[Bench]:
    """A namespace with a Deployment for every case, and KEDA."""
    bench = Bench(kube, namespace, run_module, kube.kubeconfig)
    with defined(kube.api, "keda.sh", "ScaledObject", "v1alpha1", scale=False) as base:
        bench.make("web", 1)
        bench.make("bad", 1, stuck=True, settled=False)
        for name in ("owned", "queue"):
            bench.make(name, 1, settled=False)
        bench.add_hpa(autoscaler("owned", 1, 1))
        spec = {"scaleTargetRef": {"name": "queue"}, "minReplicaCount": 1, "maxReplicaCount": 1}
        body = {"apiVersion": "keda.sh/v1alpha1", "kind": "ScaledObject", "metadata": {"name": "queue"}, "spec": spec}
        kube.api.create(path_of(namespace, "scaledobjects", api=base), body)
        yield bench


def allow(bench: Bench, rules: list[Rule], resource: str, verb: str, group: str) -> Bench:
    """The user scaler with these rights; waits until the server knows of them."""
    grant(bench.api, bench.namespace, "scaler", rules)
    user = bench.kube.as_user("scaler")
    base = f"/apis/{group}" if group != "v1" else "/api/v1"
    path = path_of(bench.namespace, resource, "web" if verb in ("get", "patch") else "", api=base)
    wanted = any(resource in rule["resources"] and verb in rule["verbs"] for rule in rules)

    def known() -> bool:
        method, body = ("PATCH", {}) if verb == "patch" else ("GET", None)
        content = "application/merge-patch+json"
        query = {"watch": "true", "timeoutSeconds": "1"} if verb == "watch" else {}
        return (user.request(method, path, body, content, **query)[0] != 403) == wanted

    eventually(known)
    return bench.as_user("scaler")


def everything(bench: Bench, **options: Any) -> list[dict[str, Any]]:
    """All that the scale module can do, in one go each."""
    return [
        bench.scale("web", replicas=2, fails=None, wait=True, wait_timeout=20, **options),
        bench.scale(["owned", "queue"], replicas=2, on_owner="adjust_bounds", fails=None, **options),
        bench.scale("bad", replicas=2, fails=True, wait=True, wait_timeout=0.5, **options),
    ]


VERSIONS = {"horizontalpodautoscalers": "autoscaling/v1", "scaledobjects": "keda.sh/v1alpha1", "pods": "v1"}


def test_exactly_these_rights_are_enough(bench: Bench) -> None:
    user = allow(bench, rules_of("k8s_workload_scale"), "deployments", "get", "apps/v1")
    plain, owned, stuck = everything(user)
    assert not plain.get("failed"), plain["msg"]
    assert not owned.get("failed"), owned["msg"]
    assert owned["counts"]["changed"] == 2
    assert "pod bad-" in stuck["msg"]
    assert "can't be read" not in stuck["msg"]


@pytest.mark.parametrize(("resource", "verb"), rights_of("k8s_workload_scale"))
def test_one_right_fewer_is_told(bench: Bench, resource: str, verb: str) -> None:
    rules = without(rules_of("k8s_workload_scale"), resource, verb)
    user = allow(bench, rules, resource, verb, VERSIONS.get(resource, "apps/v1"))
    said = " ".join(result.get("msg", "") for result in everything(user))
    assert f"verb {verb} on {resource} of API group" in said
    assert f"in namespace {bench.namespace}" in said


@pytest.mark.parametrize(("resource", "verb"), [("", ""), *rights_of("k8s_workload_info")])
def test_rights_to_look(bench: Bench, resource: str, verb: str) -> None:
    rules = without(rules_of("k8s_workload_info"), resource, verb)
    user = allow(bench, rules, resource or "deployments", verb or "get", VERSIONS.get(resource, "apps/v1"))
    results = [
        user.info(owners=True, pods=True, fails=None),
        user.info(kinds=["Deployment"], name=["web"], fails=None),
    ]
    said = " ".join(result.get("msg", "") for result in results)
    if not resource:
        assert not said.strip()
        assert results[0]["unknown"] == []
        return
    assert f"{verb} {resource}" in said or f"verb {verb} on {resource}" in said
    unknown = [entry for result in results for entry in result["unknown"]]
    assert {entry["error"]["code"] for entry in unknown} == {"Forbidden"}
    assert all(f"verb {verb} on {resource}" in entry["error"]["hint"] for entry in unknown if resource in str(entry))


def test_what_cannot_be_read_is_not_empty(bench: Bench) -> None:
    user = bench.as_user("nobody")
    refused = user.info(kinds=["Deployment"], fails=True)
    assert refused["workloads"] == []
    [entry] = refused["unknown"]
    assert (entry["namespace"], entry["kind"], entry["error"]["kind"]) == (bench.namespace, "Deployment", "denied")
    assert "verb list on deployments" in entry["error"]["hint"]
    asked = user.info(kinds=["Deployment"], ignore_unknown=True)
    assert len(asked["unknown"]) == 1
    empty = bench.info(kinds=["Deployment"], label_selectors=["app=nobody"])
    assert (empty["workloads"], empty["unknown"]) == ([], [])


def test_one_namespace_that_cannot_be_read_stops_everything(bench: Bench) -> None:
    user = allow(bench, rules_of("k8s_workload_scale"), "deployments", "get", "apps/v1")
    params = {**user.options, "label_selectors": ["app"], "replicas": 3, "namespaces": [bench.namespace, "secret"]}
    refused = bench.run_module("k8s_workload_scale", params, fails=True)
    assert 'verb list on deployments of API group "apps" in namespace secret' in refused["msg"]
    assert bench.size("web") == 1


def test_force_needs_no_right_to_know_the_owner(bench: Bench) -> None:
    rules = [{"apiGroups": ["apps"], "resources": ["deployments"], "verbs": ["get", "patch"]}]
    user = allow(bench, rules, "deployments", "get", "apps/v1")
    assert "list" in user.scale("web", replicas=3, fails=True)["msg"]
    assert user.scale_one("web", replicas=3, on_owner="force")["after"] == 3
