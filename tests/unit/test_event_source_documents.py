# Copyright (c) 2026 cloudops.core contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What the event sources say of themselves: documentation, schema and code agree, and what they share is written once."""

from __future__ import annotations

import ast
import json
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.unit.eda_sources import EDA, NAMES, RULEBOOKS, SHARED, SOURCES, documentation, load, schema_of

FUNCTIONS = ast.FunctionDef | ast.AsyncFunctionDef
KINDS = {
    "text": "str",
    "integer": "int",
    "number": "float",
    "duration": "str",
    "boolean": "bool",
    "texts": "list",
    "lines": "list",
    "mapping": "dict",
    "mappings": "list",
    "raw": "raw",
}


def described(options: Mapping[str, Any]) -> dict[str, Any]:
    """What the documentation says of arguments, as far as code can know it."""
    return {
        name: {
            "type": option["type"],
            "required": option.get("required", False),
            "choices": sorted(option.get("choices", ())),
            "aliases": sorted(option.get("aliases", ())),
            "fields": described(option.get("suboptions", {})),
        }
        for name, option in options.items()
    }


def coded(table: Mapping[str, Any]) -> dict[str, Any]:
    """What the code says."""
    return {
        name: {
            "type": KINDS[argument.kind],
            "required": argument.required,
            "choices": sorted(argument.choices),
            "aliases": sorted(argument.aliases),
            "fields": coded(argument.fields),
        }
        for name, argument in table.items()
    }


def test_there_are_sources() -> None:
    assert NAMES == ["alertmanager_webhook", "cloudwatch_metric", "k8s_workload", "prometheus_query", "sqs_depth"]


@pytest.mark.parametrize("name", NAMES)
def test_documentation_and_code_agree(name: str) -> None:
    assert described(documentation(name)["options"]) == coded(load(name).ARGUMENTS)


@pytest.mark.parametrize("name", NAMES)
def test_documented_defaults_are_the_real_ones(name: str) -> None:
    source = load(name)
    documented = {key: one["default"] for key, one in documentation(name)["options"].items() if "default" in one}
    read = {
        key: source.READERS[source.ARGUMENTS[key].kind](value, key, source.ARGUMENTS[key])
        for key, value in documented.items()
    }
    assert read == {key: argument.default for key, argument in source.ARGUMENTS.items() if argument.default is not None}


@pytest.mark.parametrize("name", NAMES)
def test_schema_is_what_the_documentation_comes_to(name: str) -> None:
    written = json.loads((SOURCES / "schemas" / f"{name}.json").read_text("utf-8"))
    assert written == schema_of(name), "run: python -m tests.unit.eda_sources"


def test_no_schema_without_a_source() -> None:
    assert sorted(path.stem for path in (SOURCES / "schemas").iterdir()) == NAMES


@pytest.mark.parametrize("name", NAMES)
def test_examples_are_sources(name: str) -> None:
    examples = yaml.safe_load(load(name).EXAMPLES)
    assert examples
    for example in examples:
        check_source(example, name)


def check_source(entry: Mapping[str, Any], only: str = "") -> None:
    """See that an entry of a rulebook's sources gives arguments that the schema knows."""
    (name,) = (key.removeprefix("cloudops.core.") for key in entry if key not in ("name", "filters"))
    assert name in ([only] if only else NAMES)
    check(entry[f"cloudops.core.{name}"], schema_of(name), name)


def check(value: Any, schema: Mapping[str, Any], where: str) -> None:
    """As much of JSON Schema as these schemas use; a template stands for any value."""
    if isinstance(value, str) and "{{" in value:
        return
    kinds = {"string": str, "integer": int, "number": int | float, "boolean": bool, "object": dict, "array": list}
    wanted = schema.get("type", "string")
    allowed = [kinds[kind] for kind in ([wanted] if isinstance(wanted, str) else wanted)]
    assert any(isinstance(value, kind) for kind in allowed), f"{where} is {value!r}, not {wanted}"
    assert value in schema.get("enum", [value]), f"{where} is {value!r}"
    if isinstance(value, list):
        for place, item in enumerate(value):
            check(item, schema["items"], f"{where}[{place}]")
    if isinstance(value, dict) and "properties" in schema:
        assert set(schema.get("required", ())) <= set(value), f"{where} lacks a required key"
        for key, item in value.items():
            assert key in schema["properties"], f"{where}.{key} is unknown"
            check(item, schema["properties"][key], f"{where}.{key}")


def test_the_check_refuses() -> None:
    with pytest.raises(AssertionError, match="unknown"):
        check_source({"cloudops.core.sqs_depth": {"queus": ["a"]}})
    with pytest.raises(AssertionError, match="required"):
        check_source({"cloudops.core.sqs_depth": {"threshold": {"operator": ">"}}})


def defined(path: Path) -> set[str]:
    """What a file defines at its top."""
    return {node.name for node in ast.parse(path.read_text("utf-8")).body if isinstance(node, ast.ClassDef | FUNCTIONS)}


@pytest.mark.parametrize("name", NAMES)
def test_what_the_sources_share_is_written_once(name: str) -> None:
    shared = set().union(*(defined(path) for path in SHARED.glob("*.py")))
    assert {"read_arguments", "make_event", "Health", "poll", "aws_errors"} <= shared
    assert defined(SOURCES / f"{name}.py") & shared == set()


def test_there_are_rulebooks() -> None:
    assert [path.stem for path in RULEBOOKS] == [
        "alertmanager",
        "restart_unhealthy",
        "scale_on_metric",
        "stop_idle_instances",
    ]


@pytest.mark.parametrize("path", RULEBOOKS, ids=lambda path: path.stem)
def test_rulebooks_name_sources_and_playbooks_that_there_are(path: Any) -> None:
    rulesets = yaml.safe_load(path.read_text("utf-8"))
    for ruleset in rulesets:
        for source in ruleset["sources"]:
            check_source(source)
    playbooks = re.findall(r"^ +name: cloudops\.core\.(\w+)$", path.read_text("utf-8"), re.MULTILINE)
    assert playbooks
    assert [name for name in playbooks if not (EDA.parents[1] / "playbooks" / f"{name}.yml").is_file()] == []
    assert re.search(r"^ *# +run_job_template:", path.read_text("utf-8"), re.MULTILINE)
