# Copyright (c) 2026 cloudops.core contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The role bucket_lifecycle and its playbook: phases by variable and by tag, and what happens when something goes wrong."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tests.integration.harness import Play, PlayResult
from tests.integration.s3 import Client, S3Server, exists, holds

Lifecycle = Callable[..., PlayResult]
ROLE = "cloudops.core.bucket_lifecycle"
MARKER = "cloudops.core/bucket_lifecycle"


@pytest.fixture
def lifecycle(play: Play, s3_server: S3Server, bucket_name: str) -> Lifecycle:
    """Run the playbook on a bucket of the test's own: options are variables of the role, or else check, only (tags), fails, env."""

    def run(*, name: str = bucket_name, **options: Any) -> PlayResult:
        own = {key: options.pop(key) for key in ("check", "only", "fails", "env") if key in options}
        own["tags"] = own.pop("only", ())
        credentials = {
            "AWS_ACCESS_KEY_ID": s3_server.access_key,
            "AWS_SECRET_ACCESS_KEY": s3_server.secret_key,
            "AWS_REGION": s3_server.region,
            **own.pop("env", {}),
        }
        given = {"name": name, "endpoint_url": s3_server.endpoint, **options}
        variables = {f"bucket_lifecycle_{key}": value for key, value in given.items()}
        return play.playbook(ROLE, extra_vars=variables, env=credentials, **own)

    return run


def status_of(done: PlayResult, name: str) -> str:
    """The status of a task of the role."""
    return done.named(f"{ROLE} : {name}").status


def result_of(done: PlayResult) -> dict[str, Any]:
    """What the role says at its end."""
    facts: dict[str, Any] = done.named(f"{ROLE} : Gather the results")["ansible_facts"]
    result: dict[str, Any] = facts["bucket_lifecycle_result"]
    return result


MAKE, REMOVE = "Create and configure the bucket", "Remove the bucket, or what it holds"


def tags_of(s3: Client, bucket: str) -> dict[str, str]:
    """Tags of a bucket."""
    return {tag["Key"]: tag["Value"] for tag in s3.get_bucket_tagging(Bucket=bucket)["TagSet"]}


def test_from_nothing_to_nothing(lifecycle: Lifecycle, s3: Client, bucket_name: str) -> None:
    dry = lifecycle(versioning="enabled", check=True)
    assert not exists(s3, bucket_name)
    assert result_of(dry)["provisioned"] == ["create bucket", "put versioning", "put tags"]
    assert result_of(dry)["uploaded"] == 1
    assert result_of(dry)["check_mode"]
    done = lifecycle(versioning="enabled", hold_seconds=1)
    result = result_of(done)
    assert not exists(s3, bucket_name)
    assert result["provisioned"] == result_of(dry)["provisioned"]
    assert result["uploaded"] == 1
    assert result["held_seconds"] >= 1
    assert result["cleaned_up"] == ["remove contents", "delete bucket"]
    assert result["removed"] == {"objects": 1, "versions": 0, "delete_markers": 0, "uploads": 0, "bytes": 53}
    assert result["changed"]
    assert result["api_calls"]["CreateBucket"] == result["api_calls"]["DeleteBucket"] == 1
    assert set(result["seconds"]) == {"look", "provision", "upload", "cleanup"}
    assert "removed: 1 objects, 53 bytes" in done.output


def test_phases_as_separate_jobs_with_a_survey(lifecycle: Lifecycle, s3: Client, bucket_name: str) -> None:
    """Every answer is a text, as surveys send them; those that were left out are empty."""
    survey = {
        "phases": "provision\nuse",
        "versioning": "",
        "block_public_access": "",
        "deny_insecure_transport": "false",
        "policy": "",
        "rules": "- id: old\n  prefix: logs/\n  expiration:\n    days: 30\n",
        "tags": "team=storage\n\nnote=a=b\n",
        "upload_prefix": "in/",
        "hold_minutes": "",
        "max_objects": "5",
        "adopt": "false",
    }
    made = lifecycle(**survey)
    assert tags_of(s3, bucket_name) == {"team": "storage", "note": "a=b", MARKER: "managed"}
    assert set(result_of(made)["properties"]) == {"policy", "lifecycle_rules", "tags"}
    assert s3.get_bucket_lifecycle_configuration(Bucket=bucket_name)["Rules"][0]["Expiration"] == {"Days": 30}
    assert [found["Key"] for found in s3.list_objects_v2(Bucket=bucket_name)["Contents"]] == ["in/bucket-lifecycle.txt"]
    assert not any(task.name.endswith(REMOVE) and task.status != "skipped" for task in made.tasks)
    again = lifecycle(**survey)
    assert "changed" not in again.statuses
    assert not result_of(again)["changed"]
    dry = lifecycle(phases="cleanup", check=True)
    assert result_of(dry)["removed"]["objects"] == 1
    assert holds(s3, bucket_name) == {"version": 1}
    removed = lifecycle(phases=["cleanup"])
    assert status_of(removed, REMOVE) == "changed"
    assert not exists(s3, bucket_name)
    assert status_of(lifecycle(phases=["cleanup"]), REMOVE) == "ok"


def test_phases_by_tag(lifecycle: Lifecycle, s3: Client, bucket_name: str) -> None:
    made = lifecycle(only=["provision"])
    assert exists(s3, bucket_name)
    assert not holds(s3, bucket_name)
    assert result_of(made)["provisioned"] == ["create bucket", "put tags"]
    lifecycle(only=["use"])
    assert holds(s3, bucket_name) == {"version": 1}
    emptied = lifecycle(only=["cleanup"], cleanup_state="empty")
    assert result_of(emptied)["cleaned_up"] == ["remove contents"]
    assert exists(s3, bucket_name)
    lifecycle(env={"ANSIBLE_SKIP_TAGS": "provision,use,hold"})
    assert not exists(s3, bucket_name)


def test_clean_up_follows_a_failure_which_stays_one(
    lifecycle: Lifecycle, s3: Client, bucket_name: str, tmp_path: Path
) -> None:
    tasks = tmp_path / "use.yml"
    tasks.write_text(
        "- name: Put something\n"
        "  cloudops.core.s3_objects:\n"
        "    bucket: '{{ bucket_lifecycle_name }}'\n"
        "    objects: [{key: a, content: text}, {key: b, content: text}]\n"
        "- name: Break\n"
        "  ansible.builtin.fail:\n"
        "    msg: the application did not start\n"
    )
    broken = lifecycle(use_tasks=str(tasks), fails=True)
    assert status_of(broken, "Put something") == "changed"
    assert broken.named(f"{ROLE} : Break")["msg"] == "the application did not start"
    assert [task.status for task in broken.tasks].count("failed") == 1
    assert result_of(broken)["removed"]["objects"] == 2
    assert not exists(s3, bucket_name)


def test_what_the_role_did_not_make_is_left_alone(lifecycle: Lifecycle, s3: Client, bucket: str) -> None:
    s3.put_object(Bucket=bucket, Key="precious", Body=b"x")
    for options in ({}, {"only": ["cleanup"]}, {"env": {"ANSIBLE_SKIP_TAGS": "provision"}}):
        refused = lifecycle(**options, fails=True)
        failed = next(task for task in refused.tasks if task.status == "failed")
        assert f"Bucket {bucket} exists and does not have the tag {MARKER}" in failed["msg"]
        assert "bucket_lifecycle_adopt: true" in failed["msg"]
    blind = lifecycle(env={"ANSIBLE_SKIP_TAGS": "always,provision,use"}, fails=True)
    assert (
        status_of(blind, "Refuse to clean up a bucket that this role did not make, whatever tags were skipped")
        == "failed"
    )
    assert holds(s3, bucket) == {"version": 1}
    # Ceph 16 refuses every upload to a bucket that blocks public ACLs, so this comes after the upload.
    lifecycle(adopt="true", phases="provision", block_public_access="true")
    assert set(s3.get_public_access_block(Bucket=bucket)["PublicAccessBlockConfiguration"].values()) == {True}
    lifecycle(phases="cleanup", fails=True)
    assert holds(s3, bucket) == {"version": 1}
    lifecycle(adopt=True, phases="cleanup")
    assert not exists(s3, bucket)


def test_clean_up_refuses_more_than_was_allowed(lifecycle: Lifecycle, s3: Client, bucket_name: str) -> None:
    objects = [{"key": str(number), "content": "x"} for number in range(4)]
    refused = lifecycle(upload_objects=objects, max_objects=3, fails=True)
    assert status_of(refused, REMOVE) == "failed"
    assert "more than max_objects=3" in refused.named(f"{ROLE} : {REMOVE}")["msg"]
    assert holds(s3, bucket_name) == {"version": 4}


@pytest.mark.parametrize(
    ("given", "messages"),
    [
        pytest.param(
            {
                "name": "",
                "phases": "provision, destroy",
                "hold_minutes": "5m",
                "tags": "team",
                "use_tasks": "nowhere.yml",
            },
            [
                "bucket_lifecycle_name is empty",
                'bucket_lifecycle_phases is "provision, destroy"; name one or more of provision, use, hold, cleanup.',
                "bucket_lifecycle_hold_minutes is no whole number",
                "bucket_lifecycle_tags is neither",
                "bucket_lifecycle_use_tasks names nowhere.yml, which is not in ",
            ],
            id="all-at-once",
        ),
        pytest.param({"phases": []}, ["bucket_lifecycle_phases is []"], id="no-phase"),
        pytest.param({"max_objects": ""}, ["bucket_lifecycle_max_objects"], id="no-limit"),
    ],
)
def test_bad_variables(lifecycle: Lifecycle, given: dict[str, Any], messages: list[str]) -> None:
    done = lifecycle(**given, fails=True)
    said = str(next(task for task in done.tasks if task.status == "failed").data)
    assert [message for message in messages if message not in said] == []


def test_the_role_in_a_play_of_its_own(play: Play, s3_server: S3Server, s3: Client, bucket_name: str) -> None:
    """The role connects as the play's module_defaults say."""
    role = {"ansible.builtin.include_role": {"name": ROLE}, "vars": {"bucket_lifecycle_name": bucket_name}}
    done = play(role, defaults=s3_server.options)
    assert status_of(done, MAKE) == "changed"
    assert result_of(done)["cleaned_up"] == ["remove contents", "delete bucket"]
    assert not exists(s3, bucket_name)
