# Copyright (c) 2026 cloudops.core contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Instances of an inventory as plain data: attributes by the names of the API's filters, hostnames, filters that need no call.

A record is what DescribeInstances says of an instance, in snake_case, with its tags as a mapping.
Filter names: https://docs.aws.amazon.com/AWSEC2/latest/APIReference/API_DescribeInstances.html
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from ansible_collections.cloudops.core.plugins.module_utils._core.errors import Invalid
from ansible_collections.cloudops.core.plugins.module_utils._domain.power_schedule import plan_fleet

Record = Mapping[str, Any]
Evaluate = Callable[[str, Mapping[str, Any]], Any]
Predicate = Callable[[Record], bool]

_SAME = (
    "architecture client-token hypervisor image-id instance-id instance-lifecycle instance-type ipv6-address kernel-id key-name "
    "owner-id platform platform-details private-dns-name private-ip-address public-dns-name public-ip-address ramdisk-id requester-id "
    "reservation-id root-device-name root-device-type source-dest-check spot-instance-request-id subnet-id virtualization-type vpc-id"
)
# Where an attribute stands in a record, by the name of its filter.
PATHS: dict[str, tuple[str, ...]] = {
    **{name: (name.replace("-", "_"),) for name in _SAME.split()},
    "affinity": ("placement", "affinity"),
    "availability-zone": ("placement", "availability_zone"),
    "dns-name": ("public_dns_name",),
    "host-id": ("placement", "host_id"),
    "iam-instance-profile.arn": ("iam_instance_profile", "arn"),
    "instance-state-code": ("state", "code"),
    "instance-state-name": ("state", "name"),
    "instance.group-id": ("security_groups", "group_id"),
    "instance.group-name": ("security_groups", "group_name"),
    "ip-address": ("public_ip_address",),
    "launch-index": ("ami_launch_index",),
    "launch-time": ("launch_time",),
    "monitoring-state": ("monitoring", "state"),
    "network-interface.addresses.private-ip-address": (
        "network_interfaces",
        "private_ip_addresses",
        "private_ip_address",
    ),
    "network-interface.association.public-ip": ("network_interfaces", "association", "public_ip"),
    "network-interface.ipv6-addresses.ipv6-address": ("network_interfaces", "ipv6_addresses", "ipv6_address"),
    "network-interface.mac-address": ("network_interfaces", "mac_address"),
    "network-interface.network-interface-id": ("network_interfaces", "network_interface_id"),
    "network-interface.private-dns-name": ("network_interfaces", "private_dns_name"),
    "network-interface.subnet-id": ("network_interfaces", "subnet_id"),
    "network-interface.vpc-id": ("network_interfaces", "vpc_id"),
    "placement-group-name": ("placement", "group_name"),
    "product-code": ("product_codes", "product_code_id"),
    "reason": ("state_transition_reason",),
    "state-reason-code": ("state_reason", "code"),
    "state-reason-message": ("state_reason", "message"),
    "tenancy": ("placement", "tenancy"),
}
# Times have forms that a comparison of texts gets wrong.
_NOT_LOCAL = frozenset({"launch-time"})
_VARIABLES = frozenset(path[0] for path in PATHS.values()) | {"tags", "state", "placement"}
_PATH = re.compile(r"[a-z][a-z0-9_]*(?:\.[^\s.|{}]+)*")
_NO_NAME = re.compile(r"[^A-Za-z0-9_]")
DEFAULT_HOSTNAMES = ("dns-name", "private-dns-name", "instance-id")
# What a filter of Jinja is applied to, in an expression.
_SUBJECT = "cloudops_hostname"


def values_at(record: Any, path: Sequence[str]) -> list[Any]:
    """All values at a path; lists on the way are gone through."""
    found = [record]
    for name in path:
        members = [member for one in found for member in (one if isinstance(one, list) else [one])]
        found = [member[name] for member in members if isinstance(member, Mapping) and member.get(name) is not None]
    return [member for one in found for member in (one if isinstance(one, list) else [one])]


def as_text(value: Any) -> str:
    """As the API writes it."""
    return str(value).lower() if isinstance(value, bool) else str(value)


# Hostnames


@dataclass(frozen=True)
class Preference:
    """One way to come to a hostname.

    :param name: what the name is: ``tag:``, an attribute, or a template.
    :param prefix: the same for what stands before it; "" for nothing.
    :param literal: whether a word that is no attribute stands for itself.
    """

    name: str
    prefix: str = ""
    separator: str = "_"
    literal: bool = False


def read_hostnames(given: Any) -> tuple[Preference, ...]:
    """The option ``hostnames``.

    :raises Invalid: for an entry that can't name a host.
    """
    if not isinstance(given, (list, tuple)):
        raise Invalid(f"hostnames is {given!r}", hint="It is a list.")
    preferences = tuple(_preference(item, f"hostnames[{place}]") for place, item in enumerate(given))
    return preferences or tuple(Preference(name) for name in DEFAULT_HOSTNAMES)


def _preference(item: Any, option: str) -> Preference:
    if isinstance(item, Mapping):
        unknown = sorted(set(item) - {"name", "prefix", "separator"})
        if unknown or not item.get("name"):
            what = f"has {', '.join(map(str, unknown))}" if unknown else "has no name"
            raise Invalid(f"{option} {what}", hint="An entry has name, and where you like, prefix and separator.")
        prefix, separator = str(item.get("prefix") or ""), item.get("separator")
        return Preference(str(item["name"]), prefix, "_" if separator is None else str(separator), literal=bool(prefix))
    if not isinstance(item, str) or not item.strip():
        raise Invalid(f"{option} is {item!r}", hint="It is a text, or a mapping with name and prefix.")
    _check_word(item, option)
    return Preference(item)


def _check_word(item: str, option: str) -> None:
    base = item if "{{" in item else item.partition("|")[0].strip()
    if "{{" in base or base.startswith("tag:") or base in PATHS:
        return
    if _PATH.fullmatch(base) and base.partition(".")[0] in _VARIABLES:
        return
    raise Invalid(
        f"{option} is {item!r}, which is no attribute of an instance",
        hint="Give tag:KEY, the name of a filter such as private-ip-address, a host variable, or a Jinja template in {{ }}.",
    )


def hostname_of(record: Record, preferences: Iterable[Preference], evaluate: Evaluate) -> str:
    """The first name that there is; "" when there is none.

    :param record: the variables, with the tags as ``tags``.
    :param evaluate: gives the value of a Jinja expression, or of a template in {{ }}, over variables.
    """
    for preference in preferences:
        name = _word(preference.name, record, evaluate, preference.literal)
        prefix = _word(preference.prefix, record, evaluate, True) if preference.prefix and name else ""
        name = f"{prefix}{preference.separator}{name}" if prefix else name
        if name:
            # A colon would begin a port.
            return _NO_NAME.sub("_", name) if ":" in name else name
    return ""


def _word(word: str, record: Record, evaluate: Evaluate, literal: bool) -> str:
    if "{{" in word:
        return as_text(evaluate(word, record) or "").strip()
    base, pipe, filters = word.partition("|")
    found = _attribute(base.strip(), record, literal)
    if pipe and found:
        return as_text(evaluate(f"{_SUBJECT} | {filters}", {**record, _SUBJECT: found}) or "")
    return found


def _attribute(word: str, record: Record, literal: bool) -> str:
    if word.startswith("tag:"):
        return next(filter(None, (_tag(part, record["tags"]) for part in word[4:].split(","))), "")
    path = PATHS.get(word) or tuple(word.split("."))
    if path[0] not in _VARIABLES:
        return word if literal else ""
    return next((as_text(value) for value in values_at(record, path) if value not in ("", None)), "")


def _tag(part: str, tags: Mapping[str, str]) -> str:
    """``KEY`` is the tag's value; ``KEY=VALUE`` is KEY_VALUE where the tag has that value."""
    key, equals, value = part.strip().removeprefix("tag:").partition("=")
    if not equals:
        return tags.get(key, "")
    return f"{key}_{value}" if tags.get(key) == value else ""


def unique_names(named: Sequence[tuple[str, str]]) -> tuple[list[str], list[str]]:
    """A name for each (name, id), none twice: those that are shared get the id appended, all of them.

    So no name depends on which other instances there are in what order. Returns the names, and which were shared.
    """
    counts = Counter(name for name, _id in named)
    shared = sorted(name for name, count in counts.items() if count > 1)
    return [name if counts[name] == 1 else f"{name}_{identity}" for name, identity in named], shared


# Filters


def local_filter(filters: Mapping[str, Sequence[str]]) -> Predicate | None:
    """A filter as a function of a record, or None where only the API can tell."""
    readers: list[tuple[Callable[[Record], Iterable[Any]], re.Pattern[str]]] = []
    for name, values in filters.items():
        reader = _filter_reader(name)
        if reader is None:
            return None
        readers.append((reader, re.compile("|".join(f"(?:{_wildcards(value)})" for value in values), re.DOTALL)))

    def matches(record: Record) -> bool:
        return all(any(pattern.fullmatch(as_text(value)) for value in read(record)) for read, pattern in readers)

    return matches


def _filter_reader(name: str) -> Callable[[Record], Iterable[Any]] | None:
    if name.startswith("tag:"):
        key = name[4:]
        return lambda record: [record["tags"][key]] if key in record["tags"] else []
    if name == "tag-key":
        return lambda record: list(record["tags"])
    path = PATHS.get(name)
    if path is None or name in _NOT_LOCAL:
        return None
    return lambda record: values_at(record, path)


def _wildcards(value: str) -> str:
    """The API's wildcards as a regular expression: ``*``, ``?``, and a backslash before one that means itself."""
    result, escaped = "", False
    for character in value:
        if escaped:
            result, escaped = result + re.escape(character), False
        elif character == "\\":
            escaped = True
        else:
            result += {"*": ".*", "?": "."}.get(character) or re.escape(character)
    return result + (re.escape("\\") if escaped else "")


# Schedules

NO_SCHEDULE = {"name": "", "state": "", "reason": "", "next_change": "", "action": "none", "status": "none", "why": ""}


def schedules_of(records: Sequence[Record], given: Mapping[str, Any], now: datetime) -> list[dict[str, str]]:
    """What its schedule wants of each instance now, in their order, as a host variable.

    :param given: the option ``schedule``: ``schedules``, and what the filter power_plan takes.
    :raises Invalid: for options and definitions that can't be read.
    """
    options = {name: value for name, value in given.items() if name not in ("schedules", "now")}
    plan = plan_fleet([_facts(record) for record in records], given.get("schedules") or {}, now, options)
    planned = {item["id"]: item for item in plan["instances"]}
    return [_schedule(planned.get(record["instance_id"])) for record in records]


def _facts(record: Record) -> dict[str, Any]:
    tags, placement = record["tags"], record.get("placement") or {}
    return {
        "id": record["instance_id"],
        "region": placement.get("region", ""),
        "state": record["state"]["name"],
        "name": tags.get("Name", ""),
        "tags": tags,
        "autoscaling_group": tags.get("aws:autoscaling:groupName", ""),
        # Whether its request is persistent takes a call that an inventory doesn't make.
        "spot_request_type": "unknown" if record.get("instance_lifecycle") == "spot" else "",
        "root_device_type": record.get("root_device_type"),
        "hibernation": (record.get("hibernation_options") or {}).get("configured"),
        "instance_type": record.get("instance_type"),
        "zone": placement.get("availability_zone", ""),
    }


def _schedule(item: Mapping[str, Any] | None) -> dict[str, str]:
    if item is None:
        return dict(NO_SCHEDULE)
    return {
        "name": item["schedule"],
        "state": item["schedule_state"],
        "reason": item["schedule_reason"],
        "next_change": item["next_change"],
        "action": item["action"],
        "status": item["status"],
        "why": item["reason"],
    }
