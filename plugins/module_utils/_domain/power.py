# Copyright (c) 2026 cloudops.core contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Which instances of a fleet act, which are left alone, what became of each, and what a schedule wants of one.

The states and what may follow which: https://docs.aws.amazon.com/AWSEC2/latest/UserGuide/ec2-instance-lifecycle.html
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timezone
from enum import Enum
from typing import Any

from ansible_collections.cloudops.core.plugins.module_utils._core.errors import (
    Conflict,
    Invalid,
)
from ansible_collections.cloudops.core.plugins.module_utils._domain.times import read_iso

PENDING, RUNNING, STOPPING, STOPPED = "pending", "running", "stopping", "stopped"
SHUTTING_DOWN, TERMINATED = "shutting-down", "terminated"
GONE = (SHUTTING_DOWN, TERMINATED)

START, STOP, HIBERNATE, REBOOT = "start", "stop", "hibernate", "reboot"
# The state in which an action is accepted, and the one that it leads to.
NEEDS = {START: STOPPED, STOP: RUNNING, HIBERNATE: RUNNING, REBOOT: RUNNING}
LEADS_TO = {START: RUNNING, STOP: STOPPED, HIBERNATE: STOPPED, REBOOT: RUNNING}
PASSES = {START: PENDING, STOP: STOPPING, HIBERNATE: STOPPING, REBOOT: RUNNING}
_FALSE_WORDS = ("false", "no", "off", "0")


@dataclass(frozen=True)
class Instance:
    """One instance as its provider tells it.

    :param spot: "" (not a spot instance), "persistent", "one-time", or "unknown" (nobody could say which).
    :param state_reason: the provider's code for the last change of state.
    """

    id: str
    region: str
    state: str
    name: str = ""
    tags: Mapping[str, str] = field(default_factory=dict)
    autoscaling_group: str = ""
    spot: str = ""
    root_device_type: str = "ebs"
    hibernation: bool = False
    instance_type: str = ""
    zone: str = ""
    state_reason: str = ""
    state_message: str = ""

    @property
    def label(self) -> str:
        """Id and name, for messages."""
        return f"{self.id} ({self.name})" if self.name else self.id


@dataclass(frozen=True)
class Wish:
    """What the fleet shall become.

    :param includes: kinds that are otherwise left alone: autoscaling, spot, instance_store, ignored, stopped.
    :param settle_time: seconds that a started instance must stay running.
    """

    state: str
    wait: bool = True
    force: bool = False
    skip_os_shutdown: bool = False
    includes: frozenset[str] = frozenset()
    ignore_tag: str = ""
    wait_timeout: float = 600
    settle_time: float = 0
    max_instances: int | None = None
    max_percent: float | None = None


class Fate(Enum):
    """What is to become of an instance, or became of it."""

    ACT = "act"
    ACT_LATER = "act_later"
    THERE = "there"
    ON_THE_WAY = "on_the_way"
    SKIPPED = "skipped"
    FAILED = "failed"


@dataclass(frozen=True)
class Verdict:
    """The decision for one instance.

    :param action: what is called ("" when nothing is).
    :param reason: why it is left alone or refused, as a code.
    :param message: the same as a sentence.
    """

    fate: Fate
    action: str = ""
    reason: str = ""
    message: str = ""


# (wanted state, state) -> fate and action. Whatever isn't listed is on its way out and can't be brought anywhere.
_TABLE: Mapping[tuple[str, str], tuple[Fate, str]] = {
    ("running", RUNNING): (Fate.THERE, ""),
    ("running", PENDING): (Fate.ON_THE_WAY, START),
    ("running", STOPPED): (Fate.ACT, START),
    ("running", STOPPING): (Fate.ACT_LATER, START),
    ("stopped", STOPPED): (Fate.THERE, ""),
    ("stopped", STOPPING): (Fate.ON_THE_WAY, STOP),
    ("stopped", RUNNING): (Fate.ACT, STOP),
    ("stopped", PENDING): (Fate.ACT_LATER, STOP),
    ("hibernated", STOPPED): (Fate.THERE, ""),
    ("hibernated", STOPPING): (Fate.ON_THE_WAY, HIBERNATE),
    ("hibernated", RUNNING): (Fate.ACT, HIBERNATE),
    ("hibernated", PENDING): (Fate.ACT_LATER, HIBERNATE),
    ("restarted", RUNNING): (Fate.ACT, REBOOT),
    # It is booting this very moment: that is what was asked for.
    ("restarted", PENDING): (Fate.ON_THE_WAY, START),
    ("restarted", STOPPED): (Fate.ACT, START),
    ("restarted", STOPPING): (Fate.ACT_LATER, START),
}


def judge(instance: Instance, wish: Wish) -> Verdict:
    """What to do with one instance."""
    found = _TABLE.get((wish.state, instance.state))
    if found is None:
        return Verdict(
            Fate.FAILED, "", "IncorrectInstanceState", f"is {instance.state} and can't become {wish.state} any more"
        )
    fate, action = found
    if wish.force and instance.state == STOPPING and action == STOP:
        fate = Fate.ACT  # the provider's own remedy for an instance that is stuck there
    if fate not in (Fate.ACT, Fate.ACT_LATER):
        return Verdict(fate, action)
    left_alone = next((verdict for rule in _SKIP_RULES if (verdict := rule(instance, wish, action))), None)
    if left_alone:
        return left_alone
    return _refusal(instance, wish, fate, action) or Verdict(fate, action)


def _refusal(instance: Instance, wish: Wish, fate: Fate, action: str) -> Verdict | None:
    """What is known to fail isn't tried."""
    if action == HIBERNATE and not instance.hibernation:
        return Verdict(
            Fate.FAILED,
            "",
            "UnsupportedHibernationConfiguration",
            "wasn't launched with hibernation enabled, so it can't hibernate",
        )
    if fate is Fate.ACT_LATER and not wish.wait:
        return Verdict(
            Fate.FAILED,
            "",
            "IncorrectInstanceState",
            f"is {instance.state}; a {action} is possible only once it is {NEEDS[action]}, and wait is off",
        )
    return None


def _skip(reason: str, message: str) -> Verdict:
    return Verdict(Fate.SKIPPED, "", reason, message)


def _skip_ignored(instance: Instance, wish: Wish, action: str) -> Verdict | None:
    if "ignored" in wish.includes or not wish.ignore_tag or wish.ignore_tag not in instance.tags:
        return None
    if instance.tags[wish.ignore_tag].strip().lower() in _FALSE_WORDS:
        return None
    return _skip("ignored", f"has the tag {wish.ignore_tag}; include_ignored overrides it")


def _skip_autoscaling(instance: Instance, wish: Wish, action: str) -> Verdict | None:
    if "autoscaling" in wish.includes or not instance.autoscaling_group:
        return None
    return _skip(
        "autoscaling",
        f"belongs to Auto Scaling group {instance.autoscaling_group}, which would replace it; "
        "scale the group, or set include_autoscaling",
    )


def _skip_spot(instance: Instance, wish: Wish, action: str) -> Verdict | None:
    if "spot" in wish.includes or action not in (STOP, HIBERNATE) or instance.spot in ("", "persistent"):
        return None
    which = "one-time" if instance.spot == "one-time" else "possibly one-time (its request can't be read)"
    return _skip("spot", f"is a spot instance of a {which} request, which can't stop; include_spot tries it anyway")


def _skip_instance_store(instance: Instance, wish: Wish, action: str) -> Verdict | None:
    if "instance_store" in wish.includes or action not in (STOP, HIBERNATE):
        return None
    if instance.root_device_type != "instance-store":
        return None
    return _skip(
        "instance_store", "has its root device in the instance store, so it can't stop; include_instance_store tries it"
    )


def _skip_stopped(instance: Instance, wish: Wish, action: str) -> Verdict | None:
    if wish.state != "restarted" or action != START or "stopped" in wish.includes:
        return None
    return _skip("stopped", f"is {instance.state}; a restart leaves it so unless include_stopped is set")


_SKIP_RULES: tuple[Callable[[Instance, Wish, str], Verdict | None], ...] = (
    _skip_ignored,
    _skip_autoscaling,
    _skip_spot,
    _skip_instance_store,
    _skip_stopped,
)


def check_limits(acting: int, matched: int, wish: Wish) -> None:
    """Refuse to act on more than was allowed.

    :raises Conflict: before anything was done.
    """
    what = {"running": "start", "stopped": "stop", "hibernated": "hibernate", "restarted": "restart"}[wish.state]
    if wish.max_instances is not None and acting > wish.max_instances:
        raise Conflict(
            f"this would {what} {acting} instances, more than max_instances={wish.max_instances}; nothing was done",
            code="LimitExceeded",
            hint="Look at the instances in check mode, then raise max_instances or narrow the selection.",
        )
    if wish.max_percent is not None and acting * 100 > wish.max_percent * matched:
        raise Conflict(
            f"this would {what} {acting} of {matched} instances, more than max_percent={wish.max_percent:g}; nothing was done",
            code="LimitExceeded",
            hint="Look at the instances in check mode, then raise max_percent or narrow the selection.",
        )


# Tiers


def by_tier(
    items: Iterable[Any], tier_of: Callable[[Any], Any], action: str, order: Sequence[str] = ()
) -> list[list[Any]]:
    """Groups that start one after the other, lowest tier first; on a stop the other way round.

    Tiers named in ``order`` come first, in that order; then numbers by size, then names by the alphabet, then what has no tier.

    :raises Invalid: for an action that is neither start nor stop.
    """
    if action not in (START, STOP):
        raise Invalid(f"action is {action!r}", hint="It is start or stop.")
    places = {str(tier): place for place, tier in enumerate(order)}
    groups: dict[tuple[int, float, str], list[Any]] = {}
    for item in items:
        groups.setdefault(_tier_key(tier_of(item), places), []).append(item)
    return [groups[key] for key in sorted(groups, reverse=action == STOP)]


def _tier_key(tier: Any, places: Mapping[str, int]) -> tuple[int, float, str]:
    text = "" if tier is None else str(tier).strip()
    if text in places:
        return 0, places[text], ""
    if not text:
        return 3, 0, ""
    try:
        number = float(text)
    except ValueError:
        return 2, 0, text
    return (2, 0, text) if math.isnan(number) else (1, number, "")


# What a schedule wants of one instance


@dataclass(frozen=True)
class Flags:
    """How a schedule is meant.

    :param enforced: what people start or stop by hand is undone at once.
    :param retain_running: an instance that ran already when its period began isn't stopped when the period ends.
    :param stop_new_instances: stop an instance that is met for the first time outside its periods.
    """

    enforced: bool = False
    retain_running: bool = False
    stop_new_instances: bool = True


@dataclass(frozen=True)
class Decision:
    """What to do, why, and what to remember once it is done."""

    action: str
    reason: str
    stored_state: str

    def as_result(self) -> dict[str, str]:
        """As plain data."""
        return {"action": self.action, "reason": self.reason, "stored_state": self.stored_state}


UNKNOWN, ANY, RETAIN = "unknown", "any", "retain_running"
_SCHEDULE_WORDS = {"on": RUNNING, "running": RUNNING, "off": STOPPED, "stopped": STOPPED, "any": ANY}
_STORED_WORDS = {
    **_SCHEDULE_WORDS,
    RETAIN: RETAIN,
    "retain-running": RETAIN,
    "": UNKNOWN,
    "none": UNKNOWN,
    "unknown": UNKNOWN,
}
_ALIVE = (PENDING, RUNNING, STOPPING, STOPPED)


def power_decision(
    schedule_state: str,
    stored_state: str | None,
    instance_state: str,
    flags: Flags = Flags(),
    override: Any = None,
    now: datetime | None = None,
) -> Decision:
    """Start, stop or leave alone.

    Acts on the edges of the schedule, so what a person does in between stands until the next one; ``enforced`` acts on the level.
    Both look at the schedule's level only, so a run that was missed is made up for by the next one.

    :param schedule_state: on, off or any.
    :param stored_state: what the last decision said to remember; None, or words that nobody knows, for an instance met for the first time.
    :param override: "on", "off" or "any", or "on until TIME", or the same as a mapping; it stands above schedule and flags.
    :param now: for the override's end.
    :raises Invalid: for a state of the schedule or of the instance that doesn't exist.
    """
    wanted = _SCHEDULE_WORDS.get(_word(schedule_state))
    if wanted is None:
        raise Invalid(f"schedule_state is {schedule_state!r}", hint="It is on, off or any.")
    if instance_state not in (*_ALIVE, *GONE):
        raise Invalid(f"the instance state is {instance_state!r}", hint=f"It is one of {', '.join((*_ALIVE, *GONE))}.")
    stored = _STORED_WORDS.get(_word(stored_state), UNKNOWN)
    if instance_state in GONE:
        return Decision("none", f"the instance is {instance_state}", stored)
    try:
        forced = parse_override(override, now)
    except Invalid as error:
        return Decision("none", f"the override can't be read, so it is left alone: {error.message}", stored)
    up = instance_state in (PENDING, RUNNING)
    if forced is not None:
        return _overridden(forced, up)
    if wanted == RUNNING:
        return _when_on(stored, up, flags)
    if wanted == STOPPED:
        return _when_off(stored, up, flags)
    return Decision("none", "the schedule leaves it as it is", ANY)


def _word(value: Any) -> str:
    if isinstance(value, bool):  # YAML reads on and off without quotes as these
        return "on" if value else "off"
    return "" if value is None else str(value).strip().lower()


def _overridden(forced: str, up: bool) -> Decision:
    """What is remembered makes the schedule's next word an edge, so it takes over when the override ends."""
    if forced == ANY:
        return Decision("none", "overridden: left as it is", ANY)
    word = "on" if forced == RUNNING else "off"
    if up == (forced == RUNNING):
        return Decision("none", f"overridden: {word}, and it is so", forced)
    return Decision(START if forced == RUNNING else STOP, f"overridden: {word}", forced)


def _when_on(stored: str, up: bool, flags: Flags) -> Decision:
    if not up and flags.enforced:
        return Decision(START, "the schedule is on and enforced", RUNNING)
    if flags.retain_running and not flags.enforced:
        if stored == RETAIN and up:
            return Decision("none", "it ran before its period began and is retained", RETAIN)
        if stored == STOPPED and up:
            return Decision("none", "somebody started it before its period began; it is retained", RETAIN)
    if up:
        return Decision("none", "the schedule is on and it runs", RUNNING)
    if stored in (RUNNING, RETAIN):
        kept = RETAIN if stored == RETAIN and flags.retain_running else RUNNING
        return Decision("none", "somebody stopped it; that stands until the next transition", kept)
    first = " for the first time" if stored == UNKNOWN else ""
    return Decision(START, f"the schedule is on{first}", RUNNING)


def _when_off(stored: str, up: bool, flags: Flags) -> Decision:
    if not up:
        return Decision("none", "the schedule is off and it is stopped", STOPPED)
    if stored == UNKNOWN and not flags.stop_new_instances:
        return Decision("none", "it is new, and new instances aren't stopped", STOPPED)
    if flags.enforced:
        return Decision(STOP, "the schedule is off and enforced", STOPPED)
    if stored == RETAIN and flags.retain_running:
        return Decision("none", "its period is over, but it ran before it began and is retained", STOPPED)
    if stored == STOPPED:
        return Decision("none", "somebody started it; that stands until the next transition", STOPPED)
    first = " for the first time" if stored == UNKNOWN else ""
    return Decision(STOP, f"the schedule is off{first}", STOPPED)


def parse_override(override: Any, now: datetime | None = None) -> str | None:
    """The state that an override asks for, or None when there is none or its time is over.

    :raises Invalid: when it can't be read.
    """
    if override is None or override == "" or override == {}:
        return None
    if isinstance(override, Mapping):
        unknown = sorted(str(key) for key in override if key not in ("state", "until"))
        if unknown or "state" not in override:
            raise Invalid(f"the override {dict(override)!r} isn't {{state, until}}")
        word, until = _word(override["state"]), override.get("until")
    else:
        word, _until, until = (part.strip() for part in _word(override).partition(" until "))
    state = _SCHEDULE_WORDS.get(word)
    if state is None:
        raise Invalid(f"the override {override!r} is neither on, off nor any")
    if until is None or until == "":
        return state
    end = parse_time(until)
    if now is None:
        raise Invalid("the override has an end, but the time isn't known")
    return state if _with_zone(now) < end else None


def parse_time(value: Any) -> datetime:
    """A time in ISO 8601; without a zone it is UTC.

    :raises Invalid: when it can't be read.
    """
    if isinstance(value, datetime):
        return _with_zone(value)
    text = str(value).strip().upper()
    try:
        return _with_zone(read_iso(text))
    except ValueError:
        raise Invalid(f"{value!r} isn't a time in ISO 8601") from None


def _with_zone(when: datetime) -> datetime:
    """A time without a zone is UTC."""
    return when if when.tzinfo else when.replace(tzinfo=timezone.utc)
