# Copyright (c) 2026 cloudops.core contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Tags of EC2 resources: read and written for many at once.

A call that writes takes 1,000 resources: https://docs.aws.amazon.com/AWSEC2/latest/APIReference/API_CreateTags.html
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from ansible_collections.cloudops.core.plugins.module_utils._aws.client import Clients
from ansible_collections.cloudops.core.plugins.module_utils._aws.errors import aws_errors
from ansible_collections.cloudops.core.plugins.module_utils._core.errors import CloudOpsError
from ansible_collections.cloudops.core.plugins.module_utils._core.fanout import batches, fan_out
from ansible_collections.cloudops.core.plugins.module_utils._core.plan import Plan
from ansible_collections.cloudops.core.plugins.module_utils._domain.power_batches import Patience
from ansible_collections.cloudops.core.plugins.module_utils._domain.tagging import (
    DROP,
    PUT,
    TagCall,
    TagChange,
    TagWish,
    calls_for,
    change_of,
    plan_tags,
    split_ids,
)

WRITTEN = 1000
FILTER_VALUES = 200
PAGE = 1000

Target = tuple[str, str]
"""Region and id."""


class TagGateway:
    """Tags in one or many regions.

    :param concurrency: calls at once.
    """

    def __init__(self, clients: Clients, regions: Iterable[str], *, concurrency: int = 8) -> None:
        self._concurrency = concurrency
        self._ec2 = {region: clients.client("ec2", region or None) for region in dict.fromkeys(regions)}

    def read(self, wishes: Sequence[TagWish]) -> dict[Target, dict[str, str]]:
        """All tags of the resources that the wishes name.

        :raises CloudOpsError: when any can't be read: without them nobody knows what would change.
        """
        ids: dict[str, list[str]] = {}
        for wish in wishes:
            ids.setdefault(wish.region, []).append(wish.id)
        jobs = [(region, part) for region, members in ids.items() for part in batches(members, FILTER_VALUES)]
        found: dict[Target, dict[str, str]] = {(wish.region, wish.id): {} for wish in wishes}
        for outcome in fan_out(lambda job: self._describe(*job), jobs, concurrency=self._concurrency):
            if outcome.error is not None:
                raise outcome.error
            for item in outcome.value or ():
                found[outcome.item[0], item["ResourceId"]][item["Key"]] = item.get("Value", "")
        return found

    def _describe(self, region: str, ids: Sequence[str]) -> list[dict[str, Any]]:
        query = {"Filters": [{"Name": "resource-id", "Values": list(ids)}], "PaginationConfig": {"PageSize": PAGE}}
        with aws_errors("read the tags", f"{len(ids)} resources{f' in {region}' if region else ''}"):
            pages = self._ec2[region].get_paginator("describe_tags").paginate(**query)
            return [item for page in pages for item in page["Tags"]]

    def write(self, changes: Sequence[TagChange]) -> dict[Target, CloudOpsError]:
        """Make the changes; the error of each resource that was refused.

        What goes is removed first, as a resource has room for 50 tags.
        """
        errors: dict[Target, CloudOpsError] = {}
        for action in (DROP, PUT):
            left = [change for change in changes if (change.region, change.id) not in errors]
            calls = calls_for(action, left, WRITTEN)
            for outcome in fan_out(self._send, calls, concurrency=self._concurrency):
                errors.update(outcome.value or {})
        return errors

    def _send(self, call: TagCall) -> dict[Target, CloudOpsError]:
        """One call for all; when it is refused because of some, more calls, until each has its own answer."""
        todo = deque([list(call.ids)])
        errors: dict[Target, CloudOpsError] = {}
        patience = Patience()
        while todo:
            group = todo.popleft()
            try:
                self._call(call, group)
            except CloudOpsError as error:
                refusal = error
            else:
                patience.accepted()
                continue
            blamed, others = split_ids(refusal, group)
            if patience.is_over(refusal, len(group)):
                blamed = [one for rest in (group, *todo) for one in rest]
                todo.clear()
            else:
                todo.extend(others)
            errors.update({(call.region, one): _personal(refusal, call.action, one) for one in blamed})
        return errors

    def _call(self, call: TagCall, ids: Sequence[str]) -> None:
        client = self._ec2[call.region]
        with aws_errors(f"{call.action} the resources", f"{len(ids)} in {client.meta.region_name}"):
            if call.action == PUT:
                tags = [{"Key": key, "Value": value} for key, value in call.tags.items()]
                client.create_tags(Resources=list(ids), Tags=tags)
            else:
                client.delete_tags(Resources=list(ids), Tags=[{"Key": key} for key in call.tags])


def _personal(error: CloudOpsError, action: str, resource: str) -> CloudOpsError:
    """A call's refusal as the error of one resource."""
    return type(error)(
        error.message, operation=f"{action} the resource", resource=resource, code=error.code, hint=error.hint
    )


class TagFleet:
    """One run over many resources."""

    def __init__(self, gateway: TagGateway, wishes: Sequence[TagWish], *, purge: bool) -> None:
        self._gateway = gateway
        tags = gateway.read(wishes)
        self.changes = [change_of(wish, tags[wish.region, wish.id], purge=purge) for wish in wishes]
        self.errors: Mapping[Target, CloudOpsError] = {}

    def plan(self) -> Plan:
        """What is to be done, or what was done once it is carried out."""
        return plan_tags(change for change in self.changes if (change.region, change.id) not in self.errors)

    def carry_out(self) -> None:
        """Write; what failed is in the result."""
        self.errors = self._gateway.write([change for change in self.changes if change])

    def result(self) -> dict[str, Any]:
        """What became of each, for the answer of a module."""
        resources = [self._as_result(change) for change in self.changes]
        failures = [
            {"id": resource, "region": region, **error.as_result()} for (region, resource), error in self.errors.items()
        ]
        changed = sum(bool(one["changed"]) for one in resources)
        counts = {
            "changed": changed,
            "unchanged": len(resources) - changed - len(failures),
            "failed": len(failures),
        }
        return {"resources": resources, "failures": failures, "counts": counts}

    def _as_result(self, change: TagChange) -> dict[str, Any]:
        failed = (change.region, change.id) in self.errors
        done = bool(change) and not failed
        return {
            "id": change.id,
            "region": change.region,
            "changed": done,
            "tags": change.after if done else dict(change.before),
            "set": dict(change.put) if done else {},
            "removed": sorted(change.drop) if done else [],
        }
