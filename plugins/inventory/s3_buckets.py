# Copyright (c) 2026 cloudops.core contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""S3 buckets as hosts."""

from __future__ import annotations

DOCUMENTATION = r"""
name: s3_buckets
short_description: S3 buckets as hosts, with the properties that you ask for
version_added: 0.1.0
author:
  - cloudops.core contributors (@cloudops-core)
description:
  - Makes a host of each bucket, so that a play goes through buckets as through machines. Tasks for them run on the controller.
  - Its file's name ends in C(s3_buckets.yml) or C(s3_buckets.yaml).
  - The host variables are C(bucket_name), C(bucket_arn), C(bucket_region), C(creation_date) and C(properties), which has each of
    O(properties) with its C(state) of V(value), V(absent) (it isn't configured) or V(unknown), and its C(value), or the C(code) and
    C(message) of the refusal. A read that is denied never looks like a property that isn't configured.
  - C(ansible_connection) is V(local), and C(ansible_python_interpreter) the Python that runs Ansible; O(compose) may change both.
options:
  plugin:
    description: Marks the file as one of this plugin.
    type: str
    required: true
    choices: [cloudops.core.s3_buckets]
  names:
    description: Names of the buckets. Those that don't exist are named in a warning. Without it, all buckets of the account.
    type: list
    elements: str
  name_prefix:
    description: Only buckets whose names begin like this. Excludes O(names).
    type: str
    default: ''
  tags:
    description:
      - Only buckets that have all of these tags with these values. Costs one call for each candidate.
      - Buckets whose tags can't be read are left out, with a warning.
    type: dict
    default: {}
  properties:
    description: What to read of each bucket. Each costs one call a bucket. V([all]) stands for all of them.
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
  strict_permissions:
    description:
      - Whether a bucket that can't be looked at fails the inventory. With V(false) it is left out with a warning.
      - A property that can't be read is V(unknown) in either case.
    type: bool
    default: true
    env:
      - name: CLOUDOPS_INVENTORY_STRICT_PERMISSIONS
    ini:
      - section: inventory
        key: cloudops_strict_permissions
  expected_bucket_owner:
    description: 12-digit id of the account that must own the buckets. S3 refuses the calls for others.
    type: str
  dualstack:
    description: Whether to use the endpoints that have IPv6 addresses, too.
    type: bool
    default: false
extends_documentation_fragment:
  - cloudops.core.inventory
  - cloudops.core.inventory.aws_connection
  - ansible.builtin.constructed
  - ansible.builtin.inventory_cache
seealso:
  - module: cloudops.core.s3_bucket_info
  - module: cloudops.core.s3_bucket
"""

EXAMPLES = r"""
# All buckets, by region.
plugin: cloudops.core.s3_buckets
keyed_groups:
  - key: bucket_region | default('unknown', true)
    prefix: region

---
# An audit. encryption_absent has the buckets without encryption, encryption_unknown those where nobody may say.
plugin: cloudops.core.s3_buckets
name_prefix: example-
properties: [encryption, public_access, versioning]
keyed_groups:
  - key: properties.encryption.state
    prefix: encryption
groups:
  versioned: properties.versioning.state == 'value' and properties.versioning.value == 'enabled'

---
# The buckets of a team, with their owners as variables, looked up once in an hour.
plugin: cloudops.core.s3_buckets
tags:
  team: finance
properties: [tags]
compose:
  owner: properties.tags.value.owner | default('nobody')
cache: true
cache_plugin: ansible.builtin.jsonfile
cache_connection: ~/.cache/cloudops_inventory
cache_timeout: 3600
"""

import sys
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

from ansible_collections.cloudops.core.plugins.module_utils._aws.client import BOTO3_IMPORT_ERROR, Clients, Connection
from ansible_collections.cloudops.core.plugins.module_utils._aws.s3 import S3Gateway
from ansible_collections.cloudops.core.plugins.module_utils._aws.s3_fleet import Fleet, Query, describe
from ansible_collections.cloudops.core.plugins.module_utils._core.errors import Invalid, of_kind
from ansible_collections.cloudops.core.plugins.module_utils._domain.bucket_options import check_query
from ansible_collections.cloudops.core.plugins.module_utils._domain.buckets import PROPERTIES
from ansible_collections.cloudops.core.plugins.module_utils._domain.inventory import (
    Document,
    read_concurrency,
    read_tags,
)
from ansible_collections.cloudops.core.plugins.module_utils._domain.options import (
    words,
)
from ansible_collections.cloudops.core.plugins.plugin_utils.inventory import CloudInventory, HostEntry, required
from ansible_collections.cloudops.core.plugins.plugin_utils.inventory_aws import CONNECTION, connection_of

SELECTION = ("names", "name_prefix", "tags", "properties", "strict_permissions", "expected_bucket_owner", "dualstack")


class InventoryModule(CloudInventory):
    """Ansible looks for this class."""

    NAME = "cloudops.core.s3_buckets"
    SUFFIXES = ("s3_buckets.yml", "s3_buckets.yaml")
    asked = (*CONNECTION, *SELECTION)

    def source(self) -> Callable[[], Document]:
        """Check the options, and see to it that they are asked with."""
        required("boto3", BOTO3_IMPORT_ERROR)
        connection, query = connection_of(self.option), self._query()
        owner, dualstack = self.option("expected_bucket_owner"), bool(self.get_option("dualstack"))
        return lambda: self._read(connection, query, owner, dualstack)

    def _query(self) -> Query:
        given = self.option("names")
        names = None if given is None else words(given, "names")
        asked = list(dict.fromkeys(words(self.option("properties"), "properties")))
        odd = sorted(set(asked) - {"all", *PROPERTIES})
        if odd:
            raise Invalid(f"properties has {', '.join(odd)}", hint=f"Known are all, {', '.join(sorted(PROPERTIES))}.")
        query = Query(
            names=names,
            prefix=self.option("name_prefix") or "",
            tags=read_tags(self.option("tags")),
            properties=sorted(PROPERTIES) if "all" in asked else asked,
            concurrency=read_concurrency(self.option("concurrency")),
        )
        check_query({"names": names, "name_prefix": query.prefix, "concurrency": query.concurrency})
        return query

    def _read(self, connection: Connection, query: Query, owner: str | None, dualstack: bool) -> Document:
        clients = Clients(connection, pool=query.concurrency + 4)
        fleet = describe(S3Gateway(clients, owner=owner, dualstack=dualstack), query)
        return Document(fleet.buckets, tuple(self._notes(fleet)), time.time())

    def _notes(self, fleet: Fleet) -> Iterable[str]:
        """What isn't in the inventory, and why."""
        if fleet.missing:
            yield f"there is no bucket {', '.join(fleet.missing)}"
        for bucket in fleet.undecided:
            yield f"{bucket['name']} is left out, as its tags can't be read: {bucket['message']} [{bucket['code']}]"
        for failure in fleet.failures:
            error = of_kind(failure["kind"])(
                failure["message"],
                operation=failure["operation"],
                resource=f"bucket {failure['name']}",
                code=failure["code"],
                hint=failure["hint"],
            )
            if self.get_option("strict_permissions"):
                raise error
            yield f"{failure['name']} is left out, as strict_permissions is off: {error}"

    def entries(self, hosts: Sequence[Mapping[str, Any]]) -> Iterable[HostEntry]:
        """A host for each bucket."""
        for bucket in hosts:
            variables = {
                "ansible_connection": "local",
                "ansible_python_interpreter": sys.executable,
                "bucket_name": bucket["name"],
                "bucket_arn": bucket["arn"],
                "bucket_region": bucket["region"],
                "creation_date": bucket["creation_date"],
                "properties": bucket["properties"],
            }
            yield HostEntry(bucket["name"], variables)
