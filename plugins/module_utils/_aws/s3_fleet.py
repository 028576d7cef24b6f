# Copyright (c) 2026 cloudops.core contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Many buckets at once: found by name, prefix or tags, each read in its own region."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from ansible_collections.cloudops.core.plugins.module_utils._aws.s3 import BucketSummary, S3Gateway
from ansible_collections.cloudops.core.plugins.module_utils._core.errors import CloudOpsError, NotFound
from ansible_collections.cloudops.core.plugins.module_utils._core.fanout import Outcome, fan_out
from ansible_collections.cloudops.core.plugins.module_utils._domain.buckets import (
    Reading,
    has_tags,
    tags_are_unknown,
)


@dataclass
class Fleet:
    """What was found.

    :param missing: names that were asked for and don't exist.
    :param undecided: buckets whose tags can't be read, so that nobody knows whether they match.
    :param failures: buckets that could not be looked at, each with its error.
    """

    buckets: list[dict[str, Any]] = field(default_factory=list)
    missing: list[str] = field(default_factory=list)
    undecided: list[dict[str, Any]] = field(default_factory=list)
    failures: list[dict[str, Any]] = field(default_factory=list)

    def as_result(self) -> dict[str, Any]:
        """As return values."""
        return {
            "buckets": self.buckets,
            "missing": self.missing,
            "undecided": self.undecided,
            "failures": self.failures,
        }

    def set_aside(self, name: str, error: CloudOpsError) -> None:
        """Note a bucket that could not be looked at."""
        if isinstance(error, NotFound):
            self.missing.append(name)
        else:
            self.failures.append({"name": name, **error.as_result()})


@dataclass(frozen=True)
class Query:
    """Which buckets, and what of them.

    :param names: exactly these; None: all that begin with ``prefix``.
    :param tags: only those that have all of these tags.
    """

    names: Sequence[str] | None = None
    prefix: str = ""
    tags: Mapping[str, str] = field(default_factory=dict)
    properties: Sequence[str] = ()
    concurrency: int = 16


def describe(gateway: S3Gateway, query: Query) -> Fleet:
    """Find the buckets and read their properties: 1 call for the list (or 1 for each name), and 1 for each property of each bucket.

    A filter by tags costs 1 call for each candidate, and the other properties are read only of those that match.
    """
    fleet = Fleet()
    found = _named(gateway, query, fleet) if query.names is not None else _located(gateway, query, fleet)
    for region in sorted({summary.region for summary in found if summary.region}):
        gateway.client(region)  # made here, in one thread; used in many
    tags: dict[str, Reading] = {}
    if query.tags:
        found, tags = _matching(gateway, query, found, fleet)
    left = [name for name in query.properties if not (name == "tags" and query.tags)]
    for outcome in _read_all(gateway, found, left, query.concurrency):
        if outcome.error is not None:
            fleet.set_aside(outcome.item.name, outcome.error)
            continue
        readings = dict(outcome.value or {})
        if "tags" in query.properties and query.tags:
            readings["tags"] = tags[outcome.item.name]
        fleet.buckets.append(_as_result(gateway, outcome.item, {name: readings[name] for name in query.properties}))
    return fleet


def _named(gateway: S3Gateway, query: Query, fleet: Fleet) -> list[BucketSummary]:
    names = list(dict.fromkeys(query.names or ()))
    gateway.client()
    return _headed(gateway, [BucketSummary(name, "") for name in names], query.concurrency, fleet)


def _located(gateway: S3Gateway, query: Query, fleet: Fleet) -> list[BucketSummary]:
    """The list, with the region of each. Older SDKs and other servers don't tell it; only Amazon's needs it."""
    found = sorted(gateway.list_buckets(query.prefix), key=lambda summary: summary.name)
    if not gateway.is_aws or not (query.properties or query.tags):
        return found
    lost = [summary for summary in found if not summary.region]
    placed = _headed(gateway, lost, query.concurrency, fleet) if lost else []
    return sorted([summary for summary in found if summary.region] + placed, key=lambda summary: summary.name)


def _headed(
    gateway: S3Gateway, summaries: Iterable[BucketSummary], concurrency: int, fleet: Fleet
) -> list[BucketSummary]:
    """Look for each bucket; those that aren't there, or can't be looked at, are set aside."""
    result = []
    for outcome in fan_out(lambda summary: gateway.head(summary.name), summaries, concurrency=concurrency):
        if outcome.error is not None:
            fleet.set_aside(outcome.item.name, outcome.error)
        elif outcome.value is None:
            fleet.missing.append(outcome.item.name)
        else:
            result.append(BucketSummary(outcome.item.name, outcome.item.created, outcome.value.region))
    return result


def _matching(
    gateway: S3Gateway, query: Query, found: Sequence[BucketSummary], fleet: Fleet
) -> tuple[list[BucketSummary], dict[str, Reading]]:
    kept: list[BucketSummary] = []
    tags: dict[str, Reading] = {}
    for outcome in _read_all(gateway, found, ("tags",), query.concurrency):
        if outcome.error is not None:
            fleet.set_aside(outcome.item.name, outcome.error)
            continue
        reading = (outcome.value or {})["tags"]
        if tags_are_unknown(reading):
            fleet.undecided.append({"name": outcome.item.name, "code": reading.code, "message": reading.message})
        elif has_tags(reading, query.tags):
            kept.append(outcome.item)
            tags[outcome.item.name] = reading
    return kept, tags


def _read_all(
    gateway: S3Gateway, found: Sequence[BucketSummary], properties: Sequence[str], concurrency: int
) -> list[Outcome[BucketSummary, dict[str, Reading]]]:
    return fan_out(
        lambda summary: gateway.read_properties(summary.name, properties, summary.region or None),
        found,
        concurrency=concurrency,
    )


def _as_result(gateway: S3Gateway, summary: BucketSummary, readings: Mapping[str, Reading]) -> dict[str, Any]:
    return {
        "name": summary.name,
        "arn": gateway.arn(summary.name),
        "region": summary.region,
        "creation_date": summary.created or None,
        "properties": {name: reading.as_result() for name, reading in readings.items()},
    }
