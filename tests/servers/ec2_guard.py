# Copyright (c) 2026 cloudops.core contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Gives moto's EC2 what it lacks and instances really have: time, limits and refusals. It is a fault of the fault proxy.

moto starts and stops in no time, pages oddly, and accepts nearly everything. With the guard before it:

- an instance passes through ``pending`` and ``stopping`` for as many describe calls as asked, or gets stuck there;
- a started instance may fall back to ``stopped``, as one does whose volume's key can't be used;
- what EC2 refuses in such states is refused, and so are chosen members of a batch, with it the whole batch;
- DescribeInstances pages, and keeps EC2's limits on ids, filter values and page sizes;
- attributes can be set that moto doesn't model (instance-store roots, spot requests).

    with FaultProxy(moto.endpoint) as proxy:
        guard = Ec2Guard(proxy, page_size=5, transition=2)
        guard.refuse("StopInstances", ids[:2], "UnsupportedOperation", names="none")
        ...
        assert [len(batch.ids) for batch in guard.batches] == [200, 100, 100]
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Collection, Iterable, Iterator
from dataclasses import dataclass, field
from typing import TYPE_CHECKING
from urllib.parse import parse_qsl, urlencode
from xml.etree import ElementTree
from xml.sax.saxutils import escape

from tests.servers.faults import STATUS, Fault

if TYPE_CHECKING:
    from tests.servers.fault_proxy import Exchange, FaultProxy

NAMESPACE = "http://ec2.amazonaws.com/doc/2016-11-15"
CODES = {"pending": 0, "running": 16, "shutting-down": 32, "terminated": 48, "stopping": 64, "stopped": 80}
ACTING = ("StartInstances", "StopInstances", "RebootInstances")
STATUSES = {**STATUS, "InsufficientInstanceCapacity": 500, "UnauthorizedOperation": 403}
MAX_IDS, MAX_FILTER_VALUES, MAX_RESULTS = 1000, 200, 1000
FOREVER = math.inf

Form = dict[str, str]
Error = tuple[int, str, str]


@dataclass(frozen=True)
class Batch:
    """One call that acts, as it arrived."""

    operation: str
    ids: tuple[str, ...]
    options: dict[str, str]
    accepted: bool

    @property
    def dry_run(self) -> bool:
        """Whether it only asked."""
        return self.options.get("DryRun") == "true"


@dataclass
class Refusal:
    """A refusal of some members, and with them of every batch that holds one.

    ``names`` says whether the message names the "first" of them in the batch, "all" of them, or "none".
    """

    operation: str
    ids: frozenset[str]
    code: str
    message: str
    names: str
    times: float

    def strikes(self, operation: str, ids: Iterable[str]) -> Error | None:
        """The error for a batch, if it is to be refused."""
        members = [member for member in ids if member in self.ids]
        if operation != self.operation or not members or self.times <= 0:
            return None
        self.times -= 1
        shown = {"first": members[:1], "all": members, "none": []}[self.names]
        return STATUSES.get(self.code, 400), self.code, self.message.format(ids=", ".join(shown))


@dataclass
class Script:
    """What describe calls show of an instance: each state so many times, then what the server says."""

    steps: list[tuple[str, float]] = field(default_factory=list)
    reason: str = ""

    def state(self) -> str:
        """The state that is shown now; "" for the server's own."""
        return self.steps[0][0] if self.steps else ""

    def show(self) -> str:
        """Show the state once."""
        state = self.state()
        if self.steps:
            left = self.steps[0][1] - 1
            self.steps[:1] = [(state, left)] if left > 0 else []
        return state


class Ec2Guard(Fault):
    """The guard; adding it to a proxy puts it before the server.

    ``transition`` is the number of describe calls that show an instance as pending or stopping.
    """

    def __init__(self, proxy: FaultProxy, page_size: int = MAX_RESULTS, transition: int = 0) -> None:
        self.page_size = page_size
        self.transition = transition
        self.batches: list[Batch] = []
        self.pages = 0
        self.described: Counter[str] = Counter()
        self._scripts: dict[str, Script] = {}
        self._stuck: set[str] = set()
        self._falls: dict[str, tuple[float, str]] = {}
        self._attributes: dict[str, dict[str, str]] = {}
        self._tags: dict[str, dict[str, str]] = {}
        self._spot_requests: dict[str, str] = {}
        self._refusals: list[Refusal] = []
        mine = (*ACTING, "DescribeInstances", "DescribeSpotInstanceRequests")
        proxy.add(self, when=lambda request: request.operation in mine)

    # What tests set up

    def refuse(
        self,
        operation: str,
        ids: Collection[str],
        code: str,
        message: str = "refused: {ids}",
        names: str = "first",
        times: float = FOREVER,
    ) -> None:
        """Refuse batches with any of these members."""
        self._refusals.append(Refusal(operation, frozenset(ids), code, message, names, times))

    def show(self, ids: Iterable[str], state: str, times: float = 1, reason: str = "") -> None:
        """Show these instances in a state, whatever the server says, for so many describe calls."""
        for member in ids:
            self._scripts[member] = Script([(state, times)], reason)

    def stick(self, ids: Iterable[str]) -> None:
        """Let these never get from stopping to stopped, unless they are forced."""
        self._stuck.update(ids)

    def fall_back(self, ids: Iterable[str], after: float = 1, reason: str = "Client.InternalError") -> None:
        """Let these stop again after they were shown running so many times."""
        self._falls.update(dict.fromkeys(ids, (after, reason)))

    def set_instance_store(self, ids: Iterable[str]) -> None:
        """Give these a root device in the instance store."""
        for member in ids:
            self._attributes.setdefault(member, {})["rootDeviceType"] = "instance-store"

    def set_tag(self, ids: Iterable[str], key: str, value: str) -> None:
        """Give these a tag that the server would refuse to set, such as those of AWS itself."""
        for member in ids:
            self._tags.setdefault(member, {})[key] = value

    def set_spot(self, ids: Iterable[str], kind: str | None) -> None:
        """Make these spot instances of a "persistent" or "one-time" request; None: of one that nobody can find."""
        for member in ids:
            request = f"sir-{member[2:]}"
            self._attributes.setdefault(member, {}).update(instanceLifecycle="spot", spotInstanceRequestId=request)
            if kind is not None:
                self._spot_requests[request] = kind

    # Serving

    async def act(self, exchange: Exchange) -> bool:
        """Carry out one request."""
        form = dict(parse_qsl((exchange.request.body or b"").decode(), keep_blank_values=True))
        operation = exchange.request.operation
        if operation == "DescribeInstances":
            return await self._describe(exchange, form)
        if operation == "DescribeSpotInstanceRequests":
            return await exchange.answer(200, "text/xml", self._spot_answer(form))
        return await self._act(exchange, operation, form)

    async def _act(self, exchange: Exchange, operation: str, form: Form) -> bool:
        ids = _members(form, "InstanceId")
        error = self._error(operation, ids, form)
        self.batches.append(Batch(operation, tuple(ids), _options(form), error is None))
        if error is not None:
            return await exchange.answer_error(*error)
        if form.get("DryRun") != "true":
            self._begin(operation, ids, form)
        return await exchange.forward()

    def _error(self, operation: str, ids: list[str], form: Form) -> Error | None:
        for refusal in self._refusals:
            if form.get("DryRun") == "true" and refusal.code != "UnauthorizedOperation":
                continue
            if error := refusal.strikes(operation, ids):
                return error
        wrong = {"StartInstances": "stopping", "StopInstances": "pending"}.get(operation)
        for member in ids:
            if wrong and self._state(member) == wrong and form.get("DryRun") != "true":
                return 400, "IncorrectInstanceState", f"The instance '{member}' is {wrong}."
        return None

    def _state(self, member: str) -> str:
        script = self._scripts.get(member)
        return script.state() if script else ""

    def _begin(self, operation: str, ids: list[str], form: Form) -> None:
        for member in ids:
            if operation == "StopInstances":
                forced = form.get("Force") == "true"
                times = FOREVER if member in self._stuck and not forced else self.transition
                self._scripts[member] = _script(("stopping", times))
            elif operation == "StartInstances":
                steps: list[tuple[str, float]] = [("pending", self.transition)]
                after, reason = self._falls.pop(member, (0.0, ""))
                steps += [("running", after), ("stopped", FOREVER)] if reason else []
                self._scripts[member] = _script(*steps, reason=reason)

    async def _describe(self, exchange: Exchange, form: Form) -> bool:
        error = _describe_error(form)
        if error is not None:
            return await exchange.answer_error(*error)
        plain = {name: value for name, value in form.items() if name not in ("MaxResults", "NextToken")}
        status, body = await exchange.fetch_rewritten(urlencode(plain).encode(), None)
        if status != 200:
            return await exchange.answer(status, "text/xml", body)
        self.pages += 1
        return await exchange.answer(200, "text/xml", self._page(body, form))

    def _page(self, body: bytes, form: Form) -> bytes:
        root = ElementTree.fromstring(body)
        items = sorted(
            root.iterfind(f".//{_name('instancesSet')}/{_name('item')}"), key=lambda item: _text(item, "instanceId")
        )
        by_id = "InstanceId.1" in form
        size = len(items) if by_id else min(int(form.get("MaxResults", MAX_RESULTS)), self.page_size)
        start = int(form.get("NextToken", "page-0").rpartition("-")[2])
        shown = items[start : start + size]
        for item in shown:
            self._overlay(item)
        more = start + size < len(items)
        return _answer(shown, f"page-{start + size}" if more else "")

    def _overlay(self, item: ElementTree.Element) -> None:
        member = _text(item, "instanceId")
        self.described[member] += 1
        for name, value in self._attributes.get(member, {}).items():
            _child(item, name).text = value
        for key, value in self._tags.get(member, {}).items():
            tag = ElementTree.SubElement(_child(item, "tagSet"), _name("item"))
            ElementTree.SubElement(tag, _name("key")).text = key
            ElementTree.SubElement(tag, _name("value")).text = value
        script = self._scripts.get(member)
        state = script.show() if script else ""
        if script is None or not state:
            return
        holder = _child(item, "instanceState")
        _child(holder, "name").text = state
        _child(holder, "code").text = str(CODES[state])
        if script.reason and state == "stopped":
            reason = _child(item, "stateReason")
            _child(reason, "code").text = script.reason
            _child(reason, "message").text = f"{script.reason}: Client error on launch"

    def _spot_answer(self, form: Form) -> bytes:
        asked = [value for name, value in form.items() if name.startswith("Filter.1.Value.")]
        items = "".join(
            f"<item><spotInstanceRequestId>{escape(request)}</spotInstanceRequestId><type>{self._spot_requests[request]}</type></item>"
            for request in asked
            if request in self._spot_requests
        )
        name = "DescribeSpotInstanceRequestsResponse"
        return f'<{name} xmlns="{NAMESPACE}"><spotInstanceRequestSet>{items}</spotInstanceRequestSet></{name}>'.encode()


def _script(*steps: tuple[str, float], reason: str = "") -> Script:
    return Script([step for step in steps if step[1] > 0], reason)


def _members(form: Form, name: str) -> list[str]:
    return [value for key, value in form.items() if key.startswith(f"{name}.")]


def _options(form: Form) -> dict[str, str]:
    return {key: value for key, value in form.items() if key in ("DryRun", "Force", "Hibernate", "SkipOsShutdown")}


def _describe_error(form: Form) -> Error | None:
    ids = _members(form, "InstanceId")
    values = [key for key in form if key.startswith("Filter.") and ".Value." in key]
    size = int(form.get("MaxResults", "5"))
    if ids and "MaxResults" in form:
        text = "The parameter instancesSet cannot be used with the parameter maxResults"
        return 400, "InvalidParameterCombination", text
    if len(ids) > MAX_IDS:
        return 400, "InvalidParameterValue", f"{len(ids)} instance ids are more than {MAX_IDS}"
    if len(values) > MAX_FILTER_VALUES:
        text = f"The maximum number of filter values specified on a single call is {MAX_FILTER_VALUES}"
        return 400, "FilterLimitExceeded", text
    if not 5 <= size <= MAX_RESULTS:
        return 400, "InvalidParameterValue", f"Value ( {size} ) for parameter maxResults is invalid."
    return None


def _name(tag: str) -> str:
    return f"{{{NAMESPACE}}}{tag}"


def _text(item: ElementTree.Element, tag: str) -> str:
    return item.findtext(_name(tag)) or ""


def _child(item: ElementTree.Element, tag: str) -> ElementTree.Element:
    found = item.find(_name(tag))
    return ElementTree.SubElement(item, _name(tag)) if found is None else found


def _answer(items: Iterable[ElementTree.Element], token: str) -> bytes:
    root = ElementTree.Element(_name("DescribeInstancesResponse"))
    reservations = ElementTree.SubElement(root, _name("reservationSet"))
    for item in items:
        reservation = ElementTree.SubElement(reservations, _name("item"))
        ElementTree.SubElement(reservation, _name("instancesSet")).append(item)
    if token:
        ElementTree.SubElement(root, _name("nextToken")).text = token
    return b"".join(_serialised(root))


def _serialised(root: ElementTree.Element) -> Iterator[bytes]:
    yield b'<?xml version="1.0" encoding="UTF-8"?>'
    yield ElementTree.tostring(root, default_namespace=NAMESPACE)
