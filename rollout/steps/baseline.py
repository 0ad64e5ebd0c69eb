"""The values before the change, of the keys that will change: what a rollback gives back."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, ClassVar

import sqlglot
from pydantic import BaseModel, Field, model_validator
from sqlglot import exp

from rollout.domain.instants import to_text
from rollout.domain.literals import soql_texts
from rollout.domain.names import ColumnName, FieldName, ObjectName, RelationName
from rollout.domain.plan import Model
from rollout.domain.restoring import CLOCKS_APART
from rollout.kinds import Done, Failed, Move, StepContext
from rollout.ports import RecordStore, Table
from rollout.steps.quiet import WritesNothing
from rollout.steps.target import our_users

KEYS_PER_QUERY = 200
"""Keys in one SOQL `IN`: 200 UUIDs stay under the 16 kB a request line may have."""

WHOLE_OBJECT_FROM = 2000
"""From this many keys on, reading the whole object is fewer calls than asking by key."""


class BaselineInputs(Model):
    """`fields` of every record of `target` are kept by record id, the `key` field among them: a sync
    may change the key itself.

    With `cohorts` (steps that selected some) or `relation` and its `key_column` in the warehouse,
    only those keys are kept, and keys that the target does not have are remembered as absent."""

    target: ObjectName
    key: FieldName
    fields: list[FieldName] = Field(min_length=1)
    cohorts: list[str] = []
    relation: RelationName | None = None
    key_column: ColumnName | None = None
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
    """Reads the target itself, not its lagging copy. Keys that are not there are kept as absent.

    `theirs` in the document remembers which rows somebody else had changed last, since the rollout
    began: what they made of a row is not taken back."""

    kind: ClassVar[str] = "capture_baseline"
    Inputs: ClassVar[type[BaseModel]] = BaselineInputs
    outputs: ClassVar[Sequence[str]] = ("present", "absent", "evidence")

    def advance(self, inputs: BaselineInputs, context: StepContext) -> Move:
        keys = [] if inputs.is_whole else _keys(inputs, context)
        if not keys and not inputs.is_whole:
            return Failed("there are no keys to take a baseline of")
        kept = _Kept(inputs, set(keys), our_users(context.plan, inputs.target), _since(context))
        for table in _read(context.connections.record_store(inputs.on), inputs, keys):
            problem = kept.take(table)
            if problem is not None:
                return Failed(problem)
        absent = sorted(kept.wanted - kept.found)
        if not kept.rows and not absent:
            return Failed(f"{inputs.target} holds no record at all: there is no baseline to take")
        digest = context.evidence.put(kept.document(absent, context.now))
        return Done({"present": len(kept.rows), "absent": len(absent), "evidence": digest})


@dataclass
class _Kept:
    """Rows as they come in, page by page."""

    inputs: BaselineInputs
    wanted: set[str]
    ours: set[str]
    since: str
    rows: dict[str, list[Any]] = field(default_factory=dict)
    theirs: dict[str, list[str]] = field(default_factory=dict)
    found: set[str] = field(default_factory=set)

    def take(self, table: Table) -> str | None:
        """Why there is no baseline, None as long as there is one."""
        whole = self.inputs.is_whole
        if table.truncated:
            return f"{self.inputs.target} has over {len(table.rows)} rows: part is no baseline"
        for record, by, at, *values in table.rows:
            key = str(values[0])
            if not whole and key not in self.wanted:
                continue
            if not whole and key in self.found:
                return f"{key} is in {self.inputs.target} twice; a baseline needs one"
            self.found.add(key)
            self.rows[str(record)] = values
            if by not in self.ours and at is not None and str(at) >= self.since:
                self.theirs[str(record)] = [str(by or ""), str(at)]
        return None

    def document(self, absent: list[str], now: datetime) -> dict[str, Any]:
        return {
            "object": self.inputs.target,
            "key": self.inputs.key,
            "fields": [self.inputs.key, *self.inputs.fields],
            "rows": dict(sorted(self.rows.items())),
            "theirs": self.theirs,
            "absent": absent,
            "whole": self.inputs.is_whole,
            "taken_at": now,
        }


def _since(context: StepContext) -> str:
    """No change before the rollout began is of any interest to it."""
    return to_text((context.facts.began_at() - CLOCKS_APART).replace(microsecond=0))


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
    hidden = ["Id", "LastModifiedById", "LastModifiedDate"]
    columns = ", ".join([*hidden, inputs.key, *inputs.fields])
    select = f"SELECT {columns} FROM {inputs.target}"  # noqa: S608 - names of the validated plan
    if inputs.is_whole or len(keys) >= WHOLE_OBJECT_FROM:
        yield store.query(select, max_rows=1_000_000)
        return
    for start in range(0, len(keys), KEYS_PER_QUERY):
        literals = soql_texts(keys[start : start + KEYS_PER_QUERY])
        yield store.query(f"{select} WHERE {inputs.key} IN ({literals})")
