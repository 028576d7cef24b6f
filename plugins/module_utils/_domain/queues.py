# Copyright (c) 2026 cloudops.core contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Queues, how much waits in them, and what that means for those who work them off.

All counts are the provider's estimates. What isn't known is None, and never 0.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from fractions import Fraction
from typing import Any

from ansible_collections.cloudops.core.plugins.module_utils._core.errors import Invalid
from ansible_collections.cloudops.core.plugins.module_utils._domain.metrics import (
    Threshold,
    judge,
)
from ansible_collections.cloudops.core.plugins.module_utils._domain.scaling_values import ceil, number, whole
from ansible_collections.cloudops.core.plugins.module_utils._domain.times import (
    iso_time,
)

Options = Mapping[str, Any]

VISIBLE, IN_FLIGHT, DELAYED, TOTAL = "visible", "in_flight", "delayed", "total"
BACKLOG, NEEDED, OLDEST = "backlog_per_worker", "workers_needed", "oldest_age"
MEASURES = (VISIBLE, IN_FLIGHT, DELAYED, TOTAL, BACKLOG, NEEDED, OLDEST)

_NAME = re.compile(r"(?:[A-Za-z0-9_-]{1,80}|[A-Za-z0-9_-]{1,75}\.fifo)")
_URL = re.compile(r"https?://[^/]+/(?:[^?#]+/)?([^/?#]+)")


@dataclass(frozen=True)
class Queue:
    """One queue as its provider tells it. Times are in seconds.

    :param dead_letter_target: ARN of the queue that gets what fails too often, or "".
    :param dead_letter_sources: ARNs of queues that are allowed to use this one so.
    :param oldest_age: of the oldest message, as of ``oldest_at`` (seconds since 1970).
    """

    name: str
    url: str
    arn: str = ""
    fifo: bool = False
    visible: int | None = None
    in_flight: int | None = None
    delayed: int | None = None
    dead_letter_target: str = ""
    max_receive_count: int | None = None
    dead_letter_sources: tuple[str, ...] = ()
    visibility_timeout: int | None = None
    retention_period: int | None = None
    encrypted: bool | None = None
    oldest_age: float | None = None
    oldest_at: float | None = None

    @property
    def total(self) -> int | None:
        """Everything that is in it."""
        parts = [part for part in (self.visible, self.in_flight, self.delayed) if part is not None]
        return sum(parts) if len(parts) == 3 else None


@dataclass(frozen=True)
class Reading:
    """How to read queues.

    :param workers: how many work them off now: a number for all, by name of the queue, or None.
    :param per_worker: messages that one worker may have before it.
    """

    measure: str = VISIBLE
    threshold: Threshold | None = None
    workers: int | Mapping[str, int] | None = None
    per_worker: Fraction | None = None
    oldest: bool = False

    @property
    def measures(self) -> list[str]:
        """Those that were asked for."""
        given = {BACKLOG: self.workers is not None, NEEDED: self.per_worker is not None, OLDEST: self.oldest}
        return [name for name in MEASURES if given.get(name, True)]

    def workers_of(self, name: str) -> int | None:
        """How many work off this queue."""
        return self.workers.get(name) if isinstance(self.workers, Mapping) else self.workers


# Options


@dataclass(frozen=True)
class Selection:
    """Which queues.

    :param account: owner of the queues that are given by name; "" is the account of the connection.
    """

    names: tuple[str, ...] = ()
    urls: tuple[str, ...] = ()
    prefix: str = ""
    account: str = ""


def selection_from(options: Options) -> Selection:
    """What the options select.

    :raises Invalid: for a selector that is missing or can't be meant.
    """
    names, urls, prefix = options["names"], options["urls"], options["name_prefix"]
    if names is None and urls is None and prefix is None:
        raise Invalid("no queues are selected: none of names, urls, name_prefix is given", hint="Give one of them.")
    if prefix is not None and not prefix.strip():
        raise Invalid("name_prefix is empty", hint="An empty prefix never means every queue. Fill it or leave it out.")
    check_names(names or ())
    for url in urls or ():
        name_of(url)
    return Selection(
        names=tuple(dict.fromkeys(names or ())),
        urls=tuple(dict.fromkeys(urls or ())),
        prefix=prefix or "",
        account=options["account_id"] or "",
    )


def reading_from(options: Options) -> Reading:
    """How the options want queues to be read.

    :raises Invalid: naming the option that can't be meant.
    """
    reading = Reading(
        measure=options["measure"],
        threshold=None if options["threshold"] is None else Threshold.from_options(options["threshold"]),
        workers=_workers(options["workers"]),
        per_worker=None if options["per_worker"] is None else number(options["per_worker"], "per_worker", above=0),
        oldest=options["oldest_age"],
    )
    if reading.measure not in reading.measures:
        needs = {BACKLOG: "workers", NEEDED: "per_worker", OLDEST: "oldest_age: true"}[reading.measure]
        raise Invalid(f"measure is {reading.measure}, which needs {needs}", hint=f"Give {needs}.")
    return reading


def _workers(given: Any) -> int | Mapping[str, int] | None:
    if given is None or (isinstance(given, str) and not given.strip()):
        return None
    if isinstance(given, Mapping):
        return {str(name): whole(count, f"workers.{name}") for name, count in given.items()}
    return whole(given, "workers")


def check_names(names: Iterable[str]) -> None:
    """See that these are names of queues.

    :raises Invalid: for one that can't be.
    """
    for name in names:
        if not _NAME.fullmatch(name):
            raise Invalid(
                f"names: {name!r} can't be the name of a queue",
                hint="It has up to 80 letters, digits, - and _; a FIFO queue ends in .fifo. For an address, use urls.",
            )


def name_of(url: str) -> str:
    """The name in a queue's address.

    :raises Invalid: for what isn't one.
    """
    found = _URL.fullmatch(url)
    if found is None:
        raise Invalid(f"urls: {url!r} isn't the address of a queue", hint="It is https://HOST/ACCOUNT/NAME.")
    return found[1]


# Reading


def queue_of(name: str, url: str, attributes: Mapping[str, str]) -> Queue:
    """A queue from its attributes, which are all texts."""
    redrive, allowed = (_document(attributes, key) for key in ("RedrivePolicy", "RedriveAllowPolicy"))
    managed = attributes.get("SqsManagedSseEnabled")
    return Queue(
        name=name,
        url=url,
        arn=attributes.get("QueueArn", ""),
        fifo=attributes.get("FifoQueue", "") == "true" or name.endswith(".fifo"),
        visible=_count(attributes, "ApproximateNumberOfMessages"),
        in_flight=_count(attributes, "ApproximateNumberOfMessagesNotVisible"),
        delayed=_count(attributes, "ApproximateNumberOfMessagesDelayed"),
        dead_letter_target=str(redrive.get("deadLetterTargetArn", "")),
        max_receive_count=_count({key: str(value) for key, value in redrive.items()}, "maxReceiveCount"),
        dead_letter_sources=tuple(str(arn) for arn in allowed.get("sourceQueueArns") or ()),
        visibility_timeout=_count(attributes, "VisibilityTimeout"),
        retention_period=_count(attributes, "MessageRetentionPeriod"),
        encrypted=None if managed is None and "KmsMasterKeyId" not in attributes else _encrypted(attributes),
    )


def _encrypted(attributes: Mapping[str, str]) -> bool:
    return bool(attributes.get("KmsMasterKeyId")) or attributes.get("SqsManagedSseEnabled", "").lower() == "true"


def _count(attributes: Mapping[str, str], name: str) -> int | None:
    text = attributes.get(name, "").strip()
    return int(text) if text.isascii() and text.isdigit() else None


def _document(attributes: Mapping[str, str], name: str) -> Mapping[str, Any]:
    try:
        document = json.loads(attributes.get(name) or "{}")
    except ValueError:
        return {}
    return document if isinstance(document, Mapping) else {}


def values_of(queue: Queue, reading: Reading) -> dict[str, int | float | None]:
    """Everything that was asked for, by measure."""
    workers, visible = reading.workers_of(queue.name), queue.visible
    values: dict[str, int | float | None] = {
        VISIBLE: visible,
        IN_FLIGHT: queue.in_flight,
        DELAYED: queue.delayed,
        TOTAL: queue.total,
        # Without a worker, all that waits is before the first who comes: so a policy can begin from 0.
        BACKLOG: None if visible is None or workers is None else round(visible / max(workers, 1), 6),
        NEEDED: None if visible is None or reading.per_worker is None else ceil(visible / reading.per_worker),
        OLDEST: queue.oldest_age,
    }
    return {name: values[name] for name in reading.measures}


# Answering


def series_of(key: str, queue: Queue, reading: Reading, now: float, known: Sequence[Queue]) -> dict[str, Any]:
    """A queue as a return value, in the shape that all metrics have.

    :param now: seconds since 1970 at which it was read.
    :param known: all queues that were read, for who uses whom.
    """
    values = values_of(queue, reading)
    value, at = values[reading.measure], queue.oldest_at if reading.measure == OLDEST else now
    there = value is not None and at is not None
    sources = {
        *queue.dead_letter_sources,
        *(other.arn for other in known if queue.arn and other.dead_letter_target == queue.arn),
    }
    return {
        "key": key,
        "id": queue.name,
        "label": reading.measure,
        "name": queue.name,
        "url": queue.url,
        "arn": queue.arn,
        "fifo": queue.fifo,
        "dead_letter_target": queue.dead_letter_target,
        "max_receive_count": queue.max_receive_count,
        "is_dead_letter_queue": bool(sources),
        "dead_letter_sources": sorted(sources),
        "visibility_timeout": queue.visibility_timeout,
        "retention_period": queue.retention_period,
        "encrypted": queue.encrypted,
        **values,
        "workers": reading.workers_of(queue.name),
        "value": value if there else None,
        "count": int(there),
        "age": round(now - at, 3) if there and at is not None else None,
        "timestamps": [iso_time(at)] if there and at is not None else [],
        "values": [value] if there else [],
        **_verdict(value if there else None, reading.threshold),
    }


def _verdict(value: float | None, threshold: Threshold | None) -> dict[str, str]:
    if threshold is None:
        return {}
    verdict = judge([None if value is None else threshold.breaches(value)], replace(threshold, evaluation_range=1))
    return {"verdict": verdict.state, "verdict_reason": verdict.reason}


def metrics_of(key: str, queue: Queue | None, reading: Reading, now: float) -> list[dict[str, Any]]:
    """What scaling_decision takes: the measure under the queue's key, and each of them under KEY/MEASURE.

    :param queue: None: it could not be read, so all of them are missing.
    """
    values = dict.fromkeys(reading.measures) if queue is None else values_of(queue, reading)

    def metric(name: str, measure: str) -> dict[str, Any]:
        at = now if queue is None or measure != OLDEST else queue.oldest_at
        value = values[measure]
        return {"name": name, "value": value, "timestamp": None if value is None or at is None else iso_time(at)}

    return [metric(key, reading.measure), *(metric(f"{key}/{name}", name) for name in values)]
