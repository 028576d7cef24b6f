# Copyright (c) 2026 cloudops.core contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Brings a fleet of workloads to their sizes: reads all, decides on each, writes side by side, and watches them together."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable
from dataclasses import replace
from typing import Any

from ansible_collections.cloudops.core.plugins.module_utils._core.errors import (
    CloudOpsError,
    Conflict,
    Denied,
    NotFound,
)
from ansible_collections.cloudops.core.plugins.module_utils._core.fanout import fan_out
from ansible_collections.cloudops.core.plugins.module_utils._core.plan import Plan
from ansible_collections.cloudops.core.plugins.module_utils._domain.workload import STATE, Workload
from ansible_collections.cloudops.core.plugins.module_utils._domain.workload_options import Selection, Wish
from ansible_collections.cloudops.core.plugins.module_utils._domain.workload_resources import changes, undo
from ansible_collections.cloudops.core.plugins.module_utils._domain.workload_scale import (
    Fate,
    Owner,
    check_limits,
    judge,
)
from ansible_collections.cloudops.core.plugins.module_utils._domain.workload_tracks import (
    Missing,
    Track,
    plan_of,
    summarise,
)
from ansible_collections.cloudops.core.plugins.module_utils._k8s.client import Client
from ansible_collections.cloudops.core.plugins.module_utils._k8s.kinds import Kind, find_kind
from ansible_collections.cloudops.core.plugins.module_utils._k8s.owners import Owners
from ansible_collections.cloudops.core.plugins.module_utils._k8s.rollouts import Ending, RolloutWatch
from ansible_collections.cloudops.core.plugins.module_utils._k8s.workloads import WorkloadGateway

# A refused write is read and decided anew so often.
RETRIES = 3


class FleetScaler:
    """One run over one selection.

    :param now: seconds since 1970, where the wish names no time.
    """

    def __init__(
        self, client: Client, wish: Wish, *, concurrency: int = 8, now: Callable[[], float] = time.time
    ) -> None:
        self._client = client
        self._gateway = WorkloadGateway(client, concurrency=concurrency)
        self._owners = Owners(client, concurrency)
        self._wish = wish
        self._concurrency = concurrency
        self._now = now
        self._kind: Kind | None = None
        self._tracks: list[Track | Missing] = []

    def prepare(self, selection: Selection) -> Plan:
        """Find the workloads and decide; writes nothing.

        :raises Conflict: when more would change than the limits allow. What would have been done is in ``details``.
        """
        self._kind = find_kind(self._client, *selection.kinds[0])
        found = self._gateway.find(self._kind, selection)
        self._read_owners(selection, found.workloads)
        self._tracks = [
            entry if isinstance(entry, Missing) else self._begin(entry, self._owners.of(entry))
            for entry in found.entries
        ]
        planned = [self._predicted(track) for track in self._own()]
        plan = plan_of(planned)
        try:
            check_limits(sum(track.changed for track in planned), len(planned), self._wish)
        except CloudOpsError as error:
            error.details.update({**self.result(), "actions": plan.actions(), "changed": False})
            raise
        return plan

    def predict(self) -> Plan:
        """Look at how it would end, without writing."""
        self._put(self._predicted(track) for track in self._own())
        return plan_of(self._own())

    def carry_out(self) -> Plan:
        """Write, and wait if that is wanted. What failed is in the result."""
        due = [track for track in self._own() if track.to_write]
        self._put(outcome.value for outcome in fan_out(self._write, due, concurrency=self._concurrency))
        if self._wish.wait:
            self._wait()
        return plan_of(self._own())

    def result(self) -> dict[str, Any]:
        """What became of each, for the answer of a module."""
        return summarise(self._tracks)

    def _own(self) -> list[Track]:
        return [track for track in self._tracks if isinstance(track, Track)]

    def _put(self, tracks: Iterable[Track | None]) -> None:
        fresh = {track.workload.target: track for track in tracks if track is not None}
        self._tracks = [
            fresh.get(track.workload.target, track) if isinstance(track, Track) else track for track in self._tracks
        ]

    # Deciding

    def _read_owners(self, selection: Selection, workloads: Iterable[Workload]) -> None:
        """Each namespace once. Who scales by force needn't have the right to know."""
        spaces = [workload.namespace for workload in workloads]
        if not spaces or not self._wish.sized:
            return
        try:
            self._owners.read([""] if selection.all_namespaces else spaces)
        except Denied:
            if self._wish.on_owner != "force":
                raise

    def _begin(self, workload: Workload, owner: Owner | None) -> Track:
        verdict = judge(workload, owner, self._wish, self._time())
        return Track(workload, owner, verdict)

    def _time(self) -> float:
        return self._now() if self._wish.now is None else self._wish.now

    def _predicted(self, track: Track) -> Track:
        """The track as it will be when all goes well."""
        if not track.to_write:
            return track
        verdict = track.verdict
        after = replace(
            track.workload, replicas=track.workload.replicas if verdict.desired is None else verdict.desired
        )
        return replace(track, now=after, moved=verdict.bounds is not None, recorded=verdict.state is not None)

    # Writing

    def _write(self, track: Track) -> Track:
        """Write one; when somebody else wrote meanwhile, read and decide anew."""
        failure: CloudOpsError | None = None
        for attempt in range(1, RETRIES + 2):
            track = replace(track, attempts=attempt)
            try:
                track = self._with_bounds(track)
                return self._write_once(track)
            except CloudOpsError as error:
                failure = error
            if not self._may_retry(failure, attempt):
                break
            try:
                track, settled = self._again(track, failure)
            except CloudOpsError as error:
                failure = error
                break
            if settled or not track.to_write:
                return track
        if failure is None:
            raise AssertionError("it ends by success or failure")
        return self._failed(track, failure)

    def _may_retry(self, failure: CloudOpsError, attempt: int) -> bool:
        if isinstance(failure, Conflict):
            return attempt <= RETRIES and not self._wish.resource_version and "replicas" not in failure.details
        return failure.kind in ("timeout", "unavailable") and "replicas" not in failure.details

    def _with_bounds(self, track: Track) -> Track:
        """Move the bounds of its autoscaler if they have to: before the size, as who may not do that shall change nothing."""
        bounds = track.verdict.bounds
        if bounds is None or track.owner is None or track.moved:
            return track
        self._owners.move(track.owner, bounds)
        return replace(track, moved=True)

    def _write_once(self, track: Track) -> Track:
        if self._kind is None:
            raise AssertionError("the kind is looked up before anything is read")
        verdict, workload = track.verdict, track.workload
        replicas = verdict.desired if verdict.desired != workload.replicas else None
        now = self._gateway.change(
            self._kind, workload, replicas=replicas, state=verdict.state, resources=verdict.resources
        )
        return replace(track, now=now, recorded=verdict.state is not None)

    def _failed(self, track: Track, error: CloudOpsError) -> Track:
        """It ends here; what was written before is kept."""
        if "replicas" in error.details:
            track = replace(track, now=replace(track.workload, replicas=error.details["replicas"]))
        if track.verdict.fate is Fate.SAME and isinstance(error, Conflict):
            return track  # only the history was to be written, and whoever wrote meanwhile has kept it up to date
        return replace(track, error=error)

    def _again(self, track: Track, failure: CloudOpsError) -> tuple[Track, bool]:
        """Read and decide anew; the track, and whether it is at its end.

        :param failure: a conflict, or an answer that was lost, so that nobody knows whether the write was carried out.
        """
        if self._kind is None:
            raise AssertionError("the kind is looked up before anything is read")
        before, verdict = track.workload, track.verdict
        fresh = self._gateway.read(self._kind, before.namespace, before.name)
        if not isinstance(failure, Conflict) and fresh.resource_version != before.resource_version:
            if self._is_ours(fresh, track):
                return replace(track, now=fresh, recorded=verdict.state is not None), True
            if self._wish.step is not None:
                failure.hint = "Nobody knows whether the step was taken: look at the size before you run again."
                return replace(track, error=failure), True
        if track.owner is not None and track.owner.adjustable and verdict.bounds is not None:
            self._owners.read([before.namespace])
        again = self._begin(fresh, self._owners.of(fresh))
        if track.moved and again.verdict.bounds is None:  # they were moved the first time, and fit
            kept = replace(again.verdict, bounds=verdict.bounds)
            again = replace(again, owner=track.owner, verdict=kept, moved=True)
        return replace(again, attempts=track.attempts + 1), False

    def _is_ours(self, fresh: Workload, track: Track) -> bool:
        """Whether a write whose answer was lost shows in the workload. A step of the same width may be another's."""
        verdict = track.verdict
        if verdict.state is not None:
            return fresh.annotations.get(STATE) == verdict.state and fresh.replicas == verdict.desired
        return self._wish.step is None and fresh.replicas == verdict.desired and not verdict.resources

    # Waiting

    def _wait(self) -> None:
        """For what was changed, and, where a size was asked for, for what has it already."""
        if self._kind is None:
            raise AssertionError("the kind is looked up before anything is read")
        waiting = [track for track in self._own() if self._is_awaited(track)]
        if not waiting:
            return
        watch = RolloutWatch(self._client, self._kind, self._wish.wait_timeout)
        endings = watch.wait([track.now or track.workload for track in waiting])
        pairs = [(track, endings[track.workload.target]) for track in waiting]
        self._put(outcome.value for outcome in fan_out(self._ended, pairs, concurrency=self._concurrency))

    def _is_awaited(self, track: Track) -> bool:
        if track.problem is not None or track.verdict.fate is Fate.SKIPPED:
            return False
        return track.written or self._wish.replicas is not None

    def _ended(self, pair: tuple[Track, Ending]) -> Track:
        track, ending = pair
        track = replace(track, waited=ending.waited, seen=ending.seen, error=ending.error)
        if ending.error is None or not track.written or not self._wish.revert or isinstance(ending.error, NotFound):
            return track
        return self._reverted(track, ending.error)

    def _reverted(self, track: Track, error: CloudOpsError) -> Track:
        """Put the former size and resources back, unless somebody else has changed them meanwhile."""
        if self._kind is None:
            raise AssertionError("the kind is looked up before anything is read")
        before, verdict = track.workload, track.verdict
        former = f"{before.replicas} replicas" if not verdict.resources else "its former size and resources"
        try:
            for attempt in range(1, RETRIES + 2):
                fresh = self._gateway.read(self._kind, before.namespace, before.name)
                if fresh.replicas != verdict.desired or changes(fresh.containers, verdict.resources):
                    error.message += (
                        f"; not reverted, as somebody has changed it meanwhile (to {fresh.replicas} replicas)"
                    )
                    return track
                try:
                    self._gateway.change(
                        self._kind,
                        fresh,
                        replicas=before.replicas if before.replicas != fresh.replicas else None,
                        resources=undo(before.containers, verdict.resources),
                    )
                    break
                except Conflict:
                    if attempt > RETRIES:
                        raise
        except CloudOpsError as failure:
            error.message += f"; reverting it failed, too: {failure}"
            return track
        error.message += f"; reverted to {former}"
        return replace(track, reverted=True)
