# Copyright (c) 2026 cloudops.core contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Where things are in the Kubernetes API, and how its access rules call them.

https://kubernetes.io/docs/reference/using-api/api-concepts/#resource-uris
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from urllib.parse import quote


@dataclass(frozen=True)
class Address:
    """A collection, or with a name one object, or a part of it.

    :param plural: the resource's name in paths and access rules ("deployments"); "" for the list of what a group has, or,
        without an api_version, for the list of the groups.
    :param namespace: "" for all namespaces, and for what has none.
    """

    api_version: str
    plural: str
    namespace: str = ""
    name: str = ""
    subresource: str = ""

    @property
    def group(self) -> str:
        """The API group; "" is the core one."""
        return self.api_version.rpartition("/")[0]

    @property
    def path(self) -> str:
        """The path of its URL."""
        if not self.api_version:
            return "/apis"
        parts = [f"/apis/{self.api_version}" if self.group else f"/api/{self.api_version}"]
        if self.namespace:
            parts += ["namespaces", quote(self.namespace, safe="")]
        parts += [part for part in (self.plural, quote(self.name, safe=""), self.subresource) if part]
        return "/".join(parts)

    @property
    def resource(self) -> str:
        """What access rules call it ("deployments/scale")."""
        if not self.plural:
            return "apis"
        return f"{self.plural}/{self.subresource}" if self.subresource else self.plural

    def __str__(self) -> str:
        where = f" in namespace {self.namespace}" if self.namespace else ""
        return f"{self.resource} {self.name}".rstrip() + where

    def at(self, name: str, subresource: str = "") -> Address:
        """One object of this collection."""
        return replace(self, name=name, subresource=subresource)

    def part(self, subresource: str) -> Address:
        """A part of this object."""
        return replace(self, subresource=subresource)

    def within(self, namespace: str) -> Address:
        """The same collection in a namespace."""
        return replace(self, namespace=namespace)


def missing_right(verb: str, address: Address) -> str:
    """The right that a refused call needs, in words that fit into a rule."""
    if not address.plural:
        return f"verb get on the nonResourceURL {address.path} (the ClusterRole system:discovery has it)"
    group = f'"{address.group}"' if address.group else '"" (core)'
    where = f"in namespace {address.namespace}" if address.namespace else "cluster-wide (a ClusterRole)"
    return f"verb {verb} on {address.resource} of API group {group} {where}"
