"""`freshness`: how old the newest row of a table or copy is."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Annotated, ClassVar

from pydantic import BaseModel, Field
from sqlglot import exp

from rollout.checks.population import AtLeast, count, instant_in, only_row, source, too_few
from rollout.checks.statements import (
    ConditionText,
    RelationName,
    column,
    parsed_condition,
    relation,
    render,
)
from rollout.checks.written import filled
from rollout.domain.evidence import Observation
from rollout.domain.instants import to_text
from rollout.domain.plan import Duration, Model
from rollout.kinds import CheckContext


class FreshnessInputs(Model):
    """The newest `column` of `relation`, of the rows `where` selects; `ahead`: how far clocks may
    differ before an instant in the future makes the answer worthless."""

    on: str = "warehouse"
    relation: RelationName
    column: Annotated[str, Field(min_length=1)]
    where: ConditionText | None = None
    at_least: AtLeast = 1
    ahead: Duration = timedelta(minutes=5)


class Freshness:
    """Age of the newest row, by the warehouse's own clock at the moment it answers."""

    kind: ClassVar[str] = "freshness"
    Inputs: ClassVar[type[BaseModel]] = FreshnessInputs
    primary: ClassVar[str | None] = "age_s"
    metrics: ClassVar[Mapping[str, str] | None] = {
        "age_s": "seconds since the newest row; up to `ahead` below zero when clocks differ",
        "rows": "rows that were looked at",
    }
    default_go: ClassVar[Mapping[str, str]] = {}

    def observe(self, inputs: FreshnessInputs, context: CheckContext) -> Observation:
        statement = _statement(inputs)
        row = only_row(
            context.connections.warehouse(inputs.on).query(
                statement, max_rows=2, timeout_s=context.timeout_s
            )
        )
        rows = count(row["rows_seen"], "a number of rows")
        newest = instant_in(row["newest"])
        asked_at = instant_in(row["asked_at"])
        age_s = (asked_at - newest).total_seconds() if asked_at and newest else None
        problem = too_few({inputs.relation: rows}, filled(inputs.at_least, "at_least"))
        return Observation(
            metrics={"age_s": age_s, "rows": rows},
            source=source(inputs.on, [inputs.relation]),
            query=statement,
            as_of=newest,
            detail={"newest": row["newest"], "asked_at": row["asked_at"]},
            problem=problem or _unreadable(inputs, newest, asked_at),
        )


def _statement(inputs: FreshnessInputs) -> str:
    asked = exp.select(
        exp.alias_(exp.Count(this=exp.Star()), "rows_seen"),
        exp.alias_(exp.Max(this=column(inputs.column)), "newest"),
        exp.alias_(exp.CurrentTimestamp(), "asked_at"),
    ).from_(relation(inputs.relation))
    if inputs.where is not None:
        asked = asked.where(parsed_condition(inputs.where))
    return render(asked)


def _unreadable(
    inputs: FreshnessInputs, newest: datetime | None, now: datetime | None
) -> str | None:
    if newest is None:
        return f"no row of {inputs.relation} has an instant in {inputs.column}"
    if now is None:
        return "the warehouse did not say what time it is"
    if newest - now > inputs.ahead:
        return (
            f"the newest {inputs.column} is {to_text(newest)}, in the future of {to_text(now)}:"
            " the age of the rest cannot be told"
        )
    return None
