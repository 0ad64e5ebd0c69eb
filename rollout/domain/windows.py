"""When a phase may write: weekdays, hours and closed days of the plan's own time zone."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import UTC, date, datetime, time, timedelta
from functools import lru_cache
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from rollout.domain.errors import PlanProblems
from rollout.domain.plan import Weekday, Window

HolidayName = Callable[[date], str | None]
"""Name of the holiday on a day, None for an ordinary day."""
Holidays = HolidayName | str | None
"""A calendar, or a country of the `holidays` package with an optional subdivision: US, US-CA."""

_WEEKDAYS: tuple[Weekday, ...] = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")
_DAY = timedelta(days=1)
_HORIZON_DAYS = 400
"""Further ahead nobody plans; a window that does not open within it never opens."""


def is_open(window: Window, timezone: str, holidays: Holidays, at: datetime) -> bool:
    """Whether `at` (aware) lies in the window; half-open: its last instant is outside.

    Raises: PlanProblems when the window itself makes no sense.
    """
    return closed_reason(window, timezone, holidays, at) is None


def closed_reason(window: Window, timezone: str, holidays: Holidays, at: datetime) -> str | None:
    """Why the window is closed at `at`, for people; None when it is open.

    Hours are wall-clock hours of `timezone`. A window past midnight (22:00 to 02:00) belongs to
    the day on which it starts.

    >>> friday = datetime(2026, 1, 9, 19, tzinfo=UTC)
    >>> closed_reason(Window(days=["tue", "wed"]), "America/Los_Angeles", None, friday)
    'closed: Friday'

    Raises: PlanProblems when the window itself makes no sense.
    """
    zone, calendar = _settled(window, timezone, holidays)
    return _closed(window, calendar, at.astimezone(zone).replace(tzinfo=None))


def next_open(window: Window, timezone: str, holidays: Holidays, instant: datetime) -> datetime:
    """The first instant at or after `instant` (aware) in the window, in UTC; itself when open.

    >>> friday = datetime(2026, 1, 9, 19, tzinfo=UTC)
    >>> window = Window(days=["tue"], between=(time(10), time(12)))
    >>> next_open(window, "America/Los_Angeles", None, friday).isoformat()
    '2026-01-13T18:00:00+00:00'

    Raises: PlanProblems when the window makes no sense or does not open within 400 days.
    """
    zone, calendar = _settled(window, timezone, holidays)
    start = instant.astimezone(UTC)
    if _closed(window, calendar, start.astimezone(zone).replace(tzinfo=None)) is None:
        return start
    # One day back: a clock put back over midnight opens the evening before again.
    first = start.astimezone(zone).date() - _DAY
    for offset in range(_HORIZON_DAYS):
        for moment in _openings(window, zone, first + offset * _DAY):
            local = moment.astimezone(zone).replace(tzinfo=None)
            if moment >= start and _closed(window, calendar, local) is None:
                return moment
    raise PlanProblems([f"the window does not open within {_HORIZON_DAYS} days"])


def window_problems(window: Window, timezone: str, holidays: Holidays) -> list[str]:
    """Everything that makes the window senseless; empty when it can be used."""
    problems = []
    try:
        ZoneInfo(timezone)
    except (ZoneInfoNotFoundError, ValueError, OSError):
        problems.append(f"timezone: {timezone!r} is not a zone of the IANA database")
    if not window.days:
        problems.append("window: days is empty, so it never opens")
    if window.between is not None and window.between[0] == window.between[1]:
        problems.append("window: between starts and ends at the same time, so it never opens")
    for word in window.not_on:
        if word not in ("holidays", "quarter_end") and _iso_date(word) is None:
            problems.append(
                f"window: not_on {word!r} is not holidays, quarter_end or a date as 2026-12-24"
            )
    if isinstance(holidays, str):
        try:
            _country_calendar(holidays)
        except PlanProblems as problem:
            problems += problem.problems
    elif holidays is None and "holidays" in window.not_on:
        problems.append("window: not_on names holidays, but the plan says no `holidays:` country")
    return problems


def _settled(
    window: Window, timezone: str, holidays: Holidays
) -> tuple[ZoneInfo, HolidayName | None]:
    problems = window_problems(window, timezone, holidays)
    if problems:
        raise PlanProblems(problems)
    calendar = _country_calendar(holidays) if isinstance(holidays, str) else holidays
    return ZoneInfo(timezone), calendar


def _closed(window: Window, calendar: HolidayName | None, local: datetime) -> str | None:
    """For a naive wall-clock time."""
    start, end = window.between or (time.min, time.min)
    today, clock = local.date(), local.time()
    if start < end or end == time.min:
        in_hours = clock >= start and (clock < end or end == time.min)
        day = today
    else:
        day = today - _DAY if clock < end else today
        in_hours = clock < end or clock >= start
    closed_day = _closed_day(window, calendar, day)
    if closed_day is not None:
        return f"closed: {closed_day}"
    return None if in_hours else f"closed: outside {start:%H:%M}-{end:%H:%M}"


def _closed_day(window: Window, calendar: HolidayName | None, day: date) -> str | None:
    if _WEEKDAYS[day.weekday()] not in window.days:
        return f"{day:%A}"
    if day.isoformat() in window.not_on:
        return f"{day.isoformat()} is excluded by the plan"
    if "holidays" in window.not_on and calendar is not None and (name := calendar(day)):
        return f"holiday {name}"
    return _quarter_end(calendar, day) if "quarter_end" in window.not_on else None


def _quarter_end(calendar: HolidayName | None, day: date) -> str | None:
    """The last day of a quarter, and its last business day (Monday to Friday, no holiday where a
    calendar is known): books are closed on either, and they often differ."""
    last = _last_of_quarter(day)
    if day == last:
        return "last day of the quarter"
    if _is_business(calendar, day) and not any(
        _is_business(calendar, day + n * _DAY) for n in range(1, (last - day).days + 1)
    ):
        return "last business day of the quarter"
    return None


def _is_business(calendar: HolidayName | None, day: date) -> bool:
    return day.weekday() < 5 and not (calendar is not None and calendar(day))


def _last_of_quarter(day: date) -> date:
    month = (day.month + 2) // 3 * 3
    first_of_next = date(day.year + month // 12, month % 12 + 1, 1)
    return first_of_next - _DAY


def _openings(window: Window, zone: ZoneInfo, day: date) -> Iterator[datetime]:
    """Instants of a local day at which the window may open, in order: its first hour (twice when
    the clock is put back over it) and a clock change, which may jump into the middle of it."""
    start = datetime.combine(day, window.between[0] if window.between else time.min, zone)
    moments = {start.astimezone(UTC), start.replace(fold=1).astimezone(UTC)}
    midnight = datetime.combine(day, time.min, zone).astimezone(UTC)
    next_midnight = datetime.combine(day + _DAY, time.min, zone).astimezone(UTC)
    change = _clock_change(zone, midnight, next_midnight)
    if change is not None:
        moments.add(change)
    yield from sorted(moments)


def _clock_change(zone: ZoneInfo, low: datetime, high: datetime) -> datetime | None:
    """The first instant after `low` with the UTC offset of `high`; None when they are the same."""
    after = high.astimezone(zone).utcoffset()
    if low.astimezone(zone).utcoffset() == after:
        return None
    while high - low > timedelta(seconds=1):
        middle = low + timedelta(seconds=(high - low) // timedelta(seconds=2))
        if middle.astimezone(zone).utcoffset() == after:
            high = middle
        else:
            low = middle
    return high


def _iso_date(word: str) -> date | None:
    try:
        day = date.fromisoformat(word)
    except ValueError:
        return None
    return day if day.isoformat() == word else None


@lru_cache(maxsize=8)
def _country_calendar(country: str) -> HolidayName:
    # Imported here: 0.1 s that only plans with holidays need.
    import holidays as calendars

    code, _, subdivision = country.partition("-")
    try:
        known = calendars.country_holidays(code, subdiv=subdivision or None)
    except NotImplementedError:
        raise PlanProblems(
            [f"holidays: {country!r} is not a country of the holidays package, such as US or US-CA"]
        ) from None
    return known.get  # fills in years on demand
