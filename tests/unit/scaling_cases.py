# Copyright (c) 2026 cloudops.core contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What the tests of the scaling engine share: a moment, a policy without delays, and a short way to a decision."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from ansible_collections.cloudops.core.plugins.module_utils._domain.scaling import REASONS, Decision, decide

NOW = 1772452800.0  # 2026-03-02T12:00:00Z, a Monday
AT_ONCE: dict[str, Any] = {
    "scale_up": {"policies": [{"type": "Pods", "value": 1000, "period_seconds": 15}]},
    "scale_down": {
        "stabilization_window_seconds": 0,
        "policies": [{"type": "Pods", "value": 1000, "period_seconds": 15}],
    },
}
CPU = {"metric": "cpu", "above": 70, "up": 1, "below": 50, "down": 1}


def policy(*rules: Mapping[str, Any], **more: Any) -> dict[str, Any]:
    """Rules between 2 and 10, without delays unless ``behavior`` says otherwise."""
    return {"min": 2, "max": 10, "rules": list(rules), "behavior": AT_ONCE, **more}


def measured(**given: Any) -> list[dict[str, Any]]:
    """Metrics by name."""
    return [{"name": name, "value": value} for name, value in given.items()]


def judged(
    current: int,
    rules: Mapping[str, Any],
    metrics: Sequence[Mapping[str, Any]] = (),
    *,
    after: float = 0,
    state: Any = None,
    **target: Any,
) -> Decision:
    """A decision, ``after`` seconds. Its reasons are of the enumeration, whatever the case."""
    decision = decide({"current": current, **target}, rules, metrics, now=NOW + after, state=state)
    assert {decision.reason, *decision.limited_by, *(one.reason for one in decision.proposals)} <= set(REASONS)
    assert str(decision.desired) in decision.message
    return decision


def state(after: float = 0, **parts: Any) -> dict[str, Any]:
    """A state that was written ``after`` seconds."""
    return {"v": 1, "at": int(NOW + after), **parts}
