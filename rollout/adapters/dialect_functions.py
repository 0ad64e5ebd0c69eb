"""Functions and operators of Databricks SQL, rewritten so that DuckDB gives Databricks' values.

A closed list: what is neither in FAITHFUL nor has a rewrite is refused, as a wrong value without an
error is worse than no value. Each entry is executed against known values in tests.
Source: reference/databricks.md, section 6; Spark's documented semantics under ANSI mode.
"""

from __future__ import annotations

from sqlglot import exp

from rollout.adapters import dialect_dates as dates
from rollout.adapters import dialect_numbers as numbers
from rollout.adapters import dialect_texts as texts
from rollout.adapters.dialect_rules import NOW, Rewrite, aggregate, all_of, duck, refused, simple

FAITHFUL: frozenset[type[exp.Expr]] = frozenset(
    {
        exp.Abs, exp.And, exp.Array, exp.ArrayAgg, exp.ArrayContains,
        exp.ArrayUniqueAgg, exp.Ascii, exp.Avg, exp.BitwiseAndAgg, exp.BitwiseOrAgg, exp.BitwiseXorAgg,
        exp.Case, exp.Coalesce, exp.ConcatWs, exp.Contains, exp.Count,
        exp.CumeDist, exp.DenseRank, exp.EndsWith, exp.EqualNull, exp.Exists, exp.Exp, exp.Explode, exp.First,
        exp.FirstValue, exp.Greatest, exp.If, exp.Lag, exp.LastValue, exp.Lead, exp.Least,
        exp.Length, exp.LogicalAnd, exp.LogicalOr, exp.Lower, exp.MD5, exp.Median, exp.Ntile,
        exp.Nullif, exp.Nvl2, exp.Or, exp.PercentRank, exp.Pow, exp.Rank, exp.Repeat, exp.Replace,
        exp.Reverse, exp.RowNumber, exp.Sign, exp.StartsWith, exp.Stddev, exp.StddevPop, exp.StddevSamp, exp.Sum,
        exp.Upper, exp.Variance, exp.VariancePop, exp.Xor, exp.Year, exp.Month, exp.Day, exp.Hour, exp.Quarter,
        exp.Minute, exp.WeekOfYear, exp.DayOfYear,
    }
)  # fmt: skip


OPERATORS: frozenset[type[exp.Expr]] = frozenset(
    {
        exp.Alias, exp.BitwiseAnd, exp.BitwiseNot, exp.BitwiseOr, exp.Dot, exp.EQ, exp.GT, exp.GTE, exp.Is,
        exp.Kwarg, exp.LT, exp.LTE, exp.Mul, exp.NEQ, exp.Neg, exp.Not, exp.NullSafeEQ, exp.NullSafeNEQ, exp.Paren, exp.PropertyEQ,
    }
)  # fmt: skip
"""Operators that mean the same in both; the others have a rewrite or are refused."""

READ: dict[type[exp.Expr], frozenset[str]] = {
    exp.Cast: frozenset({"to"}),
    exp.TryCast: frozenset({"to"}),
    exp.Round: frozenset({"decimals"}),
    exp.Substring: frozenset({"start", "length"}),
    exp.Trim: frozenset({"position"}),
    exp.Concat: frozenset({"expressions"}),
    exp.TsOrDsAdd: frozenset({"unit"}),
    exp.DateDiff: frozenset({"unit"}),
    exp.TimestampDiff: frozenset({"unit"}),
    exp.DateAdd: frozenset({"unit"}),
    exp.TimestampAdd: frozenset({"unit"}),
    exp.DateTrunc: frozenset({"unit"}),
    exp.TimestampTrunc: frozenset({"unit"}),
    exp.StrToUnix: frozenset({"format"}),
    exp.TimeToStr: frozenset({"format"}),
    exp.RegexpExtract: frozenset({"group"}),
    exp.RegexpReplace: frozenset({"replacement"}),
    exp.Like: frozenset({"negate"}),
    exp.ILike: frozenset({"negate"}),
    exp.Pad: frozenset({"fill_pattern", "is_left"}),
    exp.StrPosition: frozenset({"substr"}),
    exp.SHA2: frozenset({"length"}),
    exp.Quantile: frozenset({"quantile"}),
    exp.ApproxQuantile: frozenset({"quantile", "accuracy"}),
    exp.Count: frozenset({"expressions"}),
}
"""Arguments beside `this` and `expression` that a rewrite takes into account (or may leave out)."""

_ALWAYS_SET = {
    "this", "expression", "typed", "safe", "big_int", "null_if_pos_overflow", "coalesce", "zero_on_all_null",
    "casts_non_integer_decimals", "negative_length_returns_empty", "input_type_preserved",
}  # fmt: skip
"""What the parser sets on every call of the dialect; none of it is written in the statement."""


def rewrite(node: exp.Expr) -> exp.Expr:
    """The node as DuckDB has to see it; the children are rewritten already.

    Raises: QueryFailed for what has no faithful translation.
    """
    kind = type(node)
    change = REWRITES.get(kind)
    if change is not None:
        given = {name for name, value in node.args.items() if value not in (None, False, [])}
        unread = given - _ALWAYS_SET - READ.get(kind, frozenset())
        if unread:
            raise refused(f"{_name(node)} with {sorted(unread)[0]}")
        return change(node)
    if isinstance(node, exp.Anonymous):
        named = ANONYMOUS.get(node.name.upper())
        if named is None:
            raise refused(f"the function {node.name.lower()}")
        return named(node)
    if isinstance(node, exp.Func):
        if kind not in FAITHFUL:
            raise refused(f"the function {_name(node)}")
    elif isinstance(node, exp.Binary | exp.Unary) and kind not in OPERATORS:
        raise refused(f"the operator {_name(node)}")
    return node


def _name(node: exp.Expr) -> str:
    return node.sql_name().lower() if isinstance(node, exp.Func) else type(node).__name__.lower()


_HASH = all_of("CAST(hash({all}) >> 1 AS BIGINT)")

ANONYMOUS: dict[str, Rewrite] = {
    # Other values than Spark's own; equal values still have equal hashes, which is all they are for.
    "XXHASH64": _HASH,
    "HASH": _HASH,
    "ISNULL": all_of("({all} IS NULL)"),
    "ISNOTNULL": all_of("({all} IS NOT NULL)"),
    "BIT_XOR": all_of("bit_xor({all})"),
    "EVERY": all_of("bool_and({all})"),
    "SOME": all_of("bool_or({all})"),
}

REWRITES: dict[type[exp.Expr], Rewrite] = {
    exp.Div: numbers.divided,
    exp.IntDiv: numbers.divided,
    exp.Mod: numbers.divided,
    exp.Cast: numbers.cast_as,
    exp.TryCast: numbers.cast_as,
    exp.Round: numbers.rounded,
    exp.Ceil: numbers.whole,
    exp.Floor: numbers.whole,
    exp.Substring: texts.substring,
    exp.Left: texts.edge,
    exp.Right: texts.edge,
    exp.Trim: texts.trim,
    exp.Concat: texts.joined_text,
    exp.DPipe: texts.joined_text,
    exp.Add: dates.with_interval,
    exp.Sub: dates.with_interval,
    exp.TsOrDsAdd: dates.day_moved,
    exp.DateDiff: dates.days_or_units_between,
    exp.TimestampDiff: dates.days_or_units_between,
    exp.DateAdd: dates.moved_instant,
    exp.TimestampAdd: dates.moved_instant,
    exp.DateTrunc: dates.truncated,
    exp.TimestampTrunc: dates.truncated,
    exp.StrToUnix: dates.epoch,
    exp.UnixMillis: simple("epoch_ms(CAST({x} AS TIMESTAMPTZ))", x="this"),
    exp.TimeToStr: dates.formatted,
    exp.Extract: dates.extract,
    exp.RegexpLike: texts.matched,
    exp.RegexpExtract: texts.matched,
    exp.RegexpReplace: texts.matched,
    exp.RegexpSplit: texts.matched,
    exp.Like: texts.like,
    exp.ILike: texts.like,
    exp.Pad: texts.padded,
    exp.StrPosition: texts.position,
    exp.SHA2: texts.sha,
    exp.CurrentTimestamp: lambda _: duck(NOW),
    exp.CurrentDate: lambda _: duck(f"CAST({NOW} AS DATE)"),
    exp.CurrentUser: lambda _: exp.Literal.string("rehearsal"),
    exp.TimeStrToTime: simple("CAST({x} AS TIMESTAMPTZ)", x="this"),
    exp.TsOrDsToDate: simple("CAST({x} AS DATE)", x="this"),
    exp.LastDay: simple("last_day(CAST({x} AS DATE))", x="this"),
    exp.AddMonths: simple(
        "CAST(CAST({x} AS DATE) + to_months(CAST({n} AS INTEGER)) AS DATE)",
        x="this",
        n="expression",
    ),
    exp.DayOfWeek: simple("dayofweek(CAST({x} AS DATE)) + 1", x="this"),
    # DuckDB has NULL for no rows where Spark has 0, and skips NULL where Spark takes it.
    exp.CountIf: aggregate("count(CASE WHEN {x} THEN 1 END)", x="this"),
    exp.AnyValue: aggregate("first({x})", x="this"),
    exp.Max: aggregate("max({x})", x="this"),
    exp.Min: aggregate("min({x})", x="this"),
    exp.Quantile: aggregate("quantile_cont(CAST({x} AS DOUBLE), {p})", x="this", p="quantile"),
    exp.ApproxQuantile: aggregate("quantile_disc({x}, {p})", x="this", p="quantile"),
    exp.SafeDivide: simple("CASE WHEN {b} <> 0 THEN {a} / {b} END", a="this", b="expression"),
    exp.Ln: simple("CASE WHEN {x} > 0 THEN ln({x}) END", x="this"),
    exp.Sqrt: simple("CASE WHEN {x} >= 0 THEN sqrt({x}) ELSE CAST('nan' AS DOUBLE) END", x="this"),
}
