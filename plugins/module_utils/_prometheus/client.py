# Copyright (c) 2026 cloudops.core contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Prometheus's query API over HTTP.

https://prometheus.io/docs/prometheus/latest/querying/api/
"""

from __future__ import annotations

import base64
import re
import ssl
import traceback
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import urlencode, urlsplit

from ansible_collections.cloudops.core.plugins.module_utils._core.errors import Invalid
from ansible_collections.cloudops.core.plugins.module_utils._core.fanout import SharedCounter
from ansible_collections.cloudops.core.plugins.module_utils._prometheus.errors import (
    Reply,
    prometheus_errors,
    refusal,
)

URLLIB3_IMPORT_ERROR: str | None
try:
    import urllib3
    from urllib3.exceptions import InsecureRequestWarning, InvalidHeader, ReadTimeoutError
    from urllib3.util.retry import Retry

    URLLIB3_IMPORT_ERROR = None
except ImportError:
    URLLIB3_IMPORT_ERROR = traceback.format_exc()

USER_AGENT = "cloudops.core"
# Longer ones are sent as a form: proxies often take no more than 8 KiB.
MAX_URL = 2000
CONNECT_TIMEOUT = 10.0
RETRIES = 3
RETRIED = (429, 502, 503, 504)

_HEADER_NAME = re.compile(r"[A-Za-z0-9!#$%&'*+.^_`|~-]+")
_HEADER_VALUE = re.compile(r"[\t\x20-\x7e\xa0-\xff]*")
_OURS = ("authorization", "cookie", "proxy-authorization", "host", "content-length", "content-type")


@dataclass(frozen=True)
class Connection:
    """Who asks, and whom.

    :param timeout: seconds for an answer; every attempt has so many.
    """

    url: str
    username: str | None = None
    password: str | None = field(default=None, repr=False)
    bearer_token: str | None = field(default=None, repr=False)
    client_cert: str | None = None
    client_key: str | None = None
    ca_cert: str | None = None
    validate_certs: bool = True
    headers: Mapping[str, Any] = field(default_factory=dict, repr=False)
    secret_headers: Mapping[str, Any] = field(default_factory=dict, repr=False)
    timeout: float = 30.0
    proxy: str | None = None

    @classmethod
    def from_params(cls, params: Mapping[str, Any]) -> Connection:
        """From a module's options."""
        values: dict[str, Any] = {name: params.get(name) or None for name in cls.__dataclass_fields__}
        values["url"] = (params.get("url") or "").strip().rstrip("/")
        values["validate_certs"] = params.get("validate_certs", True) is not False
        values["timeout"] = float(params.get("timeout", 30.0))
        values["headers"], values["secret_headers"] = values["headers"] or {}, values["secret_headers"] or {}
        return cls(**values)

    @property
    def secure(self) -> bool:
        """Whether it goes over TLS."""
        return self.url.lower().startswith("https:")

    def check(self) -> None:
        """See that it makes sense, without asking anybody.

        :raises Invalid: when it doesn't; names the option.
        """
        _check_url(self.url, "url")
        if self.proxy:
            _check_url(self.proxy, "proxy")
        if not self.timeout > 0:
            raise Invalid(f"timeout is {self.timeout:g}", hint="Give seconds, more than 0.")
        if self.secure:
            _check_files(self)

    def all_headers(self) -> dict[str, str]:
        """The headers of every request.

        :raises Invalid: for one that HTTP can't carry; doesn't show its value.
        """
        headers = {"User-Agent": USER_AGENT, "Accept": "application/json", "Accept-Encoding": "gzip"}
        for option in ("headers", "secret_headers"):
            for name, value in getattr(self, option).items():
                _check_header(str(name), str(value), option)
                headers[str(name)] = str(value)
        if self.bearer_token:
            token = self.bearer_token.strip()
            _check_header("Authorization", token, "bearer_token", ours=True)
            headers["Authorization"] = f"Bearer {token}"
        elif self.username:
            both = f"{self.username}:{self.password or ''}".encode()
            headers["Authorization"] = "Basic " + base64.b64encode(both).decode("ascii")
        return headers


def _check_url(url: str, option: str) -> None:
    example = "https://prometheus.example.com:9090" if option == "url" else "http://proxy.example.com:3128"
    try:
        parts = urlsplit(url)
        odd = parts.scheme.lower() not in ("http", "https") or not parts.hostname or parts.port == 0
    except ValueError:
        parts, odd = urlsplit(""), True
    if odd:
        # Not shown: it may be a mistyped one with a password in it.
        raise Invalid(f"{option} is no http or https URL", code="InvalidURL", hint=f"It looks like {example}.")
    if "@" in parts.netloc:
        hint = "Set username and password instead." if option == "url" else "Use a proxy that asks for none."
        raise Invalid(f"{option} carries a user name or password", code="InvalidURL", hint=hint)
    if parts.query or parts.fragment:
        raise Invalid(f"{option} has more than a path", code="InvalidURL", hint="Leave out what begins with ? or #.")


def _check_files(connection: Connection) -> None:
    """Read the files, so that what is wrong with one of them is said of that one."""
    if connection.ca_cert and connection.validate_certs:
        _try(lambda: ssl.create_default_context(cafile=connection.ca_cert), "ca_cert", connection.ca_cert)
    if connection.client_cert:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
        cert, key = connection.client_cert, connection.client_key
        option = "client_cert and client_key" if key else "client_cert"
        # With an empty password, a key that is encrypted is refused instead of asked for at a terminal.
        _try(lambda: context.load_cert_chain(cert, key, password=""), option, f"{cert} and {key}" if key else cert)


def _try(load: Callable[[], object], option: str, path: str) -> None:
    try:
        load()
    except (OSError, ValueError) as error:  # ssl.SSLError is an OSError
        words = getattr(error, "strerror", None) or str(error)
        raise Invalid(
            f"{option}: {path} can't be used: {words}",
            code=type(error).__name__,
            hint="Give PEM files that can be read; a key must belong to the certificate, and not be encrypted.",
        ) from error


def _check_header(name: str, value: str, option: str, ours: bool = False) -> None:
    if not ours and name.lower() in _OURS and option == "headers":
        raise Invalid(
            f"{option} has {name}",
            hint="Set bearer_token, or username and password; other secrets go into secret_headers.",
        )
    if not _HEADER_NAME.fullmatch(name):
        raise Invalid(f"{option} has a name that no header can have: {name!r}")
    if not _HEADER_VALUE.fullmatch(value):
        raise Invalid(f"{option}: the value for {name} has signs that no header can have, such as the end of a line")


class Client:
    """Asks one server. Safe to share between threads.

    :param pool: connections that may be held open; as many as there are workers.
    """

    def __init__(self, connection: Connection, *, pool: int = 10) -> None:
        self.connection = connection
        self.calls = SharedCounter()
        self._size = pool
        self._pool: Any = None
        self._headers: dict[str, str] = {}

    def open(self) -> None:
        """Make ready. Asks nothing yet.

        :raises Invalid: when the connection can't be right.
        """
        self.connection.check()
        self._headers = self.connection.all_headers()
        self._pool = _make_pool(self.connection, self._size)

    def ask(self, endpoint: str, fields: Mapping[str, str], name: str) -> Mapping[str, Any]:
        """Ask, and return the answer; retries included, as the server would have it.

        :param endpoint: ``query`` or ``query_range``.
        :param name: the query's name, for messages.
        :raises CloudOpsError: for everything but a success.
        """
        url, form = f"{self.connection.url}/api/v1/{endpoint}", urlencode(fields)
        resource = f"{name} at {self.connection.url}"
        long = len(url) + len(form) >= MAX_URL
        sent: dict[str, Any] = {"headers": self._headers}
        if long:
            sent = {
                "headers": {**self._headers, "Content-Type": "application/x-www-form-urlencoded"},
                "body": form.encode("ascii"),
            }
        self.calls.add(endpoint)
        with prometheus_errors(resource, self.connection.timeout):
            response = self._pool.request(
                "POST" if long else "GET",
                url if long else f"{url}?{form}",
                redirect=False,
                retries=_make_retries(lambda: self.calls.add(endpoint), self.connection.timeout),
                **sent,
            )
        reply = Reply(response.status, {key.lower(): value for key, value in response.headers.items()}, response.data)
        said = reply.read()
        if reply.status >= 300 or said is None or said["status"] != "success":
            raise refusal(reply, resource)
        return said


def _make_pool(connection: Connection, size: int) -> Any:
    options: dict[str, Any] = {
        "num_pools": 2,
        "maxsize": size,
        "timeout": urllib3.Timeout(connect=min(CONNECT_TIMEOUT, connection.timeout), read=connection.timeout),
    }
    if connection.secure:
        options["cert_reqs"] = "CERT_REQUIRED" if connection.validate_certs else "CERT_NONE"
        options["ca_certs"] = connection.ca_cert if connection.validate_certs else None
        options["cert_file"], options["key_file"] = connection.client_cert, connection.client_key
        if not connection.validate_certs:
            urllib3.disable_warnings(InsecureRequestWarning)
    return urllib3.ProxyManager(connection.proxy, **options) if connection.proxy else urllib3.PoolManager(**options)


def _make_retries(count: Callable[[], None], longest: float) -> Any:
    """urllib3's own retries; they also take note of every further attempt, and don't repeat what took too long already.

    :param longest: the longest pause that a server may ask for, in seconds.
    """

    class Retries(Retry):
        """A query changes nothing, so asking it again is safe, by POST as well."""

        def increment(self, *args: Any, **kwargs: Any) -> Any:
            """One more attempt, unless there were enough."""
            error = kwargs.get("error")
            if isinstance(error, ReadTimeoutError):
                raise error
            further = super().increment(*args, **kwargs)
            count()
            return further

        def get_retry_after(self, response: Any) -> float | None:
            """Seconds that the server asks for, within bounds."""
            try:
                asked = super().get_retry_after(response)
            except InvalidHeader:
                return None
            return None if asked is None else min(asked, longest)

    return Retries(
        total=RETRIES,
        connect=2,
        # A kept connection that the server has closed meanwhile.
        read=1,
        redirect=0,
        other=0,
        status_forcelist=RETRIED,
        allowed_methods=frozenset({"GET", "POST"}),
        backoff_factor=0.3,
        raise_on_status=False,
    )
