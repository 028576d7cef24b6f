# Copyright (c) 2026 cloudops.core contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The filter scaling_decision in a real playbook: its documented examples, texts as surveys send them, and a mistake."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import yaml
from ansible_collections.cloudops.core.plugins.filter import scaling_decision as plugin

from tests.integration.harness import Play

# What a survey and vars files make of it: texts, dates without quotes, templates.
AS_TEXT: dict[str, Any] = {
    "name": "Texts",
    "vars": {
        "given": {
            "min": "{{ lowest }}",
            "max": "10",
            "rules": [{"metric": "cpu", "above": "70", "up": "{{ '50%' }}", "max_age": "5m"}],
            "cooldown": {"up": "60"},
        },
        "lowest": "2",
        "load": "83.5",
        "seen": [{"name": "cpu", "value": "{{ load }}", "timestamp": "{{ '2026-03-02T11:59:00Z' | to_datetime('%Y-%m-%dT%H:%M:%SZ') }}"}],
        "moment": "2026-03-02T12:00:00Z",
        "later": "2026-03-02T12:00:30Z",
        "first": "{{ dict(current='4') | cloudops.core.scaling_decision(given, seen, now=moment) }}",
        "second": "{{ dict(current=6) | cloudops.core.scaling_decision(given, seen, now=later, state=first.state | to_json) }}",
    },
    "ansible.builtin.assert": {
        "that": [
            "first.desired == 6",
            "first.message == 'cpu is 83.5, above 70: 4 -> 6'",
            "second.reason == 'cooldown'",
            "second.next_allowed_at == '2026-03-02T12:01:00Z'",
            "(first | to_json | from_json) == first",
            "(dict(current=5) | cloudops.core.scaling_decision(given, [])).reason == 'metric_missing'",
        ]
    },
}  # fmt: skip
WRONG: dict[str, Any] = {
    "name": "A mistake",
    "ansible.builtin.debug": {
        "msg": "{{ dict(current=5) | cloudops.core.scaling_decision({'max': 3, 'rules': [{'metric': 'cpu', 'above': 1, 'below': 2}]}) }}"
    },
    "ignore_errors": True,
}


def test_examples_texts_and_a_mistake(play: Play) -> None:
    text = Path(plugin.__file__).with_suffix(".yml").read_text(encoding="utf-8")
    examples: list[dict[str, Any]] = yaml.safe_load(yaml.safe_load(text)["EXAMPLES"])
    result = play(*examples, AS_TEXT, WRONG)
    assert result.statuses == ["ok"] * (len(examples) + 1) + ["failed"]
    assert result[4]["msg"] == "cpu is 91, 31 over the threshold 60 (PercentChangeInCapacity 30): 40 -> 52"
    message = "cloudops.core.scaling_decision: policy.rules[0].below is 2, not under above, which is 1. Leave a band between them"
    assert message in result.named("A mistake")["msg"]
