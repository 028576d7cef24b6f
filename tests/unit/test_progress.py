# Copyright (c) 2026 cloudops.core contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Progress: what modules write, what is made of it, and what the callback shows of it."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import threading
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
from ansible_collections.cloudops.core.plugins.callback.progress import CLEAR, LINES, LIVE, Board, choose_style
from ansible_collections.cloudops.core.plugins.module_utils._core.drain import Drain
from ansible_collections.cloudops.core.plugins.module_utils._core.fanout import Ticker, fan_out
from ansible_collections.cloudops.core.plugins.module_utils._core.progress import DIRECTORY, PAUSE, SILENT, Progress
from ansible_collections.cloudops.core.plugins.module_utils._domain.progress import (
    LONGEST,
    Meter,
    Report,
    duration,
    line,
    read_report,
)
from hypothesis import given
from hypothesis import strategies as st

BEGAN = 1_000_000.0


@dataclass
class Time:
    """A clock that only the test moves."""

    seconds: float = BEGAN

    def __call__(self) -> float:
        return self.seconds


def stories(directory: Path) -> list[dict[str, Any]]:
    """What is told in the directory."""
    return [json.loads(path.read_text("utf-8")) for path in sorted(directory.iterdir())]


# ---- the modules' side


def test_tells_and_leaves_nothing_behind(tmp_path: Path) -> None:
    now = Time()
    with Progress("empty b", "objects", 10, directory=str(tmp_path), now=now) as progress:
        assert stories(tmp_path) == []
        progress.update(3)
        (told,) = stories(tmp_path)
        now.seconds += PAUSE
        progress.update(4, total=12)
        assert [story["done"] for story in stories(tmp_path)] == [4]
        assert stories(tmp_path)[0]["total"] == 12
    assert told == {"what": "empty b", "unit": "objects", "done": 3, "total": 10, "began": BEGAN, "pid": os.getpid()}
    assert stories(tmp_path) == []


def test_writes_a_few_times_a_second(tmp_path: Path) -> None:
    now, progress, states = Time(), None, set()
    progress = Progress("w", "u", directory=str(tmp_path), now=now)
    for done in range(1000):
        progress.update(done)
        states.add(stories(tmp_path)[0]["done"])
        now.seconds += 0.001
    assert len(states) == 4


def test_a_clock_that_is_put_back_does_not_silence_it(tmp_path: Path) -> None:
    now = Time()
    progress = Progress("w", "u", directory=str(tmp_path), now=now)
    progress.update(1)
    now.seconds -= 3600
    progress.update(2)
    assert stories(tmp_path)[0]["done"] == 2


def test_several_have_files_of_their_own(tmp_path: Path) -> None:
    one, two = (Progress(name, "u", directory=str(tmp_path)) for name in ("one", "two"))
    one.update(1)
    two.update(2)
    assert sorted(story["what"] for story in stories(tmp_path)) == ["one", "two"]
    one.close()
    one.update(5)
    assert [story["what"] for story in stories(tmp_path)] == ["two"]


def test_may_be_told_from_many_threads(tmp_path: Path) -> None:
    ticks = iter(range(10_000))
    progress = Progress("w", "u", directory=str(tmp_path), now=lambda: float(next(ticks)))
    fan_out(progress.update, range(300), concurrency=16)
    assert len(stories(tmp_path)) == 1
    progress.close()
    assert stories(tmp_path) == []


def test_is_silent_unless_the_environment_names_a_directory(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv(DIRECTORY, raising=False)

    def never() -> float:
        raise AssertionError("asked for the time, though nobody listens")

    for progress in (Progress("w", "u", now=never), SILENT):
        assert not progress.is_told
        progress.update(1)
        progress.close()
    monkeypatch.setenv(DIRECTORY, str(tmp_path))
    told = Progress("w", "u")
    told.update(1)
    assert told.is_told
    assert len(stories(tmp_path)) == 1
    told.close()


def test_a_directory_that_goes_away_ends_the_telling(tmp_path: Path) -> None:
    now, directory = Time(), tmp_path / "d"
    directory.mkdir()
    progress = Progress("w", "u", directory=str(directory), now=now)
    progress.update(1)
    for path in directory.iterdir():
        path.unlink()
    directory.rmdir()
    now.seconds += 1
    progress.update(2)
    assert not progress.is_told
    directory.mkdir()
    progress.update(3)
    progress.close()
    assert stories(directory) == []


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="needs a device that is full")
def test_a_full_disk_leaves_no_litter(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    made: list[Path] = []

    def full(dir: str) -> tuple[int, str]:
        made.append(Path(dir) / "tmp")
        made[-1].touch()
        return os.open("/dev/full", os.O_WRONLY), str(made[-1])

    monkeypatch.setattr("tempfile.mkstemp", full)
    progress = Progress("w", "u", directory=str(tmp_path))
    progress.update(1)
    assert made
    assert list(tmp_path.iterdir()) == []
    assert not progress.is_told


def test_a_drain_tells_how_many_are_gone(tmp_path: Path) -> None:
    ticks = iter(range(1000))
    told: list[int] = []
    left = list(range(40))

    class Ear(Progress):
        def update(self, done: int, total: int | None = None) -> None:
            told.append(done)

    drain: Drain[int] = Drain(
        list_items=lambda: iter(list(left)),
        remove=lambda batch: [left.remove(item) for item in batch] and [],
        on_removed=lambda items: None,
        batch_size=10,
        concurrency=1,
        progress=Ear("w", "u", directory=str(tmp_path), now=lambda: float(next(ticks))),
    )
    assert drain.run().removed == 40
    assert told == [10, 20, 30, 40]


# ---- what is made of it


def report(done: int = 0, total: int | None = None, **more: Any) -> Report:
    values = {"what": "empty b", "unit": "objects", "began": BEGAN, "pid": os.getpid(), **more}
    return Report(done=done, total=total, **values)


GOOD = {"what": "w", "unit": "u", "done": 1, "total": 2, "began": 3.5, "pid": 4}


def test_reads_what_progress_writes(tmp_path: Path) -> None:
    with Progress("empty b", "objects", 7, directory=str(tmp_path), now=Time()) as progress:
        progress.update(5)
        (path,) = tmp_path.iterdir()
        assert read_report(path.read_text("utf-8")) == report(5, 7)


@pytest.mark.parametrize(
    "text",
    [
        pytest.param("", id="empty"),
        pytest.param('{"what": "w", "do', id="cut short"),
        pytest.param("[1]", id="list"),
        pytest.param("[" * 100_000, id="deep"),
        pytest.param(json.dumps({**GOOD, "done": -1}), id="negative"),
        pytest.param(json.dumps({**GOOD, "done": "1"}), id="text"),
        pytest.param(json.dumps({**GOOD, "done": True}), id="boolean"),
        pytest.param(json.dumps({**GOOD, "began": None}), id="no beginning"),
        pytest.param(json.dumps({**GOOD, "began": float("nan")}), id="no number"),
        pytest.param(json.dumps({**GOOD, "began": 10**400}), id="no such time"),
        pytest.param(json.dumps({**GOOD, "done": 10**400}), id="no such count"),
        pytest.param(json.dumps({key: value for key, value in GOOD.items() if key != "pid"}), id="no process"),
    ],
)
def test_garbage_is_no_report(text: str) -> None:
    assert read_report(text) is None


@given(st.text(), st.recursive(st.none() | st.booleans() | st.floats() | st.integers() | st.text(), st.lists))
def test_nothing_in_a_file_breaks_the_reader(text: str, value: Any) -> None:
    for content in (text, *(json.dumps({**GOOD, key: value}) for key in GOOD)):
        found = read_report(content)
        if found is not None:
            assert line(found, Meter(), BEGAN)


def test_names_cannot_steer_the_terminal() -> None:
    found = read_report(json.dumps({**GOOD, "what": "a\x1b[2J\r\nb" + "c" * 1000, "total": "many"}))
    assert found is not None
    assert found.what.startswith("a[2Jbccc")
    assert len(found.what) <= LONGEST
    assert found.total is None


@pytest.mark.parametrize(
    ("told", "samples", "after", "text"),
    [
        pytest.param(report(), (), 0, "empty b: 0 objects, 0 s so far", id="begins"),
        pytest.param(report(12000), (), 20, "empty b: 12,000 objects, 600/s, 20 s so far", id="no total"),
        pytest.param(
            report(12000, 40000),
            (),
            20,
            "empty b: 12,000/40,000 objects (30 %), 600/s, 47 s left, 20 s so far",
            id="all",
        ),
        pytest.param(
            report(2000, 3000),
            ((BEGAN + 50, 1800),),
            60,
            "empty b: 2,000/3,000 objects (66 %), 20/s, 50 s left, 1 min 00 s so far",
            id="speed of late",
        ),
        pytest.param(
            report(3, 9, unit="instances"),
            (),
            60,
            "empty b: 3/9 instances (33 %), 3.0/min, 2 min 00 s left, 1 min 00 s so far",
            id="slow",
        ),
        pytest.param(
            report(5, 9), ((BEGAN, 5),), 60, "empty b: 5/9 objects (55 %), 1 min 00 s so far", id="stands still"
        ),
        pytest.param(report(0, 0), (), 3, "empty b: 0/0 objects, 3 s so far", id="nothing to do"),
        pytest.param(report(12, 10), (), 4, "empty b: 12/10 objects (120 %), 3.0/s, 4 s so far", id="more came"),
        pytest.param(report(4, None, unit=""), (), -5, "empty b: 4, 0 s so far", id="clock was put back"),
    ],
)
def test_line(told: Report, samples: tuple[tuple[float, int], ...], after: float, text: str) -> None:
    assert line(told, Meter(samples), BEGAN + after) == text


def test_meter_forgets_what_is_long_ago() -> None:
    meter = Meter()
    for second in range(200):
        meter = meter.seen(BEGAN + second, second * (1 if second < 100 else 10))
    assert meter.samples[0][0] >= BEGAN + 139
    assert meter.rate(report(1990), BEGAN + 199) == pytest.approx(10, rel=0.05)
    assert meter.seen(BEGAN + 200, 5).samples == ((BEGAN + 200, 5),)
    assert len(meter.samples) <= 62


@pytest.mark.parametrize(
    ("seconds", "text"), [(0.4, "0 s"), (59, "59 s"), (61, "1 min 01 s"), (3599, "59 min 59 s"), (7500, "2 h 05 min")]
)
def test_duration(seconds: float, text: str) -> None:
    assert duration(seconds) == text


# ---- the callback's side


@dataclass
class Screen:
    """What was written, and whether each ended a line."""

    written: list[tuple[str, bool]] = field(default_factory=list)

    def __call__(self, text: str, ends: bool) -> None:
        self.written.append((text, ends))

    @property
    def lines(self) -> list[str]:
        return [text for text, _ends in self.written]


@dataclass
class Bench:
    """A board with a clock and a screen of its own."""

    directory: Path
    style: str
    width: int = 300
    now: Time = field(default_factory=Time)
    screen: Screen = field(default_factory=Screen)

    def __post_init__(self) -> None:
        self.board = Board(str(self.directory), self.style, 30, self.screen, now=self.now, width=lambda: self.width)

    def progress(self, what: str, total: int | None = None) -> Progress:
        return Progress(what, "objects", total, directory=str(self.directory), now=self.now)

    def tick(self, seconds: float) -> None:
        self.now.seconds += seconds
        self.board.tick()


def test_lines_come_every_interval(tmp_path: Path) -> None:
    bench = Bench(tmp_path, LINES)
    progress = bench.progress("empty a", 1000)
    for second in range(95):
        progress.update(second * 10)
        bench.tick(1)
    assert [text.partition(" objects")[0] for text in bench.screen.lines] == [
        "empty a: 290/1,000",
        "empty a: 590/1,000",
        "empty a: 890/1,000",
    ]
    assert all(ends for _text, ends in bench.screen.written)
    assert "10/s" in bench.screen.lines[-1]
    progress.close()
    bench.tick(60)
    assert len(bench.screen.lines) == 3


def test_what_is_over_soon_is_not_told_of(tmp_path: Path) -> None:
    bench = Bench(tmp_path, LINES)
    for number in range(20):
        with bench.progress(f"empty {number}") as progress:
            progress.update(1)
            bench.tick(10)
    assert bench.screen.lines == []


def test_live_line_is_kept_up_to_date_and_cleared(tmp_path: Path) -> None:
    bench = Bench(tmp_path, LIVE, width=30)
    first = bench.progress("empty a")
    first.update(1)
    bench.tick(1)
    bench.board.tick()
    second = bench.progress("empty b")
    second.update(5)
    bench.tick(1)
    bench.width = 1000
    bench.tick(1)
    first.close()
    second.close()
    bench.tick(1)
    bench.tick(1)
    assert bench.screen.lines == [
        f"{CLEAR}empty a: 1 objects, 1.0/s, 1 \r",
        f"{CLEAR}empty a: 1 objects, 30.0/min,\r",
        f"{CLEAR}empty a: 1 objects, 20.0/min, 3 s so far | empty b: 5 objects, 2.5/s, 2 s so far\r",
        CLEAR,
    ]
    assert not any(ends for _text, ends in bench.screen.written)


def test_garbage_and_the_dead_are_left_out(tmp_path: Path) -> None:
    bench = Bench(tmp_path, LIVE)
    dead = subprocess.run([sys.executable, "-c", "import os; print(os.getpid())"], capture_output=True, check=True)
    (tmp_path / "dead.json").write_text(json.dumps({**GOOD, "pid": int(dead.stdout)}), "utf-8")
    (tmp_path / "cut.json").write_text('{"what"', "utf-8")
    (tmp_path / "binary.json").write_bytes(b"\xff\xfe\x00")
    (tmp_path / "large.json").write_text(json.dumps({**GOOD, "what": "x" * 20_000}), "utf-8")
    (tmp_path / "directory.json").mkdir()
    (tmp_path / "pid.json").write_text(json.dumps({**GOOD, "pid": 10**12, "what": "strange"}), "utf-8")
    (tmp_path / "other").write_text(json.dumps(GOOD), "utf-8")
    bench.tick(1)
    assert len(bench.screen.lines) == 1
    assert bench.screen.lines[0].startswith(f"{CLEAR}strange: 1/2 u")
    (tmp_path / "pid.json").unlink()
    bench.tick(1)
    assert bench.screen.lines[1:] == [CLEAR]


def test_a_directory_that_is_gone_is_no_trouble(tmp_path: Path) -> None:
    bench = Bench(tmp_path / "none", LINES)
    bench.tick(100)
    bench.board.clear()
    assert bench.screen.lines == []


@pytest.mark.parametrize(
    ("wanted", "terminal", "env", "style"),
    [
        pytest.param("auto", True, {"TERM": "xterm"}, LIVE, id="terminal"),
        pytest.param("auto", False, {"TERM": "xterm"}, LINES, id="pipe"),
        pytest.param("auto", True, {"TERM": "dumb"}, LINES, id="dumb terminal"),
        pytest.param("auto", True, {}, LINES, id="unknown terminal"),
        pytest.param("auto", True, {"TERM": "xterm", "AWX_ISOLATED_DATA_DIR": "/runner"}, LINES, id="AWX"),
        pytest.param("auto", True, {"TERM": "xterm", "CI": "true"}, LINES, id="build server"),
        pytest.param("live", False, {}, LIVE, id="live wanted"),
        pytest.param("lines", True, {"TERM": "xterm"}, LINES, id="lines wanted"),
    ],
)
def test_style(wanted: str, terminal: bool, env: Mapping[str, str], style: str) -> None:
    assert choose_style(wanted, terminal, env) == style


def test_ticker_ticks_until_it_is_stopped() -> None:
    calls: list[float] = []
    three = threading.Event()

    def call() -> None:
        calls.append(time.monotonic())
        if len(calls) == 3:
            three.set()

    ticker = Ticker(call, 0.001)
    assert three.wait(30)
    ticker.stop()
    count = len(calls)
    ticker.stop()
    assert len(calls) == count
