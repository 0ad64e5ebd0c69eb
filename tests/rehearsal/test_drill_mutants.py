"""Which faults there are, and how each is rehearsed: alone, under a lead who goes back at a no-go."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from pydantic import ValidationError

from rollout import wiring
from rollout.rehearsal.catalogue import catalogue, named_faults
from rollout.rehearsal.drill.mutants import Mutant, mutants
from rollout.rehearsal.scenario import Scenario

PLAN = Path(__file__).parents[2] / "plans" / "property_sync.yaml"


def fault(name: str, **more: Any) -> dict[str, Any]:
    return {"id": name, "kind": "world", "at": {"phase": "only"}, "workflow": "off", **more}


def scenario(name: str, *faults: dict[str, Any], **more: Any) -> Scenario:
    said = {"title": f"About {name}", "expect": {"outcome": "held"}, **more}
    return Scenario.model_validate({"scenario": name, "faults": list(faults), **said})


def only(*scenarios: Scenario) -> dict[str, Mutant]:
    return {m.id: m for m in mutants(named_faults(scenarios))}


def test_a_fault_is_named_after_its_scenario_and_by_its_own_id_only_where_there_are_several() -> (
    None
):
    found = catalogue(
        [scenario("one", fault("a")), scenario("two", fault("b"), fault("c", about="x"))]
    )
    assert {name: f.about for name, f in found.items()} == {
        "one": "About one",
        "two.b": "About two",
        "two.c": "x",
    }


def test_the_same_fault_is_listed_once_with_the_scenario_that_is_about_it_alone() -> None:
    many = scenario("many", fault("a"), fault("b"))
    again = scenario("more", fault("b"), fault("c"))
    assert list(catalogue([many, again, scenario("sole", fault("a"))])) == [
        "many.b",
        "more.c",
        "sole",
    ]
    assert list(catalogue([scenario("one", fault("a")), scenario("two", fault("a"))])) == ["one"]


def test_each_fault_is_rehearsed_alone_with_what_it_needs() -> None:
    found = only(scenario("two", fault("a"), fault("b", needs=["a"]), fault("c")))
    happening = {name: [f.id for f in m.scenario.faults] for name, m in found.items()}
    assert happening == {"two.a": ["a"], "two.b": ["a", "b"], "two.c": ["c"]}
    assert found["two.b"].undisturbed().faults == []


def test_a_fault_cannot_need_what_its_scenario_has_not() -> None:
    with pytest.raises(ValidationError, match="a needs gone, which this scenario has not"):
        scenario("one", fault("a", needs=["gone"]))


def test_the_lead_goes_back_at_a_no_go_and_is_else_the_scenarios_own() -> None:
    said = {"on_no_go": {"only": "retry"}, "after_rollback": "retry", "attest": "no"}
    operator = only(scenario("one", fault("a"), operator=said))["one"].scenario.operator
    assert (operator.on_no_go, operator.after_rollback, operator.attest) == (
        "rollback",
        "end",
        "no",
    )


def test_who_must_be_noticed_is_what_the_scenario_says() -> None:
    completed = {"expect": {"outcome": "completed"}}
    named = {"expect": {"outcome": "held", "noticed_by": {"b": "some_check"}}}
    found = only(
        scenario("stops", fault("a", about="it stops"), fault("m", mends=True)),
        scenario("lived", fault("a", about="lived with"), **completed),
        scenario("several", fault("a", about="one of them"), fault("b"), **named),
        scenario("checked", fault("a", noticed_by=["some_check"]), **completed),
    )
    assert {name: m.must_be_noticed for name, m in found.items()} == {
        "stops.a": True,
        "stops.m": False,
        "lived": False,
        "several.a": False,
        "several.b": True,
        "checked": True,
    }


def test_undisturbed_rehearsals_are_shared_by_what_decides_them() -> None:
    one, two = only(scenario("one", fault("a")), scenario("two", fault("b"))).values()
    other = only(scenario("three", fault("c"), params={"n": 1}))["three"]
    assert one.world(None) == two.world(None) == one.world(1)
    assert len({one.world(None), one.world(2), other.world(None)}) == 3


def test_every_shipped_fault_can_be_drilled_and_most_share_one_undisturbed_rehearsal() -> None:
    found = list(mutants(named_faults(wiring.scenarios_beside(PLAN))))
    ids = [m.id for m in found]
    assert len(set(ids)) == len(ids)
    assert {"stale_copy", "lost_answer", "wrong_flags_again", "day3.empty_names"} <= set(ids)
    known = {name for m in found for name in m.fault.needs}
    assert known <= {f.id for m in found for f in m.scenario.faults}
    worlds = [m.world(None) for m in found if not m.mends]
    assert len(set(worlds)) <= 8 < len(worlds) // 3
