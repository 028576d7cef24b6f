# Copyright (c) 2026 cloudops.core contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The options of inventory plugins, which nobody has checked before: Ansible looks at their outer type only."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from ansible_collections.cloudops.core.plugins.module_utils._core.errors import CloudOpsError, Denied, Invalid
from ansible_collections.cloudops.core.plugins.module_utils._domain.options import (
    given,
    known_only,
    number,
    text,
    words,
)
from ansible_collections.cloudops.core.plugins.module_utils._domain.times import (
    iso_time,
    parse_duration,
    parse_time,
)

FORMAT = 1


# Selections


def read_filters(value: Any, option: str) -> dict[str, tuple[str, ...]]:
    """The API's filters by name.

    :raises Invalid: naming the option.
    """
    if not isinstance(value, Mapping):
        raise Invalid(
            f"{option} is {value!r}", hint="It is a mapping of a filter's name to a value or a list of values."
        )
    return {_name(name, option): _values(values, f"{option}.{name}") for name, values in value.items()}


def read_filter_list(value: Any, option: str) -> list[dict[str, tuple[str, ...]]]:
    """A list of such mappings.

    :raises Invalid: naming the option, also for an empty entry, which would mean everything.
    """
    if not isinstance(value, (list, tuple)):
        raise Invalid(f"{option} is {value!r}", hint="It is a list of mappings.")
    found = [read_filters(item, f"{option}[{place}]") for place, item in enumerate(value)]
    empty = next((place for place, item in enumerate(found) if not item), None)
    if empty is not None:
        raise Invalid(
            f"{option}[{empty}] is empty", hint="An empty filter never means everything. Fill it or leave it out."
        )
    return found


def _name(name: Any, option: str) -> str:
    if not isinstance(name, str) or not name.strip():
        raise Invalid(f"{option} has the name {name!r}", hint="Names are those of the API's filters, such as tag:team.")
    return name


def _values(value: Any, option: str) -> tuple[str, ...]:
    values = list(value) if isinstance(value, (list, tuple)) else [value]
    if not values or any(item is None or isinstance(item, (list, tuple, Mapping)) for item in values):
        raise Invalid(f"{option} is {value!r}", hint="It is a value or a list of values.")
    return tuple(str(item).lower() if isinstance(item, bool) else str(item) for item in values)


def read_tags(value: Any, option: str = "tags") -> dict[str, str]:
    """Tags that must all be there, each with one value.

    :raises Invalid: naming the option.
    """
    if not isinstance(value, Mapping):
        raise Invalid(f"{option} is {value!r}", hint="It is a mapping of keys to values.")
    found = {}
    for key, one in value.items():
        if isinstance(one, (list, tuple, Mapping)):
            raise Invalid(f"{option}.{key} is {one!r}", hint="A tag has one value. For several, use filters.")
        found[str(key)] = "" if one is None else str(one).lower() if isinstance(one, bool) else str(one)
    return found


def read_regions(value: Any, option: str = "regions") -> tuple[str, ...]:
    """Names of regions, each once; empty when none is given.

    :raises Invalid: naming the option.
    """
    regions = tuple(dict.fromkeys(words(value, option)))
    if "all" in regions and len(regions) > 1:
        raise Invalid(f"{option} has all, and others as well", hint="Give either all or names.")
    return regions


def read_concurrency(value: Any) -> int:
    """How much is done side by side.

    :raises Invalid: for less than 1, and for what is no number.
    """
    return int(number(value, "concurrency", 1) or 1)


# Accounts


@dataclass(frozen=True)
class Account:
    """An account to look into, through a role in it; the caller's own without one.

    :param regions: the regions to look at there; empty: those of the option ``regions``.
    """

    role_arn: str | None = None
    external_id: str | None = field(default=None, repr=False)
    regions: tuple[str, ...] = ()
    name: str = ""

    @property
    def label(self) -> str:
        """For messages."""
        return self.name or self.role_arn or ""


def read_accounts(roles: Any, role_arn: str | None, external_id: str | None) -> tuple[Account, ...]:
    """The options ``assume_roles``, ``assume_role_arn`` and ``external_id``: the accounts, each once.

    :raises Invalid: naming the option.
    """
    if not isinstance(roles, (list, tuple)):
        raise Invalid(f"assume_roles is {roles!r}", hint="It is a list of mappings with role_arn.")
    if not roles:
        return (Account(role_arn or None, external_id or None),)
    if role_arn:
        raise Invalid(
            "assume_roles excludes assume_role_arn",
            hint="List all roles in assume_roles; each may have an external_id.",
        )
    accounts = [_account(item, f"assume_roles[{place}]", external_id) for place, item in enumerate(roles)]
    return tuple(dict.fromkeys(accounts))


def _account(item: Any, option: str, external_id: str | None) -> Account:
    entry = {"role_arn": item} if isinstance(item, str) else item
    if not isinstance(entry, Mapping):
        raise Invalid(f"{option} is {item!r}", hint="It is the ARN of a role, or a mapping with role_arn.")
    try:
        known_only(entry, ("role_arn", "external_id", "regions", "name"))
    except Invalid as error:
        raise Invalid(f"{option}: {error.message}", hint=error.hint) from None
    arn = str(entry.get("role_arn") or "").strip()
    if not arn.startswith("arn:"):
        raise Invalid(
            f"{option}.role_arn is {arn!r}", hint="It is the ARN of a role: arn:aws:iam::123456789012:role/inventory."
        )
    regions = read_regions(entry.get("regions"), f"{option}.regions")
    own = entry.get("external_id")
    return Account(arn, str(own) if own else external_id or None, regions, text(entry.get("name"), ""))


# Metrics

_METRIC_OPTIONS = (
    "metric",
    "namespace",
    "dimension",
    "dimensions",
    "unit",
    "stat",
    "period",
    "last",
    "start",
    "end",
    "delay",
    "aggregation",
    "threshold",
)
_THRESHOLD_OPTIONS = ("operator", "value", "datapoints", "of", "missing", "evaluation_range")


@dataclass(frozen=True)
class Window:
    """What one reading of several metrics shares. Durations in seconds, times in seconds since 1970."""

    last: int | None = None
    start: float | None = None
    end: float | None = None
    delay: int = 0


@dataclass(frozen=True)
class Measurement:
    """A metric that every instance is asked for.

    :param params: as the short form of the module cloudwatch_metric_info has them, instance_ids left out.
    """

    name: str
    window: Window
    params: Mapping[str, Any]


def read_measurements(value: Any) -> tuple[Measurement, ...]:
    """The option ``metrics``.

    :raises Invalid: naming the option.
    """
    if not isinstance(value, Mapping):
        raise Invalid(
            f"metrics is {value!r}", hint="It is a mapping of a name to a metric, such as cpu: CPUUtilization."
        )
    return tuple(_measurement(str(name), spec) for name, spec in value.items())


def _measurement(name: str, spec: Any) -> Measurement:
    option = f"metrics.{name}"
    if not name.isidentifier():
        raise Invalid(
            f"{option}: {name!r} can't be the name of a variable", hint="Use letters, digits and underscores."
        )
    entry = {"metric": spec} if isinstance(spec, str) else spec
    if not isinstance(entry, Mapping) or not entry.get("metric"):
        raise Invalid(f"{option} names no metric", hint="Give the metric's name, or a mapping with metric.")
    try:
        known_only(entry, _METRIC_OPTIONS)
        window = _window(entry)
        threshold = _threshold(entry.get("threshold"))
    except Invalid as error:
        raise Invalid(f"{option}: {error.message}", hint=error.hint) from None
    params = {
        "metric": str(entry["metric"]),
        "namespace": text(entry.get("namespace"), "AWS/EC2"),
        "dimension": text(entry.get("dimension"), "InstanceId"),
        "dimensions": entry.get("dimensions") or None,
        "unit": entry.get("unit") or None,
        "stat": text(entry.get("stat"), "Average"),
        "period": text(entry.get("period"), "5m"),
        "aggregation": text(entry.get("aggregation"), "last"),
        "threshold": threshold,
        "queries": None,
    }
    return Measurement(name, window, params)


def _window(entry: Mapping[str, Any]) -> Window:
    times = {name: parse_time(entry[name], name) for name in ("start", "end") if given(entry.get(name))}
    if given(entry.get("last")) and "start" in times:
        raise Invalid("last and start exclude each other", hint="Give one of them.")
    last = None if "start" in times else parse_duration(text(entry.get("last"), "1h"), "last")
    return Window(last, times.get("start"), times.get("end"), parse_duration(text(entry.get("delay"), "0s"), "delay"))


def _threshold(value: Any) -> dict[str, Any] | None:
    if value is None:
        return None
    if not isinstance(value, Mapping):
        raise Invalid(f"threshold is {value!r}", hint="It is a mapping with operator and value.")
    known_only(value, _THRESHOLD_OPTIONS)
    limit = number(value.get("value"), "threshold.value", lowest=float("-inf"))
    if limit is None or not value.get("operator"):
        raise Invalid("threshold needs operator and value", hint="For example operator: '>', value: 80.")
    counts = {
        name: number(value.get(name), f"threshold.{name}", 1) for name in ("datapoints", "of", "evaluation_range")
    }
    whole = {name: None if count is None else int(count) for name, count in counts.items()}
    return {"operator": str(value["operator"]), "value": limit, "missing": value.get("missing"), **whole}


# What is kept between runs


@dataclass(frozen=True)
class Document:
    """What a source said.

    :param hosts: one mapping for each host, before anything is composed of it.
    :param notes: what a reader has to know about it, such as regions left out.
    :param saved: seconds since 1970.
    """

    hosts: Sequence[Mapping[str, Any]]
    notes: tuple[str, ...] = ()
    saved: float = 0


def fingerprint(options: Mapping[str, Any]) -> str:
    """What tells one question from another, so that no answer is taken for that of another question."""
    return hashlib.sha256(json.dumps(options, sort_keys=True, default=str).encode()).hexdigest()


def to_cache(document: Document, asked: str) -> dict[str, str]:
    """For a cache plugin. As one text: cache plugins copy and walk through whatever has more structure."""
    content = [FORMAT, asked, document.saved, list(document.notes), document.hosts]
    return {"cloudops": json.dumps(content, separators=(",", ":"), ensure_ascii=False)}


def from_cache(value: Any, asked: str) -> Document | None:
    """What was kept, or None when it is something else, or the answer to another question."""
    try:
        version, question, saved, notes, hosts = json.loads(value["cloudops"])
    except (KeyError, TypeError, ValueError):
        return None
    if version != FORMAT or question != asked:
        return None
    return Document(hosts, tuple(notes), saved)


def is_fresh(document: Document, now: float, timeout: float) -> bool:
    """Whether it is young enough (seconds); a timeout of 0 never ends."""
    return timeout == 0 or now - document.saved < timeout


def may_stand_in(error: CloudOpsError) -> bool:
    """Whether an older answer may be given instead of this error: not where the question itself is wrong."""
    return not isinstance(error, Invalid)


def stale_note(document: Document, error: CloudOpsError) -> str:
    """The warning that goes with an older answer."""
    return f"the refresh failed, so this is what was read at {iso_time(document.saved)}: {error}"


def skipped_note(place: str, error: Denied) -> str:
    """The warning that goes with a place that was left out."""
    return f"{place} is left out, as strict_permissions is off: {error}"


def workload_state(facts: Mapping[str, Any]) -> str:
    """A workload in a word: ready, rolling, failed, or stopped where no replicas are wanted."""
    rollout = facts["rollout"]
    if not facts["replicas"] and rollout == "complete":
        return "stopped"
    return {"complete": "ready", "failed": "failed"}.get(rollout, "rolling")
