"""Sections set in columns for eyes and said for ears."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st
from view_stories import hostile, steers_nothing

from rollout.view.marks import FAIL, PASS
from rollout.view.sections import Drawing, Prose, Rows, Section, drawn, spoken
from rollout.view.text import cells

BRAKES = Rows("Brakes", ["", "", "is"], [[PASS, "error_rate", "1 %"], [FAIL, "time", ""]])


def test_eyes_see_columns_and_ears_hear_sentences() -> None:
    assert drawn([BRAKES], 40) == ["Brakes", "  ✓ PASS  error_rate  1 %", "  ✗ FAIL  time"]
    assert spoken([BRAKES]) == ["Brakes:", "PASS, error_rate, is 1 %.", "FAIL, time."]


def test_sections_with_a_heading_stand_apart_and_empty_ones_are_not_there() -> None:
    sections: list[Section] = [
        Prose(lines=["one"]),
        Rows("Nothing", ["a"], []),
        Prose("Two", ["two"]),
    ]
    assert drawn(sections, 40) == ["one", "", "Two", "  two"]
    assert spoken(sections) == ["one", "Two:", "two"]


def test_drawings_are_for_eyes_only() -> None:
    sections: list[Section] = [Prose("Head", ["said"]), Drawing(["  ━━━"])]
    assert drawn(sections, 10) == ["Head", "  said", "  ━━━"]
    assert spoken(sections) == ["Head:", "said"]


def test_only_the_last_column_may_be_long() -> None:
    (line,) = drawn([Rows(columns=["", ""], rows=[["x" * 90, "the end"]])], 60)
    assert line == f"{'x' * 19}…  the end"


@given(st.lists(st.lists(hostile, min_size=3, max_size=3), max_size=4), st.integers(10, 100))
def test_whatever_is_in_a_cell_no_line_breaks(rows: list[list[str]], width: int) -> None:
    sections: list[Section] = [
        Rows("Head", ["", "b", "c"], rows),
        Prose("More", [cell for r in rows for cell in r]),
    ]
    for line in drawn(sections, width):
        assert cells(line) <= width
        assert steers_nothing(line)
    assert all(steers_nothing(line) for line in spoken(sections))
