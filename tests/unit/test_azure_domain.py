# Copyright (c) 2026 cloudops.core contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Containers and blobs: options, plans and what is to be removed, as tables."""

from __future__ import annotations

from datetime import datetime, timedelta, timezone
from typing import Any

import pytest
from ansible_collections.cloudops.core.plugins.module_utils._core.errors import Conflict, Invalid
from ansible_collections.cloudops.core.plugins.module_utils._domain.blobs import Found, Target, moment_of, targets
from ansible_collections.cloudops.core.plugins.module_utils._domain.buckets import (
    ABSENT,
    VALUE,
    Bucket,
    Desired,
    Reading,
    Selection,
    Tally,
)
from ansible_collections.cloudops.core.plugins.module_utils._domain.containers import (
    as_metadata,
    check_name,
    check_options,
    check_query,
    has_metadata,
    plan_container,
    settings_from,
)

NOW = datetime(2026, 6, 1, tzinfo=timezone.utc)
OLD, NEW = NOW - timedelta(days=90), NOW - timedelta(days=1)
OLD_SNAPSHOT, NEW_SNAPSHOT = "2026-03-01T00:00:00.1234567Z", "2026-05-31T00:00:00.1234567Z"
MONTH = Selection(older_than=NOW - timedelta(days=30))


def options(**given: Any) -> dict[str, Any]:
    """Options of azure_blob_container."""
    unset = ("public_access", "metadata", "default_encryption_scope", "deny_encryption_scope_override", "older_than")
    fixed = {
        "name": "the-box",
        "state": "present",
        "purge_metadata": True,
        "wait_timeout": 180,
        "force": False,
        "prefix": "",
    }
    more = {
        "noncurrent_only": False,
        "max_objects": None,
        "leases": "fail",
        "soft_deleted": "ignore",
        "concurrency": 16,
    }
    return {**dict.fromkeys(unset), **fixed, **more, "batch_size": None, **given}


# Options


@pytest.mark.parametrize(
    ("given", "words"),
    [
        ({"name": "ab"}, "2 characters"),
        ({"name": "a" * 64}, "64 characters"),
        ({"name": "Upper"}, "lower-case"),
        ({"name": "under_score"}, "lower-case"),
        ({"name": "-start"}, "both ends"),
        ({"name": "two--hyphens"}, "side by side"),
        ({"name": ""}, "0 characters"),
        ({"state": "absent", "prefix": "a"}, "prefix only goes with state: empty"),
        ({"state": "present", "older_than": "1d"}, "older_than only goes with state: empty"),
        ({"state": "absent", "noncurrent_only": True}, "noncurrent_only only goes"),
        ({"state": "empty", "max_objects": -1}, "max_objects is -1"),
        ({"state": "empty", "concurrency": 0}, "concurrency is 0"),
        ({"state": "empty", "batch_size": 0}, "batch_size is 0"),
        ({"state": "empty", "batch_size": 257}, "at most 256"),
        ({"state": "absent", "soft_deleted": "report"}, "soft_deleted: report only goes with state: empty"),
        ({"wait_timeout": -1}, "wait_timeout is -1"),
        ({"deny_encryption_scope_override": True}, "needs default_encryption_scope"),
    ],
)
def test_options_that_cannot_be_meant(given: dict[str, Any], words: str) -> None:
    with pytest.raises(Invalid, match=words):
        check_options(options(**given))


@pytest.mark.parametrize("name", ["abc", "a-b-c", "0ab", "a" * 63, "$root", "$web", "$logs"])
def test_names(name: str) -> None:
    check_name(name)


@pytest.mark.parametrize(
    ("given", "words"),
    [
        ({"a-b": "c"}, "a-b"),
        ({"1a": "c"}, "1a"),
        ({"a": "ü"}, "printable ASCII"),
        ({"a": "line\nbreak"}, "printable ASCII"),
        ({"a": ""}, "empty"),
        ({"a": None}, "no text"),
        ({"a": ["b"]}, "no text"),
        ({"a": "1", "A": "2"}, "differ only in case"),
        ({"a": "x" * 8192}, "8192 bytes"),
    ],
)
def test_metadata_that_cannot_be(given: dict[str, Any], words: str) -> None:
    with pytest.raises(Invalid, match=words):
        as_metadata(given)


def test_metadata_of_yaml() -> None:
    assert as_metadata({"a": 1, "b": True, "_c": "x y"}) == {"a": "1", "b": "true", "_c": "x y"}


@pytest.mark.parametrize(
    ("there", "wanted", "expected"),
    [
        ({"Team": "a"}, {"team": "a"}, True),
        ({"Team": "a"}, {"team": "b"}, False),
        (None, {"team": "a"}, False),
        ({"x": "1"}, {}, True),
    ],
)
def test_filter_by_metadata(there: dict[str, str] | None, wanted: dict[str, str], expected: bool) -> None:
    assert has_metadata(there, wanted) is expected


def test_queries() -> None:
    with pytest.raises(Invalid, match="exclude"):
        check_query({"names": ["abc"], "name_prefix": "x", "concurrency": 1})
    with pytest.raises(Invalid, match="side by side"):
        check_query({"names": ["abc", "a--b"], "name_prefix": "", "concurrency": 1})


# Plans


def box(**values: Any) -> Bucket:
    """A container; None: not configured."""
    known = {"public_access": "none", "metadata": None, "default_encryption_scope": "$account-encryption-key"}
    known |= {"deny_encryption_scope_override": None, **values}
    readings = {name: Reading(ABSENT) if value is None else Reading(VALUE, value) for name, value in known.items()}
    return Bucket("the-box", readings=readings)


@pytest.mark.parametrize(
    ("current", "given", "actions", "after"),
    [
        pytest.param(None, {}, ["create container"], {}, id="create"),
        pytest.param(
            None, {"public_access": "none"}, ["create container"], {"public_access": "none"}, id="create-with-default"
        ),
        pytest.param(
            None,
            {"public_access": "blob", "metadata": {"a": "b"}},
            ["create container", "put public_access", "put metadata"],
            {"public_access": "blob", "metadata": {"a": "b"}},
            id="create-with-properties",
        ),
        pytest.param(box(), {}, [], {}, id="nothing-asked"),
        pytest.param(box(), {"public_access": "none"}, [], {"public_access": "none"}, id="same-access"),
        pytest.param(
            box(public_access="container"),
            {"public_access": "none"},
            ["put public_access"],
            {"public_access": "none"},
            id="drifted-access",
        ),
        pytest.param(
            box(metadata={"Team": "a", "x": "1"}),
            {"metadata": {"team": "b"}},
            ["put metadata"],
            {"metadata": {"Team": "b"}},
            id="metadata-purged",
        ),
        pytest.param(
            box(metadata={"Team": "a", "x": "1"}),
            {"metadata": {"team": "b"}, "purge_metadata": False},
            ["put metadata"],
            {"metadata": {"Team": "b", "x": "1"}},
            id="metadata-kept",
        ),
        pytest.param(
            box(metadata={"Team": "a "}),
            {"metadata": {"team": "a"}},
            [],
            {"metadata": {"Team": "a "}},
            id="same-metadata",
        ),
        pytest.param(
            box(metadata={"a": "b"}), {"metadata": {}}, ["delete metadata"], {"metadata": None}, id="metadata-gone"
        ),
        pytest.param(
            box(),
            {"default_encryption_scope": "$account-encryption-key", "deny_encryption_scope_override": False},
            [],
            {"default_encryption_scope": "$account-encryption-key"},
            id="same-scope",
        ),
    ],
)
def test_plans(current: Bucket | None, given: dict[str, Any], actions: list[str], after: dict[str, Any]) -> None:
    plan = plan_container(current, Desired("the-box", "", "", settings_from(options(**given))))
    assert plan.actions() == actions
    assert {name: plan.after[name] for name in after} == after
    assert plan.target == "container the-box"


@pytest.mark.parametrize(
    "given",
    [{"default_encryption_scope": "s"}, {"default_encryption_scope": "x", "deny_encryption_scope_override": True}],
    ids=["scope", "deny"],
)
def test_what_only_a_new_container_can_get(given: dict[str, Any]) -> None:
    with pytest.raises(Conflict, match="only when a container is created"):
        plan_container(box(default_encryption_scope="x"), Desired("the-box", "", "", settings_from(options(**given))))


# What is to be removed


def blob(name: str, **more: Any) -> Found:
    """A blob of 1 byte, written long ago."""
    return Found(name, **{"size": 1, "modified": OLD, **more})


def told(found: list[Found], selection: Selection, **how: bool) -> list[str]:
    """The targets in words: kind, name, its version or snapshot, +snapshots, held."""
    ways = {"legal_hold": False, "break_leases": False, **how}
    return [_word(target) for target in targets(found, selection, NOW, **ways)]


def _word(target: Target) -> str:
    entry = target.entry
    words = [
        entry.kind,
        entry.key,
        entry.version_id[:10],
        f"+{target.snapshots}" if target.snapshots else "",
        target.leftover,
        entry.held,
    ]
    return " ".join(word for word in words if word)


WITH_SNAPSHOTS = [
    blob("a", snapshot=OLD_SNAPSHOT),
    blob("a", snapshot=NEW_SNAPSHOT),
    blob("a"),
    blob("b", modified=NEW),
    blob("c"),
    blob("c", snapshot=OLD_SNAPSHOT),
]
VERSIONED = [
    blob("a", version_id="v1", current=False),
    blob("a", version_id="v2"),
    blob("b", version_id="v3", current=False, modified=NEW),
]


@pytest.mark.parametrize(
    ("found", "selection", "how", "expected"),
    [
        pytest.param(
            WITH_SNAPSHOTS, Selection(), {}, ["object a +2", "object b", "object c +1"], id="all-with-their-snapshots"
        ),
        pytest.param(
            WITH_SNAPSHOTS, MONTH, {}, ["snapshot a 2026-03-01", "object c +1"], id="a-younger-snapshot-keeps-its-blob"
        ),
        pytest.param(
            WITH_SNAPSHOTS,
            Selection(noncurrent_only=True),
            {},
            ["snapshot a 2026-03-01", "snapshot a 2026-05-31", "snapshot c 2026-03-01"],
            id="snapshots-only",
        ),
        pytest.param(VERSIONED, Selection(), {}, ["version a v1", "object a v2", "version b v3"], id="versions"),
        pytest.param(VERSIONED, MONTH, {}, ["version a v1", "object a v2"], id="old-versions"),
        pytest.param(
            VERSIONED, Selection(noncurrent_only=True), {}, ["version a v1", "version b v3"], id="versions-only"
        ),
        pytest.param([blob("a", leased=True)], Selection(), {}, ["object a LeaseIdMissing"], id="leased"),
        pytest.param([blob("a", leased=True)], Selection(), {"break_leases": True}, ["object a"], id="lease-to-break"),
        pytest.param(
            [blob("a")], Selection(), {"legal_hold": True}, ["object a BlobImmutableDueToLegalHold"], id="hold-on-all"
        ),
        pytest.param(
            [blob("a", legal_hold=True)], Selection(), {}, ["object a BlobImmutableDueToLegalHold"], id="hold"
        ),
        pytest.param(
            [blob("a", locked_until=NOW + timedelta(1))],
            Selection(),
            {},
            ["object a BlobImmutableDueToPolicy"],
            id="locked",
        ),
        pytest.param([blob("a", locked_until=NOW - timedelta(1))], Selection(), {}, ["object a"], id="lock-over"),
        pytest.param([blob("a", deleted=True), blob("b")], Selection(), {}, ["object b"], id="deleted-already"),
        pytest.param(
            [blob("a", snapshot=OLD_SNAPSHOT)], Selection(), {}, ["snapshot a 2026-03-01"], id="snapshot-without-blob"
        ),
        pytest.param([], Selection(), {}, [], id="nothing"),
    ],
)
def test_targets(found: list[Found], selection: Selection, how: dict[str, bool], expected: list[str]) -> None:
    assert told(found, selection, **how) == expected


def test_a_blob_counts_with_its_snapshots() -> None:
    tally = Tally(snapshots=0)
    for target in targets(WITH_SNAPSHOTS, Selection(), NOW, legal_hold=False, break_leases=False):
        target.count_into(tally)
    assert (tally.objects, tally.snapshots, tally.bytes, tally.total) == (3, 3, 6, 6)
    assert str(tally) == "3 objects, 3 snapshots (6 bytes)"


@pytest.mark.parametrize(
    ("snapshot", "expected"),
    [(OLD_SNAPSHOT, datetime(2026, 3, 1, tzinfo=timezone.utc)), ("", None), ("not a time", None)],
)
def test_times_of_snapshots(snapshot: str, expected: datetime | None) -> None:
    assert moment_of(snapshot) == expected
