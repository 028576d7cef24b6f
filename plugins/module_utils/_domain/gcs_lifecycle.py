# Copyright (c) 2026 cloudops.core contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Lifecycle rules of Cloud Storage in one normal form, so that equal rules are equal values whoever wrote them.

https://cloud.google.com/storage/docs/lifecycle
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from typing import Any

from ansible_collections.cloudops.core.plugins.module_utils._core.errors import Invalid
from ansible_collections.cloudops.core.plugins.module_utils._domain.lifecycle import iso_date

Rule = dict[str, Any]

DATES = ("created_before", "custom_time_before", "noncurrent_time_before")
COUNTS = ("age", "days_since_custom_time", "days_since_noncurrent_time", "num_newer_versions")
LISTS = ("matches_storage_class", "matches_prefix", "matches_suffix")
STORAGE_CLASSES = (
    "STANDARD",
    "NEARLINE",
    "COLDLINE",
    "ARCHIVE",
    "MULTI_REGIONAL",
    "REGIONAL",
    "DURABLE_REDUCED_AVAILABILITY",
)
# All that can be asked of an unfinished upload.
OF_UPLOADS = frozenset({"age", "matches_prefix", "matches_suffix"})


def normalise(rules: Iterable[Mapping[str, Any]]) -> list[Rule]:
    """Rules as the user gave them, in normal form: nothing unset, dates as ISO text, lists in order, each rule once.

    :raises Invalid: on what the service would reject, naming the rule and the option.
    """
    result: list[Rule] = []
    for index, rule in enumerate(rules):
        normal = _normalise_rule(rule, f"lifecycle_rules[{index}]")
        if normal not in result:
            result.append(normal)
    return result


def canonical(rules: Iterable[Rule] | None) -> Any:
    """The order of rules, and of names within a condition, means nothing to the service."""
    return sorted({json.dumps(_sorted(rule), sort_keys=True) for rule in rules}) if rules else None


def _sorted(rule: Rule) -> Rule:
    condition = {
        key: sorted(value) if isinstance(value, list) else value for key, value in rule.get("condition", {}).items()
    }
    return {**rule, "condition": condition}


def _normalise_rule(given: Mapping[str, Any], where: str) -> Rule:
    action = {key: value for key, value in given["action"].items() if value not in (None, "")}
    condition = {key: value for key, value in given["condition"].items() if value is not None and value != []}
    for name in DATES:
        if name in condition:
            condition[name] = iso_date(condition[name])
    for name in LISTS:
        if name in condition:
            condition[name] = sorted({str(value) for value in condition[name]})
    _check_action(action, where)
    _check_condition(action, condition, where)
    return {"action": action, "condition": condition}


def _check_action(action: Mapping[str, Any], where: str) -> None:
    moves = action["type"] == "SetStorageClass"
    if moves != ("storage_class" in action):
        raise Invalid(
            f"{where}.action.storage_class {'is missing' if moves else 'goes with type: SetStorageClass only'}",
            hint="Name the storage class to move to." if moves else "Leave it out.",
        )
    _check_class(action.get("storage_class", "STANDARD"), f"{where}.action.storage_class")


def _check_condition(action: Mapping[str, Any], condition: Mapping[str, Any], where: str) -> None:
    if not condition:
        raise Invalid(
            f"{where}.condition is empty; the rule would act on everything",
            hint="Give at least one condition; age: 0 means everything.",
        )
    for name in COUNTS:
        if condition.get(name, 0) < 0:
            raise Invalid(f"{where}.condition.{name} is {condition[name]}; the smallest that the service takes is 0")
    for name in condition.get("matches_storage_class", ()):
        _check_class(name, f"{where}.condition.matches_storage_class")
    strange = sorted(set(condition) - OF_UPLOADS)
    if action["type"] == "AbortIncompleteMultipartUpload" and strange:
        raise Invalid(
            f"{where}: {', '.join(strange)} can't be asked of unfinished uploads",
            hint="AbortIncompleteMultipartUpload goes with age, matches_prefix and matches_suffix.",
        )


def _check_class(name: str, where: str) -> None:
    if name not in STORAGE_CLASSES:
        raise Invalid(f"{where} is {name!r}", hint=f"Storage classes are {', '.join(STORAGE_CLASSES)}.")
