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
  - Prints the results that the playbooks keep with set_stats.
"""

KINDS = {
    "objects": "objects",
    "versions": "older versions",
    "snapshots": "snapshots",
    "delete_markers": "delete markers",
    "uploads": "unfinished uploads",
    "bytes": "bytes",
}


def rows(stats: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    """The lines of the table: what it is about, and what there is to say."""
    for name, lines in (
        ("bucket_lifecycle", bucket_rows),
        ("idle_instances", idle_rows),
        ("power_schedule", power_rows),
        ("autoscale", autoscale_rows),
    ):
        if name in stats:
            yield from lines(stats[name], stats)
            calls = stats[name]["api_calls"]
            yield "requests", f"{sum(calls.values())}: " + ", ".join(f"{call} {calls[call]}" for call in sorted(calls))


def idle_rows(result: Mapping[str, Any], stats: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    """What idle_instances found and did."""
    kinds = ("idle", "active", "unknown", "excluded")
    yield (
        "running",
        f"{result['counts']['running']}: " + ", ".join(f"{result['counts'][kind]} {kind}" for kind in kinds),
    )
    yield "tagged", f"{result['tagged']}"
    yield "stopped", f"{len(result['stopped'])}"
    yield "idle a month", f"{result['savings']['cost']:,.2f} {result['savings']['currency']}"


def power_rows(result: Mapping[str, Any], stats: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    """What power_schedule planned and did."""
    would = "would be " if result["check_mode"] else ""
    yield "time", result["now"]
    yield "with a schedule", f"{result['counts']['scheduled']}"
    yield f"{would}stopped", f"{len(result['stopped'])}"
    yield f"{would}started", f"{len(result['started'])}"
    saved = result["savings"]
    yield "saves", f"{saved['hours']:g} h, {saved['cost'] or 0:,.2f} {saved['currency']} until they start again"


def autoscale_rows(result: Mapping[str, Any], stats: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    """What autoscale decided."""
    yield (
        "passes",
        f"{result['passes']}: " + ", ".join(f"{count} {name}" for name, count in result["counts"].items() if count),
    )


def bucket_rows(result: Mapping[str, Any], stats: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    """What bucket_lifecycle did."""
    would = "would be " if result["check_mode"] else ""
    yield "bucket", f"{result['name']} ({result['provider']})"
    yield f"{would}made", ", ".join(result["provisioned"]) or "nothing"
    if "demo_filled" in stats:
        yield "filled with", stats["demo_filled"]
    yield "held", f"{result['held_seconds']} s"
    removed = [f"{count:,} {KINDS[kind]}" for kind, count in result["removed"].items() if count]
    yield f"{would}removed", ", ".join(removed) or "nothing"
    yield "cleaned up", ", ".join(result["cleaned_up"]) or "nothing to do"
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
        for name, text in rows(found):
            self._display.display(textwrap.fill(text, 110, initial_indent=f"  {name:<18}", subsequent_indent=" " * 20))
