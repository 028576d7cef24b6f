# Copyright (c) 2026 cloudops.core contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The account of a removal: what went, what was refused and why. Values only."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Generic, TypeVar

Item = TypeVar("Item")

SHOWN_PER_CODE = 10


@dataclass(frozen=True)
class Refusal(Generic[Item]):
    """One item that was not removed, with the provider's code and words."""

    item: Item
    code: str
    message: str = ""


@dataclass
class RefusalGroup(Generic[Item]):
    """All refusals of one code: how many, and the first few of them."""

    message: str = ""
    count: int = 0
    first: list[Item] = field(default_factory=list)


@dataclass
class Account(Generic[Item]):
    """What a drain did. Its size doesn't grow with the number of items."""

    removed: int = 0
    passes: int = 0
    refused: dict[str, RefusalGroup[Item]] = field(default_factory=dict)
    drained: bool = False
    gave_up: bool = False

    def add_refusals(self, refusals: Iterable[Refusal[Item]]) -> None:
        """Note refusals under their codes."""
        for refusal in refusals:
            group = self.refused.setdefault(refusal.code, RefusalGroup(message=refusal.message))
            group.count += 1
            if len(group.first) < SHOWN_PER_CODE:
                group.first.append(refusal.item)
