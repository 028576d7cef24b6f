# Copyright (c) 2026 cloudops.core contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Who else scales a workload: HorizontalPodAutoscalers, KEDA's ScaledObjects, and controllers that own it.

https://kubernetes.io/docs/tasks/run-application/horizontal-pod-autoscale/ and https://keda.sh/docs/latest/concepts/scaling-deployments/
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from ansible_collections.cloudops.core.plugins.module_utils._core.fanout import fan_out
from ansible_collections.cloudops.core.plugins.module_utils._domain.workload import Workload
from ansible_collections.cloudops.core.plugins.module_utils._domain.workload_scale import Owner
from ansible_collections.cloudops.core.plugins.module_utils._k8s.addresses import Address
from ansible_collections.cloudops.core.plugins.module_utils._k8s.client import Client
from ansible_collections.cloudops.core.plugins.module_utils._k8s.shapes import hpa_of, scaled_object_of, targets

HPAS, SCALED_OBJECTS = "horizontalpodautoscalers", "scaledobjects"
# v1 lacks metrics, but has the target and the bounds, and every server so far: all that is needed here.
HPA_VERSIONS = ("autoscaling/v1", "autoscaling/v2", "autoscaling/v2beta2")
KEDA = "keda.sh/v1alpha1"

Claims = dict[str, list[tuple[Mapping[str, Any], Owner]]]


@dataclass
class Owners:
    """The autoscalers of some namespaces: each namespace is read once, whatever number of workloads it has.

    :param groups: API groups that the server has, asked for once.
    """

    client: Client
    concurrency: int = 8
    groups: frozenset[str] | None = None
    _claims: Claims = field(default_factory=dict)

    def read(self, namespaces: Iterable[str]) -> None:
        """Read the autoscalers of namespaces, those anew that were read before; "" reads all.

        :raises CloudOpsError: when one can't be read: whether a workload has an owner would be unknown.
        """
        jobs = [(address, namespace) for namespace in dict.fromkeys(namespaces) for address in self._places()]
        fresh: Claims = {namespace: [] for _address, namespace in jobs}
        for outcome in fan_out(self._read_one, jobs, concurrency=self.concurrency):
            if outcome.error is not None:
                raise outcome.error
            for reference, owner in outcome.value or []:
                fresh.setdefault(owner.namespace, []).append((reference, owner))
        self._claims.update(fresh)

    def _read_one(self, job: tuple[Address, str]) -> list[tuple[Mapping[str, Any], Owner]]:
        address, namespace = job
        items, _version = self.client.listing(address.within(namespace))
        shape = hpa_of if address.plural == HPAS else scaled_object_of
        return [shape(item) for item in items]

    def _places(self) -> list[Address]:
        """Where autoscalers are found on this server."""
        versions = self._served()
        found = [Address(version, HPAS) for version in HPA_VERSIONS if version in versions][:1]
        return found + [Address(KEDA, SCALED_OBJECTS) for _keda in range(KEDA in versions)]

    def _served(self) -> frozenset[str]:
        if self.groups is None:
            answer = self.client.get(Address("", ""))
            self.groups = frozenset(
                version["groupVersion"] for group in answer.get("groups") or [] for version in group["versions"]
            )
        return self.groups

    def of(self, workload: Workload) -> Owner | None:
        """What scales a workload; a ScaledObject before the HorizontalPodAutoscaler that it made."""
        claims = [
            owner
            for reference, owner in self._claims.get(workload.namespace, [])
            if targets(reference, workload.kind, workload.api_version, workload.name)
        ]
        claims.sort(key=lambda owner: owner.kind == "HorizontalPodAutoscaler")
        if claims:
            return claims[0]
        if workload.controller:
            kind, _space, name = workload.controller.partition(" ")
            return Owner(kind, name, workload.namespace)
        return None

    def move(self, owner: Owner, bounds: tuple[int, int]) -> None:
        """Write new bounds, if the autoscaler is still at the version that was read.

        :raises Conflict: when somebody else wrote meanwhile.
        """
        lowest, highest = bounds
        names = ("minReplicas", "maxReplicas") if owner.kind == "HorizontalPodAutoscaler" else _KEDA_BOUNDS
        plural = HPAS if owner.kind == "HorizontalPodAutoscaler" else SCALED_OBJECTS
        place = next(address for address in self._places() if address.plural == plural)
        body = {
            "metadata": {"resourceVersion": owner.resource_version},
            "spec": dict(zip(names, (lowest, highest), strict=True)),
        }
        self.client.patch(place.within(owner.namespace).at(owner.name), body)


_KEDA_BOUNDS = ("minReplicaCount", "maxReplicaCount")
