"""Durations as people write them: 90s, 5m, 48h, 2d, and sums of those."""

from __future__ import annotations

import re
from datetime import timedelta

_PART = re.compile(r"(\d+)(s|m|h|d)")
_SECONDS = {"s": 1, "m": 60, "h": 3600, "d": 86400}


def parse_duration(text: str) -> timedelta:
    """Raises: ValueError that names the accepted form.

    >>> parse_duration("1h30m")
    datetime.timedelta(seconds=5400)
    """
    compact = text.replace(" ", "")
    parts = _PART.findall(compact)
    if not parts or "".join(f"{n}{u}" for n, u in parts) != compact:
        raise ValueError(f"{text!r} is not a duration; write for example 90s, 5m, 1h30m, 48h or 2d")
    try:
        return timedelta(seconds=sum(int(n) * _SECONDS[u] for n, u in parts))
    except OverflowError:
        raise ValueError(f"{text[:40]!r} is too long to be a duration") from None


def format_duration(duration: timedelta) -> str:
    """The shortest exact text that `parse_duration` reads back; whole seconds.

    >>> format_duration(timedelta(hours=48)), format_duration(timedelta(minutes=90))
    ('2d', '1h30m')
    """
    left = int(duration.total_seconds())
    parts = []
    for unit in ("d", "h", "m", "s"):
        count, left = divmod(left, _SECONDS[unit])
        if count:
            parts.append(f"{count}{unit}")
    return "".join(parts) or "0s"
