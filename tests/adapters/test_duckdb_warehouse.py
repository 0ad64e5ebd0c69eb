"""The in-process warehouse behind the same port as the real one."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from threading import Thread

import duckdb
import pytest

from rollout.adapters.duckdb_warehouse import DuckDbWarehouse, as_query_failed
from rollout.adapters.watchdog import Watchdog
from rollout.domain.effects import No, Yes
from rollout.domain.errors import QueryFailed, ServiceUnreachable

START = datetime(2026, 1, 6, 18, 0, 34, tzinfo=UTC)
SLOW = "SELECT COUNT(*) FROM crm.s.many a, crm.s.many b WHERE a.n * b.n % 7 = 8"


class Bench:
    """A warehouse on two catalogs, one of which it must not see, with a clock to set."""

    def __init__(self) -> None:
        self.now = START
        self.calls: list[str] = []
        self.connection = duckdb.connect(config={"python_enable_replacements": "false"})
        for catalog in ("crm", "sfdc"):
            self.connection.execute(f"ATTACH ':memory:' AS {catalog}").fetchall()
        for sql in (
            "CREATE SCHEMA crm.s",
            'CREATE TABLE crm.s.t (k VARCHAR, n INTEGER, "at" TIMESTAMPTZ)',
            "INSERT INTO crm.s.t VALUES ('a', 1, '2026-01-06 18:00:00+00'), ('b', 2, NULL)",
            "CREATE TABLE crm.s.many AS SELECT range AS n FROM range(60000)",
            "CREATE TABLE sfdc.main.secret AS SELECT 1 AS n",
        ):
            self.connection.execute(sql).fetchall()
        self.views: dict[str, str] = {}
        self.warehouse = DuckDbWarehouse(
            self.connection.cursor,
            lambda: self.now,
            lambda: self.calls.append("before"),
            views=self.views,
            changed=lambda: self.calls.append("changed"),
        )


@pytest.fixture
def bench() -> Iterator[Bench]:
    made = Bench()
    yield made
    made.connection.close()


def test_values_are_plain_scalars(bench: Bench) -> None:
    table = bench.warehouse.query(
        """SELECT 'a' AS text, 1 AS whole, 1.5D AS fraction, 2.50 AS money, TRUE AS flag, NULL AS nothing,
        DATE '2026-01-06' AS day, TIMESTAMP '2026-01-06 18:00:34' AS at,
        TIMESTAMP '2026-01-06 18:00:34.5' AS finer, SUM(n) AS total, CAST('nan' AS DOUBLE) AS no_number,
        array('x') AS several FROM crm.s.t"""
    )
    assert table.dicts() == [
        {
            "text": "a",
            "whole": 1,
            "fraction": 1.5,
            "money": 2.5,
            "flag": True,
            "nothing": None,
            "day": "2026-01-06",
            "at": "2026-01-06T18:00:34Z",
            "finer": "2026-01-06T18:00:34.500000Z",
            "total": 3,
            "no_number": None,
            "several": "['x']",
        }
    ]
    assert type(table.rows[0][9]) is int


def test_an_empty_result_keeps_its_columns(bench: Bench) -> None:
    table = bench.warehouse.query("SELECT k, at FROM crm.s.t WHERE n > 5")
    assert (table.columns, table.rows, table.truncated) == (["k", "at"], [], False)


@pytest.mark.parametrize(
    ("max_rows", "kept", "truncated"), [(1, 1, True), (2, 2, False), (3, 2, False)]
)
def test_more_rows_than_asked_for_are_cut_and_told(
    bench: Bench, max_rows: int, kept: int, truncated: bool
) -> None:
    table = bench.warehouse.query("SELECT k FROM crm.s.t ORDER BY k", max_rows=max_rows)
    assert (len(table.rows), table.truncated) == (kept, truncated)


def test_named_parameters_are_bound_not_pasted(bench: Bench) -> None:
    sql = "SELECT n FROM crm.s.t WHERE k = :key OR k = ':key'"
    assert bench.warehouse.query(sql, {"key": "b", "unused": 1}).rows == [(2,)]
    assert bench.warehouse.query(sql, {"key": "' OR 1=1 --"}).rows == []
    assert bench.warehouse.query(sql, {"key": None}).rows == []
    since = "SELECT k FROM crm.s.t WHERE at >= CAST(:since AS TIMESTAMP)"
    assert bench.warehouse.query(since, {"since": "2026-01-06T10:00:00-08:00"}).rows == [("a",)]
    assert bench.warehouse.query(since, {"since": "2026-01-06T18:00:01Z"}).rows == []
    with pytest.raises(QueryFailed) as failure:
        bench.warehouse.query(sql)
    assert failure.value.error_class == "UNBOUND_SQL_PARAMETER"


def test_the_clock_is_virtual_inside_views_too(bench: Bench) -> None:
    done = bench.warehouse.execute(
        "CREATE OR REPLACE VIEW crm.s.v AS SELECT k, CURRENT_TIMESTAMP() AS seen FROM crm.s.t "
        "WHERE at > CURRENT_TIMESTAMP() - INTERVAL 1 HOUR"
    )
    assert isinstance(done, Yes)
    assert bench.warehouse.query("SELECT * FROM crm.s.v").rows == [("a", "2026-01-06T18:00:34Z")]
    bench.now += timedelta(hours=2)
    assert bench.warehouse.query("SELECT * FROM crm.s.v").rows == []
    assert bench.warehouse.query("SELECT now()").rows == [("2026-01-06T20:00:34Z",)]


def test_a_change_tells_how_many_rows_and_that_something_changed(bench: Bench) -> None:
    assert bench.warehouse.execute("UPDATE crm.s.t SET n = n + 1") == Yes(2)
    assert bench.warehouse.execute(
        "INSERT INTO crm.s.t VALUES ('c', 3, CURRENT_TIMESTAMP())"
    ) == Yes(1)
    assert bench.warehouse.execute("DELETE FROM crm.s.t WHERE k = 'zzz'") == Yes(0)
    assert bench.calls == ["before", "changed"] * 3


def test_a_statement_that_fails_changed_nothing(bench: Bench) -> None:
    answer = bench.warehouse.execute("INSERT INTO crm.s.nothing VALUES (1)")
    assert isinstance(answer, No)
    assert answer.retry_after_s is None
    assert "TABLE_OR_VIEW_NOT_FOUND" in answer.reason
    assert isinstance(bench.warehouse.execute("SELECT 1"), No)
    assert isinstance(bench.warehouse.execute("UPDATE crm.s.t SET n = 1 / 0"), No)
    assert "changed" not in bench.calls
    assert bench.warehouse.query("SELECT SUM(n) FROM crm.s.t").rows == [(3,)]


def test_a_query_changes_nothing(bench: Bench) -> None:
    for sql in (
        "DELETE FROM crm.s.t",
        "DROP TABLE crm.s.t",
        "CREATE TABLE crm.s.u AS SELECT 1 AS n",
    ):
        with pytest.raises(QueryFailed):
            bench.warehouse.query(sql)
    assert bench.warehouse.query("SELECT COUNT(*) FROM crm.s.t").rows == [(2,)]


def test_the_definition_of_a_view_is_the_text_that_was_written(bench: Bench) -> None:
    written = "SELECT k,\n  COUNT_IF(n > 1) AS c -- why\nFROM crm.s.t GROUP BY k"
    bench.warehouse.execute(f"CREATE OR REPLACE VIEW crm.s.v AS\n{written}")
    assert bench.warehouse.view_definition("crm.s.V") == written
    assert bench.warehouse.view_definition("`crm`.`s`.`v`") == written
    assert bench.views == {"crm.s.v": written}
    bench.warehouse.execute(
        f"CREATE OR REPLACE VIEW crm.s.v AS SELECT * FROM ({written}) WHERE c > 0"
    )
    assert bench.warehouse.query("SELECT * FROM crm.s.v").rows == [("b", 1)]
    failed = bench.warehouse.execute(
        "CREATE OR REPLACE VIEW crm.s.v AS SELECT * FROM crm.s.nothing"
    )
    assert isinstance(failed, No)
    assert bench.warehouse.view_definition("crm.s.v").endswith("WHERE c > 0")
    bench.warehouse.execute("DROP VIEW crm.s.v")
    with pytest.raises(QueryFailed) as failure:
        bench.warehouse.view_definition("crm.s.v")
    assert failure.value.error_class == "TABLE_OR_VIEW_NOT_FOUND"


@pytest.mark.parametrize(
    "sql",
    [
        "SELECT * FROM sfdc.main.secret",
        "SELECT * FROM `SFDC`.main.secret",
        "SELECT * FROM sfdc.secret",
        "SELECT 1 WHERE EXISTS (SELECT 1 FROM sfdc.main.secret)",
        "WITH s AS (SELECT * FROM sfdc.main.secret) SELECT * FROM s",
        "SELECT * FROM crm.s.t UNION ALL SELECT 'a', n, NULL FROM sfdc.main.secret",
    ],
)
def test_the_truth_cannot_be_read(bench: Bench, sql: str) -> None:
    with pytest.raises(QueryFailed) as failure:
        bench.warehouse.query(sql)
    assert failure.value.error_class == "TABLE_OR_VIEW_NOT_FOUND"


@pytest.mark.parametrize(
    "sql",
    [
        "UPDATE sfdc.main.secret SET n = 2",
        "DELETE FROM sfdc.main.secret",
        "INSERT INTO crm.s.many SELECT n FROM sfdc.main.secret",
        "CREATE VIEW crm.s.v AS SELECT * FROM sfdc.main.secret",
        "CREATE VIEW sfdc.main.v AS SELECT 1 AS n",
        "DROP TABLE sfdc.main.secret",
        "ALTER TABLE sfdc.main.secret RENAME COLUMN n TO m",
        "USE sfdc",
        "SET VARIABLE rollout_now = 1",
        "ATTACH 'x.db' AS x",
        "COPY crm.s.t TO 'x.csv'",
    ],
)
def test_the_truth_cannot_be_written(bench: Bench, sql: str) -> None:
    assert isinstance(bench.warehouse.execute(sql), No)
    assert bench.connection.execute("SELECT n FROM sfdc.main.secret").fetchall() == [(1,)]


def test_a_query_that_takes_too_long_is_interrupted(bench: Bench) -> None:
    with pytest.raises(ServiceUnreachable, match=r"within 0\.05 s"):
        bench.warehouse.query(SLOW, timeout_s=0.05)
    answer = bench.warehouse.execute(f"INSERT INTO crm.s.many {SLOW}", timeout_s=0.05)
    assert isinstance(answer, No)
    assert "interrupted" in answer.reason
    assert bench.warehouse.query("SELECT COUNT(*) FROM crm.s.many").rows == [(60_000,)]


def test_each_thread_has_a_cursor_of_its_own(bench: Bench) -> None:
    opened: list[duckdb.DuckDBPyConnection] = []

    def cursor() -> duckdb.DuckDBPyConnection:
        opened.append(bench.connection.cursor())
        return opened[-1]

    warehouse = DuckDbWarehouse(cursor, lambda: START)
    found: list[object] = []

    def ask() -> None:
        found.extend(warehouse.query("SELECT SUM(n) FROM crm.s.t").rows[0] for _ in range(5))

    threads = [Thread(target=ask) for _ in range(3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert found == [(3,)] * 15
    assert len(opened) == 3


def test_an_unknown_failure_is_an_internal_error() -> None:
    found = as_query_failed(duckdb.InternalException("INTERNAL Error: boom"))
    assert found.error_class == "INTERNAL_ERROR"
    assert "boom" in str(found)


def test_a_watchdog_interrupts_the_late_and_leaves_the_rest_alone() -> None:
    from threading import Event

    dog, late, patient = Watchdog(), Event(), Event()
    with dog.guard(60, patient.set) as slow:
        with dog.guard(0.02, late.set) as watch:
            assert late.wait(5)
        assert watch.expired
    assert not patient.is_set()
    assert not slow.expired
    with dog.guard(60, late.clear) as again:
        pass
    assert not again.expired


def test_a_watchdog_interrupts_again_what_had_not_begun_when_it_was_interrupted() -> None:
    """A statement that was not running yet knows nothing of an interrupt."""
    from threading import Event

    dog, running, stopped = Watchdog(), Event(), Event()

    def interrupt() -> None:
        if running.is_set():
            stopped.set()
        running.set()

    with dog.guard(0.02, interrupt):
        assert stopped.wait(5)
