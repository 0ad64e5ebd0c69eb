"""The time of a live rollout: the machine's, or that of a sandbox whose days take minutes."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Mapping
from datetime import datetime, timedelta
from typing import Protocol
from urllib.parse import urlsplit

from rollout.domain.errors import PlanProblems, ServiceError, ServiceGarbled, ServiceUnreachable
from rollout.domain.instants import from_text
from rollout.live.profiles import Profile
from rollout.live.system_clock import SystemClock
from rollout.ports import Clock

__all__ = ["PacedClock", "SandboxClock", "StandingClock", "SystemClock", "clock_of"]

READ_AGAIN_S = 1.0
"""Real seconds for which the last answer of a sandbox's clock is carried on."""


class PacedClock(Clock, Protocol):
    """A clock that knows how many of its seconds pass in a real one."""

    speed: float


class StandingClock:
    """An instant at which something is recorded, when no clock can be asked."""

    speed = 1.0

    def __init__(self, at: datetime) -> None:
        self._at = at

    def now(self) -> datetime:
        return self._at


class SandboxClock:
    """Reads `{"now": …, "speed": …}` over HTTP, at most once a real second, and carries on by the
    monotonic clock in between and while nobody answers. It never goes back.

    Raises: ServiceError from the constructor when the first reading fails.
    """

    def __init__(
        self,
        read: Callable[[], Mapping[str, object]],
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        self._read, self._monotonic = read, monotonic
        self._lock = threading.Lock()
        self._at, self.speed = _read_answer(read())
        self._then, self._newest = monotonic(), self._at

    def now(self) -> datetime:
        with self._lock:
            if self._monotonic() - self._then >= READ_AGAIN_S:
                self._ask()
            passed = timedelta(seconds=(self._monotonic() - self._then) * self.speed)
            self._newest = max(self._newest, self._at + passed)
            return self._newest

    def _ask(self) -> None:
        began = self._monotonic()
        try:
            at, speed = _read_answer(self._read())
        except ServiceError:
            # Carry on from where we are; asked again a second later.
            self._at += timedelta(seconds=(began - self._then) * self.speed)
            self._then = began
            return
        self._at, self.speed, self._then = at, speed, self._monotonic()


def _read_answer(answer: Mapping[str, object]) -> tuple[datetime, float]:
    try:
        at, speed = from_text(str(answer["now"])), float(str(answer["speed"]))
    except (KeyError, ValueError, TypeError) as problem:
        raise ServiceGarbled(f"clock: an answer without `now` and `speed` ({problem})") from problem
    if not 0 < speed < float("inf"):
        raise ServiceGarbled(f"clock: a speed of {speed}")
    return at, speed


def clock_of(profile: Profile) -> PacedClock:
    """The profile's clock. Raises: ServiceError when a sandbox's cannot be read; PlanProblems."""
    if profile.clock is None:
        return SystemClock()
    # Late: the machine's own clock needs no HTTP client.
    from rollout.adapters.endpoint import is_loopback
    from rollout.adapters.http import HttpClient, HttpLimits

    parts = urlsplit(profile.clock)
    if not is_loopback(parts.hostname or ""):
        raise PlanProblems(["clock: a sandbox's clock is on this machine: 127.0.0.1 or localhost"])
    client = HttpClient(
        f"{parts.scheme}://{parts.netloc}",
        service="clock",
        limits=HttpLimits(connect_s=2, read_s=2, total_s=5),
    )
    path = parts.path or "/"

    def read() -> Mapping[str, object]:
        answer = client.get_json(path)
        if not isinstance(answer, Mapping):
            raise ServiceGarbled("clock: an answer that is no object")
        return answer

    try:
        return SandboxClock(read)
    except ServiceUnreachable as away:
        raise ServiceUnreachable(
            f"{away}: start `rollout sandbox` again, or name the ready line that it prints now"
        ) from away
