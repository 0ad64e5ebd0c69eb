from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

import pytest
from fakes import START, SYNC, FakeRun
from pydantic import ValidationError
from small_plans import Bench, phase, plan, step

from rollout.domain.effects import Answer, Yes
from rollout.domain.events import EffectIntended, EffectResolved, RunObserved, StepFailed
from rollout.ports import RejectedRecord, SyncRun
from rollout.steps.run_sync import RunSyncInputs

TRIGGER = "pilot/1/run/trigger-1"


def syncing(*script: str, **inputs: Any) -> Bench:
    """A phase that runs the sync, begun."""
    bench = Bench(plan(phase("pilot", step("run_sync", "run", sync="a", **inputs))))
    bench.census.script.extend(script)
    bench.tick()
    bench.say("proceed")
    return bench


def outputs(bench: Bench) -> dict[str, Any]:
    return dict(bench.state.steps["pilot/1/run"].outputs)


def reason(bench: Bench) -> str:
    (failed,) = bench.payloads(StepFailed)
    return str(failed.reason)


def test_a_run_is_triggered_watched_and_accounted_for() -> None:
    bench = syncing()
    bench.census.next_run = {"processed": 50, "failed": 2, "invalid": 1}
    bench.census.records = [RejectedRecord("k1", "rejected", "no name")]
    assert bench.tick().at == START + timedelta(minutes=1)
    bench.go()
    assert bench.state.outcome == "completed"
    found = outputs(bench)
    assert (found["status"], found["processed"], found["accepted"]) == ("completed", 50, 48)
    assert (found["failed"], found["invalid"], found["error_rate"]) == (2, 1, 0.04)
    assert found["duration_s"] == 300
    document = bench.kept(found["evidence"])
    assert document["rejected"][0]["reason"] == "no name"
    assert [(p.status, p.ours) for p in bench.payloads(RunObserved)] == [
        ("working", True),
        ("completed", True),
    ]


def test_an_old_answer_to_a_trigger_is_looked_up_and_not_believed() -> None:
    bench = syncing()
    before = bench.census.add_run(ends_at=START)
    real = bench.census.trigger

    def trigger(sync_id: int) -> Answer[int]:
        real(sync_id)
        return Yes(before.id)

    bench.census.trigger = trigger  # type: ignore[method-assign]
    bench.go()
    effect = bench.state.effects[TRIGGER]
    assert (effect.how, effect.value) == ("adopted", before.id + 1)
    assert outputs(bench)["run_id"] == before.id + 1
    assert len(bench.census.posts) == 1


def test_a_rollback_asks_for_our_own_run_when_the_list_lags() -> None:
    steps = [
        step("capture_baseline", "base", target="Thing__c", key="Key__c", fields=["Name"]),
        step("run_sync", "run", sync="a", baseline="base"),
    ]
    bench = Bench(plan(phase("pilot", *steps)))
    bench.salesforce.put("k1", Name="old")
    bench.tick()
    bench.say("proceed")
    bench.tick()
    run = bench.census.listed[-1]
    bench.census.not_listed.add(run.id)
    bench.say("roll_back")
    bench.tick()
    assert bench.census.canceled == [run.id]


def test_nothing_is_triggered_while_a_run_goes_even_under_a_skipped_one() -> None:
    bench = Bench(plan(phase("pilot", step("run_sync", "run", sync="a"))))
    going = bench.census.add_run(trigger="Schedule", ends_at=START + timedelta(minutes=3))
    bench.census.add_run(trigger="Schedule", ends="skipped", ends_at=START)
    bench.tick()
    bench.say("proceed")
    assert f"run {going.id} of sync {SYNC} is still working" in bench.tick().why
    assert bench.census.posts == []
    bench.go()
    assert bench.census.posts == [START + timedelta(minutes=3)]
    (intent,) = bench.payloads(EffectIntended)
    assert intent.watermark == going.id + 1
    assert intent.idempotent is False
    assert intent.needs_window is True


def test_a_lost_answer_is_adopted_and_never_sent_again() -> None:
    bench = syncing("lost")
    bench.go()
    assert bench.state.outcome == "completed"
    assert len(bench.census.posts) == 1
    (resolved,) = bench.payloads(EffectResolved)
    assert (resolved.how, resolved.value) == ("adopted", outputs(bench)["run_id"])


def test_a_lost_request_waits_until_it_can_no_longer_land_then_asks_a_person() -> None:
    bench = syncing("lost_before")
    assert bench.tick().at == START + timedelta(minutes=2)
    assert bench.pass_(minutes=1, seconds=59).needs == ()
    wake = bench.pass_(seconds=1)
    assert [(n.kind, n.subject) for n in wake.needs] == [("settle", TRIGGER)]
    assert len(bench.census.posts) == 1


def test_a_lost_request_that_lands_late_is_adopted_in_time() -> None:
    bench = syncing("lost_before")
    bench.tick()
    bench.clock.pass_(minutes=1)
    late = bench.census.add_run()
    bench.go()
    assert outputs(bench)["run_id"] == late.id
    assert len(bench.census.posts) == 1


def test_the_time_to_land_counts_from_the_last_send() -> None:
    bench = syncing("no", "lost_before")
    bench.tick()
    wake = bench.pass_(hours=5)
    assert wake.at == bench.clock.now() + timedelta(minutes=2)


@pytest.mark.parametrize("trigger", ["Schedule", "Sequence", "Webhook"])
def test_a_run_that_the_api_did_not_start_is_not_adopted(trigger: str) -> None:
    bench = syncing("lost_before")
    bench.tick()
    bench.census.add_run(trigger=trigger)
    wake = bench.pass_(minutes=2)
    assert [n.kind for n in wake.needs] == ["settle"]


def test_a_run_without_a_reason_counts_as_a_candidate() -> None:
    bench = syncing("lost_before")
    bench.tick()
    bench.census.add_run(trigger=None)
    bench.go()
    assert bench.state.effects[TRIGGER].how == "adopted"


def test_two_candidates_are_a_persons_question_at_once() -> None:
    bench = syncing("lost")

    def another(run: FakeRun) -> None:
        bench.census.add_run()

    bench.census.on_run = another
    wake = bench.tick()
    assert "several runs could be ours" in wake.why
    assert len(bench.census.posts) == 1


def test_a_run_of_another_sync_is_no_candidate() -> None:
    bench = syncing("lost_before")
    bench.tick()
    bench.census.add_run(sync_id=SYNC + 1)
    assert [n.kind for n in bench.pass_(minutes=2).needs] == ["settle"]


def test_never_sent_means_a_new_numbered_trigger() -> None:
    bench = syncing("lost_before")
    bench.go()
    bench.say("settle", TRIGGER)
    bench.go()
    assert bench.state.outcome == "completed"
    assert [p.effect for p in bench.payloads(EffectIntended)] == [
        TRIGGER,
        "pilot/1/run/trigger-2",
    ]
    assert len(bench.census.posts) == 2


def test_a_run_id_from_a_person_is_the_run_that_is_watched() -> None:
    bench = syncing("lost_before")
    bench.go()
    run = bench.census.add_run(trigger="Schedule", processed=7)
    bench.say("settle", TRIGGER, run_id=run.id)
    bench.go()
    assert outputs(bench)["processed"] == 7
    assert len(bench.census.posts) == 1


def test_a_run_id_of_another_sync_fails_the_step() -> None:
    bench = syncing("lost_before")
    bench.go()
    other = bench.census.add_run(sync_id=SYNC + 1)
    bench.say("settle", TRIGGER, run_id=other.id)
    bench.go()
    assert f"run {other.id} is of sync {SYNC + 1}" in reason(bench)


def test_a_run_that_is_ours_already_is_no_candidate_although_the_list_lagged() -> None:
    bench = syncing(expect={"processed": "= 50"})
    bench.census.next_run = {"processed": 1}
    bench.go()
    first = bench.census.listed[0]
    bench.census.not_listed = {first.id}  # so that the second watermark lies below it
    bench.census.next_run = {}
    bench.census.script.append("lost")
    bench.say("retry")
    bench.census.on_run = lambda run: bench.census.not_listed.clear()
    bench.go()
    assert bench.state.outcome == "completed"
    second = bench.state.effects["pilot/2/run/trigger-1"]
    assert (second.how, second.value, second.watermark) == ("adopted", first.id + 1, 0)


def test_a_refused_trigger_fails_the_step() -> None:
    bench = syncing("refused")
    bench.tick()
    assert "trigger of a was refused: 422" in reason(bench)


@pytest.mark.parametrize("ends", ["failed", "skipped", "canceled", "exploded"])
def test_a_run_that_did_not_complete_is_no_success(ends: str) -> None:
    bench = syncing()
    bench.census.next_run = {"ends": ends}
    bench.go(hours=2)
    if ends == "exploded":  # a word nobody knows is not an end: it goes on being asked
        assert bench.stage() == "running"
        return
    assert f"ended {ends}" in reason(bench)


@pytest.mark.parametrize(
    ("expect", "holds"),
    [
        ({"processed": "= 50"}, True),
        ({"processed": "= 51"}, False),
        ({"error_rate": "<= 4 %"}, True),
        ({"error_rate": "< 4 %"}, False),
        ({"status": "= completed", "failed": "<= 2"}, True),
    ],
)
def test_what_is_expected_of_a_run_is_held_against_it(expect: dict[str, str], holds: bool) -> None:
    bench = syncing(expect=expect)
    bench.census.next_run = {"processed": 50, "failed": 2}
    bench.go()
    assert (bench.state.outcome == "completed") is holds


def test_an_expectation_of_a_figure_that_is_not_there_fails() -> None:
    bench = syncing(expect={"error_rate": "<= 100 %"})
    bench.census.next_run = {"processed": 0}
    bench.go()
    assert "error_rate is None" in reason(bench)


@pytest.mark.parametrize("key", ["expect", "stop_if"])
@pytest.mark.parametrize(
    ("written", "why"),
    [({"eror_rate": "> 10 %"}, "a run has no 'eror_rate'"), ({"failed": "many"}, "many")],
)
def test_a_brake_that_could_never_brake_is_refused(
    key: str, written: dict[str, str], why: str
) -> None:
    with pytest.raises(ValidationError, match=why):
        RunSyncInputs.model_validate({"sync": "a", key: written})
    RunSyncInputs.model_validate({"sync": "a", key: {"failed": "= ${{ params.n }}"}})


# the brake -----------------------------------------------------------------------


def test_too_many_errors_stop_the_run_and_fail_the_step() -> None:
    bench = syncing(stop_if={"error_rate": "> 10 %"}, stop_after_rows=10)
    bench.census.lasts = timedelta(hours=1)
    bench.census.next_run = {"processed": 500, "progress": 20, "progress_failed": 3}
    bench.go()
    assert bench.census.canceled == [101]
    assert "was stopped: error_rate is 0.15, stop if > 10 %" in reason(bench)
    assert bench.clock.now() < START + timedelta(minutes=5)


def test_the_brake_waits_for_enough_rows() -> None:
    bench = syncing(stop_if={"error_rate": "> 10 %"}, stop_after_rows=50)
    bench.census.next_run = {"progress": 49, "progress_failed": 49}
    bench.go()
    assert bench.census.canceled == []


def test_a_run_that_takes_too_long_is_stopped() -> None:
    bench = syncing(within="10m")
    bench.census.lasts = timedelta(hours=1)
    bench.go()
    assert "was stopped: still working after 10m" in reason(bench)
    assert len(bench.census.canceled) == 1


def test_a_run_that_completed_before_it_could_be_stopped_is_still_a_failure() -> None:
    bench = syncing(within="10m")
    bench.census.lasts = timedelta(minutes=30)
    bench.census.ignores_cancel = True
    bench.go()
    assert bench.clock.now() == START + timedelta(minutes=30)
    assert "was stopped" in reason(bench)


def test_a_run_that_cannot_be_stopped_is_waited_for_in_plain_words() -> None:
    bench = syncing(within="10m")
    bench.census.lasts = timedelta(minutes=30)
    bench.census.refuses_cancel = True
    bench.tick()
    wake = bench.pass_(minutes=11)
    assert "it could not be stopped: 422 it cannot be canceled" in wake.why
    bench.go()
    assert "was stopped: still working after 10m" in reason(bench)
    assert len(bench.census.canceled) == 1


# strangers -----------------------------------------------------------------------


def test_somebody_elses_run_is_recorded_as_not_ours() -> None:
    bench = syncing()
    bench.tick()
    stranger = bench.census.add_run(trigger="Schedule", processed=9)
    bench.go()
    assert bench.state.outcome == "completed"
    found = bench.state.runs[f"a/{stranger.id}"]
    assert (found.ours, found.processed, found.status) == (False, 9, "completed")


class Restless(FakeRun):
    """Its counters change whenever somebody looks."""

    def at(self, now: datetime) -> SyncRun:
        self.progress += 1
        return super().at(now)


def test_a_stranger_that_still_goes_is_told_once_and_not_followed() -> None:
    bench = syncing()
    bench.tick()
    stranger = Restless(900, START, START + timedelta(days=1), trigger="Schedule")
    bench.census.listed.append(stranger)
    bench.go()
    assert bench.state.outcome == "completed"
    seen = [p for p in bench.payloads(RunObserved) if not p.ours]
    assert [(p.run_id, p.status) for p in seen] == [(900, "working")]


def test_a_run_of_an_earlier_attempt_never_turns_into_a_strangers() -> None:
    bench = syncing(expect={"processed": "= 50"})
    bench.census.next_run = {"processed": 1}
    bench.go()
    first = bench.census.listed[0]
    bench.census.next_run = {}
    bench.say("retry")
    first.processed = 2  # the service counted again
    bench.clock.at = first.created_at  # and our clock was put back
    bench.go()
    assert bench.state.outcome == "completed"
    assert bench.state.runs[f"a/{first.id}"].ours is True


# what a service may do -------------------------------------------------------------


def test_a_run_that_was_over_does_not_go_again_in_the_log() -> None:
    bench = syncing()
    bench.tick()
    run = bench.census.listed[0]
    bench.clock.pass_(minutes=5)
    bench.log.rivals.append(lambda: setattr(run, "ends_at", START + timedelta(minutes=9)))
    wake = bench.tick()  # the run was seen completed, then the service says working again
    assert "run 101 is working" in wake.why
    assert [p.status for p in bench.payloads(RunObserved)][:2] == ["working", "completed"]
    bench.go()
    statuses = [p.status for p in bench.payloads(RunObserved) if p.ours]
    assert "working" not in statuses[statuses.index("completed") :]
    assert bench.state.outcome == "completed"


def test_a_service_that_is_down_is_asked_again() -> None:
    bench = syncing()
    bench.census.down = True
    assert "timed out; asked again in a minute" in bench.tick().why
    bench.census.down = False
    bench.go()
    assert bench.state.outcome == "completed"


def test_a_second_attempt_triggers_again_under_its_own_intent() -> None:
    bench = syncing(expect={"processed": "= 50"})
    bench.census.next_run = {"processed": 1}
    bench.go()
    bench.say("retry")
    bench.census.next_run = {}
    bench.go()
    assert bench.state.outcome == "completed"
    assert [p.effect for p in bench.payloads(EffectIntended)] == [
        TRIGGER,
        "pilot/2/run/trigger-1",
    ]
