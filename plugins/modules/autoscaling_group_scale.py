#!/usr/bin/python
# Copyright (c) 2026 cloudops.core contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Scale EC2 Auto Scaling groups by hand, by a step, by policy and metrics, or to nothing and back."""

from __future__ import annotations

DOCUMENTATION = r"""
module: autoscaling_group_scale
short_description: Scale EC2 Auto Scaling groups by hand, by a step, by policy and metrics, or to nothing and back
version_added: 0.1.0
author:
  - cloudops.core contributors (@cloudops-core)
description:
  - Brings any number of Auto Scaling groups to a size, in one task, side by side, with a result for each in RV(results).
  - The size is given (O(desired)), a step from the present one (O(change)), decided from metrics (O(policy) and O(metrics)), or nothing,
    in a way that can be undone (O(state)). Its bounds can move along, or alone (O(min_size) and O(max_size)).
  - Nothing is sent but what changes. When only the desired size changes, that is SetDesiredCapacity alone.
  - The history that a policy needs for cooldowns and stabilization is kept in the group's tag C(cloudops.core/scaling-state), which
    isn't propagated to instances. Writing it without a change of size doesn't count as a change.
  - A group that somebody else has a hand on is a failure, unless O(on_owner) says otherwise.
  - Tags of the group are honoured. C(cloudops.core/exclude) and C(cloudops.core/paused) (each V(true)) and C(cloudops.core/paused-until)
    (a time in ISO 8601) leave it alone. C(cloudops.core/min) and C(cloudops.core/max) bound its desired size, and win over the policy's.
  - A failure of one group never keeps the others from being scaled. The task then fails at the end.
options:
  names:
    description:
      - Names of the groups. With O(tags) or O(filters) as well, those of them that match. A name that doesn't exist is a failure.
      - At least one of O(names), O(tags) and O(filters) is required, and none of them may be empty. Matching nothing is a success with
        RV(matched) of 0.
    type: list
    elements: str
    aliases: [name]
  tags:
    description:
      - Tags that a group must have, all of them, with exactly these values.
    type: dict
  filters:
    description:
      - Filters of the DescribeAutoScalingGroups API (V(tag-key), V(tag-value), V(tag:KEY)), each with a value or a list of values. All
        must match.
    type: dict
  desired:
    description:
      - The desired size. Outside of the group's bounds it is a failure, unless O(min_size) or O(max_size) move along. The same goes for
        the tags C(cloudops.core/min) and C(cloudops.core/max).
      - Exactly one of O(desired), O(change), O(policy) and O(state) is required, or none of them with O(min_size) or O(max_size).
    type: int
    aliases: [desired_capacity]
  change:
    description:
      - A step from the present desired size, such as V(+2), V(-1), V(+50%) or V(-25%). A percentage is rounded up on the way up and
        towards zero on the way down, but moves by at least one.
      - It goes as far as the bounds allow, which are the group's own, its tags, O(min) and O(max).
      - A group at 0 stays there with a percentage. A step never ends at 0 unless O(min=0).
      - It is a change each time.
    type: str
  policy:
    description:
      - Scaling policy. See P(cloudops.core.scaling_decision#filter) for its keys. What it decides stays within the group's own bounds.
    type: dict
  metrics:
    description:
      - Values that the policy's rules look at, each with its C(name), its C(value), and its C(timestamp) or C(age). One with a
        C(target) (the name of a group) is for that group only.
      - The C(metrics) that M(cloudops.core.cloudwatch_metric_info), M(cloudops.core.sqs_queue_info) and
        M(cloudops.core.prometheus_query_info) return fit as they are.
      - Goes with O(policy).
    type: list
    elements: dict
  state:
    description:
      - V(parked). Minimum, desired size and maximum go to 0, so that nothing can start an instance. What they were is remembered in the
        group's tag C(cloudops.core/parked) first.
      - V(unparked). What is remembered is restored, and the tag is removed. A group that isn't parked is left as it is.
      - A parked group is held by a policy, and O(desired), O(change), O(min_size) and O(max_size) need O(on_owner=force) for it.
    type: str
    choices: [parked, unparked]
  min_size:
    description:
      - The group's minimum. A desired size below it is raised to it.
      - Goes alone, with O(max_size), or with O(desired). Unset, it is left as it is.
    type: int
  max_size:
    description:
      - The group's maximum. A desired size above it is lowered to it.
      - Goes alone, with O(min_size), or with O(desired). Unset, it is left as it is.
    type: int
  min:
    description:
      - The least that O(change) may come to. The group's own minimum stays as it is. With O(policy), this is the policy's C(min).
    type: int
  max:
    description:
      - The most that O(change) may come to. The group's own maximum stays as it is. With O(policy), this is the policy's C(max).
    type: int
  now:
    description:
      - The time to decide for, in ISO 8601. Default is the present. A run that is repeated with the same time decides the same.
    type: str
  on_owner:
    description:
      - What to do with a group whose desired size should change, and that somebody else has a hand on. That is when a process is suspended
        that the change needs (C(Launch) and C(AddToLoadBalancer) on the way up, C(Terminate) on the way down), when an instance refresh
        is under way, when scaling policies are in force (these don't matter to O(state), which leaves them no room), when the group is
        parked, or when it is being deleted.
      - V(fail). It is left as it is, and is a failure.
      - V(skip). It is left as it is, with the reason in its result.
      - V(force). It is scaled all the same, unless it is being deleted. Policies and refreshes aren't even looked for. There is no waiting
        where a suspended process makes it vain.
    type: str
    choices: [fail, skip, force]
    default: fail
  honor_cooldown:
    description:
      - Whether AWS shall refuse a new size while the group's own cooldown lasts. It is a failure then, with code
        C(ScalingActivityInProgress). Only where nothing but the desired size changes.
    type: bool
    default: false
  include_paused:
    description:
      - Whether groups that are paused by tag are scaled, too. A policy never does.
    type: bool
    default: false
  include_excluded:
    description:
      - Whether groups that are excluded by tag are scaled, too.
    type: bool
    default: false
  max_groups:
    description:
      - The most groups that may be changed. When there are more, the task fails before the first of them.
    type: int
  max_percent:
    description:
      - The same as percentage of the groups that match.
    type: float
  max_instances_change:
    description:
      - The most instances that may be added or removed, in all groups together. When there are more, the task fails before the first
        of them.
    type: int
  wait:
    description:
      - Whether to wait until as many instances as desired are in service and healthy, and surplus ones no longer are. Where the desired
        size was changed, and with O(desired) and O(state) also where it is there already.
      - All groups are looked at together, one call for each 100, after 0, 2, 5, 9.5 seconds and so on, at last every 15 seconds.
    type: bool
    default: true
  wait_terminated:
    description:
      - Whether O(wait) also lasts until no instance is on its way out.
    type: bool
    default: false
  wait_timeout:
    description:
      - Seconds to wait at the most. When they are over, the task fails, with what AWS says of the last scaling activity that failed.
    type: float
    default: 600
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
    details:
      - O(change) steps again.
      - O(policy) decides again for the time that it is. With the same O(now), it does nothing more.
seealso:
  - module: cloudops.core.sqs_queue_info
  - module: cloudops.core.cloudwatch_metric_info
  - plugin: cloudops.core.scaling_decision
    plugin_type: filter
"""

EXAMPLES = r"""
- name: Scale a group to 3, and wait until all three are in service
  cloudops.core.autoscaling_group_scale:
    region: eu-central-1
    name: web
    desired: 3

- name: See what two more in each group of the shop would come to
  cloudops.core.autoscaling_group_scale:
    region: eu-central-1
    tags:
      team: shop
    change: +2
    max: 10
    max_instances_change: 20
  check_mode: true
  diff: true

- name: Let a group grow further
  cloudops.core.autoscaling_group_scale:
    region: eu-central-1
    name: web
    desired: 6
    max_size: 8

- name: Look at the queue that the workers eat from
  cloudops.core.sqs_queue_info:
    region: eu-central-1
    names: [orders]
  register: queue

- name: Follow it
  cloudops.core.autoscaling_group_scale:
    region: eu-central-1
    name: workers
    policy:
      min: 1
      max: 10
      rules:
        - metric: orders
          type: average_value
          target: 100
    metrics: "{{ queue.metrics }}"
    wait: false
  register: pass

- name: Say why
  ansible.builtin.debug:
    msg: "{{ item.target }}: {{ item.before }} -> {{ item.after }} ({{ item.reason }}) {{ item.message }}"
  loop: "{{ pass.results }}"

- name: Park the test groups for the night, but never more than five of them
  cloudops.core.autoscaling_group_scale:
    region: eu-central-1
    filters:
      tag:environment: [test, staging]
    state: parked
    max_groups: 5

- name: Bring them back in the morning
  cloudops.core.autoscaling_group_scale:
    region: eu-central-1
    filters:
      tag:environment: [test, staging]
    state: unparked
    wait_timeout: 900
"""

RETURN = r"""
matched:
  description: How many groups the selection matched.
  returned: success, and failure after the selection
  type: int
  sample: 2
counts:
  description: How many of them came to what, as in the outcome of RV(results). Names that don't exist count as failed, too.
  returned: success, and failure after the selection
  type: dict
  sample: {"changed": 1, "unchanged": 1, "skipped": 0, "failed": 0}
results:
  description: All that matched, and names that don't exist, in the order of O(names), or by name.
  returned: success, and failure after the selection
  type: list
  elements: dict
  contains:
    target:
      description: Name of the group.
      type: str
      sample: web
    name:
      description: The same.
      type: str
      sample: web
    region:
      description: Its region.
      type: str
      sample: eu-central-1
    before:
      description: Desired size that it had.
      type: int
      sample: 2
    desired:
      description: Desired size that it shall have. V(null) when nothing was decided.
      type: int
      sample: 3
    after:
      description: Desired size that it has now. In check mode, the one that it would have.
      type: int
      sample: 3
    min_size:
      description: Its minimum now. In check mode, the one that it would have.
      type: int
      sample: 1
    max_size:
      description: Its maximum now. In check mode, the one that it would have.
      type: int
      sample: 4
    in_service:
      description: Capacity that was in service and healthy when it was looked at last.
      type: int
      sample: 3
    changed:
      description: Whether its sizes were changed, or what is remembered while it is parked.
      type: bool
    outcome:
      description: V(changed), V(unchanged), V(skipped) or V(failed).
      type: str
      sample: changed
    action:
      description: Direction of the change of the desired size. V(up), V(down) or V(hold).
      type: str
      sample: up
    reason:
      description:
        - Why it came so, as a word of the decision engine's list (see P(cloudops.core.scaling_decision#filter)), V(manual), V(already),
          V(excluded), V(external_owner), or the error code.
      type: str
      sample: manual
    message:
      description: The same in words. Names scheduled actions that will change the size again.
      type: str
      sample: from 2 to 3
    limited_by:
      description: What kept the size from being another one, such as V(min) or V(max).
      type: list
      elements: str
    decision:
      description: The engine's whole answer (see P(cloudops.core.scaling_decision#filter)). Only with O(policy).
      type: dict
    attempts:
      description:
        - How often it was decided. More than one when the group had changed between the decision and the moment before the write.
      type: int
      sample: 1
    waited:
      description: Seconds until its instances were as wanted.
      type: float
      sample: 74.5
failures:
  description: Groups that could not be scaled, each with its error. When there are any, the task fails after the others were done.
  returned: success, and failure after the selection
  type: list
  elements: dict
  sample: [{"name": "web", "kind": "conflict", "code": "InstanceRefreshInProgress", "message": "has an instance refresh under way"}]
actions:
  description: What was done, or would be done in check mode, one line for each write. The state of a policy isn't in it.
  returned: success, and failure after the selection
  type: list
  elements: str
  sample: ["scale web from 2 to 3"]
api_calls:
  description: Requests sent, by operation, retries included.
  returned: always
  type: dict
  sample: {"DescribeAutoScalingGroups": 2, "SetDesiredCapacity": 1}
duration:
  description: Seconds that the module worked.
  returned: always
  type: float
  sample: 74.912
error:
  description: The failure as data.
  returned: on failure
  type: dict
  sample: {"kind": "partial", "code": "Timeout", "message": "could not scale 1 of 2", "operation": ""}
"""

import time
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
from ansible_collections.cloudops.core.plugins.module_utils._aws.autoscaling import AutoScalingGateway
from ansible_collections.cloudops.core.plugins.module_utils._aws.autoscaling_fleet import FleetScale
from ansible_collections.cloudops.core.plugins.module_utils._aws.client import BOTO3_IMPORT_ERROR, Clients, Connection
from ansible_collections.cloudops.core.plugins.module_utils._domain.group_options import selection_from, wish_from
from ansible_collections.cloudops.core.plugins.module_utils._domain.times import (
    parse_time,
)


def scale(module: AnsibleModule, clients: Clients) -> Result:
    """Find, decide and write."""
    params = module.params
    now = time.time() if params["now"] is None else parse_time(params["now"], "now")
    selection, wish = selection_from(params), wish_from(params, now)
    gateway = AutoScalingGateway(clients, concurrency=params["concurrency"])
    fleet = FleetScale(gateway, wish, concurrency=params["concurrency"])
    fleet.prepare(selection)
    plan = fleet.predict() if module.check_mode else fleet.carry_out()
    values = fleet.result()
    others = sum(result["outcome"] != "failed" for result in values["results"])
    return report(plan, values, some_failed("scale", values["failures"], others))


def arguments() -> dict[str, Any]:
    """The module's own options."""
    off = {"type": "bool", "default": False}
    number = {"type": "int"}
    return {
        "names": {"type": "list", "elements": "str", "aliases": ["name"]},
        "tags": {"type": "dict"},
        "filters": {"type": "dict"},
        "desired": {**number, "aliases": ["desired_capacity"]},
        "change": {"type": "str"},
        "policy": {"type": "dict"},
        "metrics": {"type": "list", "elements": "dict"},
        "state": {"type": "str", "choices": ["parked", "unparked"]},
        **dict.fromkeys(("min_size", "max_size", "min", "max", "max_groups", "max_instances_change"), number),
        "now": {"type": "str"},
        "on_owner": {"type": "str", "choices": ["fail", "skip", "force"], "default": "fail"},
        **dict.fromkeys(("honor_cooldown", "include_paused", "include_excluded", "wait_terminated"), off),
        "max_percent": {"type": "float"},
        "wait": {"type": "bool", "default": True},
        "wait_timeout": {"type": "float", "default": 600},
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
    run(module, lambda: scale(module, clients), extras=lambda: {"api_calls": clients.calls.as_result()})


if __name__ == "__main__":
    main()
