# Copyright (c) 2026 cloudops.core contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Instances of an inventory: their names, filters that need no call, schedules."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime, timezone
from typing import Any

import boto3
import pytest
from ansible_collections.cloudops.core.plugins.module_utils._core.errors import Invalid
from ansible_collections.cloudops.core.plugins.module_utils._domain.instance_inventory import (
    NO_SCHEDULE,
    PATHS,
    hostname_of,
    local_filter,
    read_hostnames,
    schedules_of,
    unique_names,
    values_at,
)
from botocore import xform_name

RECORD: dict[str, Any] = {
    "instance_id": "i-1",
    "instance_type": "t3.micro",
    "private_ip_address": "10.0.0.5",
    "public_dns_name": "",
    "private_dns_name": "ip-10-0-0-5",
    "source_dest_check": True,
    "state": {"name": "running", "code": 16},
    "placement": {"availability_zone": "eu-central-1a", "region": "eu-central-1"},
    "security_groups": [{"group_id": "sg-1", "group_name": "web"}, {"group_id": "sg-2", "group_name": "ssh"}],
    "network_interfaces": [{"private_ip_addresses": [{"private_ip_address": "10.0.0.5"}], "ipv6_addresses": []}],
    "ipv6_address": "fe80::1",
    "tags": {"Name": "web-1", "Role": "web", "Empty": "", "odd": "a*b"},
}


def evaluate(text: str, variables: Mapping[str, Any]) -> Any:
    """A stand-in that shows what it was asked."""
    return f"<{text}|{variables.get('cloudops_hostname', '')}>" if "nothing" not in text else None


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        pytest.param([], "ip-10-0-0-5", id="default"),
        pytest.param(["tag:Name"], "web-1", id="tag"),
        pytest.param(["tag:Missing", "tag:Empty", "instance-id"], "i-1", id="first-that-is"),
        pytest.param(["tag:Missing,Name"], "web-1", id="tags"),
        pytest.param(["tag:Role=web"], "Role_web", id="tag-value"),
        pytest.param(["tag:Role=db,Name"], "web-1", id="other-value"),
        pytest.param(["tag:Role=db"], "", id="none"),
        pytest.param(["private-ip-address"], "10.0.0.5", id="attribute"),
        pytest.param(["instance.group-name"], "web", id="first-of-many"),
        pytest.param(["placement.availability_zone"], "eu-central-1a", id="path"),
        pytest.param(["private_ip_address"], "10.0.0.5", id="variable"),
        pytest.param(["tags.Name"], "web-1", id="tag-as-path"),
        pytest.param(["ipv6-address"], "fe80__1", id="colons"),
        pytest.param(["tag:Name | lower"], "<cloudops_hostname |  lower|web-1>", id="filter"),
        pytest.param(["tag:Missing | lower", "instance-id"], "i-1", id="filter-of-nothing"),
        pytest.param(["{{ x }}"], "<{{ x }}|>", id="template"),
        pytest.param(["{{ nothing }}", "instance-id"], "i-1", id="template-of-nothing"),
        pytest.param([{"name": "tag:Name", "prefix": "tag:Role"}], "web_web-1", id="prefix"),
        pytest.param([{"name": "tag:Name", "prefix": "aws", "separator": ""}], "awsweb-1", id="literal-prefix"),
        pytest.param([{"name": "box", "prefix": "instance-id", "separator": "-"}], "i-1-box", id="literal-name"),
        pytest.param([{"name": "tag:Name", "prefix": "tag:Missing"}], "web-1", id="prefix-of-nothing"),
        pytest.param([{"name": "tag:Missing", "prefix": "aws"}, "instance-id"], "i-1", id="name-of-nothing"),
        pytest.param([{"name": "tag:Name"}], "web-1", id="mapping"),
    ],
)
def test_hostnames(given: Any, expected: str) -> None:
    assert hostname_of(RECORD, read_hostnames(given), evaluate) == expected


@pytest.mark.parametrize(
    ("given", "message"),
    [
        pytest.param("tag:Name", "hostnames is", id="text"),
        pytest.param([None], "hostnames[0] is None", id="none"),
        pytest.param([" "], "hostnames[0] is ' '", id="blank"),
        pytest.param(["tag:Name", "nonsense"], "hostnames[1] is 'nonsense'", id="word"),
        pytest.param(["private-ip"], "hostnames[0] is 'private-ip'", id="no-attribute"),
        pytest.param([{"prefix": "x"}], "hostnames[0] has no name", id="without-name"),
        pytest.param([{"name": "tag:a", "suffix": "x"}], "hostnames[0] has suffix", id="unknown"),
    ],
)
def test_bad_hostnames(given: Any, message: str) -> None:
    with pytest.raises(Invalid) as caught:
        read_hostnames(given)
    assert caught.value.message.startswith(message)


def test_unique_names() -> None:
    named = [("a", "1"), ("b", "2"), ("a", "3"), ("", "4")]
    assert unique_names(named) == (["a_1", "b", "a_3", ""], ["a"])


@pytest.mark.parametrize(
    ("filters", "expected"),
    [
        pytest.param({"tag:Role": ["db", "web"]}, True, id="tag"),
        pytest.param({"tag:Role": ["WEB"]}, False, id="case"),
        pytest.param({"tag:Missing": ["*"]}, False, id="missing-tag"),
        pytest.param({"tag:Empty": [""]}, True, id="empty-tag"),
        pytest.param({"tag-key": ["Na*"]}, True, id="key"),
        pytest.param({"tag:Name": ["web-?"]}, True, id="question-mark"),
        pytest.param({"tag:Name": ["web"]}, False, id="whole"),
        pytest.param({"tag:Name": ["w.b-1"]}, False, id="dot-is-a-dot"),
        pytest.param({"tag:odd": ["a\\*b"]}, True, id="escaped"),
        pytest.param({"tag:Name": ["web\\*"]}, False, id="escaped-other"),
        pytest.param({"tag:Name": ["web-1\\"]}, False, id="trailing-backslash"),
        pytest.param({"tag:Role": ["web"], "instance-state-name": ["stopped"]}, False, id="and"),
        pytest.param({"instance.group-id": ["sg-2"]}, True, id="in-a-list"),
        pytest.param({"source-dest-check": ["true"]}, True, id="boolean"),
        pytest.param({"instance-state-code": ["16"]}, True, id="number"),
        pytest.param({"network-interface.addresses.private-ip-address": ["10.0.*"]}, True, id="deep"),
        pytest.param({"key-name": ["x"]}, False, id="absent-attribute"),
        pytest.param({}, True, id="empty"),
    ],
)
def test_local_filters(filters: dict[str, list[str]], expected: bool) -> None:
    matches = local_filter(filters)
    assert matches is not None
    assert matches(RECORD) is expected


@pytest.mark.parametrize("name", ["tag-value", "launch-time", "network-interface.status", "no-such-filter"])
def test_filters_for_the_api(name: str) -> None:
    assert local_filter({"tag:Role": ["web"], name: ["x"]}) is None


def test_paths_are_of_the_api() -> None:
    """Each is an attribute that DescribeInstances has: a typing error would make a filter match nothing."""

    keys = {"aws_access_key_id": "a", "aws_secret_access_key": "b"}
    client = boto3.client("ec2", region_name="eu-central-1", **keys)
    result = client.meta.service_model.operation_model("DescribeInstances").output_shape
    reservation = result.members["Reservations"].member
    instance = reservation.members["Instances"].member
    ours = {("owner_id",), ("requester_id",), ("reservation_id",), ("public_dns_name",), ("public_ip_address",)}

    def has(shape: Any, path: tuple[str, ...]) -> bool:
        while shape.type_name == "list":
            shape = shape.member
        if not path:
            return True
        members = {xform_name(name): member for name, member in getattr(shape, "members", {}).items()}
        return path[0] in members and has(members[path[0]], path[1:])

    assert [name for name, path in PATHS.items() if not has(instance, path) and path not in ours] == []
    assert {path for path in ours if has(reservation, path) or has(instance, path)} == ours


def test_values() -> None:
    assert values_at(RECORD, ("security_groups", "group_id")) == ["sg-1", "sg-2"]
    assert values_at(RECORD, ("nothing", "at", "all")) == []


def test_schedules() -> None:
    def record(number: int, state: str, **tags: str) -> dict[str, Any]:
        return {"instance_id": f"i-{number}", "state": {"name": state}, "tags": tags, "placement": {"region": "r"}}

    records = [
        record(1, "running", Plan="office"),
        record(2, "running"),
        record(3, "running", Plan="nonsense"),
        {**record(4, "running", Plan="office"), "instance_lifecycle": "spot"},
    ]
    given = {"schedules": {"office": "Mon-Fri 07:00-19:00 UTC"}, "schedule_tag": "Plan", "now": "ignored here"}
    found = schedules_of(records, given, datetime(2026, 3, 2, 22, tzinfo=timezone.utc))
    assert (found[0]["name"], found[0]["state"], found[0]["action"]) == ("office", "off", "stop")
    assert found[1] == NO_SCHEDULE
    assert (found[2]["status"], found[2]["state"]) == ("problem", "")
    assert "neither defined" in found[2]["why"]
    assert found[3]["status"] == "skipped"
