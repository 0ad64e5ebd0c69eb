"""Two times: that of the world, and what the controller's machine takes for it."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime, timedelta

STARTS = (
    datetime(2026, 1, 6, 18, 0, tzinfo=UTC),
    datetime(2026, 3, 6, 19, 30, tzinfo=UTC),
    datetime(2026, 10, 30, 18, 0, tzinfo=UTC),
)
"""A Tuesday; and the Fridays before Los Angeles changes to summer time and back."""


class WorldTime:
    """True time. Services and other people live by it; whoever listens is told when it moved."""

    def __init__(self, at: datetime) -> None:
        self.at = self.began = at
        self.listeners: list[Callable[[], None]] = []

    def now(self) -> datetime:
        return self.at

    def pass_(self, by: timedelta) -> None:
        self.at += by
        for listener in self.listeners:
            listener()


class Wall:
    """The clock on the controller's machine: it may be wrong, jump, or stand."""

    speed = 1.0

    def __init__(self, world: WorldTime) -> None:
        self._world = world
        self.skew = timedelta(0)
        self.stands_at: datetime | None = None

    def now(self) -> datetime:
        return self.stands_at or self._world.at + self.skew

    def set_right(self) -> None:
        self.skew, self.stands_at = timedelta(0), None
