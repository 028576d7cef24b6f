# Copyright (c) 2026 cloudops.core contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What each rule proposes by its metric alone: a size, a reason, and the sentence that explains it.

Targets follow the HorizontalPodAutoscaler:
https://kubernetes.io/docs/concepts/workloads/autoscaling/horizontal-pod-autoscale/#algorithm-details
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from fractions import Fraction
from typing import Any

from ansible_collections.cloudops.core.plugins.module_utils._core.errors import Invalid
from ansible_collections.cloudops.core.plugins.module_utils._domain.scaling_metrics import Metric, Pod, Target
from ansible_collections.cloudops.core.plugins.module_utils._domain.scaling_policy import (
    AVERAGE_VALUE,
    STEP,
    TARGET,
    THRESHOLD,
    UTILIZATION,
    VALUE,
    AnyRule,
    Rule,
    StepRule,
    TargetRule,
    ThresholdRule,
)
from ansible_collections.cloudops.core.plugins.module_utils._domain.scaling_steps import step_for
from ansible_collections.cloudops.core.plugins.module_utils._domain.scaling_values import ceil, plain, show
from ansible_collections.cloudops.core.plugins.module_utils._domain.scaling_windows import Bounds

BELOW_TOLERANCE, WITHIN_BAND, WOULD_FLAP = "below_tolerance", "within_band", "would_flap"
STABILIZED, CONFLICT, METRIC_MISSING = "stabilized", "conflict", "metric_missing"


@dataclass(frozen=True)
class Proposal:
    """What a rule proposes.

    :param desired: None: nothing, since its metric can't be relied on.
    :param message: the why, as the beginning of a sentence.
    :param streak: evaluations in a row above (positive) or below (negative) a threshold.
    """

    rule: str
    metric: str
    value: Fraction | None
    desired: int | None
    reason: str
    message: str
    streak: int = 0

    def as_result(self) -> dict[str, Any]:
        """As plain data."""
        return {
            "rule": self.rule,
            "metric": self.metric,
            "value": plain(self.value),
            "desired": self.desired,
            "reason": self.reason,
            "message": self.message,
        }


def propose(rule: AnyRule, metric: Metric, target: Target, bounds: Bounds, streak: int) -> Proposal:
    """The proposal of one rule by a metric that is there and fresh.

    :param streak: the rule's own, from the last evaluation.
    :raises Invalid: for a list of pods where one value is needed.
    """
    if isinstance(rule, TargetRule):
        return _by_target(rule, metric, target)
    if metric.value is None:
        raise Invalid(
            f"the metric {metric.name} is a list of pods, and a {THRESHOLD if isinstance(rule, ThresholdRule) else STEP} reads one value",
            hint="Give the metric a value, or use a target of type utilization or average_value.",
        )
    if isinstance(rule, ThresholdRule):
        return _by_threshold(rule, metric.value, target.current, bounds, streak)
    return _by_step(rule, metric.value, target.current)


# Thresholds


def _by_threshold(rule: ThresholdRule, value: Fraction, current: int, bounds: Bounds, streak: int) -> Proposal:
    """A step where the metric is strictly beyond a limit, and was it often enough."""
    if rule.above is not None and value > rule.above:
        streak = min(max(streak, 0) + 1, rule.times)
        said, desired = f"{rule.metric} is {show(value)}, above {show(rule.above)}", rule.up.up(current)
    elif rule.below is not None and value < rule.below:
        streak = max(min(streak, 0) - 1, -rule.times)
        said, desired = f"{rule.metric} is {show(value)}, below {show(rule.below)}", rule.down.down(current)
    else:
        return _proposal(rule, value, current, WITHIN_BAND, f"{rule.metric} is {show(value)}, {_band(rule)}")
    if abs(streak) < rule.times:
        said += f" for {abs(streak)} of {rule.times} evaluations"
        return _proposal(rule, value, current, STABILIZED, said, streak)
    if desired == current:
        return _proposal(rule, value, current, "min", f"{said}, but there is nothing left to take away", streak)
    after = bounds.clip(desired)
    if desired < current and rule.above is not None and _pushed_over(value, current, after, rule.above):
        said += f", but {after} instead of {current} would push it over {show(rule.above)} at once"
        return _proposal(rule, value, current, WOULD_FLAP, said, streak)
    return _proposal(rule, value, desired, THRESHOLD, said, streak)


def _pushed_over(value: Fraction, current: int, after: int, above: Fraction) -> bool:
    """Whether the same load on fewer replicas is above the limit."""
    if after >= current:
        return False
    return value * current > above * after if after else value > 0


def _band(rule: ThresholdRule) -> str:
    if rule.below is None:
        return f"not above {show(rule.above or Fraction(0))}"
    return (
        f"not below {show(rule.below)}" if rule.above is None else f"between {show(rule.below)} and {show(rule.above)}"
    )


def _proposal(rule: Rule, value: Fraction | None, desired: int, reason: str, message: str, streak: int = 0) -> Proposal:
    # A streak of one is what the evaluation itself sees.
    kept = streak if isinstance(rule, ThresholdRule) and rule.times > 1 else 0
    return Proposal(rule.name, rule.metric, value, desired, reason, message, kept)


# Steps


def _by_step(rule: StepRule, value: Fraction, current: int) -> Proposal:
    distance = value - rule.threshold
    side = "over" if distance >= 0 else "under"
    said = f"{rule.metric} is {show(value)}, {show(abs(distance))} {side} the threshold {show(rule.threshold)}"
    found = step_for(rule.steps, distance, rule.adjustment_type, current, rule.magnitude)
    if found is None:
        return _proposal(rule, value, current, WITHIN_BAND, f"{said}, where no step applies")
    step, desired = found
    if desired == current:
        return _proposal(
            rule, value, current, WITHIN_BAND, f"{said}, where {rule.adjustment_type} {step.adjustment} changes nothing"
        )
    return _proposal(rule, value, desired, STEP, f"{said} ({rule.adjustment_type} {step.adjustment})")


# Targets


def _by_target(rule: TargetRule, metric: Metric, target: Target) -> Proposal:
    if metric.value is None and metric.pods is not None:
        if rule.type == VALUE:
            raise Invalid(
                f"the metric {metric.name} is a list of pods, and a target of type value reads one value",
                hint="Use type utilization or average_value, or give the metric a value.",
            )
        return _by_pods(rule, metric.pods, target.current)
    value = metric.value or Fraction(0)
    if rule.type == AVERAGE_VALUE:
        return _by_total(rule, value, target.current)
    ratio = value / rule.target
    said = _said(rule, show(value), ratio)
    if not target.current:
        return _sized(rule, value, 0, ceil(ratio), ratio, said)
    if rule.tolerates(ratio):
        return _proposal(rule, value, target.current, BELOW_TOLERANCE, said)
    if not target.ready:
        return _proposal(rule, value, target.current, CONFLICT, f"{said}, but no replica is ready, so it says nothing")
    return _sized(rule, value, target.current, ceil(ratio * target.ready), ratio, said)


def _by_total(rule: TargetRule, total: Fraction, current: int) -> Proposal:
    """The total of all replicas over the target of one."""
    needed = ceil(total / rule.target)
    if not current:
        return _sized(
            rule,
            total,
            0,
            needed,
            total / rule.target,
            f"{rule.metric} is {show(total)} in all, the target {show(rule.target)} each",
        )
    ratio = total / (rule.target * current)
    said = _said(rule, f"{show(total)} in all, {show(total / current)} each", ratio)
    if rule.tolerates(ratio):
        return _proposal(rule, total, current, BELOW_TOLERANCE, said)
    return _sized(rule, total, current, needed, ratio, said)


def _said(rule: TargetRule, value: str, ratio: Fraction) -> str:
    words = f"{rule.metric} is {value}, {show(ratio * 100)} % of the target {show(rule.target)}"
    return f"{words}, within the tolerance" if rule.tolerates(ratio) else words


def _sized(
    rule: TargetRule, value: Fraction | None, current: int, desired: int, ratio: Fraction, said: str
) -> Proposal:
    """The size, unless it goes the other way than the ratio says, as happens while few of the replicas are ready.

    From 0 on, whatever there is to do needs one at least.
    """
    if current and ((ratio > 1 and desired < current) or (ratio < 1 and desired > current)):
        return _proposal(rule, value, current, CONFLICT, f"{said}, but the replicas that count make {desired} of it")
    if desired == current:
        return _proposal(rule, value, current, BELOW_TOLERANCE, f"{said}, which rounds to the same size")
    return _proposal(rule, value, desired, TARGET, said)


# Pods one by one


def _by_pods(rule: TargetRule, pods: Sequence[Pod], current: int) -> Proposal:
    """Metrics of single pods: first of those that are ready and measured, then again with cautious guesses for the others."""
    measured, missing, unready = _sorted_out(pods)
    asked = [*measured, *missing, *unready] if rule.type == UTILIZATION else []
    if lacking := next((pod.name for pod in asked if not pod.request or pod.request < 0), None):
        return _unknown(rule, f"{rule.metric} is missing: {lacking} requests nothing, so its utilization isn't known")
    if not measured:
        return _unknown(rule, f"{rule.metric} is missing: no pod that is ready reports it")
    value_of: Callable[[list[Pod]], Fraction] = _utilization if rule.type == UTILIZATION else _average
    value = value_of(measured)
    ratio = value / rule.target
    said = _said(rule, f"{show(value)} {'%' if rule.type == UTILIZATION else 'on average'}", ratio)
    guessed = _guesses(rule, missing, unready, ratio)
    if not guessed and not missing:
        if rule.tolerates(ratio):
            return _proposal(rule, value, current, BELOW_TOLERANCE, said)
        return _sized(rule, value, current, ceil(ratio * len(measured)), ratio, said)
    counted = [*measured, *guessed]
    again = value_of(counted) / rule.target
    said += f" ({len(missing)} pods not measured, {len(unready)} not ready)"
    if rule.tolerates(again):
        return _proposal(rule, value, current, BELOW_TOLERANCE, f"{said}; with them it is within the tolerance")
    if (ratio - 1) * (again - 1) < 0:
        return _proposal(rule, value, current, CONFLICT, f"{said}; with them it points the other way")
    return _sized(rule, value, current, ceil(again * len(counted)), again, said)


def _sorted_out(pods: Sequence[Pod]) -> tuple[list[Pod], list[Pod], list[Pod]]:
    """Those that are measured and ready, those that run without being measured, and those that aren't ready."""
    measured: list[Pod] = []
    missing: list[Pod] = []
    unready: list[Pod] = []
    for pod in pods:
        if pod.missing or (pod.ready and pod.usage is None):
            missing.append(pod)
        else:
            (measured if pod.ready else unready).append(pod)
    return measured, missing, unready


def _guesses(rule: TargetRule, missing: Sequence[Pod], unready: Sequence[Pod], ratio: Fraction) -> list[Pod]:
    """Nothing used, on the way up. On the way down those that aren't measured use all they may, and those not ready don't count."""
    if ratio > 1:
        return [Pod(pod.name, Fraction(0), pod.request) for pod in (*missing, *unready)]
    if ratio == 1:
        # Nobody knows better here; a pod without a value of its own changes nothing.
        return []
    if rule.type == AVERAGE_VALUE:
        return [Pod(pod.name, rule.target, None) for pod in missing]
    share = max(Fraction(1), Fraction(int(rule.target), 100))
    return [Pod(pod.name, (pod.request or Fraction(0)) * share, pod.request) for pod in missing]


def _utilization(pods: Sequence[Pod]) -> Fraction:
    """Percent of what is requested, cut off to a whole number."""
    used = sum((pod.usage or Fraction(0) for pod in pods), Fraction(0))
    asked = sum((pod.request or Fraction(0) for pod in pods), Fraction(0))
    return Fraction(int(used * 100 / asked))


def _average(pods: Sequence[Pod]) -> Fraction:
    """The mean, cut off to a thousandth."""
    used = sum((pod.usage or Fraction(0) for pod in pods), Fraction(0))
    return Fraction(int(used * 1000 / len(pods)), 1000)


def _unknown(rule: Rule, message: str) -> Proposal:
    return Proposal(rule.name, rule.metric, None, None, METRIC_MISSING, message)
