# Copyright (c) 2026 cloudops.core contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""One decision: thresholds, bounds, what comes before what, and what follows from metrics that aren't there."""

from __future__ import annotations

import json
from typing import Any

import pytest
from ansible_collections.cloudops.core.plugins.module_utils._core.errors import Invalid, NotFound
from ansible_collections.cloudops.core.plugins.module_utils._domain.scaling import decide
from ansible_collections.cloudops.core.plugins.module_utils._domain.scaling_policy import read_policy

from tests.unit.scaling_cases import AT_ONCE, CPU, NOW, judged, measured, policy, state

ALWAYS, NIGHT = "Mon-Sun 00:00-24:00", "Mon-Sun 22:00-06:00"

# name, current, value -> desired, reason
THRESHOLDS: list[tuple[str, int, Any, int, str]] = [
    ("above", 2, 83, 3, "threshold"),
    ("just above", 2, 70.0001, 3, "threshold"),
    ("at the upper limit", 2, 70, 2, "within_band"),
    ("between", 5, 60, 5, "within_band"),
    ("at the lower limit", 5, 50, 5, "within_band"),
    ("just below", 5, 49.9999, 4, "threshold"),
    ("below", 5, 20, 4, "threshold"),
    ("far above is still one step", 5, 99, 6, "threshold"),
    ("up to the maximum", 9, 90, 10, "threshold"),
    ("at the maximum", 10, 90, 10, "max"),
    ("down to the minimum", 3, 30, 2, "threshold"),
    ("at the minimum", 2, 10, 2, "min"),
    ("nothing used", 4, 0, 3, "threshold"),
    ("negative", 4, -5, 3, "threshold"),
    ("text", 2, "83", 3, "threshold"),
    ("text with spaces", 2, " 83.5 ", 3, "threshold"),
    ("quantity", 2, "83000m", 3, "threshold"),
    ("exponent", 2, "8.3e1", 3, "threshold"),
    # 3 at 48 % are 2 at 72 %, which would be too much at once.
    ("would flap", 3, 48, 3, "would_flap"),
    ("would just not flap", 3, 46.6666, 2, "threshold"),
    ("would flap from 4", 4, 49, 3, "threshold"),
    ("null", 5, None, 5, "metric_missing"),
    ("empty", 5, "", 5, "metric_missing"),
    ("nan", 5, float("nan"), 5, "metric_missing"),
    ("nan as text", 5, "NaN", 5, "metric_missing"),
    ("infinity", 5, float("inf"), 5, "metric_missing"),
    ("infinity as text", 5, "+Inf", 5, "metric_missing"),
    ("minus infinity", 5, "-inf", 5, "metric_missing"),
    ("beyond what a number holds", 5, "1e999", 5, "metric_missing"),
]


@pytest.mark.parametrize(
    ("current", "value", "desired", "reason"), [case[1:] for case in THRESHOLDS], ids=[case[0] for case in THRESHOLDS]
)
def test_threshold(current: int, value: Any, desired: int, reason: str) -> None:
    decision = judged(current, policy(CPU), measured(cpu=value))
    assert (decision.desired, decision.reason) == (desired, reason)
    assert decision.action == ("hold" if desired == current else "up" if desired > current else "down")


# name, up or down, current, value -> desired, within 0 to 1000
STEPS: list[tuple[str, dict[str, Any], int, int, int]] = [
    ("two up", {"up": 2}, 4, 90, 6),
    ("two up as text", {"up": "2"}, 4, 90, 6),
    ("three down", {"down": 3}, 10, 10, 7),
    ("25 % up rounds up", {"up": "25%"}, 10, 90, 13),
    ("25 % up, even", {"up": "25 %"}, 8, 90, 10),
    ("1 % up is one", {"up": "1%"}, 4, 90, 5),
    ("25 % down truncates the size", {"down": "25%"}, 10, 10, 7),
    ("25 % down, even", {"down": "25%"}, 8, 10, 6),
    ("1 % down is one", {"down": "1%"}, 4, 10, 3),
    ("half a percent", {"up": "0.5%"}, 1000 - 5, 90, 1000),
    ("from zero", {"up": "50%"}, 0, 90, 1),
    ("more down than there is", {"down": 9}, 4, 0, 0),
    ("100 % down", {"down": "100%"}, 4, 0, 0),
    ("300 % up", {"up": "300%"}, 2, 90, 8),
]


@pytest.mark.parametrize(
    ("change", "current", "value", "desired"), [case[1:] for case in STEPS], ids=[case[0] for case in STEPS]
)
def test_size_of_a_step(change: dict[str, Any], current: int, value: int, desired: int) -> None:
    rules = policy({"metric": "cpu", "above": 70, "below": 50, **change}, min=0, max=1000)
    assert judged(current, rules, measured(cpu=value)).desired == desired


# name, policy, target, metrics -> desired, reason, limited_by
BAND = measured(cpu=60)
HIGH, LOW = measured(cpu=90), measured(cpu=1)
ORDER: list[tuple[str, dict[str, Any], dict[str, Any], list[Any], int, str, list[str]]] = [
    ("paused before anything", {}, {"current": 5, "paused": True}, HIGH, 5, "paused", ["paused"]),
    ("paused beyond bounds", {}, {"current": 50, "paused": True}, HIGH, 50, "paused", ["paused"]),
    ("paused as text", {}, {"current": 5, "paused": "true"}, HIGH, 5, "paused", ["paused"]),
    ("not paused", {}, {"current": 5, "paused": "false"}, HIGH, 6, "threshold", []),
    ("paused until later", {}, {"current": 5, "paused_until": "2026-03-02T12:00:01Z"}, HIGH, 5, "paused", ["paused"]),
    ("pause is over", {}, {"current": 5, "paused_until": "2026-03-02T12:00:00Z"}, HIGH, 6, "threshold", []),
    ("paused without a zone", {}, {"current": 5, "paused_until": "2026-03-02 12:30"}, HIGH, 5, "paused", ["paused"]),
    ("owned", {}, {"current": 5, "owner": "HPA web"}, HIGH, 5, "external_owner", ["external_owner"]),
    ("owned beyond bounds", {}, {"current": 50, "owner": "HPA web"}, HIGH, 50, "external_owner", ["external_owner"]),
    ("paused before owned", {}, {"current": 5, "owner": "x", "paused": True}, HIGH, 5, "paused", ["paused"]),
    ("under the bounds", {}, {"current": 1}, LOW, 2, "min", ["min"]),
    ("over the bounds", {}, {"current": 12}, HIGH, 10, "max", ["max"]),
    ("over the bounds without metrics", {}, {"current": 12}, [], 10, "max", ["max"]),
    ("under the bounds, a metric missing, fail", {"on_missing": "fail"}, {"current": 1}, [], 2, "min", ["min"]),
    ("from zero to the bounds", {}, {"current": 0}, HIGH, 2, "min", ["min"]),
    ("bounds before cooldown", {"cooldown": 600}, {"current": 1}, HIGH, 2, "min", ["min"]),
    ("own min wins", {}, {"current": 5, "min": 6}, LOW, 6, "min", ["min"]),
    ("own max wins", {}, {"current": 5, "max": 5}, HIGH, 5, "max", ["max"]),
    ("own max above the policy's", {}, {"current": 10, "max": 12}, HIGH, 11, "threshold", []),
    ("own min 0 allows none", {}, {"current": 1, "min": 0}, measured(cpu=0), 0, "threshold", []),
    ("own max is enough", {"max": None}, {"current": 5, "max": 6}, HIGH, 6, "threshold", []),
    (
        "schedule moves the bounds first",
        {"schedule": {"schedule": ALWAYS, "min": 8}},
        {"current": 5},
        LOW,
        8,
        "schedule",
        ["schedule"],
    ),
    (
        "schedule holds at its min",
        {"schedule": {"schedule": ALWAYS, "min": 8}},
        {"current": 8},
        LOW,
        8,
        "schedule",
        ["schedule"],
    ),
    (
        "schedule holds at its max",
        {"schedule": {"schedule": ALWAYS, "max": 4}},
        {"current": 4},
        HIGH,
        4,
        "schedule",
        ["schedule"],
    ),
    (
        "schedule says how many",
        {"schedule": {"schedule": ALWAYS, "desired": 0}},
        {"current": 4},
        HIGH,
        0,
        "schedule",
        ["schedule"],
    ),
    ("schedule is off", {"schedule": {"schedule": NIGHT, "min": 8}}, {"current": 5}, BAND, 5, "within_band", []),
    (
        "own bounds stand above the schedule",
        {"schedule": {"schedule": ALWAYS, "desired": 0}},
        {"current": 4, "min": 3},
        HIGH,
        3,
        "schedule",
        ["schedule"],
    ),
    (
        "own max stands above the schedule",
        {"schedule": {"schedule": ALWAYS, "min": 8}},
        {"current": 4, "max": 3},
        HIGH,
        3,
        "max",
        ["max"],
    ),
    (
        "paused before the schedule",
        {"schedule": {"schedule": ALWAYS, "min": 8}},
        {"current": 5, "paused": 1},
        LOW,
        5,
        "paused",
        ["paused"],
    ),
    (
        "stale",
        {"max_age": 60},
        {"current": 5},
        [{"name": "cpu", "value": 1, "age": 61}],
        5,
        "metric_stale",
        ["metric_stale"],
    ),
    (
        "stale on the way up",
        {"max_age": 60},
        {"current": 5},
        [{"name": "cpu", "value": 99, "age": 61}],
        5,
        "metric_stale",
        ["metric_stale"],
    ),
    ("fresh", {"max_age": "1m"}, {"current": 5}, [{"name": "cpu", "value": 1, "age": "60"}], 4, "threshold", []),
    ("missing", {}, {"current": 5}, [], 5, "metric_missing", ["metric_missing"]),
]


@pytest.mark.parametrize(
    ("more", "target", "metrics", "desired", "reason", "limited_by"),
    [case[1:] for case in ORDER],
    ids=[case[0] for case in ORDER],
)
def test_order(
    more: dict[str, Any], target: dict[str, Any], metrics: list[Any], desired: int, reason: str, limited_by: list[str]
) -> None:
    decision = judged(target.pop("current"), policy(CPU, **more), metrics, **target)
    assert (decision.desired, decision.reason, list(decision.limited_by)) == (desired, reason, limited_by)


# Several rules: the largest wins, and what isn't known never makes it smaller.
QUEUE = {"metric": "queue", "type": "average_value", "target": 10}
SEVERAL: list[tuple[str, dict[str, Any], int, str]] = [
    ("both up, the larger", {"cpu": 90, "queue": 80}, 8, "target"),
    ("both up, the larger is the first", {"cpu": 90, "queue": 44}, 6, "threshold"),
    ("one up, one down", {"cpu": 90, "queue": 1}, 6, "threshold"),
    ("one down, one up", {"cpu": 1, "queue": 70}, 7, "target"),
    ("one down, one holds", {"cpu": 1, "queue": 50}, 5, "below_tolerance"),
    ("one holds, one down", {"cpu": 60, "queue": 1}, 5, "within_band"),
    ("both down, the larger", {"cpu": 1, "queue": 21}, 4, "threshold"),
    ("one missing, one up", {"cpu": None, "queue": 70}, 7, "target"),
    ("one missing, one down", {"cpu": None, "queue": 1}, 5, "metric_missing"),
    ("one absent, one down", {"queue": 1}, 5, "metric_missing"),
    ("one holds, one missing", {"cpu": 60, "queue": None}, 5, "within_band"),
    ("both missing", {}, 5, "metric_missing"),
]


@pytest.mark.parametrize(
    ("metrics", "desired", "reason"), [case[1:] for case in SEVERAL], ids=[case[0] for case in SEVERAL]
)
def test_several_rules(metrics: dict[str, Any], desired: int, reason: str) -> None:
    decision = judged(5, policy(CPU, QUEUE), measured(**metrics))
    assert (decision.desired, decision.reason) == (desired, reason)
    assert [one.metric for one in decision.proposals] == ["cpu", "queue"]


def test_what_a_decision_says() -> None:
    result = judged(2, policy(CPU), measured(cpu=83)).as_result()
    assert result == {
        "current": 2,
        "desired": 3,
        "action": "up",
        "reason": "threshold",
        "limited_by": [],
        "proposals": [
            {
                "rule": "threshold",
                "metric": "cpu",
                "value": 83,
                "desired": 3,
                "reason": "threshold",
                "message": "cpu is 83, above 70",
            }
        ],
        "message": "cpu is 83, above 70: 2 -> 3",
        "next_allowed_at": None,
        "bounds": {"min": 2, "max": 10},
        "state": {
            "v": 1,
            "at": int(NOW),
            "high": [],
            "low": [],
            "events": [[0, 1]],
            "streaks": {},
            "misses": {},
        },
    }
    assert json.loads(json.dumps(result)) == result


# What an engineer reads at night.
SENTENCES: list[tuple[str, dict[str, Any], int, list[Any], dict[str, Any], str]] = [
    ("band", {}, 4, BAND, {}, "cpu is 60, between 50 and 70; stays at 4"),
    ("down", {}, 4, LOW, {}, "cpu is 1, below 50: 4 -> 3"),
    ("max", {}, 10, HIGH, {}, "cpu is 90, above 70: 11 wanted, but max is 10; stays at 10"),
    ("min", {}, 2, LOW, {}, "cpu is 1, below 50: 1 wanted, but min is 2; stays at 2"),
    (
        "flap",
        {},
        3,
        measured(cpu=48),
        {},
        "cpu is 48, below 50, but 2 instead of 3 would push it over 70 at once; stays at 3",
    ),
    ("outside", {}, 12, BAND, {}, "max is 10: 12 -> 10"),
    ("paused", {}, 4, HIGH, {"name": "shop/web", "paused": True}, "shop/web is paused; stays at 4"),
    ("paused until", {}, 4, HIGH, {"paused_until": NOW + 60}, "it is paused until 2026-03-02T12:01:00Z; stays at 4"),
    (
        "owner",
        {},
        4,
        HIGH,
        {"name": "web", "owner": "HorizontalPodAutoscaler web"},
        "web is scaled by HorizontalPodAutoscaler web; stays at 4",
    ),
    ("missing", {}, 4, [], {}, "cpu is missing; stays at 4"),
    (
        "stale",
        {"max_age": 60},
        4,
        [{"name": "cpu", "value": 1, "age": 90}],
        {},
        "cpu is 90 s old, more than max_age, which is 60 s; stays at 4",
    ),
    ("no age", {"max_age": 60}, 4, LOW, {}, "cpu doesn't say when it was measured, and max_age is 60 s; stays at 4"),
    (
        "future",
        {"max_age": 60},
        4,
        [{"name": "cpu", "value": 1, "timestamp": NOW + 90}],
        {},
        "cpu was measured 90 s in the future; compare the clocks; stays at 4",
    ),
    (
        "window",
        {"schedule": {"name": "campaign", "schedule": ALWAYS, "min": 6}},
        4,
        BAND,
        {},
        "the min of window campaign is 6: 4 -> 6",
    ),
    (
        "cooldown",
        {"cooldown": {"up": 60}},
        4,
        HIGH,
        {"state": state(-20, events=[[0, 1]])},
        "cpu is 90, above 70: 5 wanted, but scale_up cools down until 2026-03-02T12:00:40Z; stays at 4",
    ),
    (
        "stabilized",
        {"behavior": {}},
        4,
        LOW,
        {},
        "cpu is 1, below 50: 3 wanted, but scale_down is stabilized until 2026-03-02T12:05:00Z; stays at 4",
    ),
]


@pytest.mark.parametrize(
    ("more", "current", "metrics", "target", "sentence"),
    [case[1:] for case in SENTENCES],
    ids=[case[0] for case in SENTENCES],
)
def test_sentence(
    more: dict[str, Any], current: int, metrics: list[Any], target: dict[str, Any], sentence: str
) -> None:
    remembered = target.pop("state", None)
    assert judged(current, policy(CPU, **more), metrics, state=remembered, **target).message == sentence


def test_for_waits_for_evaluations_in_a_row() -> None:
    rules = policy({**CPU, "for": 3})
    remembered: Any = None
    seen = []
    for value in (90, 90, 60, 90, 90, None, 90, 90, 20, 90, 90, 90, 90):
        decision = judged(5, rules, measured(cpu=value), state=remembered)
        remembered = json.dumps(decision.as_result()["state"])
        seen.append(decision.desired)
    assert seen == [5, 5, 5, 5, 5, 5, 5, 5, 5, 5, 5, 6, 6]
    waiting = judged(5, rules, measured(cpu=90))
    assert waiting.reason == "stabilized"
    assert waiting.message == "cpu is 90, above 70 for 1 of 3 evaluations; stays at 5"
    assert waiting.as_result()["state"]["streaks"] == {"cpu": 1}


def test_two_rules_of_one_metric_count_apart() -> None:
    rules = policy({"metric": "cpu", "above": 70, "for": 2}, {"metric": "cpu", "below": 50, "for": "2"})
    first = judged(5, rules, measured(cpu=90))
    assert first.state["streaks"] == {"cpu": 1}
    assert judged(5, rules, measured(cpu=90), state=first.state).desired == 6
    other = judged(5, rules, measured(cpu=1), state=first.state)
    assert other.state["streaks"] == {"cpu#2": -1}


# Missing metrics

FALL_BACK = {"on_missing": {"fallback": 7, "after": 2}}


def test_fallback_after_evaluations_in_a_row() -> None:
    first = judged(5, policy(CPU, **FALL_BACK), [])
    assert (first.desired, first.reason) == (5, "metric_missing")
    assert first.message == "cpu is missing for 1 of 2 evaluations; stays at 5"
    second = judged(5, policy(CPU, **FALL_BACK), [], state=first.state)
    assert (second.desired, second.action, second.reason) == (7, "up", "metric_missing")
    assert second.message == "cpu is missing for 2 evaluations, so the fallback 7 holds: 5 -> 7"
    assert judged(7, policy(CPU, **FALL_BACK), [], state=second.state).desired == 7
    back = judged(5, policy(CPU, **FALL_BACK), BAND, state=first.state)
    assert back.state["misses"] == {}
    assert judged(5, policy(CPU, **FALL_BACK), [], state=back.state).desired == 5


@pytest.mark.parametrize(
    ("fallback", "desired"), [(3, 5), (0, 5), (50, 10)], ids=["never down", "never to zero", "max"]
)
def test_fallback_keeps_the_bounds_and_never_scales_down(fallback: int, desired: int) -> None:
    rules = policy(CPU, on_missing={"fallback": fallback, "after": 1})
    assert judged(5, rules, []).desired == desired


def test_fallback_for_a_stale_metric_beside_a_fresh_one() -> None:
    rules = policy(CPU, QUEUE, on_missing={"fallback": 6, "after": "1"}, max_age={"queue": 60})
    metrics = [{"name": "cpu", "value": 1}, {"name": "queue", "value": 1, "age": 100}]
    assert judged(5, rules, metrics).desired == 6
    assert judged(8, rules, metrics).desired == 8


@pytest.mark.parametrize(
    ("metrics", "code"),
    [([], "metric_missing"), ([{"name": "cpu", "value": 1, "age": 61}], "metric_stale")],
    ids=["missing", "stale"],
)
def test_fail(metrics: list[Any], code: str) -> None:
    rules = policy(CPU, on_missing="fail", max_age=60)
    with pytest.raises(NotFound, match=r"decide about the size \(shop/web\): cpu is .*policy.on_missing") as caught:
        judged(5, rules, metrics, name="shop/web")
    assert caught.value.code == code


AGES: list[tuple[str, Any, dict[str, Any], bool]] = [
    ("age", 60, {"age": 60}, True),
    ("too old", 60, {"age": 60.5}, False),
    ("timestamp", 60, {"timestamp": NOW - 60}, True),
    ("old timestamp", 60, {"timestamp": NOW - 61}, False),
    ("iso", 60, {"timestamp": "2026-03-02T11:59:00Z"}, True),
    ("old iso", 60, {"timestamp": "2026-03-02T11:58:59Z"}, False),
    ("iso with an offset", 60, {"timestamp": "2026-03-02T12:59:30+01:00"}, True),
    ("epoch as text", 60, {"timestamp": "1772452790"}, True),
    ("both, the worse counts", 60, {"timestamp": NOW, "age": 90}, False),
    ("neither", 60, {}, False),
    ("a little in the future", 60, {"timestamp": NOW + 30}, True),
    ("far in the future", 60, {"timestamp": NOW + 86400}, False),
    ("no limit", None, {"age": 10**6}, True),
    ("no limit, no age", None, {}, True),
    ("limit of another", {"queue": 1}, {"age": 100}, True),
    ("limit of its own", {"cpu": "1h"}, {"age": 3601}, False),
]


@pytest.mark.parametrize(("limit", "when", "fresh"), [case[1:] for case in AGES], ids=[case[0] for case in AGES])
def test_age(limit: Any, when: dict[str, Any], fresh: bool) -> None:
    rules = policy(CPU, {"metric": "queue", "above": 5}, max_age=limit)
    metrics = [{"name": "cpu", "value": 90, **when}, {"name": "queue", "value": 1, "age": 0}]
    assert (judged(5, rules, metrics).desired == 6) is fresh


def test_max_age_of_a_rule_stands_above_the_policys() -> None:
    rules = policy({**CPU, "max_age": 10}, max_age=100)
    assert judged(5, rules, [{"name": "cpu", "value": 90, "age": 50}]).reason == "metric_stale"


def test_metrics_of_other_targets_do_not_count() -> None:
    metrics = [
        {"name": "cpu", "value": 60},
        {"name": "cpu", "value": 90, "target": "shop/web"},
        {"name": "cpu", "value": 10, "target": "shop/api"},
    ]
    assert judged(5, policy(CPU), metrics, name="shop/web").desired == 6
    assert judged(5, policy(CPU), metrics, name="shop/api").desired == 4
    assert judged(5, policy(CPU), metrics, name="shop/cron").desired == 5
    assert judged(5, policy(CPU), metrics[1:], name="shop/cron").reason == "metric_missing"


@pytest.mark.parametrize(
    "series",
    [
        {"key": "cpu", "id": "i-1", "label": "CPU", "value": 90.0, "age": 30.0, "timestamps": [1], "values": [90.0]},
        {"id": "cpu", "value": "90"},
        {"name": "cpu", "key": "other", "value": 90},
    ],
    ids=["key", "id", "name first"],
)
def test_series_of_the_info_modules(series: dict[str, Any]) -> None:
    assert judged(5, policy(CPU, max_age=None), [series]).desired == 6


def test_scaling_to_zero_has_to_be_said() -> None:
    said, unsaid = policy(CPU, min=0), policy(CPU, min=None)
    assert judged(1, said, measured(cpu=0)).desired == 0
    assert judged(1, said, measured(cpu=1)).reason == "would_flap"
    assert judged(1, unsaid, measured(cpu=0)).desired == 1
    assert judged(0, said, measured(cpu=90)).desired == 1
    assert judged(0, said, measured(cpu=1)).reason == "min"
    assert judged(0, said, measured(cpu=60)).desired == 0


def test_a_policy_is_read_once_for_many_targets() -> None:
    known = read_policy(policy(CPU))
    assert read_policy(known) is known
    assert decide({"current": 2}, known, measured(cpu=83), now=NOW).desired == 3


def test_bounds_alone_and_schedules_alone() -> None:
    assert judged(5, {"min": 1, "max": 3}).desired == 3
    assert judged(2, {"min": 1, "max": 3}).reason == "within_band"
    alone = {"schedule": {"schedule": NIGHT, "desired": 0}}
    assert judged(5, alone, after=11 * 3600).desired == 0
    assert judged(5, alone).reason == "schedule"
    assert judged(5, alone).message == "no window asks for another size; stays at 5"
    assert judged(0, alone).desired == 1
    assert judged(0, alone).as_result()["bounds"] == {"min": 1, "max": None}


BAD_TARGETS: list[tuple[str, Any, Any, str]] = [
    ("no mapping", [], [], "target is []"),
    ("no size", {}, [], "target.current is missing"),
    ("size", {"current": "many"}, [], "target.current is 'many'"),
    ("negative", {"current": -1}, [], "target.current is -1"),
    ("fraction", {"current": 1.5}, [], "target.current is 1.5"),
    ("boolean", {"current": True}, [], "target.current is True"),
    ("ready", {"current": 1, "ready": "x"}, [], "target.ready"),
    ("status", {"current": 1, "status": {"ready": "x"}}, [], "target.status.ready"),
    ("paused", {"current": 1, "paused": "perhaps"}, [], "target.paused"),
    ("until", {"current": 1, "paused_until": "soon"}, [], "target.paused_until"),
    ("bounds", {"current": 1, "min": 5, "max": 4}, [], "target.min is 5, more than target.max, which is 4"),
    ("own min over the policy's max", {"current": 1, "min": 11}, [], "target.min is 11; .* policy.max, which is 10"),
    ("own max under the policy's min", {"current": 1, "max": 1}, [], "policy.min is 2; .* target.max, which is 1"),
    ("pods", {"current": 1, "pods": {}}, [], "target.pods"),
    ("metrics", {"current": 2}, {"cpu": 1}, "metrics is"),
    ("metric", {"current": 2}, [5], r"metrics\[0\] is 5"),
    ("nameless", {"current": 2}, [{"value": 1}], r"metrics\[0\].name is missing"),
    ("value", {"current": 2}, [{"name": "cpu", "value": "much"}], r"metrics\[0\].value is 'much'"),
    ("true", {"current": 2}, [{"name": "cpu", "value": True}], r"metrics\[0\].value is True"),
    ("twice", {"current": 2}, [{"name": "cpu", "value": 1}] * 2, r"metrics\[1\] is cpu, which was there before"),
    ("timestamp", {"current": 2}, [{"name": "cpu", "value": 1, "timestamp": "now"}], r"metrics\[0\].timestamp"),
    (
        "milliseconds",
        {"current": 2},
        [{"name": "cpu", "value": 1, "timestamp": NOW * 1000}],
        r"metrics\[0\].timestamp .* not milliseconds",
    ),
    (
        "milliseconds as text",
        {"current": 1, "paused_until": "1772452800000"},
        [],
        "target.paused_until .* not milliseconds",
    ),
    ("age", {"current": 2}, [{"name": "cpu", "value": 1, "age": "old"}], r"metrics\[0\].age"),
    ("pod", {"current": 2}, [{"name": "cpu", "pods": ["web-1"]}], r"metrics\[0\].pods\[0\]"),
    ("usage", {"current": 2}, [{"name": "cpu", "pods": [{"usage": "x"}]}], r"metrics\[0\].pods\[0\].usage"),
    ("pods for a threshold", {"current": 2}, [{"name": "cpu", "pods": [{"usage": 1}]}], "reads one value"),
]


@pytest.mark.parametrize(
    ("target", "metrics", "words"), [case[1:] for case in BAD_TARGETS], ids=[case[0] for case in BAD_TARGETS]
)
def test_mistakes_in_target_and_metrics(target: Any, metrics: Any, words: str) -> None:
    with pytest.raises(Invalid, match=words.replace("[]", r"\[\]")):
        decide(target, policy(CPU), metrics, now=NOW)


def test_rules_without_an_upper_bound_are_refused() -> None:
    with pytest.raises(Invalid, match=r"policy.max is missing"):
        judged(5, {"rules": [CPU], "behavior": AT_ONCE}, BAND)
