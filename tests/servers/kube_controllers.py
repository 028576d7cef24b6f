# Copyright (c) 2026 cloudops.core contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The controllers of the Kubernetes stand-in: what makes pods of workloads, and what cleans up behind deleted owners.

A pod becomes ready after a delay, unless it has the label ``stuck=true``. Deployments are in kube_rollout.
"""

from __future__ import annotations

import hashlib
import json
import time
from collections.abc import Iterable, Iterator
from contextlib import suppress
from typing import Any

from tests.servers.kube_errors import ApiError
from tests.servers.kube_kinds import Resource
from tests.servers.kube_store import key_of, timestamp
from tests.servers.kube_write import FOREGROUND, NAMESPACES, Writer, owners

Object = dict[str, Any]
PODS: Resource = ("", "pods")
EVENTS: Resource = ("", "events")
REPLICASETS: Resource = ("apps", "replicasets")
STATEFULSETS: Resource = ("apps", "statefulsets")
DEPLOYMENTS: Resource = ("apps", "deployments")
REVISION_LABEL = "controller-revision-hash"
IDLE = 60.0
"""Seconds between looks when nothing happens."""


def is_ready(pod: Object) -> bool:
    """Whether a pod's Ready condition is true."""
    conditions = pod.get("status", {}).get("conditions") or []
    return any(entry["type"] == "Ready" and entry["status"] == "True" for entry in conditions)


def owned_by(owner: Object, values: Iterable[Object]) -> list[Object]:
    """The objects that have this owner."""
    uid = owner["metadata"]["uid"]
    return [value for value in values if uid in owners(value)]


def owner_reference(owner: Object, kind: str, version: str = "apps/v1") -> list[Object]:
    """The reference that makes an owner of an object."""
    names = {"name": owner["metadata"]["name"], "uid": owner["metadata"]["uid"]}
    return [{"apiVersion": version, "kind": kind, **names, "controller": True, "blockOwnerDeletion": True}]


def template_hash(template: Object) -> str:
    """A short name for a pod template."""
    return hashlib.sha256(json.dumps(template, sort_keys=True).encode()).hexdigest()[:10]


def being_deleted(value: Object) -> bool:
    """Whether an object waits for its end."""
    return "deletionTimestamp" in value["metadata"]


def without_zeros(status: Object, *keep: str) -> Object:
    """A status as it is written: fields that are zero or empty are left out."""
    return {key: value for key, value in status.items() if value or key in keep}


class Cluster:
    """What controllers share: reading, writing, and what they have to remember of pods."""

    def __init__(self, writer: Writer, ready_delay: float) -> None:
        self.writer = writer
        self.store = writer.store
        self.ready_delay = ready_delay
        self.wake_in = IDLE
        self._seen: dict[str, float] = {}
        self._ready_since: dict[str, float] = {}

    def due_in(self, seconds: float) -> None:
        """Ask for another look after so many seconds."""
        self.wake_in = min(self.wake_in, max(seconds, 0.0))

    def create(self, resource: Resource, namespace: str, value: Object) -> Object | None:
        """Create an object; None where the namespace is going away."""
        with suppress(ApiError):
            return self.writer.create(self.writer.kinds.of(resource), namespace, value)
        return None

    def delete(self, resource: Resource, value: Object) -> None:
        """Delete an object."""
        with suppress(ApiError):
            self.writer.delete(self.writer.kinds.of(resource), *key_of(value), {})

    def set_status(self, resource: Resource, value: Object, status: Object) -> Object:
        """Write a status, if it is another one."""
        return value if value.get("status") == status else self.store.put(resource, {**value, "status": status})

    def record(self, about: Object, kind: str, event_type: str, reason: str, message: str) -> None:
        """Write an Event about an object."""
        namespace, name = key_of(about)
        now = timestamp()
        target = {"kind": kind, "namespace": namespace, "name": name, "uid": about["metadata"]["uid"]}
        event = {"metadata": {"generateName": f"{name}."}, "involvedObject": target, "type": event_type, "count": 1}
        event |= {"reason": reason, "message": message, "firstTimestamp": now, "lastTimestamp": now}
        self.create(EVENTS, namespace, event)

    def new_pod(self, owner: Object, kind: str, template: Object, metadata: Object) -> None:
        """Create a pod of a template for an owner."""
        given = template.get("metadata", {})
        labels = {**(given.get("labels") or {}), **metadata.pop("labels", {})}
        notes = {"annotations": given["annotations"]} if given.get("annotations") else {}
        full = {**metadata, "labels": labels, **notes, "ownerReferences": owner_reference(owner, kind)}
        self.create(PODS, owner["metadata"]["namespace"], {"metadata": full, "spec": template["spec"]})

    def available(self, pod: Object, seconds: int) -> bool:
        """Whether a pod has been ready for so many seconds."""
        uid = pod["metadata"]["uid"]
        if not is_ready(pod):
            self._ready_since.pop(uid, None)
            return False
        left = self._ready_since.setdefault(uid, time.monotonic()) + seconds - time.monotonic()
        if seconds and left > 0:
            self.due_in(left)
            return False
        return True

    def age(self, pod: Object) -> float:
        """Seconds since a pod was first seen."""
        return time.monotonic() - self._seen.setdefault(pod["metadata"]["uid"], time.monotonic())

    def pods_of(self, owner: Object) -> list[Object]:
        """The pods of an owner that are not on their way out, oldest first."""
        found = owned_by(owner, self.store.items(PODS, owner["metadata"]["namespace"]))
        return sorted((pod for pod in found if not being_deleted(pod)), key=lambda pod: -self.age(pod))


# The node


def sync_pods(cluster: Cluster) -> None:
    """Let pending pods become ready in their time."""
    for pod in cluster.store.items(PODS):
        status = pod.get("status") or {}
        if is_ready(pod) or status.get("phase") != "Pending" or being_deleted(pod):
            continue
        if (pod["metadata"].get("labels") or {}).get("stuck") == "true":
            _show_stuck(cluster, pod)
            continue
        left = cluster.ready_delay - cluster.age(pod)
        if left > 0:
            cluster.due_in(left)
        else:
            now = timestamp()
            types = ("Initialized", "Ready", "ContainersReady", "PodScheduled")
            conditions = [{"type": name, "status": "True", "lastTransitionTime": now} for name in types]
            cluster.store.put(
                PODS, {**pod, "status": {**status, "phase": "Running", "startTime": now, "conditions": conditions}}
            )


def _show_stuck(cluster: Cluster, pod: Object) -> None:
    """Give a pod that never comes up the reason that a node would give, once."""
    if pod["status"].get("containerStatuses"):
        return
    now = timestamp()
    images = [(container["name"], container.get("image", "")) for container in pod["spec"]["containers"]]
    waiting = [
        {
            "name": name,
            "image": image,
            "ready": False,
            "restartCount": 0,
            "state": {"waiting": {"reason": "ImagePullBackOff", "message": f'Back-off pulling image "{image}"'}},
        }
        for name, image in images
    ]
    conditions = [
        {"type": "PodScheduled", "status": "True", "lastTransitionTime": now},
        {
            "type": "Ready",
            "status": "False",
            "reason": "ContainersNotReady",
            "message": f"containers with unready status: [{' '.join(name for name, _image in images)}]",
            "lastTransitionTime": now,
        },
    ]
    cluster.store.put(
        PODS, {**pod, "status": {**pod["status"], "conditions": conditions, "containerStatuses": waiting}}
    )
    cluster.record(pod, "Pod", "Warning", "BackOff", f'Back-off pulling image "{images[0][1]}"')


# ReplicaSets


def sync_replicasets(cluster: Cluster) -> None:
    """Make as many pods as each ReplicaSet wants."""
    for value in cluster.store.items(REPLICASETS):
        pods = cluster.pods_of(value)
        if not being_deleted(value):
            _match_count(cluster, value, pods)
            pods = cluster.pods_of(value)
        delay = value["spec"].get("minReadySeconds", 0)
        status = {
            "replicas": len(pods),
            "fullyLabeledReplicas": len(pods),
            "readyReplicas": sum(map(is_ready, pods)),
            "availableReplicas": sum(cluster.available(pod, delay) for pod in pods),
            "observedGeneration": value["metadata"]["generation"],
        }
        cluster.set_status(REPLICASETS, value, without_zeros(status, "replicas"))


def _match_count(cluster: Cluster, value: Object, pods: list[Object]) -> None:
    wanted = value["spec"]["replicas"]
    for _missing in range(wanted - len(pods)):
        metadata = {"generateName": value["metadata"]["name"] + "-"}
        cluster.new_pod(value, "ReplicaSet", value["spec"]["template"], metadata)
    # Those that don't run go first, then the youngest.
    surplus = sorted(pods, key=lambda pod: (is_ready(pod), cluster.age(pod)))
    for pod in surplus[: max(0, len(pods) - wanted)]:
        cluster.delete(PODS, pod)


# StatefulSets


class StatefulSets:
    """Pods with numbers, made, replaced and removed one by one."""

    def __init__(self, cluster: Cluster) -> None:
        self._cluster = cluster
        self._templates: dict[str, Object] = {}

    def sync(self) -> None:
        """Bring every StatefulSet one step further."""
        for value in self._cluster.store.items(STATEFULSETS):
            update = f"{value['metadata']['name']}-{template_hash(value['spec']['template'])}"
            self._templates[update] = value["spec"]["template"]
            current = (value.get("status") or {}).get("currentRevision") or update
            if not being_deleted(value):
                self._step(value, current, update)
            status = self._status(value, current, update)
            self._cluster.set_status(STATEFULSETS, value, without_zeros(status, "replicas", "collisionCount"))

    def _by_number(self, value: Object) -> dict[int, Object]:
        prefix = value["metadata"]["name"] + "-"
        return {int(pod["metadata"]["name"].removeprefix(prefix)): pod for pod in self._cluster.pods_of(value)}

    def _step(self, value: Object, current: str, update: str) -> None:
        spec = value["spec"]
        ordered = spec["podManagementPolicy"] == "OrderedReady"
        pods, wanted = self._by_number(value), spec["replicas"]
        for number in range(wanted):
            if number not in pods:
                self._make(value, number, current, update)
            if ordered and not (number in pods and is_ready(pods[number])):
                return
        surplus = sorted((number for number in pods if number >= wanted), reverse=True)
        for number in surplus[:1] if ordered else surplus:
            self._cluster.delete(PODS, pods[number])
        if not surplus:
            self._replace(value, pods, update)

    def _make(self, value: Object, number: int, current: str, update: str) -> None:
        old = number < _partition(value) and current in self._templates
        revision = current if old else update
        name = f"{value['metadata']['name']}-{number}"
        labels = {REVISION_LABEL: revision, "statefulset.kubernetes.io/pod-name": name}
        self._cluster.new_pod(value, "StatefulSet", self._templates[revision], {"name": name, "labels": labels})

    def _replace(self, value: Object, pods: dict[int, Object], update: str) -> None:
        """Delete the highest pod that is of an older revision, once all above it are ready."""
        if value["spec"]["updateStrategy"]["type"] != "RollingUpdate":
            return
        for number in range(value["spec"]["replicas"] - 1, _partition(value) - 1, -1):
            pod = pods.get(number)
            if pod is None or pod["metadata"]["labels"][REVISION_LABEL] != update:
                if pod is not None:
                    self._cluster.delete(PODS, pod)
                return
            if not is_ready(pod):
                return

    def _status(self, value: Object, current: str, update: str) -> Object:
        pods = list(self._by_number(value).values())
        revisions = [pod["metadata"]["labels"][REVISION_LABEL] for pod in pods]
        ready = sum(map(is_ready, pods))
        rolling = value["spec"]["updateStrategy"]["type"] == "RollingUpdate"
        if rolling and revisions.count(update) == len(pods) == ready:
            current = update
        return {
            "observedGeneration": value["metadata"]["generation"],
            "replicas": len(pods),
            "readyReplicas": ready,
            "currentReplicas": revisions.count(current),
            "updatedReplicas": revisions.count(update),
            "currentRevision": current,
            "updateRevision": update,
            "collisionCount": 0,
        }


def _partition(value: Object) -> int:
    return int((value["spec"]["updateStrategy"].get("rollingUpdate") or {}).get("partition", 0))


# Cleaning up


def collect_garbage(cluster: Cluster) -> None:
    """Delete what has lost its owners, and owners that wait for their dependents' end."""
    everything = list(cluster.store.everything())
    uids = {value["metadata"]["uid"] for _resource, value in everything}
    going = {
        value["metadata"]["uid"]
        for _resource, value in everything
        if being_deleted(value) and FOREGROUND in (value["metadata"].get("finalizers") or [])
    }
    held: set[str] = set()
    for resource, value in everything:
        mine = owners(value)
        held |= mine & going
        if mine and not (mine & uids) - going and not being_deleted(value):
            cluster.delete(resource, value)
    for resource, value in everything:
        if value["metadata"]["uid"] in going - held:
            _finish(cluster, resource, value)


def _finish(cluster: Cluster, resource: Resource, value: Object) -> None:
    left = [name for name in value["metadata"]["finalizers"] if name != FOREGROUND]
    if left:
        cluster.store.put(resource, {**value, "metadata": {**value["metadata"], "finalizers": left}})
    else:
        cluster.store.remove(resource, value)


def end_namespaces(cluster: Cluster) -> None:
    """Empty the namespaces that are being deleted, and remove those that are empty."""
    for namespace in cluster.store.items(NAMESPACES):
        if being_deleted(namespace):
            content = list(_content(cluster, namespace["metadata"]["name"]))
            for resource, value in content:
                if not being_deleted(value):
                    cluster.delete(resource, value)
            if not content:
                cluster.store.remove(NAMESPACES, namespace)


def _content(cluster: Cluster, name: str) -> Iterator[tuple[Resource, Object]]:
    return ((resource, value) for resource, value in cluster.store.everything() if key_of(value)[0] == name)
