# Copyright (c) 2026 cloudops.core contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Containers of Azure Blob Storage: their options, their properties, and the plan, in the terms of buckets."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from ansible_collections.cloudops.core.plugins.module_utils._core.errors import Conflict, Invalid
from ansible_collections.cloudops.core.plugins.module_utils._core.plan import Plan
from ansible_collections.cloudops.core.plugins.module_utils._domain import bucket_options
from ansible_collections.cloudops.core.plugins.module_utils._domain.buckets import (
    Bucket,
    Desired,
    Property,
    plan_present,
)

NOUN = "container"
Options = Mapping[str, Any]

# What Azure calls the account's own encryption, which holds where no scope is named.
ACCOUNT_SCOPE = "$account-encryption-key"
SPECIAL_NAMES = ("$root", "$web", "$logs", "$blobchangefeed")
KEYS_A_REQUEST = 256
METADATA_BYTES = 8192
PROPERTY_NAMES = (
    "default_encryption_scope",
    "deny_encryption_scope_override",
    "immutability",
    "lease",
    "metadata",
    "public_access",
)
_CREATION_ONLY = ("default_encryption_scope", "deny_encryption_scope_override")


# ---- properties


def _asked(_current: Any, asked: Any, _arn: str) -> Any:
    return asked


def _resolve_metadata(current: Any, asked: Mapping[str, Any], _arn: str) -> dict[str, str] | None:
    """Names keep the case that they were written with first, as the service keeps it."""
    existing = dict(current or {})
    cases = {name.lower(): name for name in existing}
    wanted = {cases.get(name.lower(), name): value for name, value in asked["metadata"].items()}
    return ({} if asked["purge"] else existing) | wanted or None


def _canonical_metadata(value: Any) -> Any:
    """The case of names, and blanks at the ends of values, get lost in headers."""
    return {name.lower(): str(text).strip() for name, text in (value or {}).items()} or None


PROPERTIES: Mapping[str, Property] = {
    "public_access": Property(_asked, lambda value: None if value == "none" else value),
    "metadata": Property(_resolve_metadata, _canonical_metadata),
    "default_encryption_scope": Property(_asked, lambda value: None if value == ACCOUNT_SCOPE else value),
    "deny_encryption_scope_override": Property(_asked, lambda value: value or None),
}


def plan_container(current: Bucket | None, desired: Desired) -> Plan:
    """The steps that give a container what is asked, and nothing else.

    :raises Conflict: for what can be set when a container is created only, and is otherwise here.
    """
    plan = plan_present(current, desired, {}, PROPERTIES, NOUN)
    stuck = [step for step in plan.steps if current is not None and step.subject in _CREATION_ONLY]
    if stuck:
        name = stuck[0].subject
        raise Conflict(
            f"{NOUN} {desired.name} has {name} {_shown(plan.before[name])}, not {_shown(stuck[0].value)}, "
            "and Azure sets it only when a container is created",
            code="EncryptionScopeMismatch",
            hint=f"Leave {name} out, or make a new container.",
        )
    return plan


def _shown(value: Any) -> str:
    return "none" if value is None else str(value).lower() if isinstance(value, bool) else str(value)


def has_metadata(metadata: Mapping[str, str] | None, wanted: Mapping[str, str]) -> bool:
    """Whether a container has all of this metadata."""
    found, asked = _canonical_metadata(metadata) or {}, _canonical_metadata(wanted) or {}
    return all(found.get(name) == value for name, value in asked.items())


# ---- options


def check_options(options: Options) -> None:
    """Refuse what contradicts itself or can't be meant, before any call.

    :raises Invalid: naming the option and the cure.
    """
    check_name(options["name"])
    bucket_options.check_removal(options, keys_a_request=KEYS_A_REQUEST)
    if options["soft_deleted"] == "report" and options["state"] != "empty":
        raise Invalid(f"soft_deleted: report only goes with state: empty, not with state: {options['state']}")
    if options["wait_timeout"] < 0:
        raise Invalid(f"wait_timeout is {options['wait_timeout']}; the smallest possible is 0")
    if options["deny_encryption_scope_override"] is not None and options["default_encryption_scope"] is None:
        raise Invalid("deny_encryption_scope_override needs default_encryption_scope, too")


def settings_from(options: Options) -> dict[str, Any]:
    """The properties that were given; an option that wasn't given has no entry.

    :raises Invalid: naming the option and the cure.
    """
    plain = ("public_access", *_CREATION_ONLY)
    settings = {name: options[name] for name in plain if options[name] is not None}
    if options["metadata"] is not None:
        settings["metadata"] = {"metadata": as_metadata(options["metadata"]), "purge": options["purge_metadata"]}
    return settings


def as_metadata(given: Mapping[Any, Any]) -> dict[str, str]:
    """Metadata as texts. Numbers and booleans are taken for what YAML made of them.

    https://learn.microsoft.com/rest/api/storageservices/setting-and-retrieving-properties-and-metadata-for-blob-resources

    :raises Invalid: for what can't be a header.
    """
    result: dict[str, str] = {}
    for key, value in given.items():
        name = str(key)
        if not re.fullmatch(r"[A-Za-z_][A-Za-z0-9_]*", name):
            raise Invalid(f"metadata: {name!r} can't be a name", hint="Names are letters, digits and underscores.")
        if isinstance(value, (dict, list)) or value is None:
            raise Invalid(f"metadata: {name} is no text", hint="Quote it, or leave it out.")
        text = str(value).lower() if isinstance(value, bool) else str(value)
        if not re.fullmatch(r"[\x20-\x7e]*", text):
            raise Invalid(f"metadata: {name} has characters that a header can't have", hint="Use printable ASCII.")
        if not text.strip():
            raise Invalid(f"metadata: {name} is empty", hint="Azure keeps no empty values; leave the name out.")
        result[name] = text
    if len({name.lower() for name in result}) < len(result):
        raise Invalid("metadata has names that differ only in case", hint="Azure takes them for one; keep one of them.")
    if sum(len(name) + len(text) for name, text in result.items()) > METADATA_BYTES:
        raise Invalid(f"metadata has more than {METADATA_BYTES} bytes, names and values together")
    return result


def check_query(options: Options) -> None:
    """Refuse a query that can't be meant.

    :raises Invalid: naming the option and the cure.
    """
    bucket_options.check_query(options)
    for name in options["names"] or ():
        check_name(name)


def check_name(name: str) -> None:
    """Hold a name against Azure's rules.

    https://learn.microsoft.com/rest/api/storageservices/naming-and-referencing-containers--blobs--and-metadata

    :raises Invalid: with the rule that it breaks.
    """
    if name in SPECIAL_NAMES:
        return
    problem = ""
    if not 3 <= len(name) <= 63:
        problem = f"it has {len(name)} characters; 3 to 63 are allowed"
    elif not re.fullmatch(r"[a-z0-9][a-z0-9-]*[a-z0-9]", name):
        problem = "only lower-case letters, digits and hyphens are allowed, with a letter or digit at both ends"
    elif "--" in name:
        problem = "two hyphens stand side by side"
    if problem:
        raise Invalid(f"{name!r} is not a valid container name: {problem}", hint="Correct the name option.")
