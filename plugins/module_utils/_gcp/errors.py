# Copyright (c) 2026 cloudops.core contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Everything that Google's SDK raises, as one typed error with a cure.

Status codes and reasons: https://cloud.google.com/storage/docs/json_api/v1/status-codes
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
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

try:
    import requests
    from google.api_core import exceptions as sdk
    from google.auth import exceptions as auth
except ImportError:  # the modules report it with missing_required_lib
    sdk = auth = requests = None  # type: ignore[assignment]

HELD, RETAINED, CHANGED_MEANWHILE = "objectUnderActiveHold", "retentionPolicyNotMet", "conditionNotMet"

_BY_STATUS: dict[int, type[CloudOpsError]] = {
    401: Denied,
    403: Denied,
    404: NotFound,
    408: Unavailable,
    409: Conflict,
    410: NotFound,
    412: Conflict,
    429: Throttled,
}
_THROTTLED = frozenset({"rateLimitExceeded", "userRateLimitExceeded", "quotaExceeded", "dailyLimitExceeded"})
_KEPT = frozenset({HELD, RETAINED})

_HINTS = {
    "forbidden": "Grant the identity this permission on the bucket or the project, such as with roles/storage.admin.",
    "insufficientPermissions": "The credentials lack a scope: set scopes, or use credentials with devstorage.full_control.",
    "required": "Set credentials (service_account_file, access_token, or application default credentials).",
    "authError": "The credentials aren't accepted: renew them, or check auth_kind and where they come from.",
    "invalidCredentials": "The credentials aren't accepted: renew them, or check auth_kind and where they come from.",
    "userProjectMissing": "The bucket has requester pays: set billing_project.",
    "accessNotConfigured": "Turn the Cloud Storage JSON API on for the project.",
    "billingNotEnabled": "Turn billing on for the project.",
    "accountDisabled": "The project's account is disabled; see its billing.",
    "rateLimitExceeded": "Lower concurrency, and run again.",
    "userRateLimitExceeded": "Lower concurrency, and run again.",
    CHANGED_MEANWHILE: "Somebody else keeps changing the bucket: run again.",
    "invalid": "Correct the option that the message names.",
    RETAINED: "A locked retention policy can only be made longer, and what it keeps goes only when its time is over.",
}
_BY_STATUS_HINTS = {
    401: _HINTS["authError"],
    403: _HINTS["forbidden"],
    429: _HINTS["rateLimitExceeded"],
}


def from_answer(status: int, body: Any, operation: str, resource: str) -> CloudOpsError:
    """A refusal by the service.

    :param body: the error document, as text, bytes or data; whatever else stands there is part of the message.
    """
    error = _error_of(body)
    details = [entry for entry in error.get("errors") or () if isinstance(entry, Mapping)]
    message = str(error.get("message") or (details[0].get("message") if details else "") or "the service refused")
    code = _code(status, str(details[0].get("reason") or "") if details else "", message)
    kind = _kind(status, code)
    hint = _HINTS.get(code) or _BY_STATUS_HINTS.get(status, "")
    return kind(message, operation=operation, resource=resource, code=code, hint=hint)


def _error_of(body: Any) -> Mapping[str, Any]:
    if isinstance(body, (bytes, str)):
        try:
            body = json.loads(body)
        except ValueError:
            return {}
    error = body.get("error") if isinstance(body, Mapping) else None
    return error if isinstance(error, Mapping) else {}


def _code(status: int, reason: str, message: str) -> str:
    """The reason, where it says enough.

    A hold is refused with the same reason as a missing permission, and only the message tells. A failed condition has one name.
    """
    if status == 412:
        return CHANGED_MEANWHILE
    if status == 403 and " under active " in message and " hold " in message:
        return HELD
    if status == 400 and "requester pays" in message.lower():
        return "userProjectMissing"
    return reason or str(status)


def _kind(status: int, code: str) -> type[CloudOpsError]:
    if code in _THROTTLED:
        return Throttled
    if code in _KEPT:
        return Conflict
    return _BY_STATUS.get(status) or (Unavailable if status >= 500 else Invalid)


def from_api_error(error: Any, operation: str, resource: str) -> CloudOpsError:
    """A refusal that the SDK raised: the answer is in it."""
    answer = getattr(error, "response", None)
    body = answer.content if answer is not None else {"error": {"message": error.message, "errors": error.errors}}
    return from_answer(int(error.code or 0), body, operation, resource)


def from_sdk_error(error: BaseException, operation: str, resource: str) -> CloudOpsError:
    """A failure on this side of the wire: no credentials, no connection, no time left."""
    names = [ancestor.__name__ for ancestor in type(error).__mro__]
    kind, hint = next((_OURS[name] for name in names if name in _OURS), (Unavailable, _AWAY[1]))
    return kind(str(error), operation=operation, resource=resource, code=type(error).__name__, hint=hint)


_AWAY = (Unavailable, "Check api_endpoint, the network, and that the server runs.")
_SLOW = (Timeout, "Check api_endpoint and the network; request_timeout is the time that a request may take.")
_NO_CREDENTIALS = (
    Denied,
    "Set service_account_file, service_account_contents or access_token, or the application default credentials "
    "(GOOGLE_APPLICATION_CREDENTIALS, gcloud auth application-default login).",
)

# By the names of exceptions of requests and google-auth, the nearest ancestor first.
_OURS: dict[str, tuple[type[CloudOpsError], str]] = {
    "DefaultCredentialsError": _NO_CREDENTIALS,
    "RefreshError": (Denied, "The credentials can't be renewed: use others; an access_token is never renewed."),
    "GoogleAuthError": _NO_CREDENTIALS,
    "TransportError": _AWAY,
    "SSLError": (Unavailable, "Set REQUESTS_CA_BUNDLE to the authority that signed the endpoint's certificate."),
    "ConnectTimeout": _SLOW,  # which is a ConnectionError, too
    "Timeout": _SLOW,
    "InvalidURL": (Invalid, "Check api_endpoint: it begins with http:// or https:// and names a host."),
    "ConnectionError": _AWAY,
    "JSONDecodeError": (Unavailable, "What answers there isn't Cloud Storage: check api_endpoint."),
    "ValueError": (Unavailable, "What answers there isn't Cloud Storage: check api_endpoint."),
}


@contextmanager
def gcp_errors(operation: str, resource: str) -> Iterator[None]:
    """Turn what the SDK raises inside into a CloudOpsError that names the operation and the resource."""
    try:
        yield
    except sdk.RetryError as error:
        cause = error.cause
        if isinstance(cause, sdk.GoogleAPICallError):
            raise from_api_error(cause, operation, resource) from error
        raise from_sdk_error(cause or error, operation, resource) from error
    except sdk.GoogleAPICallError as error:
        raise from_api_error(error, operation, resource) from error
    except (auth.GoogleAuthError, requests.RequestException, OSError, ValueError) as error:
        raise from_sdk_error(error, operation, resource) from error
