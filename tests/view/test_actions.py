"""Every action, possible or locked, and the form each one asks for."""

from __future__ import annotations

import re
import shlex

import msgspec
import pytest
from builders import Story, completed_story, held_story
from hypothesis import given
from hypothesis import strategies as st
from typer.main import get_command

from rollout.cli.decide import DECISIONS
from rollout.cli.main import app
from rollout.domain.decide import _RULES
from rollout.domain.state import STAGES, RolloutState
from rollout.view.actions import ACTIONS, ActionView, action_of, actions
from rollout.view.dialogs import (
    DialogView,
    Filled,
    dialog_view,
    is_addressed,
    missing,
    phrase,
    saying,
    who_may,
)
from rollout.view.equivalent import WORDS, equivalent
from rollout.view.link_state import live_link, replay_link
from rollout.view.plan_words import PlanWords, plan_words

LIVE = live_link(0.0)


def words_of(story: Story) -> PlanWords:
    return plan_words(story.plan.model_dump(mode="json", by_alias=True))


def form(name: str, story: Story, only: str | None = None) -> DialogView:
    state, words = story.state(), words_of(story)
    return dialog_view(action_of(name, state, words, LIVE), state, words, only)


def test_every_decision_of_the_domain_is_an_action() -> None:
    assert set(ACTIONS) == {name for name in _RULES if name != "ask_to_sign"}
    assert {WORDS[name] for name in WORDS} == set(DECISIONS)
    assert {DECISIONS[word] for word in WORDS.values()} == set(WORDS)


def test_what_is_awaited_comes_first_and_what_is_locked_says_why() -> None:
    story = held_story()
    found = actions(story.state(), words_of(story), LIVE)
    assert len(found) == len(ACTIONS)
    is_locked = [bool(a.locked) for a in found]
    assert is_locked == sorted(is_locked)
    by_name = {a.action: a for a in found}
    assert not by_name["retry"].locked
    assert by_name["retry"].awaited
    assert [c.subject for c in by_name["close_finding"].choices] == ["pilot-1-empty_keys"]
    assert by_name["proceed"].locked == "only when every entry gate is go; pilot is held"
    assert by_name["restart"].locked == "pilot is the first phase: retry it"


@pytest.mark.parametrize("stage", STAGES)
def test_in_every_stage_every_locked_action_has_a_reason(stage: str) -> None:
    state = held_story().state()
    state.phases["pilot"].stage = stage
    for action in actions(state, PlanWords(), LIVE):
        assert bool(action.choices) != bool(action.locked), action.action


def test_nothing_is_possible_while_the_link_says_so() -> None:
    story = held_story()
    for action in actions(story.state(), words_of(story), replay_link()):
        assert action.locked
    assert "REPLAY" in action_of("retry", story.state(), words_of(story), replay_link()).locked


@pytest.mark.parametrize("state", [RolloutState(), completed_story().state()])
def test_without_a_rollout_or_after_its_end_everything_is_locked(state: RolloutState) -> None:
    assert all(a.locked for a in actions(state, PlanWords(), LIVE))


def test_nothing_is_chosen_at_first_and_everything_missing_is_named() -> None:
    dialog = form("waive", held_story())
    assert missing(dialog, Filled()) == [
        "choose what it is about",
        "say who you are",
        "write the reason",
    ]
    dialog = form("attest", _asked())
    assert missing(dialog, Filled(subject="told"))[0] == "say yes or no"
    assert "write what was seen" in missing(dialog, Filled(subject="told"))
    assert "attest told --YES-OR--NO --by" in equivalent(saying(dialog, Filled(subject="told")))
    assert not is_addressed(dialog, Filled(by="proj", role="project_lead"))
    assert is_addressed(
        dialog, Filled(by="proj", role="project_lead", answer=False, subject="told")
    )


def _asked() -> Story:
    from rollout.domain.events import GateOpened

    story = Story().begin().stage("pilot", "open_entry", "pending", "entry_gate")
    return story.add(
        GateOpened(phase="pilot", attempt=1, moment="entry", gate="ready", round=1, checks=["told"])
    )


def test_what_writes_or_undoes_is_typed() -> None:
    story = held_story()
    assert phrase(form("retry", story), "pilot") == "retry pilot"
    assert phrase(form("roll_back", story), "") == "rollback everything REHEARSAL"
    assert phrase(form("roll_back", story), None) == ""
    assert phrase(form("abort", story), "pilot") == "abort two-phases"
    for name in ("resume", "waive", "close_finding"):
        assert phrase(form(name, story), "pilot") == ""


def test_a_rollback_is_armed_only_after_its_time() -> None:
    dialog = form("roll_back", held_story())
    filled = Filled(
        subject="",
        by="proj",
        role="project_lead",
        reason="r",
        phrase="rollback everything REHEARSAL",
    )
    assert missing(dialog, filled) == ["read it once more: 3 s"]
    armed = msgspec.structs.replace(filled, armed_for_s=3.0)
    assert missing(dialog, armed) == []


def test_a_rollback_goes_back_to_any_phase_that_has_begun() -> None:
    story = Story().begin().stage("pilot", "signed", "sign_off", "passed")
    story.stage("full", "hold", "running", "held")
    assert [s.id for s in form("roll_back", story).subjects] == ["", "full"]


@pytest.mark.parametrize(
    ("stage", "undo_from", "subjects"),
    [
        ("rollback_failed", "full", ["full", "pilot"]),
        ("rollback_failed", "", [""]),
        ("rolled_back", "full", [""]),
        ("rolled_back", "", []),
    ],
)
def test_after_a_rollback_there_is_only_further_back_or_the_failed_one_again(
    stage: str, undo_from: str, subjects: list[str]
) -> None:
    story = Story().begin().stage("pilot", "signed", "sign_off", "passed")
    story.stage("full", "hold", "running", "held")
    state = story.state()
    state.phases["full"].stage, state.phases["full"].undo_from = stage, undo_from
    action = action_of("roll_back", state, words_of(story), LIVE)
    assert [s.id for s in dialog_view(action, state, words_of(story)).subjects] == subjects
    locked = "everything is undone already: retry, or end the rollout"
    assert action.locked == ("" if subjects else locked)


def test_only_people_of_the_plan_with_the_right_role_may_speak() -> None:
    story = held_story()
    assert who_may(form("retry", story), "pilot", words_of(story)) == [("proj", "project_lead")]
    found = who_may(form("close_finding", story), "pilot-1-empty_keys", words_of(story))
    assert found == [("proj", "project_lead"), ("sale", "sales_ops")]
    assert who_may(form("retry", story), "pilot", PlanWords()) == []


@given(
    reason=st.text(max_size=60), by=st.text(max_size=20), run=st.text("0123456789-x", max_size=20)
)
def test_a_form_never_breaks_and_never_says_more_than_it_holds(
    reason: str, by: str, run: str
) -> None:
    dialog = form("close_finding", held_story())
    filled = Filled(subject="pilot-1-empty_keys", by=by, role="r", reason=reason, run=run)
    said = saying(dialog, filled)
    assert said.reason == reason.strip()
    line = equivalent(said)
    assert not any(ord(c) < 32 or ord(c) == 127 for c in line)
    assert shlex.split(line)[:3] == ["rollout", "decide", "close"]
    if not missing(dialog, filled):
        assert by
        assert reason.strip()


def _action_lines() -> list[tuple[str, str]]:
    lines = []
    for name in ACTIONS:
        dialog = DialogView(
            action=name, title="", about="", verb="", subjects=[], answers=[], reason_label="",
            takes_run=False, takes_file=False, world="PROD", rollout="r", arm_s=0.0,
            seen_seq=7, seen_head="ab", seen_at=None,
        )  # fmt: skip
        filled = Filled(subject="it", by="kim", role="lead", reason="why not", run="3", file="f")
        lines.append((name, equivalent(saying(dialog, filled), ["--state", "a b.db"])))
    return lines


@pytest.mark.parametrize(("name", "line"), _action_lines())
def test_the_command_shown_is_one_that_the_command_line_takes(name: str, line: str) -> None:
    program, command, *arguments = shlex.split(line)
    assert program == "rollout"
    found = get_command(app).commands[command]  # type: ignore[attr-defined]  # a group has them
    context = found.make_context(command, list(arguments))
    assert (context.params["by"], context.params["role"]) == ("kim", "lead")
    assert context.params["seen"] == 7
    assert str(context.params["state"]) == "a b.db"
    assert re.search("why not", str(context.params))


def test_an_action_is_named_in_words() -> None:
    view = ActionView(action="roll_back", about="", choices=[], locked="no")
    assert (view.name, view.awaited) == ("roll back", False)
