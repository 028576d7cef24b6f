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
import json
import math
import re
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timezone
from pathlib import Path
from typing import Any

# The engine runs this file by its path, as a part of no package: what the sources share is found from there.
sys.path.append(str(Path(__file__).resolve().parents[1] / "module_utils"))

from cloudops_sources.arguments import Argument, ArgumentError, read_arguments
from cloudops_sources.aws import _CURES, AWS_ARGUMENTS, aws_errors, check_connection, make_client
from cloudops_sources.events import Printer, Queue, SourceFailure
from cloudops_sources.polling import POLLING_ARGUMENTS, THRESHOLD, Observation, Reading, Threshold, Trouble, poll

SOURCE = "cloudwatch_metric"

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
    check_connection(SOURCE, options)
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
    await poll(queue, SOURCE, options, Source(options, queries))


if __name__ == "__main__":
    # To try it by hand: python cloudwatch_metric.py '{"region": "eu-central-1", ...}'
    asyncio.run(main(Printer(), json.loads(sys.argv[1])))
