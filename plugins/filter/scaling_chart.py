# Copyright (c) 2026 cloudops.core contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A text chart of what an autoscaler decided, as a filter."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from ansible.errors import AnsibleFilterError
from ansible_collections.cloudops.core.plugins.module_utils._core.errors import CloudOpsError
from ansible_collections.cloudops.core.plugins.module_utils._domain.scaling_chart import WIDTH, chart


def scaling_chart(records: Any, target: Any = "", metric: Any = "", width: Any = WIDTH) -> list[str]:
    """The lines of the chart, or the user's mistake as Ansible tells mistakes."""
    given = [records] if isinstance(records, Mapping) else records
    if not isinstance(given, (list, tuple)):
        raise AnsibleFilterError("cloudops.core.scaling_chart: it takes a list of decision records")
    try:
        return chart(given, str(target or ""), str(metric or ""), int(width))
    except (CloudOpsError, ValueError) as error:
        raise AnsibleFilterError(f"cloudops.core.scaling_chart: {error}") from error


class FilterModule:
    """Ansible looks for this class."""

    def filters(self) -> dict[str, Callable[..., Any]]:
        """The filters of this file."""
        return {"scaling_chart": scaling_chart}
