from __future__ import annotations

import subprocess
import sys
import threading
from collections.abc import Callable
from datetime import UTC, date, datetime
from decimal import Decimal
from typing import Any

import pyarrow as pa
import pytest
from databricks.sql import exc as connector_errors
from databricks.sql.auth.retry import DatabricksRetryPolicy
from thrift_warehouse import SmallWarehouse, served
from urllib3.exceptions import MaxRetryError, ProtocolError, ReadTimeoutError, ResponseError

from rollout.adapters.databricks import DatabricksWarehouse
from rollout.adapters.databricks_guard import NotSentAgain, Unguarded, send_statements_once
from rollout.adapters.databricks_sessions import DatabricksOptions
from rollout.adapters.databricks_views import name_parts, select_of
from rollout.domain.effects import No, Unknown, Yes
from rollout.domain.errors import (
    PlanProblems,
    QueryFailed,
    ServiceError,
    ServiceGarbled,
    ServiceRefused,
    ServiceUnreachable,
)

exc: Any = connector_errors  # its constructors have no types
TOKEN = "dapiCanaryCanaryCanary42"
ONE = pa.table({"n": [1]})
POOL: Any = None


class FakeCursor:
    def __init__(self, connection: FakeConnection) -> None:
        self.connection = connection
        self.pending = connection.bench.pending
        self.cancelled = self.closed = False
        self.table = ONE

    def execute_async(self, sql: str, parameters: Any = None) -> None:
        bench = self.connection.bench
        bench.asked.append((sql, parameters))
        bench.threads.append((id(self.connection), threading.get_ident()))
        answer = ONE if sql == "SELECT 1" and not bench.strict else bench.next_answer(sql)
        if isinstance(answer, Exception):
            raise answer
        self.table = answer

    def is_query_pending(self) -> bool:
        bench = self.connection.bench
        if bench.poll_error is not None and self.table is not ONE:
            raise bench.poll_error
        self.pending -= 1
        return self.pending >= 0

    def get_async_execution_result(self) -> None:
        error = self.connection.bench.result_error
        if error is not None and self.table is not ONE:
            raise error

    def fetchmany_arrow(self, size: int) -> pa.Table:
        error = self.connection.bench.fetch_error
        if error is not None:
            raise error
        return self.table.slice(0, size)

    def cancel(self) -> None:
        self.connection.bench.cancelled += 1
        if self.connection.bench.cancel_error is not None:
            raise self.connection.bench.cancel_error

    def close(self) -> None:
        self.closed = True
        if self.connection.bench.close_error is not None:
            raise self.connection.bench.close_error


class FakeConnection:
    def __init__(self, bench: Bench) -> None:
        self.bench = bench
        self.closed = False

    def cursor(self) -> FakeCursor:
        return FakeCursor(self)

    def close(self) -> None:
        self.closed = True
        if self.bench.close_error is not None:
            raise self.bench.close_error


class Bench:
    """A connector that answers from a list, on a clock that only waiting moves."""

    def __init__(self, *answers: Any, connects: list[Any] | None = None) -> None:
        self.answers, self.connects = list(answers), connects or []
        self.asked: list[tuple[str, Any]] = []
        self.threads: list[tuple[int, int]] = []
        self.connections: list[FakeConnection] = []
        self.options: dict[str, Any] = {}
        self.said: list[str] = []
        self.now, self.pending, self.cancelled = 0.0, 0, 0
        self.strict = False
        self.poll_error: Exception | None = None
        self.result_error: Exception | None = None
        self.fetch_error: Exception | None = None
        self.close_error: Exception | None = None
        self.cancel_error: Exception | None = None

    def next_answer(self, sql: str) -> Any:
        return self.answers.pop(0) if len(self.answers) > 1 else self.answers[0]

    def connect(self, **options: Any) -> FakeConnection:
        self.options = options
        if self.connects:
            outcome = self.connects.pop(0)
            if isinstance(outcome, Exception):
                raise outcome
        self.connections.append(FakeConnection(self))
        return self.connections[-1]

    def wait(self, seconds: float) -> None:
        self.now += seconds

    def warehouse(self, **options: Any) -> DatabricksWarehouse:
        return DatabricksWarehouse(
            DatabricksOptions(host="dbc.test", http_path="/sql/1.0/w", token=TOKEN, **options),
            connect=self.connect,
            guard=lambda _: None,
            on_wait=self.said.append,
            wait=self.wait,
            monotonic=lambda: self.now,
        )


def sql_error(text: str) -> Any:
    return exc.ServerOperationError(text, {"operation-id": "x"})


def request_error(status: int | None, text: str = "Error during request") -> Any:
    return exc.RequestError(text, {"http-code": status})


def too_many(status: int) -> Exception:
    reason = ResponseError(f"too many {status} error responses")
    return MaxRetryError(POOL, "/sql", reason)


LOST_SESSION = exc.DatabaseError("Invalid SessionHandle: SessionHandle [abc]")
MISSING = sql_error("[TABLE_OR_VIEW_NOT_FOUND] The table `x` cannot be found. SQLSTATE: 42P01")


# ---- options


def test_the_connector_gets_the_safe_options() -> None:
    bench = Bench(ONE)
    bench.warehouse(catalog="crm", use_cloud_fetch=False, extra={"_port": 8443}).query("SELECT 2")
    assert bench.options == {
        "server_hostname": "dbc.test",
        "http_path": "/sql/1.0/w",
        "access_token": TOKEN,
        "catalog": "crm",
        "schema": None,
        "enable_telemetry": False,
        "user_agent_entry": "rollout",
        "use_cloud_fetch": False,
        "session_configuration": {"STATEMENT_TIMEOUT": "3600", "TIMEZONE": "UTC"},
        "_socket_timeout": 120.0,
        "_retry_delay_min": 1,
        "_retry_delay_max": 5,
        "_retry_delay_default": 1,
        "_retry_stop_after_attempts_count": 1,
        "_retry_stop_after_attempts_duration": 60,
        "_port": 8443,
    }


def test_without_credentials_no_browser_is_opened() -> None:
    with pytest.raises(PlanProblems, match="neither a token"):
        DatabricksWarehouse(DatabricksOptions(host="h", http_path="p"))


def test_a_credentials_provider_takes_the_place_of_a_token() -> None:
    bench = Bench(ONE)
    options = DatabricksOptions(host="h", http_path="p", credentials_provider=lambda: None)
    DatabricksWarehouse(options, connect=bench.connect, guard=lambda _: None).query("SELECT 2")
    assert "access_token" not in bench.options
    assert bench.options["credentials_provider"] is options.credentials_provider


def test_options_show_no_token() -> None:
    assert "Canary" not in repr(DatabricksOptions(host="h", http_path="p", token=TOKEN))


def test_importing_the_adapter_does_not_load_the_connector() -> None:
    code = (
        "import sys, rollout.adapters.databricks\n"
        "print([m for m in ('databricks', 'pandas', 'pyarrow', 'sqlglot') if m in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


# ---- queries


def test_values_become_plain_scalars() -> None:
    table = pa.table(
        {
            "whole": [Decimal("3.00"), None],
            "part": [Decimal("2.50"), None],
            "at": pa.array(
                [datetime(2026, 1, 6, 18, 0, 34, tzinfo=UTC), None], pa.timestamp("us", "UTC")
            ),
            "day": [date(2026, 1, 6), None],
            "flag": [True, None],
            "text": ["x", None],
            "nan": [float("nan"), 1.5],
        }
    )
    result = Bench(table).warehouse().query("SELECT *")
    assert result.columns == ["whole", "part", "at", "day", "flag", "text", "nan"]
    assert result.rows == [
        (3, 2.5, "2026-01-06T18:00:34Z", "2026-01-06", True, "x", None),
        (None, None, None, None, None, None, 1.5),
    ]


def test_parameters_are_passed_by_name() -> None:
    bench = Bench(ONE)
    bench.warehouse().query("SELECT :a", {"a": "O'Hare"})
    bench.warehouse().query("SELECT 2", {})
    assert bench.asked == [("SELECT :a", {"a": "O'Hare"}), ("SELECT 2", None)]


@pytest.mark.parametrize(("most", "count", "cut"), [(3, 3, False), (2, 2, True), (0, 0, True)])
def test_a_longer_result_is_cut_and_says_so(most: int, count: int, cut: bool) -> None:
    result = Bench(pa.table({"n": [1, 2, 3]})).warehouse().query("SELECT n", max_rows=most)
    assert (len(result.rows), result.truncated) == (count, cut)


def test_two_columns_of_one_name_are_no_answer() -> None:
    table = pa.Table.from_arrays([pa.array([1]), pa.array([2])], names=["n", "n"])
    with pytest.raises(QueryFailed, match="two columns are named n"):
        Bench(table).warehouse().query("SELECT 1 n, 2 n")


FAILURES: list[tuple[Exception, type[ServiceError], str]] = [
    (MISSING, QueryFailed, "TABLE_OR_VIEW_NOT_FOUND"),
    (
        exc.DatabaseError("[PARSE_SYNTAX_ERROR] Syntax error. SQLSTATE: 42601"),
        QueryFailed,
        "PARSE_SYNTAX_ERROR",
    ),
    (sql_error("[DIVIDE_BY_ZERO.X] by zero"), QueryFailed, "DIVIDE_BY_ZERO.X"),
    (sql_error("something else"), QueryFailed, ""),
    (exc.NotSupportedError("no such parameter type"), QueryFailed, ""),
    (exc.ProgrammingError("bad parameters"), QueryFailed, ""),
    (request_error(401), ServiceRefused, ""),
    (request_error(403, "Invalid access token."), ServiceRefused, ""),
    (request_error(404), ServiceRefused, ""),
    (request_error(400), ServiceRefused, ""),
    (request_error(501), ServiceRefused, ""),
    (request_error(500), ServiceUnreachable, ""),
    (request_error(None), ServiceUnreachable, ""),
    (exc.MaxRetryDurationError("would exceed"), ServiceUnreachable, ""),
    (too_many(500), ServiceUnreachable, ""),
    (ProtocolError("reset"), ServiceUnreachable, ""),
    (ReadTimeoutError(POOL, "/", "late"), ServiceUnreachable, ""),
    (NotSentAgain(None, ProtocolError("reset")), ServiceUnreachable, ""),
    (ConnectionResetError("reset"), ServiceUnreachable, ""),
    (exc.DatabaseError("Command x unexpectedly closed server side"), ServiceUnreachable, ""),
    (exc.DataError("some result batches must have been skipped"), ServiceGarbled, ""),
    (ValueError("Unknown command state"), ServiceGarbled, ""),
    (KeyError("resultFormat"), ServiceGarbled, ""),
]


@pytest.mark.parametrize(("error", "kind", "name"), FAILURES, ids=repr)
def test_every_failure_of_a_query_is_mapped(
    error: Exception, kind: type[ServiceError], name: str
) -> None:
    bench = Bench(error)
    with pytest.raises(kind) as caught:
        bench.warehouse().query("SELECT 2")
    if isinstance(caught.value, QueryFailed):
        assert caught.value.error_class == name
    assert len(bench.asked) == 1
    assert caught.value.__context__ is None


@pytest.mark.parametrize(("error", "kind", "name"), FAILURES, ids=repr)
def test_every_failure_to_connect_is_mapped(
    error: Exception, kind: type[ServiceError], name: str
) -> None:
    with pytest.raises(kind):
        Bench(ONE, connects=[error]).warehouse().query("SELECT 2")
    answer = Bench(ONE, connects=[error]).warehouse().execute("INSERT INTO t VALUES (1)")
    assert isinstance(answer, No), "without a connection nothing can have been sent"


def test_every_class_of_the_connectors_errors_is_mapped() -> None:
    kinds = [
        kind
        for kind in vars(exc).values()
        if isinstance(kind, type) and issubclass(kind, exc.Error)
    ]
    assert len(kinds) >= 15
    for kind in kinds:
        with pytest.raises(ServiceError):
            Bench(kind("text")).warehouse().query("SELECT 2")


def test_a_token_in_an_error_is_masked() -> None:
    with pytest.raises(ServiceRefused) as caught:
        Bench(request_error(403, f"token {TOKEN} expired")).warehouse().query("SELECT 2")
    assert "Canary" not in str(caught.value)


def test_a_refused_query_keeps_its_status() -> None:
    with pytest.raises(ServiceRefused) as caught:
        Bench(request_error(403)).warehouse().query("SELECT 2")
    assert caught.value.status == 403


# ---- patience


@pytest.mark.parametrize(
    "cold",
    [
        NotSentAgain(503, None),
        too_many(503),
        NotSentAgain(429, None),
        LOST_SESSION,
        exc.DatabaseError("Session handle [x] has not been initialized yet"),
        exc.InterfaceError("Cannot create cursor from closed connection"),
    ],
    ids=repr,
)
def test_a_query_waits_for_a_warehouse_that_starts(cold: Exception) -> None:
    bench = Bench(cold, cold, cold, pa.table({"n": [7]}))
    assert bench.warehouse().query("SELECT 7").rows == [(7,)]
    assert bench.now == 1 + 2 + 4
    assert bench.said[0] == "databricks: waiting for the warehouse since 0 s"
    assert all(connection.closed for connection in bench.connections[:3])


def test_a_connection_is_waited_for_as_well() -> None:
    bench = Bench(pa.table({"n": [7]}), connects=[too_many(503), too_many(429)])
    assert bench.warehouse().query("SELECT 7").rows == [(7,)]
    assert bench.now == 3


@pytest.mark.parametrize(("cold_start", "timeout"), [(40.0, 999.0), (999.0, 40.0)])
def test_patience_ends_at_the_cold_start_or_at_the_deadline(
    cold_start: float, timeout: float
) -> None:
    bench = Bench(NotSentAgain(503, None))
    with pytest.raises(ServiceUnreachable) as caught:
        bench.warehouse(cold_start_s=cold_start).query("SELECT 7", timeout_s=timeout)
    assert bench.now <= 40
    assert caught.value.retry_after_s == 5.0


def test_a_query_is_cancelled_at_its_deadline() -> None:
    bench = Bench(ONE)
    bench.pending = 10**6
    with pytest.raises(ServiceUnreachable, match="cancelled"):
        bench.warehouse().query("SELECT 7", timeout_s=30)
    assert 30 <= bench.now < 31
    assert bench.cancelled == 1
    assert bench.said == [
        "databricks: the statement runs since 11 s",
        "databricks: the statement runs since 21 s",
    ]


# ---- effects


def dml(count: int) -> pa.Table:
    return pa.table({"num_affected_rows": [count], "num_inserted_rows": [count]})


def test_an_effect_answers_the_rows_it_changed() -> None:
    bench = Bench(dml(42))
    assert bench.warehouse().execute("UPDATE t SET x = 1") == Yes(42)
    assert [sql for sql, _ in bench.asked] == ["SELECT 1", "UPDATE t SET x = 1"]


@pytest.mark.parametrize(
    "table",
    [
        pa.table({}),
        pa.table({"x": [1]}),
        pa.table({"num_affected_rows": pa.array([None], pa.int64())}),
    ],
)
def test_an_effect_without_a_count_answers_minus_one(table: pa.Table) -> None:
    assert Bench(table).warehouse().execute("CREATE VIEW v AS SELECT 1") == Yes(-1)


def test_an_effect_that_succeeded_stays_a_yes_whatever_its_result_looks_like() -> None:
    bench = Bench(dml(1))
    warehouse = bench.warehouse()
    warehouse.query("SELECT 1")
    bench.close_error = request_error(500)
    assert warehouse.execute("INSERT INTO t VALUES (1)") == Yes(1)
    bench = Bench(dml(1))
    bench.strict = True
    effect = bench.warehouse()
    effect.query("SELECT 1")
    bench.fetch_error = exc.DataError("lost")
    assert effect.execute("INSERT INTO t VALUES (1)") == Yes(-1)


@pytest.mark.parametrize(
    ("error", "again"),
    [
        (MISSING, None),
        (sql_error("[X] SQLSTATE: 23505"), None),
        (exc.DatabaseError("[PARSE_SYNTAX_ERROR] SQLSTATE: 42601"), None),
        (LOST_SESSION, 5.0),
        (request_error(403), None),
        (request_error(404), None),
        (NotSentAgain(429, None), 5.0),
    ],
    ids=repr,
)
def test_an_effect_that_was_rejected_is_no(error: Exception, again: float | None) -> None:
    bench = Bench(error)
    answer = bench.warehouse().execute("INSERT INTO t VALUES (1)")
    assert isinstance(answer, No)
    assert answer.retry_after_s == again
    assert len(bench.asked) == 2


@pytest.mark.parametrize(
    "error",
    [
        NotSentAgain(None, ProtocolError("reset")),
        NotSentAgain(503, None),
        request_error(500),
        request_error(502),
        request_error(None),
        ProtocolError("reset"),
        ConnectionResetError("reset"),
        ValueError("unreadable"),
        sql_error("no class and no state"),
        sql_error("[DELTA_POST_COMMIT_HOOK_FAILED] committed, but. SQLSTATE: 2DKD0"),
        sql_error("[INTERNAL_ERROR] SQLSTATE: XX000"),
    ],
    ids=repr,
)
def test_an_effect_that_may_have_happened_is_unknown_and_sent_once(error: Exception) -> None:
    bench = Bench(error)
    assert isinstance(bench.warehouse().execute("INSERT INTO t VALUES (1)"), Unknown)
    assert [sql for sql, _ in bench.asked].count("INSERT INTO t VALUES (1)") == 1


def test_an_effect_that_fails_while_it_runs_is_no_only_for_an_error_in_sql() -> None:
    bench = Bench(dml(1))
    bench.poll_error = sql_error("[DIVIDE_BY_ZERO] SQLSTATE: 22012")
    assert isinstance(bench.warehouse().execute("INSERT INTO t SELECT 1/0"), No)
    for error in (request_error(404), LOST_SESSION, NotSentAgain(429, None), ProtocolError("x")):
        bench.poll_error = error
        assert isinstance(bench.warehouse().execute("INSERT INTO t VALUES (1)"), Unknown)


def test_an_effect_cancelled_by_somebody_is_unknown() -> None:
    bench = Bench(dml(1))
    bench.result_error = exc.OperationalError(
        "get_execution_result failed with Operation status CommandState.CANCELLED"
    )
    assert isinstance(bench.warehouse().execute("INSERT INTO t VALUES (1)"), Unknown)


def test_an_effect_at_its_deadline_is_cancelled_and_unknown() -> None:
    bench = Bench(dml(1))
    warehouse = bench.warehouse()
    bench.pending = 40
    answer = warehouse.execute("INSERT INTO t VALUES (1)", timeout_s=50)
    assert isinstance(answer, Unknown)
    assert bench.cancelled == 1


def test_a_cancel_that_fails_is_mentioned_and_the_deadline_stands() -> None:
    bench = Bench(dml(1))
    bench.pending, bench.cancel_error = 10**6, ProtocolError("reset")
    with pytest.raises(ServiceUnreachable, match="no result in time"):
        bench.warehouse().query("SELECT 2", timeout_s=5)
    assert bench.said == ["databricks: cancelling: reset"]


def test_an_effect_is_not_sent_to_a_warehouse_that_does_not_start() -> None:
    bench = Bench(NotSentAgain(503, None))
    bench.strict = True
    answer = bench.warehouse(cold_start_s=30).execute("INSERT INTO t VALUES (1)")
    assert isinstance(answer, No)
    assert answer.retry_after_s == 5.0
    assert {sql for sql, _ in bench.asked} == {"SELECT 1"}


# ---- connections


def test_a_connection_is_used_again_after_success_and_after_an_error_in_sql() -> None:
    bench = Bench(ONE, MISSING, ONE)
    warehouse = bench.warehouse()
    warehouse.query("SELECT 2")
    with pytest.raises(QueryFailed):
        warehouse.query("SELECT 2")
    warehouse.query("SELECT 2")
    assert len(bench.connections) == 1


def test_a_connection_that_failed_otherwise_is_closed() -> None:
    bench = Bench(ProtocolError("reset"), ONE)
    warehouse = bench.warehouse()
    with pytest.raises(ServiceUnreachable):
        warehouse.query("SELECT 2")
    warehouse.query("SELECT 2")
    assert [connection.closed for connection in bench.connections] == [True, False]


def test_no_two_threads_share_a_connection_at_one_time() -> None:
    meeting = threading.Barrier(4)
    bench = Bench(ONE)
    bench.next_answer = lambda sql: meeting.wait(10) * 0 or ONE  # type: ignore[method-assign]
    warehouse = bench.warehouse()
    threads = [threading.Thread(target=warehouse.query, args=("SELECT 2",)) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(10)
    assert len({connection for connection, _ in bench.threads}) == 4
    warehouse.close()
    assert all(connection.closed for connection in bench.connections)


def test_closing_closes_idle_connections_now_and_busy_ones_when_they_are_done() -> None:
    bench = Bench(ONE)
    warehouse = bench.warehouse()
    warehouse.query("SELECT 2")

    def close_in_between(sql: str) -> Any:
        warehouse.close()
        return ONE

    bench.next_answer = close_in_between  # type: ignore[method-assign]
    assert warehouse.query("SELECT 2").rows == [(1,)]
    assert bench.connections[0].closed
    with pytest.raises(ServiceUnreachable, match="closed"):
        warehouse.query("SELECT 2")
    assert isinstance(warehouse.execute("DELETE FROM t"), No)


def test_a_connection_that_cannot_be_closed_is_mentioned_and_left() -> None:
    bench = Bench(ONE)
    warehouse = bench.warehouse()
    warehouse.query("SELECT 2")
    bench.close_error = request_error(500)
    warehouse.close()
    assert bench.said == ["databricks: closing a connection: answered 500: Error during request"]


def test_a_connection_that_cannot_be_guarded_is_closed_and_refused() -> None:
    bench = Bench(ONE)

    def guard(_: Any) -> None:
        raise Unguarded("no retry policy to guard in SeaBackend")

    warehouse = DatabricksWarehouse(
        DatabricksOptions(host="h", http_path="p", token=TOKEN), connect=bench.connect, guard=guard
    )
    with pytest.raises(ServiceRefused, match="no retry policy"):
        warehouse.query("SELECT 2")
    assert bench.connections[0].closed
    assert isinstance(warehouse.execute("DELETE FROM t"), No)


# ---- views


def test_a_view_is_read_from_the_information_schema() -> None:
    bench = Bench(pa.table({"view_definition": ["SELECT 1 AS n"]}))
    assert bench.warehouse().view_definition("crm.sfdc_dbx.`Odd`") == "SELECT 1 AS n"
    sql, parameters = bench.asked[0]
    assert "FROM `crm`.information_schema.views" in sql
    assert parameters == {"schema": "sfdc_dbx", "name": "Odd"}


CREATED = """CREATE VIEW crm.dbx.v (
  a COMMENT 'used AS key',
  b)
COMMENT 'made AS told'
TBLPROPERTIES ('x' = 'AS y')
AS SELECT a, b AS c -- AS
FROM t"""


@pytest.mark.parametrize(
    "first",
    [
        pa.table({"view_definition": pa.array([None], pa.string())}),
        pa.table({"view_definition": pa.array([], pa.string())}),
        MISSING,
    ],
    ids=repr,
)
def test_a_view_of_somebody_else_is_read_from_its_create_statement(first: Any) -> None:
    bench = Bench(first, pa.table({"createtab_stmt": [CREATED]}))
    definition = bench.warehouse().view_definition("crm.dbx.v")
    assert definition == "SELECT a, b AS c -- AS\nFROM t"
    assert bench.asked[1][0] == "SHOW CREATE TABLE `crm`.`dbx`.`v`"


def test_a_name_of_two_parts_is_asked_for_directly() -> None:
    bench = Bench(pa.table({"createtab_stmt": ["CREATE VIEW v AS SELECT 1"]}))
    assert bench.warehouse().view_definition("dbx.v") == "SELECT 1"


@pytest.mark.parametrize(
    "table",
    [
        pa.table({"createtab_stmt": ["CREATE TABLE t (a INT) USING delta"]}),
        pa.table({"createtab_stmt": ["CREATE TABLE t AS SELECT 1"]}),
        pa.table({"createtab_stmt": ["'"]}),
        pa.table({"createtab_stmt": pa.array([], pa.string())}),
        pa.table({"createtab_stmt": [1]}),
    ],
    ids=repr,
)
def test_what_is_no_view_has_no_definition(table: pa.Table) -> None:
    with pytest.raises(QueryFailed) as caught:
        Bench(table).warehouse().view_definition("dbx.t")
    assert caught.value.error_class == "NOT_A_VIEW"


@pytest.mark.parametrize("name", ["", "a b", "a.b.c.d", "a..b", "a.", "x; DROP TABLE y", "`a"])
def test_only_names_are_names_of_views(name: str) -> None:
    with pytest.raises(QueryFailed):
        name_parts(name)


def test_materialized_and_replaced_views_are_views_too() -> None:
    assert select_of("CREATE OR REPLACE VIEW v AS SELECT 1", "v") == "SELECT 1"
    assert select_of("CREATE MATERIALIZED VIEW v AS\nSELECT 1", "v") == "SELECT 1"


# ---- the real connector, against a server of its own kind on loopback


def real(uri: str, said: list[str] | None = None, **options: Any) -> DatabricksWarehouse:
    return DatabricksWarehouse(
        DatabricksOptions(
            host="127.0.0.1",
            http_path="/sql/1.0/warehouses/w",
            token=TOKEN,
            extra={"_connection_uri": uri},
            **options,
        ),
        on_wait=(said if said is not None else []).append,
        wait=lambda _: None,
    )


@pytest.fixture
def small() -> SmallWarehouse:
    return SmallWarehouse(pa.table({"num_affected_rows": pa.array([3], pa.int64())}))


def use(small: SmallWarehouse, action: Callable[[DatabricksWarehouse], Any]) -> Any:
    with served(small) as uri:
        warehouse = real(uri)
        try:
            return action(warehouse)
        finally:
            warehouse.close()


def test_the_real_connector_answers_a_query(small: SmallWarehouse) -> None:
    small.pending = 2
    parameters = {"a": "O'Hare", "b": None, "c": 1.5, "d": True, "e": 2**40}
    table = use(small, lambda warehouse: warehouse.query("SELECT :a", parameters))
    assert table.dicts() == [{"num_affected_rows": 3}]
    assert [parameter.name for parameter in small.parameters] == ["a", "b", "c", "d", "e"]
    assert small.configuration["STATEMENT_TIMEOUT"] == "3600"
    assert small.configuration["TIMEZONE"] == "UTC"
    assert all("(rollout)" in agent for agent in small.agents)
    assert small.calls[0] == "OpenSession"
    assert small.calls[-1] == "CloseSession"


def test_the_real_connector_answers_an_effect_with_its_rows(small: SmallWarehouse) -> None:
    answer = use(small, lambda warehouse: warehouse.execute("INSERT INTO t VALUES (1)"))
    assert answer == Yes(3)
    assert small.statements == ["SELECT 1", "INSERT INTO t VALUES (1)"]


def test_a_statement_whose_answer_is_lost_was_sent_once(small: SmallWarehouse) -> None:
    def lose_the_second(warehouse: DatabricksWarehouse) -> Any:
        warehouse.query("SELECT 2")
        small.faults["ExecuteStatement"] = ["", "drop_after"]
        return warehouse.execute("INSERT INTO t VALUES (1)")

    answer = use(small, lose_the_second)
    assert isinstance(answer, Unknown)
    assert small.statements.count("INSERT INTO t VALUES (1)") == 1


def test_without_the_guard_the_connector_sends_it_twice(small: SmallWarehouse) -> None:
    """If this fails, the connector has learnt not to, and the guard may go."""
    small.faults["ExecuteStatement"] = ["drop_after"]
    with served(small) as uri:
        warehouse = DatabricksWarehouse(
            DatabricksOptions(
                host="127.0.0.1", http_path="/w", token=TOKEN, extra={"_connection_uri": uri}
            ),
            guard=lambda _: None,
        )
        warehouse.query("INSERT INTO t VALUES (1)")
        warehouse.close()
    assert small.statements == ["INSERT INTO t VALUES (1)"] * 2


def test_a_busy_warehouse_is_asked_again_by_us_and_not_by_the_connector(
    small: SmallWarehouse,
) -> None:
    small.faults["ExecuteStatement"] = [503, 429]
    use(small, lambda warehouse: warehouse.query("SELECT 2"))
    assert small.statements == ["SELECT 2"]
    assert small.calls.count("ExecuteStatement") == 3
    assert small.calls.count("OpenSession") == 3


def test_a_real_error_in_sql_has_its_class(small: SmallWarehouse) -> None:
    small.error = "[TABLE_OR_VIEW_NOT_FOUND] no table. SQLSTATE: 42P01"
    with pytest.raises(QueryFailed) as caught:
        use(small, lambda warehouse: warehouse.query("SELECT 2"))
    assert caught.value.error_class == "TABLE_OR_VIEW_NOT_FOUND"


def test_a_refused_token_is_refused_without_a_retry(small: SmallWarehouse) -> None:
    small.faults["OpenSession"] = [403]
    with pytest.raises(ServiceRefused) as caught:
        use(small, lambda warehouse: warehouse.query("SELECT 2"))
    assert caught.value.status == 403
    assert small.calls == ["OpenSession"]


def test_a_real_deadline_cancels_the_statement(small: SmallWarehouse) -> None:
    small.pending = 10**6
    with pytest.raises(ServiceUnreachable, match="cancelled"):
        use(small, lambda warehouse: warehouse.query("SELECT 2", timeout_s=0.2))
    assert "CancelOperation" in small.calls


def test_the_guard_survives_the_policys_own_successors(small: SmallWarehouse) -> None:
    with served(small) as uri:
        from databricks import sql

        connection = sql.connect(
            server_hostname="127.0.0.1",
            http_path="/w",
            access_token=TOKEN,
            enable_telemetry=False,
            _connection_uri=uri,
        )
        send_statements_once(connection)
        policy = connection.session.backend._transport.retry_policy  # type: ignore[attr-defined]
        assert isinstance(policy, DatabricksRetryPolicy)
        following = policy.increment("POST", "/", error=ProtocolError("reset"))
        assert type(following) is type(policy)
        connection.close()


def test_a_connection_of_another_kind_cannot_be_guarded() -> None:
    with pytest.raises(Unguarded):
        send_statements_once(object())
