# Copyright (c) 2026 cloudops.core contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""S3 buckets and their properties: one call for each property that somebody asks about.

https://docs.aws.amazon.com/AmazonS3/latest/API/API_Operations_Amazon_Simple_Storage_Service.html
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from ansible_collections.cloudops.core.plugins.module_utils._aws import s3_shapes as shapes
from ansible_collections.cloudops.core.plugins.module_utils._aws.client import Clients
from ansible_collections.cloudops.core.plugins.module_utils._aws.errors import aws_errors
from ansible_collections.cloudops.core.plugins.module_utils._core.errors import CloudOpsError, Invalid, NotFound
from ansible_collections.cloudops.core.plugins.module_utils._core.fanout import fan_out
from ansible_collections.cloudops.core.plugins.module_utils._core.plan import Plan, Step
from ansible_collections.cloudops.core.plugins.module_utils._domain.buckets import (
    ABSENT,
    PUBLIC_ACCESS_FLAGS,
    UNKNOWN,
    VALUE,
    Bucket,
    Reading,
)


@dataclass(frozen=True)
class Api:
    """How one property is read, written and removed.

    :param absent: the error codes that mean "not configured".
    :param none: what writing "not configured" sends, where there is no call that deletes.
    :param keep: adds to a write what the last answer had and no option covers, so that it isn't lost.
    :param never_empty: S3 says "not configured" with an error, so that an answer without content comes from a server that doesn't
        know the call and took it for another one.
    """

    get: str
    put: str
    read: Callable[[Mapping[str, Any]], Any]
    write: Callable[[Any], Mapping[str, Any]]
    absent: frozenset[str] = frozenset()
    delete: str | None = None
    none: Mapping[str, Any] | None = None
    keep: Callable[[Mapping[str, Any], Mapping[str, Any]], Mapping[str, Any]] | None = None
    never_empty: bool = False


def _codes(*codes: str) -> frozenset[str]:
    return frozenset(codes)


APIS: Mapping[str, Api] = {
    "tags": Api(
        "get_bucket_tagging",
        "put_bucket_tagging",
        shapes.tags_in,
        shapes.tags_out,
        _codes("NoSuchTagSet", "NoSuchTagSetError"),
        "delete_bucket_tagging",
    ),
    "versioning": Api("get_bucket_versioning", "put_bucket_versioning", shapes.versioning_in, shapes.versioning_out),
    "encryption": Api(
        "get_bucket_encryption",
        "put_bucket_encryption",
        shapes.encryption_in,
        shapes.encryption_out,
        _codes("ServerSideEncryptionConfigurationNotFoundError"),
        "delete_bucket_encryption",
        keep=shapes.keep_encryption,
        never_empty=True,
    ),
    "public_access": Api(
        "get_public_access_block",
        "put_public_access_block",
        shapes.public_access_in,
        shapes.public_access_out,
        _codes("NoSuchPublicAccessBlockConfiguration"),
        "delete_public_access_block",
    ),
    "object_ownership": Api(
        "get_bucket_ownership_controls",
        "put_bucket_ownership_controls",
        shapes.object_ownership_in,
        shapes.object_ownership_out,
        _codes("OwnershipControlsNotFoundError"),
        "delete_bucket_ownership_controls",
        never_empty=True,
    ),
    "acl": Api("get_bucket_acl", "put_bucket_acl", shapes.acl_in, shapes.acl_out),
    "policy": Api(
        "get_bucket_policy",
        "put_bucket_policy",
        shapes.policy_in,
        shapes.policy_out,
        _codes("NoSuchBucketPolicy"),
        "delete_bucket_policy",
    ),
    "object_lock": Api(
        "get_object_lock_configuration",
        "put_object_lock_configuration",
        shapes.object_lock_in,
        shapes.object_lock_out,
        _codes("ObjectLockConfigurationNotFoundError", "NoSuchObjectLockConfiguration"),
    ),
    "lifecycle_rules": Api(
        "get_bucket_lifecycle_configuration",
        "put_bucket_lifecycle_configuration",
        shapes.lifecycle_rules_in,
        shapes.lifecycle_rules_out,
        _codes("NoSuchLifecycleConfiguration"),
        "delete_bucket_lifecycle",
        keep=shapes.keep_lifecycle,
    ),
    "logging": Api(
        "get_bucket_logging",
        "put_bucket_logging",
        shapes.logging_in,
        shapes.logging_out,
        none={"BucketLoggingStatus": {}},
        keep=shapes.keep_logging,
    ),
    "cors": Api(
        "get_bucket_cors",
        "put_bucket_cors",
        shapes.cors_in,
        shapes.cors_out,
        _codes("NoSuchCORSConfiguration"),
        "delete_bucket_cors",
    ),
    "requester_pays": Api(
        "get_bucket_request_payment",
        "put_bucket_request_payment",
        shapes.requester_pays_in,
        shapes.requester_pays_out,
    ),
    "acceleration": Api(
        "get_bucket_accelerate_configuration",
        "put_bucket_accelerate_configuration",
        shapes.acceleration_in,
        shapes.acceleration_out,
    ),
}

READERS_AT_ONCE = 8


@dataclass(frozen=True)
class BucketSummary:
    """What ListBuckets tells of a bucket. ``region`` is "" where the endpoint doesn't tell."""

    name: str
    created: str
    region: str = ""


class S3Gateway:
    """Reads and writes buckets. Every method raises only CloudOpsErrors.

    :param owner: 12-digit account that must own the bucket; the service refuses each call otherwise.
    """

    def __init__(self, clients: Clients, *, owner: str | None = None, dualstack: bool = False) -> None:
        self._clients = clients
        self._dualstack = dualstack
        self._owner = {"ExpectedBucketOwner": owner} if owner else {}
        self._seen: dict[tuple[str, str], Mapping[str, Any]] = {}

    @property
    def clients(self) -> Clients:
        """The clients, for those that read contents."""
        return self._clients

    @property
    def owner(self) -> Mapping[str, str]:
        """The argument that guards each call by its owner."""
        return self._owner

    def client(self, region: str | None = None) -> Any:
        """The S3 client of a region."""
        config = {"s3": {"use_dualstack_endpoint": True}} if self._dualstack else {}
        return self._clients.client("s3", region, **config)

    @property
    def is_aws(self) -> bool:
        """Whether this is Amazon's own service, whose defaults for new buckets we know."""
        host = str(self.client().meta.endpoint_url).split("://", 1)[-1].split("/", 1)[0]
        return host.endswith((".amazonaws.com", ".amazonaws.com.cn", ".api.aws"))

    def fresh(self) -> dict[str, Any]:
        """What a new bucket has by itself.

        https://docs.aws.amazon.com/AmazonS3/latest/userguide/create-bucket-faq.html
        """
        if not self.is_aws:
            return {}
        return {
            "encryption": self.default_encryption(),
            "public_access": dict.fromkeys(PUBLIC_ACCESS_FLAGS, True),
            "object_ownership": "BucketOwnerEnforced",
        }

    def default_encryption(self) -> dict[str, Any] | None:
        """What "encryption: none" comes to: Amazon's service encrypts with its own keys whatever one says."""
        return shapes.encryption("AES256", None, False) if self.is_aws else None

    def arn(self, name: str) -> str:
        """The bucket's ARN, in the partition of the region."""
        return f"arn:{self.client().meta.partition}:s3:::{name}"

    # ---- reading

    def read(self, name: str, properties: Iterable[str] = ()) -> Bucket | None:
        """A bucket with those properties; None when there is no such bucket. 1 call, and 1 for each property."""
        bucket = self.head(name)
        if bucket is None:
            return None
        return Bucket(name, bucket.region, self.read_properties(name, properties))

    def head(self, name: str) -> Bucket | None:
        """Whether there is such a bucket, and where."""
        try:
            with aws_errors("look for the bucket", f"bucket {name}"):
                response = self.client().head_bucket(Bucket=name, **self._owner)
        except NotFound:
            return None
        headers = response.get("ResponseMetadata", {}).get("HTTPHeaders", {})
        return Bucket(name, response.get("BucketRegion") or headers.get("x-amz-bucket-region") or "")

    def read_properties(self, name: str, properties: Iterable[str], region: str | None = None) -> dict[str, Reading]:
        """Several properties at once. What can't be read is an "unknown" reading, not an error."""
        client = self.client(region)
        outcomes = fan_out(
            lambda prop: self._read_property(client, name, prop), properties, concurrency=READERS_AT_ONCE
        )
        return {
            outcome.item: outcome.value or _unknown(outcome.error)
            for outcome in outcomes
            if outcome.value is not None or _unless_gone(outcome.error)
        }

    def _read_property(self, client: Any, name: str, prop: str) -> Reading:
        api = APIS[prop]
        try:
            with aws_errors(f"read the {prop.replace('_', ' ')}", f"bucket {name}"):
                response = getattr(client, api.get)(Bucket=name, **self._owner)
                value = api.read(response)
        except CloudOpsError as error:
            if error.code in api.absent:
                return Reading(ABSENT)
            raise
        if value is None and api.never_empty:
            raise Invalid(
                "the endpoint answers, but not to this question: it lacks the function", code="NotImplemented"
            )
        self._seen[(name, prop)] = response
        return Reading(VALUE if value is not None else ABSENT, value)

    def list_buckets(self, prefix: str = "") -> Iterator[BucketSummary]:
        """All buckets of the account whose names begin with ``prefix``, page by page where the SDK is new enough to page."""
        with aws_errors("list the buckets", "this account"):
            for page in self._bucket_pages(prefix):
                for found in page.get("Buckets", []):
                    if found["Name"].startswith(prefix):
                        created = found["CreationDate"].isoformat() if found.get("CreationDate") else ""
                        yield BucketSummary(found["Name"], created, found.get("BucketRegion", ""))

    def _bucket_pages(self, prefix: str) -> Iterable[Mapping[str, Any]]:
        """ListBuckets learnt to page, and to take a prefix, in late 2024."""
        client = self.client()
        if not client.can_paginate("list_buckets"):
            return [client.list_buckets()]
        known = client.meta.service_model.operation_model("ListBuckets").input_shape.members
        arguments = {"Prefix": prefix} if prefix and "Prefix" in known else {}
        pages: Iterable[Mapping[str, Any]] = client.get_paginator("list_buckets").paginate(
            **arguments, PaginationConfig={"PageSize": 1000}
        )
        return pages

    # ---- writing

    def apply(self, plan: Plan, name: str) -> Iterator[Step]:
        """Do the steps in their order; yields each after it is done, so that the caller knows how far it came."""
        for step in plan.steps:
            if step.action == "create":
                self._create(name, plan)
                yield step
                if len(plan.steps) > 1:
                    self._wait_for(name)
            else:
                self._write(name, step)
                yield step

    def _create(self, name: str, plan: Plan) -> None:
        client = self.client()
        arguments: dict[str, Any] = {}
        if client.meta.region_name != "us-east-1":
            arguments["CreateBucketConfiguration"] = {"LocationConstraint": client.meta.region_name}
        if plan.after.get("object_lock"):
            arguments["ObjectLockEnabledForBucket"] = True
        try:
            with aws_errors("create the bucket", f"bucket {name}"):
                client.create_bucket(Bucket=name, **arguments)
        except CloudOpsError as error:
            if error.code != "BucketAlreadyOwnedByYou":
                raise

    def _wait_for(self, name: str) -> None:
        with aws_errors("wait for the new bucket", f"bucket {name}"):
            self.client().get_waiter("bucket_exists").wait(Bucket=name, **self._owner)

    def _write(self, name: str, step: Step) -> None:
        api = APIS[step.subject]
        subject = step.subject.replace("_", " ")
        if step.value is not None:
            verb, method, arguments = "set", api.put, dict(api.write(step.value))
        elif api.delete:
            verb, method, arguments = "remove", api.delete, {}
        else:
            verb, method, arguments = "remove", api.put, dict(api.none or {})
        if verb == "set" and api.keep:
            arguments = dict(api.keep(arguments, self._seen.get((name, step.subject), {})))
        with aws_errors(f"{verb} the {subject}", f"bucket {name}"):
            getattr(self.client(), method)(Bucket=name, **arguments, **self._owner)

    def delete(self, name: str) -> bool:
        """Delete an empty bucket; False when it was gone already.

        :raises Conflict: when it isn't empty (code BucketNotEmpty).
        """
        try:
            with aws_errors("delete the bucket", f"bucket {name}"):
                self.client().delete_bucket(Bucket=name, **self._owner)
        except NotFound:
            return False
        return True


def _unknown(error: CloudOpsError | None) -> Reading:
    if error is None:
        return Reading(UNKNOWN)
    return Reading(UNKNOWN, code=error.code, message=error.message, kind=error.kind)


def _unless_gone(error: CloudOpsError | None) -> bool:
    """A bucket that vanishes while it is read is an error of the bucket, not of a property."""
    if error is not None and error.code == "NoSuchBucket":
        raise error
    return True
