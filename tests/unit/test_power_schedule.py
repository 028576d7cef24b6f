# Copyright (c) 2026 cloudops.core contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The plan of a whole fleet by its schedules."""

from __future__ import annotations

from datetime import datetime, timedelta, timezone
from typing import Any

import pytest
from ansible.errors import AnsibleFilterError
from ansible_collections.cloudops.core.plugins.filter.power_plan import FilterModule
from ansible_collections.cloudops.core.plugins.module_utils._core.errors import Invalid
from ansible_collections.cloudops.core.plugins.module_utils._domain.fleet import Prices, read_prices
from ansible_collections.cloudops.core.plugins.module_utils._domain.power_schedule import plan_fleet
from hypothesis import given
from hypothesis import strategies as st

EVENING = datetime(2026, 3, 2, 20, 0, tzinfo=timezone.utc)  # a Monday
MORNING = datetime(2026, 3, 3, 9, 0, tzinfo=timezone.utc)
OFFICE = "Mon-Fri 08:00-18:00 UTC"
SCHEDULES = {"office": OFFICE}
STATE, OVERRIDE = "cloudops.core/power_schedule", "ScheduleOverride"


def machine(number: int = 0, state: str = "running", stored: str | None = None, **more: Any) -> dict[str, Any]:
    """Facts of an instance with the schedule office."""
    tags = {"Schedule": "office", **more.pop("tags", {})}
    if stored is not None:
        tags[STATE] = stored
    facts = {"id": f"i-{number:08x}", "region": "eu-central-1", "state": state, "name": f"m{number}"}
    return {**facts, "tags": {key: value for key, value in tags.items() if value is not None}, **more}


def plan(*instances: dict[str, Any], now: datetime = EVENING, schedules: Any = None, **options: Any) -> Any:
    return plan_fleet(instances, SCHEDULES if schedules is None else schedules, now, options)


def carried_out(instances: list[dict[str, Any]], made: dict[str, Any]) -> list[dict[str, Any]]:
    """The fleet after the plan."""
    states = {one: batch["state"] for batch in made["batches"] for one in batch["instance_ids"]}
    tags = {one["id"]: one["tags"] for one in made["remember"]}
    return [
        {
            **one,
            "state": {"hibernated": "stopped"}.get(states.get(one["id"], ""), states.get(one["id"], one["state"])),
            "tags": {**one["tags"], **tags.get(one["id"], {})},
        }
        for one in instances
    ]


# What one instance comes to

CASES: list[tuple[str, dict[str, Any], datetime, dict[str, Any], str, str | None]] = [
    # name, machine, now, options -> action, what is remembered (None: nothing new)
    ("evening", machine(stored="running"), EVENING, {}, "stop", "stopped"),
    ("evening, again", machine(state="stopped", stored="stopped"), EVENING, {}, "none", None),
    ("evening, met first", machine(), EVENING, {}, "stop", "stopped"),
    ("evening, new ones spared", machine(), EVENING, {"stop_new_instances": "false"}, "none", "stopped"),
    ("evening, started by hand", machine(stored="stopped"), EVENING, {}, "none", None),
    ("evening, enforced", machine(stored="stopped"), EVENING, {"enforced": True}, "stop", None),
    ("evening, retained", machine(stored="retain_running"), EVENING, {"retain_running": "yes"}, "none", "stopped"),
    ("morning", machine(state="stopped", stored="stopped"), MORNING, {}, "start", "running"),
    ("morning, again", machine(stored="running"), MORNING, {}, "none", None),
    ("morning, stopped by hand", machine(state="stopped", stored="running"), MORNING, {}, "none", None),
    ("override on", machine(stored="running", tags={OVERRIDE: "on"}), EVENING, {}, "none", None),
    (
        "override still on",
        machine(stored="running", tags={OVERRIDE: "on until 2026-03-02T20:01Z"}),
        EVENING,
        {},
        "none",
        None,
    ),
    (
        "override over",
        machine(stored="running", tags={OVERRIDE: "on until 2026-03-02T20:00Z"}),
        EVENING,
        {},
        "stop",
        "stopped",
    ),
    ("override off", machine(stored="running", tags={OVERRIDE: "off"}), MORNING, {}, "stop", "stopped"),
    ("gone override", machine(stored="running", tags={OVERRIDE: " "}), EVENING, {}, "stop", "stopped"),
    ("schedule in the tag", machine(tags={"Schedule": "Mon-Fri 08:00-21:00 UTC"}), EVENING, {}, "none", "running"),
    (
        "zone of the option",
        machine(tags={"Schedule": "Mon-Fri 08:00-21:00"}),
        EVENING,
        {"timezone": "Asia/Tokyo"},
        "stop",
        "stopped",
    ),
    ("another case", machine(tags={"Schedule": " Office "}), EVENING, {}, "stop", "stopped"),
    ("holiday", machine(stored="running"), MORNING, {"holidays": ["2026-03-03"]}, "stop", "stopped"),
    ("holiday as text", machine(stored="running"), MORNING, {"holidays": "2026-03-03\n2026-03-04"}, "stop", "stopped"),
    (
        "exception",
        machine(state="stopped", stored="stopped"),
        EVENING,
        {"exceptions": [{"from": "2026-03-02", "to": "2026-03-02", "state": "on"}]},
        "start",
        "running",
    ),
    (
        "another tag",
        machine(tags={"Schedule": None, "when": "office"}),
        EVENING,
        {"schedule_tag": "when"},
        "stop",
        "stopped",
    ),
]


@pytest.mark.parametrize(
    ("facts", "now", "options", "action", "remembered"), [case[1:] for case in CASES], ids=[case[0] for case in CASES]
)
def test_one_instance(
    facts: dict[str, Any], now: datetime, options: dict[str, Any], action: str, remembered: str | None
) -> None:
    made = plan(facts, now=now, **options)
    assert [one["action"] for one in made["instances"]] == [action]
    assert [one["tags"][STATE] for one in made["remember"]] == ([] if remembered is None else [remembered])
    assert sum(len(batch["instance_ids"]) for batch in made["batches"]) == (action != "none")


@pytest.mark.parametrize(
    ("facts", "status", "words"),
    [
        (machine(tags={"ignore": ""}), "skipped", "ignored"),
        (machine(autoscaling_group="web"), "skipped", "autoscaling"),
        (machine(spot_request_type="one-time"), "skipped", "spot"),
        (machine(root_device_type="instance-store"), "skipped", "instance_store"),
        (machine(tags={"Schedule": ""}), "problem", "empty"),
        (machine(tags={"Schedule": "ofice"}), "problem", "neither defined"),
        (machine(tags={OVERRIDE: "perhaps"}), "problem", "neither on, off nor any"),
        (machine(tags={OVERRIDE: "on until Monday"}), "problem", "ISO 8601"),
    ],
    ids=["ignored", "autoscaling", "spot", "instance store", "empty", "unknown", "override", "override's end"],
)
def test_left_alone(facts: dict[str, Any], status: str, words: str) -> None:
    made = plan(facts, machine(1))
    [one, other] = made["instances"]
    assert (one["status"], one["action"]) == (status, "none")
    assert words in one["reason"]
    assert other["action"] == "stop"
    assert [item["id"] for item in made["remember"]] == [other["id"]]
    [listed] = made["skipped_instances" if status == "skipped" else "problems"]
    assert listed["id"] == one["id"]


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
    assert plan(facts, **{option: "true"})["counts"]["stop"] == 1


def test_who_takes_part() -> None:
    made = plan(machine(), machine(1, "terminated"), machine(2, "shutting-down"), {**machine(3), "tags": {"a": "b"}})
    assert [one["id"] for one in made["instances"]] == ["i-00000000"]
    assert plan()["batches"] == []


def test_a_schedule_says_itself_how_it_is_meant() -> None:
    strict = {"Periods": [{"BeginTime": "08:00", "EndTime": "18:00"}], "Enforced": "true", "hibernate": True}
    mild = {"periods": [{"begintime": "08:00", "endtime": "18:00"}], "enforced": False}
    made = plan(
        machine(0, stored="stopped", tags={"Schedule": "strict"}, hibernation=True),
        machine(1, stored="stopped", tags={"Schedule": "strict"}),
        machine(2, stored="stopped", tags={"Schedule": "mild"}, hibernation=True),
        schedules={"strict": strict, "mild": mild},
        enforced=True,
    )
    assert [one["action"] for one in made["instances"]] == ["stop", "stop", "none"]
    assert [(batch["state"], len(batch["instance_ids"])) for batch in made["batches"]] == [
        ("hibernated", 1),
        ("stopped", 1),
    ]


def test_tiers() -> None:
    fleet = [
        machine(number, tags={"Tier": tier})
        for number, tier in enumerate(["application", "database", "cache", None, "application"])
    ]
    order = "database, cache\napplication"
    stopping = plan(*fleet, tier_order=order)
    assert [batch["tier"] for batch in stopping["batches"]] == ["", "application", "cache", "database"]
    assert stopping["batches"][1]["instance_ids"] == ["i-00000000", "i-00000004"]
    starting = plan(*carried_out(fleet, stopping), now=MORNING, tier_order=order)
    assert [batch["tier"] for batch in starting["batches"]] == ["database", "cache", "application", ""]
    assert {batch["state"] for batch in starting["batches"]} == {"running"}


def test_stops_come_before_starts_and_regions_share_a_batch() -> None:
    fleet = [
        machine(0, stored="running"),
        machine(1, stored="running", region="us-east-1"),
        machine(2, "stopped", tags={"Schedule": "always"}),
    ]
    batches = plan(*fleet)["batches"]
    assert [(batch["state"], batch["regions"]) for batch in batches] == [
        ("stopped", ["eu-central-1", "us-east-1"]),
        ("running", ["eu-central-1"]),
    ]


# Savings


@pytest.mark.parametrize(
    ("tags", "hours"),
    [
        ({}, 12),
        ({"Schedule": "never"}, 168),
        ({OVERRIDE: "off"}, 168),
        ({OVERRIDE: "off until 2026-03-03T07:00Z"}, 12),
        ({OVERRIDE: "off until 2026-03-03T10:30Z"}, 14.5),
        ({OVERRIDE: "off until 2027-03-03T10:30Z"}, 168),
    ],
    ids=["night", "for good", "override", "override ends first", "override ends later", "override ends far away"],
)
def test_hours_saved(tags: dict[str, str], hours: float) -> None:
    made = plan(machine(stored="running", tags=tags), price_per_hour="0.5")
    assert made["instances"][0]["hours_saved"] == hours
    assert made["savings"]["hours"] == hours
    assert made["savings"]["cost"] == hours / 2


def test_the_schedule_saves_by_the_week() -> None:
    made = plan(machine(stored="stopped", state="stopped"), machine(1, tags={"Schedule": "never"}), price_per_hour=1)
    assert made["savings"]["schedule"] == {"hours": 168 - 50 + 168, "cost": 286, "unpriced": 0}
    assert plan(machine(), savings_days="0.5")["savings"]["schedule"]["hours"] == 12


@pytest.mark.parametrize(
    ("given_prices", "expected"),
    [
        (None, Prices()),
        ("", Prices()),
        (0.5, Prices(default=0.5)),
        ("0.5", Prices(default=0.5)),
        ({"a": "1", "default": 2}, Prices({"a": 1}, 2)),
        ("a=1\nb = 0.25,\n", Prices({"a": 1, "b": 0.25})),
        ("a=1, default=3", Prices({"a": 1}, 3)),
    ],
    ids=["none", "empty", "number", "text", "mapping", "lines", "default"],
)
def test_prices(given_prices: Any, expected: Prices) -> None:
    assert read_prices(given_prices) == expected


def test_what_has_no_price_is_said() -> None:
    made = plan(machine(instance_type="a"), machine(1, instance_type="b"), price_per_hour={"a": 1}, currency="USD")
    assert made["savings"]["cost"] == 12
    assert made["savings"]["unpriced"] == 1
    assert "24 h, 12.00 USD, 1 instances without a price left out" in "\n".join(made["lines"])
    assert plan(machine())["savings"]["cost"] is None


# Limits and mistakes


@pytest.mark.parametrize(
    ("options", "refused"),
    [
        ({}, ""),
        ({"max_instances": "2"}, ""),
        ({"max_instances": 1}, "more than max_instances=1"),
        ({"max_percent": "50"}, ""),
        ({"max_percent": 49}, "more than max_percent=49"),
        ({"max_instances": "", "max_percent": ""}, ""),
    ],
    ids=["none", "enough", "instances", "enough percent", "percent", "not given"],
)
def test_limits(options: dict[str, Any], refused: str) -> None:
    fleet = [machine(0), machine(1), machine(2, "stopped"), machine(3, "stopped")]
    assert refused in plan(*fleet, **options)["refused"]
    assert bool(refused) == bool(plan(*fleet, **options)["refused"])


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"schedules": {"office": "Mon-Fri"}}, "schedule office"),
        ({"schedules": ["office"]}, "mapping"),
        ({"enforced": "perhaps"}, "enforced"),
        ({"max_percent": "200"}, "0 to 100"),
        ({"max_instances": "many"}, "max_instances"),
        ({"price_per_hour": "cheap"}, "price_per_hour"),
        ({"price_per_hour": "nan"}, "price_per_hour"),
        ({"price_per_hour": True}, "price_per_hour"),
        ({"savings_days": -1}, "savings_days"),
        ({"tier_order": {"a": 1}}, "tier_order"),
        ({"exceptions": [{"from": "2026-03-02"}]}, "exceptions"),
        ({"timezone": "Mars/Base", "schedules": {"a": "Mon-Fri 08:00-18:00"}}, "Mars/Base"),
        ({"wat": 1}, "unknown option"),
    ],
    ids=lambda value: str(value)[:40],
)
def test_mistakes(options: dict[str, Any], words: str) -> None:
    with pytest.raises(Invalid, match=words):
        plan(machine(), **options)


def test_the_filter_tells_mistakes_as_ansible_does() -> None:
    power_plan = FilterModule().filters()["power_plan"]
    assert power_plan([machine()], SCHEDULES, now="2026-03-02T20:00:00Z")["counts"]["stop"] == 1
    assert power_plan([], None)["counts"]["scheduled"] == 0
    for wrong in ({}, "text", None):
        with pytest.raises(AnsibleFilterError, match="a list of instances"):
            power_plan(wrong)
    with pytest.raises(AnsibleFilterError, match="ISO 8601"):
        power_plan([], {}, now="now")
    with pytest.raises(AnsibleFilterError, match="isn't an instance"):
        power_plan(["i-1"])


def test_lines_name_what_matters() -> None:
    made = plan(machine(), machine(1, tags={"Schedule": "x"}), machine(2, "stopped"), machine(3, tags={"ignore": ""}))
    text = "\n".join(made["lines"])
    assert "stop i-00000000 (m0) in eu-central-1: the schedule is off" in text
    assert "problem i-00000001" in text
    assert "skipped i-00000003" in text
    assert "i-00000002" not in text
    assert "4 with a schedule: 0 to start, 1 to stop, 1 as they should be, 1 skipped, 1 with problems" in text


# Properties

FLEETS = st.lists(
    st.builds(
        lambda state, stored, override, schedule: (state, stored, override, schedule),
        st.sampled_from(["pending", "running", "stopping", "stopped"]),
        st.sampled_from([None, "running", "stopped", "any", "retain_running", "words"]),
        st.sampled_from([None, "on", "off", "any", "off until 2026-03-05T00:00Z", "?"]),
        st.sampled_from(["office", "always", "never", "off=(M-F,19);on=(M-F,7)", "?"]),
    ),
    max_size=8,
)


@given(
    fleet=FLEETS,
    hours=st.integers(0, 24 * 14),
    enforced=st.booleans(),
    retain=st.booleans(),
    new=st.booleans(),
)
def test_a_second_run_changes_nothing(fleet: Any, hours: int, enforced: bool, retain: bool, new: bool) -> None:
    flags = {"enforced": enforced, "retain_running": retain, "stop_new_instances": new}
    now = EVENING + timedelta(hours=hours)
    instances = [
        machine(number, state, stored, tags={OVERRIDE: override, "Schedule": schedule})
        for number, (state, stored, override, schedule) in enumerate(fleet)
    ]
    first = plan(*instances, now=now, **flags)
    settled = [
        {**one, "state": {"pending": "running", "stopping": "stopped"}.get(one["state"], one["state"])}
        for one in carried_out(instances, first)
    ]
    again = plan(*settled, now=now, **flags)
    if not (enforced and not new):  # an enforced schedule stops a new instance at the second meeting, as documented
        assert again["batches"] == []
        assert again["remember"] == []
    last = plan(*carried_out(settled, again), now=now, **flags)
    assert last["batches"] == []
    assert last["remember"] == []


@given(fleet=FLEETS, hours=st.integers(0, 24 * 14))
def test_each_instance_acts_once_at_most(fleet: Any, hours: int) -> None:
    instances = [
        machine(n, state, stored, tags={OVERRIDE: o, "Schedule": s}) for n, (state, stored, o, s) in enumerate(fleet)
    ]
    made = plan(*instances, now=EVENING + timedelta(hours=hours))
    acting = [one for batch in made["batches"] for one in batch["instance_ids"]]
    assert len(acting) == len(set(acting)) == made["counts"]["start"] + made["counts"]["stop"]
    assert sum(made["counts"][name] for name in ("start", "stop", "fine", "skipped", "problems")) == len(instances)
    assert 0 <= made["savings"]["hours"] <= 168 * len(instances)
