# Copyright (c) 2026 cloudops.core contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Everything that the Azure SDK raises, as one typed error with a cure.

Error codes: https://learn.microsoft.com/rest/api/storageservices/blob-service-error-codes and
https://learn.microsoft.com/rest/api/storageservices/common-rest-api-error-codes
"""

from __future__ import annotations

import re
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
    from azure.core import exceptions as sdk
except ImportError:  # the modules report it with missing_required_lib
    sdk = None  # type: ignore[assignment]

BEING_DELETED = "ContainerBeingDeleted"

_BY_CODE: Mapping[str, type[CloudOpsError]] = {
    "ServerBusy": Throttled,
    "TooManyRequests": Throttled,
    "OperationTimedOut": Timeout,
    "InsufficientAccountPermissions": Denied,
    "AccountIsDisabled": Denied,
}
_BY_STATUS: Mapping[int, type[CloudOpsError]] = {
    401: Denied,
    403: Denied,
    404: NotFound,
    408: Timeout,
    409: Conflict,
    412: Conflict,
    429: Throttled,
}
_ROLE = "Give the identity a role for data, such as Storage Blob Data Contributor; Owner of the account is none."
_HINTS = {
    "AuthenticationFailed": "Check account_key or sas_token, that the signature hasn't expired, and the machine's clock.",
    "InvalidAuthenticationInfo": "Check the credentials: the token or the signature is malformed, or of another account.",
    "AuthorizationFailure": "Check account_key or sas_token, what the signature or the role permits, and the account's firewall.",
    "AuthorizationPermissionMismatch": f"{_ROLE} A shared access signature needs the permissions r, w, d and l.",
    "InsufficientAccountPermissions": _ROLE,
    "AuthorizationResourceTypeMismatch": "The shared access signature has to cover the resource types service, container and object.",
    "KeyBasedAuthenticationNotPermitted": "The account refuses its keys: use an identity (auth_source, or tenant, client_id and secret).",
    "PublicAccessNotPermitted": "The account forbids public access: allow it there first, or set public_access: none.",
    "ContainerAlreadyExists": "Somebody made it meanwhile, with other properties: run again.",
    BEING_DELETED: "Azure keeps the name for half a minute or longer: raise wait_timeout, or run again.",
    "ContainerDisabled": "The account's administrator has disabled the container.",
    "ContainerHasLegalHold": "Clear the legal hold, and run again.",
    "ContainerImmutabilityPolicyLocked": "A locked immutability policy keeps the container for as long as it holds a blob.",
    "ContainerProtectedFromDeletion": "An immutability policy, or one of the account, keeps the container while it holds a blob.",
    "LeaseIdMissing": "Somebody has leased it: release the lease, or set leases: break.",
    "ConditionNotMet": "Somebody else changed it meanwhile: run again.",
    "InvalidHeaderValue": "A value is refused, or the server doesn't know the API version: see api_version.",
    "UnsupportedHeader": "The server lacks the function: leave the option out.",
    "APINotImplemented": "The server lacks the function: leave the option out.",
    "ServerBusy": "The account asks for fewer requests: lower concurrency, or run again later.",
    "OperationTimedOut": "The service took too long: run again.",
}
_SECRETS = re.compile(r"(?i)((?:sig|accountkey|sharedaccesssignature|client_secret)=)[^&\s;'\")]+")
_QUERY = re.compile(r"(with url: [^\s?]*)\?\S*")


def safe_text(text: str) -> str:
    """A message without signatures, keys, queries, and the ids of requests."""
    lines = [line.strip() for line in str(text).splitlines()]
    kept = [
        line for line in lines if line and not line.startswith(("RequestId:", "Time:", "ErrorCode:", "Content:", "<"))
    ]
    return _SECRETS.sub(r"\1***", _QUERY.sub(r"\1", " ".join(kept[:2])))[:500]


def code_of(error: Any) -> str:
    """The provider's code in an error, or the HTTP status where it gives none."""
    code = getattr(error, "error_code", None)
    code = str(getattr(code, "value", code) or "")
    response = getattr(error, "response", None)
    if not code and response is not None:
        code = str(response.headers.get("x-ms-error-code") or "")
    return code or str(getattr(error, "status_code", "") or "")


def kind_of(status: int, code: str) -> type[CloudOpsError]:
    """The type of error for an HTTP status and the provider's code."""
    known = _BY_CODE.get(code) or _BY_STATUS.get(status)
    return known or (Unavailable if status >= 500 and status not in (501, 505) else Invalid)


def from_answer(error: Any, operation: str, resource: str) -> CloudOpsError:
    """A refusal by the service."""
    status, code = int(error.status_code or 0), code_of(error)
    message = safe_text(error.message or "") or f"the service answered {status}"
    return kind_of(status, code)(
        message, operation=operation, resource=resource, code=code, hint=_HINTS.get(code, ""), details={}
    )


def from_this_side(error: Exception, operation: str, resource: str) -> CloudOpsError:
    """A failure on this side of the wire, or on the way."""
    inner = getattr(error, "inner_exception", None) or error
    text, names = safe_text(str(error)), f"{type(error).__name__} {type(inner).__name__}"
    kind, hint = next((cure for word, cure in _OURS if word in names or word in text), (Invalid, ""))
    return kind(text or names, operation=operation, resource=resource, code=type(error).__name__, hint=hint)


_WHERE = "Check account_url, storage_account_name and cloud_environment, and the network."
_SIGN_IN = (
    "Set account_key, sas_token, connection_string, or tenant, client_id and secret; or sign in with az login, "
    "or give the machine a managed identity."
)
# By a word in the names of the exceptions, or in the text; the more special come first.
_OURS: tuple[tuple[str, tuple[type[CloudOpsError], str]], ...] = (
    ("CredentialUnavailable", (Denied, _SIGN_IN)),
    ("ClientAuthentication", (Denied, f"The sign-in fails. {_SIGN_IN}")),
    (
        "CERTIFICATE_VERIFY_FAILED",
        (Unavailable, "Set REQUESTS_CA_BUNDLE to the authority that signed the certificate."),
    ),
    ("SSL", (Unavailable, "Check whether account_url should begin with http:// or https://.")),
    ("Timeout", (Timeout, f"{_WHERE} The timeout option gives a slow server more time.")),
    ("ServiceRequest", (Unavailable, f"{_WHERE} Does the server run?")),
    ("ServiceResponse", (Unavailable, "The connection broke: run again.")),
    ("Incomplete", (Unavailable, "The connection broke: run again.")),
    ("Decode", (Unavailable, f"The answer isn't that of Azure Blob Storage, or is cut short. {_WHERE}")),
    ("Signing", (Invalid, "Check account_key: it is base64 text.")),
)


@contextmanager
def azure_errors(operation: str, resource: str) -> Iterator[None]:
    """Turn what the SDK raises inside into a CloudOpsError that names the operation and the resource."""
    try:
        yield
    except sdk.HttpResponseError as error:
        answered = getattr(error, "status_code", None) and int(error.status_code or 0) >= 300
        story = from_answer if answered else from_this_side
        raise story(error, operation, resource) from error
    except (sdk.AzureError, ValueError, OSError) as error:
        raise from_this_side(error, operation, resource) from error
