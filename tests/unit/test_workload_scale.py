# Copyright (c) 2026 cloudops.core contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What is done with one workload: by hand, by steps, by policy, under owners, bounds, marks and limits."""

from __future__ import annotations

import json
from dataclasses import replace
from fractions import Fraction
from typing import Any

import pytest
from ansible_collections.cloudops.core.plugins.module_utils._core.errors import Conflict, Invalid
from ansible_collections.cloudops.core.plugins.module_utils._domain.scaling_policy import read_policy
from ansible_collections.cloudops.core.plugins.module_utils._domain.workload import STATE, Workload
from ansible_collections.cloudops.core.plugins.module_utils._domain.workload_options import (
    Step,
    Wish,
    kind_from,
    names_from,
    selector_from,
    step_from,
)
from ansible_collections.cloudops.core.plugins.module_utils._domain.workload_resources import (
    as_patch,
    changes,
    undo,
    wanted_resources,
)
from ansible_collections.cloudops.core.plugins.module_utils._domain.workload_scale import (
    Fate,
    Owner,
    adjusted,
    check_limits,
    clamp,
    is_news,
    is_repeated,
    judge,
    stepped,
)
from hypothesis import given
from hypothesis import strategies as st

NOW = 1772366400.0
WEB = Workload("shop", "web", "Deployment", replicas=4, resource_version="7", containers={"main": {}})
HPA = Owner("HorizontalPodAutoscaler", "web", "shop", "1", adjustable=True, minimum=2, maximum=8)
CONTROLLER = Owner("Deployment", "web", "shop")


def marked(**annotations: str) -> Workload:
    return replace(
        WEB, annotations={f"cloudops.core/{key.replace('_', '-')}": value for key, value in annotations.items()}
    )


def by(step: str) -> Wish:
    return Wish(step=step_from(step))


@pytest.mark.parametrize(
    ("text", "step"),
    [
        ("+2", Step(Fraction(2))),
        ("2", Step(Fraction(2))),
        ("-1", Step(Fraction(-1))),
        (" +50% ", Step(Fraction(50), True)),
        ("-12.5 %", Step(Fraction("-12.5"), True)),
        ("-100%", Step(Fraction(-100), True)),
    ],
)
def test_reads_steps(text: str, step: Step) -> None:
    assert step_from(text) == step


@pytest.mark.parametrize("text", ["", "0", "+0%", "1.5", "two", "+-1", "-101%", "٢", "1e3", "+ 1 2"])
def test_refuses_steps(text: str) -> None:
    with pytest.raises(Invalid, match="change is"):
        step_from(text)


@pytest.mark.parametrize(
    ("current", "step", "after"),
    [
        (4, "+2", 6),
        (4, "-6", 0),
        (4, "+25%", 5),
        (3, "+10%", 4),
        (3, "+50%", 5),
        (4, "-25%", 3),
        (3, "-10%", 2),
        (7, "-50%", 4),
        (1, "-100%", 0),
        (0, "+50%", 0),
        (0, "-50%", 0),
        (0, "+1", 1),
    ],
)
def test_steps(current: int, step: str, after: int) -> None:
    assert stepped(current, step_from(step)) == after


@pytest.mark.parametrize(
    ("workload", "wish", "expected"),
    [
        (WEB, Wish(replicas=6), (Fate.WRITE, 6, "up", "manual", ())),
        (WEB, Wish(replicas=0), (Fate.WRITE, 0, "down", "manual", ())),
        (WEB, Wish(replicas=4), (Fate.SAME, 4, "hold", "already", ())),
        (WEB, Wish(replicas=9, maximum=6), (Fate.WRITE, 6, "up", "manual", ("max",))),
        (WEB, Wish(replicas=9, maximum=4), (Fate.SAME, 4, "hold", "max", ("max",))),
        (WEB, Wish(replicas=1, minimum=2), (Fate.WRITE, 2, "down", "manual", ("min",))),
        (marked(max="5"), Wish(replicas=9, maximum=6), (Fate.WRITE, 5, "up", "manual", ("max",))),
        (marked(max="9"), Wish(replicas=12, maximum=6), (Fate.WRITE, 9, "up", "manual", ("max",))),
        (marked(min="0"), Wish(replicas=0, minimum=2), (Fate.WRITE, 0, "down", "manual", ())),
        (WEB, by("+2"), (Fate.WRITE, 6, "up", "manual", ())),
        (WEB, by("-9"), (Fate.WRITE, 1, "down", "manual", ("min",))),
        (WEB, replace(by("-9"), minimum=0), (Fate.WRITE, 0, "down", "manual", ())),
        (WEB, replace(by("+9"), maximum=6), (Fate.WRITE, 6, "up", "manual", ("max",))),
        (WEB, replace(by("+1"), maximum=2), (Fate.SAME, 4, "hold", "max", ("max",))),
        (WEB, replace(by("-1"), minimum=6), (Fate.SAME, 4, "hold", "min", ("min",))),
        (replace(WEB, replicas=0), by("-1"), (Fate.SAME, 0, "hold", "already", ())),
        (replace(WEB, replicas=0), by("+1"), (Fate.WRITE, 1, "up", "manual", ())),
        (marked(exclude="true"), Wish(replicas=6), (Fate.SKIPPED, None, "hold", "excluded", ())),
        (marked(exclude="true"), Wish(replicas=6, includes=frozenset({"excluded"})), (Fate.WRITE, 6, "up", "manual", ())),
        (marked(paused="true"), Wish(replicas=6), (Fate.SKIPPED, None, "hold", "paused", ())),
        (marked(paused="true"), Wish(replicas=6, includes=frozenset({"paused"})), (Fate.WRITE, 6, "up", "manual", ())),
        (marked(paused_until="2026-03-01T12:00:01Z"), Wish(replicas=6), (Fate.SKIPPED, None, "hold", "paused", ())),
        (marked(paused_until="2026-03-01T12:00:00Z"), Wish(replicas=6), (Fate.WRITE, 6, "up", "manual", ())),
        (WEB, Wish(replicas=6, current_replicas=4, resource_version="7"), (Fate.WRITE, 6, "up", "manual", ())),
        (WEB, Wish(replicas=4, current_replicas=9), (Fate.SAME, 4, "hold", "already", ())),
        (WEB, Wish(replicas=6, current_replicas=9), (Fate.FAILED, None, "hold", "PreconditionFailed", ())),
        (WEB, Wish(replicas=6, resource_version="6"), (Fate.FAILED, None, "hold", "PreconditionFailed", ())),
        (marked(min="x"), Wish(replicas=6), (Fate.FAILED, None, "hold", "InvalidAnnotation", ())),
        (marked(min="5"), Wish(replicas=6, maximum=4), (Fate.FAILED, None, "hold", "InvalidBounds", ())),
    ],
)  # fmt: skip
def test_by_hand(workload: Workload, wish: Wish, expected: tuple[Any, ...]) -> None:
    verdict = judge(workload, None, wish, NOW)
    assert (verdict.fate, verdict.desired, verdict.action, verdict.reason, verdict.limited_by) == expected
    assert (verdict.error is not None) == (verdict.fate is Fate.FAILED)
    assert verdict.message


@pytest.mark.parametrize(
    ("owner", "choice", "fate", "bounds"),
    [
        (HPA, "fail", Fate.FAILED, None),
        (HPA, "force", Fate.WRITE, None),
        (HPA, "adjust_bounds", Fate.WRITE, (6, 8)),
        (CONTROLLER, "fail", Fate.FAILED, None),
        (CONTROLLER, "adjust_bounds", Fate.FAILED, None),
        (CONTROLLER, "force", Fate.WRITE, None),
        (None, "fail", Fate.WRITE, None),
    ],
)
def test_owners(owner: Owner | None, choice: str, fate: Fate, bounds: tuple[int, int] | None) -> None:
    verdict = judge(WEB, owner, Wish(replicas=6, on_owner=choice), NOW)
    assert (verdict.fate, verdict.bounds) == (fate, bounds)
    if fate is Fate.FAILED:
        assert verdict.reason == "external_owner"
        assert isinstance(verdict.error, Conflict)
        assert str(owner) in verdict.error.message


def test_an_owner_has_no_say_in_resources() -> None:
    wish = Wish(resources=wanted_resources({"main": {"requests": {"cpu": "1"}}}))
    assert judge(WEB, HPA, wish, NOW).fate is Fate.WRITE


@pytest.mark.parametrize(
    ("lowest", "highest", "desired", "action", "bounds"),
    [
        (2, 8, 6, "up", (6, 8)),
        (2, 8, 9, "up", (9, 9)),
        (2, 8, 3, "down", (2, 3)),
        (2, 8, 1, "down", (1, 1)),
        (2, 8, 2, "down", (2, 2)),
    ],
)
def test_bounds_of_autoscalers(lowest: int, highest: int, desired: int, action: str, bounds: tuple[int, int]) -> None:
    assert adjusted(lowest, highest, desired, action) == bounds


def test_at_zero_an_autoscaler_is_off() -> None:
    assert judge(WEB, HPA, Wish(replicas=0, on_owner="adjust_bounds"), NOW).bounds is None
    keda = replace(HPA, kind="ScaledObject")
    assert judge(WEB, keda, Wish(replicas=0, on_owner="adjust_bounds"), NOW).bounds == (0, 0)


# Policies

POLICY = read_policy({"min": 1, "max": 10, "rules": [{"type": "threshold", "metric": "cpu", "above": 70, "below": 50}]})


def policy_wish(value: float | None, **more: Any) -> Wish:
    return Wish(policy=POLICY, metrics=({"name": "cpu", "value": value, "age": 5},), **more)


def test_a_policy_moves_and_remembers() -> None:
    verdict = judge(WEB, None, policy_wish(90), NOW)
    assert (verdict.fate, verdict.desired, verdict.action, verdict.reason) == (Fate.WRITE, 5, "up", "threshold")
    assert verdict.decision is not None
    assert json.loads(verdict.state or "")["at"] == NOW


def test_the_annotations_bounds_win_over_the_policys() -> None:
    assert judge(marked(max="4"), None, policy_wish(90), NOW).limited_by == ("max",)
    assert judge(marked(min="6"), None, policy_wish(60), NOW).desired == 6


def test_a_paused_workload_is_held_by_the_engine() -> None:
    verdict = judge(marked(paused="true"), None, policy_wish(90, includes=frozenset({"paused"})), NOW)
    assert (verdict.fate, verdict.reason, verdict.desired) == (Fate.SAME, "paused", 4)


def test_one_decision_for_each_time() -> None:
    first = judge(WEB, None, policy_wish(90), NOW)
    scaled = replace(WEB, replicas=5, annotations={STATE: first.state or ""})
    again = judge(scaled, None, policy_wish(90), NOW)
    assert (again.fate, again.reason, again.state) == (Fate.SAME, "already", None)
    assert again.decision is not None
    assert (again.decision["desired"], again.decision["action"]) == (5, "hold")
    assert judge(scaled, None, policy_wish(90), NOW + 60).desired == 6


def test_a_policy_that_fails_on_missing_data() -> None:
    policy = {"min": 1, "max": 3, "on_missing": "fail", "rules": [{"metric": "cpu", "above": 7}]}
    wish = replace(policy_wish(None), policy=read_policy(policy))
    verdict = judge(replace(WEB, replicas=2), None, wish, NOW)
    assert verdict.fate is Fate.FAILED
    assert verdict.error is not None
    assert verdict.error.resource


@pytest.mark.parametrize(
    ("known", "text", "news"),
    [
        (None, '{"v":1,"at":5}', False),
        ('{"v":1,"at":4}', '{"v":1,"at":5}', False),
        (None, '{"v":1,"at":5,"high":[[0,4]]}', True),
        ('{"v":1,"at":5,"high":[[0,4]]}', '{"v":1,"at":5,"high":[[0,4]]}', False),
        ('{"v":1,"at":4,"high":[[0,4]]}', '{"v":1,"at":5,"high":[[0,4]]}', True),
        ('{"v":1,"at":4,"high":[[0,4]]}', '{"v":1,"at":5}', False),
        ('{"v":1,"at":4,"streaks":{"cpu":2}}', '{"v":1,"at":5}', True),
        ('{"v":1,"at":4,"misses":{"cpu":2}}', '{"v":1,"at":5}', True),
        ("broken", '{"v":1,"at":5}', False),
    ],
)
def test_history_is_written_when_it_says_something(known: str | None, text: str, news: bool) -> None:
    assert is_news(known, text) == news


@pytest.mark.parametrize(
    ("known", "now", "repeated"),
    [
        (None, 5.0, False),
        ('{"v":1,"at":5}', 5.0, True),
        ('{"v":1,"at":5}', 4.2, True),
        ('{"v":1,"at":5}', 5.1, False),
        ("broken", 5.0, False),
        ("[]", 5.0, False),
    ],
)
def test_repetitions(known: str | None, now: float, repeated: bool) -> None:
    assert is_repeated(known, now) == repeated


# Properties


@given(st.integers(0, 50), st.integers(-100, 100).filter(bool), st.booleans(), st.integers(0, 20), st.integers(0, 20))
def test_a_step_stays_in_bounds_and_never_turns_around(
    current: int, amount: int, percent: bool, one: int, two: int
) -> None:
    lowest, highest = sorted((one, two))
    wish = Wish(step=Step(Fraction(amount), percent), minimum=lowest, maximum=highest)
    after = judge(replace(WEB, replicas=current), None, wish, NOW).desired
    assert after is not None
    assert after >= current if amount > 0 else after <= current
    assert after == current or lowest <= after or amount > 0
    assert after == current or after <= highest or amount < 0


@given(st.integers(0, 50), st.none() | st.integers(0, 20), st.none() | st.integers(20, 40))
def test_clamped_numbers_are_within_bounds(number: int, lowest: int | None, highest: int | None) -> None:
    after, limits = clamp(number, lowest, highest)
    assert lowest is None or after >= lowest
    assert highest is None or after <= highest
    assert bool(limits) == (after != number)


# Options


def test_limits() -> None:
    check_limits(2, 4, Wish(max_workloads=2, max_percent=50))
    for wish in (Wish(max_workloads=1), Wish(max_percent=49.9), Wish(max_workloads=0)):
        with pytest.raises(Conflict, match="nothing was done"):
            check_limits(2, 4, wish)
    check_limits(0, 0, Wish(max_workloads=0, max_percent=0))


@pytest.mark.parametrize(
    ("kind", "version", "found"),
    [
        ("Deployment", None, ("apps/v1", "Deployment")),
        ("StatefulSet", "", ("apps/v1", "StatefulSet")),
        ("Widget", "example.com/v1", ("example.com/v1", "Widget")),
        ("example.com/v1beta1/Widget", None, ("example.com/v1beta1", "Widget")),
        ("ReplicationController", "v1", ("v1", "ReplicationController")),
    ],
)
def test_kinds(kind: str, version: str | None, found: tuple[str, str]) -> None:
    assert kind_from(kind, version) == found


@pytest.mark.parametrize(
    ("kind", "version"), [("Widget", None), ("web", "apps/v1"), ("", "v1"), ("A/../B", None), ("Pod", "a b/v1")]
)
def test_kinds_that_cannot_be(kind: str, version: str | None) -> None:
    with pytest.raises(Invalid):
        kind_from(kind, version)


def test_names() -> None:
    assert names_from(["web", "shop/web", "web"]) == (("", "web"), ("shop", "web"))
    for name in ("", "/web", "shop/", "a/b/c", "We", "web/..", "-web", "x" * 254):
        with pytest.raises(Invalid, match="isn't the name of a workload"):
            names_from([name])


def test_selectors() -> None:
    assert selector_from(["a=b", " !c "]) == "a=b,!c"
    assert selector_from(None) == ""
    for empty in ([], [""], ["a", " "]):
        with pytest.raises(Invalid, match="empty"):
            selector_from(empty)


# Resources

CONTAINERS = {"main": {"requests": {"cpu": "250m", "memory": "1Gi"}}, "side": {}}


@pytest.mark.parametrize(
    ("option", "made"),
    [
        ({"main": {"requests": {"cpu": 0.25, "memory": "1024Mi"}}}, {}),
        ({"main": {"requests": {"cpu": "0.3"}}}, {"main": {("requests", "cpu"): "0.3"}}),
        ({"main": {"limits": {"cpu": 1}}}, {"main": {("limits", "cpu"): "1"}}),
        ({"main": {"requests": {"cpu": None}}}, {"main": {("requests", "cpu"): None}}),
        ({"main": {"limits": {"cpu": None}}}, {}),
        ({"side": {"requests": {"memory": "1e6"}}}, {"side": {("requests", "memory"): "1e6"}}),
    ],
)
def test_resources(option: dict[str, Any], made: dict[str, Any]) -> None:
    found = changes(CONTAINERS, wanted_resources(option))
    assert found == made
    patch = {entry["name"]: entry["resources"] for entry in as_patch(found)}
    assert patch.keys() == made.keys()
    for name, sections in patch.items():
        flat = {(section, key): value for section, keys in sections.items() for key, value in keys.items()}
        assert flat == made[name]
    back = undo(CONTAINERS, found)
    assert {name: set(entry) for name, entry in back.items()} == {name: set(entry) for name, entry in made.items()}


def test_undo_restores_what_was_there() -> None:
    made = {"main": {("requests", "cpu"): "1", ("limits", "cpu"): "2"}}
    assert undo(CONTAINERS, made) == {"main": {("requests", "cpu"): "250m", ("limits", "cpu"): None}}


@pytest.mark.parametrize(
    "option",
    [
        {"main": {}},
        {"main": {"cpu": 1}},
        {"main": {"requests": {}}},
        {"main": {"requests": {"cpu": "lots"}}},
        {"main": {"requests": {"cpu": -1}}},
        {"main": {"requests": {"cpu": ""}}},
        {"main": {"requests": {"cpu": True}}},
        {"main": "1"},
    ],
)
def test_resources_that_cannot_be(option: dict[str, Any]) -> None:
    with pytest.raises(Invalid, match=r"resources\.main"):
        wanted_resources(option)
