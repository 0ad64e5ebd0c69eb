"""`schema`: a view is the approved one, whatever its layout."""

from __future__ import annotations

from typing import Any

import pytest
from duck_tables import Duck, look, verdict
from pydantic import ValidationError

from rollout.checks.schema import Schema
from rollout.domain.errors import QueryFailed, ServiceGarbled
from rollout.domain.evidence import Verdict
from rollout.ports import Table

KIND = Schema()
APPROVED = "CREATE OR REPLACE VIEW queue AS\nSELECT id, UPPER(name) AS name FROM props WHERE active"


def world(definition: str = "SELECT id, upper(name) AS name FROM props WHERE active") -> Duck:
    duck = Duck(
        "CREATE TABLE props (id INT, name VARCHAR, active BOOLEAN, seen TIMESTAMPTZ, d DECIMAL(10, 2))",
        "INSERT INTO props VALUES (1, 'a', true, now(), 1.5)",
        f"CREATE VIEW queue AS {definition}",
    )
    duck.views["queue"] = definition
    return duck


def test_the_approved_view_passes_whatever_its_layout() -> None:
    duck = world("select ID, upper(`name`) as name -- shouted\nfrom Props where ACTIVE")
    seen = look(KIND, duck, {"relation": "queue", "sql": APPROVED})
    assert seen.metrics == {
        "differences": 0,
        "same_definition": True,
        "missing_columns": 0,
        "extra_columns": 0,
        "changed_types": 0,
        "population": 1,
    }
    assert seen.sample == []
    assert verdict(KIND, seen).verdict == Verdict.PASS
    assert verdict(KIND, seen, {"same_definition": "is true"}).verdict == Verdict.PASS


def test_another_source_behind_the_same_columns_fails_and_shows_the_difference() -> None:
    duck = world(
        "SELECT id, UPPER(city) AS name FROM (SELECT id, name AS city, active FROM props) WHERE active"
    )
    seen = look(KIND, duck, {"relation": "queue", "sql": APPROVED})
    assert (seen.metrics["same_definition"], seen.metrics["missing_columns"]) == (False, 0)
    assert verdict(KIND, seen).verdict == Verdict.FAIL
    assert {"change": "approved", "line": "FROM props"} in seen.sample
    assert any(row["change"] == "not as approved" for row in seen.sample)


def test_a_missing_and_an_extra_column_are_named() -> None:
    duck = world("SELECT id, city_x FROM (SELECT id, name AS city_x FROM props)")
    seen = look(KIND, duck, {"relation": "queue", "columns": ["ID", "name"]})
    assert seen.sample == [
        {"change": "missing column", "column": "name"},
        {"change": "extra column", "column": "city_x"},
    ]
    assert (seen.metrics["differences"], seen.metrics["extra_columns"]) == (1, 1)
    assert seen.metrics["same_definition"] is None
    assert verdict(KIND, seen).verdict == Verdict.FAIL


def test_an_extra_column_alone_is_no_difference() -> None:
    seen = look(KIND, world(), {"relation": "props", "columns": ["id"]})
    assert (seen.metrics["differences"], seen.metrics["extra_columns"]) == (0, 4)
    assert verdict(KIND, seen).verdict == Verdict.PASS
    assert verdict(KIND, seen, {"extra_columns": "= 0"}).verdict == Verdict.FAIL


def test_types_are_compared_by_meaning_and_need_no_rows() -> None:
    types = {
        "id": "int",
        "name": "string",
        "active": "boolean",
        "seen": "timestamp",
        "d": "decimal(10,2)",
    }
    duck = world()
    assert look(KIND, duck, {"relation": "props", "columns": types}).metrics["changed_types"] == 0
    duck.connection.execute("DELETE FROM props")
    wrong = {**types, "id": "bigint", "d": "decimal(12,4)"}
    seen = look(KIND, duck, {"relation": "props", "columns": wrong, "at_least": 0})
    assert (seen.metrics["changed_types"], seen.metrics["differences"]) == (2, 2)
    assert {row["column"] for row in seen.sample} == {"id", "d"}
    assert seen.problem is None


def test_a_name_that_fits_two_relations_is_an_error() -> None:
    duck = world()
    duck.connection.execute("CREATE SCHEMA other; CREATE TABLE other.props AS SELECT 1 AS id")
    with pytest.raises(ServiceGarbled, match="several relations"):
        look(KIND, duck, {"relation": "props", "columns": {"id": "int"}})
    exact = {"relation": "memory.main.props", "columns": {"id": "int"}}
    assert look(KIND, duck, exact).metrics["changed_types"] == 0


class Unlisted(Duck):
    """A warehouse whose catalogue does not know the relation, as with an old metastore."""

    def query(self, sql: str, *arguments: Any, **options: Any) -> Table:
        table = super().query(sql, *arguments, **options)
        return Table(table.columns, []) if "information_schema" in sql else table


def test_types_that_the_catalogue_does_not_list_are_an_error() -> None:
    duck = Unlisted("CREATE TABLE props AS SELECT 1 AS id")
    with pytest.raises(ServiceGarbled, match="does not list"):
        look(KIND, duck, {"relation": "props", "columns": {"id": "int"}})


def test_a_definition_alone_is_not_met_by_columns_alone() -> None:
    seen = look(KIND, world(), {"relation": "queue", "columns": ["id"]})
    assert verdict(KIND, seen, {"same_definition": "is true"}).verdict == Verdict.INCONCLUSIVE


def test_a_star_leaves_the_columns_unknown() -> None:
    duck = world("SELECT * FROM props")
    seen = look(KIND, duck, {"relation": "queue", "sql": "SELECT * FROM props"})
    assert seen.metrics["missing_columns"] is None
    assert verdict(KIND, seen).verdict == Verdict.PASS
    assert verdict(KIND, seen, {"missing_columns": "= 0"}).verdict == Verdict.INCONCLUSIVE


def test_an_empty_view_answers_nothing() -> None:
    duck = world("SELECT id, UPPER(name) AS name FROM props WHERE active AND FALSE")
    seen = look(KIND, duck, {"relation": "queue", "columns": ["id", "name"]})
    assert seen.metrics["differences"] == 0
    assert verdict(KIND, seen).verdict == Verdict.INCONCLUSIVE


def test_a_missing_relation_or_definition_is_an_error() -> None:
    with pytest.raises(QueryFailed):
        look(KIND, world(), {"relation": "nowhere", "columns": ["id"]})
    with pytest.raises(QueryFailed):
        look(KIND, world(), {"relation": "props", "sql": "SELECT id FROM x"})


def test_a_definition_that_cannot_be_read_is_an_error() -> None:
    duck = world()
    duck.views["queue"] = "SELECT FROM WHERE"
    with pytest.raises(ServiceGarbled, match="queue"):
        look(KIND, duck, {"relation": "queue", "sql": APPROVED})


@pytest.mark.parametrize(
    ("inputs", "said"),
    [
        ({"relation": "queue"}, "give `sql`"),
        ({"relation": "queue", "sql": "DROP VIEW queue"}, "a SELECT or a CREATE VIEW"),
        ({"relation": "queue", "sql": "SELECT 1; SELECT 2"}, "one statement"),
        ({"relation": "queue", "sql": "SELECT ("}, "not Databricks SQL"),
        ({"relation": "queue", "columns": {"id": "integer of sorts"}}, "no Databricks type"),
        ({"relation": "queue", "columns": []}, "at least 1 item"),
    ],
)
def test_what_cannot_be_asked_is_refused_when_the_plan_is_read(
    inputs: dict[str, Any], said: str
) -> None:
    with pytest.raises(ValidationError, match=said):
        KIND.Inputs.model_validate(inputs)
