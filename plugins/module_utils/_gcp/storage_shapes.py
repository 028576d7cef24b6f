# Copyright (c) 2026 cloudops.core contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Between the JSON API's documents and plain values: buckets, what is sent to change them, IAM policies, and listed objects.

https://cloud.google.com/storage/docs/json_api/v1/buckets#resource
https://cloud.google.com/storage/docs/json_api/v1/objects#resource
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime, timezone
from typing import Any

from ansible_collections.cloudops.core.plugins.module_utils._core.plan import Step
from ansible_collections.cloudops.core.plugins.module_utils._domain.buckets import (
    ABSENT,
    OBJECT,
    VALUE,
    VERSION,
    Entry,
    Reading,
)
from ansible_collections.cloudops.core.plugins.module_utils._domain.times import read_iso
from ansible_collections.cloudops.core.plugins.module_utils._gcp.errors import HELD, RETAINED

Document = Mapping[str, Any]

# ---- names: the API writes likeThis, options are written like_this

_HUMP = re.compile(r"(?<=[a-z0-9])(?=[A-Z])")


def snake(name: str) -> str:
    """``matchesPrefix`` as ``matches_prefix``."""
    return _HUMP.sub("_", name).lower()


def camel(name: str) -> str:
    """``matches_prefix`` as ``matchesPrefix``."""
    first, *others = name.split("_")
    return first + "".join(part.capitalize() for part in others)


def _snaked(document: Document) -> dict[str, Any]:
    return {snake(key): value for key, value in document.items() if value is not None}


def _cameled(value: Document) -> dict[str, Any]:
    return {camel(key): entry for key, entry in value.items()}


# ---- properties


@dataclass(frozen=True)
class Shape:
    """How one property stands in the bucket's document.

    :param read: the document -> the value; None: not configured.
    :param write: the value (None: not configured) -> the part of a document that is sent. In a patch, null removes.
    """

    read: Callable[[Document], Any]
    write: Callable[[Any], dict[str, Any]]


def _versioning_in(document: Document) -> str | None:
    enabled = (document.get("versioning") or {}).get("enabled")
    return None if enabled is None else ("enabled" if enabled else "suspended")


def _uniform_in(document: Document) -> bool:
    access = (document.get("iamConfiguration") or {}).get("uniformBucketLevelAccess") or {}
    return bool(access.get("enabled"))


def _prevention_in(document: Document) -> str:
    """Older buckets say "unspecified", which means the same as "inherited"."""
    found = (document.get("iamConfiguration") or {}).get("publicAccessPrevention")
    return "enforced" if found == "enforced" else "inherited"


def _lifecycle_in(document: Document) -> Any:
    """Actions and conditions that are newer than this collection stay in, so that they are never taken for what is asked."""
    rules = (document.get("lifecycle") or {}).get("rule") or []
    return [{key: _snaked(rule.get(key) or {}) for key in ("action", "condition")} for rule in rules] or None


def _lifecycle_out(rules: Any) -> dict[str, Any]:
    if rules is None:
        return {"lifecycle": None}
    return {"lifecycle": {"rule": [{key: _cameled(part) for key, part in rule.items()} for rule in rules]}}


def _retention_in(document: Document) -> Any:
    policy = document.get("retentionPolicy") or {}
    seconds = int(policy.get("retentionPeriod") or 0)
    return {"seconds": seconds, "locked": bool(policy.get("isLocked"))} if seconds else None


def _retention_out(value: Any) -> dict[str, Any]:
    return {"retentionPolicy": None if value is None else {"retentionPeriod": str(value["seconds"])}}


def _soft_delete_in(document: Document) -> Any:
    return int((document.get("softDeletePolicy") or {}).get("retentionDurationSeconds") or 0) or None


def _soft_delete_out(value: Any) -> dict[str, Any]:
    """A null would bring the default of 7 days back; off is 0. https://cloud.google.com/storage/docs/use-soft-delete"""
    return {"softDeletePolicy": {"retentionDurationSeconds": str(value or 0)}}


def _logging_in(document: Document) -> Any:
    """Without a prefix, the bucket's name is the prefix. https://cloud.google.com/storage/docs/access-logs"""
    logging = document.get("logging") or {}
    if not logging.get("logBucket"):
        return None
    prefix = logging.get("logObjectPrefix") or document.get("name", "")
    return {"log_bucket": logging["logBucket"], "log_object_prefix": prefix}


def _cors_in(document: Document) -> Any:
    rules = [{key: value for key, value in _snaked(rule).items() if value != []} for rule in document.get("cors") or ()]
    return rules or None


def _cors_out(rules: Any) -> dict[str, Any]:
    return {"cors": [_cameled(rule) for rule in rules or ()]}


def _website_out(value: Any) -> dict[str, Any]:
    """A page that isn't wanted any more is taken out by name: a patch merges."""
    if value is None:
        return {"website": None}
    return {"website": {camel(name): value.get(name) for name in ("main_page_suffix", "not_found_page")}}


def _website_in(document: Document) -> Any:
    return {key: value for key, value in _snaked(document.get("website") or {}).items() if value} or None


SHAPES: Mapping[str, Shape] = {
    "cors": Shape(_cors_in, _cors_out),
    "default_kms_key_name": Shape(
        lambda document: (document.get("encryption") or {}).get("defaultKmsKeyName") or None,
        lambda value: {"encryption": {"defaultKmsKeyName": value}},
    ),
    "labels": Shape(lambda document: dict(document.get("labels") or {}) or None, lambda value: {"labels": value or {}}),
    "lifecycle_rules": Shape(_lifecycle_in, _lifecycle_out),
    "logging": Shape(_logging_in, lambda value: {"logging": None if value is None else _cameled(value)}),
    "public_access_prevention": Shape(
        _prevention_in, lambda value: {"iamConfiguration": {"publicAccessPrevention": value}}
    ),
    "requester_pays": Shape(
        lambda document: bool((document.get("billing") or {}).get("requesterPays")),
        lambda value: {"billing": {"requesterPays": bool(value)}},
    ),
    "retention_period": Shape(_retention_in, _retention_out),
    "soft_delete_retention": Shape(_soft_delete_in, _soft_delete_out),
    "storage_class": Shape(lambda document: document.get("storageClass"), lambda value: {"storageClass": value}),
    "uniform_bucket_level_access": Shape(
        _uniform_in, lambda value: {"iamConfiguration": {"uniformBucketLevelAccess": {"enabled": bool(value)}}}
    ),
    "versioning": Shape(_versioning_in, lambda value: {"versioning": {"enabled": value == "enabled"}}),
    "website": Shape(_website_in, _website_out),
}


def reading(document: Document, name: str) -> Reading:
    """One property of a bucket's document."""
    value = SHAPES[name].read(document)
    return Reading(ABSENT) if value is None else Reading(VALUE, value)


def body_of(steps: Iterable[Step], before: Document) -> dict[str, Any]:
    """One document with all that the steps change.

    :param before: the bucket's document, whose labels have to be taken out by name: a patch merges.
    """
    body: dict[str, Any] = {}
    for step in steps:
        if step.subject in SHAPES:
            _merge(body, SHAPES[step.subject].write(step.value))
    if "labels" in body:
        gone = set(before.get("labels") or {}) - set(body["labels"])
        body["labels"] = {**dict.fromkeys(sorted(gone)), **body["labels"]}
    return body


def _merge(into: dict[str, Any], part: Document) -> None:
    for key, value in part.items():
        if isinstance(value, dict) and isinstance(into.get(key), dict):
            _merge(into[key], value)
        else:
            into[key] = value


def without_nulls(document: Any) -> Any:
    """The same for a bucket that is created: what isn't there need not be removed."""
    if not isinstance(document, dict):
        return document
    cleaned = {key: without_nulls(value) for key, value in document.items() if value is not None}
    return {key: value for key, value in cleaned.items() if value != {}}


# ---- IAM

EVERYBODY = ("allUsers", "allAuthenticatedUsers")


def iam_policy(policy: Document) -> Reading:
    """The bindings of a policy. https://cloud.google.com/storage/docs/json_api/v1/buckets/getIamPolicy"""
    bindings = [
        {
            "role": str(binding.get("role", "")),
            "members": sorted(binding.get("members") or ()),
            "condition": binding.get("condition") or None,
        }
        for binding in policy.get("bindings") or ()
    ]
    if not bindings:
        return Reading(ABSENT)
    return Reading(VALUE, {"bindings": sorted(bindings, key=lambda binding: (binding["role"], binding["members"]))})


def public_access(policy: Document, document: Document) -> Reading:
    """What is granted to everybody by the bucket's own policy, and whether public access prevention takes it away again."""
    grants = [
        {"member": member, "role": str(binding.get("role", ""))}
        for binding in policy.get("bindings") or ()
        for member in binding.get("members") or ()
        if member in EVERYBODY
    ]
    if not grants:
        return Reading(ABSENT)
    grants.sort(key=lambda grant: (grant["member"], grant["role"]))
    return Reading(VALUE, {"grants": grants, "prevented": _prevention_in(document) == "enforced"})


# ---- objects

OBJECT_FIELDS = (
    "name,generation,size,timeCreated,timeDeleted,temporaryHold,eventBasedHold,retentionExpirationTime,retention"
)


def entry(item: Document, now: datetime) -> Entry:
    """One generation of an object. A generation that something replaced, or that was deleted, has a ``timeDeleted``.

    https://cloud.google.com/storage/docs/json_api/v1/objects/list
    """
    latest = "timeDeleted" not in item
    return Entry(
        OBJECT if latest else VERSION,
        item["name"],
        str(item.get("generation", "")),
        int(item.get("size") or 0),
        moment(item["timeCreated"]),
        latest,
        _kept_by(item, now),
    )


def _kept_by(item: Document, now: datetime) -> str:
    """Why the service would not delete it now, by its own code.

    https://cloud.google.com/storage/docs/object-holds, https://cloud.google.com/storage/docs/bucket-lock
    """
    if item.get("temporaryHold") or item.get("eventBasedHold"):
        return HELD
    own = (item.get("retention") or {}).get("retainUntilTime")
    until = [text for text in (item.get("retentionExpirationTime"), own) if text]
    return RETAINED if any(moment(text) > now for text in until) else ""


def moment(text: str) -> datetime:
    """A time as the API writes it (RFC 3339)."""
    return read_iso(text).astimezone(timezone.utc)
