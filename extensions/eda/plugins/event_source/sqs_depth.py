# Copyright (c) 2026 cloudops.core contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Event source: how many messages wait in SQS queues. Only attributes are read, so no message is ever received, hidden or removed.

https://docs.aws.amazon.com/AWSSimpleQueueService/latest/APIReference/API_GetQueueAttributes.html
"""

from __future__ import annotations

DOCUMENTATION = r"""
short_description: Watch how many messages wait in SQS queues, and tell when it crosses a threshold
description:
  - Reads the attributes of queues again and again. Never receives, hides or removes a message.
  - An event of type V(metric) says that a verdict is V(breached), V(ok) or V(insufficient_data), and what it was before. A queue that
    can't be read has no value; it never counts as empty.
  - An event of type V(error) says that a queue can't be read, and V(recovered) that it can again.
  - Needs the permissions C(sqs:GetQueueUrl) and C(sqs:GetQueueAttributes), and boto3 where the rulebook runs.
notes:
  - The numbers are approximate; SQS says that they settle within a minute after the last message.
options:
  queues:
    description: Names, URLs or ARNs of the queues. A list, or a text with commas or blanks.
    type: list
    elements: str
    required: true
    aliases: [queue]
  measure:
    description:
      - Which messages count. V(visible) wait to be received, V(in_flight) were received and are neither deleted nor visible again,
        V(delayed) aren't to be received yet. V(total) is all three.
    type: str
    choices: [visible, in_flight, delayed, total]
    default: visible
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
- name: orders
  cloudops.core.sqs_depth:
    region: eu-central-1
    queues: [orders, mails]
    interval: 30s
    threshold: {operator: '>', value: 1000, datapoints: 3, of: 3}
"""

import asyncio
import json
import re
import sys
import time
from collections import deque
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

# The engine runs this file by its path, as a part of no package: what the sources share is found from there.
sys.path.append(str(Path(__file__).resolve().parents[1] / "module_utils"))

from cloudops_sources.arguments import Argument, ArgumentError, read_arguments
from cloudops_sources.aws import AWS_ARGUMENTS, aws_errors, check_connection, make_client
from cloudops_sources.events import Printer, Queue, SourceFailure
from cloudops_sources.polling import POLLING_ARGUMENTS, THRESHOLD, Observation, Reading, Threshold, Trouble, poll

SOURCE = "sqs_depth"

VISIBLE, IN_FLIGHT, DELAYED = "visible", "in_flight", "delayed"
ATTRIBUTES = {
    VISIBLE: "ApproximateNumberOfMessages",
    IN_FLIGHT: "ApproximateNumberOfMessagesNotVisible",
    DELAYED: "ApproximateNumberOfMessagesDelayed",
}
MEASURES = {**{name: (name,) for name in ATTRIBUTES}, "total": tuple(ATTRIBUTES)}
ARGUMENTS = {
    "queues": Argument("texts", required=True, aliases=("queue",)),
    "measure": Argument(default=VISIBLE, choices=tuple(MEASURES)),
    "threshold": THRESHOLD,
    **POLLING_ARGUMENTS,
    **AWS_ARGUMENTS,
}


def read_options(args: Mapping[str, Any]) -> tuple[dict[str, Any], Threshold]:
    """Arguments, and the threshold of all queues.

    :raises ArgumentError: when they can't be right.
    """
    options = read_arguments(args, ARGUMENTS)
    if not options["queues"]:
        raise ArgumentError("queues", "is empty", "Name at least one queue.")
    names = [queue_name(queue) for queue in options["queues"]]
    for place, name in enumerate(names):
        if name in names[:place]:
            raise ArgumentError(f"queues[{place}]", f"is {name}, as another one", "Name each queue once.")
    if not options["threshold"]:
        raise ArgumentError("threshold", "is missing", "Give operator and value, such as {operator: '>', value: 1000}.")
    threshold = Threshold.read(options["threshold"], "threshold")
    check_connection(SOURCE, options)
    return options, threshold


def queue_name(queue: str) -> str:
    """The name of a queue that is given by name, URL or ARN."""
    return re.split(r"[/:]", queue.rstrip("/"))[-1]


class Source:
    """Reads the queues one after the other. Blocks: for a thread."""

    def __init__(
        self, options: Mapping[str, Any], threshold: Threshold, clock: Callable[[], float] = time.time
    ) -> None:
        self._options = options
        self._threshold = threshold
        self._clock = clock
        self._client: Any = None
        self._urls: dict[str, str] = {}
        self._history: dict[str, deque[float | None]] = {}

    def read(self, verdicts: Mapping[str, str]) -> Reading:
        """One reading. What is wrong with one queue doesn't keep the others from being read."""
        if self._client is None:
            with aws_errors("connect", "SQS"):
                self._client = make_client("sqs", self._options)
        return [self._one(queue, verdicts) for queue in self._options["queues"]]

    def close(self) -> None:
        """Let go of connections."""
        if self._client is not None:
            self._client.close()

    def _one(self, queue: str, verdicts: Mapping[str, str]) -> Observation | Trouble:
        name = queue_name(queue)
        history = self._history.setdefault(name, deque(maxlen=self._threshold.evaluation_range))
        try:
            counts = self._counts(queue)
        except SourceFailure as failure:
            history.append(None)
            self._urls.pop(queue, None)
            return Trouble(name, failure)
        value = float(sum(counts[part] for part in MEASURES[self._options["measure"]]))
        history.append(value)
        verdict, reason = self._threshold.judge(self._padded(history), verdicts.get(name))
        facts = {"queue": name, "region": self._options["region"], "measure": self._options["measure"], **counts}
        facts["threshold"] = self._threshold.as_event()
        return Observation(name, name, verdict, reason, value, self._clock(), facts)

    def _padded(self, history: Sequence[float | None]) -> list[float | None]:
        """What was before the first reading is missing."""
        return [None] * (self._threshold.evaluation_range - len(history)) + list(history)

    def _counts(self, queue: str) -> dict[str, int]:
        with aws_errors("read the attributes", f"queue {queue_name(queue)}"):
            if queue not in self._urls:
                self._urls[queue] = self._url_of(queue)
            answer = self._client.get_queue_attributes(
                QueueUrl=self._urls[queue], AttributeNames=list(ATTRIBUTES.values())
            )
        found = answer.get("Attributes") or {}
        missing = [name for name in ATTRIBUTES.values() if name not in found]
        if missing:
            message = f"SQS doesn't tell {', '.join(missing)}"
            raise SourceFailure("error", message, "read the attributes", resource=f"queue {queue_name(queue)}")
        return {name: int(found[attribute]) for name, attribute in ATTRIBUTES.items()}

    def _url_of(self, queue: str) -> str:
        if queue.startswith(("http://", "https://")):
            return queue
        asked = {"QueueName": queue_name(queue)}
        if queue.startswith("arn:"):
            asked["QueueOwnerAWSAccountId"] = queue.split(":")[4]
        return str(self._client.get_queue_url(**asked)["QueueUrl"])


async def main(queue: Queue, args: dict[str, Any]) -> None:
    """Read the queues until cancelled, and put what they say into the queue of the engine."""
    options, threshold = read_options(args)
    await poll(queue, SOURCE, options, Source(options, threshold))


if __name__ == "__main__":
    # To try it by hand: python sqs_depth.py '{"region": "eu-central-1", "queues": "orders", ...}'
    asyncio.run(main(Printer(), json.loads(sys.argv[1])))
