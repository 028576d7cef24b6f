# Copyright (c) 2026 cloudops.core contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Prints what debug tasks say and what fails, and no more: for a loop of many passes. Only make demo uses it."""

from __future__ import annotations

from typing import Any

from ansible.plugins.callback import CallbackBase

DOCUMENTATION = """
name: demo_lines
type: stdout
short_description: Lines of the demo
description:
  - Prints the messages of debug tasks, and failures.
"""


class CallbackModule(CallbackBase):  # type: ignore[misc]  # ansible-core has no types
    """Nothing but lines."""

    CALLBACK_VERSION = 2.0
    CALLBACK_TYPE = "stdout"
    CALLBACK_NAME = "demo_lines"

    def v2_runner_on_ok(self, result: Any) -> None:
        """Print what a debug task says."""
        if result._task.action in ("debug", "ansible.builtin.debug"):
            for line in result._result["msg"]:
                self._display.display(f"  {line}")

    def v2_runner_on_failed(self, result: Any, ignore_errors: bool = False) -> None:
        """Print why a task failed."""
        self._display.display(f"  FAILED: {result._task.name}: {result._result.get('msg')}")
