#!/usr/bin/python
# Copyright (c) 2026 cloudops.core contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Facts of containers of Azure Blob Storage."""

from __future__ import annotations

DOCUMENTATION = r"""
module: azure_blob_container_info
short_description: Gather facts of one, many or all containers of a storage account
version_added: 0.1.0
author:
  - cloudops.core contributors (@cloudops-core)
description:
  - Finds containers by name, by the beginning of their names, or by metadata, and returns the properties that you pick.
  - A listing brings all properties of 5,000 containers in one call, whatever is picked; with O(names), each container costs one call.
  - Each property is a C(value) or C(absent) (it isn't configured).
options:
  names:
    description:
      - Names of the containers. Those that don't exist are returned in RV(missing). Without it, all of the account are looked at.
    type: list
    elements: str
    aliases: [name]
  name_prefix:
    description:
      - Only containers whose names begin like this. Excludes O(names).
    type: str
    default: ''
  metadata:
    description:
      - Only containers that have all of this metadata with these values. The case of names doesn't count.
    type: dict
    default: {}
  properties:
    description:
      - What to return of each container. V(all) stands for all of them.
    type: list
    elements: str
    default: []
    choices:
      - all
      - default_encryption_scope
      - deny_encryption_scope_override
      - immutability
      - lease
      - metadata
      - public_access
  concurrency:
    description:
      - Containers that are read side by side.
    type: int
    default: 16
extends_documentation_fragment:
  - cloudops.core.azure
  - cloudops.core.attributes.info
  - cloudops.core.attributes.azure_group
seealso:
  - module: cloudops.core.azure_blob_container
"""

EXAMPLES = r"""
- name: Look at the public access of all containers
  cloudops.core.azure_blob_container_info:
    storage_account_name: exampleaccount
    account_key: "{{ account_key }}"
    properties: [public_access, lease]
  register: audit

- name: Name those that anybody can read
  ansible.builtin.debug:
    msg: "{{ audit.containers | rejectattr('properties.public_access.value', 'eq', 'none') | map(attribute='name') }}"

- name: Find the containers of a team
  cloudops.core.azure_blob_container_info:
    storage_account_name: exampleaccount
    account_key: "{{ account_key }}"
    name_prefix: example-
    metadata:
      team: finance
    properties: [metadata]
"""

RETURN = r"""
containers:
  description: The containers that were found, by name when listed, or in the order of O(names).
  returned: always
  type: list
  elements: dict
  contains:
    name:
      description: Name of the container.
      type: str
      sample: example-reports-2026
    url:
      description: URL of the container.
      type: str
      sample: https://exampleaccount.blob.core.windows.net/example-reports-2026
    last_modified:
      description: When the container, its metadata or its access was changed last, in ISO 8601. Writing blobs doesn't count.
      type: str
      sample: '2026-03-01T10:00:00+00:00'
    properties:
      description:
        - Each property that was asked for, with its C(state) of C(value) or C(absent), and its C(value). Values have the form that the
          option of M(cloudops.core.azure_blob_container) has.
        - The value of C(lease) has C(state), C(status) and C(duration); it is absent where there is no lease.
        - The value of C(immutability) has C(policy), C(legal_hold) and C(version_level), true or false; it is absent where all are false.
      type: dict
      sample: {"public_access": {"state": "value", "value": "none"}, "lease": {"state": "absent"}}
missing:
  description: Names that were asked for and don't exist, or are being deleted.
  returned: always
  type: list
  elements: str
failures:
  description: Containers that could not be looked at, each with its error. When there are any, the task fails after the others were read.
  returned: always
  type: list
  elements: dict
  sample: [{"name": "secret", "kind": "denied", "code": "AuthorizationPermissionMismatch", "message": "This request is not authorized"}]
api_calls:
  description: Requests sent, by operation, retries included.
  returned: always
  type: dict
  sample: {"ListContainers": 1}
duration:
  description: Seconds that the module worked.
  returned: always
  type: float
  sample: 0.214
error:
  description: The failure as data.
  returned: on failure
  type: dict
  sample: {"kind": "denied", "code": "AuthenticationFailed", "message": "Server failed to authenticate the request"}
"""

import os
from typing import Any

from ansible.module_utils.basic import AnsibleModule
from ansible_collections.cloudops.core.plugins.module_utils._ansible.azure_options import azure_spec, hide
from ansible_collections.cloudops.core.plugins.module_utils._ansible.runner import Result, require, run, some_failed
from ansible_collections.cloudops.core.plugins.module_utils._azure.client import (
    BLOB_IMPORT_ERROR,
    Account,
    identity_import_error,
    secrets_of,
)
from ansible_collections.cloudops.core.plugins.module_utils._azure.containers import ContainerGateway
from ansible_collections.cloudops.core.plugins.module_utils._azure.fleet import Query, describe
from ansible_collections.cloudops.core.plugins.module_utils._domain.containers import (
    PROPERTY_NAMES,
    as_metadata,
    check_query,
)


def gather(params: dict[str, Any], account: Account) -> Result:
    """Find and read."""
    properties = PROPERTY_NAMES if "all" in params["properties"] else params["properties"]
    query = Query(
        names=params["names"],
        prefix=params["name_prefix"],
        metadata=as_metadata(params["metadata"]),
        properties=list(dict.fromkeys(properties)),
        concurrency=params["concurrency"],
    )
    fleet = describe(ContainerGateway(account), query)
    return Result(values=fleet.as_result(), failure=some_failed("look at", fleet.failures, len(fleet.containers)))


def main() -> None:
    """Wire it up."""
    spec = azure_spec(
        names={"type": "list", "elements": "str", "aliases": ["name"]},
        name_prefix={"type": "str", "default": ""},
        metadata={"type": "dict", "default": {}},
        properties={"type": "list", "elements": "str", "default": [], "choices": ["all", *PROPERTY_NAMES]},
        concurrency={"type": "int", "default": 16},
    )
    module = AnsibleModule(argument_spec=spec, supports_check_mode=True)
    require(module, "azure-storage-blob", BLOB_IMPORT_ERROR)
    hide(module, secrets_of(module.params, os.environ))
    account = Account(module.params, pool=module.params["concurrency"] + 4)

    def work() -> Result:
        check_query(module.params)
        if account.connection.uses_identity:
            require(module, "azure-identity", identity_import_error())
        return gather(module.params, account)

    run(module, work, extras=lambda: {"api_calls": account.calls.as_result()})


if __name__ == "__main__":
    main()
