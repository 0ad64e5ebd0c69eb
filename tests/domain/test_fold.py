from __future__ import annotations

import copy
from datetime import timedelta
from typing import Any, get_args

import msgspec
import pytest
from fakes import START
from hypothesis import given, settings
from hypothesis import strategies as st
from small_plans import Bench, attest, check, gate, phase, plan, step

from rollout.domain import events as e
from rollout.domain.effects import No, Unknown, Yes
from rollout.domain.errors import ServiceUnreachable
from rollout.domain.fold import _APPLY, apply, fold
from rollout.domain.plan import Plan, SamplingPolicy, SignOffRule, Soak
from rollout.domain.state import HISTORY_KEPT, RolloutState
from rollout.kinds import NotFound


def busy_plan() -> Plan:
    """Every kind of event happens in it, given the right answers."""
    return plan(
        phase(
            "pilot",
            step("poke", "poke", idempotent=False),
            step("run_sync", "sync", sync="a", baseline="base"),
            entry=["in"],
            exit=["out"],
            sign_off=SignOffRule(roles=["project_lead", "sales"]),
        ),
        phase("watch", soak=Soak.model_validate({"for": "3h", "every": {"1h": ["hourly"]}})),
        gates=[gate("in", attest("told")), gate("out"), gate("hourly")],
    )


answers = st.lists(
    st.sampled_from([Yes(1), No("429", 60.0), No("404"), Unknown("lost")]), max_size=3
)
scripts = st.lists(st.sampled_from(["yes", "lost", "lost_before", "no"]), max_size=2)
says = st.lists(
    st.sampled_from(["hold", "resume", "retry", "roll_back", "settle", "waive"]), max_size=6
)


@st.composite
def real_logs(draw: st.DrawFn) -> list[e.Event]:
    """Logs of small rollouts that went well or badly."""
    bench = Bench(busy_plan())
    bench.poke.answers, bench.poke.found = draw(answers), [NotFound("none")]
    bench.census.script.extend(draw(scripts))
    bench.scripted.answers = {
        "out_ok": [draw(st.sampled_from([1, 0])), 1],
        "hourly_ok": [1, None, 1],
    }
    for word in [*draw(says), "end"]:
        wake = bench.go()
        waiting = next((n.subject for n in wake.needs if n.kind == "settle"), "")
        subject = {"settle": waiting, "waive": "out_ok"}.get(word, "")
        bench.now.submit(bench.command(word, subject))
    return bench.events()


def test_every_kind_of_event_is_folded() -> None:
    assert set(_APPLY) == set(e.KINDS.values()) == set(get_args(e.Payload))


def test_a_kind_that_nobody_folds_stops_the_fold() -> None:
    class Odd(msgspec.Struct):
        pass

    event = e.Event(rollout="r", seq=1, at=START, actor="a", payload=Odd(), prev="", hash="")  # type: ignore[arg-type]
    with pytest.raises(KeyError):
        apply(RolloutState(), event)


@settings(max_examples=60)
@given(real_logs(), st.data())
def test_a_log_may_be_folded_in_pieces(log: list[e.Event], data: st.DataObject) -> None:
    cut = data.draw(st.integers(0, len(log)))
    first = fold(log[:cut])
    assert fold(log[cut:], copy.deepcopy(first)) == fold(log)


@settings(max_examples=30)
@given(real_logs())
def test_folding_changes_no_event_and_gives_the_same_state_twice(log: list[e.Event]) -> None:
    before = copy.deepcopy(log)
    assert fold(log) == fold(before)
    assert log == before


def test_small_rollouts_hold_every_kind_of_event() -> None:
    bench = Bench(busy_plan())
    bench.scripted.answers = {"out_ok": [0, 1]}
    bench.poke.answers, bench.poke.found = [No("429", 60.0), Unknown("lost")], [NotFound("none")]
    bench.go()
    bench.say("settle", "pilot/1/poke/poke", run_id=1)
    bench.go()  # held by its exit gate
    bench.say("resume")
    bench.go()  # completed: what is left is of failures and of the way back
    assert bench.state.outcome == "completed"
    seen = {type(p) for p in bench.payloads()}
    back = Bench(plan(phase("pilot", step("poke", "poke"), step("poke", "more"))))
    back.poke.answers, back.poke.moves = [Yes(1), No("404")], [ServiceUnreachable("down")]
    back.go()
    back.poke.undo_moves = [KeyError("x")]
    back.say("roll_back")
    back.tick()
    back.say("roll_back")
    back.tick()
    assert back.stage() == "rolled_back"
    seen |= {type(p) for p in back.payloads()}
    # notices, adoptions and signatures have rooms of their own
    elsewhere = {e.NoticeAnswered, e.PlanAdopted, e.SignOffRequested}
    assert seen == set(e.KINDS.values()) - elsewhere


def test_a_state_knows_where_it_stands_in_the_log() -> None:
    bench = Bench(busy_plan())
    bench.go()
    state, last = bench.folded(), bench.events()[-1]
    assert (state.seq, state.head, state.latest_at) == (last.seq, last.hash, last.at)


def test_what_is_folded_live_is_what_is_folded_from_the_log() -> None:
    bench = Bench(busy_plan())
    bench.go()
    assert bench.state == bench.folded()


def test_no_more_samples_of_a_check_are_kept_than_history_allows() -> None:
    sampling = SamplingPolicy(count=HISTORY_KEPT + 5, interval=timedelta(minutes=1))
    bench = Bench(
        plan(phase("pilot", exit=["out"]), gates=[gate("out", check("a", sampling=sampling))])
    )
    bench.go()
    kept = bench.state.history["a"]
    assert len(kept) == HISTORY_KEPT
    assert kept[0].at == START + timedelta(minutes=5)


def test_errors_are_no_history() -> None:
    bench = Bench(plan(phase("pilot", exit=["out"]), gates=[gate("out", check("a"))]))
    bench.scripted.answers = {"a": [RuntimeError("bug"), 1]}
    bench.go()
    assert len(bench.state.history["a"]) == 1


def test_a_failed_undo_that_goes_on_is_another_try() -> None:
    bench = Bench(plan(phase("pilot", step("poke", "poke"))))
    bench.tick()
    bench.say("proceed")
    bench.poke.answers = [No("429", 60.0)]
    bench.tick()
    bench.poke.undo_moves = [KeyError("x")]
    bench.say("roll_back")
    bench.tick()
    (poke,) = (s for s in bench.state.steps.values() if s.step == "poke")
    assert (poke.status, poke.undo_tries) == ("undo_failed", 1)
    bench.say("roll_back")
    bench.tick()
    (poke,) = (s for s in bench.folded().steps.values() if s.step == "poke")
    assert (poke.status, poke.undo_tries, poke.taken_back) == ("undone", 2, True)


def test_a_rollback_that_nobody_asked_for_undoes_everything() -> None:
    def said(scope: str, *, between: int) -> str:
        bench = Bench(plan(phase("pilot"), phase("full")))
        decided: Any = e.DecisionMade(
            decision="roll_back",
            phase="pilot",
            attempt=1,
            by="ann",
            role="project_lead",
            reason="r",
            seen_seq=1,
            seen_head="",
            subject=scope,
        )
        moved = e.StageChanged(
            phase="full", attempt=1, trigger="roll_back", source="running", target="rolling_back"
        )
        other = e.SoakStarted(phase="full", attempt=1)
        log = [decided, *[other] * between, moved]
        bench.log.inner.append("small", 1, START, "ann", log)
        return bench.folded().phases["full"].undo_from

    assert said("full", between=0) == "full"
    assert said("full", between=1) == ""  # an old decision's scope is not this rollback's
