# Copyright (c) 2026 cloudops.core contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""s3_bucket, state present: the bucket and its properties, on a real server."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import pytest
from botocore.exceptions import ClientError

from tests.integration.harness import Play, Result
from tests.integration.s3 import Client, S3Server, exists, put_all, set_versioning, versions_of
from tests.servers.fault_proxy import FaultProxy
from tests.servers.faults import Request

Run = Callable[..., Result]

FLAGS = ("block_public_acls", "ignore_public_acls", "block_public_policy", "restrict_public_buckets")


def policy_of(name: str, *, action: object = "s3:PutObject", sid: str = "NoSecrets") -> dict[str, Any]:
    """A policy that hurts nobody."""
    statement = {
        "Sid": sid,
        "Effect": "Deny",
        "Principal": "*",
        "Action": action,
        "Resource": f"arn:aws:s3:::{name}/secret/*",
    }
    return {"Version": "2012-10-17", "Statement": [statement]}


def comparable(result: Result) -> Result:
    """A result without what differs from run to run: times, counts of requests, Ansible's own additions."""
    ours = ("name", "actions", "bucket", "removed", "selection", "diff")
    return {"changed": bool(result.get("changed")), **{key: result[key] for key in ours if key in result}}


def meaning(value: Any) -> Any:
    """A returned value without what servers change on their own: the order of lists, and four times False for nothing."""
    if isinstance(value, dict):
        nothing = bool(value) and all(item is False for item in value.values())
        return None if nothing else {key: meaning(item) for key, item in value.items()}
    if isinstance(value, list):
        return sorted((meaning(item) for item in value), key=json.dumps)
    return value


# ---------------------------------------------------------------------------------- the twelve cases, as users run them

CREATED = {
    "tags": {"team": "finance", "cost centre": "42"},
    "versioning": "enabled",
    "public_access": {"block_public_acls": True},
    "lifecycle_rules": [{"id": "logs", "prefix": "logs/", "expiration": {"days": 90}}],
}
MODIFIED = {
    "tags": {"team": "platform"},
    "versioning": "suspended",
    "public_access": {"block_public_acls": False, "block_public_policy": True},
    "lifecycle_rules": [{"id": "logs", "prefix": "logs/", "expiration": {"days": 30}}],
}


def check_and_real(play: Play, server: S3Server, **params: Any) -> list[Result]:
    """Run a task twice in check mode and twice for real, all in one play with diffs, and return the four results."""
    task: Result = {"cloudops.core.s3_bucket": params}
    modes: list[Result] = [{**task, "check_mode": True}, {**task, "check_mode": True}, task, task]
    done = play(*modes, diff=True, defaults=server.options)
    assert done.statuses == ["changed", "changed", "changed", "ok"]
    results = [comparable(item.data) for item in done.tasks]
    assert results[0] == results[1] == results[2], "check mode must tell what the real run does"
    return results


def test_create_modify_delete_each_in_check_and_real_mode_each_repeated(
    play: Play, s3_server: S3Server, s3: Client, bucket_name: str
) -> None:
    results = check_and_real(play, s3_server, name=bucket_name, **CREATED)
    assert results[2]["diff"]["before"] == {"state": "absent"}
    assert results[2]["diff"]["after"]["state"] == "present"
    assert results[2]["diff"]["after"]["versioning"] == "enabled"
    assert results[3]["diff"]["before"] == results[3]["diff"]["after"]
    assert s3.get_bucket_versioning(Bucket=bucket_name)["Status"] == "Enabled"
    assert s3.get_bucket_lifecycle_configuration(Bucket=bucket_name)["Rules"][0]["Expiration"] == {"Days": 90}

    results = check_and_real(play, s3_server, name=bucket_name, **MODIFIED)
    assert results[2]["diff"]["before"]["tags"] == CREATED["tags"]
    assert results[2]["diff"]["after"]["tags"] == MODIFIED["tags"]
    assert sorted(results[2]["actions"]) == ["put lifecycle_rules", "put public_access", "put tags", "put versioning"]
    assert s3.get_bucket_versioning(Bucket=bucket_name)["Status"] == "Suspended"

    put_all(s3, bucket_name, ["a", "b"])
    results = check_and_real(play, s3_server, name=bucket_name, state="absent", force=True)
    assert results[2]["removed"]["objects"] == 2
    assert results[2]["diff"]["before"]["state"] == "present"
    assert results[2]["diff"]["after"]["state"] == "absent"
    assert results[3]["diff"]["before"] == results[3]["diff"]["after"]
    assert not exists(s3, bucket_name)


def test_the_quick_runner_gives_what_ansible_playbook_gives(
    play: Play, s3_bucket: Run, s3_server: S3Server, new_bucket_name: Callable[[], str]
) -> None:
    names = new_bucket_name(), new_bucket_name()
    tasks: list[Result] = [{"cloudops.core.s3_bucket": {"name": names[0], **CREATED}}] * 2
    tasks += [{"cloudops.core.s3_bucket": {"name": names[0], "versioning": "nonsense"}, "ignore_errors": True}]
    played = play(*tasks, diff=True, defaults=s3_server.options)
    quick = [s3_bucket(name=names[1], **CREATED) for _unused in range(2)]
    quick += [s3_bucket(name=names[1], versioning="nonsense", fails=True)]
    for slow, fast in zip(played.tasks, quick, strict=True):
        text = json.dumps(comparable(slow.data)).replace(names[0], names[1])
        assert json.loads(text) == comparable(fast)
        assert (slow.status == "failed") == bool(fast.get("failed"))
    assert played[2]["msg"] == quick[2]["msg"]


# ------------------------------------------------------------------------------------------------------ every property


@dataclass(frozen=True)
class Case:
    """One property through its life: options, and what a plain boto3 read then shows."""

    property: str
    read: Callable[[Client, str], Any]
    steps: tuple[tuple[dict[str, Any], Any], ...]
    remember: tuple[str, str] | None = None
    """Sub-resource that the proxy keeps, because moto loses it."""
    needs: dict[str, Any] | None = None
    """Options that the bucket needs from its creation on."""


def or_none(read: Callable[[Client, str], Any]) -> Callable[[Client, str], Any]:
    """Read, and let «not configured» be None."""

    def reader(s3: Client, name: str) -> Any:
        try:
            return read(s3, name)
        except ClientError as error:
            if error.response["ResponseMetadata"]["HTTPStatusCode"] != 404 or is_gone(error):
                raise
            return None

    return reader


def is_gone(error: ClientError) -> bool:
    """Whether it is the bucket that isn't there."""
    return bool(error.response["Error"]["Code"] == "NoSuchBucket")


def read_tags(s3: Client, name: str) -> Any:
    return {tag["Key"]: tag.get("Value", "") for tag in s3.get_bucket_tagging(Bucket=name)["TagSet"]}


def read_encryption(s3: Client, name: str) -> Any:
    rule = s3.get_bucket_encryption(Bucket=name)["ServerSideEncryptionConfiguration"]["Rules"][0]
    default = rule["ApplyServerSideEncryptionByDefault"]
    return default["SSEAlgorithm"], default.get("KMSMasterKeyID"), rule.get("BucketKeyEnabled", False)


def read_public_access(s3: Client, name: str) -> Any:
    block = s3.get_public_access_block(Bucket=name)["PublicAccessBlockConfiguration"]
    on = "".join(name for name in ("BlockPublicAcls", "IgnorePublicAcls", "BlockPublicPolicy") if block[name])
    return on + ("RestrictPublicBuckets" if block["RestrictPublicBuckets"] else "") or None


def read_policy(s3: Client, name: str) -> Any:
    return [statement["Sid"] for statement in json.loads(s3.get_bucket_policy(Bucket=name)["Policy"])["Statement"]]


def read_grants(s3: Client, name: str) -> Any:
    grants = s3.get_bucket_acl(Bucket=name)["Grants"]
    public = {(grant["Grantee"].get("URI", "").rpartition("/")[2], grant["Permission"]) for grant in grants}
    return sorted(grant for grant in public if grant[0])


def read_rules(s3: Client, name: str) -> Any:
    rules = s3.get_bucket_lifecycle_configuration(Bucket=name)["Rules"]
    return sorted((rule["ID"], rule["Status"]) for rule in rules)


def read_cors(s3: Client, name: str) -> Any:
    return [
        (sorted(rule["AllowedOrigins"]), rule.get("MaxAgeSeconds"))
        for rule in s3.get_bucket_cors(Bucket=name)["CORSRules"]
    ]


def read_lock(s3: Client, name: str) -> Any:
    retention = s3.get_object_lock_configuration(Bucket=name)["ObjectLockConfiguration"].get("Rule")
    found = retention["DefaultRetention"] if retention else {}
    return (found["Mode"], found.get("Days") or None, found.get("Years") or None) if found else None


def read_logging(s3: Client, name: str) -> Any:
    found = s3.get_bucket_logging(Bucket=name).get("LoggingEnabled")
    return (found["TargetBucket"], found["TargetPrefix"]) if found else None


RICH_RULES: list[dict[str, Any]] = [
    {
        "id": "tiers",
        "prefix": "data/",
        "transitions": [{"days": 90, "storage_class": "GLACIER"}, {"days": 30, "storage_class": "STANDARD_IA"}],
        "noncurrent_version_transitions": [{"noncurrent_days": 30, "storage_class": "STANDARD_IA"}],
        "noncurrent_version_expiration": {"noncurrent_days": 365},
    },
    {"id": "uploads", "abort_incomplete_multipart_upload_days": 7},
    {"id": "off", "enabled": False, "prefix": "x/", "expiration": {"date": "2030-01-01"}},
]
CORS_RULE = {
    "allowed_origins": ["https://b.example", "https://a.example"],
    "allowed_methods": ["PUT", "GET"],
    "allowed_headers": ["*"],
    "expose_headers": ["ETag"],
    "max_age_seconds": 300,
}
NOT_ON_CEPH = "Ceph's gateway of version 16 lacks it"

CASES = [
    pytest.param(
        Case(
            "tags",
            or_none(read_tags),
            (
                (
                    {"tags": {"a b": "é", "empty": "", "number": 7, "flag": True}},
                    {"a b": "é", "empty": "", "number": "7", "flag": "true"},
                ),
                ({"tags": {"number": "7"}}, {"number": "7"}),
                ({"tags": {"more": "x"}, "purge_tags": False}, {"number": "7", "more": "x"}),
                ({"tags": {}}, None),
            ),
        ),
        id="tags",
    ),
    pytest.param(
        Case(
            "versioning",
            lambda s3, name: s3.get_bucket_versioning(Bucket=name).get("Status"),
            (
                ({"versioning": "enabled"}, "Enabled"),
                ({"versioning": "suspended"}, "Suspended"),
                ({"versioning": True}, "Enabled"),
            ),
        ),
        id="versioning",
    ),
    pytest.param(
        Case(
            "encryption",
            or_none(read_encryption),
            (
                ({"encryption": "AES256"}, ("AES256", None, False)),
                ({"encryption": "aws:kms", "encryption_key_id": "alias/x"}, ("aws:kms", "alias/x", False)),
                ({"encryption": "aws:kms", "bucket_key_enabled": True}, ("aws:kms", "alias/x", True)),
                ({"encryption": "aws:kms:dsse", "encryption_key_id": "alias/y"}, ("aws:kms:dsse", "alias/y", False)),
                ({"encryption": "none"}, None),
            ),
        ),
        marks=pytest.mark.moto_only(NOT_ON_CEPH),
        id="encryption",
    ),
    pytest.param(
        Case(
            "public_access",
            or_none(read_public_access),
            (
                ({"public_access": {"block_public_acls": True}}, "BlockPublicAcls"),
                ({"public_access": {"block_public_policy": True}}, "BlockPublicAclsBlockPublicPolicy"),
                (
                    {"public_access": dict.fromkeys(FLAGS, True)},
                    "BlockPublicAclsIgnorePublicAclsBlockPublicPolicyRestrictPublicBuckets",
                ),
                (
                    {"public_access": {"restrict_public_buckets": False}},
                    "BlockPublicAclsIgnorePublicAclsBlockPublicPolicy",
                ),
                ({"delete_public_access": True}, None),
            ),
        ),
        id="public_access",
    ),
    pytest.param(
        Case(
            "object_ownership",
            or_none(
                lambda s3, name: s3.get_bucket_ownership_controls(Bucket=name)["OwnershipControls"]["Rules"][0][
                    "ObjectOwnership"
                ]
            ),
            (
                ({"object_ownership": "BucketOwnerPreferred"}, "BucketOwnerPreferred"),
                ({"object_ownership": "BucketOwnerEnforced"}, "BucketOwnerEnforced"),
                ({"delete_object_ownership": True}, None),
            ),
        ),
        marks=pytest.mark.moto_only(NOT_ON_CEPH),
        id="object_ownership",
    ),
    pytest.param(
        Case(
            "acl",
            read_grants,
            (
                ({"acl": "public-read"}, [("AllUsers", "READ")]),
                ({"acl": "authenticated-read"}, [("AuthenticatedUsers", "READ")]),
                ({"acl": "private"}, []),
            ),
        ),
        id="acl",
    ),
    pytest.param(
        Case(
            "policy",
            or_none(read_policy),
            (
                ({"policy": policy_of("NAME")}, ["NoSecrets"]),
                ({"policy": json.dumps(policy_of("NAME", sid="Other"))}, ["Other"]),
                ({"deny_insecure_transport": True}, ["Other", "CloudopsDenyInsecureTransport"]),
                ({"policy": policy_of("NAME", sid="Third")}, ["Third", "CloudopsDenyInsecureTransport"]),
                ({"policy": {}}, ["CloudopsDenyInsecureTransport"]),
                ({"policy": policy_of("NAME"), "deny_insecure_transport": False}, ["NoSecrets"]),
                ({"policy": {}}, None),
            ),
        ),
        id="policy",
    ),
    pytest.param(
        Case(
            "object_lock",
            read_lock,
            (
                ({"object_lock_default_retention": {"mode": "GOVERNANCE", "days": 1}}, ("GOVERNANCE", 1, None)),
                ({"object_lock_default_retention": {"mode": "GOVERNANCE", "years": 2}}, ("GOVERNANCE", None, 2)),
                ({"object_lock_default_retention": {}}, None),
            ),
            needs={"object_lock_enabled": True},
        ),
        id="object_lock",
    ),
    pytest.param(
        Case(
            "lifecycle_rules",
            or_none(read_rules),
            (
                ({"lifecycle_rules": RICH_RULES}, [("off", "Disabled"), ("tiers", "Enabled"), ("uploads", "Enabled")]),
                ({"lifecycle_rules": RICH_RULES[1:2]}, [("uploads", "Enabled")]),
                (
                    {
                        "lifecycle_rules": [{"id": "more", "prefix": "m/", "expiration": {"days": 1}}],
                        "purge_lifecycle_rules": False,
                    },
                    [("more", "Enabled"), ("uploads", "Enabled")],
                ),
                ({"lifecycle_rules": []}, None),
            ),
        ),
        id="lifecycle_rules",
    ),
    pytest.param(
        Case(
            "lifecycle_rules",
            or_none(read_rules),
            (
                (
                    {
                        "lifecycle_rules": [
                            {
                                "id": "all filters",
                                "prefix": "p/",
                                "tags": {"k": "v", "l": "w"},
                                "object_size_greater_than": 10,
                                "object_size_less_than": 1000,
                                "expiration": {"days": 3},
                            },
                            {"id": "size", "object_size_greater_than": 10, "expiration": {"days": 3}},
                            {"id": "tag", "tags": {"k": "v"}, "expiration": {"days": 3}},
                            {"id": "markers", "expiration": {"expired_object_delete_marker": True}},
                            {
                                "id": "newer",
                                "noncurrent_version_expiration": {"noncurrent_days": 3, "newer_noncurrent_versions": 2},
                            },
                        ]
                    },
                    [(name, "Enabled") for name in ("all filters", "markers", "newer", "size", "tag")],
                ),
                ({"lifecycle_rules": []}, None),
            ),
            remember=("lifecycle", "NoSuchLifecycleConfiguration"),
        ),
        id="lifecycle_rules as S3 keeps them",
    ),
    pytest.param(
        Case(
            "logging",
            read_logging,
            (
                ({"logging": {"target_bucket": "logs-of-all", "target_prefix": "a/"}}, ("logs-of-all", "a/")),
                ({"logging": {"target_bucket": "logs-of-all"}}, ("logs-of-all", "")),
                ({"logging": {"enabled": False}}, None),
            ),
            remember=("logging", "<BucketLoggingStatus/>"),
        ),
        id="logging",
    ),
    pytest.param(
        Case(
            "cors",
            or_none(read_cors),
            (
                ({"cors": [CORS_RULE]}, [(["https://a.example", "https://b.example"], 300)]),
                (
                    {"cors": [{"allowed_origins": ["*"], "allowed_methods": ["GET"]}, CORS_RULE]},
                    [(["*"], None), (["https://a.example", "https://b.example"], 300)],
                ),
                ({"cors": []}, None),
            ),
        ),
        id="cors",
    ),
    pytest.param(
        Case(
            "requester_pays",
            lambda s3, name: s3.get_bucket_request_payment(Bucket=name)["Payer"],
            (({"requester_pays": True}, "Requester"), ({"requester_pays": False}, "BucketOwner")),
            remember=(
                "requestPayment",
                "<RequestPaymentConfiguration><Payer>BucketOwner</Payer></RequestPaymentConfiguration>",
            ),
        ),
        id="requester_pays",
    ),
    pytest.param(
        Case(
            "acceleration",
            lambda s3, name: s3.get_bucket_accelerate_configuration(Bucket=name).get("Status"),
            (({"acceleration": True}, "Enabled"), ({"acceleration": False}, "Suspended")),
        ),
        marks=pytest.mark.moto_only(NOT_ON_CEPH),
        id="acceleration",
    ),
]


@pytest.fixture
def through(s3_server: S3Server, fault_proxy: FaultProxy) -> Iterator[Client]:
    """A client that sees what the proxy keeps."""
    client = s3_server.via(fault_proxy).client()
    yield client
    client.close()


def with_name(value: Any, name: str) -> Any:
    """Put the bucket's name where a table says NAME."""
    return json.loads(json.dumps(value).replace("NAME", name))


@pytest.mark.parametrize("case", CASES)
def test_property_is_set_changed_and_removed(
    case: Case, s3_bucket: Run, through: Client, fault_proxy: FaultProxy, bucket_name: str
) -> None:
    if case.remember:
        fault_proxy.remember(*case.remember)
    s3_bucket(fault_proxy, name=bucket_name, **(case.needs or {}))
    for options, expected in case.steps:
        params = {"name": bucket_name, **with_name(options, bucket_name)}
        checked = s3_bucket(fault_proxy, check=True, **params)
        done = s3_bucket(fault_proxy, **params)
        assert done["changed"], options
        assert comparable(checked) == comparable(done), options
        assert done["diff"]["before"] != done["diff"]["after"]
        assert list(done["bucket"]["properties"]) == [case.property]
        assert done["bucket"]["properties"][case.property] == done["diff"]["after"][case.property]
        assert case.read(through, bucket_name) == expected, options
        fault_proxy.reset_counts()
        again = s3_bucket(fault_proxy, **params)
        assert not again["changed"], (options, again["diff"])
        assert meaning(again["bucket"]) == meaning(done["bucket"]), options
        assert again["diff"]["before"] == again["diff"]["after"]
        assert sum(fault_proxy.calls.values()) == 2, fault_proxy.calls
        assert again["api_calls"] == dict(fault_proxy.calls)


@pytest.mark.parametrize("case", CASES)
def test_property_of_a_new_bucket(
    case: Case, s3_bucket: Run, through: Client, fault_proxy: FaultProxy, bucket_name: str
) -> None:
    if case.remember:
        fault_proxy.remember(*case.remember)
    options, expected = case.steps[0]
    params = {"name": bucket_name, **with_name(options, bucket_name)}
    checked = s3_bucket(fault_proxy, check=True, **params)
    assert not exists(through, bucket_name)
    done = s3_bucket(fault_proxy, **params)
    assert done["actions"][0] == "create bucket"
    assert comparable(checked) == comparable(done)
    assert case.read(through, bucket_name) == expected
    again = s3_bucket(fault_proxy, **params)
    assert not again["changed"], again["diff"]
    assert meaning(again["bucket"]) == meaning(done["bucket"])


# ------------------------------------------------------------------------------------------------- calls, and no others


def test_a_repeated_present_makes_one_call_and_one_more_for_each_property(
    s3_bucket: Run, fault_proxy: FaultProxy, bucket_name: str
) -> None:
    s3_bucket(name=bucket_name, **CREATED)
    again = s3_bucket(fault_proxy, name=bucket_name)
    assert not again["changed"]
    assert fault_proxy.calls == {"HeadBucket": 1}
    fault_proxy.reset_counts()
    again = s3_bucket(fault_proxy, name=bucket_name, **CREATED)
    assert not again["changed"]
    assert sum(fault_proxy.calls.values()) == 1 + len(CREATED)


def test_what_is_not_given_is_neither_read_nor_written(
    s3_bucket: Run, s3: Client, fault_proxy: FaultProxy, bucket_name: str
) -> None:
    s3_bucket(name=bucket_name, **CREATED)
    fault_proxy.fail(
        None, "AccessDenied", when=lambda request: "?" in request.target and "tagging" not in request.target
    )
    done = s3_bucket(fault_proxy, name=bucket_name, tags={"only": "this"})
    assert done["actions"] == ["put tags"]
    assert fault_proxy.calls == {"HeadBucket": 1, "GetBucketTagging": 1, "PutBucketTagging": 1}
    assert s3.get_bucket_versioning(Bucket=bucket_name)["Status"] == "Enabled"
    assert read_public_access(s3, bucket_name) == "BlockPublicAcls"
    assert read_rules(s3, bucket_name) == [("logs", "Enabled")]


def test_check_mode_writes_nothing(s3_bucket: Run, fault_proxy: FaultProxy, bucket_name: str) -> None:
    writes: list[str] = []
    fault_proxy.hook(
        None,
        lambda request: writes.append(request.operation),
        when=lambda request: request.method not in ("GET", "HEAD"),
    )
    s3_bucket(fault_proxy, name=bucket_name, check=True, **CREATED)
    s3_bucket(name=bucket_name, **CREATED)
    s3_bucket(fault_proxy, name=bucket_name, check=True, **MODIFIED)
    s3_bucket(fault_proxy, name=bucket_name, check=True, state="empty")
    s3_bucket(fault_proxy, name=bucket_name, check=True, state="absent", force=True)
    assert writes == []


def test_policies_are_compared_by_meaning(s3_bucket: Run, bucket_name: str) -> None:
    policy = policy_of(bucket_name, action=["s3:PutObject", "s3:DeleteObject"])
    assert s3_bucket(name=bucket_name, policy=policy)["changed"]
    policy["Statement"][0] |= {
        "Action": ["s3:deleteobject", "s3:PUTObject"],
        "Resource": [policy["Statement"][0]["Resource"]],
        "Principal": {"AWS": ["*"]},
    }
    assert not s3_bucket(name=bucket_name, policy=policy)["changed"]
    assert not s3_bucket(name=bucket_name, policy=json.dumps(policy, indent=4))["changed"]


def test_lifecycle_rules_are_compared_in_normal_form(s3_bucket: Run, bucket_name: str) -> None:
    assert s3_bucket(name=bucket_name, lifecycle_rules=RICH_RULES)["changed"]
    turned = [{**RICH_RULES[0], "transitions": list(reversed(RICH_RULES[0]["transitions"]))}, *RICH_RULES[1:]]
    assert not s3_bucket(name=bucket_name, lifecycle_rules=list(reversed(turned)))["changed"]


def test_a_rule_without_an_id_is_not_written_again(s3_bucket: Run, bucket_name: str) -> None:
    rules = [{"prefix": "a/", "expiration": {"days": 3}}, {"prefix": "b/", "expiration": {"days": 4}}]
    assert s3_bucket(name=bucket_name, lifecycle_rules=rules)["changed"]
    assert not s3_bucket(name=bucket_name, lifecycle_rules=rules)["changed"]


def test_contents_survive_all_of_it(s3_bucket: Run, s3: Client, bucket: str) -> None:
    put_all(s3, bucket, ["a", "b"])
    s3_bucket(name=bucket, **CREATED)
    s3_bucket(name=bucket, **MODIFIED)
    assert len(versions_of(s3, bucket)) == 2


# --------------------------------------------------------------------------------------------------- regions and owners

ELSEWHERE = pytest.mark.moto_only("Ceph's gateway has one region")


@ELSEWHERE
def test_region_of_a_new_bucket(s3_bucket: Run, s3: Client, new_bucket_name: Callable[[], str]) -> None:
    here, there = new_bucket_name(), new_bucket_name()
    assert s3_bucket(name=here)["bucket"]["region"] == "us-east-1"
    assert s3_bucket(name=there, region="eu-west-1")["bucket"]["region"] == "eu-west-1"
    assert s3.get_bucket_location(Bucket=here)["LocationConstraint"] is None
    assert s3.get_bucket_location(Bucket=there)["LocationConstraint"] == "eu-west-1"
    again = s3_bucket(name=there, region="eu-west-1")
    assert not again["changed"]
    assert again["bucket"]["region"] == "eu-west-1"


@ELSEWHERE
@pytest.mark.parametrize("state", ["present", "empty", "absent"])
@pytest.mark.parametrize("answer", ["plain", "redirect", "malformed"])
def test_a_bucket_in_another_region_is_an_error_naming_both(
    s3_bucket: Run, s3: Client, fault_proxy: FaultProxy, bucket_name: str, answer: str, state: str
) -> None:
    s3_bucket(name=bucket_name, region="eu-west-1")
    put_all(s3, bucket_name, ["kept"])
    status = {"redirect": 301, "malformed": 400}.get(answer)
    if status:
        # S3 says so with 301, or with 400 for the regions that came later; moto serves any bucket from anywhere.
        fault_proxy.answer(
            status,
            "PermanentRedirect" if status == 301 else "AuthorizationHeaderMalformed",
            {"x-amz-bucket-region": "eu-west-1"},
            when=lambda request: "/us-east-1/" in request.headers["authorization"],
        )
    force = {"force": True} if state == "absent" else {}
    failed = s3_bucket(fault_proxy, name=bucket_name, region="us-east-1", state=state, fails=True, **force)
    assert "us-east-1" in failed["msg"]
    assert "eu-west-1" in failed["msg"]
    assert bucket_name in failed["msg"]
    assert failed["error"]["kind"] == "conflict"
    assert len(versions_of(s3, bucket_name)) == 1


def test_a_name_that_is_taken_by_another_account(s3_bucket: Run, fault_proxy: FaultProxy, bucket_name: str) -> None:
    fault_proxy.fail("CreateBucket", "BucketAlreadyExists", 409)
    failed = s3_bucket(fault_proxy, name=bucket_name, tags={"a": "b"}, fails=True)
    assert "BucketAlreadyExists" in failed["msg"]
    assert "choose another name" in failed["msg"]
    assert not failed["changed"]
    assert failed["actions"] == []
    assert failed["actions_not_done"] == ["create bucket", "put tags"]


def test_a_bucket_of_somebody_else(s3_bucket: Run, fault_proxy: FaultProxy, bucket: str) -> None:
    fault_proxy.fail("HeadBucket", "AccessDenied", 403)
    failed = s3_bucket(fault_proxy, name=bucket, fails=True)
    assert failed["error"]["kind"] == "denied"
    assert bucket in failed["msg"]
    assert fault_proxy.calls == {"HeadBucket": 1}


def test_a_bucket_that_somebody_made_meanwhile_for_us(
    s3_bucket: Run, s3: Client, fault_proxy: FaultProxy, bucket_name: str
) -> None:
    fault_proxy.fail("HeadBucket", "NoSuchBucket", 404, first=1)
    fault_proxy.fail("CreateBucket", "BucketAlreadyOwnedByYou", 409)
    s3.create_bucket(Bucket=bucket_name)
    done = s3_bucket(fault_proxy, name=bucket_name, tags={"a": "b"})
    assert done["changed"]
    assert read_tags(s3, bucket_name) == {"a": "b"}


def test_every_call_names_the_expected_owner(
    s3_bucket: Run, s3: Client, s3_server: S3Server, fault_proxy: FaultProxy, bucket: str
) -> None:
    # moto and Ceph don't look at the owner, so the proxy does it for them.
    account = "123456789012"
    unguarded: list[str] = []

    def note(request: Request) -> None:
        if request.headers.get("x-amz-expected-bucket-owner") != account:
            unguarded.append(request.operation)

    fault_proxy.hook(None, note)
    put_all(s3, bucket, ["a", "goes\x01alone" if s3_server.live else "b"])
    s3.create_multipart_upload(Bucket=bucket, Key="u")
    s3_bucket(fault_proxy, name=bucket, expected_bucket_owner=account, **CREATED)
    s3_bucket(fault_proxy, name=bucket, expected_bucket_owner=account, state="absent", force=True)
    assert not exists(s3, bucket)
    assert set(unguarded) == set()


def test_another_owner_than_expected(s3_bucket: Run, s3: Client, fault_proxy: FaultProxy, bucket: str) -> None:
    fault_proxy.fail(
        None, "AccessDenied", 403, when=lambda request: request.headers.get("x-amz-expected-bucket-owner") == "1" * 12
    )
    put_all(s3, bucket, ["a"])
    failed = s3_bucket(fault_proxy, name=bucket, expected_bucket_owner="1" * 12, state="absent", force=True, fails=True)
    assert "expected_bucket_owner" in failed["msg"]
    assert len(versions_of(s3, bucket)) == 1


# ------------------------------------------------------------------------------------------------------- partly refused


def test_a_step_that_is_refused_leaves_an_account_of_what_was_done(
    s3_bucket: Run, s3: Client, fault_proxy: FaultProxy, bucket_name: str
) -> None:
    fault_proxy.fail("PutBucketVersioning", "AccessDenied", 403)
    params = {
        "name": bucket_name,
        "versioning": "enabled",
        "public_access": {"block_public_acls": True},
        "tags": {"a": "b"},
    }
    failed = s3_bucket(fault_proxy, fails=True, **params)
    assert failed["changed"]
    assert "versioning" in failed["msg"]
    assert "AccessDenied" in failed["msg"]
    assert "put versioning" in failed["actions_not_done"]
    assert failed["actions"][:2] == ["create bucket", "put public_access"]
    assert exists(s3, bucket_name)
    done = s3_bucket(**params)
    assert sorted(done["actions"]) == sorted(failed["actions_not_done"])
    assert not s3_bucket(**params)["changed"]


def test_a_property_that_cannot_be_read_is_an_error_not_a_default(
    s3_bucket: Run, s3: Client, fault_proxy: FaultProxy, bucket: str
) -> None:
    s3.put_bucket_policy(Bucket=bucket, Policy=json.dumps(policy_of(bucket)))
    fault_proxy.fail("GetBucketPolicy", "AccessDenied", 403)
    failed = s3_bucket(fault_proxy, name=bucket, deny_insecure_transport=True, fails=True)
    assert "policy" in failed["msg"]
    assert "AccessDenied" in failed["msg"]
    assert "PutBucketPolicy" not in fault_proxy.calls
    assert read_policy(s3, bucket) == ["NoSecrets"]


def test_an_api_that_the_server_lacks_matters_only_when_asked_for(
    s3_bucket: Run, fault_proxy: FaultProxy, bucket_name: str
) -> None:
    for part in ("ownershipControls", "encryption", "publicAccessBlock", "logging", "accelerate"):
        fault_proxy.fail(None, "MethodNotAllowed", 405, when=lambda request, part=part: part in request.target)
    assert s3_bucket(fault_proxy, name=bucket_name, tags={"a": "b"}, versioning="enabled")["changed"]
    failed = s3_bucket(fault_proxy, name=bucket_name, logging={"target_bucket": "logs"}, fails=True)
    assert "MethodNotAllowed" in failed["msg"]
    assert "logging" in failed["msg"]


def test_a_new_bucket_is_asked_for_in_one_call(s3_bucket: Run, fault_proxy: FaultProxy, bucket_name: str) -> None:
    s3_bucket(fault_proxy, name=bucket_name)
    assert fault_proxy.calls == {"HeadBucket": 1, "CreateBucket": 1}


@pytest.mark.parametrize(
    "params",
    [
        {"encryption": "none"},
        {"delete_object_ownership": True},
        {"delete_public_access": True},
        {"acceleration": False},
        {"logging": {"enabled": False}},
        {"tags": {}, "policy": {}, "lifecycle_rules": [], "cors": []},
    ],
    ids=",".join,
)
def test_removing_what_is_not_there_never_harms_the_bucket(
    s3_bucket: Run, s3: Client, fault_proxy: FaultProxy, bucket: str, params: dict[str, Any]
) -> None:
    # To a server that lacks a sub-resource, DELETE /bucket?encryption is DELETE /bucket, and an empty bucket is gone.
    done = s3_bucket(fault_proxy, name=bucket, fails=None, **params)
    assert exists(s3, bucket)
    assert not done["changed"]
    assert [name for name in fault_proxy.calls if name.startswith(("Put", "Delete"))] == []


def test_object_lock_cannot_be_turned_off(s3_bucket: Run, bucket_name: str) -> None:
    s3_bucket(name=bucket_name, object_lock_enabled=True)
    assert not s3_bucket(name=bucket_name, object_lock_enabled=True)["changed"]
    failed = s3_bucket(name=bucket_name, object_lock_enabled=False, fails=True)
    assert "object_lock_enabled" in failed["msg"]


def test_suspended_is_content_with_a_bucket_that_never_had_versioning(s3_bucket: Run, s3: Client, bucket: str) -> None:
    assert not s3_bucket(name=bucket, versioning="suspended")["changed"]
    set_versioning(s3, bucket)
    assert s3_bucket(name=bucket, versioning=False)["changed"]
