#!/usr/bin/python
# Copyright (c) 2026 cloudops.core contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Start, stop, hibernate and restart fleets of EC2 instances."""

from __future__ import annotations

DOCUMENTATION = r"""
module: ec2_instance_power
short_description: Start, stop, hibernate and restart fleets of EC2 instances
version_added: 0.1.0
author:
  - cloudops.core contributors (@cloudops-core)
description:
  - Brings all instances that are selected to a state, with one call for each 200 of them, and watches them together until they are there.
  - Never launches, tags or terminates an instance.
  - When a batch is refused because of some members, the others still go through, and each refused one is returned in RV(failures) with its
    own error code. The task then fails at the end.
  - Leaves alone what must not be stopped by hand, each with a reason in RV(skipped_instances). See the C(include_) options.
  - A selection that matches nothing is a success with RV(matched) of 0. An id in O(instance_ids) that doesn't exist is a failure.
options:
  state:
    description:
      - V(running). Stopped instances are started. One that is pending is on its way. One that is stopping is awaited and then started.
      - V(stopped). Running instances are stopped. One that is stopping is on its way. One that is pending is awaited and then stopped.
      - V(hibernated). Like V(stopped), with the memory kept on the root volume. Instances must have been launched with hibernation enabled.
        One that is stopped already stays so. EC2 makes a plain stop of it when the operating system fails to hibernate.
      - V(restarted). Running instances are rebooted, which always counts as a change. One that is pending is booting, and so on its way.
        Stopped and stopping ones are left alone unless O(include_stopped=true).
      - An instance that is shutting down or terminated is a failure when O(instance_ids) names it. O(tags) and O(filters) don't match it.
    type: str
    required: true
    choices: [running, stopped, hibernated, restarted]
  instance_ids:
    description:
      - Ids of the instances. With O(tags) or O(filters) as well, those of them that match.
      - At least one of O(instance_ids), O(tags) and O(filters) is required, and none of them may be empty.
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
      - When one of them can't be read, nothing is done in any.
    type: list
    elements: str
  include_autoscaling:
    description:
      - Whether members of Auto Scaling groups are touched, too. A group replaces members that stop.
    type: bool
    default: false
  include_spot:
    description:
      - Whether a stop is tried on spot instances that can't stop, which are all but those of a persistent request.
    type: bool
    default: false
  include_instance_store:
    description:
      - Whether a stop is tried on instances with their root device in the instance store, which can't stop.
    type: bool
    default: false
  include_ignored:
    description:
      - Whether instances with the tag O(ignore_tag) are touched, too.
    type: bool
    default: false
  include_stopped:
    description:
      - Whether O(state=restarted) starts instances that are stopped.
    type: bool
    default: false
  ignore_tag:
    description:
      - Key of a tag whose instances are left alone, unless its value is V(false), V(no), V(off) or V(0). Empty, no tag has this meaning.
    type: str
    default: ignore
  max_instances:
    description:
      - The most instances that may be acted on. When there are more, the task fails before the first of them.
    type: int
  max_percent:
    description:
      - The same as percentage of the instances that match the selection.
    type: float
  force:
    description:
      - Stops without regard for the operating system, and also instances that are stuck in C(stopping). Only with O(state=stopped).
    type: bool
    default: false
  skip_os_shutdown:
    description:
      - Stops without shutting the operating system down. What isn't on disk yet is lost. Only with O(state=stopped).
      - Needs a boto3 that knows it; the task fails otherwise.
    type: bool
    default: false
  wait:
    description:
      - Whether to wait until all instances are in the wanted state. All are looked at together, after 0, 2, 5, 9.5 seconds and so on,
        at last every 15 seconds.
      - Without it, an instance that can't act until it has left a transitional state is a failure.
    type: bool
    default: true
  wait_timeout:
    description:
      - Seconds to wait at the most. When they are over, the task fails and says which instances got there and which did not.
    type: float
    default: 600
  settle_time:
    description:
      - Seconds that an instance must stay running after its start before it counts as started. Part of O(wait_timeout).
      - EC2 accepts the start of an instance with an encrypted volume even when its key can't be used, and stops it again a moment later.
    type: float
    default: 10
  permission_check:
    description:
      - Whether EC2 is asked with DryRun, before anything is done, whether the identity may do it. When it may not, the task fails.
      - Works in check mode, too, as nothing is written. Costs a call for each 200 instances.
    type: bool
    default: false
  concurrency:
    description:
      - Calls that are made side by side.
    type: int
    default: 8
extends_documentation_fragment:
  - cloudops.core.aws
  - cloudops.core.attributes
  - cloudops.core.attributes.aws_group
attributes:
  idempotent:
    description: When run again with the same options and nothing else has changed, it reports C(changed=false).
    support: partial
    details: O(state=restarted) restarts again.
seealso:
  - module: cloudops.core.cloudwatch_metric_info
  - plugin: cloudops.core.power_decision
    plugin_type: filter
"""

EXAMPLES = r"""
- name: Stop the test machines for the night, but never more than half of them
  cloudops.core.ec2_instance_power:
    region: eu-central-1
    state: stopped
    tags:
      environment: test
    max_percent: 50

- name: See what would be stopped in two regions, and whether we may
  cloudops.core.ec2_instance_power:
    regions: [eu-central-1, us-east-1]
    state: stopped
    filters:
      tag:environment: [test, staging]
    permission_check: true
  check_mode: true

- name: Start two machines and make sure that they stay up for half a minute
  cloudops.core.ec2_instance_power:
    region: eu-central-1
    state: running
    instance_ids: [i-0123456789abcdef0, i-0123456789abcdef1]
    settle_time: 30

- name: Stop an instance that hangs in stopping
  cloudops.core.ec2_instance_power:
    region: eu-central-1
    state: stopped
    instance_ids: [i-0123456789abcdef0]
    force: true
"""

RETURN = r"""
matched:
  description: How many instances the selection matched.
  returned: success, and failure after the selection
  type: int
  sample: 12
counts:
  description: How many of them came to what, as in the outcome of RV(instances). Ids that don't exist count as failed, too.
  returned: success, and failure after the selection
  type: dict
  sample: {"changed": 9, "unchanged": 1, "on_the_way": 0, "skipped": 2, "failed": 0}
instances:
  description: All that matched, in the order of O(instance_ids), or by region and name.
  returned: success, and failure after the selection
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
    before:
      description: State before.
      type: str
      sample: running
    after:
      description: State as seen last. In check mode, the state that it would come to.
      type: str
      sample: stopped
    changed:
      description: Whether EC2 accepted an action on it.
      type: bool
    outcome:
      description:
        - C(changed), C(unchanged) (it was there already), C(on_the_way) (somebody else had begun), C(skipped) or C(failed).
      type: str
      sample: changed
    action:
      description: What was done. C(start), C(stop), C(hibernate), C(reboot) or nothing.
      type: str
      sample: stop
    reason:
      description:
        - Why it was skipped (C(ignored), C(autoscaling), C(spot), C(instance_store), C(stopped), C(stop_protection)), or the error code.
      type: str
      sample: autoscaling
    message:
      description: The same in words.
      type: str
      sample: belongs to Auto Scaling group web, which would replace it; scale the group, or set include_autoscaling
skipped_instances:
  description: Those that were left alone, each with its reason.
  returned: success, and failure after the selection
  type: list
  elements: dict
  sample: [{"id": "i-0123456789abcdef0", "name": "web-1", "region": "eu-central-1", "reason": "ignored", "message": "has the tag ignore"}]
failures:
  description:
    - Instances that could not be brought to the state, each with its error. When there are any, the task fails after the others were done.
  returned: success, and failure after the selection
  type: list
  elements: dict
  sample: [{"id": "i-0123456789abcdef0", "name": "web-1", "kind": "conflict", "code": "IncorrectInstanceState", "message": "..."}]
actions:
  description: What was done, or would be done in check mode, one line for each instance.
  returned: success, and failure after the selection
  type: list
  elements: str
  sample: ["stop i-0123456789abcdef0 (web-1)"]
api_calls:
  description: Requests sent, by operation, retries and permission checks included.
  returned: always
  type: dict
  sample: {"DescribeInstances": 3, "StopInstances": 1}
duration:
  description: Seconds that the module worked.
  returned: always
  type: float
  sample: 32.214
error:
  description: The failure as data.
  returned: on failure
  type: dict
  sample: {"kind": "partial", "code": "Timeout", "message": "could not stop 1 of 12", "operation": ""}
"""

from typing import Any

from ansible.module_utils.basic import AnsibleModule
from ansible_collections.cloudops.core.plugins.module_utils._ansible.argspec import (
    AWS_EXCLUSIVE,
    AWS_TOGETHER,
    aws_spec,
)
from ansible_collections.cloudops.core.plugins.module_utils._ansible.runner import (
    Result,
    report,
    require,
    run,
    some_failed,
)
from ansible_collections.cloudops.core.plugins.module_utils._aws.client import BOTO3_IMPORT_ERROR, Clients, Connection
from ansible_collections.cloudops.core.plugins.module_utils._aws.ec2 import EC2Gateway
from ansible_collections.cloudops.core.plugins.module_utils._aws.ec2_power import FleetPower
from ansible_collections.cloudops.core.plugins.module_utils._domain.power_options import (
    regions_from,
    selection_from,
    wish_from,
)

VERBS = {"running": "start", "stopped": "stop", "hibernated": "hibernate", "restarted": "restart"}


def power(module: AnsibleModule, clients: Clients) -> Result:
    """Find, decide and act."""
    params = module.params
    selection, wish = selection_from(params), wish_from(params)
    gateway = EC2Gateway(clients, regions_from(params, clients.region), concurrency=params["concurrency"])
    fleet = FleetPower(gateway, wish)
    fleet.prepare(selection, permission_check=params["permission_check"])
    plan = fleet.predict() if module.check_mode else fleet.carry_out()
    values = fleet.result()
    named = [{**failure, "name": f"{failure['id']} {failure['name']}".strip()} for failure in values["failures"]]
    others = sum(item["outcome"] != "failed" for item in values["instances"])
    failure = some_failed(VERBS[wish.state], named, others)
    if failure is not None and (story := fleet.timeout_story()):
        failure.message += f"; {story}"
    return report(plan, values, failure)


def arguments() -> dict[str, Any]:
    """The module's own options."""
    off = {"type": "bool", "default": False}
    return {
        "state": {
            "type": "str",
            "required": True,
            "choices": ["running", "stopped", "hibernated", "restarted"],
        },
        "instance_ids": {"type": "list", "elements": "str", "aliases": ["instance_id"]},
        "tags": {"type": "dict"},
        "filters": {"type": "dict"},
        "regions": {"type": "list", "elements": "str"},
        "include_autoscaling": off,
        "include_spot": off,
        "include_instance_store": off,
        "include_ignored": off,
        "include_stopped": off,
        "ignore_tag": {"type": "str", "default": "ignore"},
        "max_instances": {"type": "int"},
        "max_percent": {"type": "float"},
        "force": off,
        "skip_os_shutdown": off,
        "wait": {"type": "bool", "default": True},
        "wait_timeout": {"type": "float", "default": 600},
        "settle_time": {"type": "float", "default": 10},
        "permission_check": off,
        "concurrency": {"type": "int", "default": 8},
    }


def main() -> None:
    """Wire it up."""
    module = AnsibleModule(
        argument_spec=aws_spec(**arguments()),
        mutually_exclusive=AWS_EXCLUSIVE,
        required_together=AWS_TOGETHER,
        supports_check_mode=True,
    )
    require(module, "boto3", BOTO3_IMPORT_ERROR)
    clients = Clients(Connection.from_params(module.params), pool=max(1, module.params["concurrency"]) + 4)
    run(module, lambda: power(module, clients), extras=lambda: {"api_calls": clients.calls.as_result()})


if __name__ == "__main__":
    main()
