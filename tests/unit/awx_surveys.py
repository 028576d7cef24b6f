# Copyright (c) 2026 cloudops.core contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a question of an AWX survey has to be, by the documentation of the variable that it sets.

A survey file says which variables are asked for, in which order and under which names; everything else follows from the argument
specification of the role, or from the documentation of the module behind a playbook. ``python -m tests.unit.awx_surveys`` writes it anew.
"""

from __future__ import annotations

import ast
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import yaml

CHECKOUT = Path(__file__).resolve().parents[2]
AWX = CHECKOUT / "extensions" / "awx"
# Playbooks without a role, and the modules whose options their variables stand for.
MODULES = {
    "start_instances": ("ec2_instance_power",),
    "stop_instances": ("ec2_instance_power",),
    "scale": ("k8s_workload_scale", "autoscaling_group_scale"),
}
HOSTS = (
    "Act only on the instances of the hosts that match this pattern of the inventory (with job slices, on those of the slice). Each host "
    "needs the variable instance_id."
)
SPLIT = "with commas, blanks or line ends between them"
# Variables that are the playbooks' own, or that they take in other forms than the modules do.
OWN: dict[str, dict[str, Any]] = {
    "region": {"type": "str", "description": ["Region of the connection. Without it, AWS_REGION."]},
    "hosts": {"type": "str", "description": [HOSTS]},
    "hibernate": {"type": "bool", "description": ["Hibernate instances instead of a plain stop."]},
    "target": {"type": "str", "required": True, "choices": ["kubernetes", "autoscaling_group"], "description": ["What is scaled."]},
    "max_targets": {"type": "int", "description": ["The most targets that may be changed. When there are more, nothing is done."]},
    "names": {"type": "list", "description": [f"Names of workloads (NAME or NAMESPACE/NAME) or of Auto Scaling groups, {SPLIT}."]},
    "namespaces": {"type": "list", "description": [f"Namespaces to look for workloads in, {SPLIT}. Without it, that of the context."]},
    "label_selectors": {"type": "list", "description": ["Label selectors that workloads must match, all of them, one a line."]},
    "tags": {"type": "dict", "description": ["Only those with all of these tags, a line key=value for each."]},
    "filters": {"type": "dict", "description": ["Only those that match these filters of the API, as YAML text."]},
    "instance_ids": {"type": "list", "description": [f"Only these instances, {SPLIT}."]},
    "regions": {"type": "list", "description": [f"Regions to look in, {SPLIT}. Without it, the region of the connection."]},
}
LINES = ("list", "dict")
_MARKUP = re.compile(r"\b[VOCEMPURVI]+\(([^()]*)\)")


def roles() -> dict[str, dict[str, Any]]:
    """The options of each role, by its name."""
    found = {}
    for path in sorted(CHECKOUT.glob("roles/*/meta/argument_specs.yml")):
        found[path.parts[-3]] = yaml.safe_load(path.read_text("utf-8"))["argument_specs"]["main"]["options"]
    return found


def module_options(name: str) -> dict[str, Any]:
    """The options that a module documents."""
    tree = ast.parse((CHECKOUT / "plugins" / "modules" / f"{name}.py").read_text("utf-8"))
    for node in tree.body:
        if isinstance(node, ast.Assign) and isinstance(node.value, ast.Constant) and ast.unparse(node.targets[0]) == "DOCUMENTATION":
            options: dict[str, Any] = yaml.safe_load(str(node.value.value))["options"]
            return options
    raise LookupError(f"{name} has no DOCUMENTATION")


def variables_of(playbook: str) -> dict[str, dict[str, Any]]:
    """What each variable of a playbook means, by its full name, in the form of an argument specification."""
    own = {f"{playbook}_{name}": option for name, option in OWN.items()}
    if playbook not in MODULES:
        return {**own, **roles()[playbook]}
    found = {}
    for module in MODULES[playbook]:
        for name, option in module_options(module).items():
            # An empty text means that the variable isn't given, whatever its type.
            found[f"{playbook}_{name}"] = {**option, "default": "", "required": False, "by_module": True}
    return {**found, **own}


def plain(text: str) -> str:
    """Documentation without its markup."""
    before = ""
    while before != text:
        before, text = text, _MARKUP.sub(lambda match: match.group(1).partition("#")[0] or match.group(1), text)
    return " ".join(text.split())


def default_text(value: Any) -> Any:
    """A default as AWX keeps it: numbers stay, all else is text."""
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, list):
        return "\n".join(str(item) for item in value)
    if value is None or isinstance(value, Mapping):
        return ""
    return value


def question(variable: str, name: str, option: Mapping[str, Any]) -> dict[str, Any]:
    """The question for a variable."""
    kind = option.get("type", "str")
    description = option["description"]
    words = plain(" ".join([description] if isinstance(description, str) else description))
    choices = ["true", "false"] if kind == "bool" else [choice for choice in option.get("choices", []) if choice != ""]
    default = default_text(option.get("default", ""))
    form = {"int": "integer", "float": "float"}.get(kind, "text") if "by_module" not in option else "text"
    many = kind in LINES or isinstance(option.get("default"), list | dict) or "YAML text" in words or " line " in words
    form = "multiplechoice" if choices else "textarea" if many else form
    # A role takes no empty text for a number, a boolean or one of its choices.
    strict = "default" in option and "by_module" not in option and (kind in ("bool", "int", "float") or bool(choices))
    required = bool(option.get("required")) or (strict and "" not in option.get("choices", []))
    asked: dict[str, Any] = {"question_name": name, "question_description": words, "variable": variable, "type": form}
    asked |= {"required": required, "default": default}
    if choices:
        asked["choices"] = choices
    if form in ("text", "textarea"):
        asked |= {"min": 0, "max": 1024 if form == "text" else 16384}
    if form in ("integer", "float"):
        asked |= {"min": 0, "max": 1000000000}
    return asked


def rewritten(path: Path) -> dict[str, Any]:
    """A survey file as it should be."""
    survey: dict[str, Any] = yaml.safe_load(path.read_text("utf-8"))
    options = variables_of(path.stem)
    spec = [question(one["variable"], one["question_name"], options[one["variable"]]) for one in survey["spec"]]
    return {**survey, "spec": spec}


class _Dumper(yaml.SafeDumper):
    """Indents lists as ansible-lint wants them."""

    def increase_indent(self, flow: bool = False, indentless: bool = False) -> None:
        super().increase_indent(flow, False)


def main() -> None:
    """Write all survey files anew."""
    for path in sorted((AWX / "surveys").glob("*.yml")):
        survey = rewritten(path)
        path.write_text("---\n" + yaml.dump(survey, Dumper=_Dumper, sort_keys=False, width=130, allow_unicode=True), "utf-8")


if __name__ == "__main__":
    main()
