# Copyright (c) 2026 cloudops.core contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The loop that runs the controllers of the Kubernetes stand-in."""

from __future__ import annotations

import threading
import time

from tests.servers.kube_controllers import (
    IDLE,
    Cluster,
    StatefulSets,
    collect_garbage,
    end_namespaces,
    sync_pods,
    sync_replicasets,
)
from tests.servers.kube_rollout import sync_deployments
from tests.servers.kube_write import Writer


class Controllers:
    """All controllers in one thread. ``ready_delay`` is in seconds."""

    def __init__(self, writer: Writer, ready_delay: float) -> None:
        self.cluster = Cluster(writer, ready_delay)
        self._statefulsets = StatefulSets(self.cluster)

    def run(self) -> None:
        """Work for ever: until nothing changes any more, then again when something does."""
        changed = self.cluster.store.changed
        while True:
            with changed:
                before = self.cluster.store.version
                self.cluster.wake_in = IDLE
                self._round()
                if self.cluster.store.version == before:
                    changed.wait(max(self.cluster.wake_in, 0.01))
            # Clients come first; what they do meanwhile is done in one round.
            time.sleep(0.01)

    def _round(self) -> None:
        sync_pods(self.cluster)
        sync_replicasets(self.cluster)
        sync_deployments(self.cluster)
        self._statefulsets.sync()
        collect_garbage(self.cluster)
        end_namespaces(self.cluster)

    def start(self) -> None:
        """Work in a thread that ends with the process."""
        threading.Thread(target=self.run, name="controllers", daemon=True).start()
