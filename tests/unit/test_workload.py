# Copyright (c) 2026 cloudops.core contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""When a rollout is complete, what annotations ask for, and what a workload says against itself."""

from __future__ import annotations

from typing import Any

import pytest
from ansible_collections.cloudops.core.plugins.module_utils._core.errors import Invalid
from ansible_collections.cloudops.core.plugins.module_utils._domain.workload import (
    Marks,
    Workload,
    complaints,
    marks_of,
    rollout,
)
from ansible_collections.cloudops.core.plugins.module_utils._domain.workload_facts import facts_of

NOON = 1772366400.0  # 2026-03-01T12:00:00Z


def deployment(wanted: int = 3, **told: Any) -> Workload:
    counts: dict[str, int] = {
        str(name): told.pop(name) for name in ("replicas", "updated", "ready", "available") if name in told
    }
    return Workload(
        "shop",
        "web",
        "Deployment",
        replicas=wanted,
        generation=2,
        observed=told.pop("observed", 2),
        status=counts,
        **told,
    )


def stateful(wanted: int = 3, **told: Any) -> Workload:
    counts: dict[str, int] = {
        str(name): told.pop(name) for name in ("replicas", "updated", "ready", "available") if name in told
    }
    told.setdefault("strategy", "RollingUpdate")
    return Workload("shop", "db", "StatefulSet", replicas=wanted, generation=2, observed=2, status=counts, **told)


def replica_set(**counts: int) -> Workload:
    return Workload("shop", "old", "ReplicaSet", generation=1, observed=1, replicas=2, status=counts)


FULL = {"replicas": 3, "updated": 3, "ready": 3, "available": 3}


@pytest.mark.parametrize(
    ("workload", "state", "message"),
    [
        (deployment(**FULL), "complete", "3 replicas are available"),
        (deployment(**FULL, observed=1), "progressing", "hasn't seen the change"),
        (deployment(**FULL, observed=None), "progressing", "hasn't seen the workload"),
        (deployment(replicas=3, updated=1, available=3), "progressing", "1 of 3 replicas have been updated"),
        (deployment(replicas=4, updated=3, available=3), "progressing", "1 old replicas are still there"),
        (deployment(replicas=3, updated=3, available=2), "progressing", "2 of 3 replicas are available"),
        (deployment(2, replicas=3, updated=3, available=3), "progressing", "1 surplus replicas are still there"),
        (deployment(0), "complete", "0 replicas are available"),
        (deployment(0, replicas=1, updated=1), "progressing", "1 surplus replicas"),
        (deployment(), "progressing", "0 of 3 replicas have been updated"),
        (
            deployment(**{**FULL, "available": 1}, conditions={"Progressing": ("False", "ProgressDeadlineExceeded", "")}),
            "failed",
            "exceeded its progress deadline",
        ),
        (
            deployment(observed=1, conditions={"Progressing": ("False", "ProgressDeadlineExceeded", "")}),
            "progressing",
            "hasn't seen",
        ),
        (deployment(**{**FULL, "updated": 0}, held=True), "complete", "3 replicas are available"),
        (deployment(**{**FULL, "available": 2}, held=True), "progressing", "2 of 3 replicas are available"),
        (stateful(replicas=3, updated=3, ready=3, revisions=("a", "a")), "complete", "3 replicas are ready"),
        (stateful(replicas=3, updated=3, ready=2), "progressing", "2 of 3 replicas are ready"),
        (stateful(replicas=2, updated=2, ready=2), "progressing", "2 of 3 replicas are there"),
        (stateful(1, replicas=2, updated=2, ready=2), "progressing", "1 surplus replicas"),
        (stateful(replicas=3, updated=1, ready=3, revisions=("a", "b")), "progressing", "1 of 3 replicas are at the new"),
        (stateful(replicas=3, ready=3, revisions=("a", "b"), strategy="OnDelete"), "complete", "3 replicas are ready"),
        (stateful(replicas=3, ready=2, strategy="OnDelete"), "progressing", "2 of 3 replicas are ready"),
        (stateful(replicas=3, updated=1, ready=3, partition=2, revisions=("a", "b")), "complete", "3 replicas are ready"),
        (stateful(replicas=3, updated=0, ready=3, partition=2, revisions=("a", "b")), "progressing", "0 of 1 replicas above"),
        (stateful(replicas=3, ready=3, partition=5, revisions=("a", "b")), "complete", "3 replicas are ready"),
        (stateful(replicas=3, updated=3, ready=3, available=2), "progressing", "2 of 3 replicas are available"),
        (replica_set(replicas=2, ready=2, available=2), "complete", "2 replicas are available"),
        (replica_set(replicas=2, available=1), "progressing", "1 of 2 replicas are available"),
        (Workload("s", "c", "Widget", generation=4, replicas=2, status={"replicas": 2}), "complete", "2 replicas"),
        (Workload("s", "c", "Widget", generation=4, replicas=2, status={"replicas": 1}), "progressing", "1 of 2 replicas are there"),
        (Workload("s", "c", "Widget", generation=4, observed=3, replicas=2, status={"replicas": 2}), "progressing", "hasn't seen"),
        (Workload("s", "c", "Widget", replicas=2, status={"replicas": 2, "ready": 1}), "progressing", "1 of 2 replicas are ready"),
    ],
)  # fmt: skip
def test_rollouts(workload: Workload, state: str, message: str) -> None:
    found = rollout(workload)
    assert (found.state, found.complete) == (state, state == "complete")
    assert message in found.message


def ours(**annotations: str) -> dict[str, str]:
    return {f"cloudops.core/{key.replace('_', '-')}": value for key, value in annotations.items()}


@pytest.mark.parametrize(
    ("annotations", "marks"),
    [
        ({}, Marks()),
        ({"paused": "true"}, Marks()),
        (ours(paused="true"), Marks(paused=True)),
        (ours(paused="Yes please"), Marks(paused=True)),
        (ours(paused="False", exclude="off"), Marks()),
        (ours(paused="", exclude=" 0 "), Marks()),
        (ours(exclude="TRUE"), Marks(excluded=True)),
        (ours(min="2", max=" 8 "), Marks(minimum=2, maximum=8)),
        (ours(min="0"), Marks(minimum=0)),
        (ours(min="3", max="3"), Marks(minimum=3, maximum=3)),
        (ours(paused_until="2026-03-01T12:00:00Z"), Marks(paused_until="2026-03-01T12:00:00Z")),
    ],
)
def test_annotations(annotations: dict[str, str], marks: Marks) -> None:
    assert marks_of(annotations) == marks


@pytest.mark.parametrize(
    ("annotations", "said"),
    [
        (ours(min="two"), "cloudops.core/min is 'two'"),
        (ours(max="-1"), "cloudops.core/max is '-1'"),
        (ours(max="1.5"), "cloudops.core/max is '1.5'"),
        (ours(min="²"), "cloudops.core/min"),
        (ours(min="4", max="3"), "cloudops.core/min (4) is above cloudops.core/max (3)"),
        (ours(paused_until="soon"), "cloudops.core/paused-until is 'soon'"),
    ],
)
def test_annotations_that_cannot_be_read(annotations: dict[str, str], said: str) -> None:
    with pytest.raises(Invalid) as caught:
        marks_of(annotations)
    assert said in caught.value.message
    assert caught.value.code == "InvalidAnnotation"
    told = facts_of(Workload("shop", "web", "Deployment", annotations=annotations))["scaling"]
    assert (told["problem"], told["paused"]) == (caught.value.message, None)


@pytest.mark.parametrize(
    ("marks", "paused"),
    [
        (Marks(), False),
        (Marks(paused=True), True),
        (Marks(paused_until="2026-03-01T12:00:01Z"), True),
        (Marks(paused_until="2026-03-01T12:00:00Z"), False),
        (Marks(paused_until="2026-03-01T13:00:00+02:00"), False),
        (Marks(paused_until="2026-03-01T12:30:00"), True),
    ],
)
def test_pauses(marks: Marks, paused: bool) -> None:
    assert bool(marks.pauses(NOON)) == paused


def test_complaints_are_what_stands_against_it() -> None:
    conditions = {
        "Available": ("False", "MinimumReplicasUnavailable", "Deployment does not have minimum availability."),
        "Progressing": ("True", "ReplicaSetUpdated", "is progressing"),
        "ReplicaFailure": ("True", "FailedCreate", "exceeded quota"),
    }
    assert complaints(deployment(conditions=conditions)) == ["FailedCreate: exceeded quota"]
    assert complaints(deployment(conditions={"Available": ("True", "x", "")})) == []


def test_facts() -> None:
    workload = deployment(**FULL, annotations={"cloudops.core/scaling-state": '{"v":1,"at":5}', **ours(min="2")})
    facts = facts_of(workload)
    assert (facts["replicas"], facts["current"], facts["ready"], facts["rollout"]) == (3, 3, 3, "complete")
    assert facts["scaling"] == {
        "excluded": False,
        "paused": False,
        "paused_until": "",
        "min": 2,
        "max": None,
        "state": {"v": 1, "at": 5},
        "problem": "",
    }
    for broken in ("{", "[1]", ""):
        assert facts_of(deployment(annotations={"cloudops.core/scaling-state": broken}))["scaling"]["state"] is None
