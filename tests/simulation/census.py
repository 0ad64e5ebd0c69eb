"""A small Census: two syncs, runs that take time, schedules, pages. It keeps the true account."""

from __future__ import annotations

import heapq
import itertools
import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from functools import lru_cache
from typing import Any

from .clocks import WorldTime
from .dice import Dice

FIRST_RUN = 990_000
TOKEN = "secret-token:Sim0lationOnlyCanary42x"
ACTIVE = ("queued", "working")
Document = dict[str, Any]


@dataclass
class Run:
    """`intent`: whose request made it, by our log; None for everybody else's."""

    id: int
    sync: int
    created_at: datetime
    tag: str
    intent: str | None
    rows: list[str] = field(default_factory=list)
    status: str = "queued"
    canceled: bool = False
    completed_at: datetime | None = None
    landed: list[str] = field(default_factory=list)
    rejected: list[str] = field(default_factory=list)
    was: list[Document] = field(default_factory=list)
    """How it looked before, oldest first."""

    @property
    def is_active(self) -> bool:
        return self.status in ACTIVE

    def document(self) -> Document:
        known = self.status != "queued"
        done = len(self.landed) + len(self.rejected)
        return {
            "id": self.id,
            "sync_id": self.sync,
            "status": self.status,
            "canceled": self.canceled,
            "full_sync": False,
            "current_step": None,
            "source_record_count": len(self.rows) if known else None,
            "records_processed": done if known else None,
            "records_updated": len(self.landed) if known else None,
            "records_failed": len(self.rejected) if known else None,
            "records_invalid": 0 if known else None,
            "created_at": stamp(self.created_at),
            "updated_at": stamp(self.created_at),
            "completed_at": stamp(self.completed_at) if self.completed_at else None,
            "error_code": "SOURCE_ERROR" if self.status == "failed" else None,
            "error_message": None,
            "error_detail": None,
            "sync_trigger_reason": {"ui_tag": self.tag, "ui_detail": f"started by {self.tag}"},
        }


@dataclass
class Sync:
    """`reads` gives the keys of its source at an instant; `lands` writes one row."""

    id: int
    name: str
    operation: str
    source: str
    reads: Callable[[], list[str]]
    lands: Callable[[str], None]
    paused: bool = False
    frequency: str = "hourly"
    minute: int | None = 7
    generation: int = 0
    runs: list[Run] = field(default_factory=list)

    def active(self) -> Run | None:
        return next((r for r in reversed(self.runs) if r.is_active), None)

    def document(self) -> Document:
        catalog, name = self.source.split(".")
        schedule = {
            "frequency": self.frequency,
            "day": None,
            "hour": None,
            "minute": self.minute,
            "cron_expression": None,
        }
        mapping = {"type": "column", "data": "key"}
        return {
            "id": self.id,
            "label": self.name,
            "status": "ready",
            "operation": self.operation,
            "paused": self.paused,
            "source_attributes": {
                "connection_id": 1,
                "object": {"type": "table", "table_schema": catalog, "table_name": name},
            },
            "destination_attributes": {"connection_id": 2, "object": "Thing__c"},
            "mappings": [{"from": mapping, "to": "Key__c", "is_primary_identifier": True}],
            "mode": {"type": "triggered", "triggers": {"schedule": schedule}},
        }


class Census:
    """Everything here is by the world's time. `advance` lets happen what is due."""

    def __init__(self, time: WorldTime, dice: Dice, syncs: Mapping[int, Sync]) -> None:
        self.time, self.dice, self.syncs = time, dice, syncs
        self.runs: dict[int, Run] = {}
        self.on_accepted: Callable[[Run], None] = lambda run: None
        self.showed_old = False
        self.listing: dict[int, dict[int, str]] = {}
        """Run id -> who started it, of each sync as a client was last told, all pages together."""
        self._next_id = FIRST_RUN
        self.page_size = dice.pick("page size", [9, 100, 100, 100])
        self._due: list[tuple[datetime, int, Callable[[], None]]] = []
        self._count = itertools.count()
        self._lag_until = time.at
        self._lag = timedelta(0)
        time.listeners.append(self.advance)
        for sync in syncs.values():
            self._plan_next(sync)

    def advance(self) -> None:
        while self._due and self._due[0][0] <= self.time.at:
            at, _, happen = heapq.heappop(self._due)
            now, self.time.at = self.time.at, at
            happen()
            self.time.at = now

    def later(self, after: timedelta, happen: Callable[[], None]) -> None:
        at = self.time.at + after
        heapq.heappush(self._due, (at, next(self._count), happen))

    # runs ------------------------------------------------------------------------------

    def start(self, sync: Sync, tag: str, intent: str | None = None) -> Run:
        self._next_id += 1 + int(self.dice.between("run ids", 0, 4))
        run = Run(self._next_id, sync.id, self.time.at, tag, intent)
        is_busy = sync.active() is not None
        sync.runs.append(run)
        self.runs[run.id] = run
        if is_busy:
            run.status, run.completed_at = "skipped", self.time.at
        else:
            self._begin(sync, run)
        if intent is not None:
            self.on_accepted(run)
        return run

    def _begin(self, sync: Sync, run: Run) -> None:
        minutes = self.dice.between("run length", 0.3, 2)
        if run.intent is not None and self.dice.fires("run_slow", times=2):
            minutes = 70.0
        lasts = timedelta(minutes=minutes)
        fails = self.dice.fires("run_fails")
        self.later(lasts * 0.2, lambda: self._unload(sync, run))
        self.later(lasts * 0.5, lambda: self._land(sync, run, half=True))
        self.later(lasts, lambda: self._end(sync, run, "failed" if fails else "completed"))

    def _unload(self, sync: Sync, run: Run) -> None:
        if run.is_active:
            run.was.append(run.document())
            run.rows, run.status = sync.reads(), "working"

    def _land(self, sync: Sync, run: Run, *, half: bool) -> None:
        if not run.is_active:
            return
        run.was.append(run.document())
        done = len(run.landed) + len(run.rejected)
        most = math.ceil(len(run.rows) / 2) if half else len(run.rows)
        for key in run.rows[done:most]:
            if self.dice.fires("run_rejects"):
                run.rejected.append(key)
            else:
                sync.lands(key)
                run.landed.append(key)

    def _end(self, sync: Sync, run: Run, how: str) -> None:
        if not run.is_active:
            return
        if how == "completed":
            self._land(sync, run, half=False)
        run.was.append(run.document())
        run.status, run.completed_at = how, self.time.at

    def cancel(self, run: Run) -> None:
        """What has landed stays. The status has no word for it: the flag says it."""
        if run.is_active:
            run.was.append(run.document())
            run.status, run.canceled, run.completed_at = "completed", True, self.time.at

    # settings --------------------------------------------------------------------------

    def patch(self, sync: Sync, body: Document) -> None:
        if "paused" in body:
            sync.paused = bool(body["paused"])
        if "mode" in body:
            schedule = body["mode"]["triggers"]["schedule"]
            sync.frequency, sync.minute = schedule["frequency"], schedule["minute"]
        self._plan_next(sync)

    def _plan_next(self, sync: Sync) -> None:
        sync.generation += 1
        generation = sync.generation
        if sync.paused or sync.frequency != "hourly":
            return
        at = self.time.at.replace(minute=sync.minute or 0, second=0, microsecond=0)
        if at <= self.time.at:
            at += timedelta(hours=1)

        def scheduled() -> None:
            if sync.generation == generation:
                self.start(sync, "Schedule")
                self._plan_next(sync)

        self.later(at - self.time.at, scheduled)

    # what a client sees ----------------------------------------------------------------

    def see(self, run: Run) -> Document:
        if not run.is_active and run.was and self.dice.fires("run_goes_back"):
            self.showed_old = True
            return self.dice.pick("earlier state", run.was)
        return run.document()

    def listed(self, sync: Sync, page: int, per_page: int) -> tuple[list[Document], int | None]:
        """Newest first, and the number of the next page."""
        if self.dice.fires("lagging_list", times=4 if sync.active() else 1):
            self._lag = timedelta(minutes=self.dice.between("lag", 0.2, 4))
            self._lag_until = self.time.at + self._lag
        if page > 1 and self.dice.fires("shifting_pages", times=5):
            self.start(sync, "Schedule")
        visible = sync.runs
        if self.time.at < self._lag_until and not self.dice.calm:
            visible = [r for r in visible if r.created_at <= self.time.at - self._lag]
        size = min(per_page, self.page_size)
        newest = visible[::-1][(page - 1) * size : page * size]
        more = len(visible) > page * size
        return [self.see(run) for run in newest], page + 1 if more else None


@lru_cache(maxsize=4096)
def stamp(at: datetime) -> str:
    return f"{at:%Y-%m-%dT%H:%M:%S}.{at.microsecond // 1000:03d}Z"
