"""The checks of a gate against their limits, and one of them in full."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from builders import (
    FAIL,
    PASS,
    START,
    Found,
    Story,
    completed_story,
    held_story,
    make_plan,
    observed,
)
from hypothesis import given
from hypothesis import strategies as st

from rollout.domain.events import GateOpened
from rollout.domain.evidence import Decision, Judgement, Observation, Ruling, Verdict
from rollout.view.check_detail import check_detail
from rollout.view.check_detail_text import check_spoken, evidence_lines, history_lines
from rollout.view.check_rows import GateRows, gate_rows
from rollout.view.check_rows_text import check_lines, counts_words, for_go, gate_heading
from rollout.view.gate_checks import (
    GateChecksView,
    gate_checks_lines,
    gate_checks_spoken,
    gate_checks_view,
)
from rollout.view.gate_list import gate_entries
from rollout.view.plan_words import PlanWords, plan_words
from rollout.view.text import cells

WIDTHS = [40, 60, 79, 80, 100, 130, 160]


def words_of(story: Story) -> PlanWords:
    return plan_words(story.plan.model_dump(mode="json", by_alias=True))


def rows_of(story: Story, position: int = -1, **given: Any) -> GateRows:
    state = story.state()
    now = given.get("now", story.now)
    return gate_rows(state.gates[position], state, words_of(story), now, story.evidence.get)


def judged(story: Story, *rulings: Ruling, verdict: Verdict = FAIL) -> Story:
    """The pilot's exit gate with one check, judged so."""
    place: dict[str, Any] = {
        "phase": "pilot", "attempt": 1, "moment": "exit", "gate": "verified", "round": 1,
    }  # fmt: skip
    from rollout.domain.events import CheckConcluded, Measured

    seen = Observation(metrics={r.metric: r.observed for r in rulings}, source="warehouse")
    document = {
        "check": "created",
        "taken_at": story.now,
        "observation": seen,
        "judgement": Judgement(verdict=verdict, reason="so it is", rulings=list(rulings)),
    }
    story.add(GateOpened(**place, checks=["created"]))
    story.add(
        Measured(
            **place, check="created", verdict=verdict, reason="so it is",
            observed=dict(seen.metrics), evidence=story.evidence.put(document),
        )
    )  # fmt: skip
    return story.add(CheckConcluded(**place, check="created", verdict=verdict, reason="so it is"))


def test_what_blocks_comes_first_and_is_counted() -> None:
    view = rows_of(held_story())
    assert [(r.id, r.word) for r in view.rows] == [
        ("empty_keys", "FAIL"),
        ("drift", "WARN"),
        ("told", "PASS"),
    ]
    assert counts_words(view) == "1 failed, 1 warn only; 1/3 met"
    assert gate_heading(view, 80).startswith("✗ FAIL  NO-GO  1 failed")
    assert for_go(view, 80) == ["empty keys: empty_keys reason; Stop and look."]


def test_observed_stands_against_required_with_its_margin_and_age() -> None:
    story = held_story()
    row = rows_of(story, now=story.now + timedelta(seconds=4)).rows[0]
    assert row.telling is not None
    assert (row.observed, row.required, row.telling.margin) == ("3", "= 0", "-3")
    assert row.age_s == 4.0
    assert row.trend == [3.0]


def test_a_no_go_condition_that_is_not_met_is_fine() -> None:
    story = judged(
        Story().begin(),
        Ruling(metric="created", observed=50, condition="= 50", met=True, margin=0.0),
        Ruling(metric="lost", observed=0, condition=">= 5", met=False, margin=-5.0),
        verdict=PASS,
    )
    row = rows_of(story).rows[0]
    assert [(r.metric, r.word, r.required, r.margin) for r in row.rulings] == [
        ("created", "PASS", "= 50", "0"),
        ("lost", "PASS", "no-go at >= 5", "+5"),
    ]
    assert (row.observed, row.required) == ("50", "= 50")


def test_a_no_go_condition_that_is_met_is_what_tells() -> None:
    story = judged(
        Story().begin(),
        Ruling(metric="created", observed=50, condition="= 50", met=True, margin=0.0),
        Ruling(metric="lost", observed=9, condition=">= 5", met=True, margin=4.0),
    )
    row = rows_of(story).rows[0]
    assert row.telling is not None
    assert (row.telling.word, row.observed, row.required) == ("FAIL", "9", "no-go at >= 5")
    assert row.telling.margin == "-4"


def test_what_cannot_be_told_is_unknown_and_comes_before_what_is_met() -> None:
    story = judged(
        Story().begin(),
        Ruling(metric="created", observed=50, condition="= 50", met=True),
        Ruling(metric="lost", observed=None, condition="< 5", met=None),
        verdict=Verdict.INCONCLUSIVE,
    )
    row = rows_of(story).rows[0]
    assert row.telling is not None
    # `lost` is the plan's no-go condition; its word is unknown whatever it would have meant
    assert (row.telling.word, row.observed) == ("UNKN", "nothing")


def test_without_evidence_at_hand_the_rows_still_say_what_the_log_knows() -> None:
    story = held_story()
    state = story.state()
    view = gate_rows(state.gates[0], state, words_of(story), None, None)
    row = view.rows[0]
    assert (row.telling, row.observed, row.required, row.age_s) == (None, "rows 3", "= 0", None)
    unasked = Story().begin()
    place: dict[str, Any] = {"phase": "pilot", "attempt": 1, "moment": "entry", "round": 1}
    unasked.add(GateOpened(**place, gate="ready", checks=["empty_keys", "told"]))
    words = [(r.id, r.word, r.observed) for r in rows_of(unasked).rows]
    assert words == [("told", "WAIT", "not asked yet"), ("empty_keys", "TODO", "not asked yet")]


@pytest.mark.parametrize("width", WIDTHS)
@pytest.mark.parametrize("ascii_only", [True, False])
@pytest.mark.parametrize("tell", [held_story, completed_story])
def test_no_line_is_wider_than_asked(width: int, ascii_only: bool, tell: Any) -> None:
    story = tell()
    state = story.state()
    for check in (None, "empty_keys"):
        view = gate_checks_view(state, words_of(story), story.now, story.evidence.get, check=check)
        lines = gate_checks_lines(view, width, ascii_only=ascii_only)
        assert max(cells(line) for line in lines) <= width
        if ascii_only:
            assert "".join(lines).isascii()


@given(st.text(max_size=80), st.integers(20, 120))
def test_foreign_text_cannot_break_a_row_or_the_evidence(text: str, width: int) -> None:
    story = Story(plan=make_plan()).begin()
    rows: list[dict[str, Any]] = [{text or "x": text}]
    bad = Observation(metrics={"rows": 1}, source=text, query=text, sample=rows, problem=text)
    story.gate("pilot", "entry", "ready", {"empty_keys": (FAIL, bad)}, Decision.NO_GO)
    view = gate_checks_view(
        story.state(), words_of(story), story.now, story.evidence.get, check="empty_keys"
    )
    assert view.check is not None
    for line in [*gate_checks_lines(view, width), *check_spoken(view.check)]:
        assert not any(ord(c) < 32 or ord(c) == 127 for c in line)
    assert max(cells(line) for line in gate_checks_lines(view, width)) <= width


def test_one_check_shows_its_query_values_sample_and_digest() -> None:
    story = held_story()
    view = rows_of(story)
    detail = check_detail(view, "empty_keys", story.state(), story.evidence.get)
    assert detail is not None
    text = "\n".join(evidence_lines(detail, 80))
    for part in ("SELECT 1", "property_key a1b2", "rows  3", f"sha256 {view.rows[0].evidence}"):
        assert part in text
    assert "source warehouse" in text
    assert "then: Stop and look." in text
    assert check_detail(view, "nothing", story.state(), None) is None


def test_evidence_that_is_not_at_hand_is_said_to_be_read() -> None:
    story = held_story()

    def nowhere(digest: str) -> Any:
        raise KeyError(digest)

    detail = check_detail(rows_of(story), "empty_keys", story.state(), nowhere)
    assert detail is not None
    assert "the evidence is being read" in "\n".join(evidence_lines(detail, 80))
    odd = check_detail(rows_of(story), "empty_keys", story.state(), lambda _digest: {"a": 1})
    assert odd is not None
    assert "is not a sample" in "\n".join(evidence_lines(odd, 80))


def test_the_history_is_newest_first_with_a_curve() -> None:
    story = held_story()
    story.wait(hours=1).stage("pilot", "resume_entry_gate", "held", "entry_gate")
    found: dict[str, Found] = {
        "empty_keys": (PASS, observed(rows=0)),
        "told": PASS,
        "drift": PASS,
    }
    story.gate("pilot", "entry", "ready", found, Decision.GO, round=2)
    detail = check_detail(rows_of(story), "empty_keys", story.state(), story.evidence.get)
    assert detail is not None
    assert [(h.word, h.observed, h.round) for h in detail.history] == [
        ("PASS", "0", 2),
        ("FAIL", "3", 1),
    ]
    lines = history_lines(detail, 80)
    assert lines[0] == "rows, newest right"
    assert lines[1] == "█▁"
    assert "before the phase, round 2" in "\n".join(lines)


def test_gates_are_listed_once_the_telling_one_first() -> None:
    story = completed_story()
    entries = gate_entries(story.state(), words_of(story))
    assert [e.gate for e in entries] == ["all_done", "verified", "ready"]
    assert entries[1].title == "gate 2: The pilot did what it should"


def test_a_gate_or_check_that_is_not_there_names_what_is() -> None:
    story = held_story()
    for asked in ({"gate": "nix"}, {"check": "nix"}, {"gate": "ready", "check": "created"}):
        with pytest.raises(LookupError, match="asked"):
            gate_checks_view(story.state(), words_of(story), story.now, None, **asked)


def test_it_can_be_heard() -> None:
    story = held_story()
    view = gate_checks_view(story.state(), words_of(story), story.now, story.evidence.get)
    said = gate_checks_spoken(view)
    assert said[0] == "Gate ready is NO-GO: 1 failed, 1 warn only; 1/3 met."
    assert said[1] == ("FAIL: The empty keys is right, observed 3, required = 0, 0 seconds old.")
    empty = GateChecksView(gates=[], others=[], check=None, at=START)
    assert gate_checks_spoken(empty) == ["No gate was asked yet."]
    assert gate_checks_lines(empty, 80) == ["no gate was asked yet"]


def test_rows_give_up_columns_as_the_width_shrinks() -> None:
    view = rows_of(held_story())
    wide = dict(check_lines(view.rows, 130))["empty_keys"]
    narrow = dict(check_lines(view.rows, 50))["empty_keys"]
    assert "data_engineering" in wide
    assert "-3" in wide
    assert "data_engineering" not in narrow
    assert "= 0" in narrow
