#!/usr/bin/python
# Copyright (c) 2026 cloudops.core contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Values of CloudWatch metrics, and what a threshold says of them."""

from __future__ import annotations

DOCUMENTATION = r"""
module: cloudwatch_metric_info
short_description: Query CloudWatch metrics, and hold them against thresholds
version_added: 0.1.0
author:
  - cloudops.core contributors (@cloudops-core)
description:
  - Reads any number of metrics in as few calls as there can be, side by side. 1,000 instances with seven days of hourly datapoints
    take 2 calls.
  - Says of each series how complete and how old it is, and with O(threshold) whether it is V(breached), V(ok), or has
    V(insufficient_data), in the way that CloudWatch alarms do. A metric without datapoints has the value V(null), never 0.
  - Either asks for one metric of many instances (O(instance_ids) and O(metric)), or for whatever O(queries) lists.
options:
  instance_ids:
    description:
      - Instances to read O(metric) of; or the values of whatever O(dimension) names. Those that repeat are read once. An empty list
        reads nothing.
      - Excludes O(queries).
    type: list
    elements: str
    aliases: [dimension_values]
  metric:
    description:
      - Metric to read, such as V(CPUUtilization). Goes with O(instance_ids).
    type: str
    aliases: [metric_name]
  namespace:
    description:
      - Namespace of O(metric).
    type: str
    default: AWS/EC2
  dimension:
    description:
      - Dimension that O(instance_ids) gives the values of.
    type: str
    default: InstanceId
  dimensions:
    description:
      - Further dimensions, the same for all of O(instance_ids). CloudWatch finds a metric only under all its dimensions.
    type: dict
  unit:
    description:
      - Only datapoints that were published with this unit, such as V(Percent). CloudWatch converts none.
    type: str
  queries:
    description:
      - Queries of any kind. Each has O(queries[].namespace) and O(queries[].metric), or O(queries[].expression).
    type: list
    elements: dict
    suboptions:
      id:
        description:
          - Name of the query, in results and in expressions. Begins with a small letter; letters, digits and underscores follow.
          - V(q1), V(q2) and so on where it isn't given.
        type: str
      namespace:
        description: Namespace of the metric.
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
      period:
        description:
          - Length of a period. Default is O(period). For an expression, default is what comes of the metrics in it.
        type: str
      unit:
        description: Only datapoints that were published with this unit.
        type: str
      expression:
        description:
          - Metric math over the ids of other queries, a C(SEARCH), or a query of Metrics Insights (C(SELECT)).
          - What it refers to is read in the same call, so it may refer to at most 499 other queries.
        type: str
      label:
        description: Label of the series. CloudWatch makes one up where it isn't given.
        type: str
      account:
        description: Id of the account that has the metric, when it shares its metrics with this one.
        type: str
        aliases: [account_id]
      return_data:
        description: Whether the series is returned. V(false) for what only an expression needs.
        type: bool
        default: true
      aggregation:
        description: Aggregation of this query. Default is O(aggregation).
        type: str
      threshold:
        description: Threshold of this query. Default is O(threshold).
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
              - V(breaching) and V(not_breaching) let them count as such.
              - V(ignore) keeps the verdict that O(previous) names, unless the datapoints that are there decide.
              - V(missing) gives V(insufficient_data) when there is no datapoint at all, and otherwise decides by those that are there.
            type: str
            choices: [breaching, not_breaching, ignore, missing]
            default: missing
          evaluation_range:
            description:
              - How many periods back the datapoints are looked for, since some may be missing or late. Default is C(of) and 2 more.
              - The datapoints are read even when the window is shorter.
            type: int
  stat:
    description:
      - Statistic that CloudWatch makes of the samples within a period, such as V(Average), V(Maximum), V(Sum), V(SampleCount), V(p99),
        V(tm95) or V(PR(:300\)).
    type: str
    default: Average
  period:
    description:
      - Length of a period; a period becomes a datapoint. Seconds, or a duration such as V(5m) or V(1h).
      - Whole minutes, or 1, 5, 10, 20 or 30 seconds for metrics of high resolution.
    type: str
    default: 5m
  last:
    description:
      - Length of the window, as a duration such as V(5m), V(1h30m) or V(7d). Rounded up to whole periods. Default is V(1h).
      - Excludes O(start).
    type: str
  start:
    description:
      - Beginning of the window, in ISO 8601 (UTC where it names no offset) or as seconds since 1970. Rounded down to a whole period.
    type: str
  end:
    description:
      - End of the window. Rounded up to a whole period, but never into one that isn't over yet. Default is now.
    type: str
  delay:
    description:
      - How long after its end a period counts as over, as a duration. For metrics that arrive late.
    type: str
    default: 0s
  aggregation:
    description:
      - What RV(series[].value) is made of the datapoints in the window; V(last), V(average), V(max), V(min), V(sum), or a percentile
        such as V(p95).
    type: str
    default: last
  threshold:
    description:
      - When a series is breached.
    type: dict
    suboptions: *threshold
  previous:
    description:
      - Verdicts of an earlier run, as RV(verdicts) has them, for a threshold that ignores missing datapoints. Series that aren't in it
        begin with V(insufficient_data).
    type: dict
    default: {}
  return_datapoints:
    description:
      - Whether timestamps and values are returned. Without them, the results of a large fleet stay small.
    type: bool
    default: true
  price_per_1000_metrics:
    description:
      - Price in USD for RV(estimated_cost). See U(https://aws.amazon.com/cloudwatch/pricing/) for your region.
    type: float
    default: 0.01
  concurrency:
    description:
      - Calls that are made side by side. CloudWatch allows 50 a second in most regions.
    type: int
    default: 8
extends_documentation_fragment:
  - cloudops.core.aws
  - cloudops.core.attributes.info
  - cloudops.core.attributes.aws_group
"""

EXAMPLES = r"""
- name: Look at the load of some instances
  cloudops.core.cloudwatch_metric_info:
    region: eu-central-1
    instance_ids: [i-0123456789abcdef0, i-0fedcba9876543210]
    metric: CPUUtilization
    last: 1h
    threshold:
      operator: '>'
      value: 80
      datapoints: 2
      of: 3
  register: cpu

- name: Name the busy ones
  ansible.builtin.debug:
    msg: "{{ item }}: {{ cpu.by_id[item].value }} %, {{ cpu.by_id[item].verdict_reason }}"
  loop: "{{ cpu.breached }}"

- name: Wait until the queue is empty
  cloudops.core.cloudwatch_metric_info:
    region: eu-central-1
    namespace: AWS/SQS
    dimension: QueueName
    instance_ids: [example-orders]
    metric: ApproximateNumberOfMessagesVisible
    stat: Maximum
    period: 1m
    threshold:
      operator: '>'
      value: 0
  register: queue
  until: queue.verdict == 'ok'
  retries: 30
  delay: 60

- name: Compute the error rate of a load balancer
  cloudops.core.cloudwatch_metric_info:
    region: eu-central-1
    last: 15m
    period: 1m
    queries:
      - id: errors
        namespace: AWS/ApplicationELB
        metric: HTTPCode_Target_5XX_Count
        dimensions:
          LoadBalancer: app/example/0123456789abcdef
        stat: Sum
        return_data: false
      - id: requests
        namespace: AWS/ApplicationELB
        metric: RequestCount
        dimensions:
          LoadBalancer: app/example/0123456789abcdef
        stat: Sum
        return_data: false
      - id: error_rate
        expression: 100 * FILL(errors, 0) / requests
        aggregation: max
        threshold:
          operator: '>='
          value: 1
          datapoints: 3
          of: 5
  register: balancer

- name: Roll back
  ansible.builtin.import_tasks: roll_back.yml
  when: balancer.by_id.error_rate.verdict == 'breached'

- name: Find the ten busiest instances of the account
  cloudops.core.cloudwatch_metric_info:
    region: eu-central-1
    last: 30m
    queries:
      - id: busiest
        expression: >-
          SELECT AVG(CPUUtilization) FROM SCHEMA("AWS/EC2", InstanceId) GROUP BY InstanceId ORDER BY AVG() DESC LIMIT 10
"""

RETURN = r"""
series:
  description: All series, in the order of the queries.
  returned: always
  type: list
  elements: dict
  contains:
    key:
      description:
        - What the series goes by in RV(by_id), RV(verdicts) and O(previous). The instance id (or value of O(dimension)), or the id of
          the query; where a query yields several series, C(ID/LABEL).
      type: str
      sample: i-0123456789abcdef0
    id:
      description: The instance id, or the id of the query.
      type: str
      sample: i-0123456789abcdef0
    label:
      description: Label of the series.
      type: str
      sample: CPUUtilization
    namespace:
      description: Namespace of the metric. Not for expressions.
      type: str
      sample: AWS/EC2
    metric:
      description: Name of the metric. Not for expressions.
      type: str
      sample: CPUUtilization
    dimensions:
      description: Dimensions of the metric. Not for expressions.
      type: dict
      sample: {"InstanceId": "i-0123456789abcdef0"}
    stat:
      description: Statistic. Not for expressions.
      type: str
      sample: Average
    expression:
      description: The expression, for those.
      type: str
      sample: 100 * errors / requests
    status:
      description:
        - V(Complete), or V(PartialData) when CloudWatch didn't return all even when asked again, or V(NoSeries) when it returned no such
          series.
      type: str
      sample: Complete
    messages:
      description: What CloudWatch says of the series, each with its C(code) and C(value).
      type: list
      elements: dict
    start:
      description: Beginning of the window, in ISO 8601.
      type: str
      sample: '2026-03-01T10:00:00+00:00'
    end:
      description: End of the window, in ISO 8601. The window doesn't include it.
      type: str
      sample: '2026-03-01T11:00:00+00:00'
    period:
      description: Seconds a period.
      type: int
      sample: 300
    count:
      description: Datapoints in the window.
      type: int
      sample: 11
    expected:
      description: Datapoints that a metric without gaps has in the window.
      type: int
      sample: 12
    coverage:
      description: Share of the window's periods that have a datapoint, 0 to 1.
      type: float
      sample: 0.9167
    age:
      description: Seconds since the beginning of the newest datapoint's period. V(null) when there is no datapoint.
      type: float
      sample: 421.3
    value:
      description: The datapoints in one value, as O(aggregation) says. V(null) when there is no datapoint.
      type: float
      sample: 12.5
    verdict:
      description: V(breached), V(ok) or V(insufficient_data). Only with a threshold.
      type: str
      sample: ok
    verdict_reason:
      description: How the verdict came about. Only with a threshold.
      type: str
      sample: 1 of 3 datapoints > 80; 2 of 3 needed
    timestamps:
      description: Beginnings of the datapoints' periods, oldest first, in ISO 8601. Only with O(return_datapoints=true).
      type: list
      elements: str
      sample: ['2026-03-01T10:00:00+00:00', '2026-03-01T10:05:00+00:00']
    values:
      description: Values of the datapoints, in the order of the timestamps. Only with O(return_datapoints=true).
      type: list
      elements: float
      sample: [11.25, 12.5]
by_id:
  description: The same series, by their RV(series[].key).
  returned: always
  type: dict
  sample: {"i-0123456789abcdef0": {"value": 12.5, "verdict": "ok"}}
metrics:
  description:
    - The same series in short, as the filter P(cloudops.core.scaling_decision#filter) and the modules that scale take them. A series
      without datapoints has the value V(null).
  returned: always
  type: list
  elements: dict
  contains:
    name:
      description: The RV(series[].key).
      type: str
      sample: i-0123456789abcdef0
    value:
      description: The RV(series[].value).
      type: float
      sample: 12.5
    timestamp:
      description: Beginning of the newest datapoint's period, in ISO 8601. V(null) when there is no datapoint.
      type: str
      sample: '2026-03-01T10:55:00+00:00'
verdict:
  description:
    - One verdict for all. V(breached) when any series is, V(ok) when all are, otherwise V(insufficient_data), also when there is no
      series.
  returned: when there is a threshold
  type: str
  sample: breached
verdicts:
  description: Verdicts by RV(series[].key); the next run's O(previous).
  returned: when there is a threshold
  type: dict
  sample: {"i-0123456789abcdef0": "ok", "i-0fedcba9876543210": "breached"}
breached:
  description: Keys of the series that are breached.
  returned: when there is a threshold
  type: list
  elements: str
ok:
  description: Keys of the series that are ok.
  returned: when there is a threshold
  type: list
  elements: str
insufficient_data:
  description: Keys of the series that have too few datapoints to tell.
  returned: when there is a threshold
  type: list
  elements: str
messages:
  description: What CloudWatch says of the calls, each with its C(code) and C(value). They appear as warnings, too.
  returned: always
  type: list
  elements: dict
failures:
  description: Queries that could not be read, each with its error. When there are any, the task fails after the others were read.
  returned: always
  type: list
  elements: dict
  sample: [{"name": "error_rate", "kind": "invalid", "code": "ValidationError", "message": "Error in expression 'error_rate'"}]
estimated_cost:
  description:
    - What the calls cost at O(price_per_1000_metrics), pages and repetitions included, the free tier not counted. Metrics that C(SEARCH)
      and Metrics Insights find for themselves aren't in it.
  returned: always
  type: dict
  contains:
    metrics_requested:
      description: Metrics that are billed. Up to five statistics of a metric in one call count as one.
      type: int
      sample: 1000
    usd:
      description: Price in USD.
      type: float
      sample: 0.01
api_calls:
  description: Requests sent, by operation, retries included.
  returned: always
  type: dict
  sample: {"GetMetricData": 2}
duration:
  description: Seconds that the module worked.
  returned: always
  type: float
  sample: 0.214
error:
  description: The failure as data.
  returned: on failure
  type: dict
  sample: {"kind": "denied", "code": "AccessDenied", "message": "Access Denied", "operation": "get metric data"}
"""

import time
from typing import Any

from ansible.module_utils.basic import AnsibleModule
from ansible_collections.cloudops.core.plugins.module_utils._ansible.argspec import (
    AWS_EXCLUSIVE,
    AWS_TOGETHER,
    aws_spec,
)
from ansible_collections.cloudops.core.plugins.module_utils._ansible.metric_options import threshold_option
from ansible_collections.cloudops.core.plugins.module_utils._ansible.runner import Result, require, run, some_failed
from ansible_collections.cloudops.core.plugins.module_utils._aws.client import BOTO3_IMPORT_ERROR, Clients, Connection
from ansible_collections.cloudops.core.plugins.module_utils._aws.cloudwatch import (
    PRICE_PER_1000_METRICS,
    CloudWatchGateway,
    Request,
    measure,
)
from ansible_collections.cloudops.core.plugins.module_utils._aws.cloudwatch_queries import read_queries
from ansible_collections.cloudops.core.plugins.module_utils._domain.metrics import (
    MISSING,
    OPERATOR_NAMES,
    OPERATORS,
)
from ansible_collections.cloudops.core.plugins.module_utils._domain.times import (
    parse_duration,
    parse_time,
)

DEFAULT_LAST = "1h"
THRESHOLD_OPERATORS = (*OPERATORS, *OPERATOR_NAMES)


def query_options() -> dict[str, Any]:
    """The options of a query."""
    return {
        "id": {"type": "str"},
        "namespace": {"type": "str"},
        "metric": {"type": "str", "aliases": ["metric_name"]},
        "dimensions": {"type": "dict"},
        "stat": {"type": "str"},
        "period": {"type": "str"},
        "unit": {"type": "str"},
        "expression": {"type": "str"},
        "label": {"type": "str"},
        "account": {"type": "str", "aliases": ["account_id"]},
        "return_data": {"type": "bool", "default": True},
        "aggregation": {"type": "str"},
        "threshold": threshold_option(THRESHOLD_OPERATORS, MISSING),
    }


def own_options() -> dict[str, Any]:
    """The options of the module."""
    return {
        "instance_ids": {"type": "list", "elements": "str", "aliases": ["dimension_values"]},
        "metric": {"type": "str", "aliases": ["metric_name"]},
        "namespace": {"type": "str", "default": "AWS/EC2"},
        "dimension": {"type": "str", "default": "InstanceId"},
        "dimensions": {"type": "dict"},
        "unit": {"type": "str"},
        "queries": {"type": "list", "elements": "dict", "options": query_options()},
        "stat": {"type": "str", "default": "Average"},
        "period": {"type": "str", "default": "5m"},
        "last": {"type": "str"},
        "start": {"type": "str"},
        "end": {"type": "str"},
        "delay": {"type": "str", "default": "0s"},
        "aggregation": {"type": "str", "default": "last"},
        "threshold": threshold_option(THRESHOLD_OPERATORS, MISSING),
        "previous": {"type": "dict", "default": {}},
        "return_datapoints": {"type": "bool", "default": True},
        "price_per_1000_metrics": {"type": "float", "default": PRICE_PER_1000_METRICS},
        "concurrency": {"type": "int", "default": 8},
    }


def request_of(params: dict[str, Any]) -> Request:
    """What the options ask for, as of now."""
    given = {name: parse_time(params[name], name) for name in ("start", "end") if params[name] is not None}
    last = None if "start" in given else parse_duration(params["last"] or DEFAULT_LAST, "last")
    return Request(
        queries=read_queries(params),
        now=time.time(),
        last=last,
        **given,
        delay=parse_duration(params["delay"], "delay"),
        judged=bool(params["threshold"]),
        previous={str(key): str(state) for key, state in params["previous"].items()},
        datapoints=params["return_datapoints"],
        concurrency=params["concurrency"],
    )


def gather(params: dict[str, Any], clients: Clients) -> Result:
    """Read and judge."""
    measured = measure(CloudWatchGateway(clients), request_of(params))
    return Result(
        values=measured.as_result(params["price_per_1000_metrics"]),
        warnings=tuple(measured.warnings),
        failure=some_failed("read", measured.failures, len(measured.series)),
    )


def main() -> None:
    """Wire it up."""
    module = AnsibleModule(
        argument_spec=aws_spec(**own_options()),
        mutually_exclusive=[*AWS_EXCLUSIVE, ("last", "start"), ("queries", "instance_ids")],
        required_together=AWS_TOGETHER,
        supports_check_mode=True,
    )
    require(module, "boto3", BOTO3_IMPORT_ERROR)
    clients = Clients(Connection.from_params(module.params), pool=module.params["concurrency"] + 4)
    run(module, lambda: gather(module.params, clients), extras=lambda: {"api_calls": clients.calls.as_result()})


if __name__ == "__main__":
    main()
