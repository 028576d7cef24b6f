# Copyright (c) 2026 cloudops.core contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Who acts, who is left alone, what each look means, and how refused batches are taken apart."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any

import boto3
import pytest
from ansible_collections.cloudops.core.plugins.module_utils._aws.ec2 import BATCH, Answer, EC2Gateway, Found
from ansible_collections.cloudops.core.plugins.module_utils._aws.ec2_power import FleetPower
from ansible_collections.cloudops.core.plugins.module_utils._core.errors import (
    CloudOpsError,
    Conflict,
    Denied,
    Invalid,
    Throttled,
    Timeout,
    Unavailable,
)
from ansible_collections.cloudops.core.plugins.module_utils._core.wait import Clock
from ansible_collections.cloudops.core.plugins.module_utils._domain.power import (
    Fate,
    Instance,
    Wish,
    check_limits,
    judge,
)
from ansible_collections.cloudops.core.plugins.module_utils._domain.power_batches import PATIENCE, split_refused
from ansible_collections.cloudops.core.plugins.module_utils._domain.power_options import (
    Selection,
    ids_in,
    selection_from,
)
from ansible_collections.cloudops.core.plugins.module_utils._domain.power_tracks import (
    Track,
    accept,
    advance,
    begin,
    time_is_over,
)
from hypothesis import given
from hypothesis import strategies as st


def instance(state: str = "running", number: int = 0, **more: Any) -> Instance:
    return Instance(id=f"i-{number:017x}", region="eu-central-1", state=state, **more)


# Who acts

ACT, LATER, THERE, COMING, SKIPPED, FAILED = (
    Fate.ACT,
    Fate.ACT_LATER,
    Fate.THERE,
    Fate.ON_THE_WAY,
    Fate.SKIPPED,
    Fate.FAILED,
)
ABLE = {"hibernation": True}

JUDGEMENTS: list[tuple[str, dict[str, Any], str, dict[str, Any], Fate, str]] = [
    # wanted, wish, state, instance -> fate, action or reason
    ("running", {}, "running", {}, THERE, ""),
    ("running", {}, "pending", {}, COMING, "start"),
    ("running", {}, "stopped", {}, ACT, "start"),
    ("running", {}, "stopping", {}, LATER, "start"),
    ("running", {"wait": False}, "stopping", {}, FAILED, "IncorrectInstanceState"),
    ("running", {}, "shutting-down", {}, FAILED, "IncorrectInstanceState"),
    ("running", {}, "terminated", {}, FAILED, "IncorrectInstanceState"),
    ("stopped", {}, "stopped", {}, THERE, ""),
    ("stopped", {}, "stopping", {}, COMING, "stop"),
    ("stopped", {"force": True}, "stopping", {}, ACT, "stop"),
    ("stopped", {"force": True}, "stopped", {}, THERE, ""),
    ("stopped", {}, "running", {}, ACT, "stop"),
    ("stopped", {}, "pending", {}, LATER, "stop"),
    ("stopped", {"wait": False}, "pending", {}, FAILED, "IncorrectInstanceState"),
    ("stopped", {}, "terminated", {}, FAILED, "IncorrectInstanceState"),
    ("hibernated", {}, "running", ABLE, ACT, "hibernate"),
    ("hibernated", {}, "pending", ABLE, LATER, "hibernate"),
    ("hibernated", {}, "running", {}, FAILED, "UnsupportedHibernationConfiguration"),
    ("hibernated", {}, "stopped", {}, THERE, ""),
    ("hibernated", {}, "stopping", {}, COMING, "hibernate"),
    ("restarted", {}, "running", {}, ACT, "reboot"),
    ("restarted", {}, "pending", {}, COMING, "start"),
    ("restarted", {}, "stopped", {}, SKIPPED, "stopped"),
    ("restarted", {}, "stopping", {}, SKIPPED, "stopped"),
    ("restarted", {"includes": "stopped"}, "stopped", {}, ACT, "start"),
    ("restarted", {"includes": "stopped"}, "stopping", {}, LATER, "start"),
    ("restarted", {}, "terminated", {}, FAILED, "IncorrectInstanceState"),
    # Left alone
    ("stopped", {}, "running", {"autoscaling_group": "web"}, SKIPPED, "autoscaling"),
    ("running", {}, "stopped", {"autoscaling_group": "web"}, SKIPPED, "autoscaling"),
    ("restarted", {}, "running", {"autoscaling_group": "web"}, SKIPPED, "autoscaling"),
    ("stopped", {}, "stopped", {"autoscaling_group": "web"}, THERE, ""),
    ("stopped", {"includes": "autoscaling"}, "running", {"autoscaling_group": "web"}, ACT, "stop"),
    ("stopped", {}, "running", {"spot": "one-time"}, SKIPPED, "spot"),
    ("stopped", {}, "running", {"spot": "unknown"}, SKIPPED, "spot"),
    ("stopped", {}, "running", {"spot": "persistent"}, ACT, "stop"),
    ("hibernated", {}, "running", {"spot": "one-time", **ABLE}, SKIPPED, "spot"),
    ("stopped", {"includes": "spot"}, "running", {"spot": "one-time"}, ACT, "stop"),
    ("restarted", {}, "running", {"spot": "one-time"}, ACT, "reboot"),
    ("running", {}, "stopped", {"spot": "unknown"}, ACT, "start"),
    ("stopped", {}, "running", {"root_device_type": "instance-store"}, SKIPPED, "instance_store"),
    ("hibernated", {}, "running", {"root_device_type": "instance-store"}, SKIPPED, "instance_store"),
    ("restarted", {}, "running", {"root_device_type": "instance-store"}, ACT, "reboot"),
    ("stopped", {"includes": "instance_store"}, "running", {"root_device_type": "instance-store"}, ACT, "stop"),
    ("stopped", {}, "running", {"tags": {"ignore": ""}}, SKIPPED, "ignored"),
    ("stopped", {}, "running", {"tags": {"ignore": "true"}}, SKIPPED, "ignored"),
    ("running", {}, "stopped", {"tags": {"ignore": "true"}}, SKIPPED, "ignored"),
    ("stopped", {}, "running", {"tags": {"ignore": "No"}}, ACT, "stop"),
    ("stopped", {}, "running", {"tags": {"ignore": " false "}}, ACT, "stop"),
    ("stopped", {}, "running", {"tags": {"Ignore": "true"}}, ACT, "stop"),
    ("stopped", {"includes": "ignored"}, "running", {"tags": {"ignore": "true"}}, ACT, "stop"),
    ("stopped", {"ignore_tag": ""}, "running", {"tags": {"": "x", "ignore": "x"}}, ACT, "stop"),
    ("stopped", {}, "pending", {"tags": {"ignore": "x"}}, SKIPPED, "ignored"),
    ("stopped", {"wait": False}, "pending", {"tags": {"ignore": "x"}}, SKIPPED, "ignored"),
    ("stopped", {}, "stopping", {"tags": {"ignore": "x"}}, COMING, "stop"),
    ("stopped", {"force": True}, "stopping", {"tags": {"ignore": "x"}}, SKIPPED, "ignored"),
    (
        "stopped",
        {"includes": "ignored"},
        "running",
        {"tags": {"ignore": "x"}, "autoscaling_group": "web"},
        SKIPPED,
        "autoscaling",
    ),
]


@pytest.mark.parametrize(
    ("wanted", "wish", "state", "traits", "fate", "word"),
    JUDGEMENTS,
    ids=[f"{number}-{row[0]}-{row[2]}" for number, row in enumerate(JUDGEMENTS)],
)
def test_judge(wanted: str, wish: dict[str, Any], state: str, traits: dict[str, Any], fate: Fate, word: str) -> None:
    wish = {"ignore_tag": "ignore", **wish, "includes": frozenset(wish.get("includes", "").split())}
    verdict = judge(instance(state, **traits), Wish(wanted, **wish))
    assert verdict.fate is fate
    assert (verdict.reason if fate in (SKIPPED, FAILED) else verdict.action) == word
    assert bool(verdict.message) == (fate in (SKIPPED, FAILED)), "what isn't done is explained, in words"


@pytest.mark.parametrize(
    ("acting", "matched", "limits", "refused"),
    [
        (5, 10, {}, ""),
        (5, 10, {"max_instances": 5}, ""),
        (6, 10, {"max_instances": 5}, "stop 6 instances, more than max_instances=5"),
        (1, 10, {"max_instances": 0}, "max_instances=0"),
        (0, 10, {"max_instances": 0, "max_percent": 0}, ""),
        (5, 10, {"max_percent": 50}, ""),
        (6, 10, {"max_percent": 50}, "stop 6 of 10 instances, more than max_percent=50"),
        (1, 3, {"max_percent": 33.3}, "max_percent=33.3"),
        (1, 3, {"max_percent": 33.4}, ""),
        (3, 3, {"max_percent": 100}, ""),
        (0, 0, {"max_percent": 0}, ""),
    ],
)
def test_limits(acting: int, matched: int, limits: dict[str, Any], refused: str) -> None:
    wish = Wish("stopped", **limits)
    if not refused:
        check_limits(acting, matched, wish)
        return
    with pytest.raises(Conflict, match=refused) as caught:
        check_limits(acting, matched, wish)
    assert caught.value.code == "LimitExceeded"


# What each look means

UP, DOWN = Wish("running", settle_time=10), Wish("stopped")


def looked(wish: Wish, track: Track, *seen: tuple[str, float] | tuple[str, float, str]) -> Track:
    for state, now, *reason in seen:
        if not track.finished:
            found = replace(track.instance, state=state, state_reason="".join(reason), state_message="".join(reason))
            track = advance(track, found if state != "nowhere" else None, now, wish)
    return track


LOOKS: list[tuple[Wish, str, tuple[Any, ...], bool, str, str]] = [
    # wish, state before, looks -> finished, state, error
    (DOWN, "running", (("stopping", 0),), False, "stopping", ""),
    (DOWN, "running", (("running", 0), ("stopping", 2), ("stopped", 5)), True, "stopped", ""),
    (DOWN, "running", (("running", 0), ("terminated", 2)), True, "terminated", "IncorrectInstanceState"),
    (DOWN, "running", (("shutting-down", 0),), True, "shutting-down", "IncorrectInstanceState"),
    (DOWN, "running", (("nowhere", 0),), True, "terminated", "IncorrectInstanceState"),
    (UP, "stopped", (("pending", 0),), False, "pending", ""),
    (UP, "stopped", (("running", 0),), False, "running", ""),
    (UP, "stopped", (("running", 0), ("running", 9.9)), False, "running", ""),
    (UP, "stopped", (("running", 0), ("running", 10)), True, "running", ""),
    (UP, "stopped", (("running", 0), ("pending", 5), ("running", 10)), False, "running", ""),
    (Wish("running"), "stopped", (("running", 0),), True, "running", ""),
    (UP, "stopped", (("pending", 0), ("stopped", 2, "Client.InternalError")), True, "stopped", "Client.InternalError"),
    (UP, "stopped", (("running", 0), ("stopping", 2, "Client.X")), True, "stopping", "Client.X"),
    (UP, "stopped", (("running", 0), ("stopped", 2)), True, "stopped", "StoppedAgain"),
    # Right after the start a look may be out of date
    (UP, "stopped", (("stopped", 0),), False, "stopped", ""),
    (UP, "stopped", (("stopped", 0, "Old.Reason"),), False, "stopped", ""),
    (UP, "stopped", (("stopped", 0, "New.Reason"),), True, "stopped", "New.Reason"),
    (UP, "stopped", (("stopped", 0), ("stopped", 2), ("pending", 5)), False, "pending", ""),
    (UP, "stopped", (("stopped", 0), ("stopped", 2), ("stopped", 5)), True, "stopped", "StoppedAgain"),
    # A reboot shows nothing
    (Wish("restarted", settle_time=10), "running", (("running", 0),), True, "running", ""),
    (Wish("restarted"), "running", (("stopped", 0), ("stopped", 1), ("stopped", 2)), True, "stopped", "StoppedAgain"),
]


@pytest.mark.parametrize(
    ("wish", "before", "looks", "finished", "state", "code"),
    LOOKS,
    ids=[f"{number}-{row[0].state}" for number, row in enumerate(LOOKS)],
)
def test_looks(wish: Wish, before: str, looks: tuple[Any, ...], finished: bool, state: str, code: str) -> None:
    track = accept(begin(instance(before, state_reason="Old.Reason"), wish), "", wish)
    track = looked(wish, track, *looks)
    assert (track.finished, track.state) == (finished, state)
    assert (track.error.code if track.error else "") == code
    assert track.error is None or track.error.message


def test_one_that_was_pending_and_stops_has_failed_at_once() -> None:
    track = looked(UP, begin(instance("pending"), UP), ("stopped", 0, "Client.InternalError"))
    assert track.outcome == "failed"


def test_one_that_waits_for_its_turn_gets_it_or_needs_nothing() -> None:
    track = begin(instance("pending"), DOWN)
    assert not looked(DOWN, track, ("pending", 0)).to_act
    assert looked(DOWN, track, ("pending", 0), ("running", 2)).to_act
    done = looked(DOWN, track, ("pending", 0), ("stopped", 2))
    assert (done.finished, done.outcome, done.to_act) == (True, "unchanged", False)


def test_when_time_is_over_one_that_runs_counts_as_running() -> None:
    track = accept(begin(instance("stopped"), UP), "pending", UP)
    assert time_is_over(looked(UP, track, ("running", 0)), UP).outcome == "changed"
    late = time_is_over(looked(UP, track, ("pending", 0)), UP)
    assert isinstance(late.error, Timeout)
    assert "is still pending after 600 s instead of running" in late.error.message


# Refused batches


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("The instance IDs 'i-0123456789abcdef0, i-0123456789abcdef1' do not exist", 2),
        ("The instance 'i-12345678' is not in a state from which it can be stopped.", 1),
        ("on resource: arn:aws:ec2:us-east-1:123456789012:instance/i-0123456789abcdef0 because", 1),
        ("twice i-12345678 and i-12345678", 1),
        ("eni-12345678 ami-0123456789abcdef0 i-123 i-0123456789abcdef01", 0),
        ("", 0),
    ],
)
def test_ids_in_messages(text: str, expected: int) -> None:
    assert len(ids_in(text)) == expected


def members(count: int, kind: Callable[[int], str] = lambda _number: "m5.large") -> list[Instance]:
    return [instance("stopped", number, instance_type=kind(number), zone="a") for number in range(count)]


@pytest.mark.parametrize(
    ("error", "named", "count", "blamed", "groups"),
    [
        (Conflict("x", code="IncorrectInstanceState"), [0], 1, 1, []),
        (Conflict("x", code="IncorrectInstanceState"), [], 1, 1, []),
        (Conflict("x", code="IncorrectInstanceState"), [2], 5, 1, [4]),
        (Conflict("x", code="IncorrectInstanceState"), [0, 1], 5, 2, [3]),
        (Conflict("x", code="IncorrectInstanceState"), [], 5, 0, [2, 3]),
        (Conflict("x", code="IncorrectInstanceState"), [0, 1, 2, 3, 4], 5, 0, [2, 3]),
        (Conflict("x", code="IncorrectInstanceState"), [77], 5, 0, [2, 3]),
        (Throttled("x", code="RequestLimitExceeded"), [0], 5, 5, []),
        (Timeout("x", code="ReadTimeoutError"), [], 5, 5, []),
        (Unavailable("x", code="InternalError"), [], 5, 5, []),
        (Unavailable("x", code="InsufficientInstanceCapacity"), [], 4, 0, [2, 2]),
        (Unavailable("x", code="InsufficientInstanceCapacity"), [], 1, 1, []),
        (Conflict("x", code="InsufficientHostCapacity"), [], 4, 0, [2, 2]),
        (Denied("x", code="UnauthorizedOperation"), [3], 4, 1, [3]),
    ],
)
def test_split_refused(error: CloudOpsError, named: list[int], count: int, blamed: int, groups: list[int]) -> None:
    found, left = split_refused(error, [instance(number=number).id for number in named], members(count))
    assert (len(found), [len(group) for group in left]) == (blamed, groups)


def test_capacity_is_split_by_type_and_zone() -> None:
    error = Unavailable("x", code="InsufficientInstanceCapacity")
    _blamed, groups = split_refused(error, [], members(9, lambda number: f"type-{number % 3}"))
    assert [len({member.instance_type for member in group}) for group in groups] == [1, 1, 1]


@dataclass
class FakeEC2(EC2Gateway):
    """A gateway whose calls are refused by rule instead of by a server."""

    refuses: Callable[[list[Instance]], CloudOpsError | None]
    calls: list[int] = field(default_factory=list)

    def __post_init__(self) -> None:
        self._concurrency = 1
        self._ec2: dict[str, Any] = {}

    def _call(self, action: str, members: Any, wish: Wish, dry_run: bool) -> list[Answer]:
        self.calls.append(len(members))
        if error := self.refuses(list(members)):
            raise error
        return [Answer(member, "stopping") for member in members]


def refuse(guilty: Iterable[str], error: Callable[[str], CloudOpsError], named: bool) -> Any:
    def rule(batch: list[Instance]) -> CloudOpsError | None:
        found = [member.id for member in batch if member.id in set(guilty)]
        return error(found[0] if named else "somebody") if found else None

    return rule


def personal(text: str) -> CloudOpsError:
    return Conflict(f"{text} can't", code="UnsupportedOperation")


@given(st.integers(1, 120), st.sets(st.integers(0, 119), max_size=12), st.booleans())
def test_every_innocent_member_gets_through_and_every_other_has_its_own_error(
    count: int, guilty: set[int], named: bool
) -> None:
    all_of_them = members(count)
    wanted = {member.id for number, member in enumerate(all_of_them) if number in guilty}
    gateway = FakeEC2(refuse(wanted, personal, named))
    answers = gateway.act("stop", all_of_them, DOWN)
    assert sorted(answer.instance.id for answer in answers) == sorted(member.id for member in all_of_them)
    assert {answer.instance.id for answer in answers if answer.error} == wanted
    assert all(answer.error.code == "UnsupportedOperation" for answer in answers if answer.error)
    assert all(answer.error.resource == answer.instance.label for answer in answers if answer.error)
    depth = count.bit_length() + 1
    assert len(gateway.calls) <= (len(wanted) + 1 if named else 1 + 2 * depth * len(wanted))


@pytest.mark.parametrize(("count", "calls"), [(1, 1), (BATCH, 1), (BATCH + 1, 2), (500, 3), (0, 0)])
def test_batches(count: int, calls: int) -> None:
    gateway = FakeEC2(lambda batch: None)
    assert len(gateway.act("stop", members(count), DOWN)) == count
    assert len(gateway.calls) == calls
    assert max(gateway.calls, default=0) <= BATCH


def test_each_region_has_its_own_batches() -> None:
    everywhere = [replace(member, region=f"region-{number % 3}") for number, member in enumerate(members(9))]
    gateway = FakeEC2(lambda batch: None)
    gateway.act("stop", everywhere, DOWN)
    assert gateway.calls == [3, 3, 3]


@pytest.mark.parametrize(
    ("error", "calls"),
    [
        (Denied("no", code="UnauthorizedOperation"), PATIENCE),
        (Invalid("no", code="InvalidParameterCombination"), PATIENCE),
        (Unavailable("no", code="InsufficientInstanceCapacity"), PATIENCE),
        (Throttled("no", code="RequestLimitExceeded"), 1),
        (Unavailable("no", code="InternalError"), 1),
    ],
)
def test_what_concerns_everybody_is_not_asked_for_each(error: CloudOpsError, calls: int) -> None:
    gateway = FakeEC2(lambda batch: error)
    answers = gateway.act("stop", members(BATCH), DOWN)
    assert len(gateway.calls) == calls
    assert [answer.error.code for answer in answers if answer.error] == [error.code] * BATCH


def test_one_denied_member_does_not_stop_the_search() -> None:
    all_of_them = members(BATCH)
    gateway = FakeEC2(refuse([all_of_them[0].id], lambda text: Denied(text, code="UnauthorizedOperation"), False))
    answers = gateway.act("stop", all_of_them, DOWN)
    assert [answer.instance.id for answer in answers if answer.error] == [all_of_them[0].id]


@given(st.integers(1, 60), st.integers(0, 60))
def test_as_many_start_as_there_is_room_for(count: int, room: int) -> None:
    """A zone with room for some: what fits starts, within the last few, and the rest is refused with few calls."""
    started: list[str] = []

    def rule(batch: list[Instance]) -> CloudOpsError | None:
        if len(started) + len(batch) > room:
            return Unavailable("full", code="InsufficientInstanceCapacity")
        started.extend(member.id for member in batch)
        return None

    gateway = FakeEC2(rule)
    answers = gateway.act("start", members(count), UP)
    assert sum(answer.error is None for answer in answers) == len(started) == min(count, room)


# A whole run, with a world and a clock of its own


@dataclass
class World:
    """Instances that change with time, and a gateway's face on them."""

    instances: dict[str, Instance]
    delay: float = 20
    stuck: frozenset[str] = frozenset()
    refused: Mapping[str, CloudOpsError] = field(default_factory=dict)
    time: float = 0
    looks: list[float] = field(default_factory=list)
    sent: list[tuple[str, list[str], bool]] = field(default_factory=list)
    due: dict[str, tuple[float, str]] = field(default_factory=dict)

    @property
    def clock(self) -> Clock:
        return Clock(now=lambda: self.time, sleep=self.sleep)

    def sleep(self, seconds: float) -> None:
        assert seconds > 0
        self.time += seconds

    def check_support(self, wish: Wish) -> None:
        """Everything is supported here."""

    def find(self, selection: Selection, *, spot_requests: bool = False) -> Found:
        return Found(tuple(self.instances.values()))

    def look(self, asked: Iterable[Instance]) -> dict[str, Instance]:
        self.looks.append(self.time)
        for key, (when, state) in self.due.items():
            if self.time >= when:
                self.instances[key] = replace(self.instances[key], state=state)
        wanted = [one.id for one in asked]
        assert wanted, "nobody is asked about"
        return {key: self.instances[key] for key in wanted}

    def act(self, action: str, asked: Iterable[Instance], wish: Wish, *, dry_run: bool = False) -> list[Answer]:
        ids = [one.id for one in asked]
        self.sent.append((action, ids, dry_run))
        answers = []
        for key in ids:
            if key in self.refused:
                answers.append(Answer(self.instances[key], error=self.refused[key]))
                continue
            if not dry_run:
                state, goal = ("pending", "running") if action == "start" else ("stopping", "stopped")
                self.instances[key] = replace(self.instances[key], state=state)
                if key not in self.stuck:
                    self.due[key] = (self.time + self.delay, goal)
            answers.append(Answer(self.instances[key], "" if dry_run else state))
        return answers


def world(*states: str, **more: Any) -> World:
    return World({one.id: one for one in (instance(state, number) for number, state in enumerate(states))}, **more)


def run(world: World, wish: Wish, **options: Any) -> dict[str, Any]:
    fleet = FleetPower(world, wish, world.clock)  # type: ignore[arg-type]
    fleet.prepare(Selection(tags={"a": "b"}), **options)
    plan = fleet.carry_out()
    return {**fleet.result(), "actions": plan.actions(), "story": fleet.timeout_story()}


def test_all_are_polled_together_with_growing_pauses() -> None:
    seen = world(*["running"] * 7, delay=20)
    result = run(seen, DOWN)
    assert result["counts"]["changed"] == 7
    assert seen.looks == [0, 2, 5, 9.5, 16.25, 26.375]
    assert seen.sent == [("stop", list(seen.instances), False)]


def test_mixed_states_end_in_one() -> None:
    seen = world("running", "pending", "stopping", "stopped")
    seen.due = {instance(number=1).id: (30, "running"), instance(number=2).id: (8, "stopped")}
    result = run(seen, DOWN)
    assert [item["outcome"] for item in result["instances"]] == ["changed", "changed", "on_the_way", "unchanged"]
    assert {item["after"] for item in result["instances"]} == {"stopped"}
    assert [(action, len(ids)) for action, ids, _dry_run in seen.sent] == [("stop", 1), ("stop", 1)]
    assert seen.time > 50


def test_who_is_late_is_told_from_who_is_there() -> None:
    seen = world("running", "running", "running")
    seen.stuck = frozenset([instance(number=1).id])
    result = run(seen, replace(DOWN, wait_timeout=60))
    assert result["counts"] == {"changed": 2, "unchanged": 0, "on_the_way": 0, "skipped": 0, "failed": 1}
    assert [failure["code"] for failure in result["failures"]] == ["Timeout"]
    assert result["story"] == f"time is over: 2 got there, 1 did not: {instance(number=1).id} is stopping"
    assert len(result["actions"]) == 3
    assert seen.time == 60


def test_a_start_is_watched_until_it_has_settled() -> None:
    seen = world("stopped", delay=1)
    run(seen, UP)
    assert seen.looks == [0, 2, 5, 9.5, 16.25]


def test_stop_protection_skips_and_other_refusals_fail() -> None:
    seen = world("running", "running", "running")
    ids = list(seen.instances)
    text = f"The instance '{ids[0]}' may not be stopped. Modify its 'disableApiStop' instance attribute and try again."
    seen.refused = {
        ids[0]: Conflict(text, code="OperationNotPermitted"),
        ids[1]: Conflict("for another reason", code="OperationNotPermitted"),
    }
    result = run(seen, DOWN)
    assert [item["outcome"] for item in result["instances"]] == ["skipped", "failed", "changed"]
    assert result["skipped_instances"][0]["reason"] == "stop_protection"
    assert result["story"] == ""


def test_permissions_are_asked_for_before_anything_is_sent() -> None:
    seen = world("running", "running", "pending")
    fleet = FleetPower(seen, DOWN, seen.clock)  # type: ignore[arg-type]
    fleet.prepare(Selection(tags={"a": "b"}), permission_check=True)
    assert seen.sent == [("stop", list(seen.instances), True)]


def test_an_empty_fleet_asks_nothing() -> None:
    seen = world()
    assert run(seen, DOWN, permission_check=True)["matched"] == 0
    assert (seen.sent, seen.looks) == ([], [])


@given(
    st.lists(st.sampled_from(["pending", "running", "stopping", "stopped"]), max_size=12),
    st.sampled_from(["running", "stopped"]),
    st.floats(0, 100),
)
def test_every_fleet_gets_there_and_stays(states: list[str], wanted: str, delay: float) -> None:
    seen = world(*states, delay=delay)
    for key, one in seen.instances.items():
        if one.state in ("pending", "stopping"):
            seen.due[key] = (delay, "running" if one.state == "pending" else "stopped")
    result = run(seen, Wish(wanted, settle_time=10))
    assert {one.state for one in seen.instances.values()} <= {wanted}
    assert result["failures"] == []
    assert len(seen.sent) <= 2 + len(states)
    again = run(seen, Wish(wanted, settle_time=10))
    assert again["actions"] == []
    assert again["counts"]["unchanged"] == len(states)


def test_a_parameter_that_the_sdk_lacks_is_refused_by_name() -> None:
    client = boto3.session.Session("a", "b", region_name="eu-central-1").client("ec2")

    class Clients:
        def client(self, service: str, region: str | None) -> Any:
            return client

    gateway, wish = EC2Gateway(Clients()), Wish("stopped", skip_os_shutdown=True)  # type: ignore[arg-type]
    members = client.meta.service_model.operation_model("StopInstances").input_shape.members
    if members.pop("SkipOsShutdown", None):  # the oldest boto3 that is supported hasn't got it
        members["SkipOsShutdown"] = None
        gateway.check_support(wish)
        del members["SkipOsShutdown"]
    with pytest.raises(Invalid, match="skip_os_shutdown"):
        gateway.check_support(wish)
    gateway.check_support(Wish("stopped", force=True))
    client.close()


def options(**given: Any) -> dict[str, Any]:
    return {"instance_ids": None, "tags": None, "filters": None, **given}


def test_values_are_read_as_yaml_means_them() -> None:
    found = selection_from(options(tags={"on": True, "port": 8080, "note": None}, filters={"tag:x": [True, 1, "a"]}))
    assert found.tags == {"on": "true", "port": "8080", "note": ""}
    assert found.filters == {"tag:x": ("true", "1", "a")}


def test_ids_are_taken_once_in_their_order() -> None:
    ids = ["i-0123456789abcdef1", "i-12345678", "i-0123456789abcdef1"]
    assert selection_from(options(instance_ids=ids)).instance_ids == tuple(ids[:2])


@given(st.text(max_size=25))
def test_only_instance_ids_are_instance_ids(text: str) -> None:
    if re.fullmatch(r"i-([0-9a-f]{8}|[0-9a-f]{17})", text):
        return
    with pytest.raises(Invalid, match="isn't an instance id"):
        selection_from(options(instance_ids=[text]))
