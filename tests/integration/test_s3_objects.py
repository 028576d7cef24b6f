# Copyright (c) 2026 cloudops.core contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""s3_objects on a server: what is sent, what isn't sent again, and what happens when something is in the way."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tests.integration.harness import ModuleRunner, Play
from tests.integration.s3 import Client, S3Server, set_versioning, versions_of

Run = Callable[..., dict[str, Any]]


@pytest.fixture
def s3_objects(run_module: ModuleRunner, s3_server: S3Server) -> Run:
    """Run s3_objects on the server under test."""
    return s3_server.runner(run_module, "s3_objects")


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A directory with three files, one of them large enough to go in parts."""
    top = tmp_path / "reports"
    (top / "2026").mkdir(parents=True)
    (top / "index.html").write_text("<p>reports</p>")
    (top / "2026" / "a b+ü%.txt").write_text("figures")
    (top / "2026" / "large").write_bytes(b"0123456789abcdef" * (9 * 65536))
    return top


KEYS = ["p/2026/a b+ü%.txt", "p/2026/large", "p/index.html"]


def keys_of(s3: Client, bucket: str) -> list[str]:
    """Keys of a bucket."""
    return [found["Key"] for found in s3.list_objects_v2(Bucket=bucket).get("Contents", [])]


def test_a_directory_in_check_mode_for_real_and_again(s3_objects: Run, s3: Client, bucket: str, folder: Path) -> None:
    options = {"bucket": bucket, "src": str(folder), "prefix": "p/"}
    planned = s3_objects(**options, check=True)
    assert keys_of(s3, bucket) == []
    done = s3_objects(**options)
    assert keys_of(s3, bucket) == KEYS
    for name in KEYS:
        stored = s3.get_object(Bucket=bucket, Key=name)["Body"].read()
        assert stored == (folder / name.removeprefix("p/")).read_bytes()
    calls = done.pop("api_calls")
    assert calls["HeadObject"] == 3
    assert calls["PutObject"] == 2
    assert calls["UploadPart"] == 2
    assert planned.pop("api_calls") == {"HeadObject": 3}
    for result in (planned, done):
        assert result["changed"]
        assert (result["uploaded"], result["unchanged"], result["failures"]) == (3, 0, [])
        assert result["bytes"] == sum(entry["bytes"] for entry in result["results"]) == 9437205
        assert list(result["diff"]["after"]) == KEYS
    assert planned["diff"] == done["diff"]
    assert planned["results"] == done["results"]
    for check in (True, False):
        again = s3_objects(**options, check=check)
        assert not again["changed"]
        assert (again["uploaded"], again["unchanged"], again["bytes"]) == (0, 3, 0)
        assert again["api_calls"] == {"HeadObject": 3}
        assert again["diff"]["before"] == again["diff"]["after"] == {}


def test_only_what_differs_is_sent(s3_objects: Run, s3: Client, bucket: str, folder: Path) -> None:
    set_versioning(s3, bucket)
    s3_objects(bucket=bucket, src=str(folder))
    (folder / "index.html").write_text("<p>REPORTS</p>")
    done = s3_objects(bucket=bucket, src=str(folder))
    assert [entry["key"] for entry in done["results"] if entry["changed"]] == ["index.html"]
    assert done["diff"]["before"]["index.html"]["sha256"] != done["diff"]["after"]["index.html"]["sha256"]
    assert len([key for _kind, key, _version in versions_of(s3, bucket) if key == "index.html"]) == 2
    assert len(versions_of(s3, bucket)) == 4


def test_what_others_uploaded_is_known_by_its_etag(s3_objects: Run, s3: Client, bucket: str) -> None:
    s3.put_object(Bucket=bucket, Key="theirs", Body=b"text")
    assert not s3_objects(bucket=bucket, objects=[{"key": "theirs", "content": "text"}])["changed"]
    assert s3_objects(bucket=bucket, objects=[{"key": "theirs", "content": "Text"}])["changed"]


def test_texts_single_files_and_content_types(s3_objects: Run, s3: Client, bucket: str, folder: Path) -> None:
    objects = [
        {"key": "empty", "content": ""},
        {"key": "page.html", "src": str(folder / "index.html")},
        {"key": "health", "content": "ök", "content_type": "text/plain; charset=utf-8"},
    ]
    assert s3_objects(bucket=bucket, objects=objects)["uploaded"] == 3
    found = {key: s3.get_object(Bucket=bucket, Key=key) for key in ("empty", "page.html", "health")}
    assert found["empty"]["Body"].read() == b""
    assert found["health"]["Body"].read().decode() == "ök"
    types = {key: answer["ContentType"] for key, answer in found.items()}
    assert types["page.html"] == "text/html"
    assert types["health"] == "text/plain; charset=utf-8"
    assert types["empty"].endswith("octet-stream")
    assert not s3_objects(bucket=bucket, objects=objects)["changed"]
    objects[2]["content_type"] = "text/x-health"
    assert s3_objects(bucket=bucket, objects=objects)["uploaded"] == 1
    assert s3.head_object(Bucket=bucket, Key="health")["ContentType"] == "text/x-health"
    one = s3_objects(bucket=bucket, src=str(folder / "index.html"), prefix="one-")
    assert [entry["key"] for entry in one["results"]] == ["one-index.html"]


def test_nothing_to_upload_is_ok(s3_objects: Run, bucket: str, tmp_path: Path) -> None:
    done = s3_objects(bucket=bucket, src=str(tmp_path))
    assert not done["changed"]
    assert done["api_calls"] == {}


def test_one_failure_does_not_keep_the_others(s3_objects: Run, s3: Client, bucket: str, folder: Path) -> None:
    os.mkfifo(folder / "pipe")
    failed = s3_objects(bucket=bucket, src=str(folder), prefix="p/", fails=True)
    assert keys_of(s3, bucket) == KEYS
    assert failed["changed"]
    assert failed["uploaded"] == 3
    assert [failure["name"] for failure in failed["failures"]] == ["p/pipe"]
    assert "could not upload 1 of 4; the first is p/pipe" in failed["msg"]
    assert "Take it out of src." in failed["msg"]
    assert "diff" not in failed


def test_a_bucket_that_is_not_there(s3_objects: Run, bucket_name: str) -> None:
    options = {"bucket": bucket_name, "objects": [{"key": "a", "content": "x"}, {"key": "b", "content": "y"}]}
    assert s3_objects(**options, check=True)["uploaded"] == 2
    failed = s3_objects(**options, fails=True)
    assert not failed["changed"]
    assert {failure["code"] for failure in failed["failures"]} == {"NoSuchBucket"}
    assert "could not upload 2 of 2; the first is a: " in failed["msg"]
    assert failed["error"]["code"] == "NoSuchBucket"


@pytest.mark.parametrize(
    ("options", "message"),
    [
        pytest.param({}, "one of the following is required: src, objects", id="nothing-named"),
        pytest.param({"src": "/there/is/nothing"}, "src: there is no /there/is/nothing", id="missing-src"),
        pytest.param({"objects": [{"key": "a"}]}, "src, content", id="object-without-content"),
        pytest.param({"objects": [{"key": "a", "src": "/a", "content": "x"}]}, "src|content", id="object-with-both"),
        pytest.param(
            {"objects": [{"key": "a", "content": "x"}] * 2}, "key a is wanted twice. Take it out", id="key-twice"
        ),
    ],
)
def test_bad_input(s3_objects: Run, bucket: str, options: dict[str, Any], message: str) -> None:
    failed = s3_objects(bucket=bucket, **options, fails=True)
    assert message in failed["msg"]
    assert not failed.get("api_calls")


def test_in_a_playbook(play: Play, s3_server: S3Server, s3: Client, bucket: str) -> None:
    task = {"cloudops.core.s3_objects": {"bucket": bucket, "objects": [{"key": "a", "content": "line\n"}]}}
    done = play(task, task, defaults=s3_server.options)
    assert done.statuses == ["changed", "ok"]
    assert s3.get_object(Bucket=bucket, Key="a")["Body"].read() == b"line\n"
