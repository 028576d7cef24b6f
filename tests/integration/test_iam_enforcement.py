# Copyright (c) 2026 cloudops.core contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The policies of docs/iam on a server that enforces them: each role runs with its own, and every action in it is needed.

A role runs with exactly its policy, and once without each statement of it: then it has to fail, and name what is not allowed. Then each
action is taken out of the policy once, and the module that the role calls for it is run as the role runs it.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta, timezone
from typing import Any

import pytest

from tests.integration.harness import ModuleRunner, Play, PlayResult
from tests.integration.iam import REGION, Account, Policy, actions_of, policy_of, without, without_statement
from tests.servers.moto_ec2 import set_launch_time

IMAGE = "ami-12c6146b"
STATE, GRACE, STOPPED = "cloudops.core/power_schedule", "cloudops.core/idle_stop_after", "cloudops.core/idle_stopped_at"
SCALING = "cloudops.core/scaling-state"
EVENING = "2026-03-02T20:00:00Z"
OUT_OF_REACH = {
    "ec2:DescribeSpotInstanceRequests": "moto's spot instances belong to no request, so nobody asks for one. "
    "test_ec2_instance_power has it refused by a guard: spot instances are then left alone",
}
"""Actions that can't be tested here, and why."""
SIGNS = ("AccessDenied", "UnauthorizedOperation", "[403]", "'denied'", "is not authorized to perform")
WORDLESS = ("look for the bucket", "look at the object")
"""What is said where an answer has no words: it is one to HEAD."""


@dataclass(frozen=True)
class Run:
    """One run of a role."""

    without: str
    """The statement that its policy lacks; "" is the whole policy."""
    variables: dict[str, Any]
    """Without the role's name before them."""


@dataclass
class Operator:
    """Whoever runs roles and modules with a policy of docs/iam, or with a part of it."""

    account: Account
    run_module: ModuleRunner
    play: Play

    def role(self, name: str, *runs: Run) -> PlayResult:
        """Run a role several times, all but the last of them without a statement of its policy, and so denied."""
        policy = policy_of(name)
        assert [run.without for run in runs if run.without] == [statement["Sid"] for statement in policy["Statement"]]
        done = self.play(*(self._task(name, policy, run) for run in runs), env=self.account.environment)
        for statement in policy["Statement"]:
            told = str(done.named(f"without {statement['Sid']}").data)
            assert any(action in told for action in (*statement["Action"], *WORDLESS)), told
            assert any(sign in told for sign in SIGNS), told
        return done

    def _task(self, name: str, policy: Policy, run: Run) -> dict[str, Any]:
        """As an identity of its own. A denial ends up in a result that is named after the statement; without one it fails the play."""
        variables = {f"{name}_{key}": value for key, value in run.variables.items()}
        role = {"ansible.builtin.include_role": {"name": f"cloudops.core.{name}"}, "vars": variables}
        environment = self.account.identity(without_statement(policy, run.without))
        if not run.without:
            return {"block": [role], "environment": environment}
        allowed = {"name": "it was allowed", "ansible.builtin.meta": "end_play"}
        denied = {"name": f"without {run.without}", "ansible.builtin.debug": {"var": "ansible_failed_result"}}
        return {"block": [role, allowed], "rescue": [denied], "environment": environment}

    def module(
        self, role: str, removed: set[str], name: str, params: dict[str, Any], fails: bool = True
    ) -> dict[str, Any]:
        """Run a module with a role's policy without some actions."""
        with self.account.operator(without(policy_of(role), removed)):
            return self.run_module(name, params, env=self.account.environment, fails=fails, quiet=False)


@pytest.fixture(scope="module")
def operator(account: Account, run_module: ModuleRunner, play: Play) -> Operator:
    """The one whose permissions are tested."""
    return Operator(account, run_module, play)


@dataclass(frozen=True)
class Removal:
    """What a role calls with one action less."""

    action: str
    module: str
    arrange: Callable[[Account], dict[str, Any]]
    """Make what the call needs, and return its parameters."""
    says: str = ""
    """A part of the failure; otherwise the action itself."""
    also: str = ""
    """Another action that is taken away, so that the first is needed."""


def check(operator: Operator, role: str, removal: Removal) -> None:
    """Without the action it fails, with words that lead to it."""
    removed = {removal.action, *filter(None, [removal.also])}
    result = operator.module(role, removed, removal.module, removal.arrange(operator.account))
    told = f"{result['msg']} {result.get('failures')} {result.get('error')}"
    assert (removal.says or removal.action) in told
    assert any(sign in told for sign in SIGNS)


def table(removals: list[Removal]) -> Any:
    """A test for each, named by its action."""
    return pytest.mark.parametrize("removal", [pytest.param(one, id=one.action) for one in removals])


# bucket_lifecycle


def bucket(account: Account, **properties: Any) -> str:
    """A bucket with the role's tag and properties."""
    name, s3 = account.name(), account.admin("s3")
    s3.create_bucket(Bucket=name, CreateBucketConfiguration={"LocationConstraint": REGION})
    for operation, given in properties.items():
        getattr(s3, operation)(Bucket=name, **given)
    return name


NO_WEBSITE = """
{"Version": "2012-10-17", "Statement": [
  {"Effect": "Deny", "Principal": "*", "Action": "s3:PutBucketWebsite", "Resource": "arn:aws:s3:::%s"}]}
"""
PRESENT: dict[str, Any] = {"state": "present", "purge_tags": False}


def present(**options: Any) -> Callable[[Account], dict[str, Any]]:
    """The phase provision, on a bucket that is there."""
    return lambda account: {**PRESENT, "name": bucket(account), **options}


def create(account: Account) -> dict[str, Any]:
    """The phase provision, on none."""
    return {**PRESENT, "name": account.name()}


def drop_policy(account: Account) -> dict[str, Any]:
    """The phase provision, to take away a policy."""
    name = bucket(account)
    account.admin("s3").put_bucket_policy(Bucket=name, Policy=NO_WEBSITE % name)
    return {**PRESENT, "name": name, "policy": {}}


def upload(account: Account) -> dict[str, Any]:
    """The phase use."""
    return {"bucket": bucket(account), "objects": [{"key": "a", "content": "text"}]}


def remove(**options: Any) -> Callable[[Account], dict[str, Any]]:
    """The phase cleanup, on a bucket with a version, an object without one, and an unfinished upload."""

    def arrange(account: Account) -> dict[str, Any]:
        name, s3 = bucket(account), account.admin("s3")
        s3.create_multipart_upload(Bucket=name, Key="b")
        if options.get("versions"):
            s3.put_bucket_versioning(Bucket=name, VersioningConfiguration={"Status": "Enabled"})
        s3.put_object(Bucket=name, Key="a", Body=b"x")
        return {"name": name, "state": "absent", "force": True, "max_objects": 10}

    return arrange


RULES = [{"id": "old", "prefix": "logs/", "expiration": {"days": 30}}]
BLOCK = {"block_public_acls": True}
BUCKETS = [
    Removal("s3:CreateBucket", "s3_bucket", create),
    # An answer to HEAD has no words.
    Removal("s3:ListBucket", "s3_bucket", present(), says="look for the bucket"),
    Removal("s3:GetBucketTagging", "s3_bucket", present(tags={"a": "b"})),
    Removal("s3:PutBucketTagging", "s3_bucket", present(tags={"a": "b"})),
    Removal("s3:GetBucketVersioning", "s3_bucket", present(versioning="enabled")),
    Removal("s3:PutBucketVersioning", "s3_bucket", present(versioning="enabled")),
    Removal("s3:GetEncryptionConfiguration", "s3_bucket", present(encryption="AES256")),
    Removal("s3:PutEncryptionConfiguration", "s3_bucket", present(encryption="AES256")),
    Removal("s3:GetBucketOwnershipControls", "s3_bucket", present(object_ownership="BucketOwnerEnforced")),
    Removal("s3:PutBucketOwnershipControls", "s3_bucket", present(object_ownership="BucketOwnerEnforced")),
    Removal("s3:GetBucketPublicAccessBlock", "s3_bucket", present(public_access=BLOCK)),
    Removal("s3:PutBucketPublicAccessBlock", "s3_bucket", present(public_access=BLOCK)),
    Removal("s3:GetBucketPolicy", "s3_bucket", present(deny_insecure_transport=True)),
    Removal("s3:PutBucketPolicy", "s3_bucket", present(deny_insecure_transport=True)),
    Removal("s3:DeleteBucketPolicy", "s3_bucket", drop_policy),
    Removal("s3:GetLifecycleConfiguration", "s3_bucket", present(lifecycle_rules=RULES)),
    Removal("s3:PutLifecycleConfiguration", "s3_bucket", present(lifecycle_rules=RULES)),
    Removal("s3:GetObject", "s3_objects", upload, says="look at the object"),
    Removal("s3:PutObject", "s3_objects", upload),
    Removal("s3:ListBucketVersions", "s3_bucket", remove()),
    Removal("s3:ListBucketMultipartUploads", "s3_bucket", remove()),
    Removal("s3:AbortMultipartUpload", "s3_bucket", remove(), says="such as b (upload"),
    Removal("s3:DeleteObject", "s3_bucket", remove(), says="AccessDenied, such as a)"),
    Removal("s3:DeleteObjectVersion", "s3_bucket", remove(versions=True), says="such as a (object"),
    Removal("s3:DeleteBucket", "s3_bucket", remove()),
]


@table(BUCKETS)
def test_bucket_lifecycle_needs(operator: Operator, removal: Removal) -> None:
    check(operator, "bucket_lifecycle", removal)


def life_of(name: str) -> dict[str, Any]:
    """A bucket from its making to its end."""
    return {
        "name": name,
        "versioning": "enabled",
        "encryption": "AES256",
        "object_ownership": "BucketOwnerEnforced",
        "block_public_access": True,
        # Not deny_insecure_transport: the server has no TLS, and moto keeps to what its buckets deny.
        "policy": NO_WEBSITE % name,
        "rules": RULES,
        "tags": {"team": "storage"},
    }


def test_bucket_lifecycle(operator: Operator, account: Account) -> None:
    runs = [Run(sid, life_of(account.name())) for sid in ("MakeAndRemoveBuckets", "ConfigureBuckets")]
    # One that is there: what can't be uploaded can't be removed either.
    adopted = {"name": bucket(account), "adopt": True}
    runs += [Run("UploadAndRemoveObjects", adopted), Run("", life_of(account.name()))]
    done = operator.role("bucket_lifecycle", *runs)
    results = [one for one in done.tasks if one.name == "cloudops.core.bucket_lifecycle : Gather the results"]
    result = results[-1]["ansible_facts"]["bucket_lifecycle_result"]
    assert len(result["properties"]) >= 7
    assert (result["uploaded"], result["cleaned_up"]) == (1, ["remove contents", "delete bucket"])


# power_schedule and idle_instances


def instances(account: Account, count: int = 1, **tags: str) -> list[str]:
    """Instances with tags."""
    given = [{"ResourceType": "instance", "Tags": [{"Key": key, "Value": value} for key, value in tags.items()]}]
    answer = account.admin("ec2").run_instances(
        ImageId=IMAGE, MinCount=count, MaxCount=count, TagSpecifications=given if tags else []
    )
    return [item["InstanceId"] for item in answer["Instances"]]


def states(account: Account, ids: list[str]) -> list[str]:
    """Their states, in the order of the ids."""
    answer = account.admin("ec2").describe_instances(InstanceIds=ids)
    found = {one["InstanceId"]: one["State"]["Name"] for group in answer["Reservations"] for one in group["Instances"]}
    return [found[one] for one in ids]


def tags_of(account: Account, instance: str) -> dict[str, str]:
    """Its tags."""
    answer = account.admin("ec2").describe_tags(Filters=[{"Name": "resource-id", "Values": [instance]}])
    return {tag["Key"]: tag["Value"] for tag in answer["Tags"]}


def facts(**tags: str) -> Callable[[Account], dict[str, Any]]:
    """Reading a fleet."""
    return lambda account: {"instance_ids": instances(account, **tags)}


def power(state: str, **tags: str) -> Callable[[Account], dict[str, Any]]:
    """Starting or stopping a fleet."""

    def arrange(account: Account) -> dict[str, Any]:
        ids = instances(account, **tags)
        if state == "running":
            account.admin("ec2").stop_instances(InstanceIds=ids)
        return {"state": state, "instance_ids": ids, "settle_time": 0}

    return arrange


def tagging(key: str, value: str | None, **tags: str) -> Callable[[Account], dict[str, Any]]:
    """Writing a tag, or removing it."""

    def arrange(account: Account) -> dict[str, Any]:
        before = {key: "x"} if value is None else {}
        wish = {"remove_tags": [key]} if value is None else {"tags": {key: value}}
        return {"resources": [{"id": instances(account, **tags, **before)[0], **wish}]}

    return arrange


BY_SCHEDULE, BY_TAG = {"Schedule": "office"}, {"environment": "test"}
POWER = [
    Removal("ec2:DescribeInstances", "ec2_instance_info", facts(**BY_SCHEDULE)),
    Removal("ec2:DescribeTags", "ec2_tag", tagging(STATE, "running", **BY_SCHEDULE)),
    Removal("ec2:StartInstances", "ec2_instance_power", power("running", **BY_SCHEDULE)),
    Removal("ec2:StopInstances", "ec2_instance_power", power("stopped", **BY_SCHEDULE)),
    Removal("ec2:CreateTags", "ec2_tag", tagging(STATE, "running", **BY_SCHEDULE)),
]
MORE_POWER = [
    Removal("start without a schedule", "ec2_instance_power", power("running"), says="ec2:StartInstances"),
    Removal("stop without a schedule", "ec2_instance_power", power("stopped"), says="ec2:StopInstances"),
    Removal("another tag", "ec2_tag", tagging("owner", "me", **BY_SCHEDULE), says="ec2:CreateTags"),
    Removal("tag without a schedule", "ec2_tag", tagging(STATE, "running"), says="ec2:CreateTags"),
]


@table(POWER)
def test_power_schedule_needs(operator: Operator, removal: Removal) -> None:
    check(operator, "power_schedule", removal)


@table(MORE_POWER)
def test_power_schedule_allows_no_more(operator: Operator, removal: Removal) -> None:
    refuse(operator, "power_schedule", removal)


def refuse(operator: Operator, role: str, attempt: Removal) -> None:
    """The whole policy does not allow it."""
    result = operator.module(role, set(), attempt.module, attempt.arrange(operator.account))
    assert attempt.says in f"{result['msg']} {result.get('failures')}"


def test_power_schedule(operator: Operator, account: Account) -> None:
    hours = [{"Schedule": text} for text in ("Mon-Sun 19:00-23:00 UTC", "Mon-Sun 08:00-18:00 UTC")]
    fleets = [[instances(account, **tags)[0] for tags in hours] for _run in range(4)]
    account.admin("ec2").stop_instances(InstanceIds=[late for late, _early in fleets])
    sids = ("Look", "StartAndStop", "Remember", "")
    common = {"now": EVENING, "settle_time": 0}
    runs = [Run(sid, {**common, "instance_ids": fleet}) for sid, fleet in zip(sids, fleets, strict=True)]
    operator.role("power_schedule", *runs)
    assert states(account, fleets[1]) == ["stopped", "running"]
    assert states(account, fleets[3]) == ["running", "stopped"]
    assert [tags_of(account, one)[STATE] for one in fleets[3]] == ["running", "stopped"]


def measure(_account: Account) -> dict[str, Any]:
    """Asking for a metric."""
    return {"metric": "CPUUtilization", "instance_ids": ["i-0123456789abcdef0"], "last": "1h"}


IDLE = [
    Removal("ec2:DescribeInstances", "ec2_instance_info", facts(**BY_TAG)),
    Removal("cloudwatch:GetMetricData", "cloudwatch_metric_info", measure),
    Removal("ec2:DescribeTags", "ec2_tag", tagging(GRACE, "2026-03-01", **BY_TAG)),
    Removal("ec2:StopInstances", "ec2_instance_power", power("stopped", **BY_TAG)),
    Removal("ec2:CreateTags", "ec2_tag", tagging(STOPPED, "2026-03-01", **BY_TAG)),
    Removal("ec2:DeleteTags", "ec2_tag", tagging(GRACE, None, **BY_TAG)),
]
MORE_IDLE = [
    Removal("stop others", "ec2_instance_power", power("stopped", environment="production"), says="ec2:StopInstances"),
    Removal("another tag", "ec2_tag", tagging("owner", None, **BY_TAG), says="ec2:DeleteTags"),
    Removal("start", "ec2_instance_power", power("running", **BY_TAG), says="ec2:StartInstances"),
]


@table(IDLE)
def test_idle_instances_needs(operator: Operator, removal: Removal) -> None:
    check(operator, "idle_instances", removal)


@table(MORE_IDLE)
def test_idle_instances_allows_no_more(operator: Operator, removal: Removal) -> None:
    refuse(operator, "idle_instances", removal)


def idle_fleet(account: Account) -> list[str]:
    """One that is idle, one that has been for long, and one that no longer is."""
    idle, over, busy = instances(account, 3, environment="test")
    set_launch_time(account.endpoint, REGION, [idle, over, busy], datetime.now(timezone.utc) - timedelta(days=9))
    tags = [{"Key": GRACE, "Value": "2026-03-01T00:00:00Z"}]
    account.admin("ec2").create_tags(Resources=[over, busy], Tags=tags)
    now = datetime.now(timezone.utc).replace(minute=0, second=0, microsecond=0)
    data = [
        {
            "MetricName": "CPUUtilization",
            "Dimensions": [{"Name": "InstanceId", "Value": one}],
            "Timestamp": now - timedelta(minutes=30 + 60 * hour),
            "Value": 60 if one == busy else 1,
        }
        for one in (idle, over, busy)
        for hour in range(3)
    ]
    account.admin("cloudwatch").put_metric_data(Namespace="AWS/EC2", MetricData=data)
    return [idle, over, busy]


def test_idle_instances(operator: Operator, account: Account) -> None:
    sids = ("Look", "Stop", "Tag", "")
    fleets = [idle_fleet(account) for _sid in sids]
    common = {"window": "2h", "steps": ["tag", "stop"]}
    runs = [Run(sid, {**common, "instance_ids": fleet}) for sid, fleet in zip(sids, fleets, strict=True)]
    operator.role("idle_instances", *runs)
    idle, over, busy = fleets[3]
    assert states(account, fleets[3]) == ["running", "stopped", "running"]
    assert set(tags_of(account, idle)) == {"environment", GRACE}
    assert STOPPED in tags_of(account, over)
    assert set(tags_of(account, busy)) == {"environment"}


# autoscale and scale_schedule


def group(account: Account, environment: str = "test", sick: bool = False) -> str:
    """A group with one instance, and with room for five."""
    name, client = account.name(), account.admin("autoscaling")
    if not client.describe_launch_configurations()["LaunchConfigurations"]:
        client.create_launch_configuration(LaunchConfigurationName="small", ImageId=IMAGE, InstanceType="t3.micro")
    tag = {"Key": "environment", "Value": environment, "PropagateAtLaunch": False}
    client.create_auto_scaling_group(
        AutoScalingGroupName=name,
        MinSize=0,
        MaxSize=5,
        DesiredCapacity=1,
        LaunchConfigurationName="small",
        AvailabilityZones=[f"{REGION}a"],
        Tags=[tag],
    )
    if sick:
        members = client.describe_auto_scaling_groups(AutoScalingGroupNames=[name])["AutoScalingGroups"][0]["Instances"]
        client.set_instance_health(InstanceId=members[0]["InstanceId"], HealthStatus="Unhealthy")
    return name


def size(account: Account, name: str) -> int:
    """What a group is to have."""
    answer = account.admin("autoscaling").describe_auto_scaling_groups(AutoScalingGroupNames=[name])
    desired: int = answer["AutoScalingGroups"][0]["DesiredCapacity"]
    return desired


def scaling(wait: bool = False, **options: Any) -> Callable[[Account], dict[str, Any]]:
    """Letting a group follow a metric."""

    def arrange(account: Account) -> dict[str, Any]:
        rules = [{"metric": "load", "type": "average_value", "target": 10}]
        return {
            "names": [group(account, **options)],
            "policy": {"min": 1, "max": 4, "rules": rules},
            "metrics": [{"name": "load", "value": 30, "timestamp": "2026-03-01T10:00:00Z"}],
            "now": "2026-03-01T10:00:00Z",
            "wait": wait,
            "wait_timeout": 1,
        }

    return arrange


def queue(account: Account, name: str = "") -> dict[str, Any]:
    """Looking at a queue."""
    name = name or account.name()
    account.admin("sqs").create_queue(QueueName=name)
    return {"names": [name], "measure": "visible"}


SCALE = [
    Removal("autoscaling:DescribeAutoScalingGroups", "autoscaling_group_scale", scaling()),
    Removal("autoscaling:DescribePolicies", "autoscaling_group_scale", scaling()),
    Removal("autoscaling:DescribeScheduledActions", "autoscaling_group_scale", scaling()),
    Removal("autoscaling:DescribeInstanceRefreshes", "autoscaling_group_scale", scaling()),
    Removal("autoscaling:SetDesiredCapacity", "autoscaling_group_scale", scaling()),
    Removal("autoscaling:CreateOrUpdateTags", "autoscaling_group_scale", scaling()),
    # It is needed to take back what was remembered of a change that was refused.
    Removal(
        "autoscaling:DeleteTags",
        "autoscaling_group_scale",
        scaling(),
        says=f"tag {SCALING} could not be put back (AccessDenied)",
        also="autoscaling:SetDesiredCapacity",
    ),
]
# It is needed to say why a group does not get there; one whose instance is ill never does.
EXPLAIN = Removal(
    "autoscaling:DescribeScalingActivities",
    "autoscaling_group_scale",
    scaling(wait=True, sick=True),
    says="scaling activities can't be read (AccessDenied)",
)
MORE_SCALE = [
    Removal("other groups", "autoscaling_group_scale", scaling(environment="production"), says="autoscaling:"),
    Removal("other queues", "sqs_queue_info", lambda account: queue(account, "orders"), says="sqs:GetQueueUrl"),
]
MEASURE = [
    Removal("cloudwatch:GetMetricData", "cloudwatch_metric_info", measure),
    Removal("sqs:GetQueueUrl", "sqs_queue_info", queue),
    Removal("sqs:GetQueueAttributes", "sqs_queue_info", queue),
]


@table([*MEASURE, *SCALE])
def test_autoscale_needs(operator: Operator, removal: Removal) -> None:
    check(operator, "autoscale", removal)


def test_why_a_group_does_not_get_there(operator: Operator) -> None:
    explained = operator.module("autoscale", set(), EXPLAIN.module, EXPLAIN.arrange(operator.account))
    assert EXPLAIN.says not in explained["msg"]
    result = operator.module("autoscale", {EXPLAIN.action}, EXPLAIN.module, EXPLAIN.arrange(operator.account))
    assert EXPLAIN.says in f"{result['msg']} {result['failures']}"


def test_scale_schedule_needs_what_autoscale_needs_to_scale() -> None:
    theirs = [one for one in policy_of("autoscale")["Statement"] if not one["Sid"].startswith("Measure")]
    assert policy_of("scale_schedule")["Statement"] == theirs


@table(MORE_SCALE)
def test_autoscale_allows_no_more(operator: Operator, removal: Removal) -> None:
    refuse(operator, "autoscale", removal)


def loads(account: Account) -> tuple[str, dict[str, Any]]:
    """A queue with work for three, and a metric that says the same."""
    name = queue(account)["names"][0]
    url = account.admin("sqs").get_queue_url(QueueName=name)["QueueUrl"]
    for _number in range(3):
        account.admin("sqs").send_message(QueueUrl=url, MessageBody="work")
    datum = {"MetricName": "Load", "Value": 30, "Timestamp": time.time() - 150}
    account.admin("cloudwatch").put_metric_data(Namespace="Shop", MetricData=[datum])
    metric = {"cloudwatch_namespace": "Shop", "cloudwatch_metric": "Load", "per_replica": 10}
    return name, {"source": "cloudwatch", **metric}


def test_autoscale(operator: Operator, account: Account) -> None:
    queue_name, by_metric = loads(account)
    by_queue = {"source": "sqs", "queues": [queue_name], "per_replica": 1}
    sids = ("Measure", "MeasureQueues", "Look", "Scale", "Remember", "", "")
    sources = (by_metric, *[by_queue] * 5, by_metric)
    names = [group(account) for _sid in sids]
    common = {"target": "autoscaling_group", "min": 1, "max": 4, "wait": True}
    runs = [
        Run(sid, {**common, **source, "names": [name]}) for sid, source, name in zip(sids, sources, names, strict=True)
    ]
    operator.role("autoscale", *runs)
    assert [size(account, name) for name in names] == [1, 1, 1, 1, 1, 3, 3]


def test_scale_schedule(operator: Operator, account: Account) -> None:
    names = [group(account) for _run in range(4)]
    hours = {"target": "autoscaling_group", "when": "Mon 19:00-23:00", "desired": 3, "now": EVENING}
    runs = [
        Run(sid, {**hours, "names": [name]}) for sid, name in zip(("Look", "Scale", "Remember", ""), names, strict=True)
    ]
    operator.role("scale_schedule", *runs)
    assert [size(account, name) for name in names] == [1, 1, 1, 3]


# The tables


@pytest.mark.parametrize(
    ("role", "removals"),
    [
        ("bucket_lifecycle", BUCKETS),
        ("power_schedule", POWER),
        ("idle_instances", IDLE),
        ("autoscale", [*MEASURE, *SCALE, EXPLAIN]),
    ],
)
def test_every_action_is_taken_away_once(role: str, removals: list[Removal]) -> None:
    allowed = actions_of(policy_of(role))
    assert sorted({one.action for one in removals} | (set(OUT_OF_REACH) & set(allowed))) == allowed
