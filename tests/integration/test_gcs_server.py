# Copyright (c) 2026 cloudops.core contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The project's own Cloud Storage: that it keeps the rules of the reference, agrees with fake-gcs-server, and with Google's own client."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime, timedelta, timezone
from typing import Any

import pytest
from google.auth.credentials import AnonymousCredentials
from google.cloud import storage

from tests.integration.gcs import fake_gcs_server, request, upload
from tests.servers import gcs_batch, gcs_fields
from tests.servers.gcs import PROJECT, GcsServer, GcsServerProcess
from tests.servers.gcs_errors import GcsError

B = "/storage/v1/b"


# ------------------------------------------------------------------------------------------- both servers say the same


@pytest.fixture(scope="module", params=["ours", "fake-gcs-server"])
def endpoint(request: pytest.FixtureRequest) -> Iterator[str]:
    """Each of the two servers."""
    if request.param == "ours":
        with GcsServer() as ours:
            yield ours.endpoint
    else:
        with fake_gcs_server() as url:
            yield url


def listed(endpoint: str, query: str = "") -> list[str]:
    status, page = request(endpoint, "GET", f"{B}/agreed/o?{query}")
    assert status == 200
    return [item["name"] for item in page.get("items", ())]


def test_what_fake_gcs_server_does_both_do(endpoint: str) -> None:
    """Buckets, versioning, objects with odd names, listings by prefix, generations, deletion and the batch of it."""
    assert request(endpoint, "GET", f"{B}/agreed")[0] == 404
    body = {"name": "agreed", "location": "US-CENTRAL1", "versioning": {"enabled": True}}
    status, made = request(endpoint, "POST", f"{B}?project={PROJECT}", body)
    assert status == 200
    shown = {key: made[key] for key in ("kind", "name", "location", "locationType", "storageClass", "metageneration")}
    assert shown == {
        "kind": "storage#bucket",
        "name": "agreed",
        "location": "US-CENTRAL1",
        "locationType": "region",
        "storageClass": "STANDARD",
        "metageneration": "1",
    }
    assert made["versioning"] == {"enabled": True}
    assert request(endpoint, "POST", f"{B}?project={PROJECT}", body)[0] == 409
    assert request(endpoint, "POST", f"{B}?project={PROJECT}", {"name": "UPPER"})[0] == 400
    assert [item["name"] for item in request(endpoint, "GET", f"{B}?project={PROJECT}")[1]["items"]] == ["agreed"]
    names = ["a b", "a/%", "a/+", "b", "ü"]
    for name in names:
        status, made = upload(endpoint, "agreed", name, b"123")
        assert (status, made["name"], made["size"]) == (200, name, "3")
    assert listed(endpoint) == names
    assert listed(endpoint, "prefix=a%2F") == ["a/%", "a/+"]
    assert listed(endpoint, "prefix=zzz") == []
    pages = request(endpoint, "GET", f"{B}/agreed/o?maxResults=2")[1]
    assert [item["name"] for item in pages["items"]] == names[:2]
    rest = request(endpoint, "GET", f"{B}/agreed/o?pageToken={pages['nextPageToken']}")[1]
    assert [item["name"] for item in rest["items"]][-3:] == names[
        2:
    ]  # fake-gcs-server's begins with the last one again
    assert request(endpoint, "GET", f"{B}/agreed/o/a%2F%2B")[1]["name"] == "a/+"
    assert request(endpoint, "DELETE", f"{B}/agreed")[0] in (409, 412)  # 409 is what the reference says
    first = request(endpoint, "GET", f"{B}/agreed/o/b")[1]["generation"]
    assert int(upload(endpoint, "agreed", "b", b"1234")[1]["generation"]) > int(first)
    calls = "".join(
        f"--x\r\nContent-Type: application/http\r\nContent-ID: <{number}>\r\n\r\nDELETE {B}/agreed/o/{name} HTTP/1.1\r\n\r\n\r\n"
        for number, name in enumerate(("b", "nothing", "%C3%BC"))
    )
    kind = {"Content-Type": "multipart/mixed; boundary=x"}
    status, answer = request(endpoint, "POST", "/batch/storage/v1", (calls + "--x--\r\n").encode(), kind)
    assert status == 200
    assert [line.split()[1] for line in answer.splitlines() if line.startswith("HTTP/")] == ["204", "404", "204"] or [
        line.split()[1] for line in answer.splitlines() if line.startswith("HTTP/")
    ] == ["200", "404", "200"]
    assert [line.lower() for line in answer.splitlines() if line.lower().startswith("content-id")] == [
        f"content-id: <response-{number}>" for number in range(3)
    ]
    assert listed(endpoint) == names[:3]
    # The generations that versioning keeps are still there.
    assert listed(endpoint, "versions=true&prefix=b") == ["b", "b"]


# ------------------------------------------------------------------------------------------------ rules of the reference


@pytest.mark.parametrize(
    ("fields", "status"),
    [
        ({"labels": {"Team": "x"}}, 400),
        ({"labels": {"a": "b" * 64}}, 400),
        ({"labels": {f"l{number}": "" for number in range(65)}}, 400),
        ({"labels": {"a": "b", "é_-1": ""}}, 200),
        ({"storageClass": "GLACIER"}, 400),
        ({"softDeletePolicy": {"retentionDurationSeconds": "86400"}}, 400),
        ({"softDeletePolicy": {"retentionDurationSeconds": "0"}}, 200),
        ({"retentionPolicy": {"retentionPeriod": "3155760001"}}, 400),
        ({"iamConfiguration": {"publicAccessPrevention": "maybe"}}, 400),
        ({"encryption": {"defaultKmsKeyName": "k"}}, 400),
        ({"logging": {"logObjectPrefix": "x"}}, 400),
        ({"lifecycle": {"rule": [{"action": {"type": "Delete"}}]}}, 400),
        ({"lifecycle": {"rule": [{"action": {"type": "Shred"}, "condition": {"age": 1}}]}}, 400),
        ({"lifecycle": {"rule": [{"action": {"type": "Delete"}, "condition": {"age": "1"}}]}}, 400),
        ({"lifecycle": {"rule": [{"action": {"type": "Delete"}, "condition": {"colour": 1}}]}}, 400),
        ({"lifecycle": {"rule": [{"action": {"type": "Delete"}, "condition": {"createdBefore": "soon"}}]}}, 400),
        ({"lifecycle": {"rule": [{"action": {"type": "SetStorageClass"}, "condition": {"age": 1}}]}}, 400),
        (
            {
                "lifecycle": {
                    "rule": [{"action": {"type": "AbortIncompleteMultipartUpload"}, "condition": {"isLive": True}}]
                }
            },
            400,
        ),
        ({"name": "google-things"}, 400),
        ({}, 200),
    ],
)
def test_what_it_takes_for_a_new_bucket(gcs: GcsServer, fields: dict[str, Any], status: int) -> None:
    body = {"name": "bucket-one", **fields}
    assert request(gcs.endpoint, "POST", f"{B}?project={PROJECT}", body)[0] == status


def test_a_new_bucket_and_a_patch(gcs: GcsServer) -> None:
    url = gcs.endpoint
    assert request(url, "POST", B, {"name": "bucket-one"})[1]["error"]["errors"][0]["reason"] == "required"
    made = request(url, "POST", f"{B}?project={PROJECT}", {"name": "bucket-one", "labels": {"a": "1", "b": "2"}})[1]
    assert made["softDeletePolicy"]["retentionDurationSeconds"] == "604800"
    assert made["iamConfiguration"]["publicAccessPrevention"] == "inherited"
    assert (made["location"], made["locationType"], made["metageneration"]) == ("US", "multi-region", "1")
    body = {"labels": {"a": None, "c": "3"}, "softDeletePolicy": {"retentionDurationSeconds": "0"}}
    assert request(url, "PATCH", f"{B}/bucket-one?ifMetagenerationMatch=2", body)[0] == 412
    changed = request(url, "PATCH", f"{B}/bucket-one?ifMetagenerationMatch=1", body)[1]
    assert (changed["labels"], changed["metageneration"]) == ({"b": "2", "c": "3"}, "2")
    assert changed["softDeletePolicy"] == {"retentionDurationSeconds": "0"}
    # null brings the default back, {} leaves what is there.
    changed = request(url, "PATCH", f"{B}/bucket-one", {"softDeletePolicy": None, "labels": {}})[1]
    assert changed["softDeletePolicy"]["retentionDurationSeconds"] == "604800"
    assert changed["labels"] == {"b": "2", "c": "3"}
    assert "labels" not in request(url, "PATCH", f"{B}/bucket-one", {"labels": None})[1]


def test_uniform_access_can_be_turned_off_for_90_days() -> None:
    now = [datetime(2026, 1, 1, tzinfo=timezone.utc)]
    with GcsServer(clock=lambda: now[0]) as server:
        on = {"iamConfiguration": {"uniformBucketLevelAccess": {"enabled": True}}}
        off = {"iamConfiguration": {"uniformBucketLevelAccess": {"enabled": False}}}
        server.create("bucket-one", **on)
        for days, status in ((89, 200), (2, 200), (91, 400)):
            now[0] += timedelta(days=days)
            assert request(server.endpoint, "PATCH", f"{B}/bucket-one", off)[0] == status
            request(server.endpoint, "PATCH", f"{B}/bucket-one", on)


def test_a_locked_policy_only_grows(gcs: GcsServer) -> None:
    gcs.create("bucket-one", retentionPolicy={"retentionPeriod": "60"})
    lock = f"{B}/bucket-one/lockRetentionPolicy"
    assert request(gcs.endpoint, "POST", lock)[0] == 400
    assert request(gcs.endpoint, "POST", f"{lock}?ifMetagenerationMatch=9")[0] == 412
    assert request(gcs.endpoint, "POST", f"{lock}?ifMetagenerationMatch=1")[1]["retentionPolicy"]["isLocked"] is True
    for policy, status in ((None, 403), ({"retentionPeriod": "59"}, 403), ({"retentionPeriod": "61"}, 200)):
        assert request(gcs.endpoint, "PATCH", f"{B}/bucket-one", {"retentionPolicy": policy})[0] == status


def test_generations_holds_and_retention() -> None:
    now = [datetime(2026, 1, 1, tzinfo=timezone.utc)]
    with GcsServer(clock=lambda: now[0]) as server:
        url, objects = server.endpoint, f"{B}/bucket-one/o"
        server.create("bucket-one", versioning={"enabled": True}, retentionPolicy={"retentionPeriod": "60"})
        old = upload(url, "bucket-one", "o")[1]
        new = upload(url, "bucket-one", "o")[1]
        items = request(url, "GET", f"{objects}?versions=true")[1]["items"]
        assert [("timeDeleted" in item, item["generation"]) for item in items] == [
            (True, old["generation"]),
            (False, new["generation"]),
        ]
        assert new["retentionExpirationTime"] == "2026-01-01T00:01:00.000Z"
        # A condition comes first, then holds, then retention.
        gone = f"{objects}/o?generation={old['generation']}"
        assert request(url, "DELETE", f"{gone}&ifGenerationMatch=1")[0] == 412
        assert request(url, "DELETE", gone)[1]["error"]["errors"][0]["reason"] == "retentionPolicyNotMet"
        request(url, "PATCH", f"{objects}/o", {"temporaryHold": True})
        now[0] += timedelta(seconds=61)
        for path in (f"{objects}/o", f"{objects}/o?generation={new['generation']}"):
            error = request(url, "DELETE", path)[1]["error"]
            assert (error["code"], error["errors"][0]["reason"]) == (403, "forbidden")
            assert "under active Temporary hold" in error["message"]
        assert request(url, "DELETE", gone)[0] == 204
        request(url, "PATCH", f"{objects}/o", {"temporaryHold": False})
        assert request(url, "DELETE", f"{objects}/o")[0] == 204
        assert server.held("bucket-one") == [("o", False)], "without a generation it is made noncurrent"
        assert request(url, "DELETE", f"{B}/bucket-one")[0] == 409
        assert request(url, "DELETE", f"{objects}/o?generation={new['generation']}")[0] == 204
        assert request(url, "DELETE", f"{B}/bucket-one")[0] == 204


def test_releasing_an_event_based_hold_starts_the_period_over() -> None:
    now = [datetime(2026, 1, 1, tzinfo=timezone.utc)]
    with GcsServer(clock=lambda: now[0]) as server:
        server.create("bucket-one", retentionPolicy={"retentionPeriod": "60"}, defaultEventBasedHold=True)
        made = upload(server.endpoint, "bucket-one", "o")[1]
        assert made["eventBasedHold"] is True
        assert "retentionExpirationTime" not in made
        now[0] += timedelta(seconds=100)
        freed = request(server.endpoint, "PATCH", f"{B}/bucket-one/o/o", {"eventBasedHold": False})[1]
        assert freed["retentionExpirationTime"] == "2026-01-01T00:02:40.000Z"


@pytest.mark.parametrize(
    "name", ["", "x" * 1025, "%C3%A9" * 513, "a%0Ab", "a%0Db", ".", "..", ".well-known/acme-challenge/x"]
)
def test_names_that_no_object_has(gcs: GcsServer, name: str) -> None:
    gcs.create("bucket-one")
    assert request(gcs.endpoint, "POST", f"/upload{B}/bucket-one/o?uploadType=media&name={name}", b"x")[0] == 400


def test_batches(gcs: GcsServer) -> None:
    part = "--x\r\nContent-Type: application/http\r\n\r\nDELETE /storage/v1/b/b/o/o HTTP/1.1\r\n\r\n\r\n"
    kind = "multipart/mixed; boundary=x"
    assert len(gcs_batch.calls_of(kind, (part * 100 + "--x--").encode())) == 100
    for body, content_type in (
        (part * 101 + "--x--", kind),
        (part, kind),
        ("", kind),
        (part + "--x--", "multipart/mixed"),
        (part.replace("application/http", "text/plain") + "--x--", kind),
        (part.replace("/storage/v1", "https://example.com/elsewhere") + "--x--", kind),
        (part + "x" * gcs_batch.MOST_BYTES + "--x--", kind),
    ):
        with pytest.raises(GcsError):
            gcs_batch.calls_of(content_type, body.encode())


@pytest.mark.parametrize(
    ("text", "picked"),
    [
        ("items(name,size),next", {"items": [{"name": "a", "size": 1}, {"name": "b"}], "next": "n"}),
        ("items/name", {"items": [{"name": "a"}, {"name": "b"}]}),
        ("*", {"items": [{"name": "a", "size": 1, "x": {}}, {"name": "b"}], "next": "n"}),
        ("nothing", {}),
    ],
)
def test_partial_answers(text: str, picked: dict[str, Any]) -> None:
    document = {"items": [{"name": "a", "size": 1, "x": {}}, {"name": "b"}], "next": "n"}
    assert gcs_fields.pick(document, gcs_fields.parse(text)) == picked


@pytest.mark.parametrize("text", ["items(", "items(name", "a,,b", "a)", "1"])
def test_partial_answers_that_cannot_be_meant(text: str) -> None:
    with pytest.raises(GcsError):
        gcs_fields.parse(text)


def test_googles_own_client_as_a_witness() -> None:
    """The server as a command, and the client that Google ships: its listings, uploads, patches and batches."""
    with GcsServerProcess("--project", "p") as server:
        client = storage.Client(
            project="p", credentials=AnonymousCredentials(), client_options={"api_endpoint": server.endpoint}
        )
        bucket = client.bucket("bucket-one")
        bucket.versioning_enabled = True
        bucket = client.create_bucket(bucket, location="eu")
        assert (bucket.location, bucket.versioning_enabled, bucket.labels) == ("EU", True, {})
        bucket.labels = {"team": "finance"}
        bucket.add_lifecycle_delete_rule(age=3, matches_prefix=["a"])
        bucket.patch(if_metageneration_match=bucket.metageneration)
        found = client.get_bucket("bucket-one")
        assert found.labels == {"team": "finance"}
        assert next(iter(found.lifecycle_rules))["condition"] == {"age": 3, "matchesPrefix": ["a"]}
        for text in ("one", "two"):
            found.blob("a/ü").upload_from_string(text)
        blobs = list(client.list_blobs("bucket-one", versions=True))
        assert [(blob.name, blob.size) for blob in blobs] == [("a/ü", 3), ("a/ü", 3)]
        with client.batch():
            for blob in blobs:
                blob.delete()
        assert list(client.list_blobs("bucket-one", versions=True)) == []
        found.delete()
        assert client.lookup_bucket("bucket-one") is None
        client.close()
