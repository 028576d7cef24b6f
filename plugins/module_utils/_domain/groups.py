# Copyright (c) 2026 cloudops.core contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Auto Scaling groups as values: what one is, who else acts on it, and what shall become of it.

https://docs.aws.amazon.com/autoscaling/ec2/APIReference/API_AutoScalingGroup.html
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from ansible_collections.cloudops.core.plugins.module_utils._core.errors import CloudOpsError

STATE_TAG = "cloudops.core/scaling-state"
PARKED_TAG = "cloudops.core/parked"
PAUSED_TAG = "cloudops.core/paused"
PAUSED_UNTIL_TAG = "cloudops.core/paused-until"
EXCLUDE_TAG = "cloudops.core/exclude"
MIN_TAG, MAX_TAG = "cloudops.core/min", "cloudops.core/max"
# The longest value of a tag, in characters.
TAG_LENGTH = 256

UP, DOWN, HOLD = "up", "down", "hold"
# Fates of a group.
ACT, THERE, SKIPPED, FAILED = "act", "there", "skipped", "failed"
# Steps of a plan.
TAG, UNTAG, SET_DESIRED, UPDATE = "tag", "untag", "set_desired", "update"

IN_SERVICE, HEALTHY = "InService", "Healthy"

# Processes without which a group can't grow (with instances that get traffic), or shrink.
NEEDED = {UP: ("Launch", "AddToLoadBalancer"), DOWN: ("Terminate",), HOLD: ()}
REFRESHING = ("Pending", "InProgress", "Cancelling", "RollbackInProgress", "Baking")
_FALSE_WORDS = ("", "false", "no", "off", "0")


@dataclass(frozen=True)
class Sizes:
    """The three numbers of a group."""

    low: int
    desired: int
    high: int

    def as_result(self) -> dict[str, int]:
        """By the names of the options."""
        return {"min_size": self.low, "desired": self.desired, "max_size": self.high}


NOTHING = Sizes(0, 0, 0)


@dataclass(frozen=True)
class Member:
    """One instance of a group.

    :param weight: how much of the desired capacity it stands for.
    :param protected: a shrinking group spares it.
    """

    id: str
    lifecycle: str
    health: str = HEALTHY
    weight: int = 1
    protected: bool = False

    @property
    def serves(self) -> bool:
        """Whether it is in service and healthy."""
        return self.lifecycle == IN_SERVICE and self.health.lower() == HEALTHY.lower()

    @property
    def leaves(self) -> bool:
        """Whether it is on its way out."""
        return self.lifecycle.startswith(("Terminating", "Detaching"))


@dataclass(frozen=True)
class Group:
    """A group as its provider tells it.

    :param status: empty, unless the group is being deleted.
    :param suspended: names of the processes that are suspended.
    """

    name: str
    region: str
    sizes: Sizes
    status: str = ""
    tags: Mapping[str, str] = field(default_factory=dict)
    suspended: tuple[str, ...] = ()
    members: tuple[Member, ...] = ()

    def is_marked(self, tag: str) -> bool:
        """Whether it has a tag, and the tag doesn't say no."""
        return self.tags.get(tag, "").strip().lower() not in _FALSE_WORDS

    @property
    def is_parked(self) -> bool:
        """Whether it was brought to nothing, to come back."""
        return PARKED_TAG in self.tags and self.sizes.high == 0

    @property
    def serving(self) -> int:
        """Capacity that is in service and healthy."""
        return sum(member.weight for member in self.members if member.serves)


@dataclass(frozen=True)
class Company:
    """Who else acts on a group.

    :param policies: names of the scaling policies that are in force.
    :param refresh: status of an instance refresh that is under way, or "".
    :param scheduled: what scheduled actions will do, in words.
    """

    policies: tuple[str, ...] = ()
    refresh: str = ""
    scheduled: tuple[str, ...] = ()


@dataclass(frozen=True)
class Write:
    """One call that writes.

    :param value: of a tag, or the sizes to send by name.
    :param line: what it does, in words; empty for book-keeping, which is no change.
    """

    action: str
    key: str = ""
    value: Any = None
    line: str = ""


@dataclass(frozen=True)
class Goal:
    """The decision for one group.

    :param after: its sizes, once all writes are done.
    :param decision: the engine's own, where it decided.
    :param pause: why there is no point in waiting for instances, or "".
    """

    group: Group
    fate: str
    after: Sizes
    reason: str = ""
    message: str = ""
    limited_by: tuple[str, ...] = ()
    writes: tuple[Write, ...] = ()
    decision: Mapping[str, Any] | None = None
    error: CloudOpsError | None = None
    pause: str = ""

    @property
    def direction(self) -> str:
        """Where the desired size goes."""
        before, after = self.group.sizes.desired, self.after.desired
        return UP if after > before else DOWN if after < before else HOLD

    @property
    def moves(self) -> int:
        """By how many instances."""
        return abs(self.after.desired - self.group.sizes.desired)

    @property
    def lines(self) -> list[str]:
        """The writes that count, in words."""
        return [write.line for write in self.writes if write.line]
