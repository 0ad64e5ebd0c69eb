"""Figures as a row of small bars, in one line of text."""

from __future__ import annotations

import math
from collections.abc import Sequence
from itertools import pairwise

_BARS = "▁▂▃▄▅▆▇█"
_ASCII_BARS = "_.-~=*#@"
_ABSENT, _ASCII_ABSENT = "·", " "


def sparkline(
    values: Sequence[float | None],
    width: int,
    *,
    low: float | None = None,
    high: float | None = None,
    ascii_only: bool = False,
) -> str:
    """At most `width` columns, the newest values to the right; of too many, the highest of each
    part. What is absent or no number is a dot. `low` and `high` widen the scale.

    >>> sparkline([0, 1, 2, 3, 4, 5, 6, 7], 8), sparkline([5, 5], 8), sparkline([1, None, 3], 8)
    ('▁▂▃▄▅▆▇█', '▄▄', '▁·█')
    """
    shown = _fitted([_number(v) for v in values], width)
    known = [v for v in shown if v is not None]
    ends = [*known, *(v for v in (_number(low), _number(high)) if v is not None)]
    if not ends:
        return (_ASCII_ABSENT if ascii_only else _ABSENT) * len(shown)
    return "".join(_bar(v, min(ends), max(ends), ascii_only) for v in shown)


def _number(value: float | None) -> float | None:
    return float(value) if value is not None and math.isfinite(value) else None


def _fitted(values: list[float | None], width: int) -> list[float | None]:
    count = len(values)
    if width <= 0:
        return []
    if count <= width:
        return values
    bounds = [count * n // width for n in range(width + 1)]
    parts = (values[start:end] for start, end in pairwise(bounds))
    return [max((v for v in part if v is not None), default=None) for part in parts]


def _bar(value: float | None, low: float, high: float, ascii_only: bool) -> str:
    if value is None:
        return _ASCII_ABSENT if ascii_only else _ABSENT
    bars = _ASCII_BARS if ascii_only else _BARS
    span = high - low
    if not 0 < span < math.inf:
        return bars[0 if not value else len(bars) // 2 - 1]
    return bars[min(int((value - low) / span * len(bars)), len(bars) - 1)]
