"""A clock that runs a fixed number of times faster than real time."""

from __future__ import annotations

import time
from collections.abc import Callable
from datetime import datetime, timedelta


class ScaledClock:
    """Implements `ports.Clock`: `start` plus `speed` times the real seconds since it was made.

    It reads the monotonic clock, so that setting the machine's time does not move it.

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
        if not 0 < speed < float("inf"):
            raise ValueError("a clock's speed is a number above 0")
        self.speed = speed
        self._start, self._monotonic = start, monotonic
        self._began = monotonic()

    def now(self) -> datetime:
        return self._start + timedelta(seconds=(self._monotonic() - self._began) * self.speed)

    def real_seconds(self, virtual: float) -> float:
        """How long so many virtual seconds take."""
        return virtual / self.speed
