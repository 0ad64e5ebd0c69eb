"""One statement of Databricks SQL on the living world, as the warehouse server runs it."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import lru_cache

import duckdb
import pyarrow as pa
import sqlglot
from sqlglot import exp
from sqlglot.errors import SqlglotError

from rollout.adapters.databricks_views import name_parts
from rollout.adapters.dialect import translate
from rollout.adapters.duckdb_warehouse import as_query_failed
from rollout.domain.errors import QueryFailed
from rollout.domain.instants import to_text
from rollout.rehearsal.sandbox.catalogue import CATALOGS, as_select
from rollout.rehearsal.sandbox.living import LivingStage
from rollout.rehearsal.sandbox.warehouse_values import Value, for_the_wire

SLEEP = re.compile(r"/\*\s*sleep\s+(\d+(?:\.\d+)?)\s*\*/", re.IGNORECASE)
"""`SELECT /* sleep 3 */ 1` takes three real seconds more: for time-outs and cancelling."""
_USE = re.compile(r"\s*USE\s+(?:(CATALOG|SCHEMA|DATABASE)\s+)?(\S+?)\s*;?\s*", re.IGNORECASE)


@dataclass
class Namespace:
    """What an unqualified name means in a session."""

    catalog: str | None = None
    schema: str | None = None

    def use(self, word: str | None, name: str) -> None:
        """Raises: QueryFailed for a catalog that is not there."""
        parts = [part.lower() for part in name_parts(name)]
        if (word or "").upper() == "CATALOG":
            parts.append("default")
        elif len(parts) == 1:
            parts.insert(0, self.catalog or CATALOGS[0])
        if len(parts) != 2 or parts[0] not in CATALOGS:
            raise QueryFailed(
                f"[SCHEMA_NOT_FOUND] the schema {name} cannot be found",
                error_class="SCHEMA_NOT_FOUND",
            )
        self.catalog, self.schema = parts


@dataclass(frozen=True)
class Outcome:
    """A result in Arrow; `changed` is how many rows a statement changed, None for a query."""

    table: pa.Table
    changed: int | None = None


@dataclass
class Statement:
    """A statement to be run. `interruptible` is given the way to stop it while DuckDB is at it."""

    sql: str
    parameters: dict[str, Value]
    namespace: Namespace = field(default_factory=Namespace)
    interruptible: Callable[[Callable[[], None]], None] = lambda _stop: None


def run(statement: Statement, living: LivingStage) -> Outcome:
    """Raises: QueryFailed."""
    used = _USE.fullmatch(statement.sql)
    if used is not None:
        statement.namespace.use(used[1], used[2])
        return Outcome(pa.table({}))
    sql = numbered(as_select(statement.sql, living.stage.world.views))
    if translate(sql).kind == "query":
        return Outcome(_query(sql, statement, living))
    return _change(sql, statement.parameters, living)


def _query(sql: str, statement: Statement, living: LivingStage) -> pa.Table:
    """Bound while the world stands still, which fixes the rows it will see; read while it goes on."""
    translated = translate(sql)
    for table in sorted(translated.tables):
        if table.count(".") == 2 and table.split(".")[0] not in (*CATALOGS, "system"):
            raise _no_table(table)
    missing = sorted(translated.parameters - statement.parameters.keys())
    if missing:
        raise QueryFailed(
            f"[UNBOUND_SQL_PARAMETER] no value for parameter :{missing[0]}",
            error_class="UNBOUND_SQL_PARAMETER",
        )
    named = {name: statement.parameters[name] for name in translated.parameters}
    try:
        with living.moment() as now:
            cursor = living.stage.world.warehouse_cursor()
            _prepare(cursor, statement.namespace)
            cursor.execute("SET VARIABLE rollout_now = CAST($now AS TIMESTAMPTZ)", {"now": now})
            cursor.begin()
            relation = cursor.sql(translated.sql, params=named or None)
        try:
            statement.interruptible(cursor.interrupt)
            found = relation.to_arrow_table()
            return for_the_wire(found, [str(kind) for kind in relation.types])
        finally:
            cursor.close()
    except duckdb.Error as error:
        raise as_query_failed(error) from error


def _prepare(cursor: duckdb.DuckDBPyConnection, namespace: Namespace) -> None:
    cursor.execute("SET TimeZone = 'UTC'")
    if namespace.catalog is not None:
        schema = namespace.schema or "default"
        # A catalog's schema `default` need not exist here; DuckDB calls it `main`.
        cursor.execute(
            f"USE {namespace.catalog}.{_quoted('main' if schema == 'default' else schema)}"
        )


def _change(sql: str, parameters: dict[str, Value], living: LivingStage) -> Outcome:
    """Journaled as text with its values, then done; nothing else happens meanwhile."""
    text = with_literals(sql, parameters) if parameters else sql
    with living.moment() as now:
        translate(text)
        living.stage.journal.write({"kind": "statement", "at": to_text(now), "sql": text})
        changed = living.stage.world.warehouse().run(text)
    if changed < 0:
        return Outcome(pa.table({}))
    columns = {"num_affected_rows": pa.array([changed], pa.int64())}
    if text.lstrip().upper().startswith("INSERT"):
        columns["num_inserted_rows"] = columns["num_affected_rows"]
    return Outcome(pa.table(columns), changed)


@lru_cache(maxsize=512)
def numbered(sql: str) -> str:
    """Positional parameters as named ones.

    >>> numbered("SELECT ? AS a, '?' AS b, ? AS c")
    "SELECT :_1 AS a, '?' AS b, :_2 AS c"
    """
    if "?" not in sql:
        return sql
    try:
        tokens = sqlglot.tokenize(sql, read="databricks")
    except SqlglotError:
        return sql  # whoever runs it says what is wrong with it
    places = [t.start for t in tokens if t.token_type == sqlglot.TokenType.PLACEHOLDER]
    for number, place in reversed(list(enumerate(places, 1))):
        sql = f"{sql[:place]}:_{number}{sql[place + 1 :]}"
    return sql


def with_literals(sql: str, parameters: dict[str, Value]) -> str:
    """The statement with its values in it, still Databricks SQL. Raises: QueryFailed.

    >>> with_literals("UPDATE a.b.c SET name = :name", {"name": "O'Hara"})
    "UPDATE a.b.c SET name = 'O\\\\'Hara'"
    """
    tree = sqlglot.parse_one(sql, read="databricks")
    for place in list(tree.find_all(exp.Placeholder)):
        if place.name not in parameters:
            raise QueryFailed(
                f"[UNBOUND_SQL_PARAMETER] no value for parameter :{place.name}",
                error_class="UNBOUND_SQL_PARAMETER",
            )
        place.replace(exp.convert(parameters[place.name]))
    return tree.sql("databricks")


def _quoted(name: str) -> str:
    return '"' + name.replace('"', '""') + '"'


def _no_table(name: str) -> QueryFailed:
    kind = "TABLE_OR_VIEW_NOT_FOUND"
    return QueryFailed(f"[{kind}] the table or view `{name}` cannot be found", error_class=kind)
