# Copyright (c) 2026 cloudops.core contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The three kinds of patches: JSON merge patch (RFC 7386), JSON patch (RFC 6902), and Kubernetes' strategic merge.

Strategic merge knows the list keys of the kinds that the stand-in serves, and the directives ``$patch`` and
``$deleteFromPrimitiveList``; ``$setElementOrder`` and ``$retainKeys`` only concern order and unions, and are dropped.
"""

from __future__ import annotations

import copy
import json
from collections.abc import Callable
from typing import Any

from tests.servers.kube_errors import bad_patch, bad_request, rejected

Object = dict[str, Any]
MERGE, STRATEGIC, JSON = "merge-patch", "strategic-merge-patch", "json-patch"

# Lists whose members are told apart by a field; all other lists are replaced as a whole.
_LIST_KEYS = {
    "conditions": "type",
    "containers": "name",
    "env": "name",
    "imagePullSecrets": "name",
    "initContainers": "name",
    "ownerReferences": "uid",
    "ports": "containerPort",
    "volumeMounts": "mountPath",
    "volumes": "name",
}
_SETS = ("finalizers",)


def apply_patch(kind: str, target: Object, patch: Any) -> Object:
    """Apply a patch to a copy of the target. Raises ApiError (400, 422) when that can't be done."""
    if kind == JSON:
        return _json_patch(target, patch)
    if not isinstance(patch, dict):
        raise bad_patch(json.dumps(patch), "json: cannot unmarshal array into Go value of type map[string]interface {}")
    out: Object = merge(target, patch) if kind == MERGE else strategic(target, patch)
    return out


def merge(target: Any, patch: Any) -> Any:
    """Merge as RFC 7386 says: null removes, objects merge, all else replaces."""
    if not isinstance(patch, dict):
        return copy.deepcopy(patch)
    out = dict(target) if isinstance(target, dict) else {}
    for key, value in patch.items():
        if value is None:
            out.pop(key, None)
        else:
            out[key] = merge(out.get(key), value)
    return out


def strategic(target: Any, patch: Any) -> Any:
    """Merge objects, and lists by their members' keys."""
    if not isinstance(patch, dict):
        return copy.deepcopy(patch)
    out = dict(target) if isinstance(target, dict) else {}
    if patch.get("$patch") == "replace":
        return {key: copy.deepcopy(value) for key, value in patch.items() if key != "$patch"}
    for key, value in patch.items():
        directive, _unused, field = key.partition("/")
        if directive == "$deleteFromPrimitiveList":
            out[field] = [entry for entry in out.get(field) or [] if entry not in value]
        elif key.startswith("$"):
            continue
        elif value is None or (isinstance(value, dict) and value.get("$patch") == "delete"):
            out.pop(key, None)
        elif isinstance(value, list):
            out[key] = _strategic_list(key, out.get(key) or [], value)
        else:
            out[key] = strategic(out.get(key), value)
    return out


def _strategic_list(field: str, target: list[Any], patch: list[Any]) -> list[Any]:
    if field in _SETS:
        return [*target, *(entry for entry in patch if entry not in target)]
    key = _LIST_KEYS.get(field)
    if key is None or not all(isinstance(entry, dict) for entry in patch):
        return copy.deepcopy(patch)
    if any(entry.get("$patch") == "replace" for entry in patch):
        return [copy.deepcopy(entry) for entry in patch if "$patch" not in entry]
    out = list(target)
    for entry in patch:
        _merge_member(out, key, entry)
    return out


def _merge_member(out: list[Any], key: str, entry: Object) -> None:
    if key not in entry:
        raise bad_request(f"map: {entry} does not contain declared merge key: {key}")
    place = next((number for number, old in enumerate(out) if old.get(key) == entry[key]), None)
    if entry.get("$patch") == "delete":
        if place is not None:
            del out[place]
    elif place is None:
        out.append(strategic({}, entry))
    else:
        out[place] = strategic(out[place], entry)


# JSON patch


def _json_patch(target: Object, patch: Any) -> Object:
    if not isinstance(patch, list):
        raise bad_request("json: cannot unmarshal object into Go value of type jsonpatch.Patch")
    document: Any = copy.deepcopy(target)
    for step in patch:
        try:
            document = _OPERATIONS[step["op"]](document, step)
        except (KeyError, IndexError, ValueError, TypeError, AttributeError) as error:
            raise rejected() from error
    out: Object = document
    return out


def _parts(pointer: str) -> list[str]:
    return [part.replace("~1", "/").replace("~0", "~") for part in pointer.split("/")[1:]]


def _parent(document: Any, pointer: str) -> tuple[Any, str]:
    *way, last = _parts(pointer)
    for part in way:
        document = document[int(part)] if isinstance(document, list) else document[part]
    return document, last


def _read(document: Any, pointer: str) -> Any:
    if not pointer:
        return document
    parent, last = _parent(document, pointer)
    return parent[int(last)] if isinstance(parent, list) else parent[last]


def _put(document: Any, pointer: str, value: Any) -> Any:
    if not pointer:
        return value
    parent, last = _parent(document, pointer)
    if isinstance(parent, list):
        place = len(parent) if last == "-" else int(last)
        if not 0 <= place <= len(parent):
            raise IndexError(pointer)
        parent.insert(place, value)
    else:
        parent[last] = value
    return document


def _remove(document: Any, pointer: str) -> Any:
    parent, last = _parent(document, pointer)
    del parent[int(last) if isinstance(parent, list) else last]
    return document


def _replace(document: Any, step: Object) -> Any:
    _read(document, step["path"])
    if not step["path"]:
        return step["value"]
    parent, last = _parent(document, step["path"])
    parent[int(last) if isinstance(parent, list) else last] = step["value"]
    return document


def _move(document: Any, step: Object) -> Any:
    value = _read(document, step["from"])
    return _put(_remove(document, step["from"]), step["path"], value)


def _test(document: Any, step: Object) -> Any:
    if _read(document, step["path"]) != step["value"]:
        raise ValueError(f"testing {step['path']} failed")
    return document


_OPERATIONS: dict[str, Callable[[Any, Object], Any]] = {
    "add": lambda document, step: _put(document, step["path"], step["value"]),
    "remove": lambda document, step: _remove(document, step["path"]),
    "replace": _replace,
    "move": _move,
    "copy": lambda document, step: _put(document, step["path"], copy.deepcopy(_read(document, step["from"]))),
    "test": _test,
}
