# Copyright (c) 2026 cloudops.core contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""From the options of autoscaling_group_scale to what is selected and wanted, with everything checked that needs no call."""

from __future__ import annotations

import math
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from decimal import Decimal
from fractions import Fraction
from typing import Any

from ansible_collections.cloudops.core.plugins.module_utils._core.errors import Invalid
from ansible_collections.cloudops.core.plugins.module_utils._domain.scaling_policy import Policy, read_policy
from ansible_collections.cloudops.core.plugins.module_utils._domain.tags import as_tags

Options = Mapping[str, Any]

PARKED, UNPARKED = "parked", "unparked"
FAIL, SKIP, FORCE = "fail", "skip", "force"

_SELECTORS = ("names", "tags", "filters")
_WAYS = ("desired", "change", "policy", "state")
_CHANGE = re.compile(r"([+-]?)\s*(\d+(?:\.\d+)?)\s*(%?)")


@dataclass(frozen=True)
class Selection:
    """Which groups: every part that is given must match.

    :param names: None: any.
    :param filters: the provider's own, by name.
    """

    names: tuple[str, ...] | None = None
    tags: Mapping[str, str] = field(default_factory=dict)
    filters: Mapping[str, tuple[str, ...]] = field(default_factory=dict)


@dataclass(frozen=True)
class Change:
    """A step from the present size: so many instances, or a percentage of it. Negative is down."""

    amount: float
    percent: bool = False

    def applied_to(self, size: int) -> int:
        """The new size, at least 0. A percentage is rounded up on the way up, and towards 0 on the way down, but moves by one at least."""
        if not self.percent:
            return max(0, size + int(self.amount))
        share = Fraction(size) * Fraction(Decimal(repr(self.amount))) / 100
        return max(0, size + (math.ceil(share) if share >= 0 else min(math.trunc(share), -1)))


@dataclass(frozen=True)
class Wish:
    """What the groups shall become, in one of four ways: desired, change, policy, or state; or only other bounds.

    :param now: seconds since 1970; what decisions and marks are held against.
    :param least: bound for what is decided here, from the option ``min``; the group's own bounds stay as they are.
    :param most: the same from ``max``.
    :param includes: marks that are overridden, "paused" and "excluded".
    :param wait_timeout: seconds.
    """

    now: float
    desired: int | None = None
    change: Change | None = None
    policy: Policy | None = None
    metrics: tuple[Mapping[str, Any], ...] = ()
    state: str = ""
    min_size: int | None = None
    max_size: int | None = None
    least: int | None = None
    most: int | None = None
    on_owner: str = FAIL
    honor_cooldown: bool = False
    includes: frozenset[str] = frozenset()
    wait: bool = True
    wait_terminated: bool = False
    wait_timeout: float = 600
    max_groups: int | None = None
    max_percent: float | None = None
    max_instances_change: int | None = None

    @property
    def is_relative(self) -> bool:
        """Whether what is decided depends on the size at that moment."""
        return self.change is not None or self.policy is not None


# Selecting


def selection_from(options: Options) -> Selection:
    """What the options select.

    :raises Invalid: for a selector that is missing, empty, or can't match what was meant.
    """
    given = [name for name in _SELECTORS if options[name] is not None]
    if not given:
        raise Invalid(
            f"no groups are selected: none of {', '.join(_SELECTORS)} is given",
            hint="Say which groups are meant; there is no way to mean all of them by saying nothing.",
        )
    for name in given:
        if not options[name]:
            raise Invalid(f"{name} is empty", hint="An empty selector never means everything. Fill it or leave it out.")
    names = options["names"]
    if names is not None and not all(name.strip() for name in names):
        raise Invalid("names has an empty name", hint="Name the groups.")
    return Selection(
        names=None if names is None else tuple(dict.fromkeys(names)),
        tags=_tags(options["tags"] or {}),
        filters={_filter_name(name): _values(name, value) for name, value in (options["filters"] or {}).items()},
    )


def _tags(tags: Mapping[Any, Any]) -> dict[str, str]:
    for key, value in tags.items():
        if not str(key).strip():
            raise Invalid("tags: a key is empty", hint="Name the tag.")
        if isinstance(value, (list, tuple, Mapping)):
            raise Invalid(
                f"tags: the value of {key} is no text",
                hint=f'A tag has one value. For several, use filters: {{"tag:{key}": [...]}}.',
            )
    return as_tags(tags)


def _filter_name(name: Any) -> str:
    if not str(name).strip():
        raise Invalid("filters: a name is empty", hint="Names are tag-key, tag-value, and tag: with a key.")
    return str(name)


def _values(name: Any, value: Any) -> tuple[str, ...]:
    values = list(value) if isinstance(value, (list, tuple)) else [value]
    if not values or any(item is None or isinstance(item, (list, tuple, Mapping)) for item in values):
        raise Invalid(f"filters: {name} needs a value or a list of values", hint="For example tag:team: [web, db].")
    return tuple(as_tags({"value": item})["value"] for item in values)


# Wanting


def wish_from(options: Options, now: float) -> Wish:
    """What is wanted of those that are selected.

    :param now: seconds since 1970.
    :raises Invalid: for options that contradict each other or can't be meant.
    """
    way = _check_way(options)
    _check_numbers(options)
    _check_company(options, way)
    return Wish(
        now=now,
        desired=options["desired"],
        change=None if options["change"] is None else read_change(options["change"]),
        policy=None if options["policy"] is None else _policy(options),
        metrics=_metrics(options["metrics"] or ()),
        state=options["state"] or "",
        min_size=options["min_size"],
        max_size=options["max_size"],
        least=options["min"],
        most=options["max"],
        on_owner=options["on_owner"],
        honor_cooldown=options["honor_cooldown"],
        includes=frozenset(name for name in ("paused", "excluded") if options[f"include_{name}"]),
        wait=options["wait"],
        wait_terminated=options["wait_terminated"],
        wait_timeout=options["wait_timeout"],
        max_groups=options["max_groups"],
        max_percent=options["max_percent"],
        max_instances_change=options["max_instances_change"],
    )


def read_change(given: Any) -> Change:
    """A step from ``2``, ``+2``, ``-1``, ``+50%``, ``-25%``.

    :raises Invalid: for anything else, and for a step of nothing.
    """
    found = _CHANGE.fullmatch(str(given).strip())
    whole = found is not None and (bool(found[3]) or "." not in found[2])
    if found is None or not whole or isinstance(given, bool) or not float(found[2]):
        raise Invalid(f"change is {given!r}", hint='It is a step up or down: "+2", "-1", "+50%", "-25%".')
    if found[1] == "-" and found[3] and float(found[2]) > 100:
        raise Invalid(f"change is {given!r}", hint="There is no more than 100 percent to take away.")
    return Change(float(found[2]) * (-1 if found[1] == "-" else 1), bool(found[3]))


def _check_way(options: Options) -> str:
    """The way that is asked for; "" when only the bounds are."""
    given = [name for name in _WAYS if options[name] is not None]
    if len(given) > 1:
        raise Invalid(f"{' and '.join(given)} are given", hint=f"Give exactly one of {', '.join(_WAYS)}.")
    if not given and options["min_size"] is None and options["max_size"] is None:
        raise Invalid(
            f"nothing is wanted: none of {', '.join(_WAYS)} is given", hint="Give one, or min_size or max_size."
        )
    return given[0] if given else ""


def _check_company(options: Options, way: str) -> None:
    """See that the other options go with the way.

    :raises Invalid: naming the option that doesn't.
    """
    wanted = f"with {way}" if way else "with min_size and max_size alone"
    for name in ("min_size", "max_size"):
        if options[name] is not None and way not in ("", "desired"):
            raise Invalid(
                f"{name} doesn't go {wanted}",
                hint="It goes alone, or with desired. To bound a change, use min and max.",
            )
    for name in ("min", "max"):
        if options[name] is not None and way not in ("desired", "change", "policy"):
            raise Invalid(f"{name} doesn't go {wanted}", hint="It bounds desired, change and policy.")
    if options["metrics"] is not None and way != "policy":
        raise Invalid(f"metrics don't go {wanted}", hint="They are what a policy is held against.")
    bounds = options["min_size"] is not None or options["max_size"] is not None
    if options["honor_cooldown"] and (bounds or way in ("", "state")):
        raise Invalid(
            "honor_cooldown only goes where nothing but the desired size changes",
            hint="UpdateAutoScalingGroup, which changes the bounds, doesn't know cooldowns.",
        )
    for low, high in (("min_size", "max_size"), ("min", "max"), ("min_size", "desired"), ("desired", "max_size")):
        if options[low] is not None and options[high] is not None and options[low] > options[high]:
            raise Invalid(f"{low} is {options[low]}, above {high}, which is {options[high]}")
    _check_desired_in_bounds(options)


def _check_desired_in_bounds(options: Options) -> None:
    desired, least, most = options["desired"], options["min"], options["max"]
    if desired is not None and least is not None and desired < least:
        raise Invalid(f"desired is {desired}, below min, which is {least}")
    if desired is not None and most is not None and desired > most:
        raise Invalid(f"desired is {desired}, above max, which is {most}")


_LIMITS: tuple[tuple[str, float, float], ...] = (
    ("desired", 0, math.inf),
    ("min_size", 0, math.inf),
    ("max_size", 0, math.inf),
    ("min", 0, math.inf),
    ("max", 0, math.inf),
    ("max_groups", 0, math.inf),
    ("max_percent", 0, 100),
    ("max_instances_change", 0, math.inf),
    ("wait_timeout", 0, math.inf),
    ("concurrency", 1, math.inf),
)


def _check_numbers(options: Options) -> None:
    for name, lowest, highest in _LIMITS:
        value = options[name]
        if value is None:
            continue
        if not math.isfinite(value) or value < lowest:
            raise Invalid(f"{name} is {value}; the smallest possible is {lowest:g}")
        if value > highest:
            raise Invalid(f"{name} is {value}; the largest possible is {highest:g}")


def _policy(options: Options) -> Policy:
    """The policy, with the bounds of the options in the place of its own."""
    bounds = {name: options[name] for name in ("min", "max") if options[name] is not None}
    return read_policy({**options["policy"], **bounds})


def _metrics(given: Sequence[Any]) -> tuple[Mapping[str, Any], ...]:
    return tuple(dict(metric) for metric in given)
