"""`rollout rehearsal`: look at a rehearsal that people drive, set its pace, let faults happen."""

from __future__ import annotations

import os
from pathlib import Path

from rollout.cli import exits
from rollout.live.waiting import Signals
from rollout.rehearsal import control
from rollout.rehearsal.board import Board, read_board
from rollout.view.board_text import board_lines, board_spoken, catalogue_lines, catalogue_spoken

WITHIN_S = 5.0
"""Real seconds in which a rehearsal that lives has heard what it was asked."""

LOOK_S = 0.05

_BARE: dict[str, control.AnyRequest] = {
    "faster": control.Faster(),
    "slower": control.Slower(),
    "pause": control.Pause(),
    "go": control.Go(),
    "step": control.Step(),
}

WORDS = ("show", "faults", "speed", *_BARE, "inject", "clear")
"""What can be asked."""


def run(
    word: str,
    subject: str,
    state: Path,
    *,
    as_json: bool,
    ascii_only: bool,
    for_ears: bool = False,
) -> int:
    """`for_ears`: sentences for a screen reader. Raises: Misuse for a word that is none, or where no rehearsal is driven by hand."""
    request = _request(word, subject)
    board = read_board(state)
    if board is None:
        raise exits.Misuse(
            f"{state}: no rehearsal is driven by hand there: begin one with "
            f"`rollout rehearse --by-hand --state {state}`"
        )
    if request is not None:
        heard = control.ask(state, request)
        found = _when_heard(state, heard)
        if found is None:
            exits.say(
                f"rollout: the rehearsal of process {board.pid} does not answer: start it again "
                "with --resume"
            )
            return exits.UNREACHABLE
        board = found
    _tell(word, board, as_json=as_json, ascii_only=ascii_only, for_ears=for_ears)
    return exits.NO_GO if request is not None and _is_refusal(board) else exits.GO


def _tell(word: str, board: Board, *, as_json: bool, ascii_only: bool, for_ears: bool) -> None:
    ascii_only = ascii_only or exits.needs_ascii()
    if as_json:
        exits.write_json(board)
    elif word in {"faults", "show"} and for_ears:
        exits.write_lines(board_spoken(board) if word == "show" else catalogue_spoken(board))
    elif word == "faults":
        exits.write_lines(list(catalogue_lines(board, exits.columns(), ascii_only=ascii_only)))
    elif word == "show":
        exits.write_lines(board_lines(board, exits.columns(), ascii_only=ascii_only))
    else:
        exits.write_lines([board.answer])


def _request(word: str, subject: str) -> control.AnyRequest | None:
    """None for what only looks."""
    if word not in WORDS:
        raise exits.Misuse(f"{word!r} cannot be asked: use one of {', '.join(WORDS)}")
    if word in ("inject", "clear"):
        if not subject:
            raise exits.Misuse(f"{word} needs the name of a fault: `rollout rehearsal faults`")
        return control.Inject(subject) if word == "inject" else control.Clear(subject)
    if word == "speed":
        return control.SetSpeed(_speed(subject))
    if subject:
        raise exits.Misuse(f"{word} stands alone; {subject!r} is too much")
    return _BARE.get(word)


def _speed(subject: str) -> float:
    try:
        return float(subject)
    except ValueError:
        raise exits.Misuse(
            f"speed {subject!r}: a number of times faster than real, 0 to wait for nothing"
        ) from None


def _when_heard(state: Path, heard: int) -> Board | None:
    """The board once the rehearsal has carried out what was asked; None when it does not."""
    with Signals(_ignore) as signals:
        for _ in range(round(WITHIN_S / LOOK_S)):
            board = read_board(state)
            if board is not None and board.heard >= heard:
                return board
            if signals.stopping or (board is not None and not _lives(board.pid)):
                return None
            signals.wait(LOOK_S)
    return None


def _lives(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    return True


def _is_refusal(board: Board) -> bool:
    return board.answer.startswith("refused: ")


def _ignore(_: object) -> None:
    """Whoever looks on is not told that looking ends."""
