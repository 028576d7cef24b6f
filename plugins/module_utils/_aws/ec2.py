# Copyright (c) 2026 cloudops.core contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""EC2 instances: finding them, and starting, stopping and rebooting many with few calls.

https://docs.aws.amazon.com/AWSEC2/latest/APIReference/Welcome.html
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from ansible_collections.cloudops.core.plugins.module_utils._aws.client import Clients
from ansible_collections.cloudops.core.plugins.module_utils._aws.errors import aws_errors
from ansible_collections.cloudops.core.plugins.module_utils._core.errors import CloudOpsError, Denied, Invalid, NotFound
from ansible_collections.cloudops.core.plugins.module_utils._core.fanout import Outcome, batches, fan_out
from ansible_collections.cloudops.core.plugins.module_utils._domain.power import (
    HIBERNATE,
    REBOOT,
    START,
    STOP,
    Instance,
    Wish,
)
from ansible_collections.cloudops.core.plugins.module_utils._domain.power_batches import (
    Patience,
    is_capacity,
    is_one_place,
    split_refused,
)
from ansible_collections.cloudops.core.plugins.module_utils._domain.power_options import Selection, ids_in, matches

# Instances in one call that changes them, and in one that describes them by id; values of one filter (the API's own limit is 200).
BATCH = 200
DESCRIBED = 500
FILTER_VALUES = 200
PAGE = 1000

NOT_FOUND = "InvalidInstanceID.NotFound"
# Terminated instances are listed for about an hour; nobody who selects by tag means them.
LIVING = ("pending", "running", "stopping", "stopped")

_METHODS = {
    START: ("start_instances", "StartingInstances"),
    STOP: ("stop_instances", "StoppingInstances"),
    HIBERNATE: ("stop_instances", "StoppingInstances"),
    REBOOT: ("reboot_instances", ""),
}


@dataclass(frozen=True)
class Found:
    """What a selection came to.

    :param missing: an error for each instance that was named and isn't there.
    """

    instances: tuple[Instance, ...]
    missing: tuple[CloudOpsError, ...] = ()


@dataclass(frozen=True)
class Answer:
    """What the API said about one member of a batch.

    :param state: the state that the call led to; "" where the API doesn't tell.
    """

    instance: Instance
    state: str = ""
    error: CloudOpsError | None = None


class EC2Gateway:
    """Instances of one or many regions.

    :param regions: None stands for the connection's own.
    :param concurrency: calls at once.
    """

    def __init__(self, clients: Clients, regions: Sequence[str | None] = (None,), *, concurrency: int = 8) -> None:
        self._clients = clients
        self._concurrency = concurrency
        # Clients are made here, before any thread asks for one: that part of boto3 isn't safe to share.
        self._ec2 = {client.meta.region_name: client for client in (clients.client("ec2", name) for name in regions)}

    # Finding

    def find(self, selection: Selection, *, spot_requests: bool = False) -> Found:
        """All instances that match every part of the selection, in all regions.

        :param spot_requests: also look up whether spot instances belong to a persistent request.
        :raises CloudOpsError: when any region can't be read: half a fleet is no base for a limit.
        """
        jobs = [(region, query) for region in self._ec2 for query in self._queries(selection)]
        pages = _values(fan_out(lambda job: self._query(*job), jobs, concurrency=self._concurrency))
        found = {item["InstanceId"]: (region, item) for region, items in pages for item in items}
        kinds = self._spot_kinds(found.values()) if spot_requests else {}
        instances = [_instance(region, item, kinds) for region, item in found.values()]
        kept = [instance for instance in instances if matches(instance, selection.tags)]
        if selection.instance_ids is None:
            return Found(tuple(sorted(kept, key=lambda instance: (instance.region, instance.name, instance.id))))
        order = {instance_id: place for place, instance_id in enumerate(selection.instance_ids)}
        absent = [instance_id for instance_id in order if instance_id not in found]
        if selection.tags or selection.filters:
            absent = self._really_absent(absent)
        kept.sort(key=lambda instance: order[instance.id])
        return Found(tuple(kept), tuple(self._not_found(instance_id) for instance_id in absent))

    def _queries(self, selection: Selection) -> Iterator[dict[str, Any]]:
        filters = [{"Name": name, "Values": list(values)} for name, values in selection.filters.items()]
        filters += [{"Name": f"tag:{key}", "Values": [_literal(value)]} for key, value in selection.tags.items()]
        if selection.instance_ids is None:
            if not {"instance-state-name", "instance-state-code"} & set(selection.filters):
                filters.append({"Name": "instance-state-name", "Values": list(LIVING)})
            yield {"Filters": filters}
        elif filters or len(self._ec2) > 1:
            # As a filter, an id that isn't in this region is no error.
            for part in batches(selection.instance_ids, FILTER_VALUES):
                yield {"Filters": [*filters, {"Name": "instance-id", "Values": part}]}
        else:
            for part in batches(selection.instance_ids, DESCRIBED):
                yield {"InstanceIds": part}

    def _query(self, region: str, query: Mapping[str, Any]) -> tuple[str, list[dict[str, Any]]]:
        """The instances that a query matches; ids that don't exist have no part in it."""
        try:
            return region, self._describe(region, query)
        except NotFound as error:
            if error.code != NOT_FOUND or "InstanceIds" not in query:
                raise
        parts = [{"Name": "instance-id", "Values": part} for part in batches(query["InstanceIds"], FILTER_VALUES)]
        return region, [item for part in parts for item in self._describe(region, {"Filters": [part]})]

    def _describe(self, region: str, query: Mapping[str, Any]) -> list[dict[str, Any]]:
        paging = {} if "InstanceIds" in query else {"PaginationConfig": {"PageSize": PAGE}}  # they exclude each other
        with aws_errors("describe the instances", f"region {region}"):
            pages = self._ec2[region].get_paginator("describe_instances").paginate(**query, **paging)
            return [item for page in pages for group in page["Reservations"] for item in group.get("Instances", [])]

    def _really_absent(self, ids: Sequence[str]) -> list[str]:
        """Those that don't exist at all, and not only fail to match tags and filters."""
        if not ids:
            return []
        there = {instance.id for instance in self.find(Selection(instance_ids=tuple(ids))).instances}
        return [instance_id for instance_id in ids if instance_id not in there]

    def _not_found(self, instance_id: str) -> NotFound:
        where = ", ".join(self._ec2)
        return NotFound(
            f"instance {instance_id} does not exist in {where}",
            operation="find the instance",
            resource=instance_id,
            code=NOT_FOUND,
            hint="Check the id, the account and the region.",
            details={"region": where if len(self._ec2) == 1 else ""},
        )

    def _spot_kinds(self, found: Iterable[tuple[str, Mapping[str, Any]]]) -> dict[str, str]:
        """Type of each spot request: only an instance of a persistent one can stop."""
        requests: dict[str, list[str]] = {}
        for region, item in found:
            if item.get("InstanceLifecycle") == "spot" and item.get("SpotInstanceRequestId"):
                requests.setdefault(region, []).append(item["SpotInstanceRequestId"])
        jobs = [(region, part) for region, ids in requests.items() for part in batches(ids, FILTER_VALUES)]
        kinds: dict[str, str] = {}
        for outcome in fan_out(lambda job: self._spot_requests(*job), jobs, concurrency=self._concurrency):
            if outcome.error is not None and not isinstance(outcome.error, Denied):
                raise outcome.error
            kinds.update(outcome.value or {})
        return kinds

    def _spot_requests(self, region: str, ids: Sequence[str]) -> dict[str, str]:
        with aws_errors("describe the spot instance requests", f"region {region}"):
            filters = [{"Name": "spot-instance-request-id", "Values": list(ids)}]
            pages = self._ec2[region].get_paginator("describe_spot_instance_requests").paginate(Filters=filters)
            return {
                request["SpotInstanceRequestId"]: request.get("Type", "unknown")
                for page in pages
                for request in page["SpotInstanceRequests"]
            }

    def look(self, instances: Iterable[Instance]) -> dict[str, Instance]:
        """The instances as they are now, by id; those that are gone are left out.

        :raises CloudOpsError: when any region can't be read.
        """
        jobs = [
            (region, {"InstanceIds": [instance.id for instance in part]})
            for region, members in _by_region(instances).items()
            for part in batches(members, DESCRIBED)
        ]
        pages = _values(fan_out(lambda job: self._query(*job), jobs, concurrency=self._concurrency))
        return {item["InstanceId"]: _instance(region, item, {}) for region, items in pages for item in items}

    # Acting

    def check_support(self, wish: Wish) -> None:
        """Refuse what the installed SDK can't send.

        :raises Invalid: naming the option.
        """
        if not wish.skip_os_shutdown:
            return
        for client in self._ec2.values():
            if "SkipOsShutdown" not in client.meta.service_model.operation_model("StopInstances").input_shape.members:
                raise Invalid(
                    "skip_os_shutdown: the installed boto3 doesn't know this parameter of StopInstances",
                    hint="Upgrade boto3, or leave the option out.",
                )

    def act(self, action: str, instances: Iterable[Instance], wish: Wish, *, dry_run: bool = False) -> list[Answer]:
        """Start, stop, hibernate or reboot all of them; one answer for each.

        :param dry_run: only ask whether it would be allowed.
        """
        jobs = [
            part
            for members in _by_region(instances).values()
            for part in batches(sorted(members, key=lambda one: (one.zone, one.instance_type, one.id)), BATCH)
        ]
        send = fan_out(lambda job: self._send(action, job, wish, dry_run), jobs, concurrency=self._concurrency)
        return [answer for answers in _values(send) for answer in answers]

    def _send(self, action: str, members: list[Instance], wish: Wish, dry_run: bool) -> list[Answer]:
        """One call for all; when it is refused because of some, more calls, until each has its own answer."""
        todo = deque([members])
        answers: list[Answer] = []
        patience = Patience()
        while todo:
            group = todo.popleft()
            try:
                answers += self._call(action, group, wish, dry_run)
            except CloudOpsError as error:
                refusal = error
            else:
                patience.accepted()
                continue
            blamed, others = split_refused(refusal, ids_in(refusal.message), group)
            if patience.is_over(refusal, len(group)):
                blamed = [member for rest in (blamed, *others, *todo) for member in rest]
                todo.clear()
            elif is_capacity(refusal) and not is_one_place(group):
                # Each place has its own shortage, and so its own patience.
                answers += [answer for place in others for answer in self._send(action, place, wish, dry_run)]
            elif is_capacity(refusal):
                todo.extendleft(reversed(others))  # what fits is found soonest by going on with the smaller half
            else:
                todo.extend(others)
            answers += [Answer(member, error=_personal(refusal, action, member)) for member in blamed]
        return answers

    def _call(self, action: str, members: Sequence[Instance], wish: Wish, dry_run: bool) -> list[Answer]:
        method, answer_key = _METHODS[action]
        options: dict[str, Any] = {"InstanceIds": [member.id for member in members]}
        if action == HIBERNATE:
            options["Hibernate"] = True
        if action == STOP and wish.force:
            options["Force"] = True
        if action == STOP and wish.skip_os_shutdown:
            options["SkipOsShutdown"] = True
        if dry_run:
            options["DryRun"] = True
        region = members[0].region
        try:
            with aws_errors(f"{action} the instances", f"region {region}"):
                response = getattr(self._ec2[region], method)(**options)
        except CloudOpsError as error:
            if dry_run and error.code == "DryRunOperation":
                return [Answer(member) for member in members]
            raise
        states = {item["InstanceId"]: item["CurrentState"]["Name"] for item in response.get(answer_key, [])}
        return [Answer(member, states.get(member.id, "")) for member in members]


def _personal(error: CloudOpsError, action: str, member: Instance) -> CloudOpsError:
    """A batch's refusal as the error of one member."""
    return type(error)(
        error.message, operation=f"{action} the instance", resource=member.label, code=error.code, hint=error.hint
    )


def _values(outcomes: Iterable[Outcome[Any, Any]]) -> list[Any]:
    """The values of outcomes, or the first error."""
    values = []
    for outcome in outcomes:
        if outcome.error is not None:
            raise outcome.error
        values.append(outcome.value)
    return values


def _by_region(instances: Iterable[Instance]) -> dict[str, list[Instance]]:
    regions: dict[str, list[Instance]] = {}
    for instance in instances:
        regions.setdefault(instance.region, []).append(instance)
    return regions


def _literal(value: str) -> str:
    """A filter's value that matches at least this text: what has a meaning in filters becomes "any character"."""
    return "".join("?" if character in "*?\\" else character for character in value)


def _instance(region: str, item: Mapping[str, Any], spot_kinds: Mapping[str, str]) -> Instance:
    tags = {tag["Key"]: tag.get("Value", "") for tag in item.get("Tags", [])}
    reason = item.get("StateReason") or {}
    spot = ""
    if item.get("InstanceLifecycle") == "spot":
        spot = spot_kinds.get(item.get("SpotInstanceRequestId") or "", "unknown")
    return Instance(
        id=item["InstanceId"],
        region=region,
        state=item["State"]["Name"],
        name=tags.get("Name", ""),
        tags=tags,
        autoscaling_group=tags.get("aws:autoscaling:groupName", ""),
        spot=spot,
        root_device_type=item.get("RootDeviceType") or "ebs",
        hibernation=bool((item.get("HibernationOptions") or {}).get("Configured")),
        instance_type=item.get("InstanceType") or "",
        zone=(item.get("Placement") or {}).get("AvailabilityZone") or "",
        state_reason=reason.get("Code") or "",
        state_message=reason.get("Message") or "",
    )
