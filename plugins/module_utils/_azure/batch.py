# Copyright (c) 2026 cloudops.core contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Batches of deletions: what a request's many answers say, each by the id that it was asked under.

https://learn.microsoft.com/rest/api/storageservices/blob-batch
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from typing import Any, NamedTuple

from ansible_collections.cloudops.core.plugins.module_utils._azure.errors import azure_errors, safe_text
from ansible_collections.cloudops.core.plugins.module_utils._core.errors import (
    CloudOpsError,
    NotFound,
    Throttled,
    Timeout,
    Unavailable,
)

_CODE = re.compile(rb"(?im)^x-ms-error-code:\s*([^\r\n]+)")
_ID = re.compile(rb"(?im)^content-id:\s*(\d+)")
_STATUS = re.compile(rb"(?m)^HTTP/1\.\d (\d{3})([^\r\n]*)")
_IN_BODY = re.compile(rb"<Code>([^<]+)</Code>")
_MESSAGE = re.compile(rb"<Message>([^<\r\n]+)")

_PASSING = (Throttled, Timeout, Unavailable)


class Part(NamedTuple):
    """The answer to one deletion. ``code`` and ``message`` are "" where it was done."""

    status: int
    code: str = ""
    message: str = ""

    @property
    def done(self) -> bool:
        """Whether it was carried out."""
        return 200 <= self.status < 300


class Answers(NamedTuple):
    """The answers to a batch, in the order of the questions.

    :param repeated: the request was sent more than once, so that an earlier try may have done what this one finds done.
    """

    parts: Sequence[Part]
    repeated: bool = False


def parts_of(content_type: str, body: bytes, asked: int) -> list[Part]:
    """Read a multipart answer. The service may answer in any order, so the Content-ID counts, not the place.

    :param asked: number of deletions in the batch.
    :raises Unavailable: when an answer is missing: the connection broke, or a proxy stands between.
    """
    boundary = re.search(r'boundary="?([^";]+)', content_type or "")
    found: dict[int, Part] = {}
    if boundary:
        for place, text in enumerate(body.split(b"--" + boundary.group(1).encode())[1:]):
            status = _STATUS.search(text)
            if status:
                named = _ID.search(text)
                found[int(named.group(1)) if named else place] = _part(text, status)
    missing = [place for place in range(asked) if place not in found]
    if missing:
        # A batch that is refused as a whole is answered with a single part.
        if len(found) == 1 and asked > 1 and not next(iter(found.values())).done:
            return [next(iter(found.values()))] * asked
        raise Unavailable(
            f"{len(missing)} of {asked} answers of a batch are missing", code="IncompleteBatch", hint="Run again."
        )
    return [found[place] for place in range(asked)]


def _part(text: bytes, status: re.Match[bytes]) -> Part:
    number = int(status.group(1))
    if 200 <= number < 300:
        return Part(number)
    code = _CODE.search(text) or _IN_BODY.search(text)
    message = _MESSAGE.search(text)
    told = message.group(1) if message else status.group(2)
    return Part(number, _text(code.group(1)) if code else str(number), safe_text(_text(told)))


def _text(data: bytes) -> str:
    return data.decode("utf-8", "replace").strip()


def delete_all(
    client: Any, wanted: Sequence[Mapping[str, Any]], resource: str, count: Callable[[Any], None]
) -> Answers:
    """Delete up to 256 blobs, snapshots and versions in one request.

    :param wanted: for each its name, and snapshot, version_id and delete_snapshots as the SDK calls them.
    :param count: the account's counter of requests.
    """
    if _must_go_singly(client):
        return Answers([delete_one(client, one, resource) for one in wanted])
    heard: list[Any] = []

    def listen(request: Any) -> None:
        # The SDK forgets a response hook when a try ends without an answer; what stands in the context stays for the next try.
        request.context["response_callback"] = heard.append
        count(request)

    with azure_errors("delete blobs", resource):
        # The SDK pairs answers with questions by their place; the raw answer has the ids.
        client.delete_blobs(*wanted, raise_on_any_failure=False, raw_request_hook=listen, **_path_before(client))
        if not heard:
            return Answers(parts_of("", b"", len(wanted)))
        answer = heard[-1].http_response
        body, kind = answer.body(), str(answer.headers.get("Content-Type", ""))
    return Answers(parts_of(kind, body, len(wanted)), bool(heard[-1].context.get("history")))


def delete_one(client: Any, one: Mapping[str, Any], resource: str) -> Part:
    """Delete one blob, snapshot or version in a request of its own."""
    options = {key: value for key, value in one.items() if key not in ("name", "snapshot")}
    try:
        with azure_errors("delete one blob", resource):
            client.get_blob_client(one["name"], snapshot=one.get("snapshot")).delete_blob(**options)
    except CloudOpsError as error:
        status = 404 if isinstance(error, NotFound) else 503 if isinstance(error, _PASSING) else 409
        return Part(status, error.code, error.message)
    return Part(202)


def _account_path(client: Any) -> str:
    """Emulators have the account as the first part of the path."""
    return str(client.primary_hostname).partition("/")[2].partition("/")[0]


def _must_go_singly(client: Any) -> bool:
    """SDKs before 12.24 or so leave the account out of the paths in a batch, which then lead nowhere."""
    return bool(_account_path(client)) and not hasattr(client, "_is_localhost")


def _path_before(client: Any) -> dict[str, str]:
    path = _account_path(client)
    return {"url_prepend": path} if path else {}
