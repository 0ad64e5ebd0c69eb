"""A SQLite file opened for reading, with nothing but the standard library."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any
from urllib.parse import quote

from rollout.domain.errors import RolloutError, StoreUnavailable
from rollout.store.schema import SQLITE_TRIGGERS, TABLES
from rollout.store.sqlite_failures import ERRORS, error_name, explain


class SqliteSource:
    """source.Source over one read-only connection."""

    errors = ERRORS
    expected_guards = SQLITE_TRIGGERS
    expected_tables = frozenset(TABLES)

    def __init__(self, path: Path, *, busy_s: float) -> None:
        """Raises: StoreUnavailable, LogDamaged."""
        self.path, self.where = path, str(path)
        self._connection = connect_readonly(path, busy_s=busy_s)

    def execute(self, sql: str, values: Sequence[Any] = ()) -> list[Any]:
        return self._connection.execute(sql, values).fetchall()

    def stream(self, sql: str) -> Iterator[Any]:
        return iter(self._connection.execute(sql))

    def tables(self) -> set[str]:
        rows = self.execute("SELECT name FROM sqlite_master WHERE type = 'table'")
        return {str(row[0]) for row in rows}

    def damage(self) -> Iterator[str]:
        for row in self._connection.execute("PRAGMA integrity_check(10)"):
            if row[0] != "ok":
                yield f"the file is damaged: {' '.join(str(row[0]).split())}"

    def guards(self) -> dict[str, str]:
        rows = self.execute("SELECT name, sql FROM sqlite_master WHERE type = 'trigger'")
        return {str(name): sql for name, sql in rows}

    def failure(self, error: Exception) -> RolloutError:
        return explain(error, self.where)

    def is_unavailable(self, error: Exception) -> bool:
        return error_name(error) in {"SQLITE_BUSY", "SQLITE_LOCKED"}

    def close(self) -> None:
        self._connection.close()


def connect_readonly(path: Path, *, busy_s: float) -> sqlite3.Connection:
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
