# Copyright (c) 2026 cloudops.core contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What schedules want of a whole fleet, as a filter."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime, timezone
from typing import Any

from ansible.errors import AnsibleFilterError
from ansible_collections.cloudops.core.plugins.module_utils._core.errors import CloudOpsError
from ansible_collections.cloudops.core.plugins.module_utils._domain.power import parse_time
from ansible_collections.cloudops.core.plugins.module_utils._domain.power_schedule import plan_fleet


def power_plan(instances: Any, schedules: Any = None, now: Any = None, **options: Any) -> dict[str, Any]:
    """The plan, or the user's mistake as Ansible tells mistakes."""
    if not isinstance(instances, (list, tuple)):
        raise AnsibleFilterError("cloudops.core.power_plan: it takes a list of instances")
    try:
        moment = datetime.now(timezone.utc) if now is None or now == "" else parse_time(now)
        return plan_fleet(instances, {} if schedules is None else schedules, moment, options)
    except CloudOpsError as error:
        raise AnsibleFilterError(f"cloudops.core.power_plan: {error}") from error


class FilterModule:
    """Ansible looks for this class."""

    def filters(self) -> dict[str, Callable[..., Any]]:
        """The filters of this file."""
        return {"power_plan": power_plan}
