# Copyright (c) 2026 cloudops.core contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""k8s_workload_scale: sizes by hand, by steps and by policy; selections, owners, annotations, waiting."""

from __future__ import annotations

import json
from typing import Any

import pytest
import yaml

from tests.integration.harness import ROOT, ModuleRunner, Play
from tests.integration.k8s import CPU, NOW, Bench, cpu
from tests.integration.kube import Kube, autoscaler, defined, path_of, unique_name, workload

MODULE = "cloudops.core.k8s_workload_scale"
KEDA = "list scaledobjects"
"""Is asked where KEDA is; another test may have defined it on the same server meanwhile."""


@pytest.fixture
def bench(kube: Kube, namespace: str, run_module: ModuleRunner) -> Bench:
    """The modules in a namespace of this test's own."""
    return Bench(kube, namespace, run_module, kube.kubeconfig)


def by_name(result: dict[str, Any]) -> dict[str, dict[str, Any]]:
    return {item["name"]: item for item in result["results"]}


# The twelve: up, down and to nothing, each in check and in real mode, each repeated


def test_twelve_cases(bench: Bench, play: Play) -> None:
    bench.make(replicas=1)
    sizes = (3, 2, 0)
    tasks = [
        {MODULE: {**bench.options, "namespace": bench.namespace, "name": "web", "replicas": size, "wait": False}}
        | ({"check_mode": True} if check else {})
        for size in sizes
        for check in (True, True, False, False)
    ]
    result = play(*tasks, diff=True)
    assert result.statuses == ["changed", "changed", "changed", "ok"] * 3
    assert bench.size() == 0
    for place, size in enumerate(sizes):
        planned, _again, done = result.tasks[place * 4 : place * 4 + 3]
        for key in ("diff", "actions", "results", "counts", "matched"):
            assert done[key] == planned[key], key
        assert done["results"][0]["after"] == size
        assert set(planned["api_calls"]) - {KEDA} == {"get deployments", "get apis", "list horizontalpodautoscalers"}
        assert done["api_calls"] == {**planned["api_calls"], "patch deployments": 1}


@pytest.mark.parametrize("kind", ["Deployment", "StatefulSet", "ReplicaSet"])
def test_check_real_again(bench: Bench, kind: str) -> None:
    bench.make(kind=kind)
    before = bench.get(kind=kind)["metadata"]["resourceVersion"]
    planned = bench.scale(kind=kind, replicas=4, check=True)
    assert bench.get(kind=kind)["metadata"]["resourceVersion"] == before
    done = bench.scale(kind=kind, replicas=4, wait=True)
    assert bench.size(kind=kind) == 4
    [result] = done["results"]
    assert result == {
        "target": f"{bench.namespace}/web",
        "name": "web",
        "namespace": bench.namespace,
        "kind": kind,
        "before": 2,
        "desired": 4,
        "after": 4,
        "changed": True,
        "outcome": "changed",
        "action": "up",
        "reason": "manual",
        "message": "scaled from 2 to 4",
        "limited_by": [],
        "owner": "",
        "bounds": {},
        "resources": {},
        "state_written": False,
        "attempts": 1,
        "waited": result["waited"],
        "complete": True,
        "reverted": False,
    }
    assert done["diff"] == planned["diff"]
    assert done["diff"]["before"] == {result["target"]: {"replicas": 2}}
    assert done["diff"]["after"] == {result["target"]: {"replicas": 4}}
    assert done["actions"] == planned["actions"] == [f"scale {result['target']} from 2 to 4"]
    assert bench.get(kind=kind)["status"]["readyReplicas"] == 4
    for check in (True, False):
        again = bench.scale(kind=kind, replicas=4, check=check, wait=True)
        assert not again["changed"]
        assert again["counts"] == {"changed": 0, "unchanged": 1, "skipped": 0, "failed": 0}
        assert again["results"][0]["reason"] == "already"


def test_nothing_else_is_touched(bench: Bench) -> None:
    bench.make(annotations={"team": "a"})
    before = bench.get()
    bench.scale(replicas=3)
    after = bench.get()
    assert after["spec"] == {**before["spec"], "replicas": 3}
    for key in ("labels", "annotations"):
        kept = {name: value for name, value in after["metadata"][key].items() if "kubernetes.io" not in name}
        assert kept == {name: value for name, value in before["metadata"][key].items() if "kubernetes.io" not in name}


# Selecting


def test_many_by_name_take_one_listing(bench: Bench) -> None:
    names = [bench.make(f"w{number}", 1) for number in range(6)]  # settled, so that nobody else writes
    result = bench.scale([*names, "nobody", names[0]], replicas=2, fails=True)
    assert list(by_name(result)) == [*names, "nobody"]
    assert {name: bench.size(name) for name in names} == dict.fromkeys(names, 2)
    assert result["counts"] == {"changed": 6, "unchanged": 0, "skipped": 0, "failed": 1}
    assert result["matched"] == 6
    assert result["changed"]
    assert {call: count for call, count in result["api_calls"].items() if call != KEDA} == {
        "get apis": 1,
        "list deployments": 1,
        "list horizontalpodautoscalers": 1,
        "patch deployments": 6,
    }
    [failure] = result["failures"]
    assert (failure["kind"], failure["code"]) == ("not_found", "NotFound")
    assert f"there is no Deployment nobody in namespace {bench.namespace}" in result["msg"]
    assert "could not scale 1 of 7" in result["msg"]


def test_names_may_carry_their_namespace(bench: Bench) -> None:
    bench.make()
    result = bench.scale([f"{bench.namespace}/web", "other-space/web"], replicas=3, namespaces=["nowhere"], fails=True)
    assert [(item["target"], item["outcome"]) for item in result["results"]] == [
        (f"{bench.namespace}/web", "changed"),
        ("other-space/web", "failed"),
    ]


def test_selectors_look_in_all_the_namespaces(bench: Bench, kube: Kube) -> None:
    other = Bench(kube, unique_name(), bench.run_module, bench.kubeconfig)
    kube.api.create("/api/v1/namespaces", {"metadata": {"name": other.namespace}})
    try:
        mark = {"fleet": bench.namespace}
        for place in (bench, other):
            place.make("b", 1, labels=mark, settled=False)
            place.make("a", 1, labels=mark | {"canary": "yes"}, settled=False)
            place.make("c", 1, settled=False)
        selector = [f"fleet={bench.namespace}", "!canary"]
        one = bench.scale(label_selectors=selector, namespaces=[bench.namespace, other.namespace], replicas=2)
        assert [item["name"] for item in one["results"]] == ["b", "b"]
        assert one["api_calls"]["list deployments"] == 2
        everywhere = bench.scale(label_selectors=selector[:1], all_namespaces=True, replicas=2)
        order = sorted((place.namespace, name) for place in (bench, other) for name in ("a", "b"))
        assert [(item["namespace"], item["name"]) for item in everywhere["results"]] == order
        assert everywhere["counts"]["changed"] == 2
        assert everywhere["api_calls"]["list deployments"] == 1
        assert everywhere["api_calls"]["list horizontalpodautoscalers"] == 1
        assert (bench.size("c"), other.size("c")) == (1, 1)
    finally:
        kube.api.delete(f"/api/v1/namespaces/{other.namespace}")


def test_a_selector_that_matches_nothing_is_fine(bench: Bench) -> None:
    result = bench.scale(label_selectors=["app=nobody"], replicas=2)
    assert (result["changed"], result["matched"], result["results"]) == (False, 0, [])
    assert result["api_calls"] == {"list deployments": 1}


def test_pages_are_followed(bench: Bench) -> None:
    for number in range(5):
        bench.make(f"w{number}", 1, settled=False)
    found = bench.info(kinds=["Deployment"], page_size=2)
    assert [item["name"] for item in found["workloads"]] == [f"w{number}" for number in range(5)]
    assert found["api_calls"] == {"list deployments": 3}


# Steps


@pytest.mark.parametrize(
    ("replicas", "options", "after", "limited_by"),
    [
        (2, {"change": "+2"}, 4, []),
        (2, {"change": 2}, 4, []),
        (4, {"change": "-25%"}, 3, []),
        (3, {"change": "+50%"}, 5, []),
        (3, {"change": "+5", "max": 6}, 6, ["max"]),
        (2, {"change": "-5"}, 1, ["min"]),
        (2, {"change": "-5", "min": 0}, 0, []),
    ],
)
def test_steps(bench: Bench, replicas: int, options: dict[str, Any], after: int, limited_by: list[str]) -> None:
    bench.make(replicas=replicas, settled=False)
    assert bench.scale_one(**options, check=True)["after"] == after
    result = bench.scale_one(**options)
    assert (result["after"], result["limited_by"], bench.size()) == (after, limited_by, after)


def test_bounds_hold_for_sizes_by_hand_too(bench: Bench) -> None:
    bench.make(settled=False)
    result = bench.scale_one(replicas=20, max=5)
    assert (result["after"], result["limited_by"], result["reason"]) == (5, ["max"], "manual")
    again = bench.scale_one(replicas=20, max=5)
    assert (again["changed"], again["reason"], again["limited_by"]) == (False, "max", ["max"])


# Policies


def test_a_streak_counts_each_time_once(bench: Bench) -> None:
    policy = {**CPU, "rules": [{**CPU["rules"][0], "for": 2}]}
    bench.make()
    first = bench.scale_one(policy=policy, metrics=cpu(90), now=NOW)
    assert (first["changed"], first["state_written"]) == (False, True)
    again = bench.scale_one(policy=policy, metrics=cpu(90), now=NOW)
    assert (again["changed"], again["state_written"], again["reason"]) == (False, False, "already")
    assert bench.scale_one(policy=policy, metrics=cpu(90), now="2026-03-01T12:01:00Z")["after"] == 3


def test_a_policy_scales_and_remembers(bench: Bench) -> None:
    bench.make()
    planned = bench.scale(policy=CPU, metrics=cpu(83), now=NOW, check=True)
    assert bench.state() is None
    done = bench.scale(policy=CPU, metrics=cpu(83), now=NOW)
    [result] = done["results"]
    assert result["decision"] == planned["results"][0]["decision"]
    assert (result["after"], result["action"], result["reason"]) == (3, "up", "threshold")
    assert result["state_written"]
    assert planned["results"][0]["state_written"]
    assert bench.size() == 3
    assert json.loads(bench.state() or "")["events"] == [[0, 1]]
    assert done["api_calls"]["patch deployments"] == 1
    for check in (True, False):
        again = bench.scale(policy=CPU, metrics=cpu(83), now=NOW, check=check)
        assert not again["changed"], again["results"]
        assert not again["results"][0]["state_written"]
        assert again["results"][0]["action"] == "hold"


def test_cooldown_and_stabilization_survive_from_pass_to_pass(bench: Bench) -> None:
    policy = {
        **CPU,
        "cooldown": {"up": "60s", "down": 0},
        "behavior": {"scale_down": {"stabilization_window_seconds": 300}},
    }
    bench.make()

    def at(minute: int, value: float) -> dict[str, Any]:
        return bench.scale_one(policy=policy, metrics=cpu(value), now=f"2026-03-01T12:{minute:02d}:00Z")

    assert at(0, 90)["after"] == 3
    held = bench.scale_one(policy=policy, metrics=cpu(90), now="2026-03-01T12:00:30Z")
    assert (held["changed"], held["reason"]) == (False, "cooldown")
    assert held["decision"]["next_allowed_at"].startswith("2026-03-01T12:01:00")
    assert (at(1, 60)["reason"], at(2, 40)["reason"]) == ("within_band", "stabilized")
    assert at(5, 40)["reason"] == "stabilized"
    assert at(6, 40)["after"] == 2
    assert bench.size() == 2


def test_holding_writes_history_without_being_a_change(bench: Bench) -> None:
    bench.make()
    result = bench.scale(policy=CPU, metrics=cpu(60), now=NOW)
    [held] = result["results"]
    assert (result["changed"], result["actions"], held["outcome"]) == (False, [], "unchanged")
    assert held["state_written"]
    assert bench.state()
    written = bench.state()
    again = bench.scale(policy=CPU, metrics=cpu(60), now=NOW)
    assert not again["results"][0]["state_written"]
    assert "patch deployments" not in again["api_calls"]
    assert bench.state() == written


@pytest.mark.parametrize("metrics", [[], cpu(None), cpu(20, age=4000)], ids=["none", "null", "stale"])
def test_nothing_is_scaled_on_missing_data(bench: Bench, metrics: list[dict[str, Any]]) -> None:
    bench.make(replicas=4, settled=False)
    policy = {**CPU, "max_age": "10m"}
    result = bench.scale_one(policy=policy, metrics=metrics, now=NOW)
    assert (result["changed"], bench.size()) == (False, 4)
    assert result["reason"] in ("metric_missing", "metric_stale")
    failed = bench.scale(policy={**policy, "on_missing": "fail"}, metrics=metrics, now=NOW, fails=True)
    assert failed["counts"]["failed"] == 1
    assert "cpu" in failed["failures"][0]["message"]


def test_a_metric_may_be_for_one_target_only(bench: Bench) -> None:
    bench.make("busy")
    bench.make("idle")
    metrics = [
        {"name": "cpu", "value": 90, "age": 5, "target": f"{bench.namespace}/busy"},
        {"name": "cpu", "value": 60, "age": 5, "target": f"{bench.namespace}/idle"},
    ]
    result = by_name(bench.scale(["busy", "idle"], policy=CPU, metrics=metrics, now=NOW))
    assert (result["busy"]["after"], result["idle"]["after"]) == (3, 2)


def test_foreign_history_is_a_first_run(bench: Bench) -> None:
    bench.make(annotations={"cloudops.core/scaling-state": "{broken"})
    assert bench.scale_one(policy=CPU, metrics=cpu(90), now=NOW)["after"] == 3
    assert json.loads(bench.state() or "")["v"] == 1


# Kinds of other people's


def test_a_custom_kind_goes_through_its_subresource(bench: Bench, kube: Kube) -> None:
    group = f"{unique_name('g')}.example.org"
    with defined(kube.api, group, "Widget") as base:
        path = path_of(bench.namespace, "widgets", api=base)
        body = {"apiVersion": f"{group}/v1", "kind": "Widget", "metadata": {"name": "web"}, "spec": {"replicas": 2}}
        kube.api.create(path, body)
        custom = {"kind": "Widget", "api_version": f"{group}/v1"}
        assert bench.scale_one(replicas=4, check=True, **custom)["after"] == 4
        done = bench.scale(replicas=4, **custom)
        assert done["results"][0]["after"] == 4
        assert done["api_calls"]["patch widgets/scale"] == 1
        assert "patch widgets" not in done["api_calls"]
        assert kube.api.get(f"{path}/web")["spec"]["replicas"] == 4
        assert not bench.scale(replicas=4, **custom)["changed"]
        scaled = bench.scale(policy=CPU, metrics=cpu(90), now=NOW, **custom)
        assert scaled["api_calls"]["patch widgets"] == 1
        found = kube.api.get(f"{path}/web")
        assert found["spec"]["replicas"] == 5
        assert json.loads(found["metadata"]["annotations"]["cloudops.core/scaling-state"])["events"] == [[0, 1]]
        by_label = bench.scale(label_selectors=["nobody=here"], replicas=1, **custom)
        assert by_label["matched"] == 0
        listed = bench.info(kinds=[f"{group}/v1/Widget"])
        assert [(item["name"], item["replicas"]) for item in listed["workloads"]] == [("web", 5)]


@pytest.mark.parametrize(
    ("kind", "api_version", "code"),
    [
        ("Widget", "nobody.example.org/v1", "NoKind"),
        ("Gadget", "apps/v1", "NoKind"),
        ("ConfigMap", "v1", "NotScalable"),
    ],
)
def test_kinds_that_cannot_be_scaled(bench: Bench, kind: str, api_version: str, code: str) -> None:
    result = bench.scale(kind=kind, api_version=api_version, replicas=1, fails=True)
    assert result["error"]["code"] == code
    assert kind in result["msg"]


# Preconditions


def test_preconditions(bench: Bench) -> None:
    bench.make(settled=False)
    refused = bench.scale(replicas=5, current_replicas=3, fails=True)
    assert refused["failures"][0]["code"] == "PreconditionFailed"
    assert "has 2 replicas, not 3" in refused["msg"]
    assert bench.scale_one(replicas=5, current_replicas=2)["after"] == 5
    assert not bench.scale(replicas=5, current_replicas=2)["changed"]
    version = bench.info(name=["web"])["workloads"][0]["resource_version"]
    bench.annotate(note="somebody was here")
    stale = bench.scale(replicas=6, resource_version=version, fails=True)
    assert stale["failures"][0]["code"] == "PreconditionFailed"
    assert bench.size() == 5


# Owners


def test_an_autoscaler_owns_its_workload(bench: Bench) -> None:
    bench.make()
    bench.make("free")
    bench.make("web", kind="StatefulSet")
    bench.add_hpa(autoscaler("web", 2, 6))
    result = bench.scale(["web", "free"], replicas=4, fails=True)
    held = by_name(result)["web"]
    assert (held["outcome"], held["reason"], held["owner"]) == (
        "failed",
        "external_owner",
        "HorizontalPodAutoscaler web",
    )
    assert "on_owner" in result["msg"]
    assert (bench.size(), bench.size("free")) == (2, 4)
    assert bench.scale_one("web", kind="StatefulSet", replicas=3)["after"] == 3
    policy = bench.scale(policy=CPU, metrics=cpu(90), now=NOW, fails=True)
    assert policy["results"][0]["reason"] == "external_owner"
    forced = bench.scale_one(replicas=5, on_owner="force")
    assert (forced["after"], forced["owner"], bench.hpa()) == (5, "HorizontalPodAutoscaler web", (2, 6))


@pytest.mark.parametrize(
    ("before", "replicas", "bounds"),
    [(2, 4, (4, 6)), (2, 9, (9, 9)), (5, 3, (2, 3)), (5, 1, (1, 1)), (3, 0, (2, 6)), (0, 3, (3, 6))],
)
def test_bounds_of_the_autoscaler_are_adjusted(
    bench: Bench, before: int, replicas: int, bounds: tuple[int, int]
) -> None:
    bench.make(replicas=before, settled=False)
    bench.add_hpa(autoscaler("web", 2, 6))
    planned = bench.scale(replicas=replicas, on_owner="adjust_bounds", check=True)
    assert (bench.hpa(), bench.size()) == ((2, 6), before)
    done = bench.scale(replicas=replicas, on_owner="adjust_bounds")
    assert (bench.hpa(), bench.size()) == (bounds, replicas)
    assert done["diff"] == planned["diff"]
    assert done["actions"] == planned["actions"]
    moved = done["results"][0]["bounds"]
    assert moved == (
        {} if bounds == (2, 6) else {"before": {"min": 2, "max": 6}, "after": {"min": bounds[0], "max": bounds[1]}}
    )
    again = bench.scale(replicas=replicas, on_owner="adjust_bounds")
    assert not again["changed"]


def test_keda_owns_its_workload(bench: Bench, kube: Kube) -> None:
    with defined(kube.api, "keda.sh", "ScaledObject", "v1alpha1", scale=False) as base:
        bench.make()
        path = path_of(bench.namespace, "scaledobjects", api=base)
        spec = {"scaleTargetRef": {"name": "web"}, "minReplicaCount": 1, "maxReplicaCount": 3}
        body = {"apiVersion": "keda.sh/v1alpha1", "kind": "ScaledObject", "metadata": {"name": "queue"}, "spec": spec}
        kube.api.create(path, body)
        bench.add_hpa(autoscaler("web", 1, 3, name="keda-hpa-queue"))
        refused = bench.scale(replicas=5, fails=True)
        assert refused["results"][0]["owner"] == "ScaledObject queue"
        done = bench.scale_one(replicas=5, on_owner="adjust_bounds")
        assert done["bounds"]["after"] == {"min": 5, "max": 5}
        now = kube.api.get(f"{path}/queue")["spec"]
        assert (now["minReplicaCount"], now["maxReplicaCount"], bench.size()) == (5, 5, 5)
        assert bench.hpa("keda-hpa-queue") == (1, 3)


def test_a_controller_owns_its_workload(bench: Bench) -> None:
    bench.make()
    [made] = [item["metadata"]["name"] for item in bench.api.list(bench.path(kind="ReplicaSet"))]
    for choice in ("fail", "adjust_bounds"):
        refused = bench.scale(made, kind="ReplicaSet", replicas=5, on_owner=choice, fails=True)
        assert (refused["results"][0]["owner"], refused["results"][0]["reason"]) == ("Deployment web", "external_owner")
        assert "Scale Deployment web instead" in refused["msg"]


# Annotations


def test_annotations_are_honoured(bench: Bench) -> None:
    marks = {
        "out": {"exclude": "true"},
        "held": {"paused": "true"},
        "later": {"paused-until": "2026-03-01T13:00:00Z"},
        "over": {"paused-until": "2026-03-01T11:00:00Z"},
        "not": {"paused": "false", "exclude": "no"},
        "low": {"min": "4"},
        "high": {"max": "2"},
        "wrong": {"min": "few"},
        "crossed": {"min": "3", "max": "2"},
    }
    for name, values in marks.items():
        own = {f"cloudops.core/{key}": value for key, value in values.items()}
        bench.make(name, 2, annotations=own, settled=False)
    result = bench.scale(list(marks), replicas=3, max=3, now=NOW, fails=True)
    told = {name: (item["outcome"], item["reason"], item["after"]) for name, item in by_name(result).items()}
    assert told == {
        "out": ("skipped", "excluded", 2),
        "held": ("skipped", "paused", 2),
        "later": ("skipped", "paused", 2),
        "over": ("changed", "manual", 3),
        "not": ("changed", "manual", 3),
        "low": ("failed", "InvalidBounds", 2),
        "high": ("unchanged", "max", 2),
        "wrong": ("failed", "InvalidAnnotation", 2),
        "crossed": ("failed", "InvalidAnnotation", 2),
    }
    forced = bench.scale(["out", "held", "later"], replicas=3, now=NOW, include_paused=True, include_excluded=True)
    assert forced["counts"]["changed"] == 3
    by_policy = bench.scale(["held", "low"], policy=CPU, metrics=cpu(90), now=NOW, include_paused=True)
    held, low = by_policy["results"]
    assert (held["reason"], held["changed"]) == ("paused", False)
    assert (low["reason"], low["after"]) == ("min", 4)


# Limits


def test_limits_refuse_before_the_first_write(bench: Bench) -> None:
    names = [bench.make(f"w{number}", number, settled=False) for number in (1, 2, 3)]
    for limit in ({"max_workloads": 1}, {"max_percent": 50}):
        for check in (True, False):
            refused = bench.scale(names, replicas=2, fails=True, check=check, **limit)
            assert refused["error"]["code"] == "LimitExceeded"
            assert len(refused["actions"]) == 2
            assert not refused["changed"]
    assert [bench.size(name) for name in names] == [1, 2, 3]
    assert bench.scale(names, replicas=2, max_workloads=2, max_percent=67)["counts"]["changed"] == 2


# Waiting


def test_what_does_not_come_up_is_told(bench: Bench) -> None:
    bench.make("fine", 1)
    bench.make("bad", 1, stuck=True, settled=False)
    result = bench.scale(["fine", "bad"], replicas=2, wait=True, wait_timeout=2, fails=True)
    told = by_name(result)
    assert (told["fine"]["outcome"], told["fine"]["complete"]) == ("changed", True)
    assert (told["bad"]["outcome"], told["bad"]["changed"], told["bad"]["after"]) == ("failed", True, 2)
    assert told["bad"]["waited"] >= 2
    assert result["failures"][0]["code"] == "Timeout"
    assert "isn't complete after 2 s" in result["failures"][0]["message"]
    assert "pod bad-" in result["failures"][0]["message"]
    assert result["changed"]
    assert bench.size("bad") == 2


def test_what_does_not_come_up_is_reverted(bench: Bench) -> None:
    bench.make("bad", 1, stuck=True, settled=False)
    result = bench.scale("bad", replicas=3, wait=True, wait_timeout=1, on_timeout="revert", fails=True)
    [told] = result["results"]
    assert (told["before"], told["desired"], told["after"], told["reverted"]) == (1, 3, 1, True)
    assert "reverted to 1 replicas" in result["msg"]
    assert bench.size("bad") == 1
    assert result["actions"][-1] == f"revert {bench.namespace}/bad to 1"


def test_one_that_is_there_already_is_awaited_but_never_reverted(bench: Bench) -> None:
    bench.make("bad", 2, stuck=True, settled=False)
    result = bench.scale("bad", replicas=2, wait=True, wait_timeout=1, on_timeout="revert", fails=True)
    assert (result["changed"], result["results"][0]["reverted"], bench.size("bad")) == (False, False, 2)


def test_many_are_watched_with_one_watch(bench: Bench) -> None:
    names = [bench.make(f"w{number}", 1, settled=False) for number in range(5)]
    result = bench.scale(names, replicas=2, wait=True)
    assert {item["complete"] for item in result["results"]} == {True}
    assert result["api_calls"]["list deployments"] == 2
    assert result["api_calls"]["watch deployments"] == 1


def test_scaling_down_waits_for_the_surplus(bench: Bench) -> None:
    for kind in ("Deployment", "StatefulSet"):
        bench.make(replicas=3, kind=kind)
        assert bench.scale_one(kind=kind, replicas=1, wait=True)["complete"]
        assert bench.get(kind=kind)["status"]["replicas"] == 1


def test_an_ondelete_stateful_set_is_complete_without_an_update(bench: Bench) -> None:
    bench.make(kind="StatefulSet", updateStrategy={"type": "OnDelete"})
    template = {"spec": {"template": {"metadata": {"labels": {"version": "2"}}}}}
    bench.api.patch(bench.path("web", "StatefulSet"), template)
    assert bench.scale_one(kind="StatefulSet", replicas=3, wait=True, wait_timeout=30)["complete"]


# Resources


def test_resources_are_set_and_compared_as_quantities(bench: Bench) -> None:
    bench.make(replicas=1)
    wanted = {"main": {"requests": {"cpu": "250m", "memory": "64Mi"}, "limits": {"memory": "128Mi"}}}
    planned = bench.scale(resources=wanted, check=True)
    assert bench.get()["spec"]["template"]["spec"]["containers"][0].get("resources", {}) == {}
    done = bench.scale(resources=wanted, replicas=2, wait=True)
    assert done["api_calls"]["patch deployments"] == 1
    assert done["results"][0]["resources"] == planned["results"][0]["resources"]
    container = bench.get()["spec"]["template"]["spec"]["containers"][0]
    assert container["resources"] == wanted["main"]
    assert container["image"]
    same = {"main": {"requests": {"cpu": 0.25, "memory": "65536Ki"}, "limits": {"memory": 134217728}}}
    assert not bench.scale(resources=same, replicas=2)["changed"]
    removed = bench.scale(resources={"main": {"limits": {"memory": None}}})
    assert removed["changed"]
    assert not bench.get()["spec"]["template"]["spec"]["containers"][0]["resources"].get("limits")
    refused = bench.scale(resources={"sidecar": {"requests": {"cpu": 1}}}, fails=True)
    assert "there is no container sidecar; there are main" in refused["msg"]


def test_resources_are_reverted(bench: Bench) -> None:
    bench.make(replicas=1)
    bench.api.patch(
        bench.path("web"),
        {"spec": {"template": {"metadata": {"labels": {"stuck": "true"}}, "spec": {}}}},
    )
    wanted = {"main": {"requests": {"cpu": "100m"}}}
    result = bench.scale(resources=wanted, wait=True, wait_timeout=1, on_timeout="revert", fails=True)
    assert result["results"][0]["reverted"]
    assert not any(bench.get()["spec"]["template"]["spec"]["containers"][0].get("resources", {}).values())


# Bad input


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ({"name": None, "replicas": 1}, "no workloads are selected"),
        ({"name": [], "replicas": 1}, "name is empty"),
        ({"name": None, "label_selectors": [""], "replicas": 1}, "label_selectors is empty"),
        ({"name": None, "label_selectors": [], "replicas": 1}, "label_selectors is empty"),
        ({"name": None, "label_selectors": ["a in (b"], "replicas": 1}, "BadRequest"),
        ({"name": "../web", "replicas": 1}, "isn't the name of a workload"),
        ({"name": "Web", "replicas": 1}, "isn't the name of a workload"),
        ({"namespaces": [], "replicas": 1}, "namespaces is empty"),
        ({"namespaces": [""], "replicas": 1}, "isn't the name of a namespace"),
        ({"namespaces": ["*"], "replicas": 1}, "isn't the name of a namespace"),
        ({"all_namespaces": True, "replicas": 1}, "all_namespaces goes with label_selectors"),
        ({"replicas": 1, "change": "+1"}, "mutually exclusive"),
        ({}, "nothing is wanted"),
        ({"replicas": -1}, "replicas is -1"),
        ({"change": "0"}, "no step"),
        ({"change": "+1.5"}, "whole number"),
        ({"change": "-120%"}, "No more than 100%"),
        ({"change": "some"}, "change is 'some'"),
        ({"replicas": 1, "min": 3, "max": 2}, "min (3) is above max (2)"),
        ({"replicas": 1, "metrics": [{"name": "cpu"}]}, "metrics is given without policy"),
        ({"policy": {"min": 1, "max": 2, "rules": [{"metric": "cpu", "above": "hot"}]}}, "above"),
        ({"policy": CPU, "current_replicas": 1}, "current_replicas doesn't go with policy"),
        ({"policy": CPU, "metrics": cpu(1), "now": "tomorrow"}, "now is not a time"),
        ({"name": ["a", "b"], "replicas": 1, "resource_version": "1"}, "resource_version goes with a single name"),
        ({"replicas": 1, "kind": "Widget"}, "api_version isn't given"),
        ({"replicas": 1, "kind": "deployment", "api_version": "apps/v1"}, "kind is 'deployment'"),
        ({"replicas": 1, "wait_timeout": -1}, "wait_timeout is -1"),
        ({"replicas": 1, "concurrency": 0}, "concurrency is 0"),
        ({"resources": {"main": {"cpu": 1}}}, "resources.main.cpu is unknown"),
        ({"resources": {"main": {"requests": {"cpu": "much"}}}}, "resources.main.requests.cpu is 'much'"),
    ],
)
def test_bad_input(bench: Bench, options: dict[str, Any], said: str) -> None:
    params = {"name": "web", **options}
    if params["name"] is None:
        del params["name"]
        params.setdefault("label_selectors", None)
    if params.get("all_namespaces"):
        result = bench.run_module(
            "k8s_workload_scale", {**bench.options, "name": "web", "all_namespaces": True, "replicas": 1}, fails=True
        )
    else:
        result = bench.scale(**params, fails=True)
    assert said in result["msg"]
    assert not result.get("changed")


def test_the_library_is_missing(bench: Bench) -> None:
    result = bench.scale(replicas=1, hide=["kubernetes"], fails=True)
    assert "kubernetes" in result["msg"]
    assert "Failed to import" in result["msg"]


# The examples


def test_the_examples_run(bench: Bench, play: Play, kube: Kube) -> None:
    text = (ROOT / "plugins/modules/k8s_workload_scale.py").read_text("utf-8")
    examples = yaml.safe_load(text.split('EXAMPLES = r"""')[1].split('"""')[0])
    spaces = {name: unique_name(name) for name in ("shop", "billing", "test")}
    for name in spaces.values():
        kube.api.create("/api/v1/namespaces", {"metadata": {"name": name}})
    try:
        shop = Bench(kube, spaces["shop"], bench.run_module, bench.kubeconfig)
        body = workload("web", 2)
        body["spec"]["template"]["spec"]["containers"][0]["name"] = "web"
        kube.api.create(shop.path(), body)
        shop.make("api", 2, settled=False)
        shop.make("queue", 1, labels={"tier": "worker"}, settled=False)
        tasks = yaml.safe_load(_with_names(yaml.safe_dump(examples), spaces))
        for task in tasks:
            if MODULE in task:
                task[MODULE] |= bench.options
        result = play(*tasks, diff=True)
        changed = ["changed", "changed", "changed", "changed", "ok", "ok", "changed"]
        assert [task.status for task in result.tasks] == changed, result.output
        assert (shop.size("web"), shop.size("api"), shop.size("queue")) == (2, 3, 1)
    finally:
        for name in spaces.values():
            kube.api.delete(f"/api/v1/namespaces/{name}")


def _with_names(text: str, names: dict[str, str]) -> str:
    for name, unique in names.items():
        text = text.replace(f"namespace: {name}\n", f"namespace: {unique}\n").replace(f"- {name}\n", f"- {unique}\n")
    return text
