# Copyright (c) 2026 cloudops.core contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""s3_bucket_info: which buckets, and what is known of them, not known, and not configured."""

from __future__ import annotations

import json
from collections.abc import Callable
from urllib.parse import parse_qsl

import pytest

from tests.integration.harness import Play, Result
from tests.integration.s3 import Client, S3Server
from tests.servers.fault_proxy import FaultProxy
from tests.servers.faults import Request

Run = Callable[..., Result]

PROPERTIES = {
    "acceleration",
    "acl",
    "cors",
    "encryption",
    "lifecycle_rules",
    "logging",
    "object_lock",
    "object_ownership",
    "policy",
    "public_access",
    "requester_pays",
    "tags",
    "versioning",
}
ABSENT = {"state": "absent"}


def names_of(result: Result) -> list[str]:
    """The names of the buckets that were found."""
    return [bucket["name"] for bucket in result["buckets"]]


@pytest.fixture
def fleet(s3: Client, new_bucket_name: Callable[[], str]) -> list[str]:
    """Six buckets of one prefix: numbered by a tag, odd ones versioned."""
    stem = new_bucket_name()
    names = [stem] + [new_bucket_name() for _unused in range(5)]
    for number, name in enumerate(names):
        s3.create_bucket(Bucket=name)
        tags = {"number": str(number), "parity": "odd" if number % 2 else "even"}
        tag_set = [{"Key": key, "Value": value} for key, value in tags.items()]
        s3.put_bucket_tagging(Bucket=name, Tagging={"TagSet": tag_set})
        if number % 2:
            s3.put_bucket_versioning(Bucket=name, VersioningConfiguration={"Status": "Enabled"})
    return names


def test_named_buckets_come_in_their_order_and_missing_ones_are_listed(
    s3_bucket_info: Run, fleet: list[str], new_bucket_name: Callable[[], str]
) -> None:
    missing = new_bucket_name()
    asked = [fleet[3], missing, fleet[0], fleet[3]]
    found = s3_bucket_info(names=asked, properties=["versioning", "tags"])
    assert names_of(found) == [fleet[3], fleet[0]]
    assert found["missing"] == [missing]
    assert not found["changed"]
    properties = found["buckets"][0]["properties"]
    assert properties["versioning"] == {"state": "value", "value": "enabled"}
    assert properties["tags"] == {"state": "value", "value": {"number": "3", "parity": "odd"}}
    assert found["buckets"][1]["properties"]["versioning"] == ABSENT
    assert found["buckets"][0]["arn"] == f"arn:aws:s3:::{fleet[3]}"


def test_prefix_and_tags(s3_bucket_info: Run, fault_proxy: FaultProxy, fleet: list[str]) -> None:
    stem = fleet[0][: fleet[0].rindex("-") + 1]
    odd = s3_bucket_info(fault_proxy, name_prefix=stem, tags={"parity": "odd"}, properties=["versioning"])
    assert [name for name in names_of(odd) if name in fleet] == sorted(fleet[1::2])
    assert all(bucket["creation_date"] for bucket in odd["buckets"])
    assert fault_proxy.calls["GetBucketVersioning"] == len(odd["buckets"])
    one = s3_bucket_info(name_prefix=fleet[2], tags={"parity": "even", "number": "2"})
    assert names_of(one) == [fleet[2]]
    assert one["buckets"][0]["properties"] == {}
    assert names_of(s3_bucket_info(name_prefix=fleet[2], tags={"parity": "odd"})) == []
    assert names_of(s3_bucket_info(name_prefix=fleet[2], tags={"absent": ""})) == []
    assert names_of(s3_bucket_info(names=fleet, tags={"number": "4"})) == [fleet[4]]


def test_all_buckets(s3_bucket_info: Run, fault_proxy: FaultProxy, fleet: list[str]) -> None:
    found = s3_bucket_info(fault_proxy)
    assert set(fleet) <= set(names_of(found))
    assert names_of(found) == sorted(names_of(found))
    assert set(fault_proxy.calls) == {"ListBuckets"}
    assert found["api_calls"] == dict(fault_proxy.calls)


def test_only_what_is_asked_is_read(s3_bucket_info: Run, fault_proxy: FaultProxy, fleet: list[str]) -> None:
    s3_bucket_info(fault_proxy, names=fleet, properties=["tags", "tags", "policy"])
    assert fault_proxy.calls == {"HeadBucket": 6, "GetBucketTagging": 6, "GetBucketPolicy": 6}


def test_tags_that_serve_as_filter_are_not_read_twice(
    s3_bucket_info: Run, fault_proxy: FaultProxy, fleet: list[str]
) -> None:
    found = s3_bucket_info(fault_proxy, names=fleet, tags={"parity": "odd"}, properties=["tags"])
    assert len(found["buckets"]) == 3
    assert found["buckets"][0]["properties"]["tags"]["value"]["number"] == "1"
    assert fault_proxy.calls == {"HeadBucket": 6, "GetBucketTagging": 6}


def test_buckets_are_read_side_by_side(s3_bucket_info: Run, fault_proxy: FaultProxy, fleet: list[str]) -> None:
    fault_proxy.latency = 0.1
    s3_bucket_info(fault_proxy, names=fleet, properties=["tags"], concurrency=6)
    assert fault_proxy.in_flight_peak >= 4
    fault_proxy.reset_counts()
    s3_bucket_info(fault_proxy, names=fleet[:3], properties=["tags"], concurrency=1)
    assert fault_proxy.in_flight_peak == 1


def test_all_properties_of_a_plain_bucket(s3_bucket_info: Run, s3_server: S3Server, bucket: str) -> None:
    found = s3_bucket_info(names=[bucket], properties=["all"])
    properties = found["buckets"][0]["properties"]
    assert set(properties) == PROPERTIES
    plain = {name for name, reading in properties.items() if reading == ABSENT}
    assert {"tags", "versioning", "policy", "object_lock", "lifecycle_rules", "logging", "cors"} <= plain
    assert properties["acl"] == {"state": "value", "value": "private"}
    unknown = {name: reading["code"] for name, reading in properties.items() if reading["state"] == "unknown"}
    lacking = {"encryption": "NotImplemented", "object_ownership": "NotImplemented"}  # on Ceph's gateway of version 16
    assert unknown == {} or (s3_server.live and unknown.items() <= lacking.items())


def test_values_have_the_form_of_the_options(
    s3_bucket: Run, s3_bucket_info: Run, fault_proxy: FaultProxy, bucket_name: str
) -> None:
    fault_proxy.remember("lifecycle", "NoSuchLifecycleConfiguration")
    fault_proxy.remember("requestPayment", "<RequestPaymentConfiguration/>")
    fault_proxy.remember("logging", "<BucketLoggingStatus/>")
    options = {
        "tags": {"a": "b", "empty": ""},
        "versioning": "enabled",
        "public_access": {"block_public_acls": True},
        "acl": "private",
        "policy": {
            "Version": "2012-10-17",
            "Statement": [
                {
                    "Sid": "NoSecrets",
                    "Effect": "Deny",
                    "Principal": "*",
                    "Action": "s3:PutObject",
                    "Resource": f"arn:aws:s3:::{bucket_name}/secret/*",
                }
            ],
        },
        "object_lock_default_retention": {"mode": "GOVERNANCE", "days": 3},
        "lifecycle_rules": [{"id": "r", "enabled": True, "tags": {"k": "v"}, "expiration": {"days": 3}}],
        "logging": {"target_bucket": "logs", "target_prefix": "a/"},
        "cors": [{"allowed_origins": ["*"], "allowed_methods": ["GET"]}],
        "requester_pays": True,
    }
    made = s3_bucket(fault_proxy, name=bucket_name, **options)
    found = s3_bucket_info(fault_proxy, names=[bucket_name], properties=list(made["bucket"]["properties"]))
    values = {name: reading["value"] for name, reading in found["buckets"][0]["properties"].items()}
    assert values == made["bucket"]["properties"]
    again = {name: options[name] for name in ("tags", "policy", "lifecycle_rules", "logging", "cors", "requester_pays")}
    assert {name: values[name] for name in again} == again


@pytest.mark.parametrize(
    ("code", "status"),
    [("AccessDenied", 403), ("MethodNotAllowed", 405), ("NotImplemented", 501), ("InternalError", 500)],
)
def test_what_cannot_be_read_is_unknown_and_never_absent(
    s3_bucket_info: Run, fault_proxy: FaultProxy, fleet: list[str], code: str, status: int
) -> None:
    fault_proxy.fail("GetBucketPolicy", code, status, when=lambda request: request.bucket == fleet[1])
    config = {"retries": {"total_max_attempts": 2}}
    found = s3_bucket_info(fault_proxy, names=fleet[:2], properties=["policy", "versioning"], aws_config=config)
    assert found["buckets"][0]["properties"]["policy"] == ABSENT
    reading = found["buckets"][1]["properties"]["policy"]
    assert (reading["state"], reading["code"]) == ("unknown", code)
    assert "value" not in reading
    assert found["buckets"][1]["properties"]["versioning"] == {"state": "value", "value": "enabled"}
    assert found["failures"] == []


def test_tags_that_cannot_be_read_leave_a_bucket_undecided(
    s3_bucket_info: Run, fault_proxy: FaultProxy, fleet: list[str]
) -> None:
    fault_proxy.fail("GetBucketTagging", "AccessDenied", when=lambda request: request.bucket == fleet[1])
    found = s3_bucket_info(fault_proxy, names=fleet, tags={"parity": "odd"})
    assert names_of(found) == [fleet[3], fleet[5]]
    (undecided,) = found["undecided"]
    assert (undecided["name"], undecided["code"]) == (fleet[1], "AccessDenied")


def test_one_bucket_that_cannot_be_looked_at_does_not_hide_the_others(
    s3_bucket_info: Run, fault_proxy: FaultProxy, fleet: list[str]
) -> None:
    fault_proxy.fail("HeadBucket", "AccessDenied", when=lambda request: request.bucket == fleet[2])
    failed = s3_bucket_info(fault_proxy, names=fleet, properties=["tags"], fails=True)
    assert names_of(failed) == [name for name in fleet if name != fleet[2]]
    (failure,) = failed["failures"]
    assert (failure["name"], failure["kind"]) == (fleet[2], "denied")
    assert fleet[2] in failed["msg"]
    assert failed["buckets"][0]["properties"]["tags"]["state"] == "value"


def test_a_bucket_that_vanishes_while_it_is_read_is_missing(
    s3_bucket_info: Run, fault_proxy: FaultProxy, fleet: list[str]
) -> None:
    fault_proxy.fail("GetBucketTagging", "NoSuchBucket", when=lambda request: request.bucket == fleet[2])
    found = s3_bucket_info(fault_proxy, names=fleet[:4], properties=["tags"])
    assert found["missing"] == [fleet[2]]
    assert names_of(found) == [fleet[0], fleet[1], fleet[3]]


def test_a_list_that_is_denied(s3_bucket_info: Run, fault_proxy: FaultProxy) -> None:
    fault_proxy.fail("ListBuckets", "AccessDenied")
    failed = s3_bucket_info(fault_proxy, fails=True)
    assert failed["error"]["code"] == "AccessDenied"
    assert "list the buckets" in failed["msg"]


def test_throttling_is_waited_out(s3_bucket_info: Run, fault_proxy: FaultProxy, fleet: list[str]) -> None:
    fault_proxy.fail("GetBucketTagging", "SlowDown", first=3)
    fault_proxy.drop("HeadBucket", nth=2)
    found = s3_bucket_info(fault_proxy, names=fleet, properties=["tags"])
    assert {bucket["properties"]["tags"]["state"] for bucket in found["buckets"]} == {"value"}
    assert found["failures"] == []


def listing_of(pages: list[dict[str, str]]) -> Callable[[Request], str]:
    """Make answers to ListBuckets as S3 gives them: pages of names with their regions."""

    def answer(request: Request) -> str:
        query = dict(parse_qsl(request.target.partition("?")[2]))
        number = int(query.get("continuation-token", "0"))
        shown, left = pages[number], len(pages) - number - 1
        if "max-buckets" not in query:  # as SDKs ask that know nothing of pages
            shown, left = {name: region for page in pages for name, region in page.items()}, 0
        entries = "".join(
            f"<Bucket><Name>{name}</Name><CreationDate>2026-01-01T00:00:00.000Z</CreationDate>"
            f"<BucketRegion>{region}</BucketRegion></Bucket>"
            for name, region in shown.items()
            if name.startswith(query.get("prefix", ""))
        )
        token = f"<ContinuationToken>{number + 1}</ContinuationToken>" if left else ""
        return f"<ListAllMyBucketsResult><Buckets>{entries}</Buckets>{token}</ListAllMyBucketsResult>"

    return answer


def test_a_list_of_many_pages(s3_bucket_info: Run, s3: Client, fault_proxy: FaultProxy) -> None:
    # Neither moto nor Ceph of version 16 pages its buckets as S3 does.
    pages = [{f"many-{page}{number:03d}": "eu-west-1" for number in range(1000)} for page in range(3)]
    fault_proxy.reply("ListBuckets", listing_of(pages))
    found = s3_bucket_info(fault_proxy, name_prefix="many-")
    assert names_of(found) == [name for page in pages for name in page]
    assert fault_proxy.calls == {"ListBuckets": 3 if s3.can_paginate("list_buckets") else 1}


@pytest.mark.moto_only("Ceph's gateway has one region")
@pytest.mark.parametrize("way", ["names", "listed"])
def test_buckets_in_other_regions_are_reached_in_their_own(
    s3_bucket: Run,
    s3_bucket_info: Run,
    s3: Client,
    fault_proxy: FaultProxy,
    new_bucket_name: Callable[[], str],
    way: str,
) -> None:
    if way == "listed" and not s3.can_paginate("list_buckets"):
        pytest.skip("this SDK does not read regions from the list")
    regions = {new_bucket_name(): region for region in ("us-east-1", "eu-west-1", "ap-south-1")}
    for name, region in regions.items():
        s3_bucket(name=name, region=region, tags={"home": region})
    signed: dict[str, str] = {}

    def note(request: Request) -> None:
        signed[request.bucket] = request.headers["authorization"].split("/")[2]

    fault_proxy.hook("GetBucketTagging", note)
    fault_proxy.reply("ListBuckets", listing_of([regions]))  # moto does not tell the regions
    asked = {"names": list(regions)} if way == "names" else {}
    found = s3_bucket_info(fault_proxy, properties=["tags"], **asked)
    assert {bucket["name"]: bucket["region"] for bucket in found["buckets"]} == regions
    assert {bucket["properties"]["tags"]["value"]["home"] for bucket in found["buckets"]} == set(regions.values())
    assert signed == regions


def test_every_call_names_the_expected_owner(s3_bucket_info: Run, fault_proxy: FaultProxy, fleet: list[str]) -> None:
    unguarded: list[str] = []

    def note(request: Request) -> None:
        if request.headers.get("x-amz-expected-bucket-owner") != "123456789012":
            unguarded.append(request.operation)

    fault_proxy.hook(None, note)
    s3_bucket_info(fault_proxy, names=fleet[:1], properties=["all"], expected_bucket_owner="123456789012")
    assert unguarded == []


@pytest.mark.parametrize(
    ("params", "part"),
    [
        pytest.param({"names": ["x" * 3], "name_prefix": "x"}, "name_prefix", id="names and prefix"),
        pytest.param({"properties": ["colour"]}, "colour", id="unknown property"),
        pytest.param({"names": [""]}, "names", id="empty name"),
        pytest.param({"concurrency": 0}, "concurrency", id="nobody works"),
    ],
)
def test_bad_options(s3_bucket_info: Run, fault_proxy: FaultProxy, params: dict[str, object], part: str) -> None:
    failed = s3_bucket_info(fault_proxy, fails=True, **params)
    assert part in failed["msg"]
    assert fault_proxy.calls == {}


def test_an_empty_list_of_names_is_no_bucket_not_all(s3_bucket_info: Run, fault_proxy: FaultProxy) -> None:
    assert names_of(s3_bucket_info(fault_proxy, names=[], properties=["all"])) == []
    assert fault_proxy.calls == {}


def test_through_ansible_playbook_in_check_mode_as_well(
    play: Play, s3_server: S3Server, s3_bucket_info: Run, bucket: str
) -> None:
    task = {"cloudops.core.s3_bucket_info": {"name": bucket, "properties": ["all"]}}
    done = play(task, {**task, "check_mode": True}, defaults=s3_server.options)
    assert done.statuses == ["ok", "ok"]
    quick = s3_bucket_info(name=bucket, properties=["all"])
    for item in done.tasks:
        assert item["buckets"] == json.loads(json.dumps(quick["buckets"]))
