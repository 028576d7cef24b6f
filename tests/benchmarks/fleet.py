# Copyright (c) 2026 cloudops.core contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Fleets: 500 instances stopped and started by both collections, and metrics of 1,000 instances against a call for each."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import boto3
from botocore.config import Config

from tests.benchmarks.machine import Cost, timed
from tests.benchmarks.measure import Compared
from tests.benchmarks.sides import OURS, SIDES, VENV, Player, Side
from tests.integration.s3 import S3Server
from tests.servers.cloudwatch_guard import CloudWatchGuardProcess
from tests.servers.fault_proxy import FaultProxyProcess
from tests.servers.moto import MotoServer

REGION = "eu-central-1"
IMAGE = "ami-12c6146b"
HOURS = 168
ONE_BY_ONE = Path(__file__).with_name("one_by_one.py")

# amazon.aws doesn't look whether a started instance stays up, so ours doesn't look either, for once.
POWER: Mapping[Side, Mapping[str, Any]] = {
    OURS: {"wait": True, "settle_time": 0},
    **{side: {"wait": True} for side in SIDES if side is not OURS},
}
MODULES = {"cloudops.core": "cloudops.core.ec2_instance_power", "amazon.aws": "amazon.aws.ec2_instance"}


@dataclass(frozen=True)
class Watched:
    """Metrics of many instances: what our one task cost, and what a call for each instance cost."""

    instances: int
    ours: Cost
    ours_calls: int
    each: Cost
    each_calls: int


def power(player: Player, instances: int, latency_ms: float, say: Callable[[str], None]) -> tuple[Compared, Compared]:
    """Stop and start a fleet on moto, each collection its own one, behind a latency."""
    stopped, started = Compared(), Compared()
    with MotoServer() as moto, FaultProxyProcess(moto.endpoint, latency_ms) as proxy:
        server = S3Server(proxy.endpoint, "testing", "testing", REGION)
        for side in SIDES:
            ids = _launch(moto.endpoint, instances)
            for state, result in (("stopped", stopped), ("running", started)):
                proxy.stats(reset=True)
                options = {"state": state, "instance_ids": ids, **POWER[side]}
                cost = player.play(side, server, options, changed=True, module=MODULES[side.name])
                result.runs[side].append(cost)
                result.calls[side] = proxy.stats()["calls"]
                say(f"  {side.name} {state}: {cost.wall:.2f} s, {sum(result.calls[side].values())} requests")
            _terminate(moto.endpoint, ids)
    return stopped, started


def metrics(player: Player, scratch: Path, instances: int, latency_ms: float, say: Callable[[str], None]) -> Watched:
    """A week of hourly datapoints of each instance: one task of ours, then boto3 with a call for each instance."""
    end = int(time.time()) // 3600 * 3600
    ids = [f"i-{number:017x}" for number in range(instances)]
    with MotoServer() as moto, CloudWatchGuardProcess(moto.endpoint, latency_ms) as guard:
        values = [float(hour % 24) for hour in range(HOURS)]
        guard.seed(
            *(
                ["AWS/EC2", "CPUUtilization", {"InstanceId": instance}, end - HOURS * 3600, 3600, values]
                for instance in ids
            )
        )
        server = S3Server(guard.endpoint, "testing", "testing", REGION)
        window = {"start": _iso(end - HOURS * 3600), "end": _iso(end)}
        guard.stats()
        ours = player.play(
            OURS,
            server,
            {"instance_ids": ids, "namespace": "AWS/EC2", "metric": "CPUUtilization", "period": 3600, **window},
            changed=False,
            module="cloudops.core.cloudwatch_metric_info",
        )
        ours_calls = sum(guard.stats()["calls"].values())
        say(f"  one task: {ours.wall:.2f} s, {ours_calls} requests")
        request = scratch / "request.json"
        request.write_text(json.dumps({"endpoint": guard.endpoint, "region": REGION, "ids": ids, **window}))
        each, code = timed([str(VENV / "bin" / "python"), str(ONE_BY_ONE), str(request)], {}, scratch / "log")
        if code:
            raise RuntimeError((scratch / "log").read_text())
        each_calls = sum(guard.stats()["calls"].values())
        say(f"  a call each: {each.wall:.2f} s, {each_calls} requests")
    return Watched(instances, ours, ours_calls, each, each_calls)


def _iso(seconds: int) -> str:
    return time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(seconds))


def _client(endpoint: str) -> Any:
    keys = {"aws_access_key_id": "testing", "aws_secret_access_key": "testing"}
    return boto3.client("ec2", endpoint_url=endpoint, region_name=REGION, config=Config(proxies={}), **keys)


def _launch(endpoint: str, count: int) -> list[str]:
    answer = _client(endpoint).run_instances(ImageId=IMAGE, MinCount=count, MaxCount=count, InstanceType="t3.micro")
    return [instance["InstanceId"] for instance in answer["Instances"]]


def _terminate(endpoint: str, ids: list[str]) -> None:
    _client(endpoint).terminate_instances(InstanceIds=ids)


def merged(stopped: Compared, started: Compared) -> Compared:
    """Both ways as one, run by run."""
    result = Compared()
    for side in SIDES:
        result.runs[side] = [
            replace(
                one,
                wall=one.wall + two.wall,
                command=one.command + two.command,
                server=one.server + two.server,
                others=one.others + two.others,
            )
            for one, two in zip(stopped.runs[side], started.runs[side], strict=True)
        ]
        counts = (stopped.calls[side], started.calls[side])
        names = sorted({name for count in counts for name in count})
        result.calls[side] = {name: sum(count.get(name, 0) for count in counts) for name in names}
    return result
