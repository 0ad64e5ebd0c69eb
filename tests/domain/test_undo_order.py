"""How far a rollback goes, which steps it undoes, and what it took back."""

from __future__ import annotations

import pytest
from builders import completed_story, held_story, undone_story
from fakes import START

from rollout.domain.events import RolloutEnded
from rollout.domain.state import PhaseState, RolloutState, StepState
from rollout.domain.undo_order import newest_first, phases_in_scope, undone_phases


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


# what a finished rollback took back


def test_a_rollback_of_everything_takes_back_what_had_passed() -> None:
    assert undone_phases(undone_story().state()) == {"pilot"}


def test_a_rollback_of_a_part_leaves_what_came_before_it() -> None:
    assert undone_phases(undone_story(scope="full").state()) == frozenset()
    assert undone_phases(undone_story(scope="pilot").state()) == {"pilot"}


def test_what_was_undone_stays_undone_when_the_rollout_ends() -> None:
    ended = undone_story().add(RolloutEnded(outcome="rolled_back"))
    assert undone_phases(ended.state()) == {"pilot"}


def test_begun_again_nothing_is_undone_any_more() -> None:
    again = undone_story().stage("pilot", "retry", "rolled_back", "pending", attempt=2)
    assert undone_phases(again.state()) == frozenset()


@pytest.mark.parametrize("stage", ["running", "rolling_back", "rollback_failed"])
def test_until_the_rollback_is_finished_what_passed_has_passed(stage: str) -> None:
    told = undone_story().stage("full", "moved", "rolled_back", stage)
    assert undone_phases(told.state()) == frozenset()


def test_without_a_rollback_nothing_is_undone() -> None:
    for state in (RolloutState(), held_story().state(), completed_story().state()):
        assert undone_phases(state) == frozenset()
