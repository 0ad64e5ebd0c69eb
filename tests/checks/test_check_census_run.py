from __future__ import annotations

from typing import Any

import pytest
from fakes_services import (
    STARTED,
    SYNC_A,
    FakeConnections,
    FakeFacts,
    FakeSyncService,
    ago,
    context,
    judged,
    known_run,
    look,
    plan,
    sync_run,
    verdict,
)
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from rollout.checks.census_run import CensusRun
from rollout.domain.errors import KindMisused, ServiceError
from rollout.domain.evidence import Verdict
from rollout.domain.plan import StepSpec
from rollout.kinds import CheckContext
from rollout.ports import RejectedRecord, SyncRun

RUN = CensusRun()
ASK: dict[str, Any] = {"sync": "sync_a", "run": 9}
STRICT = {"error_rate": "<= 2 %", "failed": "<= 10", "invalid": "= 0"}


def on(run: SyncRun, **service: Any) -> CheckContext:
    return context(FakeConnections(FakeSyncService(listed=[run], **service)))


def test_a_completed_run_within_limits_passes() -> None:
    seen = look(RUN, ASK, on(sync_run()))
    assert judged(RUN, seen).verdict is Verdict.PASS
    assert judged(RUN, seen, {**STRICT, "duration_s": "<= 30m"}).verdict is Verdict.PASS
    assert seen.metrics["error_rate"] == pytest.approx(5 / 690)
    assert seen.metrics["duration_s"] == 360
    assert seen.query == "GET /sync_runs/9"


def test_a_high_error_rate_fails() -> None:
    run = sync_run(accepted=600, failed=90)
    assert verdict(RUN, ASK, on(run), {"error_rate": "<= 2 %"}) is Verdict.FAIL


def test_rows_dropped_before_sending_are_loss_but_no_errors() -> None:
    run = sync_run(processed=7_820, accepted=7_820, failed=0, invalid=6)
    seen = look(RUN, ASK, on(run))
    assert seen.metrics["error_rate"] == 0
    assert seen.metrics["loss_rate"] == pytest.approx(6 / 7_826)


@pytest.mark.parametrize("status", ["failed", "skipped", "canceled"])
def test_a_run_that_did_not_complete_fails_by_its_status(status: str) -> None:
    seen = look(RUN, ASK, on(sync_run(status=status)))
    assert judged(RUN, seen).verdict is Verdict.FAIL
    assert seen.metrics["canceled"] is (status == "canceled")
    assert seen.detail["counters"]["processed"] == 690


def test_the_services_own_words_about_a_failure_are_kept() -> None:
    seen = look(RUN, ASK, on(sync_run(status="failed", error="INVALID_FIELD: no such column")))
    assert seen.detail["error"] == "INVALID_FIELD: no such column"


@pytest.mark.parametrize("status", ["failed", "skipped", "canceled", "retrying", "queued"])
def test_good_counters_of_a_run_that_did_not_complete_pass_nothing(status: str) -> None:
    run = sync_run(status=status, failed=0, accepted=690)
    assert verdict(RUN, ASK, on(run), STRICT) is Verdict.INCONCLUSIVE


@pytest.mark.parametrize("status", ["queued", "working"])
def test_a_run_still_going_is_inconclusive(status: str) -> None:
    run = sync_run(status=status, completed_at=None, step="Loading data")
    said = judged(RUN, look(RUN, ASK, on(run)))
    assert said.verdict is Verdict.INCONCLUSIVE
    assert f"run 9 is still {status} (Loading data)" in said.reason


def test_an_unknown_status_is_told_and_does_not_pass() -> None:
    seen = look(RUN, ASK, on(sync_run(status="preparing")))
    assert seen.metrics["status"] == "preparing"
    assert judged(RUN, seen).verdict is Verdict.FAIL


def test_a_run_of_another_sync_is_inconclusive() -> None:
    said = judged(RUN, look(RUN, ASK, on(sync_run(sync_id=1))))
    assert said.verdict is Verdict.INCONCLUSIVE
    assert "belongs to sync 1" in said.reason


def test_a_run_that_sent_nothing_has_no_error_rate_and_no_failed_rows() -> None:
    run = sync_run(processed=0, accepted=0, failed=0, invalid=0)
    seen = look(RUN, ASK, on(run))
    assert (seen.metrics["processed"], seen.metrics["error_rate"]) == (0, None)
    assert verdict(RUN, ASK, on(run), {"failed": "= 0"}) is Verdict.INCONCLUSIVE
    assert verdict(RUN, ASK, on(run), {"processed": "= 0"}) is Verdict.PASS


def test_rejected_rows_are_sampled_and_their_reasons_counted() -> None:
    records = [RejectedRecord(f"k{n}", "rejected", "duplicate value") for n in range(25)]
    records.append(RejectedRecord("k25", "invalid", "NULL key"))
    seen = look(RUN, ASK, on(sync_run(), records=records))
    assert len(seen.sample) == 20
    assert seen.sample[0] == {"key": "k0", "status": "rejected", "reason": "duplicate value"}
    assert seen.detail["reasons"] == {"duplicate value": 25, "NULL key": 1}


def test_rejected_rows_that_are_no_longer_kept_do_not_hide_the_counters() -> None:
    seen = look(RUN, ASK, on(sync_run(), records_gone=True))
    assert seen.metrics["failed"] == 5
    assert "no longer kept" in seen.detail["sample_problem"]


def test_a_dead_service_is_an_error() -> None:
    with pytest.raises(ServiceError):
        look(RUN, ASK, on(sync_run(), down=True))


def test_the_run_of_a_step_is_the_newest_of_this_attempt() -> None:
    facts = FakeFacts(known=[known_run(3, created_at=ago(200)), known_run(9)])
    where = context(FakeConnections(FakeSyncService(listed=[sync_run(3), sync_run()])), facts)
    seen = look(RUN, {"sync": "sync_a", "of_step": "create"}, where)
    assert seen.query == "GET /sync_runs/9"


@pytest.mark.parametrize(
    "known",
    [
        known_run(created_at=ago(200)),
        known_run(created_at=None),
        known_run(ours=False),
        known_run(phase="pilot"),
        known_run(sync="sync_b"),
    ],
    ids=["earlier attempt", "undated", "foreign", "other phase", "other sync"],
)
def test_a_run_that_is_not_the_steps_own_is_no_evidence(known: Any) -> None:
    where = context(FakeConnections(FakeSyncService(listed=[sync_run()])), FakeFacts(known=[known]))
    said = judged(RUN, look(RUN, {"sync": "sync_a", "of_step": "create"}, where))
    assert said.verdict is Verdict.INCONCLUSIVE
    assert "has not started a run" in said.reason


def test_a_later_phase_may_ask_for_the_run_of_an_earlier_step() -> None:
    facts = FakeFacts(known=[known_run(created_at=ago(6_000))])
    where = context(
        FakeConnections(FakeSyncService(listed=[sync_run()])),
        facts,
        phase="monitoring",
        phase_started_at=STARTED,
    )
    assert verdict(RUN, {"sync": "sync_a", "of_step": "create"}, where) is Verdict.PASS


def test_a_step_that_is_unknown_or_not_alone_is_misuse() -> None:
    twice = plan(
        StepSpec(step="run_sync", id="create", inputs={"sync": "sync_a"}),
        StepSpec(step="run_sync", id="again", inputs={"sync": "sync_a"}),
    )
    ask = {"sync": "sync_a", "of_step": "create"}
    with pytest.raises(KindMisused, match=r"steps\.create\.run_id"):
        look(RUN, ask, context(plan=twice))
    with pytest.raises(KindMisused, match="no phase has a step"):
        look(RUN, {"sync": "sync_a", "of_step": "delete"}, context())


def test_an_unknown_sync_or_an_unfilled_run_is_misuse() -> None:
    with pytest.raises(KindMisused, match="no sync 'sync_z'; it has sync_a"):
        look(RUN, {"sync": "sync_z", "run": 9}, context())
    with pytest.raises(KindMisused, match="the run is not known"):
        look(RUN, {"sync": "sync_a", "run": "${{ steps.create.run_id }}"}, context())


@pytest.mark.parametrize("inputs", [{}, {"run": 9, "of_step": "create"}, {"run": True}])
def test_which_run_must_be_said_once(inputs: dict[str, Any]) -> None:
    with pytest.raises(ValidationError):
        CensusRun.Inputs.model_validate({"sync": "sync_a", **inputs})


counters = st.none() | st.integers(0, 50)
statuses = st.sampled_from(
    ["queued", "working", "completed", "failed", "skipped", "canceled", "retrying", "new"]
)


@given(status=statuses, processed=counters, accepted=counters, failed=counters, invalid=counters)
def test_no_error_rate_ever_passes_without_a_completed_run_and_a_sent_row(
    status: str,
    processed: int | None,
    accepted: int | None,
    failed: int | None,
    invalid: int | None,
) -> None:
    run = SyncRun(
        id=9,
        sync_id=SYNC_A,
        status=status,
        created_at=ago(60),
        completed_at=ago(50),
        processed=processed,
        accepted=accepted,
        failed=failed,
        invalid=invalid,
    )
    for go in ({"error_rate": "<= 100 %"}, {"failed": "= 0"}):
        if verdict(RUN, ASK, on(run), go) is Verdict.PASS:
            assert status == "completed"
            assert processed
            assert failed is not None
