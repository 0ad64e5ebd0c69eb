from __future__ import annotations

import math
from typing import Any

import pytest
from fakes_services import (
    FakeConnections,
    FakeRecordStore,
    context,
    judged,
    look,
    table,
    verdict,
)
from pydantic import ValidationError

from rollout.checks.salesforce import Salesforce, population_query
from rollout.domain.errors import KindMisused, ServiceError
from rollout.domain.evidence import Verdict
from rollout.kinds import CheckContext
from rollout.ports import Table

SOQL = "SELECT COUNT() FROM Product_Property__c WHERE Company_Name__c = null"
ALL = "SELECT COUNT() FROM Product_Property__c"
IDS = "SELECT Id FROM Product_Property__c WHERE Company_Name__c = null"
FORCE = Salesforce()


def on(answers: dict[str, Table]) -> CheckContext:
    return context(FakeConnections(salesforce=FakeRecordStore({ALL: table((18_722,)), **answers})))


def test_a_count_of_zero_among_many_passes() -> None:
    seen = look(FORCE, {"soql": SOQL}, on({SOQL: table((0,))}))
    assert judged(FORCE, seen, "= 0").verdict is Verdict.PASS
    assert seen.query == SOQL
    assert seen.detail["population"] == 18_722


def test_the_524_empty_names_fail() -> None:
    assert verdict(FORCE, {"soql": SOQL}, on({SOQL: table((524,))}), "= 0") is Verdict.FAIL


def test_a_count_of_zero_among_nobody_is_inconclusive() -> None:
    where = on({SOQL: table((0,)), ALL: table((0,))})
    said = judged(FORCE, look(FORCE, {"soql": SOQL}, where), "= 0")
    assert said.verdict is Verdict.INCONCLUSIVE
    assert "nothing to look at" in said.reason


def test_the_population_may_be_an_object_or_a_query() -> None:
    pilot = "SELECT COUNT() FROM Property__c WHERE Pilot__c = true"
    where = on({SOQL: table((0,)), pilot: table((0,)), "SELECT COUNT() FROM Account": table((7,))})
    assert verdict(FORCE, {"soql": SOQL, "of": pilot}, where, "= 0") is Verdict.INCONCLUSIVE
    assert verdict(FORCE, {"soql": SOQL, "of": "Account"}, where, "= 0") is Verdict.PASS


@pytest.mark.parametrize("population", [Table(["count"], []), table((None,)), table((1,), (2,))])
def test_a_population_that_cannot_be_counted_is_inconclusive(population: Table) -> None:
    where = on({SOQL: table((0,)), ALL: population})
    assert verdict(FORCE, {"soql": SOQL}, where, "= 0") is Verdict.INCONCLUSIVE


def test_every_alias_is_a_metric_and_not_a_number_is_nothing() -> None:
    soql = "SELECT COUNT(Id) n, MAX(Score__c) best FROM Product_Property__c"
    where = on({soql: table((3, math.nan), columns=("n", "best"))})
    seen = look(FORCE, {"soql": soql}, where)
    assert dict(seen.metrics) == {"n": 3, "best": None}
    assert judged(FORCE, seen, {"n": "= 3"}).verdict is Verdict.PASS
    assert judged(FORCE, seen, {"best": ">= 0"}).verdict is Verdict.INCONCLUSIVE
    assert judged(FORCE, seen, "= 0").verdict is Verdict.INCONCLUSIVE


@pytest.mark.parametrize(
    "answer", [Table(["count"], []), table((0,), (0,)), table((0,), (0,), (0,)), Table([], [()])]
)
def test_an_aggregate_of_other_than_one_row_is_inconclusive(answer: Table) -> None:
    assert verdict(FORCE, {"soql": SOQL}, on({SOQL: answer}), "= 0") is Verdict.INCONCLUSIVE


def test_rows_are_counted_and_twenty_are_kept() -> None:
    found = table(*[(f"a0{n}",) for n in range(30)], columns=("Id",))
    ask = {"soql": IDS, "returns": "rows"}
    seen = look(FORCE, ask, on({IDS: found}))
    assert judged(FORCE, seen, "= 0").verdict is Verdict.FAIL
    assert (seen.metrics["count"], len(seen.sample), seen.sample[0]) == (30, 20, {"Id": "a00"})
    assert verdict(FORCE, ask, on({IDS: Table(["Id"], [])}), "= 0") is Verdict.PASS


def test_rows_that_were_cut_are_not_counted() -> None:
    cut = FakeRecordStore({ALL: table((9,)), IDS: table(*[("x",)] * 50_001, columns=("Id",))})
    where = context(FakeConnections(salesforce=cut))
    ask = {"soql": IDS, "returns": "rows"}
    assert verdict(FORCE, ask, where, "<= 60000") is Verdict.INCONCLUSIVE


def test_without_a_condition_nothing_passes() -> None:
    assert verdict(FORCE, {"soql": SOQL}, on({SOQL: table((0,))})) is Verdict.INCONCLUSIVE


def test_a_dead_service_is_an_error() -> None:
    where = context(FakeConnections(salesforce=FakeRecordStore(down=True)))
    with pytest.raises(ServiceError):
        look(FORCE, {"soql": SOQL}, where)


@pytest.mark.parametrize(
    ("soql", "counted"),
    [
        ("select Id, (SELECT Id FROM Contacts) FROM Account", "Account"),
        ("SELECT COUNT() FROM Case\nWHERE Subject = 'it\\'s FROM Nobody'", "Case"),
        ("SELECT Id FROM Task WHERE WhoId IN (SELECT Id FROM Lead WHERE x IN (1))", "Task"),
        ("SELECT Id, (SELECT Id FROM Notes WHERE Title = '(') FROM Task", "Task"),
    ],
)
def test_the_population_is_the_object_of_the_outer_query(soql: str, counted: str) -> None:
    assert population_query(None, soql) == f"SELECT COUNT() FROM {counted}"


def test_a_query_without_an_object_needs_a_population() -> None:
    with pytest.raises(KindMisused, match="name the population"):
        population_query(None, "SELECT 1")


@pytest.mark.parametrize(
    "inputs",
    [
        {"soql": "DELETE FROM Account"},
        {"soql": SOQL, "of": "two words"},
        {"soql": SOQL, "returns": "table"},
        {},
    ],
)
def test_inputs_that_are_no_question_are_refused(inputs: dict[str, Any]) -> None:
    with pytest.raises(ValidationError):
        Salesforce.Inputs.model_validate(inputs)
