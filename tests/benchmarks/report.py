# Copyright (c) 2026 cloudops.core contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The figures as Markdown."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from tests.benchmarks.fleet import Watched
from tests.benchmarks.machine import middle
from tests.benchmarks.measure import Compared, Peak
from tests.benchmarks.sides import OURS, RIVAL, Side

HEAD = (
    "| collection | seconds, median | of all runs | its own CPU s | server's CPU s | others' CPU s | requests |",
    "| --- | --- | --- | --- | --- | --- | --- |",
)
BEGIN, END = "<!-- figures: begin -->", "<!-- figures: end -->"


@dataclass(frozen=True)
class Goal:
    """A ratio of the two collections' medians that was aimed at.

    :param faster: the ratio is theirs to ours and has to be at least this; otherwise ours to theirs and at most this.
    """

    bound: float
    faster: bool

    def judge(self, ours: float, rival: float) -> tuple[str, str]:
        """The ratio and the verdict, as text."""
        ratio = rival / ours if self.faster else ours / rival
        met = ratio >= self.bound if self.faster else ratio <= self.bound
        sign = "at least" if self.faster else "at most"
        return f"{ratio:.2f}", f"{sign} {self.bound:g}: {'met' if met else '**missed**'}"


def comparison(title: str, compared: Compared, goal: Goal | None) -> str:
    """One table: a line for each collection, and the ratio."""
    lines = [f"### {title}", "", *HEAD]
    us, them = compared.runs
    lines += [_line(side, compared) for side in (us, them)]
    ours, rival = (middle(compared.runs[side]).wall for side in (us, them))
    if goal is None:
        lines += ["", f"{them.name} takes {rival / ours:.2f} times as long as {us.name}."]
    else:
        ratio, verdict = goal.judge(ours, rival)
        what = f"{them.name} / {us.name}" if goal.faster else f"{us.name} / {them.name}"
        lines += ["", f"Ratio of the medians, {what}: **{ratio}** (target: {verdict})."]
    lines += [
        f"Requests of {side.name}: {_calls(compared.calls[side])}." for side in (us, them) if side in compared.calls
    ]
    return "\n".join(lines) + "\n"


def contest(title: str, compared: Compared, notes: Sequence[str]) -> str:
    """One table: a line for each side, and how the others do against the first."""
    us, *others = compared.runs
    ours, our_calls = middle(compared.runs[us]), sum(compared.calls[us].values())
    lines = [f"### {title}", "", *HEAD, *(_line(side, compared) for side in compared.runs), ""]
    for side in others:
        theirs, calls = middle(compared.runs[side]), sum(compared.calls[side].values())
        lines.append(
            f"{side.name} / {us.name}: **{theirs.wall / ours.wall:.2f}** of the time, "
            f"{theirs.command / ours.command:.2f} of its own CPU time, {calls / our_calls:.2f} of the requests."
        )
    lines += [f"Requests of {side.name}: {_calls(compared.calls[side])}." for side in compared.runs]
    return "\n".join([*lines, *notes]) + "\n"


def memory(peaks: Sequence[Peak], allowed: float) -> str:
    """The table of the module's memory."""
    lines = ["### Memory of the module's process", "", "| versions | peak, MiB |", "| --- | --- |"]
    lines += [f"| {peak.versions:,} | {peak.mib:.1f} |" for peak in peaks]
    growth = peaks[-1].mib / peaks[0].mib - 1
    verdict = "met" if growth <= allowed else "**missed**"
    lines += ["", f"Growth: **{growth:.1%}** (target: at most {allowed:.0%}: {verdict})."]
    return "\n".join(lines) + "\n"


def watched(found: Watched, goal: Goal) -> str:
    """The table of the metrics."""
    lines = [
        f"### A week of hourly metrics of {found.instances:,} instances, 50 ms before each request",
        "",
        "| how | seconds | its own CPU s | requests |",
        "| --- | --- | --- | --- |",
        f"| one task of cloudwatch_metric_info | {found.ours.wall:.2f} | {found.ours.command:.2f} | {found.ours_calls} |",
        f"| boto3, a request for each instance | {found.each.wall:.2f} | {found.each.command:.2f} | {found.each_calls} |",
    ]
    ratio, verdict = goal.judge(found.ours.wall, found.each.wall)
    lines += ["", f"Ratio of the times, ours / a request each: **{ratio}** (aim: {verdict})."]
    return "\n".join(lines) + "\n"


def calls_goal(compared: Compared, bound: float) -> str:
    """The ratio of the requests, held against its target."""
    ours, rival = (sum(compared.calls[side].values()) for side in (OURS, RIVAL))
    verdict = "met" if ours <= bound * rival else "**missed**"
    return f"Ratio of the requests, {OURS.name} / {RIVAL.name}: **{ours / rival:.3f}** (target: at most {bound:g}: {verdict}).\n"


def put_into(page: Path, figures: str) -> None:
    """Replace what stands between the two marks of a page.

    Raises ValueError when the page has no such marks.
    """
    text = page.read_text(encoding="utf-8")
    head, _unused, rest = text.partition(BEGIN)
    _unused, mark, tail = rest.partition(END)
    if not mark:
        raise ValueError(f"{page} has no {BEGIN} and {END}")
    page.write_text(f"{head}{BEGIN}\n\n{figures}\n{END}{tail}", encoding="utf-8")


def _line(side: Side, compared: Compared) -> str:
    runs = compared.runs[side]
    mid = middle(runs)
    each = " ".join(f"{run.wall:.1f}" if run.wall >= 10 else f"{run.wall:.2f}" for run in runs)
    calls = f"{sum(compared.calls[side].values())}" if side in compared.calls else "not counted"
    return (
        f"| {side.name} | {mid.wall:.2f} | {each} | {mid.command:.2f} | {mid.server:.2f} | {mid.others:.2f} | {calls} |"
    )


def _calls(calls: dict[str, int]) -> str:
    return ", ".join(f"{number} {name}" for name, number in sorted(calls.items()))
