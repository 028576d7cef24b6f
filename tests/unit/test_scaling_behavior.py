# Copyright (c) 2026 cloudops.core contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""How fast a size moves: stabilization, cooldowns, rates; and the windows of a schedule."""

from __future__ import annotations

from typing import Any

import pytest

from tests.unit.scaling_cases import AT_ONCE, NOW, judged, measured, policy, state


def iso(after: int) -> str:
    return f"2026-03-02T12:{after // 60:02}:{after % 60:02}Z"


def exactly(wanted: int) -> list[dict[str, Any]]:
    """A metric that makes the rule below want exactly this."""
    return measured(size=wanted)


SIZE = {"metric": "size", "type": "average_value", "target": 1, "tolerance": 0}


def sized(**more: Any) -> dict[str, Any]:
    return {"min": 0, "max": 100, "rules": [SIZE], **more}


def limits(side: str, *policies: tuple[str, int, int], select: str | None = None, window: int = 0) -> dict[str, Any]:
    rules = [{"type": kind, "value": value, "period_seconds": period} for kind, value, period in policies]
    other = {**AT_ONCE}
    other[side] = {"stabilization_window_seconds": window, "policies": rules, "select_policy": select}
    return other


# name, current, wanted -> desired: what a HorizontalPodAutoscaler does without a behavior of its own, in a first evaluation
DEFAULTS: list[tuple[str, int, int, int, str]] = [
    ("four pods where that is more", 2, 50, 6, "rate_limited"),
    ("doubled where that is more", 10, 50, 20, "rate_limited"),
    ("both are the same", 4, 50, 8, "rate_limited"),
    ("within the rate", 4, 7, 7, "target"),
    ("from nothing", 0, 50, 4, "rate_limited"),
    ("down waits", 10, 3, 10, "stabilized"),
]


@pytest.mark.parametrize(
    ("current", "wanted", "desired", "reason"), [case[1:] for case in DEFAULTS], ids=[case[0] for case in DEFAULTS]
)
@pytest.mark.parametrize("behavior", [None, {}, {"scale_up": {}}, {"scaleDown": {"selectPolicy": "Max"}}], ids=str)
def test_defaults(behavior: Any, current: int, wanted: int, desired: int, reason: str) -> None:
    decision = judged(current, sized(behavior=behavior), exactly(wanted))
    assert (decision.desired, decision.reason) == (desired, reason)


def test_default_scale_down_takes_all_at_once_after_five_minutes() -> None:
    first = judged(10, sized(), exactly(3))
    assert first.as_result()["next_allowed_at"] == iso(300)
    assert judged(10, sized(), exactly(3), after=299, state=first.state).desired == 10
    assert judged(10, sized(), exactly(3), after=300, state=first.state).desired == 3


# name, window, earlier recommendations as (seconds ago, size), current, wanted -> desired, next
DOWN_WINDOWS: list[tuple[str, int, list[list[int]], int, int, int, int | None]] = [
    ("none earlier", 60, [], 8, 5, 5, None),
    ("a higher one holds", 60, [[30, 8]], 8, 5, 8, 30),
    ("higher than the size", 60, [[30, 20]], 8, 5, 8, 30),
    ("part of the way", 60, [[30, 7]], 8, 5, 7, 30),
    ("the highest counts", 60, [[50, 7], [30, 6]], 8, 5, 7, 10),
    ("at the edge it is over", 60, [[60, 8]], 8, 5, 5, None),
    ("just inside", 60, [[59, 8]], 8, 5, 8, 1),
    ("a lower one doesn't help", 60, [[30, 3]], 8, 5, 5, None),
    ("no window", 0, [[1, 8]], 8, 5, 5, None),
    ("up isn't held by it", 60, [[30, 8]], 8, 12, 12, None),
]


@pytest.mark.parametrize(
    ("window", "earlier", "current", "wanted", "desired", "then"),
    [case[1:] for case in DOWN_WINDOWS],
    ids=[case[0] for case in DOWN_WINDOWS],
)
def test_stabilized_down(
    window: int, earlier: list[list[int]], current: int, wanted: int, desired: int, then: int | None
) -> None:
    behavior = limits("scale_down", ("Pods", 1000, 15), window=window)
    decision = judged(current, sized(behavior=behavior), exactly(wanted), state=state(high=earlier))
    assert decision.desired == desired
    assert decision.as_result()["next_allowed_at"] == (None if then is None else iso(then))


UP_WINDOWS: list[tuple[str, int, list[list[int]], int, int, int, int | None]] = [
    ("none earlier", 60, [], 5, 8, 8, None),
    ("a lower one holds", 60, [[30, 5]], 5, 8, 5, 30),
    ("lower than the size", 60, [[30, 2]], 5, 8, 5, 30),
    ("part of the way", 60, [[30, 6]], 5, 8, 6, 30),
    ("the lowest counts", 60, [[50, 6], [30, 7]], 5, 8, 6, 10),
    ("at the edge it is over", 60, [[60, 5]], 5, 8, 8, None),
    ("no window", 0, [[1, 5]], 5, 8, 8, None),
    ("down isn't held by it", 60, [[30, 5]], 5, 3, 3, None),
]


@pytest.mark.parametrize(
    ("window", "earlier", "current", "wanted", "desired", "then"),
    [case[1:] for case in UP_WINDOWS],
    ids=[case[0] for case in UP_WINDOWS],
)
def test_stabilized_up(
    window: int, earlier: list[list[int]], current: int, wanted: int, desired: int, then: int | None
) -> None:
    behavior = limits("scale_up", ("Pods", 1000, 15), window=window)
    decision = judged(current, sized(behavior=behavior), exactly(wanted), state=state(low=earlier))
    assert decision.desired == desired
    assert decision.as_result()["next_allowed_at"] == (None if then is None else iso(then))


# name, side, policies, select, events as [seconds ago, change], current, wanted -> desired, next
RATES: list[tuple[str, str, list[tuple[str, int, int]], str | None, list[list[int]], int, int, int, int | None]] = [
    ("pods up", "scale_up", [("Pods", 4, 60)], None, [], 5, 50, 9, 60),
    ("percent up", "scale_up", [("Percent", 50, 60)], None, [], 10, 50, 15, 60),
    ("percent up rounds up", "scale_up", [("Percent", 10, 60)], None, [], 5, 50, 6, 60),
    ("percent of one", "scale_up", [("Percent", 1, 60)], None, [], 1, 50, 2, 60),
    ("the most", "scale_up", [("Pods", 4, 60), ("Percent", 10, 60)], "Max", [], 10, 50, 14, 60),
    ("the most by default", "scale_up", [("Pods", 4, 60), ("Percent", 100, 60)], None, [], 10, 50, 20, 60),
    ("the least", "scale_up", [("Pods", 4, 60), ("Percent", 10, 60)], "Min", [], 10, 50, 11, 60),
    ("no way up", "scale_up", [("Pods", 4, 60)], "Disabled", [], 5, 50, 5, None),
    ("no way up, but down", "scale_up", [("Pods", 4, 60)], "Disabled", [], 5, 2, 2, None),
    ("earlier events count", "scale_up", [("Pods", 4, 60)], None, [[30, 3]], 8, 50, 9, 30),
    ("all used up", "scale_up", [("Pods", 4, 60)], None, [[30, 4]], 9, 50, 9, 30),
    ("more than used up", "scale_up", [("Pods", 4, 60)], None, [[30, 9]], 14, 50, 14, 30),
    ("over at the edge", "scale_up", [("Pods", 4, 60)], None, [[60, 4]], 9, 50, 13, 60),
    ("just inside", "scale_up", [("Pods", 4, 60)], None, [[59, 4]], 9, 50, 9, 1),
    ("percent of the period's start", "scale_up", [("Percent", 100, 60)], None, [[30, 5]], 10, 50, 10, 30),
    ("removed ones may come back", "scale_up", [("Pods", 4, 60)], None, [[30, -3]], 5, 50, 12, 60),
    ("two periods", "scale_up", [("Pods", 2, 30), ("Pods", 5, 300)], "Min", [[100, 4]], 10, 50, 11, 200),
    ("pods down", "scale_down", [("Pods", 4, 60)], None, [], 50, 5, 46, 60),
    ("percent down", "scale_down", [("Percent", 10, 60)], None, [], 50, 5, 45, 60),
    ("percent down truncates", "scale_down", [("Percent", 10, 60)], None, [], 15, 5, 13, 60),
    ("percent of one down", "scale_down", [("Percent", 10, 60)], None, [], 1, 0, 0, None),
    ("all down", "scale_down", [("Percent", 100, 60)], None, [], 50, 5, 5, None),
    ("the most down", "scale_down", [("Pods", 4, 60), ("Percent", 10, 60)], "Max", [], 80, 5, 72, 60),
    ("the most down of few", "scale_down", [("Pods", 4, 60), ("Percent", 10, 60)], None, [], 10, 0, 6, 60),
    ("the least down", "scale_down", [("Pods", 4, 60), ("Percent", 10, 60)], "Min", [], 80, 5, 76, 60),
    ("no way down", "scale_down", [("Pods", 4, 60)], "Disabled", [], 50, 5, 50, None),
    ("no way down, but up", "scale_down", [("Pods", 4, 60)], "Disabled", [], 50, 60, 60, None),
    ("earlier removals count", "scale_down", [("Pods", 4, 60)], None, [[20, -3]], 47, 5, 46, 40),
    ("removals used up", "scale_down", [("Pods", 4, 60)], None, [[20, -4]], 46, 5, 46, 40),
    ("added ones may go again", "scale_down", [("Pods", 4, 60)], None, [[20, 6]], 56, 5, 46, 60),
    ("percent of the start, down", "scale_down", [("Percent", 10, 60)], None, [[20, -10]], 90, 5, 90, 40),
]


@pytest.mark.parametrize(
    ("side", "policies", "select", "events", "current", "wanted", "desired", "then"),
    [case[1:] for case in RATES],
    ids=[case[0] for case in RATES],
)
def test_rate(
    side: str,
    policies: list[tuple[str, int, int]],
    select: str | None,
    events: list[list[int]],
    current: int,
    wanted: int,
    desired: int,
    then: int | None,
) -> None:
    rules = sized(behavior=limits(side, *policies, select=select))
    decision = judged(current, rules, exactly(wanted), state=state(events=events))
    assert decision.desired == desired
    assert list(decision.limited_by) == ([] if desired == wanted else ["rate_limited"])
    assert decision.as_result()["next_allowed_at"] == (None if then is None else iso(then))
    if then:
        kept = decision.as_result()["state"]
        assert judged(desired, rules, exactly(wanted), after=then - 1, state=kept).desired == desired
        assert judged(desired, rules, exactly(wanted), after=then, state=kept).desired != desired


# name, cooldown, events, wanted of 5 -> desired, next
COOLDOWNS: list[tuple[str, Any, list[list[int]], int, int, int | None]] = [
    ("up after up", {"up": 60}, [[30, 1]], 8, 5, 30),
    ("up after up, over", {"up": 60}, [[60, 1]], 8, 8, None),
    ("up after up, just not over", {"up": 60}, [[59, 1]], 8, 5, 1),
    ("down after up holds for its cooldown", {"up": 60}, [[30, 1]], 3, 5, 30),
    ("up breaks a down-cooldown", {"down": 60}, [[30, -1]], 8, 8, None),
    ("up breaks a down-cooldown, both given", {"up": 60, "down": 60}, [[30, -1]], 8, 8, None),
    ("down after down", {"down": 60}, [[30, -1]], 3, 5, 30),
    ("down after down, over", {"down": 60}, [[60, -1]], 3, 3, None),
    ("down after up", {"down": 60}, [[30, 1]], 3, 5, 30),
    ("the later end counts", {"up": 40, "down": 90}, [[30, 1]], 3, 5, 60),
    ("the last change counts", {"down": 60}, [[50, -1], [10, -1]], 3, 5, 50),
    ("an older up still counts", {"up": 60, "down": 15}, [[50, 1], [10, -1]], 3, 5, 10),
    ("one for both", 60, [[30, 1]], 8, 5, 30),
    ("as text", {"up": "1m"}, [[30, 1]], 8, 5, 30),
    ("none", {}, [[0, 1]], 8, 8, None),
    ("no events", {"up": 60, "down": 60}, [], 3, 3, None),
]


@pytest.mark.parametrize(
    ("cooldown", "events", "wanted", "desired", "then"),
    [case[1:] for case in COOLDOWNS],
    ids=[case[0] for case in COOLDOWNS],
)
def test_cooldown(cooldown: Any, events: list[list[int]], wanted: int, desired: int, then: int | None) -> None:
    rules = sized(behavior=AT_ONCE, cooldown=cooldown)
    decision = judged(5, rules, exactly(wanted), state=state(events=events))
    assert decision.desired == desired
    assert list(decision.limited_by) == (["cooldown"] if desired == 5 else [])
    assert decision.as_result()["next_allowed_at"] == (None if then is None else iso(then))


def test_limits_one_after_the_other() -> None:
    behavior = limits("scale_down", ("Pods", 2, 60), window=300)
    rules = sized(behavior=behavior, max=20)
    partly = judged(15, rules, exactly(1), state=state(high=[[100, 9]]))
    assert (partly.desired, partly.reason, partly.limited_by) == (13, "rate_limited", ("stabilized", "rate_limited"))
    assert partly.as_result()["next_allowed_at"] == iso(200)
    bounded = judged(15, sized(behavior=AT_ONCE, max=18), exactly(50))
    assert (bounded.desired, bounded.reason, bounded.limited_by) == (18, "max", ("max",))
    slower = judged(15, sized(behavior=limits("scale_up", ("Pods", 2, 60)), max=18), exactly(50))
    assert (slower.desired, slower.reason, slower.limited_by) == (17, "rate_limited", ("rate_limited",))


def test_what_moves_the_size_is_remembered_whatever_moved_it() -> None:
    rules = sized(behavior=AT_ONCE, cooldown=60, max=10)
    clamped = judged(20, rules)
    assert clamped.state["events"] == [[0, -10]]
    assert judged(10, rules, exactly(5), after=30, state=clamped.state).reason == "cooldown"


# Windows

DAY = "Mon-Sun 08:00-18:00"
# name, windows, hour -> bounds of now (the policy's are 2 and 10)
WINDOWS: list[tuple[str, Any, int, tuple[int, int]]] = [
    ("off", {"schedule": DAY, "min": 5}, 20, (2, 10)),
    ("on", {"schedule": DAY, "min": 5}, 12, (5, 10)),
    ("begins", {"schedule": DAY, "min": 5}, 8, (5, 10)),
    ("ends", {"schedule": DAY, "min": 5}, 18, (2, 10)),
    ("max", {"schedule": DAY, "max": 5}, 12, (2, 5)),
    ("both", {"schedule": DAY, "min": 4, "max": 5}, 12, (4, 5)),
    ("beyond the policy's", {"schedule": DAY, "min": 20, "max": 30}, 12, (20, 30)),
    ("desired", {"schedule": DAY, "desired": 7}, 12, (7, 7)),
    ("none at night", {"schedule": "Mon-Sun 22:00-06:00", "desired": 0}, 23, (0, 0)),
    ("over midnight", {"schedule": "Mon-Sun 22:00-06:00", "desired": 0}, 29, (0, 0)),
    ("the morning after", {"schedule": "Mon-Sun 22:00-06:00", "desired": 0}, 30, (2, 10)),
    ("zone of the schedule", {"schedule": f"{DAY} Europe/Berlin", "min": 5}, 7, (5, 10)),
    ("zone of the window", {"schedule": DAY, "timezone": "Europe/Berlin", "min": 5}, 7, (5, 10)),
    ("zone of the list", {"timezone": "Europe/Berlin", "windows": [{"schedule": DAY, "min": 5}]}, 7, (5, 10)),
    ("a mapping", {"schedule": {"periods": [{"begintime": "08:00", "endtime": "18:00"}]}, "min": 5}, 12, (5, 10)),
    (
        "named periods",
        {
            "windows": [{"schedule": {"periods": ["day"]}, "min": 5}],
            "periods": {"day": {"begintime": "08:00", "endtime": "18:00"}},
        },
        12,
        (5, 10),
    ),
    ("any isn't on", {"schedule": {"periods": [{"endtime": "18:00"}]}, "min": 5}, 12, (2, 10)),
    ("the last listed wins", [{"schedule": DAY, "min": 5}, {"schedule": DAY, "min": 4}], 12, (4, 10)),
    ("priority wins", [{"schedule": DAY, "min": 5, "priority": 1}, {"schedule": DAY, "min": 4}], 12, (5, 10)),
    ("negative priority", [{"schedule": DAY, "min": 5}, {"schedule": DAY, "min": 4, "priority": "-1"}], 12, (5, 10)),
    ("each bound by itself", [{"schedule": DAY, "min": 5}, {"schedule": DAY, "max": 8, "priority": 9}], 12, (5, 8)),
    (
        "where they cross, the more important",
        [{"schedule": DAY, "min": 8}, {"schedule": DAY, "max": 6, "priority": 9}],
        12,
        (6, 6),
    ),
    (
        "where they cross, the other way",
        [{"schedule": DAY, "max": 3}, {"schedule": DAY, "min": 6, "priority": 9}],
        12,
        (6, 6),
    ),
    ("only one is on", [{"schedule": DAY, "min": 5}, {"schedule": "Mon-Sun 20:00-21:00", "min": 9}], 20, (9, 10)),
    ("as text", {"schedule": DAY, "min": "5", "max": " 6 "}, 12, (5, 6)),
]


@pytest.mark.parametrize(
    ("windows", "hour", "bounds"), [case[1:] for case in WINDOWS], ids=[case[0] for case in WINDOWS]
)
def test_window(windows: Any, hour: int, bounds: tuple[int, int]) -> None:
    decision = judged(5, policy(schedule=windows), after=(hour - 12) * 3600)
    assert decision.as_result()["bounds"] == {"min": bounds[0], "max": bounds[1]}
    assert decision.desired == min(max(5, bounds[0]), bounds[1])


@pytest.mark.parametrize(
    "written",
    [
        {"schedule": DAY, "min": 6, "name": "day"},
        {"type": "schedule", "schedule": DAY, "min": 6},
        {"schedule": [{"schedule": DAY, "min": 6}]},
        {"windows": [{"schedule": DAY, "min": 6}]},
        {"schedule": {"windows": [{"schedule": DAY, "min": 6}]}},
    ],
    ids=["flat", "with a type", "a list", "windows", "nested"],
)
def test_schedule_as_a_rule(written: dict[str, Any]) -> None:
    assert judged(5, policy(written)).desired == 6
    assert NOW % 86400 == 12 * 3600
