"""The one connection of a store: begun, committed, guarded and explained in one place.

A write costs little more than its SQL: statements are compiled once by SQLAlchemy for the
database at hand, then run on the raw connection.
"""

from __future__ import annotations

import os
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Protocol, TypeVar

from sqlalchemy import Connection, Engine, StaticPool, create_engine, event
from sqlalchemy.exc import DBAPIError
from sqlalchemy.sql import ClauseElement

from rollout.domain.errors import RolloutError, StoreUnavailable
from rollout.store import sqlite_files
from rollout.store.sqlite_rules import SqliteRules

Answer = TypeVar("Answer")


class Rules(Protocol):
    """What differs between databases: `SqliteRules` and `PostgresRules`."""

    path: Path | None
    where: str

    @property
    def error(self) -> tuple[type[Exception], ...]: ...

    @property
    def conflict(self) -> type[Exception]: ...

    def connect(self) -> Any: ...

    def begin(self, cursor: Any, scope: str) -> None: ...

    def failure(self, error: Exception) -> RolloutError: ...

    def is_final(self, error: Exception) -> bool: ...

    def damage(self, cursor: Any) -> list[str]: ...

    def tables(self, cursor: Any) -> set[str]: ...

    def settings(self, cursor: Any) -> dict[str, str]: ...


class Collision(StoreUnavailable):
    """The database refused a row: a key that is taken, or a trigger."""


class Link:
    """A connection for one process; threads take turns.

    After an input/output error it stays shut, as nobody knows what reached the disk: open the
    store again and read where it stands.
    """

    def __init__(self, engine: Engine, rules: Rules) -> None:
        self.engine, self.rules = engine, rules
        self._lock = threading.RLock()
        self._pid = os.getpid()
        self._shut: str | None = None
        path = rules.path
        self._identity = sqlite_files.identity(path) if path else None
        self._hold = engine.raw_connection()
        if path and self._identity:
            sqlite_files.refuse_replaced(path, self._identity)
        raw: Any = self._hold.driver_connection
        self._raw = raw
        self._cursor: Any = raw.cursor()

    def statement(self, clause: ClauseElement, *names: str) -> str:
        """The clause in this database's SQL, to be run with positional values in `names`' order."""
        compiled = clause.compile(dialect=self.engine.dialect)
        order = tuple(getattr(compiled, "positiontup", None) or ())
        assert order == names, f"{compiled} takes {order}, not {names}"
        return str(compiled)

    def fetch(self, sql: str, values: Sequence[Any] = ()) -> list[Any]:
        """All rows of a short read. Raises: StoreUnavailable, LogDamaged."""
        with self._lock:
            self._usable()
            try:
                rows: list[Any] = self._cursor.execute(sql, values).fetchall()
            except self.rules.error as error:
                raise self._failed(error) from error
            return rows

    @contextmanager
    def writing(self, scope: str) -> Iterator[Any]:
        """A cursor inside a transaction that holds the write lock; committed at the end.

        `scope` is what is written: where a database can, only writers of the same wait.

        Raises: StoreUnavailable (Collision when a row was refused), LogDamaged.
        """
        with self._lock:
            self._usable()
            if self._identity is not None and self.rules.path is not None:
                sqlite_files.refuse_replaced(self.rules.path, self._identity)
            cursor, is_done = self._cursor, False
            try:
                self.rules.begin(cursor, scope)
                yield cursor
                self._raw.commit()
                is_done = True
            except self.rules.conflict as error:
                said = " ".join(str(error).split())
                raise Collision(f"{self.rules.where}: refused: {said}") from error
            except self.rules.error as error:
                raise self._failed(error) from error
            finally:
                if not is_done:
                    self._roll_back()

    @contextmanager
    def migrating(self) -> Iterator[Connection]:
        """The same connection as SQLAlchemy's own, in one transaction.

        Raises: StoreUnavailable, LogDamaged.
        """
        with self._lock:
            self._usable()
            try:
                with self.engine.begin() as connection:
                    yield connection
            except DBAPIError as error:
                cause = error.orig
                raise self._failed(cause if isinstance(cause, Exception) else error) from error

    def damage(self) -> list[str]:
        """What the database's own check finds. Raises: StoreUnavailable, LogDamaged."""
        return self._asked(self.rules.damage)

    def tables(self) -> set[str]:
        """Names of the tables there are. Raises: StoreUnavailable, LogDamaged."""
        return self._asked(self.rules.tables)

    def settings(self) -> dict[str, str]:
        """What decides whether a commit lasts. Raises: StoreUnavailable, LogDamaged."""
        return self._asked(self.rules.settings)

    def close(self) -> None:
        """Let go of the file. Closing twice is fine."""
        with self._lock:
            if self._shut == "closed" or os.getpid() != self._pid:
                return
            self._shut = "closed"
            self._cursor.close()
            self._hold.close()
            self.engine.dispose()

    def _asked(self, question: Callable[[Any], Answer]) -> Answer:
        with self._lock:
            self._usable()
            try:
                return question(self._cursor)
            except self.rules.error as error:
                raise self._failed(error) from error

    def _usable(self) -> None:
        if os.getpid() != self._pid:
            raise StoreUnavailable(
                f"{self.rules.where}: opened by process {self._pid}; a child process must open "
                "the store by itself"
            )
        if self._shut is not None:
            raise StoreUnavailable(f"{self.rules.where}: {self._shut}: open the store again")

    def _failed(self, error: Exception) -> RolloutError:
        if self.rules.is_final(error):
            self._shut = f"shut after an error ({error})"
        return self.rules.failure(error)

    def _roll_back(self) -> None:
        try:
            self._raw.rollback()
        except self.rules.error as error:
            # The first error is on its way up; this one only decides that the link is over.
            self._shut = self._shut or f"shut, could not roll back ({error})"


def sqlite_link(rules: SqliteRules) -> Link:
    """Connect to SQLite through one SQLAlchemy engine with one connection.

    Raises: StoreUnavailable, LogDamaged.
    """
    engine = create_engine("sqlite://", creator=rules.connect, poolclass=StaticPool)

    @event.listens_for(engine, "begin")
    def begin(connection: Connection) -> None:
        connection.exec_driver_sql("BEGIN IMMEDIATE")

    return Link(engine, rules)
