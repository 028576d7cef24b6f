# Copyright (c) 2026 cloudops.core contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A chart of scaling decisions in plain text: one row for each record, a bar for the metric and one for the size."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from ansible_collections.cloudops.core.plugins.module_utils._core.errors import Invalid
from ansible_collections.cloudops.core.plugins.module_utils._domain.times import read_iso

WIDTH = 30


@dataclass(frozen=True)
class Row:
    """What one record says of one target.

    :param time: local to whoever wrote it, as it stands in the record.
    :param value: of the metric; None when it was missing.
    :param size: replicas or instances after the decision.
    """

    time: str
    value: float | None
    size: int | None
    note: str


def chart(records: Sequence[Mapping[str, Any]], target: str = "", metric: str = "", width: int = WIDTH) -> list[str]:
    """The lines of the chart, a part for each target in the records, or for the one that is named.

    :param metric: name of the metric to draw; the one that was decided by, or else the first, where none is given.
    :param width: characters of the longest bar.
    :raises Invalid: when what was given are no decision records.
    """
    if width < 1:
        raise Invalid("width is less than 1")
    found = _by_target(records)
    names = [target] if target else list(found)
    lines: list[str] = []
    for name in names:
        if name not in found:
            raise Invalid(
                f"target: there is no record of {name}", hint=f"There are records of {', '.join(found) or 'none'}."
            )
        lines += ([""] if lines else []) + _part(name, found[name], metric, width)
    return lines


_Found = list[tuple[Mapping[str, Any], Mapping[str, Any]]]


def _by_target(records: Sequence[Mapping[str, Any]]) -> dict[str, _Found]:
    """Each record that speaks of a target, with its part about it."""
    found: dict[str, _Found] = {}
    for number, record in enumerate(records):
        targets = record.get("targets") if isinstance(record, Mapping) else None
        if not isinstance(targets, Sequence) or not all(
            isinstance(item, Mapping) and "target" in item for item in targets
        ):
            raise Invalid(
                f"records[{number}] is no decision record", hint="It has targets, a list, and each has its target."
            )
        for item in targets:
            found.setdefault(str(item["target"]), []).append((record, item))
    return found


def _part(name: str, found: _Found, metric: str, width: int) -> list[str]:
    drawn = metric or next(_candidates(found), "metric")
    rows = [_row(record, item, drawn) for record, item in found]
    values = [row.value for row in rows if row.value is not None]
    sizes = [row.size for row in rows if row.size is not None]
    # A bar of sizes has a character for each replica, unless that gets too long.
    top, most = max([*values, 0.0]), max([*sizes, 1])
    size_width = min(most, width)
    passes = "1 pass" if len(rows) == 1 else f"{len(rows)} passes"
    span = f"from {_first(sizes)} to {_last(sizes)}, most {most if sizes else '-'}"
    lines = [f"{name}: {passes}, {span}", f"{'time':<10}{drawn:>10}  {'':<{width}}  {'size':>4}"]
    for row in rows:
        value = "-" if row.value is None else f"{row.value:.1f}"
        size = "-" if row.size is None else str(row.size)
        bars = f"{_bar(row.value, top, width, '#')}  {size:>4} {_bar(row.size, most, size_width, '=')}"
        lines.append(f"{row.time:<10}{value:>10}  {bars}  {row.note}".rstrip())
    return lines


def _first(sizes: Sequence[int]) -> str:
    return str(sizes[0]) if sizes else "-"


def _last(sizes: Sequence[int]) -> str:
    return str(sizes[-1]) if sizes else "-"


def _bar(value: float | None, most: float, width: int, sign: str) -> str:
    """A bar of a fixed width; what is more than nothing has one sign at least."""
    length = 0 if not value or value < 0 or most <= 0 else max(1, round(width * value / most))
    return f"{sign * length:<{width}}"


def _candidates(found: _Found) -> Iterator[str]:
    """Names of metrics, the best to draw first."""
    for _record, item in found:
        yield from (str(proposal["metric"]) for proposal in _proposals(item) if proposal.get("metric"))
    for record, _item in found:
        yield from (str(one["name"]) for one in record.get("metrics") or () if one.get("name"))


def _proposals(item: Mapping[str, Any]) -> Sequence[Mapping[str, Any]]:
    return (item.get("decision") or {}).get("proposals") or ()


def _row(record: Mapping[str, Any], item: Mapping[str, Any], metric: str) -> Row:
    size = next((item[key] for key in ("desired", "after", "before") if item.get(key) is not None), None)
    return Row(
        _clock(str(record.get("time", ""))),
        _value(record, item, metric),
        None if size is None else int(size),
        _note(item),
    )


def _value(record: Mapping[str, Any], item: Mapping[str, Any], metric: str) -> float | None:
    """What the target was decided by, or else what was measured."""
    own = (None, "", item.get("target"))
    measured = [one for one in record.get("metrics") or () if one.get("name") == metric and one.get("target") in own]
    for one in (*(proposal for proposal in _proposals(item) if proposal.get("metric") == metric), *measured):
        if one.get("value") is not None:
            return float(one["value"])
    return None


def _note(item: Mapping[str, Any]) -> str:
    if item.get("outcome") == "failed":
        return "failed"
    action, reason = str(item.get("action") or ""), str(item.get("reason") or "")
    return ": ".join(part for part in (action, reason) if part)


def _clock(text: str) -> str:
    """The time of day, to the second."""
    try:
        return read_iso(text).strftime("%H:%M:%S")
    except ValueError:
        return text[:8]
