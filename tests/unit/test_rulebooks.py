# Copyright (c) 2026 cloudops.core contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Rulebooks and the guide to them, by the engine's own schema and parser, and by what playbooks, sources and AWX's templates take."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import yaml
from jinja2 import Environment, meta, nodes

from tests.unit.eda_sources import NAMES, ROOT, RULEBOOKS, documentation, load
from tests.unit.test_event_source_documents import check_source

pytest.importorskip("ansible_rulebook")

from ansible_rulebook.condition_parser import parse_condition  # type: ignore[import-untyped]
from ansible_rulebook.util import substitute_variables  # type: ignore[import-untyped]
from ansible_rulebook.validators import Validate  # type: ignore[import-untyped]

GUIDE = (ROOT / "docs" / "events.md").read_text("utf-8")
BOOKS = {path.stem: path for path in RULEBOOKS}
ENGINES_OWN = {"event", "events"}
Object = dict[str, Any]


def rulesets(name: str) -> list[Object]:
    """A rulebook's content."""
    found: list[Object] = yaml.safe_load(BOOKS[name].read_text("utf-8"))
    return found


def actions(content: list[Object]) -> list[Object]:
    """The actions of all rules."""
    return [rule["action"] for ruleset in content for rule in ruleset["rules"]]


def template_actions(name: str) -> list[Object]:
    """What is commented out: the actions with run_job_template, with the variables that they refer to."""
    text = BOOKS[name].read_text("utf-8")
    named = {
        anchor: yaml.safe_load(re.sub(r"[&]\w+", "", block))
        for block, anchor in re.findall(r"^( +extra_vars: &(\w+)\n(?: {12,}.*\n)+)", text, re.MULTILINE)
    }
    blocks = re.findall(r"^ +# run_job_template:\n(?: +#   .*\n)+", text, re.MULTILINE)
    found = [yaml.safe_load(re.sub(r"^( +)# ", r"\1", block, flags=re.MULTILINE).replace("*", "=")) for block in blocks]
    for action in found:
        args = action["run_job_template"]["job_args"]
        args["extra_vars"] = named[args["extra_vars"].removeprefix("=")]["extra_vars"]
    return found


def check_rulebook(content: list[Object]) -> None:
    """See that the engine takes a rulebook, and that what it names is there."""
    Validate.rulebook(content)
    for ruleset in content:
        for source in ruleset["sources"]:
            check_source(source)
        for rule in ruleset["rules"]:
            parse_condition(rule["condition"])
    for action in actions(content):
        if "run_playbook" in action:
            check_variables(action["run_playbook"])
        if "run_job_template" in action:
            called = action["run_job_template"]
            playbook = job_templates()[called["name"]]["playbook"].removesuffix(".yml")
            check_variables({"name": f"cloudops.core.{playbook}", "extra_vars": called["job_args"]["extra_vars"]})


def check_variables(called: Mapping[str, Any]) -> None:
    """See that a playbook is there, and takes these variables."""
    name = called["name"].removeprefix("cloudops.core.")
    text = (ROOT / "playbooks" / f"{name}.yml").read_text("utf-8")
    role = ROOT / "roles" / name / "meta" / "argument_specs.yml"
    known = yaml.safe_load(role.read_text("utf-8"))["argument_specs"]["main"]["options"] if role.is_file() else {}
    head = text.partition("\n- name:")[0]
    lists = re.findall(rf"{name}_\w+(?:, _\w+)+", head.replace("\n#", ""))
    shortened = {name + word for one in lists for word in re.findall(r"(?<=, )_\w+", one)}
    assert [key for key in called["extra_vars"] if key not in {*known, *shortened} and key not in text] == []


def job_templates() -> dict[str, Object]:
    """AWX's job templates by name."""
    path = ROOT / "extensions" / "awx" / "job_templates.yml"
    return {one["name"]: one for one in yaml.safe_load(path.read_text("utf-8"))}


@pytest.mark.parametrize("name", BOOKS)
def test_the_engine_takes_the_rulebook(name: str) -> None:
    check_rulebook(rulesets(name))


@pytest.mark.parametrize("name", BOOKS)
def test_each_playbook_has_a_job_template_that_takes_the_same(name: str) -> None:
    content = rulesets(name)
    played = [one["run_playbook"] for one in actions(content) if "run_playbook" in one]
    templates = template_actions(name)
    for action in templates:
        content[0]["rules"][0]["action"] = action
        Validate.rulebook(content)
    made = [one["run_job_template"] for one in templates]
    assert all(one["job_args"]["extra_vars"] for one in made)
    by_name = job_templates()
    assert {(f"cloudops.core.{Path(by_name[one['name']]['playbook']).stem}", str(one["job_args"])) for one in made} == {
        (one["name"], str({"extra_vars": one["extra_vars"]})) for one in played
    }
    # AWX refuses the launch when a number comes where a survey asks for text, and numbers is what the engine makes of digits.
    assert [one["name"] for one in made if "survey" in by_name[one["name"]]] == []


@pytest.mark.parametrize("name", BOOKS)
def test_what_acts_on_each_reading_is_throttled(name: str) -> None:
    for ruleset in rulesets(name):
        always = any(
            args.get("emit") == "always"
            for source in ruleset["sources"]
            for args in source.values()
            if isinstance(args, dict)
        )
        for rule in ruleset["rules"]:
            acts = "run_playbook" in rule["action"]
            assert not (always and acts and "throttle" not in rule), rule["name"]


EVENT = {
    "type": "metric",
    "id": "load",
    "series": "load",
    "verdict_reason": "it is high",
    "metrics": [{"name": "load", "value": 95.0, "timestamp": "2026-03-01T10:00:00+00:00"}],
    "alertname": "Busy",
    "labels": {"namespace": "shop", "deployment": "web", "change": "-25%"},
}


def test_the_engine_fills_in_what_playbooks_need() -> None:
    variables = {"scale_above": 70, "scale_below": 50, "scale_max": 9, "scale_namespace": "shop", "scale_name": "web"}
    (scaled, *_more) = actions(rulesets("scale_on_metric"))
    filled = substitute_variables(scaled["run_playbook"]["extra_vars"], {**variables, "event": EVENT})
    assert filled["autoscale_metrics"] == EVENT["metrics"]
    assert (filled["autoscale_above"], filled["autoscale_min"], filled["autoscale_max"]) == (70, 1, 9)
    stepped, restarted, rebooted, recorded, _shown = actions(rulesets("alertmanager"))
    filled = substitute_variables(stepped["run_playbook"]["extra_vars"], {"event": EVENT})
    assert (filled["scale_names"], filled["scale_change"], filled["scale_max"]) == ("web", "-25%", 10)
    filled = substitute_variables(restarted["run_playbook"]["extra_vars"], {"event": EVENT})
    assert filled["k8s_workload_restart_reason"] == "alert Busy"
    assert filled["k8s_workload_restart_max_per_hour"] == 2
    labels = {"instance_id": "i-1", "region": "eu-central-1"}
    filled = substitute_variables(rebooted["run_playbook"]["extra_vars"], {"event": {"labels": labels}})
    assert (filled["restart_instances_instance_ids"], filled["restart_instances_regions"]) == ("i-1", "eu-central-1")
    filled = substitute_variables(recorded["run_playbook"]["extra_vars"], {"event": EVENT})
    assert filled == {"record_alert_path": "", "record_alert": EVENT}


# The guide


def section(title: str) -> str:
    """A part of the guide, up to the next heading of its level or above."""
    found = re.search(rf"^(##+) {re.escape(title)}\n(.*?)(?=^##+ |\Z)", GUIDE, re.DOTALL | re.MULTILINE)
    assert found, f"the guide has no {title}"
    return found[2]


def blocks(text: str, language: str) -> list[Any]:
    """The code of a language in it."""
    return [yaml.safe_load(code) for code in re.findall(rf"^```{language}\n(.*?)^```$", text, re.DOTALL | re.MULTILINE)]


def table(text: str) -> dict[str, str]:
    """Names of the tables' first column, with their default."""
    found: dict[str, str] = {}
    for names, default in re.findall(r"^\| ((?:`\w+`(?:, )?)+) \| (.*?) ?\|", text, re.MULTILINE):
        each = re.findall(r"`(\w+)`", names)
        values = re.findall(r"`[^`]*`|required", default) or [""]
        found |= dict(zip(each, [one.strip("`") for one in values] * len(each), strict=False))
    return found


def test_the_guide_has_examples() -> None:
    assert len(blocks(GUIDE, "yaml")) >= 8


@pytest.mark.parametrize(
    "content", [one for one in blocks(GUIDE, "yaml") if isinstance(one, list)], ids=lambda content: content[0]["name"]
)
def test_rulebooks_of_the_guide(content: list[Object]) -> None:
    check_rulebook(content)


@pytest.mark.parametrize("name", BOOKS)
def test_variables_of_the_guide_are_those_of_the_rulebook(name: str) -> None:
    used: dict[str, str] = {}
    for text in texts(rulesets(name)):
        used |= {key: used.get(key) or value for key, value in variables_in(text).items()}
    assert table(section(name)) == used
    (given,) = blocks(section(name), "yaml")
    assert set(given) <= set(used)
    assert {key for key, default in used.items() if default == "required"} <= set(given)


def texts(value: Any) -> Iterator[str]:
    """All texts with templates."""
    if isinstance(value, dict):
        value = list(value.values())
    if isinstance(value, list):
        for item in value:
            yield from texts(item)
    elif isinstance(value, str) and "{{" in value:
        yield value


def variables_in(text: str) -> dict[str, str]:
    """The variables of a template, with their defaults as text."""
    tree = Environment(autoescape=True).parse(text)
    found = dict.fromkeys(meta.find_undeclared_variables(tree) - ENGINES_OWN, "required")
    for node in tree.find_all(nodes.Filter):
        if node.name == "default" and isinstance(node.node, nodes.Name):
            default = node.args[0].as_const()
            found[node.node.name] = str(default).lower() if isinstance(default, bool) else str(default)
    return found


SHARED = {
    "cloudwatch_metric": 2,
    "sqs_depth": 2,
    "prometheus_query": 1,
}


@pytest.mark.parametrize("name", NAMES)
def test_arguments_of_the_guide_are_those_of_the_source(name: str) -> None:
    polling, aws = re.split(r"^Of `cloudwatch_metric` and", section("Arguments that several have"), flags=re.MULTILINE)
    told = table(section(name)) if name != "k8s_workload" else table(section(name).partition("| `state` |")[0])
    for part in (polling, aws)[: SHARED.get(name, 0)]:
        told |= table(part)
    real = {key: option.get("default", "") for key, option in documentation(name)["options"].items()}
    plain = {key: ", ".join(value) if isinstance(value, list) else str(value) for key, value in real.items()}
    told.pop("argument", None)
    assert told == {key: value.lower() if value in ("True", "False") else value for key, value in plain.items()}


def sample(name: str) -> Object:
    """The event that the guide shows."""
    shown: Object = blocks(section(name), "json")[0]
    return shown


def keys(value: Any) -> Any:
    """The shape of an event: its keys, and the types below."""
    if isinstance(value, dict):
        return {key: keys(item) for key, item in value.items() if key not in ("labels", "annotations", "group_labels")}
    return [keys(item) for item in value[:1]] if isinstance(value, list) else type(value).__name__


MOMENT = 1772359175.0
AT_1000 = "2026-03-01T10:00:00Z"


def metric_event() -> Object:
    source = load("prometheus_query")
    threshold = {"operator": ">", "value": 70, "datapoints": 2, "of": 3}
    args = {
        "url": "http://127.0.0.1",
        "query": "avg(shop_cpu_percent)",
        "id": "load",
        "step": 30,
        "threshold": threshold,
    }
    options, queries = source.read_options(args)
    reader = source.Source(options, queries, clock=lambda: MOMENT)
    series = {"metric": {}, "values": [[1772359140, "75"], [1772359170, "91.5"]]}
    reader._send = lambda _fields, _name: {"data": {"resultType": "matrix", "result": [series]}}
    monitor = source.Monitor("prometheus_query", options)
    monitor.take([source.Observation("load", "load", "ok", "", 50.0, MOMENT - 60)], MOMENT - 60, 0.5)
    events: list[Object] = monitor.take(reader.read(monitor.verdicts), MOMENT, 0.5)[0]
    return events[0]


def error_event() -> Object:
    source = load("prometheus_query")
    with pytest.raises(source.SourceFailure) as caught:
        source._answer(401, b"", "load")
    events: list[Object] = source.Health("prometheus_query", False).failed("", caught.value, MOMENT, 60.0)
    return events[0]


def workload_event() -> Object:
    source = load("k8s_workload")
    options = source.read_options({"host": "https://127.0.0.1"})
    status = {"replicas": 3, "updatedReplicas": 3, "readyReplicas": 3, "availableReplicas": 3, "observedGeneration": 1}
    container = {"image": "registry.example.com/web:1.4"}
    spec = {"replicas": 3, "template": {"spec": {"containers": [container]}}}
    metadata = {"name": "web", "namespace": "shop", "generation": 1, "resourceVersion": "1"}
    well = source.read_workload("Deployment", {"metadata": metadata, "spec": spec, "status": status})
    tracker = source.Tracker(options)
    assert tracker.seen(well, MOMENT - 60) == []
    events: list[Object] = tracker.seen(replace(well, version="2", ready=1, available=1), MOMENT)
    return events[0]


def alert_event() -> Object:
    source = load("alertmanager_webhook")
    shown = sample("alertmanager_webhook")
    alert = {"status": "firing", "labels": shown["labels"], "annotations": shown["annotations"], "startsAt": AT_1000}
    alert |= {"fingerprint": shown["fingerprint"], "generatorURL": shown["generator_url"]}
    message = {"version": "4", "receiver": "rulebook", "groupKey": shown["group"], "alerts": [alert]}
    message |= {"groupLabels": shown["group_labels"], "externalURL": shown["external_url"]}
    (read,) = source.read_message(json.dumps(message).encode())
    event: Object = source.Memory(False).event(read, MOMENT)
    return event


@pytest.mark.parametrize(
    ("name", "made"),
    [
        ("prometheus_query", metric_event),
        ("Errors", error_event),
        ("k8s_workload", workload_event),
        ("alertmanager_webhook", alert_event),
    ],
)
def test_events_of_the_guide_are_what_sources_give(name: str, made: Any) -> None:
    event, shown = made(), sample(name)
    assert keys(shown) == keys(event)
    times = ("time", "since", "labels")
    assert {key: value for key, value in shown.items() if key not in times} == {
        key: value for key, value in event.items() if key not in times
    } or name == "k8s_workload"


def test_states_of_the_guide_are_those_of_the_source() -> None:
    states = re.findall(r"^\| `(\w+)` \| `(\w+)` \|", section("k8s_workload").partition("| `state` |")[2], re.MULTILINE)
    assert dict(states) == load("k8s_workload").VERDICTS


def test_the_other_files_of_the_guide() -> None:
    alertmanager, prometheus, decision_environment = blocks(GUIDE, "yml")
    named = {one["name"] for one in alertmanager["receivers"]}
    assert {one["receiver"] for one in (alertmanager["route"], *alertmanager["route"]["routes"])} <= named
    labels = {key for group in prometheus["groups"] for rule in group["rules"] for key in rule["labels"]}
    assert {"cloudops", "namespace", "deployment"} <= labels
    assert {"name": "cloudops.core"} in decision_environment["dependencies"]["galaxy"]["collections"]


def test_the_check_of_rulebooks_refuses() -> None:
    (content,) = (
        one for one in blocks(GUIDE, "yaml") if isinstance(one, list) and one[0]["name"] == "Orders that wait"
    )
    content[0]["rules"][0]["action"]["run_playbook"]["extra_vars"]["scale_repliccas"] = 1
    with pytest.raises(AssertionError, match="scale_repliccas"):
        check_rulebook(content)
