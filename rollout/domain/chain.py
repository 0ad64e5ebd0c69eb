"""The hash chain of a log: every event seals the one before it.

What the chain sees: an edited, inserted, moved or removed event. What it cannot see: a cut tail or
a chain recomputed from some event on; for that, compare with a head kept elsewhere (a sign-off).
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable

import msgspec

_LAYOUT = b"%d:%b,%d:%b,%d:%b,%d:%b,%d:%b,%d:%b,%d:%b,%d:%b,"
_GENESIS = b"rollout event log, format 1"
_REPORTED = 20


class SealedEvent(msgspec.Struct, frozen=True):
    """An event as it is stored: `at` is the instant's text, `payload` the canonical JSON."""

    rollout: str
    seq: int
    at: str
    actor: str
    kind: str
    version: int
    payload: bytes
    prev: str
    hash: str


class ChainProblem(msgspec.Struct, frozen=True):
    """Where a chain breaks: the first event that cannot be trusted, and why."""

    seq: int
    what: str


def genesis(rollout: str) -> str:
    """The hash before the first event; differs by rollout, so that no log passes for another.

    >>> genesis("a") == genesis("b")
    False
    """
    name = _bytes(rollout)
    return hashlib.sha256(b"%d:%b,%d:%b," % (len(_GENESIS), _GENESIS, len(name), name)).hexdigest()


def event_hash(
    prev: str,
    rollout: str,
    seq: int,
    at: str,
    actor: str,
    kind: str,
    version: int,
    payload: bytes,
) -> str:
    """Hex sha256 over all fields, each with its length in front so that none can borrow from the next.

    >>> event_hash("", "ab", 1, "", "c", "k", 1, b"") == event_hash("", "a", 1, "", "bc", "k", 1, b"")
    False
    """
    a, b, d, e, f = _bytes(prev), _bytes(rollout), _bytes(at), _bytes(actor), _bytes(kind)
    c, g = b"%d" % seq, b"%d" % version
    # One formatting call: this runs for every event of every verification.
    # fmt: off
    body = _LAYOUT % (
        len(a), a, len(b), b, len(c), c, len(d), d, len(e), e, len(f), f, len(g), g,
        len(payload), payload,
    )
    # fmt: on
    return hashlib.sha256(body).hexdigest()


def hash_of(event: SealedEvent) -> str:
    """What the event's hash should be, given its own `prev`."""
    return event_hash(
        event.prev,
        event.rollout,
        event.seq,
        event.at,
        event.actor,
        event.kind,
        event.version,
        event.payload,
    )


def verify(
    events: Iterable[SealedEvent], *, rollout: str, after: int = 0, prev: str | None = None
) -> list[ChainProblem]:
    """Follow one rollout's chain from `after` (whose hash is `prev`); an empty list means unbroken.

    Goes on behind a break, so that independent breaks all show, up to 20.

    >>> one = SealedEvent("r", 1, "t", "me", "k", 1, b"{}", genesis("r"), "")
    >>> good = msgspec.structs.replace(one, hash=hash_of(one))
    >>> verify([good], rollout="r")
    []
    >>> verify([msgspec.structs.replace(good, actor="you")], rollout="r")[0].seq
    1
    """
    link = ChainLink(rollout, after, genesis(rollout) if prev is None else prev)
    problems: list[ChainProblem] = []
    for event in events:
        problems += link.follow(event)
        if len(problems) >= _REPORTED:
            break
    return problems


class ChainLink:
    """Where a verification stands: the event before (`seq`, `hash`)."""

    def __init__(self, rollout: str, seq: int, prev: str) -> None:
        self.rollout, self.seq, self.hash = rollout, seq, prev

    def follow(self, event: SealedEvent) -> list[ChainProblem]:
        """Step to `event`; what is wrong with it (usually nothing)."""
        expected, before = self.seq + 1, self.hash
        self.seq, self.hash = event.seq, event.hash
        if event.seq == expected and event.prev == before and event.rollout == self.rollout:
            if hash_of(event) == event.hash:
                return []
            return [ChainProblem(event.seq, "the event was changed: its hash does not match")]
        return [_misplaced(event, self.rollout, expected)]


def _misplaced(event: SealedEvent, rollout: str, expected: int) -> ChainProblem:
    if event.rollout != rollout:
        return ChainProblem(event.seq, f"the event belongs to {event.rollout!r}, not {rollout!r}")
    if event.seq != expected:
        return ChainProblem(
            min(expected, event.seq), f"#{expected} was expected, #{event.seq} follows"
        )
    return ChainProblem(event.seq, "the event does not follow the one before it (`prev` differs)")


def _bytes(text: str) -> bytes:
    # Damaged text from a file must be hashed as it is, not repaired.
    return text.encode("utf-8", "surrogateescape")
