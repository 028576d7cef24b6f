# Copyright (c) 2026 cloudops.core contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The servers that tests of Azure Blob Storage run against: Azurite, and the project's own account in memory."""

from __future__ import annotations

import itertools
import os
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta, timezone
from importlib.metadata import version
from typing import Any
from urllib.parse import urlsplit

from tests.integration.harness import ModuleRunner, Result
from tests.servers import azure_blob
from tests.servers.azurite import ACCOUNT, KEY, Seed
from tests.servers.fault_proxy import FaultProxy

Run = Callable[..., Result]

BIG = "seeded-big"
AGED = "seeded-aged"
SEEDS = [
    Seed(BIG, 5000),
    Seed(BIG, 3, prefix="snap/", snapshots=2),
    Seed(AGED, 20, prefix="old/"),
    Seed(AGED, 5, prefix="new/", modified="2038-01-01T00:00:00.000Z"),
]
# Older SDKs leave the account out of the paths in a batch, so that on servers like these, which have it there, blobs go one by one.
NO_BATCHES = tuple(int(part) for part in version("azure-storage-blob").split(".")[:2]) < (12, 24)
_RUNNER_OPTIONS = ("check", "diff", "env", "hide", "fails", "quiet")
_NUMBERS = itertools.count(1)


def unique_name() -> str:
    """A container name that no other test has."""
    return f"co-{os.environ.get('PYTEST_XDIST_WORKER', 'gw')}-{next(_NUMBERS):04d}"


def runner(run_module: ModuleRunner, name: str, where: dict[str, str]) -> Run:
    """A function that runs a module on a server; the runner's own options go to the runner."""

    def run(proxy: FaultProxy | None = None, **params: Any) -> Result:
        options = {key: params.pop(key) for key in _RUNNER_OPTIONS if key in params}
        place = dict(where)
        if proxy is not None:
            place["account_url"] = proxy.endpoint + urlsplit(place["account_url"]).path
        return run_module(name, {**place, **params}, **options)

    return run


def memory_options(endpoint: str) -> dict[str, str]:
    """The options that lead a module to the account in memory."""
    return {"account_url": endpoint, "account_key": azure_blob.KEY}


@dataclass(frozen=True)
class Azurite:
    """Where Azurite is, and how to get in."""

    endpoint: str

    @property
    def options(self) -> dict[str, str]:
        """The options that lead a module of this collection to it."""
        return {"account_url": self.endpoint, "account_key": KEY}

    @property
    def connection_string(self) -> str:
        """All in one."""
        return f"DefaultEndpointsProtocol=http;AccountName={ACCOUNT};AccountKey={KEY};BlobEndpoint={self.endpoint};"

    def sas(self) -> str:
        """A signature for everything, for an hour."""
        from azure.storage.blob import generate_account_sas

        end = datetime.now(timezone.utc) + timedelta(hours=1)
        return str(generate_account_sas(ACCOUNT, KEY, "sco", "rwdlacup", end))

    def container(self, name: str) -> Any:
        """The SDK's client of a container."""
        from azure.storage.blob import BlobServiceClient

        return BlobServiceClient(self.endpoint, credential=KEY).get_container_client(name)

    def filled(self, names: list[str], container: str | None = None) -> str:
        """Make a container with blobs of 1 byte, and return its name."""
        name = container or unique_name()
        client = self.container(name)
        client.create_container()
        for blob in names:
            client.upload_blob(blob, b"x")
        return name

    def holds(self, name: str) -> list[str]:
        """Names of what is there, snapshots included."""
        return [blob.name for blob in self.container(name).list_blobs(include=["snapshots"])]
