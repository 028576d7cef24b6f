# Copyright (c) 2026 cloudops.core contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What one pass of an autoscaler came to: lines for people, a record for evidence, and the sum of all passes so far."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

Data = Mapping[str, Any]

KEPT = 200
"""So many actions and failures are kept in the sum; a loop that runs for days must not grow without end."""

PASSING = ("throttled", "timeout", "unavailable")
"""Kinds of errors of a source that may be gone in the next pass: the policy's on_missing has the say until then."""

ACTIONS = ("up", "down", "hold", "skipped", "failed")


@dataclass(frozen=True)
class Pass:
    """One pass.

    :param answer: result of the module that scaled, or of its failure; empty where it never ran.
    :param metrics: what the decision was made from.
    :param time: ISO 8601.
    :param number: of the pass, from 1; 0 where passes aren't counted.
    :param source: what the metrics came from.
    :param failure: result of the task that could not read them; empty where all could be read.
    :param read: result of the module that read the metrics; its calls are counted, too.
    """

    answer: Data
    metrics: Sequence[Data] = ()
    time: str = ""
    number: int = 0
    source: str = ""
    failure: Data = field(default_factory=dict)
    read: Data = field(default_factory=dict)
    dry_run: bool = False

    @property
    def results(self) -> list[Data]:
        """The targets."""
        return list(self.answer.get("results") or ())

    @property
    def source_failure(self) -> dict[str, str]:
        """Kind and message of what went wrong with the source; of several kinds, one that doesn't pass by itself."""
        if not self.failure:
            return {}
        kinds = [str(item.get("kind") or "") for item in self.failure.get("failures") or ()]
        kinds = kinds or [str((self.failure.get("error") or {}).get("kind") or "")]
        kind = next((kind for kind in kinds if kind not in PASSING), kinds[0])
        return {"kind": kind or "unknown", "message": str(self.failure.get("msg") or "the task failed")}

    @property
    def broken(self) -> str:
        """Why nothing at all was decided; empty when something was, or there was nothing to do."""
        failed = bool(self.answer.get("failed")) and not self.results
        return str(self.answer.get("msg") or "the task failed, and did not say why") if failed else ""


def report(one: Pass, before: Data | None = None) -> dict[str, Any]:
    """The lines, the record, and the sum of this pass and those before it.

    ``hopeless`` says that the next pass can't go better: what was asked for is wrong, or the module can't run.

    :param before: the ``total`` of the pass before.
    """
    kind = (one.answer.get("error") or {}).get("kind", "")
    failures = [*_source_failures(one), *_target_failures(one)]
    return {
        "lines": [*_source_lines(one), *_target_lines(one)],
        "record": _record(one, failures),
        "total": _total(one, failures, before or {}),
        "hopeless": bool(one.broken) and kind in ("", "invalid"),
    }


# For people


def _lead(one: Pass) -> str:
    return f"pass {one.number}: " if one.number else ""


def _source_lines(one: Pass) -> list[str]:
    failure = one.source_failure
    return [f"{_lead(one)}could not read metrics from {one.source}: {failure['message']}"] if failure else []


def _target_lines(one: Pass) -> list[str]:
    if one.broken:
        return [f"{_lead(one)}FAILED: {one.broken}"]
    failures = {_name(failure): failure for failure in one.answer.get("failures") or ()}
    lines = [_target_line(one, item, failures.get(_name(item))) for item in one.results]
    return [_lead(one) + line for line in lines or ["nothing matches the selection"]]


def _target_line(one: Pass, item: Data, failure: Data | None) -> str:
    """Metric, current -> desired, reason."""
    measured = ", ".join(f"{name} {_number(value)}" for name, value in _measured(one, item).items())
    before, desired = item.get("before"), item.get("desired")
    size = "" if before is None else f"{before} -> {before if desired is None else desired}"
    lead = f"{_name(item)}: " + "".join(f"{part}, " for part in (measured, size) if part)
    if item.get("outcome") == "failed":
        return f"{lead}FAILED: {(failure or item).get('message', '')}"
    reason, message = str(item.get("reason") or ""), _without_size(str(item.get("message") or ""), before, desired)
    return lead + (f"{reason}: {message}" if reason and message else reason or message)


def _without_size(message: str, before: Any, desired: Any) -> str:
    """The engine's sentence without the sizes at its end, which the line has already."""
    return message.removesuffix(f": {before} -> {desired}").removesuffix(f"; stays at {before}")


def _name(item: Data) -> str:
    return str(item.get("target") or item.get("name") or "")


def _number(value: Any) -> str:
    if value is None:
        return "missing"
    return f"{value:.4g}" if isinstance(value, float) else str(value)


def _measured(one: Pass, item: Data) -> dict[str, Any]:
    """Values by metric: those that were decided by, or else all that were measured for this target."""
    proposals = (item.get("decision") or {}).get("proposals") or ()
    if proposals:
        return {str(proposal.get("metric")): proposal.get("value") for proposal in proposals}
    own = (None, "", item.get("target"))
    return {_metric_name(metric): metric.get("value") for metric in one.metrics if metric.get("target") in own}


def _metric_name(metric: Data) -> str:
    return str(metric.get("name") or metric.get("key") or metric.get("id"))


# For evidence


def _record(one: Pass, failures: Sequence[Data]) -> dict[str, Any]:
    return {
        "time": one.time,
        "pass": one.number,
        "check_mode": one.dry_run,
        "source": one.source,
        "source_failure": one.source_failure or None,
        "metrics": [dict(metric) for metric in one.metrics],
        "targets": [dict(item) for item in one.results],
        "changed": bool(one.answer.get("changed")),
        "actions": list(one.answer.get("actions") or ()),
        "failures": [dict(failure) for failure in failures],
    }


# Added up


def _source_failures(one: Pass) -> list[dict[str, Any]]:
    failure = one.source_failure
    if not failure or failure["kind"] in PASSING:
        return []
    return [_failure(one, "", failure["kind"], f"could not read metrics from {one.source}: {failure['message']}")]


def _target_failures(one: Pass) -> list[dict[str, Any]]:
    if one.broken:
        return [_failure(one, "", (one.answer.get("error") or {}).get("kind"), one.broken)]
    return [
        _failure(one, _name(item), item.get("kind"), f"{_name(item)}: {item.get('message', '')}".strip())
        for item in one.answer.get("failures") or ()
    ]


def _failure(one: Pass, target: str, kind: Any, message: str) -> dict[str, Any]:
    return {"pass": one.number, "time": one.time, "target": target, "kind": str(kind or "unknown"), "message": message}


def _total(one: Pass, failures: Sequence[Data], before: Data) -> dict[str, Any]:
    counts = {name: int((before.get("counts") or {}).get(name, 0)) for name in ACTIONS}
    for item in one.results:
        counts[_counted_as(item)] += 1
    return {
        "passes": int(before.get("passes", 0)) + 1,
        "check_mode": one.dry_run,
        "changed": bool(before.get("changed")) or bool(one.answer.get("changed")),
        "counts": counts,
        "results": [_short(one, item) for item in one.results],
        "actions": _latest(
            before.get("actions"), (f"{one.time} {action}" for action in one.answer.get("actions") or ())
        ),
        "failures": _latest(before.get("failures"), failures),
        "api_calls": _sum(*(part.get("api_calls") or {} for part in (before, one.read, one.answer))),
    }


def _counted_as(item: Data) -> str:
    outcome = str(item.get("outcome"))
    return outcome if outcome in ("skipped", "failed") else str(item.get("action") or "hold")


def _short(one: Pass, item: Data) -> dict[str, Any]:
    kept = ("before", "desired", "after", "outcome", "action", "reason", "message", "limited_by")
    return {"target": _name(item), "metrics": _measured(one, item), **{key: item.get(key) for key in kept}}


def _latest(before: Any, more: Iterable[Any]) -> list[Any]:
    return [*(before or ()), *more][-KEPT:]


def _sum(*parts: Data) -> dict[str, int]:
    names = sorted({name for part in parts for name in part})
    return {name: sum(int(part.get(name, 0)) for part in parts) for name in names}
