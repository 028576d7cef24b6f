# Copyright (c) 2026 cloudops.core contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""requirements.txt names every package that the plugins import, from a version on that the tests know, and none besides."""

from __future__ import annotations

import ast
import re
import sys
from pathlib import Path

import pytest

CHECKOUT = Path(__file__).resolve().parents[2]
SOURCES = sorted(path for room in ("plugins", "extensions") for path in (CHECKOUT / room).rglob("*.py"))
# What the event sources share; no package of anybody else.
OWN = {"cloudops_sources"}
# ansible-core is there wherever a collection is, and brings these.
WITH_ANSIBLE = {"ansible", "ansible_collections", "jinja2", "yaml", "packaging"}
# Packages that an SDK brings, whose errors and adapters are its interface: requests comes with google-cloud-storage.
WITH_SDKS = {"requests"}
# Packages whose distribution goes by another name; those of a namespace are told apart by their second name, too.
DISTRIBUTIONS = {
    "azure.core": "azure-storage-blob",
    "azure.identity": "azure-identity",
    "azure.storage": "azure-storage-blob",
    "google.api_core": "google-cloud-storage",
    "google.auth": "google-cloud-storage",
    "google.cloud": "google-cloud-storage",
    "google.oauth2": "google-cloud-storage",
}
NAMESPACES = ("azure", "google")
LINE = re.compile(r"([a-z0-9-]+)>=(\d+(?:\.\d+)*)")


def package(module: str) -> str:
    """The package of a module: its first name, or its first two in a namespace that several distributions share."""
    names = module.split(".")
    return ".".join(names[: 2 if names[0] in NAMESPACES else 1])


def imported(source: str) -> set[str]:
    """The packages that a source imports, anywhere in it, besides the standard library and its own neighbours."""
    found = set()
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Import):
            found |= {package(alias.name) for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and not node.level:
            found |= {package(f"{node.module}.{alias.name}") for alias in node.names}
        elif isinstance(node, ast.Call) and ast.unparse(node.func) in (
            "importlib.import_module",
            "import_module",
            "__import__",
        ):
            assert isinstance(node.args[0], ast.Constant), f"nobody can tell what {ast.unparse(node)} imports"
            found.add(package(str(node.args[0].value)))
    return found - set(sys.stdlib_module_names)


def requirements() -> dict[str, str]:
    """The lowest version of each package."""
    lines = (CHECKOUT / "requirements.txt").read_text("utf-8").splitlines()
    found = {}
    for line in lines:
        if line and not line.startswith("#"):
            match = LINE.fullmatch(line)
            assert match, f"{line} isn't NAME>=VERSION"
            found[match[1]] = match[2]
    return found


@pytest.mark.parametrize(
    ("source", "expected"),
    [
        pytest.param("import os, boto3.session", {"boto3"}, id="import"),
        pytest.param("def f():\n    from urllib3.util import Retry", {"urllib3"}, id="inside"),
        pytest.param("from . import x", set(), id="relative"),
        pytest.param("from google import auth", {"google.auth"}, id="namespace"),
        pytest.param("import azure.storage.blob", {"azure.storage"}, id="inside a namespace"),
        pytest.param("import importlib\nimportlib.import_module('kubernetes.client')", {"kubernetes"}, id="by name"),
    ],
)
def test_imported(source: str, expected: set[str]) -> None:
    assert imported(source) == expected


def test_every_import_is_required_and_every_requirement_imported() -> None:
    found: dict[str, str] = {}
    for path in SOURCES:
        for name in imported(path.read_text("utf-8")) - OWN - WITH_ANSIBLE - WITH_SDKS:
            found.setdefault(DISTRIBUTIONS.get(name, name), str(path.relative_to(CHECKOUT)))
    assert {"boto3", "kubernetes"} <= set(found)
    assert set(found) == set(requirements()), found


def test_the_lowest_versions_are_those_that_the_tests_with_the_oldest_take() -> None:
    text = (CHECKOUT / "tests" / "requirements" / "oldest.in").read_text("utf-8")
    pinned = dict(re.findall(r"^([a-z0-9-]+)==([0-9.]+)$", text, re.MULTILINE))
    tested = {name: version for name, version in requirements().items() if name in pinned}
    assert {"boto3", "botocore"} <= set(tested)
    assert tested == {name: pinned[name] for name in tested}


def test_the_execution_environment_takes_this_file() -> None:
    text = (CHECKOUT / "meta" / "execution-environment.yml").read_text("utf-8")
    assert "python: requirements.txt" in text
    assert "build_ignore" in (galaxy := (CHECKOUT / "galaxy.yml").read_text("utf-8"))
    assert "requirements.txt" not in galaxy  # it is in the artifact
