#!/usr/bin/python
# Copyright (c) 2026 cloudops.core contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Set and remove the tags of many EC2 resources."""

from __future__ import annotations

DOCUMENTATION = r"""
module: ec2_tag
short_description: Set and remove tags of many EC2 resources
version_added: 0.1.0
author:
  - cloudops.core contributors (@cloudops-core)
description:
  - Sets and removes tags of any number of instances, volumes, snapshots and other resources of EC2, each with tags of its own or all with
    the same. Resources that need the same change share a call, up to 1,000 of them.
  - Tags are read first, and only what differs is written.
  - When a call is refused because of some resources, the others still go through, and each refused one is returned in RV(failures). The
    task then fails at the end.
  - Tags that begin with C(aws:) are never touched.
options:
  resources:
    description:
      - Resources, each with tags of its own. An empty list does nothing.
      - One of O(resources) and O(resource_ids) is required.
    type: list
    elements: dict
    suboptions:
      id:
        description: Id of the resource.
        type: str
        required: true
      region:
        description: Region of the resource. Without it, the region of the connection.
        type: str
      tags:
        description: Tags that it shall have, in addition to O(tags), and before them where both name one.
        type: dict
        default: {}
      remove_tags:
        description: Keys of tags that it shall not have, in addition to O(remove_tags).
        type: list
        elements: str
        default: []
  resource_ids:
    description:
      - Ids of resources that all get O(tags) and lose O(remove_tags). An empty list does nothing.
    type: list
    elements: str
  tags:
    description: Tags that all of them shall have.
    type: dict
    aliases: [resource_tags]
    default: {}
  remove_tags:
    description: Keys of tags that none of them shall have, whatever the value.
    type: list
    elements: str
    default: []
  purge_tags:
    description:
      - Whether all tags are removed that aren't asked for.
    type: bool
    default: false
  concurrency:
    description:
      - Calls that are made side by side.
    type: int
    default: 8
extends_documentation_fragment:
  - cloudops.core.aws
  - cloudops.core.attributes
  - cloudops.core.attributes.aws_group
attributes:
  check_mode:
    details: A resource that doesn't exist has no tags, so check mode counts it as one that would be tagged. A real run fails for it.
notes:
  - Needs C(ec2:DescribeTags), and C(ec2:CreateTags) or C(ec2:DeleteTags) for what is written.
seealso:
  - module: cloudops.core.ec2_instance_info
"""

EXAMPLES = r"""
- name: Name an owner for three instances and their volumes
  cloudops.core.ec2_tag:
    region: eu-central-1
    resource_ids: [i-0123456789abcdef0, i-0123456789abcdef1, vol-0123456789abcdef0]
    tags:
      owner: storage
    remove_tags: [temporary]

- name: Note on each instance what was decided for it
  cloudops.core.ec2_tag:
    region: eu-central-1
    resources:
      - id: i-0123456789abcdef0
        tags: {decision: keep}
      - id: i-0123456789abcdef1
        region: us-east-1
        tags: {decision: stop}
        remove_tags: [reviewed]
"""

RETURN = r"""
resources:
  description: All resources, in the order in which they were given.
  returned: success, and failure after the tags were read
  type: list
  elements: dict
  contains:
    id:
      description: Id of the resource.
      type: str
      sample: i-0123456789abcdef0
    region:
      description: Its region, empty for the connection's own.
      type: str
      sample: eu-central-1
    changed:
      description: Whether its tags changed.
      type: bool
    tags:
      description: All its tags, as they are afterwards.
      type: dict
      sample: {"Name": "web-1", "owner": "storage"}
    set:
      description: Tags that were written.
      type: dict
      sample: {"owner": "storage"}
    removed:
      description: Keys that were removed.
      type: list
      elements: str
      sample: [temporary]
counts:
  description: How many of them came to what.
  returned: success, and failure after the tags were read
  type: dict
  sample: {"changed": 2, "unchanged": 1, "failed": 0}
failures:
  description: Resources that were refused, each with its error. When there are any, the task fails after the others were done.
  returned: success, and failure after the tags were read
  type: list
  elements: dict
  sample: [{"id": "i-0123456789abcdef0", "region": "", "kind": "not_found", "code": "InvalidInstanceID.NotFound", "message": "..."}]
actions:
  description: What was done, or would be done in check mode.
  returned: success, and failure after the tags were read
  type: list
  elements: str
  sample: ["tag i-0123456789abcdef0: owner=storage"]
api_calls:
  description: Requests sent, by operation, retries included.
  returned: always
  type: dict
  sample: {"CreateTags": 1, "DescribeTags": 1}
duration:
  description: Seconds that the module worked.
  returned: always
  type: float
  sample: 0.214
error:
  description: The failure as data.
  returned: on failure
  type: dict
  sample: {"kind": "partial", "code": "InvalidInstanceID.NotFound", "message": "could not tag 1 of 3", "operation": ""}
"""

from typing import Any

from ansible.module_utils.basic import AnsibleModule
from ansible_collections.cloudops.core.plugins.module_utils._ansible.argspec import (
    AWS_EXCLUSIVE,
    AWS_TOGETHER,
    aws_spec,
)
from ansible_collections.cloudops.core.plugins.module_utils._ansible.runner import (
    Result,
    report,
    require,
    run,
    some_failed,
)
from ansible_collections.cloudops.core.plugins.module_utils._aws.client import BOTO3_IMPORT_ERROR, Clients, Connection
from ansible_collections.cloudops.core.plugins.module_utils._aws.ec2_tags import TagFleet, TagGateway
from ansible_collections.cloudops.core.plugins.module_utils._domain.tagging import wishes_from


def tag(module: AnsibleModule, clients: Clients) -> Result:
    """Read, compare and write."""
    wishes = wishes_from(module.params)
    gateway = TagGateway(clients, [wish.region for wish in wishes], concurrency=module.params["concurrency"])
    fleet = TagFleet(gateway, wishes, purge=module.params["purge_tags"])
    if not module.check_mode:
        fleet.carry_out()
    values = fleet.result()
    named = [{**failure, "name": failure["id"]} for failure in values["failures"]]
    return report(fleet.plan(), values, some_failed("tag", named, len(values["resources"]) - len(named)))


def arguments() -> dict[str, Any]:
    """The module's own options."""
    own = {
        "id": {"type": "str", "required": True},
        "region": {"type": "str"},
        "tags": {"type": "dict", "default": {}},
        "remove_tags": {"type": "list", "elements": "str", "default": []},
    }
    return {
        "resources": {"type": "list", "elements": "dict", "options": own},
        "resource_ids": {"type": "list", "elements": "str"},
        "tags": {"type": "dict", "aliases": ["resource_tags"], "default": {}},
        "remove_tags": {"type": "list", "elements": "str", "default": []},
        "purge_tags": {"type": "bool", "default": False},
        "concurrency": {"type": "int", "default": 8},
    }


def main() -> None:
    """Wire it up."""
    module = AnsibleModule(
        argument_spec=aws_spec(**arguments()),
        mutually_exclusive=[*AWS_EXCLUSIVE, ("resources", "resource_ids")],
        required_one_of=[("resources", "resource_ids")],
        required_together=AWS_TOGETHER,
        supports_check_mode=True,
    )
    require(module, "boto3", BOTO3_IMPORT_ERROR)
    clients = Clients(Connection.from_params(module.params), pool=max(1, module.params["concurrency"]) + 4)
    run(module, lambda: tag(module, clients), extras=lambda: {"api_calls": clients.calls.as_result()})


if __name__ == "__main__":
    main()
