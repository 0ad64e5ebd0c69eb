from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from fakes import START, column
from small_plans import Bench, check, gate, phase, plan, step

from rollout.domain.effects import No, Unknown, Yes
from rollout.domain.events import (
    EffectAnswered,
    EffectIntended,
    EffectResolved,
    GateOpened,
    RolledBack,
    StageChanged,
    StepStarted,
    StepUndone,
)
from rollout.domain.plan import Rollback, Window
from rollout.engine.rollback import RUNS, SCOPE
from rollout.kinds import Done, Found, NotFound

TWO_PAUSES = Rollback(
    steps=[step("pause_sync", "stop_a", sync="a"), step("pause_sync", "stop_b", sync="a")],
    gates=["back"],
)


def done(**changes: Any) -> Bench:
    """Two phases, each with two steps that can be undone; the second one waits at its gate."""
    bench = Bench(
        plan(
            phase("pilot", step("poke", "p1"), step("poke", "p2")),
            phase("full", step("poke", "f1"), step("poke", "f2"), exit=["out"]),
            gates=[gate("out"), gate("back", check("back_ok"), check("back_too"))],
            **changes,
        )
    )
    bench.scripted.answers = {"out_ok": 0}
    bench.go()
    assert bench.stage("full") == "held"
    return bench


def goes_back(bench: Bench, scope: str = "") -> str:
    bench.say("roll_back", scope)
    bench.go(lambda: bench.stage() in {"rolled_back", "rollback_failed"})
    return bench.stage()


def undone(bench: Bench) -> list[str]:
    return [p.step for p in bench.payloads(StepUndone)]


def test_it_pauses_first_then_undoes_in_reverse_order_then_proves_it() -> None:
    bench = done()
    seq = bench.state.seq
    assert goes_back(bench) == "rolled_back"
    assert undone(bench) == ["f2", "f1", "p2", "p1"]
    kinds = [
        e.payload
        for e in bench.events()[seq:]
        if isinstance(e.payload, StepStarted | StepUndone | GateOpened | RolledBack)
    ]
    names = [getattr(p, "step", type(p).__name__) for p in kinds]
    first = ["stop_a", RUNS, SCOPE]
    assert names == [*first, "f2", "f1", "p2", "p1", "GateOpened", "RolledBack"]


def test_what_was_not_begun_is_not_undone() -> None:
    bench = Bench(plan(phase("pilot", step("poke", "p1"), step("poke", "p2"), step("poke", "p3"))))
    bench.poke.answers = [Yes(1), No("404")]
    bench.go()
    assert goes_back(bench) == "rolled_back"
    assert undone(bench) == ["p2", "p1"]


def test_a_step_without_a_way_back_is_left_alone() -> None:
    bench = Bench(
        plan(
            phase(
                "pilot",
                step("poke", "p1", irreversible="mail is mail"),
                step("poke", "p2"),
                exit=["out"],
            ),
            gates=[gate("out")],
        )
    )
    bench.scripted.answers = {"out_ok": 0}
    bench.go()
    assert goes_back(bench) == "rolled_back"
    assert undone(bench) == ["p2"]


@pytest.mark.parametrize(
    ("scope", "wanted"), [("full", ["f2", "f1"]), ("pilot", ["f2", "f1", "p2", "p1"])]
)
def test_it_goes_back_to_the_phase_that_was_named(scope: str, wanted: list[str]) -> None:
    bench = done()
    assert goes_back(bench, scope) == "rolled_back"
    assert undone(bench) == wanted


def test_the_scope_of_an_old_rollback_is_not_the_scope_of_a_new_one() -> None:
    bench = done()
    goes_back(bench, "full")
    bench.say("retry")
    bench.go()
    assert bench.stage("full") == "held"
    goes_back(bench)
    assert undone(bench) == ["f2", "f1", "f2", "f1", "p2", "p1"]


def test_a_rollback_of_one_phase_can_be_followed_by_one_of_what_came_before() -> None:
    bench = done()
    goes_back(bench, "full")
    assert goes_back(bench) == "rolled_back"
    assert undone(bench) == ["f2", "f1", "p2", "p1"]
    one, all_ = bench.payloads(RolledBack)
    assert (one.scope, all_.scope, all_.verified) == ("full", "", True)
    started = [p.step for p in bench.payloads(StepStarted) if p.step in {"stop_a", RUNS, SCOPE}]
    assert started == ["stop_a", RUNS, SCOPE] * 2  # somebody may have begun to write since
    assert bench.scripted.asked.count("back_ok") == 2


def test_a_rollback_that_failed_can_go_further_back_than_it_began_to() -> None:
    bench = done()
    bench.scripted.answers |= {"back_ok": [0, 1]}
    assert goes_back(bench, "full") == "rollback_failed"
    assert goes_back(bench, "pilot") == "rolled_back"
    assert undone(bench) == ["f2", "f1", "p2", "p1"]
    assert [told.scope for told in bench.payloads(RolledBack)] == ["full", "pilot"]


def test_later_phases_that_a_restart_left_behind_are_undone_too() -> None:
    bench = done()
    bench.say("restart", "pilot")
    bench.poke.answers = [Yes(1), No("404")]
    bench.go()
    assert bench.stage("pilot") == "held"
    assert goes_back(bench) == "rolled_back"
    assert undone(bench) == ["p2", "p1", "f2", "f1", "p2", "p1"]


def test_both_attempts_of_a_phase_are_undone_the_second_one_first() -> None:
    bench = done()
    bench.say("retry")
    bench.go()
    goes_back(bench, "full")
    assert [(p.step, p.attempt) for p in bench.payloads(StepUndone)] == [
        ("f2", 2),
        ("f1", 2),
        ("f2", 1),
        ("f1", 1),
    ]


def test_an_undo_is_given_what_its_own_attempt_knew() -> None:
    counting = "SELECT COUNT(*) AS n FROM audit"
    note = step(
        "sql",
        "note",
        statement="INSERT INTO audit VALUES (${{ snapshots.before.n }})",
        undo="DELETE FROM audit WHERE n = ${{ snapshots.before.n }}",
    )
    before = step("snapshot", "before", metrics={"n": {"sql": counting}})
    bench = Bench(plan(phase("pilot", before, note, exit=["out"]), gates=[gate("out")]))
    counted = iter((1, 2))
    bench.warehouse.answers[counting] = lambda: column("n", next(counted))
    bench.scripted.answers = {"out_ok": 0}
    bench.go()
    bench.say("retry")
    bench.go()
    assert goes_back(bench) == "rolled_back"
    assert bench.warehouse.executed == [
        "INSERT INTO audit VALUES (1)",
        "INSERT INTO audit VALUES (2)",
        "DELETE FROM audit WHERE n = 2",
        "DELETE FROM audit WHERE n = 1",
    ]


def test_a_second_rollback_undoes_nothing_twice() -> None:
    bench = done()
    goes_back(bench)
    first = undone(bench)
    sent = list(bench.poke.sent)
    bench.say("retry")
    bench.tick()
    bench.say("roll_back")
    bench.go(lambda: bench.stage() == "rolled_back")
    assert undone(bench) == first
    assert bench.poke.sent == sent


# failing -------------------------------------------------------------------------


def test_a_failed_undo_is_shown_and_tried_again_when_a_person_says_so() -> None:
    bench = done()
    bench.poke.answers = [Yes(1), No("404 not now")]
    assert goes_back(bench) == "rollback_failed"
    assert undone(bench) == ["f2"]
    wake = bench.tick()
    assert "f1 could not be undone: unpoke was refused" in wake.why
    assert [n.kind for n in wake.needs] == ["decide"]
    assert bench.pass_(days=2).at is None
    assert goes_back(bench) == "rolled_back"
    assert undone(bench) == ["f2", "f1", "p2", "p1"]
    names = [p.effect for p in bench.payloads(EffectIntended) if "/undo/" in p.effect]
    assert names[:3] == [
        "full/1/f2/undo/unpoke",
        "full/1/f1/undo/unpoke",
        "full/1/f1/undo/again-2/unpoke",
    ]


def test_rows_of_all_tries_of_a_rollback_are_told_together_and_of_none_before() -> None:
    bench = done()
    bench.poke.undo_moves = [Done({"restored_rows": 5, "deleted_rows": 1}), KeyError("x")]
    assert goes_back(bench) == "rollback_failed"
    bench.poke.undo_moves = [Done({"restored_rows": 2, "left_rows": 3})]
    assert goes_back(bench) == "rolled_back"
    told = bench.payloads(RolledBack)[-1]
    assert (told.restored_rows, told.deleted_rows, told.left_rows) == (7, 1, 3)
    bench.say("retry")
    bench.go()
    bench.poke.undo_moves = [Done({"restored_rows": 1})]
    goes_back(bench)
    assert bench.payloads(RolledBack)[-1].restored_rows == 1


def test_it_stops_at_the_first_undo_that_fails_since_the_order_matters() -> None:
    bench = done()
    bench.poke.answers = [No("404")]
    assert goes_back(bench) == "rollback_failed"
    assert undone(bench) == []


def test_an_undo_that_fails_again_and_again_can_be_tried_any_number_of_times() -> None:
    bench = done()
    bench.poke.answers = [No("404")] * 5
    for _ in range(5):
        assert goes_back(bench) == "rollback_failed"
    assert goes_back(bench) == "rolled_back"


def test_a_pause_that_fails_undoes_nothing_but_stops_no_other_pause() -> None:
    bench = done(rollback=TWO_PAUSES)
    bench.census.settings.extend(["refused", "yes"])
    assert goes_back(bench) == "rollback_failed"
    assert bench.census.paused
    assert undone(bench) == []
    assert "stop_a: a could not be changed" in bench.tick().why
    assert goes_back(bench) == "rolled_back"
    starts = [p.step for p in bench.payloads(StepStarted) if p.step.startswith("stop")]
    assert starts == ["stop_a", "stop_b", "stop_a", "stop_b"]


def test_a_pause_that_must_wait_holds_up_no_other_pause() -> None:
    bench = done(rollback=TWO_PAUSES)
    bench.census.settings.extend(["no", "yes"])
    bench.say("roll_back")
    assert bench.tick().at == bench.clock.now() + timedelta(seconds=60)
    assert bench.state.steps["full/1/stop_b"].status == "completed"
    assert undone(bench) == []
    assert bench.pass_(seconds=60).needs[0].kind == "decide"
    assert bench.stage() == "rolled_back"


def test_a_gate_that_is_not_go_is_a_failed_rollback_told_as_not_verified() -> None:
    bench = done()
    bench.scripted.answers |= {"back_too": 0}
    assert goes_back(bench) == "rollback_failed"
    assert "back is no_go: back_too fail" in bench.tick().why
    assert bench.payloads(RolledBack)[-1].verified is False
    bench.scripted.answers |= {"back_too": 1}
    bench.say("roll_back")
    bench.tick()
    assert bench.stage() == "rolled_back"
    assert bench.payloads(RolledBack)[-1].verified is True
    assert undone(bench) == ["f2", "f1", "p2", "p1"]


def test_a_proof_that_was_go_is_asked_again_when_more_was_undone_after_it() -> None:
    gates = [gate("back"), gate("back2", check("second"))]
    bench = Bench(
        plan(
            phase("pilot", step("poke", "p1"), exit=["out"]),
            gates=[gate("out"), *gates],
            rollback=Rollback(gates=["back", "back2"]),
        )
    )
    bench.scripted.answers = {"out_ok": 0, "second": [0, 1]}
    bench.go()
    assert goes_back(bench) == "rollback_failed"
    assert goes_back(bench) == "rolled_back"
    asked = [name for name in bench.scripted.asked if name in {"back_ok", "second"}]
    assert asked == ["back_ok", "second", "back_ok", "second"]


def test_a_waived_proof_is_named_and_lets_the_rollback_end() -> None:
    bench = done()
    bench.scripted.answers |= {"back_too": 0}
    goes_back(bench)
    bench.say("waive", "back_too")
    assert goes_back(bench) == "rolled_back"
    told = bench.payloads(RolledBack)[-1]
    assert told.verified is False
    assert told.remaining == ["back_too waived by ann (project_lead): waive it is"]
    assert told.remaining[0] in bench.state.phases["full"].reason


def test_a_way_back_that_takes_too_long_has_failed_and_says_what_it_waits_for() -> None:
    bench = done()
    bench.census.down = True
    bench.say("roll_back")
    began = bench.clock.now()
    bench.go(lambda: bench.stage() == "rollback_failed")
    assert bench.clock.now() == began + timedelta(hours=2)
    assert "not done within 2h" in bench.tick().why
    assert "timed out" in bench.tick().why
    bench.census.down = False
    assert goes_back(bench) == "rolled_back"


def test_a_plan_without_a_way_back_says_so() -> None:
    bench = done(rollback=None)
    assert goes_back(bench) == "rollback_failed"
    assert "has no `rollback:` section" in bench.tick().why
    assert "legal now: roll_back, abort" in bench.refusal("resume")
    bench.say("abort")


# requests that were under way ------------------------------------------------------


def poking(answer: Any, *, idempotent: bool, window: Window | None = None) -> Bench:
    bench = Bench(plan(phase("pilot", step("poke", "poke", idempotent=idempotent), window=window)))
    bench.tick()
    bench.poke.answers = [answer]
    bench.say("proceed")
    return bench


def test_a_refused_request_is_given_up_and_never_sent_again() -> None:
    bench = poking(No("429", 60.0), idempotent=False)
    bench.tick()
    bench.clock.pass_(hours=1)
    assert goes_back(bench) == "rolled_back"
    assert bench.poke.sent == ["poke", "unpoke"]
    assert [p.how for p in bench.payloads(EffectResolved) if p.effect.endswith("/poke")] == [
        "abandoned"
    ]


def test_a_lost_request_that_may_be_repeated_is_given_up_and_undone() -> None:
    bench = poking(Unknown("reset"), idempotent=True)
    bench.tick()
    bench.clock.pass_(hours=1)
    assert goes_back(bench) == "rolled_back"
    assert bench.poke.sent == ["poke", "unpoke"]


def test_a_lost_request_that_may_still_land_is_looked_up_before_its_undo() -> None:
    bench = poking(Unknown("timed out"), idempotent=False)
    again = START + timedelta(minutes=2)
    bench.poke.found = [
        lambda: Found(9, "landed") if bench.clock.now() >= again else NotFound("none", again)
    ]
    assert bench.tick().at == again
    bench.say("roll_back")
    assert bench.tick().at == again
    assert bench.poke.sent == ["poke"]
    bench.go(lambda: bench.stage() == "rolled_back")
    assert bench.clock.now() == again
    assert bench.state.effects["pilot/1/poke/poke"].how == "adopted"
    assert bench.poke.sent == ["poke", "unpoke"]


def test_a_lost_request_that_nobody_finds_waits_for_a_persons_word() -> None:
    bench = poking(Unknown("timed out"), idempotent=False)
    bench.poke.found = [NotFound("none")]
    bench.tick()
    bench.say("roll_back")
    wake = bench.tick()
    assert [(n.kind, n.subject) for n in wake.needs] == [("settle", "pilot/1/poke/poke")]
    assert bench.poke.sent == ["poke"]
    bench.say("settle", "pilot/1/poke/poke", run_id=3)
    bench.go(lambda: bench.stage() == "rolled_back")
    assert bench.poke.sent == ["poke", "unpoke"]


def test_a_repeated_effect_that_was_given_up_on_does_not_hold_up_the_way_back() -> None:
    bench = poking(Unknown("reset"), idempotent=True)
    bench.poke.answers = [Unknown("reset")] * 12
    (need,) = bench.go().needs
    assert need.kind == "settle"
    assert goes_back(bench) == "rolled_back"


@pytest.mark.parametrize("answer", [Unknown("reset"), No("429", 60.0)])
def test_an_undo_is_sent_again_until_it_is_done_whatever_the_window_says(answer: Any) -> None:
    window = Window(days=["tue"], between=("10:00", "10:30"))
    bench = poking(Yes(1), idempotent=False, window=window)
    bench.plan.phases[0].exit.append("out")
    bench.plan.gates["out"] = gate("out")
    bench.scripted.answers = {"out_ok": 0}
    bench.tick()
    bench.clock.pass_(hours=5)
    bench.poke.answers = [answer]
    bench.poke.found = [Found(1, "there")]
    assert goes_back(bench) == "rolled_back"
    assert bench.clock.now() < START + timedelta(hours=6)


def test_nothing_is_triggered_once_the_way_back_began() -> None:
    bench = Bench(plan(phase("pilot", step("run_sync", "run", sync="a", baseline="base"))))
    bench.census.script.append("no")
    bench.tick()
    bench.say("proceed")
    bench.tick()
    bench.say("roll_back")
    bench.go(lambda: bench.stage() in {"rolled_back", "rollback_failed"})
    assert len(bench.census.posts) == 1
    assert bench.payloads(EffectAnswered)[-1].answer == "no"


# by itself ---------------------------------------------------------------------------


def test_a_plan_may_go_back_by_itself() -> None:
    bench = Bench(
        plan(
            phase("pilot", step("poke", "p1"), exit=["out"], on_no_go="rollback"),
            gates=[gate("out")],
        )
    )
    bench.scripted.answers = {"out_ok": 0}
    bench.go()
    assert bench.stage() == "rolled_back"
    moved = bench.payloads(StageChanged)
    assert [m.trigger for m in moved][-2:] == ["roll_back", "undone"]
    assert "out is no_go" in moved[-2].reason


def test_with_nothing_done_there_is_nothing_to_go_back_from() -> None:
    bench = Bench(plan(phase("pilot", entry=["in"], on_no_go="rollback"), gates=[gate("in")]))
    bench.scripted.answers = {"in_ok": 0}
    bench.go()
    assert bench.stage() == "held"


def test_a_failed_step_may_send_a_plan_back_by_itself() -> None:
    bench = Bench(plan(phase("pilot", step("poke", "p1"), step("poke", "p2"), on_no_go="rollback")))
    bench.poke.answers = [Yes(1), No("404")]
    bench.go()
    assert bench.stage() == "rolled_back"
    assert undone(bench) == ["p2", "p1"]
