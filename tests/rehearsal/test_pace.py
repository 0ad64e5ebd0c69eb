"""How rehearsed time passes beside real time."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rollout.rehearsal.pace import FASTEST, POLL_S, SPEEDS, Pace, words

NOW = datetime(2026, 1, 6, tzinfo=UTC)
SPEED = st.sampled_from(SPEEDS) | st.floats(0.001, 100_000)
REAL = st.floats(0, 3600)
UNTIL = st.none() | st.timedeltas(timedelta(0), timedelta(days=30)).map(lambda d: NOW + d)


@given(SPEED, st.booleans(), REAL, UNTIL, st.booleans())
def test_time_never_goes_back_and_never_past_what_is_due(
    speed: float, paused: bool, real: float, until: datetime | None, asked: bool
) -> None:
    reached = Pace(speed, paused).after(NOW, real, until, people_asked=asked)
    assert reached >= NOW
    assert until is None or reached <= until


@given(SPEED, REAL, UNTIL, st.booleans())
def test_paused_time_stands_still(
    speed: float, real: float, until: datetime | None, asked: bool
) -> None:
    assert Pace(speed, paused=True).after(NOW, real, until, people_asked=asked) == NOW


@given(SPEED, st.booleans(), UNTIL, st.booleans())
def test_a_rest_is_never_longer_than_a_word_may_wait(
    speed: float, paused: bool, until: datetime | None, asked: bool
) -> None:
    assert 0 <= Pace(speed, paused).real_s(NOW, until, people_asked=asked) <= POLL_S


@given(SPEED)
def test_faster_and_slower_end_at_the_ends(speed: float) -> None:
    pace = Pace(speed)
    for _ in SPEEDS:
        pace.faster()
    assert pace.speed == FASTEST
    for _ in SPEEDS:
        pace.slower()
    assert pace.speed == SPEEDS[0]


@pytest.mark.parametrize("asked", [True, False])
def test_a_step_leaps_even_while_time_stands(asked: bool) -> None:
    due = NOW + timedelta(days=2)
    assert Pace(1.0, paused=True, steps=1).after(NOW, 0.0, due, people_asked=asked) == due


def test_as_fast_as_it_goes_waits_for_nothing() -> None:
    due = NOW + timedelta(hours=48)
    assert Pace(FASTEST).after(NOW, 0.0, due, people_asked=False) == due
    assert words(FASTEST) == "as fast as it goes"
