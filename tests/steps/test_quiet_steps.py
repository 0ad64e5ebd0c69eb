from __future__ import annotations

from datetime import timedelta

import pytest
from fakes import START
from small_plans import Bench, check, gate, phase, plan, step

from rollout.domain.events import StepFailed
from rollout.domain.plan import SamplingPolicy
from rollout.steps.verify import Verify


def test_a_wait_ends_when_its_time_has_passed_and_not_before() -> None:
    bench = Bench(plan(phase("pilot", step("wait", "rest", **{"for": "15m"}))))
    bench.tick()
    bench.say("proceed")
    assert bench.tick().at == START + timedelta(minutes=15)
    bench.pass_(minutes=14, seconds=59)
    assert bench.stage() == "running"
    assert bench.pass_(seconds=1).ended
    assert bench.state.steps["pilot/1/rest"].outputs == {"waited_s": 900}


def test_a_restart_neither_resets_nor_skips_a_wait() -> None:
    bench = Bench(plan(phase("pilot", step("wait", "rest", **{"for": "15m"}))))
    bench.tick()
    bench.say("proceed")
    bench.tick()
    bench.clock.pass_(minutes=10)
    assert bench.controller().tick().at == START + timedelta(minutes=15)


def test_a_gate_in_the_middle_must_be_go_before_the_next_step_begins() -> None:
    bench = Bench(
        plan(
            phase("pilot", step("verify", "look", gate="middle"), step("poke", "poke")),
            gates=[gate("middle", check("m"))],
        )
    )
    bench.scripted.answers = {"m": [0, 1]}
    bench.go()
    assert bench.stage() == "held"
    assert bench.poke.sent == []
    assert "middle is no_go" in bench.tick().why
    bench.say("resume")
    assert bench.tick().ended
    assert bench.poke.sent == ["poke"]


def test_a_gate_in_the_middle_may_take_its_time() -> None:
    sampling = SamplingPolicy(count=3, interval=timedelta(minutes=5))
    bench = Bench(
        plan(
            phase("pilot", step("verify", "look", gate="middle")),
            gates=[gate("middle", check("m", sampling=sampling))],
        )
    )
    bench.go()
    assert bench.clock.now() == START + timedelta(minutes=10)
    assert bench.state.outcome == "completed"


def test_the_engine_alone_evaluates_a_gate() -> None:
    with pytest.raises(AssertionError, match="the engine"):
        Verify().advance(None, None)  # type: ignore[arg-type]


def test_a_step_that_names_a_sync_nobody_planned_fails() -> None:
    bench = Bench(plan(phase("pilot", step("pause_sync", "it", sync="nobody"))))
    bench.go()
    assert "cannot be done as written" in bench.payloads(StepFailed)[0].reason


def test_a_reference_to_what_never_was_fails_the_step() -> None:
    bench = Bench(plan(phase("pilot", step("pause_sync", "it", sync="${{ steps.x.y }}"))))
    bench.go()
    assert "step 'x' has not completed" in bench.payloads(StepFailed)[0].reason
