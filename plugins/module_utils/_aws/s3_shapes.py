# Copyright (c) 2026 cloudops.core contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Between S3's request and response shapes and the domain's normal forms. No calls in here.

https://docs.aws.amazon.com/AmazonS3/latest/API/API_Types_Amazon_Simple_Storage_Service.html
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from datetime import datetime, timezone
from typing import Any

from ansible_collections.cloudops.core.plugins.module_utils._domain.buckets import PUBLIC_ACCESS_FLAGS
from ansible_collections.cloudops.core.plugins.module_utils._domain.lifecycle import iso_date

Shape = Mapping[str, Any]

_PUBLIC_ACCESS = dict(
    zip(
        PUBLIC_ACCESS_FLAGS,
        ("BlockPublicAcls", "IgnorePublicAcls", "BlockPublicPolicy", "RestrictPublicBuckets"),
        strict=True,
    )
)

_GROUP = "http://acs.amazonaws.com/groups/"
_CANNED = {
    frozenset(): "private",
    frozenset({("global/AllUsers", "READ")}): "public-read",
    frozenset({("global/AllUsers", "READ"), ("global/AllUsers", "WRITE")}): "public-read-write",
    frozenset({("global/AuthenticatedUsers", "READ")}): "authenticated-read",
    frozenset({("s3/LogDelivery", "WRITE"), ("s3/LogDelivery", "READ_ACP")}): "log-delivery-write",
}


def tags_in(response: Shape) -> Any:
    """GetBucketTagging."""
    return {tag["Key"]: tag.get("Value", "") for tag in response.get("TagSet", [])} or None


def tags_out(value: Mapping[str, str]) -> Shape:
    """PutBucketTagging."""
    return {"Tagging": {"TagSet": [{"Key": key, "Value": tag} for key, tag in value.items()]}}


def versioning_in(response: Shape) -> Any:
    """GetBucketVersioning; a bucket that never had it answers with nothing."""
    return response["Status"].lower() if response.get("Status") else None


def versioning_out(value: str) -> Shape:
    """PutBucketVersioning."""
    return {"VersioningConfiguration": {"Status": value.capitalize()}}


def encryption_in(response: Shape) -> Any:
    """GetBucketEncryption."""
    rules = response.get("ServerSideEncryptionConfiguration", {}).get("Rules", [])
    default = rules[0].get("ApplyServerSideEncryptionByDefault") if rules else None
    if not default:
        return None
    return encryption(default["SSEAlgorithm"], default.get("KMSMasterKeyID"), rules[0].get("BucketKeyEnabled", False))


def encryption(algorithm: str, key_id: str | None, bucket_key_enabled: bool) -> dict[str, Any]:
    """The normal form of an encryption setting."""
    return {"algorithm": algorithm, "key_id": key_id or None, "bucket_key_enabled": bool(bucket_key_enabled)}


def encryption_out(value: Mapping[str, Any]) -> Shape:
    """PutBucketEncryption. The bucket key is sent only where it is on: servers without KMS don't know the field."""
    default = {"SSEAlgorithm": value["algorithm"]}
    if value["key_id"]:
        default["KMSMasterKeyID"] = value["key_id"]
    rule: dict[str, Any] = {"ApplyServerSideEncryptionByDefault": default}
    if value["algorithm"] == "aws:kms":
        rule["BucketKeyEnabled"] = value["bucket_key_enabled"]
    return {"ServerSideEncryptionConfiguration": {"Rules": [rule]}}


def public_access_in(response: Shape) -> Any:
    """GetPublicAccessBlock."""
    found = response.get("PublicAccessBlockConfiguration", {})
    return {name: bool(found.get(wire, False)) for name, wire in _PUBLIC_ACCESS.items()}


def public_access_out(value: Mapping[str, bool]) -> Shape:
    """PutPublicAccessBlock."""
    return {"PublicAccessBlockConfiguration": {wire: value[name] for name, wire in _PUBLIC_ACCESS.items()}}


def object_ownership_in(response: Shape) -> Any:
    """GetBucketOwnershipControls."""
    rules = response.get("OwnershipControls", {}).get("Rules", [])
    return rules[0]["ObjectOwnership"] if rules else None


def object_ownership_out(value: str) -> Shape:
    """PutBucketOwnershipControls."""
    return {"OwnershipControls": {"Rules": [{"ObjectOwnership": value}]}}


def acl_in(response: Shape) -> Any:
    """GetBucketAcl: the canned ACL that has these grants, or "custom"."""
    owner = response.get("Owner", {}).get("ID")
    own, others = set(), set()
    for grant in response.get("Grants", []):
        grantee, permission = grant.get("Grantee", {}), grant.get("Permission", "")
        if owner is not None and grantee.get("ID") == owner:
            own.add(permission)
            continue
        uri = grantee.get("URI", "")
        others.add((uri[len(_GROUP) :] if uri.startswith(_GROUP) else str(grantee), permission))
    return _CANNED.get(frozenset(others), "custom") if "FULL_CONTROL" in own else "custom"


def acl_out(value: str) -> Shape:
    """PutBucketAcl."""
    return {"ACL": value}


def policy_in(response: Shape) -> Any:
    """GetBucketPolicy."""
    return json.loads(response["Policy"]) if response.get("Policy") else None


def policy_out(value: Mapping[str, Any]) -> Shape:
    """PutBucketPolicy."""
    return {"Policy": json.dumps(value)}


def object_lock_in(response: Shape) -> Any:
    """GetObjectLockConfiguration."""
    found = response.get("ObjectLockConfiguration", {})
    if found.get("ObjectLockEnabled") != "Enabled":
        return None
    default = found.get("Rule", {}).get("DefaultRetention")
    retention = None
    if default:
        unit = "days" if default.get("Days") else "years"
        retention = {"mode": default["Mode"], unit: default[unit.capitalize()]}
    return {"enabled": True, "default_retention": retention}


def object_lock_out(value: Mapping[str, Any]) -> Shape:
    """PutObjectLockConfiguration."""
    configuration: dict[str, Any] = {"ObjectLockEnabled": "Enabled"}
    if value["default_retention"]:
        configuration["Rule"] = {
            "DefaultRetention": {key.capitalize(): item for key, item in value["default_retention"].items()}
        }
    return {"ObjectLockConfiguration": configuration}


def logging_in(response: Shape) -> Any:
    """GetBucketLogging."""
    found = response.get("LoggingEnabled")
    return {"target_bucket": found["TargetBucket"], "target_prefix": found.get("TargetPrefix", "")} if found else None


def logging_out(value: Mapping[str, str]) -> Shape:
    """PutBucketLogging."""
    return {
        "BucketLoggingStatus": {
            "LoggingEnabled": {"TargetBucket": value["target_bucket"], "TargetPrefix": value["target_prefix"]}
        }
    }


_CORS = {
    "id": "ID",
    "allowed_origins": "AllowedOrigins",
    "allowed_methods": "AllowedMethods",
    "allowed_headers": "AllowedHeaders",
    "expose_headers": "ExposeHeaders",
    "max_age_seconds": "MaxAgeSeconds",
}


def cors_in(response: Shape) -> Any:
    """GetBucketCors."""
    return [
        {name: rule[wire] for name, wire in _CORS.items() if rule.get(wire) not in (None, [], "")}
        for rule in response.get("CORSRules", [])
    ] or None


def cors_out(value: list[Mapping[str, Any]]) -> Shape:
    """PutBucketCors."""
    return {"CORSConfiguration": {"CORSRules": [{_CORS[name]: item for name, item in rule.items()} for rule in value]}}


def requester_pays_in(response: Shape) -> Any:
    """GetBucketRequestPayment."""
    return response.get("Payer") == "Requester"


def requester_pays_out(value: bool) -> Shape:
    """PutBucketRequestPayment."""
    return {"RequestPaymentConfiguration": {"Payer": "Requester" if value else "BucketOwner"}}


def acceleration_in(response: Shape) -> Any:
    """GetBucketAccelerateConfiguration."""
    return response.get("Status") == "Enabled"


def acceleration_out(value: bool) -> Shape:
    """PutBucketAccelerateConfiguration."""
    return {"AccelerateConfiguration": {"Status": "Enabled" if value else "Suspended"}}


# ---- what no option covers


def keep_encryption(arguments: Shape, seen: Shape) -> Shape:
    """The rule's other settings, such as the kinds of encryption that are blocked."""
    rules = seen.get("ServerSideEncryptionConfiguration", {}).get("Rules", [])
    ours = ("ApplyServerSideEncryptionByDefault", "BucketKeyEnabled")
    kept = {key: value for key, value in (rules[0] if rules else {}).items() if key not in ours}
    (rule,) = arguments["ServerSideEncryptionConfiguration"]["Rules"]
    return {"ServerSideEncryptionConfiguration": {"Rules": [{**kept, **rule}]}}


def keep_logging(arguments: Shape, seen: Shape) -> Shape:
    """The grants on the logs and the form of their keys."""
    kept = seen.get("LoggingEnabled") or {}
    return {"BucketLoggingStatus": {"LoggingEnabled": {**kept, **arguments["BucketLoggingStatus"]["LoggingEnabled"]}}}


def keep_lifecycle(arguments: Shape, seen: Shape) -> Shape:
    """The smallest object that transitions move."""
    name = "TransitionDefaultMinimumObjectSize"
    return {**arguments, **({name: seen[name]} if seen.get(name) else {})}


# ---- lifecycle

_WHEN = {
    "days": "Days",
    "date": "Date",
    "expired_object_delete_marker": "ExpiredObjectDeleteMarker",
    "storage_class": "StorageClass",
}
_NONCURRENT = {
    "noncurrent_days": "NoncurrentDays",
    "newer_noncurrent_versions": "NewerNoncurrentVersions",
    "storage_class": "StorageClass",
}


def lifecycle_rules_in(response: Shape) -> Any:
    """GetBucketLifecycleConfiguration."""
    return [_rule_in(rule) for rule in response.get("Rules", [])] or None


def lifecycle_rules_out(value: list[Mapping[str, Any]]) -> Shape:
    """PutBucketLifecycleConfiguration."""
    return {"LifecycleConfiguration": {"Rules": [_rule_out(rule) for rule in value]}}


def _rule_in(rule: Shape) -> dict[str, Any]:
    found = rule.get("Filter") or {}
    terms = {**found, **(found.get("And") or {})}
    tags = terms.get("Tags") or ([terms["Tag"]] if terms.get("Tag") else [])
    result = {
        "id": rule.get("ID"),
        "enabled": rule.get("Status") == "Enabled",
        "prefix": terms.get("Prefix") or rule.get("Prefix"),
        "tags": {tag["Key"]: tag.get("Value", "") for tag in tags},
        "object_size_greater_than": terms.get("ObjectSizeGreaterThan"),
        "object_size_less_than": terms.get("ObjectSizeLessThan"),
        "expiration": _names_in(rule.get("Expiration"), _WHEN),
        "noncurrent_version_expiration": _names_in(rule.get("NoncurrentVersionExpiration"), _NONCURRENT),
        "transitions": _sorted_transitions([_names_in(item, _WHEN) for item in rule.get("Transitions", [])]),
        "noncurrent_version_transitions": _sorted_transitions(
            [_names_in(item, _NONCURRENT) for item in rule.get("NoncurrentVersionTransitions", [])]
        ),
        "abort_incomplete_multipart_upload_days": rule.get("AbortIncompleteMultipartUpload", {}).get(
            "DaysAfterInitiation"
        ),
    }
    return {key: value for key, value in result.items() if value not in (None, "", {}, [])}


def _names_in(item: Shape | None, names: Mapping[str, str]) -> dict[str, Any]:
    result = {name: (item or {}).get(wire) for name, wire in names.items()}
    if result.get("date") is not None:
        result["date"] = iso_date(result["date"])
    return {name: value for name, value in result.items() if value is not None and value is not False}


def _sorted_transitions(items: list[dict[str, Any]]) -> list[dict[str, Any]]:
    return sorted(
        items,
        key=lambda item: (
            str(item.get("date", "")),
            item.get("days", item.get("noncurrent_days", 0)),
            item["storage_class"],
        ),
    )


def _rule_out(rule: Mapping[str, Any]) -> dict[str, Any]:
    result: dict[str, Any] = {"Status": "Enabled" if rule["enabled"] else "Disabled", "Filter": _filter_out(rule)}
    if "id" in rule:
        result["ID"] = rule["id"]
    if "expiration" in rule:
        result["Expiration"] = _names_out(rule["expiration"], _WHEN)
    if "noncurrent_version_expiration" in rule:
        result["NoncurrentVersionExpiration"] = _names_out(rule["noncurrent_version_expiration"], _NONCURRENT)
    if "transitions" in rule:
        result["Transitions"] = [_names_out(item, _WHEN) for item in rule["transitions"]]
    if "noncurrent_version_transitions" in rule:
        result["NoncurrentVersionTransitions"] = [
            _names_out(item, _NONCURRENT) for item in rule["noncurrent_version_transitions"]
        ]
    if "abort_incomplete_multipart_upload_days" in rule:
        result["AbortIncompleteMultipartUpload"] = {
            "DaysAfterInitiation": rule["abort_incomplete_multipart_upload_days"]
        }
    return result


def _names_out(item: Mapping[str, Any], names: Mapping[str, str]) -> dict[str, Any]:
    result = {names[name]: value for name, value in item.items()}
    if "Date" in result:
        result["Date"] = datetime.fromisoformat(result["Date"]).replace(tzinfo=timezone.utc)
    return result


def _filter_out(rule: Mapping[str, Any]) -> dict[str, Any]:
    """One condition stands by itself; several stand in And. No condition is an empty prefix."""
    tags = [{"Key": key, "Value": value} for key, value in rule.get("tags", {}).items()]
    names = {
        "prefix": "Prefix",
        "object_size_greater_than": "ObjectSizeGreaterThan",
        "object_size_less_than": "ObjectSizeLessThan",
    }
    terms: dict[str, Any] = {wire: rule[name] for name, wire in names.items() if name in rule}
    if len(terms) + len(tags) <= 1:
        return {"Tag": tags[0]} if tags else terms or {"Prefix": ""}
    return {"And": {**terms, **({"Tags": tags} if tags else {})}}
