# Copyright (c) 2026 cloudops.core contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Instances of many accounts and regions with their metrics, for inventories: every region of every account at the same time."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from ansible_collections.cloudops.core.plugins.module_utils._aws.client import Clients, Connection
from ansible_collections.cloudops.core.plugins.module_utils._aws.cloudwatch import (
    CloudWatchGateway,
    Measured,
    Request,
    measure,
)
from ansible_collections.cloudops.core.plugins.module_utils._aws.cloudwatch_queries import MetricQuery, read_queries
from ansible_collections.cloudops.core.plugins.module_utils._aws.ec2 import LIVING, PAGE
from ansible_collections.cloudops.core.plugins.module_utils._aws.ec2_reader import (
    InstanceReader,
    Record,
    readable_answers,
)
from ansible_collections.cloudops.core.plugins.module_utils._aws.errors import aws_errors
from ansible_collections.cloudops.core.plugins.module_utils._core.errors import CloudOpsError, Denied, Invalid, of_kind
from ansible_collections.cloudops.core.plugins.module_utils._core.fanout import fan_out
from ansible_collections.cloudops.core.plugins.module_utils._domain.instance_inventory import local_filter
from ansible_collections.cloudops.core.plugins.module_utils._domain.inventory import (
    Account,
    Document,
    Measurement,
    Window,
    skipped_note,
)

ALL = "all"
_CALLED = {"ec2": ("DescribeInstances", "DescribeRegions")}
_STATES = ("instance-state-name", "instance-state-code")
# Any id will do to see whether a metric's options can be read.
_PROBE = "i-00000000"

Filters = Mapping[str, Sequence[str]]


@dataclass(frozen=True)
class Question:
    """Which instances, and what of them.

    :param tags: all of these, with exactly these values.
    :param include: an instance matches one of these, or whatever it is where there are none.
    :param exclude: and none of these.
    :param strict: whether a region that may not be read is an error.
    :param now: seconds since 1970, for the windows of metrics.
    """

    tags: Mapping[str, str] = field(default_factory=dict)
    include: Sequence[Filters] = ()
    exclude: Sequence[Filters] = ()
    measurements: Sequence[Measurement] = ()
    strict: bool = True
    now: float = 0
    concurrency: int = 16

    def check(self) -> None:
        """See that the metrics can be asked for.

        :raises Invalid: when they can't.
        """
        for measurement in self.measurements:
            _queries(measurement, [_PROBE])


@dataclass(frozen=True)
class Place:
    """A region of an account."""

    account: Account
    region: str
    ec2: Any
    reader: InstanceReader
    metrics: CloudWatchGateway | None = None

    @property
    def label(self) -> str:
        """For messages."""
        account = f" of {self.account.label}" if self.account.label else ""
        return f"region {self.region}{account}"


@dataclass
class _Found:
    records: list[Record]
    notes: list[str] = field(default_factory=list)


def survey(connection: Connection, accounts: Sequence[Account], regions: Sequence[str], question: Question) -> Document:
    """All instances that match, in the order of accounts and regions.

    :param regions: empty stands for the connection's own, "all" for all that an account has enabled.
    :raises CloudOpsError: when a region can't be read; one that is denied only with ``question.strict``.
    """
    question.check()
    notes: list[str] = []
    places = _places(connection, accounts, regions, question, notes)
    records: list[Record] = []
    for outcome in fan_out(lambda place: _look(place, question), places, concurrency=question.concurrency):
        if outcome.error is not None:
            notes.append(_skipped(outcome.item.label, outcome.error, question))
            continue
        found = outcome.value or _Found([])
        records += found.records
        notes += found.notes
    return Document(records, tuple(dict.fromkeys(notes)), question.now)


def _skipped(label: str, error: CloudOpsError, question: Question) -> str:
    """What to say of a place that may not be read; any other error is one."""
    if question.strict or not isinstance(error, Denied):
        raise error
    return skipped_note(label, error)


def _places(
    connection: Connection, accounts: Sequence[Account], regions: Sequence[str], question: Question, notes: list[str]
) -> list[Place]:
    """Clients are made here, before any thread asks for one: that part of boto3 isn't safe to share."""
    homes: list[tuple[Account, Clients, tuple[str, ...], Any]] = []
    for account in accounts:
        own = replace(connection, assume_role_arn=account.role_arn, external_id=account.external_id)
        clients = Clients(own, pool=question.concurrency + 4, like=homes[0][1] if homes else None, only=_CALLED)
        asked = account.regions or tuple(regions)
        first = clients.client("ec2", _first_region(asked, clients))
        # Reads how EC2 pages, once for all; else each thread would look through all of botocore's models for it.
        first.can_paginate("describe_instances")
        homes.append((account, clients, asked or (first.meta.region_name,), first))
    enabled = fan_out(
        lambda home: _enabled_regions(home[3]) if ALL in home[2] else home[2], homes, concurrency=question.concurrency
    )
    places = []
    for outcome in enabled:
        account, clients = outcome.item[:2]
        if outcome.error is not None:
            notes.append(_skipped(account.label or "the account", outcome.error, question))
        for region in outcome.value or ():
            ec2 = clients.client("ec2", region)
            gateway = CloudWatchGateway(clients, region=region) if question.measurements else None
            places.append(Place(account, region, ec2, InstanceReader(ec2), gateway))
    return places


def _first_region(asked: Sequence[str], clients: Clients) -> str | None:
    """Where to begin. Any region can tell which there are."""
    if ALL in asked:
        return clients.region or "us-east-1"
    return asked[0] if asked else None


def _enabled_regions(ec2: Any) -> tuple[str, ...]:
    with aws_errors("describe the regions", f"region {ec2.meta.region_name}"):
        return tuple(sorted(region["RegionName"] for region in ec2.describe_regions()["Regions"]))


# Instances


def _look(place: Place, question: Question) -> _Found:
    """What one region has."""
    found: dict[str, Record] = {}
    for filters in question.include or ({},):
        for record in _describe(place, {**filters, **_tag_filters(question.tags)}):
            found[record["instance_id"]] = record
    records = [record for record in found.values() if _has(record["tags"], question.tags)]
    records = _without_excluded(place, records, question)
    notes: list[str] = []
    if place.metrics is not None and records:
        notes += _add_metrics(place, place.metrics, records, question)
    return _Found(records, notes)


def _has(tags: Mapping[str, str], wanted: Mapping[str, str]) -> bool:
    return all(tags.get(key) == value for key, value in wanted.items())


def _tag_filters(tags: Mapping[str, str]) -> dict[str, tuple[str, ...]]:
    """Filters that match at least these tags: what has a meaning in filters becomes "any character"."""
    return {
        f"tag:{key}": ("".join("?" if character in "*?\\" else character for character in value),)
        for key, value in tags.items()
    }


def _describe(place: Place, filters: Filters) -> Iterable[Record]:
    asked = [{"Name": name, "Values": list(values)} for name, values in filters.items()]
    if not any(name in filters for name in _STATES):
        asked.append({"Name": "instance-state-name", "Values": list(LIVING)})
    pages = place.ec2.get_paginator("describe_instances").paginate(Filters=asked, PaginationConfig={"PageSize": PAGE})
    records = []
    with aws_errors("describe the instances", place.label), readable_answers():
        for page in pages:
            for record in place.reader.records(page):
                record.setdefault("placement", {})["region"] = place.region
                records.append(record)
    return records


def _without_excluded(place: Place, records: list[Record], question: Question) -> list[Record]:
    """A filter that our own copy of the facts can answer takes no call."""
    for filters in question.exclude:
        if not records:
            break
        matches = local_filter(filters)
        if matches is None:
            gone = {record["instance_id"] for record in _describe(place, filters)}
            records = [record for record in records if record["instance_id"] not in gone]
        else:
            records = [record for record in records if not matches(record)]
    return records


# Metrics


def _add_metrics(place: Place, gateway: CloudWatchGateway, records: Sequence[Record], question: Question) -> list[str]:
    """Give each record its ``metrics``; return what there is to say about them.

    Metrics with the same window share calls.
    """
    windows: dict[Window, list[MetricQuery]] = {}
    named: dict[str, tuple[str, str]] = {}
    ids = [record["instance_id"] for record in records]
    for measurement in question.measurements:
        for query in _queries(measurement, ids):
            key = f"{measurement.name} of {query.key}"
            named[key] = (query.key, measurement.name)
            asked = windows.setdefault(measurement.window, [])
            asked.append(replace(query, key=key, id=f"q{len(named)}"))
    by_id: dict[str, dict[str, Any]] = {name: {} for name in ids}
    notes: list[str] = []
    for window, queries in windows.items():
        request = Request(queries, question.now, **vars(window), datapoints=False)
        measured = measure(gateway, request)
        notes += [f"{place.label}: {warning}" for warning in measured.warnings]
        notes += _failures(place, measured, question)
        for series in measured.series:
            instance, name = named[series["id"]]
            by_id[instance][name] = _value(series)
    for record in records:
        record["metrics"] = by_id[record["instance_id"]]
    return notes


def _queries(measurement: Measurement, ids: Sequence[str]) -> list[MetricQuery]:
    try:
        return read_queries({**measurement.params, "instance_ids": ids})
    except Invalid as error:
        raise Invalid(f"metrics.{measurement.name}: {error.message}", hint=error.hint) from None


_KEPT = ("value", "count", "expected", "coverage", "age", "verdict", "verdict_reason")


def _value(series: Mapping[str, Any]) -> dict[str, Any]:
    return {name: series[name] for name in _KEPT if name in series}


def _failures(place: Place, measured: Measured, question: Question) -> list[str]:
    """Metrics that can't be read at all. Where that isn't allowed, and needn't be, hosts go without."""
    if not measured.failures:
        return []
    first = measured.failures[0]
    more = f", and {len(measured.failures) - 1} more" if len(measured.failures) > 1 else ""
    error = of_kind(first["kind"])(
        first["message"],
        operation=first["operation"],
        resource=f"{first['name']}{more}, {place.label}",
        code=first["code"],
        hint=first["hint"],
    )
    return [_skipped(f"{first['name']}{more} in {place.label}", error, question)]
