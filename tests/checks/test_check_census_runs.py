from __future__ import annotations

from typing import Any

import pytest
from fakes_services import (
    FakeConnections,
    FakeFacts,
    FakeSyncService,
    ago,
    context,
    judged,
    known_run,
    look,
    sync_run,
    verdict,
)
from pydantic import ValidationError

from rollout.checks.census_runs import CensusRuns
from rollout.checks.sync_window import LIMIT
from rollout.domain.errors import KindMisused, ServiceError
from rollout.domain.evidence import Verdict
from rollout.domain.instants import to_text
from rollout.kinds import CheckContext
from rollout.ports import SyncRun

RUNS = CensusRuns()
ASK: dict[str, Any] = {"sync": "sync_a", "since": "2h"}


def on(*runs: SyncRun, known: tuple[int, ...] = (9,)) -> CheckContext:
    facts = FakeFacts(known=[known_run(n) for n in known])
    return context(FakeConnections(FakeSyncService(listed=list(runs))), facts)


def test_only_our_own_run_passes() -> None:
    seen = look(RUNS, ASK, on(sync_run()))
    assert judged(RUNS, seen).verdict is Verdict.PASS
    assert {name: seen.metrics[name] for name in ("runs", "ours", "foreign", "failed_runs")} == {
        "runs": 1,
        "ours": 1,
        "foreign": 0,
        "failed_runs": 0,
    }
    assert seen.metrics["last_completed_age_s"] == 54 * 60
    assert seen.metrics["error_rate"] == pytest.approx(5 / 690)


def test_a_foreign_run_beside_ours_fails_and_is_shown() -> None:
    seen = look(RUNS, ASK, on(sync_run(), sync_run(10, trigger="Manual", created_at=ago(20))))
    assert judged(RUNS, seen).verdict is Verdict.FAIL
    assert [row["run"] for row in seen.sample] == [10]


def test_a_scheduled_run_is_foreign_unless_allowed() -> None:
    where = on(sync_run(), sync_run(10, trigger="Scheduled", created_at=ago(20)))
    assert verdict(RUNS, ASK, where) is Verdict.FAIL
    assert verdict(RUNS, {**ASK, "allow_scheduled": True}, where) is Verdict.PASS
    assert look(RUNS, ASK, where).metrics["scheduled"] == 1


def test_a_foreign_run_does_not_become_ours_because_the_log_saw_it() -> None:
    where = context(
        FakeConnections(FakeSyncService(listed=[sync_run()])),
        FakeFacts(known=[known_run(9, ours=False)]),
    )
    assert look(RUNS, ASK, where).metrics["foreign"] == 1


def test_a_run_without_a_trigger_reason_is_never_taken_for_scheduled() -> None:
    where = on(sync_run(), sync_run(10, trigger=None))
    assert verdict(RUNS, {**ASK, "allow_scheduled": True}, where) is Verdict.FAIL


def test_no_run_at_all_shows_no_rate_and_no_success() -> None:
    where = on(known=())
    seen = look(RUNS, ASK, where)
    assert seen.metrics["runs"] == 0
    empty = ("failed_runs", "skipped", "failed_share", "failed_total", "error_rate")
    assert {seen.metrics[name] for name in empty} == {None}
    assert verdict(RUNS, ASK, where, {"failed_runs": "= 0"}) is Verdict.INCONCLUSIVE
    assert verdict(RUNS, ASK, where, {"error_rate": "< 1 %"}) is Verdict.INCONCLUSIVE
    assert verdict(RUNS, ASK, where, {"runs": ">= 1"}) is Verdict.FAIL


def test_failed_skipped_and_canceled_runs_are_told_apart() -> None:
    seen = look(
        RUNS,
        ASK,
        on(
            sync_run(),
            sync_run(10, status="failed"),
            sync_run(11, status="skipped", processed=None, accepted=None, failed=None),
            sync_run(12, status="canceled"),
            sync_run(13, status="working", processed=None, completed_at=None),
        ),
    )
    names = ("runs", "running", "failed_runs", "skipped", "canceled_runs")
    assert [seen.metrics[name] for name in names] == [5, 1, 1, 1, 1]
    assert seen.metrics["failed_share"] == pytest.approx(1 / 3)
    assert seen.metrics["accepted_total"] == 3 * 685


def test_a_run_that_keeps_its_counters_to_itself_leaves_the_totals_unknown() -> None:
    seen = look(RUNS, ASK, on(sync_run(), sync_run(10, status="failed", failed=None)))
    assert (seen.metrics["failed_total"], seen.metrics["error_rate"]) == (None, None)
    assert seen.metrics["accepted_total"] == 2 * 685


def test_runs_that_sent_no_row_show_no_failed_rows() -> None:
    seen = look(RUNS, ASK, on(sync_run(processed=0, accepted=0, failed=0)))
    assert (seen.metrics["failed_total"], seen.metrics["error_rate"]) == (None, None)


def test_only_a_run_still_going_says_nothing_about_failures() -> None:
    seen = look(RUNS, ASK, on(sync_run(status="queued", completed_at=None)))
    assert seen.metrics["failed_runs"] is None


def test_runs_before_the_window_do_not_count() -> None:
    seen = look(RUNS, {**ASK, "since": to_text(ago(30))}, on(sync_run()))
    assert seen.metrics["runs"] == 0


def test_a_list_that_lacks_a_run_the_log_knows_is_inconclusive() -> None:
    said = judged(RUNS, look(RUNS, ASK, on(sync_run(), known=(9, 12))))
    assert said.verdict is Verdict.INCONCLUSIVE
    assert "[12]" in said.reason


def test_a_list_that_was_cut_is_inconclusive() -> None:
    many = [sync_run(n) for n in range(1, LIMIT + 2)]
    said = judged(RUNS, look(RUNS, ASK, on(*many, known=tuple(range(2, LIMIT + 2)))))
    assert said.verdict is Verdict.INCONCLUSIVE
    assert "the list was cut" in said.reason


def test_an_unknown_status_is_inconclusive() -> None:
    said = judged(RUNS, look(RUNS, ASK, on(sync_run(status="retrying"))))
    assert said.verdict is Verdict.INCONCLUSIVE
    assert "retrying" in said.reason


def test_a_run_listed_twice_counts_once() -> None:
    assert look(RUNS, ASK, on(sync_run(), sync_run())).metrics["runs"] == 1


def test_a_dead_service_is_an_error() -> None:
    with pytest.raises(ServiceError):
        look(RUNS, ASK, context(FakeConnections(FakeSyncService(down=True))))


@pytest.mark.parametrize("since", ["${{ phase.started_at }}", "2026-01-09T00:00:00Z"])
def test_a_window_that_is_unknown_or_ahead_is_misuse(since: str) -> None:
    with pytest.raises(KindMisused):
        look(RUNS, {**ASK, "since": since}, on(sync_run()))


@pytest.mark.parametrize("since", ["yesterday", "2026-01-08T20:00:00", ""])
def test_a_window_that_is_no_instant_is_refused(since: str) -> None:
    with pytest.raises(ValidationError, match="neither a duration"):
        CensusRuns.Inputs.model_validate({**ASK, "since": since})
