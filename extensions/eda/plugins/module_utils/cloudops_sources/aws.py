# Copyright (c) 2026 cloudops.core contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""How event sources connect to AWS. Names, aliases and environment variables are those of the modules."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any

from cloudops_sources.arguments import Argument, ArgumentError
from cloudops_sources.events import SourceFailure

try:
    import boto3
    import botocore.config
    import botocore.credentials
    import botocore.exceptions
except ImportError:  # said when the source starts
    boto3 = None  # type: ignore[assignment]

AWS_ARGUMENTS = {
    "access_key": Argument(aliases=("aws_access_key_id", "aws_access_key")),
    "secret_key": Argument(aliases=("aws_secret_access_key", "aws_secret_key")),
    "session_token": Argument(aliases=("aws_session_token",)),
    "profile": Argument(aliases=("aws_profile",)),
    "region": Argument(aliases=("aws_region",)),
    "endpoint_url": Argument(aliases=("aws_endpoint_url",)),
    "aws_ca_bundle": Argument(),
    "validate_certs": Argument("boolean", True),
    "assume_role_arn": Argument(),
    "external_id": Argument(),
}
ATTEMPTS = 2

_DENIED = (
    "AccessDenied AccessDeniedException AuthFailure ExpiredToken ExpiredTokenException InvalidAccessKeyId InvalidClientTokenId "
    "InvalidToken RequestExpired SignatureDoesNotMatch UnauthorizedOperation UnrecognizedClientException"
)
_THROTTLED = "RequestLimitExceeded RequestThrottled SlowDown Throttling ThrottlingException TooManyRequestsException"
_KINDS = {code: kind for kind, codes in (("denied", _DENIED), ("throttled", _THROTTLED)) for code in codes.split()}
_CURES = {
    "denied": "Check the credentials, and allow the action in the identity's IAM policy.",
    "throttled": "Take a longer interval, or ask for less at once.",
    "unavailable": "Check endpoint_url, the region and the network.",
    "timeout": "Check endpoint_url and the network, or raise timeout.",
    "invalid": "Correct the arguments: the service's words say which.",
    "not_found": "Check the name, the region and the account.",
}
_OURS = {
    "NoCredentialsError": ("denied", "Set access_key and secret_key, profile, or the environment that boto3 reads."),
    "PartialCredentialsError": ("denied", "Give both access_key and secret_key."),
    "CredentialRetrievalError": ("denied", _CURES["denied"]),
    "ProfileNotFound": ("invalid", "Correct profile or AWS_PROFILE."),
    "NoRegionError": ("invalid", "Set region, AWS_REGION, or a region in the profile."),
    "ReadTimeoutError": ("timeout", _CURES["timeout"]),
    "ConnectTimeoutError": ("timeout", _CURES["timeout"]),
    "SSLError": ("unavailable", "Set aws_ca_bundle to the authority that signed the endpoint's certificate."),
    "ConnectionError": ("unavailable", _CURES["unavailable"]),
    "HTTPClientError": ("unavailable", _CURES["unavailable"]),
    "ParamValidationError": ("invalid", _CURES["invalid"]),
}


def check_connection(source: str, options: Mapping[str, Any]) -> None:
    """See that the connection's arguments fit together, and that there is an SDK.

    :raises ArgumentError: when they don't.
    """
    if bool(options["access_key"]) != bool(options["secret_key"]):
        raise ArgumentError(
            "access_key" if options["secret_key"] else "secret_key", "is missing", "Give both keys, or none."
        )
    if options["session_token"] and not options["access_key"]:
        raise ArgumentError("session_token", "is given without keys", "Give access_key and secret_key with it.")
    if options["profile"] and options["access_key"]:
        raise ArgumentError("profile", "is given together with keys", "Give one or the other.")
    if options["external_id"] and not options["assume_role_arn"]:
        raise ArgumentError("external_id", "is given without assume_role_arn", "Give the role, or leave it out.")
    if boto3 is None:
        raise RuntimeError(f"{source} needs boto3: install it for {sys.executable}, which runs the rulebook.")


def make_client(service: str, options: Mapping[str, Any]) -> Any:
    """A client of a service. Takes a while, as the SDK reads its models and looks for credentials: for a thread."""
    keys = {name: options[name] or None for name in ("access_key", "secret_key", "session_token")}
    if not keys["access_key"] and not options["profile"]:
        keys["access_key"], keys["secret_key"] = os.environ.get("AWS_ACCESS_KEY"), os.environ.get("AWS_SECRET_KEY")
        if os.environ.get("AWS_ACCESS_KEY_ID") or os.environ.get("AWS_PROFILE") or not all(list(keys.values())[:2]):
            keys["access_key"] = keys["secret_key"] = None
    session: Any = boto3.session.Session(
        aws_access_key_id=keys["access_key"],
        aws_secret_access_key=keys["secret_key"],
        aws_session_token=keys["session_token"],
        profile_name=options["profile"],
        region_name=options["region"] or os.environ.get("AWS_REGION"),
    )
    if options["assume_role_arn"]:
        session = _assume_role(session, options)
    return session.client(service, **_client_options(options))


def _client_options(options: Mapping[str, Any]) -> dict[str, Any]:
    config = botocore.config.Config(
        connect_timeout=options["timeout"],
        read_timeout=options["timeout"],
        retries={"mode": "standard", "total_max_attempts": ATTEMPTS},
        user_agent_extra="cloudops.core",
    )
    verify = options["aws_ca_bundle"] if options["validate_certs"] else False
    return {
        "endpoint_url": options["endpoint_url"] or os.environ.get("AWS_URL") or None,
        "verify": verify,
        "config": config,
    }


def _assume_role(session: Any, options: Mapping[str, Any]) -> Any:
    """A session with the role's credentials, which renew themselves: a rulebook runs for longer than an hour."""
    shared = _client_options(options)
    if ".amazonaws.com" in (shared["endpoint_url"] or ""):  # Amazon's endpoints serve one service each
        shared["endpoint_url"] = None

    def sts(service: str, **given: Any) -> Any:
        return session.client(service, **{**given, **shared})

    source = session.get_credentials()
    if source is None:
        raise botocore.exceptions.NoCredentialsError
    more = {"RoleSessionName": "cloudops.core"} | (
        {"ExternalId": options["external_id"]} if options["external_id"] else {}
    )
    fetcher = botocore.credentials.AssumeRoleCredentialFetcher(
        client_creator=sts, source_credentials=source, role_arn=options["assume_role_arn"], extra_args=more
    )
    assumed: Any = boto3.session.Session(region_name=session.region_name)
    assumed._session._credentials = botocore.credentials.DeferredRefreshableCredentials(
        method="assume-role", refresh_using=fetcher.fetch_credentials
    )
    return assumed


@contextmanager
def aws_errors(operation: str, resource: str = "") -> Iterator[None]:
    """Turn what boto3 raises inside into a SourceFailure."""
    try:
        yield
    except botocore.exceptions.ClientError as error:
        raise _refused(error, operation, resource) from error
    except (botocore.exceptions.BotoCoreError, ValueError) as error:
        names = [ancestor.__name__ for ancestor in type(error).__mro__]
        kind, cure = next((_OURS[name] for name in names if name in _OURS), ("invalid", _CURES["unavailable"]))
        code = type(error).__name__
        raise SourceFailure(kind, str(error), operation, resource=resource, code=code, hint=cure) from error


def _refused(error: Any, operation: str, resource: str) -> SourceFailure:
    code = str(error.response.get("Error", {}).get("Code", ""))
    status = int(error.response.get("ResponseMetadata", {}).get("HTTPStatusCode") or 0)
    by_status = {401: "denied", 403: "denied", 404: "not_found", 429: "throttled"}
    kind = _KINDS.get(code) or by_status.get(status) or ("unavailable" if status >= 500 else "invalid")
    message = str(error.response.get("Error", {}).get("Message") or "the service refused")
    return SourceFailure(kind, message, operation, resource=resource, code=code, hint=_CURES[kind])
