"""Building blocks of the translation to DuckDB: filled-in texts, and the refusal."""

from __future__ import annotations

from collections.abc import Callable

from sqlglot import exp

from rollout.domain.errors import QueryFailed

NOW = "CAST(getvariable('rollout_now') AS TIMESTAMPTZ)"
"""The virtual clock, set on each cursor before a statement; views read it when they are queried."""

Rewrite = Callable[[exp.Expr], exp.Expr]


def refused(what: str) -> QueryFailed:
    """What the rehearsal's warehouse cannot answer as Databricks would."""
    return QueryFailed(
        f"[UNSUPPORTED_IN_REHEARSAL] {what} is not translated to DuckDB, as the value could differ",
        error_class="UNSUPPORTED_IN_REHEARSAL",
    )


def duck(template: str, **parts: exp.Expr) -> exp.Expr:
    """A DuckDB expression with `{name}` places for translated parts, in brackets."""
    return exp.Var(this=f"({duck_call(template, **parts).name})")


def duck_call(template: str, **parts: exp.Expr) -> exp.Expr:
    """The same without brackets: one call, so that OVER or FILTER may follow."""
    filled = {
        name: f"({part.sql('duckdb', identify=True, comments=False)})"
        for name, part in parts.items()
    }
    return exp.Var(this=template.format(**filled))


def simple(template: str, **names: str) -> Rewrite:
    """A rewrite that fills the node's arguments into a template."""

    def change(node: exp.Expr) -> exp.Expr:
        return duck(template, **{place: node.args[name] for place, name in names.items()})

    return change


def aggregate(template: str, **names: str) -> Rewrite:
    """The same for an aggregate, which OVER or FILTER may follow."""

    def change(node: exp.Expr) -> exp.Expr:
        return duck_call(template, **{place: node.args[name] for place, name in names.items()})

    return change


def all_of(template: str) -> Rewrite:
    """A rewrite for functions that sqlglot has no class for; `{all}` are the arguments."""

    def change(node: exp.Expr) -> exp.Expr:
        parts = {f"p{i}": part for i, part in enumerate(node.expressions)}
        listed = ", ".join("{" + name + "}" for name in parts)
        return duck_call(template.replace("{all}", listed), **parts)

    return change
