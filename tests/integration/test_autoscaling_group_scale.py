# Copyright (c) 2026 cloudops.core contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""autoscaling_group_scale against moto behind the Auto Scaling guard."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import pytest
import yaml
from ansible_collections.cloudops.core.plugins.modules import autoscaling_group_scale as plugin

from tests.integration.autoscaling import KEYS, REGION, Groups, aws_client
from tests.integration.harness import ModuleRunner, Play
from tests.servers.fault_proxy import FaultProxy
from tests.servers.faults import Answer, Drop, Hook, Rule
from tests.servers.moto import MotoServer

STATE, PARKED = "cloudops.core/scaling-state", "cloudops.core/parked"
NOW = "2026-03-01T10:00:00Z"
POLICY: dict[str, Any] = {
    "min": 1,
    "max": 4,
    "rules": [{"metric": "cpu", "above": 70, "up": 1, "below": 50, "down": 1}],
    "cooldown": {"up": 60, "down": 60},
    "behavior": {"scale_down": {"stabilization_window_seconds": 0}},
}
ONE_TRY = {"retries": {"total_max_attempts": 1}}
READS = {"DescribeAutoScalingGroups", "DescribePolicies", "DescribeScheduledActions", "DescribeInstanceRefreshes"}


def cpu(value: float | None, **more: Any) -> list[dict[str, Any]]:
    return [{"name": "cpu", "value": value, "timestamp": NOW, **more}]


@pytest.fixture(scope="module")
def server() -> Iterator[MotoServer]:
    """A moto of this file's own: its groups launch instances."""
    with MotoServer() as server:
        yield server


@pytest.fixture(scope="module")
def client(server: MotoServer) -> Iterator[Any]:
    """A client straight to the server, past the guard."""
    client = aws_client("autoscaling", server.endpoint)
    yield client
    client.close()


@pytest.fixture
def groups(server: MotoServer, client: Any, run_module: ModuleRunner) -> Iterator[Groups]:
    """No groups yet, behind a guard."""
    with FaultProxy(server.endpoint) as proxy:
        groups = Groups(server.endpoint, proxy, run_module, client)
        yield groups
        groups.remove()


def by_name(result: dict[str, Any]) -> dict[str, dict[str, Any]]:
    return {item["name"].partition("-")[2]: item for item in result["results"]}


def codes(result: dict[str, Any]) -> dict[str, str]:
    return {item["name"].partition("-")[2]: item["code"] for item in result["failures"]}


def told(result: dict[str, Any]) -> dict[str, Any]:
    """What check mode and a real run have to agree on."""
    moving = ("in_service", "waited", "decision")
    results = [{key: value for key, value in item.items() if key not in moving} for item in result["results"]]
    return {**{key: result.get(key) for key in ("changed", "diff", "actions", "counts", "matched")}, "results": results}


# The twelve: up, down, to nothing and back, each in check and in real mode, each repeated


@pytest.mark.parametrize(
    ("before", "params", "after", "line"),
    [
        ((0, 1, 4), {"desired": 3}, (0, 3, 4), "scale {} from 1 to 3"),
        ((1, 2, 4), {"desired": 6, "max_size": 8}, (1, 6, 8), "scale {} from 2 to 6 (max 4 to 8)"),
        ((1, 2, 4), {"max_size": 1}, (1, 1, 1), "scale {} from 2 to 1 (max 4 to 1)"),
    ],
    ids=["up", "with-max", "max-lowers"],
)
def test_check_real_again(
    groups: Groups, before: tuple[int, int, int], params: dict[str, int], after: tuple[int, int, int], line: str
) -> None:
    web, tags = groups.add("web", *before, Name="web"), {"Name": "web"}
    planned = groups.scale(check=True, **params)
    assert groups.scale(check=True, **params)["changed"]
    assert groups.sizes(web) == before
    assert groups.guard.writes == []
    assert set(planned["api_calls"]) <= READS

    done = groups.scale(**params)
    assert told(done) == told(planned)
    assert (done["changed"], done["actions"]) == (True, [line.format(web)])
    assert groups.sizes(web) == after
    assert groups.tags_of(web) == tags
    assert by_name(done)["web"]["after"] == after[1]
    for check in (False, True):
        again = groups.scale(check=check, **params)
        assert (again["changed"], again["actions"]) == (False, [])
        assert again["counts"] == {"changed": 0, "unchanged": 1, "skipped": 0, "failed": 0}
        assert again["diff"]["before"] == again["diff"]["after"] == {}
        assert again["api_calls"] == {"DescribeAutoScalingGroups": 1}


def test_only_what_changes_is_sent(groups: Groups) -> None:
    web = groups.add("web", 1, 2, 4)
    groups.scale(desired=3)
    groups.scale(desired=3, min_size=2)
    groups.scale(desired=4, max_size=4)
    groups.scale(desired=5, min_size=2, max_size=6)
    name = {"AutoScalingGroupName": web}
    assert groups.guard.writes == [
        ("SetDesiredCapacity", {**name, "DesiredCapacity": "3", "HonorCooldown": "false"}),
        ("UpdateAutoScalingGroup", {**name, "MinSize": "2"}),
        ("SetDesiredCapacity", {**name, "DesiredCapacity": "4", "HonorCooldown": "false"}),
        ("UpdateAutoScalingGroup", {**name, "DesiredCapacity": "5", "MaxSize": "6"}),
    ]


def test_parked_and_back(groups: Groups) -> None:
    web = groups.add("web", 1, 2, 4)
    planned = groups.scale(state="parked", check=True)
    assert groups.guard.writes == []
    done = groups.scale(state="parked")
    assert told(done) == told(planned)
    assert groups.sizes(web) == (0, 0, 0)
    assert groups.tags_of(web) == {PARKED: "min=1 desired=2 max=4"}
    assert [name for name, _form in groups.guard.writes] == ["CreateOrUpdateTags", "UpdateAutoScalingGroup"]
    assert groups.guard.sent("CreateOrUpdateTags")[0]["Tags.member.1.PropagateAtLaunch"] == "false"
    assert groups.raw(web)["Instances"] == []
    assert not groups.scale(state="parked")["changed"]
    assert not groups.scale(state="parked", check=True)["changed"]

    planned = groups.scale(state="unparked", check=True)
    groups.guard.writes.clear()
    done = groups.scale(state="unparked")
    assert told(done) == told(planned)
    assert (groups.sizes(web), groups.tags_of(web)) == ((1, 2, 4), {})
    assert [name for name, _form in groups.guard.writes] == ["UpdateAutoScalingGroup", "DeleteTags"]
    assert by_name(done)["web"]["in_service"] == 2
    assert not groups.scale(state="unparked")["changed"]
    assert not groups.scale(state="unparked", check=True)["changed"]


@pytest.mark.parametrize("state", ["parked", "unparked"])
def test_a_second_run_completes_one_that_was_killed_between_its_writes(groups: Groups, state: str) -> None:
    web = groups.add("web", 1, 2, 4)
    if state == "unparked":
        groups.scale(state="parked")
    second = {"parked": "UpdateAutoScalingGroup", "unparked": "DeleteTags"}[state]
    hold = groups.proxy.hold(second)
    groups.proxy.rules.insert(0, groups.proxy.rules.pop())
    params = {**groups.options, "tags": groups.tags, "state": state}
    with groups.run_module.started("autoscaling_group_scale", params) as process:
        assert hold.wait_until_reached()
        process.kill()
        process.wait()
    hold.release()
    groups.proxy.rules.pop(0)
    assert groups.tags_of(web) == {PARKED: "min=1 desired=2 max=4"}
    assert groups.sizes(web) == (1, 2, 4)
    result = groups.scale(state=state)
    assert result["changed"]
    if state == "parked":
        assert (groups.sizes(web), groups.tags_of(web)) == ((0, 0, 0), {PARKED: "min=1 desired=2 max=4"})
        groups.scale(state="unparked")
    assert (groups.sizes(web), groups.tags_of(web)) == ((1, 2, 4), {})


def test_a_parked_group_is_left_to_who_parked_it(groups: Groups) -> None:
    web = groups.add("web", 1, 2, 4)
    groups.scale(state="parked")
    held = groups.scale(policy=POLICY, metrics=cpu(99), now=NOW)
    assert (held["changed"], by_name(held)["web"]["reason"]) == (False, "paused")
    assert "is parked" in by_name(held)["web"]["message"]
    assert codes(groups.scale(desired=0, min_size=0, max_size=3, fails=True)) == {"web": "Parked"}
    assert groups.sizes(web) == (0, 0, 0)
    assert groups.scale(desired=1, max_size=3, on_owner="force")["changed"]
    # Somebody woke it up a little; the note knows more, and stays.
    assert groups.scale(state="parked")["changed"]
    assert groups.tags_of(web) == {PARKED: "min=1 desired=2 max=4"}


# Selecting


def test_selection(groups: Groups) -> None:
    groups.guard.page_size = 2
    for name, team in (("a", "web"), ("b", "web"), ("c", "db"), ("d", "web")):
        groups.add(name, 0, 0, 4, team=team)
    assert list(by_name(groups.scale(desired=0))) == ["a", "b", "c", "d"]
    assert groups.guard.pages == 2
    assert list(by_name(groups.scale(desired=0, tags={**groups.tags, "team": "web"}))) == ["a", "b", "d"]
    filters = {"tag:team": ["db", "mail"], "tag:fleet": groups.fleet}
    assert list(by_name(groups.scale(desired=0, filters=filters))) == ["c"]
    names = [f"{groups.fleet}-{name}" for name in ("d", "c", "nobody", "a")]
    result = groups.scale(desired=0, names=names, tags={"team": "web"}, fails=True)
    assert list(by_name(result)) == ["d", "nobody", "a"]
    assert codes(result) == {"nobody": "NotFound"}
    nothing = groups.scale(desired=0, tags={**groups.tags, "team": "mail"})
    assert (nothing["matched"], nothing["results"], nothing["changed"]) == (0, [], False)


def test_a_name_that_does_not_exist_keeps_none_of_the_others(groups: Groups) -> None:
    web = groups.add("web")
    result = groups.scale(names=["nobody", web], desired=2, fails=True)
    assert [item["outcome"] for item in result["results"]] == ["failed", "changed"]
    assert result["changed"]
    assert "nobody" in result["msg"]
    assert groups.sizes(web)[1] == 2


def test_many_groups_take_few_calls(groups: Groups) -> None:
    names = [groups.add(f"g{number:03}", 0, 0, 1) for number in range(101)]
    result = groups.scale(names=names, desired=1, on_owner="force", concurrency=16)
    assert result["counts"] == {"changed": 101, "unchanged": 0, "skipped": 0, "failed": 0}
    assert result["api_calls"] == {"DescribeAutoScalingGroups": 4, "SetDesiredCapacity": 101}
    checked = groups.scale(names=names[:15], desired=0, check=True)
    calls = {"DescribeAutoScalingGroups": 1, "DescribeInstanceRefreshes": 15}
    assert checked["api_calls"] == {**calls, "DescribePolicies": 1, "DescribeScheduledActions": 1}
    groups.scale(names=names, desired=0, on_owner="force", wait=False)


# Steps and bounds


@pytest.mark.parametrize(
    ("sizes", "params", "after", "limited"),
    [
        ((0, 2, 9), {"change": "+2"}, 4, []),
        ((0, 2, 9), {"change": "+50%", "max": 2}, 2, ["max"]),
        ((0, 2, 9), {"change": -5}, 1, ["min"]),
    ],
    ids=str,
)
def test_change(
    groups: Groups, sizes: tuple[int, int, int], params: dict[str, Any], after: int, limited: list[str]
) -> None:
    web = groups.add("web", *sizes)
    result = by_name(groups.scale(wait=False, **params))["web"]
    assert (result["after"], result["limited_by"]) == (after, limited)
    assert groups.sizes(web) == (sizes[0], after, sizes[2])


def test_a_size_beyond_the_bounds_says_how_to_move_them(groups: Groups) -> None:
    groups.add("web", 1, 1, 2)
    groups.set_tag(groups.add("db", 1, 1, 9), "cloudops.core/max", "3")
    result = groups.scale(desired=5, fails=True)
    assert codes(result) == {"web": "OutOfBounds", "db": "OutOfBounds"}
    messages = {item["name"].partition("-")[2]: f"{item['message']}. {item['hint']}" for item in result["failures"]}
    assert messages["web"] == "desired 5 is above its max_size, which is 2. Give max_size, too, to move it along."
    assert "tag cloudops.core/max, which is 3" in messages["db"]
    assert groups.guard.writes == []


def test_tags_that_leave_it_alone(groups: Groups) -> None:
    for name, key, value in (
        ("excluded", "exclude", "true"),
        ("paused", "paused", "yes"),
        ("until", "paused-until", "2999-01-01T00:00:00Z"),
        ("over", "paused-until", "2020-01-01T00:00:00Z"),
        ("not", "paused", "false"),
        ("odd", "min", "many"),
    ):
        groups.set_tag(groups.add(name), f"cloudops.core/{key}", value)
    result = groups.scale(change="+1", wait=False, fails=True)
    outcomes = {name: (item["outcome"], item["reason"]) for name, item in by_name(result).items()}
    assert outcomes == {
        "excluded": ("skipped", "excluded"),
        "paused": ("skipped", "paused"),
        "until": ("skipped", "paused"),
        "over": ("changed", "manual"),
        "not": ("changed", "manual"),
        "odd": ("failed", "BadTag"),
    }
    included = groups.scale(desired=1, check=True, include_paused=True, include_excluded=True, fails=True)
    assert included["counts"]["skipped"] == 0


# By policy


def test_policy(groups: Groups) -> None:
    web = groups.add("web", 1, 2, 4)
    planned = groups.scale(policy=POLICY, metrics=cpu(90), now=NOW, check=True)
    done = groups.scale(policy=POLICY, metrics=cpu(90), now=NOW)
    assert told(done) == told(planned)
    assert done["actions"] == [f"scale {web} from 2 to 3"]
    assert by_name(done)["web"]["reason"] == "threshold"
    assert by_name(done)["web"]["decision"]["desired"] == 3
    assert [name for name, _form in groups.guard.writes] == ["CreateOrUpdateTags", "SetDesiredCapacity"]
    state = json.loads(groups.tags_of(web)[STATE])
    assert state["events"] == [[0, 1]]
    assert not any(tag["PropagateAtLaunch"] for tag in groups.raw(web)["Tags"])
    assert done["diff"]["after"] == {web: {"desired": 3}}

    again = groups.scale(policy=POLICY, metrics=cpu(90), now=NOW)
    assert (again["changed"], by_name(again)["web"]["reason"]) == (False, "cooldown")
    later = groups.scale(policy=POLICY, metrics=cpu(40, age=1), now="2026-03-01T10:05:00Z")
    assert by_name(later)["web"]["after"] == 2
    missing = groups.scale(policy=POLICY, metrics=cpu(None), now="2026-03-01T11:00:00Z")
    assert (missing["changed"], by_name(missing)["web"]["reason"]) == (False, "metric_missing")


def test_a_policy_stays_within_the_bounds_of_group_and_tags(groups: Groups) -> None:
    groups.add("low", 3, 3, 9)
    groups.add("high", 0, 2, 2)
    groups.set_tag(groups.add("marked", 0, 2, 9), "cloudops.core/max", "2")
    metrics = [*cpu(30, target=f"{groups.fleet}-low"), *cpu(90)]
    result = by_name(groups.scale(policy=POLICY, metrics=metrics, now=NOW, wait=False))
    assert {name: item["after"] for name, item in result.items()} == {"low": 3, "high": 2, "marked": 2}
    assert {name: item["outcome"] for name, item in result.items()} == dict.fromkeys(result, "unchanged")
    assert "max" in result["high"]["limited_by"]


def test_the_state_fits_into_a_tag(groups: Groups) -> None:
    web = groups.add("web", 0, 10, 100)
    known = {"v": 1, "at": 1772359140, "high": [[3000 - 60 * number, 60 - number] for number in range(40)]}
    groups.set_tag(web, STATE, json.dumps(known))
    policy = {**POLICY, "max": 100, "behavior": {"scale_down": {"stabilization_window_seconds": 3600}}}
    result = groups.scale(policy=policy, metrics=cpu(30), now=NOW)
    # A group in hold whose state is written hasn't changed.
    assert (result["changed"], result["actions"], by_name(result)["web"]["outcome"]) == (False, [], "unchanged")
    assert by_name(result)["web"]["reason"] == "stabilized"
    text = groups.tags_of(web)[STATE]
    assert len(json.dumps(known)) > 256 >= len(text)
    state = json.loads(text)
    assert (state["at"], state["high"][0][1], state["high"][-1]) == (1772359200, 60, [0, 9])


def test_a_group_that_moved_before_the_write_is_decided_anew(groups: Groups) -> None:
    web = groups.add("web", 1, 2, 4)
    move = Hook(lambda request: groups.client.set_desired_capacity(AutoScalingGroupName=web, DesiredCapacity=4))
    groups.proxy.rules.insert(0, Rule(move, "DescribePolicies", first=1))
    result = groups.scale(policy=POLICY, metrics=cpu(90), now=NOW)
    assert (
        by_name(result)["web"] | {"before": 4, "after": 4, "attempts": 2, "outcome": "unchanged"}
        == by_name(result)["web"]
    )
    assert groups.sizes(web) == (1, 4, 4)
    assert groups.guard.sent("SetDesiredCapacity") == []


def test_a_step_is_taken_from_what_the_group_is_at_the_write(groups: Groups) -> None:
    web = groups.add("web", 1, 1, 9)
    move = Hook(lambda request: groups.client.set_desired_capacity(AutoScalingGroupName=web, DesiredCapacity=4))
    groups.proxy.rules.insert(0, Rule(move, "DescribePolicies"))
    result = groups.scale(change="+2")
    assert (by_name(result)["web"]["before"], groups.sizes(web)[1]) == (4, 6)
    limited = groups.scale(change="+100%", max_instances_change=6, wait=False, fails=True)
    assert groups.sizes(web)[1] == 4
    assert codes(limited) == {"web": "ChangedMeanwhile"}
    assert not limited["changed"]


def test_two_at_the_same_time_scale_once(groups: Groups) -> None:
    web = groups.add("web", 1, 2, 9)
    policy = {**POLICY, "max": 9}
    params = {
        **groups.options,
        "tags": groups.tags,
        "policy": policy,
        "metrics": cpu(90),
        "now": NOW,
        "wait_timeout": 40,
    }
    start = groups.run_module.started
    with (
        start("autoscaling_group_scale", params) as one,
        start("autoscaling_group_scale", params) as other,
    ):
        results = [json.loads(process.communicate(timeout=60)[0]) for process in (one, other)]
    assert groups.sizes(web)[1] == 3
    assert not any(result.get("failed") for result in results)
    assert any(result["changed"] for result in results)
    assert json.loads(groups.tags_of(web)[STATE])["events"] == [[0, 1]]


def test_a_policy_that_was_killed_before_the_size_was_set_scales_after_the_cooldown(groups: Groups) -> None:
    web = groups.add("web", 1, 2, 4)
    hold = groups.proxy.hold("SetDesiredCapacity")
    groups.proxy.rules.insert(0, groups.proxy.rules.pop())
    params = {**groups.options, "tags": groups.tags, "policy": POLICY, "metrics": cpu(90), "now": NOW}
    with groups.run_module.started("autoscaling_group_scale", params) as process:
        assert hold.wait_until_reached()
        process.kill()
        process.wait()
    hold.release()
    assert groups.sizes(web)[1] == 2
    at_once = groups.scale(policy=POLICY, metrics=cpu(90), now="2026-03-01T10:00:30Z")
    assert by_name(at_once)["web"]["reason"] == "cooldown"
    later = groups.scale(policy=POLICY, metrics=cpu(90), now="2026-03-01T10:01:10Z")
    assert (by_name(later)["web"]["after"], groups.sizes(web)[1]) == (3, 3)


@pytest.mark.parametrize("known", [False, True], ids=["first", "later"])
def test_a_refused_size_is_not_remembered(groups: Groups, known: bool) -> None:
    web = groups.add("web", 1, 2, 4)
    if known:
        groups.scale(policy=POLICY, metrics=cpu(60), now="2026-03-01T09:00:00Z")
    before = groups.tags_of(web)
    groups.guard.cooling.add(web)
    result = groups.scale(policy=POLICY, metrics=cpu(90), now=NOW, honor_cooldown=True, fails=True)
    assert codes(result) == {"web": "ScalingActivityInProgress"}
    assert "run again later" in result["msg"]
    assert (groups.sizes(web)[1], groups.tags_of(web)) == (2, before)
    assert not result["changed"]
    assert groups.scale(policy=POLICY, metrics=cpu(90), now=NOW)["changed"]


# Who else acts on it


def arrange(groups: Groups, name: str, company: str) -> None:
    if company in ("Launch", "Terminate"):
        groups.client.suspend_processes(AutoScalingGroupName=name, ScalingProcesses=[company])
    elif company == "refresh":
        groups.guard.refreshes[name] = "InProgress"
    elif company == "deleted":
        groups.guard.statuses[name] = "Delete in progress"
    elif company == "policy":
        groups.client.put_scaling_policy(
            AutoScalingGroupName=name,
            PolicyName="cpu50",
            PolicyType="SimpleScaling",
            AdjustmentType="ChangeInCapacity",
            ScalingAdjustment=1,
        )


@pytest.mark.parametrize(
    ("company", "desired", "code", "forced"),
    [
        ("Launch", 2, "ProcessesSuspended", True),
        ("Terminate", 0, "ProcessesSuspended", True),
        ("refresh", 2, "InstanceRefreshInProgress", True),
        ("policy", 2, "ScalingPolicies", True),
        ("deleted", 2, "DeleteInProgress", False),
    ],
)
def test_company(groups: Groups, company: str, desired: int, code: str, forced: bool) -> None:
    web, other = groups.add("web"), groups.add("other")
    arrange(groups, web, company)
    failed = groups.scale(desired=desired, fails=True)
    assert codes(failed) == {"web": code}
    assert groups.sizes(other)[1] == desired
    skipped = groups.scale(desired=desired, on_owner="skip", check=True)
    item = by_name(skipped)["web"]
    assert (item["outcome"], item["reason"], groups.sizes(web)[1]) == ("skipped", "external_owner", 1)
    result = groups.scale(desired=desired, on_owner="force", wait_timeout=5, fails=not forced)
    assert groups.sizes(web)[1] == (desired if forced else 1)
    assert set(result["api_calls"]) <= {"DescribeAutoScalingGroups", "SetDesiredCapacity"}
    if code == "ProcessesSuspended":
        assert "not awaited" in by_name(result)["web"]["message"]


def test_company_that_does_not_matter(groups: Groups) -> None:
    web = groups.add("web")
    arrange(groups, web, "Terminate")
    assert groups.scale(desired=2)["changed"]  # up
    groups.client.resume_processes(AutoScalingGroupName=web, ScalingProcesses=["Terminate"])
    arrange(groups, web, "policy")
    assert groups.scale(max_size=5)["changed"]  # bounds are no business of theirs
    assert groups.scale(state="parked")["changed"]  # which leaves policies no room
    assert groups.scale(state="unparked")["changed"]
    groups.client.suspend_processes(AutoScalingGroupName=web, ScalingProcesses=["AlarmNotification"])
    assert groups.scale(desired=3)["changed"]


def test_scheduled_actions_are_mentioned(groups: Groups) -> None:
    web = groups.add("web")
    groups.client.put_scheduled_update_group_action(
        AutoScalingGroupName=web,
        ScheduledActionName="night",
        StartTime="2999-01-01T20:00:00Z",
        DesiredCapacity=0,
        MinSize=0,
        MaxSize=4,
    )
    result = by_name(groups.scale(desired=2))["web"]
    assert result["message"] == "from 1 to 2; scheduled: night sets min 0, desired 0, max 4 at 2999-01-01T20:00:00Z"


def test_company_that_may_not_be_seen_is_a_failure_of_that_group(groups: Groups) -> None:
    groups.add("web")
    groups.add("idle", 0, 2, 4)
    denied = Answer("AccessDenied", 403, "not authorized to perform autoscaling:DescribePolicies")
    groups.proxy.rules.insert(0, Rule(denied, "DescribePolicies"))
    result = groups.scale(desired=2, fails=True)
    assert codes(result) == {"web": "AccessDenied"}
    assert by_name(result)["idle"]["outcome"] == "unchanged"
    assert "DescribePolicies" in result["msg"]


# Waiting


def test_waiting(groups: Groups) -> None:
    groups.add("up", 0, 1, 4)
    groups.add("down", 0, 4, 4)
    groups.guard.pending = 1
    result = groups.scale(desired=2, wait_terminated=True)
    assert {name: item["in_service"] for name, item in by_name(result).items()} == {"up": 2, "down": 2}
    assert all(item["waited"] >= 1.5 for item in result["results"])
    assert result["api_calls"]["DescribeAutoScalingGroups"] == 3
    quick = groups.scale(change="+1", wait=False)
    assert [item["waited"] for item in quick["results"]] == [0, 0]
    # What has the size already, but not yet its instances, is waited for, too.
    groups.guard.pending = 2
    groups.scale(desired=4, wait=False)
    again = groups.scale(desired=4)
    assert not again["changed"]
    assert {item["in_service"] for item in again["results"]} == {4}


def test_a_timeout_says_how_far_it_came_and_what_failed(groups: Groups) -> None:
    web, fine = groups.add("web", 0, 1, 4), groups.add("fine", 0, 1, 4)
    groups.guard.stuck.add(web)
    groups.guard.activities[web] = [
        ("Failed", "2026-03-01T09:00:00Z", "an old story"),
        ("Failed", "2026-03-01T10:00:00Z", "no t3.micro capacity in eu-central-1a"),
        ("Successful", "2026-03-01T10:01:00Z", "fine"),
    ]
    result = groups.scale(desired=3, wait_timeout=1, fails=True)
    assert codes(result) == {"web": "Timeout"}
    assert "1 of 3 in service (2 Pending)" in result["msg"]
    assert "2026-03-01T10:00:00Z no t3.micro capacity in eu-central-1a" in result["msg"]
    assert by_name(result)["web"] | {"changed": True, "after": 3, "outcome": "failed"} == by_name(result)["web"]
    assert by_name(result)["fine"]["outcome"] == "changed"
    assert (groups.sizes(web)[1], groups.sizes(fine)[1]) == (3, 3)
    groups.guard.activities[web] = []
    again = groups.scale(desired=3, wait_timeout=0, fails=True)
    assert "none of its latest scaling activities has failed" in again["msg"]


def test_a_group_that_is_deleted_while_it_is_waited_for(groups: Groups) -> None:
    web = groups.add("web")
    groups.guard.stuck.add(web)

    def delete(_request: object) -> None:
        groups.client.delete_auto_scaling_group(AutoScalingGroupName=web, ForceDelete=True)
        groups.names.remove(web)

    groups.proxy.rules.insert(0, Rule(Hook(delete), "DescribeAutoScalingGroups", nth=[2]))
    result = groups.scale(desired=2, fails=True)
    assert codes(result) == {"web": "Gone"}
    assert result["changed"]


# Limits


@pytest.mark.parametrize(
    ("limit", "fails", "check"),
    [
        ({"max_groups": 2, "max_percent": 50, "max_instances_change": 5}, False, False),
        ({"max_groups": 1}, True, False),
        ({"max_percent": 49}, True, False),
        ({"max_instances_change": 4}, True, False),
        ({"max_groups": 1}, True, True),
        ({"max_groups": 2}, False, True),
    ],
    ids=str,
)
def test_limits(groups: Groups, limit: dict[str, int], fails: bool, check: bool) -> None:
    sizes = {groups.add(name, 0, desired, 4): desired for name, desired in (("a", 0), ("b", 1), ("c", 3), ("d", 3))}
    result = groups.scale(desired=3, check=check, fails=fails, wait=False, **limit)
    assert len(result["actions"]) == 2
    if fails:
        assert result["error"]["code"] == "LimitExceeded"
        assert "nothing was done" in result["msg"]
        assert not result["changed"]
    if fails or check:
        assert {name: groups.sizes(name)[1] for name in sizes} == sizes
        assert groups.guard.writes == []


# Failures


def test_one_refusal_keeps_none_of_the_others(groups: Groups) -> None:
    names = [groups.add(name) for name in ("a", "b", "c")]
    body = f"AutoScalingGroupName={names[1]}&".encode()
    busy = Answer("ResourceContention", 500, "You already have a pending update")
    rule = Rule(busy, "SetDesiredCapacity", when=lambda request: body in (request.body or b"") + b"&")
    groups.proxy.rules.insert(0, rule)
    result = groups.scale(desired=2, aws_config=ONE_TRY, fails=True)
    assert codes(result) == {"b": "ResourceContention"}
    assert result["counts"] == {"changed": 2, "unchanged": 0, "skipped": 0, "failed": 1}
    assert by_name(result)["b"] | {"after": 1, "changed": False} == by_name(result)["b"]
    assert [groups.sizes(name)[1] for name in names] == [2, 1, 2]
    assert "1 of 3" in result["msg"]


def test_throttling_is_retried_by_the_sdk(groups: Groups) -> None:
    groups.add("web")
    groups.proxy.fail("SetDesiredCapacity", "Throttling", message="Rate exceeded", first=2)
    groups.proxy.rules.insert(0, groups.proxy.rules.pop())
    result = groups.scale(desired=2)
    assert (result["changed"], result["api_calls"]["SetDesiredCapacity"]) == (True, 3)


def test_an_answer_that_got_lost_does_not_hide_what_was_done(groups: Groups) -> None:
    web = groups.add("web")
    groups.proxy.rules.insert(0, Rule(Drop(after_forwarding=True), "SetDesiredCapacity"))
    result = groups.scale(desired=2, aws_config=ONE_TRY)
    assert (result["changed"], result["counts"]["changed"], groups.sizes(web)[1]) == (True, 1, 2)


def test_no_permission_to_write(groups: Groups) -> None:
    web = groups.add("web", 1, 2, 4)
    denied = Answer("AccessDenied", 403, "not authorized to perform: autoscaling:CreateOrUpdateTags")
    groups.proxy.rules.insert(0, Rule(denied, "CreateOrUpdateTags"))
    result = groups.scale(state="parked", fails=True)
    assert codes(result) == {"web": "AccessDenied"}
    assert "IAM policy" in result["msg"]
    assert (result["changed"], groups.sizes(web)) == (False, (1, 2, 4))


def test_a_note_that_cannot_be_read(groups: Groups) -> None:
    groups.set_tag(groups.add("web", 0, 0, 0), PARKED, "nonsense")
    result = groups.scale(state="unparked", fails=True)
    assert codes(result) == {"web": "BadTag"}


# Bad input: refused before any call


@pytest.mark.parametrize(
    ("params", "expected"),
    [
        ({"names": None}, "none of names, tags, filters is given"),
        ({"tags": {}}, "tags is empty"),
        ({"desired": None}, "nothing is wanted"),
        ({"change": "+1"}, "desired and change are given"),
        ({"desired": "many"}, "desired"),
        ({"desired": None, "policy": {}}, "policy is empty"),
        ({"wait_timeout": "nan"}, "wait_timeout is nan"),
        ({"concurrency": 0}, "concurrency is 0"),
        ({"now": "soon"}, "now is not a time"),
        ({"on_owner": "ask"}, "value of on_owner must be one of"),
    ],
    ids=lambda value: str(value)[:60] if isinstance(value, dict) else "",
)
def test_bad_input(run_module: ModuleRunner, params: dict[str, Any], expected: str) -> None:
    given = {"names": ["web"], "desired": 1, "region": REGION, "endpoint_url": "http://127.0.0.1:9", **KEYS, **params}
    options = {key: value for key, value in given.items() if value is not None}
    result = run_module("autoscaling_group_scale", options, fails=True)
    assert expected in result["msg"]
    assert sum(result.get("api_calls", {}).values()) == 0


def test_without_boto3(run_module: ModuleRunner) -> None:
    params = {"desired": 1, "names": ["web"], "region": REGION}
    assert "boto3" in run_module("autoscaling_group_scale", params, hide=["boto3"], fails=True)["msg"]


# In playbooks


def test_in_a_playbook(groups: Groups, play: Play) -> None:
    web = groups.add("web", 1, 2, 4)
    steps = ({"desired": 3}, {"state": "parked"}, {"state": "unparked"})
    tasks = [{"cloudops.core.autoscaling_group_scale": {"tags": groups.tags, **step}} for step in steps]
    checked = play(*tasks, defaults=groups.options, check=True, diff=True)
    assert groups.sizes(web) == (1, 2, 4)
    assert checked.statuses == ["changed", "changed", "ok"]
    done = play(*[task for task in tasks for _time in range(2)], defaults=groups.options, diff=True)
    assert done.statuses == ["changed", "ok"] * 3
    assert checked[0]["diff"] == done[0]["diff"]
    assert groups.sizes(web) == (1, 3, 4)


def test_documented_examples_run(groups: Groups, play: Play) -> None:
    """As they stand, with the names of this test."""
    web, workers = groups.add("web", 1, 2, 4, team="shop"), groups.add("workers", 1, 1, 10, environment="test")
    queues = aws_client("sqs", groups.endpoint)
    url = queues.create_queue(QueueName="orders")["QueueUrl"]
    for _number in range(25):
        queues.send_message_batch(
            QueueUrl=url, Entries=[{"Id": str(number), "MessageBody": "x"} for number in range(10)]
        )
    text = plugin.EXAMPLES.replace("name: web", f"name: {web}").replace("name: workers", f"name: {workers}")
    done = play(*yaml.safe_load(text), defaults=groups.options)
    assert [task.status for task in done.tasks if task.action.endswith("group_scale")] == ["changed"] * 6
    assert done.named("Follow it")["results"][0]["after"] == 3
    assert groups.sizes(web) == (1, 6, 8)
    assert groups.sizes(workers) == (1, 3, 10)
    assert f"{workers}: 1 -> 3" in done.output
    queues.delete_queue(QueueUrl=url)
    queues.close()
