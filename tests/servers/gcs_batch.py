# Copyright (c) 2026 cloudops.core contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Batches of calls to the JSON API, taken apart and put together: https://cloud.google.com/storage/docs/batch."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from http import HTTPStatus

from tests.servers.gcs_errors import GcsError, invalid

MOST_CALLS = 100
MOST_BYTES = 10_000_000
ANSWER_BOUNDARY = "batch_of_the_test_server"


@dataclass(frozen=True)
class Call:
    """One call of a batch. Its own headers count before those of the batch."""

    method: str
    target: str
    headers: dict[str, str]
    body: bytes
    content_id: str


def calls_of(content_type: str, body: bytes) -> list[Call]:
    """Take a batch apart; a refusal of it as a whole is raised."""
    found = re.search(r'boundary="?([^";]+)"?', content_type)
    if not content_type.startswith("multipart/mixed") or not found:
        raise invalid("A batch is multipart/mixed, with a boundary.")
    if len(body) >= MOST_BYTES:
        raise GcsError(413, "The batch request is too large.", "uploadTooLarge")
    # Google's own client for Python writes bare line feeds, and whole URLs; the service takes both.
    if b"\r\n" not in body:
        body = body.replace(b"\n", b"\r\n")
    pieces = (b"\r\n" + body).split(b"\r\n--" + found[1].encode())
    if len(pieces) < 3 or not pieces[-1].startswith(b"--"):
        raise invalid("The batch has no parts, or no end.")
    if len(pieces) - 2 > MOST_CALLS:
        raise invalid(f"The batch request has {len(pieces) - 2} calls; at most {MOST_CALLS} are allowed.")
    return [_call(piece) for piece in pieces[1:-1]]


def _call(piece: bytes) -> Call:
    outer, _blank, inner = piece.partition(b"\r\n\r\n")
    part = _headers(outer)
    if part.get("content-type") != "application/http":
        raise invalid("A part of the batch is no application/http.")
    head, _blank, body = inner.partition(b"\r\n\r\n")
    line, _end, rest = head.partition(b"\r\n")
    words = line.decode("ascii").split(" ")
    path = re.sub(r"^https?://[^/]+", "", words[1]) if len(words) == 3 else ""
    if not path.startswith("/storage/v1/"):
        raise invalid("A call of the batch is not a call of the JSON API.")
    return Call(words[0], path, _headers(rest), body, part.get("content-id", ""))


def _headers(lines: bytes) -> dict[str, str]:
    pairs = (line.partition(":") for line in lines.decode("latin-1").split("\r\n") if ":" in line)
    return {name.strip().lower(): value.strip() for name, _colon, value in pairs}


def answers_to(calls: list[Call], carry_out: Callable[[Call], tuple[int, bytes]]) -> tuple[str, bytes]:
    """Content type and body of the answer: one part for each call, in their order, with "response-" before its Content-ID."""
    parts = []
    for call in calls:
        status, body = carry_out(call)
        phrase = HTTPStatus(status).phrase
        content_id = f"Content-ID: <response-{call.content_id.strip('<>')}>\r\n" if call.content_id else ""
        head = (
            f"--{ANSWER_BOUNDARY}\r\nContent-Type: application/http\r\n{content_id}\r\nHTTP/1.1 {status} {phrase}\r\n"
        )
        kind = "Content-Type: application/json; charset=UTF-8\r\n" if body else ""
        parts.append(f"{head}{kind}Content-Length: {len(body)}\r\n\r\n".encode() + body + b"\r\n")
    return f"multipart/mixed; boundary={ANSWER_BOUNDARY}", b"".join([*parts, f"--{ANSWER_BOUNDARY}--\r\n".encode()])
