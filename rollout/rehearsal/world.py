"""The rehearsal's world: RDS, the warehouse, Salesforce, and what moves between them by itself."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import UTC, datetime, timedelta
from threading import RLock
from typing import Literal

import duckdb

from rollout.adapters.dialect import split_statements, translate
from rollout.adapters.duckdb_warehouse import DuckDbWarehouse, as_query_failed
from rollout.domain.errors import QueryFailed
from rollout.ports import Table
from rollout.rehearsal import generator
from rollout.rehearsal.clock import VirtualClock
from rollout.rehearsal.fivetran import Fivetran
from rollout.rehearsal.organic import OrganicChanges
from rollout.rehearsal.statements import run_on_salesforce
from rollout.rehearsal.truth import RowOutcome, SalesforceTruth
from rollout.rehearsal.truth_sql import ValidationRule
from rollout.rehearsal.workflow import Workflow
from rollout.rehearsal.world_spec import WorldSpec

__all__ = ["RowOutcome", "SalesforceTruth", "ValidationRule", "World", "WorldSpec"]

_SETTINGS = ("fivetran", "workflow", "organic", "external_id_unique")
_EVERYTHING = 2**31 - 1


class World:
    """One DuckDB in memory with the catalogs rds, crm (what the warehouse sees) and sfdc (the truth).

    `version` grows whenever something a view reads may have changed. `drivers` are called with the
    time at the start of every catch-up, so that services can land what was due before a copy is taken.
    """

    def __init__(
        self, spec: WorldSpec, clock: VirtualClock, seed: int, view_files: Mapping[str, str]
    ) -> None:
        self.spec, self.clock, self.version = spec, clock, 1
        self.drivers: list[Callable[[datetime], None]] = []
        self.views: dict[str, str] = {}
        self._lock = RLock()
        self._driving = False
        self._next_due: datetime | None = None
        self._connection = _open()
        self._connection.execute(generator.empty_schema()).fetchall()
        start = clock.now().astimezone(UTC).replace(second=0, microsecond=0)
        generator.fill(self._connection, spec, seed, start)
        self._fivetran = Fivetran(self._connection, spec.fivetran_minutes, start)
        self._workflow = Workflow(self._connection, spec.workflow == "on")
        self._organic = OrganicChanges(
            self._connection,
            seed,
            start + timedelta(hours=spec.organic_after_hours),
            spec.organic,
            spec.organic_a_day,
            None
            if spec.organic_until_hours is None
            else start + timedelta(hours=spec.organic_until_hours),
        )
        self.truth = SalesforceTruth(
            self._connection, self._lock, self._settle, self._salesforce_changed
        )
        self._write_settings()
        self._warehouse = DuckDbWarehouse(
            self.warehouse_cursor,
            self.clock.now,
            self.catch_up,
            views=self.views,
            changed=self._warehouse_changed,
        )
        for sql in _in_order(view_files):
            self._warehouse.run(sql)
        if spec.fivetran == "off":
            self._fivetran.set_running(False, start)
        self._next_due = self._earliest()

    def warehouse_cursor(self) -> duckdb.DuckDBPyConnection:
        """A connection of its own to the same data."""
        with self._lock:
            return self._connection.cursor()

    def warehouse(self) -> DuckDbWarehouse:
        """The warehouse of this world: it catches up first, keeps view texts, counts versions."""
        return self._warehouse

    def catch_up(self) -> None:
        """Let everything happen that is due until now: services, workflow, organic changes, copies."""
        now = self.clock.now()
        if self.drivers:
            self._drive(now)
        if self._next_due is not None and self._next_due <= now:
            self._settle(now)

    def next_event_at(self) -> datetime | None:
        """When something will happen by itself, if anything is due at all."""
        return self._next_due

    def read_source(self, relation: str) -> Table:
        """All rows of a view or table as a sync reads it now. Raises: QueryFailed."""
        quoted = ".".join(f"`{part.strip('`')}`" for part in relation.split("."))
        return self._warehouse.query(f"SELECT * FROM {quoted}", max_rows=_EVERYTHING)  # noqa: S608 - quoted, in a mock

    def run_statement(self, sql: str, on: Literal["warehouse", "salesforce"]) -> int:
        """Run one or several statements separated by `;`; the rows they changed in all.

        warehouse: Databricks SQL. salesforce: DuckDB SQL on `product_property` and `world_settings`;
        time stamps, users and deletions are put right as Salesforce would (see `statements`).
        Raises: QueryFailed.
        """
        with self._lock:
            self.catch_up()
            if on == "warehouse":
                return sum(max(0, self._warehouse.run(text)) for text in split_statements(sql))
            try:
                changed, created = run_on_salesforce(
                    self._connection, sql, self.clock.now(), self.truth.HUMAN_USER
                )
            except duckdb.Error as error:
                raise as_query_failed(error) from error
            finally:
                self.truth.forget_columns()
            self._read_settings()
            if changed:
                self._salesforce_changed(self.clock.now(), created)
            self.version += 1
            return changed

    def set_switch(
        self,
        name: Literal["fivetran", "workflow", "organic", "external_id_unique"],
        value: Literal["on", "off"],
    ) -> None:
        """Switch a part of the world on or off from now on."""
        with self._lock:
            self.catch_up()
            self._connection.execute(
                "UPDATE sfdc.main.world_settings SET value = $value WHERE name = $name",
                {"name": name, "value": value},
            ).fetchall()
            self._read_settings()

    def close(self) -> None:
        """Free the memory; the world cannot be used afterwards."""
        self._connection.close()

    def _drive(self, now: datetime) -> None:
        with self._lock:
            if (
                self._driving
            ):  # a driver reads or writes the world: its own catch-up must not drive again
                return
            self._driving = True
            try:
                for drive in self.drivers:
                    drive(now)
            finally:
                self._driving = False

    def _settle(self, at: datetime) -> None:
        """Everything due until `at`, in the order of time; a copy comes last of what is due at once."""
        with self._lock:
            while True:
                due = self._earliest()
                self._next_due = due
                if due is None or due > at:
                    return
                if due == self._organic.due_at():
                    self._organic.change_next()
                    self.version += 1
                elif due == self._workflow.due_at():
                    self._fivetran.note_change(self._workflow.fill_next())
                elif self._fivetran.copy_due(due):
                    self.version += 1

    def _earliest(self) -> datetime | None:
        dues = (self._organic.due_at(), self._workflow.due_at(), self._fivetran.due_at())
        return min((due for due in dues if due is not None), default=None)

    def _salesforce_changed(self, at: datetime, created: list[str]) -> None:
        self._fivetran.note_change(at)
        self._workflow.enqueue(created, at)
        self._next_due = self._earliest()

    def _warehouse_changed(self) -> None:
        with self._lock:
            self.version += 1

    def _write_settings(self) -> None:
        spec = self.spec
        values = {
            "fivetran": spec.fivetran,
            "workflow": spec.workflow,
            "organic": "on" if spec.organic else "off",
            "external_id_unique": spec.external_id_unique,
        }
        self._connection.execute(
            "INSERT INTO sfdc.main.world_settings SELECT unnest($names), unnest($values)",
            {"names": list(values), "values": list(values.values())},
        ).fetchall()
        self.truth.unique_key = spec.external_id_unique == "on"

    def _read_settings(self) -> None:
        found = dict(
            self._connection.execute("SELECT name, value FROM sfdc.main.world_settings").fetchall()
        )
        wrong = [n for n in _SETTINGS if found.get(n) not in {"on", "off"}]
        if wrong:
            raise QueryFailed(f"world_settings: {wrong[0]} must be on or off")
        now = self.clock.now()
        self._fivetran.set_running(found["fivetran"] == "on", now)
        self._workflow.set_running(found["workflow"] == "on", now)
        self._organic.skip_until(now)
        self._organic.running = found["organic"] == "on"
        self.truth.unique_key = found["external_id_unique"] == "on"
        self._next_due = self._earliest()
        self.version += 1


def _open() -> duckdb.DuckDBPyConnection:
    connection = duckdb.connect(
        ":memory:",
        # One thread: the world is small, checks run side by side, and sums keep their order.
        config={"threads": "1", "python_enable_replacements": "false"},
    )
    for catalog in ("rds", "crm", "sfdc"):
        connection.execute(f"ATTACH ':memory:' AS {catalog}").fetchall()
    connection.execute("SET TimeZone = 'UTC'").fetchall()
    connection.execute("SET enable_external_access = false").fetchall()
    return connection


def _in_order(view_files: Mapping[str, str]) -> list[str]:
    """The statements, each after the ones whose views it reads."""
    waiting = {name: translate(text) for name, text in view_files.items()}
    defines = {t.view for t in waiting.values() if t.view} | {
        table for t in waiting.values() if t.kind == "change" for table in t.tables
    }
    done: set[str] = set()
    ordered: list[str] = []
    while waiting:
        ready = [
            name
            for name, t in waiting.items()
            if t.kind == "change" or not (t.tables & defines) - done - {t.view}
        ]
        if not ready:
            raise QueryFailed(f"views read each other in a circle: {', '.join(waiting)}")
        for name in ready:
            statement = waiting.pop(name)
            done |= {statement.view} if statement.view else statement.tables
            ordered.append(view_files[name])
    return ordered
