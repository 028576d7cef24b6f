# Copyright (c) 2026 cloudops.core contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The requests of the Kubernetes stand-in: from method, path and query to an answer or a watch."""

from __future__ import annotations

import base64
import json
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import parse_qs, urlsplit

from tests.servers import kube_errors as errors
from tests.servers import kube_select as select
from tests.servers import kube_shape as shape
from tests.servers.kube_access import Access, Attributes, User, attributes_of, authenticate
from tests.servers.kube_kinds import Kind, Kinds
from tests.servers.kube_patch import JSON, MERGE, STRATEGIC, apply_patch
from tests.servers.kube_store import Change, Expired, Store, key_of
from tests.servers.kube_write import Edit, Writer

Object = dict[str, Any]
Predicate = Callable[[Object], bool]
CHECK_EVERY = 0.5
"""Seconds after which an idle watch looks whether its client is still there."""
# OpenAPI v2 as protobuf with nothing but the version: kubectl then validates nothing, and asks for nothing more.
_EMPTY_OPENAPI = b"\x0a\x032.0"


@dataclass(frozen=True)
class Request:
    """What came in; header names are in lower case."""

    method: str
    target: str
    headers: Mapping[str, str]
    body: bytes = b""
    groups: tuple[str, ...] = ()
    certificate: Mapping[str, Any] | None = None

    @property
    def query(self) -> dict[str, str]:
        """The query's parameters, the last of each."""
        return {
            key: values[-1] for key, values in parse_qs(urlsplit(self.target).query, keep_blank_values=True).items()
        }

    @property
    def dry_run(self) -> bool:
        """Whether nothing is to be stored."""
        return self.query.get("dryRun") == "All"


@dataclass(frozen=True)
class Answer:
    """A whole answer."""

    status: int
    body: Object | bytes
    content_type: str = "application/json"
    headers: tuple[tuple[str, str], ...] = ()

    @property
    def data(self) -> bytes:
        """The body as it is sent."""
        return (
            self.body if isinstance(self.body, bytes) else json.dumps(self.body, separators=(",", ":")).encode() + b"\n"
        )


@dataclass(frozen=True)
class Watch:
    """An answer that goes on; None is a moment to look whether the client is still there."""

    events: Iterator[Object | None]


class Cut(Exception):
    """The watch's connection is to be closed in the middle."""


def _text(status: int, text: str) -> Answer:
    return Answer(status, text.encode(), "text/plain; charset=utf-8", (("X-Content-Type-Options", "nosniff"),))


@dataclass
class Api:
    """The API over a store."""

    store: Store
    kinds: Kinds
    version: str = "v1.30.0"
    access: Access = field(init=False)
    writer: Writer = field(init=False)
    cuts: int = 0
    """Raised to close all watches that are open."""

    def __post_init__(self) -> None:
        self.access = Access(self.store)
        self.writer = Writer(self.store, self.kinds)

    def answer(self, request: Request) -> Answer | Watch:
        """Carry a request out; errors become Status objects."""
        try:
            user = authenticate(request.headers, request.certificate)
            user = self.access.impersonated(user, request.headers, request.groups)
            asked = attributes_of(request.method, request.target)
            self.access.check(user, asked)
            return self._resource(request, asked, user) if asked.resource else self._document(asked.path, request)
        except errors.PlainNotFound:
            return _text(404, "404 page not found\n")
        except errors.ApiError as error:
            return Answer(error.code, error.status())

    # Discovery

    def _document(self, path: str, request: Request) -> Answer:
        if path.rstrip("/") in ("/healthz", "/livez", "/readyz"):
            return _text(200, "ok")
        if path == "/openapi/v2" and "protobuf" in request.headers.get("accept", ""):
            return Answer(200, _EMPTY_OPENAPI, "application/com.github.proto-openapi.spec.v2@v1.0+protobuf")
        found = self._discovery(path.rstrip("/"))
        if found is None:
            raise errors.PlainNotFound
        return Answer(200, found)

    def _discovery(self, path: str) -> Object | None:
        fixed: dict[str, Callable[[], Object]] = {
            "/api": lambda: {"kind": "APIVersions", "versions": ["v1"], "serverAddressByClientCIDRs": []},
            "/apis": lambda: {"kind": "APIGroupList", "apiVersion": "v1", "groups": self.kinds.groups()},
            "/version": self._version,
            "/openapi/v2": lambda: {
                "swagger": "2.0",
                "info": {"title": "Kubernetes", "version": self.version},
                "paths": {},
            },
        }
        if path in fixed:
            return fixed[path]()
        parts = path.strip("/").split("/")
        if len(parts) == 2 and parts[0] == "apis":
            group = next((entry for entry in self.kinds.groups() if entry["name"] == parts[1]), None)
            return group and {"kind": "APIGroup", "apiVersion": "v1", **group}
        if parts[0] == "api" or (parts[0] == "apis" and len(parts) == 3):
            group_name, version = ("", parts[1]) if parts[0] == "api" else (parts[1], parts[2])
            entries = self.kinds.resources(group_name, version)
            name = f"{group_name}/{version}".lstrip("/")
            head = {"kind": "APIResourceList", "apiVersion": "v1", "groupVersion": name}
            return {**head, "resources": entries} if entries else None
        return None

    def _version(self) -> Object:
        major, minor, _patch = self.version.lstrip("v").split(".")
        return {"major": major, "minor": minor, "gitVersion": self.version, "platform": "linux/amd64"}

    # Resources

    def _resource(self, request: Request, asked: Attributes, user: User) -> Answer | Watch:
        kind = self.kinds.find(asked.group, asked.version, asked.resource)
        if kind is None and self.kinds.resources(asked.group, asked.version) is None:
            raise errors.PlainNotFound
        if kind is None or (asked.subresource and asked.subresource not in kind.subresources):
            raise errors.no_such_resource()
        if asked.verb not in kind.verbs:
            raise errors.method_not_allowed()
        if kind.plural == "selfsubjectaccessreviews":
            return self._review(request, user)
        if kind.namespaced and not asked.namespace and asked.verb in ("create", "deletecollection"):
            raise errors.method_not_allowed()
        # A namespace's own path names it as the namespace, too.
        where = asked.namespace if kind.namespaced else ""
        return _VERBS[asked.verb](self, request, kind, where, asked)

    def _get(self, _request: Request, kind: Kind, namespace: str, asked: Attributes) -> Answer:
        found = self.writer.stored(kind, namespace, asked.name)
        return Answer(200, self._scale_or(kind, asked.subresource, found))

    def _scale_or(self, kind: Kind, part: str, value: Object) -> Object:
        return self.writer.scale_of(kind, value) if part == "scale" else shape.shown_as(kind, value)

    def _create(self, request: Request, kind: Kind, namespace: str, _asked: Attributes) -> Answer:
        body = _object(request, kind)
        created = self.writer.create(kind, namespace, body, request.dry_run)
        return Answer(201, shape.shown_as(kind, created))

    def _put(self, request: Request, kind: Kind, namespace: str, asked: Attributes) -> Answer:
        body = _object(request, kind, "Scale" if asked.subresource == "scale" else kind.kind)
        return self._edit(request, kind, namespace, asked, lambda _current: body)

    def _patch(self, request: Request, kind: Kind, namespace: str, asked: Attributes) -> Answer:
        media = request.headers.get("content-type", "").partition(";")[0].strip()
        name = media.removeprefix("application/").removesuffix("+json")
        if name not in (JSON, MERGE, *([] if kind.custom else [STRATEGIC])):
            raise errors.unsupported_media(kind.custom)
        patch = _parse(request.body)
        return self._edit(request, kind, namespace, asked, lambda current: apply_patch(name, current, patch), True)

    def _edit(
        self, request: Request, kind: Kind, namespace: str, asked: Attributes, edit: Edit, patched: bool = False
    ) -> Answer:
        if asked.subresource == "scale":
            return Answer(200, self.writer.rescale(kind, namespace, asked.name, edit, request.dry_run, patched))
        stored = self.writer.update(kind, namespace, asked.name, edit, asked.subresource, request.dry_run, patched)
        return Answer(200, shape.shown_as(kind, stored))

    def _delete(self, request: Request, kind: Kind, namespace: str, asked: Attributes) -> Answer:
        value, gone = self.writer.delete(kind, namespace, asked.name, _delete_options(request), request.dry_run)
        if not gone or kind.plural == "pods":
            return Answer(200, shape.shown_as(kind, value))
        details = {**errors.details(kind.group, kind.plural, asked.name), "uid": value["metadata"]["uid"]}
        done = {"kind": "Status", "apiVersion": "v1", "metadata": {}, "status": "Success", "details": details}
        return Answer(200, done)

    def _delete_all(self, request: Request, kind: Kind, namespace: str, _asked: Attributes) -> Answer:
        chosen = [value for value in self.store.items(kind.resource, namespace) if _predicate(request, kind)(value)]
        options = _delete_options(request)
        for value in chosen:
            self.writer.delete(kind, *key_of(value), options, request.dry_run)
        return Answer(200, _list(kind, chosen, self.store.version))

    def _review(self, request: Request, user: User) -> Answer:
        """Tell users whether they may do something."""
        body = _parse(request.body)
        spec = body.get("spec") or {}
        asked = spec.get("resourceAttributes")
        if asked is None:
            path = (spec.get("nonResourceAttributes") or {}).get("path", "")
            attributes = Attributes((spec.get("nonResourceAttributes") or {}).get("verb", ""), path=path)
        else:
            names = ("verb", "group", "version", "resource", "subresource", "namespace", "name")
            attributes = Attributes(**{name: asked.get(name, "") for name in names})
        allowed, reason = self.access.allowed(user, attributes)
        status = {"allowed": allowed, **({"reason": reason} if reason else {})}
        return Answer(201, {**body, "metadata": {"creationTimestamp": None}, "status": status})

    # Lists and watches

    def _list(self, request: Request, kind: Kind, namespace: str, _asked: Attributes) -> Answer:
        query, matches = request.query, _predicate(request, kind)
        with self.store.changed:
            version, start, items = self._page_source(kind, namespace, query)
        items = [item for item in items if matches(item) and key_of(item) > start]
        limit = int(query.get("limit") or 0)
        page = items[:limit] if limit else items
        out = _list(kind, page, version)
        if len(page) < len(items):
            out["metadata"]["continue"] = _token(version, key_of(page[-1]))
            if not query.get("labelSelector") and not query.get("fieldSelector"):
                out["metadata"]["remainingItemCount"] = len(items) - len(page)
        return Answer(200, out)

    def _page_source(
        self, kind: Kind, namespace: str, query: Mapping[str, str]
    ) -> tuple[int, tuple[str, str], list[Object]]:
        """The version that is listed, the key that it begins after, and all objects of that version."""
        asked = _version_number(query.get("resourceVersion", ""))
        try:
            if query.get("continue"):
                if asked:
                    raise errors.bad_request("specifying resource version is not allowed when using continue")
                version, start = _read_token(query["continue"])
                return version, start, self.store.at(kind.resource, namespace, version)
            if asked > self.store.version:
                raise errors.too_large(asked, self.store.version)
            if asked and query.get("resourceVersionMatch") == "Exact":
                return asked, ("", ""), self.store.at(kind.resource, namespace, asked)
        except Expired as error:
            text = "The provided continue parameter is too old to display a consistent list result. You can start a new list"
            raise errors.expired(f"{text} without the continue parameter.") from error
        return self.store.version, ("", ""), self.store.items(kind.resource, namespace)

    def _watch(self, request: Request, kind: Kind, namespace: str, _asked: Attributes) -> Watch:
        # Selector and version are read before the first byte is sent, so that errors have a status of their own.
        matches = _predicate(request, kind)
        start = _version_number(request.query.get("resourceVersion", ""))
        return Watch(self._events(kind, namespace, matches, start, request.query))

    def _events(
        self, kind: Kind, namespace: str, matches: Predicate, start: int, query: Mapping[str, str]
    ) -> Iterator[Object | None]:
        end = time.monotonic() + float(query.get("timeoutSeconds") or 1800)
        cuts = self.cuts
        with self.store.changed:
            present = [] if start else self.store.items(kind.resource, namespace)
            position = start or self.store.version
        for value in present:
            if matches(value):
                yield _event("ADDED", kind, value)
        while time.monotonic() < end:
            if self.cuts != cuts:
                raise Cut
            try:
                changes = self._next_changes(position, end)
            except Expired as error:
                text = f"too old resource version: {position} ({error.oldest})"
                yield {"type": "ERROR", "object": errors.expired(text).status()}
                return
            for change in changes:
                position = change.version
                if change.resource == kind.resource and namespace in ("", change.key[0]):
                    yield from _as_events(kind, change, matches)
            if not changes:
                yield None
        if query.get("allowWatchBookmarks") in ("1", "true", "True"):
            mark = {"kind": kind.kind, "apiVersion": kind.api_version, "metadata": {"resourceVersion": str(position)}}
            yield {"type": "BOOKMARK", "object": mark}

    def _next_changes(self, position: int, end: float) -> list[Change]:
        with self.store.changed:
            changes = self.store.since(position)
            if not changes:
                self.store.changed.wait(max(0.0, min(CHECK_EVERY, end - time.monotonic())))
                changes = self.store.since(position)
            return changes

    def cut_watches(self) -> None:
        """Close the connections of all open watches in the middle."""
        with self.store.changed:
            self.cuts += 1
            self.store.changed.notify_all()


_VERBS: dict[str, Callable[[Api, Request, Kind, str, Attributes], Answer | Watch]] = {
    "get": Api._get,
    "list": Api._list,
    "watch": Api._watch,
    "create": Api._create,
    "update": Api._put,
    "patch": Api._patch,
    "delete": Api._delete,
    "deletecollection": Api._delete_all,
}


def _parse(body: bytes) -> Any:
    try:
        return json.loads(body)
    except ValueError as error:
        raise errors.bad_request(f"error decoding the body as JSON: {error}") from error


def _object(request: Request, kind: Kind, wanted: str = "") -> Object:
    """The object in a request's body. Raises ApiError (400, 415)."""
    if "protobuf" in request.headers.get("content-type", ""):
        text = "the body of the request was in an unknown format - accepted media types include: application/json"
        raise errors.ApiError(415, "UnsupportedMediaType", text, {})
    body = _parse(request.body)
    wanted = wanted or kind.kind
    if not isinstance(body, dict) or body.get("kind", wanted) != wanted:
        found = body.get("kind") if isinstance(body, dict) else "list"
        raise errors.bad_request(f"the object provided is unrecognized (must be of type {wanted}): it is a {found}")
    out: Object = body
    return out


def _delete_options(request: Request) -> Object:
    given = _parse(request.body) if request.body else {}
    asked = {"propagationPolicy": request.query["propagationPolicy"]} if "propagationPolicy" in request.query else {}
    return {**(given or {}), **asked}


def _predicate(request: Request, kind: Kind) -> Predicate:
    labels = select.labels_match(request.query.get("labelSelector", ""))
    fields = select.fields_match(request.query.get("fieldSelector", ""), kind.plural)
    return lambda value: labels(value) and fields(value)


def _version_number(text: str) -> int:
    if not text:
        return 0
    if not text.isdigit():
        raise errors.bad_request(
            f'resourceVersion: Invalid value: "{text}": strconv.ParseUint: parsing "{text}": invalid syntax'
        )
    return int(text)


def _list(kind: Kind, items: list[Object], version: int) -> Object:
    shown = [shape.shown_as(kind, item) for item in items]
    if not kind.custom:
        # Members of a list don't repeat what the list says; those of custom kinds do.
        shown = [{key: value for key, value in item.items() if key not in ("apiVersion", "kind")} for item in shown]
    head: Object = {"kind": kind.kind + "List", "apiVersion": kind.api_version}
    return {**head, "metadata": {"resourceVersion": str(version)}, "items": shown}


def _token(version: int, last: tuple[str, str]) -> str:
    text = json.dumps({"v": "meta.k8s.io/v1", "rv": version, "start": "/".join(last) + "\0"})
    return base64.urlsafe_b64encode(text.encode()).decode().rstrip("=")


def _read_token(token: str) -> tuple[int, tuple[str, str]]:
    try:
        read = json.loads(base64.urlsafe_b64decode(token + "=" * (-len(token) % 4)))
        namespace, _unused, name = read["start"].rstrip("\0").partition("/")
        return int(read["rv"]), (namespace, name)
    except (ValueError, KeyError, TypeError) as error:
        raise errors.bad_request(f"continue key is not valid: {error}") from error


def _event(name: str, kind: Kind, value: Object) -> Object:
    return {"type": name, "object": shape.shown_as(kind, value)}


def _as_events(kind: Kind, change: Change, matches: Predicate) -> Iterator[Object]:
    """What a watcher with a selector sees of a change: objects that begin or cease to match come and go."""
    before = change.before is not None and matches(change.before)
    after = not change.gone and matches(change.after)
    if after:
        yield _event("MODIFIED" if before else "ADDED", kind, change.after)
    elif before and change.before is not None:
        version = {"resourceVersion": str(change.version)}
        last = {**change.before, "metadata": {**change.before["metadata"], **version}}
        yield _event("DELETED", kind, last)
