# Copyright (c) 2026 cloudops.core contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Which instances of a fleet are idle, as a filter."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime, timezone
from typing import Any

from ansible.errors import AnsibleFilterError
from ansible_collections.cloudops.core.plugins.module_utils._core.errors import CloudOpsError
from ansible_collections.cloudops.core.plugins.module_utils._domain.idle import plan_idle
from ansible_collections.cloudops.core.plugins.module_utils._domain.power import parse_time


def idle_plan(instances: Any, series: Any, limits: Any, now: Any = None, **options: Any) -> dict[str, Any]:
    """The plan, or the user's mistake as Ansible tells mistakes."""
    for name, value in (("instances", instances), ("series", series)):
        if not isinstance(value, (list, tuple)):
            raise AnsibleFilterError(f"cloudops.core.idle_plan: {name} is not a list")
    try:
        moment = datetime.now(timezone.utc) if now is None or now == "" else parse_time(now)
        return plan_idle(instances, series, limits, moment, options)
    except CloudOpsError as error:
        raise AnsibleFilterError(f"cloudops.core.idle_plan: {error}") from error


class FilterModule:
    """Ansible looks for this class."""

    def filters(self) -> dict[str, Callable[..., Any]]:
        """The filters of this file."""
        return {"idle_plan": idle_plan}
