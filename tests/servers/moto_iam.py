# Copyright (c) 2026 cloudops.core contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Lets moto decide on a request as IAM does: by action, resource and conditions.

moto knows users, their keys and policies, checks signatures, and can be told to refuse what no policy allows. But it looks at
actions only: it takes every resource for ``*`` and every condition for met, and some of its S3 actions have other names than those
of AWS. So it would refuse what the policies of docs/iam allow, and allow what they refuse.

What each action is decided on: https://docs.aws.amazon.com/service-authorization/latest/reference/reference.html
How conditions work: https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_elements_condition_operators.html
"""

from __future__ import annotations

import json
import re
import urllib.request
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from fnmatch import fnmatchcase
from typing import Any
from urllib.parse import parse_qs, unquote, urlsplit
from xml.etree import ElementTree

ACCOUNT = "123456789012"
# moto has every region enabled, those of other partitions as well, where its own keys are no good.
ENABLED = ("eu-central-1", "us-east-1")


def enforce(endpoint: str) -> None:
    """From now on, let the server refuse what the policies of the one who asks don't allow."""
    text = {"Content-Type": "text/plain"}  # it would take anything else for a form
    request = urllib.request.Request(f"{endpoint}/moto-api/reset-auth", b"0", text, method="POST")
    with urllib.request.urlopen(request, timeout=60) as answer:
        answer.read()


@dataclass(frozen=True)
class Need:
    """What a request needs: an action on a resource, and what is known about both."""

    action: str
    resource: str = "*"
    context: Mapping[str, Sequence[str]] = field(default_factory=dict)


# Policies


def allows(documents: Sequence[Mapping[str, Any]], need: Need) -> bool:
    """Say whether policies allow it: any statement does, and none denies it."""
    effects = {
        statement["Effect"]
        for document in documents
        for statement in _list(document["Statement"])
        if _concerns(statement, need)
    }
    return effects == {"Allow"}


def _concerns(statement: Mapping[str, Any], need: Need) -> bool:
    actions = (action.lower() for action in _list(statement["Action"]))
    return (
        any(fnmatchcase(need.action.lower(), action) for action in actions)
        and any(_like(need.resource, resource) for resource in _list(statement["Resource"]))
        and all(
            _holds(operator, _list(wanted), need.context.get(key))
            for operator, pairs in statement.get("Condition", {}).items()
            for key, wanted in pairs.items()
        )
    )


def _holds(operator: str, wanted: Sequence[str], values: Sequence[str] | None) -> bool:
    if operator == "Null":
        return (values is None) == (wanted == ["true"])
    if operator == "StringEquals":
        return values is not None and any(value in wanted for value in values)
    if operator == "ForAllValues:StringEquals":
        return all(value in wanted for value in values or ())
    raise ValueError(f"no idea of the condition {operator}")


def _list(value: Any) -> list[Any]:
    return value if isinstance(value, list) else [value]


def _like(text: str, pattern: str) -> bool:
    """``*`` in a policy stands for any text, colons and slashes included; brackets mean themselves."""
    parts = (re.escape(part) for part in pattern.split("*"))
    return re.fullmatch(".*".join(parts), text, re.DOTALL) is not None


# Requests

# For each subresource of S3: the actions to read, write and delete it.
_PROPERTIES = {
    "accelerate": ("GetAccelerateConfiguration", "PutAccelerateConfiguration", ""),
    "acl": ("GetBucketAcl", "PutBucketAcl", ""),
    "cors": ("GetBucketCORS", "PutBucketCORS", "PutBucketCORS"),
    "encryption": ("GetEncryptionConfiguration", "PutEncryptionConfiguration", "PutEncryptionConfiguration"),
    "lifecycle": ("GetLifecycleConfiguration", "PutLifecycleConfiguration", "PutLifecycleConfiguration"),
    "location": ("GetBucketLocation", "", ""),
    "logging": ("GetBucketLogging", "PutBucketLogging", ""),
    "object-lock": ("GetBucketObjectLockConfiguration", "PutBucketObjectLockConfiguration", ""),
    "ownershipControls": ("GetBucketOwnershipControls", "PutBucketOwnershipControls", "PutBucketOwnershipControls"),
    "policy": ("GetBucketPolicy", "PutBucketPolicy", "DeleteBucketPolicy"),
    "policyStatus": ("GetBucketPolicyStatus", "", ""),
    "publicAccessBlock": ("GetBucketPublicAccessBlock", "PutBucketPublicAccessBlock", "PutBucketPublicAccessBlock"),
    "requestPayment": ("GetBucketRequestPayment", "PutBucketRequestPayment", ""),
    "tagging": ("GetBucketTagging", "PutBucketTagging", "PutBucketTagging"),
    "uploads": ("ListBucketMultipartUploads", "", ""),
    "versioning": ("GetBucketVersioning", "PutBucketVersioning", ""),
    "versions": ("ListBucketVersions", "", ""),
}
_ON_BUCKETS = {"GET": "ListBucket", "HEAD": "ListBucket", "PUT": "CreateBucket", "DELETE": "DeleteBucket"}
_ON_OBJECTS = {
    "GET": "GetObject",
    "HEAD": "GetObject",
    "PUT": "PutObject",
    "POST": "PutObject",
    "DELETE": "DeleteObject",
}
_VERBS = ("GET", "PUT", "DELETE")


def _s3_needs(request: Any) -> Iterator[Need]:
    url = urlsplit(request._path)
    bucket, _slash, key = unquote(url.path).strip("/").partition("/")
    query = parse_qs(url.query, keep_blank_values=True)
    method = request._method
    if not bucket:
        yield Need("s3:ListAllMyBuckets")
    elif key:
        action = "AbortMultipartUpload" if (method, "uploadId" in query) == ("DELETE", True) else _ON_OBJECTS[method]
        version = "Version" if "versionId" in query else ""
        yield Need(f"s3:{action}{version}", f"arn:aws:s3:::{bucket}/{key}")
    elif method == "POST" and "delete" in query:
        yield from _batch_needs(bucket, request._body)
    else:
        action = next((_PROPERTIES[name][_VERBS.index(method)] for name in query if name in _PROPERTIES), "")
        yield Need(f"s3:{action or _ON_BUCKETS[method]}", f"arn:aws:s3:::{bucket}")


def _batch_needs(bucket: str, body: bytes) -> Iterator[Need]:
    """By https://docs.aws.amazon.com/AmazonS3/latest/API/API_DeleteObjects.html a version needs both permissions."""
    for item in ElementTree.fromstring(body).iterfind("{*}Object"):
        resource = f"arn:aws:s3:::{bucket}/{item.findtext('{*}Key')}"
        yield Need("s3:DeleteObject", resource)
        if item.findtext("{*}VersionId"):
            yield Need("s3:DeleteObjectVersion", resource)


_ON_INSTANCES = ("StartInstances", "StopInstances", "RebootInstances", "CreateTags", "DeleteTags")
_ON_GROUPS = ("SetDesiredCapacity", "UpdateAutoScalingGroup", "CreateOrUpdateTags", "DeleteTags")


def _ec2_needs(request: Any) -> Iterator[Need]:
    from moto.ec2.models import ec2_backends

    if _operation(request) not in _ON_INSTANCES:
        yield Need(request._action)
        return
    backend = ec2_backends[ACCOUNT][request._region]
    for instance_id in _form(request, r"(InstanceId|ResourceId)\.\d+"):
        tags = backend.tags.get(instance_id, {})
        resource = f"arn:aws:ec2:{request._region}:{ACCOUNT}:instance/{instance_id}"
        yield Need(request._action, resource, _context(tags, _form(request, r"Tag\.\d+\.Key")))


def _autoscaling_needs(request: Any) -> Iterator[Need]:
    from moto.autoscaling.models import autoscaling_backends

    if _operation(request) not in _ON_GROUPS:
        yield Need(request._action)
        return
    groups = autoscaling_backends[ACCOUNT][request._region].autoscaling_groups
    for name in dict.fromkeys(_form(request, r"AutoScalingGroupName|Tags\.member\.\d+\.ResourceId")):
        tags = {tag["Key"]: tag["Value"] for tag in groups[name].tags}
        yield Need(request._action, groups[name].arn, _context(tags, _form(request, r"Tags\.member\.\d+\.Key")))


def _sqs_needs(request: Any) -> Iterator[Need]:
    asked = json.loads(request._body or b"{}")
    name = asked.get("QueueName") or asked.get("QueueUrl", "").rpartition("/")[2]
    yield Need(request._action, f"arn:aws:sqs:{request._region}:{ACCOUNT}:{name}" if name else "*")


def _sts_needs(request: Any) -> Iterator[Need]:
    arns = _form(request, "RoleArn")
    yield Need(request._action, arns[0] if arns else "*")


def _context(tags: Mapping[str, str], keys: Sequence[str]) -> dict[str, Sequence[str]]:
    found: dict[str, Sequence[str]] = {f"aws:ResourceTag/{key}": [value] for key, value in tags.items()}
    return found | ({"aws:TagKeys": keys} if keys else {})


def _operation(request: Any) -> str:
    return str(request._action).partition(":")[2]


def _form(request: Any, pattern: str) -> list[str]:
    """Values of those parameters of a form whose names match."""
    return [values[0] for name, values in request._data.items() if re.fullmatch(pattern, name)]


_NEEDS = {"s3": _s3_needs, "ec2": _ec2_needs, "autoscaling": _autoscaling_needs, "sqs": _sqs_needs, "sts": _sts_needs}


# moto


def correct_iam() -> None:
    """Correct moto in this process. Nothing is refused until ``enforce`` is called."""
    from moto.autoscaling.responses import AutoScalingResponse
    from moto.core.responses import ActionResult
    from moto.ec2.models.availability_zones_and_regions import RegionsAndZonesBackend
    from moto.iam.access_control import IAMRequestBase

    def describe_instance_refreshes(_self: Any) -> Any:
        return ActionResult({"InstanceRefreshes": []})

    # moto doesn't know this one, and so couldn't refuse it either.
    AutoScalingResponse.describe_instance_refreshes = describe_instance_refreshes  # type: ignore[attr-defined]

    RegionsAndZonesBackend.regions = [one for one in RegionsAndZonesBackend.regions if one.name in ENABLED]

    def check_action_permitted(request: Any, _resource: str) -> None:
        documents = [_document(policy) for policy in request._access_key.collect_policies()]
        # Requests to CloudWatch are signed for another name than its policies have.
        request._action = request._action.replace("monitoring:", "cloudwatch:")
        needs = _NEEDS.get(request._service, lambda asked: iter([Need(asked._action)]))
        # A request that names nothing it acts on is not allowed for that.
        for need in list(needs(request)) or [Need(request._action)]:
            if not allows(documents, need) or not _trusted(request, need):
                _refuse(request, need)

    IAMRequestBase.check_action_permitted = check_action_permitted  # type: ignore[method-assign]


def _trusted(request: Any, need: Need) -> bool:
    """A role is assumed by those whom it trusts as well, such as those who know its external id. moto looks at that itself."""
    return need.action != "sts:AssumeRole" or bool(request._check_role_trust_relationship(need.resource))


def _document(policy: Any) -> Mapping[str, Any]:
    """moto has inline policies of roles as texts, of users as mappings, and attached ones as objects with versions."""
    if isinstance(policy, str):
        text = policy
    elif isinstance(policy, Mapping):
        text = policy["policy_document"]
    else:
        text = next(version.document for version in policy.versions if version.is_default)
    document: Mapping[str, Any] = json.loads(text)
    return document


def _refuse(request: Any, need: Need) -> None:
    """Answer in the words of AWS, which name the action and the resource, and in the service's own form."""
    from moto.s3.exceptions import BucketAccessDeniedError, S3ClientError
    from werkzeug.exceptions import Forbidden

    words = (
        f"User: {request._access_key.arn} is not authorized to perform: {need.action} on resource: {need.resource} "
        f"because no identity-based policy allows the {need.action} action"
    )
    if request._service == "s3":
        refusal = BucketAccessDeniedError(bucket="")
        S3ClientError.__init__(refusal, "AccessDenied", words)
        raise refusal
    if "json" in request._headers.get("Content-Type", ""):
        raise Forbidden(json.dumps({"__type": "AccessDeniedException", "message": words}))
    if request._service == "ec2":
        code, words = "UnauthorizedOperation", f"You are not authorized to perform this operation. {words}"
        raise Forbidden(
            f"<Response><Errors><Error><Code>{code}</Code><Message>{words}</Message></Error></Errors></Response>"
        )
    raise Forbidden(
        f"<ErrorResponse><Error><Code>AccessDenied</Code><Message>{words}</Message></Error></ErrorResponse>"
    )
