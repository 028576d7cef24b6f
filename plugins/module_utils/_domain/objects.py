# Copyright (c) 2026 cloudops.core contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Objects: what is wanted in a bucket, what is stored there, and which uploads lead from one to the other. Pure."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping, Sequence
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

    :param etag: the MD5 in hexadecimal digits, as far as the provider keeps one. S3's ETag is that, without its quotes, of an
        object that was sent in one piece and isn't encrypted with a key of one's own.
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


# ---- options


def check_options(options: Mapping[str, Any], noun: str = "bucket") -> None:
    """Refuse what can't be meant, before any call.

    :param noun: what the provider calls a bucket.
    :raises Invalid: naming the option and the cure.
    """
    if not options["bucket"]:
        raise Invalid("bucket is empty", hint=f"Name the {noun}.")
    if options["src"] == "":
        raise Invalid("src is empty", hint="Name a file or a directory, or leave src out.")
    if options["concurrency"] < 1:
        raise Invalid(f"concurrency is {options['concurrency']}; the smallest possible is 1")


def check_name(bucket: str, noun: str = "bucket") -> None:
    """Refuse what would lead elsewhere as part of a URL, most often a prefix that is given with the bucket.

    :raises Invalid: naming the cure.
    """
    if re.search(r"[/?#%\s]", bucket):
        raise Invalid(
            f"bucket is {bucket!r}, which is no name of a {noun}",
            hint=f"Name the {noun} alone. What the keys begin with goes into prefix.",
        )


def check_s3_key(key: str) -> None:
    """https://docs.aws.amazon.com/AmazonS3/latest/userguide/object-keys.html"""
    _check_length(key, len(key.encode()), "bytes")


def check_blob_name(key: str) -> None:
    """https://learn.microsoft.com/rest/api/storageservices/naming-and-referencing-containers--blobs--and-metadata

    :raises Invalid: also for what a URL would be shortened by on its way, so that another blob would be written.
    """
    _check_length(key, len(key), "characters")
    if any(part in (".", "..") for part in key.split("/")):
        raise Invalid(f"key {key} has . or .. for a directory, which no blob can have", hint="Choose another name.")


def check_gcs_name(key: str) -> None:
    """https://cloud.google.com/storage/docs/objects#naming"""
    _check_length(key, len(key.encode()), "bytes")
    if re.search("[\r\n]", key):
        raise Invalid(f"key {key!r} has a line break, which no object's name can have", hint="Rename the file.")
    if key in (".", "..") or key.startswith(".well-known/acme-challenge/"):
        raise Invalid(f"key {key} is none that Cloud Storage takes", hint="Choose another name.")


def _check_length(key: str, length: int, unit: str) -> None:
    if length > LONGEST_KEY:
        raise Invalid(f"key {key[:60]}... has {length} {unit}; {LONGEST_KEY} are allowed", hint="Choose a shorter one.")


def items_from(
    options: Mapping[str, Any], files: Iterable[tuple[str, str]], check_key: Callable[[str], None] = check_s3_key
) -> list[Item]:
    """What is wanted, from the options of the module and the files of ``src``.

    :param files: (name, path) of each file of ``src``.
    :param check_key: refuses what can't be a key at the provider.
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
    _check_keys(items, check_key)
    return items


def _check_keys(items: Iterable[Item], check_key: Callable[[str], None]) -> None:
    """Each key is UTF-8, is one that the provider takes, and is wanted once."""
    seen = set()
    for key in (item.key for item in items):
        try:
            key.encode()
        except UnicodeEncodeError as error:
            raise Invalid(f"{key!r} is no UTF-8, as keys have to be", hint="Rename the file.") from error
        check_key(key)
        if key in seen:
            raise Invalid(f"key {key} is wanted twice", hint="Take it out of objects, or out of src.")
        seen.add(key)


# ---- the plan


def plan_upload(bucket: str, candidates: Sequence[Candidate], noun: str = "bucket") -> Plan:
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
    return Plan(f"{noun} {bucket}", steps, before, after)


def _describe(size: int, sha256: str, content_type: str) -> dict[str, Any]:
    """An object as a diff shows it: never its content, which may be secret."""
    shown = {"bytes": size, "sha256": sha256, "content_type": content_type}
    return {name: value for name, value in shown.items() if value != ""}
