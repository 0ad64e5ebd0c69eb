"""A SQL warehouse in process: DuckDB that is spoken to in Databricks SQL."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, MutableMapping
from datetime import datetime
from threading import local

import duckdb

from rollout.adapters.arrow_table import to_table
from rollout.adapters.dialect import Translated, translate
from rollout.adapters.watchdog import Watchdog
from rollout.domain.effects import Answer, No, Yes
from rollout.domain.errors import QueryFailed, ServiceError, ServiceUnreachable
from rollout.domain.evidence import Scalar
from rollout.ports import Table


class DuckDbWarehouse:
    """Implements `ports.Warehouse`; one cursor a thread, from `cursor_factory`.

    `before_query` runs before every statement (the world catches up with its clock), `changed` after
    one that changed something. `views` holds the SELECT of each view as it was written. Statements
    that name a catalog of `hidden` find nothing there.
    """

    def __init__(
        self,
        cursor_factory: Callable[[], duckdb.DuckDBPyConnection],
        now: Callable[[], datetime],
        before_query: Callable[[], None] | None = None,
        *,
        views: MutableMapping[str, str] | None = None,
        changed: Callable[[], None] | None = None,
        hidden: frozenset[str] = frozenset({"sfdc"}),
    ) -> None:
        self._cursor_factory, self._now = cursor_factory, now
        self._before_query, self._changed = before_query, changed
        self._views: MutableMapping[str, str] = {} if views is None else views
        self._hidden = hidden
        self._mine = local()
        self._watchdog = Watchdog()

    def query(
        self,
        sql: str,
        parameters: Mapping[str, Scalar] | None = None,
        *,
        max_rows: int = 1000,
        timeout_s: float = 300.0,
    ) -> Table:
        """See `ports.Warehouse`. Raises: QueryFailed, ServiceUnreachable on time-out."""
        statement = self._translated(sql)
        if statement.kind != "query":
            raise QueryFailed("only a SELECT can be queried", error_class="PARSE_SYNTAX_ERROR")
        named = _named(statement, parameters or {})
        cursor = self._ready()
        with self._watchdog.guard(timeout_s, cursor.interrupt) as watch:
            try:
                relation = (
                    cursor.sql(statement.sql, params=named) if named else cursor.sql(statement.sql)
                )
                return to_table(relation.to_arrow_table(), max_rows)
            except duckdb.Error as error:
                raise _late(timeout_s) if watch.expired else as_query_failed(error) from error

    def execute(self, sql: str, *, timeout_s: float = 300.0) -> Answer[int]:
        """See `ports.Warehouse`; a statement that failed changed nothing."""
        try:
            return Yes(self.run(sql, timeout_s=timeout_s))
        except ServiceError as error:
            return No(str(error))

    def run(self, sql: str, *, timeout_s: float = 300.0) -> int:
        """Execute one statement; the affected rows, -1 when there is no such number.

        Raises: QueryFailed, ServiceUnreachable when it was interrupted; it changed nothing then.
        """
        statement = self._translated(sql)
        if statement.kind == "query":
            raise QueryFailed("a SELECT changes nothing", error_class="PARSE_SYNTAX_ERROR")
        cursor = self._ready()
        with self._watchdog.guard(timeout_s, cursor.interrupt) as watch:
            try:
                answer = cursor.execute(statement.sql).fetchall()
            except duckdb.Error as error:
                raise _late(timeout_s) if watch.expired else as_query_failed(error) from error
        if statement.view is not None and statement.select is not None:
            self._views[statement.view] = statement.select
        for name in statement.dropped:
            self._views.pop(name, None)
        if self._changed is not None:
            self._changed()
        return int(answer[0][0]) if statement.kind == "change" and answer else -1

    def view_definition(self, name: str) -> str:
        """See `ports.Warehouse`. Raises: QueryFailed when there is no such view."""
        text = self._views.get(name.replace("`", "").lower())
        if text is None:
            raise _not_found(name)
        return text

    def _translated(self, sql: str) -> Translated:
        statement = translate(sql)
        named = {*statement.tables, *([statement.view] if statement.view else [])}
        for table in sorted(named):
            if table.split(".")[0] in self._hidden:
                raise _not_found(table)
        return statement

    def _ready(self) -> duckdb.DuckDBPyConnection:
        if self._before_query is not None:
            self._before_query()
        mine = self._mine
        if not hasattr(mine, "cursor"):
            mine.cursor, mine.now = self._cursor_factory(), None
            # Instants without an offset are in UTC, as in a warehouse session of that zone.
            mine.cursor.execute("SET TimeZone = 'UTC'").fetchall()
        now = self._now()
        if mine.now != now:
            mine.cursor.execute(
                "SET VARIABLE rollout_now = CAST($now AS TIMESTAMPTZ)", {"now": now}
            ).fetchall()
            mine.now = now
        cursor: duckdb.DuckDBPyConnection = mine.cursor
        return cursor


def _named(statement: Translated, parameters: Mapping[str, Scalar]) -> dict[str, Scalar]:
    missing = sorted(statement.parameters - parameters.keys())
    if missing:
        raise QueryFailed(
            f"no value for parameter :{missing[0]}", error_class="UNBOUND_SQL_PARAMETER"
        )
    return {name: parameters[name] for name in statement.parameters}


_CLASSES: list[tuple[re.Pattern[str], str]] = [
    (re.compile(r"\[([A-Z][A-Z_]+)\]"), ""),
    (re.compile(r"Division by zero"), "DIVIDE_BY_ZERO"),
    (re.compile(r"(Table|View) with name|Catalog \".*\" does not exist|schema .* does not exist", re.I), "TABLE_OR_VIEW_NOT_FOUND"),
    (re.compile(r"Function with name"), "UNRESOLVED_ROUTINE"),
    (re.compile(r"Ambiguous reference"), "AMBIGUOUS_REFERENCE"),
    (re.compile(r"column .*not found|does not have a column|Referenced (column|table)", re.I), "UNRESOLVED_COLUMN"),
    (re.compile(r"must appear in the GROUP BY"), "MISSING_AGGREGATION"),
]  # fmt: skip
_BY_TYPE: list[tuple[type[duckdb.Error], str]] = [
    (duckdb.ParserException, "PARSE_SYNTAX_ERROR"),
    (duckdb.ConversionException, "CAST_INVALID_INPUT"),
    (duckdb.OutOfRangeException, "ARITHMETIC_OVERFLOW"),
    (duckdb.BinderException, "DATATYPE_MISMATCH"),
]


def as_query_failed(error: duckdb.Error) -> QueryFailed:
    """The error under the name that Databricks has for it; an unknown kind is INTERNAL_ERROR.

    >>> as_query_failed(duckdb.ParserException("Parser Error: near FRM")).error_class
    'PARSE_SYNTAX_ERROR'
    """
    text = str(error).splitlines()[0]
    for pattern, name in _CLASSES:
        found = pattern.search(text)
        if found is not None:
            return _failed(name or found.group(1), text)
    for kind, name in _BY_TYPE:
        if isinstance(error, kind):
            return _failed(name, text)
    return _failed("INTERNAL_ERROR", text)


def _failed(name: str, text: str) -> QueryFailed:
    bare = re.sub(r"^[A-Za-z ]+Error: ", "", text)
    return QueryFailed(bare if f"[{name}]" in bare else f"[{name}] {bare}", error_class=name)


def _not_found(name: str) -> QueryFailed:
    return _failed("TABLE_OR_VIEW_NOT_FOUND", f"the table or view `{name}` cannot be found")


def _late(timeout_s: float) -> ServiceUnreachable:
    return ServiceUnreachable(f"no answer within {timeout_s:g} s, the statement was interrupted")
