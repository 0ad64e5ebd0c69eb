"""A real DuckDB behind the warehouse port, for the checks that ask one; and facts as a table."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any, NoReturn

import duckdb

from rollout.adapters.duckdb_warehouse import DuckDbWarehouse
from rollout.domain.errors import KindMisused
from rollout.domain.evidence import Judgement, Observation, Scalar
from rollout.domain.judge import judge, scalar_conditions
from rollout.domain.plan import Phase, Plan
from rollout.kinds import CheckContext, CheckKind, Confirmation, KnownRun, OpenFinding, PastMeasure
from rollout.ports import RecordStore, SyncService, Table, Warehouse

NOW = datetime(2026, 1, 8, 20, 0, tzinfo=UTC)
PLAN = Plan(plan="p", title="P", timezone="UTC", phases=[Phase(phase="pilot", title="Pilot")])


class Duck:
    """Tables made in DuckDB's SQL, questions asked in Databricks SQL; remembers what was asked."""

    def __init__(self, *statements: str) -> None:
        self.connection = duckdb.connect()
        self.connection.execute("SET TimeZone = 'UTC'; SET threads = 2")
        self.asked: list[tuple[str, Mapping[str, Scalar]]] = []
        self.views: dict[str, str] = {}
        self._warehouse = DuckDbWarehouse(self.connection.cursor, lambda: NOW, views=self.views)
        for statement in statements:
            self.connection.execute(statement)

    def query(
        self,
        sql: str,
        parameters: Mapping[str, Scalar] | None = None,
        *,
        max_rows: int = 1000,
        timeout_s: float = 300.0,
    ) -> Table:
        self.asked.append((sql, dict(parameters or {})))
        return self._warehouse.query(sql, parameters, max_rows=max_rows, timeout_s=timeout_s)

    def execute(self, sql: str, *, timeout_s: float = 300.0) -> NoReturn:
        raise AssertionError("a check changed something")

    def view_definition(self, name: str) -> str:
        return self._warehouse.view_definition(name)


@dataclass
class Opened:
    """The plan's connections: one warehouse, perhaps the target's records."""

    duck: Warehouse
    records: RecordStore | None = None

    def warehouse(self, name: str) -> Warehouse:
        if name != "warehouse":
            raise KindMisused(f"no connection {name!r}")
        return self.duck

    def record_store(self, name: str) -> RecordStore:
        if name != "salesforce" or self.records is None:
            raise KindMisused(f"no connection {name!r}")
        return self.records

    def sync_service(self, name: str) -> SyncService:
        raise KindMisused(f"no connection {name!r}")

    def notifier(self, name: str) -> NoReturn:
        raise KindMisused(f"no connection {name!r}")

    def pages(self) -> NoReturn:
        raise KindMisused("no pages")

    def files(self) -> NoReturn:
        raise KindMisused("no files")

    def names(self) -> Iterable[str]:
        return ["warehouse", "salesforce"]


@dataclass
class StepFacts:
    """Facts that hold nothing but the documents of steps."""

    documents: Mapping[str, Any] = field(default_factory=dict)

    def confirmation(self, check: str) -> Confirmation | None:
        return None

    def findings(self) -> Sequence[OpenFinding]:
        return []

    def history(self, check: str) -> Sequence[PastMeasure]:
        return []

    def runs(self, sync: str) -> Sequence[KnownRun]:
        return []

    def evidence_of_step(self, step: str) -> Any:
        return self.documents[step]

    def evidence_of_steps(self, steps: Any, *, after: str | None = None) -> Any:
        return iter(())

    def triggered(self, sync_id: int) -> set[int]:
        return set()

    def began_at(self) -> datetime:
        return NOW


def context(
    duck: Warehouse,
    *,
    steps: Mapping[str, Any] | None = None,
    records: RecordStore | None = None,
    now: datetime = NOW,
) -> CheckContext:
    return CheckContext(
        check="c",
        phase="pilot",
        attempt=1,
        now=now,
        phase_started_at=now - timedelta(hours=2),
        plan=PLAN,
        connections=Opened(duck, records),
        facts=StepFacts(steps or {}),
    )


def look(
    kind: CheckKind,
    duck: Warehouse,
    inputs: Mapping[str, Any],
    *,
    steps: Mapping[str, Any] | None = None,
    records: RecordStore | None = None,
    now: datetime = NOW,
) -> Observation:
    """What the kind observes, with inputs as a plan writes them."""
    filled = kind.Inputs.model_validate(inputs)
    return kind.observe(filled, context(duck, steps=steps, records=records, now=now))


def verdict(
    kind: CheckKind,
    observation: Observation,
    go: str | Mapping[str, str] | None = None,
    no_go: str | Mapping[str, str] | None = None,
) -> Judgement:
    """As the engine judges it."""
    wanted = scalar_conditions(go, kind.primary, kind.default_go if go is None else {})
    return judge(observation, wanted, scalar_conditions(no_go, kind.primary, {}))
