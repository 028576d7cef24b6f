# Copyright (c) 2026 cloudops.core contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Everything that boto3 raises, as one typed error with a cure.

Error codes: https://docs.aws.amazon.com/AmazonS3/latest/API/ErrorResponses.html,
https://docs.aws.amazon.com/AWSEC2/latest/APIReference/errors-overview.html and
https://docs.aws.amazon.com/autoscaling/ec2/APIReference/CommonErrors.html
"""

from __future__ import annotations

from collections.abc import Iterator
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
    from botocore import exceptions as sdk
except ImportError:  # the modules report it with missing_required_lib
    sdk = None  # type: ignore[assignment]

_BY_CODE: dict[type[CloudOpsError], frozenset[str]] = {
    Denied: frozenset(
        [
            "AccessDenied",
            "AccessDeniedException",
            "UnauthorizedOperation",
            "AuthFailure",
            "InvalidAccessKeyId",
            "SignatureDoesNotMatch",
            "ExpiredToken",
            "ExpiredTokenException",
            "InvalidToken",
            "InvalidClientTokenId",
            "AllAccessDisabled",
            "AccountProblem",
            "RequestTimeTooSkewed",
            "401",
            "403",
        ]
    ),
    NotFound: frozenset(
        [
            "NoSuchBucket",
            "NoSuchKey",
            "NoSuchUpload",
            "NoSuchVersion",
            "NotFound",
            "ResourceNotFoundException",
            "InvalidInstanceID.NotFound",
            "QueueDoesNotExist",
            "AWS.SimpleQueueService.NonExistentQueue",
            "404",
        ]
    ),
    Throttled: frozenset(
        [
            "SlowDown",
            "Throttling",
            "ThrottlingException",
            "RequestLimitExceeded",
            "TooManyRequestsException",
            "TooManyRequests",
            "RequestThrottled",
            "ProvisionedThroughputExceededException",
            "BandwidthLimitExceeded",
            "429",
        ]
    ),
    Conflict: frozenset(
        [
            "BucketAlreadyExists",
            "BucketNotEmpty",
            "OperationAborted",
            "InvalidBucketState",
            "ConflictException",
            "PreconditionFailed",
            "IllegalLocationConstraintException",
            "PermanentRedirect",
            "IncorrectInstanceState",
            "IncorrectState",
            "IncorrectSpotRequestState",
            "InsufficientHostCapacity",
            "OperationNotPermitted",
            "ScalingActivityInProgress",
            "ResourceContention",
            "ResourceInUse",
            "301",
            "409",
            "412",
        ]
    ),
    Unavailable: frozenset(
        [
            "InternalError",
            "InternalFailure",
            "ServiceUnavailable",
            "Unavailable",
            "RequestTimeout",
            "InsufficientInstanceCapacity",
            "InsufficientReservedInstanceCapacity",
            "500",
            "502",
            "503",
            "504",
        ]
    ),
}

_HINTS = {
    "AccessDenied": "Allow the identity this action in its IAM policy, in the bucket policy and in any organization policy.",
    "UnauthorizedOperation": "Allow the identity this action in its IAM policy.",
    "403": "Either the identity lacks the permission, or the bucket belongs to another account; expected_bucket_owner must match, too.",
    "InvalidAccessKeyId": "Check access_key, or the environment and profile it comes from.",
    "SignatureDoesNotMatch": "Check secret_key, region and the machine's clock.",
    "ExpiredToken": "Renew the session token.",
    "InvalidToken": "Renew the session token.",
    "RequestTimeTooSkewed": "Set the machine's clock.",
    "BucketAlreadyExists": "Bucket names are shared by everybody: choose another name.",
    "OperationAborted": "Another change of the same bucket is in progress; run again in a minute or two.",
    "NotImplemented": "This endpoint doesn't have the function; leave the option out.",
    "MethodNotAllowed": "This endpoint doesn't have the function; leave the option out.",
    "InvalidBucketAclWithObjectOwnership": "With object_ownership BucketOwnerEnforced, the acl must be private.",
    "AccessControlListNotSupported": "With object_ownership BucketOwnerEnforced, ACLs are off: leave acl out, or change object_ownership.",
    "MalformedPolicy": "Correct the policy option: the service's words say where.",
    "IncorrectInstanceState": "Somebody else changed its state meanwhile; run again.",
    "InsufficientInstanceCapacity": "The availability zone has no room for this instance type now: try later, or change the type.",
    "InsufficientHostCapacity": "The dedicated host has no room for this instance now.",
    "ScalingActivityInProgress": "The group is still busy with, or cools down after, its last change: run again later.",
    "ResourceContention": "Another change of the same group is in progress: run again in a minute.",
    "MalformedXML": "The endpoint rejects one of the options given; some servers lack the newer ones.",
}


def error_code(error: Any) -> str:
    """The provider's code in a ClientError ("" if it has none)."""
    return str(getattr(error, "response", {}).get("Error", {}).get("Code", ""))


def from_client_error(error: Any, operation: str, resource: str) -> CloudOpsError:
    """A refusal by the service."""
    code = error_code(error)
    status = str(error.response.get("ResponseMetadata", {}).get("HTTPStatusCode", ""))
    message = str(error.response.get("Error", {}).get("Message") or "the service refused")
    kind = next((kind for kind, codes in _BY_CODE.items() if code in codes), None)
    kind = kind or next((kind for kind, codes in _BY_CODE.items() if status in codes), Invalid)
    return kind(message, operation=operation, resource=resource, code=code, hint=_HINTS.get(code, ""))


def from_sdk_error(error: Exception, operation: str, resource: str) -> CloudOpsError:
    """A failure on this side of the wire: no credentials, no region, no connection."""
    name = type(error).__name__
    names = [ancestor.__name__ for ancestor in type(error).__mro__]
    kind, hint = next((cure for ancestor in names for cure in (_OURS.get(ancestor),) if cure), (Invalid, ""))
    return kind(str(error), operation=operation, resource=resource, code=name, hint=hint)


_NO_CREDENTIALS = (
    Denied,
    "Set access_key and secret_key, profile, or the environment that boto3 reads (AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY).",
)
_SIGN_IN = (Denied, "Sign in again (aws sso login), or use other credentials.")
_NO_REGION = (Invalid, "Set the region option, AWS_REGION, or a region in the profile.")
_NO_PROFILE = (
    Invalid,
    "Correct the profile option or AWS_PROFILE, or add the profile to the shared configuration file.",
)
_SLOW = (Timeout, "Check endpoint_url and the network; aws_config sets the timeouts.")
_AWAY = (Unavailable, "Check endpoint_url, the network, and that the server runs.")

# By the names of botocore's exceptions, the nearest ancestor first: older versions lack some of them.
_OURS: dict[str, tuple[type[CloudOpsError], str]] = {
    "NoCredentialsError": _NO_CREDENTIALS,
    "PartialCredentialsError": _NO_CREDENTIALS,
    "CredentialRetrievalError": _NO_CREDENTIALS,
    "MetadataRetrievalError": _NO_CREDENTIALS,
    "SSOError": _SIGN_IN,
    "TokenRetrievalError": _SIGN_IN,
    "LoginError": _SIGN_IN,
    "ProfileNotFound": _NO_PROFILE,
    "ConfigNotFound": _NO_PROFILE,
    "NoRegionError": _NO_REGION,
    "InvalidRegionError": _NO_REGION,
    "SSLError": (Unavailable, "Set aws_ca_bundle to the authority that signed the endpoint's certificate."),
    "ReadTimeoutError": _SLOW,
    "ConnectTimeoutError": _SLOW,
    "WaiterError": (Timeout, "The service takes longer than usual: run again."),
    "ConnectionError": _AWAY,
    "HTTPClientError": _AWAY,
    "ValueError": (Invalid, "Check endpoint_url: it begins with http:// or https:// and names a host."),
}


@contextmanager
def aws_errors(operation: str, resource: str) -> Iterator[None]:
    """Turn what boto3 raises inside into a CloudOpsError that names the operation and the resource."""
    try:
        yield
    except sdk.ClientError as error:
        raise from_client_error(error, operation, resource) from error
    except (sdk.BotoCoreError, ValueError) as error:
        raise from_sdk_error(error, operation, resource) from error
