# Copyright (c) 2026 cloudops.core contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Answers of DescribeInstances, read straight into snake_case values.

botocore's own parser looks up every member of every shape for every instance: of 2,000 instances that takes several times as long as
everything else. This reader walks over what is there, by a table that is made once of the same service model. It takes botocore's event
``before-parse``; requests, retries and paging stay botocore's. Where botocore is too old for that event (before 1.34.110 or so), its own
answer is converted.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from datetime import datetime, timezone
from typing import Any
from xml.etree import ElementTree

from ansible_collections.cloudops.core.plugins.module_utils._core.errors import Unavailable

try:
    from botocore import xform_name
    from botocore.parsers import ResponseParserError
except ImportError:  # the plugins report it
    pass

Record = dict[str, Any]
Read = Callable[[ElementTree.Element], Any]

KEY = "CloudOpsRecords"
_EMPTY = b"<DescribeInstancesResponse/>"


@contextmanager
def readable_answers() -> Iterator[None]:
    """Turn botocore's own complaint about an answer that is no XML into ours."""
    try:
        yield
    except ResponseParserError as error:
        raise _no_xml(error) from error


def _no_xml(error: Exception) -> Unavailable:
    return Unavailable(
        f"the answer is no XML: {str(error).splitlines()[0]}",
        operation="describe the instances",
        code="ParseError",
        hint="Check endpoint_url, and whether a proxy stands between.",
    )


class _Members(dict[str, "tuple[str, Read] | None"]):
    """Members of a structure by their tags. Tags come with a namespace, whose text depends on the API's version."""

    def __missing__(self, tag: str) -> tuple[str, Read] | None:
        self[tag] = found = self.get(tag.rpartition("}")[2]) if "}" in tag else None
        return found


class InstanceReader:
    """Reads pages of DescribeInstances for a client that it was attached to."""

    def __init__(self, client: Any) -> None:
        result = client.meta.service_model.operation_model("DescribeInstances").output_shape
        self._read_page = _structure(result)
        client.meta.events.register("before-parse.ec2.DescribeInstances", self._take_over)

    def _take_over(self, response_dict: dict[str, Any], customized_response_dict: dict[str, Any], **_more: Any) -> None:
        """Read a successful answer in botocore's place, and leave it an empty one."""
        if response_dict["status_code"] >= 300:
            return
        try:
            page = self._read_page(ElementTree.XML(response_dict["body"]))
        except ElementTree.ParseError as error:
            raise _no_xml(error) from error
        response_dict["body"] = _EMPTY
        token = {"NextToken": page["next_token"]} if page.get("next_token") else {}
        customized_response_dict.update({KEY: page.get("reservations", []), "Reservations": [], **token})

    def records(self, page: Mapping[str, Any]) -> Iterator[Record]:
        """The instances of a page, each with the owner and the id of its reservation."""
        reservations = page[KEY] if KEY in page else snaked(page["Reservations"])
        for reservation in reservations:
            extra = {name: reservation.get(name, "") for name in ("owner_id", "requester_id", "reservation_id")}
            for record in reservation.get("instances", ()):
                record.setdefault("tags", {})
                record.update(extra)
                yield record


def _reader(shape: Any) -> Read:
    if shape.type_name == "structure":
        return _structure(shape)
    if shape.type_name == "list":
        return _tags if shape.name == "TagList" else _list(shape)
    return _LEAVES.get(shape.type_name, _text)


def _structure(shape: Any) -> Read:
    """Of the groups of a reservation, which EC2-Classic had, nothing is read: their name is that of other things in Ansible."""
    members = _Members()
    for name, member in shape.members.items():
        if name == "Groups" and "Instances" in shape.members:
            continue
        members[member.serialization.get("name", name)] = (xform_name(name), _reader(member))

    def read(node: ElementTree.Element) -> dict[str, Any]:
        result = {}
        for child in node:
            entry = members[child.tag]
            if entry is not None:
                result[entry[0]] = entry[1](child)
        return result

    return read


def _list(shape: Any) -> Read:
    read = _reader(shape.member)
    return lambda node: [read(item) for item in node]


def _tags(node: ElementTree.Element) -> dict[str, str]:
    """Tags as a mapping."""
    tags = {}
    for item in node:
        pair = {child.tag.rpartition("}")[2]: child.text or "" for child in item}
        tags[pair["key"]] = pair.get("value", "")
    return tags


def _text(node: ElementTree.Element) -> str:
    return node.text or ""


def _integer(node: ElementTree.Element) -> int:
    return int(node.text or 0)


def _float(node: ElementTree.Element) -> float:
    return float(node.text or 0)


def _boolean(node: ElementTree.Element) -> bool:
    return node.text == "true"


def _timestamp(node: ElementTree.Element) -> str:
    """To the second, in UTC. The API writes 2026-03-01T10:00:00.000Z."""
    text = node.text or ""
    if text.endswith("Z") and text[19:20] == ".":
        return text[:19] + "Z"
    return text


_LEAVES: dict[str, Read] = {
    "integer": _integer,
    "long": _integer,
    "float": _float,
    "double": _float,
    "boolean": _boolean,
    "timestamp": _timestamp,
}


def snaked(value: Any) -> Any:
    """What botocore has read, in the same form."""
    if isinstance(value, dict):
        return {
            xform_name(name): {tag["Key"]: tag.get("Value", "") for tag in member} if name == "Tags" else snaked(member)
            for name, member in value.items()
        }
    if isinstance(value, list):
        return [snaked(item) for item in value]
    if isinstance(value, datetime):
        return value.astimezone(timezone.utc).strftime("%Y-%m-%dT%H:%M:%SZ")
    return value
