# Copyright (c) 2026 cloudops.core contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Bounds of a size, and the windows of a schedule that move them.

A window is level-triggered: while its schedule is on, its ``min``, ``max`` or ``desired`` (which is both) stand in for those of the
policy. Where windows overlap, each bound comes from the window with the highest priority that sets it; of equal ones, from the last
listed. The target's own bounds stand above all of them.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from typing import Any

from ansible_collections.cloudops.core.plugins.module_utils._core.errors import Invalid
from ansible_collections.cloudops.core.plugins.module_utils._domain import scaling_values as values
from ansible_collections.cloudops.core.plugins.module_utils._domain.schedule import Schedule, decide, parse

_WINDOW_KEYS = ("name", "schedule", "min", "max", "desired", "priority", "timezone", "periods")
_LIST_KEYS = ("windows", "timezone", "periods")


@dataclass(frozen=True)
class Window:
    """Bounds that hold while a schedule is on."""

    name: str
    schedule: Schedule
    lowest: int | None = None
    highest: int | None = None
    priority: int = 0

    def is_on(self, now: float) -> bool:
        """Whether it holds at that time, in seconds since 1970."""
        return decide(self.schedule, int(now // 1)).state == "on"


@dataclass(frozen=True)
class Bounds:
    """What a size may be. ``low_by`` and ``high_by`` name the window that set a bound; "" for policy and target.

    :param highest: None for no upper bound.
    """

    lowest: int
    highest: int | None
    low_by: str = ""
    high_by: str = ""

    def clip(self, size: int) -> int:
        """The nearest size within them."""
        if self.highest is not None and size > self.highest:
            return self.highest
        return max(size, self.lowest)

    def reason(self, size: int) -> str:
        """Which of them a size beyond them meets: min, max or schedule."""
        if size < self.lowest:
            return "schedule" if self.low_by else "min"
        return "schedule" if self.high_by else "max"

    def words(self, size: int) -> str:
        """The same for people."""
        by, side, bound = (
            (self.low_by, "min", self.lowest) if size < self.lowest else (self.high_by, "max", self.highest)
        )
        return f"the {side} of {by} is {bound}" if by else f"{side} is {bound}"


def read_windows(value: Any, path: str) -> tuple[Window, ...]:
    """Windows from one, a list of them, or a mapping of ``windows`` with a ``timezone`` and ``periods`` that all of them share.

    :raises Invalid: naming the option.
    """
    if values.not_given(value):
        return ()
    if isinstance(value, Mapping) and "windows" in value:
        shared = values.mapping(value, path, _LIST_KEYS)
        common = {key: shared[key] for key in _LIST_KEYS[1:] if not values.not_given(shared.get(key))}
        return _read_list(shared["windows"], f"{path}.windows", common)
    if isinstance(value, Mapping):
        return (_read_window(value, path, "the schedule", {}),)
    return _read_list(value, path, {})


def _read_list(value: Any, path: str, common: Mapping[str, Any]) -> tuple[Window, ...]:
    return tuple(
        _read_window(item, f"{path}[{place}]", f"window {place + 1}", common)
        for place, item in enumerate(values.listed(value, path))
    )


def _read_window(item: Any, path: str, label: str, common: Mapping[str, Any]) -> Window:
    data = {**common, **values.mapping(item, path, _WINDOW_KEYS)}
    lowest, highest, desired = (values.maybe_whole(data.get(key), f"{path}.{key}") for key in ("min", "max", "desired"))
    if desired is not None:
        if lowest is not None or highest is not None:
            raise Invalid(f"{path} has desired besides min or max", hint="desired is both: give one or the other.")
        lowest = highest = desired
    if lowest is None and highest is None:
        raise Invalid(f"{path} changes nothing", hint="Give it min, max or desired.")
    if lowest is not None and highest is not None and lowest > highest:
        raise Invalid(f"{path}.min is {lowest}, more than its max, which is {highest}")
    name = "" if values.not_given(data.get("name")) else str(data["name"]).strip()
    return Window(
        name=f"window {name}" if name else label,
        schedule=_read_schedule(data, path),
        lowest=lowest,
        highest=highest,
        priority=0
        if values.not_given(data.get("priority"))
        else values.whole(data["priority"], f"{path}.priority", None),
    )


def _read_schedule(data: Mapping[str, Any], path: str) -> Schedule:
    if values.not_given(data.get("schedule")):
        raise Invalid(f"{path}.schedule is missing", hint="Say when, such as 'Mon-Fri 08:00-18:00 Europe/Berlin'.")
    zone = data.get("timezone")
    try:
        return parse(data["schedule"], None if values.not_given(zone) else str(zone), data.get("periods"))
    except Invalid as error:
        raise Invalid(f"{path}: {error.message}", hint=error.hint) from None


def check_windows(windows: Iterable[Window], lowest: int | None, highest: int | None, path: str) -> None:
    """See that no window contradicts the policy's own bounds by what it leaves unsaid.

    :raises Invalid: for a min above the policy's max without a max of its own, and the other way round.
    """
    for window in windows:
        if window.highest is None and highest is not None and (window.lowest or 0) > highest:
            raise Invalid(
                f"{path}: min of {window.name} is {window.lowest}, more than policy.max, which is {highest}",
                hint="Give the window a max, too.",
            )
        if window.lowest is None and lowest is not None and window.highest is not None and window.highest < lowest:
            raise Invalid(
                f"{path}: max of {window.name} is {window.highest}, less than policy.min, which is {lowest}",
                hint="Give the window a min, too.",
            )


def moved(bounds: Bounds, windows: Iterable[Window], now: float) -> Bounds:
    """The bounds with the windows that are on; the more important one pulls the other bound along where they cross."""
    for window in sorted((one for one in windows if one.is_on(now)), key=lambda one: one.priority):
        if window.lowest is not None:
            bounds = replace(bounds, lowest=window.lowest, low_by=window.name)
            if bounds.highest is not None and bounds.highest < window.lowest:
                bounds = replace(bounds, highest=window.lowest, high_by=window.name)
        if window.highest is not None:
            bounds = replace(bounds, highest=window.highest, high_by=window.name)
            if bounds.lowest > window.highest:
                bounds = replace(bounds, lowest=window.highest, low_by=window.name)
    return bounds


def within(bounds: Bounds, lowest: int | None, highest: int | None) -> Bounds:
    """The bounds inside the target's own, which win. A window that they only soften is still what sets a bound."""
    own = Bounds(0 if lowest is None else lowest, highest)
    low = own.clip(bounds.lowest)
    high = own.highest if bounds.highest is None else own.clip(bounds.highest)
    return Bounds(
        low,
        high,
        bounds.low_by if low <= bounds.lowest else "",
        bounds.high_by if bounds.highest is not None and (high or 0) >= bounds.highest else "",
    )
