# Copyright (c) 2026 cloudops.core contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""ec2_instance_info and ec2_tag against moto, behind the guard that pages as EC2 does."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import datetime, timedelta, timezone
from typing import Any

import pytest

from tests.integration.ec2 import REGION, Fleet
from tests.integration.harness import ModuleRunner
from tests.servers.fault_proxy import FaultProxy
from tests.servers.moto import MotoServer
from tests.servers.moto_ec2 import set_launch_time

Run = Callable[..., dict[str, Any]]
NOBODY = "i-0123456789abcdef0"
RUNNER = ("check", "diff", "env", "hide", "fails", "quiet")


@pytest.fixture(scope="module")
def ec2_server() -> Iterator[MotoServer]:
    """A moto of this file's own."""
    with MotoServer() as server:
        yield server


@pytest.fixture
def fleet(ec2_server: MotoServer, run_module: ModuleRunner) -> Iterator[Fleet]:
    """An empty fleet behind a guard."""
    with FaultProxy(ec2_server.endpoint) as proxy:
        fleet = Fleet(ec2_server.endpoint, proxy, run_module)
        yield fleet
        fleet.terminate()


def runner(fleet: Fleet, module: str) -> Run:
    def run(**params: Any) -> dict[str, Any]:
        options = {key: params.pop(key) for key in RUNNER if key in params}
        return fleet.run_module(module, {**fleet.options, **params}, **options)

    return run


@pytest.fixture
def info(fleet: Fleet) -> Run:
    """Run ec2_instance_info."""
    return runner(fleet, "ec2_instance_info")


@pytest.fixture
def tag(fleet: Fleet) -> Run:
    """Run ec2_tag."""
    return runner(fleet, "ec2_tag")


# ec2_instance_info


def test_facts(fleet: Fleet, info: Run, ec2_server: MotoServer) -> None:
    ids = fleet.launch(2, tags={"Name": "web", "Schedule": "office"}, InstanceType="t3.micro")
    set_launch_time(ec2_server.endpoint, REGION, ids, datetime(2026, 3, 1, 10, tzinfo=timezone(timedelta(hours=2))))
    fleet.client().stop_instances(InstanceIds=ids[1:])
    found = info(tags=fleet.tags)
    assert found["count"] == 2
    assert found["missing"] == []
    assert found["api_calls"] == {"DescribeInstances": 1}
    assert not found["changed"]
    one = next(item for item in found["instances"] if item["id"] == ids[0])
    assert one["tags"] == {"Name": "web", "Schedule": "office", "fleet": fleet.name}
    assert {key: one[key] for key in ("name", "region", "state", "instance_type", "lifecycle", "launch_time")} == {
        "name": "web",
        "region": REGION,
        "state": "running",
        "instance_type": "t3.micro",
        "lifecycle": "on-demand",
        "launch_time": "2026-03-01T08:00:00Z",
    }
    assert one["volumes"][0]["id"].startswith("vol-")
    other = next(item for item in found["instances"] if item["id"] == ids[1])
    assert other["state"] == "stopped"
    assert other["state_reason"]["code"] == "Client.UserInitiatedShutdown"


def test_all_pages_of_many_regions(fleet: Fleet, info: Run) -> None:
    fleet.guard.page_size = 5
    ids = fleet.launch(12)
    far = fleet.launch(3, region="us-east-1")
    found = info(tags=fleet.tags, regions=["us-east-1", REGION])
    assert sorted(item["id"] for item in found["instances"]) == sorted(ids + far)
    assert [item["region"] for item in found["instances"]] == [REGION] * 12 + ["us-east-1"] * 3
    assert found["api_calls"] == {"DescribeInstances": 4}


def test_ids_keep_their_order_and_the_missing_are_named(fleet: Fleet, info: Run) -> None:
    ids = fleet.launch(3)
    asked = [ids[2], NOBODY, ids[0]]
    found = info(instance_ids=asked)
    assert [item["id"] for item in found["instances"]] == [ids[2], ids[0]]
    assert found["missing"] == [NOBODY]
    narrowed = info(instance_ids=asked, tags={"fleet": "another"})
    assert narrowed["instances"] == []
    assert narrowed["missing"] == [NOBODY]


def test_without_a_selector_all_that_live(fleet: Fleet, info: Run) -> None:
    ids = fleet.launch(2)
    fleet.client().terminate_instances(InstanceIds=ids[1:])
    found = [item["id"] for item in info()["instances"]]
    assert ids[0] in found
    assert ids[1] not in found
    assert [item["state"] for item in info(instance_ids=ids[1:])["instances"]] == ["terminated"]


def test_spot_requests(fleet: Fleet, info: Run) -> None:
    ids = fleet.launch(3)
    fleet.guard.set_spot(ids[:1], "persistent")
    fleet.guard.set_spot(ids[1:2], None)
    kinds = {item["id"]: (item["lifecycle"], item["spot_request_type"]) for item in info(tags=fleet.tags)["instances"]}
    assert kinds == {ids[0]: ("spot", "persistent"), ids[1]: ("spot", "unknown"), ids[2]: ("on-demand", "")}


@pytest.mark.parametrize(
    "wrong", [{"instance_ids": []}, {"tags": {}}, {"filters": {}}, {"regions": []}, {"instance_ids": ["web"]}], ids=str
)
def test_an_empty_selector_is_a_mistake(info: Run, wrong: dict[str, Any]) -> None:
    assert info(**wrong, fails=True)["error"]["kind"] == "invalid"


def test_denied(fleet: Fleet, info: Run) -> None:

    fleet.proxy.rules.clear()
    fleet.proxy.fail("DescribeInstances", "UnauthorizedOperation")
    assert info(fails=True)["error"]["kind"] == "denied"


# ec2_tag: each change in check and in real mode, each repeated


@pytest.mark.parametrize(
    ("before", "asked", "after", "calls"),
    [
        ({}, {"tags": {"a": "1"}}, {"a": "1"}, {"CreateTags": 1}),
        ({"a": "0", "b": "2"}, {"tags": {"a": "1"}}, {"a": "1", "b": "2"}, {"CreateTags": 1}),
        ({"a": "0", "b": "2"}, {"remove_tags": ["a", "x"]}, {"b": "2"}, {"DeleteTags": 1}),
        (
            {"a": "0", "b": "2"},
            {"tags": {"c": "3"}, "remove_tags": ["a"]},
            {"b": "2", "c": "3"},
            {"CreateTags": 1, "DeleteTags": 1},
        ),
    ],
    ids=["create", "modify", "delete", "both"],
)
def test_check_real_again(
    fleet: Fleet, tag: Run, before: dict[str, str], asked: dict[str, Any], after: dict[str, str], calls: dict[str, int]
) -> None:
    ids = fleet.launch(3, tags=before)
    planned = tag(resource_ids=ids, **asked, check=True)
    assert planned["changed"]
    assert tag(resource_ids=ids, **asked, check=True)["changed"]
    assert fleet.tags_of(ids)[ids[0]] == {**before, **fleet.tags}
    assert planned["api_calls"] == {"DescribeTags": 1}

    done = tag(resource_ids=ids, **asked)
    assert done["api_calls"] == {"DescribeTags": 1, **calls}
    assert {key: done[key] for key in ("diff", "actions", "resources", "counts", "changed")} == {
        key: planned[key] for key in ("diff", "actions", "resources", "counts", "changed")
    }
    assert all(tags == {**after, **fleet.tags} for tags in fleet.tags_of(ids).values())
    assert done["resources"][0]["tags"] == {**after, **fleet.tags}
    assert done["counts"] == {"changed": 3, "unchanged": 0, "failed": 0}
    for check in (False, True):
        again = tag(resource_ids=ids, **asked, check=check)
        assert not again["changed"]
        assert again["actions"] == []
        assert again["diff"]["before"] == again["diff"]["after"] == {}
        assert again["api_calls"] == {"DescribeTags": 1}


def test_purge(fleet: Fleet, tag: Run) -> None:
    [one] = fleet.launch(1, tags={"a": "1", "b": "2"})
    tag(resource_ids=[one], tags={**fleet.tags, "a": "1"}, purge_tags=True)
    assert fleet.tags_of([one])[one] == {**fleet.tags, "a": "1"}


def test_each_with_tags_of_its_own(fleet: Fleet, tag: Run) -> None:
    """A call for each set of tags and region, however many instances."""
    ids = fleet.launch(250)
    far = fleet.launch(2, region="us-east-1")
    resources = [{"id": one, "tags": {"state": "on" if place % 2 else "off"}} for place, one in enumerate(ids)]
    resources += [{"id": one, "region": "us-east-1", "tags": {"state": "on"}} for one in far]
    done = tag(resources=resources)
    assert done["api_calls"] == {"CreateTags": 3, "DescribeTags": 3}
    tags = fleet.tags_of(ids)
    assert [tags[one]["state"] for one in ids[:3]] == ["off", "on", "off"]
    assert [item["changed"] for item in done["resources"]] == [True] * 252


@pytest.mark.parametrize(
    "message", [f"The ID '{NOBODY}' does not exist", "One of the IDs does not exist"], ids=["named", "not named"]
)
def test_who_is_refused_does_not_hold_the_others_up(fleet: Fleet, tag: Run, message: str) -> None:
    """moto itself tags whatever it is told to."""
    ids = fleet.launch(4)

    def there(request: Any) -> bool:
        return NOBODY.encode() in (request.body or b"")

    fleet.proxy.fail("CreateTags", "InvalidInstanceID.NotFound", message=message, when=there)
    result = tag(resource_ids=[*ids[:2], NOBODY, *ids[2:]], tags={"a": "1"}, fails=True)
    assert [(item["id"], item["code"]) for item in result["failures"]] == [(NOBODY, "InvalidInstanceID.NotFound")]
    assert result["changed"]
    assert result["counts"] == {"changed": 4, "unchanged": 0, "failed": 1}
    assert "could not tag 1 of 5" in result["msg"]
    assert all(tags["a"] == "1" for tags in fleet.tags_of(ids).values())


def test_denied_is_found_out_with_few_calls(fleet: Fleet, tag: Run) -> None:
    ids = fleet.launch(64)
    fleet.proxy.fail("CreateTags", "UnauthorizedOperation")
    result = tag(resource_ids=ids, tags={"a": "1"}, fails=True)
    assert result["error"]["kind"] == "partial"
    assert {item["kind"] for item in result["failures"]} == {"denied"}
    assert result["counts"] == {"changed": 0, "unchanged": 0, "failed": 64}
    assert not result["changed"]
    assert result["api_calls"]["CreateTags"] <= 8


def test_nothing_to_do(tag: Run) -> None:
    for none in ({"resources": []}, {"resource_ids": []}):
        done = tag(**none, tags={"a": "1"})
        assert not done["changed"]
        assert done["api_calls"] == {}


def test_a_choice_is_required(tag: Run) -> None:
    assert "resource_ids" in tag(tags={"a": "1"}, fails=True)["msg"]
    assert "mutually exclusive" in tag(resource_ids=[], resources=[], fails=True)["msg"]
