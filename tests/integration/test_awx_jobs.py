# Copyright (c) 2026 cloudops.core contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The playbooks as job templates of AWX: run by ansible-runner, with surveys, credentials, slices and dry runs, and their events read."""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import datetime, timedelta, timezone
from pathlib import Path
from typing import Any

import pytest

from tests.integration.autoscaling import Groups, aws_client
from tests.integration.awx_jobs import Controller, Inventory, answers, injected, slice_of
from tests.integration.ec2 import KEYS, REGION, Fleet
from tests.integration.harness import ModuleRunner
from tests.integration.kube import Kube, path_of, unique_name, workload
from tests.servers.cloudwatch_guard import CloudWatchGuard
from tests.servers.fault_proxy import FaultProxy
from tests.servers.moto import MotoServer
from tests.servers.moto_ec2 import set_launch_time
from tests.servers.prom_stand_in import Canned, PromStandIn

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
def groups(server: MotoServer, proxy: FaultProxy, run_module: ModuleRunner) -> Iterator[Groups]:
    """No Auto Scaling groups yet, behind a guard."""
    client = aws_client("autoscaling", server.endpoint)
    groups = Groups(server.endpoint, proxy, run_module, client)
    yield groups
    groups.remove()
    client.close()


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


# Buckets


def test_bucket_is_provisioned_with_the_defaults_of_the_survey(
    aws: Controller, server: MotoServer, proxy: FaultProxy
) -> None:
    name = unique_name("awx")
    survey = answers(
        "bucket_lifecycle", name=name, phases="provision", versioning="enabled", tags="owner=ops\nteam=a=b\n"
    )
    # The endpoint may also come as boto3 knows it; a credential without one leaves the other variable empty.
    boto3_own = {"AWS_URL": "", "AWS_ENDPOINT_URL": proxy.endpoint}

    dry = aws.run("cloudops bucket lifecycle", variables=survey, check=True, env=boto3_own)
    assert (dry.stats["bucket_lifecycle"]["check_mode"], dry.stats["bucket_lifecycle"]["changed"]) == (True, True)
    assert "(check mode: nothing was changed)" in dry.output
    assert not {"CreateBucket", "PutBucketVersioning"} & set(proxy.calls)

    done = aws.run("cloudops bucket lifecycle", variables=survey, env=boto3_own).stats["bucket_lifecycle"]
    assert done["provisioned"] == dry.stats["bucket_lifecycle"]["provisioned"]
    s3 = aws_client("s3", server.endpoint)
    assert s3.get_bucket_versioning(Bucket=name)["Status"] == "Enabled"
    tags = {tag["Key"]: tag["Value"] for tag in s3.get_bucket_tagging(Bucket=name)["TagSet"]}
    assert (tags["owner"], tags["team"]) == ("ops", "a=b")
    s3.close()


# Workloads and groups


@pytest.fixture
def cluster(awx: Controller, kube: Kube, tmp_path: Path) -> Controller:
    """With a credential for the Kubernetes API."""
    text = kube.kubeconfig.read_text(encoding="utf-8")
    awx.environment |= injected("cloudops kubeconfig", tmp_path, kubeconfig=text, context="admin")
    return awx


def instant(value: float) -> dict[str, Any]:
    """What Prometheus answers to an instant query."""
    result = [{"metric": {}, "value": [datetime.now(timezone.utc).timestamp(), str(value)]}]
    return {"status": "success", "data": {"resultType": "vector", "result": result}}


@pytest.mark.stand_in_only("a job takes long enough without a real roll-out")
def test_workloads_are_scaled_and_restarted(cluster: Controller, kube: Kube, namespace: str, tmp_path: Path) -> None:
    kube.api.create(path_of(namespace, "deployments"), workload("web", 2))
    place = {"target": "kubernetes", "names": "web", "namespaces": f"{namespace}\n"}

    def size() -> int:
        found: int = kube.api.get(path_of(namespace, "deployments", "web"))["spec"]["replicas"]
        return found

    survey = answers("scale", **place, change="+2", max="5")
    dry = cluster.run("cloudops scale", variables=survey, check=True)
    assert (dry.stats["scale"]["check_mode"], dry.stats["scale"]["counts"]["up"], size()) == (True, 1, 2)
    assert f"{namespace}/web" in dry.output
    assert cluster.run("cloudops scale", variables=survey).stats["scale"]["changed"]
    assert size() == 4

    with PromStandIn(credentials=("secret-of-the-test",)) as prometheus:
        prometheus.put("avg(cpu)", Canned(body=instant(91.5)))
        credential = injected("cloudops Prometheus", tmp_path, url=prometheus.endpoint, token="secret-of-the-test")
        survey = answers(
            "autoscale", **place, source="prometheus", query="avg(cpu)", above="70", below="50", min="1", max="5"
        )
        scaled = cluster.run("cloudops autoscale", variables=survey, env=credential)
    assert scaled.stats["autoscale"]["counts"] == {"up": 1, "down": 0, "hold": 0, "skipped": 0, "failed": 0}
    assert "secret-of-the-test" not in json.dumps(scaled.events)
    assert size() == 5

    restarted = cluster.run(
        "cloudops restart",
        variables=answers("k8s_workload_restart", names="web", namespaces=namespace, reason="new certificate"),
    )
    assert restarted.stats["k8s_workload_restart"]["restarted"] == [f"{namespace}/web"]


def test_groups_are_scaled_by_a_schedule(aws: Controller, groups: Groups) -> None:
    name = groups.add("web", 0, 1, 4)
    survey = answers(
        "scale_schedule", target="autoscaling_group", tags=f"fleet={groups.fleet}", when="always", desired="3"
    )
    done = aws.run("cloudops scale schedule", variables=survey).stats["scale_schedule"]
    assert (done["changed"], done["counts"]["up"]) == (True, 1)
    assert groups.sizes(name) == (0, 3, 4)


def test_an_alert_is_recorded(awx: Controller, tmp_path: Path) -> None:
    record = tmp_path / "alerts.jsonl"
    alert = {
        "alertname": "Busy",
        "status": "firing",
        "labels": {"job": "{{ not_a_template }}"},
        "meta": {"secret": "x"},
    }
    job = awx.run("cloudops record alert", variables={"record_alert_path": str(record), "record_alert": alert})
    assert "Busy is firing" in job.output
    (kept,) = [json.loads(line) for line in record.read_text("utf-8").splitlines()]
    assert kept["labels"] == {"job": "{{ not_a_template }}"}
    assert "meta" not in kept
