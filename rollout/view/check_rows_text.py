"""A gate's checks as lines: in columns that give way from the right as the width shrinks."""

from __future__ import annotations

from collections.abc import Sequence

from rollout.view.check_rows import CheckRow, GateRows
from rollout.view.link_state import ago
from rollout.view.marks import MARKS
from rollout.view.sparkline import sparkline
from rollout.view.status_text import decision_word, gate_name
from rollout.view.text import clip, pad, wrap

_MARK = 6
_AGE = 7
_TREND = 12


def gate_heading(view: GateRows, width: int, *, ascii_only: bool = False) -> str:
    """`✗ FAIL  gate 3, … NO-GO  1 failed, 1 unknown; 9/11 met`."""
    mark = MARKS[view.gate.word].shown(ascii_only=ascii_only)
    line = f"{mark}  {decision_word(view.gate)}  {counts_words(view)}  {gate_name(view.gate)}"
    return clip(line, width, ascii_only=ascii_only)


def counts_words(view: GateRows) -> str:
    """What is not met by kind, then how many are."""
    names = {
        "FAIL": "failed",
        "UNKN": "unknown",
        "WAIT": "waiting",
        "RUN": "being asked",
        "TODO": "to come",
        "WARN": "warn only",
    }
    found = [f"{view.counts[word]} {name}" for word, name in names.items() if word in view.counts]
    total = sum(view.counts.values())
    return "; ".join(part for part in (", ".join(found), f"{view.met}/{total} met") if part)


def check_lines(
    rows: Sequence[CheckRow], width: int, *, ascii_only: bool = False
) -> list[tuple[str, str]]:
    """(check, line) a row. From 60 columns on with the age, from 88 with owner and margin, from 110
    with the trend; what a check is called gets what is left."""
    shapes = _shapes(rows, width)
    return [
        (row.id, clip(_line(row, shapes, ascii_only=ascii_only), width, ascii_only=ascii_only))
        for row in rows
    ]


def _shapes(rows: Sequence[CheckRow], width: int) -> dict[str, int]:
    """Columns of each part; 0 leaves it out."""
    left = width - _MARK - 2
    ages = [len(_age(row)) for row in rows]
    shapes = {"age": min(max(ages, default=0), _AGE) if width >= 52 else 0}
    shapes["trend"] = _TREND if width >= 110 else 0
    shapes["owner"] = min(_longest(rows, "owner"), 18) if width >= 88 else 0
    shapes["margin"] = 11 if width >= 88 else 0
    left -= sum(size + 2 for size in shapes.values() if size)
    shapes["observed"] = min(_longest(rows, "observed"), max(left // 4, 8))
    shapes["required"] = min(_longest(rows, "required"), max(left // 3, 8))
    left -= shapes["observed"] + shapes["required"] + 4
    shapes["name"] = max(left, 8)
    return shapes


def _age(row: CheckRow) -> str:
    return ago(row.age_s) if row.age_s is not None else "-"


def _longest(rows: Sequence[CheckRow], part: str) -> int:
    return max((len(getattr(row, part)) for row in rows), default=0)


def _line(row: CheckRow, shapes: dict[str, int], *, ascii_only: bool) -> str:
    mark = MARKS[row.word].shown(ascii_only=ascii_only)
    named = row.title if shapes["name"] >= 40 else row.name
    cells = {
        "name": f"{named}, waived: {row.waived_by}" if row.waived_by else named,
        "observed": row.observed,
        "required": row.required,
        "margin": row.telling.margin if row.telling is not None else "",
        "age": _age(row),
        "owner": row.owner,
        "trend": sparkline(row.trend, shapes["trend"], ascii_only=ascii_only),
    }
    parts = [pad(mark, _MARK)]
    parts += [
        pad(text, shapes[name], ascii_only=ascii_only)
        for name, text in cells.items()
        if shapes[name]
    ]
    return "  ".join(parts).rstrip()


def for_go(view: GateRows, width: int) -> list[str]:
    """What must change for a go, in words: the checks that block, and what to do about each."""
    blocking = [r for r in view.rows if r.word in {"FAIL", "UNKN", "WAIT"}]
    lines: list[str] = []
    for row in blocking:
        what = row.reason or f"{row.name} waits for {row.owner}"
        then = f"; {row.if_it_fails}" if row.if_it_fails and row.word != "WAIT" else ""
        lines += wrap(f"{row.name}: {what}{then}", width)
    return lines
