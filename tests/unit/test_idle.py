# Copyright (c) 2026 cloudops.core contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Which instances are idle, and what follows in which step."""

from __future__ import annotations

from datetime import datetime, timedelta, timezone
from typing import Any

import pytest
from ansible.errors import AnsibleFilterError
from ansible_collections.cloudops.core.plugins.filter.idle_plan import FilterModule
from ansible_collections.cloudops.core.plugins.module_utils._core.errors import Invalid
from ansible_collections.cloudops.core.plugins.module_utils._domain.idle import plan_idle
from hypothesis import given
from hypothesis import strategies as st

NOW = datetime(2026, 3, 9, 10, 0, tzinfo=timezone.utc)
TAG, STOPPED = "cloudops.core/idle_stop_after", "cloudops.core/idle_stopped_at"
LIMITS = {"CPUUtilization": 5}
BOTH = {"CPUUtilization": "5", "NetworkIn": 1000}
PAST, FUTURE = "2026-03-09T10:00:00Z", "2026-03-09T10:00:01Z"


def machine(number: int = 0, state: str = "running", days: float = 30, **more: Any) -> dict[str, Any]:
    launched = (NOW - timedelta(days=days)).isoformat()
    facts = {"id": f"i-{number:08x}", "region": "eu-central-1", "state": state, "name": f"m{number}", "tags": {}}
    return {**facts, "launch_time": launched, **more}


def series(value: float | None, number: int = 0, metric: str = "CPUUtilization", count: int = 168, **more: Any) -> Any:
    plain = {"id": f"i-{number:08x}", "metric": metric, "value": value, "status": "Complete"}
    return {**plain, "count": count, "expected": 168, "coverage": round(count / 168, 4), **more}


def plan(
    instances: list[dict[str, Any]], measured: list[dict[str, Any]], limits: Any = None, **options: Any
) -> dict[str, Any]:
    return plan_idle(instances, measured, LIMITS if limits is None else limits, NOW, options)


# Verdicts

VERDICTS: list[tuple[str, dict[str, Any], list[Any], Any, str, str]] = [
    ("idle", machine(), [series(4.99)], LIMITS, "idle", "at most 4.99"),
    ("zero", machine(), [series(0)], LIMITS, "idle", "at most 0"),
    ("at the limit", machine(), [series(5)], LIMITS, "active", "reached 5"),
    ("busy", machine(), [series(80)], LIMITS, "active", "reached 80"),
    ("no series", machine(), [], LIMITS, "unknown", "no datapoints"),
    ("no value", machine(), [series(None, count=0)], LIMITS, "unknown", "no datapoints"),
    ("90 %", machine(), [series(1, count=152)], LIMITS, "idle", ""),
    (
        "under 90 %",
        machine(),
        [series(1, count=151)],
        LIMITS,
        "unknown",
        "151 of 168 datapoints (89.9 %); 90 % are needed",
    ),
    ("busy with little data", machine(), [series(80, count=1)], LIMITS, "active", ""),
    ("partial", machine(), [series(1, status="PartialData")], LIMITS, "unknown", "PartialData"),
    ("young", machine(days=6.999), [series(1)], LIMITS, "unknown", "the window of 168 h isn't full"),
    ("old enough", machine(days=7), [series(1)], LIMITS, "idle", ""),
    ("young and busy", machine(days=1), [series(50)], LIMITS, "active", ""),
    ("launch time unknown", machine(launch_time=""), [series(1)], LIMITS, "unknown", "launch time"),
    ("another's series", machine(), [series(1, number=1)], LIMITS, "unknown", "no datapoints"),
    ("network as well", machine(), [series(1), series(999, metric="NetworkIn")], BOTH, "idle", "NetworkIn at most 999"),
    (
        "network busy",
        machine(),
        [series(1), series(1000, metric="NetworkIn")],
        BOTH,
        "active",
        "NetworkIn reached 1,000",
    ),
    ("network unknown", machine(), [series(1)], BOTH, "unknown", "NetworkIn has no datapoints"),
    ("cpu unknown, network busy", machine(), [series(5000, metric="NetworkIn")], BOTH, "active", "NetworkIn"),
    ("ignored", machine(tags={"ignore": "yes"}), [series(1)], LIMITS, "excluded", "ignored"),
    ("not ignored", machine(tags={"ignore": "no"}), [series(1)], LIMITS, "idle", ""),
    ("autoscaling", machine(autoscaling_group="web"), [series(1)], LIMITS, "excluded", "web"),
    ("spot", machine(spot_request_type="one-time"), [series(1)], LIMITS, "excluded", "spot"),
    ("spot, persistent", machine(spot_request_type="persistent"), [series(1)], LIMITS, "idle", ""),
    ("instance store", machine(root_device_type="instance-store"), [series(1)], LIMITS, "excluded", "instance store"),
]


@pytest.mark.parametrize(
    ("facts", "measured", "limits", "verdict", "words"),
    [case[1:] for case in VERDICTS],
    ids=[case[0] for case in VERDICTS],
)
def test_verdict(facts: dict[str, Any], measured: list[Any], limits: Any, verdict: str, words: str) -> None:
    made = plan([facts], measured, limits)
    [one] = made["instances"]
    assert one["verdict"] == verdict, one["reason"]
    assert words in one["reason"]
    assert made[verdict] == [facts["id"]]
    assert made["counts"][verdict] == 1
    assert one["action"] == "none"


@pytest.mark.parametrize("state", ["pending", "stopping", "stopped", "shutting-down", "terminated"])
def test_only_what_runs_takes_part(state: str) -> None:
    assert plan([machine(state=state)], [series(1)])["instances"] == []


@pytest.mark.parametrize(
    ("option", "facts"),
    [
        ("include_ignored", machine(tags={"ignore": ""})),
        ("include_autoscaling", machine(autoscaling_group="web")),
        ("include_spot", machine(spot_request_type="one-time")),
        ("include_instance_store", machine(root_device_type="instance-store")),
    ],
    ids=["ignored", "autoscaling", "spot", "instance store"],
)
def test_included(option: str, facts: dict[str, Any]) -> None:
    assert plan([facts], [series(1)], **{option: "true"})["idle"] == [facts["id"]]


def test_window_and_coverage_are_options() -> None:
    assert plan([machine(days=1)], [series(1, count=84)], window="1d", coverage="0.5")["counts"]["idle"] == 1
    assert plan([machine(days=0.9)], [series(1)], window="1d")["counts"]["unknown"] == 1


# Steps

STEPS: list[tuple[str, dict[str, str], float, list[str], str]] = [
    # name, tags, CPU, steps -> action
    ("report", {}, 1, ["report"], "none"),
    ("tag", {}, 1, ["tag"], "tag"),
    ("stop leaves what has no tag", {}, 1, ["stop"], "none"),
    ("all at once tags first", {}, 1, ["report", "tag", "stop"], "tag"),
    ("tagged, in grace", {TAG: FUTURE}, 1, ["tag", "stop"], "none"),
    ("tagged, grace over, report", {TAG: PAST}, 1, ["report"], "none"),
    ("tagged, grace over, tag", {TAG: PAST}, 1, ["tag"], "none"),
    ("tagged, grace over, stop", {TAG: PAST}, 1, ["stop"], "stop"),
    ("a date alone", {TAG: "2026-03-09"}, 1, ["stop"], "stop"),
    ("a day later", {TAG: "2026-03-10"}, 1, ["stop"], "none"),
    ("put off by hand", {TAG: "never"}, 1, ["tag", "stop"], "none"),
    ("active again", {TAG: PAST}, 50, ["tag", "stop"], "untag"),
    ("active again, stop alone", {TAG: PAST}, 50, ["stop"], "none"),
    ("started again after a stop", {STOPPED: PAST}, 50, ["tag"], "untag"),
    ("active", {}, 50, ["tag", "stop"], "none"),
]


@pytest.mark.parametrize(
    ("tags", "cpu", "steps", "action"), [case[1:] for case in STEPS], ids=[case[0] for case in STEPS]
)
def test_step(tags: dict[str, str], cpu: float, steps: list[str], action: str) -> None:
    made = plan([machine(tags=tags)], [series(cpu)], steps=steps)
    assert made["instances"][0]["action"] == action
    assert made["stop"] == (["i-00000000"] if action == "stop" else [])
    assert len(made["tags"]) == (action in ("tag", "untag"))


def test_unknown_loses_its_grace() -> None:
    """Whoever is started again, or can't be measured, gets the full grace when it is idle again."""
    made = plan([machine(days=1, tags={TAG: PAST})], [series(1)], steps="tag,stop")
    assert made["tags"] == [{"id": "i-00000000", "region": "eu-central-1", "tags": {}, "remove_tags": [TAG, STOPPED]}]
    assert made["stop"] == []


def test_what_is_written() -> None:
    made = plan([machine()], [series(1)], steps="tag", grace="3d")
    where = {"id": "i-00000000", "region": "eu-central-1"}
    assert made["tags"] == [{**where, "tags": {TAG: "2026-03-12T10:00:00Z"}, "remove_tags": [STOPPED]}]
    stopped = plan([machine(tags={TAG: PAST})], [series(1)], steps="stop")
    assert stopped["stopped_tags"] == [{**where, "tags": {STOPPED: "2026-03-09T10:00:00Z"}, "remove_tags": [TAG]}]
    plain = plan([machine(tags={TAG: PAST})], [series(1)], steps="stop", stopped_tag="")
    assert plain["stopped_tags"] == [{**where, "tags": {}, "remove_tags": [TAG]}]


def test_no_grace_still_takes_two_runs() -> None:
    first = plan([machine()], [series(1)], steps="tag,stop", grace="0")
    assert first["stop"] == []
    later = plan([machine(tags=first["tags"][0]["tags"])], [series(1)], steps="tag,stop", grace="0")
    assert later["stop"] == ["i-00000000"]


def test_limits_count_stops_among_those_that_run() -> None:
    fleet = [machine(0, tags={TAG: PAST}), machine(1), machine(2, "stopped")]
    measured = [series(1), series(50, 1)]
    assert plan(fleet, measured, steps="stop", max_percent=50)["refused"] == ""
    assert "max_percent=49" in plan(fleet, measured, steps="stop", max_percent="49")["refused"]
    assert "max_instances=0" in plan(fleet, measured, steps="stop", max_instances="0")["refused"]
    assert plan(fleet, measured, steps="tag", max_instances="0")["refused"] == ""


def test_savings_and_lines() -> None:
    fleet = [machine(0, instance_type="a"), machine(1, instance_type="b"), machine(2), machine(3, tags={TAG: "never"})]
    measured = [series(1), series(1, 1), series(50, 2), series(1, 3)]
    made = plan(fleet, measured, steps="tag", price_per_hour="a=0.1", currency="EUR")
    assert made["savings"] == {"hours": 2190, "cost": 73, "unpriced": 2, "currency": "EUR"}
    text = "\n".join(made["lines"])
    assert "idle i-00000000 (m0) in eu-central-1: CPUUtilization at most 1 in the window; tag to stop after" in text
    assert "i-00000002" not in text
    assert "which is no time, so it isn't stopped" in text
    assert "4 running: 3 idle, 1 active, 0 unknown, 0 excluded; 2 to tag, 0 to untag, 0 to stop" in text
    assert "2,190 h, 73.00 EUR, 2 instances without a price left out" in text


@pytest.mark.parametrize(
    ("limits", "options", "words"),
    [
        ({}, {}, "limits"),
        ("5", {}, "limits"),
        ({"CPUUtilization": ""}, {}, "limits.CPUUtilization"),
        ({"CPUUtilization": "low"}, {}, "limits.CPUUtilization"),
        (LIMITS, {"steps": "tag,destroy"}, "steps"),
        (LIMITS, {"coverage": 90}, "coverage"),
        (LIMITS, {"window": "a week"}, "window"),
        (LIMITS, {"window": "0"}, "window"),
        (LIMITS, {"grace": "-1d"}, "grace"),
        (LIMITS, {"price_per_hour": "cheap"}, "price_per_hour"),
        (LIMITS, {"wat": 1}, "unknown option"),
    ],
    ids=lambda value: str(value)[:40],
)
def test_mistakes(limits: Any, options: dict[str, Any], words: str) -> None:
    with pytest.raises(Invalid, match=words):
        plan([machine()], [series(1)], limits, **options)


def test_the_filter_tells_mistakes_as_ansible_does() -> None:
    idle_plan = FilterModule().filters()["idle_plan"]
    assert idle_plan([machine()], [series(1)], LIMITS, now=NOW)["idle"] == ["i-00000000"]
    assert idle_plan([], [], LIMITS)["counts"]["running"] == 0
    with pytest.raises(AnsibleFilterError, match="instances is not a list"):
        idle_plan({}, [], LIMITS)
    with pytest.raises(AnsibleFilterError, match="series is not a list"):
        idle_plan([], {}, LIMITS)
    with pytest.raises(AnsibleFilterError, match="steps"):
        idle_plan([], [], LIMITS, steps="x")


@given(
    value=st.one_of(st.none(), st.floats(0, 100)),
    count=st.integers(0, 168),
    days=st.floats(0, 30),
    tag=st.sampled_from([None, PAST, FUTURE, "never"]),
    steps=st.sets(st.sampled_from(["report", "tag", "stop"]), min_size=1),
)
def test_only_what_is_surely_idle_stops(
    value: float | None, count: int, days: float, tag: str | None, steps: set[str]
) -> None:
    tags = {TAG: tag} if tag else {}
    made = plan([machine(days=days, tags=tags)], [series(value, count=count)], steps=list(steps))
    [one] = made["instances"]
    surely = value is not None and value < 5 and count / 168 >= 0.9 and days >= 7
    assert (one["verdict"] == "idle") == surely
    assert bool(made["stop"]) == (surely and tag == PAST and "stop" in steps)
    if one["action"] in ("tag", "untag"):
        assert "tag" in steps
