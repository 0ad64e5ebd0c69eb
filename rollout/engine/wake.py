"""What a tick answers: when to come back, and for whom it waits."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime


@dataclass(frozen=True)
class Need:
    """Something only a person can give. kind: proceed, attest, sign, settle, decide, end."""

    kind: str
    phase: str
    subject: str = ""
    detail: str = ""


@dataclass(frozen=True)
class Wake:
    """`at` None means: nothing happens by itself; a person (or a new event) must act.
    `replanned`: the log follows another plan than the controller, which must be given it."""

    at: datetime | None
    why: str
    needs: tuple[Need, ...] = ()
    ended: bool = False
    replanned: bool = False


def earliest(wakes: Iterable[Wake]) -> Wake:
    """The first of several waits, with the needs of all."""
    found = list(wakes)
    timed = [(w.at, position) for position, w in enumerate(found) if w.at is not None]
    first = found[min(timed)[1]] if timed else found[0]
    needs = tuple(need for wake in found for need in wake.needs)
    return Wake(first.at, first.why, needs)
