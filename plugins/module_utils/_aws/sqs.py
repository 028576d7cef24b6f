# Copyright (c) 2026 cloudops.core contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Queues of SQS: finding them, and their attributes. Nothing here receives a message.

https://docs.aws.amazon.com/AWSSimpleQueueService/latest/APIReference/API_GetQueueAttributes.html
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from ansible_collections.cloudops.core.plugins.module_utils._aws.client import Clients
from ansible_collections.cloudops.core.plugins.module_utils._aws.cloudwatch import CloudWatchGateway, Request, measure
from ansible_collections.cloudops.core.plugins.module_utils._aws.cloudwatch_queries import MetricQuery
from ansible_collections.cloudops.core.plugins.module_utils._aws.errors import aws_errors
from ansible_collections.cloudops.core.plugins.module_utils._core.errors import CloudOpsError, NotFound
from ansible_collections.cloudops.core.plugins.module_utils._core.fanout import fan_out
from ansible_collections.cloudops.core.plugins.module_utils._domain.metrics import (
    verdict_values,
)
from ansible_collections.cloudops.core.plugins.module_utils._domain.queues import (
    Queue,
    Reading,
    Selection,
    metrics_of,
    name_of,
    queue_of,
    series_of,
)
from ansible_collections.cloudops.core.plugins.module_utils._domain.times import (
    parse_time,
)

# Queues on a page of a listing: the API's own limit.
PAGE = 1000
# What this is called here; older and newer SDKs have different codes for it.
NO_QUEUE = "QueueDoesNotExist"
# The age of the oldest message is published each minute, and sometimes late. Seconds.
AGE_PERIOD, AGE_WINDOW = 60, 900


@dataclass(frozen=True)
class Reference:
    """A queue that is to be read; its address may have to be asked for.

    :param key: what it goes by in the answer.
    """

    name: str
    url: str = ""
    key: str = ""


class SQSGateway:
    """Queues of one region. Safe to share between threads."""

    def __init__(self, clients: Clients, *, concurrency: int = 16) -> None:
        self._client = clients.client("sqs")
        self._concurrency = concurrency

    @property
    def region(self) -> str:
        """The region that is worked in."""
        return str(self._client.meta.region_name)

    def references(self, selection: Selection) -> list[Reference]:
        """All that is selected, each once. The first of a name goes by the name, others by their addresses.

        :raises CloudOpsError: when the listing can't be read.
        """
        found = [Reference(name) for name in selection.names]
        urls = [*selection.urls, *(self._listed(selection.prefix) if selection.prefix else ())]
        found += [Reference(name_of(url), url) for url in dict.fromkeys(urls)]
        named, keyed, seen = set(selection.names), [], Counter[str]()
        for reference in found:
            if (
                reference.url
                and reference.name in named
                and not selection.account
                and reference.url not in selection.urls
            ):
                continue  # the prefix finds what is named as well
            seen[reference.name] += 1
            keyed.append(replace(reference, key=reference.name if seen[reference.name] == 1 else reference.url))
        return keyed

    def _listed(self, prefix: str) -> list[str]:
        with aws_errors("list the queues", f"{prefix}* in {self.region}"):
            pages = self._client.get_paginator("list_queues").paginate(
                QueueNamePrefix=prefix, PaginationConfig={"PageSize": PAGE}
            )
            return sorted(url for page in pages for url in page.get("QueueUrls", ()))

    def read(self, references: Sequence[Reference], account: str = "") -> list[Queue | CloudOpsError]:
        """The queues, side by side; an error where one can't be read."""
        outcomes = fan_out(lambda one: self._read(one, account), references, concurrency=self._concurrency)
        return [outcome.error or outcome.value or Queue(outcome.item.name, outcome.item.url) for outcome in outcomes]

    def _read(self, reference: Reference, account: str) -> Queue:
        try:
            url = reference.url or self._url(reference.name, account)
            with aws_errors("read the attributes", f"queue {reference.name}"):
                answer = self._client.get_queue_attributes(QueueUrl=url, AttributeNames=["All"])
        except NotFound as error:
            raise NotFound(
                f"queue {reference.name} does not exist in {self.region}",
                operation="find the queue",
                resource=reference.url or reference.name,
                code=NO_QUEUE,
                hint="Check the name, the account and the region. A deleted queue's name is free again after a minute.",
            ) from error
        return queue_of(reference.name, url, answer.get("Attributes") or {})

    def _url(self, name: str, account: str) -> str:
        with aws_errors("find the queue", f"queue {name}"):
            owner = {"QueueOwnerAWSAccountId": account} if account else {}
            return str(self._client.get_queue_url(QueueName=name, **owner)["QueueUrl"])


@dataclass
class Depths:
    """What was read."""

    series: list[dict[str, Any]] = field(default_factory=list)
    metrics: list[dict[str, Any]] = field(default_factory=list)
    failures: list[dict[str, Any]] = field(default_factory=list)
    missing: list[str] = field(default_factory=list)
    judged: bool = False

    def as_result(self) -> dict[str, Any]:
        """As return values."""
        result: dict[str, Any] = {
            "series": self.series,
            "by_id": {one["key"]: one for one in self.series},
            "metrics": self.metrics,
            "missing": self.missing,
            "failures": self.failures,
        }
        return {**result, **verdict_values(self.series, bool(self.failures))} if self.judged else result


def read_depths(clients: Clients, selection: Selection, reading: Reading, now: float, concurrency: int) -> Depths:
    """Read all queues.

    :param now: seconds since 1970.
    :raises CloudOpsError: when the queues can't be listed. What fails for single queues is in ``failures``.
    """
    gateway = SQSGateway(clients, concurrency=concurrency)
    references = gateway.references(selection)
    answers = dict(zip(references, gateway.read(references, selection.account), strict=True))
    depths = Depths(judged=reading.threshold is not None)
    queues = {reference.key: answer for reference, answer in answers.items() if isinstance(answer, Queue)}
    if reading.oldest and queues:
        queues = _with_ages(clients, queues, now, depths)
    for reference, answer in answers.items():
        queue = queues.get(reference.key)
        depths.metrics += metrics_of(reference.key, queue, reading, now)
        if queue is not None:
            depths.series.append(series_of(reference.key, queue, reading, now, list(queues.values())))
        elif isinstance(answer, CloudOpsError):
            depths.failures.append({"name": reference.key, **answer.as_result()})
            depths.missing += [reference.key] if isinstance(answer, NotFound) else []
    return depths


def _with_ages(clients: Clients, queues: Mapping[str, Queue], now: float, depths: Depths) -> dict[str, Queue]:
    """The queues with the ages of their oldest messages, as CloudWatch knows them."""
    names = sorted({queue.name for queue in queues.values()})
    queries = [
        MetricQuery(
            key=name,
            id=f"q{number}",
            period=AGE_PERIOD,
            namespace="AWS/SQS",
            metric="ApproximateAgeOfOldestMessage",
            dimensions=(("QueueName", name),),
            stat="Maximum",
        )
        for number, name in enumerate(names, 1)
    ]
    measured = measure(CloudWatchGateway(clients), Request(queries=queries, now=now, last=AGE_WINDOW))
    depths.failures += measured.failures
    return _aged(queues, measured.series)


def _aged(queues: Mapping[str, Queue], series: Iterable[Mapping[str, Any]]) -> dict[str, Queue]:
    ages = {one["key"]: one for one in series if one["value"] is not None}
    return {
        key: replace(
            queue,
            oldest_age=ages[queue.name]["value"],
            oldest_at=parse_time(ages[queue.name]["timestamps"][-1], "timestamp"),
        )
        if queue.name in ages
        else queue
        for key, queue in queues.items()
    }
