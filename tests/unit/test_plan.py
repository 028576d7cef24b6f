# Copyright (c) 2026 cloudops.core contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Plans: truth, words, and Ansible's diff."""

from __future__ import annotations

import dataclasses

import pytest
from ansible_collections.cloudops.core.plugins.module_utils._core.plan import Plan, Step


def test_a_plan_without_steps_is_false() -> None:
    assert not Plan("bucket b", (), {"tags": None}, {"tags": {"a": "b"}})


def test_a_plan_with_a_step_is_true() -> None:
    assert Plan("bucket b", (Step("delete", "bucket"),))


def test_actions_are_the_steps_in_words_and_in_order() -> None:
    plan = Plan("bucket b", (Step("create", "bucket"), Step("put", "tags", {"a": "b"}), Step("delete", "policy")))
    assert plan.actions() == ["create bucket", "put tags", "delete policy"]


def test_actions_show_no_values() -> None:
    assert "hunter2" not in str(Plan("bucket b", (Step("put", "tags", {"password": "hunter2"}),)).actions())


def test_diff() -> None:
    before, after = {"state": "absent"}, {"state": "present", "tags": {"a": "b"}}
    assert Plan("bucket b", (), before, after).diff() == {
        "before_header": "bucket b",
        "after_header": "bucket b",
        "before": before,
        "after": after,
    }


@pytest.mark.parametrize("thing", [Plan("b"), Step("put", "tags")], ids=["plan", "step"])
def test_nobody_changes_it_on_the_way(thing: Plan | Step) -> None:
    name = dataclasses.fields(thing)[0].name
    with pytest.raises(dataclasses.FrozenInstanceError):
        setattr(thing, name, "other")
