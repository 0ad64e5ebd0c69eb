"""Databricks SQL, translated and executed: the values a Databricks warehouse would give."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import duckdb
import pytest
from hypothesis import given
from hypothesis import strategies as st

from rollout.adapters.dialect import split_statements, translate
from rollout.adapters.duckdb_warehouse import DuckDbWarehouse
from rollout.domain.errors import QueryFailed

NOW = datetime(2026, 1, 8, 18, 30, 15, tzinfo=UTC)


@pytest.fixture(scope="module")
def warehouse() -> Iterator[DuckDbWarehouse]:
    connection = duckdb.connect(config={"threads": "1", "python_enable_replacements": "false"})
    connection.execute("SET TimeZone = 'UTC'").fetchall()
    connection.execute("ATTACH ':memory:' AS crm").fetchall()
    connection.execute("CREATE SCHEMA crm.s").fetchall()
    connection.execute(
        """CREATE TABLE crm.s.t AS SELECT * FROM (VALUES
        (1, 10.5::DOUBLE, 'a', TRUE, TIMESTAMPTZ '2026-01-06 08:00:00+00', 0),
        (2, 34.5, 'b', FALSE, TIMESTAMPTZ '2026-01-07 09:30:00+00', 1),
        (3, 36.0, NULL, NULL, TIMESTAMPTZ '2026-01-08 18:00:00+00', 2),
        (4, 99.0, 'a', TRUE, NULL, NULL)) AS v(i, x, s, f, ts, d)"""
    ).fetchall()
    yield DuckDbWarehouse(connection.cursor, lambda: NOW)
    connection.close()


SCALARS: list[tuple[str, Any]] = [
    ("7 / 2", 3.5),
    ("1 / NULLIF(0, 0)", None),
    ("7 DIV 2", 3),
    ("-7 DIV 2", -3),
    ("-7 % 3", -1),
    ("try_divide(1, 0)", None),
    ("CASE WHEN FALSE THEN 1 / 0 ELSE 2 END", 2),
    ("CAST(2.6 AS INT)", 2),
    ("CAST(-2.6 AS INT)", -2),
    ("CAST(2.6D AS BIGINT)", 2),
    ("CAST(' 12 ' AS INT)", 12),
    ("CAST(TRUE AS INT)", 1),
    ("CAST(NULL AS INT)", None),
    ("int('7')", 7),
    ("TRY_CAST('2.6' AS INT)", None),
    ("TRY_CAST('x' AS DOUBLE)", None),
    ("CAST(1.005D AS DECIMAL(10, 2))", 1.01),
    ("CAST('true' AS BOOLEAN)", True),
    ("CAST(100.0D AS STRING)", "100.0"),
    ("CAST(TIMESTAMP '2026-01-08 10:00:00' AS STRING)", "2026-01-08 10:00:00"),
    ("CAST('2026-01-08T10:00:00-08:00' AS TIMESTAMP)", "2026-01-08T18:00:00Z"),
    ("to_timestamp('2026-01-08 10:00:00')", "2026-01-08T10:00:00Z"),
    ("TIMESTAMP '2026-01-08 10:00:00.25'", "2026-01-08T10:00:00.250000Z"),
    ("'a' || TIMESTAMP '2026-01-08 10:00:00'", "a2026-01-08 10:00:00"),
    ("CONCAT('a', 1, NULL)", None),
    ("CONCAT_WS('-', 'a', NULL, 'b')", "a-b"),
    ("round(1.005D, 2)", 1.01),
    ("round(2.5)", 3),
    ("round(-2.5)", -3),
    ("round(100.0 * 18250 / 20247, 2)", 90.14),
    ("round(1234, -2)", 1200),
    ("substring('abc', 0, 2)", "ab"),
    ("substring('abc', 1, 2)", "ab"),
    ("substring('abc', 2)", "bc"),
    ("substr('abc', -2)", "bc"),
    ("substr('abc', -5)", "abc"),
    ("left('abc', -1)", ""),
    ("right('abc', 2)", "bc"),
    ("trim('  a\\t ')", "a\t"),
    ("lpad('7', 3, '0')", "007"),
    ("rpad('abc', 2)", "ab"),
    ("instr('abc', 'c')", 3),
    ("locate('c', 'abc')", 3),
    ("'a_b' LIKE 'a\\_b'", True),
    ("'axb' LIKE 'a\\_b'", False),
    ("'abc' NOT LIKE '%c'", False),
    ("'abc' NOT LIKE '%d'", True),
    ("NOT 'abc' LIKE '%d'", True),
    ("'ABC' NOT ILIKE 'abc'", False),
    ("'ABC' ILIKE 'ab%'", True),
    ("'abc' NOT RLIKE 'b'", False),
    ("1 NOT IN (1, 2)", False),
    ("2 NOT BETWEEN 1 AND 3", False),
    ("1 IS NOT DISTINCT FROM 1", True),
    ("NOT (1 <=> NULL)", True),
    ("5 & 4", 4),
    ("'abc' RLIKE 'b'", True),
    ("regexp_replace('a1b2', '[0-9]', '#')", "a#b#"),
    ("regexp_extract('k=42', 'k=([0-9]+)')", "42"),
    ("regexp_extract('k', 'x')", ""),
    ("NULL <=> NULL", True),
    ("1 <=> NULL", False),
    ("equal_null(1, 1)", True),
    ("isnull(NULL)", True),
    ("nvl2(NULL, 1, 2)", 2),
    ("if(NULL, 1, 2)", 2),
    ("greatest(1, NULL, 3)", 3),
    ("least(2, NULL, 3)", 2),
    ("ln(0)", None),
    ("sha2('a', 256)", "ca978112ca1bbdcafac231b39a23dc4da786eff8147c4e72b9807785afee48bb"),
    ("md5('a')", "0cc175b9c0f1b6a831c399e269772661"),
    ("xxhash64('a', 1) = xxhash64('a', 1)", True),
    ("xxhash64('a', 1) = xxhash64('a', 2)", False),
    ("xxhash64('a') >= 0", True),
    ("CURRENT_TIMESTAMP()", "2026-01-08T18:30:15Z"),
    ("now()", "2026-01-08T18:30:15Z"),
    ("CURRENT_DATE()", "2026-01-08"),
    ("CURRENT_DATE() - INTERVAL 1 DAY", "2026-01-07"),
    ("CURRENT_DATE() - 1", "2026-01-07"),
    ("DATE '2026-01-31' + INTERVAL 1 MONTH", "2026-02-28"),
    ("CURRENT_TIMESTAMP() - INTERVAL 24 HOURS", "2026-01-07T18:30:15Z"),
    ("date_add(DATE '2026-01-31', 1)", "2026-02-01"),
    ("date_sub(DATE '2026-01-31', 31)", "2025-12-31"),
    ("date_sub(CURRENT_TIMESTAMP(), 1)", "2026-01-07"),
    ("add_months(DATE '2026-01-31', 1)", "2026-02-28"),
    ("last_day(DATE '2026-02-03')", "2026-02-28"),
    ("trunc(DATE '2026-02-17', 'MM')", "2026-02-01"),
    ("trunc(DATE '2026-02-17', 'YEAR')", "2026-01-01"),
    ("date_trunc('DAY', CURRENT_TIMESTAMP())", "2026-01-08T00:00:00Z"),
    ("date_trunc('HOUR', DATE '2026-02-17')", "2026-02-17T00:00:00Z"),
    ("datediff(DATE '2026-01-08', DATE '2026-01-06')", 2),
    ("datediff(TIMESTAMP '2026-01-08 00:01:00', TIMESTAMP '2026-01-07 23:59:00')", 1),
    ("timestampdiff(MINUTE, TIMESTAMP '2026-01-08 00:00:30', TIMESTAMP '2026-01-08 00:01:00')", 0),
    ("timestampdiff(HOUR, TIMESTAMP '2026-01-07 00:00:00', TIMESTAMP '2026-01-08 00:30:00')", 24),
    ("timestampadd(HOUR, 2, TIMESTAMP '2026-01-08 00:00:00')", "2026-01-08T02:00:00Z"),
    ("dateadd(DAY, -1, TIMESTAMP '2026-01-08 00:00:00')", "2026-01-07T00:00:00Z"),
    ("unix_timestamp(TIMESTAMP '1970-01-01 00:01:00')", 60),
    ("unix_timestamp()", 1767897015),
    ("unix_millis(TIMESTAMP '1970-01-01 00:00:01')", 1000),
    ("date_format(TIMESTAMP '2026-01-08 10:05:00', 'yyyy-MM-dd HH:mm')", "2026-01-08 10:05"),
    ("to_date('2026-01-08')", "2026-01-08"),
    ("year(DATE '2026-01-08')", 2026),
    ("hour(TIMESTAMP '2026-01-08 10:05:00')", 10),
    ("dayofweek(DATE '2026-01-08')", 5),
    ("extract(MONTH FROM DATE '2026-03-08')", 3),
    ("date(CURRENT_TIMESTAMP()) = '2026-01-08'", True),
    ("TIMESTAMP '2026-01-08 10:00:00' > '2026-01-08T00:00:00-08:00'", True),
    ('"double quoted"', "double quoted"),
    ("'it\\'s'", "it's"),
    ("current_user()", "rehearsal"),
]


@pytest.mark.parametrize(("expression", "value"), SCALARS, ids=[e for e, _ in SCALARS])
def test_an_expression_has_databricks_value(
    warehouse: DuckDbWarehouse, expression: str, value: Any
) -> None:
    found = warehouse.query(f"SELECT {expression} AS v").rows[0][0]
    assert found == value
    assert isinstance(found, bool) == isinstance(value, bool)


AGGREGATES: list[tuple[str, list[tuple[Any, ...]]]] = [
    ("SELECT percentile(x, 0.5) FROM crm.s.t", [(35.25,)]),
    ("SELECT percentile_approx(x, 0.5) FROM crm.s.t", [(34.5,)]),
    ("SELECT median(x) FROM crm.s.t", [(35.25,)]),
    ("SELECT COUNT_IF(f) FROM crm.s.t WHERE i > 9", [(0,)]),
    ("SELECT COUNT_IF(f) FROM crm.s.t", [(2,)]),
    ("SELECT COUNT_IF(f) FILTER (WHERE i > 1) FROM crm.s.t", [(1,)]),
    ("SELECT SUM(i) FROM crm.s.t WHERE i > 9", [(None,)]),
    ("SELECT SUM(i) / COUNT(*) FROM crm.s.t", [(2.5,)]),
    ("SELECT any_value(s) FROM crm.s.t WHERE i = 3", [(None,)]),
    ("SELECT BOOL_OR(f), BOOL_AND(f) FROM crm.s.t", [(True, False)]),
    ("SELECT every(f), some(f) FROM crm.s.t", [(False, True)]),
    ("SELECT stddev(x) FROM crm.s.t WHERE i = 1", [(None,)]),
    ("SELECT s FROM crm.s.t ORDER BY s, i", [(None,), ("a",), ("a",), ("b",)]),
    ("SELECT s FROM crm.s.t ORDER BY s DESC, i", [("b",), ("a",), ("a",), (None,)]),
    (
        "SELECT i, lag(i) OVER (ORDER BY s) AS b FROM crm.s.t QUALIFY b IS NULL",
        [(3, None)],
    ),
    ("SELECT i FROM crm.s.t WHERE s <=> NULL", [(3,)]),
    ("SELECT i, 4 / d FROM crm.s.t WHERE d > 0 ORDER BY i", [(2, 4.0), (3, 2.0)]),
    ("SELECT CASE WHEN d <> 0 THEN 4 / d END FROM crm.s.t WHERE i = 1", [(None,)]),
    ("SELECT * EXCEPT (x, s, f, ts) FROM crm.s.t WHERE i = 1", [(1, 0)]),
    ("SELECT explode(split('a,,b', ','))", [("a",), ("",), ("b",)]),
    ("SELECT i FROM crm.s.t MINUS SELECT 1 UNION ALL SELECT 7", [(2,), (3,), (4,), (7,)]),
    ("SELECT a.i FROM crm.s.t a LEFT ANTI JOIN crm.s.t b ON a.i = b.i + 1", [(1,)]),
    ("SELECT bit_xor(xxhash64(i, 0)) = bit_xor(xxhash64(i, 0)) FROM crm.s.t", [(True,)]),
    ("SELECT i FROM crm.s.t WHERE ts >= CURRENT_TIMESTAMP() - INTERVAL 1 HOUR", [(3,)]),
    ("SELECT COUNT(DISTINCT s), MAX(ts) FROM crm.s.t", [(2, "2026-01-08T18:00:00Z")]),
]


@pytest.mark.parametrize(("sql", "rows"), AGGREGATES, ids=[e for e, _ in AGGREGATES])
def test_a_query_has_databricks_rows(
    warehouse: DuckDbWarehouse, sql: str, rows: list[tuple[Any, ...]]
) -> None:
    found = warehouse.query(sql).rows
    assert (found if "ORDER BY" in sql else sorted(found, key=repr)) == (
        rows if "ORDER BY" in sql else sorted(rows, key=repr)
    )


FAILURES = [
    ("SELECT 1 / 0", "DIVIDE_BY_ZERO"),
    ("SELECT 1 % 0", "DIVIDE_BY_ZERO"),
    ("SELECT CAST(1 AS DOUBLE) % 0", "DIVIDE_BY_ZERO"),
    ("SELECT 1 DIV 0", "DIVIDE_BY_ZERO"),
    ("SELECT COUNT(*) / SUM(d) FROM crm.s.t WHERE i = 1", "DIVIDE_BY_ZERO"),
    ("SELECT CAST('2.6' AS INT)", "CAST_INVALID_INPUT"),
    ("SELECT CAST('x' AS DOUBLE)", "CAST_INVALID_INPUT"),
    ("SELECT 2147483647 + i FROM crm.s.t", "ARITHMETIC_OVERFLOW"),
    ("SELECT nothing FROM crm.s.t", "UNRESOLVED_COLUMN"),
    ("SELECT t.nothing FROM crm.s.t AS t", "UNRESOLVED_COLUMN"),
    ("SELECT 1 FROM crm.s.nothing", "TABLE_OR_VIEW_NOT_FOUND"),
    ("SELECT 1 FROM crm.nothing.t", "TABLE_OR_VIEW_NOT_FOUND"),
    ("SELECT 1 FROM nothing.s.t", "TABLE_OR_VIEW_NOT_FOUND"),
    ("SELECT i FROM crm.s.t a JOIN crm.s.t b ON a.i = b.i", "AMBIGUOUS_REFERENCE"),
    ("SELECT s, COUNT(*) FROM crm.s.t", "MISSING_AGGREGATION"),
    ("SELEC 1", "PARSE_SYNTAX_ERROR"),
    ("SELECT 'open", "PARSE_SYNTAX_ERROR"),
    ("SELECT 1; SELECT 2", "PARSE_SYNTAX_ERROR"),
    ("", "PARSE_SYNTAX_ERROR"),
]


@pytest.mark.parametrize(("sql", "error_class"), FAILURES, ids=[e for e, _ in FAILURES])
def test_a_mistake_has_databricks_error_class(
    warehouse: DuckDbWarehouse, sql: str, error_class: str
) -> None:
    with pytest.raises(QueryFailed) as failure:
        warehouse.query(sql)
    assert failure.value.error_class == error_class
    assert f"[{error_class}]" in str(failure.value)


@pytest.mark.parametrize(
    "expression",
    [
        "datediff(DAY, ts, ts)",
        "months_between(ts, ts)",
        "timestampdiff(MONTH, ts, ts)",
        "date_format(ts, 'EEEE')",
        "unix_timestamp('01/02/2026', 'MM/dd/yyyy')",
        "regexp_replace(s, '(a)', '$1$1')",
        "regexp_extract(s, '(?=a)b')",
        "substring(s, i)",
        "substring(s, -2, 1)",
        "round(x, i)",
        "rand()",
        "uuid()",
        "max_by(s, i)",
        "initcap(s)",
        "approx_count_distinct(s)",
        "query_table('sfdc.main.product_property')",
        "getvariable('rollout_now')",
        "split(s, ',')[0]",
        "sha2(s, 512)",
        "CAST(x AS BINARY)",
        "CAST(s AS ARRAY<INT>)",
        "trim(BOTH 'x' FROM s)",
        "CAST(ts AS BIGINT)",
        "CAST(x * 1e9 AS STRING)",
        "to_json(s)",
        "dayname(ts)",
        "ceil(x, 1)",
        "floor(x, 1)",
        "s LIKE 'a/%' ESCAPE '/'",
        "s LIKE ANY ('a', 'b')",
        "5 ^ 4",
        "to_date(s, 'MM/dd/yyyy')",
        "to_timestamp(s, 'MM/dd/yyyy')",
        "split(s, ',', 2)",
        "from_utc_timestamp(ts, 'America/Los_Angeles')",
        "s COLLATE UTF8_LCASE",
        "last_day(ts, 'YEAR')",
        "max(x, 2)",
    ],
)
def test_what_has_no_faithful_translation_is_refused(
    warehouse: DuckDbWarehouse, expression: str
) -> None:
    with pytest.raises(QueryFailed) as failure:
        warehouse.query(f"SELECT {expression} AS v FROM crm.s.t")
    assert failure.value.error_class == "UNSUPPORTED_IN_REHEARSAL"


@pytest.mark.parametrize(
    "sql",
    [
        "SHOW TABLES IN crm.s",
        "DESCRIBE crm.s.t",
        "OPTIMIZE crm.s.t",
        "SELECT * FROM crm.s.t VERSION AS OF 3",
        "SELECT * FROM crm.s.t TABLESAMPLE (10 ROWS)",
        "CREATE SCHEMA crm.other",
        "SELECT * FROM read_csv('/etc/passwd')",
        "SELECT * FROM range(3)",
        "MERGE INTO crm.s.t USING crm.s.t AS u ON TRUE WHEN MATCHED THEN DELETE",
    ],
)
def test_statements_beyond_the_rehearsal_are_refused(sql: str) -> None:
    with pytest.raises(QueryFailed):
        translate(sql)


@given(st.decimals(-10_000, 10_000, places=4), st.integers(0, 3))
def test_round_is_half_up_on_the_digits(value: Any, places: int) -> None:
    from decimal import ROUND_HALF_UP, Decimal

    wanted = float(value.quantize(Decimal(1).scaleb(-places), rounding=ROUND_HALF_UP))
    text = translate(f"SELECT round(CAST('{value}' AS DOUBLE), {places}) AS v").sql
    relation = duckdb.sql(text)
    assert relation is not None
    assert relation.fetchall()[0][0] == wanted


def test_a_view_keeps_the_text_that_was_written() -> None:
    select = "SELECT /* why */ CAST(a AS INT) AS a\nFROM crm.s.t -- all of them"
    found = translate(f"CREATE OR REPLACE VIEW crm.S.`V` (a) AS\n{select};")
    assert (found.kind, found.view, found.select) == ("view", "crm.s.v", select)
    assert found.tables == {"crm.s.t"}


def test_parameters_are_found_and_translated() -> None:
    found = translate("SELECT :a AS x WHERE ':b' <> :c")
    assert found.parameters == {"a", "c"}
    assert "$a" in found.sql


def test_a_script_is_split_outside_texts_and_comments() -> None:
    assert [s.strip() for s in split_statements("SELECT ';' -- a;b\n; SELECT 2;;")] == [
        "SELECT ';' -- a;b",
        "SELECT 2",
    ]
    with pytest.raises(QueryFailed, match="PARSE_SYNTAX_ERROR"):
        split_statements("SELECT 'open")


ROOT = Path(__file__).parents[2]


@pytest.mark.parametrize(
    "path",
    sorted([*ROOT.glob("gates/sql/*.sql"), *ROOT.glob("plans/sql/*.sql")]),
    ids=lambda path: path.stem,
)
def test_every_statement_that_ships_can_be_rehearsed(path: Path) -> None:
    assert translate(path.read_text("utf-8")).sql
