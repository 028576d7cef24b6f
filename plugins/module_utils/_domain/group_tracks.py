# Copyright (c) 2026 cloudops.core contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What became of Auto Scaling groups: which writes were made, whether their instances are in service, and the answer of a run."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from ansible_collections.cloudops.core.plugins.module_utils._core.errors import CloudOpsError, NotFound, Timeout
from ansible_collections.cloudops.core.plugins.module_utils._core.plan import Plan, Step
from ansible_collections.cloudops.core.plugins.module_utils._domain.group_options import Wish
from ansible_collections.cloudops.core.plugins.module_utils._domain.groups import (
    ACT,
    FAILED,
    HOLD,
    IN_SERVICE,
    SKIPPED,
    THERE,
    Goal,
    Group,
    Sizes,
    Write,
)

_WORDS = ("changed", "unchanged", "skipped", "failed")


@dataclass(frozen=True)
class Track:
    """One group on its way.

    :param seen: the group as it was seen last.
    :param done: writes that were accepted.
    :param attempts: how often it was decided.
    :param waited: seconds until its instances were as wanted.
    :param awaited: whether it is still watched.
    """

    goal: Goal
    seen: Group
    done: tuple[Write, ...] = ()
    attempts: int = 1
    waited: float = 0
    awaited: bool = False
    error: CloudOpsError | None = None

    @property
    def changed(self) -> bool:
        """Whether any write that counts was accepted."""
        return any(write.line for write in self.done)

    @property
    def failure(self) -> CloudOpsError | None:
        """Why it failed."""
        return self.error or self.goal.error

    @property
    def outcome(self) -> str:
        """In a word."""
        if self.failure is not None:
            return "failed"
        return {SKIPPED: "skipped", THERE: "unchanged", FAILED: "failed", ACT: "changed"}[self.goal.fate]

    @property
    def resized(self) -> bool:
        """Whether the sizes are those of the goal."""
        return all(write in self.done for write in self.goal.writes if write.action not in ("tag", "untag"))

    @property
    def sizes(self) -> Sizes:
        """Its sizes after what was done."""
        return self.goal.after if self.resized else self.goal.group.sizes

    def as_result(self) -> dict[str, Any]:
        """As a return value."""
        goal, error = self.goal, self.failure
        decided = goal.fate in (ACT, THERE)
        result: dict[str, Any] = {
            "name": goal.group.name,
            "target": goal.group.name,
            "region": goal.group.region,
            "before": goal.group.sizes.desired,
            "desired": goal.after.desired if decided else None,
            "after": self.sizes.desired,
            "min_size": self.sizes.low,
            "max_size": self.sizes.high,
            "in_service": self.seen.serving,
            "changed": self.changed,
            "outcome": self.outcome,
            "action": goal.direction if decided else HOLD,
            "reason": goal.reason if error is None or error is goal.error else error.code or error.kind,
            "message": error.message if error is not None else "; ".join(filter(None, (goal.message, goal.pause))),
            "limited_by": list(goal.limited_by),
            "attempts": self.attempts,
            "waited": round(self.waited, 3),
        }
        return result if goal.decision is None else {**result, "decision": dict(goal.decision)}


def begin(goal: Goal) -> Track:
    """The track of a group about which nothing has been done yet."""
    return Track(goal, goal.group)


def as_done(track: Track) -> Track:
    """How it would end if every write were accepted."""
    return replace(track, done=track.goal.writes)


# Waiting


def is_settled(group: Group, desired: int, wish: Wish) -> bool:
    """Whether the instances that are wanted are in service, no more of them, and, where that is asked for, none on its way out.

    With weights, the last instance may stand for more than what was lacking.
    """
    serving = [member.weight for member in group.members if member.serves]
    surplus = sum(serving) - desired
    enough = surplus == 0 or 0 < surplus < min(serving, default=1)
    leaving = any(member.leaves for member in group.members)
    return enough and not (leaving and wish.wait_terminated)


def is_worth_watching(track: Track, wish: Wish) -> bool:
    """Whether to wait for it: where instances come or go, and where the size asked for is there, but not yet the instances."""
    if not wish.wait or track.failure is not None or track.goal.pause:
        return False
    if track.goal.fate == ACT and track.goal.moves:
        return track.resized
    asked = track.goal.fate in (ACT, THERE) and (wish.desired is not None or bool(wish.state))
    return asked and not is_settled(track.seen, track.goal.after.desired, wish)


def advance(track: Track, seen: Group | None, waited: float, wish: Wish) -> Track:
    """The track after a look at the group.

    :param waited: seconds since the waiting began.
    """
    if seen is None:
        gone = NotFound(
            "is gone", operation="wait for the group", resource=f"Auto Scaling group {track.seen.name}", code="Gone"
        )
        return replace(track, awaited=False, error=gone)
    if is_settled(seen, track.goal.after.desired, wish):
        return replace(track, seen=seen, awaited=False, waited=waited)
    return replace(track, seen=seen, waited=waited)


def time_is_over(track: Track, wish: Wish, activity: str) -> Track:
    """What a group comes to whose instances aren't there in time.

    :param activity: what the provider said of the last scaling activity that failed, or "".
    """
    error = Timeout(
        f"{describe(track.seen, track.goal.after.desired)} after {wish.wait_timeout:g} s"
        + (
            f"; the last failed scaling activity: {activity}"
            if activity
            else "; none of its latest scaling activities has failed"
        ),
        operation="wait for the instances",
        resource=f"Auto Scaling group {track.seen.name}",
        code="Timeout",
        hint="Correct what the activity names, then run again."
        if activity
        else "Raise wait_timeout if it only needs longer.",
    )
    return replace(track, awaited=False, error=error)


def describe(group: Group, desired: int) -> str:
    """How far a group is, in words."""
    others = Counter(
        member.lifecycle if member.lifecycle != IN_SERVICE else member.health
        for member in group.members
        if not member.serves
    )
    spared = sum(member.protected and member.serves for member in group.members)
    notes = [f"{count} {state}" for state, count in sorted(others.items())]
    if group.sizes.desired != desired:
        notes.append(f"its desired size is {group.sizes.desired} now")
    if group.serving > desired and spared:
        notes.append(f"{spared} protected from scale-in")
    if group.suspended:
        notes.append(f"suspended: {', '.join(sorted(group.suspended))}")
    return f"{group.serving} of {desired} in service" + (f" ({'; '.join(notes)})" if notes else "")


# The answer


def plan_of(tracks: Iterable[Track]) -> Plan:
    """The plan, or what of it was done: one step for each write that counts."""
    tracks = list(tracks)
    changed = [track for track in tracks if track.changed]
    return Plan(
        target="Auto Scaling groups",
        steps=tuple(Step(*write.line.split(" ", 1)) for track in changed for write in track.done if write.line),
        before={track.goal.group.name: _shown(track, track.goal.group.sizes, before=True) for track in changed},
        after={track.goal.group.name: _shown(track, track.sizes, before=False) for track in changed},
    )


def _shown(track: Track, sizes: Sizes, *, before: bool) -> dict[str, Any]:
    """What a diff shows of a group: the sizes that change, and tags that come or go."""
    group = track.goal.group
    old, new = group.sizes.as_result(), track.sizes.as_result()
    shown: dict[str, Any] = {name: value for name, value in sizes.as_result().items() if old[name] != new[name]}
    for write in track.done:
        if write.line and write.key:
            shown[write.key] = group.tags.get(write.key) if before else write.value
    return shown


def summarise(
    tracks: Sequence[Track], missing: Mapping[str, CloudOpsError], order: Sequence[str] | None
) -> dict[str, Any]:
    """Return values that tell what became of the groups.

    :param missing: errors of names that don't exist.
    :param order: the names that were asked for.
    """
    results = [track.as_result() for track in tracks] + [_absent(name, error) for name, error in missing.items()]
    if order is not None:
        places = {name: place for place, name in enumerate(order)}
        results.sort(key=lambda result: places.get(result["name"], len(places)))
    errors = {track.goal.group.name: track.failure for track in tracks} | dict(missing)
    counts = Counter(result["outcome"] for result in results)
    return {
        "matched": len(tracks),
        "counts": {word: counts[word] for word in _WORDS},
        "results": results,
        "failures": [
            {"name": result["name"], "region": result["region"], **error.as_result()}
            for result in results
            if (error := errors.get(result["name"])) is not None
        ],
    }


def _absent(name: str, error: CloudOpsError) -> dict[str, Any]:
    """The result of a group that doesn't exist."""
    return {
        "name": name,
        "target": name,
        "region": str(error.details.get("region", "")),
        **dict.fromkeys(("before", "desired", "after", "min_size", "max_size", "in_service")),
        "changed": False,
        "outcome": "failed",
        "action": HOLD,
        "reason": error.code,
        "message": error.message,
        "limited_by": [],
        "attempts": 0,
        "waited": 0.0,
    }
