# Copyright (c) 2026 cloudops.core contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The decision table of schedules, the order of tiers, and the filters over both."""

from __future__ import annotations

from datetime import datetime, timedelta, timezone
from typing import Any

import pytest
from ansible.errors import AnsibleFilterError
from ansible_collections.cloudops.core.plugins.filter.power_decision import FilterModule as DecisionFilter
from ansible_collections.cloudops.core.plugins.filter.power_tiers import FilterModule as TiersFilter
from ansible_collections.cloudops.core.plugins.module_utils._core.errors import Invalid
from ansible_collections.cloudops.core.plugins.module_utils._domain.power import (
    Decision,
    Flags,
    by_tier,
    parse_override,
    power_decision,
)
from hypothesis import given
from hypothesis import strategies as st

PLAIN = Flags()
ENFORCED = Flags(enforced=True)
RETAINING = Flags(retain_running=True)
SPARING = Flags(stop_new_instances=False)
NOW = datetime(2026, 5, 1, 18, 0, tzinfo=timezone.utc)

TABLE: list[tuple[str, str | None, str, Flags, str, str]] = [
    # schedule, stored, instance, flags -> action, stored
    # The schedule changes
    ("on", "stopped", "stopped", PLAIN, "start", "running"),
    ("on", "any", "stopped", PLAIN, "start", "running"),
    ("off", "running", "running", PLAIN, "stop", "stopped"),
    ("off", "any", "running", PLAIN, "stop", "stopped"),
    # Transitional states belong to where they lead
    ("on", "stopped", "stopping", PLAIN, "start", "running"),
    ("on", "stopped", "pending", PLAIN, "none", "running"),
    ("off", "running", "pending", PLAIN, "stop", "stopped"),
    ("off", "running", "stopping", PLAIN, "none", "stopped"),
    # It is there already
    ("on", "stopped", "running", PLAIN, "none", "running"),
    ("on", "running", "running", PLAIN, "none", "running"),
    ("off", "running", "stopped", PLAIN, "none", "stopped"),
    ("off", "stopped", "stopped", PLAIN, "none", "stopped"),
    # A person's doing stands until the next transition
    ("on", "running", "stopped", PLAIN, "none", "running"),
    ("on", "running", "stopping", PLAIN, "none", "running"),
    ("off", "stopped", "running", PLAIN, "none", "stopped"),
    ("off", "stopped", "pending", PLAIN, "none", "stopped"),
    # Enforced
    ("on", "running", "stopped", ENFORCED, "start", "running"),
    ("on", "stopped", "stopped", ENFORCED, "start", "running"),
    ("on", "running", "running", ENFORCED, "none", "running"),
    ("on", "running", "pending", ENFORCED, "none", "running"),
    ("off", "stopped", "running", ENFORCED, "stop", "stopped"),
    ("off", "stopped", "pending", ENFORCED, "stop", "stopped"),
    ("off", "stopped", "stopped", ENFORCED, "none", "stopped"),
    ("off", "stopped", "stopping", ENFORCED, "none", "stopped"),
    ("off", None, "running", ENFORCED, "stop", "stopped"),
    # New instances
    ("on", None, "stopped", PLAIN, "start", "running"),
    ("on", None, "running", PLAIN, "none", "running"),
    ("off", None, "running", PLAIN, "stop", "stopped"),
    ("off", "", "running", PLAIN, "stop", "stopped"),
    ("off", "unknown", "running", PLAIN, "stop", "stopped"),
    ("off", "words that nobody knows", "running", PLAIN, "stop", "stopped"),
    ("off", None, "stopped", PLAIN, "none", "stopped"),
    ("off", None, "running", SPARING, "none", "stopped"),
    ("off", None, "pending", SPARING, "none", "stopped"),
    ("off", "stopped", "running", SPARING, "none", "stopped"),
    ("off", "running", "running", SPARING, "stop", "stopped"),
    ("off", None, "running", Flags(enforced=True, stop_new_instances=False), "none", "stopped"),
    ("off", "stopped", "running", Flags(enforced=True, stop_new_instances=False), "stop", "stopped"),
    ("on", None, "stopped", SPARING, "start", "running"),
    # Retained: it ran before its period began
    ("on", "stopped", "running", RETAINING, "none", "retain_running"),
    ("on", "stopped", "pending", RETAINING, "none", "retain_running"),
    ("on", "retain_running", "running", RETAINING, "none", "retain_running"),
    ("on", "retain-running", "running", RETAINING, "none", "retain_running"),
    ("off", "retain_running", "running", RETAINING, "none", "stopped"),
    ("off", "retain_running", "stopped", RETAINING, "none", "stopped"),
    ("on", "retain_running", "stopped", RETAINING, "none", "retain_running"),
    ("on", "stopped", "stopped", RETAINING, "start", "running"),
    ("off", "running", "running", RETAINING, "stop", "stopped"),
    ("on", None, "running", RETAINING, "none", "running"),
    ("on", "any", "running", RETAINING, "none", "running"),
    # The flag was taken away meanwhile
    ("on", "retain_running", "running", PLAIN, "none", "running"),
    ("on", "retain_running", "stopped", PLAIN, "none", "running"),
    ("off", "retain_running", "running", PLAIN, "stop", "stopped"),
    # Enforced is above retained
    ("off", "retain_running", "running", Flags(enforced=True, retain_running=True), "stop", "stopped"),
    ("on", "stopped", "running", Flags(enforced=True, retain_running=True), "none", "running"),
    ("on", "retain_running", "stopped", Flags(enforced=True, retain_running=True), "start", "running"),
    # any
    ("any", "running", "running", PLAIN, "none", "any"),
    ("any", "stopped", "running", ENFORCED, "none", "any"),
    ("any", None, "stopped", PLAIN, "none", "any"),
    ("any", "retain_running", "running", RETAINING, "none", "any"),
    # Gone
    ("on", "stopped", "terminated", ENFORCED, "none", "stopped"),
    ("off", "running", "shutting-down", ENFORCED, "none", "running"),
    ("on", None, "terminated", PLAIN, "none", "unknown"),
    # Other words for the same
    ("running", "off", "stopped", PLAIN, "start", "running"),
    ("stopped", "on", "running", PLAIN, "stop", "stopped"),
    ("ON", "Stopped", "stopped", PLAIN, "start", "running"),
]


@pytest.mark.parametrize(
    ("schedule", "stored", "instance", "flags", "action", "remembered"),
    TABLE,
    ids=[f"{number}-{row[0]}-{row[1]}-{row[2]}" for number, row in enumerate(TABLE)],
)
def test_decision(schedule: str, stored: str | None, instance: str, flags: Flags, action: str, remembered: str) -> None:
    decision = power_decision(schedule, stored, instance, flags)
    assert (decision.action, decision.stored_state) == (action, remembered)
    assert decision.reason


OVERRIDES: list[tuple[Any, str, str, str, str]] = [
    # override, schedule, instance -> action, stored
    ("on", "off", "stopped", "start", "running"),
    ("on", "off", "running", "none", "running"),
    ("off", "on", "running", "stop", "stopped"),
    ("off", "on", "stopped", "none", "stopped"),
    ("any", "off", "running", "none", "any"),
    ("on until 2026-05-01T18:00:01Z", "off", "stopped", "start", "running"),
    ("on until 2026-05-01T18:00:00Z", "off", "running", "stop", "stopped"),
    ("on until 2026-05-01T17:59:59+00:00", "off", "running", "stop", "stopped"),
    ("ON until 2026-05-01T20:30+02:00", "off", "stopped", "start", "running"),
    ("on until 2026-05-01 18:30", "off", "stopped", "start", "running"),
    ("off until 2026-05-02", "on", "running", "stop", "stopped"),
    ({"state": "on", "until": "2026-05-01T19:00Z"}, "off", "stopped", "start", "running"),
    ({"state": "on", "until": NOW + timedelta(seconds=1)}, "off", "stopped", "start", "running"),
    ({"state": "on", "until": NOW}, "off", "stopped", "none", "stopped"),
    ({"state": "off"}, "on", "running", "stop", "stopped"),
    ({"state": "on", "until": ""}, "off", "stopped", "start", "running"),
    (True, "off", "stopped", "start", "running"),
    (False, "on", "running", "stop", "stopped"),
    ("", "on", "stopped", "start", "running"),
    ({}, "on", "stopped", "start", "running"),
    # What can't be read leaves it alone
    ("yes please", "off", "running", "none", "running"),
    ("on until tomorrow", "off", "running", "none", "running"),
    ("on until 2026-13-01T00:00Z", "off", "running", "none", "running"),
    ({"state": "on", "untill": "2026-05-01T19:00Z"}, "off", "running", "none", "running"),
    ({"until": "2026-05-01T19:00Z"}, "off", "running", "none", "running"),
    (17, "off", "running", "none", "running"),
]


@pytest.mark.parametrize(
    ("override", "schedule", "instance", "action", "remembered"), OVERRIDES, ids=[str(row[0])[:40] for row in OVERRIDES]
)
def test_override(override: Any, schedule: str, instance: str, action: str, remembered: str) -> None:
    decision = power_decision(schedule, "running", instance, PLAIN, override, NOW)
    if (override, schedule) in [("", "on"), ({}, "on")]:
        decision = power_decision(schedule, "stopped", instance, PLAIN, override, NOW)
    assert (decision.action, decision.stored_state) == (action, remembered)


@pytest.mark.parametrize("flags", [PLAIN, SPARING, RETAINING, ENFORCED], ids=str)
@pytest.mark.parametrize("stored", [None, "stopped", "running", "retain_running", "any"])
def test_an_override_stands_above_all_flags_and_what_is_stored(flags: Flags, stored: str | None) -> None:
    assert power_decision("off", stored, "stopped", flags, "on", NOW) == Decision("start", "overridden: on", "running")
    assert power_decision("on", stored, "running", flags, "off", NOW) == Decision("stop", "overridden: off", "stopped")
    # When it ends, the schedule takes over.
    assert power_decision("off", "running", "running", flags, "on until 2026-05-01", NOW).action == "stop"


@pytest.mark.parametrize(
    ("schedule", "instance", "expected"),
    [
        ("", "running", "schedule_state is ''"),
        (None, "running", "schedule_state is None"),
        ("onn", "running", "schedule_state is 'onn'"),
        ("retain_running", "running", "schedule_state"),
        ("on", "rebooting", "the instance state is 'rebooting'"),
        ("on", "", "the instance state is ''"),
    ],
)
def test_bad_states(schedule: Any, instance: str, expected: str) -> None:
    with pytest.raises(Invalid, match=expected):
        power_decision(schedule, "running", instance)


def test_an_end_without_a_time_cannot_be_judged() -> None:
    with pytest.raises(Invalid, match="time isn't known"):
        parse_override("on until 2026-05-01")


SCHEDULES = st.sampled_from(["on", "off", "any"])
STORED = st.sampled_from([None, "running", "stopped", "any", "retain_running", "unknown", "junk"])
STATES = st.sampled_from(["pending", "running", "stopping", "stopped", "shutting-down", "terminated"])
FLAGS = st.builds(Flags, st.booleans(), st.booleans(), st.booleans())
UP = {"start": "running", "stop": "stopped"}


@given(SCHEDULES, STORED, STATES, FLAGS)
def test_repeating_a_decision_that_was_carried_out_does_nothing(
    schedule: str, stored: str | None, state: str, flags: Flags
) -> None:
    first = power_decision(schedule, stored, state, flags)
    after = UP.get(first.action, state)
    again = power_decision(schedule, first.stored_state, after, flags)
    if (first.reason, flags.enforced) == ("it is new, and new instances aren't stopped", True):
        assert again.action == "stop"  # enforced counts from the second meeting on
    else:
        assert again.action == "none"


@given(SCHEDULES, STORED, STATES, FLAGS)
def test_it_never_acts_against_the_schedule_or_on_what_is_gone(
    schedule: str, stored: str | None, state: str, flags: Flags
) -> None:
    action = power_decision(schedule, stored, state, flags).action
    assert action in {"on": ("none", "start"), "off": ("none", "stop"), "any": ("none",)}[schedule]
    if state in ("shutting-down", "terminated"):
        assert action == "none"


@given(SCHEDULES, STATES, FLAGS, st.lists(st.tuples(SCHEDULES, st.sampled_from(["", "start", "stop"])), max_size=12))
def test_enforced_always_ends_where_the_schedule_is(
    schedule: str, state: str, flags: Flags, days: list[tuple[str, str]]
) -> None:
    """Whatever schedule and people do in between, after the second run of an enforced schedule it is so."""
    if state in ("shutting-down", "terminated"):
        return
    stored: str | None = None
    enforced = Flags(True, flags.retain_running, flags.stop_new_instances)
    for wanted, person in [*days, (schedule, ""), (schedule, "")]:
        decision = power_decision(wanted, stored, state, enforced)
        stored, state = decision.stored_state, UP.get(decision.action, state)
        state = UP.get(person, state)
    expected = {"on": ("running", "pending"), "off": ("stopped", "stopping"), "any": (state,)}[schedule]
    assert state in expected


@given(st.text(max_size=40))
def test_any_text_as_an_override_is_read_or_left_alone(text: str) -> None:
    decision = power_decision("off", "running", "running", PLAIN, text, NOW)
    assert decision.action in ("none", "stop")


# Tiers


@pytest.mark.parametrize(
    ("tiers", "action", "order", "expected"),
    [
        ([], "start", (), []),
        (["2", "1", "10"], "start", (), [["1"], ["2"], ["10"]]),
        (["2", "1", "10"], "stop", (), [["10"], ["2"], ["1"]]),
        ([1, "1", 1.0], "start", (), [[1, "1", 1.0]]),
        (["app", "db", "app"], "start", ("db", "app"), [["db"], ["app", "app"]]),
        (["app", "db", "app"], "stop", ("db", "app"), [["app", "app"], ["db"]]),
        (["z", None, "3", "a", "db", ""], "start", ("db",), [["db"], ["3"], ["a"], ["z"], [None, ""]]),
        (["nan", "inf", "1"], "start", (), [["1"], ["inf"], ["nan"]]),
        ([" db "], "start", ("db",), [[" db "]]),
    ],
)
def test_tiers(tiers: list[Any], action: str, order: tuple[str, ...], expected: list[list[Any]]) -> None:
    assert by_tier(tiers, lambda tier: tier, action, order) == expected


@given(st.lists(st.one_of(st.none(), st.integers(), st.text(max_size=3))), st.lists(st.text(max_size=3), max_size=3))
def test_a_stop_is_the_reverse_of_a_start(tiers: list[Any], order: list[str]) -> None:
    up = by_tier(tiers, lambda tier: tier, "start", order)
    assert by_tier(tiers, lambda tier: tier, "stop", order) == up[::-1]
    assert sorted(map(repr, (tier for group in up for tier in group))) == sorted(map(repr, tiers))


# The filters

decide = DecisionFilter().filters()["power_decision"]
tiers_of = TiersFilter().filters()["power_tiers"]


def test_the_filter_takes_jinja_words_for_flags() -> None:
    assert decide("running", schedule_state="off", stored_state="stopped", enforced="yes") == {
        "action": "stop",
        "reason": "the schedule is off and enforced",
        "stored_state": "stopped",
    }
    assert decide("running", "off", stop_new_instances="false")["action"] == "none"
    assert decide("running", "off", "stopped", retain_running=True)["action"] == "none"


def test_the_filter_knows_the_time() -> None:
    assert decide("stopped", "off", override="on until 2001-01-01")["action"] == "none"
    assert decide("stopped", "off", override="on until 2999-01-01")["action"] == "start"
    assert decide("stopped", "off", override="on until 2001-01-01", now="2000-12-31T23:59Z")["action"] == "start"
    assert decide("stopped", "off", override="on until 2001-01-01", now=datetime(2000, 12, 31))["action"] == "start"  # noqa: DTZ001


@pytest.mark.parametrize(
    ("call", "expected"),
    [
        (lambda: decide("running"), "schedule_state is None"),
        (lambda: decide("running", "maybe"), "schedule_state is 'maybe'"),
        (lambda: decide(None, "on"), "the instance state is 'None'"),
        (lambda: decide("running", "on", enforced="sometimes"), "sometimes"),
        (lambda: decide("running", "on", now="now"), "isn't a time"),
        (lambda: tiers_of([{}], "restart"), "action is 'restart'"),
        (lambda: tiers_of("db"), "list of mappings"),
        (lambda: tiers_of(["db"]), "list of mappings"),
        (lambda: tiers_of([{}], order="db"), "order is a list"),
    ],
    ids=range(9),
)
def test_the_filters_refuse(call: Any, expected: str) -> None:
    with pytest.raises(AnsibleFilterError, match=expected):
        call()


def test_tiers_of_mappings() -> None:
    machines = [{"n": 1, "role": "app"}, {"n": 2, "role": "db"}, {"n": 3}]
    groups = tiers_of(machines, "stop", attribute="role", order=["db", "app"])
    assert [[machine["n"] for machine in group] for group in groups] == [[3], [1], [2]]
