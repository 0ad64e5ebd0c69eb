"""From values to places on a drawing, and the round values beside an axis."""

from __future__ import annotations

from dataclasses import dataclass
from fractions import Fraction

_ROUND = (1, 2, 5)
_SPANS = (1, 5, 10, 30, 60, 300, 600, 1800, 3600, 7200, 21600, 43200, 86400)
"""Round numbers of seconds."""


@dataclass(frozen=True)
class Scale:
    """Linear from `low`..`high` to `start`..`end`; a span of nothing falls on the middle."""

    low: float
    high: float
    start: float
    end: float

    def __call__(self, value: float) -> float:
        """To a tenth, so that equal values give equal text everywhere."""
        if self.high == self.low:
            return round((self.start + self.end) / 2, 1)
        share = (value - self.low) / (self.high - self.low)
        return round(self.start + share * (self.end - self.start), 1)


def ticks(low: float, high: float, *, most: int = 4, seconds: bool = False) -> list[float]:
    """At most `most` round values inside low..high.

    >>> ticks(0, 524), ticks(0.887, 1.0), ticks(0, 1000, seconds=True)
    ([0.0, 200.0, 400.0], [0.9, 0.95, 1.0], [0.0, 300.0, 600.0, 900.0])
    """
    if not low < high:
        return [low]
    step = _step(Fraction(high) - Fraction(low), most, seconds=seconds)
    first = -(-Fraction(low) // step)
    count = Fraction(high) // step - first
    return [float((first + n) * step) for n in range(int(count) + 1)]


def _step(span: Fraction, most: int, *, seconds: bool) -> Fraction:
    """The smallest round step that fits at most `most` ticks into the span."""
    least = span / most
    if seconds and least >= 1:
        for known in _SPANS:
            if known >= least:
                return Fraction(known)
    power = Fraction(1)
    while power > least:
        power /= 10
    while power * 10 <= least:
        power *= 10
    return next((power * n for n in _ROUND if power * n >= least), power * 10)
