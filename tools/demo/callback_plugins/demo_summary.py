# Copyright (c) 2026 cloudops.core contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Prints what the playbook left in its statistics, as a table for people. Only make demo uses it."""

from __future__ import annotations

import textwrap
from collections.abc import Iterator, Mapping
from typing import Any

from ansible.plugins.callback import CallbackBase

DOCUMENTATION = """
name: demo_summary
type: aggregate
short_description: Summary of the demo
description:
  - Prints the results that the playbook bucket_lifecycle keeps with set_stats.
"""

KINDS = {
    "objects": "objects",
    "versions": "older versions",
    "delete_markers": "delete markers",
    "uploads": "unfinished uploads",
    "bytes": "bytes",
}


def rows(stats: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    """The lines of the table: what it is about, and what there is to say."""
    result = stats["bucket_lifecycle"]
    would = "would be " if result["check_mode"] else ""
    yield "bucket", result["name"]
    yield f"{would}made", ", ".join(result["provisioned"]) or "nothing"
    if "demo_filled" in stats:
        yield "filled with", stats["demo_filled"]
    yield "held", f"{result['held_seconds']} s"
    removed = [f"{count:,} {KINDS[kind]}" for kind, count in result["removed"].items() if count]
    yield f"{would}removed", ", ".join(removed) or "nothing"
    yield "cleaned up", ", ".join(result["cleaned_up"]) or "nothing to do"
    calls = result["api_calls"]
    yield "requests", f"{sum(calls.values())}: " + ", ".join(f"{name} {count}" for name, count in sorted(calls.items()))
    yield "took", ", ".join(f"{phase} {seconds:.1f} s" for phase, seconds in result["seconds"].items())


class CallbackModule(CallbackBase):  # type: ignore[misc]  # ansible-core has no types
    """One table at the end."""

    CALLBACK_VERSION = 2.0
    CALLBACK_TYPE = "aggregate"
    CALLBACK_NAME = "demo_summary"
    CALLBACK_NEEDS_ENABLED = True

    def v2_playbook_on_stats(self, stats: Any) -> None:
        """Print the table."""
        found = stats.custom.get("_run", {})
        if "bucket_lifecycle" in found:
            for name, text in rows(found):
                self._display.display(
                    textwrap.fill(text, 110, initial_indent=f"  {name:<18}", subsequent_indent=" " * 20)
                )
