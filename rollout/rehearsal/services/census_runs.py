"""One execution of a sync: what it will send, what has landed, and how the API shows it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any, Literal, Protocol

from rollout.domain.evidence import Scalar
from rollout.ports import Table
from rollout.rehearsal.services.census_syncs import SyncShape, stamp

BATCHES = 12
"""Rows land in at most this many batches, so that a run of 45 minutes is seen growing every four."""
SMALLEST_BATCH = 50
RETENTION = timedelta(days=14)
"""How long the rows of a run can be asked for. Source: census-api, section 5."""

_TRIGGER_DETAILS: Mapping[str, str] = {
    "Manual": "Manually triggered by ops@example.test",
    "Schedule": "Triggered by the sync's schedule",
    # The reference documents only the tag "Manual", for the user interface; an API call must be
    # told apart from it, or nobody could recognise a run as his own.
    "API": "Triggered via the API",
}

Status = Literal["queued", "working", "completed", "failed", "skipped"]


class Outcome(Protocol):
    """What the target says about one row (the world's RowOutcome)."""

    @property
    def key(self) -> str: ...
    @property
    def result(self) -> Literal["created", "updated", "rejected"]: ...
    @property
    def reason(self) -> str: ...


SourceRow = tuple[Scalar, ...]


@dataclass(frozen=True)
class Selection:
    """What a run found in its source: rows by key in source order, and the keys it must drop."""

    total: int
    rows: Mapping[str, SourceRow]
    invalid: Sequence[tuple[str, str, SourceRow]]


class SourceProblem(Exception):
    """The source cannot be read as the sync needs it; `error` is the run's code and message."""

    def __init__(self, code: str, message: str) -> None:
        super().__init__(message)
        self.error = (code, message)


def trigger_reason(tag: str) -> dict[str, str]:
    """Why a run started, as the API shows it."""
    return {"ui_tag": tag, "ui_detail": _TRIGGER_DETAILS.get(tag, tag)}


def select_rows(table: Table, shape: SyncShape) -> Selection:
    """Split a source into rows that can be sent and rows whose key is empty or not unique.

    Every row of a key that occurs more than once is dropped: none of them can be told to be right.
    Raises: SourceProblem.
    """
    if missing := [column for column in shape.columns if column not in table.columns]:
        raise SourceProblem(
            "SOURCE_COLUMN_MISSING", f"no column {', '.join(missing)} in the source"
        )
    places = [table.columns.index(column) for column in shape.columns]
    key_place = shape.columns.index(shape.key_column)
    rows: dict[str, SourceRow] = {}
    invalid: list[tuple[str, str, SourceRow]] = []
    duplicates: set[str] = set()
    for source_row in table.rows:
        row = tuple([source_row[place] for place in places])
        value = row[key_place]
        if value is None or value == "":
            invalid.append(("", "NULL", row))
            continue
        key = str(value)
        if key in duplicates:
            invalid.append((key, "DUPLICATE", row))
        elif key in rows:
            duplicates.add(key)
            invalid += [(key, "DUPLICATE", rows.pop(key)), (key, "DUPLICATE", row)]
        else:
            rows[key] = row
    return Selection(len(table.rows), rows, invalid)


@dataclass(frozen=True)
class Record:
    """One row of a run as `/records` shows it."""

    identifier: str
    row: SourceRow
    status: str
    message: str
    started_at: datetime
    completed_at: datetime


@dataclass
class Run:
    """A run and its progress. Counters are None until the source was read."""

    id: int
    sync_id: int
    created_at: datetime
    reason: Mapping[str, str]
    shape: SyncShape
    full_sync: bool
    scheduled_for: datetime | None = None
    status: Status = "queued"
    canceled: bool = False
    updated_at: datetime | None = None
    completed_at: datetime | None = None
    error: tuple[str, str] | None = None
    unload_at: datetime | None = None
    load_from: datetime | None = None
    due: datetime | None = None
    to_send: list[tuple[str, SourceRow]] = field(default_factory=list)
    batches: Iterator[tuple[datetime, int, int]] | None = None
    batch: tuple[datetime, int, int] | None = None
    source_rows: int | None = None
    source_updates: int | None = None
    source_deletes: int | None = None
    invalids: int | None = None
    processed: int | None = None
    accepted: int | None = None
    failed: int | None = None
    records: list[Record] = field(default_factory=list)

    @property
    def is_active(self) -> bool:
        return self.status in {"queued", "working"}

    def end(self, status: Status, at: datetime) -> None:
        self.status, self.completed_at, self.updated_at, self.due = status, at, at, None
        self.batches = self.batch = None

    def plan_batches(self, rows_per_minute: float) -> None:
        """Cut the rows into batches, each landing when its last row has been through."""
        assert self.load_from is not None
        count = len(self.to_send)
        size = max(SMALLEST_BATCH, -(-count // BATCHES))
        start = self.load_from
        self.batches = iter(
            [
                (
                    start + timedelta(seconds=round(60 * min(low + size, count) / rows_per_minute)),
                    low,
                    min(low + size, count),
                )
                for low in range(0, count, size)
            ]
        )
        self.batch = next(self.batches, None)

    def land(
        self, outcomes: Sequence[Outcome], rows: Sequence[tuple[str, SourceRow]], at: datetime
    ) -> None:
        """Take the target's answers for one batch into the counters and records."""
        started = self.updated_at or at
        for outcome, (key, row) in zip(outcomes, rows, strict=True):
            rejected = outcome.result == "rejected"
            status = "rejected" if rejected else "succeeded"
            self.records.append(Record(key, row, status, outcome.reason, started, at))
        bad = sum(outcome.result == "rejected" for outcome in outcomes)
        self.processed = (self.processed or 0) + len(outcomes)
        self.failed = (self.failed or 0) + bad
        self.accepted = (self.accepted or 0) + len(outcomes) - bad
        self.updated_at = at


def step_of(run: Run, now: datetime) -> str | None:
    """Census' words for what a run is doing; None when it is over or has not begun."""
    if run.status != "working":
        return None
    if run.unload_at is not None and run.source_rows is None:
        return "Checking source and destination configuration"
    if run.load_from is not None and now < run.load_from:
        return "Unloading data from warehouse"
    if run.batch is not None:
        return "Loading data into destination service"
    return "Committing data to destination service"


def run_document(run: Run, now: datetime) -> dict[str, Any]:
    """A run as the API shows it, every key present."""
    code, message = run.error or (None, None)
    return {
        "id": run.id,
        "sync_id": run.sync_id,
        "status": run.status,
        "canceled": run.canceled,
        "full_sync": run.full_sync,
        "current_step": step_of(run, now),
        "source_record_count": run.source_rows,
        "source_record_updates": run.source_updates,
        "source_record_deletes": run.source_deletes,
        "source_record_invalids": run.invalids,
        "records_invalid": run.invalids,
        "records_processed": run.processed,
        "records_updated": run.accepted,
        "records_failed": run.failed,
        "created_at": stamp(run.created_at),
        "updated_at": stamp(run.updated_at or run.created_at),
        "completed_at": stamp(run.completed_at),
        "scheduled_execution_time": stamp(run.scheduled_for),
        "error_code": code,
        "error_message": message,
        "error_detail": None,
        "sync_trigger_reason": dict(run.reason),
    }


def record_document(run: Run, record: Record) -> dict[str, Any]:
    """A row of a run as the API shows it."""
    return {
        "identifier": record.identifier,
        "record_payload": dict(zip(run.shape.columns, record.row, strict=True)),
        "operation": "upsert",
        "status": record.status,
        "status_message": record.message,
        "batch_started_at": stamp(record.started_at),
        "batch_completed_at": stamp(record.completed_at),
    }
