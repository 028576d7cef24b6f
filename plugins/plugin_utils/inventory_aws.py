# Copyright (c) 2026 cloudops.core contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The connection to AWS of inventory plugins."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from ansible_collections.cloudops.core.plugins.module_utils._aws.client import Connection
from ansible_collections.cloudops.core.plugins.module_utils._core.errors import Invalid

CONNECTION = (
    "access_key",
    "secret_key",
    "session_token",
    "profile",
    "region",
    "endpoint_url",
    "aws_ca_bundle",
    "validate_certs",
    "aws_config",
    "assume_role_arn",
    "external_id",
)


def connection_of(option: Callable[[str], Any]) -> Connection:
    """The connection that the options ask for.

    :raises Invalid: for options that contradict each other.
    """
    values = {name: option(name) for name in CONNECTION}
    if values["profile"] and values["access_key"]:
        raise Invalid("profile and access_key exclude each other", hint="Give one of them.")
    return Connection.from_params(values)
