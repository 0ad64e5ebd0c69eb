"""SQL of a plan, before any warehouse sees it: it parses, it is one statement, and it only reads."""

from __future__ import annotations

import logging
import re
from collections.abc import Iterator
from typing import NamedTuple

import sqlglot
from sqlglot import exp
from sqlglot.errors import ParseError, SqlglotError
from sqlglot.tokenizer_core import TokenType

from rollout.domain.references import references
from rollout.loader.draft import Draft, SqlUse
from rollout.loader.problems import TOP
from rollout.loader.strict_yaml import place_in

# sqlglot warns of statements it keeps as plain text; those are refused here, with a place
logging.getLogger("sqlglot").addHandler(logging.NullHandler())

DIALECT = "databricks"

# Functions that reach out of the warehouse, run foreign code, or read what evidence must not hold.
# Source: the Databricks list of built-in functions, read for side effects; `ai_` functions cost
# money with every row.
DENIED = {
    "http_request": "it calls a web service",
    "java_method": "it runs code",
    "reflect": "it runs code",
    "try_reflect": "it runs code",
    "remote_query": "it runs a statement in another system",
    "secret": "it reads a secret",
    "try_secret": "it reads a secret",
}
_DENIED_PREFIX = "ai_"
_STATEMENTS = (
    exp.DML, exp.DDL, exp.Drop, exp.Alter, exp.Command, exp.Into, exp.Use, exp.Set, exp.Merge,
    exp.Describe, exp.TruncateTable, exp.Cache, exp.Uncache, exp.LoadData, exp.Copy, exp.Grant,
    exp.Transaction, exp.Commit, exp.Rollback, exp.Pragma, exp.Analyze, exp.Kill, exp.Lock,
)  # fmt: skip
_READS = (exp.Select, exp.SetOperation, exp.Subquery)


class Flaw(NamedTuple):
    """What is wrong with a statement, and the offset in its text."""

    offset: int
    what: str


def report_sql(use: SqlUse, draft: Draft) -> None:
    """Report what is wrong: in the `.sql` file itself, else at the scalar that holds the text."""
    for flaw in flaws(use.text, reads_only=use.reads_only):
        draft.flawed.add((use.node.document.file, use.node.path))
        if use.file is not None and use.filled is not None:
            use.file.problem(flaw.what, offset=use.filled.written(flaw.offset))
        else:
            place = place_in(use.text, flaw.offset)
            use.node.problem(
                f"{flaw.what} (line {place.line}, column {place.column} of the statement)"
                if place != TOP
                else flaw.what
            )


def flaws(text: str, *, reads_only: bool) -> list[Flaw]:
    """Everything wrong with one statement.

    >>> flaws("SELECT 1; DROP TABLE t", reads_only=True)
    [Flaw(offset=10, what='a second statement: one text holds one')]
    """
    blind = _without_references(text)
    try:
        tokens = sqlglot.tokenize(blind, dialect=DIALECT)
        second = _second_statement(tokens)
        if second is not None:
            return [Flaw(second, "a second statement: one text holds one")]
        parsed = [tree for tree in sqlglot.parse(blind, dialect=DIALECT) if tree is not None]
    except ParseError as error:
        return [_parse_flaw(blind, error)]
    except SqlglotError as error:
        return [_token_flaw(error)]
    except RecursionError:
        return [Flaw(0, "SQL nested too deeply to be read")]
    if not parsed:
        return [Flaw(0, "there is no SQL statement")]
    return list(_read_flaws(parsed[0], tokens)) if reads_only else []


def _without_references(text: str) -> str:
    """References become words of the same length, so that offsets stay."""
    pieces, end = [], 0
    for reference in references(text):
        pieces += [text[end : reference.start], "x" * (reference.end - reference.start)]
        end = reference.end
    return "".join([*pieces, text[end:]])


def _second_statement(tokens: list[sqlglot.Token]) -> int | None:
    ended = False
    started = False
    for token in tokens:
        if token.token_type == TokenType.SEMICOLON:
            ended = started
        elif ended:
            return int(token.start)
        else:
            started = True
    return None


def _read_flaws(tree: exp.Expr, tokens: list[sqlglot.Token]) -> Iterator[Flaw]:
    start = next((t.start for t in tokens if t.token_type != TokenType.SEMICOLON), 0)
    if not isinstance(tree, _READS):
        known = isinstance(tree, _STATEMENTS) and not isinstance(tree, exp.Command)
        word = tree.key if known else next((t.text for t in tokens if t.start == start), "this")
        yield Flaw(start, f"only SELECT is allowed here, not {word.upper()}")
        return
    for node in tree.walk():
        if isinstance(node, _STATEMENTS):
            yield Flaw(
                _offset(node, start), f"only reading is allowed here, not {node.key.upper()}"
            )
        elif isinstance(node, exp.Func):
            yield from _function_flaw(node, start)


def _function_flaw(node: exp.Func, start: int) -> Iterator[Flaw]:
    name = (node.name if isinstance(node, exp.Anonymous) else node.sql_name()).lower()
    reason = DENIED.get(name) or ("it calls a model" if name.startswith(_DENIED_PREFIX) else None)
    if reason:
        yield Flaw(_offset(node, start), f"the function {name} is not allowed: {reason}")


def _offset(node: exp.Expr, otherwise: int) -> int:
    """sqlglot keeps places on names and calls only; the nearest one inside serves."""
    for inner in node.walk():
        if "start" in inner.meta:
            return int(inner.meta["start"])
    return otherwise


def _parse_flaw(text: str, error: ParseError) -> Flaw:
    first = error.errors[0] if error.errors else {}
    line, column = int(first.get("line") or 1), int(first.get("col") or 1)
    before = sum(len(row) + 1 for row in text.split("\n")[: line - 1])
    begin = max(column - len(str(first.get("highlight") or "")), 0)  # sqlglot counts to the end
    what = _plain(str(first.get("description") or "it cannot be parsed"))
    return Flaw(min(before + begin, len(text)), f"not Databricks SQL: {what}")


def _plain(description: str) -> str:
    """Without the parser's inner names.

    >>> _plain("Required keyword: 'this' missing for <class 'sqlglot.expressions.query.Where'>")
    'WHERE is incomplete'
    """
    incomplete = re.match(r"Required keyword: .* missing for <class '.*?(\w+)'>", description)
    if incomplete:
        return f"{incomplete.group(1).upper()} is incomplete"
    return description.partition(" but got <")[0]


def _token_flaw(error: SqlglotError) -> Flaw:
    found = re.search(r"Missing (\S+) from \d+:(\d+)", str(error.__cause__ or error))
    if found is None:
        return Flaw(0, "not Databricks SQL: a text or comment is not closed")
    return Flaw(int(found.group(2)), f"not Databricks SQL: {found.group(1)} is not closed")
