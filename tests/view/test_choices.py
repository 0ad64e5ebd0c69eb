"""What a person may do agrees with the machine and with what the state says."""

from __future__ import annotations

import pytest
from builders import FAIL, PASS, Story, held_story, make_plan

from rollout.domain.events import EffectIntended, EffectResolved, StepFailed, StepStarted
from rollout.domain.evidence import Decision
from rollout.domain.machine import TRANSITIONS, PlanMachine
from rollout.domain.state import STAGES, PhaseState, RolloutState
from rollout.view.choices import choices
from rollout.view.plan_words import PlanWords, plan_words

PHASES = ["first", "second"]
BY_A_PERSON = {"proceed", "hold", "retry", "roll_back", "retry_rollback", "abort", "end"}
"""Triggers that only a person pulls, besides resume_* and restart_*."""


def words() -> PlanWords:
    return plan_words(make_plan().model_dump(mode="json", by_alias=True))


def actions(state: RolloutState, *, awaited: bool | None = None) -> list[tuple[str, str]]:
    return [
        (c.action, c.subject)
        for c in choices(state, words())
        if awaited is None or c.awaited is awaited
    ]


def _state_in(stage: str) -> RolloutState:
    phases = {
        "first": PhaseState(id="first", title="First", stage="passed"),
        "second": PhaseState(id="second", title="Second", stage=stage, held_from="running"),
    }
    if stage in {"rolled_back", "rollback_failed"}:
        phases["second"].undo_from = "second"
    return RolloutState(phases=phases)


def _trigger(action: str, subject: str, stage: str) -> str:
    if action == "resume":
        return "resume_running"
    if action == "restart":
        return f"restart_{subject}"
    return action


@pytest.mark.parametrize("stage", [s for s in STAGES if s != "passed"])
def test_choices_are_the_machines_triggers_for_people(stage: str) -> None:
    machine = PlanMachine(PHASES)
    found = [c for c in choices(_state_in(stage), PlanWords()) if c.action != "adopt_plan"]
    offered = {_trigger(c.action, c.subject, stage) for c in found}
    legal = {
        t
        for t in machine.legal("second", stage)
        if t in BY_A_PERSON or t == "resume_running" or t.startswith("restart_")
    }
    if stage == "rollback_failed":
        legal.remove("retry_rollback")  # the same word of a person: again, or further back
    assert offered == legal


def test_what_is_undone_already_is_not_offered_to_be_undone() -> None:
    state = _state_in("rolled_back")
    state.phases["second"].undo_from = ""
    assert "roll_back" not in {c.action for c in choices(state, PlanWords())}


def test_the_list_of_peoples_triggers_is_complete() -> None:
    """A trigger that nobody named here is the engine's own."""
    own = {
        "open_entry", "entry_go", "entry_no_go", "steps_done", "step_failed", "gate_no_go",
        "exit_go", "ask_sign_off", "exit_no_go", "signed", "sign_off_refused", "undone",
        "undo_failed", "ask_again", "plan_changed",
    }  # fmt: skip
    every = {t for t, _, _ in TRANSITIONS if not t.startswith("resume_")}
    assert every - own == BY_A_PERSON - {"abort", "end"}


@pytest.mark.parametrize("stage", [s for s in STAGES if s != "passed"])
def test_a_changed_plan_may_be_adopted_unless_the_way_back_is_under_way(stage: str) -> None:
    offered = ("adopt_plan", "second") in actions(_state_in(stage), awaited=False)
    assert offered == (stage != "rolling_back")


def test_nobody_is_asked_of_a_gate_that_the_plan_changed() -> None:
    story = held_story()
    story.adopt(make_plan(title="Another title"), "pilot", gates=["ready"])
    assert "waive" not in {action for action, _ in actions(story.state())}


def test_who_signed_under_an_older_plan_is_asked_again() -> None:
    story = Story().begin().stage("pilot", "open_entry", "pending", "exit_gate")
    story.gate("pilot", "exit", "verified", {"created": PASS}, Decision.GO)
    story.stage("pilot", "ask_sign_off", "exit_gate", "sign_off")
    story.sign("pilot", "verified", "project_lead")
    story.adopt(make_plan(title="Another title"), "pilot")
    signs = [c.roles for c in choices(story.state(), words()) if c.action == "sign"]
    assert signs == [["project_lead"], ["sales_ops"]]


def test_a_rollout_that_ended_offers_nothing() -> None:
    state = _state_in("held")
    state.outcome = "aborted"
    assert choices(state, PlanWords()) == []


def test_a_ready_phase_waits_for_proceed() -> None:
    assert actions(_state_in("ready"), awaited=True) == [("proceed", "second")]


def test_an_open_attest_check_is_asked_of_its_roles() -> None:
    story = Story().begin().stage("pilot", "open_entry", "pending", "entry_gate")
    story.gate("pilot", "entry", "ready", {"empty_keys": PASS}, None)
    state = story.state()
    gate = state.gates[-1]
    gate.checks["told"] = type(gate.checks["empty_keys"])(tally=gate.checks["empty_keys"].tally)
    asked = [c for c in choices(state, words()) if c.action == "attest"]
    assert [(c.subject, c.roles, c.awaited) for c in asked] == [("told", ["project_lead"], True)]


def test_a_held_phase_offers_to_waive_what_blocks_and_only_that() -> None:
    offered = [subject for action, subject in actions(held_story().state()) if action == "waive"]
    assert offered == ["empty_keys"]


def test_what_is_waived_is_not_offered_again() -> None:
    story = held_story().say("waive", "pilot", subject="empty_keys")
    assert "waive" not in {action for action, _ in actions(story.state())}


def test_a_failed_step_cannot_be_resumed() -> None:
    story = Story().begin().stage("pilot", "open_entry", "pending", "entry_gate")
    story.stage("pilot", "entry_go", "entry_gate", "ready")
    story.stage("pilot", "proceed", "ready", "running")
    story.add(StepStarted(phase="pilot", attempt=1, step="rest"))
    story.add(StepFailed(phase="pilot", attempt=1, step="rest", reason="refused"))
    story.stage("pilot", "step_failed", "running", "held")
    offered = {action for action, _ in actions(story.state())}
    assert "resume" not in offered
    assert {"retry", "roll_back", "abort"} <= offered


def test_missing_signatures_are_awaited_and_a_refusal_is_no_signature() -> None:
    story = Story().begin().stage("pilot", "open_entry", "pending", "exit_gate")
    story.gate("pilot", "exit", "verified", {"created": PASS}, Decision.GO)
    story.stage("pilot", "ask_sign_off", "exit_gate", "sign_off")
    story.sign("pilot", "verified", "project_lead").sign(
        "pilot", "verified", "sales_ops", approve=False
    )
    signs = [c for c in choices(story.state(), words()) if c.action == "sign"]
    assert [(c.subject, c.roles) for c in signs] == [("verified", ["sales_ops"])]


def test_an_effect_that_needs_a_human_comes_first() -> None:
    story = held_story()
    story.add(
        EffectIntended(
            effect="pilot/1/run/trigger", phase="pilot", attempt=1, step="run", action="trigger",
            target="sync_a", request={}, idempotent=False,
        )
    )  # fmt: skip
    story.add(
        EffectResolved(effect="pilot/1/run/trigger", how="needs_human", detail="two candidates")
    )
    first = choices(story.state(), words())[0]
    assert (first.action, first.why, first.awaited) == ("settle", "two candidates", True)


def test_a_gate_that_failed_only_in_shadow_offers_no_waiver() -> None:
    story = Story().begin().stage("pilot", "open_entry", "pending", "entry_gate")
    found = {"empty_keys": PASS, "told": FAIL, "drift": FAIL}
    story.gate("pilot", "entry", "ready", found, Decision.NO_GO)
    story.stage("pilot", "entry_no_go", "entry_gate", "held")
    waivable = [s for a, s in actions(story.state()) if a == "waive"]
    assert waivable == ["told"]
