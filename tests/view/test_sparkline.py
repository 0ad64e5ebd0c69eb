"""Figures as small bars."""

from __future__ import annotations

import math

from hypothesis import given
from hypothesis import strategies as st

from rollout.view.sparkline import sparkline
from rollout.view.text import cells

values = st.lists(st.one_of(st.none(), st.floats(), st.integers(-(10**9), 10**9)), max_size=300)


@given(values, st.integers(-2, 60), st.booleans())
def test_it_never_is_wider_than_asked(
    given_: list[float | None], width: int, ascii_only: bool
) -> None:
    line = sparkline(given_, width, ascii_only=ascii_only)
    assert cells(line) == min(len(given_), max(width, 0))
    assert not ascii_only or line.isascii()


@given(st.lists(st.floats(-1e6, 1e6), min_size=1, max_size=40))
def test_higher_is_never_drawn_lower(given_: list[float]) -> None:
    line = sparkline(given_, len(given_))
    drawn = sorted(zip(given_, line, strict=True))
    assert [bar for _, bar in drawn] == sorted(line)


def test_a_peak_survives_when_many_values_share_a_column() -> None:
    assert sparkline([0.0] * 50 + [9.0] + [0.0] * 49, 10) == "▁▁▁▁▁█▁▁▁▁"


def test_a_limit_widens_the_scale() -> None:
    assert sparkline([1, 1], 4, low=0, high=10) == "▁▁"
    assert sparkline([10, 10], 4, low=0) == "██"


def test_what_is_no_number_is_a_gap() -> None:
    assert sparkline([1, math.nan, math.inf, None, 2], 9) == "▁···█"
    assert sparkline([None, None], 9, ascii_only=True) == "  "
