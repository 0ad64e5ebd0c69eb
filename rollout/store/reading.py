"""Reading a store quickly and without touching it: sqlite3 and msgspec, nothing else.

`rollout status` and `log` come this way; SQLAlchemy and pydantic alone would cost more than the
whole command.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any
from urllib.parse import quote

from rollout.domain.chain import SealedEvent, genesis
from rollout.domain.errors import LogDamaged, StoreUnavailable
from rollout.domain.events import Event
from rollout.ports import Head
from rollout.store import packing
from rollout.store.rows import head_of, opened, opened_in_order, sealed
from rollout.store.schema import EVENT_COLUMNS, VERSION_TABLE, version_problem
from rollout.store.sqlite_failures import ERRORS, error_name, explain

BUSY_S = 2.0
"""How long a reader waits for a commit."""

_COLUMNS = ", ".join(EVENT_COLUMNS)

# Hops from name to name by key instead of walking over all events.
_NAMES = """
WITH RECURSIVE names(name) AS (
  SELECT min(rollout) FROM events
  UNION ALL
  SELECT (SELECT min(rollout) FROM events WHERE rollout > name) FROM names WHERE name IS NOT NULL
)
SELECT name, (SELECT at FROM events WHERE rollout = name ORDER BY seq LIMIT 1)
FROM names WHERE name IS NOT NULL
"""


class Reader:
    """A store opened for reading only. Every method is one short read, so that it never keeps a
    writer waiting; all raise StoreUnavailable or LogDamaged."""

    def __init__(self, connection: sqlite3.Connection, path: Path) -> None:
        self._connection, self.path = connection, path
        self._tables = {
            str(row[0]) for row in self.ask("SELECT name FROM sqlite_master WHERE type = 'table'")
        }
        self._refuse_other_schema()

    def __enter__(self) -> Reader:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        self._connection.close()

    def rollouts(self) -> list[str]:
        """Names by the time of their first event, then by name."""
        rows = self.ask(_NAMES)
        names = [str(name) for _, name in sorted((str(at), str(name)) for name, at in rows)]
        for name in names:
            if not name.isprintable():
                raise LogDamaged(f"{self.path}: the name {name!r} is damaged: run `rollout verify`")
        return names

    def head(self, rollout: str) -> Head:
        rows = self.ask(
            "SELECT seq, hash FROM events WHERE rollout = ? ORDER BY seq DESC LIMIT 1", (rollout,)
        )
        return head_of(rows[0] if rows else None, genesis(rollout))

    def events(
        self,
        rollout: str,
        *,
        after: int = 0,
        before: int | None = None,
        limit: int | None = None,
        kinds: Iterable[str] = (),
        newest: bool = False,
    ) -> list[Event]:
        """Events with `after < seq < before`, of these kinds (all when none is named), ascending.

        With a `limit`, the oldest of them, or with `newest` the newest of them. A gap is LogDamaged.
        """
        wanted = list(kinds)
        found = self.sealed(rollout, after, before, limit, wanted, newest)
        if wanted:
            return [opened(event) for event in found]
        first = found[0].seq - 1 if newest and found else after
        return list(opened_in_order(found, first))

    def sealed(
        self,
        rollout: str,
        after: int = 0,
        before: int | None = None,
        limit: int | None = None,
        kinds: Iterable[str] = (),
        newest: bool = False,
    ) -> list[SealedEvent]:
        """The same as stored: cheaper to page through, and what an export writes."""
        values: list[Any] = [rollout, after]
        where = "rollout = ? AND seq > ?"
        if before is not None:
            where += " AND seq < ?"
            values.append(before)
        wanted = list(kinds)
        if wanted:
            where += f" AND kind IN ({', '.join('?' * len(wanted))})"
            values += wanted
        order = "DESC" if newest else "ASC"
        values.append(-1 if limit is None else limit)
        rows = self.ask(
            f"SELECT {_COLUMNS} FROM events WHERE {where} ORDER BY seq {order} LIMIT ?",  # noqa: S608 - constants
            values,
        )
        return [sealed(row) for row in (reversed(rows) if newest else rows)]

    def latest_snapshot(self, rollout: str) -> tuple[Head, bytes] | None:
        """None also when the snapshot is damaged or not of this log: fold from the start."""
        if "snapshots" not in self._tables:
            return None
        rows = self.ask(
            "SELECT s.seq, s.hash, s.body FROM snapshots s JOIN events e"
            " ON e.rollout = s.rollout AND e.seq = s.seq AND e.hash = s.hash"
            " WHERE s.rollout = ? ORDER BY s.seq DESC",
            (rollout,),
        )
        for seq, digest, blob in rows:
            body = packing.unpack_snapshot(rollout, seq, digest, blob)
            if body is not None:
                return Head(seq=seq, hash=digest), body
        return None

    def evidence(self, digest: str) -> Any:
        """Raises: KeyError when absent, LogDamaged when the bytes do not match the digest."""
        rows = self.ask("SELECT body, size FROM evidence WHERE digest = ?", (digest,))
        if not rows:
            raise KeyError(digest)
        return packing.unpack(digest, rows[0][0], rows[0][1])

    def info(self) -> dict[str, str]:
        """What the store says of itself: `profile`, `created`."""
        return {str(k): str(v) for k, v in self.ask("SELECT key, value FROM store_info")}

    def ask(self, sql: str, values: Sequence[Any] = ()) -> list[Any]:
        """All rows of one query. Raises: StoreUnavailable, LogDamaged."""
        try:
            return self._connection.execute(sql, values).fetchall()
        except ERRORS as error:
            raise explain(error, str(self.path)) from error

    def _refuse_other_schema(self) -> None:
        if VERSION_TABLE not in self._tables or "events" not in self._tables:
            raise StoreUnavailable(f"{self.path}: is not a store of rollouts")
        rows = self.ask(f"SELECT version_num FROM {VERSION_TABLE}")  # noqa: S608 - a constant
        problem = version_problem(str(rows[0][0]) if rows else "")
        if problem is not None:
            raise StoreUnavailable(f"{self.path}: {problem}")


def open_readonly(path: str | Path, *, busy_s: float = BUSY_S) -> Reader:
    """Open an existing store of a schema this build knows.

    Raises: StoreUnavailable when it is missing, locked, of a newer schema or no store; LogDamaged.
    """
    place = Path(path)
    connection = connect_readonly(place, busy_s=busy_s)
    try:
        return Reader(connection, place)
    except BaseException:
        connection.close()
        raise


def connect_readonly(path: Path, *, busy_s: float = BUSY_S) -> sqlite3.Connection:
    """A bare read-only connection; an interrupted commit is undone first, as SQLite demands.

    Raises: StoreUnavailable, LogDamaged.
    """
    if not path.is_file():
        what = "there is no store" if not path.exists() else "is not a file"
        raise StoreUnavailable(f"{path}: {what}: start a rollout first, or name the right file")
    try:
        return _connected(path, "ro", busy_s)
    except ERRORS as error:
        if error_name(error) not in {"SQLITE_READONLY", "SQLITE_CANTOPEN"}:
            raise explain(error, str(path)) from error
    # A journal is left over from a killed writer: only a writer may roll it back.
    try:
        _connected(path, "rw", busy_s).close()
        return _connected(path, "ro", busy_s)
    except ERRORS as error:
        raise explain(error, str(path)) from error


def _connected(path: Path, mode: str, busy_s: float) -> sqlite3.Connection:
    connection = sqlite3.connect(
        f"file:{quote(str(path.absolute()))}?mode={mode}",
        uri=True,
        timeout=busy_s,
        isolation_level=None,
    )
    # Damaged text is handed on as it is, for the hash to find it.
    connection.text_factory = _text
    try:
        connection.execute("SELECT count(*) FROM sqlite_master").fetchone()
    except ERRORS:
        connection.close()
        raise
    return connection


def _text(raw: bytes) -> str:
    return raw.decode("utf-8", "surrogateescape")
