"""No kind that asks the warehouse passes on nothing: every kind against every sort of absence.

The conditions are chosen so that a careless count of nothing would meet them.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

import pytest
from duck_tables import NOW, Duck, look, verdict

from rollout.checks.compare import Compare
from rollout.checks.freshness import Freshness
from rollout.checks.rows import Rows
from rollout.checks.schema import Schema
from rollout.checks.sql import Sql
from rollout.checks.untouched import Untouched
from rollout.domain.errors import QueryFailed, ServiceUnreachable
from rollout.domain.evidence import Verdict
from rollout.kinds import CheckKind
from rollout.ports import Table


@dataclass(frozen=True)
class Case:
    """A question that passes on good data, and that nothing would meet too if it were let to."""

    kind: CheckKind
    inputs: Mapping[str, Any]
    go: str | Mapping[str, str] | None = None


def asked(sql: str, go: str | Mapping[str, str]) -> Case:
    return Case(Sql(), {"sql": sql, "of": "tgt"}, go)


def compared(go: str | Mapping[str, str], **options: Any) -> Case:
    inputs = {
        "source": "src",
        "target": "tgt",
        "key": "id",
        "columns": ["name", "score"],
        **options,
    }
    return Case(Compare(), inputs, go)


UNTOUCHED = {
    "relation": "tgt",
    "key": "id",
    "modified_at": "modified",
    "since": NOW - timedelta(hours=1),
    "cohort_steps": [],
    "as_of": {"column": "synced"},
}
CASES = {
    "sql count of bad": asked(
        "SELECT COUNT_IF(name IS NULL) AS bad FROM tgt WHERE score > 0", "= 0"
    ),
    "sql sum of bad": asked(
        "SELECT SUM(CASE WHEN name IS NULL THEN 1 ELSE 0 END) AS bad FROM tgt", "<= 1"
    ),
    "sql share": asked("SELECT AVG(score) AS share FROM tgt", "<= 100 %"),
    "sql largest": asked(
        "SELECT MAX(score) AS m, COUNT(score) AS n FROM tgt", {"m": "< 5", "n": ">= 1"}
    ),
    "rows": Case(Rows(), {"sql": "SELECT id FROM tgt WHERE score > 5", "of": ["tgt", "src"]}),
    "rows share": Case(
        Rows(), {"sql": "SELECT id FROM tgt WHERE score > 5", "of": ["tgt"]}, {"share": "<= 1 %"}
    ),
    "compare rate": compared(">= 99 %"),
    "compare extra": compared({"extra": "= 0"}),
    "compare mismatched": compared({"mismatched_name": "= 0", "missing_share": "<= 100 %"}),
    "compare hashed": compared({"mismatched_rows": "= 0"}, large_from=0),
    "compare trusted": compared({"extra": "= 0"}, large_from=0, trust_unique_keys=True),
    "compare duplicates": compared({"duplicate_target_keys": "= 0"}),
    "untouched": Case(Untouched(), UNTOUCHED),
    "freshness": Case(Freshness(), {"relation": "tgt", "column": "synced"}, "<= 15m"),
    "schema": Case(Schema(), {"relation": "tgt", "columns": ["id", "name"]}),
}
TABLE = "CREATE OR REPLACE TABLE {} (id VARCHAR, name VARCHAR, score DOUBLE, modified TIMESTAMPTZ, synced TIMESTAMPTZ)"
GOOD = (
    "INSERT INTO {} VALUES ('a', 'A', 0.5, '2026-01-01 00:00Z', '2026-01-08 19:59Z'),"
    " ('b', 'B', 0.25, '2026-01-01 00:00Z', '2026-01-08 19:59Z')"
)
NULLS = "INSERT INTO {} VALUES (NULL, NULL, NULL, NULL, NULL), (NULL, NULL, NULL, NULL, NULL)"

every_case = pytest.mark.parametrize("case", CASES.values(), ids=CASES)


def world(source: str | None, target: str | None) -> Duck:
    duck = Duck(TABLE.format("src"), TABLE.format("tgt"))
    for name, rows in (("src", source), ("tgt", target)):
        if rows:
            duck.connection.execute(rows.format(name))
    return duck


@every_case
def test_the_question_passes_on_good_data(case: Case) -> None:
    seen = look(case.kind, world(GOOD, GOOD), case.inputs)
    assert verdict(case.kind, seen, case.go).verdict == Verdict.PASS


@every_case
@pytest.mark.parametrize("source", [None, GOOD], ids=["source empty", "source good"])
def test_an_empty_target_never_passes(case: Case, source: str | None) -> None:
    seen = look(case.kind, world(source, None), case.inputs)
    assert verdict(case.kind, seen, case.go).verdict == Verdict.INCONCLUSIVE


COMPARED = {name: case for name, case in CASES.items() if "src" in str(case.inputs)}


@pytest.mark.parametrize("case", COMPARED.values(), ids=COMPARED)
def test_an_empty_source_never_passes(case: Case) -> None:
    seen = look(case.kind, world(None, GOOD), case.inputs)
    assert verdict(case.kind, seen, case.go).verdict == Verdict.INCONCLUSIVE


# The number of NULL names among rows with a score is a count of nothing; these speak of rows that
# are there and hold NULL, and their answers are true of them.
TRUE_OF_NULLS = {"sql count of bad", "rows", "rows share", "schema"}


@pytest.mark.parametrize("name", sorted(CASES.keys() - TRUE_OF_NULLS))
def test_rows_of_nothing_but_null_never_pass(name: str) -> None:
    case = CASES[name]
    seen = look(case.kind, world(NULLS, NULLS), case.inputs)
    assert verdict(case.kind, seen, case.go).verdict != Verdict.PASS


@pytest.mark.parametrize("number", ["nan", "inf", "-inf"])
@pytest.mark.parametrize("name", ["sql share", "sql largest"])
def test_a_metric_that_is_no_number_never_passes(name: str, number: str) -> None:
    duck = world(GOOD, f"INSERT INTO {{}} VALUES ('a', 'A', '{number}', NULL, NULL)")
    case = CASES[name]
    assert verdict(case.kind, look(case.kind, duck, case.inputs), case.go).verdict != Verdict.PASS


@every_case
def test_a_missing_table_is_an_error(case: Case) -> None:
    duck = world(GOOD, GOOD)
    duck.connection.execute("DROP TABLE tgt")
    with pytest.raises(QueryFailed):
        look(case.kind, duck, case.inputs)


class Down(Duck):
    """A warehouse that is not there."""

    def query(self, sql: str, *arguments: Any, **options: Any) -> Table:
        raise ServiceUnreachable("no answer")


@every_case
def test_a_warehouse_that_does_not_answer_is_an_error(case: Case) -> None:
    with pytest.raises(ServiceUnreachable):
        look(case.kind, Down(), case.inputs)


@every_case
@pytest.mark.parametrize("least", [3])
def test_fewer_rows_than_the_plan_expects_never_pass(case: Case, least: int) -> None:
    seen = look(case.kind, world(GOOD, GOOD), {**case.inputs, "at_least": least})
    assert verdict(case.kind, seen, case.go).verdict == Verdict.INCONCLUSIVE
