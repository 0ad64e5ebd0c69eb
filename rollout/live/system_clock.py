"""The machine's own time. Apart from the other clocks: who only reads must not load what they need."""

from __future__ import annotations

from datetime import UTC, datetime


class SystemClock:
    """The wall clock; nothing else in this program reads it."""

    speed = 1.0

    def now(self) -> datetime:
        return datetime.now(UTC)  # noqa: TID251 - the one place where real time comes in
