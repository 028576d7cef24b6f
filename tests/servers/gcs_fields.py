# Copyright (c) 2026 cloudops.core contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Partial answers: ``fields=nextPageToken,items(name,size)``. https://cloud.google.com/storage/docs/json_api#partial-response"""

from __future__ import annotations

import re
from typing import Any

from tests.servers.gcs_errors import invalid

Wanted = dict[str, Any]
"""The names that are wanted, each with those wanted of it; none: all of it."""


def parse(text: str) -> Wanted:
    """What a ``fields`` parameter asks for."""
    tokens = re.findall(r"[A-Za-z*]+|[(),/]", text)
    if "".join(tokens) != text.replace(" ", ""):
        raise invalid(f"Invalid field selection {text}")
    wanted, rest = _names(tokens)
    if rest:
        raise invalid(f"Invalid field selection {text}")
    return wanted


def _names(tokens: list[str]) -> tuple[Wanted, list[str]]:
    wanted: Wanted = {}
    while tokens:
        name, *tokens = tokens
        if not name.isalpha() and name != "*":
            raise invalid(f"Invalid field selection {name}")
        inner: Wanted = {}
        if tokens[:1] == ["("]:
            inner, tokens = _names(tokens[1:])
            if tokens[:1] != [")"]:
                raise invalid("Invalid field selection: no end")
            tokens = tokens[1:]
        elif tokens[:1] == ["/"]:
            inner, tokens = _names(tokens[1:2])[0], tokens[2:]
        wanted[name] = inner
        if tokens[:1] != [","]:
            break
        tokens = tokens[1:]
    return wanted, tokens


def pick(document: Any, wanted: Wanted) -> Any:
    """The wanted part of a document."""
    if not wanted or "*" in wanted:
        return document
    if isinstance(document, list):
        return [pick(entry, wanted) for entry in document]
    return {name: pick(document[name], inner) for name, inner in wanted.items() if name in document}
