# Copyright (c) 2026 cloudops.core contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What to do with one workload: leave it alone, refuse, or write, and then what."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import Enum
from fractions import Fraction
from typing import Any

from ansible_collections.cloudops.core.plugins.module_utils._core.errors import CloudOpsError, Conflict, Invalid
from ansible_collections.cloudops.core.plugins.module_utils._domain.workload import STATE, Marks, Workload, marks_of
from ansible_collections.cloudops.core.plugins.module_utils._domain.workload_options import Step, Wish
from ansible_collections.cloudops.core.plugins.module_utils._domain.workload_resources import Changes, changes

UP, DOWN, HOLD = "up", "down", "hold"
MANUAL, ALREADY, EXCLUDED_REASON, EXTERNAL_OWNER, PAUSED_REASON = (
    "manual",
    "already",
    "excluded",
    "external_owner",
    "paused",
)


class Fate(Enum):
    """What is to become of a workload."""

    WRITE = "write"
    SAME = "same"
    SKIPPED = "skipped"
    FAILED = "failed"


@dataclass(frozen=True)
class Owner:
    """What scales a workload besides us.

    :param adjustable: it has bounds that can be moved (an autoscaler, not a controller).
    :param minimum: of an autoscaler; what the API takes for granted where nothing is said.
    """

    kind: str
    name: str
    namespace: str = ""
    resource_version: str = ""
    adjustable: bool = False
    minimum: int = 1
    maximum: int = 1

    def __str__(self) -> str:
        return f"{self.kind} {self.name}"


@dataclass(frozen=True)
class Verdict:
    """The decision for one workload.

    :param desired: replicas; None when nothing was decided.
    :param bounds: new minimum and maximum of its autoscaler, when they have to move.
    :param state: text for the annotation, when it has to be written.
    :param decision: the engine's, as data.
    """

    fate: Fate
    desired: int | None = None
    action: str = HOLD
    reason: str = ""
    message: str = ""
    limited_by: tuple[str, ...] = ()
    bounds: tuple[int, int] | None = None
    resources: Changes = field(default_factory=dict)
    state: str | None = None
    decision: Mapping[str, Any] | None = None
    error: CloudOpsError | None = None


def judge(workload: Workload, owner: Owner | None, wish: Wish, now: float) -> Verdict:
    """What to do with one workload.

    :param owner: what scales it besides us.
    :param now: seconds since 1970.
    """
    try:
        marks = marks_of(workload.annotations)
        if marks.excluded and "excluded" not in wish.includes:
            return Verdict(Fate.SKIPPED, reason=EXCLUDED_REASON, message="is excluded by annotation")
        if (refusal := _owned(owner, wish)) is not None:
            return refusal
        verdict = (
            _by_policy(workload, marks, wish, now) if wish.policy is not None else _by_hand(workload, marks, wish, now)
        )
        return _with_bounds(verdict, workload, owner, wish)
    except CloudOpsError as error:
        error.resource = error.resource or workload.target
        return Verdict(Fate.FAILED, reason=error.code or error.kind, message=error.message, error=error)


def _owned(owner: Owner | None, wish: Wish) -> Verdict | None:
    """Somebody else's workload isn't scaled unless that was asked for."""
    if owner is None or not wish.sized or wish.on_owner == "force":
        return None
    if wish.on_owner == "adjust_bounds" and owner.adjustable:
        return None
    message = f"is scaled by {owner}"
    hint = "Set on_owner to adjust_bounds or force, or leave it to its owner."
    if not owner.adjustable:
        message = f"belongs to {owner}, which decides on its size"
        hint = f"Scale {owner} instead, or set on_owner to force."
    error = Conflict(message, code="ExternalOwner", hint=hint)
    return Verdict(Fate.FAILED, reason=EXTERNAL_OWNER, message=message, error=error)


# By hand


def _by_hand(workload: Workload, marks: Marks, wish: Wish, now: float) -> Verdict:
    pause = marks.pauses(now)
    if pause and "paused" not in wish.includes:
        return Verdict(Fate.SKIPPED, reason=PAUSED_REASON, message=pause)
    resources = changes(workload.containers, wish.resources)
    if not wish.sized:
        what = "has these resources already" if not resources else "gets other resources"
        fate, reason = (Fate.WRITE, MANUAL) if resources else (Fate.SAME, ALREADY)
        return Verdict(fate, workload.replicas, HOLD, reason, what, resources=resources)
    desired, limits = _size(workload, marks, wish)
    if desired == workload.replicas and not resources:
        message = f"has {desired} already" if not limits else f"stays at {desired}"
        return Verdict(Fate.SAME, desired, HOLD, limits[0] if limits else ALREADY, message, limits)
    _check_preconditions(workload, wish)
    action = direction(workload.replicas, desired)
    message = f"scaled from {workload.replicas} to {desired}" if action != HOLD else "gets other resources"
    return Verdict(Fate.WRITE, desired, action, MANUAL, message, limits, resources=resources)


def _size(workload: Workload, marks: Marks, wish: Wish) -> tuple[int, tuple[str, ...]]:
    """The number wanted, within bounds, and the bounds that made it another one."""
    current = workload.replicas
    lowest = wish.minimum if marks.minimum is None else marks.minimum
    highest = wish.maximum if marks.maximum is None else marks.maximum
    if lowest is not None and highest is not None and lowest > highest:
        raise Invalid(
            f"the minimum ({lowest}) is above the maximum ({highest})",
            code="InvalidBounds",
            hint="Bring min and max of the task and of the workload's annotations together.",
        )
    if wish.replicas is not None:
        return clamp(wish.replicas, lowest, highest)
    if wish.step is None:
        raise AssertionError("a wish has replicas, a step or a policy")
    wanted = stepped(current, wish.step)
    if wish.step.amount > 0:  # a step never goes the other way, whatever the bounds are
        desired, limits = clamp(wanted, None, None if highest is None else max(highest, current))
    else:
        floor = min(1, current) if lowest is None else min(lowest, current)
        desired, limits = clamp(wanted, floor, None)
    return desired, limits


def clamp(number: int, lowest: int | None, highest: int | None) -> tuple[int, tuple[str, ...]]:
    """The number within bounds, and the names of the bounds that moved it."""
    if lowest is not None and number < lowest:
        return lowest, ("min",)
    if highest is not None and number > highest:
        return highest, ("max",)
    return number, ()


def stepped(current: int, step: Step) -> int:
    """The number after a step. A percentage moves by one at least, except from 0."""
    if not step.percent:
        return max(0, current + int(step.amount))
    part = Fraction(current) * step.amount / 100
    if part > 0:
        return current + math.ceil(part)
    return current + min(-1, math.trunc(part)) if part < 0 else current


def direction(before: int, after: int) -> str:
    """Up, down or hold."""
    return HOLD if before == after else UP if after > before else DOWN


def _check_preconditions(workload: Workload, wish: Wish) -> None:
    """What the caller saw before must still hold. The server checks it once more when the change is written."""
    if wish.current_replicas is not None and workload.replicas != wish.current_replicas:
        raise Conflict(
            f"has {workload.replicas} replicas, not {wish.current_replicas} as current_replicas says",
            code="PreconditionFailed",
            hint="Look at the workload again.",
        )
    if wish.resource_version and workload.resource_version != wish.resource_version:
        raise Conflict(
            f"is at version {workload.resource_version}, not {wish.resource_version} as resource_version says",
            code="PreconditionFailed",
            hint="Look at the workload again.",
        )


# By policy


def _by_policy(workload: Workload, marks: Marks, wish: Wish, now: float) -> Verdict:
    """As the engine says, which is loaded only for who has a policy."""
    from ansible_collections.cloudops.core.plugins.module_utils._domain.scaling import decide
    from ansible_collections.cloudops.core.plugins.module_utils._domain.scaling_state import write_state

    if wish.policy is None:
        raise AssertionError("only a wish with a policy is decided by it")
    target: dict[str, Any] = {"current": workload.replicas, "name": workload.target, "paused": marks.paused}
    given = {
        "ready": workload.ready,
        "paused_until": marks.paused_until or None,
        "min": marks.minimum,
        "max": marks.maximum,
    }
    target.update({name: value for name, value in given.items() if value is not None})
    known = workload.annotations.get(STATE)
    decision = decide(target, wish.policy, wish.metrics, now=now, state=known).as_result()
    repeated = is_repeated(known, now)
    if repeated and decision["action"] != HOLD:
        decision |= {"desired": workload.replicas, "action": HOLD, "reason": ALREADY, "message": _REPEATED}
    desired, reason = int(decision["desired"]), str(decision["reason"])
    text = write_state(decision["state"])
    resources = changes(workload.containers, wish.resources) if reason != PAUSED_REASON else {}
    moves = desired != workload.replicas
    return Verdict(
        Fate.WRITE if moves or resources else Fate.SAME,
        desired,
        direction(workload.replicas, desired),
        reason,
        str(decision["message"]),
        tuple(decision["limited_by"]),
        resources=resources,
        state=text if moves or (not repeated and is_news(known, text)) else None,
        decision=decision,
    )


_REPEATED = "was decided upon at this very time already"


def is_repeated(known: str | None, now: float) -> bool:
    """Whether a decision for this time has been written already: evaluated once more, it would count twice.

    The history knows whole seconds, rounded up.
    """
    state = _read(known)
    return bool(state) and state.get("at") == math.ceil(now)


def is_news(known: str | None, text: str) -> bool:
    """Whether a later decision could come out otherwise with this history than with the one that is written already.

    A history in which nothing is left but its time says no more than none at all.
    """
    if known is None or text == known:
        return known is None and _has_content(text)
    return _has_content(text) or any(_counts(known))


def _has_content(text: str) -> bool:
    return not {"v", "at"}.issuperset(_read(text))


def _counts(text: str) -> tuple[Any, ...]:
    """Counts of evaluations in a row: the only part of a history that doesn't end by itself."""
    state = _read(text)
    return tuple(state.get(key) for key in ("streaks", "misses"))


def _read(text: str | None) -> Mapping[str, Any]:
    """A history as data; nothing when it isn't one."""
    try:
        state = json.loads(text or "{}")
    except ValueError:
        return {}
    return state if isinstance(state, dict) else {}


# Autoscalers


def _with_bounds(verdict: Verdict, workload: Workload, owner: Owner | None, wish: Wish) -> Verdict:
    """Move the bounds of the autoscaler so that it agrees with a new size.

    At 0 replicas Kubernetes' autoscaler is off, so its bounds (which are 1 at least) have no part in it.
    """
    if owner is None or wish.on_owner != "adjust_bounds" or verdict.desired is None:
        return verdict
    if verdict.action == HOLD or (verdict.desired == 0 and owner.kind == "HorizontalPodAutoscaler"):
        return verdict
    bounds = adjusted(owner.minimum, owner.maximum, verdict.desired, verdict.action)
    if bounds == (owner.minimum, owner.maximum):
        return verdict
    return Verdict(**{**verdict.__dict__, "bounds": bounds})


def adjusted(lowest: int, highest: int, desired: int, action: str) -> tuple[int, int]:
    """Bounds under which an autoscaler agrees: on the way up it may not go below, on the way down not above."""
    if action == UP:
        return desired, max(highest, desired)
    return min(lowest, desired), desired


# Limits


def check_limits(acting: int, matched: int, wish: Wish) -> None:
    """Refuse to act on more than was allowed.

    :raises Conflict: before anything was written.
    """
    if wish.max_workloads is not None and acting > wish.max_workloads:
        raise Conflict(
            f"this would change {acting} workloads, more than max_workloads={wish.max_workloads}; nothing was done",
            code="LimitExceeded",
            hint="Look at the workloads in check mode, then raise max_workloads or narrow the selection.",
        )
    if wish.max_percent is not None and acting * 100 > wish.max_percent * matched:
        raise Conflict(
            f"this would change {acting} of {matched} workloads, more than max_percent={wish.max_percent:g}; nothing was done",
            code="LimitExceeded",
            hint="Look at the workloads in check mode, then raise max_percent or narrow the selection.",
        )
