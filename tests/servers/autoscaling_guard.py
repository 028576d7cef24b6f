# Copyright (c) 2026 cloudops.core contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Gives moto's Auto Scaling what it lacks and groups really have: bounds, cooldowns, time, company. It is a fault of the fault proxy.

moto accepts a desired size beyond the bounds, knows no cooldown, no instance refresh and no failed activity, and has instances in service
at once. With the guard before it:

- sizes beyond the group's bounds, and values of tags longer than 256 characters, are refused as AWS does;
- a group may cool down, have an instance refresh, be on its way out, and have failed activities;
- instances that a call brings are ``Pending`` for as many describe calls as asked, and what it removes is ``Terminating`` as long;
- a group that isn't there is refused instead of failing inside;
- calls that write are carried out one after the other: moto answers in threads, and two that bring a group to the same size at the same
  moment would both launch what is lacking.

    with FaultProxy(moto.endpoint) as proxy:
        guard = AutoScalingGuard(proxy)
        guard.pending = 2
        guard.refreshes["web"] = "InProgress"
        ...
        assert guard.writes == [("SetDesiredCapacity", {"AutoScalingGroupName": "web", ...})]
"""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING
from urllib.parse import parse_qsl, urlencode
from xml.etree import ElementTree
from xml.sax.saxutils import escape

from tests.servers.faults import Fault

if TYPE_CHECKING:
    from tests.servers.fault_proxy import Exchange, FaultProxy

NAMESPACE = "http://autoscaling.amazonaws.com/doc/2011-01-01/"
WRITES = ("SetDesiredCapacity", "UpdateAutoScalingGroup", "CreateOrUpdateTags", "DeleteTags")
READS = ("DescribeAutoScalingGroups", "DescribeInstanceRefreshes", "DescribeScalingActivities")
MAX_RECORDS, MAX_NAMES, TAG_LENGTH = 100, 50, 256

Form = dict[str, str]


class AutoScalingGuard(Fault):
    """The guard; adding it to a proxy puts it before the server.

    :ivar pending: describe calls that show a change of size still on its way.
    :ivar page_size: groups on a page at the most.
    """

    def __init__(self, proxy: FaultProxy) -> None:
        self.pending = 0
        self.page_size = MAX_RECORDS
        self.pages = 0
        self.cooling: set[str] = set()
        self.stuck: set[str] = set()
        """Groups whose new instances stay Pending for ever."""
        self.refreshes: dict[str, str] = {}
        self.statuses: dict[str, str] = {}
        self.activities: dict[str, list[tuple[str, str, str]]] = {}
        """By group: status, start time and message, in any order."""
        self.writes: list[tuple[str, Form]] = []
        """Every call that writes and was accepted."""
        self._turn = asyncio.Lock()
        self._known: dict[str, set[str]] = {}
        self._left: dict[str, int] = {}
        self._gone: dict[str, list[str]] = {}
        proxy.add(self, when=lambda request: request.operation in (*WRITES, *READS))

    def sent(self, operation: str) -> list[Form]:
        """The accepted calls of an operation."""
        return [form for name, form in self.writes if name == operation]

    async def act(self, exchange: Exchange) -> bool:
        """Carry out one request."""
        form = dict(parse_qsl((exchange.request.body or b"").decode(), keep_blank_values=True))
        operation = exchange.request.operation
        if operation == "DescribeAutoScalingGroups":
            return await self._describe(exchange, form)
        if operation in READS:
            name = form["AutoScalingGroupName"]
            body = self._refreshes_of(name) if operation == "DescribeInstanceRefreshes" else self._activities_of(name)
            return await exchange.answer(200, "text/xml", _answer(operation, body))
        async with self._turn:
            error = await self._error(exchange, operation, form)
            if error is not None:
                code, message = error
                return await exchange.answer_error(400, code, message)
            told = {key: value for key, value in form.items() if key not in ("Action", "Version")}
            self.writes.append((operation, told))
            return await exchange.forward()

    # Refusing

    async def _error(self, exchange: Exchange, operation: str, form: Form) -> tuple[str, str] | None:
        long = [key for key, value in form.items() if key.endswith(".Value") and len(value) > TAG_LENGTH]
        if long:
            return "ValidationError", f"{long[0]} has more than {TAG_LENGTH} characters"
        name = form.get("AutoScalingGroupName") or form.get("Tags.member.1.ResourceId", "")
        group = await self._group(exchange, name)
        if group is None:
            return "ValidationError", "AutoScalingGroup name not found - null"
        if operation in ("CreateOrUpdateTags", "DeleteTags"):
            return None
        if form.get("HonorCooldown") == "true" and name in self.cooling:
            return "ScalingActivityInProgress", f"Scaling activity is in progress and blocks the group: {name}"
        low, high = (int(form.get(key) or _text(group, key)) for key in ("MinSize", "MaxSize"))
        desired = int(form.get("DesiredCapacity") or _text(group, "DesiredCapacity"))
        if low > high:
            return "ValidationError", f"Max bound, {high}, must be greater than or equal to min bound, {low}"
        if "DesiredCapacity" in form and not low <= desired <= high:
            return "ValidationError", f"Desired capacity:{desired} must be between {low} and {high}"
        self._begin(name, group)
        return None

    async def _group(self, exchange: Exchange, name: str) -> ElementTree.Element | None:
        """The group as the server has it."""
        asked = {"Action": "DescribeAutoScalingGroups", "Version": "2011-01-01", "AutoScalingGroupNames.member.1": name}
        _status, body = await exchange.fetch_rewritten(urlencode(asked).encode(), None)
        return next(iter(_groups(ElementTree.fromstring(body))), None)

    def _begin(self, name: str, group: ElementTree.Element) -> None:
        self._known[name] = {_text(member, "InstanceId") for member in _members(group)}
        self._left[name] = self.pending

    # Describing

    async def _describe(self, exchange: Exchange, form: Form) -> bool:
        names = [value for key, value in form.items() if key.startswith("AutoScalingGroupNames.")]
        size = int(form.get("MaxRecords", MAX_NAMES))
        if size > MAX_RECORDS or len(names) > size:
            return await exchange.answer_error(400, "ValidationError", f"{max(size, len(names))} is more than allowed")
        form["MaxRecords"] = str(min(size, self.page_size))
        status, body = await exchange.fetch_rewritten(urlencode(form).encode(), None)
        if status == 200:
            self.pages += 1
            tree = ElementTree.fromstring(body)
            for group in _groups(tree):
                self._overlay(group)
            body = ElementTree.tostring(tree, default_namespace=NAMESPACE)
        return await exchange.answer(status, "text/xml", body)

    def _overlay(self, group: ElementTree.Element) -> None:
        name = _text(group, "AutoScalingGroupName")
        if name in self.statuses:
            ElementTree.SubElement(group, _name("Status")).text = self.statuses[name]
        known = self._known.get(name)
        if known is None or (self._left[name] <= 0 and name not in self.stuck):
            return
        self._left[name] -= 1
        members = list(_members(group))
        present = {_text(member, "InstanceId") for member in members}
        for member in members:
            if _text(member, "InstanceId") not in known:
                _set(member, "LifecycleState", "Pending")
        holder = group.find(_name("Instances"))
        for gone in sorted(known - present):
            member = ElementTree.SubElement(holder, _name("member"))  # type: ignore[arg-type]
            for key, value in (("InstanceId", gone), ("LifecycleState", "Terminating"), ("HealthStatus", "Healthy")):
                ElementTree.SubElement(member, _name(key)).text = value

    def _refreshes_of(self, name: str) -> str:
        states = [self.refreshes[name]] if name in self.refreshes else []
        members = "".join(
            f"<member><AutoScalingGroupName>{escape(name)}</AutoScalingGroupName><Status>{state}</Status></member>"
            for state in [*states, "Successful"]
        )
        return f"<InstanceRefreshes>{members}</InstanceRefreshes>"

    def _activities_of(self, name: str) -> str:
        members = "".join(
            f"<member><ActivityId>{number}</ActivityId><AutoScalingGroupName>{escape(name)}</AutoScalingGroupName>"
            f"<Cause>test</Cause><StartTime>{start}</StartTime><StatusCode>{status}</StatusCode>"
            f"<StatusMessage>{escape(message)}</StatusMessage></member>"
            for number, (status, start, message) in enumerate(self.activities.get(name, []))
        )
        return f"<Activities>{members}</Activities>"


def _answer(operation: str, body: str) -> bytes:
    inner = f"<{operation}Result>{body}</{operation}Result><ResponseMetadata><RequestId>guard</RequestId></ResponseMetadata>"
    return f'<{operation}Response xmlns="{NAMESPACE}">{inner}</{operation}Response>'.encode()


def _name(tag: str) -> str:
    return f"{{{NAMESPACE}}}{tag}"


def _groups(tree: ElementTree.Element) -> list[ElementTree.Element]:
    return tree.findall(f".//{_name('AutoScalingGroups')}/{_name('member')}")


def _members(group: ElementTree.Element) -> list[ElementTree.Element]:
    return group.findall(f"{_name('Instances')}/{_name('member')}")


def _text(element: ElementTree.Element, tag: str) -> str:
    return element.findtext(_name(tag)) or ""


def _set(element: ElementTree.Element, tag: str, value: str) -> None:
    found = element.find(_name(tag))
    assert found is not None
    found.text = value
