# Copyright (c) 2026 cloudops.core contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The IAM policies of docs/iam allow what the roles do, and no more.

Which permission an operation needs: https://docs.aws.amazon.com/AmazonS3/latest/userguide/using-with-s3-policy-actions.html
"""

from __future__ import annotations

import json
from pathlib import Path

import yaml
from ansible_collections.cloudops.core.plugins.module_utils._aws.s3 import APIS

ROOT = Path(__file__).resolve().parents[2]

# Permissions whose names are not those of their operations.
OTHER_NAMES = {
    "abort_multipart_upload": {"s3:AbortMultipartUpload"},
    "create_multipart_upload": {"s3:PutObject"},
    "complete_multipart_upload": {"s3:PutObject"},
    "delete_bucket_encryption": {"s3:PutEncryptionConfiguration"},
    "delete_bucket_lifecycle": {"s3:PutLifecycleConfiguration"},
    "delete_bucket_ownership_controls": {"s3:PutBucketOwnershipControls"},
    "delete_bucket_tagging": {"s3:PutBucketTagging"},
    "delete_objects": {"s3:DeleteObject", "s3:DeleteObjectVersion"},
    "delete_public_access_block": {"s3:PutBucketPublicAccessBlock"},
    "get_bucket_encryption": {"s3:GetEncryptionConfiguration"},
    "get_bucket_lifecycle_configuration": {"s3:GetLifecycleConfiguration"},
    "get_public_access_block": {"s3:GetBucketPublicAccessBlock"},
    "head_bucket": {"s3:ListBucket"},
    "head_object": {"s3:GetObject", "s3:ListBucket"},
    "list_multipart_uploads": {"s3:ListBucketMultipartUploads"},
    "list_object_versions": {"s3:ListBucketVersions"},
    "put_bucket_encryption": {"s3:PutEncryptionConfiguration"},
    "put_bucket_lifecycle_configuration": {"s3:PutLifecycleConfiguration"},
    "put_public_access_block": {"s3:PutBucketPublicAccessBlock"},
    "upload_part": {"s3:PutObject"},
}
# What the modules call besides the reads and writes of properties.
UPLOADING = {"head_object", "put_object", "create_multipart_upload", "upload_part", "complete_multipart_upload"}
REMOVING = {"list_object_versions", "list_multipart_uploads", "delete_objects", "abort_multipart_upload"}
BUCKETS = {"head_bucket", "create_bucket", "delete_bucket"}


def permissions_for(operations: set[str]) -> set[str]:
    """The permissions that operations need."""
    found: set[str] = set()
    for operation in operations:
        found |= OTHER_NAMES.get(operation, {"s3:" + "".join(word.capitalize() for word in operation.split("_"))})
    return found


def properties_of_the_role() -> set[str]:
    """The properties that the role can set: those options of its one task that provisions."""
    tasks = yaml.safe_load((ROOT / "roles/bucket_lifecycle/tasks/provision.yml").read_text("utf-8"))
    options = tasks[0]["cloudops.core.s3_bucket"]
    return {{"deny_insecure_transport": "policy"}.get(option, option) for option in options} & set(APIS)


def test_bucket_lifecycle() -> None:
    apis = [APIS[name] for name in properties_of_the_role()]
    assert len(apis) >= 7
    operations = {call for api in apis for call in (api.get, api.put, api.delete) if call}
    policy = json.loads((ROOT / "docs/iam/bucket_lifecycle.json").read_text("utf-8"))
    allowed = [action for statement in policy["Statement"] for action in statement["Action"]]
    assert sorted(allowed) == sorted(permissions_for(operations | BUCKETS | UPLOADING | REMOVING))
    for statement in policy["Statement"]:
        on_objects = statement["Resource"].endswith("/*")
        assert statement["Effect"] == "Allow"
        assert statement["Resource"].startswith("arn:aws:s3:::example-")
        assert all(
            ("Object" in action or "Upload" in action) == on_objects
            for action in statement["Action"]
            if action not in ("s3:ListBucketMultipartUploads",)
        )
