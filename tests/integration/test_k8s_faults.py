# Copyright (c) 2026 cloudops.core contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Others that write at the same time, answers that are lost, watches that break, and servers that can't be reached."""

from __future__ import annotations

import json
import socket
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.integration.harness import ModuleRunner
from tests.integration.k8s import CPU, NOW, Bench, cpu, once
from tests.integration.kube import Kube, autoscaler, eventually, path_of
from tests.servers.fault_proxy import FaultProxy
from tests.servers.faults import Answer, Drop, Rule, Truncate
from tests.servers.kube import KubeServer

stand_in_only = pytest.mark.stand_in_only("a proxy strikes between module and server")
PATCH, GET, LIST, WATCH = ("patch deployments", "get deployments", "list deployments", "watch deployments")


@pytest.fixture
def bench(kube: Kube, namespace: str, run_module: ModuleRunner) -> Bench:
    """The modules in a namespace of this test's own."""
    return Bench(kube, namespace, run_module, kube.kubeconfig)


@pytest.fixture
def struck(bench: Bench, tmp_path: Path) -> Iterator[tuple[Bench, FaultProxy]]:
    """The same through a proxy."""
    with bench.proxied(tmp_path) as pair:
        yield pair


# Others that write at the same time


@stand_in_only
def test_a_conflict_is_read_and_decided_anew(struck: tuple[Bench, FaultProxy]) -> None:
    bench, proxy = struck
    bench.make()
    proxy.rules.append(Rule(once(lambda: bench.resize(5)), PATCH))
    result = bench.scale(change="+2")
    [told] = result["results"]
    assert (told["before"], told["after"], told["attempts"], bench.size()) == (5, 7, 2, 7)
    assert result["api_calls"][GET] == 2
    assert result["actions"] == [f"scale {bench.namespace}/web from 5 to 7"]


@stand_in_only
def test_a_conflict_never_leads_out_of_the_bounds(struck: tuple[Bench, FaultProxy]) -> None:
    bench, proxy = struck
    bench.make()
    proxy.rules.append(Rule(once(lambda: bench.resize(10)), PATCH))
    told = bench.scale_one(policy=CPU, metrics=cpu(90))
    assert (told["changed"], told["reason"], told["limited_by"], bench.size()) == (False, "max", ["max"], 10)


@stand_in_only
def test_what_another_did_meanwhile_is_not_done_again(struck: tuple[Bench, FaultProxy]) -> None:
    bench, proxy = struck
    bench.make()
    proxy.rules.append(Rule(once(lambda: bench.resize(4)), PATCH))
    told = bench.scale_one(replicas=4)
    assert (told["changed"], told["reason"], told["attempts"]) == (False, "already", 2)


@stand_in_only
def test_what_another_paused_meanwhile_is_left_alone(struck: tuple[Bench, FaultProxy]) -> None:
    bench, proxy = struck
    bench.make()
    proxy.rules.append(Rule(once(lambda: bench.annotate(paused="true")), PATCH))
    assert bench.scale_one(replicas=4)["reason"] == "paused"
    assert bench.size() == 2


@stand_in_only
def test_three_times_and_no_more(struck: tuple[Bench, FaultProxy]) -> None:
    bench, proxy = struck
    bench.make()
    times = iter(range(100))
    proxy.rules.append(Rule(once(lambda: bench.annotate(note=str(next(times))), times=100), PATCH))
    result = bench.scale(replicas=4, fails=True)
    assert (result["results"][0]["attempts"], result["failures"][0]["code"]) == (4, "Conflict")
    assert result["api_calls"] == {**result["api_calls"], PATCH: 4, GET: 4}
    assert bench.size() == 2


@stand_in_only
def test_a_version_that_was_asked_for_is_not_decided_anew(struck: tuple[Bench, FaultProxy]) -> None:
    bench, proxy = struck
    bench.make()
    version = bench.info(name=["web"])["workloads"][0]["resource_version"]
    proxy.rules.append(Rule(once(lambda: bench.annotate(note="x")), PATCH))
    result = bench.scale(replicas=4, resource_version=version, fails=True)
    assert (result["failures"][0]["code"], result["api_calls"][PATCH]) == ("Conflict", 1)


@stand_in_only
def test_history_that_somebody_else_wrote_stands(struck: tuple[Bench, FaultProxy]) -> None:
    bench, proxy = struck
    bench.make()
    times = iter(range(100))
    proxy.rules.append(Rule(once(lambda: bench.annotate(note=str(next(times))), times=100), PATCH))
    told = bench.scale_one(policy=CPU, metrics=cpu(60), now=NOW)
    assert (told["outcome"], told["state_written"], told["attempts"]) == ("unchanged", False, 4)


@stand_in_only
def test_bounds_that_somebody_moves_meanwhile(struck: tuple[Bench, FaultProxy]) -> None:
    bench, proxy = struck
    bench.make()
    bench.add_hpa(autoscaler("web", 2, 6))
    path = path_of(bench.namespace, "horizontalpodautoscalers", "web", api="/apis/autoscaling/v1")
    proxy.rules.append(
        Rule(once(lambda: bench.api.patch(path, {"spec": {"maxReplicas": 8}})), "patch horizontalpodautoscalers")
    )
    told = bench.scale_one(replicas=4, on_owner="adjust_bounds")
    assert (told["after"], bench.hpa(), told["bounds"]["before"]) == (4, (4, 8), {"min": 2, "max": 8})
    proxy.rules.append(Rule(once(lambda: bench.annotate(note="x")), PATCH))
    told = bench.scale_one(replicas=5, on_owner="adjust_bounds")
    assert (told["after"], bench.hpa()) == (5, (5, 8))
    assert told["attempts"] >= 2  # the rollout of the first step writes, too
    assert told["bounds"] == {"before": {"min": 4, "max": 8}, "after": {"min": 5, "max": 8}}


def test_two_at_once_never_lose_a_step(bench: Bench, collections: Path, tmp_path: Path) -> None:
    bench.make(replicas=1)
    results = at_once(
        bench, collections, tmp_path, lambda one: [one.scale_one(change="+1", max=7) for _pass in range(5)]
    )
    changed = sum(told["changed"] for side in results for told in side)
    assert bench.size() == 1 + changed == 7
    assert all(told["outcome"] != "failed" for side in results for told in side)


def test_two_policies_at_once_keep_history_and_bounds(bench: Bench, collections: Path, tmp_path: Path) -> None:
    bench.make(replicas=1)
    up = {"policies": [{"type": "Pods", "value": 10, "period_seconds": 1800}], "stabilization_window_seconds": 0}
    policy = {**CPU, "max": 4, "behavior": {"scale_up": up}}

    def passes(one: Bench) -> list[dict[str, Any]]:
        times = [f"2026-03-01T12:{minute:02d}:00Z" for minute in range(6)]
        return [one.scale_one(policy=policy, metrics=cpu(90), now=time) for time in times]

    results = at_once(bench, collections, tmp_path, passes)
    ups = sum(told["action"] == "up" for side in results for told in side if told["changed"])
    assert bench.size() == 1 + ups == 4
    events = json.loads(bench.state() or "")["events"]
    assert sum(event[1] for event in events) == 3


def at_once(
    bench: Bench, collections: Path, directory: Path, work: Callable[[Bench], list[dict[str, Any]]]
) -> list[list[dict[str, Any]]]:
    """The same work from two processes at the same time."""
    runners = [ModuleRunner(directory, collections) for _side in range(2)]
    sides = [Bench(bench.kube, bench.namespace, runner, bench.kubeconfig) for runner in runners]
    try:
        for side in sides:
            side.info()  # both are started and warm
        with ThreadPoolExecutor(2) as pool:
            return list(pool.map(work, sides))
    finally:
        for runner in runners:
            runner.stop()


# Servers that are busy, and answers that are lost


@stand_in_only
def test_a_busy_server_is_asked_again(struck: tuple[Bench, FaultProxy]) -> None:
    bench, proxy = struck
    bench.make()
    proxy.fail(GET, "InternalError", first=1)
    proxy.rules.append(Rule(Answer("TooManyRequests", 429, headers=(("Retry-After", "1"),)), PATCH, first=1))
    result = bench.scale(replicas=3)
    assert result["results"][0]["after"] == 3
    assert result["api_calls"] == {**result["api_calls"], GET: 2, PATCH: 2}
    assert result["duration"] >= 1


@stand_in_only
@pytest.mark.parametrize(
    ("operation", "code", "kind"),
    [
        (GET, "TooManyRequests", "throttled"),
        ("list horizontalpodautoscalers", "ServiceUnavailable", "unavailable"),
        (PATCH, "InternalError", "unavailable"),
    ],
)
def test_a_server_that_stays_broken(struck: tuple[Bench, FaultProxy], operation: str, code: str, kind: str) -> None:
    bench, proxy = struck
    bench.make()
    proxy.fail(operation, code)
    result = bench.scale(replicas=3, fails=True)
    assert kind in {result["error"]["kind"], *(failure["kind"] for failure in result.get("failures", []))}
    assert operation in result["msg"] or operation in json.dumps(result["failures"])
    assert not result["changed"]


@stand_in_only
@pytest.mark.parametrize("carried_out", [True, False], ids=["after", "before"])
@pytest.mark.parametrize("way", ["replicas", "policy"])
def test_a_lost_answer_is_looked_for(struck: tuple[Bench, FaultProxy], way: str, carried_out: bool) -> None:
    bench, proxy = struck
    bench.make()
    proxy.rules.append(Rule(Drop(after_forwarding=carried_out), PATCH, first=1))
    options = {"replicas": 3} if way == "replicas" else {"policy": CPU, "metrics": cpu(90), "now": NOW}
    result = bench.scale(**options)
    assert (result["changed"], result["results"][0]["before"], result["results"][0]["after"]) == (True, 2, 3)
    assert bench.size() == 3
    assert result["api_calls"][PATCH] == (1 if carried_out else 2)


@stand_in_only
def test_a_step_whose_answer_is_lost_is_never_taken_twice(struck: tuple[Bench, FaultProxy]) -> None:
    bench, proxy = struck
    bench.make()
    proxy.rules.append(Rule(Drop(after_forwarding=True), PATCH, first=1))
    result = bench.scale(change="+1", fails=True)
    assert bench.size() == 3
    assert "Nobody knows whether the step was taken" in result["failures"][0]["hint"]
    proxy.rules[:] = [Rule(Drop(), PATCH, first=1)]
    assert bench.scale_one(change="+1")["after"] == 4


# Watches that break


@stand_in_only
def test_watches_go_on_where_they_were_cut(struck: tuple[Bench, FaultProxy]) -> None:
    bench, proxy = struck
    bench.make()
    proxy.rules.append(Rule(Drop(), WATCH, first=2))
    proxy.rules.append(Rule(Truncate(40), WATCH, nth=(3,)))
    result = bench.scale(replicas=4, wait=True, wait_timeout=20)
    assert result["results"][0]["complete"]
    assert result["api_calls"][WATCH] >= 3


@stand_in_only
def test_a_watch_that_is_too_late_lists_again(struck: tuple[Bench, FaultProxy]) -> None:
    bench, proxy = struck
    bench.make()
    proxy.rules.append(Rule(Answer("Expired", 410), WATCH, first=1))
    result = bench.scale(replicas=4, wait=True, wait_timeout=20)
    assert result["results"][0]["complete"]
    assert result["api_calls"][LIST] == 2


@stand_in_only
def test_a_workload_that_is_deleted_meanwhile(struck: tuple[Bench, FaultProxy]) -> None:
    bench, proxy = struck
    bench.make("bad", 1, stuck=True, settled=False)
    proxy.rules.append(Rule(once(lambda: bench.api.delete(bench.path("bad"))), WATCH))
    result = bench.scale("bad", replicas=2, wait=True, wait_timeout=20, fails=True)
    assert result["failures"][0]["code"] == "Deleted"
    assert result["duration"] < 10


@stand_in_only
def test_a_rollout_that_gave_up_is_not_awaited(struck: tuple[Bench, FaultProxy]) -> None:
    bench, _proxy = struck
    bench.make("bad", 1, stuck=True, settled=False, progressDeadlineSeconds=1, minReadySeconds=0)
    eventually(lambda: "ProgressDeadlineExceeded" in json.dumps(bench.get("bad")["status"]))
    result = bench.scale("bad", replicas=1, wait=True, wait_timeout=60, fails=True)
    assert result["failures"][0]["code"] == "ProgressDeadlineExceeded"
    assert "ImagePullBackOff" in result["msg"]
    assert result["duration"] < 10


@stand_in_only
def test_somebody_elses_size_is_not_reverted(struck: tuple[Bench, FaultProxy]) -> None:
    bench, proxy = struck
    bench.make("bad", 1, stuck=True, settled=False)
    proxy.rules.append(Rule(once(lambda: bench.resize(5, "bad", settled=False)), "list pods"))
    result = bench.scale("bad", replicas=2, wait=True, wait_timeout=1, on_timeout="revert", fails=True)
    assert "not reverted, as somebody has changed it meanwhile (to 5 replicas)" in result["msg"]
    assert (result["results"][0]["reverted"], bench.size("bad")) == (False, 5)


# Servers that can't be reached, and who asks


def test_a_wrong_token(bench: Bench, tmp_path: Path) -> None:
    config = yaml.safe_load(bench.kubeconfig.read_text("utf-8"))
    for entry in config["users"]:
        entry["user"]["token"] = "wrong-token-of-ours"
    result = bench.scale(kubeconfig=config, context="admin", replicas=1, fails=True)
    assert (result["error"]["kind"], result["error"]["code"]) == ("denied", "Unauthorized")
    assert "api_key" in result["msg"]
    assert "wrong-token-of-ours" not in json.dumps(result)


def test_nobody_listens(bench: Bench) -> None:
    with socket.socket() as held:
        held.bind(("127.0.0.1", 0))
        host = f"http://127.0.0.1:{held.getsockname()[1]}"
        result = bench.scale(host=host, replicas=1, fails=True)
        looked = bench.info(host=host, ignore_unknown=True, fails=True)
    for told in (result, looked):
        assert told["error"]["kind"] == "unavailable"
        assert host in told["msg"]
        assert "Check host" in told["msg"]


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ({"kubeconfig": "/nowhere/config"}, "kubeconfig: there is no /nowhere/config"),
        ({"context": "nirvana"}, "there is no context nirvana"),
        ({"host": "cluster.example.com"}, "host is 'cluster.example.com'"),
        ({"ca_cert": "/nowhere/ca.crt"}, "ca_cert: there is no file /nowhere/ca.crt"),
        ({"username": "admin"}, "parameters are required together"),
        ({"kubeconfig": {"clusters": []}}, "no context admin in kubeconfig; there are none"),
        ({"kubeconfig": {"clusters": []}, "context": None}, "kubeconfig can't be used"),
    ],
)
def test_a_connection_that_cannot_be(bench: Bench, options: dict[str, Any], said: str) -> None:
    result = bench.scale(replicas=1, fails=True, **options)
    assert said in result["msg"]
    if options.get("context"):
        assert "there are admin, viewer, scaler, nobody" in result["msg"]


def test_files_that_are_no_kubeconfig(bench: Bench, tmp_path: Path) -> None:
    broken = tmp_path / "broken"
    for text in ("", "a: [", "just words", '{"contexts": [], "clusters": []}'):
        broken.write_text(text, encoding="utf-8")
        result = bench.scale(replicas=1, fails=True, kubeconfig=str(broken), context=None)
        assert str(broken) in result["msg"]
        assert result["error"]["kind"] == "invalid"


def test_where_credentials_come_from(bench: Bench, tmp_path: Path) -> None:
    bench.make()
    config = yaml.safe_load(bench.kubeconfig.read_text("utf-8"))
    cluster = config["clusters"][0]["cluster"]
    token = {entry["name"]: entry["user"]["token"] for entry in config["users"]}
    unchecked = {} if cluster["server"].startswith("http:") else {"validate_certs": False}
    base = {"name": ["web"], "namespaces": [bench.namespace]}
    direct = {"host": cluster["server"], **unchecked}
    path = str(bench.kubeconfig)
    (tmp_path / ".kube").mkdir()
    ways: list[tuple[dict[str, Any], dict[str, str]]] = [
        ({"kubeconfig": config}, {}),
        ({"kubeconfig": path, "context": "admin"}, {}),
        ({"kubeconfig": path, "context": "nobody", "api_key": token["admin"]}, {}),
        ({**direct, "api_key": token["admin"]}, {}),
        ({}, {"K8S_AUTH_KUBECONFIG": path}),
        ({}, {"KUBECONFIG": f"/nowhere/config:{path}"}),
        ({}, {"KUBECONFIG": path, "K8S_AUTH_CONTEXT": "admin"}),
        (dict(unchecked), {"K8S_AUTH_HOST": cluster["server"], "K8S_AUTH_API_KEY": token["admin"]}),
        ({"kubeconfig": path, "impersonate_user": "someone", "impersonate_groups": ["system:masters"]}, {}),
    ]
    for options, env in ways:
        found = bench.run_module("k8s_workload_info", {**base, **options}, env=env)
        assert [item["name"] for item in found["workloads"]] == ["web"], (options, env)
    for options in ({"kubeconfig": path, "context": "nobody"}, {"kubeconfig": path, "impersonate_user": "someone"}):
        refused = bench.run_module("k8s_workload_info", {**base, **options}, fails=True)
        assert refused["unknown"][0]["error"]["code"] == "Forbidden"
    lost = bench.run_module("k8s_workload_info", base, fails=True)
    assert lost["error"]["code"] == "NoKubeconfig"
    assert "K8S_AUTH_KUBECONFIG" in lost["msg"]


def test_the_context_names_the_namespace(bench: Bench) -> None:
    bench.make()
    config = yaml.safe_load(bench.kubeconfig.read_text("utf-8"))
    for entry in config["contexts"]:
        entry["context"]["namespace"] = bench.namespace
    result = bench.run_module("k8s_workload_scale", {"kubeconfig": config, "name": "web", "replicas": 3, "wait": False})
    assert result["results"][0]["target"] == f"{bench.namespace}/web"


def test_a_program_for_credentials_that_fails(bench: Bench, tmp_path: Path) -> None:
    config = yaml.safe_load(bench.kubeconfig.read_text("utf-8"))
    command = {"apiVersion": "client.authentication.k8s.io/v1beta1", "command": "/nowhere/get-token", "args": []}
    config["users"] = [{"name": entry["name"], "user": {"exec": command}} for entry in config["users"]]
    path = tmp_path / "config"
    path.write_text(json.dumps(config), encoding="utf-8")
    result = bench.scale(kubeconfig=str(path), replicas=1, fails=True)
    assert (result["error"]["kind"], result["error"]["code"]) == ("denied", "ExecPlugin")
    assert "/nowhere/get-token" in result["msg"]


@stand_in_only
def test_tls(run_module: ModuleRunner, tmp_path: Path) -> None:
    with KubeServer(tls=True) as server:
        options: dict[str, Any] = {"host": server.endpoint, "api_key": "admintoken", "namespaces": ["default"]}
        refused = run_module("k8s_workload_info", options, fails=True)
        assert "TLS certificate" in refused["msg"]
        assert "ca_cert" in refused["msg"]
        assert "validate_certs" in refused["msg"]
        for more in (
            {"ca_cert": str(server.ca_cert)},
            {"validate_certs": False},
            {"verify_ssl": "no"},
            {
                "ssl_ca_cert": str(server.ca_cert),
                "cert_file": str(server.client_cert),
                "key_file": str(server.client_key),
            },
        ):
            given = dict(options)
            if "cert_file" in more:
                del given["api_key"]
            assert run_module("k8s_workload_info", {**given, **more})["unknown"] == []
        path = server.kubeconfig(tmp_path / "config")
        assert run_module("k8s_workload_info", {"kubeconfig": str(path)})["unknown"] == []


def test_options_of_the_group(bench: Bench) -> None:
    """Whatever kubernetes.core takes from the environment is taken here, too."""
    env = {"K8S_AUTH_KUBECONFIG": str(bench.kubeconfig), "K8S_AUTH_VERIFY_SSL": "false", "K8S_AUTH_CONTEXT": "admin"}
    found = bench.run_module("k8s_workload_info", {"namespaces": [bench.namespace]}, env=env)
    assert found["workloads"] == []
