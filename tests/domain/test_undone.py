"""Which phases a finished rollback took back."""

from __future__ import annotations

import pytest
from builders import completed_story, held_story, undone_story

from rollout.domain.events import RolloutEnded
from rollout.domain.state import RolloutState
from rollout.domain.undone import undone_phases


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
