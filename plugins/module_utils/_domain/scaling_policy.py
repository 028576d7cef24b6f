# Copyright (c) 2026 cloudops.core contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The scaling policy: what people write, checked and in its normal form. Every mistake names the option.

``behavior`` has the fields, limits and defaults of a HorizontalPodAutoscaler, in its spelling or in ours:
https://kubernetes.io/docs/reference/kubernetes-api/workload-resources/horizontal-pod-autoscaler-v2/
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from fractions import Fraction
from typing import Any, TypeAlias

from ansible_collections.cloudops.core.plugins.module_utils._core.errors import Invalid
from ansible_collections.cloudops.core.plugins.module_utils._domain import scaling_values as values
from ansible_collections.cloudops.core.plugins.module_utils._domain.scaling_steps import (
    ADJUSTMENT_TYPES,
    PERCENT_CHANGE,
    Step,
    read_steps,
)
from ansible_collections.cloudops.core.plugins.module_utils._domain.scaling_windows import (
    Window,
    check_windows,
    read_windows,
)

THRESHOLD, TARGET, STEP, SCHEDULE = "threshold", "target", "step", "schedule"
KINDS = (THRESHOLD, TARGET, STEP, SCHEDULE)
UTILIZATION, VALUE, AVERAGE_VALUE = "utilization", "value", "average_value"
METRIC_TYPES = (UTILIZATION, VALUE, AVERAGE_VALUE)
HOLD, FAIL, FALLBACK = "hold", "fail", "fallback"
PODS, PERCENT = "Pods", "Percent"
MOST, LEAST, DISABLED = "Max", "Min", "Disabled"

_POLICY_KEYS = ("min", "max", "rules", "behavior", "cooldown", "on_missing", "max_age", "schedule")
_COMMON_KEYS = ("metric", "name", "max_age")
_RULE_KEYS = {
    THRESHOLD: (*_COMMON_KEYS, "above", "up", "below", "down", "for"),
    TARGET: (*_COMMON_KEYS, "type", "target", "tolerance"),
    STEP: (*_COMMON_KEYS, "threshold", "adjustment_type", "steps", "min_adjustment_magnitude"),
}
# The field that only this kind of rule has.
_TELLTALES = {
    "above": THRESHOLD,
    "below": THRESHOLD,
    "target": TARGET,
    "steps": STEP,
    "schedule": SCHEDULE,
    "windows": SCHEDULE,
}
_BEHAVIOR_ALIASES = {
    "scaleUp": "scale_up",
    "scaleDown": "scale_down",
    "stabilizationWindowSeconds": "stabilization_window_seconds",
    "selectPolicy": "select_policy",
    "periodSeconds": "period_seconds",
}


@dataclass(frozen=True)
class Change:
    """How far a threshold moves the size. Percent rounds the new size up on the way up, and truncates it on the way down."""

    amount: Fraction = Fraction(1)
    percent: bool = False

    def up(self, size: int) -> int:
        """The size above; always at least one more."""
        grown = size * (1 + self.amount / 100) if self.percent else size + self.amount
        return max(values.ceil(grown), size + 1)

    def down(self, size: int) -> int:
        """The size below, never under 0."""
        shrunk = size * (1 - self.amount / 100) if self.percent else size - self.amount
        return max(int(shrunk), 0)


@dataclass(frozen=True)
class Rule:
    """What the rules that read a metric have in common.

    :param key: unique within the policy, for what is remembered.
    :param max_age: seconds after which the metric is stale; None for never.
    """

    metric: str
    name: str
    key: str
    max_age: int | None


@dataclass(frozen=True)
class ThresholdRule(Rule):
    """A step up above one limit, a step down below another.

    :param times: evaluations in a row that have to agree.
    """

    above: Fraction | None = None
    below: Fraction | None = None
    up: Change = Change()
    down: Change = Change()
    times: int = 1


@dataclass(frozen=True)
class TargetRule(Rule):
    """A target that the metric is kept at, as a HorizontalPodAutoscaler does."""

    type: str = VALUE
    target: Fraction = Fraction(1)
    tolerance_up: Fraction = Fraction(1, 10)
    tolerance_down: Fraction = Fraction(1, 10)

    def tolerates(self, ratio: Fraction) -> bool:
        """Whether the ratio is near enough to 1, bounds included."""
        return 1 - self.tolerance_down <= ratio <= 1 + self.tolerance_up


@dataclass(frozen=True)
class StepRule(Rule):
    """Steps by the distance from a threshold, as step scaling of EC2 Auto Scaling has them."""

    threshold: Fraction = Fraction(0)
    adjustment_type: str = ADJUSTMENT_TYPES[0]
    steps: tuple[Step, ...] = ()
    magnitude: int = 0


AnyRule: TypeAlias = "ThresholdRule | TargetRule | StepRule"


@dataclass(frozen=True)
class RateLimit:
    """At most so much change within a period, in pods or percent; the period is in seconds."""

    type: str
    value: int
    period: int


@dataclass(frozen=True)
class Direction:
    """How fast a size may move in one direction. ``window`` is the stabilization window in seconds."""

    window: int
    limits: tuple[RateLimit, ...]
    select: str = MOST


SCALE_UP = Direction(0, (RateLimit(PODS, 4, 15), RateLimit(PERCENT, 100, 15)))
SCALE_DOWN = Direction(300, (RateLimit(PERCENT, 100, 15),))


@dataclass(frozen=True)
class OnMissing:
    """What follows when a metric is missing or stale: hold, fail, or a size to fall back to after so many evaluations in a row."""

    mode: str = HOLD
    fallback: int = 0
    after: int = 3


@dataclass(frozen=True)
class Policy:
    """A checked policy.

    :param lowest: None: not said, which means 1.
    :param highest: None: not said, which is enough where the target has a bound of its own or no rule reads a metric.
    :param cooldown_up: seconds, and so is ``cooldown_down``.
    """

    lowest: int | None = None
    highest: int | None = None
    rules: tuple[AnyRule, ...] = ()
    windows: tuple[Window, ...] = ()
    scale_up: Direction = SCALE_UP
    scale_down: Direction = SCALE_DOWN
    cooldown_up: int = 0
    cooldown_down: int = 0
    on_missing: OnMissing = field(default_factory=OnMissing)


def read_policy(policy: Mapping[str, Any] | Policy) -> Policy:
    """The policy that a user wrote, or the same when it was read before.

    :raises Invalid: naming the option and what is wrong with it.
    """
    if isinstance(policy, Policy):
        return policy
    data = values.mapping(policy, "policy", _POLICY_KEYS)
    if all(values.not_given(data.get(key)) for key in ("min", "max", "rules", "schedule")):
        raise Invalid("policy is empty", hint="Give it rules or a schedule, with min and max.")
    lowest, highest = (values.maybe_whole(data.get(key), f"policy.{key}") for key in ("min", "max"))
    if highest is not None and (1 if lowest is None else lowest) > highest:
        said = "not given, so it is 1" if lowest is None else str(lowest)
        raise Invalid(f"policy.min is {said}, more than policy.max, which is {highest}", hint="Say min: 0 to allow 0.")
    rules, windows = _read_rules(data.get("rules"), _read_ages(data.get("max_age")))
    windows = (*read_windows(data.get("schedule"), "policy.schedule"), *windows)
    check_windows(windows, lowest, highest, "policy.schedule")
    scale_up, scale_down = _read_behavior(data.get("behavior"))
    cooldown_up, cooldown_down = _read_cooldown(data.get("cooldown"))
    on_missing = _read_on_missing(data.get("on_missing"))
    return Policy(lowest, highest, rules, windows, scale_up, scale_down, cooldown_up, cooldown_down, on_missing)


def _read_ages(value: Any) -> Mapping[str, int | None]:
    """max_age by metric; "" holds the one for all."""
    if isinstance(value, Mapping):
        return {str(metric): _age(age, f"policy.max_age.{metric}") for metric, age in value.items()}
    return {"": _age(value, "policy.max_age")}


def _age(value: Any, path: str) -> int | None:
    return None if values.not_given(value) else values.seconds(value, path)


def _read_rules(value: Any, ages: Mapping[str, int | None]) -> tuple[tuple[AnyRule, ...], tuple[Window, ...]]:
    rules: list[AnyRule] = []
    windows: list[Window] = []
    used: dict[str, int] = {}
    for place, item in enumerate(() if values.not_given(value) else values.listed(value, "policy.rules")):
        path = f"policy.rules[{place}]"
        kind, data = _kind(item, path)
        if kind == SCHEDULE:
            windows.extend(read_windows(data, path))
            continue
        rule = _READERS[kind](data, path, _common(data, kind, path, ages, used))
        rules.append(rule)
    if unknown := sorted(set(ages) - {"", *(rule.metric for rule in rules)}):
        raise Invalid(f"policy.max_age.{unknown[0]} is for a metric that no rule reads")
    return tuple(rules), tuple(windows)


def _kind(item: Any, path: str) -> tuple[str, Mapping[str, Any]]:
    """Which kind of rule this is: by the name it stands under (``threshold: {...}``), by ``type``, or by the fields it has."""
    if not isinstance(item, Mapping) or not item:
        raise Invalid(f"{path} is {item!r}", hint="It is a mapping, such as {metric: cpu, above: 70, below: 50}.")
    if len(item) == 1:
        [(key, inner)] = item.items()
        if key in KINDS and (isinstance(inner, Mapping) or key == SCHEDULE):
            return str(key), inner
    if item.get("type") in KINDS:
        return str(item["type"]), {key: inner for key, inner in item.items() if key != "type"}
    kinds = {kind for key, kind in _TELLTALES.items() if not values.not_given(item.get(key))}
    if len(kinds) != 1:
        what = f"mixes {' and '.join(sorted(kinds))}" if kinds else "is of no kind that is known"
        raise Invalid(
            f"{path} {what}",
            hint="Give above or below for a threshold, target for a target, steps for step scaling, or schedule for a window.",
        )
    return kinds.pop(), item


def _common(
    data: Mapping[str, Any], kind: str, path: str, ages: Mapping[str, int | None], used: dict[str, int]
) -> dict[str, Any]:
    """The fields that all kinds share; ``used`` counts the rules of a metric."""
    values.mapping(data, path, _RULE_KEYS[kind])
    if values.not_given(data.get("metric")):
        raise Invalid(f"{path}.metric is missing", hint="Name the metric that the rule reads.")
    metric = str(data["metric"]).strip()
    used[metric] = used.get(metric, 0) + 1
    age = _age(data.get("max_age"), f"{path}.max_age")
    return {
        "metric": metric,
        "name": kind if values.not_given(data.get("name")) else str(data["name"]).strip(),
        "key": metric if used[metric] == 1 else f"{metric}#{used[metric]}",
        "max_age": ages.get(metric, ages.get("")) if age is None else age,
    }


def _read_threshold(data: Mapping[str, Any], path: str, common: Mapping[str, Any]) -> ThresholdRule:
    limits = {
        side: None if values.not_given(data.get(side)) else values.number(data[side], f"{path}.{side}")
        for side in ("above", "below")
    }
    above, below = limits["above"], limits["below"]
    if above is None and below is None:
        raise Invalid(f"{path} has neither above nor below", hint="Give it at least one of them.")
    if above is not None and below is not None and below >= above:
        raise Invalid(
            f"{path}.below is {values.show(below)}, not under above, which is {values.show(above)}",
            hint="Leave a band between them, or the size swings.",
        )
    for step, side in (("up", "above"), ("down", "below")):
        if limits[side] is None and not values.not_given(data.get(step)):
            raise Invalid(f"{path}.{step} is given without {side}", hint=f"Add {side}, or leave {step} out.")
    return ThresholdRule(
        **common,
        above=above,
        below=below,
        up=_read_change(data.get("up"), f"{path}.up"),
        down=_read_change(data.get("down"), f"{path}.down"),
        times=1 if values.not_given(data.get("for")) else values.whole(data["for"], f"{path}.for", 1),
    )


def _read_change(value: Any, path: str) -> Change:
    if values.not_given(value):
        return Change()
    words = str(value).strip()
    if words.endswith("%"):
        return Change(values.number(words[:-1].strip(), path, above=0), True)
    return Change(Fraction(values.whole(value, path, 1)))


def _read_target(data: Mapping[str, Any], path: str, common: Mapping[str, Any]) -> TargetRule:
    if values.not_given(data.get("target")):
        raise Invalid(f"{path}.target is missing", hint="Give the value that the metric is kept at.")
    kind = VALUE if values.not_given(data.get("type")) else values.word(data["type"], f"{path}.type", METRIC_TYPES)
    up, down = _read_tolerance(data.get("tolerance"), f"{path}.tolerance")
    return TargetRule(
        **common,
        type=kind,
        target=values.number(data["target"], f"{path}.target", above=0),
        tolerance_up=up,
        tolerance_down=down,
    )


def _read_tolerance(value: Any, path: str) -> tuple[Fraction, Fraction]:
    """The tolerance upward and downward; a tenth where nothing is said."""
    if isinstance(value, Mapping):
        sides = values.mapping(value, path, ("up", "down"))
        return _tolerance(sides.get("up"), f"{path}.up"), _tolerance(sides.get("down"), f"{path}.down")
    both = _tolerance(value, path)
    return both, both


def _tolerance(value: Any, path: str) -> Fraction:
    if values.not_given(value):
        return Fraction(1, 10)
    found = values.number(value, path, 0)
    if found >= 1:
        raise Invalid(f"{path} is {value!r}", hint="It is a share of the target, 0 up to less than 1: 0.1 is 10 %.")
    return found


def _read_step(data: Mapping[str, Any], path: str, common: Mapping[str, Any]) -> StepRule:
    if values.not_given(data.get("threshold")):
        raise Invalid(f"{path}.threshold is missing", hint="The steps' bounds are distances from it.")
    given = data.get("adjustment_type")
    kind = (
        ADJUSTMENT_TYPES[0]
        if values.not_given(given)
        else values.word(given, f"{path}.adjustment_type", ADJUSTMENT_TYPES)
    )
    magnitude = values.maybe_whole(data.get("min_adjustment_magnitude"), f"{path}.min_adjustment_magnitude", 1)
    if magnitude is not None and kind != PERCENT_CHANGE:
        raise Invalid(f"{path}.min_adjustment_magnitude works with {PERCENT_CHANGE} only, not with {kind}")
    return StepRule(
        **common,
        threshold=values.number(data["threshold"], f"{path}.threshold"),
        adjustment_type=kind,
        steps=read_steps(data.get("steps"), f"{path}.steps", kind),
        magnitude=magnitude or 0,
    )


_READERS: Mapping[str, Callable[[Mapping[str, Any], str, Mapping[str, Any]], AnyRule]] = {
    THRESHOLD: _read_threshold,
    TARGET: _read_target,
    STEP: _read_step,
}


def _renamed(value: Any, path: str) -> Any:
    """A mapping of ``behavior`` with Kubernetes' names replaced by ours."""
    if not isinstance(value, Mapping):
        return value
    named: dict[str, Any] = {}
    for key, inner in value.items():
        name = _BEHAVIOR_ALIASES.get(key, str(key))
        if name in named:
            raise Invalid(f"{path}.{name} is given twice, as {key}, too")
        named[name] = inner
    return named


def _read_behavior(value: Any) -> tuple[Direction, Direction]:
    if values.not_given(value):
        return SCALE_UP, SCALE_DOWN
    sides = values.mapping(_renamed(value, "policy.behavior"), "policy.behavior", ("scale_up", "scale_down"))
    return (
        _read_direction(sides.get("scale_up"), "policy.behavior.scale_up", SCALE_UP),
        _read_direction(sides.get("scale_down"), "policy.behavior.scale_down", SCALE_DOWN),
    )


def _read_direction(value: Any, path: str, usual: Direction) -> Direction:
    """One direction; what isn't given is as HPA has it."""
    if values.not_given(value):
        return usual
    data = values.mapping(_renamed(value, path), path, ("stabilization_window_seconds", "policies", "select_policy"))
    window, limits, select = (data.get(key) for key in ("stabilization_window_seconds", "policies", "select_policy"))
    return Direction(
        usual.window if values.not_given(window) else values.seconds(window, f"{path}.stabilization_window_seconds"),
        usual.limits if values.not_given(limits) else _read_limits(limits, f"{path}.policies"),
        MOST if values.not_given(select) else values.word(select, f"{path}.select_policy", (MOST, LEAST, DISABLED)),
    )


def _read_limits(value: Any, path: str) -> tuple[RateLimit, ...]:
    items: Sequence[Any] = values.listed(value, path)
    if not items:
        raise Invalid(
            f"{path} is empty",
            hint="Leave it out for the usual ones; to forbid the direction, set select_policy: Disabled.",
        )
    return tuple(_read_limit(item, f"{path}[{place}]") for place, item in enumerate(items))


def _read_limit(item: Any, path: str) -> RateLimit:
    data = values.mapping(_renamed(item, path), path, ("type", "value", "period_seconds"))
    return RateLimit(
        values.word(data.get("type"), f"{path}.type", (PODS, PERCENT)),
        values.whole(data.get("value"), f"{path}.value", 1),
        values.seconds(data.get("period_seconds"), f"{path}.period_seconds", 1),
    )


def _read_cooldown(value: Any) -> tuple[int, int]:
    """Seconds after a scale-up, and before a scale-down."""
    if values.not_given(value):
        return 0, 0
    if not isinstance(value, Mapping):
        both = values.seconds(value, "policy.cooldown")
        return both, both
    data = values.mapping(value, "policy.cooldown", ("up", "down"))
    up, down = (
        0 if values.not_given(data.get(side)) else values.seconds(data[side], f"policy.cooldown.{side}")
        for side in ("up", "down")
    )
    return up, down


def _read_on_missing(value: Any) -> OnMissing:
    if values.not_given(value):
        return OnMissing()
    if not isinstance(value, Mapping):
        return OnMissing(values.word(value, "policy.on_missing", (HOLD, FAIL)))
    data = values.mapping(value, "policy.on_missing", ("fallback", "after"))
    after = data.get("after")
    return OnMissing(
        FALLBACK,
        values.whole(data.get("fallback"), "policy.on_missing.fallback"),
        OnMissing().after if values.not_given(after) else values.whole(after, "policy.on_missing.after", 1),
    )
