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
from functools import cache
from pathlib import Path
from typing import Any

import yaml

CHECKOUT = Path(__file__).resolve().parents[2]
AWX = CHECKOUT / "extensions" / "awx"
# Playbooks without a role, and the modules whose options their variables stand for.
MODULES = {
    "start_instances": ("ec2_instance_power",),
    "stop_instances": ("ec2_instance_power",),
    "restart_instances": ("ec2_instance_power",),
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
    "storage_account_name": {"type": "str", "description": ["Storage account, with azure."]},
    "project": {
        "type": "str",
        "description": ["Project of the bucket, with gcp. Without it, that of the credentials."],
    },
    "hosts": {"type": "str", "description": [HOSTS]},
    "hibernate": {"type": "bool", "default": False, "description": ["Hibernate instances instead of a plain stop."]},
    "target": {
        "type": "str",
        "required": True,
        "choices": ["kubernetes", "autoscaling_group"],
        "description": ["What is scaled."],
    },
    "max_targets": {
        "type": "int",
        "description": ["The most targets that may be changed. When there are more, nothing is done."],
    },
    "names": {
        "type": "list",
        "description": [f"Names of workloads (NAME or NAMESPACE/NAME) or of Auto Scaling groups, {SPLIT}."],
    },
    "namespaces": {
        "type": "list",
        "description": [f"Namespaces to look for workloads in, {SPLIT}. Without it, that of the context."],
    },
    "label_selectors": {
        "type": "list",
        "description": ["Label selectors that workloads must match, all of them, one a line."],
    },
    "tags": {"type": "dict", "description": ["Only those with all of these tags, a line key=value for each."]},
    "filters": {"type": "dict", "description": ["Only those that match these filters of the API, as YAML text."]},
    "instance_ids": {"type": "list", "description": [f"Only these instances, {SPLIT}."]},
    "regions": {
        "type": "list",
        "description": [f"Regions to look in, {SPLIT}. Without it, the region of the connection."],
    },
}
LINES = ("list", "dict")
# What a question of each type takes.
LONGEST_TEXT = {"text": 1024, "textarea": 16384}
LARGEST_NUMBER = {"integer": 1000000000, "float": 1000000000}
_MARKUP = re.compile(r"\b[VOCEMPURVI]+\(([^()]*)\)")


def load(text: str) -> Any:
    """Read YAML, with the fast reader where it is."""
    return yaml.load(text, getattr(yaml, "CSafeLoader", yaml.SafeLoader))


@cache
def roles() -> dict[str, dict[str, Any]]:
    """The options of each role, by its name."""
    found = {}
    for path in sorted(CHECKOUT.glob("roles/*/meta/argument_specs.yml")):
        found[path.parts[-3]] = load(path.read_text("utf-8"))["argument_specs"]["main"]["options"]
    return found


@cache
def documentation(path: Path) -> dict[str, Any]:
    """What the constant DOCUMENTATION of a plugin says."""
    for node in ast.walk(ast.parse(path.read_text("utf-8"))):
        if (
            isinstance(node, ast.Assign)
            and isinstance(node.value, ast.Constant)
            and ast.unparse(node.targets[0]) == "DOCUMENTATION"
        ):
            found: dict[str, Any] = load(str(node.value.value))
            return found
    raise LookupError(f"{path} has no DOCUMENTATION")


def module_options(name: str) -> dict[str, Any]:
    """The options that a module documents."""
    options: dict[str, Any] = documentation(CHECKOUT / "plugins" / "modules" / f"{name}.py")["options"]
    return options


def variables_of(playbook: str) -> dict[str, dict[str, Any]]:
    """What each variable of a playbook means, by its full name, in the form of an argument specification."""
    own = {f"{playbook}_{name}": option for name, option in OWN.items()}
    if playbook not in MODULES:
        # What the role says of hosts is for those who write playbooks.
        return {**own, **roles()[playbook], f"{playbook}_hosts": own[f"{playbook}_hosts"]}
    merged: dict[str, dict[str, Any]] = {}
    for module in MODULES[playbook]:
        for name, option in module_options(module).items():
            merged[name] = both(merged[name], option) if name in merged else option
    return {**{f"{playbook}_{name}": option for name, option in merged.items()}, **own}


def both(one: Mapping[str, Any], other: Mapping[str, Any]) -> dict[str, Any]:
    """An option that two modules have: the choices of both, and a default only if it is the same."""
    found = {**one}
    if "choices" in one:
        found["choices"] = list(dict.fromkeys([*one["choices"], *other.get("choices", [])]))
    if one.get("default") != other.get("default"):
        found.pop("default", None)
    return found


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


def form_of(option: Mapping[str, Any], words: str, choices: bool) -> str:
    """The type of the question for an option.

    AWX takes neither an empty number nor an empty choice, and some of its releases choose the first when there is no default. So
    what may be left out is asked for as text.
    """
    kind = option.get("type", "str")
    given = option.get("default", "") not in ("", None)
    if choices and (given or option.get("required")):
        return "multiplechoice"
    if kind in LINES or isinstance(option.get("default"), list | dict) or "YAML text" in words or " line " in words:
        return "textarea"
    return {"int": "integer", "float": "float"}.get(kind, "text") if given else "text"


def question(variable: str, name: str, option: Mapping[str, Any]) -> dict[str, Any]:
    """The question for a variable.

    AWX refuses a launch that doesn't answer a required question, even if that has a default; so only what has none is required.
    """
    described = option["description"]
    words = plain(" ".join([described] if isinstance(described, str) else described))
    choices = (
        ["true", "false"] if option.get("type") == "bool" else [one for one in option.get("choices", []) if one != ""]
    )
    form = form_of(option, words, bool(choices))
    default = default_text(option.get("default", ""))
    if choices and form == "text":
        words += f" One of {', '.join(choices)}."
    asked: dict[str, Any] = {"question_name": name, "question_description": words, "variable": variable, "type": form}
    asked |= {"required": bool(option.get("required")), "default": default if form in LARGEST_NUMBER else str(default)}
    if form == "multiplechoice":
        asked["choices"] = choices
    if form in LONGEST_TEXT:
        asked |= {"min": 0, "max": LONGEST_TEXT[form]}
    if form in LARGEST_NUMBER:
        asked |= {"min": 0, "max": LARGEST_NUMBER[form]}
    return asked


def rewritten(path: Path) -> dict[str, Any]:
    """A survey file as it should be."""
    survey: dict[str, Any] = load(path.read_text("utf-8"))
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
        path.write_text(
            "---\n" + yaml.dump(survey, Dumper=_Dumper, sort_keys=False, width=110, allow_unicode=True), "utf-8"
        )


if __name__ == "__main__":
    main()
