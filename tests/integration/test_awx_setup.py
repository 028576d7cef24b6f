# Copyright (c) 2026 cloudops.core contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The playbook awx_setup: what it tells AWX's modules to make, and what it says when they aren't there."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.integration.awx import ARGUMENTS, make_stand_in, node_options, noted, real_arguments, real_modules
from tests.integration.harness import ROOT, Play

DATA = ROOT / "extensions" / "awx"
Calls = Callable[..., list[tuple[str, dict[str, Any]]]]


def data(name: str) -> Any:
    """A file of the data."""
    return yaml.safe_load((DATA / f"{name}.yml").read_text("utf-8"))


@pytest.fixture
def set_up(play: Play, collections: Path, tmp_path: Path) -> Calls:
    """Run the playbook with the stand-in for awx.awx; what its modules were called with."""

    def run(**variables: str) -> list[tuple[str, dict[str, Any]]]:
        note, path = tmp_path / "notes.jsonl", f"{collections}:{make_stand_in(tmp_path)}"
        env = {"ANSIBLE_COLLECTIONS_PATH": path, "CLOUDOPS_TEST_AWX": str(note)}
        play.playbook("cloudops.core.awx_setup", extra_vars=variables, env=env)
        return noted(note)

    return run


@pytest.fixture(scope="module")
def modules() -> Path:
    """Where the real modules are."""
    found = real_modules()
    if found is None:
        pytest.skip("awx.awx is not here; CLOUDOPS_TEST_AWX_AWX may lead to it")
    return found


def test_the_stand_in_takes_what_the_real_modules_take(modules: Path) -> None:
    noted_down = json.loads(ARGUMENTS.read_text("utf-8"))
    assert noted_down == {name: real_arguments(modules / f"{name}.py") for name in noted_down}


def test_the_real_module_knows_what_the_nodes_have(modules: Path) -> None:
    def unknown(value: Any, options: dict[str, Any], path: str = "") -> list[str]:
        """The keys that aren't documented, at any depth."""
        if isinstance(value, list):
            return [one for item in value for one in unknown(item, options, path)]
        known = [
            one
            for key in value
            if key in options and "suboptions" in options[key]
            for one in unknown(value[key], options[key]["suboptions"], f"{path}{key}.")
        ]
        return [f"{path}{key}" for key in value if key not in options] + known

    for workflow in data("workflows"):
        assert unknown(workflow["nodes"], node_options(modules / "workflow_job_template.py")) == []
    assert unknown([{"identifer": "x"}], node_options(modules / "workflow_job_template.py")) == ["identifer"]


def test_without_the_collection_it_says_what_to_install(play: Play) -> None:
    done = play.playbook("cloudops.core.awx_setup", fails=True)
    assert done.tasks[-1].name == "See that one of them has the modules"
    assert "ansible-galaxy collection install awx.awx" in done.tasks[-1]["msg"]


def test_makes_what_the_data_describes(set_up: Calls) -> None:
    calls = set_up(
        awx_setup_project_url="https://git.example.com/ops.git",
        awx_setup_image="registry.example.com/cloudops:1",
        awx_setup_aws_credentials="production, eu",
        awx_setup_timezone="Europe/Berlin",
        awx_setup_schedules_enabled="true",
    )
    made: dict[str, list[dict[str, Any]]] = {}
    for name, arguments in calls:
        made.setdefault(name, []).append(arguments)
    assert list(made) == [
        "credential_type",
        "execution_environment",
        "project",
        "inventory",
        "job_template",
        "workflow_job_template",
        "schedule",
    ]
    wanted = ("name", "description", "kind", "inputs", "injectors")
    assert [{key: one[key] for key in wanted} for one in made["credential_type"]] == data("credential_types")

    templates = {one["name"]: one for one in made["job_template"]}
    for described in data("job_templates"):
        one = templates.pop(described["name"])
        assert one["playbook"] == f"playbooks/{described['playbook']}"
        assert one["credentials"] == (["production", "eu"] if "aws" in described.get("credentials", []) else [])
        assert one["execution_environment"] == "cloudops.core"
        # What is meant for AWX's own templates arrives as it is.
        assert one["extra_vars"] == described.get("extra_vars", {})
        assert one["survey_enabled"] is ("survey" in described)
        if "survey" in described:
            survey = data(f"surveys/{described['survey']}")
            survey.pop("not_asked", None)
            assert one["survey_spec"] == survey
    assert templates == {}

    (workflow,) = made["workflow_job_template"]
    (described,) = data("workflows")
    assert workflow["workflow_nodes"] == described["nodes"]
    assert [one["variable"] for one in workflow["survey_spec"]["spec"]] == described["ask"]
    first = made["schedule"][0]
    assert first["rrule"] == "DTSTART;TZID=Europe/Berlin:20260105T000000 RRULE:FREQ=MINUTELY;INTERVAL=10"
    assert first["enabled"] is True
    assert made["schedule"][1]["extra_data"]["idle_instances_steps"] == "report"


def test_makes_only_what_it_is_told_of(set_up: Calls) -> None:
    calls = set_up(awx_setup_project="ops", awx_setup_playbook_directory="", awx_setup_kubernetes_credentials="cluster")
    names = [name for name, _arguments in calls]
    assert not {"project", "execution_environment"} & set(names)
    templates = {one["name"]: one for name, one in calls if name == "job_template"}
    scale = templates["cloudops scale"]
    assert (scale["project"], scale["playbook"], scale["credentials"]) == ("ops", "scale.yml", ["cluster"])
    assert "execution_environment" not in scale
    assert not any(one["enabled"] for name, one in calls if name == "schedule")
