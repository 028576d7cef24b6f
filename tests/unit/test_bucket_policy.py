# Copyright (c) 2026 cloudops.core contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Bucket policies: equal meaning is equal, different meaning never is, and our own statement is the only one we touch."""

from __future__ import annotations

import contextlib
import copy
import json
from random import Random
from typing import Any

import pytest
from ansible_collections.cloudops.core.plugins.module_utils._core.errors import Invalid
from ansible_collections.cloudops.core.plugins.module_utils._domain.bucket_policy import (
    DENY_INSECURE_SID,
    canonical,
    deny_insecure_statement,
    others,
    own_statements,
    parse,
    with_own_statement,
)
from hypothesis import given
from hypothesis import strategies as st

from tests.unit.bucket_strategies import (
    CHANGES,
    POLICIES,
    SPELLERS,
    STATEMENTS,
    Policy,
    Statement,
    slightly_other,
    spelled,
)

ARN = "arn:aws:s3:::example-bucket"


def statement(**fields: Any) -> dict[str, Any]:
    """An ordinary statement, with these fields changed."""
    return {
        "Sid": "Read",
        "Effect": "Allow",
        "Principal": {"AWS": "111111111111"},
        "Action": "s3:GetObject",
        "Resource": f"{ARN}/*",
        **fields,
    }


def policy(*statements: Any, **fields: Any) -> dict[str, Any]:
    return {"Version": "2012-10-17", "Statement": list(statements), **fields}


# ---- meaning


DOCUMENTS = st.builds(spelled, POLICIES, SPELLERS)


@given(meaning=POLICIES, random=SPELLERS)
def test_a_policy_is_equal_in_every_spelling(meaning: Policy, random: Random) -> None:
    first = canonical(spelled(meaning, random))
    assert all(canonical(spelled(meaning, random)) == first for _unused in range(10))


@given(meaning=POLICIES, other=STATEMENTS, random=SPELLERS)
def test_policies_are_equal_only_when_they_mean_the_same(meaning: Policy, other: Statement, random: Random) -> None:
    for change in CHANGES:
        changed = slightly_other(meaning, change, other, random)
        equal = canonical(spelled(meaning, random)) == canonical(spelled(changed, random))
        assert equal is (meaning == changed), change


@given(document=DOCUMENTS)
def test_comparing_changes_nothing(document: dict[str, Any]) -> None:
    before = copy.deepcopy(document)
    canonical(document)
    assert document == before


@pytest.mark.parametrize(
    ("one", "other"),
    [
        pytest.param(None, {}, id="no policy"),
        pytest.param(
            {"Statement": []}, {"Version": "2008-10-17", "Statement": []}, id="the version that it defaults to"
        ),
        pytest.param(policy(statement()), policy(*[statement()], Id=None), id="no id"),
        pytest.param(policy(statement()), {**policy(), "Statement": statement()}, id="one statement without a list"),
        pytest.param(policy(statement()), policy(statement(Action=["s3:GetObject"])), id="one action in a list"),
        pytest.param(policy(statement()), policy(statement(Action="S3:getobject")), id="case of actions"),
        pytest.param(
            policy(statement(NotAction=["s3:a", "s3:b"])),
            policy(statement(NotAction=["s3:B", "s3:A"])),
            id="case and order of what is not allowed",
        ),
        pytest.param(
            policy(statement(Principal="*")), policy(statement(Principal={"AWS": ["*"]})), id="everybody, in two ways"
        ),
        pytest.param(
            policy(statement()),
            policy(statement(Principal={"AWS": "arn:aws:iam::111111111111:root"})),
            id="an account and its root",
        ),
        pytest.param(
            policy(statement(Principal={"AWS": ["111111111111", "arn:aws:iam::111111111111:root"]})),
            policy(statement()),
            id="an account twice",
        ),
        pytest.param(
            policy(statement(Condition={"Bool": {"aws:SecureTransport": False}})),
            policy(statement(Condition={"Bool": {"AWS:secureTransport": ["false"]}})),
            id="false, and the case of a condition key",
        ),
        pytest.param(
            policy(statement(Condition={"NumericLessThan": {"s3:max-keys": 10}})),
            policy(statement(Condition={"NumericLessThan": {"s3:max-keys": "10"}})),
            id="numbers arrive as strings",
        ),
        pytest.param(
            policy(statement(Sid="a"), statement(Sid="b")),
            policy(statement(Sid="b"), statement(Sid="a")),
            id="order of statements",
        ),
        pytest.param(policy(statement(Sid="")), policy({**statement(), "Sid": ""}), id="empty sid"),
    ],
)
def test_equal(one: Any, other: Any) -> None:
    assert canonical(one) == canonical(other)


@pytest.mark.parametrize(
    ("one", "other"),
    [
        pytest.param(None, policy(statement()), id="a policy and none"),
        pytest.param(policy(statement()), policy(statement(), Version="2008-10-17"), id="versions"),
        pytest.param(policy(statement()), policy(statement(), Id="x"), id="ids"),
        pytest.param(policy(statement()), policy(statement(Effect="Deny")), id="effects"),
        pytest.param(policy(statement()), policy(statement(Sid="Write")), id="sids"),
        pytest.param(policy(statement()), policy(statement(Sid="read")), id="case of a sid"),
        pytest.param(policy(statement()), policy(statement(Principal="*")), id="an account and everybody"),
        pytest.param(
            policy(statement()), policy(statement(Principal={"AWS": "222222222222"})), id="an account and another"
        ),
        pytest.param(
            policy(statement()),
            policy(statement(Principal={"AWS": "arn:aws:iam::111111111111:user/root"})),
            id="an account and a user called root",
        ),
        pytest.param(
            policy(statement(Principal={"AWS": "111111111111"})),
            policy(statement(Principal={"CanonicalUser": "111111111111"})),
            id="kinds of principals",
        ),
        pytest.param(
            policy({key: value for key, value in statement().items() if key != "Principal"}),
            policy(statement(Principal="*")),
            id="nobody named and everybody",
        ),
        pytest.param(
            policy(statement(Principal="*")),
            policy({("NotPrincipal" if key == "Principal" else key): v for key, v in statement(Principal="*").items()}),
            id="principal and not principal",
        ),
        pytest.param(
            policy(statement()),
            policy({("NotAction" if key == "Action" else key): v for key, v in statement().items()}),
            id="action and not action",
        ),
        pytest.param(
            policy(statement()),
            policy({("NotResource" if key == "Resource" else key): v for key, v in statement().items()}),
            id="resource and not resource",
        ),
        pytest.param(policy(statement()), policy(statement(Action="s3:Get*")), id="an action and a pattern"),
        pytest.param(policy(statement()), policy(statement(Resource=f"{ARN}/a/*")), id="resources"),
        pytest.param(
            policy(statement(Resource=f"{ARN}/A")), policy(statement(Resource=f"{ARN}/a")), id="case of a resource"
        ),
        pytest.param(
            policy(statement()),
            policy(statement(Condition={"Bool": {"aws:SecureTransport": "true"}})),
            id="a condition and none",
        ),
        pytest.param(
            policy(statement(Condition={"StringEquals": {"aws:username": "bob"}})),
            policy(statement(Condition={"StringEquals": {"aws:username": "Bob"}})),
            id="case of a value",
        ),
        pytest.param(
            policy(statement(Condition={"StringEquals": {"aws:username": "bob"}})),
            policy(statement(Condition={"StringLike": {"aws:username": "bob"}})),
            id="operators",
        ),
        pytest.param(
            policy(statement(Condition={"ForAllValues:StringLike": {"aws:TagKeys": "a"}})),
            policy(statement(Condition={"ForAnyValue:StringLike": {"aws:TagKeys": "a"}})),
            id="all and any",
        ),
        pytest.param(
            policy(statement(Condition={"StringLike": {"aws:PrincipalTag/a": "1", "aws:PrincipalTag/b": "2"}})),
            policy(statement(Condition={"StringLike": {"aws:PrincipalTag/a": "2", "aws:PrincipalTag/b": "1"}})),
            id="values of two keys exchanged",
        ),
        pytest.param(
            policy(statement(Condition={"StringEquals": {"aws:username": "a", "AWS:UserName": "b"}})),
            policy(statement(Condition={"StringEquals": {"AWS:UserName": "b"}})),
            id="two keys that differ in case, and one of them",
        ),
        pytest.param(
            policy(statement(Condition={"Bool": {"aws:a": "true"}, "bool": {"aws:b": "true"}})),
            policy(statement(Condition={"bool": {"aws:b": "true"}})),
            id="two operators that differ in case, and one of them",
        ),
        pytest.param(
            policy(statement(Sid="a", Action="s3:x"), statement(Sid="b", Action="s3:y")),
            policy(statement(Sid="a", Action="s3:y"), statement(Sid="b", Action="s3:x")),
            id="actions of two statements exchanged",
        ),
    ],
)
def test_different(one: Any, other: Any) -> None:
    assert canonical(one) != canonical(other)


_JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=3),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(
            st.sampled_from(
                [
                    "Statement",
                    "Sid",
                    "Effect",
                    "Principal",
                    "Action",
                    "NotAction",
                    "Resource",
                    "Condition",
                    "Version",
                    "x",
                ]
            ),
            inner,
            max_size=4,
        )
    ),
    max_leaves=8,
)


@given(document=st.dictionaries(st.sampled_from(["Statement", "Version", "Id"]), _JSON))
def test_whatever_a_server_holds_can_be_compared(document: dict[str, Any]) -> None:
    assert canonical(document) == canonical(json.loads(json.dumps(document)))


# ---- parsing


@pytest.mark.parametrize("nothing", [None, "{}", "null", {}, " {} "], ids=["None", "JSON", "null", "mapping", "spaces"])
def test_no_policy(nothing: Any) -> None:
    assert parse(nothing) is None


@pytest.mark.parametrize("text", ["", " \n"], ids=["empty", "spaces"])
def test_an_empty_text_is_a_template_that_went_wrong(text: str) -> None:
    with pytest.raises(Invalid, match="empty text"):
        parse(text)


@given(document=DOCUMENTS)
def test_text_and_mapping_say_the_same(document: dict[str, Any]) -> None:
    assert parse(json.dumps(document)) == parse(document) == document


@pytest.mark.parametrize(
    ("text", "words"),
    [
        pytest.param('{"Statement": [', "policy is not valid JSON", id="cut off"),
        pytest.param("{'Statement': []}", "line 1 column 2", id="single quotes"),
        pytest.param("Statement: []", "not valid JSON", id="YAML"),
        pytest.param("[]", "must be a JSON object, not a list", id="list"),
        pytest.param('"Statement"', "not a str", id="string"),
        pytest.param("7", "not a int", id="number"),
        pytest.param('{"Version": "2012-10-17"}', "has no Statement", id="no statement"),
        pytest.param('{"Statement": []}', "has no Statement", id="empty statement"),
        pytest.param({"Version": "2012-10-17"}, "has no Statement", id="mapping without statement"),
        pytest.param(
            '{"Statement": [{"Effect": "Allow"}], "Statement": [{"Effect": "Deny"}]}', "Statement", id="a key twice"
        ),
        pytest.param(
            json.dumps(policy(statement(Condition={"StringEquals": {"a": "1"}, "x": {"b": "2"}}))).replace(
                '"x"', '"StringEquals"'
            ),
            "StringEquals",
            id="an operator twice: one of the two conditions would be lost",
        ),
    ],
)
def test_refuses(text: Any, words: str) -> None:
    with pytest.raises(Invalid) as caught:
        parse(text)
    assert words in str(caught.value)
    assert "policy" in str(caught.value)
    assert caught.value.hint


@given(text=st.text(max_size=20))
def test_any_text_is_invalid_or_no_policy(text: str) -> None:
    with contextlib.suppress(Invalid):
        assert parse(text) is None


# ---- our own statement


def test_the_statement_denies_everything_without_tls() -> None:
    assert deny_insecure_statement(ARN) == {
        "Sid": "CloudopsDenyInsecureTransport",
        "Effect": "Deny",
        "Principal": "*",
        "Action": "s3:*",
        "Resource": [ARN, f"{ARN}/*"],
        "Condition": {"Bool": {"aws:SecureTransport": "false"}},
    }


def test_it_is_a_policy_where_there_was_none() -> None:
    assert with_own_statement(None, ARN, True) == policy(deny_insecure_statement(ARN))


@pytest.mark.parametrize("document", [None, policy(deny_insecure_statement(ARN))], ids=["no policy", "just ours"])
def test_without_it_nothing_is_left(document: Any) -> None:
    assert with_own_statement(document, ARN, False) is None


def test_one_that_somebody_changed_is_put_right() -> None:
    weakened = {**deny_insecure_statement(ARN), "Effect": "Allow"}
    assert with_own_statement(policy(weakened, statement()), ARN, True) == policy(
        statement(), deny_insecure_statement(ARN)
    )


def test_a_sid_that_only_looks_like_ours_stays() -> None:
    document = policy(statement(Sid=DENY_INSECURE_SID.lower()))
    assert with_own_statement(document, ARN, False) == document


@given(document=DOCUMENTS, wanted=st.booleans())
def test_every_other_statement_stays_as_it_is(document: dict[str, Any], wanted: bool) -> None:
    before = copy.deepcopy(document)
    result = with_own_statement(document, ARN, wanted)
    assert document == before
    assert result is not None
    assert others(result) == others(document)
    assert own_statements(result) == ([deny_insecure_statement(ARN)] if wanted else [])
    assert {key: value for key, value in result.items() if key != "Statement"} == {
        key: value for key, value in document.items() if key != "Statement"
    }


@given(document=DOCUMENTS, wanted=st.booleans())
def test_adding_and_removing_it(document: dict[str, Any], wanted: bool) -> None:
    once = with_own_statement(document, ARN, wanted)
    assert with_own_statement(once, ARN, wanted) == once
    assert canonical(with_own_statement(once, ARN, False)) == canonical(document)
