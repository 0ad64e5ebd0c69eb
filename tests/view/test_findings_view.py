"""Findings: what is open, whose it is, and by when."""

from __future__ import annotations

import json
from datetime import timedelta
from typing import Any

import msgspec
import pytest
from builders import START, Story, held_story
from hypothesis import given, settings
from hypothesis import strategies as st
from view_stories import hostile, steers_nothing, words_of

from rollout.domain import events as e
from rollout.view.findings import FindingsView, findings_view
from rollout.view.findings_text import findings_lines, findings_spoken
from rollout.view.text import cells


def raised(story: Story, name: str, **given: Any) -> Story:
    said: dict[str, Any] = {
        "check": name,
        "phase": "pilot",
        "attempt": 1,
        "severity": "P1",
        "title": f"The {name} is wrong",
        "owner": "sales_ops",
        "due_at": story.now + timedelta(hours=2),
        "evidence": None,
        "detail": "5 rows. Look.",
    }
    return story.add(e.FindingRaised(finding=f"pilot-1-{name}", **{**said, **given}))


def view_of(story: Story) -> FindingsView:
    return findings_view(story.state(), words_of(story), story.now)


def text_of(story: Story, width: int = 120) -> str:
    return "\n".join(findings_lines(view_of(story), width))


def test_a_finding_says_what_whose_and_by_when() -> None:
    story = raised(Story().begin(), "keys").wait(minutes=30)
    (found,) = view_of(story).open
    assert (found.owner, found.people, found.due_in_s) == ("sales_ops", ["sale"], 5400)
    text = text_of(story, 200)
    assert "✗ FAIL  P1 The keys is wrong [keys, pilot] sales ops (sale); due " in text
    assert "in 1h30m. 5 rows. Look." in text


def test_an_overdue_finding_says_by_how_much() -> None:
    story = raised(Story().begin(), "keys").wait(hours=3)
    assert view_of(story).overdue == 1
    assert "OVERDUE by 1h" in text_of(story)
    assert "Open findings: 1, of which 1 are overdue" in text_of(story)


def test_what_is_due_at_once_is_not_called_late() -> None:
    story = Story().begin()
    raised(story, "down", severity="P0", due_at=story.now).wait(minutes=20)
    assert "due at once, for 20m" in text_of(story)


def test_the_most_severe_come_first_then_the_most_urgent() -> None:
    story = Story().begin()
    raised(story, "late", due_at=START + timedelta(hours=9))
    raised(story, "soon", due_at=START + timedelta(hours=1))
    raised(story, "worst", severity="P0", due_at=None)
    raised(story, "small", severity="P3")
    assert [f.check for f in view_of(story).open] == ["worst", "soon", "late", "small"]
    assert [f.word for f in view_of(story).open] == ["FAIL", "FAIL", "FAIL", "WARN"]
    assert "no due time" in text_of(story)


@pytest.mark.parametrize(("how", "word"), [("resolved", "PASS"), ("waived", "WAIV")])
def test_a_closed_finding_says_by_whom_and_why(how: str, word: str) -> None:
    story = raised(Story().begin(), "keys").wait(hours=3)
    story.add(e.FindingResolved(finding="pilot-1-keys", how=how, by="ann", reason="known"))
    view = view_of(story)
    assert (view.open, view.overdue) == ([], 0)
    assert (view.closed[0].word, view.closed[0].due_in_s) == (word, None)
    assert f"{how} by ann: known" in text_of(story)


def test_no_findings_is_said_and_not_shown_as_nothing() -> None:
    assert text_of(Story().begin()) == "No findings: no check has blocked anything so far."


def test_it_is_json() -> None:
    found = json.loads(msgspec.json.encode(view_of(held_story())))
    assert found["open"][0]["id"] == "pilot-1-empty_keys"


@settings(max_examples=40)
@given(hostile, st.integers(10, 120), st.booleans())
def test_hostile_words_never_break_a_line(text: str, width: int, ascii_only: bool) -> None:
    story = raised(Story().begin(), "keys", title=text * 30, owner=text, detail=text)
    lines = findings_lines(view_of(story), width, ascii_only=ascii_only)
    assert all(cells(line) <= width for line in lines)
    assert all(steers_nothing(line) for line in [*lines, *findings_spoken(view_of(story))])
