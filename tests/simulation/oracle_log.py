"""The log as it lies on the disk, read by a connection of its own: whole, chained, only growing.

Everything here is written a second time on purpose: an oracle that shares code with what it
judges shares its mistakes. Only the fold is the product's, to be compared with its own memory.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Sequence
from typing import Any, Protocol

from rollout.domain.events import Event, decode_payload
from rollout.domain.fold import apply, fold
from rollout.domain.instants import from_text
from rollout.domain.snapshot import decode_state, encode_state
from rollout.domain.state import RolloutState

from .violation import Violated, require

Row = tuple[str, int, str, str, str, int, bytes, str, str]
"""rollout, seq, at, actor, kind, version, payload, prev, hash."""


class Watcher(Protocol):
    """Judges an event by the state before it."""

    def see(self, before: RolloutState, event: Event) -> None: ...


class LogOracle:
    """Follows the log from outside. `rows(after)` reads what the disk holds."""

    def __init__(self, rollout: str, rows: Callable[[int], Sequence[Row]]) -> None:
        self._rows, self._rollout = rows, rollout
        self.state = RolloutState()
        self.events: list[Event] = []
        self.kept: list[Row] = []
        self.acknowledged: dict[int, str] = {}
        self.watchers: list[Watcher] = []

    def catch_up(self) -> None:
        """Judge and fold what is new. Raises: Violated."""
        start = max(len(self.kept) - 1, 0)
        found = list(self._rows(start))
        if self.kept:
            require(bool(found) and found[0] == self.kept[-1], "3", "the newest event was changed")
            found = found[1:]
        for row in found:
            self.follow(row)

    def follow(self, row: Row) -> None:
        seq, prev = row[1], self.kept[-1][8] if self.kept else None
        require(seq == len(self.kept) + 1, "3", f"#{len(self.kept) + 1} is missing, #{seq} follows")
        require(prev is None or row[7] == prev, "4", f"#{seq} does not follow the one before")
        require(sealed(row) == row[8], "4", f"the hash of #{seq} does not seal its fields")
        event = Event(
            rollout=row[0],
            seq=seq,
            at=from_text(row[2]),
            actor=row[3],
            payload=decode_payload(bytes(row[6])),
            prev=row[7],
            hash=row[8],
        )
        for watcher in self.watchers:
            watcher.see(self.state, event)
        apply(self.state, event)
        self.kept.append(row)
        self.events.append(event)

    def acknowledge(self, events: Sequence[Event]) -> None:
        """The engine was told that these are committed: from now on they must be there."""
        self.acknowledged.update({event.seq: event.hash for event in events})

    def compare(self, remembered: RolloutState) -> None:
        """What a controller remembers is what the log says, up to where it has read."""
        told = self.state
        if remembered.seq != told.seq:
            told = fold(self.events[: remembered.seq])
        if remembered != told:
            raise Violated("7", _difference(remembered, told))

    def close(self) -> None:
        """At the end: the whole disk again, from the start, and through a snapshot."""
        self.catch_up()
        whole = list(self._rows(0))
        require(whole == self.kept, "3", "the log is not what it was when it was read")
        for seq, digest in self.acknowledged.items():
            held = seq <= len(whole) and whole[seq - 1][8] == digest
            require(held, "3", f"#{seq} was acknowledged and is not there")
        again = fold(self.events)
        require(again == self.state, "7", "folding twice gives two states")
        half = len(self.events) // 2
        kept = decode_state(encode_state(fold(self.events[:half])))
        require(kept is not None, "7", "a snapshot cannot be read back")
        require(
            kept is not None and fold(self.events[half:], kept) == again,
            "7",
            "a fold that goes on from a snapshot gives another state",
        )


def sealed(row: Row) -> str:
    """The seal of an event: every field behind its own length."""
    rollout, seq, at, actor, kind, version, payload, prev, _ = row
    fields: list[Any] = [prev, rollout, str(seq), at, actor, kind, str(version), payload]
    body = b""
    for field in fields:
        data = bytes(field) if isinstance(field, bytes) else str(field).encode()
        body += str(len(data)).encode() + b":" + data + b","
    return hashlib.sha256(body).hexdigest()


def _difference(remembered: RolloutState, folded: RolloutState) -> str:
    names = [
        name
        for name in RolloutState.__struct_fields__
        if getattr(remembered, name) != getattr(folded, name)
    ]
    return f"a controller's memory differs from the log in {', '.join(names)}"
