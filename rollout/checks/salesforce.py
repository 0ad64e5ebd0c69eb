"""`salesforce`: a question to the target's own records, in SOQL."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import ClassVar, Literal

from pydantic import BaseModel, field_validator

from rollout.checks.numbers import number_of, one_number, only_reading
from rollout.domain.errors import KindMisused
from rollout.domain.evidence import Observation, Scalar
from rollout.domain.plan import Model
from rollout.kinds import CheckContext
from rollout.ports import RecordStore, Table

SAMPLE = 20
MOST_ROWS = 50_000

_LITERAL = re.compile(r"'(?:\\.|[^'\\])*'")
_INNERMOST = re.compile(r"\([^()]*\)")
_FROM = re.compile(r"\bFROM\s+([A-Za-z]\w*)", re.IGNORECASE)
_OBJECT = re.compile(r"[A-Za-z]\w*")
_COUNT = "SELECT COUNT() FROM {}"


class SalesforceInputs(Model):
    """A query, how it answers, and the records it is about.

    `one_row`: an aggregate of one row, every alias a metric (`SELECT COUNT()` gives `count`).
    `rows`: records; `count` is how many. `of` is an object or a query with one number; without it,
    all records of the object the query reads.
    """

    soql: str
    of: str | None = None
    returns: Literal["one_row", "rows"] = "one_row"
    on: str = "salesforce"

    @field_validator("soql")
    @classmethod
    def _reads_only(cls, text: str) -> str:
        return only_reading(text)

    @field_validator("of")
    @classmethod
    def _object_or_query(cls, of: str | None) -> str | None:
        return of if of is None or _OBJECT.fullmatch(of) else only_reading(of)


class Salesforce:
    """Metrics by alias. A population of nobody makes the question unanswerable: none of none is
    no finding."""

    kind: ClassVar[str] = "salesforce"
    Inputs: ClassVar[type[BaseModel]] = SalesforceInputs
    primary: ClassVar[str | None] = "count"
    metrics: ClassVar[Mapping[str, str] | None] = None
    default_go: ClassVar[Mapping[str, str]] = {}

    def observe(self, inputs: SalesforceInputs, context: CheckContext) -> Observation:
        store = context.connections.record_store(inputs.on)
        asked_of = population_query(inputs.of, inputs.soql)
        population, nobody = _population(store, asked_of)
        limit = MOST_ROWS if inputs.returns == "rows" else 2
        table = store.query(inputs.soql, max_rows=limit)
        if inputs.returns == "rows":
            metrics, problem = _counted(table)
        else:
            metrics, problem = _row(table)
        return Observation(
            metrics=metrics,
            source=inputs.on,
            query=inputs.soql,
            as_of=context.now,
            sample=table.dicts()[:SAMPLE] if inputs.returns == "rows" else [],
            detail={"population": population, "population_query": asked_of},
            problem="; ".join(p for p in (nobody, problem) if p) or None,
        )


def population_query(of: str | None, soql: str) -> str:
    """The query that counts the records in question.

    Raises: KindMisused when the query names no object.

    >>> population_query(None, "SELECT Id FROM Account WHERE Name = 'x FROM y'")
    'SELECT COUNT() FROM Account'
    """
    if of is not None:
        return _COUNT.format(of) if _OBJECT.fullmatch(of) else of
    bare = _LITERAL.sub("''", soql)
    while _INNERMOST.search(bare):
        bare = _INNERMOST.sub(" ", bare)
    found = _FROM.search(bare)
    if found is None:
        raise KindMisused(f"no object to be found in {soql!r}; name the population with `of`")
    return _COUNT.format(found.group(1))


def _population(store: RecordStore, soql: str) -> tuple[Scalar, str | None]:
    count, problem = one_number(store.query(soql, max_rows=2))
    if problem is not None:
        return None, f"population: {problem}"
    return count, None if count is not None and count > 0 else f"nothing to look at: {soql} gives 0"


def _counted(table: Table) -> tuple[dict[str, Scalar], str | None]:
    if table.truncated:
        return {"count": None}, f"more than {len(table.rows)} records: the answer was cut"
    return {"count": len(table.rows)}, None


def _row(table: Table) -> tuple[dict[str, Scalar], str | None]:
    if len(table.rows) != 1 or table.truncated:
        many = "more than one" if len(table.rows) > 1 or table.truncated else "no"
        return {}, f"one row was wanted, {many} row came"
    cells = table.dicts()[0]
    if not cells:
        return {}, "one row was wanted, a row without columns came"
    return {name: _finite(cell) for name, cell in cells.items()}, None


def _finite(cell: Scalar) -> Scalar:
    return number_of(cell) if isinstance(cell, float) else cell
