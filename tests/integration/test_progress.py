# Copyright (c) 2026 cloudops.core contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The callback progress through ansible-playbook: a fleet that takes its time to start. And what modules write for it."""

from __future__ import annotations

import json
import re
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.integration.azure import Run
from tests.integration.ec2 import Fleet
from tests.integration.harness import ModuleRunner, Play
from tests.integration.s3 import Client, S3Server, seed
from tests.servers.azure_blob import BlobServer
from tests.servers.fault_proxy import FaultProxy
from tests.servers.gcs import GcsServer
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


# What is written while a bucket is emptied: in batches of two, one at a time, so that the last requests see what the first ones did.

HOLDS = 12
SLOWLY = {"state": "empty", "batch_size": 2, "concurrency": 1, "max_objects": HOLDS}
Story = dict[str, Any]


def told_meanwhile(proxy: FaultProxy, directory: Path, empty: Callable[[dict[str, str]], object]) -> list[Story]:
    """What the files say at each request."""
    seen: list[Story] = []

    def look(_request: object) -> None:
        time.sleep(0.1)  # the tale is told four times a second at most
        seen.extend(json.loads(path.read_text("utf-8")) for path in directory.glob("*.json"))

    proxy.hook(None, look)
    empty({"CLOUDOPS_PROGRESS_DIRECTORY": str(directory)})
    assert list(directory.iterdir()) == []
    return seen


def check(seen: list[Story], what: str) -> None:
    assert {(story["what"], story["unit"], story["total"]) for story in seen} == {(what, "entries", HOLDS)}
    counts = [story["done"] for story in seen]
    assert counts == sorted(counts)
    assert 0 < counts[-1] <= HOLDS


@pytest.mark.moto_only("needs no other server: what is written doesn't depend on it")
def test_emptying_a_bucket_of_s3_tells(
    s3_bucket: Run, s3_server: S3Server, s3: Client, bucket: str, fault_proxy: FaultProxy, tmp_path: Path
) -> None:
    seed(s3_server, s3, bucket, HOLDS)
    seen = told_meanwhile(fault_proxy, tmp_path, lambda env: s3_bucket(fault_proxy, name=bucket, env=env, **SLOWLY))
    check(seen, f"remove from bucket {bucket}")


def test_emptying_a_bucket_of_google_tells(
    gcs_bucket: Run, gcs: GcsServer, gcs_proxy: FaultProxy, tmp_path: Path
) -> None:
    gcs.create("bucket-one")
    gcs.seed("bucket-one", HOLDS)
    seen = told_meanwhile(gcs_proxy, tmp_path, lambda env: gcs_bucket(gcs_proxy, name="bucket-one", env=env, **SLOWLY))
    check(seen, "remove from bucket bucket-one")


def test_emptying_a_container_tells(
    memory_container: Run, azure_memory: BlobServer, memory_proxy: FaultProxy, tmp_path: Path
) -> None:
    for number in range(HOLDS):
        azure_memory.container("box").put(f"k{number:02d}")
    seen = told_meanwhile(
        memory_proxy, tmp_path, lambda env: memory_container(memory_proxy, name="box", env=env, **SLOWLY)
    )
    check(seen, "remove from container box")
