"""View definitions and types in a normal form, so that only what matters can differ."""

from __future__ import annotations

from functools import lru_cache
from typing import Annotated

import sqlglot
from pydantic import AfterValidator
from sqlglot import exp
from sqlglot.errors import SqlglotError

from rollout.checks.statements import DIALECT
from rollout.domain.references import resolve

_TEXTS = frozenset({"TEXT", "VARCHAR", "CHAR", "NVARCHAR", "NCHAR", "STRING"})
_INSTANTS = frozenset({"TIMESTAMP", "TIMESTAMPTZ", "TIMESTAMPLTZ", "TIMESTAMPNTZ", "DATETIME"})


def view_query(text: str) -> exp.Query:
    """The SELECT behind a view, from a SELECT or a CREATE VIEW. Raises: ValueError."""
    blind = str(resolve(text, lambda _: "0"))
    try:
        found = [tree for tree in sqlglot.parse(blind, dialect=DIALECT) if tree]
    except SqlglotError as problem:
        raise ValueError(f"not Databricks SQL: {str(problem).splitlines()[0]}") from None
    if len(found) != 1:
        raise ValueError(f"one statement is wanted, {len(found)} were given")
    tree = found[0]
    if isinstance(tree, exp.Create) and tree.kind == "VIEW":
        tree = tree.expression
    tree = tree.unnest()
    if not isinstance(tree, exp.Query):
        raise ValueError("a SELECT or a CREATE VIEW is wanted")
    return tree


@lru_cache(maxsize=256)
def normal_form(text: str) -> str:
    """One layout, no comments, names unquoted and in lower case. Raises: ValueError.

    >>> normal_form("select A.x  from `A` -- all") == normal_form("CREATE VIEW v AS SELECT a.x FROM a")
    True
    >>> normal_form("SELECT x FROM a WHERE y = 'B'") == normal_form("SELECT x FROM a WHERE y = 'b'")
    False
    """
    tree = view_query(text).copy()
    for name in tree.find_all(exp.Identifier):
        name.set("this", name.name.lower())
        name.set("quoted", False)
    return str(tree.sql(dialect=DIALECT, pretty=True, comments=False))


def approved_columns(text: str) -> dict[str, str | None] | None:
    """Columns a definition names, without types; None when it selects a star.

    >>> approved_columns("SELECT id, upper(name) AS name FROM p"), approved_columns("SELECT * FROM p")
    ({'id': None, 'name': None}, None)
    """
    query = view_query(text)
    names = query.named_selects
    if query.is_star or not all(names):
        return None
    return dict.fromkeys(names)


def normal_type(text: str) -> str:
    """A type by its Databricks name; spellings of one type are one. Raises: ValueError.

    >>> normal_type("VARCHAR"), normal_type("integer"), normal_type("decimal(10,2)")
    ('STRING', 'INT', 'DECIMAL(10, 2)')
    """
    try:
        found = exp.DataType.build(text, dialect=DIALECT)
    except SqlglotError:
        raise ValueError(f"{text!r} is no Databricks type") from None
    name = found.this.value if isinstance(found.this, exp.DataType.Type) else ""
    if name in _TEXTS:
        return "STRING"
    return "TIMESTAMP" if name in _INSTANTS else str(found.sql(dialect=DIALECT)).upper()


def same_type(found: str, approved: str) -> bool:
    """Whether a warehouse's own name for a type means the approved one; an unknown name does not."""
    try:
        return normal_type(found) == normal_type(approved)
    except ValueError:
        return False


@lru_cache(maxsize=256)
def _checked(text: str) -> str:
    view_query(text)
    return text


DefinitionText = Annotated[str, AfterValidator(_checked)]
"""A SELECT or CREATE VIEW in Databricks SQL."""
