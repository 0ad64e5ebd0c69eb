"""The account of a rehearsal."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from builders import (
    FAIL,
    PASS,
    Story,
    completed_story,
    held_story,
    make_run,
    observed,
    undone_story,
)

from rollout.domain.events import RolledBack
from rollout.domain.evidence import Decision
from rollout.view.account import Told, account_lines, outcome_line
from rollout.view.plan_words import plan_words
from rollout.view.text import cells


def told(story: Story, outcome: str, faults: Sequence[dict[str, Any]] = ()) -> Told:
    return Told(
        state=story.state(),
        words=plan_words(story.plan.model_dump(mode="json", by_alias=True)),
        documents=story.evidence.get,
        faults=faults,
        about={"nulls": "Names are emptied"},
        outcome=outcome,
    )


def fault(**given: Any) -> dict[str, Any]:
    by = {"phase": "pilot", "gate": "ready", "check": "empty_keys"}
    said = {"id": "nulls", "kind": "sql", "fired": True, "detected_by": by, "after_s": 3600.0}
    return {**said, **given}


def text(story: Story, outcome: str, faults: Sequence[dict[str, Any]] = ()) -> str:
    return "\n".join(account_lines(told(story, outcome, faults), 120))


def test_the_last_line_says_how_it_ended() -> None:
    assert outcome_line(told(completed_story(), "completed")) == (
        "outcome completed: 2 of 2 phases passed; gate 1 go, gate 2 go"
    )
    assert text(held_story(), "held").splitlines()[-1] == (
        "outcome held: 0 of 2 phases passed; gate 1 no_go"
    )
    assert outcome_line(told(undone_story(), "rolled_back")).startswith(
        "outcome rolled_back: 0 of 2 phases passed, 2 undone; "
    )
    assert outcome_line(told(undone_story(scope="full"), "rolled_back")).startswith(
        "outcome rolled_back: 1 of 2 phases passed, 1 undone; "
    )


def test_a_gate_is_told_with_question_observation_requirement_verdict_and_reason() -> None:
    said = text(held_story(), "held")
    assert "✗ FAIL  gate 1, ready (pilot, before the phase): NO-GO at 2026-01-05 17:00:00Z" in said
    assert "✗ FAIL  The empty keys is right [empty_keys, fail]" in said
    assert "observed: rows 3" in said
    assert "observed: created 50, lost 0" not in text(completed_story(), "completed")
    assert "required: = 0" in said
    assert "because: empty_keys reason" in said
    assert "then: Stop and look." in said
    assert "[drift, fail, shown only]" in said


def test_findings_decisions_signatures_and_runs_are_told() -> None:
    said = text(completed_story(), "completed")
    assert "proj (project_lead) said proceed in pilot: because" in said
    assert "sale (sales_ops) signed verified: seen" in said
    assert "run 7 of sync_a completed: 50 processed, 49 accepted, 1 failed" in said
    assert "P1 open  empty_keys (pilot, data_engineering): Keys are empty" in text(
        held_story(), "held"
    )


def test_faults_say_who_noticed_them() -> None:
    missed = fault(id="missed", detected_by=None, after_s=None)
    idle = fault(id="idle", fired=False, detected_by=None, after_s=None)
    said = text(held_story(), "held", [fault(), missed, idle])
    assert "Faults: 3, of which 1 were noticed" in said
    assert "nulls   noticed by empty_keys in gate ready of pilot, 1h after" in said
    assert "Names are emptied" in said
    assert "✗ FAIL  missed  nobody noticed" in said
    assert "– SKIP  idle    never came to it" in said


def test_a_rollback_is_told_with_its_rows() -> None:
    story = held_story().add(
        RolledBack(
            phase="pilot", attempt=1, verified=True, restored_rows=3, deleted_rows=2, left_rows=1
        )
    )
    said = text(story, "rolled_back")
    assert "✓ PASS  rollback of everything (pilot): proven by its gates" in said
    assert "rows: 3 given back, 2 deleted, 1 left as others made them" in said


def test_many_quiet_looks_are_one_line_and_a_bad_one_stands_out() -> None:
    story = Story().begin().stage("pilot", "open_entry", "pending", "running")
    for number in range(1, 6):
        verdict = FAIL if number == 3 else PASS
        decision = Decision.NO_GO if number == 3 else Decision.GO
        found = {"created": (verdict, observed(created=47))}
        story.gate("pilot", f"every:30m#{number}", "verified", found, decision)
    said = text(story, "held")
    assert "gate verified (pilot, every 30m): 5 looks, 4 go, 1 no-go" in said
    assert said.count("The created is right") == 1


def test_a_gate_that_was_not_decided_is_told_as_such() -> None:
    story = Story().begin().stage("pilot", "open_entry", "pending", "entry_gate")
    story.gate("pilot", "entry", "ready", {"empty_keys": PASS}, None)
    said = text(story, "held")
    assert "NOT DECIDED" in said
    assert "gate 1 not decided" in said


def test_no_line_is_wider_than_asked() -> None:
    story = held_story().add(make_run(status="x" * 300))
    for line in account_lines(told(story, "held", [fault()]), 60, ascii_only=True)[:-1]:
        assert cells(line) <= 60
        assert line.isascii()
