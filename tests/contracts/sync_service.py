"""What every SyncService must do, whoever answers: a fake, the rehearsal's Census, a sandbox.

Give each function of `CONTRACT` a fresh `Bench`:

    @pytest.mark.parametrize("holds", CONTRACT, ids=lambda f: f.__name__)
    def test_my_service_keeps_the_contract(holds): holds(my_bench())
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, timedelta
from typing import Final

import pytest

from rollout.domain.effects import No, Yes
from rollout.domain.errors import ServiceRefused
from rollout.ports import Schedule, SyncRun, SyncService

ENDS: Final = {"completed", "failed", "skipped", "canceled"}


@dataclass(frozen=True)
class Bench:
    """A service with one idle sync that is not paused and has at least one row to send.

    `let_time_pass` returns when a run that is going is over (a virtual clock moves on).
    """

    service: SyncService
    sync_id: int
    let_time_pass: Callable[[], None]
    absent_sync_id: int = 999_999_001
    absent_run_id: int = 999_999_002

    def triggered(self) -> int:
        answer = self.service.trigger(self.sync_id)
        assert isinstance(answer, Yes), answer
        return answer.value

    def finished(self) -> SyncRun:
        run_id = self.triggered()
        self.let_time_pass()
        return self.service.run(run_id)


def a_sync_is_described_completely(bench: Bench) -> None:
    sync = bench.service.sync(bench.sync_id)
    assert sync.id == bench.sync_id
    assert sync.label
    assert sync.operation
    assert sync.source
    assert sync.target
    assert sync.key in sync.mappings.values()
    assert sync.schedule.frequency


def an_absent_sync_is_refused_with_404(bench: Bench) -> None:
    with pytest.raises(ServiceRefused) as caught:
        bench.service.sync(bench.absent_sync_id)
    assert caught.value.status == 404


def an_absent_run_is_refused_with_404(bench: Bench) -> None:
    with pytest.raises(ServiceRefused) as caught:
        bench.service.run(bench.absent_run_id)
    assert caught.value.status == 404


def effects_on_what_is_absent_are_no_for_good(bench: Bench) -> None:
    for answer in (
        bench.service.trigger(bench.absent_sync_id),
        bench.service.cancel(bench.absent_run_id),
        bench.service.set_paused(bench.absent_sync_id, True),
        bench.service.set_schedule(bench.absent_sync_id, Schedule("never")),
    ):
        assert isinstance(answer, No)
        assert answer.retry_after_s is None
        assert answer.reason


def pausing_and_resuming_are_seen_and_may_be_repeated(bench: Bench) -> None:
    for wanted in (True, True, False, False):
        assert isinstance(bench.service.set_paused(bench.sync_id, wanted), Yes)
        assert bench.service.sync(bench.sync_id).paused is wanted


def a_schedule_that_was_set_is_the_one_that_is_read(bench: Bench) -> None:
    for wanted in (
        Schedule("daily", hour=6, minute=15),
        Schedule("hourly", minute=30),
        Schedule("expression", cron="0 3 * * 1"),
        Schedule("never"),
    ):
        assert isinstance(bench.service.set_schedule(bench.sync_id, wanted), Yes)
        found = bench.service.sync(bench.sync_id).schedule
        assert found.frequency == wanted.frequency
        for name in ("cron", "hour", "minute"):
            assert getattr(wanted, name) in (None, getattr(found, name))


def a_trigger_names_a_run_of_this_sync_that_can_be_read(bench: Bench) -> None:
    run = bench.service.run(bench.triggered())
    assert run.sync_id == bench.sync_id
    assert run.created_at.tzinfo is UTC


def a_run_ends_with_counters_that_add_up(bench: Bench) -> None:
    run = bench.finished()
    assert run.is_over
    assert run.status == "completed"
    assert run.completed_at is not None
    assert run.completed_at >= run.created_at
    assert run.processed is not None
    assert run.accepted is not None
    assert run.failed is not None
    assert run.processed == run.accepted + run.failed > 0


def runs_are_listed_newest_first_and_above_the_watermark(bench: Bench) -> None:
    first, second = bench.finished(), bench.finished()
    listed = bench.service.runs(bench.sync_id)
    ids = [run.id for run in listed]
    assert ids == sorted(ids, reverse=True)
    assert ids[:2] == [second.id, first.id]
    assert [run.id for run in bench.service.runs(bench.sync_id, above=first.id)] == [second.id]
    assert bench.service.runs(bench.sync_id, above=second.id) == []


def runs_can_be_limited_by_number_and_by_time(bench: Bench) -> None:
    first, second = bench.finished(), bench.finished()
    assert [run.id for run in bench.service.runs(bench.sync_id, limit=1)] == [second.id]
    after_first = first.created_at + timedelta(microseconds=1)
    assert [run.id for run in bench.service.runs(bench.sync_id, since=after_first)] == [second.id]


def a_canceled_run_ends_as_canceled(bench: Bench) -> None:
    run_id = bench.triggered()
    assert isinstance(bench.service.cancel(run_id), Yes)
    bench.let_time_pass()
    run = bench.service.run(run_id)
    assert run.is_over
    assert run.status == "canceled"


def rejected_records_never_exceed_what_the_run_counted(bench: Bench) -> None:
    run = bench.finished()
    records = bench.service.rejected(run.id)
    assert len(records) <= (run.failed or 0) + (run.invalid or 0)
    assert bench.service.rejected(run.id, limit=0) == []


def the_token_belongs_to_somebody(bench: Bench) -> None:
    assert bench.service.whoami()


CONTRACT: Final[tuple[Callable[[Bench], None], ...]] = (
    a_sync_is_described_completely,
    an_absent_sync_is_refused_with_404,
    an_absent_run_is_refused_with_404,
    effects_on_what_is_absent_are_no_for_good,
    pausing_and_resuming_are_seen_and_may_be_repeated,
    a_schedule_that_was_set_is_the_one_that_is_read,
    a_trigger_names_a_run_of_this_sync_that_can_be_read,
    a_run_ends_with_counters_that_add_up,
    runs_are_listed_newest_first_and_above_the_watermark,
    runs_can_be_limited_by_number_and_by_time,
    a_canceled_run_ends_as_canceled,
    rejected_records_never_exceed_what_the_run_counted,
    the_token_belongs_to_somebody,
)
