# Copyright (c) 2026 cloudops.core contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Schedules written as mappings: our own form, and Instance Scheduler on AWS in each of its spellings.

Field semantics: https://docs.aws.amazon.com/solutions/latest/instance-scheduler-on-aws/period-reference.html
Keys are compared without case and underscores, so that ``begintime``, ``BeginTime`` and ``Begintime`` are one field.
YAML 1.1 reads an unquoted ``on`` as true, ``18:00`` as the number 1080 and ``2026-12-24`` as a date; all of which is
understood.
"""

from __future__ import annotations

import difflib
import re
from collections.abc import Callable, Iterable, Mapping
from datetime import date, datetime
from functools import lru_cache
from typing import Any

from ansible_collections.cloudops.core.plugins.module_utils._core.errors import Invalid
from ansible_collections.cloudops.core.plugins.module_utils._domain.schedule_model import (
    EVERY,
    LAST,
    MONTHS,
    WEEKDAYS,
    DatedException,
    Days,
    Period,
    Schedule,
    State,
)
from ansible_collections.cloudops.core.plugins.module_utils._domain.wallclock import (
    DAY_MINUTES,
    edge,
    instant_of,
    read_moment,
    zone,
)

_STATES: dict[object, State] = {
    "on": "on",
    "running": "on",
    True: "on",
    "off": "off",
    "stopped": "off",
    False: "off",
    "any": "any",
}

_SCHEDULE_FIELDS = ("timezone", "periods", "holidays", "exceptions", "override", "override_status")
# Instance Scheduler's own: what to do with an instance rather than when. Whoever acts on the state reads them.
_SCHEDULE_IGNORED = (
    "name",
    "description",
    "type",
    "enforced",
    "hibernate",
    "retain_running",
    "stop_new_instances",
    "use_metrics",
    "metrics",
    "use_maintenance_window",
    "ssm_maintenance_window",
    "configured_in_stack",
    "service_token",
    "no_stack_prefix",
)
_PERIOD_FIELDS = ("name", "timezone", "begintime", "endtime", "weekdays", "monthdays", "months")
_PERIOD_IGNORED = ("description", "type", "instance_type", "configured_in_stack")
_EXCEPTION_FIELDS = ("name", "from", "to", "state")

_CLOCK = re.compile(r"(\d{1,2}):(\d\d)", re.ASCII)


def read_mapping(spec: Mapping[Any, Any], default_zone: str, definitions: Mapping[str, Mapping[Any, Any]]) -> Schedule:
    """A schedule from a mapping.

    :param default_zone: for a schedule that names none.
    :param definitions: periods by name, for a schedule that lists names (Instance Scheduler's tables).
    :raises Invalid: names the field and the cure.
    """
    data = _fields(spec, "schedule", _SCHEDULE_FIELDS, _SCHEDULE_IGNORED)
    if data.get("ssm_maintenance_window"):
        raise Invalid(
            "schedule.ssm_maintenance_window: maintenance windows of Systems Manager are not read",
            hint="Leave the field out and list the windows under exceptions with state on.",
        )
    zone_text = read_zone(data.get("timezone"), "schedule.timezone") or default_zone
    schedule = Schedule(
        timezone=zone_text,
        periods=_read_periods(data.get("periods"), zone_text, definitions),
        holidays=_read_holidays(data.get("holidays")),
        exceptions=_read_exceptions(data.get("exceptions"), zone_text),
        override=_read_override(data),
    )
    if not schedule.periods and not schedule.exceptions and schedule.override is None:
        raise Invalid("schedule: empty, it has no periods", hint="Add periods, or override: on or off.")
    return schedule


def read_zone(value: object, field: str) -> str | None:
    """A checked zone name, or None where there is none."""
    if value is None or value == "":
        return None
    if not isinstance(value, str):
        raise Invalid(f"{field}: {value!r} is not a time zone", hint="Give an IANA name such as Europe/Berlin.")
    name = str(value).strip()
    try:
        zone(name)
    except Invalid as exc:
        raise Invalid(f"{field}: {exc.message}", hint=exc.hint) from None
    return name


def read_state(value: object, field: str) -> State:
    """on, off or any; also running and stopped, and the booleans that YAML makes of on and off."""
    key = value.strip().lower() if isinstance(value, str) else value
    if isinstance(key, (str, bool)) and key in _STATES:
        return _STATES[key]
    raise Invalid(f"{field}: {value!r} is not a state", hint="Use on, off or any.")


def _squash(name: object) -> str:
    return str(name).lower().replace("_", "").replace("-", "")


@lru_cache(maxsize=8)
def _spellings(names: tuple[str, ...]) -> dict[object, str]:
    return {**{_squash(name): name for name in names}, **{name: name for name in names}}


def _fields(spec: object, where: str, known: tuple[str, ...], ignored: tuple[str, ...] = ()) -> dict[str, Any]:
    if not isinstance(spec, Mapping):
        raise Invalid(f"{where}: {spec!r} is not a mapping", hint="Write it as field: value.")
    names = _spellings(known + ignored)
    data: dict[str, Any] = {}
    for key, value in spec.items():
        name = names.get(key) or names.get(_squash(key))
        if name is None:
            near = difflib.get_close_matches(_squash(key), [_squash(name) for name in known], n=1)
            raise Invalid(
                f"{where}: unknown field {str(key)!r}",
                hint=f"Did you mean {names[near[0]]}?" if near else f"Known are {', '.join(known)}.",
            )
        data[name] = value
    return data


def _read_override(data: Mapping[str, Any]) -> State | None:
    given = {
        read_state(data[name], f"schedule.{name}")
        for name in ("override", "override_status")
        if data.get(name) not in (None, "")
    }
    if len(given) > 1:
        raise Invalid("schedule.override: contradicts override_status", hint="Leave one of the two out.")
    return given.pop() if given else None


def _read_periods(value: object, zone_text: str, definitions: Mapping[str, Mapping[Any, Any]]) -> tuple[Period, ...]:
    if isinstance(value, str):
        value = [name for name in value.split(",") if name.strip()]
    if value is None:
        return ()
    if isinstance(value, Mapping) or not isinstance(value, Iterable):
        raise Invalid(f"schedule.periods: {value!r} is not a list", hint="Write a list of periods.")
    periods = []
    for index, item in enumerate(value):
        field = f"periods[{index}]"
        name = ""
        if isinstance(item, str):
            # Instance Scheduler's "name@type" asks for an instance type, which is none of a schedule's business here.
            name = item.split("@")[0].strip()
            if name not in definitions:
                raise Invalid(
                    f"{field}: no period named {name!r} is defined", hint="Give the definitions with periods=."
                )
            field, item = f"{field} {name!r}", definitions[name]
        periods.append(_read_period(item, field, zone_text, name))
    return tuple(periods)


def read_definitions(value: object) -> dict[str, Mapping[Any, Any]]:
    """Named periods, from a mapping by name or from a list of periods that each have a name."""
    if value is None:
        return {}
    if isinstance(value, Mapping):
        return {str(name): period for name, period in value.items()}
    if isinstance(value, str) or not isinstance(value, Iterable):
        raise Invalid(f"periods: {value!r} are no periods", hint="Give a mapping by name, or a list with names.")
    named = {}
    for index, item in enumerate(value):
        name = _fields(item, f"periods[{index}]", _PERIOD_FIELDS, _PERIOD_IGNORED).get("name")
        if not name:
            raise Invalid(f"periods[{index}]: has no name", hint="Give each period of the list a name.")
        named[str(name)] = item
    return named


def _read_period(spec: object, field: str, zone_text: str, name: str) -> Period:
    data = _fields(spec, field, _PERIOD_FIELDS, _PERIOD_IGNORED)
    own_zone = read_zone(data.get("timezone"), f"{field}.timezone")
    begin = read_clock(data.get("begintime"), f"{field}.begintime", last=DAY_MINUTES - 1)
    end = read_clock(data.get("endtime"), f"{field}.endtime", last=DAY_MINUTES)
    period = Period(
        days=Days(
            months=_read_months(data.get("months"), f"{field}.months"),
            weekdays=_read_weekdays(data.get("weekdays"), f"{field}.weekdays"),
            **_read_monthdays(data.get("monthdays"), f"{field}.monthdays"),
        ),
        begin=begin,
        end=close(begin, end, field),
        timezone=own_zone if own_zone and own_zone != zone_text else "",
        name=str(data.get("name") or name),
    )
    if period.days == Days() and begin is None and end is None:
        raise Invalid(
            f"{field}: empty, it has neither times nor days", hint="Add some; for always on use override: on instead."
        )
    return period


def close(begin: int | None, end: int | None, field: str) -> int | None:
    """The end of a window as kept: midnight after a begin is the end of the begin's day."""
    if begin is None or end is None:
        return end
    if begin == end:
        raise Invalid(
            f"{field}: begintime and endtime are equal, so the window is empty",
            hint="Leave both out for all day, or use 00:00 and 24:00.",
        )
    return end or DAY_MINUTES


def read_clock(value: object, field: str, last: int) -> int | None:
    """The minute of the day, at most ``last``; None where there is none."""
    if value is None or value == "":
        return None
    if isinstance(value, int) and not isinstance(value, bool) and 60 <= value <= last:
        return value
    match = _CLOCK.fullmatch(value.strip()) if isinstance(value, str) else None
    if match is not None:
        hour, minute = int(match[1]), int(match[2])
        if minute < 60 and hour * 60 + minute <= last:
            return hour * 60 + minute
    top = "24:00" if last == DAY_MINUTES else "23:59"
    raise Invalid(f"{field}: {value!r} is not a time of day", hint=f'Use HH:MM in quotes, "00:00" to "{top}".')


def tokens(value: object, field: str) -> list[str] | None:
    """The items of a field that is a list, a comma-separated text or one number; None where it is unset."""
    if value is None:
        return None
    items = value if isinstance(value, Iterable) and not isinstance(value, (str, Mapping)) else [value]
    found: list[str] = []
    for item in items:
        if isinstance(item, bool) or not isinstance(item, (str, int)):
            raise Invalid(f"{field}: {item!r} is neither a name nor a number", hint='Use a list such as ["mon-fri"].')
        found.extend(part.strip() for part in str(item).split(","))
    if not any(found):
        raise Invalid(f"{field}: empty", hint="Leave the field out if it does not matter.")
    if "" in found:
        raise Invalid(f"{field}: a comma with nothing beside it", hint="Remove the comma.")
    return found


def sequence(
    token: str, field: str, lookup: Callable[[str, str], int], bounds: tuple[int, int], wrap: bool
) -> list[int]:
    """The members of ``a``, ``a-b``, ``*``, each with an optional ``/step``."""
    body, slash, step_text = token.partition("/")
    step = int(step_text) if step_text.isascii() and step_text.isdigit() else 0
    if slash and step < 1:
        raise Invalid(f"{field}: {token!r} has no step after the slash", hint="Use a number from 1, such as */2.")
    low, high = bounds
    if body in ("*", "?"):
        first, last = low, high
    elif "-" in body:
        first, last = (lookup(part.strip(), field) for part in body.split("-", 1))
    else:
        first = lookup(body, field)
        last = high if slash else first
    if first <= last:
        members = list(range(first, last + 1))
    elif wrap:
        members = [*range(first, high + 1), *range(low, last + 1)]
    else:
        raise Invalid(f"{field}: the range {token!r} runs backwards", hint=f"Write {last}-{first}, or two ranges.")
    return members[:: step or 1]


def _by_name(names: tuple[str, ...], offset: int, what: str, cure: str) -> Callable[[str, str], int]:
    """A lookup by number, or by the name's first three letters or more."""

    def lookup(text: str, field: str) -> int:
        if text.isascii() and text.isdigit() and offset <= int(text) < offset + len(names):
            return int(text)
        if len(text) >= 3:
            for index, name in enumerate(names):
                if name.startswith(text.lower()):
                    return index + offset
        raise Invalid(f"{field}: {text!r} is not a {what}", hint=cure)

    return lookup


weekday_of = _by_name(
    WEEKDAYS, 0, "weekday", "Use mon to sun, or 0 (Monday) to 6 (Sunday), such as mon-fri, mon#1 or friL."
)
_month_of = _by_name(MONTHS, 1, "month", "Use jan to dec, or 1 to 12, such as jan-mar or jan/3.")


def _monthday_of(text: str, field: str) -> int:
    if text.isascii() and text.isdigit() and 1 <= int(text) <= 31:
        return int(text)
    if text in ("L", "l"):
        return 31
    raise Invalid(
        f"{field}: {text!r} is not a day of the month",
        hint="Use 1 to 31, L for the last, 15W, */2 or a range such as 1-7.",
    )


def _read_months(value: object, field: str) -> frozenset[int] | None:
    found = tokens(value, field)
    if found is None:
        return None
    return frozenset(month for token in found for month in sequence(token, field, _month_of, (1, 12), wrap=True))


def _read_weekdays(value: object, field: str) -> frozenset[tuple[int, int]] | None:
    found = tokens(value, field)
    if found is None:
        return None
    pairs: set[tuple[int, int]] = set()
    for token in found:
        name, mark, nth = token.partition("#")
        if mark:
            if nth not in ("1", "2", "3", "4", "5"):
                raise Invalid(
                    f"{field}: {token!r} asks for no week of the month", hint="Use #1 to #5, or L for the last."
                )
            pairs.add((weekday_of(name, field), int(nth)))
        elif token[-1] in "Ll" and len(token) > 1:
            pairs.add((weekday_of(token[:-1], field), LAST))
        else:
            pairs.update((day, EVERY) for day in sequence(token, field, weekday_of, (0, 6), wrap=True))
    return frozenset(pairs)


def _read_monthdays(value: object, field: str) -> dict[str, Any]:
    found = tokens(value, field)
    if found is None:
        return {}
    days: set[int] = set()
    near: set[int] = set()
    for token in found:
        if token in ("L", "l"):
            days.add(LAST)
        elif token[-1] in "Ww" and token[:-1].isdigit():
            near.add(_monthday_of(token[:-1], field))
        else:
            days.update(sequence(token, field, _monthday_of, (1, 31), wrap=False))
    return {"monthdays": frozenset(days), "near": frozenset(near)}


def _listed(value: object, field: str) -> list[Any]:
    if value is None:
        return []
    if isinstance(value, (str, Mapping)) or not isinstance(value, Iterable):
        raise Invalid(f"{field}: {value!r} is not a list", hint="Write a list.")
    return list(value)


def _read_holidays(value: object) -> frozenset[date]:
    days = set()
    for index, item in enumerate(_listed(value, "schedule.holidays")):
        field = f"holidays[{index}]"
        day = read_moment(item, field)
        if isinstance(day, datetime):
            raise Invalid(f"{field}: {item!s} has a time of day", hint="Give the date alone; for hours use exceptions.")
        days.add(day)
    return frozenset(days)


def _read_exceptions(value: object, zone_text: str) -> tuple[DatedException, ...]:
    found = []
    for index, item in enumerate(_listed(value, "schedule.exceptions")):
        field = f"exceptions[{index}]"
        data = _fields(item, field, _EXCEPTION_FIELDS)
        missing = [name for name in ("from", "to", "state") if data.get(name) in (None, "")]
        if missing:
            raise Invalid(f"{field}: {missing[0]} is missing", hint="An exception needs from, to and state.")
        begin = bound(data["from"], f"{field}.from", zone_text, last=False)
        end = bound(data["to"], f"{field}.to", zone_text, last=True)
        if begin >= end:
            raise Invalid(
                f"{field}: runs backwards, {data['to']} is not after {data['from']}", hint="Swap from and to."
            )
        found.append(
            DatedException(begin, end, read_state(data["state"], f"{field}.state"), str(data.get("name") or ""))
        )
    return tuple(found)


def bound(value: object, field: str, zone_text: str, last: bool) -> int:
    """The instant of one end of an exception; a date alone is the whole day."""
    moment = read_moment(value, field)
    if isinstance(moment, datetime):
        return instant_of(moment, zone_text, last)
    return edge(zone_text, moment.toordinal(), DAY_MINUTES if last else 0, last)
