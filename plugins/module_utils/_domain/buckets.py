# Copyright (c) 2026 cloudops.core contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Buckets: what is known of one, what is wanted, and the plan that leads from one to the other. No provider's shapes in here."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any, NamedTuple

from ansible_collections.cloudops.core.plugins.module_utils._core.errors import (
    CloudOpsError,
    Conflict,
    Denied,
    Invalid,
    Throttled,
    Timeout,
    Unavailable,
    of_kind,
)
from ansible_collections.cloudops.core.plugins.module_utils._core.plan import Plan, Step
from ansible_collections.cloudops.core.plugins.module_utils._domain import bucket_policy, lifecycle

VALUE, ABSENT, UNKNOWN = "value", "absent", "unknown"


@dataclass(frozen=True)
class Reading:
    """What is known of one property: its value, that it isn't configured, or that it could not be read (with the provider's code)."""

    state: str
    value: Any = None
    code: str = ""
    message: str = ""
    kind: str = ""

    def as_result(self) -> dict[str, Any]:
        """As a return value."""
        if self.state == UNKNOWN:
            return {"state": self.state, "code": self.code, "message": self.message}
        return {"state": self.state, "value": self.value} if self.state == VALUE else {"state": self.state}


@dataclass(frozen=True)
class Bucket:
    """A bucket that exists, with those of its properties that were asked for. ``region`` is "" where the endpoint doesn't tell."""

    name: str
    region: str = ""
    readings: Mapping[str, Reading] = field(default_factory=dict)


@dataclass(frozen=True)
class Desired:
    """What somebody wants of a bucket. ``settings`` holds only the properties that were given."""

    name: str
    arn: str
    region: str = ""
    settings: Mapping[str, Any] = field(default_factory=dict)


# ---- properties


@dataclass(frozen=True)
class Property:
    """How one property is resolved and compared.

    :param resolve: (current value, what is asked, bucket ARN) -> the value that the bucket should have; None: not configured.
    :param canonical: values that mean the same are equal in this form.
    """

    resolve: Callable[[Any, Any, str], Any]
    canonical: Callable[[Any], Any] = lambda value: value


def _asked(_current: Any, asked: Any, _arn: str) -> Any:
    return asked


def _resolve_tags(current: Any, asked: Mapping[str, Any], _arn: str) -> dict[str, str] | None:
    """``aws:`` tags belong to the provider: kept, and never written by us."""
    existing = dict(current or {})
    wanted = asked["tags"]
    kept = existing if not asked["purge"] else {key: value for key, value in existing.items() if key.startswith("aws:")}
    return {**kept, **wanted} or None


def _resolve_versioning(current: Any, asked: str, _arn: str) -> str | None:
    """A bucket that never had versioning makes no versions, which is all that "suspended" asks for."""
    if asked == "suspended" and current is None:
        return None
    return asked


def _resolve_encryption(current: Any, asked: Mapping[str, Any] | None, _arn: str) -> dict[str, Any] | None:
    """A key, or the choice of a bucket key, that isn't given stays as it is for as long as the algorithm does."""
    if asked is None:
        return None
    same = current if current and current["algorithm"] == asked["algorithm"] else {}
    bucket_key = asked["bucket_key_enabled"]
    return {
        "algorithm": asked["algorithm"],
        "key_id": asked["key_id"] or same.get("key_id"),
        "bucket_key_enabled": bool(same.get("bucket_key_enabled") if bucket_key is None else bucket_key),
    }


def _resolve_public_access(current: Any, asked: Mapping[str, bool] | None, _arn: str) -> dict[str, bool] | None:
    if asked is None:
        return None
    return {**dict.fromkeys(PUBLIC_ACCESS_FLAGS, False), **(current or {}), **asked}


def _resolve_policy(current: Any, asked: Mapping[str, Any], arn: str) -> Any:
    """The policy option rules all statements but our own; deny_insecure_transport rules just that one."""
    document = current
    if "policy" in asked:
        document = asked["policy"]
        kept = bucket_policy.own_statements(current)
        if kept and "deny" not in asked and not bucket_policy.own_statements(document):
            base = document or {key: value for key, value in current.items() if key != "Statement"}
            document = {**base, "Statement": [*bucket_policy.others(document), *kept]}
    if "deny" in asked:
        document = bucket_policy.with_own_statement(document, arn, asked["deny"])
    return document


def _resolve_object_lock(current: Any, asked: Mapping[str, Any], _arn: str) -> dict[str, Any] | None:
    """``enabled`` of None leaves the lock as it is. ``default_retention`` of None keeps what is there; {} removes it."""
    enabled = bool(current and current["enabled"])
    if asked["enabled"] is False and enabled:
        raise Invalid(
            "object lock is on for this bucket, and the service can't turn it off",
            hint="Leave object_lock_enabled out, or make a new bucket without it.",
        )
    if not (enabled or asked["enabled"]):
        return None
    retention = asked["default_retention"]
    if retention is None:
        retention = (current or {}).get("default_retention")
    return {"enabled": True, "default_retention": retention or None}


def _resolve_lifecycle(current: Any, asked: Mapping[str, Any], _arn: str) -> Any:
    return lifecycle.resolve(current, asked["rules"], asked["purge"])


def _or_none(value: Any) -> Any:
    return value or None


def _canonical_cors(rules: Any) -> Any:
    """The first rule that matches wins, so the order of rules counts; the order within a rule doesn't."""
    if not rules:
        return None
    return [{key: sorted(value) if isinstance(value, list) else value for key, value in rule.items()} for rule in rules]


PUBLIC_ACCESS_FLAGS = ("block_public_acls", "ignore_public_acls", "block_public_policy", "restrict_public_buckets")

PROPERTIES: Mapping[str, Property] = {
    "tags": Property(_resolve_tags, _or_none),
    "versioning": Property(_resolve_versioning),
    "encryption": Property(_resolve_encryption),
    "public_access": Property(_resolve_public_access, lambda value: value if value and any(value.values()) else None),
    "object_ownership": Property(_asked),
    "acl": Property(_asked, lambda value: value or "private"),
    "policy": Property(_resolve_policy, bucket_policy.canonical),
    "object_lock": Property(_resolve_object_lock),
    "lifecycle_rules": Property(_resolve_lifecycle, lifecycle.canonical),
    "logging": Property(_asked),
    "cors": Property(_asked, _canonical_cors),
    "requester_pays": Property(_asked, _or_none),
    "acceleration": Property(_asked, _or_none),
}


def tags_are_unknown(reading: Reading) -> bool:
    """Whether nobody can say if this bucket has a tag."""
    return reading.state == UNKNOWN


def has_tags(reading: Reading, wanted: Mapping[str, str]) -> bool:
    """Whether a bucket has all of these tags, with these values."""
    tags = reading.value or {}
    return all(tags.get(key) == value for key, value in wanted.items())


# ---- plan


def plan_present(
    current: Bucket | None,
    desired: Desired,
    fresh: Mapping[str, Any],
    properties: Mapping[str, Property] | None = None,
    noun: str = "bucket",
) -> Plan:
    """The steps that give a bucket what is asked, and nothing else.

    :param current: None when there is no such bucket.
    :param fresh: what a bucket that was just made has by itself on this provider.
    :param properties: how this provider's properties are resolved and compared; those of S3 if not given.
    :param noun: what the provider calls a bucket.
    :raises Conflict: the bucket is in another region than asked.
    :raises CloudOpsError: a property that was asked for can't be read.
    """
    properties = PROPERTIES if properties is None else properties
    before: dict[str, Any] = {"state": "present" if current else "absent"}
    after: dict[str, Any] = {"state": "present"}
    steps: list[Step] = []
    if current is None:
        steps.append(Step("create", noun))
        if desired.region:
            after["region"] = desired.region
    else:
        check_region(current, desired.region)
    for name, asked in desired.settings.items():
        value = _known(current, name, noun) if current else fresh.get(name)
        wanted = properties[name].resolve(value, asked, desired.arn)
        if current is not None:
            before[name] = value
        differs = _differs(name, value, wanted, properties[name].canonical, made=current is None, fresh=fresh)
        after[name] = wanted if differs or current is None else value
        if differs:
            steps.append(Step("put" if wanted is not None else "delete", name, wanted))
    return Plan(f"{noun} {desired.name}", tuple(in_safe_order(steps)), before, after)


def _differs(
    name: str, value: Any, wanted: Any, canonical: Callable[[Any], Any], *, made: bool, fresh: Mapping[str, Any]
) -> bool:
    """A new bucket gets even the provider's defaults written, when they are asked for: an account may have others."""
    if not made:
        return bool(canonical(value) != canonical(wanted))
    if name == "object_lock":
        return bool(wanted and wanted["default_retention"])
    return (canonical(wanted) is not None and (name != "acl" or wanted != "private")) or (
        canonical(wanted) is None and name in fresh
    )


def _known(bucket: Bucket, name: str, noun: str) -> Any:
    reading = bucket.readings[name]
    if reading.state == UNKNOWN:
        spared = "What isn't given is neither read nor written: "
        cure = "allow the read, or leave the option out." if reading.kind == Denied.kind else "leave the option out."
        again = reading.kind in (Throttled.kind, Unavailable.kind, Timeout.kind)
        raise of_kind(reading.kind or Denied.kind)(
            reading.message or "the property can't be read",
            operation=f"read the {name.replace('_', ' ')}",
            resource=f"{noun} {bucket.name}",
            code=reading.code,
            hint="Run again." if again else spared + cure,
        )
    return reading.value


def check_region(bucket: Bucket, asked: str) -> None:
    """Refuse to work on a bucket that isn't where the caller thinks it is ("": the caller doesn't say).

    :raises Conflict: naming both regions.
    """
    if asked and bucket.region and asked != bucket.region:
        raise Conflict(
            f"bucket {bucket.name} is in region {bucket.region}, not in {asked}; a bucket can't be moved",
            code="RegionMismatch",
            hint=f"Set region to {bucket.region}, or choose another name.",
        )


def plan_empty(name: str, exists: bool, tally: Tally, *, noun: str = "bucket") -> Plan:
    """What emptying comes to, given what was counted."""
    nothing = tally.nothing().as_result()
    if not exists or not tally.total:
        state = {"state": "present" if exists else "absent", "contents": nothing}
        return Plan(f"{noun} {name}", (), state, state)
    before = {"state": "present", "contents": tally.as_result()}
    after = {"state": "present", "contents": nothing}
    return Plan(f"{noun} {name}", (Step("remove", "contents", tally),), before, after)


def plan_absent(name: str, exists: bool, tally: Tally, *, deleted: bool, noun: str = "bucket") -> Plan:
    """What deleting comes to, given what was counted."""
    if not exists:
        return Plan(f"{noun} {name}", (), {"state": "absent"}, {"state": "absent"})
    contents = plan_empty(name, exists, tally, noun=noun)
    steps = (*contents.steps, Step("delete", noun)) if deleted else contents.steps
    return Plan(f"{noun} {name}", steps, contents.before, {"state": "absent"})


def in_safe_order(steps: Iterable[Step]) -> list[Step]:
    """Put steps in the order in which the service accepts them.

    Access is loosened from the outside in (block, then ownership, then ACL and policy), and ownership is enforced only after the ACL
    is private. Versioning comes before object lock.
    """
    order = ["public_access", "object_ownership", "acl", "policy", "versioning", "object_lock"]

    def rank(step: Step) -> float:
        if step.action == "create":
            return -1
        if step.subject == "object_ownership" and step.value == "BucketOwnerEnforced":
            return order.index("acl") + 0.5
        return order.index(step.subject) if step.subject in order else len(order)

    return sorted(steps, key=rank)


# ---- contents

OBJECT, VERSION, MARKER, UPLOAD, SNAPSHOT = "object", "version", "delete_marker", "upload", "snapshot"


class Entry(NamedTuple):
    """One thing that a bucket holds. ``version_id`` is the upload id for uploads; ``size`` is in bytes.

    ``held`` is the provider's code for why it can't be removed now, where the listing tells; "" otherwise.
    """

    kind: str
    key: str
    version_id: str
    size: int
    modified: datetime
    latest: bool
    held: str = ""

    def label(self) -> str:
        """For messages."""
        return self.key if self.version_id in ("", "null") else f"{self.key} ({self.kind} {self.version_id})"


@dataclass(frozen=True)
class Selection:
    """Which entries go. Everything, unless narrowed.

    :param older_than: only what was written before this moment.
    :param noncurrent_only: only versions and delete markers that something newer has replaced; uploads stay.
    """

    prefix: str = ""
    older_than: datetime | None = None
    noncurrent_only: bool = False

    @property
    def uploads(self) -> bool:
        """Whether uploads in progress go, too."""
        return not self.noncurrent_only

    def takes(self, entry: Entry) -> bool:
        """Whether this entry goes (the prefix is the listing's business)."""
        if self.noncurrent_only and entry.latest:
            return False
        return self.older_than is None or entry.modified < self.older_than

    def describe(self) -> dict[str, Any]:
        """As a return value."""
        return {
            "prefix": self.prefix,
            "older_than": self.older_than.isoformat() if self.older_than else None,
            "noncurrent_only": self.noncurrent_only,
        }


@dataclass
class Tally:
    """Counts of entries, by kind, and their bytes. ``snapshots`` is None where the provider knows none."""

    objects: int = 0
    versions: int = 0
    delete_markers: int = 0
    uploads: int = 0
    bytes: int = 0
    snapshots: int | None = None

    def add(self, entries: Iterable[Entry]) -> None:
        """Count entries in."""
        for entry in entries:
            name = f"{entry.kind}s"
            setattr(self, name, (getattr(self, name) or 0) + 1)
            self.bytes += entry.size

    def include(self, other: Tally) -> None:
        """Count another tally in."""
        for name in ("objects", "versions", "delete_markers", "uploads", "bytes"):
            setattr(self, name, getattr(self, name) + getattr(other, name))
        if other.snapshots is not None:
            self.snapshots = (self.snapshots or 0) + other.snapshots

    def nothing(self) -> Tally:
        """A tally of the same kinds that counts nothing yet."""
        return Tally(snapshots=None if self.snapshots is None else 0)

    @property
    def total(self) -> int:
        """Entries of all kinds."""
        return self.objects + self.versions + self.delete_markers + self.uploads + (self.snapshots or 0)

    def as_result(self) -> dict[str, int]:
        """As a return value."""
        result = {
            "objects": self.objects,
            "versions": self.versions,
            "delete_markers": self.delete_markers,
            "uploads": self.uploads,
            "bytes": self.bytes,
        }
        return result if self.snapshots is None else {**result, "snapshots": self.snapshots}

    def __str__(self) -> str:
        words = [
            f"{count} {singular if count == 1 else singular + 's'}"
            for count, singular in (
                (self.objects, "object"),
                (self.versions, "older version"),
                (self.snapshots, "snapshot"),
                (self.delete_markers, "delete marker"),
                (self.uploads, "unfinished upload"),
            )
            if count
        ]
        return f"{', '.join(words)} ({self.bytes} bytes)" if words else "nothing"


@dataclass(frozen=True)
class Emptied:
    """What became of an emptying: what went (or would go), and why it isn't all."""

    tally: Tally = field(default_factory=Tally)
    refused: tuple[dict[str, Any], ...] = ()
    failure: CloudOpsError | None = None

    def as_result(self) -> dict[str, Any]:
        """As return values."""
        result: dict[str, Any] = {"removed": self.tally.as_result()}
        if self.refused:
            result["refused"] = list(self.refused)
        return result


def count_up_to(
    entries: Iterable[Entry], limit: int | None, name: str, *, into: Tally | None = None, noun: str = "bucket"
) -> Tally:
    """Count a listing, but no further than one past the limit (None: no limit).

    :param into: an empty tally of the provider's kinds.
    :raises Conflict: when there is more than the limit allows; nothing has been removed then.
    """
    tally = into or Tally()
    for entry in entries:
        tally.add((entry,))
        if limit is not None and tally.total > limit:
            raise Conflict(
                f"{noun} {name} holds more than max_objects={limit} entries of what was selected; nothing was removed",
                code="LimitExceeded",
                hint="Look at what is there, then raise max_objects or narrow it by prefix or older_than.",
            )
    return tally


@dataclass(frozen=True)
class KeptBack:
    """Entries that the provider would not remove, all for the same reason."""

    code: str
    count: int
    first: Sequence[Entry]

    def __str__(self) -> str:
        shown = " and ".join(entry.label() for entry in self.first[:2])
        return f"{self.count} with {self.code}, such as {shown}"


def kept_back(
    name: str,
    groups: Sequence[KeptBack],
    removed: Tally,
    gave_up: bool,
    *,
    dry_run: bool = False,
    noun: str = "bucket",
) -> CloudOpsError:
    """The error for entries that the provider would not remove, after all others were removed (or would be)."""
    groups = sorted(groups, key=lambda group: -group.count)
    told = "; ".join(str(group) for group in groups)
    end = "stopped early, as no request succeeded any more" if gave_up else "all others were removed"
    end = "all others would be removed" if dry_run else end
    codes = {group.code for group in groups}
    hints = [hint for code, hint in _REFUSAL_HINTS.items() if code in codes]
    return Conflict(
        f"{noun} {name}: {sum(group.count for group in groups)} entries could not be removed ({told}); {end}: {removed}",
        code=groups[0].code,
        hint=" ".join(hints) or "See refused for the first keys of each code; run again when the cause is gone.",
    )


_REFUSAL_HINTS = {
    "AccessDenied": (
        "AccessDenied means a missing s3:DeleteObjectVersion, a policy that denies it, a legal hold, or a retention "
        "(bypass_governance_retention: true overrides one in governance mode)."
    ),
    "objectUnderActiveHold": "objectUnderActiveHold means a temporary or event-based hold: release it, and run again.",
    "retentionPolicyNotMet": (
        "retentionPolicyNotMet means that the bucket's retention policy, or the object's own retention, still keeps it."
    ),
    "LeaseIdMissing": "LeaseIdMissing means that somebody has leased it: release the lease, or set leases: break.",
    "BlobImmutableDueToPolicy": (
        "BlobImmutableDueToPolicy means that an immutability policy keeps it, until its time is over."
    ),
    "BlobImmutableDueToLegalHold": "BlobImmutableDueToLegalHold means a legal hold: clear it, and run again.",
    "ServerBusy": "ServerBusy means that the account asks for fewer requests: lower concurrency and run again.",
    "SlowDown": "SlowDown means that the server asks for fewer requests: lower concurrency and run again.",
}


def still_written(name: str, passes: int, removed: Tally, *, noun: str = "bucket") -> CloudOpsError:
    """The error for a bucket that fills up again as fast as it is emptied."""
    return Conflict(
        f"{noun} {name} is still being written to: after {passes} passes there was still something; removed: {removed}",
        code="StillWritten",
        hint="Stop the writers, and run again.",
    )


def not_empty(name: str, sample: Tally, more: bool, *, noun: str = "bucket") -> Conflict:
    """The error for deleting a bucket that holds something."""
    return Conflict(
        f"{noun} {name} is not empty: it holds {'at least ' if more else ''}{sample}; nothing was removed",
        code="BucketNotEmpty",
        hint=f"Set force: true to remove all of it with the {noun}, or run state: empty first.",
        details={"contents": sample.as_result()},
    )


# ---- input

_AGE = re.compile(r"(?P<count>\d{1,12})(?P<unit>[smhdw])")
_UNITS = {"s": "seconds", "m": "minutes", "h": "hours", "d": "days", "w": "weeks"}


def parse_age(text: str) -> timedelta:
    """An age like ``30d``: seconds, minutes, hours, days or weeks.

    :raises Invalid: for anything else, and for 0 (which would select nothing less than everything).
    """
    match = _AGE.fullmatch(text.strip())
    if not match or int(match["count"]) == 0:
        raise Invalid(
            f"older_than is {text!r}", hint="Write a number above 0 and a unit of s, m, h, d or w, such as 30d."
        )
    try:
        return timedelta(**{_UNITS[match["unit"]]: int(match["count"])})
    except OverflowError as error:
        raise Invalid(
            f"older_than is {text!r}, longer than any date reaches", hint="Write a smaller number."
        ) from error


def cutoff(age: str | None, now: datetime) -> datetime | None:
    """The moment before which something counts as older than ``age``."""
    if age is None:
        return None
    try:
        return now - parse_age(age)
    except OverflowError as error:
        raise Invalid(f"older_than is {age!r}, longer than any date reaches", hint="Write a smaller number.") from error


_NAME = re.compile(r"[a-z0-9][a-z0-9.-]{1,61}[a-z0-9]")
_ADDRESS = re.compile(r"\d{1,3}(\.\d{1,3}){3}")
_PREFIXES = ("xn--", "sthree-", "amzn-s3-demo-")
_SUFFIXES = ("-s3alias", "--ol-s3", ".mrap", "--x-s3", "--table-s3")


def check_name(name: str) -> None:
    """Hold a name against the rules for general purpose buckets.

    https://docs.aws.amazon.com/AmazonS3/latest/userguide/bucketnamingrules.html

    :raises Invalid: with the rule that it breaks.
    """
    problem = ""
    if not 3 <= len(name) <= 63:
        problem = f"it has {len(name)} characters; 3 to 63 are allowed"
    elif not _NAME.fullmatch(name):
        problem = "only lower-case letters, digits, dots and hyphens are allowed, with a letter or digit at both ends"
    elif ".." in name:
        problem = "two dots stand side by side"
    elif _ADDRESS.fullmatch(name):
        problem = "it looks like an IP address"
    elif name.startswith(_PREFIXES):
        problem = f"the beginnings {', '.join(_PREFIXES)} are reserved"
    elif name.endswith(_SUFFIXES):
        problem = f"the endings {', '.join(_SUFFIXES)} are reserved"
    if problem:
        raise Invalid(
            f"{name!r} is not a valid bucket name: {problem}",
            hint="Correct the name option; validate_bucket_name: false skips this check for servers with other rules.",
        )
