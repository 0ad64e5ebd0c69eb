"""The watch: countdown, checkpoints, coverage, figures, and what a breach means."""

from __future__ import annotations

import json
from collections.abc import Callable

import msgspec
import pytest
from builders import Story, make_plan
from hypothesis import given, settings
from hypothesis import strategies as st
from view_stories import (
    breached,
    hostile,
    look,
    steers_nothing,
    watch_plan,
    watched,
    watching,
    words_of,
)

from rollout.domain.evidence import Decision, Verdict
from rollout.domain.state import SOAK_COVERAGE
from rollout.view.monitor import monitor_view
from rollout.view.monitor_model import MonitorView
from rollout.view.monitor_text import monitor_lines, monitor_spoken
from rollout.view.plan_words import PlanWords
from rollout.view.text import cells


def view_of(story: Story, *, documents: bool = True) -> MonitorView:
    return monitor_view(
        story.state(), words_of(story), story.now, story.evidence.get if documents else None
    )


def text_of(story: Story, width: int = 100) -> str:
    return "\n".join(monitor_lines(view_of(story), width))


def test_a_plan_that_watches_nothing_says_so() -> None:
    view = view_of(Story().begin())
    assert (view.watch, view.word) == ("NO-WATCH", "SKIP")
    assert "Nothing to watch" in "\n".join(monitor_lines(view, 80))


def test_before_it_begins_the_looks_it_will_take_are_named() -> None:
    view = view_of(Story(plan=watch_plan()).begin())
    assert (view.watch, view.left_s, view.coverage) == ("NOT-BEGUN", None, None)
    assert [(c.age, c.gate, c.word) for c in view.checkpoints] == [
        ("2h", "early", "TODO"),
        ("24h", "late", "TODO"),
    ]
    assert [(s.every, s.looks) for s in view.repeated] == [("1h", ""), ("12h", "")]
    assert "it lasts 1d, once the phase has done its steps" in text_of(
        Story(plan=watch_plan()).begin()
    )


def test_it_counts_down() -> None:
    view = view_of(watched(hours=5))
    assert (view.watch, view.left_s, view.share) == ("COUNTING", 19 * 3600, 5 / 24)
    assert "COUNTING 19h left, until 2026-01-06 16:00:00Z" in text_of(watched(hours=5))


def test_checkpoints_say_when_they_are_due_and_what_they_came_to() -> None:
    early, late = view_of(watched(hours=5)).checkpoints
    assert (early.word, early.decided_at) == ("PASS", early.due_at)
    assert (late.word, late.due_in_s) == ("TODO", 19 * 3600)


def test_a_checkpoint_that_is_due_waits() -> None:
    story = watching().wait(hours=2)
    early = view_of(story).checkpoints[0]
    assert (early.word, early.due_in_s) == ("WAIT", 0)
    assert "due since 2026-01-05 18:00Z" in text_of(story)


def test_coverage_counts_answers_and_says_what_can_still_be_reached() -> None:
    fine = view_of(watched(hours=10)).coverage
    assert fine is not None
    assert (fine.answered, fine.settled, fine.expected, fine.word) == (11, 11, 28, "PASS")
    slept = view_of(watched(hours=10, asleep=frozenset({3, 4}))).coverage
    assert slept is not None
    assert (slept.answered, slept.settled, slept.word) == (9, 11, "WARN")
    assert slept.best == pytest.approx(26 / 28)
    lost = view_of(watched(hours=10, asleep=frozenset({3, 4, 5}))).coverage
    assert lost is not None
    assert (lost.word, lost.minimum) == ("FAIL", 0.9)
    text = text_of(watched(hours=10, asleep=frozenset({3, 4, 5})), width=200)
    assert "at best it will be 89.3%" in text


def test_an_inconclusive_look_is_lost_as_one_that_was_never_taken() -> None:
    story = watched(hours=2).wait(hours=1)
    look(story, "every:1h#3", "watch", Verdict.ERROR, Decision.INCONCLUSIVE)
    found = view_of(story).coverage
    assert found is not None
    assert (found.answered, found.settled, found.best) == (3, 4, 27 / 28)


def test_a_breach_is_named_with_what_it_means_and_what_to_do() -> None:
    view = view_of(breached())
    assert (view.watch, view.word) == ("BREACHED", "FAIL")
    (breach,) = view.breaches
    assert (breach.gate, breach.word) == ("watch", "FAIL")
    assert breach.checks == [
        ("The watch rate is right", "watch_rate reason", "Stop and look."),
    ]
    text = text_of(breached())
    assert "then: Stop and look." in text
    assert "`retry` begins it anew" in text


def test_too_little_coverage_means_something_else() -> None:
    story = watched(hours=24, asleep=frozenset(range(4, 12)))
    story.gate("care", "soak", SOAK_COVERAGE, {SOAK_COVERAGE: Verdict.FAIL}, Decision.NO_GO)
    story.stage("care", "soak_no_go", "running", "held")
    view = view_of(story)
    assert view.watch == "BREACHED"
    assert "only a waiver" in view.breaches[-1].meaning


def test_a_phase_held_by_a_person_is_held_and_not_breached() -> None:
    story = watched().stage("care", "hold", "running", "held", reason="lunch")
    assert (view_of(story).watch, view_of(story).reason) == ("HELD", "lunch")


def test_once_it_is_over_it_is_complete() -> None:
    story = watched(hours=24)
    assert view_of(story).watch == "CLOSING"
    story.stage("care", "soak_over", "running", "exit_gate")
    assert (view_of(story).watch, view_of(story).share) == ("COMPLETE", 1.0)
    story.stage("care", "exit_no_go", "exit_gate", "held")
    assert view_of(story).watch == "COMPLETE"


def test_figures_come_with_their_limits_and_their_past() -> None:
    figures = {m.check: m for m in view_of(watched(hours=8), documents=False).metrics}
    watch = figures["watch_rate"]
    assert (watch.metric, watch.required, watch.word) == ("rate", "<= 1 %", "PASS")
    assert (watch.low, watch.high) == (None, 0.01)
    assert watch.values == [pytest.approx(0.001 * n) for n in range(1, 9)]
    assert "▂▃▄▅▆▇█" in text_of(watched(hours=8))


def test_a_figure_over_its_limit_comes_first() -> None:
    view = view_of(breached(), documents=False)
    assert next(m for m in view.metrics if m.check == "watch_rate").word == "FAIL"
    figures = text_of(breached()).partition("Figures")[2].splitlines()
    assert figures[1].startswith("  ✗ FAIL  watch_rate")


def test_conditions_come_from_the_evidence_where_it_is_read() -> None:
    figures = {m.check: m for m in view_of(watched()).metrics}
    assert figures["watch_rate"].required == "= 0"


def test_evidence_that_is_gone_leaves_the_condition_as_written() -> None:
    story = watched()

    def gone(digest: str) -> object:
        raise KeyError(digest)

    view = monitor_view(story.state(), words_of(story), story.now, gone)
    assert view.metrics[0].required == "<= 1 %"


def test_a_condition_without_a_metric_still_shows_the_first_figure() -> None:
    plan = watch_plan()
    bare = plan.gates["watch"].checks[0].model_copy(update={"go": "<= 1 %"})
    gate = plan.gates["watch"].model_copy(update={"checks": [bare]})
    story = watched(Story(plan=plan.model_copy(update={"gates": {**plan.gates, "watch": gate}})))
    figure = next(m for m in view_of(story, documents=False).metrics if m.check == "watch_rate")
    assert (figure.metric, figure.required, figure.word) == ("rate", "", "UNKN")


def test_a_second_attempt_is_watched_anew() -> None:
    story = breached().stage("care", "retry", "held", "pending", attempt=2)
    assert (view_of(story).watch, view_of(story).attempt) == ("NOT-BEGUN", 2)


def test_without_the_plan_there_is_nothing_to_watch() -> None:
    assert monitor_view(watched().state(), PlanWords(), watched().now).watch == "NO-WATCH"


def test_it_is_json() -> None:
    found = json.loads(msgspec.json.encode(view_of(watched())))
    assert found["repeated"][0]["looks"].startswith("ggggg")


STORIES: dict[str, Callable[[], Story]] = {
    "none": lambda: Story(plan=make_plan()).begin(),
    "not begun": lambda: Story(plan=watch_plan()).begin(),
    "counting": lambda: watched(hours=12, asleep=frozenset({3})),
    "breached": breached,
}


@pytest.mark.parametrize("name", STORIES)
@pytest.mark.parametrize("width", [20, 40, 79, 80, 140])
@pytest.mark.parametrize("ascii_only", [True, False])
def test_no_line_is_wider_than_asked(name: str, width: int, ascii_only: bool) -> None:
    lines = monitor_lines(view_of(STORIES[name]()), width, ascii_only=ascii_only)
    assert all(cells(line) <= width for line in lines)
    assert not ascii_only or all(line.isascii() for line in lines)


def test_a_timeline_of_many_looks_shows_the_worst_of_each_part() -> None:
    story = watching(Story(plan=watch_plan(every={"1m": ["watch"]}))).wait(minutes=700)
    look(story, "every:1m#700", "watch", Verdict.FAIL, Decision.NO_GO)
    lines = [line for line in monitor_lines(view_of(story), 60) if "–" in line]
    assert len(lines) <= 5
    assert any("✗" in line for line in lines)


def test_ears_hear_no_drawing() -> None:
    spoken = "\n".join(monitor_spoken(view_of(breached())))
    assert not set(spoken) & set("━─▁▂▃▄▅▆▇█✓✗")
    assert "FAIL: BREACHED" in spoken
    assert "FAIL, watch_rate, rate, is " in spoken


@settings(max_examples=30)
@given(hostile, st.integers(10, 120))
def test_hostile_words_never_break_a_line(text: str, width: int) -> None:
    story = watched(hours=2)
    story.stage("care", "hold", "running", "held", reason=text * 40)
    look(story, "every:1h#3", "watch", Verdict.FAIL, Decision.NO_GO)
    view = view_of(story)
    lines = monitor_lines(view, width)
    assert all(cells(line) <= width for line in lines)
    assert all(steers_nothing(line) for line in [*lines, *monitor_spoken(view)])
