"""Every shipped scenario comes out as it says, and its faults are noticed by the checks it names."""

from __future__ import annotations

import pytest
from rehearsing import PLAN, SCENARIOS, WAY_BACK, kinds, rehearsed

from rollout import wiring

QUICK = {
    "planned",  # to its end
    "day3",  # waived, then held
    "wrong_aggregation",  # stopped by the entry gate
    "view_drift",  # by the gate before Sync A
}
"""Each ends in another way. All others are rehearsed in the slow part, and in every run of CI."""


@pytest.mark.parametrize(
    "name",
    [
        name if name in QUICK else pytest.param(name, marks=pytest.mark.slow)
        for name in SCENARIOS
        if name not in WAY_BACK
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
