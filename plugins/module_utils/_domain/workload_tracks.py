# Copyright (c) 2026 cloudops.core contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What becomes of each workload of a fleet, from the decision to the end, and the story of all of them."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

from ansible_collections.cloudops.core.plugins.module_utils._core.errors import CloudOpsError
from ansible_collections.cloudops.core.plugins.module_utils._core.plan import Plan, Step
from ansible_collections.cloudops.core.plugins.module_utils._domain.workload import Rollout, Workload
from ansible_collections.cloudops.core.plugins.module_utils._domain.workload_resources import as_result
from ansible_collections.cloudops.core.plugins.module_utils._domain.workload_scale import Fate, Owner, Verdict

OUTCOMES = ("changed", "unchanged", "skipped", "failed")


@dataclass(frozen=True)
class Track:
    """What has become of one workload so far.

    :param workload: as the decision saw it.
    :param now: as it is after the last write; None before any.
    :param moved: the bounds of its autoscaler were written.
    :param recorded: the history of decisions was written.
    :param waited: seconds.
    :param error: why it failed.
    """

    workload: Workload
    owner: Owner | None
    verdict: Verdict
    now: Workload | None = None
    moved: bool = False
    recorded: bool = False
    attempts: int = 1
    waited: float = 0.0
    seen: Rollout | None = None
    reverted: bool = False
    error: CloudOpsError | None = None

    @property
    def problem(self) -> CloudOpsError | None:
        """Why it failed; None when it didn't."""
        return self.error or self.verdict.error

    @property
    def to_write(self) -> bool:
        """Whether something is to be written: a change, or the history alone."""
        return self.problem is None and (self.verdict.fate is Fate.WRITE or self.verdict.state is not None)

    @property
    def written(self) -> bool:
        """Whether the workload itself was changed."""
        return self.now is not None and self.verdict.fate is Fate.WRITE

    @property
    def changed(self) -> bool:
        """Whether anything but the history was."""
        return self.written or self.moved

    @property
    def after(self) -> int:
        """Replicas, as far as is known."""
        if self.reverted or self.now is None:
            return self.workload.replicas
        return self.now.replicas

    @property
    def outcome(self) -> str:
        """One word for the result."""
        if self.problem is not None:
            return "failed"
        if self.verdict.fate is Fate.SKIPPED:
            return "skipped"
        return "changed" if self.changed else "unchanged"

    def as_result(self) -> dict[str, Any]:
        """For the list of results that a module returns."""
        workload, verdict, problem = self.workload, self.verdict, self.problem
        reason, message = verdict.reason, verdict.message
        if self.error is not None:
            reason, message = self.error.code or self.error.kind, self.error.message
        result = {
            "target": workload.target,
            "name": workload.name,
            "namespace": workload.namespace,
            "kind": workload.kind,
            "before": workload.replicas,
            "desired": verdict.desired,
            "after": self.after,
            "changed": self.changed,
            "outcome": self.outcome,
            "action": verdict.action if problem is None or self.written else "hold",
            "reason": reason,
            "message": message,
            "limited_by": list(verdict.limited_by),
            "owner": str(self.owner) if self.owner else "",
            "bounds": self._bounds(),
            "resources": as_result(workload.containers, verdict.resources) if self.written else {},
            "state_written": self.recorded,
            "attempts": self.attempts,
            "waited": round(self.waited, 3),
            "complete": None if self.seen is None else self.seen.complete,
            "reverted": self.reverted,
        }
        if verdict.decision is not None:
            result["decision"] = dict(verdict.decision)
        return result

    def _bounds(self) -> dict[str, Any]:
        if not self.moved or self.owner is None or self.verdict.bounds is None:
            return {}
        lowest, highest = self.verdict.bounds
        return {
            "before": {"min": self.owner.minimum, "max": self.owner.maximum},
            "after": {"min": lowest, "max": highest},
        }

    def steps(self) -> list[Step]:
        """What was written, besides the history."""
        target, found = self.workload.target, []
        if self.moved and self.verdict.bounds is not None:
            found.append(
                Step("move", f"bounds of {self.owner} of {target} to {'..'.join(map(str, self.verdict.bounds))}")
            )
        if self.written and self.verdict.desired != self.workload.replicas:
            found.append(Step("scale", f"{target} from {self.workload.replicas} to {self.verdict.desired}"))
        if self.written and self.verdict.resources:
            found.append(Step("set", f"resources of {target}: {', '.join(self.verdict.resources)}"))
        if self.reverted:
            found.append(Step("revert", f"{target} to {self.workload.replicas}"))
        return found

    def shown(self) -> tuple[dict[str, Any], dict[str, Any]]:
        """Before and after, for the diff."""
        before: dict[str, Any] = {}
        after: dict[str, Any] = {}
        if self.written and not self.reverted and self.verdict.desired != self.workload.replicas:
            before["replicas"], after["replicas"] = self.workload.replicas, self.verdict.desired
        if bounds := self._bounds():
            before["bounds"], after["bounds"] = bounds["before"], bounds["after"]
        if self.written and not self.reverted and self.verdict.resources:
            told = as_result(self.workload.containers, self.verdict.resources)
            before["resources"] = {name: entry["before"] for name, entry in told.items()}
            after["resources"] = {name: entry["after"] for name, entry in told.items()}
        return before, after


@dataclass(frozen=True)
class Missing:
    """A workload that was named and can't be had."""

    namespace: str
    name: str
    kind: str
    error: CloudOpsError

    @property
    def target(self) -> str:
        """What it is called everywhere."""
        return f"{self.namespace}/{self.name}"

    def as_result(self) -> dict[str, Any]:
        """For the list of results, in the same shape as the others."""
        return {
            "target": self.target,
            "name": self.name,
            "namespace": self.namespace,
            "kind": self.kind,
            "before": None,
            "desired": None,
            "after": None,
            "changed": False,
            "outcome": "failed",
            "action": "hold",
            "reason": self.error.code,
            "message": self.error.message,
            "limited_by": [],
            "owner": "",
            "bounds": {},
            "resources": {},
            "state_written": False,
            "attempts": 0,
            "waited": 0.0,
            "complete": None,
            "reverted": False,
        }


def plan_of(tracks: Sequence[Track]) -> Plan:
    """What was written, in hindsight."""
    shown = {track.workload.target: track.shown() for track in tracks}
    return Plan(
        target="workloads",
        steps=tuple(step for track in tracks for step in track.steps()),
        before={target: before for target, (before, _after) in shown.items() if before},
        after={target: after for target, (_before, after) in shown.items() if after},
    )


def summarise(entries: Iterable[Track | Missing]) -> dict[str, Any]:
    """Return values that tell what became of the fleet, in the order given."""
    entries = list(entries)
    results = [entry.as_result() for entry in entries]
    outcomes = [result["outcome"] for result in results]
    return {
        "matched": sum(isinstance(entry, Track) for entry in entries),
        "counts": {word: outcomes.count(word) for word in OUTCOMES},
        "results": results,
        "failures": [_failure(entry) for entry in entries if _problem(entry) is not None],
    }


def _problem(entry: Track | Missing) -> CloudOpsError | None:
    return entry.error if isinstance(entry, Missing) else entry.problem


def _failure(entry: Track | Missing) -> dict[str, Any]:
    error = _problem(entry)
    if error is None:
        raise AssertionError("only what failed is told as a failure")
    target = entry.target if isinstance(entry, Missing) else entry.workload.target
    return {"target": target, **error.as_result()}
