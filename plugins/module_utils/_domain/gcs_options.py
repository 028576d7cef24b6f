# Copyright (c) 2026 cloudops.core contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""From the options of the gcs_bucket module to what is wanted, with everything checked that can be checked without a call."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from typing import Any

from ansible_collections.cloudops.core.plugins.module_utils._core.errors import Invalid
from ansible_collections.cloudops.core.plugins.module_utils._domain import gcs_lifecycle
from ansible_collections.cloudops.core.plugins.module_utils._domain.bucket_options import check_removal
from ansible_collections.cloudops.core.plugins.module_utils._domain.gcs_properties import DAY
from ansible_collections.cloudops.core.plugins.module_utils._domain.tags import as_tags

Options = Mapping[str, Any]

# https://cloud.google.com/storage/docs/batch
CALLS_A_BATCH = 100
MOST_RETENTION = 3_155_760_000  # 100 years, https://cloud.google.com/storage/docs/bucket-lock
SOFT_DELETE = (7 * DAY, 90 * DAY)  # https://cloud.google.com/storage/docs/soft-delete


def check_options(options: Options) -> None:
    """Refuse what contradicts itself or can't be meant, before any call.

    :raises Invalid: naming the option and the cure.
    """
    if not options["name"]:
        raise Invalid("name is empty", hint="Name the bucket.")
    if options["validate_bucket_name"]:
        check_name(options["name"])
    if options["location"] is not None and not _LOCATION.fullmatch(options["location"]):
        raise Invalid(f"location is {options['location']!r}", hint="Write it like EU, EUR4 or europe-west3.")
    check_removal(options, keys_a_request=CALLS_A_BATCH)


_LOCATION = re.compile(r"[A-Za-z]+[A-Za-z0-9-]*")


def settings_from(options: Options) -> dict[str, Any]:
    """The properties that were given, in normal form; an option that wasn't given has no entry.

    :raises Invalid: naming the option and the cure.
    """
    return {name: read(options) for name, read in _READERS.items() if options[name] is not None}


# ---- names and labels

_NAME = re.compile(r"[a-z0-9][a-z0-9._-]*[a-z0-9]")
_ADDRESS = re.compile(r"\d{1,3}(\.\d{1,3}){3}")
_GOOGLE = re.compile(r"g[o0]{2}g[l1]e")


def check_name(name: str) -> None:
    """Hold a name against the rules: https://cloud.google.com/storage/docs/buckets#naming.

    :raises Invalid: with the rule that it breaks.
    """
    longest = 222 if "." in name else 63
    problem = ""
    if not 3 <= len(name) <= longest:
        problem = f"it has {len(name)} characters; 3 to {longest} are allowed"
    elif not _NAME.fullmatch(name):
        problem = (
            "only lower-case letters, digits, dots, hyphens and underscores are allowed, "
            "with a letter or digit at both ends"
        )
    elif ".." in name or any(len(part) > 63 for part in name.split(".")):
        problem = "between dots there are 1 to 63 characters"
    elif _ADDRESS.fullmatch(name):
        problem = "it looks like an IP address"
    elif name.startswith("goog") or _GOOGLE.search(name):
        problem = "it begins with goog, or has the word google or something close to it"
    if problem:
        raise Invalid(
            f"{name!r} is not a valid bucket name: {problem}",
            hint="Correct the name option; validate_bucket_name: false skips this check for emulators with other rules.",
        )


def _labels(options: Options) -> Any:
    labels = as_tags(options["labels"])
    if len(labels) > 64:
        raise Invalid(f"labels has {len(labels)} labels; a bucket takes at most 64")
    for key, value in labels.items():
        if not key or not key[0].isalpha() or not _label_fits(key):
            raise Invalid(
                f"labels: {key!r} is no name of a label",
                hint="It begins with a lower-case letter, and has at most 63 lower-case letters, digits, underscores and hyphens.",
            )
        if not _label_fits(value):
            raise Invalid(
                f"labels: {value!r} is no value of a label ({key})",
                hint="It has at most 63 lower-case letters, digits, underscores and hyphens.",
            )
    return {"labels": labels, "purge": options["purge_labels"]}


def _label_fits(text: str) -> bool:
    """Letters of any script are fine, as long as they aren't upper-case. https://cloud.google.com/storage/docs/tags-and-labels"""
    return len(text) <= 63 and all(
        character in "_-" or (character.isalnum() and character == character.lower()) for character in text
    )


# ---- properties


def _plain(name: str) -> Callable[[Options], Any]:
    return lambda options: options[name]


def _versioning(options: Options) -> Any:
    value = options["versioning"]
    return {"true": "enabled", "false": "suspended"}.get(value, value)


_PERIOD = re.compile(r"(\d{1,12})([smhdw]?)")
_SECONDS = {"": 1, "s": 1, "m": 60, "h": 3600, "d": DAY, "w": 7 * DAY}


def parse_period(text: str, option: str) -> int:
    """A period in seconds: a number, or a number with a unit like ``30d``.

    :raises Invalid: for anything else.
    """
    match = _PERIOD.fullmatch(text.strip())
    if not match:
        raise Invalid(
            f"{option} is {text!r}", hint="Write seconds, or a number and a unit of s, m, h, d or w, such as 30d."
        )
    return int(match[1]) * _SECONDS[match[2]]


def _retention_period(options: Options) -> Any:
    seconds = parse_period(options["retention_period"], "retention_period")
    if seconds > MOST_RETENTION:
        raise Invalid(f"retention_period is {seconds} seconds; the longest possible is {MOST_RETENTION} (100 years)")
    return seconds


def _soft_delete(options: Options) -> Any:
    """None: off."""
    seconds = parse_period(options["soft_delete_retention"], "soft_delete_retention")
    shortest, longest = SOFT_DELETE
    if seconds and not shortest <= seconds <= longest:
        raise Invalid(
            f"soft_delete_retention is {seconds} seconds; possible are {shortest} (7d) to {longest} (90d)",
            hint="Write 0 to turn soft delete off.",
        )
    return seconds or None


_KEY = re.compile(r"projects/[^/]+/locations/[^/]+/keyRings/[^/]+/cryptoKeys/[^/]+")


def _kms_key(options: Options) -> Any:
    name = options["default_kms_key_name"]
    if name == "none":
        return None
    if not _KEY.fullmatch(name):
        raise Invalid(
            f"default_kms_key_name is {name!r}",
            hint="Write projects/P/locations/L/keyRings/R/cryptoKeys/K, without a version, or none for keys of Google's own.",
        )
    return name


def _logging(options: Options) -> Any:
    logging = options["logging"]
    if not logging["enabled"]:
        if logging["log_bucket"] or logging["log_object_prefix"]:
            raise Invalid(
                "logging: enabled is false, and yet there is a place to log to", hint="Leave one of them out."
            )
        return None
    if not logging["log_bucket"]:
        raise Invalid("logging needs log_bucket", hint="Name the bucket that gets the logs, or set enabled: false.")
    prefix = logging["log_object_prefix"] or options["name"]
    return {"log_bucket": logging["log_bucket"], "log_object_prefix": prefix}


def _website(options: Options) -> Any:
    return {key: value for key, value in options["website"].items() if value} or None


def _cors(options: Options) -> Any:
    rules = [{key: value for key, value in rule.items() if value not in (None, [])} for rule in options["cors"]]
    for index, rule in enumerate(rules):
        missing = [name for name in ("origin", "method") if not rule.get(name)]
        if missing:
            raise Invalid(f"cors[{index}].{missing[0]} is empty", hint="Name at least one, or * for all.")
        if rule.get("max_age_seconds", 0) < 0:
            raise Invalid(f"cors[{index}].max_age_seconds is {rule['max_age_seconds']}; the smallest possible is 0")
    return rules or None


def _lifecycle(options: Options) -> Any:
    return gcs_lifecycle.normalise(options["lifecycle_rules"]) or None


_READERS: Mapping[str, Callable[[Options], Any]] = {
    "storage_class": _plain("storage_class"),
    "labels": _labels,
    "versioning": _versioning,
    "uniform_bucket_level_access": _plain("uniform_bucket_level_access"),
    "public_access_prevention": _plain("public_access_prevention"),
    "lifecycle_rules": _lifecycle,
    "retention_period": _retention_period,
    "soft_delete_retention": _soft_delete,
    "default_kms_key_name": _kms_key,
    "logging": _logging,
    "website": _website,
    "cors": _cors,
    "requester_pays": _plain("requester_pays"),
}
