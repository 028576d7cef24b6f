# Copyright (c) 2026 cloudops.core contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""How fast a size may move: stabilization, cooldown and rate limits, each with the time from which it would allow more.

Stabilization windows and scaling policies are those of a HorizontalPodAutoscaler:
https://kubernetes.io/docs/concepts/workloads/autoscaling/horizontal-pod-autoscale/#configurable-scaling-behavior
Something counts while it is less than its window or period old.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import NamedTuple

from ansible_collections.cloudops.core.plugins.module_utils._domain.scaling_policy import (
    DISABLED,
    LEAST,
    PODS,
    Direction,
    Policy,
    RateLimit,
)
from ansible_collections.cloudops.core.plugins.module_utils._domain.scaling_state import Event, Memory, Windows


class Allowed(NamedTuple):
    """A size that is allowed, and the time, in seconds since 1970, from which more is; None: nobody knows, or never."""

    size: int
    until: float | None = None


def windows_of(policy: Policy) -> Windows:
    """How far back a state has to reach for this policy."""
    periods = [limit.period for side in (policy.scale_up, policy.scale_down) for limit in side.limits]
    return Windows(
        high=policy.scale_down.window,
        low=policy.scale_up.window,
        events=max(*periods, policy.cooldown_up, policy.cooldown_down),
    )


def stabilized(current: int, wanted: int, policy: Policy, memory: Memory, now: float) -> Allowed:
    """Not above the lowest recommendation of the one window, not below the highest of the other."""
    if wanted > current:
        window = policy.scale_up.window
        recent = [sample for sample in memory.low if sample[0] > now - window]
        size = max(current, min([wanted, *(size for _when, size in recent)]))
        holding = [when for when, sample in recent if sample <= size]
    else:
        window = policy.scale_down.window
        recent = [sample for sample in memory.high if sample[0] > now - window]
        size = min(current, max([wanted, *(size for _when, size in recent)]))
        holding = [when for when, sample in recent if sample >= size]
    return Allowed(size) if size == wanted else Allowed(size, max(holding) + window)


def cooled_down(current: int, wanted: int, policy: Policy, memory: Memory, now: float) -> Allowed:
    """Nothing for a while after a scale-up; no scale-down for a while after any change. A scale-up may follow a scale-down at once."""
    last_up = max((event.last for event in memory.events if event.change > 0), default=None)
    last = max((event.last for event in memory.events), default=None)
    ends = [now]
    if last_up is not None:
        ends.append(last_up + policy.cooldown_up)
    if last is not None and wanted < current:
        ends.append(last + policy.cooldown_down)
    return Allowed(current, max(ends)) if max(ends) > now else Allowed(wanted)


def rate_limited(current: int, wanted: int, policy: Policy, memory: Memory, now: float) -> Allowed:
    """No further than the policies of the direction allow within their periods, by the changes that are remembered."""
    upward = wanted > current
    direction = policy.scale_up if upward else policy.scale_down
    bound, nearer = (_most, min) if upward else (_least, max)
    size = nearer(wanted, bound(current, direction, memory.events, now))
    if size == wanted:
        return Allowed(size)
    after = memory.scaled(size - current, now)
    return Allowed(size, _next_change(size, direction, after.events, now, bound))


def _next_change(
    size: int,
    direction: Direction,
    events: tuple[Event, ...],
    now: float,
    bound: Callable[[int, Direction, Iterable[Event], float], int],
) -> float | None:
    """When the events that count now are old enough for the next change."""
    ends = {end + limit.period for limit in direction.limits for event in events for end in (event.first, event.last)}
    return next((end for end in sorted(ends) if end > now and bound(size, direction, events, end) != size), None)


def _most(current: int, direction: Direction, events: Iterable[Event], now: float) -> int:
    """The largest size that the policies for scaling up allow, never under the current one."""
    if direction.select == DISABLED:
        return current
    proposals = []
    for limit in direction.limits:
        # Where events were drawn together nobody knows when each happened: what was added counts for long, what was removed does not.
        added = sum(event.change for event in events if event.change > 0 and _counts(event.last, limit, now))
        removed = sum(-event.change for event in events if event.change < 0 and _counts(event.first, limit, now))
        start = current - added + removed
        # Rounded up, or a small size would never grow.
        proposals.append(start + limit.value if limit.type == PODS else -(-start * (100 + limit.value) // 100))
    return max(current, min(proposals) if direction.select == LEAST else max(proposals))


def _least(current: int, direction: Direction, events: Iterable[Event], now: float) -> int:
    """The smallest size that the policies for scaling down allow, never over the current one."""
    if direction.select == DISABLED:
        return current
    proposals = []
    for limit in direction.limits:
        added = sum(event.change for event in events if event.change > 0 and _counts(event.first, limit, now))
        removed = sum(-event.change for event in events if event.change < 0 and _counts(event.last, limit, now))
        start = current - added + removed
        proposals.append(start - limit.value if limit.type == PODS else start * (100 - limit.value) // 100)
    return min(current, max(proposals) if direction.select == LEAST else min(proposals))


def _counts(when: float, limit: RateLimit, now: float) -> bool:
    return when > now - limit.period
