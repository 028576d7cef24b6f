# Copyright (c) 2026 cloudops.core contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The kinds that the Kubernetes stand-in serves: a table of its own, and what CustomResourceDefinitions add to it."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any

Object = dict[str, Any]
Resource = tuple[str, str]
"""Group and plural name; all versions of a kind are the same objects."""

ALL_VERBS = ("create", "delete", "deletecollection", "get", "list", "patch", "update", "watch")
DEFINITIONS: Resource = ("apiextensions.k8s.io", "customresourcedefinitions")
RBAC = "rbac.authorization.k8s.io"


@dataclass(frozen=True)
class ScalePaths:
    """Where a custom kind keeps its size."""

    spec: str
    status: str
    selector: str = ""


@dataclass(frozen=True)
class Kind:
    """One kind in one version, and what can be done with it."""

    group: str
    version: str
    kind: str
    plural: str
    namespaced: bool = True
    subresources: tuple[str, ...] = ()
    short: tuple[str, ...] = ()
    verbs: tuple[str, ...] = ALL_VERBS
    custom: bool = False
    scale: ScalePaths | None = None
    singular: str = ""

    @property
    def resource(self) -> Resource:
        """Group and plural name."""
        return self.group, self.plural

    @property
    def api_version(self) -> str:
        """What objects have as apiVersion."""
        return f"{self.group}/{self.version}" if self.group else self.version

    def described(self) -> list[Object]:
        """The entries of the discovery document: the kind and its subresources."""
        own: Object = {"name": self.plural, "singularName": self.singular, "namespaced": self.namespaced}
        own |= {"kind": self.kind, "verbs": list(self.verbs)}
        if self.short:
            own["shortNames"] = list(self.short)
        return [own, *(self._described_part(name) for name in self.subresources)]

    def _described_part(self, name: str) -> Object:
        part: Object = {"name": f"{self.plural}/{name}", "singularName": "", "namespaced": self.namespaced}
        if name == "scale":
            part |= {"group": "autoscaling", "version": "v1"}
        return {**part, "kind": "Scale" if name == "scale" else self.kind, "verbs": ["get", "patch", "update"]}


_ONE_BY_ONE = tuple(verb for verb in ALL_VERBS if verb != "deletecollection")
_WORKLOAD = {"subresources": ("scale", "status"), "scale": ScalePaths(".spec.replicas", ".status.replicas")}


def _builtin(hpa_versions: Iterable[str]) -> tuple[Kind, ...]:
    hpas = [
        Kind("autoscaling", version, "HorizontalPodAutoscaler", "horizontalpodautoscalers", True, ("status",), ("hpa",))
        for version in hpa_versions
    ]
    return (
        Kind("", "v1", "Namespace", "namespaces", False, ("finalize", "status"), ("ns",), _ONE_BY_ONE),
        Kind("", "v1", "Pod", "pods", True, ("status",), ("po",)),
        Kind("", "v1", "Event", "events", True, (), ("ev",)),
        Kind("", "v1", "ConfigMap", "configmaps", True, (), ("cm",)),
        Kind("", "v1", "Secret", "secrets"),
        Kind("", "v1", "ServiceAccount", "serviceaccounts", True, (), ("sa",)),
        Kind("apps", "v1", "Deployment", "deployments", short=("deploy",), **_WORKLOAD),  # type: ignore[arg-type]
        Kind("apps", "v1", "ReplicaSet", "replicasets", short=("rs",), **_WORKLOAD),  # type: ignore[arg-type]
        Kind("apps", "v1", "StatefulSet", "statefulsets", short=("sts",), **_WORKLOAD),  # type: ignore[arg-type]
        *hpas,
        Kind("coordination.k8s.io", "v1", "Lease", "leases"),
        Kind(RBAC, "v1", "ClusterRoleBinding", "clusterrolebindings", False),
        Kind(RBAC, "v1", "ClusterRole", "clusterroles", False),
        Kind(RBAC, "v1", "RoleBinding", "rolebindings"),
        Kind(RBAC, "v1", "Role", "roles"),
        Kind(*DEFINITIONS[:1], "v1", "CustomResourceDefinition", DEFINITIONS[1], False, ("status",), ("crd", "crds")),
        Kind(
            "authorization.k8s.io",
            "v1",
            "SelfSubjectAccessReview",
            "selfsubjectaccessreviews",
            False,
            verbs=("create",),
        ),
    )


@dataclass
class Kinds:
    """All kinds that are served now. The first version of a group is its preferred one."""

    hpa_versions: Sequence[str] = ("v2", "v1")
    own: tuple[Kind, ...] = field(init=False)
    added: dict[str, tuple[Kind, ...]] = field(default_factory=dict)
    """Kinds of each CustomResourceDefinition, by its name."""

    def __post_init__(self) -> None:
        self.own = _builtin(self.hpa_versions)

    def all(self) -> tuple[Kind, ...]:
        """Every kind."""
        return (*self.own, *(kind for kinds in self.added.values() for kind in kinds))

    def find(self, group: str, version: str, plural: str) -> Kind | None:
        """The kind that a path names."""
        return next((k for k in self.all() if (k.group, k.version, k.plural) == (group, version, plural)), None)

    def of(self, resource: Resource) -> Kind:
        """A kind in its preferred version."""
        return next(kind for kind in self.all() if kind.resource == resource)

    def define(self, definition: Object) -> None:
        """Serve what a CustomResourceDefinition describes."""
        self.added[definition["metadata"]["name"]] = tuple(_custom_kinds(definition["spec"]))

    def forget(self, name: str) -> tuple[Kind, ...]:
        """Serve it no longer."""
        return self.added.pop(name, ())

    # Discovery documents

    def groups(self) -> list[Object]:
        """The groups with their versions."""
        versions: dict[str, list[str]] = {}
        for kind in self.all():
            known = versions.setdefault(kind.group, [])
            if kind.version not in known:
                known.append(kind.version)
        return [_group(name, known) for name, known in versions.items() if name]

    def resources(self, group: str, version: str) -> list[Object] | None:
        """The entries of one group and version, None when it is not served."""
        kinds = [kind for kind in self.all() if (kind.group, kind.version) == (group, version)]
        return [entry for kind in kinds for entry in kind.described()] if kinds else None


def _group(name: str, versions: Sequence[str]) -> Object:
    listed = [{"groupVersion": f"{name}/{version}", "version": version} for version in versions]
    return {"name": name, "versions": listed, "preferredVersion": listed[0]}


def _custom_kinds(spec: Object) -> Iterable[Kind]:
    names = spec["names"]
    for version in spec["versions"]:
        if not version.get("served"):
            continue
        parts = version.get("subresources", {})
        scale = parts.get("scale")
        yield Kind(
            spec["group"],
            version["name"],
            names["kind"],
            names["plural"],
            spec["scope"] == "Namespaced",
            tuple(sorted(parts)),
            tuple(names.get("shortNames", ())),
            custom=True,
            scale=scale
            and ScalePaths(scale["specReplicasPath"], scale["statusReplicasPath"], scale.get("labelSelectorPath", "")),
            singular=names.get("singular", names["kind"].lower()),
        )
