# Copyright (c) 2026 cloudops.core contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Workloads of Kubernetes clusters as hosts."""

from __future__ import annotations

DOCUMENTATION = r"""
name: k8s_workloads
short_description: Workloads of one or many Kubernetes clusters as hosts
version_added: 0.1.0
author:
  - cloudops.core contributors (@cloudops-core)
description:
  - Makes a host of each Deployment, StatefulSet, or whatever O(kinds) names, in all contexts at the same time. Tasks for them run on the
    controller. Its file's name ends in C(k8s_workloads.yml) or C(k8s_workloads.yaml).
  - The host variables are what M(cloudops.core.k8s_workload_info) returns of a workload, such as C(kind), C(replicas), C(ready),
    C(rollout), C(labels), C(annotations), C(images), C(scaling). Its name and namespace are C(workload_name) and
    C(workload_namespace), as Ansible has other uses for their plain names; expressions know these as well.
  - C(owner) is what scales the workload besides people, such as C(HorizontalPodAutoscaler web), with C(owner_bounds). It is empty where
    nothing does, and null where nobody may say.
  - C(state) is V(ready), V(rolling), V(failed), or V(stopped) for a workload with no replicas wanted.
  - C(context) is the context, empty where none was named.
  - C(ansible_connection) is V(local), and C(ansible_python_interpreter) the Python that runs Ansible; O(compose) may change both.
options:
  plugin:
    description: Marks the file as one of this plugin.
    type: str
    required: true
    choices: [cloudops.core.k8s_workloads]
  contexts:
    description: Contexts in the kubeconfig, all looked at side by side. Without it, O(context).
    type: list
    elements: str
    default: []
    env:
      - name: CLOUDOPS_INVENTORY_CONTEXTS
    ini:
      - section: inventory
        key: cloudops_contexts
  kinds:
    description:
      - Kinds of workloads. V(Deployment), V(StatefulSet) and V(ReplicaSet) go by their names, others as C(GROUP/VERSION/KIND).
    type: list
    elements: str
    default: [Deployment, StatefulSet]
  namespaces:
    description: Namespaces to look in. Without it, all of them.
    type: list
    elements: str
  label_selectors:
    description: Label selectors that must all match, such as V(app=web) or V(tier in (front, back\)).
    type: list
    elements: str
  owners:
    description: Whether to look for what else scales the workloads. Takes the right to list autoscalers.
    type: bool
    default: true
  hostname:
    description:
      - What a host is called, as a template over the host variables.
      - Without it, C(NAME.NAMESPACE), and with several contexts C(NAME.NAMESPACE.CONTEXT).
      - Where several workloads get the same name, all of them get their kind appended, with a warning.
    type: str
  strict_permissions:
    description:
      - Whether a context, namespace or kind that may not be read fails the inventory. With V(false) it is left out with a warning.
    type: bool
    default: true
    env:
      - name: CLOUDOPS_INVENTORY_STRICT_PERMISSIONS
    ini:
      - section: inventory
        key: cloudops_strict_permissions
extends_documentation_fragment:
  - cloudops.core.inventory
  - cloudops.core.inventory.k8s_connection
  - ansible.builtin.constructed
  - ansible.builtin.inventory_cache
seealso:
  - module: cloudops.core.k8s_workload_info
  - module: cloudops.core.k8s_workload_scale
"""

EXAMPLES = r"""
# All Deployments and StatefulSets of the kubeconfig's current context.
plugin: cloudops.core.k8s_workloads
keyed_groups:
  - key: namespace
    prefix: namespace
  - key: state
    prefix: state

---
# The web tier of two clusters: groups by label, and those that nothing else scales.
plugin: cloudops.core.k8s_workloads
contexts: [production, staging]
label_selectors: [tier=web]
hostname: "{{ context }}-{{ namespace }}-{{ name }}"
keyed_groups:
  - key: labels
    prefix: label
groups:
  ours_to_scale: owner == ''
  short_of_replicas: ready | default(0, true) < replicas
compose:
  image: images.values() | first
"""

import sys
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

from ansible_collections.cloudops.core.plugins.module_utils._core.errors import CloudOpsError, Denied, Invalid, of_kind
from ansible_collections.cloudops.core.plugins.module_utils._core.fanout import fan_out
from ansible_collections.cloudops.core.plugins.module_utils._domain.instance_inventory import unique_names
from ansible_collections.cloudops.core.plugins.module_utils._domain.inventory import (
    Document,
    read_concurrency,
    skipped_note,
    workload_state,
)
from ansible_collections.cloudops.core.plugins.module_utils._domain.options import (
    words,
)
from ansible_collections.cloudops.core.plugins.module_utils._domain.workload_options import Selection, listing_from
from ansible_collections.cloudops.core.plugins.module_utils._k8s.client import KUBERNETES_IMPORT_ERROR, Client
from ansible_collections.cloudops.core.plugins.module_utils._k8s.config import Connection
from ansible_collections.cloudops.core.plugins.module_utils._k8s.inventory import Extras, Inventory
from ansible_collections.cloudops.core.plugins.plugin_utils.inventory import CloudInventory, HostEntry, required, some

CONNECTION = (
    "kubeconfig",
    "context",
    "host",
    "api_key",
    "username",
    "password",
    "validate_certs",
    "ca_cert",
    "client_cert",
    "client_key",
    "proxy",
    "impersonate_user",
    "impersonate_groups",
)
SELECTION = ("contexts", "kinds", "namespaces", "label_selectors", "owners", "strict_permissions")
# Ansible has other uses for these names.
RENAMED = {"name": "workload_name", "namespace": "workload_namespace"}


class InventoryModule(CloudInventory):
    """Ansible looks for this class."""

    NAME = "cloudops.core.k8s_workloads"
    SUFFIXES = ("k8s_workloads.yml", "k8s_workloads.yaml")
    asked = (*CONNECTION, *SELECTION)

    def source(self) -> Callable[[], Document]:
        """Check the options, and see to it that they are asked with."""
        required("kubernetes", KUBERNETES_IMPORT_ERROR)
        values = {name: self.option(name) for name in CONNECTION}
        contexts = list(dict.fromkeys(words(self.option("contexts"), "contexts")))
        if contexts and values["context"]:
            raise Invalid("contexts excludes context", hint="List all contexts in contexts.")
        names = contexts or [values["context"] or ""]
        connections = [(name, Connection.from_params({**values, "context": name or None})) for name in names]
        selection, concurrency = self._selection(), read_concurrency(self.option("concurrency"))
        return lambda: self._read(connections, selection, concurrency)

    def _selection(self) -> Selection:
        given = {name: self.option(name) for name in ("namespaces", "label_selectors")}
        options = {name: None if value is None else list(words(value, name)) for name, value in given.items()}
        if isinstance(given["label_selectors"], list):  # a selector may have commas of its own
            options["label_selectors"] = [str(selector) for selector in given["label_selectors"]]
        return listing_from(
            {
                "kinds": list(words(self.option("kinds"), "kinds")),
                "api_version": None,
                "name": None,
                "all_namespaces": options["namespaces"] is None,
                "page_size": 500,
                "concurrency": 1,
                **options,
            }
        )

    def _read(self, connections: Sequence[tuple[str, Connection]], selection: Selection, concurrency: int) -> Document:
        notes: list[str] = []
        hosts: list[dict[str, Any]] = []

        def look(item: tuple[str, Connection]) -> tuple[list[dict[str, Any]], list[dict[str, Any]]]:
            client = Client(item[1], pool=concurrency + 4)
            found = Inventory(client, Extras(owners=bool(self.get_option("owners"))), concurrency=concurrency)
            return found.gather(selection), found.unknown

        for outcome in fan_out(look, connections, concurrency=concurrency):
            context = outcome.item[0]
            if outcome.error is not None:
                notes.append(self._skipped(f"context {context}" if context else "the cluster", outcome.error))
                continue
            workloads, unknown = outcome.value or ([], [])
            hosts += [{**workload, "context": context} for workload in workloads]
            notes += [self._unreadable(context, entry) for entry in unknown]
        return Document(hosts, tuple(notes), time.time())

    def _unreadable(self, context: str, entry: Mapping[str, Any]) -> str:
        where = f"{entry['kind']} in {entry['namespace'] or 'all namespaces'}" + (f" of {context}" if context else "")
        told = entry["error"]
        error = of_kind(told["kind"])(
            told["message"],
            operation=told["operation"],
            resource=told["resource"],
            code=told["code"],
            hint=told["hint"],
        )
        return self._skipped(where, error)

    def _skipped(self, label: str, error: CloudOpsError) -> str:
        if self.get_option("strict_permissions") or not isinstance(error, Denied):
            raise error
        return skipped_note(label, error)

    def entries(self, hosts: Sequence[Mapping[str, Any]]) -> Iterable[HostEntry]:
        """Name the workloads, and give them their variables."""
        known = [{**workload, "state": workload_state(workload)} for workload in hosts]
        several = len({workload["context"] for workload in known}) > 1
        named = [(self._name(workload, several), workload["kind"].lower()) for workload in known]
        names, shared = unique_names(named)
        if shared:
            told = f"several workloads are called {some(shared)}; their kinds are appended"
            self.display.warning(f"{self.NAME}: {told}")
        for name, workload in zip(names, known, strict=True):
            variables = {RENAMED.get(key, key): value for key, value in workload.items()}
            variables.update(ansible_connection="local", ansible_python_interpreter=sys.executable)
            yield HostEntry(name, variables, {key: workload[key] for key in RENAMED})

    def _name(self, workload: Mapping[str, Any], several: bool) -> str:
        template = self.get_option("hostname")
        if not template:
            parts = (workload["name"], workload["namespace"], workload["context"] if several else "")
            return ".".join(filter(None, parts))
        name = str(self.evaluate(template, workload)).strip()
        if not name:
            raise Invalid(f"hostname gives no name to {workload['target']}", hint="Write it as a template: {{ name }}.")
        return name
