#!/usr/bin/python
# Copyright (c) 2026 cloudops.core contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Answers of Prometheus, and what a threshold says of them."""

from __future__ import annotations

DOCUMENTATION = r"""
module: prometheus_query_info
short_description: Query Prometheus, and hold the answers against thresholds
version_added: 0.1.0
author:
  - cloudops.core contributors (@cloudops-core)
description:
  - Asks any number of instant and range queries, side by side, all as of the same time.
  - Says of each series how complete and how old it is, and with O(threshold) whether it is V(breached), V(ok), or has
    V(insufficient_data), just as M(cloudops.core.cloudwatch_metric_info) does. A query without an answer, NaN and infinity have the
    value V(null), never 0.
  - RV(metrics) is ready to be handed to the filter P(cloudops.core.scaling_decision#filter) and to the modules that scale.
  - Works with whatever has Prometheus's query API, such as Thanos, Mimir, Cortex and VictoriaMetrics.
options:
  url:
    description:
      - Where Prometheus is, with the path below which its API begins, if there is one. Without user and password.
      - Also from E(PROMETHEUS_URL).
    type: str
    required: true
  username:
    description:
      - User for basic authentication. Goes with O(password), and excludes O(bearer_token). Also from E(PROMETHEUS_USERNAME).
    type: str
  password:
    description:
      - Password for basic authentication. Also from E(PROMETHEUS_PASSWORD).
    type: str
  bearer_token:
    description:
      - Bearer token. Also from E(PROMETHEUS_TOKEN).
    type: str
    aliases: [token]
  client_cert:
    description:
      - File with a certificate (PEM) that the server knows us by. It may hold the key as well.
    type: path
  client_key:
    description:
      - File with the key (PEM, not encrypted) of O(client_cert). Not needed when that file holds it as well.
    type: path
  ca_cert:
    description:
      - File with the certificate authorities (PEM) to trust. Without it, those that the system trusts. Also from
        E(PROMETHEUS_CA_CERT).
    type: path
    aliases: [ca_path]
  validate_certs:
    description:
      - Whether the server's TLS certificate is verified. Turn it off for tests only.
    type: bool
    default: true
  headers:
    description:
      - Headers to send along, such as V(X-Scope-OrgID) for a server with many tenants. They appear in results and logs.
    type: dict
  secret_headers:
    description:
      - Headers whose values must not appear anywhere, such as the key that a gateway wants.
    type: dict
  proxy:
    description:
      - URL of an HTTP proxy. Without it there is none; the variables of the environment are not read.
    type: str
  timeout:
    description:
      - Seconds to wait for an answer. A query that took longer is not repeated.
      - Otherwise a request is tried up to 4 times when the server asks for it (429, 502, 503, 504), up to 3 times when there is no
        connection.
    type: float
    default: 30
  query:
    description:
      - One query, in PromQL. Excludes O(queries).
    type: str
  id:
    description:
      - Name of O(query) in results. V(q1) where it isn't given.
    type: str
  queries:
    description:
      - Several queries. An empty list asks nothing.
    type: list
    elements: dict
    suboptions:
      id:
        description: Name of the query in results. V(q1), V(q2) and so on where it isn't given.
        type: str
      query:
        description: The query, in PromQL.
        type: str
        required: true
      type:
        description: Type of this query. Default is V(range) where the query has a window or a step of its own, otherwise O(type).
        type: str
        choices: [instant, range]
      last:
        description: Length of this query's window. Default is the window of the task.
        type: str
      start:
        description: Beginning of this query's window.
        type: str
      end:
        description: End of this query's window. Default is O(end).
        type: str
      step:
        description: Step of this query. Default is O(step).
        type: str
      aggregation:
        description: Aggregation of this query. Default is O(aggregation).
        type: str
      expect:
        description: How many series this query may yield. Default is O(expect).
        type: str
        choices: [one, any]
      threshold:
        description: Threshold of this query. Default is O(threshold).
        type: dict
        suboptions: &threshold
          operator:
            description:
              - The side of the value that breaches. The names that alarms of CloudWatch have for the operators are understood, too.
            type: str
            required: true
            choices: ['>', '>=', '<', '<=', GreaterThanThreshold, GreaterThanOrEqualToThreshold, LessThanThreshold,
                      LessThanOrEqualToThreshold]
          value:
            description: The value that datapoints are compared with.
            type: float
            required: true
          datapoints:
            description: How many datapoints have to breach (M of N). Default is all of C(of). More than 1 needs a range query.
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
              - How many steps back the datapoints are looked for, since some may be missing. Default is C(of) and 2 more.
              - They are read even when the window is shorter.
            type: int
  type:
    description:
      - An V(instant) query has one value a series, as of O(now). A V(range) query has one for each O(step) of a window.
      - Default is V(range) where any of O(last), O(start), O(end) and O(step) is given, otherwise V(instant).
    type: str
    choices: [instant, range]
  now:
    description:
      - The time as of which everything is asked, in ISO 8601 (UTC where it names no offset) or as seconds since 1970.
      - Default is the present time on the host that runs the module; its clock should be right.
    type: str
    aliases: [time]
  last:
    description:
      - Length of the window, as a duration such as V(5m), V(1h30m) or V(7d). Rounded up to whole steps. Default is V(1h).
      - Excludes O(start).
    type: str
  start:
    description:
      - Beginning of the window, in ISO 8601 or as seconds since 1970. Rounded down to a whole step. The first value is that of the end
        of the first step.
    type: str
  end:
    description:
      - End of the window. Rounded up to a whole step, but never beyond O(now). Default is O(now).
    type: str
  step:
    description:
      - Seconds from one value to the next, or a duration such as V(15s) or V(5m). Default is V(1m).
      - Values are those at whole multiples of the step, so that they are the same in every run.
    type: str
  aggregation:
    description:
      - What RV(series[].value) is made of the values in the window; V(last), V(average), V(max), V(min), V(sum), or a percentile such
        as V(p95). It works along time; across series, aggregate in the query.
    type: str
    default: last
  expect:
    description:
      - With V(one), a query that yields more than one series fails, as it probably lacks an aggregation. The series goes by the id of
        the query.
      - With V(any), each series goes by the id of the query and its labels.
    type: str
    choices: [one, any]
    default: one
  max_series:
    description:
      - The most series that one query may yield; one with more fails.
    type: int
    default: 1000
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
      - Whether timestamps and values are returned.
    type: bool
    default: true
  concurrency:
    description:
      - Queries that are asked side by side. Prometheus itself works on 20 at a time.
    type: int
    default: 8
notes:
  - Requires urllib3 on the host that runs the module, which is usually localhost.
  - An instant query is answered as of the time that it is asked for, so its age is 0 however old the sample behind it is. Prometheus
    takes samples up to 5 minutes old, and none of a target that is gone. Ask C(time(\) - max(timestamp(up{job="web"}\)\)) to learn more.
requirements:
  - python >= 3.10
  - urllib3 >= 1.26
extends_documentation_fragment:
  - cloudops.core.attributes.info
"""

EXAMPLES = r"""
- name: Read the load of a service
  cloudops.core.prometheus_query_info:
    url: https://prometheus.example.com
    query: sum(shop_requests_per_second{job="shop"})
    id: load
  register: load

- name: Say what it is
  ansible.builtin.debug:
    msg: "{{ load.by_id.load.value }} requests per second"

- name: Ask several things at once, with a token
  cloudops.core.prometheus_query_info:
    url: https://prometheus.example.com/prometheus
    bearer_token: "{{ prometheus_token }}"
    ca_cert: /etc/ssl/certs/example.pem
    queries:
      - id: busy
        query: avg(shop_cpu_percent{job="shop"})
        last: 10m
        step: 1m
        threshold:
          operator: '>'
          value: 70
          datapoints: 3
          of: 5
      - id: backlog
        query: max(shop_queue_depth)
        threshold:
          operator: '>'
          value: 1000
      - id: up
        query: up{job="shop"}
        expect: any
        threshold:
          operator: '<'
          value: 1
          missing: breaching
  register: shop

- name: Name what is down
  ansible.builtin.debug:
    msg: "{{ shop.by_id[item].labels.instance | default('all of them') }} is down"
  loop: "{{ shop.breached | select('match', 'up') }}"

- name: Decide on a size
  ansible.builtin.debug:
    msg: "{{ {'current': 3} | cloudops.core.scaling_decision(policy, shop.metrics) }}"
  vars:
    policy:
      min: 2
      max: 10
      rules:
        - type: threshold
          metric: busy
          above: 70
          up: 1
          below: 50
          down: 1

- name: Take the highest value of yesterday
  cloudops.core.prometheus_query_info:
    url: https://prometheus.example.com
    username: reader
    password: "{{ prometheus_password }}"
    headers:
      X-Scope-OrgID: shop
    query: sum(shop_requests_per_second)
    start: '2026-03-01T00:00:00Z'
    end: '2026-03-02T00:00:00Z'
    step: 5m
    aggregation: max
    return_datapoints: false
"""

RETURN = r"""
series:
  description:
    - All series, in the order of the queries. A query that yields none has an entry without a value.
  returned: always
  type: list
  elements: dict
  contains:
    key:
      description:
        - What the series goes by in RV(by_id), RV(verdicts), RV(metrics) and O(previous). The id of the query; with O(expect=any),
          C(ID/LABELS), unless the series has no labels.
      type: str
      sample: up/up{instance="web-1:9100",job="shop"}
    id:
      description: The id of the query.
      type: str
      sample: up
    label:
      description: Name and labels of the series, as PromQL has them, labels in alphabetical order.
      type: str
      sample: up{instance="web-1:9100",job="shop"}
    labels:
      description: The labels with their values.
      type: dict
      sample: {"__name__": "up", "instance": "web-1:9100", "job": "shop"}
    query:
      description: The query.
      type: str
      sample: up{job="shop"}
    type:
      description: V(instant) or V(range).
      type: str
      sample: instant
    status:
      description: V(Complete), or V(NoSeries) when the query yields nothing.
      type: str
      sample: Complete
    not_numbers:
      description: Values in the window that were NaN or infinite, and were left out.
      type: int
      sample: 0
    start:
      description: Beginning of the window, in ISO 8601. The window doesn't include it. Of an instant query, its time.
      type: str
      sample: '2026-03-01T10:00:00+00:00'
    end:
      description: End of the window, in ISO 8601. Of an instant query, its time.
      type: str
      sample: '2026-03-01T11:00:00+00:00'
    period:
      description: The step in seconds. 0 for an instant query.
      type: int
      sample: 60
    count:
      description: Datapoints in the window.
      type: int
      sample: 59
    expected:
      description: Datapoints that a series without gaps has in the window. 1 for an instant query.
      type: int
      sample: 60
    coverage:
      description: Share of the window's steps that have a datapoint, 0 to 1.
      type: float
      sample: 0.9833
    age:
      description: Seconds from the newest datapoint to O(now). V(null) when there is no datapoint.
      type: float
      sample: 21.3
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
      description: Times of the datapoints, oldest first, in ISO 8601. Only with O(return_datapoints=true).
      type: list
      elements: str
      sample: ['2026-03-01T10:59:00+00:00', '2026-03-01T11:00:00+00:00']
    values:
      description: Values of the datapoints, in the order of the timestamps. Only with O(return_datapoints=true).
      type: list
      elements: float
      sample: [11.25, 12.5]
by_id:
  description: The same series, by their RV(series[].key).
  returned: always
  type: dict
  sample: {"load": {"value": 12.5, "verdict": "ok"}}
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
      sample: load
    value:
      description: The RV(series[].value).
      type: float
      sample: 12.5
    timestamp:
      description: Time of the newest datapoint, in ISO 8601. V(null) when there is no datapoint.
      type: str
      sample: '2026-03-01T11:00:00+00:00'
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
  sample: {"busy": "ok", "backlog": "breached"}
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
  description:
    - What Prometheus says of the queries, each with the C(id) of the query, the C(code), V(warning) or V(info), and the text as
      C(value). They appear as warnings, too.
  returned: always
  type: list
  elements: dict
  sample: [{"id": "load", "code": "warning", "value": "the answer is not complete"}]
failures:
  description: Queries that could not be read, each with its error. When there are any, the task fails after the others were read.
  returned: always
  type: list
  elements: dict
  sample: [{"name": "load", "kind": "invalid", "code": "bad_data", "message": "1:5: parse error: unclosed left parenthesis"}]
api_calls:
  description: Requests sent, by endpoint, retries included.
  returned: always
  type: dict
  sample: {"query": 2, "query_range": 1}
duration:
  description: Seconds that the module worked.
  returned: always
  type: float
  sample: 0.038
error:
  description: The failure as data.
  returned: on failure
  type: dict
  sample: {"kind": "denied", "code": "401", "message": "Unauthorized", "operation": "query Prometheus"}
"""

import time
from typing import Any

from ansible.module_utils.basic import AnsibleModule
from ansible_collections.cloudops.core.plugins.module_utils._ansible.metric_options import (
    prometheus_spec,
    threshold_option,
)
from ansible_collections.cloudops.core.plugins.module_utils._ansible.runner import Result, require, run, some_failed
from ansible_collections.cloudops.core.plugins.module_utils._domain.metrics import (
    MISSING,
    OPERATOR_NAMES,
    OPERATORS,
)
from ansible_collections.cloudops.core.plugins.module_utils._domain.times import (
    parse_time,
)
from ansible_collections.cloudops.core.plugins.module_utils._prometheus.client import (
    URLLIB3_IMPORT_ERROR,
    Client,
    Connection,
)
from ansible_collections.cloudops.core.plugins.module_utils._prometheus.measure import Request, measure
from ansible_collections.cloudops.core.plugins.module_utils._prometheus.queries import EXPECT, ONE, TYPES, read_queries

THRESHOLD_OPERATORS = (*OPERATORS, *OPERATOR_NAMES)


def window_options() -> dict[str, Any]:
    """The options that stand in two places, for the task and for a query of it; without defaults."""
    return {
        "type": {"type": "str", "choices": list(TYPES)},
        "last": {"type": "str"},
        "start": {"type": "str"},
        "end": {"type": "str"},
        "step": {"type": "str"},
        "threshold": threshold_option(THRESHOLD_OPERATORS, MISSING),
    }


def own_options() -> dict[str, Any]:
    """The options of the module."""
    query = {
        "id": {"type": "str"},
        "query": {"type": "str", "required": True},
        "aggregation": {"type": "str"},
        "expect": {"type": "str", "choices": list(EXPECT)},
        **window_options(),
    }
    return {
        "query": {"type": "str"},
        "id": {"type": "str"},
        "queries": {"type": "list", "elements": "dict", "options": query},
        **window_options(),
        "now": {"type": "str", "aliases": ["time"]},
        "aggregation": {"type": "str", "default": "last"},
        "expect": {"type": "str", "choices": list(EXPECT), "default": ONE},
        "max_series": {"type": "int", "default": 1000},
        "previous": {"type": "dict", "default": {}},
        "return_datapoints": {"type": "bool", "default": True},
        "concurrency": {"type": "int", "default": 8},
    }


def request_of(params: dict[str, Any]) -> Request:
    """What the options ask for, as of now."""
    return Request(
        queries=read_queries(params),
        # Prometheus counts in milliseconds.
        now=round(time.time() if params["now"] is None else parse_time(params["now"], "now"), 3),
        judged=bool(params["threshold"]),
        previous={str(key): str(state) for key, state in params["previous"].items()},
        datapoints=params["return_datapoints"],
        max_series=params["max_series"],
        concurrency=params["concurrency"],
    )


def gather(params: dict[str, Any], client: Client) -> Result:
    """Read and judge."""
    measured = measure(client, request_of(params))
    return Result(
        values=measured.as_result(),
        warnings=tuple(measured.warnings),
        failure=some_failed("read", measured.failures, len({one["id"] for one in measured.series})),
    )


def passwords_in(*urls: str | None) -> set[str]:
    """Passwords that don't belong into a URL, and must not show even though they are refused there."""
    places = (url.partition("://")[2].partition("/")[0].rpartition("@")[0] for url in urls if url)
    return {word for place in places for word in place.split(":")[1:] if word}


def main() -> None:
    """Wire it up."""
    module = AnsibleModule(
        argument_spec=prometheus_spec(**own_options()),
        mutually_exclusive=[("query", "queries"), ("last", "start"), ("username", "bearer_token")],
        required_one_of=[("query", "queries")],
        required_together=[("username", "password")],
        required_by={"client_key": "client_cert"},
        supports_check_mode=True,
    )
    module.no_log_values.update(passwords_in(module.params["url"], module.params["proxy"]))
    require(module, "urllib3", URLLIB3_IMPORT_ERROR)
    client = Client(Connection.from_params(module.params), pool=max(1, module.params["concurrency"]))
    run(module, lambda: gather(module.params, client), extras=lambda: {"api_calls": client.calls.as_result()})


if __name__ == "__main__":
    main()
