# Copyright (c) 2026 cloudops.core contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What the examples of the guides speak of: instances, buckets, queues, groups, a cluster with a shop in it, and a Prometheus."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from datetime import datetime, timedelta, timezone
from pathlib import Path
from typing import Any

from tests.integration.autoscaling import IMAGE, KEYS, LAUNCH_CONFIGURATION, REGION, aws_client
from tests.integration.kube import KubeClient, path_of, workload
from tests.servers.kube import KubeServer
from tests.servers.moto import MotoServer
from tests.servers.moto_ec2 import set_launch_time
from tests.servers.prom_stand_in import Asked, Canned, PromStandIn

TAGS = {"environment": "test", "Name": "web-1", "Schedule": "office", "maid_offhours": "off=(M-F,19);on=(M-F,7)"}
GROUPS = {"workers": 2, "batch": 2}
WORKLOADS = ("web", "api")
RECORD = {
    "time": "2026-03-02T12:00:00+00:00",
    "metrics": [{"name": "cpu", "value": 83}],
    "targets": [{"target": "shop/web", "before": 2, "desired": 3, "after": 3, "action": "up", "reason": "threshold"}],
}
"""A decision as the role autoscale notes it."""


class AnyQuery(PromStandIn):
    """Answers every query with 60, whatever it is; and is the shop, whose open orders a guide asks for."""

    def _own_answer(self, asked: Asked) -> Canned:
        fields, now = asked.fields, time.time()
        if asked.path == "/open-orders":
            return Canned(200, {"open": 5, "time": now})
        if asked.path.endswith("/query_range"):
            start, end, step = (float(fields[name]) for name in ("start", "end", "step"))
            points = [[start + number * step, "60"] for number in range(int((end - start) / step) + 1)]
            series, kind = {"metric": {}, "values": points}, "matrix"
        else:
            series, kind = {"metric": {}, "value": [float(fields.get("time", now)), "60"]}, "vector"
        return Canned(200, {"status": "success", "data": {"resultType": kind, "result": [series]}})


@dataclass(frozen=True)
class World:
    """Where all that is, and how a play gets there."""

    directory: Path
    environment: Mapping[str, str]
    variables: Mapping[str, Any]
    """Variables that examples take from somewhere else."""
    replaced: Mapping[str, str]
    """Addresses and paths of the examples, and what stands in their places here."""

    def here(self, value: Any) -> Any:
        """An example with the addresses and paths of this world."""
        text = json.dumps(value)
        for there, here in self.replaced.items():
            text = text.replace(there, here)
        return json.loads(text)


@contextmanager
def world(directory: Path) -> Iterator[World]:
    """All of it, for a while; plays run in the directory."""
    with ExitStack() as stack:
        moto = stack.enter_context(MotoServer())
        kube = stack.enter_context(KubeServer(ready_delay=0.0))
        prometheus = stack.enter_context(AnyQuery())
        ids = _account(moto.endpoint)
        _shop(kube.endpoint)
        kubeconfig = _contexts(kube, directory / "kubeconfig")
        _files(directory, moto.endpoint)
        yield World(
            directory,
            {"AWS_REGION": REGION, "AWS_ENDPOINT_URL": moto.endpoint, "KUBECONFIG": str(kubeconfig)},
            _variables(ids),
            {
                "https://prometheus.example.com": prometheus.endpoint,
                "https://prometheus.example.org": prometheus.endpoint,
                "https://shop.example.com": prometheus.endpoint,
                "/etc/ansible/kubeconfig": str(kubeconfig),
                "/srv/reports": str(directory / "reports"),
                "/var/log/cloudops": str(directory),
            },
        )


def _account(endpoint: str) -> list[str]:
    """Instances, one of them idle; buckets, a queue and groups. The ids of the instances."""
    ec2, s3 = aws_client("ec2", endpoint), aws_client("s3", endpoint)
    given = [{"ResourceType": "instance", "Tags": [{"Key": key, "Value": value} for key, value in TAGS.items()]}]
    made = ec2.run_instances(ImageId=IMAGE, MinCount=3, MaxCount=3, TagSpecifications=given)["Instances"]
    ids = [instance["InstanceId"] for instance in made]
    # So that those that run are fewer than half of all.
    off = ec2.run_instances(ImageId=IMAGE, MinCount=4, MaxCount=4, TagSpecifications=given)["Instances"]
    ec2.stop_instances(InstanceIds=[instance["InstanceId"] for instance in off])
    now = datetime.now(timezone.utc)
    set_launch_time(endpoint, REGION, ids, now - timedelta(days=30))
    _measure(endpoint, {ids[0]: 1.0, ids[1]: 1.0, ids[2]: 90.0}, now)
    region = {"LocationConstraint": REGION}
    s3.create_bucket(Bucket="example-logs", CreateBucketConfiguration=region)
    s3.put_object(Bucket="example-logs", Key="tmp/old", Body=b"old")
    blocked = ("BlockPublicAcls", "IgnorePublicAcls", "BlockPublicPolicy", "RestrictPublicBuckets")
    s3.put_public_access_block(Bucket="example-logs", PublicAccessBlockConfiguration=dict.fromkeys(blocked, True))
    aws_client("sqs", endpoint).create_queue(QueueName="orders")
    _groups(aws_client("autoscaling", endpoint))
    return ids


def _measure(endpoint: str, values: Mapping[str, float], now: datetime) -> None:
    """Ten days of CPU utilization, by the hour."""
    hour = int(now.timestamp()) // 3600 * 3600
    data = [
        {
            "MetricName": "CPUUtilization",
            "Dimensions": [{"Name": "InstanceId", "Value": instance}],
            "Timestamp": datetime.fromtimestamp(hour - number * 3600, timezone.utc),
            "Value": value,
            "Unit": "Percent",
        }
        for instance, value in values.items()
        for number in range(1, 241)
    ]
    cloudwatch = aws_client("cloudwatch", endpoint)
    for first in range(0, len(data), 500):
        cloudwatch.put_metric_data(Namespace="AWS/EC2", MetricData=data[first : first + 500])


def _groups(autoscaling: Any) -> None:
    autoscaling.create_launch_configuration(
        LaunchConfigurationName=LAUNCH_CONFIGURATION, ImageId=IMAGE, InstanceType="t3.micro"
    )
    for name, size in GROUPS.items():
        autoscaling.create_auto_scaling_group(
            AutoScalingGroupName=name,
            MinSize=0,
            MaxSize=10,
            DesiredCapacity=size,
            LaunchConfigurationName=LAUNCH_CONFIGURATION,
            AvailabilityZones=[f"{REGION}a"],
            Tags=[{"Key": "team", "Value": "shop", "PropagateAtLaunch": False}],
        )


def _shop(endpoint: str) -> None:
    """Deployments of the namespace shop."""
    api = KubeClient(endpoint, "admintoken")
    api.create("/api/v1/namespaces", {"metadata": {"name": "shop"}})
    for name in WORKLOADS:
        body = workload(name, 2)
        body["metadata"]["labels"]["tier"] = "front"
        api.create(path_of("shop", "deployments"), body)


def _contexts(kube: KubeServer, path: Path) -> Path:
    """A kubeconfig with the contexts that guides name; all lead to the same server."""
    config = json.loads(kube.kubeconfig(path).read_text(encoding="utf-8"))
    named = ("production", "staging")
    config["contexts"] += [{"name": name, "context": {"cluster": "test", "user": "admin"}} for name in named]
    path.write_text(json.dumps(config), encoding="utf-8")
    return path


def _files(directory: Path, endpoint: str) -> None:
    """What lies beside a reader's playbooks, and in a reader's home."""
    profiles = {"default": "default", "profile production": "production", "profile sandbox": "sandbox"}
    keys = f"aws_access_key_id={KEYS['access_key']}\naws_secret_access_key={KEYS['secret_key']}\n"
    text = "".join(f"[{name}]\nregion={REGION}\nendpoint_url={endpoint}\n{keys}" for name in profiles)
    (directory / ".aws").mkdir()
    (directory / ".aws" / "config").write_text(text, encoding="utf-8")
    for name in ("data", "reports"):
        (directory / name).mkdir()
        (directory / name / "one.txt").write_text("one\n", encoding="utf-8")
    (directory / "load-test").write_text("#!/bin/sh\nexit 0\n", encoding="utf-8")
    (directory / "load-test").chmod(0o755)
    (directory / "web.jsonl").write_text(json.dumps(RECORD) + "\n", encoding="utf-8")
    drain = {"name": "Take it out of rotation", "ansible.builtin.debug": {"var": "item"}}
    (directory / "drain.yml").write_text(json.dumps([drain]), encoding="utf-8")


def _variables(ids: list[str]) -> dict[str, Any]:
    return {
        "web_servers": ids,
        "bucket_lifecycle_name": "example-logs",
        "prometheus_token": "none",
        "policy": {"min": 1, "max": 10, "rules": [{"metric": "busy", "above": 70, "below": 50}]},
        "measured": {"metrics": [{"name": "cpu", "value": 60}]},
    }
