# Copyright (c) 2026 cloudops.core contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""When a batch is refused because of some of its members: who is to blame, and how to get the others through."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from ansible_collections.cloudops.core.plugins.module_utils._core.errors import CloudOpsError
from ansible_collections.cloudops.core.plugins.module_utils._domain.power import Instance

# The whole request met these, not one of its members: trying it in parts gives the same again.
_WHOLE_REQUEST = ("throttled", "timeout", "unavailable")
# No room for an instance type in an availability zone (a dedicated host has its own room, so that is each instance's matter).
CAPACITY_CODES = frozenset(["InsufficientInstanceCapacity", "InsufficientReservedInstanceCapacity", "Unsupported"])
_HOPELESS_PREFIXES = ("InvalidParameter", "MissingParameter", "UnknownParameter", "InvalidRequest")
PATIENCE = 8


def is_capacity(error: CloudOpsError) -> bool:
    """Whether it depends on instance type and availability zone."""
    return error.code in CAPACITY_CODES


def is_one_place(members: Iterable[Instance]) -> bool:
    """Whether all share one instance type and one availability zone."""
    return len({(member.instance_type, member.zone) for member in members}) == 1


class Patience:
    """When to give up on the rest of a batch.

    After PATIENCE refusals of a kind that hardly depends on the member, and not one success; and where there is no room
    for a single instance more.
    """

    def __init__(self) -> None:
        self._refusals = 0
        self._succeeded = False

    def accepted(self) -> None:
        """A call went through."""
        self._succeeded = True

    def is_over(self, error: CloudOpsError, members: int) -> bool:
        """Count the refusal of so many members; tell whether to give up."""
        if is_capacity(error):
            return members == 1
        hopeless = error.kind == "denied" or error.code.startswith(_HOPELESS_PREFIXES)
        self._refusals += hopeless and not self._succeeded
        return self._refusals >= PATIENCE


def split_refused(
    error: CloudOpsError, named: Iterable[str], members: Sequence[Instance]
) -> tuple[list[Instance], list[list[Instance]]]:
    """Who of a refused batch is to blame, and in what groups the others are to be tried again.

    :param named: ids that the provider's words name.
    """
    if len(members) == 1 or (error.kind in _WHOLE_REQUEST and not is_capacity(error)):
        return list(members), []
    guilty = set(named)
    blamed = [member for member in members if member.id in guilty]
    if blamed and len(blamed) < len(members):
        return blamed, [[member for member in members if member.id not in guilty]]
    if is_capacity(error):
        places: dict[tuple[str, str], list[Instance]] = {}
        for member in members:
            places.setdefault((member.instance_type, member.zone), []).append(member)
        if len(places) > 1:
            return [], list(places.values())
    half = len(members) // 2
    return [], [list(members[:half]), list(members[half:])]
