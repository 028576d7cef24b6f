#!/usr/bin/python
# Copyright (c) 2026 cloudops.core contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Restart Kubernetes workloads."""

from __future__ import annotations

DOCUMENTATION = r"""
module: k8s_workload_restart
short_description: Restart Kubernetes workloads, as often in an hour as they may be
version_added: 0.1.0
author:
  - cloudops.core contributors (@cloudops-core)
description:
  - Replaces the pods of Deployments and StatefulSets by their own strategy, as C(kubectl rollout restart) does, by the annotation
    C(kubectl.kubernetes.io/restartedAt) of the pod template. One, many by name, or all that a label selector matches, side by side, with a
    result for each in RV(results).
  - With O(max_per_hour), a workload that was restarted so often within the hour is left alone. When it was restarted is kept in its
    annotation C(cloudops.core/restarts), so that the limit holds for all who use this module, and outlasts them.
  - Every write carries the version of the object that the decision was made on. When somebody else wrote meanwhile, the module reads and
    decides anew, up to 3 times. So two that restart at the same time never go past the limit.
  - Annotations of the workload are honoured. C(cloudops.core/exclude), C(cloudops.core/paused) and C(cloudops.core/paused-until) leave it
    alone.
options:
  kind:
    description:
      - Kind of the workloads.
    type: str
    choices: [Deployment, StatefulSet]
    default: Deployment
  name:
    description:
      - Names of the workloads, each as V(NAME) or V(NAMESPACE/NAME). One that doesn't exist is a failure.
      - Exactly one of O(name) and O(label_selectors) is required, and it may not be empty.
    type: list
    elements: str
    aliases: [names]
  label_selectors:
    description:
      - Label selectors that workloads must match, all of them. Matching nothing is a success with RV(matched) of 0.
    type: list
    elements: str
    aliases: [label_selector]
  namespaces:
    description:
      - Namespaces to look in. Without it, the namespace of the kubeconfig's context, or else V(default).
    type: list
    elements: str
    aliases: [namespace]
  all_namespaces:
    description:
      - Whether O(label_selectors) look in all namespaces. Excludes O(namespaces).
    type: bool
    default: false
  max_per_hour:
    description:
      - The most restarts of one workload within an hour. Without it, there is no limit, but restarts are counted all the same.
    type: int
  on_limit:
    description:
      - What a workload is that has reached O(max_per_hour). With V(fail), a failure, since another restart seldom helps. With V(skip), it
        is left alone quietly.
    type: str
    choices: [fail, skip]
    default: fail
  reason:
    description:
      - Why, in a few words. It is kept in the annotation C(cloudops.core/restart-reason).
    type: str
    default: ''
  now:
    description:
      - The time of the restart, in ISO 8601. Default is the present.
    type: str
  include_paused:
    description:
      - Whether workloads that are paused by annotation are restarted, too.
    type: bool
    default: false
  include_excluded:
    description:
      - Whether workloads that are excluded by annotation are restarted, too.
    type: bool
    default: false
  max_workloads:
    description:
      - The most workloads that may be restarted. When there are more, the task fails before the first of them.
    type: int
  max_percent:
    description:
      - The same as percentage of the workloads that match.
    type: float
  wait:
    description:
      - Whether to wait until the rollout is complete, as C(kubectl rollout status) has it.
    type: bool
    default: true
  wait_timeout:
    description:
      - Seconds to wait at the most. When they are over, the task fails, with the reasons of the pods that don't come up.
    type: float
    default: 300
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
    support: none
    details: Every run restarts, as long as O(max_per_hour) allows.
seealso:
  - module: cloudops.core.k8s_workload_scale
  - module: cloudops.core.k8s_workload_info
"""

EXAMPLES = r"""
- name: Restart a Deployment and wait until it serves again
  cloudops.core.k8s_workload_restart:
    namespace: shop
    name: web
    reason: new certificate

- name: Restart what hangs, but never more than twice in an hour, nor more than three at once
  cloudops.core.k8s_workload_restart:
    namespaces: [shop, billing]
    label_selectors: [tier=worker]
    max_per_hour: 2
    on_limit: skip
    max_workloads: 3
"""

RETURN = r"""
matched:
  description: How many workloads the selection matched.
  returned: success, and failure after the selection
  type: int
  sample: 2
counts:
  description: How many of them came to what, as in the outcome of RV(results).
  returned: success, and failure after the selection
  type: dict
  sample: {"changed": 1, "skipped": 1, "failed": 0}
results:
  description: All that matched, and names that don't exist.
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
    changed:
      description: Whether it was restarted.
      type: bool
    outcome:
      description: V(changed), V(skipped) or V(failed).
      type: str
      sample: changed
    reason:
      description: V(manual) when it was restarted, otherwise V(excluded), V(paused), V(rate_limited), or the error code.
      type: str
      sample: manual
    message:
      description: The same in words.
      type: str
      sample: new certificate
    restarted_at:
      description: Time of the restart. V(null) when there was none.
      type: str
      sample: '2026-03-01T10:00:00+00:00'
    restarts_within_hour:
      description: Restarts within the last hour, this one included.
      type: int
      sample: 1
    attempts:
      description: How often it was decided upon. More than 1 when somebody else wrote at the same time.
      type: int
      sample: 1
    waited:
      description: Seconds until it was seen complete, or until the waiting ended.
      type: float
      sample: 12.5
    complete:
      description: Whether the rollout was seen complete. V(null) when nobody looked.
      type: bool
failures:
  description: Targets that failed, each with its error. When there are any, the task fails after the others were done.
  returned: success, and failure after the selection
  type: list
  elements: dict
  sample: [{"target": "shop/web", "kind": "conflict", "code": "RestartLimit", "message": "was restarted 2 times", "hint": ""}]
actions:
  description: What was written, or would be in check mode, one line each.
  returned: success, and failure after the selection
  type: list
  elements: str
  sample: ["restart shop/web"]
api_calls:
  description: Requests sent, by operation, retries included.
  returned: always
  type: dict
  sample: {"get deployments": 1, "patch deployments": 1}
duration:
  description: Seconds that the module worked.
  returned: always
  type: float
  sample: 0.041
error:
  description: The failure as data.
  returned: on failure
  type: dict
  sample: {"kind": "partial", "code": "RestartLimit", "message": "could not restart 1 of 2", "operation": ""}
"""

import time
from typing import Any

from ansible.module_utils.basic import AnsibleModule
from ansible_collections.cloudops.core.plugins.module_utils._ansible.argspec import K8S_TOGETHER, k8s_spec
from ansible_collections.cloudops.core.plugins.module_utils._ansible.runner import (
    Result,
    report,
    require,
    run,
    some_failed,
)
from ansible_collections.cloudops.core.plugins.module_utils._domain.workload_options import selection_from
from ansible_collections.cloudops.core.plugins.module_utils._domain.workload_restart import KINDS, RestartWish
from ansible_collections.cloudops.core.plugins.module_utils._k8s.client import KUBERNETES_IMPORT_ERROR, Client
from ansible_collections.cloudops.core.plugins.module_utils._k8s.config import Connection
from ansible_collections.cloudops.core.plugins.module_utils._k8s.restarter import FleetRestarter


def restart(module: AnsibleModule, client: Client) -> Result:
    """Find, decide and act."""
    params = module.params
    selection = selection_from({**params, "api_version": None})
    fleet = FleetRestarter(client, RestartWish.from_options(params, time.time()), concurrency=params["concurrency"])
    fleet.prepare(selection)
    plan = fleet.predict() if module.check_mode else fleet.carry_out()
    values = fleet.result()
    named = [{**failure, "name": failure["target"]} for failure in values["failures"]]
    others = sum(item["outcome"] != "failed" for item in values["results"])
    return report(plan, values, some_failed("restart", named, others))


def arguments() -> dict[str, Any]:
    """The module's own options."""
    off = {"type": "bool", "default": False}
    return {
        "kind": {"type": "str", "choices": list(KINDS), "default": KINDS[0]},
        "name": {"type": "list", "elements": "str", "aliases": ["names"]},
        "label_selectors": {"type": "list", "elements": "str", "aliases": ["label_selector"]},
        "namespaces": {"type": "list", "elements": "str", "aliases": ["namespace"]},
        "all_namespaces": off,
        "max_per_hour": {"type": "int"},
        "on_limit": {"type": "str", "choices": ["fail", "skip"], "default": "fail"},
        "reason": {"type": "str", "default": ""},
        "now": {"type": "str"},
        "include_paused": off,
        "include_excluded": off,
        "max_workloads": {"type": "int"},
        "max_percent": {"type": "float"},
        "wait": {"type": "bool", "default": True},
        "wait_timeout": {"type": "float", "default": 300},
        "concurrency": {"type": "int", "default": 8},
    }


def main() -> None:
    """Wire it up."""
    module = AnsibleModule(
        argument_spec=k8s_spec(**arguments()),
        mutually_exclusive=[("name", "label_selectors")],
        required_together=K8S_TOGETHER,
        supports_check_mode=True,
    )
    require(module, "kubernetes", KUBERNETES_IMPORT_ERROR)
    client = Client(Connection.from_params(module.params), pool=max(1, module.params["concurrency"]) + 4)
    run(module, lambda: restart(module, client), extras=lambda: {"api_calls": client.calls.as_result()})


if __name__ == "__main__":
    main()
