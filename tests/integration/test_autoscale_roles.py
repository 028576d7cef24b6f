# Copyright (c) 2026 cloudops.core contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The roles autoscale and scale_schedule, and the playbooks autoscale, scale and scale_schedule: from a metric to a size."""

from __future__ import annotations

import json
import socket
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta, timezone
from pathlib import Path
from typing import Any

import pytest

from tests.integration.autoscaling import KEYS, REGION, Groups, aws_client
from tests.integration.harness import ModuleRunner, Play, PlayResult, TaskResult
from tests.integration.kube import Kube, path_of, workload
from tests.servers.cloudwatch_guard import CloudWatchGuard
from tests.servers.exporter import Exporter
from tests.servers.fault_proxy import FaultProxy
from tests.servers.moto import MotoServer
from tests.servers.prometheus import PrometheusServer, prometheus_server

Run = Callable[..., PlayResult]
STATE = "cloudops.core/scaling-state"
NOON = "2026-03-02T12:00:00Z"  # a Monday
AWS_ENVIRONMENT = {"AWS_ACCESS_KEY_ID": KEYS["access_key"], "AWS_SECRET_ACCESS_KEY": KEYS["secret_key"]}
# As surveys send it: above 70 one more, below 50 one less, between 2 and 10.
SURVEY = {
    "above": "70",
    "below": "50",
    "min": "2",
    "max": "10",
    "up": "",
    "cooldown_up": "",
    "on_missing": "",
    "max_targets": "1",
}


@dataclass
class Load:
    """A Prometheus, and the exporter that it looks at."""

    exporter: Exporter
    prometheus: PrometheusServer

    def be(self, cpu: float) -> None:
        """Have Prometheus say so."""
        self.exporter.set({"web_cpu_percent": cpu})
        self.prometheus.wait_for("web_cpu_percent", cpu)


@pytest.fixture(scope="module")
def load() -> Iterator[Load]:
    """Prometheus, or its stand-in where it isn't installed."""
    with Exporter() as exporter, prometheus_server(target=exporter.endpoint) as prometheus:
        yield Load(exporter, prometheus)


@dataclass
class Shop:
    """Deployments in a namespace of the test's own."""

    kube: Kube
    namespace: str

    def add(self, name: str = "web", replicas: int = 2, **annotations: str) -> str:
        """Make a Deployment; return what the modules call it."""
        body = workload(name, replicas)
        body["metadata"]["annotations"] = {f"cloudops.core/{key}": value for key, value in annotations.items()}
        self.kube.api.create(path_of(self.namespace, "deployments"), body)
        return f"{self.namespace}/{name}"

    def raw(self, name: str = "web") -> Any:
        """The Deployment as the server has it."""
        return self.kube.api.get(path_of(self.namespace, "deployments", name))

    def size(self, name: str = "web") -> int:
        """How many replicas it shall have."""
        replicas: int = self.raw(name)["spec"]["replicas"]
        return replicas

    @property
    def options(self) -> dict[str, Any]:
        """Variables of a playbook that lead it here."""
        return {"target": "kubernetes", "kubeconfig": str(self.kube.kubeconfig), "namespaces": f"{self.namespace}\n"}


@pytest.fixture
def shop(kube: Kube, namespace: str) -> Shop:
    """No Deployments yet."""
    return Shop(kube, namespace)


@pytest.fixture
def groups(moto: MotoServer, run_module: ModuleRunner) -> Iterator[Groups]:
    """No groups yet, behind a guard, with CloudWatch's."""
    client = aws_client("autoscaling", moto.endpoint)
    with FaultProxy(moto.endpoint) as proxy:
        groups = Groups(moto.endpoint, proxy, run_module, client)
        yield groups
        groups.remove()
    client.close()


def aws_options(groups: Groups) -> dict[str, Any]:
    """Variables of a playbook that lead it to the groups."""
    return {"target": "autoscaling_group", "endpoint_url": groups.proxy.endpoint, "region": REGION}


def playbook(play: Play, name: str, given: dict[str, Any]) -> Run:
    """Run a playbook: options are its variables, or else check, fails."""

    def run(**options: Any) -> PlayResult:
        own = {key: options.pop(key) for key in ("check", "fails", "quiet") if key in options}
        variables = {f"{name}_{key}": value for key, value in {**given, **options}.items()}
        return play.playbook(f"cloudops.core.{name}", extra_vars=variables, env=AWS_ENVIRONMENT, **own)

    return run


def tasks_named(done: PlayResult, end: str) -> list[TaskResult]:
    return [task for task in done.tasks if task.name.endswith(end)]


def result_of(done: PlayResult) -> dict[str, Any]:
    """What was kept for the jobs that follow."""
    [(name, result)] = done.named("Keep the results for the jobs that follow")["ansible_stats"]["data"].items()
    assert name in ("autoscale", "scale", "scale_schedule")
    kept: dict[str, Any] = result
    return kept


def lines_of(done: PlayResult) -> list[str]:
    """What was said of the targets, pass by pass."""
    return [line for task in tasks_named(done, "Say what was decided") for line in task["msg"]]


def records_of(path: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]


# autoscale


def test_prometheus_scales_a_deployment(play: Play, shop: Shop, load: Load, tmp_path: Path) -> None:
    target, record = shop.add(), tmp_path / "record.jsonl"
    given = {**SURVEY, **shop.options, "names": "web", "source": "prometheus", "metric": "cpu", "record": str(record)}
    given |= {"query": "avg(web_cpu_percent)", "prometheus_url": load.prometheus.endpoint}
    autoscale = playbook(play, "autoscale", given)
    load.be(83.5)

    wrong = autoscale(query="avg(", check=True, fails=True, quiet=False)
    assert "metric_missing: cpu is missing" in lines_of(wrong)[1]
    assert "unclosed left parenthesis" in tasks_named(wrong, "Fail when a pass did not go well")[0]["msg"]
    assert result_of(wrong)["check_mode"]
    assert STATE not in shop.raw()["metadata"].get("annotations", {})
    assert not record.exists()

    done = autoscale(cycles="2", interval="1")
    assert shop.size() == 4
    assert [line.split(",")[:2] for line in lines_of(done)] == [
        [f"pass 1: {target}: cpu 83.5", " 2 -> 3"],
        [f"pass 2: {target}: cpu 83.5", " 3 -> 4"],
    ]
    result = result_of(done)
    assert result["counts"] == {"up": 2, "down": 0, "hold": 0, "skipped": 0, "failed": 0}
    assert [action.partition(" ")[2] for action in result["actions"]] == [
        f"scale {target} from 2 to 3",
        f"scale {target} from 3 to 4",
    ]
    assert (result["passes"], result["changed"], result["failures"]) == (2, True, [])
    assert result["api_calls"]["query"] == 2
    first, second = records_of(record)
    assert (first["pass"], first["check_mode"], first["metrics"][0]["value"]) == (1, False, 83.5)
    assert [one["targets"][0]["after"] for one in (first, second)] == [3, 4]
    assert second["targets"][0]["decision"]["reason"] == "threshold"
    times = [datetime.fromisoformat(one["time"].replace("Z", "+00:00")) for one in (first, second)]
    assert times[1] - times[0] >= timedelta(seconds=0.9)


def test_a_source_that_is_away_holds_the_size(play: Play, shop: Shop) -> None:
    target = shop.add(replicas=5)
    with socket.socket() as nobody:
        nobody.bind(("127.0.0.1", 0))
        url = f"http://127.0.0.1:{nobody.getsockname()[1]}"
        given = {**SURVEY, **shop.options, "names": "web", "source": "prometheus", "query": "1", "prometheus_url": url}
        done = playbook(play, "autoscale", given)(quiet=False)
    away, held = lines_of(done)
    assert away.startswith("pass 1: could not read metrics from prometheus: ")
    assert held == f"pass 1: {target}: load missing, 5 -> 5, metric_missing: load is missing"
    assert result_of(done)["failures"] == []
    assert shop.size() == 5


def test_own_tasks(play: Play, shop: Shop, tmp_path: Path) -> None:
    target, tasks, numbers = shop.add(), tmp_path / "load.yml", tmp_path / "load.json"
    shop.add("excluded", exclude="true")
    tasks.write_text(
        "- ansible.builtin.set_fact:\n"
        f"    autoscale_metrics: \"{{{{ lookup('ansible.builtin.file', '{numbers}') | from_json }}}}\"\n",
        encoding="utf-8",
    )
    policy = {"max": 3, "rules": [{"metric": "sales", "above": 10, "below": 5}]}
    given = {**shop.options, "source": "tasks", "tasks": str(tasks), "label_selectors": "app in (web,excluded)"}
    autoscale = playbook(play, "autoscale", {**given, "policy": json.dumps(policy), "min": "1", "max_targets": "3"})
    numbers.write_text(json.dumps([{"name": "sales", "value": "11", "timestamp": NOON}]), encoding="utf-8")

    done = autoscale(now=NOON, cycles=2, interval=0)
    assert shop.size() == 3
    counts = result_of(done)["counts"]
    assert (counts["up"], counts["hold"] + counts["skipped"]) == (1, 3)
    assert any(line.endswith(": excluded") or ", excluded" in line for line in lines_of(done))

    # Without the file nothing is known, and what was known a pass ago doesn't count.
    numbers.unlink()
    lost = autoscale(fails=True, quiet=False)
    assert any(f"{target}: sales missing, 3 -> 3, metric_missing: " in line for line in lines_of(lost))
    assert shop.size() == 3


def test_a_queue_scales_a_group(play: Play, groups: Groups, tmp_path: Path) -> None:
    sqs, record = aws_client("sqs", groups.endpoint), tmp_path / "record.jsonl"
    queue, group = f"orders-{groups.fleet}", groups.add("workers", 0, 1, 4)
    url = sqs.create_queue(QueueName=queue)["QueueUrl"]
    for number in range(7):
        sqs.send_message(QueueUrl=url, MessageBody=str(number))
    given = {
        **aws_options(groups),
        "tags": f"fleet={groups.fleet}",
        "source": "sqs",
        "queues": queue,
        "per_replica": "3",
    }
    given |= {"min": "0", "max": "10", "record": str(record), "record_in_check_mode": "true"}
    autoscale = playbook(play, "autoscale", given)
    assert lines_of(autoscale(check=True))[0].startswith(f"pass 1: {group}: {queue} 7, 1 -> 3, target: ")
    assert groups.sizes(group)[1] == 1
    done = autoscale()
    assert groups.sizes(group) == (0, 3, 4)
    assert lines_of(done)[0].startswith(f"pass 1: {group}: {queue} 7, 1 -> 3, target: ")
    assert {"GetQueueAttributes", "SetDesiredCapacity"} <= set(result_of(done)["api_calls"])
    assert [one["check_mode"] for one in records_of(record)] == [True, False]
    sqs.delete_queue(QueueUrl=url)
    sqs.close()


def test_cloudwatch_scales_a_group(play: Play, groups: Groups) -> None:
    metrics = CloudWatchGuard().before(groups.proxy)
    group = groups.add("web", 1, 2, 4)
    minute = int(datetime.now(timezone.utc).timestamp()) // 60 * 60
    metrics.seed("AWS/EC2", "CPUUtilization", {"AutoScalingGroupName": group}, minute - 600, 60, [20.0] * 9 + [90.0])
    given = {**SURVEY, **aws_options(groups), "names": group, "source": "cloudwatch", "metric": "cpu", "max": "3"}
    given |= {"cloudwatch_metric": "CPUUtilization", "cloudwatch_dimensions": f"AutoScalingGroupName={group}"}
    done = playbook(play, "autoscale", given)()
    assert lines_of(done) == [f"pass 1: {group}: cpu 90, 2 -> 3, threshold: cpu is 90, above 70"]
    assert groups.sizes(group) == (1, 3, 4)


def test_a_target_that_fails_fails_the_role_at_its_end(play: Play, shop: Shop, tmp_path: Path) -> None:
    target, record = shop.add(), tmp_path / "record.jsonl"
    metrics = [{"name": "load", "value": 80}]
    given = {**SURVEY, **shop.options, "names": "web, nobody", "source": "tasks", "metrics": metrics}
    done = playbook(play, "autoscale", {**given, "record": str(record), "max_targets": ""})(
        cycles=2, interval=0, fails=True, quiet=False
    )
    # Another pass was made all the same.
    assert shop.size() == 4
    assert tasks_named(done, "Fail when a pass did not go well")[0].status == "failed"
    result = result_of(done)
    assert [failure["pass"] for failure in result["failures"]] == [1, 2]
    assert all("nobody" in failure["message"] for failure in result["failures"])
    assert sum(target in line and " -> " in line for line in lines_of(done)) == 2
    assert [len(one["failures"]) for one in records_of(record)] == [1, 1]


NUMBERS = {"source": "tasks", "metrics": [{"name": "load", "value": 1}], "target": "kubernetes", "names": "web"}


@pytest.mark.parametrize(
    ("role", "cases"),
    [
        (
            "autoscale",
            [
                ({}, "autoscale_policy"),
                ({**SURVEY, "above": "much"}, "autoscale_above is much"),
                ({**SURVEY, "cooldown_down": "soon"}, "autoscale_cooldown_down is soon"),
                ({**SURVEY, "max": ""}, "autoscale_min and autoscale_max"),
                ({**SURVEY, "max": "1"}, "autoscale_min is 2, more than autoscale_max"),
                ({**SURVEY, "below": "70"}, "autoscale_below is 70, not under autoscale_above"),
                ({**SURVEY, "policy": {"max": 4}}, "autoscale_policy is given"),
                ({**SURVEY, "cycles": "0"}, "autoscale_cycles"),
                ({**SURVEY, "names": " "}, "autoscale_names or autoscale_label_selectors"),
                ({**SURVEY, "source": "prometheus"}, "autoscale_query or autoscale_queries"),
                (
                    {**SURVEY, "source": "prometheus", "query": "1", "queries": "[{query: '2'}]"},
                    "autoscale_query and autoscale_queries",
                ),
                ({**SURVEY, "source": "sqs", "queues": "a b"}, "autoscale_metric is missing"),
                ({**SURVEY, "source": "promethius"}, "value of autoscale_source must be one of"),
                ({**SURVEY, "target": "autoscaling_group", "names": "", "tags": "team"}, "autoscale_tags has a line"),
                ({**SURVEY, "record": "/no/such/directory/record"}, "/no/such/directory/record"),
                ({"policy": {"min": 1, "max": 4, "rules": [{"metric": "load", "abov": 3}]}}, "policy.rules"),
            ],
        ),
        (
            "scale_schedule",
            [
                ({}, "scale_schedule_windows, or scale_schedule_when"),
                ({"when": "Mon-Fri 08:00-18:00"}, "scale_schedule_when has no size"),
                ({"when": "always", "desired": "some"}, "scale_schedule_desired: this is not a whole number"),
                (
                    {"when": "always", "desired": "1", "windows": [{"schedule": "always", "desired": 1}]},
                    "are both given",
                ),
                (
                    {"when": "always", "desired": "1", "names": ""},
                    "scale_schedule_names or scale_schedule_label_selectors",
                ),
                ({"when": "sometimes", "desired": "1"}, "sometimes"),
            ],
        ),
    ],
    ids=["autoscale", "scale_schedule"],
)
def test_bad_input_is_named(play: Play, role: str, cases: list[tuple[dict[str, Any], str]]) -> None:
    known = {key: NUMBERS[key] for key in (NUMBERS if role == "autoscale" else ("target", "names"))}
    tasks = []
    for given, _words in cases:
        variables = {f"{role}_{key}": value for key, value in {**known, **given}.items()}
        include = {"ansible.builtin.include_role": {"name": f"cloudops.core.{role}"}, "vars": variables}
        keep = {"ansible.builtin.set_fact": {"seen": "{{ ansible_failed_result.msg | string }}"}}
        tasks.append({"block": [include], "rescue": [{"name": "Keep what was said", **keep}]})
    done = play(*tasks, quiet=False, env={"KUBECONFIG": "/no/such/kubeconfig"})
    seen = [task["ansible_facts"]["seen"] for task in tasks_named(done, "Keep what was said")]
    assert len(seen) == len(cases)
    for (_given, words), message in zip(cases, seen, strict=True):
        assert words in message


# scale


def test_scaling_by_hand(play: Play, shop: Shop, groups: Groups) -> None:
    target, group = shop.add(), groups.add("web", 1, 2, 4)
    scale = playbook(play, "scale", shop.options)
    done = scale(names="web", replicas="4", change="", min="", max_targets="1", wait_timeout="60")
    assert shop.size() == 4
    assert done.named("Show what was done")["msg"] == [f"{target}: 2 -> 4, manual: scaled from 2 to 4"]

    aws = playbook(play, "scale", {**aws_options(groups), "tags": f"fleet={groups.fleet}", "change": "+50%"})
    dry = aws(check=True)
    assert result_of(dry)["results"][0]["desired"] == 3
    assert groups.sizes(group) == (1, 2, 4)
    assert "scale_target is cluster; it is kubernetes or autoscaling_group" in aws(target="cluster", fails=True).output


# scale_schedule


def test_windows_across_midnight(play: Play, shop: Shop, groups: Groups, tmp_path: Path) -> None:
    shop.add("nightly", replicas=1)
    group, record = groups.add("batch", 0, 1, 9), tmp_path / "record.jsonl"
    night = {"schedule": "Mon 22:00-06:00 Europe/Berlin", "desired": "5", "name": "batch run"}
    common = {"names": "nightly", "otherwise": "1", "wait": False, **shop.options}
    common.pop("kubeconfig")

    def at(now: str, **more: Any) -> dict[str, Any]:
        variables = {f"scale_schedule_{key}": value for key, value in {**common, "now": now, **more}.items()}
        return {"ansible.builtin.include_role": {"name": "cloudops.core.scale_schedule"}, "vars": variables}

    flat = {"when": "Mon 22:00-06:00", "timezone": "Europe/Berlin", "desired": "5"}
    in_aws = {"target": "autoscaling_group", "names": group, "otherwise": "0"}
    moments = [
        at("2026-03-02T23:00:00Z", windows=[night], record=str(record)),
        at("2026-03-03T04:59:00Z", **flat),
        at("2026-03-03T05:00:00Z", windows=[night]),
        at("2026-03-03T04:00:00Z", **{**in_aws, **flat}),
    ]
    env = {**AWS_ENVIRONMENT, "K8S_AUTH_KUBECONFIG": str(shop.kube.kubeconfig)}
    done = play(*moments, defaults={"endpoint_url": groups.proxy.endpoint, "region": REGION}, env=env)
    sizes = [
        task["ansible_facts"]["scale_schedule_result"]["results"][0] for task in tasks_named(done, "Gather the results")
    ]
    assert [(one["before"], one["desired"]) for one in sizes] == [(1, 5), (5, 5), (5, 1), (1, 5)]
    assert {one["reason"] for one in sizes if one["before"] != one["desired"]} == {"schedule"}
    assert (shop.size("nightly"), groups.sizes(group)) == (1, (0, 5, 9))
    assert [one["time"] for one in records_of(record)] == ["2026-03-02T23:00:00Z"]

    schedule = playbook(
        play, "scale_schedule", {**shop.options, "names": "nightly", **flat, "now": "2026-03-02T22:00:00Z"}
    )
    dry = schedule(check=True)
    assert lines_of(dry)[0].startswith(f"{shop.namespace}/nightly: 1 -> 5, schedule: ")
    assert shop.size("nightly") == 1


# decision_record


def test_records_are_appended(run_module: ModuleRunner, tmp_path: Path) -> None:
    path = tmp_path / "record.jsonl"
    records = [{"a": 1}, {"b": "x"}]
    given = {"path": str(path), "records": records, "mode": "0600"}
    dry = run_module("decision_record", given, check=True)
    assert not path.exists()
    done = run_module("decision_record", given)
    assert (
        (dry["changed"], dry["written"], dry["path"])
        == (done["changed"], done["written"], done["path"])
        == (True, 2, str(path))
    )
    assert not run_module("decision_record", {"path": str(path)})["changed"]
    run_module("decision_record", given)
    assert records_of(path) == records * 2
    assert path.stat().st_mode & 0o777 == 0o600


@pytest.mark.parametrize(
    ("params", "check", "words"),
    [
        ({"path": "/no/such/directory/x"}, False, "there is no such directory"),
        ({"path": "/no/such/directory/x"}, True, "there is no such directory"),
        ({"mode": "rw"}, False, "mode: rw are no octal permissions"),
        ({"mode": "7777"}, True, "mode: 7777"),
    ],
    ids=["no-directory", "no-directory-check", "mode", "mode-check"],
)
def test_records_that_can_not_be_kept(
    run_module: ModuleRunner, tmp_path: Path, params: dict[str, Any], check: bool, words: str
) -> None:
    result = run_module("decision_record", {"path": str(tmp_path / "x"), **params}, check=check, fails=True)
    assert words in result["msg"]
    assert not (tmp_path / "x").exists()
