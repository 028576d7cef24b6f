# Copyright (c) 2026 cloudops.core contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Step scaling as EC2 Auto Scaling has it: which step a metric meets, and what that makes of the size.

Bounds of steps: https://docs.aws.amazon.com/autoscaling/ec2/APIReference/API_StepAdjustment.html
Adjustments and rounding: https://docs.aws.amazon.com/autoscaling/ec2/userguide/as-scaling-simple-step.html
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from fractions import Fraction
from itertools import pairwise
from typing import Any

from ansible_collections.cloudops.core.plugins.module_utils._core.errors import Invalid
from ansible_collections.cloudops.core.plugins.module_utils._domain import scaling_values as values

CHANGE, PERCENT_CHANGE, EXACT = "ChangeInCapacity", "PercentChangeInCapacity", "ExactCapacity"
ADJUSTMENT_TYPES = (CHANGE, PERCENT_CHANGE, EXACT)


@dataclass(frozen=True)
class Step:
    """One adjustment, for metrics between two distances from the threshold; None is without end."""

    lower: Fraction | None
    upper: Fraction | None
    adjustment: int

    def meets(self, distance: Fraction) -> bool:
        """Whether the metric, so far from the threshold, lies in it.

        The bound on the threshold's side is part of the step, the other one isn't: from lower on at and above the threshold, up to upper
        at and below it.
        """
        above = (self.lower is None or self.lower <= distance) and (self.upper is None or distance < self.upper)
        below = (self.lower is None or self.lower < distance) and (self.upper is None or distance <= self.upper)
        return (distance >= 0 and above) or (distance <= 0 and below)


def read_steps(value: Any, path: str, kind: str) -> tuple[Step, ...]:
    """The steps in the order of their bounds.

    :raises Invalid: where they overlap, leave a gap, or don't reach to the end of the side that they are on.
    """
    items = values.listed(value, path)
    if not items:
        raise Invalid(f"{path} is empty", hint="Give at least one of {lower, upper, adjustment}.")
    steps = [_read_step(item, f"{path}[{place}]", kind) for place, item in enumerate(items)]
    steps.sort(key=lambda step: (step.lower is not None, step.lower or Fraction(0)))
    for lower, upper in pairwise(steps):
        _check_neighbours(lower, upper, path)
    first, last = steps[0].lower, steps[-1].upper
    if first is not None and first < 0:
        raise Invalid(f"{path} leaves a gap below {values.show(first)}", hint="Leave lower out of the lowest step.")
    if last is not None and last > 0:
        raise Invalid(f"{path} leaves a gap from {values.show(last)} up", hint="Leave upper out of the highest step.")
    return tuple(steps)


def _read_step(item: Any, path: str, kind: str) -> Step:
    data = values.mapping(item, path, ("lower", "upper", "adjustment"))
    lower, upper = (
        None if values.not_given(data.get(side)) else values.number(data[side], f"{path}.{side}")
        for side in ("lower", "upper")
    )
    if lower is None and upper is None:
        raise Invalid(f"{path} has neither lower nor upper", hint="Give it at least one; 0 is the threshold itself.")
    if lower is not None and upper is not None and lower >= upper:
        raise Invalid(f"{path}.lower is {values.show(lower)}, not under its upper, which is {values.show(upper)}")
    adjustment = values.whole(data.get("adjustment"), f"{path}.adjustment", 0 if kind == EXACT else None)
    return Step(lower, upper, adjustment)


def _check_neighbours(lower: Step, upper: Step, path: str) -> None:
    """:raises Invalid: when one doesn't end where the next begins."""
    if lower.upper is None or upper.lower is None or upper.lower < lower.upper:
        side = "lower" if upper.lower is None else "upper"
        both = (lower.lower is None and upper.lower is None) or (lower.upper is None and upper.upper is None)
        why = f": two of them have no {side}" if both else ""
        raise Invalid(f"{path} overlap{why}", hint="Let each begin where the one before ends.")
    if upper.lower > lower.upper:
        raise Invalid(
            f"{path} leave a gap between {values.show(lower.upper)} and {values.show(upper.lower)}",
            hint="Fill it with a step; adjustment: 0 changes nothing.",
        )


def adjusted(step: Step, kind: str, size: int, magnitude: int) -> int:
    """The size after a step, never under 0.

    Percentages are cut off toward zero, except that less than one whole instance counts as one.

    :param magnitude: the least that a percentage changes; 0 for no such bound.
    """
    if kind == EXACT:
        return step.adjustment
    if kind == CHANGE:
        return max(size + step.adjustment, 0)
    change = abs(Fraction(size * step.adjustment, 100))
    amount = 1 if 0 < change < 1 else int(change)
    if step.adjustment:
        amount = max(amount, magnitude)
    return max(size + (amount if step.adjustment > 0 else -amount), 0)


def step_for(
    steps: Sequence[Step], distance: Fraction, kind: str, size: int, magnitude: int
) -> tuple[Step, int] | None:
    """The step that a metric meets and the size that it leads to; None when it meets none.

    On the threshold itself a step that ends there and one that begins there both count: the larger size wins.
    """
    found = [(step, adjusted(step, kind, size, magnitude)) for step in steps if step.meets(distance)]
    return max(found, key=lambda pair: pair[1]) if found else None
