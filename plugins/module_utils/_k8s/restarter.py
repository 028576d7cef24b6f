# Copyright (c) 2026 cloudops.core contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Restarts a fleet of workloads: reads all, decides on each, writes side by side, and watches them together."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from ansible_collections.cloudops.core.plugins.module_utils._core.errors import CloudOpsError, Conflict
from ansible_collections.cloudops.core.plugins.module_utils._core.fanout import fan_out
from ansible_collections.cloudops.core.plugins.module_utils._core.plan import Plan
from ansible_collections.cloudops.core.plugins.module_utils._domain.times import (
    iso_time,
)
from ansible_collections.cloudops.core.plugins.module_utils._domain.workload import Workload
from ansible_collections.cloudops.core.plugins.module_utils._domain.workload_options import Selection, Wish
from ansible_collections.cloudops.core.plugins.module_utils._domain.workload_restart import (
    OUTCOMES,
    RESTARTED_AT,
    RESTARTS,
    RestartTrack,
    RestartWish,
    judge_restart,
    restart_plan,
)
from ansible_collections.cloudops.core.plugins.module_utils._domain.workload_scale import check_limits
from ansible_collections.cloudops.core.plugins.module_utils._domain.workload_tracks import Missing
from ansible_collections.cloudops.core.plugins.module_utils._k8s.client import Client
from ansible_collections.cloudops.core.plugins.module_utils._k8s.kinds import Kind, find_kind
from ansible_collections.cloudops.core.plugins.module_utils._k8s.rollouts import RolloutWatch
from ansible_collections.cloudops.core.plugins.module_utils._k8s.shapes import workload_of
from ansible_collections.cloudops.core.plugins.module_utils._k8s.workloads import WorkloadGateway

# A refused write is read and decided anew so often.
RETRIES = 3


class FleetRestarter:
    """One run over one selection."""

    def __init__(self, client: Client, wish: RestartWish, *, concurrency: int = 8) -> None:
        self._client = client
        self._gateway = WorkloadGateway(client, concurrency=concurrency)
        self._wish = wish
        self._concurrency = concurrency
        self._kind: Kind | None = None
        self._tracks: list[RestartTrack | Missing] = []

    def prepare(self, selection: Selection) -> Plan:
        """Find the workloads and decide; writes nothing.

        :raises Conflict: when more would be restarted than the limits allow. What would have been done is in ``details``.
        """
        self._kind = find_kind(self._client, *selection.kinds[0])
        found = self._gateway.find(self._kind, selection)
        self._tracks = [
            entry if isinstance(entry, Missing) else RestartTrack(entry, judge_restart(entry, self._wish))
            for entry in found.entries
        ]
        planned = [replace(track, done=track.due) for track in self._own()]
        plan = restart_plan(planned, self._wish)
        limits = Wish(max_workloads=self._wish.max_workloads, max_percent=self._wish.max_percent)
        try:
            check_limits(sum(track.done for track in planned), len(planned), limits)
        except CloudOpsError as error:
            error.details.update({**self.result(), "actions": plan.actions(), "changed": False})
            raise
        return plan

    def predict(self) -> Plan:
        """Look at how it would end, without writing."""
        self._put([replace(track, done=track.due) for track in self._own()])
        return restart_plan(self._own(), self._wish)

    def carry_out(self) -> Plan:
        """Write, and wait if that is wanted. What failed is in the result."""
        due = [track for track in self._own() if track.due]
        outcomes = fan_out(self._restart, due, concurrency=self._concurrency)
        self._put([outcome.value for outcome in outcomes if outcome.value is not None])
        if self._wish.wait:
            self._wait()
        return restart_plan(self._own(), self._wish)

    def result(self) -> dict[str, Any]:
        """What became of each, for the answer of a module."""
        results = [self._told(entry) for entry in self._tracks]
        outcomes = [one["outcome"] for one in results]
        problems = [(entry, self._problem(entry)) for entry in self._tracks]
        return {
            "matched": len(self._own()),
            "counts": {word: outcomes.count(word) for word in OUTCOMES},
            "results": results,
            "failures": [{"target": self._target(entry), **error.as_result()} for entry, error in problems if error],
        }

    def _told(self, entry: RestartTrack | Missing) -> dict[str, Any]:
        if isinstance(entry, RestartTrack):
            return entry.as_result(self._wish)
        names = (
            "target",
            "name",
            "namespace",
            "kind",
            "changed",
            "outcome",
            "reason",
            "message",
            "attempts",
            "waited",
            "complete",
        )
        told = entry.as_result()
        return {**{name: told[name] for name in names}, "restarted_at": None, "restarts_within_hour": None}

    def _problem(self, entry: RestartTrack | Missing) -> CloudOpsError | None:
        return entry.error if isinstance(entry, Missing) else entry.problem

    def _target(self, entry: RestartTrack | Missing) -> str:
        return entry.target if isinstance(entry, Missing) else entry.workload.target

    def _own(self) -> list[RestartTrack]:
        return [track for track in self._tracks if isinstance(track, RestartTrack)]

    def _put(self, tracks: list[RestartTrack]) -> None:
        fresh = {track.workload.target: track for track in tracks}
        self._tracks = [
            fresh.get(track.workload.target, track) if isinstance(track, RestartTrack) else track
            for track in self._tracks
        ]

    # Writing

    def _restart(self, track: RestartTrack) -> RestartTrack:
        """Write one; when somebody else wrote meanwhile, read and decide anew."""
        for attempt in range(1, RETRIES + 2):
            track = replace(track, attempts=attempt)
            try:
                return replace(track, done=True, now=self._write(track))
            except CloudOpsError as error:
                track = self._again(track, error) if attempt <= RETRIES else replace(track, error=error)
            if track.done or track.problem or not track.due:
                break
        return track

    def _again(self, track: RestartTrack, failure: CloudOpsError) -> RestartTrack:
        """Decide anew after a conflict; after an answer that was lost, look whether the restart was made."""
        if not isinstance(failure, Conflict) and failure.kind not in ("timeout", "unavailable"):
            return replace(track, error=failure)
        if self._kind is None:
            raise AssertionError("the kind is looked up before anything is read")
        before = track.workload
        try:
            fresh = self._gateway.read(self._kind, before.namespace, before.name)
        except CloudOpsError as error:
            return replace(track, error=error)
        ours = track.verdict.annotations(self._wish)[RESTARTS]
        if not isinstance(failure, Conflict) and fresh.annotations.get(RESTARTS) == ours:
            return replace(track, done=True, now=fresh)
        return replace(track, workload=fresh, verdict=judge_restart(fresh, self._wish))

    def _write(self, track: RestartTrack) -> Workload:
        if self._kind is None:
            raise AssertionError("the kind is looked up before anything is read")
        workload = track.workload
        body = {
            "metadata": {
                "resourceVersion": workload.resource_version,
                "annotations": track.verdict.annotations(self._wish),
            },
            "spec": {"template": {"metadata": {"annotations": {RESTARTED_AT: iso_time(self._wish.now)}}}},
        }
        answer = self._client.patch(self._kind.at(workload.namespace, workload.name), body)
        return workload_of(answer, self._kind.kind, self._kind.api_version)

    # Waiting

    def _wait(self) -> None:
        """For what was restarted."""
        if self._kind is None:
            raise AssertionError("the kind is looked up before anything is read")
        waiting = [track for track in self._own() if track.done and track.error is None]
        if not waiting:
            return
        watch = RolloutWatch(self._client, self._kind, self._wish.wait_timeout)
        endings = watch.wait([track.now or track.workload for track in waiting])
        pairs = [(track, endings[track.workload.target]) for track in waiting]
        self._put([replace(track, waited=end.waited, seen=end.seen, error=end.error) for track, end in pairs])
