from __future__ import annotations

from datetime import datetime, timedelta
from itertools import pairwise
from typing import Any

import pytest
from fakes_services import (
    NOW,
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
from hypothesis import assume, given
from hypothesis import strategies as st
from pydantic import ValidationError

from rollout.checks.schedule import ScheduleKept, missed_in
from rollout.domain.errors import ServiceError
from rollout.domain.evidence import Verdict
from rollout.kinds import CheckContext
from rollout.ports import SyncRun

KEPT = ScheduleKept()
ASK: dict[str, Any] = {"sync": "sync_a", "every": "15m", "since": "2h"}
MINUTE = timedelta(minutes=1)


def quarter_hours(*, without: tuple[int, ...] = (), late: float = 0) -> list[SyncRun]:
    """A run every 15 minutes for two hours, the last 5 minutes ago, oldest first."""
    starts = [m for m in range(110, 0, -15) if m not in without]
    return [
        sync_run(n, created_at=ago(m - late), completed_at=ago(m - late - 2))
        for n, m in enumerate(starts, start=1)
    ]


def on(runs: list[SyncRun]) -> CheckContext:
    return context(FakeConnections(FakeSyncService(listed=runs)))


def test_a_sync_that_ran_whenever_due_passes() -> None:
    seen = look(KEPT, ASK, on(quarter_hours()))
    assert judged(KEPT, seen).verdict is Verdict.PASS
    names = ("due", "ran", "missed", "coverage", "longest_gap_s", "last_age_s")
    assert [seen.metrics[name] for name in names] == [7, 7, 0, 1.0, 900, 180]


def test_runs_that_begin_a_little_late_are_on_time() -> None:
    assert verdict(KEPT, ASK, on(quarter_hours(late=4))) is Verdict.PASS


@pytest.mark.parametrize("without", [(50,), (110, 95), (35, 20), (80, 35), (20,)])
def test_every_missed_run_is_counted_wherever_it_lies(without: tuple[int, ...]) -> None:
    seen = look(KEPT, ASK, on(quarter_hours(without=without)))
    assert judged(KEPT, seen).verdict is Verdict.FAIL
    assert seen.metrics["missed"] == len(without)
    assert seen.sample


def test_a_run_that_is_late_but_within_its_grace_is_not_missed_yet() -> None:
    assert look(KEPT, ASK, on(quarter_hours(without=(5,)))).metrics["missed"] == 0


@pytest.mark.parametrize("status", ["failed", "skipped", "canceled"])
def test_a_run_that_did_not_do_its_work_leaves_its_interval_missed(status: str) -> None:
    runs = [*quarter_hours(without=(50,)), sync_run(50, created_at=ago(50), status=status)]
    seen = look(KEPT, ASK, on(runs))
    assert seen.metrics["missed"] == 1
    assert seen.detail["statuses"] == {"completed": 7, status: 1}


def test_a_run_at_work_counts_until_it_is_stuck() -> None:
    at_work = sync_run(20, created_at=ago(5), status="working", completed_at=None)
    assert verdict(KEPT, ASK, on([*quarter_hours(without=(5,)), at_work])) is Verdict.PASS
    stuck = sync_run(20, created_at=ago(50), status="working", completed_at=None)
    assert verdict(KEPT, ASK, on([*quarter_hours(without=(50,)), stuck])) is Verdict.FAIL


def test_a_dead_schedule_missed_everything_to_the_minute() -> None:
    seen = look(KEPT, {**ASK, "since": "2h5m"}, on([]))
    assert (seen.metrics["due"], seen.metrics["ran"]) == (8, 0)


def test_a_dead_schedule_missed_everything() -> None:
    seen = look(KEPT, ASK, on([]))
    names = ("due", "ran", "missed", "coverage", "longest_gap_s", "last_age_s")
    assert [seen.metrics[name] for name in names] == [7, 0, 7, 0.0, 7200, None]
    assert judged(KEPT, seen).verdict is Verdict.FAIL


def test_a_burst_of_runs_does_not_make_up_for_missed_ones() -> None:
    burst = [sync_run(100 + n, created_at=ago(1), completed_at=ago(0)) for n in range(50)]
    assert look(KEPT, ASK, on(burst)).metrics["missed"] == 7


def test_before_anything_was_due_nothing_can_be_told() -> None:
    ask = {**ASK, "since": "10m"}
    said = judged(KEPT, look(KEPT, ask, on([sync_run(created_at=ago(5))])))
    assert said.verdict is Verdict.INCONCLUSIVE
    assert "no run was due yet" in said.reason
    assert verdict(KEPT, ask, on([]), {"missed": "= 0"}) is Verdict.INCONCLUSIVE


def test_a_list_that_lacks_a_known_run_is_inconclusive() -> None:
    where = context(
        FakeConnections(FakeSyncService(listed=quarter_hours())),
        FakeFacts(known=[known_run(777)]),
    )
    assert verdict(KEPT, ASK, where) is Verdict.INCONCLUSIVE


def test_a_dead_service_is_an_error() -> None:
    with pytest.raises(ServiceError):
        look(KEPT, ASK, context(FakeConnections(FakeSyncService(down=True))))


@pytest.mark.parametrize("inputs", [{"every": "0s"}, {"grace": "8m"}, {"grace": "15m"}])
def test_a_cadence_that_cannot_be_told_from_lateness_is_refused(inputs: dict[str, str]) -> None:
    with pytest.raises(ValidationError):
        ScheduleKept.Inputs.model_validate({**ASK, **inputs})


@given(
    every=st.integers(2, 240),
    count=st.integers(3, 60),
    dead=st.sets(st.integers(1, 58), max_size=10),
    lateness=st.lists(st.floats(0, 0.49), min_size=60, max_size=60),
)
def test_gaps_between_late_runs_show_exactly_the_missed_ones(
    every: int, count: int, dead: set[int], lateness: list[float]
) -> None:
    gone = {n for n in dead if n < count - 1}
    grace = every * MINUTE * 0.49
    starts = [
        n * every * MINUTE + every * MINUTE * lateness[n] for n in range(count) if n not in gone
    ]
    gaps = [later - earlier for earlier, later in pairwise(starts)]
    assert sum(missed_in(gap, every * MINUTE, grace) for gap in gaps) == len(gone)


@given(minutes=st.lists(st.integers(0, 600), max_size=40), since=st.integers(0, 600))
def test_due_ran_and_missed_always_agree(minutes: list[int], since: int) -> None:
    assume(since > 0)
    runs = [sync_run(n + 1, created_at=ago(m)) for n, m in enumerate(minutes)]
    start: datetime = NOW - timedelta(minutes=since)
    seen = look(KEPT, {**ASK, "since": start}, on(runs)).metrics
    due, ran, missed = seen["due"], seen["ran"], seen["missed"]
    assert isinstance(due, int)
    assert isinstance(ran, int)
    assert 0 <= ran <= due
    assert missed == (due - ran if due else None)
