"""A rehearsal's board in words."""

from __future__ import annotations

import unicodedata
from datetime import timedelta

import boards
from boards import BEGAN
from hypothesis import given
from hypothesis import strategies as st

from rollout.rehearsal.board import Board, CatalogueEntry, FaultOnBoard
from rollout.view.board_text import board_lines, catalogue_lines, scorecard
from rollout.view.text import cells


def fault(name: str, state: str, **more: object) -> FaultOnBoard:
    return FaultOnBoard(id=name, kind="sql", about=f"what {name} does", state=state, **more)  # type: ignore[arg-type]


NOTICED = fault(
    "wrong",
    "active",
    fired_at=BEGAN,
    noticed_by="rule_holds",
    gate="ready",
    phase="pilot",
    after_s=180.0,
)
UNSEEN = fault("quiet", "active", fired_at=BEGAN)


def board(**more: object) -> Board:
    """A day on, of a tiny plan; nothing has happened and nothing can be injected."""
    said: dict[str, object] = {
        "rollout": "tiny",
        "now": BEGAN + timedelta(hours=26),
        "next_at": BEGAN + timedelta(hours=27),
        "why": "waits for the step pause",
        "faults": [],
        "catalogue": [],
    }
    return boards.board(**{**said, **more})


def test_the_time_the_speed_and_what_comes_next_are_said() -> None:
    assert board_lines(board(), 80)[:3] == [
        "planned, seed 1: 2026-01-06 18:00:00Z, 1d2h after the beginning",
        "▸ RUN  x600",
        "next: in 1h: waits for the step pause",
    ]


def test_a_pause_people_and_the_end_are_told_apart() -> None:
    assert "– SKIP  paused (then x600)" in board_lines(board(paused=True), 80)
    assert any("people are asked" in line for line in board_lines(board(people_asked=True), 80))
    assert "+ PASS  over: completed" in board_lines(board(outcome="completed"), 80, ascii_only=True)


def test_a_fault_that_nobody_noticed_comes_first() -> None:
    lines = board_lines(board(faults=[NOTICED, fault("later", "waiting"), UNSEEN]), 90)
    marks = [line[:6] for line in lines if line[:1] in {"✓", "✗", "○"}]
    assert marks == ["✗ FAIL", "○ TODO", "✓ PASS"]
    assert "✓ PASS  wrong  noticed by rule_holds in gate ready of pilot, 3m after" in lines


def test_the_scorecard_counts_what_happened_and_what_was_noticed() -> None:
    assert scorecard(board(faults=[NOTICED, UNSEEN, fault("later", "waiting")])) == (
        "scorecard: 2 of 3 faults happened, 1 noticed, 3m after"
    )
    assert scorecard(board()) == "scorecard: 0 of 0 faults happened, 0 noticed"


def test_an_unnoticed_fault_never_reads_as_passed() -> None:
    assert not any("PASS" in line for line in board_lines(board(faults=[UNSEEN]), 80))


def test_what_mends_is_no_fault_and_counts_for_nothing() -> None:
    mended = fault("mended", "active", fired_at=BEGAN, mends=True)
    shown = board(faults=[NOTICED, mended])
    assert scorecard(shown).startswith("scorecard: 1 of 1 faults happened, 1 noticed")
    assert "– SKIP  mended  done" in board_lines(shown, 80)


@given(st.text(max_size=300), st.text(max_size=300), st.integers(20, 140))
def test_no_text_breaks_a_line(why: str, about: str, width: int) -> None:
    wild = FaultOnBoard(id="wild", kind="sql", about=about, state="armed")
    shown = board(why=why, answer=why, faults=[wild])
    entry = CatalogueEntry(name="wild", kind="sql", about=about)
    lines = [*board_lines(shown, width), *catalogue_lines(board(catalogue=[entry]), width)]
    assert all(cells(line) <= width or width < 30 for line in lines)
    assert not any(unicodedata.category(c) == "Cc" for line in lines for c in line)
