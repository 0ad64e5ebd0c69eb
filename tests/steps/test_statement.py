from __future__ import annotations

import pytest
from small_plans import Bench, gate, phase, plan, step

from rollout.domain.events import EffectIntended, StepFailed, StepUndone

INSERT, DELETE = "INSERT INTO audit VALUES (1)", "DELETE FROM audit"


def running(*script: str) -> Bench:
    spec = step("sql", "note", statement=INSERT, undo=DELETE)
    bench = Bench(plan(phase("pilot", spec, exit=["out"]), gates=[gate("out")]))
    bench.warehouse.script.extend(script)
    bench.scripted.answers = {"out_ok": 0}
    return bench


def back(bench: Bench) -> None:
    bench.say("roll_back")
    bench.go(lambda: bench.stage() in {"rolled_back", "rollback_failed"})


def test_a_statement_runs_once_and_a_rollback_takes_it_back() -> None:
    bench = running()
    bench.go()
    assert bench.state.steps["pilot/1/note"].outputs == {"rows": 1}
    back(bench)
    assert bench.warehouse.executed == [INSERT, DELETE]
    assert bench.stage() == "rolled_back"


@pytest.mark.parametrize("script", ["lost", "lost_before"])
def test_a_lost_answer_is_a_persons_question(script: str) -> None:
    bench = running(script)
    wake = bench.go()
    assert [n.kind for n in wake.needs] == ["settle"]
    assert "look whether it took effect" in wake.why
    assert bench.warehouse.executed == [INSERT]


def test_a_person_says_that_it_ran() -> None:
    bench = running("lost")
    (need,) = bench.go().needs
    bench.say("settle", need.subject, run_id=1)
    bench.go()
    assert bench.state.steps["pilot/1/note"].status == "completed"
    back(bench)
    assert bench.warehouse.executed == [INSERT, DELETE]


@pytest.mark.parametrize("script", ["lost_before", "refused"])
def test_what_never_ran_fails_the_step_and_is_not_taken_back(script: str) -> None:
    bench = running(script)
    wake = bench.go()
    if script == "lost_before":
        bench.say("settle", wake.needs[0].subject)
        bench.go()
    assert "the statement did not run" in bench.payloads(StepFailed)[0].reason
    back(bench)
    assert bench.stage() == "rolled_back"
    assert bench.warehouse.executed == [INSERT]


def test_a_rollback_waits_for_a_persons_word_on_a_statement_that_may_have_run() -> None:
    bench = running("lost")
    bench.go()
    back(bench)
    assert bench.stage() == "rollback_failed"  # nobody answered in time
    assert "a person must settle pilot/1/note/execute" in bench.tick().why
    assert bench.warehouse.executed == [INSERT]
    bench.say("settle", "pilot/1/note/execute", run_id=1)
    back(bench)
    assert bench.stage() == "rolled_back"
    assert bench.warehouse.executed == [INSERT, DELETE]


def test_a_refused_undo_can_be_tried_again() -> None:
    bench = running("yes", "refused")
    bench.go()
    back(bench)
    assert bench.stage() == "rollback_failed"
    back(bench)
    assert bench.stage() == "rolled_back"
    assert len(bench.payloads(StepUndone)) == 1
    assert [p.effect for p in bench.payloads(EffectIntended) if "undo" in p.effect] == [
        "pilot/1/note/undo/undo",
        "pilot/1/note/undo/again-2/undo",
    ]
