"""Which steps a rollback undoes."""

from __future__ import annotations

import pytest
from fakes import START

from rollout.domain.state import PhaseState, RolloutState, StepState
from rollout.domain.undo_order import newest_first, phases_in_scope


def state(*steps: tuple[str, str, str]) -> RolloutState:
    phases = {name: PhaseState(id=name, title=name) for name in ("one", "two", "three")}
    made = {
        f"{phase}/1/{name}": StepState(
            phase=phase, attempt=1, step=name, status=status, started_at=START
        )
        for phase, name, status in steps
    }
    return RolloutState(phases=phases, steps=made)


def test_everything_from_the_named_phase_on_is_in_scope() -> None:
    assert phases_in_scope(state()) == ["one", "two", "three"]
    assert phases_in_scope(state(), "two") == ["two", "three"]
    with pytest.raises(ValueError, match="four"):
        phases_in_scope(state(), "four")


def test_what_did_something_is_undone_newest_first() -> None:
    made = state(
        ("one", "a", "completed"), ("one", "b", "undone"), ("two", "c", "failed"),
        ("two", "d", "running"), ("three", "e", "undo_failed"),
    )  # fmt: skip
    assert [s.step for s in newest_first(made)] == ["e", "d", "c", "a"]
    assert [s.step for s in newest_first(made, "two")] == ["e", "d", "c"]
