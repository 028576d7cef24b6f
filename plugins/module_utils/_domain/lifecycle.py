# Copyright (c) 2026 cloudops.core contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Lifecycle rules in one normal form, so that equal rules are equal values whoever wrote them.

https://docs.aws.amazon.com/AmazonS3/latest/userguide/intro-lifecycle-rules.html
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from datetime import date, datetime, timezone
from typing import Any

from ansible_collections.cloudops.core.plugins.module_utils._core.errors import Invalid
from ansible_collections.cloudops.core.plugins.module_utils._domain.tags import as_tags
from ansible_collections.cloudops.core.plugins.module_utils._domain.times import read_iso

Rule = dict[str, Any]

ACTIONS = (
    "expiration",
    "noncurrent_version_expiration",
    "transitions",
    "noncurrent_version_transitions",
    "abort_incomplete_multipart_upload_days",
)


def normalise(rules: Iterable[Mapping[str, Any]]) -> list[Rule]:
    """Rules as the user gave them, in normal form: nothing empty, dates as ISO text, transitions in order.

    :raises Invalid: on what the service would reject, naming the rule and the option.
    """
    result = [_normalise_rule(rule, index) for index, rule in enumerate(rules)]
    names = [rule["id"] for rule in result if "id" in rule]
    twice = sorted({name for name in names if names.count(name) > 1})
    if twice:
        raise Invalid(
            f"lifecycle_rules has more than one rule with id {', '.join(twice)}",
            hint="Give each rule an id of its own.",
        )
    if len(result) > 1000:
        raise Invalid(
            f"lifecycle_rules has {len(result)} rules; a bucket takes at most 1000",
            hint="Merge rules that share a filter.",
        )
    return result


def resolve(current: list[Rule] | None, asked: list[Rule], purge: bool) -> list[Rule] | None:
    """The whole set that the bucket should have. None: no rules at all.

    A rule without an id takes over the id of a current rule that says the same, so that it isn't written again and again.
    """
    existing = list(current or [])
    named = {rule["id"] for rule in asked if "id" in rule}
    free = [rule for rule in existing if rule.get("id") not in named]
    wanted: list[Rule] = []
    for rule in asked:
        twin = next((old for old in free if "id" not in rule and _content(old) == _content(rule)), None)
        if twin is not None:
            free.remove(twin)
        wanted.append(twin if twin is not None else rule)
    if not purge:
        wanted = free + wanted
    return wanted or None


def canonical(rules: list[Rule] | None) -> Any:
    """The order of rules means nothing to the service."""
    return sorted((json.dumps(rule, sort_keys=True) for rule in rules), key=str) if rules else None


def _content(rule: Rule) -> Rule:
    return {key: value for key, value in rule.items() if key != "id"}


def _normalise_rule(given: Mapping[str, Any], index: int) -> Rule:
    rule: Rule = {key: value for key, value in given.items() if value not in (None, [], {}, "")}
    where = f"lifecycle_rules[{index}]" + (f" (id {rule['id']})" if "id" in rule else "")
    rule["enabled"] = bool(given.get("enabled", True))
    if "tags" in rule:
        rule["tags"] = as_tags(rule["tags"])
    for name in ("expiration", "noncurrent_version_expiration"):
        if name in rule:
            rule[name] = _compact(rule[name])
            _check_when(rule[name], f"{where}.{name}")
    for name in ("transitions", "noncurrent_version_transitions"):
        if name in rule:
            rule[name] = _transitions(rule[name], f"{where}.{name}")
    rule = {key: value for key, value in rule.items() if value not in ({}, [])}
    _check_rule(rule, where)
    return rule


def _transitions(given: Iterable[Mapping[str, Any]], where: str) -> list[dict[str, Any]]:
    result = [_compact(item) for item in given]
    for index, item in enumerate(result):
        _check_when(item, f"{where}[{index}]")
        if len(set(item) & {"days", "date", "noncurrent_days"}) != 1:
            raise Invalid(
                f"{where}[{index}] needs exactly one of days and date (noncurrent_days for noncurrent versions)"
            )
    return sorted(
        result,
        key=lambda item: (
            str(item.get("date", "")),
            item.get("days", item.get("noncurrent_days", 0)),
            item["storage_class"],
        ),
    )


def _compact(given: Mapping[str, Any]) -> dict[str, Any]:
    result = {key: value for key, value in given.items() if value is not None and value is not False}
    if "date" in result:
        result["date"] = iso_date(result["date"])
    return result


def iso_date(value: Any) -> str:
    """A date as the service keeps it: midnight UTC, ``YYYY-MM-DD``.

    :raises Invalid: when it isn't a date, or not midnight UTC.
    """
    if isinstance(value, datetime):
        moment = value if value.tzinfo else value.replace(tzinfo=timezone.utc)
    elif isinstance(value, date):
        return value.isoformat()
    else:
        try:
            moment = read_iso(str(value))
        except ValueError as error:
            raise Invalid(f"{value!r} is not a date", hint="Write lifecycle dates as YYYY-MM-DD.") from error
        moment = moment if moment.tzinfo else moment.replace(tzinfo=timezone.utc)
    try:
        moment = moment.astimezone(timezone.utc)
    except OverflowError as error:
        raise Invalid(f"{value!r} is not a date", hint="Write lifecycle dates as YYYY-MM-DD.") from error
    if (moment.hour, moment.minute, moment.second, moment.microsecond) != (0, 0, 0, 0):
        raise Invalid(f"the lifecycle date {value} is not midnight UTC", hint="Write lifecycle dates as YYYY-MM-DD.")
    return moment.date().isoformat()


def _check_when(item: Mapping[str, Any], where: str) -> None:
    if "days" in item and "date" in item:
        raise Invalid(f"{where} has both days and date", hint="Give one of them.")
    for name in ("days", "noncurrent_days", "newer_noncurrent_versions"):
        lowest = 0 if name != "newer_noncurrent_versions" and "storage_class" in item else 1
        if name in item and int(item[name]) < lowest:
            raise Invalid(f"{where}.{name} is {item[name]}; the smallest that the service takes is {lowest}")


def _check_rule(rule: Rule, where: str) -> None:
    if not any(name in rule for name in ACTIONS):
        raise Invalid(f"{where} does nothing", hint=f"Give at least one of {', '.join(ACTIONS)}.")
    if len(str(rule.get("id", ""))) > 255:
        raise Invalid(f"{where}: an id has at most 255 characters")
    days = rule.get("abort_incomplete_multipart_upload_days", 1)
    if days < 1:
        raise Invalid(
            f"{where}.abort_incomplete_multipart_upload_days is {days}; the smallest that the service takes is 1"
        )
    expiration = rule.get("expiration", {})
    if "expired_object_delete_marker" in expiration and (len(expiration) > 1 or "tags" in rule):
        raise Invalid(
            f"{where}: expired_object_delete_marker goes with neither days, date nor tags",
            hint="Put it in a rule of its own.",
        )
    if "noncurrent_version_expiration" in rule and "noncurrent_days" not in rule["noncurrent_version_expiration"]:
        raise Invalid(f"{where}.noncurrent_version_expiration needs noncurrent_days")
    if "abort_incomplete_multipart_upload_days" in rule and "tags" in rule:
        raise Invalid(
            f"{where}: abort_incomplete_multipart_upload_days can't be filtered by tags",
            hint="Put it in a rule of its own.",
        )
    low, high = rule.get("object_size_greater_than"), rule.get("object_size_less_than")
    if low is not None and high is not None and high <= low + 1:
        raise Invalid(
            f"{where}: no size is over {low} and under {high} bytes",
            hint="Correct object_size_greater_than or object_size_less_than.",
        )
