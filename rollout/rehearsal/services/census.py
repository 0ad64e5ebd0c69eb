"""The mocked Census: syncs that run on their schedules or on demand, over virtual time.

Nothing moves by itself: when the world catches up, scheduled runs that are due start and the rows
of running ones land in batches, each at its own instant. `next_event_at` says when that is due next.
"""

from __future__ import annotations

import random
from collections.abc import Callable, Mapping
from datetime import datetime, timedelta
from threading import RLock
from typing import TYPE_CHECKING, Any

import duckdb

from rollout.domain.errors import ServiceError
from rollout.ports import Table
from rollout.rehearsal.clock import VirtualClock
from rollout.rehearsal.services.census_runs import (
    Run,
    SourceProblem,
    select_rows,
    trigger_reason,
)
from rollout.rehearsal.services.census_state import SyncState
from rollout.rehearsal.services.census_syncs import (
    MockSync,
    changed,
    dataset_id,
    initial_document,
    relation_of,
    shape_of,
)
from rollout.rehearsal.services.schedules import Timetable

if TYPE_CHECKING:
    from rollout.rehearsal.world import World

__all__ = ["CensusMock", "MockSync", "SyncPaused", "SyncState"]

FIRST_RUN_ID = 990_001
ROWS_PER_CALL = 200
"""Rows Census sends with one Salesforce call (the collection limit), for the API allowance."""


class SyncPaused(Exception):
    """The sync is paused and may not be triggered."""


class CensusMock:
    """Census with the given syncs; runs read the world's views and write its Salesforce."""

    def __init__(
        self,
        world: World,
        clock: VirtualClock,
        syncs: Mapping[int, MockSync],
        *,
        token: str,
        seed: int,
    ) -> None:
        self.world, self.clock, self.token = world, clock, token
        self.lock = RLock()
        self.on_api_calls: Callable[[int], None] = lambda _count: None
        self.started_at = clock.now()
        self._ids = random.Random(seed)
        self._last_id = FIRST_RUN_ID
        self._lag: tuple[datetime, timedelta] | None = None
        self._refused_until: datetime | None = None
        self.syncs: dict[int, SyncState] = {}
        self.runs: dict[int, Run] = {}
        for sync_id, setup in syncs.items():
            document = initial_document(setup, self.started_at)
            shape_of(document)
            schedule = document["mode"]["triggers"]["schedule"]
            self.syncs[sync_id] = SyncState(setup, document, Timetable(schedule, self.started_at))
        world.drivers.append(self._drive)

    def next_event_at(self) -> datetime | None:
        """When the next run starts or a running one moves on; None when nothing will happen."""
        with self.lock:
            event = self._next_event()
            return None if event is None else event[0]

    def advance(self, now: datetime) -> None:
        """Let everything happen that is due until the clock's now, in order, each at its own
        instant. The same as `World.catch_up`, which drives every service."""
        assert now <= self.clock.now(), "the clock goes first"
        self.world.catch_up()

    def _drive(self, now: datetime) -> None:
        # Only ever called by the world, which holds its lock: world first, then Census.
        with self.lock:
            while (event := self._next_event()) is not None and event[0] <= now:
                at, is_start, sync_id = event
                if is_start:
                    self._start_scheduled(self.syncs[sync_id], at)
                else:
                    self._move_on(self.syncs[sync_id], at)

    def start_run(self, sync_id: int, trigger: str, *, force_full_sync: bool = False) -> int:
        """Start a run now, as somebody else would (tag `trigger`); paused or not. The run's id.

        While another run of the sync is active the new one is `skipped` at once.
        Raises: KeyError for an unknown sync.
        """
        with self.lock:
            state = self.syncs[sync_id]
            return self._start(state, self.clock.now(), trigger, full=force_full_sync).id

    def trigger(self, sync_id: int, *, force_full_sync: bool) -> int:
        """What `POST /syncs/{id}/trigger` does.

        Raises: KeyError for an unknown sync, SyncPaused.
        """
        with self.lock:
            # What Census answers here is not documented; a refusal is the cautious reading, as a
            # client that counts on pausing must not be able to run the sync all the same.
            if self.syncs[sync_id].document["paused"]:
                raise SyncPaused
            return self.start_run(sync_id, "API", force_full_sync=force_full_sync)

    def cancel(self, run_id: int) -> bool:
        """End a run now; what has landed stays. False when it was over already.

        Raises: KeyError for an unknown run.
        """
        with self.lock:
            run, now = self.runs[run_id], self.clock.now()
            if not run.is_active:
                return False
            # The documented statuses have none for a canceled run: the flag says it.
            run.canceled = True
            self._end(self.syncs[run.sync_id], run, now)
            return True

    def patch(self, sync_id: int, patch: Mapping[str, Any], *, save: bool = True) -> dict[str, Any]:
        """What `PATCH /syncs/{id}` does; the sync's new document. The timetable starts anew when
        schedule or pause changed, changed mappings make the next run a full one.

        Raises: KeyError for an unknown sync; SyncProblem, ScheduleProblem: nothing was changed.
        """
        with self.lock:
            state = self.syncs[sync_id]
            document = changed(state.document, patch)
            if save:
                state.adopt(document, self.clock.now())
            return state.document if save else document

    def relation(self, state: SyncState) -> str:
        """The relation a sync reads, through its dataset when it has one."""
        named = relation_of(state.document)
        if named.startswith("dataset:"):
            for other in self.syncs.values():
                if named == f"dataset:{dataset_id(other.setup.id)}":
                    return other.setup.source
        return named

    def list_behind(self, seconds: float) -> None:
        """For `seconds`, lists of runs show what they would have shown `seconds` ago."""
        lag = timedelta(seconds=seconds)
        self._lag = (self.clock.now() + lag, lag)

    def visible_runs(self, state: SyncState) -> list[Run]:
        """The runs a list shows, oldest first."""
        now = self.clock.now()
        if self._lag is None or now >= self._lag[0]:
            return state.runs
        return [run for run in state.runs if run.created_at <= now - self._lag[1]]

    def refuse_token(self, seconds: float) -> None:
        """Refuse the token until `seconds` from now."""
        self._refused_until = self.clock.now() + timedelta(seconds=seconds)

    @property
    def refuses_token(self) -> bool:
        return self._refused_until is not None and self.clock.now() < self._refused_until

    def _next_event(self) -> tuple[datetime, bool, int] | None:
        # At one instant runs move on before new ones start: a run that ends at 10:15 does not
        # make the one scheduled for 10:15 skip.
        best: tuple[datetime, bool, int] | None = None
        for sync_id, state in self.syncs.items():
            if state.active is not None and state.active.due is not None:
                event = (state.active.due, False, sync_id)
                best = event if best is None else min(best, event)
            due = state.due
            if due is not None:
                event = (due, True, sync_id)
                best = event if best is None else min(best, event)
        return best

    def _start_scheduled(self, state: SyncState, at: datetime) -> None:
        state.timetable.step()
        continuous = state.document["schedule_frequency"] == "continuous"
        if not (continuous and state.active is not None):
            self._start(state, at, "Schedule", full=False)

    def _start(self, state: SyncState, at: datetime, trigger: str, *, full: bool) -> Run:
        self._last_id += self._ids.randint(1, 40)  # ids are shared with all other customers
        run = Run(
            id=self._last_id,
            sync_id=state.setup.id,
            created_at=at,
            reason=trigger_reason(trigger),
            shape=shape_of(state.document),
            full_sync=full or state.backfill,
            scheduled_for=at if trigger == "Schedule" else None,
        )
        state.runs.append(run)
        self.runs[run.id] = run
        if state.active is not None:
            run.end("skipped", at)
            return run
        state.backfill = False
        state.active = run
        # Checking, unloading, loading, committing: the time-table of a run's fixed overhead.
        run.due = at + _share(state, 0.05)
        run.unload_at = at + _share(state, 0.2)
        run.load_from = at + _share(state, 0.6)
        return run

    def _move_on(self, state: SyncState, at: datetime) -> None:
        run = state.active
        assert run is not None
        run.updated_at = at
        if run.status == "queued":
            run.status, run.due = "working", run.unload_at
        elif run.source_rows is None:
            self._unload(state, run, at)
        elif run.batch is not None:
            self._land(state, run, at)
        else:
            self._end(state, run, at)

    def _unload(self, state: SyncState, run: Run, at: datetime) -> None:
        assert run.load_from is not None
        source = (run.shape, self.relation(state))
        self.world.catch_up()
        if not run.full_sync and state.is_idle(source, self.world.version):
            state.take_nothing(run, at)
        else:
            try:
                selection = state.known(source, self.world.version)
                if selection is None:
                    selection = select_rows(self._read(source[1]), run.shape)
                state.take(run, selection, source, at)
            except SourceProblem as problem:
                run.error = problem.error
                state.active = None
                run.end("failed", at)
                return
            state.version, state.found_nothing = self.world.version, not run.to_send
        run.processed = run.accepted = run.failed = 0
        run.plan_batches(state.setup.rows_per_minute)
        run.due = run.load_from + _share(state, 0.4) if run.batch is None else run.batch[0]

    def _read(self, relation: str) -> Table:
        try:
            return self.world.read_source(relation)
        except (ServiceError, duckdb.Error) as error:
            raise SourceProblem("SOURCE_QUERY_FAILED", f"{relation}: {error}") from error

    def _land(self, state: SyncState, run: Run, at: datetime) -> None:
        assert run.batch is not None
        assert run.batches is not None
        _, low, high = run.batch
        batch = run.to_send[low:high]
        shape = run.shape
        outcomes = self.world.truth.upsert(
            shape.key_field,
            [dict(zip(shape.fields, row, strict=True)) for _, row in batch],
            operation=shape.operation,
            by=self.world.truth.CENSUS_USER,
            at=at,
        )
        self.on_api_calls(-(-len(batch) // ROWS_PER_CALL))
        run.land(outcomes, batch, at)
        state.remember(outcomes, batch)
        run.batch = next(run.batches, None)
        run.due = at + _share(state, 0.4) if run.batch is None else run.batch[0]

    def _end(self, state: SyncState, run: Run, at: datetime) -> None:
        state.active = None
        run.end("completed", at)


def _share(state: SyncState, share: float) -> timedelta:
    """A share of a run's fixed overhead, in whole seconds."""
    return timedelta(seconds=round(state.setup.overhead_s * share))
