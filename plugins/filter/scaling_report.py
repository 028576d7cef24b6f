# Copyright (c) 2026 cloudops.core contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a pass of scaling came to, as a filter."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from ansible.errors import AnsibleFilterError
from ansible_collections.cloudops.core.plugins.module_utils._domain.scaling_report import Pass, report


def scaling_report(answer: Any, metrics: Any = (), before: Any = None, **options: Any) -> dict[str, Any]:
    """Lines, record and sum, or the user's mistake as Ansible tells mistakes."""
    given = (("the result", answer), ("before", before or {}), ("failure", options.get("failure") or {}))
    for name, value in given:
        if not isinstance(value, Mapping):
            raise AnsibleFilterError(f"cloudops.core.scaling_report: {name} is not a mapping")
    if not isinstance(metrics, (list, tuple)) or not all(isinstance(metric, Mapping) for metric in metrics):
        raise AnsibleFilterError("cloudops.core.scaling_report: metrics is not a list of mappings")
    try:
        return report(Pass(answer=answer, metrics=metrics, **options), before)
    except TypeError as error:
        raise AnsibleFilterError(f"cloudops.core.scaling_report: {error}") from error


class FilterModule:
    """Ansible looks for this class."""

    def filters(self) -> dict[str, Callable[..., Any]]:
        """The filters of this file."""
        return {"scaling_report": scaling_report}
