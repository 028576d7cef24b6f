# Copyright (c) 2026 cloudops.core contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Uploading on three providers: what differs between them, and what they share."""

from __future__ import annotations

import io
from pathlib import Path
from types import SimpleNamespace
from typing import Any, BinaryIO

import pytest
from ansible_collections.cloudops.core.plugins.module_utils._azure import blob_objects as azure
from ansible_collections.cloudops.core.plugins.module_utils._core.errors import Denied, Invalid
from ansible_collections.cloudops.core.plugins.module_utils._core.files import Fingerprint
from ansible_collections.cloudops.core.plugins.module_utils._core.upload import PART, Uploader, pieces_of
from ansible_collections.cloudops.core.plugins.module_utils._domain.objects import (
    Candidate,
    Item,
    Stored,
    check_blob_name,
    check_gcs_name,
    check_name,
    plan_upload,
)
from ansible_collections.cloudops.core.plugins.module_utils._gcp import objects as gcp

MD5 = bytes(range(16))


@pytest.mark.parametrize(
    ("check", "key"),
    [
        pytest.param(check_blob_name, "é" * 1024, id="azure-counts-characters"),
        pytest.param(check_blob_name, "a/.b/..c/d.", id="azure-dots-in-names"),
        pytest.param(check_gcs_name, "é" * 512, id="gcs-counts-bytes"),
        pytest.param(check_gcs_name, "a/../b", id="gcs-dots"),
        pytest.param(check_gcs_name, "a\tb", id="gcs-tab"),
    ],
)
def test_keys_that_fit(check: Any, key: str) -> None:
    check(key)


@pytest.mark.parametrize(
    ("check", "key", "message"),
    [
        pytest.param(check_blob_name, "a" * 1025, "has 1025 characters; 1024 are allowed", id="azure-long"),
        pytest.param(check_blob_name, "a/../b", "has . or .. for a directory", id="azure-up"),
        pytest.param(check_blob_name, "./a", "has . or .. for a directory", id="azure-here"),
        pytest.param(check_gcs_name, "é" * 513, "has 1026 bytes; 1024 are allowed", id="gcs-long"),
        pytest.param(check_gcs_name, "a\rb", "has a line break", id="gcs-line-break"),
        pytest.param(check_gcs_name, "..", "none that Cloud Storage takes", id="gcs-dots"),
        pytest.param(check_gcs_name, ".well-known/acme-challenge/x", "none that Cloud Storage takes", id="gcs-acme"),
        pytest.param(check_name, "bucket/logs", "Name the bucket alone", id="prefix-with-the-bucket"),
        pytest.param(check_name, "b?restype=container", "Name the bucket alone", id="query-with-the-bucket"),
    ],
)
def test_keys_and_buckets_refused(check: Any, key: str, message: str) -> None:
    with pytest.raises(Invalid) as caught:
        check(key)
    assert message in str(caught.value)


@pytest.mark.parametrize(
    ("metadata", "md5", "expected"),
    [
        pytest.param({"Cloudops_SHA256": "s"}, bytearray(MD5), Stored(3, MD5.hex(), "s", "text/x"), id="ours"),
        pytest.param(None, bytearray(MD5), Stored(3, MD5.hex(), "", "text/x"), id="theirs"),
        pytest.param({}, None, Stored(3, "", "", "text/x"), id="theirs-in-blocks"),
    ],
)
def test_a_blob_as_stored(metadata: Any, md5: Any, expected: Stored) -> None:
    settings = SimpleNamespace(content_md5=md5, content_type="text/x")
    assert azure.stored_from(SimpleNamespace(size=3, metadata=metadata, content_settings=settings)) == expected


@pytest.mark.parametrize(
    ("document", "expected"),
    [
        pytest.param(
            {"size": "3", "md5Hash": "AAECAwQFBgcICQoLDA0ODw==", "metadata": {"cloudops-sha256": "s"}},
            Stored(3, MD5.hex(), "s"),
            id="ours",
        ),
        pytest.param({"size": "3", "contentType": "text/x"}, Stored(3, content_type="text/x"), id="composed"),
        pytest.param({"size": "3", "md5Hash": "?"}, Stored(3), id="no-base64"),
    ],
)
def test_an_object_as_stored(document: Any, expected: Stored) -> None:
    assert gcp.stored_from(document) == expected


@pytest.mark.parametrize(
    ("size", "most", "sizes"),
    [
        pytest.param(0, 10, [], id="nothing"),
        pytest.param(PART, 10, [PART], id="one"),
        pytest.param(PART + 1, 10, [PART, 1], id="two"),
        pytest.param(3 * PART, 2, [3 * PART // 2] * 2, id="larger-pieces-where-there-would-be-too-many"),
    ],
)
def test_pieces(size: int, most: int, sizes: list[int]) -> None:
    assert [len(piece) for piece in pieces_of(io.BytesIO(bytes(size)), size, most)] == sizes


def test_a_file_that_grows_or_shrinks_meanwhile() -> None:
    assert list(pieces_of(io.BytesIO(b"abcdef"), 3, 10)) == [b"abc"]
    assert list(pieces_of(io.BytesIO(b"ab"), 3, 10)) == [b"ab"]


def look(item: Item, content: Fingerprint) -> Candidate:
    """Nothing is stored but what is named so; one can't be looked at."""
    if item.key == "forbidden":
        raise Denied("no")
    stored = Stored(content.size, content.md5) if item.key == "stored" else None
    return Candidate(item, content.size, content.sha256, content.md5, content.stamp, stored)


@pytest.mark.parametrize("dry_run", [True, False])
def test_an_upload(tmp_path: Path, dry_run: bool) -> None:
    sent: dict[str, bytes] = {}
    (tmp_path / "file").write_bytes(b"of a file")

    def send(candidate: Candidate, body: BinaryIO) -> None:
        if candidate.item.key == "refused":
            raise Denied("no")
        sent[candidate.item.key] = body.read()

    items = [
        Item("forbidden", content="x"),
        Item("stored", content="x"),
        Item("text", content="ö"),
        Item("file", path=str(tmp_path / "file")),
        Item("missing", path=str(tmp_path / "missing")),
        Item("refused", content="x"),
    ]
    done = Uploader(look, send, 3).run(items, dry_run=dry_run)
    told = done.as_result()
    assert sent == ({} if dry_run else {"text": "ö".encode(), "file": b"of a file"})
    assert (told["uploaded"], told["unchanged"], told["bytes"]) == ((3, 1, 12) if dry_run else (2, 1, 11))
    assert [failure["name"] for failure in told["failures"]] == ["forbidden", "missing"] + ["refused"] * (not dry_run)
    assert done.changed
    assert plan_upload("c", done.seen, "container").target == "container c"
    assert plan_upload("c", done.seen).actions() == ["upload text", "upload file", "upload refused"]
