# Copyright (c) 2026 cloudops.core contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The playbooks as job templates of AWX: run by ansible-runner, with surveys, credentials, slices and dry runs, and their events read."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime, timedelta, timezone
from pathlib import Path

import pytest

from tests.integration.awx_jobs import Controller, Inventory, answers, injected, slice_of
from tests.integration.ec2 import KEYS, REGION, Fleet
from tests.integration.harness import ModuleRunner
from tests.servers.cloudwatch_guard import CloudWatchGuard
from tests.servers.fault_proxy import FaultProxy
from tests.servers.moto import MotoServer
from tests.servers.moto_ec2 import set_launch_time

pytest.importorskip("ansible_runner")

HOUR = 3600
COUNTS = ("changed", "unchanged", "on_the_way", "skipped", "failed")


@pytest.fixture(scope="module")
def server() -> Iterator[MotoServer]:
    """A moto of this file's own."""
    with MotoServer() as server:
        yield server


@pytest.fixture
def proxy(server: MotoServer) -> Iterator[FaultProxy]:
    """A proxy before it, which counts."""
    with FaultProxy(server.endpoint) as proxy:
        yield proxy


@pytest.fixture
def fleet(server: MotoServer, proxy: FaultProxy, run_module: ModuleRunner) -> Iterator[Fleet]:
    """An empty fleet behind a guard."""
    fleet = Fleet(server.endpoint, proxy, run_module)
    yield fleet
    fleet.terminate()


@pytest.fixture
def awx(tmp_path: Path, collections: Path) -> Controller:
    """No credentials yet."""
    return Controller(tmp_path, collections)


@pytest.fixture
def aws(awx: Controller, proxy: FaultProxy, tmp_path: Path) -> Controller:
    """With AWX's own credential for AWS, and that of this collection for the server."""
    target = injected("cloudops AWS target", tmp_path, region=REGION, endpoint_url=proxy.endpoint)
    keys = {
        "AWS_ACCESS_KEY_ID": KEYS["access_key"],
        "AWS_SECRET_ACCESS_KEY": KEYS["secret_key"],
        "AWS_SECURITY_TOKEN": "",
    }
    awx.environment |= {**keys, **target}
    return awx


def hosts_of(ids: list[str]) -> Inventory:
    """Hosts as the inventory cloudops.core.aws_instances gives them, and one that can't be reached by SSH."""
    return {f"host{number}": {"instance_id": one, "placement": {"region": REGION}} for number, one in enumerate(ids)}


# Instances


def test_slices_act_on_their_own_hosts(aws: Controller, fleet: Fleet, proxy: FaultProxy) -> None:
    ids = fleet.launch(5, tags={"Schedule": "closed"})
    other = fleet.launch(1, tags={"Schedule": "closed"})
    hosts = hosts_of(ids)
    survey = answers("power_schedule", hosts="host*", schedules="closed: never\n", max_percent="100")

    dry = aws.run("cloudops power schedule", variables=survey, inventory=hosts, check=True)
    plan = dry.stats["power_schedule"]
    assert (plan["check_mode"], plan["changed"], sorted(plan["stopped"])) == (True, True, ids)
    assert "stop" in dry.output
    assert fleet.states([*ids, *other]) == {"running": 6}
    # What is done once for all is said once, not for each host.
    assert len(dry.results("Read the fleet")) == 1

    proxy.reset_counts()
    slices = [slice_of(hosts, number, 2) for number in (1, 2)]
    started = [aws.launch("cloudops power schedule", variables=survey, inventory=one) for one in slices]
    jobs = [one.wait() for one in started]
    own = [sorted(variables["instance_id"] for variables in one.values()) for one in slices]
    assert [sorted(job.stats["power_schedule"]["stopped"]) for job in jobs] == own
    assert [len(one) for one in own] == [3, 2]
    assert sorted(sorted(batch.ids) for batch in fleet.guard.batches) == sorted(own)
    assert fleet.states([*ids, *other]) == {"running": 1, "stopped": 5}
    # Once for a slice, however many hosts it has.
    assert proxy.calls["StopInstances"] == 2
    assert sum(proxy.calls.values()) <= 12
    for job in jobs:
        assert max(job.summary["ok"].values()) == sum(job.summary["ok"].values())
        assert job.summary["dark"] == job.summary["failures"] == {}


def test_workflow_finds_idle_instances_and_stops_them(
    aws: Controller, fleet: Fleet, proxy: FaultProxy, server: MotoServer
) -> None:
    metrics = CloudWatchGuard().before(proxy)
    lazy, busy = fleet.launch(2), fleet.launch(1)
    now = datetime.now(timezone.utc).replace(minute=0, second=0, microsecond=0)
    set_launch_time(server.endpoint, REGION, [*lazy, *busy], now - timedelta(days=30))
    for one, value in [(lazy[0], 1.5), (lazy[1], 2.5), (busy[0], 80)]:
        begin = int(now.timestamp()) - 240 * HOUR
        metrics.seed("AWS/EC2", "CPUUtilization", {"InstanceId": one}, begin, HOUR, [value] * 240)
    asked = {
        "idle_instances_tags": f"fleet={fleet.name}\n",
        "idle_instances_regions": REGION,
        "idle_instances_max_instances": "2",
    }
    given = {key.removeprefix("idle_instances_"): value for key, value in asked.items()}

    found = aws.run("cloudops idle instances", variables=answers("idle_instances", steps="report", **given))
    assert sorted(found.stats["idle_instances"]["idle"]) == sorted(lazy)
    assert f"{lazy[0]}" in found.output
    assert fleet.states([*lazy, *busy]) == {"running": 3}

    # The next node gets the answers to the workflow's survey, and what the job before it keeps.
    stopped = aws.run("cloudops stop idle instances", variables={**asked, **found.stats})
    assert stopped.stats["stop_instances"]["counts"]["changed"] == 2
    assert fleet.states([*lazy, *busy]) == {"running": 1, "stopped": 2}

    proxy.reset_counts()
    nothing = {"idle_instances": {**found.stats["idle_instances"], "idle": []}}
    skipped = aws.run("cloudops stop idle instances", variables={**asked, **nothing})
    assert skipped.stats["stop_instances"]["matched"] == 0
    assert sum(proxy.calls.values()) == 0


def test_start_and_stop(aws: Controller, fleet: Fleet, proxy: FaultProxy) -> None:
    ids = fleet.launch(4, stopped=True)
    hosts = slice_of(hosts_of(ids), 1, 2)
    own = [variables["instance_id"] for variables in hosts.values()]
    survey = answers("start_instances", hosts="all", settle_time="0")
    done = aws.run("cloudops start instances", variables=survey, inventory=hosts)
    assert done.stats["start_instances"] == {
        "matched": 2,
        "counts": {**dict.fromkeys(COUNTS, 0), "changed": 2},
        "skipped": [],
    }
    assert fleet.states(own) == {"running": 2}
    assert proxy.calls["StartInstances"] == 1

    proxy.reset_counts()
    refused = aws.run(
        "cloudops stop instances",
        variables=answers("stop_instances", tags=f"fleet={fleet.name}", max_instances="1"),
        fails=True,
    )
    assert "max_instances=1" in refused.results("Stop them")[0]["msg"]
    assert "StopInstances" not in proxy.calls
