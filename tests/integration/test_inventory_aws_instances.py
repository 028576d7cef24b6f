# Copyright (c) 2026 cloudops.core contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The inventory of EC2 instances, on moto behind a proxy that counts, refuses and delays."""

from __future__ import annotations

import time
import uuid
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import datetime, timezone
from typing import Any

import boto3
import pytest
from ansible.module_utils.common.dict_transformations import camel_dict_to_snake_dict
from botocore.config import Config

from tests.integration.ec2 import IMAGE, REGION, ec2_client
from tests.integration.inventories import Inventories, Listing, documented
from tests.servers.fault_proxy import FaultProxy
from tests.servers.faults import Request
from tests.servers.moto import MotoServer

OTHER = "us-east-1"
ACCOUNTS = ("111122223333", "444455556666")
KEYS = {"AWS_ACCESS_KEY_ID": "testing-access-key", "AWS_SECRET_ACCESS_KEY": "testing-secret-key"}
PLUGIN = "aws_instances"


@dataclass
class Fleet:
    """Instances of this file's tests, told from others by the tag ``fleet``."""

    endpoint: str
    name: str = field(default_factory=lambda: uuid.uuid4().hex[:8])
    ids: dict[str, str] = field(default_factory=dict)
    clients: list[Any] = field(default_factory=list)

    def launch(self, name: str, region: str = REGION, client: Any = None, **tags: str) -> str:
        """Launch an instance; return its id."""
        ec2 = client or ec2_client(self.endpoint, region)
        self.clients.append(ec2)
        given = {"Name": name, "fleet": self.name, **tags}
        specification = [{"ResourceType": "instance", "Tags": [{"Key": k, "Value": v} for k, v in given.items()]}]
        answer = ec2.run_instances(
            ImageId=IMAGE, InstanceType="t3.micro", MinCount=1, MaxCount=1, TagSpecifications=specification
        )
        self.ids[name] = answer["Instances"][0]["InstanceId"]
        return self.ids[name]

    def end(self) -> None:
        """Remove them all."""
        for ec2 in self.clients:
            filters = [{"Name": "tag:fleet", "Values": [self.name]}]
            groups = ec2.describe_instances(Filters=filters)["Reservations"]
            if ids := [item["InstanceId"] for group in groups for item in group["Instances"]]:
                ec2.terminate_instances(InstanceIds=ids)
            ec2.close()


@pytest.fixture(scope="module")
def fleet(moto: MotoServer) -> Iterator[Fleet]:
    """Three instances in one region, one of them stopped, and one in another."""
    made = Fleet(moto.endpoint)
    made.launch("web-1", Role="web", Team="blue", Schedule="office")
    made.launch("web-2", Role="web", Schedule="Mon-Sun 00:00-24:00 UTC")
    made.launch("db-1", Role="db", Team="red", odd="{{ 1 + 1 }}")
    made.launch("web-3", OTHER, Role="web", Team="blue")
    ec2_client(moto.endpoint).stop_instances(InstanceIds=[made.ids["web-2"]])
    yield made
    made.end()


@pytest.fixture
def proxy(moto: MotoServer) -> Iterator[FaultProxy]:
    """A proxy before moto."""
    with FaultProxy(moto.endpoint) as made:
        yield made


@dataclass
class Lister:
    """Lists the fleet through the proxy."""

    inventories: Inventories
    fleet: Fleet
    proxy: FaultProxy

    @property
    def env(self) -> dict[str, str]:
        """The connection, as boto3 reads it."""
        return {**KEYS, "AWS_ENDPOINT_URL": self.proxy.endpoint, "AWS_REGION": REGION}

    def __call__(self, env: dict[str, str] | None = None, **options: Any) -> Listing:
        """List, by the tag Name and only this fleet."""
        runner = {name: options.pop(name) for name in ("extra_vars", "name", "warns") if name in options}
        return self.inventories(PLUGIN, self._with_defaults(options), env={**self.env, **(env or {})}, **runner)

    def fails(self, name: str = "", env: dict[str, str] | None = None, **options: Any) -> str:
        """What is said instead of a list."""
        environment = {**self.env, **(env or {})}
        return self.inventories.fails(PLUGIN, self._with_defaults(options), env=environment, name=name)

    def _with_defaults(self, options: dict[str, Any]) -> dict[str, Any]:
        tags = {"fleet": self.fleet.name, **(options.pop("tags", None) or {})}
        return {
            "tags": tags,
            "hostnames": ["tag:Name"],
            "aws_config": {"retries": {"total_max_attempts": 2}},
            **options,
        }


@pytest.fixture
def listed(inventories: Inventories, fleet: Fleet, proxy: FaultProxy) -> Lister:
    """The lister."""
    return Lister(inventories, fleet, proxy)


def _in(region: str) -> Callable[[Request], bool]:
    return lambda request: f"/{region}/" in request.headers.get("authorization", "")


# What there is


def test_region_of_the_environment_and_no_other(listed: Lister) -> None:
    assert listed().hosts == ["db-1", "web-1", "web-2"]
    assert dict(listed.proxy.calls) == {"DescribeInstances": 1}


def test_many_regions(listed: Lister) -> None:
    found = listed(regions=[REGION, OTHER])
    assert found.hosts == ["db-1", "web-1", "web-2", "web-3"]
    regions = {name: variables["placement"]["region"] for name, variables in found.hostvars.items()}
    assert regions == {"db-1": REGION, "web-1": REGION, "web-2": REGION, "web-3": OTHER}


def test_all_regions_are_those_that_are_enabled(listed: Lister) -> None:
    regions = "".join(f"<item><regionName>{name}</regionName></item>" for name in (OTHER, REGION))
    answer = f"<DescribeRegionsResponse><regionInfo>{regions}</regionInfo></DescribeRegionsResponse>"
    listed.proxy.reply("DescribeRegions", lambda request: answer)
    assert len(listed(regions=["all"], env={"AWS_REGION": ""}).hosts) == 4
    assert dict(listed.proxy.calls) == {"DescribeRegions": 1, "DescribeInstances": 2}


def test_variables_are_what_the_api_says_in_snake_case(listed: Lister, fleet: Fleet) -> None:
    found = listed().hostvars["web-1"]
    answer = ec2_client(fleet.endpoint).describe_instances(InstanceIds=[fleet.ids["web-1"]])
    said = answer["Reservations"][0]["Instances"][0]
    expected = camel_dict_to_snake_dict(said, ignore_list=["Tags"])
    tags = {tag["Key"]: tag["Value"] for tag in expected.pop("tags")}
    assert found.pop("ec2_tags") == tags
    assert found.pop("owner_id") == "123456789012"
    assert found.pop("reservation_id").startswith("r-")
    assert found.pop("requester_id") == answer["Reservations"][0].get("RequesterId", "")
    assert found.pop("placement").pop("region") == REGION
    expected.pop("placement")
    assert found == _with_texts_for_times(expected)


def _with_texts_for_times(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _with_texts_for_times(member) for key, member in value.items()}
    if isinstance(value, list):
        return [_with_texts_for_times(member) for member in value]
    return value.strftime("%Y-%m-%dT%H:%M:%SZ") if isinstance(value, datetime) else value


def test_names_of_variables(listed: Lister) -> None:
    found = listed(hostvars_prefix="aws_", hostvars_suffix="_ec2", groups={"web": "ec2_tags.Role == 'web'"})
    assert found.hostvars["web-1"]["aws_ec2_tags_ec2"]["Role"] == "web"
    assert "instance_id" not in found.hostvars["web-1"]
    assert found.groups["web"] == ["web-1", "web-2"]
    assert listed(tags_variable="labels").hostvars["db-1"]["labels"]["Role"] == "db"


def test_options_are_templates(listed: Lister) -> None:
    found = listed(regions=["{{ where }}"], tags={"Role": "{{ role }}"}, extra_vars={"where": OTHER, "role": "web"})
    assert found.hosts == ["web-3"]


def test_data_is_no_template(listed: Lister) -> None:
    found = listed(
        compose={"copied": "ec2_tags.odd", "plain": "tags.Role"}, keyed_groups=[{"key": "tags.odd", "prefix": "odd"}]
    )
    assert found.hostvars["db-1"]["ec2_tags"]["odd"] == "{{ 1 + 1 }}"
    assert found.hostvars["db-1"]["copied"] == "{{ 1 + 1 }}"
    assert found.groups["odd____1___1___"] == ["db-1"]


def test_no_region(listed: Lister) -> None:
    said = listed.fails(endpoint_url="", env={"AWS_REGION": "", "AWS_ENDPOINT_URL": ""})
    assert "no AWS region is known" in said
    assert "AWS_REGION" in said


# Which


@pytest.mark.parametrize(
    ("options", "hosts", "calls"),
    [
        pytest.param({"tags": {"Role": "web", "Team": "blue"}}, ["web-1"], 1, id="tags-and"),
        pytest.param({"tags": {"Role": "w*"}}, [], 1, id="tags-literal"),
        pytest.param({"filters": {"tag:Role": ["db", "cache"]}}, ["db-1"], 1, id="filter"),
        pytest.param({"filters": {"instance-state-name": "stopped"}}, ["web-2"], 1, id="state"),
        pytest.param(
            {"filters": {"tag:Role": "db"}, "include_filters": [{"tag:Name": "web-1"}, {"tag:Team": "red"}]},
            ["db-1", "web-1"],
            3,
            id="include",
        ),
        pytest.param({"exclude_filters": [{"tag:Name": ["db-*", "?eb-2"]}]}, ["web-1"], 1, id="exclude"),
        pytest.param(
            {"exclude_filters": [{"tag:Role": "web", "instance-state-name": "stopped"}, {"tag-key": "odd"}]},
            ["web-1"],
            1,
            id="exclude-and-or",
        ),
        pytest.param({"exclude_filters": [{"tag-value": "red"}]}, ["web-1", "web-2"], 2, id="exclude-by-the-api"),
    ],
)
def test_selection(listed: Lister, options: dict[str, Any], hosts: list[str], calls: int) -> None:
    assert listed(**options).hosts == hosts
    assert listed.proxy.calls["DescribeInstances"] == calls


# Names and groups


def test_hostnames(listed: Lister, fleet: Fleet) -> None:
    found = listed(
        hostnames=[
            "tag:Missing",
            {"name": "tag:Team", "prefix": "{{ tags.Role | upper }}", "separator": "-"},
            "instance-id",
        ]
    )
    assert found.hosts == sorted(["WEB-blue", "DB-red", fleet.ids["web-2"]])
    assert listed(hostnames=["tag:Name | replace('-', '.')"]).hosts == ["db.1", "web.1", "web.2"]


def test_shared_names_get_their_ids(listed: Lister, fleet: Fleet) -> None:
    found = listed(hostnames=["tag:Role"], warns=True)
    assert found.hosts == sorted(["db", f"web_{fleet.ids['web-1']}", f"web_{fleet.ids['web-2']}"])
    assert "several instances are called web; their ids are appended" in found.said


def test_nameless_instances_are_told(listed: Lister, fleet: Fleet) -> None:
    found = listed(hostnames=["tag:Team"], warns=True)
    assert found.hosts == ["blue", "red"]
    assert f"none of hostnames gives a name to {fleet.ids['web-2']}: left out" in found.said
    assert "none of hostnames gives a name" in listed.fails(hostnames=["tag:Team"], strict=True)


def test_groups_and_variables(listed: Lister) -> None:
    found = listed(
        compose={"ansible_host": "private_ip_address", "team": "tags.Team | default('nobody')", "bad": "tags.nothing"},
        groups={
            "blue": "team == 'blue'",
            "low": "tags.Name | regex_search('[12]$') is not none and state.name in ['running', 'stopped']",
            "unknown": "tags.nothing == 'x'",
        },
        keyed_groups=[
            {"key": "placement.region", "prefix": "region", "parent_group": "regions"},
            {"key": "tags.Team", "prefix": "team", "default_value": "none"},
            {"key": "tags.Role", "separator": ""},
        ],
    )
    web = found.hostvars["web-1"]
    assert web["ansible_host"] == web["private_ip_address"]
    assert {name: found.hostvars[name]["team"] for name in found.hosts} == {
        "db-1": "red",
        "web-1": "blue",
        "web-2": "nobody",
    }
    assert "bad" not in web
    assert found.groups["blue"] == ["web-1"]
    assert found.groups["low"] == ["db-1", "web-1", "web-2"]
    assert "unknown" not in found.groups
    assert found.groups["region_eu_central_1"] == ["db-1", "web-1", "web-2"]
    assert "regions" in found.groups
    assert (found.groups["team_red"], found.groups["web"]) == (["db-1"], ["web-1", "web-2"])


@pytest.mark.parametrize(
    "options",
    [
        pytest.param({"compose": {"x": "tags.nothing"}}, id="compose"),
        pytest.param({"groups": {"x": "tags.nothing == 1"}}, id="groups"),
        pytest.param({"keyed_groups": [{"key": "tags.nothing"}]}, id="keyed_groups"),
        pytest.param({"hostnames": ["{{ tags.nothing }}"]}, id="hostnames"),
    ],
)
def test_strict(listed: Lister, options: dict[str, Any]) -> None:
    assert "nothing" in listed.fails(strict=True, **options)


def test_extra_variables_in_expressions(listed: Lister) -> None:
    found = listed(use_extra_vars=True, groups={"wanted": "tags.Role == wanted"}, extra_vars={"wanted": "db"})
    assert found.groups["wanted"] == ["db-1"]


# Accounts


@pytest.fixture(scope="module")
def roles(moto: MotoServer, fleet: Fleet) -> list[str]:
    """A role in each of two accounts, and an instance of the fleet in each."""
    sts = boto3.client(
        "sts",
        endpoint_url=moto.endpoint,
        region_name=REGION,
        aws_access_key_id=KEYS["AWS_ACCESS_KEY_ID"],
        aws_secret_access_key=KEYS["AWS_SECRET_ACCESS_KEY"],
        config=Config(proxies={}),
    )
    arns = [f"arn:aws:iam::{account}:role/inventory" for account in ACCOUNTS]
    for arn in arns:
        given = sts.assume_role(RoleArn=arn, RoleSessionName="test")["Credentials"]
        ec2 = boto3.client(
            "ec2",
            endpoint_url=moto.endpoint,
            region_name=REGION,
            aws_access_key_id=given["AccessKeyId"],
            aws_secret_access_key=given["SecretAccessKey"],
            aws_session_token=given["SessionToken"],
            config=Config(proxies={}),
        )
        fleet.launch(f"in-{arn.split(':')[4]}", client=ec2)
    sts.close()
    return arns


def test_accounts(listed: Lister, roles: list[str]) -> None:
    asked: list[str] = []
    listed.proxy.hook("AssumeRole", lambda request: asked.append((request.body or b"").decode()))
    found = listed(assume_roles=[{"role_arn": roles[0], "external_id": "one"}, roles[1]], external_id="all")
    assert {name: one["owner_id"] for name, one in found.hostvars.items()} == {f"in-{one}": one for one in ACCOUNTS}
    assert dict(listed.proxy.calls) == {"AssumeRole": 2, "DescribeInstances": 2}
    assert sorted(next(p for p in body.split("&") if p.startswith("ExternalId")) for body in asked) == [
        "ExternalId=all",
        "ExternalId=one",
    ]


def test_an_account_that_is_denied(listed: Lister, roles: list[str]) -> None:
    listed.proxy.fail("AssumeRole", "AccessDenied", when=lambda request: ACCOUNTS[0].encode() in (request.body or b""))
    options = {"assume_roles": [{"role_arn": roles[0], "name": "production"}, roles[1]]}
    said = listed.fails(**options)
    assert "production" in said
    assert "[AccessDenied]" in said
    found = listed(strict_permissions=False, warns=True, **options)
    assert found.hosts == [f"in-{ACCOUNTS[1]}"]
    assert f"region {REGION} of production is left out, as strict_permissions is off" in found.said


# Failures


def test_a_region_that_is_denied(listed: Lister) -> None:
    listed.proxy.fail("DescribeInstances", "UnauthorizedOperation", 403, when=_in(OTHER))
    said = listed.fails(regions=[REGION, OTHER])
    assert f"Could not describe the instances (region {OTHER})" in said
    assert "[UnauthorizedOperation]" in said
    found = listed(regions=[REGION, OTHER], strict_permissions=False, warns=True)
    assert found.hosts == ["db-1", "web-1", "web-2"]
    assert f"region {OTHER} is left out" in found.said


def test_throttled(listed: Lister) -> None:
    listed.proxy.fail("DescribeInstances", "RequestLimitExceeded", first=1)
    assert len(listed().hosts) == 3
    listed.proxy.reset()
    listed.proxy.fail("DescribeInstances", "RequestLimitExceeded")
    assert "[RequestLimitExceeded]" in listed.fails(strict_permissions=False)
    assert listed.proxy.calls["DescribeInstances"] == 2


def test_an_answer_that_is_none(listed: Lister) -> None:
    listed.proxy.reply("DescribeInstances", lambda request: "<html>Welcome to the hotel")
    said = listed.fails()
    assert "the answer is no XML" in said
    assert "Check endpoint_url" in said


@pytest.mark.parametrize(
    ("options", "expected"),
    [
        pytest.param({"regions": ["all", OTHER]}, "regions has all, and others as well", id="regions"),
        pytest.param({"hostnames": ["tagname"]}, "hostnames[0] is 'tagname', which is no attribute", id="hostnames"),
        pytest.param({"assume_roles": [{"arn": "x"}]}, "assume_roles[0]: unknown option 'arn'", id="assume_roles"),
        pytest.param({"exclude_filters": [{}]}, "exclude_filters[0] is empty", id="exclude_filters"),
        pytest.param(
            {"metrics": {"cpu": {"metric": "X", "stat": "Mode"}}}, "metrics.cpu: stat is unknown", id="metrics"
        ),
        pytest.param({"schedule": {"schedules": {"x": "never ever"}}}, "schedule x:", id="schedule"),
        pytest.param({"schedule": {"zone": "UTC"}}, "unknown option 'zone'", id="schedule-option"),
        pytest.param({"profile": "nobody"}, "nobody", id="profile"),
        pytest.param({"tags_variable": "a b"}, "tags_variable is 'a b'", id="tags_variable"),
    ],
)
def test_bad_options(listed: Lister, options: dict[str, Any], expected: str) -> None:
    assert expected in listed.fails(**options)


# Cache


def _cached(listed: Lister, **options: Any) -> dict[str, Any]:
    directory = str(listed.inventories.directory / f"cache-{listed.fleet.name}-{id(listed)}")
    return {"cache": True, "cache_plugin": "jsonfile", "cache_connection": directory, **options}


def test_cache(listed: Lister) -> None:
    options = _cached(listed, groups={"web": "tags.Role == 'web'"})
    first = listed(name="kept", **options)
    assert listed(name="kept", **options) == first
    assert listed.proxy.calls["DescribeInstances"] == 1
    # Composed anew, and not asked again.
    assert listed(name="kept", **{**options, "groups": {"db": "tags.Role == 'db'"}}).groups["db"] == ["db-1"]
    assert listed.proxy.calls["DescribeInstances"] == 1
    # Another question.
    assert listed(name="kept", **options, filters={"tag:Role": "db"}).hosts == ["db-1"]
    assert listed.proxy.calls["DescribeInstances"] == 2


def test_cache_expires(listed: Lister) -> None:
    listed(name="old", **_cached(listed))
    listed(name="old", **_cached(listed, cache_timeout=-1))
    assert listed.proxy.calls["DescribeInstances"] == 2


def test_cache_on_failure(listed: Lister) -> None:
    options = _cached(listed, cache_timeout=-1)
    first = listed(name="failing", **options)
    listed.proxy.fail("DescribeInstances", "InternalError")
    assert "[InternalError]" in listed.fails(name="failing", **options)
    second = listed(name="failing", warns=True, cache_on_failure=True, **options)
    assert second.hostvars == first.hostvars
    year = datetime.now(timezone.utc).year
    assert f"the refresh failed, so this is what was read at {year}-" in second.said
    assert "[InternalError]" in second.said
    # Never the answer to another question, and nothing to hide a mistake behind.
    assert "[InternalError]" in listed.fails(name="failing", cache_on_failure=True, **options, filters={"tag:a": "b"})
    assert "hostnames" in listed.fails(name="failing", **{**options, "cache_on_failure": True, "hostnames": ["x"]})


def test_a_cache_that_is_broken_counts_as_none(listed: Lister) -> None:
    options = _cached(listed)
    listed(name="broken", **options)
    for path in listed.inventories.directory.glob(f"cache-{listed.fleet.name}-{id(listed)}/*"):
        path.write_text(path.read_text(encoding="utf-8").replace("cloudops", "something"), encoding="utf-8")
    assert len(listed(name="broken", **options).hosts) == 3
    assert listed.proxy.calls["DescribeInstances"] == 2


# Metrics and schedules


@pytest.fixture(scope="module")
def _metrics(moto: MotoServer, fleet: Fleet) -> None:
    """Of web-1 and db-1; web-2 has none."""
    client = boto3.client(
        "cloudwatch",
        endpoint_url=moto.endpoint,
        region_name=REGION,
        aws_access_key_id="testing",
        aws_secret_access_key="testing",
        config=Config(proxies={}),
    )
    for name, value in (("web-1", 91.0), ("db-1", 2.5)):
        for age in range(300, 3600, 300):
            at = datetime.fromtimestamp(time.time() - age, timezone.utc)
            datum = {
                "MetricName": "CPUUtilization",
                "Dimensions": [{"Name": "InstanceId", "Value": fleet.ids[name]}],
                "Timestamp": at,
                "Value": value,
            }
            client.put_metric_data(Namespace="AWS/EC2", MetricData=[datum])
    client.close()


METRICS = {
    "cpu": "CPUUtilization",
    "busy": {"metric": "CPUUtilization", "aggregation": "max", "threshold": {"operator": ">", "value": "80"}},
}


@pytest.mark.usefixtures("_metrics")
def test_metrics(listed: Lister) -> None:
    found = listed(
        metrics=METRICS,
        groups={
            "cpu_over_80": "metrics.cpu.value | default(0, true) > 80",
            "busy": "metrics.busy.verdict == 'breached'",
            "idle": "metrics.cpu.value is not none and metrics.cpu.value < 5",
        },
    )
    metrics = {name: variables["metrics"] for name, variables in found.hostvars.items()}
    assert {name: one["cpu"]["value"] for name, one in metrics.items()} == {"web-1": 91.0, "db-1": 2.5, "web-2": None}
    assert metrics["web-1"]["busy"]["verdict"] == "breached"
    assert metrics["web-2"]["busy"]["verdict"] == "insufficient_data"
    assert metrics["web-2"]["cpu"]["count"] == 0
    assert (found.groups["cpu_over_80"], found.groups["busy"], found.groups["idle"]) == (["web-1"], ["web-1"], ["db-1"])
    assert dict(listed.proxy.calls) == {"DescribeInstances": 1, "GetMetricData": 1}


@pytest.mark.usefixtures("_metrics")
def test_metrics_that_are_denied(listed: Lister) -> None:
    listed.proxy.fail("GetMetricData", "AccessDenied")
    assert "[AccessDenied]" in listed.fails(metrics=METRICS)
    found = listed(metrics=METRICS, strict_permissions=False, warns=True)
    assert found.hostvars["web-1"]["metrics"] == {}
    assert "get metric data" in found.said


def test_schedules(listed: Lister) -> None:
    found = listed(
        schedule={"schedules": {"office": "Mon-Fri 07:00-19:00 UTC"}, "now": "2026-03-02T22:00:00Z"},
        groups={
            "should_be_off": "schedule.state == 'off' and state.name == 'running'",
            "planned": "schedule.action != 'none'",
        },
        strict=True,
    )
    schedules = {name: variables["schedule"] for name, variables in found.hostvars.items()}
    assert {name: (one["name"], one["state"]) for name, one in schedules.items()} == {
        "web-1": ("office", "off"),
        "web-2": ("Mon-Sun 00:00-24:00 UTC", "on"),
        "db-1": ("", ""),
    }
    assert schedules["web-1"]["next_change"] == "on at 2026-03-03T07:00:00+00:00"
    assert (schedules["web-1"]["action"], schedules["web-2"]["action"]) == ("stop", "start")
    assert found.groups["should_be_off"] == ["web-1"]
    assert found.groups["planned"] == ["web-1", "web-2"]


# Examples


def test_examples(listed: Lister, moto: MotoServer, roles: list[str]) -> None:
    assert roles
    examples = list(documented(PLUGIN))
    assert len(examples) == 6
    for options in examples:
        found = listed.inventories(PLUGIN, options, env={**listed.env, "AWS_ENDPOINT_URL": moto.endpoint}, warns=True)
        assert found.hosts
        assert "left out" not in found.said
