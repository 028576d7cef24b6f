# Copyright (c) 2026 cloudops.core contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Brings Auto Scaling groups to their sizes: decides, writes side by side, and watches all of them together until instances serve."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import replace
from typing import Any

from ansible_collections.cloudops.core.plugins.module_utils._aws.autoscaling import AutoScalingGateway, Found
from ansible_collections.cloudops.core.plugins.module_utils._core.errors import (
    CloudOpsError,
    Conflict,
    NotFound,
    Timeout,
)
from ansible_collections.cloudops.core.plugins.module_utils._core.fanout import fan_out
from ansible_collections.cloudops.core.plugins.module_utils._core.plan import Plan
from ansible_collections.cloudops.core.plugins.module_utils._core.progress import Progress
from ansible_collections.cloudops.core.plugins.module_utils._core.wait import REAL_CLOCK, Clock, wait_for
from ansible_collections.cloudops.core.plugins.module_utils._domain.group_options import Selection, Wish
from ansible_collections.cloudops.core.plugins.module_utils._domain.group_scale import (
    check_limits,
    decide_group,
    failed,
    mind_company,
    needs_company,
)
from ansible_collections.cloudops.core.plugins.module_utils._domain.group_tracks import (
    Track,
    advance,
    as_done,
    begin,
    is_worth_watching,
    plan_of,
    summarise,
    time_is_over,
)
from ansible_collections.cloudops.core.plugins.module_utils._domain.groups import (
    ACT,
    STATE_TAG,
    TAG,
    UNTAG,
    Company,
    Goal,
    Group,
    Write,
)


class FleetScale:
    """One run over one selection."""

    def __init__(
        self, gateway: AutoScalingGateway, wish: Wish, *, concurrency: int = 8, clock: Clock = REAL_CLOCK
    ) -> None:
        self._gateway = gateway
        self._wish = wish
        self._concurrency = concurrency
        self._clock = clock
        self._found = Found(())
        self._order: tuple[str, ...] | None = None
        self._companies: dict[str, Company] = {}
        self._tracks: dict[str, Track] = {}

    def prepare(self, selection: Selection) -> None:
        """Find the groups and decide; writes nothing.

        :raises Conflict: when more would change than the limits allow. What would have been done is in ``details``.
        """
        self._found, self._order = self._gateway.find(selection), selection.names
        goals = [decide_group(group, self._wish) for group in self._found.groups]
        goals = self._with_company(goals)
        self._tracks = {goal.group.name: begin(goal) for goal in goals}
        try:
            check_limits(goals, self._wish)
        except CloudOpsError as error:
            planned = plan_of(as_done(track) for track in self._all())
            error.details.update({**self.result(), "actions": planned.actions(), "changed": False})
            raise

    def predict(self) -> Plan:
        """Look at how it would end, without writing."""
        self._put(as_done(track) for track in self._all())
        return plan_of(self._all())

    def carry_out(self) -> Plan:
        """Write, and wait if that is wanted. What failed is in the result; nothing is raised once a group has been written to."""
        due = [track for track in self._all() if track.goal.writes]
        outcomes = fan_out(self._write_all, due, concurrency=self._concurrency)
        self._put(outcome.value for outcome in outcomes if outcome.value is not None)
        self._watch()
        return plan_of(self._all())

    def result(self) -> dict[str, Any]:
        """What became of each, for the answer of a module."""
        return summarise(self._all(), self._found.missing, self._order)

    def _all(self) -> list[Track]:
        return list(self._tracks.values())

    def _put(self, tracks: Iterable[Track]) -> None:
        self._tracks.update({track.goal.group.name: track for track in tracks})

    # Deciding

    def _with_company(self, goals: Sequence[Goal]) -> list[Goal]:
        """The goals with regard to who else acts on the groups, as far as that has to be known."""
        asking = [goal.group for goal in goals if needs_company(goal, self._wish)]
        answers = self._gateway.companies(asking) if asking else {}
        self._companies = {name: answer.value for name, answer in answers.items() if answer.value is not None}
        errors = {name: answer.error for name, answer in answers.items() if answer.error is not None}
        return [
            failed(goal.group, errors[goal.group.name]) if goal.group.name in errors else self._minded(goal)
            for goal in goals
        ]

    def _minded(self, goal: Goal) -> Goal:
        return mind_company(goal, self._companies.get(goal.group.name, Company()), self._wish)

    def _decided_anew(self, track: Track) -> Track:
        """What depends on the size is decided once more, when the group isn't any more what the decision was made for."""
        group = track.goal.group
        fresh = self._gateway.look([group.name]).get(group.name)
        if fresh is None:
            raise NotFound(
                "is gone", operation="scale the group", resource=f"Auto Scaling group {group.name}", code="Gone"
            )
        if _likeness(fresh) == _likeness(group):
            return track
        goal = decide_group(fresh, self._wish)
        known = group.name in self._companies or not needs_company(goal, self._wish)
        goal = self._minded(goal) if known else self._with_its_company(goal)
        limit = self._wish.max_instances_change
        if limit is not None and goal.fate == ACT and goal.moves > max(track.goal.moves, 0):
            error = Conflict(
                f"changed meanwhile to {fresh.sizes.desired}, and would now move by {goal.moves} instead of {track.goal.moves}",
                code="ChangedMeanwhile",
                hint="Run again: max_instances_change counts all groups together.",
            )
            goal = failed(fresh, error)
        return replace(begin(goal), attempts=track.attempts + 1)

    def _with_its_company(self, goal: Goal) -> Goal:
        """For a group that had nothing to do when the others were asked about."""
        answer = self._gateway.companies([goal.group])[goal.group.name]
        if answer.error is not None:
            return failed(goal.group, answer.error)
        return mind_company(goal, answer.value or Company(), self._wish)

    # Writing

    def _write_all(self, track: Track) -> Track:
        """Everything that is due for one group, in its order."""
        try:
            if self._wish.is_relative and track.goal.fate == ACT:
                track = self._decided_anew(track)
        except CloudOpsError as error:
            return replace(track, error=error)
        for write in track.goal.writes:
            try:
                self._gateway.write(track.goal.group, write, honor_cooldown=self._wish.honor_cooldown)
            except CloudOpsError as error:
                if not self._has_happened(track, write, error):
                    self._take_back(track, error)
                    return replace(track, error=error)
            track = replace(track, done=(*track.done, write))
        return track

    def _has_happened(self, track: Track, write: Write, error: CloudOpsError) -> bool:
        """Whether a call without an answer was carried out all the same: the group itself tells."""
        if error.kind not in ("timeout", "unavailable"):
            return False
        name = track.goal.group.name
        try:
            seen = self._gateway.look([name]).get(name)
        except CloudOpsError:
            return False  # the error that is noted already says all that is known
        if seen is None:
            return False
        if write.action in (TAG, UNTAG):
            return bool(seen.tags.get(write.key) == write.value)
        return seen.sizes == track.goal.after

    def _take_back(self, track: Track, error: CloudOpsError) -> None:
        """A size that was refused must not be remembered as one that was set.

        Where nobody knows, the memory stays: it errs on the safe side.
        """
        written = next((write for write in track.done if write.key == STATE_TAG), None)
        if written is None or error.kind in ("timeout", "unavailable"):
            return
        before = track.goal.group.tags.get(STATE_TAG)
        back = Write(UNTAG, STATE_TAG) if before is None else Write(TAG, STATE_TAG, before)
        try:
            self._gateway.write(track.goal.group, back)
        except CloudOpsError as second:
            error.hint = (
                f"{error.hint} Its tag {STATE_TAG} could not be put back ({second.code or second.kind}).".strip()
            )

    # Watching

    def _watch(self) -> None:
        """Until the instances of all are as wanted, or the time is over."""
        wish = self._wish
        self._put(replace(track, awaited=True) for track in self._all() if is_worth_watching(track, wish))
        if not self._awaited():
            return
        began, count = self._clock.now(), len(self._awaited())

        def look(progress: Progress) -> int:
            left = self._look_once(began)
            progress.update(count - left)
            return left

        try:
            with Progress("wait until groups have their instances in service", "groups", count) as progress:
                wait_for(
                    lambda: look(progress),
                    lambda left: left == 0,
                    timeout=wish.wait_timeout,
                    what="that all groups have their instances in service",
                    clock=self._clock,
                )
        except CloudOpsError as error:
            over = isinstance(error, Timeout) and not error.code  # one with a code is the network's
            left = self._awaited()
            outcomes = fan_out(self._explained, left, concurrency=self._concurrency) if over else []
            self._put(outcome.value for outcome in outcomes if outcome.value is not None)
            self._put(replace(track, awaited=False, error=error) for track in self._awaited())

    def _awaited(self) -> list[Track]:
        return [track for track in self._all() if track.awaited]

    def _look_once(self, began: float) -> int:
        """Look at all that aren't there yet, and tell how many are left."""
        names = [track.goal.group.name for track in self._awaited()]
        seen = self._gateway.look(names)
        waited = self._clock.now() - began
        self._put(advance(self._tracks[name], seen.get(name), waited, self._wish) for name in names)
        return len(self._awaited())

    def _explained(self, track: Track) -> Track:
        """What a group comes to whose time is over, with the provider's own reason."""
        try:
            activity = self._gateway.last_failure(track.goal.group.name)
        except CloudOpsError as error:
            activity = f"unknown, as its scaling activities can't be read ({error.code or error.kind})"
        return time_is_over(track, self._wish, activity)


def _likeness(group: Group) -> tuple[Any, ...]:
    """What a decision is made from; instances come and go all the time."""
    return group.sizes, group.status, group.suspended, group.tags
