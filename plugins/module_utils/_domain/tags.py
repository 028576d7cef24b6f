# Copyright (c) 2026 cloudops.core contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Tags as people write them in YAML, in the form in which providers keep them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any


def as_tags(given: Mapping[Any, Any]) -> dict[str, str]:
    """Keys and values as text: YAML's true is the tag "true" (Python would make it "True"), and no value is the empty text."""
    return {_text(key): _text(value) for key, value in given.items()}


def _text(value: Any) -> str:
    if value is None:
        return ""
    return str(value).lower() if isinstance(value, bool) else str(value)
