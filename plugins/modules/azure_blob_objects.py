#!/usr/bin/python
# Copyright (c) 2026 cloudops.core contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Upload blobs to containers of Azure Blob Storage."""

from __future__ import annotations

DOCUMENTATION = r"""
module: azure_blob_objects
short_description: Upload files and texts to a container of Azure Blob Storage
version_added: 0.1.0
author:
  - cloudops.core contributors (@cloudops-core)
description:
  - Uploads a file, a directory or texts, several at once, as block blobs. What the container has already, with the same content, is left
    alone. Options and results are those of M(cloudops.core.s3_objects).
  - Contents are the same when their size is, and their SHA-256, which each upload notes in the blob's metadata as C(cloudops_sha256). For
    blobs that somebody else uploaded, the MD5 that Azure keeps is compared instead. Costs one call for each blob, and one for each upload
    (more for files above 8 MiB, which go in blocks).
  - One blob's failure doesn't keep the others from being uploaded. The task fails at the end and lists what failed.
  - Nothing is ever deleted. M(cloudops.core.azure_blob_container) with O(cloudops.core.azure_blob_container#module:state=empty) does that.
options:
  bucket:
    description:
      - Name of the container.
    type: str
    required: true
    aliases: [container, container_name]
extends_documentation_fragment:
  - cloudops.core.azure
  - cloudops.core.attributes
  - cloudops.core.attributes.azure_group
  - cloudops.core.uploads
notes:
  - In check mode, a container that doesn't exist counts as one without blobs, as a task before this one may be about to create it.
  - A blob that is uploaded again gets new metadata and loses its index tags, as with every upload. Its snapshots stay, and so does the
    former version, where the account has versioning.
  - An identity needs the role C(Storage Blob Data Contributor), a shared access signature the permissions r, c and w.
seealso:
  - module: cloudops.core.azure_blob_container
  - module: cloudops.core.s3_objects
"""

EXAMPLES = r"""
- name: Upload a directory
  cloudops.core.azure_blob_objects:
    storage_account_name: exampleaccount
    account_key: "{{ account_key }}"
    bucket: example-reports-2026
    src: /srv/reports/2026
    prefix: yearly/2026/

- name: Upload two texts
  cloudops.core.azure_blob_objects:
    storage_account_name: exampleaccount
    account_key: "{{ account_key }}"
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
  description: Number of blobs that were uploaded, or would be in check mode.
  returned: always, unless the task fails before the first call
  type: int
  sample: 2
unchanged:
  description: Number of blobs that the container had already.
  returned: always, unless the task fails before the first call
  type: int
  sample: 40
bytes:
  description: Bytes of what was uploaded.
  returned: always, unless the task fails before the first call
  type: int
  sample: 31457
results:
  description: Each blob that is in the container as wanted now, or would be in check mode.
  returned: always, unless the task fails before the first call
  type: list
  elements: dict
  contains:
    key:
      description: Name of the blob.
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
  description: Blobs that could not be looked at or uploaded, each with its error. When there are any, the task fails.
  returned: always, unless the task fails before the first call
  type: list
  elements: dict
  sample: [{"name": "yearly/2026/draft.pdf", "kind": "conflict", "code": "LeaseIdMissing", "message": "The blob is leased."}]
api_calls:
  description: Requests sent, by operation, retries included.
  returned: always
  type: dict
  sample: {"GetBlobProperties": 42, "PutBlob": 2}
duration:
  description: Seconds that the module worked.
  returned: always
  type: float
  sample: 0.214
error:
  description: The failure as data.
  returned: on failure
  type: dict
  sample: {"kind": "partial", "code": "LeaseIdMissing", "message": "could not upload 1 of 42; the first is yearly/2026/draft.pdf"}
"""

import os

from ansible.module_utils.basic import AnsibleModule
from ansible_collections.cloudops.core.plugins.module_utils._ansible.azure_options import azure_spec, hide
from ansible_collections.cloudops.core.plugins.module_utils._ansible.runner import Result, require, run
from ansible_collections.cloudops.core.plugins.module_utils._ansible.uploads import (
    UPLOAD_ONE_OF,
    answer,
    local_files,
    upload_spec,
)
from ansible_collections.cloudops.core.plugins.module_utils._azure.blob_objects import BlobObjects, UploadAccount
from ansible_collections.cloudops.core.plugins.module_utils._azure.client import (
    BLOB_IMPORT_ERROR,
    identity_import_error,
    secrets_of,
)
from ansible_collections.cloudops.core.plugins.module_utils._domain.containers import NOUN
from ansible_collections.cloudops.core.plugins.module_utils._domain.objects import (
    check_blob_name,
    check_name,
    check_options,
    items_from,
    plan_upload,
)


def upload(module: AnsibleModule, account: UploadAccount) -> Result:
    """Compare and send."""
    params = module.params
    check_options(params, NOUN)
    check_name(params["bucket"], NOUN)
    items = items_from(params, local_files(params["src"]), check_blob_name)
    if account.connection.uses_identity:
        require(module, "azure-identity", identity_import_error())
    uploaded = BlobObjects(account, params["bucket"], params["concurrency"]).upload(items, dry_run=module.check_mode)
    return answer(uploaded, plan_upload(params["bucket"], uploaded.seen, NOUN))


def main() -> None:
    """Wire it up."""
    module = AnsibleModule(
        argument_spec=azure_spec(**upload_spec("container", "container_name")),
        required_one_of=UPLOAD_ONE_OF,
        supports_check_mode=True,
    )
    require(module, "azure-storage-blob", BLOB_IMPORT_ERROR)
    hide(module, secrets_of(module.params, os.environ))
    account = UploadAccount(module.params, pool=module.params["concurrency"] + 4)
    run(module, lambda: upload(module, account), extras=lambda: {"api_calls": account.calls.as_result()})


if __name__ == "__main__":
    main()
