"""What a rollback would do, shown before anybody says so."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import msgspec
import pytest
from builders import START, Story, make_plan

from rollout.domain import events as e
from rollout.domain.assessment import Assessment
from rollout.domain.machine import PlanMachine
from rollout.domain.plan import Plan
from rollout.domain.restoring import Left
from rollout.domain.state import STAGES
from rollout.engine.rollback import RUNS, SCOPE
from rollout.view.plan_words import plan_words
from rollout.view.rollback_preview import MAY_ROLL_BACK, RollbackPreview, rollback_preview
from rollout.view.rollback_preview_text import rollback_preview_lines
from rollout.view.rollback_steps import SHIPPED
from rollout.view.text import cells
from rollout.wiring import installed_kinds

SYNC = {
    "on": "census",
    "id": 1,
    "source": "crm.queue",
    "target": "Thing__c",
    "key": "Key__c",
    "user": "005SYNC",
}


def plan(**given: Any) -> Plan:
    base = {"target": "Thing__c", "key": "Key__c", "fields": ["Name"]}
    said: dict[str, Any] = {
        "syncs": {
            "sync_a": {**SYNC, "operation": "upsert"},
            "sync_b": {**SYNC, "id": 2, "operation": "update"},
        },
        "phases": [
            {
                "phase": "pilot",
                "title": "The pilot",
                "steps": [
                    {"step": "capture_baseline", "id": "base", "inputs": base},
                    {"step": "restrict_source", "id": "narrow", "inputs": {"view": "crm.queue"}},
                    {"step": "notify", "id": "told", "irreversible": "mail is mail"},
                    {
                        "step": "run_sync",
                        "id": "run_a",
                        "inputs": {"sync": "sync_a", "baseline": "base"},
                    },
                ],
            },
            {
                "phase": "full",
                "title": "Everything",
                "steps": [
                    {
                        "step": "run_sync",
                        "id": "run_b",
                        "inputs": {"sync": "sync_b", "baseline": "base"},
                    },
                ],
            },
        ],
        "rollback": {
            "steps": [{"step": "pause_sync", "id": "stop_a", "inputs": {"sync": "sync_a"}}],
            "gates": ["all_done"],
        },
    }
    return make_plan(**{**said, **given})


def story(**given: Any) -> Story:
    """The pilot is passed, the run of Sync B goes on."""
    told = Story(plan(**given)).begin()
    told.stage("pilot", "open_entry", "pending", "running")
    done: dict[str, dict[str, Any]] = {
        "base": {"present": 18_722},
        "narrow": {},
        "told": {},
        "run_a": {"accepted": 1_081},
    }
    for name, outputs in done.items():
        told.add(e.StepStarted(phase="pilot", attempt=1, step=name))
        told.add(e.StepCompleted(phase="pilot", attempt=1, step=name, outputs=outputs))
    told.add(run("sync_a", 7, "pilot", "completed", 1_081))
    told.stage("pilot", "exit_go", "exit_gate", "passed")
    told.stage("full", "proceed", "ready", "running")
    told.add(e.StepStarted(phase="full", attempt=1, step="run_b"))
    return told.add(run("sync_b", 8, "full", "working", 4_000))


def run(sync: str, run_id: int, phase: str, status: str, accepted: int) -> e.RunObserved:
    return e.RunObserved(
        sync=sync, run_id=run_id, phase=phase, attempt=1, ours=True, status=status,
        processed=accepted, accepted=accepted, failed=0, invalid=0,
    )  # fmt: skip


def preview(told: Story, scope: str = "", **given: Any) -> RollbackPreview:
    document = told.plan.model_dump(mode="json", by_alias=True)
    return rollback_preview(told.state(), document, scope, **given)


def assessed(**given: Any) -> Assessment:
    left = Left(
        id="a1", key="k1", why="changed", by="005HUMAN", at="2026-01-05T17:00:00Z",
        baseline={"Name": "old", "Flag__c": None}, written={"Name": "synced"},
        now={"Name": "mine", "Flag__c": None},
    )  # fmt: skip
    said: dict[str, Any] = {
        "target": "Thing__c",
        "taken_at": START + timedelta(days=1),
        "since": START,
        "baseline": "base",
        "users": ["005SYNC"],
        "rows": 18_722,
        "modified": 9_200,
        "counts": {"updated": 9_141, "created": 574, "touched": 12, "changed_by_others": 1},
        "left": [left],
    }
    return Assessment(**{**said, **given})


def classes(view: RollbackPreview) -> dict[str, int | None]:
    return {c.name: c.rows for c in view.classes}


def test_kinds_that_can_be_undone_are_those_that_ship() -> None:
    assert {k.kind for k in installed_kinds().steps.values() if k.has_undo} == SHIPPED


def test_stages_in_which_one_may_roll_back_are_the_machines() -> None:
    machine = PlanMachine(["only"])
    legal = {s for s in STAGES if {"roll_back", "retry_rollback"} & set(machine.legal("only", s))}
    assert legal == MAY_ROLL_BACK


def test_steps_are_in_the_order_of_the_way_back() -> None:
    view = preview(story())
    assert [(s.place, s.step) for s in view.steps] == [
        ("rollback", "stop_a"),
        ("rollback", RUNS),
        ("rollback", SCOPE),
        ("full", "run_b"),
        ("pilot", "run_a"),
        ("pilot", "narrow"),
    ]
    assert [s.number for s in view.steps] == [1, 2, 3, 4, 5, 6]
    assert view.steps[4].what == "take back the 1,081 rows of sync_a, by base"


def test_a_part_undoes_only_the_phases_from_there_on() -> None:
    view = preview(story(), "full")
    assert view.phases == ["full"]
    assert [s.step for s in view.steps] == ["stop_a", RUNS, SCOPE, "run_b"]
    assert view.command.startswith("rollout decide rollback full ")
    assert classes(view)["updated"] == 4_000
    assert classes(view)["created or updated"] == 0
    with pytest.raises(ValueError, match="nowhere"):
        preview(story(), "nowhere")


def test_what_has_no_way_back_is_said() -> None:
    assert "pilot: told (notify) stays: mail is mail" in preview(story()).stays
    assert not any("told" in said for said in preview(story(), "full").stays)


def test_from_the_log_alone_it_says_so_and_counts_what_runs_reported() -> None:
    view = preview(story(), note="no connection")
    assert view.looked_at is None
    assert view.source.startswith("from the log alone (no connection)")
    assert classes(view) == {
        "updated": 4_000,
        "created or updated": 1_081,
        "changed_by_others": None,
        "deleted_by_others": None,
    }
    assert view.runs == ["run 8 of sync_b (ours) is working"]


def test_with_a_look_at_the_target_the_rows_are_those_of_the_target() -> None:
    view = preview(story(), assessed=[assessed()])
    assert view.looked_at == START + timedelta(days=1)
    assert classes(view)["updated"] == 9_141
    assert classes(view)["deleted_by_others"] == 0
    assert "1 rows stay as somebody else made them, and are listed" in view.stays
    (left,) = view.left
    assert [(v.field, v.baseline, v.written, v.now) for v in left.values] == [
        ("Name", "old", "synced", "mine")
    ]


def test_calls_and_seconds_are_sums_whose_assumption_is_said() -> None:
    view = preview(story(), assessed=[assessed()])
    assert view.calls == sum(c.calls for c in view.costs)
    assert view.seconds == sum(c.seconds for c in view.costs)
    assert {c.what: c.calls for c in view.costs}["give rows back"] == 2 * 46
    assert view.seconds < 2 * 3600
    assert "8 s" in view.assumed


@pytest.mark.parametrize(
    ("stage", "why"),
    [
        ("running", ""),
        ("rolling_back", "full is rolling back"),
        ("rolled_back", "it is undone already from pilot on"),
    ],
)
def test_it_says_when_nobody_may_roll_back(stage: str, why: str) -> None:
    told = story()
    if stage != "running":
        told.stage("full", "roll_back", "running", stage)
    refused = preview(told).refused
    assert why in refused
    assert bool(refused) == bool(why)


def test_after_a_rollback_of_one_phase_what_came_before_can_still_be_undone() -> None:
    told = story().say("roll_back", "full", subject="full")
    told.stage("full", "roll_back", "running", "rolling_back")
    told.stage("full", "undone", "rolling_back", "rolled_back")
    assert preview(told).refused == ""
    assert preview(told, scope="full").refused == "it is undone already from full on"


def test_an_ended_rollout_a_plan_without_a_way_back_and_a_phase_ahead_are_refused() -> None:
    ended = story().add(e.RolloutEnded(outcome="aborted"))
    assert "has ended (aborted)" in preview(ended).refused
    assert "no `rollback:` section" in preview(story(rollback=None)).refused
    told = Story(plan()).begin().stage("pilot", "open_entry", "pending", "entry_gate")
    assert "full has not begun" in preview(told, "full").refused


def test_a_rollback_that_began_keeps_its_scope() -> None:
    told = story().say("roll_back", "full", subject="full")
    told.stage("full", "roll_back", "running", "rolling_back")
    assert preview(told).scope == "full"


@pytest.mark.parametrize("width", [60, 80, 140, 200])
@pytest.mark.parametrize("ascii_only", [False, True])
def test_lines_fit_and_say_the_same(width: int, ascii_only: bool) -> None:
    for view in (
        preview(story()),
        preview(story(), assessed=[assessed()]),
        preview(story(), "full"),
    ):
        lines = rollback_preview_lines(view, width, ascii_only=ascii_only)
        assert all(cells(line) <= width for line in lines)
        assert all(line.isascii() for line in lines) or not ascii_only
        text = "\n".join(lines)
        what = f"from {view.scope} on" if view.scope else "of everything"
        assert f"preview of a rollback {what}: " in text
        assert "API calls" in text


def test_rows_that_stay_are_shown_with_all_three_values() -> None:
    text = "\n".join(rollback_preview_lines(preview(story(), assessed=[assessed()]), 140))
    assert "k1: changed by others since by 005HUMAN" in text
    for word in ("old", "synced", "mine"):
        assert word in text


def test_hostile_texts_of_foreign_systems_stay_on_their_line() -> None:
    bad = "x\x1b[2J\ny"
    left = Left(id="a", key=bad, why="changed", by=bad, baseline={"N": bad}, now={"N": "ok"})
    lines = rollback_preview_lines(preview(story(), assessed=[assessed(left=[left])]), 100)
    assert not any(c in line for line in lines for c in "\x1b\n")


# two targets --------------------------------------------------------------------


def two_targets() -> Story:
    syncs = {
        "sync_a": {**SYNC, "operation": "upsert"},
        "sync_b": {**SYNC, "id": 2, "operation": "update", "target": "Other__c"},
    }
    return story(syncs=syncs)


def both(**given: Any) -> list[Assessment]:
    other = assessed(target="Other__c", rows=300, counts={"updated": 30, "not_known": 2}, **given)
    return [assessed(), other]


def test_each_target_has_its_rows_and_its_calls_and_the_totals_are_their_sums() -> None:
    view = preview(two_targets(), assessed=both())
    assert [t.target for t in view.targets] == ["Thing__c", "Other__c"]
    assert [{c.name: c.rows for c in t.classes}["updated"] for t in view.targets] == [9_141, 30]
    assert (classes(view)["updated"], classes(view)["created"]) == (9_171, 574)
    assert (view.left_rows, [t.left_rows for t in view.targets]) == (2, [1, 1])
    assert [row.target for row in view.left] == ["Thing__c", "Other__c"]
    pause = view.costs[0]
    assert pause.what == "pause the syncs"
    assert view.calls == pause.calls + sum(t.calls for t in view.targets)
    assert view.seconds == pause.seconds + sum(t.seconds for t in view.targets)
    assert {c.what: c.calls for c in view.targets[1].costs} == {
        "read the target": 3 * 2,
        "give rows back": 2 * 30,
        "delete rows": 0,
    }
    assert "1 rows of Thing__c stay as somebody else made them, and are listed" in view.stays
    assert any(said.startswith("2 rows of Other__c are not given back") for said in view.stays)


def test_two_targets_are_told_apart_in_words() -> None:
    lines = rollback_preview_lines(preview(two_targets(), assessed=both()), 100)
    text = "\n".join(lines)
    for said in (
        "Thing__c as it is, 18,722 rows",
        "Other__c as it is, 300 rows",
        "Rows of Thing__c\n",
        "Rows of Other__c\n",
        "Rows of all 2 targets\n",
        "Rows of Other__c that stay as they are: 1\n",
        "of them for Other__c",
    ):
        assert said in text
    one = "\n".join(rollback_preview_lines(preview(story(), assessed=[assessed()]), 100))
    assert "\nRows\n" in one
    assert "Rows of " not in one
    assert "of them for" not in one


def test_the_log_alone_knows_by_target_what_runs_reported() -> None:
    told = two_targets()
    view = preview(told, note="no connection")
    assert [[(c.name, c.rows) for c in t.classes[:2]] for t in view.targets] == [
        [("updated", 0), ("created or updated", 1_081)],
        [("updated", 4_000), ("created or updated", 0)],
    ]
    assert classes(view) == {
        "updated": 4_000,
        "created or updated": 1_081,
        "changed_by_others": None,
        "deleted_by_others": None,
    }
    assert view.source.count("from the log alone (no connection)") == 1
    words = msgspec.to_builtins(plan_words(told.plan.model_dump(mode="json", by_alias=True)))
    assert rollback_preview(told.state(), words, note="no connection") == view


def test_a_target_without_a_baseline_is_told_from_the_log_if_anything_was_written() -> None:
    view = preview(two_targets(), assessed=[assessed()])
    assert [t.looked_at is None for t in view.targets] == [False, True]
    assert "(no baseline of Other__c was captured yet)" in view.targets[1].source
    assert classes(view)["updated"] == 9_141 + 4_000
    assert {c.name: c.at_most for c in view.classes}["updated"]
    assert classes(view)["changed_by_others"] is None
    pilot = two_targets()
    state = pilot.state()
    state.runs = {name: run for name, run in state.runs.items() if run.sync == "sync_a"}
    document = pilot.plan.model_dump(mode="json", by_alias=True)
    (only,) = rollback_preview(state, document, assessed=[assessed()]).targets
    assert only.target == "Thing__c"


def test_it_is_data() -> None:
    document = msgspec.json.decode(msgspec.json.encode(preview(story(), assessed=[assessed()])))
    assert document["scope"] == ""
    assert document["left_rows"] == 1
