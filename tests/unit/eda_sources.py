# Copyright (c) 2026 cloudops.core contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Event sources as the rulebook engine loads them, and the JSON schemas that their documentation comes to.

``python -m tests.unit.eda_sources`` writes the schemas anew after a change of the documentation.
"""

from __future__ import annotations

import importlib
import json
import re
import runpy
from collections.abc import Mapping
from functools import cache
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import yaml

ROOT = Path(__file__).resolve().parents[2]
EDA = ROOT / "extensions" / "eda"
SOURCES = EDA / "plugins" / "event_source"
SHARED = EDA / "plugins" / "module_utils" / "cloudops_sources"
NAMES = sorted(path.stem for path in SOURCES.glob("*.py"))
RULEBOOKS = sorted((EDA / "rulebooks").glob("*.yml"))
TYPES = {"str": "string", "int": "integer", "float": "number", "bool": "boolean", "dict": "object", "list": "array"}
SECRETS = ("access_key", "secret_key", "session_token", "password", "bearer_token", "token", "api_key", "external_id")


@cache
def load(name: str) -> SimpleNamespace:
    """A source's names, after running it by its path, and those of what the sources share."""
    own = runpy.run_path(str(SOURCES / f"{name}.py"))
    shared: dict[str, Any] = {}
    for path in sorted(SHARED.glob("[a-z]*.py")):
        shared |= vars(importlib.import_module(f"{SHARED.name}.{path.stem}"))
    return SimpleNamespace(**{**shared, **own})


@cache
def documentation(name: str) -> dict[str, Any]:
    """Its DOCUMENTATION."""
    found: dict[str, Any] = yaml.safe_load(load(name).DOCUMENTATION)
    return found


def words(text: Any) -> str:
    """A description without markup."""
    joined = " ".join(text) if isinstance(text, list) else str(text)
    return re.sub(r"\b[A-Z]\(([^()]*)\)", r"\1", joined)


def property_of(name: str, option: Mapping[str, Any]) -> dict[str, Any]:
    """The schema of one option."""
    made: dict[str, Any] = {"title": name.replace("_", " ").capitalize(), "description": words(option["description"])}
    if option["type"] == "raw":
        made["type"] = ["string", "object"]
    else:
        made["type"] = TYPES[option["type"]]
    inner = {"enum": option["choices"]} if "choices" in option else {}
    if option["type"] == "list":
        made["items"] = {"type": TYPES[option["elements"]], **inner}
        if "suboptions" in option:
            made["items"] = object_of(option["suboptions"])
    else:
        made.update(inner)
    if "suboptions" in option and option["type"] == "dict":
        made.update(object_of(option["suboptions"]))
    if "default" in option:
        made["default"] = option["default"]
    if name in SECRETS:
        made["format"] = "password"
    return made


def object_of(options: Mapping[str, Mapping[str, Any]]) -> dict[str, Any]:
    """The schema of a mapping of options; aliases are accepted, but not offered."""
    required = [name for name, option in options.items() if option.get("required") and not option.get("aliases")]
    made: dict[str, Any] = {"type": "object", "properties": {}, "additionalProperties": False}
    for name, option in options.items():
        made["properties"][name] = property_of(name, option)
    for option in options.values():
        for alias in option.get("aliases", ()):
            made["properties"][alias] = {"deprecated": True}
    return {**made, "required": required} if required else made


def schema_of(name: str) -> dict[str, Any]:
    """The schema of a source's arguments."""
    told = documentation(name)
    head = {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "$id": f"https://example.com/cloudops/core/event_source/{name}.json",
        "title": f"cloudops.core.{name}",
        "description": told["short_description"],
    }
    return {**head, **object_of(told["options"])}


if __name__ == "__main__":
    for source in NAMES:
        target = SOURCES / "schemas" / f"{source}.json"
        target.write_text(json.dumps(schema_of(source), indent=2, ensure_ascii=False) + "\n", encoding="utf-8")
