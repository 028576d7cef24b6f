# Copyright (c) 2026 cloudops.core contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Requests to the Kubernetes API, and the count of them.

Addresses, credentials and trust are the kubernetes package's. Its models are left aside: a fleet of a thousand Deployments is read ten
times as fast as plain JSON, and nothing that a newer server says gets lost.
"""

from __future__ import annotations

import json
import traceback
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from ssl import CERT_NONE
from typing import Any

from ansible_collections.cloudops.core.plugins.module_utils._core.errors import CloudOpsError, Conflict
from ansible_collections.cloudops.core.plugins.module_utils._core.fanout import SharedCounter, Turn
from ansible_collections.cloudops.core.plugins.module_utils._k8s.addresses import Address
from ansible_collections.cloudops.core.plugins.module_utils._k8s.config import Connection, Opened, open_connection
from ansible_collections.cloudops.core.plugins.module_utils._k8s.errors import GONE, from_answer, from_transport

KUBERNETES_IMPORT_ERROR: str | None
try:
    from kubernetes.client.rest import RESTClientObject
    from urllib3 import HTTPHeaderDict, Timeout, disable_warnings
    from urllib3.exceptions import HTTPError, InsecureRequestWarning
    from urllib3.util import Retry, make_headers
    from urllib3.util.ssl_ import create_urllib3_context

    KUBERNETES_IMPORT_ERROR = None
except ImportError:
    KUBERNETES_IMPORT_ERROR = traceback.format_exc()

USER_AGENT = "cloudops.core"
MERGE, STRATEGIC = "application/merge-patch+json", "application/strategic-merge-patch+json"
PAGE = 500
CONNECT_TIMEOUT, READ_TIMEOUT = 10.0, 60.0
RETRIES = 4

Json = dict[str, Any]


class Client:
    """One connection to one cluster, safe to share between threads.

    :param pool: connections that are kept open; as many as there are workers.
    """

    def __init__(self, connection: Connection, *, pool: int = 10) -> None:
        self.connection = connection
        self.calls = SharedCounter()
        self._pool_size = pool
        self._opened: Opened | None = None
        self._pool: Any = None
        self._turn = Turn()

    @property
    def namespace(self) -> str:
        """The namespace of the kubeconfig's context, for what names none."""
        return self._open().namespace

    def _open(self) -> Opened:
        """Opened when it is first needed, so that making a Client never fails."""
        with self._turn:  # the package's reading of kubeconfigs isn't made for several threads at once
            if self._opened is None:
                opened = open_connection(self.connection)
                opened.configuration.connection_pool_maxsize = self._pool_size
                try:
                    self._pool = RESTClientObject(opened.configuration).pool_manager
                    if not opened.configuration.verify_ssl:
                        self._trust_anybody()
                except (OSError, ValueError) as error:
                    raise from_transport(error, "connect", Address("v1", "namespaces"), opened.host) from error
                self._opened = opened
            return self._opened

    def _trust_anybody(self) -> None:
        """It was asked for: there's nothing to warn of (a module must not write to standard error), and no trust store to load."""
        disable_warnings(InsecureRequestWarning)
        self._pool.connection_pool_kw["ssl_context"] = create_urllib3_context(cert_reqs=CERT_NONE)

    def get(self, address: Address) -> Json:
        """One object."""
        return _decoded(self._send("GET", "get", address))

    def listing(
        self, address: Address, *, selector: str = "", fields: str = "", page: int = PAGE
    ) -> tuple[list[Json], str]:
        """All objects of a collection, page by page, and the version of the collection to watch from.

        :param selector: label selector; "" for all.
        """
        while True:
            try:
                return self._pages(address, _given(labelSelector=selector, fieldSelector=fields), page)
            except Conflict as error:
                # The listing grew too old between two pages, which takes minutes. The whole of it fits into one answer, too.
                if error.details.get("status") != GONE or not page:
                    raise
                page = 0

    def _pages(self, address: Address, query: Mapping[str, Any], page: int) -> tuple[list[Json], str]:
        items: list[Json] = []
        more = ""
        while True:
            answer = _decoded(self._send("GET", "list", address, {**query, **_given(limit=page, **{"continue": more})}))
            items += answer.get("items") or []
            told = answer.get("metadata") or {}
            more = told.get("continue") or ""
            if not more:
                return items, str(told.get("resourceVersion") or "")

    def patch(self, address: Address, body: Mapping[str, Any], kind: str = MERGE) -> Json:
        """Change an object; the object as it is then.

        Never repeated when the answer is lost: the caller alone knows whether the change can be made twice.
        """
        return _decoded(self._send("PATCH", "patch", address, body=body, kind=kind))

    def watch(
        self, address: Address, since: str, seconds: float, *, selector: str = "", fields: str = ""
    ) -> Iterator[Json]:
        """Events of a collection, until the server ends the stream or ``seconds`` are over.

        :param since: version of the collection after which events are wanted.
        :raises CloudOpsError: also when the connection breaks; the caller goes on from the last version that it saw.
        """
        query = _given(labelSelector=selector, fieldSelector=fields, resourceVersion=since, watch="true")
        query["timeoutSeconds"] = max(1, round(seconds))
        query["allowWatchBookmarks"] = "true"
        response = self._send("GET", "watch", address, query, stream=seconds)
        try:
            with self._transport("watch", address):
                for line in _lines(response):
                    yield json.loads(line)
        finally:
            response.close()

    def _send(
        self,
        method: str,
        verb: str,
        address: Address,
        query: Mapping[str, Any] | None = None,
        *,
        body: Mapping[str, Any] | None = None,
        kind: str = "",
        stream: float | None = None,
    ) -> Any:
        opened = self._open()
        retry = _retry(method)
        options: dict[str, Any] = {"fields": dict(query)} if query else {}
        if body is not None:
            options = {"body": json.dumps(body).encode()}
        name, sent = f"{verb} {address.resource}", 0
        try:
            with self._transport(verb, address):
                response = self._pool.request(
                    method,
                    opened.host + address.path,
                    headers=self._headers(opened.configuration, kind),
                    timeout=Timeout(connect=CONNECT_TIMEOUT, read=READ_TIMEOUT if stream is None else stream + 5),
                    retries=retry,
                    preload_content=stream is None,
                    **options,
                )
                sent = len(response.retries.history) if response.retries else 0
        finally:
            for _request in range(sent + 1):
                self.calls.add(name)
        if not 200 <= response.status < 300:
            raise from_answer(response.status, response.data, verb, address)
        return response

    @contextmanager
    def _transport(self, verb: str, address: Address) -> Iterator[None]:
        try:
            yield
        except (HTTPError, OSError, ValueError) as error:
            host = self._opened.host if self._opened else ""
            raise from_transport(error, verb, address, host) from error

    def _headers(self, configuration: Any, kind: str) -> Any:
        """Asked for at each request: a token may renew itself while the task runs."""
        connection = self.connection
        headers = HTTPHeaderDict({"Accept": "application/json", "User-Agent": USER_AGENT})
        if kind:
            headers["Content-Type"] = kind
        token = (configuration.auth_settings().get("BearerToken") or {}).get("value")
        if connection.api_key:
            token = f"Bearer {connection.api_key}"
        elif connection.username:
            token = make_headers(basic_auth=f"{connection.username}:{connection.password}")["authorization"]
        if token:
            headers["Authorization"] = token
        if connection.impersonate_user:
            headers["Impersonate-User"] = connection.impersonate_user
        for group in connection.impersonate_groups:
            headers.add("Impersonate-Group", group)
        return headers


def _retry(method: str) -> Any:
    """What may be tried again: reads in any case; writes when the server refused to look at them, or was never reached."""
    reads = method == "GET"
    return Retry(
        total=RETRIES,
        connect=2,
        read=RETRIES if reads else 0,
        redirect=0,
        other=0,
        status=RETRIES,
        status_forcelist=(429, 500, 502, 503, 504) if reads else (429,),
        allowed_methods={method},
        backoff_factor=0.2,
        respect_retry_after_header=True,
        raise_on_status=False,
        raise_on_redirect=False,
    )


def _given(**query: Any) -> Json:
    """Only what says something."""
    return {name: value for name, value in query.items() if value}


def _decoded(response: Any) -> Json:
    answer: Json = json.loads(response.data)
    return answer


def _lines(response: Any) -> Iterator[bytes]:
    """Lines of a stream, as soon as they are there."""
    rest = b""
    for chunk in response.stream(None, decode_content=True):
        *lines, rest = (rest + chunk).split(b"\n")
        yield from filter(None, lines)
    if rest.strip():
        yield rest


def is_status(error: CloudOpsError, status: int) -> bool:
    """Whether it is this answer of the server."""
    return error.details.get("status") == status
