# Copyright (c) 2026 cloudops.core contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The schedule filters in real playbooks: what Ansible's own YAML and templates make of them."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import yaml
from ansible_collections.cloudops.core.plugins.filter import schedule as plugin

COLLECTIONS = Path(plugin.__file__).parents[5]
HEAD = "- hosts: localhost\n  gather_facts: false\n"

# Times, dates and words without quotes: YAML makes numbers, dates and booleans of them.
UNQUOTED = """
  vars:
    office:
      timezone: Europe/Berlin
      periods:
        - name: office
          begintime: 08:00
          endtime: 18:00
          weekdays: [mon-fri]
          monthdays: ["*", L]
      holidays: [2026-12-25]
      exceptions:
        - {from: 2026-12-28, to: 2026-12-31, state: off}
        - {from: 2026-12-30 10:00:00, to: 2026-12-30T12:00:00Z, state: on}
    steady: {override: on}
    fleet: "{{ range(1000) | map('string') | map('regex_replace', '^.*$', 'off=(M-F,19);on=(M-F,7);tz=et') | list }}"
    parsed: "{{ office | cloudops.core.schedule_parse }}"
  tasks:
    - ansible.builtin.assert:
        that:
          - office | cloudops.core.schedule_state(now='2026-03-02T07:00:00Z') == 'on'
          - office | cloudops.core.schedule_state(now='2026-03-02T17:00:00Z') == 'off'
          - office | cloudops.core.schedule_state(now='2026-12-25T12:00:00Z') == 'off'
          - office | cloudops.core.schedule_state(now='2026-12-29T12:00:00Z') == 'off'
          - office | cloudops.core.schedule_state(now='2026-12-30T09:30:00Z') == 'on'
          - office | cloudops.core.schedule_state(now='2026-12-30T12:00:00Z') == 'off'
          - office | cloudops.core.schedule_state(now=now(utc=true)) in ['on', 'off']
          - office | cloudops.core.schedule_state in ['on', 'off']
          - steady | cloudops.core.schedule_state == 'on'
          - parsed.periods[0].begintime == '08:00'
          - parsed | cloudops.core.schedule_parse == parsed
          - (office | cloudops.core.schedule_state(now='2026-12-25T12:00:00Z', explain=true)).rule.kind == 'holiday'
          - (office | cloudops.core.schedule_next(now='2026-03-06T17:30:00Z', count=1))[0].at
            == '2026-03-09T08:00:00+01:00'
          - (office | cloudops.core.schedule_next(now='2026-03-06T17:30:00Z')) | map(attribute='state') | list
            == ['on', 'off', 'on', 'off', 'on']
          - fleet | map('cloudops.core.schedule_state', now='2026-03-02T13:00:00Z') | unique == ['on']
          - fleet | length == 1000
          - fleet[0] | cloudops.core.schedule_parse | combine(dict(holidays=['2026-03-02']))
            | cloudops.core.schedule_state(now='2026-03-02T13:00:00Z') == 'off'
"""

WRONG = """
  tasks:
    - ansible.builtin.debug:
        msg: "{{ {'periods': [{'begintime': '24:61'}]} | cloudops.core.schedule_state }}"
"""


@pytest.fixture
def run_playbook(tmp_path: Path) -> Callable[[str], subprocess.CompletedProcess[str]]:
    """Runs a play's body in a process of its own, free of the developer's settings."""

    def run(body: str) -> subprocess.CompletedProcess[str]:
        playbook = tmp_path / "playbook.yml"
        playbook.write_text(HEAD + body, encoding="utf-8")
        env = {name: value for name, value in os.environ.items() if not name.startswith("ANSIBLE_")}
        env |= {
            "ANSIBLE_COLLECTIONS_PATH": str(COLLECTIONS),
            "ANSIBLE_HOME": str(tmp_path / "home"),
            "ANSIBLE_LOCALHOST_WARNING": "false",
            "ANSIBLE_INVENTORY_UNPARSED_WARNING": "false",
            "ANSIBLE_NOCOLOR": "true",
        }
        command = [sys.executable, "-m", "ansible", "playbook", "-i", "localhost,", "-c", "local", str(playbook)]
        return subprocess.run(command, env=env, cwd=tmp_path, text=True, capture_output=True, timeout=120, check=False)

    return run


def test_playbook(run_playbook: Callable[[str], subprocess.CompletedProcess[str]]) -> None:
    done = run_playbook(UNQUOTED)
    assert done.returncode == 0, done.stdout + done.stderr
    assert "All assertions passed" in done.stdout
    assert "WARNING" not in done.stdout + done.stderr


def test_error_in_a_playbook(run_playbook: Callable[[str], subprocess.CompletedProcess[str]]) -> None:
    done = run_playbook(WRONG)
    assert done.returncode == 2
    message = "schedule_state: periods[0].begintime: '24:61' is not a time of day. Use HH:MM in quotes"
    assert message in " ".join((done.stdout + done.stderr).split())
    assert "Traceback" not in done.stdout + done.stderr


@pytest.mark.parametrize("name", ["schedule_state", "schedule_next", "schedule_parse"])
def test_documented_examples_run(name: str, run_playbook: Callable[[str], subprocess.CompletedProcess[str]]) -> None:
    text = Path(plugin.__file__).with_name(f"{name}.yml").read_text(encoding="utf-8")
    tasks: list[dict[str, Any]] = yaml.safe_load(yaml.safe_load(text)["EXAMPLES"])
    done = run_playbook(yaml.safe_dump([{"hosts": "localhost", "tasks": tasks}])[len("- hosts: localhost\n") :])
    assert done.returncode == 0, done.stdout + done.stderr
