# Copyright (c) 2026 cloudops.core contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Which entry an error of DeleteObjects belongs to."""

from __future__ import annotations

from datetime import datetime, timezone

import pytest
from ansible_collections.cloudops.core.plugins.module_utils._aws.s3_contents import _refusals
from ansible_collections.cloudops.core.plugins.module_utils._domain.buckets import VERSION, Entry

ENTRIES = [
    Entry(VERSION, key, version, 1, datetime(2026, 1, 1, tzinfo=timezone.utc), False)
    for key, version in (("a", "1"), ("a", "2"), ("b", "null"))
]


@pytest.mark.parametrize(
    ("errors", "expected"),
    [
        pytest.param([], [], id="none"),
        pytest.param([{"Key": "a", "VersionId": "2", "Code": "X"}], [("a", "2", "X")], id="named in full"),
        pytest.param([{"Key": "b", "Code": "X"}], [("b", "null", "X")], id="null version"),
        pytest.param(
            [{"Key": "a", "VersionId": "1", "Code": "NoSuchVersion"}], [("a", "1", "Gone")], id="gone already"
        ),
        pytest.param([{"Key": "a", "Code": "X"}] * 2, [("a", "1", "X"), ("a", "2", "X")], id="two versions not named"),
        pytest.param([{"Code": "X"}] * 2, [("a", "1", "X"), ("a", "2", "X")], id="nothing named, two entries"),
        pytest.param(
            [{"Code": "X"}] * 4, [("a", "1", "X"), ("a", "2", "X"), ("b", "null", "X")], id="more than entries"
        ),
    ],
)
def test_each_error_has_an_entry_of_its_own(errors: list[dict[str, str]], expected: list[tuple[str, str, str]]) -> None:
    found = [(refusal.item.key, refusal.item.version_id, refusal.code) for refusal in _refusals(ENTRIES, errors)]
    assert found == expected
