# Copyright (c) 2026 cloudops.core contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Errors: what a user reads at 3 a.m., and the same as data."""

from __future__ import annotations

import pytest
from ansible_collections.cloudops.core.plugins.module_utils._core import errors
from ansible_collections.cloudops.core.plugins.module_utils._core.errors import CloudOpsError, Denied


@pytest.mark.parametrize(
    ("fields", "text"),
    [
        pytest.param({}, "it broke", id="message alone"),
        pytest.param({"operation": "delete objects"}, "Could not delete objects: it broke", id="operation"),
        pytest.param(
            {"operation": "create the bucket", "resource": "bucket b"},
            "Could not create the bucket (bucket b): it broke",
            id="operation and resource",
        ),
        pytest.param(
            {"operation": "read the policy", "resource": "bucket b"},
            "Could not read the policy of bucket b: it broke",
            id="reading a property",
        ),
        pytest.param({"resource": "bucket b"}, "it broke", id="a resource needs an operation"),
        pytest.param({"code": "AccessDenied"}, "it broke [AccessDenied]", id="code"),
        pytest.param({"code": "broke"}, "it broke", id="a code that the message has isn't repeated"),
        pytest.param({"hint": "Mend it."}, "it broke. Mend it.", id="hint after a sentence without a full stop"),
        pytest.param({"code": "X1", "hint": "Mend it."}, "it broke [X1] Mend it.", id="hint after a code"),
        pytest.param(
            {"operation": "list the buckets", "resource": "bucket err-404-pages", "code": "404"},
            "Could not list the buckets (bucket err-404-pages): it broke [404]",
            id="a resource with the code in its name doesn't swallow the code",
        ),
    ],
)
def test_the_text_tells_the_story(fields: dict[str, str], text: str) -> None:
    assert str(CloudOpsError("it broke", **fields)) == text


@pytest.mark.parametrize("end", [".", "!", "?"])
def test_a_hint_follows_a_finished_sentence(end: str) -> None:
    assert str(CloudOpsError(f"it broke{end}", hint="Mend it.")) == f"it broke{end} Mend it."


def test_as_result_holds_every_field_but_the_details() -> None:
    error = Denied("no", operation="o", resource="r", code="c", hint="h", details={"removed": 1})
    assert error.as_result() == {
        "kind": "denied",
        "message": "no",
        "operation": "o",
        "resource": "r",
        "code": "c",
        "hint": "h",
    }


def test_details_are_a_copy() -> None:
    details = {"removed": 1}
    error = CloudOpsError("no", details=details)
    details["removed"] = 2
    assert error.details == {"removed": 1}


def test_every_type_has_a_kind_of_its_own() -> None:
    types = [found for found in vars(errors).values() if isinstance(found, type) and issubclass(found, CloudOpsError)]
    kinds = [found.kind for found in types]
    assert len(types) == 8
    assert len(set(kinds)) == len(types)


@pytest.mark.parametrize("kind", ["not_found", "denied", "throttled", "conflict", "timeout", "invalid", "unavailable"])
def test_a_kind_leads_back_to_its_type(kind: str) -> None:
    assert errors.of_kind(kind).kind == kind


def test_an_unknown_kind_is_just_an_error() -> None:
    assert errors.of_kind("") is CloudOpsError
