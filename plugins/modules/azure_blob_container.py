#!/usr/bin/python
# Copyright (c) 2026 cloudops.core contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Create, configure, empty and delete containers of Azure Blob Storage."""

from __future__ import annotations

DOCUMENTATION = r"""
module: azure_blob_container
short_description: Create, configure, empty and delete containers of Azure Blob Storage
version_added: 0.1.0
author:
  - cloudops.core contributors (@cloudops-core)
description:
  - Gives a container the properties that you name, and leaves all others alone. A repeated run makes one call.
  - Empties a container, wholly or in part, with all snapshots and previous versions. Listing and deleting go on side by side, 256 blobs a
    request, in flat memory, whatever the container's size.
  - Deletes a container, with what it holds only when told to by O(force).
  - Results, counts and errors are those of M(cloudops.core.s3_bucket), as far as Azure has the thing. A container has no tags, versioning,
    lifecycle rules, cors or logging of its own; on Azure these belong to the storage account.
  - Talks to the storage account itself, not to Azure Resource Manager, so it needs neither a subscription nor a resource group.
options:
  name:
    description:
      - Name of the container.
    type: str
    required: true
    aliases: [container, container_name]
  state:
    description:
      - V(present), the container exists and has the properties given.
      - V(empty), the container stays and what it holds goes, as far as O(prefix), O(older_than) and O(noncurrent_only) select it. A
        container that doesn't exist is empty already.
      - V(absent), the container doesn't exist. One that holds something is deleted only with O(force=true).
    type: str
    choices: [present, empty, absent]
    default: present
  public_access:
    description:
      - What anybody may read without credentials. V(none) is nothing, V(blob) is a blob whose name one knows, V(container) is all blobs and
        the list of them.
      - V(blob) and V(container) work only where the storage account allows public access. Stored access policies are kept.
    type: str
    choices: [none, blob, container]
  metadata:
    description:
      - Metadata of the container, names and values. Names are letters, digits and underscores, and their case doesn't count. Values are
        printable ASCII. V({}) with O(purge_metadata=true) removes all.
    type: dict
  purge_metadata:
    description:
      - Whether metadata that O(metadata) doesn't name is removed. Has no effect where O(metadata) isn't given.
    type: bool
    default: true
  default_encryption_scope:
    description:
      - Encryption scope of blobs whose writer names none. Set when the container is created; a container that has another one is an error,
        as Azure can't change it.
    type: str
  deny_encryption_scope_override:
    description:
      - Whether writers are kept from naming another scope. Goes with O(default_encryption_scope), and like it is set at creation only.
    type: bool
  wait_timeout:
    description:
      - Seconds to wait with O(state=present) while a container of this name is still being deleted. Azure keeps the name for half a minute
        or longer.
    type: int
    default: 180
  force:
    description:
      - With O(state=absent), delete the container with everything in it. There is no way back, unless the account keeps deleted containers.
    type: bool
    default: false
  prefix:
    description:
      - With O(state=empty), only blobs whose names begin like this.
    type: str
    default: ''
  older_than:
    description:
      - With O(state=empty), only what was written longer ago than this. A number and a unit of C(s), C(m), C(h), C(d) or C(w), such as
        V(30d). Counted from the start of the task, by the clock of the host that runs it.
      - A snapshot counts as written when it was taken. A blob goes only together with its snapshots, so one with a younger snapshot stays.
    type: str
  noncurrent_only:
    description:
      - With O(state=empty), only snapshots and previous versions. Current blobs stay.
    type: bool
    default: false
  max_objects:
    description:
      - The most entries (blobs, versions and snapshots together) that may be removed. Everything is counted first; when there is more, the
        task fails before the first removal. Costs a second listing with O(state=empty).
    type: int
  leases:
    description:
      - What happens to blobs that somebody has leased, and with O(state=absent) to a leased container.
      - V(fail) leaves them, removes all others, and then fails with their names. With O(state=absent), nothing at all is removed then.
      - V(break) ends the lease and removes them.
    type: str
    choices: [fail, break]
    default: fail
  soft_deleted:
    description:
      - What to do about blobs, versions and snapshots that were deleted and that the account's soft delete keeps for a while. They can't be
        removed any sooner, and they are paid for.
      - V(report), with O(state=empty), counts those that O(prefix) selects in RV(soft_deleted), after the others were removed. Costs a
        further listing. V(ignore) doesn't look.
    type: str
    choices: [ignore, report]
    default: ignore
  concurrency:
    description:
      - Requests that remove, side by side.
    type: int
    default: 16
  batch_size:
    description:
      - Blobs in a request that removes, 256 at the most. Without it, 256 on Azure, and 32 on other servers, which go through a request's
        blobs one after the other.
    type: int
extends_documentation_fragment:
  - cloudops.core.azure
  - cloudops.core.attributes
  - cloudops.core.attributes.azure_group
seealso:
  - module: cloudops.core.azure_blob_container_info
  - module: cloudops.core.s3_bucket
"""

EXAMPLES = r"""
- name: Create a container that nobody reads without credentials
  cloudops.core.azure_blob_container:
    storage_account_name: exampleaccount
    account_key: "{{ account_key }}"
    name: example-reports-2026
    public_access: none
    metadata:
      team: finance

- name: Remove what is older than 30 days below tmp/, but never more than 10000 entries
  cloudops.core.azure_blob_container:
    storage_account_name: exampleaccount
    account_key: "{{ account_key }}"
    name: example-reports-2026
    state: empty
    prefix: tmp/
    older_than: 30d
    max_objects: 10000

- name: Remove snapshots and previous versions, and say what soft delete still keeps
  cloudops.core.azure_blob_container:
    storage_account_name: exampleaccount
    account_key: "{{ account_key }}"
    name: example-reports-2026
    state: empty
    noncurrent_only: true
    soft_deleted: report

- name: Remove the container with everything in it, leased or not
  cloudops.core.azure_blob_container:
    storage_account_name: exampleaccount
    account_key: "{{ account_key }}"
    name: example-reports-2026
    state: absent
    force: true
    leases: break
"""

RETURN = r"""
name:
  description: Name of the container.
  returned: always
  type: str
  sample: example-reports-2026
actions:
  description: What was done, or would be done in check mode, in this order. When the task fails, only what was done.
  returned: always
  type: list
  elements: str
  sample: [create container, put metadata]
actions_not_done:
  description: What was left to do when the task failed.
  returned: when a step of O(state=present) fails
  type: list
  elements: str
container:
  description:
    - The container after the task, with those properties that were asked for. A property that isn't configured is V(null).
  returned: when O(state=present) succeeds
  type: dict
  contains:
    name:
      description: Name of the container.
      type: str
      sample: example-reports-2026
    url:
      description: URL of the container.
      type: str
      sample: https://exampleaccount.blob.core.windows.net/example-reports-2026
    properties:
      description: The properties that were asked for, each in the form that its option has.
      type: dict
      sample: {"public_access": "none", "metadata": {"team": "finance"}}
removed:
  description: What was removed, or would be removed in check mode.
  returned: when O(state=empty) or O(state=absent)
  type: dict
  contains:
    objects:
      description: Current blobs.
      type: int
      sample: 1200
    versions:
      description: Previous versions.
      type: int
      sample: 340
    snapshots:
      description: Snapshots.
      type: int
      sample: 12
    delete_markers:
      description: Always 0, as Azure has none.
      type: int
      sample: 0
    uploads:
      description: Always 0. Blocks that were never committed can't be removed; Azure discards them after a week.
      type: int
      sample: 0
    bytes:
      description: Bytes of blobs, versions and snapshots together.
      type: int
      sample: 1048576
selection:
  description: What was to be removed; C(older_than) as the moment it came to.
  returned: when O(state=empty)
  type: dict
  sample: {"prefix": "tmp/", "older_than": "2026-10-22T09:00:00+00:00", "noncurrent_only": false}
refused:
  description:
    - What could not be removed, by the code that Azure gave, with the first names of each. A blob counts together with its snapshots.
    - In check mode, what the listing shows to be leased or immutable.
  returned: when something could not be removed
  type: list
  elements: dict
  sample: [{"code": "LeaseIdMissing", "count": 1, "message": "", "first": [{"key": "a", "version_id": "", "kind": "object"}]}]
leases_broken:
  description: Number of leases that were ended, or would be ended in check mode.
  returned: when O(leases=break), and O(state=empty) or O(state=absent)
  type: int
  sample: 2
soft_deleted:
  description:
    - What the account's soft delete keeps now, besides what O(prefix) doesn't select, in the form of RV(removed), and C(days_left), the
      whole days until the last of it goes for good.
    - In check mode, without what a real run would add.
  returned: when O(state=empty) with O(soft_deleted=report)
  type: dict
  sample: {"objects": 3, "versions": 0, "snapshots": 0, "delete_markers": 0, "uploads": 0, "bytes": 42, "days_left": 7}
contents:
  description: What the first page of a listing shows of a container that isn't empty.
  returned: when O(state=absent) fails because the container isn't empty
  type: dict
  sample: {"objects": 3, "versions": 0, "snapshots": 0, "delete_markers": 0, "uploads": 0, "bytes": 42}
api_calls:
  description: Requests sent, by operation, retries included. A batch is one request.
  returned: always
  type: dict
  sample: {"GetContainerProperties": 1, "ListBlobs": 1, "SubmitBatch": 1}
duration:
  description: Seconds that the module worked.
  returned: always
  type: float
  sample: 0.214
error:
  description: The failure as data.
  returned: on failure
  type: dict
  contains:
    kind:
      description: One of V(not_found), V(denied), V(throttled), V(conflict), V(timeout), V(invalid), V(partial) and V(unavailable).
      type: str
      sample: denied
    code:
      description: The provider's own code.
      type: str
      sample: AuthorizationPermissionMismatch
    message:
      description: What the provider said.
      type: str
      sample: This request is not authorized to perform this operation using this permission.
    operation:
      description: What was being done.
      type: str
      sample: list the blobs
    resource:
      description: What it was done to.
      type: str
      sample: container example-reports-2026
    hint:
      description: What to do about it.
      type: str
"""

import os
from datetime import datetime, timezone
from typing import Any

from ansible.module_utils.basic import AnsibleModule
from ansible_collections.cloudops.core.plugins.module_utils._ansible.argspec import removal_spec
from ansible_collections.cloudops.core.plugins.module_utils._ansible.azure_options import azure_spec, hide
from ansible_collections.cloudops.core.plugins.module_utils._ansible.runner import (
    Result,
    carry_out,
    report,
    require,
    run,
)
from ansible_collections.cloudops.core.plugins.module_utils._azure.client import (
    BLOB_IMPORT_ERROR,
    Account,
    identity_import_error,
    secrets_of,
)
from ansible_collections.cloudops.core.plugins.module_utils._azure.containers import ContainerGateway
from ansible_collections.cloudops.core.plugins.module_utils._azure.contents import ContainerContents, Removal
from ansible_collections.cloudops.core.plugins.module_utils._domain.buckets import (
    Desired,
    Emptied,
    Selection,
    Tally,
    cutoff,
    plan_absent,
    plan_empty,
)
from ansible_collections.cloudops.core.plugins.module_utils._domain.containers import (
    NOUN,
    check_options,
    plan_container,
    settings_from,
)


def option_spec() -> dict[str, Any]:
    """The module's own options."""
    return {
        "name": {"type": "str", "required": True, "aliases": ["container", "container_name"]},
        "state": {"type": "str", "choices": ["present", "empty", "absent"], "default": "present"},
        "public_access": {"type": "str", "choices": ["none", "blob", "container"]},
        "metadata": {"type": "dict"},
        "purge_metadata": {"type": "bool", "default": True},
        "default_encryption_scope": {"type": "str"},
        "deny_encryption_scope_override": {"type": "bool"},
        "wait_timeout": {"type": "int", "default": 180},
        **removal_spec(concurrency=16),
        "leases": {"type": "str", "choices": ["fail", "break"], "default": "fail"},
        "soft_deleted": {"type": "str", "choices": ["ignore", "report"], "default": "ignore"},
    }


def present(module: AnsibleModule, gateway: ContainerGateway) -> Result:
    """Create and configure."""
    params = module.params
    name = params["name"]
    desired = Desired(name, "", "", settings_from(params))
    current = gateway.read(name)
    plan = plan_container(current.bucket if current else None, desired)
    properties = {setting: plan.after[setting] for setting in desired.settings}
    facts = {"container": {"name": name, "url": gateway.account.url_of(name), "properties": properties}}
    return carry_out(
        module, plan, lambda: gateway.apply(plan, name, current, params["wait_timeout"]), {"name": name}, facts
    )


def empty(module: AnsibleModule, gateway: ContainerGateway) -> Result:
    """Remove contents, keep the container."""
    params = module.params
    name, now = params["name"], datetime.now(timezone.utc)
    selection = Selection(params["prefix"], cutoff(params["older_than"], now), params["noncurrent_only"])
    values: dict[str, Any] = {"name": name, "selection": selection.describe()}
    current = gateway.read(name)
    emptied = Emptied(Tally(snapshots=0))
    if current:
        contents = ContainerContents(gateway, name, current, now)
        emptied = contents.empty(selection, _removal(params), dry_run=module.check_mode)
        values.update(_extras(params, contents))
    plan = plan_empty(name, current is not None, emptied.tally, noun=NOUN)
    return report(plan, {**values, **emptied.as_result()}, emptied.failure)


def absent(module: AnsibleModule, gateway: ContainerGateway) -> Result:
    """Delete the container; with force, all that it holds first."""
    params = module.params
    name = params["name"]
    values: dict[str, Any] = {"name": name}
    current = gateway.read(name)
    emptied = Emptied(Tally(snapshots=0))
    if current:
        contents = ContainerContents(gateway, name, current, datetime.now(timezone.utc))
        remove = contents.empty_and_delete if params["force"] else contents.delete_if_empty
        emptied = remove(_removal(params), dry_run=module.check_mode)
        values.update(_extras(params, contents))
    plan = plan_absent(name, current is not None, emptied.tally, deleted=emptied.failure is None, noun=NOUN)
    return report(plan, {**values, **emptied.as_result()}, emptied.failure)


def _extras(params: dict[str, Any], contents: ContainerContents) -> dict[str, Any]:
    """What other providers don't have."""
    extras: dict[str, Any] = {"leases_broken": contents.leases_broken} if params["leases"] == "break" else {}
    if params["soft_deleted"] == "report":
        extras["soft_deleted"] = contents.soft_deleted(params["prefix"])
    return extras


def _removal(params: dict[str, Any]) -> Removal:
    return Removal(
        concurrency=params["concurrency"],
        batch_size=params["batch_size"],
        max_objects=params["max_objects"],
        break_leases=params["leases"] == "break",
    )


def main() -> None:
    """Wire it up."""
    module = AnsibleModule(argument_spec=azure_spec(**option_spec()), supports_check_mode=True)
    require(module, "azure-storage-blob", BLOB_IMPORT_ERROR)
    hide(module, secrets_of(module.params, os.environ))
    account = Account(module.params, pool=module.params["concurrency"] + 4)
    states = {"present": present, "empty": empty, "absent": absent}

    def work() -> Result:
        check_options(module.params)
        if account.connection.uses_identity:
            require(module, "azure-identity", identity_import_error())
        return states[module.params["state"]](module, ContainerGateway(account))

    run(module, work, extras=lambda: {"api_calls": account.calls.as_result()})


if __name__ == "__main__":
    main()
