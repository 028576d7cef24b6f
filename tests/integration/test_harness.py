# Copyright (c) 2026 cloudops.core contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The playbook runner: it must report what Ansible reports, and be loud where a user would be annoyed."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.integration.harness import Play


def test_results_statuses_and_options(play: Play, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "the-developers-own")
    target = str(tmp_path / "file")
    copy = {"ansible.builtin.copy": {"dest": target, "content": "{{ text }}", "mode": "0600"}, "tags": ["copied"]}
    done = play(
        {"name": "first", **copy},
        {"name": "never", "ansible.builtin.assert": {"that": [True]}, "when": "text == 'other'", "tags": ["copied"]},
        {"name": "bad", "ansible.builtin.fail": {"msg": "on purpose"}, "ignore_errors": True, "tags": ["copied"]},
        {"name": "env", "ansible.builtin.command": {"cmd": "env"}, "tags": ["copied"], "check_mode": False},
        {"name": "untagged", "ansible.builtin.fail": {}},
        check=True,
        diff=True,
        extra_vars={"text": "ünï\n"},
        env={"MORE": "yes"},
        tags=["copied"],
    )
    assert [task.name for task in done.tasks] == ["first", "never", "bad", "env"]
    assert done.statuses == ["changed", "skipped", "failed", "changed"]
    assert done.named("first")["diff"][0]["after"] == "ünï\n"
    assert done[2]["msg"] == "on purpose"
    assert done[2].ignored
    assert not Path(target).exists()
    variables = done[3]["stdout_lines"]
    assert "MORE=yes" in variables
    assert "AWS_EC2_METADATA_DISABLED=true" in variables
    assert not any("the-developers-own" in line for line in variables)


def test_a_failing_play_is_expected_or_fails_the_test(play: Play) -> None:
    task = {"ansible.builtin.fail": {"msg": "on purpose"}}
    assert play(task, fails=True).statuses == ["failed"]
    with pytest.raises(AssertionError, match="ended with 2"):
        play(task)


def test_warnings_fail_the_test_unless_allowed(play: Play) -> None:
    task = {"ansible.builtin.add_host": {"name": "other", "groups": ["not-an-identifier"]}}
    with pytest.raises(AssertionError, match="WARNING"):
        play(task)
    assert play(task, quiet=False).statuses == ["changed"]
