# Copyright (c) 2026 cloudops.core contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Buckets and generations of objects in memory, with the rules that Cloud Storage has for them. Each rule names its page."""

from __future__ import annotations

import bisect
import itertools
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta, timezone
from typing import Any

from tests.servers import gcs_bucket_rules as rules
from tests.servers.gcs_bucket_rules import Document, rfc3339
from tests.servers.gcs_errors import GcsError, invalid, not_found, precondition_failed

PROJECT_NUMBER = "1234567890"


@dataclass
class Generation:
    """One generation of an object. ``replaced``: when it became noncurrent; None while it is live."""

    bucket: str
    name: str
    number: int
    size: int
    created: datetime
    replaced: datetime | None = None
    temporary_hold: bool | None = None
    event_based_hold: bool | None = None
    retained_from: datetime | None = None
    retain_until: datetime | None = None
    metageneration: int = 1
    more: Document = field(default_factory=dict)
    """What the writer said of it, and the checksum."""

    def expires(self, period: int) -> datetime | None:
        """When the bucket's retention policy lets it go; unknown while an event-based hold puts it off.

        https://cloud.google.com/storage/docs/bucket-lock, https://cloud.google.com/storage/docs/object-holds
        """
        if not period or self.event_based_hold:
            return None
        return (self.retained_from or self.created) + timedelta(seconds=period)

    def document(self, period: int) -> Document:
        """https://cloud.google.com/storage/docs/json_api/v1/objects#resource"""
        made = rfc3339(self.created)
        document: Document = {
            "kind": "storage#object",
            "id": f"{self.bucket}/{self.name}/{self.number}",
            "name": self.name,
            "bucket": self.bucket,
            "generation": str(self.number),
            "metageneration": str(self.metageneration),
            "contentType": "application/octet-stream",
            "storageClass": "STANDARD",
            "size": str(self.size),
            "timeCreated": made,
            "updated": made,
            "timeStorageClassUpdated": made,
            **self.more,
        }
        if self.replaced:
            document["timeDeleted"] = rfc3339(self.replaced)
        if self.temporary_hold is not None:
            document["temporaryHold"] = self.temporary_hold
        if self.event_based_hold is not None:
            document["eventBasedHold"] = self.event_based_hold
        expires = self.expires(period)
        if expires:
            document["retentionExpirationTime"] = rfc3339(expires)
        if self.retain_until:
            document["retention"] = {"mode": "Unlocked", "retainUntilTime": rfc3339(self.retain_until)}
        return document


@dataclass
class StoredBucket:
    """A bucket with its objects: for each name all generations, the oldest first."""

    name: str
    project: str
    location: str
    created: datetime
    fields: Document
    updated: datetime
    metageneration: int = 1
    iam: Document = field(default_factory=dict)
    objects: dict[str, list[Generation]] = field(default_factory=dict)
    names: list[str] = field(default_factory=list)

    @property
    def period(self) -> int:
        """Seconds of the retention policy."""
        return int((self.fields.get("retentionPolicy") or {}).get("retentionPeriod") or 0)

    @property
    def versioned(self) -> bool:
        """Whether what is replaced is kept."""
        return bool((self.fields.get("versioning") or {}).get("enabled"))

    @property
    def requester_pays(self) -> bool:
        """Whether others pay."""
        return bool((self.fields.get("billing") or {}).get("requesterPays"))

    def document(self) -> Document:
        """https://cloud.google.com/storage/docs/json_api/v1/buckets#resource"""
        in_region = "-" in self.location
        kind = "region" if in_region else "multi-region" if self.location in rules.MULTI_REGIONS else "dual-region"
        return {
            "kind": "storage#bucket",
            "id": self.name,
            "name": self.name,
            "projectNumber": PROJECT_NUMBER,
            "location": self.location,
            "locationType": kind,
            "metageneration": str(self.metageneration),
            "etag": f"etag-{self.metageneration}",
            "timeCreated": rfc3339(self.created),
            "updated": rfc3339(self.updated),
            **self.fields,
        }

    def add(self, generation: Generation) -> None:
        """Put a generation behind those of its name."""
        kept = self.objects.get(generation.name)
        if kept is None:
            self.objects[generation.name] = [generation]
            bisect.insort(self.names, generation.name, key=lambda name: name.encode())
        else:
            kept.append(generation)

    def drop(self, generation: Generation) -> None:
        """Take a generation away."""
        kept = self.objects[generation.name]
        kept.remove(generation)
        if not kept:
            del self.objects[generation.name]
            at = bisect.bisect_left(self.names, generation.name.encode(), key=lambda name: name.encode())
            del self.names[at]

    def all(self) -> Iterator[Generation]:
        """By name as UTF-8, then by generation. https://cloud.google.com/storage/docs/json_api/v1/objects/list"""
        for name in self.names:
            yield from self.objects[name]


class Store:
    """All buckets. Not safe for threads: the server calls it under a lock.

    :param clock: tells the time, so that tests may move it.
    """

    def __init__(self, clock: Callable[[], datetime] = lambda: datetime.now(timezone.utc)) -> None:
        self.clock = clock
        self.buckets: dict[str, StoredBucket] = {}
        self._numbers = itertools.count(1_700_000_000_000_000)

    # ---- buckets

    def insert(self, project: str, body: Mapping[str, Any]) -> StoredBucket:
        """https://cloud.google.com/storage/docs/json_api/v1/buckets/insert"""
        name = body.get("name")
        rules.check_name(name)
        taken = self.buckets.get(str(name))
        if taken is not None and taken.project == project:
            raise GcsError(
                409, "Your previous request to create the named bucket succeeded and you already own it.", "conflict"
            )
        if taken is not None:
            raise GcsError(
                409,
                "The requested bucket name is not available. The bucket namespace is shared by all users of the system. "
                "Please select a different name and try again.",
                "conflict",
            )
        now = self.clock()
        fields = rules.settle(rules.merge({}, body), {}, now)
        location = str(body.get("location") or "US").upper()
        bucket = StoredBucket(str(name), project, location, now, fields, now)
        self.buckets[bucket.name] = bucket
        return bucket

    def bucket(self, name: str) -> StoredBucket:
        """The bucket of that name."""
        if name not in self.buckets:
            raise not_found("bucket")
        return self.buckets[name]

    def patch(self, name: str, body: Mapping[str, Any], query: Mapping[str, str]) -> StoredBucket:
        """https://cloud.google.com/storage/docs/json_api/v1/buckets/patch

        A condition is held against the metageneration, which every change moves:
        https://cloud.google.com/storage/docs/request-preconditions
        """
        bucket = self.bucket(name)
        _check_metageneration(bucket.metageneration, query)
        now = self.clock()
        bucket.fields = rules.settle(rules.merge(bucket.fields, body), bucket.fields, now)
        bucket.metageneration += 1
        bucket.updated = now
        return bucket

    def lock_retention(self, name: str, query: Mapping[str, str]) -> StoredBucket:
        """https://cloud.google.com/storage/docs/json_api/v1/buckets/lockRetentionPolicy"""
        bucket = self.bucket(name)
        if "ifMetagenerationMatch" not in query:
            raise GcsError(400, "Required parameter: ifMetagenerationMatch", "required")
        _check_metageneration(bucket.metageneration, query)
        if not bucket.period:
            raise invalid("The bucket has no retention policy to lock.")
        bucket.fields["retentionPolicy"]["isLocked"] = True
        bucket.metageneration += 1
        return bucket

    def delete(self, name: str, query: Mapping[str, str]) -> None:
        """Live and noncurrent objects keep it: https://cloud.google.com/storage/docs/json_api/v1/buckets/delete"""
        bucket = self.bucket(name)
        _check_metageneration(bucket.metageneration, query)
        if bucket.objects:
            raise GcsError(409, "The bucket you tried to delete is not empty.", "conflict")
        del self.buckets[name]

    # ---- objects

    def put(
        self, bucket_name: str, name: str, size: int, created: datetime | None = None, more: Document | None = None
    ) -> Generation:
        """https://cloud.google.com/storage/docs/json_api/v1/objects/insert"""
        bucket = self.bucket(bucket_name)
        _check_object_name(name)
        now = created or self.clock()
        live = self.live(bucket, name)
        if live is not None:
            self._part_with(bucket, live, now, keep=bucket.versioned)
        fresh = Generation(bucket.name, name, next(self._numbers), size, now, more=more or {})
        if bucket.fields.get("defaultEventBasedHold"):
            fresh.event_based_hold = True
        bucket.add(fresh)
        return fresh

    def live(self, bucket: StoredBucket, name: str) -> Generation | None:
        """The live generation: the last one, unless it was made noncurrent."""
        kept = bucket.objects.get(name)
        return kept[-1] if kept and kept[-1].replaced is None else None

    def find(self, bucket: StoredBucket, name: str, query: Mapping[str, str]) -> Generation:
        """The generation that a request means: the one it names, or the live one."""
        number = query.get("generation")
        if number is None:
            found = self.live(bucket, name)
        else:
            found = next((one for one in bucket.objects.get(name, ()) if str(one.number) == number), None)
        if found is None:
            raise not_found(f"{bucket.name}/{name}")
        return found

    def delete_object(self, bucket_name: str, name: str, query: Mapping[str, str]) -> None:
        """For good with a generation or without versioning; otherwise it becomes noncurrent.

        Conditions come before holds and retention.
        https://cloud.google.com/storage/docs/json_api/v1/objects/delete, https://cloud.google.com/storage/docs/object-versioning
        """
        bucket = self.bucket(bucket_name)
        found = self.find(bucket, name, query)
        wanted = query.get("ifGenerationMatch")
        if wanted is not None and wanted != str(found.number):
            raise precondition_failed()
        _check_metageneration(found.metageneration, query)
        self._part_with(bucket, found, self.clock(), keep=bucket.versioned and "generation" not in query)

    def _part_with(self, bucket: StoredBucket, one: Generation, now: datetime, *, keep: bool) -> None:
        """Delete a generation, or make it noncurrent (which a retention policy allows, and a hold doesn't).

        A hold is refused as https://cloud.google.com/storage/docs/object-holds says, with the reason and the words that the service
        gives in fact: the reason is that of a missing permission, and not the one on the page of status codes.
        """
        for held, word in ((one.temporary_hold, "Temporary"), (one.event_based_hold, "Event-Based")):
            if held:
                text = (
                    f"is under active {word} hold and cannot be deleted, overwritten or archived until hold is removed."
                )
                raise GcsError(403, f"Object '{bucket.name}/{one.name}' {text}", "forbidden")
        if keep:
            one.replaced = now
            return
        for until in (one.expires(bucket.period), one.retain_until):
            if until is not None and until > now:
                text = (
                    "is subject to bucket's retention policy or object retention and cannot be deleted or overwritten"
                )
                raise GcsError(
                    403, f"Object '{bucket.name}/{one.name}' {text} until {rfc3339(until)}", "retentionPolicyNotMet"
                )
        bucket.drop(one)

    def patch_object(self, bucket_name: str, name: str, body: Mapping[str, Any], query: Mapping[str, str]) -> Document:
        """Holds only. Releasing an event-based one starts the retention over.

        https://cloud.google.com/storage/docs/json_api/v1/objects/patch
        """
        bucket = self.bucket(bucket_name)
        found = self.find(bucket, name, query)
        if "temporaryHold" in body:
            found.temporary_hold = bool(body["temporaryHold"])
        if "eventBasedHold" in body:
            if found.event_based_hold and not body["eventBasedHold"]:
                found.retained_from = self.clock()
            found.event_based_hold = bool(body["eventBasedHold"])
        found.metageneration += 1
        return found.document(bucket.period)


def _check_metageneration(current: int, query: Mapping[str, str]) -> None:
    for name, fits in (("ifMetagenerationMatch", True), ("ifMetagenerationNotMatch", False)):
        wanted = query.get(name)
        if wanted is not None and (wanted == str(current)) != fits:
            raise precondition_failed()


def _check_object_name(name: str) -> None:
    """https://cloud.google.com/storage/docs/objects#naming"""
    if not 1 <= len(name.encode()) <= 1024 or "\r" in name or "\n" in name or name in (".", ".."):
        raise invalid(f"Invalid object name: {name!r}")
    if name.startswith(".well-known/acme-challenge/"):
        raise invalid(f"Invalid object name: {name!r}")
