from __future__ import annotations

from datetime import UTC, datetime, timedelta, timezone

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rollout.domain.instants import from_text, to_text

_naive = datetime.min  # noqa: DTZ901 - hypothesis wants naive bounds
naive_times = st.datetimes(_naive.replace(year=1970), _naive.replace(year=2100))
zones = st.integers(-14 * 60, 14 * 60).map(lambda m: timezone(timedelta(minutes=m)))


@given(naive_times, zones)
def test_a_text_reads_back_to_the_same_instant(naive: datetime, zone: timezone) -> None:
    instant = naive.replace(tzinfo=zone)
    text = to_text(instant)
    assert text.endswith("Z")
    assert from_text(text) == instant
    assert to_text(from_text(text)) == text


@given(naive_times, st.integers(1, 10**6))
def test_texts_of_whole_seconds_sort_like_their_instants(naive: datetime, later: int) -> None:
    first = naive.replace(microsecond=0, tzinfo=UTC)
    assert to_text(first) < to_text(first + timedelta(seconds=later))


def test_an_instant_without_a_zone_is_refused_both_ways() -> None:
    with pytest.raises(ValueError, match="needs a time zone"):
        to_text(datetime(2026, 1, 6))  # noqa: DTZ001
    with pytest.raises(ValueError, match="has no time zone"):
        from_text("2026-01-06T10:00:00")


@pytest.mark.parametrize("text", ["", "soon", "2026-13-01T00:00:00Z", "2026-01-06T25:00:00Z"])
def test_what_is_no_instant_is_refused(text: str) -> None:
    with pytest.raises(ValueError):
        from_text(text)
