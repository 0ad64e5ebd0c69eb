"""Statements of a `compare` that count rows and keys before any row is held against another."""

from __future__ import annotations

from sqlglot import exp

from rollout.checks.compare_inputs import Side
from rollout.checks.compare_parts import STAR, any_null, from_side, listed, named, number, total
from rollout.checks.population import SAMPLE_ROWS
from rollout.checks.statements import as_text, call, column, hash_of


def sizes(source: Side, target: Side) -> exp.Select:
    """One row: source_rows, null_source_keys, target_rows, null_target_keys. Nearly free: row
    counts and NULL counts are in the files' statistics."""

    def counted(side: Side, name: str) -> exp.Subquery:
        # for one column COUNT(key) is in the files' statistics, a test of each row is not
        null: exp.Expr = exp.CountIf(this=any_null(side.keys))
        if len(side.keys) == 1:
            null = exp.Sub(
                this=exp.Count(this=STAR), expression=exp.Count(this=side.keys[0].copy())
            )
        counts = [named(exp.Count(this=STAR), f"{name}_rows"), named(null, f"null_{name}_keys")]
        return from_side(side, counts).subquery(f"{name}_side")

    return (
        exp.select("*")
        .from_(counted(source, "source"))
        .join(counted(target, "target"), join_type="cross")
    )


def fingerprints(source: Side, target: Side) -> exp.Select:
    """One row: rows and the exclusive-or of all row hashes of each side; equal fingerprints of
    tables with unique keys mean equal tables (but for a chance of 2**-64)."""

    def printed(side: Side, name: str) -> exp.Subquery:
        rows = from_side(side, []).select(
            named(exp.Count(this=STAR), f"{name}_rows"),
            named(
                call("BIT_XOR", hash_of([*side.keys, *side.values])),
                f"{name}_print",
            ),
        )
        return rows.subquery(f"{name}_side")

    return (
        exp.select("*")
        .from_(printed(source, "source"))
        .join(printed(target, "target"), join_type="cross")
    )


def repeated(source: Side, target: Side, *, only_listed: bool = False) -> exp.Select:
    """One row: rows, NULL keys and keys that occur more than once, of each side, exactly."""

    def counted(side: Side, name: str) -> exp.Subquery:
        keys = [exp.alias_(key, f"k{i}") for i, key in enumerate(side.keys)]
        key_names = [column(f"k{i}") for i in range(len(keys))]
        groups = from_side(side, keys, only=listed(side) if only_listed else None).subquery("keyed")
        grouped = (
            exp.select(*key_names, named(exp.Count(this=STAR), "n"))
            .from_(groups)
            .group_by(*key_names)
        ).subquery("grouped")
        null, n = any_null(key_names), column("n")
        several = exp.and_(exp.GT(this=n, expression=number(1)), exp.not_(null))
        return (
            exp.select(
                named(total(n), f"{name}_rows"),
                named(
                    total(exp.Case().when(null.copy(), n.copy()).else_(number(0))),
                    f"null_{name}_keys",
                ),
                named(exp.CountIf(this=several), f"duplicate_{name}_keys"),
            )
            .from_(grouped)
            .subquery(f"{name}_side")
        )

    return (
        exp.select("*")
        .from_(counted(source, "source"))
        .join(counted(target, "target"), join_type="cross")
    )


def repeated_keys(source: Side, target: Side, *, only_listed: bool = False) -> exp.Expr:
    """Rows side, key columns k0…, n: the keys that occur most often, as evidence."""

    def seen(side: Side, name: str) -> exp.Select:
        keys = [exp.alias_(as_text(key), f"k{i}") for i, key in enumerate(side.keys)]
        key_names = [column(f"k{i}") for i in range(len(keys))]
        rows = from_side(side, keys, only=listed(side) if only_listed else None).subquery("keyed")
        return (
            exp.select(
                named(exp.Literal.string(name), "side"),
                *key_names,
                named(exp.Count(this=STAR), "n"),
            )
            .from_(rows)
            .group_by(*key_names)
            .having(
                exp.or_(
                    exp.GT(this=exp.Count(this=STAR), expression=number(1)), any_null(key_names)
                )
            )
        )

    both = exp.union(seen(source, "source"), seen(target, "target"), distinct=False)
    order = [exp.Ordered(this=column("n"), desc=True), column("side"), column("k0")]
    return exp.select("*").from_(both.subquery("both")).order_by(*order).limit(SAMPLE_ROWS)
