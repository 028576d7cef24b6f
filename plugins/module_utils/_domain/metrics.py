# Copyright (c) 2026 cloudops.core contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a metric's datapoints say: windows, summaries and verdicts, whoever measured them.

Times are seconds since 1970 in UTC; a datapoint carries the time at which its period begins, or, where the provider has it so, at which
it ends. A value that is no number (NaN, infinity) is no datapoint, and no datapoint is never 0.

A verdict is what an alarm of CloudWatch would say, with ``breached``, ``ok`` and ``insufficient_data`` for its ALARM, OK and
INSUFFICIENT_DATA: https://docs.aws.amazon.com/AmazonCloudWatch/latest/monitoring/alarms-and-missing-data.html
"""

from __future__ import annotations

import math
import operator as operators
import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from ansible_collections.cloudops.core.plugins.module_utils._core.errors import Invalid
from ansible_collections.cloudops.core.plugins.module_utils._domain.times import iso_time

Points = tuple[tuple[float, float], ...]
"""(time, value), oldest first, one for each time, every value a finite number."""

BREACHED, OK, INSUFFICIENT_DATA = "breached", "ok", "insufficient_data"
VERDICTS = (BREACHED, OK, INSUFFICIENT_DATA)

MISSING = ("breaching", "not_breaching", "ignore", "missing")
OPERATORS: dict[str, Callable[[float, float], bool]] = {
    ">": operators.gt,
    ">=": operators.ge,
    "<": operators.lt,
    "<=": operators.le,
}
# The names that alarms have for them.
OPERATOR_NAMES = {
    "GreaterThanThreshold": ">",
    "GreaterThanOrEqualToThreshold": ">=",
    "LessThanThreshold": "<",
    "LessThanOrEqualToThreshold": "<=",
}

# CloudWatch looks at 5 periods where 3 count; how many more it takes in general is not published.
SPARE_PERIODS = 2

_PERCENTILE = re.compile(r"p([0-9]{1,2}(?:\.[0-9]+)?|100)")
_PLAIN: dict[str, Callable[[Sequence[float]], float]] = {
    "last": lambda values: values[-1],
    "average": lambda values: math.fsum(values) / len(values),
    "max": max,
    "min": min,
    "sum": math.fsum,
}
AGGREGATIONS = (*_PLAIN, "pNN")


# Times


def floor_to(seconds: float, period: int) -> int:
    """The beginning of the period that a time falls into."""
    return int(seconds // period) * period


@dataclass(frozen=True)
class Window:
    """Whole periods, from ``start`` on and up to, without, ``end``.

    :param at_ends: datapoints stand at the ends of their periods, not at the beginnings: ``start`` is out of it, and ``end`` is in.
    """

    start: int
    end: int
    period: int
    at_ends: bool = False

    @property
    def expected(self) -> int:
        """Datapoints that a metric without gaps has in it."""
        return (self.end - self.start) // self.period

    def reaching_back(self, periods: int) -> Window:
        """The same window, made longer at its old end where it has fewer periods than these."""
        return replace(self, start=min(self.start, self.end - periods * self.period))

    def cut(self, points: Points) -> Points:
        """Those of the datapoints that lie in it."""
        if self.at_ends:
            return tuple(point for point in points if self.start < point[0] <= self.end)
        return tuple(point for point in points if self.start <= point[0] < self.end)

    def place(self, time: float) -> int:
        """The number of the period that a datapoint within it belongs to, the oldest being 0."""
        # The second is the first, rounded up instead of down: a datapoint at the end of a period belongs to that one.
        return int(-((self.start - time) // self.period) - 1 if self.at_ends else (time - self.start) // self.period)


def align(
    now: float,
    period: int,
    *,
    last: int | None = None,
    start: float | None = None,
    end: float | None = None,
    delay: int = 0,
    at_ends: bool = False,
) -> Window:
    """The window that was asked for, in whole periods: its start rounded down, its end up, but never into a period that isn't over.

    A period is over when ``delay`` seconds have passed since its end. ``last`` counts back from the end, and is rounded up.

    :raises Invalid: when no period that is over lies in it.
    """
    over = floor_to(now - delay, period)
    until = over if end is None else min(-floor_to(-end, period), over)
    since = until - max(-floor_to(-(last or 0), period), period) if start is None else floor_to(start, period)
    if since >= until:
        raise Invalid(
            f"no period of {period} s that is over lies between {iso_time(since)} and {iso_time(until)}",
            code="EmptyWindow",
            hint="Check start and end, take an earlier start, or a shorter period.",
        )
    return Window(since, until, period, at_ends)


# Datapoints


def clean(raw: Iterable[tuple[float, float | None]]) -> Points:
    """Datapoints in order. What is no number is left out; of several for one time, the last given counts."""
    kept = {time: float(value) for time, value in raw if value is not None and math.isfinite(value)}
    return tuple(sorted(kept.items()))


def check_aggregation(how: str, option: str) -> str:
    """Return it.

    :raises Invalid: when it is none that :func:`aggregate` knows.
    """
    if how in _PLAIN or _PERCENTILE.fullmatch(how):
        return how
    raise Invalid(
        f"{option} is unknown: {how!r}",
        hint=f"It is one of {', '.join(AGGREGATIONS)}, with NN from 0 to 100, such as p95.",
    )


def aggregate(points: Points, how: str) -> float | None:
    """One value of many; None where there are none, or where it is beyond what a number can hold.

    ``pNN`` interpolates linearly between the two nearest values, as most tools do. It is taken over the datapoints, not over the
    samples that they were made of.
    """
    if not points:
        return None
    values = [value for _time, value in points]
    percentile = _PERCENTILE.fullmatch(how)
    try:
        result = _percentile(values, float(percentile[1])) if percentile else _PLAIN[how](values)
    except OverflowError:
        return None
    return result if math.isfinite(result) else None


def _percentile(values: Sequence[float], percent: float) -> float:
    ordered = sorted(values)
    below, share = divmod((len(ordered) - 1) * percent / 100, 1)
    low, high = ordered[int(below)], ordered[min(int(below) + 1, len(ordered) - 1)]
    # Weighted so that neither end is ever overshot by rounding.
    return min(max(low * (1 - share) + high * share, low), high)


@dataclass(frozen=True)
class Summary:
    """What a series amounts to.

    :param count: datapoints in the window.
    :param expected: datapoints that the window has room for.
    :param coverage: the share of its periods that have a datapoint, 0 to 1.
    :param age: seconds since the time of the newest datapoint. None: there is none.
    :param value: the aggregate. None: there is none.
    """

    count: int
    expected: int
    coverage: float
    age: float | None
    value: float | None


def summarise(points: Points, window: Window, how: str, now: float) -> Summary:
    """Sum a series up; what lies outside the window doesn't count."""
    inside = window.cut(points)
    filled = {window.place(time) for time, _value in inside}
    return Summary(
        count=len(inside),
        expected=window.expected,
        coverage=round(len(filled) / window.expected, 4),
        age=round(now - inside[-1][0], 3) if inside else None,
        value=aggregate(inside, how),
    )


# Verdicts


@dataclass(frozen=True)
class Threshold:
    """When a series is breached: ``datapoints`` of the last ``of`` are on the wrong side of ``value``.

    :param operator: the side that breaches.
    :param missing: what stands in for a datapoint that isn't there, when too few are.
    :param evaluation_range: periods looked at for the ``of`` datapoints, since some may be missing.
    """

    operator: str
    value: float
    datapoints: int = 1
    of: int = 1
    missing: str = "missing"
    evaluation_range: int = 1 + SPARE_PERIODS

    @classmethod
    def from_options(cls, options: Mapping[str, Any], option: str = "threshold") -> Threshold:
        """From a module's option; ``of`` and ``datapoints`` default to each other.

        :raises Invalid: when it contradicts itself; names the option.
        """
        asked = {name: options.get(name) for name in ("datapoints", "of")}
        of = next((number for number in (asked["of"], asked["datapoints"]) if number is not None), 1)
        datapoints = of if asked["datapoints"] is None else asked["datapoints"]
        given_range = options.get("evaluation_range")
        threshold = cls(
            operator=OPERATOR_NAMES.get(options["operator"], options["operator"]),
            value=float(options["value"]),
            datapoints=datapoints,
            of=of,
            missing=options.get("missing") or "missing",
            evaluation_range=of + SPARE_PERIODS if given_range is None else given_range,
        )
        threshold.check(option)
        return threshold

    def check(self, option: str) -> None:
        """See that it makes sense.

        :raises Invalid: when it doesn't.
        """
        if self.operator not in OPERATORS:
            raise Invalid(
                f"{option}.operator is unknown: {self.operator!r}", hint=f"It is one of {', '.join(OPERATORS)}."
            )
        if self.missing not in MISSING:
            raise Invalid(f"{option}.missing is unknown: {self.missing!r}", hint=f"It is one of {', '.join(MISSING)}.")
        if not math.isfinite(self.value):
            raise Invalid(f"{option}.value is not a number that can be compared with: {self.value}")
        if not 1 <= self.datapoints <= self.of:
            raise Invalid(
                f"{option} asks for {self.datapoints} of {self.of} datapoints", hint="Let datapoints be 1 up to of."
            )
        if self.evaluation_range < self.of:
            raise Invalid(f"{option}.evaluation_range is {self.evaluation_range}, less than of, which is {self.of}")

    def breaches(self, value: float) -> bool:
        """Whether a value is on the wrong side."""
        return OPERATORS[self.operator](value, self.value)


@dataclass(frozen=True)
class Verdict:
    """What a threshold says of a series, and why.

    :param breaching: real datapoints that breach, among those evaluated.
    :param evaluated: real datapoints that were evaluated.
    :param filled: datapoints that had to be made up for.
    """

    state: str
    reason: str
    breaching: int = 0
    evaluated: int = 0
    filled: int = 0


def judge(slots: Sequence[bool | None], threshold: Threshold, previous: str = INSUFFICIENT_DATA) -> Verdict:
    """The verdict over one evaluation range, oldest period first: True breaches, False doesn't, None is missing.

    With ``of`` real datapoints or more, the newest ``of`` decide, and ``missing`` has no say. With fewer, all of them count, and as many
    as lack are made up for as ``missing`` says.

    :param previous: the verdict before, which ``ignore`` keeps.
    """
    real = [slot for slot in slots if slot is not None][-threshold.of :]
    breaching, filled = sum(real), threshold.of - len(real)
    state, why = _decide(slots, real, threshold, previous)
    reason = f"{breaching} of {len(real)} datapoints {threshold.operator} {threshold.value:g}"
    reason += f"; {threshold.datapoints} of {threshold.of} needed"
    reason += f", {filled} missing in {len(slots)} periods{why}" if filled else ""
    return Verdict(state, reason, breaching, len(real), filled)


def _decide(slots: Sequence[bool | None], real: Sequence[bool], threshold: Threshold, previous: str) -> tuple[str, str]:
    """The state, and a word about the missing datapoints where they mattered."""
    breaching, filled = sum(real), threshold.of - len(real)
    if breaching >= threshold.datapoints:
        return BREACHED, ""
    if not filled:
        return OK, ""
    if threshold.missing == "breaching":
        return (BREACHED if breaching + filled >= threshold.datapoints else OK), ", taken as breaching"
    if threshold.missing == "not_breaching":
        return OK, ", taken as not breaching"
    if not all(real):
        return OK, ""
    # Here every real datapoint breaches, or there is none: what is missing could turn it either way.
    if threshold.missing == "ignore":
        return previous, ", so the verdict before stays"
    if not real:
        return INSUFFICIENT_DATA, ""
    oldest = len(slots) - next(place for place, slot in enumerate(slots) if slot is not None)
    if oldest >= threshold.datapoints:
        return BREACHED, f", and none since the first breach, {oldest} periods back, says otherwise"
    return OK, f", and the first breach is only {oldest} periods back"


def evaluate(points: Points, window: Window, threshold: Threshold, previous: str = INSUFFICIENT_DATA) -> Verdict:
    """The verdict at the end of a window, over the evaluation range before it."""
    ranged = replace(window, start=window.end - threshold.evaluation_range * window.period)
    slots: list[bool | None] = [None] * threshold.evaluation_range
    for time, value in ranged.cut(points):
        slots[ranged.place(time)] = threshold.breaches(value)
    return judge(slots, threshold, previous)


def worst(states: Iterable[str]) -> str:
    """One verdict for all: breached if any is, ok only if all are, and there is one."""
    found = set(states)
    if BREACHED in found:
        return BREACHED
    return OK if found == {OK} else INSUFFICIENT_DATA


def verdict_values(series: Iterable[Mapping[str, Any]], failed: bool) -> dict[str, Any]:
    """The verdicts of many series as return values: one for all, each by its key, and the keys that have it by verdict.

    :param series: results of :meth:`Assessment.as_result` with their keys; those without a verdict don't count.
    :param failed: whether something could not be read; then it can't be ok as a whole.
    """
    verdicts = {one["key"]: one["verdict"] for one in series if "verdict" in one}
    lists = {state: [key for key, verdict in verdicts.items() if verdict == state] for state in VERDICTS}
    unread = [INSUFFICIENT_DATA] if failed else []
    return {"verdict": worst([*verdicts.values(), *unread]), "verdicts": verdicts, **lists}


def check_previous(previous: Mapping[str, str]) -> None:
    """See that the verdicts before are verdicts.

    :raises Invalid: when one isn't.
    """
    odd = sorted({str(state) for state in previous.values() if state not in VERDICTS})
    if odd:
        raise Invalid(f"previous has {', '.join(odd)}", hint=f"Its values are {', '.join(VERDICTS)}.")


# All of it together


@dataclass(frozen=True)
class Reading:
    """How to read a series: over which window, into which value, against which threshold."""

    window: Window
    aggregation: str = "last"
    threshold: Threshold | None = None
    previous: str = INSUFFICIENT_DATA

    @property
    def needed(self) -> Window:
        """The window with what the threshold looks at beyond it."""
        return self.window.reaching_back(self.threshold.evaluation_range) if self.threshold else self.window


@dataclass(frozen=True)
class Assessment:
    """A series as read."""

    points: Points
    summary: Summary
    window: Window
    verdict: Verdict | None = None

    def as_result(self, datapoints: bool = True) -> dict[str, Any]:
        """As return values; without ``datapoints``, the sum of it only."""
        result: dict[str, Any] = {
            "start": iso_time(self.window.start),
            "end": iso_time(self.window.end),
            "period": self.window.period,
            "count": self.summary.count,
            "expected": self.summary.expected,
            "coverage": self.summary.coverage,
            "age": self.summary.age,
            "value": self.summary.value,
        }
        if self.verdict is not None:
            result.update(verdict=self.verdict.state, verdict_reason=self.verdict.reason)
        if datapoints:
            result["timestamps"] = [iso_time(time) for time, _value in self.points]
            result["values"] = [value for _time, value in self.points]
        return result

    def as_metric(self, name: str) -> dict[str, Any]:
        """As a metric that scaling_decision takes: the value, and the time of the newest datapoint. Both None: it is missing."""
        newest = iso_time(self.points[-1][0]) if self.points else None
        return {"name": name, "value": self.summary.value, "timestamp": newest}


def assess(points: Points, reading: Reading, now: float) -> Assessment:
    """Read a series. Datapoints before the window serve the verdict only."""
    threshold = reading.threshold
    verdict = evaluate(points, reading.window, threshold, reading.previous) if threshold else None
    summary = summarise(points, reading.window, reading.aggregation, now)
    return Assessment(reading.window.cut(points), summary, reading.window, verdict)
