# Copyright (c) 2026 cloudops.core contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""EC2 instances of many regions and accounts as hosts."""

from __future__ import annotations

DOCUMENTATION = r"""
name: aws_instances
short_description: EC2 instances of many regions and accounts, with their metrics and schedules
version_added: 0.1.0
author:
  - cloudops.core contributors (@cloudops-core)
description:
  - Takes its hosts from EC2, every region of every account at the same time. Its file's name ends in C(aws_instances.yml) or
    C(aws_instances.yaml).
  - Gives each host the attributes that DescribeInstances returns, in snake_case, with the tags as the mapping C(ec2_tags). Expressions
    know the tags as C(tags), too. C(placement.region) is the region.
  - With O(metrics) and O(schedule), groups such as C(idle), C(cpu_over_80) and C(should_be_off) come from the same file.
  - Options that P(amazon.aws.aws_ec2#inventory) has as well mean what they mean there, unless they say otherwise.
  - Instances that are shutting down or terminated are left out, unless a filter C(instance-state-name) asks for them.
options:
  plugin:
    description: Marks the file as one of this plugin.
    type: str
    required: true
    choices: [cloudops.core.aws_instances]
  regions:
    description:
      - Regions to look in. V([all]) stands for all that the account has enabled, and takes a call to find out.
      - Without it, the region of the connection (O(region), E(AWS_REGION), the profile), and not all regions.
    type: list
    elements: str
    default: []
    env:
      - name: CLOUDOPS_INVENTORY_REGIONS
    ini:
      - section: inventory
        key: cloudops_regions
  assume_roles:
    description:
      - Roles to assume with the credentials of the connection, one for each account to look into. Excludes O(assume_role_arn).
      - An entry is the ARN of a role, or a mapping.
    type: list
    elements: raw
    default: []
    suboptions:
      role_arn:
        description: ARN of the role.
        type: str
        required: true
      external_id:
        description: External id that the role's trust policy asks for. Default is O(external_id).
        type: str
      regions:
        description: Regions to look in there. Default is O(regions).
        type: list
        elements: str
      name:
        description: What the account is called in messages.
        type: str
  tags:
    description:
      - Tags that an instance must have, all of them, with exactly these values. There are no wildcards here.
    type: dict
    default: {}
  filters:
    description:
      - Filters of the DescribeInstances API, each with a value or a list of values. Their values may have wildcards. All must match.
      - See U(https://docs.aws.amazon.com/AWSEC2/latest/APIReference/API_DescribeInstances.html).
    type: dict
    default: {}
  include_filters:
    description:
      - Further mappings such as O(filters). An instance is taken that matches O(filters) or any of these. Each takes a call a region.
    type: list
    elements: dict
    default: []
  exclude_filters:
    description:
      - Mappings such as O(filters). An instance that matches any of them is left out, whatever else it matches.
      - Tags and plain attributes are compared without a call; other filters take a call a region.
    type: list
    elements: dict
    default: []
  strict_permissions:
    description:
      - Whether a region or an account that may not be read fails the inventory. With V(false) it is left out with a warning, and the
        others are there. Metrics that may not be read are left out likewise.
    type: bool
    default: true
    env:
      - name: CLOUDOPS_INVENTORY_STRICT_PERMISSIONS
    ini:
      - section: inventory
        key: cloudops_strict_permissions
  hostnames:
    description:
      - What hosts are called; the first entry that gives a name counts. An entry is a text or a mapping.
      - C(tag:KEY) is the value of a tag, C(tag:KEY=VALUE) is C(KEY_VALUE) for instances that have it. Several go with commas between.
      - Names of the API's filters such as V(private-ip-address), and host variables such as V(placement.availability_zone), are the
        attribute. Filters of Jinja may follow, as in C(tag:Name | lower).
      - A text with C({{ }}) is a template over the host variables.
      - A word that is none of these is an error.
      - Without it, C(dns-name), C(private-dns-name), C(instance-id).
      - Instances that get no name are left out with a warning, and with O(strict=true) fail the inventory.
      - Where several instances get the same name, all of them get their id appended, with a warning.
    type: list
    elements: raw
    default: []
    suboptions:
      name:
        description: Any of the above, or with O(hostnames[].prefix) a word that stands for itself.
        type: str
        required: true
      prefix:
        description: What stands before the name. Any of the above, or a word that stands for itself.
        type: str
        default: ''
      separator:
        description: What stands between the prefix and the name.
        type: str
        default: _
  hostvars_prefix:
    description: What the names of all host variables begin with. Expressions know the names without it as well.
    type: str
    default: ''
  hostvars_suffix:
    description: What the names of all host variables end with.
    type: str
    default: ''
  tags_variable:
    description:
      - Name of the host variable that has the tags.
      - V(tags) is what older playbooks for P(amazon.aws.aws_ec2#inventory) use. Ansible warns of it, since the name is a keyword of plays.
    type: str
    default: ec2_tags
  metrics:
    description:
      - CloudWatch metrics to read of every instance, by names of your own. Each is the name of a metric, or a mapping with what the short
        form of M(cloudops.core.cloudwatch_metric_info) takes, V(metric), V(namespace), V(dimension), V(dimensions), V(unit), V(stat),
        V(period), V(last), V(start), V(end), V(delay), V(aggregation), V(threshold).
      - The host variable C(metrics) has them by name, each with C(value), C(count), C(expected), C(coverage) and C(age), and with a
        threshold C(verdict) and C(verdict_reason). The value of a metric without datapoints is null.
      - Takes a call for each 500 metrics of a region. Metrics with the same window share calls.
    type: dict
    default: {}
  schedule:
    description:
      - Schedules by name as C(schedules), and whatever else P(cloudops.core.power_plan#filter) takes, such as V(schedule_tag) and
        V(timezone). An empty mapping will do where the tags hold the schedules.
      - The host variable C(schedule) then has the C(name) of the instance's schedule, its C(state) now (V(on), V(off), V(any), or empty
        without a schedule), C(reason), C(next_change), and C(action), C(status) and C(why) as the role power_schedule would plan it.
      - Decided anew each time, also for instances from the cache.
      - V(now) takes an ISO 8601 time to decide for instead.
    type: dict
extends_documentation_fragment:
  - cloudops.core.inventory
  - cloudops.core.inventory.aws_connection
  - ansible.builtin.constructed
  - ansible.builtin.inventory_cache
seealso:
  - module: cloudops.core.ec2_instance_info
  - module: cloudops.core.ec2_instance_power
  - module: cloudops.core.cloudwatch_metric_info
"""

EXAMPLES = r"""
# All instances of the region in AWS_REGION, called by their DNS names.
plugin: cloudops.core.aws_instances

---
# The web servers of two regions, called by their names, reached at their private addresses.
plugin: cloudops.core.aws_instances
regions: [eu-central-1, us-east-1]
tags:
  Role: web
filters:
  instance-state-name: running
exclude_filters:
  - tag:Name: ['*-canary', '*-test']
hostnames:
  - name: tag:Name
    prefix: placement.region
    separator: '-'
compose:
  ansible_host: private_ip_address
keyed_groups:
  - key: placement.region
    prefix: region
  - key: tags.Team | default('nobody')
    prefix: team

---
# What is idle, what is busy, and what should be off by its schedule now.
plugin: cloudops.core.aws_instances
regions: [eu-central-1]
hostnames: [tag:Name, instance-id]
metrics:
  cpu: CPUUtilization
  cpu_week:
    metric: CPUUtilization
    stat: Maximum
    period: 1h
    last: 7d
    aggregation: max
schedule:
  schedules:
    office: Mon-Fri 07:30-19:30 Europe/Berlin
groups:
  cpu_over_80: metrics.cpu.value | default(0, true) > 80
  idle: metrics.cpu_week.coverage >= 0.9 and metrics.cpu_week.value < 5
  should_be_off: schedule.state == 'off' and state.name == 'running'

---
# Three accounts. Where a region is denied, the others are there; when AWS can't be reached, the last answer stands in.
plugin: cloudops.core.aws_instances
regions: [eu-central-1, us-east-1]
assume_roles:
  - role_arn: arn:aws:iam::111122223333:role/inventory
    external_id: example-1
    name: production
  - role_arn: arn:aws:iam::444455556666:role/inventory
    regions: [eu-central-1]
    name: staging
  - arn:aws:iam::777788889999:role/inventory
strict_permissions: false
keyed_groups:
  - key: owner_id
    prefix: account
cache: true
cache_plugin: ansible.builtin.jsonfile
cache_connection: ~/.cache/cloudops_inventory
cache_timeout: 900
cache_on_failure: true
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import datetime, timezone
from typing import Any

from ansible_collections.cloudops.core.plugins.module_utils._aws.client import BOTO3_IMPORT_ERROR
from ansible_collections.cloudops.core.plugins.module_utils._aws.ec2_inventory import Question, survey
from ansible_collections.cloudops.core.plugins.module_utils._core.errors import Invalid
from ansible_collections.cloudops.core.plugins.module_utils._domain.instance_inventory import (
    hostname_of,
    read_hostnames,
    schedules_of,
    unique_names,
)
from ansible_collections.cloudops.core.plugins.module_utils._domain.inventory import (
    Document,
    read_accounts,
    read_concurrency,
    read_filter_list,
    read_filters,
    read_measurements,
    read_regions,
    read_tags,
)
from ansible_collections.cloudops.core.plugins.module_utils._domain.power import parse_time
from ansible_collections.cloudops.core.plugins.plugin_utils.inventory import CloudInventory, HostEntry, required, some
from ansible_collections.cloudops.core.plugins.plugin_utils.inventory_aws import CONNECTION, connection_of

SELECTION = ("regions", "assume_roles", "tags", "filters", "include_filters", "exclude_filters", "strict_permissions")


class InventoryModule(CloudInventory):
    """Ansible looks for this class."""

    NAME = "cloudops.core.aws_instances"
    SUFFIXES = ("aws_instances.yml", "aws_instances.yaml")
    asked = (*CONNECTION, *SELECTION, "metrics")

    def source(self) -> Callable[[], Document]:
        """Check the options, and see to it that they are asked with."""
        required("boto3", BOTO3_IMPORT_ERROR)
        connection = connection_of(self.option)
        accounts = read_accounts(self.option("assume_roles"), connection.assume_role_arn, connection.external_id)
        regions = read_regions(self.option("regions"))
        question = self._question()
        question.check()
        self._preferences = read_hostnames(self.get_option("hostnames"))
        return lambda: survey(connection, accounts, regions, question)

    def _question(self) -> Question:
        filters = read_filters(self.option("filters"), "filters")
        further = read_filter_list(self.option("include_filters"), "include_filters")
        return Question(
            tags=read_tags(self.option("tags")),
            include=[filters, *further] if filters else further,
            exclude=read_filter_list(self.option("exclude_filters"), "exclude_filters"),
            measurements=read_measurements(self.option("metrics")),
            strict=bool(self.get_option("strict_permissions")),
            now=datetime.now(timezone.utc).timestamp(),
            concurrency=read_concurrency(self.option("concurrency")),
        )

    def entries(self, hosts: Sequence[Mapping[str, Any]]) -> Iterable[HostEntry]:
        """Name the instances, and give them their variables."""
        schedules = self._schedules(hosts)
        named = [(hostname_of(record, self._preferences, self.evaluate), record["instance_id"]) for record in hosts]
        self._tell_of_nameless([instance_id for name, instance_id in named if not name])
        names, shared = unique_names(named)
        if told := [name for name in shared if name]:
            self.display.warning(f"{self.NAME}: several instances are called {some(told)}; their ids are appended")
        rename = self._renaming()
        for (name, _id), unique, record, schedule in zip(named, names, hosts, schedules, strict=True):
            if name:
                yield rename(unique, {**record, **schedule})

    def _renaming(self) -> Callable[[str, dict[str, Any]], HostEntry]:
        """How variables are called in the inventory. In expressions, they go by their own names as well."""
        prefix, suffix = self.get_option("hostvars_prefix") or "", self.get_option("hostvars_suffix") or ""
        variable = self.get_option("tags_variable") or "ec2_tags"
        if not variable.isidentifier():
            raise Invalid(f"tags_variable is {variable!r}", hint="Use letters, digits and underscores.")

        def rename(name: str, variables: dict[str, Any]) -> HostEntry:
            tags = variables.pop("tags")
            extra: dict[str, Any] = {"tags": tags}
            variables[variable] = tags
            if prefix or suffix:
                extra.update(variables)
                variables = {f"{prefix}{key}{suffix}": value for key, value in variables.items()}
            return HostEntry(name, variables, extra)

        return rename

    def _schedules(self, hosts: Sequence[Mapping[str, Any]]) -> list[dict[str, Any]]:
        given = self.option("schedule")
        if given is None:
            return [{}] * len(hosts)
        now = parse_time(given["now"]) if given.get("now") else datetime.now(timezone.utc)
        return [{"schedule": schedule} for schedule in schedules_of(hosts, given, now)]

    def _tell_of_nameless(self, ids: Sequence[str]) -> None:
        if not ids:
            return
        cure = "Add an entry to hostnames that every instance has, such as instance-id."
        if self.get_option("strict"):
            raise Invalid(f"none of hostnames gives a name to {some(ids)}", hint=cure)
        self.display.warning(f"{self.NAME}: none of hostnames gives a name to {some(ids)}: left out. {cure}")
