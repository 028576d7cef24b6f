# Copyright (c) 2026 cloudops.core contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Buckets: contents and how they are selected, counted and reported; names; ages."""

from __future__ import annotations

import string
from collections.abc import Iterator
from datetime import datetime, timedelta, timezone
from typing import Any

import pytest
from ansible_collections.cloudops.core.plugins.module_utils._core.errors import Conflict, Invalid
from ansible_collections.cloudops.core.plugins.module_utils._domain.buckets import (
    ABSENT,
    MARKER,
    OBJECT,
    UNKNOWN,
    UPLOAD,
    VALUE,
    VERSION,
    Bucket,
    Entry,
    KeptBack,
    Reading,
    Selection,
    Tally,
    check_name,
    check_region,
    count_up_to,
    cutoff,
    has_tags,
    kept_back,
    not_empty,
    parse_age,
    plan_absent,
    plan_empty,
    still_written,
    tags_are_unknown,
)
from hypothesis import example, given
from hypothesis import strategies as st

NOW = datetime(2026, 6, 15, 12, tzinfo=timezone.utc)
OLD = NOW - timedelta(days=90)


def entry(kind: str = OBJECT, *, modified: datetime = OLD, latest: bool = True, size: int = 10) -> Entry:
    return Entry(kind, "key", "v1", size, modified, latest)


ENTRIES = st.builds(
    Entry,
    kind=st.sampled_from([OBJECT, VERSION, MARKER, UPLOAD]),
    key=st.text(max_size=5),
    version_id=st.sampled_from(["null", "v1", "v2"]),
    size=st.integers(0, 10**13),
    modified=st.integers(-50_000, 500).map(lambda hours: NOW + timedelta(hours=hours)),
    latest=st.booleans(),
)


# ---- readings


@pytest.mark.parametrize(
    ("reading", "result"),
    [
        pytest.param(Reading(VALUE, {"a": "b"}), {"state": "value", "value": {"a": "b"}}, id="value"),
        pytest.param(Reading(VALUE, False), {"state": "value", "value": False}, id="a value that is false"),
        pytest.param(Reading(ABSENT), {"state": "absent"}, id="absent"),
        pytest.param(
            Reading(UNKNOWN, code="AccessDenied", message="no"),
            {"state": "unknown", "code": "AccessDenied", "message": "no"},
            id="unknown never looks like absent",
        ),
    ],
)
def test_reading(reading: Reading, result: dict[str, Any]) -> None:
    assert reading.as_result() == result


@pytest.mark.parametrize(
    ("reading", "wanted", "has"),
    [
        pytest.param(Reading(VALUE, {"a": "1", "b": "2"}), {"a": "1"}, True, id="one of two"),
        pytest.param(Reading(VALUE, {"a": "1"}), {"a": "2"}, False, id="another value"),
        pytest.param(Reading(VALUE, {"a": "1"}), {"a": "1", "b": "2"}, False, id="one is missing"),
        pytest.param(Reading(ABSENT), {"a": "1"}, False, id="no tags"),
        pytest.param(Reading(ABSENT), {}, True, id="nothing wanted"),
    ],
)
def test_has_tags(reading: Reading, wanted: dict[str, str], has: bool) -> None:
    assert has_tags(reading, wanted) is has


def test_unknown_tags() -> None:
    assert [tags_are_unknown(Reading(state)) for state in (VALUE, ABSENT, UNKNOWN)] == [False, False, True]


# ---- regions


@pytest.mark.parametrize(
    ("there", "asked"),
    [("eu-central-1", "eu-central-1"), ("eu-central-1", ""), ("", "eu-central-1"), ("", "")],
    ids=["the same", "nobody asked", "the endpoint doesn't tell", "neither"],
)
def test_regions_that_agree(there: str, asked: str) -> None:
    check_region(Bucket("b", there), asked)


def test_regions_that_differ_are_both_named() -> None:
    with pytest.raises(Conflict) as caught:
        check_region(Bucket("b", "eu-central-1"), "us-east-1")
    assert "is in region eu-central-1, not in us-east-1" in str(caught.value)
    assert caught.value.code == "RegionMismatch"


# ---- what is selected


@pytest.mark.parametrize(
    ("selection", "found", "taken"),
    [
        pytest.param(Selection(), entry(), True, id="everything: an object"),
        pytest.param(Selection(), entry(VERSION, latest=False), True, id="everything: a version"),
        pytest.param(Selection(), entry(MARKER), True, id="everything: a delete marker"),
        pytest.param(Selection(), entry(UPLOAD), True, id="everything: an upload"),
        pytest.param(Selection(noncurrent_only=True), entry(), False, id="noncurrent: the object stays"),
        pytest.param(Selection(noncurrent_only=True), entry(VERSION, latest=False), True, id="noncurrent: a version"),
        pytest.param(Selection(noncurrent_only=True), entry(MARKER), False, id="noncurrent: the marker on top stays"),
        pytest.param(
            Selection(noncurrent_only=True), entry(MARKER, latest=False), True, id="noncurrent: a marker below"
        ),
        pytest.param(Selection(noncurrent_only=True), entry(UPLOAD), False, id="noncurrent: an upload stays"),
        pytest.param(Selection(older_than=NOW), entry(modified=OLD), True, id="older"),
        pytest.param(Selection(older_than=OLD), entry(modified=OLD), False, id="just as old"),
        pytest.param(Selection(older_than=OLD), entry(modified=NOW), False, id="newer"),
        pytest.param(
            Selection(older_than=NOW),
            entry(modified=NOW.astimezone(timezone(timedelta(hours=-5))) - timedelta(microseconds=1)),
            True,
            id="older by a hair, in another zone",
        ),
        pytest.param(Selection(older_than=NOW), entry(UPLOAD, modified=OLD), True, id="an old upload"),
        pytest.param(
            Selection(older_than=NOW, noncurrent_only=True), entry(modified=OLD), False, id="old, but current"
        ),
        pytest.param(
            Selection(older_than=OLD, noncurrent_only=True),
            entry(VERSION, modified=NOW, latest=False),
            False,
            id="noncurrent, but new",
        ),
    ],
)
def test_takes(selection: Selection, found: Entry, taken: bool) -> None:
    assert selection.takes(found) is taken


@given(found=ENTRIES, older_than=st.none() | st.just(NOW), noncurrent_only=st.booleans())
def test_narrowing_only_ever_spares(found: Entry, older_than: datetime | None, noncurrent_only: bool) -> None:
    assert Selection().takes(found)
    narrowed = Selection("", older_than, noncurrent_only)
    if narrowed.takes(found):
        assert not (noncurrent_only and found.latest)
        assert older_than is None or found.modified < older_than


@pytest.mark.parametrize(("noncurrent_only", "uploads"), [(False, True), (True, False)])
def test_uploads_go_unless_only_noncurrent_ones_do(noncurrent_only: bool, uploads: bool) -> None:
    assert Selection(noncurrent_only=noncurrent_only).uploads is uploads


def test_describe() -> None:
    assert Selection("tmp/", NOW, True).describe() == {
        "prefix": "tmp/",
        "older_than": "2026-06-15T12:00:00+00:00",
        "noncurrent_only": True,
    }
    assert Selection().describe() == {"prefix": "", "older_than": None, "noncurrent_only": False}


# ---- counts


@given(st.lists(ENTRIES, max_size=30))
def test_a_tally_counts_every_entry_once(entries: list[Entry]) -> None:
    tally = Tally()
    tally.add(entries)
    kinds = [found.kind for found in entries]
    assert tally.as_result() == {
        "objects": kinds.count(OBJECT),
        "versions": kinds.count(VERSION),
        "delete_markers": kinds.count(MARKER),
        "uploads": kinds.count(UPLOAD),
        "bytes": sum(found.size for found in entries),
    }
    assert tally.total == len(entries)


@given(st.lists(ENTRIES, max_size=10), st.lists(ENTRIES, max_size=10))
def test_tallies_add_up(some: list[Entry], more: list[Entry]) -> None:
    one, other, both = Tally(), Tally(), Tally()
    one.add(some)
    other.add(more)
    both.add([*some, *more])
    one.include(other)
    assert one == both


@pytest.mark.parametrize(
    ("tally", "text"),
    [
        pytest.param(Tally(), "nothing", id="nothing"),
        pytest.param(Tally(objects=1, bytes=5), "1 object (5 bytes)", id="one"),
        pytest.param(
            Tally(2, 3, 1, 1, 4096),
            "2 objects, 3 older versions, 1 delete marker, 1 unfinished upload (4096 bytes)",
            id="all kinds",
        ),
    ],
)
def test_a_tally_in_words(tally: Tally, text: str) -> None:
    assert str(tally) == text


@pytest.mark.parametrize(("held", "limit", "read"), [(5, None, 5), (5, 5, 5), (5, 9, 5), (0, 0, 0)])
def test_counts_what_the_limit_allows(held: int, limit: int | None, read: int) -> None:
    assert count_up_to([entry()] * held, limit, "b").total == read


@pytest.mark.parametrize("limit", [0, 1, 7])
def test_counting_reads_no_further_than_it_must(limit: int) -> None:
    taken = 0

    def endless() -> Iterator[Entry]:
        nonlocal taken
        while True:
            taken += 1
            yield entry()

    with pytest.raises(Conflict) as caught:
        count_up_to(endless(), limit, "b")
    assert taken == limit + 1
    assert caught.value.code == "LimitExceeded"
    assert f"max_objects={limit}" in str(caught.value)
    assert "nothing was removed" in str(caught.value)


# ---- plans


@pytest.mark.parametrize("exists", [True, False], ids=["nothing held", "no bucket"])
def test_nothing_to_empty(exists: bool) -> None:
    plan = plan_empty("b", exists, Tally())
    assert not plan
    assert plan.before == plan.after


def test_something_to_empty() -> None:
    tally = Tally(objects=2, bytes=7)
    plan = plan_empty("b", exists=True, tally=tally)
    assert plan.actions() == ["remove contents"]
    assert plan.before == {"state": "present", "contents": tally.as_result()}
    assert plan.after == {"state": "present", "contents": Tally().as_result()}


@pytest.mark.parametrize(
    ("exists", "tally", "deleted", "actions"),
    [
        pytest.param(False, Tally(), True, [], id="no bucket"),
        pytest.param(True, Tally(), True, ["delete bucket"], id="empty"),
        pytest.param(True, Tally(versions=1), True, ["remove contents", "delete bucket"], id="with contents"),
        pytest.param(True, Tally(versions=1), False, ["remove contents"], id="emptied in part, not deleted"),
        pytest.param(True, Tally(), False, [], id="nothing came of it"),
    ],
)
def test_plan_absent(exists: bool, tally: Tally, deleted: bool, actions: list[str]) -> None:
    plan = plan_absent("b", exists, tally, deleted=deleted)
    assert plan.actions() == actions
    assert plan.after["state"] == "absent"
    assert plan.before["state"] == ("present" if exists else "absent")


# ---- what is said when it can't be done


def named(key: str) -> Entry:
    return Entry(OBJECT, key, "null", 1, OLD, True)


def test_kept_back_names_codes_counts_and_cures() -> None:
    groups = [
        KeptBack("SlowDown", 1, [named("s")]),
        KeptBack("AccessDenied", 20, [named("a1"), named("a2"), named("a3")]),
    ]
    error = kept_back("b", groups, Tally(objects=5, bytes=1), False)
    text = str(error)
    assert (
        "bucket b: 21 entries could not be removed (20 with AccessDenied, such as a1 and a2; 1 with SlowDown, such as s)"
        in text
    )
    assert "all others were removed: 5 objects" in text
    assert "bypass_governance_retention" in text
    assert "lower concurrency" in text
    assert error.code == "AccessDenied"


def test_kept_back_says_when_it_gave_up() -> None:
    text = str(kept_back("b", [KeptBack("EndpointConnectionError", 3000, [named("s")])], Tally(), True))
    assert "stopped early" in text
    assert "all others" not in text


def test_still_written() -> None:
    error = still_written("b", 5, Tally(objects=5, bytes=1))
    assert "bucket b is still being written to: after 5 passes" in str(error)
    assert "removed: 5 objects (1 bytes)" in str(error)
    assert error.code == "StillWritten"


@pytest.mark.parametrize(("more", "words"), [(False, "it holds 2 objects"), (True, "it holds at least 2 objects")])
def test_not_empty_says_what_it_holds_and_what_to_set(more: bool, words: str) -> None:
    error = not_empty("b", Tally(objects=2, bytes=7), more)
    assert words in str(error)
    assert "force: true" in error.hint
    assert (error.code, error.details["contents"]["objects"]) == ("BucketNotEmpty", 2)


@pytest.mark.parametrize(
    ("version_id", "label"), [("", "key"), ("null", "key"), ("abc", "key (version abc)")], ids=["none", "null", "named"]
)
def test_labels(version_id: str, label: str) -> None:
    assert Entry(VERSION, "key", version_id, 0, NOW, False).label() == label


# ---- ages


@pytest.mark.parametrize(
    ("text", "age"),
    [
        ("45s", timedelta(seconds=45)),
        ("90m", timedelta(minutes=90)),
        ("36h", timedelta(hours=36)),
        ("30d", timedelta(days=30)),
        ("2w", timedelta(weeks=2)),
        (" 007d\n", timedelta(days=7)),
    ],
)
def test_ages(text: str, age: timedelta) -> None:
    assert parse_age(text) == age
    assert cutoff(text, NOW) == NOW - age


@pytest.mark.parametrize(
    "text",
    [
        "",
        " ",
        "30",
        "d",
        "30 d",
        "30D",
        "-30d",
        "+30d",
        "1.5d",
        "30d12h",
        "30days",
        "P30D",
        "0d",
        "000s",
        "1y",
        "30d\n30d",
        "None",
        "999999999999w",
        pytest.param("9" * 5000 + "d", id="5000 digits"),
    ],
)
def test_no_ages(text: str) -> None:
    for read in (parse_age, lambda age: cutoff(age, NOW)):
        with pytest.raises(Invalid, match="older_than is"):
            read(text)


def test_no_age_is_no_cutoff() -> None:
    assert cutoff(None, NOW) is None


def test_an_age_before_the_first_year() -> None:
    """As an age it is possible, as a date it isn't."""
    assert parse_age("1000000d").days == 1_000_000
    with pytest.raises(Invalid, match="longer than any date reaches"):
        cutoff("1000000d", NOW)


@given(st.text("0123456789smhdw -.", max_size=12))
def test_any_age_lies_in_the_past_or_is_invalid(text: str) -> None:
    """Never a moment at or after now: that would select what was written a moment ago."""
    try:
        moment = cutoff(text, NOW)
    except Invalid:
        return
    assert moment is not None
    assert moment < NOW


# ---- names
# https://docs.aws.amazon.com/AmazonS3/latest/userguide/bucketnamingrules.html


@pytest.mark.parametrize(
    "name",
    [
        "abc",
        "123",
        "a-b",
        "a.b",
        "my.example.s3.bucket",
        "docexamplewebsite.com",
        "log-delivery-march-2020",
        "a--b",
        "x" * 63,
        "1.2.3",
        "1.2.3.4.5",
        "1234.1.1.1",
        "xn-a",
        "a-xn--b",
        "sthree",
        "my-sthree-bucket",
        "amzn-s3-demo",
        "s3alias",
        "mrap",
        "a-mrap",
        # Account regional namespace: the suffix is reserved, but not forbidden.
        "logs-111122223333-us-west-2-an",
    ],
)
def test_names(name: str) -> None:
    check_name(name)


@pytest.mark.parametrize(
    ("name", "problem"),
    [
        ("", "0 characters"),
        ("ab", "2 characters"),
        ("x" * 64, "64 characters"),
        ("Abc", "only lower-case"),
        ("a_b", "only lower-case"),
        ("a b", "only lower-case"),
        ("a/b", "only lower-case"),
        ("bücher", "only lower-case"),
        ("abcd\n", "only lower-case"),
        ("abc\n", "only lower-case"),
        ("-abc", "at both ends"),
        ("abc-", "at both ends"),
        (".abc", "at both ends"),
        ("abc.", "at both ends"),
        ("a..b", "two dots"),
        ("192.168.5.4", "IP address"),
        ("xn--abc", "xn--"),
        ("sthree-abc", "sthree-"),
        ("sthree-configurator", "sthree-"),
        ("amzn-s3-demo-bucket", "amzn-s3-demo-"),
        ("abc-s3alias", "-s3alias"),
        ("abc--ol-s3", "--ol-s3"),
        ("abc.mrap", ".mrap"),
        ("abc--usw2-az1--x-s3", "--x-s3"),
        ("abc--table-s3", "--table-s3"),
    ],
)
def test_no_names(name: str, problem: str) -> None:
    with pytest.raises(Invalid) as caught:
        check_name(name)
    assert f"{name!r} is not a valid bucket name" in str(caught.value)
    assert problem in str(caught.value)
    assert "validate_bucket_name" in caught.value.hint


_ENDS = string.ascii_lowercase + string.digits
_RESERVED_STARTS = ("xn--", "sthree-", "amzn-s3-demo-")
_RESERVED_ENDS = ("-s3alias", "--ol-s3", ".mrap", "--x-s3", "--table-s3")


def _fits(name: str) -> bool:
    """The published rules, one after the other."""
    parts = name.split(".")
    address = len(parts) == 4 and all(part.isdigit() and len(part) <= 3 for part in parts)
    return (
        3 <= len(name) <= 63
        and all(letter in _ENDS + ".-" for letter in name)
        and name[0] in _ENDS
        and name[-1] in _ENDS
        and ".." not in name
        and not address
        and not any(name.startswith(start) for start in _RESERVED_STARTS)
        and not any(name.endswith(end) for end in _RESERVED_ENDS)
    )


@given(
    st.one_of(
        st.text("ab1.-", max_size=8),
        st.text("12.", min_size=7, max_size=15),
        st.text("aA_\n -.", max_size=6),
        st.text("a", min_size=60, max_size=66),
        st.text(max_size=5),
        st.builds(
            "".join,
            st.tuples(
                st.sampled_from(["", *_RESERVED_STARTS]),
                st.text("a1-", max_size=4),
                st.sampled_from(["", *_RESERVED_ENDS]),
            ),
        ),
    )
)
@example("abc\n")
def test_a_name_is_valid_when_it_keeps_all_rules(name: str) -> None:
    try:
        check_name(name)
        valid = True
    except Invalid:
        valid = False
    assert valid is _fits(name)
