# Copyright (c) 2026 cloudops.core contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""An account on moto that allows each identity what its policy says, and nothing else."""

from __future__ import annotations

import itertools
import json
from collections.abc import Collection, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import boto3
from botocore.config import Config

from tests.servers.moto_iam import enforce

ROOT = Path(__file__).resolve().parents[2]
REGION = "eu-central-1"
EVERYTHING = {"Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Action": "*", "Resource": "*"}]}
Policy = dict[str, Any]
Keys = tuple[str, str]


def policy_of(role: str) -> Policy:
    """The policy that docs/iam has for a role."""
    found: Policy = json.loads((ROOT / f"docs/iam/{role}.json").read_text("utf-8"))
    return found


def actions_of(policy: Policy) -> list[str]:
    """All that a policy allows."""
    return sorted(action for statement in policy["Statement"] for action in statement["Action"])


def without(policy: Policy, removed: Collection[str]) -> Policy:
    """The policy without these actions."""
    statements = [
        {**statement, "Action": [action for action in statement["Action"] if action not in removed]}
        for statement in policy["Statement"]
    ]
    return {**policy, "Statement": [statement for statement in statements if statement["Action"]]}


def without_statement(policy: Policy, sid: str) -> Policy:
    """The policy without one statement; "" takes nothing away."""
    left = [statement for statement in policy["Statement"] if statement["Sid"] != sid]
    if sid and len(left) == len(policy["Statement"]):
        raise ValueError(f"there is no statement {sid}")
    return {**policy, "Statement": left}


@dataclass
class Account:
    """The account, its administrator, and one more identity whose policy changes from test to test."""

    endpoint: str
    _clients: dict[str, Any] = field(default_factory=dict)
    _numbers: Iterator[int] = field(default_factory=itertools.count)

    def __post_init__(self) -> None:
        iam = _client("iam", self.endpoint, ("nobody", "nothing"))
        self._admin = _identity(iam, "admin")
        self._keys = _identity(iam, "operator")
        iam.put_user_policy(UserName="admin", PolicyName="all", PolicyDocument=json.dumps(EVERYTHING))
        iam.close()
        enforce(self.endpoint)

    def admin(self, service: str) -> Any:
        """A client that may do everything."""
        if service not in self._clients:
            self._clients[service] = _client(service, self.endpoint, self._admin)
        return self._clients[service]

    @contextmanager
    def operator(self, policy: Policy) -> Iterator[None]:
        """Let the operator have exactly this policy."""
        user = {"UserName": "operator", "PolicyName": "tested"}
        self.admin("iam").put_user_policy(**user, PolicyDocument=json.dumps(policy))
        yield
        self.admin("iam").delete_user_policy(**user)

    def identity(self, policy: Policy) -> dict[str, str]:
        """One more identity that may do what the policy says; returns the environment that leads boto3 here as this one."""
        name, iam = self.name(), self.admin("iam")
        keys = _identity(iam, name)
        iam.put_user_policy(UserName=name, PolicyName="tested", PolicyDocument=json.dumps(policy))
        return self._environment_of(keys)

    def name(self) -> str:
        """A name that nothing else has; it begins as those in the policies do."""
        return f"example-{next(self._numbers)}"

    @property
    def environment(self) -> dict[str, str]:
        """Leads boto3 here, as the operator."""
        return self._environment_of(self._keys)

    def _environment_of(self, keys: Keys) -> dict[str, str]:
        access_key, secret_key = keys
        return {
            "AWS_ACCESS_KEY_ID": access_key,
            "AWS_SECRET_ACCESS_KEY": secret_key,
            "AWS_REGION": REGION,
            "AWS_ENDPOINT_URL": self.endpoint,
        }

    def close(self) -> None:
        """Let go of the connections."""
        for client in self._clients.values():
            client.close()


def _identity(iam: Any, name: str) -> Keys:
    iam.create_user(UserName=name)
    key = iam.create_access_key(UserName=name)["AccessKey"]
    return key["AccessKeyId"], key["SecretAccessKey"]


def _client(service: str, endpoint: str, keys: Keys) -> Any:
    return boto3.client(
        service,
        endpoint_url=endpoint,
        aws_access_key_id=keys[0],
        aws_secret_access_key=keys[1],
        region_name=REGION,
        config=Config(proxies={}),
    )
