# Copyright (c) 2026 cloudops.core contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""s3_bucket, states empty and absent: what goes, what stays, and what check mode says of it, on a real server."""

from __future__ import annotations

import math
import time
from collections import Counter
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

import pytest

from tests.integration.harness import Result
from tests.integration.s3 import (
    Client,
    S3Server,
    exists,
    holds,
    put_all,
    put_longest_key,
    seed,
    set_versioning,
    start_upload,
    versions_of,
)
from tests.servers.fault_proxy import FaultProxy
from tests.servers.faults import Request

Run = Callable[..., Result]

NOTHING = {"objects": 0, "versions": 0, "delete_markers": 0, "uploads": 0, "bytes": 0}
ODD_KEYS = [
    "with space",
    "ünïcødé/日本/🪣",
    "a+b",
    "100%",
    "%2F",
    "a&b<c>\"d'",
    "line\nbreak",
    "tab\there",
    "dir/",
    "a//b",
    "../up",
    "?q=1#f",
    "null",
]


@pytest.fixture
def full(s3: Client, bucket: str) -> str:
    """A bucket with everything that a bucket can hold.

    Five objects that were put before versioning came (one of them then replaced, one then deleted), two versioned keys,
    one put while versioning was suspended, and three uploads.
    """
    put_all(s3, bucket, ["null/stays", "null/replaced", "null/deleted", "a", "b"], b"12345")
    set_versioning(s3, bucket)
    put_all(s3, bucket, ["null/replaced", "versioned/one", "versioned/two"], b"123")
    put_all(s3, bucket, ["versioned/one"], b"1")
    s3.delete_object(Bucket=bucket, Key="null/deleted")
    s3.delete_object(Bucket=bucket, Key="versioned/two")
    set_versioning(s3, bucket, "Suspended")
    put_all(s3, bucket, ["suspended"], b"12")
    s3.delete_object(Bucket=bucket, Key="suspended/never-there")
    for key in ("versioned/one", "upload/new", "upload/new"):
        start_upload(s3, bucket, key)
    return bucket


FULL = Counter(version=10, marker=3, upload=3)
FULL_REMOVED = {"objects": 6, "versions": 4, "delete_markers": 3, "uploads": 3, "bytes": 5 * 5 + 3 * 3 + 1 + 2}


def neighbour_of(s3: Client, name: str) -> list[tuple[str, str, str]]:
    """Make a second bucket with the same keys, and return what it holds."""
    s3.create_bucket(Bucket=name)
    set_versioning(s3, name)
    put_all(s3, name, ["a", "b", "versioned/one", "null/stays"])
    put_all(s3, name, ["a"])
    return versions_of(s3, name)


def test_empty_takes_everything_and_keeps_the_bucket(
    s3_bucket: Run, s3: Client, full: str, new_bucket_name: Callable[[], str]
) -> None:
    neighbour = new_bucket_name()
    before = neighbour_of(s3, neighbour)
    assert holds(s3, full) == FULL
    checked = s3_bucket(name=full, state="empty", check=True)
    assert holds(s3, full) == FULL
    done = s3_bucket(name=full, state="empty")
    assert holds(s3, full) == Counter()
    assert checked["removed"] == done["removed"] == FULL_REMOVED
    assert checked["changed"]
    assert done["changed"]
    assert checked["diff"] == done["diff"]
    assert done["diff"]["before"] != done["diff"]["after"]
    again = s3_bucket(name=full, state="empty")
    assert not again["changed"]
    assert again["removed"] == NOTHING
    assert again["diff"]["before"] == again["diff"]["after"]
    assert not s3_bucket(name=full, state="empty", check=True)["changed"]
    assert s3.get_bucket_versioning(Bucket=full)["Status"] == "Suspended"
    assert versions_of(s3, neighbour) == before


def test_absent_with_force_takes_everything_and_the_bucket(
    s3_bucket: Run, s3: Client, full: str, new_bucket_name: Callable[[], str]
) -> None:
    neighbour = new_bucket_name()
    before = neighbour_of(s3, neighbour)
    checked = s3_bucket(name=full, state="absent", force=True, check=True)
    assert holds(s3, full) == FULL
    done = s3_bucket(name=full, state="absent", force=True)
    assert not exists(s3, full)
    assert checked["removed"] == done["removed"] == FULL_REMOVED
    assert checked["diff"] == done["diff"]
    assert checked["actions"] == done["actions"]
    again = s3_bucket(name=full, state="absent", force=True)
    assert not again["changed"]
    assert not s3_bucket(name=full, state="absent", check=True)["changed"]
    assert versions_of(s3, neighbour) == before


@pytest.mark.parametrize("check", [False, True], ids=["real", "check"])
def test_absent_without_force_says_what_is_there_and_what_to_set(
    s3_bucket: Run, s3: Client, full: str, check: bool
) -> None:
    failed = s3_bucket(name=full, state="absent", check=check, fails=True)
    assert holds(s3, full) == FULL
    assert not failed["changed"]
    assert failed["error"]["code"] == "BucketNotEmpty"
    assert "force: true" in failed["msg"]
    assert "6 objects, 4 older versions, 3 delete markers" in failed["msg"]
    assert failed["contents"]["objects"] == 6
    assert failed["contents"]["delete_markers"] == 3


def test_absent_without_force_when_only_uploads_or_markers_are_left(
    s3_bucket: Run, s3: Client, new_bucket_name: Callable[[], str]
) -> None:
    uploads, markers = new_bucket_name(), new_bucket_name()
    s3.create_bucket(Bucket=uploads)
    start_upload(s3, uploads, "u")
    failed = s3_bucket(name=uploads, state="absent", fails=True)
    assert "1 unfinished upload" in failed["msg"]
    s3.create_bucket(Bucket=markers)
    set_versioning(s3, markers)
    s3.delete_object(Bucket=markers, Key="never-there")
    failed = s3_bucket(name=markers, state="absent", fails=True)
    assert "1 delete marker" in failed["msg"]
    for name in (uploads, markers):
        s3_bucket(name=name, state="absent", force=True)
        assert not exists(s3, name)


def test_absent_of_an_empty_bucket_needs_no_force(s3_bucket: Run, s3: Client, bucket: str) -> None:
    checked = s3_bucket(name=bucket, state="absent", check=True)
    assert exists(s3, bucket)
    done = s3_bucket(name=bucket, state="absent")
    assert done["changed"]
    assert checked["diff"] == done["diff"]
    assert not exists(s3, bucket)


@pytest.mark.parametrize("check", [False, True], ids=["real", "check"])
@pytest.mark.parametrize(
    "params", [{"state": "empty"}, {"state": "absent"}, {"state": "absent", "force": True}], ids=str
)
def test_a_bucket_that_does_not_exist_is_ok(
    s3_bucket: Run, fault_proxy: FaultProxy, bucket_name: str, params: dict[str, object], check: bool
) -> None:
    done = s3_bucket(fault_proxy, name=bucket_name, check=check, **params)
    assert not done["changed"]
    assert done["removed"] == NOTHING
    assert fault_proxy.calls == {"HeadBucket": 1}


def test_odd_keys(s3_bucket: Run, s3: Client, s3_server: S3Server, bucket: str) -> None:
    put_all(s3, bucket, ODD_KEYS)
    set_versioning(s3, bucket)
    put_all(s3, bucket, ODD_KEYS)
    put_longest_key(s3_server, bucket)
    for key in ODD_KEYS:
        start_upload(s3, bucket, key)
    done = s3_bucket(name=bucket, state="empty")
    assert holds(s3, bucket) == Counter()
    assert done["removed"]["objects"] == len(ODD_KEYS) + 1
    assert done["removed"]["versions"] == len(ODD_KEYS)
    assert done["removed"]["uploads"] == len(ODD_KEYS)


def test_keys_that_no_xml_document_can_hold(s3_bucket: Run, s3: Client, s3_server: S3Server, bucket: str) -> None:
    if not s3_server.live:
        pytest.skip("moto cannot list such keys")
    set_versioning(s3, bucket)
    keys = ["bell\x07", "escape\x1b[0m", "carriage\rreturn", "plain"]
    put_all(s3, bucket, keys)
    s3.delete_object(Bucket=bucket, Key=keys[0])
    done = s3_bucket(name=bucket, state="empty")
    assert holds(s3, bucket) == Counter()
    assert done["removed"] == {"objects": 3, "versions": 1, "delete_markers": 1, "uploads": 0, "bytes": 4}


# -------------------------------------------------------------------------------------------------------------- narrowed


@pytest.mark.parametrize("prefix", ["logs/", "a+b%20/", "ünï/", "with space/"])
def test_prefix(s3_bucket: Run, s3: Client, bucket: str, prefix: str) -> None:
    set_versioning(s3, bucket)
    keep = ["log", "other/x", prefix.upper() + "x"]
    put_all(s3, bucket, keep)
    put_all(s3, bucket, [f"{prefix}1", f"{prefix}2", f"{prefix}1/3"])
    put_all(s3, bucket, [f"{prefix}1"])
    s3.delete_object(Bucket=bucket, Key=f"{prefix}2")
    start_upload(s3, bucket, f"{prefix}u")
    start_upload(s3, bucket, "other/u")
    checked = s3_bucket(name=bucket, state="empty", prefix=prefix, check=True)
    done = s3_bucket(name=bucket, state="empty", prefix=prefix)
    assert checked["removed"] == done["removed"]
    assert done["removed"] == {"objects": 2, "versions": 2, "delete_markers": 1, "uploads": 1, "bytes": 4}
    assert sorted(key for _kind, key, _version in versions_of(s3, bucket)) == sorted(keep)
    assert holds(s3, bucket)["upload"] == 1
    assert not s3_bucket(name=bucket, state="empty", prefix=prefix)["changed"]


def test_noncurrent_only(s3_bucket: Run, s3: Client, full: str) -> None:
    checked = s3_bucket(name=full, state="empty", noncurrent_only=True, check=True)
    done = s3_bucket(name=full, state="empty", noncurrent_only=True)
    assert checked["removed"] == done["removed"]
    assert (done["removed"]["versions"], done["removed"]["objects"], done["removed"]["uploads"]) == (4, 0, 0)
    assert holds(s3, full) == Counter(version=6, marker=3, upload=3)
    assert not s3_bucket(name=full, state="empty", noncurrent_only=True)["changed"]


def test_noncurrent_delete_markers_go_and_current_ones_stay(s3_bucket: Run, s3: Client, bucket: str) -> None:
    set_versioning(s3, bucket)
    put_all(s3, bucket, ["back", "gone"])
    s3.delete_object(Bucket=bucket, Key="back")
    s3.delete_object(Bucket=bucket, Key="gone")
    put_all(s3, bucket, ["back"])
    done = s3_bucket(name=bucket, state="empty", noncurrent_only=True)
    assert done["removed"] == {"objects": 0, "versions": 2, "delete_markers": 1, "uploads": 0, "bytes": 2}
    left = [(kind, key) for kind, key, _version in versions_of(s3, bucket)]
    assert sorted(left) == [("marker", "gone"), ("version", "back")]


def test_older_than(s3_bucket: Run, s3: Client, s3_server: S3Server, bucket: str) -> None:
    set_versioning(s3, bucket)
    put_all(s3, bucket, ["old", "changed"])
    start_upload(s3, bucket, "old-upload")
    nothing = s3_bucket(name=bucket, state="empty", older_than="1d", prefix="old")
    if s3_server.live:  # moto says that every upload began in 2010
        assert not nothing["changed"]
    time.sleep(6.0)  # the servers keep their own time
    put_all(s3, bucket, ["new", "changed"])
    if s3_server.live:
        start_upload(s3, bucket, "new-upload")
    params = {"name": bucket, "state": "empty", "older_than": "5s"}
    done = s3_bucket(**params)
    assert done["removed"]["objects"] == 1
    assert done["removed"]["versions"] == 1
    assert sorted(key for _kind, key, _version in versions_of(s3, bucket)) == ["changed", "new"]
    if s3_server.live:
        assert done["removed"]["uploads"] == 1
        assert holds(s3, bucket)["upload"] == 1


def test_more_than_max_objects_is_refused_before_the_first_removal(
    s3_bucket: Run, s3: Client, fault_proxy: FaultProxy, full: str
) -> None:
    total = sum(FULL.values())
    for state in ({"state": "empty"}, {"state": "absent", "force": True}):
        for check in (True, False):
            failed = s3_bucket(fault_proxy, name=full, max_objects=total - 1, check=check, fails=True, **state)
            assert f"max_objects={total - 1}" in failed["msg"]
            assert not failed["changed"]
    assert not {"DeleteObjects", "DeleteObject", "AbortMultipartUpload", "DeleteBucket"} & set(fault_proxy.calls)
    assert holds(s3, full) == FULL
    done = s3_bucket(name=full, state="empty", max_objects=total)
    assert done["removed"] == FULL_REMOVED


def test_max_objects_counts_what_is_selected(s3_bucket: Run, s3: Client, bucket: str) -> None:
    put_all(s3, bucket, ["a/1", "a/2", "b/1", "b/2", "b/3"])
    done = s3_bucket(name=bucket, state="empty", prefix="a/", max_objects=2)
    assert done["removed"]["objects"] == 2
    assert "max_objects=0" in s3_bucket(name=bucket, state="empty", max_objects=0, fails=True)["msg"]
    assert holds(s3, bucket) == Counter(version=3)


# ------------------------------------------------------------------------------------------------------------------ size


def test_more_than_12000_versions_over_many_pages(
    s3_bucket: Run,
    s3: Client,
    s3_server: S3Server,
    fault_proxy: FaultProxy,
    bucket: str,
    new_bucket_name: Callable[[], str],
) -> None:
    neighbour = new_bucket_name()
    before = neighbour_of(s3, neighbour)
    put_all(s3, bucket, ["null/1", "null/2"])
    set_versioning(s3, bucket)
    seed(s3_server, s3, bucket, keys=6001, versions=2, prefix="dir/")
    put_all(s3, bucket, ["null/1"])
    s3.delete_object(Bucket=bucket, Key="dir/0000007")
    expected = {"objects": 6002, "versions": 6003, "delete_markers": 1, "uploads": 0, "bytes": 12005}
    checked = s3_bucket(fault_proxy, name=bucket, state="empty", check=True)
    assert checked["removed"] == expected
    assert fault_proxy.calls == {"HeadBucket": 1, "ListObjectVersions": 13, "ListMultipartUploads": 1}
    fault_proxy.reset_counts()
    done = s3_bucket(fault_proxy, name=bucket, state="empty", batch_size=1000)
    assert done["removed"] == expected
    assert done["api_calls"] == dict(fault_proxy.calls)
    assert holds(s3, bucket) == Counter()
    assert 13 <= fault_proxy.calls["DeleteObjects"] <= 16
    assert versions_of(s3, neighbour) == before


@pytest.mark.moto_only("pages of other servers end elsewhere")
@pytest.mark.parametrize(
    ("noncurrent_only", "removed"),
    [
        pytest.param(False, {**NOTHING, "objects": 501, "versions": 1002, "bytes": 1503}, id="all"),
        # What is the latest by now is left alone, although it wasn't a moment ago.
        pytest.param(True, {**NOTHING, "versions": 1001, "bytes": 1001}, id="noncurrent-only"),
    ],
)
def test_a_version_counts_as_one_when_its_newer_one_goes_between_two_pages(
    s3_bucket: Run,
    s3: Client,
    s3_server: S3Server,
    fault_proxy: FaultProxy,
    bucket: str,
    noncurrent_only: bool,
    removed: dict[str, int],
) -> None:
    set_versioning(s3, bucket)
    seed(s3_server, s3, bucket, keys=501, versions=3)

    def remove_the_last_one_shown(request: Request) -> None:
        page = s3.list_object_versions(Bucket=bucket)
        (last,) = (found for found in page["Versions"] if found["VersionId"] == page["NextVersionIdMarker"])
        assert last["IsLatest"]
        s3.delete_object(Bucket=bucket, Key=last["Key"], VersionId=last["VersionId"])

    fault_proxy.hook("ListObjectVersions", remove_the_last_one_shown, nth=2)
    checked = s3_bucket(fault_proxy, name=bucket, state="empty", noncurrent_only=noncurrent_only, check=True)
    assert checked["removed"] == removed


def test_uploads_over_many_pages(s3_bucket: Run, s3: Client, s3_server: S3Server, bucket: str) -> None:
    if not s3_server.live:
        pytest.skip("moto does not page uploads")
    with ThreadPoolExecutor(8) as pool:
        list(pool.map(lambda number: s3.create_multipart_upload(Bucket=bucket, Key=f"ü+%/{number % 400}"), range(1105)))
    done = s3_bucket(name=bucket, state="empty")
    assert done["removed"]["uploads"] == 1105
    assert holds(s3, bucket) == Counter()


@pytest.mark.parametrize(("concurrency", "batch_size"), [(1, 7), (3, 10), (16, 50)])
def test_concurrency_and_batch_size(
    s3_bucket: Run, s3: Client, fault_proxy: FaultProxy, bucket: str, concurrency: int, batch_size: int
) -> None:
    put_all(s3, bucket, [f"k{number}" for number in range(120)])
    sizes: list[int] = []
    fault_proxy.hook("DeleteObjects", lambda request: sizes.append((request.body or b"").count(b"<Object>")))
    fault_proxy.latency = 0.05
    done = s3_bucket(fault_proxy, name=bucket, state="empty", concurrency=concurrency, batch_size=batch_size)
    assert done["removed"]["objects"] == 120
    assert len(sizes) == math.ceil(120 / batch_size)
    assert max(sizes) == batch_size
    assert fault_proxy.in_flight_peak <= concurrency + 1
    if len(sizes) > 2 and concurrency > 1:
        assert fault_proxy.in_flight_peak >= min(concurrency, len(sizes))


def test_mfa_is_sent_and_never_shown(s3_bucket: Run, s3: Client, fault_proxy: FaultProxy, bucket: str) -> None:
    seen: set[str | None] = set()
    fault_proxy.hook("DeleteObjects", lambda request: seen.add(request.headers.get("x-amz-mfa")))
    fault_proxy.latency = 0.02
    put_all(s3, bucket, [f"k{number}" for number in range(30)])
    mfa = "arn:aws:iam::123456789012:mfa/user 123456"
    done = s3_bucket(fault_proxy, name=bucket, state="empty", mfa=mfa, batch_size=5)
    assert seen == {mfa}
    assert mfa not in str(done)
    assert fault_proxy.in_flight_peak <= 2


# ----------------------------------------------------------------------------------------------------------------- locks


def test_governance_lock(s3_bucket: Run, s3: Client, bucket_name: str) -> None:
    retention = {"mode": "GOVERNANCE", "days": 1}
    s3_bucket(name=bucket_name, object_lock_default_retention=retention)
    put_all(s3, bucket_name, [f"locked/{number}" for number in range(15)])
    s3.delete_object(Bucket=bucket_name, Key="marker")  # markers are never locked
    failed = s3_bucket(name=bucket_name, state="empty", fails=True)
    assert holds(s3, bucket_name) == Counter(version=15)
    assert failed["changed"]
    assert failed["removed"] == {**NOTHING, "delete_markers": 1}
    assert [(group["code"], group["count"]) for group in failed["refused"]] == [("AccessDenied", 15)]
    assert 1 <= len(failed["refused"][0]["first"]) <= 10
    assert failed["refused"][0]["first"][0]["key"].startswith("locked/")
    assert "15" in failed["msg"]
    assert "AccessDenied" in failed["msg"]
    failed = s3_bucket(name=bucket_name, state="absent", force=True, fails=True)
    assert exists(s3, bucket_name)
    done = s3_bucket(name=bucket_name, state="absent", force=True, bypass_governance_retention=True)
    assert done["removed"]["objects"] == 15
    assert not exists(s3, bucket_name)


# ---------------------------------------------------------------------------------------------------------------- writers


def test_a_writer_that_adds_while_we_remove(s3_bucket: Run, s3: Client, fault_proxy: FaultProxy, bucket: str) -> None:
    put_all(s3, bucket, [f"k{number}" for number in range(40)])

    def write(_request: Request) -> None:
        put_all(s3, bucket, [f"added/{number}" for number in range(5)])

    # Before the first page's deletes, so before what sorts first is listed; again when the second pass lists.
    fault_proxy.hook("DeleteObjects", write, nth={1, 3})
    done = s3_bucket(fault_proxy, name=bucket, state="empty", batch_size=20, concurrency=1)
    assert holds(s3, bucket) == Counter()
    assert 45 <= done["removed"]["objects"] <= 50


@pytest.mark.parametrize("state", ["empty", "absent"])
def test_a_writer_that_never_stops_is_given_up_on_and_said_so(
    s3_bucket: Run, s3: Client, fault_proxy: FaultProxy, bucket: str, state: str
) -> None:
    count = 0

    def write(_request: Request) -> None:
        nonlocal count
        count += 1
        s3.put_object(Bucket=bucket, Key=f"endless/{count}", Body=b"x")

    put_all(s3, bucket, ["first"])
    fault_proxy.hook(None, write, when=lambda request: request.operation in ("ListObjectVersions", "DeleteBucket"))
    force = {"force": True} if state == "absent" else {}
    failed = s3_bucket(fault_proxy, name=bucket, state=state, fails=True, **force)
    assert "writ" in failed["msg"] or "add" in failed["msg"]
    assert failed["changed"]
    assert failed["removed"]["objects"] >= 2
    assert count <= 20
    assert exists(s3, bucket)
    fault_proxy.rules.clear()
    s3_bucket(name=bucket, state=state, **force)
    assert holds(s3, bucket) == Counter() if state == "empty" else not exists(s3, bucket)


def test_a_writer_between_the_emptying_and_the_deletion(
    s3_bucket: Run, s3: Client, fault_proxy: FaultProxy, bucket: str
) -> None:
    put_all(s3, bucket, ["a"])
    fault_proxy.hook("DeleteBucket", lambda _request: s3.put_object(Bucket=bucket, Key="late", Body=b"x"), nth=1)
    result = s3_bucket(fault_proxy, name=bucket, state="absent", force=True)
    assert not exists(s3, bucket)
    assert result["removed"]["objects"] == 2


def test_a_second_remover_at_the_same_time(s3_bucket: Run, s3: Client, fault_proxy: FaultProxy, bucket: str) -> None:
    set_versioning(s3, bucket)
    put_all(s3, bucket, [f"k{number}" for number in range(60)])

    def remove_all(_request: Request) -> None:
        for _kind, key, version in versions_of(s3, bucket):
            s3.delete_object(Bucket=bucket, Key=key, VersionId=version)

    fault_proxy.hook("DeleteObjects", remove_all, nth=1)
    s3_bucket(fault_proxy, name=bucket, state="empty", batch_size=10, concurrency=2)
    assert holds(s3, bucket) == Counter()


def test_a_bucket_that_somebody_deletes_meanwhile(
    s3_bucket: Run, s3: Client, fault_proxy: FaultProxy, bucket: str
) -> None:
    put_all(s3, bucket, ["a", "b"])

    def delete(_request: Request) -> None:
        s3.delete_object(Bucket=bucket, Key="a")
        s3.delete_object(Bucket=bucket, Key="b")
        s3.delete_bucket(Bucket=bucket)

    fault_proxy.hook("DeleteObjects", delete, nth=1)
    s3_bucket(fault_proxy, name=bucket, state="absent", force=True)
    assert not exists(s3, bucket)
