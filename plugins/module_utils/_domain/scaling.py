# Copyright (c) 2026 cloudops.core contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""How large something should be: one decision by a policy, metrics, the time and what is remembered. Data in, data out.

In this order: paused or owned by somebody else; bounds, moved by the schedule; back into the bounds at once; freshness of the metrics;
proposals of the rules, of which the largest counts; no scale-down while a metric is missing or stale; stabilization; cooldown; rate
limits; bounds.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timezone
from typing import Any

from ansible_collections.cloudops.core.plugins.module_utils._core.errors import Invalid, NotFound
from ansible_collections.cloudops.core.plugins.module_utils._domain import scaling_rules as rules
from ansible_collections.cloudops.core.plugins.module_utils._domain.scaling_behavior import (
    Allowed,
    cooled_down,
    rate_limited,
    stabilized,
    windows_of,
)
from ansible_collections.cloudops.core.plugins.module_utils._domain.scaling_metrics import (
    Metric,
    Target,
    fault_of,
    of_rule,
    read_metrics,
    read_target,
)
from ansible_collections.cloudops.core.plugins.module_utils._domain.scaling_policy import (
    FAIL,
    FALLBACK,
    Policy,
    read_policy,
)
from ansible_collections.cloudops.core.plugins.module_utils._domain.scaling_rules import Proposal
from ansible_collections.cloudops.core.plugins.module_utils._domain.scaling_state import Memory, read_memory
from ansible_collections.cloudops.core.plugins.module_utils._domain.scaling_windows import Bounds, moved, within
from ansible_collections.cloudops.core.plugins.module_utils._domain.times import iso

UP, DOWN, HOLD = "up", "down", "hold"

REASONS: Mapping[str, str] = {
    "threshold": "a threshold rule moved it",
    "target": "a target rule moved it",
    "step": "a step rule moved it",
    "schedule": "a window of the schedule sets the bound that it meets",
    "min": "it meets the lower bound",
    "max": "it meets the upper bound",
    "within_band": "the metric asks for no change",
    "below_tolerance": "the metric is within the tolerance of its target, or the change rounds to nothing",
    "would_flap": "a step down would at once push the metric over the limit for a step up",
    "conflict": "what is known contradicts itself, or somebody else changed the target meanwhile",
    "metric_missing": "a metric is missing",
    "metric_stale": "a metric is too old",
    "stabilized": "the change wasn't wanted for long enough",
    "cooldown": "the last change is too recent",
    "rate_limited": "the change is faster than the behavior allows",
    "paused": "somebody paused it",
    "external_owner": "somebody else scales it",
}
"""Every reason that a decision may have. Stable: what is here keeps its meaning."""


@dataclass(frozen=True)
class Decision:
    """What to do, and why.

    :param reason: one of :data:`REASONS`.
    :param limited_by: the reasons why it isn't what the rules wanted.
    :param next_allowed_at: seconds since 1970 from which more is allowed; None: nobody knows, or nothing was held back.
    :param state: what to remember, once it is done.
    """

    current: int
    desired: int
    reason: str
    message: str
    bounds: Bounds
    limited_by: tuple[str, ...] = ()
    proposals: tuple[Proposal, ...] = ()
    next_allowed_at: float | None = None
    state: Mapping[str, Any] = field(default_factory=dict)

    @property
    def action(self) -> str:
        """up, down or hold."""
        if self.desired == self.current:
            return HOLD
        return UP if self.desired > self.current else DOWN

    def as_result(self) -> dict[str, Any]:
        """As plain data."""
        at = self.next_allowed_at
        return {
            "current": self.current,
            "desired": self.desired,
            "action": self.action,
            "reason": self.reason,
            "limited_by": list(self.limited_by),
            "proposals": [proposal.as_result() for proposal in self.proposals],
            "message": self.message,
            "next_allowed_at": None if at is None else _iso(at),
            "bounds": {"min": self.bounds.lowest, "max": self.bounds.highest},
            "state": dict(self.state),
        }


def decide(
    target: Mapping[str, Any],
    policy: Mapping[str, Any] | Policy,
    metrics: Sequence[Mapping[str, Any]],
    *,
    now: float,
    state: Mapping[str, Any] | str | None = None,
) -> Decision:
    """The size that a target should have.

    :param target: ``current`` and, where known, ``ready``, ``name``, ``paused``, ``paused_until``, ``owner``, ``min``, ``max``.
    :param metrics: each with ``name``, ``value`` or ``pods``, and ``timestamp`` or ``age``.
    :param now: seconds since 1970.
    :param state: the state of the last decision for this target.
    :raises Invalid: for what can't be read, naming the option.
    :raises NotFound: for a metric that is missing or stale where ``on_missing`` is fail.
    """
    plan = read_policy(policy)
    thing = read_target(target)
    case = _Case(
        target=thing,
        policy=plan,
        bounds=_bounds(plan, thing, now),
        metrics=read_metrics(metrics, thing.name, now),
        memory=read_memory(state, thing.current, now),
        now=now,
    )
    return _left_alone(case) or _into_bounds(case) or _by_rules(case)


@dataclass(frozen=True)
class _Case:
    """All that one decision is made of."""

    target: Target
    policy: Policy
    bounds: Bounds
    metrics: Mapping[str, Metric]
    memory: Memory
    now: float

    def decided(self, desired: int, reason: str, message: str, memory: Memory | None = None, **more: Any) -> Decision:
        """A decision that is remembered."""
        changed = (self.memory if memory is None else memory).scaled(desired - self.target.current, self.now)
        state = changed.pruned(windows_of(self.policy), self.now).as_state(self.now)
        return Decision(self.target.current, desired, reason, message, self.bounds, state=state, **more)


def _bounds(policy: Policy, target: Target, now: float) -> Bounds:
    """The bounds of now: the policy's, moved by the schedule, inside the target's own.

    :raises Invalid: where those of policy and target can't both hold, or nothing bounds what metrics may ask for.
    """
    low = ("target.min", target.lowest) if target.lowest is not None else ("policy.min", policy.lowest)
    high = ("target.max", target.highest) if target.highest is not None else ("policy.max", policy.highest)
    if high[1] is None and policy.rules:
        raise Invalid("policy.max is missing", hint="Give the largest size that the rules may ask for.")
    lowest = 1 if low[1] is None else low[1]
    if high[1] is not None and lowest > high[1]:
        said = f"{lowest}, as nothing is given" if low[1] is None else str(lowest)
        raise Invalid(f"{low[0]} is {said}; that is more than {high[0]}, which is {high[1]}")
    bounds = moved(Bounds(lowest, high[1]), policy.windows, now)
    return within(bounds, target.lowest, target.highest)


def _left_alone(case: _Case) -> Decision | None:
    """Nothing is done to what a person paused, or what somebody else scales."""
    target = case.target
    name, until = target.name or "it", target.paused_until
    if target.paused:
        return case.decided(
            target.current, "paused", f"{name} is paused; stays at {target.current}", limited_by=("paused",)
        )
    if until is not None and until > case.now:
        said = f"{name} is paused until {_iso(until)}; stays at {target.current}"
        return case.decided(target.current, "paused", said, limited_by=("paused",), next_allowed_at=until)
    if target.owner:
        said = f"{name} is scaled by {target.owner}; stays at {target.current}"
        return case.decided(target.current, "external_owner", said, limited_by=("external_owner",))
    return None


def _into_bounds(case: _Case) -> Decision | None:
    """A size beyond the bounds goes back at once, whatever the metrics say."""
    current = case.target.current
    desired = case.bounds.clip(current)
    if desired == current:
        return None
    reason = case.bounds.reason(current)
    memory = case.memory.recommended(desired, case.now)
    message = f"{case.bounds.words(current)}: {current} -> {desired}"
    return case.decided(desired, reason, message, memory, limited_by=(reason,))


def _by_rules(case: _Case) -> Decision:
    """The largest proposal, held back by what speaks against it."""
    memory, proposals, faults = _proposals(case)
    current = case.target.current
    usable = [proposal for proposal in proposals if proposal.desired is not None]
    if not usable:
        return _without_proposals(case, memory, proposals, faults)
    best = max(usable, key=lambda proposal: proposal.desired or 0)
    wanted = best.desired or 0
    draft = _Draft(current, case.bounds.clip(wanted), best.reason, best.message, wanted)
    if draft.desired < current and faults:
        draft = draft.limited(faults[0].reason, faults[0].message, Allowed(current))
    memory = memory.recommended(draft.desired, case.now)
    draft = _held_back(draft, case, memory)
    if draft.desired == case.bounds.clip(wanted) != wanted:
        draft = draft.limited(case.bounds.reason(wanted), case.bounds.words(wanted), Allowed(draft.desired))
    return case.decided(
        draft.desired,
        draft.reason,
        draft.sentence(),
        memory,
        limited_by=draft.limited_by,
        proposals=proposals,
        next_allowed_at=draft.until,
    )


@dataclass(frozen=True)
class _Draft:
    """A decision in the making.

    :param wanted: what the rules want, regardless of all limits.
    :param words: what holds it back.
    """

    current: int
    desired: int
    reason: str
    why: str
    wanted: int
    limited_by: tuple[str, ...] = ()
    words: tuple[str, ...] = ()
    until: float | None = None

    def limited(self, reason: str, words: str, allowed: Allowed) -> _Draft:
        """Held back further."""
        times = [at for at in (self.until, allowed.until) if at is not None]
        return replace(
            self,
            desired=allowed.size,
            reason=reason,
            limited_by=(*self.limited_by, reason),
            words=(*self.words, words),
            until=max(times, default=None),
        )

    def sentence(self) -> str:
        """The whole story."""
        held = f": {self.wanted} wanted, but {' and '.join(self.words)}" if self.words else ""
        if self.desired == self.current:
            return f"{self.why}{held}; stays at {self.current}"
        return f"{self.why}{held}: {self.current} -> {self.desired}"


def _held_back(draft: _Draft, case: _Case, memory: Memory) -> _Draft:
    """Stabilization, cooldown and rate limits, one after the other, as long as there is something left to hold back."""
    side = "scale_up" if draft.desired > draft.current else "scale_down"
    stages = (
        (stabilized, "stabilized", f"{side} is stabilized"),
        (cooled_down, "cooldown", f"{side} cools down"),
        (rate_limited, "rate_limited", f"the rate of {side} is limited"),
    )
    for stage, reason, words in stages:
        if draft.desired == draft.current:
            break
        allowed = stage(draft.current, draft.desired, case.policy, memory, case.now)
        if allowed.size != draft.desired:
            until = " for now" if allowed.until is None else f" until {_iso(allowed.until)}"
            draft = draft.limited(reason, words + until, allowed)
    return draft


def _proposals(case: _Case) -> tuple[Memory, tuple[Proposal, ...], tuple[Proposal, ...]]:
    """What each rule proposes, those that can't since their metric isn't there, and the counts to remember.

    :raises NotFound: for such a one where ``on_missing`` is fail.
    """
    proposals, faults = [], []
    streaks: dict[str, int] = {}
    misses: dict[str, int] = {}
    for rule in case.policy.rules:
        metric = of_rule(case.metrics, rule.metric, case.target.pods)
        fault = fault_of(metric, rule.metric, rule.max_age)
        if fault is None and metric is not None:
            streak = case.memory.streaks.get(rule.key, 0)
            proposal = rules.propose(rule, metric, case.target, case.bounds, streak)
            streaks[rule.key] = proposal.streak
        else:
            reason, words = fault or ("metric_missing", f"{rule.metric} is missing")
            proposal = Proposal(rule.name, rule.metric, None if metric is None else metric.value, None, reason, words)
        if proposal.desired is None:
            proposal, misses[rule.metric] = _fallen_back(proposal, case)
            faults.append(proposal)
        proposals.append(proposal)
    return replace(case.memory, streaks=streaks, misses=misses), tuple(proposals), tuple(faults)


def _fallen_back(proposal: Proposal, case: _Case) -> tuple[Proposal, int]:
    """What ``on_missing`` makes of a metric that can't be relied on, and for how many evaluations in a row it couldn't be.

    :raises NotFound: where it says fail.
    """
    mode = case.policy.on_missing
    if mode.mode == FAIL:
        raise NotFound(
            proposal.message,
            operation="decide about the size",
            resource=case.target.name,
            code=proposal.reason,
            hint="Look at where it comes from, or set policy.on_missing to hold.",
        )
    if mode.mode != FALLBACK:
        return proposal, 0
    count = min(case.memory.misses.get(proposal.metric, 0) + 1, mode.after)
    if count < mode.after:
        return replace(proposal, message=f"{proposal.message} for {count} of {mode.after} evaluations"), count
    words = f"{proposal.message} for {mode.after} evaluations, so the fallback {mode.fallback} holds"
    return replace(proposal, desired=mode.fallback, message=words), count


def _without_proposals(
    case: _Case, memory: Memory, proposals: tuple[Proposal, ...], faults: tuple[Proposal, ...]
) -> Decision:
    """Nobody knows better, or nobody is asked: it stays as it is."""
    current = case.target.current
    reason, words = "within_band", "it is within its bounds"
    if faults:
        reason, words = faults[0].reason, faults[0].message
    elif case.policy.windows:
        reason, words = "schedule", "no window asks for another size"
    return case.decided(
        current,
        reason,
        f"{words}; stays at {current}",
        memory.recommended(current, case.now),
        limited_by=(reason,) if faults else (),
        proposals=proposals,
    )


def _iso(at: float) -> str:
    return iso(datetime.fromtimestamp(math.ceil(at), timezone.utc))
