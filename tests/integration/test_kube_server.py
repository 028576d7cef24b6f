# Copyright (c) 2026 cloudops.core contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What the collection relies on of a Kubernetes API, on the stand-in and on a real server: a stand-in that answers
differently makes every other test lie."""

from __future__ import annotations

import importlib
import shutil
import ssl
import subprocess
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.integration.harness import scrubbed_environment
from tests.integration.kube import (
    RBAC,
    Kube,
    KubeClient,
    KubeError,
    autoscaler,
    cluster_grant,
    core_path,
    defined,
    eventually,
    grant,
    path_of,
    rule,
    unique_name,
    workload,
)
from tests.servers.fault_proxy import FaultProxy
from tests.servers.kube import KubeServer

Object = dict[str, Any]
MODIFIED = "the object has been modified; please apply your changes to the latest version and try again"
NEGATIVE = "spec.replicas: Invalid value: -1: must be greater than or equal to 0"


def ready(api: KubeClient, path: str, replicas: int) -> Object:
    """Wait until a workload is at rest with so many pods, and return it."""

    def found() -> Object | None:
        value: Object = api.get(path)
        status = value.get("status", {})
        counts = [status.get(name, 0) for name in ("replicas", "readyReplicas", "updatedReplicas")]
        seen = status.get("observedGeneration") == value["metadata"]["generation"]
        return value if seen and counts == [replicas] * 3 else None

    result: Object = eventually(found)
    return result


def condition(value: Object, name: str) -> tuple[str, str]:
    """Status and reason of a condition, empty where there is none."""
    found = {entry["type"]: entry for entry in value.get("status", {}).get("conditions", [])}
    return (found[name]["status"], found[name]["reason"]) if name in found else ("", "")


def config_map(name: str, **labels: str) -> Object:
    """A small object."""
    return {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": name, "labels": labels}, "data": {"key": "a"}}


@pytest.fixture
def idle(kube: Kube, namespace: str) -> str:
    """The path of a Deployment of no pods, at rest."""
    kube.api.create(path_of(namespace, "deployments"), workload("web", 0))
    path = path_of(namespace, "deployments", "web")
    eventually(lambda: condition(kube.api.get(path), "Progressing")[1] == "NewReplicaSetAvailable")
    return path


# Discovery


def test_discovery_tells_kinds_versions_and_subresources(kube: Kube) -> None:
    api = kube.as_user("nobody")
    assert api.get("/api")["versions"] == ["v1"]
    groups = {entry["name"]: entry for entry in api.get("/apis")["groups"]}
    assert {"apps", "autoscaling", "rbac.authorization.k8s.io", "apiextensions.k8s.io"} <= set(groups)
    assert groups["apps"]["preferredVersion"] == {"groupVersion": "apps/v1", "version": "v1"}
    entries = {entry["name"]: entry for entry in api.get("/apis/apps/v1")["resources"]}
    for plural, kind in (("deployments", "Deployment"), ("statefulsets", "StatefulSet"), ("replicasets", "ReplicaSet")):
        assert (entries[plural]["kind"], entries[plural]["namespaced"]) == (kind, True)
        scale = entries[f"{plural}/scale"]
        assert (scale["group"], scale["version"], scale["kind"]) == ("autoscaling", "v1", "Scale")
        assert sorted(scale["verbs"]) == ["get", "patch", "update"]
    assert api.get("/version")["gitVersion"].startswith("v")
    assert api.request("GET", "/apis/nothing.example.org/v1")[0] == 404


def test_autoscalers_are_the_same_in_every_version_that_discovery_names(kube: Kube, namespace: str) -> None:
    kube.api.create(path_of(namespace, "horizontalpodautoscalers", api="/apis/autoscaling/v1"), autoscaler("web", 2, 4))
    group = kube.api.get("/apis/autoscaling")
    versions = [entry["version"] for entry in group["versions"]]
    assert "v1" in versions
    for version in versions:
        path = path_of(namespace, "horizontalpodautoscalers", "web", api=f"/apis/autoscaling/{version}")
        found = kube.api.get(path)
        assert found["apiVersion"] == f"autoscaling/{version}"
        spec = found["spec"]
        assert (spec["minReplicas"], spec["maxReplicas"], spec["scaleTargetRef"]["name"]) == (2, 4, "web")
        if version == "v2":
            assert spec["metrics"][0]["resource"]["target"] == {"type": "Utilization", "averageUtilization": 70}
        changed = kube.api.patch(path, {"spec": {"maxReplicas": 6}})
        assert changed["spec"]["maxReplicas"] == 6
        assert kube.api.patch(path, {"spec": {"maxReplicas": 4}})["spec"] == spec


def test_the_python_client_finds_and_scales(kube: Kube, idle: str, namespace: str, tmp_path: Path) -> None:
    # The client has no type information.
    config: Any = importlib.import_module("kubernetes.config")
    dynamic: Any = importlib.import_module("kubernetes.dynamic")
    with config.new_client_from_config(str(kube.kubeconfig), "admin") as client:
        deployments = dynamic.DynamicClient(client, str(tmp_path / "cache")).resources.get(
            api_version="apps/v1", kind="Deployment"
        )
        body = {"spec": {"replicas": 2}}
        media = "application/merge-patch+json"
        scaled = deployments.scale.patch(name="web", namespace=namespace, body=body, content_type=media)
    assert (scaled.kind, scaled.spec.replicas) == ("Scale", 2)
    assert kube.api.get(idle)["spec"]["replicas"] == 2


# Errors

Ask = tuple[str, str, str, Any]
"""User, method, what follows the namespace's path in apps/v1, body."""
_DEPLOYMENTS = 'resource "deployments" in API group "apps" in the namespace "{ns}"'
ERRORS: dict[str, tuple[Ask, int, str, str, Object | None]] = {
    "no object": (
        ("admin", "GET", "/deployments/none", None),
        404,
        "NotFound",
        'deployments.apps "none" not found',
        {"name": "none", "group": "apps", "kind": "deployments"},
    ),
    "no object to scale": (
        ("admin", "PATCH", "/deployments/none/scale", {"spec": {"replicas": 1}}),
        404,
        "NotFound",
        'deployments.apps "none" not found',
        {"name": "none", "group": "apps", "kind": "deployments"},
    ),
    "taken": (
        ("admin", "POST", "/deployments", workload("web")),
        409,
        "AlreadyExists",
        'deployments.apps "web" already exists',
        {"name": "web", "group": "apps", "kind": "deployments"},
    ),
    "stale put": (
        ("admin", "PUT", "/deployments/web", {**workload("web"), "metadata": {"name": "web", "resourceVersion": "1"}}),
        409,
        "Conflict",
        f'Operation cannot be fulfilled on deployments.apps "web": {MODIFIED}',
        {"name": "web", "group": "apps", "kind": "deployments"},
    ),
    "stale patch": (
        ("admin", "PATCH", "/deployments/web", {"metadata": {"resourceVersion": "1"}, "spec": {"replicas": 3}}),
        409,
        "Conflict",
        f'Operation cannot be fulfilled on deployments.apps "web": {MODIFIED}',
        {"name": "web", "group": "apps", "kind": "deployments"},
    ),
    "stale scale": (
        ("admin", "PATCH", "/deployments/web/scale", {"metadata": {"resourceVersion": "1"}, "spec": {"replicas": 3}}),
        409,
        "Conflict",
        f'Operation cannot be fulfilled on deployments.apps "web": {MODIFIED}',
        {"name": "web", "group": "apps", "kind": "deployments"},
    ),
    "negative": (
        ("admin", "PATCH", "/deployments/web", {"spec": {"replicas": -1}}),
        422,
        "Invalid",
        f'Deployment.apps "web" is invalid: {NEGATIVE}',
        {
            "name": "web",
            "group": "apps",
            "kind": "Deployment",
            "causes": [
                {"reason": "FieldValueInvalid", "message": NEGATIVE.partition(": ")[2], "field": "spec.replicas"}
            ],
        },
    ),
    "negative scale": (
        ("admin", "PATCH", "/deployments/web/scale", {"spec": {"replicas": -1}}),
        422,
        "Invalid",
        f'Scale.autoscaling "web" is invalid: {NEGATIVE}',
        {
            "name": "web",
            "group": "autoscaling",
            "kind": "Scale",
            "causes": [
                {"reason": "FieldValueInvalid", "message": NEGATIVE.partition(": ")[2], "field": "spec.replicas"}
            ],
        },
    ),
    "may not get": (
        ("viewer", "GET", "/deployments/web", None),
        403,
        "Forbidden",
        f'deployments.apps "web" is forbidden: User "viewer" cannot get {_DEPLOYMENTS}',
        {"name": "web", "group": "apps", "kind": "deployments"},
    ),
    "may not list": (
        ("nobody", "GET", "/deployments", None),
        403,
        "Forbidden",
        f'deployments.apps is forbidden: User "nobody" cannot list {_DEPLOYMENTS}',
        {"group": "apps", "kind": "deployments"},
    ),
    "may not watch": (
        ("nobody", "GET", "/deployments?watch=true&fieldSelector=metadata.name%3Dweb", None),
        403,
        "Forbidden",
        f'deployments.apps "web" is forbidden: User "nobody" cannot watch {_DEPLOYMENTS}',
        {"name": "web", "group": "apps", "kind": "deployments"},
    ),
    "may not scale": (
        ("scaler", "PATCH", "/deployments/web/scale", {"spec": {"replicas": 1}}),
        403,
        "Forbidden",
        'deployments.apps "web" is forbidden: User "scaler" cannot patch resource "deployments/scale" '
        'in API group "apps" in the namespace "{ns}"',
        {"name": "web", "group": "apps", "kind": "deployments"},
    ),
    "no such resource": (
        ("admin", "GET", "/things/web", None),
        404,
        "NotFound",
        "the server could not find the requested resource",
        {},
    ),
    "unknown field to select by": (
        ("admin", "GET", "/deployments?fieldSelector=spec.size%3D1", None),
        400,
        "BadRequest",
        '"spec.size" is not a known field selector: only "metadata.name", "metadata.namespace"',
        None,
    ),
}


@pytest.mark.parametrize("case", [pytest.param(case, id=name) for name, case in ERRORS.items()])
def test_errors_say_what_the_real_server_says(kube: Kube, idle: str, namespace: str, case: Any) -> None:
    (user, method, tail, body), code, reason, message, details = case
    content = "application/merge-patch+json" if method == "PATCH" else "application/json"
    path = f"/apis/apps/v1/namespaces/{namespace}{tail}"
    status, found = kube.as_user(user).request(method, path, body, content)
    assert (status, found["kind"], found["status"], found["code"]) == (code, "Status", "Failure", code)
    assert found["reason"] == reason
    assert found["message"] == message.replace("{ns}", namespace)
    assert found.get("details") == details


def test_what_is_no_object_is_refused_in_its_own_way(kube: Kube, namespace: str) -> None:
    stranger = KubeClient(kube.api.server, "wrong", kube.api._context)
    status, body = stranger.request("GET", "/api/v1/namespaces")
    assert (status, body["reason"], body["message"], body["code"]) == (401, "Unauthorized", "Unauthorized", 401)
    anonymous = KubeClient(kube.api.server, "", kube.api._context)
    status, body = anonymous.request("GET", "/api/v1/namespaces")
    assert (status, body["message"]) == (
        403,
        'namespaces is forbidden: User "system:anonymous" cannot list resource "namespaces" in API group "" '
        "at the cluster scope",
    )
    status, body = kube.as_user("nobody").request("GET", "/metrics")
    assert (status, body["message"]) == (403, 'forbidden: User "nobody" cannot get path "/metrics"')
    status, body = kube.api.request("POST", path_of("no-such-place", "deployments"), workload("web"))
    assert (status, body["message"]) == (404, 'namespaces "no-such-place" not found')
    missing = {**workload("web"), "spec": {"replicas": 1, "selector": {"matchLabels": {"app": "web"}}, "template": {}}}
    status, body = kube.api.request("POST", path_of(namespace, "deployments"), missing)
    assert (status, body["reason"]) == (422, "Invalid")
    assert "spec.template.spec.containers: Required value" in body["message"]


def test_a_size_has_to_be_a_number(kube: Kube, idle: str) -> None:
    for path in (idle, f"{idle}/scale"):
        with pytest.raises(KubeError) as caught:
            kube.api.patch(path, {"spec": {"replicas": "3"}})
        # Newer releases say 400.
        assert caught.value.status in (400, 422)
    assert kube.api.get(idle)["spec"]["replicas"] == 0


# Writes


def test_a_merge_patch_sets_removes_and_leaves_alone(kube: Kube, idle: str) -> None:
    before = kube.api.patch(idle, {"metadata": {"annotations": {"a": "1", "b": "2"}}})
    after = kube.api.patch(idle, {"metadata": {"annotations": {"a": None, "c": "3"}}, "status": {"replicas": 9}})
    notes = after["metadata"]["annotations"]
    assert "a" not in notes
    assert (notes["b"], notes["c"]) == ("2", "3")
    assert after["spec"] == before["spec"]
    assert "replicas" not in after["status"]
    # An annotation is a new generation of a Deployment, though its spec is the same.
    assert after["metadata"]["generation"] == before["metadata"]["generation"] + 1
    assert int(after["metadata"]["resourceVersion"]) > int(before["metadata"]["resourceVersion"])


def test_a_patch_that_changes_nothing_is_no_write(kube: Kube, idle: str) -> None:
    before = eventually(lambda: at_rest(kube.api.get(idle)))
    assert kube.api.patch(idle, {"spec": {"replicas": 0}})["metadata"] == before["metadata"]
    assert (
        kube.api.patch(f"{idle}/scale", {"spec": {"replicas": 0}})["metadata"]["resourceVersion"]
        == (before["metadata"]["resourceVersion"])
    )


def at_rest(value: Object) -> Object | None:
    """The object, once its controller has seen its newest generation."""
    return value if value["status"].get("observedGeneration") == value["metadata"]["generation"] else None


def test_size_and_note_are_written_together_or_not_at_all(kube: Kube, idle: str) -> None:
    version = eventually(lambda: at_rest(kube.api.get(idle)))["metadata"]["resourceVersion"]
    patch = {"metadata": {"resourceVersion": version, "annotations": {"note": "1"}}, "spec": {"replicas": 1}}
    written = kube.api.patch(idle, patch)
    assert (written["spec"]["replicas"], written["metadata"]["annotations"]["note"]) == (1, "1")
    status, body = kube.api.request("PATCH", idle, {**patch, "spec": {"replicas": 2}}, "application/merge-patch+json")
    assert (status, body["reason"]) == (409, "Conflict")
    assert kube.api.get(idle)["spec"]["replicas"] == 1


def test_a_strategic_patch_merges_containers_by_name(kube: Kube, idle: str) -> None:
    side = {"name": "side", "image": "side:1"}
    template = {"spec": {"containers": [side, {"name": "main", "env": [{"name": "A", "value": "1"}]}]}}
    after = kube.api.patch(idle, {"spec": {"template": template}}, "strategic")
    found = {entry["name"]: entry for entry in after["spec"]["template"]["spec"]["containers"]}
    assert found["main"]["image"] == "registry.example.org/web:1"
    assert found["main"]["env"] == [{"name": "A", "value": "1"}]
    assert found["side"]["image"] == "side:1"
    gone = {"spec": {"containers": [{"name": "side", "$patch": "delete"}]}}
    after = kube.api.patch(idle, {"spec": {"template": gone}}, "strategic")
    assert [entry["name"] for entry in after["spec"]["template"]["spec"]["containers"]] == ["main"]


def test_a_json_patch_goes_step_by_step(kube: Kube, idle: str) -> None:
    steps: list[Object] = [
        {"op": "test", "path": "/spec/replicas", "value": 0},
        {"op": "replace", "path": "/spec/replicas", "value": 2},
        {"op": "add", "path": "/metadata/annotations/example.org~1note", "value": "x"},
    ]
    after = kube.api.patch(idle, steps, "json")
    assert (after["spec"]["replicas"], after["metadata"]["annotations"]["example.org/note"]) == (2, "x")
    status, body = kube.api.request("PATCH", idle, steps, "application/json-patch+json")
    assert (status, body["reason"]) == (422, "Invalid")
    assert body["message"] == "the server rejected our request due to an error in our request"


def test_a_dry_run_stores_nothing(kube: Kube, idle: str, namespace: str) -> None:
    status, body = kube.api.request(
        "PATCH", idle, {"spec": {"replicas": 4}}, "application/merge-patch+json", dryRun="All"
    )
    assert (status, body["spec"]["replicas"]) == (200, 4)
    maps = core_path(namespace, "configmaps")
    assert kube.api.request("POST", maps, config_map("a"), dryRun="All")[0] == 201
    assert kube.api.request("GET", f"{maps}/a")[0] == 404
    assert kube.api.get(idle)["spec"]["replicas"] == 0


def test_put_without_a_version_wins_and_keeps_what_the_server_owns(kube: Kube, idle: str) -> None:
    before = kube.api.get(idle)
    after = kube.api.put(idle, workload("web", 1))
    for name in ("uid", "creationTimestamp"):
        assert after["metadata"][name] == before["metadata"][name]
    assert after["spec"]["progressDeadlineSeconds"] == 600
    assert after["spec"]["replicas"] == 1


# The scale subresource


@pytest.mark.parametrize("kind", ["Deployment", "StatefulSet", "ReplicaSet"])
def test_the_scale_of_a_workload(kube: Kube, namespace: str, kind: str) -> None:
    path = path_of(namespace, kind.lower() + "s", "web")
    expression = {"key": "tier", "operator": "In", "values": ["b", "a"]}
    value = workload("web", 0, kind, selector={"matchLabels": {"app": "web"}, "matchExpressions": [expression]})
    value["spec"]["template"]["metadata"]["labels"] = {"app": "web", "tier": "a", "stuck": "true"}
    kube.api.create(path_of(namespace, kind.lower() + "s"), value)
    before = eventually(lambda: at_rest(kube.api.get(path)))
    scale = kube.api.get(f"{path}/scale")
    assert (scale["apiVersion"], scale["kind"]) == ("autoscaling/v1", "Scale")
    # A size of zero is left out.
    assert (scale["spec"], scale["status"]) == ({}, {"replicas": 0, "selector": "app=web,tier in (a,b)"})
    for name in ("name", "namespace", "uid", "resourceVersion"):
        assert scale["metadata"][name] == before["metadata"][name]
    assert kube.api.put(f"{path}/scale", {**scale, "spec": {"replicas": 2}})["spec"] == {"replicas": 2}
    status, body = kube.api.request("PUT", f"{path}/scale", {**scale, "spec": {"replicas": 3}})
    assert (status, body["reason"]) == (409, "Conflict")
    after = kube.api.get(path)
    assert after["spec"]["replicas"] == 2
    assert after["metadata"]["generation"] == before["metadata"]["generation"] + 1
    assert kube.api.patch(f"{path}/scale", {"spec": {"replicas": 1}})["spec"] == {"replicas": 1}
    eventually(lambda: kube.api.get(f"{path}/scale")["status"]["replicas"] == 1)


def test_the_scale_of_a_custom_kind(kube: Kube, namespace: str) -> None:
    group = f"{unique_name('g')}.example.org"
    with defined(kube.api, group, "Rocket") as base:
        rockets = path_of(namespace, "rockets", api=base)
        head = {"apiVersion": f"{group}/v1", "kind": "Rocket"}
        made = kube.api.create(rockets, {**head, "metadata": {"name": "one"}, "spec": {"replicas": 2, "fuel": "x"}})
        path = f"{rockets}/one"
        assert made["metadata"]["generation"] == 1
        kube.api.patch(f"{path}/status", {"status": {"replicas": 2, "selector": "app=one"}})
        scale = kube.api.get(f"{path}/scale")
        assert (scale["spec"], scale["status"]) == ({"replicas": 2}, {"replicas": 2, "selector": "app=one"})
        assert kube.api.patch(f"{path}/scale", {"spec": {"replicas": 5}})["spec"] == {"replicas": 5}
        after = kube.api.get(path)
        assert (after["spec"], after["metadata"]["generation"]) == ({"replicas": 5, "fuel": "x"}, 2)
        assert after["status"]["replicas"] == 2
        strategic = "application/strategic-merge-patch+json"
        status, body = kube.api.request("PATCH", path, {"spec": {"replicas": 1}}, strategic)
        assert (status, body["reason"]) == (415, "UnsupportedMediaType")
        status, body = kube.api.request("PUT", path, {**head, "metadata": {"name": "one"}, "spec": {}})
        assert (status, body["reason"]) == (422, "Invalid")
        assert "must be specified for an update" in body["message"]
        status, body = kube.api.request(
            "PATCH", path, {"metadata": {"resourceVersion": "1"}, "spec": {"fuel": "y"}}, "application/merge-patch+json"
        )
        assert (status, body["reason"]) == (409, "Conflict")
        listed = kube.api.list(rockets)[0]
        assert (listed["kind"], listed["apiVersion"]) == ("Rocket", f"{group}/v1")


def test_a_custom_kind_without_objects_is_discovered_listed_and_forgotten(kube: Kube, namespace: str) -> None:
    group = f"{unique_name('g')}.example.org"
    with defined(kube.api, group, "Rocket", empty=True) as base:
        assert kube.api.list(path_of(namespace, "rockets", api=base)) == []
        entries = {entry["name"]: entry for entry in kube.api.get(base)["resources"]}
        assert sorted(entries) == ["rockets", "rockets/scale", "rockets/status"]
        assert (entries["rockets"]["kind"], entries["rockets/scale"]["kind"]) == ("Rocket", "Scale")
        status, body = kube.api.request("GET", path_of(namespace, "rockets", "one", "scale", api=base))
        assert (status, body["message"]) == (404, f'rockets.{group} "one" not found')
        status, body = kube.as_user("nobody").request("GET", path_of(namespace, "rockets", api=base))
        assert (status, body["message"]) == (
            403,
            f'rockets.{group} is forbidden: User "nobody" cannot list resource "rockets" in API group "{group}" '
            f'in the namespace "{namespace}"',
        )
    eventually(lambda: kube.api.request("GET", base)[0] == 404)


# Lists


@pytest.fixture(scope="module")
def shelf(kube: Kube) -> Iterator[str]:
    """The path of four labelled ConfigMaps a to d."""
    name = unique_name()
    kube.api.create("/api/v1/namespaces", {"metadata": {"name": name}})
    path = core_path(name, "configmaps")
    labels = {"a": {"app": "web", "tier": "1"}, "b": {"app": "web", "tier": "2"}, "c": {"app": "db"}, "d": {}}
    for member, given in labels.items():
        kube.api.create(path, config_map(member, **given))
    yield path
    kube.api.delete(f"/api/v1/namespaces/{name}")


@pytest.mark.parametrize(
    ("selector", "names"),
    [
        ("app=web", "ab"),
        ("app==web,tier=2", "b"),
        ("app!=web", "cd"),
        ("app", "abc"),
        ("!app", "d"),
        ("app in (web, db)", "abc"),
        ("app notin (web)", "cd"),
        ("app in (web),tier notin (1)", "b"),
        ("tier>1", "b"),
        ("tier<2", "a"),
        ("app,!tier", "c"),
    ],
)
def test_label_selectors(kube: Kube, shelf: str, selector: str, names: str) -> None:
    found = {item["metadata"]["name"] for item in kube.api.list(shelf, labelSelector=selector)}
    # Newer releases put a ConfigMap of their own into every namespace.
    assert found - {"kube-root-ca.crt"} == set(names)


def test_field_selectors_and_what_cannot_be_read(kube: Kube, shelf: str) -> None:
    assert [item["metadata"]["name"] for item in kube.api.list(shelf, fieldSelector="metadata.name=b")] == ["b"]
    assert kube.api.list("/api/v1/configmaps", fieldSelector="metadata.name=b,metadata.namespace=none") == []
    for selector in ("app in web", "tier>x", "=web", "app=web,,"):
        assert kube.api.request("GET", shelf, labelSelector=selector)[0] == 400, selector
    assert kube.api.list(core_path("no-such-place", "configmaps")) == []
    assert kube.api.request("GET", shelf, resourceVersion="x")[0] in (400, 422, 500)


def test_pages_show_one_moment(kube: Kube, namespace: str) -> None:
    path = core_path(namespace, "configmaps")
    for number in range(5):
        kube.api.create(path, config_map(f"m{number}", page="1"))
    first = kube.api.get(path, labelSelector="page", limit=2)
    assert [item["metadata"]["name"] for item in first["items"]] == ["m0", "m1"]
    assert "kind" not in first["items"][0]
    kube.api.create(path, config_map("m2b", page="1"))
    kube.api.delete(f"{path}/m3")
    names, page = [], first
    while token := page["metadata"].get("continue"):
        page = kube.api.get(path, labelSelector="page", limit=2, **{"continue": token})
        assert page["metadata"]["resourceVersion"] == first["metadata"]["resourceVersion"]
        names += [item["metadata"]["name"] for item in page["items"]]
    assert names == ["m2", "m3", "m4"]
    assert kube.api.request("GET", path, limit=2, **{"continue": "nonsense"})[0] == 400


# Watches


def test_a_watch_goes_on_where_a_list_ended(kube: Kube, namespace: str) -> None:
    path = core_path(namespace, "configmaps")
    kube.api.create(path, config_map("a", on="1"))
    kube.api.create(path, config_map("b"))
    version = kube.api.get(path)["metadata"]["resourceVersion"]
    kube.api.patch(f"{path}/a", {"data": {"key": "b"}})
    with kube.api.watch(path, labelSelector="on", resourceVersion=version) as events:
        first = next(events)
        kube.api.patch(f"{path}/b", {"metadata": {"labels": {"on": "1"}}})
        kube.api.patch(f"{path}/a", {"metadata": {"labels": {"on": None}}})
        kube.api.delete(f"{path}/b")
        found = [first, *(next(events) for _number in range(3))]
    seen = [(event["type"], event["object"]["metadata"]["name"]) for event in found]
    assert seen == [("MODIFIED", "a"), ("ADDED", "b"), ("DELETED", "a"), ("DELETED", "b")]
    versions = [int(event["object"]["metadata"]["resourceVersion"]) for event in found]
    assert versions == sorted(set(versions))
    assert first["object"]["kind"] == "ConfigMap"
    # Resumed after the second event, it tells the rest again and nothing else.
    with kube.api.watch(path, labelSelector="on", resourceVersion=str(versions[1])) as events:
        assert [next(events)["object"]["metadata"]["name"] for _number in range(2)] == ["a", "b"]


def test_a_watch_without_a_version_begins_with_what_is_there_and_ends_in_time(kube: Kube, namespace: str) -> None:
    path = core_path(namespace, "configmaps")
    kube.api.create(path, config_map("a"))
    started = time.monotonic()
    with kube.api.watch(path, timeout=1, fieldSelector="metadata.name=a") as events:
        assert [(event["type"], event["object"]["metadata"]["name"]) for event in events] == [("ADDED", "a")]
    assert 0.5 < time.monotonic() - started < 5


@pytest.mark.stand_in_only("nobody cuts a real server's watches, or its history")
def test_watches_can_be_cut_and_history_forgotten(kube: Kube, namespace: str) -> None:
    path = core_path(namespace, "configmaps")
    kube.api.create(path, config_map("a"))
    version = kube.api.get(path)["metadata"]["resourceVersion"]
    token = kube.api.get("/api/v1/namespaces", limit=1)["metadata"]["continue"]
    with kube.api.watch(path, resourceVersion=version) as events:
        kube.stand_in.cut_watches()
        with pytest.raises((OSError, ValueError, StopIteration, Exception)) as caught:
            next(events)
    assert caught.type.__name__ in ("IncompleteRead", "ConnectionResetError", "StopIteration")
    kube.api.patch(f"{path}/a", {"data": {"key": "b"}})
    kube.stand_in.compact()
    with kube.api.watch(path, resourceVersion=version) as events:
        found = list(events)
    assert [event["type"] for event in found] == ["ERROR"]
    assert (found[0]["object"]["code"], found[0]["object"]["reason"]) == (410, "Expired")
    assert found[0]["object"]["message"].startswith(f"too old resource version: {version} (")
    status, body = kube.api.request("GET", "/api/v1/namespaces", limit=1, **{"continue": token})
    assert (status, body["reason"]) == (410, "Expired")


# Rights


def test_roles_decide_by_verb_resource_subresource_and_name(kube: Kube, idle: str, namespace: str) -> None:
    scaler = kube.as_user("scaler")
    rules = [rule("get list", "deployments"), rule("patch", "deployments/scale", names=["web"])]
    grant(kube.api, namespace, "scaler", rules)
    eventually(lambda: scaler.request("GET", idle)[0] == 200)
    assert scaler.patch(f"{idle}/scale", {"spec": {"replicas": 0}})["kind"] == "Scale"
    merge = "application/merge-patch+json"
    others = path_of(namespace, "deployments", "other", "scale")
    for method, path in (("GET", f"{idle}/scale"), ("PATCH", idle), ("PATCH", others), ("DELETE", idle)):
        status, body = scaler.request(method, path, {} if method == "PATCH" else None, merge)
        assert (status, body["reason"]) == (403, "Forbidden"), (method, path)
    assert scaler.request("GET", path_of("default", "deployments"))[0] == 403
    assert scaler.request("GET", path_of(namespace, "deployments"))[0] == 200
    assert kube.as_user("viewer").request("GET", idle)[0] == 403
    # A right that is taken away is gone.
    grant(kube.api, namespace, "scaler", [rule("get", "*/scale", group="*")])
    eventually(lambda: scaler.request("GET", idle)[0] == 403)
    eventually(lambda: scaler.request("GET", f"{idle}/scale")[0] == 200)


def test_names_limit_lists_that_ask_for_them(kube: Kube, idle: str, namespace: str) -> None:
    viewer = kube.as_user("viewer")
    grant(kube.api, namespace, "viewer", [rule("list watch", "deployments", names=["web"])])
    path = path_of(namespace, "deployments")
    eventually(lambda: viewer.request("GET", path, fieldSelector="metadata.name=web")[0] == 200)
    assert viewer.request("GET", path)[0] == 403
    with viewer.watch(path, timeout=1, fieldSelector="metadata.name=web") as events:
        assert next(events)["object"]["metadata"]["name"] == "web"


def test_cluster_roles_and_reviews(kube: Kube, idle: str, namespace: str) -> None:
    viewer = kube.as_user("viewer")
    review = {"apiVersion": "authorization.k8s.io/v1", "kind": "SelfSubjectAccessReview"}
    path = "/apis/authorization.k8s.io/v1/selfsubjectaccessreviews"

    def may(**attributes: str) -> bool:
        answer = viewer.create(path, {**review, "spec": {"resourceAttributes": attributes}})
        return bool(answer["status"]["allowed"])

    wish = {"verb": "list", "group": "apps", "resource": "deployments"}
    assert not may(**wish)
    with cluster_grant(kube.api, "viewer", [rule("list", "deployments")]) as name:
        eventually(lambda: may(**wish))
        assert may(**wish, namespace=namespace)
        assert not may(**{**wish, "verb": "get"})
        assert viewer.request("GET", "/apis/apps/v1/deployments")[0] == 200
        assert kube.api.get(f"{RBAC}/clusterroles/{name}")["rules"][0]["verbs"] == ["list"]
    eventually(lambda: not may(**wish))


def test_impersonation_takes_the_right_to_impersonate(kube: Kube, idle: str, namespace: str) -> None:
    grant(kube.api, namespace, "viewer", [rule("get", "deployments")])
    eventually(lambda: kube.as_user("viewer").request("GET", idle)[0] == 200)

    def ask(user: str, name: str) -> tuple[int, Any]:
        client = kube.as_user(user)
        connection = client._connection()
        headers = {"Authorization": f"Bearer {client.token}", "Impersonate-User": name}
        connection.request("GET", idle, headers=headers)
        answer = connection.getresponse()
        text = answer.read().decode()
        connection.close()
        return answer.status, text

    assert ask("admin", "viewer")[0] == 200
    status, text = ask("admin", "nobody")
    assert status == 403
    assert 'User \\"nobody\\" cannot get' in text
    status, text = ask("nobody", "viewer")
    assert status == 403
    assert 'users \\"viewer\\" is forbidden: User \\"nobody\\" cannot impersonate resource \\"users\\"' in text


# Rollouts


def test_a_rollout_ends_with_new_pods_and_says_so(kube: Kube, namespace: str) -> None:
    path = path_of(namespace, "deployments", "web")
    kube.api.create(path_of(namespace, "deployments"), workload("web", 3))
    value = ready(kube.api, path, 3)
    old = {item["metadata"]["name"] for item in kube.api.list(core_path(namespace, "pods"), labelSelector="app=web")}
    assert len(old) == 3
    image = {"spec": {"template": {"spec": {"containers": [{"name": "main", "image": "registry.example.org/web:2"}]}}}}
    changed = kube.api.patch(path, image, "strategic")
    assert changed["metadata"]["generation"] == value["metadata"]["generation"] + 1
    value = ready(kube.api, path, 3)
    assert condition(value, "Available") == ("True", "MinimumReplicasAvailable")
    eventually(lambda: condition(kube.api.get(path), "Progressing") == ("True", "NewReplicaSetAvailable"))
    pods = kube.api.list(core_path(namespace, "pods"), labelSelector="app=web")
    assert {pod["spec"]["containers"][0]["image"] for pod in pods} == {"registry.example.org/web:2"}
    assert not old & {pod["metadata"]["name"] for pod in pods}
    sets = kube.api.list(path_of(namespace, "replicasets"), labelSelector="app=web")
    assert sorted(item["spec"]["replicas"] for item in sets) == [0, 3]
    revisions = {item["metadata"]["annotations"]["deployment.kubernetes.io/revision"] for item in sets}
    assert revisions == {"1", "2"}
    owner = next(item for item in sets if item["spec"]["replicas"])
    assert all(pod["metadata"]["ownerReferences"][0]["uid"] == owner["metadata"]["uid"] for pod in pods)
    kube.api.patch(f"{path}/scale", {"spec": {"replicas": 1}})
    assert ready(kube.api, path, 1)["status"]["availableReplicas"] == 1


def test_a_stuck_rollout_keeps_the_old_pods_and_runs_into_its_deadline(kube: Kube, namespace: str) -> None:
    path = path_of(namespace, "deployments", "web")
    kube.api.create(path_of(namespace, "deployments"), workload("web", 2, progressDeadlineSeconds=1))
    ready(kube.api, path, 2)
    labels = {"spec": {"template": {"metadata": {"labels": {"stuck": "true"}}}}}
    kube.api.patch(path, labels)
    late = ("False", "ProgressDeadlineExceeded")
    value = eventually(lambda: condition(kube.api.get(path), "Progressing") == late and kube.api.get(path))
    status = value["status"]
    assert (status["readyReplicas"], status["updatedReplicas"], status["replicas"]) == (2, 1, 3)
    assert (status["availableReplicas"], status["unavailableReplicas"]) == (2, 1)
    assert status["observedGeneration"] == value["metadata"]["generation"]
    assert condition(value, "Available") == ("True", "MinimumReplicasAvailable")
    pods = kube.api.list(core_path(namespace, "pods"), labelSelector="app=web,stuck=true")
    assert [pod["status"]["phase"] for pod in pods] == ["Pending"]
    # Back to the old template, it recovers.
    kube.api.patch(path, {"spec": {"template": {"metadata": {"labels": {"stuck": None}}}}})
    ready(kube.api, path, 2)
    eventually(lambda: condition(kube.api.get(path), "Progressing") == ("True", "NewReplicaSetAvailable"))


def test_no_deadline_runs_while_a_complete_deployment_is_scaled(kube: Kube, namespace: str) -> None:
    path = path_of(namespace, "deployments", "web")
    kube.api.create(path_of(namespace, "deployments"), workload("web", 0, stuck=True, progressDeadlineSeconds=1))
    done = ("True", "NewReplicaSetAvailable")
    eventually(lambda: condition(kube.api.get(path), "Progressing") == done)
    kube.api.patch(path, {"spec": {"replicas": 1}})
    eventually(lambda: kube.api.get(path)["status"].get("unavailableReplicas") == 1)
    time.sleep(2)
    value = kube.api.get(path)
    assert condition(value, "Progressing") == done
    # A quarter of one pod, rounded down, may be missing: none.
    assert condition(value, "Available") == ("False", "MinimumReplicasUnavailable")


def test_a_statefulset_goes_by_number_and_stops_at_its_partition(kube: Kube, namespace: str) -> None:
    path = path_of(namespace, "statefulsets", "db")
    kube.api.create(path_of(namespace, "statefulsets"), workload("db", 2, "StatefulSet"))
    value = ready(kube.api, path, 2)
    assert value["status"]["currentRevision"] == value["status"]["updateRevision"]
    pods = core_path(namespace, "pods")

    def images() -> dict[str, str]:
        found = kube.api.list(pods, labelSelector="app=db")
        return {pod["metadata"]["name"]: pod["spec"]["containers"][0]["image"][-1] for pod in found}

    assert images() == {"db-0": "1", "db-1": "1"}
    strategy = {"type": "RollingUpdate", "rollingUpdate": {"partition": 1}}
    container = {"name": "main", "image": "registry.example.org/web:2"}
    change = {"updateStrategy": strategy, "template": {"spec": {"containers": [container]}}}
    kube.api.patch(path, {"spec": change}, "strategic")
    eventually(lambda: images() == {"db-0": "1", "db-1": "2"})

    def partly() -> Object | None:
        status: Object = kube.api.get(path)["status"]
        return status if (status.get("readyReplicas"), status.get("updatedReplicas")) == (2, 1) else None

    status = eventually(partly)
    assert status["currentRevision"] != status["updateRevision"]
    kube.api.patch(path, {"spec": {"updateStrategy": {"rollingUpdate": {"partition": 0}}}})
    eventually(lambda: images() == {"db-0": "2", "db-1": "2"})
    status, body = kube.api.request("PATCH", path, {"spec": {"serviceName": "x"}}, "application/merge-patch+json")
    assert (status, body["reason"]) == (422, "Invalid")
    assert "updates to statefulset spec for fields other than" in body["message"]


def test_a_statefulset_on_delete_replaces_nothing_by_itself(kube: Kube, namespace: str) -> None:
    path = path_of(namespace, "statefulsets", "db")
    value = workload("db", 1, "StatefulSet", updateStrategy={"type": "OnDelete"})
    kube.api.create(path_of(namespace, "statefulsets"), value)
    ready(kube.api, path, 1)
    note = {"spec": {"template": {"metadata": {"annotations": {"turn": "2"}}}}}
    changed = kube.api.patch(path, note)
    eventually(lambda: kube.api.get(path)["status"]["observedGeneration"] == changed["metadata"]["generation"])
    time.sleep(0.3)
    status = kube.api.get(path)["status"]
    assert (status.get("updatedReplicas", 0), status["readyReplicas"]) == (0, 1)
    pod = core_path(namespace, "pods", "db-0")
    uid = kube.api.get(pod)["metadata"]["uid"]
    kube.api.delete(pod)
    eventually(lambda: kube.api.get(path)["status"].get("updatedReplicas") == 1)
    assert eventually(lambda: kube.api.request("GET", pod)[1].get("metadata", {}).get("uid")) != uid


# Ends


def test_what_goes_with_a_deployment(kube: Kube, namespace: str) -> None:
    deployments, sets = path_of(namespace, "deployments"), path_of(namespace, "replicasets")
    for name in ("kept", "gone"):
        kube.api.create(deployments, workload(name, 1))
        ready(kube.api, f"{deployments}/{name}", 1)
    uid = kube.api.get(f"{deployments}/gone")["metadata"]["uid"]
    kube.api.delete(f"{deployments}/kept", propagationPolicy="Orphan")
    told = kube.api.delete(f"{deployments}/gone", propagationPolicy="Background")
    assert (told["kind"], told["status"]) == ("Status", "Success")
    assert told["details"] == {"name": "gone", "group": "apps", "kind": "deployments", "uid": uid}
    pods = core_path(namespace, "pods")
    eventually(lambda: not kube.api.list(sets, labelSelector="app=gone"))
    eventually(lambda: not kube.api.list(pods, labelSelector="app=gone"))
    assert len(kube.api.list(sets, labelSelector="app=kept")) == 1
    assert len(kube.api.list(pods, labelSelector="app=kept")) == 1
    eventually(lambda: kube.api.request("GET", f"{deployments}/kept")[0] == 404)


def test_a_namespace_goes_with_all_that_it_holds(kube: Kube) -> None:
    name = unique_name()
    path = f"/api/v1/namespaces/{name}"
    kube.api.create("/api/v1/namespaces", {"metadata": {"name": name}})
    kube.api.create(core_path(name, "configmaps"), config_map("a"))
    assert kube.api.delete(path)["status"]["phase"] == "Terminating"
    eventually(lambda: kube.api.request("GET", path)[0] == 404)
    assert kube.api.list(core_path(name, "configmaps")) == []


# The stand-in's own: TLS, kubectl, faults


@pytest.fixture(scope="module")
def secured() -> Iterator[KubeServer]:
    """A stand-in that speaks TLS."""
    with KubeServer(tls=True) as server:
        yield server


def test_tls_with_an_authority_of_its_own_and_client_certificates(secured: KubeServer) -> None:
    def ask(context: ssl.SSLContext) -> int:
        request = urllib.request.Request(f"{secured.endpoint}/api/v1/namespaces")
        try:
            with urllib.request.urlopen(request, timeout=10, context=context) as answer:
                return int(answer.status)
        except urllib.error.HTTPError as error:
            with error:
                return error.code

    trusting = ssl.create_default_context(cafile=str(secured.ca_cert))
    assert ask(trusting) == 403
    trusting.load_cert_chain(secured.client_cert, secured.client_key)
    assert ask(trusting) == 200
    with pytest.raises(urllib.error.URLError, match="certificate verify failed"):
        ask(ssl.create_default_context())


@pytest.mark.skipif(shutil.which("kubectl") is None, reason="kubectl is not installed")
def test_kubectl_works_with_the_stand_in(secured: KubeServer, tmp_path: Path) -> None:
    config = secured.kubeconfig(tmp_path / "kubeconfig")

    def kubectl(*arguments: str) -> str:
        command = [
            "kubectl",
            f"--kubeconfig={config}",
            f"--cache-dir={tmp_path}/cache",
            "--namespace=default",
            *arguments,
        ]
        done = subprocess.run(
            command, env=scrubbed_environment(tmp_path), capture_output=True, text=True, timeout=60, check=False
        )
        assert done.returncode == 0, done.stderr
        return done.stdout

    kubectl("create", "deployment", "web", "--image=registry.example.org/web:1")
    kubectl("scale", "deployment/web", "--current-replicas=1", "--replicas=3")
    assert "successfully rolled out" in kubectl("rollout", "status", "deployment/web", "--timeout=30s")
    kubectl("autoscale", "deployment/web", "--min=1", "--max=4", "--cpu-percent=50")
    assert kubectl("get", "hpa", "web", "-o=jsonpath={.spec.maxReplicas}") == "4"


@pytest.fixture
def faulty(kube: Kube) -> Iterator[FaultProxy]:
    """A proxy before the stand-in."""
    with FaultProxy(kube.stand_in.endpoint) as proxy:
        yield proxy


@pytest.mark.stand_in_only("the fault proxy speaks no TLS")
def test_faults_strike_by_verb_and_resource(kube: Kube, faulty: FaultProxy, idle: str) -> None:
    client = KubeClient(faulty.endpoint, "admintoken")
    faulty.answer(429, "TooManyRequests", {"Retry-After": "1"}, operation="patch deployments", first=1)
    faulty.drop("get deployments/scale", after_forwarding=True)
    status, body = client.request("PATCH", idle, {}, "application/merge-patch+json")
    assert (status, body["kind"], body["reason"], body["code"]) == (429, "Status", "TooManyRequests", 429)
    assert client.patch(idle, {"spec": {"replicas": 1}})["spec"]["replicas"] == 1
    with pytest.raises(ConnectionError):
        client.get(f"{idle}/scale")
    client.get("/version")
    assert faulty.calls == {"patch deployments": 2, "get deployments/scale": 1, "get /version": 1}


@pytest.mark.stand_in_only("the fault proxy speaks no TLS")
def test_watches_pass_the_proxy_without_delay_and_can_be_cut_there(
    kube: Kube, faulty: FaultProxy, namespace: str
) -> None:
    client = KubeClient(faulty.endpoint, "admintoken")
    path = core_path(namespace, "configmaps")
    kube.api.create(path, config_map("a"))
    started = time.monotonic()
    with client.watch(path) as events:
        assert next(events)["type"] == "ADDED"
        kube.api.patch(f"{path}/a", {"data": {"key": "b"}})
        assert next(events)["type"] == "MODIFIED"
    assert time.monotonic() - started < 10
    assert faulty.calls["watch configmaps"] == 1
    faulty.truncate("watch configmaps", keep=10)
    with client.watch(path) as events, pytest.raises((ValueError, OSError, Exception)) as caught:
        next(events)
    assert caught.type.__name__ in ("IncompleteRead", "JSONDecodeError", "ConnectionResetError", "StopIteration")


@pytest.mark.parametrize("version", ["v1.20.2"])
def test_the_stand_in_can_pass_for_an_older_release(version: str, tmp_path: Path) -> None:
    with KubeServer(version=version) as server:
        api = Kube(server.kubeconfig(tmp_path / "kubeconfig"), live=False, server=server).api
        group = api.get("/apis/autoscaling")
        assert [entry["version"] for entry in group["versions"]] == ["v1", "v2beta2"]
        assert group["preferredVersion"]["version"] == "v1"
        assert api.get("/version")["gitVersion"] == version
