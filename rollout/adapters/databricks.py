"""A Databricks SQL warehouse, through databricks-sql-connector.

Source: reference on the connector, section 7 (measured with 4.9.0). The connector loads pandas
and pyarrow on first use, so everything of it is imported on the first connection.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any, Final, TypeVar

from rollout.adapters.databricks_sessions import Connect, DatabricksOptions, Sessions
from rollout.adapters.databricks_views import name_parts, quoted, select_of
from rollout.adapters.redaction import Redactor
from rollout.domain.effects import Answer, No, Unknown, Yes
from rollout.domain.errors import PlanProblems, QueryFailed, ServiceError, ServiceUnreachable
from rollout.domain.evidence import Scalar
from rollout.ports import Table

if TYPE_CHECKING:
    from rollout.adapters.databricks_failures import Failure

T = TypeVar("T")
AGAIN_AFTER_S: Final = 5.0
LONGEST_PAUSE_S: Final = 15.0
TELL_AFTER_S: Final = 10.0


def _wait(seconds: float) -> None:
    threading.Event().wait(seconds)


def _tell_nobody(_: str) -> None:
    return None


class DatabricksWarehouse:
    """Implements `ports.Warehouse`; safe to use from many threads.

    `on_wait` is told in words while a stopped warehouse starts or a statement takes long.
    Raises: PlanProblems without credentials; the connector would open a browser instead.
    """

    def __init__(
        self,
        options: DatabricksOptions,
        *,
        redactor: Redactor | None = None,
        connect: Connect | None = None,
        guard: Callable[[Any], None] | None = None,
        on_wait: Callable[[str], None] | None = None,
        wait: Callable[[float], None] = _wait,
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        if not options.token and options.credentials_provider is None:
            raise PlanProblems(["databricks: neither a token nor a credentials provider is given"])
        self._options, self._redactor = options, redactor or Redactor()
        self._redactor.add(options.token)
        self._on_wait = on_wait or _tell_nobody
        self._wait, self._monotonic = wait, monotonic
        self._sessions = Sessions(
            options, self._redactor, connect=connect, guard=guard, tell=self._on_wait
        )

    def query(
        self,
        sql: str,
        parameters: Mapping[str, Scalar] | None = None,
        *,
        max_rows: int = 1000,
        timeout_s: float = 300.0,
    ) -> Table:
        """Raises: QueryFailed, ServiceUnreachable (also on time-out), ServiceRefused,
        ServiceGarbled."""
        deadline = self._monotonic() + timeout_s

        def fetch(cursor: Any) -> Table:
            # Arrow, not Row objects: nine times cheaper. One row more tells whether it was cut.
            return _table(cursor.fetchmany_arrow(max_rows + 1), max_rows)

        return self._patiently(deadline, lambda: self._read(sql, parameters, deadline, fetch))

    def execute(self, sql: str, *, timeout_s: float = 300.0) -> Answer[int]:
        """One statement, sent once. A `SELECT 1` goes first, so that a warehouse that is still
        starting answers 503 to that one and not to the statement."""
        deadline = self._monotonic() + timeout_s
        try:
            self._patiently(deadline, lambda: self._read("SELECT 1", None, deadline, _nothing))
        except ServiceError as error:
            return No(f"not sent: {error}", getattr(error, "retry_after_s", None))
        return self._change(sql, deadline)

    def view_definition(self, name: str) -> str:
        """From the information schema; from SHOW CREATE TABLE where that has no text (it is empty
        for a view of somebody else's, and absent in the old metastore). Raises: QueryFailed."""
        parts = name_parts(name)
        if len(parts) == 3:
            sql = (
                f"SELECT view_definition FROM {quoted(parts[:1])}.information_schema.views "  # noqa: S608 - a quoted name; the rest are parameters
                "WHERE lower(table_schema) = lower(:schema) AND lower(table_name) = lower(:name)"
            )
            try:
                found = self.query(sql, {"schema": parts[1], "name": parts[2]}, max_rows=2)
            except QueryFailed:
                found = Table([], [])
            if len(found.rows) == 1 and found.rows[0][0]:
                return str(found.rows[0][0])
        shown = self.query(f"SHOW CREATE TABLE {quoted(parts)}", max_rows=2)
        if len(shown.rows) != 1 or not isinstance(shown.rows[0][0], str):
            raise QueryFailed(f"{name} has no definition", error_class="NOT_A_VIEW")
        return select_of(shown.rows[0][0], name)

    def close(self) -> None:
        """Must be called: a connection left open closes itself while the interpreter ends, which
        can hang for minutes. Calls that are under way finish."""
        self._sessions.close()

    def _change(self, sql: str, deadline: float) -> Answer[int]:
        from rollout.adapters.databricks_failures import FOREIGN

        sending = submitted = False
        try:
            with self._sessions.cursor() as cursor:
                sending = True
                cursor.execute_async(sql)
                submitted = True
                if not self._finished(cursor, deadline):
                    return Unknown("databricks: cancelled at its deadline; it may have been done")
                cursor.get_async_execution_result()
                return Yes(_affected(cursor))
        except ServiceUnreachable as error:  # closed meanwhile
            return No(f"not sent: {error}", error.retry_after_s)
        except FOREIGN as error:
            failure = self._failure(error, "a statement")
        rejected = not submitted or failure.kind == "sql"
        if not sending or (rejected and failure.changed_nothing):
            again = None if failure.kind in ("sql", "refused") else AGAIN_AFTER_S
            return No(failure.message, again)
        return Unknown(failure.message)

    def _read(
        self,
        sql: str,
        parameters: Mapping[str, Scalar] | None,
        deadline: float,
        fetch: Callable[[Any], T],
    ) -> T | Failure:
        """The result, or the failure when asking again soon may help."""
        from rollout.adapters.databricks_failures import FOREIGN

        try:
            with self._sessions.cursor() as cursor:
                cursor.execute_async(sql, dict(parameters) if parameters else None)
                if self._finished(cursor, deadline):
                    cursor.get_async_execution_result()
                    return fetch(cursor)
        except FOREIGN as error:
            failure = self._failure(error, "a query")
        else:
            raise ServiceUnreachable("databricks: no result in time; the query was cancelled")
        if failure.kind in ("session", "busy"):
            return failure
        raise failure.as_error()

    def _patiently(self, deadline: float, ask: Callable[[], T | Failure]) -> T:
        """Ask until there is a result; pauses grow, a stopped warehouse gets its time to start."""
        from rollout.adapters.databricks_failures import Failure

        began, pause = self._monotonic(), 1.0
        last = min(deadline, began + self._options.cold_start_s)
        while True:
            result = ask()
            if not isinstance(result, Failure):
                return result
            now = self._monotonic()
            if now + pause > last:
                raise result.as_error()
            self._on_wait(f"databricks: waiting for the warehouse since {now - began:.0f} s")
            self._wait(pause)
            pause = min(pause * 2, LONGEST_PAUSE_S)

    def _finished(self, cursor: Any, deadline: float) -> bool:
        """Wait for a submitted statement; False when it had to be cancelled at the deadline.

        The connector's own waiting has no deadline, and cancelling from another thread does
        nothing while a call is under way.
        """
        began, pause, told = self._monotonic(), 0.05, 0.0
        while cursor.is_query_pending():
            now = self._monotonic()
            if now >= deadline:
                self._cancel(cursor)
                return False
            if now - began - told >= TELL_AFTER_S:
                told = now - began
                self._on_wait(f"databricks: the statement runs since {told:.0f} s")
            self._wait(min(pause, deadline - now))
            pause = min(pause * 2, 1.0)
        return True

    def _cancel(self, cursor: Any) -> None:
        from rollout.adapters.databricks_failures import FOREIGN

        try:
            cursor.cancel()
        except FOREIGN as error:
            self._on_wait(self._failure(error, "cancelling").message)

    def _failure(self, error: Exception, what: str) -> Failure:
        from rollout.adapters.databricks_failures import read_failure

        return read_failure(error, what, self._redactor)


def _table(result: Any, max_rows: int) -> Table:
    from rollout.adapters.arrow_table import to_table

    names = list(result.column_names)
    twice = sorted({name for name in names if names.count(name) > 1})
    if twice:
        raise QueryFailed(
            f"databricks: two columns are named {', '.join(twice)}", error_class="DUPLICATE_COLUMN"
        )
    return to_table(result, max_rows)


def _affected(cursor: Any) -> int:
    """Rows a statement changed, as its result says; -1 without such a number.

    The statement has succeeded by now: whatever is wrong with its result, the answer stays yes.
    """
    from rollout.adapters.databricks_failures import FOREIGN

    try:
        counts = cursor.fetchmany_arrow(1).to_pydict().get("num_affected_rows")
    except FOREIGN:
        return -1
    return counts[0] if counts and isinstance(counts[0], int) else -1


def _nothing(_: Any) -> None:
    return None
