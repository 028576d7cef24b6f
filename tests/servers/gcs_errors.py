# Copyright (c) 2026 cloudops.core contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Errors of Cloud Storage's JSON API, as https://cloud.google.com/storage/docs/json_api/v1/status-codes describes them."""

from __future__ import annotations

import json
from typing import Any

# What a status is called where nothing more is known of the cause.
REASONS = {
    400: "invalid",
    401: "required",
    403: "forbidden",
    404: "notFound",
    405: "methodNotAllowed",
    408: "uploadBrokenConnection",
    409: "conflict",
    412: "conditionNotMet",
    429: "rateLimitExceeded",
    500: "internalError",
    502: "badGateway",
    503: "backendError",
    504: "gatewayTimeout",
}


class GcsError(Exception):
    """A refusal."""

    def __init__(self, status: int, message: str, reason: str = "") -> None:
        super().__init__(message)
        self.status = status
        self.message = message
        self.reason = reason or REASONS.get(status, "invalid")

    def document(self) -> dict[str, Any]:
        """The body of the answer."""
        detail = {"message": self.message, "domain": "global", "reason": self.reason}
        return {"error": {"code": self.status, "message": self.message, "errors": [detail]}}

    def body(self) -> bytes:
        """The same as bytes."""
        return json.dumps(self.document()).encode()


def invalid(message: str) -> GcsError:
    """400."""
    return GcsError(400, message)


def not_found(what: str) -> GcsError:
    """404."""
    return GcsError(404, f"The specified {what} does not exist." if what == "bucket" else f"No such object: {what}")


def precondition_failed() -> GcsError:
    """412."""
    return GcsError(412, "At least one of the pre-conditions you specified did not hold.")
