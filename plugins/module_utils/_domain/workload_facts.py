# Copyright (c) 2026 cloudops.core contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Facts of workloads, as plain data."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from ansible_collections.cloudops.core.plugins.module_utils._core.errors import Invalid
from ansible_collections.cloudops.core.plugins.module_utils._domain.workload import STATE, Workload, marks_of, rollout


def facts_of(workload: Workload) -> dict[str, Any]:
    """What a workload tells of itself, without another request."""
    progress = rollout(workload)
    return {
        "target": workload.target,
        "name": workload.name,
        "namespace": workload.namespace,
        "kind": workload.kind,
        "api_version": workload.api_version,
        "created": workload.created,
        "resource_version": workload.resource_version,
        "replicas": workload.replicas,
        "current": workload.status.get("replicas", 0),
        "ready": workload.status.get("ready"),
        "updated": workload.status.get("updated"),
        "available": workload.status.get("available"),
        "rollout": progress.state,
        "rollout_message": progress.message,
        "conditions": [
            {"type": name, "status": status, "reason": reason, "message": message}
            for name, (status, reason, message) in workload.conditions.items()
        ],
        "images": dict(workload.images),
        "resources": {name: dict(entry) for name, entry in workload.containers.items()},
        "labels": dict(workload.labels),
        "annotations": dict(workload.annotations),
        "selector": workload.selector,
        "controller": workload.controller,
        "scaling": _scaling(workload.annotations),
    }


def _scaling(annotations: Mapping[str, str]) -> dict[str, Any]:
    """What the annotations say about scaling. A mark that can't be read is told, and fails nothing here."""
    state = _decoded(annotations.get(STATE))
    try:
        marks = marks_of(annotations)
    except Invalid as error:
        empty = {"excluded": None, "paused": None, "paused_until": "", "min": None, "max": None}
        return {**empty, "state": state, "problem": error.message}
    return {
        "excluded": marks.excluded,
        "paused": marks.paused,
        "paused_until": marks.paused_until,
        "min": marks.minimum,
        "max": marks.maximum,
        "state": state,
        "problem": "",
    }


def _decoded(text: str | None) -> Any:
    try:
        state = json.loads(text or "null")
    except ValueError:
        return None
    return state if isinstance(state, dict) else None
