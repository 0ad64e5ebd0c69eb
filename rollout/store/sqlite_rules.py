"""Everything that is SQLite's own: how it is connected, guarded, begun and checked."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterable
from pathlib import Path
from typing import Any
from urllib.parse import quote

from rollout.domain.errors import RolloutError, StoreUnavailable
from rollout.store import sqlite_failures
from rollout.store.address import IN_MEMORY

BUSY_S = 5.0
"""How long to wait for another process' commit."""

_COMMON: dict[str, str | int] = {
    "foreign_keys": 1,
    "recursive_triggers": 1,
    "cell_size_check": 1,
    "busy_timeout": int(BUSY_S * 1000),
}
DURABLE: dict[str, str | int] = {**_COMMON, "journal_mode": "delete", "synchronous": 3}
"""Rollback journal and EXTRA: of the modes tried with a rollback journal, one that lost no
acknowledged event to a power cut. Source: the project's reliability notes, 5.2."""

RELAXED: dict[str, str | int] = {**_COMMON, "journal_mode": "memory", "synchronous": 0}
"""For rehearsals, which can be run again."""


class SqliteRules:
    """How a Link treats one SQLite database; `path` is None for one in memory."""

    error = sqlite_failures.ERRORS
    conflict = sqlite3.IntegrityError

    def __init__(self, path: Path | None, *, relaxed: bool = False, busy_s: float = BUSY_S) -> None:
        self.path = path
        self.where = str(path) if path else "the store in memory"
        pragmas = dict(RELAXED if relaxed else DURABLE)
        pragmas["busy_timeout"] = int(busy_s * 1000)
        if path is None:
            pragmas["journal_mode"] = "memory"
        self._pragmas = pragmas

    def connect(self) -> sqlite3.Connection:
        """Open an existing file (it is never created here), set the pragmas, read them back.

        Raises: StoreUnavailable, LogDamaged.
        """
        if self.path is None:
            target, uri = IN_MEMORY, False
        else:
            target, uri = f"file:{quote(str(self.path.absolute()))}?mode=rw", True
        connection: sqlite3.Connection | None = None
        try:
            connection = sqlite3.connect(
                target,
                uri=uri,
                timeout=self._pragmas["busy_timeout"] / 1000,  # type: ignore[operator]
                isolation_level=None,
                check_same_thread=False,
            )
            set_pragmas(connection, self._pragmas.items(), self.where)
        except sqlite_failures.ERRORS as error:
            if connection is not None:
                connection.close()
            raise self.failure(error) from error
        except StoreUnavailable:
            if connection is not None:
                connection.close()
            raise
        return connection

    def begin(self, cursor: Any, _scope: str) -> None:
        """Take the write lock at once: a read that becomes a write later may fail without waiting."""
        cursor.execute("BEGIN IMMEDIATE")

    def failure(self, error: Exception) -> RolloutError:
        return sqlite_failures.explain(error, self.where)

    def is_final(self, error: Exception) -> bool:
        """True when the connection must not be used again."""
        return sqlite_failures.is_final(error)

    def damage(self, cursor: Any) -> list[str]:
        """What SQLite's own check of the file finds."""
        rows = cursor.execute("PRAGMA integrity_check(20)").fetchall()
        return [" ".join(str(row[0]).split()) for row in rows if row[0] != "ok"]

    def settings(self, _cursor: Any) -> dict[str, str]:
        """What decides whether a commit lasts; each was read back when it was set."""
        kept = ("journal_mode", "synchronous")
        return {"sqlite": sqlite3.sqlite_version, **{k: str(self._pragmas[k]) for k in kept}}

    def tables(self, cursor: Any) -> set[str]:
        """Names of the tables there are."""
        rows = cursor.execute("SELECT name FROM sqlite_master WHERE type = 'table'").fetchall()
        return {str(row[0]) for row in rows}


def set_pragmas(
    connection: sqlite3.Connection, pragmas: Iterable[tuple[str, str | int]], where: str
) -> None:
    """Set each and read it back, for SQLite ignores what it cannot do. Raises: StoreUnavailable."""
    for name, value in pragmas:
        connection.execute(f"PRAGMA {name} = {value}")
        found = connection.execute(f"PRAGMA {name}").fetchone()
        if found is None or str(found[0]).lower() != str(value):
            raise StoreUnavailable(
                f"{where}: SQLite {sqlite3.sqlite_version} did not take {name} = {value} "
                f"(it has {found[0] if found else 'no such setting'}): another program may hold "
                "the file open in WAL mode, or SQLite is too old"
            )
