# Copyright (c) 2026 cloudops.core contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The filter around the scaling engine: its arguments, its errors, its documentation."""

from __future__ import annotations

from datetime import datetime, timezone
from pathlib import Path
from typing import Any

import pytest
import yaml
from ansible.errors import AnsibleFilterError
from ansible_collections.cloudops.core.plugins.filter import scaling_decision as plugin
from ansible_collections.cloudops.core.plugins.module_utils._domain.scaling import REASONS
from ansible_collections.cloudops.core.plugins.module_utils._domain.scaling_policy import read_policy

from tests.unit.scaling_cases import CPU, NOW, judged, measured, policy

scaling_decision = plugin.FilterModule().filters()["scaling_decision"]


@pytest.mark.parametrize(
    "now",
    [
        NOW,
        int(NOW),
        str(int(NOW)),
        "2026-03-02T12:00:00Z",
        "2026-03-02T13:00:00+01:00",
        datetime(2026, 3, 2, 12, tzinfo=timezone.utc),
        datetime(2026, 3, 2, 12),  # noqa: DTZ001  what Ansible's now(utc=true) returns
    ],
    ids=repr,
)
def test_now(now: Any) -> None:
    made = scaling_decision({"current": 2}, policy(CPU), measured(cpu=83), now=now)
    assert made == judged(2, policy(CPU), measured(cpu=83)).as_result()


@pytest.mark.parametrize("now", [None, ""], ids=repr)
def test_without_now_it_is_the_current_time(now: Any) -> None:
    before = datetime.now(timezone.utc).timestamp()
    made = scaling_decision({"current": 5}, policy(CPU), now=now)
    assert made["reason"] == "metric_missing"
    assert before <= made["state"]["at"] <= before + 60


def test_state_as_text_and_as_data() -> None:
    rules = policy({**CPU, "for": 2})
    first = scaling_decision({"current": 5}, rules, measured(cpu=90), NOW)
    for known in (first["state"], f"{first['state']}".replace("'", '"')):
        assert scaling_decision({"current": 5}, rules, measured(cpu=90), NOW, known)["desired"] == 6


@pytest.mark.parametrize(
    ("target", "rules", "metrics", "now", "words"),
    [
        (None, policy(CPU), [], NOW, "scaling_decision: target is None"),
        ({"current": 5}, None, [], NOW, "scaling_decision: policy is None"),
        ({"current": 5}, policy(CPU), "cpu=5", NOW, "scaling_decision: metrics is 'cpu=5'"),
        ({"current": 5}, policy(CPU), [], "soon", "scaling_decision: now is not a time: 'soon'"),
        ({"current": 5}, policy(CPU), [], True, "scaling_decision: now is not a time"),
        ({"current": 5}, policy(CPU, on_missing="fail"), [], NOW, "Could not decide about the size: cpu is missing"),
    ],
    ids=["target", "policy", "metrics", "now", "now is a boolean", "missing"],
)
def test_mistakes_are_told_as_ansible_tells_them(target: Any, rules: Any, metrics: Any, now: Any, words: str) -> None:
    with pytest.raises(AnsibleFilterError, match=words):
        scaling_decision(target, rules, metrics, now)


def documentation() -> dict[str, Any]:
    loaded: dict[str, Any] = yaml.safe_load(Path(plugin.__file__).with_suffix(".yml").read_text(encoding="utf-8"))
    return loaded


def test_what_is_returned_is_documented() -> None:
    told = documentation()["RETURN"]["_value"]["contains"]
    made = scaling_decision({"current": 2}, policy(CPU), measured(cpu=83), NOW)
    assert set(made) == set(told)
    assert set(made["proposals"][0]) == set(told["proposals"]["contains"])
    assert set(made["state"]) == set(told["state"]["contains"])
    assert set(made["bounds"]) == set(told["bounds"]["contains"])


def test_every_reason_is_documented() -> None:
    reasons = documentation()["RETURN"]["_value"]["contains"]["reason"]["description"][0]
    page = Path(plugin.__file__).parents[2].joinpath("docs", "scaling_policy.md").read_text(encoding="utf-8")
    for reason in REASONS:
        assert f"C({reason})" in reasons
        assert f"\n| `{reason}` |" in page


def test_policies_of_the_page_are_understood() -> None:
    page = Path(plugin.__file__).parents[2].joinpath("docs", "scaling_policy.md").read_text(encoding="utf-8")
    written = [part.partition("```")[0] for part in page.split("```yaml\n")[1:]]
    policies = [yaml.safe_load(text)["policy"] for text in written if text.startswith("policy:")]
    assert len(policies) >= 5
    for one in policies:
        assert read_policy(one).highest is not None
