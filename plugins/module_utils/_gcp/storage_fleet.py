# Copyright (c) 2026 cloudops.core contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Many buckets of Cloud Storage at once: found by name, prefix or labels."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from ansible_collections.cloudops.core.plugins.module_utils._core.errors import CloudOpsError, NotFound
from ansible_collections.cloudops.core.plugins.module_utils._core.fanout import fan_out
from ansible_collections.cloudops.core.plugins.module_utils._domain.buckets import Reading, has_tags
from ansible_collections.cloudops.core.plugins.module_utils._gcp import storage_shapes as shapes
from ansible_collections.cloudops.core.plugins.module_utils._gcp.storage import Found, StorageGateway


@dataclass
class Fleet:
    """What was found.

    :param missing: names that were asked for and don't exist.
    :param failures: buckets that could not be looked at, each with its error.
    """

    buckets: list[dict[str, Any]] = field(default_factory=list)
    missing: list[str] = field(default_factory=list)
    failures: list[dict[str, Any]] = field(default_factory=list)

    def as_result(self) -> dict[str, Any]:
        """As return values."""
        return {"buckets": self.buckets, "missing": self.missing, "failures": self.failures}

    def set_aside(self, name: str, error: CloudOpsError) -> None:
        """Note a bucket that could not be looked at."""
        if isinstance(error, NotFound):
            self.missing.append(name)
        else:
            self.failures.append({"name": name, **error.as_result()})


@dataclass(frozen=True)
class Query:
    """Which buckets, and what of them.

    :param names: exactly these; None: all of the project that begin with ``prefix``.
    :param labels: only those that have all of these labels.
    """

    names: Sequence[str] | None = None
    prefix: str = ""
    labels: Mapping[str, str] = field(default_factory=dict)
    properties: Sequence[str] = ()
    concurrency: int = 16


def describe(gateway: StorageGateway, query: Query) -> Fleet:
    """Find the buckets and tell their properties: 1 call for each 1,000 (or 1 for each name), and 1 for each IAM policy."""
    fleet = Fleet()
    gateway.api.open()
    found = _named(gateway, query, fleet) if query.names is not None else _listed(gateway, query)
    found = [bucket for bucket in found if has_tags(shapes.reading(bucket.document, "labels"), query.labels)]
    outcomes = fan_out(
        lambda bucket: gateway.read_properties(bucket, query.properties), found, concurrency=query.concurrency
    )
    for outcome in outcomes:
        if outcome.error is not None:
            fleet.set_aside(outcome.item.name, outcome.error)
        else:
            fleet.buckets.append(_as_result(outcome.item, outcome.value or {}))
    return fleet


def _listed(gateway: StorageGateway, query: Query) -> list[Found]:
    return sorted(
        (bucket for bucket in gateway.list_buckets(query.prefix) if bucket.name.startswith(query.prefix)),
        key=lambda bucket: bucket.name,
    )


def _named(gateway: StorageGateway, query: Query, fleet: Fleet) -> list[Found]:
    names = list(dict.fromkeys(query.names or ()))
    result = []
    for outcome in fan_out(gateway.read, names, concurrency=query.concurrency):
        if outcome.error is not None:
            fleet.set_aside(outcome.item, outcome.error)
        elif outcome.value is None:
            fleet.missing.append(outcome.item)
        else:
            result.append(outcome.value)
    return result


def _as_result(bucket: Found, readings: Mapping[str, Reading]) -> dict[str, Any]:
    return {
        "name": bucket.name,
        "location": bucket.region,
        "location_type": bucket.document.get("locationType") or None,
        "creation_date": bucket.created or None,
        "properties": {name: reading.as_result() for name, reading in readings.items()},
    }
