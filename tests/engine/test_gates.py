from __future__ import annotations

import threading
from datetime import timedelta
from typing import Any

import pytest
from fakes import START
from small_plans import Bench, attest, check, gate, phase, plan

from rollout.domain.errors import LogDamaged, QueryFailed, ServiceUnreachable, StoreUnavailable
from rollout.domain.events import (
    CheckConcluded,
    FindingRaised,
    FindingResolved,
    GateDecided,
    GateOpened,
    Measured,
)
from rollout.domain.evidence import Decision, Observation, Verdict
from rollout.domain.plan import CheckSpec, SamplingPolicy


def gated(*checks: CheckSpec, workers: int = 0, **answers: Any) -> Bench:
    """One phase whose exit gate holds these checks, ticked until it asks."""
    spec = phase("pilot", exit=["out"])
    bench = Bench(plan(spec, gates=[gate("out", *checks)]), workers=workers)
    bench.scripted.answers = answers
    bench.tick()
    bench.say("proceed")
    return bench


def decision(bench: Bench) -> tuple[Decision | None, list[str]]:
    found = bench.state.gate("pilot", bench.state.phases["pilot"].attempt, "exit", "out")
    assert found is not None
    return found.decision, found.reasons


def policy(**given: Any) -> SamplingPolicy:
    return SamplingPolicy(**given)


def test_a_gate_whose_checks_pass_is_go() -> None:
    bench = gated(check("a"), check("b"))
    assert bench.tick().ended
    assert bench.payloads(GateDecided)[0].decision is Decision.GO


@pytest.mark.parametrize(
    ("answer", "verdict"),
    [
        (0, "no_go"),
        (None, "inconclusive"),
        (float("nan"), "inconclusive"),
        ("1", "inconclusive"),
        (Observation(metrics={}, source="s"), "inconclusive"),
        (Observation(metrics={"value": 1}, source="s", problem="nobody there"), "inconclusive"),
        (Observation(metrics={"value": [1]}, source="s"), "inconclusive"),  # type: ignore[dict-item]
        (Observation(metrics={"value": object()}, source="s"), "inconclusive"),  # type: ignore[dict-item]
        (Observation(metrics={"value": 1}, source="s", detail={"x": object()}), "inconclusive"),
        (Observation(metrics={"value": 1, "x": "\ud800"}, source="s"), "inconclusive"),
        (Observation(metrics={"value": 1}, source="s", sample=[{}] * 21), "inconclusive"),
        (Observation(metrics={"value": 1}, source="s" * 6_000_000), "inconclusive"),
        (ServiceUnreachable("down"), "inconclusive"),
        (QueryFailed("no table"), "inconclusive"),
        (RuntimeError("bug"), "inconclusive"),
        (KeyError("step x"), "inconclusive"),
    ],
    ids=lambda x: type(x).__name__ if not isinstance(x, str) else x,
)
@pytest.mark.parametrize("workers", [0, 2])
def test_nothing_but_a_pass_opens_a_gate(answer: Any, verdict: str, workers: int) -> None:
    policy_ = policy(consecutive_error_limit=0)
    bench = gated(check("a"), check("b", sampling=policy_), workers=workers, b=answer)
    bench.tick()
    assert bench.stage() == "held"
    found, reasons = decision(bench)
    assert found is not None
    assert found.value == verdict
    assert reasons[0].startswith("b ")


def test_a_plug_in_that_breaks_is_an_error_that_says_so() -> None:
    bench = gated(check("a", sampling=policy(consecutive_error_limit=0)), a=ZeroDivisionError("x"))
    bench.tick()
    assert decision(bench)[1] == ["a error: the check itself broke: ZeroDivisionError: x"]


@pytest.mark.parametrize("workers", [0, 3])
@pytest.mark.parametrize("error", [LogDamaged("a byte is off"), StoreUnavailable("disk gone")])
def test_damage_of_our_own_house_is_no_verdict(error: Exception, workers: int) -> None:
    bench = gated(check("a"), check("b"), workers=workers, b=error)
    with pytest.raises(type(error)):
        bench.tick()
    assert bench.payloads(Measured) == []


def test_errors_are_asked_again_and_only_too_many_in_a_row_are_a_verdict() -> None:
    bench = gated(check("a"), a=[ServiceUnreachable("down")] * 4 + [1])
    assert bench.tick().at == START + timedelta(seconds=10)
    bench.go()
    assert bench.state.outcome == "completed"
    assert bench.scripted.asked == ["a"] * 5


def test_a_gate_waits_for_the_person_who_must_confirm() -> None:
    bench = gated(check("a"), attest("told"))
    wake = bench.tick()
    assert wake.at is None
    assert [(n.kind, n.subject) for n in wake.needs] == [("attest", "told")]
    assert bench.stage() == "exit_gate"
    bench.say("attest", "told", role="engineer")
    assert bench.tick().ended


def test_a_no_is_asked_again_in_the_next_round_and_a_yes_is_not() -> None:
    bench = gated(attest("told"), attest("fed"))
    bench.tick()
    bench.say("attest", "fed", role="engineer")
    bench.say("attest", "told", role="engineer", answer=False)
    bench.tick()
    assert decision(bench)[0] is Decision.NO_GO
    bench.say("resume")
    wake = bench.tick()
    assert [n.subject for n in wake.needs] == ["told"]
    bench.say("attest", "told", role="engineer")
    assert bench.tick().ended


def test_a_waived_confirmation_is_waited_for_no_longer() -> None:
    bench = gated(attest("told"))
    bench.tick()
    bench.say("waive", "told")
    assert bench.tick().ended
    assert (
        "told waived by ann (project_lead): waive it is" in bench.payloads(GateDecided)[0].reasons
    )


def test_a_shadow_confirmation_holds_nobody_up() -> None:
    told = attest("told").model_copy(update={"shadow": True})
    assert gated(check("a"), told).tick().ended


# sampling over time ------------------------------------------------------------


def test_samples_are_taken_at_their_interval_until_the_count_is_reached() -> None:
    sampling = policy(count=3, interval="5m", initial_delay="1m")
    bench = gated(check("a", sampling=sampling), check("b"))
    wake = bench.tick()
    assert wake.at == START + timedelta(minutes=1)
    assert bench.scripted.asked == ["b"]
    assert bench.pass_(minutes=1).at == START + timedelta(minutes=6)
    assert bench.pass_(minutes=5).at == START + timedelta(minutes=11)
    assert bench.pass_(minutes=5).ended
    assert bench.scripted.asked == ["b", "a", "a", "a"]
    assert len(bench.payloads(CheckConcluded)) == 2


def test_more_failures_than_forgiven_end_the_series_at_once() -> None:
    sampling = policy(count=10, interval="1m", failure_limit=1)
    bench = gated(check("a", sampling=sampling), a=[1, 0, 1, 0])
    bench.go()
    assert bench.scripted.asked == ["a"] * 4
    assert decision(bench)[0] is Decision.NO_GO


def test_a_check_without_a_count_is_over_when_every_other_check_is() -> None:
    bench = gated(
        check("steady", sampling=policy(interval="1m")),
        check("slow", sampling=policy(count=3, interval="90s")),
    )
    bench.go()
    assert bench.state.outcome == "completed"
    assert bench.scripted.asked.count("slow") == 3
    assert bench.scripted.asked.count("steady") == 4
    concluded = {p.check: p.reason for p in bench.payloads(CheckConcluded)}
    assert concluded["steady"].startswith("over after 4 samples")


def test_a_gate_of_endless_checks_alone_asks_each_once() -> None:
    bench = gated(check("steady", sampling=policy(interval="1m")))
    assert bench.tick().ended
    assert bench.scripted.asked == ["steady"]


def test_an_endless_check_that_had_errors_only_is_not_over_and_never_passes() -> None:
    bench = gated(
        check("steady", sampling=policy(interval="1m", consecutive_error_limit=2)),
        steady=ServiceUnreachable("down"),
    )
    bench.go()
    assert bench.stage() == "held"
    assert decision(bench)[0] is Decision.INCONCLUSIVE


def test_a_shadow_check_is_measured_and_shown_and_never_decides() -> None:
    bench = gated(check("a"), check("watched", shadow=True), watched=0)
    assert bench.tick().ended
    assert {p.check: p.verdict for p in bench.payloads(Measured)}["watched"] is Verdict.FAIL
    assert bench.payloads(FindingRaised) == []


def test_a_gate_of_shadow_checks_alone_is_never_go() -> None:
    bench = gated(check("watched", shadow=True))
    bench.tick()
    assert bench.stage() == "held"


# waivers, rounds, findings -------------------------------------------------------


def test_a_waived_check_is_named_and_the_gate_is_go() -> None:
    bench = gated(check("a"), check("b"), b=0)
    bench.tick()
    assert decision(bench) == (Decision.NO_GO, ["b fail: value is 0, required = 1"])
    bench.say("waive", "b", role="engineer")
    bench.say("resume")
    assert bench.tick().ended
    decided = bench.payloads(GateDecided)[-1]
    assert decided.decision is Decision.GO
    assert decided.reasons == ["b waived by ben (engineer): waive it is"]


def test_a_waived_check_that_passes_needs_no_waiver() -> None:
    bench = gated(check("a"), check("b"))
    bench.say("waive", "b")
    bench.tick()
    assert bench.payloads(GateDecided)[0].reasons == []


def test_a_waiver_is_good_for_its_attempt_only() -> None:
    bench = gated(check("b"), b=0)
    bench.tick()
    bench.say("waive", "b")
    bench.say("retry")
    bench.go()
    assert bench.stage() == "held"
    assert decision(bench)[0] is Decision.NO_GO


def test_only_gates_that_were_not_go_are_asked_again_after_a_resume() -> None:
    spec = phase("pilot", exit=["good", "bad"])
    bench = Bench(plan(spec, gates=[gate("good", check("g")), gate("bad", check("b"))]))
    bench.scripted.answers = {"b": [0, 1]}
    bench.tick()
    bench.say("proceed")
    bench.tick()
    assert bench.stage() == "held"
    bench.say("resume")
    assert bench.tick().ended
    assert [(p.gate, p.round) for p in bench.payloads(GateOpened)] == [
        ("good", 1),
        ("bad", 1),
        ("bad", 2),
    ]
    assert bench.scripted.asked == ["g", "b", "b"]


def test_a_gate_under_way_goes_on_in_its_round_after_a_hold() -> None:
    bench = gated(check("a", sampling=policy(count=2, interval="5m")))
    bench.tick()
    bench.say("hold")
    bench.pass_(minutes=30)
    bench.say("resume")
    assert bench.tick().ended
    assert [p.round for p in bench.payloads(GateOpened)] == [1]


def test_the_reason_of_a_hold_names_the_gate_and_the_check() -> None:
    bench = gated(check("a"), a=0)
    assert "out is no_go: a fail: value is 0, required = 1" in bench.tick().why


def test_a_failed_check_raises_a_finding_that_its_pass_resolves() -> None:
    bench = gated(check("a", severity="P0"), a=[0, 1])
    bench.tick()
    (raised,) = bench.payloads(FindingRaised)
    assert (raised.check, raised.severity, raised.owner) == ("a", "P0", "engineer")
    assert raised.due_at == START
    assert raised.evidence == bench.payloads(Measured)[0].evidence
    bench.say("resume")
    bench.tick()
    assert [(p.finding, p.how) for p in bench.payloads(FindingResolved)] == [
        (raised.finding, "resolved")
    ]


def test_a_finding_is_raised_once_while_it_is_open() -> None:
    bench = gated(check("a"), a=0)
    bench.tick()
    bench.say("resume")
    bench.tick()
    assert len(bench.payloads(FindingRaised)) == 1


def test_a_waiver_closes_the_finding_as_waived() -> None:
    bench = gated(check("a"), a=0)
    bench.tick()
    bench.say("waive", "a")
    (finding,) = bench.state.findings.values()
    assert (finding.state, finding.closed_by) == ("waived", "ann")


def test_a_pass_in_a_later_attempt_closes_what_the_first_one_raised() -> None:
    bench = gated(check("a"), a=[0, 1])
    bench.tick()
    bench.say("retry")
    bench.go()
    assert [f.state for f in bench.state.findings.values()] == ["resolved"]


def test_what_is_signed_changes_when_the_evidence_does() -> None:
    digests = set()
    for value in (1, True, 1.0):
        bench = gated(check("a"), a=value if value != 1.0 else 1)
        bench.clock.pass_(seconds=value is True)
        bench.tick()
        digests.add(bench.payloads(GateDecided)[0].evidence_sha256)
    assert len(digests) == 2
    again = gated(check("a"))
    again.tick()
    assert again.payloads(GateDecided)[0].evidence_sha256 in digests


def test_the_evidence_of_a_sample_holds_what_was_seen_and_why_it_was_judged_so() -> None:
    bench = gated(check("a"), a=0)
    bench.tick()
    measured = bench.payloads(Measured)[0]
    document = bench.evidence.get(measured.evidence)
    assert document["observation"]["metrics"] == {"value": 0}
    assert document["judgement"]["rulings"][0]["condition"] == "= 1"


# side by side ------------------------------------------------------------------


class Doors:
    """Checks that wait behind a door until the test opens it."""

    def __init__(self) -> None:
        self.open = threading.Event()
        self.waiting: list[str] = []
        self.most = 0
        self._lock = threading.Lock()

    def wait(self, context: Any) -> int:
        with self._lock:
            self.waiting.append(context.check)
            self.most = max(self.most, len(self.waiting))
        self.open.wait(20)
        with self._lock:
            self.waiting.remove(context.check)
        return 1


def test_a_check_that_gives_no_answer_in_its_time_is_an_error_and_holds_up_no_other() -> None:
    doors = Doors()
    quick = timedelta(milliseconds=40)
    bench = gated(
        check("stuck", timeout=quick, sampling=policy(consecutive_error_limit=0)),
        check("a"),
        check("b"),
        workers=1,
        stuck=doors.wait,
    )
    bench.tick()
    doors.open.set()
    found = {p.check: p.verdict for p in bench.payloads(Measured)}
    assert found == {"stuck": Verdict.ERROR, "a": Verdict.PASS, "b": Verdict.PASS}
    assert "no answer within its time-out" in decision(bench)[1][0]


def test_several_hung_checks_cost_one_time_out_not_their_sum() -> None:
    doors = Doors()
    limit = timedelta(milliseconds=60)
    names = [f"stuck{n}" for n in range(6)]
    bench = gated(
        *(check(n, timeout=limit, sampling=policy(consecutive_error_limit=0)) for n in names),
        workers=6,
        **dict.fromkeys(names, doors.wait),
    )
    bench.tick()
    assert doors.most == 6
    doors.open.set()
    assert {p.verdict for p in bench.payloads(Measured)} == {Verdict.ERROR}


def test_no_more_checks_are_under_way_than_workers() -> None:
    changed = threading.Condition()
    under_way: list[str] = []
    most: list[int] = []

    def crowd(context: Any) -> int:
        with changed:
            under_way.append(context.check)
            most.append(len(under_way))
            changed.notify_all()
            changed.wait_for(lambda: len(under_way) > 2, timeout=0.05)
            under_way.remove(context.check)
        return 1

    names = [f"c{n}" for n in range(4)]
    bench = gated(*(check(n) for n in names), workers=2, **dict.fromkeys(names, crowd))
    assert bench.tick().ended
    assert max(most) == 2


def test_an_answer_that_comes_too_late_changes_nothing() -> None:
    released, answered = threading.Event(), threading.Event()

    def late(context: Any) -> int:
        released.wait(20)
        answered.set()
        return 1

    def release(context: Any) -> int:  # begins only once the late one's place is free
        released.set()
        return 1

    def patient(context: Any) -> int:
        answered.wait(20)
        return 1

    quick = timedelta(milliseconds=40)
    sampling = policy(consecutive_error_limit=0)
    bench = gated(
        check("late", timeout=quick, sampling=sampling),
        check("patient"),
        check("release"),
        workers=2,
        late=late,
        patient=patient,
        release=release,
    )
    bench.tick()
    assert {p.check: p.verdict for p in bench.payloads(Measured)}["late"] is Verdict.ERROR
    assert bench.stage() == "held"


def test_samples_are_recorded_in_the_order_of_the_plan_whoever_is_first() -> None:
    first, second = threading.Event(), threading.Event()

    def late(context: Any) -> int:
        assert second.wait(20)
        first.set()
        return 1

    def early(context: Any) -> int:
        second.set()
        assert first.wait(20)
        return 1

    bench = gated(check("a"), check("b"), workers=2, a=late, b=early)
    bench.tick()
    assert [p.check for p in bench.payloads(Measured)] == ["a", "b"]


def test_threads_and_one_after_the_other_write_the_same_log() -> None:
    heads = set()
    for workers in (0, 1, 4):
        bench = gated(check("a"), check("b"), check("c"), workers=workers, c=0)
        bench.tick()
        heads.add(bench.state.head)
    assert len(heads) == 1
