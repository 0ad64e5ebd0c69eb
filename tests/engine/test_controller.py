from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from fakes import START
from hypothesis import given, settings
from hypothesis import strategies as st
from small_plans import NAME, Bench, attest, check, gate, phase, plan, step
from test_crashes import small_plan, survive, whole_plan, world

from rollout.domain.command import Refusal
from rollout.domain.errors import LogConflict
from rollout.domain.events import Attested, RolloutEnded, SignedOff, StageChanged
from rollout.domain.machine import PlanMachine
from rollout.domain.plan import SignOffRule
from rollout.engine import controller as module
from rollout.engine import record
from rollout.kinds import Remember


def two_phases() -> Bench:
    return Bench(
        plan(
            phase(
                "pilot",
                step("run_sync", "sync", sync="a"),
                entry=["in"],
                exit=["out"],
                sign_off=SignOffRule(roles=["project_lead", "sales"]),
            ),
            phase("full", entry=["in"]),
            gates=[gate("in", check("in_ok"), attest("told")), gate("out")],
        )
    )


def test_a_plan_goes_through_its_stages_in_order() -> None:
    bench = two_phases()
    assert bench.go().ended
    stages = [(p.phase, p.target) for p in bench.payloads(StageChanged)]
    assert stages == [
        ("pilot", "entry_gate"),
        ("pilot", "ready"),
        ("pilot", "running"),
        ("pilot", "exit_gate"),
        ("pilot", "sign_off"),
        ("pilot", "passed"),
        ("full", "entry_gate"),
        ("full", "ready"),
        ("full", "running"),
        ("full", "exit_gate"),
        ("full", "passed"),
    ]
    assert bench.payloads(RolloutEnded)[-1].outcome == "completed"


def test_no_phase_begins_by_itself() -> None:
    bench = two_phases()
    bench.tick()
    bench.say("attest", "told", role="engineer")
    wake = bench.tick()
    assert (wake.at, [n.kind for n in wake.needs]) == (None, ["proceed"])
    assert bench.pass_(days=30).needs == wake.needs
    assert bench.census.posts == []


def test_the_next_phase_never_starts_before_the_one_before_it_is_passed() -> None:
    bench = two_phases()
    bench.scripted.answers = {"out_ok": 0}
    bench.go()
    assert bench.stage("pilot") == "held"
    bench.pass_(days=30)
    assert bench.stage("full") == "pending"


def test_an_ended_rollout_rests_for_ever() -> None:
    bench = two_phases()
    bench.go()
    head = bench.state.head
    assert bench.pass_(days=1).ended
    assert bench.state.head == head


def test_a_sign_off_asks_every_role_and_says_until_when() -> None:
    bench = two_phases()
    bench.go(lambda: bench.stage("pilot") == "sign_off")
    wake = bench.tick()
    assert [(n.kind, n.subject, n.detail) for n in wake.needs] == [
        ("sign", "out", "project_lead"),
        ("sign", "out", "sales"),
    ]
    assert wake.at == bench.clock.now() + timedelta(hours=72)
    bench.say("sign", "out")
    assert [n.detail for n in bench.tick().needs] == ["sales"]


def test_what_a_person_says_is_theirs_in_the_log() -> None:
    bench = two_phases()
    bench.go()
    actors = {type(e.payload): e.actor for e in bench.events()}
    assert (actors[Attested], actors[SignedOff]) == ("ben", "cho")
    assert actors[RolloutEnded] == "rollout"


# two who write -------------------------------------------------------------------


def test_a_decision_that_lost_a_race_is_decided_again_on_what_is_so_now() -> None:
    bench = two_phases()
    bench.tick()
    bench.say("attest", "told", role="engineer")
    bench.tick()
    terminal = bench.terminal()
    bench.log.rivals.append(lambda: terminal.submit(bench.command("hold")))
    refused = bench.now.submit(bench.command("proceed"))
    assert isinstance(refused, Refusal)
    assert "look again" in refused.reason
    assert bench.stage() == "held"


def test_a_decision_that_is_still_legal_is_appended_after_the_rivals() -> None:
    bench = two_phases()
    bench.tick()
    terminal = bench.terminal()

    def waive() -> None:
        assert terminal.submit(bench.command("waive", "in_ok")) is None

    bench.log.rivals.extend([waive, waive])
    bench.say("attest", "told", role="engineer")
    assert [e.actor for e in bench.events()][-3:] == ["ann", "ann", "ben"]


def test_a_log_that_never_rests_refuses_instead_of_hanging() -> None:
    bench = two_phases()
    bench.tick()

    def never(*given_: Any) -> Any:
        raise LogConflict(NAME, 1, 2)

    bench.log.inner.append = never  # type: ignore[method-assign,assignment]
    refused = bench.now.submit(bench.command("waive", "in_ok"))
    assert isinstance(refused, Refusal)
    assert "try again" in refused.reason


def test_a_tick_that_lost_a_race_looks_again() -> None:
    bench = two_phases()
    bench.tick()
    bench.say("attest", "told", role="engineer")
    terminal = bench.terminal()
    bench.log.rivals.append(lambda: terminal.submit(bench.command("hold")))
    wake = bench.tick()
    assert bench.stage() == "held"
    assert wake.needs[0].kind == "decide"


def test_a_tick_that_finds_no_rest_says_so(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "MOVES_PER_TICK", 200)
    bench = Bench(plan(phase("pilot", step("poke", "poke"))))
    bench.tick()
    bench.say("proceed")
    bench.poke.moves = [Remember({"n": n}) for n in range(500)]
    with pytest.raises(RuntimeError, match="no rest after 200 moves"):
        bench.tick()


# starting again -------------------------------------------------------------------


def test_a_new_controller_starts_from_a_snapshot_and_knows_the_same(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(record, "SNAPSHOT_EVERY", 5)
    bench = two_phases()
    bench.go()
    saved = bench.log.latest_snapshot(NAME)
    assert saved is not None
    assert 5 < saved[0].seq <= bench.state.seq
    read: list[int] = []
    real = bench.log.inner.read

    def reading(rollout: str, after: int = 0, limit: int | None = None) -> Any:
        read.append(after)
        return real(rollout, after, limit)

    bench.log.inner.read = reading  # type: ignore[method-assign]
    fresh = bench.controller()
    assert read == [saved[0].seq]
    assert fresh.state == bench.folded()


@pytest.mark.parametrize("body", [b"junk", b'{"version":1,"state":{}}'])
def test_a_snapshot_that_is_of_no_use_is_folded_past(body: bytes) -> None:
    bench = two_phases()
    bench.go()
    bench.log.save_snapshot(NAME, bench.log.head(NAME), body)
    assert bench.controller().state == bench.folded()


def test_many_controllers_may_look_at_one_rollout() -> None:
    bench = two_phases()
    watchers = [bench.terminal() for _ in range(3)]
    bench.go()
    for watcher in watchers:
        watcher.record.refresh()
        assert watcher.state == bench.state


# clocks ---------------------------------------------------------------------------

jumps = st.lists(
    st.integers(-48 * 60, 48 * 60).map(lambda m: timedelta(minutes=m)), min_size=1, max_size=12
)


@settings(max_examples=80)
@given(jumps)
def test_no_decision_depends_on_a_clock_that_only_goes_forward(script: list[timedelta]) -> None:
    bench = world(whole_plan())
    machine = PlanMachine([p.phase for p in bench.plan.phases])
    for jump in script:
        wake = bench.tick()
        any(bench.answer(need) for need in wake.needs)
        bench.tick()
        bench.clock.at += jump
    bench.clock.at = max(bench.clock.at, START)  # or a week is waited for, minute by minute
    survive(bench)
    assert bench.state.outcome == "completed"
    assert len(bench.census.posts) == 2
    stages = {p.id: "pending" for p in bench.state.phases.values()}
    for moved in bench.payloads(StageChanged):
        assert moved.source == stages[moved.phase]
        target = machine.target(moved.phase, moved.source, moved.trigger)
        assert target == f"{moved.phase}.{moved.target}"
        stages[moved.phase] = moved.target
    assert bench.folded() == bench.state


@settings(max_examples=40)
@given(st.sampled_from(["lost", "lost_before", "no"]), jumps)
def test_a_jumping_clock_never_sends_a_second_trigger(what: str, script: list[timedelta]) -> None:
    bench = world(small_plan())
    bench.census.script.append(what)
    for jump in script:
        any(bench.answer(need) for need in bench.tick().needs)
        bench.clock.at += jump
    runs = [r for r in bench.census.listed if r.trigger == "Api"]
    assert len(runs) <= 1
    bench.clock.at = max(bench.clock.at, START) + timedelta(days=5)
    survive(bench)
    assert bench.state.outcome == "completed"
    assert len([r for r in bench.census.listed if r.trigger == "Api"]) == 1


def test_two_runs_of_the_same_world_write_the_same_bytes() -> None:
    heads = set()
    for _ in range(2):
        bench = world(whole_plan())
        survive(bench)
        heads.add(bench.state.head)
    assert len(heads) == 1
