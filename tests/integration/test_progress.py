# Copyright (c) 2026 cloudops.core contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The callback progress through ansible-playbook: a fleet that takes its time to start."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.integration.ec2 import Fleet
from tests.integration.harness import ModuleRunner, Play
from tests.servers.fault_proxy import FaultProxy
from tests.servers.moto import MotoServer

NAMES = "{{ lookup('ansible.builtin.env', 'CLOUDOPS_PROGRESS_DIRECTORY') }}"


@pytest.fixture
def fleet(moto: MotoServer, run_module: ModuleRunner) -> Iterator[Fleet]:
    """An empty fleet behind a guard."""
    with FaultProxy(moto.endpoint) as proxy:
        fleet = Fleet(moto.endpoint, proxy, run_module)
        yield fleet
        fleet.terminate()


def tasks(fleet: Fleet, settle_time: float) -> list[dict[str, Any]]:
    """Start the fleet, and see that it stays up for a while."""
    start = {"state": "running", "tags": fleet.tags, "settle_time": settle_time}
    return [{"cloudops.core.ec2_instance_power": start}, {"ansible.builtin.debug": {"msg": NAMES}}]


def test_lines_while_a_fleet_starts(play: Play, fleet: Fleet) -> None:
    fleet.launch(3, stopped=True)
    env = {"ANSIBLE_CALLBACKS_ENABLED": "jsonl,cloudops.core.progress", "CLOUDOPS_PROGRESS_INTERVAL": "1"}
    done = play(*tasks(fleet, 2.5), defaults=fleet.options, env=env)
    assert done.statuses == ["changed", "ok"]
    told = re.findall(r"^wait until instances are running: (\d)/3 instances .*, \d s so far$", done.output, re.M)
    assert told[0] == "0"
    assert 2 <= len(told) <= 5
    assert done[1]["msg"]
    assert not Path(done[1]["msg"]).exists()
    assert done.output.index("so far") < done.output.index("changed: [localhost]")


def test_a_live_line_is_wiped_before_the_result(play: Play, fleet: Fleet) -> None:
    fleet.launch(1, stopped=True)
    env = {"ANSIBLE_CALLBACKS_ENABLED": "jsonl,cloudops.core.progress", "CLOUDOPS_PROGRESS_STYLE": "live"}
    done = play(*tasks(fleet, 0.5)[:1], defaults=fleet.options, env=env)
    assert "\x1b[Kwait until instances are running: 0/1 instances (0 %)," in done.output
    before, _result, _after = done.output.partition("changed: [localhost]")
    assert before.endswith("\n\x1b[K")  # text mode has made line ends of the carriage returns


def test_switched_off_it_does_nothing(play: Play, fleet: Fleet) -> None:
    env = {"ANSIBLE_CALLBACKS_ENABLED": "jsonl,cloudops.core.progress", "CLOUDOPS_PROGRESS": "0"}
    done = play(*tasks(fleet, 0)[1:], defaults=fleet.options, env=env)
    assert done[0]["msg"] == ""
