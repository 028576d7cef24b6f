# Copyright (c) 2026 cloudops.core contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The role bucket_lifecycle and its playbook on Azure and Google Cloud; test_bucket_lifecycle.py has what all providers share."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from azure.storage.blob import BlobServiceClient

from tests.integration.harness import Play, PlayResult
from tests.servers import azurite as azurite_server
from tests.servers.azurite import AzuriteServer
from tests.servers.gcs import PROJECT, GcsServer

ROLE = "cloudops.core.bucket_lifecycle"
MARKER = "cloudops_core_bucket_lifecycle"
Values = dict[str, Any]


@dataclass(frozen=True)
class Cloud:
    """A provider, the way to its server, and the words that it has for the same things."""

    provider: str
    env: dict[str, str]
    """What leads a module there."""
    survey: Values
    """The same as the playbook's variables."""
    credentials: dict[str, str]
    """What no variable has."""
    thing: str
    marks: str
    first: Values
    """What is asked for at first."""
    then: Values
    """What is asked for afterwards."""
    modified: list[str]
    """What that takes."""
    exists: Callable[[str], bool]
    make: Callable[[str], object]


def azure_cloud(endpoint: str) -> Cloud:
    """Azure Blob Storage."""
    client = BlobServiceClient(endpoint, credential=azurite_server.KEY)
    credentials = {"AZURE_STORAGE_KEY": azurite_server.KEY}
    return Cloud(
        provider="azure",
        env={"AZURE_STORAGE_SERVICE_ENDPOINT": endpoint, **credentials},
        survey={"account_url": endpoint, "storage_account_name": "", "leases": "", "public_access": "none"},
        credentials=credentials,
        thing="container",
        marks="metadata",
        first={"metadata": {"team": "storage"}},
        then={"metadata": "team=ops\nnote=a=b\n", "public_access": "blob"},
        modified=["put public_access", "put metadata"],
        exists=lambda name: bool(client.get_container_client(name).exists()),
        make=client.create_container,
    )


def google_cloud(server: GcsServer) -> Cloud:
    """Cloud Storage."""
    return Cloud(
        provider="gcp",
        env={"STORAGE_EMULATOR_HOST": server.endpoint, "GCP_PROJECT": PROJECT},
        survey={
            "api_endpoint": server.endpoint,
            "project": PROJECT,
            "location": "europe-west3",
            "soft_delete_retention": "0",
            "uniform_bucket_level_access": "true",
        },
        credentials={},
        thing="bucket",
        marks="labels",
        first={"labels": {"team": "storage"}, "versioning": "enabled"},
        then={
            "labels": "team=ops\nnote=a-b\n",
            "versioning": "suspended",
            "rules": "- action: {type: Delete}\n  condition: {age: 30}\n",
        },
        modified=["put versioning", "put labels", "put lifecycle_rules"],
        exists=lambda name: name in server.store.buckets,
        make=server.create,
    )


@pytest.fixture(params=["azure", "gcp"])
def cloud(request: pytest.FixtureRequest) -> Cloud:
    """Each of the two."""
    if request.param == "gcp":
        return google_cloud(request.getfixturevalue("gcs"))
    azurite: AzuriteServer = request.getfixturevalue("azurite")
    return azure_cloud(azurite.endpoint)


def role(cloud: Cloud, name: str, phases: str = "", check: bool = False, **options: Any) -> Values:
    """A task that includes the role."""
    given = {"provider": cloud.provider, "name": name, **({"phases": phases} if phases else {}), **options}
    variables = {f"bucket_lifecycle_{key}": value for key, value in given.items()}
    include = {"name": ROLE, **({"apply": {"check_mode": True}} if check else {})}
    return {"ansible.builtin.include_role": include, "vars": variables}


def attempt(task: Values) -> Values:
    """The same, and on with the play when it fails."""
    return {"block": [task], "rescue": [{"ansible.builtin.debug": {"msg": "it failed"}}]}


def results_of(done: PlayResult) -> list[Values]:
    """What the role says at its end, each time."""
    told = [task for task in done.tasks if task.name.endswith(" : Gather the results")]
    return [task["ansible_facts"]["bucket_lifecycle_result"] for task in told]


def failures_of(done: PlayResult) -> list[str]:
    return [str(task.get("msg")) for task in done.tasks if task.status == "failed"]


def values_of(result: Values) -> Values:
    return {name: value for name, value in result["properties"].items() if value is not None}


def test_twelve_cases(play: Play, cloud: Cloud) -> None:
    """Create, modify, delete: each dry and real, each again. Then a bucket that the role did not make."""
    name, foreign = f"co-cases-{cloud.provider}", f"co-foreign-{cloud.provider}"
    cloud.make(foreign)
    first, then = cloud.first, {**cloud.then, "upload_prefix": "in/"}
    done = play(
        role(cloud, name, "provision,use", check=True, **first),
        role(cloud, name, "provision,use", **first),
        role(cloud, name, "provision,cleanup", check=True, **first),
        role(cloud, name, "provision", **first),
        role(cloud, name, "provision", check=True, **then),
        role(cloud, name, "provision,use", **then),
        role(cloud, name, "provision", check=True, **then),
        attempt(role(cloud, name, "provision,cleanup", **then, max_objects=1)),
        role(cloud, name, "cleanup", max_objects="2"),
        role(cloud, name, "cleanup", check=True),
        role(cloud, name, "cleanup"),
        attempt(role(cloud, foreign)),
        env=cloud.env,
    )
    dry, made, kept, same, change, changed, settled, refused, deleted, gone, nothing = results_of(done)
    assert dry["provisioned"] == made["provisioned"]
    assert made["provisioned"][0] == f"create {cloud.thing}"
    assert dry["uploaded"] == made["uploaded"] == 1
    assert values_of(made)[cloud.marks] == {"team": "storage", MARKER: "managed"}
    assert kept["provisioned"] == []
    assert kept["cleaned_up"] == deleted["cleaned_up"]
    assert (kept["removed"]["objects"], kept["removed"]["bytes"]) == (1, 53)
    assert not same["changed"]
    assert change["provisioned"] == changed["provisioned"] == cloud.modified
    assert values_of(changed)[cloud.marks] == {
        "team": "ops",
        "note": {"metadata": "a=b", "labels": "a-b"}[cloud.marks],
        MARKER: "managed",
    }
    assert changed["uploaded"] == 1
    assert not settled["changed"]
    assert (refused["provisioned"], refused["cleaned_up"]) == ([], [])
    assert deleted["cleaned_up"][-1] == f"delete {cloud.thing}"
    assert deleted["removed"]["objects"] == 2
    assert not gone["changed"]
    assert not nothing["changed"]
    assert {result["provider"] for result in results_of(done)} == {cloud.provider}
    too_many, not_ours = failures_of(done)
    assert "more than max_objects=1" in too_many
    assert not_ours.startswith(f"{cloud.thing.capitalize()} {foreign} exists and does not have the ")
    assert f" {MARKER}, so this role did not make it" in not_ours
    assert (cloud.exists(name), cloud.exists(foreign)) == (False, True)


def test_the_playbook_with_a_survey_and_tasks_that_fail(play: Play, cloud: Cloud, tmp_path: Path) -> None:
    """Every answer is a text, and what the provider lacks is empty. Clean-up follows the failure, which stays one."""
    name, tasks = f"co-survey-{cloud.provider}", tmp_path / "use.yml"
    module = {"azure": "azure_blob_objects", "gcp": "gcs_objects"}[cloud.provider]
    tasks.write_text(
        "- name: Put something\n"
        f"  cloudops.core.{module}:\n"
        "    bucket: '{{ bucket_lifecycle_name }}'\n"
        "    objects: [{key: a, content: text}, {key: b, content: text}]\n"
        "- name: Break\n"
        "  ansible.builtin.fail:\n"
        "    msg: the application did not start\n"
    )
    answers = {
        "tags": "",
        "region": "",
        "policy": "",
        "block_public_access": "",
        "bypass_governance_retention": "false",
    }
    given = {"provider": cloud.provider, "name": name, "use_tasks": str(tasks), "hold_minutes": "", "max_objects": "5"}
    variables = {f"bucket_lifecycle_{key}": value for key, value in {**answers, **given, **cloud.survey}.items()}
    done = play.playbook(
        ROLE, extra_vars=variables, env=cloud.credentials, tags=["provision", "use", "cleanup"], fails=True
    )
    assert failures_of(done) == ["the application did not start"]
    [result] = results_of(done)
    assert result["provisioned"][0] == f"create {cloud.thing}"
    assert result["removed"]["objects"] == 2
    assert not cloud.exists(name)
    assert f"{cloud.thing}: {name}" in done.output
    assert done.named("Keep the results for the jobs that follow")["ansible_stats"]["data"] == {
        "bucket_lifecycle": result
    }


SEVERAL: dict[str, Values] = {
    "azure": {
        "tags": {"a": "b"},
        "region": "eu-central-1",
        "rules": [{"id": "x"}],
        "retention_period": 0,
        "labels": {},
        "bypass_governance_retention": False,
        "metadata": "nothing",
    },
    "gcp": {
        "tags": "a=b",
        "block_public_access": False,
        "account_url": "http://127.0.0.1:1",
        "policy": "",
        "location": "EU",
    },
    "aws": {"location": "EU", "public_access": "none", "requester_pays": "false", "leases": "", "metadata": ""},
}


def test_variables_that_a_provider_lacks(play: Play) -> None:
    """They are named before anything is asked of a server; there is none."""
    tasks = [
        attempt(
            {
                "ansible.builtin.include_role": {"name": ROLE},
                "vars": {
                    f"bucket_lifecycle_{key}": value
                    for key, value in {"provider": provider, "name": "x-" + provider, **given}.items()
                },
            }
        )
        for provider, given in {**SEVERAL, "oracle": {}}.items()
    ]
    azure, gcp, aws, oracle = failures_of(play(*tasks))
    lacks = "bucket_lifecycle_{} is given, which provider {} does not have"
    assert azure.split(". ") == [
        "bucket_lifecycle_metadata is neither a mapping nor lines of key=value",
        lacks.format("region", "azure") + "; see the storage account",
        lacks.format("retention_period", "azure"),
        lacks.format("rules", "azure") + "; see the storage account",
        lacks.format("tags", "azure") + "; see bucket_lifecycle_metadata.",
    ]
    assert gcp.split(". ") == [
        lacks.format("account_url", "gcp") + "; see bucket_lifecycle_api_endpoint",
        lacks.format("block_public_access", "gcp") + "; see bucket_lifecycle_public_access_prevention",
        lacks.format("tags", "gcp") + "; see bucket_lifecycle_labels.",
    ]
    assert aws.split(". ") == [
        lacks.format("location", "aws") + "; see bucket_lifecycle_region",
        lacks.format("public_access", "aws") + "; see bucket_lifecycle_block_public_access",
        lacks.format("requester_pays", "aws") + ".",
    ]
    assert "value of bucket_lifecycle_provider must be one of: aws, azure, gcp, got: oracle" in oracle
