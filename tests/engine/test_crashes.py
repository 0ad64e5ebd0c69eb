"""Die at every place, and again while recovering: the end is the same and nothing is sent twice."""

from __future__ import annotations

import itertools
from collections import Counter
from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from fakes import CENSUS_USER, Crash, Crashes, FakeRun
from small_plans import Bench, attest, check, gate, phase, plan, step

from rollout.domain.effects import No, Unknown, Yes
from rollout.domain.events import EffectAnswered, EffectIntended, EffectResolved
from rollout.domain.plan import Plan, SamplingPolicy, SignOffRule
from rollout.engine.effects import MAX_SENDS
from rollout.engine.wake import Need
from rollout.kinds import Found

FIELDS = ["Name", "Flag__c"]


def whole_plan() -> Plan:
    return plan(
        phase(
            "pilot",
            step("set_schedule", "manual", sync="a", frequency="never"),
            step("capture_baseline", "base", target="Thing__c", key="Key__c", fields=FIELDS),
            step("verify", "preflight", gate="middle"),
            step("run_sync", "pilot_run", sync="a", baseline="base"),
            entry=["in"],
            exit=["out"],
            sign_off=SignOffRule(roles=["project_lead", "sales"]),
        ),
        phase(
            "full",
            step("capture_baseline", "base_full", target="Thing__c", key="Key__c", fields=FIELDS),
            step("run_sync", "full_run", sync="a", baseline="base_full"),
            exit=["out"],
        ),
        gates=[
            gate("in", check("in_ok"), attest("told")),
            gate(
                "middle",
                check("b", sampling=SamplingPolicy(count=2, interval=timedelta(minutes=1))),
            ),
            gate("out"),
            gate("back", check("back_rows", kind="baseline", go=None, inputs=BACK)),
        ],
    )


BACK = {"steps": ["base"], "target": "Thing__c", "users": [CENSUS_USER, "005TOOL"]}


def small_plan() -> Plan:
    return plan(
        phase("pilot", step("run_sync", "run", sync="a"), exit=["out"]), gates=[gate("out")]
    )


def poke_plan(*, idempotent: bool) -> Plan:
    return plan(phase("pilot", step("poke", "poke", idempotent=idempotent)))


def world(made: Plan, at: frozenset[int] = frozenset()) -> Bench:
    bench = Bench(made, Crashes())
    for number in range(4):
        bench.salesforce.put(f"k{number}", Name=f"old {number}", Flag__c=False)
    bench.clock.pass_(minutes=1)
    before = bench.census.add_run(trigger="Schedule")
    before.ends_at = bench.clock.now()

    def writes(run: FakeRun) -> None:
        for number in range(2, 7):  # two updated, three created, in each run
            bench.salesforce.put(f"k{number}", CENSUS_USER, Name=f"run {run.id}", Flag__c=True)

    bench.census.on_run = writes
    bench.crashes.seen.clear()
    bench.crashes.at = at
    return bench


def survive(bench: Bench, until: Callable[[], bool] = lambda: False) -> int:
    """Run on after every crash, in a new process; how many there were."""
    for crashes in itertools.count():
        try:
            wake = bench.go(until)
            while any(settled(bench, need) for need in wake.needs):
                wake = bench.go(until)
        except Crash:
            bench.controller()
        else:
            return crashes
    raise AssertionError


def settled(bench: Bench, need: Need) -> bool:
    """A person looks at the service, and says what became of a request."""
    if need.kind != "settle":
        return False
    effect = bench.state.effects[need.subject]
    if effect.action == "trigger":
        bound = {e.value for e in bench.state.effects.values() if e.action == "trigger"}
        ours = [
            r.id
            for r in bench.census.listed
            if r.id > (effect.watermark or 0) and r.trigger == "Api" and r.id not in bound
        ]
        bench.say("settle", need.subject, run_id=ours[0] if ours else None)
    else:
        bench.say("settle", need.subject, run_id=1 if bench.poke.sent else None)
    return True


def summary(bench: Bench) -> dict[str, Any]:
    """What must not depend on where the process died. Times and ids of intents may."""
    state = bench.folded()
    return {
        "outcome": state.outcome,
        "phases": {p.id: (p.stage, p.attempt) for p in state.phases.values()},
        "steps": {
            name: (s.status, {k: v for k, v in s.outputs.items() if k in KEPT})
            for name, s in state.steps.items()
        },
        "gates": [(g.phase, g.moment, g.gate, g.round, g.decision) for g in state.gates],
        "runs": [(r.id, r.trigger) for r in bench.census.listed],
        "posts": len(bench.census.posts),
        "rows": bench.salesforce.values("Name"),
        "schedule": bench.census.schedule,
        "paused": bench.census.paused,
        "rollback": state.rollback,
    }


KEPT = {"run_id", "status", "processed", "value", "present"}


def sound(bench: Bench) -> None:
    """One resolution per intent, one request per trigger, and no request without its intent."""
    resolved = Counter(
        p.effect for p in bench.payloads(EffectResolved) if p.how not in {"settled", "never_sent"}
    )
    assert max(resolved.values(), default=1) == 1
    intents = [p for p in bench.payloads(EffectIntended) if p.action == "trigger"]
    assert len({p.effect for p in intents}) == len(intents)
    triggers = {p.effect for p in intents}
    resends = [p for p in bench.payloads(EffectAnswered) if p.answer == "resent"]
    resent = [p for p in resends if p.effect in triggers]
    assert len(bench.census.posts) <= len(intents) + len(resent)
    assert bench.folded() == bench.controller().state


def test_a_plan_ends_the_same_wherever_the_process_died() -> None:
    wanted = world(whole_plan())
    survive(wanted)
    assert wanted.state.outcome == "completed"
    assert len(wanted.census.posts) == 2
    count = len(wanted.crashes.seen)
    assert count > 80
    for k in range(1, count + 1):
        bench = world(whole_plan(), frozenset({k}))
        assert survive(bench) == 1, bench.crashes.seen[k - 1]
        assert summary(bench) == summary(wanted), bench.crashes.seen[k - 1]
        sound(bench)


@pytest.mark.parametrize("nth", [9, pytest.param(1, marks=pytest.mark.slow)])
def test_a_small_plan_ends_the_same_wherever_two_processes_died(nth: int) -> None:
    """At every pair of places, or every ninth of them."""
    wanted = world(small_plan())
    survive(wanted)
    count = len(wanted.crashes.seen) + 8  # recovering takes more steps than going
    died_twice = 0
    pairs = itertools.combinations(range(1, count + 1), 2)
    for first, second in itertools.islice(pairs, 0, None, nth):
        bench = world(small_plan(), frozenset({first, second}))
        died_twice += survive(bench) == 2
        assert summary(bench) == summary(wanted), (first, second, bench.crashes.seen)
        sound(bench)
    assert died_twice > 300 // nth


@pytest.mark.parametrize(
    "script", [["lost"], ["lost_before"], ["no"], ["no", "lost"], ["no", "no"]]
)
def test_a_trigger_that_went_wrong_is_sent_once_wherever_the_process_died(
    script: list[str],
) -> None:
    def prepared(at: frozenset[int] = frozenset()) -> Bench:
        bench = world(small_plan(), at)
        bench.census.script.extend(script)
        return bench

    wanted = prepared()
    survive(wanted)
    assert wanted.state.outcome == "completed"
    for k in range(1, len(wanted.crashes.seen) + 6):
        bench = prepared(frozenset({k}))
        survive(bench)
        assert bench.state.outcome == "completed"
        assert [r.trigger for r in bench.census.listed] == ["Schedule", "Api"]
        sound(bench)


def test_a_crash_between_refusal_and_resend_leaves_a_question_not_a_second_trigger() -> None:
    calm = refused_once()
    survive(calm)
    places = [n for n, name in enumerate(calm.crashes.seen, 1) if name == "after POST trigger"]
    died = refused_once(frozenset({places[1]}))
    with pytest.raises(Crash, match="after POST trigger"):
        died.go()
    assert len(died.census.posts) == 2
    died.controller()
    survive(died)
    assert died.state.outcome == "completed"
    assert len(died.census.posts) == 2
    assert died.folded().effects["pilot/1/run/trigger-1"].how == "adopted"


def refused_once(at: frozenset[int] = frozenset()) -> Bench:
    bench = world(small_plan(), at)
    bench.census.script.append("no")
    return bench


@pytest.mark.parametrize("idempotent", [True, False])
@pytest.mark.parametrize("answer", [Yes(1), No("429", 60.0), No("404"), Unknown("reset")])
def test_every_answer_survives_every_crash(answer: Any, idempotent: bool) -> None:
    def prepared(at: frozenset[int] = frozenset()) -> Bench:
        bench = Bench(poke_plan(idempotent=idempotent), Crashes())
        bench.poke.answers, bench.poke.found = [answer], [Found(1, "there")]
        bench.crashes.at = at
        return bench

    wanted = prepared()
    survive(wanted)
    for k in range(1, len(wanted.crashes.seen) + 4):
        bench = prepared(frozenset({k}))
        survive(bench)
        sound(bench)
        assert bench.stage() in {"ended", "held"}
        if not idempotent and not isinstance(answer, No):
            assert len(bench.poke.sent) <= 1


def test_a_process_that_dies_in_every_send_does_not_send_for_ever() -> None:
    bench = Bench(poke_plan(idempotent=True), Crashes())
    bench.poke.answers = [Crash("while it is sent")] * 50
    survive(bench)
    assert len(bench.poke.sent) == MAX_SENDS
    (effect,) = bench.state.effects.values()
    assert (effect.how, effect.sends) == ("settled", MAX_SENDS - 1)
    assert "gave up after 12 sends" in bench.payloads(EffectResolved)[0].detail


# the way back ------------------------------------------------------------------


def turned(at: frozenset[int] = frozenset()) -> Bench:
    """Held after the second run, about to go back."""
    bench = world(whole_plan())
    bench.scripted.answers = {"out_ok": [1, 0]}
    survive(bench)
    assert bench.stage("full") == "held"
    bench.crashes.seen.clear()
    bench.crashes.at = at
    return bench


def goes_back(bench: Bench) -> int:
    crashes = 0
    for _ in range(10):
        if bench.stage() == "rolled_back":
            return crashes
        try:
            if bench.stage() in {"held", "rollback_failed"}:
                bench.say("roll_back")
            crashes += survive(bench, lambda: bench.stage() == "rolled_back")
        except Crash:
            crashes += 1
            bench.controller()
    raise AssertionError(f"no way back: {bench.state.phases}")


@pytest.mark.parametrize("nth", [4, pytest.param(1, marks=pytest.mark.slow)])
def test_the_way_back_ends_the_same_wherever_the_process_died(nth: int) -> None:
    """At every place, or every fourth."""
    wanted = turned()
    before = {"k0": "old 0", "k1": "old 1", "k2": "old 2", "k3": "old 3"}
    assert goes_back(wanted) == 0
    assert wanted.salesforce.values("Name") == before
    assert wanted.state.rollback is not None
    assert wanted.state.rollback["verified"] is True
    assert wanted.census.paused
    for k in range(1, len(wanted.crashes.seen) + 1, nth):
        bench = turned(frozenset({k}))
        assert goes_back(bench) == 1
        assert summary(bench) == summary(wanted), wanted.crashes.seen[k - 1]
        sound(bench)


def test_once_it_is_back_another_rollback_finds_nothing_to_do() -> None:
    bench = turned()
    goes_back(bench)
    changes = list(bench.salesforce.changes)
    bench.say("retry")
    bench.scripted.answers = {"in_ok": 0}
    bench.go()
    assert bench.stage("pilot") == "held"
    bench.say("roll_back")
    bench.go()
    assert bench.salesforce.changes == changes
