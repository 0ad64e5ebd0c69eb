"""`rollout tui`: the one module of the command line that starts the program on the terminal."""

from __future__ import annotations

import os
import sys
from dataclasses import dataclass
from datetime import datetime
from functools import partial
from pathlib import Path

from rollout.cli import exits
from rollout.tui.app import RolloutApp, Seat, known_keys
from rollout.tui.keys import keymap_of
from rollout.tui.link import OwnTime, StoreLink


@dataclass(frozen=True)
class Wish:
    """As a person asked for it on the command line."""

    state: str
    rollout: str | None = None
    by: str = ""
    role: str = ""
    ascii_only: bool = False
    mouse: bool = True
    sandbox: Path | None = None
    keymap: Path | None = None


def run(wish: Wish) -> int:
    """Until the person leaves, or a signal comes. Raises: PlanProblems, Misuse."""
    require_terminal()
    keymap = keymap_of(wish.keymap, known_keys()) if wish.keymap is not None else {}
    seat = Seat(
        link=StoreLink(wish.state, wish.rollout, clock_for=partial(_clock, wish)),
        by=wish.by,
        role=wish.role,
        ascii_only=wish.ascii_only or exits.needs_ascii(),
        keymap=keymap,
        theme=os.environ.get("TEXTUAL_THEME"),
    )
    app = RolloutApp(seat)
    app.run(mouse=wish.mouse)
    return app.return_code or exits.GO


def require_terminal() -> None:
    """Raises: Misuse where nobody can look and type."""
    if not (sys.stdin.isatty() and sys.stdout.isatty()):
        raise exits.Misuse(
            "`rollout tui` needs a terminal: use `rollout status`, or `rollout watch` in a pipe"
        )


def _clock(wish: Wish, profile: str) -> OwnTime | None:
    """The rollout's own time. Raises: PlanProblems, ServiceError."""
    # Late: HTTP is not waited for before the first picture.
    from rollout.cli.live_settings import deciding_clock
    from rollout.live.profiles import PROFILES, REHEARSAL

    if profile == REHEARSAL:
        return _BoardClock(wish.state)
    return deciding_clock(profile, wish.sandbox, wish.state) if profile in PROFILES else None


class _BoardClock:
    """The time of a rehearsal that people drive; it jumps, so it is read again each time."""

    def __init__(self, state: str) -> None:
        self._state = state

    def now(self) -> datetime | None:
        from rollout.live.opening import board_of

        board = board_of(self._state)
        return board.now if board is not None else None
