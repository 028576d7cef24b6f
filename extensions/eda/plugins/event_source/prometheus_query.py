# Copyright (c) 2026 cloudops.core contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Event source: answers of Prometheus that cross their thresholds, and come back.

https://prometheus.io/docs/prometheus/latest/querying/api/#range-queries
"""

from __future__ import annotations

DOCUMENTATION = r"""
short_description: Query Prometheus, and tell when an answer crosses its threshold
description:
  - Asks queries again and again, and holds each against a threshold as M(cloudops.core.prometheus_query_info) does.
  - An event of type V(metric) says that a verdict is V(breached), V(ok) or V(insufficient_data), and what it was before. A query without
    an answer, NaN and infinity have the value V(null), never 0.
  - An event of type V(error) says that something can't be read, and V(recovered) that it can again.
  - Works with whatever has Prometheus's query API, such as Thanos, Mimir, Cortex and VictoriaMetrics. Needs urllib3 where the rulebook
    runs.
options:
  url:
    description:
      - Where Prometheus is, with the path below which its API begins, if there is one. Without user and password.
      - Also from E(PROMETHEUS_URL). One of them is required.
    type: str
  username:
    description:
      - User for basic authentication. Goes with O(password), and excludes O(bearer_token). Also from E(PROMETHEUS_USERNAME).
    type: str
  password:
    description: Password for basic authentication. Also from E(PROMETHEUS_PASSWORD).
    type: str
  bearer_token:
    description: Token that is sent as C(Authorization), after C(Bearer). Also from E(PROMETHEUS_TOKEN).
    type: str
    aliases: [token]
  client_cert:
    description: File with a certificate (PEM) that the server knows us by. It may hold the key as well.
    type: str
  client_key:
    description: File with the key (PEM, not encrypted) of O(client_cert).
    type: str
  ca_cert:
    description:
      - File with the certificate authorities (PEM) to trust. Without it, those that the system trusts. Also from E(PROMETHEUS_CA_CERT).
    type: str
    aliases: [ca_path]
  validate_certs:
    description: Whether the server's TLS certificate is verified. Turn it off for tests only.
    type: bool
    default: true
  headers:
    description: Headers to send along, such as V(X-Scope-OrgID) for a server with many tenants.
    type: dict
  proxy:
    description: URL of an HTTP proxy. Without it there is none.
    type: str
  query:
    description: One query, in PromQL. Either this or O(queries) is required.
    type: str
  id:
    description: Name of O(query) in events. V(q1) where it isn't given.
    type: str
  expect:
    description:
      - With V(one), a query that yields more than one series is an error, as it probably lacks an aggregation.
      - With V(any), there are events for each series, which goes by the id of the query and its labels.
    type: str
    choices: [one, any]
    default: one
  threshold:
    description:
      - When a series is breached. Verdicts are made as alarms of CloudWatch make them; docs/metrics.md has the rules.
    type: dict
    suboptions: &threshold
      operator:
        description:
          - The side of the value that breaches. The names that alarms have for the operators are understood, too.
        type: str
        required: true
        choices: ['>', '>=', '<', '<=', GreaterThanThreshold, GreaterThanOrEqualToThreshold, LessThanThreshold,
                  LessThanOrEqualToThreshold]
      value:
        description: The value that datapoints are compared with.
        type: float
        required: true
      datapoints:
        description: How many datapoints have to breach (M of N). Default is all of C(of).
        type: int
      of:
        description: How many of the newest datapoints are looked at (N). Default is C(datapoints), or else 1.
        type: int
      missing:
        description:
          - What stands in for missing datapoints, when fewer than C(of) are there.
          - V(breaching) and V(not_breaching) let them count as such. V(ignore) keeps the verdict that was. V(missing) gives
            V(insufficient_data) when there is no datapoint at all, and otherwise decides by those that are there.
        type: str
        choices: [breaching, not_breaching, ignore, missing]
        default: missing
      evaluation_range:
        description: How many periods back the datapoints are looked for. Default is C(of) and 2 more.
        type: int
  queries:
    description: Several queries.
    type: list
    elements: dict
    suboptions:
      id:
        description: Name of the query in events. V(q1), V(q2) and so on where it isn't given.
        type: str
      query:
        description: The query, in PromQL.
        type: str
        required: true
      expect:
        description: How many series this query may yield. Default is O(expect).
        type: str
        choices: [one, any]
      threshold:
        description: Threshold of this query. Default is O(threshold).
        type: dict
        suboptions: *threshold
  step:
    description:
      - Time from one datapoint to the next, as a duration. Datapoints are those at whole multiples of the step.
    type: str
    default: 1m
  max_series:
    description: The most series that one query may yield; more are an error.
    type: int
    default: 1000
  interval:
    description:
      - Time between two readings, as a duration such as V(30s) or V(5m), or as seconds.
    type: str
    default: 60s
  jitter:
    description:
      - Share of each pause by which it is made shorter or longer at random, so that many sources don't ask at the same moment.
    type: float
    default: 0.1
  max_backoff:
    description:
      - The longest pause while nothing can be read. It begins with O(interval), and doubles with each failure.
    type: str
    default: 10m
  emit:
    description:
      - V(change) gives an event when a verdict is new or another one, V(always) with each reading. Errors likewise.
    type: str
    choices: [change, always]
    default: change
  timeout:
    description:
      - Time to wait for a connection, and for an answer.
    type: str
    default: 10s
"""

EXAMPLES = r"""
- name: load
  cloudops.core.prometheus_query:
    url: https://prometheus.example.com
    query: avg(shop_cpu_percent{job="shop"})
    id: load
    step: 30s
    interval: 30s
    threshold: {operator: '>', value: 70, datapoints: 3, of: 5}

- name: health
  cloudops.core.prometheus_query:
    url: https://prometheus.example.com/prometheus
    bearer_token: "{{ prometheus_token }}"
    ca_cert: /etc/ssl/certs/example.pem
    emit: always
    queries:
      - id: up
        query: up{job="shop"}
        expect: any
        threshold: {operator: '<', value: 1, missing: breaching}
      - id: backlog
        query: max(shop_queue_depth)
        threshold: {operator: '>', value: 1000}
"""

import asyncio
import difflib
import json
import logging
import math
import operator as operators
import os
import random
import re
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timezone
from typing import Any, Protocol

try:
    import urllib3
except ImportError:  # said when the source starts
    urllib3 = None  # type: ignore[assignment]

SOURCE = "prometheus_query"

# [common] The same in every source of this directory: each file stands alone, as the engine runs it by its path.

LOGGER = logging.getLogger(f"cloudops.core.{SOURCE}")


class Queue(Protocol):
    """What the engine hands over to put events into."""

    async def put(self, event: dict[str, Any], /) -> None:
        """Take an event; waits while the engine is busy."""


class ArgumentError(ValueError):
    """An argument that can't be right. The text names it, and says what to do."""

    def __init__(self, name: str, problem: str, cure: str) -> None:
        super().__init__(f"{name} {problem}. {cure}")


@dataclass(frozen=True)
class Argument:
    """What an argument may be.

    :param kind: text, integer, number, boolean, duration (seconds), texts (a list), lines (a list; as text, one a line),
        mapping, mappings, or raw.
    :param fields: the arguments inside a mapping; without them, it may have any keys.
    """

    kind: str = "text"
    default: Any = None
    required: bool = False
    choices: tuple[str, ...] = ()
    least: float | None = None
    most: float | None = None
    aliases: tuple[str, ...] = ()
    fields: Mapping[str, Argument] = field(default_factory=dict)


def read_arguments(given: Mapping[str, Any], table: Mapping[str, Argument], where: str = "") -> dict[str, Any]:
    """The arguments as they are meant, defaults filled in. None and an empty text mean that one isn't given.

    :raises ArgumentError: for the first that can't be right.
    """
    names = {alias: name for name, argument in table.items() for alias in (name, *argument.aliases)}
    values: dict[str, Any] = {}
    for key, value in given.items():
        if key not in names:
            near = difflib.get_close_matches(str(key), names, 1)
            cure = f"Did you mean {where}{near[0]}?" if near else f"There are {', '.join(table)}."
            raise ArgumentError(f"{where}{key}", "is not an argument of this source", cure)
        if value is None or value == "":
            continue
        name = names[key]
        if name in values:
            raise ArgumentError(f"{where}{name}", f"is given twice, also as {key}", "Leave one of them out.")
        values[name] = _READERS[table[name].kind](value, where + name, table[name])
    for name, argument in table.items():
        if argument.required and name not in values:
            raise ArgumentError(f"{where}{name}", "is missing", "This source can't do without it.")
        values.setdefault(name, argument.default)
    return values


def _read_text(value: Any, name: str, argument: Argument) -> str:
    if isinstance(value, (Mapping, list, tuple)):
        raise ArgumentError(name, f"is a {'mapping' if isinstance(value, Mapping) else 'list'}", "Give a text.")
    text = str(value)
    if argument.choices and text not in argument.choices:
        raise ArgumentError(name, f"is {text!r}", f"It is one of {', '.join(argument.choices)}.")
    return text


def _read_number(value: Any, name: str, argument: Argument) -> float:
    try:
        number = math.nan if isinstance(value, bool) else float(value)
    except (TypeError, ValueError):
        number = math.nan
    if not math.isfinite(number):
        raise ArgumentError(name, f"is {value!r}, which is no number", "Give a number, such as 5 or 0.5.")
    return _within(number, name, argument)


def _read_integer(value: Any, name: str, argument: Argument) -> int:
    number = _read_number(value, name, argument)
    if not number.is_integer():
        raise ArgumentError(name, f"is {value!r}, which is no whole number", "Give a whole number, such as 5.")
    return int(number)


def _within(number: float, name: str, argument: Argument) -> float:
    if argument.least is not None and number < argument.least:
        raise ArgumentError(name, f"is {number:g}", f"It is {argument.least:g} or more.")
    if argument.most is not None and number > argument.most:
        raise ArgumentError(name, f"is {number:g}", f"It is {argument.most:g} or less.")
    return number


_UNITS = {"s": 1, "m": 60, "h": 3600, "d": 86400, "w": 604800}


def _read_duration(value: Any, name: str, argument: Argument) -> float:
    text = "" if isinstance(value, bool) else str(value).strip().lower()
    if re.fullmatch(r"\d+(\.\d+)?", text):
        return _within(float(text), name, argument)
    if not re.fullmatch(r"(\d+(\.\d+)?[smhdw])+", text):
        cure = "Give seconds, or a number with s, m, h, d or w: 90s, 5m, 1h30m."
        raise ArgumentError(name, f"is {value!r}, which is no duration", cure)
    parts = re.findall(r"(\d+(?:\.\d+)?)([smhdw])", text)
    return _within(sum(float(number) * _UNITS[unit] for number, unit in parts), name, argument)


def _read_boolean(value: Any, name: str, _argument: Argument) -> bool:
    word = str(value).strip().lower()
    if word not in ("true", "yes", "on", "1", "false", "no", "off", "0"):
        raise ArgumentError(name, f"is {value!r}", "It is true or false.")
    return word in ("true", "yes", "on", "1")


def _read_texts(value: Any, name: str, argument: Argument) -> tuple[str, ...]:
    if isinstance(value, str):
        value = value.splitlines() if argument.kind == "lines" else re.split(r"[\s,]+", value)
    if not isinstance(value, (list, tuple)):
        raise ArgumentError(name, f"is {value!r}", "Give a list.")
    texts = (_read_text(item, f"{name}[{place}]", argument).strip() for place, item in enumerate(value))
    return tuple(text for text in texts if text)


def _read_mapping(value: Any, name: str, argument: Argument) -> dict[str, Any]:
    if not isinstance(value, Mapping):
        raise ArgumentError(name, f"is {value!r}, which is no mapping", "Give keys and values.")
    return read_arguments(value, argument.fields, f"{name}.") if argument.fields else dict(value)


def _read_mappings(value: Any, name: str, argument: Argument) -> tuple[dict[str, Any], ...]:
    if not isinstance(value, (list, tuple)):
        raise ArgumentError(name, f"is {value!r}", "Give a list of mappings.")
    return tuple(_read_mapping(item, f"{name}[{place}]", argument) for place, item in enumerate(value))


_READERS: Mapping[str, Callable[[Any, str, Argument], Any]] = {
    "text": _read_text,
    "number": _read_number,
    "integer": _read_integer,
    "duration": _read_duration,
    "boolean": _read_boolean,
    "texts": _read_texts,
    "lines": _read_texts,
    "mapping": _read_mapping,
    "mappings": _read_mappings,
    "raw": lambda value, _name, _argument: value,
}


class SourceFailure(Exception):
    """What kept the source from reading, in the words of the error event.

    :param kind: denied, invalid, not_found, throttled, timeout, unavailable, or error.
    :param operation: what was being done, as a verb phrase.
    :param code: the provider's own.
    :param hint: what to do about it.
    """

    def __init__(
        self, kind: str, message: str, operation: str, *, resource: str = "", code: str = "", hint: str = ""
    ) -> None:
        super().__init__(message)
        self.kind, self.message, self.operation = kind, message, operation
        self.resource, self.code, self.hint = resource, code, hint

    def as_event(self) -> dict[str, str]:
        """As data."""
        names = ("kind", "message", "operation", "resource", "code", "hint")
        return {name: getattr(self, name) for name in names}


def iso_time(seconds: float) -> str:
    """A time in ISO 8601, in UTC."""
    return datetime.fromtimestamp(seconds, timezone.utc).isoformat()


def plain(value: Any) -> Any:
    """What comes from outside, with nothing in it that a playbook would take for a template: rules hand it on as variables."""
    if isinstance(value, str):
        return re.sub(r"\{(?=[{%#])", "{ ", value)
    if isinstance(value, Mapping):
        return {plain(str(key)): plain(item) for key, item in value.items()}
    return [plain(item) for item in value] if isinstance(value, (list, tuple)) else value


def make_event(what: str, now: float, /, **facts: Any) -> dict[str, Any]:
    """An event; all have a type, the source's short name, and the time of the reading."""
    return {"type": what, "source": SOURCE, "time": iso_time(now), **plain(facts)}


class Health:
    """What fails at present, and what is told of it: each error when it is new or another one, or every time; and its end."""

    def __init__(self, always: bool) -> None:
        self._always = always
        self._failing: dict[str, tuple[int, float, tuple[str, str]]] = {}

    def failures(self, key: str) -> int:
        """Failures in a row."""
        return self._failing.get(key, (0, 0.0, ("", "")))[0]

    def failed(self, key: str, failure: SourceFailure, now: float, retry_in: float) -> list[dict[str, Any]]:
        """Events of a failure; ``key`` says what couldn't be read, "" is everything."""
        count, since, said = self._failing.get(key, (0, now, ("", "")))
        says = (failure.kind, failure.code)
        self._failing[key] = (count + 1, since, says)
        if says == said and not self._always:
            return []
        LOGGER.warning("%s: %s %s", failure.operation, failure.message, failure.hint)
        # Not "key": the engine shows dots instead of whatever goes by such a name.
        told = {"series": key, "error": failure.as_event(), "failures": count + 1, "since": iso_time(since)}
        return [make_event("error", now, **told, retry_in=round(retry_in, 3))]

    def worked(self, key: str, now: float) -> list[dict[str, Any]]:
        """Events of a success: none, unless it failed before."""
        if key not in self._failing:
            return []
        count, since, _said = self._failing.pop(key)
        return [make_event("recovered", now, series=key, failures=count, since=iso_time(since))]


@dataclass(frozen=True)
class Pace:
    """How long to wait until the next attempt: longer after each failure, and never all at the same moment."""

    interval: float
    jitter: float
    max_backoff: float

    def pause(self, failures: int, chance: float) -> float:
        """Seconds.

        :param failures: failures in a row.
        :param chance: a random number from 0 to 1.
        """
        longest = max(self.max_backoff, self.interval)
        wanted = self.interval * 2.0 ** min(max(failures - 1, 0), 40)
        return min(wanted, longest) * (1 + self.jitter * (2 * chance - 1))


class Printer:
    """A queue for trying the source by hand: prints each event."""

    async def put(self, event: dict[str, Any], /) -> None:
        """Print it."""
        print(json.dumps(event), flush=True)


# [/common]

# [polling] The same in the sources that read values again and again.

BREACHED, OK, INSUFFICIENT_DATA = "breached", "ok", "insufficient_data"
OPERATORS: Mapping[str, Callable[[float, float], bool]] = {
    ">": operators.gt,
    ">=": operators.ge,
    "<": operators.lt,
    "<=": operators.le,
}
# The names that alarms of CloudWatch have for them.
OPERATOR_NAMES = {
    "GreaterThanThreshold": ">",
    "GreaterThanOrEqualToThreshold": ">=",
    "LessThanThreshold": "<",
    "LessThanOrEqualToThreshold": "<=",
}
# CloudWatch looks at 5 periods where 3 count; how many more it takes in general is not published.
SPARE_PERIODS = 2

THRESHOLD = Argument(
    "mapping",
    fields={
        "operator": Argument(required=True, choices=(*OPERATORS, *OPERATOR_NAMES)),
        "value": Argument("number", required=True),
        "datapoints": Argument("integer", least=1),
        "of": Argument("integer", least=1),
        "missing": Argument(default="missing", choices=("breaching", "not_breaching", "ignore", "missing")),
        "evaluation_range": Argument("integer", least=1),
    },
)
POLLING_ARGUMENTS = {
    "interval": Argument("duration", 60.0, least=0.1),
    "jitter": Argument("number", 0.1, least=0, most=0.5),
    "max_backoff": Argument("duration", 600.0, least=0),
    "emit": Argument(default="change", choices=("change", "always")),
    "timeout": Argument("duration", 10.0, least=0.1),
}


@dataclass(frozen=True)
class Threshold:
    """When a series is breached: ``datapoints`` of the newest ``of``, looked for in ``evaluation_range`` periods."""

    operator: str
    value: float
    datapoints: int
    of: int
    missing: str
    evaluation_range: int

    @classmethod
    def read(cls, given: Mapping[str, Any], name: str) -> Threshold:
        """From an argument.

        :raises ArgumentError: when it contradicts itself.
        """
        of = given["of"] or given["datapoints"] or 1
        datapoints = given["datapoints"] or of
        wide = given["evaluation_range"] or of + SPARE_PERIODS
        if datapoints > of:
            raise ArgumentError(
                name, f"asks for {datapoints} of {of} datapoints", f"Let {name}.datapoints be {of} or less."
            )
        if wide < of:
            raise ArgumentError(f"{name}.evaluation_range", f"is {wide}", f"It is {of} or more, as {name}.of is {of}.")
        operator = OPERATOR_NAMES.get(given["operator"], given["operator"])
        return cls(operator, given["value"], datapoints, of, given["missing"], wide)

    def judge(self, values: Sequence[float | None], previous: str | None) -> tuple[str, str]:
        """Verdict and reason over one evaluation range, oldest period first; None is missing, and never 0.

        :param previous: the verdict before, which ``missing: ignore`` keeps.
        """
        slots = [None if value is None else OPERATORS[self.operator](value, self.value) for value in values]
        real = [slot for slot in slots if slot is not None][-self.of :]
        filled = self.of - len(real)
        state, why = self._decide(slots, real, previous or INSUFFICIENT_DATA)
        reason = f"{sum(real)} of {len(real)} datapoints {self.operator} {self.value:g}"
        reason += f"; {self.datapoints} of {self.of} needed"
        return state, reason + (f", {filled} missing in {len(slots)} periods{why}" if filled else "")

    def _decide(self, slots: Sequence[bool | None], real: Sequence[bool], previous: str) -> tuple[str, str]:
        """As alarms of CloudWatch do. The word about missing datapoints is for where they mattered."""
        breaching, filled = sum(real), self.of - len(real)
        if breaching >= self.datapoints:
            return BREACHED, ""
        if not filled:
            return OK, ""
        if self.missing == "breaching":
            return (BREACHED if breaching + filled >= self.datapoints else OK), ", taken as breaching"
        if self.missing == "not_breaching":
            return OK, ", taken as not breaching"
        if not all(real):
            return OK, ""
        # Here every real datapoint breaches, or there is none: what is missing could turn it either way.
        if self.missing == "ignore":
            return previous, ", so the verdict before stays"
        if not real:
            return INSUFFICIENT_DATA, ""
        oldest = len(slots) - next(place for place, slot in enumerate(slots) if slot is not None)
        if oldest >= self.datapoints:
            return BREACHED, f", and none since the first breach, {oldest} periods back, says otherwise"
        return OK, f", and the first breach is only {oldest} periods back"

    def as_event(self) -> dict[str, Any]:
        """As data."""
        return {name: getattr(self, name) for name in THRESHOLD.fields}


@dataclass(frozen=True)
class Observation:
    """What one series says now.

    :param key: what the series goes by; ``id`` is what was asked for, and may have several series.
    :param value: the newest value; None is no data.
    :param timestamp: its time in seconds since 1970.
    """

    key: str
    id: str
    verdict: str
    reason: str
    value: float | None
    timestamp: float | None
    facts: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class Trouble:
    """A series that couldn't be read; the key "" stands for all."""

    key: str
    failure: SourceFailure


Reading = Sequence[Observation | Trouble]


class Monitor:
    """What is known of all series, and so what is new in a reading. Has no clock of its own."""

    def __init__(self, options: Mapping[str, Any]) -> None:
        self._always = options["emit"] == "always"
        self._pace = Pace(options["interval"], options["jitter"], options["max_backoff"])
        self._health = Health(self._always)
        self._known: dict[str, Observation] = {}
        self._failures = 0

    @property
    def verdicts(self) -> dict[str, str]:
        """The last verdict of each series."""
        return {key: seen.verdict for key, seen in self._known.items()}

    def take(self, reading: Reading, now: float, chance: float) -> tuple[list[dict[str, Any]], float]:
        """The events of a reading, and the seconds until the next; it is put off only when nothing at all could be read."""
        seen = [entry for entry in reading if isinstance(entry, Observation)]
        troubles = [entry for entry in reading if isinstance(entry, Trouble)]
        self._failures = self._failures + 1 if troubles and not seen else 0
        pause = self._pace.pause(self._failures, chance)
        events = [] if any(trouble.key == "" for trouble in troubles) else self._health.worked("", now)
        for trouble in troubles:
            events += self._health.failed(trouble.key, trouble.failure, now, pause)
        for entry in seen:
            events += self._health.worked(entry.key, now) + self._told(entry, now)
        if not any(trouble.key == "" for trouble in troubles):
            events += self._gone({entry.key for entry in reading}, now)
        return events, pause

    def _told(self, entry: Observation, now: float) -> list[dict[str, Any]]:
        before = self._known.get(entry.key)
        self._known[entry.key] = entry
        changed = before is None or before.verdict != entry.verdict
        if not changed and not self._always:
            return []
        when = None if entry.timestamp is None else iso_time(entry.timestamp)
        told: dict[str, Any] = {
            "id": entry.id,
            "series": entry.key,
            "verdict": entry.verdict,
            "verdict_reason": entry.reason,
        }
        told |= {"previous": before.verdict if before else None, "changed": changed, "value": entry.value}
        told |= {"timestamp": when, "age": None if entry.timestamp is None else round(now - entry.timestamp, 3)}
        told["metrics"] = [{"name": entry.id, "value": entry.value, "timestamp": when}]
        return [make_event("metric", now, **told, **entry.facts)]

    def _gone(self, present: set[str], now: float) -> list[dict[str, Any]]:
        """Series that there are no more: that is missing data, told once."""
        events: list[dict[str, Any]] = []
        for key in [key for key in self._known if key not in present]:
            last = self._known[key]
            if last.verdict != INSUFFICIENT_DATA:
                last = replace(last, verdict=INSUFFICIENT_DATA, reason="the series is gone", value=None, timestamp=None)
                events += self._told(last, now)
            del self._known[key]
        return events


class Readable(Protocol):
    """What is read again and again; it may block, as it runs in a thread."""

    def read(self, verdicts: Mapping[str, str]) -> Reading:
        """One reading; is given the verdicts so far."""

    def close(self) -> None:
        """Let go of connections."""


async def poll(queue: Queue, options: Mapping[str, Any], source: Readable) -> None:
    """Read and tell until cancelled."""
    monitor = Monitor(options)
    try:
        while True:
            reading = await _attempt(source.read, monitor.verdicts)
            events, pause = monitor.take(reading, time.time(), random.random())
            for event in events:
                await queue.put(event)
            await asyncio.sleep(pause)
    finally:
        source.close()


async def _attempt(read: Callable[[Mapping[str, str]], Reading], verdicts: Mapping[str, str]) -> Reading:
    try:
        return await asyncio.to_thread(read, verdicts)
    except SourceFailure as failure:
        return [Trouble("", failure)]
    except Exception as error:  # an answer that nobody foresaw must not end a rulebook that runs for months
        LOGGER.exception("unexpected")
        words = f"{type(error).__name__}: {error}"
        return [Trouble("", SourceFailure("error", words, "read", hint="The engine's log has the traceback."))]


# [/polling]

QUERY = Argument(
    "mappings",
    fields={
        "id": Argument(),
        "query": Argument(required=True),
        "expect": Argument(choices=("one", "any")),
        "threshold": THRESHOLD,
    },
)
ARGUMENTS = {
    "url": Argument(),
    "username": Argument(),
    "password": Argument(),
    "bearer_token": Argument(aliases=("token",)),
    "client_cert": Argument(),
    "client_key": Argument(),
    "ca_cert": Argument(aliases=("ca_path",)),
    "validate_certs": Argument("boolean", True),
    "headers": Argument("mapping"),
    "proxy": Argument(),
    "query": Argument(),
    "id": Argument(),
    "expect": Argument(default="one", choices=("one", "any")),
    "threshold": THRESHOLD,
    "queries": QUERY,
    "step": Argument("duration", 60.0, least=0.001),
    "max_series": Argument("integer", 1000, least=1),
    **POLLING_ARGUMENTS,
}
FROM_ENVIRONMENT = {
    "url": "PROMETHEUS_URL",
    "username": "PROMETHEUS_USERNAME",
    "password": "PROMETHEUS_PASSWORD",
    "bearer_token": "PROMETHEUS_TOKEN",
    "ca_cert": "PROMETHEUS_CA_CERT",
}


@dataclass(frozen=True)
class Query:
    """One question, and when its answer is a breach."""

    id: str
    text: str
    many: bool
    threshold: Threshold


def read_options(args: Mapping[str, Any]) -> tuple[dict[str, Any], list[Query]]:
    """Arguments and queries.

    :raises ArgumentError: when they can't be right.
    """
    options = read_arguments(args, ARGUMENTS)
    _fill_up(options)
    _check_connection(options)
    if bool(options["query"]) == bool(options["queries"]):
        raise ArgumentError("query", "and queries are both given, or neither", "Give one of them.")
    given = options["queries"] or [{"id": options["id"], "query": options["query"], "expect": None, "threshold": None}]
    queries = [_query(entry, place, options) for place, entry in enumerate(given)]
    ids = [query.id for query in queries]
    for place, name in enumerate(ids):
        if name in ids[:place]:
            raise ArgumentError(f"queries[{place}].id", f"is {name!r}, as another one", "Give each an id of its own.")
    if urllib3 is None:
        raise RuntimeError(f"{SOURCE} needs urllib3: install it for {sys.executable}, which runs the rulebook.")
    return options, queries


def _fill_up(options: dict[str, Any]) -> None:
    """From the environment; a user there doesn't go with a token here, nor the other way round."""
    ours = {"username", "password", "bearer_token"}
    signed_in = any(options[name] for name in ours)
    for name, variable in FROM_ENVIRONMENT.items():
        if not options[name] and not (signed_in and name in ours):
            options[name] = os.environ.get(variable) or None


def _check_connection(options: Mapping[str, Any]) -> None:
    url = options["url"]
    if not url:
        raise ArgumentError("url", "is missing", "Give it, or set PROMETHEUS_URL.")
    if not re.match(r"https?://[^/@]+(/[^?#]*)?$", url):
        raise ArgumentError(
            "url", "is no plain address", "It is like https://prometheus.example.com, without user, query and fragment."
        )
    if bool(options["username"]) != bool(options["password"]):
        missing = "password" if options["username"] else "username"
        raise ArgumentError(missing, "is missing", "Give both username and password.")
    if options["username"] and options["bearer_token"]:
        raise ArgumentError("bearer_token", "is given together with username", "Give one or the other.")
    if options["client_key"] and not options["client_cert"]:
        raise ArgumentError("client_cert", "is missing", "Give it with client_key.")
    for name in ("client_cert", "client_key", "ca_cert"):
        if options[name] and not os.path.isfile(options[name]):
            raise ArgumentError(
                name, f"is {options[name]}, which is no file", "Name a file of the host that runs the rulebook."
            )


def _query(given: Mapping[str, Any], place: int, options: Mapping[str, Any]) -> Query:
    where = f"queries[{place}]." if options["queries"] else ""
    threshold, name = given["threshold"], f"{where}threshold"
    if not threshold:
        threshold, name = options["threshold"], "threshold"
    if not threshold:
        raise ArgumentError("threshold", "is missing", "Give operator and value, such as {operator: '>', value: 70}.")
    many = (given["expect"] or options["expect"]) == "any"
    return Query(given["id"] or f"q{place + 1}", given["query"], many, Threshold.read(threshold, name))


class Source:
    """Asks the queries, one after the other. Blocks: for a thread."""

    def __init__(
        self, options: Mapping[str, Any], queries: Sequence[Query], clock: Callable[[], float] = time.time
    ) -> None:
        self._options = options
        self._queries = queries
        self._clock = clock
        self._pool: Any = None

    def read(self, verdicts: Mapping[str, str]) -> Reading:
        """One reading. What is wrong with one query doesn't keep the others from being read."""
        if self._pool is None:
            self._pool = _open_pool(self._options)
        reading: list[Observation | Trouble] = []
        now = self._clock()
        for query in self._queries:
            try:
                reading += self._ask(query, now, verdicts)
            except SourceFailure as failure:
                if failure.kind not in ("invalid", "error"):
                    raise
                reading += [Trouble(key, failure) for key in _known(query, verdicts) or [query.id]]
        return reading

    def close(self) -> None:
        """Let go of connections."""
        if self._pool is not None:
            self._pool.clear()

    def _ask(self, query: Query, now: float, verdicts: Mapping[str, str]) -> list[Observation | Trouble]:
        step = self._options["step"]
        end = math.floor(now / step) * step
        periods = query.threshold.evaluation_range
        start = end - (periods - 1) * step
        answer = self._send({"query": query.text, "start": repr(start), "end": repr(end), "step": repr(step)}, query.id)
        result = self._checked(answer, query)
        shared = {"query": query.text, "step": step, "threshold": query.threshold.as_event()}
        if answer.get("warnings"):
            shared["warnings"] = answer["warnings"]
        if not result and set(_known(query, verdicts)) <= {query.id}:  # else those that it had are gone
            result = [{}]
        found: list[Observation | Trouble] = []
        for series in result:
            labels = series.get("metric") or {}
            key = f"{query.id}/{_series_name(labels)}" if query.many and labels else query.id
            slots, newest = _slots(series.get("values") or (), start, step, periods)
            verdict, reason = query.threshold.judge(slots, verdicts.get(key))
            value = None if newest is None else slots[newest]
            when = None if newest is None else start + newest * step
            found.append(Observation(key, query.id, verdict, reason, value, when, {**shared, "labels": labels}))
        return found

    def _checked(self, answer: Mapping[str, Any], query: Query) -> list[dict[str, Any]]:
        data = answer.get("data") or {}
        result = data.get("result")
        if data.get("resultType") != "matrix" or not isinstance(result, list):
            kind = data.get("resultType")
            raise _failure(
                "error", f"the answer is no matrix but {kind}", query.id, "", "Check that url is a Prometheus."
            )
        if len(result) > 1 and not query.many:
            cure = "Put sum(), avg() or max() around the query, or set expect: any."
            raise _failure("invalid", f"the query yields {len(result)} series", query.id, "ManySeries", cure)
        if len(result) > self._options["max_series"]:
            cure = "Aggregate in the query, or raise max_series."
            raise _failure("invalid", f"the query yields {len(result)} series", query.id, "TooManySeries", cure)
        return result

    def _send(self, fields: Mapping[str, str], name: str) -> dict[str, Any]:
        timeout = self._options["timeout"]
        url = self._options["url"].rstrip("/") + "/api/v1/query_range"
        try:
            response = self._pool.request(
                "POST",
                url,
                fields=dict(fields),
                encode_multipart=False,
                headers=_headers(self._options),
                timeout=urllib3.Timeout(connect=timeout, read=timeout),
                retries=urllib3.Retry(total=1, status_forcelist=(502, 503, 504), allowed_methods=None, redirect=0),
            )
        except urllib3.exceptions.MaxRetryError as error:
            raise _unreached(error.reason or error, name) from error
        except (urllib3.exceptions.HTTPError, OSError) as error:
            raise _unreached(error, name) from error
        return _answer(response.status, response.data, name)


def _open_pool(options: Mapping[str, Any]) -> Any:
    trust = {
        "cert_reqs": "CERT_REQUIRED" if options["validate_certs"] else "CERT_NONE",
        "ca_certs": options["ca_cert"],
        "cert_file": options["client_cert"],
        "key_file": options["client_key"],
    }
    given = {name: value for name, value in trust.items() if value}
    return urllib3.ProxyManager(options["proxy"], **given) if options["proxy"] else urllib3.PoolManager(**given)


def _headers(options: Mapping[str, Any]) -> dict[str, str]:
    headers = {"Accept": "application/json", "User-Agent": "cloudops.core"}
    if options["bearer_token"]:
        headers["Authorization"] = f"Bearer {options['bearer_token']}"
    elif options["username"]:
        headers |= urllib3.util.make_headers(basic_auth=f"{options['username']}:{options['password']}")
    return headers | {str(name): str(value) for name, value in (options["headers"] or {}).items()}


def _known(query: Query, verdicts: Mapping[str, str]) -> list[str]:
    """The keys under which series of a query have been seen."""
    return [key for key in verdicts if key == query.id or key.startswith(f"{query.id}/")]


def _series_name(labels: Mapping[str, str]) -> str:
    """As Prometheus writes it."""
    inner = ",".join(
        f"{name}={json.dumps(value, ensure_ascii=False)}"
        for name, value in sorted(labels.items())
        if name != "__name__"
    )
    return labels.get("__name__", "") + (f"{{{inner}}}" if inner else "")


def _slots(
    values: Sequence[Sequence[Any]], start: float, step: float, periods: int
) -> tuple[list[float | None], int | None]:
    """A place for each step, and which holds the newest value. NaN and infinity are missing."""
    slots: list[float | None] = [None] * periods
    newest = None
    for moment, text in values:
        place, value = round((float(moment) - start) / step), float(text)
        if 0 <= place < periods and math.isfinite(value):
            slots[place], newest = value, place
    return slots, newest


def _answer(status: int, body: bytes, name: str) -> dict[str, Any]:
    try:
        answer = json.loads(body)
    except ValueError:
        answer = None
    if isinstance(answer, dict) and status == 200 and answer.get("status") == "success":
        return answer
    said = answer if isinstance(answer, dict) else {}
    code = str(said.get("errorType") or status)
    message = str(said.get("error") or f"the server answers with status {status}")
    if status in (401, 403):
        raise _failure("denied", message, name, code, "Check bearer_token, or username and password.")
    if status == 429:
        raise _failure("throttled", message, name, code, "Take a longer interval.")
    if status in (400, 422) and said:
        raise _failure("invalid", message, name, code, "Correct the query.")
    if status == 404:
        raise _failure("not_found", message, name, code, "Check url: /api/v1/query_range comes after it.")
    if status < 500 and not said:
        raise _failure("unavailable", message, name, code, "Check that url is a Prometheus.")
    kind = "timeout" if code == "timeout" else "unavailable"
    raise _failure(kind, message, name, code, "Look at the server's log; a simpler query may help.")


def _unreached(error: Exception, name: str) -> SourceFailure:
    code = type(error).__name__
    if "Timeout" in code:
        return _failure("timeout", str(error), name, code, "Check url and the network, or raise timeout.")
    if "SSL" in code or "ertificate" in str(error):
        return _failure(
            "unavailable", str(error), name, code, "Set ca_cert to the authority that signed the server's certificate."
        )
    return _failure("unavailable", str(error), name, code, "Check url, the network, and that the server runs.")


def _failure(kind: str, message: str, name: str, code: str, hint: str) -> SourceFailure:
    return SourceFailure(kind, message, "query Prometheus", resource=name, code=code, hint=hint)


async def main(queue: Queue, args: dict[str, Any]) -> None:
    """Ask until cancelled, and put what the answers say into the queue."""
    options, queries = read_options(args)
    await poll(queue, options, Source(options, queries))


if __name__ == "__main__":
    # To try it by hand: python prometheus_query.py '{"url": "http://127.0.0.1:9090", "query": "up", ...}'
    asyncio.run(main(Printer(), json.loads(sys.argv[1])))
