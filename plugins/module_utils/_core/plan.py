# Copyright (c) 2026 cloudops.core contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a run is going to do, as data: made by pure code, shown in check mode, applied in real mode."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any


@dataclass(frozen=True)
class Step:
    """One call that writes.

    :param action: what to do: a name that the gateway knows ("create", "put", "delete").
    :param subject: what part of the target it concerns ("bucket", "encryption").
    :param value: the value to write, in the domain's normal form.
    """

    action: str
    subject: str
    value: Any = None

    def __str__(self) -> str:
        return f"{self.action} {self.subject}"


@dataclass(frozen=True)
class Plan:
    """The steps for one target, with what it was before and what it will be after.

    ``before`` and ``after`` hold only what the caller asked about, so they serve as Ansible's diff as they are.
    """

    target: str
    steps: tuple[Step, ...] = ()
    before: Mapping[str, Any] = field(default_factory=dict)
    after: Mapping[str, Any] = field(default_factory=dict)
    warnings: tuple[str, ...] = ()

    def __bool__(self) -> bool:
        return bool(self.steps)

    def actions(self) -> list[str]:
        """The steps in words."""
        return [str(step) for step in self.steps]

    def diff(self) -> dict[str, Any]:
        """Ansible's diff: plain values under stable headers."""
        return {
            "before_header": self.target,
            "after_header": self.target,
            "before": dict(self.before),
            "after": dict(self.after),
        }
