# Copyright (c) 2026 cloudops.core contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Measures cloudops.core against other collections and SDKs, each pair on one server: python -m tests.benchmarks (make bench)."""

from __future__ import annotations

import argparse
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from contextlib import ExitStack
from dataclasses import replace
from pathlib import Path

from tests.benchmarks import fleet, inventory, machine, measure, providers, report, workloads
from tests.benchmarks.gateway import s3_server
from tests.benchmarks.sides import VENV, Player
from tests.integration.s3 import S3Server
from tests.servers.child import ROOT
from tests.servers.fault_proxy import FaultProxyProcess

LATENCY_MS = 50
INSTANCES = 500
WATCHED = 1000
LISTED = 2000
DEPLOYMENTS = 100
# Memory comes last: a hundred thousand removals slow the gateway's store down for a while, and no time is taken there.
BUCKETS = ("present", "present-latency", "empty", "empty-latency", "memory")
FLEETS = ("power", "metrics", "inventory")
WORKLOADS = ("workloads", "workload")
PROVIDERS = ("azure-remove", "azure-empty", "google-remove")
GROUPS = {"providers": PROVIDERS}
SECTIONS = (*BUCKETS, *FLEETS, *WORKLOADS, *PROVIDERS)
FIGURES = ROOT / "build" / "benchmarks.md"
PINS = ROOT / "tests" / "requirements" / "rival.txt"


def say(text: str) -> None:
    """Tell how far it is."""
    print(time.strftime("%H:%M:%S"), text, flush=True)


def make_venv() -> None:
    """Make the environment with the other collection, anew when its pins are newer."""
    stamp = VENV / ".stamp"
    if not stamp.exists() or stamp.stat().st_mtime < PINS.stat().st_mtime:
        pythons = [f"rival:{version}" for version in ("3.13", "3.12", "3.14")]
        subprocess.run([str(ROOT / "tools" / "venv.sh"), VENV.name, *pythons], check=True, cwd=ROOT)


def versions_used() -> str:
    """What both sides run on."""
    code = (
        "import json, platform, sys; from importlib.metadata import version as v; from pathlib import Path;"
        "home = next(Path(sys.argv[1]).glob('lib/*/site-packages/ansible_collections'));"
        "of = lambda *name: json.loads(home.joinpath(*name, 'MANIFEST.json').read_text())['collection_info']['version'];"
        "print('Python', platform.python_version() + ',', ', '.join(f'{n} {v(n)}' for n in ('ansible-core', 'boto3', 'kubernetes', "
        "'azure-storage-blob', 'google-cloud-storage'))"
        ' + f\', amazon.aws {of("amazon", "aws")}, kubernetes.core {of("kubernetes", "core")}\')'
    )
    command = [str(VENV / "bin" / "python"), "-c", code, str(VENV)]
    done: subprocess.CompletedProcess[str] = subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True)
    return done.stdout.strip()


def sections(options: argparse.Namespace, player: Player, server: S3Server) -> dict[str, Callable[[], str]]:
    """The parts of the report by name, each still to be measured."""
    emptying, repeated = f"Removing a bucket with {options.versions:,} versions", "A repeated present"
    behind = f", {LATENCY_MS} ms before each request"
    straight = measure.Contest(player, server, say)

    def empty(contest: measure.Contest) -> measure.Compared:
        return contest.emptying(options.versions, options.versions_per_key, options.rounds)

    def present(contest: measure.Contest) -> measure.Compared:
        return contest.presence(options.present_rounds)

    def delayed(measuring: Callable[[measure.Contest], measure.Compared]) -> measure.Compared:
        with FaultProxyProcess(server.endpoint, LATENCY_MS) as proxy:
            return measuring(replace(straight, proxy=proxy))

    def peaks() -> list[measure.Peak]:
        return [measure.peak(server, number, say) for number in options.memory_versions]

    return {
        "present": lambda: report.comparison(repeated, present(straight), report.Goal(0.8, faster=False)),
        "present-latency": lambda: report.comparison(repeated + behind, delayed(present), None),
        "memory": lambda: report.memory(peaks(), allowed=0.2),
        "empty": lambda: report.comparison(emptying, empty(straight), report.Goal(3, faster=True)),
        "empty-latency": lambda: report.comparison(emptying + behind, delayed(empty), report.Goal(6, faster=True)),
    }


def fleet_sections(player: Player, rounds: int) -> dict[str, Callable[[], str]]:
    """The parts that need no S3 server."""

    def power() -> str:
        stopped, started = fleet.power(player, INSTANCES, LATENCY_MS, say)
        both = fleet.merged(stopped, started)
        title = f"Stopping and starting {INSTANCES} instances, {LATENCY_MS} ms before each request"
        return report.comparison(title, both, report.Goal(0.3, faster=False)) + "\n" + report.calls_goal(both, 0.05)

    def metrics() -> str:
        found = fleet.metrics(player, player.scratch, WATCHED, LATENCY_MS, say)
        return report.watched(found, report.Goal(0.3, faster=False))

    def listing() -> str:
        runs = inventory.compare(player.scratch, LISTED, rounds, say)
        found = inventory.spread(player.scratch, LISTED, LATENCY_MS, rounds, say)
        return inventory.report(LISTED, runs, found)

    return {"power": power, "metrics": metrics, "inventory": listing}


def workload_sections(player: Player, api: workloads.Api, rounds: int) -> dict[str, Callable[[], str]]:
    """The parts that need a Kubernetes API."""
    where = f", without waiting, on {api.kind}"

    def fleet_of() -> str:
        found = workloads.scaling(player, api, DEPLOYMENTS, 1, say)
        title = f"Scaling {DEPLOYMENTS} Deployments{where}"
        note = f"Requests were counted with {workloads.NAMES_FOR_CALLS} Deployments, by a proxy before the stand-in of the tests.\n"
        return report.comparison(title, found, report.Goal(10, faster=True)) + "\n" + note

    def one() -> str:
        found = workloads.scaling(player, api, 1, rounds, say)
        return report.comparison(f"Scaling one Deployment{where}", found, report.Goal(1, faster=False))

    return {"workloads": fleet_of, "workload": one}


def provider_sections(player: Player, objects: int, rounds: int) -> dict[str, Callable[[], str]]:
    """The parts about Azure and Google."""
    behind = f", {providers.LATENCY_MS} ms before each request"

    def part(race: providers.Race, title: str, *notes: str) -> Callable[[], str]:
        def measured() -> str:
            found = providers.run(race, player, objects, rounds, say)
            return report.contest(f"{title}{behind}", found, notes)

        return measured

    blobs, azurite = f"a container with {objects:,} blobs", ", on Azurite"
    kept = f"a bucket with {objects:,} objects"
    return {
        "azure-remove": part(providers.AZURE_REMOVING, f"Removing {blobs}{azurite}", FORCE_OF_AZCOLLECTION),
        "azure-empty": part(providers.AZURE_EMPTYING, f"Emptying {blobs}{azurite}", ITEMS_OF_AZCOLLECTION),
        "google-remove": part(providers.GOOGLE_REMOVING, f"Removing {kept}, on the tests' own server", FORCE_OF_GOOGLE),
    }


FORCE_OF_AZCOLLECTION = (
    "azure.azcollection itself can't be pointed at an emulator: it finds the account, and deletes the container, through Azure Resource "
    "Manager. So its line is a script with the two calls that its source makes, to the account instead: look at the container, delete it. "
    "The time that the collection takes to load Azure's management libraries is not in it."
)
ITEMS_OF_AZCOLLECTION = (
    "azure.azcollection can't empty a container. With azure_rm_storageblob in a loop over the blobs, each is a module run with three "
    "requests to the account (look at the container, look at the blob, delete it) and two to Azure Resource Manager."
)
FORCE_OF_GOOGLE = (
    "google.cloud has no way to delete a bucket that holds something, and the SDK's Bucket.delete(force=True) refuses more than 256 "
    "objects. So the loop deletes what is listed, one request each, and then the bucket."
)


def main() -> None:
    """Measure, print, and write the figures to build/benchmarks.md, and into a page when asked for."""
    parser = argparse.ArgumentParser(prog="python -m tests.benchmarks", description=__doc__)
    parser.add_argument(
        "section", nargs="*", metavar="SECTION", help=f"of {', '.join((*SECTIONS, *GROUPS))}; default: all"
    )
    parser.add_argument("--versions", type=int, default=20_000, help="object versions to remove (20000)")
    # On Ceph, amazon.aws leaves versions behind, and fails, when a listed page ends between two versions of a key.
    parser.add_argument("--versions-per-key", type=int, default=1, help="of the objects to remove (1)")
    parser.add_argument("--memory-versions", type=int, nargs=2, default=(10_000, 100_000), metavar=("FEW", "MANY"))
    parser.add_argument("--rounds", type=int, default=3, help="runs of each side, removing (3)")
    parser.add_argument("--present-rounds", type=int, default=9, help="runs of each side, present (9)")
    parser.add_argument(
        "--provider-objects", type=int, default=10_000, help="objects to remove on Azure, Google (10000)"
    )
    parser.add_argument("--provider-rounds", type=int, default=1, help="runs of each side on Azure and Google (1)")
    parser.add_argument("--page", type=Path, help="also put the figures into this page, between its marks")
    options = parser.parse_args()
    asked = [name for section in options.section for name in GROUPS.get(section, (section,))]
    if unknown := set(asked) - set(SECTIONS):
        parser.error(f"no such section: {', '.join(sorted(unknown))}")
    # Asked to end, it still removes its buckets and ends its servers.
    signal.signal(signal.SIGTERM, lambda *_ignored: sys.exit(143))
    make_venv()
    FIGURES.parent.mkdir(exist_ok=True)
    chosen = asked or SECTIONS
    with tempfile.TemporaryDirectory(prefix="cloudops-bench.") as scratch, ExitStack() as servers:
        parts = [f"{time.strftime('%Y-%m-%d %H:%M %Z')}. {machine.description()}. {versions_used()}.\n"]
        player = Player(Path(scratch))
        todo = fleet_sections(player, options.rounds)
        todo |= provider_sections(player, options.provider_objects, options.provider_rounds)
        if set(chosen) & set(BUCKETS):
            todo |= sections(options, player, servers.enter_context(s3_server()))
        if set(chosen) & set(WORKLOADS):
            todo |= workload_sections(player, servers.enter_context(workloads.api_server()), options.present_rounds)
        for name in chosen:
            say(name)
            parts.append(todo[name]())
            # After each part: a later one that fails doesn't take the earlier ones with it.
            FIGURES.write_text("\n".join(parts), encoding="utf-8")
    figures = "\n".join(parts)
    print(figures)
    if options.page:
        report.put_into(options.page, figures)


if __name__ == "__main__":
    main()
