"""Databricks SQL to DuckDB SQL, for the rehearsal's warehouse (first cut)."""

from __future__ import annotations

from functools import lru_cache
from typing import Literal

import msgspec
import sqlglot
from sqlglot import exp
from sqlglot.errors import SqlglotError

from rollout.domain.errors import QueryFailed


class Translated(msgspec.Struct, frozen=True):
    """One statement: DuckDB text, what it is, and the view it defines, with its own SELECT text."""

    sql: str
    kind: Literal["query", "view", "change"]
    tables: frozenset[str] = frozenset()
    parameters: frozenset[str] = frozenset()
    view: str | None = None
    select: str | None = None


@lru_cache(maxsize=2048)
def translate(sql: str) -> Translated:
    try:
        tree = sqlglot.parse_one(sql, read="databricks")
    except SqlglotError as error:
        raise QueryFailed(str(error), error_class="PARSE_SYNTAX_ERROR") from error
    tables = frozenset(".".join(p.name.lower() for p in t.parts) for t in tree.find_all(exp.Table))
    parameters = frozenset(p.name for p in tree.find_all(exp.Placeholder))
    text = tree.sql("duckdb", comments=False).replace(
        "CURRENT_TIMESTAMP", "getvariable('rollout_now')"
    )
    if isinstance(tree, exp.Create) and tree.kind == "VIEW":
        name = ".".join(p.name.lower() for p in tree.find(exp.Table).parts)  # type: ignore[union-attr]
        return Translated(text, "view", tables - {name}, parameters, name, _select_text(sql))
    kind: Literal["query", "change"] = "query" if isinstance(tree, exp.Query) else "change"
    return Translated(text, kind, tables, parameters)


def _select_text(sql: str) -> str:
    depth = 0
    for token in sqlglot.tokenize(sql, read="databricks"):
        if token.text == "(":
            depth += 1
        elif token.text == ")":
            depth -= 1
        elif depth == 0 and token.text.upper() == "AS":
            return sql[token.end + 1 :].strip().rstrip(";").strip()
    raise QueryFailed("a view needs AS and a SELECT", error_class="PARSE_SYNTAX_ERROR")
