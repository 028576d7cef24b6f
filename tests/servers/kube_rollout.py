# Copyright (c) 2026 cloudops.core contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The Deployment controller of the Kubernetes stand-in: rollouts by way of ReplicaSets, and the status that tells of them."""

from __future__ import annotations

import math
import time
from collections.abc import Sequence
from datetime import datetime, timezone
from typing import Any

from tests.servers.kube_controllers import (
    DEPLOYMENTS,
    REPLICASETS,
    Cluster,
    being_deleted,
    owned_by,
    owner_reference,
    template_hash,
    without_zeros,
)
from tests.servers.kube_store import timestamp

Object = dict[str, Any]
HASH_LABEL = "pod-template-hash"
REVISION = "deployment.kubernetes.io/revision"
DESIRED = "deployment.kubernetes.io/desired-replicas"
MAXIMUM = "deployment.kubernetes.io/max-replicas"
COMPLETE, PROGRESSING, TIMED_OUT = "NewReplicaSetAvailable", "ReplicaSetUpdated", "ProgressDeadlineExceeded"


def sync_deployments(cluster: Cluster) -> None:
    """Bring every Deployment one step further."""
    for value in cluster.store.items(DEPLOYMENTS):
        if not being_deleted(value):
            _Rollout(cluster, value).step()


def _size(value: Object) -> int:
    return int(value["spec"]["replicas"])


def _count(values: Sequence[Object], field: str) -> int:
    return sum(int((value.get("status") or {}).get(field, 0)) for value in values)


def _share(given: Any, total: int, up: bool) -> int:
    """A number, or a percentage of the total."""
    if isinstance(given, int):
        return given
    exact = int(str(given).rstrip("%")) * total / 100
    return math.ceil(exact) if up else math.floor(exact)


def _plain_template(replicaset: Object) -> Object:
    """A ReplicaSet's template without the label that the controller has added."""
    template = replicaset["spec"]["template"]
    labels = {key: value for key, value in template["metadata"]["labels"].items() if key != HASH_LABEL}
    return {**template, "metadata": {**template["metadata"], "labels": labels}}


def _revision(value: Object) -> int:
    return int((value["metadata"].get("annotations") or {}).get(REVISION, 0))


class _Rollout:
    """One Deployment with its ReplicaSets, in one round."""

    def __init__(self, cluster: Cluster, value: Object) -> None:
        self._cluster = cluster
        self._value = value
        self._spec = value["spec"]
        self._name, self._namespace = value["metadata"]["name"], value["metadata"]["namespace"]
        self._wanted = _size(value)
        self._recreate = self._spec["strategy"]["type"] == "Recreate"
        limits = self._spec["strategy"].get("rollingUpdate") or {}
        self._surge = 0 if self._recreate else _share(limits.get("maxSurge", 0), self._wanted, up=True)
        self._missing = 0 if self._recreate else _share(limits.get("maxUnavailable", 0), self._wanted, up=False)
        if not self._recreate and not self._surge and not self._missing:
            self._missing = 1
        self._read()

    def _read(self) -> None:
        found = owned_by(self._value, self._cluster.store.items(REPLICASETS, self._namespace))
        self._all = sorted((item for item in found if not being_deleted(item)), key=_revision)
        self._new = next((item for item in self._all if _plain_template(item) == self._spec["template"]), None)
        self._old = [item for item in self._all if item is not self._new]

    def step(self) -> None:
        """Scale and replace where that is due, then say how far it is."""
        conditions = {entry["type"]: entry for entry in (self._value.get("status") or {}).get("conditions") or []}
        if self._resized():
            self._resize()
        elif not self._spec.get("paused"):
            self._roll(conditions)
        self._read()
        self._write_status(conditions)

    # ReplicaSets

    def _resized(self) -> bool:
        """Whether the Deployment's size was changed since its active ReplicaSets were sized."""
        active = [item for item in self._all if _size(item)]
        return any((item["metadata"].get("annotations") or {}).get(DESIRED) != str(self._wanted) for item in active)

    def _resize(self) -> None:
        active = [item for item in self._all if _size(item)]
        if len(active) == 1:
            self._scale(active[0], self._wanted)
            return
        # In the middle of a rollout each gets its share, the larger ones first.
        room = (self._wanted + self._surge if self._wanted else 0) - sum(map(_size, active))
        total = sum(map(_size, active))
        for item in sorted(active, key=_size, reverse=room > 0):
            part = round(room * _size(item) / total) if item is not active[-1] else room
            part = max(part, -_size(item))
            total, room = total - _size(item), room - part
            self._scale(item, _size(item) + part)
            if not total:
                break

    def _scale(self, item: Object, size: int) -> None:
        notes = {**(item["metadata"].get("annotations") or {}), DESIRED: str(self._wanted)}
        notes[MAXIMUM] = str(self._wanted + self._surge)
        metadata = {**item["metadata"], "annotations": notes}
        before = _size(item)
        if size == before and notes == item["metadata"].get("annotations"):
            return
        if size != before:
            metadata["generation"] += 1
        self._cluster.store.put(REPLICASETS, {**item, "metadata": metadata, "spec": {**item["spec"], "replicas": size}})
        if size != before:
            self._tell(item["metadata"]["name"], size, up=size > before)

    def _tell(self, name: str, size: int, up: bool) -> None:
        message = f"Scaled {'up' if up else 'down'} replica set {name} to {size}"
        self._cluster.record(self._value, "Deployment", "Normal", "ScalingReplicaSet", message)

    def _roll(self, conditions: dict[str, Object]) -> None:
        if self._recreate:
            for item in self._old:
                self._scale(item, 0)
            if any(self._cluster.pods_of(item) for item in self._old):
                return
        if self._new is None:
            self._start(conditions)
            return
        current = _revision(self._new)
        if self._old and current <= max(map(_revision, self._old)):
            self._number(self._new, max(map(_revision, self._old)) + 1)
            self._read()
        assert self._new is not None
        self._scale(self._new, self._next_size(self._new))
        if not self._recreate:
            self._read()
            self._shrink_old()
        self._forget_oldest()

    def _start(self, conditions: dict[str, Object]) -> None:
        """Make the ReplicaSet of a new template."""
        template = self._spec["template"]
        mark = template_hash(template)
        labels = {**template["metadata"]["labels"], HASH_LABEL: mark}
        selector = self._spec["selector"]
        size = self._room(0)
        name = f"{self._name}-{mark}"
        notes = {
            REVISION: str(max(map(_revision, self._old), default=0) + 1),
            DESIRED: str(self._wanted),
            MAXIMUM: str(self._wanted + self._surge),
        }
        value = {
            "metadata": {
                "name": name,
                "labels": labels,
                "annotations": notes,
                "ownerReferences": owner_reference(self._value, "Deployment"),
            },
            "spec": {
                "replicas": size,
                **({"minReadySeconds": self._spec["minReadySeconds"]} if self._spec.get("minReadySeconds") else {}),
                "selector": {**selector, "matchLabels": {**selector.get("matchLabels", {}), HASH_LABEL: mark}},
                "template": {**template, "metadata": {**template["metadata"], "labels": labels}},
            },
        }
        if self._cluster.create(REPLICASETS, self._namespace, value) is None:
            return
        if size:
            self._tell(name, size, up=True)
        message = f'Created new replica set "{name}"'
        conditions["Progressing"] = _condition("Progressing", "True", "NewReplicaSetCreated", message)

    def _number(self, item: Object, revision: int) -> None:
        notes = {**(item["metadata"].get("annotations") or {}), REVISION: str(revision)}
        self._cluster.store.put(REPLICASETS, {**item, "metadata": {**item["metadata"], "annotations": notes}})

    def _room(self, size: int) -> int:
        """What a ReplicaSet of this size may grow to."""
        total = sum(map(_size, self._old)) + size
        return size + max(0, min(self._wanted + self._surge - total, self._wanted - size))

    def _next_size(self, item: Object) -> int:
        return self._wanted if _size(item) > self._wanted else self._room(_size(item))

    def _shrink_old(self) -> None:
        """Take old pods away as far as enough remain: first those that don't run, then the others."""
        assert self._new is not None
        least = self._wanted - self._missing
        not_yet = _size(self._new) - _count([self._new], "availableReplicas")
        room = sum(map(_size, self._all)) - least - not_yet
        sizes = {item["metadata"]["name"]: _size(item) for item in self._old}
        for item in self._old:
            name = item["metadata"]["name"]
            broken = max(0, sizes[name] - _count([item], "availableReplicas"))
            gone = max(0, min(room, broken))
            sizes[name], room = sizes[name] - gone, room - gone
        spare = min(room, _count(self._all, "availableReplicas") - least)
        for item in self._old:
            name = item["metadata"]["name"]
            gone = max(0, min(spare, sizes[name]))
            sizes[name], spare = sizes[name] - gone, spare - gone
            self._scale(item, sizes[name])

    def _forget_oldest(self) -> None:
        empty = [item for item in self._old if not _size(item) and not _count([item], "replicas")]
        for item in empty[: max(0, len(empty) - self._spec["revisionHistoryLimit"])]:
            self._cluster.delete(REPLICASETS, item)

    # Status

    def _write_status(self, conditions: dict[str, Object]) -> None:
        new = [] if self._new is None else [self._new]
        available = _count(self._all, "availableReplicas")
        status: Object = {
            "observedGeneration": self._value["metadata"]["generation"],
            "replicas": _count(self._all, "replicas"),
            "updatedReplicas": _count(new, "replicas"),
            "readyReplicas": _count(self._all, "readyReplicas"),
            "availableReplicas": available,
            "unavailableReplicas": max(0, sum(map(_size, self._all)) - available),
        }
        enough = available >= self._wanted - self._missing
        _set(
            conditions,
            _condition("Available", "True", "MinimumReplicasAvailable", "Deployment has minimum availability.")
            if enough
            else _condition(
                "Available", "False", "MinimumReplicasUnavailable", "Deployment does not have minimum availability."
            ),
        )
        self._judge_progress(status, conditions)
        status["conditions"] = list(conditions.values())
        value = self._value
        if self._new is not None and _revision(value) != _revision(self._new):
            notes = {**(value["metadata"].get("annotations") or {}), REVISION: str(_revision(self._new))}
            value = {**value, "metadata": {**value["metadata"], "annotations": notes}}
        status = without_zeros(status)
        if value is not self._value or value.get("status") != status:
            self._cluster.store.put(DEPLOYMENTS, {**value, "status": status})

    def _judge_progress(self, status: Object, conditions: dict[str, Object]) -> None:
        """Set the Progressing condition as the real controller does.

        A Deployment whose rollout is complete stays complete when it is scaled: no deadline runs then.
        """
        current = conditions.get("Progressing")
        if self._spec.get("paused"):
            _set(conditions, _condition("Progressing", "Unknown", "DeploymentPaused", "Deployment is paused"))
            return
        was_complete = current is not None and current["reason"] == COMPLETE
        if was_complete and status["replicas"] == status["updatedReplicas"]:
            return
        name = f'ReplicaSet "{self._new["metadata"]["name"]}"' if self._new else f'Deployment "{self._name}"'
        before = self._value.get("status") or {}
        done = status["updatedReplicas"] == status["replicas"] == status["availableReplicas"] == self._wanted
        if done:
            _set(conditions, _condition("Progressing", "True", COMPLETE, f"{name} has successfully progressed."))
        elif _moved_on(before, status):
            conditions.pop("Progressing", None)
            conditions["Progressing"] = _since(
                _condition("Progressing", "True", PROGRESSING, f"{name} is progressing."), current
            )
        elif current is not None and current["reason"] not in (COMPLETE, TIMED_OUT):
            left = _age_limit(current, self._spec["progressDeadlineSeconds"])
            if left > 0:
                self._cluster.due_in(left)
            else:
                _set(conditions, _condition("Progressing", "False", TIMED_OUT, f"{name} has timed out progressing."))


def _moved_on(before: Object, after: Object) -> bool:
    def old(status: Object) -> int:
        return int(status.get("replicas", 0)) - int(status.get("updatedReplicas", 0))

    grown = any(after[name] > before.get(name, 0) for name in ("updatedReplicas", "readyReplicas", "availableReplicas"))
    return grown or old(after) < old(before)


def _condition(kind: str, status: str, reason: str, message: str) -> Object:
    now = timestamp()
    told = {"type": kind, "status": status, "reason": reason, "message": message}
    return {**told, "lastUpdateTime": now, "lastTransitionTime": now}


def _since(condition: Object, before: Object | None) -> Object:
    """Keep the time of the last transition where the status is the same."""
    if before is None or before["status"] != condition["status"]:
        return condition
    return {**condition, "lastTransitionTime": before["lastTransitionTime"]}


def _set(conditions: dict[str, Object], condition: Object) -> None:
    """Set a condition, if it says something new."""
    before = conditions.get(condition["type"])
    if before is None or (before["status"], before["reason"]) != (condition["status"], condition["reason"]):
        # What is new comes last.
        conditions.pop(condition["type"], None)
        conditions[condition["type"]] = _since(condition, before)


def _age_limit(condition: Object, limit: int) -> float:
    """Seconds that are left until a condition has been so for the limit."""
    updated = datetime.strptime(condition["lastUpdateTime"], "%Y-%m-%dT%H:%M:%SZ").replace(tzinfo=timezone.utc)
    return updated.timestamp() + limit - time.time()
