"""A SQL warehouse in process: DuckDB that is spoken to in Databricks SQL."""

from __future__ import annotations

from collections.abc import Callable, Mapping, MutableMapping
from datetime import datetime
from threading import local

import duckdb

from rollout.adapters.arrow_table import to_table
from rollout.adapters.dialect import Translated, translate
from rollout.adapters.watchdog import Watchdog
from rollout.domain.effects import Answer, No, Yes
from rollout.domain.errors import QueryFailed, ServiceUnreachable
from rollout.domain.evidence import Scalar
from rollout.ports import Table


class DuckDbWarehouse:
    """Implements `ports.Warehouse`; one cursor a thread, from `cursor_factory`.

    `before_query` runs before every statement (the world catches up with its clock), `changed` after
    one that changed something. `views` holds the SELECT of each view as it was written.
    """

    def __init__(
        self,
        cursor_factory: Callable[[], duckdb.DuckDBPyConnection],
        now: Callable[[], datetime],
        before_query: Callable[[], None] | None = None,
        *,
        views: MutableMapping[str, str] | None = None,
        changed: Callable[[], None] | None = None,
    ) -> None:
        self._cursor_factory, self._now = cursor_factory, now
        self._before_query, self._changed = before_query, changed
        self._views: MutableMapping[str, str] = {} if views is None else views
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
        statement = translate(sql)
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
                if watch.expired:
                    raise ServiceUnreachable(f"no answer within {timeout_s:g} s") from error
                raise as_query_failed(error) from error

    def execute(self, sql: str, *, timeout_s: float = 300.0) -> Answer[int]:
        """See `ports.Warehouse`; a statement that failed changed nothing."""
        try:
            return Yes(self.run(sql, timeout_s=timeout_s))
        except QueryFailed as error:
            return No(str(error))

    def run(self, sql: str, *, timeout_s: float = 300.0) -> int:
        """Execute one statement; the affected rows, -1 when there is no such number.

        Raises: QueryFailed.
        """
        statement = translate(sql)
        cursor = self._ready()
        with self._watchdog.guard(timeout_s, cursor.interrupt):
            try:
                answer = cursor.execute(statement.sql).fetchall()
            except duckdb.Error as error:
                raise as_query_failed(error) from error
        if statement.view is not None and statement.select is not None:
            self._views[statement.view] = statement.select
        if self._changed is not None:
            self._changed()
        return int(answer[0][0]) if statement.kind == "change" and answer else -1

    def view_definition(self, name: str) -> str:
        """See `ports.Warehouse`. Raises: QueryFailed when there is no such view."""
        text = self._views.get(name.replace("`", "").lower())
        if text is None:
            raise QueryFailed(
                f"the view `{name}` cannot be found", error_class="TABLE_OR_VIEW_NOT_FOUND"
            )
        return text

    def _ready(self) -> duckdb.DuckDBPyConnection:
        if self._before_query is not None:
            self._before_query()
        mine = self._mine
        if not hasattr(mine, "cursor"):
            mine.cursor, mine.now = self._cursor_factory(), None
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


def as_query_failed(error: duckdb.Error) -> QueryFailed:
    """The error under the name that Databricks gives to it."""
    return QueryFailed(str(error).splitlines()[0])
