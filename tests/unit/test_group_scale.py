# Copyright (c) 2026 cloudops.core contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What becomes of an Auto Scaling group: sizes, bounds, tags, company, limits, and when its instances are there."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
from ansible_collections.cloudops.core.plugins.module_utils._core.errors import CloudOpsError, Conflict, Invalid
from ansible_collections.cloudops.core.plugins.module_utils._domain.group_options import (
    Change,
    Wish,
    read_change,
    selection_from,
    wish_from,
)
from ansible_collections.cloudops.core.plugins.module_utils._domain.group_scale import (
    check_limits,
    decide_group,
    mind_company,
    needs_company,
    note_of,
    read_note,
)
from ansible_collections.cloudops.core.plugins.module_utils._domain.group_tracks import (
    Track,
    advance,
    as_done,
    begin,
    describe,
    is_settled,
    is_worth_watching,
    plan_of,
    summarise,
    time_is_over,
)
from ansible_collections.cloudops.core.plugins.module_utils._domain.groups import (
    ACT,
    EXCLUDE_TAG,
    FAILED,
    MAX_TAG,
    MIN_TAG,
    PARKED_TAG,
    PAUSED_TAG,
    PAUSED_UNTIL_TAG,
    SKIPPED,
    STATE_TAG,
    THERE,
    Company,
    Goal,
    Group,
    Member,
    Sizes,
)
from ansible_collections.cloudops.core.plugins.module_utils._domain.scaling_policy import read_policy
from hypothesis import given
from hypothesis import strategies as st

NOW = 1772359200.0  # 2026-03-01T10:00:00Z
OPTIONS: dict[str, Any] = {
    **dict.fromkeys(("names", "tags", "filters", "desired", "change", "policy", "metrics", "state", "min_size")),
    **dict.fromkeys(("max_size", "min", "max", "max_groups", "max_percent", "max_instances_change")),
    "on_owner": "fail",
    "honor_cooldown": False,
    "include_paused": False,
    "include_excluded": False,
    "wait": True,
    "wait_terminated": False,
    "wait_timeout": 600.0,
    "concurrency": 8,
}


def group(low: int = 0, desired: int = 2, high: int = 9, /, **more: Any) -> Group:
    return Group("web", "eu-central-1", Sizes(low, desired, high), **more)


def tagged(tags: dict[str, str], *sizes: int) -> Group:
    return group(*sizes, tags=tags)


def wish(**options: Any) -> Wish:
    return wish_from({**OPTIONS, **options}, NOW)


def serving(count: int, **more: Any) -> tuple[Member, ...]:
    return tuple(Member(f"i-{number}", "InService", **more) for number in range(count))


# Steps

STEPS: list[tuple[Any, int, int]] = [
    # change, size -> size
    ("+2", 3, 5),
    ("2", 3, 5),
    (2, 3, 5),
    (-2, 3, 1),
    ("-5", 3, 0),
    ("+50%", 3, 5),  # 1.5 is rounded up
    ("+50 %", 4, 6),
    ("+10%", 2, 3),
    ("+1%", 100, 101),
    ("+110%", 10, 21),
    ("+0.1%", 100, 101),
    ("-25%", 4, 3),
    ("-25%", 7, 6),  # 1.75 is rounded towards 0
    ("-25%", 2, 1),  # but at least one
    ("-100%", 3, 0),
    ("+50%", 0, 0),
    ("-50%", 0, 0),
    (" +1 ", 0, 1),
]


@pytest.mark.parametrize(("change", "size", "expected"), STEPS, ids=str)
def test_change(change: Any, size: int, expected: int) -> None:
    assert read_change(change).applied_to(size) == expected


@pytest.mark.parametrize("change", ["", "0", "+0%", "two", "1.5", "+-1", "--1", "%", "5%%", "-101%", True, "1e3", "=3"])
def test_no_change(change: Any) -> None:
    with pytest.raises(Invalid, match="change is"):
        read_change(change)


@given(st.integers(0, 10_000), st.floats(0.01, 100), st.booleans())
def test_a_percentage_moves_in_its_direction_and_not_too_far(size: int, amount: float, up: bool) -> None:
    after = Change(amount if up else -amount, percent=True).applied_to(size)
    if size == 0:
        assert after == 0
    elif up:
        assert size < after < size * (1 + amount / 100) + 1.000001
    else:
        assert size - max(1, size * amount / 100) - 0.000001 <= after < size


# By hand

HANDS: list[tuple[str, Group, dict[str, Any], str, tuple[int, int, int], dict[str, int], tuple[str, ...]]] = [
    # what, group, options -> fate, sizes, what is sent, limited by
    ("up", group(), {"desired": 3}, ACT, (0, 3, 9), {"DesiredCapacity": 3}, ()),
    ("down", group(), {"desired": 0}, ACT, (0, 0, 9), {"DesiredCapacity": 0}, ()),
    ("already", group(), {"desired": 2}, THERE, (0, 2, 9), {}, ()),
    (
        "max-moves",
        group(),
        {"desired": 12, "max_size": 12},
        ACT,
        (0, 12, 12),
        {"DesiredCapacity": 12, "MaxSize": 12},
        (),
    ),
    ("max-stays", group(), {"desired": 3, "max_size": 9}, ACT, (0, 3, 9), {"DesiredCapacity": 3}, ()),
    ("min-only", group(), {"min_size": 1}, ACT, (1, 2, 9), {"MinSize": 1}, ()),
    ("min-lifts", group(), {"min_size": 4}, ACT, (4, 4, 9), {"MinSize": 4, "DesiredCapacity": 4}, ("min",)),
    ("max-lowers", group(), {"max_size": 1}, ACT, (0, 1, 1), {"DesiredCapacity": 1, "MaxSize": 1}, ("max",)),
    ("bounds-there", group(), {"min_size": 0, "max_size": 9}, THERE, (0, 2, 9), {}, ()),
    ("step", group(), {"change": "+2"}, ACT, (0, 4, 9), {"DesiredCapacity": 4}, ()),
    ("step-max", group(0, 8, 9), {"change": "+2"}, ACT, (0, 9, 9), {"DesiredCapacity": 9}, ("max",)),
    ("step-no-room", group(0, 9, 9), {"change": "+2"}, THERE, (0, 9, 9), {}, ("max",)),
    ("step-option", group(), {"change": "+5", "max": 4}, ACT, (0, 4, 9), {"DesiredCapacity": 4}, ("max",)),
    ("step-never-back", group(0, 6, 9), {"change": "+1", "max": 4}, THERE, (0, 6, 9), {}, ("max",)),
    ("step-down-never-up", group(), {"change": "-1", "min": 4}, THERE, (0, 2, 9), {}, ("min",)),
    ("step-not-to-0", group(), {"change": "-2"}, ACT, (0, 1, 9), {"DesiredCapacity": 1}, ("min",)),
    ("step-to-0", group(), {"change": "-2", "min": 0}, ACT, (0, 0, 9), {"DesiredCapacity": 0}, ()),
    ("step-no-size", group(0, 0, 0), {"change": "+1"}, THERE, (0, 0, 0), {}, ("max",)),
    ("step-min", group(2, 3, 9), {"change": "-2"}, ACT, (2, 2, 9), {"DesiredCapacity": 2}, ("min",)),
    ("tag-max", tagged({MAX_TAG: "3"}), {"change": "+5"}, ACT, (0, 3, 9), {"DesiredCapacity": 3}, ("max",)),
    ("tag-min", tagged({MIN_TAG: "2"}, 0, 3), {"change": "-3"}, ACT, (0, 2, 9), {"DesiredCapacity": 2}, ("min",)),
]


@pytest.mark.parametrize(
    ("one", "options", "fate", "sizes", "sent", "limited"), [row[1:] for row in HANDS], ids=[row[0] for row in HANDS]
)
def test_by_hand(
    one: Group,
    options: dict[str, Any],
    fate: str,
    sizes: tuple[int, int, int],
    sent: dict[str, int],
    limited: tuple[str, ...],
) -> None:
    goal = decide_group(one, wish(**options))
    assert (goal.fate, goal.after, goal.limited_by) == (fate, Sizes(*sizes), limited)
    assert [write.value for write in goal.writes] == ([sent] if sent else [])
    assert {write.action for write in goal.writes} <= {"set_desired" if set(sent) == {"DesiredCapacity"} else "update"}
    assert goal.message
    assert goal.reason == ("manual" if fate == ACT else limited[0] if limited else "already")


REFUSALS: list[tuple[str, Group, dict[str, Any], str, str]] = [
    ("above", group(), {"desired": 10}, "OutOfBounds", "desired 10 is above its max_size, which is 9"),
    ("below", group(1), {"desired": 0}, "OutOfBounds", "desired 0 is below its min_size, which is 1"),
    ("above-tag", tagged({MAX_TAG: "3"}), {"desired": 4}, "OutOfBounds", "above its tag cloudops.core/max"),
    ("below-tag", tagged({MIN_TAG: "2"}), {"desired": 1}, "OutOfBounds", "below its tag cloudops.core/min"),
    ("min-max", group(), {"min_size": 10}, "OutOfBounds", "its minimum would be 10, above its maximum"),
    ("no-size", tagged({MIN_TAG: "5"}), {"change": "+1", "max": 4}, "OutOfBounds", "at least 5, at most 4"),
    ("bad-tag", tagged({MIN_TAG: "two"}), {"change": "+1"}, "BadTag", "cloudops.core/min is 'two'"),
    ("odd-tags", tagged({MIN_TAG: "3", MAX_TAG: "2"}), {"desired": 2}, "BadTag", "cloudops.core/min is 3, above"),
    ("bad-time", tagged({PAUSED_UNTIL_TAG: "soon"}), {"desired": 3}, "invalid", "cloudops.core/paused-until is not a"),
    ("deleted", group(status="Delete in progress"), {"desired": 3}, "DeleteInProgress", "is being deleted"),
    ("parked", tagged({PARKED_TAG: "min=1 desired=2 max=4"}, 0, 0, 0), {"desired": 0}, "Parked", "is parked"),
]


@pytest.mark.parametrize(
    ("one", "options", "code", "message"), [row[1:] for row in REFUSALS], ids=[row[0] for row in REFUSALS]
)
def test_refused(one: Group, options: dict[str, Any], code: str, message: str) -> None:
    goal = decide_group(one, wish(**options))
    assert goal.error is not None
    assert (goal.fate, goal.error.code or goal.error.kind, goal.writes) == (FAILED, code, ())
    assert message in goal.message
    assert goal.error.hint
    assert goal.error.resource == "Auto Scaling group web"


# Tags

MARKS: list[tuple[dict[str, str], dict[str, Any], str, str]] = [
    ({}, {}, ACT, "manual"),
    ({EXCLUDE_TAG: "true"}, {}, SKIPPED, "excluded"),
    ({EXCLUDE_TAG: "please"}, {}, SKIPPED, "excluded"),
    ({EXCLUDE_TAG: "No"}, {}, ACT, "manual"),
    ({EXCLUDE_TAG: ""}, {}, ACT, "manual"),
    ({EXCLUDE_TAG: "true"}, {"include_excluded": True}, ACT, "manual"),
    ({PAUSED_TAG: "true"}, {}, SKIPPED, "paused"),
    ({PAUSED_TAG: "true"}, {"include_paused": True}, ACT, "manual"),
    ({PAUSED_TAG: "0"}, {}, ACT, "manual"),
    ({PAUSED_UNTIL_TAG: "2026-03-01T10:00:01Z"}, {}, SKIPPED, "paused"),
    ({PAUSED_UNTIL_TAG: "2026-03-01T10:00:00Z"}, {}, ACT, "manual"),
    ({PAUSED_UNTIL_TAG: "2026-03-01T11:30:00+01:00"}, {}, SKIPPED, "paused"),
    ({PAUSED_UNTIL_TAG: "2026-03-01T11:30:00+02:00"}, {}, ACT, "manual"),
]


@pytest.mark.parametrize(("tags", "options", "fate", "reason"), MARKS, ids=str)
@pytest.mark.parametrize("way", [{"desired": 3}, {"change": 1}, {"state": "parked"}, {"max_size": 5}], ids=str)
def test_marks(tags: dict[str, str], options: dict[str, Any], fate: str, reason: str, way: dict[str, Any]) -> None:
    goal = decide_group(tagged(tags), wish(**way, **options))
    assert (goal.fate, goal.reason) == (fate, reason)


# Parked and back


def written(goal: Goal) -> list[tuple[str, Any]]:
    return [(write.action, write.value) for write in goal.writes]


NOTE = "min=1 desired=2 max=4"
TO_0 = ("update", {"MinSize": 0, "DesiredCapacity": 0, "MaxSize": 0})
FROM_0 = ("update", {"MinSize": 1, "DesiredCapacity": 2, "MaxSize": 4})

PARKING: list[tuple[str, str, tuple[int, int, int], str | None, list[tuple[str, Any]]]] = [
    # what, state, sizes, note -> writes, in their order
    ("park", "parked", (1, 2, 4), None, [("tag", NOTE), TO_0]),
    ("cut-off", "parked", (1, 2, 4), NOTE, [TO_0]),
    ("parked", "parked", (0, 0, 0), NOTE, []),
    ("empty", "parked", (0, 0, 0), None, []),
    ("old-note", "parked", (1, 2, 4), "min=3 desired=3 max=3", [("tag", NOTE), TO_0]),
    ("woken-up", "parked", (0, 1, 2), NOTE, [("update", {"DesiredCapacity": 0, "MaxSize": 0})]),
    (
        "min-was-0",
        "parked",
        (0, 1, 2),
        "min=0 desired=2 max=4",
        [("tag", "min=0 desired=1 max=2"), ("update", {"DesiredCapacity": 0, "MaxSize": 0})],
    ),
    ("bad-note", "parked", (1, 2, 4), "?", [("tag", NOTE), TO_0]),
    ("only-max", "parked", (0, 0, 4), None, [("tag", "min=0 desired=0 max=4"), ("update", {"MaxSize": 0})]),
    ("unpark", "unparked", (0, 0, 0), NOTE, [FROM_0, ("untag", None)]),
    ("un-cut-off", "unparked", (1, 2, 4), NOTE, [("untag", None)]),
    ("by-hand", "unparked", (0, 5, 5), NOTE, [("untag", None)]),
    ("not-parked", "unparked", (1, 2, 4), None, []),
    ("nothing", "unparked", (0, 0, 0), "min=0 desired=0 max=0", [("untag", None)]),
]


@pytest.mark.parametrize(
    ("state", "sizes", "note", "expected"), [row[1:] for row in PARKING], ids=[row[0] for row in PARKING]
)
def test_parking(state: str, sizes: tuple[int, int, int], note: str | None, expected: list[tuple[str, Any]]) -> None:
    one = tagged({} if note is None else {PARKED_TAG: note}, *sizes)
    goal = decide_group(one, wish(state=state))
    assert written(goal) == expected
    assert goal.fate == (ACT if expected else THERE)
    # Whatever is cut off after any of the writes, the next run ends where this one would have.
    for cut in range(1, len(goal.writes)):
        half = one
        for write in goal.writes[:cut]:
            if write.action == "tag":
                half = replace(half, tags={**half.tags, write.key: write.value})
            elif write.action == "update":
                half = replace(half, sizes=goal.after)
        second = decide_group(half, wish(state=state))
        assert second.after == goal.after
        assert written(second) == expected[cut:]


@pytest.mark.parametrize(
    "note", ["", "?", "min=1", "min=1 desired=x max=3", "min=2 desired=1 max=3", "min=-1 desired=1 max=3"]
)
def test_a_note_that_cannot_be_read(note: str) -> None:
    goal = decide_group(tagged({PARKED_TAG: note}, 0, 0, 0), wish(state="unparked"))
    assert goal.error is not None
    assert (goal.fate, goal.error.code) == (FAILED, "BadTag")


@given(st.tuples(st.integers(0, 10**6), st.integers(0, 10**6), st.integers(0, 10**6)))
def test_a_note_tells_the_sizes_and_fits_into_a_tag(numbers: tuple[int, int, int]) -> None:
    sizes = Sizes(*sorted(numbers))
    assert read_note(note_of(sizes)) == sizes
    assert len(note_of(sizes)) <= 256


# By policy

POLICY = {
    "min": 1,
    "max": 6,
    "rules": [{"metric": "cpu", "above": 70, "up": 2, "below": 50, "down": 1}],
    "behavior": {"scale_down": {"stabilization_window_seconds": 0}},
}
POLICIES: list[tuple[str, Group, dict[str, Any], float, int, str]] = [
    # what, group, policy, cpu -> desired, limited by
    ("up", group(), {}, 90, 4, ""),
    ("down", group(), {}, 10, 1, ""),
    ("band", group(), {}, 60, 2, ""),
    ("policy-max", group(0, 5, 9), {}, 90, 6, "max"),
    ("group-max", group(0, 2, 3), {}, 90, 3, "max"),
    ("group-min", group(2, 2, 9), {}, 10, 2, "min"),
    ("policy-min", group(0, 1, 9), {}, 10, 1, "min"),
    ("tag-max", tagged({MAX_TAG: "3"}), {}, 90, 3, "max"),
    ("tag-wins", tagged({MAX_TAG: "8"}, 0, 6), {}, 90, 8, ""),
    ("tag-within-group", tagged({MAX_TAG: "20"}, 0, 8), {}, 90, 9, "max"),
    ("no-max", group(0, 8, 9), {"max": None}, 90, 9, "max"),
    ("policy-wants-more-than-the-group-allows", group(0, 2, 3), {"min": 5}, 60, 3, ""),
    ("policy-wants-less-than-the-group-allows", group(4, 5, 9), {"max": 3}, 60, 4, ""),
]


@pytest.mark.parametrize(
    ("one", "more", "value", "desired", "limited"), [row[1:] for row in POLICIES], ids=[row[0] for row in POLICIES]
)
def test_by_policy(one: Group, more: dict[str, Any], value: float, desired: int, limited: str) -> None:
    asked = wish(policy={**POLICY, **more}, metrics=[{"name": "cpu", "value": value}])
    goal = decide_group(one, asked)
    assert (goal.error, goal.after.desired) == (None, desired)
    assert one.sizes.low <= desired <= one.sizes.high
    assert not limited or limited in goal.limited_by
    state, *resize = goal.writes
    assert (state.key, state.line) == (STATE_TAG, "")
    assert len(state.value) <= 256
    assert [write.value for write in resize] == ([{"DesiredCapacity": desired}] if goal.moves else [])


def test_the_same_pass_again_has_nothing_to_write() -> None:
    asked = wish(policy=POLICY, metrics=[{"name": "cpu", "value": 60}])
    [state] = decide_group(group(), asked).writes
    again = decide_group(tagged({STATE_TAG: state.value}), asked)
    assert (again.writes, again.fate) == ((), THERE)


@pytest.mark.parametrize(
    ("one", "message"),
    [
        (tagged({PAUSED_TAG: "true"}), "paused"),
        (tagged({PAUSED_UNTIL_TAG: "2026-03-01T11:00:00Z"}), "paused"),
        (tagged({PARKED_TAG: NOTE}, 0, 0, 0), "is parked"),
    ],
    ids=["paused", "until", "parked"],
)
@pytest.mark.parametrize("options", [{}, {"include_paused": True, "on_owner": "force"}], ids=["plain", "forced"])
def test_a_policy_leaves_what_is_paused(one: Group, message: str, options: dict[str, Any]) -> None:
    goal = decide_group(one, wish(policy=POLICY, metrics=[{"name": "cpu", "value": 99}], **options))
    assert (goal.fate, goal.reason, goal.writes) == (THERE, "paused", ())
    assert message in goal.message


def test_the_options_min_and_max_are_those_of_the_policy() -> None:
    asked = wish(policy=POLICY, metrics=[], min=2, max=3)
    assert asked.policy is not None
    assert (asked.policy.lowest, asked.policy.highest) == (2, 3)
    assert asked.policy.rules == read_policy(POLICY).rules


@given(
    sizes=st.lists(st.integers(0, 12), min_size=3, max_size=3).map(sorted),
    bounds=st.lists(st.integers(0, 12), min_size=2, max_size=2).map(sorted),
    marks=st.lists(st.integers(0, 12), min_size=2, max_size=2).map(sorted),
    value=st.none() | st.integers(0, 100),
)
def test_a_policy_never_leaves_the_groups_bounds(
    sizes: list[int], bounds: list[int], marks: list[int], value: int | None
) -> None:
    tags = {MIN_TAG: str(marks[0]), MAX_TAG: str(marks[1])}
    asked = wish(policy={**POLICY, "min": bounds[0], "max": bounds[1]}, metrics=[{"name": "cpu", "value": value}])
    for one in (tagged({}, *sizes), tagged(tags, *sizes)):
        goal = decide_group(one, asked)
        assert goal.error is None
        assert sizes[0] <= goal.after.desired <= sizes[2]


# Who else acts on it

COMPANY: list[tuple[str, tuple[str, ...], Company, dict[str, Any], str]] = [
    ("alone", (), Company(), {"desired": 3}, ""),
    ("no-launch", ("Launch",), Company(), {"desired": 3}, "ProcessesSuspended"),
    ("no-balancer", ("AddToLoadBalancer",), Company(), {"desired": 3}, "ProcessesSuspended"),
    ("no-launch-down", ("Launch",), Company(), {"desired": 1}, ""),
    ("no-terminate", ("Terminate",), Company(), {"desired": 1}, "ProcessesSuspended"),
    ("no-terminate-up", ("Terminate",), Company(), {"desired": 3}, ""),
    ("others", ("AZRebalance", "ReplaceUnhealthy", "ScheduledActions"), Company(), {"desired": 3}, ""),
    ("refresh", (), Company(refresh="Baking"), {"change": 1}, "InstanceRefreshInProgress"),
    ("policies", (), Company(policies=("a", "b")), {"change": 1}, "ScalingPolicies"),
    ("policies-park", (), Company(policies=("a",)), {"state": "parked"}, ""),
    ("refresh-park", (), Company(refresh="Pending"), {"state": "parked"}, "InstanceRefreshInProgress"),
    ("bounds", ("Launch",), Company(policies=("a",), refresh="Pending"), {"max_size": 12}, ""),
]


@pytest.mark.parametrize(
    ("suspended", "company", "options", "code"), [row[1:] for row in COMPANY], ids=[row[0] for row in COMPANY]
)
def test_company(suspended: tuple[str, ...], company: Company, options: dict[str, Any], code: str) -> None:
    one = group(suspended=suspended)
    for on_owner, fate in (("fail", FAILED), ("skip", SKIPPED), ("force", ACT)):
        asked = wish(**options, on_owner=on_owner)
        goal = mind_company(decide_group(one, asked), company, asked)
        assert goal.fate == (fate if code else ACT)
        if code and on_owner != "force":
            assert goal.reason == "external_owner"
        if code and on_owner == "fail":
            assert goal.error is not None
            assert goal.error.code == code
        forced = code == "ProcessesSuspended" and on_owner == "force"
        assert bool(goal.pause) == forced


def test_company_is_only_asked_for_where_it_matters() -> None:
    def asks(one: Group, **options: Any) -> bool:
        return needs_company(decide_group(one, wish(**options)), wish(**options))

    assert asks(group(), desired=3)
    assert asks(group(), max_size=1)
    assert not asks(group(), desired=2)
    assert not asks(group(), max_size=5)
    assert not asks(group(), desired=3, on_owner="force")
    assert not asks(tagged({EXCLUDE_TAG: "true"}), desired=3)


# Limits


@pytest.mark.parametrize(
    ("limits", "refused"),
    [
        ({}, False),
        ({"max_groups": 2}, False),
        ({"max_groups": 1}, True),
        ({"max_groups": 0}, True),
        ({"max_percent": 50.0}, False),
        ({"max_percent": 49.9}, True),
        ({"max_instances_change": 5}, False),
        ({"max_instances_change": 4}, True),
    ],
    ids=str,
)
def test_limits(limits: dict[str, Any], refused: bool) -> None:
    asked = wish(desired=3, **limits)
    goals = [decide_group(group(0, size, 9), asked) for size in (0, 5, 3, 3)]
    if refused:
        with pytest.raises(Conflict, match="nothing was done") as caught:
            check_limits(goals, asked)
        assert caught.value.code == "LimitExceeded"
    else:
        check_limits(goals, asked)


# Instances

WAITING: list[tuple[str, list[tuple[str, str, int]], int, bool, bool]] = [
    # what, (state, health, weight), desired -> there, also with wait_terminated
    ("all", [("InService", "Healthy", 1)] * 2, 2, True, True),
    ("case", [("InService", "HEALTHY", 1)], 1, True, True),
    ("none", [], 0, True, True),
    ("lacking", [("InService", "Healthy", 1)], 2, False, False),
    ("pending", [("InService", "Healthy", 1), ("Pending", "Healthy", 1)], 2, False, False),
    ("hook", [("Pending:Wait", "Healthy", 1)], 1, False, False),
    ("ill", [("InService", "Unhealthy", 1)], 1, False, False),
    ("surplus", [("InService", "Healthy", 1)] * 3, 2, False, False),
    ("leaving", [("InService", "Healthy", 1), ("Terminating", "Healthy", 1)], 1, True, False),
    ("leaving-hook", [("Terminating:Wait", "Healthy", 1)], 0, True, False),
    ("standby", [("InService", "Healthy", 1), ("Standby", "Healthy", 1)], 1, True, True),
    ("warm", [("Warmed:Stopped", "Healthy", 1)], 0, True, True),
    ("weights", [("InService", "Healthy", 4)] * 2, 7, True, True),
    ("weights-surplus", [("InService", "Healthy", 4)] * 2, 4, False, False),
    ("weights-lacking", [("InService", "Healthy", 4)], 5, False, False),
]


@pytest.mark.parametrize(
    ("members", "desired", "there", "strictly"), [row[1:] for row in WAITING], ids=[row[0] for row in WAITING]
)
def test_settled(members: list[tuple[str, str, int]], desired: int, there: bool, strictly: bool) -> None:
    one = group(members=tuple(Member(str(place), *member) for place, member in enumerate(members)))
    assert is_settled(one, desired, wish(desired=desired)) == there
    assert is_settled(one, desired, wish(desired=desired, wait_terminated=True)) == strictly


def track(one: Group, **options: Any) -> Track:
    return as_done(begin(decide_group(one, wish(**options))))


@pytest.mark.parametrize(
    ("one", "options", "expected"),
    [
        (group(), {"desired": 3}, True),
        (group(), {"desired": 3, "wait": False}, False),
        (group(), {"desired": 2}, True),  # has the size, but not the instances
        (group(members=serving(2)), {"desired": 2}, False),
        (group(0, 9, 9), {"change": 1}, False),
        (group(), {"max_size": 3}, False),
        (group(), {"max_size": 1}, True),
        (group(), {"desired": 2, "max_size": 3}, True),
        (group(members=serving(2)), {"desired": 2, "max_size": 3}, False),
        (group(), {"desired": 99}, False),
        (tagged({EXCLUDE_TAG: "true"}), {"desired": 3}, False),
        (tagged({PARKED_TAG: NOTE}, 0, 0, 0), {"state": "unparked"}, True),
    ],
    ids=str,
)
def test_who_is_watched(one: Group, options: dict[str, Any], expected: bool) -> None:
    assert is_worth_watching(track(one, **options), wish(**options)) == expected


def test_what_was_not_written_is_not_watched() -> None:
    assert not is_worth_watching(begin(decide_group(group(), wish(desired=3))), wish(desired=3))


def test_looks() -> None:
    asked = wish(desired=3)
    begun = replace(track(group(), desired=3), awaited=True)
    coming = advance(begun, group(0, 3, 9, members=serving(2)), 2.0, asked)
    assert (coming.awaited, coming.waited) == (True, 2.0)
    there = advance(coming, group(0, 3, 9, members=serving(3)), 5.0, asked)
    assert (there.awaited, there.waited, there.outcome) == (False, 5.0, "changed")
    gone = advance(coming, None, 5.0, asked)
    assert gone.error is not None
    assert (gone.awaited, gone.outcome, gone.error.code) == (False, "failed", "Gone")


def test_time_is_over() -> None:
    members = (*serving(1), Member("i-9", "Pending"), Member("i-8", "InService", "Unhealthy"))
    late = replace(track(group(), desired=3), seen=group(0, 3, 9, members=members, suspended=("Launch",)))
    over = time_is_over(late, wish(desired=3), "2026-03-01T10:00:00Z no capacity")
    assert over.error is not None
    assert str(over.error) == (
        "Could not wait for the instances (Auto Scaling group web): 1 of 3 in service (1 Pending; 1 Unhealthy; suspended: Launch)"
        " after 600 s; the last failed scaling activity: 2026-03-01T10:00:00Z no capacity [Timeout] Correct what the activity"
        " names, then run again."
    )
    assert over.as_result()["reason"] == "Timeout"
    assert (over.as_result()["after"], over.changed) == (3, True)


def test_protected_instances_are_named() -> None:
    one = group(0, 1, 9, members=serving(3, protected=True))
    assert describe(one, 1) == "3 of 1 in service (3 protected from scale-in)"


def test_another_who_moves_it_is_named() -> None:
    assert describe(group(0, 5, 9, members=serving(5)), 3) == "5 of 3 in service (its desired size is 5 now)"


# The answer


def test_a_failure_between_two_writes_tells_what_was_done() -> None:
    planned = begin(decide_group(group(1, 2, 4), wish(state="parked")))
    half = replace(planned, done=planned.goal.writes[:1], error=Conflict("busy", code="Busy"))
    plan = plan_of([half])
    assert plan.actions() == ["remember min=1 desired=2 max=4 of web"]
    assert plan.after == {"web": {PARKED_TAG: NOTE}}
    assert plan.before == {"web": {PARKED_TAG: None}}
    result = half.as_result()
    assert (result["outcome"], result["after"], result["changed"], result["reason"]) == ("failed", 2, True, "Busy")


def test_diff_and_lines() -> None:
    plan = plan_of([track(group(1, 2, 4), desired=6, max_size=8), track(group(1, 2, 4), desired=2)])
    assert plan.actions() == ["scale web from 2 to 6 (max 4 to 8)"]
    assert plan.before == {"web": {"desired": 2, "max_size": 4}}
    assert plan.after == {"web": {"desired": 6, "max_size": 8}}


def test_the_order_is_that_of_the_names() -> None:
    tracks = [
        replace(track(group(), desired=2), goal=decide_group(replace(group(), name=name), wish(desired=2)))
        for name in "ab"
    ]
    missing: dict[str, CloudOpsError] = {"x": Conflict("isn't there", code="NotFound")}
    result = summarise(tracks, missing, ["b", "x", "a"])
    assert [item["name"] for item in result["results"]] == ["b", "x", "a"]
    assert result["counts"] == {"changed": 0, "unchanged": 2, "skipped": 0, "failed": 1}
    assert result["matched"] == 2
    assert [item["name"] for item in result["failures"]] == ["x"]


# Options


def test_selection() -> None:
    chosen = selection_from(
        {"names": ["a", "b", "a"], "tags": {"on": True, 1: None}, "filters": {"tag-key": "x", "tag:n": [1, 2]}}
    )
    assert chosen.names == ("a", "b")
    assert chosen.tags == {"on": "true", "1": ""}
    assert chosen.filters == {"tag-key": ("x",), "tag:n": ("1", "2")}


def read_options(options: dict[str, Any]) -> None:
    """As the module does before it makes any call."""
    selection_from(options)
    wish_from(options, NOW)


@pytest.mark.parametrize(
    ("options", "expected"),
    [
        ({"names": []}, "names is empty"),
        ({"names": [" "]}, "names has an empty name"),
        ({"filters": {}}, "filters is empty"),
        ({"tags": {"a": ["b"]}}, "the value of a is no text"),
        ({"tags": {"": "b"}}, "a key is empty"),
        ({"filters": {"tag:a": []}}, "needs a value"),
        ({"filters": {"": "b"}}, "a name is empty"),
        ({"state": "parked"}, "desired and state are given"),
        ({"desired": -1}, "desired is -1"),
        ({"desired": None, "change": "many"}, "change is 'many'"),
        ({"desired": None, "change": "+0"}, "change is '+0'"),
        ({"desired": None, "change": "1.5"}, "change is '1.5'"),
        ({"desired": None, "change": "-150%"}, "100 percent"),
        ({"desired": None, "state": "parked", "min_size": 1}, "min_size doesn't go with state"),
        ({"desired": None, "min_size": 1, "max": 2}, "max doesn't go with min_size and max_size alone"),
        ({"desired": None, "min_size": 3, "max_size": 2}, "min_size is 3, above max_size"),
        ({"desired": 3, "max_size": 2}, "desired is 3, above max_size"),
        ({"desired": 3, "max": 2}, "desired is 3, above max"),
        ({"desired": 3, "min": 4}, "desired is 3, below min"),
        ({"metrics": []}, "metrics don't go with desired"),
        ({"min_size": 1, "honor_cooldown": True}, "honor_cooldown only goes"),
        ({"desired": None, "policy": {"min": 3, "max": 2, "rules": []}}, "policy.min is 3"),
        ({"max_groups": -1}, "max_groups is -1"),
        ({"max_percent": 101}, "the largest possible is 100"),
    ],
    ids=lambda value: str(value)[:60] if isinstance(value, dict) else "",
)
def test_bad_input(options: dict[str, Any], expected: str) -> None:
    given = {**OPTIONS, "names": ["web"], "desired": 1, **options}
    with pytest.raises(Invalid) as caught:
        read_options(given)
    assert expected in caught.value.message + caught.value.hint
