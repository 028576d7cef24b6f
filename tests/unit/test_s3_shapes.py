# Copyright (c) 2026 cloudops.core contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Requests and responses of S3, as documents on the wire and as values of the domain."""

from __future__ import annotations

import json
from datetime import datetime, timedelta, timezone
from typing import Any

import pytest
from ansible_collections.cloudops.core.plugins.module_utils._aws import s3_shapes as shapes
from ansible_collections.cloudops.core.plugins.module_utils._core.errors import Invalid

from tests.unit.wire import answer, request_body, sent_and_answered

# What each property is called on the wire.
OPERATIONS = {
    "tags": ("PutBucketTagging", "GetBucketTagging"),
    "versioning": ("PutBucketVersioning", "GetBucketVersioning"),
    "encryption": ("PutBucketEncryption", "GetBucketEncryption"),
    "public_access": ("PutPublicAccessBlock", "GetPublicAccessBlock"),
    "object_ownership": ("PutBucketOwnershipControls", "GetBucketOwnershipControls"),
    "object_lock": ("PutObjectLockConfiguration", "GetObjectLockConfiguration"),
    "lifecycle_rules": ("PutBucketLifecycleConfiguration", "GetBucketLifecycleConfiguration"),
    "logging": ("PutBucketLogging", "GetBucketLogging"),
    "cors": ("PutBucketCors", "GetBucketCors"),
    "requester_pays": ("PutBucketRequestPayment", "GetBucketRequestPayment"),
    "acceleration": ("PutBucketAccelerateConfiguration", "GetBucketAccelerateConfiguration"),
}

FLAGS = ("block_public_acls", "ignore_public_acls", "block_public_policy", "restrict_public_buckets")


def kept(name: str, value: Any) -> Any:
    """The value as it comes back from a server that keeps what it gets."""
    put, get = OPERATIONS[name]
    return getattr(shapes, f"{name}_in")(sent_and_answered(put, getattr(shapes, f"{name}_out")(value), get))


@pytest.mark.parametrize(
    ("name", "value"),
    [
        pytest.param("tags", {"team": "finance"}, id="one tag"),
        pytest.param("tags", {"a": "", "ü": "<&>\"'", " x ": "1 + 1", "aws:cloudformation:stack": "s"}, id="odd tags"),
        pytest.param("versioning", "enabled", id="versioning enabled"),
        pytest.param("versioning", "suspended", id="versioning suspended"),
        pytest.param(
            "encryption", {"algorithm": "AES256", "key_id": None, "bucket_key_enabled": False}, id="encryption AES256"
        ),
        pytest.param(
            "encryption", {"algorithm": "aws:kms", "key_id": None, "bucket_key_enabled": False}, id="KMS, own key"
        ),
        pytest.param(
            "encryption",
            {"algorithm": "aws:kms", "key_id": "alias/logs", "bucket_key_enabled": True},
            id="KMS with key and bucket key",
        ),
        pytest.param(
            "encryption",
            {"algorithm": "aws:kms:dsse", "key_id": "alias/logs", "bucket_key_enabled": False},
            id="KMS in two layers",
        ),
        pytest.param("public_access", dict.fromkeys(FLAGS, True), id="all flags on"),
        pytest.param("public_access", dict.fromkeys(FLAGS, False), id="all flags off"),
        *(
            pytest.param("public_access", {**dict.fromkeys(FLAGS, False), flag: True}, id=f"only {flag}")
            for flag in FLAGS
        ),
        pytest.param("object_ownership", "BucketOwnerEnforced", id="ownership"),
        pytest.param("object_lock", {"enabled": True, "default_retention": None}, id="lock without retention"),
        pytest.param(
            "object_lock", {"enabled": True, "default_retention": {"mode": "GOVERNANCE", "days": 30}}, id="lock, days"
        ),
        pytest.param(
            "object_lock", {"enabled": True, "default_retention": {"mode": "COMPLIANCE", "years": 7}}, id="lock, years"
        ),
        pytest.param("logging", {"target_bucket": "logs", "target_prefix": ""}, id="logging without prefix"),
        pytest.param("logging", {"target_bucket": "logs", "target_prefix": "s3/"}, id="logging with prefix"),
        pytest.param(
            "cors",
            [
                {
                    "id": "one",
                    "allowed_origins": ["https://a.example", "*"],
                    "allowed_methods": ["GET", "PUT"],
                    "allowed_headers": ["*"],
                    "expose_headers": ["ETag", "x-amz-request-id"],
                    "max_age_seconds": 3000,
                },
                {"allowed_origins": ["*"], "allowed_methods": ["HEAD"]},
            ],
            id="two CORS rules",
        ),
        pytest.param(
            "cors",
            [{"allowed_origins": ["*"], "allowed_methods": ["GET"], "max_age_seconds": 0}],
            id="CORS answers that browsers must not keep",
        ),
        pytest.param("requester_pays", True, id="requester pays"),
        pytest.param("requester_pays", False, id="owner pays"),
        pytest.param("acceleration", True, id="acceleration on"),
        pytest.param("acceleration", False, id="acceleration off"),
    ],
)
def test_what_is_written_is_read_back(name: str, value: Any) -> None:
    assert kept(name, value) == value


@pytest.mark.parametrize(
    ("name", "document"),
    [
        pytest.param("tags", "<Tagging><TagSet/></Tagging>", id="empty tag set"),
        pytest.param("versioning", "<VersioningConfiguration/>", id="never versioned"),
        pytest.param("encryption", "<ServerSideEncryptionConfiguration/>", id="encryption without rules"),
        pytest.param("encryption", "<ListBucketResult><Name>b</Name></ListBucketResult>", id="a listing for an answer"),
        pytest.param(
            "encryption",
            "<ServerSideEncryptionConfiguration><Rule><BucketKeyEnabled>false</BucketKeyEnabled></Rule>"
            "</ServerSideEncryptionConfiguration>",
            id="encryption rule without algorithm",
        ),
        pytest.param("object_ownership", "<OwnershipControls/>", id="ownership without rules"),
        pytest.param(
            "object_ownership", "<ListBucketResult><Name>b</Name></ListBucketResult>", id="listing, ownership"
        ),
        pytest.param("object_lock", "<ObjectLockConfiguration/>", id="no lock"),
        pytest.param("lifecycle_rules", "<LifecycleConfiguration/>", id="no lifecycle rules"),
        pytest.param("logging", "<BucketLoggingStatus/>", id="no logging"),
        pytest.param("cors", "<CORSConfiguration/>", id="no CORS rules"),
    ],
)
def test_an_empty_configuration_is_none(name: str, document: str) -> None:
    assert getattr(shapes, f"{name}_in")(answer(OPERATIONS[name][1], document)) is None


@pytest.mark.parametrize(
    ("name", "document", "value"),
    [
        pytest.param(
            "requester_pays", "<RequestPaymentConfiguration/>", False, id="a server that doesn't know requester pays"
        ),
        pytest.param("acceleration", "<AccelerateConfiguration/>", False, id="never accelerated"),
        pytest.param(
            "public_access",
            "<PublicAccessBlockConfiguration><BlockPublicAcls>true</BlockPublicAcls></PublicAccessBlockConfiguration>",
            {**dict.fromkeys(FLAGS, False), "block_public_acls": True},
            id="flags left out are off",
        ),
        pytest.param(
            "tags", "<Tagging><TagSet><Tag><Key>e</Key></Tag></TagSet></Tagging>", {"e": ""}, id="a tag without value"
        ),
        pytest.param(
            "logging",
            "<BucketLoggingStatus><LoggingEnabled><TargetBucket>logs</TargetBucket></LoggingEnabled></BucketLoggingStatus>",
            {"target_bucket": "logs", "target_prefix": ""},
            id="logging without a prefix element",
        ),
        pytest.param(
            "object_lock",
            "<ObjectLockConfiguration><ObjectLockEnabled>Enabled</ObjectLockEnabled></ObjectLockConfiguration>",
            {"enabled": True, "default_retention": None},
            id="lock without a rule",
        ),
    ],
)
def test_reads_what_servers_answer(name: str, document: str, value: Any) -> None:
    assert getattr(shapes, f"{name}_in")(answer(OPERATIONS[name][1], document)) == value


def test_mfa_delete_is_no_versioning() -> None:
    document = (
        "<VersioningConfiguration><Status>Suspended</Status><MfaDelete>Enabled</MfaDelete></VersioningConfiguration>"
    )
    assert shapes.versioning_in(answer("GetBucketVersioning", document)) == "suspended"


@pytest.mark.parametrize("algorithm", ["AES256", "aws:kms:dsse"])
def test_the_bucket_key_is_sent_only_with_kms(algorithm: str) -> None:
    """Servers without KMS reject the element, and DSSE has no bucket keys."""
    sent = shapes.encryption_out({"algorithm": algorithm, "key_id": None, "bucket_key_enabled": False})
    assert b"BucketKey" not in request_body("PutBucketEncryption", sent)


def test_policy() -> None:
    policy = {
        "Version": "2012-10-17",
        "Statement": [{"Sid": "ü", "Effect": "Deny", "Condition": {"Bool": {"a": True}}}],
    }
    sent = shapes.policy_out(policy)
    assert shapes.policy_in(sent) == policy
    assert request_body("PutBucketPolicy", sent) == sent["Policy"].encode()


@pytest.mark.parametrize("response", [{}, {"Policy": ""}], ids=["nothing", "empty"])
def test_no_policy(response: dict[str, Any]) -> None:
    assert shapes.policy_in(response) is None


# ---- what no option covers stays


def test_logging_keeps_its_grants_and_the_form_of_its_keys() -> None:
    seen = answer(
        "GetBucketLogging",
        """<BucketLoggingStatus><LoggingEnabled><TargetBucket>old</TargetBucket><TargetPrefix>old/</TargetPrefix>
        <TargetGrants><Grant><Grantee xmlns:xsi="http://www.w3.org/2001/XMLSchema-instance" xsi:type="CanonicalUser">
        <ID>auditor</ID></Grantee><Permission>READ</Permission></Grant></TargetGrants>
        </LoggingEnabled></BucketLoggingStatus>""",
    )
    kept = shapes.keep_logging(shapes.logging_out({"target_bucket": "new", "target_prefix": ""}), seen)
    status = kept["BucketLoggingStatus"]["LoggingEnabled"]
    assert (status["TargetBucket"], status["TargetPrefix"]) == ("new", "")
    assert status["TargetGrants"] == seen["LoggingEnabled"]["TargetGrants"]
    assert b"<ID>auditor</ID>" in request_body("PutBucketLogging", kept)


def test_encryption_keeps_what_isnt_ours() -> None:
    default = {"SSEAlgorithm": "aws:kms", "KMSMasterKeyID": "alias/a"}
    rule = {
        "ApplyServerSideEncryptionByDefault": default,
        "BucketKeyEnabled": True,
        "BlockedEncryptionTypes": {"X": ["Y"]},
    }
    sent = shapes.encryption_out({"algorithm": "AES256", "key_id": None, "bucket_key_enabled": False})
    kept = shapes.keep_encryption(sent, {"ServerSideEncryptionConfiguration": {"Rules": [rule]}})
    assert kept["ServerSideEncryptionConfiguration"]["Rules"] == [
        {"ApplyServerSideEncryptionByDefault": {"SSEAlgorithm": "AES256"}, "BlockedEncryptionTypes": {"X": ["Y"]}}
    ]


def test_lifecycle_keeps_the_size_that_transitions_begin_at() -> None:
    sent = shapes.lifecycle_rules_out([{"enabled": True, "expiration": {"days": 1}}])
    kept = shapes.keep_lifecycle(sent, {"Rules": [], "TransitionDefaultMinimumObjectSize": "varies_by_storage_class"})
    assert kept == {**sent, "TransitionDefaultMinimumObjectSize": "varies_by_storage_class"}


@pytest.mark.parametrize(
    ("keep", "sent"),
    [
        pytest.param(
            shapes.keep_logging, shapes.logging_out({"target_bucket": "b", "target_prefix": ""}), id="logging"
        ),
        pytest.param(
            shapes.keep_encryption,
            shapes.encryption_out({"algorithm": "aws:kms", "key_id": None, "bucket_key_enabled": True}),
            id="encryption",
        ),
        pytest.param(shapes.keep_lifecycle, shapes.lifecycle_rules_out([]), id="lifecycle"),
    ],
)
def test_where_nothing_was_nothing_is_kept(keep: Any, sent: Any) -> None:
    assert keep(sent, {}) == sent


# ---- ACLs

OWNER = {"ID": "owner"}
ALL = "http://acs.amazonaws.com/groups/global/AllUsers"
KNOWN = "http://acs.amazonaws.com/groups/global/AuthenticatedUsers"
LOGS = "http://acs.amazonaws.com/groups/s3/LogDelivery"


def _group(uri: str, permission: str) -> dict[str, Any]:
    return {"Grantee": {"Type": "Group", "URI": uri}, "Permission": permission}


def _user(name: str, permission: str = "FULL_CONTROL") -> dict[str, Any]:
    return {"Grantee": {"Type": "CanonicalUser", "ID": name}, "Permission": permission}


# https://docs.aws.amazon.com/AmazonS3/latest/userguide/acl-overview.html#canned-acl
@pytest.mark.parametrize(
    ("grants", "canned"),
    [
        pytest.param([_user("owner")], "private", id="private"),
        pytest.param([_user("owner"), _group(ALL, "READ")], "public-read", id="public-read"),
        pytest.param([_group(ALL, "READ"), _user("owner")], "public-read", id="in any order"),
        pytest.param(
            [_user("owner"), _group(ALL, "WRITE"), _group(ALL, "READ")], "public-read-write", id="public-read-write"
        ),
        pytest.param([_user("owner"), _group(KNOWN, "READ")], "authenticated-read", id="authenticated-read"),
        pytest.param(
            [_user("owner"), _group(LOGS, "WRITE"), _group(LOGS, "READ_ACP")],
            "log-delivery-write",
            id="log-delivery-write",
        ),
        pytest.param([_user("owner"), _group(ALL, "FULL_CONTROL")], "custom", id="everybody may do everything"),
        pytest.param([_user("owner"), _group(ALL, "WRITE")], "custom", id="everybody may write"),
        pytest.param([_user("owner"), _group(ALL, "READ"), _group(KNOWN, "READ")], "custom", id="two groups"),
        pytest.param([_user("owner"), _user("other", "READ")], "custom", id="another account"),
        pytest.param([_user("owner"), _user("other"), _group(ALL, "READ")], "custom", id="public and another account"),
        pytest.param(
            [
                _user("owner"),
                {"Grantee": {"Type": "AmazonCustomerByEmail", "EmailAddress": "a@example.com"}, "Permission": "READ"},
            ],
            "custom",
            id="by e-mail",
        ),
        pytest.param(
            [_user("owner"), _group("http://elsewhere.example/groups/global/AllUsers", "READ")],
            "custom",
            id="a group that isn't Amazon's",
        ),
        pytest.param([], "custom", id="not even the owner"),
        pytest.param([_user("owner", "READ")], "custom", id="the owner may only read"),
    ],
)
def test_acl_in(grants: list[dict[str, Any]], canned: str) -> None:
    assert shapes.acl_in({"Owner": OWNER, "Grants": grants}) == canned


def test_an_unknown_owner_is_nobody() -> None:
    """Without an owner in the answer, no grant may pass for the owner's own."""
    assert shapes.acl_in({"Grants": [_user("somebody")]}) == "custom"


@pytest.mark.parametrize(
    "canned", ["private", "public-read", "public-read-write", "authenticated-read", "log-delivery-write"]
)
def test_acl_out(canned: str) -> None:
    assert shapes.acl_out(canned) == {"ACL": canned}
    assert request_body("PutBucketAcl", shapes.acl_out(canned)) == b""


# ---- lifecycle

RULE = {"id": "r", "enabled": True, "expiration": {"days": 30}}


@pytest.mark.parametrize(
    ("conditions", "filter_"),
    [
        pytest.param({}, {"Prefix": ""}, id="no condition"),
        pytest.param({"prefix": "logs/"}, {"Prefix": "logs/"}, id="prefix"),
        pytest.param({"tags": {"a": "b"}}, {"Tag": {"Key": "a", "Value": "b"}}, id="one tag"),
        pytest.param({"object_size_greater_than": 0}, {"ObjectSizeGreaterThan": 0}, id="size over 0"),
        pytest.param({"object_size_less_than": 9}, {"ObjectSizeLessThan": 9}, id="size under"),
        pytest.param(
            {"tags": {"a": "b", "c": ""}},
            {"And": {"Tags": [{"Key": "a", "Value": "b"}, {"Key": "c", "Value": ""}]}},
            id="two tags",
        ),
        pytest.param(
            {"prefix": "p", "tags": {"a": "b"}},
            {"And": {"Prefix": "p", "Tags": [{"Key": "a", "Value": "b"}]}},
            id="prefix and tag",
        ),
        pytest.param(
            {"object_size_greater_than": 0, "object_size_less_than": 9},
            {"And": {"ObjectSizeGreaterThan": 0, "ObjectSizeLessThan": 9}},
            id="range of sizes",
        ),
    ],
)
def test_lifecycle_filters(conditions: dict[str, Any], filter_: dict[str, Any]) -> None:
    rules = [{**RULE, **conditions}]
    assert shapes.lifecycle_rules_out(rules)["LifecycleConfiguration"]["Rules"][0]["Filter"] == filter_
    assert kept("lifecycle_rules", rules) == rules


@pytest.mark.parametrize(
    "actions",
    [
        pytest.param({"expiration": {"days": 1}}, id="expiration after days"),
        pytest.param({"expiration": {"date": "2030-01-31"}}, id="expiration on a date"),
        pytest.param({"expiration": {"expired_object_delete_marker": True}}, id="delete markers"),
        pytest.param({"noncurrent_version_expiration": {"noncurrent_days": 1}}, id="noncurrent"),
        pytest.param(
            {"noncurrent_version_expiration": {"noncurrent_days": 1, "newer_noncurrent_versions": 100}},
            id="noncurrent, some stay",
        ),
        pytest.param({"transitions": [{"days": 0, "storage_class": "INTELLIGENT_TIERING"}]}, id="transition at once"),
        pytest.param(
            {
                "transitions": [
                    {"days": 30, "storage_class": "STANDARD_IA"},
                    {"days": 90, "storage_class": "GLACIER"},
                    {"days": 365, "storage_class": "DEEP_ARCHIVE"},
                ]
            },
            id="transitions",
        ),
        pytest.param({"transitions": [{"date": "2030-12-31", "storage_class": "GLACIER"}]}, id="transition on a date"),
        pytest.param(
            {"noncurrent_version_transitions": [{"noncurrent_days": 0, "storage_class": "INTELLIGENT_TIERING"}]},
            id="noncurrent transition at once",
        ),
        pytest.param(
            {
                "noncurrent_version_transitions": [
                    {"noncurrent_days": 30, "newer_noncurrent_versions": 3, "storage_class": "GLACIER"}
                ]
            },
            id="noncurrent transition",
        ),
        pytest.param({"abort_incomplete_multipart_upload_days": 7}, id="uploads"),
        pytest.param(
            {"expiration": {"days": 1}, "abort_incomplete_multipart_upload_days": 7, "enabled": False}, id="disabled"
        ),
    ],
)
def test_lifecycle_actions_are_read_back(actions: dict[str, Any]) -> None:
    rules = [{"id": "r", "enabled": True, **actions}]
    assert kept("lifecycle_rules", rules) == rules


def test_lifecycle_rules_of_the_old_kind() -> None:
    """A prefix of its own, as before filters, and a date with a time of day, as some servers write it."""
    document = """<LifecycleConfiguration><Rule><ID>old</ID><Prefix>logs/</Prefix><Status>Enabled</Status>
        <Transition><Date>2030-01-01T00:00:00.000Z</Date><StorageClass>GLACIER</StorageClass></Transition>
        <Expiration><Days>400</Days><ExpiredObjectDeleteMarker>false</ExpiredObjectDeleteMarker></Expiration>
        </Rule></LifecycleConfiguration>"""
    assert shapes.lifecycle_rules_in(answer("GetBucketLifecycleConfiguration", document)) == [
        {
            "id": "old",
            "enabled": True,
            "prefix": "logs/",
            "transitions": [{"date": "2030-01-01", "storage_class": "GLACIER"}],
            "expiration": {"days": 400},
        }
    ]


def test_lifecycle_rules_with_a_filter_that_is_there_but_empty() -> None:
    document = """<LifecycleConfiguration><Rule><ID>all</ID><Filter/><Status>Disabled</Status>
        <AbortIncompleteMultipartUpload><DaysAfterInitiation>7</DaysAfterInitiation></AbortIncompleteMultipartUpload>
        </Rule></LifecycleConfiguration>"""
    assert shapes.lifecycle_rules_in(answer("GetBucketLifecycleConfiguration", document)) == [
        {"id": "all", "enabled": False, "abort_incomplete_multipart_upload_days": 7}
    ]


def test_transitions_come_in_one_order() -> None:
    shown = [
        {"ID": "r", "Status": "Enabled", "Filter": {}, "Transitions": order}
        for order in (
            [{"Days": 90, "StorageClass": "GLACIER"}, {"Days": 30, "StorageClass": "STANDARD_IA"}],
            [{"Days": 30, "StorageClass": "STANDARD_IA"}, {"Days": 90, "StorageClass": "GLACIER"}],
        )
    ]
    assert shapes.lifecycle_rules_in({"Rules": [shown[0]]}) == shapes.lifecycle_rules_in({"Rules": [shown[1]]})


def test_lifecycle_dates_are_sent_as_midnight_utc() -> None:
    sent = shapes.lifecycle_rules_out([{"enabled": True, "expiration": {"date": "2030-01-31"}}])
    assert b"<Date>2030-01-31T00:00:00Z</Date>" in request_body("PutBucketLifecycleConfiguration", sent)


def test_lifecycle_dates_are_read_in_any_zone() -> None:
    midnight = datetime(2030, 1, 31, 2, tzinfo=timezone(timedelta(hours=2)))
    rules = [{"ID": "r", "Status": "Enabled", "Filter": {}, "Expiration": {"Date": midnight}}]
    assert shapes.lifecycle_rules_in({"Rules": rules})[0]["expiration"] == {"date": "2030-01-31"}


def test_a_lifecycle_date_that_is_no_midnight_is_refused() -> None:
    """Such a rule could not be written back as it is."""
    rules = [
        {
            "ID": "r",
            "Status": "Enabled",
            "Filter": {},
            "Expiration": {"Date": datetime(2030, 1, 31, 12, tzinfo=timezone.utc)},
        }
    ]
    with pytest.raises(Invalid, match="midnight UTC"):
        shapes.lifecycle_rules_in({"Rules": rules})


def test_policy_text_is_json() -> None:
    assert json.loads(shapes.policy_out({"Statement": []})["Policy"]) == {"Statement": []}
