#!/usr/bin/python
# Copyright (c) 2026 cloudops.core contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Upload objects to S3 buckets."""

from __future__ import annotations

DOCUMENTATION = r"""
module: s3_objects
short_description: Upload files and texts to an S3 bucket
version_added: 0.1.0
author:
  - cloudops.core contributors (@cloudops-core)
description:
  - Uploads a file, a directory or texts, several at once. What the bucket has already, with the same content, is left alone.
  - Contents are the same when their size is, and their SHA-256, which each upload notes in the object's metadata as C(cloudops-sha256).
    For objects that somebody else uploaded, the ETag is compared with the MD5 instead. Costs one call for each object, and one for each
    upload (more for files above 8 MiB, which go in parts).
  - One object's failure doesn't keep the others from being uploaded. The task fails at the end and lists what failed.
  - Nothing is ever deleted. M(cloudops.core.s3_bucket) with O(cloudops.core.s3_bucket#module:state=empty) does that.
options:
  bucket:
    description:
      - Name of the bucket.
    type: str
    required: true
  expected_bucket_owner:
    description:
      - 12-digit id of the account that must own the bucket. S3 refuses every call when another account does.
    type: str
  dualstack:
    description:
      - Whether to use the endpoints that have IPv6 addresses, too.
    type: bool
    default: false
extends_documentation_fragment:
  - cloudops.core.aws
  - cloudops.core.attributes
  - cloudops.core.attributes.aws_group
  - cloudops.core.uploads
notes:
  - In check mode, a bucket that doesn't exist counts as one without objects, as a task before this one may be about to create it.
  - An object that is uploaded again gets new metadata and loses its tags, as with every upload. Where the bucket has versioning, the former
    version stays.
  - Needs the permissions C(s3:GetObject), C(s3:PutObject), and C(s3:ListBucket), without which S3 doesn't tell a missing object from a
    forbidden one.
seealso:
  - module: cloudops.core.s3_bucket
"""

EXAMPLES = r"""
- name: Upload a directory
  cloudops.core.s3_objects:
    bucket: example-reports-2026
    region: eu-central-1
    src: /srv/reports/2026
    prefix: yearly/2026/

- name: Upload two texts
  cloudops.core.s3_objects:
    bucket: example-reports-2026
    region: eu-central-1
    objects:
      - key: robots.txt
        content: "User-agent: *\nDisallow: /\n"
      - key: health
        content: ok
        content_type: text/plain
"""

RETURN = r"""
uploaded:
  description: Number of objects that were uploaded, or would be in check mode.
  returned: always, unless the task fails before the first call
  type: int
  sample: 2
unchanged:
  description: Number of objects that the bucket had already.
  returned: always, unless the task fails before the first call
  type: int
  sample: 40
bytes:
  description: Bytes of what was uploaded.
  returned: always, unless the task fails before the first call
  type: int
  sample: 31457
results:
  description: Each object that is in the bucket as wanted now, or would be in check mode.
  returned: always, unless the task fails before the first call
  type: list
  elements: dict
  contains:
    key:
      description: Key of the object.
      type: str
      sample: yearly/2026/summary.pdf
    bytes:
      description: Size in bytes.
      type: int
      sample: 31400
    changed:
      description: Whether it was uploaded.
      type: bool
      sample: true
failures:
  description: Objects that could not be looked at or uploaded, each with its error. When there are any, the task fails.
  returned: always, unless the task fails before the first call
  type: list
  elements: dict
  sample: [{"name": "yearly/2026/draft.pdf", "kind": "denied", "code": "AccessDenied", "message": "Access Denied"}]
api_calls:
  description: Requests sent, by operation, retries included.
  returned: always
  type: dict
  sample: {"HeadObject": 42, "PutObject": 2}
duration:
  description: Seconds that the module worked.
  returned: always
  type: float
  sample: 0.214
error:
  description: The failure as data.
  returned: on failure
  type: dict
  sample: {"kind": "partial", "code": "AccessDenied", "message": "could not upload 1 of 42; the first is yearly/2026/draft.pdf"}
"""

from typing import Any

from ansible.module_utils.basic import AnsibleModule
from ansible_collections.cloudops.core.plugins.module_utils._ansible.argspec import (
    AWS_EXCLUSIVE,
    AWS_TOGETHER,
    aws_spec,
)
from ansible_collections.cloudops.core.plugins.module_utils._ansible.runner import Result, require, run
from ansible_collections.cloudops.core.plugins.module_utils._ansible.uploads import (
    UPLOAD_ONE_OF,
    answer,
    local_files,
    upload_spec,
)
from ansible_collections.cloudops.core.plugins.module_utils._aws.client import BOTO3_IMPORT_ERROR, Clients, Connection
from ansible_collections.cloudops.core.plugins.module_utils._aws.s3 import S3Gateway
from ansible_collections.cloudops.core.plugins.module_utils._aws.s3_objects import S3Objects
from ansible_collections.cloudops.core.plugins.module_utils._domain.objects import (
    check_options,
    items_from,
    plan_upload,
)


def option_spec() -> dict[str, Any]:
    """The module's own options."""
    return {
        **upload_spec(),
        "expected_bucket_owner": {"type": "str"},
        "dualstack": {"type": "bool", "default": False},
    }


def upload(module: AnsibleModule, clients: Clients) -> Result:
    """Compare and send."""
    params = module.params
    check_options(params)
    items = items_from(params, local_files(params["src"]))
    gateway = S3Gateway(clients, owner=params["expected_bucket_owner"], dualstack=params["dualstack"])
    uploaded = S3Objects(gateway, params["bucket"], params["concurrency"]).upload(items, dry_run=module.check_mode)
    return answer(uploaded, plan_upload(params["bucket"], uploaded.seen))


def main() -> None:
    """Wire it up."""
    module = AnsibleModule(
        argument_spec=aws_spec(**option_spec()),
        mutually_exclusive=AWS_EXCLUSIVE,
        required_together=AWS_TOGETHER,
        required_one_of=UPLOAD_ONE_OF,
        supports_check_mode=True,
    )
    require(module, "boto3", BOTO3_IMPORT_ERROR)
    clients = Clients(Connection.from_params(module.params), pool=module.params["concurrency"] + 4)
    run(module, lambda: upload(module, clients), extras=lambda: {"api_calls": clients.calls.as_result()})


if __name__ == "__main__":
    main()
