# Copyright (c) 2026 cloudops.core contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""gcs_bucket, state present: the bucket and its properties, and others who write at the same time."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import pytest
import yaml
from ansible_collections.cloudops.core.plugins.modules import gcs_bucket as plugin

from tests.integration.gcs import PROJECT, Run, exists, request, unique_name
from tests.integration.harness import Play, Result
from tests.servers.fault_proxy import FaultProxy
from tests.servers.faults import Request
from tests.servers.gcs import GcsServer

KEY = "projects/p/locations/eu/keyRings/r/cryptoKeys/k"


def comparable(result: Result) -> Result:
    """A result without what differs from run to run: times, counts of requests, Ansible's own additions."""
    ours = ("name", "actions", "bucket", "removed", "selection", "refused", "diff", "msg", "error")
    return {"changed": bool(result.get("changed")), **{key: result[key] for key in ours if key in result}}


# ---------------------------------------------------------------------------------- the twelve cases, as users run them

CREATED: dict[str, Any] = {
    "location": "eu",
    "storage_class": "NEARLINE",
    "labels": {"team": "finance", "cost-centre": "42"},
    "versioning": "enabled",
    "uniform_bucket_level_access": True,
    "lifecycle_rules": [
        {"action": {"type": "Delete"}, "condition": {"age": 90, "matches_prefix": ["logs/", "a/"]}},
        {"action": {"type": "AbortIncompleteMultipartUpload"}, "condition": {"age": 7}},
    ],
    "soft_delete_retention": "0",
}
MODIFIED: dict[str, Any] = {
    "labels": {"team": "platform"},
    "versioning": "suspended",
    "public_access_prevention": "enforced",
    "lifecycle_rules": [{"action": {"type": "Delete"}, "condition": {"age": 30}}],
}


def four(**params: Any) -> list[Result]:
    """A task twice in check mode and twice for real."""
    task: Result = {"cloudops.core.gcs_bucket": params}
    return [{**task, "check_mode": True}, {**task, "check_mode": True}, task, task]


def test_create_modify_delete_each_in_check_and_real_mode_each_repeated(play: Play, gcs: GcsServer) -> None:
    name = unique_name()
    gcs.create("unrelated")
    gcs.put("unrelated", "a")
    modified = four(name=name, **MODIFIED)
    fill = {
        "ansible.builtin.uri": {
            "url": f"{gcs.endpoint}/upload/storage/v1/b/{name}/o?uploadType=media&name=x",
            "method": "POST",
            "body": "x",
        }
    }
    tasks = [*four(name=name, **CREATED), *modified, fill, *four(name=name, state="absent", force=True)]
    env = {"STORAGE_EMULATOR_HOST": gcs.endpoint, "GCP_PROJECT": PROJECT}
    done = play(*tasks, diff=True, env=env)
    assert [task.status for task in done.tasks if "gcs_bucket" in task.action] == [
        "changed",
        "changed",
        "changed",
        "ok",
    ] * 3
    results = [comparable(task.data) for task in done.tasks if "gcs_bucket" in task.action]
    for start in (0, 4, 8):
        assert results[start] == results[start + 1] == results[start + 2], "check mode must tell what the real run does"

    made, changed, gone = results[2], results[6], results[10]
    assert made["diff"]["before"] == {"state": "absent"}
    assert made["diff"]["after"]["location"] == made["bucket"]["location"] == "EU"
    assert made["actions"][0] == "create bucket"
    assert made["bucket"]["properties"]["soft_delete_retention"] is None
    assert results[3]["diff"]["before"] == results[3]["diff"]["after"]
    assert changed["diff"]["before"]["labels"] == CREATED["labels"]
    assert changed["diff"]["after"]["labels"] == MODIFIED["labels"]
    assert sorted(changed["actions"]) == [
        "put labels",
        "put lifecycle_rules",
        "put public_access_prevention",
        "put versioning",
    ]
    assert gone["removed"] == {"objects": 1, "versions": 0, "delete_markers": 0, "uploads": 0, "bytes": 1}
    assert gone["diff"]["after"] == {"state": "absent"}
    assert not exists(gcs, name)
    assert gcs.held("unrelated") == [("a", True)]
    # Each of the four real changes was one request, and none of the repetitions or check runs wrote anything.
    writes = {operation: count for operation, count in gcs.api.calls.items() if operation.startswith("buckets.")}
    assert (writes["buckets.insert"], writes["buckets.patch"], writes["buckets.delete"]) == (1, 1, 1)
    assert writes["buckets.get"] == 12


def test_what_is_created_is_what_the_api_shows(gcs_bucket: Run, gcs: GcsServer) -> None:
    name = unique_name()
    done = gcs_bucket(name=name, **CREATED)
    assert done["api_calls"] == {"buckets.get": 1, "buckets.insert": 1}
    shown = gcs.document(name)
    assert shown["location"] == "EU"
    assert shown["storageClass"] == "NEARLINE"
    assert shown["labels"] == CREATED["labels"]
    assert shown["versioning"] == {"enabled": True}
    assert shown["iamConfiguration"]["uniformBucketLevelAccess"]["enabled"] is True
    assert shown["softDeletePolicy"] == {"retentionDurationSeconds": "0"}
    assert shown["lifecycle"]["rule"][0] == {
        "action": {"type": "Delete"},
        "condition": {"age": 90, "matchesPrefix": ["a/", "logs/"]},
    }
    again = gcs_bucket(name=name, **CREATED)
    assert (again["changed"], again["api_calls"]) == (False, {"buckets.get": 1})


# ------------------------------------------------------------------------------------------------------ every property

CORS = [{"origin": ["https://a.example", "*"], "method": ["GET", "PUT"], "max_age_seconds": 60}]
RULE = {
    "action": {"type": "SetStorageClass", "storage_class": "ARCHIVE"},
    "condition": {"created_before": "2026-01-01"},
}


def in_iam(name: str) -> Callable[[dict[str, Any]], Any]:
    return lambda document: document["iamConfiguration"][name]


LIVES: list[Any] = [
    # property, what the API then shows, and the steps: option values, and what is shown
    pytest.param(
        "storage_class", lambda d: d["storageClass"], [("COLDLINE", "COLDLINE"), ("STANDARD", "STANDARD")], id="c"
    ),
    pytest.param(
        "labels",
        lambda d: d.get("labels"),
        [({"a": "1", "b": 2}, {"a": "1", "b": "2"}), ({"b": "3"}, {"b": "3"}), ({}, None)],
        id="labels",
    ),
    pytest.param(
        "versioning",
        lambda d: d.get("versioning"),
        [("enabled", {"enabled": True}), ("suspended", {"enabled": False}), (True, {"enabled": True})],
        id="versioning",
    ),
    pytest.param(
        "uniform_bucket_level_access",
        lambda d: d["iamConfiguration"]["uniformBucketLevelAccess"]["enabled"],
        [(True, True), (False, False)],
        id="uniform",
    ),
    pytest.param(
        "public_access_prevention",
        in_iam("publicAccessPrevention"),
        [("enforced", "enforced"), ("inherited", "inherited")],
        id="prevention",
    ),
    pytest.param(
        "lifecycle_rules",
        lambda d: d.get("lifecycle"),
        [
            (
                [RULE],
                {
                    "rule": [
                        {
                            "action": {"type": "SetStorageClass", "storageClass": "ARCHIVE"},
                            "condition": {"createdBefore": "2026-01-01"},
                        }
                    ]
                },
            ),
            ([], None),
        ],
        id="lifecycle",
    ),
    pytest.param(
        "retention_period",
        lambda d: (d.get("retentionPolicy") or {}).get("retentionPeriod"),
        [("1h", "3600"), ("90", "90"), ("0", None)],
        id="retention",
    ),
    pytest.param(
        "soft_delete_retention",
        lambda d: d["softDeletePolicy"]["retentionDurationSeconds"],
        [("30d", "2592000"), ("0", "0"), ("7d", "604800")],
        id="soft-delete",
    ),
    pytest.param(
        "default_kms_key_name",
        lambda d: d.get("encryption"),
        [(KEY, {"defaultKmsKeyName": KEY}), ("none", None)],
        id="kms",
    ),
    pytest.param(
        "logging",
        lambda d: d.get("logging"),
        [
            ({"log_bucket": "logs-one"}, {"logBucket": "logs-one", "logObjectPrefix": "the-bucket"}),
            (
                {"log_bucket": "logs-one", "log_object_prefix": "x"},
                {"logBucket": "logs-one", "logObjectPrefix": "x"},
            ),
            ({"enabled": False}, None),
        ],
        id="logging",
    ),
    pytest.param(
        "website",
        lambda d: d.get("website"),
        [
            (
                {"main_page_suffix": "index.html", "not_found_page": "404.html"},
                {"mainPageSuffix": "index.html", "notFoundPage": "404.html"},
            ),
            ({"main_page_suffix": "home.html"}, {"mainPageSuffix": "home.html"}),
            ({}, None),
        ],
        id="website",
    ),
    pytest.param(
        "cors",
        lambda d: d.get("cors"),
        [
            (CORS, [{"origin": ["https://a.example", "*"], "method": ["GET", "PUT"], "maxAgeSeconds": 60}]),
            ([], None),
        ],
        id="cors",
    ),
    pytest.param(
        "requester_pays",
        lambda d: (d.get("billing") or {}).get("requesterPays"),
        [(True, True), (False, False)],
        id="requester-pays",
    ),
]


@pytest.mark.parametrize(("name", "shown", "steps"), LIVES)
def test_each_property_through_its_life(
    gcs_bucket: Run,
    gcs_bucket_info: Run,
    gcs: GcsServer,
    name: str,
    shown: Callable[[dict[str, Any]], Any],
    steps: list[tuple[Any, Any]],
) -> None:
    bucket = "the-bucket"
    gcs.create(bucket, labels={"other": "x"} if name != "labels" else {})
    for value, expected in steps:
        planned = gcs_bucket(name=bucket, check=True, **{name: value})
        done = gcs_bucket(name=bucket, **{name: value})
        assert comparable(planned) == comparable(done)
        assert done["changed"]
        assert done["diff"]["before"] != done["diff"]["after"]
        assert shown(gcs.document(bucket)) == expected
        assert not gcs_bucket(name=bucket, **{name: value})["changed"]
        (told,) = gcs_bucket_info(names=[bucket], properties=[name])["buckets"]
        assert told["properties"][name].get("value") == done["bucket"]["properties"][name]
    if name != "labels":
        assert gcs.document(bucket)["labels"] == {"other": "x"}, "what isn't given is untouched"
    # A new bucket that begins with the last step is the same.
    gcs_bucket(name="second-bucket", **{name: steps[0][0]})
    second = {**gcs.document("second-bucket"), "name": bucket}
    if name != "logging":
        assert shown(second) == steps[0][1]
    assert not gcs_bucket(name="second-bucket", **{name: steps[0][0]})["changed"]


def test_labels_can_be_kept(gcs_bucket: Run, gcs: GcsServer) -> None:
    gcs.create("bucket-one", labels={"a": "1", "b": "2"})
    done = gcs_bucket(name="bucket-one", labels={"b": "3", "c": "4"}, purge_labels=False)
    assert (
        done["bucket"]["properties"]["labels"] == gcs.document("bucket-one")["labels"] == {"a": "1", "b": "3", "c": "4"}
    )


def test_all_that_differs_is_one_request(gcs_bucket: Run, gcs: GcsServer) -> None:
    gcs.create("bucket-one", labels={"a": "1"})
    done = gcs_bucket(name="bucket-one", **{key: value for key, value in CREATED.items() if key != "location"})
    assert done["api_calls"] == {"buckets.get": 1, "buckets.patch": 1}
    assert gcs.document("bucket-one")["metageneration"] == "2"
    (query,) = [query for operation, query in gcs.api.queries if operation == "buckets.patch"]
    assert query["ifMetagenerationMatch"] == "1"


def test_a_locked_policy_is_told_and_can_only_grow(gcs_bucket: Run, gcs_bucket_info: Run, gcs: GcsServer) -> None:
    gcs.create("bucket-one", retentionPolicy={"retentionPeriod": "3600"})
    status, _document = request(
        gcs.endpoint, "POST", "/storage/v1/b/bucket-one/lockRetentionPolicy?ifMetagenerationMatch=1"
    )
    assert status == 200
    (told,) = gcs_bucket_info(names=["bucket-one"], properties=["retention_period"])["buckets"]
    assert told["properties"]["retention_period"] == {"state": "value", "value": {"seconds": 3600, "locked": True}}
    for period in ("0", "59m"):
        failed = gcs_bucket(name="bucket-one", retention_period=period, fails=True)
        assert (failed["error"]["kind"], failed["error"]["code"]) == ("conflict", "retentionPolicyNotMet")
        assert failed["api_calls"] == {"buckets.get": 1}
    done = gcs_bucket(name="bucket-one", retention_period="2h")
    assert done["bucket"]["properties"]["retention_period"] == {"seconds": 7200, "locked": True}


@pytest.mark.parametrize(
    "params", [{}, {"state": "empty"}, {"state": "absent", "force": True}], ids=["present", "empty", "absent"]
)
def test_a_bucket_elsewhere_is_a_conflict_before_anything_is_done(
    gcs_bucket: Run, gcs: GcsServer, params: dict[str, Any]
) -> None:
    gcs.create("bucket-one", location="US")
    gcs.put("bucket-one", "a")
    for check in (True, False):
        failed = gcs_bucket(name="bucket-one", location="europe-west3", check=check, fails=True, **params)
        assert (failed["error"]["kind"], failed["error"]["code"]) == ("conflict", "LocationMismatch")
        assert "in location US, not in EUROPE-WEST3" in failed["msg"]
        assert failed["api_calls"] == {"buckets.get": 1}
    assert gcs.held("bucket-one") == [("a", True)]
    assert not gcs_bucket(name="bucket-one", location="us")["changed"]


# --------------------------------------------------------------------------------------------------- others who write


def rival(gcs: GcsServer, name: str, body: dict[str, Any], times: int = 1) -> Callable[[Request], None]:
    """Somebody who changes the bucket just before our own change comes through, so many times."""
    left = [times]

    def strike(_request: Request) -> None:
        if left[0]:
            left[0] -= 1
            assert request(gcs.endpoint, "PATCH", f"/storage/v1/b/{name}", body)[0] == 200

    return strike


def test_two_writers_never_undo_each_other(gcs_bucket: Run, gcs: GcsServer, gcs_proxy: FaultProxy) -> None:
    gcs.create("bucket-one", labels={"a": "1"})
    gcs_proxy.hook("buckets.patch", rival(gcs, "bucket-one", {"labels": {"theirs": "x"}, "storageClass": "ARCHIVE"}))
    done = gcs_bucket(gcs_proxy, name="bucket-one", labels={"ours": "y"}, purge_labels=False)
    assert gcs.document("bucket-one")["labels"] == {"a": "1", "theirs": "x", "ours": "y"}
    assert gcs.document("bucket-one")["storageClass"] == "ARCHIVE"
    assert done["bucket"]["properties"]["labels"] == {"a": "1", "theirs": "x", "ours": "y"}
    assert done["diff"]["before"]["labels"] == {"a": "1", "theirs": "x"}
    assert done["api_calls"] == {"buckets.get": 2, "buckets.patch": 2}
    assert done["changed"]


def test_a_rival_who_does_what_we_want_leaves_nothing_to_do(
    gcs_bucket: Run, gcs: GcsServer, gcs_proxy: FaultProxy
) -> None:
    gcs.create("bucket-one")
    gcs_proxy.hook("buckets.patch", rival(gcs, "bucket-one", {"versioning": {"enabled": True}}))
    done = gcs_bucket(gcs_proxy, name="bucket-one", versioning="enabled")
    assert done["api_calls"] == {"buckets.get": 2, "buckets.patch": 1}
    assert done["bucket"]["properties"] == {"versioning": "enabled"}


def test_it_gives_up_when_others_keep_writing(gcs_bucket: Run, gcs: GcsServer, gcs_proxy: FaultProxy) -> None:
    gcs.create("bucket-one")
    gcs_proxy.hook("buckets.patch", rival(gcs, "bucket-one", {"labels": {"theirs": "x"}}, times=99))
    failed = gcs_bucket(gcs_proxy, name="bucket-one", labels={"ours": "y"}, fails=True)
    assert (failed["error"]["kind"], failed["error"]["code"]) == ("conflict", "conditionNotMet")
    assert failed["api_calls"] == {"buckets.get": 4, "buckets.patch": 4}
    assert failed["actions"] == []
    assert failed["actions_not_done"] == ["put labels"]
    assert "run again" in failed["msg"]
    assert gcs.document("bucket-one")["labels"] == {"theirs": "x"}


def test_a_change_whose_answer_is_lost_was_made_once(gcs_bucket: Run, gcs: GcsServer, gcs_proxy: FaultProxy) -> None:
    gcs.create("bucket-one")
    gcs_proxy.drop("buckets.patch", after_forwarding=True, first=1)
    done = gcs_bucket(gcs_proxy, name="bucket-one", labels={"a": "1"})
    assert done["changed"]
    assert done["actions"] == ["put labels"]
    assert gcs.document("bucket-one")["metageneration"] == "2"


@pytest.mark.parametrize("theirs", [{}, {"labels": {"theirs": "x"}}], ids=["lost", "raced"])
def test_a_creation_whose_answer_is_lost_or_that_somebody_else_was_quicker_with(
    gcs_bucket: Run, gcs: GcsServer, gcs_proxy: FaultProxy, theirs: dict[str, Any]
) -> None:
    if theirs:
        gcs_proxy.hook("buckets.insert", lambda _request: gcs.create("bucket-one", **theirs))
    else:
        gcs_proxy.drop("buckets.insert", after_forwarding=True, first=1)
    done = gcs_bucket(gcs_proxy, name="bucket-one", labels={"a": "1"}, purge_labels=False)
    assert done["changed"]
    assert done["actions"] == ["create bucket", "put labels"]
    assert gcs.document("bucket-one")["labels"] == {**theirs.get("labels", {}), "a": "1"}
    assert done["bucket"]["properties"]["labels"] == gcs.document("bucket-one")["labels"]


def test_a_creation_that_meets_a_bucket_elsewhere(gcs_bucket: Run, gcs: GcsServer, gcs_proxy: FaultProxy) -> None:
    gcs_proxy.hook("buckets.insert", lambda _request: gcs.create("bucket-one", location="US"))
    failed = gcs_bucket(gcs_proxy, name="bucket-one", location="EU", fails=True)
    assert failed["error"]["code"] == "LocationMismatch"


def test_a_name_that_is_taken(gcs_bucket: Run, gcs: GcsServer, gcs_proxy: FaultProxy) -> None:
    gcs.create("bucket-one", project="somebody-else")
    failed = gcs_bucket(name="bucket-one", fails=True)
    assert failed["error"]["kind"] == "denied"
    gcs_proxy.fail("buckets.get", "notFound", 404, first=1)
    failed = gcs_bucket(gcs_proxy, name="bucket-one", fails=True)
    assert (failed["error"]["kind"], failed["error"]["code"]) == ("conflict", "conflict")
    assert "taken" in failed["msg"]
    assert "another name" in failed["msg"]


def test_a_refused_change_tells_what_was_not_done(gcs_bucket: Run, gcs: GcsServer) -> None:
    gcs.create("bucket-one")
    gcs.api.denied.add(("storage.buckets.update", ""))
    failed = gcs_bucket(name="bucket-one", labels={"a": "1"}, versioning="enabled", fails=True)
    assert (failed["error"]["kind"], failed["error"]["code"]) == ("denied", "forbidden")
    assert failed["actions"] == []
    assert failed["actions_not_done"] == ["put versioning", "put labels"]
    assert not failed["changed"]
    for word in ("set the", "versioning", "labels", "bucket-one", "storage.buckets.update", "roles/storage.admin"):
        assert word in failed["msg"]


def test_requester_pays_asks_for_a_billing_project(gcs_bucket: Run, gcs: GcsServer) -> None:
    gcs.create("bucket-one", billing={"requesterPays": True})
    gcs.put("bucket-one", "a", "b")
    gcs.api.owns_buckets = False
    failed = gcs_bucket(name="bucket-one", fails=True)
    assert failed["error"]["code"] == "userProjectMissing"
    assert "billing_project" in failed["msg"]
    done = gcs_bucket(name="bucket-one", state="absent", force=True, billing_project=PROJECT)
    assert done["removed"]["objects"] == 2
    assert {query.get("userProject") for _operation, query in gcs.api.queries[1:]} == {PROJECT}


def test_rules_with_something_newer_are_replaced_only_where_asked(gcs_bucket: Run, gcs: GcsServer) -> None:
    gcs.create("bucket-one", lifecycle={"rule": [{"action": {"type": "Delete"}, "condition": {"age": 30}}]})
    newer = {"action": {"type": "Delete"}, "condition": {"age": 30, "matchesPattern": "**"}}
    gcs.store.bucket("bucket-one").fields["lifecycle"] = {"rule": [newer]}
    assert not gcs_bucket(name="bucket-one")["changed"]
    done = gcs_bucket(name="bucket-one", lifecycle_rules=[{"action": {"type": "Delete"}, "condition": {"age": 30}}])
    assert done["changed"]
    assert done["diff"]["before"]["lifecycle_rules"][0]["condition"]["matches_pattern"] == "**"


# ------------------------------------------------------------------------------------------------------------ examples


def test_the_examples_of_both_modules_run(play: Play, gcs: GcsServer) -> None:
    from ansible_collections.cloudops.core.plugins.modules import gcs_bucket_info

    tasks = yaml.safe_load(plugin.EXAMPLES)
    info = yaml.safe_load(gcs_bucket_info.EXAMPLES)
    gcs.api.projects = {"example-project"}
    env = {"STORAGE_EMULATOR_HOST": gcs.endpoint}
    done = play(*tasks[:3], *info, tasks[3], env=env)
    assert done.statuses == ["changed", "changed", "ok", "ok", "ok", "ok", "changed"]
    team = done.named("Find the buckets of a team")
    assert [bucket["name"] for bucket in team["buckets"]] == ["example-reports-2026"]
    assert json.dumps(team["buckets"][0]["properties"]["versioning"]) == '{"state": "value", "value": "enabled"}'
    assert not exists(gcs, "example-reports-2026")
