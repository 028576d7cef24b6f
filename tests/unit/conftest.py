# Copyright (c) 2026 cloudops.core contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Settings of the unit tests.

Examples are the same in every run, so that a failure is one for everybody. HYPOTHESIS_PROFILE=explore looks for new ones.
"""

from __future__ import annotations

import os
import time
from collections.abc import Iterator

import pytest
from hypothesis import HealthCheck, settings

# A machine under load is slow, not wrong: no deadline for an example.
settings.register_profile(
    "fixed",
    derandomize=True,
    deadline=None,
    max_examples=30,
    database=None,
    suppress_health_check=[HealthCheck.too_slow],
)
settings.register_profile("explore", parent=settings.get_profile("fixed"), derandomize=False, max_examples=1000)
settings.load_profile(os.environ.get("HYPOTHESIS_PROFILE", "fixed"))


@pytest.fixture(autouse=True, scope="module")
def _odd_zone() -> Iterator[None]:
    """Far from UTC, by an odd distance: a time that is taken for local time shows."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("TZ", "ODD+3:30")
        time.tzset()
        yield
    time.tzset()
