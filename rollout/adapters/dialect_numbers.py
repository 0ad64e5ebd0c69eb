"""Arithmetic and casts, with Databricks' values on DuckDB."""

from __future__ import annotations

import re

from sqlglot import exp

from rollout.adapters.dialect_rules import duck, refused

_INTEGERS = {"TINYINT", "SMALLINT", "INT", "BIGINT"}
_OTHER_KINDS = {"BOOLEAN", "DATE", "DOUBLE", "REAL", "FLOAT", "TIMESTAMP", "TIMESTAMPTZ"}
_OPERATORS: dict[type[exp.Expr], str] = {exp.Div: "/", exp.IntDiv: "//", exp.Mod: "%"}


def divided(node: exp.Expr) -> exp.Expr:
    """Spark stops at a zero divisor; DuckDB gives an infinity or a NaN."""
    divisor = node.expression.unnest()
    if _never_zero(divisor):
        return duck("{a} " + _OPERATORS[type(node)] + " {b}", a=node.this, b=node.expression)
    return duck(
        "CASE WHEN {b} = 0 THEN error('[DIVIDE_BY_ZERO] Division by zero.') ELSE {a} "
        + _OPERATORS[type(node)]
        + " {b} END",
        a=node.this,
        b=node.expression,
    )


def _never_zero(divisor: exp.Expr) -> bool:
    if isinstance(divisor, exp.Literal) and not divisor.is_string:
        return float(divisor.this) != 0
    return isinstance(divisor, exp.Nullif) and divisor.expression.sql() == "0"


def cast_as(node: exp.Expr) -> exp.Expr:
    kind = node.args["to"].sql("duckdb").upper()
    lenient = isinstance(node, exp.TryCast)
    if kind == "TIMESTAMP" and node.args["to"].this == exp.DataType.Type.TIMESTAMP:
        kind = "TIMESTAMPTZ"  # Spark's TIMESTAMP is an instant
    if kind in _INTEGERS:
        return _to_integer(node.this, kind, lenient)
    if kind == "TEXT":
        return text_of(node.this)
    if kind.startswith("DECIMAL"):
        # By its digits: from a double, DuckDB would round the binary fraction.
        cast = "TRY_CAST" if lenient else "CAST"
        return duck(f"{cast}(CAST({{x}} AS VARCHAR) AS {kind})", x=node.this)
    if kind not in _OTHER_KINDS:
        raise refused(f"a cast to {kind}")
    return duck(f"{'TRY_CAST' if lenient else 'CAST'}({{x}} AS {kind})", x=node.this)


def _to_integer(value: exp.Expr, kind: str, lenient: bool) -> exp.Expr:
    """Spark cuts fractions off and refuses texts with a fraction; DuckDB rounds both."""
    if _is_integer(value):
        return duck(f"CAST({{x}} AS {kind})", x=value)
    cast = "TRY_CAST" if lenient else "CAST"
    bad = "NULL" if lenient else "error('[CAST_INVALID_INPUT] not a whole number: ' || {x})"
    return duck(
        "CASE WHEN {x} IS NULL THEN NULL "
        "WHEN typeof({x}) = 'BOOLEAN' THEN CASE WHEN CAST({x} AS VARCHAR) = 'true' THEN 1 ELSE 0 END "
        f"WHEN typeof({{x}}) = 'VARCHAR' AND NOT regexp_full_match(trim(CAST({{x}} AS VARCHAR)), '[+-]?[0-9]+') THEN {bad} "
        "WHEN typeof({x}) LIKE 'TIME%' OR typeof({x}) = 'DATE' THEN error('[UNSUPPORTED_IN_REHEARSAL] an instant as a number') "
        f"ELSE {cast}(trunc(CAST(CAST({{x}} AS VARCHAR) AS DECIMAL(38, 10))) AS {kind}) END",
        x=value,
    )


def _is_integer(value: exp.Expr) -> bool:
    bare = value.unnest()
    if isinstance(bare, exp.Literal):
        return not bare.is_string and bare.this.isdigit()
    return isinstance(bare, exp.Count | exp.Length | exp.RowNumber)


def text_of(value: exp.Expr) -> exp.Expr:
    """A value as Spark writes it: instants without an offset, doubles only where both agree."""
    bare = value.unnest()
    if isinstance(bare, exp.Literal) and bare.is_string:
        return value
    return duck(
        "CASE WHEN typeof({x}) = 'TIMESTAMP WITH TIME ZONE' THEN regexp_replace(CAST({x} AS VARCHAR), '\\+00$', '') "
        "WHEN typeof({x}) IN ('DOUBLE', 'FLOAT') AND TRY_CAST({x} AS DOUBLE) <> 0 AND NOT "
        "(abs(TRY_CAST({x} AS DOUBLE)) BETWEEN 1e-3 AND 9999999) "
        "THEN error('[UNSUPPORTED_IN_REHEARSAL] a very large or small double as text') ELSE CAST({x} AS VARCHAR) END",
        x=value,
    )


def rounded(node: exp.Expr) -> exp.Expr:
    """Half up on the decimal digits, as Spark does; DuckDB rounds the binary fraction."""
    places = node.args.get("decimals") or exp.Literal.number(0)
    if not re.fullmatch(r"-?\d+", places.sql()):
        raise refused("ROUND to a computed number of places")
    if _is_integer(node.this):
        return node
    return duck(
        f"CAST(round(CAST(CAST({{x}} AS VARCHAR) AS DECIMAL(38, 15)), {places.sql()}) AS DOUBLE)",
        x=node.this,
    )


def whole(node: exp.Expr) -> exp.Expr:
    """CEIL and FLOOR to a whole number."""
    if node.args.get("decimals") is not None:
        raise refused("CEIL or FLOOR to places")
    return node
