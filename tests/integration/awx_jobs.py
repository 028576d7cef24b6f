# Copyright (c) 2026 cloudops.core contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Runs job templates as AWX does, by ansible-runner in a directory of the job's own, and reads the events that AWX would keep.

AWX puts together: the template's variables, what the survey has as defaults, and what is given at launch or comes from jobs before it.
Only the first may have templates of Ansible; all else is marked ``!unsafe``. Credentials come as environment variables and files, the
inventory as a script. Nobody is there to answer a prompt.
"""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any

from tests.integration.harness import ROOT, scrubbed_environment
from tests.unit.awx_surveys import AWX, load

Variables = dict[str, Any]
Inventory = dict[str, dict[str, Any]]
"""Hosts, with their variables."""
BIN = Path(sys.executable).parent
ELSEWHERE: Inventory = {"elsewhere": {}}
"""Hosts that a job has nothing to do with."""
_SPOKEN = re.compile(r"\[(?:WARNING|DEPRECATION WARNING)\]|Traceback \(most recent call last\)")


def template(name: str) -> dict[str, Any]:
    """A job template of extensions/awx."""
    found: dict[str, Any] = next(
        one for one in load((AWX / "job_templates.yml").read_text("utf-8")) if one["name"] == name
    )
    return found


def answers(survey: str, **given: str) -> Variables:
    """What AWX makes of a survey: the defaults, as text, and what is given for the questions, without the prefix.

    A required question without an answer is an error there, too. Defaults that aren't of the question's type are dropped without a word.
    """
    spec = load((AWX / "surveys" / f"{survey}.yml").read_text("utf-8"))["spec"]
    named = {f"{survey}_{name}": value for name, value in given.items()}
    assert set(named) <= {one["variable"] for one in spec}, f"not asked for: {named}"
    assert {one["variable"] for one in spec if one["required"]} <= set(named)
    defaults = {
        one["variable"]: str(one["default"]) for one in spec if one["default"] in one.get("choices", [one["default"]])
    }
    return {**defaults, **named}


def injected(name: str, directory: Path, **inputs: str) -> dict[str, str]:
    """The environment variables of a credential of a type of extensions/awx. What isn't filled in is an empty text."""
    kind = next(one for one in load((AWX / "credential_types.yml").read_text("utf-8")) if one["name"] == name)
    paths = {}
    for key, text in kind["injectors"].get("file", {}).items():
        path = directory / key
        path.write_text(_filled(text, inputs), encoding="utf-8")
        paths[f"tower.filename.{key.partition('.')[2]}"] = str(path)
    return {key: _filled(text, {**inputs, **paths}) for key, text in kind["injectors"]["env"].items()}


def _filled(text: str, values: Mapping[str, str]) -> str:
    return re.sub(r"{{ ([\w.]+) }}", lambda match: values.get(match.group(1), ""), text)


def slice_of(inventory: Inventory, number: int, count: int) -> Inventory:
    """The hosts of a job slice: every count-th by name, from the number-th on."""
    return {name: inventory[name] for name in sorted(inventory)[number - 1 :: count]}


@dataclass(frozen=True)
class Job:
    """What came of a job."""

    directory: Path
    rc: int

    @property
    def output(self) -> str:
        """What AWX shows."""
        return (self.directory / "artifacts" / "job" / "stdout").read_text(encoding="utf-8")

    @cached_property
    def events(self) -> list[dict[str, Any]]:
        """All events, in order."""
        found = [
            json.loads(path.read_text("utf-8")) for path in self.directory.glob("artifacts/job/job_events/*-*.json")
        ]
        return sorted(found, key=lambda event: int(event["counter"]))

    @property
    def stats(self) -> Variables:
        """What set_stats keeps for the jobs that follow."""
        (last,) = [event for event in self.events if event["event"] == "playbook_on_stats"]
        kept: Variables = last["event_data"]["artifact_data"]
        return kept

    @property
    def summary(self) -> dict[str, dict[str, int]]:
        """How many tasks were ok, changed, failed ..., by host."""
        (last,) = [event for event in self.events if event["event"] == "playbook_on_stats"]
        return {key: value for key, value in last["event_data"].items() if key in ("ok", "changed", "failures", "dark")}

    def results(self, task: str) -> list[dict[str, Any]]:
        """What the events say of a task, whose name ends so: one for each host that it ran for."""
        return list(self._results(task))

    def _results(self, task: str) -> Iterator[dict[str, Any]]:
        for event in self.events:
            if event["event"] in ("runner_on_ok", "runner_on_failed") and event["event_data"]["task"].endswith(task):
                yield event["event_data"]["res"]


@dataclass
class Started:
    """A job under way."""

    directory: Path
    process: subprocess.Popen[bytes]

    def wait(self, fails: bool = False, quiet: bool = True) -> Job:
        """Wait for its end. Another than ``fails`` says, and a warning, fail the test."""
        self.process.wait(240)
        job = Job(self.directory, self.process.returncode)
        assert (job.rc != 0) == fails, f"the job ended with {job.rc}:\n{job.output}"
        assert not (quiet and (said := _SPOKEN.search(job.output))), f"the job wrote {said}:\n{job.output}"
        return job


@dataclass
class Controller:
    """Launches jobs, with the credentials that all of them have."""

    directory: Path
    collections: Path
    environment: dict[str, str] = field(default_factory=dict)
    count: int = 0

    def run(self, name: str, *, fails: bool = False, quiet: bool = True, **options: Any) -> Job:
        """Launch a job template and wait for its end; ``options`` are those of ``launch``."""
        return self.launch(name, **options).wait(fails, quiet)

    def launch(
        self,
        name: str,
        *,
        variables: Mapping[str, Any] | None = None,
        inventory: Inventory | None = None,
        check: bool = False,
        env: Mapping[str, str] | None = None,
    ) -> Started:
        """Launch a job template."""
        self.count += 1
        home = self.directory / f"job{self.count}"
        described = template(name)
        own = described.get("extra_vars", {})
        _prepare(home, inventory or ELSEWHERE, {**own, **(variables or {})}, set(own) - set(variables or {}), check)
        environment = {**self._environment(), **self.environment, **(env or {})}
        _write(home / "env" / "envvars", json.dumps(environment))
        command = [str(BIN / "ansible-runner"), "run", str(home), "--ident", "job", "--quiet"]
        command += ["--playbook", f"playbooks/{described['playbook']}"]
        clean = scrubbed_environment(home, {"PATH": f"{BIN}{os.pathsep}{os.environ['PATH']}"})
        nobody, log = subprocess.DEVNULL, subprocess.DEVNULL
        return Started(home, subprocess.Popen(command, env=clean, cwd=home, stdin=nobody, stdout=log, stderr=log))

    def _environment(self) -> dict[str, str]:
        """What AWX sets for every job, and where the execution environment has the collection."""
        awx = {
            "ANSIBLE_INVENTORY_UNPARSED_FAILED": "True",
            "ANSIBLE_RETRY_FILES_ENABLED": "False",
            "JOB_ID": str(self.count),
        }
        return {**awx, "ANSIBLE_COLLECTIONS_PATH": str(self.collections), "ANSIBLE_DEPRECATION_WARNINGS": "True"}


def _write(path: Path, text: str) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text, encoding="utf-8")


def _prepare(home: Path, inventory: Inventory, variables: Mapping[str, Any], trusted: set[str], check: bool) -> None:
    """Write the job's directory, as it comes to the execution environment."""
    _write(
        home / "env" / "settings",
        json.dumps({"suppress_ansible_output": True, "job_timeout": 180, "pexpect_timeout": 5}),
    )
    _write(home / "env" / "cmdline", "--check --diff" if check else "--diff")
    lines = [f"{key}: {json.dumps(value) if key in trusted else _unsafe(value)}\n" for key, value in variables.items()]
    _write(home / "env" / "extravars", "---\n" + "".join(lines or ["{}\n"]))
    listed = {"all": {"hosts": sorted(inventory)}, "_meta": {"hostvars": inventory}}
    script = home / "inventory" / "hosts"
    _write(script, f"#!/usr/bin/env python3\nprint({json.dumps(listed)!r})\n")
    script.chmod(0o700)
    (home / "project").mkdir()
    (home / "project" / "playbooks").symlink_to(ROOT / "playbooks", target_is_directory=True)


def _unsafe(value: Any) -> str:
    """YAML of a value whose texts are no templates."""
    if isinstance(value, str):
        return f"!unsafe {json.dumps(value)}"
    if isinstance(value, Mapping):
        return "{" + ", ".join(f"{json.dumps(key)}: {_unsafe(one)}" for key, one in value.items()) + "}"
    if isinstance(value, list):
        return "[" + ", ".join(_unsafe(one) for one in value) + "]"
    return json.dumps(value)
