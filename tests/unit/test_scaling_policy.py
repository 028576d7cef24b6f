# Copyright (c) 2026 cloudops.core contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The scaling policy as people write it: what is understood, and what is refused with which words."""

from __future__ import annotations

from fractions import Fraction
from typing import Any

import pytest
from ansible_collections.cloudops.core.plugins.module_utils._core.errors import Invalid
from ansible_collections.cloudops.core.plugins.module_utils._domain.scaling_policy import (
    SCALE_DOWN,
    SCALE_UP,
    Change,
    OnMissing,
    RateLimit,
    StepRule,
    TargetRule,
    ThresholdRule,
    read_policy,
)
from ansible_collections.cloudops.core.plugins.module_utils._domain.scaling_values import read_number

CPU = {"metric": "cpu", "above": 70, "below": 50}
GOAL = {"metric": "cpu", "target": 60}
STEP = {"metric": "cpu", "threshold": 60, "steps": [{"lower": 0, "adjustment": 1}]}
PERCENT = {**STEP, "adjustment_type": "PercentChangeInCapacity"}


def read(*rules: Any, **more: Any) -> Any:
    return read_policy({"min": 1, "max": 10, "rules": list(rules), **more})


def steps(*bounds: tuple[Any, Any]) -> dict[str, Any]:
    return {**STEP, "steps": [{"lower": lower, "upper": upper, "adjustment": 1} for lower, upper in bounds]}


BAD: list[tuple[str, Any, str]] = [
    ("no mapping", [], r"policy is \[\]"),
    ("empty", {}, "policy is empty"),
    ("nothing said", {"min": None, "rules": ""}, "policy is empty"),
    ("unknown key", {"max": 3, "rule": []}, "policy.rule is unknown. Known are min, max, rules"),
    ("min", {"min": "few"}, "policy.min is 'few'"),
    ("negative min", {"min": -1}, "policy.min is -1. It is a whole number, 0 or more"),
    ("fraction", {"max": 2.5}, "policy.max is 2.5"),
    ("boolean", {"max": True}, "policy.max is True"),
    ("min over max", {"min": 5, "max": 3}, "policy.min is 5, more than policy.max, which is 3"),
    ("max 0", {"max": 0}, "policy.min is not given, so it is 1, more than policy.max, which is 0. Say min: 0"),
    ("rules", {"rules": CPU}, "policy.rules is {"),
    ("rule", {"rules": ["cpu > 70"]}, r"policy.rules\[0\] is 'cpu > 70'"),
    ("empty rule", {"rules": [CPU, {}]}, r"policy.rules\[1\] is {}"),
    ("no kind", {"rules": [{"metric": "cpu"}]}, r"policy.rules\[0\] is of no kind that is known. Give above or below"),
    ("two kinds", {"rules": [{**CPU, **GOAL}]}, r"policy.rules\[0\] mixes target and threshold"),
    ("unknown field", {"rules": [{**CPU, "upp": 1}]}, r"policy.rules\[0\].upp is unknown"),
    ("field of another kind", {"rules": [{**CPU, "tolerance": 1}]}, r"policy.rules\[0\].tolerance is unknown"),
    ("no metric", {"rules": [{"above": 70}]}, r"policy.rules\[0\].metric is missing"),
    ("above", {"rules": [{"metric": "cpu", "above": "high"}]}, r"policy.rules\[0\].above is 'high'"),
    ("above nan", {"rules": [{"metric": "cpu", "above": "nan"}]}, r"policy.rules\[0\].above is 'nan'"),
    (
        "below over above",
        {"rules": [{**CPU, "below": 80}]},
        r"policy.rules\[0\].below is 80, not under above, which is 70",
    ),
    ("below at above", {"rules": [{**CPU, "below": 70}]}, r"policy.rules\[0\].below is 70, not under above"),
    ("up 0", {"rules": [{**CPU, "up": 0}]}, r"policy.rules\[0\].up is 0"),
    ("up -1", {"rules": [{**CPU, "down": -1}]}, r"policy.rules\[0\].down is -1. It is a whole number, 1 or more"),
    ("up 1.5", {"rules": [{**CPU, "up": 1.5}]}, r"policy.rules\[0\].up is 1.5"),
    ("0 %", {"rules": [{**CPU, "up": "0%"}]}, r"policy.rules\[0\].up is '0'. It is a number, more than 0"),
    (
        "up without above",
        {"rules": [{"metric": "cpu", "below": 5, "up": 1}]},
        r"policy.rules\[0\].up is given without above",
    ),
    (
        "down without below",
        {"rules": [{"metric": "cpu", "above": 5, "down": 1}]},
        r"policy.rules\[0\].down is given without below",
    ),
    ("neither", {"rules": [{"threshold": {"metric": "cpu"}}]}, r"policy.rules\[0\] has neither above nor below"),
    ("for", {"rules": [{**CPU, "for": 0}]}, r"policy.rules\[0\].for is 0"),
    (
        "max_age of a rule",
        {"rules": [{**CPU, "max_age": "old"}]},
        r"policy.rules\[0\].max_age is not a duration: 'old'",
    ),
    ("target 0", {"rules": [{**GOAL, "target": 0}]}, r"policy.rules\[0\].target is 0. It is a number, more than 0"),
    ("no target", {"rules": [{"type": "target", "metric": "cpu"}]}, r"policy.rules\[0\].target is missing"),
    (
        "type",
        {"rules": [{**GOAL, "type": "mean"}]},
        r"policy.rules\[0\].type is 'mean'. It is one of utilization, value",
    ),
    ("tolerance", {"rules": [{**GOAL, "tolerance": 10}]}, r"policy.rules\[0\].tolerance is 10. It is a share"),
    ("tolerance below 0", {"rules": [{**GOAL, "tolerance": -0.1}]}, r"policy.rules\[0\].tolerance is -0.1"),
    ("tolerance down", {"rules": [{**GOAL, "tolerance": {"down": 1}}]}, r"policy.rules\[0\].tolerance.down is 1"),
    (
        "tolerance sideways",
        {"rules": [{**GOAL, "tolerance": {"left": 0}}]},
        r"policy.rules\[0\].tolerance.left is unknown",
    ),
    ("no threshold", {"rules": [{**STEP, "threshold": None}]}, r"policy.rules\[0\].threshold is missing"),
    ("adjustment type", {"rules": [{**STEP, "adjustment_type": "Add"}]}, r"policy.rules\[0\].adjustment_type is 'Add'"),
    ("no steps", {"rules": [{**STEP, "steps": []}]}, r"policy.rules\[0\].steps is empty"),
    ("no adjustment", {"rules": [{**STEP, "steps": [{"lower": 0}]}]}, r"steps\[0\].adjustment is None"),
    (
        "half an adjustment",
        {"rules": [{**STEP, "steps": [{"lower": 0, "adjustment": 0.5}]}]},
        r"steps\[0\].adjustment is 0.5",
    ),
    (
        "exact below 0",
        {"rules": [{**STEP, "adjustment_type": "ExactCapacity", "steps": [{"lower": 0, "adjustment": -1}]}]},
        "0 or more",
    ),
    ("no bounds", {"rules": [steps((None, None))]}, r"policy.rules\[0\].steps\[0\] has neither lower nor upper"),
    ("backwards", {"rules": [steps((10, 0))]}, r"steps\[0\].lower is 10, not under its upper, which is 0"),
    ("empty step", {"rules": [steps((0, 0), (0, None))]}, r"steps\[0\].lower is 0, not under its upper"),
    ("gap", {"rules": [steps((0, 10), (20, None))]}, r"policy.rules\[0\].steps leave a gap between 10 and 20"),
    ("overlap", {"rules": [steps((0, 20), (10, None))]}, r"policy.rules\[0\].steps overlap"),
    ("the same twice", {"rules": [steps((0, 10), (0, 10), (10, None))]}, r"steps overlap"),
    ("two without upper", {"rules": [steps((0, None), (10, None))]}, r"steps overlap: two of them have no upper"),
    ("two without lower", {"rules": [steps((None, -10), (None, 0))]}, r"steps overlap: two of them have no lower"),
    ("upper side open", {"rules": [steps((0, 10))]}, r"steps leaves a gap from 10 up"),
    ("lower side open", {"rules": [steps((-10, 0))]}, r"steps leaves a gap below -10"),
    (
        "magnitude of a number",
        {"rules": [{**STEP, "min_adjustment_magnitude": 2}]},
        "works with PercentChangeInCapacity only",
    ),
    ("magnitude 0", {"rules": [{**PERCENT, "min_adjustment_magnitude": 0}]}, r"min_adjustment_magnitude is 0"),
    ("behavior", {"max": 3, "behavior": []}, r"policy.behavior is \[\]"),
    ("unknown side", {"max": 3, "behavior": {"up": {}}}, "policy.behavior.up is unknown"),
    (
        "one side twice",
        {"max": 3, "behavior": {"scale_up": {}, "scaleUp": {}}},
        "policy.behavior.scale_up is given twice",
    ),
    (
        "window",
        {"max": 3, "behavior": {"scale_up": {"stabilizationWindowSeconds": -1}}},
        "scale_up.stabilization_window_seconds",
    ),
    (
        "long window",
        {"max": 3, "behavior": {"scale_down": {"stabilization_window_seconds": 86401}}},
        "0 to 86400 seconds",
    ),
    (
        "select",
        {"max": 3, "behavior": {"scale_up": {"select_policy": "Some"}}},
        "scale_up.select_policy is 'Some'. It is one of Max, Min",
    ),
    (
        "no policies",
        {"max": 3, "behavior": {"scale_up": {"policies": []}}},
        "policies is empty.*select_policy: Disabled",
    ),
    (
        "no type",
        {"max": 3, "behavior": {"scale_up": {"policies": [{"value": 1, "period_seconds": 1}]}}},
        r"policies\[0\].type is None",
    ),
    (
        "value 0",
        {"max": 3, "behavior": {"scale_up": {"policies": [{"type": "Pods", "value": 0, "period_seconds": 1}]}}},
        r"policies\[0\].value",
    ),
    (
        "period 0",
        {"max": 3, "behavior": {"scale_up": {"policies": [{"type": "Pods", "value": 1, "periodSeconds": 0}]}}},
        r"policies\[0\].period_seconds",
    ),
    ("cooldown", {"max": 3, "cooldown": "long"}, "policy.cooldown is not a duration: 'long'"),
    ("cooldown up", {"max": 3, "cooldown": {"up": -1}}, "policy.cooldown.up"),
    ("cooldown sideways", {"max": 3, "cooldown": {"both": 1}}, "policy.cooldown.both is unknown"),
    ("on_missing", {"max": 3, "on_missing": "ignore"}, "policy.on_missing is 'ignore'. It is one of hold, fail"),
    ("no fallback", {"max": 3, "on_missing": {"after": 3}}, "policy.on_missing.fallback is None"),
    ("after 0", {"max": 3, "on_missing": {"fallback": 3, "after": 0}}, "policy.on_missing.after is 0"),
    ("max_age", {"max": 3, "max_age": "1 hour"}, "policy.max_age is not a duration"),
    (
        "max_age of nobody",
        {"max": 3, "rules": [CPU], "max_age": {"queue": 5}},
        "policy.max_age.queue is for a metric that no rule reads",
    ),
    ("window without a schedule", {"max": 3, "schedule": {"min": 2}}, "policy.schedule.schedule is missing"),
    (
        "window without bounds",
        {"max": 3, "schedule": [{"schedule": "always"}]},
        r"policy.schedule\[0\] changes nothing",
    ),
    (
        "desired and min",
        {"max": 3, "schedule": [{"schedule": "always", "min": 1, "desired": 1}]},
        "has desired besides min or max",
    ),
    (
        "window's min over its max",
        {"max": 3, "schedule": [{"schedule": "always", "min": 2, "max": 1}]},
        r"schedule\[0\].min is 2, more than its max",
    ),
    (
        "window's min over max",
        {"max": 3, "schedule": {"name": "day", "schedule": "always", "min": 4}},
        "min of window day is 4, more than policy.max, which is 3",
    ),
    (
        "window's max under min",
        {"min": 2, "max": 3, "schedule": {"schedule": "always", "max": 1}},
        "max of the schedule is 1, less than policy.min, which is 2",
    ),
    (
        "window's schedule",
        {"max": 3, "schedule": {"schedule": "Mon-Fri 8-18", "min": 2}},
        "policy.schedule: schedule: 'Mon-Fri 8-18': '8' is not a time of day",
    ),
    (
        "window's zone",
        {"max": 3, "schedule": {"schedule": "always", "timezone": "Berlin", "min": 2}},
        "policy.schedule: timezone",
    ),
    (
        "window's priority",
        {"max": 3, "schedule": {"schedule": "always", "min": 2, "priority": "high"}},
        "policy.schedule.priority is 'high'",
    ),
    (
        "unknown field of a window",
        {"max": 3, "schedule": {"schedule": "always", "least": 2}},
        "policy.schedule.least is unknown",
    ),
    ("schedule as a word", {"max": 3, "schedule": "always"}, "policy.schedule is 'always'. It is a list"),
    ("rule's window", {"max": 3, "rules": [{"schedule": "always"}]}, r"policy.rules\[0\] is 'always'"),
]


@pytest.mark.parametrize(("policy", "words"), [case[1:] for case in BAD], ids=[case[0] for case in BAD])
def test_mistake(policy: Any, words: str) -> None:
    with pytest.raises(Invalid, match=words) as caught:
        read_policy(policy)
    assert str(caught.value).startswith("policy")


def test_everything_written_out() -> None:
    read_one = read_policy(
        {
            "min": "0",
            "max": "20",
            "rules": [
                {
                    "metric": "cpu",
                    "name": "busy",
                    "above": "70.5",
                    "up": "+2",
                    "below": "50",
                    "down": "10%",
                    "for": "3",
                    "max_age": "5m",
                },
                {"metric": "cpu", "type": "Utilization", "target": "60", "tolerance": {"up": "0.2"}},
                {**PERCENT, "min_adjustment_magnitude": "2", "adjustment_type": "percent_change_in_capacity"},
            ],
            "behavior": {
                "scaleUp": {
                    "stabilizationWindowSeconds": "60",
                    "selectPolicy": "min",
                    "policies": [{"type": "pods", "value": "4", "periodSeconds": "15"}],
                },
                "scale_down": {"policies": [{"type": "PERCENT", "value": 10, "period_seconds": "1m"}]},
            },
            "cooldown": {"up": "90s", "down": 300.0},
            "on_missing": {"fallback": "5", "after": "2"},
            "max_age": 90,
        }
    )
    threshold, target, step = read_one.rules
    assert isinstance(threshold, ThresholdRule)
    assert (threshold.name, threshold.key, threshold.max_age, threshold.times) == ("busy", "cpu", 300, 3)
    assert (threshold.above, threshold.below) == (Fraction(141, 2), Fraction(50))
    assert threshold.up == Change(Fraction(2))
    assert threshold.down == Change(Fraction(10), percent=True)
    assert isinstance(target, TargetRule)
    assert (target.name, target.key, target.max_age, target.type) == ("target", "cpu#2", 90, "utilization")
    assert (target.tolerance_up, target.tolerance_down) == (Fraction(1, 5), Fraction(1, 10))
    assert isinstance(step, StepRule)
    assert (step.magnitude, step.adjustment_type, step.key) == (2, "PercentChangeInCapacity", "cpu#3")
    assert (read_one.lowest, read_one.highest) == (0, 20)
    assert (read_one.scale_up.window, read_one.scale_up.select) == (60, "Min")
    assert read_one.scale_up.limits == (RateLimit("Pods", 4, 15),)
    assert (read_one.scale_down.window, read_one.scale_down.select) == (300, "Max")
    assert read_one.scale_down.limits == (RateLimit("Percent", 10, 60),)
    assert (read_one.cooldown_up, read_one.cooldown_down) == (90, 300)
    assert read_one.on_missing == OnMissing("fallback", 5, 2)


def test_what_is_not_said() -> None:
    plain = read(CPU)
    assert (plain.scale_up, plain.scale_down) == (SCALE_UP, SCALE_DOWN)
    assert (SCALE_UP.window, SCALE_DOWN.window) == (0, 300)
    assert SCALE_UP.limits == (RateLimit("Pods", 4, 15), RateLimit("Percent", 100, 15))
    assert SCALE_DOWN.limits == (RateLimit("Percent", 100, 15),)
    assert plain.on_missing == OnMissing("hold")
    assert (plain.cooldown_up, plain.cooldown_down, plain.windows) == (0, 0, ())
    assert plain.rules[0].max_age is None
    assert read(CPU, min=None).lowest is None


@pytest.mark.parametrize(
    ("written", "kind"),
    [
        (CPU, ThresholdRule),
        ({"type": "threshold", **CPU}, ThresholdRule),
        ({"threshold": CPU}, ThresholdRule),
        ({"metric": "cpu", "below": 5}, ThresholdRule),
        (GOAL, TargetRule),
        ({"type": "target", **GOAL}, TargetRule),
        ({"type": "average_value", **GOAL}, TargetRule),
        ({"type": "AverageValue", **GOAL}, TargetRule),
        ({"target": {"type": "utilization", **GOAL}}, TargetRule),
        (STEP, StepRule),
        ({"type": "step", **STEP}, StepRule),
        ({"step": STEP}, StepRule),
    ],
    ids=lambda value: str(value)[:60],
)
def test_kind_of_a_rule(written: dict[str, Any], kind: type) -> None:
    [rule] = read(written).rules
    assert isinstance(rule, kind)


NUMBERS: list[tuple[Any, Any]] = [
    (5, 5),
    ("5", 5),
    (" -5.50 ", Fraction(-11, 2)),
    (0.1, Fraction(1, 10)),
    ("1e3", 1000),
    ("250m", Fraction(1, 4)),
    ("5n", Fraction(5, 10**9)),
    ("5u", Fraction(5, 10**6)),
    ("2k", 2000),
    ("2M", 2 * 10**6),
    ("2G", 2 * 10**9),
    ("2T", 2 * 10**12),
    ("2P", 2 * 10**15),
    ("2E", 2 * 10**18),
    ("2Ki", 2048),
    ("2Mi", 2 * 2**20),
    ("2Gi", 2 * 2**30),
    (".5", Fraction(1, 2)),
    ("5.", 5),
    (None, None),
    ("", None),
    ("  ", None),
    ("null", None),
    ("None", None),
    ("NaN", None),
    ("-Inf", None),
    ("+infinity", None),
    (float("-inf"), None),
    ("1e400", None),
    ("1e308E", None),
    ("1e-999999999", 0),
]


@pytest.mark.parametrize(("written", "number"), NUMBERS, ids=[repr(case[0]) for case in NUMBERS])
def test_number(written: Any, number: Any) -> None:
    assert read_number(written, "x") == number


@pytest.mark.parametrize("written", [True, "5 %", "1,5", "0x10", "1_000", "five", [], {}, "5mm", "٣"], ids=repr)
def test_no_number(written: Any) -> None:
    with pytest.raises(Invalid, match=r"^x is "):
        read_number(written, "x")
