"""Text for terminals."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from rollout.view.text import cells, clip, figure, figures, instant, pad, plain, table, wrap

anything = st.text(max_size=60)


@given(anything)
def test_plain_text_is_one_printable_line(text: str) -> None:
    shown = plain(text)
    assert not any(ord(c) < 32 or 127 <= ord(c) < 160 for c in shown)
    assert "\x1b" not in shown
    assert len(shown.splitlines()) <= 1


def test_plain_keeps_words_apart_where_a_line_ended() -> None:
    assert plain("one\ntwo") == "one two"
    assert plain("a\u202eb\u200bc") == "abc"


def test_plain_bounds_a_long_text() -> None:
    assert len(plain("x" * 5000)) == 1000
    assert plain("x" * 5000).endswith("…")


@given(anything, st.integers(0, 30), st.booleans())
def test_clip_never_exceeds_its_width(text: str, width: int, ascii_only: bool) -> None:
    assert cells(clip(plain(text), width, ascii_only=ascii_only)) <= width


@given(anything, st.integers(4, 30))
def test_pad_is_exactly_its_width(text: str, width: int) -> None:
    assert cells(pad(plain(text), width)) == width


def test_wide_characters_take_two_columns() -> None:
    assert cells("例え") == 4
    assert clip("例え例え", 5) == "例え…"
    assert cells(clip("例え例え", 6)) <= 6


@given(st.text("ab c", max_size=80), st.integers(10, 40))
def test_wrap_loses_no_letter(text: str, width: int) -> None:
    lines = wrap(text, width, "  ")
    assert "".join(lines).replace(" ", "") == text.replace(" ", "")
    assert all(cells(line) <= width for line in lines)


def test_wrap_breaks_a_word_that_is_longer_than_a_line() -> None:
    assert wrap("abcdefghijklmnop", 10) == ["abcdefghij", "klmnop"]
    assert wrap("", 10) == [""]


def test_figures_are_grouped_and_nothing_is_a_word() -> None:
    assert figure(18722) == "18,722"
    assert figure(0.0280) == "0.028"
    assert figure(2.0) == "2"
    assert figure(None) == "nothing"
    assert figure(False) == "false"
    assert figures({"rows": 3, "share": None}) == "rows 3, share nothing"


def test_figure_cleans_foreign_text() -> None:
    assert figure("a\x1b[2Jb") == "a[2Jb"


def test_an_absent_instant_is_a_dash() -> None:
    assert instant(None) == "-"


def test_table_aligns_columns_and_cuts_the_last() -> None:
    rows = [["a", "long name", "x" * 50], ["bb", "n", "y"]]
    lines = table(rows, 30)
    assert lines[0].startswith("a   long name  xxx")
    assert lines[0].endswith("…")
    assert lines[1] == "bb  n          y"
    assert all(cells(line) <= 30 for line in lines)
    assert table([], 30) == []
