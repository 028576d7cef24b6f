# Copyright (c) 2026 cloudops.core contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Tells how far long operations are while they run."""

from __future__ import annotations

DOCUMENTATION = r"""
name: progress
type: notification
short_description: Tells how far long operations are while they run
version_added: 0.1.0
author:
  - cloudops.core contributors (@cloudops-core)
description:
  - Emptying a bucket, or bringing a fleet to a state, may take many minutes in which Ansible says nothing. With this callback the modules
    of this collection tell how far they are - how many are done, of how many, how fast, and how long it may still take.
  - On a terminal that is one line that is kept up to date. In a log, and in the output of AWX, it is a line for each operation every
    O(interval) seconds; what is over sooner isn't told of.
  - It hears modules that run on the control node (C(connection=local)), or in the same execution environment, without C(become). All
    playbooks of this collection do. Others are silent.
  - Modules write a small file at most four times a second, into a directory that only the user may read, and that is removed in the end.
    When the callback is off they write nothing. When they can't write, they go on without a word.
requirements:
  - Enable it with C(callbacks_enabled=cloudops.core.progress) in the section C(defaults) of C(ansible.cfg), or with
    E(ANSIBLE_CALLBACKS_ENABLED).
options:
  enabled:
    description:
      - Whether it does anything. So it may be enabled for all once, and switched on or off for one run or job template.
    type: bool
    default: true
    env:
      - name: CLOUDOPS_PROGRESS
    ini:
      - section: callback_cloudops_progress
        key: enabled
  interval:
    description:
      - Seconds between two lines on the same operation, with O(style=lines).
    type: float
    default: 30
    env:
      - name: CLOUDOPS_PROGRESS_INTERVAL
    ini:
      - section: callback_cloudops_progress
        key: interval
  style:
    description:
      - V(live) keeps one line up to date. V(lines) writes a new one each time. V(auto) chooses V(live) on a terminal, unless AWX or a
        build server reads it.
    type: str
    choices: [auto, live, lines]
    default: auto
    env:
      - name: CLOUDOPS_PROGRESS_STYLE
    ini:
      - section: callback_cloudops_progress
        key: style
"""

EXAMPLES = r"""
ansible.cfg: |
  # Enable callbacks. Others go into the same list, with commas.
  [defaults]
  callbacks_enabled = cloudops.core.progress

  [callback_cloudops_progress]
  interval = 60

command line: |
  ANSIBLE_CALLBACKS_ENABLED=cloudops.core.progress ansible-playbook cloudops.core.bucket_lifecycle -e bucket_lifecycle_name=logs
"""

import atexit
import os
import shutil
import sys
import tempfile
import time
from collections.abc import Callable, Mapping
from typing import Any

from ansible.plugins.callback import CallbackBase
from ansible_collections.cloudops.core.plugins.module_utils._core.fanout import Ticker
from ansible_collections.cloudops.core.plugins.module_utils._core.progress import DIRECTORY, SUFFIX
from ansible_collections.cloudops.core.plugins.module_utils._domain.progress import Meter, Report, line, read_report

LIVE = "live"
LINES = "lines"
# Seconds between two looks. On a terminal often, so that the line is gone before Ansible writes its next one.
LOOKS = {LIVE: 0.1, LINES: 1.0}
# A file is a few hundred bytes; more is nothing of ours.
MOST_BYTES = 10_000
CLEAR = "\r\x1b[K"


class Board:
    """Reads what modules tell, and writes it for people.

    :param interval: seconds between two lines on the same operation.
    :param write: writes text; whether it ends a line is the second argument.
    :param now: seconds since 1970.
    :param width: columns of the terminal.
    """

    def __init__(
        self,
        directory: str,
        style: str,
        interval: float,
        write: Callable[[str, bool], None],
        *,
        now: Callable[[], float] = time.time,
        width: Callable[[], int] = lambda: shutil.get_terminal_size().columns,
    ) -> None:
        self._directory = directory
        self._style = style
        self._interval = interval
        self._write = write
        self._now = now
        self._width = width
        self._meters: dict[str, Meter] = {}
        self._said: dict[str, float] = {}
        self._shown = ""

    def tick(self) -> None:
        """Look once."""
        now = self._now()
        reports = self._read()
        self._meters = {
            name: self._meters.get(name, Meter()).seen(now, report.done) for name, report in reports.items()
        }
        self._said = {name: self._said.get(name, report.began) for name, report in reports.items()}
        if self._style == LIVE:
            self._show_live(reports, now)
        else:
            self._say_due(reports, now)

    def clear(self) -> None:
        """Leave no line behind."""
        if self._shown:
            self._write(CLEAR, False)
            self._shown = ""

    def _read(self) -> dict[str, Report]:
        """What is told, by file, the longest running first."""
        found: dict[str, Report] = {}
        try:
            names = [name for name in os.listdir(self._directory) if name.endswith(SUFFIX)]
        except OSError:
            return found
        for name in names:
            try:
                with open(os.path.join(self._directory, name), encoding="utf-8", errors="replace") as file:
                    report = read_report(file.read(MOST_BYTES))
            except OSError:
                continue
            if report is not None and _is_alive(report.pid):
                found[name] = report
        return dict(sorted(found.items(), key=lambda item: (item[1].began, item[0])))

    def _show_live(self, reports: Mapping[str, Report], now: float) -> None:
        text = " | ".join(line(report, self._meters[name], now) for name, report in reports.items())
        # One column stays free: a terminal may break the line when its last one is written to.
        text = text[: max(0, self._width() - 1)]
        if not text:
            self.clear()
        elif text != self._shown:
            # The cursor goes back to the start, so that whatever comes next is written over it.
            self._write(f"{CLEAR}{text}\r", False)
            self._shown = text

    def _say_due(self, reports: Mapping[str, Report], now: float) -> None:
        for name, report in reports.items():
            if now - self._said[name] >= self._interval:
                self._said[name] = now
                self._write(line(report, self._meters[name], now), True)


def _is_alive(pid: int) -> bool:
    """A module that was killed leaves its file behind."""
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except (OSError, OverflowError):
        return True
    return True


def choose_style(wanted: str, terminal: bool, env: Mapping[str, str]) -> str:
    """AWX gives its jobs a terminal, too, but nobody looks at it."""
    if wanted in (LIVE, LINES):
        return wanted
    watched = (
        terminal and env.get("TERM", "dumb") != "dumb" and not {"AWX_ISOLATED_DATA_DIR", "JOB_ID", "CI"} & set(env)
    )
    return LIVE if watched else LINES


class CallbackModule(CallbackBase):  # type: ignore[misc]  # ansible-core has no types
    """Listens from the start of the playbook to its end."""

    CALLBACK_VERSION = 2.0
    CALLBACK_TYPE = "notification"
    CALLBACK_NAME = "cloudops.core.progress"
    CALLBACK_NEEDS_ENABLED = True

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self._directory = ""
        self._board: Board | None = None
        self._ticker: Ticker | None = None
        self._pid = 0

    def v2_playbook_on_start(self, playbook: Any) -> None:
        """Name a directory in the environment, which local modules get, and begin to look into it."""
        if not self.get_option("enabled") or self._ticker is not None:
            return
        try:
            self._directory = tempfile.mkdtemp(prefix="cloudops-progress-")
        except OSError as error:
            self._display.warning(f"cloudops.core.progress is off, as it can't make a temporary directory: {error}")
            return
        self._pid = os.getpid()
        os.environ[DIRECTORY] = self._directory
        atexit.register(self._end)  # a run that is broken off has no statistics
        style = choose_style(self.get_option("style"), sys.stdout.isatty(), os.environ)
        interval = max(1.0, self.get_option("interval"))
        self._board = Board(self._directory, style, interval, self._write)
        self._ticker = Ticker(self._board.tick, LOOKS[style])

    def v2_playbook_on_stats(self, stats: Any) -> None:
        """The playbook is at its end."""
        self._end()

    def _end(self) -> None:
        """Once, and in the process that began it: Ansible's workers are copies of it."""
        if self._ticker is None or self._board is None or os.getpid() != self._pid:
            return
        self._ticker.stop()
        self._ticker = None
        self._board.clear()
        os.environ.pop(DIRECTORY, None)
        shutil.rmtree(self._directory, ignore_errors=True)

    def _write(self, text: str, ends: bool) -> None:
        """Through Ansible's own display: it knows the log and AWX, and when another process must not be begun."""
        if ends:
            self._display.display(text)
        else:
            self._display.display(text, screen_only=True, newline=False)
