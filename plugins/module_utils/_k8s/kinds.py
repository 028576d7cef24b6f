# Copyright (c) 2026 cloudops.core contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What the server calls a kind. Nothing is asked for those that every cluster has."""

from __future__ import annotations

from dataclasses import dataclass

from ansible_collections.cloudops.core.plugins.module_utils._core.errors import Invalid, NotFound
from ansible_collections.cloudops.core.plugins.module_utils._domain.workload import APPS, APPS_KINDS
from ansible_collections.cloudops.core.plugins.module_utils._k8s.addresses import Address
from ansible_collections.cloudops.core.plugins.module_utils._k8s.client import Client, Json


@dataclass(frozen=True)
class Kind:
    """One kind, as the server knows it.

    :param by_subresource: its size is read and written through the scale subresource only.
    """

    kind: str
    api_version: str
    plural: str
    by_subresource: bool = False

    @property
    def address(self) -> Address:
        """All objects of the kind, in all namespaces."""
        return Address(self.api_version, self.plural)

    def at(self, namespace: str, name: str, subresource: str = "") -> Address:
        """One object."""
        return Address(self.api_version, self.plural, namespace, name, subresource)


def find_kind(client: Client, api_version: str, kind: str) -> Kind:
    """Look a kind up.

    :raises NotFound: when the server doesn't have it.
    :raises Invalid: when it can't be scaled, or isn't in namespaces.
    """
    if api_version == APPS and kind in APPS_KINDS:
        return Kind(kind, api_version, APPS_KINDS[kind])
    path = Address(api_version, "")
    try:
        entries: list[Json] = client.get(path).get("resources") or []
    except NotFound as error:
        raise _unknown(api_version, kind, f"the server has no {api_version}") from error
    found = next((one for one in entries if one["kind"] == kind and "/" not in one["name"]), None)
    if found is None:
        there = sorted({one["kind"] for one in entries if "/" not in one["name"]})
        raise _unknown(api_version, kind, f"the server has no {kind} in {api_version}; it has {', '.join(there)}")
    if not found.get("namespaced") or not any(one["name"] == f"{found['name']}/scale" for one in entries):
        raise Invalid(
            f"{kind} in {api_version} has no scale subresource, or isn't in namespaces",
            operation="look up the kind",
            resource=f"{api_version} {kind}",
            code="NotScalable",
            hint="Only kinds with a scale subresource can be scaled.",
        )
    return Kind(kind, api_version, found["name"], by_subresource=True)


def _unknown(api_version: str, kind: str, message: str) -> NotFound:
    return NotFound(
        message,
        operation="look up the kind",
        resource=f"{api_version} {kind}",
        code="NoKind",
        hint="Check kind and api_version; a CustomResourceDefinition may be missing.",
    )
