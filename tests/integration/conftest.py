# Copyright (c) 2026 cloudops.core contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The servers, clients and runners of the integration tests.

S3 tests run on moto. With S3_ENDPOINT_URL, S3_ACCESS_KEY and S3_SECRET_KEY set they run on that server instead; those
marked ``moto_only`` are then skipped. Every test that takes the S3 server and is not ``moto_only`` is marked ``live``.

Kubernetes tests run on the stand-in of tests/servers. With CLOUDOPS_TEST_KUBECONFIG set they run on that server, which
has to know the contexts admin, viewer, scaler and nobody; those marked ``stand_in_only`` are then skipped. Every test
that takes ``kube`` and is not ``stand_in_only`` is marked ``live_kube``. KUBECONFIG itself is never looked at.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.integration import azure as azure_bench
from tests.integration import gcs as gcs_bench
from tests.integration import kube as kube_bench
from tests.integration.harness import ModuleRunner, Play, make_collections_tree
from tests.integration.iam import Account
from tests.integration.inventories import Inventories
from tests.integration.kube import Kube
from tests.integration.s3 import Client, S3Server, unique_name, wipe
from tests.servers.azure_blob import BlobServer
from tests.servers.azurite import AzuriteServer
from tests.servers.azurite import missing as azurite_missing
from tests.servers.fault_proxy import FaultProxy
from tests.servers.gcs import GcsServer
from tests.servers.kube import KubeServer
from tests.servers.moto import MotoServer

LIVE = "S3_ENDPOINT_URL" in os.environ
LIVE_KUBECONFIG = os.environ.get("CLOUDOPS_TEST_KUBECONFIG", "")


def pytest_configure(config: pytest.Config) -> None:
    """Register the markers that keep a test off a live server."""
    config.addinivalue_line("markers", "moto_only(reason): needs moto; the reason says what other servers lack")
    config.addinivalue_line("markers", "stand_in_only(reason): needs the Kubernetes stand-in; the reason says why")


@pytest.hookimpl(tryfirst=True)  # xdist reads the groups in the same hook
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Mark what may run on a live server, skip the rest of the tests of that server there, and keep together what shares much."""
    for item in items:
        _sort(item, "s3_server", "live", "moto_only", live=LIVE)
        _sort(item, "kube", "live_kube", "stand_in_only", live=bool(LIVE_KUBECONFIG))
        if "runs" in getattr(item, "fixturenames", ()):
            # The guides' examples are run once, for all the tests that look at them.
            item.add_marker(pytest.mark.xdist_group("guides"))


def _sort(item: pytest.Item, server: str, mark: str, unless: str, live: bool) -> None:
    """Mark a test that takes the server, unless it is marked otherwise; skip that one on a live server."""
    if server not in getattr(item, "fixturenames", ()):
        return
    held = item.get_closest_marker(unless)
    if held is None:
        item.add_marker(mark)
    elif live:
        item.add_marker(pytest.mark.skip(reason=f"{unless.replace('_', ' ')}: {held.args[0]}"))


@pytest.fixture(scope="session")
def moto() -> Iterator[MotoServer]:
    """Moto's server, one for each worker."""
    with MotoServer() as server:
        yield server


@pytest.fixture(scope="session")
def account() -> Iterator[Account]:
    """An account on a moto of its own, which refuses everything that no policy allows."""
    with MotoServer(["--iam"]) as server:
        account = Account(server.endpoint)
        yield account
        account.close()


@pytest.fixture(scope="session")
def s3_server(request: pytest.FixtureRequest) -> S3Server:
    """The S3 server under test: the one that the environment names, otherwise moto."""
    if LIVE:
        endpoint, *keys = (os.environ[name] for name in ("S3_ENDPOINT_URL", "S3_ACCESS_KEY", "S3_SECRET_KEY"))
        return S3Server(endpoint, keys[0], keys[1], os.environ.get("S3_REGION", "us-east-1"), live=True)
    return S3Server(request.getfixturevalue("moto").endpoint, "testing-access-key", "testing-secret-key")


@pytest.fixture(scope="session")
def s3(s3_server: S3Server) -> Iterator[Client]:
    """A boto3 client of the server under test."""
    client = s3_server.client()
    yield client
    client.close()


@pytest.fixture
def new_bucket_name(s3: Client) -> Iterator[Callable[[], str]]:
    """Give out bucket names that no other test has; the buckets are removed at the end, whatever they hold."""
    names: list[str] = []

    def give() -> str:
        names.append(unique_name())
        return names[-1]

    yield give
    for name in names:
        wipe(s3, name)


@pytest.fixture
def bucket_name(new_bucket_name: Callable[[], str]) -> str:
    """One such name."""
    return new_bucket_name()


@pytest.fixture
def bucket(s3: Client, bucket_name: str) -> str:
    """A bucket that is there, empty and without versioning."""
    s3.create_bucket(Bucket=bucket_name)
    return bucket_name


@pytest.fixture
def fault_proxy(s3_server: S3Server) -> Iterator[FaultProxy]:
    """A proxy without rules before the server under test."""
    with FaultProxy(s3_server.endpoint, credentials=(s3_server.access_key, s3_server.secret_key)) as proxy:
        yield proxy


@pytest.fixture(scope="session")
def kube(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Kube]:
    """The Kubernetes API under test: the one that CLOUDOPS_TEST_KUBECONFIG leads to, otherwise the stand-in."""
    if LIVE_KUBECONFIG:
        path = tmp_path_factory.mktemp("kube") / "kubeconfig"
        yield Kube(kube_bench.with_trust(Path(LIVE_KUBECONFIG), path), live=True)
        return
    with KubeServer() as server:
        path = server.kubeconfig(tmp_path_factory.mktemp("kube") / "kubeconfig")
        yield Kube(path, live=False, server=server)


@pytest.fixture
def namespace(kube: Kube) -> Iterator[str]:
    """A namespace that no other test has; it is removed at the end with all that it holds."""
    name = kube_bench.unique_name()
    kube.api.create("/api/v1/namespaces", {"metadata": {"name": name}})
    yield name
    kube.api.delete(f"/api/v1/namespaces/{name}")


@pytest.fixture(scope="session")
def collections(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A collections path that holds this checkout and nothing else."""
    return make_collections_tree(tmp_path_factory.mktemp("collections"))


@pytest.fixture(scope="session")
def play(collections: Path, tmp_path_factory: pytest.TempPathFactory) -> Play:
    """Tasks through ansible-playbook; the server's options have to be given."""
    return Play(tmp_path_factory.mktemp("play"), collections)


@pytest.fixture(scope="session")
def run_module(collections: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[ModuleRunner]:
    """Single modules without a playbook."""
    runner = ModuleRunner(tmp_path_factory.mktemp("modules"), collections)
    yield runner
    runner.stop()


@pytest.fixture(scope="session")
def inventories(collections: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Inventories]:
    """ansible-inventory over files of options."""
    runner = Inventories(tmp_path_factory.mktemp("inventories"), collections)
    yield runner
    runner.stop()


@pytest.fixture
def s3_bucket(run_module: ModuleRunner, s3_server: S3Server) -> Callable[..., dict[str, Any]]:
    """Run s3_bucket on the server under test: ``s3_bucket(name=..., state=..., check=True, fails=True)``."""
    return s3_server.runner(run_module, "s3_bucket")


@pytest.fixture
def s3_bucket_info(run_module: ModuleRunner, s3_server: S3Server) -> Callable[..., dict[str, Any]]:
    """Run s3_bucket_info on the server under test."""
    return s3_server.runner(run_module, "s3_bucket_info")


@pytest.fixture(scope="session")
def gcs_session() -> Iterator[GcsServer]:
    """Cloud Storage, one for each worker."""
    with GcsServer() as server:
        yield server


@pytest.fixture
def gcs(gcs_session: GcsServer) -> GcsServer:
    """Cloud Storage without any bucket in it."""
    gcs_session.reset()
    return gcs_session


@pytest.fixture
def gcs_proxy(gcs: GcsServer) -> Iterator[FaultProxy]:
    """A proxy without rules before it."""
    with FaultProxy(gcs.endpoint) as proxy:
        yield proxy


@pytest.fixture
def gcs_bucket(run_module: ModuleRunner, gcs: GcsServer) -> gcs_bench.Run:
    """Run gcs_bucket on Cloud Storage: ``gcs_bucket(name=..., state=..., check=True, fails=True)``."""
    return gcs_bench.runner(run_module, "gcs_bucket", gcs.endpoint)


@pytest.fixture
def gcs_bucket_info(run_module: ModuleRunner, gcs: GcsServer) -> gcs_bench.Run:
    """Run gcs_bucket_info on Cloud Storage."""
    return gcs_bench.runner(run_module, "gcs_bucket_info", gcs.endpoint)


@pytest.fixture(scope="session")
def azurite() -> Iterator[azure_bench.Azurite]:
    """Azurite, one for each worker, with containers that hold thousands of blobs."""
    if azurite_missing():
        pytest.skip(azurite_missing())
    with AzuriteServer(azure_bench.SEEDS) as server:
        yield azure_bench.Azurite(server.endpoint)


@pytest.fixture
def azure_container(run_module: ModuleRunner, azurite: azure_bench.Azurite) -> azure_bench.Run:
    """Run azure_blob_container on Azurite: ``azure_container(name=..., state=..., check=True, fails=True)``."""
    return azure_bench.runner(run_module, "azure_blob_container", azurite.options)


@pytest.fixture
def azure_memory() -> Iterator[BlobServer]:
    """A storage account in memory, without any container in it."""
    with BlobServer() as server:
        yield server


@pytest.fixture
def memory_proxy(azure_memory: BlobServer) -> Iterator[FaultProxy]:
    """A proxy without rules before it."""
    with FaultProxy(azure_memory.endpoint) as proxy:
        yield proxy


@pytest.fixture
def memory_container(run_module: ModuleRunner, azure_memory: BlobServer) -> azure_bench.Run:
    """Run azure_blob_container on the account in memory."""
    return azure_bench.runner(run_module, "azure_blob_container", azure_bench.memory_options(azure_memory.endpoint))
