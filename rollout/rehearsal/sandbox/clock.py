"""A clock that runs a number of times faster than real time."""

from __future__ import annotations

import time
from collections.abc import Callable
from datetime import datetime, timedelta

FASTEST = 1_000_000.0
"""Virtual seconds a real second, at most."""


class ScaledClock:
    """Implements `ports.Clock`: `start` plus `speed` times the real seconds since it was made.

    It reads the monotonic clock, so that setting the machine's time does not move it, and it never
    goes back: `adjust` changes its speed and moves it forward.

    >>> seconds = iter([100.0, 101.5])
    >>> clock = ScaledClock(datetime.fromisoformat("2026-01-05T16:00:00+00:00"), 600, lambda: next(seconds))
    >>> clock.now().isoformat()
    '2026-01-05T16:15:00+00:00'
    """

    def __init__(
        self, start: datetime, speed: float, monotonic: Callable[[], float] = time.monotonic
    ) -> None:
        if start.tzinfo is None:
            raise ValueError("a clock needs an aware instant")
        _require_speed(speed)
        self._monotonic = monotonic
        # One tuple, replaced as a whole: a reader in another thread sees the old or the new pace.
        self._pace = (start, monotonic(), speed)

    @property
    def speed(self) -> float:
        return self._pace[2]

    def now(self) -> datetime:
        start, began, speed = self._pace
        return start + timedelta(seconds=(self._monotonic() - began) * speed)

    def adjust(self, *, speed: float | None = None, skip: timedelta = timedelta(0)) -> None:
        """Move forward by `skip` and run at `speed` from now on. Not for two threads at once.

        Raises: ValueError for a speed that is none, or a skip back.
        """
        wanted = self.speed if speed is None else speed
        _require_speed(wanted)
        if skip < timedelta(0):
            raise ValueError("a clock is not moved back")
        start, began, before = self._pace
        at = self._monotonic()
        now = start + timedelta(seconds=(at - began) * before)
        self._pace = (now + skip, at, wanted)

    def real_seconds(self, virtual: float) -> float:
        """How long so many virtual seconds take."""
        return virtual / self.speed


def _require_speed(speed: float) -> None:
    if not 0 < speed < float("inf"):
        raise ValueError("a clock's speed is a number above 0")
