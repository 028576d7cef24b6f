# Copyright (c) 2026 cloudops.core contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Files of JSON lines that several writers append to: one record, one line, whoever else writes at the same time."""

from __future__ import annotations

import fcntl
import json
import math
import os
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any

from ansible_collections.cloudops.core.plugins.module_utils._core.errors import CloudOpsError, Invalid, NotFound
from ansible_collections.cloudops.core.plugins.module_utils._core.wait import REAL_CLOCK, Clock, wait_for

MODE = 0o640


def append(
    path: str, records: Sequence[Mapping[str, Any]], *, mode: int = MODE, timeout: float = 10, clock: Clock = REAL_CLOCK
) -> int:
    """Append the records, and return how many bytes that took. Without records the file is only made, if it isn't there.

    A lock keeps writers apart. When the file's last line has no end (its writer was killed), the records begin a line of their own.

    :param mode: permissions of a file that is made.
    :param timeout: seconds to wait for other writers.
    :raises NotFound: when there is no such directory.
    :raises Timeout: when another writer doesn't let go of the file.
    :raises CloudOpsError: when the file can't be written, for whatever the system says.
    """
    text = "".join(as_line(record) for record in records)
    with _story(path), _opened(path, mode) as file:
        wait_for(
            lambda: _locked(file), bool, timeout=timeout, what=f"the lock of {path}", delays=iter((0.05,)), clock=clock
        )
        whole = (("\n" if text and _is_torn(file) else "") + text).encode()
        _write(file, whole)
        return len(whole)


def check(path: str) -> None:
    """Raise what ``append`` would raise, as far as that can be told without making or opening the file.

    :raises NotFound: when there is no such directory.
    :raises Invalid: when it is there and isn't a file that may be written, or a directory in which none may be made.
    """
    folder = os.path.dirname(os.path.abspath(path))
    if not os.path.isdir(folder):
        raise _no_folder(path)
    place = path if os.path.exists(path) else folder
    if os.path.isdir(path) or not os.access(place, os.W_OK):
        raise Invalid(
            f"{path} is a directory, or may not be written", operation="append to the file", hint="Choose another path."
        )


def as_line(record: Mapping[str, Any]) -> str:
    """A record as one line of JSON, with its end. NaN and infinity, which JSON doesn't have, become null."""
    return json.dumps(_finite(record), separators=(",", ":"), allow_nan=False) + "\n"


def _finite(value: Any) -> Any:
    if isinstance(value, float) and not math.isfinite(value):
        return None
    if isinstance(value, Mapping):
        return {key: _finite(item) for key, item in value.items()}
    if isinstance(value, (list, tuple)):
        return [_finite(item) for item in value]
    return value


@contextmanager
def _story(path: str) -> Iterator[None]:
    """Tell what the system refuses in the words that all errors have."""
    try:
        yield
    except FileNotFoundError:
        raise _no_folder(path) from None
    except OSError as error:
        raise CloudOpsError(
            error.strerror or str(error),
            operation="append to the file",
            resource=path,
            code=type(error).__name__,
            hint="Choose a path that the user of the task may write.",
        ) from None


def _no_folder(path: str) -> NotFound:
    return NotFound(
        "there is no such directory", operation="append to the file", resource=path, hint="Make the directory first."
    )


@contextmanager
def _opened(path: str, mode: int) -> Iterator[int]:
    """Every write goes to the end, wherever that is by then. Closing lets go of the lock."""
    file = os.open(path, os.O_RDWR | os.O_APPEND | os.O_CREAT | os.O_CLOEXEC, mode)
    try:
        yield file
    finally:
        os.close(file)


def _locked(file: int) -> bool:
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


def _is_torn(file: int) -> bool:
    size = os.fstat(file).st_size
    return size > 0 and os.pread(file, 1, size - 1) != b"\n"


def _write(file: int, data: bytes) -> None:
    left = memoryview(data)
    while left:
        left = left[os.write(file, left) :]
