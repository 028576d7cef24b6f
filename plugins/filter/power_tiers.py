# Copyright (c) 2026 cloudops.core contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The order in which the tiers of an application start or stop, as a filter."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from ansible.errors import AnsibleFilterError
from ansible_collections.cloudops.core.plugins.module_utils._core.errors import CloudOpsError
from ansible_collections.cloudops.core.plugins.module_utils._domain.power import by_tier


def tiers(items: Any, action: str = "start", attribute: str = "tier", order: Any = ()) -> list[list[Any]]:
    """Groups of items that go one after the other."""
    if not isinstance(items, (list, tuple)) or not all(isinstance(item, Mapping) for item in items):
        raise AnsibleFilterError("cloudops.core.power_tiers: it takes a list of mappings")
    if isinstance(order, str) or not isinstance(order, (list, tuple)):
        raise AnsibleFilterError("cloudops.core.power_tiers: order is a list of tiers")
    try:
        return by_tier(items, lambda item: item.get(attribute), action, order)
    except CloudOpsError as error:
        raise AnsibleFilterError(f"cloudops.core.power_tiers: {error}") from error


class FilterModule:
    """Ansible looks for this class."""

    def filters(self) -> dict[str, Callable[..., Any]]:
        """The filters of this file."""
        return {"power_tiers": tiers}
