#!/usr/bin/python
# Copyright (c) 2026 cloudops.core contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""How much waits in SQS queues, without consuming anything."""

from __future__ import annotations

DOCUMENTATION = r"""
module: sqs_queue_info
short_description: See how much waits in SQS queues, without consuming anything
version_added: 0.1.0
author:
  - cloudops.core contributors (@cloudops-core)
description:
  - Reads the depth of any number of queues side by side. It asks for their attributes only, and never receives a message.
  - All counts are approximate. SQS says that they may need a minute to settle after messages come and go.
  - What isn't known is V(null), never 0.
options:
  names:
    description:
      - Names of the queues. One that doesn't exist is a failure, and stands in RV(missing). An empty list reads nothing.
      - At least one of O(names), O(urls) and O(name_prefix) is required.
    type: list
    elements: str
    aliases: [name]
  urls:
    description:
      - Addresses of the queues. Saves a call each.
    type: list
    elements: str
    aliases: [url]
  name_prefix:
    description:
      - All queues of the account and region whose names begin so. It may not be empty.
    type: str
  account_id:
    description:
      - Id of the account that owns the queues in O(names). Without it, the connection's own.
    type: str
  workers:
    description:
      - How many work the queues off now. A number for all of them, or a mapping by name of the queue.
      - With it, RV(series[].backlog_per_worker) is the number of visible messages for each of them. Where there is no worker, it is all
        visible messages, as if there were one.
    type: raw
  per_worker:
    description:
      - Messages that a worker may have before it. With it, RV(series[].workers_needed) says how many workers the visible messages need.
    type: float
  oldest_age:
    description:
      - Whether to ask CloudWatch for the age of the oldest message, too (C(ApproximateAgeOfOldestMessage), the newest of the last 15
        minutes). CloudWatch has none for a queue that nobody has used for some hours.
    type: bool
    default: false
  measure:
    description:
      - What RV(series[].value) is, and what O(threshold) is held against.
      - V(visible). Messages that wait to be received.
      - V(in_flight). Messages that were received, and are neither deleted nor visible again.
      - V(delayed). Messages that aren't to be received yet.
      - V(total). All three.
      - V(backlog_per_worker) needs O(workers), V(workers_needed) needs O(per_worker), V(oldest_age) (in seconds) needs
        O(oldest_age=true).
    type: str
    choices: [visible, in_flight, delayed, total, backlog_per_worker, workers_needed, oldest_age]
    default: visible
  threshold:
    description:
      - When a queue is breached.
    type: dict
    suboptions:
      operator:
        description:
          - The side of the value that breaches. The names that alarms have for the operators are understood, too.
        type: str
        required: true
        choices: ['>', '>=', '<', '<=', GreaterThanThreshold, GreaterThanOrEqualToThreshold, LessThanThreshold,
                  LessThanOrEqualToThreshold]
      value:
        description: The value that the measure is compared with.
        type: float
        required: true
      missing:
        description:
          - What a measure that isn't known counts as. V(missing) gives V(insufficient_data).
        type: str
        choices: [breaching, not_breaching, missing]
        default: missing
  concurrency:
    description:
      - Calls that are made side by side.
    type: int
    default: 16
extends_documentation_fragment:
  - cloudops.core.aws
  - cloudops.core.attributes.info
  - cloudops.core.attributes.aws_group
seealso:
  - module: cloudops.core.autoscaling_group_scale
  - module: cloudops.core.cloudwatch_metric_info
  - plugin: cloudops.core.scaling_decision
    plugin_type: filter
"""

EXAMPLES = r"""
- name: Look at two queues
  cloudops.core.sqs_queue_info:
    region: eu-central-1
    names: [orders, invoices]
    threshold:
      operator: '>'
      value: 1000
  register: queues

- name: Name the full ones
  ansible.builtin.debug:
    msg: "{{ item }}: {{ queues.by_id[item].visible }} waiting, {{ queues.by_id[item].in_flight }} in work"
  loop: "{{ queues.breached }}"

- name: Wait until everything is worked off
  cloudops.core.sqs_queue_info:
    region: eu-central-1
    names: [orders]
    measure: total
    threshold:
      operator: '>'
      value: 0
  register: orders
  until: orders.verdict == 'ok'
  retries: 30
  delay: 60

- name: See how many workers the orders need
  cloudops.core.sqs_queue_info:
    region: eu-central-1
    names: [orders]
    workers: 2
    per_worker: 100
    measure: workers_needed
  register: orders

- name: Say it
  ansible.builtin.debug:
    msg: "{{ orders.by_id.orders.backlog_per_worker }} for each of 2, so {{ orders.by_id.orders.value }} should do it"

- name: Find dead letters that are older than a day
  cloudops.core.sqs_queue_info:
    region: eu-central-1
    name_prefix: dead-
    oldest_age: true
    measure: oldest_age
    threshold:
      operator: '>'
      value: 86400
  register: dead
"""

RETURN = r"""
series:
  description: All queues that could be read, in the order of O(names), O(urls), and then by address.
  returned: always
  type: list
  elements: dict
  contains:
    key:
      description:
        - What the queue goes by in RV(by_id), RV(verdicts) and RV(metrics). Its name; for further queues of the same name, their address.
      type: str
      sample: orders
    id:
      description: Name of the queue.
      type: str
      sample: orders
    label:
      description: The O(measure).
      type: str
      sample: visible
    name:
      description: Name of the queue.
      type: str
      sample: orders
    url:
      description: Its address.
      type: str
      sample: https://sqs.eu-central-1.amazonaws.com/123456789012/orders
    arn:
      description: Its ARN.
      type: str
      sample: arn:aws:sqs:eu-central-1:123456789012:orders
    fifo:
      description: Whether it is a FIFO queue.
      type: bool
    dead_letter_target:
      description: ARN of the queue that gets what was received too often, or nothing.
      type: str
      sample: arn:aws:sqs:eu-central-1:123456789012:dead-orders
    max_receive_count:
      description: How often a message may be received before it goes there.
      type: int
      sample: 5
    is_dead_letter_queue:
      description:
        - Whether it is known to be a dead-letter queue, since a queue of this answer sends to it, or since it names its sources. V(false)
          doesn't prove that it is none.
      type: bool
    dead_letter_sources:
      description: ARNs of the queues that this is known from.
      type: list
      elements: str
    visibility_timeout:
      description: Seconds that a received message stays invisible.
      type: int
      sample: 30
    retention_period:
      description: Seconds after which SQS drops a message.
      type: int
      sample: 345600
    encrypted:
      description: Whether messages are encrypted at rest. V(null) when SQS doesn't say.
      type: bool
    visible:
      description: Messages that wait to be received.
      type: int
      sample: 250
    in_flight:
      description: Messages that were received, and are neither deleted nor visible again.
      type: int
      sample: 12
    delayed:
      description: Messages that aren't to be received yet.
      type: int
      sample: 0
    total:
      description: All three.
      type: int
      sample: 262
    workers:
      description: How many work it off, as O(workers) says.
      type: int
      sample: 2
    backlog_per_worker:
      description: Visible messages for each worker. Only with O(workers).
      type: float
      sample: 125.0
    workers_needed:
      description: Workers that the visible messages need. Only with O(per_worker).
      type: int
      sample: 3
    oldest_age:
      description: Seconds that the oldest message has waited. V(null) when CloudWatch doesn't know. Only with O(oldest_age=true).
      type: float
      sample: 340.0
    value:
      description: The O(measure). V(null) when it isn't known.
      type: float
      sample: 250
    count:
      description: 1 when there is a value, otherwise 0.
      type: int
      sample: 1
    age:
      description: Seconds since the value was true. V(null) when there is none.
      type: float
      sample: 0.0
    timestamps:
      description: The time of the value, in ISO 8601. Empty when there is none.
      type: list
      elements: str
      sample: ['2026-03-01T10:00:00+00:00']
    values:
      description: The value. Empty when there is none.
      type: list
      elements: float
      sample: [250]
    verdict:
      description: V(breached), V(ok) or V(insufficient_data). Only with O(threshold).
      type: str
      sample: ok
    verdict_reason:
      description: How the verdict came about. Only with O(threshold).
      type: str
      sample: 0 of 1 datapoints > 1000; 1 of 1 needed
by_id:
  description: The same queues, by their RV(series[].key).
  returned: always
  type: dict
  sample: {"orders": {"visible": 250, "value": 250}}
metrics:
  description:
    - The same for P(cloudops.core.scaling_decision#filter) and the scale modules. The O(measure) under RV(series[].key), and each of the
      measures under C(KEY/MEASURE). What isn't known, and every measure of a queue that could not be read, has the value V(null).
  returned: always
  type: list
  elements: dict
  contains:
    name:
      description: Name of the metric.
      type: str
      sample: orders/backlog_per_worker
    value:
      description: Its value.
      type: float
      sample: 125.0
    timestamp:
      description: When the value was true, in ISO 8601.
      type: str
      sample: '2026-03-01T10:00:00+00:00'
missing:
  description: Names, or addresses, of queues that don't exist. They are in RV(failures), too.
  returned: always
  type: list
  elements: str
verdict:
  description:
    - One verdict for all. V(breached) when any queue is, V(ok) when all are, otherwise V(insufficient_data), also when there is no queue.
  returned: with O(threshold)
  type: str
  sample: breached
verdicts:
  description: Verdicts by RV(series[].key).
  returned: with O(threshold)
  type: dict
  sample: {"orders": "breached", "invoices": "ok"}
breached:
  description: Keys of the queues that are breached.
  returned: with O(threshold)
  type: list
  elements: str
ok:
  description: Keys of the queues that are ok.
  returned: with O(threshold)
  type: list
  elements: str
insufficient_data:
  description: Keys of the queues whose measure isn't known.
  returned: with O(threshold)
  type: list
  elements: str
failures:
  description: Queues that could not be read, each with its error. When there are any, the task fails after the others were read.
  returned: always
  type: list
  elements: dict
  sample: [{"name": "orders", "kind": "not_found", "code": "QueueDoesNotExist", "message": "queue orders does not exist in eu-central-1"}]
api_calls:
  description: Requests sent, by operation, retries included.
  returned: always
  type: dict
  sample: {"GetQueueAttributes": 2, "GetQueueUrl": 2}
duration:
  description: Seconds that the module worked.
  returned: always
  type: float
  sample: 0.087
error:
  description: The failure as data.
  returned: on failure
  type: dict
  sample: {"kind": "partial", "code": "QueueDoesNotExist", "message": "could not read 1 of 2", "operation": ""}
"""

import time
from typing import Any

from ansible.module_utils.basic import AnsibleModule
from ansible_collections.cloudops.core.plugins.module_utils._ansible.argspec import (
    AWS_EXCLUSIVE,
    AWS_TOGETHER,
    aws_spec,
)
from ansible_collections.cloudops.core.plugins.module_utils._ansible.runner import Result, require, run, some_failed
from ansible_collections.cloudops.core.plugins.module_utils._aws.client import BOTO3_IMPORT_ERROR, Clients, Connection
from ansible_collections.cloudops.core.plugins.module_utils._aws.sqs import read_depths
from ansible_collections.cloudops.core.plugins.module_utils._domain.metrics import OPERATOR_NAMES, OPERATORS
from ansible_collections.cloudops.core.plugins.module_utils._domain.queues import (
    MEASURES,
    VISIBLE,
    reading_from,
    selection_from,
)


def arguments() -> dict[str, Any]:
    """The module's own options."""
    threshold = {
        "operator": {"type": "str", "required": True, "choices": [*OPERATORS, *OPERATOR_NAMES]},
        "value": {"type": "float", "required": True},
        "missing": {"type": "str", "choices": ["breaching", "not_breaching", "missing"], "default": "missing"},
    }
    return {
        "names": {"type": "list", "elements": "str", "aliases": ["name"]},
        "urls": {"type": "list", "elements": "str", "aliases": ["url"]},
        "name_prefix": {"type": "str"},
        "account_id": {"type": "str"},
        "workers": {"type": "raw"},
        "per_worker": {"type": "float"},
        "oldest_age": {"type": "bool", "default": False},
        "measure": {"type": "str", "choices": list(MEASURES), "default": VISIBLE},
        "threshold": {"type": "dict", "options": threshold},
        "concurrency": {"type": "int", "default": 16},
    }


def gather(params: dict[str, Any], clients: Clients) -> Result:
    """Read and judge."""
    selection, reading = selection_from(params), reading_from(params)
    depths = read_depths(clients, selection, reading, time.time(), params["concurrency"])
    failure = some_failed("read", depths.failures, len(depths.series))
    return Result(values=depths.as_result(), failure=failure)


def main() -> None:
    """Wire it up."""
    module = AnsibleModule(
        argument_spec=aws_spec(**arguments()),
        mutually_exclusive=AWS_EXCLUSIVE,
        required_together=AWS_TOGETHER,
        supports_check_mode=True,
    )
    require(module, "boto3", BOTO3_IMPORT_ERROR)
    clients = Clients(Connection.from_params(module.params), pool=max(1, module.params["concurrency"]) + 4)
    run(module, lambda: gather(module.params, clients), extras=lambda: {"api_calls": clients.calls.as_result()})


if __name__ == "__main__":
    main()
