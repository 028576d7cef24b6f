# Copyright (c) 2026 cloudops.core contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""azure_blob_container on a storage account in memory: what Azurite lacks, and a network and a service that misbehave."""

from __future__ import annotations

import threading
import time
from collections import Counter
from collections.abc import Iterator
from typing import Any

import pytest

from tests.integration.azure import NO_BATCHES, Run, memory_options, runner
from tests.integration.harness import ModuleRunner
from tests.servers.azure_blob import BlobServer, Refusal, in_days
from tests.servers.fault_proxy import FaultProxy

pytestmark = pytest.mark.skipif(NO_BATCHES, reason="this SDK sends no batches to servers with the account in the path")
NAME = "the-container"
TWO_TRIES = {"retries": 1}


@pytest.fixture
def filled(azure_memory: BlobServer) -> BlobServer:
    """60 blobs, of which one has two snapshots."""
    state = azure_memory.container(NAME)
    for number in range(60):
        state.put(f"k{number:02d}")
    for _again in range(2):
        state.take_snapshot("k07")
    return azure_memory


def left(server: BlobServer) -> Counter[str]:
    """What the container holds."""
    return server.container(NAME).holds()


# Versions, soft delete, immutability


@pytest.fixture
def versioned(run_module: ModuleRunner) -> Iterator[tuple[BlobServer, Run]]:
    """An account with versioning and soft delete: 40 blobs, 10 previous versions, a snapshot, a deleted blob."""
    with BlobServer(versioning=True, soft_delete_days=7) as server:
        state = server.container(NAME)
        for name in [f"k{number:02d}" for number in range(40)] + [f"k{number:02d}" for number in range(10)]:
            state.put(name)
        state.take_snapshot("k39")
        state.put("gone").days_left = 3
        yield server, runner(run_module, "azure_blob_container", memory_options(server.endpoint))


def test_empty_takes_versions_and_snapshots_and_tells_what_soft_delete_keeps(versioned: tuple[BlobServer, Run]) -> None:
    server, run = versioned
    checked = run(name=NAME, state="empty", check=True, soft_deleted="report")
    done = run(name=NAME, state="empty", soft_deleted="report")
    assert left(server) == Counter(deleted=52)
    expected = {"objects": 40, "versions": 10, "snapshots": 1, "delete_markers": 0, "uploads": 0, "bytes": 51}
    assert checked["removed"] == done["removed"] == expected
    assert checked["diff"] == done["diff"]
    assert (checked["soft_deleted"]["objects"], checked["soft_deleted"]["days_left"]) == (1, 3)
    assert (done["soft_deleted"]["bytes"], done["soft_deleted"]["days_left"]) == (52, 7)
    assert not run(name=NAME, state="empty")["changed"]


def test_noncurrent_only_takes_versions_and_leaves_blobs(versioned: tuple[BlobServer, Run]) -> None:
    server, run = versioned
    done = run(name=NAME, state="empty", noncurrent_only=True)
    assert (done["removed"]["versions"], done["removed"]["snapshots"], done["removed"]["objects"]) == (10, 1, 0)
    assert left(server) == Counter(blob=40, deleted=12)


def test_a_legal_hold_on_the_container_is_reported_and_nothing_is_tried(
    filled: BlobServer, memory_container: Run
) -> None:
    filled.container(NAME).legal_hold = True
    checked = memory_container(name=NAME, state="absent", force=True, check=True, fails=True)
    failed = memory_container(name=NAME, state="absent", force=True, fails=True)
    assert checked["refused"] == failed["refused"]
    assert [(group["code"], group["count"]) for group in failed["refused"]] == [("BlobImmutableDueToLegalHold", 60)]
    assert not failed["changed"]
    assert set(failed["api_calls"]) == {"GetContainerProperties", "ListBlobs"}


def test_blobs_under_a_policy_of_their_own_stay(filled: BlobServer, memory_container: Run) -> None:
    state = filled.container(NAME)
    state.version_level = True
    for name, days in (("k01", 5.0), ("k02", -5.0)):
        found = state.find(name)
        assert found is not None
        found.locked_until = in_days(days)
    held = state.find("k03")
    assert held is not None
    held.legal_hold = True
    checked = memory_container(name=NAME, state="absent", force=True, check=True, fails=True)
    failed = memory_container(name=NAME, state="absent", force=True, fails=True)
    assert checked["removed"] == failed["removed"]
    assert failed["removed"]["objects"] == 58
    assert {group["code"] for group in failed["refused"]} == {"BlobImmutableDueToPolicy", "BlobImmutableDueToLegalHold"}
    assert left(filled) == Counter(blob=2)


def test_a_policy_of_the_container_is_told_by_the_service(filled: BlobServer, memory_container: Run) -> None:
    filled.container(NAME).policy = True
    filled.refuse = lambda name: Refusal(409, "BlobImmutableDueToPolicy") if name == "k05" else None
    failed = memory_container(name=NAME, state="absent", force=True, fails=True)
    assert failed["removed"]["objects"] == 59
    assert "immutability policy keeps it" in failed["msg"]
    filled.refuse = lambda _name: None
    assert memory_container(name=NAME, state="absent", force=True)["actions"][-1] == "delete container"


# Properties that Azurite forgets


def test_encryption_scopes_are_for_creation_only(azure_memory: BlobServer, memory_container: Run) -> None:
    scope = {"default_encryption_scope": "ours", "deny_encryption_scope_override": True}
    done = memory_container(name=NAME, **scope)
    state = azure_memory.container(NAME)
    assert (state.scope, state.deny_override) == ("ours", True)
    assert done["container"]["properties"] == scope
    assert done["api_calls"]["CreateContainer"] == 1
    assert not memory_container(name=NAME, **scope)["changed"]
    failed = memory_container(name=NAME, default_encryption_scope="other", fails=True)
    assert failed["error"]["kind"] == "conflict"
    assert "ours" in failed["msg"]
    assert "default_encryption_scope" in failed["error"]["hint"]


def test_public_access_that_the_account_forbids(azure_memory: BlobServer, memory_container: Run) -> None:
    azure_memory.public_access_allowed = False
    failed = memory_container(name=NAME, public_access="blob", fails=True)
    assert failed["error"]["code"] == "PublicAccessNotPermitted"
    assert failed["actions_not_done"] == ["create container", "put public_access"]
    assert memory_container(name=NAME, public_access="none")["actions"] == ["create container"]


def test_a_rival_who_changes_the_access_meanwhile(
    azure_memory: BlobServer, memory_proxy: FaultProxy, memory_container: Run
) -> None:
    state = azure_memory.container(NAME)

    def rival(_request: object) -> None:
        state.access, state.modified = "container", in_days(1)

    memory_proxy.hook("SetContainerAcl", rival, first=1)
    failed = memory_container(memory_proxy, name=NAME, public_access="blob", fails=True)
    assert failed["error"]["code"] == "ConditionNotMet"
    assert state.access == "container"


# A container that is still being deleted


def test_create_waits_for_a_deletion_to_end(run_module: ModuleRunner) -> None:
    with BlobServer(deletion_seconds=3600) as server:
        run = runner(run_module, "azure_blob_container", memory_options(server.endpoint))
        server.container(NAME).put("a")
        run(name=NAME, state="absent", force=True)
        assert not run(name=NAME, state="absent")["changed"]
        assert not run(name=NAME, state="empty")["changed"]
        failed = run(name=NAME, wait_timeout=0, fails=True)
        assert (failed["error"]["kind"], failed["error"]["code"]) == ("timeout", "ContainerBeingDeleted")
        assert "wait_timeout" in failed["msg"]
        server.containers[NAME].gone_at = time.monotonic() + 1.0
        assert run(name=NAME, wait_timeout=120)["changed"]


# Faults that pass


@pytest.mark.parametrize(
    ("operation", "code", "status", "times"),
    [
        ("GetContainerProperties", "ServerBusy", 503, 1),
        ("ListBlobs", "OperationTimedOut", 500, 1),
        ("SubmitBatch", "ServerBusy", 503, 2),
        ("SubmitBatch", "TooManyRequests", 429, 2),
        ("SubmitBatch", "InternalError", 500, 1),
    ],
)
def test_refusals_that_pass(
    filled: BlobServer,
    memory_proxy: FaultProxy,
    memory_container: Run,
    operation: str,
    code: str,
    status: int,
    times: int,
) -> None:
    memory_proxy.fail(operation, code, status, first=times)
    done = memory_container(memory_proxy, name=NAME, state="empty", batch_size=20)
    assert left(filled) == Counter()
    assert (done["removed"]["objects"], done["removed"]["snapshots"]) == (60, 2)
    assert done["api_calls"] == dict(memory_proxy.calls)
    assert memory_proxy.faults[operation] == times


@pytest.mark.parametrize("operation", ["ListBlobs", "SubmitBatch"])
@pytest.mark.parametrize("after", [False, True], ids=["before", "after"])
def test_connections_that_drop_before_or_after_the_server_acted(
    filled: BlobServer, memory_proxy: FaultProxy, memory_container: Run, operation: str, after: bool
) -> None:
    memory_proxy.drop(operation, after_forwarding=after, first=1)
    done = memory_container(memory_proxy, name=NAME, state="empty", batch_size=20)
    assert left(filled) == Counter()
    assert (done["removed"]["objects"], done["removed"]["snapshots"]) == (60, 2)


def test_answers_that_are_cut_short_or_lost(
    filled: BlobServer, memory_proxy: FaultProxy, memory_container: Run
) -> None:
    memory_proxy.truncate("SubmitBatch", keep=300, first=1)
    memory_proxy.drop("DeleteContainer", after_forwarding=True, first=1)
    memory_proxy.drop("CreateContainer", after_forwarding=True, first=1)
    memory_container(memory_proxy, name=NAME, state="empty")
    assert left(filled) == Counter()
    assert memory_container(memory_proxy, name=NAME, state="absent")["changed"]
    made = memory_container(memory_proxy, name=NAME, metadata={"a": "b"})
    assert made["actions"] == ["create container", "put metadata"]
    assert memory_proxy.faults == {"SubmitBatch": 1, "DeleteContainer": 1, "CreateContainer": 1}


@pytest.mark.parametrize(
    ("status", "code"), [(503, "ServerBusy"), (500, "OperationTimedOut"), (429, "TooManyRequests")]
)
def test_single_blobs_that_are_refused_for_a_passing_reason_are_tried_again(
    filled: BlobServer, memory_container: Run, status: int, code: str
) -> None:
    refused: Counter[str] = Counter()

    def refuse(name: str) -> Refusal | None:
        refused[name] += name.endswith("7")
        return Refusal(status, code) if 1 <= refused[name] <= 2 else None

    filled.refuse = refuse
    done = memory_container(name=NAME, state="empty")
    assert left(filled) == Counter()
    assert (done["removed"]["objects"], done["removed"]["snapshots"]) == (60, 2)
    assert "refused" not in done


# Faults that stay


def test_single_blobs_that_stay_refused_are_gathered_by_code(filled: BlobServer, memory_container: Run) -> None:
    codes = {"7": Refusal(403, "AuthorizationPermissionMismatch"), "9": Refusal(409, "BlobImmutableDueToPolicy")}
    filled.refuse = lambda name: codes.get(name[-1])
    failed = memory_container(name=NAME, state="empty", fails=True)
    assert {group["code"]: group["count"] for group in failed["refused"]} == {
        "AuthorizationPermissionMismatch": 6,
        "BlobImmutableDueToPolicy": 6,
    }
    assert failed["removed"]["objects"] == 48
    assert failed["changed"]
    assert left(filled) == Counter(blob=12, snapshot=2)
    filled.refuse = lambda _name: None
    assert memory_container(name=NAME, state="empty")["removed"]["objects"] == 12


@pytest.mark.parametrize(
    ("operation", "code", "status", "kind"),
    [
        ("GetContainerProperties", "AuthenticationFailed", 403, "denied"),
        ("ListBlobs", "AuthorizationPermissionMismatch", 403, "denied"),
        ("ListBlobs", "ServerBusy", 503, "throttled"),
        ("DeleteContainer", "ContainerHasLegalHold", 409, "conflict"),
        ("DeleteContainer", "InternalError", 500, "unavailable"),
    ],
)
def test_a_refusal_that_stays_names_operation_resource_code_and_cure(
    filled: BlobServer,
    memory_proxy: FaultProxy,
    memory_container: Run,
    operation: str,
    code: str,
    status: int,
    kind: str,
) -> None:
    memory_proxy.fail(operation, code, status)
    failed = memory_container(memory_proxy, name=NAME, state="absent", force=True, **TWO_TRIES, fails=True)
    assert (failed["error"]["kind"], failed["error"]["code"]) == (kind, code)
    assert failed["error"]["operation"]
    assert NAME in failed["msg"]
    assert code in failed["msg"]
    assert not failed["changed"]
    assert left(filled)["blob"] == 60


def test_a_service_that_refuses_every_batch_is_left_alone_soon(
    filled: BlobServer, memory_proxy: FaultProxy, memory_container: Run
) -> None:
    memory_proxy.fail("SubmitBatch", "AuthorizationFailure", 403)
    failed = memory_container(memory_proxy, name=NAME, state="empty", batch_size=2, concurrency=2, fails=True)
    assert failed["error"]["code"] == "AuthorizationFailure"
    assert memory_proxy.calls["SubmitBatch"] < 20
    assert not failed["changed"]


def test_a_run_that_is_killed_half_way_is_ended_by_the_next(
    filled: BlobServer, memory_proxy: FaultProxy, memory_container: Run
) -> None:
    """The first run loses its connections for good in the middle, as if it had been killed; the second one ends the work."""
    memory_proxy.drop("SubmitBatch", when=lambda _request: memory_proxy.calls["SubmitBatch"] > 2)
    failed = memory_container(
        memory_proxy, name=NAME, state="empty", batch_size=10, concurrency=1, retries=0, fails=True
    )
    before = left(filled)["blob"]
    assert failed["removed"]["objects"] == 60 - before
    assert 0 < before < 60
    assert memory_container(name=NAME, state="empty")["removed"]["objects"] == before
    assert left(filled) == Counter()


def test_leases_taken_between_listing_and_deleting_are_broken(
    filled: BlobServer, memory_proxy: FaultProxy, memory_container: Run
) -> None:
    def rival(_request: object) -> None:
        found = filled.container(NAME).find("k50")
        if found is not None:
            found.leased = True

    memory_proxy.hook("SubmitBatch", rival, first=1)
    done = memory_container(memory_proxy, name=NAME, state="empty", leases="break", batch_size=100)
    assert (done["removed"]["objects"], done["leases_broken"]) == (60, 1)


def test_writers_that_never_stop(filled: BlobServer, memory_proxy: FaultProxy, memory_container: Run) -> None:
    names = iter(range(1000))
    lock = threading.Lock()

    def write(_request: object) -> None:
        with lock, filled.lock:
            filled.container(NAME).put(f"late{next(names):04d}")

    memory_proxy.hook("ListBlobs", write)
    failed = memory_container(memory_proxy, name=NAME, state="empty", fails=True)
    assert failed["error"]["code"] == "StillWritten"
    assert failed["removed"]["objects"] == 65
    limited = memory_container(memory_proxy, name=NAME, state="empty", max_objects=1, fails=True)
    assert limited["error"]["code"] in ("LimitReached", "LimitExceeded")


def test_pages(run_module: ModuleRunner) -> None:
    with BlobServer(page=7) as server:
        state: Any = server.container(NAME)
        for number in range(20):
            state.put(f"k{number:02d}")
            state.take_snapshot(f"k{number:02d}")
        run = runner(run_module, "azure_blob_container", memory_options(server.endpoint))
        done = run(name=NAME, state="empty")
        assert (done["removed"]["objects"], done["removed"]["snapshots"]) == (20, 20)
        assert state.holds() == Counter()
