# Copyright (c) 2026 cloudops.core contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The IAM policies of docs/iam allow what the roles do, and no more.

Which permission an operation needs: https://docs.aws.amazon.com/AmazonS3/latest/userguide/using-with-s3-policy-actions.html
For other services it has the name of the operation.
"""

from __future__ import annotations

import ast
import json
from pathlib import Path
from typing import Any

import boto3
import yaml
from ansible_collections.cloudops.core.plugins.module_utils._aws.s3 import APIS
from ansible_collections.cloudops.core.plugins.module_utils._domain.groups import PARKED_TAG, STATE_TAG

ROOT = Path(__file__).resolve().parents[2]
GATEWAYS = ROOT / "plugins/module_utils/_aws"

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
    tasks = yaml.safe_load((ROOT / "roles/bucket_lifecycle/tasks/provision_aws.yml").read_text("utf-8"))
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


def operations_of(gateway: str, service: str) -> set[str]:
    """The permissions for every operation of a service whose method a gateway names, in a call or as a text."""
    make: Any = boto3.client
    client = make(service, region_name="eu-central-1", aws_access_key_id="a", aws_secret_access_key="b")
    methods: dict[str, str] = client.meta.method_to_api_mapping
    nodes = list(ast.walk(ast.parse((GATEWAYS / gateway).read_text("utf-8"))))
    named = {node.attr for node in nodes if isinstance(node, ast.Attribute)}
    named |= {node.value for node in nodes if isinstance(node, ast.Constant) and isinstance(node.value, str)}
    client.close()
    return {f"{service}:{methods[name]}" for name in named & set(methods)}


def statements_of(policy: str) -> list[dict[str, Any]]:
    """The statements of a policy, all of which allow something."""
    found: list[dict[str, Any]] = json.loads((ROOT / "docs/iam" / policy).read_text("utf-8"))["Statement"]
    assert {statement["Effect"] for statement in found} == {"Allow"}
    return found


def test_autoscaling_group_scale() -> None:
    statements = statements_of("autoscaling_group_scale.json")
    allowed = [action for statement in statements for action in statement["Action"]]
    assert sorted(allowed) == sorted(operations_of("autoscaling.py", "autoscaling"))
    for statement in statements:
        reads = all(action.startswith("autoscaling:Describe") for action in statement["Action"])
        # Describing knows no resources; everything else is bound to groups with a tag.
        assert reads == (statement["Resource"] == "*")
        assert reads or statement["Condition"]["StringEquals"] == {"aws:ResourceTag/environment": "test"}
        if any(action.endswith("Tags") for action in statement["Action"]):
            keys = statement["Condition"]["ForAllValues:StringEquals"]["aws:TagKeys"]
            assert sorted(keys) == sorted([PARKED_TAG, STATE_TAG])


def test_sqs_queue_info() -> None:
    statements = statements_of("sqs_queue_info.json")
    allowed = [action for statement in statements for action in statement["Action"]]
    needed = operations_of("sqs.py", "sqs") | operations_of("cloudwatch.py", "cloudwatch")
    assert sorted(allowed) == sorted(needed)
    assert not [action for action in allowed if "Message" in action or "Purge" in action]
    on_queues = [action for one in statements if one["Resource"] != "*" for action in one["Action"]]
    assert sorted(on_queues) == ["sqs:GetQueueAttributes", "sqs:GetQueueUrl"]
