# Copyright (c) 2026 cloudops.core contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Objects: what is wanted, what counts as stored already, and how local files are told apart."""

from __future__ import annotations

import hashlib
import os
from pathlib import Path
from typing import Any

import pytest
from ansible_collections.cloudops.core.plugins.module_utils._core.errors import Conflict, Invalid
from ansible_collections.cloudops.core.plugins.module_utils._core.files import (
    CHUNK,
    files_below,
    fingerprint_of_bytes,
    fingerprint_of_file,
    open_unchanged,
)
from ansible_collections.cloudops.core.plugins.module_utils._domain.objects import (
    Candidate,
    Item,
    Stored,
    check_options,
    items_from,
    plan_upload,
)

SHA, MD5 = "a" * 64, "b" * 32


def options(**given: Any) -> dict[str, Any]:
    """The module's options with their defaults; objects get theirs, too."""
    objects = [{"src": None, "content": None, "content_type": None, **wanted} for wanted in given.pop("objects", [])]
    return {"bucket": "b", "src": None, "prefix": "", "concurrency": 16, "objects": objects, **given}


@pytest.mark.parametrize(
    ("stored", "content_type", "same"),
    [
        pytest.param(None, "", False, id="nothing"),
        pytest.param(Stored(3, MD5), "", True, id="etag-is-md5"),
        pytest.param(Stored(3, MD5.upper()), "", True, id="etag-in-capitals"),
        pytest.param(Stored(3, "c" * 32), "", False, id="other-etag"),
        pytest.param(Stored(3, f"{'c' * 32}-2", SHA), "", True, id="in-parts-with-sum"),
        pytest.param(Stored(3, f"{'c' * 32}-2"), "", False, id="in-parts-without-sum"),
        pytest.param(Stored(3, "c" * 32, "d" * 64), "", False, id="other-sum"),
        pytest.param(Stored(4, MD5, SHA), "", False, id="other-size"),
        pytest.param(Stored(3, MD5, SHA, "text/html"), "", True, id="content-type-not-asked"),
        pytest.param(Stored(3, MD5, SHA, "text/html"), "text/html", True, id="content-type-as-asked"),
        pytest.param(Stored(3, MD5, SHA, "text/html"), "text/plain", False, id="other-content-type"),
    ],
)
def test_what_counts_as_stored(stored: Stored | None, content_type: str, same: bool) -> None:
    candidate = Candidate(Item("k", content="abc", content_type=content_type), 3, SHA, MD5, stored=stored)
    assert candidate.is_stored is same


def test_plan_holds_only_what_changes_and_no_content() -> None:
    new = Candidate(Item("new", content="secret", content_type="text/x"), 6, SHA, MD5)
    other = Candidate(Item("other", content="secret"), 6, SHA, MD5, stored=Stored(2, "c" * 32))
    same = Candidate(Item("same", content="secret"), 6, SHA, MD5, stored=Stored(6, MD5))
    plan = plan_upload("b", [new, other, same])
    assert plan.actions() == ["upload new", "upload other"]
    assert plan.before == {"new": None, "other": {"bytes": 2}}
    assert plan.after == {
        "new": {"bytes": 6, "sha256": SHA, "content_type": "text/x"},
        "other": {"bytes": 6, "sha256": SHA},
    }
    assert "secret" not in str(plan.diff())
    assert not plan_upload("b", [same])


def test_items() -> None:
    given = options(
        prefix="p/",
        objects=[{"key": "a", "content": "", "content_type": "text/plain"}, {"key": "b", "src": "/there/b"}],
    )
    assert items_from(given, [("x/y", "/here/x/y")]) == [
        Item("p/x/y", path="/here/x/y"),
        Item("p/a", content_type="text/plain"),
        Item("p/b", path="/there/b"),
    ]


@pytest.mark.parametrize(
    ("given", "files", "message"),
    [
        pytest.param(options(objects=[{"key": "", "content": "x"}]), [], "a key is empty", id="empty-key"),
        pytest.param(options(objects=[{"key": "a", "src": ""}]), [], "the src of a is empty", id="empty-src"),
        pytest.param(
            options(objects=[{"key": "a", "content": "x"}]), [("a", "/a")], "key a is wanted twice", id="twice"
        ),
        pytest.param(options(), [("é" * 513, "/a")], "has 1026 bytes; 1024 are allowed", id="long-key"),
        pytest.param(options(), [(os.fsdecode(b"\xff"), "/a")], "is no UTF-8", id="not-utf-8"),
    ],
)
def test_items_refused(given: dict[str, Any], files: list[tuple[str, str]], message: str) -> None:
    with pytest.raises(Invalid, match=message):
        items_from(given, files)


@pytest.mark.parametrize(
    ("given", "message"),
    [
        pytest.param({"bucket": ""}, "bucket is empty", id="bucket"),
        pytest.param({"src": ""}, "src is empty", id="src"),
        pytest.param({"concurrency": 0}, "concurrency is 0", id="concurrency"),
    ],
)
def test_options_refused(given: dict[str, Any], message: str) -> None:
    check_options(options())
    with pytest.raises(Invalid, match=message):
        check_options(options(**given))


def test_a_key_may_have_1024_bytes() -> None:
    assert [item.key for item in items_from(options(), [("é" * 512, "/a")])] == ["é" * 512]


def test_files_of_a_directory(tmp_path: Path) -> None:
    outside = tmp_path / "outside"
    outside.mkdir()
    (outside / "not-this").touch()
    top = tmp_path / "top"
    (top / "sub" / "deep").mkdir(parents=True)
    for name in ("b", "sub/deep/c", "sub/a ü"):
        (top / name).write_text(name)
    (top / "link").symlink_to(outside / "not-this")
    (top / "folder").symlink_to(outside)
    assert [name for name, _path in files_below(str(top))] == ["b", "link", "sub/a ü", "sub/deep/c"]
    assert files_below(str(top / "b")) == [("b", str(top / "b"))]
    assert files_below(str(top / "sub" / "deep")) == [("c", str(top / "sub" / "deep" / "c"))]


def test_an_unreadable_directory_is_not_an_empty_one(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "sub").mkdir()
    scandir = os.scandir

    def refuse(path: str) -> Any:
        if os.path.basename(path) == "sub":
            raise PermissionError(13, "Permission denied", path)
        return scandir(path)

    monkeypatch.setattr(os, "scandir", refuse)
    with pytest.raises(Invalid, match="sub: Permission denied"):
        files_below(str(tmp_path))


def test_fingerprints(tmp_path: Path) -> None:
    content = b"0123456789" * (CHUNK // 7)
    path = tmp_path / "file"
    path.write_bytes(content)
    of_file, of_bytes = fingerprint_of_file(str(path)), fingerprint_of_bytes(content)
    assert (of_file.size, of_file.sha256, of_file.md5) == (of_bytes.size, of_bytes.sha256, of_bytes.md5)
    assert of_bytes.sha256 == hashlib.sha256(content).hexdigest()
    assert of_bytes.md5 == hashlib.md5(content).hexdigest()


@pytest.mark.parametrize(
    ("make", "message"),
    [
        pytest.param(lambda path: None, "No such file", id="missing"),
        pytest.param(lambda path: path.mkdir(), "not a regular file", id="directory"),
        pytest.param(os.mkfifo, "not a regular file", id="pipe"),
        pytest.param(lambda path: path.symlink_to(path.with_name("nowhere")), "No such file", id="dangling-link"),
    ],
)
def test_what_is_no_file(make: Any, message: str, tmp_path: Path) -> None:
    make(tmp_path / "file")
    with pytest.raises(Invalid, match=message):
        fingerprint_of_file(str(tmp_path / "file"))


def test_there_is_no_src(tmp_path: Path) -> None:
    with pytest.raises(Invalid, match="src: there is no "):
        files_below(str(tmp_path / "nothing"))


def test_a_file_that_stays_as_it_was(tmp_path: Path) -> None:
    path = tmp_path / "file"
    path.write_text("old")
    with open_unchanged(str(path), fingerprint_of_file(str(path)).stamp) as file:
        assert file.read() == b"old"


@pytest.mark.parametrize("when", ["before", "meanwhile"])
def test_a_file_that_is_written_to(when: str, tmp_path: Path) -> None:
    path = tmp_path / "file"
    path.write_text("old")
    stamp = fingerprint_of_file(str(path)).stamp
    used = []

    def use() -> None:
        with open_unchanged(str(path), stamp):
            used.append(path)
            path.write_text("newer")

    if when == "before":
        path.write_text("newer")
    with pytest.raises(Conflict, match="written to"):
        use()
    assert used == ([] if when == "before" else [path])
