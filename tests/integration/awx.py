# Copyright (c) 2026 cloudops.core contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A stand-in for the collection awx.awx: its modules check their arguments as the real ones do, and note them instead of sending them.

awx_arguments.json has the arguments of awx.awx 24.6.1, with their types and choices.
"""

from __future__ import annotations

import ast
import json
import os
import re
import site
from pathlib import Path
from typing import Any

import yaml

ARGUMENTS = Path(__file__).parent / "awx_arguments.json"
ACTION = '''\
"""Notes the arguments that it is called with."""

import json
import os

from ansible.module_utils.common.arg_spec import ArgumentSpecValidator
from ansible.plugins.action import ActionBase

with open({arguments!r}, encoding="utf-8") as file:
    SPEC = json.load(file)[{name!r}]


class ActionModule(ActionBase):
    def run(self, tmp=None, task_vars=None):
        result = ArgumentSpecValidator(SPEC).validate(self._task.args)
        if result.error_messages:
            return {{"failed": True, "msg": "; ".join(result.error_messages)}}
        given = {{key: value for key, value in result.validated_parameters.items() if value is not None}}
        with open(os.environ["CLOUDOPS_TEST_AWX"], "a", encoding="utf-8") as file:
            file.write(json.dumps([{name!r}, given]) + "\\n")
        return {{"changed": True}}
'''


def make_stand_in(directory: Path) -> Path:
    """Make a collections path that holds the stand-in as awx.awx."""
    home = directory / "ansible_collections" / "awx" / "awx"
    for kind in ("action", "modules"):
        (home / "plugins" / kind).mkdir(parents=True)
    manifest = {"collection_info": {"namespace": "awx", "name": "awx", "version": "24.6.1", "dependencies": {}}}
    (home / "MANIFEST.json").write_text(json.dumps(manifest), "utf-8")
    for name in json.loads(ARGUMENTS.read_text("utf-8")):
        (home / "plugins" / "modules" / f"{name}.py").write_text("DOCUMENTATION = ''\n", "utf-8")
        code = ACTION.format(arguments=str(ARGUMENTS), name=name)
        (home / "plugins" / "action" / f"{name}.py").write_text(code, "utf-8")
    return directory


def noted(path: Path) -> list[tuple[str, dict[str, Any]]]:
    """The modules that were called, with their arguments, in order."""
    return [tuple(json.loads(line)) for line in path.read_text("utf-8").splitlines()]


def real_modules() -> Path | None:
    """The modules of awx.awx itself: where CLOUDOPS_TEST_AWX_AWX says, or from the package ansible."""
    places = [Path(one) / "ansible_collections" / "awx" / "awx" for one in site.getsitepackages()]
    told = os.environ.get("CLOUDOPS_TEST_AWX_AWX", "")
    found = [one / "plugins" / "modules" for one in ([Path(told)] if told else places)]
    return next((one for one in found if one.is_dir()), None)


def real_arguments(module: Path) -> dict[str, dict[str, Any]]:
    """The arguments that a module of awx.awx takes, in the form of awx_arguments.json: without aliases, defaults and what is secret."""
    tree = ast.parse(module.read_text("utf-8"))
    tables = {
        ast.unparse(node.targets[0]): ast.literal_eval(node.value)
        for node in tree.body
        if isinstance(node, ast.Assign) and isinstance(node.value, ast.Dict)
    }
    for node in ast.walk(tree):
        if (
            isinstance(node, ast.Assign)
            and ast.unparse(node.targets[0]) == "argument_spec"
            and isinstance(node.value, ast.Call)
        ):
            kept = ("type", "elements", "choices", "required")
            return {
                name: {key: one[key] for key in kept if key in one} for name, one in _plain(node.value, tables).items()
            }
    raise LookupError(f"{module} has no argument_spec")


def _plain(node: ast.expr, tables: dict[str, Any]) -> Any:
    """The value of nested calls of dict() with literals, or with the keys of a table."""
    if isinstance(node, ast.Call) and ast.unparse(node.func) == "dict":
        return {str(keyword.arg): _plain(keyword.value, tables) for keyword in node.keywords}
    keys = re.fullmatch(r"list\((\w+)\.keys\(\)\)", ast.unparse(node))
    return list(tables[keys[1]]) if keys else ast.literal_eval(node)


def node_options(module: Path) -> dict[str, Any]:
    """What the documentation says of the nodes of a workflow."""
    found = re.search(r"DOCUMENTATION = '''(.*?)'''", module.read_text("utf-8"), re.DOTALL)
    assert found
    options: dict[str, Any] = yaml.safe_load(found[1])["options"]["workflow_nodes"]["suboptions"]
    return options
