# Copyright (c) 2026 cloudops.core contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Files of JSON lines that several writers append to."""

from __future__ import annotations

import fcntl
import json
import os
import stat
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest
from ansible_collections.cloudops.core.plugins.module_utils._core.errors import (
    CloudOpsError,
    Invalid,
    NotFound,
    Timeout,
)
from ansible_collections.cloudops.core.plugins.module_utils._core.jsonlines import append, as_line, check
from ansible_collections.cloudops.core.plugins.module_utils._core.wait import Clock


def read(path: Path) -> list[Any]:
    return [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]


def test_each_record_is_a_line(tmp_path: Path) -> None:
    path = tmp_path / "log.jsonl"
    assert append(str(path), [{"a": 1}, {"b": "ü\n"}]) == len(path.read_bytes())
    append(str(path), [{"c": None}])
    assert read(path) == [{"a": 1}, {"b": "ü\n"}, {"c": None}]
    assert stat.S_IMODE(path.stat().st_mode) == 0o640 & ~_umask()


def test_permissions_are_given_to_a_new_file_only(tmp_path: Path) -> None:
    path = tmp_path / "log.jsonl"
    append(str(path), [], mode=0o600)
    append(str(path), [{"a": 1}], mode=0o644)
    assert stat.S_IMODE(path.stat().st_mode) == 0o600


def test_without_records_the_file_is_only_made(tmp_path: Path) -> None:
    path = tmp_path / "log.jsonl"
    assert append(str(path), []) == 0
    assert path.read_bytes() == b""
    path.write_text("torn", encoding="utf-8")
    append(str(path), [])
    assert path.read_text(encoding="utf-8") == "torn"


def test_a_torn_line_stays_alone(tmp_path: Path) -> None:
    path = tmp_path / "log.jsonl"
    path.write_text('{"a": 1}\n{"b":', encoding="utf-8")
    append(str(path), [{"c": 3}])
    assert path.read_text(encoding="utf-8") == '{"a": 1}\n{"b":\n{"c":3}\n'


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (
            {"a": float("nan"), "b": [float("inf"), 1.5], "c": {"d": (float("-inf"),)}},
            '{"a":null,"b":[null,1.5],"c":{"d":[null]}}\n',
        ),
        ({"a": True, "b": "x"}, '{"a":true,"b":"x"}\n'),
    ],
    ids=["no-numbers", "plain"],
)
def test_what_json_does_not_have(value: dict[str, Any], text: str) -> None:
    assert as_line(value) == text


def test_many_writers(tmp_path: Path) -> None:
    path = tmp_path / "log.jsonl"
    # Longer than what one write to a pipe keeps together.
    records = [{"number": number, "text": "x" * 20_000} for number in range(40)]
    with ThreadPoolExecutor(8) as pool:
        list(pool.map(lambda record: append(str(path), [record]), records))
    assert sorted(record["number"] for record in read(path)) == list(range(40))


def test_a_writer_that_does_not_let_go(tmp_path: Path) -> None:
    path = tmp_path / "log.jsonl"
    seconds = [0.0]

    def sleep(for_seconds: float) -> None:
        seconds[0] += for_seconds

    with path.open("w") as other:
        fcntl.flock(other, fcntl.LOCK_EX)
        with pytest.raises(Timeout, match="the lock of"):
            append(str(path), [{"a": 1}], timeout=3, clock=Clock(lambda: seconds[0], sleep))
    assert seconds[0] >= 3
    assert path.read_bytes() == b""


def test_what_can_not_be_written(tmp_path: Path) -> None:
    with pytest.raises(NotFound, match="there is no such directory"):
        append(str(tmp_path / "none" / "log"), [{"a": 1}])
    with pytest.raises(CloudOpsError, match=r"append to the file .*[Dd]irectory"):
        append(str(tmp_path), [{"a": 1}])


def test_looking_first(tmp_path: Path) -> None:
    check(str(tmp_path / "log"))
    assert not list(tmp_path.iterdir())
    with pytest.raises(NotFound, match="no such directory"):
        check(str(tmp_path / "none" / "log"))
    with pytest.raises(Invalid, match="is a directory"):
        check(str(tmp_path))


@pytest.mark.skipif(os.geteuid() == 0, reason="root may write everywhere")
def test_looking_at_what_may_not_be_written(tmp_path: Path) -> None:
    path = tmp_path / "log"
    path.touch(mode=0o400)
    with pytest.raises(Invalid, match="may not be written"):
        check(str(path))


def _umask() -> int:
    mask = os.umask(0)
    os.umask(mask)
    return mask
