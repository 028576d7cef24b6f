# Copyright (c) 2026 cloudops.core contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Facts of many containers."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from ansible_collections.cloudops.core.plugins.module_utils._azure.containers import Container, ContainerGateway
from ansible_collections.cloudops.core.plugins.module_utils._core.fanout import fan_out
from ansible_collections.cloudops.core.plugins.module_utils._domain.containers import has_metadata


@dataclass(frozen=True)
class Query:
    """Which containers, and what of them.

    :param names: exactly these; None: all that begin with ``prefix``.
    :param metadata: only those that have all of it.
    """

    names: Sequence[str] | None = None
    prefix: str = ""
    metadata: Mapping[str, str] = field(default_factory=dict)
    properties: Sequence[str] = ()
    concurrency: int = 16


@dataclass
class Fleet:
    """What was found; names that don't exist; containers that could not be looked at, each with its error."""

    containers: list[dict[str, Any]] = field(default_factory=list)
    missing: list[str] = field(default_factory=list)
    failures: list[dict[str, Any]] = field(default_factory=list)

    def as_result(self) -> dict[str, Any]:
        """As return values."""
        return {"containers": self.containers, "missing": self.missing, "failures": self.failures}


def describe(gateway: ContainerGateway, query: Query) -> Fleet:
    """Find the containers: 1 call for 5,000 of them, or 1 for each name."""
    fleet = Fleet()
    for container in _found(gateway, query, fleet):
        metadata = container.bucket.readings["metadata"].value
        if has_metadata(metadata, query.metadata):
            fleet.containers.append(_as_result(gateway, container, query.properties))
    return fleet


def _found(gateway: ContainerGateway, query: Query, fleet: Fleet) -> Iterable[Container]:
    if query.names is None:
        yield from gateway.list_containers(query.prefix)
        return
    gateway.account.service  # noqa: B018  # made here, in one thread; used in many
    for outcome in fan_out(gateway.read, dict.fromkeys(query.names), concurrency=query.concurrency):
        if outcome.error is not None:
            fleet.failures.append({"name": outcome.item, **outcome.error.as_result()})
        elif outcome.value is None:
            fleet.missing.append(outcome.item)
        else:
            yield outcome.value


def _as_result(gateway: ContainerGateway, container: Container, properties: Sequence[str]) -> dict[str, Any]:
    bucket = container.bucket
    return {
        "name": bucket.name,
        "url": gateway.account.url_of(bucket.name),
        "last_modified": container.last_modified.isoformat() if container.last_modified else None,
        "properties": {name: bucket.readings[name].as_result() for name in properties},
    }
