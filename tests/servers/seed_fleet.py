# Copyright (c) 2026 cloudops.core contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Launches a fleet on moto that has run for a month, with metrics: python -m tests.servers.seed_fleet ENDPOINT.

Of 40 instances, 8 are idle, 3 have too few datapoints to tell, 2 were started today, 1 has the tag ``ignore``, and the others are busy.
Half have a schedule, in the tiers database and application. All have the tag ``fleet``: demo.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Iterator
from datetime import datetime, timedelta, timezone
from typing import Any

import boto3
from botocore.config import Config

from tests.servers.moto_ec2 import set_launch_time

IMAGE = "ami-12c6146b"
# How many of each kind, with the highest CPU utilization of each period, and the days that there are datapoints of.
KINDS = (
    ("idle", 8, 2.0, 10.0),
    ("silent", 3, 2.0, 3.0),
    ("young", 2, 2.0, 0.5),
    ("ignored", 1, 2.0, 10.0),
    ("busy", 26, 60.0, 10.0),
)
PUT = 500


def client(service: str, endpoint: str, region: str) -> Any:
    """A client that does not look at the environment."""
    keys = {"aws_access_key_id": "testing", "aws_secret_access_key": "testing"}
    return boto3.client(service, endpoint_url=endpoint, region_name=region, config=Config(proxies={}), **keys)


def seed(endpoint: str, region: str, period: timedelta) -> int:
    """Launch and measure; return how many instances there are."""
    now = datetime.now(timezone.utc)
    ec2, data, count = client("ec2", endpoint, region), [], 0
    for kind, size, value, days in KINDS:
        for number in range(size):
            instance = _launch(ec2, kind, number, scheduled=kind == "busy" and number < 20)
            age = timedelta(hours=12) if kind == "young" else timedelta(days=30)
            set_launch_time(endpoint, region, [instance], now - age)
            data += list(_datapoints(instance, value + number / 10, now, period, days))
            count += 1
    cloudwatch = client("cloudwatch", endpoint, region)
    for first in range(0, len(data), PUT):
        cloudwatch.put_metric_data(Namespace="AWS/EC2", MetricData=data[first : first + PUT])
    return count


def _launch(ec2: Any, kind: str, number: int, scheduled: bool) -> str:
    tags = {"Name": f"{kind}-{number + 1}", "fleet": "demo"}
    if kind == "ignored":
        tags["ignore"] = "yes"
    if scheduled:
        tags.update(Schedule="office", Tier="database" if number < 5 else "application")
    given = [{"ResourceType": "instance", "Tags": [{"Key": key, "Value": value} for key, value in tags.items()]}]
    answer = ec2.run_instances(ImageId=IMAGE, InstanceType="t3.large", MinCount=1, MaxCount=1, TagSpecifications=given)
    instance: str = answer["Instances"][0]["InstanceId"]
    return instance


def _datapoints(instance: str, value: float, now: datetime, period: timedelta, days: float) -> Iterator[dict[str, Any]]:
    step = int(period.total_seconds())
    end = int(now.timestamp()) // step * step
    for number in range(1, int(days * 86400 / step) + 1):
        yield {
            "MetricName": "CPUUtilization",
            "Dimensions": [{"Name": "InstanceId", "Value": instance}],
            "Timestamp": datetime.fromtimestamp(end - number * step, timezone.utc),
            "Value": value,
            "Unit": "Percent",
        }


def main(arguments: list[str]) -> None:
    """Seed, and say what there is."""
    parser = argparse.ArgumentParser(prog="python -m tests.servers.seed_fleet", description="a fleet on moto")
    parser.add_argument("endpoint")
    parser.add_argument("--region", default="us-east-1")
    parser.add_argument("--period", type=int, default=3600, help="seconds between two datapoints")
    options = parser.parse_args(arguments)
    count = seed(options.endpoint, options.region, timedelta(seconds=options.period))
    kinds = ", ".join(f"{size} {kind}" for kind, size, _value, _days in KINDS)
    print(f"{count} instances ({kinds}) with the CPU utilization of ten days")


if __name__ == "__main__":
    main(sys.argv[1:])
