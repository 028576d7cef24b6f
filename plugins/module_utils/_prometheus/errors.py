# Copyright (c) 2026 cloudops.core contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Everything that can go wrong between us and Prometheus, as one typed error with a cure.

Error types: https://prometheus.io/docs/prometheus/latest/querying/api/#format-overview
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

from ansible_collections.cloudops.core.plugins.module_utils._core.errors import (
    CloudOpsError,
    Denied,
    Invalid,
    NotFound,
    Throttled,
    Timeout,
    Unavailable,
)

try:
    from urllib3 import exceptions as sdk
except ImportError:  # the module reports it with missing_required_lib
    sdk = None  # type: ignore[assignment]

OPERATION = "query Prometheus"
NOT_PROMETHEUS = "NotPrometheus"

_TITLE = re.compile(r"<title[^>]*>\s*([^<]{1,80})", re.IGNORECASE)


@dataclass(frozen=True)
class Reply:
    """An answer as it came.

    :param headers: by lower-case name.
    """

    status: int
    headers: Mapping[str, str] = field(default_factory=dict)
    data: bytes = b""

    def read(self) -> Mapping[str, Any] | None:
        """The JSON object in it. None: it is none, or none of Prometheus's."""
        try:
            found = json.loads(self.data)
        except (ValueError, RecursionError):
            return None
        return found if isinstance(found, dict) and found.get("status") in ("success", "error") else None

    def describe(self) -> str:
        """What it is instead of Prometheus's JSON, in words."""
        text = self.data[:65536].decode("utf-8", "replace").strip()
        kind = self.headers.get("content-type", "").partition(";")[0].strip()
        if kind == "text/html" or text[:1] == "<":
            title = _TITLE.search(text)
            return f'an HTML page, "{title[1].strip()}"' if title else "an HTML page"
        line = text.partition("\n")[0][:200]
        if kind in ("text/plain", "") and line.isprintable() and line:
            return f'the text "{line}"'
        return f"{kind or 'a body'} that isn't an answer of its query API" if text else "an empty body"


# Answers

_BY_STATUS: dict[int, tuple[type[CloudOpsError], str]] = {
    400: (Invalid, ""),
    401: (
        Denied,
        "Set bearer_token, username and password, or client_cert and client_key; if they are set, they are not the right ones.",
    ),
    403: (Denied, "Let this user query Prometheus; a server for many tenants may want its header in headers, too."),
    404: (NotFound, "Correct url: the API is looked for below it, at api/v1/query."),
    405: (Invalid, "Correct url; a proxy before the server must let GET and POST through."),
    408: (Timeout, "Raise timeout, or make the query cheaper."),
    414: (Invalid, "A proxy before the server takes no URL of this length."),
    422: (Invalid, ""),
    429: (Throttled, "Lower concurrency, or run again later."),
    504: (Timeout, "Make the query cheaper; a proxy before the server gave up."),
}
_BY_TYPE: dict[str, tuple[type[CloudOpsError], str]] = {
    "bad_data": (Invalid, "Correct the query, its window or its step."),
    "execution": (
        Invalid,
        "Prometheus understood the query, but can't carry it out: correct it, or let it match less.",
    ),
    "timeout": (Timeout, "Make the query cheaper: fewer series, a shorter window, a longer step, or a recording rule."),
    "canceled": (Timeout, "The server gave the query up; run again."),
    "internal": (Unavailable, "See the log of the server."),
    "unavailable": (Unavailable, "Run again when the server is ready."),
    "not_found": (NotFound, "Correct url: the API is looked for below it, at api/v1/query."),
}
_AWAY = (Unavailable, "Check the server, and the proxy before it, then run again.")


def refusal(reply: Reply, resource: str) -> CloudOpsError:
    """The error that an answer amounts to: a refusal, or something that no Prometheus says."""
    said = reply.read()
    if 300 <= reply.status < 400:
        return _redirected(reply, resource)
    if reply.status < 400 and said is None:
        return Invalid(
            f"what answers there is no Prometheus: it sent {reply.describe()}",
            operation=OPERATION,
            resource=resource,
            code=NOT_PROMETHEUS,
            hint="Correct url; where a login page stands before the server, set bearer_token, or username and password.",
        )
    code = str(said.get("errorType") or reply.status) if said else str(reply.status)
    kind, hint = _BY_STATUS.get(reply.status) or (_AWAY if reply.status >= 500 else (Invalid, ""))
    if reply.status not in (401, 403, 429):
        kind, hint = _BY_TYPE.get(code, (kind, hint))
    if b"HTTP request to an HTTPS server" in reply.data:
        hint = "Let url begin with https://."
    message = str(said.get("error") or "") if said else ""
    message = message or f"the server answered {reply.status} with {reply.describe()}"
    return kind(message, operation=OPERATION, resource=resource, code=code, hint=hint)


def _redirected(reply: Reply, resource: str) -> CloudOpsError:
    """Credentials don't follow where a server sends us. What stands behind ? may be a secret."""
    place = reply.headers.get("location", "").partition("?")[0]
    return Invalid(
        f"the server sends us on to {place or 'nowhere'}",
        operation=OPERATION,
        resource=resource,
        code=str(reply.status),
        hint="Set url to where Prometheus is; if that is a login page, set bearer_token, or username and password.",
    )


def unlike_prometheus(what: str, resource: str) -> CloudOpsError:
    """JSON that looks like Prometheus's, but isn't."""
    return Invalid(
        f"the answer is not as Prometheus has it: {what}",
        operation=OPERATION,
        resource=resource,
        code=NOT_PROMETHEUS,
        hint="Check that url leads to a server with Prometheus's query API.",
    )


# No answers

_TLS = (
    (
        re.compile(r"doesn't match|not valid for|mismatch", re.IGNORECASE),
        "Use in url a name that the server's certificate is for.",
    ),
    (
        re.compile(r"certificate.verify.failed", re.IGNORECASE),
        "Set ca_cert to the authority that signed the server's certificate.",
    ),
    (
        re.compile(r"wrong.version.number|record.layer.failure|unknown.protocol", re.IGNORECASE),
        "The server speaks no TLS there: let url begin with http://, or correct its port.",
    ),
    (
        re.compile(r"alert|handshake", re.IGNORECASE),
        "Set client_cert and client_key to a certificate that the server accepts.",
    ),
)
_TLS_HINT = "Check ca_cert, client_cert and client_key."
_WORDS = re.compile(r"\[SSL: \w+\] ([^(]+)|(hostname '.*?' doesn't match [^)\"]+)")


def from_sdk_error(error: Any, resource: str, timeout: float) -> CloudOpsError:
    """A failure on the way there or back.

    :param timeout: seconds that the caller allowed for an answer.
    """
    reason = getattr(error, "reason", None) or error
    known: dict[str, Any] = {"operation": OPERATION, "resource": resource, "code": type(reason).__name__}
    if isinstance(reason, sdk.ProxyError):
        return Unavailable("the proxy can't be reached", **known, hint="Check proxy.")
    if isinstance(reason, sdk.SSLError):
        return _tls_error(str(reason), known)
    if isinstance(reason, sdk.NewConnectionError):
        words = str(reason).rpartition("a new connection: ")[2].rpartition(": ")[2]
        return Unavailable(words, **known, hint="Check url, the network, and that the server runs.")
    if isinstance(reason, sdk.TimeoutError):
        hint = "Raise timeout, or make the query cheaper: fewer series, a shorter window, a longer step."
        return Timeout(f"no answer within {timeout:g} s", **known, hint=hint)
    if isinstance(reason, (sdk.LocationParseError, sdk.LocationValueError)):
        return Invalid("url can't be read", **known, hint="It looks like https://prometheus.example.com:9090.")
    return Unavailable(
        "the connection broke before the answer was complete",
        **known,
        hint="Check url and the network; a server that wants a certificate of the client needs client_cert and client_key.",
    )


def _tls_error(text: str, known: Mapping[str, Any]) -> CloudOpsError:
    hint = next((hint for pattern, hint in _TLS if pattern.search(text)), _TLS_HINT)
    words = _WORDS.search(text)
    shown = next((group for group in words.groups() if group), "").strip() if words else text
    return Unavailable(f"TLS failed: {shown}", **known, hint=hint)


@contextmanager
def prometheus_errors(resource: str, timeout: float) -> Iterator[None]:
    """Turn what urllib3 raises inside into a CloudOpsError that names the resource."""
    try:
        yield
    except sdk.HTTPError as error:
        raise from_sdk_error(error, resource, timeout) from error
