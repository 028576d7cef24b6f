# Copyright (c) 2026 cloudops.core contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""From objects of the Kubernetes API to values of our own. The API's names and shapes end here."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from ansible_collections.cloudops.core.plugins.module_utils._domain.workload import APPS_KINDS, STATEFUL_SET, Workload
from ansible_collections.cloudops.core.plugins.module_utils._domain.workload_scale import Owner

Json = Mapping[str, Any]

_COUNTS = {
    "replicas": "replicas",
    "updated": "updatedReplicas",
    "ready": "readyReplicas",
    "available": "availableReplicas",
}


def workload_of(item: Json, kind: str, api_version: str, scale: Json | None = None) -> Workload:
    """A workload from its object.

    :param scale: its scale subresource, which alone tells the size of a kind that isn't one of Kubernetes' own.
    """
    metadata, spec, status = _part(item, "metadata"), _part(item, "spec"), _part(item, "status")
    template = _part(_part(spec, "template"), "spec")
    strategy = _part(spec, "updateStrategy") or _part(spec, "strategy")
    return Workload(
        namespace=metadata.get("namespace") or "",
        name=metadata["name"],
        kind=kind,
        api_version=api_version,
        resource_version=str(metadata.get("resourceVersion") or ""),
        generation=int(metadata.get("generation") or 0),
        observed=_observed(status),
        replicas=_replicas(spec, scale),
        status=_counts(status, kind, scale),
        conditions=_conditions(status),
        labels=metadata.get("labels") or {},
        annotations=metadata.get("annotations") or {},
        controller=controller_of(metadata),
        selector=_selector(spec, scale),
        strategy=str(strategy.get("type") or ""),
        partition=int(_part(strategy, "rollingUpdate").get("partition") or 0) if kind == STATEFUL_SET else 0,
        held=bool(spec.get("paused")) and kind in APPS_KINDS,
        min_ready_seconds=int(spec.get("minReadySeconds") or 0) if kind in APPS_KINDS else 0,
        revisions=(str(status.get("currentRevision") or ""), str(status.get("updateRevision") or "")),
        containers={one["name"]: one.get("resources") or {} for one in _dicts(template.get("containers"))},
        images={one["name"]: str(one.get("image") or "") for one in _dicts(template.get("containers"))},
        created=str(metadata.get("creationTimestamp") or ""),
    )


def _part(item: Json, key: str) -> Json:
    """A part of an object; kinds of other people's may have anything there."""
    value = item.get(key)
    return value if isinstance(value, Mapping) else {}


def _dicts(value: Any) -> list[Json]:
    return [one for one in value if isinstance(one, Mapping) and "name" in one] if isinstance(value, list) else []


def _observed(status: Json) -> int | None:
    value = status.get("observedGeneration")
    return value if isinstance(value, int) else None


def _replicas(spec: Json, scale: Json | None) -> int:
    """Kubernetes takes one for granted where nothing is said; the scale subresource leaves a zero out."""
    if scale is not None:
        return int(_part(scale, "spec").get("replicas") or 0)
    value = spec.get("replicas")
    return value if isinstance(value, int) else 1


def _counts(status: Json, kind: str, scale: Json | None) -> dict[str, int]:
    counts = {name: status[key] for name, key in _COUNTS.items() if isinstance(status.get(key), int)}
    if scale is not None:
        counts["replicas"] = int(_part(scale, "status").get("replicas") or 0)
    elif kind in APPS_KINDS:
        own = ("replicas", "ready") if kind == STATEFUL_SET else ("replicas", "ready", "available")
        counts = {**dict.fromkeys(own, 0), **counts}
    return counts


def _conditions(status: Json) -> dict[str, tuple[str, str, str]]:
    found = status.get("conditions")
    return {
        str(one["type"]): (str(one.get("status") or ""), str(one.get("reason") or ""), str(one.get("message") or ""))
        for one in (found if isinstance(found, list) else [])
        if isinstance(one, Mapping) and "type" in one
    }


def controller_of(metadata: Json) -> str:
    """The controller that an object belongs to, as "KIND NAME"; "" when it is its own."""
    for one in metadata.get("ownerReferences") or []:
        if one.get("controller"):
            return f"{one['kind']} {one['name']}"
    return ""


def _selector(spec: Json, scale: Json | None) -> str:
    """The label selector of its pods, as a query has it."""
    if scale is not None:
        return str(_part(scale, "status").get("selector") or "")
    selector = _part(spec, "selector")
    parts = [f"{key}={value}" for key, value in _part(selector, "matchLabels").items()]
    words = {"In": "in", "NotIn": "notin"}
    for one in selector.get("matchExpressions") or []:
        key, operator = one["key"], one["operator"]
        if operator in words:
            parts.append(f"{key} {words[operator]} ({','.join(one.get('values') or [])})")
        else:
            parts.append(key if operator == "Exists" else f"!{key}")
    return ",".join(parts)


# Owners


def hpa_of(item: Json) -> tuple[Json, Owner]:
    """What a HorizontalPodAutoscaler targets, and the autoscaler itself."""
    metadata, spec = _part(item, "metadata"), _part(item, "spec")
    lowest = spec.get("minReplicas")
    return _part(spec, "scaleTargetRef"), Owner(
        kind="HorizontalPodAutoscaler",
        name=metadata["name"],
        namespace=metadata.get("namespace") or "",
        resource_version=str(metadata.get("resourceVersion") or ""),
        adjustable=True,
        minimum=1 if lowest is None else int(lowest),
        maximum=int(spec.get("maxReplicas") or 0),
    )


# What KEDA takes for granted: https://keda.sh/docs/latest/reference/scaledobject-spec/
_KEDA_MINIMUM, _KEDA_MAXIMUM = 0, 100


def scaled_object_of(item: Json) -> tuple[Json, Owner]:
    """What a KEDA ScaledObject targets, and the object itself."""
    metadata, spec = _part(item, "metadata"), _part(item, "spec")
    lowest, highest = spec.get("minReplicaCount"), spec.get("maxReplicaCount")
    target = {"kind": "Deployment", "apiVersion": "apps/v1", **_part(spec, "scaleTargetRef")}
    return target, Owner(
        kind="ScaledObject",
        name=metadata["name"],
        namespace=metadata.get("namespace") or "",
        resource_version=str(metadata.get("resourceVersion") or ""),
        adjustable=True,
        minimum=_KEDA_MINIMUM if lowest is None else int(lowest),
        maximum=_KEDA_MAXIMUM if highest is None else int(highest),
    )


def targets(reference: Json, kind: str, api_version: str, name: str) -> bool:
    """Whether a reference means this workload, in whatever version of its group."""
    group = str(reference.get("apiVersion") or api_version).rpartition("/")[0]
    same = (reference.get("kind"), reference.get("name"), group)
    return same == (kind, name, api_version.rpartition("/")[0])


# Pods


def pod_trouble(pod: Json) -> str:
    """Why a pod doesn't come up, in a few words; "" when it is ready or on its way out."""
    metadata, status = _part(pod, "metadata"), _part(pod, "status")
    conditions = _conditions(status)
    if metadata.get("deletionTimestamp") or conditions.get("Ready", ("", "", ""))[0] == "True":
        return ""
    return _container_trouble(status) or _condition_trouble(status, conditions)


def _container_trouble(status: Json) -> str:
    """A container that is held up tells most."""
    for key in ("initContainerStatuses", "containerStatuses"):
        for one in _dicts(status.get(key)):
            state = _part(one, "state")
            for held in (_part(state, "waiting"), _part(state, "terminated")):
                if held.get("reason") and held["reason"] not in ("PodInitializing", "ContainerCreating", "Completed"):
                    return _words(str(held["reason"]), str(held.get("message") or ""))
    return ""


def _condition_trouble(status: Json, conditions: Mapping[str, tuple[str, str, str]]) -> str:
    phase = str(status.get("phase") or "Pending")
    if status.get("reason"):
        return _words(str(status["reason"]), str(status.get("message") or ""))
    for name in ("PodScheduled", "Initialized", "ContainersReady", "Ready"):
        state, reason, message = conditions.get(name, ("", "", ""))
        if state == "False" and (reason or message):
            return _words(reason or name, message)
    return f"{phase}, and not ready" if phase == "Running" else phase


def _words(reason: str, message: str) -> str:
    message = " ".join(message.split())
    return f"{reason} ({message[:160]})" if message else reason


def pod_facts(pod: Json) -> dict[str, Any]:
    """Facts of one pod."""
    metadata, status, spec = _part(pod, "metadata"), _part(pod, "status"), _part(pod, "spec")
    containers = _dicts(status.get("containerStatuses"))
    return {
        "name": metadata["name"],
        "phase": str(status.get("phase") or ""),
        "ready": _conditions(status).get("Ready", ("", "", ""))[0] == "True",
        "terminating": bool(metadata.get("deletionTimestamp")),
        "restarts": sum(int(one.get("restartCount") or 0) for one in containers),
        "node": str(spec.get("nodeName") or ""),
        "ip": str(status.get("podIP") or ""),
        "created": str(metadata.get("creationTimestamp") or ""),
        "reason": pod_trouble(pod),
    }
