"""`rows`: a query that must return none; the rows it returns are the evidence."""

from __future__ import annotations

from collections.abc import Mapping
from typing import ClassVar

from pydantic import BaseModel

from rollout.checks.population import SAMPLE_ROWS, count, named, only_row, sample, source, too_few
from rollout.checks.sql import AskedInputs, counts_in, guarded
from rollout.checks.written import filled
from rollout.domain.evidence import Observation
from rollout.kinds import CheckContext
from rollout.ports import Row

_COUNT = "rollout_found"

__all__ = ["Rows", "RowsInputs"]


class RowsInputs(AskedInputs):
    """`sql` selects what must not be there; `of` names what was searched."""


class Rows:
    """Counts every bad row and keeps the first of them. The share is of the first relation of `of`."""

    kind: ClassVar[str] = "rows"
    Inputs: ClassVar[type[BaseModel]] = RowsInputs
    primary: ClassVar[str | None] = "rows"
    metrics: ClassVar[Mapping[str, str] | None] = {
        "rows": "rows that the query found",
        "population": "rows of the first relation the question is about",
        "share": "rows / population, 0..1",
    }
    default_go: ClassVar[Mapping[str, str]] = {"rows": "= 0"}

    def observe(self, inputs: RowsInputs, context: CheckContext) -> Observation:
        relations = named(inputs.of)
        counting = "\n".join([f"SELECT COUNT(*) AS {_COUNT}", "FROM (", inputs.sql, ") AS found"])
        statement = guarded(counting, relations)
        row = only_row(
            context.connections.warehouse(inputs.on).query(
                statement, inputs.parameters or None, max_rows=2, timeout_s=context.timeout_s
            )
        )
        found = count(row.get(_COUNT), "the number of rows found")
        populations = counts_in(row, relations)
        population = populations[relations[0]]
        return Observation(
            metrics={
                "rows": found,
                "population": population,
                "share": found / population if population else None,
            },
            source=source(inputs.on, relations),
            query=statement,
            sample=_examples(inputs, context) if found else [],
            detail={"parameters": inputs.parameters, "searched": populations},
            problem=too_few(populations, filled(inputs.at_least, "at_least")),
        )


def _examples(inputs: RowsInputs, context: CheckContext) -> list[Row]:
    """A second statement, sent only when there is something to show."""
    first = "\n".join(["SELECT *", "FROM (", inputs.sql, f") AS found LIMIT {SAMPLE_ROWS}"])
    table = context.connections.warehouse(inputs.on).query(
        first, inputs.parameters or None, max_rows=SAMPLE_ROWS, timeout_s=context.timeout_s
    )
    return sample(table.dicts())
