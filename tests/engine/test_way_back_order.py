"""Nothing is undone before it is known that nobody writes, and what nobody knows is settled first."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
from fakes import TOOL_USER, FakeRun
from small_plans import NAME, Bench, gate, phase, plan, step

from rollout.domain.effects import Unknown
from rollout.domain.events import EffectIntended, RolledBack, StepCompleted, StepUndone
from rollout.domain.plan import Rollback
from rollout.engine.controller import Controller
from rollout.engine.rollback import RUNS, SCOPE

BASE = {"target": "Thing__c", "key": "Key__c", "fields": ["Name"]}


def running(script: str = "yes", hidden: bool = False) -> Bench:
    """A run of ours was triggered, by a request whose answer is `script`; `hidden`: the list of runs
    does not show it yet."""
    bench = Bench(
        plan(
            phase(
                "pilot",
                step("poke", "first"),
                step("capture_baseline", "base", **BASE),
                step("run_sync", "run", sync="a", baseline="base"),
            )
        )
    )
    bench.salesforce.put("k1", Name="one")
    bench.tick()
    bench.clock.pass_(hours=1)
    bench.census.script.append(script)
    if hidden:
        bench.census.not_listed.add(bench.census.next_id + 1)

    def writes(run: FakeRun) -> None:
        bench.salesforce.put("k1", "005CENSUS", Name="synced")

    bench.census.on_run = writes
    bench.say("proceed")
    bench.tick()
    return bench


def back(bench: Bench) -> RolledBack:
    bench.go(lambda: bench.stage() in {"rolled_back", "rollback_failed"})
    found: RolledBack = bench.payloads(RolledBack)[-1]
    return found


def names(bench: Bench) -> list[str]:
    return [
        p.step
        for p in bench.payloads()
        if isinstance(p, StepUndone) or (isinstance(p, StepCompleted) and p.step in {RUNS, SCOPE})
    ]


def test_runs_are_over_and_the_scope_is_known_before_anything_is_undone() -> None:
    bench = running()
    bench.say("roll_back")
    told = back(bench)
    assert names(bench) == [RUNS, SCOPE, "run", "first"]
    assert (told.verified, told.restored_rows) == (True, 1)
    assert told.assessment is not None


def test_a_lost_trigger_is_looked_up_before_the_scope_is_assessed() -> None:
    bench = running("lost", hidden=True)
    run = bench.census.listed[0]
    bench.say("roll_back")
    assert "no run of a above" in bench.tick().why
    assert SCOPE not in [s.step for s in bench.state.steps.values()]
    bench.census.not_listed.clear()
    back(bench)
    assert bench.stage() == "rolled_back"
    assert bench.census.canceled == [run.id]
    assert bench.salesforce.values("Name") == {"k1": "one"}


def test_a_trigger_that_nobody_finds_waits_for_a_person_and_nothing_is_undone() -> None:
    bench = running("lost_before")
    bench.say("roll_back")
    bench.tick()
    bench.clock.pass_(minutes=3)
    wake = bench.tick()
    assert [n.kind for n in wake.needs] == ["settle"]
    assert bench.payloads(StepUndone) == []
    bench.say("settle", wake.needs[0].subject, run_id=None)
    back(bench)
    assert bench.stage() == "rolled_back"


def test_a_run_of_ours_that_nobody_ever_watched_is_canceled_too() -> None:
    """The trigger was adopted by the way back itself: the log has no line about the run."""
    bench = running("lost", hidden=True)
    run = bench.census.listed[0]
    bench.say("roll_back")
    bench.census.not_listed.clear()
    back(bench)
    assert bench.census.canceled == [run.id]
    assert bench.state.runs[f"a/{run.id}"].status == "canceled"


def test_said_again_it_pauses_and_assesses_again() -> None:
    bench = running()
    bench.poke.answers = [Unknown("reset")] * 3
    bench.poke.undo_moves = [KeyError("x")]
    bench.say("roll_back")
    back(bench)
    assert bench.stage() == "rollback_failed"
    bench.census.paused = False  # somebody resumed it meanwhile
    bench.say("roll_back")
    told = back(bench)
    assert bench.stage() == "rolled_back"
    assert bench.census.paused
    assert names(bench) == [RUNS, SCOPE, "run", RUNS, SCOPE, "first"]
    assert (told.restored_rows, told.remaining) == (1, [])
    assessments = [bench.kept(p.outputs["evidence"])["assessments"][0]["counts"]["updated"]
                   for p in bench.payloads(StepCompleted) if p.step == SCOPE]  # fmt: skip
    assert assessments == [1, 0]


def test_a_pause_that_has_no_effect_undoes_nothing_and_says_how_to_go_on() -> None:
    bench = running()
    bench.census.settings.append("ignored")
    bench.say("roll_back")
    told = back(bench)
    assert bench.stage() == "rollback_failed"
    assert bench.payloads(StepUndone) == []
    assert bench.salesforce.changes == []
    assert told.remaining[0] == "stop_a: a was told to pause and still reads as not paused"
    assert "not undone yet: pilot: run, pilot: first" in told.remaining
    assert "by hand" in told.go_on
    bench.census.paused = True  # by hand
    bench.say("roll_back")
    assert back(bench).verified
    assert [p.action for p in bench.payloads(EffectIntended)].count("set_paused") == 1


def test_a_way_back_that_took_too_long_says_what_it_waited_for() -> None:
    bench = running()
    bench.census.ignores_cancel = True
    bench.census.listed[0].ends_at = bench.clock.now().replace(year=2027)
    bench.say("roll_back")
    told = back(bench)
    assert bench.stage() == "rollback_failed"
    assert any("nothing is undone while a sync writes" in said for said in told.remaining)


@pytest.mark.parametrize("kind", ["end_runs", "assess_changes"])
def test_without_its_own_steps_no_rollback_goes_on(kind: str) -> None:
    bench = running()
    services = bench.services()
    fewer = {name: made for name, made in services.steps.items() if name != kind}
    bench._controller = Controller(bench.plan, NAME, replace(services, steps=fewer))
    bench.say("roll_back")
    back(bench)
    assert bench.stage() == "rollback_failed"
    assert f"no kind of step '{kind}'" in bench.payloads(RolledBack)[-1].remaining[0]


def test_a_plan_whose_syncs_have_no_baseline_is_undone_without_an_assessment() -> None:
    bench = Bench(
        plan(
            phase("pilot", step("poke", "first"), exit=["out"]),
            gates=[gate("out")],
            rollback=Rollback(gates=["back"], user=TOOL_USER),
        )
    )
    bench.scripted.answers = {"out_ok": 0}
    bench.go()
    bench.say("roll_back")
    told = back(bench)
    assert told.verified
    found: Any = bench.kept(told.assessment)
    assert found == {"assessments": []}
