# Copyright (c) 2026 cloudops.core contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""One family of errors for every provider.

A provider package translates whatever its SDK raises into exactly one of these types. The text says what was being done, to what,
what the provider answered, and what the reader can do about it; nothing in it may carry a secret.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any


class CloudOpsError(Exception):
    """Base of all errors that a user may meet.

    :param message: what went wrong, a plain sentence.
    :param operation: what was being done, as a verb phrase ("read the bucket policy").
    :param resource: what it was done to ("bucket logs-2026").
    :param code: the provider's own error code ("AccessDenied").
    :param hint: what to do about it, naming the option.
    :param details: further results that must survive the failure (counts, per-target results).
    """

    kind = "error"

    def __init__(
        self,
        message: str,
        *,
        operation: str = "",
        resource: str = "",
        code: str = "",
        hint: str = "",
        details: Mapping[str, Any] | None = None,
    ) -> None:
        super().__init__(message)
        self.message = message
        self.operation = operation
        self.resource = resource
        self.code = code
        self.hint = hint
        self.details: dict[str, Any] = dict(details or {})

    def __str__(self) -> str:
        """The whole story in one line."""
        lead = f"Could not {self.operation}" if self.operation else ""
        if lead and self.resource:
            lead += f" of {self.resource}" if self.operation.startswith("read the ") else f" ({self.resource})"
        text = f"{lead}: {self.message}" if lead else self.message
        if self.code and self.code not in self.message:
            text += f" [{self.code}]"
        text = text.rstrip()
        if self.hint:
            text += ("" if text.endswith((".", "]", "!", "?")) else ".") + f" {self.hint}"
        return text

    def as_result(self) -> dict[str, Any]:
        """The same as data, for a module's ``error`` return value."""
        return {
            "kind": self.kind,
            "message": self.message,
            "operation": self.operation,
            "resource": self.resource,
            "code": self.code,
            "hint": self.hint,
        }


class NotFound(CloudOpsError):
    """The thing isn't there."""

    kind = "not_found"


class Denied(CloudOpsError):
    """The provider knows who asks and refuses, or doesn't know who asks."""

    kind = "denied"


class Throttled(CloudOpsError):
    """The provider asks for fewer requests, even after the SDK's own retries."""

    kind = "throttled"


class Conflict(CloudOpsError):
    """The state of the thing, or another writer, stands in the way."""

    kind = "conflict"


class Timeout(CloudOpsError):
    """The time that the caller allowed is over."""

    kind = "timeout"


class Invalid(CloudOpsError):
    """The input can't be right, or the provider rejects it."""

    kind = "invalid"


class Unavailable(CloudOpsError):
    """The endpoint can't be reached or fails on its own side, even after the SDK's own retries."""

    kind = "unavailable"


_BY_KIND = {kind.kind: kind for kind in (NotFound, Denied, Throttled, Conflict, Timeout, Invalid, Unavailable)}


def of_kind(kind: str) -> type[CloudOpsError]:
    """The type of error that has this ``kind``."""
    return _BY_KIND.get(kind, CloudOpsError)
