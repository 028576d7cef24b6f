# Copyright (c) 2026 cloudops.core contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Restarting workloads, by module and by role."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from ansible_collections.cloudops.core.plugins.module_utils._core.errors import Invalid
from ansible_collections.cloudops.core.plugins.module_utils._domain.workload_restart import recent_restarts

from tests.integration.harness import ModuleRunner, Play
from tests.integration.k8s import NOW, RUNNER_OPTIONS, Bench, once
from tests.integration.kube import Kube, grant, rule
from tests.integration.test_k8s_rights import allow, rules_of, without

RESTARTED_AT = "kubectl.kubernetes.io/restartedAt"
LATER = "2026-03-01T12:30:00Z"


@pytest.fixture
def bench(kube: Kube, namespace: str, run_module: ModuleRunner) -> Bench:
    return Bench(kube, namespace, run_module, kube.kubeconfig)


def restart(bench: Bench, name: Any = "web", **params: Any) -> dict[str, Any]:
    """Run the module in the namespace; without waiting unless the parameters say so."""
    runner = {key: params.pop(key) for key in RUNNER_OPTIONS if key in params}
    selection = {} if "label_selectors" in params else {"name": name}
    params = {**selection, "namespaces": [bench.namespace], "wait": False, **bench.options, **params}
    return bench.run_module("k8s_workload_restart", params, **runner)


def restarted_at(bench: Bench, name: str = "web", kind: str = "Deployment") -> str | None:
    """When it was restarted, as the pod template says."""
    found = bench.get(name, kind)["spec"]["template"]["metadata"].get("annotations") or {}
    return found.get(RESTARTED_AT)


def history(bench: Bench, name: str = "web") -> str | None:
    found: str | None = (bench.get(name)["metadata"].get("annotations") or {}).get("cloudops.core/restarts")
    return found


@pytest.mark.parametrize("kind", ["Deployment", "StatefulSet"])
def test_check_and_real_tell_the_same_and_a_real_one_replaces_the_pods(bench: Bench, kind: str) -> None:
    bench.make(kind=kind)
    expected = restart(bench, kind=kind, check=True, now=NOW, reason="new certificate")
    assert restarted_at(bench, kind=kind) is None
    done = restart(bench, kind=kind, now=NOW, reason="new certificate", wait=True)
    timing = ("duration", "api_calls", "invocation")
    for one in (expected, done):
        one["results"] = [
            {key: one["results"][0][key] for key in one["results"][0] if key not in ("waited", "complete")}
        ]
    assert {key: value for key, value in done.items() if key not in timing} == {
        key: value for key, value in expected.items() if key not in timing
    }
    assert done["changed"]
    assert done["actions"] == [f"restart {bench.namespace}/web"]
    assert done["diff"]["after"] == {f"{bench.namespace}/web": {"restarted_at": "2026-03-01T12:00:00+00:00"}}
    assert restarted_at(bench, kind=kind) == "2026-03-01T12:00:00+00:00"
    metadata = bench.get(kind=kind)["metadata"]
    assert metadata["annotations"]["cloudops.core/restart-reason"] == "new certificate"
    assert metadata["generation"] == 2


def test_the_limit_holds_for_an_hour_and_survives_between_runs(bench: Bench) -> None:
    bench.make()
    limited = {"max_per_hour": 2}
    restart(bench, now=NOW, **limited)
    assert restart(bench, now=LATER, **limited)["results"][0]["restarts_within_hour"] == 2
    third = restart(bench, now="2026-03-01T12:45:00Z", fails=True, **limited)
    assert third["failures"][0]["code"] == "RestartLimit"
    assert "next at 2026-03-01T13:00:00" in third["msg"]
    assert restarted_at(bench) == "2026-03-01T12:30:00+00:00"
    [quiet] = restart(bench, now="2026-03-01T12:45:00Z", on_limit="skip", **limited)["results"]
    assert (quiet["outcome"], quiet["reason"], quiet["restarts_within_hour"]) == ("skipped", "rate_limited", 2)
    # An hour after the first, there is room again; what is older is forgotten.
    assert restart(bench, now="2026-03-01T13:00:00Z", **limited)["changed"]
    assert history(bench) == "2026-03-01T12:30:00+00:00,2026-03-01T13:00:00+00:00"


def test_one_that_fails_keeps_no_other_from_being_restarted(bench: Bench) -> None:
    bench.make("web")
    bench.make("api")
    done = restart(bench, ["web", "none", "api"], fails=True)
    assert [(one["name"], one["outcome"]) for one in done["results"]] == [
        ("web", "changed"),
        ("none", "failed"),
        ("api", "changed"),
    ]
    assert done["counts"] == {"changed": 2, "skipped": 0, "failed": 1}


def test_what_is_excluded_paused_or_held_is_left_alone(bench: Bench) -> None:
    bench.make("web", annotations={"cloudops.core/exclude": "true"})
    bench.make("api", annotations={"cloudops.core/paused": "true"})
    done = restart(bench, ["web", "api"])
    assert [one["reason"] for one in done["results"]] == ["excluded", "paused"]
    assert not done["changed"]
    assert restart(bench, ["web", "api"], include_excluded=True, include_paused=True)["counts"]["changed"] == 2
    bench.api.patch(bench.path("web"), {"metadata": {"annotations": None}, "spec": {"paused": True}})
    assert restart(bench, "web", fails=True)["failures"][0]["code"] == "RolloutPaused"


def test_a_limit_on_the_fleet_refuses_before_the_first_write(bench: Bench) -> None:
    for name in ("web", "api"):
        bench.make(name, labels={"tier": "front"})
    refused = restart(bench, label_selectors=["tier=front"], max_workloads=1, fails=True)
    assert refused["error"]["code"] == "LimitExceeded"
    assert [restarted_at(bench, name) for name in ("web", "api")] == [None, None]
    assert restart(bench, label_selectors=["tier=none"])["matched"] == 0


@pytest.mark.stand_in_only("a proxy stands before the stand-in")
def test_two_at_once_never_go_past_the_limit(bench: Bench, tmp_path: Path) -> None:
    bench.make()

    def somebody_else() -> None:
        annotations = {"cloudops.core/restarts": "2026-03-01T12:00:00+00:00"}
        bench.api.patch(bench.path("web"), {"metadata": {"annotations": annotations}})

    with bench.proxied(tmp_path) as (proxied, proxy):
        proxy.add(once(somebody_else), "patch deployments")
        late = restart(proxied, now=LATER, max_per_hour=1, fails=True)
    assert late["failures"][0]["code"] == "RestartLimit"
    assert late["api_calls"] == {"get deployments": 2, "patch deployments": 1}
    assert (history(bench), restarted_at(bench)) == ("2026-03-01T12:00:00+00:00", None)


@pytest.mark.stand_in_only("a proxy stands before the stand-in")
def test_an_answer_that_is_lost_restarts_only_once(bench: Bench, tmp_path: Path) -> None:
    bench.make()
    with bench.proxied(tmp_path) as (proxied, proxy):
        proxy.drop("patch deployments", after_forwarding=True, first=1)
        done = restart(proxied, now=NOW)
    assert done["changed"]
    assert history(bench) == "2026-03-01T12:00:00+00:00"
    assert bench.get()["metadata"]["generation"] == 2


def test_a_stuck_rollout_is_a_failure_that_says_it_was_restarted(bench: Bench) -> None:
    bench.make(replicas=1, settled=False, stuck=True)
    late = restart(bench, wait=True, wait_timeout=1, fails=True)
    assert late["changed"]
    assert late["failures"][0]["code"] == "Timeout"


def test_the_right_to_patch_is_asked_for(bench: Bench, kube: Kube) -> None:
    bench.make()
    grant(kube.api, bench.namespace, "viewer", [rule("get list", "deployments")])
    refused = restart(bench.as_user("viewer"), fails=True)
    assert refused["failures"][0]["kind"] == "denied"
    assert restarted_at(bench) is None


def test_the_documented_rights_suffice_and_are_needed(bench: Bench) -> None:
    bench.make()
    rules, labelled = rules_of("k8s_workload_restart"), {"label_selectors": ["app=web"]}
    user = allow(bench, rules)
    assert restart(user, wait=True)["changed"]
    assert restart(user, **labelled, wait=True)["changed"]
    for verb, asked in (("get", {}), ("list", labelled), ("patch", {})):
        user = allow(bench, without(rules, "deployments", verb))
        refused = restart(user, **asked, fails=True)
        assert f'cannot {verb} resource "deployments"' in str(refused), verb


def test_the_role_restarts_and_counts(bench: Bench, play: Play) -> None:
    bench.make()
    given = {
        "k8s_workload_restart_namespaces": bench.namespace,
        "k8s_workload_restart_names": "web",
        "k8s_workload_restart_reason": "a test",
        "k8s_workload_restart_max_per_hour": "1",
        "k8s_workload_restart_max_workloads": "",
        "k8s_workload_restart_kubeconfig": str(bench.kubeconfig),
        "k8s_workload_restart_context": "admin",
    }
    play.playbook("cloudops.core.k8s_workload_restart", extra_vars=given, check=True)
    assert restarted_at(bench) is None
    play.playbook("cloudops.core.k8s_workload_restart", extra_vars=given)
    assert restarted_at(bench) is not None
    refused = play.playbook("cloudops.core.k8s_workload_restart", extra_vars=given, fails=True)
    assert "was restarted 1 times within an hour" in refused.output


@pytest.mark.parametrize(
    ("text", "count"),
    [
        ("", 0),
        ("2026-03-01T11:30:00Z", 1),
        ("2026-03-01T11:00:00Z", 0),
        ("2026-03-01T11:59:00Z, 2026-03-01T11:30:00Z", 2),
    ],
    ids=["none", "one", "an-hour-ago", "two"],
)
def test_recent_restarts(text: str, count: int) -> None:
    assert len(recent_restarts({"cloudops.core/restarts": text}, 1_772_366_400.0)) == count


def test_a_history_that_cannot_be_read_is_an_error() -> None:
    with pytest.raises(Invalid, match=r"cloudops\.core/restarts is 'often'"):
        recent_restarts({"cloudops.core/restarts": "often"}, 0)
