# Copyright (c) 2026 cloudops.core contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Runs the collection the way users do (ansible-playbook) and the quick way (one module, no playbook)."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
import uuid
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[2]
HERE = Path(__file__).resolve().parent
Result = dict[str, Any]

_KEPT_VARIABLES = ("PATH", "LANG", "LC_ALL", "TMPDIR", "PYTHONDONTWRITEBYTECODE", "COVERAGE_PROCESS_START")
_SPOKEN = re.compile(r"\[(?:WARNING|DEPRECATION WARNING)\]|Traceback \(most recent call last\)")


def make_collections_tree(directory: Path) -> Path:
    """Make a directory for ANSIBLE_COLLECTIONS_PATH that holds this checkout as cloudops.core."""
    home = directory / "ansible_collections" / "cloudops"
    home.mkdir(parents=True)
    (home / "core").symlink_to(ROOT, target_is_directory=True)
    return directory


def scrubbed_environment(home: Path, more: Mapping[str, str] | None = None) -> dict[str, str]:
    """Return an environment in which no credentials, regions or endpoints of the developer's own are found."""
    env = {name: os.environ[name] for name in _KEPT_VARIABLES if name in os.environ}
    env |= {"HOME": str(home), "AWS_EC2_METADATA_DISABLED": "true", "LC_ALL": env.get("LC_ALL", "C.UTF-8")}
    return env | dict(more or {})


@dataclass(frozen=True)
class TaskResult:
    """What one task came to."""

    name: str
    action: str
    status: str
    """ok, changed, failed, skipped or unreachable."""
    data: Result
    ignored: bool = False

    def __getitem__(self, key: str) -> Any:
        return self.data[key]

    def get(self, key: str, default: Any = None) -> Any:
        """Return a value of the result, or the default."""
        return self.data.get(key, default)


@dataclass(frozen=True)
class PlayResult:
    """What one ansible-playbook process came to."""

    rc: int
    output: str
    tasks: list[TaskResult]

    def __getitem__(self, index: int) -> TaskResult:
        return self.tasks[index]

    def __len__(self) -> int:
        return len(self.tasks)

    @property
    def statuses(self) -> list[str]:
        """The status of each task, in order."""
        return [task.status for task in self.tasks]

    def named(self, name: str) -> TaskResult:
        """Return the result of the task with this name."""
        return next(task for task in self.tasks if task.name == name)


@dataclass
class Play:
    """Runs tasks through ansible-playbook on localhost.

    Warnings, deprecations and tracebacks in the output are failures of the test unless ``quiet`` is False.
    """

    directory: Path
    collections: Path
    defaults: Result = field(default_factory=dict)
    """Options for every module of the action group cloudops.core.aws."""

    def __call__(self, *tasks: Result, defaults: Result | None = None, **options: Any) -> PlayResult:
        """Run the tasks as one play; ``options`` are those of ``playbook``."""
        group = self.defaults if defaults is None else defaults
        play = {
            "hosts": "localhost",
            "gather_facts": False,
            "module_defaults": {"group/cloudops.core.aws": group} if group else {},
            "tasks": [{"name": f"task {number}", **task} for number, task in enumerate(tasks)],
        }
        path = self.directory / f"play-{uuid.uuid4().hex}.json"
        path.write_text(json.dumps([play]), encoding="utf-8")
        return self.playbook(str(path), **options)

    def playbook(
        self,
        path: str,
        *,
        check: bool = False,
        diff: bool = False,
        extra_vars: Mapping[str, Any] | None = None,
        env: Mapping[str, str] | None = None,
        tags: Sequence[str] = (),
        verbosity: int = 0,
        quiet: bool = True,
        fails: bool | None = False,
        timeout: float = 300,
    ) -> PlayResult:
        """Run a playbook, given by path or by its name in the collection (cloudops.core.NAME).

        A run that ends otherwise than ``fails`` says fails the test (None: either is right).
        """
        results = self.directory / f"results-{uuid.uuid4().hex}.jsonl"
        command = [sys.executable, "-m", "ansible", "playbook", "-i", str(self._inventory()), path]
        command += ["--check"] * check + ["--diff"] * diff + ["-" + "v" * verbosity] * bool(verbosity)
        command += ["--tags", ",".join(tags)] if tags else []
        command += ["--extra-vars", json.dumps(dict(extra_vars))] if extra_vars else []
        clean = self._environment(results, env)
        done = subprocess.run(
            command, env=clean, cwd=self.directory, capture_output=True, text=True, timeout=timeout, check=False
        )
        output = done.stdout + done.stderr
        lines = results.read_text(encoding="utf-8").splitlines() if results.exists() else []
        tasks = [TaskResult(**json.loads(line)) for line in lines]
        if fails is not None and (done.returncode != 0) != fails:
            raise AssertionError(f"ansible-playbook ended with {done.returncode}:\n{output}")
        if quiet and (spoken := _SPOKEN.search(output)):
            raise AssertionError(f"ansible-playbook wrote {spoken.group()}:\n{output}")
        return PlayResult(done.returncode, output, tasks)

    def _inventory(self) -> Path:
        path = self.directory / "inventory.json"
        local = {"ansible_connection": "local", "ansible_python_interpreter": sys.executable}
        path.write_text(json.dumps({"all": {"hosts": {"localhost": local}}}), encoding="utf-8")
        return path

    def _empty_config(self) -> Path:
        path = self.directory / "ansible.cfg"
        path.touch()
        return path

    def _environment(self, results: Path, more: Mapping[str, str] | None) -> dict[str, str]:
        ansible = {
            "ANSIBLE_CALLBACKS_ENABLED": "jsonl",
            "ANSIBLE_CALLBACK_PLUGINS": str(HERE / "callback_plugins"),
            "ANSIBLE_COLLECTIONS_PATH": str(self.collections),
            "ANSIBLE_CONFIG": str(self._empty_config()),
            "ANSIBLE_DEPRECATION_WARNINGS": "true",
            "ANSIBLE_HOME": str(self.directory / "ansible"),
            "ANSIBLE_LOCALHOST_WARNING": "false",
            "ANSIBLE_NOCOLOR": "true",
            # A module goes to its interpreter without a detour over files; a fifth of each task.
            "ANSIBLE_PIPELINING": "true",
            "ANSIBLE_RETRY_FILES_ENABLED": "false",
            "CLOUDOPS_TEST_RESULTS": str(results),
        }
        return scrubbed_environment(self.directory, {**ansible, **(more or {})})


class ModuleRunner:
    """Runs single modules without a playbook, about ten times as fast; module_runner.py says how faithful that is."""

    def __init__(self, directory: Path, collections: Path) -> None:
        self._directory = directory
        self._collections = collections
        self._process: subprocess.Popen[str] | None = None

    def __call__(
        self,
        name: str,
        params: Mapping[str, Any],
        *,
        check: bool = False,
        diff: bool = True,
        env: Mapping[str, str] | None = None,
        hide: Sequence[str] = (),
        fails: bool | None = False,
        quiet: bool = True,
    ) -> Result:
        """Run a module of the collection and return its result.

        One that ends otherwise than ``fails`` says fails the test (None: either is right). ``hide`` names Python
        packages that the module shall find missing.
        """
        request = self._request(name, params, check, diff, env, hide)
        answer = self._once(request) if hide else self._ask(request)
        result = _parse(answer)
        if fails is not None and bool(result.get("failed")) != fails:
            end = "did not fail" if fails else "failed"
            shown = {key: value for key, value in result.items() if key != "invocation"}
            raise AssertionError(f"{name} {end}: {json.dumps(shown)[:4000]}")
        if quiet and (said := {key: result[key] for key in ("warnings", "deprecations") if result.get(key)}):
            raise AssertionError(f"{name} said {said}")
        return result

    @contextmanager
    def started(self, name: str, params: Mapping[str, Any]) -> Iterator[subprocess.Popen[str]]:
        """Start a module in a process of its own; it is killed at the end if it is still there."""
        process = self._popen("--once")
        assert process.stdin is not None
        process.stdin.write(json.dumps(self._request(name, params, False, True, None, ())) + "\n")
        process.stdin.flush()
        try:
            yield process
        finally:
            process.kill()
            process.communicate()

    def _request(
        self,
        name: str,
        params: Mapping[str, Any],
        check: bool,
        diff: bool,
        env: Mapping[str, str] | None,
        hide: Sequence[str],
    ) -> Result:
        internal = {
            "_ansible_check_mode": check,
            "_ansible_diff": diff,
            "_ansible_no_log": False,
            "_ansible_module_name": f"cloudops.core.{name}",
            "_ansible_remote_tmp": str(self._directory),
            "_ansible_tmpdir": str(self._directory),
            "_ansible_verbosity": 0,
        }
        clean = scrubbed_environment(self._directory, env)
        return {"module": f"cloudops.core.{name}", "args": {**params, **internal}, "env": clean, "hide": list(hide)}

    def _popen(self, *arguments: str) -> subprocess.Popen[str]:
        command = [sys.executable, str(HERE / "module_runner.py"), str(self._collections), *arguments]
        env, pipe = scrubbed_environment(self._directory), subprocess.PIPE
        # Compiled code goes to a place of our own: kept from run to run, and out of the checkout.
        env.pop("PYTHONDONTWRITEBYTECODE", None)
        env["PYTHONPYCACHEPREFIX"] = str(self._directory / "pycache")
        return subprocess.Popen(
            command, stdin=pipe, stdout=pipe, stderr=pipe if arguments else None, text=True, env=env
        )

    def _once(self, request: Result) -> Result:
        process = self._popen("--once")
        stdout, stderr = process.communicate(json.dumps(request) + "\n", timeout=300)
        return {"rc": process.returncode, "stdout": stdout, "stderr": stderr}

    def _ask(self, request: Result) -> Result:
        if self._process is None or self._process.poll() is not None:
            self._process = self._popen()
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._process.stdin.write(json.dumps(request) + "\n")
        self._process.stdin.flush()
        answer: Result = json.loads(self._process.stdout.readline())
        return answer

    def stop(self) -> None:
        """End the process that waits for requests."""
        process, self._process = self._process, None
        if process is not None:
            process.communicate(timeout=30)


def _parse(answer: Result) -> Result:
    """Return the one JSON object that a module prints; anything else is a failure of the test."""
    text = answer["stdout"] + answer["stderr"]
    try:
        result: Result = json.loads(answer["stdout"])
    except ValueError:
        raise AssertionError(f"the module did not print one JSON object:\n{text[-2000:]}") from None
    # missing_required_lib comes with the ImportError's traceback, in a value of its own; ansible-core 2.16 passes it on as it is.
    shown = json.dumps({key: value for key, value in result.items() if key != "exception"})
    if "Traceback (most recent call last)" in shown or answer["stderr"].strip():
        raise AssertionError(f"the module wrote to standard error or printed a traceback:\n{text[-2000:]}")
    return result
