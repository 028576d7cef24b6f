# Copyright (c) 2026 cloudops.core contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What is measured. The two collections take turns, and every round the other one begins."""

from __future__ import annotations

import json
import os
import subprocess
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from tests.benchmarks.data import fill
from tests.benchmarks.machine import Cost
from tests.benchmarks.sides import COLLECTIONS, SIDES, VENV, Player, Side
from tests.integration.s3 import S3Server, unique_name, wipe
from tests.servers.fault_proxy import FaultProxyProcess

REMOVE: Mapping[str, Any] = {"state": "absent", "force": True}

PRESENT: Mapping[str, Any] = {
    "state": "present",
    "versioning": True,
    "tags": {"project": "reports", "owner": "platform", "cost-centre": "4711"},
    "public_access": {
        "block_public_acls": True,
        "ignore_public_acls": True,
        "block_public_policy": True,
        "restrict_public_buckets": True,
    },
}
"""With policy_for: what both modules can set and a Ceph gateway has."""

PEAK_PER_KEY = 5

Say = Callable[[str], None]


@dataclass
class Compared:
    """The runs of both sides in their order; the requests that one run of each made, where they were counted."""

    runs: dict[Side, list[Cost]] = field(default_factory=lambda: {side: [] for side in SIDES})
    calls: dict[Side, dict[str, int]] = field(default_factory=dict)


@dataclass(frozen=True)
class Peak:
    """The most memory that the module's process held, in MiB."""

    versions: int
    mib: float


@dataclass(frozen=True)
class Contest:
    """Both collections on one server. What is prepared goes past the proxy, what is measured goes through it.

    :param proxy: delays and counts the requests; None: straight to the server, and nothing is counted.
    """

    player: Player
    server: S3Server
    say: Say
    proxy: FaultProxyProcess | None = None

    def emptying(self, versions: int, per_key: int, rounds: int) -> Compared:
        """Remove a bucket with what it holds."""
        result = Compared()
        for side in _turns(rounds):
            bucket = unique_name()
            try:
                fill(self.server, bucket, versions, per_key)
                self._run(result, side, {"name": bucket, **REMOVE}, changed=True)
            finally:
                wipe(self.server.client(), bucket)
        return result

    def presence(self, rounds: int) -> Compared:
        """Find a bucket as it should be. A first run, not counted, makes it so."""
        result = Compared()
        buckets = {side: unique_name() for side in SIDES}
        options = {side: {"name": name, **PRESENT, "policy": policy_for(name)} for side, name in buckets.items()}
        try:
            for side in SIDES:
                self.player.play(side, self.server, options[side], changed=True)
            for side in _turns(rounds):
                self._run(result, side, options[side], changed=False)
        finally:
            for name in buckets.values():
                wipe(self.server.client(), name)
        return result

    def _run(self, result: Compared, side: Side, options: Mapping[str, Any], *, changed: bool) -> None:
        server = self.server
        if self.proxy is not None:
            self.proxy.stats(reset=True)
            server = replace(server, endpoint=self.proxy.endpoint)
        cost = self.player.play(side, server, options, changed=changed)
        result.runs[side].append(cost)
        if self.proxy is not None:
            result.calls[side] = self.proxy.stats()["calls"]
        used = f"processor: {cost.command:.2f}, server {cost.server:.2f}, others {cost.others:.2f}"
        self.say(f"  {side.name}: {cost.wall:.2f} s ({used})")


def policy_for(bucket: str) -> dict[str, Any]:
    """Uploads by TLS alone."""
    statement = {
        "Sid": "UploadByTLS",
        "Effect": "Deny",
        "Principal": "*",
        "Action": "s3:PutObject",
        "Resource": f"arn:aws:s3:::{bucket}/*",
        "Condition": {"Bool": {"aws:SecureTransport": "false"}},
    }
    return {"Version": "2012-10-17", "Statement": [statement]}


def peak(server: S3Server, versions: int, say: Say) -> Peak:
    """The memory that our module's process needs to remove a bucket of that many versions."""
    bucket = unique_name()
    try:
        fill(server, bucket, versions, PEAK_PER_KEY)
        answer, said = _module({**server.options, "name": bucket, **REMOVE})
    finally:
        wipe(server.client(), bucket)
    removed = answer["removed"]["objects"] + answer["removed"]["versions"]
    if removed != versions:
        raise RuntimeError(f"{removed} of {versions} versions were removed: {answer}")
    result = Peak(versions, said["peak_kib"] / 1024)
    say(f"  {versions} versions: {result.mib:.1f} MiB, {answer['duration']:.1f} s, {answer['api_calls']}")
    return result


def _module(args: Mapping[str, Any]) -> tuple[dict[str, Any], dict[str, Any]]:
    """Run our module alone in a process; return its answer and what peak.py says about it."""
    request = {"module": "cloudops.core.s3_bucket", "args": args, "env": {"PATH": os.defpath}}
    command = [str(VENV / "bin" / "python"), str(Path(__file__).with_name("peak.py")), str(COLLECTIONS)]
    done = subprocess.run(command, input=json.dumps(request) + "\n", capture_output=True, text=True, check=False)
    if done.returncode:
        raise RuntimeError(f"{done.stdout}\n{done.stderr}")
    return json.loads(done.stdout), json.loads(done.stderr.splitlines()[-1])


def _turns(rounds: int) -> Iterator[Side]:
    for number in range(rounds):
        yield from SIDES if number % 2 == 0 else reversed(SIDES)
