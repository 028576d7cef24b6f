#!/usr/bin/python
# Copyright (c) 2026 cloudops.core contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Facts of S3 buckets."""

from __future__ import annotations

DOCUMENTATION = r"""
module: s3_bucket_info
short_description: Gather facts of one, many or all S3 buckets
version_added: 0.1.0
author:
  - cloudops.core contributors (@cloudops-core)
description:
  - Finds buckets by name, by the beginning of their names, or by tags, and reads the properties that you pick, in parallel, each bucket in
    its own region.
  - Each property is a C(value), C(absent) (it isn't configured), or C(unknown) with the code of the refusal. A read that is denied never
    looks like a property that isn't configured.
options:
  names:
    description:
      - Names of the buckets. Those that don't exist are returned in RV(missing). Without it, all buckets of the account are looked at.
    type: list
    elements: str
    aliases: [name]
  name_prefix:
    description:
      - Only buckets whose names begin like this. Excludes O(names).
    type: str
    default: ''
  tags:
    description:
      - Only buckets that have all of these tags with these values. Costs one call for each candidate.
      - Buckets whose tags can't be read are returned in RV(undecided).
    type: dict
    default: {}
  properties:
    description:
      - What to read of each bucket. Each costs one call a bucket. V(all) stands for all of them.
    type: list
    elements: str
    default: []
    choices:
      - all
      - acceleration
      - acl
      - cors
      - encryption
      - lifecycle_rules
      - logging
      - object_lock
      - object_ownership
      - policy
      - public_access
      - requester_pays
      - tags
      - versioning
  expected_bucket_owner:
    description:
      - 12-digit id of the account that must own the buckets. S3 refuses the calls for others.
    type: str
  dualstack:
    description:
      - Whether to use the endpoints that have IPv6 addresses, too.
    type: bool
    default: false
  concurrency:
    description:
      - Buckets that are read side by side.
    type: int
    default: 16
extends_documentation_fragment:
  - cloudops.core.aws
  - cloudops.core.attributes.info
  - cloudops.core.attributes.aws_group
seealso:
  - module: cloudops.core.s3_bucket
"""

EXAMPLES = r"""
- name: Look at the encryption and the public access of all buckets
  cloudops.core.s3_bucket_info:
    region: eu-central-1
    properties: [encryption, public_access]
  register: audit

- name: Name those that don't block public policies, and those where nobody can say
  ansible.builtin.debug:
    msg:
      open: >-
        {{ audit.buckets | rejectattr('properties.public_access.state', 'eq', 'unknown')
           | rejectattr('properties.public_access.value.block_public_policy', 'defined') | map(attribute='name') }}
      unknown: "{{ audit.buckets | selectattr('properties.public_access.state', 'eq', 'unknown') | map(attribute='name') }}"

- name: Find the buckets of a team
  cloudops.core.s3_bucket_info:
    region: eu-central-1
    name_prefix: example-
    tags:
      team: finance
    properties: [tags, versioning]
"""

RETURN = r"""
buckets:
  description: The buckets that were found, by name when listed, or in the order of O(names).
  returned: always
  type: list
  elements: dict
  contains:
    name:
      description: Name of the bucket.
      type: str
      sample: example-reports-2026
    arn:
      description: ARN of the bucket.
      type: str
      sample: arn:aws:s3:::example-reports-2026
    region:
      description: Region of the bucket; empty where the endpoint doesn't tell.
      type: str
      sample: eu-central-1
    creation_date:
      description: When the bucket was created, in ISO 8601. V(null) where O(names) was given, as only a listing tells it.
      type: str
      sample: '2026-03-01T10:00:00+00:00'
    properties:
      description:
        - Each property that was asked for, with its C(state) of C(value), C(absent) or C(unknown), and its C(value), or the C(code) and
          C(message) of the refusal. Values have the form that the option of M(cloudops.core.s3_bucket) has.
      type: dict
      sample: {"encryption": {"state": "absent"}, "policy": {"state": "unknown", "code": "AccessDenied", "message": "Access Denied"}}
missing:
  description: Names that were asked for and don't exist, and buckets that vanished meanwhile.
  returned: always
  type: list
  elements: str
undecided:
  description: Buckets whose tags can't be read, so that nobody can say whether they match O(tags).
  returned: always
  type: list
  elements: dict
  sample: [{"name": "example-secret", "code": "AccessDenied", "message": "Access Denied"}]
failures:
  description: Buckets that could not be looked at, each with its error. When there are any, the task fails after the others were read.
  returned: always
  type: list
  elements: dict
  sample: [{"name": "someone-elses", "kind": "denied", "code": "403", "message": "Forbidden"}]
api_calls:
  description: Requests sent, by operation, retries included.
  returned: always
  type: dict
  sample: {"ListBuckets": 1, "GetBucketEncryption": 12}
duration:
  description: Seconds that the module worked.
  returned: always
  type: float
  sample: 0.214
error:
  description: The failure as data.
  returned: on failure
  type: dict
  sample: {"kind": "denied", "code": "AccessDenied", "message": "Access Denied", "operation": "list the buckets"}
"""

from typing import Any

from ansible.module_utils.basic import AnsibleModule
from ansible_collections.cloudops.core.plugins.module_utils._ansible.argspec import (
    AWS_EXCLUSIVE,
    AWS_TOGETHER,
    aws_spec,
)
from ansible_collections.cloudops.core.plugins.module_utils._ansible.runner import Result, require, run, some_failed
from ansible_collections.cloudops.core.plugins.module_utils._aws.client import BOTO3_IMPORT_ERROR, Clients, Connection
from ansible_collections.cloudops.core.plugins.module_utils._aws.s3 import S3Gateway
from ansible_collections.cloudops.core.plugins.module_utils._aws.s3_fleet import Query, describe
from ansible_collections.cloudops.core.plugins.module_utils._domain.bucket_options import check_query
from ansible_collections.cloudops.core.plugins.module_utils._domain.buckets import PROPERTIES
from ansible_collections.cloudops.core.plugins.module_utils._domain.tags import as_tags


def gather(params: dict[str, Any], clients: Clients) -> Result:
    """Find and read."""
    check_query(params)
    properties = sorted(PROPERTIES) if "all" in params["properties"] else params["properties"]
    query = Query(
        names=params["names"],
        prefix=params["name_prefix"],
        tags=as_tags(params["tags"]),
        properties=list(dict.fromkeys(properties)),
        concurrency=params["concurrency"],
    )
    gateway = S3Gateway(clients, owner=params["expected_bucket_owner"], dualstack=params["dualstack"])
    fleet = describe(gateway, query)
    return Result(values=fleet.as_result(), failure=some_failed("look at", fleet.failures, len(fleet.buckets)))


def main() -> None:
    """Wire it up."""
    module = AnsibleModule(
        argument_spec=aws_spec(
            names={"type": "list", "elements": "str", "aliases": ["name"]},
            name_prefix={"type": "str", "default": ""},
            tags={"type": "dict", "default": {}},
            properties={"type": "list", "elements": "str", "default": [], "choices": ["all", *sorted(PROPERTIES)]},
            expected_bucket_owner={"type": "str"},
            dualstack={"type": "bool", "default": False},
            concurrency={"type": "int", "default": 16},
        ),
        mutually_exclusive=AWS_EXCLUSIVE,
        required_together=AWS_TOGETHER,
        supports_check_mode=True,
    )
    require(module, "boto3", BOTO3_IMPORT_ERROR)
    clients = Clients(Connection.from_params(module.params), pool=module.params["concurrency"] + 4)
    run(module, lambda: gather(module.params, clients), extras=lambda: {"api_calls": clients.calls.as_result()})


if __name__ == "__main__":
    main()
