"""Time that a sandbox tells over HTTP: carried on in between, and never back."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import UTC, datetime, timedelta

import pytest

from rollout.domain.errors import PlanProblems, ServiceGarbled, ServiceUnreachable
from rollout.live.clocks import SandboxClock, SystemClock, clock_of
from rollout.live.profiles import PRODUCTION, Profile

NOW = datetime(2026, 1, 6, 18, tzinfo=UTC)


class Passing:
    def __init__(self) -> None:
        self.seconds = 0.0

    def __call__(self) -> float:
        return self.seconds


def says(
    *answers: Mapping[str, object] | Exception,
) -> Callable[[], Mapping[str, object]]:
    left = list(answers)

    def read() -> Mapping[str, object]:
        answer = left.pop(0) if len(left) > 1 else left[0]
        if isinstance(answer, Exception):
            raise answer
        return answer

    return read


def at(seconds: float, speed: float = 600) -> dict[str, object]:
    return {"now": (NOW + timedelta(seconds=seconds)).isoformat(), "speed": speed}


def test_the_time_between_two_readings_passes_at_the_sandboxes_speed() -> None:
    passing = Passing()
    clock = SandboxClock(says(at(0)), passing)
    passing.seconds = 0.5
    assert clock.now() == NOW + timedelta(seconds=300)


def test_it_is_read_again_after_a_second() -> None:
    passing = Passing()
    clock = SandboxClock(says(at(0), at(5000, 60)), passing)
    passing.seconds = 1.0
    assert clock.now() == NOW + timedelta(seconds=5000)
    assert clock.speed == 60


def test_a_clock_that_does_not_answer_is_carried_on() -> None:
    passing = Passing()
    clock = SandboxClock(says(at(0), ServiceUnreachable("gone")), passing)
    passing.seconds = 3.0
    assert clock.now() == NOW + timedelta(seconds=1800)
    passing.seconds = 4.0
    assert clock.now() == NOW + timedelta(seconds=2400)


def test_it_never_goes_back() -> None:
    passing = Passing()
    clock = SandboxClock(says(at(0), at(-9000)), passing)
    passing.seconds = 0.9
    before = clock.now()
    passing.seconds = 1.0
    assert clock.now() == before


@pytest.mark.parametrize("answer", [{}, {"now": "soon", "speed": 1}, at(0, 0), at(0, float("inf"))])
def test_an_answer_that_is_no_time_is_refused(answer: Mapping[str, object]) -> None:
    with pytest.raises(ServiceGarbled, match="clock"):
        SandboxClock(says(answer))


def test_production_goes_by_the_machines_clock() -> None:
    clock = clock_of(PRODUCTION)
    assert isinstance(clock, SystemClock)
    assert clock.now().tzinfo is UTC


def test_a_sandboxes_clock_is_on_this_machine() -> None:
    with pytest.raises(PlanProblems, match="this machine"):
        clock_of(Profile("sandbox", clock="http://clock.example.test/"))


def test_a_clock_that_is_not_there_says_what_to_do() -> None:
    with pytest.raises(
        ServiceUnreachable, match="start `rollout sandbox` again, or name the ready"
    ):
        clock_of(Profile("sandbox", clock="http://127.0.0.1:1/clock"))
