from __future__ import annotations

from typing import Any

import pytest
from fakes import column
from pydantic import ValidationError
from small_plans import Bench, phase, plan, step

from rollout.domain.events import StepFailed
from rollout.steps.baseline import BaselineInputs

QUEUE = "SELECT id FROM crm.queue"
GIVEN = {"target": "Thing__c", "key": "Key__c", "fields": ["Name"]}


def capturing(**inputs: Any) -> Bench:
    bench = Bench(plan(phase("pilot", step("capture_baseline", "base", **{**GIVEN, **inputs}))))
    for key in ("k1", "k2"):
        bench.salesforce.put(key, Name=f"name {key}")
    return bench


def of_queue(*keys: Any) -> Bench:
    bench = capturing(relation="crm.queue", key_column="id")
    bench.warehouse.answers[QUEUE] = column("id", *keys)
    return bench


def document(bench: Bench) -> dict[str, Any]:
    bench.go()
    outputs = bench.state.steps["pilot/1/base"].outputs
    found: dict[str, Any] = bench.kept(outputs["evidence"])
    assert outputs["present"] == len(found["rows"])
    assert outputs["absent"] == len(found["absent"])
    return found


def failure(bench: Bench) -> str:
    bench.go()
    return str(bench.payloads(StepFailed)[0].reason)


def test_the_whole_target_is_kept_by_record_id() -> None:
    found = document(capturing())
    assert found["rows"] == {"a001": ["k1", "name k1"], "a002": ["k2", "name k2"]}
    assert (found["fields"], found["whole"]) == (["Key__c", "Name"], True)


def test_a_whole_target_may_hold_a_key_twice_or_not_at_all() -> None:
    bench = capturing()
    for record in ("x1", "x2"):
        bench.salesforce.rows[record] = {"Id": record, "Key__c": None, "Name": "n"}
    bench.salesforce.rows["x3"] = {"Id": "x3", "Key__c": "k1", "Name": "again"}
    assert len(document(bench)["rows"]) == 5


def test_keys_that_the_target_does_not_have_are_kept_as_absent() -> None:
    found = document(of_queue("k1", "k9", None, "k9"))
    assert list(found["rows"].values()) == [["k1", "name k1"]]
    assert (found["absent"], found["whole"]) == (["k9"], False)


def test_keys_of_cohorts_are_taken_together() -> None:
    strata = [{"name": "any", "count": "all"}]
    cohorts = [
        step(
            "select_cohort",
            name,
            **{"from": f"crm.{name}", "key": "id", "seed": 1, "strata": strata},
        )
        for name in ("one", "two")
    ]
    base = step("capture_baseline", "base", cohorts=["one", "two"], **GIVEN)
    bench = Bench(plan(phase("pilot", *cohorts, base)))
    bench.salesforce.put("k1", Name="name k1")
    for name, keys in (("one", ["k1", "k9"]), ("two", ["k1"])):
        sql = f"SELECT id FROM crm.{name} WHERE NOT id IS NULL"
        bench.warehouse.answers[sql] = column("id", *keys)
    found = document(bench)
    assert (list(found["rows"].values()), found["absent"]) == ([["k1", "name k1"]], ["k9"])


def test_a_key_that_the_target_holds_twice_fails() -> None:
    bench = of_queue("k1")
    bench.salesforce.rows["x"] = {"Id": "x", "Key__c": "k1", "Name": "again"}
    assert "k1 is in Thing__c twice" in failure(bench)


def test_few_keys_are_asked_by_name_in_several_queries() -> None:
    bench = of_queue(*(f"q{n:04}" for n in range(450)))
    document(bench)
    assert len(bench.salesforce.asked) == 3
    assert all(" IN (" in soql for soql in bench.salesforce.asked)


def test_from_two_thousand_keys_on_the_whole_object_is_read_once() -> None:
    bench = of_queue(*(f"q{n:04}" for n in range(2000)), "k1")
    for record in ("x1", "x2"):  # rows nobody asked for may be as double as they like
        bench.salesforce.rows[record] = {"Id": record, "Key__c": None, "Name": "n"}
    found = document(bench)
    (asked,) = bench.salesforce.asked
    assert asked.endswith(", Key__c, Name FROM Thing__c")
    assert list(found["rows"].values()) == [["k1", "name k1"]]
    assert len(found["absent"]) == 2000


def test_half_a_target_is_no_baseline() -> None:
    bench = capturing()
    bench.salesforce.most = 1
    assert "part is no baseline" in failure(bench)


def test_nothing_is_no_baseline() -> None:
    assert "there are no keys" in failure(of_queue(None))
    bench = capturing()
    bench.salesforce.rows.clear()
    assert "holds no record at all" in failure(bench)


def test_a_target_that_is_down_is_asked_again() -> None:
    bench = capturing()
    bench.salesforce.down = True
    bench.tick()
    bench.say("proceed")
    assert "asked again in a minute" in bench.tick().why


@pytest.mark.parametrize(
    "inputs",
    [
        {"cohorts": ["a"], "relation": "r", "key_column": "id"},
        {"relation": "r"},
        {"key_column": "id"},
        {"fields": []},
    ],
)
def test_inputs_that_do_not_belong_together_are_refused(inputs: dict[str, Any]) -> None:
    with pytest.raises(ValidationError):
        BaselineInputs.model_validate({**GIVEN, **inputs})


def test_a_quote_in_a_key_stays_inside_its_literal() -> None:
    bench = of_queue("k'1", "back\\slash")
    document(bench)
    assert bench.salesforce.asked[0].endswith(r"IN ('back\\slash', 'k\'1')")
