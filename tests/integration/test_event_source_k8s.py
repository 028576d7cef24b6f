# Copyright (c) 2026 cloudops.core contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The event source k8s_workload, on the Kubernetes API."""

from __future__ import annotations

import asyncio
import socket
from pathlib import Path
from typing import Any

import pytest

from tests.integration.eda import Heartbeat, free_port, running, scenario
from tests.integration.kube import Kube, eventually, grant, path_of, rule, workload
from tests.servers.fault_proxy import FaultProxy
from tests.servers.kube import KubeServer
from tests.unit.eda_sources import load

QUICK = {"interval": 0.2, "jitter": 0, "max_backoff": 0.4, "timeout": 3}
IMAGE = {"spec": {"template": {"spec": {"containers": [{"name": "main", "image": "registry.example.org/web:2"}]}}}}


def watching(kube: Kube, namespace: str, **more: Any) -> dict[str, Any]:
    return {"kubeconfig": str(kube.kubeconfig), "context": "admin", "namespaces": [namespace], **QUICK, **more}


def make(
    kube: Kube, namespace: str, name: str = "web", replicas: int = 2, kind: str = "Deployment", **more: Any
) -> str:
    """Create a workload and wait until it serves; its path."""
    plural = {"Deployment": "deployments", "StatefulSet": "statefulsets"}[kind]
    kube.api.create(path_of(namespace, plural), workload(name, replicas, kind, **more))
    path = path_of(namespace, plural, name)
    if not more.get("stuck"):
        eventually(lambda: kube.api.get(path)["status"].get("readyReplicas", 0) == replicas)
    return path


async def patch(kube: Kube, path: str, body: Any) -> None:
    await asyncio.to_thread(kube.api.patch, path, body, "strategic")


def test_size_rollout_and_removal_are_told(kube: Kube, namespace: str) -> None:
    path = make(kube, namespace)

    async def play() -> None:
        async with running("k8s_workload", watching(kube, namespace)) as source:
            await source.silent(0.5)  # all is well
            await patch(kube, path, {"spec": {"replicas": 3}})
            grown = await source.next(type="workload")
            assert grown["changes"] == ["replicas", "rollout"]
            assert (grown["target"], grown["kind"]) == (f"{namespace}/web", "Deployment")
            assert (grown["replicas"], grown["before"]) == (3, {"state": "available", "verdict": "ok", "replicas": 2})
            assert (grown["state"], grown["verdict"]) == ("progressing", "insufficient_data")
            there = await source.next(state="available")
            assert (there["verdict"], there["ready"], there["changes"]) == ("ok", 3, ["rollout"])
            await patch(kube, path, IMAGE)
            await source.next(state="progressing")
            new = await source.next(state="available")
            assert new["images"] == ["registry.example.org/web:2"]
            await asyncio.to_thread(kube.api.delete, path)
            gone = await source.next(state="gone")
            assert (gone["changes"], gone["verdict"]) == (["removed"], "insufficient_data")

    scenario(play)


def test_a_stuck_rollout_is_told_once_and_so_is_its_end(kube: Kube, namespace: str) -> None:
    path = make(kube, namespace, "job", 1, stuck=True)

    async def play() -> None:
        async with running("k8s_workload", watching(kube, namespace, stuck_after=1)) as source:
            stuck = await source.next(type="workload")
            assert (stuck["state"], stuck["verdict"], stuck["changes"]) == ("stuck", "breached", ["rollout"])
            assert "0 of 1 replicas are available" in stuck["verdict_reason"]
            await source.silent(0.5)
            await patch(kube, path, {"spec": {"replicas": 0}})
            assert (await source.next(state="available"))["before"]["state"] in ("stuck", "progressing")

    scenario(play)


@pytest.mark.stand_in_only("a pod that is deleted is back before anybody sees on a real server without nodes")
def test_lost_pods_are_told_as_such(kube: Kube, namespace: str) -> None:
    path = make(kube, namespace, "db", 2, kind="StatefulSet")
    settings = watching(kube, namespace, kinds=["StatefulSet"], changes=["availability"])

    async def play() -> None:
        kube.stand_in.set_ready_delay(1.5)
        try:
            async with running("k8s_workload", settings) as source:
                await source.silent(0.3)
                pods = path_of(namespace, "pods", "db-0", api="/api/v1")
                await asyncio.to_thread(kube.api.delete, pods)
                lost = await source.next(type="workload")
                assert (lost["state"], lost["verdict"], lost["changes"]) == ("degraded", "breached", ["availability"])
                assert lost["available"] == 1
                assert (await source.next(type="workload"))["state"] == "available"
        finally:
            kube.stand_in.set_ready_delay(0.3)

    assert path
    scenario(play)


@pytest.mark.stand_in_only("only the stand-in breaks and forgets when it is told to")
@pytest.mark.parametrize("interrupt", ["cut_watches", "compact"])
def test_nothing_is_lost_over_an_interruption(kube: Kube, namespace: str, interrupt: str) -> None:
    """Once the watch goes on by its resource version; once that is too old, and everything is listed again."""
    path = make(kube, namespace)

    async def play() -> None:
        settings = watching(kube, namespace, changes=["replicas", "removed"])
        async with running("k8s_workload", settings) as source:
            await source.silent(0.3)
            if interrupt == "compact":
                kube.stand_in.compact()
            kube.stand_in.cut_watches()
            await patch(kube, path, {"spec": {"replicas": 1}})
            assert (await source.next(type="workload"))["replicas"] == 1
            await asyncio.to_thread(kube.api.delete, path)
            assert (await source.next(type="workload"))["state"] == "gone"
            assert [one["type"] for one in source.seen] == ["workload", "workload"]

    scenario(play)


def test_selectors_names_and_kinds(kube: Kube, namespace: str) -> None:
    for name in ("web", "api", "job"):
        make(kube, namespace, name, 1)

    async def play() -> None:
        settings = watching(kube, namespace, label_selectors="app in (web, api)", names="web, job", emit="always")
        async with running("k8s_workload", settings) as source:
            first = await source.next(type="workload")
            assert (first["name"], first["state"], first["previous"]) == ("web", "available", None)
            await source.silent(0.3)

    scenario(play)


def test_refusals_name_the_verbs_that_are_missing(kube: Kube, namespace: str) -> None:
    async def play() -> None:
        async with running("k8s_workload", {**watching(kube, namespace), "context": "viewer"}) as source:
            error = await source.next(type="error")
            assert error["error"]["kind"] == "denied"
            assert "list and watch on deployments.apps" in error["error"]["hint"]
            make(kube, namespace, "late", 1, stuck=True)
            rights = [rule("list watch", "deployments")]
            await asyncio.to_thread(grant, kube.api, namespace, "viewer", rights)
            assert (await source.next(type="recovered"))["failures"] >= 1

    scenario(play)


@pytest.mark.stand_in_only("a proxy of plain HTTP stands before the stand-in")
def test_a_server_that_is_away_comes_back(kube: Kube, namespace: str, tmp_path: Path) -> None:
    path = make(kube, namespace)

    async def play() -> None:
        port = free_port()
        kubeconfig = kube.via(f"http://127.0.0.1:{port}", tmp_path / "kubeconfig")
        args = {**watching(kube, namespace, changes="replicas"), "kubeconfig": str(kubeconfig)}
        async with running("k8s_workload", args) as source:
            assert (await source.next(type="error"))["error"]["kind"] == "unavailable"
            with FaultProxy(kube.stand_in.endpoint, port=port):
                await source.next(type="recovered")
                await patch(kube, path, {"spec": {"replicas": 4}})
                assert (await source.next(type="workload"))["replicas"] == 4

    scenario(play)


@pytest.mark.stand_in_only("the stand-in has a certificate of its own")
def test_tls_is_verified(tmp_path: Path) -> None:
    async def play() -> None:
        with KubeServer(tls=True) as server:
            kubeconfig = server.kubeconfig(tmp_path / "kubeconfig")
            args = {"kubeconfig": str(kubeconfig), "context": "admin", "emit": "always", **QUICK}
            async with running("k8s_workload", args) as source:
                await source.silent(0.5)
            by_certificate = {
                "host": server.endpoint,
                "ca_cert": str(server.ca_cert),
                "client_cert": str(server.client_cert),
            }
            async with running(
                "k8s_workload", {**by_certificate, "client_key": str(server.client_key), **QUICK}
            ) as source:
                await source.silent(0.5)
            async with running("k8s_workload", {"host": server.endpoint, "api_key": "admintoken", **QUICK}) as source:
                error = (await source.next(type="error"))["error"]
                assert (error["kind"], error["hint"][:7]) == ("unavailable", "Set ca_")

    scenario(play)


async def connect_proxy(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """A proxy that opens tunnels, and lets through nothing else."""
    first = (await reader.readuntil(b"\r\n\r\n")).split(b" ")
    host, port = first[1].decode().split(":")
    there, away = await asyncio.open_connection(host, int(port))
    writer.write(b"HTTP/1.1 200 Connection established\r\n\r\n")

    async def pump(source: asyncio.StreamReader, target: asyncio.StreamWriter) -> None:
        try:
            while block := await source.read(65536):
                target.write(block)
                await target.drain()
        except OSError:
            pass
        finally:
            target.close()

    await asyncio.gather(pump(reader, away), pump(there, writer))


@pytest.mark.stand_in_only("the stand-in has a certificate of its own")
def test_a_watch_goes_through_a_proxy(tmp_path: Path) -> None:
    async def play() -> None:
        proxy = await asyncio.start_server(connect_proxy, "127.0.0.1", 0)
        url = f"http://127.0.0.1:{proxy.sockets[0].getsockname()[1]}"
        with KubeServer(tls=True) as server:
            kubeconfig = server.kubeconfig(tmp_path / "kubeconfig")
            args = {"kubeconfig": str(kubeconfig), "context": "admin", "proxy": url, "emit": "always", **QUICK}
            async with running("k8s_workload", args) as source:
                await source.silent(1)
                assert source.seen == []
        proxy.close()

    scenario(play)


def test_no_thread_is_kept_and_the_loop_goes_on(kube: Kube, namespace: str) -> None:
    """Far more watches than the loop's pool has threads."""
    path = make(kube, namespace)

    async def play() -> None:
        namespaces = [namespace, *(f"{namespace}-{number}" for number in range(40))]
        settings = watching(kube, namespace, changes="replicas") | {"namespaces": namespaces}
        async with Heartbeat() as heart, running("k8s_workload", settings) as source:
            await source.silent(1)
            await asyncio.wait_for(asyncio.to_thread(lambda: None), 10)
            await patch(kube, path, {"spec": {"replicas": 5}})
            assert (await source.next(type="workload"))["replicas"] == 5
        assert heart.longest < 4

    scenario(play)


@pytest.mark.parametrize(
    ("args", "says"),
    [
        ({"kinds": "Pod"}, "kinds[0] is 'Pod'. It is one of Deployment, StatefulSet, DaemonSet."),
        ({"changes": []}, "changes is empty. Give any of replicas, "),
        ({"stuck_after": "soon"}, "stuck_after is 'soon', which is no duration"),
        ({"ca_cert": "/no/such"}, "ca_cert is /no/such, which is no file"),
        ({"client_cert": __file__}, "client_key is missing. Give both"),
        ({"host": "cluster:6443"}, "host is no address. It is like https://"),
        ({"namespace": ["a"], "namespaces": ["b"]}, "namespaces is given twice"),
    ],
    ids=["kind", "no-change", "duration", "no-file", "half-a-pair", "host", "twice"],
)
def test_refuses_arguments(args: dict[str, Any], says: str) -> None:
    source = load("k8s_workload")
    with pytest.raises(source.ArgumentError) as caught:
        source.read_options(args)
    assert says in str(caught.value)


def test_a_kubeconfig_that_is_not_there_is_an_error_event(tmp_path: Path) -> None:
    async def play() -> None:
        async with running("k8s_workload", {"kubeconfig": str(tmp_path / "none"), **QUICK}) as source:
            error = (await source.next(type="error"))["error"]
            assert (error["kind"], error["operation"]) == ("invalid", "read the kubeconfig")

    scenario(play)


def test_a_server_that_never_answers_blocks_nobody() -> None:
    async def play() -> None:
        with socket.create_server(("127.0.0.1", 0)) as silent:
            args = {"host": f"http://127.0.0.1:{silent.getsockname()[1]}", "api_key": "x", **QUICK, "timeout": 4}
            async with Heartbeat() as heart, running("k8s_workload", args) as source:
                assert (await source.next(type="error"))["error"]["kind"] == "timeout"
            assert heart.longest < 3

    scenario(play)
