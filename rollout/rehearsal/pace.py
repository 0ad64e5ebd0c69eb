"""How fast a rehearsal's time passes beside real time, and whether it passes at all."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta

FASTEST = 0.0
"""The speed that does not wait at all: time leaps to whatever is due next."""

SPEEDS = (1.0, 10.0, 60.0, 600.0, 3600.0, FASTEST)
"""What `faster` and `slower` go through."""

QUARTER = timedelta(minutes=15)
"""How far a step leaps where nothing is due by itself."""

POLL_S = 0.1
"""Real seconds until a word of a person is heard, at most."""


@dataclass
class Pace:
    """`speed` is how many rehearsed seconds pass in a real one.

    While people are asked, time passes as it really would: nobody loses the three days of a
    sign-off to a rehearsal that runs at 3,600 times.
    """

    speed: float = 60.0
    paused: bool = False
    steps: int = 0
    """Leaps to the next thing that is due, asked for and not made yet."""

    def faster(self) -> None:
        self.speed = SPEEDS[min(_place(self.speed) + 1, len(SPEEDS) - 1)]

    def slower(self) -> None:
        self.speed = SPEEDS[max(_place(self.speed) - 1, 0)]

    def rate(self, *, people_asked: bool) -> float:
        """Rehearsed seconds in a real one; infinite where time leaps, 0 where it stands.

        >>> Pace(speed=600.0).rate(people_asked=False), Pace(speed=600.0).rate(people_asked=True)
        (600.0, 1.0)
        """
        if self.paused:
            return 0.0
        if people_asked:
            return 1.0
        return float("inf") if self.speed == FASTEST else self.speed

    def after(
        self, now: datetime, real_s: float, until: datetime | None, *, people_asked: bool
    ) -> datetime:
        """The rehearsed instant `real_s` real seconds after `now`, never past `until`."""
        rate = self.rate(people_asked=people_asked)
        if self.steps:
            return now + QUARTER if until is None else until
        if rate == float("inf"):
            return now if until is None else until
        reached = now + timedelta(seconds=real_s * rate)
        return reached if until is None else min(reached, until)

    def real_s(self, now: datetime, until: datetime | None, *, people_asked: bool) -> float:
        """Real seconds to rest: until `until` is reached, at most `POLL_S`."""
        rate = self.rate(people_asked=people_asked)
        if until is None or rate == 0.0:
            return POLL_S
        return min(max((until - now).total_seconds() / rate, 0.0), POLL_S)


def words(speed: float) -> str:
    """A speed as people read it.

    >>> words(600.0), words(FASTEST)
    ('x600', 'as fast as it goes')
    """
    return "as fast as it goes" if speed == FASTEST else f"x{speed:g}"


def _place(speed: float) -> int:
    """The speed's place in `SPEEDS`; of one between two, the slower one's."""
    if speed == FASTEST:
        return len(SPEEDS) - 1
    return max((n for n, known in enumerate(SPEEDS[:-1]) if known <= speed), default=0)
