# Copyright (c) 2026 cloudops.core contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What an Auto Scaling group shall become, and which writes lead there."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

from ansible_collections.cloudops.core.plugins.module_utils._core.errors import CloudOpsError, Conflict, Invalid
from ansible_collections.cloudops.core.plugins.module_utils._domain.group_options import (
    FORCE,
    PARKED,
    SKIP,
    Wish,
)
from ansible_collections.cloudops.core.plugins.module_utils._domain.groups import (
    ACT,
    EXCLUDE_TAG,
    FAILED,
    MAX_TAG,
    MIN_TAG,
    NEEDED,
    NOTHING,
    PARKED_TAG,
    PAUSED_TAG,
    PAUSED_UNTIL_TAG,
    SET_DESIRED,
    SKIPPED,
    STATE_TAG,
    TAG,
    TAG_LENGTH,
    THERE,
    UNTAG,
    UPDATE,
    Company,
    Goal,
    Group,
    Sizes,
    Write,
)
from ansible_collections.cloudops.core.plugins.module_utils._domain.scaling import decide
from ansible_collections.cloudops.core.plugins.module_utils._domain.scaling_policy import Policy
from ansible_collections.cloudops.core.plugins.module_utils._domain.scaling_state import write_state
from ansible_collections.cloudops.core.plugins.module_utils._domain.times import (
    parse_time,
)

# Deciding


def decide_group(group: Group, wish: Wish) -> Goal:
    """What becomes of a group, as far as itself and the options tell."""
    try:
        if group.status:
            return _being_deleted(group, wish)
        if group.is_marked(EXCLUDE_TAG) and "excluded" not in wish.includes:
            return _left(group, "excluded", f"is excluded by its tag {EXCLUDE_TAG}; include_excluded overrides it")
        if wish.policy is None and "paused" not in wish.includes and (pause := _pause(group, wish.now)):
            return _left(group, "paused", f"{pause}; include_paused overrides it")
        if wish.state:
            return _park(group) if wish.state == PARKED else _unpark(group)
        return _by_hand(group, wish) if wish.policy is None else _by_policy(group, wish, wish.policy)
    except CloudOpsError as error:
        return failed(group, error)


def failed(group: Group, error: CloudOpsError) -> Goal:
    """The goal of a group for which there is none."""
    error.resource = error.resource or f"Auto Scaling group {group.name}"
    return Goal(group, FAILED, group.sizes, reason=error.code or error.kind, message=error.message, error=error)


def _left(group: Group, reason: str, message: str) -> Goal:
    return Goal(group, SKIPPED, group.sizes, reason=reason, message=message)


def _there(group: Group, message: str, reason: str = "already") -> Goal:
    return Goal(group, THERE, group.sizes, reason=reason, message=message)


def _being_deleted(group: Group, wish: Wish) -> Goal:
    message = f"is being deleted ({group.status})"
    if wish.on_owner == SKIP:
        return _left(group, "external_owner", message)
    return failed(group, Conflict(message, code="DeleteInProgress", hint="Leave the group out of the selection."))


def _pause(group: Group, now: float) -> str:
    """Why its tags say that it shall be left as it is, or ""."""
    if group.is_marked(PAUSED_TAG):
        return f"is paused by its tag {PAUSED_TAG}"
    until = group.tags.get(PAUSED_UNTIL_TAG, "").strip()
    if until and parse_time(until, f"its tag {PAUSED_UNTIL_TAG}") > now:
        return f"is paused until {until} by its tag {PAUSED_UNTIL_TAG}"
    return ""


# By hand


def _by_hand(group: Group, wish: Wish) -> Goal:
    """An exact size, a step, or other bounds."""
    if group.is_parked and wish.on_owner != FORCE:
        return _owned(group, wish, "Parked", "is parked", "Use state: unparked, or on_owner: force.")
    low = group.sizes.low if wish.min_size is None else wish.min_size
    high = group.sizes.high if wish.max_size is None else wish.max_size
    if low > high:
        raise Invalid(
            f"its minimum would be {low}, above its maximum, which would be {high}",
            code="OutOfBounds",
            hint="Give min_size and max_size together.",
        )
    before = group.sizes.desired
    limited: tuple[str, ...] = ()
    if wish.desired is not None:
        desired = _checked(wish.desired, group, low, high)
    elif wish.change is not None:
        desired, limited = _stepped(before, wish.change.applied_to(before), _bounds(group, wish, low, high))
    else:
        desired = min(max(before, low), high)
        limited = ("min",) if desired > before else ("max",) if desired < before else ()
    goal = Goal(group, ACT, Sizes(low, desired, high), reason="manual", limited_by=limited)
    if goal.after == group.sizes:
        held = f", as its {limited[0]} says" if limited else ""
        return replace(
            _there(group, f"stays at {before}{held}", limited[0] if limited else "already"), limited_by=limited
        )
    return replace(goal, message=_story(goal), writes=(_resize(group, goal.after),))


def _checked(desired: int, group: Group, low: int, high: int) -> int:
    """The size asked for, if the bounds have room for it."""
    marks = marked_bounds(group)
    for name, bound, cure in (
        ("min_size", low, "Give min_size, too, to move it along."),
        (f"tag {MIN_TAG}", marks[0], "Change the tag."),
    ):
        if bound is not None and desired < bound:
            raise Invalid(f"desired {desired} is below its {name}, which is {bound}", code="OutOfBounds", hint=cure)
    for name, bound, cure in (
        ("max_size", high, "Give max_size, too, to move it along."),
        (f"tag {MAX_TAG}", marks[1], "Change the tag."),
    ):
        if bound is not None and desired > bound:
            raise Invalid(f"desired {desired} is above its {name}, which is {bound}", code="OutOfBounds", hint=cure)
    return desired


def _bounds(group: Group, wish: Wish, low: int, high: int) -> tuple[int, int]:
    """The narrowest bounds of the group, its tags and the options."""
    marks = marked_bounds(group)
    # A step never ends at nothing by accident: that takes min: 0.
    wanted = min(1, high) if wish.least is None else wish.least
    least = max(bound for bound in (low, marks[0], wanted) if bound is not None)
    most = min(bound for bound in (high, marks[1], wish.most) if bound is not None)
    if least > most:
        raise Invalid(
            f"its bounds leave no size: at least {least}, at most {most}",
            code="OutOfBounds",
            hint=f"Look at min_size and max_size, at its tags {MIN_TAG} and {MAX_TAG}, and at the options min and max.",
        )
    return least, most


def _stepped(before: int, wanted: int, bounds: tuple[int, int]) -> tuple[int, tuple[str, ...]]:
    """A step as far as the bounds allow; never one in the other direction."""
    least, most = bounds
    if wanted > before:
        after = max(before, min(wanted, most))
        return after, ("max",) if after < wanted else ()
    after = min(before, max(wanted, least))
    return after, ("min",) if after > wanted else ()


def marked_bounds(group: Group) -> tuple[int | None, int | None]:
    """The bounds that its tags give.

    :raises Invalid: for a tag that is no number, or contradicts the other.
    """
    low, high = (_number(group, tag) for tag in (MIN_TAG, MAX_TAG))
    if low is not None and high is not None and low > high:
        raise Invalid(
            f"its tag {MIN_TAG} is {low}, above {MAX_TAG}, which is {high}", code="BadTag", hint="Correct the tags."
        )
    return low, high


def _number(group: Group, tag: str) -> int | None:
    text = group.tags.get(tag)
    if text is None:
        return None
    if not (text.strip().isascii() and text.strip().isdigit()):
        raise Invalid(f"its tag {tag} is {text!r}", code="BadTag", hint="It is a whole number; correct the tag.")
    return int(text)


def _story(goal: Goal) -> str:
    before, after = goal.group.sizes, goal.after
    held = f", held back by its {' and '.join(goal.limited_by)}" if goal.limited_by else ""
    if goal.moves:
        return f"from {before.desired} to {after.desired}{held}"
    return f"bounds from {before.low}..{before.high} to {after.low}..{after.high}"


def _resize(group: Group, after: Sizes) -> Write:
    """The one call that brings the sizes about, with nothing in it that doesn't change."""
    before = group.sizes
    pairs = (
        ("MinSize", before.low, after.low),
        ("DesiredCapacity", before.desired, after.desired),
        ("MaxSize", before.high, after.high),
    )
    changed = {name: new for name, old, new in pairs if new != old}
    words = {"MinSize": "min", "DesiredCapacity": "desired", "MaxSize": "max"}
    if set(changed) == {"DesiredCapacity"}:
        return Write(SET_DESIRED, value=changed, line=f"scale {group.name} from {before.desired} to {after.desired}")
    bounds = ", ".join(
        f"{words[name]} {old} to {new}" for name, old, new in pairs if new != old and name != "DesiredCapacity"
    )
    if after.desired == before.desired:
        return Write(UPDATE, value=changed, line=f"set {group.name} {bounds}")
    return Write(UPDATE, value=changed, line=f"scale {group.name} from {before.desired} to {after.desired} ({bounds})")


# Parked and back


def note_of(sizes: Sizes) -> str:
    """Sizes as a tag's value."""
    return f"min={sizes.low} desired={sizes.desired} max={sizes.high}"


def read_note(text: str) -> Sizes:
    """Sizes from a tag's value.

    :raises Invalid: for anything else than :func:`note_of` wrote.
    """
    try:
        numbers = {key: int(number) for key, number in (part.split("=") for part in text.split())}
        sizes = Sizes(numbers["min"], numbers["desired"], numbers["max"])
    except (KeyError, ValueError):
        sizes = Sizes(-1, -1, -1)
    if not 0 <= sizes.low <= sizes.desired <= sizes.high:
        raise Invalid(
            f"its tag {PARKED_TAG} can't be read: {text!r}",
            code="BadTag",
            hint="Set desired, min_size and max_size by hand with on_owner: force, and remove the tag.",
        )
    return sizes


def _park(group: Group) -> Goal:
    """To nothing: first the note, then the sizes, so that a run that was cut off has lost nothing."""
    if group.sizes == NOTHING:
        return _there(group, "is parked" if group.is_parked else "is at 0 already, and nothing says what it was before")
    note = note_of(group.sizes)
    writes: tuple[Write, ...] = (_resize(group, NOTHING),)
    if _note_to_keep(group) is None and group.tags.get(PARKED_TAG) != note:
        writes = (Write(TAG, PARKED_TAG, note, f"remember {note} of {group.name}"), *writes)
    goal = Goal(group, ACT, NOTHING, reason="manual", writes=writes)
    return replace(goal, message=f"parked from {note}")


def _note_to_keep(group: Group) -> Sizes | None:
    """An older note that knows more than the sizes do: somebody woke a parked group up a little, and left its minimum at 0."""
    try:
        noted = read_note(group.tags[PARKED_TAG])
    except (KeyError, CloudOpsError):
        return None
    return noted if group.sizes.low == 0 < noted.low else None


def _unpark(group: Group) -> Goal:
    """Back to the sizes in the note: first these, then the note goes."""
    if PARKED_TAG not in group.tags:
        return _there(group, "isn't parked")
    forget = Write(UNTAG, PARKED_TAG, line=f"forget the parked sizes of {group.name}")
    if not group.is_parked:
        message = f"has been brought back to {group.sizes.desired} already; only the note is removed"
        return Goal(group, ACT, group.sizes, reason="manual", message=message, writes=(forget,))
    noted = read_note(group.tags[PARKED_TAG])
    writes = (forget,) if noted == group.sizes else (_resize(group, noted), forget)
    return Goal(group, ACT, noted, reason="manual", message=f"back to {note_of(noted)}", writes=writes)


# By policy


def _by_policy(group: Group, wish: Wish, policy: Policy) -> Goal:
    """What the engine says, with its memory in a tag."""
    before = group.tags.get(STATE_TAG)
    decision = _decision(group, wish, policy)
    desired, paused = int(decision["desired"]), decision["reason"] == "paused"
    text = write_state(decision["state"], limit=TAG_LENGTH)
    writes = () if paused or text == before else (Write(TAG, STATE_TAG, text),)
    after = replace(group.sizes, desired=desired)
    acts = desired != group.sizes.desired
    return Goal(
        group,
        ACT if acts else THERE,
        after,
        reason=decision["reason"],
        message="is parked; state: unparked brings it back" if group.is_parked else decision["message"],
        limited_by=tuple(decision["limited_by"]),
        decision=decision,
        # The memory first: a run that is cut off in between then waits out a cooldown for nothing, rather than scaling twice.
        writes=(*writes, _resize(group, after)) if acts else writes,
    )


def _decision(group: Group, wish: Wish, policy: Policy) -> dict[str, Any]:
    """The engine's, within the bounds of the policy and its schedule, or of the tags in their place; and always within the group's own.

    The engine knows bounds of a target only as ones that stand in for all others. So the group's are brought in where they matter.
    """
    low, high = marked_bounds(group)
    if high is None and policy.highest is None:
        high = group.sizes.high
    decision = _ask(group, wish, policy, low, high)
    desired, sizes = int(decision["desired"]), group.sizes
    if desired == sizes.desired or sizes.low <= desired <= sizes.high:
        return decision
    bound = sizes.high if desired > sizes.high else sizes.low
    narrowed = (low, bound) if desired > sizes.high else (bound, high)
    try:
        return _ask(group, wish, policy, *narrowed)
    except Invalid:  # the policy wants at least, or at most, what the group doesn't allow
        return _ask(group, wish, policy, bound, bound)


def _ask(group: Group, wish: Wish, policy: Policy, low: int | None, high: int | None) -> dict[str, Any]:
    target: dict[str, Any] = {
        "name": group.name,
        "current": group.sizes.desired,
        "ready": group.serving,
        "paused": group.is_marked(PAUSED_TAG) or group.is_parked,
    }
    given = {"paused_until": group.tags.get(PAUSED_UNTIL_TAG, "").strip() or None, "min": low, "max": high}
    target.update({name: value for name, value in given.items() if value is not None})
    return decide(target, policy, wish.metrics, now=wish.now, state=group.tags.get(STATE_TAG)).as_result()


# Who else acts on it


def needs_company(goal: Goal, wish: Wish) -> bool:
    """Whether it matters who else acts on the group: it takes calls to find out."""
    return goal.fate == ACT and goal.moves > 0 and wish.on_owner != FORCE


def mind_company(goal: Goal, company: Company, wish: Wish) -> Goal:
    """The goal with regard to those who act on the group, too."""
    group = goal.group
    if wish.on_owner == FORCE or goal.fate != ACT or not goal.moves:
        return _without_hope(goal) if goal.fate == ACT else goal
    if suspended := _missing_processes(goal):
        return _owned(
            group,
            wish,
            "ProcessesSuspended",
            f"has {suspended} suspended, without which it can't go {goal.direction}",
            "Resume it.",
        )
    if company.refresh:
        return _owned(
            group,
            wish,
            "InstanceRefreshInProgress",
            f"has an instance refresh under way ({company.refresh})",
            "Wait until it is over.",
        )
    if company.policies and not wish.state:
        names = _some(company.policies)
        return _owned(
            group,
            wish,
            "ScalingPolicies",
            f"is scaled by its scaling policies ({names})",
            "Disable these, or move min_size and max_size.",
        )
    if company.scheduled:
        return replace(goal, message=f"{goal.message}; scheduled: {_some(company.scheduled)}")
    return goal


def _missing_processes(goal: Goal) -> str:
    """Suspended processes that the direction needs, in words."""
    return " and ".join(name for name in NEEDED[goal.direction] if name in goal.group.suspended)


def _without_hope(goal: Goal) -> Goal:
    """Where the size is set all the same, nobody should wait for what can't come."""
    suspended = _missing_processes(goal)
    return replace(goal, pause=f"not awaited, as {suspended} is suspended") if suspended else goal


def _owned(group: Group, wish: Wish, code: str, message: str, cure: str) -> Goal:
    """A group that somebody else has a hand on."""
    if wish.on_owner == SKIP:
        return _left(group, "external_owner", message)
    hint = f"{cure} Or set on_owner to skip it, or to force it."
    return replace(failed(group, Conflict(message, code=code, hint=hint)), reason="external_owner")


def _some(words: Sequence[str]) -> str:
    return ", ".join(words[:3]) + (f" and {len(words) - 3} more" if len(words) > 3 else "")


def check_limits(goals: Sequence[Goal], wish: Wish) -> None:
    """Refuse to change more than was allowed.

    :raises Conflict: before anything was done.
    """
    acting = [goal for goal in goals if goal.fate == ACT]
    moved, matched = sum(goal.moves for goal in acting), len(goals)
    share = wish.max_percent is not None and len(acting) * 100 > wish.max_percent * matched
    if wish.max_groups is not None and len(acting) > wish.max_groups:
        said = f"this would change {len(acting)} groups, more than max_groups={wish.max_groups}"
    elif share:
        said = f"this would change {len(acting)} of {matched} groups, more than max_percent={wish.max_percent:g}"
    elif wish.max_instances_change is not None and moved > wish.max_instances_change:
        said = f"this would add or remove {moved} instances, more than max_instances_change={wish.max_instances_change}"
    else:
        return
    raise Conflict(
        f"{said}; nothing was done",
        code="LimitExceeded",
        hint="Look at the groups in check mode, then raise the limit or narrow the selection.",
    )
