# Copyright (c) 2026 cloudops.core contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Azurite, the emulator of Azure Blob Storage, as a process of its own on a free loopback port. tools/azurite.sh installs it.

    with AzuriteServer([Seed("big", 5000)]) as server:
        BlobServiceClient(server.endpoint, credential=KEY)

As a command: ``python -m tests.servers.azurite --port-file FILE`` prints the endpoint and runs until SIGTERM, and
``python -m tests.servers.azurite --missing`` prints why it can't run here, or nothing.

Thousands of blobs are there from the start: they are written into the file that Azurite keeps its records in. Over HTTP that takes minutes.
"""

from __future__ import annotations

import argparse
import json
import shutil
import socket
import subprocess
import tempfile
import time
from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from threading import Event
from typing import IO, Any
from urllib.parse import urlsplit

from tests.servers.child import ROOT, ServerProcess, add_common_options, announce, stop_event

# The account and the key that every Azurite has, and that Microsoft publishes:
# https://learn.microsoft.com/azure/storage/common/storage-connect-azurite
ACCOUNT = "devstoreaccount1"
KEY = "Eby8vdM02xNOcqFlqUwJPLlmEtlCDXJ1OUzFT50uSRZ6IFsuFq2UVErCz4I6tq/K1SZFPTOtr/KBHBeksoGMGw=="
PROGRAM = ROOT / "build" / "azurite" / "node_modules" / "azurite" / "dist" / "src" / "blob" / "main.js"
RECORDS = "__azurite_db_blob__.json"


def missing() -> str:
    """Why Azurite can't run here; "" when it can."""
    if shutil.which("node") is None:
        return "Azurite needs Node.js, which isn't on the PATH"
    if not (PROGRAM.exists() and (ROOT / "build" / "azurite" / ".installed").exists()):
        return "Azurite isn't installed: run tools/azurite.sh"
    return ""


@dataclass(frozen=True)
class Seed:
    """Blobs of 1 byte that are there when the server starts, named ``{prefix}{number:07d}``.

    :param snapshots: of each blob.
    :param modified: ISO 8601, UTC.
    """

    container: str
    blobs: int
    prefix: str = ""
    snapshots: int = 0
    modified: str = "2026-01-01T00:00:00.000Z"


class AzuriteServer(ServerProcess):
    """An Azurite process; ``endpoint`` is the URL of its account while it runs."""

    def __init__(self, seeds: Sequence[Seed] = (), timeout: float = 300) -> None:
        arguments = ["--seeds", json.dumps([asdict(seed) for seed in seeds])] if seeds else []
        super().__init__("tests.servers.azurite", arguments, timeout=timeout)


# Records


def records_of(seeds: Iterable[Seed]) -> dict[str, Any]:
    """The file in which Azurite finds containers and blobs: the database of LokiJS, as it writes it itself."""
    seeds = list(seeds)
    containers = [_container(name) for name in dict.fromkeys(seed.container for seed in seeds)]
    blobs = [blob for seed in seeds for blob in _blobs(seed)]
    collections = [
        _collection("$SERVICES_COLLECTION$", [], (), unique=["accountName"]),
        _collection("$CONTAINERS_COLLECTION$", containers, ("accountName", "name")),
        _collection("$BLOBS_COLLECTION$", blobs, ("accountName", "containerName", "name", "snapshot")),
        _collection("$BLOCKS_COLLECTION$", [], ("accountName", "containerName", "blobName", "name")),
    ]
    return {"filename": RECORDS, "collections": collections, "databaseVersion": 1.5, "engineVersion": 1.5}


def _container(name: str) -> dict[str, Any]:
    properties = {
        "etag": '"0x1"',
        "lastModified": "2026-01-01T00:00:00.000Z",
        "leaseStatus": "unlocked",
        "leaseState": "available",
        "hasImmutabilityPolicy": False,
        "hasLegalHold": False,
    }
    return {"accountName": ACCOUNT, "name": name, "properties": properties}


def _blobs(seed: Seed) -> Iterable[dict[str, Any]]:
    properties = {
        "creationTime": seed.modified,
        "lastModified": seed.modified,
        "etag": '"0x1"',
        "contentLength": 1,
        "contentType": "application/octet-stream",
        "blobType": "BlockBlob",
        "serverEncrypted": True,
        "accessTier": "Hot",
        "accessTierInferred": True,
    }
    blob = {
        "deleted": False,
        "accountName": ACCOUNT,
        "containerName": seed.container,
        "isCommitted": True,
        "persistency": {"id": "none", "offset": 0, "count": 1},
    }
    lease = {"leaseStatus": "unlocked", "leaseState": "available"}
    for number in range(seed.blobs):
        name = f"{seed.prefix}{number:07d}"
        yield {**blob, "name": name, "snapshot": "", "properties": {**properties, **lease}}
        for place in range(seed.snapshots):
            snapshot = f"{seed.modified[:19]}.{place:07d}Z"
            yield {**blob, "name": name, "snapshot": snapshot, "metadata": {}, "properties": properties}


def _collection(
    name: str, rows: Sequence[dict[str, Any]], indexed: Sequence[str], unique: Sequence[str] = ()
) -> dict[str, Any]:
    """A collection of LokiJS; each index lists the places of the rows in the order of a field."""
    data = [
        {**row, "meta": {"revision": 0, "created": 0, "version": 0}, "$loki": place}
        for place, row in enumerate(rows, 1)
    ]
    indices = {
        field: {
            "name": field,
            "dirty": False,
            "values": sorted(range(len(rows)), key=lambda place: str(rows[place][field])),  # used at once
        }
        for field in indexed
    }
    return {
        "name": name,
        "data": data,
        "idIndex": None,
        "binaryIndices": indices,
        "constraints": None,
        "uniqueNames": list(unique),
        "transforms": {},
        "objType": name,
        "dirty": False,
        "adaptiveBinaryIndices": True,
        "transactional": False,
        "cloneObjects": False,
        "cloneMethod": "parse-stringify",
        "asyncListeners": False,
        "disableMeta": False,
        "disableChangesApi": True,
        "disableDeltaChangesApi": True,
        "autoupdate": False,
        "serializableIndices": True,
        "disableFreeze": True,
        "ttl": None,
        "maxId": len(rows),
        "DynamicViews": [],
        "events": {},
        "changes": [],
        "dirtyIds": [],
    }


# As a command


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
    return port


def _start(home: Path, port: int, log: IO[str]) -> subprocess.Popen[bytes]:
    command = ["node", str(PROGRAM), "--blobHost", "127.0.0.1", "--blobPort", str(port), "--location", str(home)]
    # The SDK speaks newer versions of the API than Azurite knows, and means the same by what is used here.
    command += ["--skipApiVersionCheck", "--disableTelemetry", "--silent"]
    return subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=log, stderr=log, cwd=home)


def _listens(process: subprocess.Popen[bytes], port: int, stop: Event) -> bool:
    """False: it ended, because another took the port, or for what it says itself; or nobody waits for it any more."""
    while process.poll() is None and not stop.is_set():
        try:
            with socket.create_connection(("127.0.0.1", port), timeout=5):
                return True
        except OSError:
            time.sleep(0.05)
    return False


def _serve(options: argparse.Namespace, stop: Event, log: IO[str]) -> None:
    with tempfile.TemporaryDirectory(prefix="azurite-", ignore_cleanup_errors=True) as name:
        home = Path(name)
        if options.seeds:
            seeds = [Seed(**seed) for seed in json.loads(options.seeds)]
            (home / RECORDS).write_text(json.dumps(records_of(seeds)), encoding="utf-8")
        for _attempt in range(3):
            port = options.port or _free_port()
            process = _start(home, port, log)
            if _listens(process, port, stop):
                break
            if stop.is_set():
                process.kill()
                process.wait()
                return
        else:
            raise SystemExit(f"Azurite ends with {process.returncode}")
        announce(f"http://127.0.0.1:{port}/{ACCOUNT}", options.port_file)
        try:
            while process.poll() is None and not stop.wait(0.2):
                pass
        finally:
            process.terminate()
            try:
                process.wait(5)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()


def host_of(endpoint: str) -> str:
    """The server without the account, for a proxy before it."""
    return f"http://{urlsplit(endpoint).netloc}"


def main(arguments: Sequence[str] | None = None) -> None:
    """Serve until SIGTERM, SIGINT or the end of the parent."""
    parser = argparse.ArgumentParser(prog="python -m tests.servers.azurite", description="Azurite's blob service")
    add_common_options(parser)
    parser.add_argument("--seeds", default="", help="blobs that are there from the start, as JSON")
    parser.add_argument("--missing", action="store_true", help="print why it can't run here, if so, and end")
    options = parser.parse_args(arguments)
    if options.missing:
        print(missing())
        return
    if missing():
        raise SystemExit(missing())
    stop = stop_event(options.with_parent)
    with tempfile.TemporaryFile("w+", encoding="utf-8", errors="replace") as log:
        try:
            _serve(options, stop, log)
        except BaseException:
            log.seek(0)
            print(log.read()[-4000:], flush=True)
            raise


if __name__ == "__main__":
    main()
