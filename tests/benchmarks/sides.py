# Copyright (c) 2026 cloudops.core contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The two collections that are compared: one task each, by the same ansible-playbook, Python and boto3."""

from __future__ import annotations

import json
import os
import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tests.benchmarks.machine import Cost, timed
from tests.integration.s3 import S3Server
from tests.servers.child import ROOT

VENV = ROOT / ".venv-rival"
COLLECTIONS = ROOT / "build" / "link"


@dataclass(frozen=True)
class Side:
    """One collection."""

    name: str
    collection: str

    @property
    def module(self) -> str:
        """Its bucket module."""
        return f"{self.collection}.s3_bucket"


OURS = Side("cloudops.core", "cloudops.core")
RIVAL = Side("amazon.aws", "amazon.aws")
SIDES = (OURS, RIVAL)


class PlaybookFailed(RuntimeError):
    """A playbook did not do what was to be measured."""


@dataclass(frozen=True)
class Player:
    """Runs a playbook of one task.

    :param servers: ids of the processes whose work is the server's.
    """

    scratch: Path
    servers: tuple[int, ...] = ()

    def play(
        self, side: Side, server: S3Server, options: Mapping[str, Any], *, changed: bool, module: str = ""
    ) -> Cost:
        """Run the module (the side's bucket module unless another is named) and return what the whole ansible-playbook cost.

        Raises PlaybookFailed when it fails, or when it reports changed or ok against expectation.
        """
        task = {module or side.module: {**server.options, **options}}
        return self.run(f"{side.name} {options}", task, changed=changed)

    def run(self, what: str, task: Mapping[str, Any], *, changed: bool) -> Cost:
        """Run a play of this task and return what the whole ansible-playbook cost.

        Raises PlaybookFailed when it fails, or when it reports changed or ok against expectation.
        """
        book, log = self.scratch / "playbook.yml", self.scratch / "log"
        # JSON is YAML.
        book.write_text(json.dumps([self._play(task)], indent=2), encoding="utf-8")
        command = [str(VENV / "bin" / "ansible-playbook"), "--inventory", "localhost,", str(book)]
        cost, code = timed(command, self._env(), log, self.servers)
        said = log.read_text(encoding="utf-8", errors="replace")
        recap = re.search(r"ok=1 +changed=([01]) ", said)
        if code or recap is None or (recap[1] == "1") is not changed:
            raise PlaybookFailed(f"{what}: exit code {code}\n{said[-3000:]}")
        return cost

    def _play(self, task: Mapping[str, Any]) -> dict[str, Any]:
        return {
            "hosts": "localhost",
            "connection": "local",
            "gather_facts": False,
            "vars": {"ansible_python_interpreter": "{{ ansible_playbook_python }}"},
            "tasks": [{"name": "The task", **task}],
        }

    def _env(self) -> dict[str, str]:
        """Nothing of the developer's own settings."""
        return {
            "PATH": f"{VENV / 'bin'}:{os.defpath}",
            "HOME": str(self.scratch),
            "LC_ALL": "C.UTF-8",
            "ANSIBLE_COLLECTIONS_PATH": str(COLLECTIONS),
        }
