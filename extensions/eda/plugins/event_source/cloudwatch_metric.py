# Copyright (c) 2026 cloudops.core contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Event source: CloudWatch metrics that cross their thresholds, and come back.

https://docs.aws.amazon.com/AmazonCloudWatch/latest/APIReference/API_GetMetricData.html
"""

from __future__ import annotations

DOCUMENTATION = r"""
short_description: Watch CloudWatch metrics, and tell when one crosses its threshold
description:
  - Reads metrics again and again, all in one call, and holds each against a threshold as M(cloudops.core.cloudwatch_metric_info) does.
  - An event of type V(metric) says that a verdict is V(breached), V(ok) or V(insufficient_data), and what it was before. A metric without
    datapoints has the value V(null), never 0.
  - An event of type V(error) says that something can't be read, and V(recovered) that it can again.
  - Needs the permission C(cloudwatch:GetMetricData), and boto3 where the rulebook runs.
options:
  instance_ids:
    description:
      - Instances to read O(metric) of; or the values of whatever O(dimension) names. A list, or a text with commas or blanks.
      - Excludes O(queries).
    type: list
    elements: str
    aliases: [dimension_values]
  metric:
    description: Metric to read, such as V(CPUUtilization). Either this or O(queries) is required.
    type: str
    aliases: [metric_name]
  namespace:
    description: Namespace of O(metric).
    type: str
    default: AWS/EC2
  dimension:
    description: Dimension that O(instance_ids) gives the values of.
    type: str
    default: InstanceId
  dimensions:
    description: All dimensions of O(metric), or those besides O(dimension). CloudWatch finds a metric only under all its dimensions.
    type: dict
  unit:
    description: Only datapoints that were published with this unit.
    type: str
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
    description: Queries of any kind, up to 500. Each has C(metric) and C(namespace), or C(expression).
    type: list
    elements: dict
    suboptions:
      id:
        description:
          - Name of the query, in events and in expressions. Begins with a small letter; letters, digits and underscores follow. Default is
            V(q1), V(q2) and so on.
        type: str
      namespace:
        description: Namespace of the metric. Default is O(namespace).
        type: str
      metric:
        description: Name of the metric.
        type: str
        aliases: [metric_name]
      dimensions:
        description: All dimensions of the metric, with their values.
        type: dict
      stat:
        description: Statistic. Default is O(stat).
        type: str
      unit:
        description: Only datapoints that were published with this unit.
        type: str
      expression:
        description: Metric math over the ids of other queries, a C(SEARCH), or a query of Metrics Insights (C(SELECT)).
        type: str
      account:
        description: Id of the account that has the metric, when it shares its metrics with this one.
        type: str
        aliases: [account_id]
      return_data:
        description: Whether there are events about it. V(false) for what only an expression needs.
        type: bool
        default: true
      threshold:
        description: Threshold of this query. Default is O(threshold).
        type: dict
        suboptions: *threshold
  stat:
    description: Statistic that CloudWatch makes of the samples within a period, such as V(Average), V(Maximum), V(Sum) or V(p99).
    type: str
    default: Average
  period:
    description: Length of a period, as a duration. Whole minutes, or 1, 5, 10, 20 or 30 seconds for metrics of high resolution.
    type: str
    default: 5m
  delay:
    description: How long after its end a period counts as over, as a duration. For metrics that arrive late.
    type: str
    default: 0s
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
  access_key:
    description:
      - Access key id. Goes with O(secret_key), and excludes O(profile).
      - Without it, boto3 looks in its usual places, E(AWS_ACCESS_KEY_ID) first, then the shared configuration, then the instance profile
        or web identity.
    type: str
    aliases: [aws_access_key_id, aws_access_key]
  secret_key:
    description: Secret access key. Also from E(AWS_SECRET_ACCESS_KEY).
    type: str
    aliases: [aws_secret_access_key, aws_secret_key]
  session_token:
    description: Session token of temporary credentials. Also from E(AWS_SESSION_TOKEN).
    type: str
    aliases: [aws_session_token]
  profile:
    description: Profile in the shared configuration. Also from E(AWS_PROFILE).
    type: str
    aliases: [aws_profile]
  region:
    description: Region to ask. Also from E(AWS_REGION) or E(AWS_DEFAULT_REGION), then from the profile.
    type: str
    aliases: [aws_region]
  endpoint_url:
    description: URL of an endpoint to talk to instead of the service's own. Also from E(AWS_URL) and E(AWS_ENDPOINT_URL).
    type: str
    aliases: [aws_endpoint_url]
  aws_ca_bundle:
    description: File with the certificate authorities to trust. Also from E(AWS_CA_BUNDLE).
    type: str
  validate_certs:
    description: Whether the endpoint's TLS certificate is verified. Turn it off for tests only.
    type: bool
    default: true
  assume_role_arn:
    description: ARN of a role to assume with the credentials above. Its credentials renew themselves.
    type: str
  external_id:
    description: External id that the role's trust policy asks for. Goes with O(assume_role_arn).
    type: str
"""

EXAMPLES = r"""
- name: cpu
  cloudops.core.cloudwatch_metric:
    region: eu-central-1
    instance_ids: [i-0123456789abcdef0, i-0123456789abcdef1]
    metric: CPUUtilization
    threshold: {operator: '>', value: 80, datapoints: 2, of: 3}

- name: errors
  cloudops.core.cloudwatch_metric:
    region: eu-central-1
    period: 1m
    interval: 30s
    emit: always
    threshold: {operator: '>', value: 5}
    queries:
      - id: errors
        namespace: AWS/ApplicationELB
        metric: HTTPCode_Target_5XX_Count
        stat: Sum
        dimensions: {LoadBalancer: app/shop/0123456789abcdef}
        return_data: false
      - id: requests
        namespace: AWS/ApplicationELB
        metric: RequestCount
        stat: Sum
        dimensions: {LoadBalancer: app/shop/0123456789abcdef}
        return_data: false
      - id: percent
        expression: 100 * errors / requests
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
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from datetime import datetime, timezone
from typing import Any, Protocol

try:
    import boto3
    import botocore.config
    import botocore.credentials
    import botocore.exceptions
except ImportError:  # said when the source starts
    boto3 = None  # type: ignore[assignment]

SOURCE = "cloudwatch_metric"

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

# [aws] The same in the sources that ask AWS. Names, aliases and environment variables are those of the modules.

AWS_ARGUMENTS = {
    "access_key": Argument(aliases=("aws_access_key_id", "aws_access_key")),
    "secret_key": Argument(aliases=("aws_secret_access_key", "aws_secret_key")),
    "session_token": Argument(aliases=("aws_session_token",)),
    "profile": Argument(aliases=("aws_profile",)),
    "region": Argument(aliases=("aws_region",)),
    "endpoint_url": Argument(aliases=("aws_endpoint_url",)),
    "aws_ca_bundle": Argument(),
    "validate_certs": Argument("boolean", True),
    "assume_role_arn": Argument(),
    "external_id": Argument(),
}
ATTEMPTS = 2

_DENIED = (
    "AccessDenied AccessDeniedException AuthFailure ExpiredToken ExpiredTokenException InvalidAccessKeyId InvalidClientTokenId "
    "InvalidToken RequestExpired SignatureDoesNotMatch UnauthorizedOperation UnrecognizedClientException"
)
_THROTTLED = "RequestLimitExceeded RequestThrottled SlowDown Throttling ThrottlingException TooManyRequestsException"
_KINDS = {code: kind for kind, codes in (("denied", _DENIED), ("throttled", _THROTTLED)) for code in codes.split()}
_CURES = {
    "denied": "Check the credentials, and allow the action in the identity's IAM policy.",
    "throttled": "Take a longer interval, or ask for less at once.",
    "unavailable": "Check endpoint_url, the region and the network.",
    "timeout": "Check endpoint_url and the network, or raise timeout.",
    "invalid": "Correct the arguments: the service's words say which.",
    "not_found": "Check the name, the region and the account.",
}
_OURS = {
    "NoCredentialsError": ("denied", "Set access_key and secret_key, profile, or the environment that boto3 reads."),
    "PartialCredentialsError": ("denied", "Give both access_key and secret_key."),
    "CredentialRetrievalError": ("denied", _CURES["denied"]),
    "ProfileNotFound": ("invalid", "Correct profile or AWS_PROFILE."),
    "NoRegionError": ("invalid", "Set region, AWS_REGION, or a region in the profile."),
    "ReadTimeoutError": ("timeout", _CURES["timeout"]),
    "ConnectTimeoutError": ("timeout", _CURES["timeout"]),
    "SSLError": ("unavailable", "Set aws_ca_bundle to the authority that signed the endpoint's certificate."),
    "ConnectionError": ("unavailable", _CURES["unavailable"]),
    "HTTPClientError": ("unavailable", _CURES["unavailable"]),
    "ParamValidationError": ("invalid", _CURES["invalid"]),
}


def check_connection(options: Mapping[str, Any]) -> None:
    """See that the connection's arguments fit together, and that there is an SDK.

    :raises ArgumentError: when they don't.
    """
    if bool(options["access_key"]) != bool(options["secret_key"]):
        raise ArgumentError(
            "access_key" if options["secret_key"] else "secret_key", "is missing", "Give both keys, or none."
        )
    if options["session_token"] and not options["access_key"]:
        raise ArgumentError("session_token", "is given without keys", "Give access_key and secret_key with it.")
    if options["profile"] and options["access_key"]:
        raise ArgumentError("profile", "is given together with keys", "Give one or the other.")
    if options["external_id"] and not options["assume_role_arn"]:
        raise ArgumentError("external_id", "is given without assume_role_arn", "Give the role, or leave it out.")
    if boto3 is None:
        raise RuntimeError(f"{SOURCE} needs boto3: install it for {sys.executable}, which runs the rulebook.")


def make_client(service: str, options: Mapping[str, Any]) -> Any:
    """A client of a service. Takes a while, as the SDK reads its models and looks for credentials: for a thread."""
    keys = {name: options[name] or None for name in ("access_key", "secret_key", "session_token")}
    if not keys["access_key"] and not options["profile"]:
        keys["access_key"], keys["secret_key"] = os.environ.get("AWS_ACCESS_KEY"), os.environ.get("AWS_SECRET_KEY")
        if os.environ.get("AWS_ACCESS_KEY_ID") or os.environ.get("AWS_PROFILE") or not all(list(keys.values())[:2]):
            keys["access_key"] = keys["secret_key"] = None
    session: Any = boto3.session.Session(
        aws_access_key_id=keys["access_key"],
        aws_secret_access_key=keys["secret_key"],
        aws_session_token=keys["session_token"],
        profile_name=options["profile"],
        region_name=options["region"] or os.environ.get("AWS_REGION"),
    )
    if options["assume_role_arn"]:
        session = _assume_role(session, options)
    return session.client(service, **_client_options(options))


def _client_options(options: Mapping[str, Any]) -> dict[str, Any]:
    config = botocore.config.Config(
        connect_timeout=options["timeout"],
        read_timeout=options["timeout"],
        retries={"mode": "standard", "total_max_attempts": ATTEMPTS},
        user_agent_extra="cloudops.core",
    )
    verify = options["aws_ca_bundle"] if options["validate_certs"] else False
    return {
        "endpoint_url": options["endpoint_url"] or os.environ.get("AWS_URL") or None,
        "verify": verify,
        "config": config,
    }


def _assume_role(session: Any, options: Mapping[str, Any]) -> Any:
    """A session with the role's credentials, which renew themselves: a rulebook runs for longer than an hour."""
    shared = _client_options(options)
    if ".amazonaws.com" in (shared["endpoint_url"] or ""):  # Amazon's endpoints serve one service each
        shared["endpoint_url"] = None

    def sts(service: str, **given: Any) -> Any:
        return session.client(service, **{**given, **shared})

    source = session.get_credentials()
    if source is None:
        raise botocore.exceptions.NoCredentialsError
    more = {"RoleSessionName": "cloudops.core"} | (
        {"ExternalId": options["external_id"]} if options["external_id"] else {}
    )
    fetcher = botocore.credentials.AssumeRoleCredentialFetcher(
        client_creator=sts, source_credentials=source, role_arn=options["assume_role_arn"], extra_args=more
    )
    assumed: Any = boto3.session.Session(region_name=session.region_name)
    assumed._session._credentials = botocore.credentials.DeferredRefreshableCredentials(
        method="assume-role", refresh_using=fetcher.fetch_credentials
    )
    return assumed


@contextmanager
def aws_errors(operation: str, resource: str = "") -> Iterator[None]:
    """Turn what boto3 raises inside into a SourceFailure."""
    try:
        yield
    except botocore.exceptions.ClientError as error:
        raise _refused(error, operation, resource) from error
    except (botocore.exceptions.BotoCoreError, ValueError) as error:
        names = [ancestor.__name__ for ancestor in type(error).__mro__]
        kind, cure = next((_OURS[name] for name in names if name in _OURS), ("invalid", _CURES["unavailable"]))
        code = type(error).__name__
        raise SourceFailure(kind, str(error), operation, resource=resource, code=code, hint=cure) from error


def _refused(error: Any, operation: str, resource: str) -> SourceFailure:
    code = str(error.response.get("Error", {}).get("Code", ""))
    status = int(error.response.get("ResponseMetadata", {}).get("HTTPStatusCode") or 0)
    by_status = {401: "denied", 403: "denied", 404: "not_found", 429: "throttled"}
    kind = _KINDS.get(code) or by_status.get(status) or ("unavailable" if status >= 500 else "invalid")
    message = str(error.response.get("Error", {}).get("Message") or "the service refused")
    return SourceFailure(kind, message, operation, resource=resource, code=code, hint=_CURES[kind])


# [/aws]

MAX_QUERIES = 500
HIGH_RESOLUTION = (1, 5, 10, 20, 30)
QUERY = Argument(
    "mappings",
    fields={
        "id": Argument(),
        "namespace": Argument(),
        "metric": Argument(aliases=("metric_name",)),
        "dimensions": Argument("mapping"),
        "stat": Argument(),
        "unit": Argument(),
        "expression": Argument(),
        "account": Argument(aliases=("account_id",)),
        "return_data": Argument("boolean", True),
        "threshold": THRESHOLD,
    },
)
ARGUMENTS = {
    "instance_ids": Argument("texts", aliases=("dimension_values",)),
    "metric": Argument(aliases=("metric_name",)),
    "namespace": Argument(default="AWS/EC2"),
    "dimension": Argument(default="InstanceId"),
    "dimensions": Argument("mapping"),
    "unit": Argument(),
    "queries": QUERY,
    "stat": Argument(default="Average"),
    "period": Argument("duration", 300.0, least=1),
    "delay": Argument("duration", 0.0, least=0),
    "threshold": THRESHOLD,
    **POLLING_ARGUMENTS,
    **AWS_ARGUMENTS,
}


@dataclass(frozen=True)
class Query:
    """One entry of the request.

    :param name: what events call it; :param wire: what the request calls it.
    :param threshold: None for what only an expression needs.
    """

    name: str
    wire: str
    body: Mapping[str, Any]
    facts: Mapping[str, Any]
    threshold: Threshold | None


def read_options(args: Mapping[str, Any]) -> tuple[dict[str, Any], list[Query]]:
    """Arguments and queries.

    :raises ArgumentError: when they can't be right.
    """
    options = read_arguments(args, ARGUMENTS)
    period = options["period"]
    if period % 60 and period not in HIGH_RESOLUTION:
        cure = "It is whole minutes, or 1, 5, 10, 20 or 30 seconds."
        raise ArgumentError("period", f"is {period:g} seconds", cure)
    if options["queries"] is not None:
        _exclude(options)
        queries = [_query(given, place, options) for place, given in enumerate(options["queries"])]
    else:
        queries = _short_form(options)
    if not 1 <= len(queries) <= MAX_QUERIES:
        name = "queries" if options["queries"] is not None else "instance_ids"
        raise ArgumentError(
            name, f"has {len(queries)} entries", f"Give 1 to {MAX_QUERIES}, and several sources for more."
        )
    if not any(query.threshold for query in queries):
        raise ArgumentError("queries", "have return_data: false all of them", "There would be nothing to tell.")
    check_connection(options)
    return options, queries


def _exclude(options: Mapping[str, Any]) -> None:
    for name in ("metric", "instance_ids", "dimensions", "unit"):
        if options[name]:
            raise ArgumentError(name, "is given together with queries", "Give it in the query.")


def _short_form(options: Mapping[str, Any]) -> list[Query]:
    """One metric, of many instances or under the dimensions that are given."""
    if not options["metric"]:
        raise ArgumentError("metric", "is missing", "Give metric and instance_ids or dimensions, or queries.")
    shared = {name: options[name] for name in ("metric", "unit")} | {
        "return_data": True,
        "dimensions": options["dimensions"],
    }
    empty = dict.fromkeys(QUERY.fields)
    if options["instance_ids"] is None:
        return [_query({**empty, **shared}, 0, options)]
    queries = []
    for place, value in enumerate(dict.fromkeys(options["instance_ids"])):
        dimensions = {**(options["dimensions"] or {}), options["dimension"]: value}
        query = _query({**empty, **shared, "dimensions": dimensions}, place, options)
        queries.append(replace(query, name=value))
    return queries


def _query(given: Mapping[str, Any], place: int, options: Mapping[str, Any]) -> Query:
    where = f"queries[{place}]"
    name = given["id"] or f"q{place + 1}"
    if not re.fullmatch(r"[a-z][A-Za-z0-9_]*", name):
        raise ArgumentError(
            f"{where}.id", f"is {name!r}", "It begins with a small letter; letters, digits and underscores follow."
        )
    if bool(given["metric"]) == bool(given["expression"]):
        raise ArgumentError(where, "has both metric and expression, or neither", "Give one of them.")
    threshold = _threshold(given, where, options) if given["return_data"] else None
    body: dict[str, Any] = {"Id": name, "ReturnData": given["return_data"]}
    facts: dict[str, Any] = {"region": options["region"], "period": int(options["period"])}
    if given["account"]:
        body["AccountId"] = facts["account"] = given["account"]
    if given["expression"]:
        body |= {"Expression": given["expression"], "Period": int(options["period"])}
        facts["expression"] = given["expression"]
    else:
        body["MetricStat"], told = _metric_stat(given, options)
        facts |= told
    if threshold:
        facts["threshold"] = threshold.as_event()
    return Query(name, name, body, facts, threshold)


def _threshold(given: Mapping[str, Any], where: str, options: Mapping[str, Any]) -> Threshold:
    if given["threshold"]:
        return Threshold.read(given["threshold"], f"{where}.threshold")
    if not options["threshold"]:
        cure = "Give operator and value, such as {operator: '>', value: 80}."
        raise ArgumentError("threshold", "is missing", cure)
    return Threshold.read(options["threshold"], "threshold")


def _metric_stat(given: Mapping[str, Any], options: Mapping[str, Any]) -> tuple[dict[str, Any], dict[str, Any]]:
    namespace, dimensions = given["namespace"] or options["namespace"], given["dimensions"] or {}
    stat = given["stat"] or options["stat"]
    named = [{"Name": str(name), "Value": str(value)} for name, value in dimensions.items()]
    metric = {"Namespace": namespace, "MetricName": given["metric"], "Dimensions": named}
    asked: dict[str, Any] = {"Metric": metric, "Stat": stat, "Period": int(options["period"])}
    if given["unit"]:
        asked["Unit"] = given["unit"]
    return asked, {"namespace": namespace, "metric": given["metric"], "dimensions": dimensions, "stat": stat}


class Source:
    """Reads all queries in one call. Blocks: for a thread."""

    def __init__(
        self, options: Mapping[str, Any], queries: Sequence[Query], clock: Callable[[], float] = time.time
    ) -> None:
        self._options = options
        self._queries = {query.wire: query for query in queries}
        self._clock = clock
        self._client: Any = None

    def read(self, verdicts: Mapping[str, str]) -> Reading:
        """One reading."""
        period = int(self._options["period"])
        end = int((self._clock() - self._options["delay"]) // period) * period
        widest = max(query.threshold.evaluation_range for query in self._queries.values() if query.threshold)
        with aws_errors("read metrics", "CloudWatch"):
            if self._client is None:
                self._client = make_client("cloudwatch", self._options)
            pages = self._client.get_paginator("get_metric_data").paginate(
                MetricDataQueries=[query.body for query in self._queries.values()],
                StartTime=datetime.fromtimestamp(end - widest * period, timezone.utc),
                EndTime=datetime.fromtimestamp(end, timezone.utc),
                ScanBy="TimestampAscending",
            )
            found = self._series(pages)
        return self._reading(found, end, verdicts)

    def close(self) -> None:
        """Let go of connections."""
        if self._client is not None:
            self._client.close()

    def _series(self, pages: Any) -> dict[tuple[str, str], dict[str, Any]]:
        """Series by query and label, put together from their pages."""
        found: dict[tuple[str, str], dict[str, Any]] = {}
        for page in pages:
            for result in page.get("MetricDataResults", ()):
                query = self._queries[result["Id"]]
                label = result.get("Label", "") if "Expression" in query.body else ""
                series = found.setdefault((result["Id"], label), {"points": {}, "said": []})
                moments = (moment.timestamp() for moment in result.get("Timestamps", ()))
                series["points"].update(zip(moments, result.get("Values", ()), strict=True))
                series["status"] = result.get("StatusCode", "Complete")
                series["said"] += [message.get("Value", "") for message in result.get("Messages", ())]
        return found

    def _reading(
        self, found: Mapping[tuple[str, str], Mapping[str, Any]], end: int, verdicts: Mapping[str, str]
    ) -> list[Observation | Trouble]:
        reading: list[Observation | Trouble] = []
        for query in (query for query in self._queries.values() if query.threshold):
            series = {label: one for (wire, label), one in found.items() if wire == query.wire}
            known = [key for key in verdicts if key.startswith(f"{query.name}/")]
            if not series and not known:
                series = {"": {"points": {}, "said": []}}
            for label, one in series.items():
                # A SEARCH may find another series next time, so its series go by their labels even while there is only one.
                many = _finds_many(query.body.get("Expression", ""))
                key = f"{query.name}/{label}" if many and label else query.name
                reading.append(self._observed(query, key, label, one, end, verdicts.get(key)))
        return reading

    def _observed(
        self, query: Query, key: str, label: str, series: Mapping[str, Any], end: int, previous: str | None
    ) -> Observation | Trouble:
        status = series.get("status", "Complete")
        if status in ("InternalError", "Forbidden"):
            return Trouble(key, _unread(status, query.name, series["said"]))
        assert query.threshold is not None
        period = int(self._options["period"])
        start = end - query.threshold.evaluation_range * period
        slots: list[float | None] = [None] * query.threshold.evaluation_range
        inside = {
            moment: value
            for moment, value in series["points"].items()
            if start <= moment < end and math.isfinite(value)
        }
        for moment in sorted(inside):
            slots[int((moment - start) // period)] = inside[moment]
        verdict, reason = query.threshold.judge(slots, previous)
        newest = max(inside, default=None)
        facts = {**query.facts, **({"label": label} if label else {})}
        return Observation(key, query.name, verdict, reason, None if newest is None else inside[newest], newest, facts)


def _finds_many(expression: str) -> bool:
    """Whether an expression may have several series."""
    return bool(re.search(r"\bSEARCH\s*\(|\bGROUP\s+BY\b|\bMETRICS\s*\(", expression, re.IGNORECASE))


def _unread(status: str, name: str, said: Sequence[str]) -> SourceFailure:
    message = "; ".join(filter(None, said)) or f"CloudWatch answers {status}"
    if status == "Forbidden":
        cure = "Let the other account share its metrics with this one."
        return SourceFailure("denied", message, "read metrics", resource=name, code=status, hint=cure)
    return SourceFailure("unavailable", message, "read metrics", resource=name, code=status, hint=_CURES["unavailable"])


async def main(queue: Queue, args: dict[str, Any]) -> None:
    """Read metrics until cancelled, and put what they say into the queue."""
    options, queries = read_options(args)
    await poll(queue, options, Source(options, queries))


if __name__ == "__main__":
    # To try it by hand: python cloudwatch_metric.py '{"region": "eu-central-1", ...}'
    asyncio.run(main(Printer(), json.loads(sys.argv[1])))
