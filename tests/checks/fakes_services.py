"""Fakes of the ports for checks that ask services, records, people and the log."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any, NoReturn, TypeVar

from rollout.domain.effects import Answer, Yes
from rollout.domain.errors import KindMisused, ServiceRefused, ServiceUnreachable
from rollout.domain.evidence import Judgement, Observation, Scalar, Verdict
from rollout.domain.judge import judge, scalar_conditions
from rollout.domain.plan import Phase, Plan, StepSpec, SyncSpec
from rollout.kinds import CheckContext, CheckKind, Confirmation, KnownRun, OpenFinding, PastMeasure
from rollout.ports import (
    ApiAllowance,
    FileStore,
    Notifier,
    Page,
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

T = TypeVar("T")

NOW = datetime(2026, 1, 8, 20, 0, tzinfo=UTC)
STARTED = NOW - timedelta(hours=2)
SYNC_A = 3394022


def refused(*_: object, **__: object) -> NoReturn:
    raise AssertionError("a check changed something")


def ago(minutes: float) -> datetime:
    return NOW - timedelta(minutes=minutes)


def sync_run(run_id: int = 9, **changes: Any) -> SyncRun:
    """The run of the domain note's day: 690 processed, 685 taken, 5 rejected, in 6 minutes."""
    made: dict[str, Any] = {
        "id": run_id,
        "sync_id": SYNC_A,
        "status": "completed",
        "created_at": ago(60),
        "completed_at": ago(54),
        "trigger": "Api",
        "source_rows": 740,
        "processed": 690,
        "accepted": 685,
        "failed": 5,
        "invalid": 0,
    }
    return SyncRun(**{**made, **changes})


def known_run(run_id: int = 9, **changes: Any) -> KnownRun:
    made: dict[str, Any] = {
        "sync": "sync_a",
        "run_id": run_id,
        "ours": True,
        "phase": "full_sync_a",
        "status": "completed",
        "processed": 690,
        "accepted": 685,
        "failed": 5,
        "invalid": 0,
        "created_at": ago(60),
        "completed_at": ago(54),
    }
    return KnownRun(**{**made, **changes})


def sync_config(**changes: Any) -> SyncConfig:
    made: dict[str, Any] = {
        "id": SYNC_A,
        "label": "Properties to create",
        "operation": "upsert",
        "source": "crm.sfdc_dbx.properties_to_create",
        "target": "Product_Property__c",
        "key": "Snappt_Property_ID__c",
        "mappings": {"rds_property_id": "Snappt_Property_ID__c", "idv_enabled": "IDV_Enabled__c"},
        "paused": False,
        "schedule": Schedule("never"),
    }
    return SyncConfig(**{**made, **changes})


def finding(name: str = "f1", **changes: Any) -> OpenFinding:
    made: dict[str, Any] = {
        "finding": name,
        "check": "no_empty_fields",
        "phase": "full_sync_a",
        "severity": "P1",
        "state": "open",
        "title": "524 rows without a company name",
        "raised_at": ago(30),
    }
    return OpenFinding(**{**made, **changes})


@dataclass
class FakeSyncService:
    """Lists what it was given, newest first; `down` makes every read fail."""

    config: SyncConfig = field(default_factory=sync_config)
    listed: list[SyncRun] = field(default_factory=list)
    records: list[RejectedRecord] = field(default_factory=list)
    down: bool = False
    records_gone: bool = False

    def _answer(self) -> None:
        if self.down:
            raise ServiceUnreachable("census: timed out")

    def sync(self, sync_id: int) -> SyncConfig:
        self._answer()
        return self.config

    def run(self, run_id: int) -> SyncRun:
        self._answer()
        return next(run for run in self.listed if run.id == run_id)

    def runs(
        self, sync_id: int, *, above: int = 0, since: datetime | None = None, limit: int = 100
    ) -> list[SyncRun]:
        self._answer()
        newest_first = sorted(self.listed, key=lambda run: run.id, reverse=True)
        return [r for r in newest_first if since is None or r.created_at >= since][:limit]

    def sent(self, run_id: int, key: str) -> Mapping[str, Scalar] | None:
        return None

    def rejected(self, run_id: int, *, limit: int = 100) -> list[RejectedRecord]:
        self._answer()
        if self.records_gone:
            raise ServiceUnreachable("census: 410, no longer kept")
        return self.records[:limit]

    def whoami(self) -> Mapping[str, Scalar]:
        return {}

    def trigger(self, sync_id: int) -> Answer[int]:
        refused()

    def cancel(self, run_id: int) -> Answer[None]:
        refused()

    def set_paused(self, sync_id: int, paused: bool) -> Answer[None]:
        refused()

    def set_schedule(self, sync_id: int, schedule: Schedule) -> Answer[None]:
        refused()


@dataclass
class FakeRecordStore:
    """Answers each SOQL text with a table of its own, any other with the last resort."""

    answers: dict[str, Table] = field(default_factory=dict)
    otherwise: Table | None = None
    bin: Table = field(default_factory=lambda: Table(["Id", "LastModifiedById", "At"], []))
    left: ApiAllowance = field(default_factory=lambda: ApiAllowance(100_000, 60_000))
    down: bool = False
    asked: list[str] = field(default_factory=list)

    def query(self, soql: str, *, max_rows: int = 50_000, deleted_too: bool = False) -> Table:
        if self.down:
            raise ServiceUnreachable("salesforce: timed out")
        self.asked.append(soql)
        table = self.answers.get(soql, self.bin if deleted_too else self.otherwise)
        assert table is not None, f"nobody expected {soql}"
        return Table(table.columns, table.rows[:max_rows], len(table.rows) > max_rows)

    def allowance(self) -> ApiAllowance:
        if self.down:
            raise ServiceUnreachable("salesforce: timed out")
        return self.left

    def update(self, object_name: str, rows: Sequence[Row]) -> Answer[list[RowResult]]:
        refused()

    def delete(self, object_name: str, ids: Sequence[str]) -> Answer[list[RowResult]]:
        refused()


@dataclass
class FakeWarehouse:
    answers: dict[str, Table] = field(default_factory=dict)
    down: bool = False

    def query(
        self,
        sql: str,
        parameters: Mapping[str, Scalar] | None = None,
        *,
        max_rows: int = 1000,
        timeout_s: float = 300.0,
    ) -> Table:
        if self.down:
            raise ServiceUnreachable("warehouse: stopped")
        table = self.answers[sql]
        return Table(table.columns, table.rows[:max_rows], len(table.rows) > max_rows)

    def execute(self, sql: str, *, timeout_s: float = 300.0) -> Answer[int]:
        refused()

    def view_definition(self, name: str) -> str:
        refused()


@dataclass
class FakeNotifier:
    """Answers as it is told to, and keeps what it was given."""

    answer: Answer[None] = field(default_factory=lambda: Yes(None))
    sent: list[tuple[str, str, str, str]] = field(default_factory=list)
    down: bool = False

    def send(
        self, channel: str, title: str, body: str, *, dedupe: str, severity: str = ""
    ) -> Answer[None]:
        if self.down:
            raise ServiceUnreachable("the channel is down")
        self.sent.append((channel, title, body, dedupe))
        return self.answer


@dataclass
class FakePages:
    """Pages by place; `None` is a page that is not there, what is not named a forbidden place."""

    known: dict[str, Page | None] = field(default_factory=dict)
    down: bool = False
    asked: list[tuple[str, tuple[str, ...], bool]] = field(default_factory=list)

    def read(
        self,
        place: str,
        *,
        hosts: Sequence[str] = (),
        private: bool = False,
        timeout_s: float = 30.0,
    ) -> Page:
        if self.down:
            raise ServiceUnreachable("no connection")
        self.asked.append((place, tuple(hosts), private))
        if place not in self.known:
            raise KindMisused(f"{place} may not be read")
        page = self.known[place]
        if page is None:
            raise ServiceRefused(f"{place}: there is no such file", status=404)
        return page


@dataclass
class FakeFiles:
    kept: dict[str, bytes] = field(default_factory=dict)

    def read(self, path: str) -> bytes | None:
        return self.kept.get(path)

    def write(self, path: str, content: bytes) -> Answer[str]:
        refused()

    def remove(self, path: str) -> Answer[None]:
        refused()


@dataclass
class FakeConnections:
    census: FakeSyncService = field(default_factory=FakeSyncService)
    salesforce: FakeRecordStore = field(default_factory=FakeRecordStore)
    databricks: FakeWarehouse = field(default_factory=FakeWarehouse)
    oncall: FakeNotifier = field(default_factory=FakeNotifier)
    read: FakePages = field(default_factory=FakePages)
    published: FakeFiles = field(default_factory=FakeFiles)

    def sync_service(self, name: str) -> SyncService:
        return self._only("census", name, self.census)

    def record_store(self, name: str) -> RecordStore:
        return self._only("salesforce", name, self.salesforce)

    def warehouse(self, name: str) -> Warehouse:
        return self._only("warehouse", name, self.databricks)

    def notifier(self, name: str) -> Notifier:
        return self._only("oncall", name, self.oncall)

    def pages(self) -> PageReader:
        return self.read

    def files(self) -> FileStore:
        return self.published

    def names(self) -> Iterable[str]:
        return ["census", "salesforce", "warehouse", "oncall"]

    def _only(self, known: str, name: str, service: T) -> T:
        if name != known:
            raise KindMisused(f"no {name!r}")
        return service


@dataclass
class FakeFacts:
    confirmed: Confirmation | None = None
    raised: list[OpenFinding] = field(default_factory=list)
    measured: dict[str, list[PastMeasure]] = field(default_factory=dict)
    known: list[KnownRun] = field(default_factory=list)

    def confirmation(self, check: str) -> Confirmation | None:
        return self.confirmed

    def findings(self) -> Sequence[OpenFinding]:
        return self.raised

    def history(self, check: str) -> Sequence[PastMeasure]:
        return self.measured.get(check, [])

    def runs(self, sync: str) -> Sequence[KnownRun]:
        return [run for run in self.known if run.sync == sync]

    def evidence_of_step(self, step: str) -> Any:
        raise KeyError(step)

    def evidence_of_steps(self, steps: Any, *, after: str | None = None) -> Any:
        return iter(())

    def triggered(self, sync_id: int) -> set[int]:
        return set()

    def began_at(self) -> datetime:
        return NOW


def plan(*steps: StepSpec) -> Plan:
    """A plan with one sync; its phase runs it in step `create` unless other steps are given."""
    default = StepSpec(step="run_sync", id="create", inputs={"sync": "sync_a"})
    return Plan(
        plan="feature-sync",
        title="Feature sync",
        timezone="America/Los_Angeles",
        syncs={
            "sync_a": SyncSpec(
                on="census",
                id=SYNC_A,
                operation="upsert",
                source="crm.sfdc_dbx.properties_to_create",
                target="Product_Property__c",
                key="Snappt_Property_ID__c",
            )
        },
        phases=[
            Phase(phase="pilot", title="Pilot"),
            Phase(phase="full_sync_a", title="Create", steps=list(steps) or [default]),
        ],
    )


def context(
    connections: FakeConnections | None = None,
    facts: FakeFacts | None = None,
    **changes: Any,
) -> CheckContext:
    made: dict[str, Any] = {
        "check": "the_check",
        "phase": "full_sync_a",
        "attempt": 1,
        "now": NOW,
        "phase_started_at": STARTED,
        "plan": plan(),
        "connections": connections or FakeConnections(),
        "facts": facts or FakeFacts(),
    }
    return CheckContext(**{**made, **changes})


def look(kind: CheckKind, inputs: Mapping[str, Any], where: CheckContext) -> Observation:
    return kind.observe(kind.Inputs.model_validate(inputs), where)


def judged(
    kind: CheckKind, observation: Observation, go: str | Mapping[str, str] | None = None
) -> Judgement:
    return judge(observation, scalar_conditions(go, kind.primary, kind.default_go), {})


def verdict(
    kind: CheckKind,
    inputs: Mapping[str, Any],
    where: CheckContext,
    go: str | Mapping[str, str] | None = None,
) -> Verdict:
    """As the engine does it: the plan's conditions, or the kind's own."""
    return judged(kind, look(kind, inputs, where), go).verdict


def table(*rows: tuple[Scalar, ...], columns: Sequence[str] = ("count",)) -> Table:
    return Table(list(columns), list(rows))


def measures(
    *values: Scalar, metric: str = "value", at: Callable[[int], datetime] | None = None
) -> list[PastMeasure]:
    """One an hour, the newest an hour ago, oldest first."""
    when = at or (lambda back: NOW - timedelta(hours=back))
    count = len(values)
    return [
        PastMeasure(at=when(count - position), observed={metric: value})
        for position, value in enumerate(values)
    ]
