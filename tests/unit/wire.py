# Copyright (c) 2026 cloudops.core contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""S3's wire format without a wire: a request is serialised by the SDK, and its body is read back as the answer of another operation.

S3 answers with the document that it was given, so this is what a server that keeps what it gets would say.
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache
from typing import Any

from botocore.parsers import create_parser
from botocore.serialize import create_serializer
from botocore.session import Session


@cache
def _model() -> Any:
    return Session().get_service_model("s3")


def answer(operation: str, body: bytes | str) -> dict[str, Any]:
    """What the SDK makes of an answer with this body."""
    content = body.encode() if isinstance(body, str) else body
    response = {"status_code": 200, "headers": {}, "body": content, "context": {"operation_name": operation}}
    parsed = create_parser("rest-xml").parse(response, _model().operation_model(operation).output_shape)
    parsed.pop("ResponseMetadata")
    return dict(parsed)


def request_body(operation: str, arguments: Mapping[str, Any]) -> bytes:
    """The body of a request. The SDK checks the arguments against the service's model.

    :raises ParamValidationError: when the service has no such argument, or one of another type.
    """
    request = create_serializer("rest-xml").serialize_to_request(
        {"Bucket": "example", **arguments}, _model().operation_model(operation)
    )
    body = request["body"]
    return body.encode() if isinstance(body, str) else bytes(body)


def sent_and_answered(put: str, arguments: Mapping[str, Any], get: str) -> dict[str, Any]:
    """What ``get`` answers after ``put`` sent these arguments."""
    return answer(get, request_body(put, arguments))
