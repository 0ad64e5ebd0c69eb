"""A service that gives a step no answer: the log says so once, and somebody is told in time."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

from fakes import START
from small_plans import Bench, phase, plan, step

from rollout.domain.errors import ServiceError, ServiceRefused, ServiceUnreachable
from rollout.domain.events import FindingRaised, FindingResolved, StepTroubled
from rollout.kinds import Found
from rollout.view.plan_words import plan_words
from rollout.view.sentences import sentence
from rollout.view.status import status_view

DOWN = ServiceUnreachable("census: timed out")
REFUSED = ServiceRefused("census: answered 401; the token is not accepted", status=401)
STEP = "pilot/1/poke"


def asking(*problems: ServiceError, **changes: Any) -> Bench:
    """A step whose first questions end so."""
    bench = Bench(plan(phase("pilot", step("poke", "poke"), **changes)))
    bench.poke.moves = list(problems)
    bench.tick()
    bench.say("proceed")
    return bench


def details(bench: Bench) -> list[str]:
    return [p.detail for p in bench.payloads(StepTroubled)]


def test_a_trouble_is_noted_once_and_its_end_too() -> None:
    bench = asking(DOWN, DOWN, DOWN)
    assert bench.tick().at == START + timedelta(minutes=1)
    assert bench.state.steps[STEP].trouble == "census: timed out"
    bench.pass_(minutes=1)
    bench.pass_(minutes=1)
    assert details(bench) == ["census: timed out"]
    assert bench.state.steps[STEP].trouble_at == START
    assert bench.pass_(minutes=1).ended
    assert details(bench) == ["census: timed out", ""]
    assert (bench.state.steps[STEP].trouble, bench.state.steps[STEP].trouble_at) == ("", None)
    assert bench.payloads(FindingRaised) == []


def test_another_trouble_is_told_but_began_when_the_first_did() -> None:
    bench = asking(DOWN, ServiceUnreachable("census: refused"))
    bench.tick()
    bench.pass_(minutes=1)
    assert details(bench) == ["census: timed out", "census: refused"]
    assert bench.state.steps[STEP].trouble_at == START


def test_the_team_is_told_after_a_quarter_of_an_hour_and_once() -> None:
    bench = asking(*[DOWN] * 30)
    bench.tick()
    for _ in range(14):
        bench.pass_(minutes=1)
    assert bench.payloads(FindingRaised) == []
    for _ in range(10):
        bench.pass_(minutes=1)
    (found,) = bench.payloads(FindingRaised)
    assert (found.severity, found.owner, found.phase) == ("P1", "project_lead", "pilot")
    assert "rollout doctor" in found.detail
    assert bench.go().ended
    (closed,) = bench.payloads(FindingResolved)
    assert (closed.finding, closed.how, closed.by) == (found.finding, "resolved", "rollout")


def test_a_token_that_is_not_accepted_is_told_at_once() -> None:
    bench = asking(REFUSED, REFUSED)
    bench.tick()
    (found,) = bench.payloads(FindingRaised)
    assert "the token is not accepted" in found.detail
    bench.pass_(minutes=1)
    assert len(bench.payloads(FindingRaised)) == 1
    assert bench.go().ended
    assert [f.state for f in bench.state.findings.values()] == ["resolved"]


def test_a_look_up_that_gets_no_answer_is_a_trouble_too() -> None:
    bench = asking()
    bench.plan.phases[0].steps[0].inputs["idempotent"] = False
    bench.poke.answers = [DOWN]
    bench.poke.found = [DOWN, DOWN, Found(9, "there")]
    assert bench.tick().at == START + timedelta(minutes=1)
    bench.pass_(minutes=1)
    assert bench.pass_(minutes=1).ended
    assert details(bench) == ["census: timed out", ""]
    assert bench.poke.sent == ["poke"]


def test_the_way_back_notes_its_troubles() -> None:
    bench = asking()
    bench.plan.phases[0].exit.append("back")
    bench.scripted.answers["back_ok"] = 0
    bench.tick()
    bench.scripted.answers["back_ok"] = 1
    bench.poke.undo_moves = [REFUSED]
    bench.say("roll_back")
    bench.tick()
    (noted,) = bench.payloads(StepTroubled)
    assert noted.undo
    bench.pass_(minutes=1)
    assert details(bench)[-1] == ""
    assert bench.stage() == "rolled_back"


def test_another_controller_knows_since_when() -> None:
    bench = asking(*[DOWN] * 3)
    bench.tick()
    bench.clock.pass_(minutes=16)
    bench.controller().tick()
    assert len(details(bench)) == 1
    assert len(bench.payloads(FindingRaised)) == 1


def test_people_read_what_a_step_waits_for() -> None:
    bench = asking(DOWN)
    bench.tick()
    assert sentence(bench.payloads(StepTroubled)[0]) == (
        "pilot: step poke asks again and again: census: timed out"
    )
    assert sentence(StepTroubled(phase="pilot", attempt=1, step="poke", detail="")) == (
        "pilot: step poke has its answer again"
    )
    words = plan_words(bench.plan.model_dump(mode="json", by_alias=True))
    (shown,) = status_view(bench.state, words).steps
    assert (shown.status, shown.reason) == ("running", "census: timed out")
