# Copyright (c) 2026 cloudops.core contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Containers of Azure and buckets of Google with many objects: one task of ours against scripts around the SDKs.

Every run has a server of its own with nothing else in it, behind a proxy that delays and counts the requests.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any
from urllib.parse import quote

import urllib3

from tests.benchmarks.measure import Compared
from tests.benchmarks.sides import OURS, VENV, Player, Side
from tests.servers.azurite import ACCOUNT, KEY, AzuriteServer, Seed, host_of
from tests.servers.child import ServerProcess
from tests.servers.fault_proxy import FaultProxyProcess
from tests.servers.gcs import PROJECT, GcsServerProcess

NAME = "reports-2026"
LATENCY_MS = 10
SCRIPTS = Path(__file__).with_name("sdk_calls.py")
WRITERS = 4

AZCOLLECTION = Side("azure.azcollection's calls", "azure.azcollection")
AZURE_LOOP = Side("azure-storage-blob in a loop", "azure")
GOOGLE_LOOP = Side("google-cloud-storage in a loop", "google")

Task = dict[str, Any]
Say = Callable[[str], None]


@dataclass(frozen=True)
class Place:
    """A server with a container or bucket full of objects, and a proxy before it.

    :param direct: its URL, for what isn't measured.
    """

    server: ServerProcess
    proxy: FaultProxyProcess
    direct: str

    @property
    def azure(self) -> Mapping[str, str]:
        """The options that lead our Azure modules through the proxy."""
        return {"account_url": f"{self.proxy.endpoint}/{ACCOUNT}", "account_key": KEY}

    @property
    def google(self) -> Mapping[str, str]:
        """The options that lead our Google modules through the proxy."""
        return {"api_endpoint": self.proxy.endpoint, "project": PROJECT}


@dataclass(frozen=True)
class Race:
    """Who takes part, and how to see that it was done.

    :param open: starts a server with so many objects.
    :param tasks: of each side.
    :param left: what is left: objects, or None when there isn't even a container or bucket.
    """

    open: Callable[[int], Any]
    tasks: Mapping[Side, Callable[[Place, Path], Task]]
    left: Callable[[Place], int | None]
    expected: int | None


def run(race: Race, player: Player, objects: int, rounds: int, say: Say) -> Compared:
    """All sides in turns, each round in the other order."""
    result = Compared(runs={side: [] for side in race.tasks})
    for number in range(rounds):
        for side in tuple(race.tasks)[:: 1 if number % 2 == 0 else -1]:
            with race.open(objects) as place:
                place.proxy.stats(reset=True)
                watching = replace(player, servers=(place.server.pid,))
                cost = watching.run(side.name, race.tasks[side](place, player.scratch), changed=True)
                result.calls[side] = place.proxy.stats()["calls"]
                left = race.left(place)
            if left != race.expected:
                raise RuntimeError(f"{side.name} left {left} objects, not {race.expected}")
            result.runs[side].append(cost)
            used = f"processor: {cost.command:.2f}, server {cost.server:.2f}, others {cost.others:.2f}"
            say(f"  {side.name}: {cost.wall:.2f} s ({used}), {sum(result.calls[side].values())} requests")
    return result


def script(name: str, scratch: Path, asked: Mapping[str, Any]) -> Task:
    """A task that runs a script around an SDK."""
    request = scratch / f"{name}.json"
    request.write_text(json.dumps({"script": name, "name": NAME, **asked}), encoding="utf-8")
    return {"ansible.builtin.command": {"argv": [str(VENV / "bin" / "python"), str(SCRIPTS), str(request)]}}


# ---- Azure


@contextmanager
def azurite(objects: int) -> Iterator[Place]:
    """Azurite with a container."""
    with (
        AzuriteServer([Seed(NAME, objects, "reports/2026/")], timeout=300) as server,
        FaultProxyProcess(host_of(server.endpoint), LATENCY_MS) as proxy,
    ):
        yield Place(server, proxy, server.endpoint)


def _azure_ours(**options: Any) -> Callable[[Place, Path], Task]:
    return lambda place, _scratch: {"cloudops.core.azure_blob_container": {**place.azure, "name": NAME, **options}}


def _azure_script(name: str) -> Callable[[Place, Path], Task]:
    return lambda place, scratch: script(name, scratch, {"endpoint": place.azure["account_url"], "key": KEY})


def _blobs_left(place: Place) -> int | None:
    from azure.storage.blob import BlobServiceClient

    with BlobServiceClient(place.direct, credential=KEY).get_container_client(NAME) as container:
        return sum(1 for _name in container.list_blob_names()) if container.exists() else None


AZURE_REMOVING = Race(
    azurite,
    {
        OURS: _azure_ours(state="absent", force=True),
        AZCOLLECTION: _azure_script("azure_force"),
        AZURE_LOOP: _azure_script("azure_remove"),
    },
    _blobs_left,
    None,
)
AZURE_EMPTYING = Race(
    azurite,
    {OURS: _azure_ours(state="empty"), AZURE_LOOP: _azure_script("azure_empty")},
    _blobs_left,
    0,
)


# ---- Google


@contextmanager
def cloud_storage(objects: int) -> Iterator[Place]:
    """The tests' own Cloud Storage with a bucket."""
    with GcsServerProcess() as server, FaultProxyProcess(server.endpoint, LATENCY_MS) as proxy:
        _fill_bucket(server.endpoint, objects)
        yield Place(server, proxy, server.endpoint)


def _fill_bucket(endpoint: str, objects: int) -> None:
    with urllib3.PoolManager(maxsize=WRITERS) as pool, ThreadPoolExecutor(WRITERS) as workers:

        def post(url: str, body: bytes, kind: str) -> None:
            answer = pool.request("POST", endpoint + url, body=body, headers={"Content-Type": kind})
            if answer.status != 200:
                raise RuntimeError(f"POST {url}: {answer.status} {answer.data[:300]!r}")

        def put(number: int) -> None:
            name = quote(f"reports/2026/{number:07d}.csv", safe="")
            post(f"/upload/storage/v1/b/{NAME}/o?uploadType=media&name={name}", b"x", "text/csv")

        post(f"/storage/v1/b?project={PROJECT}", json.dumps({"name": NAME}).encode(), "application/json")
        for _done in workers.map(put, range(objects)):
            pass


def _google_ours(place: Place, _scratch: Path) -> Task:
    return {"cloudops.core.gcs_bucket": {**place.google, "name": NAME, "state": "absent", "force": True}}


def _google_loop(place: Place, scratch: Path) -> Task:
    return script("gcs_remove", scratch, {"endpoint": place.google["api_endpoint"], "project": PROJECT})


def _objects_left(place: Place) -> int | None:
    answer = urllib3.request("GET", f"{place.direct}/storage/v1/b/{NAME}/o?maxResults=1000")
    if answer.status == 404:
        return None
    return len(json.loads(answer.data).get("items", ()))


GOOGLE_REMOVING = Race(cloud_storage, {OURS: _google_ours, GOOGLE_LOOP: _google_loop}, _objects_left, None)
