"""`sql`: one row of named numbers from the warehouse."""

from __future__ import annotations

from collections.abc import Mapping
from typing import ClassVar, Self

from pydantic import BaseModel, model_validator

from rollout.checks.population import (
    AtLeast,
    Relations,
    count,
    count_of,
    metric,
    named,
    source,
    too_few,
)
from rollout.checks.statements import QueryText, parameters_in, render
from rollout.checks.written import filled
from rollout.domain.evidence import Observation, Scalar
from rollout.domain.plan import Model
from rollout.kinds import CheckContext
from rollout.ports import Row, Table

_GUARD = "rollout_rows_"
"""Prefix of the columns that count the relations, in the same statement as the question."""


class AskedInputs(Model):
    """A query, its `:parameters`, and `of`: the relations it speaks of, which must hold rows."""

    on: str = "warehouse"
    sql: QueryText
    of: Relations
    at_least: AtLeast = 1
    parameters: dict[str, Scalar] = {}

    @model_validator(mode="after")
    def _every_parameter_is_given(self) -> Self:
        used, given = parameters_in(self.sql), set(self.parameters)
        if used != given:
            lacking = ", ".join(f":{name}" for name in sorted(used - given))
            spare = ", ".join(sorted(given - used))
            raise ValueError(
                f"the query uses {lacking}, which `parameters` does not give"
                if lacking
                else f"the query does not use the parameters {spare}"
            )
        return self


class SqlInputs(AskedInputs):
    """`sql` gives exactly one row; every column is a metric of that name."""


class Sql:
    """Named metrics of one row. A query of one column also calls it `value`, so that a condition
    without a name can speak of it; `population` is the number of rows of the first relation."""

    kind: ClassVar[str] = "sql"
    Inputs: ClassVar[type[BaseModel]] = SqlInputs
    primary: ClassVar[str | None] = "value"
    metrics: ClassVar[Mapping[str, str] | None] = None
    default_go: ClassVar[Mapping[str, str]] = {}

    def observe(self, inputs: SqlInputs, context: CheckContext) -> Observation:
        statement = guarded(inputs.sql, named(inputs.of))
        table = context.connections.warehouse(inputs.on).query(
            statement, inputs.parameters or None, max_rows=2, timeout_s=context.timeout_s
        )
        metrics, problem = _read(table, inputs)
        unusable = [
            column
            for row in table.dicts()
            for column, value in row.items()
            if value is not None and metric(value) is None
        ]
        return Observation(
            metrics=metrics,
            source=source(inputs.on, named(inputs.of)),
            query=statement,
            detail={"parameters": inputs.parameters, "not_a_value": unusable},
            problem=problem,
        )


def guarded(sql: str, relations: list[str]) -> str:
    """The author's query, and how many rows each relation holds, in one statement: one round
    trip, one state of the data. The query's own text is sent as written."""
    counts = [
        f"{render(count_of(name), pretty=False)} AS {_GUARD}{place}"
        for place, name in enumerate(relations)
    ]
    return "\n".join(["SELECT asked.*,", ",\n".join(counts), "FROM (", sql, ") AS asked"])


def _read(table: Table, inputs: SqlInputs) -> tuple[dict[str, Scalar], str | None]:
    if len(table.rows) != 1:
        many = "several rows" if table.rows else "no row"
        return {}, f"the query gave {many}, exactly one is wanted"
    row = table.dicts()[0]
    asked = {name: value for name, value in row.items() if not name.startswith(_GUARD)}
    rows = counts_in(row, named(inputs.of))
    metrics = {name: metric(value) for name, value in asked.items()}
    if len(metrics) == 1:
        metrics = {"value": next(iter(metrics.values())), **metrics}
    metrics.setdefault("population", next(iter(rows.values())))
    return metrics, too_few(rows, filled(inputs.at_least, "at_least"))


def counts_in(row: Row, relations: list[str]) -> dict[str, int]:
    """Rows by relation, from the columns that `guarded` added. Raises: ServiceGarbled."""
    return {
        name: count(row.get(f"{_GUARD}{place}"), f"the number of rows of {name}")
        for place, name in enumerate(relations)
    }
