# Copyright (c) 2026 cloudops.core contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Tasks for buckets, as people might write them: policies in any spelling, lifecycle rules, and whole sets of options."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import date
from random import Random
from typing import Any

from ansible.module_utils.common.arg_spec import ArgumentSpecValidator
from ansible_collections.cloudops.core.plugins.module_utils._ansible.argspec import aws_spec
from ansible_collections.cloudops.core.plugins.modules.s3_bucket import option_spec
from hypothesis import strategies as st

TEXT = st.text("abZ019 ._/ä漢<&>'\"=+%", max_size=8)
NAMES = st.text("abZ01_ä:", min_size=1, max_size=6).filter(lambda text: not text.lower().startswith("aws:"))

_SPEC = aws_spec(**option_spec())


def module_options(**task: Any) -> dict[str, Any]:
    """What a module gets when a task says this: converted, checked and filled up by Ansible itself."""
    result = ArgumentSpecValidator(_SPEC).validate({"name": "example-bucket", **task})
    assert result.error_messages == []
    return dict(result.validated_parameters)


# ---- policies


@dataclass(frozen=True)
class Statement:
    """What a statement means; everything in it is a set."""

    sid: str
    effect: str
    who: tuple[str, frozenset[tuple[str, str]]]
    what: tuple[str, frozenset[str]]
    where: tuple[str, frozenset[str]]
    when: frozenset[tuple[str, str, frozenset[str]]]


@dataclass(frozen=True)
class Policy:
    """What a policy means."""

    version: str
    name: str | None
    statements: frozenset[Statement]


# Spelling takes many small decisions, so it takes them from a generator that is seeded once for each example.
SPELLERS = st.randoms(use_true_random=True)

_ACCOUNTS = [f"{digit}" * 12 for digit in (1, 2)]
_PRINCIPALS = st.sampled_from(
    [
        frozenset({("AWS", "*")}),
        frozenset({("AWS", "111111111111")}),
        frozenset({("AWS", "111111111111"), ("AWS", "222222222222")}),
        frozenset({("AWS", "arn:aws:iam::111111111111:user/Bob"), ("AWS", "222222222222")}),
        frozenset({("Service", "logging.s3.amazonaws.com")}),
        frozenset({("Service", "logging.s3.amazonaws.com"), ("AWS", "111111111111")}),
    ]
)
_ACTIONS = st.frozensets(st.sampled_from(["s3:*", "s3:getobject", "s3:putobject"]), min_size=1)
_RESOURCES = st.frozensets(
    st.sampled_from(
        ["arn:aws:s3:::example-bucket", "arn:aws:s3:::example-bucket/*", "arn:aws:s3:::example-bucket/A/*"]
    ),
    min_size=1,
)
_TEST = st.tuples(
    st.sampled_from(["bool", "stringequals", "foranyvalue:stringlike"]),
    st.sampled_from(["aws:securetransport", "aws:sourceip", "s3:prefix"]),
    st.frozensets(st.sampled_from(["true", "7", "a", "A"]), min_size=1, max_size=2),
)
_TESTS = st.lists(_TEST, max_size=2, unique_by=lambda test: test[:2]).map(frozenset)

STATEMENTS = st.builds(
    Statement,
    sid=st.sampled_from(["", "One", "Two"]),
    effect=st.sampled_from(["Allow", "Deny"]),
    who=st.tuples(st.sampled_from(["Principal", "NotPrincipal"]), _PRINCIPALS),
    what=st.tuples(st.sampled_from(["Action", "NotAction"]), _ACTIONS),
    where=st.tuples(st.sampled_from(["Resource", "NotResource"]), _RESOURCES),
    when=_TESTS,
)

POLICIES = st.builds(
    Policy,
    version=st.sampled_from(["2008-10-17", "2012-10-17"]),
    name=st.sampled_from([None, "Id1"]),
    statements=st.frozensets(STATEMENTS, min_size=1, max_size=3),
)


def slightly_other(policy: Policy, change: str, other: Statement, random: Random) -> Policy:
    """A policy that differs from this one in one thing at the most."""
    if change == "version":
        return replace(policy, version=random.choice(["2008-10-17", "2012-10-17"]))
    if change == "name":
        return replace(policy, name=random.choice([None, "Id1", "Id2"]))
    one = random.choice(sorted(policy.statements, key=repr))
    others = policy.statements - {one}
    if change == "less":
        return replace(policy, statements=others or policy.statements)
    if change == "more":
        return replace(policy, statements=policy.statements | {other})
    return replace(policy, statements=others | {replace(one, **{change: getattr(other, change)})})


CHANGES = ("version", "name", "less", "more", "sid", "effect", "who", "what", "where", "when")


def spelled(policy: Policy, random: Random) -> dict[str, Any]:
    """One of the many documents that mean this policy."""
    found = [_spelled_statement(statement, random) for statement in policy.statements]
    random.shuffle(found)
    document: dict[str, Any] = {"Statement": found[0] if len(found) == 1 and _maybe(random) else found}
    if policy.version != "2008-10-17" or _maybe(random):
        document["Version"] = policy.version
    if policy.name is not None:
        document["Id"] = policy.name
    return _shuffled(document, random)


def _maybe(random: Random) -> bool:
    return random.random() < 0.5


def _shuffled(items: dict[str, Any], random: Random) -> dict[str, Any]:
    return dict(random.sample(list(items.items()), len(items)))


def _spelled_statement(statement: Statement, random: Random) -> dict[str, Any]:
    result: dict[str, Any] = {
        "Effect": statement.effect,
        statement.who[0]: _spelled_principal(statement.who[1], random),
        statement.what[0]: _spelled_list([_any_case(action, random) for action in statement.what[1]], random),
        statement.where[0]: _spelled_list(list(statement.where[1]), random),
    }
    if statement.sid or _maybe(random):
        result["Sid"] = statement.sid
    if statement.when:
        result["Condition"] = _spelled_condition(statement.when, random)
    return _shuffled(result, random)


def _spelled_principal(who: frozenset[tuple[str, str]], random: Random) -> Any:
    if who == {("AWS", "*")} and _maybe(random):
        return "*"
    kinds: dict[str, list[str]] = {}
    for kind, name in who:
        account = name in _ACCOUNTS and _maybe(random)
        kinds.setdefault(kind, []).append(f"arn:aws:iam::{name}:root" if account else name)
    return {kind: _spelled_list(names, random) for kind, names in kinds.items()}


def _spelled_condition(when: frozenset[tuple[str, str, frozenset[str]]], random: Random) -> dict[str, Any]:
    spelling = {word: _any_case(word, random) for test in when for word in test[:2]}
    result: dict[str, Any] = {}
    for operator, key, values in when:
        found = [json.loads(value) if value in ("true", "7") and _maybe(random) else value for value in values]
        result.setdefault(spelling[operator], {})[spelling[key]] = _spelled_list(found, random)
    return result


def _spelled_list(values: list[Any], random: Random) -> Any:
    """In any order, one of them perhaps twice, and a single one perhaps without its brackets."""
    if len(values) == 1 and _maybe(random):
        return values[0]
    repeated = [*values, values[0]] if _maybe(random) else values
    return random.sample(repeated, len(repeated))


def _any_case(word: str, random: Random) -> str:
    return random.choice([word, word.upper(), word.title()])


# ---- lifecycle rules

_DATES = st.dates(min_value=date(2000, 1, 1)).map(lambda day: day.isoformat())
_CLASSES = st.sampled_from(["STANDARD_IA", "GLACIER", "DEEP_ARCHIVE", "INTELLIGENT_TIERING"])
_DAYS = st.integers(1, 4000)


def _some(required: Mapping[str, Any] | None = None, **optional: Any) -> st.SearchStrategy[dict[str, Any]]:
    return st.fixed_dictionaries(dict(required or {}), optional=optional)


_TRANSITION = st.one_of(
    _some({"days": st.integers(0, 4000), "storage_class": _CLASSES}), _some({"date": _DATES, "storage_class": _CLASSES})
)
_NONCURRENT_TRANSITION = _some(
    {"noncurrent_days": _DAYS, "storage_class": _CLASSES}, newer_noncurrent_versions=st.integers(1, 100)
)


def _by_class(items: st.SearchStrategy[dict[str, Any]]) -> st.SearchStrategy[list[dict[str, Any]]]:
    return st.lists(items, min_size=1, max_size=3, unique_by=lambda item: item["storage_class"])


_ACTION = {
    "expiration": st.one_of(
        _some({"days": _DAYS}), _some({"date": _DATES}), st.just({"expired_object_delete_marker": True})
    ),
    "noncurrent_version_expiration": _some({"noncurrent_days": _DAYS}, newer_noncurrent_versions=st.integers(1, 100)),
    "transitions": _by_class(_TRANSITION),
    "noncurrent_version_transitions": _by_class(_NONCURRENT_TRANSITION),
    "abort_incomplete_multipart_upload_days": _DAYS,
}


@st.composite
def lifecycle_rule(draw: st.DrawFn) -> dict[str, Any]:
    """A rule that the service takes."""
    rule = draw(_some(enabled=st.booleans(), prefix=TEXT, id=st.sampled_from(["one", "two", "three", "ä b"])))
    names = draw(st.sets(st.sampled_from(sorted(_ACTION)), min_size=1))
    rule.update({name: draw(_ACTION[name]) for name in sorted(names)})
    markers = "expired_object_delete_marker" in rule.get("expiration", {})
    if not markers and "abort_incomplete_multipart_upload_days" not in rule:
        rule.update(draw(_some(tags=st.dictionaries(NAMES, TEXT, max_size=3))))
    low = draw(st.none() | st.integers(0, 10**12))
    if low is not None:
        rule["object_size_greater_than"] = low
    if draw(st.booleans()):
        rule["object_size_less_than"] = (low or 0) + draw(st.integers(2, 10**12))
    return rule


LIFECYCLE_RULES = st.lists(lifecycle_rule(), max_size=4, unique_by=lambda rule: rule.get("id", id(rule)))


# ---- whole tasks

FLAGS = ("block_public_acls", "ignore_public_acls", "block_public_policy", "restrict_public_buckets")

_ENCRYPTION = st.one_of(
    st.fixed_dictionaries({"encryption": st.sampled_from(["none", "AES256"])}),
    _some(
        {"encryption": st.just("aws:kms")},
        encryption_key_id=st.sampled_from(["alias/a", "alias/b"]),
        bucket_key_enabled=st.booleans(),
    ),
    _some({"encryption": st.just("aws:kms:dsse")}, encryption_key_id=st.sampled_from(["alias/a", "alias/b"])),
)
_PUBLIC_ACCESS = st.one_of(
    st.fixed_dictionaries({"public_access": st.dictionaries(st.sampled_from(FLAGS), st.booleans(), min_size=1)}),
    st.just({"delete_public_access": True}),
)
_OWNERSHIP = st.one_of(
    st.fixed_dictionaries(
        {"object_ownership": st.sampled_from(["BucketOwnerEnforced", "BucketOwnerPreferred", "ObjectWriter"])}
    ),
    st.just({"delete_object_ownership": True}),
)
_ACL = st.fixed_dictionaries(
    {
        "acl": st.sampled_from(
            ["private", "public-read", "public-read-write", "authenticated-read", "log-delivery-write"]
        )
    }
)
_POLICY = st.fixed_dictionaries({"policy": st.one_of(st.just({}), st.builds(spelled, POLICIES, SPELLERS))})
_DENY = st.fixed_dictionaries({"deny_insecure_transport": st.booleans()})
_RETENTION = st.one_of(
    st.just({}),
    st.fixed_dictionaries({"mode": st.sampled_from(["GOVERNANCE", "COMPLIANCE"]), "days": st.integers(1, 36500)}),
    st.fixed_dictionaries({"mode": st.sampled_from(["GOVERNANCE", "COMPLIANCE"]), "years": st.integers(1, 100)}),
)
_LOCK = st.one_of(
    st.just({"object_lock_enabled": True}),
    st.fixed_dictionaries({"object_lock_enabled": st.just(True), "object_lock_default_retention": _RETENTION}),
    st.fixed_dictionaries({"object_lock_default_retention": _RETENTION}),
)
_TAGS = _some({"tags": st.dictionaries(NAMES, TEXT, max_size=4)}, purge_tags=st.booleans())
_LIFECYCLE = _some({"lifecycle_rules": LIFECYCLE_RULES}, purge_lifecycle_rules=st.booleans())
_LOGGING = st.fixed_dictionaries(
    {
        "logging": st.one_of(
            st.just({"enabled": False}),
            _some({"target_bucket": st.sampled_from(["logs", "audit"])}, target_prefix=TEXT),
        )
    }
)
_WORDS = st.lists(st.sampled_from(["*", "x-amz-*", "https://a.example", "ETag"]), max_size=3, unique=True)
_CORS = st.fixed_dictionaries(
    {
        "cors": st.lists(
            _some(
                {
                    "allowed_origins": _WORDS.filter(bool),
                    "allowed_methods": st.lists(
                        st.sampled_from(["GET", "PUT", "POST", "DELETE", "HEAD"]), min_size=1, unique=True
                    ),
                },
                id=st.sampled_from(["one", "two"]),
                allowed_headers=_WORDS,
                expose_headers=_WORDS,
                max_age_seconds=st.integers(0, 86400),
            ),
            max_size=3,
        )
    }
)

GROUPS: Mapping[str, st.SearchStrategy[dict[str, Any]]] = {
    "tags": _TAGS,
    "versioning": st.fixed_dictionaries({"versioning": st.sampled_from(["enabled", "suspended", "true", "false"])}),
    "encryption": _ENCRYPTION,
    "public_access": _PUBLIC_ACCESS,
    "object_ownership": _OWNERSHIP,
    "acl": _ACL,
    "policy": st.one_of(_POLICY, _DENY, st.builds(lambda one, other: {**one, **other}, _POLICY, _DENY)),
    "object_lock": _LOCK,
    "lifecycle_rules": _LIFECYCLE,
    "logging": _LOGGING,
    "cors": _CORS,
    "requester_pays": st.fixed_dictionaries({"requester_pays": st.booleans()}),
    "acceleration": st.fixed_dictionaries({"acceleration": st.booleans()}),
}


@st.composite
def tasks(draw: st.DrawFn, least: int = 0) -> dict[str, Any]:
    """A task that says something of some properties and doesn't contradict itself."""
    names = draw(st.sets(st.sampled_from(sorted(GROUPS)), min_size=least))
    if "object_lock" in names:
        names.discard("versioning")
    task: dict[str, Any] = {}
    for name in sorted(names):
        task.update(draw(GROUPS[name]))
    if task.get("object_ownership") == "BucketOwnerEnforced" and task.get("acl", "private") != "private":
        del task["object_ownership"]
    return task
