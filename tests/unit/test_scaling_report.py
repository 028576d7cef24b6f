# Copyright (c) 2026 cloudops.core contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a pass of an autoscaler came to, and the chart of many."""

from __future__ import annotations

import json
from typing import Any

import pytest
from ansible.errors import AnsibleFilterError
from ansible_collections.cloudops.core.plugins.filter.scaling_chart import FilterModule as ChartModule
from ansible_collections.cloudops.core.plugins.filter.scaling_report import FilterModule as ReportModule
from ansible_collections.cloudops.core.plugins.module_utils._domain.scaling import decide
from ansible_collections.cloudops.core.plugins.module_utils._domain.scaling_report import KEPT

report = ReportModule().filters()["scaling_report"]
chart = ChartModule().filters()["scaling_chart"]

POLICY = {"min": 2, "max": 10, "rules": [{"metric": "cpu", "above": 70, "below": 50}]}
NOON = 1772366400  # 2026-03-01T12:00:00Z


def item(value: float | None, before: int = 2, target: str = "shop/web", **more: Any) -> dict[str, Any]:
    """The result of one target, as a module returns it."""
    decision = decide({"current": before}, POLICY, [{"name": "cpu", "value": value}], now=NOON).as_result()
    kept = {key: decision[key] for key in ("desired", "action", "reason", "message", "limited_by")}
    outcome = "unchanged" if decision["desired"] == before else "changed"
    return {
        "target": target,
        "before": before,
        "after": decision["desired"],
        "outcome": outcome,
        **kept,
        "decision": decision,
        **more,
    }


def answer(*items: dict[str, Any], **more: Any) -> dict[str, Any]:
    return {"results": list(items), "changed": any(one["outcome"] == "changed" for one in items), **more}


def failed(message: str, kind: str | None = "invalid", **more: Any) -> dict[str, Any]:
    """The result of a task that failed."""
    return {"failed": True, "msg": message, **({} if kind is None else {"error": {"kind": kind}}), **more}


CPU = [{"name": "cpu", "value": 83.456}]


@pytest.mark.parametrize(
    ("result", "options", "lines"),
    [
        (answer(item(83.456)), {"metrics": CPU}, ["shop/web: cpu 83.46, 2 -> 3, threshold: cpu is 83.456, above 70"]),
        (
            answer(item(60)),
            {"number": 4},
            ["pass 4: shop/web: cpu 60, 2 -> 2, within_band: cpu is 60, between 50 and 70"],
        ),
        (answer(item(None)), {}, ["shop/web: cpu missing, 2 -> 2, metric_missing: "]),
        (
            answer(item(None)),
            {"metrics": [{"name": "cpu", "value": None}, {"name": "rps", "value": 7}]},
            ["shop/web: cpu missing, 2 -> 2,"],
        ),
        (
            answer(item(60)),
            {"metrics": [{"key": "rps", "value": 7, "target": "shop/api"}]},
            ["shop/web: cpu 60, 2 -> 2, within_band"],
        ),
        (answer(), {}, ["nothing matches the selection"]),
        (
            answer(
                item(60),
                item(60, target="shop/api", outcome="failed"),
                failures=[{"target": "shop/api", "message": "not allowed"}],
            ),
            {},
            ["shop/web: cpu 60", "shop/api: cpu 60, 2 -> 2, FAILED: not allowed"],
        ),
        (
            answer(
                {
                    "target": "shop/api",
                    "before": None,
                    "desired": None,
                    "outcome": "skipped",
                    "reason": "excluded",
                    "message": "",
                }
            ),
            {},
            ["shop/api: excluded"],
        ),
        (
            answer(
                {
                    "name": "web",
                    "before": 2,
                    "desired": 5,
                    "outcome": "changed",
                    "reason": "manual",
                    "message": "from 2 to 5",
                }
            ),
            {},
            ["web: 2 -> 5, manual: from 2 to 5"],
        ),
        (failed("policy.min is 'x'"), {"number": 1}, ["pass 1: FAILED: policy.min is 'x'"]),
        ({"failed": True}, {}, ["FAILED: the task failed, and did not say why"]),
        (
            answer(item(None)),
            {"source": "prometheus", "failure": failed("no connection", "unavailable"), "number": 2},
            [
                "pass 2: could not read metrics from prometheus: no connection",
                "pass 2: shop/web: cpu missing, 2 -> 2, metric_missing",
            ],
        ),
        ({}, {}, ["nothing matches the selection"]),
    ],
    ids=[
        "up",
        "hold",
        "missing",
        "two-metrics",
        "of-another",
        "nothing",
        "one-fails",
        "excluded",
        "by-hand",
        "wrong",
        "silent",
        "no-source",
        "empty",
    ],
)
def test_lines(result: dict[str, Any], options: dict[str, Any], lines: list[str]) -> None:
    said = report(result, **options)["lines"]
    assert len(said) == len(lines)
    for one, begin in zip(said, lines, strict=True):
        assert one.startswith(begin)


@pytest.mark.parametrize(
    ("result", "source", "messages"),
    [
        (answer(item(60)), {}, []),
        (answer(item(60), failures=[{"name": "web", "kind": "denied", "message": "no"}]), {}, ["web: no"]),
        (failed("no server", "unavailable"), {}, ["no server"]),
        (answer(item(None)), failed("slow", "timeout"), []),
        (answer(item(None)), failed("busy", "throttled"), []),
        (answer(item(None)), failed("no rights", "denied"), ["could not read metrics from prometheus: no rights"]),
        (answer(item(None)), failed("broken", None), ["could not read metrics from prometheus: broken"]),
        (answer(item(None)), failed("1 of 2", "partial", failures=[{"kind": "timeout"}]), []),
        (
            answer(item(None)),
            failed("2 of 2", "partial", failures=[{"kind": "timeout"}, {"kind": "invalid"}]),
            ["could not read metrics from prometheus: 2 of 2"],
        ),
    ],
    ids=["none", "target", "module", "timeout", "throttled", "denied", "unknown", "partly-passing", "partly-wrong"],
)
def test_what_fails_at_the_end(result: dict[str, Any], source: dict[str, Any], messages: list[str]) -> None:
    made = report(result, source="prometheus", failure=source)
    assert [failure["message"] for failure in made["total"]["failures"]] == messages
    assert made["record"]["failures"] == made["total"]["failures"]
    assert (made["record"]["source_failure"] is None) == (not source)


@pytest.mark.parametrize(
    ("result", "hopeless"),
    [
        (answer(item(60)), False),
        (
            answer(
                item(60), failures=[{"target": "shop/api", "kind": "invalid"}], failed=True, error={"kind": "partial"}
            ),
            False,
        ),
        (failed("policy.min"), True),
        (failed("no module", None), True),
        (failed("no server", "unavailable"), False),
        (failed("denied", "denied"), False),
    ],
    ids=["fine", "a-target", "policy", "no-library", "unavailable", "denied"],
)
def test_when_another_pass_is_in_vain(result: dict[str, Any], hopeless: bool) -> None:
    assert report(result)["hopeless"] is hopeless


def test_passes_add_up() -> None:
    first = answer(
        item(80), item(60, target="shop/api"), actions=["scale shop/web from 2 to 3"], api_calls={"patch": 1, "list": 1}
    )
    second = answer(item(40, before=3), item(60, target="shop/api", outcome="skipped"), api_calls={"list": 1})
    one = report(first, time="2026-03-01T12:00:00Z", number=1, read={"api_calls": {"query": 1}})
    two = report(
        second,
        before=one["total"],
        time="2026-03-01T12:01:00Z",
        number=2,
        read={"api_calls": {"query": 2}},
        dry_run=True,
    )
    total = two["total"]
    assert total["passes"] == 2
    assert total["changed"]
    assert total["check_mode"]
    assert total["counts"] == {"up": 1, "down": 0, "hold": 2, "skipped": 1, "failed": 0}
    assert total["actions"] == ["2026-03-01T12:00:00Z scale shop/web from 2 to 3"]
    assert total["api_calls"] == {"list": 2, "patch": 1, "query": 3}
    assert [(one["target"], one["metrics"], one["desired"]) for one in total["results"]] == [
        ("shop/web", {"cpu": 40}, 3),
        ("shop/api", {"cpu": 60}, 2),
    ]
    assert one["total"]["passes"] == 1


def test_a_sum_does_not_grow_without_end() -> None:
    total: dict[str, Any] = {}
    for number in range(KEPT + 50):
        total = report(answer(item(80), actions=[f"scale {number}"]), before=total, number=number)["total"]
    assert len(total["actions"]) == KEPT
    assert total["actions"][-1].endswith(f"scale {KEPT + 49}")
    assert total["counts"]["up"] == KEPT + 50


def test_a_record_is_whole_and_plain() -> None:
    made = report(answer(item(83.456), actions=["scale"]), CPU, time="2026-03-01T12:00:00Z", number=3, source="sqs")
    record = made["record"]
    assert json.loads(json.dumps(record)) == record
    assert (record["time"], record["pass"], record["source"], record["check_mode"]) == (
        "2026-03-01T12:00:00Z",
        3,
        "sqs",
        False,
    )
    assert record["metrics"] == CPU
    assert record["targets"][0]["decision"]["proposals"][0]["desired"] == 3
    assert record["actions"] == ["scale"]


@pytest.mark.parametrize(
    ("given", "options", "words"),
    [
        ([], {}, "the result is not a mapping"),
        ({}, {"metrics": "cpu"}, "metrics is not a list"),
        ({}, {"metrics": ["cpu"]}, "metrics is not a list"),
        ({}, {"before": [1]}, "before is not a mapping"),
        ({}, {"colour": 1}, "colour"),
    ],
    ids=["result", "metrics", "metric", "before", "unknown"],
)
def test_what_a_report_refuses(given: Any, options: dict[str, Any], words: str) -> None:
    with pytest.raises(AnsibleFilterError, match=words):
        report(given, **options)


# The chart


def records(*passes: tuple[float | None, int]) -> list[dict[str, Any]]:
    return [
        report(
            answer(item(value, before)),
            [{"name": "cpu", "value": value}],
            time=f"2026-03-01T12:00:{number:02}.5Z",
            number=number + 1,
        )["record"]
        for number, (value, before) in enumerate(passes)
    ]


def test_a_chart() -> None:
    made = chart(records((40, 2), (80, 2), (100, 3), (None, 4)), width=10)
    assert made == [
        "shop/web: 4 passes, from 2 to 4, most 4",
        "time             cpu              size",
        "12:00:00        40.0  ####           2 ==    hold: min",
        "12:00:01        80.0  ########       3 ===   up: threshold",
        "12:00:02       100.0  ##########     4 ====  up: threshold",
        "12:00:03           -                 4 ====  hold: metric_missing",
    ]


def test_a_chart_of_two_targets() -> None:
    both = [report(answer(item(60), item(80, target="shop/api")), time="2026-03-01T12:00:00Z")["record"]]
    made = chart(both)
    assert [line for line in made if " pass" in line] == [
        "shop/web: 1 pass, from 2 to 2, most 2",
        "shop/api: 1 pass, from 3 to 3, most 3",
    ]
    assert "" in made
    assert chart(both, target="shop/api") == made[made.index("") + 1 :]


def test_a_chart_of_another_metric() -> None:
    both = [
        report(answer(item(60)), [{"name": "rps", "value": 7}, {"name": "rps", "value": 9, "target": "shop/api"}])[
            "record"
        ]
    ]
    assert "7.0" in chart(both, metric="rps")[2]
    assert "60.0" in chart(both)[2]
    assert "  -  " in chart(both, metric="none")[2]


def test_a_chart_of_what_was_not_decided() -> None:
    lost = [
        report(failed("x", "unavailable"), time="a")["record"],
        report(answer({"target": "shop/web", "outcome": "failed"}), time="b")["record"],
    ]
    assert chart(lost) == ["shop/web: 1 pass, from - to -, most -", chart(lost)[1], chart(lost)[2]]
    assert chart(lost)[2].split() == ["b", "-", "-", "failed"]
    assert chart([]) == []


def test_a_large_size_keeps_the_width() -> None:
    big = report(answer(item(60, desired=500)), time="x")["record"]
    assert max(len(line) for line in chart(big, width=20)) < 90


@pytest.mark.parametrize(
    ("given", "options", "words"),
    [
        ("x", {}, "takes a list"),
        ([{"time": "x"}], {}, r"records\[0\] is no decision record"),
        ([{"targets": [{"name": "x"}]}], {}, r"records\[0\] is no decision record"),
        (records((60, 2)), {"target": "shop/ap"}, "no record of shop/ap.*shop/web"),
        (records((60, 2)), {"width": 0}, "width"),
        (records((60, 2)), {"width": "wide"}, "wide"),
    ],
    ids=["text", "no-targets", "no-target", "unknown-target", "no-width", "word"],
)
def test_what_a_chart_refuses(given: Any, options: dict[str, Any], words: str) -> None:
    with pytest.raises(AnsibleFilterError, match=words):
        chart(given, **options)
