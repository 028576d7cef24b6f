# Copyright (c) 2026 cloudops.core contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Names a request's operation from what is on the wire, and writes errors as the operation's protocol has them.

S3 says what it does in method and sub-resource; the query protocol in the form field ``Action``; the JSON protocols in
``X-Amz-Target``; smithy's rpc-v2-cbor in the path. Names are those of the API reference: ``DeleteObjects``,
``StopInstances``. Requests to Kubernetes are named by verb and resource: ``patch deployments/scale``, ``watch pods``.
Those to Cloud Storage's JSON API are named as in its reference, too: ``buckets.patch``, ``batch``.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from urllib.parse import parse_qsl, unquote
from xml.sax.saxutils import escape

from tests.servers.gcs_errors import GcsError
from tests.servers.kube_access import attributes_of
from tests.servers.kube_errors import ApiError

S3, QUERY, EC2, JSON, CBOR, KUBE, GCS, AZURE = "s3", "query", "ec2", "json", "cbor", "kube", "gcs", "azure"

_BUCKET_PARTS = {
    "accelerate": "BucketAccelerateConfiguration",
    "acl": "BucketAcl",
    "cors": "BucketCors",
    "encryption": "BucketEncryption",
    "lifecycle": "BucketLifecycleConfiguration",
    "location": "BucketLocation",
    "logging": "BucketLogging",
    "notification": "BucketNotificationConfiguration",
    "object-lock": "ObjectLockConfiguration",
    "ownershipControls": "BucketOwnershipControls",
    "policy": "BucketPolicy",
    "policyStatus": "BucketPolicyStatus",
    "publicAccessBlock": "PublicAccessBlock",
    "replication": "BucketReplication",
    "requestPayment": "BucketRequestPayment",
    "tagging": "BucketTagging",
    "versioning": "BucketVersioning",
    "website": "BucketWebsite",
}
_BUCKET_PLAIN = {"GET": "ListObjects", "PUT": "CreateBucket", "DELETE": "DeleteBucket", "HEAD": "HeadBucket"}
_OBJECT_PARTS = {
    "acl": "ObjectAcl",
    "attributes": "ObjectAttributes",
    "legal-hold": "ObjectLegalHold",
    "retention": "ObjectRetention",
    "tagging": "ObjectTagging",
}
_OBJECT_PLAIN = {"GET": "GetObject", "PUT": "PutObject", "DELETE": "DeleteObject", "HEAD": "HeadObject"}
_UPLOADS = {
    "GET": "ListParts",
    "PUT": "UploadPart",
    "POST": "CompleteMultipartUpload",
    "DELETE": "AbortMultipartUpload",
}
# No bucket of a test has one of these names.
_KUBE_PATH = re.compile(r"/(api|apis|version|openapi|healthz|livez|readyz)(/|\?|$)")
_GCS_PATH = re.compile(r"/(batch/|upload/)?storage/v1(/|\?|$)")
_GCS_VERBS = {"GET": "get", "POST": "insert", "PATCH": "patch", "PUT": "update", "DELETE": "delete"}
_VERBS = {"GET": "Get", "PUT": "Put", "DELETE": "Delete", "HEAD": "Head", "POST": "Post"}


def is_form(method: str, headers: Mapping[str, str]) -> bool:
    """Tell whether the operation stands in a form body, so that the body must be read to name it."""
    return method == "POST" and headers.get("content-type", "").startswith("application/x-www-form-urlencoded")


def name_operation(method: str, target: str, headers: Mapping[str, str], body: bytes = b"") -> tuple[str, str]:
    """Return protocol and operation of a request whose header names are in lower case."""
    if _KUBE_PATH.match(target):
        asked = attributes_of(method, target)
        return KUBE, f"{asked.verb} {asked.combined or asked.path}"
    if "x-ms-version" in headers:
        return AZURE, name_azure_operation(method, target)
    if _GCS_PATH.match(target):
        return GCS, name_gcs_operation(method, target)
    if "x-amz-target" in headers:
        return JSON, headers["x-amz-target"].rpartition(".")[2]
    if "smithy-protocol" in headers:
        return CBOR, target.rpartition("/operation/")[2]
    if is_form(method, headers):
        protocol = EC2 if "/ec2/aws4_request" in headers.get("authorization", "") else QUERY
        return protocol, dict(parse_qsl(body.decode("utf-8", "replace"))).get("Action", "Unknown")
    return S3, name_s3_operation(method, target, headers)


def name_azure_operation(method: str, target: str) -> str:
    """Name a request to Azure Blob Storage as its reference does, by the query's ``comp`` and ``restype``."""
    query = dict(parse_qsl(target.partition("?")[2], keep_blank_values=True))
    verb = {"PUT": "Set", "DELETE": "Delete"}.get(method, "Get")
    plain = {"PUT": "CreateContainer", "DELETE": "DeleteContainer"}.get(method, "GetContainerProperties")
    named = {
        ("container", "list"): "ListBlobs",
        ("", "list"): "ListContainers",
        ("container", "batch"): "SubmitBatch",
        ("container", "lease"): "LeaseContainer",
        ("container", "acl"): f"{verb}ContainerAcl",
        ("container", "metadata"): f"{verb}ContainerMetadata",
        ("container", ""): plain,
        ("", "lease"): "LeaseBlob",
        ("", "snapshot"): "SnapshotBlob",
        ("", ""): "PutBlob" if method == "PUT" else f"{verb}Blob",
    }
    return named.get((query.get("restype", ""), query.get("comp", "")), f"{method} blob")


def name_gcs_operation(method: str, target: str) -> str:
    """Name a request to the JSON API."""
    where, _unused, rest = target.partition("?")[0].partition("storage/v1")
    if where == "/batch/":
        return "batch"
    parts = rest.strip("/").split("/")
    if len(parts) == 3 and parts[2] != "o":
        return f"buckets.{'getIamPolicy' if (method, parts[2]) == ('GET', 'iam') else parts[2]}"
    verb = "list" if method == "GET" and len(parts) in (1, 3) else _GCS_VERBS.get(method, method)
    return f"{'objects' if len(parts) > 2 else 'buckets'}.{verb}"


def name_s3_operation(method: str, target: str, headers: Mapping[str, str]) -> str:
    """Name a path-style S3 request."""
    path, _unused, query = target.partition("?")
    bucket, _unused, key = path.lstrip("/").partition("/")
    parts = {part.partition("=")[0] for part in query.split("&")} if query else set()
    if not bucket:
        return "ListBuckets"
    return _object_operation(method, parts, headers) if key else _bucket_operation(method, parts, query)


def _bucket_operation(method: str, parts: set[str], query: str) -> str:
    if method == "POST" and "delete" in parts:
        return "DeleteObjects"
    if method == "GET" and "versions" in parts:
        return "ListObjectVersions"
    if method == "GET" and "uploads" in parts:
        return "ListMultipartUploads"
    for part, noun in _BUCKET_PARTS.items():
        if part in parts:
            # The one operation whose name departs from the others: it deletes the whole configuration.
            return "DeleteBucketLifecycle" if (method, part) == ("DELETE", "lifecycle") else _VERBS[method] + noun
    if method == "GET" and "list-type=2" in query:
        return "ListObjectsV2"
    return _BUCKET_PLAIN.get(method, f"{method} bucket")


def _object_operation(method: str, parts: set[str], headers: Mapping[str, str]) -> str:
    if "uploadId" in parts:
        return _UPLOADS.get(method, f"{method} upload")
    if method == "POST" and "uploads" in parts:
        return "CreateMultipartUpload"
    for part, noun in _OBJECT_PARTS.items():
        if part in parts:
            return _VERBS[method] + noun
    if method == "PUT" and "x-amz-copy-source" in headers:
        return "CopyObject"
    return _OBJECT_PLAIN.get(method, f"{method} object")


def split_s3_path(target: str) -> tuple[str, str]:
    """Return bucket and key of a path-style S3 request, decoded."""
    bucket, _unused, key = target.partition("?")[0].lstrip("/").partition("/")
    return unquote(bucket), unquote(key)


def error_body(protocol: str, code: str, message: str, status: int = 400) -> tuple[str, bytes]:
    """Return content type and body of an error answer."""
    if protocol == GCS:
        return "application/json", GcsError(status, message, code).body()
    if protocol == KUBE:
        return "application/json", json.dumps(ApiError(status, code, message).status()).encode()
    if protocol == JSON:
        return "application/x-amz-json-1.0", json.dumps({"__type": code, "message": message}).encode()
    if protocol == CBOR:
        return "application/cbor", _cbor_map({"__type": code, "message": message})
    inner = f"<Code>{escape(code)}</Code><Message>{escape(message)}</Message>"
    if protocol == EC2:
        text = f"<Response><Errors><Error>{inner}</Error></Errors><RequestID>injected</RequestID></Response>"
    elif protocol == QUERY:
        text = f"<ErrorResponse><Error>{inner}</Error><RequestId>injected</RequestId></ErrorResponse>"
    else:
        text = f"<Error>{inner}<RequestId>injected</RequestId></Error>"
    return "application/xml", f'<?xml version="1.0" encoding="UTF-8"?>{text}'.encode()


def _cbor_map(pairs: Mapping[str, str]) -> bytes:
    return bytes([0xA0 + len(pairs)]) + b"".join(_cbor_text(text) for pair in pairs.items() for text in pair)


def _cbor_text(text: str) -> bytes:
    data = text.encode()
    return b"\x79" + len(data).to_bytes(2, "big") + data
