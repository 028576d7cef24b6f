# Copyright (c) 2026 cloudops.core contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Watches many rollouts at once until they are complete, and tells what holds up those that aren't.

https://kubernetes.io/docs/reference/using-api/api-concepts/#efficient-detection-of-changes
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from ansible_collections.cloudops.core.plugins.module_utils._core.errors import (
    CloudOpsError,
    Conflict,
    NotFound,
    Timeout,
    Unavailable,
)
from ansible_collections.cloudops.core.plugins.module_utils._core.fanout import fan_out
from ansible_collections.cloudops.core.plugins.module_utils._core.progress import SILENT, Progress
from ansible_collections.cloudops.core.plugins.module_utils._core.wait import REAL_CLOCK, Clock, backoff
from ansible_collections.cloudops.core.plugins.module_utils._domain.workload import (
    FAILED,
    Rollout,
    Workload,
    complaints,
    rollout,
)
from ansible_collections.cloudops.core.plugins.module_utils._k8s.addresses import Address
from ansible_collections.cloudops.core.plugins.module_utils._k8s.client import Client
from ansible_collections.cloudops.core.plugins.module_utils._k8s.errors import GONE
from ansible_collections.cloudops.core.plugins.module_utils._k8s.kinds import Kind
from ansible_collections.cloudops.core.plugins.module_utils._k8s.shapes import pod_trouble, workload_of

# Seconds that one watch stays open at the most; a connection that died without a word is noticed by then.
WATCH = 60.0
# Watches that are open side by side.
WATCHES = 32
# Pods of a workload that are looked at for what holds them up.
PODS = 200


@dataclass
class Ending:
    """How the wait for one workload ended.

    :param seen: None when it was never seen.
    :param waited: seconds.
    """

    seen: Rollout | None = None
    workload: Workload | None = None
    waited: float = 0.0
    error: CloudOpsError | None = None


@dataclass
class _Group:
    """The workloads of one namespace that are waited for, by name."""

    kind: Kind
    namespace: str
    wanted: dict[str, Workload]
    endings: dict[str, Ending] = field(default_factory=dict)

    @property
    def left(self) -> list[str]:
        """Those that aren't at their end."""
        return [name for name in self.wanted if self._is_open(name)]

    def _is_open(self, name: str) -> bool:
        ending = self.endings.get(name)
        return ending is None or not (ending.error or (ending.seen and ending.seen.complete))

    @property
    def fields(self) -> str:
        """Field selector: a single workload is watched alone, for which a right on its name is enough."""
        return f"metadata.name={next(iter(self.wanted))}" if len(self.wanted) == 1 else ""


class RolloutWatch:
    """Waits for rollouts.

    :param timeout: seconds from the beginning.
    """

    def __init__(self, client: Client, kind: Kind, timeout: float, clock: Clock = REAL_CLOCK) -> None:
        self._client = client
        self._kind = kind
        self._timeout = timeout
        self._clock = clock
        self._began = clock.now()
        self._groups: dict[str, _Group] = {}
        self._progress = SILENT

    def wait(self, workloads: Sequence[Workload]) -> dict[str, Ending]:
        """Wait for all of them; how it ended for each, by target. Nothing is raised."""
        groups = self._groups = {}
        for workload in workloads:
            group = groups.setdefault(workload.namespace, _Group(self._kind, workload.namespace, {}))
            group.wanted[workload.name] = workload
        with Progress("wait until rollouts are complete", "workloads", len(workloads)) as self._progress:
            outcomes = fan_out(self._wait_group, groups.values(), concurrency=WATCHES)
        for outcome in outcomes:
            if outcome.error is not None:
                for name in outcome.item.left:
                    outcome.item.endings[name] = self._ended(outcome.item, name, outcome.error)
        late = [(group, name) for group in groups.values() for name in group.left]
        for told in fan_out(lambda job: self._late(*job), late, concurrency=8):
            group, name = told.item
            group.endings[name] = self._ended(group, name, told.value or told.error)
        return {f"{group.namespace}/{name}": group.endings[name] for group in groups.values() for name in group.wanted}

    def _ended(self, group: _Group, name: str, error: CloudOpsError | None) -> Ending:
        known = group.endings.get(name) or Ending()
        return Ending(known.seen, known.workload, self._spent(), error)

    def _spent(self) -> float:
        return self._clock.now() - self._began

    def _time_left(self) -> float:
        return self._timeout - self._spent()

    # Watching

    def _wait_group(self, group: _Group) -> None:
        """List, then follow the changes; go on where a watch ended; list again when that is too long ago."""
        address = self._kind.address.within(group.namespace)
        pauses, since = backoff(0.2, 2, 5), ""
        while group.left:
            if not since:
                items, since = self._client.listing(address, fields=group.fields)
                self._look(group, items)
                if not group.left:
                    return
            if self._time_left() <= 0:
                return
            before = since
            since = self._follow(group, address, since)
            if since == before:  # ended without a word: don't ask in circles
                self._clock.sleep(min(next(pauses), max(0.0, self._time_left())))
            else:
                pauses = backoff(0.2, 2, 5)

    def _follow(self, group: _Group, address: Address, since: str) -> str:
        """One watch, to its end; the version to go on from, "" to list again."""
        seconds = min(self._time_left(), WATCH)
        events = self._client.watch(address, since, seconds, fields=group.fields)
        try:
            for event in events:
                version = self._take(group, event)
                if not version:
                    return ""
                since = version
                if not group.left or self._time_left() <= 0:
                    break
        except (Unavailable, Timeout):
            return since
        except Conflict as error:
            if error.details.get("status") != GONE:
                raise
            return ""
        finally:
            _close(events)
        return since

    def _take(self, group: _Group, event: Mapping[str, Any]) -> str:
        """Note one event; its version, or "" when the watch is worth nothing any more."""
        item = event.get("object") or {}
        if event.get("type") == "ERROR":
            return ""
        if event.get("type") == "DELETED":
            self._note_gone(group, str(item["metadata"]["name"]))
        elif event.get("type") in ("ADDED", "MODIFIED"):
            self._note(group, item)
        return str((item.get("metadata") or {}).get("resourceVersion") or "")

    def _look(self, group: _Group, items: Sequence[Mapping[str, Any]]) -> None:
        for item in items:
            self._note(group, item)
        for name in set(group.left) - {item["metadata"]["name"] for item in items}:
            self._note_gone(group, name)

    def _note(self, group: _Group, item: Mapping[str, Any]) -> None:
        name = item["metadata"]["name"]
        if name not in group.left:
            return
        workload = self._seen(item, group.wanted[name])
        seen = rollout(workload)
        error = None
        if seen.state == FAILED:
            error = self._stuck(workload, seen.message, "ProgressDeadlineExceeded")
        group.endings[name] = Ending(seen, workload, self._spent(), error)
        self._tell()

    def _seen(self, item: Mapping[str, Any], wanted: Workload) -> Workload:
        """The size of a kind that has a subresource for it stands nowhere else: what was wanted counts, and how many there are."""
        kind = self._kind
        if not kind.by_subresource:
            return workload_of(item, kind.kind, kind.api_version)
        scale = self._client.get(kind.at(wanted.namespace, wanted.name, "scale"))
        return workload_of(item, kind.kind, kind.api_version, scale)

    def _note_gone(self, group: _Group, name: str) -> None:
        if name in group.left:
            error = NotFound(
                f"{self._kind.kind} {name} was deleted meanwhile",
                operation="wait for the rollout",
                resource=f"{group.namespace}/{name}",
                code="Deleted",
            )
            group.endings[name] = self._ended(group, name, error)
            self._tell()

    def _tell(self) -> None:
        """How many are at their end."""
        if self._progress.is_told:
            groups = self._groups.values()
            self._progress.update(sum(len(group.wanted) - len(group.left) for group in groups))

    # What holds them up

    def _late(self, group: _Group, name: str) -> CloudOpsError:
        ending = group.endings.get(name)
        workload = ending.workload if ending and ending.workload else group.wanted[name]
        state = ending.seen.message if ending and ending.seen else "it was never seen"
        return self._stuck(workload, f"the rollout isn't complete after {self._timeout:g} s: {state}", "Timeout")

    def _stuck(self, workload: Workload, message: str, code: str) -> Timeout:
        why = [*complaints(workload), *self._pods(workload)]
        return Timeout(
            "; ".join([message, *why]),
            operation="wait for the rollout",
            resource=workload.target,
            code=code,
            hint="Look at its pods, or raise wait_timeout if it only needs longer.",
        )

    def _pods(self, workload: Workload) -> Iterator[str]:
        """Reasons of pods that don't come up, the most frequent first, each with one pod as an example."""
        if not workload.selector or not workload.replicas:
            return
        try:
            pods, _version = self._client.listing(
                Address("v1", "pods", workload.namespace), selector=workload.selector, page=PODS
            )
        except CloudOpsError as error:
            yield f"the reasons are unknown, as its pods can't be read: {error}"
            return
        troubles = [(trouble, pod["metadata"]["name"]) for pod in pods if (trouble := pod_trouble(pod))]
        examples = dict(reversed(troubles))
        for trouble, count in Counter(trouble for trouble, _name in troubles).most_common(3):
            more = f" and {count - 1} more" if count > 1 else ""
            yield f"pod {examples[trouble]}{more}: {trouble}"


def _close(events: Iterator[Any]) -> None:
    """A generator that isn't read to its end closes its connection when it is closed itself."""
    close = getattr(events, "close", None)
    if close is not None:
        close()
