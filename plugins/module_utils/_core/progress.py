# Copyright (c) 2026 cloudops.core contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""How far a long operation is, told while it runs: a small file for each, in a directory that the callback cloudops.core.progress names.

The name of the directory comes in the environment, which a module gets from ansible-playbook when it runs on the same machine. Without
it nothing is written. Whatever goes wrong with the file, the operation goes on.
"""

from __future__ import annotations

import itertools
import json
import os
import tempfile
import time
from collections.abc import Callable
from contextlib import suppress

DIRECTORY = "CLOUDOPS_PROGRESS_DIRECTORY"
SUFFIX = ".json"
# Seconds between writes at the least.
PAUSE = 0.25

_numbers = itertools.count()


class Progress:
    """Tells of one operation. May be told from several threads.

    :param what: what is done, to what ("empty bucket logs").
    :param unit: what is counted ("objects").
    :param total: how many there are; None when nobody knows.
    :param directory: where to tell it; "" to tell nobody. None: what the environment says.
    :param now: seconds since 1970.
    """

    def __init__(
        self,
        what: str,
        unit: str,
        total: int | None = None,
        *,
        directory: str | None = None,
        now: Callable[[], float] = time.time,
    ) -> None:
        self._directory = os.environ.get(DIRECTORY, "") if directory is None else directory
        self._path = ""
        if not self._directory:
            return
        self._path = os.path.join(self._directory, f"{os.getpid()}-{next(_numbers)}{SUFFIX}")
        self._now = now
        self._began = now()
        self._written = float("-inf")
        self._story = {"what": what, "unit": unit, "total": total, "pid": os.getpid(), "began": self._began}

    def __enter__(self) -> Progress:
        return self

    def __exit__(self, *_error: object) -> None:
        self.close()

    @property
    def is_told(self) -> bool:
        """Whether anybody listens; for callers to whom counting is work."""
        return bool(self._path)

    def update(self, done: int, total: int | None = None) -> None:
        """So many are done. Costs nothing when nobody listens, and next to nothing when the last write was just now."""
        if not self._path:
            return
        if total is not None:
            self._story["total"] = total
        now = self._now()
        if 0 <= now - self._written < PAUSE:
            return
        self._written = now
        self._write({**self._story, "done": done})

    def close(self) -> None:
        """The operation is over."""
        if self._path:
            with suppress(OSError):
                os.unlink(self._path)
            self._path = ""

    def _write(self, story: dict[str, object]) -> None:
        """All of it or nothing. When that fails (no space, no directory), nobody hears more of this operation."""
        temporary = ""
        try:
            handle, temporary = tempfile.mkstemp(dir=self._directory)
            with open(handle, "w", encoding="utf-8") as file:
                json.dump(story, file)
            os.replace(temporary, self._path)
        except OSError:
            with suppress(OSError):
                os.unlink(temporary)
            self.close()


SILENT = Progress("", "", directory="")
