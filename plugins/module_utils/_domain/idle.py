# Copyright (c) 2026 cloudops.core contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Which instances of a fleet are idle, and what follows: tagged with a grace date, and stopped once it is over.

Idle is only what is known to be: its metrics stayed under their limits in nearly every period of the window, and it ran all that time.
Too little data is ``unknown``. Pure: the caller gives the facts of the instances, their metrics and the time.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from typing import Any

from ansible_collections.cloudops.core.plugins.module_utils._core.errors import Invalid
from ansible_collections.cloudops.core.plugins.module_utils._domain.fleet import (
    KINDS,
    Prices,
    bill,
    includes_of,
    instance_of,
    label_of,
    left_alone,
    over_limit,
    price_text,
    read_prices,
)
from ansible_collections.cloudops.core.plugins.module_utils._domain.options import (
    known_only,
    number,
    text,
    words,
)
from ansible_collections.cloudops.core.plugins.module_utils._domain.power import RUNNING, Instance, parse_time
from ansible_collections.cloudops.core.plugins.module_utils._domain.times import (
    iso,
    parse_duration,
)

IDLE, ACTIVE, UNKNOWN, EXCLUDED = "idle", "active", "unknown", "excluded"
REPORT, TAG, STOP = "report", "tag", "stop"
STEPS = (REPORT, TAG, STOP)
MONTH_HOURS = 730
COMPLETE = "Complete"
_OPTIONS = (
    *(f"include_{kind}" for kind in KINDS),
    "steps",
    "window",
    "coverage",
    "grace",
    "tag",
    "stopped_tag",
    "ignore_tag",
    "price_per_hour",
    "currency",
    "max_instances",
    "max_percent",
)


@dataclass(frozen=True)
class Options:
    """How idle is meant, and what is done about it.

    :param window: seconds that an instance must have run, and that the metrics cover.
    :param coverage: share of the window's datapoints that must be there, 0 to 1.
    :param grace: seconds between the tag and the stop.
    :param tag: key of the tag that holds the grace date.
    :param stopped_tag: key of the tag that says when an instance was stopped for being idle; "" for none.
    """

    steps: frozenset[str] = frozenset([REPORT])
    window: float = 7 * 86400
    coverage: float = 0.9
    grace: float = 7 * 86400
    tag: str = "cloudops.core/idle_stop_after"
    stopped_tag: str = "cloudops.core/idle_stopped_at"
    includes: frozenset[str] = frozenset()
    ignore_tag: str = "ignore"
    prices: Prices = field(default_factory=Prices)
    currency: str = ""


def read_options(options: Mapping[str, Any]) -> Options:
    """Options as people give them.

    :raises Invalid: naming the option.
    """
    known_only(options, _OPTIONS)
    plain = Options()
    steps = frozenset(words(options.get("steps"), "steps")) or plain.steps
    if not steps <= set(STEPS):
        raise Invalid(f"steps is {sorted(steps)}", hint=f"Name one or more of {', '.join(STEPS)}.")
    coverage = number(options.get("coverage"), "coverage", 0, 1)
    window = parse_duration(text(options.get("window"), "7d"), "window")
    if not window:
        raise Invalid("window is 0", hint="Give a duration such as 7d.")
    return Options(
        steps=steps,
        window=window,
        coverage=plain.coverage if coverage is None else coverage,
        grace=parse_duration(text(options.get("grace"), "7d"), "grace"),
        tag=text(options.get("tag"), plain.tag),
        stopped_tag=plain.stopped_tag if options.get("stopped_tag") is None else str(options["stopped_tag"]).strip(),
        includes=includes_of(options),
        ignore_tag=plain.ignore_tag if options.get("ignore_tag") is None else str(options["ignore_tag"]).strip(),
        prices=read_prices(options.get("price_per_hour")),
        currency=text(options.get("currency"), ""),
    )


@dataclass(frozen=True)
class Item:
    """What one instance comes to.

    :param stop_after: its grace date as the tag has it, None when there is none or it can't be read.
    :param action: tag, untag, stop or none.
    """

    instance: Instance
    verdict: str
    reason: str
    values: Mapping[str, float | None] = field(default_factory=dict)
    stop_after: datetime | None = None
    action: str = "none"
    note: str = ""

    def as_result(self) -> dict[str, Any]:
        """As plain data."""
        return {
            "id": self.instance.id,
            "name": self.instance.name,
            "region": self.instance.region,
            "instance_type": self.instance.instance_type,
            "verdict": self.verdict,
            "reason": self.reason,
            "values": dict(self.values),
            "stop_after": iso(self.stop_after) if self.stop_after else "",
            "action": self.action,
            "note": self.note,
        }


def judge_metrics(
    series: Mapping[str, Mapping[str, Any]], limits: Mapping[str, float], coverage: float
) -> tuple[str, str]:
    """Verdict and reason by metrics alone: active as soon as one is known to reach its limit, idle when all are known to stay under it.

    :param series: what cloudwatch_metric_info says of each metric, by its name.
    """
    lacking = ""
    for metric, limit in limits.items():
        found = series.get(metric)
        value = found.get("value") if found else None
        if value is not None and float(value) >= limit:
            return ACTIVE, f"{metric} reached {float(value):,g}; idle is under {limit:,g}"
        lacking = lacking or _lack(metric, found, value, coverage)
    if lacking:
        return UNKNOWN, lacking
    shown = ", ".join(f"{metric} at most {float(series[metric]['value']):,g}" for metric in limits)
    return IDLE, f"{shown} in the window"


def _lack(metric: str, found: Mapping[str, Any] | None, value: Any, coverage: float) -> str:
    """Why a metric says nothing; "" when it does."""
    if found is None or value is None:
        return f"{metric} has no datapoints"
    if found.get("status", COMPLETE) != COMPLETE:
        return f"{metric} could not be read in full ({found['status']})"
    if float(found.get("coverage") or 0) < coverage:
        share = f"{100 * float(found.get('coverage') or 0):.3g} %"
        return f"{metric} has {found.get('count')} of {found.get('expected')} datapoints ({share}); {100 * coverage:g} % are needed"
    return ""


def plan_idle(
    instances: Sequence[Mapping[str, Any]],
    series: Sequence[Mapping[str, Any]],
    limits: Mapping[str, Any],
    now: datetime,
    given_options: Mapping[str, Any],
) -> dict[str, Any]:
    """The plan of a whole fleet as plain data. Only running instances have a part in it.

    :param series: the series of cloudwatch_metric_info, of all regions and metrics together.
    :param limits: for each metric the value that an idle instance stays under; all of them must hold.
    :raises Invalid: for what can't be read.
    """
    options = read_options(given_options)
    known = _limits(limits)
    by_id: dict[str, dict[str, Mapping[str, Any]]] = {}
    for one in series:
        by_id.setdefault(str(one.get("id")), {})[str(one.get("metric"))] = one
    items = []
    for facts in instances:
        instance = instance_of(facts)
        if instance.state == RUNNING:
            judged = _judge(instance, facts, by_id.get(instance.id, {}), known, now, options)
            items.append(_with_action(judged, now, options))
    return _as_result(items, now, options, given_options)


def _limits(limits: Any) -> dict[str, float]:
    if not isinstance(limits, Mapping) or not limits:
        raise Invalid(f"limits is {limits!r}", hint="It is a mapping of metric to limit, such as CPUUtilization: 5.")
    found = {str(metric): number(limit, f"limits.{metric}") for metric, limit in limits.items()}
    if lacking := [metric for metric, limit in found.items() if limit is None]:
        raise Invalid(f"limits.{lacking[0]} has no value", hint="Give a number, or leave the metric out.")
    return {metric: limit for metric, limit in found.items() if limit is not None}


def _judge(
    instance: Instance,
    facts: Mapping[str, Any],
    series: Mapping[str, Mapping[str, Any]],
    limits: Mapping[str, float],
    now: datetime,
    options: Options,
) -> Item:
    values = {metric: series[metric].get("value") if metric in series else None for metric in limits}
    excluded = left_alone(instance, options.includes, options.ignore_tag)
    if excluded is not None:
        return Item(instance, EXCLUDED, f"{excluded.reason}: {excluded.message}", values)
    verdict, reason = judge_metrics(series, limits, options.coverage)
    if verdict == IDLE and (young := _too_young(facts, now, options)):
        verdict, reason = UNKNOWN, young
    return Item(instance, verdict, reason, values)


def _too_young(facts: Mapping[str, Any], now: datetime, options: Options) -> str:
    launched = facts.get("launch_time")
    if not launched:
        return "its launch time isn't known"
    hours = (now - parse_time(launched)).total_seconds() / 3600
    if hours * 3600 >= options.window:
        return ""
    return f"it runs for {hours:.1f} h; the window of {options.window / 3600:g} h isn't full"


def _with_action(item: Item, now: datetime, options: Options) -> Item:
    """What follows from the verdict and the tag that it had before this run: what is tagged now stops in a later run."""
    written = item.instance.tags.get(options.tag)
    if item.verdict == EXCLUDED:
        return item
    if item.verdict != IDLE:
        stale = written is not None or options.stopped_tag in item.instance.tags
        return replace(item, action="untag") if stale and TAG in options.steps else item
    if written is None:
        note = "not tagged yet"
        return replace(item, action=TAG, note="") if TAG in options.steps else replace(item, note=note)
    try:
        stop_after = parse_time(written)
    except Invalid:
        return replace(item, note=f"its tag {options.tag} says {written!r}, which is no time, so it isn't stopped")
    item = replace(item, stop_after=stop_after)
    if stop_after > now:
        return replace(item, note=f"may be stopped after {iso(stop_after)}")
    return replace(item, action=STOP) if STOP in options.steps else replace(item, note="its grace is over")


def _as_result(
    items: Sequence[Item], now: datetime, options: Options, given_options: Mapping[str, Any]
) -> dict[str, Any]:
    verdicts = {name: [item for item in items if item.verdict == name] for name in (IDLE, ACTIVE, UNKNOWN, EXCLUDED)}
    stops = [item for item in items if item.action == STOP]
    counts = {
        "running": len(items),
        **{name: len(members) for name, members in verdicts.items()},
        "tag": sum(item.action == TAG for item in items),
        "untag": sum(item.action == "untag" for item in items),
        "stop": len(stops),
    }
    monthly = [(float(MONTH_HOURS), options.prices.of(item.instance.instance_type)) for item in verdicts[IDLE]]
    savings = {**bill(monthly), "currency": options.currency}
    stop_after = iso(now + timedelta(seconds=options.grace))
    return {
        "now": iso(now),
        "instances": [item.as_result() for item in items],
        **{name: [item.instance.id for item in members] for name, members in verdicts.items()},
        "tags": [_tags(item, stop_after, options) for item in items if item.action in (TAG, "untag")],
        "stop": [item.instance.id for item in stops],
        "stopped_tags": [_stopped_tags(item, now, options) for item in stops],
        "counts": counts,
        "refused": over_limit("stopped", len(stops), len(items), given_options),
        "savings": savings,
        "lines": _lines(items, counts, savings, stop_after, options),
    }


def _tags(item: Item, stop_after: str, options: Options) -> dict[str, Any]:
    """The change of tags, as ec2_tag takes it."""
    where = {"id": item.instance.id, "region": item.instance.region}
    old = [key for key in (options.stopped_tag,) if key]
    if item.action == TAG:
        return {**where, "tags": {options.tag: stop_after}, "remove_tags": old}
    return {**where, "tags": {}, "remove_tags": [options.tag, *old]}


def _stopped_tags(item: Item, now: datetime, options: Options) -> dict[str, Any]:
    """What is noted once it is stopped. The grace date goes, so that whoever starts it again has the full grace."""
    noted = {options.stopped_tag: iso(now)} if options.stopped_tag else {}
    return {
        "id": item.instance.id,
        "region": item.instance.region,
        "tags": noted,
        "remove_tags": [options.tag],
    }


def _lines(
    items: Sequence[Item], counts: Mapping[str, int], savings: Mapping[str, Any], stop_after: str, options: Options
) -> list[str]:
    """The plan for people: what is idle, what is unknown, then the sums. Those that are active aren't listed."""
    words_for = {TAG: f"tag to stop after {stop_after}", "untag": "remove the tag", STOP: "stop"}
    lines = []
    for item in items:
        if item.verdict == ACTIVE and item.action == "none":
            continue
        what = "; ".join(part for part in (item.reason, item.note, words_for.get(item.action, "")) if part)
        lines.append(f"{item.verdict} {label_of(item.instance)}: {what}")
    lines.append(
        f"{counts['running']} running: {counts[IDLE]} idle, {counts[ACTIVE]} active, {counts[UNKNOWN]} unknown, "
        f"{counts[EXCLUDED]} excluded; {counts['tag']} to tag, {counts['untag']} to untag, {counts['stop']} to stop"
    )
    if counts[IDLE]:
        lines.append(f"without the idle ones a month takes {price_text(savings, options.currency)} less")
    return lines
