# Copyright (c) 2026 cloudops.core contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Which workloads are restarted, and which have been often enough lately.

A restart is what ``kubectl rollout restart`` does: an annotation of the pod template gets a new value, and the kind's own controller
replaces the pods by its own strategy. When it was done is kept in an annotation of the workload, for the limit.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from ansible_collections.cloudops.core.plugins.module_utils._core.errors import CloudOpsError, Conflict, Invalid
from ansible_collections.cloudops.core.plugins.module_utils._core.plan import Plan, Step
from ansible_collections.cloudops.core.plugins.module_utils._domain.times import (
    iso_time,
    parse_time,
)
from ansible_collections.cloudops.core.plugins.module_utils._domain.workload import Rollout, Workload, marks_of

RESTARTED_AT = "kubectl.kubernetes.io/restartedAt"
RESTARTS, REASON = "cloudops.core/restarts", "cloudops.core/restart-reason"
HOUR = 3600
KINDS = ("Deployment", "StatefulSet")
OUTCOMES = ("changed", "skipped", "failed")


@dataclass(frozen=True)
class RestartWish:
    """What is wanted of all.

    :param now: seconds since 1970.
    :param max_per_hour: restarts of one workload within an hour; None is without a limit.
    """

    now: float
    max_per_hour: int | None = None
    skip_at_limit: bool = False
    reason: str = ""
    include_paused: bool = False
    include_excluded: bool = False
    max_workloads: int | None = None
    max_percent: float | None = None
    wait: bool = True
    wait_timeout: float = 300

    @classmethod
    def from_options(cls, options: Mapping[str, Any], now: float) -> RestartWish:
        """From a module's options.

        :raises Invalid: for one that can't be right.
        """
        for name in ("max_per_hour", "max_workloads", "concurrency"):
            if options[name] is not None and options[name] < 1:
                raise Invalid(f"{name} is {options[name]}; the smallest possible is 1")
        names = set(cls.__dataclass_fields__) & set(options)
        given = {name: options[name] for name in names} | {"skip_at_limit": options["on_limit"] == "skip"}
        return cls(**{**given, "now": parse_time(options["now"], "now") if options["now"] else now})


@dataclass(frozen=True)
class RestartVerdict:
    """What is to become of a workload.

    :param times: its restarts within the last hour, this one included where it is to be; None when it isn't restarted.
    """

    reason: str
    message: str
    times: tuple[float, ...] | None = None
    error: CloudOpsError | None = None

    def annotations(self, wish: RestartWish) -> dict[str, str | None]:
        """Annotations of the workload."""
        return {RESTARTS: ",".join(map(iso_time, self.times or ())), REASON: wish.reason or None}


def recent_restarts(annotations: Mapping[str, str], now: float) -> tuple[float, ...]:
    """Restarts within the hour before a time, oldest first.

    :raises Invalid: for an annotation that can't be read: without it nobody knows whether the limit is reached.
    """
    words = [word.strip() for word in annotations.get(RESTARTS, "").split(",")]
    try:
        times = sorted(parse_time(word, RESTARTS) for word in words if word)
    except Invalid as error:
        raise Invalid(
            f"the annotation {RESTARTS} is {annotations[RESTARTS]!r}",
            code="InvalidAnnotation",
            hint="Remove the annotation; the count of restarts then begins anew.",
        ) from error
    return tuple(time for time in times if now - HOUR < time)


def judge_restart(workload: Workload, wish: RestartWish) -> RestartVerdict:
    """Whether a workload is restarted."""
    try:
        marks = marks_of(workload.annotations)
        times = recent_restarts(workload.annotations, wish.now)
    except CloudOpsError as error:
        return RestartVerdict(error.code or error.kind, error.message, error=error)
    if marks.excluded and not wish.include_excluded:
        return RestartVerdict("excluded", "is excluded by annotation")
    if (paused := marks.pauses(wish.now)) and not wish.include_paused:
        return RestartVerdict("paused", paused)
    if workload.held:
        return _refused("RolloutPaused", "its rollout is paused (spec.paused)", "Resume it: kubectl rollout resume.")
    if wish.max_per_hour is not None and len(times) >= wish.max_per_hour:
        again = iso_time(times[-wish.max_per_hour] + HOUR)
        words = f"was restarted {len(times)} times within an hour, and may be {wish.max_per_hour}; next at {again}"
        if wish.skip_at_limit:
            return RestartVerdict("rate_limited", words)
        return _refused("RestartLimit", words, "Find out why it has to be restarted so often, or raise max_per_hour.")
    return RestartVerdict("manual", wish.reason or "restarted", times=(*times, wish.now))


def _refused(code: str, message: str, hint: str) -> RestartVerdict:
    return RestartVerdict(code, message, error=Conflict(message, code=code, hint=hint))


@dataclass(frozen=True)
class RestartTrack:
    """What has become of one workload so far.

    :param done: it was restarted, or would be in check mode.
    :param waited: seconds.
    """

    workload: Workload
    verdict: RestartVerdict
    done: bool = False
    now: Workload | None = None
    attempts: int = 1
    waited: float = 0.0
    seen: Rollout | None = None
    error: CloudOpsError | None = None

    @property
    def problem(self) -> CloudOpsError | None:
        """Why it failed; None when it didn't."""
        return self.error or self.verdict.error

    @property
    def due(self) -> bool:
        """Whether it is to be restarted."""
        return self.verdict.times is not None

    @property
    def outcome(self) -> str:
        """One word for the result."""
        if self.problem is not None:
            return "failed"
        return "changed" if self.done else "skipped"

    def as_result(self, wish: RestartWish) -> dict[str, Any]:
        """For the list of results that a module returns."""
        workload, error = self.workload, self.error
        times = self.verdict.times if self.done else None
        return {
            "target": workload.target,
            "name": workload.name,
            "namespace": workload.namespace,
            "kind": workload.kind,
            "changed": self.done,
            "outcome": self.outcome,
            "reason": (error.code or error.kind) if error else self.verdict.reason,
            "message": error.message if error else self.verdict.message,
            "restarted_at": iso_time(wish.now) if self.done else None,
            "restarts_within_hour": len(times) if times else _known(workload, wish),
            "attempts": self.attempts,
            "waited": round(self.waited, 3),
            "complete": None if self.seen is None else self.seen.complete,
        }

    def shown(self, wish: RestartWish) -> tuple[dict[str, Any], dict[str, Any]]:
        """Before and after, for the diff."""
        before = self.workload.annotations.get(RESTARTS, "").split(",")[-1] or None
        return {"restarted_at": before}, {"restarted_at": iso_time(wish.now)}


def _known(workload: Workload, wish: RestartWish) -> int | None:
    try:
        return len(recent_restarts(workload.annotations, wish.now))
    except Invalid:
        return None


def restart_plan(tracks: Iterable[RestartTrack], wish: RestartWish) -> Plan:
    """What was restarted, in hindsight."""
    done = [track for track in tracks if track.done]
    shown = {track.workload.target: track.shown(wish) for track in done}
    return Plan(
        target="workloads",
        steps=tuple(Step("restart", track.workload.target) for track in done),
        before={target: before for target, (before, _after) in shown.items()},
        after={target: after for target, (_before, after) in shown.items()},
    )
