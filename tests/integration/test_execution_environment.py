# Copyright (c) 2026 cloudops.core contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The definition of an execution environment for AWX, and what the collection says that it needs, as ansible-builder reads them."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.integration.harness import ROOT, scrubbed_environment

pytest.importorskip("ansible_builder")

BIN = Path(sys.executable).parent
DEFINITION = ROOT / "extensions" / "awx" / "execution-environment.yml"


def builder(home: Path, *arguments: str) -> str:
    """Run ansible-builder, and return what it prints."""
    env = scrubbed_environment(home, {"PATH": f"{BIN}{os.pathsep}{os.environ['PATH']}"})
    command = [str(BIN / "ansible-builder"), *arguments]
    done = subprocess.run(command, env=env, cwd=home, capture_output=True, text=True, timeout=120, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def test_the_definition_makes_a_build_context(tmp_path: Path) -> None:
    name = ("--output-filename", "Containerfile")
    builder(tmp_path, "create", "--file", str(DEFINITION), "--context", str(tmp_path / "context"), *name)
    collections = yaml.safe_load((tmp_path / "context" / "_build" / "requirements.yml").read_text("utf-8"))[
        "collections"
    ]
    assert [one["name"] for one in collections] == ["cloudops.core", "awx.awx"]
    recipe = (tmp_path / "context" / "Containerfile").read_text("utf-8")
    described: dict[str, Any] = yaml.safe_load(DEFINITION.read_text("utf-8"))
    assert described["images"]["base_image"]["name"] in recipe
    assert "ansible-galaxy collection install" in recipe
    # What the collections need is found when the image is built.
    assert "introspect" in recipe


def test_the_collection_tells_what_it_needs(collections: Path, tmp_path: Path) -> None:
    found = yaml.safe_load(builder(tmp_path, "introspect", str(collections)))
    wanted = [line for line in (ROOT / "requirements.txt").read_text("utf-8").splitlines() if not line.startswith("#")]
    assert [line.partition("#")[0].strip() for line in found["python"]] == wanted
    assert found["system"] == []


def test_the_version_asked_for_is_one_that_there_is() -> None:
    described = yaml.safe_load(DEFINITION.read_text("utf-8"))
    (asked,) = [
        one["version"] for one in described["dependencies"]["galaxy"]["collections"] if one["name"] == "cloudops.core"
    ]
    own = yaml.safe_load((ROOT / "galaxy.yml").read_text("utf-8"))["version"]
    numbers = [[int(part) for part in text.removeprefix(">=").split(".")] for text in (asked, own)]
    assert numbers[0] <= numbers[1]
