# Copyright (c) 2026 cloudops.core contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What becomes of each instance of a fleet, step by step, from the decision to the end."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from typing import Any

from ansible_collections.cloudops.core.plugins.module_utils._core.errors import CloudOpsError, Conflict, Timeout
from ansible_collections.cloudops.core.plugins.module_utils._core.plan import Plan, Step
from ansible_collections.cloudops.core.plugins.module_utils._domain.power import (
    GONE,
    LEADS_TO,
    NEEDS,
    PASSES,
    PENDING,
    REBOOT,
    RUNNING,
    START,
    STOPPED,
    STOPPING,
    TERMINATED,
    Fate,
    Instance,
    Verdict,
    Wish,
    judge,
)

# A describe call may lag behind the call before it; this many in a row that say "stopped" are believed.
LOOKS_BELIEVED = 3


@dataclass(frozen=True)
class Track:
    """What has become of one instance so far.

    :param state: as seen last.
    :param accepted: the provider accepted the action.
    :param finished: nothing more is expected of it.
    :param moved: it was seen to leave the state that it acted from.
    :param looks: how often it was looked at since the action.
    :param reached_at: when it was first seen where it shall be, in the caller's seconds.
    :param error: why it failed, as data.
    """

    instance: Instance
    verdict: Verdict
    state: str
    accepted: bool = False
    finished: bool = False
    moved: bool = False
    looks: int = 0
    reached_at: float | None = None
    error: CloudOpsError | None = None

    @property
    def failed(self) -> bool:
        """Whether it ended badly."""
        return self.error is not None

    @property
    def to_act(self) -> bool:
        """Whether its action is due now."""
        return not self.finished and not self.accepted and self.verdict.fate is Fate.ACT

    @property
    def outcome(self) -> str:
        """One word for the result."""
        if self.failed:
            return "failed"
        if self.verdict.fate is Fate.SKIPPED:
            return "skipped"
        if self.accepted:
            return "changed"
        return "on_the_way" if self.verdict.fate is Fate.ON_THE_WAY else "unchanged"

    def as_result(self) -> dict[str, Any]:
        """For the list of instances that a module returns."""
        reason, message = self.verdict.reason, self.verdict.message
        if self.error is not None:
            reason, message = self.error.code, self.error.message
        return {
            "id": self.instance.id,
            "name": self.instance.name,
            "region": self.instance.region,
            "before": self.instance.state,
            "after": self.state,
            "changed": self.accepted,
            "outcome": self.outcome,
            "action": self.verdict.action if self.accepted else "",
            "reason": reason,
            "message": message,
        }


def begin(instance: Instance, wish: Wish) -> Track:
    """Judge an instance and note the beginning."""
    verdict = judge(instance, wish)
    track = Track(instance, verdict, instance.state, moved=instance.state in (PENDING, STOPPING))
    if verdict.fate is Fate.FAILED:
        return fail(track, Conflict(verdict.message, resource=instance.label, code=verdict.reason))
    if verdict.fate in (Fate.THERE, Fate.SKIPPED) or (verdict.fate is Fate.ON_THE_WAY and not wish.wait):
        return replace(track, finished=True)
    return track


def fail(track: Track, error: CloudOpsError) -> Track:
    """It ends here."""
    return replace(track, finished=True, error=error)


def skip(track: Track, reason: str, message: str) -> Track:
    """The provider protects it: left alone like those that the rules leave alone."""
    return replace(track, finished=True, verdict=Verdict(Fate.SKIPPED, "", reason, message))


def accept(track: Track, state: str, wish: Wish) -> Track:
    """The provider accepted the action, and says what state that gave."""
    state = state or PASSES[track.verdict.action]
    return replace(track, accepted=True, state=state, finished=not wish.wait, moved=False, looks=0)


def predict(track: Track, wish: Wish) -> Track:
    """The track as it will be when all goes well."""
    if track.finished:
        return track
    action = track.verdict.action
    state = LEADS_TO[action] if wish.wait else PASSES[action]
    return replace(track, state=state, finished=True, accepted=track.verdict.fate is not Fate.ON_THE_WAY)


def advance(track: Track, seen: Instance | None, now: float, wish: Wish) -> Track:
    """What a new look at the instance means.

    :param seen: None when the provider doesn't know the instance any more.
    """
    if seen is None or seen.state in GONE:
        what = "is terminated" if seen is None else f"is {seen.state}"
        track = replace(track, state=seen.state if seen else TERMINATED)
        message = f"{what}: somebody terminated it meanwhile"
        return fail(track, Conflict(message, resource=track.instance.label, code="IncorrectInstanceState"))
    track = replace(track, state=seen.state, looks=track.looks + 1)
    if track.verdict.fate is Fate.ACT_LATER and not track.accepted:
        return _awaited(track)
    if LEADS_TO[track.verdict.action] == STOPPED:
        return replace(track, finished=seen.state == STOPPED)
    return _started(track, seen, now, wish)


def _awaited(track: Track) -> Track:
    """It is passing through a state in which it can't act."""
    action = track.verdict.action
    if track.state == LEADS_TO[action]:
        return replace(track, finished=True, verdict=Verdict(Fate.THERE))
    if track.state == NEEDS[action]:
        return replace(track, verdict=Verdict(Fate.ACT, action))
    return track


def _started(track: Track, seen: Instance, now: float, wish: Wish) -> Track:
    """It shall run, and stay so: an encrypted volume whose key can't be used lets the start succeed and stops it again."""
    if seen.state == RUNNING:
        since = now if track.reached_at is None else track.reached_at
        settle = wish.settle_time if track.verdict.action == START else 0
        return replace(track, reached_at=since, moved=True, finished=now - since >= settle)
    if seen.state == PENDING:
        return replace(track, moved=True, reached_at=None)
    another_reason = bool(seen.state_reason) and seen.state_reason != track.instance.state_reason
    if not (track.moved or another_reason or track.looks >= LOOKS_BELIEVED):
        return track
    why = seen.state_message or "the provider gives no reason"
    return fail(
        track,
        Conflict(
            f"was started and is {seen.state} again: {why}",
            resource=track.instance.label,
            code=seen.state_reason or "StoppedAgain",
            hint="If a volume is encrypted, the identity needs kms:CreateGrant on its key.",
        ),
    )


def time_is_over(track: Track, wish: Wish) -> Track:
    """What a track comes to when no time is left. One that runs, but not yet for as long as it should, counts as running."""
    if track.finished:
        return track
    if track.reached_at is not None:
        return replace(track, finished=True)
    goal = LEADS_TO[track.verdict.action]
    error = Timeout(
        f"is still {track.state} after {wish.wait_timeout:g} s instead of {goal}",
        resource=track.instance.label,
        code="Timeout",
        hint="Raise wait_timeout if it only needs longer."
        + (" With force, an instance that is stuck is stopped the hard way." if track.state == STOPPING else ""),
    )
    return fail(track, error)


def plan_power(tracks: Sequence[Track], wish: Wish) -> Plan:
    """The plan of a fleet: one step for each instance that will act."""
    acting = [track for track in tracks if not track.finished and track.verdict.fate in (Fate.ACT, Fate.ACT_LATER)]
    return Plan(
        target="instances",
        steps=tuple(Step(track.verdict.action, track.instance.label) for track in acting),
        before={track.instance.label: track.instance.state for track in acting},
        after={track.instance.label: _goal_word(track) for track in acting},
    )


def _goal_word(track: Track) -> str:
    return "rebooted" if track.verdict.action == REBOOT else LEADS_TO[track.verdict.action]


def done_so_far(tracks: Sequence[Track]) -> Plan:
    """The plan in hindsight: what was really accepted."""
    done = [track for track in tracks if track.accepted]
    return Plan(
        target="instances",
        steps=tuple(Step(track.verdict.action, track.instance.label) for track in done),
        before={track.instance.label: track.instance.state for track in done},
        after={track.instance.label: _goal_word(track) for track in done},
    )


def summarise(tracks: Sequence[Track], missing: Sequence[CloudOpsError]) -> dict[str, Any]:
    """Return values that tell what became of the fleet."""
    outcomes = [track.outcome for track in tracks]
    words = ("changed", "unchanged", "on_the_way", "skipped")
    failures = failures_of(tracks, missing)
    return {
        "matched": len(tracks),
        "counts": {**{word: outcomes.count(word) for word in words}, "failed": len(failures)},
        "instances": [track.as_result() for track in tracks],
        # Not called "skipped": Ansible takes that key to mean that the whole task was.
        "skipped_instances": [
            {
                "id": track.instance.id,
                "name": track.instance.name,
                "region": track.instance.region,
                "reason": track.verdict.reason,
                "message": track.verdict.message,
            }
            for track in tracks
            if track.outcome == "skipped"
        ],
        "failures": failures,
    }


def failures_of(tracks: Iterable[Track], missing: Iterable[CloudOpsError]) -> list[dict[str, Any]]:
    """Each failed instance with its error as data."""
    found = [(track.instance.id, track.instance.name, track.instance.region, track.error) for track in tracks]
    found += [(error.resource, "", str(error.details.get("region", "")), error) for error in missing]
    return [
        {"id": id, "name": name, "region": region, **error.as_result()} for id, name, region, error in found if error
    ]


def timeout_story(tracks: Sequence[Track]) -> str:
    """Who got there in time and who didn't, in one line; "" when time wasn't the matter."""
    late = [track for track in tracks if isinstance(track.error, Timeout)]
    if not late:
        return ""
    there = sum(track.outcome in ("changed", "on_the_way") for track in tracks)
    shown = ", ".join(f"{track.instance.label} is {track.state}" for track in late[:5])
    more = f" and {len(late) - 5} more" if len(late) > 5 else ""
    return f"time is over: {there} got there, {len(late)} did not: {shown}{more}"
