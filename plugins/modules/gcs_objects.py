#!/usr/bin/python
# Copyright (c) 2026 cloudops.core contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Upload objects to Google Cloud Storage buckets."""

from __future__ import annotations

DOCUMENTATION = r"""
module: gcs_objects
short_description: Upload files and texts to a Google Cloud Storage bucket
version_added: 0.1.0
author:
  - cloudops.core contributors (@cloudops-core)
description:
  - Uploads a file, a directory or texts, several at once. What the bucket has already, with the same content, is left alone. Options and
    results are those of M(cloudops.core.s3_objects).
  - Contents are the same when their size is, and their SHA-256, which each upload notes in the object's metadata as C(cloudops-sha256).
    For objects that somebody else uploaded, the MD5 that Cloud Storage keeps is compared instead. Costs one call for each object, and one
    for each upload (more for files above 8 MiB, which go in parts).
  - One object's failure doesn't keep the others from being uploaded. The task fails at the end and lists what failed.
  - Nothing is ever deleted. M(cloudops.core.gcs_bucket) with O(cloudops.core.gcs_bucket#module:state=empty) does that.
options:
  bucket:
    description:
      - Name of the bucket.
    type: str
    required: true
extends_documentation_fragment:
  - cloudops.core.gcp
  - cloudops.core.attributes
  - cloudops.core.attributes.gcp_group
  - cloudops.core.uploads
notes:
  - In check mode, a bucket that doesn't exist counts as one without objects, as a task before this one may be about to create it.
  - An object that is uploaded again gets new metadata and the bucket's default storage class, as with every upload. Where the bucket has
    versioning, the former generation stays.
  - Needs the permissions C(storage.objects.get) and C(storage.objects.create), and C(storage.objects.delete) to upload what is there
    already again.
seealso:
  - module: cloudops.core.gcs_bucket
  - module: cloudops.core.s3_objects
"""

EXAMPLES = r"""
- name: Upload a directory
  cloudops.core.gcs_objects:
    bucket: example-reports-2026
    src: /srv/reports/2026
    prefix: yearly/2026/

- name: Upload two texts
  cloudops.core.gcs_objects:
    bucket: example-reports-2026
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
      description: Name of the object.
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
  sample: [{"name": "yearly/2026/draft.pdf", "kind": "denied", "code": "forbidden", "message": "Permission denied"}]
api_calls:
  description: Requests sent, by method of the JSON API, retries included.
  returned: always
  type: dict
  sample: {"objects.get": 42, "objects.insert": 2}
duration:
  description: Seconds that the module worked.
  returned: always
  type: float
  sample: 0.214
error:
  description: The failure as data.
  returned: on failure
  type: dict
  sample: {"kind": "partial", "code": "forbidden", "message": "could not upload 1 of 42; the first is yearly/2026/draft.pdf"}
"""

from ansible.module_utils.basic import AnsibleModule
from ansible_collections.cloudops.core.plugins.module_utils._ansible.argspec import gcp_spec, hide_key
from ansible_collections.cloudops.core.plugins.module_utils._ansible.runner import Result, require, run
from ansible_collections.cloudops.core.plugins.module_utils._ansible.uploads import (
    UPLOAD_ONE_OF,
    answer,
    local_files,
    upload_spec,
)
from ansible_collections.cloudops.core.plugins.module_utils._domain.objects import (
    check_gcs_name,
    check_name,
    check_options,
    items_from,
    plan_upload,
)
from ansible_collections.cloudops.core.plugins.module_utils._gcp.client import GOOGLE_IMPORT_ERROR
from ansible_collections.cloudops.core.plugins.module_utils._gcp.objects import StorageObjects, UploadApi


def upload(module: AnsibleModule, api: UploadApi) -> Result:
    """Compare and send."""
    params = module.params
    check_options(params)
    check_name(params["bucket"])
    items = items_from(params, local_files(params["src"]), check_gcs_name)
    uploaded = StorageObjects(api, params["bucket"], params["concurrency"]).upload(items, dry_run=module.check_mode)
    return answer(uploaded, plan_upload(params["bucket"], uploaded.seen))


def main() -> None:
    """Wire it up."""
    module = AnsibleModule(
        argument_spec=gcp_spec(**upload_spec()), required_one_of=UPLOAD_ONE_OF, supports_check_mode=True
    )
    hide_key(module)
    require(module, "google-cloud-storage", GOOGLE_IMPORT_ERROR)
    api = UploadApi(module.params, pool=module.params["concurrency"] + 4)
    run(module, lambda: upload(module, api), extras=lambda: {"api_calls": api.calls.as_result()})


if __name__ == "__main__":
    main()
