"""What the core needs from the world outside, as Protocols; adapters implement them."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import datetime
from typing import Any, Protocol

import msgspec

from rollout.domain.effects import Answer
from rollout.domain.events import Event, Payload
from rollout.domain.evidence import Scalar

Row = dict[str, Scalar]


class Clock(Protocol):
    """Now, aware and in UTC. The rehearsal's is virtual."""

    def now(self) -> datetime: ...


class Head(msgspec.Struct, frozen=True):
    """Where a log ends: the newest sequence number (0 = empty) and its hash."""

    seq: int
    hash: str


class EventLog(Protocol):
    """Append-only, hash-chained, one sequence per rollout."""

    def append(
        self, rollout: str, expected_seq: int, at: datetime, actor: str, payloads: Sequence[Payload]
    ) -> list[Event]:
        """Commit all payloads atomically after `expected_seq`, durable on return.

        Raises: LogConflict when the log is not at `expected_seq`; StoreUnavailable.
        """
        ...

    def read(self, rollout: str, after: int = 0, limit: int | None = None) -> Iterator[Event]: ...

    def head(self, rollout: str) -> Head: ...

    def rollouts(self) -> list[str]:
        """Names, oldest first."""
        ...

    def save_snapshot(self, rollout: str, head: Head, body: bytes) -> None: ...

    def latest_snapshot(self, rollout: str) -> tuple[Head, bytes] | None: ...


class EvidenceSource(Protocol):
    def get(self, digest: str) -> Any:
        """The document. Raises: KeyError when absent, LogDamaged when the bytes do not match."""


class EvidenceStore(EvidenceSource, Protocol):
    """Documents by the sha256 of their canonical JSON; writing the same document twice is one."""

    def put(self, document: Any) -> str: ...


class Schedule(msgspec.Struct, frozen=True):
    """How a sync runs by itself. `frequency` in Census' words: never, continuous, quarter_hourly,
    hourly, daily, weekly, expression; `cron` only with expression (five fields, UTC); `day` only
    with weekly ("Sunday".."Saturday")."""

    frequency: str
    cron: str | None = None
    hour: int | None = None
    minute: int | None = None
    day: str | None = None


class SyncConfig(msgspec.Struct, frozen=True, kw_only=True):
    """A sync as the service has it now."""

    id: int
    label: str
    operation: str
    source: str
    target: str
    key: str
    mappings: dict[str, str]
    paused: bool
    schedule: Schedule
    source_detail: Mapping[str, Any] = {}


class SyncRun(msgspec.Struct, frozen=True, kw_only=True):
    """One execution of a sync, ours or not.

    status: queued, working, completed, failed, skipped, canceled (the adapter folds
    `canceled: true` and `cancelled` into canceled) or the service's own unknown word.
    `accepted` = rows the target took (created + updated), `failed` = rejected by the target,
    `invalid` = dropped before sending; `processed` = accepted + failed. None = not known yet.
    """

    id: int
    sync_id: int
    status: str
    created_at: datetime
    completed_at: datetime | None = None
    trigger: str | None = None
    step: str | None = None
    full_sync: bool = False
    source_rows: int | None = None
    processed: int | None = None
    accepted: int | None = None
    failed: int | None = None
    invalid: int | None = None
    error: str | None = None

    @property
    def is_over(self) -> bool:
        return self.status in {"completed", "failed", "skipped", "canceled"}


class RejectedRecord(msgspec.Struct, frozen=True):
    """A row that a run did not land, with the reason the target or the service gave."""

    key: str
    status: str
    reason: str


class SyncService(Protocol):
    """Reverse ETL management (Census). Reads raise ServiceError; effects return an Answer."""

    def sync(self, sync_id: int) -> SyncConfig: ...

    def run(self, run_id: int) -> SyncRun: ...

    def runs(
        self, sync_id: int, *, above: int = 0, since: datetime | None = None, limit: int = 100
    ) -> list[SyncRun]:
        """Newest first, pages followed until `above` (exclusive run id), `since` or `limit`."""
        ...

    def rejected(self, run_id: int, *, limit: int = 100) -> list[RejectedRecord]: ...

    def sent(self, run_id: int, key: str) -> Mapping[str, Scalar] | None:
        """What a run landed for a key, by source column; None: nothing, or it is kept no more."""
        ...

    def trigger(self, sync_id: int) -> Answer[int]: ...  # one POST; Yes carries the run id

    def cancel(self, run_id: int) -> Answer[None]: ...

    def set_paused(self, sync_id: int, paused: bool) -> Answer[None]: ...

    def set_schedule(self, sync_id: int, schedule: Schedule) -> Answer[None]: ...

    def whoami(self) -> Mapping[str, Scalar]: ...


class Table(msgspec.Struct, frozen=True):
    """Columns in order, rows of scalars (instants as ISO 8601 UTC texts, decimals as int or float)."""

    columns: list[str]
    rows: list[tuple[Scalar, ...]]
    truncated: bool = False  # more rows existed than were asked for

    def dicts(self) -> list[Row]:
        return [dict(zip(self.columns, row, strict=True)) for row in self.rows]


class Warehouse(Protocol):
    """A SQL warehouse that is spoken to in Databricks SQL, with named parameters as `:name`."""

    def query(
        self,
        sql: str,
        parameters: Mapping[str, Scalar] | None = None,
        *,
        max_rows: int = 1000,
        timeout_s: float = 300.0,
    ) -> Table:
        """Raises: QueryFailed, ServiceUnreachable (also on time-out)."""
        ...

    def execute(self, sql: str, *, timeout_s: float = 300.0) -> Answer[int]:
        """One statement that changes something; the affected rows or -1."""
        ...

    def view_definition(self, name: str) -> str:
        """The SELECT behind a view, as the warehouse has it. Raises: QueryFailed when absent."""
        ...


class RowResult(msgspec.Struct, frozen=True):
    """The target's answer for one row of a collection call."""

    id: str
    ok: bool
    reason: str = ""


class ApiAllowance(msgspec.Struct, frozen=True):
    """Salesforce' daily API requests."""

    allowed: int
    remaining: int


class RecordStore(Protocol):
    """The target's own records (Salesforce), not the warehouse's lagging copy of them."""

    def query(self, soql: str, *, max_rows: int = 50_000, deleted_too: bool = False) -> Table:
        """`SELECT COUNT()` gives one row with column `count`; `deleted_too`: also rows in the bin.
        Raises: QueryFailed, ServiceError."""
        ...

    def update(self, object_name: str, rows: Sequence[Row]) -> Answer[list[RowResult]]:
        """At most 200 rows, each with `Id`; partial success is per row (allOrNone false)."""
        ...

    def delete(self, object_name: str, ids: Sequence[str]) -> Answer[list[RowResult]]: ...  # <= 200

    def allowance(self) -> ApiAllowance: ...


class Notifier(Protocol):
    """Tells people. Delivery is at least once; the outbox lives in the engine."""

    def send(
        self, channel: str, title: str, body: str, *, dedupe: str, severity: str = ""
    ) -> Answer[None]:
        """Plain text to a channel (a connection's name), within a bounded time, from any thread.
        `dedupe` is the same for the same message: receivers that can, show it once. `severity`
        (P0 … P3, or none) is how loudly."""
        ...


class Page(msgspec.Struct, frozen=True, kw_only=True):
    """A document as it was found. `status` is HTTP's, None for a file; `body` is whole."""

    place: str
    body: bytes
    status: int | None = None
    content_type: str = ""


class PageReader(Protocol):
    """Reads documents: below the plan's folder, or by GET from hosts somebody allowed."""

    def read(
        self,
        place: str,
        *,
        hosts: Sequence[str] = (),
        private: bool = False,
        timeout_s: float = 30.0,
    ) -> Page:
        """A relative path, or a URL on a host of the plan's connections or of `hosts`; `private`:
        its address may be one that is not reachable from everywhere. Any HTTP status is a Page.

        Raises: KindMisused for a place that may not be read; ServiceRefused (status 404) for a
        file that is not there; ServiceUnreachable; ServiceGarbled for too much of it.
        """
        ...


class FileStore(Protocol):
    """Generated files below one output folder; paths are relative, with forward slashes.
    Raises: KindMisused for a path that leads elsewhere; ServiceError when the disk fails a read."""

    def read(self, path: str) -> bytes | None: ...  # None when there is no such file

    def write(self, path: str, content: bytes) -> Answer[str]:
        """Whole or not at all; Yes carries the sha256 of what is there now."""
        ...

    def remove(self, path: str) -> Answer[None]: ...  # Yes also when there was none


class Connections(Protocol):
    """The plan's named connections, opened on first use. Raises: KindMisused for an unknown name
    or a connection of the wrong type."""

    def warehouse(self, name: str) -> Warehouse: ...

    def sync_service(self, name: str) -> SyncService: ...

    def record_store(self, name: str) -> RecordStore: ...

    def notifier(self, name: str) -> Notifier:
        """Sends to the channel of that name."""
        ...

    def pages(self) -> PageReader: ...

    def files(self) -> FileStore: ...

    def names(self) -> Iterable[str]: ...
