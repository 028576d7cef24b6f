# Copyright (c) 2026 cloudops.core contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""From the options of the s3_bucket module to what is wanted, with everything checked that can be checked without a call."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from ansible_collections.cloudops.core.plugins.module_utils._core.errors import Invalid
from ansible_collections.cloudops.core.plugins.module_utils._domain import bucket_policy, lifecycle
from ansible_collections.cloudops.core.plugins.module_utils._domain.buckets import PUBLIC_ACCESS_FLAGS, check_name
from ansible_collections.cloudops.core.plugins.module_utils._domain.tags import as_tags

Options = Mapping[str, Any]

_ONLY_EMPTY = ("prefix", "older_than", "noncurrent_only")
_VERSIONING = {"true": "enabled", "false": "suspended"}
_PUBLIC_ACLS = ("public-read", "public-read-write", "authenticated-read", "log-delivery-write")


def check_options(options: Options) -> None:
    """Refuse what contradicts itself or can't be meant, before any call.

    :raises Invalid: naming the option and the cure.
    """
    name = options["name"]
    if not name:
        raise Invalid("name is empty", hint="Name the bucket.")
    if options["validate_bucket_name"]:
        check_name(name)
    check_removal(options, keys_a_request=1000)


def check_removal(options: Options, *, keys_a_request: int) -> None:
    """Refuse a selection or a way to remove that can't be meant; the same for every provider.

    :param keys_a_request: the most that the provider takes.
    :raises Invalid: naming the option and the cure.
    """
    state = options["state"]
    if state != "empty":
        narrowing = [option for option in _ONLY_EMPTY if options[option]]
        if narrowing:
            raise Invalid(
                f"{', '.join(narrowing)} only goes with state: empty, not with state: {state}",
                hint="An absent bucket is gone as a whole; use state: empty to remove a part of what it holds.",
            )
    for option, lowest in (("max_objects", 0), ("concurrency", 1), ("batch_size", 1)):
        if options[option] is not None and options[option] < lowest:
            raise Invalid(f"{option} is {options[option]}; the smallest possible is {lowest}")
    if (options["batch_size"] or 0) > keys_a_request:
        raise Invalid(f"batch_size is {options['batch_size']}; a request takes at most {keys_a_request} keys")


def check_query(options: Options) -> None:
    """Refuse a query that can't be meant.

    :raises Invalid: naming the option and the cure.
    """
    if options["names"] is not None and options["name_prefix"]:
        raise Invalid("names and name_prefix exclude each other", hint="Give one of them.")
    if options["names"] is not None and not all(options["names"]):
        raise Invalid("names has an empty name", hint="Remove it; without names, all buckets are looked at.")
    if options["concurrency"] < 1:
        raise Invalid(f"concurrency is {options['concurrency']}; the smallest possible is 1")


def settings_from(options: Options, default_encryption: Any) -> dict[str, Any]:
    """The properties that were given, in normal form; an option that wasn't given has no entry.

    :param default_encryption: what "encryption: none" comes to on this provider.
    :raises Invalid: naming the option and the cure.
    """
    settings: dict[str, Any] = {}
    for name, read in _READERS.items():
        value = read(options)
        if value is not _NOT_GIVEN:
            settings[name] = value
    encryption = _encryption(options, default_encryption)
    if encryption is not _NOT_GIVEN:
        settings["encryption"] = encryption
    _check_together(options, settings)
    return settings


_NOT_GIVEN = object()


def _tags(options: Options) -> Any:
    if options["tags"] is None:
        return _NOT_GIVEN
    reserved = sorted(str(key) for key in options["tags"] if str(key).lower().startswith("aws:"))
    if reserved:
        raise Invalid(f"tags: {', '.join(reserved)} begins with aws:, which is reserved", hint="Choose other names.")
    return {"tags": as_tags(options["tags"]), "purge": options["purge_tags"]}


def _versioning(options: Options) -> Any:
    value = options["versioning"]
    return _NOT_GIVEN if value is None else _VERSIONING.get(value, value)


def _encryption(options: Options, default: Any) -> Any:
    algorithm, key_id, bucket_key = options["encryption"], options["encryption_key_id"], options["bucket_key_enabled"]
    if algorithm is None:
        given = [name for name in ("encryption_key_id", "bucket_key_enabled") if options[name] is not None]
        if given:
            raise Invalid(f"{' and '.join(given)} needs encryption, too", hint="Set encryption to aws:kms.")
        return _NOT_GIVEN
    if key_id and not algorithm.startswith("aws:kms"):
        raise Invalid(f"encryption_key_id doesn't go with encryption: {algorithm}", hint="Set encryption to aws:kms.")
    if bucket_key and algorithm != "aws:kms":
        raise Invalid(f"bucket_key_enabled doesn't go with encryption: {algorithm}", hint="Set encryption to aws:kms.")
    if algorithm == "none":
        return default
    return {"algorithm": algorithm, "key_id": key_id or None, "bucket_key_enabled": bucket_key}


def _public_access(options: Options) -> Any:
    if options["delete_public_access"]:
        return None
    given = {flag: value for flag, value in (options["public_access"] or {}).items() if value is not None}
    unknown = sorted(set(given) - set(PUBLIC_ACCESS_FLAGS))
    if unknown:
        raise Invalid(f"public_access: {', '.join(unknown)} isn't one of {', '.join(PUBLIC_ACCESS_FLAGS)}")
    return given or _NOT_GIVEN


def _object_ownership(options: Options) -> Any:
    if options["delete_object_ownership"]:
        return None
    return _NOT_GIVEN if options["object_ownership"] is None else options["object_ownership"]


def _plain(name: str) -> Callable[[Options], Any]:
    return lambda options: _NOT_GIVEN if options[name] is None else options[name]


def _policy(options: Options) -> Any:
    asked: dict[str, Any] = {}
    if options["policy"] is not None:
        asked["policy"] = bucket_policy.parse(options["policy"])
    if options["deny_insecure_transport"] is not None:
        asked["deny"] = options["deny_insecure_transport"]
    return asked or _NOT_GIVEN


def _object_lock(options: Options) -> Any:
    enabled, retention = options["object_lock_enabled"], options["object_lock_default_retention"]
    if enabled is None and retention is None:
        return _NOT_GIVEN
    retention = retention and {key: value for key, value in retention.items() if value is not None}
    if retention:
        if enabled is False:
            raise Invalid(
                "object_lock_default_retention contradicts object_lock_enabled: false", hint="Leave one of them out."
            )
        if "mode" not in retention or len(set(retention) & {"days", "years"}) != 1:
            raise Invalid(
                "object_lock_default_retention needs mode, and either days or years",
                hint="For example {mode: GOVERNANCE, days: 30}; {} removes the default retention.",
            )
        length = retention["days"] if "days" in retention else retention["years"]
        if length < 1:
            raise Invalid(f"object_lock_default_retention lasts {length}; the shortest is 1")
    return {"enabled": True if retention else enabled, "default_retention": retention}


def _lifecycle_rules(options: Options) -> Any:
    if options["lifecycle_rules"] is None:
        return _NOT_GIVEN
    return {"rules": lifecycle.normalise(options["lifecycle_rules"]), "purge": options["purge_lifecycle_rules"]}


def _logging(options: Options) -> Any:
    given = options["logging"]
    if given is None:
        return _NOT_GIVEN
    if not given["enabled"]:
        return None
    if not given["target_bucket"]:
        raise Invalid(
            "logging needs target_bucket", hint="Name the bucket for the logs, or set logging.enabled to false."
        )
    return {"target_bucket": given["target_bucket"], "target_prefix": given["target_prefix"] or ""}


def _cors(options: Options) -> Any:
    if options["cors"] is None:
        return _NOT_GIVEN
    return [
        {key: value for key, value in rule.items() if value not in (None, [], "")} for rule in options["cors"]
    ] or None


_READERS: Mapping[str, Callable[[Options], Any]] = {
    "tags": _tags,
    "versioning": _versioning,
    "public_access": _public_access,
    "object_ownership": _object_ownership,
    "acl": _plain("acl"),
    "policy": _policy,
    "object_lock": _object_lock,
    "lifecycle_rules": _lifecycle_rules,
    "logging": _logging,
    "cors": _cors,
    "requester_pays": _plain("requester_pays"),
    "acceleration": _plain("acceleration"),
}


def _check_together(options: Options, settings: Mapping[str, Any]) -> None:
    acl = settings.get("acl")
    if acl in _PUBLIC_ACLS and settings.get("object_ownership") == "BucketOwnerEnforced":
        raise Invalid(
            f"acl: {acl} contradicts object_ownership: BucketOwnerEnforced, which turns ACLs off",
            hint="Set object_ownership to BucketOwnerPreferred, or acl to private.",
        )
    if settings.get("acceleration") and "." in options["name"]:
        raise Invalid(
            "acceleration isn't possible for a bucket with a dot in its name", hint="Choose a name without dots."
        )
    lock = settings.get("object_lock")
    if lock and lock["enabled"] and settings.get("versioning") == "suspended":
        raise Invalid(
            "object_lock_enabled contradicts versioning: suspended", hint="Set versioning to enabled, or leave it out."
        )
