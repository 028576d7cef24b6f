# Copyright (c) 2026 cloudops.core contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Every example of the guides is run, or read by what would read it: plays, variables, commands, policies, schedules, results.

A block that is none of what tests/integration/guides.py knows fails, so that no example goes untested. Rulebooks, their variables
and events are the matter of tests/unit/test_rulebooks.py, inventories of docs/inventories.md that of the tests of the plugins.
"""

from __future__ import annotations

import importlib
import json
import re
import runpy
import shutil
import subprocess
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

import botocore.session
import pytest
import yaml
from ansible_collections.cloudops.core.plugins.filter.scaling_decision import scaling_decision
from ansible_collections.cloudops.core.plugins.filter.schedule import schedule_parse
from ansible_collections.cloudops.core.plugins.module_utils._domain.scaling_policy import read_policy

from tests.integration.guide_runs import (
    Run,
    Runs,
    adhoc_options,
    extra_vars,
    file_of,
    inventory_options,
    playbook_options,
    wrong_variables,
)
from tests.integration.guide_world import World, world
from tests.integration.guides import PLAYBOOKS, Block, Command, blocks, commands, tasks_of
from tests.integration.harness import ROOT, ModuleRunner, Play
from tests.integration.inventories import PLUGINS, Inventories

BLOCKS = blocks()
NOWHERE = World(Path(), {}, {}, {})
RUNS = Runs(NOWHERE, Play(Path(), Path()), BLOCKS).all
COMMANDS = [command for block in BLOCKS if block.kind == "commands" for command in commands(block)]
OWN_TESTS = "docs/inventories.md"


def of(*kinds: str) -> Any:
    """One test for each block of these kinds."""
    chosen = [block for block in BLOCKS if block.kind in kinds]
    return pytest.mark.parametrize("block", chosen, ids=[block.where for block in chosen])


@pytest.mark.parametrize("block", BLOCKS, ids=[block.where for block in BLOCKS])
def test_somebody_knows_what_it_is(block: Block) -> None:
    assert block.kind, f"{block.where}: no test knows this block ({block.language or 'no language'}):\n{block.text}"


# What is run


@pytest.fixture(scope="module")
def runs(collections: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Runs]:
    """All that there is to run, in a world of its own."""
    directory = tmp_path_factory.mktemp("guides")
    with world(directory) as made:
        yield Runs(made, Play(directory, collections), BLOCKS)


@pytest.mark.parametrize("run", RUNS, ids=[run.where for run in RUNS])
def test_it_runs(run: Run, runs: Runs) -> None:
    results = runs.results(run)
    failed = [
        f"{task.name}: {task.data.get('msg')}" for task in results if task.status == "failed" and not task.ignored
    ]
    assert failed == [], f"{run.where}: {failed}"
    assert results, f"{run.where}: nothing of it ran; see what failed before it, or this:\n{runs.output[-3000:]}"


def test_nothing_is_warned_of(runs: Runs) -> None:
    runs.results(RUNS[0])
    said = re.findall(r"\[(?:WARNING|DEPRECATION WARNING)\].*|Traceback.*", runs.output)
    assert said == []


def test_the_first_bucket_is_made_once(runs: Runs) -> None:
    mine = [run for run in RUNS if run.where.startswith("docs/first_run.md") and " first.yml" in run.where]
    made = [next(task for task in runs.results(run) if task.name == "Create it") for run in mine]
    assert [(run.check, task.status) for run, task in zip(mine, made, strict=True)] == [
        (True, "changed"),
        (False, "changed"),
        (False, "ok"),
    ]
    assert made[0]["actions"] == made[1]["actions"] == ["create bucket", "put versioning", "put tags"]


def test_the_dry_run_says_what_would_stop(runs: Runs) -> None:
    (run,) = (run for run in RUNS if "stop_idle.yml" in run.where)
    stopping = next(task for task in runs.results(run) if task.name == "Stop it, but never more than ten")
    assert [action.partition(" ")[0] for action in stopping["actions"]] == ["stop", "stop"]


# What is read


@of("play")
def test_imported_playbooks_are_there(block: Block) -> None:
    for play in block.data:
        assert play.get("import_playbook", "cloudops.core.scale").removeprefix("cloudops.core.") in PLAYBOOKS, (
            block.where
        )


@of("variables")
def test_variables_are_what_the_role_takes(block: Block) -> None:
    assert wrong_variables(block.owner, block.data) == [], block.where
    assert read(block.owner, block.data), block.where


@of("play")
def test_variables_of_roles_are_what_they_take(block: Block) -> None:
    for role in (role for play in block.data for role in play.get("roles", [])):
        name = role["role"].removeprefix("cloudops.core.")
        given = {key: value for key, value in role.items() if key != "role"}
        assert wrong_variables(name, given) == [], block.where
        assert read(name, given), block.where


def read(name: str, variables: Mapping[str, Any]) -> bool:
    """Have what is a language of its own among the variables read by the engine."""
    own = {key.removeprefix(f"{name}_"): value for key, value in variables.items()}
    bounds = {"min": int(own.get("min", 1)), "max": int(own.get("max", 99))}
    periods = own.get("periods")
    for schedule in [*own.get("schedules", {}).values(), *([own["when"]] if "when" in own else [])]:
        schedule_parse(schedule, periods=periods)
    for key in ("exceptions", "holidays"):
        schedule_parse({"periods": [{"begintime": "08:00", "endtime": "18:00"}], key: own.get(key, [])})
    if "windows" in own:
        read_policy({**bounds, "schedule": {"windows": own["windows"]}})
    if "policy" in own:
        read_policy({**own["policy"], **bounds})
    return bool(own)


LOOKS = {"aws": "s3_bucket_info", "k8s": "k8s_workload_info"}
"""By group: a module that changes nothing."""


@of("defaults")
def test_defaults_of_modules(block: Block, runs: Runs, run_module: ModuleRunner) -> None:
    for group, options in block.data["module_defaults"].items():
        name = group.rpartition(".")[2]
        if name not in LOOKS:  # Azure and Google have no server here: their own tests connect
            fragment = runpy.run_path(str(ROOT / f"plugins/doc_fragments/{name}.py"))["ModuleDocFragment"]
            assert set(options) <= set(yaml.safe_load(fragment.DOCUMENTATION)["options"])
            continue
        here = runs.world.here(options)
        env = {**runs.world.environment, "AWS_CONFIG_FILE": str(runs.world.directory / ".aws" / "config")}
        run_module(LOOKS[name], here, env=env)


@of("policy")
def test_policies(block: Block) -> None:
    assert read_policy(block.data["policy"]).highest is not None


@of("behavior")
def test_behavior_of_policies(block: Block) -> None:
    rule = {"metric": "cpu", "above": 70, "below": 50}
    assert read_policy({"min": 1, "max": 9, "rules": [rule], **block.data}).highest == 9


@of("schedules")
def test_schedules(block: Block) -> None:
    for schedule in block.data.values():
        assert schedule_parse(schedule)["periods"]


@of("rows of a scheduler")
def test_rows_of_a_scheduler(block: Block) -> None:
    periods = [row for row in block.data if row["type"] == "period"]
    schedules = [row for row in block.data if row["type"] == "schedule"]
    for row in schedules:
        assert schedule_parse(row, periods=periods)["periods"]


@of("decision")
def test_decisions_have_these_keys(block: Block) -> None:
    policy = {"min": 1, "max": 9, "rules": [{"metric": "backlog", "type": "average_value", "target": 30}]}
    real = scaling_decision({"current": 5}, policy, [{"name": "backlog", "value": 240}])
    assert _keys(block.data) == _keys({**real, "proposals": real["proposals"][:1]}), block.where


def _keys(value: Mapping[str, Any]) -> dict[str, Any]:
    inner = {"proposals": sorted(value["proposals"][0]), "bounds": sorted(value["bounds"])}
    return {"all": sorted(set(value)), **inner}


@of("queries")
def test_queries_have_options_of_the_module(block: Block) -> None:
    options = _documentation("modules", "prometheus_query_info")["options"]
    for query in block.data:
        assert set(query) <= set(options["queries"]["suboptions"]), block.where
        if "threshold" in query:
            assert set(query["threshold"]) <= set(options["queries"]["suboptions"]["threshold"]["suboptions"])


def _documentation(kind: str, name: str, part: str = "DOCUMENTATION") -> dict[str, Any]:
    module = importlib.import_module(f"ansible_collections.cloudops.core.plugins.{kind}.{name}")
    found: dict[str, Any] = yaml.safe_load(getattr(module, part))
    return found


@of("inventory")
def test_inventories_are_of_a_plugin_that_is_tested(block: Block) -> None:
    assert block.data["plugin"].removeprefix("cloudops.core.") in PLUGINS
    assert block.page == OWN_TESTS, f"{block.where}: the tests of the plugins run those of {OWN_TESTS} only"


@of("cache")
def test_caching_of_an_inventory(block: Block, inventories: Inventories, runs: Runs, tmp_path: Path) -> None:
    options = {**block.data, "cache_connection": str(tmp_path), "regions": [runs.world.environment["AWS_REGION"]]}
    keys = {"AWS_ACCESS_KEY_ID": "testing", "AWS_SECRET_ACCESS_KEY": "testing"}
    listed = inventories("aws_instances", options, env={**runs.world.environment, **keys})
    assert len(listed.hosts) >= 3
    assert list(tmp_path.iterdir())


@of("another's play")
def test_plays_of_others_have_options(block: Block) -> None:
    for task in tasks_of(block.data):
        (options,) = (value for key, value in task.items() if key.count(".") == 2)
        assert options, block.where


@of("policies of Cloud Custodian")
def test_policies_of_others_have_filters_and_actions(block: Block) -> None:
    for policy in block.data["policies"]:
        assert {"name", "resource", "filters", "actions"} == set(policy), block.where


@of("object")
def test_objects_are_taken_by_the_cluster(block: Block, runs: Runs) -> None:
    from tests.integration.kube import KubeClient

    config = json.loads(Path(runs.world.environment["KUBECONFIG"]).read_text(encoding="utf-8"))
    api = KubeClient(config["clusters"][0]["cluster"]["server"], "admintoken")
    kind, version = block.data["kind"], block.data["apiVersion"]
    base = "/api/v1" if version == "v1" else f"/apis/{version}"
    path = f"{base}/namespaces/{block.data['metadata']['namespace']}/{kind.lower()}s"
    name = block.data["metadata"]["name"]
    api.delete(f"{path}/{name}")
    assert api.create(path, block.data)["metadata"]["name"] == name


@of("policy of IAM")
def test_policies_of_iam_allow_what_there_is(block: Block) -> None:
    models = botocore.session.get_session()
    for statement in block.data["Statement"]:
        for service, operation in (action.split(":") for action in statement["Action"]):
            assert operation in models.get_service_model(service).operation_names, block.where


@of("condition of IAM")
def test_conditions_of_iam_are_as_in_the_policies(block: Block) -> None:
    policies = [json.loads(path.read_text("utf-8")) for path in ROOT.glob("docs/iam/*.json")]
    used = [statement.get("Condition", {}) for policy in policies for statement in policy["Statement"]]
    for operator in block.data.get("Condition", {}):
        assert any(operator in condition for condition in used), f"{block.where}: no policy has {operator}"


@of("results")
def test_results_of_roles_have_these_keys(block: Block, runs: Runs) -> None:
    ((role, shown),) = block.data.items()
    (run,) = (run for run in RUNS if run.where == block.where)
    told = runs.results(run)[-1]["ansible_stats"]["data"][role]
    assert sorted(shown) == sorted(told), block.where


@of("failure")
def test_failures_have_keys_that_a_module_returns(block: Block) -> None:
    page = (ROOT / block.page).read_text(encoding="utf-8")
    named = {
        name for name in re.findall(r"cloudops\.core\.(\w+)", page) if (ROOT / f"plugins/modules/{name}.py").exists()
    }
    always = {"failed", "msg", "changed"}
    fitting = [name for name in named if set(block.data) - always <= set(_documentation("modules", name, "RETURN"))]
    assert fitting, block.where
    told = _documentation("modules", fitting[0], "RETURN")["error"]
    assert set(block.data["error"]) >= set(told.get("sample", {}))


TOOLS = {
    "configuration of Alertmanager": ("amtool", "check-config"),
    "rules of Prometheus": ("promtool", "check", "rules"),
}


@of(*TOOLS)
def test_configurations_of_others(block: Block, tmp_path: Path) -> None:
    if shutil.which(TOOLS[block.kind][0]) is None:
        pytest.skip(f"{TOOLS[block.kind][0]} is not installed")
    path = tmp_path / "file.yml"
    text = block.text.replace("/etc/alertmanager/", f"{tmp_path}/")
    path.write_text(text, encoding="utf-8")
    for name in re.findall(rf"{tmp_path}/([\w.-]+)", text):
        (tmp_path / name).touch()
    done = subprocess.run([*TOOLS[block.kind], str(path)], capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 0, f"{block.where}: {done.stdout}{done.stderr}"


@of("execution environment")
def test_execution_environments(block: Block) -> None:
    schema = pytest.importorskip("ansible_builder.ee_schema")
    schema.validate_schema(block.data)


# What is typed


@pytest.mark.parametrize("command", COMMANDS, ids=[command.where for command in COMMANDS])
def test_commands_can_be_typed(command: Command) -> None:
    check = CHECKS.get(command.name.rpartition("/")[2])
    assert check, f"{command.where}: nobody checks {command.name}"
    check(command)


def _playbook(command: Command) -> None:
    for name in playbook_options(command).args:
        if name.startswith("cloudops.core."):
            assert name.rpartition(".")[2] in PLAYBOOKS, command.where
            assert wrong_variables(name.rpartition(".")[2], extra_vars(command, BLOCKS)) == [], command.where
        else:
            assert file_of(name, command.block.page, BLOCKS).kind == "play", command.where


def _adhoc(command: Command) -> None:
    name = adhoc_options(command).module_name.removeprefix("cloudops.core.")
    assert (ROOT / f"plugins/modules/{name}.py").exists(), command.where


def _inventory(command: Command) -> None:
    (source,) = inventory_options(command).inventory
    assert file_of(Path(source).name, command.block.page, BLOCKS).kind == "inventory", command.where


def _doc(command: Command) -> None:
    names = [one for one in command.arguments if one.startswith("cloudops.core.")]
    assert names, command.where
    for name in names:
        assert list(ROOT.glob(f"plugins/*/{name.rpartition('.')[2]}.*")), command.where


def _galaxy(command: Command) -> None:
    galaxy = yaml.safe_load((ROOT / "galaxy.yml").read_text(encoding="utf-8"))
    archive = f"build/{galaxy['namespace']}-{galaxy['name']}-{galaxy['version']}.tar.gz"
    assert command.arguments[1:3] == ("collection", "install"), command.where
    known = {archive, "cloudops.core", "awx.awx", "ansible.controller", "ansible.eda"}
    assert {one for one in command.arguments[3:] if not one.startswith("-")} <= known, command.where


def _rulebook(command: Command) -> None:
    if "--version" in command.arguments:
        return
    options = dict(zip(command.arguments[1::2], command.arguments[2::2], strict=True))
    name = options["--rulebook"]
    if name.startswith("cloudops.core."):
        assert (ROOT / f"extensions/eda/rulebooks/{name.rpartition('.')[2]}.yml").exists(), command.where
    else:
        assert file_of(name, command.block.page, BLOCKS).kind == "rulebook", command.where
    if "--vars" in options:
        assert file_of(options["--vars"], command.block.page, BLOCKS).kind == "variables of a rulebook", command.where


def _builder(command: Command) -> None:
    options = dict(zip(command.arguments[2::2], command.arguments[3::2], strict=True))
    assert (ROOT / options["-f"]).exists(), command.where


def _make(command: Command) -> None:
    targets = re.findall(r"^([\w-]+):", (ROOT / "Makefile").read_text(encoding="utf-8"), re.MULTILINE)
    assert set(command.arguments[1:]) <= set(targets), command.where


def _kubectl(command: Command) -> None:
    verbs = {"annotate", "apply", "get", "scale", "rollout", "create"}
    assert verbs & set(command.arguments), command.where
    for argument in command.arguments:
        if argument.startswith("docs/"):
            assert (ROOT / argument).exists(), command.where
        if found := re.match(r"cloudops\.core/([\w-]+)=", argument):
            texts = (path.read_text("utf-8") for path in ROOT.glob("plugins/module_utils/_domain/*.py"))
            assert any(f"cloudops.core/{found[1]}" in text or f'"{found[1]}"' in text for text in texts), command.where


def _jq(command: Command) -> None:
    if shutil.which("jq") is None:
        pytest.skip("jq is not installed")
    *arguments, _file = command.arguments
    done = subprocess.run(arguments, input="", capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 0, f"{command.where}: {done.stderr}"


def _export(command: Command) -> None:
    texts = "".join(
        path.read_text("utf-8") for path in [*ROOT.glob("plugins/doc_fragments/*.py"), *ROOT.glob("tests/**/*.py")]
    )
    for name in (argument.partition("=")[0] for argument in command.arguments[1:]):
        assert name.startswith(("ANSIBLE_", "CONTROLLER_")) or re.search(rf"\b{name}\b", texts), (
            f"{command.where}: {name}"
        )


def _pip(command: Command) -> None:
    assert command.arguments[1] == "install", command.where
    for option, value in zip(command.arguments, command.arguments[1:], strict=False):
        assert option != "-r" or (ROOT / value).exists(), command.where


def _python(command: Command) -> None:
    if command.arguments[1] == "-m":
        module = command.arguments[2]
        assert module == "venv" or (ROOT / module.replace(".", "/")).exists(), command.where
    else:
        assert (ROOT / "extensions/eda/plugins/event_source" / command.arguments[1]).exists(), command.where


def _nothing(_command: Command) -> None:
    """A shell's own, or not ours to check."""


CHECKS: dict[str, Callable[[Command], None]] = {
    "ansible-playbook": _playbook,
    "ansible": _adhoc,
    "ansible-inventory": _inventory,
    "ansible-doc": _doc,
    "ansible-galaxy": _galaxy,
    "ansible-rulebook": _rulebook,
    "ansible-builder": _builder,
    "make": _make,
    "kubectl": _kubectl,
    "jq": _jq,
    "export": _export,
    "pip": _pip,
    "python": _python,
    "python3": _python,
    "cd": _nothing,
    ".": _nothing,
    "echo": _nothing,
    "git": _nothing,
    "podman": _nothing,
    "sudo": _nothing,
}
