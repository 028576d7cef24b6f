# Copyright (c) 2026 cloudops.core contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The roles power_schedule and idle_instances, and the playbooks stop_instances and start_instances, on moto behind both guards."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import datetime, timedelta, timezone
from typing import Any

import pytest

from tests.integration.ec2 import KEYS, REGION, Fleet
from tests.integration.harness import ModuleRunner, Play, PlayResult
from tests.servers.cloudwatch_guard import CloudWatchGuard
from tests.servers.fault_proxy import FaultProxy
from tests.servers.moto import MotoServer
from tests.servers.moto_ec2 import set_launch_time

Run = Callable[..., PlayResult]
STATE, GRACE, STOPPED = "cloudops.core/power_schedule", "cloudops.core/idle_stop_after", "cloudops.core/idle_stopped_at"
EVENING, MORNING, NOON = "2026-03-02T20:00:00Z", "2026-03-03T08:30:00Z", "2026-03-03T12:00:00Z"
SURVEY = "office:\n  periods:\n    - begintime: '08:00'\n      endtime: '18:00'\n      weekdays: mon-fri\n"
HOUR = 3600


@pytest.fixture(scope="module")
def ec2_server() -> Iterator[MotoServer]:
    """A moto of this file's own."""
    with MotoServer() as server:
        yield server


@pytest.fixture
def proxy(ec2_server: MotoServer) -> Iterator[FaultProxy]:
    """A proxy before it."""
    with FaultProxy(ec2_server.endpoint) as server:
        yield server


@pytest.fixture
def metrics(proxy: FaultProxy) -> CloudWatchGuard:
    """CloudWatch behind the proxy."""
    return CloudWatchGuard().before(proxy)


@pytest.fixture
def fleet(ec2_server: MotoServer, proxy: FaultProxy, run_module: ModuleRunner) -> Iterator[Fleet]:
    """An empty fleet behind a guard."""
    fleet = Fleet(ec2_server.endpoint, proxy, run_module)
    yield fleet
    fleet.terminate()


def playbook(play: Play, fleet: Fleet, name: str) -> Run:
    """Run a playbook on the fleet: options are its variables, or else check, fails."""

    def run(**options: Any) -> PlayResult:
        own = {key: options.pop(key) for key in ("check", "fails") if key in options}
        env = {"AWS_ACCESS_KEY_ID": KEYS["access_key"], "AWS_SECRET_ACCESS_KEY": KEYS["secret_key"]}
        given = {"region": REGION, "endpoint_url": fleet.proxy.endpoint, "tags": f"fleet={fleet.name}\n", **options}
        variables = {f"{name}_{key}": value for key, value in given.items()}
        return play.playbook(f"cloudops.core.{name}", extra_vars=variables, env=env, **own)

    return run


def result_of(done: PlayResult, role: str) -> dict[str, Any]:
    """What the role says at its end."""
    facts: dict[str, Any] = done.named(f"cloudops.core.{role} : Gather the results")["ansible_facts"]
    result: dict[str, Any] = facts[f"{role}_result"]
    return result


# power_schedule


@pytest.fixture
def schedule(play: Play, fleet: Fleet) -> Run:
    """Run the playbook power_schedule."""
    run = playbook(play, fleet, "power_schedule")
    return lambda **options: run(**{"settle_time": 0, "schedules": SURVEY, **options})


def test_a_day_of_a_fleet(fleet: Fleet, schedule: Run) -> None:
    database = fleet.launch(2, tags={"Schedule": "office", "Tier": "database"})
    application = fleet.launch(3, tags={"Schedule": "office", "Tier": "application"})
    own = fleet.launch(1, tags={"Schedule": "Mon-Fri 08:00-21:00 UTC"})
    wrong = fleet.launch(1, tags={"Schedule": "ofice"})
    kept = fleet.launch(1, tags={"Schedule": "office", "ScheduleOverride": "on until 2026-03-03T00:00Z"})
    everyone = [*database, *application, *own, *wrong, *kept, *fleet.launch(1)]
    # As surveys send them.
    texts = {
        "tier_order": "database\napplication",
        "enforced": "false",
        "max_instances": "",
        "max_percent": "90",
        "price_per_hour": "default=0.5",
        "regions": REGION,
        "exceptions": "",
        "holidays": "",
        "periods": "",
    }
    dry = schedule(now=EVENING, check=True, **texts)
    assert fleet.states(everyone) == {"running": 9}
    plan = result_of(dry, "power_schedule")
    assert plan["counts"] == {"scheduled": 8, "start": 0, "stop": 5, "fine": 2, "skipped": 0, "problems": 1}
    assert (plan["savings"]["hours"], plan["savings"]["cost"]) == (60, 30)
    assert "stopping saves 60 h, 30.00 USD until the schedules start them again" in dry.output

    done = schedule(now=EVENING, **texts)
    result = result_of(done, "power_schedule")
    assert sorted(result["stopped"]) == sorted(database + application) == sorted(plan["stopped"])
    assert result["problems"][0]["id"] == wrong[0]
    assert [sorted(batch.ids) for batch in fleet.guard.batches] == [sorted(application), sorted(database)]
    assert fleet.states(database + application) == {"stopped": 5}
    tags = fleet.tags_of(everyone)
    assert [tags[one].get(STATE) for one in (database[0], own[0], wrong[0], kept[0])] == [
        "stopped",
        "running",
        None,
        "running",
    ]
    # To read the fleet and the tags; a call for each tier; one for each state to remember; one look after each tier.
    assert sum(result["api_calls"].values()) <= 12

    again = schedule(now=EVENING, **texts)
    assert "changed" not in again.statuses
    assert result_of(again, "power_schedule")["api_calls"] == {"DescribeInstances": 1}

    schedule(now=MORNING, **texts)
    assert fleet.states(everyone) == {"running": 9}
    assert [sorted(batch.ids) for batch in fleet.guard.batches[2:]] == [sorted(database), sorted(application)]

    fleet.client().stop_instances(InstanceIds=application)
    respected = schedule(now=NOON, **texts)
    assert "changed" not in respected.statuses
    assert fleet.states(application) == {"stopped": 3}
    schedule(now=NOON, **{**texts, "enforced": "true"})
    assert fleet.states(application) == {"running": 3}


def test_who_is_refused_is_not_remembered(fleet: Fleet, schedule: Run) -> None:
    ids = fleet.launch(4, tags={"Schedule": "office", STATE: "running"})
    fleet.guard.refuse("StopInstances", ids[:1], "UnsupportedOperation")
    broken = schedule(now=EVENING, fails=True)
    result = result_of(broken, "power_schedule")
    assert [item["id"] for item in result["failures"]] == ids[:1]
    assert sorted(result["stopped"]) == sorted(ids[1:])
    assert {one: tags[STATE] for one, tags in fleet.tags_of(ids).items()} == {
        one: "running" if one == ids[0] else "stopped" for one in ids
    }
    fleet.guard._refusals.clear()
    assert result_of(schedule(now=EVENING), "power_schedule")["stopped"] == ids[:1]


def test_limits_and_mistakes_come_before_the_first_call(fleet: Fleet, schedule: Run) -> None:
    ids = fleet.launch(3, tags={"Schedule": "office"})
    for options, words in (
        ({"max_instances": "2"}, "more than max_instances=2"),
        ({"schedules": {"office": "Mon-Fri"}}, "schedule office"),
        ({"now": "tomorrow"}, "ISO 8601"),
        ({"tags": "team"}, "lines of key=value"),
    ):
        assert words in schedule(**{"now": EVENING, **options}, fails=True).output
    assert fleet.states(ids) == {"running": 3}
    assert not fleet.guard.batches
    problem = fleet.launch(1, tags={"Schedule": "?"})
    done = schedule(now=EVENING, fail_on_problems="true", fails=True)
    assert "neither defined" in done.output
    assert fleet.states(ids + problem) == {"stopped": 3, "running": 1}


def test_no_fleet_is_no_failure(fleet: Fleet, schedule: Run) -> None:
    done = schedule(now=EVENING, regions="us-east-1, eu-central-1")
    assert result_of(done, "power_schedule")["counts"]["scheduled"] == 0
    assert "changed" not in done.statuses


# idle_instances


@pytest.fixture
def idle(play: Play, fleet: Fleet, metrics: CloudWatchGuard) -> Run:
    """Run the playbook idle_instances."""
    return playbook(play, fleet, "idle_instances")


def at(days_ago: float = 0) -> datetime:
    """The beginning of the present hour, or of one some days before."""
    return datetime.now(timezone.utc).replace(minute=0, second=0, microsecond=0) - timedelta(days=days_ago)


def seed(
    metrics: CloudWatchGuard, instance: str, value: float, metric: str = "CPUUtilization", days: float = 10
) -> None:
    count = int(days * 24)
    values = [value] * count
    metrics.seed("AWS/EC2", metric, {"InstanceId": instance}, int(at().timestamp()) - count * HOUR, HOUR, values)


def test_report_tag_stop(fleet: Fleet, idle: Run, metrics: CloudWatchGuard, ec2_server: MotoServer) -> None:
    lazy = fleet.launch(3, tags={"Name": "lazy"})
    busy, silent, ignored = fleet.launch(1), fleet.launch(1), fleet.launch(1, tags={"ignore": "yes"})
    far = fleet.launch(1, region="us-east-1")
    everyone = [*lazy, *busy, *silent, *ignored]
    set_launch_time(ec2_server.endpoint, REGION, everyone, at(30))
    set_launch_time(ec2_server.endpoint, "us-east-1", far, at(30))
    young = fleet.launch(1)
    for one in [*lazy, *ignored, *young, *far]:
        seed(metrics, one, 2.5)
    seed(metrics, busy[0], 80)
    seed(metrics, silent[0], 1, days=3)
    texts = {"regions": f"{REGION}\nus-east-1", "grace": "1d", "price_per_hour": "1", "network_megabytes": ""}
    yesterday = at(1).isoformat()

    report = result_of(idle(now=yesterday, **texts), "idle_instances")
    assert sorted(report["idle"]) == sorted(lazy + far)
    assert (report["active"], sorted(report["unknown"]), report["excluded"]) == (busy, sorted(silent + young), ignored)
    assert report["savings"]["cost"] == 4 * 730
    assert report["api_calls"] == {"DescribeInstances": 2, "GetMetricData": 2}
    assert not report["changed"]

    dry = idle(now=yesterday, steps="tag, stop", check=True, **texts)
    assert result_of(dry, "idle_instances")["tagged"] == 4
    assert GRACE not in fleet.tags_of(lazy)[lazy[0]]
    tagged = result_of(idle(now=yesterday, steps="tag, stop", **texts), "idle_instances")
    assert (tagged["tagged"], tagged["stopped"]) == (4, [])
    assert fleet.tags_of(lazy)[lazy[0]][GRACE] == at().strftime("%Y-%m-%dT%H:%M:%SZ")
    assert "changed" not in idle(now=yesterday, steps="tag, stop", **texts).statuses

    # One comes alive, and one has an owner who puts the date off.
    seed(metrics, lazy[0], 60)
    fleet.tag(lazy[1:2], **{GRACE: "never"})
    kept = idle(steps=["tag", "stop"], max_instances="1", fails=True, **texts)
    assert "more than max_instances=1" in kept.output
    assert fleet.states(everyone) == {"running": 6}
    stopped = result_of(idle(steps=["tag", "stop"], max_instances="2", **texts), "idle_instances")
    assert sorted(stopped["stopped"]) == sorted([lazy[2], *far])
    assert fleet.states(everyone) == {"running": 5, "stopped": 1}
    tags = fleet.tags_of(lazy)
    assert GRACE not in tags[lazy[0]]
    assert tags[lazy[1]][GRACE] == "never"
    assert GRACE not in tags[lazy[2]]
    assert STOPPED in tags[lazy[2]]
    assert "changed" not in idle(steps=["tag", "stop"], **texts).statuses


def test_the_network_counts_when_asked(
    fleet: Fleet, idle: Run, metrics: CloudWatchGuard, ec2_server: MotoServer
) -> None:
    ids = fleet.launch(2)
    set_launch_time(ec2_server.endpoint, REGION, ids, at(30))
    for one, received in zip(ids, (900_000, 1_100_000), strict=True):
        seed(metrics, one, 1)
        seed(metrics, one, received, "NetworkIn")
        seed(metrics, one, 10, "NetworkOut")
    assert len(result_of(idle(), "idle_instances")["idle"]) == 2
    result = result_of(idle(network_megabytes="1"), "idle_instances")
    assert (result["idle"], result["active"]) == (ids[:1], ids[1:])
    assert result["api_calls"]["GetMetricData"] == 3


def test_a_selection_is_required(idle: Run) -> None:
    assert "No instances are selected" in idle(tags="", fails=True).output
    assert "steps" in idle(steps="destroy", fails=True).output


# stop_instances and start_instances


def test_stop_and_start(fleet: Fleet, play: Play) -> None:
    ids = fleet.launch(3)
    stop, start = playbook(play, fleet, "stop_instances"), playbook(play, fleet, "start_instances")
    assert "changed" in stop(check=True, regions=REGION, max_instances="3", wait="").statuses
    assert "max_instances=2" in stop(max_instances="2", fails=True).output
    assert fleet.states(ids) == {"running": 3}
    assert "changed" in stop(instance_ids=", ".join(ids[:2]), wait_timeout="60").statuses
    assert fleet.states(ids) == {"running": 1, "stopped": 2}
    assert "changed" not in stop(instance_ids=ids[:2]).statuses
    assert "changed" in start(settle_time="1", filters="instance-state-name: stopped").statuses
    assert fleet.states(ids) == {"running": 3}
    assert "no instances are selected" in start(tags="", fails=True).output
    rebooted = playbook(play, fleet, "restart_instances")(instance_ids=ids[0], max_instances="1", wait="false")
    assert rebooted.named("Restart them")["counts"]["changed"] == 1
