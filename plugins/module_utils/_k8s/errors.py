# Copyright (c) 2026 cloudops.core contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Everything that the Kubernetes API and the way to it answer, as one typed error with a cure.

https://kubernetes.io/docs/reference/using-api/api-concepts/#api-server-responses-and-errors
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from ansible_collections.cloudops.core.plugins.module_utils._core.errors import (
    CloudOpsError,
    Conflict,
    Denied,
    Invalid,
    NotFound,
    Throttled,
    Timeout,
    Unavailable,
)
from ansible_collections.cloudops.core.plugins.module_utils._k8s.addresses import Address, missing_right

try:
    from urllib3 import exceptions as http
except ImportError:  # the modules report it with missing_required_lib
    http = None  # type: ignore[assignment]

GONE = 410
_BY_STATUS: Mapping[int, type[CloudOpsError]] = {
    401: Denied,
    403: Denied,
    404: NotFound,
    405: Invalid,
    409: Conflict,
    GONE: Conflict,
    429: Throttled,
    504: Timeout,
}
_HINTS = {
    401: "Check api_key, or the credentials of the kubeconfig's context: the token may have expired.",
    404: "Check the name, the namespace, and context or host.",
    405: "The server doesn't have this function for this kind.",
    429: "The server asks for fewer requests: lower concurrency, or run again later.",
}


def from_answer(status: int, body: bytes, verb: str, address: Address) -> CloudOpsError:
    """A refusal by the server."""
    told = _status_of(body)
    kind = _BY_STATUS.get(status) or (Unavailable if status >= 500 else Invalid)
    hint = _HINTS.get(status, "")
    if status == 403:
        hint = f"Grant {missing_right(verb, address)}."
    return kind(
        str(told.get("message") or f"the server answered {status}"),
        operation=f"{verb} {address.resource}",
        resource=_resource(address),
        code=str(told.get("reason") or status),
        hint=hint,
        details={"status": status},
    )


def _status_of(body: bytes) -> Mapping[str, Any]:
    """The Status object in an answer, or what can be made of something else."""
    try:
        told = json.loads(body)
    except ValueError:
        return {"message": " ".join(body[:200].decode("utf-8", "replace").split())}
    return told if isinstance(told, Mapping) else {}


def _resource(address: Address) -> str:
    named = f"{address.plural} {address.name}".rstrip() if address.name else ""
    where = f"namespace {address.namespace}" if address.namespace else ""
    return ", ".join(part for part in (named, where) if part)


def from_transport(error: Exception, verb: str, address: Address, host: str) -> CloudOpsError:
    """A failure on the way: no connection, no trust, no answer in time.

    :param host: URL of the server, for the message.
    """
    cause: BaseException = error
    while isinstance(cause, http.MaxRetryError) and cause.reason is not None:
        cause = cause.reason
    kind, message, hint = _transport_story(cause, host)
    return kind(
        message,
        operation=f"{verb} {address.resource}",
        resource=_resource(address),
        code=type(cause).__name__,
        hint=hint,
    )


def _transport_story(cause: BaseException, host: str) -> tuple[type[CloudOpsError], str, str]:
    """Type, message and hint. The order counts: the more special come first."""
    where = "host, or the server of the kubeconfig's cluster"
    if isinstance(cause, http.SSLError) or "SSL" in type(cause).__name__:
        hint = (
            "Set ca_cert to the authority that signed the server's certificate. For tests only: validate_certs: false."
        )
        return Unavailable, f"the TLS certificate of {host} can't be verified, or TLS fails: {_plain(cause)}", hint
    if isinstance(cause, http.ProxyError):
        return Unavailable, f"the proxy fails: {_plain(cause)}", "Check proxy, and HTTPS_PROXY in the environment."
    if isinstance(cause, http.ConnectTimeoutError) and not isinstance(cause, http.NewConnectionError):
        return Timeout, f"{host} doesn't answer", f"Check {where}, and the network."
    if isinstance(cause, http.NewConnectionError):
        return Unavailable, f"no connection to {host}: {_plain(cause)}", f"Check {where}, and that it runs."
    if isinstance(cause, http.TimeoutError):
        return Timeout, f"{host} was asked and didn't answer in time", "Run again: the server may be busy."
    if isinstance(cause, http.LocationValueError | ValueError):
        return Invalid, f"{host} isn't the URL of a server: {_plain(cause)}", f"Check {where}."
    return Unavailable, f"the connection to {host} broke: {_plain(cause)}", "Run again: the server may have restarted."


def _plain(error: BaseException) -> str:
    """The message without the addresses of objects in memory."""
    text = str(error)
    return text.partition(">: ")[2] or text
