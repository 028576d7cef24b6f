# Copyright (c) 2026 cloudops.core contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What schedules want of a whole fleet: which instances start, which stop, in what order, what to remember, and what that saves.

Pure: the caller gives the facts of the instances and the time. What is remembered between runs stands in a tag of each instance.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
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
    flag,
    known_only,
    number,
    text,
    words,
)
from ansible_collections.cloudops.core.plugins.module_utils._domain.power import (
    GONE,
    START,
    STOP,
    Flags,
    Instance,
    by_tier,
    parse_override,
    parse_time,
    power_decision,
)
from ansible_collections.cloudops.core.plugins.module_utils._domain.schedule import (
    Schedule,
    as_dict,
    decide,
    explain,
    iter_transitions,
    parse,
)
from ansible_collections.cloudops.core.plugins.module_utils._domain.times import iso
from ansible_collections.cloudops.core.plugins.module_utils._domain.wallclock import local_iso

HOUR = 3600
_FLAGS = ("enforced", "retain_running", "stop_new_instances", "hibernate")
_OPTIONS = (
    *_FLAGS,
    *(f"include_{kind}" for kind in KINDS),
    "schedule_tag",
    "state_tag",
    "override_tag",
    "tier_tag",
    "tier_order",
    "timezone",
    "periods",
    "holidays",
    "exceptions",
    "ignore_tag",
    "price_per_hour",
    "currency",
    "savings_days",
    "max_instances",
    "max_percent",
)


@dataclass(frozen=True)
class Options:
    """How the plan is made. The names of tags are the keys of an instance's tags.

    :param holidays: dates that are added to those of every schedule.
    :param exceptions: dated exceptions that are added to those of every schedule, and stand above them.
    :param savings_days: how far ahead savings are counted.
    """

    schedule_tag: str = "Schedule"
    state_tag: str = "cloudops.core/power_schedule"
    override_tag: str = "ScheduleOverride"
    tier_tag: str = "Tier"
    tier_order: tuple[str, ...] = ()
    timezone: str = "UTC"
    periods: Any = None
    holidays: tuple[Any, ...] = ()
    exceptions: tuple[Any, ...] = ()
    flags: Flags = field(default_factory=Flags)
    hibernate: bool = False
    includes: frozenset[str] = frozenset()
    ignore_tag: str = "ignore"
    prices: Prices = field(default_factory=Prices)
    currency: str = ""
    savings_days: float = 7


def read_options(options: Mapping[str, Any]) -> Options:
    """Options as people give them.

    :raises Invalid: naming the option.
    """
    known_only(options, _OPTIONS)
    days = number(options.get("savings_days"), "savings_days", 0, 366)
    plain = Options()
    return Options(
        schedule_tag=text(options.get("schedule_tag"), plain.schedule_tag),
        state_tag=text(options.get("state_tag"), plain.state_tag),
        override_tag=text(options.get("override_tag"), plain.override_tag),
        tier_tag=text(options.get("tier_tag"), plain.tier_tag),
        tier_order=words(options.get("tier_order"), "tier_order"),
        timezone=text(options.get("timezone"), plain.timezone),
        periods=options.get("periods") or None,
        holidays=_listed(options.get("holidays"), "holidays"),
        exceptions=_listed(options.get("exceptions"), "exceptions"),
        flags=_flags(options, Flags()),
        hibernate=flag(options.get("hibernate"), "hibernate"),
        includes=includes_of(options),
        ignore_tag=plain.ignore_tag if options.get("ignore_tag") is None else str(options["ignore_tag"]).strip(),
        prices=read_prices(options.get("price_per_hour")),
        currency=text(options.get("currency"), ""),
        savings_days=plain.savings_days if days is None else days,
    )


def _listed(value: Any, name: str) -> tuple[Any, ...]:
    """A list of whatever; a text is a list of words."""
    if isinstance(value, (list, tuple)):
        return tuple(value)
    return words(value, name)


def _flags(spec: Mapping[str, Any], default: Flags) -> Flags:
    return Flags(
        enforced=flag(spec.get("enforced"), "enforced", default.enforced),
        retain_running=flag(spec.get("retain_running"), "retain_running", default.retain_running),
        stop_new_instances=flag(spec.get("stop_new_instances"), "stop_new_instances", default.stop_new_instances),
    )


# Schedules


@dataclass(frozen=True)
class Entry:
    """A schedule as it is at one moment.

    :param state: on, off or any.
    :param change: the next change, for people; "" when there is none.
    :param off_ahead: seconds that it is off within the time that savings are counted for.
    """

    name: str
    schedule: Schedule
    flags: Flags
    hibernate: bool
    state: str
    reason: str
    change: str
    off_ahead: float


class Book:
    """The schedules of a fleet at one moment. Each text is read once, however many instances carry it.

    :raises Invalid: for a schedule that the caller defined and that can't be read.
    """

    def __init__(self, schedules: Mapping[str, Any], instant: int, options: Options) -> None:
        self._instant = instant
        self._options = options
        self._entries: dict[str, Entry | Invalid] = {}
        self._names: dict[str, str] = {}
        for name, spec in schedules.items():
            try:
                self._entries[str(name)] = self._read(str(name), spec)
            except Invalid as error:
                raise Invalid(f"schedule {name}: {error.message}", hint=error.hint) from None
            self._names.setdefault(str(name).casefold(), str(name))

    def find(self, tag: str) -> Entry:
        """The schedule that a tag names or holds.

        :raises Invalid: when it does neither.
        """
        name = tag.strip()
        name = name if name in self._entries else self._names.get(name.casefold(), name)
        if name not in self._entries:
            self._entries[name] = self._read_tag(name)
        entry = self._entries[name]
        if isinstance(entry, Invalid):
            raise entry
        return entry

    def _read_tag(self, tag: str) -> Entry | Invalid:
        if not tag:
            return Invalid("the schedule tag is empty")
        try:
            return self._read(tag, tag)
        except Invalid as error:
            return Invalid(f"the schedule {tag!r} is neither defined nor can it be read as one: {error.message}")

    def _read(self, name: str, spec: Any) -> Entry:
        options = self._options
        schedule = self._with_more_days(parse(spec, options.timezone, options.periods))
        own = _own_flags(spec)
        story = explain(schedule, self._instant)
        return Entry(
            name=name,
            schedule=schedule,
            flags=_flags(own, options.flags),
            hibernate=flag(own.get("hibernate"), "hibernate", options.hibernate),
            state=story["state"],
            reason=story["reason"],
            change=next((_change_text(schedule, change) for change in iter_transitions(schedule, self._instant)), ""),
            off_ahead=self._off_ahead(schedule),
        )

    def _with_more_days(self, schedule: Schedule) -> Schedule:
        options = self._options
        if not options.holidays and not options.exceptions:
            return schedule
        plain = as_dict(schedule)
        more = {"holidays": list(options.holidays), "exceptions": list(options.exceptions)}
        return parse({**plain, **{name: [*plain[name], *items] for name, items in more.items()}})

    def _off_ahead(self, schedule: Schedule) -> float:
        end = self._instant + self._options.savings_days * 24 * HOUR
        at, state, total = float(self._instant), decide(schedule, self._instant).state, 0.0
        for change in iter_transitions(schedule, self._instant):
            until = min(change.at, end)
            total += until - at if state == "off" else 0
            at, state = until, change.decision.state
            if change.at >= end:
                break
        return total + (end - at if state == "off" else 0)

    def seconds_off(self, entry: Entry, override: str) -> float:
        """How long an instance that stops now stays so, at most as long as savings are counted."""
        most = self._options.savings_days * 24 * HOUR
        begin: float = self._instant
        if override:
            end = override.lower().partition(" until ")[2]
            begin = parse_time(end).timestamp() if end.strip() else self._instant + most
        waited = begin - self._instant
        if waited >= most or decide(entry.schedule, int(begin)).state == "on":
            return min(waited, most)
        changes = iter_transitions(entry.schedule, int(begin))
        on_again = next((change.at for change in changes if change.decision.state == "on"), None)
        return most if on_again is None else min(on_again - self._instant, most)


def _own_flags(spec: Any) -> dict[str, Any]:
    """What a schedule says itself of how it is meant; names are compared as those of its other fields are."""
    if not isinstance(spec, Mapping):
        return {}
    squashed = {str(key).lower().replace("_", "").replace("-", ""): value for key, value in spec.items()}
    return {name: squashed.get(name.replace("_", "")) for name in _FLAGS}


def _change_text(schedule: Schedule, change: Any) -> str:
    return f"{change.decision.state} at {local_iso(change.at, schedule.timezone)}"


# The plan


@dataclass(frozen=True)
class Item:
    """What one instance comes to.

    :param stored: what its tag says now, None when there is none.
    :param status: planned (it acts), fine, skipped, or problem.
    """

    instance: Instance
    status: str
    reason: str
    entry: Entry | None = None
    action: str = "none"
    how: str = ""
    stored: str | None = None
    remember: str | None = None
    seconds: float = 0

    def as_result(self, options: Options) -> dict[str, Any]:
        """As plain data."""
        entry = self.entry
        return {
            "id": self.instance.id,
            "name": self.instance.name,
            "region": self.instance.region,
            "instance_type": self.instance.instance_type,
            "state": self.instance.state,
            "status": self.status,
            "action": self.action,
            "reason": self.reason,
            "schedule": self.instance.tags.get(options.schedule_tag, ""),
            "schedule_state": entry.state if entry else "",
            "schedule_reason": entry.reason if entry else "",
            "next_change": entry.change if entry else "",
            "tier": self.instance.tags.get(options.tier_tag, ""),
            "stored_state": self.stored or "",
            "hours_saved": round(self.seconds / HOUR, 2),
        }


def plan_fleet(
    instances: Sequence[Mapping[str, Any]],
    schedules: Mapping[str, Any],
    now: datetime,
    given_options: Mapping[str, Any],
) -> dict[str, Any]:
    """The plan of a whole fleet as plain data. Instances without the schedule tag, and those that are gone, have no part in it.

    :param schedules: definitions by name; a tag that names none of them is read as a schedule itself.
    :param given_options: as :func:`read_options` takes them, and max_instances and max_percent.
    :raises Invalid: for options and definitions that can't be read; a tag that can't be is that instance's problem alone.
    """
    options = read_options(given_options)
    if not isinstance(schedules, Mapping):
        raise Invalid(f"schedules is {schedules!r}", hint="It is a mapping of schedules by name.")
    book = Book(schedules, int(now.timestamp()), options)
    scheduled = [
        one for one in map(instance_of, instances) if options.schedule_tag in one.tags and one.state not in GONE
    ]
    items = [_item(one, book, now, options) for one in scheduled]
    return _as_result(items, now, options, given_options)


def _item(instance: Instance, book: Book, now: datetime, options: Options) -> Item:
    verdict = left_alone(instance, options.includes, options.ignore_tag)
    if verdict is not None:
        return Item(instance, "skipped", f"{verdict.reason}: {verdict.message}")
    override = instance.tags.get(options.override_tag, "").strip()
    try:
        entry = book.find(instance.tags[options.schedule_tag])
        forced = parse_override(override, now)
    except Invalid as error:
        return Item(instance, "problem", error.message)
    stored = instance.tags.get(options.state_tag)
    decision = power_decision(entry.state, stored, instance.state, entry.flags, override, now)
    item = Item(
        instance,
        "fine" if decision.action == "none" else "planned",
        decision.reason,
        entry,
        decision.action,
        stored=stored,
        remember=decision.stored_state if decision.stored_state != stored else None,
    )
    if decision.action == START:
        return replace(item, how="running")
    if decision.action == STOP:
        how = "hibernated" if entry.hibernate and instance.hibernation else "stopped"
        return replace(item, how=how, seconds=book.seconds_off(entry, override if forced else ""))
    return item


def _as_result(
    items: Sequence[Item], now: datetime, options: Options, given_options: Mapping[str, Any]
) -> dict[str, Any]:
    stops = [item for item in items if item.action == STOP]
    starts = [item for item in items if item.action == START]
    scheduled = [item for item in items if item.entry is not None]
    counts = {
        "scheduled": len(items),
        "start": len(starts),
        "stop": len(stops),
        "fine": sum(item.status == "fine" for item in items),
        "skipped": sum(item.status == "skipped" for item in items),
        "problems": sum(item.status == "problem" for item in items),
    }
    refused = over_limit("stopped", len(stops), len(items), given_options)
    refused = refused or over_limit("running", len(starts), len(items), given_options)
    price = options.prices.of
    savings = {
        **bill([(item.seconds / HOUR, price(item.instance.instance_type)) for item in stops]),
        "days": options.savings_days,
        "schedule": bill(
            [(item.entry.off_ahead / HOUR, price(item.instance.instance_type)) for item in scheduled if item.entry]
        ),
        "currency": options.currency,
    }
    return {
        "now": iso(now),
        "instances": [item.as_result(options) for item in items],
        "batches": [*_batches(stops, STOP, options), *_batches(starts, START, options)],
        "remember": [
            {"id": item.instance.id, "region": item.instance.region, "tags": {options.state_tag: item.remember}}
            for item in items
            if item.remember is not None
        ],
        "skipped_instances": _listing(items, "skipped"),
        "problems": _listing(items, "problem"),
        "counts": counts,
        "refused": refused,
        "savings": savings,
        "lines": _lines(items, counts, savings, options),
    }


def _batches(items: Sequence[Item], action: str, options: Options) -> list[dict[str, Any]]:
    """What goes together, in the order in which it goes."""
    batches = []
    for group in by_tier(items, lambda item: item.instance.tags.get(options.tier_tag), action, options.tier_order):
        for state in dict.fromkeys(item.how for item in group):
            members = [item.instance for item in group if item.how == state]
            batches.append(
                {
                    "state": state,
                    "tier": members[0].tags.get(options.tier_tag, ""),
                    "instance_ids": [member.id for member in members],
                    "regions": sorted({member.region for member in members}),
                }
            )
    return batches


def _listing(items: Sequence[Item], status: str) -> list[dict[str, str]]:
    return [
        {
            "id": item.instance.id,
            "name": item.instance.name,
            "region": item.instance.region,
            "reason": item.reason,
        }
        for item in items
        if item.status == status
    ]


def _lines(items: Sequence[Item], counts: Mapping[str, int], savings: Mapping[str, Any], options: Options) -> list[str]:
    """The plan for people: what acts, in its order, then what is wrong, then the sums."""
    lines = []
    for item in items:
        if item.status == "planned" and item.entry is not None:
            saved = f"; saves {item.seconds / HOUR:g} h" if item.action == STOP else ""
            why = "" if item.reason.startswith("overridden") else f" ({item.entry.reason})"
            lines.append(f"{item.action} {label_of(item.instance)}: {item.reason}{why}{saved}")
    lines += [
        f"{item.status} {label_of(item.instance)}: {item.reason}"
        for item in items
        if item.status in ("skipped", "problem")
    ]
    lines.append(
        f"{counts['scheduled']} with a schedule: {counts['start']} to start, {counts['stop']} to stop, {counts['fine']} as they "
        f"should be, {counts['skipped']} skipped, {counts['problems']} with problems"
    )
    if counts["stop"]:
        lines.append(f"stopping saves {price_text(savings, options.currency)} until the schedules start them again")
    lines.append(
        f"over {options.savings_days:g} days the schedules save {price_text(savings['schedule'], options.currency)} "
        "against running all the time"
    )
    return lines
