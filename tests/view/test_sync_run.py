"""One sync: what it is doing in a word, how far its run is, and how near its brakes."""

from __future__ import annotations

import json
from collections.abc import Callable
from datetime import timedelta

import msgspec
import pytest
from builders import Story, make_plan, make_run
from hypothesis import given, settings
from hypothesis import strategies as st
from strategies import payloads
from view_stories import (
    ended,
    hostile,
    intended,
    looked_at,
    running,
    started,
    steers_nothing,
    sync_plan,
    triggered,
    words_of,
)

from rollout.domain import events as e
from rollout.view.plan_words import PlanWords
from rollout.view.run_samples import MOST, run_samples
from rollout.view.sync_run import SyncRunView, newest_sync, sync_run_view
from rollout.view.sync_run_text import sync_run_lines, sync_run_spoken
from rollout.view.sync_state import SyncStateView, sync_state
from rollout.view.text import cells

EFFECT = "pilot/1/run_a/trigger-1"


def state_of(story: Story, sync: str = "sync_a") -> SyncStateView:
    return sync_state(story.state(), words_of(story), sync, story.now)


def view_of(story: Story, sync: str = "sync_a", *, documents: bool = True) -> SyncRunView:
    return sync_run_view(
        story.state(),
        words_of(story),
        sync,
        run_samples(story.events()),
        story.now,
        story.evidence.get if documents else None,
    )


def text_of(story: Story, sync: str = "sync_a", width: int = 100) -> str:
    return "\n".join(sync_run_lines(view_of(story, sync), width))


# the word --------------------------------------------------------------------


def test_a_sync_that_no_step_ran_is_idle() -> None:
    assert state_of(Story(plan=sync_plan()).begin()).state == "IDLE"


def test_a_step_that_did_not_trigger_yet_is_starting() -> None:
    assert (state_of(started()).state, state_of(started()).note) == (
        "STARTING",
        "not triggered yet",
    )


def test_a_queued_run_is_starting_and_a_working_one_running() -> None:
    story = triggered().add(make_run(status="queued", processed=None, accepted=None))
    assert (state_of(story).state, state_of(story).word) == ("STARTING", "RUN")
    assert state_of(story.add(running(3))).state == "RUNNING"


def test_a_refused_trigger_is_retried_and_says_when() -> None:
    story = intended(started())
    again = story.now + timedelta(seconds=45)
    story.add(e.EffectAnswered(effect=EFFECT, answer="no", detail="429", retry_at=again))
    found = state_of(story)
    assert (found.said(), found.word) == ("RETRYING(1, next in 45s)", "WARN")
    assert "429" in found.note
    story.wait(minutes=5)
    assert state_of(story).said() == "RETRYING(1)"


def test_a_lost_answer_is_looked_up_and_never_said_to_be_sent_again() -> None:
    story = intended(started())
    story.add(e.EffectAnswered(effect=EFFECT, answer="unknown", detail="time-out"))
    assert state_of(story).note == "its answer was lost, it is looked up: time-out"


def test_an_effect_that_waits_for_a_person_says_so() -> None:
    story = intended(started())
    story.add(e.EffectResolved(effect=EFFECT, how="needs_human", detail="two candidates"))
    found = state_of(story)
    assert (found.state, found.word) == ("STARTING", "WAIT")
    assert "settle" in found.note


def test_a_run_that_is_being_stopped_says_why() -> None:
    story = triggered().add(running(30))
    stopped = {"stopped": "error_rate is 0.2, stop if > 10 %"}
    story.add(e.StepProgressed(phase="pilot", attempt=1, step="run_a", memory=stopped))
    assert state_of(story).note == "is being stopped: error_rate is 0.2, stop if > 10 %"
    brake = view_of(story).current
    assert brake is not None
    assert [b.has_tripped for b in brake.breakers] == [True, False]
    assert "✗ FAIL  error_rate" in text_of(story)


def test_a_run_that_is_over_is_verified_until_its_phase_has_passed() -> None:
    story = triggered().add(make_run(completed_at=None))
    assert state_of(story).state == "VERIFYING"
    ended(story)
    assert state_of(story).state == "VERIFYING"
    story.stage("pilot", "steps_done", "running", "exit_gate")
    story.stage("pilot", "exit_no_go", "exit_gate", "held", reason="verified is no_go")
    held = state_of(story)
    assert (held.state, held.word, held.note) == (
        "VERIFYING",
        "FAIL",
        "pilot is held: verified is no_go",
    )
    story.stage("pilot", "resume", "held", "exit_gate")
    story.stage("pilot", "exit_go", "exit_gate", "passed")
    assert (state_of(story).state, state_of(story).word) == ("DONE", "PASS")


def test_a_failed_step_is_failed_with_its_reason() -> None:
    story = started().add(e.StepFailed(phase="pilot", attempt=1, step="run_a", reason="401"))
    assert (state_of(story).state, state_of(story).note) == ("FAILED", "401")


def test_the_way_back_has_its_own_words() -> None:
    story = ended(triggered())
    story.add(e.StepProgressed(phase="pilot", attempt=1, step="run_a", memory={"n": 1}, undo=True))
    assert state_of(story).state == "ROLLING-BACK"
    story.add(e.StepUndone(phase="pilot", attempt=1, step="run_a", outputs={}))
    assert state_of(story).state == "ROLLED-BACK"


def test_a_way_back_that_failed_is_failed() -> None:
    story = ended(triggered())
    story.add(e.StepFailed(phase="pilot", attempt=1, step="run_a", reason="no", undo=True))
    assert state_of(story).state == "FAILED"


def test_a_new_attempt_that_has_not_come_to_it_is_idle() -> None:
    story = ended(triggered())
    story.stage("pilot", "retry", "held", "pending", attempt=2)
    assert state_of(story).note == "attempt 2 of pilot has not come to it yet"


def test_a_paused_sync_is_paused_until_it_is_resumed() -> None:
    story = Story(plan=sync_plan()).begin()
    for number, (paused, said) in enumerate(((True, "PAUSED"), (False, "IDLE"))):
        name = f"set-{number}"
        intended(
            story,
            name,
            action="set_paused",
            target="sync_a",
            request={"paused": paused},
            idempotent=True,
        )
        assert state_of(story).state == ("IDLE" if paused else "PAUSED")
        story.add(e.EffectResolved(effect=f"pilot/1/run_a/{name}", how="done"))
        assert state_of(story).state == said


# the picture -----------------------------------------------------------------


def test_progress_comes_from_the_looks_of_the_log() -> None:
    story = looked_at(triggered(), 0, 10, 20)
    current = view_of(story).current
    assert current is not None
    assert (current.progress.done, current.progress.total) == (20, 50)
    assert current.progress.rate == pytest.approx(1 / 6)
    assert "20 of 50 rows, 0.2/s, ETA 3m" in text_of(story)


def test_half_a_minute_of_looks_is_only_an_estimate() -> None:
    text = text_of(looked_at(triggered(), 0, 10, 20, gap_s=10))
    assert "estimating" in text
    assert "ETA" not in text


def test_brakes_say_how_near_they_are() -> None:
    story = looked_at(triggered(), 20, failed=1)
    current = view_of(story).current
    assert current is not None
    error_rate, duration = current.breakers
    assert (error_rate.observed, error_rate.is_armed) == ("5 %", True)
    assert error_rate.share == pytest.approx(0.5)
    assert (duration.metric, duration.observed, duration.stop_if) == ("duration_s", "1m", "> 15m")
    assert "▲ WARN  error_rate" in text_of(story)


def test_a_brake_that_is_not_armed_yet_says_from_when() -> None:
    assert "from 10 rows on" in text_of(looked_at(triggered(), 2, failed=1))


def test_what_was_expected_is_judged_when_the_run_is_over() -> None:
    under_way = view_of(looked_at(triggered(), 20)).current
    assert under_way is not None
    assert [(x.metric, x.required, x.met) for x in under_way.expected] == [
        ("processed", "= 50", None),
        ("failed", "= 0", None),
    ]
    over = view_of(ended(triggered().wait(minutes=5))).current
    assert over is not None
    assert [(x.observed, x.met) for x in over.expected] == [("50", True), ("5", False)]


def test_rejects_are_counted_by_reason_where_the_evidence_has_them() -> None:
    story = ended(triggered().wait(minutes=5))
    current = view_of(story).current
    assert current is not None
    assert [(r.reason, r.count) for r in current.rejects.reasons] == [
        ("too long", 4),
        ("no [31mname", 1),
    ]
    assert "why is not known here" in "\n".join(
        sync_run_lines(view_of(story, documents=False), 100)
    )


def test_evidence_that_is_gone_or_odd_gives_no_reasons() -> None:
    story = ended(triggered().wait(minutes=5))
    words, seen = words_of(story), run_samples(story.events())

    def gone(digest: str) -> object:
        raise KeyError(digest)

    for documents in (gone, lambda _: "odd", lambda _: {"rejected": "odd"}):
        found = sync_run_view(story.state(), words, "sync_a", seen, story.now, documents)
        assert found.current is not None
        assert found.current.rejects.why_unknown


def test_others_who_ran_it_are_named() -> None:
    story = ended(triggered().wait(minutes=5)).add(make_run(run_id=9, ours=False))
    assert [(r.run.run_id, r.run.ours) for r in view_of(story).runs] == [(9, False), (7, True)]
    assert "Runs seen: 2, of which 1 were somebody else's" in text_of(story)


def test_the_window_is_named_while_nothing_was_triggered() -> None:
    assert "it may only in its window: tue, wed 10:00-12:00" in text_of(started())


def test_the_sync_run_last_is_shown_first() -> None:
    story = started()
    assert newest_sync(story.state(), words_of(story)) == "sync_a"
    story.add(e.StepStarted(phase="full", attempt=1, step="run_b"))
    assert newest_sync(story.state(), words_of(story)) == "sync_b"
    assert view_of(story, "sync_b").other_syncs == [("sync_a", "STARTING")]


def test_without_the_plan_the_runs_of_the_log_are_still_there() -> None:
    story = Story(plan=make_plan()).begin().add(make_run())
    view = sync_run_view(story.state(), PlanWords(), "sync_a", {}, story.now)
    assert (view.title, view.current, len(view.runs)) == ("sync_a", None, 1)
    assert "No step of this rollout has run it yet." in "\n".join(sync_run_lines(view, 80))


def test_it_is_json() -> None:
    view = view_of(ended(looked_at(triggered(), 0, 20, 50)))
    assert json.loads(msgspec.json.encode(view))["current"]["rejects"]["failed"] == 5


# its text --------------------------------------------------------------------

STORIES: dict[str, Callable[[], Story]] = {
    "idle": lambda: Story(plan=sync_plan()).begin(),
    "starting": started,
    "running": lambda: looked_at(triggered(), 0, 10, 20),
    "over": lambda: ended(looked_at(triggered(), 0, 20, 50)),
}


@pytest.mark.parametrize("name", STORIES)
@pytest.mark.parametrize("width", [20, 40, 79, 80, 140])
@pytest.mark.parametrize("ascii_only", [True, False])
def test_no_line_is_wider_than_asked(name: str, width: int, ascii_only: bool) -> None:
    lines = sync_run_lines(view_of(STORIES[name]()), width, ascii_only=ascii_only)
    assert all(cells(line) <= width for line in lines)
    assert not ascii_only or all(line.isascii() for line in lines)


@pytest.mark.parametrize("name", STORIES)
def test_ears_hear_what_eyes_see_but_no_drawing(name: str) -> None:
    story = STORIES[name]()
    spoken = "\n".join(sync_run_spoken(view_of(story)))
    assert not set(spoken) & set("━─▁▂▃▄▅▆▇█#")
    assert "  " not in spoken
    assert "Sync A" in spoken


def test_a_row_for_ears_names_its_parts() -> None:
    spoken = sync_run_spoken(view_of(looked_at(triggered(), 20, failed=1)))
    assert "WARN, error_rate, is 5 %, stops the run at > 10 %, 50% of the way." in spoken


@settings(max_examples=40)
@given(hostile, st.integers(1, 10**12), st.integers(10, 120))
def test_hostile_words_never_break_a_line(text: str, count: int, width: int) -> None:
    story = looked_at(triggered(), 0, count, count * 3, status=text, source_rows=count * 5)
    story.add(e.StepFailed(phase="pilot", attempt=1, step="run_a", reason=text * 40))
    state, words = story.state(), words_of(story)
    view = sync_run_view(state, words, "sync_a", run_samples(story.events()), story.now)
    for line in [*sync_run_lines(view, width), *sync_run_spoken(view)]:
        assert steers_nothing(line)
    assert all(cells(line) <= width for line in sync_run_lines(view, width))


# looks -----------------------------------------------------------------------


def test_looks_of_one_run_are_bounded_and_the_ends_stay() -> None:
    story = looked_at(triggered(), *range(MOST * 3), gap_s=1)
    (seen,) = run_samples(story.events()).values()
    assert len(seen) <= MOST
    assert (seen[0].done, seen[-1].done) == (0, MOST * 3 - 1)


@settings(max_examples=30)
@given(st.lists(payloads, max_size=8))
def test_looks_come_from_runs_alone(some: list[e.Payload]) -> None:
    events = [
        e.Event(rollout="r", seq=n, at=Story().now, actor="a", payload=p, prev="", hash="")
        for n, p in enumerate(some, 1)
    ]
    runs = [p for p in some if isinstance(p, e.RunObserved)]
    assert sum(len(s) for s in run_samples(events).values()) == len(runs)
