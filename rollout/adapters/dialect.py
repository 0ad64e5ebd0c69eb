"""Databricks SQL to DuckDB SQL, for the rehearsal's warehouse."""

from __future__ import annotations

from collections.abc import Iterable
from functools import lru_cache
from typing import Literal

import msgspec
import sqlglot
from sqlglot import exp
from sqlglot.errors import SqlglotError
from sqlglot.tokenizer_core import Token

from rollout.adapters.dialect_functions import rewrite
from rollout.adapters.dialect_rules import refused
from rollout.domain.errors import QueryFailed

Kind = Literal["query", "view", "change"]


_REFUSED: dict[type[exp.Expr], str] = {
    exp.TableSample: "TABLESAMPLE",
    exp.Pivot: "PIVOT",
    exp.Version: "time travel",
    exp.Bracket: "an element of an array or map",
    exp.Properties: "a table or view property",
    exp.Lambda: "a lambda",
    exp.JSONExtract: "a path into JSON",
    exp.Hint: "a hint",
    exp.AtTimeZone: "a change of time zone",
}
_UNITS = {"DAY", "DAYS", "DD", "D"}


class Translated(msgspec.Struct, frozen=True):
    """One statement: DuckDB text, what it is, what it reads, and the view it defines.

    `select` is the view's own text as it was written; `tables` are lower-case dotted names.
    """

    sql: str
    kind: Kind
    tables: frozenset[str] = frozenset()
    parameters: frozenset[str] = frozenset()
    view: str | None = None
    select: str | None = None
    dropped: tuple[str, ...] = ()


@lru_cache(maxsize=2048)
def translate(sql: str) -> Translated:
    """One statement of Databricks SQL as DuckDB runs it.

    Raises: QueryFailed (PARSE_SYNTAX_ERROR, or UNSUPPORTED_IN_REHEARSAL for what DuckDB would answer
    differently without saying so).

    >>> translate("SELECT COUNT_IF(a > 1) AS n FROM crm.s.t WHERE k = :key").sql
    'SELECT count(CASE WHEN ("a" > 1) THEN 1 END) AS "n" FROM "crm"."s"."t" WHERE "k" = $key'
    """
    tree = _parsed(sql)
    _refuse_ambiguous_datediff(sql)
    for node in tree.walk():
        if type(node) in _REFUSED:
            raise refused(_REFUSED[type(node)])
    tables = frozenset(_dotted(table) for table in tree.find_all(exp.Table) if table.name)
    parameters = frozenset(node.name for node in tree.find_all(exp.Placeholder))
    _rewrite_all(tree)
    try:
        # Quoted, as a name may be a keyword of DuckDB alone.
        text = tree.sql(
            "duckdb", identify=True, comments=False, unsupported_level=sqlglot.ErrorLevel.RAISE
        )
    except SqlglotError as error:
        raise refused(f"this statement ({_first_line(error)})") from error
    if isinstance(tree, exp.Create) and tree.kind == "VIEW":
        name = _dotted(tree.find(exp.Table) or tree)
        return Translated(text, "view", tables - {name}, parameters, name, _select_text(sql))
    kind: Kind = "query" if isinstance(tree, exp.Query) else "change"
    dropped = tuple(sorted(tables)) if isinstance(tree, exp.Drop) else ()
    return Translated(text, kind, tables, parameters, dropped=dropped)


def split_statements(sql: str) -> list[str]:
    """The statements of a script, without breaking texts that hold a semicolon.

    >>> split_statements("SELECT ';'; SELECT 2;")
    ["SELECT ';'", ' SELECT 2']
    """
    pieces, begin = [], 0
    for token in _tokens(sql):
        if token.token_type == sqlglot.TokenType.SEMICOLON:
            pieces.append(sql[begin : token.start])
            begin = token.end + 1
    return [piece for piece in [*pieces, sql[begin:]] if piece.strip()]


def _parsed(sql: str) -> exp.Expr:
    try:
        trees = [tree for tree in sqlglot.parse(sql, read="databricks") if tree is not None]
    except (SqlglotError, ValueError) as error:
        raise _syntax_error(_first_line(error)) from error
    if len(trees) != 1:
        raise _syntax_error(f"one statement was expected, {len(trees)} found")
    tree = trees[0]
    if not isinstance(
        tree, exp.Query | exp.Insert | exp.Update | exp.Delete | exp.Drop | exp.Alter | exp.Create
    ):
        raise refused(f"a {type(tree).__name__.upper()} statement")
    if isinstance(tree, exp.Create) and tree.kind not in {"VIEW", "TABLE"}:
        raise refused(f"CREATE {tree.kind}")
    return tree


def _rewrite_all(tree: exp.Expr) -> None:
    """Children before parents: a rewritten part is text, its parent only places it."""
    for node in reversed(list(tree.walk(bfs=False))):
        changed = rewrite(node)
        if changed is not node:
            node.replace(changed)


def _refuse_ambiguous_datediff(sql: str) -> None:
    # datediff(end, start) counts midnights, datediff(DAY, start, end) whole days; parsed, both look alike.
    tokens = _tokens(sql)
    for name, bracket, unit, comma in zip(tokens, tokens[1:], tokens[2:], tokens[3:], strict=False):
        if (
            name.text.upper() in {"DATEDIFF", "DATE_DIFF"}
            and bracket.text == "("
            and unit.text.upper() in _UNITS
            and comma.text == ","
        ):
            raise refused("DATEDIFF(DAY, ...), write TIMESTAMPDIFF(DAY, ...)")


def _dotted(table: exp.Expr) -> str:
    parts: Iterable[exp.Expr] = table.parts if isinstance(table, exp.Table) else ()
    return ".".join(part.name.lower() for part in parts)


def _select_text(sql: str) -> str:
    """The SELECT of a CREATE VIEW as it was written, comments inside it included."""
    depth = 0
    for token in _tokens(sql):
        depth += {"(": 1, ")": -1}.get(token.text, 0)
        if depth == 0 and token.token_type == sqlglot.TokenType.ALIAS:
            return sql[token.end + 1 :].strip().removesuffix(";").rstrip()
    raise _syntax_error("a view needs AS and a SELECT")


def _tokens(sql: str) -> list[Token]:
    try:
        return list(sqlglot.tokenize(sql, read="databricks"))
    except SqlglotError as error:
        raise _syntax_error(_first_line(error)) from error


def _syntax_error(what: str) -> QueryFailed:
    return QueryFailed(f"[PARSE_SYNTAX_ERROR] {what}", error_class="PARSE_SYNTAX_ERROR")


def _first_line(error: Exception) -> str:
    return str(error).splitlines()[0]
