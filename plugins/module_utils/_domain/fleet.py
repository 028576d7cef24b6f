# Copyright (c) 2026 cloudops.core contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What the plans over a whole fleet have in common: facts as instances, options as people give them, prices and limits.

Options may come as texts, as surveys send them; an empty text means that the option isn't given.
"""

from __future__ import annotations

import math
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from ansible_collections.cloudops.core.plugins.module_utils._core.errors import Conflict, Invalid
from ansible_collections.cloudops.core.plugins.module_utils._domain.options import flag, given, number, words
from ansible_collections.cloudops.core.plugins.module_utils._domain.power import (
    Fate,
    Instance,
    Verdict,
    Wish,
    check_limits,
    judge,
)

KINDS = ("autoscaling", "spot", "instance_store", "ignored")
DEFAULT_PRICE = "default"


def instance_of(facts: Mapping[str, Any]) -> Instance:
    """An instance from what ec2_instance_info returns.

    :raises Invalid: for what isn't such a mapping.
    """
    try:
        return Instance(
            id=str(facts["id"]),
            region=str(facts["region"]),
            state=str(facts["state"]),
            name=str(facts.get("name") or ""),
            tags={str(key): str(value) for key, value in (facts.get("tags") or {}).items()},
            autoscaling_group=str(facts.get("autoscaling_group") or ""),
            spot=str(facts.get("spot_request_type") or ""),
            root_device_type=str(facts.get("root_device_type") or "ebs"),
            hibernation=bool(facts.get("hibernation")),
            instance_type=str(facts.get("instance_type") or ""),
            zone=str(facts.get("zone") or ""),
        )
    except (KeyError, TypeError, AttributeError) as error:
        raise Invalid(
            f"{facts!r} isn't an instance: {error}", hint="Give the instances that ec2_instance_info returns."
        ) from None


def left_alone(instance: Instance, includes: Collection[str], ignore_tag: str) -> Verdict | None:
    """Why nobody may stop it by hand, or None; by the rules that ec2_instance_power has."""
    running = Instance(**{**instance.__dict__, "state": "running"})
    verdict = judge(running, Wish("stopped", includes=frozenset(includes), ignore_tag=ignore_tag))
    return verdict if verdict.fate is Fate.SKIPPED else None


# Options


def includes_of(options: Mapping[str, Any]) -> frozenset[str]:
    """The kinds of instances that are not left alone, from the options ``include_*``."""
    return frozenset(kind for kind in KINDS if flag(options.get(f"include_{kind}"), f"include_{kind}"))


# Money


@dataclass(frozen=True)
class Prices:
    """Price of an hour by instance type; ``default`` for types that aren't listed, None when there is none."""

    by_type: Mapping[str, float] = field(default_factory=dict)
    default: float | None = None

    def of(self, instance_type: str) -> float | None:
        """Price of an hour, or None when nobody knows it."""
        return self.by_type.get(instance_type, self.default)


def read_prices(value: Any) -> Prices:
    """Prices from a number, a mapping by instance type (with ``default``), or a text with a line ``type=price`` for each.

    :raises Invalid: for what is none of these.
    """
    if not given(value):
        return Prices()
    if isinstance(value, str) and "=" in value:
        pairs = [part.partition("=") for part in words(value, "price_per_hour")]
        value = {key.strip(): price for key, _sign, price in pairs}
    if not isinstance(value, Mapping):
        return Prices(default=number(value, "price_per_hour"))
    prices = {str(key): number(price, f"price_per_hour of {key}") for key, price in value.items()}
    default = prices.pop(DEFAULT_PRICE, None)
    return Prices({key: price for key, price in prices.items() if price is not None}, default)


def bill(items: Sequence[tuple[float, float | None]]) -> dict[str, Any]:
    """Sum of hours, and of their cost where the price of an hour is known.

    ``unpriced`` counts the items without a price; with none that has one, the cost is None.
    """
    priced = [(hours, price) for hours, price in items if price is not None]
    return {
        "hours": round(math.fsum(hours for hours, _price in items), 2),
        "cost": round(math.fsum(hours * price for hours, price in priced), 4) if priced else None,
        "unpriced": len(items) - len(priced),
    }


def price_text(costs: Mapping[str, Any], currency: str) -> str:
    """A bill in words."""
    if costs["cost"] is None:
        return f"{costs['hours']:,g} h"
    lacking = f", {costs['unpriced']} instances without a price left out" if costs["unpriced"] else ""
    money = f"{costs['cost']:,.2f} {currency}".strip()
    return f"{costs['hours']:,g} h, {money}{lacking}"


# Limits


def over_limit(state: str, acting: int, matched: int, options: Mapping[str, Any]) -> str:
    """Why the plan must not be carried out, as the power module would say it; "" when it may."""
    most = number(options.get("max_instances"), "max_instances")
    share = number(options.get("max_percent"), "max_percent", 0, 100)
    wish = Wish(state, max_instances=None if most is None else int(most), max_percent=share)
    try:
        check_limits(acting, matched, wish)
    except Conflict as error:
        return error.message
    return ""


def label_of(instance: Instance) -> str:
    """Id, name and region, for people."""
    return f"{instance.label} in {instance.region}"
