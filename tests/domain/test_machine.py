from __future__ import annotations

import itertools

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rollout.domain.machine import TRANSITIONS, PlanMachine, draw
from rollout.domain.state import STAGES

PHASES = ["pilot", "full", "watch"]
MACHINE = PlanMachine(PHASES)
ENDS = {"completed", "ended_rolled_back", "aborted"}
BETWEEN = {
    "next_phase": {("passed", "full.pending")},
    "end": {("rolled_back", "ended_rolled_back")},
    "abort": {
        (stage, "aborted")
        for stage in ("ready", "held", "sign_off", "entry_gate", "exit_gate", "rollback_failed")
    },
}


@pytest.mark.parametrize("stage", STAGES)
@pytest.mark.parametrize("trigger", sorted({t for t, _, _ in TRANSITIONS}))
def test_within_a_phase_exactly_the_table_is_legal(trigger: str, stage: str) -> None:
    wanted = {
        (source, f"pilot.{target}")
        for name, sources, target in TRANSITIONS
        for source in sources
        if name == trigger
    }
    target = MACHINE.target("pilot", stage, trigger)
    assert ((stage, target) in wanted) == (target is not None)
    assert (target is not None) == (stage in {source for source, _ in wanted})


@pytest.mark.parametrize("stage", STAGES)
@pytest.mark.parametrize("trigger", sorted(BETWEEN))
def test_between_phases_exactly_the_rules_are_legal(trigger: str, stage: str) -> None:
    target = MACHINE.target("pilot", stage, trigger)
    assert ((stage, target) in BETWEEN[trigger]) == (target is not None)
    assert (target is not None) == (stage in {source for source, _ in BETWEEN[trigger]})


def test_the_last_phase_is_followed_by_the_end() -> None:
    assert MACHINE.target("watch", "passed", "next_phase") == "completed"


@pytest.mark.parametrize(("here", "there"), list(itertools.product(PHASES, PHASES)))
def test_a_restart_leads_to_an_earlier_phase_alone(here: str, there: str) -> None:
    earlier = PHASES.index(there) < PHASES.index(here)
    for stage in STAGES:
        target = MACHINE.target(here, stage, f"restart_{there}")
        legal = earlier and stage in {"held", "rolled_back"}
        assert target == (f"{there}.pending" if legal else None)


@pytest.mark.parametrize("state", ["pilot.passed", "pilot.held", "aborted", "pilot"])
def test_no_state_can_be_jumped_to(state: str) -> None:
    for phase, stage in itertools.product(PHASES, STAGES):
        assert MACHINE.target(phase, stage, f"to_{state}") is None
        assert MACHINE.target(phase, stage, f"to_{state.replace('.', '_')}") is None
        assert not any(t.startswith("to_") for t in MACHINE.legal(phase, stage))


def test_a_running_phase_begins_from_ready_or_from_a_hold_only() -> None:
    into = {
        (stage, t)
        for stage in STAGES
        for t in MACHINE.legal("pilot", stage)
        if MACHINE.target("pilot", stage, t) == "pilot.running"
    }
    assert into == {("ready", "proceed"), ("held", "resume_running")}


def test_a_phase_is_passed_through_its_exit_gate_or_its_signatures_only() -> None:
    into = {
        (stage, t)
        for stage in STAGES
        for t in MACHINE.legal("pilot", stage)
        if MACHINE.target("pilot", stage, t) == "pilot.passed"
    }
    assert into == {("exit_gate", "exit_go"), ("sign_off", "signed")}


def test_from_every_stage_there_is_a_way_to_an_end() -> None:
    edges: dict[str, set[str]] = {}
    for phase, stage in itertools.product(PHASES, STAGES):
        found = {MACHINE.target(phase, stage, t) or "" for t in MACHINE.legal(phase, stage)}
        edges[f"{phase}.{stage}"] = found
    for start in edges:
        seen, new = {start}, {start}
        while new:
            new = {t for s in new for t in edges.get(s, set())} - seen
            seen |= new
        assert seen & ENDS, start


@given(
    st.lists(
        st.from_regex(r"[a-z][a-z0-9_]{0,12}", fullmatch=True), min_size=1, max_size=5, unique=True
    )
)
def test_any_names_of_phases_make_the_same_machine(names: list[str]) -> None:
    machine = PlanMachine(names)
    assert machine.target(names[0], "ready", "proceed") == f"{names[0]}.running"
    assert machine.target(names[-1], "passed", "next_phase") == "completed"
    assert machine.legal(names[0], "rolling_back") == ["undone", "undo_failed"]


@pytest.mark.parametrize("output", ["mermaid", "dot"])
def test_a_drawing_shows_every_phase_stage_and_end(output: str) -> None:
    text = draw(PHASES, output)  # type: ignore[arg-type]
    for name in [*PHASES, *STAGES, *ENDS]:
        assert name in text, name
    assert "restart_" not in text
    assert "proceed" in text
