# Copyright (c) 2026 cloudops.core contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Containers and their properties. One read brings all of them; creating sets all of them in one request.

https://learn.microsoft.com/rest/api/storageservices/operations-on-containers
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from ansible_collections.cloudops.core.plugins.module_utils._azure.client import Account
from ansible_collections.cloudops.core.plugins.module_utils._azure.errors import BEING_DELETED, azure_errors
from ansible_collections.cloudops.core.plugins.module_utils._core.errors import Conflict, NotFound, Timeout
from ansible_collections.cloudops.core.plugins.module_utils._core.plan import Plan, Step
from ansible_collections.cloudops.core.plugins.module_utils._core.wait import REAL_CLOCK, Clock, backoff, wait_for
from ansible_collections.cloudops.core.plugins.module_utils._domain.buckets import ABSENT, VALUE, Bucket, Reading

try:
    from azure.storage import blob as sdk
except ImportError:  # the modules report it with missing_required_lib
    sdk = None  # type: ignore[assignment]

_NO_LEASE = ("LeaseNotPresentWithLeaseOperation", "LeaseAlreadyBroken", "LeaseNotPresentWithContainerOperation")


@dataclass(frozen=True)
class Container:
    """A container that exists.

    :param legal_hold: nothing in it can be removed.
    :param immutable: a policy keeps it, and what it holds, for a while.
    """

    bucket: Bucket
    last_modified: datetime | None = None
    leased: bool = False
    legal_hold: bool = False
    immutable: bool = False
    version_level: bool = False


class ContainerGateway:
    """Reads and writes containers. Every method raises only CloudOpsErrors."""

    def __init__(self, account: Account, clock: Clock = REAL_CLOCK) -> None:
        self.account = account
        self._clock = clock

    # ---- reading

    def read(self, name: str) -> Container | None:
        """A container with all of its properties; None when there is none, or one that is being deleted. 1 call."""
        try:
            with azure_errors("read the container", f"container {name}"):
                return container_from(self.account.container(name).get_container_properties())
        except NotFound:
            return None
        except Conflict as error:
            if error.code == BEING_DELETED:
                return None
            raise

    def list_containers(self, prefix: str = "") -> Iterator[Container]:
        """All containers of the account whose names begin with ``prefix``, with all of their properties. 1 call for 5,000."""
        with azure_errors("list the containers", "storage account"):
            for found in self.account.service.list_containers(name_starts_with=prefix or None, include_metadata=True):
                yield container_from(found)

    # ---- writing

    def apply(self, plan: Plan, name: str, current: Container | None, wait_timeout: float) -> Iterator[Step]:
        """Do the steps in their order; yields each after it is done, so that the caller knows how far it came.

        Creating sets all properties at once, so the steps after it are done with it.
        """
        for step in plan.steps:
            if step.action == "create":
                self._create(name, plan.after, wait_timeout)
            elif current is not None:
                self._write(name, step, current)
            yield step

    def _create(self, name: str, wanted: Mapping[str, Any], wait_timeout: float) -> None:
        arguments: dict[str, Any] = {"metadata": wanted.get("metadata") or None}
        if wanted.get("public_access", "none") != "none":
            arguments["public_access"] = wanted["public_access"]
        if wanted.get("default_encryption_scope"):
            arguments["container_encryption_scope"] = sdk.ContainerEncryptionScope(
                default_encryption_scope=wanted["default_encryption_scope"],
                prevent_encryption_scope_override=bool(wanted.get("deny_encryption_scope_override")),
            )

        def attempt() -> bool:
            return self._try_to_create(name, arguments, wanted)

        try:
            wait_for(
                attempt,
                bool,
                timeout=wait_timeout,
                what=f"the end of the deletion of container {name}",
                describe=lambda _made: "the name is still taken",
                delays=backoff(first=1.0, factor=1.5, most=10.0),
                clock=self._clock,
            )
        except Timeout as error:
            raise Timeout(
                error.message,
                operation="create the container",
                resource=f"container {name}",
                code=BEING_DELETED,
                hint="Raise wait_timeout, or run again: Azure keeps the name for half a minute or longer.",
            ) from error

    def _try_to_create(self, name: str, arguments: Mapping[str, Any], wanted: Mapping[str, Any]) -> bool:
        """False: the name is still taken by a container that is being deleted."""
        try:
            with azure_errors("create the container", f"container {name}"):
                self.account.container(name).create_container(**arguments)
        except Conflict as error:
            if error.code == BEING_DELETED:
                return False
            if error.code != "ContainerAlreadyExists" or not self._is_as_wanted(name, wanted):
                raise
        return True

    def _is_as_wanted(self, name: str, wanted: Mapping[str, Any]) -> bool:
        """Whether a container that is there already is the one that we asked for: an answer may have been lost."""
        there = self.read(name)
        if there is None:
            return False
        readings = there.bucket.readings
        return all((readings[key].value or None) == (value or None) for key, value in wanted.items() if key in readings)

    def _write(self, name: str, step: Step, current: Container) -> None:
        client = self.account.container(name)
        with azure_errors(f"set the {step.subject.replace('_', ' ')}", f"container {name}"):
            if step.subject == "metadata":
                client.set_container_metadata(metadata=step.value or None)
                return
            self._set_access(client, step.value, current, name)

    def _set_access(self, client: Any, level: str, current: Container, name: str) -> None:
        """Set Container ACL replaces the stored access policies, so those that are there are sent along.

        The service has no other guard against a writer in between than the time of the last change.
        """
        policies = client.get_container_access_policy()["signed_identifiers"]
        kept = {policy.id: _policy(policy.access_policy) for policy in policies}
        try:
            with azure_errors("set the public access", f"container {name}"):
                client.set_container_access_policy(
                    signed_identifiers=kept,
                    public_access=None if level == "none" else level,
                    if_unmodified_since=current.last_modified,
                )
        except Conflict as error:
            there = self.read(name) if error.code == "ConditionNotMet" else None
            if there is None or there.bucket.readings["public_access"].value != level:
                raise

    def break_lease(self, name: str, blob: str | None = None) -> bool:
        """End a lease at once; False when there was none any more."""
        container = self.account.container(name)
        target = container if blob is None else container.get_blob_client(blob)
        what = f"container {name}" if blob is None else f"blob {blob} of container {name}"
        try:
            with azure_errors("break the lease", what):
                sdk.BlobLeaseClient(target).break_lease(lease_break_period=0)
        except NotFound:
            return False
        except Conflict as error:
            if error.code not in _NO_LEASE:
                raise
            return False
        return True

    def delete(self, name: str) -> bool:
        """Delete a container with all that it holds; False when it was gone already."""
        try:
            with azure_errors("delete the container", f"container {name}"):
                self.account.container(name).delete_container()
        except NotFound:
            return False
        except Conflict as error:
            if error.code != BEING_DELETED:
                raise
            return False
        return True


def _policy(found: Any) -> Any:
    """A stored access policy as the SDK wants it back; None for one without content."""
    if found is None:
        return sdk.AccessPolicy()
    return sdk.AccessPolicy(permission=found.permission, start=found.start, expiry=found.expiry)


def container_from(found: Any) -> Container:
    """What the SDK tells of a container."""
    scope = found.encryption_scope
    lease = {name: getattr(found.lease, name) or "" for name in ("state", "status", "duration")}
    locks = {
        "policy": bool(found.has_immutability_policy),
        "legal_hold": bool(found.has_legal_hold),
        "version_level": bool(found.immutable_storage_with_versioning_enabled),
    }
    default = getattr(scope, "default_encryption_scope", None)
    denied = getattr(scope, "prevent_encryption_scope_override", None)
    readings = {
        "public_access": Reading(VALUE, str(getattr(found.public_access, "value", found.public_access) or "none")),
        "metadata": _reading(dict(found.metadata or {})),
        "default_encryption_scope": _reading(default),
        "deny_encryption_scope_override": _reading(_flag(denied)),
        "lease": _reading(lease if lease["state"] not in ("", "available") else None),
        "immutability": _reading(locks if any(locks.values()) else None),
    }
    return Container(
        Bucket(found.name, readings=readings),
        found.last_modified,
        leased=str(lease["status"]) == "locked",
        legal_hold=locks["legal_hold"],
        immutable=locks["policy"],
        version_level=locks["version_level"],
    )


def _reading(value: Any) -> Reading:
    return Reading(VALUE, value) if value else Reading(ABSENT)


def _flag(value: Any) -> bool:
    """Older SDKs hand out the header's text."""
    return str(value).lower() == "true"


def unless_leased(name: str, container: Container, break_leases: bool) -> None:
    """Refuse, before anything is removed, to delete a container that somebody has leased.

    :raises Conflict: naming the option that ends the lease.
    """
    if container.leased and not break_leases:
        raise Conflict(
            f"container {name} is leased; nothing was removed",
            code="LeaseIdMissing",
            hint="Release the lease, or set leases: break.",
        )
