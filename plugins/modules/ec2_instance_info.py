#!/usr/bin/python
# Copyright (c) 2026 cloudops.core contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Facts of fleets of EC2 instances."""

from __future__ import annotations

DOCUMENTATION = r"""
module: ec2_instance_info
short_description: Gather facts of EC2 instances in one or many regions
version_added: 0.1.0
author:
  - cloudops.core contributors (@cloudops-core)
description:
  - Lists instances with the facts that decide on their power, such as tags, state, launch time, Auto Scaling group and spot request.
  - Takes a call for each 1,000 instances and region, and one for each 200 spot instances.
options:
  instance_ids:
    description:
      - Ids of the instances. With O(tags) or O(filters) as well, those of them that match.
      - Without O(instance_ids), O(tags) and O(filters), all instances of the region. None of them may be empty.
    type: list
    elements: str
    aliases: [instance_id]
  tags:
    description:
      - Tags that an instance must have, all of them, with exactly these values. There are no wildcards here.
    type: dict
  filters:
    description:
      - Filters of the DescribeInstances API, each with a value or a list of values. Their values may have wildcards. All must match.
      - See U(https://docs.aws.amazon.com/AWSEC2/latest/APIReference/API_DescribeInstances.html).
    type: dict
  regions:
    description:
      - Regions to look in, at the same time. Without it, the region of the connection.
      - When one of them can't be read, the task fails.
    type: list
    elements: str
  concurrency:
    description:
      - Calls that are made side by side.
    type: int
    default: 8
extends_documentation_fragment:
  - cloudops.core.aws
  - cloudops.core.attributes.info
  - cloudops.core.attributes.aws_group
notes:
  - Instances that are shutting down or terminated are listed only when O(instance_ids) or the filter C(instance-state-name) asks for them.
seealso:
  - module: cloudops.core.ec2_instance_power
  - module: cloudops.core.ec2_tag
"""

EXAMPLES = r"""
- name: List what has a schedule, in two regions
  cloudops.core.ec2_instance_info:
    regions: [eu-central-1, us-east-1]
    filters:
      tag-key: Schedule
  register: fleet

- name: Name the machines that run since the day before yesterday or longer
  ansible.builtin.debug:
    msg: "{{ item.name }} ({{ item.id }}) since {{ item.launch_time }}"
  loop: "{{ fleet.instances | selectattr('state', 'eq', 'running') | selectattr('launch_time', 'lt', '2026-03-01') }}"
  loop_control:
    label: "{{ item.id }}"
"""

RETURN = r"""
instances:
  description: The instances, in the order of O(instance_ids), or by region and name.
  returned: success
  type: list
  elements: dict
  contains:
    id:
      description: Id of the instance.
      type: str
      sample: i-0123456789abcdef0
    name:
      description: Its tag C(Name), or nothing.
      type: str
      sample: web-1
    region:
      description: Its region.
      type: str
      sample: eu-central-1
    zone:
      description: Its availability zone.
      type: str
      sample: eu-central-1a
    tenancy:
      description: C(default), C(dedicated) or C(host).
      type: str
      sample: default
    state:
      description: C(pending), C(running), C(stopping), C(stopped), C(shutting-down) or C(terminated).
      type: str
      sample: running
    state_reason:
      description: Why it came to this state, with C(code) and C(message).
      type: dict
      sample: {"code": "Client.UserInitiatedShutdown", "message": "Client.UserInitiatedShutdown: User initiated shutdown"}
    launch_time:
      description: When it was started the last time, in ISO 8601 and UTC. A start after a stop counts, a reboot doesn't.
      type: str
      sample: '2026-03-01T10:00:00Z'
    tags:
      description: All its tags.
      type: dict
      sample: {"Name": "web-1", "Schedule": "office"}
    instance_type:
      description: Its type.
      type: str
      sample: t3.micro
    architecture:
      description: Its architecture.
      type: str
      sample: x86_64
    platform:
      description: Operating system and licence, as they are billed.
      type: str
      sample: Linux/UNIX
    image_id:
      description: Its image.
      type: str
      sample: ami-0123456789abcdef0
    key_name:
      description: Its key pair.
      type: str
      sample: admin
    lifecycle:
      description: C(on-demand), C(spot), C(scheduled) or C(capacity-block).
      type: str
      sample: on-demand
    spot_request_type:
      description: For spot instances, C(persistent), C(one-time), or C(unknown) where its request can't be read.
      type: str
      sample: ""
    autoscaling_group:
      description: Auto Scaling group that it is a member of.
      type: str
      sample: ""
    root_device_type:
      description: C(ebs) or C(instance-store).
      type: str
      sample: ebs
    hibernation:
      description: Whether it was launched with hibernation enabled.
      type: bool
    monitoring:
      description: C(enabled) where it has detailed monitoring, otherwise C(disabled).
      type: str
      sample: disabled
    vpc_id:
      description: Its VPC.
      type: str
      sample: vpc-0123456789abcdef0
    subnet_id:
      description: Its subnet.
      type: str
      sample: subnet-0123456789abcdef0
    private_ip_address:
      description: Its private address.
      type: str
      sample: 10.0.0.5
    private_dns_name:
      description: Its private name.
      type: str
      sample: ip-10-0-0-5.eu-central-1.compute.internal
    public_ip_address:
      description: Its public address.
      type: str
      sample: ""
    public_dns_name:
      description: Its public name.
      type: str
      sample: ""
    security_groups:
      description: Its security groups, each with C(id) and C(name).
      type: list
      elements: dict
      sample: [{"id": "sg-0123456789abcdef0", "name": "web"}]
    iam_instance_profile:
      description: ARN of its instance profile.
      type: str
      sample: ""
    volumes:
      description: Its volumes, each with C(id) and C(device).
      type: list
      elements: dict
      sample: [{"id": "vol-0123456789abcdef0", "device": "/dev/xvda"}]
count:
  description: How many there are.
  returned: success
  type: int
  sample: 12
missing:
  description: Those of O(instance_ids) that don't exist.
  returned: success
  type: list
  elements: str
  sample: []
api_calls:
  description: Requests sent, by operation, retries included.
  returned: always
  type: dict
  sample: {"DescribeInstances": 2}
duration:
  description: Seconds that the module worked.
  returned: always
  type: float
  sample: 0.214
error:
  description: The failure as data.
  returned: on failure
  type: dict
  sample: {"kind": "denied", "code": "UnauthorizedOperation", "message": "...", "operation": "describe the instances"}
"""

from typing import Any

from ansible.module_utils.basic import AnsibleModule
from ansible_collections.cloudops.core.plugins.module_utils._ansible.argspec import (
    AWS_EXCLUSIVE,
    AWS_TOGETHER,
    aws_spec,
)
from ansible_collections.cloudops.core.plugins.module_utils._ansible.runner import Result, require, run
from ansible_collections.cloudops.core.plugins.module_utils._aws.client import BOTO3_IMPORT_ERROR, Clients, Connection
from ansible_collections.cloudops.core.plugins.module_utils._aws.ec2_facts import FactsGateway
from ansible_collections.cloudops.core.plugins.module_utils._domain.power_options import (
    Selection,
    regions_from,
    selection_from,
)

SELECTORS = ("instance_ids", "tags", "filters")


def gather(params: dict[str, Any], clients: Clients) -> Result:
    """Read."""
    chosen = any(params[name] is not None for name in SELECTORS)
    selection = selection_from(params) if chosen else Selection()
    gateway = FactsGateway(clients, regions_from(params, clients.region), concurrency=params["concurrency"])
    fleet = gateway.facts(selection)
    return Result(values={"instances": fleet.instances, "count": len(fleet.instances), "missing": fleet.missing})


def main() -> None:
    """Wire it up."""
    module = AnsibleModule(
        argument_spec=aws_spec(
            instance_ids={"type": "list", "elements": "str", "aliases": ["instance_id"]},
            tags={"type": "dict"},
            filters={"type": "dict"},
            regions={"type": "list", "elements": "str"},
            concurrency={"type": "int", "default": 8},
        ),
        mutually_exclusive=AWS_EXCLUSIVE,
        required_together=AWS_TOGETHER,
        supports_check_mode=True,
    )
    require(module, "boto3", BOTO3_IMPORT_ERROR)
    clients = Clients(Connection.from_params(module.params), pool=max(1, module.params["concurrency"]) + 4)
    run(module, lambda: gather(module.params, clients), extras=lambda: {"api_calls": clients.calls.as_result()})


if __name__ == "__main__":
    main()
