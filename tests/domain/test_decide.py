from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from small_plans import Bench, attest, check, gate, phase, plan, step

from rollout.domain.command import Refusal
from rollout.domain.decide import decide
from rollout.domain.effects import No, Unknown, Yes
from rollout.domain.errors import ServiceUnreachable
from rollout.domain.events import (
    Attested,
    DecisionMade,
    EffectResolved,
    FindingResolved,
    SignedOff,
    StageChanged,
)
from rollout.domain.machine import PlanMachine
from rollout.domain.plan import SignOffRule, Soak
from rollout.domain.state import STAGES
from rollout.kinds import NotFound

POKE = "pilot/1/poke/poke"


def three_phases(**answers: Any) -> Bench:
    """pilot (poke, signed exit gate), full (poke), watch (soak)."""
    bench = Bench(
        plan(
            phase(
                "pilot",
                step("poke", "poke", idempotent=False),
                entry=["in"],
                exit=["out"],
                sign_off=SignOffRule(roles=["project_lead", "sales"]),
            ),
            phase("full", step("poke", "poke_more"), exit=["full_out"]),
            phase("watch", soak=Soak.model_validate({"for": "4h", "every": {"1h": ["hourly"]}})),
            gates=[
                gate("in", check("in_ok"), attest("told", file_required=True)),
                gate("out", check("out_ok")),
                gate("full_out", check("full_ok", owner="sales")),
                gate("hourly", check("hourly_ok")),
            ],
        )
    )
    bench.scripted.answers = answers
    return bench


def ready(**answers: Any) -> Bench:
    bench = three_phases(**answers)
    bench.tick()
    bench.say("attest", "told", role="engineer", file_sha256="f" * 64)
    bench.tick()
    assert bench.stage() == "ready"
    return bench


def held(**answers: Any) -> Bench:
    bench = ready(out_ok=0, **answers)
    bench.say("proceed")
    bench.tick()
    assert bench.stage() == "held"
    return bench


def signing() -> Bench:
    bench = ready()
    bench.say("proceed")
    bench.tick()
    assert bench.stage() == "sign_off"
    return bench


def in_full(**answers: Any) -> Bench:
    bench = signing()
    bench.scripted.answers |= answers
    bench.say("sign", "out")
    bench.say("sign", "out", role="sales")
    bench.tick()
    assert bench.stage("full") == "ready"
    return bench


def current(bench: Bench) -> str:
    found = bench.state.current_phase()
    assert found is not None
    return found.id


def rolled_back(bench: Bench, scope: str = "") -> Bench:
    bench.say("roll_back", scope)
    bench.tick()
    assert bench.stage() == "rolled_back"
    return bench


# who may speak -------------------------------------------------------------------


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"reason": "  "}, "needs a reason: say why"),
        ({"role": "pope", "by": "ann"}, "no role 'pope'; it has project_lead, engineer, sales"),
        ({"by": "ben"}, "'ben' does not hold the role 'project_lead': ann, bea may"),
        ({"role": "engineer"}, "only the project_lead decides this"),
        ({"seen_seq": 1}, "look again, then decide"),
        ({"seen_seq": 10_000}, "is not in this log"),
        ({"seen_head": "0" * 64}, "is not in this log"),
    ],
)
def test_who_may_not_decide_is_told_why(changes: dict[str, Any], reason: str) -> None:
    assert reason in ready().refusal("proceed", **changes)


def test_a_command_nobody_knows_is_told_the_ones_there_are() -> None:
    assert "use one of proceed, hold, resume" in ready().refusal("jump")


@pytest.mark.parametrize(
    "name", ["hold", "resume", "retry", "restart", "roll_back", "abort", "end"]
)
def test_only_the_lead_moves_a_phase(name: str) -> None:
    assert "only the project_lead" in held().refusal(name, role="engineer")


def test_what_was_seen_before_the_newest_events_of_the_same_stage_is_fresh_enough() -> None:
    bench = ready()
    seen = bench.state.phases["pilot"].since_seq
    bench.say("waive", "out_ok")
    bench.say("proceed", seen_seq=seen, seen_head="whatever was there")


def test_an_ended_rollout_decides_nothing_any_more() -> None:
    bench = ready()
    bench.say("abort")
    assert "has ended (aborted)" in bench.refusal("proceed")


# stages --------------------------------------------------------------------------


def test_proceed_starts_the_phase_and_says_who_chose_it() -> None:
    bench = ready()
    bench.say("proceed")
    made = bench.payloads(DecisionMade)[-1]
    assert (made.decision, made.by, made.role, made.reason) == (
        "proceed",
        "ann",
        "project_lead",
        "proceed it is",
    )
    assert bench.stage() == "running"


def test_a_refusal_names_the_commands_that_are_legal_not_the_machines_own_triggers() -> None:
    assert ready().refusal("resume") == (
        "cannot resume while pilot is ready; legal now: proceed, hold, roll_back, abort"
    )
    assert "legal now: resume, retry, roll_back, abort" in held().refusal("proceed")


def test_nothing_is_legal_while_a_rollback_runs() -> None:
    bench = held()
    bench.say("roll_back")
    assert "legal now: nothing; it moves on by itself" in bench.refusal("hold")


@pytest.mark.parametrize("name", ["proceed", "retry", "end"])
def test_what_the_stage_does_not_allow_is_refused(name: str) -> None:
    assert f"cannot {name} while pilot is running" in running().refusal(name)


def running() -> Bench:
    bench = ready()
    bench.say("proceed")
    assert bench.stage() == "running"
    return bench


@pytest.mark.parametrize("make", [ready, running, signing], ids=["ready", "running", "sign_off"])
def test_resume_goes_back_to_where_the_hold_came_from(make: Any) -> None:
    bench = make()
    before = bench.stage()
    bench.say("hold")
    assert bench.stage() == "held"
    bench.say("resume")
    assert bench.stage() == before


def test_resume_is_refused_after_a_failed_step() -> None:
    bench = ready()
    bench.poke.answers = [No("404")]
    bench.say("proceed")
    bench.tick()
    assert "use retry, or roll back" in bench.refusal("resume")


def test_retry_begins_a_new_attempt_of_this_phase() -> None:
    bench = held()
    bench.say("retry")
    pilot = bench.state.phases["pilot"]
    assert (pilot.stage, pilot.attempt, pilot.started_at) == ("pending", 2, None)
    assert bench.state.phases["full"].attempt == 1


def test_restart_begins_new_attempts_of_the_named_phase_and_all_that_had_begun_after_it() -> None:
    bench = in_full()
    bench.say("hold")
    bench.say("restart", "pilot")
    found = {p.id: (p.stage, p.attempt) for p in bench.state.phases.values()}
    assert found == {"pilot": ("pending", 2), "full": ("pending", 2), "watch": ("pending", 1)}


@pytest.mark.parametrize(
    ("subject", "reason"),
    [
        ("nowhere", "no phase 'nowhere'"),
        ("", "no phase ''"),
        ("full", "cannot restart from full"),
        ("watch", "cannot restart from watch"),
    ],
)
def test_a_restart_names_an_earlier_phase(subject: str, reason: str) -> None:
    bench = in_full()
    bench.say("hold")
    assert reason in bench.refusal("restart", subject)


@pytest.mark.parametrize(("name", "subject"), [("retry", ""), ("restart", "pilot")])
def test_a_lost_request_that_may_be_sent_twice_blocks_no_new_attempt(
    name: str, subject: str
) -> None:
    bench = in_full()
    bench.poke.answers = [Unknown("timed out")]
    bench.say("proceed")
    bench.tick()
    bench.say("hold")
    bench.say(name, subject)


def test_a_lost_request_must_be_looked_up_before_another_attempt() -> None:
    bench = ready()
    bench.poke.answers = [Unknown("timed out")]
    bench.poke.found = [ServiceUnreachable("down")]
    bench.say("proceed")
    bench.tick()
    bench.say("hold")
    assert "resume, so that it is looked up, or roll back" in bench.refusal("retry")


def test_no_earlier_phase_is_restarted_either_while_a_request_may_still_land() -> None:
    bench = Bench(plan(phase("pilot"), phase("full", step("poke", "poke", idempotent=False))))
    bench.poke.answers, bench.poke.found = [Unknown("timed out")], [NotFound("none")]
    bench.go()
    bench.say("hold")
    effect = "full/1/poke/poke"
    assert f"{effect}: settle it first" in bench.refusal("restart", "pilot")
    bench.say("settle", effect, run_id=1)
    bench.say("restart", "pilot")


def test_an_effect_that_waits_for_a_person_must_be_settled_before_another_attempt() -> None:
    bench = needs_a_person()
    bench.say("hold")
    assert f"nobody knows yet what became of {POKE}: settle it first" in bench.refusal("retry")
    bench.say("settle", POKE)
    bench.say("retry")


def test_a_refused_request_does_not_stand_in_the_way_of_another_attempt() -> None:
    bench = ready()
    bench.poke.answers = [No("429", 600.0)]
    bench.say("proceed")
    bench.tick()
    bench.say("hold")
    bench.say("retry")


# the way back --------------------------------------------------------------------


@pytest.mark.parametrize("scope", ["", "pilot", "full"])
def test_a_rollback_remembers_how_far_it_goes(scope: str) -> None:
    bench = in_full()
    bench.say("roll_back", scope)
    assert bench.state.phases["full"].undo_from == scope


def test_a_rollback_cannot_begin_at_a_phase_that_has_not_begun() -> None:
    bench = in_full()
    assert "watch has not begun: name full or an earlier phase" in bench.refusal(
        "roll_back", "watch"
    )
    assert "no phase 'x' to roll back to" in bench.refusal("roll_back", "x")


def test_a_failed_rollback_is_tried_again_as_far_as_it_began_to_go() -> None:
    bench = in_full()
    bench.scripted.answers["back_ok"] = 0
    bench.say("roll_back", "full")
    bench.tick()
    assert bench.stage() == "rollback_failed"
    bench.say("roll_back")
    assert bench.state.phases["full"].undo_from == "full"


def failed_rollback(scope: str) -> Bench:
    bench = in_full()
    bench.scripted.answers["back_ok"] = 0
    bench.say("roll_back", scope)
    bench.tick()
    assert bench.stage() == "rollback_failed"
    return bench


def test_a_failed_rollback_can_be_made_to_go_further_back_but_not_less_far() -> None:
    bench = failed_rollback("full")
    bench.say("roll_back", "pilot")
    assert (bench.stage(), bench.state.phases["full"].undo_from) == ("rolling_back", "pilot")
    said = failed_rollback("pilot").refusal("roll_back", "full")
    assert said == "this rollback undoes everything: leave the phase out to try it again"


@pytest.mark.parametrize("scope", ["", "pilot"])
def test_a_finished_rollback_of_one_phase_can_be_followed_by_one_of_all(scope: str) -> None:
    bench = rolled_back(in_full(), "full")
    said = bench.refusal("roll_back", "full")
    assert said == (
        "full and what came after it is undone already: name an earlier phase to undo more"
    )
    bench.say("roll_back", scope)
    assert (bench.stage(), bench.state.phases["full"].undo_from) == ("rolling_back", scope)


def test_what_is_undone_is_not_undone_again() -> None:
    bench = rolled_back(in_full())
    for scope in ("", "pilot", "full"):
        said = bench.refusal("roll_back", scope)
        assert said == "everything is undone already: retry, or end the rollout"


def test_after_everything_was_undone_a_retry_begins_with_the_first_phase() -> None:
    bench = rolled_back(in_full())
    bench.say("retry")
    assert current(bench) == "pilot"
    assert bench.payloads(DecisionMade)[-1].subject == "pilot"
    assert {p.id: p.attempt for p in bench.state.phases.values()} == {
        "pilot": 2,
        "full": 2,
        "watch": 1,
    }


def test_after_one_phase_was_undone_a_retry_begins_with_that_phase() -> None:
    bench = rolled_back(in_full(), "full")
    bench.say("retry")
    assert bench.state.phases["full"].attempt == 2
    assert bench.state.phases["pilot"].stage == "passed"


def test_nobody_restarts_after_what_was_undone() -> None:
    bench = in_full()
    bench.say("proceed")
    bench.tick()
    assert current(bench) == "watch"
    rolled_back(bench)
    assert "restart from pilot, not full" in bench.refusal("restart", "full")
    bench.say("restart", "pilot")


def test_a_rolled_back_rollout_is_ended_by_a_person() -> None:
    bench = rolled_back(in_full())
    bench.say("end")
    assert bench.state.outcome == "rolled_back"
    assert bench.tick().ended


def test_a_rollout_is_not_aborted_in_the_middle_of_a_step() -> None:
    bench = running()
    assert "legal now: hold, roll_back" in bench.refusal("abort")
    bench.say("hold")
    bench.say("abort")
    assert (bench.state.outcome, bench.state.outcome_reason) == ("aborted", "abort it is")


# confirmations --------------------------------------------------------------------


def test_a_confirmation_is_recorded_with_note_and_file() -> None:
    bench = ready()
    (said,) = bench.payloads(Attested)
    assert (said.check, said.by, said.answer, said.file_sha256) == ("told", "ben", True, "f" * 64)


@pytest.mark.parametrize(
    ("subject", "changes", "reason"),
    [
        ("told", {"role": "sales"}, "told is confirmed by engineer or project_lead"),
        ("told", {}, "told needs a file"),
        ("in_ok", {}, "is measured"),
        ("nothing", {}, "no check 'nothing' in this plan"),
        ("full_ok", {}, "full_ok is not asked in pilot"),
    ],
)
def test_a_confirmation_that_could_not_count_is_refused(
    subject: str, changes: dict[str, Any], reason: str
) -> None:
    bench = three_phases()
    bench.tick()
    assert reason in bench.refusal("attest", subject, **changes)


def test_a_no_needs_no_file() -> None:
    bench = three_phases()
    bench.tick()
    bench.say("attest", "told", role="engineer", answer=False)
    bench.tick()
    assert bench.stage() == "held"


# waivers ---------------------------------------------------------------------------


@pytest.mark.parametrize("role", ["project_lead", "engineer"])
def test_a_check_is_waived_by_its_owner_or_the_lead(role: str) -> None:
    bench = held()
    bench.say("waive", "out_ok", role=role)
    assert [p.how for p in bench.payloads(FindingResolved)] == ["waived"]
    bench.say("resume")
    bench.tick()
    assert bench.stage() == "sign_off"


def test_a_check_is_waived_by_nobody_else() -> None:
    reason = held().refusal("waive", "out_ok", role="sales")
    assert reason == "out_ok may be waived by engineer or the project_lead only"


@pytest.mark.parametrize(
    ("subject", "reason"),
    [("nothing", "no check 'nothing'"), ("hourly_ok", "is not asked in pilot")],
)
def test_a_waiver_that_could_not_count_is_refused(subject: str, reason: str) -> None:
    assert reason in held().refusal("waive", subject)


def test_checks_of_the_way_back_can_be_waived_in_any_phase() -> None:
    held().say("waive", "back_ok")


def test_the_coverage_of_a_soak_can_be_waived_by_the_lead_in_its_phase_only() -> None:
    assert "no check 'soak_coverage'" in held().refusal("waive", "soak_coverage")
    bench = in_full()
    bench.say("proceed")
    bench.tick()
    bench.say("waive", "soak_coverage")


# signatures ------------------------------------------------------------------------


def test_a_signature_binds_the_plan_and_the_gates_evidence() -> None:
    bench = signing()
    bench.say("sign", "out")
    (signed,) = bench.payloads(SignedOff)
    found = bench.state.gate("pilot", 1, "exit", "out")
    assert found is not None
    assert (signed.plan_sha256, signed.evidence_sha256) == (
        bench.plan.sha256(),
        found.evidence_sha256,
    )


@pytest.mark.parametrize(
    ("subject", "changes", "reason"),
    [
        ("out", {"role": "engineer"}, "this sign-off needs project_lead, sales, not engineer"),
        ("out", {"by": "bea"}, "project_lead has signed already"),
        ("out", {}, "ann has signed already; a second role needs a second person"),
        ("out", {"role": "sales", "by": "ann"}, "ann has signed already"),
        ("in", {"role": "sales"}, "no decided exit gate 'in' to sign; name one of out"),
        ("", {"role": "sales"}, "no decided exit gate ''"),
    ],
)
def test_a_signature_that_could_not_count_is_refused(
    subject: str, changes: dict[str, Any], reason: str
) -> None:
    bench = signing()
    bench.say("sign", "out")
    assert reason in bench.refusal("sign", subject, **changes)


def test_nothing_is_signed_before_it_is_asked() -> None:
    assert "cannot sign while pilot is running" in running().refusal("sign", "out")


def test_a_refused_sign_off_holds_and_may_be_asked_again_after_a_resume() -> None:
    bench = signing()
    bench.say("sign", "out")
    bench.say("sign", "out", role="sales", answer=False, reason="not convinced")
    assert "cho (sales) refused: not convinced" in bench.tick().why
    bench.say("resume")
    wake = bench.tick()
    assert [n.detail for n in wake.needs] == ["sales"]
    bench.say("sign", "out", role="sales")
    bench.tick()
    assert bench.stage("pilot") == "passed"


def test_a_request_to_sign_expires_and_a_resume_asks_anew() -> None:
    bench = signing()
    bench.say("sign", "out")
    assert "expired" in bench.pass_(hours=72).why
    bench.say("resume")
    assert [n.detail for n in bench.tick().needs] == ["sales"]


# effects and findings ----------------------------------------------------------------


def needs_a_person() -> Bench:
    bench = ready()
    bench.poke.answers = [Unknown("timed out")]
    bench.poke.found = [NotFound("none")]
    bench.say("proceed")
    bench.tick()
    return bench


@pytest.mark.parametrize(("run_id", "how"), [(12, "settled"), (None, "never_sent")])
def test_a_person_says_what_became_of_an_effect(run_id: int | None, how: str) -> None:
    bench = needs_a_person()
    bench.say("settle", POKE, run_id=run_id)
    resolved = bench.payloads(EffectResolved)[-1]
    assert (resolved.how, resolved.value, resolved.detail) == (how, run_id, "ann: settle it is")


def test_only_what_waits_for_a_person_is_settled_and_only_once() -> None:
    bench = needs_a_person()
    assert f"waiting: {POKE}" in bench.refusal("settle", "nothing")
    assert "only the project_lead" in bench.refusal("settle", POKE, role="engineer")
    bench.say("settle", POKE, run_id=1)
    assert "waiting: none" in bench.refusal("settle", POKE, run_id=1)


def test_settling_does_not_resume_what_a_person_held() -> None:
    bench = needs_a_person()
    bench.say("hold")
    bench.say("settle", POKE, run_id=1)
    assert bench.stage() == "held"


def test_a_trigger_is_settled_with_a_run_that_can_be_it() -> None:
    steps = [step("run_sync", "one", sync="a"), step("run_sync", "two", sync="a")]
    bench = Bench(plan(phase("pilot", *steps)))
    old = bench.census.add_run()
    bench.pass_(minutes=10)
    bench.say("proceed")
    bench.census.script.extend(["lost", "lost_before"])
    bench.go()
    adopted = bench.state.effects["pilot/1/one/trigger-1"].value
    second = "pilot/1/two/trigger-1"
    for run_id in (old.id, adopted):
        assert f"run {run_id} was there before" in bench.refusal("settle", second, run_id=run_id)
    later = bench.census.add_run(trigger="Schedule")
    bench.say("settle", second, run_id=later.id)
    bench.go()
    assert bench.state.outcome == "completed"


def test_two_triggers_are_never_settled_with_one_run() -> None:
    bench = Bench(plan(phase("pilot", step("run_sync", "one", sync="a"))))
    bench.tick()
    bench.say("proceed")
    bench.census.script.extend(["lost_before"])
    bench.go()
    first = "pilot/1/one/trigger-1"
    bench.say("settle", first)
    bench.census.script.extend(["lost_before"])
    bench.go()
    taken = bench.census.add_run(trigger="Schedule")
    state = bench.folded()
    effects = bench.now.state.effects
    effects[first].how, effects[first].value = "adopted", taken.id
    command = bench.command("settle", "pilot/1/one/trigger-2", run_id=taken.id)
    refused = decide(bench.plan, bench.now.machine, bench.now.state, command, bench.clock.now())
    assert isinstance(refused, Refusal)
    assert f"run {taken.id} belongs to {first} already" in refused.reason
    assert state.effects[first].how == "never_sent"
    # Run numbers are the service's: a run of another sync is taken as well.
    effects[first].target = "sync 77"
    refused = decide(bench.plan, bench.now.machine, bench.now.state, command, bench.clock.now())
    assert isinstance(refused, Refusal)


def test_a_finding_is_closed_once() -> None:
    bench = held()
    (finding,) = bench.state.findings
    assert f"open: {finding}" in bench.refusal("close_finding", "nothing")
    bench.say("close_finding", finding, role="sales")
    assert bench.state.findings[finding].state == "resolved"
    assert "open: none" in bench.refusal("close_finding", finding)


# everything at once --------------------------------------------------------------------

NAMES = [
    "proceed",
    "hold",
    "resume",
    "retry",
    "restart",
    "roll_back",
    "abort",
    "end",
    "waive",
    "attest",
    "sign",
    "settle",
    "close_finding",
    "nonsense",
]
SUBJECTS = ["", "pilot", "full", "watch", "out_ok", "told", "out", "in", POKE, "back_ok", "x"]
people = st.sampled_from(
    [
        ("ann", "project_lead"),
        ("bea", "project_lead"),
        ("ben", "engineer"),
        ("cho", "sales"),
        ("ann", "sales"),
        ("cho", "engineer"),
    ]
)
commands = st.fixed_dictionaries(
    {
        "name": st.sampled_from(NAMES),
        "subject": st.sampled_from(SUBJECTS),
        "who": people,
        "answer": st.booleans(),
        "run_id": st.sampled_from([None, 1, 50]),
        "age": st.sampled_from([0, 0, 0, 0, 3, -2]),
    }
)
pokes = st.lists(
    st.sampled_from([Yes(1), No("429", 60.0), No("404"), Unknown("reset"), TypeError("bug")]),
    max_size=3,
)
values = st.lists(st.sampled_from([1, 1, 0, None]), min_size=1, max_size=3)
bold = st.fixed_dictionaries(
    {
        "name": st.sampled_from(
            ["proceed", "hold", "retry", "roll_back", "roll_back", "abort", "end"]
        ),
        "subject": st.sampled_from(["", "", "pilot"]),
        "who": st.just(("ann", "project_lead")),
        "answer": st.just(True),
        "run_id": st.none(),
        "age": st.just(0),
    }
)
moves = st.lists(
    st.one_of(commands, bold, st.integers(0, 300), st.just("yes"), st.just("yes")),
    min_size=5,
    max_size=40,
)
REACHED: set[str] = set()


@settings(max_examples=150, derandomize=True)
@given(moves, pokes, values, values, values)
def test_whatever_people_say_only_legal_transitions_happen_and_refusals_say_why(
    script: list[Any], answers: list[Any], entry: list[Any], leave: list[Any], back: list[Any]
) -> None:
    bench = three_phases(in_ok=entry, out_ok=leave, back_ok=back)
    bench.poke.answers, bench.poke.found = answers, [NotFound("none")]
    machine = PlanMachine([p.phase for p in bench.plan.phases])
    bench.tick()
    for move in script:
        REACHED.add(bench.stage())
        if move == "yes":
            any(bench.answer(need) for need in bench.tick().needs)
            bench.tick()
            continue
        if isinstance(move, int):
            bench.pass_(minutes=move)
            continue
        by, role = move["who"]
        command = bench.command(
            move["name"],
            move["subject"],
            by=by,
            role=role,
            answer=move["answer"],
            run_id=move["run_id"],
            file_sha256="f" * 64,
            seen_seq=max(0, bench.state.seq - move["age"]),
        )
        pure = decide(bench.plan, machine, bench.state, command, bench.clock.now())
        refused = bench.now.submit(command)
        assert (refused is None) == (not isinstance(pure, Refusal))
        if refused is not None:
            assert len(refused.reason.split()) > 3
        bench.tick()
    only_legal(bench, machine)


def test_that_search_reached_every_stage() -> None:
    if not REACHED:
        pytest.skip("the search did not run in this process")
    assert {*STAGES} - {"pending", "passed"} <= REACHED


def only_legal(bench: Bench, machine: PlanMachine) -> None:
    stages = {p.phase: "pending" for p in bench.plan.phases}
    current = next(iter(stages))
    for changed in bench.payloads(StageChanged):
        current = next(name for name, stage in stages.items() if stage != "passed")
        assert changed.source == stages[current]
        target = machine.target(current, changed.source, changed.trigger)
        assert target == f"{changed.phase}.{changed.target}"
        if changed.target == "pending":
            order = list(stages)
            stages |= dict.fromkeys(order[order.index(changed.phase) :], "pending")
        stages[changed.phase] = changed.target
    assert stages == {p.id: p.stage for p in bench.state.phases.values()}
    assert bench.folded() == bench.state
