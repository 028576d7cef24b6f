# Copyright (c) 2026 cloudops.core contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""DescribeInstances read straight into records: the same as botocore reads it."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import boto3
import pytest
from ansible.module_utils.common.dict_transformations import camel_dict_to_snake_dict
from ansible_collections.cloudops.core.plugins.module_utils._aws.client import Clients, Connection
from ansible_collections.cloudops.core.plugins.module_utils._aws.ec2_reader import (
    KEY,
    InstanceReader,
    readable_answers,
    snaked,
)
from ansible_collections.cloudops.core.plugins.module_utils._core.errors import Unavailable
from botocore import xform_name
from botocore.awsrequest import AWSResponse
from botocore.config import Config

INSTANCE = """
<instanceId>i-0123456789abcdef0</instanceId><imageId>ami-1</imageId>
<instanceState><code>16</code><name>running</name></instanceState>
<privateDnsName/><dnsName>ec2.example.org</dnsName><ebsOptimized>false</ebsOptimized><enaSupport>true</enaSupport>
<amiLaunchIndex>3</amiLaunchIndex><launchTime>2026-03-01T10:00:00.000Z</launchTime><newerThanThis>x</newerThanThis>
<placement><availabilityZone>eu-central-1a</availabilityZone><tenancy>default</tenancy></placement>
<groupSet><item><groupId>sg-1</groupId><groupName>web</groupName></item><item><groupId>sg-2</groupId></item></groupSet>
<blockDeviceMapping><item><deviceName>/dev/xvda</deviceName>
<ebs><volumeId>vol-1</volumeId><attachTime>2026-02-01T09:00:00.500Z</attachTime><deleteOnTermination>true</deleteOnTermination></ebs>
</item></blockDeviceMapping>
<tagSet><item><key>Name</key><value>a &amp; b</value></item><item><key>empty</key><value/></item></tagSet>
<cpuOptions><coreCount>2</coreCount></cpuOptions><productCodes/>
"""
PAGE = f"""<?xml version="1.0" encoding="UTF-8"?>
<DescribeInstancesResponse xmlns="http://ec2.amazonaws.com/doc/2016-11-15/"><requestId>r</requestId>
<reservationSet><item><reservationId>r-1</reservationId><ownerId>111122223333</ownerId>
<groupSet><item><groupId>sg-old</groupId></item></groupSet>
<instancesSet><item>{INSTANCE}</item><item><instanceId>i-2</instanceId></item></instancesSet></item></reservationSet>
<nextToken>more</nextToken></DescribeInstancesResponse>"""


class Raw:
    """What botocore reads the body from."""

    def __init__(self, body: bytes) -> None:
        self._body = body

    def stream(self, **_options: Any) -> Iterator[bytes]:
        """The body in one piece."""
        yield self._body


def _client(body: str, status: int = 200) -> Any:
    """A client that gets this answer to everything."""
    keys = {"aws_access_key_id": "a", "aws_secret_access_key": "b"}
    config = Config(retries={"total_max_attempts": 1})
    client = boto3.client("ec2", region_name="eu-central-1", endpoint_url="http://127.0.0.1:9", config=config, **keys)
    client.meta.events.register(
        "before-send.ec2", lambda request, **_more: AWSResponse(request.url, status, {}, Raw(body.encode()))
    )
    return client


def test_same_as_botocore() -> None:
    plain = _client(PAGE).describe_instances()
    quick = _client(PAGE)
    reader = InstanceReader(quick)
    page = quick.describe_instances()
    records = list(reader.records(page))
    # As with a botocore that has no such event.
    assert records == list(reader.records(plain))
    assert KEY not in plain
    assert page["NextToken"] == "more"
    first, second = records
    assert first["launch_time"] == "2026-03-01T10:00:00Z"
    assert first["block_device_mappings"][0]["ebs"]["attach_time"] == "2026-02-01T09:00:00Z"
    assert first["tags"] == {"Name": "a & b", "empty": ""}
    assert first["private_dns_name"] == ""
    assert first["cpu_options"] == {"core_count": 2}
    assert "groups" not in first
    assert (first["owner_id"], first["reservation_id"], first["requester_id"]) == ("111122223333", "r-1", "")
    assert second == {
        "instance_id": "i-2",
        "tags": {},
        "owner_id": "111122223333",
        "requester_id": "",
        "reservation_id": "r-1",
    }


def test_names_are_those_of_ansible() -> None:
    """So that expressions written for amazon.aws.aws_ec2 find what they look for."""
    shape = _client(PAGE).meta.service_model.operation_model("DescribeInstances").output_shape
    names: set[str] = set()

    def walk(one: Any) -> None:
        if one.type_name == "list":
            walk(one.member)
        for name, member in getattr(one, "members", {}).items():
            names.add(name)
            walk(member)

    walk(shape)
    assert len(names) > 100
    assert {name: xform_name(name) for name in names} == {
        name: next(iter(camel_dict_to_snake_dict({name: None}))) for name in names
    }


def test_pages() -> None:
    client = _client(PAGE)
    last = PAGE.replace("<nextToken>more</nextToken>", "")
    bodies = iter([PAGE, last])
    client.meta.events.register_first(
        "before-send.ec2", lambda request, **_more: AWSResponse(request.url, 200, {}, Raw(next(bodies).encode()))
    )
    reader = InstanceReader(client)
    pages = client.get_paginator("describe_instances").paginate(PaginationConfig={"PageSize": 2})
    assert [record["instance_id"] for page in pages for record in reader.records(page)].count("i-2") == 2


def test_an_error_stays_botocores() -> None:
    body = (
        "<Response><Errors><Error><Code>UnauthorizedOperation</Code><Message>no</Message></Error></Errors></Response>"
    )
    client = _client(body, 403)
    InstanceReader(client)
    with pytest.raises(client.exceptions.ClientError, match="UnauthorizedOperation"):
        client.describe_instances()


def test_no_xml() -> None:
    client = _client("<html>Welcome")
    InstanceReader(client)
    with pytest.raises(Unavailable, match="the answer is no XML"), readable_answers():
        client.describe_instances()


def test_other_values_stay_as_they_are() -> None:
    assert snaked({"HttpTokens": ["a", 1, None, True]}) == {"http_tokens": ["a", 1, None, True]}


def test_accounts_share_what_was_read_of_the_service() -> None:
    """Reading EC2's model takes a tenth of a second, for each account anew if nobody cares."""
    one = Connection(access_key="a", secret_key="b", region="eu-central-1", endpoint_url="http://127.0.0.1:9")
    first = Clients(one)
    second = Clients(replace(one, access_key="c"), like=first)
    described = [clients.client("ec2").meta.service_model._service_description for clients in (first, second)]
    assert described[0] is described[1]
    assert second.client("ec2")._request_signer._credentials.access_key == "c"
