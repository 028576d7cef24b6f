# Copyright (c) 2026 cloudops.core contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Auto Scaling groups: finding them, who else acts on them, and the few calls that change their size.

https://docs.aws.amazon.com/autoscaling/ec2/APIReference/
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

from ansible_collections.cloudops.core.plugins.module_utils._aws.client import Clients
from ansible_collections.cloudops.core.plugins.module_utils._aws.errors import aws_errors
from ansible_collections.cloudops.core.plugins.module_utils._core.errors import CloudOpsError, Invalid, NotFound
from ansible_collections.cloudops.core.plugins.module_utils._core.fanout import Outcome, batches, fan_out
from ansible_collections.cloudops.core.plugins.module_utils._domain.group_options import Selection
from ansible_collections.cloudops.core.plugins.module_utils._domain.groups import (
    REFRESHING,
    SET_DESIRED,
    TAG,
    UNTAG,
    Company,
    Group,
    Member,
    Sizes,
    Write,
)

# Groups in one call that describes them, by name or by page: the API's own limit.
PAGE = 100
# Up to so many groups are asked for their policies and schedules by name; for more, all of the account's are listed.
FEW = 10
# So many of the latest scaling activities are looked at for a failure.
ACTIVITIES = 20

RESOURCE_TYPE = "auto-scaling-group"
FORECAST_ONLY = "ForecastOnly"


@dataclass(frozen=True)
class Found:
    """What a selection came to.

    :param missing: an error for each name that was given and isn't there.
    """

    groups: tuple[Group, ...]
    missing: Mapping[str, CloudOpsError] = field(default_factory=dict)


@contextmanager
def _errors(operation: str, name: str) -> Iterator[None]:
    """Typed errors. That a group doesn't exist is a ValidationError here, told from others by its words only."""
    try:
        with aws_errors(operation, f"Auto Scaling group {name}"):
            yield
    except Invalid as error:
        if "not found" not in error.message.lower():
            raise
        raise NotFound(error.message, operation=operation, resource=error.resource, code=error.code) from error


class AutoScalingGateway:
    """The groups of one region. Safe to share between threads.

    :param concurrency: calls at once.
    """

    def __init__(self, clients: Clients, *, concurrency: int = 8) -> None:
        self._client = clients.client("autoscaling")
        self._concurrency = concurrency

    @property
    def region(self) -> str:
        """The region that is worked in."""
        return str(self._client.meta.region_name)

    # Finding

    def find(self, selection: Selection) -> Found:
        """All groups that match every part of the selection.

        :raises CloudOpsError: when any part can't be read: half a fleet is no base for a limit.
        """
        filters = [{"Name": name, "Values": list(values)} for name, values in selection.filters.items()]
        filters += [{"Name": f"tag:{key}", "Values": [value]} for key, value in selection.tags.items()]
        groups = [
            group
            for group in self._describe(selection.names, filters)
            if all(group.tags.get(key) == value for key, value in selection.tags.items())
        ]
        if selection.names is None:
            return Found(tuple(sorted(groups, key=lambda group: group.name)))
        order = {name: place for place, name in enumerate(selection.names)}
        absent = [name for name in order if name not in {group.name for group in groups}]
        if absent and filters:  # those that exist and don't match aren't missing
            there = self.look(absent)
            absent = [name for name in absent if name not in there]
        groups.sort(key=lambda group: order[group.name])
        return Found(tuple(groups), {name: self._not_found(name) for name in absent})

    def look(self, names: Sequence[str]) -> dict[str, Group]:
        """The groups as they are now, by name; those that are gone are left out."""
        return {group.name: group for group in self._describe(names, [])}

    def _describe(self, names: Sequence[str] | None, filters: Sequence[Mapping[str, Any]]) -> list[Group]:
        more = {"Filters": list(filters)} if filters else {}
        queries: list[dict[str, Any]] = (
            [more] if names is None else [{"AutoScalingGroupNames": part, **more} for part in batches(names, PAGE)]
        )
        outcomes = fan_out(self._pages, queries, concurrency=self._concurrency)
        return [_group(self.region, item) for items in _values(outcomes) for item in items]

    def _pages(self, query: Mapping[str, Any]) -> list[dict[str, Any]]:
        with aws_errors("describe the Auto Scaling groups", f"region {self.region}"):
            pages = self._client.get_paginator("describe_auto_scaling_groups").paginate(
                **query, PaginationConfig={"PageSize": PAGE}
            )
            return [item for page in pages for item in page["AutoScalingGroups"]]

    def _not_found(self, name: str) -> NotFound:
        return NotFound(
            f"Auto Scaling group {name} does not exist in {self.region}",
            operation="find the group",
            resource=name,
            code="NotFound",
            hint="Check the name, the account and the region.",
            details={"region": self.region},
        )

    # Who else acts on them

    def companies(self, groups: Sequence[Group]) -> dict[str, Outcome[Group, Company]]:
        """Who else acts on each of these, by name of the group."""
        names = [group.name for group in groups]
        policies = self._by_group("describe_policies", "ScalingPolicies", names)
        scheduled = self._by_group("describe_scheduled_actions", "ScheduledUpdateGroupActions", names)

        def company(group: Group) -> Company:
            refresh = self._refresh(group.name)
            return Company(
                policies=tuple(_active_policies(group, _value(policies[group.name]))),
                refresh=refresh,
                scheduled=tuple(_scheduled_words(group, _value(scheduled[group.name]))),
            )

        outcomes = fan_out(company, groups, concurrency=self._concurrency)
        return {outcome.item.name: outcome for outcome in outcomes}

    def _by_group(self, method: str, key: str, names: Sequence[str]) -> dict[str, Outcome[str, list[dict[str, Any]]]]:
        """What a method lists, by group: asked for by name, or, for more than a few groups, all of it at once."""
        if len(names) <= FEW:
            outcomes = fan_out(lambda name: self._list(method, key, name), names, concurrency=self._concurrency)
            return {outcome.item: outcome for outcome in outcomes}
        try:
            found: list[dict[str, Any]] = self._list(method, key, None)
        except CloudOpsError as error:
            return {name: Outcome(name, error=error) for name in names}
        groups: dict[str, list[dict[str, Any]]] = {name: [] for name in names}
        for item in found:
            if item.get("AutoScalingGroupName") in groups:
                groups[item["AutoScalingGroupName"]].append(item)
        return {name: Outcome(name, value=items) for name, items in groups.items()}

    def _list(self, method: str, key: str, name: str | None) -> list[dict[str, Any]]:
        with _errors(method.replace("_", " "), "any" if name is None else name):
            query = {} if name is None else {"AutoScalingGroupName": name}
            pages = self._client.get_paginator(method).paginate(**query, PaginationConfig={"PageSize": PAGE})
            return [item for page in pages for item in page[key]]

    def _refresh(self, name: str) -> str:
        """Status of an instance refresh that is under way, or ""."""
        with _errors("describe the instance refreshes", name):
            answer = self._client.describe_instance_refreshes(AutoScalingGroupName=name, MaxRecords=PAGE)
        states = (refresh.get("Status", "") for refresh in answer["InstanceRefreshes"])
        return next((state for state in states if state in REFRESHING), "")

    # Writing

    def write(self, group: Group, write: Write, *, honor_cooldown: bool = False) -> None:
        """Make one call.

        :raises CloudOpsError: when it is refused, or nobody knows what became of it.
        """
        if write.action in (TAG, UNTAG):
            self._write_tag(group.name, write)
        elif write.action == SET_DESIRED:
            with _errors("set the desired capacity", group.name):
                self._client.set_desired_capacity(
                    AutoScalingGroupName=group.name, **write.value, HonorCooldown=honor_cooldown
                )
        else:
            with _errors("update the sizes", group.name):
                self._client.update_auto_scaling_group(AutoScalingGroupName=group.name, **write.value)

    def _write_tag(self, name: str, write: Write) -> None:
        tag = {"ResourceId": name, "ResourceType": RESOURCE_TYPE, "Key": write.key}
        with _errors(f"write the tag {write.key}", name):
            if write.action == UNTAG:
                self._client.delete_tags(Tags=[tag])
            else:
                self._client.create_or_update_tags(Tags=[{**tag, "Value": write.value, "PropagateAtLaunch": False}])

    # Explaining

    def last_failure(self, name: str) -> str:
        """What the newest failed activity among the latest ones says, with its time; "" when none has failed."""
        with _errors("describe the scaling activities", name):
            answer = self._client.describe_scaling_activities(AutoScalingGroupName=name, MaxRecords=ACTIVITIES)
        failed = [item for item in answer["Activities"] if item.get("StatusCode") in ("Failed", "Cancelled")]
        if not failed:
            return ""
        newest = max(failed, key=lambda item: item["StartTime"])
        words = newest.get("StatusMessage") or newest.get("Description") or newest["StatusCode"]
        return f"{newest['StartTime']:%Y-%m-%dT%H:%M:%SZ} {words}"


def _active_policies(group: Group, policies: Iterable[Mapping[str, Any]]) -> list[str]:
    """Names of the policies that may change the group's size of themselves."""
    names = []
    for policy in policies:
        predictive = policy.get("PolicyType") == "PredictiveScaling"
        idle = policy.get("PredictiveScalingConfiguration", {}).get("Mode") in (None, FORECAST_ONLY)
        # Without this process, no alarm starts a policy.
        deaf = "AlarmNotification" in group.suspended
        if policy.get("Enabled") is not False and not (idle if predictive else deaf):
            names.append(policy["PolicyName"])
    return sorted(names)


def _scheduled_words(group: Group, actions: Iterable[Mapping[str, Any]]) -> list[str]:
    """What scheduled actions will do, the soonest first."""
    if "ScheduledActions" in group.suspended:
        return []
    words = []
    for action in sorted(actions, key=lambda item: str(item.get("StartTime", ""))):
        sizes = (("min", "MinSize"), ("desired", "DesiredCapacity"), ("max", "MaxSize"))
        what = ", ".join(f"{word} {action[key]}" for word, key in sizes if action.get(key) is not None)
        start = action.get("StartTime")
        when = f" at {start:%Y-%m-%dT%H:%M:%SZ}" if start is not None else ""
        words.append(f"{action['ScheduledActionName']} sets {what or 'nothing'}{when}")
    return words


def _values(outcomes: Iterable[Outcome[Any, Any]]) -> list[Any]:
    """The values of outcomes, or the first error."""
    return [_value(outcome) for outcome in outcomes]


def _value(outcome: Outcome[Any, Any]) -> Any:
    if outcome.error is not None:
        raise outcome.error
    return outcome.value


def _group(region: str, item: Mapping[str, Any]) -> Group:
    return Group(
        name=item["AutoScalingGroupName"],
        region=region,
        sizes=Sizes(item["MinSize"], item["DesiredCapacity"], item["MaxSize"]),
        status=item.get("Status") or "",
        tags={tag["Key"]: tag.get("Value") or "" for tag in item.get("Tags", [])},
        suspended=tuple(process["ProcessName"] for process in item.get("SuspendedProcesses", [])),
        members=tuple(_member(member) for member in item.get("Instances", [])),
    )


def _member(item: Mapping[str, Any]) -> Member:
    return Member(
        id=item["InstanceId"],
        lifecycle=item.get("LifecycleState") or "",
        health=item.get("HealthStatus") or "",
        weight=int(item.get("WeightedCapacity") or 1),
        protected=bool(item.get("ProtectedFromScaleIn")),
    )
