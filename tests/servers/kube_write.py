# Copyright (c) 2026 cloudops.core contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What writes do to the objects of the Kubernetes stand-in: create, update, patch, scale, delete, with the server's rules.

Controllers write through the same door as clients, only without authorization.
"""

from __future__ import annotations

import copy
import random
import uuid
from collections.abc import Callable
from typing import Any

from tests.servers import kube_errors as errors
from tests.servers import kube_shape as shape
from tests.servers.kube_kinds import DEFINITIONS, Kind, Kinds, Resource
from tests.servers.kube_select import selector_text
from tests.servers.kube_store import Store, timestamp

Object = dict[str, Any]
Edit = Callable[[Object], Object]
"""Takes the object as it is now (a copy) and returns what it should be."""
NAMESPACES: Resource = ("", "namespaces")
SCALE = Kind("autoscaling", "v1", "Scale", "scale")
FOREGROUND, ORPHAN = "foregroundDeletion", "orphan"
_LETTERS = "bcdfghjklmnpqrstvwxz2456789"
_SYSTEM_FIELDS = (
    "uid",
    "creationTimestamp",
    "generation",
    "deletionTimestamp",
    "deletionGracePeriodSeconds",
    "namespace",
)


class Writer:
    """Writes with everything that the real server checks and fills in."""

    def __init__(self, store: Store, kinds: Kinds) -> None:
        self.store = store
        self.kinds = kinds

    # Create

    def create(self, kind: Kind, namespace: str, body: Object, dry_run: bool = False) -> Object:
        """Create an object and return it as stored."""
        value = copy.deepcopy(shape.stored_as(kind, body))
        metadata = value.setdefault("metadata", {}) or {}
        if not metadata.get("name") and metadata.get("generateName"):
            metadata["name"] = metadata["generateName"] + suffix()
        if not metadata.get("name"):
            cause = errors.required("metadata.name", "name or generateName is required")
            raise errors.invalid(kind.group, kind.kind, "", [cause])
        if kind.namespaced:
            self._place(kind, namespace, metadata)
        with self.store.changed:
            if kind.namespaced:
                self._check_namespace(kind, namespace, metadata["name"])
            if self.store.get(kind.resource, metadata.get("namespace", ""), metadata["name"]) is not None:
                raise errors.already_exists(kind.group, kind.plural, metadata["name"])
            return self._add(kind, value, metadata, dry_run)

    def _place(self, kind: Kind, namespace: str, metadata: Object) -> None:
        if metadata.setdefault("namespace", namespace) != namespace:
            raise errors.bad_request(
                "the namespace of the provided object does not match the namespace sent on the request"
            )

    def _check_namespace(self, kind: Kind, namespace: str, name: str) -> None:
        found = self.store.get(NAMESPACES, "", namespace)
        if found is None:
            raise errors.not_found(*NAMESPACES, namespace)
        if "deletionTimestamp" in found["metadata"]:
            why = f"unable to create new content in namespace {namespace} because it is being terminated"
            told = f"namespace {namespace} is being terminated"
            cause = {"reason": "NamespaceTerminating", "message": told, "field": "metadata.namespace"}
            raise errors.forbidden(kind.group, kind.plural, name, why, causes=[cause])

    def _add(self, kind: Kind, value: Object, metadata: Object, dry_run: bool) -> Object:
        shape.check_types(kind, value)
        if "status" in kind.subresources:
            value.pop("status", None)
        shape.with_defaults(kind, value)
        shape.validate(kind, value, None)
        _check_definition(kind, value)
        for field in ("resourceVersion", "deletionTimestamp", "generation"):
            metadata.pop(field, None)
        metadata |= {"uid": str(uuid.uuid4()), "creationTimestamp": timestamp()}
        if shape.has_generation(kind):
            metadata["generation"] = 1
        value["metadata"] = metadata
        if dry_run:
            return value
        stored = self.store.put(kind.resource, value)
        return self._defined(stored) if kind.resource == DEFINITIONS else stored

    def _defined(self, definition: Object) -> Object:
        """Serve a definition's kinds at once, and say so in its status."""
        self.kinds.define(definition)
        now, names = timestamp(), definition["spec"]["names"]
        told = {"NamesAccepted": "NoConflicts", "Established": "InitialNamesAccepted"}
        conditions = [
            {"type": name, "status": "True", "reason": reason, "lastTransitionTime": now, "message": ""}
            for name, reason in told.items()
        ]
        versions = [version["name"] for version in definition["spec"]["versions"]]
        status = {"acceptedNames": names, "conditions": conditions, "storedVersions": versions}
        if definition.get("status") == status:
            return definition
        return self.store.put(DEFINITIONS, {**definition, "status": status})

    # Update

    def stored(self, kind: Kind, namespace: str, name: str) -> Object:
        """An object of the store. Raises ApiError (404)."""
        found = self.store.get(kind.resource, namespace, name)
        if found is None:
            raise errors.not_found(kind.group, kind.plural, name)
        return found

    def update(
        self,
        kind: Kind,
        namespace: str,
        name: str,
        edit: Edit,
        part: str = "",
        dry_run: bool = False,
        patched: bool = False,
    ) -> Object:
        """Change an object, or its part ``status``, and return it as stored; no change is no write.

        What is wrong with a patch is told in other words than what is wrong with a whole object.
        """
        with self.store.changed:
            old = self.stored(kind, namespace, name)
            new = edit(copy.deepcopy(shape.shown_as(kind, old)))
            self._check_identity(kind, old, new, patched)
            shape.check_types(kind, new, patched)
            value = shape.stored_as(kind, new)
            value["metadata"] = _kept_metadata(old, value["metadata"])
            if part == "status":
                value = {
                    **old,
                    "metadata": old["metadata"],
                    **({"status": value["status"]} if "status" in value else {}),
                }
            elif "status" in kind.subresources:
                value = _with(value, status=old.get("status"))
            return self._replace(kind, old, value, dry_run)

    def _replace(self, kind: Kind, old: Object, value: Object, dry_run: bool) -> Object:
        shape.with_defaults(kind, value)
        shape.validate(kind, value, old)
        for field in ("apiVersion", "kind"):
            value[field] = old.get(field, value.get(field))
        if value == old:
            return old
        if shape.changed_generation(kind, old, value):
            value["metadata"] = {**value["metadata"], "generation": old["metadata"].get("generation", 0) + 1}
        if dry_run:
            return value
        if (
            "deletionTimestamp" in old["metadata"]
            and not value["metadata"].get("finalizers")
            and _has_no_spec_finalizer(value)
        ):
            return self._remove(kind, value)
        stored = self.store.put(kind.resource, value)
        return self._defined(stored) if kind.resource == DEFINITIONS else stored

    def _check_identity(self, kind: Kind, old: Object, new: Object, patched: bool) -> None:
        """Raise ApiError (400, 409, 422) for another object's name, version or uid."""
        metadata, current = new.get("metadata") or {}, old["metadata"]
        name = metadata.get("name")
        if name != current["name"]:
            raise errors.bad_request(
                f"the name of the object ({name}) does not match the name on the URL ({current['name']})"
                if name
                else "name must be provided"
            )
        if metadata.get("namespace", current.get("namespace")) != current.get("namespace"):
            raise errors.bad_request(
                "the namespace of the provided object does not match the namespace sent on the request"
            )
        if metadata.get("uid", current["uid"]) != current["uid"]:
            if patched:
                cause = errors.bad_value("metadata.uid", f'"{metadata["uid"]}"', "field is immutable")
                raise errors.invalid(kind.group, kind.kind, name, [cause])
            why = f"Precondition failed: UID in precondition: {metadata['uid']}, UID in object meta: {current['uid']}"
            raise errors.conflict(kind.group, kind.plural, name, why)
        version = metadata.get("resourceVersion")
        if not version and kind.custom:
            cause = errors.bad_value("metadata.resourceVersion", "0x0", "must be specified for an update")
            raise errors.invalid(kind.group, kind.plural, name, [cause])
        if version and version != current["resourceVersion"]:
            raise errors.conflict(kind.group, kind.plural, name)

    # The scale subresource

    def scale_of(self, kind: Kind, value: Object) -> Object:
        """The Scale of an object. Raises ApiError (500) for a custom object that says no size."""
        assert kind.scale is not None
        replicas = _dig(value, kind.scale.spec)
        if replicas is None:
            text = f'Internal error occurred: the spec replicas field "{kind.scale.spec}" does not exist'
            raise errors.ApiError(500, "InternalError", text, {"causes": [{"message": text.partition(": ")[2]}]})
        if kind.custom:
            selector = _dig(value, kind.scale.selector) or "" if kind.scale.selector else ""
        else:
            selector = selector_text(value["spec"].get("selector"))
        names = ("name", "namespace", "uid", "resourceVersion", "creationTimestamp")
        metadata = {name: value["metadata"][name] for name in names if name in value["metadata"]}
        status = {"replicas": _dig(value, kind.scale.status) or 0} | ({"selector": selector} if selector else {})
        spec = {"replicas": replicas} if replicas else {}
        return {"kind": "Scale", "apiVersion": "autoscaling/v1", "metadata": metadata, "spec": spec, "status": status}

    def rescale(
        self, kind: Kind, namespace: str, name: str, edit: Edit, dry_run: bool = False, patched: bool = False
    ) -> Object:
        """Change the size through the scale subresource and return the new Scale."""
        assert kind.scale is not None
        with self.store.changed:
            old = self.stored(kind, namespace, name)
            scale = edit(copy.deepcopy(self.scale_of(kind, old)))
            shape.check_types(SCALE, scale, patched)
            replicas = (scale.get("spec") or {}).get("replicas") or 0
            if replicas < 0:
                cause = errors.bad_value("spec.replicas", replicas, shape.MIN_ZERO)
                raise errors.invalid("autoscaling", "Scale", name, [cause])
            version = (scale.get("metadata") or {}).get("resourceVersion")
            if version and version != old["metadata"]["resourceVersion"]:
                raise errors.conflict(kind.group, kind.plural, name)
            value = copy.deepcopy(old)
            _bury(value, kind.scale.spec, replicas)
            return self.scale_of(kind, self._replace(kind, old, value, dry_run))

    # Delete

    def delete(
        self, kind: Kind, namespace: str, name: str, options: Object, dry_run: bool = False
    ) -> tuple[Object, bool]:
        """Delete an object; return it as it is then, and whether it is gone."""
        with self.store.changed:
            old = self.stored(kind, namespace, name)
            _check_preconditions(kind, old, options.get("preconditions") or {})
            if dry_run:
                return old, True
            wanted = _finalizers(kind, old, options)
            if kind.resource == NAMESPACES:
                if "deletionTimestamp" in old["metadata"]:
                    return old, False
                return self._mark(kind, _with(old, status={**old["status"], "phase": "Terminating"}), wanted), False
            if wanted:
                return self._mark(kind, old, wanted), False
            if options.get("propagationPolicy") == "Orphan":
                self.orphan(old)
            return self._remove(kind, old), True

    def orphan(self, owner: Object) -> None:
        """Take the reference to an owner out of all its dependents."""
        for resource, value in list(self.store.everything()):
            if owner["metadata"]["uid"] in owners(value):
                left = [ref for ref in value["metadata"]["ownerReferences"] if ref["uid"] != owner["metadata"]["uid"]]
                self.store.put(resource, {**value, "metadata": _with(value["metadata"], ownerReferences=left or None)})

    def _mark(self, kind: Kind, value: Object, finalizers: list[str]) -> Object:
        metadata = _with(value["metadata"], finalizers=finalizers or None)
        metadata.setdefault("deletionTimestamp", timestamp())
        if "generation" in metadata:
            metadata["generation"] += 1
        return self.store.put(kind.resource, {**value, "metadata": metadata})

    def _remove(self, kind: Kind, value: Object) -> Object:
        if kind.resource == DEFINITIONS:
            for custom in self.kinds.forget(value["metadata"]["name"])[:1]:
                for instance in self.store.items(custom.resource):
                    self.store.remove(custom.resource, instance)
        return self.store.remove(kind.resource, value)


def owners(value: Object) -> set[str]:
    """The uids of an object's owners."""
    return {ref["uid"] for ref in value["metadata"].get("ownerReferences") or []}


def suffix(length: int = 5) -> str:
    """Random letters for a generated name."""
    return "".join(random.choice(_LETTERS) for _letter in range(length))


def _with(value: Object, **fields: Any) -> Object:
    """A copy with fields set; None takes a field out."""
    return {key: field for key, field in {**value, **fields}.items() if field is not None or key not in fields}


def _kept_metadata(old: Object, metadata: Object) -> Object:
    """New metadata with what only the server sets."""
    current = old["metadata"]
    kept = {key: current[key] for key in (*_SYSTEM_FIELDS, "resourceVersion") if key in current}
    free = {key: field for key, field in metadata.items() if key not in _SYSTEM_FIELDS}
    return {key: field for key, field in {**free, **kept}.items() if field not in (None, {}, [])}


def _has_no_spec_finalizer(value: Object) -> bool:
    return not (value.get("kind") == "Namespace" and value.get("spec", {}).get("finalizers"))


def _check_definition(kind: Kind, value: Object) -> None:
    if kind.resource != DEFINITIONS:
        return
    spec, name = value["spec"], value["metadata"]["name"]
    if name != f"{spec['names']['plural']}.{spec['group']}":
        cause = errors.bad_value("metadata.name", f'"{name}"', 'must be spec.names.plural+"."+spec.group')
        raise errors.invalid(kind.group, kind.kind, name, [cause])


def _check_preconditions(kind: Kind, old: Object, wanted: Object) -> None:
    for field, label in (("uid", "UID"), ("resourceVersion", "ResourceVersion")):
        found = old["metadata"][field]
        if wanted.get(field, found) != found:
            what = "deleted and then recreated" if field == "uid" else "modified"
            why = (
                f"the {label} in the precondition ({wanted[field]}) does not match the {label} in record ({found}). "
                f"The object might have been {what}"
            )
            raise errors.conflict(kind.group, kind.kind, old["metadata"]["name"], why)


def _finalizers(kind: Kind, old: Object, options: Object) -> list[str]:
    found = [name for name in old["metadata"].get("finalizers") or [] if name not in (FOREGROUND, ORPHAN)]
    return [*found, FOREGROUND] if options.get("propagationPolicy") == "Foreground" else found


def _dig(value: Any, path: str) -> Any:
    for part in path.strip(".").split("."):
        value = (value or {}).get(part)
    return value


def _bury(value: Object, path: str, found: Any) -> None:
    *way, last = path.strip(".").split(".")
    for part in way:
        value = value.setdefault(part, {})
    value[last] = found
