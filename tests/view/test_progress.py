"""Speed and time left, from counts at uneven moments."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rollout.view.progress import ESTIMATING, Progress, Sample, progress_of
from rollout.view.progress_text import eta_words, progress_words, rate_words, span

START = datetime(2026, 1, 6, 18, 0, tzinfo=UTC)


def at(seconds: float) -> datetime:
    return START + timedelta(seconds=seconds)


def seen(*counts: tuple[float, int]) -> list[Sample]:
    return [Sample(at(seconds), done) for seconds, done in counts]


def test_nothing_is_foretold_in_the_first_half_minute() -> None:
    early = progress_of(seen((0, 0), (20, 400)), 10_000, at(20))
    assert (early.pace, early.rate, early.eta) == ("estimating", None, None)
    assert eta_words(early) == "estimating"
    later = progress_of(seen((0, 0), (20, 400), (30, 600)), 10_000, at(30))
    assert later.pace == "moving"
    assert later.eta is not None


def test_the_wait_before_the_first_row_says_nothing_of_the_speed() -> None:
    found = progress_of(seen((0, 0), (600, 0), (660, 60)), 120, at(660))
    assert found.rate == pytest.approx(1.0)
    assert found.elapsed_s == 660


def test_time_that_passes_without_a_look_is_taken_off_the_time_left() -> None:
    counts = seen((0, 0), (300, 300), (600, 600))
    now, later = progress_of(counts, 1200, at(600)), progress_of(counts, 1200, at(700))
    assert now.eta is not None
    assert later.eta is not None
    assert (now.eta.likely_s, later.eta.likely_s) == (600, 500)


def test_a_steady_run_has_a_narrow_range_and_an_unsteady_one_a_wide_one() -> None:
    steady = progress_of(seen((0, 0), (60, 60), (120, 120), (180, 180)), 400, at(180)).eta
    wild = progress_of(seen((0, 0), (60, 6), (120, 120), (180, 130)), 400, at(180)).eta
    assert steady is not None
    assert wild is not None
    assert steady.latest_s / steady.soonest_s < 1.3
    assert wild.latest_s / wild.soonest_s > 3


def test_one_stretch_alone_is_taken_with_salt() -> None:
    eta = progress_of(seen((0, 0), (60, 60)), 160, at(60)).eta
    assert eta is not None
    assert (eta.soonest_s, eta.likely_s, eta.latest_s) == (75, 100, 125)


def test_no_news_for_long_is_a_stall_and_moves_the_end_away() -> None:
    counts = seen((0, 0), (60, 60), (120, 120))
    fine, stalled = progress_of(counts, 240, at(200)), progress_of(counts, 240, at(480))
    assert (fine.pace, stalled.pace) == ("moving", "stalled")
    assert fine.eta is not None
    assert stalled.eta is not None
    assert stalled.eta.likely_s > 120
    assert eta_words(stalled).startswith("no news for 6m, ETA ")


def test_a_stall_before_the_first_row_has_no_end_in_sight() -> None:
    found = progress_of(seen((0, 0)), 240, at(3600))
    assert (found.pace, found.eta, eta_words(found)) == ("stalled", None, "no news for 1h")


def test_all_rows_done_is_not_over_yet() -> None:
    counts = seen((0, 0), (60, 50))
    assert eta_words(progress_of(counts, 50, at(70))) == "finishing"
    over = progress_of(counts, 50, at(70), is_over=True)
    assert (over.pace, over.elapsed_s, eta_words(over)) == ("over", 60, "")


def test_an_unknown_whole_has_a_speed_but_no_end() -> None:
    found = progress_of(seen((0, 0), (60, 120)), None, at(60))
    assert (found.share, found.eta, found.rate) == (None, None, 2.0)
    assert progress_words(found) == "120 rows, 2/s"


def test_nothing_seen_yet_is_waiting() -> None:
    assert progress_of([], 50, START).pace == "waiting"
    assert progress_words(progress_of([], 50, START)) == "0 of 50 rows, not moving yet"


def test_a_count_that_falls_is_ignored() -> None:
    found = progress_of(seen((0, 0), (60, 60), (90, 3), (120, 120)), 240, at(120))
    assert (found.done, found.rates) == (120, [1.0, 1.0])


def test_words_say_how_far_how_fast_and_how_long() -> None:
    found = progress_of(seen((0, 0), (300, 172), (600, 430), (900, 774)), 1031, at(900))
    assert progress_words(found) == "774 of 1,031 rows, 0.9/s, ETA 5m (3m40s to 5m30s)"


@pytest.mark.parametrize(
    ("seconds", "text"),
    [(0, "0s"), (89.4, "89s"), (89.6, "1m30s"), (3596, "1h"), (86390, "1d"), (3600, "1h")],
)
def test_lengths_of_time(seconds: float, text: str) -> None:
    assert span(seconds) == text


samples = st.lists(
    st.builds(Sample, st.integers(0, 100_000).map(at), st.integers(0, 10**7)), max_size=12
)
totals = st.one_of(st.none(), st.integers(0, 10**7))


def _judge(found: Progress) -> None:
    assert found.share is None or 0 <= found.share <= 1
    assert all(rate >= 0 for rate in found.rates)
    assert found.rate is None or found.rate >= 0
    assert found.elapsed_s >= 0
    assert found.quiet_s >= 0
    if found.eta is not None:
        assert 1 <= found.eta.soonest_s <= found.eta.likely_s <= found.eta.latest_s
        assert found.pace in {"moving", "stalled"}


@given(samples, totals, st.integers(-10, 200_000).map(at), st.booleans())
def test_whatever_was_seen_the_range_holds_together(
    given_: list[Sample], total: int | None, now: datetime, is_over: bool
) -> None:
    found = progress_of(given_, total, now, is_over=is_over)
    _judge(found)
    assert found == progress_of(reversed(given_), total, now, is_over=is_over)
    words = progress_words(found)
    assert "ETA 0s" not in words
    assert (found.pace == "over") is is_over


@given(samples, totals)
def test_nothing_is_foretold_from_less_than_half_a_minute(
    given_: list[Sample], total: int | None
) -> None:
    if given_:
        last = max(s.at for s in given_)
        squeezed = [Sample(START + (s.at - START) / 10_000, s.done) for s in given_]
        now = START + (last - START) / 10_000
        assert now - START < ESTIMATING
        assert progress_of(squeezed, total, now).eta is None


@given(st.integers(1, 10**6), st.integers(2, 20), st.integers(30, 600))
def test_a_run_that_never_changes_its_speed_ends_when_it_was_foretold(
    rows: int, looks: int, gap: int
) -> None:
    counts = [Sample(at(n * gap), n * rows) for n in range(looks)]
    found = progress_of(counts, rows * looks, counts[-1].at)
    assert found.eta is not None
    assert found.eta.likely_s == pytest.approx(gap)


@given(st.floats(0, 1e9, allow_nan=False))
def test_a_rate_is_never_shown_without_its_unit(rate: float) -> None:
    assert rate_words(rate).rpartition("/")[2] in {"s", "min", "h"}
