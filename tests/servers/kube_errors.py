# Copyright (c) 2026 cloudops.core contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The errors of the Kubernetes stand-in: Status objects with the real server's reasons and sentences."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any

Object = dict[str, Any]
MODIFIED = "the object has been modified; please apply your changes to the latest version and try again"
_JSON_PATCH, _MERGE, _STRATEGIC = (
    f"application/{name}+json" for name in ("json-patch", "merge-patch", "strategic-merge-patch")
)


class ApiError(Exception):
    """An error answer: HTTP status, reason, message and details of a Status object."""

    def __init__(self, code: int, reason: str, message: str, details: Object | None = None) -> None:
        super().__init__(message)
        self.code = code
        self.reason = reason
        self.message = message
        self.details = details

    def status(self) -> Object:
        """The Status object that is sent."""
        out: Object = {"kind": "Status", "apiVersion": "v1", "metadata": {}, "status": "Failure"}
        out |= {"message": self.message, "reason": self.reason}
        if self.details is not None:
            out["details"] = self.details
        return {**out, "code": self.code}


class PlainNotFound(Exception):
    """A path that no API serves; the real server answers with plain text."""


def qualified(group: str, resource: str) -> str:
    """Write a resource as messages do: ``deployments.apps``, ``pods``."""
    return f"{resource}.{group}" if group else resource


def details(group: str, resource: str, name: str = "", **more: Any) -> Object:
    """The details of a Status, empty fields left out."""
    fields = {"name": name, "group": group, "kind": resource, **more}
    return {key: value for key, value in fields.items() if value}


def not_found(group: str, resource: str, name: str) -> ApiError:
    """404 for an object."""
    return ApiError(404, "NotFound", f'{qualified(group, resource)} "{name}" not found', details(group, resource, name))


def already_exists(group: str, resource: str, name: str) -> ApiError:
    """409 for a name that is taken."""
    text = f'{qualified(group, resource)} "{name}" already exists'
    return ApiError(409, "AlreadyExists", text, details(group, resource, name))


def conflict(group: str, resource: str, name: str, why: str = MODIFIED) -> ApiError:
    """409 for a write that is based on an older version."""
    text = f'Operation cannot be fulfilled on {qualified(group, resource)} "{name}": {why}'
    return ApiError(409, "Conflict", text, details(group, resource, name))


def forbidden(group: str, resource: str, name: str, why: str, **more: Any) -> ApiError:
    """403 for what RBAC or admission refuses."""
    what = (
        f'{qualified(group, resource)} "{name}" is '
        if name
        else f"{qualified(group, resource)} is "
        if resource
        else ""
    )
    return ApiError(403, "Forbidden", f"{what}forbidden: {why}", details(group, resource, name, **more))


def unauthorized() -> ApiError:
    """401 for a token that nobody knows."""
    return ApiError(401, "Unauthorized", "Unauthorized")


def bad_request(message: str) -> ApiError:
    """400 for a request that makes no sense."""
    return ApiError(400, "BadRequest", message)


def method_not_allowed() -> ApiError:
    """405 for a verb that the resource lacks."""
    text = "the server does not allow this method on the requested resource"
    return ApiError(405, "MethodNotAllowed", text, {})


def expired(message: str) -> ApiError:
    """410 for a resource version that is no longer kept."""
    return ApiError(410, "Expired", message)


def no_such_resource() -> ApiError:
    """404 for a resource that a served group and version lacks."""
    return ApiError(404, "NotFound", "the server could not find the requested resource", {})


def bad_patch(shown: str, why: str) -> ApiError:
    """422 for a patch whose result can't be read as the kind."""
    cause = {"reason": "FieldValueInvalid", "message": f"Invalid value: {json.dumps(shown)}: {why}", "field": "patch"}
    return ApiError(422, "Invalid", f' "" is invalid: patch: {cause["message"]}', {"causes": [cause]})


def rejected() -> ApiError:
    """422 for a JSON patch that can't be applied."""
    return ApiError(422, "Invalid", "the server rejected our request due to an error in our request", {})


def too_large(asked: int, current: int) -> ApiError:
    """504 for a resource version that is yet to come."""
    cause = {"reason": "ResourceVersionTooLarge", "message": "Too large resource version"}
    text = f"Timeout: Too large resource version: {asked}, current: {current}"
    return ApiError(504, "Timeout", text, {"causes": [cause], "retryAfterSeconds": 1})


def unsupported_media(custom: bool) -> ApiError:
    """415 for a patch type that the resource does not take."""
    types = [_JSON_PATCH, _MERGE, *([] if custom else [_STRATEGIC]), "application/apply-patch+yaml"]
    text = "the body of the request was in an unknown format - accepted media types include: " + ", ".join(types)
    return ApiError(415, "UnsupportedMediaType", text, {})


Cause = tuple[str, str, str]
"""Reason, field and message of one fault of an object, such as ("FieldValueInvalid", "spec.replicas", "...")."""


def bad_value(field: str, value: Any, why: str) -> Cause:
    """A field with a value that can't be."""
    return "FieldValueInvalid", field, f"Invalid value: {value}: {why}"


def required(field: str, why: str = "") -> Cause:
    """A field that is missing."""
    return "FieldValueRequired", field, "Required value" + (f": {why}" if why else "")


def invalid(group: str, kind: str, name: str, causes: Sequence[Cause]) -> ApiError:
    """422 for an object that fails validation."""
    texts = [f"{field}: {message}" for _reason, field, message in causes]
    said = texts[0] if len(texts) == 1 else f"[{', '.join(texts)}]"
    listed = [{"reason": reason, "message": message, "field": field} for reason, field, message in causes]
    text = f'{qualified(group, kind)} "{name}" is invalid: {said}'
    return ApiError(422, "Invalid", text, details(group, kind, name, causes=listed))
