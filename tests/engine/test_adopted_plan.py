"""A rollout goes on by a changed plan: what is asked anew, where a phase goes on, what stays."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest
from adoptions import (
    bench_in,
    other_condition,
    phase_of,
    rest_of,
    resting,
    step_of,
    taken,
    three_phases,
    watching,
)
from fakes import Crash
from hypothesis import given, settings
from hypothesis import strategies as st
from small_plans import NAME, Bench, gate, phase, plan, step

from rollout.domain.command import Refusal
from rollout.domain.effects import Yes
from rollout.domain.events import GateOpened, Measured, PlanAdopted, StageChanged
from rollout.domain.evidence import Decision
from rollout.domain.four_eyes import drivers
from rollout.domain.standing import plan_sha256_at, standing_signatures
from rollout.domain.state import RolloutState


def rounds(bench: Bench, gate: str) -> int:
    return sum(p.gate == gate for p in bench.payloads(GateOpened))


def adoption(bench: Bench) -> PlanAdopted:
    found: PlanAdopted = bench.payloads(PlanAdopted)[-1]
    return found


def moves(bench: Bench) -> list[tuple[str, str]]:
    """Stage changes of the adoption itself."""
    after = bench.events()
    seq = next(e.seq for e in reversed(after) if isinstance(e.payload, PlanAdopted))
    return [
        (e.payload.source, e.payload.target)
        for e in after
        if e.seq > seq and isinstance(e.payload, StageChanged)
    ]


# ── the doors of the current phase ───────────────────────────────────────────────────────────────


def test_an_open_gate_that_asks_otherwise_is_asked_anew() -> None:
    bench = bench_in("entry_gate")
    bench.tick()
    taken(bench, other_condition("in"))
    assert adoption(bench).gates == ["in"]
    bench.tick()
    assert rounds(bench, "in") == 2
    bench.go(until=lambda: bench.stage() == "ready")
    assert bench.stage() == "ready"


def test_an_open_gate_that_asks_the_same_goes_on() -> None:
    bench = bench_in("entry_gate")
    bench.tick()
    taken(bench, other_condition("out"))
    bench.go(until=lambda: bench.stage() == "ready")
    assert rounds(bench, "in") == 1


def test_a_check_may_come_to_an_open_gate() -> None:
    bench = bench_in("entry_gate")
    bench.tick()

    def edit(document: Any) -> None:
        first = document["gates"]["in"]["checks"][0]
        document["gates"]["in"]["checks"].append({**first, "check": "another"})

    taken(bench, edit).go(until=lambda: bench.stage() == "ready")
    gate = bench.state.gate("pilot", 1, "entry", "in")
    assert gate is not None
    assert set(gate.checks) == {"in_ok", "told", "another"}


def test_a_phase_that_was_ready_goes_back_to_its_changed_gate() -> None:
    bench = bench_in("ready")
    taken(bench, other_condition("in"))
    assert moves(bench) == [("ready", "entry_gate")]
    assert "cannot proceed while pilot is entry_gate" in bench.refusal("proceed")
    bench.tick()
    assert (rounds(bench, "in"), bench.stage()) == (2, "ready")


def test_a_phase_that_was_ready_goes_back_for_a_gate_it_was_never_asked() -> None:
    bench = taken(bench_in("ready"), lambda d: phase_of(d, "pilot").update(entry=["in", "mid"]))
    assert moves(bench) == [("ready", "entry_gate")]
    bench.tick()
    assert (rounds(bench, "in"), rounds(bench, "mid"), bench.stage()) == (1, 1, "ready")


def test_a_gate_that_now_fails_holds_the_phase_that_was_ready() -> None:
    bench = taken(bench_in("ready"), other_condition("in", "= 5"))
    bench.tick()
    assert bench.stage() == "held"


@pytest.mark.parametrize("stage", ["ready", "sign_off"])
def test_what_touches_no_gate_of_the_phase_moves_nothing(stage: str) -> None:
    bench = bench_in(stage)
    before = bench.state.seq
    taken(bench, other_condition("done"))
    bench.tick()
    assert (bench.state.seq, bench.stage()) == (before + 1, stage)


@pytest.mark.parametrize("gate", ["in", "mid"])
def test_a_phase_that_has_passed_through_a_changed_gate_is_held_for_a_person(gate: str) -> None:
    bench = resting()
    taken(bench, other_condition(gate))
    assert moves(bench) == [("running", "held")]
    assert adoption(bench).gates == []
    assert f"the plan changed what {gate} asks" in bench.state.phases["pilot"].reason
    bench.tick()
    bench.say("resume")
    bench.go(until=lambda: bench.stage() == "sign_off")
    assert (bench.stage(), rounds(bench, gate)) == ("sign_off", 1)


def test_a_retry_asks_the_changed_gate_again() -> None:
    bench = taken(resting(), other_condition("in"))
    bench.tick()
    bench.say("retry")
    bench.go(until=lambda: bench.stage() == "ready")
    assert bench.state.phases["pilot"].attempt == 2
    assert rounds(bench, "in") == 2


def test_a_changed_gate_in_the_middle_that_is_still_open_is_asked_anew() -> None:
    bench = bench_in("held", mid_ok=0)
    taken(bench, other_condition("mid", "= 0"))
    bench.tick()
    bench.say("resume")
    bench.go(until=lambda: bench.stage() == "sign_off")
    assert (bench.stage(), rounds(bench, "mid")) == ("sign_off", 2)


def test_a_changed_exit_gate_takes_the_phase_back_from_its_sign_off() -> None:
    bench = bench_in("sign_off")
    bench.say("sign", "out")
    taken(bench, other_condition("out"))
    assert moves(bench) == [("sign_off", "exit_gate")]
    bench.tick()
    assert (rounds(bench, "out"), bench.stage()) == (2, "sign_off")
    assert standing_signatures(bench.state, "pilot") == []


def test_a_phase_behind_two_changed_doors_is_held_and_resumes_in_the_later_one() -> None:
    bench = bench_in("sign_off")

    def both(document: Any) -> None:
        other_condition("in")(document)
        other_condition("out")(document)

    taken(bench, both)
    assert moves(bench) == [("sign_off", "exit_gate"), ("exit_gate", "held")]
    bench.say("resume")
    bench.tick()
    assert (rounds(bench, "out"), bench.stage()) == (2, "sign_off")


@pytest.mark.parametrize(
    ("stage", "gate", "back"), [("ready", "in", "entry_gate"), ("sign_off", "out", "exit_gate")]
)
def test_a_phase_that_was_held_at_a_door_resumes_where_that_is_asked(
    stage: str, gate: str, back: str
) -> None:
    bench = bench_in(stage)
    bench.say("hold")
    taken(bench, other_condition(gate))
    assert (bench.stage(), moves(bench)) == ("held", [])
    assert bench.state.phases["pilot"].held_from == back
    bench.say("resume")
    bench.tick()
    assert (rounds(bench, gate), bench.stage()) == (2, stage)


# ── what people said ─────────────────────────────────────────────────────────────────────────────


def test_every_signature_of_the_attempt_is_given_again_under_a_changed_plan() -> None:
    bench = bench_in("sign_off")
    bench.say("sign", "out")
    taken(bench, lambda d: d.update(title="Renamed"))
    bench.tick()
    assert bench.stage() == "sign_off"
    bench.say("sign", "out", role="sales", by="cho")
    assert bench.tick().needs[0].detail == "project_lead"
    bench.say("sign", "out")
    bench.tick()
    assert bench.stage("pilot") == "passed"


def test_whoever_adopts_a_plan_drives_the_attempt() -> None:
    bench = bench_in("sign_off")
    bench.adopt(rest_of(bench.plan, lambda d: d.update(title="Renamed")), by="bea")
    assert drivers(bench.state, "pilot")["bea"].decision == "adopt_plan"


def test_an_identical_plan_voids_nothing() -> None:
    bench = bench_in("sign_off")
    bench.say("sign", "out")
    assert isinstance(bench.adopted(bench.plan), Refusal)
    assert len(standing_signatures(bench.state, "pilot")) == 1


def test_a_waiver_of_a_changed_check_counts_no_more() -> None:
    bench = bench_in("held", in_ok=0)
    bench.say("waive", "in_ok")
    taken(bench, other_condition("in", "= 7"))
    assert adoption(bench).checks == ["in_ok"]
    bench.say("resume")
    bench.go(until=lambda: bench.stage() != "entry_gate")
    assert bench.stage() == "held"
    bench.say("waive", "in_ok")
    bench.say("resume")
    bench.tick()
    assert bench.stage() == "ready"


def test_what_was_confirmed_stands_until_the_question_is_another_one() -> None:
    bench = taken(bench_in("ready"), other_condition("in"))
    bench.tick()
    assert bench.stage() == "ready"  # nobody was asked again: `told` is the same

    def edit(document: Any) -> None:
        document["gates"]["in"]["checks"][1]["inputs"]["statement"] = "All teams were told"

    taken(bench, edit)
    wake = bench.tick()
    assert [n.subject for n in wake.needs] == ["told"]
    bench.say("attest", "told", role="engineer")
    bench.tick()
    assert bench.stage() == "ready"


def test_another_value_of_a_parameter_asks_the_gates_that_refer_to_it() -> None:
    def edit(document: Any) -> None:
        document["params"] = {"least": 1}
        document["gates"]["in"]["checks"][0]["go"] = ">= ${{ params.least }}"

    bench = Bench(rest_of(three_phases(), edit))
    bench.go(until=lambda: bench.stage() == "ready")
    taken(bench, lambda d: d["params"].update(least=0))
    assert adoption(bench).gates == ["in"]
    bench.tick()
    assert (bench.state.params, bench.stage()) == ({"least": 0}, "ready")


@pytest.mark.parametrize(
    "edit",
    [
        lambda d: d["gates"]["in"].update(title="Ready?"),
        lambda d: d["gates"]["in"]["checks"][0].update(title="So?", if_it_fails="Ask."),
        lambda d: d["connections"]["oncall"].update(urls=["${env:V}"]),
        lambda d: d["syncs"]["a"].update(title="A"),
    ],
)
def test_wording_asks_nobody_again(edit: Any) -> None:
    bench = taken(bench_in("ready"), edit)
    assert (adoption(bench).gates, bench.stage()) == ([], "ready")


def test_another_way_to_look_asks_every_gate_again() -> None:
    bench = taken(bench_in("ready"), lambda d: d["connections"]["census"].update(region="eu"))
    assert adoption(bench).gates == ["in"]


# ── a watch ──────────────────────────────────────────────────────────────────────────────────────


def test_a_checkpoint_that_asks_otherwise_is_asked_again_at_once() -> None:
    bench = watching(2.5)
    taken(bench, other_condition("halfway"))
    assert adoption(bench).gates == ["halfway"]
    bench.tick()
    assert (rounds(bench, "halfway"), bench.stage()) == (2, "running")


def test_a_look_of_the_past_stays_and_the_next_one_asks_otherwise() -> None:
    bench = watching(1.5)
    taken(bench, other_condition("hourly", ">= 0"))
    assert (adoption(bench).gates, bench.stage()) == ([], "running")
    bench.tick()
    assert rounds(bench, "hourly") == 1
    bench.pass_(hours=1)
    assert rounds(bench, "hourly") == 2
    bench.go()
    assert bench.state.outcome == "completed"


def test_a_longer_watch_watches_longer() -> None:
    bench = watching(1.5)
    taken(bench, lambda d: phase_of(d, "watch")["soak"].update({"for": "6h"}))
    bench.go()
    assert bench.state.outcome == "completed"
    assert rounds(bench, "hourly") == 6


# ── what comes later ─────────────────────────────────────────────────────────────────────────────


def test_phases_and_steps_that_were_added_are_done() -> None:
    bench = resting()

    def edit(document: Any) -> None:
        more = {"step": "wait", "id": "more", "inputs": {"for": "1h"}}
        phase_of(document, "pilot")["steps"].append(more)
        document["phases"].append({"phase": "extra", "title": "Extra", "exit": ["done"]})

    taken(bench, edit).go()
    assert bench.state.outcome == "completed"
    assert list(bench.state.phases) == ["pilot", "watch", "last", "extra"]
    assert bench.state.step("pilot", 1, "more") is not None


def test_phases_that_were_taken_out_are_not_done() -> None:
    bench = taken(resting(), lambda d: d["phases"].pop())
    bench.go()
    assert bench.state.outcome == "completed"
    assert "last" not in bench.state.phases
    assert bench.poke.sent == ["poke"]


def test_what_is_undone_after_an_adoption_is_what_was_done_before_it() -> None:
    bench = taken(resting(), lambda d: d["phases"].pop())
    bench.say("roll_back")
    bench.go(until=lambda: bench.stage() == "rolled_back")
    assert bench.poke.sent == ["poke", "unpoke"]


# ── beside a controller that is at work ──────────────────────────────────────────────────────────


def test_a_controller_stops_at_a_plan_that_it_does_not_know() -> None:
    bench = bench_in("ready")
    taken(bench, lambda d: d.update(title="Renamed"))
    before = bench.log.head(NAME)
    wake = bench.now.tick()
    assert wake.replanned
    assert bench.log.head(NAME) == before
    refusal = bench.now.submit(bench.command("proceed"))
    assert refusal is not None
    assert "the plan changed" in refusal.reason


def test_a_new_controller_begins_with_the_plan_in_force() -> None:
    bench = taken(bench_in("ready"), lambda d: d.update(title="Renamed"))
    assert not bench.controller().tick().replanned


def test_an_answer_on_its_way_while_the_plan_changed_is_not_judged_by_the_old_one() -> None:
    bench = Bench(three_phases())

    def adopting(context: Any) -> int:
        bench.scripted.answers = {}
        bench.adopt(rest_of(bench.plan, other_condition("in", "= 5")))
        return 1

    bench.scripted.answers = {"in_ok": adopting}
    assert bench.now.tick().replanned
    assert bench.payloads(Measured) == []
    bench.tick()
    assert bench.state.gates[-1].checks["in_ok"].verdict is not None
    assert bench.state.gates[-1].checks["in_ok"].verdict.value == "fail"


def test_a_request_on_its_way_while_the_plan_changed_keeps_its_answer() -> None:
    bench = bench_in("ready")

    def adopting() -> Yes[int]:
        bench.adopt(rest_of(bench.plan, lambda d: d.update(title="Renamed")))
        return Yes(4)

    bench.poke.answers = [adopting]
    bench.say("proceed")
    bench.go(until=lambda: bench.stage() == "sign_off")
    assert bench.poke.sent == ["poke"]
    assert bench.state.effects["pilot/1/poke/poke"].value == 4


# ── history ──────────────────────────────────────────────────────────────────────────────────────

EDITS = [
    lambda d: d.update(title="Renamed"),
    lambda d: d["phases"].pop(),
    lambda d: d["phases"].append({"phase": "extra", "title": "Extra"}),
    lambda d: d["params"].update(x=1),
    lambda d: phase_of(d, "pilot").update(title="Renamed too"),
    lambda d: step_of(d, "poke").update(title="Poke it"),
    lambda d: step_of(d, "rest").update(inputs={"for": "2h"}),
    lambda d: phase_of(d, "watch")["soak"].update({"for": "6h"}),
    lambda d: d["roles"]["sales"].pop(),
    *(other_condition(g) for g in ("in", "mid", "out", "hourly", "halfway", "all", "done", "back")),
]


def history(state: RolloutState) -> Any:
    """What happened, whatever plan is in force: passed phases, steps, effects, runs, decided gates."""
    passed = [
        (p.id, p.attempt, p.since_seq, p.started_at)
        for p in state.phases.values()
        if p.stage == "passed"
    ]
    gates = [
        [getattr(g, name) for name in g.__struct_fields__ if name != "void_seq"]
        for g in state.gates
        if g.decision is not None
    ]
    kept = (state.steps, state.effects, state.runs, state.findings, state.history, state.signatures)
    return msgspec.to_builtins([passed, gates, *kept, state.created_at, state.rollback])


@settings(max_examples=40)
@given(
    st.integers(1, 40),
    st.lists(st.sampled_from(EDITS), min_size=1, max_size=4, unique=True),
    st.sampled_from([{}, {"out_ok": 0}, {"mid_ok": [0, 1]}, {"hourly_ok": [1, None, 1]}]),
)
def test_adopting_a_plan_never_changes_what_happened_before(
    ticks: int, edits: list[Any], answers: dict[str, Any]
) -> None:
    bench = Bench(three_phases())
    bench.scripted.answers = dict(answers)
    left = [ticks]

    def enough() -> bool:
        left[0] -= 1
        return left[0] <= 0

    bench.go(until=enough)
    before = history(bench.folded())
    plan_before, seq = bench.state.plan_sha256, bench.state.seq
    outcome = bench.adopted(rest_of(bench.plan, lambda d: [edit(d) for edit in edits]))
    if isinstance(outcome, Refusal):
        return
    bench.log.inner.append(NAME, bench.state.seq, bench.clock.now(), "ann", outcome)
    after = bench.folded()
    assert history(after) == before
    assert plan_sha256_at(after, seq) == plan_before
    assert plan_sha256_at(after, seq + 1) == after.plan_sha256 != plan_before


def test_a_gate_that_was_decided_keeps_its_decision_to_be_read() -> None:
    bench = taken(bench_in("ready"), other_condition("in"))
    first = bench.folded().gates[0]
    assert (first.decision, first.void_seq > 0) == (Decision.GO, True)


def test_a_rollout_of_one_phase_may_be_given_a_second_one() -> None:
    bench = Bench(plan(phase("only", step("poke", "poke"))))
    bench.go(until=lambda: bench.stage() == "ready")
    taken(bench, lambda d: d["phases"].append({"phase": "more", "title": "More"})).go()
    assert [p.stage for p in bench.state.phases.values()] == ["passed", "passed"]


# ── crashes ──────────────────────────────────────────────────────────────────────────────────────


def _adopted_between(bench: Bench) -> None:
    """Pilot, then a changed entry gate, a further step and a further phase, adopted while it is ready;
    a new process after every crash."""

    def edit(document: Any) -> None:
        other_condition("in")(document)
        more = {"step": "wait", "id": "more", "inputs": {"for": "1h"}}
        phase_of(document, "pilot")["steps"].append(more)
        document["phases"].append(
            {
                "phase": "extra",
                "title": "Extra",
                "steps": [{"step": "poke", "id": "late", "inputs": {}}],
            }
        )

    def is_due() -> bool:
        return bench.stage() == "ready" and not bench.payloads(PlanAdopted)

    for _ in range(4):
        try:
            if not bench.go(until=is_due).ended:
                taken(bench, edit)
        except Crash:
            bench.controller()


def _came_to(bench: Bench) -> Any:
    state = bench.folded()
    return (
        state.outcome,
        [(p.id, p.stage, p.attempt) for p in state.phases.values()],
        [(s.step, s.status) for s in state.steps.values()],
        [(g.gate, g.round, g.decision, g.void_seq > 0) for g in state.gates],
        set(bench.poke.sent),  # an idempotent request may be sent again
        len(state.plans),
    )


def _small(crash_at: int | None = None) -> Bench:
    bench = Bench(plan(phase("pilot", step("poke", "poke"), entry=["in"]), gates=[gate("in")]))
    bench.crashes.at = frozenset() if crash_at is None else frozenset({crash_at})
    _adopted_between(bench)
    return bench


def test_an_adopted_plan_ends_the_same_wherever_the_process_died() -> None:
    calm = _small()
    wanted = _came_to(calm)
    assert wanted[0] == "completed"
    places = len(calm.crashes.seen)
    assert places > 40
    for place in range(1, places + 1):
        assert _came_to(_small(place)) == wanted, calm.crashes.seen[place - 1]
