"""The target (Salesforce) with what goes wrong there, and the true account of who wrote what."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, Protocol

from fakes import CENSUS_USER, HUMAN_USER, TOOL_USER, FakeRecordStore

from rollout.domain.effects import Answer, No, Unknown
from rollout.domain.errors import ServiceUnreachable
from rollout.ports import Row, RowResult, Table

from .clocks import WorldTime
from .dice import Dice
from .network import Witness
from .violation import require

EXISTING = ("k0", "k1", "k2", "k3")
QUEUE = ("k1", "k2", "k4", "k5", "k6", "k7", "k8")
"""Keys the syncs write: some are there already, some are not."""
SECOND_QUEUE = ("k0", "k2", "k3")
COLUMNS = ("Name", "Flag__c")


class RowWitness(Witness, Protocol):
    """Knows also whether the rows were looked at between the intent to write them and the writing."""

    has_looked: bool

    def looked(self) -> None: ...


class Target(FakeRecordStore):
    """Rows by id. `first` are those of the beginning: they may be restored, never deleted."""

    def __init__(
        self, time: WorldTime, dice: Dice, witness: RowWitness, border: Callable[[str], None]
    ) -> None:
        super().__init__(time)  # type: ignore[arg-type]  # a clock is what tells now
        self.dice, self.time_, self.witness_, self.border = dice, time, witness, border
        for number, key in enumerate(EXISTING):
            self.put(key, HUMAN_USER, Name=f"old {number}", Flag__c=False)
        self.first = frozenset(self.rows)
        self.last_read: dict[str, Row] = {}

    def lands(self, key: str, sync: str) -> None:
        """A row that a sync writes; a repeated one changes nothing, as Census sends changes only."""
        wanted: dict[str, Any] = {"Name": f"{sync} {key}", "Flag__c": sync == "a"}
        row = next((r for r in self.rows.values() if r["Key__c"] == key), None)
        if row is None or any(row.get(name) != value for name, value in wanted.items()):
            self.put(key, CENSUS_USER, **wanted)

    def edited_by_others(self) -> None:
        keys = sorted(str(r["Key__c"]) for r in self.rows.values())
        if keys:
            key = self.dice.pick("edited", keys)
            self.put(key, HUMAN_USER, Name=f"edited {int(self.dice.between('edit', 0, 99))}")

    def query(self, soql: str, *, max_rows: int = 50_000, deleted_too: bool = False) -> Table:
        self.border("before soql")
        if self.dice.fires("target_down"):
            raise ServiceUnreachable("salesforce: timed out")
        table = super().query(soql, max_rows=max_rows, deleted_too=deleted_too)
        self.last_read = {name: dict(row) for name, row in self.rows.items()}
        self.witness_.looked()
        self.border("after soql")
        return table

    def update(self, object_name: str, rows: Sequence[Row]) -> Answer[list[RowResult]]:
        return self._written("restore", [str(r["Id"]) for r in rows], rows)

    def delete(self, object_name: str, ids: Sequence[str]) -> Answer[list[RowResult]]:
        return self._written("delete", ids, [])

    def _written(
        self, action: str, ids: Sequence[str], rows: Sequence[Row]
    ) -> Answer[list[RowResult]]:
        self.border(f"before {action}")
        intent = self.witness_.sent(action, "Thing__c")
        if self.dice.fires("target_down"):
            self.witness_.seemed(intent, "no", 30.0)
            return No("503 busy", retry_after_s=30.0)
        if self.dice.fires("write_lost", times=0.5):
            self.witness_.seemed(intent, "unknown", 0)
            return Unknown("timed out")
        for record in ids:
            self._allowed(action, record)
        self.stubborn = {
            record: "UNABLE_TO_LOCK_ROW" for record in ids if self.dice.fires("write_refused")
        }
        self.witness_.took_effect(intent, action)
        by_id = {str(r["Id"]): r for r in rows}
        what = "update" if action == "restore" else "delete"
        results = [self._one(what, record, by_id.get(record, {})) for record in ids]
        self.border(f"after {action}")
        if self.dice.fires("write_lost", times=0.5):
            self.witness_.seemed(intent, "unknown", 0)
            return Unknown("timed out")
        self.witness_.seemed(intent, "yes", 0)
        from rollout.domain.effects import Yes

        return Yes(results)

    def _allowed(self, action: str, record: str) -> None:
        """A rollback undoes what the syncs did and nothing else."""
        row = self.rows.get(record)
        if row is None:
            return
        if action == "delete":
            require(
                record not in self.first, "12", f"row {row['Key__c']} was there before: deleted"
            )
        seen = self.last_read.get(record, {})
        is_unseen = seen.get("LastModifiedDate") != row["LastModifiedDate"]
        ours = row["LastModifiedById"] in {CENSUS_USER, TOOL_USER}
        excused = is_unseen and self.witness_.has_looked  # changed after the last look there can be
        require(ours or excused, "12", f"{action} over somebody else's change of {row['Key__c']}")
