# Copyright (c) 2026 cloudops.core contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Whatever the SDK raises becomes one typed error that says what to do."""

from __future__ import annotations

from typing import Any

import pytest
from ansible_collections.cloudops.core.plugins.module_utils._aws import errors as aws
from ansible_collections.cloudops.core.plugins.module_utils._aws.errors import aws_errors, error_code, from_client_error
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
from botocore import exceptions as sdk


def refusal(code: str, status: int = 400, message: str = "the words") -> sdk.ClientError:
    return sdk.ClientError(
        {"Error": {"Code": code, "Message": message}, "ResponseMetadata": {"HTTPStatusCode": status}}, "GetBucketPolicy"
    )


def translated(error: BaseException) -> CloudOpsError:
    """What comes out when this happens inside."""
    with pytest.raises(CloudOpsError) as caught, aws_errors("read the policy", "bucket b"):
        raise error
    assert caught.value.__cause__ is error
    return caught.value


# ---- refusals by the service


@pytest.mark.parametrize(
    ("code", "status", "kind"),
    [
        ("AccessDenied", 403, Denied),
        ("UnauthorizedOperation", 403, Denied),
        ("InvalidAccessKeyId", 403, Denied),
        ("SignatureDoesNotMatch", 403, Denied),
        ("ExpiredToken", 400, Denied),
        ("RequestTimeTooSkewed", 403, Denied),
        ("403", 403, Denied),
        ("NoSuchBucket", 404, NotFound),
        ("NoSuchUpload", 404, NotFound),
        ("404", 404, NotFound),
        ("SlowDown", 503, Throttled),
        ("ScalingActivityInProgress", 400, Conflict),
        ("ResourceContention", 500, Conflict),
        ("QueueDoesNotExist", 400, NotFound),
        ("AWS.SimpleQueueService.NonExistentQueue", 400, NotFound),
        ("ThrottlingException", 400, Throttled),
        ("RequestLimitExceeded", 503, Throttled),
        ("BucketNotEmpty", 409, Conflict),
        ("BucketAlreadyExists", 409, Conflict),
        ("OperationAborted", 409, Conflict),
        ("PermanentRedirect", 301, Conflict),
        ("301", 301, Conflict),
        ("InternalError", 500, Unavailable),
        ("ServiceUnavailable", 503, Unavailable),
        ("500", 500, Unavailable),
        ("InvalidArgument", 400, Invalid),
        ("MalformedXML", 400, Invalid),
        ("NotImplemented", 501, Invalid),
        ("MethodNotAllowed", 405, Invalid),
    ],
)
def test_codes(code: str, status: int, kind: type[CloudOpsError]) -> None:
    error = translated(refusal(code, status))
    assert error.__class__ is kind
    assert (error.code, error.operation, error.resource) == (code, "read the policy", "bucket b")
    assert str(error).startswith(f"Could not read the policy of bucket b: the words [{code}]")


@pytest.mark.parametrize(
    ("status", "kind"),
    [
        (403, Denied),
        (404, NotFound),
        (409, Conflict),
        (412, Conflict),
        (429, Throttled),
        (503, Unavailable),
        (418, Invalid),
    ],
)
def test_a_code_that_nobody_knows_goes_by_its_status(status: int, kind: type[CloudOpsError]) -> None:
    error = translated(refusal("QuotaOfSomeServer", status))
    assert error.__class__ is kind
    assert error.code == "QuotaOfSomeServer"


def test_a_code_counts_more_than_its_status() -> None:
    assert (translated(refusal("SlowDown", 403))).__class__ is Throttled


@pytest.mark.parametrize(
    "response",
    [
        pytest.param({}, id="nothing"),
        pytest.param({"Error": {}}, id="no error"),
        pytest.param({"Error": {"Code": "", "Message": ""}}, id="empty"),
        pytest.param({"Error": {"Code": "X", "Message": None}, "ResponseMetadata": {}}, id="no message"),
    ],
)
def test_an_answer_of_few_words(response: Any) -> None:
    error = from_client_error(sdk.ClientError(response, "GetBucketPolicy"), "read the policy", "bucket b")
    assert error.__class__ is Invalid
    assert "the service refused" in str(error)


def test_a_code_stands_under_one_kind_only() -> None:
    codes = [code for found in aws._BY_CODE.values() for code in found]
    assert len(codes) == len(set(codes))


@pytest.mark.parametrize("code", sorted(aws._HINTS))
def test_hints_are_given(code: str) -> None:
    error = translated(refusal(code))
    assert error.hint == aws._HINTS[code]
    assert str(error).endswith(error.hint)
    assert error.hint.endswith(".")


@pytest.mark.parametrize(
    ("error", "code"),
    [(refusal("AccessDenied"), "AccessDenied"), (sdk.ClientError({}, "X"), ""), (ValueError("x"), "")],
    ids=["code", "none", "of another kind"],
)
def test_error_code(error: Exception, code: str) -> None:
    assert error_code(error) == code


def test_only_the_message_of_an_answer_is_told() -> None:
    """S3 sends the string to sign and the key id along; they are nobody's business."""
    error = sdk.ClientError(
        {
            "Error": {
                "Code": "SignatureDoesNotMatch",
                "Message": "the signature does not match",
                "AWSAccessKeyId": "AKIAHIDDEN",
                "StringToSign": "AWS4-HMAC-SHA256 hidden",
            },
            "ResponseMetadata": {"HTTPStatusCode": 403, "HTTPHeaders": {"x": "hidden"}},
        },
        "ListBuckets",
    )
    found = translated(error)
    assert "hidden" not in f"{found} {found.as_result()}".lower()


# ---- failures on this side


URL = "https://s3.example:9000"


@pytest.mark.parametrize(
    ("error", "kind", "hint"),
    [
        pytest.param(sdk.NoCredentialsError(), Denied, "access_key", id="no credentials"),
        pytest.param(
            sdk.PartialCredentialsError(provider="env", cred_var="aws_secret_access_key"),
            Denied,
            "secret_key",
            id="half",
        ),
        pytest.param(
            sdk.CredentialRetrievalError(provider="process", error_msg="exit 1"), Denied, "access_key", id="process"
        ),
        pytest.param(sdk.SSOTokenLoadError(error_msg="Token is missing"), Denied, "aws sso login", id="no SSO token"),
        pytest.param(sdk.UnauthorizedSSOTokenError(), Denied, "aws sso login", id="old SSO token"),
        pytest.param(
            sdk.TokenRetrievalError(provider="sso", error_msg="Token has expired"),
            Denied,
            "aws sso login",
            id="SSO refresh",
        ),
        pytest.param(sdk.ProfileNotFound(profile="prod"), Invalid, "profile", id="profile"),
        pytest.param(sdk.ConfigParseError(path="~/.aws/config"), Invalid, "", id="broken configuration"),
        pytest.param(sdk.NoRegionError(), Invalid, "region", id="no region"),
        pytest.param(sdk.InvalidRegionError(region_name="x y"), Invalid, "region", id="odd region"),
        pytest.param(sdk.SSLError(endpoint_url=URL, error="self-signed"), Unavailable, "aws_ca_bundle", id="TLS"),
        pytest.param(
            sdk.EndpointConnectionError(endpoint_url=URL, error="refused"), Unavailable, "endpoint_url", id="down"
        ),
        pytest.param(sdk.ConnectionClosedError(endpoint_url=URL), Unavailable, "endpoint_url", id="closed"),
        pytest.param(sdk.ProxyConnectionError(proxy_url="http://p", error="x"), Unavailable, "network", id="proxy"),
        pytest.param(sdk.HTTPClientError(error="x"), Unavailable, "network", id="any HTTP trouble"),
        pytest.param(sdk.ReadTimeoutError(endpoint_url=URL), Timeout, "aws_config", id="slow answer"),
        pytest.param(sdk.ConnectTimeoutError(endpoint_url=URL), Timeout, "aws_config", id="slow connection"),
        pytest.param(
            sdk.WaiterError("BucketExists", "Max attempts exceeded", {}), Timeout, "run again", id="waited too long"
        ),
        pytest.param(sdk.ParamValidationError(report="Invalid bucket name"), Invalid, "", id="argument"),
        pytest.param(ValueError("Invalid endpoint: x"), Invalid, "", id="endpoint"),
    ],
)
def test_failures_on_this_side(error: Exception, kind: type[CloudOpsError], hint: str) -> None:
    found = translated(error)
    assert found.__class__ is kind
    assert found.code == type(error).__name__
    assert hint in found.hint
    assert (found.operation, found.resource) == ("read the policy", "bucket b")


@pytest.mark.parametrize(
    "error", [KeyError("Bucket"), TypeError("a bug of ours"), KeyboardInterrupt()], ids=lambda e: type(e).__name__
)
def test_bugs_are_not_dressed_up(error: BaseException) -> None:
    with pytest.raises(type(error)), aws_errors("read the policy", "bucket b"):
        raise error


def test_an_error_that_is_translated_already_passes() -> None:
    error = Denied("no")
    with pytest.raises(Denied) as caught, aws_errors("read the policy", "bucket b"):
        raise error
    assert caught.value is error
