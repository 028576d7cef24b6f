# Copyright (c) 2026 cloudops.core contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""How the test server decides on a request by IAM policies."""

from __future__ import annotations

from typing import Any

import pytest

from tests.servers.moto_iam import Need, allows

HERE = "arn:aws:ec2:eu-central-1:123456789012:instance/i-1"
TAGGED = {"aws:ResourceTag/environment": ["test"]}


def policy(action: Any = "ec2:Stop*", resource: Any = "arn:aws:ec2:*:*:instance/*", **more: Any) -> dict[str, Any]:
    return {"Statement": [{"Effect": "Allow", "Action": action, "Resource": resource, **more}]}


def when(operator: str, key: str, value: Any) -> dict[str, Any]:
    return {"Condition": {operator: {key: value}}}


@pytest.mark.parametrize(
    ("given", "need", "expected"),
    [
        pytest.param(policy(), Need("ec2:StopInstances", HERE), True, id="pattern"),
        pytest.param(
            policy(["ec2:A", "EC2:stopinstances"]), Need("ec2:StopInstances", HERE), True, id="case-of-actions"
        ),
        pytest.param(policy(), Need("ec2:StartInstances", HERE), False, id="other-action"),
        pytest.param(policy(), Need("ec2:StopInstances"), False, id="no-resource"),
        pytest.param(
            policy(resource="arn:aws:s3:::a-*"), Need("ec2:StopInstances", "arn:aws:s3:::b-a-1"), False, id="begin"
        ),
        pytest.param(policy(resource=["x", "*"]), Need("ec2:StopInstances", HERE), True, id="any-resource"),
        pytest.param(policy(resource="a[1]*"), Need("ec2:StopInstances", "a[1]b"), True, id="brackets"),
    ],
)
def test_actions_and_resources(given: dict[str, Any], need: Need, expected: bool) -> None:
    assert allows([given], need) is expected


@pytest.mark.parametrize(
    ("condition", "context", "expected"),
    [
        pytest.param(when("StringEquals", "aws:ResourceTag/environment", "test"), TAGGED, True, id="equal"),
        pytest.param(when("StringEquals", "aws:ResourceTag/environment", ["a", "test"]), TAGGED, True, id="one-of"),
        pytest.param(when("StringEquals", "aws:ResourceTag/environment", "prod"), TAGGED, False, id="unequal"),
        pytest.param(when("StringEquals", "aws:ResourceTag/owner", "test"), TAGGED, False, id="not-there"),
        pytest.param(when("Null", "aws:ResourceTag/environment", "false"), TAGGED, True, id="there"),
        pytest.param(when("Null", "aws:ResourceTag/owner", "false"), TAGGED, False, id="must-be-there"),
        pytest.param(when("Null", "aws:ResourceTag/owner", "true"), TAGGED, True, id="must-not-be-there"),
        pytest.param(
            when("ForAllValues:StringEquals", "aws:TagKeys", ["a", "b"]), {"aws:TagKeys": ["a"]}, True, id="all"
        ),
        pytest.param(
            when("ForAllValues:StringEquals", "aws:TagKeys", ["a"]), {"aws:TagKeys": ["a", "c"]}, False, id="some"
        ),
    ],
)
def test_conditions(condition: dict[str, Any], context: dict[str, list[str]], expected: bool) -> None:
    assert allows([policy(**condition)], Need("ec2:StopInstances", HERE, context)) is expected


def test_any_policy_allows_and_any_denial_wins() -> None:
    need = Need("ec2:StopInstances", HERE)
    denial = {"Statement": {"Effect": "Deny", "Action": "*", "Resource": HERE}}
    assert allows([policy("s3:*"), policy()], need)
    assert not allows([policy(), denial], need)
    assert not allows([], need)


def test_an_unknown_condition_is_no_guess() -> None:
    with pytest.raises(ValueError, match="StringLike"):
        allows([policy(**when("StringLike", "aws:ResourceTag/a", "b"))], Need("ec2:StopInstances", HERE))
