# Copyright (c) 2026 cloudops.core contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""gcs_bucket, states empty and absent: what goes, what stays, what is told, and what a bad network makes of it."""

from __future__ import annotations

from datetime import datetime, timedelta, timezone
from typing import Any

import pytest

from tests.integration.gcs import PROJECT, Run, exists, fake_gcs_server, holds, request, runner, unique_name, upload
from tests.integration.harness import ModuleRunner, Result
from tests.servers.fault_proxy import FaultProxy
from tests.servers.gcs import GcsServer

VERSIONED = {"versioning": {"enabled": True}}
NONE: Result = {"objects": 0, "versions": 0, "delete_markers": 0, "uploads": 0, "bytes": 0}
SHORT = {"retry_deadline": 1}


def counts(objects: int = 0, versions: int = 0, size: int = 1) -> Result:
    """The counts of removed generations of the same size."""
    return {**NONE, "objects": objects, "versions": versions, "bytes": (objects + versions) * size}


@pytest.fixture
def filled(gcs: GcsServer) -> str:
    """A bucket with 60 generations under 30 names."""
    name = unique_name()
    gcs.create(name, **VERSIONED)
    gcs.seed(name, keys=30, generations=2)
    return name


# ---------------------------------------------------------------------------------------------------------- everything

ODD = [
    "with space",
    "ünï/cödé",
    "percent%2Fpercent",
    "plus+plus",
    "a//b/",
    "?query=1&x=#y",
    "'\"<>&",
    "日本語",
    "é" * 512,
]


def test_five_thousand_objects_with_several_generations_go_in_batches(gcs_bucket: Run, gcs: GcsServer) -> None:
    gcs.create("bucket-one", **VERSIONED)
    gcs.seed("bucket-one", keys=5000, generations=2)
    gcs.put("bucket-one", *ODD)
    gcs.create("neighbour")
    gcs.put("neighbour", "k000001")
    total = 10_000 + len(ODD)
    planned = gcs_bucket(name="bucket-one", state="absent", force=True, check=True)
    done = gcs_bucket(name="bucket-one", state="absent", force=True)
    assert planned["removed"] == done["removed"] == counts(5000 + len(ODD), 5000)
    assert planned["actions"] == done["actions"] == ["remove contents", "delete bucket"]
    assert planned["diff"] == done["diff"]
    assert not exists(gcs, "bucket-one")
    assert gcs.held("neighbour") == [("k000001", True)]
    assert max(gcs.api.batch_sizes) == 100
    assert done["api_calls"]["batch"] == -(-total // 100)
    assert planned["api_calls"] == {"buckets.get": 1, "objects.list": 11}
    assert gcs.api.calls["objects.delete"] == total, "each generation is deleted once"
    assert all("generation" in query for operation, query in gcs.api.queries if operation == "objects.delete")


@pytest.mark.parametrize("size", [1, 2, 7])
def test_small_batches(gcs_bucket: Run, gcs: GcsServer, filled: str, size: int) -> None:
    gcs.put(filled, *ODD)
    done = gcs_bucket(name=filled, state="empty", batch_size=size, concurrency=3)
    assert done["removed"] == counts(30 + len(ODD), 30)
    assert gcs.held(filled) == []
    assert set(gcs.api.batch_sizes) <= {size, 69 % size}
    assert not gcs_bucket(name=filled, state="empty", batch_size=size)["changed"]


def test_a_bucket_that_is_not_there_is_empty_and_absent(gcs_bucket: Run, gcs: GcsServer) -> None:
    for state in ("empty", "absent"):
        for check in (True, False):
            done = gcs_bucket(name="bucket-one", state=state, check=check)
            assert (done["changed"], done["removed"], done["api_calls"]) == (False, NONE, {"buckets.get": 1})


# ----------------------------------------------------------------------------------------------------------- selections


@pytest.mark.parametrize(
    ("selection", "goes", "left"),
    [
        pytest.param({}, (4, 3), [], id="all"),
        pytest.param({"prefix": "a/"}, (2, 2), ["b", "c+%", "c+%"], id="prefix"),
        pytest.param({"prefix": "c+%"}, (1, 1), ["a/1", "a/1", "a/2", "a/2", "b"], id="odd-prefix"),
        pytest.param({"noncurrent_only": True}, (0, 3), ["a/1", "a/2", "b", "c+%"], id="noncurrent"),
        pytest.param({"older_than": "10d"}, (1, 3), ["a/1", "a/2", "c+%"], id="old"),
        pytest.param({"older_than": "10d", "noncurrent_only": True, "prefix": "a"}, (0, 2), ["a/1", "a/2", "b", "c+%", "c+%"], id="both"),
        pytest.param({"prefix": "zzz"}, (0, 0), ["a/1", "a/1", "a/2", "a/2", "b", "c+%", "c+%"], id="nothing"),
    ],
)  # fmt: skip
def test_selections(
    gcs_bucket: Run, gcs: GcsServer, selection: dict[str, Any], goes: tuple[int, int], left: list[str]
) -> None:
    gcs.create("bucket-one", **VERSIONED)
    gcs.put("bucket-one", "a/1", "a/2", "b", "c+%", created=datetime.now(timezone.utc) - timedelta(days=20))
    gcs.put("bucket-one", "a/1", "a/2", "c+%")
    planned = gcs_bucket(name="bucket-one", state="empty", check=True, **selection)
    assert len(gcs.held("bucket-one")) == 7
    done = gcs_bucket(name="bucket-one", state="empty", **selection)
    assert planned["removed"] == done["removed"] == counts(*goes)
    assert planned["changed"] == done["changed"] == bool(sum(goes))
    assert planned["diff"] == done["diff"]
    assert [name for name, _live in gcs.held("bucket-one")] == left
    assert not gcs_bucket(name="bucket-one", state="empty", **selection)["changed"]


def test_the_limit_refuses_before_the_first_removal(gcs_bucket: Run, gcs: GcsServer, filled: str) -> None:
    for params in ({"state": "empty"}, {"state": "absent", "force": True}):
        for check in (True, False):
            failed = gcs_bucket(name=filled, max_objects=59, check=check, fails=True, **params)
            assert failed["error"]["code"] == "LimitExceeded"
            assert "max_objects=59" in failed["msg"]
            assert not failed["changed"]
    assert holds(gcs, filled) == {"objects": 30, "versions": 30}
    assert gcs_bucket(name=filled, state="empty", max_objects=60)["removed"] == counts(30, 30)


def test_absent_without_force_tells_what_the_bucket_holds(gcs_bucket: Run, gcs: GcsServer, filled: str) -> None:
    for check in (True, False):
        failed = gcs_bucket(name=filled, state="absent", check=check, fails=True)
        assert failed["error"]["code"] == "BucketNotEmpty"
        assert "30 objects, 30 older versions (60 bytes)" in failed["msg"]
        assert "force: true" in failed["msg"]
        assert failed["contents"] == counts(30, 30)
    assert holds(gcs, filled) == {"objects": 30, "versions": 30}
    gcs.create("bucket-two")
    gcs.seed("bucket-two", keys=1001)
    assert "at least 1000 objects" in gcs_bucket(name="bucket-two", state="absent", fails=True)["msg"]
    gcs.create("bucket-three")
    done = gcs_bucket(name="bucket-three", state="absent")
    assert done["actions"] == ["delete bucket"]
    assert not exists(gcs, "bucket-three")


# ----------------------------------------------------------------------------------------------- holds and retention


def test_what_is_held_stays_and_is_told_with_its_code(gcs_bucket: Run, gcs: GcsServer, filled: str) -> None:
    gcs.hold(filled, "k000001", "k000002")
    gcs.hold(filled, "k000003", event_based=True)
    planned = gcs_bucket(name=filled, state="absent", force=True, check=True, fails=True)
    failed = gcs_bucket(name=filled, state="absent", force=True, fails=True)
    for result in (planned, failed):
        assert result["removed"] == counts(27, 30)
        assert (result["error"]["kind"], result["error"]["code"]) == ("conflict", "objectUnderActiveHold")
        (group,) = result["refused"]
        assert (group["code"], group["count"]) == ("objectUnderActiveHold", 3)
        assert sorted(entry["key"] for entry in group["first"]) == ["k000001", "k000002", "k000003"]
        assert "release it" in result["msg"]
        assert result["changed"]
    assert "all others would be removed" in planned["msg"]
    assert "all others were removed" in failed["msg"]
    assert gcs.held(filled) == [("k000001", True), ("k000002", True), ("k000003", True)]
    for name in ("k000001", "k000002", "k000003"):
        body = {"temporaryHold": False, "eventBasedHold": False}
        assert request(gcs.endpoint, "PATCH", f"/storage/v1/b/{filled}/o/{name}", body)[0] == 200
    assert gcs_bucket(name=filled, state="absent", force=True)["removed"] == counts(3)


def test_what_a_policy_keeps_stays_and_is_told_with_its_code(gcs_bucket: Run, gcs: GcsServer) -> None:
    now = datetime.now(timezone.utc)
    gcs.create("bucket-one", retentionPolicy={"retentionPeriod": "86400"})
    gcs.put("bucket-one", "old", created=now - timedelta(days=2))
    gcs.put("bucket-one", "new", "newer", created=now - timedelta(hours=1))
    gcs.put("bucket-one", "own", created=now - timedelta(days=2))
    gcs.store.bucket("bucket-one").objects["own"][0].retain_until = now + timedelta(days=1)
    planned = gcs_bucket(name="bucket-one", state="empty", check=True, fails=True)
    failed = gcs_bucket(name="bucket-one", state="empty", fails=True)
    for result in (planned, failed):
        assert result["removed"] == counts(1)
        assert result["error"]["code"] == "retentionPolicyNotMet"
        (group,) = result["refused"]
        assert (group["code"], group["count"]) == ("retentionPolicyNotMet", 3)
    assert sorted(name for name, _live in gcs.held("bucket-one")) == ["new", "newer", "own"]


# --------------------------------------------------------------------------------------------------- others who write


def test_what_is_written_meanwhile_is_another_generation_and_stays(
    gcs_bucket: Run, gcs: GcsServer, gcs_proxy: FaultProxy
) -> None:
    gcs.create("bucket-one")
    gcs.put("bucket-one", "a", "b", "c", created=datetime.now(timezone.utc) - timedelta(days=2))
    gcs_proxy.hook("batch", lambda _request: gcs.put("bucket-one", "b"), first=1)
    done = gcs_bucket(gcs_proxy, name="bucket-one", state="empty", older_than="1d")
    assert gcs.held("bucket-one") == [("b", True)]
    assert done["removed"] == counts(2)


def test_absent_takes_what_is_written_in_between(
    gcs_bucket: Run, gcs: GcsServer, gcs_proxy: FaultProxy, filled: str
) -> None:
    gcs_proxy.hook("buckets.delete", lambda _request: gcs.put(filled, "late"), first=1)
    done = gcs_bucket(gcs_proxy, name=filled, state="absent", force=True)
    assert done["removed"] == counts(31, 30)
    assert not exists(gcs, filled)


def test_a_bucket_that_fills_up_as_fast_as_it_is_emptied(
    gcs_bucket: Run, gcs: GcsServer, gcs_proxy: FaultProxy, filled: str
) -> None:
    gcs_proxy.hook("buckets.delete", lambda _request: gcs.put(filled, "late"))
    failed = gcs_bucket(gcs_proxy, name=filled, state="absent", force=True, fails=True)
    assert failed["error"]["code"] == "StillWritten"
    assert failed["changed"]


def test_a_bucket_that_vanishes_meanwhile(gcs_bucket: Run, gcs: GcsServer, gcs_proxy: FaultProxy, filled: str) -> None:
    gcs_proxy.hook("objects.list", lambda _request: gcs.store.buckets.pop(filled), first=1)
    done = gcs_bucket(gcs_proxy, name=filled, state="absent", force=True)
    assert done["removed"] == NONE


# ------------------------------------------------------------------------------------------------- passes: ends right


def test_a_lossy_network_throughout(gcs_bucket: Run, gcs: GcsServer, gcs_proxy: FaultProxy, filled: str) -> None:
    for operation in ("buckets.get", "objects.list", "batch", "buckets.delete"):
        gcs_proxy.fail(operation, "backendError", nth=1)
        gcs_proxy.drop(operation, after_forwarding=operation != "buckets.delete", nth=2)
    gcs_proxy.fail("batch", "rateLimitExceeded", 429, nth=4)
    done = gcs_bucket(gcs_proxy, name=filled, state="absent", force=True, batch_size=20, concurrency=1)
    assert not exists(gcs, filled)
    # What went with an answer that was lost is gone, and isn't counted: nobody can say who removed it.
    assert done["removed"]["objects"] + done["removed"]["versions"] == 40
    assert done["api_calls"] == dict(gcs_proxy.calls)


def test_single_deletions_that_are_refused_for_a_while_are_tried_again(
    gcs_bucket: Run, gcs: GcsServer, filled: str
) -> None:
    refusals = [
        gcs.refuse(lambda name, _number: name.endswith("1"), 429, times=1),
        gcs.refuse(lambda name, _number: name.endswith("2"), 500, times=1),
        gcs.refuse(lambda name, _number: name.endswith("3"), 503, times=1),
    ]
    gcs.api.skipped_answers = 5
    done = gcs_bucket(name=filled, state="empty", batch_size=60)
    assert gcs.held(filled) == []
    assert [sum(refusal.struck.values()) for refusal in refusals] == [6, 6, 6]
    assert "refused" not in done
    # Two of the five whose answers were left out were deleted. They are gone when they are tried again, and count as nobody's.
    assert done["removed"]["objects"] + done["removed"]["versions"] == 58


def test_single_deletions_that_stay_refused_are_told_and_all_others_go(
    gcs_bucket: Run, gcs: GcsServer, filled: str
) -> None:
    gcs.refuse(lambda name, _number: name.endswith("7"), 403)
    gcs.refuse(lambda name, _number: name.endswith("8"), 400, "invalid")
    failed = gcs_bucket(name=filled, state="absent", force=True, batch_size=20, fails=True)
    assert sorted({name for name, _live in gcs.held(filled)}) == [
        f"k0000{number}" for number in ("07", "08", "17", "18", "27", "28")
    ]
    assert failed["removed"] == counts(24, 24)
    assert sorted((group["code"], group["count"]) for group in failed["refused"]) == [("forbidden", 6), ("invalid", 6)]
    assert failed["changed"]
    assert "6 with forbidden" in failed["msg"]
    assert gcs.api.calls["buckets.delete"] == 0
    gcs.api.refusals.clear()
    assert gcs_bucket(name=filled, state="absent", force=True)["removed"] == counts(6, 6)


def test_only_the_first_of_many_refusals_are_shown(gcs_bucket: Run, gcs: GcsServer, filled: str) -> None:
    gcs.refuse(lambda _name, _number: True, 403)
    failed = gcs_bucket(name=filled, state="empty", fails=True)
    (group,) = failed["refused"]
    assert (group["count"], len(group["first"])) == (60, 10)
    assert len(failed["msg"]) < 1000
    assert not failed["changed"]


# ------------------------------------------------------------------------------------------------ does not pass: is told


@pytest.mark.parametrize(
    ("operation", "code", "kind"),
    [
        ("buckets.get", "forbidden", "denied"),
        ("buckets.get", "backendError", "unavailable"),
        ("objects.list", "forbidden", "denied"),
        ("objects.list", "rateLimitExceeded", "throttled"),
        ("buckets.delete", "forbidden", "denied"),
        ("buckets.delete", "internalError", "unavailable"),
    ],
)
def test_a_refusal_that_stays_names_operation_resource_code_and_cure(
    gcs_bucket: Run, gcs: GcsServer, gcs_proxy: FaultProxy, filled: str, operation: str, code: str, kind: str
) -> None:
    gcs_proxy.fail(operation, code)
    failed = gcs_bucket(gcs_proxy, name=filled, state="absent", force=True, fails=True, retry_deadline=0)
    assert exists(gcs, filled)
    assert failed["error"]["kind"] == kind
    for text in (filled, code, "Could not"):
        assert text in failed["msg"]
    assert failed["error"]["operation"]
    assert failed["changed"] == (operation == "buckets.delete")
    if operation == "buckets.delete":
        assert failed["removed"] == counts(30, 30)


def test_deletion_that_is_always_refused_gives_up_soon(
    gcs_bucket: Run, gcs: GcsServer, gcs_proxy: FaultProxy, filled: str
) -> None:
    gcs_proxy.fail("objects.delete", "forbidden")
    failed = gcs_bucket(gcs_proxy, name=filled, state="empty", batch_size=1, concurrency=2, fails=True)
    assert holds(gcs, filled) == {"objects": 30, "versions": 30}
    assert failed["error"]["code"] == "forbidden"
    assert gcs_proxy.calls["batch"] == 0


def test_an_endpoint_that_dies_in_the_middle(
    gcs_bucket: Run, gcs: GcsServer, gcs_proxy: FaultProxy, filled: str
) -> None:
    gcs_proxy.drop("batch", nth=range(3, 1000))
    failed = gcs_bucket(
        gcs_proxy, name=filled, state="empty", batch_size=10, concurrency=1, retry_deadline=0, fails=True
    )
    assert failed["changed"]
    assert failed["removed"]["objects"] + failed["removed"]["versions"] == 20
    assert len(gcs.held(filled)) == 40


@pytest.mark.parametrize("operation", ["buckets.get", "batch"])
def test_a_server_that_answers_nonsense(gcs_bucket: Run, gcs_proxy: FaultProxy, filled: str, operation: str) -> None:
    gcs_proxy.reply(operation, lambda _request: "<html>not Cloud Storage")
    failed = gcs_bucket(gcs_proxy, name=filled, state="empty", retry_deadline=0, fails=True)
    assert "api_endpoint" in failed["msg"] or failed["refused"]
    assert not failed["changed"]


# -------------------------------------------------------------------------------------------------------- killed, run again


@pytest.mark.parametrize("after", [False, True], ids=["before", "after"])
def test_a_run_that_is_killed_is_simply_run_again(
    gcs_bucket: Run, run_module: ModuleRunner, gcs: GcsServer, gcs_proxy: FaultProxy, filled: str, after: bool
) -> None:
    hold = gcs_proxy.hold("batch", after_forwarding=after, nth=3)
    params = {"api_endpoint": gcs_proxy.endpoint, "project": PROJECT, "name": filled, "state": "absent", "force": True}
    with run_module.started("gcs_bucket", {**params, "batch_size": 10, "concurrency": 1}) as process:
        assert hold.wait_until_reached(60)
        process.kill()
    hold.release()
    left = 30 if after else 40
    assert len(gcs.held(filled)) == left
    done = gcs_bucket(name=filled, state="absent", force=True)
    assert done["removed"]["objects"] + done["removed"]["versions"] == left
    assert not exists(gcs, filled)


# ------------------------------------------------------------------------------------------------------ fake-gcs-server


def test_the_life_of_a_bucket_on_fake_gcs_server(run_module: ModuleRunner) -> None:
    """An emulator by somebody else, with its own gaps: one location, no labels, no conditions, other words for errors."""
    with fake_gcs_server() as endpoint:
        bucket = runner(run_module, "gcs_bucket", endpoint)
        info = runner(run_module, "gcs_bucket_info", endpoint)
        for changed in (True, False):
            done = bucket(name="bucket-one", location="us-central1", versioning="enabled")
            assert done["changed"] == changed
        names = [*ODD, "a\nb", *(f"k{number:03d}" for number in range(120))]
        for name in names:
            assert upload(endpoint, "bucket-one", name)[0] == 200
        (found,) = info(properties=["versioning", "iam_policy"])["buckets"]
        assert found["properties"]["versioning"] == {"state": "value", "value": "enabled"}
        assert found["properties"]["iam_policy"]["state"] == "unknown"
        failed = bucket(name="bucket-one", state="absent", fails=True)
        assert failed["contents"]["objects"] == len(names)
        done = bucket(name="bucket-one", state="empty", prefix="k", noncurrent_only=True)
        assert done["removed"] == NONE
        done = bucket(name="bucket-one", state="absent", force=True)
        assert done["removed"]["objects"] == len(names)
        assert not bucket(name="bucket-one", state="absent", force=True)["changed"]
