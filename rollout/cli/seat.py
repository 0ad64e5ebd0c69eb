"""`rollout tui`: the one module of the command line that starts the program on the terminal."""

from __future__ import annotations

import os
import shlex
import sys
import tempfile
from dataclasses import dataclass
from datetime import datetime
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from rollout.cli import exits
from rollout.cli.place import place
from rollout.cli.seat_launcher import ControllerLauncher, beside, driver_for
from rollout.domain.errors import LogDamaged, RolloutError, StoreUnavailable
from rollout.live.system_clock import SystemClock
from rollout.rehearsal.board import read_board
from rollout.store.address import located
from rollout.store.reading import open_readonly
from rollout.tui.app import RolloutApp, known_keys
from rollout.tui.desk import StoreDesk
from rollout.tui.link import OwnTime, StoreLink
from rollout.tui.program import Seat
from rollout.view.plan_words import PlanWords
from rollout.view.sitting import misseated
from rollout.view.stored import choose, folded, words_of

if TYPE_CHECKING:
    from rollout.live.signing import Signer
    from rollout.ports import Clock
    from rollout.store.opening import Store


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
    replay: bool = False
    """`state` is a recorded log: looked at, never decided about."""


def run(wish: Wish) -> int:
    """Until the person leaves, or a signal comes. Raises: PlanProblems, Misuse."""
    require_terminal()
    keymap = _keymap(wish.keymap) if wish.keymap is not None else {}
    if wish.replay:
        return _replay(wish, keymap)
    require_seat(wish)
    driver = partial(driver_for, wish.state, wish.rollout, wish.sandbox)
    seat = Seat(
        link=StoreLink(wish.state, wish.rollout, partial(_clock, wish), driver),
        desk=StoreDesk(wish.state, wish.rollout, partial(_open, wish), _place(wish), _signer),
        launcher=ControllerLauncher(wish.state, _place(wish), driver),
        copies=_copies(wish.state),
        come_back=shlex.join(["rollout", "tui", *_place(wish)]),
        state=place(wish.state, None),
        by=wish.by,
        role=wish.role,
        misseated=partial(_misseated, wish),
        ascii_only=wish.ascii_only or exits.needs_ascii(),
        keymap=keymap,
        theme=os.environ.get("TEXTUAL_THEME"),
    )
    app = RolloutApp(seat)
    app.run(mouse=wish.mouse)
    return app.return_code or exits.GO


def _replay(wish: Wish, keymap: dict[str, str]) -> int:
    # Late: who looks at a living log needs none of it.
    from rollout.tui.replay import ReplayLink
    from rollout.tui.replay_app import ReplayApp

    seat = Seat(
        link=ReplayLink(wish.state, wish.rollout),
        copies=_copies(wish.state),
        state=place(wish.state, None),
        ascii_only=wish.ascii_only or exits.needs_ascii(),
        keymap=keymap,
        theme=os.environ.get("TEXTUAL_THEME"),
    )
    app = ReplayApp(seat)
    app.run(mouse=wish.mouse)
    return app.return_code or exits.GO


def _keymap(path: Path) -> dict[str, str]:
    # Late: only who has a keymap waits for the loader.
    from rollout.tui.keymap import keymap_of

    return keymap_of(path, known_keys())


def require_terminal() -> None:
    """Raises: Misuse where nobody can look and type."""
    if not (sys.stdin.isatty() and sys.stdout.isatty()):
        raise exits.Misuse(
            "`rollout tui` needs a terminal: use `rollout status`, or `rollout watch` in a pipe"
        )


def require_seat(wish: Wish) -> None:
    """Raises: Misuse when nobody of the plan could decide from here. Where the plan cannot be read
    yet, the screens say so once it is."""
    if not (wish.by or wish.role):
        return
    try:
        with open_readonly(wish.state) as reader:
            state = folded(reader, choose(reader, wish.rollout))
            problem = _misseated(wish, words_of(reader, state))
    except (StoreUnavailable, LogDamaged):
        return
    if problem:
        raise exits.Misuse(problem)


def _misseated(wish: Wish, words: PlanWords) -> str:
    # Late: only who says who they are waits for it.
    from rollout.loader.problems import suggestion

    return misseated(words, wish.by, wish.role, suggestion)


def _open(wish: Wish) -> tuple[Store, Clock | None]:
    """For one decision. Raises: StoreUnavailable, LogDamaged, PlanProblems, ServiceError."""
    # Late: SQLAlchemy is not waited for before the first picture.
    from rollout.cli.live_settings import deciding_clock
    from rollout.live.opening import open_live

    store, profile = open_live(wish.state, None, rehearsed=True)
    try:
        return store, deciding_clock(profile, wish.sandbox, wish.state)
    except RolloutError:
        store.close()
        raise


def _signer(key: Path | None) -> Signer:
    """With a person's own key, by ssh-keygen, on the terminal that was handed over to it."""
    # Late: only who signs waits for it.
    from rollout.adapters.ssh_keygen import SshKeygen

    return SshKeygen(key, tell=lambda text: exits.say(f"rollout: {text}"))


def _copies(state: str) -> Path:
    """Where what was copied is kept: beside the store, else among this user's passing files."""
    own = Path(tempfile.gettempdir()) / f"rollout-copied-{os.getuid()}.txt"
    return beside(state, ".copied.txt") or own


def _place(wish: Wish) -> list[str]:
    return place(wish.state, wish.rollout, wish.sandbox)


def _clock(wish: Wish, profile: str) -> OwnTime | None:
    """The rollout's own time. Raises: PlanProblems, ServiceError."""
    if profile == "prod":
        return SystemClock()
    if profile == "rehearsal":
        address = located(wish.state)
        return _BoardClock(address) if isinstance(address, Path) else None
    # Late: only a sandbox's clock needs HTTP.
    from rollout.cli.live_settings import deciding_clock

    return deciding_clock(profile, wish.sandbox, wish.state)


@dataclass(frozen=True)
class _BoardClock:
    """The time of a rehearsal that people drive; it jumps, so it is read again each time."""

    store: Path

    def now(self) -> datetime | None:
        board = read_board(self.store)
        return board.now if board is not None else None
