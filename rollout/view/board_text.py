"""A rehearsal that people drive, in words: its time, its faults and who noticed them, what can be
injected. The board itself is the view model; the command and the TUI show these lines."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime, timedelta

from rollout.domain.durations import format_duration
from rollout.rehearsal.board import Board, FaultOnBoard
from rollout.rehearsal.pace import words
from rollout.view import marks
from rollout.view.sections import Marked, Prose, Rows, spoken
from rollout.view.text import clip, instant, plain, table, wrap

_OF_FAULT = {
    "waiting": marks.TODO,
    "armed": marks.WAIT,
    "active": marks.FAIL,
    "cleared": marks.SKIP,
}


def board_lines(board: Board, width: int, *, ascii_only: bool = False) -> list[str]:
    """At most `width` columns a line: how time passes, the faults, the scorecard."""
    lines = [*clock_lines(board, width, ascii_only=ascii_only), ""]
    lines += fault_lines(board, width, ascii_only=ascii_only)
    lines += ["", *wrap(scorecard(board), width)]
    return [clip(line, width, ascii_only=ascii_only) for line in lines]


def board_spoken(board: Board) -> list[str]:
    """For screen readers: the same, in sentences that name their parts."""
    ordered = sorted(board.faults, key=lambda f: _RANK[_mark(f).word])
    faults = [(_mark(f), f"fault {f.id}: {fault_words(f)}. {f.about}".strip()) for f in ordered]
    passed = format_duration(timedelta(seconds=round((board.now - board.began).total_seconds())))
    what = f"{board.scenario}, seed {board.seed}: {instant(board.now)}"
    return spoken(
        [
            Prose(lines=[f"{what}, {passed} after the beginning"]),
            Marked(rows=[(_pace_mark(board), pace_words(board))]),
            Prose(lines=[board.answer, f"next: {next_words(board)}"]),
            Marked("Faults", faults),
            Prose(lines=[scorecard(board)]),
        ]
    )


def catalogue_spoken(board: Board) -> list[str]:
    """For screen readers: a sentence a fault that can be injected."""
    rows = [(entry.name, entry.kind, entry.about) for entry in board.catalogue]
    return spoken([Rows("To inject", ("", "of kind", ""), rows)])


def clock_lines(board: Board, width: int, *, ascii_only: bool = False) -> list[str]:
    """What is rehearsed, its instant, the speed, what came of the newest request, what comes next."""
    passed = format_duration(timedelta(seconds=round((board.now - board.began).total_seconds())))
    mark = _pace_mark(board).shown(ascii_only=ascii_only)
    first, *rest = wrap(pace_words(board), width - len(mark) - 2)
    what = f"{plain(board.scenario)}, seed {board.seed}"
    return [
        *wrap(f"{what}: {instant(board.now)}, {passed} after the beginning", width),
        f"{mark}  {first}",
        *(" " * (len(mark) + 2) + line for line in rest),
        *(wrap(plain(board.answer), width) if board.answer else []),
        *wrap(f"next: {next_words(board)}", width),
    ]


def pace_words(board: Board) -> str:
    """How time passes just now."""
    if board.outcome:
        return f"over: {board.outcome.replace('_', ' ')}"
    if board.paused:
        return f"paused (then {words(board.speed)})"
    if board.people_asked:
        return f"people are asked: time passes as it really would (else {words(board.speed)})"
    return words(board.speed)


def next_words(board: Board) -> str:
    """What happens by itself, and when."""
    why = plain(board.why)
    if board.next_at is None:
        return why or "nothing by itself"
    return f"{_in(board.now, board.next_at)}: {why}" if why else _in(board.now, board.next_at)


def fault_lines(board: Board, width: int, *, ascii_only: bool = False) -> list[str]:
    """A line a fault, those that happened and nobody noticed first; below it what it does."""
    if not board.faults:
        return ["no fault in this rehearsal; inject one to see who notices"]
    about = {fault.id: plain(fault.about) for fault in board.faults}
    lines: list[str] = []
    for name, row in fault_rows(board, width, ascii_only=ascii_only):
        lines.append(row)
        if about[name]:
            lines += wrap(about[name], width, "       ")
    return lines


def fault_rows(board: Board, width: int, *, ascii_only: bool = False) -> list[tuple[str, str]]:
    """Id and line of each fault, those that happened and nobody noticed first."""
    ordered = sorted(board.faults, key=lambda f: _RANK[_mark(f).word])
    rows = [[_mark(f).shown(ascii_only=ascii_only), f.id, fault_words(f)] for f in ordered]
    lines = table(rows, width, ascii_only=ascii_only)
    return [(fault.id, line) for fault, line in zip(ordered, lines, strict=True)]


_RANK = {"FAIL": 0, "WAIT": 1, "TODO": 2, "PASS": 3, "SKIP": 4}


def fault_words(fault: FaultOnBoard) -> str:
    """What became of a fault."""
    if fault.state == "cleared":
        return "cleared" + (f", noticed by {fault.noticed_by}" if fault.noticed_by else "")
    if fault.state == "waiting":
        return "waits for its moment"
    if fault.mends:
        return "done" if fault.state == "active" else fault.state
    if fault.state == "armed":
        return "armed: at its moment, or the next such call"
    if not fault.noticed_by:
        return "active, noticed by nobody yet"
    after = format_duration(timedelta(seconds=round(fault.after_s or 0)))
    return f"noticed by {fault.noticed_by} in gate {fault.gate} of {fault.phase}, {after} after"


def scorecard(board: Board) -> str:
    """How well the gates did so far."""
    faults = [f for f in board.faults if not f.mends]
    happened = [f for f in faults if f.fired_at is not None]
    noticed = [f for f in happened if f.noticed_by]
    quickest = min((f.after_s for f in noticed if f.after_s is not None), default=None)
    slowest = max((f.after_s for f in noticed if f.after_s is not None), default=None)
    said = f"scorecard: {len(happened)} of {len(faults)} faults happened, {len(noticed)} noticed"
    if quickest is None or slowest is None:
        return said
    first, last = (format_duration(timedelta(seconds=round(s))) for s in (quickest, slowest))
    return f"{said}, {first} to {last} after" if first != last else f"{said}, {first} after"


def catalogue_lines(board: Board, width: int, *, ascii_only: bool = False) -> Iterator[str]:
    """A line a fault that can be injected."""
    rows = [[entry.name, entry.kind, plain(entry.about)] for entry in board.catalogue]
    return iter(table(rows, width, ascii_only=ascii_only))


def _mark(fault: FaultOnBoard) -> marks.Mark:
    if fault.state == "active" and fault.mends:
        return marks.SKIP
    if fault.state == "active" and fault.noticed_by:
        return marks.PASS
    return _OF_FAULT[fault.state]


def _pace_mark(board: Board) -> marks.Mark:
    if board.outcome:
        return marks.of_rollout(board.outcome)
    if board.paused:
        return marks.SKIP
    return marks.WAIT if board.people_asked else marks.RUN


def _in(now: datetime, at: datetime) -> str:
    left = timedelta(seconds=max(round((at - now).total_seconds()), 0))
    return f"in {format_duration(left)}"
