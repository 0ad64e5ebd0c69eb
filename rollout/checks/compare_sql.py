"""The statements of a `compare`, in Databricks SQL built as trees.

Both tables stay in the warehouse. A small pair is joined once, whole. A large pair is joined by
64-bit hashes of key and row, two narrow columns; only rows whose hashes differ are then joined and
compared for real, NULL-safe, in the same statement. Hashes can therefore not invent a difference:
the exact join decides; missing one takes two different rows with equal 64-bit hashes.
Source: reference/dataquality.md 2a and 2d, measured again by bench/compare.py.
"""

from __future__ import annotations

from collections.abc import Sequence

from sqlglot import exp

from rollout.checks.compare_inputs import Side
from rollout.checks.compare_parts import STAR, any_null, from_side, listed, named, number, total
from rollout.checks.population import SAMPLE_ROWS
from rollout.checks.statements import as_text, column, hash_of, parameter

FINDINGS = ("mismatched", "missing", "extra")


def whole(
    source: Side,
    target: Side,
    tolerances: Sequence[str | None],
    *,
    only_listed: bool = False,
    count_keys: bool = True,
) -> exp.Select:
    """One pass over both sides, one row: the totals.

    `tolerances`: for every column the name of the parameter with its tolerance, or None.
    `count_keys`: also tell how many keys are distinct.
    """
    joined = _whole_join(source, target, tolerances, only_listed=only_listed)
    totals = _totals(len(source.keys), len(tolerances), count_keys=count_keys)
    return totals.with_("joined", as_=joined)


def whole_examples(
    source: Side, target: Side, tolerances: Sequence[str | None], *, only_listed: bool = False
) -> exp.Select:
    """At most 20 rows that differ, of every kind some. Asked only when there are any."""
    joined = _whole_join(source, target, tolerances, only_listed=only_listed)
    found = _found(len(source.keys))
    return _examples().with_("joined", as_=joined).with_("found", as_=found)


def hashed(source: Side, target: Side, tolerances: Sequence[str | None]) -> exp.Select:
    """The same answer for rows whose hashes differ, and what the hashes say of the rest:
    `equal_pairs`, `source_seen`, `target_seen`, `most_pairs` (more than one: a key repeats)."""
    same = exp.EQ(this=column("row_hash", "s"), expression=column("row_hash", "t"))
    either = exp.func("COALESCE", column("key_hash", "s"), column("key_hash", "t"))
    pairs = (
        exp.select(
            named(exp.Case().when(same, exp.null()).else_(either), "key_hash"),
            named(exp.column("key_hash", table="s", quoted=True), "in_source"),
            named(exp.column("key_hash", table="t", quoted=True), "in_target"),
        )
        .from_(_narrow(source).subquery("s"))
        .join(
            _narrow(target).subquery("t"),
            on=exp.EQ(this=column("key_hash", "s"), expression=column("key_hash", "t")),
            join_type="full outer",
        )
        .subquery("pairs")
    )
    hashes, n = column("key_hash"), column("n")
    differing = (
        exp.select(
            hashes,
            named(exp.Count(this=STAR), "n"),
            named(exp.Count(this=column("in_source")), "source_seen"),
            named(exp.Count(this=column("in_target")), "target_seen"),
        )
        .from_(pairs)
        .group_by(hashes)
    )
    is_equal = exp.Is(this=hashes, expression=exp.null())
    seen = exp.select(
        named(total(exp.Case().when(is_equal, n).else_(number(0))), "equal_pairs"),
        named(exp.Max(this=exp.Case().when(exp.not_(is_equal.copy()), n.copy())), "most_pairs"),
        named(total(column("source_seen")), "source_seen"),
        named(total(column("target_seen")), "target_seen"),
    ).from_("differing")
    wide = [_wide(side, only=_differs(side)) for side in (source, target)]
    keys, columns = len(source.keys), len(tolerances)
    return (
        exp.select("*")
        .with_("differing", as_=differing)
        .with_("seen", as_=seen)
        .with_("joined", as_=_joined(wide, keys, tolerances))
        .with_("totals", as_=_totals(keys, columns, count_keys=False))
        .with_("found", as_=_found(keys))
        .from_("totals")
        .join("seen", join_type="cross")
        .join(_examples().subquery("examples"), on=exp.true(), join_type="left")
    )


def _whole_join(
    source: Side, target: Side, tolerances: Sequence[str | None], *, only_listed: bool
) -> exp.Select:
    wide = [_wide(side, only=listed(side) if only_listed else None) for side in (source, target)]
    return _joined(wide, len(source.keys), tolerances)


def _found(keys: int) -> exp.Select:
    """Every row that differs, numbered within its kind in the order of its key."""
    by_key = [column(f"{side}k{i}") for side in ("s", "t") for i in range(keys)]
    place = exp.Window(
        this=exp.RowNumber(),
        partition_by=[column("finding")],
        order=exp.Order(expressions=by_key),
    )
    kinds = [exp.Literal.string(finding) for finding in FINDINGS]
    differs = exp.In(this=column("finding"), expressions=kinds)
    return exp.select("*", named(place, "place")).from_("joined").where(differs)


def _examples() -> exp.Select:
    return (
        exp.select("*")
        .from_("found")
        .where(exp.LTE(this=column("place"), expression=number(SAMPLE_ROWS)))
        .order_by(column("place"), exp.Ordered(this=column("finding"), desc=True))
        .limit(SAMPLE_ROWS)
    )


def _joined(wide: Sequence[exp.Select], keys: int, tolerances: Sequence[str | None]) -> exp.Select:
    """All pairs and one-sided rows: finding, d<i> (column i differs), keys and values of both."""
    on = exp.and_(
        *(exp.EQ(this=column(f"k{i}", "s"), expression=column(f"k{i}", "t")) for i in range(keys))
    )
    no_source = exp.Is(this=column("present", "s"), expression=exp.null())
    no_target = exp.Is(this=column("present", "t"), expression=exp.null())
    paired = exp.and_(exp.not_(no_source.copy()), exp.not_(no_target.copy()))
    differs = [_differ(i, tolerance) for i, tolerance in enumerate(tolerances)]
    null_key = exp.or_(
        exp.and_(no_target.copy(), any_null([column(f"k{i}", "s") for i in range(keys)])),
        exp.and_(no_source.copy(), any_null([column(f"k{i}", "t") for i in range(keys)])),
    )
    finding = (
        exp.Case()
        .when(null_key, exp.Literal.string("null_key"))
        .when(no_target, exp.Literal.string("missing"))
        .when(no_source, exp.Literal.string("extra"))
        .when(exp.or_(*(d.copy() for d in differs)), exp.Literal.string("mismatched"))
        .else_(exp.Literal.string("same"))
    )
    one, none = number(1), number(0)
    flags = [
        named(exp.Case().when(exp.and_(paired.copy(), d), one.copy()).else_(none.copy()), f"d{i}")
        for i, d in enumerate(differs)
    ]
    shown = [
        named(column(f"{letter}{i}", side), f"{side}{letter}{i}")
        for side in ("s", "t")
        for letter, many in (("k", keys), ("c", len(tolerances)))
        for i in range(many)
    ]
    present = [named(column("present", side), f"in_{side}") for side in ("s", "t")]
    return (
        exp.select(named(finding, "finding"), *present, *flags, *shown)
        .from_(wide[0].subquery("s"))
        .join(wide[1].subquery("t"), on=on, join_type="full outer")
    )


def _totals(keys: int, columns: int, *, count_keys: bool) -> exp.Select:
    def found(finding: str) -> exp.Expr:
        return exp.EQ(this=column("finding"), expression=exp.Literal.string(finding))

    def null_on(side: str) -> exp.Expr:
        here = exp.not_(exp.Is(this=column(f"in_{side}"), expression=exp.null()))
        return exp.CountIf(this=exp.and_(found("null_key"), here))

    counted = [
        named(exp.CountIf(this=exp.not_(found("null_key"))), "keyed"),
        named(null_on("s"), "null_source_keys"),
        named(null_on("t"), "null_target_keys"),
        *(named(exp.CountIf(this=found(finding)), finding) for finding in FINDINGS),
        *(named(total(column(f"d{i}")), f"d{i}_rows") for i in range(columns)),
    ]
    if count_keys:
        key = exp.Case().when(exp.not_(found("null_key")), _one_key(keys))
        counted.append(named(exp.Count(this=exp.Distinct(expressions=[key])), "distinct_keys"))
    return exp.select(*counted).from_("joined")


def _one_key(keys: int) -> exp.Expr:
    """A row's key in one value. Several columns are hashed: a collision only looks like a
    duplicate, and duplicates are then counted exactly."""
    parts: list[exp.Expr] = [
        exp.func("COALESCE", as_text(column(f"sk{i}")), as_text(column(f"tk{i}")))
        for i in range(keys)
    ]
    return parts[0] if keys == 1 else hash_of(parts)


def _differ(place: int, tolerance: str | None) -> exp.Expr:
    here, there = column(f"c{place}", "s"), column(f"c{place}", "t")
    agree: exp.Expr = exp.NullSafeEQ(this=here, expression=there)
    if tolerance is not None:
        gap = exp.Abs(this=exp.paren(exp.Sub(this=here.copy(), expression=there.copy())))
        near = exp.LTE(this=gap, expression=exp.cast(parameter(tolerance), "double"))
        agree = exp.or_(agree, exp.func("COALESCE", near, exp.false()))
    return exp.not_(exp.paren(agree))


def _wide(side: Side, *, only: exp.Expr | None) -> exp.Select:
    shown = [
        *(named(key.copy(), f"k{i}") for i, key in enumerate(side.keys)),
        *(named(value.copy(), f"c{i}") for i, value in enumerate(side.values)),
    ]
    return from_side(side, [*shown, named(number(1), "present")], only=only)


def _narrow(side: Side) -> exp.Select:
    shown = [
        named(key_hash(side), "key_hash"),
        named(hash_of([value.copy() for value in side.values]), "row_hash"),
    ]
    return from_side(side, shown, only=exp.not_(any_null(side.keys)))


def key_hash(side: Side) -> exp.Expr:
    """Keys of unlike types hash unlike even when equal: slow, as all rows then seem to differ, and
    still right, as the exact join decides."""
    return hash_of([key.copy() for key in side.keys])


def _differs(side: Side) -> exp.Expr:
    known = exp.not_(exp.Is(this=column("key_hash"), expression=exp.null()))
    hashes = exp.select(column("key_hash")).from_("differing").where(known)
    return exp.In(this=key_hash(side), query=hashes.subquery())
