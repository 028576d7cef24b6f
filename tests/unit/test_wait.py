# Copyright (c) 2026 cloudops.core contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Waiting, by a clock that nobody has to wait for."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from itertools import islice

import pytest
from ansible_collections.cloudops.core.plugins.module_utils._core.errors import Denied, Timeout
from ansible_collections.cloudops.core.plugins.module_utils._core.wait import Clock, backoff, wait_for
from hypothesis import given
from hypothesis import strategies as st


@dataclass
class FakeTime:
    """Seconds pass by sleeping, and by reading when reading takes time."""

    moment: float = 1000.0
    slept: list[float] = field(default_factory=list)

    def sleep(self, seconds: float) -> None:
        self.slept.append(seconds)
        self.moment += seconds

    @property
    def clock(self) -> Clock:
        return Clock(lambda: self.moment, self.sleep)

    def reader(self, takes: float = 0.0) -> Callable[[], float]:
        """A read that gives the seconds since the start."""
        start = self.moment

        def read() -> float:
            seen = self.moment - start
            self.moment += takes
            return seen

        return read


def test_what_is_there_already_costs_one_read_and_no_sleep() -> None:
    time = FakeTime()
    assert wait_for(time.reader(), lambda seen: True, timeout=60, what="it", clock=time.clock) == 0
    assert time.slept == []


def test_returns_what_was_read_last() -> None:
    time = FakeTime()
    assert wait_for(time.reader(), lambda seen: seen >= 7, timeout=60, what="it", clock=time.clock) == 2 + 3 + 4.5
    assert time.slept == [2, 3, 4.5]


def test_reads_once_even_without_time() -> None:
    time, reads = FakeTime(), []
    with pytest.raises(Timeout):
        wait_for(lambda: reads.append(1), lambda seen: False, timeout=0, what="it", clock=time.clock)
    assert (len(reads), time.slept) == (1, [])


def test_the_last_read_is_at_the_very_end() -> None:
    time = FakeTime()
    assert wait_for(time.reader(), lambda seen: seen >= 10, timeout=10, what="it", clock=time.clock) == 10
    assert sum(time.slept) == 10


def test_a_timeout_says_what_was_waited_for_and_what_was_seen() -> None:
    time = FakeTime()
    with pytest.raises(Timeout) as caught:
        wait_for(
            time.reader(),
            lambda seen: False,
            timeout=10,
            what="the start of i-1",
            describe=lambda seen: f"pending since {seen:g} s",
            clock=time.clock,
        )
    assert "the start of i-1 did not happen within 10 s; last seen: pending since 10 s" in str(caught.value)
    assert "timeout" in caught.value.hint


def test_time_spent_reading_counts() -> None:
    time = FakeTime()
    with pytest.raises(Timeout):
        wait_for(time.reader(takes=100), lambda seen: False, timeout=60, what="it", clock=time.clock)
    assert time.slept == []


def test_an_error_of_the_read_surfaces() -> None:
    def read() -> None:
        raise Denied("no")

    with pytest.raises(Denied):
        wait_for(read, lambda seen: True, timeout=60, what="it")


def test_delays_that_run_out_are_no_timeout() -> None:
    """It says "within 60 s", so 60 s it has to be."""
    time = FakeTime()
    assert (
        wait_for(
            time.reader(), lambda seen: seen >= 5, timeout=60, what="it", delays=iter([1.0, 2.0]), clock=time.clock
        )
        >= 5
    )


@given(
    timeout=st.floats(0, 10_000),
    ready=st.floats(0, 20_000),
    takes=st.floats(0, 50),
    first=st.floats(0.1, 30),
    factor=st.floats(1, 3),
)
def test_never_sleeps_past_the_end_and_never_misses_what_came_in_time(
    timeout: float, ready: float, takes: float, first: float, factor: float
) -> None:
    time = FakeTime()
    start = time.moment
    try:
        seen = wait_for(
            time.reader(takes),
            lambda seen: seen >= ready,
            timeout=timeout,
            what="it",
            delays=backoff(first, factor),
            clock=time.clock,
        )
    except Timeout:
        # A read that began before the end may have seen it a moment too early; one that began at the end would not.
        assert ready > timeout - takes - 1e-6
    else:
        assert ready <= seen <= timeout + takes + 1e-6
    assert time.moment - start <= timeout + 2 * takes + 1e-6


@pytest.mark.parametrize(
    ("arguments", "expected"),
    [
        pytest.param({}, [2, 3, 4.5, 6.75, 10.125, 15, 15, 15], id="defaults"),
        pytest.param({"first": 0.5, "factor": 2, "most": 3}, [0.5, 1, 2, 3, 3], id="grows up to the most"),
        pytest.param({"first": 60, "most": 15}, [15, 15, 15], id="never above the most"),
        pytest.param({"first": 1, "factor": 1}, [1, 1, 1], id="constant"),
    ],
)
def test_backoff(arguments: dict[str, float], expected: list[float]) -> None:
    assert list(islice(backoff(**arguments), len(expected))) == expected
