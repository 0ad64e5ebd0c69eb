"""Where a rollout is, as data and as lines."""

from __future__ import annotations

import msgspec
import pytest
from builders import (
    FAIL,
    PASS,
    Found,
    Story,
    completed_story,
    held_story,
    make_plan,
    make_run,
    observed,
    undone_story,
)
from hypothesis import given
from hypothesis import strategies as st

from rollout.domain.events import RolledBack, RolloutEnded, StepStarted
from rollout.domain.evidence import Decision, Verdict
from rollout.domain.state import RolloutState
from rollout.view.model import StatusView
from rollout.view.plan_words import PlanWords, plan_words
from rollout.view.status import run_view, status_view
from rollout.view.status_text import bar, live_lines, run_line, status_lines
from rollout.view.text import cells


def view_of(story: Story, *, documents: bool = False) -> StatusView:
    words = plan_words(story.plan.model_dump(mode="json", by_alias=True))
    newest = story.events()[-3:]
    return status_view(story.state(), words, newest, story.evidence.get if documents else None)


def test_a_held_rollout_says_what_blocks_and_what_may_be_done() -> None:
    view = view_of(held_story())
    assert (view.status, view.word) == ("active", "FAIL")
    assert view.phases[0].stage == "held"
    gate = view.gates[0]
    assert (gate.gate, gate.number, gate.decision) == ("ready", 1, Decision.NO_GO)
    assert [(c.id, c.word) for c in gate.checks] == [
        ("empty_keys", "FAIL"),
        ("told", "PASS"),
        ("drift", "WARN"),
    ]
    assert {c.action for c in view.next} >= {"resume", "retry", "waive", "roll_back", "abort"}
    assert [f.check for f in view.findings] == ["empty_keys"]


def test_a_completed_rollout_offers_nothing_and_shows_its_last_gate() -> None:
    view = view_of(completed_story())
    assert (view.outcome, view.word, view.next) == ("completed", "PASS", [])
    assert [g.gate for g in view.gates] == ["all_done"]
    assert view.phases[0].steps_done == view.phases[0].steps_total == 2


def test_conditions_come_from_the_evidence_where_it_is_read() -> None:
    written = view_of(held_story()).gates[0].checks[0]
    filled = view_of(held_story(), documents=True).gates[0].checks[0]
    assert (written.required, filled.required) == ("= 0", "= 0")
    story = completed_story()
    words = plan_words(story.plan.model_dump(mode="json", by_alias=True))
    assert words.gate("verified").check("created").required() == (
        "created = 50; no-go at lost >= 5"
    )


def test_evidence_that_is_gone_leaves_the_condition_as_written() -> None:
    story = held_story()

    def nothing(digest: str) -> object:
        raise KeyError(digest)

    words = plan_words(story.plan.model_dump(mode="json", by_alias=True))
    view = status_view(story.state(), words, (), nothing)
    assert view.gates[0].checks[0].required == "= 0"


def test_a_waiver_shows_in_the_round_that_counted_it_only() -> None:
    story = held_story().say("waive", "pilot", subject="empty_keys", reason="known and small")
    assert view_of(story).gates[0].checks[0].word == "FAIL"
    story.stage("pilot", "resume_entry_gate", "held", "entry_gate")
    found: dict[str, Found] = {"empty_keys": (FAIL, observed(rows=3)), "told": PASS, "drift": PASS}
    story.gate("pilot", "entry", "ready", found, Decision.GO, round=2)
    check = view_of(story).gates[0].checks[0]
    assert check.word == "WAIV"
    assert "known and small" in check.waived_by


def test_what_is_running_is_shown_with_its_progress() -> None:
    story = Story().begin().stage("pilot", "open_entry", "pending", "running")
    story.add(StepStarted(phase="pilot", attempt=1, step="rest"))
    story.add(make_run(status="working", processed=20, source_rows=50))
    view = view_of(story)
    assert [(s.step, s.word) for s in view.steps] == [("rest", "RUN")]
    assert [(r.run_id, r.share) for r in view.runs] == [(7, 0.4)]
    text = "\n".join(status_lines(view, 100))
    assert "step rest running since" in text
    assert "(40% of 50)" in text


def test_a_run_without_counts_says_so() -> None:
    run = make_run(
        status="queued", processed=None, accepted=None, failed=None, invalid=None, ours=False
    )
    assert (
        run_line(run_view(run)) == "◇ WAIT  somebody else's run 7 of sync_a queued: no counts yet"
    )
    assert run_view(run).share is None


def test_more_processed_than_the_source_had_is_not_over_the_whole() -> None:
    assert run_view(make_run(processed=60, source_rows=50)).share == 1.0


@pytest.mark.parametrize("tell", [held_story, completed_story])
@pytest.mark.parametrize("width", [40, 79, 80, 140])
@pytest.mark.parametrize("ascii_only", [True, False])
def test_no_line_is_wider_than_asked(tell: object, width: int, ascii_only: bool) -> None:
    assert callable(tell)
    lines = status_lines(view_of(tell()), width, ascii_only=ascii_only)
    assert max(cells(line) for line in lines) <= width
    if ascii_only:
        assert "".join(lines).isascii()


@given(st.text(max_size=40))
def test_foreign_text_cannot_break_the_screen(text: str) -> None:
    story = held_story()
    state = story.state()
    state.gates[0].checks["empty_keys"].reason = text
    state.gates[0].reasons = [text]
    state.phases["pilot"].reason = text
    state.findings["pilot-1-empty_keys"].title = text
    for line in status_lines(status_view(state, PlanWords()), 60):
        assert cells(line) <= 60
        assert not any(ord(c) < 32 or ord(c) == 127 for c in line)


def test_a_status_is_json() -> None:
    document = msgspec.json.decode(msgspec.json.encode(view_of(held_story())))
    assert document["phases"][0]["word"] == "FAIL"
    assert document["gates"][0]["checks"][0]["verdict"] == "fail"


def test_nothing_is_known_of_a_rollout_without_a_plan_document() -> None:
    view = status_view(held_story().state(), PlanWords())
    assert view.gates[0].title == "ready"
    assert view.gates[0].checks[0].title == "empty_keys"


def test_an_empty_state_has_a_view() -> None:
    view = status_view(RolloutState(), PlanWords())
    assert view.phases == []
    assert status_lines(view, 80)


def test_an_odd_plan_document_gives_no_words() -> None:
    assert plan_words({"phases": 3}) == PlanWords()
    assert plan_words(None) == PlanWords()


def test_a_live_picture_shows_the_bar_and_the_gate() -> None:
    story = held_story()
    lines = live_lines(view_of(story), story.now, 80)
    assert "0/2 phases" in lines[1]
    assert any("gate 1, ready" in line for line in lines)
    assert bar(0.0, 4) == "────"
    assert bar(2.0, 4, ascii_only=True) == "####"


def test_a_repeated_look_that_was_inconclusive_is_history_after_a_later_one() -> None:
    story = Story(plan=make_plan()).begin()
    story.stage("pilot", "open_entry", "pending", "running")
    doubt: dict[str, Verdict] = {"created": Verdict.INCONCLUSIVE}
    story.gate("pilot", "every:1h#1", "verified", doubt, Decision.INCONCLUSIVE)
    assert [g.moment for g in view_of(story).gates] == ["every:1h#1"]
    story.gate("pilot", "every:1h#2", "verified", {"created": PASS}, Decision.GO)
    assert [g.moment for g in view_of(story).gates] == ["every:1h#2"]


def test_a_rollback_that_failed_says_what_is_left_and_how_to_go_on() -> None:
    story = held_story()
    assert view_of(story).rollback is None
    story.add(
        RolledBack(
            phase="pilot",
            attempt=1,
            verified=False,
            restored_rows=7_978,
            deleted_rows=0,
            left_rows=3,
            remaining=[f"k{n} (a{n}): refused" for n in range(12)],
            remaining_rows=12,
            go_on="mend what is named, then say roll back again",
        )
    )
    view = view_of(story)
    assert view.rollback is not None
    assert (view.rollback.word, view.rollback.remaining_rows) == ("FAIL", 12)
    text = "\n".join(status_lines(view, 100))
    assert "✗ FAIL  rollback of everything (pilot): not finished or not proven" in text
    assert "rows: 7,978 given back, 0 deleted, 3 left as others made them" in text
    assert "still to be put right: 12 rows" in text
    assert "left: k0 (a0): refused" in text
    assert "and 2 more, in the log" in text
    assert "to go on: mend what is named" in text


@pytest.mark.parametrize("ended", [False, True])
def test_a_phase_that_was_undone_is_not_shown_as_passed(ended: bool) -> None:
    story = undone_story()
    if ended:
        story.add(RolloutEnded(outcome="rolled_back"))
    view = view_of(story)
    assert [(p.stage, p.word, p.undone) for p in view.phases] == [
        ("passed", "WARN", True),
        ("rolled_back", "WARN", False),
    ]
    for lines in (status_lines(view, 100), live_lines(view, story.now, 100)):
        first, second = (line for line in lines if line[8:10] in {"1 ", "2 "})
        assert first.startswith("▲ WARN  1 pilot  undone ")
        assert second.startswith("▲ WARN  2 full   rolled back ")
    assert "0/2 phases" in live_lines(view, story.now, 100)[1]
    assert "! WARN  1 pilot  undone " in "\n".join(status_lines(view, 100, ascii_only=True))


def test_a_phase_before_the_rollbacks_scope_stays_passed() -> None:
    view = view_of(undone_story(scope="full"))
    assert [(p.word, p.undone) for p in view.phases] == [("PASS", False), ("WARN", False)]
    assert "1/2 phases" in live_lines(view, undone_story().now, 100)[1]
