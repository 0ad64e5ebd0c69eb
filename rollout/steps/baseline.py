"""The values before the change, of the keys that will change: what a rollback gives back."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any, ClassVar

import sqlglot
from pydantic import BaseModel, Field, model_validator
from sqlglot import exp

from rollout.domain.plan import Model
from rollout.kinds import Done, Failed, Move, StepContext
from rollout.ports import RecordStore, Table
from rollout.steps.quiet import WritesNothing

KEYS_PER_QUERY = 200
"""Keys in one SOQL `IN`: 200 UUIDs stay under the 16 kB a request line may have."""

WHOLE_OBJECT_FROM = 2000
"""From this many keys on, reading the whole object is fewer calls than asking by key."""


class BaselineInputs(Model):
    """`fields` of every record of `target` are kept by record id, the `key` field among them: a sync
    may change the key itself.

    With `cohorts` (steps that selected some) or `relation` and its `key_column` in the warehouse,
    only those keys are kept, and keys that the target does not have are remembered as absent."""

    target: str
    key: str
    fields: list[str] = Field(min_length=1)
    cohorts: list[str] = []
    relation: str | None = None
    key_column: str | None = None
    on: str = "salesforce"
    warehouse: str = "warehouse"

    @model_validator(mode="after")
    def _one_source(self) -> BaselineInputs:
        if self.cohorts and self.relation is not None:
            raise ValueError("give `cohorts`, or `relation` with `key_column`, or neither")
        if (self.relation is None) != (self.key_column is None):
            raise ValueError("`relation` and `key_column` belong together")
        return self

    @property
    def is_whole(self) -> bool:
        """Every record of the target, whatever its key."""
        return not self.cohorts and self.relation is None


class CaptureBaseline(WritesNothing):
    """Reads the target itself, not its lagging copy. Keys that are not there are kept as absent."""

    kind: ClassVar[str] = "capture_baseline"
    Inputs: ClassVar[type[BaseModel]] = BaselineInputs
    outputs: ClassVar[Sequence[str]] = ("present", "absent", "evidence")

    def advance(self, inputs: BaselineInputs, context: StepContext) -> Move:
        keys = [] if inputs.is_whole else _keys(inputs, context)
        if not keys and not inputs.is_whole:
            return Failed("there are no keys to take a baseline of")
        store = context.connections.record_store(inputs.on)
        rows: dict[str, list[Any]] = {}
        wanted = set(keys)
        found: set[str] = set()
        for table in _read(store, inputs, keys):
            if table.truncated:
                return Failed(
                    f"{inputs.target} has over {len(table.rows)} rows: part is no baseline"
                )
            for record, *values in table.rows:
                key = str(values[0])
                if not inputs.is_whole and key not in wanted:
                    continue
                if not inputs.is_whole and key in found:
                    return Failed(f"{key} is in {inputs.target} twice; a baseline needs one")
                found.add(key)
                rows[str(record)] = values
        absent = sorted(wanted - found)
        if not rows and not absent:
            return Failed(f"{inputs.target} holds no record at all: there is no baseline to take")
        document = {
            "object": inputs.target,
            "key": inputs.key,
            "fields": [inputs.key, *inputs.fields],
            "rows": dict(sorted(rows.items())),
            "absent": absent,
            "whole": inputs.is_whole,
            "taken_at": context.now,
        }
        digest = context.evidence.put(document)
        return Done({"present": len(rows), "absent": len(absent), "evidence": digest})


def _keys(inputs: BaselineInputs, context: StepContext) -> list[str]:
    if inputs.cohorts:
        cohorts = [context.facts.evidence_of_step(step)["keys"] for step in inputs.cohorts]
        return sorted({key for keys in cohorts for key in keys})
    query = exp.select(inputs.key_column or "").from_(
        sqlglot.parse_one(inputs.relation or "", into=exp.Table, read="databricks")
    )
    table = context.connections.warehouse(inputs.warehouse).query(
        query.sql(dialect="databricks"), max_rows=1_000_000
    )
    return sorted({str(row[0]) for row in table.rows if row[0] is not None})


def _read(store: RecordStore, inputs: BaselineInputs, keys: Sequence[str]) -> Iterator[Table]:
    columns = ", ".join(["Id", inputs.key, *inputs.fields])
    select = f"SELECT {columns} FROM {inputs.target}"  # noqa: S608 - names of the validated plan
    if inputs.is_whole or len(keys) >= WHOLE_OBJECT_FROM:
        yield store.query(select, max_rows=1_000_000)
        return
    for start in range(0, len(keys), KEYS_PER_QUERY):
        literals = ", ".join(_literal(k) for k in keys[start : start + KEYS_PER_QUERY])
        yield store.query(f"{select} WHERE {inputs.key} IN ({literals})")


def _literal(value: str) -> str:
    """A SOQL text literal; a backslash and a quote are escaped."""
    escaped = value.replace("\\", "\\\\").replace("'", "\\'")
    return f"'{escaped}'"
