# Copyright (c) 2026 cloudops.core contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Times as people and APIs write them, the same on every Python."""

from __future__ import annotations

from datetime import datetime, timedelta, timezone

import pytest
from ansible_collections.cloudops.core.plugins.module_utils._domain.times import read_iso
from hypothesis import given
from hypothesis import strategies as st

NOON = datetime(2026, 3, 1, 12, tzinfo=timezone.utc)
EAST = timezone(timedelta(hours=2))


@pytest.mark.parametrize(
    ("text", "moment"),
    [
        pytest.param("2026-03-01T12:00:00Z", NOON, id="zulu"),
        pytest.param("2026-03-01T12:00:00z", NOON, id="small-z"),
        pytest.param("2026-03-01 12:00:00+00:00", NOON, id="space"),
        pytest.param(" 2026-03-01T12:00Z ", NOON, id="minutes"),
        pytest.param("2026-03-01T14:00:00+02:00", NOON.astimezone(EAST), id="offset"),
        pytest.param("2026-03-01T12:00:00.5Z", NOON + timedelta(microseconds=500_000), id="one-digit"),
        pytest.param("2026-03-01T12:00:00,25Z", NOON + timedelta(microseconds=250_000), id="comma"),
        pytest.param("2026-03-01T12:00:00.123456789Z", NOON + timedelta(microseconds=123_456), id="nanoseconds"),
        pytest.param("2026-03-01T12:00:00.000", NOON.replace(tzinfo=None), id="no-zone"),
        pytest.param("2026-03-01", NOON.replace(hour=0, tzinfo=None), id="date"),
    ],
)
def test_reads(text: str, moment: datetime) -> None:
    assert read_iso(text) == moment
    assert read_iso(text).utcoffset() == moment.utcoffset()


@pytest.mark.parametrize("text", ["", "Z", "noon", "2026-13-01", "2026-03-01T25:00Z", "12:00Z"])
def test_refuses(text: str) -> None:
    with pytest.raises(ValueError, match=r"isoformat|must be in"):
        read_iso(text)


@given(st.datetimes(timezones=st.sampled_from([timezone.utc, EAST])))
def test_what_was_written_is_read(moment: datetime) -> None:
    assert read_iso(moment.isoformat()) == moment
