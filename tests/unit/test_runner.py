# Copyright (c) 2026 cloudops.core contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The way in and out of a module, with Ansible's own AnsibleModule: what it prints is what is looked at."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping
from typing import Any

import pytest
from ansible.module_utils import basic
from ansible.module_utils.basic import AnsibleModule
from ansible_collections.cloudops.core.plugins.module_utils._ansible.runner import (
    Result,
    carry_out,
    report,
    require,
    run,
    some_failed,
)
from ansible_collections.cloudops.core.plugins.module_utils._core.errors import Conflict, Denied
from ansible_collections.cloudops.core.plugins.module_utils._core.plan import Plan, Step

MakeModule = Callable[..., AnsibleModule]
Answer = Callable[[Callable[[], None]], dict[str, Any]]

STEPS = (Step("create", "bucket"), Step("put", "tags", {"a": "b"}), Step("put", "policy", {}))
PLAN = Plan("bucket b", STEPS, {"state": "absent"}, {"state": "present", "tags": {"a": "b"}}, ("mind the gap",))
EMPTY = Plan("bucket b", (), {"state": "present"}, {"state": "present"})


@pytest.fixture
def warned() -> list[str]:
    """What the module warned of."""
    return []


@pytest.fixture
def module(monkeypatch: pytest.MonkeyPatch, warned: list[str]) -> MakeModule:
    """A module with these options, as Ansible starts it."""

    def make(*, check: bool = False, **options: Any) -> AnsibleModule:
        given = {**options, "_ansible_check_mode": check, "_ansible_diff": True}
        monkeypatch.setattr(basic, "_ANSIBLE_ARGS", json.dumps({"ANSIBLE_MODULE_ARGS": given}).encode())
        # ansible-core 2.19 and later ask how the parameters are encoded.
        monkeypatch.setattr(basic, "_ANSIBLE_PROFILE", "legacy", raising=False)
        made = AnsibleModule({"secret_key": {"type": "str", "no_log": True}}, supports_check_mode=True)
        # Where warnings go depends on what else this process has imported of Ansible.
        monkeypatch.setattr(made, "warn", warned.append)
        return made

    return make


@pytest.fixture
def answer(capsys: pytest.CaptureFixture[str]) -> Answer:
    """What is printed when the module leaves. It has to leave."""

    def catch(leave: Callable[[], None]) -> dict[str, Any]:
        with pytest.raises(SystemExit) as caught:
            leave()
        found: dict[str, Any] = json.loads(capsys.readouterr().out)
        assert caught.value.code == (1 if found.get("failed") else 0)
        return found

    return catch


def applied(*fail: str) -> Callable[[], Iterator[Step]]:
    """A gateway that refuses these subjects."""

    def apply() -> Iterator[Step]:
        for step in STEPS:
            if step.subject in fail:
                raise Denied("no", operation=f"set the {step.subject}", resource="bucket b", code="AccessDenied")
            yield step

    return apply


def never() -> Iterator[Step]:
    """Fails the test, as a gateway would that is called in check mode."""
    raise AssertionError("written in check mode")


def without(values: Mapping[str, Any], *names: str) -> dict[str, Any]:
    return {name: value for name, value in values.items() if name not in names}


# ---- run


def test_success(module: MakeModule, answer: Answer, warned: list[str]) -> None:
    result = Result(True, {"name": "b"}, {"before": "", "after": "x"}, ("mind the gap",))
    found = answer(lambda: run(module(), lambda: result, extras=lambda: {"api_calls": {"HeadBucket": 1}}))
    assert found["changed"] is True
    assert found["name"] == "b"
    assert found["api_calls"] == {"HeadBucket": 1}
    assert found["diff"] == {"before": "", "after": "x"}
    assert warned == ["mind the gap"]
    assert 0 <= found["duration"] < 60
    assert not found.get("failed")


def test_nothing_to_say(module: MakeModule, answer: Answer) -> None:
    found = answer(lambda: run(module(), Result))
    assert found["changed"] is False
    assert "diff" not in found
    assert "error" not in found


def test_a_failure_that_was_raised(module: MakeModule, answer: Answer) -> None:
    def work() -> Result:
        raise Conflict(
            "it is not empty",
            operation="delete the bucket",
            resource="bucket b",
            code="BucketNotEmpty",
            hint="Set force: true.",
            details={"contents": {"objects": 2}},
        )

    found = answer(lambda: run(module(), work, extras=lambda: {"api_calls": {"DeleteBucket": 1}}))
    assert found["failed"] is True
    assert found["changed"] is False
    assert found["msg"] == "Could not delete the bucket (bucket b): it is not empty [BucketNotEmpty] Set force: true."
    assert found["error"] == {
        "kind": "conflict",
        "message": "it is not empty",
        "operation": "delete the bucket",
        "resource": "bucket b",
        "code": "BucketNotEmpty",
        "hint": "Set force: true.",
    }
    assert found["contents"] == {"objects": 2}
    assert found["api_calls"] == {"DeleteBucket": 1}
    assert "duration" in found


@pytest.mark.parametrize("changed", [True, False])
def test_a_failure_tells_whether_something_was_done(changed: bool, module: MakeModule, answer: Answer) -> None:
    def work() -> Result:
        raise Denied("no", details={"changed": changed})

    assert answer(lambda: run(module(), work))["changed"] is changed


def test_a_failure_after_some_of_the_work(module: MakeModule, answer: Answer) -> None:
    result = Result(True, {"removed": {"objects": 5}}, failure=Denied("no", code="AccessDenied"))
    found = answer(lambda: run(module(), lambda: result))
    assert (found["failed"], found["changed"], found["removed"]) == (True, True, {"objects": 5})
    assert found["msg"] == "no [AccessDenied]"


def test_a_failure_warns_as_well(module: MakeModule, answer: Answer, warned: list[str]) -> None:
    result = Result(warnings=("mind the gap",), failure=Denied("no"))
    assert answer(lambda: run(module(), lambda: result))["failed"] is True
    assert warned == ["mind the gap"]


def test_calls_are_counted_at_the_end(module: MakeModule, answer: Answer) -> None:
    calls: dict[str, int] = {}

    def work() -> Result:
        calls["HeadBucket"] = 1
        return Result()

    assert answer(lambda: run(module(), work, extras=lambda: {"api_calls": calls}))["api_calls"] == {"HeadBucket": 1}


def test_a_bug_surfaces(module: MakeModule) -> None:
    def work() -> Result:
        raise ZeroDivisionError("a bug of ours")

    with pytest.raises(ZeroDivisionError, match="a bug of ours"):
        run(module(), work)


def test_a_secret_option_is_hidden_wherever_it_turns_up(module: MakeModule, answer: Answer) -> None:
    def work() -> Result:
        raise Denied("the key wJalrXUtnFEMI is no good", details={"seen": ["wJalrXUtnFEMI"]})

    assert "wJalrXUtnFEMI" not in json.dumps(answer(lambda: run(module(secret_key="wJalrXUtnFEMI"), work)))


# ---- carry_out


def test_a_plan_is_carried_out(module: MakeModule) -> None:
    done: list[Step] = []

    def apply() -> Iterator[Step]:
        for step in STEPS:
            done.append(step)
            yield step

    result = carry_out(module(), PLAN, apply, {"name": "b"})
    assert done == list(STEPS)
    assert result.changed
    assert result.values == {"name": "b", "actions": ["create bucket", "put tags", "put policy"]}
    assert result.diff == PLAN.diff()
    assert result.warnings == ("mind the gap",)
    assert result.failure is None


@pytest.mark.parametrize("plan", [PLAN, EMPTY], ids=["something to do", "nothing to do"])
def test_check_mode_answers_the_same_and_writes_nothing(
    plan: Plan, module: MakeModule, answer: Answer, warned: list[str]
) -> None:
    def carried_out(made: AnsibleModule, apply: Callable[[], Iterator[Step]]) -> dict[str, Any]:
        return answer(lambda: run(made, lambda: carry_out(made, plan, apply, {"name": "b"})))

    real = carried_out(module(), applied() if plan else lambda: iter(()))
    check = carried_out(module(check=True), never)
    assert without(real, "duration", "invocation") == without(check, "duration", "invocation")
    assert check["changed"] is bool(plan)
    assert warned == [*plan.warnings, *plan.warnings]
    assert check["diff"] == plan.diff()


@pytest.mark.parametrize(
    ("fail", "done", "left"),
    [
        ("bucket", [], ["create bucket", "put tags", "put policy"]),
        ("tags", ["create bucket"], ["put tags", "put policy"]),
        ("policy", ["create bucket", "put tags"], ["put policy"]),
    ],
)
def test_a_step_that_fails(fail: str, done: list[str], left: list[str], module: MakeModule, answer: Answer) -> None:
    made = module()
    found = answer(lambda: run(made, lambda: carry_out(made, PLAN, applied(fail), {"name": "b"})))
    assert found["failed"] is True
    assert found["changed"] is bool(done)
    assert (found["actions"], found["actions_not_done"]) == (done, left)
    assert f"Could not set the {fail} (bucket b): no [AccessDenied]" in found["msg"]
    assert "diff" not in found, "a diff would claim what wasn't done"
    assert found["name"] == "b"


def test_facts_hold_only_when_all_is_done(module: MakeModule) -> None:
    """A failed run must not claim what it didn't reach."""
    facts = {"bucket": {"tags": {"a": "b"}}}
    for made, apply in ((module(), applied()), (module(check=True), never)):
        assert carry_out(made, PLAN, apply, {"name": "b"}, facts).values == {
            "name": "b",
            **facts,
            "actions": PLAN.actions(),
        }
    assert "bucket" not in carry_out(module(), PLAN, applied("policy"), {"name": "b"}, facts).values


def test_a_bug_in_a_step_surfaces(module: MakeModule) -> None:
    def apply() -> Iterator[Step]:
        yield STEPS[0]
        raise KeyError("Rules")

    with pytest.raises(KeyError):
        carry_out(module(), PLAN, apply, {})


def test_values_are_a_copy(module: MakeModule) -> None:
    values = {"name": "b"}
    carry_out(module(), PLAN, applied(), values)
    assert values == {"name": "b"}


# ---- report


def test_what_was_done_is_reported(module: MakeModule) -> None:
    assert report(PLAN, {"name": "b"}, None) == Result(
        True, {"name": "b", "actions": PLAN.actions()}, PLAN.diff(), PLAN.warnings, None
    )


def test_what_was_done_in_part_is_reported_without_a_diff() -> None:
    failure = Conflict("some stayed")
    assert report(PLAN, {}, failure) == Result(True, {"actions": PLAN.actions()}, None, PLAN.warnings, failure)


def test_nothing_done_is_no_change() -> None:
    assert report(EMPTY, {}, None).changed is False


# ---- require


def test_a_missing_library(module: MakeModule, answer: Answer) -> None:
    found = answer(lambda: require(module(), "boto3", "Traceback: no module named boto3"))
    assert found["failed"] is True
    assert "Failed to import the required Python library (boto3)" in found["msg"]


def test_a_library_that_is_there(module: MakeModule) -> None:
    require(module(), "boto3", None)


# ---- fleets


def failed(name: str, error: Denied | Conflict) -> dict[str, Any]:
    return {"name": name, **error.as_result()}


def test_a_fleet_without_failures() -> None:
    assert some_failed("look at", [], 5) is None


def test_a_fleet_with_failures() -> None:
    first = failed("one", Denied("no", code="AccessDenied", hint="Allow it."))
    error = some_failed("look at", [first, failed("two", Denied("no", code="AccessDenied"))], 3)
    assert error is not None
    assert str(error).startswith("could not look at 2 of 5; the first is one: no [AccessDenied]")
    assert error.hint == "Allow it."
    assert error.kind == "partial"
    assert error.code == "AccessDenied"


def test_a_fleet_with_failures_of_several_kinds() -> None:
    error = some_failed(
        "look at", [failed("one", Denied("no", code="A")), failed("two", Conflict("busy", code="B"))], 0
    )
    assert error is not None
    assert error.code == ""
    assert "could not look at 2 of 2; the first is one: no [A]" in str(error)
    assert "failures" in error.hint
