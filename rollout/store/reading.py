"""Reading a store quickly and without touching it: the bare driver and msgspec, nothing else.

`rollout status` and `log` come this way; SQLAlchemy and pydantic alone would cost more than the
whole command.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

from rollout.domain.chain import SealedEvent, genesis
from rollout.domain.errors import LogDamaged, StoreUnavailable
from rollout.domain.events import Event
from rollout.ports import Head
from rollout.store import packing
from rollout.store.address import PostgresAddress, located
from rollout.store.rows import head_of, opened, opened_in_order, sealed
from rollout.store.schema import EVENT_COLUMNS, VERSION_TABLE, version_problem
from rollout.store.source import Source
from rollout.store.sqlite_source import SqliteSource

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

    def __init__(self, source: Source) -> None:
        self._source, self.where = source, source.where
        try:
            self._tables = source.tables()
        except source.errors as error:
            raise source.failure(error) from error
        self._refuse_other_schema()

    @property
    def path(self) -> str:
        """The store's name, fit to be shown: a path, or a URL without its password."""
        return self.where

    def __enter__(self) -> Reader:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        self._source.close()

    def rollouts(self) -> list[str]:
        """Names by the time of their first event, then by name."""
        rows = self.ask(_NAMES)
        names = [str(name) for _, name in sorted((str(at), str(name)) for name, at in rows)]
        for name in names:
            if not name.isprintable():
                raise LogDamaged(
                    f"{self.where}: the name {name!r} is damaged: run `rollout verify`"
                )
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
        if limit is not None:
            order += " LIMIT ?"
            values.append(limit)
        rows = self.ask(
            f"SELECT {_COLUMNS} FROM events WHERE {where} ORDER BY seq {order}",  # noqa: S608 - constants
            values,
        )
        return [sealed(row) for row in (reversed(rows) if newest else rows)]

    def payloads(
        self, rollout: str, kinds: Iterable[str], *, until: int, most: int
    ) -> list[tuple[int, str, bytes]]:
        """(seq, instant, payload) of the newest `most` events of these kinds up to event `until`,
        ascending and unread: what whoever needs a few figures of very many events decodes himself."""
        wanted = list(kinds)
        rows = self.ask(
            "SELECT seq, at, payload FROM events WHERE rollout = ? AND seq <= ?"  # noqa: S608 - marks only
            f" AND kind IN ({', '.join('?' * len(wanted))}) ORDER BY seq DESC LIMIT ?",
            [rollout, until, *wanted, most],
        )
        return [(int(seq), str(at), payload) for seq, at, payload in reversed(rows)]

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
            return self._source.execute(sql, values)
        except self._source.errors as error:
            raise self._source.failure(error) from error

    def _refuse_other_schema(self) -> None:
        if VERSION_TABLE not in self._tables or "events" not in self._tables:
            raise StoreUnavailable(f"{self.where}: is not a store of rollouts")
        rows = self.ask(f"SELECT version_num FROM {VERSION_TABLE}")  # noqa: S608 - a constant
        problem = version_problem(str(rows[0][0]) if rows else "")
        if problem is not None:
            raise StoreUnavailable(f"{self.where}: {problem}")


def open_readonly(setting: str | Path, *, busy_s: float = BUSY_S) -> Reader:
    """Open an existing store of a schema this build knows: a path, or a URL as `open_store` takes.

    Raises: StoreUnavailable when it is missing, locked, of a newer schema or no store; LogDamaged.
    """
    source = open_source(setting, busy_s=busy_s)
    try:
        return Reader(source)
    except BaseException:
        source.close()
        raise


def open_source(setting: str | Path, *, busy_s: float = BUSY_S) -> Source:
    """The database behind a setting, for reading only. Raises: StoreUnavailable, LogDamaged."""
    address = located(setting)
    if address is None:
        raise StoreUnavailable("a store in memory ends with its process: name a file or a URL")
    if isinstance(address, PostgresAddress):
        # Late, as SQLite needs no driver.
        from rollout.store.postgres_source import PostgresSource

        return PostgresSource(address, busy_s=busy_s)
    return SqliteSource(address, busy_s=busy_s)
