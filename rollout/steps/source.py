"""Narrow the view a sync reads to a cohort, and give it back its own definition."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, ClassVar

import sqlglot
from pydantic import BaseModel
from sqlglot import exp

from rollout.domain.effects import Answer
from rollout.domain.errors import KindMisused
from rollout.domain.names import ColumnName, RelationName
from rollout.domain.plan import Model
from rollout.kinds import Act, Done, Effect, Failed, Move, Remember, StepContext
from rollout.steps.quiet import SentAgain

DIALECT = "databricks"
_ALIAS = "restricted_by_rollout"
"""Names the sub-query of a restricted view: how a restriction of ours is recognised."""


class RestrictSourceInputs(Model):
    """`view` keeps only rows whose `key` is in the cohort that step `to` selected."""

    view: RelationName
    to: str
    key: ColumnName
    on: str = "warehouse"


class RestoreSourceInputs(Model):
    """`restricted_by` names the restrict_source step whose original definition comes back."""

    restricted_by: str
    on: str = "warehouse"


class _Source(SentAgain):
    writes: ClassVar[bool] = True
    has_undo: ClassVar[bool] = True
    outputs: ClassVar[Sequence[str]] = ("rows", "evidence")

    def perform(self, effect: Effect, inputs: Any, context: StepContext) -> Answer[Any]:
        document = context.evidence.get(effect.request["definition"])
        statement = f"CREATE OR REPLACE VIEW {effect.target} AS {document['select']}"
        return context.connections.warehouse(inputs.on).execute(statement)


class RestrictSource(_Source):
    """Replaces the view by itself, joined to the cohort. The original is evidence; undo restores it,
    and keeps what stood there instead."""

    kind: ClassVar[str] = "restrict_source"
    Inputs: ClassVar[type[BaseModel]] = RestrictSourceInputs

    def advance(self, inputs: RestrictSourceInputs, context: StepContext) -> Move:
        if "original" not in context.memory:
            return Remember({"original": context.evidence.put(_original(inputs, context))})
        keys = context.facts.evidence_of_step(inputs.to)["keys"]
        if "narrowed" not in context.memory:
            original = context.evidence.get(context.memory["original"])
            narrowed = {"view": inputs.view, "select": narrow(original["select"], inputs.key, keys)}
            return Remember({"narrowed": context.evidence.put(narrowed)})
        return _replaced("narrow", inputs.view, context.memory["narrowed"], context) or Done(
            {"rows": len(keys), "evidence": context.memory["original"]}
        )

    def undo(self, inputs: RestrictSourceInputs, context: StepContext) -> Move:
        original = context.forward_memory.get("original")
        if original is None:
            return Done({})
        if "found" not in context.memory:
            there = context.connections.warehouse(inputs.on).view_definition(inputs.view)
            if there == context.evidence.get(original)["select"]:
                return Done({"evidence": original})
            # Whatever stands there is overwritten, and kept: it may be somebody's correction.
            found = context.evidence.put({"view": inputs.view, "select": there})
            return Remember({"found": found})
        return _replaced("restore", inputs.view, original, context) or Done(
            {"evidence": original, "overwritten": context.memory["found"]}
        )


class RestoreSource(_Source):
    """Gives the view its original definition back. A rollback wants the same, so undo does nothing."""

    kind: ClassVar[str] = "restore_source"
    Inputs: ClassVar[type[BaseModel]] = RestoreSourceInputs

    def advance(self, inputs: RestoreSourceInputs, context: StepContext) -> Move:
        original = context.facts.evidence_of_step(inputs.restricted_by)
        digest = context.evidence.put(original)
        return _replaced("restore", original["view"], digest, context) or Done({"evidence": digest})

    def undo(self, inputs: RestoreSourceInputs, context: StepContext) -> Move:
        return Done({})


def narrow(select: str, key: str, keys: Sequence[str]) -> str:
    """The definition, restricted to `keys`. Values enter as literals of the parsed statement.

    >>> narrow("SELECT id, n FROM t", "id", ["a'b"])
    "SELECT * FROM (SELECT id, n FROM t) AS restricted_by_rollout WHERE id IN ('a\\\\'b')"
    """
    inner = sqlglot.parse_one(select, read=DIALECT)
    values = [exp.Literal.string(k) for k in keys]
    outer = (
        exp.select("*")
        .from_(exp.Subquery(this=inner, alias=exp.TableAlias(this=exp.to_identifier(_ALIAS))))
        .where(exp.In(this=exp.column(key), expressions=values))
    )
    return outer.sql(dialect=DIALECT)


def _original(inputs: RestrictSourceInputs, context: StepContext) -> dict[str, str]:
    """The view's own definition; of an attempt that finds our restriction, the one kept before."""
    select = context.connections.warehouse(inputs.on).view_definition(inputs.view)
    if _ALIAS not in select:
        return {"view": inputs.view, "select": select}
    try:
        kept: dict[str, str] = context.facts.evidence_of_step(context.step)
    except KeyError:
        raise KindMisused(
            f"{inputs.view} is still restricted by an attempt that did not finish: roll back first"
        ) from None
    return kept


def _replaced(name: str, view: str, definition: str, context: StepContext) -> Move | None:
    """The move that replaces the view, None once it is done."""
    settled = context.settled.get(name)
    if settled is None:
        request = {"definition": definition}
        return Act(Effect(name=name, action="replace_view", target=view, request=request))
    if not settled.took_place:
        return Failed(f"{view} could not be replaced: {settled.detail}")
    return None
