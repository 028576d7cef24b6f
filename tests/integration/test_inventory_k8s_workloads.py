# Copyright (c) 2026 cloudops.core contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The inventory of workloads, on a Kubernetes API."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.integration.inventories import Inventories, Listing, documented
from tests.integration.kube import Kube, autoscaler, grant, path_of, rule, workload

HPAS = "/apis/autoscaling/v1"


@dataclass
class Workloads:
    """The lister for one namespace."""

    inventories: Inventories
    kubeconfig: Path
    namespace: str

    def options(self, given: dict[str, Any]) -> dict[str, Any]:
        """In the namespace, as the administrator, unless they say otherwise."""
        connection = {"kubeconfig": str(self.kubeconfig), "namespaces": [self.namespace]}
        context = {} if "contexts" in given else {"context": "admin"}
        return {**connection, **context, **given}

    def __call__(self, warns: bool = False, name: str = "", **options: Any) -> Listing:
        """List."""
        return self.inventories("k8s_workloads", self.options(options), warns=warns, name=name)

    def fails(self, **options: Any) -> str:
        """What is said instead of a list."""
        return self.inventories.fails("k8s_workloads", self.options(options))


@pytest.fixture
def listed(inventories: Inventories, kube: Kube, namespace: str) -> Workloads:
    """Deployments web (scaled by an autoscaler), api (no replicas) and a StatefulSet web."""
    for kind, name, replicas in (("Deployment", "web", 2), ("Deployment", "api", 0), ("StatefulSet", "web", 1)):
        body = workload(name, replicas, kind)
        body["metadata"]["labels"]["tier"] = "web" if name == "web" else "back"
        body["metadata"]["annotations"] = {"note": "{{ 1 + 1 }}"}
        kube.api.create(path_of(namespace, f"{kind.lower()}s"), body)
    kube.api.create(path_of(namespace, "horizontalpodautoscalers", api=HPAS), autoscaler("web"))
    return Workloads(inventories, kube.kubeconfig, namespace)


def test_workloads_are_hosts(listed: Workloads) -> None:
    found = listed(
        kinds=["Deployment"],
        keyed_groups=[
            {"key": "namespace", "prefix": "namespace"},
            {"key": "labels", "prefix": "label"},
            {"key": "state", "prefix": "state"},
        ],
        groups={"ours": "owner == ''"},
        compose={"image": "images.values() | first"},
        strict=True,
    )
    web, api = f"web.{listed.namespace}", f"api.{listed.namespace}"
    assert found.hosts == [api, web]
    variables = found.hostvars[web]
    assert (variables["workload_name"], variables["workload_namespace"]) == ("web", listed.namespace)
    assert (variables["kind"], variables["replicas"], variables["context"]) == ("Deployment", 2, "admin")
    assert variables["labels"]["tier"] == "web"
    assert variables["annotations"]["note"] == "{{ 1 + 1 }}"
    assert variables["image"] == "registry.example.org/web:1"
    assert variables["owner"] == "HorizontalPodAutoscaler web"
    assert variables["owner_bounds"] == {"min": 1, "max": 5}
    assert variables["ansible_connection"] == "local"
    assert found.groups["ours"] == [api]
    assert found.groups["label_tier_web"] == [web]
    assert found.groups[f"namespace_{listed.namespace.replace('-', '_')}"] == [api, web]
    assert found.hostvars[api]["state"] in ("stopped", "rolling")


def test_shared_names_get_their_kinds(listed: Workloads) -> None:
    found = listed(owners=False, warns=True, label_selectors=["tier in (web, front)"])
    web = f"web.{listed.namespace}"
    assert found.hosts == [f"{web}_deployment", f"{web}_statefulset"]
    assert f"several workloads are called {web}; their kinds are appended" in found.said
    assert "owner" not in found.hostvars[f"{web}_deployment"]


def test_contexts(listed: Workloads, kube: Kube) -> None:
    grant(kube.api, listed.namespace, "viewer", [rule("get list", "deployments")])
    grant(kube.api, listed.namespace, "viewer", [rule("get list", "horizontalpodautoscalers", "autoscaling")], "hpas")
    options: dict[str, Any] = {
        "contexts": ["admin", "viewer", "nobody"],
        "kinds": ["Deployment"],
        "label_selectors": ["tier=back"],
    }
    said = listed.fails(**options)
    assert "Deployment in" in said or "deployments" in said
    assert "[Forbidden]" in said
    found = listed(strict_permissions=False, warns=True, **options)
    assert found.hosts == [f"api.{listed.namespace}.admin", f"api.{listed.namespace}.viewer"]
    assert f"Deployment in {listed.namespace} of nobody is left out, as strict_permissions is off" in found.said
    named = {**options, "contexts": ["admin", "viewer"], "hostname": "{{ context }}-{{ name }}"}
    assert listed(**named).hosts == ["admin-api", "viewer-api"]


def test_owners_that_nobody_may_know(listed: Workloads, kube: Kube) -> None:
    grant(kube.api, listed.namespace, "scaler", [rule("get list", "deployments")])
    found = listed(contexts=["scaler"], kinds=["Deployment"], strict_permissions=False, warns=True)
    assert {variables["owner"] for variables in found.hostvars.values()} == {None}
    assert "HorizontalPodAutoscaler in" in found.said


def test_cache_on_failure(listed: Workloads, tmp_path: Path) -> None:
    options: dict[str, Any] = {
        "kinds": ["Deployment"],
        "cache": True,
        "cache_plugin": "jsonfile",
        "cache_connection": str(tmp_path),
        "cache_timeout": -1,
        "cache_on_failure": True,
    }
    kubeconfig = tmp_path / "kubeconfig"
    kubeconfig.write_text(listed.kubeconfig.read_text(encoding="utf-8"), encoding="utf-8")
    first = listed(name="workloads", kubeconfig=str(kubeconfig), **options)
    broken = yaml.safe_load(kubeconfig.read_text(encoding="utf-8"))
    for cluster in broken["clusters"]:
        cluster["cluster"]["server"] = "http://127.0.0.1:9"
    kubeconfig.write_text(yaml.safe_dump(broken), encoding="utf-8")
    second = listed(name="workloads", kubeconfig=str(kubeconfig), warns=True, **options)
    assert second.hostvars == first.hostvars
    assert "the refresh failed, so this is what was read at" in second.said


@pytest.mark.parametrize(
    ("options", "expected"),
    [
        pytest.param({"contexts": ["admin"], "context": "viewer"}, "contexts excludes context", id="contexts"),
        pytest.param({"kinds": ["web"]}, "kind is 'web'", id="kinds"),
        pytest.param({"namespaces": ["Web Shop"]}, "isn't the name of a namespace", id="namespaces"),
        pytest.param({"context": "nowhere"}, "nowhere", id="context"),
    ],
)
def test_bad_options(inventories: Inventories, kube: Kube, options: dict[str, Any], expected: str) -> None:
    assert expected in Workloads(inventories, kube.kubeconfig, "default").fails(**options)


def test_a_hostname_that_is_none(listed: Workloads) -> None:
    assert f"hostname gives no name to {listed.namespace}/api" in listed.fails(hostname="{{ '' }}")


def test_examples(listed: Workloads, tmp_path: Path) -> None:
    config = yaml.safe_load(listed.kubeconfig.read_text(encoding="utf-8"))
    admin = next(entry["context"] for entry in config["contexts"] if entry["name"] == "admin")
    config["contexts"] = [{"name": name, "context": admin} for name in ("production", "staging")]
    config["current-context"] = "production"
    kubeconfig = tmp_path / "config"
    kubeconfig.write_text(yaml.safe_dump(config), encoding="utf-8")
    examples = list(documented("k8s_workloads"))
    assert len(examples) == 3
    for options in examples:
        env = {"K8S_AUTH_KUBECONFIG": str(kubeconfig)}
        found = listed.inventories("k8s_workloads", options, env=env, warns=True)
        assert [name for name in found.hosts if listed.namespace in name]
        assert "left out" not in found.said
