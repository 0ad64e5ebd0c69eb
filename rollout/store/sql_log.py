"""The event log in a SQL database."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import datetime

from sqlalchemy import (
    BindParameter,
    ColumnElement,
    bindparam,
    delete,
    func,
    insert,
    literal_column,
    select,
)

from rollout.domain.chain import SealedEvent, genesis
from rollout.domain.errors import LogConflict
from rollout.domain.events import Event, Payload
from rollout.ports import Head
from rollout.store import packing
from rollout.store.link import Collision, Link
from rollout.store.rows import Row, head_of, opened_in_order, refuse_odd_name, seal, sealed
from rollout.store.schema import EVENT_COLUMNS
from rollout.store.tables import EVENTS, SNAPSHOTS

_PAGE = 1000
_NONE: ColumnElement[int] = literal_column(
    "0"
)  # written out, or SQLite's dialect adds a parameter of its own


_E, _S = EVENTS.c, SNAPSHOTS.c
_NAMED: BindParameter[str] = bindparam("rollout")
_INSERT = insert(EVENTS)
_HEAD = (
    select(_E.seq, _E.hash)
    .where(_E.rollout == _NAMED)
    .order_by(_E.seq.desc())
    .limit(bindparam("limit"))
    .offset(_NONE)
)
_EVENTS_AFTER = (
    select(*(_E[name] for name in EVENT_COLUMNS))
    .where(_E.rollout == _NAMED, _E.seq > bindparam("after"))
    .order_by(_E.seq)
    .limit(bindparam("limit"))
    .offset(_NONE)
)
# The next name after the one at hand: a few key look-ups, not a walk over all events.
_NEXT_NAME = select(func.min(_E.rollout)).where(_E.rollout > bindparam("rollout"))
_FIRST_AT = (
    select(_E.at)
    .where(_E.rollout == _NAMED)
    .order_by(_E.seq)
    .limit(bindparam("limit"))
    .offset(_NONE)
)
_HASH_AT = select(_E.hash).where(_E.rollout == _NAMED, _E.seq == bindparam("seq"))
_NEWEST = select(_S.seq, _S.hash, _S.body).where(_S.rollout == _NAMED).order_by(_S.seq.desc())
_FORGET = delete(SNAPSHOTS).where(_S.rollout == _NAMED)
_KEEP = insert(SNAPSHOTS)


class SqlEventLog:
    """ports.EventLog. Every append re-reads the head under the write lock: others may append too."""

    def __init__(self, link: Link) -> None:
        self._link = link
        self._insert = link.statement(_INSERT, *EVENT_COLUMNS)
        self._head = link.statement(_HEAD, "rollout", "limit")
        self._page = link.statement(_EVENTS_AFTER, "rollout", "after", "limit")
        self._next_name = link.statement(_NEXT_NAME, "rollout")
        self._first_at = link.statement(_FIRST_AT, "rollout", "limit")
        self._hash_at = link.statement(_HASH_AT, "rollout", "seq")
        self._snapshots = link.statement(_NEWEST, "rollout")
        self._forget = link.statement(_FORGET, "rollout")
        self._keep = link.statement(_KEEP, "rollout", "seq", "hash", "body")

    def append(
        self, rollout: str, expected_seq: int, at: datetime, actor: str, payloads: Sequence[Payload]
    ) -> list[Event]:
        """Commit all payloads or none. The events are returned as they will be read back.

        Raises: LogConflict; StoreUnavailable; LogDamaged; ValueError for what cannot be stored.
        """
        refuse_odd_name(rollout)
        try:
            with self._link.writing(rollout) as cursor:
                row = cursor.execute(self._head, (rollout, 1)).fetchone()
                head = head_of(row, "" if row else genesis(rollout))
                if head.seq != expected_seq:
                    raise LogConflict(rollout, expected_seq, head.seq)
                rows, events = seal(rollout, head, at, actor, payloads)
                self._insert_all(cursor, rows)
        except Collision as error:
            # Only a database without a write lock comes here: somebody took the number meanwhile.
            found = self.head(rollout).seq
            if found == expected_seq:
                raise
            raise LogConflict(rollout, expected_seq, found) from error
        return events

    def read(self, rollout: str, after: int = 0, limit: int | None = None) -> Iterator[Event]:
        """Events after `after`, oldest first, in pages: a slow reader never blocks a writer.

        Raises: LogDamaged at a gap, a broken link or an event that cannot be read.
        """
        return opened_in_order(self.sealed(rollout, after, limit), after)

    def sealed(
        self, rollout: str, after: int = 0, limit: int | None = None
    ) -> Iterator[SealedEvent]:
        """The same as stored, for verification and export."""
        left = limit
        while left is None or left > 0:
            size = _PAGE if left is None else min(_PAGE, left)
            rows = self._link.fetch(self._page, (rollout, after, size))
            for row in rows:
                yield sealed(row)
            if len(rows) < size:
                return
            after = rows[-1][1]
            left = None if left is None else left - len(rows)

    def head(self, rollout: str) -> Head:
        rows = self._link.fetch(self._head, (rollout, 1))
        return head_of(rows[0] if rows else None, genesis(rollout))

    def rollouts(self) -> list[str]:
        """Names by the time of their first event, then by name."""
        names: list[tuple[str, str]] = []
        found = self._link.fetch(self._next_name, ("",))[0][0]
        while found is not None:
            first = self._link.fetch(self._first_at, (found, 1))
            names.append((str(first[0][0]), found))
            found = self._link.fetch(self._next_name, (found,))[0][0]
        return [name for _, name in sorted(names)]

    def save_snapshot(self, rollout: str, head: Head, body: bytes) -> None:
        """Keep the newest state only. Raises: ValueError when the log has no such head."""
        with self._link.writing(rollout) as cursor:
            found = cursor.execute(self._hash_at, (rollout, head.seq)).fetchone()
            if found is None or found[0] != head.hash:
                raise ValueError(f"{rollout}: the log has no event #{head.seq} with this hash")
            newest = cursor.execute(self._snapshots, (rollout,)).fetchone()
            if newest is not None and newest[0] > head.seq:
                return
            blob = packing.pack_snapshot(rollout, head.seq, head.hash, body)
            cursor.execute(self._forget, (rollout,))
            cursor.execute(self._keep, (rollout, head.seq, head.hash, blob))

    def latest_snapshot(self, rollout: str) -> tuple[Head, bytes] | None:
        """None also when the snapshot is damaged or does not belong to this log: fold it all."""
        for seq, digest, blob in self._link.fetch(self._snapshots, (rollout,)):
            at_seq = self._link.fetch(self._hash_at, (rollout, seq))
            if at_seq and at_seq[0][0] == digest:
                body = packing.unpack_snapshot(rollout, seq, digest, blob)
                if body is not None:
                    return Head(seq=seq, hash=digest), body
        return None

    def _insert_all(self, cursor: object, rows: list[Row]) -> None:
        if len(rows) == 1:
            cursor.execute(self._insert, rows[0])  # type: ignore[attr-defined]
        elif rows:
            cursor.executemany(self._insert, rows)  # type: ignore[attr-defined]
