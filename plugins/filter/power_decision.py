# Copyright (c) 2026 cloudops.core contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a schedule wants of one instance, as a filter."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime, timezone
from typing import Any

from ansible.errors import AnsibleFilterError
from ansible.module_utils.parsing.convert_bool import boolean
from ansible_collections.cloudops.core.plugins.module_utils._core.errors import CloudOpsError
from ansible_collections.cloudops.core.plugins.module_utils._domain.power import Flags, parse_time, power_decision


def decide(
    instance_state: Any,
    schedule_state: Any = None,
    stored_state: Any = None,
    enforced: Any = False,
    retain_running: Any = False,
    stop_new_instances: Any = True,
    override: Any = None,
    now: Any = None,
) -> dict[str, str]:
    """Start, stop or nothing, with the reason and the state to remember."""
    try:
        flags = Flags(
            enforced=boolean(enforced),
            retain_running=boolean(retain_running),
            stop_new_instances=boolean(stop_new_instances),
        )
        moment = datetime.now(timezone.utc) if now is None or now == "" else parse_time(now)
        return power_decision(
            schedule_state, stored_state, str(instance_state), flags, override=override, now=moment
        ).as_result()
    except (CloudOpsError, TypeError) as error:
        raise AnsibleFilterError(f"cloudops.core.power_decision: {error}") from error


class FilterModule:
    """Ansible looks for this class."""

    def filters(self) -> dict[str, Callable[..., Any]]:
        """The filters of this file."""
        return {"power_decision": decide}
