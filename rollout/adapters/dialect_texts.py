"""Functions on texts, with Databricks' values on DuckDB."""

from __future__ import annotations

import re

from sqlglot import exp

from rollout.adapters.dialect_numbers import text_of
from rollout.adapters.dialect_rules import duck, refused

_JAVA_ONLY = re.compile(r"\(\?[=!<>]|\\[1-9]|[*+?}]\+")


def substring(node: exp.Expr) -> exp.Expr:
    """Spark counts position 0 as 1."""
    start, length = node.args.get("start"), node.args.get("length")
    if start is None or not re.fullmatch(r"-?\d+", start.sql()):
        raise refused("SUBSTRING from a computed position")
    place = int(start.sql())
    if place < 0:
        if length is not None:
            raise refused("SUBSTRING from the end with a length")
        return duck(f"right({{x}}, {-place})", x=node.this)
    if length is None:
        return duck(f"substring({{x}}, {max(1, place)})", x=node.this)
    return duck(f"substring({{x}}, {max(1, place)}, greatest(0, {{n}}))", x=node.this, n=length)


def edge(node: exp.Expr) -> exp.Expr:
    """LEFT and RIGHT; Spark gives '' for a negative length."""
    name = "left" if isinstance(node, exp.Left) else "right"
    return duck(f"{name}({{x}}, greatest(0, {{n}}))", x=node.this, n=node.expression)


def trim(node: exp.Expr) -> exp.Expr:
    if node.expression is not None:
        raise refused("TRIM of given characters")
    name = {"": "trim", "BOTH": "trim", "LEADING": "ltrim", "TRAILING": "rtrim"}[
        (node.args.get("position") or "").upper()
    ]
    return duck(f"{name}({{x}}, ' ')", x=node.this)


def joined_text(node: exp.Expr) -> exp.Expr:
    parts = node.expressions if isinstance(node, exp.Concat) else [node.this, node.expression]
    texts = {f"p{i}": text_of(part) for i, part in enumerate(parts)}
    return duck(" || ".join("{" + name + "}" for name in texts), **texts)


def matched(node: exp.Expr) -> exp.Expr:
    """Patterns that Java and RE2 read alike."""
    pattern = node.expression
    if not pattern.is_string or _JAVA_ONLY.search(pattern.name):
        raise refused("a pattern with look-around or back references, or a computed one")
    if isinstance(node, exp.RegexpReplace):
        into = node.args.get("replacement")
        if into is None or not into.is_string or re.search(r"[\\$]", into.name):
            raise refused("REGEXP_REPLACE with groups in the replacement")
        return duck("regexp_replace({x}, {p}, {r}, 'g')", x=node.this, p=pattern, r=into)
    if isinstance(node, exp.RegexpExtract):
        group = node.args.get("group")
        number = group.sql() if group is not None else "1"
        return duck(f"regexp_extract({{x}}, {{p}}, {number})", x=node.this, p=pattern)
    if isinstance(node, exp.RegexpSplit):
        return duck("string_split_regex({x}, {p})", x=node.this, p=pattern)
    return duck("regexp_matches({x}, {p})", x=node.this, p=pattern)


def like(node: exp.Expr) -> exp.Expr:
    """Spark escapes with a backslash unless told otherwise, DuckDB with nothing."""
    if isinstance(node.expression, exp.Any | exp.All):
        raise refused("LIKE with several patterns")
    name = "LIKE" if isinstance(node, exp.Like) else "ILIKE"
    negated = "NOT " if node.args.get("negate") else ""
    return duck(f"{{x}} {negated}{name} {{p}} ESCAPE '\\'", x=node.this, p=node.expression)


def padded(node: exp.Expr) -> exp.Expr:
    name = "lpad" if node.args.get("is_left") else "rpad"
    fill = node.args.get("fill_pattern") or exp.Literal.string(" ")
    return duck(
        f"{name}({{x}}, CAST({{n}} AS INTEGER), {{f}})", x=node.this, n=node.expression, f=fill
    )


def position(node: exp.Expr) -> exp.Expr:
    if node.args.get("position") is not None:
        raise refused("LOCATE from a position")
    return duck("strpos({x}, {s})", x=node.this, s=node.args["substr"])


def sha(node: exp.Expr) -> exp.Expr:
    length = node.args.get("length")
    if length is not None and length.sql() not in {"256", "0"}:
        raise refused("SHA2 of this length")
    return duck("sha256(CAST({x} AS VARCHAR))", x=node.this)
