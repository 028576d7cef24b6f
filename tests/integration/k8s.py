# Copyright (c) 2026 cloudops.core contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Workloads of one test in a namespace of its own, and the modules that act on them."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from tests.integration.harness import ModuleRunner
from tests.integration.kube import Kube, KubeClient, Object, eventually, path_of, workload
from tests.servers.fault_proxy import FaultProxy
from tests.servers.faults import Hook

RUNNER_OPTIONS = ("check", "diff", "env", "hide", "fails", "quiet")
HPAS = "/apis/autoscaling/v1"
PLURALS = {"Deployment": "deployments", "StatefulSet": "statefulsets", "ReplicaSet": "replicasets"}
NOW = "2026-03-01T12:00:00Z"
CPU: dict[str, Any] = {"min": 1, "max": 10, "rules": [{"type": "threshold", "metric": "cpu", "above": 70, "below": 50}]}


@dataclass(frozen=True)
class Bench:
    """The modules, as one user, in one namespace."""

    kube: Kube
    namespace: str
    run_module: ModuleRunner
    kubeconfig: Path
    context: str = "admin"

    @property
    def api(self) -> KubeClient:
        """The administrator's own client."""
        return self.kube.api

    def as_user(self, context: str) -> Bench:
        """The same as another user."""
        return replace(self, context=context)

    @contextmanager
    def proxied(self, directory: Path) -> Iterator[tuple[Bench, FaultProxy]]:
        """The same through a proxy that strikes where a test says so; on the stand-in only."""
        with FaultProxy(self.kube.stand_in.endpoint) as proxy:
            yield replace(self, kubeconfig=self.kube.via(proxy.endpoint, directory / "proxied")), proxy

    # Arranging

    def path(self, name: str = "", kind: str = "Deployment", part: str = "") -> str:
        """Path of a workload, or of all of a kind."""
        return path_of(self.namespace, PLURALS[kind], name, part)

    def make(
        self,
        name: str = "web",
        replicas: int = 2,
        kind: str = "Deployment",
        *,
        labels: Mapping[str, str] | None = None,
        annotations: Mapping[str, str] | None = None,
        settled: bool = True,
        **spec: Any,
    ) -> str:
        """Create a workload and wait until it is there; its name."""
        body = workload(name, replicas, kind, **spec)
        body["metadata"]["labels"] = {**body["metadata"]["labels"], **(labels or {})}
        body["metadata"]["annotations"] = dict(annotations or {})
        self.api.create(self.path(kind=kind), body)
        if settled:
            eventually(lambda: self._settled(name, kind))
        return name

    def _settled(self, name: str, kind: str) -> bool:
        found = self.get(name, kind)
        status = found.get("status", {})
        seen = status.get("observedGeneration", 0) >= found["metadata"]["generation"]
        return bool(seen and status.get("readyReplicas", 0) == status.get("replicas", 0) == found["spec"]["replicas"])

    def get(self, name: str = "web", kind: str = "Deployment") -> Any:
        """A workload as the server has it."""
        return self.api.get(self.path(name, kind))

    def size(self, name: str = "web", kind: str = "Deployment") -> int:
        """Replicas asked for."""
        size: int = self.get(name, kind)["spec"]["replicas"]
        return size

    def annotate(self, name: str = "web", kind: str = "Deployment", **annotations: str | None) -> None:
        """Set annotations of ours: ``paused_until`` is ``cloudops.core/paused-until``."""
        values = {f"cloudops.core/{key.replace('_', '-')}": value for key, value in annotations.items()}
        self.api.patch(self.path(name, kind), {"metadata": {"annotations": values}})

    def state(self, name: str = "web", kind: str = "Deployment") -> str | None:
        """The history of decisions in its annotation."""
        found: str | None = self.get(name, kind)["metadata"].get("annotations", {}).get("cloudops.core/scaling-state")
        return found

    def resize(self, replicas: int, name: str = "web", kind: str = "Deployment", *, settled: bool = True) -> None:
        """Scale it past the module, as somebody else would, and wait until its controller has written all that follows."""
        self.api.patch(self.path(name, kind), {"spec": {"replicas": replicas}})
        if settled:
            eventually(lambda: self._settled(name, kind))

    def hpa(self, name: str = "web") -> tuple[int, int]:
        """Bounds of an autoscaler."""
        spec = self.api.get(path_of(self.namespace, "horizontalpodautoscalers", name, api=HPAS))["spec"]
        return spec["minReplicas"], spec["maxReplicas"]

    def add_hpa(self, body: Object) -> None:
        """Create an autoscaler."""
        self.api.create(path_of(self.namespace, "horizontalpodautoscalers", api=HPAS), body)

    # Running

    @property
    def options(self) -> dict[str, Any]:
        """The options that lead a module here."""
        return {"kubeconfig": str(self.kubeconfig), "context": self.context}

    def scale(self, name: Any = "web", **params: Any) -> dict[str, Any]:
        """Run k8s_workload_scale in the namespace; without waiting unless the parameters say so."""
        runner = {key: params.pop(key) for key in RUNNER_OPTIONS if key in params}
        selection = {} if "label_selectors" in params else {"name": name}
        if not params.get("all_namespaces"):
            selection["namespaces"] = [self.namespace]
        params = {**selection, "wait": False, **self.options, **params}
        return self.run_module("k8s_workload_scale", params, **runner)

    def scale_one(self, name: str = "web", **params: Any) -> dict[str, Any]:
        """The result of a single workload."""
        [result] = self.scale(name, **params)["results"]
        assert isinstance(result, dict)
        return result

    def info(self, **params: Any) -> dict[str, Any]:
        """Run k8s_workload_info in the namespace, unless the parameters look elsewhere."""
        runner = {key: params.pop(key) for key in RUNNER_OPTIONS if key in params}
        if not {"namespaces", "all_namespaces"} & set(params):
            params["namespaces"] = [self.namespace]
        return self.run_module("k8s_workload_info", {**self.options, **params}, **runner)


def once(function: Callable[[], object], times: int = 1) -> Hook:
    """A fault that calls something before the first so many requests."""
    left = [times]

    def act(_request: object) -> None:
        if left[0] > 0:
            left[0] -= 1
            function()

    return Hook(act)


def cpu(value: float | None, age: float = 10) -> list[dict[str, Any]]:
    """A metric as a role would hand it over."""
    return [{"name": "cpu", "value": value, "age": age}]
