# Copyright (c) 2026 cloudops.core contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Event source: Kubernetes workloads that change their size, lose pods, or get stuck in a rollout.

https://kubernetes.io/docs/reference/using-api/api-concepts/#efficient-detection-of-changes
"""

from __future__ import annotations

DOCUMENTATION = r"""
short_description: Watch Kubernetes workloads, and tell when their size, availability or rollout changes
description:
  - Watches Deployments, StatefulSets and DaemonSets, and goes on where it was after each interruption. When the server no longer knows
    what happened since, everything is listed anew and compared, so that no change of state is lost.
  - An event of type V(workload) says what a workload's C(state) is and was. V(available) is all well, V(progressing) is in a rollout,
    V(stuck) is in one that doesn't get on, V(degraded) has lost pods without a rollout, V(gone) is deleted.
  - Its verdict is V(ok) for available, V(breached) for stuck and degraded, V(insufficient_data) for progressing and gone.
  - At the start there are events for those only that are V(breached).
  - An event of type V(error) says that watching fails, and V(recovered) that it works again.
  - Needs the verbs C(list) and C(watch) on the kinds, and the kubernetes Python package where the rulebook runs.
options:
  kinds:
    description: Kinds to watch.
    type: list
    elements: str
    choices: [Deployment, StatefulSet, DaemonSet]
    default: [Deployment]
    aliases: [kind]
  namespaces:
    description:
      - Namespaces to watch, each with a watch of its own. Without it, all of them with a single watch, unless O(all_namespaces) is off.
    type: list
    elements: str
    aliases: [namespace]
  all_namespaces:
    description: With V(false) and without O(namespaces), only the namespace of the kubeconfig's context is watched.
    type: bool
    default: true
  label_selectors:
    description: Label selectors that workloads must match, all of them. A list, or a text with one a line.
    type: list
    elements: str
    aliases: [label_selector]
  names:
    description: Only the workloads with these names.
    type: list
    elements: str
    aliases: [name]
  changes:
    description:
      - What there are events about. V(replicas) is another number wanted, V(availability) is pods lost or back outside of a rollout,
        V(rollout) is a rollout that begins, ends or is stuck, V(removed) is a workload deleted.
    type: list
    elements: str
    choices: [replicas, availability, rollout, removed]
    default: [replicas, availability, rollout, removed]
  stuck_after:
    description:
      - How long a rollout may go without any progress until it counts as stuck, as a duration. A Deployment whose own deadline is over
        (C(progressDeadlineSeconds)) counts as stuck in any case.
    type: str
    default: 10m
  emit:
    description: With V(always), everything that the server tells of a workload is an event, and so is each error.
    type: str
    choices: [change, always]
    default: change
  interval:
    description: Time until the next attempt after a failure, as a duration. Otherwise nothing is waited for.
    type: str
    default: 5s
  jitter:
    description: Share of each pause by which it is made shorter or longer at random.
    type: float
    default: 0.1
  max_backoff:
    description: The longest pause while watching fails. It begins with O(interval), and doubles with each failure.
    type: str
    default: 5m
  timeout:
    description: Time to wait for a connection, and for the beginning of an answer.
    type: str
    default: 10s
  watch_timeout:
    description: How long one watch is asked for, as a duration; the next follows at once.
    type: str
    default: 5m
  kubeconfig:
    description:
      - Path of a kubeconfig file, or its content as a mapping. Also from E(K8S_AUTH_KUBECONFIG) and E(KUBECONFIG). Without any,
        C(~/.kube/config), then the service account of the pod that the rulebook runs in.
    type: raw
  context:
    description: Context in the kubeconfig. Also from E(K8S_AUTH_CONTEXT). Without it, the current one.
    type: str
  host:
    description: URL of the API server. Also from E(K8S_AUTH_HOST). With a kubeconfig, it takes the place of the address there.
    type: str
  api_key:
    description: Bearer token. Also from E(K8S_AUTH_API_KEY).
    type: str
  validate_certs:
    description: Whether the server's TLS certificate is verified. Also from E(K8S_AUTH_VERIFY_SSL). Without it, as the kubeconfig says.
    type: bool
    aliases: [verify_ssl]
  ca_cert:
    description: File with the certificate authorities to trust. Also from E(K8S_AUTH_SSL_CA_CERT).
    type: str
    aliases: [ssl_ca_cert]
  client_cert:
    description: File with a client certificate. Also from E(K8S_AUTH_CERT_FILE). Goes with O(client_key).
    type: str
    aliases: [cert_file]
  client_key:
    description: File with the client certificate's key. Also from E(K8S_AUTH_KEY_FILE).
    type: str
    aliases: [key_file]
  proxy:
    description: URL of an HTTP proxy to go through. Also from E(K8S_AUTH_PROXY).
    type: str
"""

EXAMPLES = r"""
- name: shop
  cloudops.core.k8s_workload:
    kubeconfig: /etc/rulebooks/kubeconfig
    namespaces: [shop, billing]
    kinds: [Deployment, StatefulSet]
    stuck_after: 15m

- name: everything that is critical
  cloudops.core.k8s_workload:
    label_selectors: [tier=critical]
    changes: [availability, rollout]
"""

import asyncio
import contextlib
import json
import os
import random
import re
import socket
import ssl
import sys
import time
from collections.abc import AsyncIterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from pathlib import Path
from typing import Any
from urllib.parse import unquote, urlencode, urlsplit

try:
    import urllib3
    from kubernetes.client.configuration import Configuration
    from kubernetes.client.rest import RESTClientObject
    from kubernetes.config import incluster_config, kube_config
    from kubernetes.config.config_exception import ConfigException
    from urllib3.util.ssl_ import create_urllib3_context

    KUBERNETES = True
except ImportError:  # said when the source starts
    KUBERNETES = False

# The engine runs this file by its path, as a part of no package: what the sources share is found from there.
sys.path.append(str(Path(__file__).resolve().parents[1] / "module_utils"))

from cloudops_sources.arguments import Argument, ArgumentError, read_arguments
from cloudops_sources.events import Health, Pace, Printer, Queue, SourceFailure, iso_time, logger_of, make_event

SOURCE = "k8s_workload"
LOGGER = logger_of(SOURCE)

KINDS = {"Deployment": "deployments", "StatefulSet": "statefulsets", "DaemonSet": "daemonsets"}
CHANGES = ("replicas", "availability", "rollout", "removed")
ARGUMENTS = {
    "kinds": Argument("texts", ("Deployment",), choices=tuple(KINDS), aliases=("kind",)),
    "namespaces": Argument("texts", aliases=("namespace",)),
    "all_namespaces": Argument("boolean", True),
    "label_selectors": Argument("lines", aliases=("label_selector",)),
    "names": Argument("texts", aliases=("name",)),
    "changes": Argument("texts", CHANGES, choices=CHANGES),
    "stuck_after": Argument("duration", 600.0, least=0.1),
    "emit": Argument(default="change", choices=("change", "always")),
    "interval": Argument("duration", 5.0, least=0.1),
    "jitter": Argument("number", 0.1, least=0, most=0.5),
    "max_backoff": Argument("duration", 300.0, least=0),
    "timeout": Argument("duration", 10.0, least=0.1),
    "watch_timeout": Argument("duration", 300.0, least=1),
    "kubeconfig": Argument("raw"),
    "context": Argument(),
    "host": Argument(),
    "api_key": Argument(),
    "validate_certs": Argument("boolean", aliases=("verify_ssl",)),
    "ca_cert": Argument(aliases=("ssl_ca_cert",)),
    "client_cert": Argument(aliases=("cert_file",)),
    "client_key": Argument(aliases=("key_file",)),
    "proxy": Argument(),
}
FROM_ENVIRONMENT = {
    "kubeconfig": "K8S_AUTH_KUBECONFIG",
    "context": "K8S_AUTH_CONTEXT",
    "host": "K8S_AUTH_HOST",
    "api_key": "K8S_AUTH_API_KEY",
    "validate_certs": "K8S_AUTH_VERIFY_SSL",
    "ca_cert": "K8S_AUTH_SSL_CA_CERT",
    "client_cert": "K8S_AUTH_CERT_FILE",
    "client_key": "K8S_AUTH_KEY_FILE",
    "proxy": "K8S_AUTH_PROXY",
}
PAGE = 500
LINE_LIMIT = 1 << 20
GONE_STATUS = 410


def read_options(args: Mapping[str, Any]) -> dict[str, Any]:
    """Arguments.

    :raises ArgumentError: when they can't be right.
    """
    given = {name: value for name, value in args.items() if value is not None and value != ""}
    for name, variable in FROM_ENVIRONMENT.items():
        if os.environ.get(variable) and not {name, *ARGUMENTS[name].aliases} & set(given):
            given[name] = os.environ[variable]
    options = read_arguments(given, ARGUMENTS)
    for name in ("kinds", "changes"):
        if not options[name]:
            raise ArgumentError(name, "is empty", f"Give any of {', '.join(ARGUMENTS[name].choices)}.")
    for name in ("ca_cert", "client_cert", "client_key"):
        if options[name] and not os.path.isfile(options[name]):
            raise ArgumentError(
                name, f"is {options[name]}, which is no file", "Name a file of the host that runs the rulebook."
            )
    if bool(options["client_cert"]) != bool(options["client_key"]):
        missing = "client_key" if options["client_cert"] else "client_cert"
        raise ArgumentError(missing, "is missing", "Give both client_cert and client_key.")
    if options["host"] and not re.match(r"https?://[^/@]+", options["host"]):
        raise ArgumentError("host", "is no address", "It is like https://cluster.example.com:6443.")
    if not KUBERNETES:
        raise RuntimeError(f"{SOURCE} needs kubernetes: install it for {sys.executable}, which runs the rulebook.")
    return options


# What a workload is

AVAILABLE, PROGRESSING, STUCK, DEGRADED, GONE = "available", "progressing", "stuck", "degraded", "gone"
VERDICTS = {
    AVAILABLE: "ok",
    DEGRADED: "breached",
    STUCK: "breached",
    PROGRESSING: "insufficient_data",
    GONE: "insufficient_data",
}


@dataclass(frozen=True)
class Workload:
    """One workload as its cluster tells it.

    :param deadline_over: a Deployment's own deadline is over.
    :param quiet_since: when its conditions last changed, in seconds since 1970; None where it has none.
    """

    kind: str
    namespace: str
    name: str
    version: str
    generation: int
    observed: int
    replicas: int
    current: int
    updated: int
    ready: int
    available: int
    paused: bool
    deadline_over: bool
    quiet_since: float | None
    labels: Mapping[str, str]
    images: tuple[str, ...]
    message: str

    @property
    def key(self) -> str:
        """What events about it go by."""
        return f"{self.kind}/{self.namespace}/{self.name}"

    @property
    def complete(self) -> bool:
        """Whether everything is as it is wanted."""
        return self.observed >= self.generation and self.waits_for == ""

    @property
    def waits_for(self) -> str:
        """What is not yet, or no longer, as it is wanted."""
        if self.observed < self.generation:
            return "the controller hasn't seen the change yet"
        if not self.paused and self.updated < self.replicas:
            return f"{self.updated} of {self.replicas} replicas have been updated"
        if self.current > self.replicas:
            return f"{self.current - self.replicas} surplus replicas are still there"
        if self.available < self.replicas:
            return f"{self.available} of {self.replicas} replicas are available"
        return ""

    @property
    def progress(self) -> tuple[int, ...]:
        """What moves while a rollout gets on."""
        return (self.generation, self.observed, self.current, self.updated, self.ready, self.available)


def read_workload(kind: str, value: Mapping[str, Any]) -> Workload:
    """From the API's own form."""
    metadata, spec, status = (value.get(part) or {} for part in ("metadata", "spec", "status"))
    daemon = kind == "DaemonSet"
    names = (
        "desiredNumberScheduled",
        "currentNumberScheduled",
        "updatedNumberScheduled",
        "numberReady",
        "numberAvailable",
    )
    names = names if daemon else ("", "replicas", "updatedReplicas", "readyReplicas", "availableReplicas")
    _wanted, current, updated, ready, available = (int(status.get(name) or 0) for name in names)
    wanted = int(status.get(names[0]) or 0) if daemon else int(1 if spec.get("replicas") is None else spec["replicas"])
    conditions = {one.get("type"): one for one in status.get("conditions") or ()}
    progressing = conditions.get("Progressing") or {}
    on_delete = ((spec.get("updateStrategy") or {}).get("type")) == "OnDelete"
    if kind == "StatefulSet":
        # Older clusters don't tell which replicas are available.
        available = available if "availableReplicas" in status else ready
        updated = wanted if on_delete or status.get("currentRevision") == status.get("updateRevision") else updated
    template = ((spec.get("template") or {}).get("spec")) or {}
    failed = conditions.get("ReplicaFailure") or {}
    return Workload(
        kind=kind,
        namespace=metadata.get("namespace", ""),
        name=metadata.get("name", ""),
        version=str(metadata.get("resourceVersion", "")),
        generation=int(metadata.get("generation") or 0),
        observed=int(status.get("observedGeneration") or 0),
        replicas=wanted,
        current=min(current, wanted) if daemon else current,
        updated=wanted if on_delete else updated,
        ready=ready,
        available=available,
        paused=bool(spec.get("paused")),
        deadline_over=progressing.get("reason") == "ProgressDeadlineExceeded",
        quiet_since=max(filter(None, map(_changed_at, conditions.values())), default=None),
        labels=metadata.get("labels") or {},
        images=tuple(str(one.get("image", "")) for one in template.get("containers") or ()),
        message=str(failed.get("message", "")) if failed.get("status") == "True" else "",
    )


def _changed_at(condition: Mapping[str, Any]) -> float | None:
    text = str(condition.get("lastUpdateTime") or condition.get("lastTransitionTime") or "")
    try:
        return datetime.fromisoformat(re.sub(r"Z$", "+00:00", text)).timestamp()
    except ValueError:
        return None


# What is new about it


@dataclass(frozen=True)
class Known:
    """A workload as it was when it was last looked at.

    :param since: when its state began.
    :param moved: when its rollout last got on.
    :param whole: the generation and the size at which everything was as wanted; after that, missing pods are lost ones.
    """

    workload: Workload
    state: str
    since: float
    moved: float
    whole: tuple[int, int] | None


class Tracker:
    """Compares what the cluster tells with what was known. Has no clock of its own."""

    def __init__(self, options: Mapping[str, Any]) -> None:
        self._always = options["emit"] == "always"
        self._changes = set(options["changes"])
        self._stuck_after = options["stuck_after"]
        self._names = set(options["names"] or ())
        self._known: dict[str, Known] = {}

    def listed(self, scope: str, workloads: Sequence[Workload], now: float) -> list[dict[str, Any]]:
        """Events of a full list of a scope (KIND/NAMESPACE/, or KIND/ for all)."""
        events: list[dict[str, Any]] = []
        for workload in workloads:
            events += self.seen(workload, now)
        present = {workload.key for workload in workloads}
        lost = [known.workload for key, known in self._known.items() if key.startswith(scope) and key not in present]
        for workload in lost:
            events += self.removed(workload, now)
        return events

    def seen(self, workload: Workload, now: float) -> list[dict[str, Any]]:
        """Events of a workload as it is now."""
        if self._names and workload.name not in self._names:
            return []
        before = self._known.get(workload.key)
        if before and not self._always and before.workload.version == workload.version:
            return []
        moved = self._moved(workload, before, now)
        whole = (workload.generation, workload.replicas) if workload.complete else before.whole if before else None
        state = self._state(workload, whole, moved, now)
        since = before.since if before and before.state == state else now
        self._known[workload.key] = Known(workload, state, since, moved, whole)
        return self._told(self._known[workload.key], before, now)

    def removed(self, workload: Workload, now: float) -> list[dict[str, Any]]:
        """Events of a workload that is there no more."""
        before = self._known.pop(workload.key, None)
        if before is None:
            return []
        return self._told(replace(before, state=GONE, since=now), before, now)

    def tick(self, now: float) -> list[dict[str, Any]]:
        """Events that the passing of time brings: rollouts that didn't get on for too long."""
        events: list[dict[str, Any]] = []
        for key, known in list(self._known.items()):
            if known.state == PROGRESSING and now - known.moved >= self._stuck_after:
                self._known[key] = replace(known, state=STUCK, since=now)
                events += self._told(self._known[key], known, now)
        return events

    def _moved(self, workload: Workload, before: Known | None, now: float) -> float:
        """When its rollout last got on; of one that is seen for the first time, its conditions know."""
        if before is None:
            return min(now, workload.quiet_since or now)
        return (
            before.moved
            if before.workload.progress == workload.progress and before.state in (PROGRESSING, STUCK)
            else now
        )

    def _state(self, workload: Workload, whole: tuple[int, int] | None, moved: float, now: float) -> str:
        if workload.complete:
            return AVAILABLE
        seen = workload.observed >= workload.generation
        if seen and workload.deadline_over:
            return STUCK
        if seen and whole == (workload.generation, workload.replicas) and workload.current <= workload.replicas:
            return DEGRADED
        return STUCK if now - moved >= self._stuck_after else PROGRESSING

    def _told(self, known: Known, before: Known | None, now: float) -> list[dict[str, Any]]:
        changes = _changes(known, before)
        if not self._always:
            wanted = self._changes & set(changes)
            first_and_well = before is None and VERDICTS[known.state] != "breached"
            if not wanted or first_and_well:
                return []
        return [make_event(SOURCE, "workload", now, **_facts(known, before), changes=changes)]


def _changes(known: Known, before: Known | None) -> list[str]:
    """What differs, in the words of the argument ``changes``."""
    if known.state == GONE:
        return ["removed"]
    changes = []
    if before and before.workload.replicas != known.workload.replicas:
        changes.append("replicas")
    was = before.state if before else None
    if was != known.state:
        rolling = (PROGRESSING, STUCK)
        changes.append("rollout" if known.state in rolling or was in rolling else "availability")
    return changes


def _facts(known: Known, before: Known | None) -> dict[str, Any]:
    workload = known.workload
    was = (
        {"state": before.state, "verdict": VERDICTS[before.state], "replicas": before.workload.replicas}
        if before
        else None
    )
    return {
        "series": workload.key,
        "kind": workload.kind,
        "namespace": workload.namespace,
        "name": workload.name,
        "target": f"{workload.namespace}/{workload.name}",
        "state": known.state,
        "verdict": VERDICTS[known.state],
        "verdict_reason": "the workload is gone" if known.state == GONE else _reason(known),
        "previous": was["verdict"] if was else None,
        "before": was,
        "since": iso_time(known.since),
        "replicas": workload.replicas,
        "ready": workload.ready,
        "available": workload.available,
        "updated": workload.updated,
        "paused": workload.paused,
        "labels": workload.labels,
        "images": list(workload.images),
        "resource_version": workload.version,
    }


def _reason(known: Known) -> str:
    workload = known.workload
    words = workload.waits_for or f"{workload.replicas} replicas are available"
    if known.state == STUCK:
        words += ", and its progress deadline is over" if workload.deadline_over else ", and nothing moves"
    return f"{words}: {workload.message}" if workload.message else words


# The cluster


@dataclass(frozen=True)
class Scope:
    """What one watch is about."""

    kind: str
    namespace: str

    @property
    def prefix(self) -> str:
        """What the keys of its workloads begin with."""
        return f"{self.kind}/{self.namespace}/" if self.namespace else f"{self.kind}/"

    @property
    def path(self) -> str:
        """Path in the API."""
        within = f"namespaces/{self.namespace}/" if self.namespace else ""
        return f"/apis/apps/v1/{within}{KINDS[self.kind]}"

    @property
    def name(self) -> str:
        """In words."""
        return f"{KINDS[self.kind]} in {self.namespace or 'all namespaces'}"


class Expired(Exception):
    """The server no longer knows what happened since the version that was asked for."""


class Cluster:
    """Lists through the SDK, in a thread; watches on the loop, as a watch that lasts for minutes would keep a thread for itself."""

    def __init__(self, options: Mapping[str, Any]) -> None:
        self._options = options
        self._configuration: Any = None
        self._pool: Any = None
        self._turn = asyncio.Lock()
        self.namespace = "default"

    async def ready(self) -> None:
        """Open it for whoever comes first. The SDK's reading of kubeconfigs isn't made for several threads at once."""
        async with self._turn:
            if self._pool is None:
                await asyncio.to_thread(self._open)

    def _open(self) -> None:
        """Look up server, credentials and trust. Blocks: for a thread."""
        try:
            self._configuration = Configuration()
            self._load()
            self._override()
            self._pool = RESTClientObject(self._configuration).pool_manager
        except (ConfigException, OSError, ValueError, KeyError, TypeError) as error:
            cure = "Check kubeconfig and context with: kubectl config view."
            raise SourceFailure(
                "invalid", str(error), "read the kubeconfig", code=type(error).__name__, hint=cure
            ) from error

    def close(self) -> None:
        """Let go of connections."""
        if self._pool is not None:
            self._pool.clear()

    def _load(self) -> None:
        given, context = self._options["kubeconfig"], self._options["context"]
        files: Any = kube_config
        pod: Any = incluster_config
        if self._options["host"] and not given and not context:
            return
        if isinstance(given, Mapping):
            loader = files._get_kube_config_loader(config_dict=dict(given), active_context=context)
        else:
            path = given or os.environ.get("KUBECONFIG") or "~/.kube/config"
            there = [one for one in map(os.path.expanduser, path.split(os.pathsep)) if one and os.path.exists(one)]
            if not there and not given and os.environ.get("KUBERNETES_SERVICE_HOST"):
                pod.load_incluster_config(client_configuration=self._configuration)
                with (
                    contextlib.suppress(OSError),
                    open("/var/run/secrets/kubernetes.io/serviceaccount/namespace") as file,
                ):
                    self.namespace = file.read().strip() or self.namespace
                return
            if not there:
                raise ConfigException(f"there is no {path}")
            loader = files._get_kube_config_loader(filename=os.pathsep.join(there), active_context=context)
        loader.load_and_set(self._configuration)
        self.namespace = (loader.current_context.get("context") or {}).get("namespace") or self.namespace

    def _override(self) -> None:
        names = {
            "host": "host",
            "ca_cert": "ssl_ca_cert",
            "client_cert": "cert_file",
            "client_key": "key_file",
            "proxy": "proxy",
        }
        for name, theirs in names.items():
            if self._options[name]:
                setattr(self._configuration, theirs, self._options[name])
        if self._options["validate_certs"] is not None:
            self._configuration.verify_ssl = self._options["validate_certs"]
        self._configuration.host = self._configuration.host.rstrip("/")

    def headers(self) -> dict[str, str]:
        """Asked for at each request, as a token may renew itself. May run a program: for a thread."""
        token = (self._configuration.auth_settings().get("BearerToken") or {}).get("value")
        if self._options["api_key"]:
            token = f"Bearer {self._options['api_key']}"
        shared = {"Accept": "application/json", "User-Agent": "cloudops.core"}
        return {**shared, "Authorization": token} if token else shared

    def list(self, scope: Scope) -> tuple[list[Workload], str]:
        """All workloads of a scope, and the version to watch from. Blocks: for a thread.

        :raises SourceFailure: when it can't be read.
        """
        found: list[Workload] = []
        query: dict[str, Any] = {**self._selected(), "limit": PAGE}
        while True:
            answer = self._get(scope, query)
            found += [read_workload(scope.kind, item) for item in answer.get("items") or ()]
            told = answer.get("metadata") or {}
            if not told.get("continue"):
                return found, str(told.get("resourceVersion") or "")
            query["continue"] = told["continue"]

    def _selected(self) -> dict[str, str]:
        selectors = self._options["label_selectors"]
        return {"labelSelector": ",".join(selectors)} if selectors else {}

    def _get(self, scope: Scope, query: Mapping[str, Any]) -> dict[str, Any]:
        timeout = self._options["timeout"]
        try:
            response = self._pool.request(
                "GET",
                self._configuration.host + scope.path,
                fields=dict(query),
                headers=self.headers(),
                timeout=urllib3.Timeout(connect=timeout, read=timeout),
                retries=urllib3.Retry(total=1, redirect=0, status=0),
            )
        except urllib3.exceptions.MaxRetryError as error:
            raise unreached(error.reason or error, "list", scope) from error
        except (urllib3.exceptions.HTTPError, OSError) as error:
            raise unreached(error, "list", scope) from error
        if response.status == GONE_STATUS:
            raise Expired
        if response.status != 200:
            raise refused(response.status, response.data, "list", scope)
        answer: dict[str, Any] = json.loads(response.data)
        return answer

    async def watch(self, scope: Scope, version: str) -> AsyncIterator[dict[str, Any] | None]:
        """Events of a scope after a version; None once the server has agreed. Ends when the server or the connection does.

        :raises Expired: when the server no longer knows the version.
        :raises SourceFailure: when the server can't be reached, or refuses.
        """
        seconds = max(1, round(self._options["watch_timeout"]))
        query = {**self._selected(), "watch": "true", "resourceVersion": version, "allowWatchBookmarks": "true"}
        target = f"{scope.path}?{urlencode({**query, 'timeoutSeconds': seconds})}"
        headers = await asyncio.to_thread(self.headers)
        stream = Stream(self._configuration, self._options["timeout"])
        try:
            status = await stream.get(target, headers, seconds + self._options["timeout"])
            if status == GONE_STATUS:
                raise Expired
            if status != 200:
                raise refused(status, await stream.rest(), "watch", scope)
            yield None
            async for line in stream.lines(seconds + self._options["timeout"]):
                yield json.loads(line)
        except (OSError, ssl.SSLError, asyncio.TimeoutError, asyncio.IncompleteReadError, ValueError) as error:
            if not stream.agreed:
                raise unreached(error, "watch", scope) from error
            LOGGER.info("the watch of %s broke (%s), and goes on", scope.name, type(error).__name__)
        finally:
            await stream.close()


def refused(status: int, body: bytes, verb: str, scope: Scope) -> SourceFailure:
    """An answer that isn't the one asked for."""
    try:
        said = str(json.loads(body).get("message") or "")
    except (ValueError, AttributeError):
        said = ""
    kinds = {401: "denied", 403: "denied", 404: "not_found", 408: "timeout", 429: "throttled"}
    kind = kinds.get(status) or ("unavailable" if status >= 500 else "invalid")
    cures = {
        "denied": f"Allow the verbs list and watch on {KINDS[scope.kind]}.apps, or check the credentials.",
        "invalid": "Check label_selectors.",
        "not_found": "Check host: the API has no such path.",
        "throttled": "Use fewer watches: one for all namespaces instead of many.",
        "unavailable": "Look at the API server.",
    }
    message = said or f"the server answers with status {status}"
    return SourceFailure(kind, message, verb, resource=scope.name, code=str(status), hint=cures.get(kind, ""))


def unreached(error: BaseException, verb: str, scope: Scope) -> SourceFailure:
    """No answer at all."""
    code = type(error).__name__
    if isinstance(error, asyncio.TimeoutError) or "Timeout" in code:
        return SourceFailure(
            "timeout",
            str(error) or "no answer in time",
            verb,
            resource=scope.name,
            code=code,
            hint="Check the network.",
        )
    if "SSL" in code or "ertificate" in str(error):
        cure = "Set ca_cert to the authority that signed the server's certificate."
        return SourceFailure("unavailable", str(error), verb, resource=scope.name, code=code, hint=cure)
    cure = "Check host, the network, and that the server runs."
    return SourceFailure("unavailable", str(error) or code, verb, resource=scope.name, code=code, hint=cure)


class Stream:
    """One HTTP/1.1 request whose answer goes on, on asyncio's own streams. Closing it needs no thread's consent."""

    def __init__(self, configuration: Any, timeout: float) -> None:
        self._configuration = configuration
        self._timeout = timeout
        self._reader: Any = None
        self._writer: Any = None
        self._headers: dict[str, str] = {}
        self.agreed = False

    async def get(self, target: str, headers: Mapping[str, str], silence: float) -> int:
        """Send the request; the status of the answer.

        :param silence: seconds that the answer may take to begin: what stands between may hold it back until the first event.
        """
        await asyncio.wait_for(self._ask(target, headers), self._timeout)
        status, self._headers = _head(await self._timely(self._reader.readuntil(b"\r\n\r\n"), silence))
        self.agreed = status == 200
        return status

    async def _ask(self, target: str, headers: Mapping[str, str]) -> None:
        url = urlsplit(self._configuration.host)
        await self._connect(url)
        lines = [f"GET {url.path.rstrip('/')}{target} HTTP/1.1", f"Host: {url.netloc}"]
        lines += [f"{name}: {value}" for name, value in headers.items()]
        self._writer.write(("\r\n".join(lines) + "\r\n\r\n").encode("latin-1"))
        await self._writer.drain()

    async def _connect(self, url: Any) -> None:
        context = self._context() if url.scheme == "https" else None
        port = url.port or (443 if context else 80)
        name = getattr(self._configuration, "tls_server_name", None) or url.hostname
        more: dict[str, Any] = {"ssl": context, "server_hostname": name if context else None, "limit": LINE_LIMIT}
        if self._configuration.proxy and not _bypassed(self._configuration, url.hostname):
            tunnel = await _tunnel(self._configuration.proxy, url.hostname, port)
            self._reader, self._writer = await asyncio.open_connection(sock=tunnel, **more)
        else:
            self._reader, self._writer = await asyncio.open_connection(url.hostname, port, **more)
        self._writer.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)

    def _context(self) -> ssl.SSLContext:
        """Trusts what the SDK trusts."""
        theirs = self._configuration
        context = create_urllib3_context(cert_reqs=ssl.CERT_REQUIRED if theirs.verify_ssl else ssl.CERT_NONE)
        if theirs.verify_ssl:
            context.check_hostname = theirs.assert_hostname is not False
            data = getattr(theirs, "ca_cert_data", None)
            if theirs.ssl_ca_cert or data:
                context.load_verify_locations(theirs.ssl_ca_cert or None, cadata=data)
            else:
                context.load_default_certs()
        if theirs.cert_file:
            context.load_cert_chain(theirs.cert_file, theirs.key_file)
        return context

    async def rest(self) -> bytes:
        """The whole body of an answer that ends."""
        body = b""
        with contextlib.suppress(asyncio.IncompleteReadError, asyncio.TimeoutError):
            async for block in self._blocks(self._timeout):
                body += block
        return body

    async def lines(self, silence: float) -> AsyncIterator[bytes]:
        """Lines as they come, until the answer ends.

        :param silence: seconds without a byte after which the connection counts as dead.
        """
        left = b""
        async for block in self._blocks(silence):
            *whole, left = (left + block).split(b"\n")
            for line in whole:
                if line.strip():
                    yield line

    async def _blocks(self, silence: float) -> AsyncIterator[bytes]:
        if "chunked" in self._headers.get("transfer-encoding", "").lower():
            while size := int((await self._timely(self._reader.readline(), silence)).partition(b";")[0] or b"0", 16):
                yield (await self._timely(self._reader.readexactly(size + 2), silence))[:-2]
            return
        left = int(self._headers.get("content-length", -1))
        while left and (block := await self._timely(self._reader.read(65536 if left < 0 else left), silence)):
            left -= len(block) if left > 0 else 0
            yield block

    async def _timely(self, waiting: Any, silence: float) -> bytes:
        got: bytes = await asyncio.wait_for(waiting, silence)
        return got

    async def close(self) -> None:
        """Let go of the connection."""
        if self._writer is not None:
            self._writer.close()
            with contextlib.suppress(OSError, ssl.SSLError, asyncio.TimeoutError):
                await asyncio.wait_for(self._writer.wait_closed(), 1)


def _head(raw: bytes) -> tuple[int, dict[str, str]]:
    first, *lines = raw.decode("latin-1").split("\r\n")
    pairs = (line.partition(":") for line in lines if line)
    words = first.split(" ", 2)
    if not words[0].startswith("HTTP/1.") or len(words) < 2 or not words[1].isdigit():
        raise ValueError(f"no answer in HTTP/1.1: {first[:80]!r}")
    return int(words[1]), {name.strip().lower(): value.strip() for name, _colon, value in pairs}


def _bypassed(configuration: Any, host: str) -> bool:
    listed = [part.strip() for part in str(getattr(configuration, "no_proxy", None) or "").split(",")]
    return "*" in listed or any(part and (host == part or host.endswith("." + part.lstrip("."))) for part in listed)


async def _tunnel(proxy: str, host: str, port: int) -> socket.socket:
    """A connection to the server through an HTTP proxy."""
    url = urlsplit(proxy)
    if url.scheme != "http" or not url.hostname:
        raise ValueError("proxy is not like http://proxy.example.com:3128, the only kind that a watch can go through")
    loop = asyncio.get_running_loop()
    address = (await loop.getaddrinfo(url.hostname, url.port or 80, type=socket.SOCK_STREAM))[0]
    tunnel = socket.socket(address[0], socket.SOCK_STREAM)
    try:
        tunnel.setblocking(False)
        await loop.sock_connect(tunnel, address[4])
        lines = [f"CONNECT {host}:{port} HTTP/1.1", f"Host: {host}:{port}"]
        if url.username:
            known = f"{unquote(url.username)}:{unquote(url.password or '')}"
            lines.append(f"Proxy-Authorization: {urllib3.util.make_headers(basic_auth=known)['authorization']}")
        await loop.sock_sendall(tunnel, ("\r\n".join(lines) + "\r\n\r\n").encode("latin-1"))
        head = b""
        while not head.endswith(b"\r\n\r\n"):
            byte = await loop.sock_recv(tunnel, 1)  # not one more than the proxy's own: what follows is the server's
            if not byte or len(head) > 16384:
                raise ConnectionError("the proxy closed the connection")
            head += byte
        if (status := _head(head)[0]) != 200:
            raise ConnectionError(f"the proxy answers with status {status}")
    except BaseException:
        tunnel.close()
        raise
    return tunnel


# The source


class Follower:
    """Follows one scope: lists, watches, and goes on after whatever happens."""

    def __init__(
        self, queue: Queue, cluster: Cluster, scope: Scope, tracker: Tracker, options: Mapping[str, Any]
    ) -> None:
        self._queue = queue
        self._cluster = cluster
        self._scope = scope
        self._tracker = tracker
        self._health = Health(SOURCE, options["emit"] == "always")
        self._pace = Pace(options["interval"], options["jitter"], options["max_backoff"])
        self._version = ""

    async def follow(self) -> None:
        """Until cancelled."""
        while True:
            try:
                await self._round()
            except Expired:
                LOGGER.info("%s: the version is too old; everything is listed again", self._scope.name)
                self._version = ""
            except SourceFailure as failure:
                await self._failed(failure)
            except Exception as error:  # an answer that nobody foresaw must not end a rulebook that runs for months
                LOGGER.exception("unexpected")
                self._version = ""
                words = f"{type(error).__name__}: {error}"
                cure = "The engine's log has the traceback."
                await self._failed(SourceFailure("error", words, "watch", resource=self._scope.name, hint=cure))

    async def _round(self) -> None:
        """List if nothing is known, then watch until the server ends it."""
        if not self._version:
            await self._cluster.ready()
            workloads, self._version = await asyncio.to_thread(self._cluster.list, self._scope)
            now = time.time()
            await self._put(
                [*self._health.worked(self._scope.name, now), *self._tracker.listed(self._scope.prefix, workloads, now)]
            )
        began, told = time.monotonic(), False
        async for event in self._cluster.watch(self._scope, self._version):
            if event is None:
                await self._put(self._health.worked(self._scope.name, time.time()))
                continue
            told = True
            await self._put(self._understood(event))
        if not told and time.monotonic() - began < 1:
            # A server that ends each watch at once must not be asked a thousand times a second.
            await asyncio.sleep(self._pace.pause(0, random.random()))

    def _understood(self, event: Mapping[str, Any]) -> list[dict[str, Any]]:
        value = event.get("object") or {}
        if event.get("type") == "ERROR":
            if value.get("code") == GONE_STATUS:
                raise Expired
            raise refused(int(value.get("code") or 500), json.dumps(value).encode(), "watch", self._scope)
        workload = read_workload(self._scope.kind, value)
        self._version = workload.version or self._version
        if event.get("type") == "BOOKMARK":
            return []
        now = time.time()
        return (
            self._tracker.removed(workload, now)
            if event.get("type") == "DELETED"
            else self._tracker.seen(workload, now)
        )

    async def _failed(self, failure: SourceFailure) -> None:
        name = self._scope.name
        pause = self._pace.pause(self._health.failures(name) + 1, random.random())
        await self._put(self._health.failed(name, failure, time.time(), pause))
        await asyncio.sleep(pause)

    async def _put(self, events: Sequence[dict[str, Any]]) -> None:
        for event in events:
            await self._queue.put(event)


async def _keep_time(queue: Queue, tracker: Tracker, stuck_after: float) -> None:
    """Tell of rollouts that are stuck, which nobody else tells."""
    while True:
        await asyncio.sleep(min(10.0, stuck_after / 5))
        for event in tracker.tick(time.time()):
            await queue.put(event)


async def main(queue: Queue, args: dict[str, Any]) -> None:
    """Watch until cancelled, and put what changes into the queue."""
    options = read_options(args)
    cluster, tracker = Cluster(options), Tracker(options)
    namespaces = options["namespaces"]
    if not namespaces and not options["all_namespaces"]:
        await cluster.ready()
        namespaces = (cluster.namespace,)
    scopes = [Scope(kind, namespace) for kind in options["kinds"] for namespace in namespaces or ("",)]
    followers = [Follower(queue, cluster, scope, tracker, options).follow() for scope in scopes]
    tasks = [asyncio.ensure_future(one) for one in (*followers, _keep_time(queue, tracker, options["stuck_after"]))]
    try:
        await asyncio.gather(*tasks)
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        cluster.close()


if __name__ == "__main__":
    # To try it by hand: python k8s_workload.py '{"namespaces": "shop"}'
    asyncio.run(main(Printer(), json.loads(sys.argv[1])))
