# Copyright (c) 2026 cloudops.core contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Objects: what is wanted in a bucket, what is stored there, and which uploads lead from one to the other. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from ansible_collections.cloudops.core.plugins.module_utils._core.errors import Invalid
from ansible_collections.cloudops.core.plugins.module_utils._core.plan import Plan, Step

LONGEST_KEY = 1024


@dataclass(frozen=True)
class Item:
    """One object that somebody wants: the file at ``path``, or else ``content``."""

    key: str
    path: str = ""
    content: str = ""
    content_type: str = ""


@dataclass(frozen=True)
class Stored:
    """An object that is there.

    :param etag: without quotes. For an object that was sent in one piece and isn't encrypted with a key of one's own, it is the MD5.
    :param sha256: as the upload noted it; "" where it didn't.
    """

    size: int
    etag: str = ""
    sha256: str = ""
    content_type: str = ""


@dataclass(frozen=True)
class Candidate:
    """An object that is wanted, with what its content is and what is stored under its key (None: nothing).

    :param stamp: what changes when somebody writes to its file.
    """

    item: Item
    size: int
    sha256: str
    md5: str
    stamp: tuple[int, ...] = ()
    stored: Stored | None = None

    @property
    def is_stored(self) -> bool:
        """Whether the bucket has it as it is wanted. A content type counts only where one was asked for."""
        stored = self.stored
        if stored is None or stored.size != self.size:
            return False
        if self.item.content_type and self.item.content_type != stored.content_type:
            return False
        return self.sha256 == stored.sha256 or self.md5 == stored.etag.lower()


def check_options(options: Mapping[str, Any]) -> None:
    """Refuse what can't be meant, before any call.

    :raises Invalid: naming the option and the cure.
    """
    if not options["bucket"]:
        raise Invalid("bucket is empty", hint="Name the bucket.")
    if options["src"] == "":
        raise Invalid("src is empty", hint="Name a file or a directory, or leave src out.")
    if options["concurrency"] < 1:
        raise Invalid(f"concurrency is {options['concurrency']}; the smallest possible is 1")


def items_from(options: Mapping[str, Any], files: Iterable[tuple[str, str]]) -> list[Item]:
    """What is wanted, from the options of the module and the files of ``src``.

    :param files: (name, path) of each file of ``src``.
    :raises Invalid: naming the key and the cure.
    """
    prefix = options["prefix"]
    items = [Item(prefix + name, path=path) for name, path in files]
    for given in options["objects"] or ():
        if not given["key"]:
            raise Invalid("objects: a key is empty", hint="Give each object a key.")
        if given["src"] == "":
            raise Invalid(f"objects: the src of {given['key']} is empty", hint="Name a file, or give content instead.")
        items.append(
            Item(
                prefix + given["key"],
                path=given["src"] or "",
                content=given["content"] or "",
                content_type=given["content_type"] or "",
            )
        )
    _check_keys(items)
    return items


def _check_keys(items: Iterable[Item]) -> None:
    """https://docs.aws.amazon.com/AmazonS3/latest/userguide/object-keys.html"""
    seen = set()
    for key in (item.key for item in items):
        try:
            length = len(key.encode())
        except UnicodeEncodeError as error:
            raise Invalid(f"{key!r} is no UTF-8, as keys have to be", hint="Rename the file.") from error
        if length > LONGEST_KEY:
            raise Invalid(
                f"key {key[:60]}... has {length} bytes; {LONGEST_KEY} are allowed", hint="Choose a shorter one."
            )
        if key in seen:
            raise Invalid(f"key {key} is wanted twice", hint="Take it out of objects, or out of src.")
        seen.add(key)


def plan_upload(bucket: str, candidates: Sequence[Candidate]) -> Plan:
    """The uploads that are needed. Before and after hold only the keys that change."""
    changing = [candidate for candidate in candidates if not candidate.is_stored]
    before = {
        candidate.item.key: _describe(candidate.stored.size, candidate.stored.sha256, candidate.stored.content_type)
        if candidate.stored
        else None
        for candidate in changing
    }
    after = {
        candidate.item.key: _describe(candidate.size, candidate.sha256, candidate.item.content_type)
        for candidate in changing
    }
    steps = tuple(Step("upload", candidate.item.key, candidate) for candidate in changing)
    return Plan(f"bucket {bucket}", steps, before, after)


def _describe(size: int, sha256: str, content_type: str) -> dict[str, Any]:
    """An object as a diff shows it: never its content, which may be secret."""
    shown = {"bytes": size, "sha256": sha256, "content_type": content_type}
    return {name: value for name, value in shown.items() if value != ""}
