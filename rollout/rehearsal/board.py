"""Where a rehearsal that people drive stands: a small file beside its store, written by the rehearsal
and read by whoever looks on. It decides nothing; the log is the truth of the rollout."""

from __future__ import annotations

import os
from datetime import datetime
from pathlib import Path

import msgspec


class FaultOnBoard(msgspec.Struct, frozen=True, kw_only=True):
    """A fault of this rehearsal. state: waiting, armed, active, cleared; `noticed_by` is the check
    that noticed it first, `after_s` how long after it fired."""

    id: str
    kind: str
    about: str
    state: str
    injected: bool = False
    fired_at: datetime | None = None
    noticed_by: str = ""
    gate: str = ""
    phase: str = ""
    after_s: float | None = None
    clearable: bool = False
    mends: bool = False


class CatalogueEntry(msgspec.Struct, frozen=True, kw_only=True):
    """A fault that can be injected: those of the scenarios beside the plan, by `scenario.id`."""

    name: str
    kind: str
    about: str


class Board(msgspec.Struct, frozen=True, kw_only=True):
    """`now` is the world's true time, `beat` counts writings, `heard` is how far the file of
    requests was read, `answer` what came of the newest request. `outcome` is empty until the end,
    `goes_on` is the command line that goes on with it, its paths absolute."""

    rollout: str
    scenario: str
    seed: int
    pid: int
    began: datetime
    now: datetime
    speed: float
    paused: bool
    people_asked: bool
    next_at: datetime | None
    why: str
    heard: int
    answer: str
    beat: int
    outcome: str = ""
    goes_on: list[str] = []
    faults: list[FaultOnBoard] = []
    catalogue: list[CatalogueEntry] = []


_encoder = msgspec.json.Encoder()


def board_path(state: Path) -> Path:
    """The board that belongs to a rehearsal's store."""
    return state.with_name(state.name + ".board.json")


def write_board(state: Path, board: Board) -> None:
    """In one piece: a reader sees the old one or the new one. Raises: OSError."""
    path = board_path(state)
    fresh = path.with_name(path.name + ".new")
    flags = os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC | os.O_NOFOLLOW
    file = os.open(fresh, flags, 0o600)
    try:
        os.write(file, _encoder.encode(board))
    finally:
        os.close(file)
    fresh.replace(path)


def read_board(state: Path) -> Board | None:
    """None when there is none, or none that this build can read."""
    try:
        return msgspec.json.decode(board_path(state).read_bytes(), type=Board)
    except (FileNotFoundError, msgspec.DecodeError):
        return None
