# Copyright (c) 2026 cloudops.core contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Brings a fleet of EC2 instances to a state: asks, acts in batches, and watches all of them together until they are there."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

from ansible_collections.cloudops.core.plugins.module_utils._aws.ec2 import Answer, EC2Gateway
from ansible_collections.cloudops.core.plugins.module_utils._core.errors import CloudOpsError, Denied, Timeout
from ansible_collections.cloudops.core.plugins.module_utils._core.plan import Plan
from ansible_collections.cloudops.core.plugins.module_utils._core.progress import SILENT, Progress
from ansible_collections.cloudops.core.plugins.module_utils._core.wait import REAL_CLOCK, Clock, wait_for
from ansible_collections.cloudops.core.plugins.module_utils._domain.power import (
    REBOOT,
    Fate,
    Instance,
    Wish,
    check_limits,
)
from ansible_collections.cloudops.core.plugins.module_utils._domain.power_batches import is_capacity
from ansible_collections.cloudops.core.plugins.module_utils._domain.power_options import Selection
from ansible_collections.cloudops.core.plugins.module_utils._domain.power_tracks import (
    Track,
    accept,
    advance,
    begin,
    done_so_far,
    fail,
    plan_power,
    predict,
    skip,
    summarise,
    time_is_over,
    timeout_story,
)

# The API's words for an instance whose attribute disableApiStop is set.
_PROTECTED = "disableapistop"


class FleetPower:
    """One run over one selection."""

    def __init__(self, gateway: EC2Gateway, wish: Wish, clock: Clock = REAL_CLOCK) -> None:
        self._gateway = gateway
        self._wish = wish
        self._clock = clock
        self._tracks: dict[str, Track] = {}
        self._missing: Sequence[CloudOpsError] = ()
        self._plan = Plan("instances")
        self._progress = SILENT
        self._awaited = 0

    def prepare(self, selection: Selection, *, permission_check: bool = False) -> Plan:
        """Find the instances and decide; writes nothing.

        :raises Conflict: when more would act than the limits allow.
        :raises Denied: when the permission check says so. What would have been done is in ``details``.
        """
        wish = self._wish
        self._gateway.check_support(wish)
        stops = wish.state in ("stopped", "hibernated")
        found = self._gateway.find(selection, spot_requests=stops and "spot" not in wish.includes)
        self._missing = found.missing
        self._tracks = {instance.id: begin(instance, wish) for instance in found.instances}
        self._plan = plan_power(self._all(), wish)
        try:
            check_limits(len(self._plan.steps), len(self._tracks), wish)
            if permission_check:
                self._check_permissions()
        except CloudOpsError as error:
            error.details.update({**self.result(), "actions": self._plan.actions(), "changed": False})
            raise
        self._plan = plan_power(self._all(), wish)
        return self._plan

    def predict(self) -> Plan:
        """Look at how it would end, without writing."""
        self._tracks = {key: predict(track, self._wish) for key, track in self._tracks.items()}
        return self._plan

    def carry_out(self) -> Plan:
        """Act, and wait if that is wanted. What failed is in the result; nothing is raised once an instance has been acted on."""
        self._act()
        if self._unfinished():
            self._watch()
        return done_so_far(self._all())

    def result(self) -> dict[str, Any]:
        """What became of each, for the answer of a module."""
        return summarise(self._all(), self._missing)

    def timeout_story(self) -> str:
        """Who got there in time and who did not; empty when all did."""
        return timeout_story(self._all())

    def _all(self) -> list[Track]:
        return list(self._tracks.values())

    def _unfinished(self) -> list[Track]:
        return [track for track in self._all() if not track.finished]

    def _put(self, tracks: Iterable[Track]) -> None:
        self._tracks.update({track.instance.id: track for track in tracks})

    # Acting

    def _check_permissions(self) -> None:
        """Ask for every action that is planned; refusals that aren't about permissions are those of the plan's instances."""
        planned = [track for track in self._unfinished() if track.verdict.fate in (Fate.ACT, Fate.ACT_LATER)]
        answers = self._send(planned, dry_run=True)
        self._put(self._refused(answer.instance, answer.error) for answer in answers if answer.error is not None)
        denied = [answer.error for answer in answers if isinstance(answer.error, Denied)]
        if denied:
            raise Denied(
                f"{denied[0].message} (for {len(denied)} of {len(planned)} instances; nothing was done)",
                operation=denied[0].operation,
                resource=denied[0].resource,
                code=denied[0].code,
                hint=denied[0].hint,
            )

    def _act(self) -> None:
        """Send what is due now."""
        answers = self._send([track for track in self._all() if track.to_act])
        self._put(
            accept(self._tracks[answer.instance.id], answer.state, self._wish)
            if answer.error is None
            else self._refused(answer.instance, answer.error)
            for answer in answers
        )
        self._settle_doubts([answer.instance for answer in answers if answer.error and _is_doubtful(answer.error)])

    def _send(self, tracks: Iterable[Track], *, dry_run: bool = False) -> list[Answer]:
        actions: dict[str, list[Instance]] = {}
        for track in tracks:
            actions.setdefault(track.verdict.action, []).append(track.instance)
        return [
            answer
            for action, instances in actions.items()
            for answer in self._gateway.act(action, instances, self._wish, dry_run=dry_run)
        ]

    def _refused(self, instance: Instance, error: CloudOpsError) -> Track:
        track = self._tracks[instance.id]
        if error.code == "OperationNotPermitted" and _PROTECTED in error.message.lower():
            return skip(track, "stop_protection", "has stop protection (disableApiStop), which is respected")
        return fail(track, error)

    def _settle_doubts(self, instances: Sequence[Instance]) -> None:
        """A call without an answer may have been carried out: what the instances do now tells."""
        doubtful = [instance for instance in instances if self._tracks[instance.id].verdict.action != REBOOT]
        if not doubtful:
            return
        try:
            seen = self._gateway.look(doubtful)
        except CloudOpsError:
            return  # the errors that are noted already say all that is known
        for instance in doubtful:
            now = seen.get(instance.id)
            track = self._tracks[instance.id]
            if now is not None and now.state != instance.state and now.state in _signs_of(track):
                self._put([accept(_reopened(track), now.state, self._wish)])

    # Watching

    def _watch(self) -> None:
        """Until each is where it shall be, has failed, or the time is over."""
        wish = self._wish
        self._awaited = len(self._unfinished())
        try:
            with Progress(f"wait until instances are {wish.state}", "instances", self._awaited) as self._progress:
                wait_for(
                    self._look_once,
                    lambda left: left == 0,
                    timeout=wish.wait_timeout,
                    what=f"that all instances are {wish.state}",
                    clock=self._clock,
                )
        except CloudOpsError as error:
            time_over = isinstance(error, Timeout) and not error.code  # one with a code is the network's
            left = self._unfinished()
            self._put([time_is_over(track, wish) if time_over else fail(track, error) for track in left])

    def _look_once(self) -> int:
        """Look at all that aren't done, send what has become due, and tell how many are left."""
        waiting = self._unfinished()
        seen = self._gateway.look(track.instance for track in waiting)
        now = self._clock.now()
        self._put([advance(track, seen.get(track.instance.id), now, self._wish) for track in waiting])
        self._act()
        left = len(self._unfinished())
        self._progress.update(self._awaited - left)
        return left


def _is_doubtful(error: CloudOpsError) -> bool:
    """Whether nobody knows if the call was carried out."""
    return error.kind in ("timeout", "unavailable") and not is_capacity(error)


def _signs_of(track: Track) -> tuple[str, ...]:
    """States that show that the action is under way or done."""
    return ("pending", "running") if track.verdict.action == "start" else ("stopping", "stopped")


def _reopened(track: Track) -> Track:
    """The track without its failure."""
    return Track(track.instance, track.verdict, track.state)
