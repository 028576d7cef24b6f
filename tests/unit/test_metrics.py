# Copyright (c) 2026 cloudops.core contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Windows, summaries and verdicts. The verdicts are held against every row that AWS publishes of its alarms."""

from __future__ import annotations

import math
from datetime import datetime, timezone
from typing import Any

import pytest
from ansible_collections.cloudops.core.plugins.module_utils._core.errors import Invalid
from ansible_collections.cloudops.core.plugins.module_utils._domain.metrics import (
    BREACHED,
    INSUFFICIENT_DATA,
    MISSING,
    OK,
    VERDICTS,
    Reading,
    Threshold,
    Window,
    aggregate,
    align,
    assess,
    check_aggregation,
    check_previous,
    clean,
    evaluate,
    floor_to,
    judge,
    summarise,
    verdict_values,
    worst,
)
from ansible_collections.cloudops.core.plugins.module_utils._domain.times import (
    iso_time,
    parse_duration,
    parse_time,
)
from hypothesis import given
from hypothesis import strategies as st

NOON = int(datetime(2026, 3, 1, 12, tzinfo=timezone.utc).timestamp())
KEEP = "keep"
"""The verdict before stays."""


def slots(picture: str) -> list[bool | None]:
    """AWS's own notation: 0 doesn't breach, X breaches, - is missing; the newest on the right."""
    return [{"0": False, "X": True, "-": None}[sign] for sign in picture.split()]


def three(datapoints: int, missing: str = "missing") -> Threshold:
    """M of 3, with the evaluation range of 5 that AWS's tables have."""
    return Threshold(">", 50, datapoints, 3, missing, 5)


# Verdicts

# Rows of the tables in https://docs.aws.amazon.com/AmazonCloudWatch/latest/monitoring/alarms-and-missing-data.html:
# M, datapoints, made up, then the states for missing, ignore, breaching, not_breaching.
PUBLISHED = [
    (3, "0 - X - X", 0, (OK, OK, OK, OK)),
    (3, "0 - - - -", 2, (OK, OK, OK, OK)),
    (3, "- - - - -", 3, (INSUFFICIENT_DATA, KEEP, BREACHED, OK)),
    (3, "0 X X - X", 0, (BREACHED, BREACHED, BREACHED, BREACHED)),
    (3, "- - X - -", 2, (BREACHED, KEEP, BREACHED, OK)),
    (2, "0 - X - X", 0, (BREACHED, BREACHED, BREACHED, BREACHED)),
    (2, "0 0 X 0 X", 0, (BREACHED, BREACHED, BREACHED, BREACHED)),
    (2, "0 - X - -", 1, (OK, OK, BREACHED, OK)),
    (2, "- - - - 0", 2, (OK, OK, BREACHED, OK)),
    (2, "- - - X -", 2, (BREACHED, KEEP, BREACHED, OK)),
]
TREATMENTS = ("missing", "ignore", "breaching", "not_breaching")


@pytest.mark.parametrize(
    ("datapoints", "picture", "filled", "missing", "expected"),
    [
        pytest.param(datapoints, picture, filled, missing, state, id=f"{datapoints} of 3, {picture}, {missing}")
        for datapoints, picture, filled, states in PUBLISHED
        for missing, state in zip(TREATMENTS, states, strict=True)
    ],
)
def test_published_tables(datapoints: int, picture: str, filled: int, missing: str, expected: str) -> None:
    for previous in VERDICTS:
        verdict = judge(slots(picture), three(datapoints, missing), previous)
        assert verdict.state == (previous if expected == KEEP else expected)
        assert verdict.filled == filled


@pytest.mark.parametrize(
    ("datapoints", "picture", "missing", "expected"),
    [
        # From the text below the tables.
        pytest.param(3, "- - - - X", "missing", OK, id="too-early-newest"),
        pytest.param(3, "- - - X -", "missing", OK, id="too-early-second"),
        pytest.param(3, "- - - X 0", "missing", OK, id="contradicted-at-once"),
        pytest.param(3, "- - X - 0", "missing", OK, id="contradicted-later"),
        pytest.param(3, "- - X - X", "missing", BREACHED, id="old-enough-and-confirmed"),
        pytest.param(3, "- X - - -", "missing", BREACHED, id="no-newer-data-changes-nothing"),
        pytest.param(3, "X - - - -", "missing", BREACHED, id="as-long-as-it-is-in-range"),
        pytest.param(1, "- - - - X", "missing", BREACHED, id="one-is-enough"),
        # What follows from the rules where no row shows it.
        pytest.param(3, "0 X X - -", "missing", OK, id="three-real-ones-decide"),
        pytest.param(3, "X X X 0 -", "missing", OK, id="newest-three-real-ones-only"),
        pytest.param(2, "X X - - -", "ignore", BREACHED, id="ignore-with-enough-breaches"),
        pytest.param(2, "X X - - -", "not_breaching", BREACHED, id="not-breaching-with-enough-breaches"),
        pytest.param(3, "- - - - X", "ignore", KEEP, id="ignore-a-single-breach"),
        pytest.param(3, "- X - X -", "ignore", KEEP, id="ignore-two-breaches-of-three"),
        pytest.param(3, "0 - - - X", "ignore", OK, id="ignore-but-one-is-fine"),
        pytest.param(3, "0 - X - -", "breaching", OK, id="only-one-is-made-up"),
        pytest.param(3, "X - X - -", "breaching", BREACHED, id="one-made-up-suffices"),
        pytest.param(1, "- - - - -", "breaching", BREACHED, id="nothing-taken-as-breaching"),
        pytest.param(1, "0 0 0 0 X", "missing", BREACHED, id="one-of-three"),
        pytest.param(1, "X X 0 0 0", "missing", OK, id="older-than-three"),
    ],
)
def test_verdicts(datapoints: int, picture: str, missing: str, expected: str) -> None:
    for previous in VERDICTS:
        assert judge(slots(picture), three(datapoints, missing), previous).state == (
            previous if expected == KEEP else expected
        )


def test_ignore_without_a_verdict_before() -> None:
    assert judge(slots("- - - - -"), three(3, "ignore")).state == INSUFFICIENT_DATA


@pytest.mark.parametrize(
    ("picture", "missing", "words"),
    [
        ("0 0 X X X", "missing", "3 of 3 datapoints > 50; 3 of 3 needed"),
        ("- - - - -", "missing", "0 of 0 datapoints > 50; 3 of 3 needed, 3 missing in 5 periods"),
        ("0 - X - -", "breaching", "1 of 2 datapoints > 50; 3 of 3 needed, 1 missing in 5 periods, taken as breaching"),
        (
            "- - X - -",
            "missing",
            "1 of 1 datapoints > 50; 3 of 3 needed, 2 missing in 5 periods, and none since the first breach, 3 periods back, "
            "says otherwise",
        ),
    ],
)
def test_reasons(picture: str, missing: str, words: str) -> None:
    assert judge(slots(picture), three(3, missing)).reason == words


@given(
    picture=st.lists(st.sampled_from([True, False, None]), min_size=5, max_size=5),
    datapoints=st.integers(1, 3),
    previous=st.sampled_from(VERDICTS),
)
def test_verdicts_hang_together(picture: list[bool | None], datapoints: int, previous: str) -> None:
    states = {way: judge(picture, three(datapoints, way), previous).state for way in MISSING}
    real = [slot for slot in picture if slot is not None]
    if len(real) >= 3:
        assert len(set(states.values())) == 1
    if states["not_breaching"] == BREACHED:
        assert set(states.values()) == {BREACHED}
    if states["breaching"] == OK:
        assert set(states.values()) <= {OK, previous}
    assert (states["missing"] == INSUFFICIENT_DATA) == (not real)
    assert states["breaching"] != INSUFFICIENT_DATA
    assert states["not_breaching"] != INSUFFICIENT_DATA


@given(picture=st.lists(st.sampled_from([True, False, None]), min_size=5, max_size=5), place=st.integers(0, 4))
def test_one_more_breach_never_heals(picture: list[bool | None], place: int) -> None:
    if picture[place] is not False:
        return
    worse = [*picture[:place], True, *picture[place + 1 :]]
    for way in ("breaching", "not_breaching", "missing"):
        if judge(picture, three(2, way)).state == BREACHED:
            assert judge(worse, three(2, way)).state == BREACHED


@pytest.mark.parametrize(
    ("operator", "below", "equal", "above"),
    [
        (">", False, False, True),
        (">=", False, True, True),
        ("<", True, False, False),
        ("<=", True, True, False),
        ("GreaterThanThreshold", False, False, True),
        ("GreaterThanOrEqualToThreshold", False, True, True),
        ("LessThanThreshold", True, False, False),
        ("LessThanOrEqualToThreshold", True, True, False),
    ],
)
def test_operators(operator: str, below: bool, equal: bool, above: bool) -> None:
    threshold = Threshold.from_options({"operator": operator, "value": 5})
    assert [threshold.breaches(value) for value in (4.9, 5.0, 5.1)] == [below, equal, above]


@pytest.mark.parametrize(
    ("options", "expected"),
    [
        pytest.param({}, (1, 1, "missing", 3), id="defaults"),
        pytest.param({"of": 3}, (3, 3, "missing", 5), id="all-of-three-as-in-the-tables"),
        pytest.param({"datapoints": 2}, (2, 2, "missing", 4), id="of-follows-datapoints"),
        pytest.param({"datapoints": 2, "of": 5, "missing": "ignore"}, (2, 5, "ignore", 7), id="two-of-five"),
        pytest.param({"of": 3, "evaluation_range": 3}, (3, 3, "missing", 3), id="no-spare-periods"),
    ],
)
def test_threshold_options(options: dict[str, Any], expected: tuple[int, int, str, int]) -> None:
    made = Threshold.from_options({"operator": ">", "value": 1, **options})
    assert (made.datapoints, made.of, made.missing, made.evaluation_range) == expected


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"operator": "=="}, "operator is unknown"),
        ({"missing": "fine"}, "missing is unknown"),
        ({"value": math.nan}, "not a number"),
        ({"value": math.inf}, "not a number"),
        ({"datapoints": 4, "of": 3}, "4 of 3"),
        ({"datapoints": 0, "of": 3}, "0 of 3"),
        ({"of": 0}, "0 of 0"),
        ({"of": 3, "evaluation_range": 2}, "evaluation_range is 2"),
    ],
)
def test_threshold_refuses(options: dict[str, Any], words: str) -> None:
    with pytest.raises(Invalid, match=words) as caught:
        Threshold.from_options({"operator": ">", "value": 1, **options}, "queries[2].threshold")
    assert "queries[2].threshold" in str(caught.value)


@pytest.mark.parametrize(
    ("states", "expected"),
    [
        ([], INSUFFICIENT_DATA),
        ([OK, OK], OK),
        ([OK, INSUFFICIENT_DATA], INSUFFICIENT_DATA),
        ([INSUFFICIENT_DATA, BREACHED, OK], BREACHED),
    ],
)
def test_one_verdict_for_all(states: list[str], expected: str) -> None:
    assert worst(states) == expected


def test_evaluation_reaches_back_beyond_the_window() -> None:
    window = Window(NOON - 300, NOON, 300)
    points = clean([(NOON - 900, 60.0), (NOON - 1200, 60.0), (NOON - 1500, 60.0), (NOON - 1800, 0.0)])
    reading = Reading(window, threshold=Threshold(">", 50, 3, 3, "missing", 5))
    assert reading.needed == Window(NOON - 1500, NOON, 300)
    assessed = assess(points, reading, NOON)
    assert (assessed.points, assessed.summary.value, assessed.summary.coverage) == ((), None, 0)
    assert assessed.verdict is not None
    assert assessed.verdict.state == BREACHED


def test_evaluation_ignores_what_comes_after_the_window() -> None:
    window = Window(NOON - 900, NOON, 300)
    points = clean([(NOON, 99.0), (NOON - 300, 1.0)])
    assert evaluate(points, window, Threshold(">", 50)).state == OK


def test_nan_and_infinity_are_missing() -> None:
    points = clean([(NOON - 300, math.nan), (NOON - 600, math.inf), (NOON - 900, -math.inf), (NOON - 1200, None)])
    assert points == ()
    window = Window(NOON - 1200, NOON, 300)
    assert evaluate(points, window, Threshold(">", 50)).state == INSUFFICIENT_DATA
    assert evaluate(points, window, Threshold(">", 50, missing="breaching")).state == BREACHED


# Windows


@pytest.mark.parametrize(
    ("now", "period", "options", "start", "end"),
    [
        pytest.param(NOON + 457.8, 60, {"last": 300}, NOON + 120, NOON + 420, id="last-of-whole-minutes"),
        pytest.param(NOON + 457.8, 300, {"last": 300}, NOON, NOON + 300, id="one-whole-period"),
        pytest.param(NOON, 300, {"last": 300}, NOON - 300, NOON, id="on-the-edge"),
        pytest.param(NOON + 59, 3600, {"last": 300}, NOON - 3600, NOON, id="at-least-one-period"),
        pytest.param(NOON + 10, 300, {"last": 400}, NOON - 600, NOON, id="last-rounds-up"),
        pytest.param(NOON + 10, 300, {"last": 600, "delay": 120}, NOON - 900, NOON - 300, id="delay"),
        pytest.param(NOON + 120, 300, {"last": 600, "delay": 120}, NOON - 600, NOON, id="delay-is-over"),
        pytest.param(NOON, 300, {"start": NOON - 1000}, NOON - 1200, NOON, id="start-rounds-down"),
        pytest.param(NOON, 300, {"start": NOON - 1000, "end": NOON - 400}, NOON - 1200, NOON - 300, id="end-rounds-up"),
        pytest.param(
            NOON + 100, 300, {"start": NOON - 600, "end": NOON + 50}, NOON - 600, NOON, id="not-into-the-present"
        ),
        pytest.param(NOON, 300, {"start": NOON - 600, "end": NOON + 9000}, NOON - 600, NOON, id="not-into-the-future"),
        pytest.param(NOON, 300, {"last": 600, "end": NOON - 3600}, NOON - 4200, NOON - 3600, id="last-before-an-end"),
        pytest.param(NOON + 7, 5, {"last": 10}, NOON - 5, NOON + 5, id="high-resolution"),
        pytest.param(
            NOON, 86400, {"last": 604800}, NOON - 43200 - 604800, NOON - 43200, id="days-begin-at-midnight-utc"
        ),
    ],
)
def test_windows(now: float, period: int, options: dict[str, Any], start: int, end: int) -> None:
    window = align(now, period, **options)
    assert (window.start, window.end) == (start, end)
    assert window.expected == (end - start) // period


@pytest.mark.parametrize(
    "options",
    [
        pytest.param({"start": NOON + 10}, id="in-the-present-period"),
        pytest.param({"start": NOON + 9000}, id="in-the-future"),
        pytest.param({"start": NOON - 300, "end": NOON - 600}, id="backwards"),
    ],
)
def test_empty_windows(options: dict[str, Any]) -> None:
    with pytest.raises(Invalid, match="no period of 300 s"):
        align(NOON + 100, 300, **options)


PERIODS = st.sampled_from([1, 5, 10, 30, 60, 300, 3600, 86400])


@given(now=st.floats(1e9, 4e9), period=PERIODS, last=st.integers(0, 10**7), delay=st.integers(0, 3600))
def test_windows_are_whole_and_over(now: float, period: int, last: int, delay: int) -> None:
    window = align(now, period, last=last, delay=delay)
    assert window.start % period == window.end % period == 0
    assert window.expected >= 1
    assert max(last, period) <= window.end - window.start < last + 2 * period
    assert now - delay - period < window.end <= now - delay


@given(now=st.floats(1e9, 4e9), period=PERIODS, back=st.floats(1, 1e7), length=st.floats(1, 1e7))
def test_windows_cover_what_was_asked_for(now: float, period: int, back: float, length: float) -> None:
    start, end = now - back, now - back + length
    try:
        window = align(now, period, start=start, end=end)
    except Invalid:
        assert start >= floor_to(now, period)
        return
    assert window.start <= start < window.start + period
    assert window.end <= now
    assert window.end >= min(end, floor_to(now, period))


@pytest.mark.parametrize(
    ("text", "seconds"),
    [
        ("90", 90),
        (90, 90),
        ("90s", 90),
        ("5m", 300),
        ("1h30m", 5400),
        ("7d", 604800),
        ("2W", 1209600),
        (" 5m ", 300),
        ("0", 0),
    ],
)
def test_durations(text: object, seconds: int) -> None:
    assert parse_duration(text, "last") == seconds


@pytest.mark.parametrize("text", ["", "m", "5 m", "-5m", "5x", "1.5h", "5m!", "\u0665m", None])
def test_no_durations(text: object) -> None:
    with pytest.raises(Invalid, match="last is not a duration"):
        parse_duration(text, "last")


@pytest.mark.parametrize(
    "text",
    [
        "2026-03-01T12:00:00Z",
        "2026-03-01T12:00:00z",
        "2026-03-01T12:00:00",
        "2026-03-01 12:00:00",
        "2026-03-01T13:00:00+01:00",
        str(NOON),
        f"{NOON}.0",
        NOON,
    ],
)
def test_times(text: object) -> None:
    assert parse_time(text, "start") == NOON
    assert iso_time(NOON) == "2026-03-01T12:00:00+00:00"


@pytest.mark.parametrize("text", ["", "yesterday", "2026-13-01T00:00:00", "12:00", "5", None])
def test_no_times(text: object) -> None:
    with pytest.raises(Invalid, match="start is not a time"):
        parse_time(text, "start")


# Summaries


def test_clean_sorts_and_merges() -> None:
    assert clean([(3, 1), (1, 2.5), (3, 4), (2, math.nan), (2, None)]) == ((1, 2.5), (3, 4.0))


@pytest.mark.parametrize(
    ("how", "expected"),
    [
        ("last", 4.0),
        ("average", 2.5),
        ("max", 4.0),
        ("min", 1.0),
        ("sum", 10.0),
        ("p0", 1.0),
        ("p50", 2.5),
        ("p90", 3.7),
        ("p99.9", 3.997),
        ("p100", 4.0),
    ],
)
def test_aggregations(how: str, expected: float) -> None:
    points = clean(list(enumerate([2.0, 1.0, 3.0, 4.0])))
    assert check_aggregation(how, "aggregation") == how
    assert aggregate(points, how) == pytest.approx(expected)
    assert aggregate((), how) is None


@pytest.mark.parametrize("how", ["", "mean", "p", "p101", "p-1", "P90", "p1000", "Average", "last "])
def test_unknown_aggregations(how: str) -> None:
    with pytest.raises(Invalid, match="aggregation is unknown"):
        check_aggregation(how, "aggregation")


def test_a_sum_beyond_all_numbers_is_no_value() -> None:
    assert aggregate(clean([(1, 1.7e308), (2, 1.7e308)]), "sum") is None


@pytest.mark.parametrize(
    ("times", "count", "coverage", "age"),
    [
        pytest.param([], 0, 0.0, None, id="none"),
        pytest.param([-300], 1, 0.25, 310, id="newest-only"),
        pytest.param([-1200], 1, 0.25, 1210, id="oldest-only"),
        pytest.param([-1200, -900, -600, -300], 4, 1.0, 310, id="all"),
        pytest.param([-1500, -1200, 0], 1, 0.25, 1210, id="outside-does-not-count"),
        pytest.param([-300, -200, -100], 3, 0.25, 110, id="several-in-one-period"),
    ],
)
def test_summaries(times: list[int], count: int, coverage: float, age: float | None) -> None:
    window = Window(NOON - 1200, NOON, 300)
    summary = summarise(clean([(NOON + time, 0.0) for time in times]), window, "average", NOON + 10)
    assert (summary.count, summary.expected, summary.coverage, summary.age) == (count, 4, coverage, age)
    assert summary.value == (0.0 if count else None)


# CloudWatch itself takes values of this range.
VALUES = st.floats(-(2.0**360), 2.0**360)


@given(values=st.lists(VALUES, min_size=1, max_size=50), percent=st.integers(0, 100))
def test_aggregates_lie_between_the_extremes(values: list[float], percent: int) -> None:
    points = clean(enumerate(values))
    low, high = aggregate(points, "min"), aggregate(points, "max")
    assert low is not None
    assert high is not None
    for how in ("last", f"p{percent}"):
        value = aggregate(points, how)
        assert value is not None
        assert low <= value <= high
    average = aggregate(points, "average")
    assert average is not None
    assert low - abs(low) * 1e-12 <= average <= high + abs(high) * 1e-12


@given(offsets=st.sets(st.integers(-30, 30)), length=st.integers(1, 20))
def test_summary_properties(offsets: set[int], length: int) -> None:
    window = Window(NOON - length * 60, NOON, 60)
    summary = summarise(clean([(NOON + 60 * offset, 1.0) for offset in offsets]), window, "sum", NOON)
    assert summary.count == len([offset for offset in offsets if -length <= offset < 0])
    assert summary.coverage == round(summary.count / length, 4)
    assert (summary.value is None) == (summary.age is None) == (summary.count == 0)


def test_results() -> None:
    window = Window(NOON - 600, NOON, 300)
    points = clean([(NOON - 600, 1.0), (NOON - 300, 3.0)])
    result = assess(points, Reading(window, "average", Threshold(">", 2)), NOON + 1.5).as_result()
    assert result == {
        "start": "2026-03-01T11:50:00+00:00",
        "end": "2026-03-01T12:00:00+00:00",
        "period": 300,
        "count": 2,
        "expected": 2,
        "coverage": 1.0,
        "age": 301.5,
        "value": 2.0,
        "verdict": "breached",
        "verdict_reason": "1 of 1 datapoints > 2; 1 of 1 needed",
        "timestamps": ["2026-03-01T11:50:00+00:00", "2026-03-01T11:55:00+00:00"],
        "values": [1.0, 3.0],
    }
    short = assess(points, Reading(window), NOON).as_result(datapoints=False)
    assert not {"values", "timestamps", "verdict"} & set(short)


# Datapoints that stand at the ends of their periods


ENDS = Window(NOON, NOON + 300, 60, at_ends=True)


@pytest.mark.parametrize(
    ("time", "place"),
    [
        pytest.param(NOON, None, id="the-start-is-out"),
        pytest.param(NOON + 0.001, 0, id="just-after-it"),
        pytest.param(NOON + 60, 0, id="end-of-the-first"),
        pytest.param(NOON + 60.001, 1, id="begin-of-the-second"),
        pytest.param(NOON + 300, 4, id="the-end-is-in"),
        pytest.param(NOON + 300.001, None, id="after-it"),
    ],
)
def test_places_at_ends(time: float, place: int | None) -> None:
    assert bool(ENDS.cut(((time, 1.0),))) == (place is not None)
    if place is not None:
        assert ENDS.place(time) == place


@given(st.integers(0, 20), st.integers(1, 400), st.booleans())
def test_every_datapoint_has_its_place(number: int, period: int, at_ends: bool) -> None:
    window = Window(NOON, NOON + 21 * period, period, at_ends)
    time = NOON + (number + at_ends) * period
    assert window.place(time) == number
    assert window.cut(((time, 1.0),))


def test_align_at_ends() -> None:
    window = align(NOON + 90, 60, last=120, at_ends=True)
    assert window == Window(NOON - 60, NOON + 60, 60, at_ends=True)
    assert window.reaching_back(5) == Window(NOON - 240, NOON + 60, 60, at_ends=True)


def test_a_series_at_ends() -> None:
    points = tuple((NOON + 60 * step, float(step)) for step in range(6))
    found = assess(points, Reading(ENDS, "sum", Threshold(">", 3, 2, 2)), NOON + 310)
    assert (found.summary.count, found.summary.expected, found.summary.coverage) == (5, 5, 1.0)
    assert (found.summary.value, found.summary.age) == (15.0, 10.0)
    assert found.verdict is not None
    assert found.verdict.state == BREACHED
    assert evaluate(points[:-1], ENDS, Threshold(">", 3, 2, 2, evaluation_range=2)).evaluated == 1


# In short


def test_as_metric() -> None:
    window = Window(NOON, NOON + 300, 60)
    found = assess(((NOON, 1.0), (NOON + 120, 5.0)), Reading(window, "max"), NOON + 300)
    assert found.as_metric("cpu") == {"name": "cpu", "value": 5.0, "timestamp": iso_time(NOON + 120)}
    missing = assess((), Reading(window), NOON + 300)
    assert missing.as_metric("cpu") == {"name": "cpu", "value": None, "timestamp": None}


@pytest.mark.parametrize(
    ("verdicts", "failed", "expected"),
    [
        pytest.param({"a": OK, "b": OK}, False, OK, id="ok"),
        pytest.param({"a": OK, "b": OK}, True, INSUFFICIENT_DATA, id="something-unread"),
        pytest.param({"a": OK, "b": BREACHED}, True, BREACHED, id="breached-anyway"),
        pytest.param({}, False, INSUFFICIENT_DATA, id="nothing"),
    ],
)
def test_verdict_values(verdicts: dict[str, str], failed: bool, expected: str) -> None:
    series = [{"key": key, "verdict": verdict} for key, verdict in verdicts.items()]
    found = verdict_values([*series, {"key": "unjudged"}], failed)
    assert (found["verdict"], found["verdicts"]) == (expected, verdicts)
    assert sorted(found[BREACHED] + found[OK] + found[INSUFFICIENT_DATA]) == sorted(verdicts)


def test_check_previous() -> None:
    check_previous({"a": OK, "b": BREACHED})
    with pytest.raises(Invalid, match="previous has ALARM, OKAY"):
        check_previous({"a": "OKAY", "b": "ALARM", "c": OK})
