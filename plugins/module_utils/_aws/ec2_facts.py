# Copyright (c) 2026 cloudops.core contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Facts of EC2 instances as plain data, in the terms of this collection.

https://docs.aws.amazon.com/AWSEC2/latest/APIReference/API_Instance.html
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timezone
from typing import Any

from ansible_collections.cloudops.core.plugins.module_utils._aws.ec2 import EC2Gateway
from ansible_collections.cloudops.core.plugins.module_utils._core.fanout import fan_out
from ansible_collections.cloudops.core.plugins.module_utils._domain.power_options import Selection

Facts = dict[str, Any]


@dataclass(frozen=True)
class Fleet:
    """Facts of the instances that a selection came to.

    :param missing: ids that were named and don't exist.
    """

    instances: list[Facts]
    missing: list[str]


class FactsGateway(EC2Gateway):
    """Reads what the power gateway finds, with all that there is to know."""

    def facts(self, selection: Selection) -> Fleet:
        """Facts of all instances that match, by region and name, or in the order of the ids that were given.

        :raises CloudOpsError: when any region can't be read.
        """
        jobs = [(region, query) for region in self._ec2 for query in self._queries(selection)]
        found: dict[str, tuple[str, Mapping[str, Any]]] = {}
        for outcome in fan_out(lambda job: self._query(*job), jobs, concurrency=self._concurrency):
            if outcome.error is not None:
                raise outcome.error
            region, items = outcome.value or ("", [])
            found.update({item["InstanceId"]: (region, item) for item in items})
        kinds = self._spot_kinds(found.values())
        instances = [facts_of(region, item, kinds) for region, item in found.values()]
        kept = [one for one in instances if _has_tags(one["tags"], selection.tags)]
        if selection.instance_ids is None:
            return Fleet(sorted(kept, key=lambda one: (one["region"], one["name"], one["id"])), [])
        order = {instance_id: place for place, instance_id in enumerate(selection.instance_ids)}
        absent = [instance_id for instance_id in order if instance_id not in found]
        if selection.tags or selection.filters:
            absent = self._really_absent(absent)
        return Fleet(sorted(kept, key=lambda one: order[one["id"]]), absent)


def _has_tags(tags: Mapping[str, str], wanted: Mapping[str, str]) -> bool:
    return all(key in tags and tags[key] == value for key, value in wanted.items())


def facts_of(region: str, item: Mapping[str, Any], spot_kinds: Mapping[str, str]) -> Facts:
    """One instance of DescribeInstances; what isn't there is "", [] or {}."""
    tags = {tag["Key"]: tag.get("Value", "") for tag in item.get("Tags", [])}
    placement = item.get("Placement") or {}
    reason = item.get("StateReason") or {}
    lifecycle = item.get("InstanceLifecycle") or "on-demand"
    request = item.get("SpotInstanceRequestId") or ""
    return {
        "id": item["InstanceId"],
        "name": tags.get("Name", ""),
        "region": region,
        "zone": placement.get("AvailabilityZone") or "",
        "tenancy": placement.get("Tenancy") or "",
        "state": item["State"]["Name"],
        "state_reason": {"code": reason.get("Code") or "", "message": reason.get("Message") or ""},
        "launch_time": _time(item.get("LaunchTime")),
        "tags": tags,
        "instance_type": item.get("InstanceType") or "",
        "architecture": item.get("Architecture") or "",
        "platform": item.get("PlatformDetails") or item.get("Platform") or "",
        "image_id": item.get("ImageId") or "",
        "key_name": item.get("KeyName") or "",
        "lifecycle": lifecycle,
        "spot_request_type": spot_kinds.get(request, "unknown") if lifecycle == "spot" else "",
        "autoscaling_group": tags.get("aws:autoscaling:groupName", ""),
        "root_device_type": item.get("RootDeviceType") or "ebs",
        "hibernation": bool((item.get("HibernationOptions") or {}).get("Configured")),
        "monitoring": (item.get("Monitoring") or {}).get("State") or "",
        "vpc_id": item.get("VpcId") or "",
        "subnet_id": item.get("SubnetId") or "",
        "private_ip_address": item.get("PrivateIpAddress") or "",
        "private_dns_name": item.get("PrivateDnsName") or "",
        "public_ip_address": item.get("PublicIpAddress") or "",
        "public_dns_name": item.get("PublicDnsName") or "",
        "security_groups": [
            {"id": group.get("GroupId") or "", "name": group.get("GroupName") or ""}
            for group in item.get("SecurityGroups", [])
        ],
        "iam_instance_profile": (item.get("IamInstanceProfile") or {}).get("Arn") or "",
        "volumes": [
            {"id": device["Ebs"].get("VolumeId") or "", "device": device.get("DeviceName") or ""}
            for device in item.get("BlockDeviceMappings", [])
            if device.get("Ebs")
        ],
    }


def _time(when: datetime | None) -> str:
    """ISO 8601 in UTC."""
    return when.astimezone(timezone.utc).strftime("%Y-%m-%dT%H:%M:%SZ") if when else ""
