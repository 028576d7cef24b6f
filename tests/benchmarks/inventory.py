# Copyright (c) 2026 cloudops.core contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Inventories: ansible-inventory --list of 2,000 instances by both collections, from the same answers.

moto needs some ten seconds to describe 2,000 instances, whoever asks. So its answers are taken once, and every measured run gets them
from memory.
"""

from __future__ import annotations

import json
import os
import re
import urllib.request
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import boto3
from botocore.config import Config

from tests.benchmarks.machine import Cost, middle, timed
from tests.benchmarks.sides import COLLECTIONS, OURS, RIVAL, SIDES, VENV, Side
from tests.servers.fault_proxy import FaultProxy
from tests.servers.faults import Request
from tests.servers.moto import MotoServer

REGION = "eu-central-1"
REGIONS = ("eu-central-1", "eu-west-1", "eu-west-2", "eu-north-1", "us-east-1", "us-west-2")
IMAGE = "ami-12c6146b"
LAUNCHED_AT_ONCE = 100
PLUGINS = {OURS: "cloudops.core.aws_instances", RIVAL: "amazon.aws.aws_ec2"}
# What both can: the same names, groups and variables.
CONTENT: Mapping[str, Any] = {
    "hostnames": ["instance-id"],
    "compose": {"ansible_host": "private_ip_address"},
    "groups": {"running": "state.name == 'running'", "web": "ec2_tags.Role == 'web'"},
    "keyed_groups": [
        {"key": "placement.region", "prefix": "region"},
        {"key": "ec2_tags.Team", "prefix": "team"},
        {"key": "instance_type", "prefix": "type"},
    ],
}
_SCOPE = re.compile(r"Credential=[^/]+/\d+/([^/]+)/")
_PEAK = re.compile(r"^PEAK (\d+)$", re.MULTILINE)
_CHILD = (
    "import os, resource, subprocess, sys; code = subprocess.call(sys.argv[1:]); "
    "print('PEAK', resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss, file=sys.stderr); sys.exit(code)"
)

Say = Callable[[str], None]


@dataclass
class Runs:
    """The runs of both sides, by what was run; the most memory that each took, in MiB."""

    fresh: dict[Side, list[Cost]] = field(default_factory=lambda: {side: [] for side in SIDES})
    cached: dict[Side, list[Cost]] = field(default_factory=lambda: {side: [] for side in SIDES})
    peaks: dict[Side, float] = field(default_factory=dict)


@dataclass(frozen=True)
class Spread:
    """Wall time of one region alone, and of several regions at once, with a latency. Seconds."""

    regions: int
    alone: Cost
    together: Cost


class Replay:
    """Answers from memory, by region and request; what isn't there is asked of moto first."""

    def __init__(self, upstream: str) -> None:
        self._upstream = upstream
        self._answers: dict[tuple[str, bytes], str] = {}

    def answer(self, request: Request) -> str:
        """What moto said to this request."""
        scope = _SCOPE.search(request.headers.get("authorization", ""))
        body = request.body or b""
        key = (scope[1] if scope else "", body)
        if key not in self._answers:
            headers = {name: value for name, value in request.headers.items() if name != "content-length"}
            asked = urllib.request.Request(self._upstream + request.target, body, headers, method=request.method)
            with urllib.request.urlopen(asked, timeout=300) as found:
                self._answers[key] = found.read().decode()
        return self._answers[key]


@contextmanager
def recorded(per_region: Mapping[str, int], latency: float = 0) -> Iterator[str]:
    """The endpoint of a proxy with the answers of a moto that has so many instances in each region."""
    with MotoServer() as moto, FaultProxy(moto.endpoint, latency) as proxy:
        for region, count in per_region.items():
            _launch(moto.endpoint, region, count)
        proxy.reply("DescribeInstances", Replay(moto.endpoint).answer)
        yield proxy.endpoint


def _launch(endpoint: str, region: str, count: int) -> None:
    keys = {"aws_access_key_id": "testing", "aws_secret_access_key": "testing"}
    ec2 = boto3.client("ec2", endpoint_url=endpoint, region_name=region, config=Config(proxies={}), **keys)
    for first in range(0, count, LAUNCHED_AT_ONCE):
        tags = {"Name": f"host-{first}", "Role": ("web", "db")[first // 100 % 2], "Team": f"team-{first // 100 % 7}"}
        given = [{"ResourceType": "instance", "Tags": [{"Key": key, "Value": value} for key, value in tags.items()]}]
        number = min(LAUNCHED_AT_ONCE, count - first)
        ec2.run_instances(
            ImageId=IMAGE, InstanceType="t3.micro", MinCount=number, MaxCount=number, TagSpecifications=given
        )


@dataclass(frozen=True)
class Lister:
    """Runs ansible-inventory --list."""

    scratch: Path
    endpoint: str

    def run(self, side: Side, options: Mapping[str, Any], hosts: int) -> tuple[Cost, float]:
        """What a run cost, and the most memory that it took (MiB).

        Raises RuntimeError when it doesn't list that many hosts.
        """
        path = self.scratch / f"{side.collection}.{PLUGINS[side].rpartition('.')[2]}.yml"
        path.write_text(json.dumps({"plugin": PLUGINS[side], **options}), encoding="utf-8")
        listing, log = self.scratch / "listing.json", self.scratch / "log"
        listing.unlink(missing_ok=True)
        python = str(VENV / "bin" / "python")
        inventory = [python, "-m", "ansible", "inventory", "-i", str(path), "--list", "--output", str(listing)]
        cost, code = timed([python, "-c", _CHILD, *inventory], self._env(side), log)
        said = log.read_text(encoding="utf-8", errors="replace")
        found = len(json.loads(listing.read_text(encoding="utf-8"))["_meta"]["hostvars"]) if listing.exists() else 0
        if code or found != hosts:
            raise RuntimeError(f"{side.name}: exit code {code}, {found} hosts\n{said[-3000:]}")
        peak = _PEAK.search(said)
        return cost, int(peak[1]) / 1024 if peak else 0.0

    def _env(self, side: Side) -> dict[str, str]:
        return {
            "PATH": f"{VENV / 'bin'}:{os.defpath}",
            "HOME": str(self.scratch),
            "LC_ALL": "C.UTF-8",
            "ANSIBLE_COLLECTIONS_PATH": str(COLLECTIONS),
            "ANSIBLE_INVENTORY_ENABLED": PLUGINS[side],
            "AWS_ENDPOINT_URL": self.endpoint,
            "AWS_ACCESS_KEY_ID": "testing",
            "AWS_SECRET_ACCESS_KEY": "testing",
            "AWS_EC2_METADATA_DISABLED": "true",
        }


def compare(scratch: Path, instances: int, rounds: int, say: Say) -> Runs:
    """Both sides, without and with a cache that is filled."""
    runs = Runs()
    with recorded({REGION: instances}) as endpoint:
        lister = Lister(scratch, endpoint)
        plain = {**CONTENT, "regions": [REGION]}
        kept = {side: {**plain, **_cache(scratch, side)} for side in SIDES}
        for side in SIDES:  # moto is asked here; the caches are filled here
            lister.run(side, kept[side], instances)
        for number in range(rounds):
            for side in SIDES if number % 2 == 0 else SIDES[::-1]:
                cost, peak = lister.run(side, plain, instances)
                runs.fresh[side].append(cost)
                runs.peaks[side] = max(peak, runs.peaks.get(side, 0))
                cached, _peak = lister.run(side, kept[side], instances)
                runs.cached[side].append(cached)
                say(f"  {side.name}: {cost.wall:.2f} s (processor {cost.command:.2f}), cached {cached.wall:.2f} s")
    return runs


def _cache(scratch: Path, side: Side) -> dict[str, Any]:
    directory = str(scratch / f"cache-{side.collection}")
    return {"cache": True, "cache_plugin": "ansible.builtin.jsonfile", "cache_connection": directory}


def spread(scratch: Path, instances: int, latency_ms: float, rounds: int, say: Say) -> Spread:
    """The slowest of several regions alone, then all of them at once. The others have one instance each."""
    counts = {region: instances if region == REGION else 1 for region in REGIONS}
    alone, together = [], []
    with recorded(counts, latency_ms / 1000) as endpoint:
        lister = Lister(scratch, endpoint)
        for number in range(rounds + 1):
            one, _peak = lister.run(OURS, {**CONTENT, "regions": [REGION]}, instances)
            many, _peak = lister.run(OURS, {**CONTENT, "regions": list(REGIONS)}, sum(counts.values()))
            if number:  # the first round asks moto
                alone.append(one)
                together.append(many)
                say(f"  one region {one.wall:.2f} s, {len(REGIONS)} regions {many.wall:.2f} s")
    return Spread(len(REGIONS), middle(alone), middle(together))


def report(instances: int, runs: Runs, found: Spread, goals: Sequence[float] = (0.5, 1.0, 0.25, 1.2)) -> str:
    """The tables."""
    lines = [
        f"### ansible-inventory --list of {instances:,} instances",
        "",
        "| collection | seconds | its own CPU s | peak, MiB | seconds, cached | its own CPU s, cached |",
        "| --- | --- | --- | --- | --- | --- |",
    ]
    fresh, cached = ({side: middle(costs[side]) for side in SIDES} for costs in (runs.fresh, runs.cached))
    for side in SIDES:
        one, two = fresh[side], cached[side]
        lines.append(
            f"| {side.name} | {one.wall:.2f} | {one.command:.2f} | {runs.peaks[side]:.0f} | {two.wall:.2f} | {two.command:.2f} |"
        )
    ratios = (
        ("seconds", fresh[OURS].wall / fresh[RIVAL].wall, goals[0]),
        ("CPU", fresh[OURS].command / fresh[RIVAL].command, goals[0]),
        ("peak memory", runs.peaks[OURS] / runs.peaks[RIVAL], goals[1]),
        ("seconds, our cached run to its fresh one", cached[OURS].wall / fresh[RIVAL].wall, goals[2]),
        ("CPU, our cached run to its fresh one", cached[OURS].command / fresh[RIVAL].command, goals[2]),
        ("CPU, our cached run to its cached one", cached[OURS].command / cached[RIVAL].command, goals[2]),
        (
            f"seconds, {found.regions} regions with a latency of 50 ms to the slowest alone",
            found.together.wall / found.alone.wall,
            goals[3],
        ),
    )
    lines.append("")
    for name, ratio, goal in ratios:
        verdict = "met" if ratio <= goal else "**missed**"
        lines.append(f"- {name}: **{ratio:.2f}** (target: at most {goal:g}: {verdict})")
    return "\n".join(lines) + "\n"
