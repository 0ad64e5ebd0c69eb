"""Databricks SQL that checks send: texts of the plan parsed before use, the rest built as trees.

Identifiers are quoted and values travel as named parameters; nothing is glued into a statement.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from functools import lru_cache
from typing import Annotated

import sqlglot
from pydantic import AfterValidator
from sqlglot import exp
from sqlglot.errors import SqlglotError

from rollout.domain.references import resolve

DIALECT = "databricks"
KEY_SEPARATOR = "\n"
"""Between the keys of a list that travels as one text parameter."""

_TYPE = re.compile(r"[A-Za-z]\w*(\s*[(<][\w\s,:<>()]*[)>])?\Z", re.ASCII)
_WRITES = (exp.DML, exp.DDL, exp.Command)


def parsed_query(text: str) -> exp.Query:
    """The one SELECT (or WITH, or set operation) in a text.

    Raises: ValueError when it does not parse, is more than one statement, or writes.
    """
    try:
        found = [tree for tree in sqlglot.parse(_filled(text, "0"), dialect=DIALECT) if tree]
    except SqlglotError as problem:
        raise ValueError(f"not Databricks SQL: {_first_line(problem)}") from None
    if len(found) != 1:
        raise ValueError(f"one statement is wanted, {len(found)} were given")
    tree = found[0]
    if not isinstance(tree, exp.Query) or any(_writes(node) for node in tree.walk()):
        raise ValueError("only reading is allowed here: a SELECT, or WITH … SELECT")
    return tree


def parsed_condition(text: str) -> exp.Expr:
    """The boolean expression in a text, as it stands after WHERE. Raises: ValueError."""
    try:
        tree = sqlglot.parse_one(_filled(text, "0"), dialect=DIALECT, into=exp.Condition)
    except SqlglotError as problem:
        raise ValueError(f"not a condition in Databricks SQL: {_first_line(problem)}") from None
    if any(_writes(node) for node in tree.walk()):
        raise ValueError("only reading is allowed here")
    return tree


def parsed_type(text: str) -> exp.DataType:
    """A Databricks type such as `bigint` or `decimal(10, 2)`. Raises: ValueError."""
    if not _TYPE.match(text.strip()):
        raise ValueError(f"{text!r} is no Databricks type")
    try:
        return exp.DataType.build(text, dialect=DIALECT)
    except SqlglotError:
        raise ValueError(f"{text!r} is no Databricks type") from None


def relation(name: str) -> exp.Table:
    """A table or view by its one to three names.

    >>> render(exp.select("*").from_(relation("crm.sfdc_dbx.properties_to_create")), pretty=False)
    'SELECT * FROM `crm`.`sfdc_dbx`.`properties_to_create`'

    Raises: ValueError for anything that is more than names.
    """
    try:
        tree = sqlglot.parse_one(f"SELECT 1 FROM {_filled(name, 'r')}", dialect=DIALECT)  # noqa: S608 - parsed, checked
    except SqlglotError as problem:
        raise ValueError(
            f"{name!r} is no name of a table or view: {_first_line(problem)}"
        ) from None
    table = tree.find(exp.Table)
    plain = (
        exp.select("1").from_(
            exp.table_(table.this, table.args.get("db"), table.args.get("catalog"))
        )
        if table
        else None
    )
    if table is None or tree != plain or not isinstance(table.this, exp.Identifier):
        raise ValueError(f"{name!r} is no name of a table or view: write catalog.schema.name")
    return table


def column(name: str, of: str | None = None) -> exp.Column:
    """A column by its exact name, quoted."""
    return exp.column(exp.to_identifier(name, quoted=True), table=of)


def parameter(name: str) -> exp.Placeholder:
    """A named parameter, `:name`."""
    return exp.Placeholder(this=name)


def call(name: str, *arguments: exp.Expr) -> exp.Anonymous:
    """A function that sqlglot has no class for."""
    return exp.Anonymous(this=name, expressions=list(arguments))


def hash_of(parts: Iterable[exp.Expr]) -> exp.Expr:
    """A 64-bit hash of values, with their places mixed in.

    Spark's xxhash64 steps over a NULL without a trace, so (NULL, 'a') and ('a', NULL) would hash
    alike; a constant between the values keeps them apart. Source: Spark's HashExpression.
    """
    mixed: list[exp.Expr] = []
    for place, part in enumerate(parts):
        mixed += [part, exp.Literal.number(place)]
    return call("XXHASH64", *mixed)


def as_text(value: exp.Expr) -> exp.Cast:
    return exp.cast(value, "string", dialect=DIALECT)


def as_instant(value: exp.Expr) -> exp.Cast:
    return exp.cast(value, "timestamp", dialect=DIALECT)


def listed_keys(name: str) -> exp.Select:
    """The keys of a list parameter as rows of one column, `listed`."""
    split = exp.RegexpSplit(this=parameter(name), expression=exp.Literal.string(KEY_SEPARATOR))
    return exp.select(exp.alias_(exp.Explode(this=split), "listed"))


def key_list(keys: Iterable[str]) -> str:
    """Keys as the text of a list parameter. Raises: ValueError for a key with a line break."""
    listed = list(keys)
    if any(KEY_SEPARATOR in key for key in listed):
        raise ValueError("a key holds a line break and cannot be sent in a list")
    return KEY_SEPARATOR.join(listed)


def render(tree: exp.Expr, *, pretty: bool = True) -> str:
    """As it is sent, and as a person can run it again."""
    return tree.sql(dialect=DIALECT, identify=True, pretty=pretty)


@lru_cache(maxsize=1024)
def parameters_in(text: str) -> frozenset[str]:
    """Names of the `:parameters` a query uses. Raises: ValueError when it does not parse."""
    return frozenset(n.name for n in parsed_query(text).find_all(exp.Placeholder))


def _filled(text: str, stand_in: str) -> str:
    """References become something that parses: a plan is read before they can be filled."""
    return str(resolve(text, lambda _: stand_in))


def _writes(node: exp.Expr) -> bool:
    return isinstance(node, _WRITES) and not isinstance(node, exp.Query)


def _first_line(problem: Exception) -> str:
    return str(problem).splitlines()[0]


@lru_cache(maxsize=1024)
def _checked_query(text: str) -> str:
    parsed_query(text)
    return text.strip().removesuffix(";").rstrip()


@lru_cache(maxsize=1024)
def _checked_relation(name: str) -> str:
    relation(name)
    return name


@lru_cache(maxsize=1024)
def _checked_condition(text: str) -> str:
    parsed_condition(text)
    return text


@lru_cache(maxsize=1024)
def _checked_type(text: str) -> str:
    parsed_type(text)
    return text


QueryText = Annotated[str, AfterValidator(_checked_query)]
"""One statement that reads, in Databricks SQL."""
RelationName = Annotated[str, AfterValidator(_checked_relation)]
"""A table or view: one to three names."""
ConditionText = Annotated[str, AfterValidator(_checked_condition)]
"""What may stand after WHERE."""
TypeName = Annotated[str, AfterValidator(_checked_type)]
