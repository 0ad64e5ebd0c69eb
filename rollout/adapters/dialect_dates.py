"""Dates and instants, with Databricks' values on DuckDB."""

from __future__ import annotations

import re

from sqlglot import exp

from rollout.adapters.dialect_rules import duck, refused

_TRUNC_UNITS = {
    "MM": "MONTH", "MON": "MONTH", "MONTH": "MONTH", "YY": "YEAR", "YYYY": "YEAR", "YEAR": "YEAR",
    "QUARTER": "QUARTER", "WEEK": "WEEK", "DAY": "DAY", "DD": "DAY", "HOUR": "HOUR", "MINUTE": "MINUTE",
    "SECOND": "SECOND",
}  # fmt: skip
_FIXED_UNITS = {"WEEK", "DAY", "HOUR", "MINUTE", "SECOND", "MILLISECOND", "MICROSECOND"}
_EXTRACTED = {"YEAR", "QUARTER", "MONTH", "WEEK", "DAY", "HOUR", "MINUTE"}
_SAFE_FORMAT = re.compile(r"(%[YmdHMS]|[^%A-Za-z])+")


def day_moved(node: exp.Expr) -> exp.Expr:
    """date_add and date_sub: a DATE, not a TIMESTAMP."""
    if (node.args.get("unit") or exp.Var(this="DAY")).name.upper() not in {"DAY", ""}:
        raise refused("DATE_ADD with a unit")
    return duck(
        "CAST(CAST({d} AS DATE) + CAST({n} AS INTEGER) AS DATE)", d=node.this, n=node.expression
    )


def with_interval(node: exp.Expr) -> exp.Expr:
    """A DATE plus or minus days, weeks, months or years is a DATE."""
    for value, other in ((node.this, node.expression), (node.expression, node.this)):
        if isinstance(other.unnest(), exp.Interval) and _is_date(value.unnest()):
            unit = other.unnest().args["unit"].name.upper().rstrip("S")
            if unit in {"DAY", "WEEK", "MONTH", "YEAR"}:
                sign = "+" if isinstance(node, exp.Add) else "-"
                return duck(f"CAST({{a}} {sign} {{b}} AS DATE)", a=node.this, b=node.expression)
    return node


def _is_date(value: exp.Expr) -> bool:
    # Rewritten parts are texts in Var nodes; a cast to DATE can be told by its end.
    return isinstance(value, exp.Var) and value.name.rstrip(")").upper().endswith("AS DATE")


def days_or_units_between(node: exp.Expr) -> exp.Expr:
    """datediff(end, start) counts midnights, with a unit it counts whole units that have passed.

    `datediff(DAY, a, b)` looks like the first form once it is parsed; it is refused before that.
    """
    unit = node.args.get("unit")
    if unit is None or (isinstance(node, exp.DateDiff) and unit.name.upper() == "DAY"):
        return duck(
            "date_diff('day', CAST({b} AS DATE), CAST({a} AS DATE))", a=node.this, b=node.expression
        )
    name = unit.name.upper()
    if name not in _FIXED_UNITS:
        raise refused(f"a difference in {name.lower()}s")
    return duck(
        f"date_sub('{name.lower()}', CAST({{b}} AS TIMESTAMPTZ), CAST({{a}} AS TIMESTAMPTZ))",
        a=node.this,
        b=node.expression,
    )


def moved_instant(node: exp.Expr) -> exp.Expr:
    name = node.args["unit"].name.upper()
    if name not in _FIXED_UNITS | {"MONTH", "YEAR"}:
        raise refused(f"DATEADD of {name.lower()}s")
    return duck(
        f"CAST({{a}} AS TIMESTAMPTZ) + to_{name.lower()}s(CAST({{n}} AS INTEGER))",
        a=node.this,
        n=node.expression,
    )


def truncated(node: exp.Expr) -> exp.Expr:
    unit = _TRUNC_UNITS.get((node.args.get("unit") or exp.Var(this="?")).name.upper())
    if unit is None:
        raise refused("this unit of TRUNC or DATE_TRUNC")
    kind = "DATE" if isinstance(node, exp.DateTrunc) else "TIMESTAMPTZ"
    return duck(f"CAST(date_trunc('{unit}', CAST({{x}} AS {kind})) AS {kind})", x=node.this)


def epoch(node: exp.Expr) -> exp.Expr:
    stamp = node.args.get("format")
    if stamp is not None and _strftime(stamp) != "%Y-%m-%d %H:%M:%S":
        raise refused("UNIX_TIMESTAMP with a format")
    return duck("CAST(floor(epoch(CAST({x} AS TIMESTAMPTZ))) AS BIGINT)", x=node.this)


def formatted(node: exp.Expr) -> exp.Expr:
    stamp = _strftime(node.args["format"])
    if not _SAFE_FORMAT.fullmatch(stamp):
        raise refused("DATE_FORMAT with this pattern")
    return duck("strftime(CAST({x} AS TIMESTAMPTZ), {f})", x=node.this, f=exp.Literal.string(stamp))


def _strftime(stamp: exp.Expr) -> str:
    """The pattern, without the marks that sqlglot leaves on two-digit fields."""
    return stamp.name.replace("strict", "") if stamp.is_string else ""


def extract(node: exp.Expr) -> exp.Expr:
    if node.this.name.upper() not in _EXTRACTED:
        raise refused(f"EXTRACT({node.this.name})")
    return duck(f"extract({node.this.name} FROM CAST({{x}} AS TIMESTAMPTZ))", x=node.expression)
