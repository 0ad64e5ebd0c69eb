"""When a sync runs by itself: every frequency Census knows is a cron expression in UTC."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

from cronsim import CronSim, CronSimError

FREQUENCIES = (
    "never",
    "continuous",
    "quarter_hourly",
    "hourly",
    "daily",
    "weekly",
    "expression",
)
_DAYS = ("Sunday", "Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday")
_ANY_INSTANT = datetime(2000, 1, 1, tzinfo=UTC)
_KEYS = ("frequency", "day", "hour", "minute", "cron_expression")


class ScheduleProblem(ValueError):
    """A schedule Census would refuse; the message says what is wrong with it."""


def cron_of(schedule: Mapping[str, Any]) -> str | None:
    """The cron expression of a schedule document, None when it never runs by itself.

    Raises: ScheduleProblem for an unknown frequency, a wrong day, hour, minute or expression.
    >>> cron_of({"frequency": "daily", "hour": 6, "minute": 15})
    '15 6 * * *'
    >>> cron_of({"frequency": "never"}) is None
    True
    """
    frequency = schedule.get("frequency")
    if frequency not in FREQUENCIES:
        raise ScheduleProblem(
            f"schedule frequency {frequency!r} is not one of {', '.join(FREQUENCIES)}"
        )
    if frequency == "never":
        return None
    hour = _within(schedule, "hour", 24) % 24  # Census writes midnight as 0 or as 24
    minute = _within(schedule, "minute", 59)
    crons = {
        "continuous": "* * * * *",
        "quarter_hourly": "*/15 * * * *",
        "hourly": f"{minute} * * * *",
        "daily": f"{minute} {hour} * * *",
    }
    if frequency == "weekly":
        return f"{minute} {hour} * * {_weekday(schedule.get('day'))}"
    if frequency == "expression":
        return _checked(schedule.get("cron_expression"))
    return crons[frequency]


def document(given: Mapping[str, Any]) -> dict[str, Any]:
    """A schedule with every key Census returns; day, hour and minute are derived from a cron
    expression where it has one single value for them.

    Raises: ScheduleProblem as `cron_of` does, and for keys a schedule does not have.
    """
    if unknown := sorted(set(given) - set(_KEYS)):
        raise ScheduleProblem(f"a schedule has no {', '.join(unknown)}")
    schedule = {key: given.get(key) for key in _KEYS}
    cron_of(schedule)
    if schedule["frequency"] != "expression":
        return schedule | {"cron_expression": None}
    minute, hour, _, _, weekday = str(schedule["cron_expression"]).split()
    return schedule | {
        "minute": int(minute) if minute.isdigit() else None,
        "hour": int(hour) if hour.isdigit() else None,
        "day": _DAYS[int(weekday) % 7] if weekday.isdigit() else None,
    }


class Timetable:
    """The instants of one schedule, from one instant on."""

    def __init__(self, schedule: Mapping[str, Any], after: datetime) -> None:
        cron = cron_of(schedule)
        self._instants = None if cron is None else CronSim(cron, after)
        self.due: datetime | None = None
        self.step()

    def step(self) -> None:
        """Go on to the next instant; an expression that never comes again ends the timetable."""
        self.due = None if self._instants is None else next(self._instants, None)


def _within(schedule: Mapping[str, Any], key: str, highest: int) -> int:
    value = schedule.get(key)
    if value is None:
        return 0
    if not isinstance(value, int) or isinstance(value, bool) or not 0 <= value <= highest:
        raise ScheduleProblem(f"schedule {key} {value!r} is not between 0 and {highest}")
    return value


def _weekday(day: object) -> int:
    if not isinstance(day, str) or day not in _DAYS:
        raise ScheduleProblem(f"schedule day {day!r} is not one of {', '.join(_DAYS)}")
    return _DAYS.index(day)


def _checked(expression: object) -> str:
    if not isinstance(expression, str) or len(expression.split()) != 5:
        raise ScheduleProblem(f"cron expression {expression!r} does not have five fields")
    try:
        CronSim(expression, _ANY_INSTANT)
    except CronSimError as error:
        raise ScheduleProblem(f"cron expression {expression!r}: {error}") from error
    return expression
