# Copyright (c) 2026 cloudops.core contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Facts of many workloads, of several kinds and namespaces at once; what can't be read is told apart from what isn't there."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from ansible_collections.cloudops.core.plugins.module_utils._core.errors import CloudOpsError, NotFound
from ansible_collections.cloudops.core.plugins.module_utils._core.fanout import fan_out
from ansible_collections.cloudops.core.plugins.module_utils._domain.workload import Workload
from ansible_collections.cloudops.core.plugins.module_utils._domain.workload_facts import facts_of
from ansible_collections.cloudops.core.plugins.module_utils._domain.workload_options import Selection
from ansible_collections.cloudops.core.plugins.module_utils._domain.workload_tracks import Missing
from ansible_collections.cloudops.core.plugins.module_utils._k8s.addresses import Address
from ansible_collections.cloudops.core.plugins.module_utils._k8s.client import Client, is_status
from ansible_collections.cloudops.core.plugins.module_utils._k8s.kinds import Kind, find_kind
from ansible_collections.cloudops.core.plugins.module_utils._k8s.owners import Owners
from ansible_collections.cloudops.core.plugins.module_utils._k8s.shapes import pod_facts
from ansible_collections.cloudops.core.plugins.module_utils._k8s.workloads import WorkloadGateway


@dataclass(frozen=True)
class Extras:
    """What is asked for besides, each at the price of further requests and rights."""

    owners: bool = False
    pods: bool = False


class Inventory:
    """One look at a selection.

    :param page: objects in one answer.
    """

    def __init__(self, client: Client, extras: Extras, *, concurrency: int = 8, page: int = 500) -> None:
        self._client = client
        self._gateway = WorkloadGateway(client, concurrency=concurrency)
        self._extras = extras
        self._concurrency = concurrency
        self._page = page
        self.unknown: list[dict[str, Any]] = []
        self.missing: list[str] = []

    def gather(self, selection: Selection) -> list[dict[str, Any]]:
        """Facts of all that is selected, by namespace, name and kind; fills ``unknown`` and ``missing``.

        :raises CloudOpsError: when the server can't be asked at all, or doesn't have a kind.
        """
        kinds = [find_kind(self._client, *kind) for kind in selection.kinds]
        found = self._listed(kinds, selection) if selection.names is None else self._named(kinds, selection)
        found.sort(key=lambda workload: (workload.namespace, workload.name, workload.kind))
        facts = [facts_of(workload) for workload in found]
        if self._extras.owners:
            self._add_owners(found, facts, selection)
        if self._extras.pods:
            self._add_pods(found, facts)
        return facts

    def _listed(self, kinds: Sequence[Kind], selection: Selection) -> list[Workload]:
        spaces = self._gateway.namespaces(selection)
        found: list[Workload] = []
        listed = self._gateway.listings(kinds, spaces, selection.selector, self._page)
        errors = [one.error for one in listed if one.error is not None]
        if len(errors) == len(listed) and not any(is_status(error, 403) for error in errors):
            raise errors[0]  # it isn't about namespaces: nothing answers, or nobody knows who asks
        for one in listed:
            found += one.workloads
            if one.error is not None:
                self._note(one.error, one.namespace, one.kind.kind)
        return found

    def _named(self, kinds: Sequence[Kind], selection: Selection) -> list[Workload]:
        """By name, in any of the kinds; a name is missing when none of them has it."""
        wanted: dict[str, bool] = {}
        found: list[Workload] = []
        for kind in kinds:
            for entry in self._gateway.find(kind, selection).entries:
                wanted.setdefault(entry.target, False)
                if isinstance(entry, Missing):
                    if not isinstance(entry.error, NotFound):
                        self._note(entry.error, entry.namespace, entry.kind, entry.name)
                        wanted[entry.target] = True
                else:
                    wanted[entry.target] = True
                    found.append(entry)
        self.missing = [target for target, known in wanted.items() if not known]
        return found

    def _note(self, error: CloudOpsError, namespace: str, kind: str, name: str = "") -> None:
        self.unknown.append({"namespace": namespace, "kind": kind, "name": name, "error": error.as_result()})

    def _add_owners(self, found: Sequence[Workload], facts: Sequence[dict[str, Any]], selection: Selection) -> None:
        owners = Owners(self._client, self._concurrency)
        unreadable: set[str] = set()
        for namespace in [""] if selection.all_namespaces else dict.fromkeys(one.namespace for one in found):
            try:
                owners.read([namespace])
            except CloudOpsError as error:
                self._note(error, namespace, "HorizontalPodAutoscaler")
                unreadable.add(namespace)
        for workload, entry in zip(found, facts, strict=True):
            owner = owners.of(workload)
            known = not unreadable & {workload.namespace, ""}
            entry["owner"] = str(owner) if owner else "" if known else None
            if owner is not None and owner.adjustable:
                entry["owner_bounds"] = {"min": owner.minimum, "max": owner.maximum}

    def _add_pods(self, found: Sequence[Workload], facts: Sequence[dict[str, Any]]) -> None:
        pairs = list(zip(found, facts, strict=True))
        for outcome in fan_out(lambda pair: self._pods(pair[0]), pairs, concurrency=self._concurrency):
            workload, entry = outcome.item
            if outcome.error is not None:
                self._note(outcome.error, workload.namespace, "Pod", workload.name)
            entry["pods"] = outcome.value if outcome.error is None else None

    def _pods(self, workload: Workload) -> list[Mapping[str, Any]]:
        if not workload.selector:
            return []
        place = Address("v1", "pods", workload.namespace)
        items, _version = self._client.listing(place, selector=workload.selector, page=self._page)
        return sorted((pod_facts(item) for item in items), key=lambda pod: str(pod["name"]))
