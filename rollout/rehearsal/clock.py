"""Time that moves only when it is told to."""

from __future__ import annotations

from datetime import datetime


class VirtualClock:
    """A Clock whose `now` is advanced by the rehearsal; it never goes back by itself."""

    def __init__(self, start: datetime) -> None:
        if start.tzinfo is None:
            raise ValueError("a clock needs an aware instant, for example with timezone.utc")
        self._now = start

    def now(self) -> datetime:
        return self._now

    def advance_to(self, instant: datetime) -> None:
        """Move forward to `instant`; an earlier instant is ignored."""
        self._now = max(self._now, instant)
