from __future__ import annotations

from collections import Counter
from datetime import timedelta
from typing import Any

import pytest
from fakes import START
from small_plans import NAME, Bench, gate, phase, plan, step

from rollout.domain.effects import No, Unknown, Yes
from rollout.domain.errors import (
    LogConflict,
    LogDamaged,
    ServiceUnreachable,
    StoreUnavailable,
)
from rollout.domain.events import (
    EffectAnswered,
    EffectIntended,
    EffectResolved,
    FindingRaised,
    StageChanged,
    StepFailed,
)
from rollout.domain.plan import Window
from rollout.engine.effects import AGAIN, BACKOFF, MAX_SENDS
from rollout.kinds import Done, Found, NotFound, Remember

POKE = "pilot/1/poke/poke"


def poking(*, idempotent: bool = True, answers: list[Any], **changes: Any) -> Bench:
    spec = step("poke", "poke", idempotent=idempotent, **changes.pop("inputs", {}))
    bench = Bench(plan(phase("pilot", spec, **changes)))
    bench.poke.answers = answers
    bench.tick()
    bench.say("proceed")
    return bench


def resolutions(bench: Bench) -> list[str]:
    return [p.how for p in bench.payloads(EffectResolved)]


def test_a_yes_resolves_the_effect_with_what_the_service_said() -> None:
    bench = poking(answers=[Yes(41, "run 41")])
    assert bench.tick().ended
    effect = bench.state.effects[POKE]
    assert (effect.how, effect.value, effect.detail) == ("done", 41, "run 41")
    assert bench.state.steps["pilot/1/poke"].outputs == {"value": 41}


def test_the_intent_is_in_the_log_before_the_request_leaves() -> None:
    bench = poking(answers=[])
    seen: list[Any] = []
    bench.poke.witness = lambda action: seen.append(bench.payloads()[-1])
    bench.tick()
    assert [type(p) for p in seen] == [EffectIntended]
    assert (seen[0].effect, seen[0].watermark) == (POKE, 7)


def test_a_no_with_a_time_is_sent_again_once_at_that_time_under_the_same_intent() -> None:
    bench = poking(idempotent=False, answers=[No("429", 60.0), No("429", 120.0), Yes(5)])
    wake = bench.tick()
    assert (wake.at, len(bench.poke.sent)) == (START + timedelta(seconds=60), 1)
    assert bench.pass_(seconds=59).at == wake.at
    assert len(bench.poke.sent) == 1
    assert bench.pass_(seconds=1).at == START + timedelta(seconds=180)
    assert len(bench.poke.sent) == 2
    bench.tick()
    assert len(bench.poke.sent) == 2
    assert bench.pass_(seconds=120).ended
    assert len(bench.poke.sent) == 3
    assert len(bench.payloads(EffectIntended)) == 1
    assert resolutions(bench) == ["done"]


def test_every_resend_is_committed_before_it_is_sent() -> None:
    bench = poking(idempotent=False, answers=[No("429", 60.0), Yes(5)])
    bench.tick()
    newest: list[Any] = []
    bench.poke.witness = lambda action: newest.append(bench.payloads()[-1])
    bench.pass_(seconds=60)
    assert [p.answer for p in newest] == ["resent"]


def test_a_no_for_good_fails_the_step_and_holds_the_phase() -> None:
    bench = poking(answers=[No("404 no such thing")])
    wake = bench.tick()
    assert resolutions(bench) == ["refused"]
    assert bench.stage() == "held"
    assert [n.kind for n in wake.needs] == ["decide"]
    assert "poke was refused" in wake.why


def test_an_unknown_answer_to_an_idempotent_effect_is_sent_again_with_growing_pauses() -> None:
    bench = poking(answers=[Unknown("reset"), Unknown("reset"), Unknown("reset"), Yes(1)])
    pauses = []
    wake = bench.tick()
    while not wake.ended:
        assert wake.at is not None
        pauses.append(wake.at - bench.clock.now())
        bench.clock.at = wake.at
        wake = bench.tick()
    assert pauses == [BACKOFF, BACKOFF * 2, BACKOFF * 4]
    assert bench.poke.sent == ["poke"] * 4
    assert bench.poke.looked_up == []


def test_after_too_many_sends_a_person_must_look() -> None:
    bench = poking(answers=[Unknown("reset")] * 50)
    wake = bench.go()
    assert len(bench.poke.sent) == MAX_SENDS
    assert [n.kind for n in wake.needs] == ["settle"]
    assert "gave up after 12 sends" in wake.why
    assert bench.stage() == "running"


def test_refusals_are_not_sent_for_ever_either() -> None:
    bench = poking(idempotent=False, answers=[No("busy", 1.0)] * 50)
    wake = bench.go()
    assert len(bench.poke.sent) == MAX_SENDS
    assert [n.kind for n in wake.needs] == ["settle"]


def test_an_unknown_answer_to_any_other_effect_is_looked_up_and_adopted() -> None:
    bench = poking(idempotent=False, answers=[Unknown("timed out")])
    bench.poke.found = [Found(9, "the only one above 7")]
    assert bench.tick().ended
    effect = bench.state.effects[POKE]
    assert (effect.how, effect.value, effect.sends) == ("adopted", 9, 1)
    assert bench.poke.sent == ["poke"]
    assert bench.poke.looked_up[0].watermark == 7


def test_what_is_not_found_yet_is_looked_for_until_it_may_no_longer_land() -> None:
    bench = poking(idempotent=False, answers=[Unknown("timed out")])
    again = START + timedelta(minutes=2)
    bench.poke.found = [NotFound("none", again)]
    assert bench.tick().at == again
    assert bench.pass_(minutes=1).at == again
    wake = bench.pass_(minutes=1)
    assert resolutions(bench) == ["needs_human"]
    assert [(n.kind, n.subject) for n in wake.needs] == [("settle", POKE)]
    assert bench.pass_(days=3).at is None
    assert bench.poke.sent == ["poke"]


def test_several_candidates_are_at_once_a_persons_question() -> None:
    bench = poking(idempotent=False, answers=[Unknown("timed out")])
    bench.poke.found = [NotFound("two could be ours")]
    wake = bench.tick()
    assert "two could be ours" in wake.why
    assert resolutions(bench) == ["needs_human"]


def test_a_person_settles_with_what_it_came_to() -> None:
    bench = poking(idempotent=False, answers=[Unknown("timed out")])
    bench.poke.found = [NotFound("none")]
    bench.tick()
    bench.say("settle", POKE, run_id=12)
    assert bench.tick().ended
    effect = bench.state.effects[POKE]
    assert (effect.how, effect.value) == ("settled", 12)
    assert bench.poke.sent == ["poke"]


def test_a_person_says_that_it_was_never_sent() -> None:
    bench = poking(idempotent=False, answers=[Unknown("timed out")])
    bench.poke.found = [NotFound("none")]
    bench.tick()
    bench.say("settle", POKE)
    bench.tick()
    assert bench.stage() == "held"
    assert bench.state.effects[POKE].how == "never_sent"
    assert bench.poke.sent == ["poke"]


def test_a_look_up_without_an_answer_is_tried_again_in_a_minute() -> None:
    bench = poking(idempotent=False, answers=[Unknown("timed out")])
    bench.poke.found = [ServiceUnreachable("down"), Found(9, "there")]
    assert bench.tick().at == START + timedelta(seconds=60)
    assert bench.pass_(seconds=60).ended


def test_a_look_up_that_breaks_is_a_persons_question() -> None:
    bench = poking(idempotent=False, answers=[Unknown("timed out")])
    bench.poke.found = [TypeError("bug")]
    assert [n.kind for n in bench.tick().needs] == ["settle"]


@pytest.mark.parametrize("idempotent", [True, False])
def test_a_step_that_breaks_while_sending_is_never_sent_again(idempotent: bool) -> None:
    bench = poking(idempotent=idempotent, answers=[TypeError("bug")])
    wake = bench.tick()
    assert "broke while sending: TypeError: bug" in wake.why
    assert [n.kind for n in wake.needs] == ["settle"]
    assert bench.pass_(days=1).at is None
    assert bench.poke.sent == ["poke"]


def test_a_service_error_out_of_a_send_is_an_unknown_answer() -> None:
    bench = poking(answers=[ServiceUnreachable("no route"), Yes(1)])
    assert bench.tick().at == START + BACKOFF
    assert [p.answer for p in bench.payloads(EffectAnswered)] == ["unknown"]


@pytest.mark.parametrize("answer", [None, 7, "yes"])
def test_what_is_no_answer_is_a_persons_question(answer: object) -> None:
    bench = poking(idempotent=False, answers=[answer])
    wake = bench.tick()
    assert "is not an answer to an effect" in wake.why


def test_an_answer_that_no_log_can_keep_is_a_persons_question_not_a_lost_one() -> None:
    bench = poking(idempotent=False, answers=[Yes(object())])
    assert "cannot be kept" in bench.tick().why
    assert bench.poke.sent == ["poke"]


@pytest.mark.parametrize(
    "error", [LogDamaged("evidence is damaged"), StoreUnavailable("disk full")]
)
def test_damage_of_our_own_house_ends_the_tick_and_the_effect_stays_open(error: Exception) -> None:
    bench = poking(idempotent=False, answers=[error])
    with pytest.raises(type(error)):
        bench.tick()
    assert bench.folded().effects[POKE].how is None
    bench.poke.found = [Found(9, "there")]
    assert bench.controller().tick().ended
    assert bench.poke.sent == ["poke"]


@pytest.mark.parametrize("wait", [-5.0, 0.0, float("nan")])
def test_an_odd_waiting_time_means_our_own_pause(wait: float) -> None:
    bench = poking(answers=[No("429", wait), Yes(1)])
    assert bench.tick().at == START + AGAIN


def test_the_sends_of_a_refused_effect_outlast_an_hour_and_then_a_person_looks() -> None:
    bench = poking(answers=[No("no connection", 5.0)] * 50)
    bench.go()
    assert len(bench.poke.sent) == MAX_SENDS
    assert bench.clock.now() - START > timedelta(hours=1)
    assert "gave up after 12 sends" in bench.tick().why
    pauses = [p.retry_at for p in bench.payloads(EffectAnswered) if p.answer == "no"]
    assert pauses == sorted(pauses)


@pytest.mark.parametrize("wait", [1e9, float("inf")])
def test_nobody_may_park_a_rollout_for_years(wait: float) -> None:
    bench = poking(answers=[No("429", wait)])
    assert bench.tick().at == START + timedelta(days=1)


# windows ---------------------------------------------------------------------

NARROW = Window(days=["tue"], between=("10:00", "12:00"))


def test_the_first_step_waits_for_the_window() -> None:
    bench = poking(answers=[], window=Window(days=["wed"]))
    wake = bench.tick()
    assert "window of pilot is closed" in wake.why
    assert wake.at == START + timedelta(hours=14)  # Wednesday, midnight in Los Angeles
    assert bench.poke.sent == []


def test_an_effect_that_wants_the_window_waits_for_it_and_commits_no_intent() -> None:
    bench = Bench(
        plan(
            phase(
                "pilot",
                step("wait", "rest", **{"for": "3h"}),
                step("poke", "poke", needs_window=True),
                window=NARROW,
            )
        )
    )
    bench.go(hours=3)
    assert "window of pilot is closed" in bench.tick().why
    assert bench.payloads(EffectIntended) == []
    assert bench.pass_(days=6, hours=21).ended


def test_the_window_is_looked_at_again_before_a_resend() -> None:
    bench = poking(
        idempotent=False,
        answers=[No("429", 3 * 3600.0), Yes(1)],
        inputs={"needs_window": True},
        window=NARROW,
    )
    bench.tick()
    wake = bench.pass_(hours=3)
    assert "window of pilot is closed" in wake.why
    assert wake.at == START + timedelta(days=7)
    assert len(bench.poke.sent) == 1


def test_an_effect_that_does_not_ask_for_the_window_is_sent_again_outside_it() -> None:
    bench = poking(idempotent=False, answers=[No("429", 3 * 3600.0), Yes(1)], window=NARROW)
    bench.tick()
    assert bench.pass_(hours=3).ended


# two who write ---------------------------------------------------------------


def test_an_answer_is_appended_although_somebody_decided_meanwhile() -> None:
    bench = poking(idempotent=False, answers=[Yes(41)])

    terminal = bench.terminal()

    def hold() -> None:
        assert terminal.submit(bench.command("hold")) is None

    bench.log.rivals.extend([None, None, hold])  # step started, intent, answer
    wake = bench.tick()
    assert bench.stage() == "held"
    assert "held" in wake.why
    effect = bench.state.effects[POKE]
    assert (effect.how, effect.value) == ("done", 41)
    assert bench.poke.sent == ["poke"]
    bench.say("resume")
    assert bench.tick().ended
    assert bench.poke.sent == ["poke"]
    assert resolutions(bench) == ["done"]


def test_a_no_keeps_its_time_when_its_answer_lost_a_race() -> None:
    bench = poking(idempotent=False, answers=[No("429", 60.0), Yes(1)])

    def interrupt() -> None:
        bench.log.inner.append(NAME, bench.folded().seq, bench.clock.now(), "ann", [a_finding()])

    bench.log.rivals.extend([None, None, interrupt, interrupt, interrupt])
    assert bench.tick().at == START + timedelta(seconds=60)
    assert bench.poke.sent == ["poke"]
    assert bench.pass_(seconds=60).ended
    assert bench.poke.sent == ["poke"] * 2


def a_finding() -> FindingRaised:
    return FindingRaised(
        finding="f",
        check="c",
        phase="pilot",
        attempt=1,
        severity="P3",
        title="t",
        owner="engineer",
        due_at=None,
        evidence=None,
    )


def test_an_effect_that_somebody_resolved_meanwhile_is_not_resolved_twice() -> None:
    bench = poking(idempotent=False, answers=[Yes(41)])

    def resolve() -> None:
        other = EffectResolved(effect=POKE, how="adopted", value=41)
        bench.log.inner.append(NAME, bench.folded().seq, bench.clock.now(), "rollout", [other])

    bench.log.rivals.extend([None, None, resolve])
    assert bench.tick().ended
    assert resolutions(bench) == ["adopted"]


def test_a_log_that_never_stands_still_does_not_swallow_an_answer_silently() -> None:
    bench = poking(idempotent=False, answers=[Yes(1)])
    real = bench.log.inner.append

    def never(*given: Any) -> Any:
        if any(isinstance(p, EffectResolved) for p in given[4]):
            raise LogConflict(NAME, 1, 2)
        return real(*given)

    bench.log.inner.append = never  # type: ignore[method-assign,assignment]
    with pytest.raises(StoreUnavailable, match="could not be appended"):
        bench.tick()


def test_an_intent_that_lost_a_race_was_not_sent() -> None:
    bench = poking(idempotent=False, answers=[Yes(1)])

    def hold() -> None:
        held = StageChanged(
            phase="pilot", attempt=1, trigger="hold", source="running", target="held"
        )
        bench.log.inner.append(NAME, bench.folded().seq, bench.clock.now(), "ann", [held])

    bench.log.rivals.extend([None, hold])
    bench.tick()
    assert bench.stage() == "held"
    assert bench.poke.sent == []
    assert bench.payloads(EffectIntended) == []


def test_a_hold_keeps_a_refused_effect_from_being_sent_until_somebody_resumes() -> None:
    bench = poking(idempotent=False, answers=[No("429", 60.0), Yes(1)])
    bench.tick()
    bench.say("hold")
    assert bench.pass_(hours=5).at is None
    assert bench.poke.sent == ["poke"]
    bench.say("resume")
    assert bench.tick().ended
    assert bench.poke.sent == ["poke"] * 2


# moves that are none ---------------------------------------------------------


@pytest.mark.parametrize("move", [None, 7, TypeError("bug"), AttributeError("x"), KeyError("gone")])
def test_a_step_kind_with_a_bug_fails_its_step_not_the_controller(move: Any) -> None:
    bench = poking(answers=[])
    bench.poke.moves = [move]
    bench.tick()
    assert bench.stage() == "held"
    assert len(bench.payloads(StepFailed)) == 1


def test_a_move_that_no_log_can_keep_fails_the_step() -> None:
    for move in (Remember({"x": object()}), Done({"x": [1]})):  # type: ignore[dict-item]
        bench = poking(answers=[])
        bench.poke.moves = [move]
        bench.tick()
        assert bench.stage() == "held"


def test_a_step_that_gets_no_answer_to_a_read_asks_again_in_a_minute() -> None:
    bench = poking(answers=[])
    bench.poke.moves = [ServiceUnreachable("down")]
    assert bench.tick().at == START + timedelta(seconds=60)
    assert bench.pass_(seconds=60).ended


def test_damage_that_a_step_meets_ends_the_tick() -> None:
    bench = poking(answers=[])
    bench.poke.moves = [LogDamaged("evidence is damaged")]
    with pytest.raises(LogDamaged):
        bench.tick()
    assert bench.payloads(StepFailed) == []


# invariants over every script -------------------------------------------------

ANSWERS = {
    "yes": Yes(1),
    "no": No("429", 60.0),
    "refused": No("404"),
    "unknown": Unknown("reset"),
    "bug": TypeError("bug"),
}


@pytest.mark.parametrize("idempotent", [True, False])
@pytest.mark.parametrize("second", list(ANSWERS))
@pytest.mark.parametrize("first", list(ANSWERS))
def test_an_intent_has_at_most_one_resolution_before_a_persons_word(
    first: str, second: str, idempotent: bool
) -> None:
    bench = poking(idempotent=idempotent, answers=[ANSWERS[first], ANSWERS[second]])
    bench.poke.found = [NotFound("none")]
    wake = bench.go()
    for need in wake.needs:
        if need.kind == "settle":
            bench.say("settle", need.subject, run_id=1)
            bench.go()
    machine = Counter(p.effect for p in bench.payloads(EffectResolved) if p.how != "settled")
    assert max(machine.values()) == 1
    assert bench.stage() in {"ended", "held"}
    maybe_sent = first in {"yes", "unknown", "bug"}
    if not idempotent and maybe_sent:
        assert bench.poke.sent == ["poke"]


def test_gates_of_a_plan_without_any_are_go() -> None:
    bench = Bench(plan(phase("pilot"), gates=[gate("unused")]))
    assert bench.go().ended
