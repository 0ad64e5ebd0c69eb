"""The runbook of the moment: what to do, what fails, whom to call, and the way back."""

from __future__ import annotations

import json
from typing import Any

import msgspec
import pytest
from builders import Story, completed_story, held_story, make_check, make_plan
from hypothesis import given, settings
from hypothesis import strategies as st
from view_stories import ended, hostile, looked_at, steers_nothing, triggered, words_of

from rollout.domain import events as e
from rollout.domain.plan import GateSpec, Notifications, Rollback, StepSpec
from rollout.view.plan_words import PlanWords
from rollout.view.runbook import RunbookView, runbook_view
from rollout.view.runbook_text import runbook_lines, runbook_spoken
from rollout.view.text import cells

SECRET = "https://hooks.example.com/T0/very-secret"


def told_plan(**given: Any) -> Any:
    """A plan with channels, documents and a way back."""
    documents = GateSpec(
        gate="papers",
        title="Papers",
        checks=[
            make_check("guide", kind="document", inputs={"file": "docs/guide.md"}),
            make_check("page", kind="http", inputs={"url": "https://status.example.com/up"}),
            make_check("hidden", kind="http", inputs={"url": f"{SECRET}?token=abc"}),
            make_check("named", kind="http", inputs={"url": "https://me:pw@example.com"}),
            make_check("env", kind="http", inputs={"url": "https://x/${env:TOKEN}"}),
        ],
    )
    plan = make_plan()
    said: dict[str, Any] = {
        "connections": {
            "oncall": {"uses": "notify", "urls": [SECRET]},
            "quiet": {"uses": "notify", "urls": [SECRET]},
            "warehouse": {"uses": "databricks", "token": SECRET},
        },
        "notifications": Notifications.model_validate(
            {
                "routes": {
                    "P0": [{"channels": ["oncall"]}],
                    "P1": [{"channels": ["oncall"], "after": "2h"}],
                    "P3": [{"channels": ["oncall"], "weekly": {"day": "mon"}}],
                }
            }
        ),
        "gates": {**plan.gates, "papers": documents},
        "rollback": Rollback(
            steps=[StepSpec(step="pause_sync", id="stop", inputs={"sync": "sync_a"})],
            gates=["verified"],
        ),
    }
    return make_plan(**{**said, **given})


def view_of(story: Story) -> RunbookView:
    return runbook_view(story.state(), words_of(story), story.now)


def text_of(story: Story, width: int = 120) -> str:
    return "\n".join(runbook_lines(view_of(story), width))


def test_it_says_what_may_be_done_by_whom_and_how() -> None:
    view = view_of(held_story())
    assert [d.action for d in view.do if d.awaited] == [
        "resume", "retry", "roll_back", "abort",
    ]  # fmt: skip
    resume = next(d for d in view.do if d.action == "resume")
    assert (resume.who, resume.command) == (
        ["proj (project lead)"],
        "rollout decide resume --by NAME --reason TEXT",
    )
    assert "the rollout waits for one of these" in text_of(held_story())
    assert "$ rollout waive empty_keys --by NAME --role project_lead --reason TEXT" in text_of(
        held_story()
    )


def test_choices_that_differ_in_their_subject_only_are_told_together() -> None:
    story = Story(plan=make_plan()).begin()
    story.stage("pilot", "x", "pending", "passed").stage("full", "x", "pending", "passed")
    story.stage("full", "x", "passed", "held")
    text = text_of(story)
    assert text.count("$ rollout decide restart") == 1


def test_what_fails_comes_with_its_remedy() -> None:
    view = view_of(held_story())
    assert [(t.check, t.why, t.then) for t in view.trouble] == [
        ("empty_keys", "empty_keys reason", "Stop and look.")
    ]
    assert "Then: Stop and look. Ask data engineering." in text_of(held_story(), 200)


def test_open_findings_are_named_with_their_due_time() -> None:
    assert "P1 empty_keys: data engineering, due 2026-01-05 19:00Z, in 2h" in text_of(held_story())


def test_the_steps_of_the_phase_are_shown_by_their_titles() -> None:
    story = looked_at(triggered(), 5)
    steps = view_of(story).steps
    assert [(s.number, s.title, s.word) for s in steps] == [
        (1, "Run A", "RUN"),
        (2, "wait rest", "TODO"),
    ]


def test_a_step_without_a_way_back_says_so() -> None:
    plan = make_plan()
    step = plan.phases[0].steps[0].model_copy(update={"irreversible": "mail was sent"})
    phase = plan.phases[0].model_copy(update={"steps": [step]})
    story = Story(plan=plan.model_copy(update={"phases": [phase, plan.phases[1]]})).begin()
    story.stage("pilot", "x", "pending", "running")
    story.add(e.StepStarted(phase="pilot", attempt=1, step="rest"))
    assert view_of(story).steps[0].note == "no way back: mail was sent"
    assert view_of(story).way_back.stays


def test_contacts_are_people_and_channels_without_addresses() -> None:
    story = held_story(Story(plan=told_plan()))
    contacts = {c.name: c for c in view_of(story).contacts}
    assert contacts["project lead"].people == ["proj"]
    assert contacts["oncall"].told == ["P0", "P1 after 2h", "P3 weekly"]
    assert contacts["quiet"].told == []
    assert "warehouse" not in contacts
    whole = [text_of(story), "\n".join(runbook_spoken(view_of(story)))]
    whole.append(msgspec.json.encode(view_of(story)).decode())
    assert not any(SECRET in text or "pw@" in text or "token" in text for text in whole)


def test_documents_of_the_plan_are_where_to_look() -> None:
    places = [link.where for link in view_of(held_story(Story(plan=told_plan()))).links]
    assert places[:2] == ["docs/guide.md", "https://status.example.com/up"]
    assert "rollout status" in places


def test_the_way_back_is_told_in_its_order() -> None:
    story = ended(looked_at(triggered(), 50))
    story.stage("pilot", "x", "running", "held")
    way_back = view_of(story).way_back
    assert [s.step for s in way_back.steps] == ["run_a"]
    assert way_back.refused == ""
    assert "rollout rollback --preview" in text_of(story)


def test_a_way_back_that_may_not_be_taken_says_why() -> None:
    assert view_of(completed_story()).way_back.refused == "the rollout has ended"
    assert "nothing was done yet that could be undone" in text_of(Story().begin())


def test_an_ended_rollout_asks_nobody_for_anything() -> None:
    view = view_of(completed_story())
    assert (view.word, view.stands, view.do) == ("PASS", "completed", [])
    assert "nothing: no person is asked for anything" in text_of(completed_story())


def test_the_reason_stands_where_no_check_says_it_better() -> None:
    story = Story().begin().stage("pilot", "hold", "pending", "held", reason="lunch")
    assert "The pilot: held, because lunch" in text_of(story)
    assert "because" not in text_of(held_story()).splitlines()[1]


def test_without_the_plan_names_stand_for_titles() -> None:
    view = runbook_view(held_story().state(), PlanWords(), held_story().now)
    assert [s.title for s in view.steps] == ["rest", "look"]


@pytest.mark.parametrize("tell", [held_story, completed_story])
@pytest.mark.parametrize("width", [20, 60, 80, 140])
@pytest.mark.parametrize("ascii_only", [True, False])
def test_no_line_is_wider_than_asked(tell: Any, width: int, ascii_only: bool) -> None:
    lines = runbook_lines(view_of(tell()), width, ascii_only=ascii_only)
    assert all(cells(line) <= width for line in lines)
    assert not ascii_only or all(line.isascii() for line in lines)


def test_it_is_json() -> None:
    found = json.loads(msgspec.json.encode(view_of(held_story())))
    assert found["do"][0]["command"].startswith("rollout ")


@settings(max_examples=30)
@given(hostile, st.integers(10, 120))
def test_hostile_words_never_break_a_line(text: str, width: int) -> None:
    story = held_story()
    story.stage("pilot", "x", "held", "held", reason=text * 40)
    view = view_of(story)
    lines = runbook_lines(view, width)
    assert all(cells(line) <= width for line in lines)
    assert all(steers_nothing(line) for line in [*lines, *runbook_spoken(view)])
