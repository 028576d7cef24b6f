# Copyright (c) 2026 cloudops.core contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What the Kubernetes stand-in makes of an object before it stores it: defaults, validation, versions of a kind."""

from __future__ import annotations

import copy
import json
import re
from collections.abc import Callable, Iterator, Mapping
from typing import Any

from tests.servers.kube_errors import Cause, bad_patch, bad_request, bad_value, invalid, required
from tests.servers.kube_kinds import RBAC, Kind
from tests.servers.kube_select import selector_matches

Object = dict[str, Any]
MIN_ZERO = "must be greater than or equal to 0"
_NAME = re.compile(r"[a-z0-9]([-a-z0-9.]*[a-z0-9])?")
_NAME_RULE = (
    "a lowercase RFC 1123 subdomain must consist of lower case alphanumeric characters, '-' or '.', and must start and end"
    " with an alphanumeric character (e.g. 'example.com', regex used for validation is"
    r" '[a-z0-9]([-a-z0-9]*[a-z0-9])?(\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*')"
)
_METRICS_NOTE = "autoscaling.alpha.kubernetes.io/metrics"
_BEHAVIOR_NOTE = "autoscaling.alpha.kubernetes.io/behavior"


# Defaults


def with_defaults(kind: Kind, value: Object) -> Object:
    """Fill in what the server fills in; changes the object that it is given."""
    fill = _DEFAULTS.get(kind.resource)
    if fill is not None:
        fill(value)
    return value


def _fill(target: Object, **defaults: Any) -> None:
    for key, default in defaults.items():
        if target.get(key) is None:
            target[key] = copy.deepcopy(default)


def _fill_pod(spec: Object) -> None:
    _fill(
        spec,
        restartPolicy="Always",
        terminationGracePeriodSeconds=30,
        dnsPolicy="ClusterFirst",
        securityContext={},
        schedulerName="default-scheduler",
    )
    for container in spec.get("containers") or []:
        image = str(container.get("image", ""))
        latest = ":" not in image.rpartition("/")[2] or image.endswith(":latest")
        _fill(
            container,
            resources={},
            terminationMessagePath="/dev/termination-log",
            terminationMessagePolicy="File",
            imagePullPolicy="Always" if latest else "IfNotPresent",
        )


def _fill_template(value: Object) -> Object:
    spec: Object = value.setdefault("spec", {})
    _fill(spec, replicas=1)
    template = spec.setdefault("template", {})
    template.setdefault("metadata", {}).setdefault("creationTimestamp", None)
    _fill_pod(template.setdefault("spec", {}))
    return spec


def _fill_deployment(value: Object) -> None:
    spec = _fill_template(value)
    _fill(spec, strategy={}, revisionHistoryLimit=10, progressDeadlineSeconds=600)
    _fill(spec["strategy"], type="RollingUpdate")
    if spec["strategy"]["type"] == "RollingUpdate":
        _fill(spec["strategy"], rollingUpdate={})
        _fill(spec["strategy"]["rollingUpdate"], maxUnavailable="25%", maxSurge="25%")
    value.setdefault("status", {})


def _fill_replicaset(value: Object) -> None:
    _fill_template(value)
    value.setdefault("status", {"replicas": 0})


def _fill_statefulset(value: Object) -> None:
    spec = _fill_template(value)
    _fill(spec, podManagementPolicy="OrderedReady", updateStrategy={}, revisionHistoryLimit=10)
    _fill(spec["updateStrategy"], type="RollingUpdate")
    if spec["updateStrategy"]["type"] == "RollingUpdate":
        _fill(spec["updateStrategy"], rollingUpdate={})
        _fill(spec["updateStrategy"]["rollingUpdate"], partition=0)
    value.setdefault("status", {"replicas": 0})


def _fill_hpa(value: Object) -> None:
    spec: Object = value.setdefault("spec", {})
    cpu = {"type": "Resource", "resource": {"name": "cpu", "target": {"type": "Utilization", "averageUtilization": 80}}}
    _fill(spec, minReplicas=1, metrics=[cpu])
    value.setdefault("status", {"currentReplicas": 0, "desiredReplicas": 0})


def _fill_namespace(value: Object) -> None:
    value.setdefault("spec", {}).setdefault("finalizers", ["kubernetes"])
    value.setdefault("status", {"phase": "Active"})


def _fill_bare_pod(value: Object) -> None:
    _fill_pod(value.setdefault("spec", {}))
    value.setdefault("status", {"phase": "Pending", "qosClass": "BestEffort"})


def _fill_binding(value: Object) -> None:
    for subject in value.get("subjects") or []:
        if subject.get("kind") in ("User", "Group"):
            _fill(subject, apiGroup=RBAC)


def _fill_definition(value: Object) -> None:
    names = value.get("spec", {}).get("names", {})
    if "kind" in names:
        _fill(names, singular=names["kind"].lower(), listKind=names["kind"] + "List")


_DEFAULTS: dict[tuple[str, str], Callable[[Object], None]] = {
    ("", "namespaces"): _fill_namespace,
    ("", "pods"): _fill_bare_pod,
    ("apps", "deployments"): _fill_deployment,
    ("apps", "replicasets"): _fill_replicaset,
    ("apps", "statefulsets"): _fill_statefulset,
    ("autoscaling", "horizontalpodautoscalers"): _fill_hpa,
    (RBAC, "rolebindings"): _fill_binding,
    (RBAC, "clusterrolebindings"): _fill_binding,
    ("apiextensions.k8s.io", "customresourcedefinitions"): _fill_definition,
}


# Validation


_NUMBERS = ("replicas", "minReplicas", "maxReplicas", "progressDeadlineSeconds", "minReadySeconds")


def check_types(kind: Kind, value: Object, patched: bool = False) -> None:
    """Raise ApiError (400, of a patch 422) where a number is something else: the real server can't even decode that."""
    spec = value.get("spec") or {}
    for name in () if kind.custom else _NUMBERS:
        found = spec.get(name)
        if found is None or (isinstance(found, int) and not isinstance(found, bool) and abs(found) < 2**31):
            continue
        why = (
            f"json: cannot unmarshal {_json_type(found)} into Go struct field {kind.kind}Spec.spec.{name} of type int32"
        )
        if patched:
            raise bad_patch(json.dumps(value, separators=(",", ":")), why)
        raise bad_request(f'{kind.kind} in version "{kind.version}" cannot be handled as a {kind.kind}: {why}')


def _json_type(found: Any) -> str:
    names = {str: "string", bool: "bool", int: "number", float: "number", list: "array", dict: "object"}
    return next(text for known, text in names.items() if isinstance(found, known))


def validate(kind: Kind, value: Object, old: Object | None) -> None:
    """Raise ApiError (422) with everything that is wrong with an object."""
    name = value["metadata"]["name"]
    causes = list(_name_faults(kind, name)) if old is None else []
    check = _CHECKS.get(kind.resource)
    if check is not None:
        causes += check(value, old)
    if causes:
        raise invalid(kind.group, kind.kind, name, causes)


def _name_faults(kind: Kind, name: str) -> Iterator[Cause]:
    if kind.group != RBAC and (len(name) > 253 or not _NAME.fullmatch(name)):
        yield bad_value("metadata.name", json.dumps(name), _NAME_RULE)


def _negative(spec: Object, name: str) -> Iterator[Cause]:
    if (spec.get(name) or 0) < 0:
        yield bad_value(f"spec.{name}", spec[name], MIN_ZERO)


def _workload_faults(value: Object, old: Object | None) -> Iterator[Cause]:
    spec = value["spec"]
    yield from _negative(spec, "replicas")
    yield from _negative(spec, "minReadySeconds")
    labels = spec["template"]["metadata"].get("labels") or {}
    if not spec.get("selector"):
        yield required("spec.selector")
    if not spec.get("selector") or not selector_matches(spec["selector"], labels):
        yield bad_value("spec.template.metadata.labels", _as_go(labels), "`selector` does not match template `labels`")
    if not spec["template"]["spec"].get("containers"):
        yield required("spec.template.spec.containers")
    if old is not None and old["spec"].get("selector") != spec.get("selector"):
        labels = _as_go((spec.get("selector") or {}).get("matchLabels") or {})
        shown = f"v1.LabelSelector{{MatchLabels:{labels}, MatchExpressions:[]v1.LabelSelectorRequirement(nil)}}"
        yield bad_value("spec.selector", shown, "field is immutable")


def _as_go(labels: Mapping[str, str]) -> str:
    """Labels as the server prints them."""
    return "map[string]string{" + ", ".join(f'"{key}":"{value}"' for key, value in sorted(labels.items())) + "}"


_STATEFULSET_MAY = ("replicas", "template", "updateStrategy", "minReadySeconds", "persistentVolumeClaimRetentionPolicy")


def _statefulset_faults(value: Object, old: Object | None) -> Iterator[Cause]:
    if old is not None and _rest(value["spec"]) != _rest(old["spec"]):
        text = "updates to statefulset spec for fields other than 'replicas', 'template', and 'updateStrategy' are forbidden"
        yield "FieldValueForbidden", "spec", f"Forbidden: {text}"
    else:
        yield from _workload_faults(value, old)


def _rest(spec: Object) -> Object:
    return {key: field for key, field in spec.items() if key not in _STATEFULSET_MAY}


def _hpa_faults(value: Object, _old: Object | None) -> Iterator[Cause]:
    spec = value["spec"]
    least, most = spec["minReplicas"], spec.get("maxReplicas") or 0
    for name in ("kind", "name"):
        if not (spec.get("scaleTargetRef") or {}).get(name):
            yield required(f"spec.scaleTargetRef.{name}")
    if least < 1:
        yield bad_value("spec.minReplicas", least, "must be greater than or equal to 1")
    if most < 1:
        yield bad_value("spec.maxReplicas", most, "must be greater than 0")
    elif most < least:
        yield bad_value("spec.maxReplicas", most, "must be greater than or equal to `minReplicas`")
    if least == 0:
        text = "Forbidden: must specify at least one Object or External metric to support scaling to zero replicas"
        yield "FieldValueForbidden", "spec.metrics", text


def _binding_faults(value: Object, old: Object | None) -> Iterator[Cause]:
    if old is not None and old["roleRef"] != value.get("roleRef"):
        yield bad_value("roleRef", json.dumps(value.get("roleRef")), "cannot change roleRef")


def _pod_faults(value: Object, _old: Object | None) -> Iterator[Cause]:
    if not value["spec"].get("containers"):
        yield required("spec.containers")


_CHECKS: dict[tuple[str, str], Callable[[Object, Object | None], Iterator[Cause]]] = {
    ("", "pods"): _pod_faults,
    ("apps", "deployments"): _workload_faults,
    ("apps", "replicasets"): _workload_faults,
    ("apps", "statefulsets"): _statefulset_faults,
    ("autoscaling", "horizontalpodautoscalers"): _hpa_faults,
    (RBAC, "rolebindings"): _binding_faults,
    (RBAC, "clusterrolebindings"): _binding_faults,
}


def changed_generation(kind: Kind, old: Object, new: Object) -> bool:
    """Whether a write counts as a new generation. A Deployment's does with its annotations, too."""
    if kind.custom:
        ignored = ("metadata", "apiVersion", "kind", *(["status"] if "status" in kind.subresources else []))
        return {k: v for k, v in old.items() if k not in ignored} != {k: v for k, v in new.items() if k not in ignored}
    if "generation" not in old["metadata"]:
        return False
    if kind.plural == "deployments" and old["metadata"].get("annotations") != new["metadata"].get("annotations"):
        return True
    return bool(old.get("spec") != new.get("spec"))


def has_generation(kind: Kind) -> bool:
    """Whether objects of the kind carry a generation."""
    return kind.custom or kind.group in ("apps", "apiextensions.k8s.io")


# Versions


def shown_as(kind: Kind, value: Object) -> Object:
    """An object as one version of its kind shows it."""
    out = {**value, "apiVersion": kind.api_version, "kind": kind.kind}
    if kind.resource == ("autoscaling", "horizontalpodautoscalers") and kind.version == "v1":
        return _hpa_as_v1(out)
    return out


def stored_as(kind: Kind, value: Object) -> Object:
    """The form in which an object of this version is kept."""
    if kind.resource == ("autoscaling", "horizontalpodautoscalers") and kind.version == "v1":
        return _hpa_from_v1(value)
    return value


def _is_cpu_utilization(metric: Object) -> bool:
    resource = metric.get("resource", {})
    return bool(
        metric.get("type") == "Resource"
        and resource.get("name") == "cpu"
        and "averageUtilization" in resource["target"]
    )


def _hpa_as_v1(value: Object) -> Object:
    spec, metadata = dict(value["spec"]), dict(value["metadata"])
    metrics, behavior = spec.pop("metrics", []), spec.pop("behavior", None)
    cpu = next((metric for metric in metrics if _is_cpu_utilization(metric)), None)
    if cpu is not None:
        spec["targetCPUUtilizationPercentage"] = cpu["resource"]["target"]["averageUtilization"]
    others = [metric for metric in metrics if metric is not cpu]
    notes = {_METRICS_NOTE: others, _BEHAVIOR_NOTE: behavior}
    added = {key: json.dumps(note) for key, note in notes.items() if note}
    if added:
        metadata["annotations"] = {**(metadata.get("annotations") or {}), **added}
    return {**value, "metadata": metadata, "spec": spec}


def _hpa_from_v1(value: Object) -> Object:
    spec, metadata = dict(value.get("spec") or {}), dict(value["metadata"])
    percent = spec.pop("targetCPUUtilizationPercentage", None)
    notes = dict(metadata.get("annotations") or {})
    metrics = json.loads(notes.pop(_METRICS_NOTE, "[]"))
    behavior = json.loads(notes.pop(_BEHAVIOR_NOTE, "null"))
    if percent is not None:
        target = {"type": "Utilization", "averageUtilization": percent}
        metrics.insert(0, {"type": "Resource", "resource": {"name": "cpu", "target": target}})
    spec |= {"metrics": metrics} if metrics else {}
    spec |= {"behavior": behavior} if behavior else {}
    if "annotations" in metadata:
        metadata["annotations"] = notes
        if not notes:
            del metadata["annotations"]
    return {**value, "metadata": metadata, "spec": spec}
