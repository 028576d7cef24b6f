# Copyright (c) 2026 cloudops.core contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Local files: finding them below a directory, and telling their contents apart."""

from __future__ import annotations

import hashlib
import mimetypes
import os
import stat
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import BinaryIO

from ansible_collections.cloudops.core.plugins.module_utils._core.errors import Conflict, Invalid

CHUNK = 1024 * 1024


@dataclass(frozen=True)
class Fingerprint:
    """What tells one content from another.

    :param size: bytes.
    :param stamp: what changes with every write to the file; empty for content that isn't in a file.
    """

    size: int
    sha256: str
    md5: str
    stamp: tuple[int, ...] = ()


def files_below(top: str) -> list[tuple[str, str]]:
    """(name, path) of a file, or of all files below a directory, where the name is relative to it, with slashes.

    Links to files are followed, links to directories are not.

    :raises Invalid: when there is no such file or directory, or a part of it can't be read.
    """
    if not os.path.isdir(top):
        if not os.path.exists(top):
            raise Invalid(f"src: there is no {top}", hint="Name a file or a directory of the host that runs the task.")
        return [(os.path.basename(top), top)]
    found = []
    for folder, _folders, names in os.walk(top, onerror=_refuse):
        for name in names:
            path = os.path.join(folder, name)
            found.append((os.path.relpath(path, top).replace(os.sep, "/"), path))
    return sorted(found)


def content_type_of(name: str) -> str:
    """The content type that the ending of a name stands for."""
    return mimetypes.guess_type(name)[0] or "application/octet-stream"


def _refuse(error: OSError) -> None:
    """A directory that can't be read must not look like an empty one."""
    raise _unreadable(error)


def _unreadable(error: OSError) -> Invalid:
    return Invalid(f"{error.filename}: {error.strerror}", code=type(error).__name__, hint="Make the file readable.")


def fingerprint_of_bytes(content: bytes) -> Fingerprint:
    """The fingerprint of a content in memory."""
    return Fingerprint(len(content), hashlib.sha256(content).hexdigest(), _md5(content).hexdigest())


def fingerprint_of_file(path: str) -> Fingerprint:
    """The fingerprint of a file, read in pieces.

    :raises Invalid: when it can't be read or isn't a regular file.
    """
    sha256, md5, size = hashlib.sha256(), _md5(), 0
    with open_file(path) as file:
        stamp = _stamp(path)
        while chunk := file.read(CHUNK):
            size += len(chunk)
            sha256.update(chunk)
            md5.update(chunk)
    return Fingerprint(size, sha256.hexdigest(), md5.hexdigest(), stamp)


def _md5(content: bytes = b"") -> hashlib._Hash:
    """To compare with sums that providers keep; nothing is secured by it."""
    return hashlib.md5(content, usedforsecurity=False)


@contextmanager
def open_file(path: str) -> Iterator[BinaryIO]:
    """Open a regular file to read; nothing else, as a pipe would keep us waiting.

    :raises Invalid: when it can't be opened or isn't a regular file.
    """
    try:
        if not stat.S_ISREG(os.stat(path).st_mode):
            raise Invalid(f"{path}: not a regular file", hint="Take it out of src.")
        file = open(path, "rb")  # noqa: SIM115  # closed below; only the opening is guarded here
    except OSError as error:
        raise _unreadable(error) from error
    with file:
        yield file


def _stamp(path: str) -> tuple[int, ...]:
    """What changes with every write to a file, and when another takes its place. Empty when it is gone."""
    try:
        status = os.stat(path)
    except OSError:
        return ()
    return (status.st_dev, status.st_ino, status.st_size, status.st_mtime_ns)


@contextmanager
def open_unchanged(path: str, stamp: tuple[int, ...]) -> Iterator[BinaryIO]:
    """Open a file whose stamp was taken with its fingerprint, and watch that it stays as it was then.

    :raises Conflict: before or after its use, when somebody wrote to it since.
    """
    with open_file(path) as file:
        _require_stamp(path, stamp)
        yield file
        _require_stamp(path, stamp)


def _require_stamp(path: str, stamp: tuple[int, ...]) -> None:
    if _stamp(path) != stamp:
        raise Conflict(
            f"{path} was written to while it was read",
            code="FileChanged",
            hint="Stop its writer, and run again: what was taken may be neither the old content nor the new.",
        )
