# Copyright (c) 2026 cloudops.core contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Who may do what on the Kubernetes stand-in: tokens, client certificates, impersonation, and RBAC from stored objects."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import parse_qs, unquote, urlsplit

from tests.servers.kube_errors import forbidden, unauthorized
from tests.servers.kube_kinds import RBAC
from tests.servers.kube_select import exact_name
from tests.servers.kube_store import Store

Object = dict[str, Any]
MASTERS = "system:masters"
AUTHENTICATED = "system:authenticated"
READ_VERBS = ("get", "list", "watch")


@dataclass(frozen=True)
class User:
    """Who asks."""

    name: str
    groups: tuple[str, ...] = (AUTHENTICATED,)


ANONYMOUS = User("system:anonymous", ("system:unauthenticated",))
TOKENS = {
    f"{name}token": User(name, (group, AUTHENTICATED))
    for name, group in {"admin": MASTERS, "viewer": "viewers", "scaler": "scalers", "nobody": "nobodies"}.items()
}


@dataclass(frozen=True)
class Attributes:
    """What is asked for: a verb on a resource, or on a path that is none."""

    verb: str
    group: str = ""
    version: str = ""
    resource: str = ""
    subresource: str = ""
    namespace: str = ""
    name: str = ""
    path: str = ""

    @property
    def combined(self) -> str:
        """The resource as rules name it, subresource included."""
        return f"{self.resource}/{self.subresource}" if self.subresource else self.resource


_VERBS = {"GET": "get", "HEAD": "get", "POST": "create", "PUT": "update", "PATCH": "patch", "DELETE": "delete"}


def attributes_of(method: str, target: str) -> Attributes:
    """Read a request line as the authorizer sees it."""
    url = urlsplit(target)
    parts = [unquote(part) for part in url.path.strip("/").split("/") if part]
    verb = _VERBS.get(method, method.lower())
    if parts[:1] == ["api"] and len(parts) > 2:
        group, version, rest = "", parts[1], parts[2:]
    elif parts[:1] == ["apis"] and len(parts) > 3:
        group, version, rest = parts[1], parts[2], parts[3:]
    else:
        return Attributes(verb, path=url.path)
    namespace = ""
    if rest[0] == "namespaces" and len(rest) > 1:
        namespace = rest[1]
        # A namespace is an object in itself: /namespaces/NAME and its two subresources.
        if len(rest) > 2 and rest[2] not in ("status", "finalize"):
            rest = rest[2:]
    resource, name, subresource = (*rest, "", "")[:3]
    if not name:
        verb, name = _of_collection(verb, {key: values[-1] for key, values in parse_qs(url.query).items()})
    return Attributes(verb, group, version, resource, subresource, namespace, name)


def _of_collection(verb: str, query: Mapping[str, str]) -> tuple[str, str]:
    if verb == "delete":
        return "deletecollection", ""
    if verb != "get":
        return verb, ""
    watching = query.get("watch") in ("1", "true", "True")
    return "watch" if watching else "list", exact_name(query.get("fieldSelector", ""))


def authenticate(headers: Mapping[str, str], certificate: Mapping[str, Any] | None = None) -> User:
    """Tell who asks; header names are in lower case. Raises ApiError (401) for an unknown token."""
    if certificate:
        subject = [pair for part in certificate["subject"] for pair in part]
        names = [value for key, value in subject if key == "commonName"]
        groups = tuple(value for key, value in subject if key == "organizationName")
        return User(names[0], (*groups, AUTHENTICATED))
    scheme, _unused, token = headers.get("authorization", "").partition(" ")
    if scheme.lower() != "bearer":
        return ANONYMOUS
    if token.strip() not in TOKENS:
        raise unauthorized()
    return TOKENS[token.strip()]


class Access:
    """Decides with the Role, ClusterRole, RoleBinding and ClusterRoleBinding objects of the store."""

    def __init__(self, store: Store) -> None:
        self._store = store

    def check(self, user: User, asked: Attributes) -> None:
        """Raise ApiError (403) unless the user may."""
        if not self.allowed(user, asked)[0]:
            raise forbidden(asked.group, asked.resource, asked.name, _refusal(user, asked))

    def allowed(self, user: User, asked: Attributes) -> tuple[bool, str]:
        """Whether the user may, and the binding that says so."""
        if MASTERS in user.groups:
            return True, ""
        for binding, role, why in self._bound(user, asked.namespace):
            if any(_covers(rule, asked) for rule in role.get("rules") or []):
                return True, f"RBAC: allowed by {why} {_subject(binding, user)}"
        return False, ""

    def impersonated(self, user: User, headers: Mapping[str, str], groups: Iterable[str]) -> User:
        """The user whom the Impersonate headers name. Raises ApiError (403) where that is not allowed."""
        name, groups = headers.get("impersonate-user", ""), tuple(groups)
        if not name and not groups:
            return user
        self.check(user, Attributes("impersonate", resource="users", name=name))
        for group in groups:
            self.check(user, Attributes("impersonate", resource="groups", name=group))
        return User(name, tuple(dict.fromkeys((*groups, AUTHENTICATED))))

    def _bound(self, user: User, namespace: str) -> Iterator[tuple[Object, Object, str]]:
        for plural, kind in (("clusterrolebindings", "ClusterRoleBinding"), ("rolebindings", "RoleBinding")):
            if kind == "RoleBinding" and not namespace:
                return
            for binding in self._store.items((RBAC, plural), namespace if kind == "RoleBinding" else ""):
                if not _names(binding, user):
                    continue
                ref, own = binding["roleRef"], binding["metadata"]
                where = namespace if ref["kind"] == "Role" else ""
                role = self._store.get(
                    (RBAC, "clusterroles" if ref["kind"] == "ClusterRole" else "roles"), where, ref["name"]
                )
                if role is not None:
                    shown = own["name"] + (f"/{own['namespace']}" if "namespace" in own else "")
                    yield binding, role, f'{kind} "{shown}" of {ref["kind"]} "{ref["name"]}" to'


def _refusal(user: User, asked: Attributes) -> str:
    if not asked.resource:
        return f'User "{user.name}" cannot {asked.verb} path "{asked.path}"'
    where = f'in the namespace "{asked.namespace}"' if asked.namespace else "at the cluster scope"
    what = f'resource "{asked.combined}" in API group "{asked.group}"'
    return f'User "{user.name}" cannot {asked.verb} {what} {where}'


def _is(subject: Object, user: User) -> bool:
    if subject["kind"] == "ServiceAccount":
        return user.name == f"system:serviceaccount:{subject.get('namespace')}:{subject['name']}"
    return user.name == subject["name"] if subject["kind"] == "User" else subject["name"] in user.groups


def _names(binding: Object, user: User) -> bool:
    return any(_is(subject, user) for subject in binding.get("subjects") or [])


def _subject(binding: Object, user: User) -> str:
    found = next(subject for subject in binding["subjects"] if _is(subject, user))
    where = f"/{found['namespace']}" if found["kind"] == "ServiceAccount" else ""
    return f'{found["kind"]} "{found["name"]}{where}"'


def _covers(rule: Object, asked: Attributes) -> bool:
    if not {"*", asked.verb} & set(rule.get("verbs") or []):
        return False
    if not asked.resource:
        return any(_path_fits(pattern, asked.path) for pattern in rule.get("nonResourceURLs") or [])
    resources = {"*", asked.combined, *([f"*/{asked.subresource}"] if asked.subresource else [])}
    names = rule.get("resourceNames") or []
    return (
        bool({"*", asked.group} & set(rule.get("apiGroups") or []))
        and bool(resources & set(rule.get("resources") or []))
        and (not names or asked.name in names)
    )


def _path_fits(pattern: str, path: str) -> bool:
    return re.fullmatch(re.escape(pattern).replace(r"\*", ".*"), path) is not None


# What every cluster comes with

_PUBLIC = ["/healthz", "/livez", "/readyz", "/version", "/version/"]
_DISCOVERY = ["/api", "/api/*", "/apis", "/apis/*", "/openapi", "/openapi/*", *_PUBLIC]
_REVIEWS = {
    "apiGroups": ["authorization.k8s.io"],
    "resources": ["selfsubjectaccessreviews", "selfsubjectrulesreviews"],
    "verbs": ["create"],
}
_ALL = [
    {"apiGroups": ["*"], "resources": ["*"], "verbs": ["*"]},
    {"nonResourceURLs": ["*"], "verbs": ["*"]},
]
_BOOTSTRAP: tuple[tuple[str, list[Object], tuple[str, ...]], ...] = (
    ("cluster-admin", _ALL, (MASTERS,)),
    ("system:basic-user", [_REVIEWS], (AUTHENTICATED,)),
    ("system:discovery", [{"nonResourceURLs": _DISCOVERY, "verbs": ["get"]}], (AUTHENTICATED,)),
    (
        "system:public-info-viewer",
        [{"nonResourceURLs": _PUBLIC, "verbs": ["get"]}],
        (AUTHENTICATED, "system:unauthenticated"),
    ),
)


def bootstrap_objects() -> Iterator[Object]:
    """The roles and bindings that every cluster begins with."""
    for name, rules, groups in _BOOTSTRAP:
        head: Object = {"apiVersion": f"{RBAC}/v1", "metadata": {"name": name}}
        yield {**head, "kind": "ClusterRole", "rules": rules}
        subjects = [{"kind": "Group", "apiGroup": RBAC, "name": group} for group in groups]
        ref = {"apiGroup": RBAC, "kind": "ClusterRole", "name": name}
        yield {**head, "kind": "ClusterRoleBinding", "roleRef": ref, "subjects": subjects}
