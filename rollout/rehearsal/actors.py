"""How the faults that are not about a call are carried out on the world and its services."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from rollout.domain.errors import KindMisused
from rollout.domain.plan import Plan, SyncSpec
from rollout.rehearsal.clock import VirtualClock
from rollout.rehearsal.scenario import Fault
from rollout.rehearsal.services.census import CensusMock
from rollout.rehearsal.services.salesforce import SalesforceMock
from rollout.rehearsal.switches import Switches
from rollout.rehearsal.world import World


@dataclass
class Actors:
    """How each kind of fault that is not about a call is carried out."""

    plan: Plan
    clock: VirtualClock
    world: World
    census: CensusMock
    salesforce: SalesforceMock
    switches: Switches
    views: Mapping[str, str]

    def perform(self, fault: Fault) -> None:
        {
            "sql": self._sql,
            "census_sync": self._census_sync,
            "view": self._view,
            "warehouse": self._warehouse,
            "census_run": self._census_run,
            "schedule": self._schedule,
            "clock": self._clock,
            "world": self._world,
        }[fault.kind](fault)

    def _sql(self, fault: Fault) -> None:
        for statement in [*([fault.statement] if fault.statement else []), *fault.statements]:
            self.world.run_statement(statement, fault.on)

    def _census_run(self, fault: Fault) -> None:
        self.census.start_run(self._sync(fault).id, fault.trigger)

    def _schedule(self, fault: Fault) -> None:
        patch: dict[str, object] = {}
        if fault.paused is not None:
            patch["paused"] = fault.paused
        if fault.frequency is not None:
            schedule = {"schedule": {"frequency": fault.frequency}}
            patch["mode"] = {"type": "triggered", "triggers": schedule}
        self.census.patch(self._sync(fault).id, patch)

    def _census_sync(self, fault: Fault) -> None:
        """Somebody points the sync at another relation and leaves its name as it was."""
        catalog, schema, table = str(fault.source).split(".")
        source = {"table_catalog": catalog, "table_schema": schema, "table_name": table}
        state = self.census.syncs[self._sync(fault).id]
        attributes = dict(state.document["source_attributes"])
        attributes["object"] = {"type": "table", **source}
        self.census.patch(self._sync(fault).id, {"source_attributes": attributes})

    def _view(self, fault: Fault) -> None:
        """Somebody replaces a view by one that is almost the approved one."""
        text = self.views.get(fault.view or "")
        if text is None or (fault.replace is not None and fault.replace not in text):
            raise KindMisused(f"fault {fault.id}: {fault.view} has no such text to replace")
        edited = text if fault.replace is None else text.replace(fault.replace, fault.by)
        self.world.run_statement(edited, "warehouse")

    def _warehouse(self, fault: Fault) -> None:
        if fault.down is not None:
            self.switches.warehouse_down_until = self.clock.now() + fault.down

    def _clock(self, fault: Fault) -> None:
        if fault.sleep is not None:
            self.switches.asleep_until = self.clock.now() + fault.sleep
        if fault.jump is not None:
            self.switches.clock_off_by += fault.jump

    def _world(self, fault: Fault) -> None:
        if fault.workflow is not None:
            self.world.set_switch("workflow", fault.workflow)
        if fault.fivetran is not None:
            self.world.set_switch("fivetran", fault.fivetran)
        if fault.api_used is not None:
            self.salesforce.set_api_used(int(fault.api_used * self.salesforce.api_limit))

    def _sync(self, fault: Fault) -> SyncSpec:
        if fault.sync not in self.plan.syncs:
            raise KindMisused(f"fault {fault.id}: the plan has no sync {fault.sync!r}")
        return self.plan.syncs[fault.sync]
