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
    manifests = yaml.safe_load((ROOT / f"docs/rbac/{name}.yml").read_text("utf-8"))["items"]
    [rules] = [manifest["rules"] for manifest in manifests if manifest["kind"] == "Role"]
    return list(rules)


def rights_of(name: str) -> list[tuple[str, str]]:
    return [(rule["resources"][0], verb) for rule in rules_of(name) for verb in rule["verbs"]]


def without(rules: list[Rule], resource: str, verb: str) -> list[Rule]:
    """The rules with one verb fewer; one that is left without verbs goes."""
    fewer = [
        {**rule, "verbs": [one for one in rule["verbs"] if one != verb]} if resource in rule["resources"] else rule
        for rule in rules
    ]
    return [rule for rule in fewer if rule["verbs"]]


@pytest.fixture
def bench(kube: Kube, namespace: str, run_module: ModuleRunner) -> Bench:
    """A namespace with a Deployment for every case."""
    bench = Bench(kube, namespace, run_module, kube.kubeconfig)
    bench.make("web", 1)
    bench.make("bad", 1, stuck=True, settled=False)
    bench.make("owned", 1, settled=False)
    bench.add_hpa(autoscaler("owned", 1, 1))
    return bench


@pytest.fixture
def keda(bench: Bench) -> Iterator[str]:
    """The same with KEDA; the name of a Deployment that it scales."""
    with defined(bench.api, "keda.sh", "ScaledObject", "v1alpha1", scale=False) as base:
        bench.make("queue", 1, settled=False)
        spec = {"scaleTargetRef": {"name": "queue"}, "minReplicaCount": 1, "maxReplicaCount": 1}
        body = {"apiVersion": "keda.sh/v1alpha1", "kind": "ScaledObject", "metadata": {"name": "queue"}, "spec": spec}
        bench.api.create(path_of(bench.namespace, "scaledobjects", api=base), body)
        yield "queue"


def allow(bench: Bench, rules: list[Rule]) -> Bench:
    """The user scaler with exactly these rights; waits until the server knows of them."""
    grant(bench.api, bench.namespace, "scaler", rules)
    user = bench.kube.as_user("scaler")
    asked = [
        {"namespace": bench.namespace, "group": group, "resource": resource, "verb": verb}
        for rule in rules
        for group in rule["apiGroups"]
        for resource in rule["resources"]
        for verb in rule["verbs"]
    ]
    head = {"apiVersion": "authorization.k8s.io/v1", "kind": "SelfSubjectAccessReview"}

    def known() -> bool:
        reviews = (
            user.create(
                f"/apis/{head['apiVersion']}/selfsubjectaccessreviews", {**head, "spec": {"resourceAttributes": one}}
            )
            for one in asked
        )
        return all(review["status"]["allowed"] for review in reviews)

    eventually(known)
    return bench.as_user("scaler")


def everything(bench: Bench, *owned: str) -> list[dict[str, Any]]:
    """All that the scale module can do, in one go each."""
    return [
        bench.scale("web", replicas=2, fails=None, wait=True, wait_timeout=20),
        bench.scale(list(owned), replicas=2, on_owner="adjust_bounds", fails=None),
        bench.scale("bad", replicas=2, fails=True, wait=True, wait_timeout=0.5),
    ]


KEDA = "scaledobjects"


def check_that_all_works(bench: Bench, *owned: str) -> None:
    user = allow(bench, rules_of("k8s_workload_scale"))
    plain, adjusted, stuck = everything(user, *owned)
    assert not plain.get("failed"), plain["msg"]
    assert not adjusted.get("failed"), adjusted["msg"]
    assert adjusted["counts"]["changed"] == len(owned)
    assert "pod bad-" in stuck["msg"]
    assert "can't be read" not in stuck["msg"]


def check_that_it_is_told(bench: Bench, resource: str, verb: str, *owned: str) -> None:
    user = allow(bench, without(rules_of("k8s_workload_scale"), resource, verb))
    said = " ".join(result.get("msg", "") for result in everything(user, *owned))
    assert f"verb {verb} on {resource} of API group" in said
    assert f"in namespace {bench.namespace}" in said


def test_exactly_these_rights_are_enough(bench: Bench) -> None:
    check_that_all_works(bench, "owned")


def test_exactly_these_rights_are_enough_with_keda(bench: Bench, keda: str) -> None:
    check_that_all_works(bench, "owned", keda)


@pytest.mark.parametrize(("resource", "verb"), [right for right in rights_of("k8s_workload_scale") if right[0] != KEDA])
def test_one_right_fewer_is_told(bench: Bench, resource: str, verb: str) -> None:
    check_that_it_is_told(bench, resource, verb, "owned")


@pytest.mark.parametrize("verb", [verb for resource, verb in rights_of("k8s_workload_scale") if resource == KEDA])
def test_one_right_fewer_for_keda_is_told(bench: Bench, keda: str, verb: str) -> None:
    check_that_it_is_told(bench, KEDA, verb, keda)


def look(bench: Bench, resource: str = "", verb: str = "") -> list[dict[str, Any]]:
    """All that the info module can do, with one right fewer."""
    user = allow(bench, without(rules_of("k8s_workload_info"), resource, verb))
    return [
        user.info(owners=True, pods=True, fails=bool(resource) and verb != "get"),
        user.info(kinds=["Deployment"], name=["web"], fails=verb == "get"),
    ]


def check_that_the_gap_is_told(bench: Bench, resource: str, verb: str) -> None:
    unknown = [entry for result in look(bench, resource, verb) for entry in result["unknown"]]
    assert unknown
    assert {entry["error"]["code"] for entry in unknown} == {"Forbidden"}
    hints = {entry["error"]["hint"] for entry in unknown}
    assert any(f"verb {verb} on {resource} of API group" in hint for hint in hints)
    assert all(f"Grant verb {verb} on " in hint for hint in hints)


def test_rights_to_look_are_enough(bench: Bench) -> None:
    everything_there, one = look(bench)
    assert everything_there["unknown"] == one["unknown"] == []
    assert [item["owner"] for item in everything_there["workloads"]] == ["", "HorizontalPodAutoscaler owned", ""]
    assert all(item["pods"] for item in everything_there["workloads"])


@pytest.mark.parametrize(("resource", "verb"), [right for right in rights_of("k8s_workload_info") if right[0] != KEDA])
def test_one_right_to_look_fewer_is_told(bench: Bench, resource: str, verb: str) -> None:
    check_that_the_gap_is_told(bench, resource, verb)


def test_one_right_to_look_at_keda_fewer_is_told(bench: Bench, keda: str) -> None:
    check_that_the_gap_is_told(bench, KEDA, "list")


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
    user = allow(bench, rules_of("k8s_workload_scale"))
    params = {**user.options, "label_selectors": ["app"], "replicas": 3, "namespaces": [bench.namespace, "secret"]}
    refused = bench.run_module("k8s_workload_scale", params, fails=True)
    assert 'verb list on deployments of API group "apps" in namespace secret' in refused["msg"]
    assert bench.size("web") == 1


def test_force_needs_no_right_to_know_the_owner(bench: Bench) -> None:
    rules = [{"apiGroups": ["apps"], "resources": ["deployments"], "verbs": ["get", "patch"]}]
    user = allow(bench, rules)
    assert "list" in user.scale("web", replicas=3, fails=True)["msg"]
    assert user.scale_one("web", replicas=3, on_owner="force")["after"] == 3
