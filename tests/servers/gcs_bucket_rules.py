# Copyright (c) 2026 cloudops.core contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What Cloud Storage takes as the metadata of a bucket, and what it makes of it.

The fields: https://cloud.google.com/storage/docs/json_api/v1/buckets#resource. Each check names the page that asks for it.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any

from tests.servers.gcs_errors import GcsError, invalid

Document = dict[str, Any]

WRITABLE = frozenset(
    {
        "billing",
        "cors",
        "defaultEventBasedHold",
        "encryption",
        "iamConfiguration",
        "labels",
        "lifecycle",
        "logging",
        "retentionPolicy",
        "softDeletePolicy",
        "storageClass",
        "versioning",
        "website",
    }
)
STORAGE_CLASSES = frozenset(
    {"STANDARD", "NEARLINE", "COLDLINE", "ARCHIVE", "MULTI_REGIONAL", "REGIONAL", "DURABLE_REDUCED_AVAILABILITY"}
)
CONDITIONS: Mapping[str, type | tuple[type, ...]] = {
    "age": int,
    "createdBefore": str,
    "customTimeBefore": str,
    "daysSinceCustomTime": int,
    "daysSinceNoncurrentTime": int,
    "isLive": bool,
    "matchesPrefix": list,
    "matchesStorageClass": list,
    "matchesSuffix": list,
    "noncurrentTimeBefore": str,
    "numNewerVersions": int,
}
OF_UPLOADS = frozenset({"age", "matchesPrefix", "matchesSuffix"})
DAY = 86400
MULTI_REGIONS = frozenset({"US", "EU", "ASIA"})


def rfc3339(moment: datetime) -> str:
    """A time as the API writes it."""
    return moment.strftime("%Y-%m-%dT%H:%M:%S.") + f"{moment.microsecond // 1000:03d}Z"


def check_name(name: Any) -> None:
    """https://cloud.google.com/storage/docs/buckets#naming"""
    fits = isinstance(name, str) and re.fullmatch(r"[a-z0-9][a-z0-9._-]{1,220}[a-z0-9]", name)
    if not fits or name.startswith("goog") or "google" in name or any(len(part) > 63 for part in name.split(".")):
        raise invalid(f"Invalid bucket name: '{name}'")


def merge(old: Mapping[str, Any], patch: Mapping[str, Any]) -> Document:
    """Patch semantics: fields that aren't named stay, null removes, objects are merged, lists are replaced.

    https://cloud.google.com/storage/docs/json_api#patch
    """
    merged = dict(old)
    for key, value in patch.items():
        if value is None:
            merged.pop(key, None)
        elif isinstance(value, dict):
            kept = merged.get(key)
            merged[key] = merge(kept if isinstance(kept, dict) else {}, value)
        else:
            merged[key] = value
    return merged


def settle(new: Document, old: Mapping[str, Any], now: datetime) -> Document:
    """Check the fields that can be written, and fill in what the service itself does.

    :param old: the fields before; empty for a new bucket.
    """
    fields = {key: value for key, value in new.items() if key in WRITABLE and value not in ({}, None)}
    fields.setdefault("storageClass", "STANDARD")
    if fields["storageClass"] not in STORAGE_CLASSES:
        raise invalid(f"Invalid argument: storage class {fields['storageClass']}")
    _labels(fields)
    _lifecycle(fields)
    _retention(fields, old, now)
    _soft_delete(fields, old, now)
    _iam_configuration(fields, old, now)
    _encryption(fields)
    if not (fields.get("logging") or {"logBucket": "x"}).get("logBucket"):
        raise invalid("Invalid argument: logging needs a logBucket")
    for empty in [key for key in ("cors", "labels", "website") if not fields.get(key, True)]:
        del fields[empty]
    return fields


def _labels(fields: Document) -> None:
    """https://cloud.google.com/storage/docs/tags-and-labels#bucket-labels"""
    labels = fields.get("labels") or {}
    if len(labels) > 64:
        raise invalid("Too many labels")
    for key, value in labels.items():
        fits = all(isinstance(text, str) and len(text) <= 63 and text == text.lower() for text in (key, value))
        if not fits or not re.fullmatch(r"[^\W\d_][\w-]*", key) or not re.fullmatch(r"[\w-]*", value):
            raise invalid(f"Invalid label: {key}={value}")


def _lifecycle(fields: Document) -> None:
    """https://cloud.google.com/storage/docs/lifecycle"""
    rules = (fields.get("lifecycle") or {}).get("rule") or []
    if not rules:
        fields.pop("lifecycle", None)
        return
    fields["lifecycle"] = {"rule": [_rule(rule) for rule in rules]}


def _rule(rule: Mapping[str, Any]) -> Document:
    action: Document = dict(rule.get("action") or {})
    condition: Document = dict(rule.get("condition") or {})
    kind = action.get("type")
    if kind not in ("Delete", "SetStorageClass", "AbortIncompleteMultipartUpload"):
        raise invalid(f"Unknown lifecycle action: {kind}")
    if (kind == "SetStorageClass") != (action.get("storageClass") in STORAGE_CLASSES):
        raise invalid("storageClass goes with SetStorageClass, and must be one")
    if not condition:
        raise invalid("A lifecycle rule needs a condition")
    for name, value in condition.items():
        wanted = CONDITIONS.get(name)
        if wanted is None or not isinstance(value, wanted) or (wanted is int and (value is True or value < 0)):
            raise invalid(f"Invalid lifecycle condition {name}: {value!r}")
        if name.endswith("Before") and not re.fullmatch(r"\d{4}-\d\d-\d\d", value):
            raise invalid(f"Invalid lifecycle condition {name}: {value!r}")
    if kind == "AbortIncompleteMultipartUpload" and set(condition) - OF_UPLOADS:
        raise invalid("AbortIncompleteMultipartUpload takes age, matchesPrefix and matchesSuffix only")
    return {"action": action, "condition": condition}


def _retention(fields: Document, old: Mapping[str, Any], now: datetime) -> None:
    """https://cloud.google.com/storage/docs/bucket-lock: 1 s to 100 years; a locked policy can only grow."""
    before = old.get("retentionPolicy") or {}
    policy = fields.get("retentionPolicy") or {}
    seconds = int(policy.get("retentionPeriod") or 0)
    if not 0 <= seconds <= 3_155_760_000:
        raise invalid("Invalid argument: retentionPeriod")
    if before.get("isLocked") and seconds < int(before["retentionPeriod"]):
        what = "removed" if seconds == 0 else "reduced"
        raise GcsError(
            403, f"The bucket has a locked Retention Policy which cannot be {what}.", "retentionPolicyNotMet"
        )
    if not seconds:
        fields.pop("retentionPolicy", None)
        return
    same = before.get("retentionPeriod") == str(seconds)
    fields["retentionPolicy"] = {
        "retentionPeriod": str(seconds),
        "effectiveTime": before["effectiveTime"] if same else rfc3339(now),
        **({"isLocked": True} if before.get("isLocked") else {}),
    }


def _soft_delete(fields: Document, old: Mapping[str, Any], now: datetime) -> None:
    """https://cloud.google.com/storage/docs/soft-delete: 7 days unless said otherwise, 7 to 90 days, and 0 is off."""
    policy = fields.get("softDeletePolicy") or {}
    seconds = int(policy.get("retentionDurationSeconds", 7 * DAY))
    if seconds and not 7 * DAY <= seconds <= 90 * DAY:
        raise invalid("Soft delete policies must be 0 or from 7 to 90 days")
    settled: Document = {"retentionDurationSeconds": str(seconds)}
    before = old.get("softDeletePolicy") or {}
    if seconds:
        same = before.get("retentionDurationSeconds") == str(seconds)
        settled["effectiveTime"] = before["effectiveTime"] if same else rfc3339(now)
    fields["softDeletePolicy"] = settled


def _iam_configuration(fields: Document, old: Mapping[str, Any], now: datetime) -> None:
    """Uniform access can be turned off for 90 days: https://cloud.google.com/storage/docs/uniform-bucket-level-access#lock

    Public access prevention: https://cloud.google.com/storage/docs/public-access-prevention
    """
    given = fields.get("iamConfiguration") or {}
    prevention = given.get("publicAccessPrevention", "inherited")
    if prevention not in ("inherited", "enforced", "unspecified"):
        raise invalid(f"Invalid value for publicAccessPrevention: {prevention}")
    enabled = bool((given.get("uniformBucketLevelAccess") or {}).get("enabled"))
    before = (old.get("iamConfiguration") or {}).get("uniformBucketLevelAccess") or {}
    locked = before.get("lockedTime", "")
    if before.get("enabled") and not enabled and locked < rfc3339(now):
        raise invalid("Uniform bucket-level access was enabled more than 90 days ago and is locked.")
    access: Document = {"enabled": enabled}
    if enabled:
        access["lockedTime"] = locked or rfc3339(now + timedelta(days=90))
    fields["iamConfiguration"] = {
        "uniformBucketLevelAccess": access,
        "bucketPolicyOnly": dict(access),
        "publicAccessPrevention": "inherited" if prevention == "unspecified" else prevention,
    }


def _encryption(fields: Document) -> None:
    """https://cloud.google.com/storage/docs/encryption/customer-managed-keys"""
    key = (fields.get("encryption") or {}).get("defaultKmsKeyName")
    if not key:
        fields.pop("encryption", None)
    elif not re.fullmatch(r"projects/[^/]+/locations/[^/]+/keyRings/[^/]+/cryptoKeys/[^/]+", key):
        raise invalid(f"Invalid Cloud KMS key name: {key}")
