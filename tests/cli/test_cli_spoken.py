"""`status`, `log` and `rehearsal` with `--plain`: what a screen reader says, all of it and nothing drawn."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from boards import NOTICED, board
from builders import completed_story, held_story, store_file
from commands import here, modules_after
from test_cli_quick import HEAVY

from rollout.rehearsal.board import write_board
from rollout.view.marks import MARKS

DRAWN = re.compile(rf"[{''.join(m.glyph for m in MARKS.values() if not m.glyph.isascii())}━─…]|  ")
"""Glyphs, bars, what was cut, and columns."""


@pytest.fixture
def held(tmp_path: Path) -> Path:
    path = tmp_path / "held.db"
    store_file(path, held_story)
    return path


def test_a_status_for_ears_names_every_part(held: Path, capsys: pytest.CaptureFixture[str]) -> None:
    ended = here(capsys, "status", "--state", held, "--plain")
    said = ended.out
    assert ended.code == 0
    assert not DRAWN.search(said), DRAWN.search(said)
    assert "FAIL: phase 1 pilot, The pilot: held" in said
    assert "FAIL: gate" in said
    assert "FAIL: check empty_keys" in said
    assert "Open findings: 1:" in said
    assert "Also possible: " in said
    assert re.search(r"^#12, at .*, by ", said, re.MULTILINE)


def test_nothing_is_said_of_what_is_not_there(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    store_file(tmp_path / "done.db", completed_story)
    said = here(capsys, "status", "--state", tmp_path / "done.db", "--plain").out
    assert "PASS: completed at" in said
    assert "Open findings" not in said
    assert "Waits for a person" not in said


def test_a_log_for_ears_is_a_sentence_an_event(
    held: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    lines = here(capsys, "log", "--state", held, "--plain").out.splitlines()
    assert len(lines) == 12
    assert all(re.fullmatch(r"Event \d+, at [^,]+, by [^:]+: .*[^.]\.", line) for line in lines)
    assert not any(DRAWN.search(line) for line in lines)


def test_a_rehearsal_for_ears_is_said_in_full(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    state = tmp_path / "r.db"
    write_board(state, board(faults=[*board().faults, NOTICED]))
    said = here(capsys, "rehearsal", "--state", state, "--plain").out
    assert not DRAWN.search(said)
    assert "FAIL: fault quiet: active, noticed by nobody yet." in said
    assert "PASS: fault null_names: noticed by b_names_kept in gate verified of pilot" in said
    assert "scorecard: 2 of 3 faults happened" in said
    found = here(capsys, "rehearsal", "faults", "--state", state, "--plain").out
    assert "stale_copy, of kind world, Fivetran stops." in found


@pytest.mark.parametrize("command", ["status", "log"])
def test_speaking_costs_no_more_than_drawing(held: Path, command: str) -> None:
    assert not modules_after([command, "--plain", "--state", held]) & HEAVY
