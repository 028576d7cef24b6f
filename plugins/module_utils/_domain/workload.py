# Copyright (c) 2026 cloudops.core contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A workload of a cluster, what its annotations ask for, and whether its rollout is complete.

The predicates are those of ``kubectl rollout status``, and besides say what a change of the size alone needs: surplus pods are gone.
https://kubernetes.io/docs/concepts/workloads/controllers/deployment/#deployment-status
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from ansible_collections.cloudops.core.plugins.module_utils._core.errors import Invalid
from ansible_collections.cloudops.core.plugins.module_utils._domain.times import (
    parse_time,
)

DEPLOYMENT, STATEFUL_SET, REPLICA_SET = "Deployment", "StatefulSet", "ReplicaSet"
APPS = "apps/v1"
APPS_KINDS = {DEPLOYMENT: "deployments", STATEFUL_SET: "statefulsets", REPLICA_SET: "replicasets"}

STATE = "cloudops.core/scaling-state"
PAUSED, PAUSED_UNTIL, EXCLUDE = "cloudops.core/paused", "cloudops.core/paused-until", "cloudops.core/exclude"
MIN, MAX = "cloudops.core/min", "cloudops.core/max"
_FALSE_WORDS = ("false", "no", "off", "0", "")


@dataclass(frozen=True)
class Workload:
    """One workload as its cluster tells it.

    :param replicas: the number that is asked for.
    :param status: ``replicas``, ``updated``, ``ready``, ``available`` as far as the kind has them.
    :param conditions: type -> (status, reason, message).
    :param controller: what owns it as its controller ("Deployment web"), or "".
    :param strategy: how pods are replaced (RollingUpdate, Recreate, OnDelete).
    :param partition: StatefulSets: pods with a lower ordinal keep the old revision.
    :param held: Deployments: the rollout is paused (spec.paused).
    :param containers: the pod template's containers, by name, with their requests and limits as the cluster has them.
    :param images: their images, by the container's name.
    :param created: ISO 8601.
    """

    namespace: str
    name: str
    kind: str
    api_version: str = APPS
    resource_version: str = ""
    generation: int = 0
    observed: int | None = None
    replicas: int = 1
    status: Mapping[str, int] = field(default_factory=dict)
    conditions: Mapping[str, tuple[str, str, str]] = field(default_factory=dict)
    labels: Mapping[str, str] = field(default_factory=dict)
    annotations: Mapping[str, str] = field(default_factory=dict)
    controller: str = ""
    selector: str = ""
    strategy: str = ""
    partition: int = 0
    held: bool = False
    min_ready_seconds: int = 0
    revisions: tuple[str, str] = ("", "")
    containers: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)
    images: Mapping[str, str] = field(default_factory=dict)
    created: str = ""

    @property
    def target(self) -> str:
        """What it is called everywhere."""
        return f"{self.namespace}/{self.name}"

    @property
    def ready(self) -> int | None:
        """Replicas that serve; None when the kind doesn't tell."""
        return self.status.get("ready")


# Annotations


@dataclass(frozen=True)
class Marks:
    """What the annotations of a workload ask for.

    :param paused_until: as written; "" without it.
    """

    excluded: bool = False
    paused: bool = False
    paused_until: str = ""
    minimum: int | None = None
    maximum: int | None = None

    def pauses(self, now: float) -> str:
        """Why it is paused at a time (seconds since 1970), as a sentence; "" when it isn't."""
        if self.paused:
            return f"is paused by the annotation {PAUSED}"
        if self.paused_until and parse_time(self.paused_until, PAUSED_UNTIL) > now:
            return f"is paused until {self.paused_until} by the annotation {PAUSED_UNTIL}"
        return ""


def marks_of(annotations: Mapping[str, str]) -> Marks:
    """Read the annotations.

    A mark that can't be read is an error rather than none: whoever set it wanted something.

    :raises Invalid: naming the annotation.
    """
    marks = Marks(
        excluded=_is_set(annotations, EXCLUDE),
        paused=_is_set(annotations, PAUSED),
        paused_until=annotations.get(PAUSED_UNTIL, "").strip(),
        minimum=_count(annotations, MIN),
        maximum=_count(annotations, MAX),
    )
    if marks.paused_until:
        _readable(marks.paused_until)
    if marks.minimum is not None and marks.maximum is not None and marks.minimum > marks.maximum:
        raise Invalid(
            f"the annotation {MIN} ({marks.minimum}) is above {MAX} ({marks.maximum})",
            code="InvalidAnnotation",
            hint="Correct the workload's annotations.",
        )
    return marks


def _is_set(annotations: Mapping[str, str], key: str) -> bool:
    return annotations.get(key, "").strip().lower() not in _FALSE_WORDS


def _count(annotations: Mapping[str, str], key: str) -> int | None:
    text = annotations.get(key, "").strip()
    if not text:
        return None
    if not text.isascii() or not text.isdigit():
        raise _bad_annotation(key, text, "It is a number of replicas, such as 2.")
    return int(text)


def _readable(text: str) -> None:
    try:
        parse_time(text, PAUSED_UNTIL)
    except Invalid as error:
        raise _bad_annotation(PAUSED_UNTIL, text, error.hint) from error


def _bad_annotation(key: str, text: str, hint: str) -> Invalid:
    return Invalid(f"the annotation {key} is {text!r}", code="InvalidAnnotation", hint=hint)


# Rollouts

COMPLETE, PROGRESSING, FAILED = "complete", "progressing", "failed"


@dataclass(frozen=True)
class Rollout:
    """How far a rollout is, and what it waits for."""

    state: str
    message: str

    @property
    def complete(self) -> bool:
        """Whether nothing is left to wait for."""
        return self.state == COMPLETE


def rollout(workload: Workload) -> Rollout:
    """How far the rollout of a workload is."""
    if workload.observed is not None and workload.observed < workload.generation:
        return _progressing("the controller hasn't seen the change yet")
    if workload.observed is None and workload.kind in APPS_KINDS and workload.generation:
        return _progressing("the controller hasn't seen the workload yet")
    return _PREDICATES.get(workload.kind, _of_other)(workload)


def _of_deployment(workload: Workload) -> Rollout:
    wanted = workload.replicas
    if workload.held:  # its new template waits for somebody; the size doesn't
        return _of_size(workload)
    if workload.conditions.get("Progressing", ("", "", ""))[1] == "ProgressDeadlineExceeded":
        return Rollout(FAILED, "exceeded its progress deadline")
    updated, total, available = (_number(workload, name) for name in ("updated", "replicas", "available"))
    if updated < wanted:
        return _progressing(f"{updated} of {wanted} replicas have been updated")
    if total > updated:
        return _progressing(f"{total - updated} old replicas are still there")
    if updated > wanted:
        return _progressing(f"{updated - wanted} surplus replicas are still there")
    if available < updated:
        return _progressing(f"{available} of {updated} replicas are available")
    return Rollout(COMPLETE, f"{wanted} replicas are available")


def _of_stateful_set(workload: Workload) -> Rollout:
    size = _of_size(workload)
    if not size.complete or workload.strategy == "OnDelete":  # there, who deletes the pods updates them
        return size
    updated, current, update = _number(workload, "updated"), *workload.revisions
    if workload.partition:
        wanted = max(0, workload.replicas - workload.partition)
        if updated < wanted:
            return _progressing(f"{updated} of {wanted} replicas above the partition have been updated")
        return size
    if update and current != update:
        return _progressing(f"{updated} of {workload.replicas} replicas are at the new revision")
    return size


def _of_size(workload: Workload) -> Rollout:
    """The number of pods is right and they serve, whatever revision they are of."""
    wanted, total = workload.replicas, _number(workload, "replicas")
    name = "available" if "available" in workload.status else "ready"
    serving = workload.status.get(
        name, wanted if name not in workload.status and workload.kind not in APPS_KINDS else 0
    )
    if total > wanted:
        return _progressing(f"{total - wanted} surplus replicas are still there")
    if total < wanted:
        return _progressing(f"{total} of {wanted} replicas are there")
    if serving < wanted:
        return _progressing(f"{serving} of {wanted} replicas are {name}")
    return Rollout(COMPLETE, f"{wanted} replicas are {name}")


def _of_other(workload: Workload) -> Rollout:
    """All that the scale subresource tells is how many there are; more where the kind uses the usual names."""
    return _of_size(workload)


_PREDICATES: Mapping[str, Callable[[Workload], Rollout]] = {
    DEPLOYMENT: _of_deployment,
    STATEFUL_SET: _of_stateful_set,
    REPLICA_SET: _of_size,
}


def _number(workload: Workload, name: str) -> int:
    """Kubernetes leaves zeros out."""
    return workload.status.get(name, 0)


def _progressing(message: str) -> Rollout:
    return Rollout(PROGRESSING, message)


def complaints(workload: Workload) -> list[str]:
    """What the workload's own conditions say against it (no quota for pods, for example)."""
    bad = {"ReplicaFailure": "True", "Progressing": "False", "Available": "False"}
    told = [(name, workload.conditions[name]) for name in bad if name in workload.conditions]
    return [
        f"{reason}: {message}" if message else reason
        for name, (status, reason, message) in told
        if status == bad[name] and reason != "MinimumReplicasUnavailable"
    ]
