# Copyright (c) 2026 cloudops.core contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""From tasks to plans: what isn't given is untouched, what was applied isn't applied again, and the order is one the service takes."""

from __future__ import annotations

import copy
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Any

import pytest
from ansible_collections.cloudops.core.plugins.module_utils._aws import s3_shapes as shapes
from ansible_collections.cloudops.core.plugins.module_utils._aws.s3 import APIS
from ansible_collections.cloudops.core.plugins.module_utils._core.errors import (
    CloudOpsError,
    Conflict,
    Denied,
    Invalid,
    Throttled,
    Timeout,
    Unavailable,
)
from ansible_collections.cloudops.core.plugins.module_utils._core.plan import Plan, Step
from ansible_collections.cloudops.core.plugins.module_utils._domain.bucket_options import settings_from
from ansible_collections.cloudops.core.plugins.module_utils._domain.bucket_policy import deny_insecure_statement
from ansible_collections.cloudops.core.plugins.module_utils._domain.buckets import (
    ABSENT,
    PROPERTIES,
    UNKNOWN,
    VALUE,
    Bucket,
    Desired,
    Reading,
    in_safe_order,
    plan_present,
)
from hypothesis import given
from hypothesis import strategies as st

from tests.unit.bucket_strategies import FLAGS, GROUPS, module_options, tasks
from tests.unit.wire import sent_and_answered

ARN = "arn:aws:s3:::example-bucket"
DENY = deny_insecure_statement(ARN)
STATEMENT = {"Sid": "Read", "Effect": "Allow", "Principal": "*", "Action": "s3:GetObject", "Resource": f"{ARN}/*"}

# https://docs.aws.amazon.com/AmazonS3/latest/userguide/create-bucket-faq.html
AMAZON: Mapping[str, Any] = MappingProxyType(
    {
        "encryption": shapes.encryption("AES256", None, False),
        "public_access": dict.fromkeys(FLAGS, True),
        "object_ownership": "BucketOwnerEnforced",
    }
)
SERVERS = st.sampled_from([AMAZON, {}])

# The value of a property that nobody configured, where the service answers with one.
_UNSET = {"acl": "private", "requester_pays": False, "acceleration": False}


def _operation(method: str) -> str:
    return "".join(word.title() for word in method.split("_"))


@dataclass
class Server:
    """Keeps the properties of one bucket, each as it comes back from the wire."""

    fresh: Mapping[str, Any] = field(default_factory=dict)
    properties: dict[str, Any] | None = None

    def read(self, names: Mapping[str, Any]) -> Bucket | None:
        if self.properties is None:
            return None
        readings = {}
        for name in names:
            value = self.properties.get(name, _UNSET.get(name))
            readings[name] = Reading(ABSENT if value is None else VALUE, copy.deepcopy(value))
        return Bucket("example-bucket", "eu-central-1", readings)

    def apply(self, plan: Plan) -> None:
        for step in plan.steps:
            if step == Step("create", "bucket"):
                assert self.properties is None
                self.properties = copy.deepcopy(dict(self.fresh))
                if plan.after.get("object_lock"):
                    self.properties |= {"object_lock": {"enabled": True, "default_retention": None}}
                    self.properties["versioning"] = "enabled"
                continue
            assert self.properties is not None
            api = APIS[step.subject]
            if step.action == "delete":
                assert step.value is None
                assert api.delete or api.none, f"there is no way to remove {step.subject}"
                assert step.subject in self.properties, f"{step.subject} is removed, but not there"
                del self.properties[step.subject]
            else:
                assert step.action == "put"
                self.properties[step.subject] = self._kept(step.subject, step.value)

    def _kept(self, name: str, value: Any) -> Any:
        api = APIS[name]
        if name == "acl":
            return value
        if name == "policy":
            return api.read(api.write(value))
        read = api.read(sent_and_answered(_operation(api.put), api.write(value), _operation(api.get)))
        if name == "lifecycle_rules":
            return [{"id": f"made-up-{index}", **rule} for index, rule in enumerate(read)]
        return read


def desired(task: Mapping[str, Any], fresh: Mapping[str, Any] = AMAZON) -> Desired:
    """What a task wants, by way of the module's own options."""
    settings = settings_from(module_options(**task), AMAZON["encryption"] if fresh else None)
    return Desired("example-bucket", ARN, "", settings)


def run(server: Server, task: Mapping[str, Any]) -> Plan:
    """Run a task."""
    want = desired(task, server.fresh)
    plan = plan_present(server.read(want.settings), want, server.fresh)
    server.apply(plan)
    return plan


def some_bucket(fresh: Mapping[str, Any], *earlier: Mapping[str, Any]) -> Server:
    """A bucket that these tasks were run on."""
    server = Server(fresh)
    for task in ({}, *earlier):
        run(server, task)
    return server


def means(name: str, value: Any) -> Any:
    return PROPERTIES[name].canonical(value)


# ---- every property, and all of them together


@pytest.mark.parametrize("name", sorted(GROUPS))
@given(data=st.data(), fresh=SERVERS)
def test_each_property_is_set_once(name: str, data: st.DataObject, fresh: Mapping[str, Any]) -> None:
    """From anything to anything else: the second run finds nothing to do."""
    earlier, task = data.draw(GROUPS[name]), data.draw(GROUPS[name])
    server = some_bucket(fresh, earlier)
    run(server, task)
    again = run(server, task)
    assert again.actions() == []
    assert again.before == again.after


@given(earlier=tasks(), task=tasks(least=2), fresh=SERVERS)
def test_a_second_run_finds_nothing_to_do(earlier: Any, task: Any, fresh: Mapping[str, Any]) -> None:
    server = some_bucket(fresh, earlier)
    run(server, task)
    assert run(server, task).actions() == []


@given(task=tasks(least=1), fresh=SERVERS)
def test_a_new_bucket_is_made_and_set_in_one_run(task: Any, fresh: Mapping[str, Any]) -> None:
    server = Server(fresh)
    plan = run(server, task)
    assert plan.actions()[0] == "create bucket"
    assert plan.before == {"state": "absent"}
    assert run(server, task).actions() == []


@given(earlier=tasks(), task=tasks(), fresh=SERVERS, new=st.booleans())
def test_what_isnt_given_is_neither_read_nor_written(
    earlier: Any, task: Any, fresh: Mapping[str, Any], new: bool
) -> None:
    server = Server(fresh) if new else some_bucket(fresh, earlier)
    before = copy.deepcopy(dict(fresh) if new else server.properties) or {}
    want = desired(task, fresh)
    current = server.read(want.settings)
    if current is not None:
        refused = {name: Reading(UNKNOWN, code="AccessDenied") for name in PROPERTIES if name not in want.settings}
        current = Bucket(current.name, current.region, {**refused, **current.readings})
    plan = plan_present(current, want, fresh)
    assert {step.subject for step in plan.steps} <= {*want.settings, "bucket"}
    assert set(plan.before) <= {*want.settings, "state"}
    assert set(plan.after) == {*want.settings, "state"}
    server.apply(plan)
    versioned = {"versioning"} if new and "object_lock" in want.settings else set()
    for name in set(PROPERTIES) - set(want.settings) - versioned:
        assert (server.properties or {}).get(name) == before.get(name)


@given(earlier=tasks(), task=tasks(least=1), fresh=SERVERS)
def test_check_mode_tells_what_there_will_be(earlier: Any, task: Any, fresh: Mapping[str, Any]) -> None:
    server = some_bucket(fresh, earlier)
    plan = run(server, task)
    settings = desired(task, fresh).settings
    found = server.read(settings)
    assert found is not None
    changed = {step.subject for step in plan.steps}
    for name in settings:
        value = found.readings[name].value
        if name == "lifecycle_rules":
            value, after = ([{**rule, "id": ""} for rule in rules or []] for rules in (value, plan.after[name]))
            assert means(name, value) == means(name, after)
        else:
            assert means(name, value) == means(name, plan.after[name])
        assert (plan.before[name] == plan.after[name]) is (name not in changed)


@given(earlier=tasks(), task=tasks(), fresh=SERVERS)
def test_planning_changes_nothing_in_place(earlier: Any, task: Any, fresh: Mapping[str, Any]) -> None:
    server = some_bucket(fresh, earlier)
    want = desired(task, fresh)
    current = server.read(want.settings)
    copies = copy.deepcopy((current, want, dict(fresh)))
    plan_present(current, want, fresh)
    assert copies == (current, want, dict(fresh))


@given(earlier=tasks(), task=tasks(least=2), fresh=SERVERS, new=st.booleans())
def test_steps_come_in_an_order_that_the_service_takes(
    earlier: Any, task: Any, fresh: Mapping[str, Any], new: bool
) -> None:
    server = Server(fresh) if new else some_bucket(fresh, earlier)
    want = desired(task, fresh)
    steps = plan_present(server.read(want.settings), want, fresh).steps
    place = {step.subject: index for index, step in enumerate(steps)}
    enforced = any(step == Step("put", "object_ownership", "BucketOwnerEnforced") for step in steps)
    pairs = [("bucket", name) for name in PROPERTIES]
    pairs += [("public_access", "acl"), ("public_access", "policy"), ("public_access", "object_ownership")]
    pairs += [("versioning", "object_lock"), ("acl", "policy")]
    pairs += [("acl", "object_ownership") if enforced else ("object_ownership", "acl")]
    for first, second in pairs:
        assert place.get(first, -1) < place.get(second, len(steps))
    assert len(place) == len(steps)


@given(st.permutations([Step("put", name, "x") for name in PROPERTIES]))
def test_ordering_loses_nothing(steps: list[Step]) -> None:
    assert sorted(in_safe_order(steps), key=str) == sorted(steps, key=str)


# ---- one by one


def plan_for(task: Mapping[str, Any], fresh: Mapping[str, Any] = AMAZON, **properties: Any) -> Plan:
    """The plan for a task on a bucket with these properties."""
    want = desired(task, fresh)
    return plan_present(Server(fresh, properties).read(want.settings), want, fresh)


BLOCKED, OPEN = dict.fromkeys(FLAGS, True), dict.fromkeys(FLAGS, False)
KMS = {"algorithm": "aws:kms", "key_id": "alias/a", "bucket_key_enabled": True}
LOCK = {"enabled": True, "default_retention": {"mode": "GOVERNANCE", "days": 1}}


@pytest.mark.parametrize(
    ("properties", "task", "steps"),
    [
        pytest.param({}, {}, [], id="nothing asked"),
        pytest.param({}, {"tags": {}}, [], id="no tags asked, none there"),
        pytest.param({"tags": {"a": "b"}}, {"tags": {}}, [Step("delete", "tags")], id="all tags go"),
        pytest.param({"tags": {"a": "b"}}, {"tags": {}, "purge_tags": False}, [], id="all tags stay"),
        pytest.param(
            {"tags": {"a": "b", "c": "d"}},
            {"tags": {"c": "e"}, "purge_tags": False},
            [Step("put", "tags", {"a": "b", "c": "e"})],
            id="tags are added",
        ),
        pytest.param(
            {"tags": {"aws:cloudformation:stack-name": "s", "a": "b"}},
            {"tags": {}},
            [Step("put", "tags", {"aws:cloudformation:stack-name": "s"})],
            id="tags of AWS stay",
        ),
        pytest.param({"tags": {"aws:x": "s"}}, {"tags": {}}, [], id="tags of AWS alone"),
        pytest.param({}, {"versioning": "suspended"}, [], id="suspended is content with never versioned"),
        pytest.param(
            {"versioning": "enabled"}, {"versioning": "false"}, [Step("put", "versioning", "suspended")], id="suspend"
        ),
        pytest.param({"encryption": KMS}, {"encryption": "aws:kms"}, [], id="the key that is there stays"),
        pytest.param(
            {"encryption": KMS},
            {"encryption": "aws:kms", "encryption_key_id": "alias/b"},
            [Step("put", "encryption", {**KMS, "key_id": "alias/b"})],
            id="another key, the same bucket key",
        ),
        pytest.param(
            {"encryption": KMS},
            {"encryption": "aws:kms:dsse"},
            [Step("put", "encryption", {"algorithm": "aws:kms:dsse", "key_id": None, "bucket_key_enabled": False})],
            id="another algorithm doesn't inherit the key",
        ),
        pytest.param(
            {"encryption": KMS},
            {"encryption": "none"},
            [Step("put", "encryption", AMAZON["encryption"])],
            id="AWS's own",
        ),
        pytest.param({"encryption": AMAZON["encryption"]}, {"encryption": "none"}, [], id="none is AWS's own"),
        pytest.param(
            {"public_access": BLOCKED},
            {"public_access": {"block_public_acls": False}},
            [Step("put", "public_access", {**BLOCKED, "block_public_acls": False})],
            id="one flag, the others stay",
        ),
        pytest.param({}, {"public_access": {"block_public_acls": False}}, [], id="a flag that is off anyway"),
        pytest.param({"public_access": OPEN}, {"delete_public_access": True}, [], id="four times off is none"),
        pytest.param(
            {"public_access": BLOCKED}, {"delete_public_access": True}, [Step("delete", "public_access")], id="unblock"
        ),
        pytest.param({}, {"acl": "private"}, [], id="private anyway"),
        pytest.param({"acl": "custom"}, {"acl": "private"}, [Step("put", "acl", "private")], id="grants of all sorts"),
        pytest.param(
            {"policy": {"Version": "2012-10-17", "Statement": [STATEMENT, DENY]}},
            {"policy": {}},
            [Step("put", "policy", {"Version": "2012-10-17", "Statement": [DENY]})],
            id="the policy goes, our statement stays",
        ),
        pytest.param(
            {"policy": {"Version": "2012-10-17", "Statement": [STATEMENT, DENY]}},
            {"policy": {}, "deny_insecure_transport": False},
            [Step("delete", "policy")],
            id="both go",
        ),
        pytest.param(
            {"policy": {"Version": "2012-10-17", "Statement": [STATEMENT]}},
            {"deny_insecure_transport": True},
            [Step("put", "policy", {"Version": "2012-10-17", "Statement": [STATEMENT, DENY]})],
            id="our statement is added",
        ),
        pytest.param(
            {"policy": {"Version": "2012-10-17", "Statement": [STATEMENT, DENY]}},
            {"policy": {"Version": "2012-10-17", "Statement": STATEMENT}},
            [],
            id="the policy is the same but for our statement",
        ),
        pytest.param({}, {"policy": {}, "deny_insecure_transport": False}, [], id="no policy, and none asked"),
        pytest.param({"object_lock": LOCK}, {"object_lock_enabled": True}, [], id="the retention stays"),
        pytest.param(
            {"object_lock": LOCK},
            {"object_lock_default_retention": {}},
            [Step("put", "object_lock", {"enabled": True, "default_retention": None})],
            id="the retention goes",
        ),
        pytest.param(
            {},
            {"object_lock_default_retention": {}},
            [],
            id="no retention to remove: no lock, which could never be taken off again",
        ),
        pytest.param({}, {"object_lock_enabled": False}, [], id="no lock, and none asked"),
        pytest.param({}, {"lifecycle_rules": []}, [], id="no rules"),
        pytest.param({}, {"logging": {"enabled": False}}, [], id="no logging"),
        pytest.param({}, {"cors": []}, [], id="no CORS"),
        pytest.param({}, {"requester_pays": False}, [], id="owner pays anyway"),
        pytest.param(
            {"requester_pays": True}, {"requester_pays": False}, [Step("put", "requester_pays", False)], id="owner pays"
        ),
        pytest.param({}, {"acceleration": False}, [], id="no acceleration anyway"),
    ],
)
def test_plan(properties: dict[str, Any], task: dict[str, Any], steps: list[Step]) -> None:
    assert list(plan_for(task, **properties).steps) == steps


@pytest.mark.parametrize(
    ("task", "steps"),
    [
        pytest.param({}, [], id="nothing asked"),
        pytest.param({"acl": "private"}, [], id="private"),
        pytest.param({"versioning": "suspended"}, [], id="suspended"),
        pytest.param({"encryption": "AES256"}, ["put encryption"], id="the default, in case the account has another"),
        pytest.param({"public_access": BLOCKED}, ["put public_access"], id="the default block"),
        pytest.param({"public_access": OPEN}, ["put public_access"], id="no block"),
        pytest.param({"delete_public_access": True}, ["delete public_access"], id="block removed"),
        pytest.param({"delete_object_ownership": True}, ["delete object_ownership"], id="ownership removed"),
        pytest.param({"object_lock_enabled": True}, [], id="the lock comes with the bucket"),
        pytest.param(
            {"object_lock_default_retention": {"mode": "GOVERNANCE", "days": 1}}, ["put object_lock"], id="retention"
        ),
        pytest.param(
            {
                "object_ownership": "BucketOwnerPreferred",
                "acl": "public-read",
                "public_access": {"block_public_acls": False},
                "tags": {"a": "b"},
            },
            ["put public_access", "put object_ownership", "put acl", "put tags"],
            id="opened from the outside in",
        ),
    ],
)
def test_plan_of_a_new_bucket(task: dict[str, Any], steps: list[str]) -> None:
    assert plan_present(None, desired(task), AMAZON).actions() == ["create bucket", *steps]


def test_elsewhere_nothing_is_removed_that_was_never_there() -> None:
    """Some servers take a DELETE that they don't know for one of the whole bucket."""
    task = {
        "delete_public_access": True,
        "delete_object_ownership": True,
        "encryption": "none",
        "policy": {},
        "cors": [],
        "tags": {},
        "lifecycle_rules": [],
        "logging": {"enabled": False},
    }
    assert plan_present(None, desired(task, {}), {}).actions() == ["create bucket"]
    assert plan_for(task, {}).actions() == []


def test_a_lock_is_never_taken_off() -> None:
    with pytest.raises(Invalid, match="can't turn it off"):
        plan_for({"object_lock_enabled": False}, object_lock=LOCK)


def test_ownership_is_enforced_after_the_acl_is_private() -> None:
    task = {"acl": "private", "object_ownership": "BucketOwnerEnforced"}
    plan = plan_for(task, acl="public-read", object_ownership="ObjectWriter")
    assert plan.actions() == ["put acl", "put object_ownership"]


@pytest.mark.parametrize("name", sorted(PROPERTIES))
def test_what_cant_be_read_is_an_error_that_names_it(name: str) -> None:
    current = Bucket("example-bucket", "", {name: Reading(UNKNOWN, code="AccessDenied", message="no")})
    with pytest.raises(CloudOpsError) as caught:
        plan_present(current, Desired("example-bucket", ARN, "", {name: None}), {})
    assert isinstance(caught.value, Denied)
    assert str(caught.value).startswith(
        f"Could not read the {name.replace('_', ' ')} of bucket example-bucket: no [AccessDenied]"
    )


@pytest.mark.parametrize(
    ("kind", "hint"),
    [
        (Denied, "allow the read, or leave the option out"),
        (Invalid, "leave the option out"),
        (Throttled, "Run again."),
        (Unavailable, "Run again."),
        (Timeout, "Run again."),
    ],
)
def test_what_cant_be_read_keeps_the_kind_of_its_error(kind: type[CloudOpsError], hint: str) -> None:
    current = Bucket("b", "", {"acl": Reading(UNKNOWN, code="X", message="no", kind=kind.kind)})
    with pytest.raises(CloudOpsError) as caught:
        plan_present(current, Desired("b", ARN, "", {"acl": "private"}), {})
    assert caught.value.__class__ is kind
    assert hint in caught.value.hint
    assert ("allow" in caught.value.hint) is (kind is Denied)


def test_a_bucket_elsewhere_is_refused_before_anything_else() -> None:
    current = Bucket("b", "eu-central-1", {"tags": Reading(UNKNOWN, code="AccessDenied")})
    with pytest.raises(Conflict, match="eu-central-1"):
        plan_present(current, Desired("b", ARN, "us-east-1", {"tags": {"tags": {}, "purge": True}}), {})


def test_only_the_diff_of_a_new_bucket_names_the_region() -> None:
    assert plan_present(None, Desired("b", ARN, "eu-central-1"), {}).after == {
        "state": "present",
        "region": "eu-central-1",
    }
    assert plan_present(Bucket("b", "eu-central-1"), Desired("b", ARN, "eu-central-1"), {}).after == {
        "state": "present"
    }


# ---- comparison


def _orders(*rules: dict[str, Any]) -> Iterator[list[dict[str, Any]]]:
    yield list(rules)
    yield list(reversed(rules))


def test_the_order_of_cors_rules_counts() -> None:
    one = {"allowed_origins": ["*"], "allowed_methods": ["GET"]}
    other = {"allowed_origins": ["https://a.example"], "allowed_methods": ["GET", "PUT"]}
    assert len({str(means("cors", order)) for order in _orders(one, other)}) == 2


def test_the_order_within_a_cors_rule_doesnt() -> None:
    assert means("cors", [{"allowed_origins": ["a", "b"], "allowed_methods": ["GET", "PUT"]}]) == means(
        "cors", [{"allowed_methods": ["PUT", "GET"], "allowed_origins": ["b", "a"]}]
    )


def test_every_property_has_an_api_and_every_api_a_property() -> None:
    assert set(APIS) == set(PROPERTIES) == set(GROUPS)
