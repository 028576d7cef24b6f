# Copyright (c) 2026 cloudops.core contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The rulebooks in the real engine, ansible-rulebook, from an event to what is done about it.

Starting the engine takes seconds, so one process runs as many of them as can be at once.
"""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from datetime import datetime, timedelta, timezone
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.integration.ec2 import IMAGE, KEYS, REGION, ec2_client
from tests.integration.eda import free_port
from tests.integration.harness import scrubbed_environment
from tests.integration.kube import Kube, eventually, path_of, unique_name, workload
from tests.integration.test_event_sources import client
from tests.servers.moto import MotoServer
from tests.servers.moto_ec2 import set_launch_time
from tests.servers.prometheus import prometheus_server
from tests.unit.eda_sources import RULEBOOKS

BIN = str(Path(sys.executable).parent)
ENGINE = shutil.which("ansible-rulebook", path=BIN)
ALERTMANAGER = shutil.which("prometheus-alertmanager") or shutil.which("alertmanager")
RESTARTED_AT = "kubectl.kubernetes.io/restartedAt"

pytestmark = [
    pytest.mark.skipif(ENGINE is None, reason="ansible-rulebook is not installed"),
    pytest.mark.skipif(shutil.which("java") is None, reason="ansible-rulebook needs Java 17"),
]


class Engine:
    """One process of ansible-rulebook."""

    def __init__(self, process: subprocess.Popen[bytes], log: Path) -> None:
        self._process = process
        self._log = log

    @property
    def output(self) -> str:
        """What it has written so far."""
        return self._log.read_text("utf-8", errors="replace")

    def eventually(self, check: Any, timeout: float = 180) -> Any:
        """Wait until something has come true; when it doesn't, or the engine ends, its output is the reason."""
        end = time.monotonic() + timeout
        while not (found := check()):
            assert self._process.poll() is None, f"the engine ended:\n{self.output[-6000:]}"
            assert time.monotonic() < end, f"nothing came of it in {timeout} s:\n{self.output[-6000:]}"
            time.sleep(0.1)
        return found


@contextmanager
def engine(directory: Path, collections: Path, rulebook: str, variables: Mapping[str, Any]) -> Iterator[Engine]:
    """Run a rulebook for a while."""
    local = {"ansible_connection": "local", "ansible_python_interpreter": sys.executable}
    (directory / "inventory.yml").write_text(json.dumps({"all": {"hosts": {"localhost": local}}}), encoding="utf-8")
    (directory / "vars.yml").write_text(json.dumps(variables), encoding="utf-8")
    settings = {
        "PATH": f"{BIN}:{os.environ['PATH']}",
        "ANSIBLE_COLLECTIONS_PATH": str(collections),
        "ANSIBLE_HOME": str(directory / "ansible"),
        "ANSIBLE_NOCOLOR": "true",
        "AWS_ACCESS_KEY_ID": KEYS["access_key"],
        "AWS_SECRET_ACCESS_KEY": KEYS["secret_key"],
    }
    command = [str(ENGINE), "--rulebook", rulebook, "--inventory", "inventory.yml", "--vars", "vars.yml"]
    command += ["--shutdown-delay", "1"]
    log = directory / "engine.log"
    with log.open("wb") as output:
        process = subprocess.Popen(
            command,
            cwd=directory,
            env=scrubbed_environment(directory, settings),
            stdout=output,
            stderr=output,
            start_new_session=True,
        )
        try:
            yield Engine(process, log)
            assert process.poll() is None, f"the engine ended:\n{log.read_text('utf-8')[-6000:]}"
            assert "Traceback" not in log.read_text("utf-8"), log.read_text("utf-8")[-6000:]
        finally:
            stop(process)


def stop(process: subprocess.Popen[bytes]) -> None:
    """End the engine, and what it has started."""
    process.send_signal(signal.SIGINT)
    try:
        process.wait(20)
    except subprocess.TimeoutExpired:
        os.killpg(process.pid, signal.SIGKILL)
        process.wait()


@contextmanager
def alertmanager(directory: Path, webhook: str, token: str) -> Iterator[str]:
    """A real Alertmanager that sends all alerts to a webhook; its address."""
    webhooks = {"url": webhook, "send_resolved": True, "http_config": {"authorization": {"credentials": token}}}
    route = {"receiver": "rulebook", "group_by": ["..."], "group_wait": "50ms", "group_interval": "500ms"}
    config = {"route": route, "receivers": [{"name": "rulebook", "webhook_configs": [webhooks]}]}
    (directory / "alertmanager.yml").write_text(yaml.safe_dump(config), encoding="utf-8")
    address = f"127.0.0.1:{free_port()}"
    command = [str(ALERTMANAGER), f"--config.file={directory / 'alertmanager.yml'}", f"--storage.path={directory}"]
    command += [f"--web.listen-address={address}", "--cluster.listen-address=", "--log.level=error"]
    process = subprocess.Popen(command, cwd=directory, stdin=subprocess.DEVNULL)
    try:
        eventually(lambda: answers(f"http://{address}/-/ready"))
        yield f"http://{address}"
    finally:
        process.terminate()
        process.wait(10)


def answers(url: str) -> bool:
    """Whether somebody answers."""
    try:
        with urllib.request.urlopen(url, timeout=5):
            return True
    except OSError:
        return False


def raise_alert(address: str, ends_at: str = "", **labels: str) -> None:
    """Tell Alertmanager of an alert, as Prometheus does."""
    alert = {"labels": labels, "annotations": {"summary": "a test"}, "startsAt": "2026-03-01T10:00:00Z"}
    alert |= {"endsAt": ends_at} if ends_at else {}
    request = urllib.request.Request(f"{address}/api/v2/alerts", json.dumps([alert]).encode(), method="POST")
    request.add_header("Content-Type", "application/json")
    with urllib.request.urlopen(request, timeout=10) as answer:
        answer.read()


def deploy(kube: Kube, namespace: str, *names: str) -> None:
    """Make Deployments of 2 replicas each."""
    for name in names:
        kube.api.create(path_of(namespace, "deployments"), workload(name, 2))


def size(kube: Kube, namespace: str, name: str) -> int:
    replicas: int = kube.api.get(path_of(namespace, "deployments", name))["spec"]["replicas"]
    return replicas


def was_restarted(kube: Kube, namespace: str, name: str) -> bool:
    template = kube.api.get(path_of(namespace, "deployments", name))["spec"]["template"]
    return RESTARTED_AT in (template["metadata"].get("annotations") or {})


def records(path: Path) -> list[tuple[str, str]]:
    """Alert and status of each line that was recorded."""
    lines = path.read_text("utf-8").splitlines() if path.exists() else []
    return [(one["alertname"], one["status"]) for one in map(json.loads, lines)]


def idle_instance(moto: MotoServer) -> str:
    """An instance that has run for a day, and did nothing in the last hours."""
    ec2 = ec2_client(moto.endpoint)
    cloudwatch = client(moto, "cloudwatch")
    try:
        made = ec2.run_instances(ImageId=IMAGE, InstanceType="t3.micro", MinCount=1, MaxCount=1)["Instances"][0][
            "InstanceId"
        ]
        now = datetime.now(timezone.utc)
        set_launch_time(moto.endpoint, REGION, [made], now - timedelta(days=1))
        shared = {
            "MetricName": "CPUUtilization",
            "Dimensions": [{"Name": "InstanceId", "Value": made}],
            "Unit": "Percent",
            "Value": 1.0,
        }
        data = [{**shared, "Timestamp": now - timedelta(minutes=5 * number)} for number in range(30)]
        cloudwatch.put_metric_data(Namespace="AWS/EC2", MetricData=data)
    finally:
        ec2.close()
        cloudwatch.close()
    return str(made)


def tags_of(moto: MotoServer, instance: str) -> list[str]:
    ec2 = ec2_client(moto.endpoint)
    try:
        found = ec2.describe_tags(Filters=[{"Name": "resource-id", "Values": [instance]}])["Tags"]
    finally:
        ec2.close()
    return [one["Key"] for one in found]


def queue_with_a_message(moto: MotoServer) -> str:
    sqs, queue = client(moto, "sqs"), unique_name("q")
    try:
        sqs.send_message(QueueUrl=sqs.create_queue(QueueName=queue)["QueueUrl"], MessageBody="x")
    finally:
        sqs.close()
    return queue


def own_rules(endpoint: str, queue: str, kube: Kube, namespace: str) -> list[dict[str, Any]]:
    """Rulesets of the test's own, for a source that no rulebook uses, and for one whose events only warn."""
    args = {"region": REGION, "endpoint_url": endpoint, "queues": [queue], "interval": 1}
    queues = {"name": "orders", "cloudops.core.sqs_depth": {**args, "threshold": {"operator": ">", "value": 0}}}
    args = {"kubeconfig": str(kube.kubeconfig), "context": "admin", "namespaces": [namespace], "changes": ["replicas"]}
    return [
        tell("Watch a queue", queues, "QUEUE {{ event.queue }} {{ event.verdict }} {{ event.value }}"),
        tell("Watch sizes", {"cloudops.core.k8s_workload": args}, "SIZE {{ event.target }} {{ event.replicas }}"),
    ]


def tell(name: str, source: dict[str, Any], message: str) -> dict[str, Any]:
    """A ruleset that tells of each event."""
    rule = {"name": "tell", "condition": 'event.type != "error"', "action": {"debug": {"msg": message}}}
    return {"name": name, "hosts": "localhost", "sources": [source], "rules": [rule]}


@contextmanager
def metrics() -> Iterator[str]:
    """A real Prometheus with a load and a health that are both too high; its address."""
    now = int(time.time())
    times = range(now - 600, now + 900, 15)
    history = [
        f"# TYPE {name} gauge\n" + "".join(f"{name} {value} {when}\n" for when in times)
        for name, value in (("busy", 95), ("bad", 9))
    ]
    with prometheus_server(history="".join(history) + "# EOF\n") as prometheus:
        yield prometheus.endpoint


def settings(kube: Kube, namespace: str, prometheus: str, moto: MotoServer, instance: str) -> dict[str, Any]:
    """Variables of all rulebooks but the file of alerts, as somebody would set them who runs all of them at once."""
    shared = {"step": "15s", "interval": "2s", "datapoints": 2, "of": 2}
    return {
        "alert_port": free_port(),
        "alert_token": "a-token",
        "prometheus_url": prometheus,
        **{f"{name}_{key}": value for key, value in shared.items() for name in ("health", "scale")},
        "scale_query": "busy",
        "scale_above": 70,
        "scale_below": 50,
        "scale_max": 4,
        "scale_namespace": namespace,
        "scale_name": "loaded",
        "scale_kubeconfig": str(kube.kubeconfig),
        "scale_context": "admin",
        "health_query": "bad",
        "health_above": 5,
        "restart_namespace": namespace,
        "restart_name": "unwell",
        "restart_kubeconfig": str(kube.kubeconfig),
        "restart_context": "admin",
        "restart_wait": False,
        "idle_region": REGION,
        "idle_endpoint_url": moto.endpoint,
        "idle_instance_ids": instance,
        "idle_steps": "report, tag",
    }


@pytest.mark.skipif(ALERTMANAGER is None, reason="Alertmanager is not installed")
def test_events_of_all_sources_lead_to_what_the_rulebooks_promise(
    kube: Kube, namespace: str, moto: MotoServer, collections: Path, tmp_path: Path
) -> None:
    """The four rulebooks in one engine, as starting one takes longer than what it does."""
    deploy(kube, namespace, "loaded", "unwell", "web", "api")
    instance, queue, record = idle_instance(moto), queue_with_a_message(moto), tmp_path / "alerts.jsonl"
    rulesets = [one for path in RULEBOOKS for one in yaml.safe_load(path.read_text("utf-8"))]
    rulesets += own_rules(moto.endpoint, queue, kube, namespace)
    (tmp_path / "all.yml").write_text(json.dumps(rulesets), encoding="utf-8")
    with metrics() as prometheus:
        variables = {**settings(kube, namespace, prometheus, moto, instance), "alert_record": str(record)}
        webhook = f"http://127.0.0.1:{variables['alert_port']}"
        with (
            alertmanager(tmp_path, f"{webhook}/alerts", "a-token") as address,
            engine(tmp_path, collections, "all.yml", variables) as running,
        ):
            running.eventually(lambda: answers(webhook))
            busy = {
                "alertname": "Busy",
                "cloudops": "scale",
                "namespace": namespace,
                "deployment": "web",
                "change": "+9",
            }
            raise_alert(address, **busy)
            raise_alert(address, alertname="Hangs", cloudops="restart", namespace=namespace, deployment="api")
            # By an alert: to the bound and no further.
            running.eventually(lambda: size(kube, namespace, "web") == 4)
            running.eventually(lambda: was_restarted(kube, namespace, "api"))
            running.eventually(lambda: {("Busy", "firing"), ("Hangs", "firing")} <= set(records(record)))
            raise_alert(address, datetime.now(timezone.utc).isoformat(), **busy)
            # By metrics.
            running.eventually(lambda: size(kube, namespace, "loaded") == 3)
            running.eventually(lambda: was_restarted(kube, namespace, "unwell"))
            running.eventually(lambda: "cloudops.core/idle_stop_after" in tags_of(moto, instance))
            running.eventually(lambda: f"QUEUE {queue} breached 1" in running.output)
            running.eventually(lambda: f"SIZE {namespace}/loaded 3" in running.output)
            running.eventually(lambda: ("Busy", "resolved") in records(record))
    # What is resolved is recorded, and nothing else is done about it; the metric is as high as ever, but the policy takes its time.
    assert (size(kube, namespace, "web"), size(kube, namespace, "loaded")) == (4, 3)
    assert sorted(records(record)) == [("Busy", "firing"), ("Busy", "resolved"), ("Hangs", "firing")]


def test_an_argument_that_is_wrong_ends_the_engine_with_a_reason(collections: Path, tmp_path: Path) -> None:
    with (
        pytest.raises(AssertionError, match="the engine ended") as caught,
        engine(tmp_path, collections, "cloudops.core.alertmanager", {"alert_host": "0.0.0.0"}) as running,
    ):
        running.eventually(lambda: False)
    assert "Give token or token_file, or listen on 127.0.0.1" in str(caught.value)
