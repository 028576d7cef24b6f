#!/usr/bin/python
# Copyright (c) 2026 cloudops.core contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Scale Kubernetes workloads by hand, by a step, or by policy and metrics."""

from __future__ import annotations

DOCUMENTATION = r"""
module: k8s_workload_scale
short_description: Scale Kubernetes workloads by hand, by a step, or by policy and metrics
version_added: 0.1.0
author:
  - cloudops.core contributors (@cloudops-core)
description:
  - Brings Deployments, StatefulSets, ReplicaSets, and any other kind that has a scale subresource, to a number of replicas. One, many by
    name, or all that a label selector matches in one or many namespaces, in one task, side by side, with a result for each in
    RV(results).
  - The number is given (O(replicas)), a step from the present one (O(change)), or decided from metrics (O(policy) and O(metrics)).
  - Every write carries the version of the object that the decision was made on. When somebody else wrote meanwhile, the server refuses,
    and the module reads and decides anew, up to 3 times. So two that scale at the same time never undo each other.
  - The history that a policy needs for cooldowns and stabilization is kept in the workload's annotation C(cloudops.core/scaling-state).
    It is written together with the new number.
  - A workload that a HorizontalPodAutoscaler, a KEDA ScaledObject or another controller scales is a failure, unless O(on_owner) says
    otherwise.
  - Annotations of the workload are honoured. C(cloudops.core/exclude) and C(cloudops.core/paused) (each V(true)) and
    C(cloudops.core/paused-until) (a time in ISO 8601) leave it alone. C(cloudops.core/min) and C(cloudops.core/max) bound its number
    of replicas, and win over O(min), O(max) and the policy's.
  - A failure of one target never keeps the others from being scaled. The task then fails at the end.
options:
  kind:
    description:
      - Kind of the workloads.
    type: str
    default: Deployment
  api_version:
    description:
      - API group and version of the kind. Needed for kinds other than Deployment, StatefulSet and ReplicaSet, which are in V(apps/v1).
    type: str
  name:
    description:
      - Names of the workloads, each as V(NAME) or V(NAMESPACE/NAME). One that doesn't exist is a failure.
      - Exactly one of O(name) and O(label_selectors) is required, and it may not be empty.
    type: list
    elements: str
    aliases: [names]
  label_selectors:
    description:
      - Label selectors that workloads must match, all of them, such as V(app=web), V(tier in (front,back)) or V(!canary). Matching
        nothing is a success with RV(matched) of 0.
    type: list
    elements: str
    aliases: [label_selector]
  namespaces:
    description:
      - Namespaces to look in. Names without a namespace of their own must exist in all of them.
      - Without it, the namespace of the kubeconfig's context, or else V(default).
    type: list
    elements: str
    aliases: [namespace]
  all_namespaces:
    description:
      - Whether O(label_selectors) look in all namespaces. Excludes O(namespaces).
    type: bool
    default: false
  replicas:
    description:
      - The number of replicas wanted, within O(min), O(max) and the workload's annotations.
      - Exactly one of O(replicas), O(change) and O(policy) is required, or none of them with O(resources).
    type: int
  current_replicas:
    description:
      - Scale only workloads that have this number of replicas. Another number is a failure, unless it is the wanted one already.
    type: int
  resource_version:
    description:
      - Scale only if this is the version of the object. It is sent to the server, which refuses otherwise. For a single workload.
    type: str
  change:
    description:
      - A step from the present number, such as V(+2), V(-1), V(+50%) or V(-25%). A percentage is rounded up on the way up and
        towards zero on the way down, but moves by at least one.
      - It is a change each time.
      - A workload at 0 stays there with a percentage. A step never ends at 0 unless O(min=0).
    type: str
  min:
    description:
      - The least number of replicas. Without it, a step ends at 1, and O(replicas) is taken as it is. With O(policy), this is the
        policy's C(min).
    type: int
  max:
    description:
      - The greatest number of replicas. With O(policy), this is the policy's C(max).
    type: int
  policy:
    description:
      - Scaling policy. See P(cloudops.core.scaling_decision#filter) for its keys.
    type: dict
  metrics:
    description:
      - Values that the policy's rules look at, each with its C(name), its C(value) or its C(pods), and its C(timestamp) or C(age).
        One with a C(target) (V(NAMESPACE/NAME)) is for that workload only.
      - The C(metrics) that M(cloudops.core.prometheus_query_info), M(cloudops.core.sqs_queue_info) and
        M(cloudops.core.cloudwatch_metric_info) return fit as they are.
      - Goes with O(policy).
    type: list
    elements: dict
  now:
    description:
      - The time to decide for, in ISO 8601. Default is the present. A run that is repeated with the same time decides the same.
    type: str
  resources:
    description:
      - >-
        Requests and limits by container, as a mapping like V({'web': {'requests': {'cpu': '250m', 'memory': '128Mi'}}}).
      - Quantities are compared by value, so V(0.25) is V(250m). What isn't named is left as it is. V(null) removes an entry.
      - A change of them makes Kubernetes replace all pods. For Deployments, StatefulSets and ReplicaSets.
    type: dict
  on_owner:
    description:
      - What to do with a workload that is scaled by a HorizontalPodAutoscaler, a KEDA ScaledObject, or a controller that owns it.
      - V(fail). It is left as it is, and is a failure.
      - V(adjust_bounds). The bounds of the autoscaler are moved so that they agree with the number. On the way up its minimum is raised
        to it, on the way down its maximum is lowered to it. Then the workload is scaled. Not possible with a controller.
      - V(force). The workload is scaled all the same. Its owner may undo that at once.
    type: str
    choices: [fail, adjust_bounds, force]
    default: fail
  include_paused:
    description:
      - Whether O(replicas), O(change) and O(resources) apply to workloads that are paused by annotation, too. A policy never does.
    type: bool
    default: false
  include_excluded:
    description:
      - Whether workloads that are excluded by annotation are scaled, too.
    type: bool
    default: false
  max_workloads:
    description:
      - The most workloads that may be changed. When there are more, the task fails before the first of them.
    type: int
  max_percent:
    description:
      - The same as percentage of the workloads that match.
    type: float
  wait:
    description:
      - Whether to wait until the rollout is complete, as C(kubectl rollout status) has it, and surplus pods are gone. For what was
        changed, and with O(replicas) also for what has the number already.
      - All are watched together, with one watch for each namespace.
    type: bool
    default: true
  wait_timeout:
    description:
      - Seconds to wait at the most. When they are over, the task fails, with the reasons of the pods that don't come up.
    type: float
    default: 300
  on_timeout:
    description:
      - What to do with a workload that was changed and isn't there in time. V(fail) leaves it as it is. V(revert) puts its former number
        and resources back, unless somebody else has changed it meanwhile. Bounds of autoscalers stay as they are. The task fails either
        way.
    type: str
    choices: [fail, revert]
    default: fail
  concurrency:
    description:
      - Requests that are made side by side.
    type: int
    default: 8
extends_documentation_fragment:
  - cloudops.core.k8s
  - cloudops.core.attributes
  - cloudops.core.attributes.k8s_group
attributes:
  idempotent:
    description: When run again with the same options and nothing else has changed, it reports C(changed=false).
    support: partial
    details:
      - O(change) steps again.
      - O(policy) decides again for the time that it is. With the same O(now), it does nothing more.
seealso:
  - module: cloudops.core.k8s_workload_info
  - plugin: cloudops.core.scaling_decision
    plugin_type: filter
"""

EXAMPLES = r"""
- name: Scale a Deployment to 3 and wait until it is there
  cloudops.core.k8s_workload_scale:
    namespace: shop
    name: web
    replicas: 3

- name: See what two more of each worker in two namespaces would come to
  cloudops.core.k8s_workload_scale:
    namespaces: [shop, billing]
    label_selectors: [tier=worker]
    change: +2
    max: 10
  check_mode: true
  diff: true

- name: Scale down to 2, but only if nobody has touched the 3 that we saw
  cloudops.core.k8s_workload_scale:
    namespace: shop
    name: web
    replicas: 2
    current_replicas: 3
    on_timeout: revert

- name: Follow the load
  cloudops.core.k8s_workload_scale:
    namespace: shop
    name: [api]
    policy:
      min: 2
      max: 10
      rules:
        - type: threshold
          metric: cpu
          above: 70
          up: 1
          below: 50
          down: 1
      cooldown:
        up: 60
        down: 300
    metrics:
      - name: cpu
        value: 83.5
        age: 20
    wait: false
  register: pass

- name: Say why
  ansible.builtin.debug:
    msg: "{{ item.target }}: {{ item.before }} -> {{ item.after }} ({{ item.reason }}) {{ item.message }}"
  loop: "{{ pass.results }}"

- name: Turn the test environment off for the night, but never more than 20 workloads
  cloudops.core.k8s_workload_scale:
    kind: StatefulSet
    namespaces: [test]
    label_selectors: ['nightly=off']
    replicas: 0
    max_workloads: 20

- name: Give the containers more memory
  cloudops.core.k8s_workload_scale:
    namespace: shop
    name: web
    resources:
      web:
        requests:
          memory: 256Mi
        limits:
          memory: 512Mi
"""

RETURN = r"""
matched:
  description: How many workloads the selection matched.
  returned: success, and failure after the selection
  type: int
  sample: 2
counts:
  description: How many of them came to what, as in the outcome of RV(results). Names that don't exist count as failed, too.
  returned: success, and failure after the selection
  type: dict
  sample: {"changed": 1, "unchanged": 1, "skipped": 0, "failed": 0}
results:
  description: All that matched, and names that don't exist, in the order of O(name), or by namespace and name.
  returned: success, and failure after the selection
  type: list
  elements: dict
  contains:
    target:
      description: Namespace and name, as V(NAMESPACE/NAME).
      type: str
      sample: shop/web
    name:
      description: Its name.
      type: str
      sample: web
    namespace:
      description: Its namespace.
      type: str
      sample: shop
    kind:
      description: Its kind.
      type: str
      sample: Deployment
    before:
      description: Replicas that it had.
      type: int
      sample: 2
    desired:
      description: Replicas that it shall have. V(null) when nothing was decided.
      type: int
      sample: 3
    after:
      description: Replicas that it has now. In check mode, those that it would have.
      type: int
      sample: 3
    changed:
      description: Whether the workload, or the bounds of its autoscaler, were changed.
      type: bool
    outcome:
      description: V(changed), V(unchanged), V(skipped) or V(failed).
      type: str
      sample: changed
    action:
      description: Direction of the change of replicas. V(up), V(down) or V(hold).
      type: str
      sample: up
    reason:
      description:
        - Why it came so, as a word of the decision engine's list (see P(cloudops.core.scaling_decision#filter)), V(manual), V(already),
          V(excluded), V(external_owner), or the error code.
      type: str
      sample: manual
    message:
      description: The same in words.
      type: str
      sample: scaled from 2 to 3
    limited_by:
      description: What kept the number from being another one, such as V(min) or V(max).
      type: list
      elements: str
      sample: []
    owner:
      description: What scales the workload besides us, or nothing.
      type: str
      sample: HorizontalPodAutoscaler web
    bounds:
      description: Bounds of that autoscaler, before and after, when they were changed.
      type: dict
      sample: {"before": {"min": 2, "max": 10}, "after": {"min": 3, "max": 10}}
    resources:
      description: Entries of O(resources) that changed, by container.
      type: dict
      sample: {"web": {"before": {"requests.cpu": "100m"}, "after": {"requests.cpu": "250m"}}}
    decision:
      description: What the engine decided, as the filter returns it. Only with O(policy).
      type: dict
    state_written:
      description:
        - Whether the history of decisions was written to the annotation. When nothing but that was written, this isn't a change.
      type: bool
    attempts:
      description: How often it was decided upon. More than 1 when somebody else wrote at the same time.
      type: int
      sample: 1
    waited:
      description: Seconds until it was seen complete, or until the waiting ended. 0 without waiting.
      type: float
      sample: 2.3
    complete:
      description: Whether the rollout was seen complete. V(null) when nobody looked.
      type: bool
    reverted:
      description: Whether its former size was put back, as O(on_timeout) says.
      type: bool
failures:
  description: Targets that failed, each with its error. When there are any, the task fails after the others were done.
  returned: success, and failure after the selection
  type: list
  elements: dict
  sample: [{"target": "shop/web", "kind": "not_found", "code": "NotFound", "message": "there is no Deployment web", "hint": ""}]
actions:
  description: What was written, or would be in check mode, one line each. The history of decisions isn't listed.
  returned: success, and failure after the selection
  type: list
  elements: str
  sample: ["scale shop/web from 2 to 3"]
api_calls:
  description: Requests sent, by operation, retries included.
  returned: always
  type: dict
  sample: {"get deployments": 1, "list horizontalpodautoscalers": 1, "patch deployments": 1}
duration:
  description: Seconds that the module worked.
  returned: always
  type: float
  sample: 0.041
error:
  description: The failure as data.
  returned: on failure
  type: dict
  sample: {"kind": "partial", "code": "Timeout", "message": "could not scale 1 of 12", "operation": ""}
"""

from typing import Any

from ansible.module_utils.basic import AnsibleModule
from ansible_collections.cloudops.core.plugins.module_utils._ansible.argspec import K8S_TOGETHER, hide_secrets, k8s_spec
from ansible_collections.cloudops.core.plugins.module_utils._ansible.runner import (
    Result,
    report,
    require,
    run,
    some_failed,
)
from ansible_collections.cloudops.core.plugins.module_utils._domain.workload_options import selection_from, wish_from
from ansible_collections.cloudops.core.plugins.module_utils._k8s.client import KUBERNETES_IMPORT_ERROR, Client
from ansible_collections.cloudops.core.plugins.module_utils._k8s.config import Connection
from ansible_collections.cloudops.core.plugins.module_utils._k8s.scaler import FleetScaler


def scale(module: AnsibleModule, client: Client) -> Result:
    """Find, decide and act."""
    params = module.params
    selection, wish = selection_from(params), wish_from(params)
    fleet = FleetScaler(client, wish, concurrency=params["concurrency"])
    fleet.prepare(selection)
    plan = fleet.predict() if module.check_mode else fleet.carry_out()
    values = fleet.result()
    named = [{**failure, "name": failure["target"]} for failure in values["failures"]]
    others = sum(item["outcome"] != "failed" for item in values["results"])
    return report(plan, values, some_failed("scale", named, others))


def arguments() -> dict[str, Any]:
    """The module's own options."""
    off = {"type": "bool", "default": False}
    return {
        "kind": {"type": "str", "default": "Deployment"},
        "api_version": {"type": "str"},
        "name": {"type": "list", "elements": "str", "aliases": ["names"]},
        "label_selectors": {"type": "list", "elements": "str", "aliases": ["label_selector"]},
        "namespaces": {"type": "list", "elements": "str", "aliases": ["namespace"]},
        "all_namespaces": off,
        "replicas": {"type": "int"},
        "current_replicas": {"type": "int"},
        "resource_version": {"type": "str"},
        "change": {"type": "str"},
        "min": {"type": "int"},
        "max": {"type": "int"},
        "policy": {"type": "dict"},
        "metrics": {"type": "list", "elements": "dict"},
        "now": {"type": "str"},
        "resources": {"type": "dict"},
        "on_owner": {"type": "str", "choices": ["fail", "adjust_bounds", "force"], "default": "fail"},
        "include_paused": off,
        "include_excluded": off,
        "max_workloads": {"type": "int"},
        "max_percent": {"type": "float"},
        "wait": {"type": "bool", "default": True},
        "wait_timeout": {"type": "float", "default": 300},
        "on_timeout": {"type": "str", "choices": ["fail", "revert"], "default": "fail"},
        "concurrency": {"type": "int", "default": 8},
    }


def main() -> None:
    """Wire it up."""
    module = AnsibleModule(
        argument_spec=k8s_spec(**arguments()),
        mutually_exclusive=[("replicas", "change", "policy"), ("name", "label_selectors")],
        required_together=K8S_TOGETHER,
        supports_check_mode=True,
    )
    require(module, "kubernetes", KUBERNETES_IMPORT_ERROR)
    hide_secrets(module)
    client = Client(Connection.from_params(module.params), pool=max(1, module.params["concurrency"]) + 4)
    run(module, lambda: scale(module, client), extras=lambda: {"api_calls": client.calls.as_result()})


if __name__ == "__main__":
    main()
