"""Which evaluation a report is about when nobody names one."""

from __future__ import annotations

from builders import PASS, Story, completed_story, held_story

from rollout.domain.evidence import Decision, Verdict
from rollout.reports.choice import Wanted, fitting, telling_gate


def told(story: Story) -> tuple[str, int] | None:
    gate = telling_gate(story.state())
    return None if gate is None else (gate.gate, gate.round)


def test_before_any_gate_there_is_nothing_to_tell() -> None:
    assert told(Story().begin()) is None


def test_a_gate_that_is_under_way_is_told_when_no_other_was_decided() -> None:
    story = Story().begin().stage("pilot", "open_entry", "pending", "entry_gate")
    assert told(story.gate("pilot", "entry", "ready", {"empty_keys": PASS}, None)) == ("ready", 1)


def test_a_held_phase_is_told_by_the_gate_that_holds_it() -> None:
    story = held_story()
    story.gate("pilot", "entry", "verified", {"created": PASS}, Decision.GO)
    assert told(story) == ("ready", 1)


def test_of_several_rounds_the_newest_holds_it() -> None:
    story = held_story().stage("pilot", "resume_entry_gate", "held", "entry_gate")
    found = {"empty_keys": Verdict.INCONCLUSIVE}
    story.gate("pilot", "entry", "ready", found, Decision.INCONCLUSIVE, round=2)
    story.stage("pilot", "entry_no_go", "entry_gate", "held")
    assert told(story) == ("ready", 2)


def test_a_phase_that_waits_for_the_lead_is_told_by_its_entry_gate() -> None:
    story = Story().begin().stage("pilot", "open_entry", "pending", "entry_gate")
    story.gate("pilot", "entry", "ready", {"empty_keys": PASS}, Decision.GO)
    assert told(story.stage("pilot", "entry_go", "entry_gate", "ready")) == ("ready", 1)


def test_a_phase_that_waits_for_signatures_is_told_by_its_exit_gate() -> None:
    story = Story().begin().stage("pilot", "open_entry", "pending", "exit_gate")
    story.gate("pilot", "exit", "verified", {"created": PASS}, Decision.GO)
    story.stage("pilot", "ask_sign_off", "exit_gate", "sign_off")
    story.gate("pilot", "step:look", "ready", {"empty_keys": PASS}, Decision.GO)
    assert told(story) == ("verified", 1)


def test_otherwise_the_gate_decided_last_is_told() -> None:
    assert told(completed_story()) == ("all_done", 1)


def test_what_was_asked_for_is_kept_to() -> None:
    state = completed_story().state()
    assert [g.gate for g in fitting(state, Wanted(phase="pilot"))] == ["ready", "verified"]
    assert [g.gate for g in fitting(state, Wanted(gate="ready", round=1, attempt=1))] == ["ready"]
    assert fitting(state, Wanted(gate="ready", moment="exit")) == []
    assert len(fitting(state, Wanted())) == 3
