# Copyright (c) 2026 cloudops.core contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What the scaling engine is told: the target and its metrics, as given by info modules, by playbooks, or by hand.

A value that is no number (null, NaN, infinity) is missing, and missing is never 0.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timezone
from fractions import Fraction
from typing import Any

from ansible_collections.cloudops.core.plugins.module_utils._core.errors import Invalid
from ansible_collections.cloudops.core.plugins.module_utils._domain import scaling_values as values
from ansible_collections.cloudops.core.plugins.module_utils._domain.options import (
    flag,
)
from ansible_collections.cloudops.core.plugins.module_utils._domain.times import (
    parse_time,
)

LATEST = 253402300799
"""Seconds since 1970, the end of the year 9999."""


@dataclass(frozen=True)
class Pod:
    """What one pod uses, of what it requests, in the same unit.

    :param missing: it runs, but nobody measured it.
    """

    name: str
    usage: Fraction | None
    request: Fraction | None
    ready: bool = True
    missing: bool = False


@dataclass(frozen=True)
class Metric:
    """One metric as measured; ``pods`` is None where it is one value for all.

    :param age: seconds since it was measured; None: nobody knows.
    """

    name: str
    value: Fraction | None
    pods: tuple[Pod, ...] | None = None
    age: float | None = None


@dataclass(frozen=True)
class Target:
    """What is scaled.

    :param ready: replicas that serve.
    :param paused_until: seconds since 1970.
    :param owner: who else scales it; "" for nobody.
    :param lowest: a bound of its own, which wins over the policy's; so does ``highest``.
    """

    current: int
    ready: int
    name: str = ""
    paused: bool = False
    paused_until: float | None = None
    owner: str = ""
    lowest: int | None = None
    highest: int | None = None
    pods: tuple[Pod, ...] | None = None


def read_target(target: Any) -> Target:
    """The target. Fields that the engine doesn't know are left alone, so that results of info modules can be handed over.

    :raises Invalid: naming the field.
    """
    if not isinstance(target, Mapping):
        raise Invalid(f"target is {target!r}", hint="It is a mapping with current, the size that it has.")
    if values.not_given(target.get("current")):
        raise Invalid("target.current is missing", hint="Give the size that it has.")
    current = values.whole(target["current"], "target.current")
    lowest, highest = (values.maybe_whole(target.get(key), f"target.{key}") for key in ("min", "max"))
    if lowest is not None and highest is not None and lowest > highest:
        raise Invalid(f"target.min is {lowest}, more than target.max, which is {highest}")
    until = target.get("paused_until")
    pods = target.get("pods")
    return Target(
        current=current,
        ready=_ready(target, current),
        name=str(target.get("name") or "").strip(),
        paused=flag(target.get("paused"), "target.paused"),
        paused_until=None if values.not_given(until) else read_time(until, "target.paused_until"),
        owner=str(target.get("owner") or "").strip(),
        lowest=lowest,
        highest=highest,
        pods=None if pods is None else _read_pods(pods, "target.pods"),
    )


def _ready(target: Mapping[str, Any], current: int) -> int:
    status = target.get("status")
    ready, path = target.get("ready"), "target.ready"
    if values.not_given(ready) and isinstance(status, Mapping):
        ready, path = status.get("ready"), "target.status.ready"
    return current if values.not_given(ready) else values.whole(ready, path)


def read_time(value: Any, path: str) -> float:
    """Seconds since 1970 of ISO 8601 (UTC where it names no offset), a number of seconds, or a datetime.

    :raises Invalid: for anything else.
    """
    if isinstance(value, datetime):
        return (value if value.tzinfo else value.replace(tzinfo=timezone.utc)).timestamp()
    if isinstance(value, (int, float)) and not isinstance(value, bool):
        found = float(values.number(value, path, 0))
    else:
        found = parse_time(value, path)
    if found > LATEST:
        raise Invalid(f"{path} is {value!r}, after the year 9999", hint="Give seconds since 1970, not milliseconds.")
    return found


def read_metrics(metrics: Any, target: str, now: float) -> dict[str, Metric]:
    """The metrics that concern a target, by name; what is meant for it alone stands above what is meant for all.

    :param target: its name.
    :param now: seconds since 1970.
    :raises Invalid: naming the metric, also for two of the same name.
    """
    general: dict[str, Metric] = {}
    own: dict[str, Metric] = {}
    for place, item in enumerate(() if metrics is None else values.listed(metrics, "metrics")):
        path = f"metrics[{place}]"
        if not isinstance(item, Mapping):
            raise Invalid(f"{path} is {item!r}", hint="It is a mapping of name and value.")
        meant = str(item.get("target") or "").strip()
        if meant and meant != target:
            continue
        metric = _read_metric(item, path, now)
        found = own if meant else general
        if metric.name in found:
            raise Invalid(
                f"{path} is {metric.name}, which was there before",
                hint="Give each metric once; where several series make it up, aggregate them first.",
            )
        found[metric.name] = metric
    return {**general, **own}


def _read_metric(item: Mapping[str, Any], path: str, now: float) -> Metric:
    name = next((str(item[key]).strip() for key in ("name", "key", "id") if not values.not_given(item.get(key))), "")
    if not name:
        raise Invalid(f"{path}.name is missing", hint="The rules of the policy find a metric by its name.")
    pods = item.get("pods")
    return Metric(
        name,
        values.read_number(item.get("value"), f"{path}.value"),
        None if pods is None else _read_pods(pods, f"{path}.pods"),
        _age(item, path, now),
    )


def _age(item: Mapping[str, Any], path: str, now: float) -> float | None:
    """Seconds since it was measured; where age and timestamp are given, the worse of them."""
    age = values.read_number(item.get("age"), f"{path}.age")
    ages = [] if age is None else [float(age)]
    if not values.not_given(item.get("timestamp")):
        ages.append(now - read_time(item["timestamp"], f"{path}.timestamp"))
    return max(ages, default=None)


def _read_pods(value: Any, path: str) -> tuple[Pod, ...]:
    return tuple(_read_pod(item, f"{path}[{place}]") for place, item in enumerate(values.listed(value, path)))


def _read_pod(item: Any, path: str) -> Pod:
    if not isinstance(item, Mapping):
        raise Invalid(f"{path} is {item!r}", hint="It is a mapping of name, usage, request, ready and missing.")
    return Pod(
        name=str(item.get("name") or path),
        usage=values.read_number(item.get("usage"), f"{path}.usage"),
        request=values.read_number(item.get("request"), f"{path}.request"),
        ready=flag(item.get("ready"), f"{path}.ready", True),
        missing=flag(item.get("missing"), f"{path}.missing"),
    )


def fault_of(metric: Metric | None, name: str, max_age: int | None) -> tuple[str, str] | None:
    """Why a metric can't be relied on, as reason and words; None when it can."""
    if metric is None or (metric.value is None and not metric.pods):
        return "metric_missing", f"{name} is missing"
    if max_age is None:
        return None
    if metric.age is None:
        return "metric_stale", f"{name} doesn't say when it was measured, and max_age is {max_age} s"
    if metric.age > max_age:
        return "metric_stale", f"{name} is {metric.age:.0f} s old, more than max_age, which is {max_age} s"
    if metric.age < -max_age:
        return "metric_stale", f"{name} was measured {-metric.age:.0f} s in the future; compare the clocks"
    return None


def of_rule(metrics: Mapping[str, Metric], name: str, pods: Sequence[Pod] | None) -> Metric | None:
    """The metric that a rule reads; where nobody measured it as such, what the target's own pods say."""
    found = metrics.get(name)
    return Metric(name, None, tuple(pods)) if found is None and pods is not None else found
