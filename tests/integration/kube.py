# Copyright (c) 2026 cloudops.core contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The Kubernetes API that tests run against, and what they need to arrange and to look at things there."""

from __future__ import annotations

import base64
import json
import os
import re
import ssl
import subprocess
import time
import uuid
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.client import HTTPConnection, HTTPResponse, HTTPSConnection
from pathlib import Path
from typing import Any
from urllib.parse import quote, urlencode, urlsplit

import pytest
import yaml

from tests.servers.kube import KubeServer, write_kubeconfig

Object = dict[str, Any]
Rule = dict[str, list[str]]
PATCHES = {
    "merge": "application/merge-patch+json",
    "strategic": "application/strategic-merge-patch+json",
    "json": "application/json-patch+json",
}
RBAC = "/apis/rbac.authorization.k8s.io/v1"
IMAGE = "registry.example.org/web:1"


class KubeError(AssertionError):
    """An error answer that the test did not ask for: ``status`` is HTTP's, ``body`` the Status object."""

    def __init__(self, method: str, path: str, status: int, body: Any) -> None:
        told = body.get("message") if isinstance(body, dict) else body
        super().__init__(f"{method} {path}: {status} {told}")
        self.status = status
        self.body = body


class KubeClient:
    """Requests by raw path, as one user; a test's own view of the server, past the collection's code."""

    def __init__(self, server: str, token: str, context: ssl.SSLContext | None = None) -> None:
        self.server = server
        self.token = token
        self._context = context

    def _connection(self, timeout: float = 60) -> HTTPConnection:
        where = urlsplit(self.server)
        if where.scheme == "https":
            return HTTPSConnection(where.netloc, context=self._context, timeout=timeout)
        return HTTPConnection(where.netloc, timeout=timeout)

    def _send(
        self, connection: HTTPConnection, method: str, path: str, body: Any, query: Object, content: str
    ) -> HTTPResponse:
        headers = {"Accept": "application/json", "Content-Type": content}
        if self.token:
            headers["Authorization"] = f"Bearer {self.token}"
        target = path + (f"?{urlencode(query)}" if query else "")
        data = body if isinstance(body, bytes) else None if body is None else json.dumps(body).encode()
        connection.request(method, target, data, headers)
        return connection.getresponse()

    def request(
        self, method: str, path: str, body: Any = None, content: str = "application/json", **query: Any
    ) -> tuple[int, Any]:
        """Send a request and return the status and the body; no status is an error here."""
        connection = self._connection()
        try:
            answer = self._send(connection, method, path, body, query, content)
            data = answer.read()
        finally:
            connection.close()
        is_json = (answer.getheader("Content-Type") or "").startswith("application/json")
        return answer.status, json.loads(data) if is_json and data else data.decode()

    def _ask(self, method: str, path: str, body: Any = None, content: str = "application/json", **query: Any) -> Any:
        status, found = self.request(method, path, body, content, **query)
        if status >= 400:
            raise KubeError(method, path, status, found)
        return found

    def get(self, path: str, **query: Any) -> Any:
        """Read an object."""
        return self._ask("GET", path, **query)

    def list(self, path: str, **query: Any) -> list[Object]:
        """Read the members of a collection."""
        items: list[Object] = self._ask("GET", path, **query)["items"]
        return items

    def create(self, path: str, body: Object) -> Any:
        """Post an object to a collection."""
        return self._ask("POST", path, body)

    def put(self, path: str, body: Object) -> Any:
        """Replace an object."""
        return self._ask("PUT", path, body)

    def patch(self, path: str, body: Any, kind: str = "merge") -> Any:
        """Patch an object; the kind is merge, strategic or json."""
        return self._ask("PATCH", path, body, PATCHES[kind])

    def delete(self, path: str, **query: Any) -> Any:
        """Delete an object; one that is not there is fine."""
        status, found = self.request("DELETE", path, **query)
        if status >= 400 and status != 404:
            raise KubeError("DELETE", path, status, found)
        return found

    @contextmanager
    def watch(self, path: str, timeout: int = 20, **query: Any) -> Iterator[Iterator[Object]]:
        """Open a watch for so many seconds; gives an iterator over its events."""
        connection = self._connection(timeout + 10)
        try:
            query = {"watch": "true", "timeoutSeconds": timeout, **query}
            answer = self._send(connection, "GET", path, None, query, "application/json")
            if answer.status != 200:
                raise KubeError("WATCH", path, answer.status, json.loads(answer.read()))
            yield (json.loads(line) for line in answer if line.strip())
        finally:
            connection.close()


@dataclass(frozen=True)
class Kube:
    """The server under test. ``kubeconfig`` has the contexts admin, viewer, scaler and nobody."""

    kubeconfig: Path
    live: bool
    server: KubeServer | None = None
    """The stand-in, None on a real server."""
    clients: dict[str, KubeClient] = field(default_factory=dict, compare=False)

    @property
    def api(self) -> KubeClient:
        """The administrator's client."""
        return self.as_user("admin")

    @property
    def stand_in(self) -> KubeServer:
        """The stand-in, for tests marked ``stand_in_only``."""
        assert self.server is not None
        return self.server

    @property
    def takes_custom_objects(self) -> bool:
        """Whether the server survives them."""
        return not custom_objects_kill(self.api)

    def as_user(self, context: str) -> KubeClient:
        """A client with the token of one of the contexts."""
        if context not in self.clients:
            self.clients[context] = _client(yaml.safe_load(self.kubeconfig.read_text(encoding="utf-8")), context)
        return self.clients[context]

    def via(self, endpoint: str, path: Path) -> Path:
        """Write a kubeconfig that leads to the stand-in through a proxy at ``endpoint``."""
        write_kubeconfig(path, {"server": endpoint})
        return path


def _client(config: Object, context: str) -> KubeClient:
    def named(kind: str, name: str) -> Object:
        found: Object = next(entry[kind] for entry in config[f"{kind}s"] if entry["name"] == name)
        return found

    chosen = named("context", context)
    cluster, user = named("cluster", chosen["cluster"]), named("user", chosen["user"])
    tls = None
    if cluster["server"].startswith("https"):
        data = base64.b64decode(cluster.get("certificate-authority-data", "")).decode()
        tls = ssl.create_default_context(cafile=cluster.get("certificate-authority"), cadata=data or None)
    return KubeClient(cluster["server"], user["token"], tls)


def with_trust(kubeconfig: Path, path: Path) -> Path:
    """Write a kubeconfig that verifies TLS against what the servers show now, in place of one that does not verify it.

    Modules then say nothing about unverified requests, and do on a test server what they do everywhere else.
    """
    config = yaml.safe_load(kubeconfig.read_text(encoding="utf-8"))
    for entry in config["clusters"]:
        cluster = entry["cluster"]
        if cluster.pop("insecure-skip-tls-verify", False):
            chain = _chain(urlsplit(cluster["server"]).netloc)
            cluster["certificate-authority-data"] = base64.b64encode(chain.encode()).decode()
    path.write_text(json.dumps(config), encoding="utf-8")
    return path


def _chain(address: str) -> str:
    """The certificates that a server shows, PEM."""
    command = ["openssl", "s_client", "-connect", address, "-showcerts"]
    shown = subprocess.run(command, input="", capture_output=True, text=True, timeout=30, check=False).stdout
    found = re.findall("-----BEGIN CERTIFICATE-----.*?-----END CERTIFICATE-----", shown, re.DOTALL)
    assert found, f"{address} shows no certificate: {shown}"
    return "\n".join(found) + "\n"


def unique_name(prefix: str = "co") -> str:
    """Return a name that nobody else uses."""
    worker = os.environ.get("PYTEST_XDIST_WORKER", "gw")
    return f"{prefix}-{worker}-{uuid.uuid4().hex[:10]}"


def eventually(check: Callable[[], Any], timeout: float = 30, every: float = 0.03) -> Any:
    """Wait until a check returns something true, and return that."""
    end = time.monotonic() + timeout
    while not (found := check()):
        if time.monotonic() > end:
            raise AssertionError(f"{check} did not come true in {timeout} seconds")
        time.sleep(every)
    return found


# Paths


def path_of(namespace: str, plural: str, name: str = "", part: str = "", api: str = "/apis/apps/v1") -> str:
    """The path of a collection, an object or a subresource: ``path_of(ns, "deployments", "web", "scale")``."""
    return "/".join(filter(None, (f"{api}/namespaces/{namespace}/{plural}", quote(name), part)))


def core_path(namespace: str, plural: str, name: str = "", part: str = "") -> str:
    """The same in the core group: pods, configmaps, events."""
    return path_of(namespace, plural, name, part, "/api/v1")


# Objects


def workload(name: str, replicas: int = 1, kind: str = "Deployment", stuck: bool = False, **spec: Any) -> Object:
    """A Deployment, ReplicaSet or StatefulSet with the label ``app=NAME``; further fields go into its spec."""
    labels = {"app": name}
    pod_labels = {**labels, "stuck": "true"} if stuck else labels
    template = {"metadata": {"labels": pod_labels}, "spec": {"containers": [{"name": "main", "image": IMAGE}]}}
    full: Object = {"replicas": replicas, "selector": {"matchLabels": labels}, "template": template, **spec}
    if kind == "StatefulSet":
        full.setdefault("serviceName", name)
    return {"apiVersion": "apps/v1", "kind": kind, "metadata": {"name": name, "labels": labels}, "spec": full}


def autoscaler(target: str, minimum: int = 1, maximum: int = 5, kind: str = "Deployment", name: str = "") -> Object:
    """An autoscaling/v1 HorizontalPodAutoscaler for a workload."""
    ref = {"apiVersion": "apps/v1", "kind": kind, "name": target}
    spec = {"scaleTargetRef": ref, "minReplicas": minimum, "maxReplicas": maximum, "targetCPUUtilizationPercentage": 70}
    head = {"apiVersion": "autoscaling/v1", "kind": "HorizontalPodAutoscaler", "metadata": {"name": name or target}}
    return {**head, "spec": spec}


def definition(group: str, kind: str, version: str = "v1", scale: bool = True, selector: bool = True) -> Object:
    """A namespaced CustomResourceDefinition, with ``spec.replicas`` as its scale subresource if that is wanted."""
    plural = kind.lower() + "s"
    paths = {"specReplicasPath": ".spec.replicas", "statusReplicasPath": ".status.replicas"}
    if selector:
        paths["labelSelectorPath"] = ".status.selector"
    keep = {"type": "object", "x-kubernetes-preserve-unknown-fields": True}
    schema = {"type": "object", "properties": {"spec": keep, "status": keep}}
    entry = {"name": version, "served": True, "storage": True, "schema": {"openAPIV3Schema": schema}}
    entry["subresources"] = {"status": {}, **({"scale": paths} if scale else {})}
    names = {"plural": plural, "singular": kind.lower(), "kind": kind, "listKind": f"{kind}List"}
    spec = {"group": group, "scope": "Namespaced", "names": names, "versions": [entry]}
    head = {"apiVersion": "apiextensions.k8s.io/v1", "kind": "CustomResourceDefinition"}
    return {**head, "metadata": {"name": f"{plural}.{group}"}, "spec": spec}


def custom_objects_kill(api: KubeClient) -> str:
    """Why the server would die of a custom object, "" if it would not.

    An old Kubernetes that was built with Go 1.18 or later does: what it reads JSON with (modern-go/reflect2 before
    1.0.2) does not know that Go's maps. A server built from a distribution's source may not know its own release, but
    releases of that age lack autoscaling/v2.
    """
    go = api.get("/version").get("goVersion", "")
    found = re.match(r"go1\.(\d+)", go)
    versions = [entry["version"] for entry in api.get("/apis/autoscaling")["versions"]]
    old = found and int(found.group(1)) >= 18 and "v2" not in versions
    return f"a Kubernetes without autoscaling/v2 that was built with {go} dies of custom objects" if old else ""


@contextmanager
def defined(
    api: KubeClient, group: str, kind: str, version: str = "v1", empty: bool = False, **options: Any
) -> Iterator[str]:
    """Have a custom kind for a while; gives the base of its paths for ``path_of(..., api=)``.

    A kind that is there already is used as it is and stays, and so does one of another group than example.org's: tests
    that run at the same time may share it. The test is skipped on a server that would not survive objects of the kind;
    with ``empty`` none will be made.
    """
    if not empty and (reason := custom_objects_kill(api)):
        pytest.skip(reason)
    collection = "/apis/apiextensions.k8s.io/v1/customresourcedefinitions"
    wanted = definition(group, kind, version, **options)
    status, _body = api.request("POST", collection, wanted)
    mine = status == 201 and group.endswith("example.org")
    base = f"/apis/{group}/{version}"
    plural = wanted["spec"]["names"]["plural"]

    def served() -> bool:
        return api.request("GET", f"{base}/{plural}")[0] == 200 and api.request("GET", base)[0] == 200

    eventually(served)
    try:
        yield base
    finally:
        if mine:
            api.delete(f"{collection}/{wanted['metadata']['name']}")


# Rights


def rule(verbs: str, resources: str, group: str = "apps", names: Iterable[str] = ()) -> Rule:
    """An RBAC rule: ``rule("get patch", "deployments deployments/scale")``."""
    out = {"apiGroups": [group], "resources": resources.split(), "verbs": verbs.split()}
    return {**out, "resourceNames": list(names)} if names else out


def grant(api: KubeClient, namespace: str, user: str, rules: Iterable[Rule], name: str = "given") -> None:
    """Give a user exactly these rights in a namespace, by a Role and a RoleBinding of this name."""
    base = f"{RBAC}/namespaces/{namespace}"
    role = {
        "apiVersion": "rbac.authorization.k8s.io/v1",
        "kind": "Role",
        "metadata": {"name": name},
        "rules": list(rules),
    }
    path = f"{base}/roles/{name}"
    status, _body = api.request("PUT", path, role)
    if status == 404:
        api.create(f"{base}/roles", role)
    subject = {"kind": "User", "apiGroup": "rbac.authorization.k8s.io", "name": user}
    ref = {"apiGroup": "rbac.authorization.k8s.io", "kind": "Role", "name": name}
    head = {"apiVersion": "rbac.authorization.k8s.io/v1", "kind": "RoleBinding", "metadata": {"name": name}}
    status, body = api.request("POST", f"{base}/rolebindings", {**head, "roleRef": ref, "subjects": [subject]})
    assert status in (201, 409), body


@contextmanager
def cluster_grant(api: KubeClient, user: str, rules: Iterable[Rule]) -> Iterator[str]:
    """Give a user rights in the whole cluster for a while."""
    name = unique_name("co-grant")
    version = "rbac.authorization.k8s.io/v1"
    api.create(
        f"{RBAC}/clusterroles",
        {"apiVersion": version, "kind": "ClusterRole", "metadata": {"name": name}, "rules": list(rules)},
    )
    subject = {"kind": "User", "apiGroup": "rbac.authorization.k8s.io", "name": user}
    ref = {"apiGroup": "rbac.authorization.k8s.io", "kind": "ClusterRole", "name": name}
    binding = {"apiVersion": version, "kind": "ClusterRoleBinding", "metadata": {"name": name}}
    api.create(f"{RBAC}/clusterrolebindings", {**binding, "roleRef": ref, "subjects": [subject]})
    try:
        yield name
    finally:
        api.delete(f"{RBAC}/clusterrolebindings/{name}")
        api.delete(f"{RBAC}/clusterroles/{name}")
