# Copyright (c) 2026 cloudops.core contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""From the options of the workload modules to what is selected and wanted, with everything checked that needs no request."""

from __future__ import annotations

import math
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from fractions import Fraction
from typing import TYPE_CHECKING, Any

from ansible_collections.cloudops.core.plugins.module_utils._core.errors import Invalid
from ansible_collections.cloudops.core.plugins.module_utils._domain.times import (
    parse_time,
)
from ansible_collections.cloudops.core.plugins.module_utils._domain.workload import APPS, APPS_KINDS
from ansible_collections.cloudops.core.plugins.module_utils._domain.workload_resources import Wanted, wanted_resources

if TYPE_CHECKING:
    from ansible_collections.cloudops.core.plugins.module_utils._domain.scaling_policy import Policy

Options = Mapping[str, Any]

# https://kubernetes.io/docs/concepts/overview/working-with-objects/names/
_NAME = re.compile(r"[a-z0-9]([-a-z0-9.]{0,251}[a-z0-9])?", re.ASCII)
_NAMESPACE = re.compile(r"[a-z0-9]([-a-z0-9]{0,61}[a-z0-9])?", re.ASCII)
_VERSION = re.compile(r"([a-z0-9]([-a-z0-9.]*[a-z0-9])?/)?v[0-9][a-z0-9]*", re.ASCII)
_KIND = re.compile(r"[A-Z][A-Za-z0-9]*", re.ASCII)
_STEP = re.compile(r"([+-]?)(\d+(?:\.\d+)?)(\s*%)?", re.ASCII)


@dataclass(frozen=True)
class Selection:
    """Which workloads.

    :param kinds: (api_version, kind) of each; an api_version of "" is still to be looked up.
    :param names: (namespace, name) of each; a namespace of "" stands for all of ``namespaces``. None: all that the selector matches.
    :param selector: label selector; "" for all.
    :param namespaces: None: the connection's own.
    """

    kinds: tuple[tuple[str, str], ...]
    names: tuple[tuple[str, str], ...] | None = None
    selector: str = ""
    namespaces: tuple[str, ...] | None = None
    all_namespaces: bool = False


def selection_from(options: Options) -> Selection:
    """What the options of the scale module select.

    :raises Invalid: for a selector that is missing, empty, or can't match what was meant.
    """
    names, selectors = options["name"], options["label_selectors"]
    if names is None and selectors is None:
        raise Invalid(
            "no workloads are selected: neither name nor label_selectors is given",
            hint="Say which workloads are meant; there is no way to mean all of them by saying nothing.",
        )
    if names is not None and selectors is not None:
        raise Invalid("both name and label_selectors are given", hint="Give one of them.")
    if names is not None and options["all_namespaces"]:
        raise Invalid("all_namespaces goes with label_selectors, not with name", hint="Name the namespaces.")
    kind = kind_from(options["kind"], options["api_version"])
    return Selection(
        (kind,), names_from(names), selector_from(selectors), namespaces_from(options), options["all_namespaces"]
    )


def listing_from(options: Options) -> Selection:
    """What the options of the info module select: without names and selectors, everything.

    :raises Invalid: for a selector that is empty or can't match what was meant.
    """
    kinds = options["kinds"]
    if not kinds:
        raise Invalid("kinds is empty", hint="Name the kinds, or leave the option out.")
    if options["api_version"] and len(kinds) > 1:
        raise Invalid("api_version goes with a single kind", hint="Write the others as GROUP/VERSION/KIND in kinds.")
    if options["name"] is not None and options["all_namespaces"]:
        raise Invalid("all_namespaces doesn't go with name", hint="Name the namespaces.")
    for name in ("page_size", "concurrency"):
        if options[name] < 1:
            raise Invalid(f"{name} is {options[name]}; the smallest possible is 1")
    return Selection(
        tuple(dict.fromkeys(kind_from(kind, options["api_version"]) for kind in kinds)),
        names_from(options["name"]),
        selector_from(options["label_selectors"]),
        namespaces_from(options),
        options["all_namespaces"],
    )


def kind_from(kind: str, api_version: str | None) -> tuple[str, str]:
    """(api_version, kind); the kind may be written as GROUP/VERSION/KIND.

    :raises Invalid: for what can't be one, and for a kind whose api_version isn't known.
    """
    path, _slash, word = str(kind).strip().rpartition("/")
    version = (api_version or path).strip()
    if not _KIND.fullmatch(word):
        raise Invalid(f"kind is {kind!r}", hint="It is the name of a kind as in manifests, such as Deployment.")
    if not version and word not in APPS_KINDS:
        raise Invalid(f"kind is {kind}, and api_version isn't given", hint=f"Only {', '.join(APPS_KINDS)} are known.")
    if version and not _VERSION.fullmatch(version):
        raise Invalid(f"api_version is {version!r}", hint="It is GROUP/VERSION as in manifests, such as apps/v1.")
    return version or APPS, word


def names_from(names: Sequence[str] | None) -> tuple[tuple[str, str], ...] | None:
    """(namespace or "", name) of each, once.

    :raises Invalid: for an empty list and for what can't be a name.
    """
    if names is None:
        return None
    if not names:
        raise Invalid("name is empty", hint="An empty selector never means everything. Fill it or leave it out.")
    found = []
    for text in names:
        namespace, slash, name = str(text).strip().rpartition("/")
        if not _NAME.fullmatch(name) or bool(slash) != bool(_NAMESPACE.fullmatch(namespace)):
            raise Invalid(f"name: {text!r} isn't the name of a workload", hint="It is NAME or NAMESPACE/NAME.")
        found.append((namespace, name))
    return tuple(dict.fromkeys(found))


def selector_from(selectors: Sequence[str] | None) -> str:
    """All of them as one.

    :raises Invalid: for an empty list or an empty selector.
    """
    if selectors is None:
        return ""
    parts = [str(selector).strip() for selector in selectors]
    if not parts or not all(parts):
        raise Invalid(
            "label_selectors is empty or has an empty one",
            hint="An empty selector never means everything. Fill it or leave it out.",
        )
    return ",".join(parts)


def namespaces_from(options: Options) -> tuple[str, ...] | None:
    """The namespaces to look in, each once; None when none are given.

    :raises Invalid: for an empty list and for what can't be a name.
    """
    namespaces: Sequence[str] | None = options["namespaces"]
    if namespaces is None:
        return None
    if options["all_namespaces"]:
        raise Invalid("both namespaces and all_namespaces are given", hint="Give one of them.")
    if not namespaces:
        raise Invalid("namespaces is empty", hint="Name the namespaces, or leave the option out.")
    for name in namespaces:
        if not _NAMESPACE.fullmatch(name):
            raise Invalid(
                f"namespaces: {name!r} isn't the name of a namespace",
                hint="It has small letters, digits and hyphens. To mean all, use all_namespaces.",
            )
    return tuple(dict.fromkeys(namespaces))


# What is wanted


@dataclass(frozen=True)
class Step:
    """A step from the present number.

    :param amount: replicas, or percent; negative is down.
    """

    amount: Fraction
    percent: bool = False


@dataclass(frozen=True)
class Wish:
    """What the workloads shall become: a number, a step, what a policy says, or only other resources.

    :param now: seconds since 1970; None is the present.
    """

    replicas: int | None = None
    step: Step | None = None
    policy: Policy | None = None
    metrics: tuple[Mapping[str, Any], ...] = ()
    now: float | None = None
    current_replicas: int | None = None
    resource_version: str = ""
    minimum: int | None = None
    maximum: int | None = None
    resources: Mapping[str, Wanted] = field(default_factory=dict)
    on_owner: str = "fail"
    includes: frozenset[str] = frozenset()
    max_workloads: int | None = None
    max_percent: float | None = None
    wait: bool = True
    wait_timeout: float = 300
    revert: bool = False

    @property
    def sized(self) -> bool:
        """Whether it says anything about the number of replicas."""
        return self.replicas is not None or self.step is not None or self.policy is not None


def wish_from(options: Options) -> Wish:
    """What is wanted of those that are selected.

    :raises Invalid: for options that are missing, contradict each other or can't be meant.
    """
    _check_numbers(options)
    _check_combinations(options)
    policy = options["policy"]
    return Wish(
        replicas=options["replicas"],
        step=None if options["change"] is None else step_from(options["change"]),
        policy=None if policy is None else _policy_of(_bounded(policy, options)),
        metrics=tuple(options["metrics"] or ()),
        now=None if options["now"] is None else parse_time(options["now"], "now"),
        current_replicas=options["current_replicas"],
        resource_version=options["resource_version"] or "",
        minimum=options["min"],
        maximum=options["max"],
        resources=wanted_resources(options["resources"] or {}),
        on_owner=options["on_owner"],
        includes=frozenset(word for word in ("paused", "excluded") if options[f"include_{word}"]),
        max_workloads=options["max_workloads"],
        max_percent=options["max_percent"],
        wait=options["wait"],
        wait_timeout=options["wait_timeout"],
        revert=options["on_timeout"] == "revert",
    )


def step_from(text: str) -> Step:
    """A step such as ``+2``, ``-1``, ``+50%`` or ``-25%``; YAML makes a plain 2 of ``+2``.

    :raises Invalid: for anything else, and for no step at all.
    """
    match = _STEP.fullmatch(str(text).strip())
    if match is None:
        raise Invalid(f"change is {text!r}", hint='It is a step such as "+2", "-1", "+50%" or "-25%".')
    sign, number, percent = match.groups()
    amount = Fraction(number) * (-1 if sign == "-" else 1)
    if not amount:
        raise Invalid(f"change is {text!r}, which is no step", hint="Leave the task out.")
    if not percent and amount.denominator != 1:
        raise Invalid(f"change is {text!r}", hint="Without a percent sign, it is a whole number.")
    if percent and amount < -100:
        raise Invalid(f"change is {text!r}", hint="No more than 100% can go.")
    return Step(amount, bool(percent))


def _policy_of(policy: Mapping[str, Any]) -> Policy:
    """The policy, checked. The engine is loaded only for who has one: it takes as long as a request or two."""
    from ansible_collections.cloudops.core.plugins.module_utils._domain.scaling_policy import read_policy

    return read_policy(policy)


def _bounded(policy: Mapping[str, Any], options: Options) -> dict[str, Any]:
    """The policy with the bounds that are given as options of their own."""
    return {**policy, **{name: options[name] for name in ("min", "max") if options[name] is not None}}


def _check_combinations(options: Options) -> None:
    ways = [name for name in ("replicas", "change", "policy") if options[name] is not None]
    if len(ways) > 1:
        raise Invalid(f"both {ways[0]} and {ways[1]} are given", hint="Give one of replicas, change and policy.")
    if not ways and not options["resources"]:
        raise Invalid("nothing is wanted", hint="Give one of replicas, change and policy, or resources.")
    if options["metrics"] and options["policy"] is None:
        raise Invalid("metrics is given without policy", hint="Say in policy what is to follow from them.")
    if options["policy"] is not None:
        for name in ("current_replicas", "resource_version"):
            if options[name] is not None:
                raise Invalid(f"{name} doesn't go with policy", hint="Leave it out: a policy decides anew in any case.")
    if options["resource_version"] is not None and len(options["name"] or ()) != 1:
        raise Invalid("resource_version goes with a single name", hint="Give current_replicas instead.")
    if options["min"] is not None and options["max"] is not None and options["min"] > options["max"]:
        raise Invalid(f"min ({options['min']}) is above max ({options['max']})", hint="Exchange them.")


def _check_numbers(options: Options) -> None:
    limits = (
        ("replicas", 0, None),
        ("current_replicas", 0, None),
        ("min", 0, None),
        ("max", 0, None),
        ("max_workloads", 0, None),
        ("max_percent", 0, 100),
        ("wait_timeout", 0, None),
        ("concurrency", 1, None),
    )
    for name, lowest, highest in limits:
        value = options[name]
        if value is None:
            continue
        if not math.isfinite(value) or value < lowest:
            raise Invalid(f"{name} is {value}; the smallest possible is {lowest}")
        if highest is not None and value > highest:
            raise Invalid(f"{name} is {value}; the largest possible is {highest}")
