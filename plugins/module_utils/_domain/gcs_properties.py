# Copyright (c) 2026 cloudops.core contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What is particular to buckets of Cloud Storage: their properties, and where they are."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from ansible_collections.cloudops.core.plugins.module_utils._core.errors import Conflict
from ansible_collections.cloudops.core.plugins.module_utils._core.plan import Plan
from ansible_collections.cloudops.core.plugins.module_utils._domain import gcs_lifecycle
from ansible_collections.cloudops.core.plugins.module_utils._domain.buckets import (
    Bucket,
    Desired,
    Property,
    plan_present,
)

DAY = 86400
SOFT_DELETE_OF_NEW_BUCKETS = 7 * DAY


def _asked(_current: Any, asked: Any, _arn: str) -> Any:
    return asked


def _or_none(value: Any) -> Any:
    return value or None


def _resolve_labels(current: Any, asked: Mapping[str, Any], _arn: str) -> dict[str, str] | None:
    kept = {} if asked["purge"] else dict(current or {})
    return {**kept, **asked["labels"]} or None


def _resolve_versioning(current: Any, asked: str, _arn: str) -> str | None:
    """A bucket that never had versioning makes no versions, which is all that "suspended" asks for."""
    return None if asked == "suspended" and current is None else asked


def _resolve_retention(current: Any, asked: int, _arn: str) -> dict[str, Any] | None:
    """A locked policy lasts for ever, and can only grow.

    :raises Conflict: where a locked policy would have to shrink or go.
    """
    locked = bool(current and current["locked"])
    if locked and asked < current["seconds"]:
        raise Conflict(
            f"the retention policy is locked at {current['seconds']} seconds; it can't be "
            + ("removed" if asked == 0 else f"made shorter ({asked} seconds)"),
            code="retentionPolicyNotMet",
            hint="Leave retention_period out, or make it longer.",
        )
    return {"seconds": asked, "locked": locked} if asked else None


def _canonical_cors(rules: Any) -> Any:
    """The first rule that matches wins, so the order of rules counts; the order within a rule doesn't."""
    if not rules:
        return None
    return [{key: sorted(value) if isinstance(value, list) else value for key, value in rule.items()} for rule in rules]


# By the names of the module's options. Those that Google can't but answer have a value always, never "not configured".
GCS_PROPERTIES: Mapping[str, Property] = {
    "cors": Property(_asked, _canonical_cors),
    "default_kms_key_name": Property(_asked),
    "labels": Property(_resolve_labels, _or_none),
    "lifecycle_rules": Property(_asked, gcs_lifecycle.canonical),
    "logging": Property(_asked),
    "public_access_prevention": Property(_asked, lambda value: value or "inherited"),
    "requester_pays": Property(_asked, bool),
    "retention_period": Property(_resolve_retention),
    "soft_delete_retention": Property(_asked),
    "storage_class": Property(_asked),
    "uniform_bucket_level_access": Property(_asked, bool),
    "versioning": Property(_resolve_versioning),
    "website": Property(_asked),
}

FRESH = {"soft_delete_retention": SOFT_DELETE_OF_NEW_BUCKETS}


def plan_bucket(current: Bucket | None, desired: Desired, location: str | None) -> Plan:
    """The steps that give a bucket what is asked, and nothing else.

    :param location: where it has to be; None: anywhere.
    :raises Conflict: it is elsewhere, or what is asked can't be done to it.
    """
    if current is not None:
        check_location(current, location)
    plan = plan_present(current, desired, FRESH, GCS_PROPERTIES)
    if current is None and location:
        after = {"state": plan.after["state"], "location": location.upper(), **plan.after}
        plan = replace(plan, after=after)
    return plan


def check_location(current: Bucket, asked: str | None) -> None:
    """Refuse to work on a bucket that isn't where the caller thinks it is (None: the caller doesn't say).

    :raises Conflict: naming both locations.
    """
    if asked and asked.upper() != current.region.upper():
        raise Conflict(
            f"bucket {current.name} is in location {current.region}, not in {asked.upper()}; a bucket can't be moved",
            code="LocationMismatch",
            hint=f"Set location to {current.region}, or choose another name.",
        )
