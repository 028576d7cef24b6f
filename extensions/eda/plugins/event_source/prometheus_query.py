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
import json
import math
import os
import re
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

try:
    import urllib3
except ImportError:  # said when the source starts
    urllib3 = None  # type: ignore[assignment]

# The engine runs this file by its path, as a part of no package: what the sources share is found from there.
sys.path.append(str(Path(__file__).resolve().parents[1] / "module_utils"))

from cloudops_sources.arguments import Argument, ArgumentError, read_arguments
from cloudops_sources.events import Printer, Queue, SourceFailure
from cloudops_sources.polling import POLLING_ARGUMENTS, THRESHOLD, Observation, Reading, Threshold, Trouble, poll

SOURCE = "prometheus_query"

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
    await poll(queue, SOURCE, options, Source(options, queries))


if __name__ == "__main__":
    # To try it by hand: python prometheus_query.py '{"url": "http://127.0.0.1:9090", "query": "up", ...}'
    asyncio.run(main(Printer(), json.loads(sys.argv[1])))
