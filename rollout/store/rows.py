"""Between events and rows: sealing on the way in, decoding on the way out."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from datetime import datetime
from typing import Any

import msgspec

from rollout.domain.chain import SealedEvent, event_hash
from rollout.domain.errors import LogDamaged, StoreUnavailable
from rollout.domain.events import (
    VERSION,
    Event,
    Payload,
    decode_payload,
    encode_payload,
    kind_of,
)
from rollout.domain.instants import from_text, to_text
from rollout.ports import Head

Row = tuple[str, int, str, str, str, int, bytes, str, str]
"""A row of `events`, columns as in `schema.EVENT_COLUMNS`."""

_TYPES = (str, int, str, str, str, int, bytes, str, str)


def seal(
    rollout: str, head: Head, at: datetime, actor: str, payloads: Iterable[Payload]
) -> tuple[list[Row], list[Event]]:
    """Rows to insert after `head`, and the events exactly as they will be read back.

    Raises: ValueError for an instant without zone, an actor that is not UTF-8 or has a NUL (which
    PostgreSQL cannot hold), or a payload that could not be read back (msgspec.ValidationError is one).
    """
    when = to_text(at)
    instant = from_text(when)
    actor.encode()
    if "\0" in actor:
        raise ValueError("an actor cannot have a NUL in its name")
    rows: list[Row] = []
    events: list[Event] = []
    seq, prev = head.seq, head.hash
    for payload in payloads:
        seq += 1
        body, kind = encode_payload(payload), kind_of(payload)
        digest = event_hash(prev, rollout, seq, when, actor, kind, VERSION, body)
        rows.append((rollout, seq, when, actor, kind, VERSION, body, prev, digest))
        events.append(
            Event(
                rollout=rollout,
                seq=seq,
                at=instant,
                actor=actor,
                payload=decode_payload(body),
                prev=prev,
                hash=digest,
            )
        )
        prev = digest
    return rows, events


def refuse_odd_name(rollout: str) -> None:
    """Names are shown and compared everywhere. Raises: ValueError for one that cannot be."""
    if not rollout or not rollout.isprintable():
        raise ValueError(f"{rollout!r} cannot name a rollout: use printable characters")


def sealed(row: Sequence[Any]) -> SealedEvent:
    """The row with its types checked; SQLite would hold anything anywhere. Raises: LogDamaged."""
    if tuple(map(type, row)) != _TYPES:
        name, seq = str(row[0]), row[1]
        raise LogDamaged(f"{name} #{seq}: a column holds the wrong type of value")
    return SealedEvent(*row)


def opened(event: SealedEvent) -> Event:
    """The event behind its stored form.

    Raises: StoreUnavailable when a newer build wrote it, LogDamaged when it cannot be read.
    """
    if event.version > VERSION:
        raise StoreUnavailable(
            f"{event.rollout} #{event.seq}: written by a newer build (event version "
            f"{event.version}, this build knows up to {VERSION}): upgrade rollout"
        )
    try:
        payload = decode_payload(event.payload)
        at = from_text(event.at)
        event.actor.encode()
    except ValueError as error:
        raise LogDamaged(f"{event.rollout} #{event.seq}: cannot be read: {error}") from error
    if kind_of(payload) != event.kind:
        raise LogDamaged(
            f"{event.rollout} #{event.seq}: labelled {event.kind}, holds {kind_of(payload)}"
        )
    return Event(
        rollout=event.rollout,
        seq=event.seq,
        at=at,
        actor=event.actor,
        payload=payload,
        prev=event.prev,
        hash=event.hash,
    )


def opened_in_order(events: Iterable[SealedEvent], after: int) -> Iterator[Event]:
    """Decode consecutive events that start right after `after`; a gap or a broken link stops.

    Raises: LogDamaged, StoreUnavailable.
    """
    expected, prev = after + 1, None
    for event in events:
        if event.seq != expected or (prev is not None and event.prev != prev):
            raise LogDamaged(
                f"{event.rollout}: #{expected} is missing or was replaced (#{event.seq} follows): "
                "run `rollout verify`"
            )
        expected, prev = expected + 1, event.hash
        yield opened(event)


def head_of(row: Sequence[Any] | None, empty: str) -> Head:
    """From a row (seq, hash); `empty` is the hash of a log without events. Raises: LogDamaged."""
    if row is None:
        return Head(seq=0, hash=empty)
    try:
        return msgspec.convert({"seq": row[0], "hash": row[1]}, Head)
    except msgspec.ValidationError as error:
        raise LogDamaged(f"the newest event cannot be read: {error}") from error
