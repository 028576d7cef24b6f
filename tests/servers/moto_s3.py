# Copyright (c) 2026 cloudops.core contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Sets moto's S3 right where it departs from the real one in what the tests lean on.

- moto pages versions by looking for the last one it gave out. Once that is deleted, as happens whenever deletes run
  beside the listing, moto answers with an empty last page. It also copies the whole bucket for each page, a second
  per 12,000 versions.
- moto's routes do not match a key with a newline in it.
- moto takes any number of keys in one DeleteObjects request; S3 refuses more than 1,000.
- While versioning is suspended, moto forgets older versions on a put and removes all of a key's on a delete, where S3
  replaces the null version or lays a null delete marker over the others.
- moto makes no delete marker for a key that never was.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from typing import Any


def correct_s3() -> None:
    """Correct moto in this process, before its server is made."""
    _correct_routes()
    _correct_listing()
    _correct_suspended_versioning()
    _limit_batches()


def _correct_routes() -> None:
    from moto.moto_server import werkzeug_app
    from moto.moto_server.utilities import RegexConverter

    class AnyCharacter(RegexConverter):
        def __init__(self, url_map: Any, *items: Any) -> None:
            super().__init__(url_map, f"(?s:{items[0]})")

    werkzeug_app.RegexConverter = AnyCharacter  # type: ignore[attr-defined]


def _replace(function: Any) -> None:
    from moto.s3.models import S3Backend

    setattr(S3Backend, function.__name__, function)


def _limit_batches() -> None:
    from moto.s3.exceptions import MalformedXML
    from moto.s3.models import S3Backend

    deleting = S3Backend.delete_objects

    def delete_objects(backend: Any, bucket_name: str, objects: list[Any], bypass_retention: bool = False) -> Any:
        if len(objects) > 1000:
            raise MalformedXML()
        return deleting(backend, bucket_name, objects, bypass_retention)

    _replace(delete_objects)


def _correct_suspended_versioning() -> None:
    from moto.s3.models import S3Backend

    putting, deleting = S3Backend.put_object, S3Backend.delete_object

    def put_object(backend: Any, bucket_name: str, key_name: str, *arguments: Any, **named: Any) -> Any:
        bucket = backend.get_bucket(bucket_name)
        older = [version for version in bucket.keys.getlist(key_name, []) if _id_of(version) != "null"]
        new = putting(backend, bucket_name, key_name, *arguments, **named)
        if bucket.versioning_status == "Suspended":
            bucket.keys.setlist(key_name, [*older, new])
        return new

    def delete_object(
        backend: Any, bucket_name: str, key_name: str, version_id: str | None = None, bypass: bool = False
    ) -> Any:
        bucket = backend.get_bucket(bucket_name)
        suspended = bucket.versioning_status == "Suspended"
        never_was = bucket.is_versioned and version_id is None and key_name not in bucket.keys
        if not suspended and not never_was:
            return deleting(backend, bucket_name, key_name, version_id, bypass)
        left = [version for version in bucket.keys.getlist(key_name, []) if _id_of(version) != (version_id or "null")]
        if version_id is None:
            left.append(_delete_marker(backend, key_name, null=suspended))
        if left:
            bucket.keys.setlist(key_name, left)
        else:
            dict.pop(bucket.keys, key_name, None)
        return True, {"version-id": version_id or _id_of(left[-1])}

    _replace(put_object)
    _replace(delete_object)


def _delete_marker(backend: Any, key_name: str, null: bool) -> Any:
    from moto.s3.models import FakeDeleteMarker, FakeKey

    key = FakeKey(key_name, b"", backend.account_id, backend.region_name)
    marker = FakeDeleteMarker(key)
    key.dispose()
    if null:
        marker._version_id = "null"
    return marker


def _correct_listing() -> None:
    from moto.s3.models import S3Backend

    listing = S3Backend.list_object_versions
    given: dict[tuple[str, str, str], Any] = {}

    def list_object_versions(
        backend: Any,
        bucket_name: str,
        delimiter: str | None = None,
        key_marker: str | None = None,
        max_keys: int | None = 1000,
        prefix: str = "",
        version_id_marker: str | None = None,
    ) -> Any:
        if delimiter or not max_keys:
            return listing(backend, bucket_name, delimiter, key_marker, max_keys, prefix, version_id_marker)
        keys = backend.get_bucket(bucket_name).keys
        after = given.get((bucket_name, key_marker or "", version_id_marker or ""))
        page = list(itertools.islice(_versions_after(keys, prefix, key_marker, after), max_keys + 1))
        if len(page) <= max_keys:
            return _page(page, None)
        last = page[max_keys - 1]
        given[(bucket_name, last.name, _id_of(last))] = last.last_modified
        return _page(page[:max_keys], last)

    _replace(list_object_versions)


def _versions_after(keys: Any, prefix: str, marker: str | None, after: Any) -> Iterator[Any]:
    """Yield versions and delete markers in S3's order: keys by their UTF-8 bytes, versions from the newest on."""
    for name in sorted((name for name in list(keys) if name.startswith(prefix)), key=str.encode):
        if marker is not None and (name.encode() < marker.encode() or (name == marker and after is None)):
            continue
        newest_first = sorted(keys.getlist(name), key=lambda version: version.last_modified, reverse=True)
        for place, version in enumerate(newest_first):
            version.is_latest = place == 0
            if name != marker or version.last_modified < after:
                yield version


def _id_of(version: Any) -> str:
    return "null" if version.version_id is None else str(version.version_id)


def _page(entries: list[Any], last: Any) -> tuple[list[Any], list[str], list[Any], str | None, str | None]:
    from moto.s3.models import FakeKey

    versions = [entry for entry in entries if isinstance(entry, FakeKey)]
    markers = [entry for entry in entries if not isinstance(entry, FakeKey)]
    if last is None:
        return versions, [], markers, None, None
    return versions, [], markers, last.name, _id_of(last)
