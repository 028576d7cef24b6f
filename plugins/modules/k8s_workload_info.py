#!/usr/bin/python
# Copyright (c) 2026 cloudops.core contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Facts of Kubernetes workloads."""

from __future__ import annotations

DOCUMENTATION = r"""
module: k8s_workload_info
short_description: Gather facts of Kubernetes workloads in one or many namespaces
version_added: 0.1.0
author:
  - cloudops.core contributors (@cloudops-core)
description:
  - Lists Deployments, StatefulSets, and other kinds that have a scale subresource, with the facts that decide on their size. Among them
    are replicas, the state of the rollout, images, requests and limits, and the annotations about scaling.
  - Takes a request for each kind and namespace and each O(page_size) objects, side by side.
  - A namespace that can't be read is told apart from an empty one, in RV(unknown).
options:
  kinds:
    description:
      - Kinds to list, each as V(KIND), or as V(GROUP/VERSION/KIND) for kinds other than Deployment, StatefulSet and ReplicaSet.
    type: list
    elements: str
    default: [Deployment, StatefulSet]
    aliases: [kind]
  api_version:
    description:
      - API group and version, when O(kinds) has a single kind that isn't one of those three.
    type: str
  name:
    description:
      - Names of the workloads, each as V(NAME) or V(NAMESPACE/NAME). Those that none of the kinds has are in RV(missing), which isn't a
        failure.
      - Excludes O(label_selectors). Without both, all workloads.
    type: list
    elements: str
    aliases: [names]
  label_selectors:
    description:
      - Label selectors that workloads must match, all of them, such as V(app=web), V(tier in (front,back)) or V(!canary).
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
      - Whether to look in all namespaces. Not with O(name).
    type: bool
    default: false
  owners:
    description:
      - Whether to look up what scales each workload. Takes a request or two for each namespace, and the right to list autoscalers.
    type: bool
    default: false
  pods:
    description:
      - Whether to list the pods of each workload. Takes a request for each, and the right to list pods.
    type: bool
    default: false
  ignore_unknown:
    description:
      - Whether the task succeeds although something could not be read. It is in RV(unknown) either way.
    type: bool
    default: false
  page_size:
    description:
      - Objects in one answer of the server.
    type: int
    default: 500
  concurrency:
    description:
      - Requests that are made side by side.
    type: int
    default: 8
extends_documentation_fragment:
  - cloudops.core.k8s
  - cloudops.core.attributes.info
  - cloudops.core.attributes.k8s_group
seealso:
  - module: cloudops.core.k8s_workload_scale
"""

EXAMPLES = r"""
- name: Look at everything in two namespaces
  cloudops.core.k8s_workload_info:
    namespaces: [shop, billing]
    owners: true
  register: found

- name: Name what isn't rolled out
  ansible.builtin.debug:
    msg: "{{ item.target }}: {{ item.rollout_message }}"
  loop: "{{ found.workloads | rejectattr('rollout', 'eq', 'complete') }}"
  loop_control:
    label: "{{ item.target }}"

- name: See why the pods of one Deployment don't come up
  cloudops.core.k8s_workload_info:
    kinds: [Deployment]
    namespace: shop
    name: web
    pods: true
"""

RETURN = r"""
workloads:
  description: The workloads, by namespace, name and kind.
  returned: success, and when some could be read
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
    api_version:
      description: API group and version of the kind.
      type: str
      sample: apps/v1
    created:
      description: When it was created, in ISO 8601.
      type: str
      sample: '2026-03-01T10:00:00Z'
    resource_version:
      description: Version of the object, for O(cloudops.core.k8s_workload_scale#module:resource_version).
      type: str
      sample: '4711'
    replicas:
      description: Replicas that are asked for.
      type: int
      sample: 3
    current:
      description: Replicas that there are.
      type: int
      sample: 3
    ready:
      description: Replicas that are ready. V(null) where the kind doesn't tell.
      type: int
      sample: 3
    updated:
      description: Replicas of the newest revision. V(null) where the kind doesn't tell.
      type: int
      sample: 3
    available:
      description: Replicas that are available. V(null) where the kind doesn't tell.
      type: int
      sample: 3
    rollout:
      description: V(complete), V(progressing) or V(failed), by the rules of C(kubectl rollout status).
      type: str
      sample: complete
    rollout_message:
      description: The same in words.
      type: str
      sample: 3 replicas are available
    conditions:
      description: Conditions of the workload, each with C(type), C(status), C(reason) and C(message).
      type: list
      elements: dict
    images:
      description: Images by container.
      type: dict
      sample: {"web": "registry.example.com/web:1.2"}
    resources:
      description: Requests and limits by container.
      type: dict
      sample: {"web": {"requests": {"cpu": "250m"}}}
    labels:
      description: Its labels.
      type: dict
    annotations:
      description: Its annotations.
      type: dict
    selector:
      description: Label selector of its pods.
      type: str
      sample: app=web
    controller:
      description: The controller that it belongs to, or nothing.
      type: str
      sample: Deployment web
    owner:
      description: What scales it, or nothing. V(null) when that could not be read. Only with O(owners).
      type: str
      sample: HorizontalPodAutoscaler web
    owner_bounds:
      description: Bounds of that autoscaler. Only with O(owners), where there is one.
      type: dict
      sample: {"min": 2, "max": 10}
    scaling:
      description: What the annotations say about scaling.
      type: dict
      contains:
        excluded:
          description: Whether it is excluded. V(null), as the others, when the annotations can't be read.
          type: bool
        paused:
          description: Whether it is paused.
          type: bool
        paused_until:
          description: Until when it is paused, as written, or nothing.
          type: str
        min:
          description: Least number of replicas, or V(null).
          type: int
        max:
          description: Greatest number of replicas, or V(null).
          type: int
        state:
          description: History of decisions, or V(null).
          type: dict
        problem:
          description: What is wrong with the annotations, or nothing.
          type: str
    pods:
      description: Its pods. V(null) when they could not be read. Only with O(pods).
      type: list
      elements: dict
      contains:
        name:
          description: Name of the pod.
          type: str
          sample: web-6c5f8d9b7-x2x4k
        phase:
          description: Its phase.
          type: str
          sample: Running
        ready:
          description: Whether it is ready.
          type: bool
        terminating:
          description: Whether it is on its way out.
          type: bool
        restarts:
          description: Restarts of its containers.
          type: int
          sample: 0
        node:
          description: Its node, or nothing.
          type: str
          sample: node-1
        ip:
          description: Its address, or nothing.
          type: str
          sample: 10.0.0.12
        created:
          description: When it was created, in ISO 8601.
          type: str
          sample: '2026-03-01T10:00:00Z'
        reason:
          description: Why it isn't ready, or nothing.
          type: str
          sample: ImagePullBackOff (Back-off pulling image)
matched:
  description: How many workloads there are.
  returned: success, and when some could be read
  type: int
  sample: 12
missing:
  description: Names that none of the kinds has, as V(NAMESPACE/NAME).
  returned: success, and when some could be read
  type: list
  elements: str
  sample: []
unknown:
  description:
    - What could not be read, each with C(namespace) (nothing is all of them), C(kind), C(name) and its error. When there is any, the task
      fails after the rest was read, unless O(ignore_unknown=true).
  returned: success, and when some could be read
  type: list
  elements: dict
  sample: [{"namespace": "secret", "kind": "Deployment", "name": "", "error": {"kind": "denied", "code": "Forbidden"}}]
api_calls:
  description: Requests sent, by operation, retries included.
  returned: always
  type: dict
  sample: {"list deployments": 2, "list statefulsets": 2}
duration:
  description: Seconds that the module worked.
  returned: always
  type: float
  sample: 0.041
error:
  description: The failure as data.
  returned: on failure
  type: dict
  sample: {"kind": "partial", "code": "Forbidden", "message": "could not read 1 of 13", "operation": ""}
"""

from typing import Any

from ansible.module_utils.basic import AnsibleModule
from ansible_collections.cloudops.core.plugins.module_utils._ansible.argspec import K8S_TOGETHER, hide_secrets, k8s_spec
from ansible_collections.cloudops.core.plugins.module_utils._ansible.runner import Result, require, run, some_failed
from ansible_collections.cloudops.core.plugins.module_utils._domain.workload_options import listing_from
from ansible_collections.cloudops.core.plugins.module_utils._k8s.client import KUBERNETES_IMPORT_ERROR, Client
from ansible_collections.cloudops.core.plugins.module_utils._k8s.config import Connection
from ansible_collections.cloudops.core.plugins.module_utils._k8s.inventory import Extras, Inventory


def gather(params: dict[str, Any], client: Client) -> Result:
    """Read all that is asked for."""
    extras = Extras(owners=params["owners"], pods=params["pods"])
    inventory = Inventory(client, extras, concurrency=params["concurrency"], page=params["page_size"])
    workloads = inventory.gather(listing_from(params))
    failed = [{**entry["error"], "name": place_of(entry)} for entry in inventory.unknown]
    return Result(
        values={
            "workloads": workloads,
            "matched": len(workloads),
            "missing": inventory.missing,
            "unknown": inventory.unknown,
        },
        failure=None if params["ignore_unknown"] else some_failed("read", failed, len(workloads)),
    )


def place_of(entry: dict[str, Any]) -> str:
    """What could not be read, for people."""
    where = entry["namespace"] or "all namespaces"
    return f"{entry['kind']} {entry['name']} in {where}" if entry["name"] else f"{entry['kind']} in {where}"


def arguments() -> dict[str, Any]:
    """The module's own options."""
    off = {"type": "bool", "default": False}
    return {
        "kinds": {"type": "list", "elements": "str", "default": ["Deployment", "StatefulSet"], "aliases": ["kind"]},
        "api_version": {"type": "str"},
        "name": {"type": "list", "elements": "str", "aliases": ["names"]},
        "label_selectors": {"type": "list", "elements": "str", "aliases": ["label_selector"]},
        "namespaces": {"type": "list", "elements": "str", "aliases": ["namespace"]},
        "all_namespaces": off,
        "owners": off,
        "pods": off,
        "ignore_unknown": off,
        "page_size": {"type": "int", "default": 500},
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
    hide_secrets(module)
    client = Client(Connection.from_params(module.params), pool=max(1, module.params["concurrency"]) + 4)
    run(module, lambda: gather(module.params, client), extras=lambda: {"api_calls": client.calls.as_result()})


if __name__ == "__main__":
    main()
