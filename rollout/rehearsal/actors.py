"""How the faults that are not about a call are carried out on the world and its services."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

from rollout.domain.errors import KindMisused
from rollout.domain.plan import Plan, SyncSpec
from rollout.rehearsal.clock import VirtualClock
from rollout.rehearsal.scenario import Fault
from rollout.rehearsal.services.census import CensusMock
from rollout.rehearsal.services.salesforce import SalesforceMock
from rollout.rehearsal.switches import Switches
from rollout.rehearsal.world import World


def is_curable(fault: Fault) -> bool:
    """Whether the world can be put right without the rollout's own way back: a run that somebody
    started cannot be taken back, data only by the statements that the fault brings along."""
    if fault.kind == "sql":
        return bool(fault.cure)
    return fault.kind != "census_run"


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
        if fault.organic is not None:
            self.world.set_switch("organic", fault.organic)
        if fault.api_used is not None:
            self.salesforce.set_api_used(int(fault.api_used * self.salesforce.api_limit))

    def cure(self, fault: Fault) -> None:
        """Take back what `perform` did, as somebody who found the cause would.

        Raises: KindMisused for a fault that cannot be taken back (`is_curable`).
        """
        if not is_curable(fault):
            raise KindMisused(
                f"fault {fault.id}: what it changed stays; the way back is the plan's"
            )
        cures: Mapping[str, Callable[[Fault], None]] = {
            "sql": self._cure_sql,
            "view": self._cure_view,
            "census_sync": self._cure_source,
            "schedule": self._cure_schedule,
            "warehouse": self._cure_warehouse,
            "clock": self._cure_clock,
            "world": self._cure_world,
        }
        cures[fault.kind](fault)

    def _cure_sql(self, fault: Fault) -> None:
        for statement in fault.cure:
            self.world.run_statement(statement, fault.on)

    def _cure_view(self, fault: Fault) -> None:
        """The approved text again, also of a view that the fault's text put itself in place of."""
        for name, text in self.views.items():
            if name == fault.view or f".{name} AS" in fault.by:
                self.world.run_statement(text, "warehouse")

    def _cure_source(self, fault: Fault) -> None:
        approved = self._sync(fault).source
        self._census_sync(fault.model_copy(update={"source": approved}))

    def _cure_schedule(self, fault: Fault) -> None:
        self._schedule(fault.model_copy(update={"frequency": "never", "paused": False}))

    def _cure_warehouse(self, fault: Fault) -> None:
        self.switches.warehouse_down_until = None

    def _cure_clock(self, fault: Fault) -> None:
        self.switches.asleep_until = None
        if fault.jump is not None:
            self.switches.clock_off_by -= fault.jump

    def _cure_world(self, fault: Fault) -> None:
        well = {
            "workflow": None if fault.workflow is None else "on",
            "fivetran": None if fault.fivetran is None else "on",
            "api_used": None if fault.api_used is None else 0.0,
        }
        self._world(fault.model_copy(update=well))

    def _sync(self, fault: Fault) -> SyncSpec:
        if fault.sync not in self.plan.syncs:
            raise KindMisused(f"fault {fault.id}: the plan has no sync {fault.sync!r}")
        return self.plan.syncs[fault.sync]
