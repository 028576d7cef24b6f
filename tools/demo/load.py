# Copyright (c) 2026 cloudops.core contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A Deployment, and visitors who come and go: python tools/demo/load.py KUBERNETES EXPORTER PROMETHEUS.

Makes the Deployment shop/web with 2 replicas, says so once Prometheus has seen how busy they are, and then lets the exporter show how
busy they get, until it is ended. The visitors are made up; the replicas they are shared among are those that are ready at the time.
"""

from __future__ import annotations

import json
import sys
import time
import urllib.request
from itertools import pairwise
from typing import Any

from tests.servers.exporter import set_gauges
from tests.servers.prometheus import ask as ask_prometheus

DEPLOYMENT = "/apis/apps/v1/namespaces/shop/deployments"
CAPACITY = 100.0
"""Visitors a second that a replica can serve."""
WAVE = ((0.0, 120.0), (4.0, 120.0), (12.0, 460.0), (16.0, 460.0), (24.0, 110.0))
"""Seconds since the beginning, and visitors a second; between them, a straight line."""


def visitors(seconds: float) -> float:
    """How many come a second."""
    for (begin, low), (end, high) in pairwise(WAVE):
        if seconds < end:
            return low + (high - low) * (seconds - begin) / (end - begin)
    return WAVE[-1][1]


def ask(server: str, path: str, body: Any = None) -> Any:
    """Send a request to the API as its administrator."""
    headers = {"Authorization": "Bearer admintoken", "Content-Type": "application/json"}
    data = None if body is None else json.dumps(body).encode()
    with urllib.request.urlopen(urllib.request.Request(server + path, data, headers), timeout=10) as answer:
        return json.load(answer)


def deploy(server: str) -> None:
    """Make the Deployment."""
    labels = {"app": "web"}
    pods = {
        "metadata": {"labels": labels},
        "spec": {"containers": [{"name": "web", "image": "registry.example.org/web:1"}]},
    }
    spec = {"replicas": 2, "selector": {"matchLabels": labels}, "template": pods}
    ask(server, "/api/v1/namespaces", {"metadata": {"name": "shop"}})
    ask(server, DEPLOYMENT, {"metadata": {"name": "web"}, "spec": spec})


def show(server: str, exporter: str, come: float) -> None:
    """Let the exporter show how busy that many visitors make the replicas."""
    ready = ask(server, f"{DEPLOYMENT}/web")["status"].get("readyReplicas", 0)
    busy = min(100.0, 100.0 * come / (CAPACITY * ready)) if ready else 100.0
    set_gauges(exporter, {"web_visitors_per_second": round(come, 1), "web_cpu_percent": round(busy, 1)})
    time.sleep(0.25)


def main(server: str, exporter: str, prometheus: str) -> None:
    """Deploy, and keep the visitors coming."""
    deploy(server)
    while ask_prometheus(prometheus, "web_cpu_percent < 100") == []:
        show(server, exporter, WAVE[0][1])
    print("ready", flush=True)
    begin = time.monotonic()
    while True:
        show(server, exporter, visitors(time.monotonic() - begin))


if __name__ == "__main__":
    main(*sys.argv[1:])
