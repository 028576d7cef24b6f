# Copyright (c) 2026 cloudops.core contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Bucket policies: read, compare by meaning, and the one statement that we add ourselves.

Grammar: https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_grammar.html
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Mapping
from typing import Any

from ansible_collections.cloudops.core.plugins.module_utils._core.errors import Invalid

Document = dict[str, Any]

DENY_INSECURE_SID = "CloudopsDenyInsecureTransport"

_HOW_TO_GIVE = "Give policy as JSON text or as a YAML mapping."
_ACCOUNT_ROOT = re.compile(r"arn:aws[\w-]*:iam::(\d{12}):root")
_OLDEST_VERSION = "2008-10-17"


def parse(text: str | Mapping[str, Any] | None) -> Document | None:
    """Read a policy from JSON text or a mapping; an empty object, null, or None, means "no policy".

    :raises Invalid: when the text isn't a JSON object, with the place of the mistake.
    """
    if text is None:
        return None
    if isinstance(text, str) and not text.strip():
        raise Invalid("policy is an empty text", hint="Give {} to remove the policy, or leave policy out to keep it.")
    document: Any = text
    if isinstance(text, str):
        try:
            document = json.loads(text, object_pairs_hook=_no_key_twice)
        except ValueError as error:
            raise Invalid(f"policy is not valid JSON: {error}", hint=_HOW_TO_GIVE) from error
    if document is None:  # the text "null"
        return None
    if not isinstance(document, Mapping):
        raise Invalid(f"policy must be a JSON object, not a {type(document).__name__}", hint=_HOW_TO_GIVE)
    if document and not document.get("Statement"):
        raise Invalid("policy has no Statement", hint="Add at least one statement, or give {} to remove the policy.")
    return dict(document) or None


def _no_key_twice(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    """JSON readers keep the last of two equal keys; in a policy, that would drop a condition without a word."""
    keys = [key for key, _value in pairs]
    twice = sorted({key for key in keys if keys.count(key) > 1})
    if twice:
        raise ValueError(f"the key {', '.join(twice)} stands twice in one object")
    return dict(pairs)


def canonical(document: Document | None) -> Any:
    """The policy in a form in which equal meaning is equal value.

    The order of statements, actions, resources and values doesn't matter, nor does one value against a list of one, the case of an
    action, ``"*"`` against ``{"AWS": "*"}``, or an account id against the ARN of its root.
    """
    if not document:
        return None
    statements = [_canonical_statement(statement) for statement in _as_list(document.get("Statement"))]
    return {
        "Version": document.get("Version", _OLDEST_VERSION),
        "Id": document.get("Id"),
        "Statement": sorted(statements, key=_sort_key),
    }


def with_own_statement(document: Document | None, bucket_arn: str, wanted: bool) -> Document | None:
    """The policy with our deny-insecure-transport statement added or removed; every other statement stays as it is."""
    kept = others(document)
    if not wanted:
        return {**(document or {}), "Statement": kept} if kept else None
    base = dict(document) if document else {"Version": "2012-10-17"}
    return {**base, "Statement": [*kept, deny_insecure_statement(bucket_arn)]}


def others(document: Document | None) -> list[Any]:
    """All statements but our own."""
    return [statement for statement in _as_list((document or {}).get("Statement")) if not _is_own(statement)]


def own_statements(document: Document | None) -> list[Any]:
    """Our own statement, if the policy has it."""
    return [statement for statement in _as_list((document or {}).get("Statement")) if _is_own(statement)]


def deny_insecure_statement(bucket_arn: str) -> dict[str, Any]:
    """Refuse every request that doesn't come over TLS."""
    return {
        "Sid": DENY_INSECURE_SID,
        "Effect": "Deny",
        "Principal": "*",
        "Action": "s3:*",
        "Resource": [bucket_arn, f"{bucket_arn}/*"],
        "Condition": {"Bool": {"aws:SecureTransport": "false"}},
    }


def _is_own(statement: Any) -> bool:
    return isinstance(statement, Mapping) and statement.get("Sid") == DENY_INSECURE_SID


def _canonical_statement(statement: Any) -> Any:
    if not isinstance(statement, Mapping):
        return statement
    result: dict[str, Any] = {}
    for key, value in statement.items():
        if key in ("Action", "NotAction"):
            result[key] = sorted({str(action).lower() for action in _as_list(value)})
        elif key in ("Resource", "NotResource"):
            result[key] = sorted({str(resource) for resource in _as_list(value)})
        elif key in ("Principal", "NotPrincipal"):
            result[key] = _canonical_principal(value)
        elif key == "Condition":
            result[key] = _canonical_condition(value)
        elif key == "Sid" and value == "":
            continue
        else:
            result[key] = value
    return result


def _canonical_principal(value: Any) -> Any:
    if isinstance(value, str):
        value = {"AWS": value}
    if not isinstance(value, Mapping):
        return value
    return {kind: sorted({_principal_name(name) for name in _as_list(names)}) for kind, names in value.items()}


def _principal_name(name: Any) -> str:
    match = _ACCOUNT_ROOT.fullmatch(str(name))
    return match.group(1) if match else str(name)


def _canonical_condition(value: Any) -> Any:
    """A sorted list, as operators and keys that differ only in case are equal, and still two."""
    if not isinstance(value, Mapping):
        return value
    found = []
    for operator, tests in value.items():
        for key, values in tests.items() if isinstance(tests, Mapping) else [("", tests)]:
            words = sorted({_condition_value(item) for item in _as_list(values)})
            found.append([str(operator).lower(), str(key).lower(), words])
    return sorted(found)


def _condition_value(value: Any) -> str:
    """JSON's true and 3 arrive as strings from the service."""
    return json.dumps(value) if isinstance(value, (bool, int, float)) else str(value)


def _as_list(value: Any) -> list[Any]:
    if value is None:
        return []
    return list(value) if isinstance(value, Iterable) and not isinstance(value, (str, bytes, Mapping)) else [value]


def _sort_key(value: Any) -> str:
    return json.dumps(value, sort_keys=True, default=str)
