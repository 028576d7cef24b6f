# Copyright (c) 2026 cloudops.core contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Options that several modules of metrics share."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from ansible_collections.cloudops.core.plugins.module_utils._ansible.argspec import from_environment


def threshold_option(operators: Iterable[str], missing: Iterable[str]) -> dict[str, Any]:
    """The option for a threshold.

    :param operators: the ways to name the side that breaches.
    :param missing: what may stand in for missing datapoints; ``missing`` is the default.
    """
    options = {
        "operator": {"type": "str", "required": True, "choices": list(operators)},
        "value": {"type": "float", "required": True},
        "datapoints": {"type": "int"},
        "of": {"type": "int"},
        "missing": {"type": "str", "choices": list(missing), "default": "missing"},
        "evaluation_range": {"type": "int"},
    }
    return {"type": "dict", "options": options}


def prometheus_spec(**own: Mapping[str, Any]) -> dict[str, dict[str, Any]]:
    """The options that lead to a Prometheus, plus the module's own."""
    options: dict[str, dict[str, Any]] = {
        "url": {"type": "str", "required": True},
        "username": {"type": "str"},
        "password": {"type": "str", "no_log": True},
        "bearer_token": {"type": "str", "aliases": ["token"], "no_log": True},
        "client_cert": {"type": "path"},
        "client_key": {"type": "path", "no_log": False},
        "ca_cert": {"type": "path", "aliases": ["ca_path"]},
        "validate_certs": {"type": "bool", "default": True},
        "headers": {"type": "dict"},
        "secret_headers": {"type": "dict", "no_log": True},
        "proxy": {"type": "str"},
        "timeout": {"type": "float", "default": 30.0},
    }
    for name, variable in _VARIABLES.items():
        options[name]["fallback"] = (from_environment, [variable])
    return {**options, **{name: dict(option) for name, option in own.items()}}


_VARIABLES = {
    "url": "PROMETHEUS_URL",
    "username": "PROMETHEUS_USERNAME",
    "password": "PROMETHEUS_PASSWORD",
    "bearer_token": "PROMETHEUS_TOKEN",
    "ca_cert": "PROMETHEUS_CA_CERT",
}
