# Copyright (c) 2026 cloudops.core contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A fleet of instances on moto behind the guard, and the modules that act on it."""

from __future__ import annotations

import uuid
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any

import boto3
from botocore.config import Config

from tests.integration.harness import ModuleRunner
from tests.servers.ec2_guard import Ec2Guard
from tests.servers.fault_proxy import FaultProxy

REGION = "eu-central-1"
KEYS = {"access_key": "testing-access-key", "secret_key": "testing-secret-key"}
IMAGE = "ami-12c6146b"
"""One of the images that moto knows; listing them takes it seconds."""
_RUNNER_OPTIONS = ("check", "diff", "env", "hide", "fails", "quiet")


def ec2_client(endpoint: str, region: str = REGION) -> Any:
    """Make a boto3 client that does not look at the environment."""
    return boto3.client(
        "ec2",
        endpoint_url=endpoint,
        aws_access_key_id=KEYS["access_key"],
        aws_secret_access_key=KEYS["secret_key"],
        region_name=region,
        config=Config(proxies={}),
    )


@dataclass
class Fleet:
    """Instances that belong to one test, told from others by the tag ``fleet``."""

    endpoint: str
    proxy: FaultProxy
    run_module: ModuleRunner
    guard: Ec2Guard = field(init=False)
    name: str = field(default_factory=lambda: uuid.uuid4().hex[:8])
    clients: dict[str, Any] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.guard = Ec2Guard(self.proxy)

    @property
    def tags(self) -> dict[str, str]:
        """The tag of all instances of this test."""
        return {"fleet": self.name}

    def client(self, region: str = REGION) -> Any:
        """A client straight to the server, past the guard."""
        if region not in self.clients:
            self.clients[region] = ec2_client(self.endpoint, region)
        return self.clients[region]

    def launch(self, count: int, region: str = REGION, stopped: bool = False, **options: Any) -> list[str]:
        """Launch instances with the fleet's tag and others that are given as ``tags``; return their sorted ids."""
        tags = {**self.tags, **options.pop("tags", {})}
        ec2 = self.client(region)
        given = [{"Key": key, "Value": value} for key, value in tags.items()]
        specification = [{"ResourceType": "instance", "Tags": given}]
        answer = ec2.run_instances(
            ImageId=IMAGE, MinCount=count, MaxCount=count, TagSpecifications=specification, **options
        )
        ids = sorted(item["InstanceId"] for item in answer["Instances"])
        if stopped:
            ec2.stop_instances(InstanceIds=ids)
        return ids

    def tag(self, ids: Iterable[str], **tags: str) -> None:
        """Tag instances of the default region."""
        self.client().create_tags(Resources=list(ids), Tags=[{"Key": k, "Value": v} for k, v in tags.items()])

    def states(self, ids: Iterable[str], region: str = REGION) -> Counter[str]:
        """How many are in which state, on the server itself."""
        answer = self.client(region).describe_instances(InstanceIds=list(ids))
        return Counter(item["State"]["Name"] for group in answer["Reservations"] for item in group["Instances"])

    def tags_of(self, ids: Iterable[str]) -> dict[str, dict[str, str]]:
        """All tags of these instances."""
        answer = self.client().describe_instances(InstanceIds=list(ids))
        items = [item for group in answer["Reservations"] for item in group["Instances"]]
        return {item["InstanceId"]: {tag["Key"]: tag["Value"] for tag in item["Tags"]} for item in items}

    @property
    def options(self) -> dict[str, Any]:
        """The options that lead a module through the guard."""
        return {"endpoint_url": self.proxy.endpoint, "region": REGION, **KEYS}

    def power(self, state: str, **params: Any) -> dict[str, Any]:
        """Run ec2_instance_power on the fleet, unless the parameters select otherwise."""
        runner = {key: params.pop(key) for key in _RUNNER_OPTIONS if key in params}
        if not {"instance_ids", "tags", "filters"} & set(params):
            params["tags"] = self.tags
        params = {"settle_time": 0, **self.options, **params, "state": state}
        return self.run_module("ec2_instance_power", params, **runner)

    def terminate(self) -> None:
        """Remove all instances of this test."""
        for client in self.clients.values():
            filters = [{"Name": "tag:fleet", "Values": [self.name]}]
            groups = client.describe_instances(Filters=filters)["Reservations"]
            ids = [item["InstanceId"] for group in groups for item in group["Instances"]]
            if ids:
                client.terminate_instances(InstanceIds=ids)
            client.close()
