# Copyright (c) 2026 cloudops.core contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The policies of docs/iam for inventories, on a server that enforces them: with each as it is, and without each of its statements."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import pytest

from tests.integration.iam import REGION, Account, Policy, actions_of, policy_of, without, without_statement
from tests.integration.inventories import Inventories, Listing

IMAGE = "ami-12c6146b"
ROLE = "arn:aws:iam::123456789012:role/inventory"
EXTERNAL_ID = "example-1"
TRUST = {
    "Version": "2012-10-17",
    "Statement": [
        {
            "Effect": "Allow",
            "Action": "sts:AssumeRole",
            "Principal": {"AWS": "arn:aws:iam::123456789012:user/operator"},
            "Condition": {"StringEquals": {"sts:ExternalId": EXTERNAL_ID}},
        }
    ],
}


@dataclass
class Reader:
    """Lists an inventory with a policy, or with a part of it."""

    account: Account
    inventories: Inventories
    plugin: str

    def __call__(self, policy: Policy, **options: Any) -> Listing:
        """The list."""
        with self.account.operator(policy):
            return self.inventories(self.plugin, options, env=self.account.environment)

    def fails(self, policy: Policy, **options: Any) -> str:
        """What is said instead of a list."""
        with self.account.operator(policy):
            return self.inventories.fails(self.plugin, options, env=self.account.environment)


# Instances


@pytest.fixture(scope="module")
def team(account: Account) -> str:
    """The value of a tag that one instance has."""
    name = account.name()
    tags = [{"ResourceType": "instance", "Tags": [{"Key": "team", "Value": name}]}]
    account.admin("ec2").run_instances(ImageId=IMAGE, MinCount=1, MaxCount=1, TagSpecifications=tags)
    return name


@pytest.fixture(scope="module")
def role(account: Account) -> Iterator[str]:
    """A role with the policy of the inventory, for those who know its external id."""
    iam = account.admin("iam")
    iam.create_role(RoleName="inventory", AssumeRolePolicyDocument=json.dumps(TRUST))
    document = json.dumps(without_statement(policy_of("aws_instances"), "EnterAccounts"))
    iam.put_role_policy(RoleName="inventory", PolicyName="inventory", PolicyDocument=document)
    yield ROLE
    iam.delete_role_policy(RoleName="inventory", PolicyName="inventory")
    iam.delete_role(RoleName="inventory")


@pytest.fixture
def instances(account: Account, inventories: Inventories) -> Reader:
    """The inventory of instances."""
    return Reader(account, inventories, "aws_instances")


def wish(team: str, sid: str, role: str) -> dict[str, Any]:
    """Options that a statement is needed for, and no other but the first."""
    options = {
        "Look": {},
        "FindRegions": {"regions": ["all"]},
        "Measure": {"metrics": {"cpu": "CPUUtilization"}},
        "EnterAccounts": {"assume_roles": [{"role_arn": role, "external_id": EXTERNAL_ID}]},
    }[sid]
    return {"tags": {"team": team}, **options}


@pytest.mark.parametrize("sid", [statement["Sid"] for statement in policy_of("aws_instances")["Statement"]])
def test_instances_need(instances: Reader, team: str, role: str, sid: str) -> None:
    policy = policy_of("aws_instances")
    options = wish(team, sid, role)
    assert len(instances(policy, **options).hosts) == 1
    said = instances.fails(without_statement(policy, sid), **options)
    [action] = next(statement["Action"] for statement in policy["Statement"] if statement["Sid"] == sid)
    assert action in said
    assert any(code in said for code in ("[UnauthorizedOperation]", "[AccessDenied]", "[AccessDeniedException]"))


def test_roles_of_another_name_and_without_the_external_id(instances: Reader, team: str, role: str) -> None:
    policy = policy_of("aws_instances")
    for entry in ({"role_arn": f"{role}-2", "external_id": EXTERNAL_ID}, {"role_arn": role, "external_id": "other"}):
        said = instances.fails(policy, tags={"team": team}, assume_roles=[entry])
        assert "sts:AssumeRole" in said
        assert "[AccessDenied]" in said


# Buckets


@pytest.fixture(scope="module")
def bucket(account: Account) -> str:
    """A bucket, whose name is the prefix to look for as well."""
    name = account.name()
    place = {"LocationConstraint": REGION}
    account.admin("s3").create_bucket(Bucket=name, CreateBucketConfiguration=place)
    return name


@pytest.fixture
def buckets(account: Account, inventories: Inventories) -> Reader:
    """The inventory of buckets."""
    return Reader(account, inventories, "s3_buckets")


def test_buckets(buckets: Reader, bucket: str) -> None:
    found = buckets(policy_of("s3_buckets"), names=[bucket], properties=["all"])
    properties = found.hostvars[bucket]["properties"]
    assert len(properties) == 13
    assert {name for name, one in properties.items() if one["state"] == "unknown"} <= {"requester_pays"}


def test_properties_that_may_not_be_read(buckets: Reader, bucket: str) -> None:
    policy = policy_of("s3_buckets")
    found = buckets(without_statement(policy, "ReadProperties"), name_prefix=bucket, properties=["all"])
    properties = found.hostvars[bucket]["properties"]
    assert {(one["state"], one["code"]) for one in properties.values()} == {("unknown", "AccessDenied")}
    named = {action for one in properties.values() for action in actions_of(policy) if f" {action} " in one["message"]}
    assert sorted(named) == policy["Statement"][2]["Action"]


def test_buckets_that_may_not_be_listed_or_looked_for(buckets: Reader, bucket: str) -> None:
    policy = policy_of("s3_buckets")
    said = buckets.fails(without(policy, {"s3:ListAllMyBuckets"}), name_prefix=bucket)
    assert "s3:ListAllMyBuckets" in said
    assert "[AccessDenied]" in said
    said = buckets.fails(without(policy, {"s3:ListBucket"}), names=[bucket])
    # An answer to HEAD has no words.
    assert f"Could not look for the bucket (bucket {bucket})" in said
    assert "[403]" in said
