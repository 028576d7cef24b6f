# Copyright (c) 2026 cloudops.core contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""azure_blob_objects on Azurite: what is sent, what isn't sent again, and what happens when something is in the way."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml
from ansible_collections.cloudops.core.plugins.modules import azure_blob_objects as plugin

from tests.integration.azure import Azurite, Run, runner, unique_name
from tests.integration.harness import ModuleRunner, Play
from tests.servers.azurite import host_of
from tests.servers.fault_proxy import FaultProxy

LARGE = b"0123456789abcdef" * (9 * 65536)


@pytest.fixture
def azure_objects(run_module: ModuleRunner, azurite: Azurite) -> Run:
    """Run azure_blob_objects on Azurite."""
    return runner(run_module, "azure_blob_objects", azurite.options)


@pytest.fixture
def azurite_proxy(azurite: Azurite) -> Iterator[FaultProxy]:
    """A proxy without rules before it."""
    with FaultProxy(host_of(azurite.endpoint)) as proxy:
        yield proxy


@pytest.fixture
def bucket(azurite: Azurite) -> str:
    """A container that is there, and empty."""
    return azurite.filled([])


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A directory with three files, one of them large enough to go in blocks."""
    top = tmp_path / "reports"
    (top / "2026").mkdir(parents=True)
    (top / "index.html").write_text("<p>reports</p>")
    (top / "2026" / "a b+ü%?#.txt").write_text("figures")
    (top / "2026" / "large").write_bytes(LARGE)
    return top


KEYS = ["p/2026/a b+ü%?#.txt", "p/2026/large", "p/index.html"]


def test_a_directory_in_check_mode_for_real_and_again(
    azure_objects: Run, azurite: Azurite, bucket: str, folder: Path
) -> None:
    options = {"bucket": bucket, "src": str(folder), "prefix": "p/"}
    planned = azure_objects(**options, check=True)
    assert azurite.holds(bucket) == []
    done = azure_objects(**options)
    assert azurite.holds(bucket) == KEYS
    for name in KEYS:
        stored = azurite.container(bucket).download_blob(name).readall()
        assert stored == (folder / name.removeprefix("p/")).read_bytes()
    assert done.pop("api_calls") == {"GetBlobProperties": 3, "PutBlob": 2, "PutBlock": 2, "PutBlockList": 1}
    assert planned.pop("api_calls") == {"GetBlobProperties": 3}
    for result in (planned, done):
        assert result["changed"]
        assert (result["uploaded"], result["unchanged"], result["failures"]) == (3, 0, [])
        assert result["bytes"] == sum(entry["bytes"] for entry in result["results"]) == 9437205
        assert list(result["diff"]["after"]) == KEYS
        assert result["diff"]["after_header"] == f"container {bucket}"
    assert planned["diff"] == done["diff"]
    assert planned["results"] == done["results"]
    for check in (True, False):
        again = azure_objects(**options, check=check)
        assert not again["changed"]
        assert (again["uploaded"], again["unchanged"], again["bytes"]) == (0, 3, 0)
        assert again["api_calls"] == {"GetBlobProperties": 3}
        assert again["diff"]["before"] == again["diff"]["after"] == {}


def test_only_what_differs_is_sent(azure_objects: Run, azurite: Azurite, bucket: str, folder: Path) -> None:
    azure_objects(bucket=bucket, src=str(folder))
    azurite.container(bucket).get_blob_client("index.html").create_snapshot()
    (folder / "index.html").write_text("<p>REPORTS</p>")
    done = azure_objects(bucket=bucket, src=str(folder))
    assert [entry["key"] for entry in done["results"] if entry["changed"]] == ["index.html"]
    assert done["diff"]["before"]["index.html"]["sha256"] != done["diff"]["after"]["index.html"]["sha256"]
    assert azurite.holds(bucket).count("index.html") == 2


def test_what_others_uploaded_is_known_by_its_md5(azure_objects: Run, azurite: Azurite, bucket: str) -> None:
    azurite.container(bucket).upload_blob("theirs", b"text")
    assert not azure_objects(bucket=bucket, objects=[{"key": "theirs", "content": "text"}])["changed"]
    assert azure_objects(bucket=bucket, objects=[{"key": "theirs", "content": "Text"}])["changed"]


def test_texts_single_files_and_content_types(azure_objects: Run, azurite: Azurite, bucket: str, folder: Path) -> None:
    objects = [
        {"key": "empty", "content": ""},
        {"key": "page.html", "src": str(folder / "index.html")},
        {"key": "health", "content": "ök", "content_type": "text/plain; charset=utf-8"},
    ]
    assert azure_objects(container=bucket, objects=objects)["uploaded"] == 3
    client = azurite.container(bucket)
    found = {key: client.get_blob_client(key).get_blob_properties() for key in ("empty", "page.html", "health")}
    types = {key: properties.content_settings.content_type for key, properties in found.items()}
    assert found["empty"].size == 0
    assert client.download_blob("health").readall().decode() == "ök"
    assert types["page.html"] == "text/html"
    assert types["health"] == "text/plain; charset=utf-8"
    assert types["empty"] == "application/octet-stream"
    assert not azure_objects(container=bucket, objects=objects)["changed"]
    objects[2]["content_type"] = "text/x-health"
    assert azure_objects(container=bucket, objects=objects)["uploaded"] == 1
    assert client.get_blob_client("health").get_blob_properties().content_settings.content_type == "text/x-health"


def test_nothing_to_upload_is_ok(azure_objects: Run, bucket: str, tmp_path: Path) -> None:
    done = azure_objects(bucket=bucket, src=str(tmp_path))
    assert not done["changed"]
    assert done["api_calls"] == {}


def test_one_failure_does_not_keep_the_others(azure_objects: Run, azurite: Azurite, bucket: str, folder: Path) -> None:
    os.mkfifo(folder / "pipe")
    blob = azurite.container(bucket).upload_blob("p/index.html", b"x")
    lease = blob.acquire_lease()
    failed = azure_objects(bucket=bucket, src=str(folder), prefix="p/", fails=True)
    lease.release()
    assert azurite.holds(bucket) == KEYS
    assert failed["changed"]
    assert failed["uploaded"] == 2
    leased = next(failure for failure in failed["failures"] if failure["name"] == "p/index.html")
    assert (leased["kind"], leased["code"]) == ("conflict", "LeaseIdMissing")
    assert leased["hint"] == "Somebody has leased the blob: end the lease, and run again."
    assert "could not upload 2 of 4; the first is p/pipe" in failed["msg"]
    assert "Take it out of src." in failed["msg"]
    assert "diff" not in failed


def test_what_fails_for_a_while_is_sent_again(
    azure_objects: Run, azurite: Azurite, azurite_proxy: FaultProxy, bucket: str
) -> None:
    for method in ("HEAD", "PUT"):
        azurite_proxy.fail(
            None, "ServerBusy", 503, when=lambda request, method=method: request.method == method, first=1
        )
    done = azure_objects(azurite_proxy, bucket=bucket, objects=[{"key": "a", "content": "x"}])
    assert done["uploaded"] == 1
    assert done["api_calls"] == {"GetBlobProperties": 2, "PutBlob": 2}


def test_a_container_that_is_not_there(azure_objects: Run) -> None:
    options = {"bucket": unique_name(), "objects": [{"key": "a", "content": "x"}, {"key": "b", "content": "y"}]}
    assert azure_objects(**options, check=True)["uploaded"] == 2
    failed = azure_objects(**options, fails=True)
    assert not failed["changed"]
    assert {failure["code"] for failure in failed["failures"]} == {"ContainerNotFound"}
    assert "could not upload 2 of 2; the first is a: " in failed["msg"]
    assert failed["error"]["code"] == "ContainerNotFound"


@pytest.mark.parametrize(
    ("options", "message"),
    [
        pytest.param({}, "one of the following is required: src, objects", id="nothing-named"),
        pytest.param({"src": "/there/is/nothing"}, "src: there is no /there/is/nothing", id="missing-src"),
        pytest.param({"objects": [{"key": "a"}]}, "src, content", id="object-without-content"),
        pytest.param({"objects": [{"key": "a", "content": "x"}] * 2}, "key a is wanted twice", id="key-twice"),
        pytest.param({"objects": [{"key": "a/../b", "content": ""}]}, "has . or .. for a directory", id="dots"),
        pytest.param({"bucket": "b/logs", "objects": []}, "Name the container alone", id="prefix-with-the-container"),
        pytest.param({"src": "/etc/hostname", "account_key": "?"}, "account_key isn't base64 text", id="connection"),
    ],
)
def test_bad_input(azure_objects: Run, bucket: str, options: dict[str, Any], message: str) -> None:
    failed = azure_objects(**{"bucket": bucket, **options}, fails=True)
    assert message in failed["msg"]
    assert not failed.get("api_calls")


def test_without_the_sdk(azure_objects: Run, bucket: str) -> None:
    failed = azure_objects(bucket=bucket, objects=[], hide=["azure.storage.blob"], fails=True)
    assert "azure-storage-blob" in failed["msg"]


def test_the_examples_and_a_change_in_check_mode_and_for_real_each_repeated(
    play: Play, azurite: Azurite, folder: Path
) -> None:
    (folder / "2026" / "large").unlink()
    name = azurite.filled([])
    tasks = yaml.safe_load(plugin.EXAMPLES)
    for task in tasks:
        task["cloudops.core.azure_blob_objects"].update(bucket=name, storage_account_name="devstoreaccount1")
    directory, texts = tasks
    directory["cloudops.core.azure_blob_objects"]["src"] = str(folder)
    changed = json.loads(json.dumps(texts))
    changed["cloudops.core.azure_blob_objects"]["objects"][1]["content"] = "no"
    each = [{**task, "check_mode": check} for task in (texts, changed) for check in (True, False, False)]
    account = {"module_defaults": {"group/cloudops.core.azure": {"account_url": azurite.endpoint}}}
    done = play(
        *({**task, **account} for task in (directory, *each)),
        diff=True,
        extra_vars={"account_key": azurite.options["account_key"]},
    )
    assert done.statuses == ["changed"] + ["changed", "changed", "ok"] * 2
    for planned, real in ((done[1], done[2]), (done[4], done[5])):
        assert planned["diff"] == real["diff"]
        assert planned["results"] == real["results"]
    assert [result["key"] for result in done[5]["results"] if result["changed"]] == ["health"]
    assert azurite.options["account_key"] not in done.output
    names = [f"yearly/2026/{name}" for name in ("2026/a b+ü%?#.txt", "index.html")]
    assert azurite.holds(name) == ["health", "robots.txt", *names]
