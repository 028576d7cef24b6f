# Copyright (c) 2026 cloudops.core contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""azure_blob_container and azure_blob_container_info on Azurite: the twelve cases, contents of every kind, and each way to sign in."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.integration.azure import AGED, BIG, NO_BATCHES, Azurite, Run, runner, unique_name
from tests.integration.harness import ModuleRunner, Play
from tests.servers.azurite import KEY

NOTHING = {"objects": 0, "versions": 0, "delete_markers": 0, "uploads": 0, "bytes": 0, "snapshots": 0}
ODD_NAMES = [
    "with space",
    " leading and trailing ",
    "ünïcødé/日本/🪣",
    "a+b",
    "100%",
    "%2F",
    "a&b<c>\"d'",
    "dir/sub/",
    "~tilde",
    "semi;colon,comma=equals",
    "?q=1#f",
    "k" * 1024,
    "ü" * 1024,
]


def counts(**given: int) -> dict[str, int]:
    """What was removed."""
    return {**NOTHING, **given}


# The twelve cases


def test_the_twelve_cases_of_present_and_absent(play: Play, azurite: Azurite, tmp_path: Path) -> None:
    """Create, modify and delete, each in check and real mode, each repeated, through ansible-playbook and the action group."""
    name = unique_name()
    made = {"name": name, "public_access": "blob", "metadata": {"team": "finance", "stage": "test"}}
    changed = {"name": name, "public_access": "none", "metadata": {"Team": "ops"}}
    gone = {"name": name, "state": "absent"}
    steps = [(options, check) for options in (made, changed, gone) for check in (True, True, False, False)]
    tasks = [{"cloudops.core.azure_blob_container": options, "check_mode": check} for options, check in steps]
    text = {
        "hosts": "localhost",
        "gather_facts": False,
        "module_defaults": {"group/cloudops.core.azure": azurite.options},
        "tasks": tasks,
    }
    path = tmp_path / "play.json"
    path.write_text(json.dumps([text]), encoding="utf-8")
    done = play.playbook(str(path), diff=True)
    assert done.statuses == ["changed", "changed", "changed", "ok"] * 3
    for first in (0, 4, 8):
        checked, real, again = done[first], done[first + 2], done[first + 3]
        assert checked["diff"] == done[first + 1]["diff"] == real["diff"]
        assert checked["actions"] == real["actions"]
        assert again["diff"]["before"] == again["diff"]["after"]
    assert done[2]["actions"] == ["create container", "put public_access", "put metadata"]
    assert done[2]["api_calls"] == {"CreateContainer": 1, "GetContainerProperties": 1}
    assert done[6]["container"]["properties"] == {"public_access": "none", "metadata": {"team": "ops"}}
    assert done[7]["api_calls"] == {"GetContainerProperties": 1}
    assert KEY not in done.output


def test_the_four_cases_of_empty(azure_container: Run, azurite: Azurite) -> None:
    name = azurite.filled(["a", "b/c"])
    azurite.container(name).get_blob_client("a").create_snapshot()
    checked = azure_container(name=name, state="empty", check=True)
    assert len(azurite.holds(name)) == 3
    assert azure_container(name=name, state="empty", check=True)["diff"] == checked["diff"]
    done = azure_container(name=name, state="empty")
    assert azurite.holds(name) == []
    assert checked["removed"] == done["removed"] == counts(objects=2, snapshots=1, bytes=3)
    assert checked["diff"] == done["diff"]
    again = azure_container(name=name, state="empty")
    assert not again["changed"]
    assert again["removed"] == NOTHING
    assert again["diff"]["before"] == again["diff"]["after"]


def test_the_examples(play: Play, azurite: Azurite) -> None:
    from ansible_collections.cloudops.core.plugins.modules import azure_blob_container as module
    from ansible_collections.cloudops.core.plugins.modules import azure_blob_container_info as info

    text = module.EXAMPLES.replace("storage_account_name: exampleaccount", f"account_url: {azurite.endpoint}")
    facts = info.EXAMPLES.replace("storage_account_name: exampleaccount", f"account_url: {azurite.endpoint}")
    tasks, looks = yaml.safe_load(text), yaml.safe_load(facts)
    done = play(tasks[0], *looks, *tasks[1:], extra_vars={"account_key": KEY})
    assert done.statuses == ["changed", "ok", "ok", "ok", "ok", "ok", "changed"]
    found = done[3]["containers"]
    assert [(one["name"], one["properties"]["metadata"]["value"]) for one in found] == [
        ("example-reports-2026", {"team": "finance"})
    ]
    documented = set(yaml.safe_load(module.RETURN)) | {"changed", "diff", "failed", "invocation"}
    for task in (done[0], *done.tasks[4:]):
        assert {key for key in task.data if not key.startswith("_ansible")} <= documented
    told = {key for key in done[1].data if not key.startswith("_ansible")}
    assert told <= set(yaml.safe_load(info.RETURN)) | {"changed", "failed", "invocation"}


# Properties


def test_only_what_is_given_is_touched(azure_container: Run, azurite: Azurite) -> None:
    name = unique_name()
    azurite.container(name).create_container(metadata={"Kept": "1"}, public_access="container")
    assert not azure_container(name=name)["changed"]
    done = azure_container(name=name, metadata={"new": "2"}, purge_metadata=False)
    assert done["container"]["properties"]["metadata"] == {"Kept": "1", "new": "2"}
    assert done["actions"] == ["put metadata"]
    there = azurite.container(name).get_container_properties()
    assert (there.public_access, there.metadata) == ("container", {"Kept": "1", "new": "2"})
    assert not azure_container(name=name, metadata={"NEW": 2, "kept": "1"})["changed"]
    assert azure_container(name=name, metadata={})["container"]["properties"]["metadata"] is None


def test_stored_access_policies_survive_a_change_of_access(azure_container: Run, azurite: Azurite) -> None:
    from azure.storage.blob import AccessPolicy

    name = azurite.filled([])
    given = {"readers": AccessPolicy(permission="r", start="2026-01-01T00:00:00Z", expiry="2036-01-01T00:00:00Z")}
    azurite.container(name).set_container_access_policy(given)
    azure_container(name=name, public_access="blob")
    there = azurite.container(name).get_container_access_policy()
    (policy,) = there["signed_identifiers"]
    assert there["public_access"] == "blob"
    assert (policy.id, policy.access_policy.permission) == ("readers", "r")
    assert str(policy.access_policy.expiry).startswith("2036-01-01")


# Contents


def test_odd_names(azure_container: Run, azurite: Azurite) -> None:
    name = azurite.filled(ODD_NAMES)
    done = azure_container(name=name, state="empty")
    assert azurite.holds(name) == []
    assert done["removed"] == counts(objects=len(ODD_NAMES), bytes=len(ODD_NAMES))


@pytest.mark.parametrize("prefix", ["logs/", "a+b%20/", "ünï/", "with space/"])
def test_prefix(azure_container: Run, azurite: Azurite, prefix: str) -> None:
    keep = ["log", "other/x", prefix.upper() + "x"]
    name = azurite.filled([*keep, f"{prefix}1", f"{prefix}2", f"{prefix}1/3"])
    assert azure_container(name=name, state="empty", prefix=prefix)["removed"]["objects"] == 3
    assert azurite.holds(name) == sorted(keep)
    assert not azure_container(name=name, state="empty", prefix=prefix)["changed"]


def test_more_than_5000_blobs_and_a_limit(azure_container: Run, azurite: Azurite) -> None:
    total = 5000 + 3 + 3 * 2
    failed = azure_container(name=BIG, state="empty", max_objects=total - 1, fails=True)
    assert failed["error"]["code"] == "LimitExceeded"
    assert not failed["changed"]
    assert "SubmitBatch" not in failed["api_calls"]
    failed = azure_container(name=BIG, state="absent", fails=True)
    assert failed["error"]["code"] == "BucketNotEmpty"
    assert "at least 5" in failed["msg"]
    # Azurite takes 7 ms of a processor to delete a blob, so that only some of them go by batch.
    done = azure_container(name=BIG, state="empty", prefix="00049", concurrency=2)
    assert done["removed"] == counts(objects=100, bytes=100)
    assert NO_BATCHES or done["api_calls"]["SubmitBatch"] == 4
    assert len(azurite.holds(BIG)) == total - 100
    done = azure_container(name=BIG, state="absent", force=True)
    assert done["removed"] == counts(objects=4903, snapshots=6, bytes=total - 100)
    assert done["api_calls"]["DeleteContainer"] == 1


def test_older_than(azure_container: Run, azurite: Azurite) -> None:
    azurite.container(AGED).get_blob_client("old/0000000").create_snapshot()
    done = azure_container(name=AGED, state="empty", older_than="1h")
    assert done["removed"] == counts(objects=19, bytes=19)
    left = azurite.holds(AGED)
    assert left == ["new/0000000", "new/0000001", "new/0000002", "new/0000003", "new/0000004", *["old/0000000"] * 2]


def test_noncurrent_only(azure_container: Run, azurite: Azurite) -> None:
    name = azurite.filled(["a", "b"])
    for _again in range(2):
        azurite.container(name).get_blob_client("a").create_snapshot()
    done = azure_container(name=name, state="empty", noncurrent_only=True)
    assert done["removed"] == counts(snapshots=2, bytes=2)
    assert azurite.holds(name) == ["a", "b"]


# Leases


@pytest.fixture
def leased(azurite: Azurite) -> str:
    """A container with three blobs, of which one is leased, and has a snapshot."""
    name = azurite.filled(["a", "leased", "z"])
    blob = azurite.container(name).get_blob_client("leased")
    blob.create_snapshot()
    blob.acquire_lease()
    return name


def test_leased_blobs_stay_and_are_reported(azure_container: Run, azurite: Azurite, leased: str) -> None:
    checked = azure_container(name=leased, state="empty", check=True, fails=True)
    failed = azure_container(name=leased, state="empty", fails=True)
    assert checked["removed"] == failed["removed"] == counts(objects=2, bytes=2)
    assert checked["refused"] == failed["refused"]
    assert [(group["code"], group["count"]) for group in failed["refused"]] == [("LeaseIdMissing", 1)]
    assert "leases: break" in failed["msg"]
    assert azurite.holds(leased) == ["leased", "leased"]
    assert "would be removed" in checked["msg"]


def test_leases_are_broken_on_request(azure_container: Run, azurite: Azurite, leased: str) -> None:
    checked = azure_container(name=leased, state="empty", leases="break", check=True)
    done = azure_container(name=leased, state="empty", leases="break")
    assert checked["removed"] == done["removed"] == counts(objects=3, snapshots=1, bytes=4)
    assert checked["leases_broken"] == done["leases_broken"] == 1
    assert azurite.holds(leased) == []


def test_a_container_with_leased_blobs_goes_only_on_request(
    azure_container: Run, azurite: Azurite, leased: str
) -> None:
    failed = azure_container(name=leased, state="absent", force=True, fails=True)
    assert not failed["changed"]
    assert len(azurite.holds(leased)) == 4
    done = azure_container(name=leased, state="absent", force=True, leases="break")
    assert done["removed"] == counts(objects=3, snapshots=1, bytes=4)
    assert done["api_calls"] == {"DeleteContainer": 1, "GetContainerProperties": 1, "ListBlobs": 1}


def test_a_leased_container(azure_container: Run, azurite: Azurite) -> None:
    name = azurite.filled(["a"])
    azurite.container(name).acquire_lease()
    for check in (True, False):
        failed = azure_container(name=name, state="absent", force=True, check=check, fails=True)
        assert failed["error"]["code"] == "LeaseIdMissing"
        assert not failed["changed"]
    assert azurite.holds(name) == ["a"]
    done = azure_container(name=name, state="absent", force=True, leases="break")
    assert (done["leases_broken"], done["actions"]) == (1, ["remove contents", "delete container"])
    assert not azurite.container(name).exists()


# Absent, and ways in


@pytest.mark.parametrize("check", [False, True], ids=["real", "check"])
def test_absent_without_force_says_what_is_there(azure_container: Run, azurite: Azurite, check: bool) -> None:
    name = azurite.filled(["a", "b"])
    failed = azure_container(name=name, state="absent", check=check, fails=True)
    assert failed["contents"] == counts(objects=2, bytes=2)
    assert "force: true" in failed["msg"]
    assert "2 objects" in failed["msg"]
    assert azurite.holds(name) == ["a", "b"]


@pytest.mark.parametrize(
    "params", [{"state": "empty"}, {"state": "absent"}, {"state": "absent", "force": True}], ids=str
)
def test_a_container_that_does_not_exist_is_ok(azure_container: Run, azurite: Azurite, params: dict[str, Any]) -> None:
    done = azure_container(name=unique_name(), **params)
    assert not done["changed"]
    assert done["removed"] == NOTHING
    assert done["api_calls"] == {"GetContainerProperties": 1}


@pytest.mark.parametrize("way", ["key", "sas", "connection string", "variables"])
def test_ways_to_sign_in(run_module: ModuleRunner, azurite: Azurite, way: str) -> None:
    given, env = {
        "key": ({"endpoint": azurite.endpoint, "account_key": KEY, "account_name": "devstoreaccount1"}, {}),
        "sas": ({"account_url": azurite.endpoint, "sas_token": "?" + azurite.sas()}, {}),
        "connection string": ({"connection_string": azurite.connection_string}, {}),
        "variables": ({}, {"AZURE_STORAGE_CONNECTION_STRING": azurite.connection_string}),
    }[way]
    name = azurite.filled(["a", "b"])
    # Azurite answers a batch that is signed with a shared access signature with 500, so nothing is emptied here.
    done = run_module("azure_blob_container", {**given, "name": name, "state": "absent", "force": True}, env=env)
    assert done["removed"]["objects"] == 2


def test_a_wrong_key_is_denied_and_not_shown(azure_container: Run) -> None:
    failed = azure_container(name="any-name", account_key="d3Jvbmcta2V5", fails=True)
    assert failed["error"]["kind"] == "denied"
    assert "account_key" in failed["msg"]
    assert "d3Jvbmcta2V5" not in json.dumps(failed)


def test_info(run_module: ModuleRunner, azurite: Azurite) -> None:
    look = runner(run_module, "azure_blob_container_info", azurite.options)
    one, other = unique_name(), unique_name()
    azurite.container(one).create_container(metadata={"Team": "info"}, public_access="blob")
    azurite.container(other).create_container(metadata={"team": "others"})
    azurite.container(other).acquire_lease()
    found = look(properties=["public_access"], metadata={"TEAM": "info"})
    assert [(box["name"], box["properties"]) for box in found["containers"]] == [
        (one, {"public_access": {"state": "value", "value": "blob"}})
    ]
    assert found["api_calls"] == {"ListContainers": 1}
    named = look(names=[other, "not-there", one], properties=["all"])
    assert [box["name"] for box in named["containers"]] == [other, one]
    assert named["missing"] == ["not-there"]
    assert named["containers"][0]["properties"]["lease"]["value"]["state"] == "leased"
    assert named["containers"][1]["properties"]["immutability"] == {"state": "absent"}
    assert named["containers"][0]["url"] == f"{azurite.endpoint}/{other}"
    assert not named["changed"]
