# Copyright (c) 2026 cloudops.core contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""gcs_objects on servers: what is sent, what isn't sent again, and what happens when something is in the way."""

from __future__ import annotations

import json
import os
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml
from ansible_collections.cloudops.core.plugins.modules import gcs_objects as plugin

from tests.integration.gcs import Run, fake_gcs_server, request, runner
from tests.integration.harness import ModuleRunner, Play
from tests.servers.fault_proxy import FaultProxy
from tests.servers.gcs import GcsServer

LARGE = b"0123456789abcdef" * (9 * 65536)


@pytest.fixture
def gcs_objects(run_module: ModuleRunner, gcs: GcsServer) -> Run:
    """Run gcs_objects on the project's own server."""
    return runner(run_module, "gcs_objects", gcs.endpoint)


@pytest.fixture
def bucket(gcs: GcsServer) -> str:
    """A bucket that is there, empty and without versioning."""
    gcs.create("reports-of-tests")
    return "reports-of-tests"


@pytest.fixture(scope="module")
def emulator() -> Iterator[str]:
    """fake-gcs-server, which keeps contents and takes uploads in parts."""
    with fake_gcs_server() as url:
        yield url


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A directory with three files."""
    top = tmp_path / "reports"
    (top / "2026").mkdir(parents=True)
    (top / "index.html").write_text("<p>reports</p>")
    (top / "2026" / "a b+ü%.txt").write_text("figures")
    (top / "2026" / "?#&=").write_text("odd")
    return top


KEYS = ["p/2026/?#&=", "p/2026/a b+ü%.txt", "p/index.html"]


def test_a_directory_in_check_mode_for_real_and_again(
    gcs_objects: Run, gcs: GcsServer, bucket: str, folder: Path
) -> None:
    options = {"bucket": bucket, "src": str(folder), "prefix": "p/"}
    planned = gcs_objects(**options, check=True)
    assert gcs.held(bucket) == []
    done = gcs_objects(**options)
    assert gcs.held(bucket) == [(key, True) for key in KEYS]
    assert done.pop("api_calls") == {"objects.get": 3, "objects.insert": 3}
    assert planned.pop("api_calls") == {"objects.get": 3}
    for result in (planned, done):
        assert result["changed"]
        assert (result["uploaded"], result["unchanged"], result["failures"]) == (3, 0, [])
        assert result["bytes"] == sum(entry["bytes"] for entry in result["results"]) == 24
        assert list(result["diff"]["after"]) == KEYS
    assert planned["diff"] == done["diff"]
    assert planned["results"] == done["results"]
    for check in (True, False):
        again = gcs_objects(**options, check=check)
        assert not again["changed"]
        assert (again["uploaded"], again["unchanged"], again["bytes"]) == (0, 3, 0)
        assert again["api_calls"] == {"objects.get": 3}
        assert again["diff"]["before"] == again["diff"]["after"] == {}


def test_only_what_differs_is_sent(gcs_objects: Run, gcs: GcsServer, folder: Path) -> None:
    gcs.create("versioned", versioning={"enabled": True})
    gcs_objects(bucket="versioned", src=str(folder))
    (folder / "index.html").write_text("<p>REPORTS</p>")
    done = gcs_objects(bucket="versioned", src=str(folder))
    assert [entry["key"] for entry in done["results"] if entry["changed"]] == ["index.html"]
    assert done["diff"]["before"]["index.html"]["sha256"] != done["diff"]["after"]["index.html"]["sha256"]
    assert [name for name, live in gcs.held("versioned") if not live] == ["index.html"]
    assert len(gcs.held("versioned")) == 4


def test_what_others_uploaded_is_known_by_its_md5(gcs_objects: Run, gcs: GcsServer, bucket: str) -> None:
    path = f"/upload/storage/v1/b/{bucket}/o?uploadType=media&name=theirs"
    status, document = request(gcs.endpoint, "POST", path, b"text", {"Content-Type": "text/x"})
    assert (status, "metadata" in document) == (200, False)
    assert not gcs_objects(bucket=bucket, objects=[{"key": "theirs", "content": "text"}])["changed"]
    assert gcs_objects(bucket=bucket, objects=[{"key": "theirs", "content": "Text"}])["changed"]


def test_contents_types_and_parts(run_module: ModuleRunner, emulator: str, folder: Path) -> None:
    request(emulator, "POST", "/storage/v1/b?project=p", {"name": "texts"}, {"Content-Type": "application/json"})
    gcs_objects = runner(run_module, "gcs_objects", emulator)
    (folder / "large").write_bytes(LARGE)
    objects = [
        {"key": "empty", "content": ""},
        {"key": "page.html", "src": str(folder / "index.html")},
        {"key": "health", "content": "ök", "content_type": "text/plain; charset=utf-8"},
        {"key": "large", "src": str(folder / "large")},
    ]
    done = gcs_objects(bucket="texts", objects=objects)
    assert done["uploaded"] == 4
    found = {entry["key"]: _document(emulator, "texts", entry["key"]) for entry in done["results"]}
    types = {key: document["contentType"] for key, document in found.items()}
    assert types["page.html"] == "text/html"
    assert types["health"] == "text/plain; charset=utf-8"
    assert types["empty"] == types["large"] == "application/octet-stream"
    assert _content(emulator, "texts", "health").decode() == "ök"
    assert _content(emulator, "texts", "large") == LARGE
    assert found["empty"]["size"] == "0"
    assert not gcs_objects(bucket="texts", objects=objects)["changed"]
    objects[2]["content_type"] = "text/x-health"
    assert gcs_objects(bucket="texts", objects=objects)["uploaded"] == 1
    assert _document(emulator, "texts", "health")["contentType"] == "text/x-health"


def _document(endpoint: str, bucket: str, name: str) -> Any:
    return request(endpoint, "GET", f"/storage/v1/b/{bucket}/o/{name}")[1]


def _content(endpoint: str, bucket: str, name: str) -> bytes:
    with urllib.request.urlopen(f"{endpoint}/storage/v1/b/{bucket}/o/{name}?alt=media", timeout=30) as answer:
        content: bytes = answer.read()
    return content


def test_nothing_to_upload_is_ok(gcs_objects: Run, bucket: str, tmp_path: Path) -> None:
    done = gcs_objects(bucket=bucket, src=str(tmp_path))
    assert not done["changed"]
    assert done["api_calls"] == {}


def test_one_failure_does_not_keep_the_others(gcs_objects: Run, gcs: GcsServer, bucket: str, folder: Path) -> None:
    os.mkfifo(folder / "pipe")
    gcs.put(bucket, "p/index.html")
    gcs.hold(bucket, "p/index.html")
    failed = gcs_objects(bucket=bucket, src=str(folder), prefix="p/", fails=True)
    assert [name for name, _live in gcs.held(bucket)] == KEYS
    assert failed["changed"]
    assert failed["uploaded"] == 2
    assert {failure["name"]: failure["kind"] for failure in failed["failures"]} == {
        "p/pipe": "invalid",
        "p/index.html": "conflict",
    }
    assert "could not upload 2 of 4; the first is p/pipe" in failed["msg"]
    assert "Take it out of src." in failed["msg"]
    assert "diff" not in failed


def test_what_fails_for_a_while_is_sent_again(
    gcs_objects: Run, gcs: GcsServer, gcs_proxy: FaultProxy, bucket: str
) -> None:
    for operation in ("objects.get", "objects.insert"):
        gcs_proxy.fail(operation, "backendError", first=1)
    done = gcs_objects(gcs_proxy, bucket=bucket, objects=[{"key": "a", "content": "x"}])
    assert done["uploaded"] == 1
    assert done["api_calls"] == {"objects.get": 2, "objects.insert": 2}


def test_a_bucket_that_is_not_there(gcs_objects: Run) -> None:
    options = {"bucket": "not-there", "objects": [{"key": "a", "content": "x"}, {"key": "b", "content": "y"}]}
    assert gcs_objects(**options, check=True)["uploaded"] == 2
    failed = gcs_objects(**options, fails=True)
    assert not failed["changed"]
    assert {failure["kind"] for failure in failed["failures"]} == {"not_found"}
    assert "could not upload 2 of 2; the first is a: " in failed["msg"]
    assert failed["error"]["code"] == "notFound"


@pytest.mark.parametrize(
    ("options", "message"),
    [
        pytest.param({}, "one of the following is required: src, objects", id="nothing-named"),
        pytest.param({"src": "/there/is/nothing"}, "src: there is no /there/is/nothing", id="missing-src"),
        pytest.param({"objects": [{"key": "a"}]}, "src, content", id="object-without-content"),
        pytest.param({"objects": [{"key": "a", "src": "/a", "content": "x"}]}, "src|content", id="object-with-both"),
        pytest.param({"objects": [{"key": "a", "content": "x"}] * 2}, "key a is wanted twice", id="key-twice"),
        pytest.param({"objects": [{"key": "a\nb", "content": ""}]}, "has a line break", id="line-break"),
        pytest.param({"bucket": "b/logs", "objects": []}, "goes into prefix", id="prefix-with-the-bucket"),
        pytest.param({"src": "/etc/hostname", "request_timeout": 0}, "request_timeout is 0", id="connection"),
    ],
)
def test_bad_input(gcs_objects: Run, bucket: str, options: dict[str, Any], message: str) -> None:
    failed = gcs_objects(**{"bucket": bucket, **options}, fails=True)
    assert message in failed["msg"]
    assert not failed.get("api_calls")


def test_without_the_sdk(gcs_objects: Run, bucket: str) -> None:
    failed = gcs_objects(bucket=bucket, objects=[], hide=["google.cloud.storage"], fails=True)
    assert "google-cloud-storage" in failed["msg"]


def test_the_examples_and_a_change_in_check_mode_and_for_real_each_repeated(
    play: Play, gcs: GcsServer, folder: Path
) -> None:
    gcs.create("example-reports-2026")
    directory, texts = yaml.safe_load(plugin.EXAMPLES)
    directory["cloudops.core.gcs_objects"]["src"] = str(folder)
    changed = json.loads(json.dumps(texts))
    changed["cloudops.core.gcs_objects"]["objects"][1]["content"] = "no"
    each = [{**task, "check_mode": check} for task in (texts, changed) for check in (True, False, False)]
    done = play(directory, *each, diff=True, env={"STORAGE_EMULATOR_HOST": gcs.endpoint})
    assert done.statuses == ["changed"] + ["changed", "changed", "ok"] * 2
    for planned, real in ((done[1], done[2]), (done[4], done[5])):
        assert planned["diff"] == real["diff"]
        assert planned["results"] == real["results"]
    assert [result["key"] for result in done[5]["results"] if result["changed"]] == ["health"]
    names = [f"yearly/2026/{name.removeprefix('p/')}" for name in KEYS]
    assert [name for name, _live in gcs.held("example-reports-2026")] == ["health", "robots.txt", *names]
