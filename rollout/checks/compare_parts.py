"""Small pieces that every statement of a `compare` is built from."""

from __future__ import annotations

from collections.abc import Sequence

from sqlglot import exp

from rollout.checks.compare_inputs import Side
from rollout.checks.statements import as_text, listed_keys

KEYS = "keys"
"""The parameter that carries the cohort's keys."""
STAR = exp.Star()


def listed(side: Side) -> exp.Expr:
    """The key is one of the cohort's."""
    return exp.In(this=as_text(side.keys[0].copy()), query=listed_keys(KEYS).subquery())


def from_side(side: Side, named: Sequence[exp.Expr], only: exp.Expr | None = None) -> exp.Select:
    """The side's own rows, and of them only those that `only` lets through."""
    conditions = [c.copy() for c in (side.where, only) if c is not None]
    rows = exp.select(*named).from_(side.rows.copy())
    return rows.where(*(exp.paren(c) for c in conditions)) if conditions else rows


def any_null(values: Sequence[exp.Expr]) -> exp.Expr:
    tests = [exp.Is(this=value.copy(), expression=exp.null()) for value in values]
    return exp.paren(exp.or_(*tests))


def total(value: exp.Expr) -> exp.Expr:
    return exp.func("COALESCE", exp.Sum(this=value), number(0))


def named(value: exp.Expr, name: str) -> exp.Expr:
    return exp.alias_(value, name)


def number(value: int) -> exp.Expr:
    return exp.Literal.number(value)
