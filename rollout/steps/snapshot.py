"""Numbers taken at one moment, so that a later check can say what changed."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import ClassVar

from pydantic import BaseModel, Field, model_validator

from rollout.domain.evidence import Scalar
from rollout.domain.plan import Model
from rollout.kinds import Done, Failed, Move, StepContext
from rollout.steps.quiet import WritesNothing


class Question(Model):
    """One number: a one-row, one-column `sql` on the warehouse, or a `soql` on the target."""

    sql: str | None = None
    soql: str | None = None
    on: str | None = None

    @model_validator(mode="after")
    def _one_way(self) -> Question:
        if (self.sql is None) == (self.soql is None):
            raise ValueError("give either `sql` or `soql`")
        return self


class SnapshotInputs(Model):
    """`metrics`: name -> where the number comes from."""

    metrics: dict[str, Question] = Field(min_length=1)


class Snapshot(WritesNothing):
    """Fails when a number is not there: a snapshot with a hole would make a later check blind."""

    kind: ClassVar[str] = "snapshot"
    Inputs: ClassVar[type[BaseModel]] = SnapshotInputs
    outputs: ClassVar[Sequence[str]] = ("*",)

    def advance(self, inputs: SnapshotInputs, context: StepContext) -> Move:
        taken: dict[str, Scalar] = {}
        for name, question in inputs.metrics.items():
            value = _ask(question, context)
            if value is None:
                return Failed(f"{name} has no value: the query gave no single number")
            taken[name] = value
        digest = context.evidence.put({"taken_at": context.now, "metrics": taken})
        return Done({**taken, "evidence": digest})


def _ask(question: Question, context: StepContext) -> Scalar:
    if question.sql is not None:
        table = context.connections.warehouse(question.on or "warehouse").query(question.sql)
    else:
        store = context.connections.record_store(question.on or "salesforce")
        table = store.query(question.soql or "")
    if len(table.rows) != 1 or len(table.columns) != 1:
        return None
    value = table.rows[0][0]
    return None if isinstance(value, float) and not math.isfinite(value) else value
