"""How `rollout tui` starts a controller: `rollout run` on the same store, talking to a file beside it."""

from __future__ import annotations

import os
import shlex
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from rollout.cli.place import place
from rollout.domain.errors import RolloutError
from rollout.rehearsal.board import read_board
from rollout.store.address import PostgresAddress, located, shown
from rollout.tui.launcher import Launch
from rollout.view.environment import REHEARSAL, driver_of, environment_of
from rollout.view.text import plain


def beside(state: str, suffix: str) -> Path | None:
    """A file of our own beside the store; None for a store that is no file.

    >>> beside("state/rollout.db", ".controller.log").name
    'rollout.db.controller.log'
    """
    address = located(state)
    return address.with_name(address.name + suffix) if isinstance(address, Path) else None


def driver_for(
    state: str,
    rollout: str | None,
    sandbox: Path | None,
    profile: str,
    scenario: str | None = None,
) -> str:
    """The command that drives the rollout of that store, as it can be typed in this folder. Only a
    rehearsal knows of which plan it is, and says so on its board."""
    if environment_of(profile).word != REHEARSAL:
        return driver_of(profile, place(state, rollout, sandbox))
    address = located(state)
    board = read_board(address) if isinstance(address, Path) else None
    if board is None or not board.goes_on:
        played = ["--scenario", scenario] if scenario else []
        return driver_of(profile, ["--state", shown(state), *played])
    here = f"{Path.cwd()}{os.sep}"
    return shlex.join(word.removeprefix(here) for word in board.goes_on)


@dataclass(frozen=True)
class ControllerLauncher:
    """`place`: the options of a command line that lead to the same rollout, without a password;
    `driver`: as `driver_for`, by the profile alone."""

    state: str
    place: Sequence[str]
    driver: Callable[[str], str] = driver_of

    @property
    def command(self) -> str:
        return shlex.join(["rollout", "run", *self.place])

    @property
    def log(self) -> str:
        return str(self._log())

    def _log(self) -> Path:
        return beside(self.state, ".controller.log") or Path("state/controller.log")

    def why_not(self, profile: str) -> str:
        """A rehearsal has a driver of its own; a password must not stand in a process list."""
        if environment_of(profile).word == REHEARSAL:
            return f"a rehearsal is driven by a command of its own: `{self.driver(profile)}`"
        address = located(self.state)
        if isinstance(address, PostgresAddress) and address.has_password:
            return "the store's URL holds a password, which a process list would show: start it by hand"
        return ""

    def launch(self) -> Launch:
        # Late: only who starts one waits for it.
        from rollout.live.launching import launch

        try:
            done = launch(["run", *self.place], self._log())
        except RolloutError as problem:
            return Launch(f"no controller: {problem}", failed=True)
        if done.ended is None:
            return Launch(f"process {done.pid} drives the rollout; it talks to {done.log}")
        said = "; ".join(plain(line) for line in done.said) or f"it ended with {done.ended}"
        return Launch(f"no controller: {said}", failed=True)
