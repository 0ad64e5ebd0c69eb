"""The files that let a sandbox be restarted with the world it had.

The journal of world changes (as a rehearsal keeps it) plus two kinds of line: what the state belongs
to, and how far the clock may have been read. Each line is with the operating system before what it
tells is done, so a sandbox that was killed loses nothing.
"""

from __future__ import annotations

import fcntl
import os
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

import msgspec

from rollout.domain.errors import PlanProblems
from rollout.domain.instants import from_text
from rollout.rehearsal.journal import read_journal


@dataclass(frozen=True)
class StateFiles:
    """`world` is what the user names; the others stand beside it."""

    world: Path

    @property
    def requests(self) -> Path:
        return self.world.with_name(self.world.name + ".requests.jsonl")

    @property
    def addresses(self) -> Path:
        """Its owner's alone: it holds the token."""
        return self.world.with_name(self.world.name + ".addresses.json")

    @property
    def ca(self) -> Path:
        """Stable, so that a controller configured before a restart finds the new authority."""
        return self.world.with_name(self.world.name + ".ca.pem")

    def lock(self) -> int:
        """Own the state until the descriptor is closed. Raises: PlanProblems, OSError."""
        self.world.parent.mkdir(parents=True, exist_ok=True)
        path = self.world.with_name(self.world.name + ".lock")
        descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            os.close(descriptor)
            raise PlanProblems([f"{self.world}: another sandbox uses this state"]) from None
        return descriptor


def cut_torn_line(path: Path) -> None:
    """Take away a last line that was not written whole: what follows it could not be read."""
    if not path.exists():
        return
    content = path.read_bytes()
    whole = content.rfind(b"\n") + 1
    if whole != len(content):
        os.truncate(path, whole)


def read_lines(path: Path) -> list[dict[str, Any]]:
    """JSON objects, one a line. Raises: PlanProblems for a file that holds something else."""
    if not path.exists():
        return []
    try:
        return [msgspec.json.decode(line) for line in path.read_bytes().splitlines()]
    except msgspec.DecodeError as error:
        raise PlanProblems([f"{path}: is no journal of a sandbox ({error})"]) from error


def clock_was_at(path: Path, belongs_to: Mapping[str, object]) -> datetime | None:
    """The latest instant anybody may have read off the clock; None for a new state.

    Raises: PlanProblems when the state belongs to another plan, scenario or seed.
    """
    latest: datetime | None = None
    for number, entry in enumerate(read_journal(path)):
        if number == 0:
            _compare(path, entry, belongs_to)
        at = from_text(str(entry.get("until", entry["at"])))
        latest = at if latest is None else max(latest, at)
    if latest is None and path.exists() and path.stat().st_size:
        raise PlanProblems([f"{path}: is no state of a sandbox"])
    return latest


def _compare(path: Path, first: Mapping[str, Any], belongs_to: Mapping[str, object]) -> None:
    if first.get("kind") != "sandbox":
        raise PlanProblems([f"{path}: is no state of a sandbox"])
    other = [name for name, value in belongs_to.items() if first.get(name) != value]
    if other:
        raise PlanProblems(
            [f"{path}: belongs to another {' and '.join(other)}; name another file for this one"]
        )
