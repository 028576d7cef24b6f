# Copyright (c) 2026 cloudops.core contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The one way in and out of a module: what a run found and did becomes exit_json or fail_json, and nothing else does."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from ansible.module_utils.basic import AnsibleModule, missing_required_lib
from ansible_collections.cloudops.core.plugins.module_utils._core.errors import CloudOpsError
from ansible_collections.cloudops.core.plugins.module_utils._core.plan import Plan, Step


@dataclass
class Result:
    """What a run has to say.

    :param values: return values of the module's own.
    :param failure: the run failed, but did some of the work: the values tell how far it came.
    """

    changed: bool = False
    values: dict[str, Any] = field(default_factory=dict)
    diff: Mapping[str, Any] | None = None
    warnings: tuple[str, ...] = ()
    failure: CloudOpsError | None = None


def require(module: AnsibleModule, library: str, import_error: str | None) -> None:
    """Fail in Ansible's usual words when a library isn't there."""
    if import_error is not None:
        module.fail_json(msg=missing_required_lib(library), exception=import_error)


def run(module: AnsibleModule, work: Callable[[], Result], extras: Callable[[], Mapping[str, Any]] = dict) -> None:
    """Do the work and leave.

    :param extras: values that every answer carries, failures included (the count of API calls), asked for at the end.
    """
    started = time.monotonic()
    try:
        result = work()
    except CloudOpsError as error:
        result = Result(changed=bool(error.details.get("changed")), values=dict(error.details), failure=error)
    values = {**result.values, **extras(), "duration": round(time.monotonic() - started, 3)}
    values["changed"] = result.changed
    if result.diff is not None:
        values["diff"] = result.diff
    for warning in result.warnings:
        module.warn(warning)
    if result.failure is not None:
        values["error"] = result.failure.as_result()
        module.fail_json(msg=str(result.failure), **values)
    module.exit_json(**values)


def carry_out(
    module: AnsibleModule,
    plan: Plan,
    apply: Callable[[], Iterator[Step]],
    values: Mapping[str, Any],
    facts: Mapping[str, Any] | None = None,
) -> Result:
    """Apply a plan unless it is empty or this is check mode. Both modes answer the same.

    When a step fails, the answer says which were done before it.

    :param values: what holds however it ends.
    :param facts: what holds only once the plan is done.
    """
    result = Result(changed=bool(plan), values={**values, **(facts or {})}, diff=plan.diff(), warnings=plan.warnings)
    result.values["actions"] = plan.actions()
    if module.check_mode:
        return result
    done: list[str] = []
    try:
        for step in apply():
            done.append(str(step))
    except CloudOpsError as error:
        left = plan.actions()[len(done) :]
        result.changed, result.failure = bool(done), error
        result.values = {**values, "actions": done, "actions_not_done": left}
        result.diff = None
    return result


def report(plan: Plan, values: Mapping[str, Any], failure: CloudOpsError | None) -> Result:
    """The answer for work that was done while it was found out (or only counted, in check mode): the plan tells it in hindsight."""
    diff = None if failure else plan.diff()
    return Result(bool(plan), {**values, "actions": plan.actions()}, diff, plan.warnings, failure)


def some_failed(verb: str, failures: Sequence[Mapping[str, Any]], others: int) -> CloudOpsError | None:
    """The error of a fleet in which some targets failed; None when none did.

    :param verb: what could not be done ("look at").
    :param failures: one for each target, with its name and its error as data.
    """
    if not failures:
        return None
    first = failures[0]
    kinds = {str(failure["kind"]) for failure in failures}
    shown = f"{first['name']}: {first['message']}" + (f" [{first['code']}]" if first["code"] else "")
    return FleetError(
        f"could not {verb} {len(failures)} of {len(failures) + others}; the first is {shown}",
        code=str(first["code"]) if len(kinds) == 1 else "",
        hint=str(first["hint"]) or "See failures for each.",
    )


class FleetError(CloudOpsError):
    """Some targets of a fleet failed; the others were done."""

    kind = "partial"
