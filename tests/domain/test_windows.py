from __future__ import annotations

from datetime import UTC, date, datetime, time, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st
from strategies import ZONES, instants, windows

from rollout.domain.errors import PlanProblems
from rollout.domain.plan import Window
from rollout.domain.windows import closed_reason, is_open, next_open, window_problems

PACIFIC = "America/Los_Angeles"
FULL_SYNC = Window(
    days=["tue", "wed", "thu"],
    between=(time(10), time(12)),
    not_on=["holidays", "quarter_end"],
)


def at(text: str, zone: str = PACIFIC, fold: int = 0) -> datetime:
    local = datetime.fromisoformat(text).replace(tzinfo=ZoneInfo(zone), fold=fold)
    return local.astimezone(UTC)


@pytest.mark.parametrize(
    ("when", "reason"),
    [
        ("2026-01-06T10:00", None),
        ("2026-01-06T11:59:59", None),
        ("2026-01-06T12:00", "closed: outside 10:00-12:00"),
        ("2026-01-06T09:59:59", "closed: outside 10:00-12:00"),
        ("2026-01-09T10:30", "closed: Friday"),
        ("2026-11-26T10:30", "closed: holiday Thanksgiving Day"),
        ("2026-03-31T10:30", "closed: last day of the quarter"),
        ("2026-06-30T10:30", "closed: last day of the quarter"),
        ("2026-03-30T10:30", "closed: Monday"),
    ],
)
def test_a_closed_window_says_why(when: str, reason: str | None) -> None:
    assert closed_reason(FULL_SYNC, PACIFIC, "US", at(when)) == reason
    assert is_open(FULL_SYNC, PACIFIC, "US", at(when)) is (reason is None)


def test_a_quarter_closes_on_its_last_day_and_on_its_last_business_day() -> None:
    window = Window(not_on=["quarter_end"])
    # In these two years every quarter ends on a weekday.
    closed = [
        day
        for day in (date(2025, 1, 1) + timedelta(days=n) for n in range(730))
        if not is_open(window, "UTC", None, datetime.combine(day, time(12), UTC))
    ]
    assert closed == [
        date(2025, 3, 31),
        date(2025, 6, 30),
        date(2025, 9, 30),
        date(2025, 12, 31),
        date(2026, 3, 31),
        date(2026, 6, 30),
        date(2026, 9, 30),
        date(2026, 12, 31),
    ]


def test_a_quarter_that_ends_on_a_weekend_closes_the_business_day_before() -> None:
    window = Window(not_on=["quarter_end"])
    reasons = {
        day: closed_reason(window, "UTC", None, datetime(2024, 6, day, 12, tzinfo=UTC))
        for day in (27, 28, 29, 30)
    }
    assert reasons == {
        27: None,
        28: "closed: last business day of the quarter",
        29: None,
        30: "closed: last day of the quarter",
    }


def test_a_holiday_is_no_business_day_of_the_quarter() -> None:
    window = Window(not_on=["quarter_end"])
    company_day = {date(2024, 6, 28): "Company day"}.get
    at_noon = datetime(2024, 6, 27, 12, tzinfo=UTC)
    assert closed_reason(window, "UTC", company_day, at_noon) is not None


def test_a_subdivision_has_holidays_of_its_own() -> None:
    window = Window(not_on=["holidays"])
    cesar_chavez_day = at("2027-03-31T10:30")
    assert is_open(window, PACIFIC, "US", cesar_chavez_day)
    assert closed_reason(window, PACIFIC, "US-CA", cesar_chavez_day) is not None


def test_a_date_can_be_excluded_by_name() -> None:
    window = Window(not_on=["2026-01-06"])
    reason = closed_reason(window, PACIFIC, None, at("2026-01-06T23:59"))
    assert reason == "closed: 2026-01-06 is excluded by the plan"
    assert is_open(window, PACIFIC, None, at("2026-01-07T00:00"))


def test_holidays_of_the_calendar_do_not_close_a_window_that_does_not_ask() -> None:
    assert is_open(Window(), PACIFIC, "US", at("2026-12-25T10:00"))


def test_an_open_window_opens_now() -> None:
    now = at("2026-01-06T10:30")
    assert next_open(FULL_SYNC, PACIFIC, "US", now) == now


def test_the_next_opening_skips_weekends_holidays_and_the_quarters_end() -> None:
    assert next_open(FULL_SYNC, PACIFIC, "US", at("2026-01-08T12:00")) == at("2026-01-13T10:00")
    assert next_open(FULL_SYNC, PACIFIC, "US", at("2026-11-25T12:00")) == at("2026-12-01T10:00")
    assert next_open(FULL_SYNC, PACIFIC, "US", at("2026-03-31T09:00")) == at("2026-04-01T10:00")


def test_an_opening_is_given_in_utc() -> None:
    berlin = datetime(2026, 7, 7, 6, tzinfo=ZoneInfo("Europe/Berlin"))
    opening = next_open(Window(between=(time(10), time(12))), "Europe/Berlin", None, berlin)
    assert opening.tzinfo is UTC
    assert opening.hour == 8


@pytest.mark.parametrize(
    ("when", "opening"),
    [("2026-03-07T13:00", "2026-03-08T17:00"), ("2026-10-31T13:00", "2026-11-01T18:00")],
)
def test_wall_clock_hours_stay_across_a_clock_change(when: str, opening: str) -> None:
    window = Window(between=(time(10), time(12)))
    found = next_open(window, PACIFIC, None, at(when))
    assert found == datetime.fromisoformat(opening).replace(tzinfo=UTC)
    assert found.astimezone(ZoneInfo(PACIFIC)).hour == 10


def test_a_window_that_begins_in_the_skipped_hour_opens_when_the_clock_has_jumped() -> None:
    window = Window(between=(time(2, 30), time(4)))
    found = next_open(window, PACIFIC, None, at("2026-03-08T00:00"))
    assert found == datetime(2026, 3, 8, 10, tzinfo=UTC)


def test_a_window_inside_the_repeated_hour_opens_twice() -> None:
    window = Window(between=(time(1), time(1, 30)))
    first = next_open(window, PACIFIC, None, at("2026-11-01T00:00"))
    second = next_open(window, PACIFIC, None, at("2026-11-01T01:30"))
    assert [first, second] == [
        datetime(2026, 11, 1, 8, tzinfo=UTC),
        datetime(2026, 11, 1, 9, tzinfo=UTC),
    ]


def test_a_window_that_begins_within_the_repeated_hour_opens_twice() -> None:
    window = Window(between=(time(1, 15), time(1, 30)))
    second = next_open(window, PACIFIC, None, at("2026-11-01T01:30"))
    assert second == datetime(2026, 11, 1, 9, 15, tzinfo=UTC)


def test_a_clock_put_back_over_midnight_opens_the_evening_before_again() -> None:
    # In 2010 Newfoundland went from 00:01 on Sunday back to 23:01 on Saturday.
    window = Window(days=["sat"], between=(time(23, 15), time(23, 45)))
    sunday = datetime(2010, 11, 7, 2, 30, 30, tzinfo=UTC)
    assert sunday.astimezone(ZoneInfo("America/St_Johns")).isoformat() == (
        "2010-11-07T00:00:30-02:30"
    )
    found = next_open(window, "America/St_Johns", None, sunday)
    assert found == datetime(2010, 11, 7, 2, 45, tzinfo=UTC)


def test_the_clock_put_back_into_the_middle_of_a_window_opens_it_again() -> None:
    window = Window(between=(time(0, 30), time(1, 30)))
    found = next_open(window, PACIFIC, None, at("2026-11-01T01:30"))
    assert found == datetime(2026, 11, 1, 9, tzinfo=UTC)


def test_a_window_past_midnight_belongs_to_the_day_it_starts_on() -> None:
    night = Window(days=["fri"], between=(time(22), time(2)))
    assert is_open(night, PACIFIC, None, at("2026-01-10T01:59"))
    assert closed_reason(night, PACIFIC, None, at("2026-01-09T01:00")) == "closed: Thursday"
    assert next_open(night, PACIFIC, None, at("2026-01-10T02:00")) == at("2026-01-16T22:00")


def test_a_window_may_last_until_midnight() -> None:
    evening = Window(between=(time(22), time(0)))
    assert is_open(evening, PACIFIC, None, at("2026-01-09T23:59"))
    assert not is_open(evening, PACIFIC, None, at("2026-01-10T00:00"))


@pytest.mark.parametrize(
    ("window", "timezone", "holidays", "problem"),
    [
        (Window(), "America/Los_Angles", None, "IANA"),
        (Window(), "America", None, "IANA"),
        (Window(), "../etc", None, "IANA"),
        (Window(days=[]), "UTC", None, "days is empty"),
        (Window(between=(time(9), time(9))), "UTC", None, "same time"),
        (Window(not_on=["hollidays"]), "UTC", None, "'hollidays'"),
        (Window(not_on=["20260106"]), "UTC", None, "'20260106'"),
        (Window(not_on=["holidays"]), "UTC", None, "no `holidays:` country"),
        (Window(), "UTC", "XX", "'XX' is not a country"),
        (Window(), "UTC", "US-ZZ", "'US-ZZ' is not a country"),
    ],
)
def test_a_senseless_window_is_refused_and_never_open(
    window: Window, timezone: str, holidays: str | None, problem: str
) -> None:
    (found,) = window_problems(window, timezone, holidays)
    assert problem in found
    now = datetime(2026, 1, 6, tzinfo=UTC)
    with pytest.raises(PlanProblems):
        is_open(window, timezone, holidays, now)
    with pytest.raises(PlanProblems):
        next_open(window, timezone, holidays, now)


def test_every_problem_of_a_window_is_told_at_once() -> None:
    window = Window(days=[], between=(time(9), time(9)), not_on=["never"])
    assert len(window_problems(window, "Nowhere", "XX")) == 5


def test_a_window_that_never_opens_is_a_problem_and_not_an_endless_search() -> None:
    with pytest.raises(PlanProblems, match="does not open within 400 days"):
        next_open(
            Window(not_on=["holidays"]),
            "UTC",
            lambda _: "Closed for good",
            datetime(2026, 1, 6, tzinfo=UTC),
        )


@given(windows, st.sampled_from(ZONES), instants)
def test_the_next_opening_is_open_and_not_before(
    window: Window, zone: str, instant: datetime
) -> None:
    opening = next_open(window, zone, None, instant)
    assert opening >= instant
    assert is_open(window, zone, None, opening)


@given(windows, st.sampled_from(ZONES), instants, st.lists(st.floats(0, 1), max_size=20))
def test_nothing_before_the_next_opening_is_open(
    window: Window, zone: str, instant: datetime, parts: list[float]
) -> None:
    opening = next_open(window, zone, None, instant)
    between = [instant + (opening - instant) * part for part in [0.0, *parts]]
    just_before = opening - timedelta(microseconds=1)
    between += [just_before] if just_before >= instant else []
    assert not any(is_open(window, zone, None, t) for t in between if t < opening)


@given(
    windows,
    st.sampled_from(
        [
            ("America/Los_Angeles", date(2026, 3, 8)),
            ("America/Los_Angeles", date(2026, 11, 1)),
            ("Europe/Berlin", date(2026, 3, 29)),
            ("Europe/Berlin", date(2026, 10, 25)),
            ("Australia/Lord_Howe", date(2026, 4, 5)),
            ("Asia/Beirut", date(2026, 3, 29)),
        ]
    ),
)
def test_over_a_clock_change_the_openings_found_are_those_of_a_minute_by_minute_watch(
    window: Window, change: tuple[str, date]
) -> None:
    zone, day = change
    begin = datetime.combine(day, time(0), UTC) - timedelta(hours=15)
    quarters = [begin + timedelta(minutes=15 * n) for n in range(4 * 40)]
    states = [is_open(window, zone, None, t) for t in quarters]
    # Every quarter of an hour that is closed finds the first open one after it.
    for n, (t, now_open) in enumerate(zip(quarters, states, strict=True)):
        later = next((u for u, o in zip(quarters[n:], states[n:], strict=True) if o), None)
        if n % 8 == 0 or (now_open and n > 0 and not states[n - 1]):
            if later is None:
                assert next_open(window, zone, None, t) > quarters[-1]
            else:
                assert next_open(window, zone, None, t) == later
