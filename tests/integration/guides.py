# Copyright (c) 2026 cloudops.core contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The examples of the guides: where each stands, what it is, and which commands a reader is told to type.

What a block is can be seen from its language and from its content; a reader sees no marks of ours. A block that nobody knows is one that
nobody tests, so it fails the tests.
"""

from __future__ import annotations

import json
import re
import shlex
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import yaml

from tests.integration.harness import ROOT

PLAYBOOKS = sorted(path.stem for path in (ROOT / "playbooks").glob("*.yml"))
ROLES = sorted(path.parent.parent.name for path in (ROOT / "roles").glob("*/meta/argument_specs.yml"))
RULEBOOKS = {path.stem: path.read_text("utf-8") for path in (ROOT / "extensions/eda/rulebooks").glob("*.yml")}
OTHERS = ("amazon.aws.", "community.aws.", "kubernetes.core.")
"""Collections whose modules stand in examples of what a reader has today."""
_FENCE = re.compile(r"^( *)```(\S*)[^\n]*\n(.*?)^\1```[ \t]*$", re.MULTILINE | re.DOTALL)
_FILE = re.compile(r"# ([\w./-]+\.ya?ml)\b")
_COMMANDS = ("sh", "console")
_PLACEHOLDER = re.compile(r"<[\w ]+>")


@dataclass(frozen=True)
class Block:
    """A fenced block of a page."""

    page: str
    line: int
    language: str
    text: str

    @property
    def where(self) -> str:
        """For people, and for the names of plays."""
        return f"{self.page}:{self.line}"

    @property
    def file(self) -> str:
        """The name that its first line gives it, or nothing."""
        found = _FILE.match(self.text)
        return found[1] if found else ""

    @cached_property
    def data(self) -> Any:
        """What the block holds; documents of one file as a list."""
        if self.language == "json":
            # A line of an object stands for itself, too.
            return json.loads(self.text if self.text.startswith(("{", "[")) else f"{{{self.text}}}")
        found = list(yaml.safe_load_all(self.text))
        return found[0] if len(found) == 1 else found

    @cached_property
    def kind(self) -> str:
        """What it is; see ``_KINDS``. ``""``: nobody knows."""
        if self.language in _COMMANDS:
            return "commands"
        if self.language == "text":
            return "output"
        kinds = {"yaml": _KINDS, "yml": _KINDS, "json": _JSON}.get(self.language, {})
        return next((name for name, fits in kinds.items() if fits(self.data)), "")

    @property
    def owner(self) -> str:
        """The playbook, or the role, that its variables are for."""
        return _owner(self.data) if isinstance(self.data, dict) else ""


def pages() -> list[Path]:
    """All guides."""
    return sorted([ROOT / "README.md", *(ROOT / "docs").glob("**/*.md"), *(ROOT / "roles").glob("*/README.md")])


def blocks() -> list[Block]:
    """All blocks of all guides."""
    return [block for page in pages() for block in _blocks_of(page)]


def _blocks_of(page: Path) -> Iterator[Block]:
    text = page.read_text(encoding="utf-8")
    for found in _FENCE.finditer(text):
        lines = [line.removeprefix(found[1]) for line in found[3].splitlines()]
        number = text.count("\n", 0, found.start()) + 1
        yield Block(str(page.relative_to(ROOT)), number, found[2], "\n".join(lines) + "\n")


# What a block is


def _all(data: Any) -> list[dict[str, Any]]:
    """The members of a list of mappings; of anything else, nothing."""
    fits = isinstance(data, list) and data and all(isinstance(member, dict) for member in data)
    return data if fits else []


def _for_a_rulebook(data: Any) -> bool:
    """Whether a rulebook of ours has all of these variables."""
    return _all([data]) != [] and any(all(f"{{{{ {key}" in text for key in data) for text in RULEBOOKS.values())


def _each(data: Any, *names: str) -> bool:
    members = _all(data)
    return bool(members) and all(any(name in member for name in names) for member in members)


def _is_task(member: Mapping[str, Any]) -> bool:
    return any(key.count(".") == 2 for key in member) or "block" in member


def tasks_of(data: Any) -> Iterator[dict[str, Any]]:
    """The tasks of plays and of lists of tasks, those of blocks, too."""
    for member in _all(data):
        if _is_task(member):
            yield member
        for part in ("tasks", "pre_tasks", "post_tasks", "block", "rescue", "always"):
            yield from tasks_of(member.get(part))


def _others(data: Any) -> bool:
    """Whether it is an example of another collection."""
    return any(key.startswith(OTHERS) for task in tasks_of(data) for key in task)


def _owner(data: Mapping[str, Any]) -> str:
    """The longest name of a playbook or role that all variables begin with."""
    names = sorted({*PLAYBOOKS, *ROLES}, key=len, reverse=True)
    return next((name for name in names if data and all(str(key).startswith(f"{name}_") for key in data)), "")


def _mapping(data: Any, *names: str) -> bool:
    return isinstance(data, dict) and all(name in data for name in names)


def _only(data: Any, *names: str) -> bool:
    return isinstance(data, dict) and bool(data) and set(data) <= set(names)


_KINDS = {
    "rulebook": lambda data: _each(data, "sources"),
    "another's play": _others,
    "play": lambda data: _each(data, "hosts", "import_playbook"),
    "tasks": lambda data: bool(_all(data)) and all(_is_task(member) for member in data),
    "queries": lambda data: _each(data, "query"),
    "rows of a scheduler": lambda data: _each(data, "type") and {row["type"] for row in data} == {"period", "schedule"},
    "inventory": lambda data: _mapping(data, "plugin"),
    "cache": lambda data: isinstance(data, dict) and all(str(key).startswith("cache") for key in data),
    "variables": lambda data: isinstance(data, dict) and bool(_owner(data)),
    "variables of a rulebook": _for_a_rulebook,
    "defaults": lambda data: _only(data, "module_defaults"),
    "policy": lambda data: _only(data, "policy"),
    "behavior": lambda data: _only(data, "behavior"),
    "decision": lambda data: _mapping(data, "current", "desired", "reason", "proposals"),
    "policies of Cloud Custodian": lambda data: _only(data, "policies") and _each(data["policies"], "resource"),
    "object": lambda data: _mapping(data, "apiVersion", "kind", "metadata"),
    "configuration of Alertmanager": lambda data: _mapping(data, "route", "receivers"),
    "rules of Prometheus": lambda data: _only(data, "groups") and _each(data["groups"], "rules"),
    "execution environment": lambda data: _mapping(data, "version", "images", "dependencies"),
    "schedules": lambda data: isinstance(data, dict) and _each([*data.values()], "periods"),
}
_JSON = {
    "condition of IAM": lambda data: _only(data, "Condition", "Resource"),
    "policy of IAM": lambda data: _mapping(data, "Version", "Statement"),
    "results": lambda data: isinstance(data, dict) and len(data) == 1 and set(data) <= {*ROLES, *PLAYBOOKS},
    "failure": lambda data: _mapping(data, "failed", "msg", "error"),
    "event": lambda data: _mapping(data, "type", "source", "time"),
}


# What a reader is told to type


@dataclass(frozen=True)
class Command:
    """A command, as a shell would take it apart."""

    block: Block
    arguments: tuple[str, ...]

    @property
    def name(self) -> str:
        """The program."""
        return self.arguments[0]

    @property
    def where(self) -> str:
        """Where it stands, and what it is."""
        return f"{self.block.where} {shlex.join(self.arguments)}"


def commands(block: Block) -> list[Command]:
    """The commands of a block. In a console, they follow a prompt; the rest is what they say."""
    lines = block.text.replace("\\\n", " ").splitlines()
    if block.language == "console":
        lines = [line[2:] for line in lines if line.startswith("$ ")]
    return [Command(block, tuple(part)) for line in lines for part in _parts(line) if part]


def _parts(line: str) -> Iterator[list[str]]:
    """The commands of a line, without what becomes of their output."""
    lexer = shlex.shlex(_PLACEHOLDER.sub("PLACEHOLDER", line), posix=True, punctuation_chars=True)
    lexer.whitespace_split = True
    part: list[str] = []
    for token in lexer:
        if token in ("&&", "|", ";"):
            yield part
            part = []
        else:
            part.append(token)
    yield part[: part.index(">")] if ">" in part else part
