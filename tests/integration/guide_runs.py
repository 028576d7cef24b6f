# Copyright (c) 2026 cloudops.core contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Makes two playbooks of all that the guides have to run, one for check mode and one for real: a start of Ansible costs two seconds."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

import yaml
from ansible.module_utils.common.arg_spec import ArgumentSpecValidator
from ansible.parsing.splitter import parse_kv

from tests.integration.guide_world import World
from tests.integration.guides import Block, Command, commands
from tests.integration.harness import ROOT, Play, PlayResult, TaskResult

Plays = list[dict[str, Any]]
REAL_PAGES = ("docs/first_run.md",)
"""Pages whose playbooks run as they stand. Roles have tests of their own: what other pages show of them is validated."""
CHECK_PAGES = ("docs/migrating.md",)
"""Pages whose variables, as long as they are no files, run in check mode: tags of other tools are read there."""


@dataclass(frozen=True)
class Run:
    """Something to run, and where it stands."""

    where: str
    plays: Plays
    check: bool


@dataclass
class Runs:
    """All of them, and what they came to."""

    world: World
    play: Play
    blocks: list[Block]
    output: str = ""
    """What Ansible wrote so far."""
    _done: dict[bool, dict[str, list[TaskResult]]] = field(default_factory=dict)

    @cached_property
    def all(self) -> list[Run]:
        """In the order of the guides."""
        return [run for block in self.blocks for run in self._of(block)]

    def results(self, run: Run) -> list[TaskResult]:
        """What the tasks of a run came to; nothing, if a failure before it ended the playbook."""
        if run.check not in self._done:
            # The real ones come after those in check mode, which need what the world begins with.
            self._done = {True: {}, False: {}}
            for check in (True, False):
                self._done[check] = self._play(check)
        return self._done[run.check].get(run.where, [])

    def _play(self, check: bool) -> dict[str, list[TaskResult]]:
        for block in self.blocks:
            if block.kind == "tasks" and block.file:
                (self.world.directory / block.file).write_text(json.dumps(self.world.here(block.data)), "utf-8")
        # A failure ends neither the play nor those after it.
        plays = [
            {**play, "ignore_errors": True}
            for run in self.all
            if run.check == check
            for play in (_mark(run), *run.plays)
        ]
        path = self.world.directory / f"check-{check}.json"
        path.write_text(json.dumps(plays), encoding="utf-8")
        options: dict[str, Any] = {"check": check, "diff": check, "env": self.world.environment}
        done = self.play.playbook(str(path), **options, fails=None, quiet=False, timeout=1200)
        self.output += done.output
        return _by_mark(done)

    # What there is to run

    def _of(self, block: Block) -> Iterator[Run]:
        if block.kind == "commands":
            for number, command in enumerate(commands(block)):
                yield from self._typed(command, number)
        elif block.kind == "variables" and block.page in CHECK_PAGES and not block.file:
            yield Run(block.where, self._own(block.owner, block.data), True)
        elif block.kind == "results":
            yield self._shown(block)
        elif block.kind == "play" and not self._typed_elsewhere(block):
            if not {"import_playbook", "roles"} & set(block.data[0]):
                yield Run(block.where, self._plays(block.data), False)
        elif block.kind == "tasks":
            yield Run(block.where, [self._tasks(block.data, block.page)], False)

    def _typed_elsewhere(self, block: Block) -> bool:
        """Whether a command of the same page runs it."""
        mine = [other for other in self.blocks if other.page == block.page and other.kind == "commands"]
        return bool(block.file) and any(re.search(rf"[@ ]{re.escape(block.file)}\b", other.text) for other in mine)

    def _typed(self, command: Command, number: int) -> Iterator[Run]:
        where = f"{command.where} ({number})"
        if command.name == "ansible-playbook":
            options = playbook_options(command)
            (playbook,) = options.args
            if command.block.page in REAL_PAGES:
                yield Run(
                    where, self._named(playbook, extra_vars(command, self.blocks), command.block.page), options.check
                )
        elif command.name == "ansible":
            options = adhoc_options(command)
            task = {
                "name": "ad hoc",
                "action": f"{options.module_name} {self.world.here(options.module_args or '')}".strip(),
            }
            yield Run(where, [self._tasks([task], command.block.page)], options.check)

    def _shown(self, block: Block) -> Run:
        """What results are shown of: the first command of the page with that playbook, in check mode."""
        (name,) = block.data
        typed = [
            one
            for other in self.blocks
            if other.page == block.page and other.kind == "commands"
            for one in commands(other)
        ]
        first = next(one for one in typed if f"cloudops.core.{name}" in one.arguments)
        return Run(block.where, self._own(name, extra_vars(first, self.blocks)), True)

    def _named(self, playbook: str, variables: dict[str, Any], page: str) -> Plays:
        if playbook.startswith("cloudops.core."):
            return self._own(playbook.rpartition(".")[2], variables)
        return self._plays(file_of(playbook, page, self.blocks).data)

    def _own(self, name: str, variables: dict[str, Any]) -> Plays:
        """A playbook of the collection, with variables."""
        given = self.world.here(variables)
        plays: Plays = yaml.safe_load((ROOT / "playbooks" / f"{name}.yml").read_text("utf-8"))
        return [{**play, "vars": {**play.get("vars", {}), **given}} for play in plays]

    def _plays(self, plays: Plays) -> Plays:
        """Plays of a guide, with what they take from somewhere else."""
        found: Plays = self.world.here(plays)
        made = [{**play, "vars": {**self.world.variables, **play.get("vars", {})}} for play in found]
        return [play for one in made for play in (*_arrange(one["hosts"]), one)]

    def _tasks(self, tasks: Plays, page: str) -> dict[str, Any]:
        """A play of tasks, with the schedules of the same page as variables."""
        named = [block.data for block in self.blocks if block.page == page and block.kind == "schedules"]
        variables = {key: value for one in [self.world.variables, *named] for key, value in one.items()}
        return {"hosts": "localhost", "gather_facts": False, "vars": variables, "tasks": self.world.here(tasks)}


def _arrange(hosts: str) -> Plays:
    """What makes a group of an inventory, if a play is for one: workloads, as the inventory of the same guide has them."""
    if hosts == "localhost":
        return []
    workload = {"context": "production", "workload_namespace": "shop", "workload_name": "web", "kind": "Deployment"}
    connection = {"ansible_connection": "local", "ansible_python_interpreter": "{{ ansible_playbook_python }}"}
    host = {"name": "web.shop.production", "groups": hosts, **workload, **connection}
    task = {"name": "the inventory", "ansible.builtin.add_host": host, "changed_when": False}
    return [{"hosts": "localhost", "gather_facts": False, "tasks": [task]}]


def _mark(run: Run) -> dict[str, Any]:
    """A play that says what comes next."""
    task = {"name": "mark", "ansible.builtin.debug": {"msg": run.where}}
    return {"hosts": "localhost", "gather_facts": False, "tasks": [task]}


def _by_mark(done: PlayResult) -> dict[str, list[TaskResult]]:
    found: dict[str, list[TaskResult]] = {}
    for task in done.tasks:
        if task.name == "mark":
            found[task["msg"]] = current = []
        else:
            current.append(task)
    return found


# Commands


def playbook_options(command: Command) -> Any:
    """The options of a call of ansible-playbook, as it reads them itself; unknown ones are an error."""
    from ansible.cli.playbook import PlaybookCLI

    return _options(PlaybookCLI(list(command.arguments)), command)


def adhoc_options(command: Command) -> Any:
    """The same of ansible."""
    from ansible.cli.adhoc import AdHocCLI

    return _options(AdHocCLI(list(command.arguments)), command)


def inventory_options(command: Command) -> Any:
    """The same of ansible-inventory."""
    from ansible.cli.inventory import InventoryCLI

    return _options(InventoryCLI(list(command.arguments)), command)


def _options(cli: Any, command: Command) -> Any:
    cli.init_parser()
    try:
        return cli.parser.parse_args(command.arguments[1:])
    except SystemExit:
        raise AssertionError(f"{command.where}: {command.name} doesn't take that") from None


def extra_vars(command: Command, blocks: list[Block]) -> dict[str, Any]:
    """The variables that a call of ansible-playbook gives."""
    found: dict[str, Any] = {}
    for given in playbook_options(command).extra_vars:
        if given.startswith("@"):
            found |= file_of(given.rpartition("/")[2], command.block.page, blocks).data
        elif given.startswith("{"):
            found |= json.loads(given)
        else:
            found |= parse_kv(given)
    return found


def file_of(name: str, page: str, blocks: list[Block]) -> Block:
    """The block of a page that is the content of a file."""
    found = [block for block in blocks if block.page == page and block.file == name.removeprefix("@")]
    assert len(found) == 1, f"{page}: {len(found)} blocks begin with the line # {name}"
    return found[0]


def wrong_variables(name: str, variables: dict[str, Any]) -> list[str]:
    """What is wrong with the variables of a playbook or role: unknown ones, and what the role's own validation says."""
    path = ROOT / "playbooks" / f"{name}.yml"
    text = path.read_text("utf-8") if path.is_file() else ""
    specs = ROOT / "roles" / name / "meta" / "argument_specs.yml"
    known = yaml.safe_load(specs.read_text("utf-8"))["argument_specs"]["main"]["options"] if specs.is_file() else {}
    unknown = [key for key in variables if key not in known and not re.search(rf"\b{key}\b", text)]
    given = {key: value for key, value in variables.items() if key in known}
    # Templates are filled in before a role is asked, and what an example leaves out is somewhere else.
    plain = {key: {**option, "required": False} for key, option in known.items() if "{{" not in str(given.get(key))}
    said = ArgumentSpecValidator(plain).validate({key: given[key] for key in given if key in plain}).error_messages
    return [*unknown, *said]
