"""What goes on right now, what may be done next, and the phases."""

from __future__ import annotations

from datetime import timedelta

import pytest
from builders import PASS, Story, completed_story, held_story, make_plan, make_run, undone_story
from hypothesis import given
from hypothesis import strategies as st

from rollout.domain.events import GateOpened, SoakStarted, StepFailed, StepProgressed, StepStarted
from rollout.domain.evidence import Decision
from rollout.domain.plan import Phase
from rollout.domain.state import STAGES, RolloutState
from rollout.view.actions import actions
from rollout.view.link_state import live_link
from rollout.view.mission_text import event_lines, gate_lines
from rollout.view.next_rows import next_rows
from rollout.view.phases_text import phases_lines
from rollout.view.plan_words import PlanWords, plan_words
from rollout.view.run_samples import run_samples
from rollout.view.status import event_view, status_view
from rollout.view.text import cells
from rollout.view.under_way import WorkView, share_of, under_way
from rollout.view.under_way_text import under_way_lines

KEYS = {"proceed": "g", "retry": "r", "waive": "w", "roll_back": "R"}


def words_of(story: Story) -> PlanWords:
    return plan_words(story.plan.model_dump(mode="json", by_alias=True))


def work_of(story: Story, **later: float) -> list[WorkView]:
    samples = run_samples(story.events())
    return under_way(story.state(), words_of(story), story.now + timedelta(**later), samples)


def working_plan() -> Story:
    """One phase that waits, runs a sync and watches."""
    phase = Phase.model_validate(
        {
            "phase": "pilot",
            "title": "The pilot",
            "steps": [
                {"step": "wait", "id": "rest", "title": "Let it rest", "inputs": {"for": "20m"}},
                {
                    "step": "run_sync",
                    "id": "run_a",
                    "title": "Run Sync A",
                    "inputs": {"sync": "sync_a"},
                },
            ],
            "soak": {"for": "48h"},
            "sign_off": {"roles": ["project_lead", "sales_ops"]},
        }
    )
    story = Story(plan=make_plan(phases=[phase])).begin()
    return story.stage("pilot", "proceed", "ready", "running")


def test_a_wait_says_how_long_still() -> None:
    story = working_plan().add(StepStarted(phase="pilot", attempt=1, step="rest"))
    (work,) = work_of(story, minutes=5)
    assert (work.title, work.left_s, work.share) == ("Let it rest", 900.0, 0.25)
    lines = under_way_lines([work], 60)
    assert lines[0] == "▸ RUN   Let it rest, for 5m"
    assert "15m left, until 2026-01-05 16:20:00Z" in lines[1]
    assert lines[2].endswith(" 25%")


def test_a_run_shows_rows_rate_and_a_range_of_the_time_left() -> None:
    story = working_plan().add(StepStarted(phase="pilot", attempt=1, step="run_a"))
    for done in (0, 300, 600):
        story.add(make_run(status="working", processed=done, source_rows=1200, failed=1))
        story.wait(minutes=5)
    (work,) = work_of(story)
    assert work.title == "Run Sync A"
    assert share_of([work]) == 0.5
    text = "\n".join(under_way_lines([work], 80))
    assert "600 of 1,200 rows, 1/s, ETA" in text
    assert "1 failed" in text


def test_a_sync_step_without_a_run_is_a_step() -> None:
    story = working_plan().add(StepStarted(phase="pilot", attempt=1, step="run_a"))
    (work,) = work_of(story)
    assert (work.title, work.progress) == ("Run Sync A", None)


def test_a_watch_counts_down_when_its_steps_are_done() -> None:
    story = working_plan().add(SoakStarted(phase="pilot", attempt=1))
    (work,) = work_of(story, hours=12)
    assert (work.title, work.share) == ("watching for 2d", 0.25)


def test_a_held_phase_names_the_gate_first() -> None:
    work = work_of(held_story())
    assert (work[0].word, work[0].title) == ("FAIL", "pilot is held")
    assert work[0].detail == "not so: Everything is ready"


def test_a_phase_held_by_a_failed_step_says_why() -> None:
    story = working_plan().add(StepStarted(phase="pilot", attempt=1, step="run_a"))
    story.add(StepFailed(phase="pilot", attempt=1, step="run_a", reason="2 candidates"))
    story.stage("pilot", "step_failed", "running", "held", reason="run_a failed: 2 candidates")
    work = work_of(story)
    assert work[0].detail == "run_a failed: 2 candidates"
    assert work[1].title == "failed: Run Sync A"


def test_a_step_that_is_undone_says_so() -> None:
    story = working_plan().add(StepStarted(phase="pilot", attempt=1, step="rest"))
    story.add(StepProgressed(phase="pilot", attempt=1, step="rest", memory={}, undo=True))
    story.stage("pilot", "roll_back", "running", "rolling_back")
    assert work_of(story)[0].title == "undoing: Let it rest"


def test_a_gate_being_asked_says_how_many_answered() -> None:
    story = Story().begin().stage("pilot", "open_entry", "pending", "entry_gate")
    story.add(
        GateOpened(phase="pilot", attempt=1, moment="entry", gate="ready", round=1, checks=["told"])
    )
    (work,) = work_of(story)
    assert (work.title, work.detail) == ("asking: Everything is ready", "0 of 1 checks answered")


def test_a_sign_off_names_who_is_missing() -> None:
    story = working_plan()
    story.gate("pilot", "exit", "verified", {"created": PASS}, Decision.GO)
    story.stage("pilot", "ask_sign_off", "exit_gate", "sign_off")
    story.sign("pilot", "verified", "project_lead")
    (work,) = work_of(story)
    assert work.title == "waits for signatures: sales_ops"
    assert work.detail == "project_lead signed (proj)"
    state = story.state()
    lines = phases_lines(status_view(state, words_of(story)), state, words_of(story), 40)
    assert "Sign-offs of pilot: 1/2" in lines
    assert "✓ PASS  project_lead proj" in lines
    assert "◇ WAIT  sales_ops" in lines


def test_a_phase_that_was_undone_says_so_in_the_list() -> None:
    story = undone_story()
    state = story.state()
    lines = phases_lines(status_view(state, words_of(story)), state, words_of(story), 40)
    assert lines[:4] == [
        "▲ WARN  1 The pilot",
        "          undone",
        "▲ WARN  2 Everything",
        "          rolled back",
    ]


@pytest.mark.parametrize("stage", STAGES)
def test_there_is_always_something_to_say(stage: str) -> None:
    state = held_story().state()
    state.phases["pilot"].stage = stage
    work = under_way(state, PlanWords(), None, {})
    assert work
    assert all(w.title for w in work)
    assert under_way_lines(work, 40)


def test_before_and_after_a_rollout_it_says_so() -> None:
    assert under_way(RolloutState(), PlanWords(), None, {})[0].title == "no rollout was read yet"
    ended = work_of(completed_story())[0]
    assert (ended.word, ended.title) == ("PASS", "the rollout has ended: completed")


def test_next_rows_put_the_awaited_first_and_say_why_others_are_locked() -> None:
    story = held_story()
    found = actions(story.state(), words_of(story), live_link(0.0))
    rows = next_rows(found, KEYS, 100)
    assert rows[1].line.startswith("r ◇ WAIT  retry: try the phase again")
    assert "waive|empty_keys" in [row.id for row in rows]
    locked = next(row for row in rows if row.action == "proceed")
    assert locked.line == "g (proceed) only when every entry gate is go; pilot is held"
    stale = next_rows(actions(story.state(), words_of(story), live_link(None)), KEYS, 100)
    assert "(retry)" in stale[1].line
    assert all(row.locked for row in stale)


@given(st.text(max_size=60), st.integers(20, 140), st.booleans())
def test_no_part_of_the_mission_is_wider_than_asked(
    text: str, width: int, ascii_only: bool
) -> None:
    story = held_story()
    state = story.state()
    state.phases["pilot"].reason = text
    state.phases["pilot"].held_from = ""
    state.findings["pilot-1-empty_keys"].title = text
    words = words_of(story)
    view = status_view(state, words)
    found = actions(state, words, live_link(0.0))
    events = [event_view(e) for e in story.events()]
    lines = [
        *under_way_lines(under_way(state, words, None, {}), width, ascii_only=ascii_only),
        *(row.line for row in next_rows(found, KEYS, width, ascii_only=ascii_only)),
        *phases_lines(view, state, words, width, ascii_only=ascii_only),
        *event_lines(events, width, ascii_only=ascii_only),
        *gate_lines([], width, ascii_only=ascii_only),
    ]
    for line in lines:
        assert cells(line) <= width
        assert not any(ord(c) < 32 or ord(c) == 127 for c in line)


def test_the_newest_event_is_seen_first() -> None:
    events = [event_view(e) for e in held_story().events()]
    assert event_lines(events, 80)[0].startswith("#12 01-05 17:00:00  rollout    pilot: entry_gate")
    assert event_lines([], 80) == ["nothing has happened yet"]
