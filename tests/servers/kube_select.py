# Copyright (c) 2026 cloudops.core contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Label and field selectors, as the Kubernetes API reads them."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from typing import Any

from tests.servers.kube_errors import bad_request

Object = dict[str, Any]
Predicate = Callable[[Object], bool]

_TERM = re.compile(
    r"\s*(?P<absent>!\s*)?(?P<key>[A-Za-z0-9][A-Za-z0-9_./-]*)\s*"
    r"(?:(?P<op>==|=|!=|>|<)\s*(?P<value>[A-Za-z0-9_.-]*)|(?P<set>in|notin)\s*\(\s*(?P<values>[^()]*)\))?\s*(?:,|$)"
)


def labels_match(text: str) -> Predicate:
    """Read a label selector in its text form. Raises ApiError (400) for one that can't be read."""
    tests: list[Callable[[Mapping[str, str]], bool]] = []
    position = 0
    while position < len(text):
        found = _TERM.match(text, position)
        if found is None or (found["absent"] and (found["op"] or found["set"])):
            raise bad_request(f'unable to parse requirement: found "{text[position:]}", expected: identifier')
        tests.append(_label_test(found))
        position = found.end()
    return lambda value: all(test(value["metadata"].get("labels") or {}) for test in tests)


def _label_test(term: re.Match[str]) -> Callable[[Mapping[str, str]], bool]:
    key, operator, value = term["key"], term["op"] or term["set"], term["value"] or ""
    values = {entry.strip() for entry in (term["values"] or "").split(",")}
    if operator in (">", "<") and not value.isdigit():
        raise bad_request("for 'Gt', 'Lt' operators, the value must be an integer")
    if operator is None:
        wanted = not term["absent"]
        return lambda labels: (key in labels) is wanted
    tests: dict[str, Callable[[Mapping[str, str]], bool]] = {
        "=": lambda labels: labels.get(key) == value,
        "==": lambda labels: labels.get(key) == value,
        "!=": lambda labels: labels.get(key) != value,
        ">": lambda labels: _number(labels.get(key)) > int(value),
        "<": lambda labels: key in labels and _number(labels[key]) < int(value),
        "in": lambda labels: labels.get(key) in values,
        "notin": lambda labels: labels.get(key) not in values,
    }
    return tests[operator]


def _number(text: str | None) -> float:
    try:
        return int(text or "")
    except ValueError:
        return float("-inf")


def selector_matches(selector: Object | None, labels: Mapping[str, str]) -> bool:
    """Whether a selector object (matchLabels, matchExpressions) picks these labels; an empty one picks all."""
    wanted = (selector or {}).get("matchLabels") or {}
    rules = (selector or {}).get("matchExpressions") or []
    return all(labels.get(key) == value for key, value in wanted.items()) and all(_fits(rule, labels) for rule in rules)


def _fits(rule: Object, labels: Mapping[str, str]) -> bool:
    key, values = rule["key"], rule.get("values") or []
    return {
        "In": labels.get(key) in values,
        "NotIn": labels.get(key) not in values,
        "Exists": key in labels,
        "DoesNotExist": key not in labels,
    }[rule["operator"]]


def selector_text(selector: Object | None) -> str:
    """Write a selector object as text, as the scale subresource shows it."""
    wanted = (selector or {}).get("matchLabels") or {}
    terms = [(key, f"{key}={value}") for key, value in wanted.items()]
    for rule in (selector or {}).get("matchExpressions") or []:
        key, values = rule["key"], ",".join(sorted(rule.get("values") or []))
        forms = {
            "In": f"{key} in ({values})",
            "NotIn": f"{key} notin ({values})",
            "Exists": key,
            "DoesNotExist": f"!{key}",
        }
        terms.append((key, forms[rule["operator"]]))
    return ",".join(text for _key, text in sorted(terms))


_FIELDS = {
    "": ("metadata.name", "metadata.namespace"),
    "pods": ("spec.nodeName", "status.phase", "spec.restartPolicy"),
    "events": (
        "involvedObject.name",
        "involvedObject.namespace",
        "involvedObject.kind",
        "involvedObject.uid",
        "type",
        "reason",
    ),
    "namespaces": ("status.phase",),
}


def fields_match(text: str, plural: str) -> Predicate:
    """Read a field selector. Raises ApiError (400) for a field that the resource can't be selected by."""
    tests = [_field_test(term, plural) for term in text.split(",") if term]
    return lambda value: all(test(value) for test in tests)


def _field_test(term: str, plural: str) -> Predicate:
    found = re.fullmatch(r"([^=!]+)(==|=|!=)(.*)", term)
    if found is None:
        raise bad_request(f"invalid selector: '{term}'; can't understand '{term}'")
    path, operator, wanted = found.groups()
    if path not in (*_FIELDS[""], *_FIELDS.get(plural, ())):
        if plural in _FIELDS:
            raise bad_request(f"field label not supported: {path}")
        known = ", ".join(f'"{name}"' for name in _FIELDS[""])
        raise bad_request(f'"{path}" is not a known field selector: only {known}')
    return lambda value: (_at(value, path) == wanted) is (operator != "!=")


def _at(value: Any, path: str) -> str:
    for part in path.split("."):
        value = (value or {}).get(part)
    return "" if value is None else str(value)


def exact_name(text: str) -> str:
    """The name that a field selector asks for, "" for none; authorization looks at it."""
    for term in text.split(","):
        found = re.fullmatch(r"metadata\.name==?(.+)", term)
        if found:
            return found.group(1)
    return ""
