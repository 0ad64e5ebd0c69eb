"""SOQL means in the rehearsal what it means in Salesforce, refusals included."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, date, datetime
from threading import RLock
from typing import Any

import duckdb
import pytest
from hypothesis import given
from hypothesis import strategies as st

from rollout.rehearsal.generator import empty_schema
from rollout.rehearsal.services.salesforce import OBJECT, RELATION
from rollout.rehearsal.services.soql import parse
from rollout.rehearsal.services.soql_sql import FieldKind, Schema, compile_query
from rollout.rehearsal.services.soql_tree import Compare, Field, Group, Not, SoqlProblem
from rollout.rehearsal.truth import SalesforceTruth

AT = datetime(2026, 1, 6, 18, 0, tzinfo=UTC)
FIELDS: dict[str, FieldKind] = {
    "Id": "id",
    "Name": "text",
    "Snappt_Property_ID__c": "text",
    "Company_Name__c": "text",
    "IDV_Enabled__c": "boolean",
    "Active_Property_Count__c": "number",
    "CreatedDate": "datetime",
    "LastModifiedById": "id",
    "IsDeleted": "boolean",
}
SCHEMA = Schema(OBJECT, RELATION, FIELDS)


class Org:
    """Five records, of which `gone` is deleted."""

    def __init__(self) -> None:
        connection = duckdb.connect(":memory:")
        for catalog in ("rds", "crm", "sfdc"):
            connection.execute(f"ATTACH ':memory:' AS {catalog}")
        connection.execute("SET TimeZone = 'UTC'")
        connection.execute(empty_schema())
        self.connection = connection
        self.truth = SalesforceTruth(connection, RLock(), lambda at: None, lambda at, ids: None)
        rows: list[dict[str, Any]] = [
            self.row("alpha", "Acme", True, 3),
            self.row("Beta", "ACME", False, None),
            self.row("100%_sure", None, None, 2),
            self.row("delta", "O'Brien \\ Co", True, 1),
            self.row("gone", "Acme", True, 9),
        ]
        self.truth.upsert(
            "Snappt_Property_ID__c", rows, operation="upsert", by=SalesforceTruth.CENSUS_USER, at=AT
        )
        connection.execute(f"UPDATE {RELATION} SET IsDeleted = (Name = 'gone')")

    def row(
        self, name: str, company: str | None, idv: bool | None, count: int | None
    ) -> dict[str, Any]:
        return {
            "Snappt_Property_ID__c": f"key-{name}",
            "Name": name,
            "Company_Name__c": company,
            "IDV_Enabled__c": idv,
            "Active_Property_Count__c": count,
        }

    def ask(self, soql: str, *, deleted_too: bool = False) -> list[tuple[Any, ...]]:
        compiled = compile_query(parse(soql), SCHEMA, deleted_too=deleted_too)
        return list(self.truth.select(compiled.sql, compiled.parameters).rows)

    def names(self, where: str) -> set[str]:
        return {row[0] for row in self.ask(f"SELECT Name FROM Product_Property__c WHERE {where}")}


@pytest.fixture(scope="module")
def org() -> Iterator[Org]:
    made = Org()
    yield made
    made.connection.close()


ALL = {"alpha", "Beta", "100%_sure", "delta"}


@pytest.mark.parametrize(
    ("where", "wanted"),
    [
        ("Name = 'ALPHA'", {"alpha"}),
        ("Name != 'alpha'", ALL - {"alpha"}),
        ("Name <> 'alpha'", ALL - {"alpha"}),
        ("Company_Name__c = 'acme'", {"alpha", "Beta"}),
        ("Company_Name__c != 'acme'", {"100%_sure", "delta"}),
        ("Company_Name__c = NULL", {"100%_sure"}),
        ("Company_Name__c = ''", {"100%_sure"}),
        ("Company_Name__c != null", ALL - {"100%_sure"}),
        ("Company_Name__c = 'O\\'Brien \\\\ Co'", {"delta"}),
        ("Name IN ('alpha', 'BETA')", {"alpha", "Beta"}),
        ("Company_Name__c NOT IN ('acme')", {"100%_sure", "delta"}),
        ("Company_Name__c IN ('nobody', NULL)", {"100%_sure"}),
        ("Company_Name__c NOT IN (NULL)", ALL - {"100%_sure"}),
        ("NOT Company_Name__c = 'acme'", {"100%_sure", "delta"}),
        ("NOT (Name = 'alpha' OR Name = 'beta')", {"100%_sure", "delta"}),
        ("(Name = 'alpha' OR Name = 'beta') AND IDV_Enabled__c = true", {"alpha"}),
        ("Name LIKE 'A%'", {"alpha"}),
        ("Name LIKE '_eta'", {"Beta"}),
        ("Name LIKE '100\\%\\_%'", {"100%_sure"}),
        ("Name LIKE '%lt%'", {"delta"}),
        ("NOT Name LIKE '%a%'", {"100%_sure"}),
        ("Name = '100\\%\\_sure'", {"100%_sure"}),
        ("Name > 'beta'", {"delta"}),
        ("Name <= 'alpha'", {"alpha", "100%_sure"}),
        ("IDV_Enabled__c = FALSE", {"Beta", "100%_sure"}),
        ("IDV_Enabled__c != TRUE", {"Beta", "100%_sure"}),
        ("IDV_Enabled__c = NULL", set()),
        ("IDV_Enabled__c != NULL", ALL),
        ("Active_Property_Count__c > 1", {"alpha", "100%_sure"}),
        ("Active_Property_Count__c < 2.5", {"100%_sure", "delta"}),
        ("Active_Property_Count__c != 3", ALL - {"alpha"}),
        ("Active_Property_Count__c = -1", set()),
        ("Active_Property_Count__c IN (1, 2)", {"100%_sure", "delta"}),
        ("CreatedDate >= 2026-01-06T18:00:00Z", ALL),
        ("CreatedDate > 2026-01-06T10:00:00.000-08:00", set()),
        ("CreatedDate < 2026-01-06T19:00:01+01:00", ALL),
        ("CreatedDate > 2026-01-06", ALL),
        ("LastModifiedById = '005Vj00000CENSUSAA'", ALL),
        ("LastModifiedById = '005vj00000censusaa'", set()),
        ("IsDeleted = true", set()),
    ],
)
def test_a_condition_keeps_the_records_salesforce_would(
    org: Org, where: str, wanted: set[str]
) -> None:
    assert org.names(where) == wanted


@pytest.mark.parametrize(
    ("soql", "wanted"),
    [
        ("SELECT COUNT() FROM Product_Property__c", [(4,)]),
        ("select count(Id) from product_property__c", [(4,)]),
        ("SELECT COUNT(Company_Name__c) n FROM Product_Property__c", [(3,)]),
        ("SELECT COUNT_DISTINCT(Company_Name__c) n FROM Product_Property__c", [(3,)]),
        (
            "SELECT MIN(Active_Property_Count__c), MAX(Active_Property_Count__c) FROM Product_Property__c",
            [(1, 3)],
        ),
        ("SELECT SUM(Active_Property_Count__c) FROM Product_Property__c", [(6,)]),
        ("SELECT AVG(Active_Property_Count__c) FROM Product_Property__c", [(2.0,)]),
        (
            "SELECT IDV_Enabled__c, COUNT(Id) n FROM Product_Property__c GROUP BY IDV_Enabled__c",
            [(False, 2), (True, 2)],
        ),
        (
            "SELECT IDV_Enabled__c FROM Product_Property__c GROUP BY IDV_Enabled__c "
            "HAVING COUNT(Id) > 1 AND MAX(Active_Property_Count__c) = 3",
            [(True,)],
        ),
        (
            "SELECT Name FROM Product_Property__c ORDER BY Active_Property_Count__c",
            [("Beta",), ("delta",), ("100%_sure",), ("alpha",)],
        ),
        (
            "SELECT Name FROM Product_Property__c ORDER BY Active_Property_Count__c DESC NULLS LAST LIMIT 2",
            [("alpha",), ("100%_sure",)],
        ),
        ("SELECT Name FROM Product_Property__c ORDER BY Name ASC LIMIT 1 OFFSET 3", [("delta",)]),
        (
            "SELECT Company_Name__c, COUNT(Id) FROM Product_Property__c GROUP BY Company_Name__c "
            "ORDER BY COUNT(Id) DESC, Company_Name__c NULLS LAST LIMIT 1",
            [("ACME", 1)],
        ),
    ],
)
def test_a_query_gives_the_rows_salesforce_would(
    org: Org, soql: str, wanted: list[tuple[Any, ...]]
) -> None:
    assert org.ask(soql) == wanted


def test_deleted_records_are_seen_only_when_asked_for(org: Org) -> None:
    soql = "SELECT COUNT() FROM Product_Property__c WHERE Name = 'gone'"
    assert org.ask(soql) == [(0,)]
    assert org.ask(soql, deleted_too=True) == [(1,)]


@pytest.mark.parametrize(
    ("soql", "code", "word"),
    [
        ("", "MALFORMED_QUERY", "<EOF>"),
        ("SELECT", "MALFORMED_QUERY", "<EOF>"),
        ("SELECT * FROM Product_Property__c", "MALFORMED_QUERY", "*"),
        ("SELECT Id AS key FROM Product_Property__c", "MALFORMED_QUERY", "key"),
        ('SELECT Id FROM Product_Property__c WHERE Name = "x"', "MALFORMED_QUERY", '"'),
        ("SELECT Id FROM Product_Property__c WHERE Name = 'O'Brien'", "MALFORMED_QUERY", "Brien"),
        ("SELECT Id FROM Product_Property__c WHERE Name == 'x'", "MALFORMED_QUERY", "="),
        ("SELECT Id FROM Product_Property__c WHERE Name IS NULL", "MALFORMED_QUERY", "IS"),
        (
            "SELECT Id FROM Product_Property__c WHERE Name = 'a' AND Name = 'b' OR Name = 'c'",
            "MALFORMED_QUERY",
            "OR",
        ),
        ("SELECT Id FROM Product_Property__c; DELETE", "MALFORMED_QUERY", ";"),
        ("SELECT Id FROM Product_Property__c WHERE Name IN ()", "MALFORMED_QUERY", ")"),
        ("SELECT Id FROM Product_Property__c LIMIT x", "MALFORMED_QUERY", "x"),
        ("SELECT Id FROM Account", "INVALID_TYPE", "Account"),
        ("SELECT Nothing__c FROM Product_Property__c", "INVALID_FIELD", "Nothing__c"),
        ("SELECT Id FROM Product_Property__c WHERE Nothing__c = 1", "INVALID_FIELD", "Nothing__c"),
        ("SELECT Id FROM Product_Property__c ORDER BY Nothing__c", "INVALID_FIELD", "Nothing__c"),
        ("SELECT Owner.Name FROM Product_Property__c", "INVALID_FIELD", "Owner.Name"),
        ("SELECT MAX(Nothing__c) FROM Product_Property__c", "INVALID_FIELD", "Nothing__c"),
        ("SELECT Id, Id FROM Product_Property__c", "MALFORMED_QUERY", "duplicate"),
        ("SELECT Id, COUNT(Id) FROM Product_Property__c", "MALFORMED_QUERY", "grouped"),
        ("SELECT COUNT(Id) FROM Product_Property__c ORDER BY Name", "MALFORMED_QUERY", "grouped"),
        ("SELECT COUNT(), Id FROM Product_Property__c", "MALFORMED_QUERY", "COUNT()"),
        ("SELECT COUNT() FROM Product_Property__c ORDER BY Id", "MALFORMED_QUERY", "ORDER BY"),
        ("SELECT MEDIAN(Id) FROM Product_Property__c", "MALFORMED_QUERY", "MEDIAN"),
        ("SELECT MAX() FROM Product_Property__c", "MALFORMED_QUERY", "MAX"),
        ("SELECT SUM(Name) FROM Product_Property__c", "MALFORMED_QUERY", "SUM"),
        ("SELECT MAX(IDV_Enabled__c) FROM Product_Property__c", "MALFORMED_QUERY", "MAX"),
        ("SELECT Id FROM Product_Property__c WHERE COUNT(Id) > 1", "MALFORMED_QUERY", "HAVING"),
        ("SELECT Id FROM Product_Property__c WHERE Name > NULL", "MALFORMED_QUERY", "null"),
        ("SELECT Id FROM Product_Property__c WHERE Name = 5", "INVALID_FIELD", "type text"),
        (
            "SELECT Id FROM Product_Property__c WHERE IDV_Enabled__c = 'true'",
            "INVALID_FIELD",
            "should not be enclosed",
        ),
        (
            "SELECT Id FROM Product_Property__c WHERE Active_Property_Count__c = true",
            "INVALID_FIELD",
            "number",
        ),
        (
            "SELECT Id FROM Product_Property__c WHERE CreatedDate > '2026-01-06T18:00:00Z'",
            "INVALID_FIELD",
            "datetime",
        ),
        (
            "SELECT Id FROM Product_Property__c WHERE CreatedDate > 2026-13-45T18:00:00Z",
            "MALFORMED_QUERY",
            "2026-13-45",
        ),
        (
            "SELECT Id FROM Product_Property__c WHERE CreatedDate > 2026-13-45",
            "MALFORMED_QUERY",
            "2026-13-45",
        ),
        (
            "SELECT Id FROM Product_Property__c WHERE IDV_Enabled__c > true",
            "INVALID_QUERY_FILTER_OPERATOR",
            "IDV_Enabled__c",
        ),
        (
            "SELECT Id FROM Product_Property__c WHERE Active_Property_Count__c LIKE '1'",
            "INVALID_QUERY_FILTER_OPERATOR",
            "LIKE",
        ),
        (
            "SELECT Id FROM Product_Property__c LIMIT 1 OFFSET 2001",
            "NUMBER_OUTSIDE_VALID_RANGE",
            "2000",
        ),
    ],
)
def test_what_salesforce_refuses_is_refused(org: Org, soql: str, code: str, word: str) -> None:
    with pytest.raises(SoqlProblem) as caught:
        org.ask(soql)
    assert caught.value.code == code
    assert word in str(caught.value)


def test_a_refusal_says_where() -> None:
    with pytest.raises(SoqlProblem, match="Row:1:Column:36"):
        parse("SELECT Id FROM Product_Property__c WHEN Name = 'x'")


def test_words_of_the_grammar_can_be_field_names() -> None:
    query = parse("SELECT first, Last FROM X WHERE nulls = true")
    assert query.where == Compare(Field("nulls"), "=", True)


def test_conditions_nest() -> None:
    query = parse("SELECT Id FROM X WHERE NOT (a = 1 OR (b = 2.5 AND c = 2026-01-02))")
    inner = Group(
        "AND", (Compare(Field("b"), "=", 2.5), Compare(Field("c"), "=", date(2026, 1, 2)))
    )
    assert query.where == Not(Group("OR", (Compare(Field("a"), "=", 1), inner)))


@given(st.text(min_size=1, max_size=40))
def test_any_text_survives_quoting(text: str) -> None:
    escaped = text.replace("\\", "\\\\").replace("'", "\\'")
    where = parse(f"SELECT Id FROM X WHERE a = '{escaped}'").where
    assert where == Compare(Field("a"), "=", text)


@given(st.text(max_size=60))
def test_any_text_is_a_query_or_a_problem(text: str) -> None:
    problem = None
    try:
        parse("SELECT Id FROM X WHERE " + text)
    except SoqlProblem as error:
        problem = error.code
    assert problem in {None, "MALFORMED_QUERY"}
