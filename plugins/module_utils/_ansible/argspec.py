# Copyright (c) 2026 cloudops.core contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Argument specs that several modules share. Their documentation stands in plugins/doc_fragments."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator, Mapping
from typing import Any

from ansible.module_utils.basic import AnsibleModule
from ansible.module_utils.errors import AnsibleFallbackNotFound

Spec = dict[str, dict[str, Any]]


def from_environment(*names: str) -> str:
    """The first of these environment variables that isn't empty.

    AWX sets every variable of a credential, those that weren't filled in to an empty text. Such a one isn't given.

    :raises AnsibleFallbackNotFound: none is; Ansible then goes on as without a fallback.
    """
    for name in names:
        if os.environ.get(name):
            return os.environ[name]
    raise AnsibleFallbackNotFound


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
        "endpoint_url": {"type": "str", "aliases": ["aws_endpoint_url"], "fallback": (from_environment, ["AWS_URL"])},
        "aws_ca_bundle": {"type": "path", "fallback": (from_environment, ["AWS_CA_BUNDLE"])},
        "validate_certs": {"type": "bool", "default": True},
        "aws_config": {"type": "dict"},
        "assume_role_arn": {"type": "str"},
        "external_id": {"type": "str", "no_log": True},
        **{name: dict(option) for name, option in own.items()},
    }


def gcp_spec(**own: Mapping[str, Any]) -> Spec:
    """The connection options of every gcp module, plus the module's own.

    They follow google.cloud. None has a fallback here: what the environment says counts only where no option speaks of credentials.
    """
    return {
        "project": {"type": "str"},
        "auth_kind": {"type": "str", "choices": ["application", "serviceaccount", "accesstoken"]},
        "service_account_file": {"type": "path"},
        "service_account_contents": {"type": "jsonarg", "no_log": True},
        "access_token": {"type": "str", "no_log": True},
        "scopes": {"type": "list", "elements": "str"},
        "api_endpoint": {"type": "str"},
        "billing_project": {"type": "str", "aliases": ["user_project"]},
        "request_timeout": {"type": "int", "default": 60},
        "retry_deadline": {"type": "int", "default": 60},
        **{name: dict(option) for name, option in own.items()},
    }


def k8s_spec(**own: Mapping[str, Any]) -> Spec:
    """The connection options of every k8s module, plus the module's own.

    They follow kubernetes.core. ``validate_certs`` has no default: without it, the kubeconfig's own setting holds.
    """
    options: Spec = {
        "kubeconfig": {"type": "raw"},
        "context": {"type": "str"},
        "host": {"type": "str"},
        "api_key": {"type": "str", "no_log": True},
        "username": {"type": "str"},
        "password": {"type": "str", "no_log": True},
        "validate_certs": {"type": "bool", "aliases": ["verify_ssl"]},
        "ca_cert": {"type": "path", "aliases": ["ssl_ca_cert"]},
        "client_cert": {"type": "path", "aliases": ["cert_file"]},
        "client_key": {"type": "path", "aliases": ["key_file"], "no_log": False},
        "proxy": {"type": "str"},
        "impersonate_user": {"type": "str"},
        "impersonate_groups": {"type": "list", "elements": "str"},
    }
    for name, option in options.items():
        option["fallback"] = (from_environment, [f"K8S_AUTH_{_K8S_VARIABLES.get(name, name.upper())}"])
    return {**options, **{name: dict(option) for name, option in own.items()}}


# Where kubernetes.core's variable isn't named as the option is.
_K8S_VARIABLES = {
    "validate_certs": "VERIFY_SSL",
    "ca_cert": "SSL_CA_CERT",
    "client_cert": "CERT_FILE",
    "client_key": "KEY_FILE",
}


def hide_secrets(module: AnsibleModule) -> None:
    """Keep the secrets of a kubeconfig that is given as a mapping out of everything that the module says."""
    config = module.params["kubeconfig"]
    if isinstance(config, Mapping):
        module.no_log_values.update(_secrets_in(config.get("users")))


def hide_key(module: AnsibleModule) -> None:
    """Keep the key of a service account out of everything that the module says, and only that.

    Given as a mapping, Ansible masks each of its values wherever it stands, the name of the project for one; and it turns the mapping
    into a text, which it doesn't know any more.
    """
    text = module.params["service_account_contents"]
    try:
        contents = json.loads(text or "null")
    except ValueError:
        contents = None
    if not isinstance(contents, Mapping):
        return
    key = str(contents.get("private_key") or "")
    module.no_log_values.difference_update(str(value) for value in contents.values())
    module.no_log_values.update(secret for secret in (text, key, json.dumps(key)[1:-1]) if secret)


def _secrets_in(value: Any) -> Iterator[str]:
    """Texts of which nobody but the owner should know, at any depth."""
    for key, entry in value.items() if isinstance(value, Mapping) else ():
        if isinstance(entry, str) and entry and any(word in str(key).lower() for word in _SECRET_WORDS):
            yield entry
    inner = value.values() if isinstance(value, Mapping) else value if isinstance(value, list) else ()
    for entry in inner:
        yield from _secrets_in(entry)


_SECRET_WORDS = ("token", "password", "secret", "key-data")

K8S_TOGETHER: list[tuple[str, ...]] = [("username", "password"), ("client_cert", "client_key")]

# A named profile and keys contradict each other; half a key pair is none.
AWS_EXCLUSIVE: list[tuple[str, ...]] = [
    ("profile", "access_key"),
    ("profile", "secret_key"),
    ("profile", "session_token"),
]
AWS_TOGETHER: list[tuple[str, ...]] = [("access_key", "secret_key")]


def removal_spec(concurrency: int) -> Spec:
    """What is removed of a bucket's contents, and how: the options of every module that empties one.

    :param concurrency: how many requests go side by side where nobody says.
    """
    return {
        "force": {"type": "bool", "default": False},
        "prefix": {"type": "str", "default": ""},
        "older_than": {"type": "str"},
        "noncurrent_only": {"type": "bool", "default": False},
        "max_objects": {"type": "int"},
        "concurrency": {"type": "int", "default": concurrency},
        "batch_size": {"type": "int"},
    }
