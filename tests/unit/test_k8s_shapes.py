# Copyright (c) 2026 cloudops.core contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""From the Kubernetes API's shapes, addresses and answers to ours; and the connection options."""

from __future__ import annotations

import json
from types import SimpleNamespace
from typing import Any

import pytest
from ansible.module_utils.common.arg_spec import ArgumentSpecValidator
from ansible_collections.cloudops.core.plugins.module_utils._ansible.argspec import (
    K8S_TOGETHER,
    hide_secrets,
    k8s_spec,
)
from ansible_collections.cloudops.core.plugins.module_utils._k8s.addresses import Address, missing_right
from ansible_collections.cloudops.core.plugins.module_utils._k8s.errors import from_answer, from_transport
from ansible_collections.cloudops.core.plugins.module_utils._k8s.shapes import (
    hpa_of,
    pod_trouble,
    scaled_object_of,
    targets,
    workload_of,
)
from urllib3 import exceptions as http

WEB = Address("apps/v1", "deployments", "shop", "web")


@pytest.mark.parametrize(
    ("address", "path", "resource"),
    [
        (WEB, "/apis/apps/v1/namespaces/shop/deployments/web", "deployments"),
        (WEB.part("scale"), "/apis/apps/v1/namespaces/shop/deployments/web/scale", "deployments/scale"),
        (Address("apps/v1", "deployments"), "/apis/apps/v1/deployments", "deployments"),
        (Address("v1", "pods", "shop"), "/api/v1/namespaces/shop/pods", "pods"),
        (Address("v1", "pods", "a/../b", "c?d"), "/api/v1/namespaces/a%2F..%2Fb/pods/c%3Fd", "pods"),
        (Address("example.com/v1", ""), "/apis/example.com/v1", "apis"),
        (Address("", ""), "/apis", "apis"),
    ],
)
def test_addresses(address: Address, path: str, resource: str) -> None:
    assert (address.path, address.resource) == (path, resource)


def test_missing_rights() -> None:
    assert missing_right("patch", WEB) == 'verb patch on deployments of API group "apps" in namespace shop'
    assert missing_right("list", Address("v1", "pods")) == (
        'verb list on pods of API group "" (core) cluster-wide (a ClusterRole)'
    )
    assert "nonResourceURL /apis" in missing_right("get", Address("", ""))


def status(reason: str, message: str) -> bytes:
    return json.dumps({"kind": "Status", "reason": reason, "message": message}).encode()


@pytest.mark.parametrize(
    ("code", "body", "kind", "reason", "said"),
    [
        (401, status("Unauthorized", "Unauthorized"), "denied", "Unauthorized", "Check api_key"),
        (403, status("Forbidden", "no"), "denied", "Forbidden", "Grant verb get on deployments"),
        (404, status("NotFound", "not there"), "not_found", "NotFound", "not there"),
        (409, status("Conflict", "modified"), "conflict", "Conflict", "modified"),
        (410, status("Expired", "too old"), "conflict", "Expired", "too old"),
        (422, status("Invalid", "must be 0 or more"), "invalid", "Invalid", "must be 0 or more"),
        (400, b"plain words\n", "invalid", "400", "plain words"),
        (429, b"", "throttled", "429", "lower concurrency"),
        (500, status("InternalError", "oh"), "unavailable", "InternalError", "oh"),
        (503, b"<html>", "unavailable", "503", "<html>"),
        (504, b"[]", "timeout", "504", "answered 504"),
    ],
)
def test_answers(code: int, body: bytes, kind: str, reason: str, said: str) -> None:
    error = from_answer(code, body, "get", WEB)
    assert (error.kind, error.code, error.details["status"]) == (kind, reason, code)
    assert said in str(error)
    assert "get deployments" in str(error)


def test_troubles_on_the_way() -> None:
    pool: Any = None
    cases = [
        (http.SSLError("certificate verify failed"), "unavailable", "ca_cert"),
        (http.NewConnectionError(pool, "refused"), "unavailable", "Check host"),
        (http.ConnectTimeoutError(pool, "slow"), "timeout", "Check host"),
        (http.ReadTimeoutError(pool, "/", "slow"), "timeout", "Run again"),
        (http.ProxyError("no", OSError("refused")), "unavailable", "Check proxy"),
        (http.ProtocolError("broken"), "unavailable", "the connection to https://k broke"),
        (http.LocationParseError("x"), "invalid", "isn't the URL"),
    ]
    for cause, kind, said in cases:
        for error in (cause, http.MaxRetryError(pool, "/", cause)):
            told = from_transport(error, "list", WEB, "https://k")
            assert (told.kind, told.code) == (kind, type(cause).__name__)
            assert said in str(told)


def test_workloads() -> None:
    item = {
        "metadata": {
            "name": "web",
            "namespace": "shop",
            "resourceVersion": "5",
            "generation": 3,
            "ownerReferences": [{"kind": "A", "name": "b"}, {"kind": "Deployment", "name": "web", "controller": True}],
        },
        "spec": {
            "selector": {
                "matchLabels": {"app": "web"},
                "matchExpressions": [
                    {"key": "tier", "operator": "In", "values": ["a", "b"]},
                    {"key": "old", "operator": "DoesNotExist"},
                    {"key": "new", "operator": "Exists"},
                    {"key": "x", "operator": "NotIn", "values": ["y"]},
                ],
            },
            "template": {
                "spec": {"containers": [{"name": "main", "image": "i", "resources": {"limits": {"cpu": "1"}}}]}
            },
        },
        "status": {"observedGeneration": 3, "conditions": [{"type": "Available", "status": "True"}]},
    }
    web = workload_of(item, "Deployment", "apps/v1")
    assert (web.replicas, web.ready, web.observed, web.generation) == (1, 0, 3, 3)
    assert web.selector == "app=web,tier in (a,b),!old,new,x notin (y)"
    assert web.controller == "Deployment web"
    assert web.conditions == {"Available": ("True", "", "")}
    assert (web.containers, web.images) == ({"main": {"limits": {"cpu": "1"}}}, {"main": "i"})


def test_kinds_of_other_people_may_have_anything_anywhere() -> None:
    item = {"metadata": {"name": "w", "namespace": "s"}, "spec": {"replicas": "many", "template": 5, "selector": "x"}}
    scale = {"spec": {}, "status": {"selector": "a=b"}}
    found = workload_of({**item, "status": {"conditions": "none", "readyReplicas": "1"}}, "Widget", "e.com/v1", scale)
    assert (found.replicas, found.status, found.selector, found.ready) == (0, {"replicas": 0}, "a=b", None)
    assert workload_of(item, "Widget", "e.com/v1", {"spec": {"replicas": 4}, "status": {"replicas": 3}}).replicas == 4


def test_autoscalers() -> None:
    reference = {"kind": "Deployment", "name": "web", "apiVersion": "apps/v1"}
    target, owner = hpa_of(
        {"metadata": {"name": "h", "namespace": "s"}, "spec": {"scaleTargetRef": reference, "maxReplicas": 4}}
    )
    assert (target, owner.minimum, owner.maximum, str(owner)) == (reference, 1, 4, "HorizontalPodAutoscaler h")
    target, owner = scaled_object_of({"metadata": {"name": "k"}, "spec": {"scaleTargetRef": {"name": "web"}}})
    assert (target, owner.minimum, owner.maximum) == (reference, 0, 100)
    _target, owner = scaled_object_of({"metadata": {"name": "k"}, "spec": {"minReplicaCount": 2, "maxReplicaCount": 3}})
    assert (owner.minimum, owner.maximum) == (2, 3)


@pytest.mark.parametrize(
    ("reference", "meant"),
    [
        ({"kind": "Deployment", "name": "web", "apiVersion": "apps/v1"}, True),
        ({"kind": "Deployment", "name": "web", "apiVersion": "apps/v1beta1"}, True),
        ({"kind": "Deployment", "name": "web"}, True),
        ({"kind": "Deployment", "name": "web", "apiVersion": "example.com/v1"}, False),
        ({"kind": "StatefulSet", "name": "web", "apiVersion": "apps/v1"}, False),
        ({"kind": "Deployment", "name": "api", "apiVersion": "apps/v1"}, False),
    ],
)
def test_what_an_autoscaler_means(reference: dict[str, str], meant: bool) -> None:
    assert targets(reference, "Deployment", "apps/v1", "web") == meant


def waiting(reason: str, message: str = "") -> dict[str, Any]:
    return {"containerStatuses": [{"name": "main", "state": {"waiting": {"reason": reason, "message": message}}}]}


def condition(name: str, reason: str, message: str = "") -> dict[str, Any]:
    return {"conditions": [{"type": name, "status": "False", "reason": reason, "message": message}]}


@pytest.mark.parametrize(
    ("told", "trouble"),
    [
        ({"conditions": [{"type": "Ready", "status": "True"}]}, ""),
        (waiting("ImagePullBackOff", "Back-off\n pulling"), "ImagePullBackOff (Back-off pulling)"),
        (waiting("CrashLoopBackOff"), "CrashLoopBackOff"),
        (waiting("ContainerCreating") | {"phase": "Pending"}, "Pending"),
        (condition("PodScheduled", "Unschedulable", "0/3 nodes"), "Unschedulable (0/3 nodes)"),
        (condition("Ready", "ContainersNotReady", "containers with unready status: [main]") | {"phase": "Running"},
         "ContainersNotReady (containers with unready status: [main])"),
        ({"phase": "Failed", "reason": "Evicted", "message": "low on memory"}, "Evicted (low on memory)"),
        ({"phase": "Running"}, "Running, and not ready"),
        ({}, "Pending"),
    ],
)  # fmt: skip
def test_why_pods_do_not_come_up(told: dict[str, Any], trouble: str) -> None:
    assert pod_trouble({"metadata": {"name": "p"}, "status": told}) == trouble
    gone = {"metadata": {"name": "p", "deletionTimestamp": "2026-03-01T12:00:00Z"}, "status": told}
    assert pod_trouble(gone) == ""


# Options


def validated(**options: Any) -> Any:
    return ArgumentSpecValidator(k8s_spec(), required_together=K8S_TOGETHER).validate(options)


@pytest.mark.parametrize(
    ("alias", "option"),
    [
        ("ssl_ca_cert", "ca_cert"),
        ("cert_file", "client_cert"),
        ("key_file", "client_key"),
    ],
)
def test_aliases(alias: str, option: str) -> None:
    assert validated(**{alias: "/x"}).validated_parameters[option] == "/x"


@pytest.mark.parametrize(
    ("variable", "option", "value"),
    [
        ("KUBECONFIG", "kubeconfig", "/a"),
        ("CONTEXT", "context", "a"),
        ("HOST", "host", "https://a"),
        ("API_KEY", "api_key", "a"),
        ("USERNAME", "username", "a"),
        ("PASSWORD", "password", "a"),
        ("VERIFY_SSL", "validate_certs", False),
        ("SSL_CA_CERT", "ca_cert", "/a"),
        ("CERT_FILE", "client_cert", "/a"),
        ("KEY_FILE", "client_key", "/a"),
        ("PROXY", "proxy", "http://a"),
        ("IMPERSONATE_USER", "impersonate_user", "a"),
        ("IMPERSONATE_GROUPS", "impersonate_groups", ["a", "b"]),
    ],
)
def test_variables(variable: str, option: str, value: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    text = ",".join(value) if isinstance(value, list) else str(value)
    monkeypatch.setenv(f"K8S_AUTH_{variable}", text)
    assert validated().validated_parameters[option] == value


def test_secrets_are_never_logged() -> None:
    spec = k8s_spec()
    assert {name for name, option in spec.items() if option.get("no_log")} == {"api_key", "password"}
    users = [
        {"name": "a", "user": {"token": "t1", "password": "p1", "client-key-data": "k1", "username": "u1"}},
        {"name": "b", "user": {"auth-provider": {"name": "oidc", "config": {"id-token": "t2", "client-secret": "s2"}}}},
    ]
    module: Any = SimpleNamespace(params={"kubeconfig": {"users": users}}, no_log_values=set())
    hide_secrets(module)
    assert module.no_log_values == {"t1", "p1", "k1", "t2", "s2"}
    for other in ("/path", None):
        plain: Any = SimpleNamespace(params={"kubeconfig": other}, no_log_values=set())
        hide_secrets(plain)
        assert plain.no_log_values == set()


def test_what_goes_together() -> None:
    assert validated(username="a", password="b").error_messages == []
    assert len(validated(username="a").error_messages) == 1
    assert len(validated(client_cert="/a").error_messages) == 1
    assert validated().validated_parameters["validate_certs"] is None
