"""Fakes of the ports: a clock that stands, services with scripted answers, and crashes on purpose."""

from __future__ import annotations

import re
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any, NoReturn

from rollout.domain.effects import Answer, No, Unknown, Yes
from rollout.domain.errors import KindMisused, QueryFailed, ServiceRefused, ServiceUnreachable
from rollout.domain.events import Event, Payload
from rollout.domain.evidence import Scalar
from rollout.domain.instants import from_text, to_text
from rollout.ports import (
    ApiAllowance,
    FileStore,
    Head,
    Notifier,
    PageReader,
    RecordStore,
    RejectedRecord,
    Row,
    RowResult,
    Schedule,
    SyncConfig,
    SyncRun,
    SyncService,
    Table,
    Warehouse,
)
from rollout.store.memory import MemoryEventLog

START = datetime(2026, 1, 6, 18, 0, tzinfo=UTC)
"""A Tuesday, 10:00 in Los Angeles."""

SYNC = 3394022
CENSUS_USER, TOOL_USER, HUMAN_USER = "005CENSUS", "005TOOL", "005HUMAN"


class Crash(BaseException):
    """Like kill -9: nothing in the program may catch it."""


@dataclass
class Crashes:
    """Counts the places where a process may die; dies at those whose numbers are in `at`."""

    at: frozenset[int] = frozenset()
    seen: list[str] = field(default_factory=list)

    def here(self, place: str) -> None:
        self.seen.append(place)
        if len(self.seen) in self.at:
            raise Crash(f"#{len(self.seen)} {place}")


class FakeClock:
    """Stands until somebody moves it, forwards or backwards."""

    def __init__(self, at: datetime = START) -> None:
        self.at = at

    def now(self) -> datetime:
        return self.at

    def pass_(self, **time: float) -> None:
        self.at += timedelta(**time)


class CrashingLog:
    """The memory log, with a place to die before and after each commit, and rivals that append first."""

    def __init__(self, crashes: Crashes | None = None) -> None:
        self.inner, self.crashes = MemoryEventLog(), crashes or Crashes()
        self.rivals: deque[Callable[[], object] | None] = deque()
        """Called before an append, one each; None lets one pass."""

    def append(
        self, rollout: str, expected_seq: int, at: datetime, actor: str, payloads: Sequence[Payload]
    ) -> list[Event]:
        what = "+".join(type(p).__name__ for p in payloads)
        self.crashes.here(f"before {what}")
        if self.rivals:
            rival = self.rivals.popleft()
            if rival is not None:
                rival()
        events = self.inner.append(rollout, expected_seq, at, actor, payloads)
        self.crashes.here(f"after {what}")
        return events

    def read(self, rollout: str, after: int = 0, limit: int | None = None) -> Iterator[Event]:
        return self.inner.read(rollout, after, limit)

    def head(self, rollout: str) -> Head:
        return self.inner.head(rollout)

    def rollouts(self) -> list[str]:
        return self.inner.rollouts()

    def save_snapshot(self, rollout: str, head: Head, body: bytes) -> None:
        self.inner.save_snapshot(rollout, head, body)

    def latest_snapshot(self, rollout: str) -> tuple[Head, bytes] | None:
        return self.inner.latest_snapshot(rollout)


@dataclass
class FakeRun:
    """A run as Census will show it: `working` until `ends_at`, then as it ended."""

    id: int
    created_at: datetime
    ends_at: datetime
    trigger: str | None = "Api"
    sync_id: int = SYNC
    ends: str = "completed"
    processed: int = 50
    failed: int = 0
    invalid: int = 0
    progress: int = 0
    """Rows processed while it is working."""
    progress_failed: int = 0

    def at(self, now: datetime) -> SyncRun:
        over = now >= self.ends_at
        done = self.processed if over else self.progress
        failed = self.failed if over else self.progress_failed
        return SyncRun(
            id=self.id,
            sync_id=self.sync_id,
            status=self.ends if over else "working",
            created_at=self.created_at,
            completed_at=self.ends_at if over else None,
            trigger=self.trigger,
            processed=done,
            accepted=done - failed,
            failed=failed,
            invalid=self.invalid,
            error="it went wrong" if over and self.ends == "failed" else None,
        )


class FakeSyncService:
    """Census with a script. `script` holds what becomes of the next triggers: yes, no (429),
    refused (422), lost (it ran, no answer), lost_before (it did not), raised (a bug after it ran)."""

    def __init__(self, clock: FakeClock, crashes: Crashes | None = None) -> None:
        self.clock, self.crashes = clock, crashes or Crashes()
        self.script: deque[str] = deque()
        self.settings: deque[str] = deque()
        self.listed: list[FakeRun] = []
        self.next_id = 100
        self.next_run: dict[str, Any] = {}
        self.lasts = timedelta(minutes=5)
        self.paused = False
        self.schedule = Schedule("hourly", minute=5)
        self.posts: list[datetime] = []
        self.canceled: list[int] = []
        self.refuses_cancel = False
        self.ignores_cancel = False
        self.down = False
        self.not_listed: set[int] = set()
        """Runs that the list does not show yet."""
        self.witness: Callable[[str], None] = lambda action: None
        self.on_run: Callable[[FakeRun], None] = lambda run: None
        self.records: list[RejectedRecord] = []
        self.landed: dict[tuple[int, str], dict[str, Scalar]] = {}
        """(run, key) -> what the run wrote, by source column."""

    def add_run(self, **changes: Any) -> FakeRun:
        """A run that appears now, of whomever."""
        self.next_id += 1
        now = self.clock.now()
        made = {"id": self.next_id, "created_at": now, "ends_at": now + self.lasts, **changes}
        run = FakeRun(**made)
        self.listed.append(run)
        return run

    def _reads(self) -> None:
        if self.down:
            raise ServiceUnreachable("census: timed out")

    def sync(self, sync_id: int) -> SyncConfig:
        self._reads()
        return SyncConfig(
            id=sync_id,
            label="create",
            operation="upsert",
            source="crm.queue",
            target="Thing__c",
            key="Key__c",
            mappings={"key": "Key__c"},
            paused=self.paused,
            schedule=self.schedule,
        )

    def run(self, run_id: int) -> SyncRun:
        self._reads()
        for run in self.listed:
            if run.id == run_id:
                return run.at(self.clock.now())
        raise ServiceRefused(f"census: no run {run_id}", status=404)

    def runs(
        self, sync_id: int, *, above: int = 0, since: datetime | None = None, limit: int = 100
    ) -> list[SyncRun]:
        self._reads()
        now = self.clock.now()
        found = [
            r.at(now)
            for r in self.listed
            if r.sync_id == sync_id
            and r.id not in self.not_listed
            and r.id > above
            and r.created_at <= now
            and (since is None or r.created_at >= since)
        ]
        return sorted(found, key=lambda r: r.id, reverse=True)[:limit]

    def rejected(self, run_id: int, *, limit: int = 100) -> list[RejectedRecord]:
        self._reads()
        return self.records[:limit]

    def sent(self, run_id: int, key: str) -> dict[str, Scalar] | None:
        self._reads()
        return self.landed.get((run_id, key))

    def trigger(self, sync_id: int) -> Answer[int]:
        self.witness("trigger")
        self.crashes.here("before POST trigger")
        self.posts.append(self.clock.now())
        answer = self._triggered(self.script.popleft() if self.script else "yes")
        self.crashes.here("after POST trigger")
        return answer

    def _triggered(self, what: str) -> Answer[int]:
        if what == "no":
            return No("429 too many requests", retry_after_s=60.0)
        if what == "refused":
            return No("422 this sync cannot run")
        if what == "lost_before":
            return Unknown("connection reset")
        run = self.add_run(**self.next_run)
        self.on_run(run)
        if what == "lost":
            return Unknown("timed out")
        if what == "raised":
            raise TypeError("the adapter broke")
        return Yes(run.id)

    def cancel(self, run_id: int) -> Answer[None]:
        self.witness("cancel")
        self.crashes.here("before POST cancel")
        self.canceled.append(run_id)
        if self.refuses_cancel:
            return No("422 it cannot be canceled")
        for run in self.listed:
            if run.id == run_id and not self.ignores_cancel:
                run.ends, run.ends_at = "canceled", min(run.ends_at, self.clock.now())
                run.processed, run.failed = run.progress, run.progress_failed
        self.crashes.here("after POST cancel")
        return Yes(None)

    def set_paused(self, sync_id: int, paused: bool) -> Answer[None]:
        self.witness("set_paused")
        return self._set("paused", paused)

    def set_schedule(self, sync_id: int, schedule: Schedule) -> Answer[None]:
        self.witness("set_schedule")
        return self._set("schedule", schedule)

    def _set(self, name: str, value: Any) -> Answer[None]:
        self.crashes.here(f"before PATCH {name}")
        what = self.settings.popleft() if self.settings else "yes"
        if what in {"yes", "lost"}:
            setattr(self, name, value)
        self.crashes.here(f"after PATCH {name}")
        answers: dict[str, Answer[None]] = {
            "yes": Yes(None),
            "ignored": Yes(None),
            "lost": Unknown("timed out"),
            "lost_before": Unknown("timed out"),
            "no": No("429", retry_after_s=60.0),
            "refused": No("422"),
        }
        return answers[what]

    def whoami(self) -> dict[str, Scalar]:
        return {}


_SOQL = re.compile(r"SELECT (.+?) FROM (\w+)(?: WHERE (.+?))?(?: ORDER BY \w+)?$")
_BIN = "IsDeleted = TRUE AND LastModifiedDate >= "


class FakeRecordStore:
    """The target: rows by id, SOQL of the shapes the steps write, who changed what and when."""

    def __init__(self, clock: FakeClock, crashes: Crashes | None = None) -> None:
        self.clock, self.crashes = clock, crashes or Crashes()
        self.rows: dict[str, Row] = {}
        self.bin: dict[str, Row] = {}
        self.script: deque[str] = deque()
        """For updates and deletes: yes, unknown, lost (it took place), no, refused."""
        self.stubborn: dict[str, str] = {}
        """Ids of rows that refuse any change, and why."""
        self.asked: list[str] = []
        self.changes: list[tuple[str, int]] = []
        self.down = False
        self.most: int | None = None
        self.witness: Callable[[str], None] = lambda action: None
        self._next = 0

    def put(self, key: str, by: str = HUMAN_USER, at: datetime | None = None, **fields: Any) -> str:
        """Create or change the row of a key, as `by`; its id."""
        when = to_text(at or self.clock.now())
        found = next((i for i, r in self.rows.items() if r["Key__c"] == key), None)
        if found is None:
            self._next += 1
            found = f"a{self._next:03}"
            self.rows[found] = {"Id": found, "Key__c": key, "CreatedById": by, "CreatedDate": when}
        self.rows[found] |= {**fields, "LastModifiedById": by, "LastModifiedDate": when}
        return found

    def throw_away(self, key: str, by: str = HUMAN_USER) -> None:
        """Delete the row of a key, as `by`."""
        record = next(i for i, r in self.rows.items() if r["Key__c"] == key)
        self._delete(record, by)

    def _delete(self, record: str, by: str) -> None:
        when = to_text(self.clock.now())
        gone = {**self.rows.pop(record), "LastModifiedById": by, "LastModifiedDate": when}
        self.bin[record] = gone

    def values(self, field_name: str) -> dict[str, Scalar]:
        """Key -> value of one field."""
        return {str(r["Key__c"]): r.get(field_name) for r in self.rows.values()}

    def query(self, soql: str, *, max_rows: int = 50_000, deleted_too: bool = False) -> Table:
        self.crashes.here("before query")
        if self.down:
            raise ServiceUnreachable("salesforce: timed out")
        self.asked.append(soql)
        parsed = _SOQL.match(soql)
        assert parsed is not None, f"nobody expected {soql}"
        where = parsed[3]
        rows = list(self.rows.values())
        if where is not None and where.startswith(_BIN):
            assert deleted_too
            rows, where = list(self.bin.values()), where.removeprefix("IsDeleted = TRUE AND ")
        rows = [r for r in rows if self._matches(r, where)]
        if parsed[1] == "COUNT()":
            return Table(["count"], [(len(rows),)])
        columns = parsed[1].split(", ")
        found = [tuple(r.get(c) for c in columns) for r in rows]
        most = min(max_rows, self.most or max_rows)
        return Table(columns, found[:most], len(found) > most)

    def _matches(self, row: Row, where: str | None) -> bool:
        if where is None:
            return True
        if (since := where.removeprefix("LastModifiedDate >= ")) != where:
            return from_text(str(row["LastModifiedDate"])) >= from_text(since)
        name, _, listed = where.partition(" IN ")
        return str(row.get(name)) in re.findall(r"'([^']*)'", listed)

    def update(self, object_name: str, rows: Sequence[Row]) -> Answer[list[RowResult]]:
        return self._change("update", [str(r["Id"]) for r in rows], rows)

    def delete(self, object_name: str, ids: Sequence[str]) -> Answer[list[RowResult]]:
        return self._change("delete", ids, [])

    def _change(
        self, what: str, ids: Sequence[str], rows: Sequence[Row]
    ) -> Answer[list[RowResult]]:
        self.witness("restore" if what == "update" else what)
        self.crashes.here(f"before {what}")
        self.changes.append((what, len(ids)))
        script = self.script.popleft() if self.script else "yes"
        if script == "refused":
            return No("400 malformed")
        if script == "no":
            return No("503 busy", retry_after_s=30.0)
        if script == "unknown":
            return Unknown("timed out")
        by_id = {str(r["Id"]): r for r in rows}
        results = [self._one(what, i, by_id.get(i, {})) for i in ids]
        self.crashes.here(f"after {what}")
        return Unknown("timed out") if script == "lost" else Yes(results)

    def _one(self, what: str, record: str, values: Row) -> RowResult:
        if record in self.stubborn:
            return RowResult(record, ok=False, reason=self.stubborn[record])
        if record not in self.rows:
            return RowResult(record, ok=False, reason="ENTITY_IS_DELETED: entity is deleted")
        if what == "delete":
            self._delete(record, TOOL_USER)
        else:
            now = to_text(self.clock.now())
            changed = {"LastModifiedById": TOOL_USER, "LastModifiedDate": now}
            self.rows[record] |= {**values, **changed}
        return RowResult(record, ok=True)

    def allowance(self) -> ApiAllowance:
        return ApiAllowance(100_000, 60_000)


_VIEW = re.compile(r"CREATE OR REPLACE VIEW (\S+) AS (.+)", re.DOTALL)


class FakeWarehouse:
    """Views that can be replaced, queries with prepared answers, statements with a script."""

    def __init__(self, clock: FakeClock, crashes: Crashes | None = None) -> None:
        self.clock, self.crashes = clock, crashes or Crashes()
        self.views: dict[str, str] = {}
        self.answers: dict[str, Table | Callable[[], Table]] = {}
        self.script: deque[str] = deque()
        self.executed: list[str] = []
        self.asked: list[str] = []
        self.down = False
        self.witness: Callable[[str], None] = lambda action: None

    def query(
        self,
        sql: str,
        parameters: Any = None,
        *,
        max_rows: int = 1000,
        timeout_s: float = 300.0,
    ) -> Table:
        if self.down:
            raise ServiceUnreachable("warehouse: stopped")
        self.asked.append(sql)
        if sql not in self.answers:
            raise QueryFailed(f"nobody expected {sql}", error_class="TABLE_OR_VIEW_NOT_FOUND")
        answer = self.answers[sql]
        table = answer() if callable(answer) else answer
        return Table(table.columns, table.rows[:max_rows], len(table.rows) > max_rows)

    def execute(self, sql: str, *, timeout_s: float = 300.0) -> Answer[int]:
        view = _VIEW.match(sql)
        self.witness("replace_view" if view else "statement")
        self.crashes.here("before execute")
        self.executed.append(sql)
        what = self.script.popleft() if self.script else "yes"
        if view is not None and what in {"yes", "lost"}:
            self.views[view[1]] = view[2]
        self.crashes.here("after execute")
        if what in {"lost", "lost_before"}:
            return Unknown("the connection broke")
        if what == "refused":
            return No("PARSE_SYNTAX_ERROR")
        if what == "no":
            return No("warehouse is starting", retry_after_s=60.0)
        return Yes(1)

    def view_definition(self, name: str) -> str:
        if name not in self.views:
            raise QueryFailed(f"{name} is not there", error_class="TABLE_OR_VIEW_NOT_FOUND")
        return self.views[name]


def column(name: str, *values: Scalar) -> Table:
    """A table of one column."""
    return Table([name], [(value,) for value in values])


@dataclass
class FakeConnections:
    census: FakeSyncService
    salesforce: FakeRecordStore
    databricks: FakeWarehouse

    def sync_service(self, name: str) -> SyncService:
        return self.census if name == "census" else _unknown(name)

    def record_store(self, name: str) -> RecordStore:
        return self.salesforce if name == "salesforce" else _unknown(name)

    def warehouse(self, name: str) -> Warehouse:
        return self.databricks if name == "warehouse" else _unknown(name)

    def notifier(self, name: str) -> Notifier:
        _unknown(name)

    def pages(self) -> PageReader:
        _unknown("pages")

    def files(self) -> FileStore:
        _unknown("files")

    def names(self) -> Iterable[str]:
        return ["census", "salesforce", "warehouse"]


def _unknown(name: str) -> NoReturn:
    raise KindMisused(f"no connection {name!r}")
