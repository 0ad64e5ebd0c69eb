"""Every shipped scenario comes out as it says, and its faults are noticed by the checks it names."""

from __future__ import annotations

import pytest
from rehearsing import PLAN, SCENARIOS, kinds, rehearsed

from rollout import wiring

FULL = {
    "planned",
    "rate_limit",
    "lost_answer",
    "lost_request",
    "warehouse_cold",
    "lagging_list",
    "garbled_answers",
    "clock_off",
}
"""These go through all five phases; one of them stays in the quick suite."""


@pytest.mark.parametrize(
    "name",
    [
        pytest.param(name, marks=pytest.mark.slow) if name in FULL - {"planned"} else name
        for name in SCENARIOS
    ],
)
def test_scenario_comes_out_as_it_says(name: str) -> None:
    expected = wiring.read_scenario(PLAN, name).expect
    done = rehearsed(name)
    assert done.summary["outcome"] == expected.outcome
    if expected.phase is not None:
        current = done.rehearsal.state.current_phase()
        assert current is not None
        assert current.id == expected.phase
    noticed = {name: done.fault(name)["detected_by"] for name in expected.noticed_by}
    assert {n: (by or {}).get("check") for n, by in noticed.items()} == expected.noticed_by


def test_at_least_fourteen_scenarios_are_shipped_with_planned_and_day3_among_them() -> None:
    assert len(SCENARIOS) >= 14
    assert {"planned", "day3"} <= set(SCENARIOS)


def test_every_scenario_names_checks_that_the_plan_has() -> None:
    plan = wiring.read_plan(PLAN, kinds())
    known = {c.check for gate in plan.gates.values() for c in gate.checks} | {"soak_coverage"}
    for name in SCENARIOS:
        scenario = wiring.read_scenario(PLAN, name)
        named = {c for fault in scenario.faults for c in fault.noticed_by}
        assert named | set(scenario.expect.noticed_by.values()) <= known, name
