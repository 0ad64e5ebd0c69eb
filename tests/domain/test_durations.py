from __future__ import annotations

from datetime import timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st
from strategies import durations

from rollout.domain.durations import format_duration, parse_duration


@given(durations)
def test_a_duration_reads_back_to_itself(duration: timedelta) -> None:
    assert parse_duration(format_duration(duration)) == duration


@pytest.mark.parametrize(
    ("text", "seconds"),
    [
        ("90s", 90),
        ("5m", 300),
        ("48h", 172800),
        ("2d", 172800),
        ("1h30m", 5400),
        (" 1h 30m ", 5400),
        ("0s", 0),
    ],
)
def test_durations_are_read_as_people_write_them(text: str, seconds: int) -> None:
    assert parse_duration(text) == timedelta(seconds=seconds)


@pytest.mark.parametrize("text", ["", "5", "m", "5 minutes", "-5m", "1.5h", "5m!", "5M", "1w"])
def test_anything_else_is_refused_with_the_accepted_form(text: str) -> None:
    with pytest.raises(ValueError, match="write for example 90s"):
        parse_duration(text)


@given(durations, durations)
def test_written_parts_add_up(one: timedelta, other: timedelta) -> None:
    assert parse_duration(format_duration(one) + format_duration(other)) == one + other


@given(st.text(alphabet="0123456789smhd ", max_size=8))
def test_what_is_read_is_written_back_to_the_same_length_of_time(text: str) -> None:
    try:
        duration = parse_duration(text)
    except (ValueError, OverflowError):
        return
    assert parse_duration(format_duration(duration)) == duration
