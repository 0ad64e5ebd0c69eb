"""A small real world with one writable source, and the mocked services over it."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

import httpx

from rollout.ports import Schedule
from rollout.rehearsal.clock import VirtualClock
from rollout.rehearsal.services.app import HttpFault, ServicesApp
from rollout.rehearsal.services.census import CensusMock, MockSync
from rollout.rehearsal.services.salesforce import SalesforceMock
from rollout.rehearsal.services.transport import RehearsalTransport
from rollout.rehearsal.world import World, WorldSpec

START = datetime(2026, 1, 6, 18, 0, tzinfo=UTC)
TOKEN = "secret-token:0123456789abcdefghijklmn"
SPEC = WorldSpec(
    properties=160,
    target_rows=120,
    create_queue=20,
    update_queue=30,
    high_priority=5,
    wrong_flags=5,
    shared_ids=10,
    company_gaps=2,
    organic=False,
)
SOURCE = "crm.sfdc_dbx.queue"
SYNC = MockSync(
    id=3394022,
    label="Sync A",
    operation="upsert",
    source=SOURCE,
    mappings={"uid": "Snappt_Property_ID__c", "title": "Name", "idv": "IDV_Enabled__c"},
    key="Snappt_Property_ID__c",
    rows_per_minute=60,
    overhead_s=100,
)


@dataclass
class Services:
    """Everything of one stage; `fault` is what goes wrong with the requests to come."""

    world: World
    clock: VirtualClock
    census: CensusMock
    salesforce: SalesforceMock
    app: ServicesApp
    http: httpx.Client
    journal: list[dict[str, Any]] = field(default_factory=list)
    fault: HttpFault | None = None
    asked: list[str] = field(default_factory=list)

    def after(self, **units: float) -> datetime:
        """Let virtual time pass, event by event."""
        until = self.clock.now() + timedelta(**units)
        while (due := self.census.next_event_at()) is not None and due <= until:
            self.clock.advance_to(due)
            self.census.advance(due)
        self.clock.advance_to(until)
        self.census.advance(until)
        return until

    def fill(self, *rows: tuple[str | None, str | None, bool]) -> None:
        """Replace the source's rows (uid, title, idv)."""
        self.world.run_statement("DELETE FROM crm.sfdc_dbx.queue", on="warehouse")
        values = ", ".join(
            f"({_text(uid)}, {_text(title)}, {str(idv).lower()})" for uid, title, idv in rows
        )
        if values:
            self.world.run_statement(f"INSERT INTO {SOURCE} VALUES {values}", on="warehouse")

    def call(self, method: str, path: str, **options: Any) -> httpx.Response:
        """One Census request below /api/v1 with the token."""
        headers = {"Authorization": f"Bearer {TOKEN}", **options.pop("headers", {})}
        return self.http.request(method, f"/api/v1{path}", headers=headers, **options)

    def get(self, path: str, **params: Any) -> Any:
        answer = self.call("GET", path, params=params)
        assert answer.status_code == 200, answer.text
        return answer.json()["data"]

    def trigger(self, **options: Any) -> int:
        answer = self.call("POST", "/syncs/3394022/trigger", **options)
        assert answer.status_code == 200, answer.text
        run_id: int = answer.json()["data"]["sync_run_id"]
        return run_id

    def ran(self) -> dict[str, Any]:
        """Trigger, wait an hour, the run."""
        run_id = self.trigger()
        self.after(hours=1)
        run: dict[str, Any] = self.get(f"/sync_runs/{run_id}")
        return run

    def names(self) -> dict[str, str]:
        """Name by key of the records that the rows uid-... became."""
        found = self.world.truth.select(
            "SELECT Snappt_Property_ID__c, Name FROM product_property "
            "WHERE Snappt_Property_ID__c LIKE 'uid-%' AND NOT IsDeleted ORDER BY 1",
            [],
        )
        return {str(key): str(name) for key, name in found.rows}


def _text(value: str | None) -> str:
    return "NULL" if value is None else f"'{value}'"


def rows(count: int, first: int = 0) -> list[tuple[str, str, bool]]:
    return [(f"uid-{n:06d}", f"Property {n}", n % 2 == 0) for n in range(first, first + count)]


@contextmanager
def services(
    *,
    syncs: Mapping[int, MockSync] | None = None,
    spec: WorldSpec = SPEC,
    views: Mapping[str, str] | None = None,
    api_limit: int = 100_000,
    on_request: Callable[[str, str], HttpFault | None] | None = None,
) -> Iterator[Services]:
    clock = VirtualClock(START)
    source = {"queue": f"CREATE TABLE {SOURCE} (uid STRING, title STRING, idv BOOLEAN)"}
    world = World(spec, clock, 1, views or {})
    world.run_statement(source["queue"], on="warehouse")
    census = CensusMock(world, clock, syncs or {SYNC.id: SYNC}, token=TOKEN, seed=7)
    salesforce = SalesforceMock(world, clock, token=TOKEN, api_limit=api_limit)
    stage: Services

    def wrong(method: str, path: str) -> HttpFault | None:
        stage.asked.append(f"{method} {path}")
        return stage.fault if on_request is None else on_request(method, path)

    app = ServicesApp(
        census, salesforce, on_request=wrong, journal=lambda entry: stage.journal.append(entry)
    )
    http = httpx.Client(transport=RehearsalTransport(app), base_url="https://app.getcensus.com")
    stage = Services(world, clock, census, salesforce, app, http)
    try:
        yield stage
    finally:
        http.close()
        world.close()


__all__ = ["SOURCE", "SPEC", "START", "SYNC", "TOKEN", "Schedule", "Services", "rows", "services"]
