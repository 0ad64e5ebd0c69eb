"""One SQL statement that changes the warehouse, with the statement that takes it back."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, ClassVar

from pydantic import BaseModel

from rollout.domain.effects import Answer
from rollout.domain.plan import Model
from rollout.kinds import Act, Done, Effect, Failed, Found, Move, NotFound, StepContext


class StatementInputs(Model):
    """`statement` and `undo` are Databricks SQL, one statement each."""

    statement: str
    undo: str
    on: str = "warehouse"


class Statement:
    """Never re-sent when its answer was lost: an INSERT sent twice is two rows."""

    kind: ClassVar[str] = "sql"
    Inputs: ClassVar[type[BaseModel]] = StatementInputs
    writes: ClassVar[bool] = True
    has_undo: ClassVar[bool] = True
    outputs: ClassVar[Sequence[str]] = ("rows",)

    def advance(self, inputs: StatementInputs, context: StepContext) -> Move:
        return _once("execute", context)

    def undo(self, inputs: StatementInputs, context: StepContext) -> Move:
        executed = context.forward_settled.get("execute")
        if executed is None or not executed.took_place:
            return Done({})
        return _once("undo", context)

    def perform(self, effect: Effect, inputs: StatementInputs, context: StepContext) -> Answer[Any]:
        text = inputs.undo if effect.name == "undo" else inputs.statement
        return context.connections.warehouse(inputs.on).execute(text)

    def look_up(self, effect: Effect, inputs: Any, context: StepContext) -> Found | NotFound:
        return NotFound("the answer to this statement was lost: look whether it took effect")


def _once(name: str, context: StepContext) -> Move:
    settled = context.settled.get(name)
    if settled is None:
        return Act(Effect(name=name, action="statement", target="warehouse", idempotent=False))
    if not settled.took_place:
        return Failed(f"the statement did not run: {settled.detail}")
    rows = settled.value if isinstance(settled.value, int) else None
    return Done({"rows": rows})
