"""The rehearsal's stage: the world, its services, the faults, and the real adapters in front of them."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

import httpx

from rollout.adapters.census import CensusSyncService, census_base_url, census_judge
from rollout.adapters.http import HttpClient
from rollout.adapters.salesforce import (
    SalesforceRecordStore,
    salesforce_complaint,
    salesforce_judge,
)
from rollout.domain.effects import Answer, No
from rollout.domain.errors import KindMisused, ServiceUnreachable
from rollout.domain.evidence import Scalar
from rollout.domain.instants import from_text, to_text
from rollout.domain.plan import Plan, SyncSpec
from rollout.ports import (
    FileStore,
    Notifier,
    PageReader,
    RecordStore,
    SyncService,
    Table,
    Warehouse,
)
from rollout.rehearsal.actors import Actors
from rollout.rehearsal.clock import VirtualClock
from rollout.rehearsal.faults import FaultPlan
from rollout.rehearsal.journal import Journal, read_journal
from rollout.rehearsal.scenario import Fault, Scenario
from rollout.rehearsal.services.app import ServicesApp
from rollout.rehearsal.services.census import CensusMock, MockSync
from rollout.rehearsal.services.salesforce import SalesforceMock
from rollout.rehearsal.services.transport import RehearsalTransport
from rollout.rehearsal.switches import Switches
from rollout.rehearsal.told import RehearsalFiles, RehearsalNotifier, RehearsalPages
from rollout.rehearsal.world import World, WorldSpec

TOKEN = "rehearsal-token"  # noqa: S105 - the mocked services take this one and no other

ROWS_PER_MINUTE = {"upsert": 55.0, "update": 190.0}
"""So that 1,031 creates take about 20 minutes and 7,930 updates about 43 (domain note, section 2)."""

MAPPING = {
    "rds_property_id": "Snappt_Property_ID__c",
    "property_name": "Name",
    "company_name": "Company_Name__c",
    "short_id": "Short_ID__c",
    "idv_enabled": "IDV_Enabled__c",
    "bank_linking_enabled": "Bank_Linking_Enabled__c",
    "payroll_enabled": "Payroll_Enabled__c",
    "income_insights_enabled": "Income_Insights_Enabled__c",
    "active_property_count": "Active_Property_Count__c",
    "is_multi_property": "Is_Multi_Property__c",
}
"""Source column -> target field, as the syncs were approved (domain note, section 1)."""


class SkewedClock:
    """What the controller's machine believes: the world's time plus what a `clock` fault put it off by."""

    def __init__(self, true: VirtualClock, switches: Switches) -> None:
        self._true, self._switches = true, switches

    def now(self) -> datetime:
        return self._true.now() + self._switches.clock_off_by


class JournaledWarehouse:
    """The warehouse, with every change written down before it is made."""

    def __init__(
        self, inner: Warehouse, clock: VirtualClock, journal: Journal, switches: Switches
    ) -> None:
        self._inner, self._clock, self._journal = inner, clock, journal
        self._switches = switches

    def query(
        self,
        sql: str,
        parameters: Mapping[str, Scalar] | None = None,
        *,
        max_rows: int = 1000,
        timeout_s: float = 300.0,
    ) -> Table:
        self._answers()
        return self._inner.query(sql, parameters, max_rows=max_rows, timeout_s=timeout_s)

    def execute(self, sql: str, *, timeout_s: float = 300.0) -> Answer[int]:
        if self._switches.warehouse_is_down(self._clock.now()):
            return No("the warehouse is stopped", retry_after_s=60)
        self._journal.write({"kind": "statement", "at": to_text(self._clock.now()), "sql": sql})
        return self._inner.execute(sql, timeout_s=timeout_s)

    def view_definition(self, name: str) -> str:
        self._answers()
        return self._inner.view_definition(name)

    def _answers(self) -> None:
        if self._switches.warehouse_is_down(self._clock.now()):
            raise ServiceUnreachable("the warehouse is stopped", retry_after_s=60)


class RehearsalConnections:
    """The plan's connections by name, each a real adapter (the warehouse: DuckDB) on the stage."""

    def __init__(self, plan: Plan, opened: Mapping[str, object]) -> None:
        self._uses = {name: str(c.get("uses")) for name, c in plan.connections.items()}
        self._opened = opened
        self.told = RehearsalNotifier()
        self.pages_there = RehearsalPages()
        self.published = RehearsalFiles()

    def warehouse(self, name: str) -> Warehouse:
        return self._get(name, "databricks")  # type: ignore[return-value]  # chosen by `uses`

    def sync_service(self, name: str) -> SyncService:
        return self._get(name, "census")  # type: ignore[return-value]

    def record_store(self, name: str) -> RecordStore:
        return self._get(name, "salesforce")  # type: ignore[return-value]

    def notifier(self, name: str) -> Notifier:
        self._require(name, "notify")
        return self.told

    def pages(self) -> PageReader:
        return self.pages_there

    def files(self) -> FileStore:
        return self.published

    def names(self) -> Iterable[str]:
        return self._uses

    def _get(self, name: str, kind: str) -> object:
        self._require(name, kind)
        return self._opened[kind]

    def _require(self, name: str, kind: str) -> None:
        if self._uses.get(name) != kind:
            raise KindMisused(f"the plan has no connection {name!r} that uses {kind}")


@dataclass
class Stage:
    """Everything outside the controller. `clock` is the true time, `controller_clock` what it sees."""

    scenario: Scenario
    clock: VirtualClock
    controller_clock: SkewedClock
    world: World
    census: CensusMock
    salesforce: SalesforceMock
    app: ServicesApp
    faults: FaultPlan
    journal: Journal
    connections: RehearsalConnections
    switches: Switches

    def next_event_at(self) -> datetime | None:
        """When the services or a fault do something by themselves."""
        found = [self.census.next_event_at(), self.faults.next_at()]
        return min((at for at in found if at is not None), default=None)

    def advance_to(self, instant: datetime) -> None:
        """Let time pass, each event at its own instant."""
        while (at := self.next_event_at()) is not None and at < instant:
            self._step(max(at, self.clock.now()))
        self._step(instant)

    def _step(self, instant: datetime) -> None:
        self.clock.advance_to(instant)
        self.world.catch_up()
        self.faults.fire_due()

    def close(self) -> None:
        self.journal.close()
        self.world.close()


def build_stage(
    plan: Plan,
    scenario: Scenario,
    seed: int,
    views: Mapping[str, str],
    journal_path: Path | None,
    *,
    token: str = TOKEN,
    salesforce_token: str | None = None,
) -> Stage:
    """A fresh stage; with a journal that exists already, the stage as it was when that ended.

    `token` is the one that its services take, but for Salesforce when that has one of its own.
    """
    clock = VirtualClock(scenario.start)
    past = list(read_journal(journal_path)) if journal_path else []
    world = World(WorldSpec.model_validate(scenario.world), clock, seed, views)
    syncs = {s.id: _mock_sync(name, s) for name, s in plan.syncs.items()}
    census = CensusMock(world, clock, syncs, token=token, seed=seed)
    salesforce = SalesforceMock(world, clock, token=salesforce_token or token)
    app = ServicesApp(census, salesforce)
    journal = Journal()
    switches = Switches()
    actors = Actors(plan, clock, world, census, salesforce, switches, views)
    faults = FaultPlan(list(scenario.faults), clock.now, actors.perform, journal, actors.cure)
    warehouse = JournaledWarehouse(world.warehouse(), clock, journal, switches)
    stage = Stage(
        scenario,
        clock,
        SkewedClock(clock, switches),
        world,
        census,
        salesforce,
        app,
        faults,
        journal,
        RehearsalConnections(plan, _adapters(app, warehouse, clock, token)),
        switches,
    )
    _replay(stage, past)
    app.on_request = faults.on_call
    app.journal = lambda entry: journal.write({"kind": "request", **entry})
    stage.connections.published.journal = lambda entry: journal.write(
        {**entry, "at": to_text(clock.now())}
    )
    journal.reopen(journal_path)
    return stage


def _adapters(
    app: ServicesApp, warehouse: Warehouse, clock: VirtualClock, token: str
) -> dict[str, object]:
    transport: httpx.BaseTransport = RehearsalTransport(app)
    census = HttpClient(
        census_base_url("us", "v1"),
        service="census",
        token=token,
        transport=transport,
        now=clock.now,
        judge=census_judge,
    )
    salesforce = HttpClient(
        "https://rehearsal.example.test",
        service="salesforce",
        token=token,
        transport=transport,
        now=clock.now,
        read_complaint=salesforce_complaint,
        judge=salesforce_judge,
    )
    return {
        "databricks": warehouse,
        "census": CensusSyncService(census),
        "salesforce": SalesforceRecordStore(salesforce),
    }


def _mock_sync(name: str, spec: SyncSpec) -> MockSync:
    return MockSync(
        id=spec.id,
        label=spec.title or name,
        operation=spec.operation,
        source=spec.source,
        mappings=MAPPING,
        key=spec.key,
        target=spec.target,
        rows_per_minute=ROWS_PER_MINUTE.get(spec.operation, 100.0),
        remembers=False,
    )


def _replay(stage: Stage, past: Iterable[Mapping[str, object]]) -> None:
    """Do again what the journal says was done, each at its instant."""
    for entry in past:
        stage.advance_to(from_text(str(entry["at"])))
        if entry["kind"] == "request":
            stage.app.replay(entry)
        elif entry["kind"] == "file":
            stage.connections.published.restore(entry)
        elif entry["kind"] == "statement":
            stage.world.warehouse().execute(str(entry["sql"]))
        elif entry["kind"] == "fault":
            seq = int(str(entry.get("seq", 0)))
            stage.faults.restore(str(entry["fault"]), str(entry["at"]), seq)
        elif entry["kind"] == "injected":
            stage.faults.restore_injected(Fault.model_validate(entry["document"]))
        elif entry["kind"] == "cleared":
            stage.faults.restore_cleared(str(entry["fault"]))
