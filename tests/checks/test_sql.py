"""`sql`: named metrics of exactly one row, never about nothing."""

from __future__ import annotations

import pytest
from duck_tables import Duck, look, verdict
from pydantic import ValidationError

from rollout.checks.sql import Sql
from rollout.domain.errors import KindMisused, QueryFailed
from rollout.domain.evidence import Verdict

KIND = Sql()


def copy(*rows: str) -> Duck:
    values = f"INSERT INTO copy VALUES {', '.join(rows)}" if rows else "SELECT 1"
    return Duck("CREATE TABLE copy (id INT, name VARCHAR, score DOUBLE)", values)


def test_one_row_of_columns_becomes_metrics_of_those_names() -> None:
    duck = copy("(1, 'a', 0.5)", "(2, NULL, 0.7)")
    asked = "SELECT COUNT(*) AS n, COUNT_IF(name IS NULL) AS unnamed FROM copy"
    seen = look(KIND, duck, {"sql": asked, "of": "copy"})
    assert seen.metrics == {"n": 2, "unnamed": 1, "population": 2}
    assert verdict(KIND, seen, {"unnamed": "= 0"}).verdict == Verdict.FAIL
    assert verdict(KIND, seen, {"n": "= 2", "unnamed": "<= 1"}).verdict == Verdict.PASS


def test_a_query_of_one_column_answers_a_condition_without_a_name() -> None:
    seen = look(
        KIND, copy("(1, 'a', 0.5)"), {"sql": "SELECT MAX(score) AS m FROM copy", "of": "copy"}
    )
    assert seen.metrics["value"] == seen.metrics["m"] == 0.5
    assert verdict(KIND, seen, ">= 50 %").verdict == Verdict.PASS


def test_a_condition_without_a_name_on_several_columns_is_inconclusive() -> None:
    seen = look(KIND, copy("(1, 'a', 0.5)"), {"sql": "SELECT 1 AS a, 2 AS b", "of": "copy"})
    assert verdict(KIND, seen, "= 1").verdict == Verdict.INCONCLUSIVE


def test_a_question_about_an_empty_relation_is_inconclusive_and_costs_one_round_trip() -> None:
    duck = copy()
    seen = look(KIND, duck, {"sql": "SELECT COUNT(*) AS n FROM copy", "of": "copy"})
    assert seen.metrics["n"] == 0
    assert seen.problem == "copy is empty: nothing was looked at"
    assert verdict(KIND, seen, "= 0").verdict == Verdict.INCONCLUSIVE
    assert len(duck.asked) == 1


def test_every_relation_asked_about_must_hold_enough_rows() -> None:
    duck = Duck("CREATE TABLE a AS SELECT 1 AS x", "CREATE TABLE b AS SELECT 1 AS x FROM range(9)")
    inputs = {"sql": "SELECT 0 AS bad", "of": ["b", "a"], "at_least": 2}
    seen = look(KIND, duck, inputs)
    assert seen.problem == "a holds 1 rows, at least 2 are needed for an answer"
    assert seen.metrics["population"] == 9
    assert look(KIND, duck, {**inputs, "at_least": 1}).problem is None


@pytest.mark.parametrize(
    ("asked", "problem"),
    [
        ("SELECT id FROM copy WHERE id > 9", "the query gave no row, exactly one is wanted"),
        ("SELECT id FROM copy", "the query gave several rows, exactly one is wanted"),
    ],
)
def test_anything_but_one_row_is_inconclusive(asked: str, problem: str) -> None:
    seen = look(KIND, copy("(1, 'a', 1)", "(2, 'b', 1)"), {"sql": asked, "of": "copy"})
    assert seen.problem == problem
    assert verdict(KIND, seen, "= 1").verdict == Verdict.INCONCLUSIVE


@pytest.mark.parametrize(
    "value", ["NULL", "'nan'::DOUBLE", "'inf'::DOUBLE", "[1, 2]", "'false'", "''"]
)
@pytest.mark.parametrize("condition", ["= 0", "<= 1", "is false", "is empty", ">= 0 %"])
def test_no_value_that_is_no_number_passes_a_condition_on_numbers(
    value: str, condition: str
) -> None:
    duck = Duck(f"CREATE TABLE copy AS SELECT {value} AS v")
    seen = look(KIND, duck, {"sql": "SELECT v FROM copy", "of": "copy"})
    if (value, condition) == ("''", "is empty"):
        return  # an empty text is empty: that is what the author asked
    assert verdict(KIND, seen, condition).verdict != Verdict.PASS


def test_nan_and_lists_are_reported_as_no_value() -> None:
    duck = Duck("CREATE TABLE copy AS SELECT 'nan'::DOUBLE AS ratio, 1 AS n")
    seen = look(KIND, duck, {"sql": "SELECT ratio, n FROM copy", "of": "copy"})
    assert seen.metrics["ratio"] is None
    assert verdict(KIND, seen, {"n": "= 1"}).verdict == Verdict.PASS


def test_parameters_travel_beside_the_statement_and_never_inside_it() -> None:
    duck = copy("(1, 'x''; DROP TABLE copy', 1)", "(2, 'b', 1)")
    inputs = {
        "sql": "SELECT COUNT(*) AS n FROM copy WHERE name = :name",
        "of": "copy",
        "parameters": {"name": "x'; DROP TABLE copy"},
    }
    seen = look(KIND, duck, inputs)
    assert seen.metrics["n"] == 1
    sent, values = duck.asked[0]
    assert "DROP" not in sent
    assert values == {"name": "x'; DROP TABLE copy"}
    assert seen.detail["parameters"] == {"name": "x'; DROP TABLE copy"}


def test_a_query_with_its_own_with_clause_and_a_closing_comment_is_asked_as_written() -> None:
    asked = "WITH c AS (SELECT * FROM copy) SELECT COUNT(*) AS n FROM c -- all of them\n;"
    seen = look(KIND, copy("(1, 'a', 1)"), {"sql": asked, "of": "copy"})
    assert seen.metrics["n"] == 1
    assert "WITH c AS (SELECT * FROM copy) SELECT COUNT(*) AS n FROM c -- all of them" in seen.query
    assert seen.source == "warehouse warehouse: copy"


def test_a_missing_table_is_an_error_not_an_observation() -> None:
    with pytest.raises(QueryFailed):
        look(KIND, copy(), {"sql": "SELECT COUNT(*) AS n FROM nowhere", "of": "copy"})
    with pytest.raises(QueryFailed):
        look(KIND, copy("(1, 'a', 1)"), {"sql": "SELECT 1 AS n", "of": "nowhere"})


def test_an_unknown_connection_is_a_misuse() -> None:
    with pytest.raises(KindMisused):
        look(KIND, copy(), {"sql": "SELECT 1 AS n", "of": "copy", "on": "elsewhere"})


@pytest.mark.parametrize(
    ("inputs", "said"),
    [
        ({"sql": "DELETE FROM copy", "of": "copy"}, "only reading"),
        ({"sql": "WITH d AS (DELETE FROM copy) SELECT 1", "of": "copy"}, "only reading"),
        ({"sql": "SELECT 1; SELECT 2", "of": "copy"}, "one statement"),
        ({"sql": "SELECT FROM WHERE", "of": "copy"}, "not Databricks SQL"),
        ({"sql": "SELECT 1", "of": "copy; DROP TABLE x"}, "no name of a table"),
        ({"sql": "SELECT 1", "of": "copy WHERE 1 = 1"}, "no name of a table"),
        ({"sql": "SELECT 1", "of": []}, "at least 1 item"),
        ({"sql": "SELECT 1"}, "Field required"),
        ({"sql": "SELECT 1", "of": "copy", "at_least": 0}, "greater than or equal to 1"),
        ({"sql": "SELECT 1", "of": "copy", "at_least": True}, "not true or false"),
        ({"sql": "SELECT :a", "of": "copy"}, "uses :a"),
        (
            {"sql": "SELECT 1", "of": "copy", "parameters": {"a": 1}},
            "does not use the parameters a",
        ),
        ({"sql": "SELECT 1", "of": "copy", "colour": 1}, "Extra inputs"),
    ],
)
def test_what_cannot_be_asked_is_refused_when_the_plan_is_read(
    inputs: dict[str, object], said: str
) -> None:
    with pytest.raises(ValidationError, match=said):
        KIND.Inputs.model_validate(inputs)


def test_references_may_stand_where_values_will_be() -> None:
    KIND.Inputs.model_validate(
        {
            "sql": "SELECT COUNT(*) AS n FROM copy WHERE at > '${{ phase.started_at }}' AND n < ${{ params.n }}",
            "of": "${{ gate.relation }}",
            "at_least": "${{ params.n }}",
            "parameters": {},
        }
    )


def test_an_unfilled_reference_is_a_misuse_when_asked() -> None:
    inputs = {"sql": "SELECT 1 AS n", "of": "copy", "at_least": "${{ params.n }}"}
    with pytest.raises(KindMisused, match="at_least"):
        look(KIND, copy("(1, 'a', 1)"), inputs)
