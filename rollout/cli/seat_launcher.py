"""How `rollout tui` starts a controller: `rollout run` on the same store, talking to a file beside it."""

from __future__ import annotations

import shlex
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from rollout.domain.errors import RolloutError
from rollout.store.address import PostgresAddress, located
from rollout.tui.launcher import Launch
from rollout.view.environment import REHEARSAL, environment_of
from rollout.view.text import plain


def beside(state: str, suffix: str) -> Path | None:
    """A file of our own beside the store; None for a store that is no file.

    >>> beside("state/rollout.db", ".controller.log").name
    'rollout.db.controller.log'
    """
    address = located(state)
    return address.with_name(address.name + suffix) if isinstance(address, Path) else None


@dataclass(frozen=True)
class ControllerLauncher:
    """`place`: the options of a command line that lead to the same rollout, without a password."""

    state: str
    place: Sequence[str]

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
            return "a rehearsal is driven by `rollout rehearse --by-hand`, with --resume to go on"
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
