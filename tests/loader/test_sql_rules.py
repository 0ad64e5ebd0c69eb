"""SQL of a plan only reads, is one statement, and its faults are found at their place."""

from __future__ import annotations

import logging
import time
from pathlib import Path
from typing import ClassVar

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from loader_fakes import CHECKS, READY, STEPS, SqlCheck, gate_of, load, plan_of, problems_of, write

from rollout.loader.documents import load_plan
from rollout.loader.sql import flaws


@pytest.mark.parametrize(
    "text",
    [
        "SELECT 1;",
        "-- why\nSELECT 1 -- this\n;",
        "(SELECT 1)",
        "SELECT 1 UNION ALL SELECT 2 EXCEPT SELECT 3",
        "WITH a AS (SELECT 1 AS x) SELECT * FROM a JOIN b USING (x)",
        "SELECT * FROM t VERSION AS OF 3 WHERE x:y.z::int > 1",
        "SELECT * FROM t QUALIFY ROW_NUMBER() OVER (PARTITION BY a ORDER BY b) = 1",
        "SELECT * FROM t LATERAL VIEW explode(x) AS y",
        "SELECT COUNT_IF(a) FILTER (WHERE b), TRY_DIVIDE(1, 0), read_files('x') FROM t",
        "SELECT :since, * FROM IDENTIFIER(:view)",
        "SELECT '; DROP TABLE t' AS text -- ; DELETE FROM t",
        "SELECT '${{ phase.started_at }}' AS since, ${{ steps.a.n }} AS n FROM ${{ steps.a.view }}",
        "SELECT main.udfs.mine(1)",
        "SELECT secret FROM t",
    ],
)
def test_reading_is_allowed(text: str) -> None:
    assert flaws(text, reads_only=True) == []


@pytest.mark.parametrize(
    ("text", "offset", "what"),
    [
        ("", 0, "there is no SQL statement"),
        (" ; ", 0, "there is no SQL statement"),
        ("-- nothing", 0, "there is no SQL statement"),
        ("SELECT 1;\nDROP TABLE t", 10, "a second statement: one text holds one"),
        ("BEGIN SELECT 1; END", 16, "a second statement: one text holds one"),
        ("DELETE FROM t", 0, "only SELECT is allowed here, not DELETE"),
        ("  UPDATE t SET x = 1", 2, "only SELECT is allowed here, not UPDATE"),
        ("INSERT INTO t SELECT 1", 0, "only SELECT is allowed here, not INSERT"),
        ("WITH a AS (SELECT 1) INSERT INTO t SELECT * FROM a", 0, "only SELECT is allowed here, not INSERT"),
        ("MERGE INTO a USING b ON a.x = b.x WHEN MATCHED THEN DELETE", 0, "only SELECT is allowed here, not MERGE"),
        ("CREATE OR REPLACE VIEW v AS SELECT 1", 0, "only SELECT is allowed here, not CREATE"),
        ("DROP TABLE t", 0, "only SELECT is allowed here, not DROP"),
        ("TRUNCATE TABLE t", 0, "only SELECT is allowed here, not TRUNCATETABLE"),
        ("OPTIMIZE t", 0, "only SELECT is allowed here, not OPTIMIZE"),
        ("VACUUM t", 0, "only SELECT is allowed here, not VACUUM"),
        ("CALL p()", 0, "only SELECT is allowed here, not CALL"),
        ("SET x = 1", 0, "only SELECT is allowed here, not SET"),
        ("USE CATALOG crm", 0, "only SELECT is allowed here, not USE"),
        ("GRANT SELECT ON t TO u", 0, "only SELECT is allowed here, not GRANT"),
        ("COPY INTO t FROM 'x'", 0, "only SELECT is allowed here, not COPY"),
        ("SHOW TABLES", 0, "only SELECT is allowed here, not SHOW"),
        ("EXPLAIN SELECT 1", 0, "only SELECT is allowed here, not EXPLAIN"),
        ("EXECUTE IMMEDIATE 'DROP TABLE t'", 0, "only SELECT is allowed here, not EXECUTE"),
        ("SELECT * INTO y FROM x", 14, "only reading is allowed here, not INTO"),
        ("SELECT 1,\n  ai_query('m', x) FROM t", 12, "the function ai_query is not allowed: it calls a model"),
        ("SELECT AI_GEN('x')", 7, "the function ai_gen is not allowed: it calls a model"),
        ("SELECT http_request(conn => 'c')", 7, "the function http_request is not allowed: it calls a web"),
        ("SELECT java_method('a', 'b')", 7, "the function java_method is not allowed: it runs code"),
        ("SELECT Reflect('a', 'b')", 7, "the function reflect is not allowed: it runs code"),
        ("SELECT * FROM (SELECT secret('a', 'b'))", 0, "the function secret is not allowed: it reads a secret"),
        ("SELECT * FROM remote_query('c')", 14, "the function remote_query is not allowed"),
        ("SELECT a FROM t WHERE", 16, "not Databricks SQL: WHERE is incomplete"),
        ("SELECT a\nFROM t\nWHERE a = = b", 26, "not Databricks SQL: EQ is incomplete"),
        ("SELECT 'open", 7, "not Databricks SQL: ' is not closed"),
        ("SELECT /* open", 0, "not Databricks SQL: a text or comment is not closed"),
        ("SELECT " + "(" * 5_000, 0, "SQL nested too deeply to be read"),
    ],
)  # fmt: skip
def test_everything_else_is_refused_at_its_place(text: str, offset: int, what: str) -> None:
    found = flaws(text, reads_only=True)[0]
    assert found.what.startswith(what)
    if "secret(" not in text:
        assert found.offset == offset
    else:
        assert "secret" in text[found.offset - 10 : found.offset + 10]


@pytest.mark.parametrize("text", ["DELETE FROM t", "INSERT INTO t SELECT 1", "OPTIMIZE t"])
def test_a_writing_step_may_write_by_one_statement(text: str) -> None:
    assert flaws(text, reads_only=False) == []
    assert flaws(f"{text}; {text}", reads_only=False) != []
    assert flaws(f"{text} ((", reads_only=False) != [] or text.startswith("OPTIMIZE")


def test_refusing_says_nothing_on_the_error_stream(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(logging.getLogger("sqlglot"), "propagate", False)
    assert flaws("VACUUM t", reads_only=True)
    assert capsys.readouterr().err == ""


@pytest.mark.parametrize(
    "text",
    ["(" * 60_000, "SELECT " + "1+" * 20_000 + "1", "not " * 15_000, "SELECT " + "f(" * 20_000],
)
def test_hostile_sql_is_answered_in_bounded_time(text: str) -> None:
    before = time.process_time()
    flaws(text, reads_only=True)
    assert time.process_time() - before < 2.0


@given(st.text("SELECT FROMabc*,()'\"`;-/1=.${} \n", max_size=60))
@settings(deadline=None, max_examples=200)
def test_any_text_is_answered_without_a_traceback(text: str) -> None:
    for flaw in flaws(text, reads_only=True):
        assert 0 <= flaw.offset <= len(text)


CHECK = """
- {check: c, kind: sql, title: T, owner: o, if_it_fails: F, go: {n: "= 1"},
   sql: SQL}
"""


def told(tmp_path: Path, sql: str, gate_extra: str = "", **files: str) -> list[str]:
    gate = gate_of(CHECK.replace("SQL", sql), extra=gate_extra)
    phases = "- {phase: p, title: P, entry: [ready]}\n"
    return problems_of(write(tmp_path, plan=plan_of(phases), ready=gate, **files))


def test_faults_in_a_file_are_placed_there_even_behind_filled_references(tmp_path: Path) -> None:
    sql = "SELECT ${{ params.expected }} AS a,\n  ${{ gate.w }} AS b, ai_query('x') AS c\nFROM t"
    extra = "params: {w: {default: 123456789012345678}}\n"
    assert told(tmp_path, "sql/q.sql", extra, q__sql=sql) == [
        "gates/sql/q.sql:2:23: the function ai_query is not allowed: it calls a model"
    ]


def test_unknown_references_in_a_file_are_placed_there(tmp_path: Path) -> None:
    found = told(tmp_path, "sql/q.sql", q__sql="SELECT 1 AS n\nWHERE 1 = ${{ params.expcted }}")
    assert found == [
        "gates/sql/q.sql:2:11: unknown reference `params.expcted`; did you mean `params.expected`?"
    ]


def test_what_is_filled_in_is_judged_too(tmp_path: Path) -> None:
    extra = 'params: {view: {default: "t; DROP TABLE t"}}\n'
    found = told(tmp_path, "sql/q.sql", extra, q__sql="SELECT * FROM ${{ gate.view }}")
    assert found == ["gates/sql/q.sql:1:15: a second statement: one text holds one"]


def test_faults_in_a_yaml_text_are_placed_at_the_text(tmp_path: Path) -> None:
    found = told(tmp_path, '"SELECT 1 FROM\\n t WHERE"')
    assert found == [
        "gates/ready.yaml:5:9: not Databricks SQL: WHERE is incomplete "
        "(line 2, column 4 of the statement)"
    ]


def test_a_step_that_only_reads_may_not_write(tmp_path: Path) -> None:
    step = "{step: snapshot, id: s, metrics: {rows: {sql: DELETE FROM t}}}"
    phases = f"- {{phase: p, title: P, steps: [{step}]}}\n"
    [found] = problems_of(write(tmp_path, plan=plan_of(phases)))
    assert found.endswith("only SELECT is allowed here, not DELETE")


def test_a_writing_step_needs_sound_sql(tmp_path: Path) -> None:
    step = "{step: sql, id: s, statement: DELETE FROM t, undo: INSERT INTO}"
    phases = f"- {{phase: p, title: P, steps: [{step}], exit: [ready]}}\n"
    [found] = problems_of(write(tmp_path, plan=plan_of(phases), ready=READY))
    assert "not Databricks SQL" in found


def test_soql_is_not_judged_as_sql(tmp_path: Path) -> None:
    step = "{step: snapshot, id: s, metrics: {rows: {soql: SELECT COUNT() FROM Thing__c}}}"
    load(write(tmp_path, plan=plan_of(f"- {{phase: p, title: P, steps: [{step}]}}\n")))


class ComparingCheck(SqlCheck):
    """Holds a definition against what is there."""

    kind: ClassVar[str] = "comparing"
    compared_sql: ClassVar[frozenset[str]] = frozenset({"sql"})


def test_a_text_that_is_compared_and_never_run_may_define_a_view(tmp_path: Path) -> None:
    gate = gate_of(CHECK.replace("SQL", "CREATE VIEW v AS SELECT 1").replace("sql,", "comparing,"))
    phases = "- {phase: p, title: P, entry: [ready]}\n"
    path = write(tmp_path, plan=plan_of(phases), ready=gate)
    kinds = {**CHECKS, "comparing": ComparingCheck()}
    assert load_plan(path, kinds, STEPS).gates["ready"].checks[0].kind == "comparing"
