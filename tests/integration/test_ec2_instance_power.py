# Copyright (c) 2026 cloudops.core contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""ec2_instance_power against moto behind the EC2 guard."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.integration.ec2 import KEYS, REGION, Fleet
from tests.integration.harness import ModuleRunner, Play
from tests.servers.fault_proxy import FaultProxy
from tests.servers.faults import Answer, Drop, Rule
from tests.servers.moto import MotoServer

NOBODY = ["i-0123456789abcdef0", "i-0123456789abcdef1"]
WRITES = ("StartInstances", "StopInstances", "RebootInstances")


@pytest.fixture(scope="module")
def ec2_server() -> Iterator[MotoServer]:
    """A moto of this file's own, as large fleets make it slow for others."""
    with MotoServer() as server:
        yield server


@pytest.fixture
def fleet(ec2_server: MotoServer, run_module: ModuleRunner) -> Iterator[Fleet]:
    """An empty fleet behind a guard."""
    with FaultProxy(ec2_server.endpoint) as proxy:
        fleet = Fleet(ec2_server.endpoint, proxy, run_module)
        yield fleet
        fleet.terminate()


def by_id(result: dict[str, Any]) -> dict[str, dict[str, Any]]:
    return {item["id"]: item for item in result["instances"]}


def codes(result: dict[str, Any]) -> dict[str, str]:
    return {item["id"]: item["code"] for item in result["failures"]}


def reasons(result: dict[str, Any]) -> dict[str, str]:
    return {item["id"]: item["reason"] for item in result["skipped_instances"]}


def written(fleet: Fleet) -> list[Any]:
    return [batch for batch in fleet.guard.batches if not batch.dry_run]


# The twelve: each change in check and in real mode, each repeated


@pytest.mark.parametrize(
    ("state", "stopped", "before", "after", "action"),
    [("stopped", False, "running", "stopped", "stop"), ("running", True, "stopped", "running", "start")],
    ids=["stop", "start"],
)
def test_check_real_again(fleet: Fleet, state: str, stopped: bool, before: str, after: str, action: str) -> None:
    ids = fleet.launch(3, stopped=stopped, tags={"Name": "web"})
    planned = fleet.power(state, check=True)
    assert planned["changed"]
    assert fleet.power(state, check=True)["changed"]
    assert fleet.states(ids) == {before: 3}
    assert set(planned["api_calls"]) == {"DescribeInstances"}

    done = fleet.power(state)
    assert done["changed"]
    assert fleet.states(ids) == {after: 3}
    assert {key: done[key] for key in ("diff", "actions", "instances", "counts", "matched")} == {
        key: planned[key] for key in ("diff", "actions", "instances", "counts", "matched")
    }
    assert by_id(done)[ids[0]] == {
        "id": ids[0],
        "name": "web",
        "region": REGION,
        "before": before,
        "after": after,
        "changed": True,
        "outcome": "changed",
        "action": action,
        "reason": "",
        "message": "",
    }
    for check in (False, True):
        again = fleet.power(state, check=check)
        assert not again["changed"]
        assert again["counts"] == {"changed": 0, "unchanged": 3, "on_the_way": 0, "skipped": 0, "failed": 0}
        assert again["actions"] == []
        assert again["diff"]["before"] == again["diff"]["after"] == {}
        assert again["api_calls"] == {"DescribeInstances": 1}


def test_nothing_but_power_is_touched(fleet: Fleet) -> None:
    ids = fleet.launch(2, tags={"Name": "web", "team": "a"})
    before = fleet.tags_of(ids)
    fleet.power("stopped", tags={**fleet.tags, "team": "a"})
    fleet.power("running", instance_ids=ids)
    assert fleet.tags_of(ids) == before
    assert set(fleet.proxy.calls) == {"DescribeInstances", "StopInstances", "StartInstances"}


# Selecting


def test_tags_must_all_match_exactly(fleet: Fleet) -> None:
    [one] = fleet.launch(1, tags={"role": "a*b\\"})
    fleet.launch(1, tags={"role": "aXb\\"})
    fleet.launch(1, tags={"role": "axxb\\"})
    fleet.launch(1, tags={"role": "A*b\\"})
    result = fleet.power("stopped", tags={**fleet.tags, "role": "a*b\\"}, check=True)
    assert [item["id"] for item in result["instances"]] == [one]


def test_filters_take_lists_and_wildcards(fleet: Fleet) -> None:
    wanted = fleet.launch(1, tags={"role": "web-1"}) + fleet.launch(1, tags={"role": "db"})
    fleet.launch(1, tags={"role": "mail"})
    filters = {"tag:fleet": fleet.name, "tag:role": ["web-*", "db"]}
    result = fleet.power("stopped", filters=filters, check=True)
    assert sorted(by_id(result)) == sorted(wanted)


def test_ids_are_narrowed_by_tags(fleet: Fleet) -> None:
    ids = fleet.launch(3)
    fleet.tag(ids[:1], role="web")
    result = fleet.power("stopped", instance_ids=[*ids, NOBODY[0]], tags={"role": "web"}, check=True, fails=True)
    assert list(by_id(result)) == ids[:1]
    assert codes(result) == {NOBODY[0]: "InvalidInstanceID.NotFound"}


def test_nothing_matches(fleet: Fleet) -> None:
    result = fleet.power("stopped")
    assert (result["changed"], result["matched"], result["instances"]) == (False, 0, [])
    assert result["api_calls"] == {"DescribeInstances": 1}


def test_terminated_instances_do_not_match_tags(fleet: Fleet) -> None:
    ids = fleet.launch(2)
    fleet.client().terminate_instances(InstanceIds=ids[:1])
    assert list(by_id(fleet.power("stopped", check=True))) == ids[1:]
    result = fleet.power("running", instance_ids=ids, fails=True)
    assert codes(result) == {ids[0]: "IncorrectInstanceState"}
    assert "is terminated" in result["failures"][0]["message"]


def test_ids_that_do_not_exist(fleet: Fleet) -> None:
    ids = fleet.launch(3)
    result = fleet.power("stopped", instance_ids=[ids[1], NOBODY[0], ids[0], NOBODY[1]], fails=True)
    assert codes(result) == dict.fromkeys(NOBODY, "InvalidInstanceID.NotFound")
    assert list(by_id(result)) == [ids[1], ids[0]]
    assert fleet.states(ids) == {"stopped": 2, "running": 1}
    assert result["changed"]
    assert "could not stop 2 of 4" in result["msg"]
    assert NOBODY[0] in result["msg"]


def test_pages_are_followed(fleet: Fleet) -> None:
    fleet.guard.page_size = 5
    ids = fleet.launch(12)
    result = fleet.power("stopped", wait=False)
    assert len(result["instances"]) == 12
    assert fleet.guard.pages == 3
    assert [sorted(batch.ids) for batch in written(fleet)] == [ids]


def test_regions_side_by_side(fleet: Fleet) -> None:
    here, there = fleet.launch(2), fleet.launch(3, region="us-west-2")
    result = fleet.power("stopped", regions=[REGION, "us-west-2", REGION])
    assert Counter(item["region"] for item in result["instances"]) == {REGION: 2, "us-west-2": 3}
    assert fleet.states(here) == {"stopped": 2}
    assert fleet.states(there, "us-west-2") == {"stopped": 3}
    assert result["api_calls"]["StopInstances"] == 2
    again = fleet.power("stopped", regions=[REGION, "us-west-2"], instance_ids=[*here, *there, NOBODY[0]], fails=True)
    assert codes(again) == {NOBODY[0]: "InvalidInstanceID.NotFound"}
    assert again["counts"]["unchanged"] == 5


def test_a_region_that_cannot_be_read_stops_everything(fleet: Fleet) -> None:
    ids = fleet.launch(1)
    elsewhere = "/us-west-2/ec2/"
    fleet.proxy.rules.insert(0, denied_in(elsewhere))
    result = fleet.power("stopped", regions=[REGION, "us-west-2"], fails=True)
    assert result["error"]["code"] == "UnauthorizedOperation"
    assert "us-west-2" in result["msg"]
    assert fleet.states(ids) == {"running": 1}


def denied_in(scope: str) -> Rule:
    fault = Answer("UnauthorizedOperation", 403, "You are not authorized to perform this operation.")
    return Rule(fault, when=lambda request: scope in request.headers.get("authorization", ""))


# Left alone


def test_what_is_left_alone_and_how_to_override_it(fleet: Fleet) -> None:
    ids = fleet.launch(7)
    group, one_time, lost, store, ignored, persistent, not_ignored = ids
    fleet.guard.set_spot([one_time], "one-time")
    fleet.guard.set_spot([lost], None)
    fleet.guard.set_spot([persistent], "persistent")
    fleet.guard.set_instance_store([store])
    fleet.tag([ignored], ignore="please")
    fleet.tag([not_ignored], ignore="False")
    fleet.guard.set_tag([group], "aws:autoscaling:groupName", "web")
    result = fleet.power("stopped")
    expected = {
        group: "autoscaling",
        one_time: "spot",
        lost: "spot",
        store: "instance_store",
        ignored: "ignored",
    }
    assert reasons(result) == expected
    assert all(item["message"] for item in result["skipped_instances"])
    assert {key for key, item in by_id(result).items() if item["changed"]} == {persistent, not_ignored}
    for kind in ("autoscaling", "spot", "instance_store", "ignored"):
        overridden = fleet.power("stopped", check=True, **{f"include_{kind}": True})
        assert set(reasons(overridden).values()) == set(expected.values()) - {kind}
    assert "DescribeSpotInstanceRequests" not in fleet.power("running", check=True)["api_calls"]


def test_spot_requests_that_may_not_be_read_are_left_alone(fleet: Fleet) -> None:
    ids = fleet.launch(2)
    fleet.guard.set_spot(ids[:1], "persistent")
    fleet.guard.set_spot(ids[1:], "one-time")
    fleet.proxy.rules.insert(0, denied("DescribeSpotInstanceRequests"))
    assert reasons(fleet.power("stopped", check=True)) == dict.fromkeys(ids, "spot")


def denied(operation: str) -> Rule:
    return Rule(Answer("UnauthorizedOperation", 403, "You are not authorized to perform this operation."), operation)


def test_another_ignore_tag(fleet: Fleet) -> None:
    ids = fleet.launch(2)
    fleet.tag(ids[:1], keep="yes")
    fleet.tag(ids[1:], ignore="yes")
    assert reasons(fleet.power("stopped", ignore_tag="keep", check=True)) == {ids[0]: "ignored"}
    assert reasons(fleet.power("stopped", ignore_tag="", check=True)) == {}


def test_stop_protection_is_respected(fleet: Fleet) -> None:
    ids = fleet.launch(4)
    fleet.client().modify_instance_attribute(InstanceId=ids[2], DisableApiStop={"Value": True})
    result = fleet.power("stopped")
    assert reasons(result) == {ids[2]: "stop_protection"}
    assert result["counts"] == {"changed": 3, "unchanged": 0, "on_the_way": 0, "skipped": 1, "failed": 0}
    assert fleet.states(ids) == {"stopped": 3, "running": 1}
    again = fleet.power("stopped")
    assert not again["changed"]
    fleet.client().modify_instance_attribute(InstanceId=ids[2], DisableApiStop={"Value": False})


# Batches


@pytest.mark.parametrize(
    ("operation", "state", "code", "names", "most_calls"),
    [
        ("StopInstances", "stopped", "UnsupportedOperation", "first", 4),
        ("StopInstances", "stopped", "IncorrectInstanceState", "all", 2),
        ("StopInstances", "stopped", "UnsupportedOperation", "none", 29),
        ("StopInstances", "stopped", "InvalidInstanceID.NotFound", "all", 2),
        ("StopInstances", "stopped", "UnauthorizedOperation", "first", 4),
        ("StopInstances", "stopped", "UnauthorizedOperation", "none", 29),
        ("StartInstances", "running", "InvalidKMSKey.InvalidState", "none", 29),
        ("RebootInstances", "restarted", "IncorrectInstanceState", "none", 29),
    ],
)
def test_the_others_of_a_refused_batch_go_through(
    fleet: Fleet, operation: str, state: str, code: str, names: str, most_calls: int
) -> None:
    ids = fleet.launch(24, stopped=state == "running")
    guilty = [ids[0], ids[11], ids[23]]
    fleet.guard.refuse(operation, guilty, code, names=names)
    result = fleet.power(state, fails=True)
    assert codes(result) == dict.fromkeys(guilty, code)
    assert result["counts"] == {"changed": 21, "unchanged": 0, "on_the_way": 0, "skipped": 0, "failed": 3}
    assert {key for key, item in by_id(result).items() if item["changed"]} == set(ids) - set(guilty)
    assert all(failure["message"] for failure in result["failures"])
    assert result["changed"]
    assert "could not" in result["msg"]
    assert code in result["msg"]
    assert len(fleet.guard.batches) <= most_calls


def test_without_any_permission_few_calls_are_made(fleet: Fleet) -> None:
    ids = fleet.launch(100)
    fleet.guard.refuse("StopInstances", ids, "UnauthorizedOperation", "You are not authorized.", names="none")
    result = fleet.power("stopped", fails=True)
    assert set(codes(result).values()) == {"UnauthorizedOperation"}
    assert (len(result["failures"]), result["changed"]) == (100, False)
    assert len(fleet.guard.batches) == 8


def test_a_place_without_capacity_does_not_keep_others_from_starting(fleet: Fleet) -> None:
    short = fleet.launch(20, stopped=True, InstanceType="m5.large")
    fine = fleet.launch(20, stopped=True, InstanceType="t3.micro")
    fleet.guard.refuse("StartInstances", short, "InsufficientInstanceCapacity", "no m5.large capacity", names="none")
    result = fleet.power("running", aws_config={"retries": {"total_max_attempts": 1}}, fails=True)
    assert codes(result) == dict.fromkeys(short, "InsufficientInstanceCapacity")
    assert fleet.states(fine) == {"running": 20}
    # all, the two types, and down to a single one of the short type
    assert len(fleet.guard.batches) <= 8
    assert "change the type" in result["msg"]
    assert result["api_calls"]["DescribeInstances"] == 2


def test_throttling_is_retried_by_the_sdk(fleet: Fleet) -> None:
    ids = fleet.launch(3)
    fleet.guard.refuse("StopInstances", ids, "RequestLimitExceeded", times=2)
    result = fleet.power("stopped")
    assert result["counts"]["changed"] == 3
    assert result["api_calls"]["StopInstances"] == 3


def test_throttling_for_ever_is_reported_for_each_and_not_tried_in_parts(fleet: Fleet) -> None:
    ids = fleet.launch(4)
    fleet.guard.refuse("StopInstances", ids, "RequestLimitExceeded", names="none")
    result = fleet.power("stopped", aws_config={"retries": {"total_max_attempts": 2}}, fails=True)
    assert codes(result) == dict.fromkeys(ids, "RequestLimitExceeded")
    assert len(fleet.guard.batches) == 2
    assert result["error"]["code"] == "RequestLimitExceeded"


def test_an_answer_that_got_lost_does_not_hide_what_was_done(fleet: Fleet) -> None:
    ids = fleet.launch(2)
    fleet.proxy.rules.insert(0, lost("StopInstances"))
    result = fleet.power("stopped", aws_config={"retries": {"total_max_attempts": 1}})
    assert result["changed"]
    assert result["counts"]["changed"] == 2
    assert fleet.states(ids) == {"stopped": 2}


def lost(operation: str) -> Rule:
    return Rule(Drop(after_forwarding=True), operation)


# Transitional states


def test_instances_pass_through_their_transitional_states(fleet: Fleet) -> None:
    fleet.guard.transition = 1
    ids = fleet.launch(3)
    stopped = fleet.power("stopped")
    assert {item["after"] for item in stopped["instances"]} == {"stopped"}
    assert stopped["api_calls"] == {"DescribeInstances": 3, "StopInstances": 1}
    started = fleet.power("running")
    assert {item["after"] for item in started["instances"]} == {"running"}
    assert fleet.guard.described == dict.fromkeys(ids, 6)


def test_without_waiting_the_answer_tells_what_is_on_its_way(fleet: Fleet) -> None:
    fleet.guard.transition = 3
    ids = fleet.launch(2)
    result = fleet.power("stopped", wait=False)
    assert {item["after"] for item in result["instances"]} == {"stopping"}
    assert result["changed"]
    assert fleet.power("stopped", wait=False, check=True)["counts"]["on_the_way"] == 2
    again = fleet.power("stopped", wait=False)
    assert not again["changed"]
    assert {item["outcome"] for item in again["instances"]} == {"on_the_way"}
    refused = fleet.power("running", wait=False, fails=True)
    assert codes(refused) == dict.fromkeys(ids, "IncorrectInstanceState")
    assert "wait is off" in refused["msg"]


@pytest.mark.parametrize(
    ("state", "shown", "stopped", "after"),
    [("running", "stopping", True, "running"), ("stopped", "pending", False, "stopped")],
    ids=["start-while-stopping", "stop-while-pending"],
)
def test_a_transitional_state_is_waited_through(
    fleet: Fleet, state: str, shown: str, stopped: bool, after: str
) -> None:
    ids = fleet.launch(2, stopped=stopped)
    fleet.guard.show(ids[:1], shown, times=2)
    result = fleet.power(state)
    assert by_id(result)[ids[0]]["before"] == shown
    assert {item["after"] for item in result["instances"]} == {after}
    assert result["counts"]["changed"] == 2
    assert [len(batch.ids) for batch in written(fleet)] == [1, 1]
    assert all(batch.accepted for batch in fleet.guard.batches)
    assert fleet.states(ids) == {after: 2}


def test_what_somebody_else_began_is_awaited_but_no_change_of_ours(fleet: Fleet) -> None:
    ids = fleet.launch(1, stopped=True)
    fleet.guard.show(ids, "stopping", times=2)
    result = fleet.power("stopped")
    assert not result["changed"]
    assert (
        by_id(result)[ids[0]] | {"before": "stopping", "after": "stopped", "outcome": "on_the_way"}
        == by_id(result)[ids[0]]
    )
    assert written(fleet) == []


def test_a_timeout_lists_who_got_there_and_who_did_not(fleet: Fleet) -> None:
    fleet.guard.transition = 1
    ids = fleet.launch(4, tags={"Name": "web"})
    fleet.guard.stick(ids[:1])
    result = fleet.power("stopped", wait_timeout=3, fails=True)
    assert codes(result) == {ids[0]: "Timeout"}
    assert result["error"]["code"] == "Timeout"
    assert f"3 got there, 1 did not: {ids[0]} (web) is stopping" in result["msg"]
    assert {key: item["after"] for key, item in by_id(result).items()} == {
        ids[0]: "stopping",
        **dict.fromkeys(ids[1:], "stopped"),
    }
    assert by_id(result)[ids[0]]["changed"]
    assert 2.5 < result["duration"] < 20
    assert "force" in result["msg"]
    # With force, the stuck one is stopped, too; without, it is on its way for ever.
    assert fleet.power("stopped", check=True)["counts"]["on_the_way"] == 1
    forced = fleet.power("stopped", force=True)
    assert by_id(forced)[ids[0]]["outcome"] == "changed"
    assert fleet.guard.batches[-1].options == {"Force": "true"}


def test_a_start_that_does_not_last_is_a_failure(fleet: Fleet) -> None:
    ids = fleet.launch(3, stopped=True)
    fleet.guard.transition = 1
    fleet.guard.fall_back(ids[:1], after=1)
    fleet.guard.fall_back(ids[1:2], after=0)
    result = fleet.power("running", settle_time=1, fails=True)
    assert codes(result) == dict.fromkeys(ids[:2], "Client.InternalError")
    assert "kms:CreateGrant" in result["msg"]
    assert by_id(result)[ids[2]]["after"] == "running"
    assert by_id(result)[ids[0]]["after"] == "stopped"
    unsettled = fleet.power("running", instance_ids=ids[2:], settle_time=1)
    assert not unsettled["changed"]


# Restart and hibernation


def test_restart_reboots_what_runs_and_leaves_the_rest(fleet: Fleet) -> None:
    running, stopped = fleet.launch(2), fleet.launch(1, stopped=True)
    planned = fleet.power("restarted", check=True)
    result = fleet.power("restarted")
    assert (
        result["counts"]
        == planned["counts"]
        == {
            "changed": 2,
            "unchanged": 0,
            "on_the_way": 0,
            "skipped": 1,
            "failed": 0,
        }
    )
    assert reasons(result) == {stopped[0]: "stopped"}
    assert result["diff"] == planned["diff"]
    assert [(batch.operation, sorted(batch.ids)) for batch in written(fleet)] == [("RebootInstances", running)]
    assert fleet.power("restarted")["changed"]
    fleet.power("restarted", include_stopped=True)
    assert fleet.states(stopped) == {"running": 1}


def test_hibernate(fleet: Fleet) -> None:
    able, unable = fleet.launch(2, HibernationOptions={"Configured": True}), fleet.launch(1)
    planned = fleet.power("hibernated", check=True, fails=True)
    result = fleet.power("hibernated", fails=True)
    assert codes(planned) == codes(result) == {unable[0]: "UnsupportedHibernationConfiguration"}
    [batch] = fleet.guard.batches
    assert (sorted(batch.ids), batch.options) == (able, {"Hibernate": "true"})
    again = fleet.power("hibernated", instance_ids=able)
    assert (again["changed"], again["counts"]["unchanged"]) == (False, 2)


def test_skip_os_shutdown(fleet: Fleet) -> None:
    ids = fleet.launch(1)
    known = "SkipOsShutdown" in fleet.client().meta.service_model.operation_model("StopInstances").input_shape.members
    result = fleet.power("stopped", skip_os_shutdown=True, fails=not known)
    if known:
        assert fleet.guard.batches[0].options == {"SkipOsShutdown": "true"}
    else:
        assert "Upgrade boto3" in result["msg"]
    assert fleet.states(ids) == {"stopped" if known else "running": 1}


# Limits and permissions


@pytest.mark.parametrize("check", [True, False], ids=["check", "real"])
@pytest.mark.parametrize(
    ("limit", "fails"),
    [
        ({"max_instances": 5}, False),
        ({"max_instances": 4}, True),
        ({"max_instances": 0}, True),
        ({"max_percent": 50}, False),
        ({"max_percent": 49.9}, True),
        ({"max_percent": 0}, True),
        ({"max_percent": 100, "max_instances": 4}, True),
    ],
    ids=str,
)
def test_limits(fleet: Fleet, limit: dict[str, float], fails: bool, check: bool) -> None:
    running = fleet.launch(5)
    fleet.launch(5, stopped=True)
    result = fleet.power("stopped", check=check, fails=fails, **limit)
    if not fails:
        assert result["counts"]["changed"] == 5
        return
    assert result["error"]["code"] == "LimitExceeded"
    assert "nothing was done" in result["msg"]
    assert len(result["actions"]) == 5
    assert not result["changed"]
    assert fleet.states(running) == {"running": 5}
    assert fleet.guard.batches == []


@pytest.mark.parametrize("check", [True, False], ids=["check", "real"])
def test_permission_check(fleet: Fleet, check: bool) -> None:
    ids = fleet.launch(3)
    result = fleet.power("stopped", permission_check=True, check=check)
    assert [batch.dry_run for batch in fleet.guard.batches] == ([True] if check else [True, False])
    assert result["changed"]
    assert fleet.states(ids) == ({"running": 3} if check else {"stopped": 3})


@pytest.mark.parametrize("check", [True, False], ids=["check", "real"])
def test_permission_check_refuses_before_anything_is_done(fleet: Fleet, check: bool) -> None:
    ids = fleet.launch(3)
    fleet.guard.refuse("StopInstances", ids[1:2], "UnauthorizedOperation", "not authorized on instance/{ids}")
    result = fleet.power("stopped", permission_check=True, check=check, fails=True)
    assert result["error"]["code"] == "UnauthorizedOperation"
    assert ids[1] in result["msg"]
    assert "nothing was done" in result["msg"]
    assert codes(result) == {ids[1]: "UnauthorizedOperation"}
    assert not result["changed"]
    assert all(batch.dry_run for batch in fleet.guard.batches)
    assert fleet.states(ids) == {"running": 3}


# Bad input: refused before any call


@pytest.mark.parametrize(
    ("params", "expected"),
    [
        ({}, "none of instance_ids, tags, filters is given"),
        ({"tags": {}}, "tags is empty"),
        ({"instance_ids": []}, "instance_ids is empty"),
        ({"filters": {}}, "filters is empty"),
        ({"tags": {"a": "b"}, "instance_ids": []}, "instance_ids is empty"),
        ({"instance_ids": ["web-1"]}, "'web-1' isn't an instance id"),
        ({"instance_ids": ["i-0123456789abcdef0 "]}, "isn't an instance id"),
        ({"instance_ids": [""]}, "isn't an instance id"),
        ({"instance_ids": ["i-*"]}, "isn't an instance id"),
        ({"tags": {"": "x"}}, "a key is empty"),
        ({"tags": {"a": ["x", "y"]}}, "the value of a is a list"),
        ({"tags": {"a": {"b": "c"}}}, "the value of a is a mapping"),
        ({"filters": {"tag:a": []}}, "needs a value"),
        ({"filters": {"tag:a": None}}, "needs a value"),
        ({"filters": {"tag:a": [["x"]]}}, "needs a value"),
        ({"filters": {"": "x"}}, "a name is empty"),
        ({"tags": {"a": "b"}, "regions": []}, "regions is empty"),
        ({"tags": {"a": "b"}, "regions": ["eu-west-1", " "]}, "regions is empty"),
        ({"tags": {"a": "b"}, "max_instances": -1}, "max_instances is -1"),
        ({"tags": {"a": "b"}, "max_percent": 101}, "the largest possible is 100"),
        ({"tags": {"a": "b"}, "max_percent": "nan"}, "max_percent is nan"),
        ({"tags": {"a": "b"}, "wait_timeout": -1}, "wait_timeout is -1"),
        ({"tags": {"a": "b"}, "wait_timeout": 5, "settle_time": 5}, "isn't shorter than wait_timeout"),
        ({"tags": {"a": "b"}, "concurrency": 0}, "concurrency is 0"),
        ({"tags": {"a": "b"}, "state": "running", "force": True}, "force only goes with state: stopped"),
        ({"tags": {"a": "b"}, "state": "hibernated", "force": True}, "force only goes with state: stopped"),
        ({"tags": {"a": "b"}, "state": "restarted", "skip_os_shutdown": True}, "skip_os_shutdown only goes with"),
        ({"tags": {"a": "b"}, "include_stopped": True}, "include_stopped only goes with state: restarted"),
        ({"tags": {"a": "b"}, "state": "terminated"}, "value of state must be one of"),
        ({"tags": {"a": "b"}, "state": None}, "state"),
        ({"tags": {"a": "b"}, "max_instances": "many"}, "max_instances"),
        ({"tags": {"a": "b"}, "region": None}, ""),
    ],
    ids=lambda value: str(value)[:60] if isinstance(value, dict) else "",
)
def test_bad_input(run_module: ModuleRunner, params: dict[str, Any], expected: str) -> None:
    options = {"state": "stopped", "region": REGION, "endpoint_url": "http://127.0.0.1:9", **KEYS, **params}
    if options["region"] is None:
        del options["endpoint_url"]
        expected = "no AWS region is known"
    result = run_module("ec2_instance_power", options, fails=True)
    assert expected in result["msg"]
    assert sum(result.get("api_calls", {}).values()) == 0


def test_an_unknown_filter_is_the_services_error(fleet: Fleet) -> None:
    fleet.proxy.rules.insert(0, refused_filter())
    result = fleet.power("stopped", filters={"colour": "red"}, fails=True)
    assert result["error"]["code"] == "InvalidParameterValue"
    assert "colour" in result["msg"]


def refused_filter() -> Rule:
    return Rule(Answer("InvalidParameterValue", 400, "The filter 'colour' is invalid"), "DescribeInstances")


def test_without_boto3(run_module: ModuleRunner) -> None:
    params = {"state": "stopped", "tags": {"a": "b"}, "region": REGION}
    assert "boto3" in run_module("ec2_instance_power", params, hide=["boto3"], fails=True)["msg"]


def test_polling_that_fails_keeps_what_was_done(fleet: Fleet) -> None:
    ids = fleet.launch(2)
    fleet.guard.transition = 5
    fleet.proxy.rules.insert(0, denied_from(2))
    result = fleet.power("stopped", fails=True)
    assert codes(result) == dict.fromkeys(ids, "UnauthorizedOperation")
    assert result["changed"]
    assert {item["changed"] for item in result["instances"]} == {True}


def denied_from(count: int) -> Rule:
    fault = Answer("UnauthorizedOperation", 403, "You are not authorized to perform this operation.")
    return Rule(fault, "DescribeInstances", nth=range(count, 100))


# In a playbook


def test_in_a_playbook(fleet: Fleet, play: Play, tmp_path: Path) -> None:
    ids = fleet.launch(2, tags={"Name": "web"})
    fleet.tag(ids[:1], ignore="yes")
    task = {
        "cloudops.core.ec2_instance_power": {"state": "stopped", "tags": fleet.tags},
        "register": "power",
    }
    decision = (
        "{{ power.instances[1].after | cloudops.core.power_decision(schedule_state='on', stored_state='stopped',"
        " override='off until 2026-05-01T18:00Z', now='2026-05-01T18:00:01Z') }}"
    )
    tiers = "{{ [{'n': 1, 'tier': 'db'}, {'n': 2, 'tier': 'app'}] | cloudops.core.power_tiers('start', order=['db']) }}"
    said = [{"ansible.builtin.debug": {"msg": text}} for text in (decision, tiers)]
    checked = play(task, *said, defaults=fleet.options, check=True, diff=True)
    assert fleet.states(ids) == {"running": 2}
    done = play(task, task, *said, defaults=fleet.options, diff=True)
    # One that left an instance alone is not a skipped task.
    assert checked.statuses == ["changed", "ok", "ok"]
    assert done.statuses == ["changed", "ok", "ok", "ok"]
    assert checked[0]["diff"] == done[0]["diff"]
    assert '"stopped"' in done.output
    assert done[2]["msg"] == {"action": "start", "reason": "the schedule is on", "stored_state": "running"}
    assert done[3]["msg"] == [[{"n": 1, "tier": "db"}], [{"n": 2, "tier": "app"}]]
    assert fleet.states(ids) == {"running": 1, "stopped": 1}


# Last, as moto keeps what was terminated and grows slow with it


def test_500_instances_stop_in_at_most_10_calls(fleet: Fleet) -> None:
    ids = fleet.launch(500)
    result = fleet.power("stopped", instance_ids=ids)
    assert result["counts"]["changed"] == 500
    assert sorted(len(batch.ids) for batch in written(fleet)) == [100, 200, 200]
    assert sum(result["api_calls"].values()) == sum(fleet.proxy.calls.values()) <= 10
    assert result["api_calls"] == {"DescribeInstances": 2, "StopInstances": 3}
    assert fleet.states(ids) == {"stopped": 500}
