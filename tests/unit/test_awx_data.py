# Copyright (c) 2026 cloudops.core contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The data for AWX in extensions/awx: it fits the playbooks and roles, and AWX's own rules for surveys, schedules and credential types."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest
from dateutil.rrule import rrulestr  # type: ignore[import-untyped]

from tests.unit.awx_surveys import (
    AWX,
    CHECKOUT,
    both,
    documentation,
    load,
    module_options,
    plain,
    question,
    rewritten,
    roles,
    variables_of,
)

SURVEYS = sorted((AWX / "surveys").glob("*.yml"))
PLAYBOOKS = sorted(path.stem for path in (CHECKOUT / "playbooks").glob("*.yml"))
SETUP = "awx_setup"
# Nobody fills these in by hand.
FOR_RULEBOOKS = ("record_alert",)
# AWX refuses these names, and everything that begins with ANSIBLE_, in credential types.
REFUSED = {"PATH", "PYTHONPATH", "VIRTUAL_ENV", "JOB_ID", "INVENTORY_ID", "AWX_HOST", "SUPERVISOR_SERVER_URL"}
# What a survey may ask for of a connection: where it leads, not who asks.
PUBLIC = {"region", "endpoint_url", "prometheus_url", "storage_account_name", "project"}


def data(name: str) -> list[dict[str, Any]]:
    """A file of the data."""
    found: list[dict[str, Any]] = load((AWX / f"{name}.yml").read_text("utf-8"))
    return found


def survey(name: str) -> dict[str, Any]:
    """A survey."""
    found: dict[str, Any] = load((AWX / "surveys" / f"{name}.yml").read_text("utf-8"))
    return found


# ---- surveys


def test_each_playbook_has_a_job_template_and_those_for_people_a_survey() -> None:
    templates = data("job_templates")
    assert {one["playbook"] for one in templates} == {f"{name}.yml" for name in PLAYBOOKS if name != SETUP}
    assert len({one["name"] for one in templates}) == len(templates)
    assert [path.stem for path in SURVEYS] == [name for name in PLAYBOOKS if name not in (SETUP, *FOR_RULEBOOKS)]
    asked = {one["survey"]: one["playbook"] for one in templates if "survey" in one}
    assert asked == {path.stem: f"{path.stem}.yml" for path in SURVEYS}


def test_rulebooks_name_job_templates_that_are_there() -> None:
    templates = {one["name"] for one in data("job_templates")}
    found = {}
    for path in sorted((CHECKOUT / "extensions" / "eda" / "rulebooks").glob("*.yml")):
        found[path.stem] = re.findall(r"run_job_template:\n\s*(?:#\s*)?name: ([^\n]+)", path.read_text("utf-8"))
    assert all(found.values())
    assert {name for names in found.values() for name in names} <= templates


@pytest.mark.parametrize("path", [pytest.param(path, id=path.stem) for path in SURVEYS])
def test_survey_is_what_the_documentation_makes_of_it(path: Path) -> None:
    """After a change of a role's argument specification: python -m tests.unit.awx_surveys."""
    assert load(path.read_text("utf-8")) == rewritten(path)


@pytest.mark.parametrize("path", [pytest.param(path, id=path.stem) for path in SURVEYS])
def test_each_variable_is_asked_for_or_left_out_on_purpose(path: Path) -> None:
    found = load(path.read_text("utf-8"))
    asked = [one["variable"] for one in found["spec"]]
    assert len(set(asked)) == len(asked)
    if path.stem in roles():
        assert set(asked) & set(found["not_asked"]) == set()
        own = {variable for variable in asked if variable not in roles()[path.stem]}
        assert set(asked) - own | set(found["not_asked"]) == set(roles()[path.stem])
    else:
        text = (CHECKOUT / "playbooks" / f"{path.stem}.yml").read_text("utf-8")
        assert [variable for variable in asked if not re.search(rf"\b{variable}\b", text)] == []


@pytest.mark.parametrize("path", [pytest.param(path, id=path.stem) for path in SURVEYS])
def test_survey_keeps_the_rules_of_awx(path: Path) -> None:
    for one in survey(path.stem)["spec"]:
        assert one["question_name"]
        assert one["type"] in ("text", "textarea", "multiplechoice", "integer", "float")
        # AWX refuses a launch without an answer, whatever the default is.
        assert not one["required"] or one["default"] == ""
        if one["type"] == "multiplechoice":
            assert one["default"] in (["", *one["choices"]] if one["required"] else one["choices"])
            assert all(isinstance(choice, str) for choice in one["choices"])
        if one["default"] != "":
            assert isinstance(one["default"], {"integer": int, "float": int | float}.get(one["type"], str))
        assert "{{" not in str(one)


@pytest.mark.parametrize(
    ("option", "expected"),
    [
        pytest.param({"type": "bool", "default": False}, ("multiplechoice", False, "false"), id="boolean"),
        pytest.param({"type": "float", "default": 600}, ("float", False, 600), id="number"),
        pytest.param({"type": "int"}, ("text", False, ""), id="number that may be left out"),
        pytest.param({"type": "raw", "default": ["a", "b"]}, ("textarea", False, "a\nb"), id="list"),
        pytest.param({"type": "raw", "default": {}}, ("textarea", False, ""), id="mapping"),
        pytest.param({"type": "raw", "default": ""}, ("text", False, ""), id="text"),
        pytest.param({"type": "raw", "default": 5}, ("text", False, "5"), id="number or text"),
        pytest.param(
            {"type": "str", "required": True, "choices": ["a"]},
            ("multiplechoice", True, ""),
            id="choice that must be made",
        ),
        pytest.param(
            {"type": "str", "default": "", "choices": ["", "a"]}, ("text", False, ""), id="choice that may be left out"
        ),
        pytest.param({"type": "str", "choices": ["a"]}, ("text", False, ""), id="choice without a default"),
        pytest.param({"type": "str", "default": "a", "choices": ["a"]}, ("multiplechoice", False, "a"), id="choice"),
    ],
)
def test_question(option: dict[str, Any], expected: tuple[str, bool, Any]) -> None:
    asked = question("r_x", "X", {"description": "Words.", **option})
    assert (asked["type"], asked["required"], asked["default"]) == expected


def test_a_choice_that_may_be_left_out_names_what_there_is() -> None:
    asked = question("r_x", "X", {"description": ["Words."], "type": "str", "default": "", "choices": ["", "a", "b"]})
    assert asked["question_description"] == "Words. One of a, b."
    assert "choices" not in asked


@pytest.mark.parametrize(
    ("one", "other", "expected"),
    [
        pytest.param({"default": 1}, {"default": 1}, {"default": 1}, id="same"),
        pytest.param({"default": 1}, {"default": 2}, {}, id="different defaults"),
        pytest.param(
            {"choices": ["a", "b"]}, {"choices": ["b", "c"]}, {"choices": ["a", "b", "c"]}, id="choices of both"
        ),
    ],
)
def test_option_of_two_modules(one: dict[str, Any], other: dict[str, Any], expected: dict[str, Any]) -> None:
    assert both(one, other) == expected


def test_plain_words() -> None:
    text = "Set O(cloudops.core.s3_bucket#module:a=b), V(Mon 1) or P(cloudops.core.x#filter) in C(a: E(B))."
    assert plain(text) == "Set cloudops.core.s3_bucket, Mon 1 or cloudops.core.x in a: B."


def connection_options() -> set[str]:
    """Whatever the connections to AWS, Kubernetes and Prometheus are made of, by all names that playbooks have for it."""
    names = set()
    for fragment in ("aws", "k8s"):
        documented = documentation(CHECKOUT / "plugins" / "doc_fragments" / f"{fragment}.py")["options"]
        names |= {alias for name, option in documented.items() for alias in (name, *option.get("aliases", []))}
    for name, option in module_options("prometheus_query_info").items():
        if name == "query":  # what is asked begins here
            break
        names |= {f"prometheus_{alias}" for alias in (name, *option.get("aliases", []))}
    return names


def test_credentials_are_never_asked_for() -> None:
    """They come from AWX's credentials, by the environment. An answer of a survey can be read by all who may see the job."""
    secret = connection_options() - PUBLIC
    assert {"secret_key", "api_key", "kubeconfig", "prometheus_token", "prometheus_password"} <= secret
    for path in SURVEYS:
        asked = {one["variable"].removeprefix(f"{path.stem}_") for one in survey(path.stem)["spec"]}
        assert asked & secret == set()
        assert [
            name for name in asked if re.search(r"(?:^|_)(?:secret|token|password|passphrase|api_key|access_key)", name)
        ] == []


# ---- the rest


def test_workflow_leads_from_find_over_approve_to_stop() -> None:
    (workflow,) = data("workflows")
    nodes = {node["identifier"]: node for node in workflow["nodes"]}
    follow = {
        name: [one["identifier"] for one in node.get("related", {}).get("success_nodes", [])]
        for name, node in nodes.items()
    }
    assert follow == {"find": ["approve"], "approve": ["stop"], "stop": []}
    kinds = {name: node["unified_job_template"]["type"] for name, node in nodes.items()}
    assert kinds == {"find": "job_template", "approve": "workflow_approval", "stop": "job_template"}
    templates = {one["name"]: one for one in data("job_templates")}
    for name in ("find", "stop"):
        assert nodes[name]["unified_job_template"]["name"] in templates
    questions = {one["variable"] for one in survey("idle_instances")["spec"]}
    assert set(workflow["ask"]) <= questions
    assert set(nodes["find"]["extra_data"]) <= questions


def test_stop_template_uses_what_the_first_step_keeps() -> None:
    (template,) = [one for one in data("job_templates") if one["name"] == "cloudops stop idle instances"]
    role = (CHECKOUT / "roles" / "idle_instances" / "vars" / "main.yml").read_text("utf-8")
    assert template["extra_vars"]["stop_instances_instance_ids"] == "{{ idle_instances.idle }}"
    assert re.search(r"idle_instances_summary: >-\n(?:.*\n)*?.*'idle': ", role)
    assert 'idle_instances: "{{ idle_instances_result }}"' in (CHECKOUT / "playbooks" / "idle_instances.yml").read_text(
        "utf-8"
    )
    known = variables_of("stop_instances")
    assert set(template["extra_vars"]) <= set(known)


def test_schedules() -> None:
    templates = {one["name"]: one for one in data("job_templates")}
    for one in data("schedules"):
        template = templates[one["job_template"]]
        required = {q["variable"] for q in survey(template["survey"])["spec"] if q["required"]}
        assert required <= set(one.get("extra_data", {}))
        assert set(one.get("extra_data", {})) <= set(variables_of(template["survey"]))
        assert "INTERVAL=" in one["rule"]  # AWX insists on it
        rule = rrulestr(f"DTSTART:{one['start']}\nRRULE:{one['rule']}")
        assert rule[1] > rule[0]


def test_credential_types_inject_only_what_modules_read() -> None:
    text = "".join(path.read_text("utf-8") for path in (CHECKOUT / "plugins").rglob("*.py"))
    for one in data("credential_types"):
        fields = {field["id"] for field in one["inputs"]["fields"]}
        assert set(one["inputs"].get("required", [])) <= fields
        assert set(one["injectors"]) <= {"env", "file"}  # extra variables would be seen in the job
        values = [value for injector in one["injectors"].values() for value in injector.values()]
        used = {name for value in values for name in re.findall(r"{{ (\w+) }}", value)}
        assert used == fields
        for name in one["injectors"]["env"]:
            assert not name.startswith("ANSIBLE_")
            assert name not in REFUSED
            prefix, _rest, last = name.rpartition("_")
            assert name in text or (prefix == "K8S_AUTH" and last.lower() in text)
        assert {field["id"] for field in one["inputs"]["fields"] if field.get("secret")} >= fields & {
            "kubeconfig",
            "token",
            "password",
        }


def test_no_playbook_asks() -> None:
    for path in (CHECKOUT / "playbooks").rglob("*.yml"):
        assert "vars_prompt" not in path.read_text("utf-8")
    for path in CHECKOUT.glob("roles/*/tasks/*.yml"):
        for task in load(path.read_text("utf-8")) or []:
            pause = task.get("ansible.builtin.pause")
            assert pause is None or "prompt" not in pause


# ---- the guide


def test_the_guide_names_all_that_there_is() -> None:
    guide = (CHECKOUT / "docs" / "awx.md").read_text("utf-8")
    for name in ("job_templates", "schedules", "workflows", "credential_types"):
        assert [one["name"] for one in data(name) if one["name"] not in guide] == []
    for one in data("credential_types"):
        assert [name for name in one["injectors"]["env"] if f"`{name}`" not in guide] == []
    # What the modules of awx.awx themselves read to find AWX.
    assert {"CONTROLLER_HOST", "CONTROLLER_OAUTH_TOKEN"} <= set(re.findall(r"\w+", guide))


def test_the_guide_lists_the_variables_of_the_playbook() -> None:
    guide = (CHECKOUT / "docs" / "awx.md").read_text("utf-8")
    listed = dict(re.findall(r"^\| `(awx_setup_\w+)` \| (.*?) ?\|", guide, re.MULTILINE))
    (play,) = load((CHECKOUT / "playbooks" / f"{SETUP}.yml").read_text("utf-8"))
    variables = {name: value for name, value in play["vars"].items() if name.startswith("awx_setup_")}
    assert set(listed) == set(variables) - {"awx_setup_data"}
    used = (CHECKOUT / "playbooks" / "tasks" / f"{SETUP}.yml").read_text("utf-8")
    for name, shown in listed.items():
        assert re.search(rf"\b{name}\b", used), name
        if name != "awx_setup_execution_environment":  # whose default is worked out
            assert shown.strip("`") == variables[name]
    assert set(re.findall(r"-e (awx_setup_\w+)=", guide)) <= set(listed)


def test_the_guide_says_what_set_stats_keeps() -> None:
    guide = (CHECKOUT / "docs" / "awx.md").read_text("utf-8")
    rows = re.findall(
        r"^\| ([a-z0-9_, ]+) \| (`[a-z_]+`(?:, `[a-z_]+`)*) \|$", guide.partition("## Results")[2], re.MULTILINE
    )
    named = {name.strip() for names, _keys in rows for name in names.split(",")}
    kept = {path.stem for path in (CHECKOUT / "playbooks").glob("*.yml") if "set_stats" in path.read_text("utf-8")}
    assert named <= kept
    assert {path.stem for path in SURVEYS} & kept <= named
