# Copyright (c) 2026 cloudops.core contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The connection options: the names that people's fingers know, and what goes with what. Ansible itself does the checking."""

from __future__ import annotations

from typing import Any

import pytest
from ansible.module_utils.common.arg_spec import ArgumentSpecValidator
from ansible_collections.cloudops.core.plugins.module_utils._ansible.argspec import (
    AWS_EXCLUSIVE,
    AWS_TOGETHER,
    aws_spec,
)

SECRETS = {"secret_key", "session_token", "external_id"}


def validated(**options: Any) -> Any:
    return ArgumentSpecValidator(aws_spec(), mutually_exclusive=AWS_EXCLUSIVE, required_together=AWS_TOGETHER).validate(
        options
    )


@pytest.mark.parametrize(
    ("alias", "option"),
    [
        ("aws_access_key_id", "access_key"),
        ("aws_access_key", "access_key"),
        ("aws_secret_access_key", "secret_key"),
        ("aws_secret_key", "secret_key"),
        ("aws_session_token", "session_token"),
        ("aws_profile", "profile"),
        ("aws_region", "region"),
        ("aws_endpoint_url", "endpoint_url"),
    ],
)
def test_aliases(alias: str, option: str) -> None:
    assert validated(**{alias: "x"}).validated_parameters[option] == "x"


@pytest.mark.parametrize(("variable", "option"), [("AWS_URL", "endpoint_url"), ("AWS_CA_BUNDLE", "aws_ca_bundle")])
def test_variables(variable: str, option: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(variable, "/from/environment")
    assert validated().validated_parameters[option] == "/from/environment"
    assert validated(**{option: "/from/task"}).validated_parameters[option] == "/from/task"


def test_secrets_are_never_logged() -> None:
    spec = aws_spec()
    assert {name for name, option in spec.items() if option.get("no_log")} == SECRETS
    assert set(validated(secret_key="a1", session_token="b2", external_id="c3", access_key="d4")._no_log_values) == {
        "a1",
        "b2",
        "c3",
    }


@pytest.mark.parametrize(
    "options",
    [
        pytest.param({}, id="nothing: boto3's own chain"),
        pytest.param({"profile": "work"}, id="profile"),
        pytest.param({"access_key": "a", "secret_key": "b"}, id="keys"),
        pytest.param({"access_key": "a", "secret_key": "b", "session_token": "c"}, id="temporary keys"),
    ],
)
def test_what_goes_together(options: dict[str, str]) -> None:
    assert validated(**options).error_messages == []


@pytest.mark.parametrize(
    "options",
    [
        pytest.param({"profile": "work", "access_key": "a", "secret_key": "b"}, id="profile and keys"),
        pytest.param({"profile": "work", "session_token": "a"}, id="profile and token"),
        pytest.param({"access_key": "a"}, id="half a pair"),
        pytest.param({"secret_key": "b"}, id="the other half"),
    ],
)
def test_what_doesnt(options: dict[str, str]) -> None:
    assert len(validated(**options).error_messages) == 1


def test_certificates_are_verified_by_default() -> None:
    assert validated().validated_parameters["validate_certs"] is True


def test_a_modules_own_options_come_on_top() -> None:
    spec = aws_spec(name={"type": "str", "required": True})
    assert spec["name"] == {"type": "str", "required": True}
    assert set(aws_spec()) < set(spec)


@pytest.mark.parametrize(
    ("environment", "expected"),
    [
        pytest.param({"AWS_URL": "http://s3.example.com"}, "http://s3.example.com", id="set"),
        pytest.param({"AWS_URL": ""}, None, id="empty, as AWX leaves it"),
        pytest.param({}, None, id="unset"),
    ],
)
def test_an_empty_environment_variable_counts_as_unset(
    environment: dict[str, str], expected: str | None, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("AWS_URL", raising=False)
    for name, value in environment.items():
        monkeypatch.setenv(name, value)
    assert validated().validated_parameters["endpoint_url"] == expected
