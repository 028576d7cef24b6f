# Copyright (c) 2026 cloudops.core contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""How large something should be, as a filter."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime, timezone
from typing import Any

from ansible.errors import AnsibleFilterError
from ansible_collections.cloudops.core.plugins.module_utils._core.errors import CloudOpsError
from ansible_collections.cloudops.core.plugins.module_utils._domain.scaling import decide
from ansible_collections.cloudops.core.plugins.module_utils._domain.scaling_metrics import read_time


def scaling_decision(
    target: Any, policy: Any, metrics: Any = None, now: Any = None, state: Any = None
) -> dict[str, Any]:
    """The decision, or the user's mistake as Ansible tells mistakes."""
    try:
        moment = datetime.now(timezone.utc).timestamp() if now is None or now == "" else read_time(now, "now")
        return decide(target, policy, [] if metrics is None else metrics, now=moment, state=state).as_result()
    except CloudOpsError as error:
        raise AnsibleFilterError(f"cloudops.core.scaling_decision: {error}") from error


class FilterModule:
    """Ansible looks for this class."""

    def filters(self) -> dict[str, Callable[..., Any]]:
        """The filters of this file."""
        return {"scaling_decision": scaling_decision}
