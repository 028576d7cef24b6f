# Copyright (c) 2026 cloudops.core contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""From the options of the power modules to what is selected and wanted, with everything checked that needs no call."""

from __future__ import annotations

import math
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from ansible_collections.cloudops.core.plugins.module_utils._core.errors import Invalid
from ansible_collections.cloudops.core.plugins.module_utils._domain.power import Instance, Wish

Options = Mapping[str, Any]

_SELECTORS = ("instance_ids", "tags", "filters")
_ID = re.compile(r"i-(?:[0-9a-f]{8}|[0-9a-f]{17})")
_ID_ANYWHERE = re.compile(r"\bi-(?:[0-9a-f]{17}|[0-9a-f]{8})\b")
_KINDS = ("autoscaling", "spot", "instance_store", "ignored", "stopped")


@dataclass(frozen=True)
class Selection:
    """Which instances: every part that is given must match.

    :param instance_ids: None: any.
    :param filters: the provider's own, by name.
    """

    instance_ids: tuple[str, ...] | None = None
    tags: Mapping[str, str] = field(default_factory=dict)
    filters: Mapping[str, tuple[str, ...]] = field(default_factory=dict)


def selection_from(options: Options) -> Selection:
    """What the options select.

    :raises Invalid: for a selector that is missing, empty, or can't match what was meant.
    """
    given = [name for name in _SELECTORS if options[name] is not None]
    if not given:
        raise Invalid(
            f"no instances are selected: none of {', '.join(_SELECTORS)} is given",
            hint="Say which instances are meant; there is no way to mean all of them by saying nothing.",
        )
    for name in given:
        if not options[name]:
            raise Invalid(f"{name} is empty", hint="An empty selector never means everything. Fill it or leave it out.")
    ids = options["instance_ids"]
    for instance_id in ids or ():
        if not _ID.fullmatch(instance_id):
            raise Invalid(
                f"instance_ids: {instance_id!r} isn't an instance id",
                hint="It is i- followed by 8 or 17 hexadecimal digits. To select by name, use tags.",
            )
    return Selection(
        instance_ids=None if ids is None else tuple(dict.fromkeys(ids)),
        tags={_tag_key(key): _tag_value(key, value) for key, value in (options["tags"] or {}).items()},
        filters={_filter_name(name): _values(name, value) for name, value in (options["filters"] or {}).items()},
    )


def ids_in(text: str) -> list[str]:
    """Instance ids that a text names."""
    return list(dict.fromkeys(_ID_ANYWHERE.findall(text)))


def matches(instance: Instance, tags: Mapping[str, str]) -> bool:
    """Whether it has all the tags with exactly these values."""
    return all(key in instance.tags and instance.tags[key] == value for key, value in tags.items())


def _tag_key(key: Any) -> str:
    if not str(key).strip():
        raise Invalid("tags: a key is empty", hint="Name the tag.")
    return str(key)


def _tag_value(key: Any, value: Any) -> str:
    if isinstance(value, (list, tuple, Mapping)):
        raise Invalid(
            f"tags: the value of {key} is a {'mapping' if isinstance(value, Mapping) else 'list'}",
            hint=f'A tag has one value. For several, use filters: {{"tag:{key}": [...]}}.',
        )
    return "" if value is None else _text(value)


def _filter_name(name: Any) -> str:
    if not str(name).strip():
        raise Invalid("filters: a name is empty", hint="Names are those of the DescribeInstances API.")
    return str(name)


def _values(name: Any, value: Any) -> tuple[str, ...]:
    values = list(value) if isinstance(value, (list, tuple)) else [value]
    if not values or any(item is None or isinstance(item, (list, tuple, Mapping)) for item in values):
        raise Invalid(f"filters: {name} needs a value or a list of values", hint="For example tag:team: [web, db].")
    return tuple(_text(item) for item in values)


def _text(value: Any) -> str:
    """YAML's true is the word "true"; Python would make it "True"."""
    return str(value).lower() if isinstance(value, bool) else str(value)


def wish_from(options: Options) -> Wish:
    """What is wanted of those that are selected.

    :raises Invalid: for options that contradict each other or can't be meant.
    """
    state = options["state"]
    for name in ("force", "skip_os_shutdown"):
        if options[name] and state != "stopped":
            raise Invalid(f"{name} only goes with state: stopped, not with state: {state}", hint="Leave it out.")
    if options["include_stopped"] and state != "restarted":
        raise Invalid(f"include_stopped only goes with state: restarted, not with state: {state}", hint="Leave it out.")
    _check_numbers(options)
    return Wish(
        state=state,
        wait=options["wait"],
        force=options["force"],
        skip_os_shutdown=options["skip_os_shutdown"],
        includes=frozenset(kind for kind in _KINDS if options[f"include_{kind}"]),
        ignore_tag=options["ignore_tag"] or "",
        wait_timeout=options["wait_timeout"],
        settle_time=options["settle_time"],
        max_instances=options["max_instances"],
        max_percent=options["max_percent"],
    )


def _check_numbers(options: Options) -> None:
    limits = (
        ("max_instances", 0, None),
        ("max_percent", 0, 100),
        ("wait_timeout", 0, None),
        ("settle_time", 0, None),
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
    if options["wait"] and options["settle_time"] and options["settle_time"] >= options["wait_timeout"]:
        raise Invalid(
            f"settle_time ({options['settle_time']:g} s) isn't shorter than wait_timeout ({options['wait_timeout']:g} s)",
            hint="The time that an instance must stay running counts as a part of the waiting.",
        )


def regions_from(options: Options, default: str | None) -> list[str | None]:
    """The regions to work in, each once.

    :raises Invalid: for an empty list or an empty name.
    """
    regions: Sequence[str] | None = options["regions"]
    if regions is None:
        return [default]
    if not regions or not all(region.strip() for region in regions):
        raise Invalid("regions is empty or has an empty name", hint="Name the regions, or leave the option out.")
    return list(dict.fromkeys(regions))
