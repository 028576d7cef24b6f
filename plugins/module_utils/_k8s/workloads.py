# Copyright (c) 2026 cloudops.core contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Workloads of a cluster: finding them with few requests, and changing one with one.

https://kubernetes.io/docs/reference/using-api/api-concepts/#patch-and-apply
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from ansible_collections.cloudops.core.plugins.module_utils._core.errors import (
    CloudOpsError,
    Conflict,
    Denied,
    Invalid,
    NotFound,
)
from ansible_collections.cloudops.core.plugins.module_utils._core.fanout import fan_out
from ansible_collections.cloudops.core.plugins.module_utils._domain.workload import STATE, Workload
from ansible_collections.cloudops.core.plugins.module_utils._domain.workload_options import Selection
from ansible_collections.cloudops.core.plugins.module_utils._domain.workload_resources import Changes, as_patch
from ansible_collections.cloudops.core.plugins.module_utils._domain.workload_tracks import Missing
from ansible_collections.cloudops.core.plugins.module_utils._k8s.client import MERGE, PAGE, STRATEGIC, Client, is_status
from ansible_collections.cloudops.core.plugins.module_utils._k8s.kinds import Kind
from ansible_collections.cloudops.core.plugins.module_utils._k8s.shapes import workload_of

# Up to so many names in a namespace are read one by one, side by side. More are picked from a listing.
FEW = 4
# How often the history of a kind that is scaled through its subresource is tried anew when somebody writes at the same time.
HISTORY_ATTEMPTS = 4


@dataclass(frozen=True)
class Found:
    """What a selection came to, in order: workloads, and errors for names that can't be had."""

    entries: tuple[Workload | Missing, ...]

    @property
    def workloads(self) -> list[Workload]:
        """Those that are there."""
        return [entry for entry in self.entries if isinstance(entry, Workload)]


@dataclass(frozen=True)
class Listed:
    """One collection that was read, or the error that came instead."""

    kind: Kind
    namespace: str
    workloads: tuple[Workload, ...] = ()
    error: CloudOpsError | None = None


class WorkloadGateway:
    """Workloads of one cluster.

    :param concurrency: requests at once.
    """

    def __init__(self, client: Client, *, concurrency: int = 8) -> None:
        self.client = client
        self.concurrency = concurrency

    # Finding

    def find(self, kind: Kind, selection: Selection) -> Found:
        """All workloads of a kind that are selected.

        :raises CloudOpsError: when a namespace can't be read: half a fleet is no base for a limit.
        """
        if selection.names is not None:
            return self._find_named(kind, selection)
        listed = self.listings([kind], self.namespaces(selection), selection.selector)
        for one in listed:
            if one.error is not None:
                raise one.error
        found = [workload for one in listed for workload in one.workloads]
        return Found(tuple(sorted(found, key=lambda workload: (workload.namespace, workload.name))))

    def namespaces(self, selection: Selection) -> tuple[str, ...]:
        """Where to look; "" is everywhere."""
        if selection.all_namespaces:
            return ("",)
        return (self.client.namespace,) if selection.namespaces is None else selection.namespaces

    def listings(
        self, kinds: Iterable[Kind], namespaces: Sequence[str], selector: str = "", page: int = PAGE
    ) -> list[Listed]:
        """Listings of kinds in namespaces, side by side; one that can't be read keeps its error."""
        jobs = [(kind, namespace) for kind in kinds for namespace in namespaces]
        outcomes = fan_out(
            lambda job: self.client.listing(job[0].address.within(job[1]), selector=selector, page=page)[0],
            jobs,
            concurrency=self.concurrency,
        )
        return [
            Listed(*outcome.item, error=outcome.error)
            if outcome.error
            else Listed(*outcome.item, self._shaped(outcome.item[0], outcome.value or []))
            for outcome in outcomes
        ]

    def _shaped(self, kind: Kind, items: Iterable[Mapping[str, Any]]) -> tuple[Workload, ...]:
        if not kind.by_subresource:
            return tuple(workload_of(item, kind.kind, kind.api_version) for item in items)
        outcomes = fan_out(lambda item: self._with_scale(kind, item), items, concurrency=self.concurrency)
        for outcome in outcomes:
            if outcome.error is not None and not isinstance(outcome.error, NotFound):
                raise outcome.error
        return tuple(outcome.value for outcome in outcomes if outcome.value is not None)

    def _find_named(self, kind: Kind, selection: Selection) -> Found:
        everywhere = self.namespaces(selection)
        wanted = [
            (namespace, name)
            for given, name in selection.names or ()
            for namespace in ((given,) if given else everywhere)
        ]
        wanted = list(dict.fromkeys(wanted))
        there = self._picked(kind, wanted)
        return Found(tuple(self._entry(kind, *key, there[key]) for key in wanted))

    def _picked(
        self, kind: Kind, wanted: Sequence[tuple[str, str]]
    ) -> dict[tuple[str, str], Workload | CloudOpsError | None]:
        """Each by its namespace and name; None for what isn't there."""
        found: dict[tuple[str, str], Workload | CloudOpsError | None] = {}
        many = [space for space in dict.fromkeys(space for space, _name in wanted) if _count(wanted, space) > FEW]
        if not kind.by_subresource:  # there, a listing would have to read the size of each one besides
            for one in self.listings([kind], many):
                if one.error is None:
                    have = {workload.name: workload for workload in one.workloads}
                    found |= {key: have.get(key[1]) for key in wanted if key[0] == one.namespace}
                elif not isinstance(one.error, Denied):  # who may not list may still be allowed to read by name
                    raise one.error
        left = [key for key in wanted if key not in found]
        for outcome in fan_out(lambda key: self.read(kind, *key), left, concurrency=self.concurrency):
            found[outcome.item] = outcome.value if outcome.error is None else _own_error(outcome.error)
        return found

    def _entry(
        self, kind: Kind, namespace: str, name: str, found: Workload | CloudOpsError | None
    ) -> Workload | Missing:
        if isinstance(found, Workload):
            return found
        error = found or NotFound(
            f"there is no {kind.kind} {name} in namespace {namespace}",
            operation=f"get {kind.plural}",
            resource=f"{namespace}/{name}",
            code="NotFound",
            hint="Check the name, the namespace, the kind, and the context.",
        )
        return Missing(namespace, name, kind.kind, error)

    def read(self, kind: Kind, namespace: str, name: str) -> Workload:
        """One workload as it is now."""
        item = self.client.get(kind.at(namespace, name))
        return self._with_scale(kind, item) if kind.by_subresource else workload_of(item, kind.kind, kind.api_version)

    def _with_scale(self, kind: Kind, item: Mapping[str, Any]) -> Workload:
        """Size and object, of one and the same version if need be by reading twice."""
        metadata = item["metadata"]
        place = kind.at(metadata["namespace"], metadata["name"])
        for _attempt in range(HISTORY_ATTEMPTS):
            scale = self.client.get(place.part("scale"))
            if (scale.get("metadata") or {}).get("resourceVersion") == item["metadata"].get("resourceVersion"):
                break
            item = self.client.get(place)
        return workload_of(item, kind.kind, kind.api_version, scale)

    # Changing

    def change(
        self,
        kind: Kind,
        workload: Workload,
        *,
        replicas: int | None = None,
        state: str | None = None,
        resources: Changes | None = None,
    ) -> Workload:
        """Write what is given, if the workload is still at the version that was read; the workload as it is then.

        :param replicas: the new size.
        :param state: the history of decisions, for the annotation.
        :raises Conflict: when somebody else wrote meanwhile.
        :raises CloudOpsError: with ``replicas`` in its details when the size was written, and what should have followed was not.
        """
        if kind.by_subresource:
            if resources:
                raise _no_resources(kind, workload)
            return self._change_parts(kind, workload, replicas, state)
        body: dict[str, Any] = {"metadata": {"resourceVersion": workload.resource_version}}
        if state is not None:
            body["metadata"]["annotations"] = {STATE: state}
        if replicas is not None:
            body["spec"] = {"replicas": replicas}
        if resources:
            body.setdefault("spec", {})["template"] = {"spec": {"containers": as_patch(resources)}}
        place = kind.at(workload.namespace, workload.name)
        # A strategic merge finds containers by name; a plain one would replace the list of them.
        answer = self.client.patch(place, body, STRATEGIC if resources else MERGE)
        return workload_of(answer, kind.kind, kind.api_version)

    def _change_parts(self, kind: Kind, workload: Workload, replicas: int | None, state: str | None) -> Workload:
        """Size first, then history: two requests, since the size can be written through the subresource only."""
        place = kind.at(workload.namespace, workload.name)
        version, size = workload.resource_version, workload.replicas
        if replicas is not None:
            body = {"metadata": {"resourceVersion": version}, "spec": {"replicas": replicas}}
            scale = self.client.patch(place.part("scale"), body)
            version, size = str(scale["metadata"]["resourceVersion"]), replicas
        try:
            if state is not None:
                self._write_history(kind, workload, version, size, state)
            return self.read(kind, workload.namespace, workload.name)
        except CloudOpsError as error:
            if replicas is not None:
                error.details["replicas"] = replicas
            raise

    def _write_history(self, kind: Kind, workload: Workload, version: str, size: int, state: str) -> None:
        place = kind.at(workload.namespace, workload.name)
        for attempt in range(1, HISTORY_ATTEMPTS + 1):
            try:
                self.client.patch(place, {"metadata": {"resourceVersion": version, "annotations": {STATE: state}}})
                return
            except Conflict:
                # The version also moves when the kind's controller writes its status. Another size is another's decision.
                seen = self.read(kind, workload.namespace, workload.name)
                if seen.replicas != size or attempt == HISTORY_ATTEMPTS or size == workload.replicas:
                    raise
                version = seen.resource_version


def _own_error(error: CloudOpsError) -> CloudOpsError | None:
    """What a single name came to: None when it isn't there.

    :raises CloudOpsError: when it isn't about the name, so that others would meet it, too.
    """
    if is_status(error, 404):
        return None
    if not is_status(error, 403):
        raise error
    return error


def _count(wanted: Sequence[tuple[str, str]], namespace: str) -> int:
    return sum(space == namespace for space, _name in wanted)


def _no_resources(kind: Kind, workload: Workload) -> Invalid:
    return Invalid(
        f"resources can't be set on a {kind.kind}",
        operation=f"patch {kind.plural}",
        resource=workload.target,
        code="NoResources",
        hint="They go with Deployments, StatefulSets and ReplicaSets.",
    )
