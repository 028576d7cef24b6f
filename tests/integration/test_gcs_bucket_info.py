# Copyright (c) 2026 cloudops.core contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""gcs_bucket_info: one, many, all; what is configured, what isn't, and what nobody can say."""

from __future__ import annotations

from typing import Any

import pytest

from tests.integration.gcs import Run, request
from tests.servers.fault_proxy import FaultProxy
from tests.servers.gcs import GcsServer

PUBLIC = {"bindings": [{"role": "roles/storage.objectViewer", "members": ["allUsers"]}]}


@pytest.fixture
def three(gcs: GcsServer) -> GcsServer:
    """Three buckets of ours, and one of somebody else."""
    gcs.create("bucket-b", labels={"team": "finance"}, location="EU")
    gcs.create("bucket-a", labels={"team": "finance", "tier": "1"}, versioning={"enabled": True})
    gcs.create("other-c")
    gcs.create("foreign", project="somebody-else")
    return gcs


def names(result: dict[str, Any]) -> list[str]:
    return [bucket["name"] for bucket in result["buckets"]]


def test_all_of_a_project_cost_one_call(gcs_bucket_info: Run, three: GcsServer) -> None:
    done = gcs_bucket_info(properties=["labels", "versioning", "storage_class"])
    assert names(done) == ["bucket-a", "bucket-b", "other-c"]
    assert done["api_calls"] == {"buckets.list": 1}
    first, second, third = done["buckets"]
    assert (first["location"], first["location_type"]) == ("US", "multi-region")
    assert second["location"] == "EU"
    assert first["creation_date"].startswith("20")
    assert first["properties"]["versioning"] == {"state": "value", "value": "enabled"}
    assert second["properties"]["versioning"] == {"state": "absent"}
    assert third["properties"] == {
        "labels": {"state": "absent"},
        "versioning": {"state": "absent"},
        "storage_class": {"state": "value", "value": "STANDARD"},
    }
    assert not done["changed"]


def test_many_pages(gcs_bucket_info: Run, gcs: GcsServer) -> None:
    for number in range(1001):
        gcs.create(f"bucket-{number:04d}")
    done = gcs_bucket_info(name_prefix="bucket-", check=True)
    assert len(done["buckets"]) == 1001
    assert done["api_calls"] == {"buckets.list": 2}


@pytest.mark.parametrize(
    ("query", "expected"),
    [
        ({"name_prefix": "bucket-"}, ["bucket-a", "bucket-b"]),
        ({"labels": {"team": "finance"}}, ["bucket-a", "bucket-b"]),
        ({"labels": {"team": "finance", "tier": 1}}, ["bucket-a"]),
        ({"labels": {"team": "platform"}}, []),
        ({"name_prefix": "o", "labels": {"team": "finance"}}, []),
        ({"names": ["other-c", "bucket-a", "other-c"]}, ["other-c", "bucket-a"]),
        ({"names": ["other-c", "bucket-a"], "labels": {"tier": "1"}}, ["bucket-a"]),
        ({"names": []}, []),
    ],
)
def test_selections(gcs_bucket_info: Run, three: GcsServer, query: dict[str, Any], expected: list[str]) -> None:
    assert names(gcs_bucket_info(**query)) == expected


def test_missing_and_forbidden_names_hide_nobody_else(gcs_bucket_info: Run, three: GcsServer) -> None:
    failed = gcs_bucket_info(names=["nowhere-x", "bucket-a", "foreign", "nowhere-y"], properties=["labels"], fails=True)
    assert names(failed) == ["bucket-a"]
    assert failed["missing"] == ["nowhere-x", "nowhere-y"]
    (failure,) = failed["failures"]
    assert (failure["name"], failure["kind"], failure["code"]) == ("foreign", "denied", "forbidden")
    assert "foreign" in failed["msg"]
    assert failed["api_calls"] == {"buckets.get": 4}


def test_what_is_denied_never_looks_like_not_configured(gcs_bucket_info: Run, three: GcsServer) -> None:
    assert request(three.endpoint, "PUT", "/storage/v1/b/bucket-a/iam", PUBLIC)[0] == 200
    three.api.denied.add(("storage.buckets.getIamPolicy", "bucket-b"))
    done = gcs_bucket_info(properties=["public_access", "iam_policy", "labels"])
    first, second, third = (bucket["properties"] for bucket in done["buckets"])
    assert first["public_access"] == {
        "state": "value",
        "value": {"grants": [{"member": "allUsers", "role": "roles/storage.objectViewer"}], "prevented": False},
    }
    assert first["iam_policy"]["value"]["bindings"][0]["members"] == ["allUsers"]
    for name in ("public_access", "iam_policy"):
        assert (second[name]["state"], second[name]["code"]) == ("unknown", "forbidden")
        assert "storage.buckets.getIamPolicy" in second[name]["message"]
        assert third[name] == {"state": "absent"}
    assert second["labels"]["state"] == "value"
    assert done["api_calls"] == {"buckets.list": 1, "buckets.getIamPolicy": 3}


def test_all_properties(gcs_bucket_info: Run, three: GcsServer) -> None:
    done = gcs_bucket_info(names=["bucket-a"], properties=["all"])
    properties = done["buckets"][0]["properties"]
    assert len(properties) == 15
    assert {reading["state"] for reading in properties.values()} == {"value", "absent"}
    assert properties["soft_delete_retention"] == {"state": "value", "value": 604800}


def test_a_bucket_that_vanishes_meanwhile(gcs_bucket_info: Run, three: GcsServer, gcs_proxy: FaultProxy) -> None:
    gcs_proxy.hook("buckets.getIamPolicy", lambda _request: three.store.buckets.pop("other-c", None))
    done = gcs_bucket_info(gcs_proxy, properties=["iam_policy"], concurrency=1)
    assert names(done) == ["bucket-a", "bucket-b"]
    assert done["missing"] == ["other-c"]


def test_a_project_that_may_not_be_listed(gcs_bucket_info: Run, three: GcsServer) -> None:
    failed = gcs_bucket_info(project="somebody-else", fails=True)
    assert (failed["error"]["kind"], failed["error"]["code"]) == ("denied", "forbidden")
    for word in ("list the buckets", "somebody-else", "storage.buckets.list"):
        assert word in failed["msg"]
