"""Instants as people in the plan's time zone read them, the same on every machine."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta, tzinfo
from functools import cache
from importlib.resources import files
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from rollout.domain.durations import format_duration
from rollout.domain.instants import from_text

_DAYS = ("Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun")
_MONTHS = ("Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec")


@cache
def zone(name: str) -> tzinfo:
    """The zone from the pinned package `tzdata`, so that the machine's own table moves no byte of a
    report; UTC for a name nobody knows."""
    *folders, leaf = name.split("/")
    try:
        place = files(".".join(["tzdata.zoneinfo", *folders])).joinpath(leaf)
        with place.open("rb") as table:
            return ZoneInfo.from_file(table, key=name)
    except (ImportError, OSError, ValueError):
        return _machines_own(name)


def _machines_own(name: str) -> tzinfo:
    try:
        return ZoneInfo(name)
    except (ZoneInfoNotFoundError, OSError, ValueError):
        return UTC


def moment(text: str | None, timezone: str) -> str:
    """An instant of the log, to the minute: locally, and in UTC.

    >>> moment("2026-01-14T19:20:00Z", "America/Los_Angeles")
    'Wed 14 Jan 2026, 11:20 PST (19:20 UTC)'
    >>> moment("2026-01-14T03:20:00Z", "America/Los_Angeles")
    'Tue 13 Jan 2026, 19:20 PST (Wed 03:20 UTC)'
    >>> moment("2026-01-14T19:20:00Z", "UTC"), moment(None, "UTC")
    ('Wed 14 Jan 2026, 19:20 UTC', 'not yet')
    """
    if text is None:
        return "not yet"
    instant = from_text(text)
    local = instant.astimezone(zone(timezone))
    said = f"{_day(local)}, {local:%H:%M} {local.tzname()}"
    if local.utcoffset() == timedelta(0):
        return said
    day = "" if local.date() == instant.date() else f"{_DAYS[instant.weekday()]} "
    return f"{said} ({day}{instant:%H:%M} UTC)"


def short_moment(instant: datetime, timezone: str) -> str:
    """Day and minute without the year, for an axis."""
    local = instant.astimezone(zone(timezone))
    return f"{local.day} {_MONTHS[local.month - 1]}, {local:%H:%M}"


def age(later: str | None, earlier: str | None) -> str | None:
    """How much earlier, for people; None when one of the two is not known.

    >>> age("2026-01-14T19:20:00Z", "2026-01-14T19:05:00Z"), age("2026-01-14T19:20:00Z", None)
    ('15m', None)
    """
    if later is None or earlier is None:
        return None
    return format_duration(max(from_text(later) - from_text(earlier), timedelta(0)))


def _day(local: datetime) -> str:
    return f"{_DAYS[local.weekday()]} {local.day} {_MONTHS[local.month - 1]} {local.year}"
