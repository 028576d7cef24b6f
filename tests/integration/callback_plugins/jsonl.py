# Copyright (c) 2026 cloudops.core contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Writes each task's result as one line of JSON, for the tests' playbook runner."""

from __future__ import annotations

import json
from typing import Any

from ansible.plugins.callback import CallbackBase

DOCUMENTATION = """
name: jsonl
type: aggregate
short_description: One line of JSON per task result
description:
  - Appends each task result to a file. Only the tests of this collection use it.
options:
  path:
    description: The file to append to.
    type: path
    required: true
    env:
      - name: CLOUDOPS_TEST_RESULTS
    ini:
      - section: callback_jsonl
        key: path
"""


class CallbackModule(CallbackBase):  # type: ignore[misc]  # ansible-core has no types
    """One line per result: name, action, status and the result as the module gave it."""

    CALLBACK_VERSION = 2.0
    CALLBACK_TYPE = "aggregate"
    CALLBACK_NAME = "jsonl"
    CALLBACK_NEEDS_ENABLED = True

    def _write(self, status: str, result: Any, **more: Any) -> None:
        # ansible-core 2.19 renames the attributes; the underscored ones are all that 2.16 has.
        task = getattr(result, "task", None) or result._task
        data = getattr(result, "result", None) or result._result
        line = {"name": task.get_name(), "action": task.action, "status": status, "data": dict(data), **more}
        with open(self.get_option("path"), "a", encoding="utf-8") as file:
            file.write(json.dumps(line, default=str) + "\n")

    def v2_runner_on_ok(self, result: Any) -> None:
        """Write a result that is ok or changed."""
        data = getattr(result, "result", None) or result._result
        self._write("changed" if data.get("changed") else "ok", result)

    def v2_runner_on_failed(self, result: Any, ignore_errors: bool = False) -> None:
        """Write a failure."""
        self._write("failed", result, ignored=ignore_errors)

    def v2_runner_on_skipped(self, result: Any) -> None:
        """Write a skipped task."""
        self._write("skipped", result)

    def v2_runner_on_unreachable(self, result: Any) -> None:
        """Write an unreachable host."""
        self._write("unreachable", result)
