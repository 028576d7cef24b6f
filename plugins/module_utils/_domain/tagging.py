# Copyright (c) 2026 cloudops.core contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What becomes of the tags of many resources: wishes, the change that each comes to, and how few calls make them all.

Limits: https://docs.aws.amazon.com/AWSEC2/latest/UserGuide/Using_Tags.html#tag-restrictions
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from ansible_collections.cloudops.core.plugins.module_utils._core.errors import CloudOpsError, Invalid
from ansible_collections.cloudops.core.plugins.module_utils._core.plan import Plan, Step
from ansible_collections.cloudops.core.plugins.module_utils._domain.tags import as_tags

KEY_LENGTH, VALUE_LENGTH = 128, 256
RESERVED = "aws:"
PUT, DROP = "tag", "untag"

# The whole request met these, not one of its members.
_WHOLE_REQUEST = ("throttled", "timeout", "unavailable")


@dataclass(frozen=True)
class TagWish:
    """The tags that one resource shall have.

    :param region: "" stands for the connection's own.
    :param remove: keys that shall not be there.
    """

    id: str
    region: str
    tags: Mapping[str, str]
    remove: frozenset[str]


@dataclass(frozen=True)
class TagChange:
    """What one resource needs.

    :param before: all its tags.
    :param put: tags to write, new or with another value.
    :param drop: keys to remove.
    """

    id: str
    region: str
    before: Mapping[str, str]
    put: Mapping[str, str]
    drop: frozenset[str]

    def __bool__(self) -> bool:
        return bool(self.put or self.drop)

    @property
    def after(self) -> dict[str, str]:
        """All its tags when the change is made."""
        return {**{key: value for key, value in self.before.items() if key not in self.drop}, **self.put}


@dataclass(frozen=True)
class TagCall:
    """One call: the same tags for many resources of a region.

    :param action: PUT or DROP.
    :param tags: for DROP, the values are empty and have no meaning.
    """

    action: str
    region: str
    ids: tuple[str, ...]
    tags: Mapping[str, str]


def wishes_from(options: Mapping[str, Any]) -> list[TagWish]:
    """What the options of a module ask for, one wish for each resource.

    :raises Invalid: for what no tag can be, for contradictions, and for a resource that is named twice.
    """
    common = options.get("tags") or {}, options.get("remove_tags") or ()
    asked = options.get("resources")
    if asked is None:
        asked = [{"id": one} for one in dict.fromkeys(options.get("resource_ids") or ())]
    wishes = [_wish(entry, *common) for entry in asked]
    seen: set[tuple[str, str]] = set()
    for wish in wishes:
        if (wish.id, wish.region) in seen:
            raise Invalid(f"resources: {wish.id} is named twice", hint="Put all its tags into one entry.")
        seen.add((wish.id, wish.region))
    return wishes


def _wish(entry: Mapping[str, Any], tags: Mapping[Any, Any], remove: Iterable[str]) -> TagWish:
    resource = str(entry["id"]).strip()
    if not resource:
        raise Invalid("a resource has an empty id", hint="Give the id of an instance, a volume, a snapshot and so on.")
    wanted = as_tags({**tags, **(entry.get("tags") or {})})
    for key, value in wanted.items():
        _check(_key(key), value)
    unwanted = frozenset(_key(key) for given in (remove, entry.get("remove_tags") or ()) for key in given)
    if both := sorted(unwanted & set(wanted)):
        raise Invalid(f"the tag {both[0]} of {resource} is to be set and removed at once")
    return TagWish(resource, str(entry.get("region") or ""), wanted, unwanted)


def _key(key: Any) -> str:
    text = str(key)
    if not text or len(text) > KEY_LENGTH:
        raise Invalid(f"the tag key {text!r} has {len(text)} characters", hint=f"It has 1 to {KEY_LENGTH}.")
    if text.lower().startswith(RESERVED):
        raise Invalid(f"the tag key {text} begins with {RESERVED}, which is AWS's own", hint="Choose another key.")
    return text


def _check(key: str, value: str) -> None:
    if len(value) > VALUE_LENGTH:
        raise Invalid(f"the value of the tag {key} has {len(value)} characters", hint=f"It has at most {VALUE_LENGTH}.")


def change_of(wish: TagWish, before: Mapping[str, str], *, purge: bool = False) -> TagChange:
    """What the wish comes to for a resource with these tags.

    :param purge: whether tags that aren't wished for go; those of AWS itself never do.
    """
    unwanted = {key for key in before if not key.startswith(RESERVED)} - set(wish.tags) if purge else wish.remove
    return TagChange(
        id=wish.id,
        region=wish.region,
        before=dict(before),
        put={key: value for key, value in wish.tags.items() if before.get(key) != value},
        drop=frozenset(key for key in unwanted if key in before),
    )


def plan_tags(changes: Iterable[TagChange]) -> Plan:
    """The plan of all changes; the diff holds only the tags that change."""
    steps: list[Step] = []
    before: dict[str, dict[str, str]] = {}
    after: dict[str, dict[str, str]] = {}
    for change in changes:
        if not change:
            continue
        touched = set(change.put) | change.drop
        before[change.id] = {key: value for key, value in sorted(change.before.items()) if key in touched}
        after[change.id] = dict(sorted(change.put.items()))
        if change.drop:
            steps.append(Step(DROP, f"{change.id}: {', '.join(sorted(change.drop))}"))
        if change.put:
            steps.append(Step(PUT, f"{change.id}: {', '.join(f'{k}={v}' for k, v in sorted(change.put.items()))}"))
    return Plan("tags", tuple(steps), before, after)


def calls_for(action: str, changes: Iterable[TagChange], size: int) -> list[TagCall]:
    """As few calls as make these changes: resources of a region that need the same tags share one, up to ``size`` of them."""
    groups: dict[tuple[str, tuple[tuple[str, str], ...]], list[str]] = {}
    for change in changes:
        tags = dict(change.put) if action == PUT else dict.fromkeys(change.drop, "")
        if tags:
            groups.setdefault((change.region, tuple(sorted(tags.items()))), []).append(change.id)
    return [
        TagCall(action, region, tuple(ids[first : first + size]), dict(tags))
        for (region, tags), ids in groups.items()
        for first in range(0, len(ids), size)
    ]


def split_ids(error: CloudOpsError, ids: Sequence[str]) -> tuple[list[str], list[list[str]]]:
    """Who of a refused call is to blame, and in what groups the others are to be tried again."""
    if len(ids) == 1 or error.kind in _WHOLE_REQUEST:
        return list(ids), []
    blamed = [one for one in ids if one in error.message]
    if blamed and len(blamed) < len(ids):
        return blamed, [[one for one in ids if one not in blamed]]
    half = len(ids) // 2
    return [], [list(ids[:half]), list(ids[half:])]
