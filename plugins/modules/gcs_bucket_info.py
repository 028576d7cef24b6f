#!/usr/bin/python
# Copyright (c) 2026 cloudops.core contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Facts of Google Cloud Storage buckets."""

from __future__ import annotations

DOCUMENTATION = r"""
module: gcs_bucket_info
short_description: Gather facts of one, many or all Google Cloud Storage buckets
version_added: 0.1.0
author:
  - cloudops.core contributors (@cloudops-core)
description:
  - Finds buckets by name, by the beginning of their names, or by labels, and tells the properties that you pick. All buckets of a project
    cost one call for each 1000; buckets given by name cost one each, in parallel.
  - Each property is a C(value), C(absent) (it isn't configured), or C(unknown) with the code of the refusal. A read that is denied never
    looks like a property that isn't configured.
options:
  names:
    description:
      - Names of the buckets. Those that don't exist are returned in RV(missing). Without it, all buckets of O(project) are looked at.
    type: list
    elements: str
    aliases: [name]
  name_prefix:
    description:
      - Only buckets whose names begin like this. Excludes O(names).
    type: str
    default: ''
  labels:
    description:
      - Only buckets that have all of these labels with these values.
    type: dict
    default: {}
  properties:
    description:
      - What to tell of each bucket. V(all) stands for all of them.
      - V(iam_policy) and V(public_access) cost one call a bucket together, and need the permission C(storage.buckets.getIamPolicy). The
        others cost none.
    type: list
    elements: str
    default: []
    choices:
      - all
      - cors
      - default_kms_key_name
      - iam_policy
      - labels
      - lifecycle_rules
      - logging
      - public_access
      - public_access_prevention
      - requester_pays
      - retention_period
      - soft_delete_retention
      - storage_class
      - uniform_bucket_level_access
      - versioning
      - website
  concurrency:
    description:
      - Buckets that are read side by side.
    type: int
    default: 16
extends_documentation_fragment:
  - cloudops.core.gcp
  - cloudops.core.attributes.info
  - cloudops.core.attributes.gcp_group
seealso:
  - module: cloudops.core.gcs_bucket
  - module: cloudops.core.s3_bucket_info
"""

EXAMPLES = r"""
- name: Look at who may read the buckets of a project
  cloudops.core.gcs_bucket_info:
    project: example-project
    properties: [public_access, public_access_prevention]
  register: audit

- name: Name those that are open to everybody, and those where nobody can say
  ansible.builtin.debug:
    msg:
      open: "{{ audit.buckets | selectattr('properties.public_access.state', 'eq', 'value') | map(attribute='name') }}"
      unknown: "{{ audit.buckets | selectattr('properties.public_access.state', 'eq', 'unknown') | map(attribute='name') }}"

- name: Find the buckets of a team
  cloudops.core.gcs_bucket_info:
    project: example-project
    name_prefix: example-
    labels:
      team: finance
    properties: [labels, versioning]
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
    location:
      description: Location of the bucket, in upper case.
      type: str
      sample: EUROPE-WEST3
    location_type:
      description: V(region), V(dual-region) or V(multi-region).
      type: str
      sample: region
    creation_date:
      description: When the bucket was created, in ISO 8601.
      type: str
      sample: '2026-03-01T10:00:00+00:00'
    properties:
      description:
        - Each property that was asked for, with its C(state) of C(value), C(absent) or C(unknown), and its C(value), or the C(code) and
          C(message) of the refusal. Values have the form that the option of M(cloudops.core.gcs_bucket) has, and periods are in seconds.
        - C(public_access) is absent where no role is granted to C(allUsers) or C(allAuthenticatedUsers). Otherwise its value has those
          C(grants), and C(prevented), which tells whether public access prevention keeps them from having any effect.
      type: dict
      sample: {"versioning": {"state": "absent"}, "iam_policy": {"state": "unknown", "code": "forbidden", "message": "Forbidden"}}
missing:
  description: Names that were asked for and don't exist, and buckets that vanished meanwhile.
  returned: always
  type: list
  elements: str
failures:
  description: Buckets that could not be looked at, each with its error. When there are any, the task fails after the others were read.
  returned: always
  type: list
  elements: dict
  sample: [{"name": "someone-elses", "kind": "denied", "code": "forbidden", "message": "Forbidden"}]
api_calls:
  description: Requests sent, by method of the JSON API, retries included.
  returned: always
  type: dict
  sample: {"buckets.list": 1, "buckets.getIamPolicy": 12}
duration:
  description: Seconds that the module worked.
  returned: always
  type: float
  sample: 0.214
error:
  description: The failure as data.
  returned: on failure
  type: dict
  sample: {"kind": "denied", "code": "forbidden", "message": "Forbidden", "operation": "list the buckets"}
"""

from typing import Any

from ansible.module_utils.basic import AnsibleModule
from ansible_collections.cloudops.core.plugins.module_utils._ansible.argspec import gcp_spec, hide_key
from ansible_collections.cloudops.core.plugins.module_utils._ansible.runner import Result, require, run, some_failed
from ansible_collections.cloudops.core.plugins.module_utils._domain.bucket_options import check_query
from ansible_collections.cloudops.core.plugins.module_utils._domain.tags import as_tags
from ansible_collections.cloudops.core.plugins.module_utils._gcp.client import GOOGLE_IMPORT_ERROR, Api
from ansible_collections.cloudops.core.plugins.module_utils._gcp.storage import READABLE, StorageGateway
from ansible_collections.cloudops.core.plugins.module_utils._gcp.storage_fleet import Query, describe


def gather(params: dict[str, Any], api: Api) -> Result:
    """Find and read."""
    properties = sorted(READABLE) if "all" in params["properties"] else params["properties"]
    query = Query(
        names=params["names"],
        prefix=params["name_prefix"],
        labels=as_tags(params["labels"]),
        properties=list(dict.fromkeys(properties)),
        concurrency=params["concurrency"],
    )
    fleet = describe(StorageGateway(api), query)
    return Result(values=fleet.as_result(), failure=some_failed("look at", fleet.failures, len(fleet.buckets)))


def main() -> None:
    """Wire it up."""
    module = AnsibleModule(
        argument_spec=gcp_spec(
            names={"type": "list", "elements": "str", "aliases": ["name"]},
            name_prefix={"type": "str", "default": ""},
            labels={"type": "dict", "default": {}},
            properties={"type": "list", "elements": "str", "default": [], "choices": ["all", *sorted(READABLE)]},
            concurrency={"type": "int", "default": 16},
        ),
        supports_check_mode=True,
    )
    hide_key(module)
    require(module, "google-cloud-storage", GOOGLE_IMPORT_ERROR)
    api = Api(module.params, pool=module.params["concurrency"] + 4)

    def work() -> Result:
        check_query(module.params)
        return gather(module.params, api)

    run(module, work, extras=lambda: {"api_calls": api.calls.as_result()})


if __name__ == "__main__":
    main()
