# Copyright (c) 2026 cloudops.core contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The objects of the Kubernetes stand-in, with one version counter and a log of changes for watches and old lists.

Objects in the store are never changed in place; whoever wants another one makes a copy.
"""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, timezone
from typing import Any

Object = dict[str, Any]
Resource = tuple[str, str]
Key = tuple[str, str]
"""Namespace ("" for none) and name."""

KEPT = 20_000
"""Changes that the log holds, before the oldest are forgotten."""


class Expired(Exception):
    """A version that the log no longer reaches back to; ``oldest`` is the first that it does."""

    def __init__(self, oldest: int) -> None:
        super().__init__(f"oldest is {oldest}")
        self.oldest = oldest


@dataclass(frozen=True)
class Change:
    """One write. ``before`` is None for a new object; ``gone`` says that it was removed."""

    version: int
    resource: Resource
    key: Key
    before: Object | None
    after: Object
    gone: bool = False


def key_of(value: Object) -> Key:
    """The key of an object."""
    return value["metadata"].get("namespace", ""), value["metadata"]["name"]


def timestamp() -> str:
    """The present as the API writes it."""
    return datetime.now(timezone.utc).strftime("%Y-%m-%dT%H:%M:%SZ")


class Store:
    """All objects. Hold ``changed`` (a condition with a re-entrant lock) around what has to be one step."""

    def __init__(self) -> None:
        self.changed = threading.Condition(threading.RLock())
        self.version = 100
        self._objects: dict[Resource, dict[Key, Object]] = {}
        self._log: deque[Change] = deque()
        self._compacted = self.version

    def get(self, resource: Resource, namespace: str, name: str) -> Object | None:
        """One object, if it is there."""
        with self.changed:
            return self._objects.get(resource, {}).get((namespace, name))

    def items(self, resource: Resource, namespace: str = "") -> list[Object]:
        """All objects of a resource in a namespace, or in all, in the order of their keys."""
        with self.changed:
            return _sorted(self._objects.get(resource, {}), namespace)

    def everything(self) -> Iterator[tuple[Resource, Object]]:
        """All objects that there are."""
        with self.changed:
            pairs = [(resource, value) for resource, values in self._objects.items() for value in values.values()]
        yield from pairs

    def put(self, resource: Resource, value: Object) -> Object:
        """Store an object under a new version and return it as it is then."""
        with self.changed:
            return self._write(resource, value, gone=False)

    def remove(self, resource: Resource, value: Object) -> Object:
        """Take an object away."""
        with self.changed:
            return self._write(resource, value, gone=True)

    def _write(self, resource: Resource, value: Object, gone: bool) -> Object:
        self.version += 1
        value = {**value, "metadata": {**value["metadata"], "resourceVersion": str(self.version)}}
        objects = self._objects.setdefault(resource, {})
        key = key_of(value)
        before = objects.pop(key, None) if gone else objects.get(key)
        if not gone:
            objects[key] = value
        self._log.append(Change(self.version, resource, key, before, value, gone))
        while len(self._log) > KEPT:
            self._compacted = self._log.popleft().version
        self.changed.notify_all()
        return value

    # The past

    def at(self, resource: Resource, namespace: str, version: int) -> list[Object]:
        """The objects as they were at a version; raises Expired."""
        with self.changed:
            self._check(version)
            objects = dict(self._objects.get(resource, {}))
            for change in reversed(self._log):
                if change.version <= version:
                    break
                if change.resource == resource:
                    _undo(objects, change)
            return _sorted(objects, namespace)

    def since(self, version: int) -> list[Change]:
        """The changes after a version; raises Expired."""
        with self.changed:
            self._check(version)
            newer = []
            for change in reversed(self._log):
                if change.version <= version:
                    break
                newer.append(change)
            return newer[::-1]

    def compact(self) -> None:
        """Forget all that has been."""
        with self.changed:
            self._log.clear()
            self._compacted = self.version

    def _check(self, version: int) -> None:
        if version < self._compacted:
            raise Expired(self._compacted)


def _undo(objects: dict[Key, Object], change: Change) -> None:
    if change.before is None:
        objects.pop(change.key, None)
    else:
        objects[change.key] = change.before


def _sorted(objects: dict[Key, Object], namespace: str) -> list[Object]:
    return [objects[key] for key in sorted(objects) if namespace in ("", key[0])]
