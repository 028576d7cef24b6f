# Copyright (c) 2026 cloudops.core contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The filters schedule_state, schedule_next and schedule_parse, documented in the YAML files beside this one."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime, timezone
from functools import wraps
from typing import Any

from ansible.errors import AnsibleFilterError
from ansible.module_utils.parsing.convert_bool import boolean
from ansible_collections.cloudops.core.plugins.module_utils._core.errors import CloudOpsError, Invalid
from ansible_collections.cloudops.core.plugins.module_utils._domain import schedule as domain

MOST_TRANSITIONS = 1000


def _reporting(function: Callable[..., Any]) -> Callable[..., Any]:
    """Tells a user's mistake as Ansible tells mistakes."""

    @wraps(function)
    def wrapped(*args: Any, **kwargs: Any) -> Any:
        try:
            return function(*args, **kwargs)
        except CloudOpsError as exc:
            raise AnsibleFilterError(f"{function.__name__}: {exc}") from None

    return wrapped


def _instant(now: object) -> int:
    return domain.read_now(datetime.now(timezone.utc) if now is None else now)


def _flag(value: object) -> bool:
    try:
        return bool(boolean(value))
    except TypeError as exc:
        raise Invalid(f"explain: {exc}") from None


@_reporting
def schedule_state(
    schedule: object, now: object = None, timezone: str | None = None, periods: object = None, explain: object = False
) -> str | dict[str, Any]:
    """on, off or any; with ``explain`` a mapping that says why."""
    parsed = domain.parse(schedule, timezone, periods)
    instant = _instant(now)
    return domain.explain(parsed, instant) if _flag(explain) else domain.decide(parsed, instant).state


@_reporting
def schedule_next(
    schedule: object,
    now: object = None,
    timezone: str | None = None,
    periods: object = None,
    count: int = 5,
    explain: object = False,
) -> list[dict[str, Any]]:
    """The next transitions, soonest first."""
    parsed = domain.parse(schedule, timezone, periods)
    if isinstance(count, bool) or not isinstance(count, int) or not 1 <= count <= MOST_TRANSITIONS:
        raise Invalid(f"count: {count!r} is not a number of transitions", hint=f"Use 1 to {MOST_TRANSITIONS}.")
    return domain.upcoming(parsed, _instant(now), count, _flag(explain))


@_reporting
def schedule_parse(schedule: object, timezone: str | None = None, periods: object = None) -> dict[str, Any]:
    """The normal form, which the other two filters accept as a schedule."""
    return domain.as_dict(domain.parse(schedule, timezone, periods))


class FilterModule:
    """What Ansible looks for."""

    def filters(self) -> dict[str, Callable[..., Any]]:
        """The filters by name."""
        return {
            "schedule_state": schedule_state,
            "schedule_next": schedule_next,
            "schedule_parse": schedule_parse,
        }
