#!/usr/bin/python
# Copyright (c) 2026 cloudops.core contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Create, configure, empty and delete S3 buckets."""

from __future__ import annotations

DOCUMENTATION = r"""
module: s3_bucket
short_description: Create, configure, empty and delete S3 buckets
version_added: 0.1.0
author:
  - cloudops.core contributors (@cloudops-core)
description:
  - Gives a bucket the properties that you name, and leaves all others alone. An option that isn't given is neither read nor written, so
    permissions and API calls grow only with what you ask for. A repeated run makes one call, and one more for each property given.
  - Empties a bucket, wholly or in part, with all versions, delete markers and unfinished uploads. Listing and deleting go on side by side
    in flat memory, whatever the bucket's size.
  - Deletes a bucket, with what it holds only when told to by O(force).
  - Works with Amazon S3 and with S3-compatible servers such as Ceph RADOS Gateway. A function that a server lacks matters only when its
    option is given.
  - Option names follow C(amazon.aws.s3_bucket) where both have them.
options:
  name:
    description:
      - Name of the bucket.
    type: str
    required: true
  state:
    description:
      - V(present), the bucket exists and has the properties given.
      - V(empty), the bucket stays and what it holds goes, as far as O(prefix), O(older_than) and O(noncurrent_only) select it. A bucket
        that doesn't exist is empty already.
      - V(absent), the bucket doesn't exist. One that holds something is deleted only with O(force=true).
    type: str
    choices: [present, empty, absent]
    default: present
  expected_bucket_owner:
    description:
      - 12-digit id of the account that must own the bucket. S3 refuses every call when another account does.
    type: str
  validate_bucket_name:
    description:
      - Whether the name is held against the rules of Amazon S3 before the first call.
    type: bool
    default: true
  tags:
    description:
      - Tags of the bucket. V({}) with O(purge_tags=true) removes all.
      - Tags that begin with C(aws:) belong to AWS and are never touched.
    type: dict
    aliases: [resource_tags]
  purge_tags:
    description:
      - Whether tags that O(tags) doesn't name are removed. Has no effect where O(tags) isn't given.
    type: bool
    default: true
  versioning:
    description:
      - V(enabled) keeps every version of an object; V(suspended) stops making new ones and keeps those that are there.
      - V(suspended) is content with a bucket that never had versioning. V(true) means V(enabled), and V(false) means V(suspended).
    type: str
    choices: [enabled, suspended, 'true', 'false']
  encryption:
    description:
      - How new objects are encrypted unless their writer says otherwise.
      - V(none) removes the configuration. Amazon S3 then uses AES256 with its own keys, which therefore counts as V(none) there.
    type: str
    choices: [none, AES256, 'aws:kms', 'aws:kms:dsse']
  encryption_key_id:
    description:
      - Id, ARN or alias of the KMS key. Only with O(encryption=aws:kms) or O(encryption=aws:kms:dsse).
      - Without it, a key that is configured stays; on a new bucket it is the account's own C(aws/s3) key.
    type: str
  bucket_key_enabled:
    description:
      - Whether a bucket key saves calls to KMS. Only with O(encryption=aws:kms). Without it, the setting stays.
    type: bool
  public_access:
    description:
      - Blocks public access. Each flag stands for itself; a flag that isn't given keeps its value.
    type: dict
    suboptions:
      block_public_acls:
        description: Refuse new public ACLs.
        type: bool
      ignore_public_acls:
        description: Ignore public ACLs that are there.
        type: bool
      block_public_policy:
        description: Refuse new public bucket policies.
        type: bool
      restrict_public_buckets:
        description: Let only the owner's account and AWS services use a bucket with a public policy.
        type: bool
  delete_public_access:
    description:
      - Remove the bucket's public access block. Excludes O(public_access).
    type: bool
    default: false
  object_ownership:
    description:
      - Who owns objects that other accounts write. V(BucketOwnerEnforced) turns ACLs off.
    type: str
    choices: [BucketOwnerEnforced, BucketOwnerPreferred, ObjectWriter]
  delete_object_ownership:
    description:
      - Remove the bucket's ownership controls. Excludes O(object_ownership).
    type: bool
    default: false
  acl:
    description:
      - Canned ACL of the bucket. Grants that fit no canned ACL are replaced when this is given, and only then.
    type: str
    choices: [private, public-read, public-read-write, authenticated-read, log-delivery-write]
  policy:
    description:
      - Bucket policy, as JSON text or a mapping. V({}) or the text V(null) removes it; an empty text is an error.
      - Compared by meaning. The order of statements and lists, a single value against a list of one, and the case of actions don't matter.
      - The statement of O(deny_insecure_transport) isn't affected by this option.
    type: json
  deny_insecure_transport:
    description:
      - V(true) adds a statement with the Sid C(CloudopsDenyInsecureTransport) to the bucket policy, which refuses requests without TLS.
        V(false) removes it. Every other statement stays.
    type: bool
  object_lock_enabled:
    description:
      - Whether objects can be locked. Turns versioning on where the bucket is new. Can't be turned off again.
      - On an existing bucket versioning must be on, and older S3-compatible servers allow it for new buckets only.
    type: bool
  object_lock_default_retention:
    description:
      - Retention that new objects get; implies O(object_lock_enabled=true). V({}) removes it, and implies nothing.
    type: dict
    suboptions:
      mode:
        description: V(GOVERNANCE) can be overridden by those with the permission, V(COMPLIANCE) by nobody.
        type: str
        choices: [GOVERNANCE, COMPLIANCE]
      days:
        description: Length in days. Excludes O(object_lock_default_retention.years).
        type: int
      years:
        description: Length in years. Excludes O(object_lock_default_retention.days).
        type: int
  lifecycle_rules:
    description:
      - All lifecycle rules, written in one call. V([]) with O(purge_lifecycle_rules=true) removes all.
      - Compared in a normal form. The order of rules and transitions doesn't matter, and neither does an id that S3 made up for a rule
        given without one.
    type: list
    elements: dict
    suboptions:
      id:
        description: Name of the rule, unique within the bucket, at most 255 characters. S3 makes one up where it is missing.
        type: str
      enabled:
        description: Whether the rule acts.
        type: bool
        default: true
      prefix:
        description: Only objects whose key begins like this.
        type: str
      tags:
        description: Only objects that have all of these tags.
        type: dict
      object_size_greater_than:
        description: Only objects of more bytes than this.
        type: int
      object_size_less_than:
        description: Only objects of fewer bytes than this.
        type: int
      expiration:
        description: When objects expire. Exactly one of its options.
        type: dict
        suboptions:
          days:
            description: Days after creation.
            type: int
          date:
            description: Date, C(YYYY-MM-DD), midnight UTC.
            type: str
          expired_object_delete_marker:
            description: Remove delete markers that have no versions left.
            type: bool
      noncurrent_version_expiration:
        description: When versions that something newer has replaced are removed.
        type: dict
        suboptions:
          noncurrent_days:
            description: Days after the version was replaced.
            type: int
          newer_noncurrent_versions:
            description: Number of newer noncurrent versions to keep.
            type: int
      transitions:
        description: Moves to other storage classes. Each with exactly one of C(days) and C(date).
        type: list
        elements: dict
        suboptions:
          days:
            description: Days after creation.
            type: int
          date:
            description: Date, C(YYYY-MM-DD), midnight UTC.
            type: str
          storage_class:
            description: Storage class to move to, such as V(STANDARD_IA) or V(DEEP_ARCHIVE).
            type: str
            required: true
      noncurrent_version_transitions:
        description: Moves of noncurrent versions to other storage classes.
        type: list
        elements: dict
        suboptions:
          noncurrent_days:
            description: Days after the version was replaced.
            type: int
          newer_noncurrent_versions:
            description: Number of newer noncurrent versions that stay where they are.
            type: int
          storage_class:
            description: Storage class to move to.
            type: str
            required: true
      abort_incomplete_multipart_upload_days:
        description: Abort uploads that are still unfinished this many days after they began.
        type: int
  purge_lifecycle_rules:
    description:
      - Whether rules that O(lifecycle_rules) doesn't name are removed. With V(false), rules are added, and replaced by id.
    type: bool
    default: true
  logging:
    description:
      - Server access logging.
    type: dict
    suboptions:
      enabled:
        description: V(false) turns logging off.
        type: bool
        default: true
      target_bucket:
        description: Bucket that gets the logs.
        type: str
      target_prefix:
        description: Beginning of the keys of the logs.
        type: str
        default: ''
  cors:
    description:
      - All cross-origin rules, in the order in which they are tried. V([]) removes all.
    type: list
    elements: dict
    suboptions:
      id:
        description: Name of the rule.
        type: str
      allowed_origins:
        description: Origins that may ask, such as V(https://www.example.com) or V(*).
        type: list
        elements: str
        required: true
      allowed_methods:
        description: Methods that they may use.
        type: list
        elements: str
        choices: [GET, PUT, POST, DELETE, HEAD]
        required: true
      allowed_headers:
        description: Request headers that they may send.
        type: list
        elements: str
      expose_headers:
        description: Response headers that they may read.
        type: list
        elements: str
      max_age_seconds:
        description: How long browsers may keep the answer, in seconds.
        type: int
  requester_pays:
    description:
      - Whether those who read pay for requests and traffic.
    type: bool
  acceleration:
    description:
      - Whether transfer acceleration is on.
    type: bool
    aliases: [accelerate_enabled]
  dualstack:
    description:
      - Whether to use the endpoints that have IPv6 addresses, too.
    type: bool
    default: false
  ceph:
    description:
      - Taken so that tasks written for C(amazon.aws.s3_bucket) run unchanged, and without effect. S3-compatible servers need no special
        treatment here beyond O(endpoint_url).
    type: bool
    default: false
    aliases: [rgw]
  force:
    description:
      - With O(state=absent), remove everything in the bucket, then the bucket. There is no way back.
    type: bool
    default: false
  prefix:
    description:
      - With O(state=empty), only keys that begin like this.
    type: str
    default: ''
  older_than:
    description:
      - With O(state=empty), only what was written (uploads, begun) longer ago than this. A number and a unit of C(s), C(m), C(h), C(d) or
        C(w), such as V(30d). Counted from the start of the task, by the clock of the host that runs it.
    type: str
  noncurrent_only:
    description:
      - With O(state=empty), only versions and delete markers that something newer has replaced. Current objects, delete markers that
        hide an object now, and unfinished uploads stay.
    type: bool
    default: false
  max_objects:
    description:
      - The most entries (objects, versions, delete markers and uploads together) that may be removed. Everything is counted first; when
        there is more, the task fails before the first removal. Costs a second listing.
    type: int
  bypass_governance_retention:
    description:
      - Remove versions that are locked in governance mode, too. Needs the permission C(s3:BypassGovernanceRetention).
    type: bool
    default: false
  mfa:
    description:
      - Serial number of the MFA device and its code, with a space between them, for buckets with MFA delete. Removes with one request at
        a time.
    type: str
  concurrency:
    description:
      - Requests that remove, side by side.
    type: int
    default: 32
  batch_size:
    description:
      - Keys in a request that removes, 1000 at the most. Without it, 1000 on Amazon S3, and 50 on other servers, which go through a
        request's keys one after the other.
    type: int
extends_documentation_fragment:
  - cloudops.core.aws
  - cloudops.core.attributes
  - cloudops.core.attributes.aws_group
seealso:
  - module: cloudops.core.s3_bucket_info
"""

EXAMPLES = r"""
- name: Create a bucket that keeps versions and can't be made public
  cloudops.core.s3_bucket:
    name: example-reports-2026
    region: eu-central-1
    versioning: enabled
    encryption: AES256
    public_access:
      block_public_acls: true
      ignore_public_acls: true
      block_public_policy: true
      restrict_public_buckets: true
    deny_insecure_transport: true
    tags:
      team: finance

- name: Expire old logs, and clean up after broken uploads
  cloudops.core.s3_bucket:
    name: example-reports-2026
    region: eu-central-1
    lifecycle_rules:
      - id: logs
        prefix: logs/
        expiration:
          days: 90
        noncurrent_version_expiration:
          noncurrent_days: 30
      - id: uploads
        abort_incomplete_multipart_upload_days: 7

- name: Remove what is older than 30 days below tmp/, but never more than 10000 entries
  cloudops.core.s3_bucket:
    name: example-reports-2026
    region: eu-central-1
    state: empty
    prefix: tmp/
    older_than: 30d
    max_objects: 10000

- name: Remove the bucket with everything in it
  cloudops.core.s3_bucket:
    name: example-reports-2026
    region: eu-central-1
    state: absent
    force: true
"""

RETURN = r"""
name:
  description: Name of the bucket.
  returned: always
  type: str
  sample: example-reports-2026
actions:
  description: What was done, or would be done in check mode, in this order. When the task fails, only what was done.
  returned: always
  type: list
  elements: str
  sample: [create bucket, put versioning]
actions_not_done:
  description: What was left to do when the task failed.
  returned: when a step of O(state=present) fails
  type: list
  elements: str
bucket:
  description:
    - The bucket after the task, with those properties that were asked for. A property that isn't configured is V(null).
  returned: when O(state=present) succeeds
  type: dict
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
      description: Region of the bucket; where the endpoint doesn't tell, the region that requests are signed for.
      type: str
      sample: eu-central-1
    properties:
      description: The properties that were asked for, each in the form that its option has.
      type: dict
      sample: {"versioning": "enabled", "encryption": {"algorithm": "AES256", "key_id": null, "bucket_key_enabled": false}}
removed:
  description: What was removed, or would be removed in check mode.
  returned: when O(state=empty) or O(state=absent)
  type: dict
  contains:
    objects:
      description: Current objects.
      type: int
      sample: 1200
    versions:
      description: Versions that something newer had replaced.
      type: int
      sample: 340
    delete_markers:
      description: Delete markers.
      type: int
      sample: 12
    uploads:
      description: Unfinished uploads.
      type: int
      sample: 1
    bytes:
      description: Bytes of objects and versions together.
      type: int
      sample: 1048576
selection:
  description: What was to be removed; C(older_than) as the moment it came to.
  returned: when O(state=empty)
  type: dict
  sample: {"prefix": "tmp/", "older_than": "2026-10-22T09:00:00+00:00", "noncurrent_only": false}
refused:
  description: What could not be removed, by the code that S3 gave, with the first keys of each.
  returned: when something could not be removed
  type: list
  elements: dict
  sample: [{"code": "AccessDenied", "count": 1, "message": "", "first": [{"key": "a", "version_id": "null", "kind": "object"}]}]
contents:
  description: What the first page of a listing shows of a bucket that isn't empty.
  returned: when O(state=absent) fails because the bucket isn't empty
  type: dict
  sample: {"objects": 3, "versions": 0, "delete_markers": 0, "uploads": 0, "bytes": 42}
api_calls:
  description: Requests sent, by operation, retries included.
  returned: always
  type: dict
  sample: {"HeadBucket": 1, "GetBucketVersioning": 1}
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
      sample: AccessDenied
    message:
      description: What the provider said.
      type: str
      sample: Access Denied
    operation:
      description: What was being done.
      type: str
      sample: read the policy
    resource:
      description: What it was done to.
      type: str
      sample: bucket example-reports-2026
    hint:
      description: What to do about it.
      type: str
"""

from datetime import datetime, timezone
from typing import Any

from ansible.module_utils.basic import AnsibleModule
from ansible_collections.cloudops.core.plugins.module_utils._ansible.argspec import (
    AWS_EXCLUSIVE,
    AWS_TOGETHER,
    aws_spec,
    removal_spec,
)
from ansible_collections.cloudops.core.plugins.module_utils._ansible.runner import (
    Result,
    carry_out,
    report,
    require,
    run,
)
from ansible_collections.cloudops.core.plugins.module_utils._aws.client import BOTO3_IMPORT_ERROR, Clients, Connection
from ansible_collections.cloudops.core.plugins.module_utils._aws.s3 import S3Gateway
from ansible_collections.cloudops.core.plugins.module_utils._aws.s3_contents import Removal, S3Contents
from ansible_collections.cloudops.core.plugins.module_utils._domain.bucket_options import check_options, settings_from
from ansible_collections.cloudops.core.plugins.module_utils._domain.buckets import (
    Desired,
    Emptied,
    Selection,
    check_region,
    cutoff,
    plan_absent,
    plan_empty,
    plan_present,
)


def option_spec() -> dict[str, Any]:
    """The module's own options."""
    text, flag, off = {"type": "str"}, {"type": "bool"}, {"type": "bool", "default": False}
    return {
        "name": {"type": "str", "required": True},
        "state": {"type": "str", "choices": ["present", "empty", "absent"], "default": "present"},
        "expected_bucket_owner": text,
        "validate_bucket_name": {"type": "bool", "default": True},
        "tags": {"type": "dict", "aliases": ["resource_tags"]},
        "purge_tags": {"type": "bool", "default": True},
        "versioning": {"type": "str", "choices": ["enabled", "suspended", "true", "false"]},
        "encryption": {"type": "str", "choices": ["none", "AES256", "aws:kms", "aws:kms:dsse"]},
        "encryption_key_id": {"type": "str", "no_log": False},
        "bucket_key_enabled": {"type": "bool", "no_log": False},
        **_access_spec(),
        **_object_lock_spec(),
        "lifecycle_rules": {"type": "list", "elements": "dict", "options": _rule_spec()},
        "purge_lifecycle_rules": {"type": "bool", "default": True},
        "logging": {
            "type": "dict",
            "options": {
                "enabled": {"type": "bool", "default": True},
                "target_bucket": text,
                "target_prefix": {"type": "str", "default": ""},
            },
        },
        "cors": {"type": "list", "elements": "dict", "options": _cors_spec()},
        "requester_pays": flag,
        "acceleration": {"type": "bool", "aliases": ["accelerate_enabled"]},
        "dualstack": off,
        "ceph": {"type": "bool", "default": False, "aliases": ["rgw"]},
        **removal_spec(concurrency=32),
        "bypass_governance_retention": off,
        "mfa": {"type": "str", "no_log": True},
    }


def _access_spec() -> dict[str, Any]:
    """Who may reach what the bucket holds."""
    blocks = ("block_public_acls", "ignore_public_acls", "block_public_policy", "restrict_public_buckets")
    ownerships = ["BucketOwnerEnforced", "BucketOwnerPreferred", "ObjectWriter"]
    acls = ["private", "public-read", "public-read-write", "authenticated-read", "log-delivery-write"]
    return {
        "public_access": {"type": "dict", "options": {name: {"type": "bool"} for name in blocks}},
        "delete_public_access": {"type": "bool", "default": False},
        "object_ownership": {"type": "str", "choices": ownerships},
        "delete_object_ownership": {"type": "bool", "default": False},
        "acl": {"type": "str", "choices": acls},
        "policy": {"type": "json"},
        "deny_insecure_transport": {"type": "bool"},
    }


def _object_lock_spec() -> dict[str, Any]:
    retention = {
        "mode": {"type": "str", "choices": ["GOVERNANCE", "COMPLIANCE"]},
        "days": {"type": "int"},
        "years": {"type": "int"},
    }
    return {
        "object_lock_enabled": {"type": "bool"},
        "object_lock_default_retention": {"type": "dict", "options": retention},
    }


def _rule_spec() -> dict[str, Any]:
    """One lifecycle rule."""
    text, flag, number = {"type": "str"}, {"type": "bool"}, {"type": "int"}
    days_or_date, storage_class = {"days": number, "date": text}, {"type": "str", "required": True}
    noncurrent = {"noncurrent_days": number, "newer_noncurrent_versions": number}
    return {
        "id": text,
        "enabled": {"type": "bool", "default": True},
        "prefix": text,
        "tags": {"type": "dict"},
        "object_size_greater_than": number,
        "object_size_less_than": number,
        "expiration": {"type": "dict", "options": {**days_or_date, "expired_object_delete_marker": flag}},
        "noncurrent_version_expiration": {"type": "dict", "options": noncurrent},
        "transitions": {
            "type": "list",
            "elements": "dict",
            "options": {**days_or_date, "storage_class": storage_class},
        },
        "noncurrent_version_transitions": {
            "type": "list",
            "elements": "dict",
            "options": {**noncurrent, "storage_class": storage_class},
        },
        "abort_incomplete_multipart_upload_days": number,
    }


def _cors_spec() -> dict[str, Any]:
    """One rule of cross-origin requests."""
    words = {"type": "list", "elements": "str"}
    methods = ["GET", "PUT", "POST", "DELETE", "HEAD"]
    return {
        "id": {"type": "str"},
        "allowed_origins": {**words, "required": True},
        "allowed_methods": {**words, "required": True, "choices": methods},
        "allowed_headers": words,
        "expose_headers": words,
        "max_age_seconds": {"type": "int"},
    }


def present(module: AnsibleModule, gateway: S3Gateway) -> Result:
    """Create and configure."""
    params = module.params
    name, arn = params["name"], gateway.arn(params["name"])
    desired = Desired(name, arn, params["region"] or "", settings_from(params, gateway.default_encryption()))
    current = gateway.read(name, desired.settings)
    plan = plan_present(current, desired, gateway.fresh())
    region = (current.region if current else "") or gateway.client().meta.region_name
    properties = {setting: plan.after[setting] for setting in desired.settings}
    facts = {"bucket": {"name": name, "arn": arn, "region": region, "properties": properties}}
    return carry_out(module, plan, lambda: gateway.apply(plan, name), {"name": name}, facts)


def empty(module: AnsibleModule, gateway: S3Gateway) -> Result:
    """Remove contents, keep the bucket."""
    params = module.params
    name = params["name"]
    older_than = cutoff(params["older_than"], datetime.now(timezone.utc))
    selection = Selection(params["prefix"], older_than, params["noncurrent_only"])
    exists = _exists(gateway, params)
    contents = S3Contents(gateway, name)
    emptied = contents.empty(selection, _removal(params), dry_run=module.check_mode) if exists else Emptied()
    values = {"name": name, "selection": selection.describe(), **emptied.as_result()}
    return report(plan_empty(name, exists, emptied.tally), values, emptied.failure)


def absent(module: AnsibleModule, gateway: S3Gateway) -> Result:
    """Delete the bucket; with force, all that it holds first."""
    params = module.params
    name = params["name"]
    exists = _exists(gateway, params)
    contents = S3Contents(gateway, name)
    if not exists:
        emptied = Emptied()
    elif params["force"]:
        emptied = contents.empty_and_delete(_removal(params), dry_run=module.check_mode)
    else:
        emptied = contents.delete_if_empty(dry_run=module.check_mode)
    plan = plan_absent(name, exists, emptied.tally, deleted=emptied.failure is None)
    return report(plan, {"name": name, **emptied.as_result()}, emptied.failure)


def _exists(gateway: S3Gateway, params: dict[str, Any]) -> bool:
    """Whether there is such a bucket, where it is expected."""
    current = gateway.read(params["name"])
    if current:
        check_region(current, params["region"] or "")
    return current is not None


def _removal(params: dict[str, Any]) -> Removal:
    return Removal(
        bypass_governance_retention=params["bypass_governance_retention"],
        mfa=params["mfa"],
        concurrency=params["concurrency"],
        batch_size=params["batch_size"],
        max_objects=params["max_objects"],
    )


def main() -> None:
    """Wire it up."""
    module = AnsibleModule(
        argument_spec=aws_spec(**option_spec()),
        mutually_exclusive=[
            *AWS_EXCLUSIVE,
            ("public_access", "delete_public_access"),
            ("object_ownership", "delete_object_ownership"),
        ],
        required_together=AWS_TOGETHER,
        supports_check_mode=True,
    )
    require(module, "boto3", BOTO3_IMPORT_ERROR)
    clients = Clients(Connection.from_params(module.params), pool=module.params["concurrency"] + 4)
    states = {"present": present, "empty": empty, "absent": absent}

    def work() -> Result:
        check_options(module.params)
        gateway = S3Gateway(clients, owner=module.params["expected_bucket_owner"], dualstack=module.params["dualstack"])
        return states[module.params["state"]](module, gateway)

    run(module, work, extras=lambda: {"api_calls": clients.calls.as_result()})


if __name__ == "__main__":
    main()
