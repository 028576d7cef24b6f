# Copyright (c) 2026 cloudops.core contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Argument specs that several modules share. Their documentation stands in plugins/doc_fragments."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from ansible.module_utils.basic import env_fallback

Spec = dict[str, dict[str, Any]]


def aws_spec(**own: Mapping[str, Any]) -> Spec:
    """The connection options of every aws module, plus the module's own.

    Keys, profile and region have no fallback here: boto3's own chain reads the environment, in its own order.
    """
    return {
        "access_key": {"type": "str", "aliases": ["aws_access_key_id", "aws_access_key"], "no_log": False},
        "secret_key": {"type": "str", "aliases": ["aws_secret_access_key", "aws_secret_key"], "no_log": True},
        "session_token": {"type": "str", "aliases": ["aws_session_token"], "no_log": True},
        "profile": {"type": "str", "aliases": ["aws_profile"]},
        "region": {"type": "str", "aliases": ["aws_region"]},
        "endpoint_url": {"type": "str", "aliases": ["aws_endpoint_url"], "fallback": (env_fallback, ["AWS_URL"])},
        "aws_ca_bundle": {"type": "path", "fallback": (env_fallback, ["AWS_CA_BUNDLE"])},
        "validate_certs": {"type": "bool", "default": True},
        "aws_config": {"type": "dict"},
        "assume_role_arn": {"type": "str"},
        "external_id": {"type": "str", "no_log": True},
        **{name: dict(option) for name, option in own.items()},
    }


# A named profile and keys contradict each other; half a key pair is none.
AWS_EXCLUSIVE: list[tuple[str, ...]] = [
    ("profile", "access_key"),
    ("profile", "secret_key"),
    ("profile", "session_token"),
]
AWS_TOGETHER: list[tuple[str, ...]] = [("access_key", "secret_key")]
