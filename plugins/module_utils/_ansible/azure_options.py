# Copyright (c) 2026 cloudops.core contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Options that every azure module has, and the secrets that they bring. Their documentation stands in plugins/doc_fragments/azure.py."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from ansible.module_utils.basic import AnsibleModule, env_fallback

Spec = dict[str, dict[str, Any]]


def azure_spec(**own: Mapping[str, Any]) -> Spec:
    """The connection options of every azure module, plus the module's own.

    Account and credentials have no fallback here: what the environment has counts only where no option contradicts it.
    """
    return {
        "storage_account_name": {"type": "str", "aliases": ["account_name", "storage_account"]},
        "account_url": {"type": "str", "aliases": ["endpoint"]},
        "account_key": {"type": "str", "aliases": ["storage_account_key"], "no_log": True},
        "sas_token": {"type": "str", "no_log": True},
        "connection_string": {"type": "str", "no_log": True},
        "auth_source": {
            "type": "str",
            "choices": ["auto", "cli", "env", "msi"],
            "default": "auto",
            "fallback": (env_fallback, ["ANSIBLE_AZURE_AUTH_SOURCE"]),
        },
        "tenant": {"type": "str"},
        "client_id": {"type": "str"},
        "secret": {"type": "str", "no_log": True},
        "x509_certificate_path": {"type": "path"},
        "cloud_environment": {
            "type": "str",
            "choices": ["AzureCloud", "AzureChinaCloud", "AzureUSGovernment"],
            "default": "AzureCloud",
            "fallback": (env_fallback, ["AZURE_CLOUD_ENVIRONMENT"]),
        },
        "cert_validation_mode": {
            "type": "str",
            "choices": ["validate", "ignore"],
            "default": "validate",
            "fallback": (env_fallback, ["AZURE_CERT_VALIDATION_MODE"]),
        },
        "api_version": {"type": "str"},
        "retries": {"type": "int", "default": 4},
        "timeout": {"type": "int", "default": 60},
        **{name: dict(option) for name, option in own.items()},
    }


def hide(module: AnsibleModule, secrets: Iterable[str]) -> None:
    """Keep texts out of everything that the module says. Short ones would blank out what has nothing to do with them."""
    module.no_log_values.update(text for text in secrets if len(text) > 3)
