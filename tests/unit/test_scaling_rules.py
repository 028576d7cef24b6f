# Copyright (c) 2026 cloudops.core contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Targets as a HorizontalPodAutoscaler computes them, and steps as EC2 Auto Scaling does."""

from __future__ import annotations

from typing import Any

import pytest
from ansible_collections.cloudops.core.plugins.module_utils._core.errors import Invalid

from tests.unit.scaling_cases import judged, measured, policy


def rule(kind: str, target: Any, **more: Any) -> dict[str, Any]:
    return policy({"metric": "m", "type": kind, "target": target, **more}, min=0, max=1000)


# name, target, tolerance, current, ready, value -> desired, reason
VALUES: list[tuple[str, Any, Any, int, int | None, Any, int, str]] = [
    ("twice the target doubles", 100, None, 3, None, 200, 6, "target"),
    ("half the target halves", 100, None, 4, None, 50, 2, "target"),
    ("half of an odd size rounds up", 100, None, 5, None, 50, 3, "target"),
    ("in quantities", "100m", None, 3, None, "200m", 6, "target"),
    ("on target", 100, None, 3, None, 100, 3, "below_tolerance"),
    ("110 % is within", 100, None, 30, None, 110, 30, "below_tolerance"),
    ("more than 110 % isn't", 100, None, 30, None, 110.1, 34, "target"),
    ("90 % is within", 100, None, 30, None, 90, 30, "below_tolerance"),
    ("less than 90 % isn't", 100, None, 30, None, 89.9, 27, "target"),
    ("tolerance of 20 %", 100, 0.2, 10, None, 120, 10, "below_tolerance"),
    ("over a tolerance of 20 %", 100, 0.2, 10, None, 121, 13, "target"),
    ("no tolerance", 100, 0, 10, None, 101, 11, "target"),
    ("no tolerance, on target", 100, 0, 10, None, 100, 10, "below_tolerance"),
    ("tolerance up", 100, {"up": 0.3, "down": 0}, 10, None, 130, 10, "below_tolerance"),
    ("tolerance down", 100, {"up": 0.3, "down": 0}, 10, None, 89, 9, "target"),
    ("one side keeps the usual", 100, {"up": 0.3}, 10, None, 90, 10, "below_tolerance"),
    ("tolerance as text", 100, "0.5", 10, None, 150, 10, "below_tolerance"),
    ("ceil", 70, None, 3, None, 80, 4, "target"),
    ("exact, where floats are not", 70, None, 70, None, 77.7, 78, "target"),
    ("exact product", 10, None, 70, None, 14, 98, "target"),
    ("rounds to the same", 100, None, 3, None, 80, 3, "below_tolerance"),
    ("to nothing", 100, None, 3, None, 0, 0, "target"),
    ("from nothing", 100, None, 0, None, 250, 3, "target"),
    ("from nothing, nothing to do", 100, None, 0, None, 0, 0, "below_tolerance"),
    ("from nothing, a little to do", 100, None, 0, None, 1, 1, "target"),
    ("only the ready ones count", 100, None, 10, 8, 150, 12, "target"),
    ("few ready never scale down a ratio above 1", 100, None, 10, 2, 150, 10, "conflict"),
    ("many ready never scale up a ratio below 1", 100, None, 5, 10, 80, 5, "conflict"),
    ("none ready", 100, None, 10, 0, 50, 10, "conflict"),
    ("none ready, within", 100, None, 10, 0, 100, 10, "below_tolerance"),
]


@pytest.mark.parametrize(
    ("target", "tolerance", "current", "ready", "value", "desired", "reason"),
    [case[1:] for case in VALUES],
    ids=[case[0] for case in VALUES],
)
@pytest.mark.parametrize("kind", ["value", "utilization"])
def test_value(
    kind: str, target: Any, tolerance: Any, current: int, ready: int | None, value: Any, desired: int, reason: str
) -> None:
    decision = judged(current, rule(kind, target, tolerance=tolerance), measured(m=value), ready=ready)
    assert (decision.desired, decision.reason) == (desired, reason)


# name, target, current, total -> desired, reason
TOTALS: list[tuple[str, Any, int, Any, int, str]] = [
    ("total over target", 10, 4, 80, 8, "target"),
    ("rounded up", 10, 4, 81, 9, "target"),
    ("down", 10, 8, 21, 3, "target"),
    ("within", 10, 8, 88, 8, "below_tolerance"),
    ("just not within", 10, 8, 88.1, 9, "target"),
    ("within on the way down", 10, 10, 90, 10, "below_tolerance"),
    ("just under", 10, 10, 89.9, 9, "target"),
    ("rounds to the same", 10, 2, 17.9, 2, "below_tolerance"),
    ("nothing to do", 10, 4, 0, 0, "target"),
    ("from nothing", 10, 0, 11, 2, "target"),
    ("from nothing, nothing to do", 10, 0, 0, 0, "below_tolerance"),
    ("quantities", "500m", 2, "2", 4, "target"),
    ("ready doesn't matter", 10, 4, 80, 8, "target"),
]


@pytest.mark.parametrize(
    ("target", "current", "total", "desired", "reason"), [case[1:] for case in TOTALS], ids=[case[0] for case in TOTALS]
)
def test_average_value(target: Any, current: int, total: Any, desired: int, reason: str) -> None:
    decision = judged(current, rule("average_value", target), measured(m=total), ready=1)
    assert (decision.desired, decision.reason) == (desired, reason)


def pods(*used: Any, request: Any = 1000) -> list[dict[str, Any]]:
    """A pod for each: a number is what it uses; "?" is missing; a number with "!" isn't ready."""
    made = []
    for place, usage in enumerate(used):
        pod = {"name": f"web-{place}", "usage": usage, "request": request}
        if usage == "?":
            pod.update(usage=None, missing=True)
        elif str(usage).endswith("!"):
            pod.update(usage=usage.strip("!") or None, ready=False)
        made.append(pod)
    return made


# name, target, what pods of 1000 use -> desired, reason, utilization
UTILIZATIONS: list[tuple[str, int, list[Any], int, str, int | None]] = [
    ("up", 30, [300, 500, 700], 5, "target", 50),
    ("within", 100, [1020, 1020, 1020], 3, "below_tolerance", 102),
    ("down", 50, [100, 300, 500, 250, 250], 3, "target", 28),
    ("percent is cut off", 50, [559, 559], 2, "below_tolerance", 55),
    ("a percent more isn't", 50, [560, 560], 3, "target", 56),
    ("cut off on the way down", 50, [449, 449, 449, 449, 449, 449, 449, 449, 449, 449], 9, "target", 44),
    ("nothing used", 50, [0, 0, 0], 0, "target", 0),
    ("more than requested", 100, [3000], 3, "target", 300),
    # Up with pods that aren't measured: they use nothing.
    ("up, one missing", 50, [800, 800, "?"], 3, "below_tolerance", 80),
    ("up, one missing, much used", 50, [1000, 1000, "?"], 4, "target", 100),
    (
        "up, one missing, within with it",
        50,
        [600, 600, 600, 600, 600, 600, 600, 600, 600, "?"],
        10,
        "below_tolerance",
        60,
    ),
    ("up, too many missing point down", 50, [700, "?", "?"], 3, "conflict", 70),
    # Down with pods that aren't measured: they use all they requested.
    ("down, one missing", 50, [100, 100, 100, 100, "?"], 3, "target", 10),
    ("down, one missing, within with it", 50, [350, 350, 350, "?"], 4, "below_tolerance", 35),
    ("down, missing ones point up", 50, [400, "?", "?"], 3, "conflict", 40),
    ("down, three missing, target beyond 100 %", 200, [1000, "?", "?", "?"], 4, "below_tolerance", 100),
    ("on target, one missing", 50, [500, 500, "?"], 3, "below_tolerance", 50),
    # Not ready: left out, then nothing used on the way up.
    ("down, not ready is left out", 50, [200, 200, 200, "900!"], 2, "target", 20),
    ("up, not ready uses nothing", 50, [800, 800, "900!"], 3, "below_tolerance", 80),
    ("up, not ready, much used", 30, [1000, 1000, "!"], 7, "target", 100),
    ("up, not ready point down", 50, [700, "!", "!"], 3, "conflict", 70),
    ("within, not ready", 50, [500, 500, "!"], 3, "below_tolerance", 50),
    ("missing and not ready, up", 30, [1000, 1000, "?", "!"], 7, "target", 100),
    ("missing and not ready, down", 50, [100, 100, "?", "!"], 3, "target", 10),
    # Nobody to ask.
    ("nobody ready", 50, ["!", "!"], 2, "metric_missing", None),
    ("nobody measured", 50, ["?", "?"], 2, "metric_missing", None),
    ("no pods", 50, [], 0, "metric_missing", None),
]


@pytest.mark.parametrize(
    ("target", "used", "desired", "reason", "utilization"),
    [case[1:] for case in UTILIZATIONS],
    ids=[case[0] for case in UTILIZATIONS],
)
def test_utilization(target: int, used: list[Any], desired: int, reason: str, utilization: int | None) -> None:
    metrics = [{"name": "m", "pods": pods(*used)}]
    decision = judged(len(used), rule("utilization", target), metrics)
    assert (decision.desired, decision.reason) == (desired, reason), decision.message
    assert decision.as_result()["proposals"][0]["value"] == utilization


# name, target, what pods use -> desired, reason, average
AVERAGES: list[tuple[str, Any, list[Any], int, str, Any]] = [
    ("up", 15, [20, 10, 30], 4, "target", 20),
    ("within", 20, [20, 21, 22], 3, "below_tolerance", 21),
    ("down", 50, [10, 20, 30], 2, "target", 20),
    ("cut off to a thousandth", 3, [10, 10, 11], 11, "target", 10.333),
    ("up, missing uses nothing", 10, [30, 30, "?"], 6, "target", 30),
    ("down, missing is on target", 10, [2, 2, 2, "?"], 2, "target", 2),
    ("up, not ready uses nothing", 10, [30, 30, "!"], 6, "target", 30),
    ("up, they point down", 10, [15, "?", "!"], 3, "conflict", 15),
    ("nobody", 10, ["?"], 1, "metric_missing", None),
]


@pytest.mark.parametrize(
    ("target", "used", "desired", "reason", "average"),
    [case[1:] for case in AVERAGES],
    ids=[case[0] for case in AVERAGES],
)
def test_average_of_pods(target: Any, used: list[Any], desired: int, reason: str, average: Any) -> None:
    metrics = [{"name": "m", "pods": pods(*used, request=None)}]
    decision = judged(len(used), rule("average_value", target), metrics)
    assert (decision.desired, decision.reason) == (desired, reason), decision.message
    assert decision.as_result()["proposals"][0]["value"] == average


@pytest.mark.parametrize("request_", [None, 0, "-1", "nan"])
def test_pods_without_a_request_have_no_utilization(request_: Any) -> None:
    metrics = [{"name": "m", "pods": [*pods(900), *pods(900, request=request_)]}]
    decision = judged(2, rule("utilization", 50), metrics)
    assert (decision.desired, decision.reason) == (2, "metric_missing")
    assert "requests nothing" in decision.message


def test_pods_of_the_target_stand_in_for_the_metric() -> None:
    assert judged(2, rule("utilization", 50), [], pods=pods("900m", "900m", request="1")).desired == 4
    assert judged(2, rule("utilization", 50), [{"name": "m", "value": 50}], pods=pods(900, 900)).desired == 2
    assert judged(2, rule("utilization", 50), [], pods=[]).reason == "metric_missing"


def test_usage_without_ready_or_missing() -> None:
    lone = [{"usage": 900, "request": 1000}, {"usage": None, "request": 1000, "ready": "true"}]
    assert judged(2, rule("utilization", 20), [{"name": "m", "pods": lone}]).message.startswith(
        "m is 90 %, 450 % of the target 20 (1 pods not measured, 0 not ready)"
    )


def test_beyond_what_can_be_shown() -> None:
    decision = judged(2, rule("value", "1m"), measured(m="1e308"))
    assert decision.desired == 1000
    assert "m is 1e+308, beyond 1e308 % of the target 0.001" in decision.message


def test_value_of_pods_is_refused() -> None:
    with pytest.raises(Invalid, match="target of type value reads one value"):
        judged(2, rule("value", 50), [{"name": "m", "pods": pods(1)}])


# Steps

OUT = [
    {"lower": 0, "upper": 10, "adjustment": 0},
    {"lower": 10, "upper": 20, "adjustment": 10},
    {"lower": 20, "adjustment": 30},
]
IN = [
    {"upper": -20, "adjustment": -30},
    {"lower": -20, "upper": -10, "adjustment": -10},
    {"lower": -10, "upper": 0, "adjustment": 0},
]
PERCENT = "PercentChangeInCapacity"

# name, steps, threshold, current, value -> desired (percent of 10 unless said otherwise)
PLACES: list[tuple[str, list[Any], int, int, Any, int]] = [
    ("out: at the threshold", OUT, 50, 10, 50, 10),
    ("out: lower is inclusive", OUT, 50, 10, 60, 11),
    ("out: upper is exclusive", OUT, 50, 10, 69.999, 11),
    ("out: next lower", OUT, 50, 10, 70, 13),
    ("out: without end", OUT, 50, 10, 5000, 13),
    ("out: under the threshold", OUT, 50, 10, 49.9, 10),
    ("in: at the threshold", IN, 50, 10, 50, 10),
    ("in: upper is inclusive", IN, 50, 10, 40, 9),
    ("in: lower is exclusive", IN, 50, 10, 30.001, 9),
    ("in: next upper", IN, 50, 10, 30, 7),
    ("in: without end", IN, 50, 10, -99, 7),
    ("in: over the threshold", IN, 50, 10, 51, 10),
    ("both: out", [*IN, *OUT], 50, 10, 65, 11),
    ("both: in", [*IN, *OUT], 50, 10, 35, 9),
    ("both, in any order", [*OUT, *IN], 50, 10, 35, 9),
    (
        "on the threshold the larger wins",
        [{"upper": 0, "adjustment": -50}, {"lower": 0, "adjustment": 20}],
        50,
        10,
        50,
        12,
    ),
    (
        "over zero",
        [{"upper": -5, "adjustment": -10}, {"lower": -5, "upper": 5, "adjustment": 0}, {"lower": 5, "adjustment": 10}],
        50,
        10,
        50,
        10,
    ),
]


@pytest.mark.parametrize(
    ("steps", "threshold", "current", "value", "desired"),
    [case[1:] for case in PLACES],
    ids=[case[0] for case in PLACES],
)
def test_place_of_a_step(steps: list[Any], threshold: int, current: int, value: Any, desired: int) -> None:
    rules = policy({"metric": "m", "threshold": threshold, "adjustment_type": PERCENT, "steps": steps}, min=0, max=100)
    decision = judged(current, rules, measured(m=value))
    assert (decision.desired, decision.reason) == (desired, "within_band" if desired == current else "step")


# name, type, adjustment, magnitude, current -> desired
ADJUSTMENTS: list[tuple[str, str, int, int | None, int, int]] = [
    ("change", "ChangeInCapacity", 3, None, 4, 7),
    ("change down", "ChangeInCapacity", -3, None, 4, 1),
    ("change below nothing", "ChangeInCapacity", -9, None, 4, 0),
    ("exact", "ExactCapacity", 3, None, 40, 3),
    ("exact, none", "ExactCapacity", 0, None, 4, 0),
    ("exact, there", "ExactCapacity", 4, None, 4, 4),
    ("percent", PERCENT, 25, None, 4, 5),
    ("12.7 is 12", PERCENT, 127, None, 10, 22),
    ("0.67 is 1", PERCENT, 67, None, 1, 2),
    ("1.9 is 1", PERCENT, 19, None, 10, 11),
    ("0.01 is 1", PERCENT, 1, None, 1, 2),
    ("-0.58 is -1", PERCENT, -58, None, 1, 0),
    ("-0.2 is -1", PERCENT, -5, None, 4, 3),
    ("-6.67 is -6", PERCENT, -29, None, 23, 17),
    ("-1.9 is -1", PERCENT, -19, None, 10, 9),
    ("whole", PERCENT, -50, None, 10, 5),
    ("everything", PERCENT, -100, None, 7, 0),
    ("more than everything", PERCENT, -200, None, 7, 0),
    ("nothing of nothing", PERCENT, 50, None, 0, 0),
    ("25 % of 4, at least 2", PERCENT, 25, 2, 4, 6),
    ("25 % of 40, at least 2", PERCENT, 25, 2, 40, 50),
    ("-25 % of 4, at least 2", PERCENT, -25, 2, 4, 2),
    ("0 %, at least 2", PERCENT, 0, 2, 4, 4),
    ("nothing, at least 2", PERCENT, 50, 2, 0, 2),
]


@pytest.mark.parametrize(
    ("kind", "adjustment", "magnitude", "current", "desired"),
    [case[1:] for case in ADJUSTMENTS],
    ids=[case[0] for case in ADJUSTMENTS],
)
def test_adjustment(kind: str, adjustment: int, magnitude: int | None, current: int, desired: int) -> None:
    step = {"lower": 0, "adjustment": adjustment}
    rules = policy(
        {
            "metric": "m",
            "threshold": 50,
            "adjustment_type": kind,
            "steps": [step],
            "min_adjustment_magnitude": magnitude,
        },
        min=0,
        max=100,
    )
    assert judged(current, rules, measured(m=55)).desired == desired


def test_sentences_of_targets_and_steps() -> None:
    assert judged(3, rule("value", 100), measured(m=200)).message == "m is 200, 200 % of the target 100: 3 -> 6"
    said = judged(4, rule("average_value", 10), measured(m=80)).message
    assert said == "m is 80 in all, 20 each, 200 % of the target 10: 4 -> 8"
    assert (
        judged(3, rule("utilization", 100), measured(m=105)).message
        == "m is 105, 105 % of the target 100, within the tolerance; stays at 3"
    )
    steps = policy({"metric": "m", "threshold": 60, "steps": [{"lower": 0, "adjustment": 2}]})
    assert judged(4, steps, measured(m=75)).message == "m is 75, 15 over the threshold 60 (ChangeInCapacity 2): 4 -> 6"
    assert (
        judged(4, steps, measured(m=5)).message
        == "m is 5, 55 under the threshold 60, where no step applies; stays at 4"
    )
