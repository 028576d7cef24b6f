# Copyright (c) 2026 cloudops.core contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The client of Cloud Storage, made from the connection options that every gcp module has, and the count of its calls.

Credentials: https://cloud.google.com/docs/authentication/application-default-credentials
"""

from __future__ import annotations

import ipaddress
import json
import os
import traceback
import warnings
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any
from urllib.parse import urlsplit

from ansible_collections.cloudops.core.plugins.module_utils._core.errors import Invalid
from ansible_collections.cloudops.core.plugins.module_utils._core.fanout import SharedCounter, Turn
from ansible_collections.cloudops.core.plugins.module_utils._gcp.errors import gcp_errors

GOOGLE_IMPORT_ERROR: str | None
try:
    import google.auth
    import google.oauth2.credentials
    import google.oauth2.service_account
    from google.api_core import exceptions as api_exceptions
    from google.api_core.client_info import ClientInfo
    from google.api_core.page_iterator import HTTPIterator
    from google.auth.credentials import AnonymousCredentials
    from google.cloud import storage
    from google.cloud.storage.retry import DEFAULT_RETRY
    from requests.adapters import HTTPAdapter

    GOOGLE_IMPORT_ERROR = None
except ImportError:
    HTTPAdapter = object  # type: ignore[assignment,misc]
    GOOGLE_IMPORT_ERROR = traceback.format_exc()

USER_AGENT = "cloudops.core"
DEFAULT_SCOPES = ("https://www.googleapis.com/auth/devstorage.full_control",)
APPLICATION, SERVICE_ACCOUNT, ACCESS_TOKEN, ANONYMOUS = "application", "serviceaccount", "accesstoken", "anonymous"

# Which options go with which kind of credentials.
_SECRETS = {
    APPLICATION: (),
    SERVICE_ACCOUNT: ("service_account_file", "service_account_contents"),
    ACCESS_TOKEN: ("access_token",),
}
_ALL_SECRETS = ("service_account_file", "service_account_contents", "access_token")


@dataclass(frozen=True)
class Connection:
    """Who asks, and whom.

    :param auth_kind: one of the kinds above.
    :param request_timeout: seconds a request; ``retry_deadline``: seconds for all its tries, 0: one try.
    """

    auth_kind: str = APPLICATION
    project: str | None = None
    service_account_file: str | None = None
    service_account_contents: Mapping[str, Any] | None = field(default=None, repr=False)
    access_token: str | None = field(default=None, repr=False)
    scopes: tuple[str, ...] = DEFAULT_SCOPES
    api_endpoint: str | None = None
    billing_project: str | None = None
    request_timeout: int = 60
    retry_deadline: int = 60

    @classmethod
    def from_params(cls, params: Mapping[str, Any], environment: Mapping[str, str] | None = None) -> Connection:
        """From a module's options, filled up from the environment.

        :raises Invalid: naming the options that contradict each other.
        """
        environment = os.environ if environment is None else environment
        given: dict[str, Any] = {name: params.get(name) or None for name in cls.__dataclass_fields__}
        for name, lowest in (("request_timeout", 1), ("retry_deadline", 0)):
            given[name] = params.get(name, 60)
            if given[name] < lowest:
                raise Invalid(f"{name} is {given[name]}; the smallest possible is {lowest}")
        emulator = not given["api_endpoint"] and environment.get("STORAGE_EMULATOR_HOST")
        given["api_endpoint"] = _endpoint(given["api_endpoint"] or emulator or None)
        given["project"] = given["project"] or environment.get("GCP_PROJECT") or None
        scopes = given["scopes"] or [part.strip() for part in environment.get("GCP_SCOPES", "").split(",")]
        given["scopes"] = tuple(scope for scope in scopes if scope) or DEFAULT_SCOPES
        given |= _credentials_given(given, environment, bool(emulator) or is_loopback(given["api_endpoint"]))
        connection = cls(**given)
        _check_endpoint(connection)
        return connection


def _credentials_given(given: Mapping[str, Any], environment: Mapping[str, str], is_emulator: bool) -> dict[str, Any]:
    """The kind of credentials and their secret: from the options, and only where these say nothing, from the environment."""
    secrets: dict[str, Any] = {name: given[name] for name in _ALL_SECRETS}
    kind, where = given["auth_kind"], ""
    if not kind and not any(secrets.values()):
        if is_emulator:
            return {"auth_kind": ANONYMOUS, **secrets}
        kind, where = environment.get("GCP_AUTH_KIND") or None, "GCP_"
    if kind and kind not in _SECRETS:
        raise Invalid(f"GCP_AUTH_KIND is {kind}", hint=f"Set it, or auth_kind, to one of {', '.join(_SECRETS)}.")
    if not any(secrets.values()):
        names = _ALL_SECRETS if kind is None else _SECRETS[kind]
        secrets |= {name: environment.get(f"GCP_{name.upper()}") or None for name in names}
    kind = kind or _kind_of(secrets)
    _check_secrets(kind, secrets, where)
    secrets["service_account_contents"] = _contents(secrets["service_account_contents"])
    return {"auth_kind": kind, **secrets}


def _kind_of(secrets: Mapping[str, Any]) -> str:
    if secrets["access_token"] and not (secrets["service_account_file"] or secrets["service_account_contents"]):
        return ACCESS_TOKEN
    return SERVICE_ACCOUNT if any(secrets.values()) else APPLICATION


def _check_secrets(kind: str, secrets: Mapping[str, Any], where: str) -> None:
    """Each kind has exactly one secret, and none of another kind."""
    given = [name for name in _ALL_SECRETS if secrets[name]]
    own = _SECRETS[kind]
    foreign = [name for name in given if name not in own]
    if foreign:
        raise Invalid(
            f"{' and '.join(foreign)} {'contradict' if len(foreign) > 1 else 'contradicts'} auth_kind: {kind}",
            hint=f"Leave {'them' if len(foreign) > 1 else 'it'} out, or set auth_kind to what is meant.",
        )
    if len(given) > 1:
        raise Invalid(f"{' and '.join(given)} exclude each other", hint="Give one of them.")
    if own and not given:
        variables = " or ".join(f"GCP_{name.upper()}" for name in own)
        raise Invalid(
            f"auth_kind is {kind}, but there is no {' or '.join(own)}" + (" in the environment" if where else ""),
            hint=f"Set {' or '.join(own)}, or {variables}.",
        )


def _contents(given: Any) -> Mapping[str, Any] | None:
    """The key of a service account, from a mapping or JSON text. No word of it may stand in an error."""
    if given is None:
        return None
    try:
        contents = json.loads(given) if isinstance(given, str) else given
    except ValueError:
        contents = None
    if not isinstance(contents, Mapping):
        raise Invalid(
            "service_account_contents is no JSON object", hint="Give the contents of the service account's key file."
        )
    return contents


def _endpoint(given: str | None) -> str | None:
    """A URL; emulators are often named by host and port alone."""
    if given is None:
        return None
    url = given.rstrip("/") if "://" in given else f"http://{given.rstrip('/')}"
    parts = urlsplit(url)
    try:
        usable = parts.scheme in ("http", "https") and bool(parts.hostname) and (parts.port is None or parts.port > 0)
    except ValueError:
        usable = False
    if not usable or parts.query or parts.fragment or parts.username:
        raise Invalid(f"api_endpoint is {given!r}", hint="Write it as https://HOST or http://HOST:PORT.")
    return url


def is_loopback(url: str | None) -> bool:
    """Whether an endpoint is on this very machine."""
    host = urlsplit(url or "").hostname or ""
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost" or host.endswith(".localhost")


def _check_endpoint(connection: Connection) -> None:
    url = connection.api_endpoint or "https://"
    if connection.auth_kind != ANONYMOUS and url.startswith("http://") and not is_loopback(url):
        raise Invalid(
            f"api_endpoint is {connection.api_endpoint}: credentials are not sent without TLS",
            hint="Use https://. For an emulator on another machine, set STORAGE_EMULATOR_HOST and no credentials.",
        )


class _CountingAdapter(HTTPAdapter):
    """Counts requests as they leave, retries included: that is what the provider bills and throttles."""

    def __init__(self, calls: SharedCounter, pool: int) -> None:
        self._calls = calls
        super().__init__(pool_connections=4, pool_maxsize=pool)

    def send(self, request: Any, *args: Any, **kwargs: Any) -> Any:
        """Send one request."""
        self._calls.add(operation_of(request.method, request.path_url))
        return super().send(request, *args, **kwargs)


_METHODS = {"GET": "get", "POST": "insert", "PATCH": "patch", "PUT": "update", "DELETE": "delete"}


def operation_of(method: str, target: str) -> str:
    """The name that a request has in the reference of the JSON API: https://cloud.google.com/storage/docs/json_api/v1."""
    path = target.partition("?")[0]
    if path.rpartition("/batch/storage/v1")[1]:
        return "batch"
    parts = path.partition("/storage/v1/")[2].split("/")
    verb = "list" if method == "GET" and len(parts) in (1, 3) else _METHODS.get(method, method.lower())
    if len(parts) == 3 and parts[2] != "o":
        return f"buckets.{'getIamPolicy' if parts[2] == 'iam' and method == 'GET' else parts[2]}"
    return f"{'objects' if len(parts) > 2 else 'buckets'}.{verb}"


class Api:
    """Cloud Storage's JSON API, through the SDK's own connection: its credentials, its retries, its paging.

    The SDK's Bucket and Blob are left aside: the oldest ones that are supported don't know newer properties, and none of them sends a
    condition with all that differs in one request. Safe to share between threads. Every method raises only CloudOpsErrors.

    :param params: a module's options, of which the connection is made when it is first needed.
    :param pool: connections that may be held open; as many as there are workers.
    """

    def __init__(self, params: Mapping[str, Any], *, pool: int = 10) -> None:
        self._params = params
        self.calls = SharedCounter()
        self._pool = pool
        self._opened: Any = None
        self._turn = Turn()

    @cached_property
    def connection(self) -> Connection:
        """Who asks, and whom.

        :raises Invalid: naming the options that contradict each other.
        """
        return Connection.from_params(self._params)

    @property
    def _client(self) -> Any:
        """Opened when it is first needed, so that making an Api never fails."""
        with self._turn:
            if self._opened is None:
                with gcp_errors("open the credentials", self.connection.service_account_file or ""):
                    self._opened = self._open()
            return self._opened

    def _open(self) -> Any:
        credentials, project = _load(self.connection)
        options = {"api_endpoint": self.connection.api_endpoint} if self.connection.api_endpoint else None
        client = storage.Client(
            project=self.connection.project or project,
            credentials=credentials,
            client_info=ClientInfo(user_agent=USER_AGENT),  # type: ignore[no-untyped-call]
            client_options=options,
        )
        adapter = _CountingAdapter(self.calls, self._pool)
        for scheme in ("https://", "http://"):
            client._http.mount(scheme, adapter)
        return client

    @property
    def project(self) -> str:
        """The project to work in.

        :raises Invalid: when it isn't known from anywhere.
        """
        project = self._client.project
        if not project:
            raise Invalid("no project is known", code="NoProject", hint="Set project, or GCP_PROJECT.")
        return str(project)

    def open(self) -> None:
        """Open the credentials now, in one thread, before many need them."""
        self._client  # noqa: B018  # the property opens it

    # ---- requests

    def request(
        self, method: str, path: str, operation: str, resource: str, *, query: Mapping[str, Any], data: Any = None
    ) -> dict[str, Any]:
        """One request, tried again as the SDK sees fit. Only for requests that do no harm twice."""
        client = self._client
        with gcp_errors(operation, resource):
            answer = client._connection.api_request(
                method=method,
                path=path,
                query_params=self.with_payer(query),
                data=data,
                timeout=self.connection.request_timeout,
                retry=self._retry,
            )
        return answer if isinstance(answer, dict) else {}

    def pages(self, path: str, query: Mapping[str, Any], take: Callable[[Any, Any], Any]) -> Any:
        """An iterator over all entries of a listing, which asks for the next page when it is needed."""
        client = self._client

        def ask(**arguments: Any) -> Any:
            return client._connection.api_request(
                timeout=self.connection.request_timeout, retry=self._retry, **arguments
            )

        payer = self.with_payer(query)
        return HTTPIterator(client, ask, path, take, extra_params=payer)  # type: ignore[no-untyped-call]

    def post_batch(self, body: bytes, boundary: str, operation: str, resource: str) -> tuple[str, bytes]:
        """Send a batch; content type and body of the answer. The batch as a whole is tried again like any request.

        https://cloud.google.com/storage/docs/batch
        """
        client = self._client
        url = f"{client._connection.API_BASE_URL}/batch/storage/v1"
        headers = {"Content-Type": f'multipart/mixed; boundary="{boundary}"', "User-Agent": USER_AGENT}

        def send() -> Any:
            answer = client._http.request(
                "POST", url, data=body, headers=headers, timeout=self.connection.request_timeout
            )
            if not 200 <= answer.status_code < 300:
                raise api_exceptions.from_http_response(answer)  # type: ignore[no-untyped-call]
            return answer

        with gcp_errors(operation, resource):
            answer = self._retry(send)() if self._retry else send()
        return answer.headers.get("Content-Type", ""), answer.content

    def with_payer(self, query: Mapping[str, Any]) -> dict[str, Any]:
        """A query with the project that is billed for it."""
        payer = self.connection.billing_project
        return {**query, "userProject": payer} if payer else dict(query)

    @property
    def _retry(self) -> Any:
        """The SDK's own choice of what passes, within our time, and with a shorter first pause than its 1 s."""
        deadline = self.connection.retry_deadline
        return DEFAULT_RETRY.with_delay(initial=0.25, maximum=16.0).with_deadline(deadline) if deadline else None


def _load(connection: Connection) -> tuple[Any, str | None]:
    """Credentials, and the project that they know."""
    scopes = list(connection.scopes)
    if connection.auth_kind == ANONYMOUS:
        return AnonymousCredentials(), None  # type: ignore[no-untyped-call]
    if connection.auth_kind == ACCESS_TOKEN:
        return google.oauth2.credentials.Credentials(connection.access_token), None  # type: ignore[no-untyped-call]
    if connection.auth_kind == SERVICE_ACCOUNT:
        credentials = _service_account(connection, scopes)
        return credentials, credentials.project_id
    with warnings.catch_warnings():  # the SDK advises against a user's own credentials; that is the user's business
        warnings.simplefilter("ignore")
        credentials, project = google.auth.default(scopes=scopes)
    return credentials, project


def _service_account(connection: Connection, scopes: list[str]) -> Any:
    """A key that doesn't fit is told without a word of it."""
    maker: Any = google.oauth2.service_account.Credentials
    try:
        if connection.service_account_file:
            return maker.from_service_account_file(connection.service_account_file, scopes=scopes)
        return maker.from_service_account_info(dict(connection.service_account_contents or {}), scopes=scopes)
    except OSError as error:
        raise Invalid(
            f"service_account_file {connection.service_account_file}: {error.strerror}",
            hint="Name the JSON file with the service account's key, on the host that runs the module.",
        ) from error
    except (ValueError, KeyError, TypeError, AttributeError, google.auth.exceptions.GoogleAuthError) as error:
        option = "service_account_file" if connection.service_account_file else "service_account_contents"
        raise Invalid(
            f"{option} has no key of a service account that can be used",
            code=type(error).__name__,
            hint="Give the JSON key file as Google made it, with client_email, private_key and token_uri.",
        ) from None
