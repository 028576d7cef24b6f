# Copyright (c) 2026 cloudops.core contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Buckets of Cloud Storage: one call reads all properties of one, and one call writes all that differs.

https://cloud.google.com/storage/docs/json_api/v1/buckets
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from typing import Any
from urllib.parse import quote

from ansible_collections.cloudops.core.plugins.module_utils._core.errors import (
    CloudOpsError,
    Conflict,
    Denied,
    NotFound,
)
from ansible_collections.cloudops.core.plugins.module_utils._core.plan import Plan, Step
from ansible_collections.cloudops.core.plugins.module_utils._domain.buckets import UNKNOWN, Bucket, Reading
from ansible_collections.cloudops.core.plugins.module_utils._gcp import storage_shapes as shapes
from ansible_collections.cloudops.core.plugins.module_utils._gcp.client import Api
from ansible_collections.cloudops.core.plugins.module_utils._gcp.errors import CHANGED_MEANWHILE, gcp_errors

# Properties that aren't in a bucket's document, but in its IAM policy.
OF_IAM = ("iam_policy", "public_access")
READABLE = (*sorted(shapes.SHAPES), *OF_IAM)
TRIES = 3
PAGE = 1000


@dataclass(frozen=True)
class Found(Bucket):
    """A bucket with the document that it was read from."""

    document: Mapping[str, Any] = field(default_factory=dict)

    @property
    def created(self) -> str:
        """When it was made, in ISO 8601; "" where the server doesn't tell."""
        text = self.document.get("timeCreated")
        return shapes.moment(text).isoformat() if text else ""


class StorageGateway:
    """Reads and writes buckets. Every method raises only CloudOpsErrors."""

    def __init__(self, api: Api) -> None:
        self.api = api

    # ---- reading

    def read(self, name: str, properties: Iterable[str] = ()) -> Found | None:
        """A bucket with those properties; None when there is no such bucket. 1 call."""
        try:
            document = self.api.request(
                "GET", path_of(name), "look for the bucket", f"bucket {name}", query={"projection": "noAcl"}
            )
        except NotFound:
            return None
        return found(document, properties, name)

    def list_buckets(self, prefix: str) -> Iterator[Found]:
        """All buckets of the project. 1 call for each 1,000.

        https://cloud.google.com/storage/docs/json_api/v1/buckets/list
        """
        query = {"project": self.api.project, "projection": "noAcl", "maxResults": PAGE}
        if prefix:
            query["prefix"] = prefix
        pages = self.api.pages("/b", query, lambda _iterator, item: found(item, (), str(item["name"])))
        with gcp_errors("list the buckets", f"project {self.api.project}"):
            yield from pages

    def read_properties(self, bucket: Found, properties: Iterable[str]) -> dict[str, Reading]:
        """Properties of a bucket that was found: 1 call if any of them is in its IAM policy, and none otherwise.

        What can't be read is an "unknown" reading, not an error.

        :raises NotFound: the bucket is gone.
        """
        names = list(properties)
        policy = self._iam_readings(bucket) if set(names) & set(OF_IAM) else {}
        return {name: policy[name] if name in policy else shapes.reading(bucket.document, name) for name in names}

    def _iam_readings(self, bucket: Found) -> dict[str, Reading]:
        try:
            policy = self.api.request(
                "GET",
                f"{path_of(bucket.name)}/iam",
                "read the IAM policy",
                f"bucket {bucket.name}",
                query={"optionsRequestedPolicyVersion": 3},
            )
        except NotFound:
            if self.read(bucket.name) is None:
                raise
            unknown = Reading(UNKNOWN, code="notFound", message="the endpoint has no IAM policies", kind=NotFound.kind)
            return dict.fromkeys(OF_IAM, unknown)
        except CloudOpsError as error:
            return dict.fromkeys(OF_IAM, Reading(UNKNOWN, code=error.code, message=error.message, kind=error.kind))
        return {
            "iam_policy": shapes.iam_policy(policy),
            "public_access": shapes.public_access(policy, bucket.document),
        }

    # ---- writing

    def write(self, name: str, plan: Plan, current: Found | None, location: str | None) -> None:
        """Do all steps of a plan in one call, if the bucket is still what it was when it was read.

        :raises Conflict: it isn't (code conditionNotMet), or meanwhile somebody made it (code conflict).
        """
        resource = f"bucket {name}"
        if current is None:
            body = {"name": name, **shapes.without_nulls(shapes.body_of(plan.steps, {}))}
            if location:
                body["location"] = location.upper()
            # The project is given whom to bill by itself: userProject is not for buckets that aren't there yet.
            query = {"project": self.api.project, "projection": "noAcl"}
            self.api.request("POST", "/b", "create the bucket", resource, query=query, data=body)
            return
        query = {"projection": "noAcl"}
        if current.document.get("metageneration"):
            query["ifMetagenerationMatch"] = str(current.document["metageneration"])
        body = shapes.body_of(plan.steps, current.document)
        words = ", ".join(step.subject.replace("_", " ") for step in plan.steps)
        self.api.request("PATCH", path_of(name), f"set the {words}", resource, query=query, data=body)

    def delete(self, name: str) -> bool:
        """Delete an empty bucket; False when it was gone already.

        https://cloud.google.com/storage/docs/json_api/v1/buckets/delete

        :raises Conflict: when it isn't empty (code BucketNotEmpty).
        """
        try:
            self.api.request("DELETE", path_of(name), "delete the bucket", f"bucket {name}", query={})
        except NotFound:
            return False
        except Conflict as error:
            if "empty" in error.message:  # the reason is a mere "conflict"
                raise Conflict(
                    error.message, operation=error.operation, resource=error.resource, code="BucketNotEmpty"
                ) from error
            raise
        return True


def path_of(name: str) -> str:
    """The path of a bucket in the API."""
    return f"/b/{quote(name, safe='')}"


def found(document: Mapping[str, Any], properties: Iterable[str], name: str) -> Found:
    """A bucket from its document."""
    readings = {prop: shapes.reading(document, prop) for prop in properties}
    return Found(name, str(document.get("location", "")), readings, document)


@dataclass
class Writing:
    """The way from what a bucket is to what it shall be, among others who write.

    Each try reads, plans and writes on the condition that nobody else wrote in between. When somebody did, the next try begins with what
    they left.

    :param decide: makes the plan from what was read.
    """

    gateway: StorageGateway
    name: str
    properties: Iterable[str]
    location: str | None
    decide: Callable[[Found | None], Plan]
    current: Found | None = None
    plan: Plan = field(default_factory=lambda: Plan(""))

    def look(self) -> Plan:
        """Read and plan."""
        self.current = self.gateway.read(self.name, self.properties)
        self.plan = self.decide(self.current)
        return self.plan

    def carry_out(self) -> Iterator[Step]:
        """Write; yields the steps of the plan when all of them are done.

        :raises Conflict: others kept writing.
        """
        told = self.plan.steps
        if not told:
            return
        for tries_left in range(TRIES, -1, -1):
            try:
                self.gateway.write(self.name, self.plan, self.current, self.location)
                break
            except Conflict as error:
                if not self._overtaken(error) or not tries_left:
                    raise
            # An answer that got lost looks like another writer, too: then nothing is left to do.
            if not self._again():
                break
        yield from told

    def _overtaken(self, error: Conflict) -> bool:
        """Whether somebody wrote in between: it changed, or it is there though it wasn't."""
        return error.code == CHANGED_MEANWHILE or (self.current is None and error.code == "conflict")

    def _again(self) -> bool:
        """Look again; whether there is something left to do.

        :raises Conflict: the name is taken by a bucket that isn't ours to see.
        """
        created = self.current is None
        before = self.plan
        try:
            plan = self.look()
        except Denied as error:
            if created:
                raise _taken(self.name, error.message) from error
            raise
        if created and self.current is None:
            raise _taken(self.name, "it isn't there for us")
        if not plan:
            self.plan = replace(before, after={**before.after, **plan.after})
        return bool(plan)


def _taken(name: str, why: str) -> Conflict:
    return Conflict(
        f"the name {name} is taken: {why}",
        operation="create the bucket",
        resource=f"bucket {name}",
        code="conflict",
        hint="Bucket names are shared by everybody: choose another name.",
    )
