# Copyright (c) 2026 cloudops.core contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What holds for every decision, and a day of load beside a small HorizontalPodAutoscaler of the tests' own.

The latter follows what Kubernetes publishes, in whole numbers and with lists that are never pruned:
https://kubernetes.io/docs/concepts/workloads/autoscaling/horizontal-pod-autoscale/
"""

from __future__ import annotations

import json
import math
import random
from dataclasses import dataclass, field
from itertools import pairwise
from typing import Any

import pytest
from ansible_collections.cloudops.core.plugins.module_utils._domain.scaling import REASONS, decide
from ansible_collections.cloudops.core.plugins.module_utils._domain.scaling_policy import read_policy
from ansible_collections.cloudops.core.plugins.module_utils._domain.scaling_state import read_state, write_state
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.unit.scaling_cases import AT_ONCE, NOW, judged, measured, policy

AT = int(NOW)

# Policies, metrics and states of all kinds

NUMBER = st.one_of(st.integers(0, 200), st.floats(0, 200, allow_nan=False), st.integers(0, 200).map(str))
NO_NUMBER = st.sampled_from([None, "", "NaN", float("nan"), float("inf"), "-Inf"])
SECONDS = st.sampled_from([0, 15, 60, 300, 3600])
STEPS = st.sampled_from(
    [
        [{"lower": 0, "adjustment": 3}],
        [{"upper": 0, "adjustment": -20}, {"lower": 0, "upper": 20, "adjustment": 0}, {"lower": 20, "adjustment": 50}],
        [{"upper": -10, "adjustment": -1}, {"lower": -10, "adjustment": 0}],
    ]
)
RULE = st.one_of(
    st.fixed_dictionaries(
        {"above": st.integers(60, 100), "below": st.integers(0, 59), "up": st.sampled_from([1, 3, "30%"])},
        optional={"down": st.sampled_from([1, 4, "50%"]), "for": st.integers(1, 3)},
    ),
    st.fixed_dictionaries(
        {"target": st.integers(1, 100), "type": st.sampled_from(["value", "average_value", "utilization"])},
        optional={"tolerance": st.sampled_from([0, 0.1, {"up": 0.5}])},
    ),
    st.fixed_dictionaries(
        {
            "threshold": st.integers(0, 100),
            "steps": STEPS,
            "adjustment_type": st.sampled_from(["ChangeInCapacity", "PercentChangeInCapacity"]),
        }
    ),
)
LIMIT = st.fixed_dictionaries(
    {
        "type": st.sampled_from(["Pods", "Percent"]),
        "value": st.integers(1, 120),
        "period_seconds": st.sampled_from([15, 60, 900]),
    }
)
DIRECTION = st.fixed_dictionaries(
    {},
    optional={
        "stabilization_window_seconds": SECONDS,
        "policies": st.lists(LIMIT, min_size=1, max_size=3),
        "select_policy": st.sampled_from(["Max", "Min", "Disabled"]),
    },
)
BEHAVIOR = st.fixed_dictionaries({}, optional={"scale_up": DIRECTION, "scale_down": DIRECTION})
WINDOW = st.fixed_dictionaries(
    {"schedule": st.sampled_from(["always", "never", "Mon-Fri 08:00-18:00"]), "desired": st.integers(0, 30)},
    optional={"priority": st.integers(-2, 2)},
)


@st.composite
def policies(draw: st.DrawFn, schedule: bool = True) -> dict[str, Any]:
    lowest = draw(st.integers(0, 5))
    rules = draw(st.lists(RULE, min_size=1, max_size=3))
    return {
        "min": lowest,
        "max": draw(st.integers(max(lowest, 1), 40)),
        "rules": [{"metric": f"m{place}", **rule} for place, rule in enumerate(rules)],
        "behavior": draw(BEHAVIOR),
        "cooldown": {"up": draw(SECONDS), "down": draw(SECONDS)},
        "schedule": draw(st.lists(WINDOW, max_size=2)) if schedule else [],
        "on_missing": draw(st.sampled_from(["hold", {"fallback": 7, "after": 2}])),
        "max_age": draw(st.sampled_from([None, 60])),
    }


SAMPLES = st.lists(st.tuples(st.integers(0, 4000), st.integers(0, 50)).map(list), max_size=12)
CHANGES = st.integers(-20, 20).filter(bool)
STATES = st.fixed_dictionaries(
    {"v": st.just(1), "at": st.integers(AT - 400, AT + 30)},
    optional={
        "high": SAMPLES,
        "low": SAMPLES,
        "events": st.lists(st.tuples(st.integers(0, 4000), CHANGES).map(list), max_size=12),
        "streaks": st.dictionaries(st.sampled_from(["m0", "m1"]), st.integers(-3, 3)),
        "misses": st.dictionaries(st.sampled_from(["m0", "m1"]), st.integers(0, 3)),
    },
)
ANY_STATE = st.one_of(STATES, st.none(), st.sampled_from(["", "{}", "[1]", '{"v":9}']), st.text(max_size=20))
METRIC = st.fixed_dictionaries({"value": st.one_of(NUMBER, NO_NUMBER)}, optional={"age": st.integers(0, 120)})
METRICS = st.lists(METRIC, max_size=3).map(
    lambda items: [{"name": f"m{place}", **item} for place, item in enumerate(items)]
)
TARGET = st.fixed_dictionaries({"current": st.integers(0, 50)}, optional={"ready": st.integers(0, 50)})


@settings(max_examples=150)
@given(target=TARGET, plan=policies(), metrics=METRICS, state=ANY_STATE)
def test_always_within_bounds_and_explained(target: Any, plan: Any, metrics: Any, state: Any) -> None:
    result = decide(target, plan, metrics, now=NOW, state=state).as_result()
    bounds = result["bounds"]
    assert bounds["min"] <= result["desired"] <= bounds["max"]
    assert result["desired"] >= 1 or bounds["min"] == 0
    direction = (result["desired"] > target["current"]) - (result["desired"] < target["current"])
    assert result["action"] == {1: "up", -1: "down", 0: "hold"}[direction]
    assert {result["reason"], *result["limited_by"]} <= set(REASONS)
    assert result["message"].endswith(
        f"stays at {target['current']}" if not direction else f": {target['current']} -> {result['desired']}"
    )
    # The same again, and through JSON.
    assert decide(target, plan, metrics, now=NOW, state=state).as_result() == result
    assert json.loads(json.dumps(result)) == result
    kept = result["state"]
    assert read_state(kept, 3, NOW) == kept
    assert read_state(write_state(kept), 3, NOW) == kept
    assert decide(target, read_policy(plan), metrics, now=NOW, state=json.dumps(state)).as_result() == result


@settings(max_examples=150)
@given(target=TARGET, plan=policies(), metrics=METRICS, state=ANY_STATE, place=st.integers(0, 2), value=NO_NUMBER)
def test_never_down_while_a_metric_is_missing_or_stale(
    target: Any, plan: Any, metrics: Any, state: Any, place: int, value: Any
) -> None:
    place %= len(plan["rules"])
    given_metrics = [metric for metric in metrics if metric["name"] != f"m{place}"]
    stale = plan["max_age"] is not None and place % 2
    broken = {"name": f"m{place}", "value": 0, "age": 61} if stale else {"name": f"m{place}", "value": value}
    decision = decide(target, plan, [*given_metrics, broken], now=NOW, state=state)
    allowed = decision.bounds.clip(target["current"])
    assert decision.desired >= allowed


@settings(max_examples=150)
@given(
    plan=policies(schedule=False),
    current=st.integers(0, 40),
    metrics=METRICS,
    state=STATES,
    later=st.integers(0, 3000),
    limit=st.integers(95, 256),
)
def test_a_state_made_small_never_allows_more(
    plan: Any, current: int, metrics: Any, state: Any, later: int, limit: int
) -> None:
    text = write_state(state, limit)
    assert len(text) <= limit
    size = min(max(current, plan["min"]), plan["max"])
    full, small = (
        decide({"current": size}, plan, metrics, now=NOW + later, state=known).desired for known in (state, text)
    )
    if full > size:
        assert size <= small <= full
    elif full < size:
        assert full <= small <= size
    elif plan["on_missing"] == "hold":
        assert small == size


@settings(max_examples=150)
@given(rule=RULE, value=st.integers(0, 200), current=st.integers(1, 40))
def test_up_and_down_are_never_both_possible(rule: Any, value: int, current: int) -> None:
    """What moves it down would not move it up at once, with the same load on fewer; and a higher value never asks for less."""
    plan = policy({"metric": "m", **rule, "for": 1} if "above" in rule else {"metric": "m", **rule}, min=0, max=100)
    desired = judged(current, plan, measured(m=value)).desired
    assert judged(current, plan, measured(m=value + 1)).desired >= desired
    if "above" in rule and 0 < desired < current:
        assert judged(desired, plan, measured(m=value * current / desired - 1e-9)).action != "up"


@settings(max_examples=100)
@given(
    plan=policies(schedule=False), values=st.lists(st.integers(0, 200), min_size=2, max_size=12), limit=st.booleans()
)
def test_rate_of_a_run(plan: Any, values: list[int], limit: bool) -> None:
    """Over a run, no more is added within a period than its policies allow, with the state in full or within 256 characters."""
    plan["behavior"] = {
        "scale_up": {"policies": [{"type": "Pods", "value": 3, "period_seconds": 60}]},
        "scale_down": {
            "stabilization_window_seconds": 0,
            "policies": [{"type": "Pods", "value": 2, "period_seconds": 60}],
        },
    }
    size, kept = max(plan["min"], 1), None
    sizes = [size]
    for turn, value in enumerate(values):
        metrics = [{"name": rule["metric"], "value": value, "age": 0} for rule in plan["rules"]]
        decision = decide({"current": size}, plan, metrics, now=NOW + 15 * turn, state=kept)
        kept, size = write_state(decision.state, 256 if limit else None), decision.desired
        sizes.append(size)
    for turn, (before, after) in enumerate(pairwise(sizes)):
        # What was changed less than 60 s ago, in the three turns before, counts.
        start = sizes[max(turn - 3, 0)]
        assert min(before, start - 2) <= after <= max(before, start + 3)


# A day


@dataclass
class Autoscaler:
    """A HorizontalPodAutoscaler for one utilization, in whole percent, with policies as (type, value, period)."""

    target: int
    lowest: int
    highest: int
    up: list[tuple[str, int, int]]
    down: list[tuple[str, int, int]]
    up_window: int = 0
    down_window: int = 300
    seen: list[tuple[int, int]] = field(default_factory=list)
    changes: list[tuple[int, int]] = field(default_factory=list)

    def step(self, now: int, size: int, percent: int) -> int:
        """The size that follows."""
        if not self.seen:
            self.seen.append((now, size))
        wanted = size if abs(percent - self.target) * 10 <= self.target else -(-percent * size // self.target)
        floor = min([wanted, *(known for when, known in self.seen if when > now - self.up_window)])
        roof = max([wanted, *(known for when, known in self.seen if when > now - self.down_window)])
        self.seen.append((now, wanted))
        steady = min(max(size, floor), roof)
        if steady > size:
            steady = min(
                steady, max(size, max(self._start(now, size, one) + self._share(now, size, one) for one in self.up))
            )
        elif steady < size:
            steady = max(steady, min(size, min(self._rest(now, size, one) for one in self.down)))
        after = min(max(steady, self.lowest), self.highest)
        if after != size:
            self.changes.append((now, after - size))
        return after

    def _start(self, now: int, size: int, one: tuple[str, int, int]) -> int:
        return size - sum(change for when, change in self.changes if when > now - one[2])

    def _share(self, now: int, size: int, one: tuple[str, int, int]) -> int:
        return one[1] if one[0] == "Pods" else math.ceil(self._start(now, size, one) * one[1] / 100)

    def _rest(self, now: int, size: int, one: tuple[str, int, int]) -> int:
        start = self._start(now, size, one)
        return start - one[1] if one[0] == "Pods" else math.trunc(start * (100 - one[1]) / 100)


USUAL_UP, USUAL_DOWN = [("Pods", 4, 15), ("Percent", 100, 15)], [("Percent", 100, 15)]
SLOW_UP, SLOW_DOWN = [("Pods", 2, 60), ("Percent", 20, 120)], [("Pods", 1, 60), ("Percent", 10, 300)]
DAYS = [
    ("usual", USUAL_UP, USUAL_DOWN, 0, 300),
    ("slow", SLOW_UP, SLOW_DOWN, 0, 600),
    ("steady both ways", USUAL_UP, SLOW_DOWN, 120, 180),
    ("nervous", SLOW_UP, USUAL_DOWN, 0, 0),
]


def load_of_a_day(now: int, dice: random.Random) -> float:
    """Percent of one pod that all the work together takes: low at night, a bump at noon, noise, and a campaign at eight."""
    hour = now % 86400 / 3600
    wave = 500 - 420 * math.cos(hour / 24 * 2 * math.pi)
    campaign = 1600 if 20 <= hour < 20.5 else 0
    return max(wave + campaign + dice.gauss(0, 60), 5)


@pytest.mark.parametrize(
    ("up", "down", "up_window", "down_window"), [day[1:] for day in DAYS], ids=[day[0] for day in DAYS]
)
def test_a_day_as_a_horizontal_pod_autoscaler_has_it(
    up: list[tuple[str, int, int]], down: list[tuple[str, int, int]], up_window: int, down_window: int
) -> None:
    plan = read_policy(
        {
            "min": 2,
            "max": 25,
            "rules": [{"metric": "cpu", "type": "utilization", "target": 60}],
            "behavior": {
                side: {
                    "stabilization_window_seconds": window,
                    "policies": [
                        {"type": kind, "value": value, "period_seconds": period} for kind, value, period in known
                    ],
                }
                for side, window, known in (("scale_up", up_window, up), ("scale_down", down_window, down))
            },
        }
    )
    dice = random.Random(20260302)
    other = Autoscaler(60, 2, 25, up, down, up_window, down_window)
    size, kept, sizes = 4, "", set()
    for now in range(AT, AT + 86400, 30):
        used = round(load_of_a_day(now, dice) * 10 / size)
        pods = [{"name": f"web-{place}", "usage": f"{used}m", "request": 1} for place in range(size)]
        metrics = [{"name": "cpu", "pods": pods, "timestamp": now}]
        decision = decide({"current": size}, plan, metrics, now=now, state=kept)
        expected = other.step(now, size, used // 10)
        assert decision.desired == expected, (now - AT, size, used, decision.message)
        size, kept = decision.desired, write_state(decision.state, 1000)
        sizes.add(size)
    assert min(sizes) <= 3
    assert max(sizes) == 25
    assert len(sizes) > 15


def test_a_day_by_thresholds() -> None:
    """Above 70 one more, below 50 one less, between 2 and 10: it follows the load, without swinging, in steps of one."""
    plan = read_policy(policy({"metric": "cpu", "above": 70, "up": 1, "below": 50, "down": 1}, behavior=AT_ONCE))
    dice = random.Random(1)
    size, turns = 2, 0
    kept: Any = None
    sizes: list[int] = []
    for now in range(AT, AT + 86400, 60):
        percent = load_of_a_day(now, dice) / 1.6 / size
        decision = decide({"current": size}, plan, [{"name": "cpu", "value": percent}], now=now, state=kept)
        assert abs(decision.desired - size) <= 1
        if 2 < size < 10:
            assert (decision.action == "up") == (percent > 70)
            assert decision.action != "down" or percent * size / (size - 1) <= 70
        size, kept = decision.desired, decision.state
        turns += len(sizes) > 1 and (sizes[-1] - sizes[-2]) * (size - sizes[-1]) < 0
        sizes.append(size)
    assert (min(sizes), max(sizes)) == (2, 10)
    assert turns < 200
