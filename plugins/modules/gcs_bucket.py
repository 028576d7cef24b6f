#!/usr/bin/python
# Copyright (c) 2026 cloudops.core contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Create, configure, empty and delete Google Cloud Storage buckets."""

from __future__ import annotations

DOCUMENTATION = r"""
module: gcs_bucket
short_description: Create, configure, empty and delete Google Cloud Storage buckets
version_added: 0.1.0
author:
  - cloudops.core contributors (@cloudops-core)
description:
  - Gives a bucket the properties that you name, and leaves all others alone. A repeated run makes one call. A change makes one more, which
    sends only what differs, and only if nobody else changed the bucket since it was read. When somebody did, the bucket is read again and
    the change is worked out anew, three times at the most, so that two writers never undo each other's work.
  - Empties a bucket, wholly or in part, with all generations of its objects. Listing and deleting go on side by side in flat memory,
    whatever the bucket's size. What is deleted is named by its generation, so that nothing newer is ever deleted.
  - Deletes a bucket, with what it holds only when told to by O(force).
  - Objects that are deleted stay restorable, and are billed, for as long as the bucket's soft delete says; see O(soft_delete_retention).
  - Unfinished uploads are neither counted nor removed, as the JSON API doesn't list them. They don't keep a bucket from being deleted, and
    a lifecycle rule with C(AbortIncompleteMultipartUpload) clears them up.
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
  validate_bucket_name:
    description:
      - Whether the name is held against the rules of Cloud Storage before the first call.
    type: bool
    default: true
  location:
    description:
      - Where the bucket is, such as V(EU), V(EUR4) or V(europe-west3), in any case. A bucket can't be moved, so one that is elsewhere is an
        error, with every O(state).
      - Without it, a new bucket is made where Cloud Storage puts it (C(US)), and an existing one may be anywhere.
    type: str
    aliases: [region]
  storage_class:
    description:
      - Storage class of new objects. Objects that are there keep theirs.
    type: str
    choices: [STANDARD, NEARLINE, COLDLINE, ARCHIVE, MULTI_REGIONAL, REGIONAL, DURABLE_REDUCED_AVAILABILITY]
  labels:
    description:
      - Labels of the bucket. V({}) with O(purge_labels=true) removes all.
    type: dict
  purge_labels:
    description:
      - Whether labels that O(labels) doesn't name are removed. Has no effect where O(labels) isn't given.
    type: bool
    default: true
  versioning:
    description:
      - V(enabled) keeps every generation of an object; V(suspended) stops making new ones and keeps those that are there.
      - V(suspended) is content with a bucket that never had versioning. V(true) means V(enabled), and V(false) means V(suspended).
    type: str
    choices: [enabled, suspended, 'true', 'false']
  uniform_bucket_level_access:
    description:
      - Whether IAM alone decides about access, and ACLs are off. Cloud Storage lets it be turned off again for 90 days only.
    type: bool
  public_access_prevention:
    description:
      - V(enforced) refuses to make anything in the bucket public; V(inherited) leaves it to the organization policy.
    type: str
    choices: [enforced, inherited]
  lifecycle_rules:
    description:
      - All lifecycle rules, which replace those that are there. V([]) removes all. Their order doesn't matter.
    type: list
    elements: dict
    suboptions:
      action:
        description: What the rule does.
        type: dict
        required: true
        suboptions:
          type:
            description: Delete objects, move them to another storage class, or abort unfinished multipart uploads.
            type: str
            choices: [Delete, SetStorageClass, AbortIncompleteMultipartUpload]
            required: true
          storage_class:
            description: Storage class to move to. Only with C(SetStorageClass).
            type: str
      condition:
        description: To what. All that is given must hold, and at least one condition has to be.
        type: dict
        required: true
        suboptions:
          age:
            description: Days since the object was created, or since the upload began.
            type: int
          created_before:
            description: Date, C(YYYY-MM-DD), midnight UTC.
            type: str
          custom_time_before:
            description: Date that the object's custom time is before.
            type: str
          days_since_custom_time:
            description: Days since the object's custom time.
            type: int
          days_since_noncurrent_time:
            description: Days since the generation became noncurrent.
            type: int
          noncurrent_time_before:
            description: Date before which the generation became noncurrent.
            type: str
          is_live:
            description: V(true) for live objects, V(false) for noncurrent generations.
            type: bool
          num_newer_versions:
            description: Generations of the object that are newer, at least.
            type: int
          matches_storage_class:
            description: Storage classes that the object may have.
            type: list
            elements: str
          matches_prefix:
            description: Beginnings of names.
            type: list
            elements: str
          matches_suffix:
            description: Ends of names.
            type: list
            elements: str
  retention_period:
    description:
      - How long objects are kept after they were written, before which they can be neither deleted nor replaced. A number of seconds, or
        a number and a unit of C(s), C(m), C(h), C(d) or C(w), such as V(30d). V(0) removes the retention policy.
      - A locked policy can only be made longer. Whether it is locked is returned; this module locks none.
    type: str
  soft_delete_retention:
    description:
      - How long deleted objects can be restored. V(0) turns soft delete off, and otherwise it is V(7d) to V(90d). Written like
        O(retention_period).
      - Without it, a new bucket has what the organization policy says, usually 7 days.
    type: str
  default_kms_key_name:
    description:
      - Cloud KMS key that new objects are encrypted with, as C(projects/P/locations/L/keyRings/R/cryptoKeys/K). V(none) goes back to keys
        of Google's own.
    type: str
  logging:
    description:
      - Usage logs of the bucket.
    type: dict
    suboptions:
      enabled:
        description: V(false) turns logging off.
        type: bool
        default: true
      log_bucket:
        description: Bucket that gets the logs.
        type: str
      log_object_prefix:
        description: Beginning of the names of the logs. Without it, the name of the bucket.
        type: str
  website:
    description:
      - How the bucket answers as a web site. V({}) removes it.
    type: dict
    suboptions:
      main_page_suffix:
        description: Name of the object that stands for a directory, such as V(index.html).
        type: str
      not_found_page:
        description: Name of the object that is shown where there is none, such as V(404.html).
        type: str
  cors:
    description:
      - All cross-origin rules, in the order in which they are tried. V([]) removes all.
    type: list
    elements: dict
    suboptions:
      origin:
        description: Origins that may ask, such as V(https://www.example.com) or V(*).
        type: list
        elements: str
        required: true
      method:
        description: Methods that they may use, such as V(GET), or V(*).
        type: list
        elements: str
        required: true
      response_header:
        description: Response headers that they may read.
        type: list
        elements: str
      max_age_seconds:
        description: How long browsers may keep the answer, in seconds.
        type: int
  requester_pays:
    description:
      - Whether those who read pay for requests and traffic. Once it is on, requests may need O(billing_project).
    type: bool
  force:
    description:
      - With O(state=absent), remove everything in the bucket, then the bucket.
    type: bool
    default: false
  prefix:
    description:
      - With O(state=empty), only names that begin like this.
    type: str
    default: ''
  older_than:
    description:
      - With O(state=empty), only generations that were written longer ago than this. A number and a unit of C(s), C(m), C(h), C(d) or
        C(w), such as V(30d). Counted from the start of the task, by the clock of the host that runs it.
    type: str
  noncurrent_only:
    description:
      - With O(state=empty), only generations that are no longer live. Live objects stay.
    type: bool
    default: false
  max_objects:
    description:
      - The most generations (live and noncurrent together) that may be removed. Everything is counted first; when there is more, the task
        fails before the first removal. Costs a second listing.
    type: int
  concurrency:
    description:
      - Requests that remove, side by side.
    type: int
    default: 16
  batch_size:
    description:
      - Deletions in a batch request, 100 at the most, which is what it is without this option. V(1) sends each as a request of its own.
    type: int
extends_documentation_fragment:
  - cloudops.core.gcp
  - cloudops.core.attributes
  - cloudops.core.attributes.gcp_group
seealso:
  - module: cloudops.core.gcs_bucket_info
  - module: cloudops.core.s3_bucket
"""

EXAMPLES = r"""
- name: Create a bucket that keeps versions and can't be made public
  cloudops.core.gcs_bucket:
    name: example-reports-2026
    project: example-project
    location: europe-west3
    versioning: enabled
    uniform_bucket_level_access: true
    public_access_prevention: enforced
    soft_delete_retention: 14d
    labels:
      team: finance

- name: Move old logs to colder storage, delete them later, and clean up after broken uploads
  cloudops.core.gcs_bucket:
    name: example-reports-2026
    lifecycle_rules:
      - action:
          type: SetStorageClass
          storage_class: COLDLINE
        condition:
          age: 30
          matches_prefix: [logs/]
      - action:
          type: Delete
        condition:
          age: 365
          matches_prefix: [logs/]
      - action:
          type: AbortIncompleteMultipartUpload
        condition:
          age: 7

- name: Remove what is older than 30 days below tmp/, but never more than 10000 generations
  cloudops.core.gcs_bucket:
    name: example-reports-2026
    state: empty
    prefix: tmp/
    older_than: 30d
    max_objects: 10000

- name: Remove the bucket with everything in it
  cloudops.core.gcs_bucket:
    name: example-reports-2026
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
  returned: when the change of O(state=present) fails
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
    location:
      description: Location of the bucket, in upper case. For a new bucket the one that was asked for, or empty.
      type: str
      sample: EUROPE-WEST3
    properties:
      description:
        - The properties that were asked for, each in the form that its option has. Periods are in seconds, and RV(ignore:retention_period)
          says whether the policy is locked.
      type: dict
      sample: {"versioning": "enabled", "retention_period": {"seconds": 86400, "locked": false}}
removed:
  description: What was removed, or would be removed in check mode.
  returned: when O(state=empty) or O(state=absent)
  type: dict
  contains:
    objects:
      description: Live objects.
      type: int
      sample: 1200
    versions:
      description: Noncurrent generations.
      type: int
      sample: 340
    delete_markers:
      description: Always 0, as Cloud Storage has none. Here so that the counts are the same for every provider.
      type: int
      sample: 0
    uploads:
      description: Always 0, as the JSON API doesn't list unfinished uploads.
      type: int
      sample: 0
    bytes:
      description: Bytes of all of them together.
      type: int
      sample: 1048576
selection:
  description: What was to be removed; C(older_than) as the moment it came to.
  returned: when O(state=empty)
  type: dict
  sample: {"prefix": "tmp/", "older_than": "2026-10-22T09:00:00+00:00", "noncurrent_only": false}
refused:
  description:
    - What could not be removed, by the code that Cloud Storage gave, with the first names of each. In check mode, what holds and
      retention would keep, as far as the listing tells.
  returned: when something could not be removed
  type: list
  elements: dict
  sample:
    - code: objectUnderActiveHold
      count: 1
      message: ""
      first: [{"key": "a", "version_id": "1795277381039523", "kind": "object"}]
contents:
  description: What the first page of a listing shows of a bucket that isn't empty.
  returned: when O(state=absent) fails because the bucket isn't empty
  type: dict
  sample: {"objects": 3, "versions": 0, "delete_markers": 0, "uploads": 0, "bytes": 42}
api_calls:
  description: Requests sent, by method of the JSON API, retries included. A batch counts as one request here, whatever it holds.
  returned: always
  type: dict
  sample: {"batch": 12, "buckets.get": 1, "objects.list": 2}
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
      sample: forbidden
    message:
      description: What the provider said.
      type: str
      sample: Permission 'storage.buckets.get' denied on resource (or it may not exist).
    operation:
      description: What was being done.
      type: str
      sample: read the bucket
    resource:
      description: What it was done to.
      type: str
      sample: bucket example-reports-2026
    hint:
      description: What to do about it.
      type: str
"""

from collections.abc import Mapping
from datetime import datetime, timezone
from typing import Any

from ansible.module_utils.basic import AnsibleModule
from ansible_collections.cloudops.core.plugins.module_utils._ansible.argspec import gcp_spec, hide_key, removal_spec
from ansible_collections.cloudops.core.plugins.module_utils._ansible.runner import (
    Result,
    carry_out,
    report,
    require,
    run,
)
from ansible_collections.cloudops.core.plugins.module_utils._domain.buckets import (
    Desired,
    Emptied,
    Selection,
    cutoff,
    plan_absent,
    plan_empty,
)
from ansible_collections.cloudops.core.plugins.module_utils._domain.gcs_options import check_options, settings_from
from ansible_collections.cloudops.core.plugins.module_utils._domain.gcs_properties import check_location, plan_bucket
from ansible_collections.cloudops.core.plugins.module_utils._gcp.client import GOOGLE_IMPORT_ERROR, Api
from ansible_collections.cloudops.core.plugins.module_utils._gcp.storage import StorageGateway, Writing
from ansible_collections.cloudops.core.plugins.module_utils._gcp.storage_contents import Removal, StorageContents

STORAGE_CLASSES = [
    "STANDARD",
    "NEARLINE",
    "COLDLINE",
    "ARCHIVE",
    "MULTI_REGIONAL",
    "REGIONAL",
    "DURABLE_REDUCED_AVAILABILITY",
]


def option_spec() -> dict[str, Any]:
    """The module's own options."""
    text, flag = {"type": "str"}, {"type": "bool"}
    return {
        "name": {"type": "str", "required": True},
        "state": {"type": "str", "choices": ["present", "empty", "absent"], "default": "present"},
        "validate_bucket_name": {"type": "bool", "default": True},
        "location": {"type": "str", "aliases": ["region"]},
        "storage_class": {"type": "str", "choices": STORAGE_CLASSES},
        "labels": {"type": "dict"},
        "purge_labels": {"type": "bool", "default": True},
        "versioning": {"type": "str", "choices": ["enabled", "suspended", "true", "false"]},
        "uniform_bucket_level_access": flag,
        "public_access_prevention": {"type": "str", "choices": ["enforced", "inherited"]},
        "lifecycle_rules": {"type": "list", "elements": "dict", "options": _rule_spec()},
        "retention_period": text,
        "soft_delete_retention": text,
        "default_kms_key_name": {"type": "str", "no_log": False},
        "logging": {
            "type": "dict",
            "options": {"enabled": {"type": "bool", "default": True}, "log_bucket": text, "log_object_prefix": text},
        },
        "website": {"type": "dict", "options": {"main_page_suffix": text, "not_found_page": text}},
        "cors": _cors_spec(),
        "requester_pays": flag,
        **removal_spec(concurrency=16),
    }


def _cors_spec() -> dict[str, Any]:
    words = {"type": "list", "elements": "str"}
    rule = {
        "origin": {**words, "required": True},
        "method": {**words, "required": True},
        "response_header": words,
        "max_age_seconds": {"type": "int"},
    }
    return {"type": "list", "elements": "dict", "options": rule}


def _rule_spec() -> dict[str, Any]:
    text, number, words = {"type": "str"}, {"type": "int"}, {"type": "list", "elements": "str"}
    actions = ["Delete", "SetStorageClass", "AbortIncompleteMultipartUpload"]
    return {
        "action": {
            "type": "dict",
            "required": True,
            "options": {"type": {"type": "str", "choices": actions, "required": True}, "storage_class": text},
        },
        "condition": {
            "type": "dict",
            "required": True,
            "options": {
                "age": number,
                "created_before": text,
                "custom_time_before": text,
                "days_since_custom_time": number,
                "days_since_noncurrent_time": number,
                "noncurrent_time_before": text,
                "is_live": {"type": "bool"},
                "num_newer_versions": number,
                "matches_storage_class": words,
                "matches_prefix": words,
                "matches_suffix": words,
            },
        },
    }


def present(module: AnsibleModule, gateway: StorageGateway) -> Result:
    """Create and configure."""
    params = module.params
    name, location = params["name"], params["location"]
    desired = Desired(name, "", settings=settings_from(params))
    writing = Writing(
        gateway,
        name,
        list(desired.settings),
        location,
        lambda current: plan_bucket(current, desired, location),
    )
    plan = writing.look()
    result = carry_out(module, plan, writing.carry_out, {"name": name})
    if result.failure is None:
        region = writing.current.region if writing.current else (location or "").upper()
        after = writing.plan.after  # what it came to, which others may have had a part in
        properties = {setting: after[setting] for setting in desired.settings}
        result.values["bucket"] = {"name": name, "location": region, "properties": properties}
        result.diff = writing.plan.diff()
    return result


def empty(module: AnsibleModule, gateway: StorageGateway) -> Result:
    """Remove contents, keep the bucket."""
    params = module.params
    name, now = params["name"], datetime.now(timezone.utc)
    selection = Selection(params["prefix"], cutoff(params["older_than"], now), params["noncurrent_only"])
    exists = _exists(gateway, params)
    contents = StorageContents(gateway, name, now)
    emptied = contents.empty(selection, _removal(params), dry_run=module.check_mode) if exists else Emptied()
    values = {"name": name, "selection": selection.describe(), **emptied.as_result()}
    return report(plan_empty(name, exists, emptied.tally), values, emptied.failure)


def absent(module: AnsibleModule, gateway: StorageGateway) -> Result:
    """Delete the bucket; with force, all that it holds first."""
    params = module.params
    name = params["name"]
    exists = _exists(gateway, params)
    contents = StorageContents(gateway, name, datetime.now(timezone.utc))
    if not exists:
        emptied = Emptied()
    elif params["force"]:
        emptied = contents.empty_and_delete(_removal(params), dry_run=module.check_mode)
    else:
        emptied = contents.delete_if_empty(dry_run=module.check_mode)
    plan = plan_absent(name, exists, emptied.tally, deleted=emptied.failure is None)
    return report(plan, {"name": name, **emptied.as_result()}, emptied.failure)


def _exists(gateway: StorageGateway, params: Mapping[str, Any]) -> bool:
    """Whether there is such a bucket, where it is expected."""
    current = gateway.read(params["name"])
    if current:
        check_location(current, params["location"])
    return current is not None


def _removal(params: Mapping[str, Any]) -> Removal:
    return Removal(
        concurrency=params["concurrency"], batch_size=params["batch_size"], max_objects=params["max_objects"]
    )


def main() -> None:
    """Wire it up."""
    module = AnsibleModule(argument_spec=gcp_spec(**option_spec()), supports_check_mode=True)
    hide_key(module)
    require(module, "google-cloud-storage", GOOGLE_IMPORT_ERROR)
    api = Api(module.params, pool=module.params["concurrency"] + 4)
    states = {"present": present, "empty": empty, "absent": absent}

    def work() -> Result:
        check_options(module.params)
        return states[module.params["state"]](module, StorageGateway(api))

    run(module, work, extras=lambda: {"api_calls": api.calls.as_result()})


if __name__ == "__main__":
    main()
