from __future__ import annotations

from typing import Any

import pytest
from small_plans import Bench, gate, phase, plan, step

from rollout.domain.events import EffectIntended, StepFailed
from rollout.ports import Schedule


def setting(kind: str, *script: str, **inputs: Any) -> Bench:
    bench = Bench(
        plan(
            phase("pilot", step(kind, "it", sync="a", **inputs), exit=["out"]), gates=[gate("out")]
        )
    )
    bench.census.settings.extend(script)
    bench.scripted.answers = {"out_ok": 0}
    return bench


def back(bench: Bench) -> None:
    bench.say("roll_back")
    bench.go(lambda: bench.stage() in {"rolled_back", "rollback_failed"})


def test_a_schedule_is_set_and_a_rollback_gives_the_old_one_back() -> None:
    before = Schedule("hourly", minute=5)
    bench = setting("set_schedule", frequency="expression", cron="*/30 * * * *")
    bench.go()
    assert bench.census.schedule == Schedule("expression", cron="*/30 * * * *")
    back(bench)
    assert bench.stage() == "rolled_back"
    assert bench.census.schedule == before


def test_undoing_two_attempts_gives_the_first_ones_schedule_back() -> None:
    bench = setting("set_schedule", frequency="never")
    bench.go()
    bench.say("retry")
    bench.go()
    back(bench)
    assert bench.census.schedule == Schedule("hourly", minute=5)


def test_a_paused_sync_stays_paused_in_a_rollback() -> None:
    bench = setting("pause_sync")
    bench.go()
    assert bench.census.paused
    back(bench)
    assert bench.stage() == "rolled_back"
    assert bench.census.paused


def test_a_resumed_sync_is_paused_again_in_a_rollback() -> None:
    bench = setting("resume_sync")
    bench.census.paused = True
    bench.go()
    assert not bench.census.paused
    back(bench)
    names = [p.effect for p in bench.payloads(EffectIntended)]
    assert names == ["pilot/1/it/set", "pilot/1/stop_a/set", "pilot/1/it/undo/set"]
    assert bench.census.paused


@pytest.mark.parametrize("script", ["lost", "lost_before", "no"])
def test_a_setting_whose_answer_was_lost_is_sent_again(script: str) -> None:
    bench = setting("pause_sync", script)
    bench.go()
    assert bench.census.paused
    assert bench.stage() == "held"  # by its exit gate
    assert bench.payloads(StepFailed) == []
    assert len(bench.payloads(EffectIntended)) == 1


def test_a_refused_setting_fails_the_step() -> None:
    bench = setting("pause_sync", "refused")
    bench.go()
    assert "a could not be changed: 422" in bench.payloads(StepFailed)[0].reason


def test_a_step_that_never_looked_has_nothing_to_undo() -> None:
    bench = setting("set_schedule", frequency="never")
    bench.tick()
    bench.say("proceed")
    bench.census.down = True
    bench.tick()
    bench.census.down = False
    back(bench)
    assert bench.stage() == "rolled_back"
    assert bench.census.schedule == Schedule("hourly", minute=5)


def test_a_sync_that_is_paused_already_is_left_as_it_is() -> None:
    bench = setting("pause_sync")
    bench.census.paused = True
    bench.go()
    assert bench.state.steps["pilot/1/it"].outputs == {"changed": False}
    assert bench.payloads(EffectIntended) == []


def test_a_sync_that_says_yes_and_goes_on_is_not_paused() -> None:
    bench = setting("pause_sync", "ignored")
    bench.go()
    (failed,) = bench.payloads(StepFailed)
    assert failed.reason == "a was told to pause and still reads as not paused"
