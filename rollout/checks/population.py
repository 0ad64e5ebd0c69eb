"""Whether there was anything to look at: a question about nothing has no answer, and never passes."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, datetime
from typing import Annotated

from pydantic import BeforeValidator, Field
from sqlglot import exp

from rollout.checks.statements import RelationName, relation
from rollout.checks.written import Reference
from rollout.domain.errors import ServiceGarbled
from rollout.domain.evidence import Scalar
from rollout.ports import Row, Table

SAMPLE_ROWS = 20
"""Rows of evidence at most. Source: the contract of Observation."""


def _not_a_bool(value: object) -> object:
    if isinstance(value, bool):
        raise ValueError("a number of rows is wanted, not true or false")
    return value


AtLeast = Annotated[Annotated[int, Field(ge=1)] | Reference, BeforeValidator(_not_a_bool)]
"""Rows that must be there for an answer to mean anything; never none."""
Relations = RelationName | Annotated[list[RelationName], Field(min_length=1)]
"""What a question is about. The first one is the population of shares."""


def named(relations: Relations) -> list[str]:
    """Always a list, in the order written, each once."""
    return [relations] if isinstance(relations, str) else list(dict.fromkeys(relations))


def count_of(name: str) -> exp.Subquery:
    """A scalar subquery: how many rows a relation holds."""
    return exp.select(exp.Count(this=exp.Star())).from_(relation(name)).subquery()


def too_few(rows: Mapping[str, int], at_least: int) -> str | None:
    """The problem when a relation (name -> rows) holds fewer rows than an answer needs.

    >>> too_few({"crm.queue": 0, "crm.copy": 7}, 1)
    'crm.queue is empty: nothing was looked at'
    """
    for name, count in rows.items():
        if count == 0:
            return f"{name} is empty: nothing was looked at"
        if count < at_least:
            return f"{name} holds {count} rows, at least {at_least} are needed for an answer"
    return None


def metric(value: object) -> Scalar:
    """A cell as a metric. NaN, infinity and what is no scalar are nothing, so they cannot pass.

    >>> metric(0.5), metric(float("nan")), metric([1]), metric("no")
    (0.5, None, None, 'no')
    """
    if isinstance(value, float):
        return value if math.isfinite(value) else None
    return value if isinstance(value, bool | int | str) else None


def count(value: object, what: str) -> int:
    """A cell that must be a number of rows. Raises: ServiceGarbled."""
    if isinstance(value, float) and value.is_integer():
        value = int(value)
    if isinstance(value, bool) or not isinstance(value, int) or value < 0:
        raise ServiceGarbled(f"the warehouse answered {value!r} where {what} was asked for")
    return value


def only_row(table: Table) -> Row:
    """The one row of an aggregate query. Raises: ServiceGarbled when there is none or several."""
    if len(table.rows) != 1:
        raise ServiceGarbled(f"one row was asked for, the warehouse answered {len(table.rows)}")
    return table.dicts()[0]


def sample(rows: Iterable[Mapping[str, object]]) -> list[Row]:
    """The first rows as evidence; what JSON cannot hold is written out.

    >>> sample([{"share": float("nan"), "tags": [1]}, {"share": None, "tags": "a"}])
    [{'share': 'nan', 'tags': '[1]'}, {'share': None, 'tags': 'a'}]
    """
    kept = list(rows)[:SAMPLE_ROWS]
    return [{name: _shown(value) for name, value in row.items()} for row in kept]


def instant_in(value: object) -> datetime | None:
    """The instant in a cell, aware and in UTC; a text without an offset is UTC, as warehouses
    write it. None when there is no instant in it.

    >>> instant_in("2026-01-08T18:00:34Z"), instant_in("soon")
    (datetime.datetime(2026, 1, 8, 18, 0, 34, tzinfo=datetime.timezone.utc), None)
    """
    if not isinstance(value, str):
        return None
    try:
        instant = datetime.fromisoformat(value)
    except ValueError:
        return None
    return instant.replace(tzinfo=UTC) if instant.tzinfo is None else instant.astimezone(UTC)


def source(connection: str, relations: Sequence[str]) -> str:
    """What evidence names as its origin."""
    return f"warehouse {connection}: {', '.join(relations)}"


def _shown(value: object) -> Scalar:
    if value is None or isinstance(value, bool | int | str):
        return value
    if isinstance(value, float) and math.isfinite(value):
        return value
    return str(value)
