"""What an author writes for a `compare`, and what it means: two sides, keys, pairs of columns."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Annotated, Self

from pydantic import BeforeValidator, Field, model_validator
from sqlglot import exp

from rollout.checks.population import AtLeast
from rollout.checks.statements import (
    ConditionText,
    QueryText,
    RelationName,
    TypeName,
    as_text,
    column,
    parsed_condition,
    parsed_query,
    parsed_type,
    relation,
)
from rollout.domain.plan import Model

LARGE_FROM = 200_000
"""Rows from which hashes are compared first. Source: bench/compare.py; below about 100,000 rows the
single pass is faster, and its memory only matters far above."""


def _as_pairs(value: object) -> object:
    """A name or a list of names means the same name on both sides."""
    if isinstance(value, str):
        return {value: value}
    if isinstance(value, list | tuple) and all(isinstance(name, str) for name in value):
        if len(set(value)) < len(value):
            raise ValueError("a column is named twice")
        return {name: name for name in value}
    return value


Pairs = Annotated[
    dict[str, str],
    Field(min_length=1),
    BeforeValidator(_as_pairs, json_schema_input_type=str | list[str] | dict[str, str]),
]
"""Source column -> target column; a name or a list when they are called the same."""


class Restrictions(Model):
    """Which rows of each side count, as after WHERE."""

    source: ConditionText | None = None
    target: ConditionText | None = None


class CompareInputs(Model):
    """Two relations (or queries, `source_sql`, `target_sql`), joined by `key`, compared by `columns`.

    `types` (source column -> Databricks type) casts both sides first, `tolerance` is the largest
    difference of two numbers that still agree, `blank_is_null` (all columns, or a list) reads texts
    of nothing but spaces as NULL. `only_keys_of` names a step whose document lists the keys to look at.
    `trust_unique_keys`: something else guarantees unique keys; equal tables then cost one scan, and
    duplicates are not counted (None).
    """

    on: str = "warehouse"
    source: RelationName | None = None
    source_sql: QueryText | None = None
    target: RelationName | None = None
    target_sql: QueryText | None = None
    key: Pairs
    columns: Pairs
    where: Restrictions = Restrictions()
    only_keys_of: str | None = None
    types: dict[str, TypeName] = {}
    tolerance: dict[str, Annotated[float, Field(ge=0, allow_inf_nan=False)]] = {}
    blank_is_null: bool | list[str] = False
    at_least: AtLeast = 1
    large_from: Annotated[int, Field(ge=0)] = LARGE_FROM
    trust_unique_keys: bool = False

    @model_validator(mode="after")
    def _two_sides(self) -> Self:
        for side in ("source", "target"):
            if (getattr(self, side) is None) == (getattr(self, f"{side}_sql") is None):
                raise ValueError(f"give either `{side}` or `{side}_sql`")
        if self.only_keys_of is not None and len(self.key) != 1:
            raise ValueError("`only_keys_of` needs a key of one column")
        return self

    @model_validator(mode="after")
    def _known_columns(self) -> Self:
        blanks = self.blank_is_null if isinstance(self.blank_is_null, list) else []
        for option, names in (
            ("tolerance", set(self.tolerance)),
            ("blank_is_null", set(blanks)),
            ("types", set(self.types) - set(self.key)),
        ):
            unknown = sorted(names - set(self.columns))
            if unknown:
                raise ValueError(
                    f"`{option}` names {unknown[0]!r}, which `columns` does not compare"
                )
        return self

    @property
    def relations(self) -> list[str]:
        """What evidence names: relations, or `query`."""
        return [self.source or "source query", self.target or "target query"]


@dataclass(frozen=True)
class Side:
    """One side, ready to be asked: where its rows come from, and its keys and values as compared."""

    rows: exp.Expr
    where: exp.Expr | None
    keys: list[exp.Expr]
    values: list[exp.Expr]


def sides(inputs: CompareInputs) -> tuple[Side, Side]:
    """Source and target."""
    source = _side(inputs, inputs.source, inputs.source_sql, inputs.where.source, of_target=False)
    target = _side(inputs, inputs.target, inputs.target_sql, inputs.where.target, of_target=True)
    return source, target


def _side(
    inputs: CompareInputs,
    name: str | None,
    query: str | None,
    where: str | None,
    *,
    of_target: bool,
) -> Side:
    def compared(pairs: Mapping[str, str]) -> list[exp.Expr]:
        return [
            _compared(inputs, label, column(there if of_target else label))
            for label, there in pairs.items()
        ]

    rows: exp.Expr
    rows = parsed_query(query).subquery("asked") if query is not None else relation(name or "")
    return Side(
        rows=rows,
        where=parsed_condition(where) if where is not None else None,
        keys=compared(inputs.key),
        values=compared(inputs.columns),
    )


def _compared(inputs: CompareInputs, label: str, value: exp.Expr) -> exp.Expr:
    """A value as both sides must have it to agree; `label` is the source's name for it."""
    blanks = inputs.blank_is_null
    if label in inputs.columns and (label in blanks if isinstance(blanks, list) else blanks):
        is_blank = exp.EQ(this=exp.Trim(this=as_text(value)), expression=exp.Literal.string(""))
        value = exp.Case().when(is_blank, exp.null()).else_(value)
    if label in inputs.types:
        value = exp.Cast(this=value, to=parsed_type(inputs.types[label]))
    return value
