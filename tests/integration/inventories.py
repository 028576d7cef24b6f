# Copyright (c) 2026 cloudops.core contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What the tests of inventory plugins share: files of options, and ansible-inventory over them."""

from __future__ import annotations

import importlib
import json
import re
import subprocess
import sys
import uuid
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import yaml

from tests.integration.harness import HERE, ROOT, scrubbed_environment

PLUGINS = ("aws_instances", "s3_buckets", "k8s_workloads")


@dataclass(frozen=True)
class Listing:
    """What ansible-inventory --list said."""

    hostvars: dict[str, dict[str, Any]]
    groups: dict[str, list[str]]
    said: str

    @property
    def hosts(self) -> list[str]:
        """The names of all hosts, sorted."""
        return sorted(self.hostvars)


@dataclass
class Inventories:
    """Runs ansible-inventory on files of options.

    An inventory that can't be read fails the run. Whatever is written on standard error is the test's to expect: ``warns``.
    """

    directory: Path
    collections: Path
    env: Mapping[str, str] = field(default_factory=dict)
    _process: subprocess.Popen[str] | None = None

    def __call__(
        self,
        plugin: str,
        options: Mapping[str, Any],
        *,
        env: Mapping[str, str] | None = None,
        extra_vars: Mapping[str, Any] | None = None,
        name: str = "",
        warns: bool = False,
    ) -> Listing:
        """List the inventory; ``name`` makes it the same file as in an earlier call, as caches are for files."""
        path = self.write(plugin, options, name)
        answer = self._run(path, env, extra_vars)
        if answer["rc"]:
            raise AssertionError(f"ansible-inventory ended with {answer['rc']}:\n{answer['stderr']}")
        if not warns and answer["stderr"].strip():
            raise AssertionError(f"ansible-inventory said:\n{answer['stderr']}")
        return _listing(answer["stdout"], answer["stderr"])

    def fails(
        self, plugin: str, options: Mapping[str, Any], *, env: Mapping[str, str] | None = None, name: str = ""
    ) -> str:
        """What is said about an inventory that can't be read, in one line."""
        answer = self._run(self.write(plugin, options, name), env, None)
        said = _unfolded(answer["stderr"])
        if not answer["rc"]:
            raise AssertionError(f"ansible-inventory did not fail:\n{answer['stdout'][:2000]}")
        assert "Traceback (most recent call last)" not in said, said
        return said

    def write(self, plugin: str, options: Mapping[str, Any], name: str = "") -> Path:
        """Write a file of options for a plugin."""
        path = self.directory / f"{name or uuid.uuid4().hex}.{plugin}.yml"
        path.write_text(json.dumps({"plugin": f"cloudops.core.{plugin}", **options}), encoding="utf-8")
        return path

    def _run(self, path: Path, env: Mapping[str, str] | None, extra_vars: Mapping[str, Any] | None) -> dict[str, Any]:
        arguments = ["-i", str(path), "--list"]
        arguments += ["--extra-vars", json.dumps(dict(extra_vars))] if extra_vars else []
        process = self._server()
        assert process.stdin is not None
        assert process.stdout is not None
        process.stdin.write(json.dumps({"arguments": arguments, "env": {**self.env, **(env or {})}}) + "\n")
        process.stdin.flush()
        answer: dict[str, Any] = json.loads(process.stdout.readline())
        return answer

    def _server(self) -> subprocess.Popen[str]:
        if self._process is None:
            (self.directory / "ansible.cfg").touch()
            ansible = {
                "ANSIBLE_COLLECTIONS_PATH": str(self.collections),
                "ANSIBLE_CONFIG": str(self.directory / "ansible.cfg"),
                "ANSIBLE_HOME": str(self.directory / "ansible"),
                "ANSIBLE_INVENTORY_ANY_UNPARSED_IS_FAILED": "true",
                "ANSIBLE_INVENTORY_ENABLED": "auto",
                "ANSIBLE_NOCOLOR": "true",
            }
            self._process = subprocess.Popen(
                [sys.executable, str(HERE / "inventory_runner.py"), *PLUGINS],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                text=True,
                env=scrubbed_environment(self.directory, ansible),
                cwd=self.directory,
            )
        return self._process

    def stop(self) -> None:
        """End the process."""
        if self._process is not None:
            assert self._process.stdin is not None
            self._process.stdin.close()
            self._process.wait(60)
            assert self._process.stdout is not None
            self._process.stdout.close()


def documented(plugin: str) -> Iterator[dict[str, Any]]:
    """The options of each example, of the plugin's own and of the guide."""
    module = importlib.import_module(f"ansible_collections.cloudops.core.plugins.inventory.{plugin}")
    guide = (ROOT / "docs" / "inventories.md").read_text(encoding="utf-8")
    texts = [module.EXAMPLES, *re.findall(r"^```yaml\n(.*?)^```", guide, re.MULTILINE | re.DOTALL)]
    for example in (example for text in texts for example in yaml.safe_load_all(text)):
        if isinstance(example, dict) and example.get("plugin") == f"cloudops.core.{plugin}":
            yield {name: value for name, value in example.items() if name != "plugin"}


def _listing(text: str, said: str) -> Listing:
    found = _plain(json.loads(text))
    groups = {name: sorted(group.get("hosts", [])) for name, group in found.items() if name != "_meta"}
    return Listing(found["_meta"]["hostvars"], groups, _unfolded(said))


def _unfolded(text: str) -> str:
    """In one line. Older ansible-core folds warnings, also behind hyphens."""
    return re.sub(r"(?<=\S)- (?=\S)", "-", " ".join(text.split()))


def _plain(value: Any) -> Any:
    """Newer ansible-core writes data that isn't trusted as {"__ansible_unsafe": text}."""
    if isinstance(value, dict):
        return (
            value["__ansible_unsafe"]
            if set(value) == {"__ansible_unsafe"}
            else {k: _plain(v) for k, v in value.items()}
        )
    return [_plain(member) for member in value] if isinstance(value, list) else value
