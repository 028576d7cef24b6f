# Copyright (c) 2026 cloudops.core contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Auto Scaling groups on moto behind the guard, and the module that scales them."""

from __future__ import annotations

import uuid
from dataclasses import dataclass, field
from typing import Any

import boto3
from botocore.config import Config

from tests.integration.harness import ModuleRunner
from tests.servers.autoscaling_guard import AutoScalingGuard
from tests.servers.fault_proxy import FaultProxy

REGION = "eu-central-1"
KEYS = {"access_key": "testing-access-key", "secret_key": "testing-secret-key"}
IMAGE = "ami-12c6146b"
LAUNCH_CONFIGURATION = "small"
_RUNNER_OPTIONS = ("check", "diff", "env", "hide", "fails", "quiet")


def aws_client(service: str, endpoint: str) -> Any:
    """Make a boto3 client that does not look at the environment."""
    make: Any = boto3.client
    return make(
        service,
        endpoint_url=endpoint,
        aws_access_key_id=KEYS["access_key"],
        aws_secret_access_key=KEYS["secret_key"],
        region_name=REGION,
        config=Config(proxies={}),
    )


@dataclass
class Groups:
    """Groups that belong to one test, told from others by the tag ``fleet``, and by the beginning of their names."""

    endpoint: str
    proxy: FaultProxy
    run_module: ModuleRunner
    client: Any
    guard: AutoScalingGuard = field(init=False)
    fleet: str = field(default_factory=lambda: uuid.uuid4().hex[:8])
    names: list[str] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.guard = AutoScalingGuard(self.proxy)
        if not self.client.describe_launch_configurations()["LaunchConfigurations"]:
            self.client.create_launch_configuration(
                LaunchConfigurationName=LAUNCH_CONFIGURATION, ImageId=IMAGE, InstanceType="t3.micro"
            )

    @property
    def tags(self) -> dict[str, str]:
        """The tag of all groups of this test."""
        return {"fleet": self.fleet}

    def add(self, name: str, low: int = 0, desired: int = 1, high: int = 4, /, **tags: str) -> str:
        """Make a group with more tags (``__`` stands for a slash, ``_`` for a dash); return its full name."""
        full = f"{self.fleet}-{name}"
        given = {**self.tags, **{key.replace("__", "/").replace("_", "-"): value for key, value in tags.items()}}
        self.client.create_auto_scaling_group(
            AutoScalingGroupName=full,
            MinSize=low,
            MaxSize=high,
            DesiredCapacity=desired,
            LaunchConfigurationName=LAUNCH_CONFIGURATION,
            AvailabilityZones=[f"{REGION}a"],
            Tags=[{"Key": key, "Value": value, "PropagateAtLaunch": False} for key, value in given.items()],
        )
        self.names.append(full)
        return full

    def sizes(self, name: str) -> tuple[int, int, int]:
        """Minimum, desired size and maximum, on the server itself."""
        group = self.raw(name)
        return group["MinSize"], group["DesiredCapacity"], group["MaxSize"]

    def tags_of(self, name: str) -> dict[str, str]:
        """Its tags besides that of the test, on the server itself."""
        return {tag["Key"]: tag["Value"] for tag in self.raw(name)["Tags"] if tag["Key"] != "fleet"}

    def raw(self, name: str) -> dict[str, Any]:
        """The group as the server tells it."""
        answer = self.client.describe_auto_scaling_groups(AutoScalingGroupNames=[name])
        group: dict[str, Any] = answer["AutoScalingGroups"][0]
        return group

    def set_tag(self, name: str, key: str, value: str) -> None:
        """Tag a group, past the guard."""
        tag = {"ResourceId": name, "ResourceType": "auto-scaling-group", "Key": key, "Value": value}
        self.client.create_or_update_tags(Tags=[{**tag, "PropagateAtLaunch": False}])

    @property
    def options(self) -> dict[str, Any]:
        """The options that lead a module through the guard."""
        return {"endpoint_url": self.proxy.endpoint, "region": REGION, **KEYS}

    def scale(self, **params: Any) -> dict[str, Any]:
        """Run autoscaling_group_scale on all groups of the test, unless the parameters select otherwise."""
        runner = {key: params.pop(key) for key in _RUNNER_OPTIONS if key in params}
        if not {"names", "tags", "filters"} & set(params):
            params["tags"] = self.tags
        return self.run_module("autoscaling_group_scale", {**self.options, **params}, **runner)

    def remove(self) -> None:
        """Remove all groups of this test."""
        for name in self.names:
            self.client.delete_auto_scaling_group(AutoScalingGroupName=name, ForceDelete=True)
