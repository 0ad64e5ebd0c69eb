"""One number out of what a service answered. What is not a number is nothing, never zero."""

from __future__ import annotations

import math
import re
from typing import Self

from pydantic import field_validator, model_validator

from rollout.checks.statements import parsed_query
from rollout.domain.evidence import Scalar
from rollout.domain.plan import Model
from rollout.kinds import CheckContext
from rollout.ports import Table

Number = int | float

_READS = re.compile(r"select\b", re.IGNORECASE)


def number_of(value: Scalar) -> Number | None:
    """The value when it is a finite number; whole floats as int. Texts and booleans are no numbers.

    >>> number_of(574.0), number_of(0.5), number_of(True), number_of("5"), number_of(float("nan"))
    (574, 0.5, None, None, None)
    """
    if isinstance(value, bool) or not isinstance(value, int | float) or not math.isfinite(value):
        return None
    return int(value) if isinstance(value, float) and value.is_integer() else value


def share(part: Number | None, whole: Number | None) -> float | None:
    """`part / whole`, 0..1; None when either is unknown or the whole is nothing.

    >>> share(5, 690), share(0, 0), share(None, 10)
    (0.007246376811594203, None, None)
    """
    if part is None or whole is None or whole <= 0:
        return None
    return part / whole


class NumberQuery(Model):
    """A query that gives one number: one row, one column. Either `sql` or `soql`; without `on`, of
    the connections `warehouse` and `salesforce`."""

    sql: str | None = None
    soql: str | None = None
    on: str | None = None

    @field_validator("sql")
    @classmethod
    def _sql_reads_only(cls, text: str | None) -> str | None:
        if text is not None:
            parsed_query(text)
        return text

    @field_validator("soql")
    @classmethod
    def _soql_reads_only(cls, text: str | None) -> str | None:
        return text if text is None else only_reading(text)

    @model_validator(mode="after")
    def _one_language(self) -> Self:
        if (self.sql is None) == (self.soql is None):
            raise ValueError("give either `sql` or `soql`")
        return self

    @property
    def connection(self) -> str:
        return self.on or ("warehouse" if self.sql is not None else "salesforce")

    @property
    def text(self) -> str:
        return self.sql or self.soql or ""


def only_reading(soql: str) -> str:
    """One SOQL query, without a closing semicolon. SOQL itself cannot write.

    Raises: ValueError when it does not begin with SELECT.
    """
    query = soql.strip().removesuffix(";").rstrip()
    if not _READS.match(query):
        raise ValueError("a SOQL query is wanted: it begins with SELECT")
    return query


def ask_number(query: NumberQuery, context: CheckContext) -> tuple[Number | None, str | None]:
    """The number, or None and why there is none. Raises: ServiceError, KindMisused."""
    if query.sql is not None:
        warehouse = context.connections.warehouse(query.connection)
        table = warehouse.query(query.sql, max_rows=2, timeout_s=context.timeout_s)
    else:
        table = context.connections.record_store(query.connection).query(query.text, max_rows=2)
    return one_number(table)


def one_number(table: Table) -> tuple[Number | None, str | None]:
    """The single cell of a result as a number, or None and what was found instead."""
    if len(table.rows) != 1 or len(table.columns) != 1 or table.truncated:
        many = "more than " if table.truncated else ""
        shape = f"{many}{len(table.rows)} rows of {len(table.columns)} columns"
        return None, f"one row of one column was wanted, {shape} came"
    cell = table.rows[0][0]
    value = number_of(cell)
    return value, None if value is not None else f"{cell!r} is not a number"
