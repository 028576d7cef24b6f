# Copyright (c) 2026 cloudops.core contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What is remembered: kept as long as it can matter, small, readable again, and never believed when it is somebody else's."""

from __future__ import annotations

import json
from typing import Any

import pytest
from ansible_collections.cloudops.core.plugins.module_utils._core.errors import Invalid
from ansible_collections.cloudops.core.plugins.module_utils._domain.scaling_state import read_state, write_state

from tests.unit.scaling_cases import AT_ONCE, CPU, NOW, judged, measured, policy, state

AT = int(NOW)
FIRST_RUN = {"v": 1, "at": AT, "high": [[0, 5]], "low": [[0, 5]], "events": [], "streaks": {}, "misses": {}}
FULL = {
    "v": 1,
    "at": AT,
    "high": [[250, 9], [100, 7], [0, 5]],
    "low": [[200, 2], [20, 4], [0, 5]],
    "events": [[290, 2], [100, -3], [10, 1]],
    "streaks": {"cpu": 2, "queue": -1},
    "misses": {"other": 3},
}

FOREIGN: list[tuple[str, Any]] = [
    ("none", None),
    ("empty", ""),
    ("no JSON", "{"),
    ("words", "autoscaled by hand"),
    ("number", "5"),
    ("list", "[]"),
    ("null", "null"),
    ("mapping", "{}"),
    ("data that is no mapping", 5),
    ("deeply nested", "[" * 100000),
    ("no version", {"at": AT}),
    ("another version", {"v": 2, "at": AT}),
    ("version as text", {"v": "1", "at": AT}),
    ("version true", {"v": True, "at": AT}),
    ("no time", {"v": 1}),
    ("time as text", {"v": 1, "at": "now"}),
    ("time is a fraction", {"v": 1, "at": 1.5}),
    ("negative time", {"v": 1, "at": -1}),
    ("time out of range", {"v": 1, "at": 10**30}),
    ("unknown key", {"v": 1, "at": AT, "replicas": 5}),
    ("high is a mapping", {"v": 1, "at": AT, "high": {}}),
    ("high is flat", {"v": 1, "at": AT, "high": [1, 2]}),
    ("high of three", {"v": 1, "at": AT, "high": [[1, 2, 3]]}),
    ("negative age", {"v": 1, "at": AT, "high": [[-1, 2]]}),
    ("negative size", {"v": 1, "at": AT, "low": [[1, -2]]}),
    ("size as text", {"v": 1, "at": AT, "low": [[1, "2"]]}),
    ("size is a boolean", {"v": 1, "at": AT, "low": [[1, True]]}),
    ("event of one", {"v": 1, "at": AT, "events": [[1]]}),
    ("event without a change", {"v": 1, "at": AT, "events": [[1, 0]]}),
    ("event that ends before it begins", {"v": 1, "at": AT, "events": [[10, 1, 5]]}),
    ("streaks are a list", {"v": 1, "at": AT, "streaks": []}),
    ("streak is a word", {"v": 1, "at": AT, "streaks": {"cpu": "2"}}),
    ("negative misses", {"v": 1, "at": AT, "misses": {"cpu": -2}}),
]


@pytest.mark.parametrize("foreign", [case[1] for case in FOREIGN], ids=[case[0] for case in FOREIGN])
def test_what_cannot_be_read_is_a_first_run(foreign: Any) -> None:
    assert read_state(foreign, 5, NOW) == FIRST_RUN
    held = judged(5, policy(CPU, behavior={}), measured(cpu=1), state=foreign)
    assert (held.desired, held.reason) == (5, "stabilized")
    assert held.state["high"] == [[0, 5]]


def test_round_trip() -> None:
    assert read_state(FULL, 5, NOW) == FULL
    assert read_state(write_state(FULL), 5, NOW) == FULL
    assert read_state(json.dumps(FULL).encode(), 5, NOW) == FULL
    assert read_state(FULL, 5, NOW + 40)["high"] == [[290, 9], [140, 7], [40, 5]]
    assert write_state({"v": 1, "at": AT}) == f'{{"v":1,"at":{AT}}}'
    assert read_state(write_state(FIRST_RUN), 7, NOW) == FIRST_RUN


def test_recommendations_that_cannot_decide_any_more_are_dropped() -> None:
    messy = {"v": 1, "at": AT, "high": [[0, 5], [10, 3], [20, 9], [30, 9], [40, 8]], "low": [[0, 5], [10, 9], [20, 2]]}
    assert read_state(messy, 5, NOW)["high"] == [[20, 9], [0, 5]]
    assert read_state(messy, 5, NOW)["low"] == [[20, 2], [0, 5]]


def test_the_future_counts_as_now() -> None:
    """A clock that was wrong once delays by one window at most."""
    ahead = {"v": 1, "at": AT + 86400, "events": [[0, 1]]}
    assert read_state(ahead, 5, NOW) == {**FIRST_RUN, "high": [], "low": [], "events": [[0, 1]]}
    rules = policy(CPU, cooldown=60)
    held = judged(5, rules, measured(cpu=90), state=ahead)
    assert held.as_result()["next_allowed_at"] == "2026-03-02T12:01:00Z"
    assert judged(5, rules, measured(cpu=90), state=held.state, after=60).desired == 6


def test_fractions_of_a_second_never_end_anything_early() -> None:
    rules = policy(CPU, cooldown=60)
    up = judged(5, rules, measured(cpu=90), after=0.4)
    assert up.state["at"] == AT + 1
    assert judged(6, rules, measured(cpu=90), after=60.3, state=up.state).desired == 6
    assert judged(6, rules, measured(cpu=90), after=60.9, state=up.state).desired == 6
    assert judged(6, rules, measured(cpu=90), after=61, state=up.state).desired == 7


PRUNED: list[tuple[str, dict[str, Any], dict[str, Any]]] = [
    ("nothing is needed", AT_ONCE, {"high": [], "low": [], "events": [[10, 1]]}),
    ("the usual", {}, {"high": [[250, 9], [100, 7], [0, 5]], "low": [], "events": [[10, 1]]}),
    (
        "a window upward",
        {"scale_up": {"stabilization_window_seconds": 100}},
        {"high": [[250, 9], [100, 7], [0, 5]], "low": [[20, 4], [0, 5]], "events": [[10, 1]]},
    ),
    (
        "a long period",
        {
            "scale_down": {
                "policies": [{"type": "Pods", "value": 1, "period_seconds": 101}],
                "stabilization_window_seconds": 0,
            }
        },
        {"high": [], "low": [], "events": [[100, -3], [10, 1]]},
    ),
]


@pytest.mark.parametrize(("behavior", "kept"), [case[1:] for case in PRUNED], ids=[case[0] for case in PRUNED])
def test_pruned_to_the_longest_window(behavior: dict[str, Any], kept: dict[str, Any]) -> None:
    after = judged(5, policy(CPU, behavior=behavior), measured(cpu=60), state=FULL).state
    assert {key: after[key] for key in kept} == kept
    assert (after["streaks"], after["misses"]) == ({}, {})


def test_a_long_cooldown_keeps_events() -> None:
    after = judged(5, policy(CPU, cooldown=291), measured(cpu=60), state=FULL).state
    assert after["events"] == FULL["events"]


def test_a_pause_keeps_what_is_remembered() -> None:
    rules = policy({**CPU, "for": 3}, behavior={}, cooldown=300)
    after = judged(5, rules, measured(cpu=60), state=FULL, paused=True).state
    assert after["streaks"] == {"cpu": 2, "queue": -1}
    assert (after["high"], after["events"]) == (FULL["high"], FULL["events"])


def test_size_stays_small_over_a_day() -> None:
    """Load that goes up and down every pass, the worst for what has to be remembered."""
    rules = policy({"metric": "size", "type": "average_value", "target": 1, "tolerance": 0}, min=1, max=40, behavior={})
    kept: Any = None
    longest = 0
    size = 20
    for turn in range(1440):
        decision = judged(size, rules, measured(size=1 + turn * 17 % 40), after=turn * 15, state=kept)
        size = decision.desired
        kept = write_state(decision.state)
        longest = max(longest, len(kept))
    assert longest < 400


# A limit, as for the value of a tag


@pytest.mark.parametrize("limit", [256, 200, 150, 120, 100])
def test_limit(limit: int) -> None:
    text = write_state(FULL, limit)
    assert len(text) <= limit
    assert read_state(text, 5, NOW) != FIRST_RUN


def test_no_limit_is_needed_for_what_fits() -> None:
    assert write_state(FULL, 1000) == write_state(FULL)


def test_what_gives_way_first() -> None:
    many = {**FULL, "high": [[200 - 10 * place, 30 - place] for place in range(20)], "low": []}
    text = write_state(many, 256)
    small = read_state(text, 5, NOW)
    assert len(text) <= 256
    assert small["high"][0][1] == 30
    assert small["high"][-1][0] == 10
    assert (small["streaks"], small["misses"], len(small["events"])) == (FULL["streaks"], FULL["misses"], 3)
    least = read_state(write_state(FULL, 90), 5, NOW)
    assert (least["high"], least["low"]) == ([[0, 9]], [[0, 2]])
    assert (least["streaks"], least["misses"]) == ({}, {})
    assert least["events"] == [[100, -3], [10, 3, 290]]


@pytest.mark.parametrize("wrong", [{}, {"v": 2, "at": AT}, None, 5, "text"], ids=repr)
def test_only_states_are_written(wrong: Any) -> None:
    with pytest.raises(Invalid, match="the state can't be written"):
        write_state(wrong)


def test_a_limit_that_nothing_meets() -> None:
    with pytest.raises(Invalid, match="characters at least, more than 20"):
        write_state(FULL, 20)
    assert (
        len(
            write_state(
                state(
                    high=[[86400, 10**9]], low=[[86400, 10**9]], events=[[86400, -(10**9), 86400], [0, 10**9, 86400]]
                ),
                256,
            )
        )
        <= 256
    )
