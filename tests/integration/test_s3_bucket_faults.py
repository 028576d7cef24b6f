# Copyright (c) 2026 cloudops.core contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""s3_bucket when the network and the service misbehave: what ends right ends right, and what cannot is told as it is."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable

import pytest

from tests.integration.harness import ModuleRunner, Result
from tests.integration.s3 import (
    Client,
    S3Server,
    exists,
    holds,
    put_all,
    seed,
    set_versioning,
    start_upload,
    versions_of,
)
from tests.servers.fault_proxy import FaultProxy

Run = Callable[..., Result]

ONE_TRY = {"retries": {"total_max_attempts": 1}}
TWO_TRIES = {"retries": {"total_max_attempts": 2}}


@pytest.fixture
def filled(s3: Client, bucket: str) -> str:
    """A bucket with 60 versions under 30 keys, and an upload."""
    set_versioning(s3, bucket)
    for _again in range(2):
        put_all(s3, bucket, [f"k{number:02d}" for number in range(30)])
    start_upload(s3, bucket, "u")
    return bucket


# ------------------------------------------------------------------------------------------------- passes: ends right


@pytest.mark.parametrize(
    ("operation", "code", "times"),
    [
        ("HeadBucket", "SlowDown", 2),
        ("ListObjectVersions", "SlowDown", 2),
        ("DeleteObjects", "SlowDown", 3),
        ("DeleteObjects", "InternalError", 2),
        ("DeleteObjects", "ServiceUnavailable", 2),
        ("AbortMultipartUpload", "InternalError", 1),
        ("ListMultipartUploads", "InternalError", 1),
        ("DeleteBucket", "InternalError", 1),
    ],
)
def test_refusals_that_pass(
    s3_bucket: Run, s3: Client, fault_proxy: FaultProxy, filled: str, operation: str, code: str, times: int
) -> None:
    fault_proxy.fail(operation, code, first=times)
    done = s3_bucket(fault_proxy, name=filled, state="absent", force=True, batch_size=20)
    assert not exists(s3, filled)
    assert done["removed"] == {"objects": 30, "versions": 30, "delete_markers": 0, "uploads": 1, "bytes": 60}
    assert fault_proxy.faults[operation] == times
    assert done["api_calls"] == dict(fault_proxy.calls)


@pytest.mark.parametrize("operation", ["HeadBucket", "ListObjectVersions", "DeleteObjects", "DeleteBucket"])
@pytest.mark.parametrize("after", [False, True], ids=["before", "after"])
def test_connections_that_drop_before_or_after_the_server_acted(
    s3_bucket: Run, s3: Client, fault_proxy: FaultProxy, filled: str, operation: str, after: bool
) -> None:
    fault_proxy.drop(operation, after_forwarding=after, first=1)
    s3_bucket(fault_proxy, name=filled, state="absent", force=True, batch_size=20)
    assert not exists(s3, filled)
    assert fault_proxy.faults[operation] == 1


@pytest.mark.parametrize("operation", ["ListObjectVersions", "DeleteObjects", "ListMultipartUploads"])
def test_answers_that_are_cut_short(
    s3_bucket: Run, s3: Client, fault_proxy: FaultProxy, filled: str, operation: str
) -> None:
    fault_proxy.truncate(operation, keep=100 if operation == "ListObjectVersions" else 40, first=1)
    s3_bucket(fault_proxy, name=filled, state="empty")
    assert holds(s3, filled) == Counter()
    assert fault_proxy.faults[operation] == 1


def test_a_lossy_network_throughout(s3_bucket: Run, s3: Client, fault_proxy: FaultProxy, filled: str) -> None:
    fault_proxy.drop(None, probability=0.1, seed=1)
    fault_proxy.fail(None, "SlowDown", probability=0.1, seed=2)
    s3_bucket(fault_proxy, name=filled, state="absent", force=True, batch_size=5, concurrency=4)
    assert not exists(s3, filled)
    assert sum(fault_proxy.faults.values()) >= 1


def test_a_creation_that_is_throttled_and_dropped(
    s3_bucket: Run, s3: Client, fault_proxy: FaultProxy, bucket_name: str
) -> None:
    fault_proxy.fail("CreateBucket", "SlowDown", first=1)
    fault_proxy.drop("PutBucketTagging", after_forwarding=True, first=1)
    fault_proxy.fail("PutBucketVersioning", "InternalError", first=1)
    done = s3_bucket(fault_proxy, name=bucket_name, tags={"a": "b"}, versioning="enabled")
    assert done["actions"] == ["create bucket", "put versioning", "put tags"]
    assert not s3_bucket(name=bucket_name, tags={"a": "b"}, versioning="enabled")["changed"]


def test_a_creation_whose_answer_is_lost(s3_bucket: Run, s3: Client, fault_proxy: FaultProxy, bucket_name: str) -> None:
    fault_proxy.drop("CreateBucket", after_forwarding=True, first=1)
    fault_proxy.fail("CreateBucket", "BucketAlreadyOwnedByYou", 409, nth=2)
    assert s3_bucket(fault_proxy, name=bucket_name)["changed"]
    assert exists(s3, bucket_name)


# ----------------------------------------------------------------------------------------------------- single keys refused


@pytest.mark.parametrize("code", ["SlowDown", "InternalError", "ServiceUnavailable"])
def test_single_keys_that_are_refused_for_a_passing_reason_are_tried_again(
    s3_bucket: Run, s3: Client, fault_proxy: FaultProxy, filled: str, code: str
) -> None:
    faults = fault_proxy.key_errors(lambda key, _version: key.endswith("7"), code, times=2)
    done = s3_bucket(fault_proxy, name=filled, state="empty", batch_size=20)
    assert holds(s3, filled) == Counter()
    assert sum(faults.refused.values()) == 2 * 6
    assert done["removed"]["objects"] + done["removed"]["versions"] == 60
    assert "refused" not in done or done["refused"] == []


def test_single_keys_that_stay_refused_are_reported_and_all_others_go(
    s3_bucket: Run, s3: Client, fault_proxy: FaultProxy, filled: str
) -> None:
    fault_proxy.key_errors(lambda key, _version: key.endswith("7"), "AccessDenied")
    failed = s3_bucket(fault_proxy, name=filled, state="absent", force=True, batch_size=20, fails=True)
    assert sorted({key for _kind, key, _version in versions_of(s3, filled)}) == ["k07", "k17", "k27"]
    assert failed["changed"]
    assert failed["removed"] == {"objects": 27, "versions": 27, "delete_markers": 0, "uploads": 1, "bytes": 54}
    (group,) = failed["refused"]
    assert (group["code"], group["count"]) == ("AccessDenied", 6)
    assert {entry["key"] for entry in group["first"]} == {"k07", "k17", "k27"}
    for text in ("6", "AccessDenied"):
        assert text in failed["msg"]
    assert any(key in failed["msg"] for key in ("k07", "k17", "k27"))
    assert fault_proxy.calls["DeleteBucket"] == 0
    assert exists(s3, filled)
    done = s3_bucket(name=filled, state="absent", force=True)
    assert done["removed"]["objects"] == 3
    assert not exists(s3, filled)


def test_passing_and_final_refusals_together(s3_bucket: Run, s3: Client, fault_proxy: FaultProxy, filled: str) -> None:
    fault_proxy.key_errors(lambda key, _version: key == "k01", "AccessDenied")
    fault_proxy.key_errors(lambda key, _version: key == "k02", "SlowDown", times=1, when=lambda _request: False)
    fault_proxy.fail("DeleteObjects", "InternalError", nth={2, 4})
    failed = s3_bucket(fault_proxy, name=filled, state="empty", batch_size=10, fails=True)
    assert {key for _kind, key, _version in versions_of(s3, filled)} == {"k01"}
    assert [(group["code"], group["count"]) for group in failed["refused"]] == [("AccessDenied", 2)]


def test_only_the_first_keys_of_many_refusals_are_shown(
    s3_bucket: Run, s3: Client, fault_proxy: FaultProxy, filled: str
) -> None:
    fault_proxy.key_errors(lambda _key, _version: True, "AccessDenied")
    failed = s3_bucket(fault_proxy, name=filled, state="empty", fails=True)
    (group,) = failed["refused"]
    assert group["count"] == 60
    assert 1 <= len(group["first"]) <= 10
    assert len(failed["msg"]) < 1000
    assert holds(s3, filled) == Counter(version=60)


# ------------------------------------------------------------------------------------------------ does not pass: is told


@pytest.mark.parametrize(
    ("operation", "code", "kind"),
    [
        ("HeadBucket", "SlowDown", "unavailable"),  # an answer to HEAD has no body, so no code
        ("ListObjectVersions", "SlowDown", "throttled"),
        ("ListObjectVersions", "AccessDenied", "denied"),
        ("ListMultipartUploads", "AccessDenied", "denied"),
        ("ListObjectVersions", "InternalError", "unavailable"),
        ("DeleteBucket", "AccessDenied", "denied"),
    ],
)
def test_a_refusal_that_stays_names_operation_resource_code_and_cure(
    s3_bucket: Run, s3: Client, fault_proxy: FaultProxy, filled: str, operation: str, code: str, kind: str
) -> None:
    fault_proxy.fail(operation, code)
    failed = s3_bucket(fault_proxy, name=filled, state="absent", force=True, aws_config=TWO_TRIES, fails=True)
    assert exists(s3, filled)
    assert failed["error"]["kind"] == kind
    assert filled in failed["msg"]
    if operation != "HeadBucket":
        assert code in failed["msg"]
    assert failed["error"]["operation"]
    assert fault_proxy.faults[operation] == (2 if kind != "denied" else 1)


def test_a_listing_that_is_denied_removes_nothing(
    s3_bucket: Run, s3: Client, fault_proxy: FaultProxy, filled: str
) -> None:
    before = holds(s3, filled)
    fault_proxy.fail("ListObjectVersions", "AccessDenied")
    for check in (True, False):
        failed = s3_bucket(fault_proxy, name=filled, state="empty", check=check, fails=True)
        assert not failed["changed"]
    assert holds(s3, filled) == before


@pytest.mark.parametrize("code", ["AccessDenied", "SlowDown"])
def test_deletion_that_is_always_refused_gives_up_soon(
    s3_bucket: Run, s3: Client, fault_proxy: FaultProxy, filled: str, code: str
) -> None:
    fault_proxy.fail("DeleteObjects", code)
    failed = s3_bucket(
        fault_proxy, name=filled, state="empty", batch_size=1, concurrency=2, aws_config=ONE_TRY, fails=True
    )
    assert holds(s3, filled)["version"] == 60
    assert code in failed["msg"]
    assert fault_proxy.faults["DeleteObjects"] < 30


def test_a_listing_that_fails_half_way_leaves_an_account_of_what_went(
    s3_bucket: Run, s3: Client, s3_server: S3Server, fault_proxy: FaultProxy, bucket: str
) -> None:
    set_versioning(s3, bucket)
    seed(s3_server, s3, bucket, keys=600, versions=2)
    fault_proxy.fail("ListObjectVersions", "AccessDenied", nth=2)
    failed = s3_bucket(fault_proxy, name=bucket, state="empty", fails=True)
    left = len(versions_of(s3, bucket))
    assert failed["error"]["kind"] == "denied"
    # What was listed before is removed, but for batches that had not begun when the listing failed.
    assert 200 <= left < 1200
    assert failed["changed"]
    assert failed["removed"]["objects"] + failed["removed"]["versions"] == 1200 - left


def test_an_endpoint_that_dies_in_the_middle(s3_bucket: Run, s3: Client, fault_proxy: FaultProxy, filled: str) -> None:
    fault_proxy.drop("DeleteObjects", nth=range(3, 1000))
    failed = s3_bucket(
        fault_proxy, name=filled, state="empty", batch_size=10, concurrency=1, aws_config=ONE_TRY, fails=True
    )
    assert failed["changed"]
    assert failed["removed"]["objects"] + failed["removed"]["versions"] == 20
    assert len(versions_of(s3, filled)) == 40
    assert failed["error"]["hint"] or "endpoint_url" in failed["msg"]


def test_a_server_that_answers_nonsense(s3_bucket: Run, fault_proxy: FaultProxy, filled: str) -> None:
    fault_proxy.fail("ListObjectVersions", "", 200, message="<html>not S3")
    fault_proxy.fail("GetBucketTagging", "<", 502)
    failed = s3_bucket(fault_proxy, name=filled, tags={"a": "b"}, aws_config=ONE_TRY, fails=True)
    assert "tags" in failed["msg"]


# -------------------------------------------------------------------------------------------------------- killed, run again


@pytest.mark.parametrize("moment", ["before", "after"])
def test_a_run_that_is_killed_is_simply_run_again(
    s3_bucket: Run,
    run_module: ModuleRunner,
    s3: Client,
    s3_server: S3Server,
    fault_proxy: FaultProxy,
    bucket: str,
    new_bucket_name: Callable[[], str],
    moment: str,
) -> None:
    neighbour = new_bucket_name()
    s3.create_bucket(Bucket=neighbour)
    set_versioning(s3, neighbour)
    put_all(s3, neighbour, ["a", "b", "k1"])
    whole = versions_of(s3, neighbour)
    set_versioning(s3, bucket)
    put_all(s3, bucket, [f"k{number}" for number in range(100)])
    start_upload(s3, bucket, "u")
    hold = fault_proxy.hold("DeleteObjects", after_forwarding=moment == "after", nth=3)
    params = {**s3_server.via(fault_proxy).options, "name": bucket, "state": "absent", "force": True}
    with run_module.started("s3_bucket", {**params, "batch_size": 20, "concurrency": 1}) as process:
        assert hold.wait_until_reached(30)
        process.kill()
    assert process.returncode == -9
    hold.release()
    left = 60 if moment == "before" else 40
    assert holds(s3, bucket) == Counter(version=left, upload=1)
    done = s3_bucket(name=bucket, state="absent", force=True)
    assert done["removed"]["objects"] == left
    assert not exists(s3, bucket)
    assert versions_of(s3, neighbour) == whole
