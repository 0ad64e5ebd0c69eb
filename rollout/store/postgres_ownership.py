"""Who may act on a store in PostgreSQL: the session that holds an advisory lock.

The server frees the lock when that session ends, and not before: a frozen owner keeps its session,
a killed one loses it at once. A session that was cut off does not come back by itself, so an owner
must ask before each effect. When the owner's machine vanishes, the server keeps the session until
its own keepalive runs out (hours): only a person can know, so the refusal says how to end it.
"""

from __future__ import annotations

import os
import socket
import threading
import weakref
from contextlib import suppress
from datetime import datetime
from typing import TYPE_CHECKING, Any

from rollout.domain.errors import StoreUnavailable
from rollout.domain.instants import to_text
from rollout.store import postgres_failures, postgres_session
from rollout.store.address import PostgresAddress
from rollout.store.holder import Holder, Ownership, Pulse

if TYPE_CHECKING:
    from psycopg import Connection

_PATIENCE_S, _PAUSE_S = 0.5, 0.025
"""The server takes a moment to notice that a killed owner is gone."""

_BUSY_S = 5.0
_CLASS = 0x726F6C6C
"""Upper half of the lock's key: the letters `roll`. The lower half is the number of the table."""

_KEY = f"({_CLASS}::bigint << 32) | 'ownerships'::regclass::oid::bigint"
_TAKE = f"SELECT pg_try_advisory_lock({_KEY})"
_HELD_BY = f"""
FROM pg_locks l WHERE l.locktype = 'advisory' AND l.granted AND l.objsubid = 1
  AND l.classid::bigint = {_CLASS} AND l.objid = 'ownerships'::regclass::oid
  AND l.database = (SELECT oid FROM pg_database WHERE datname = current_database())
"""  # noqa: S608 - constants
_IS_OURS = f"""
SELECT (SELECT count(*) {_HELD_BY} AND l.pid = pg_backend_pid()),
  (SELECT max(epoch) FROM ownerships)
"""  # noqa: S608 - constants
_WHO = f"""
SELECT o.epoch, o.pid, o.host, o.since, o.who, o.backend FROM ownerships o
WHERE o.backend IN (SELECT l.pid {_HELD_BY}) ORDER BY o.epoch DESC LIMIT 1
"""  # noqa: S608 - constants
_PULSE = f"""
SELECT o.epoch, o.pid, o.host, o.since, o.who, (
  SELECT a.query_start::text FROM pg_stat_activity a WHERE a.pid = o.backend
) FROM ownerships o
WHERE o.backend IN (SELECT l.pid {_HELD_BY}) ORDER BY o.epoch DESC LIMIT 1
"""  # noqa: S608 - constants
"""The start of the owner's newest query is its sign of life; the server keeps it from strangers."""

_SIGN = """
INSERT INTO ownerships (epoch, backend, pid, host, since, who)
SELECT greatest(coalesce(max(epoch), 0), %s) + 1, pg_backend_pid(), %s, %s, %s, %s FROM ownerships
RETURNING epoch
"""


class PostgresOwnership(Ownership):
    """An advisory lock on a connection of its own, which does nothing else."""

    def __init__(
        self, address: PostgresAddress, connection: Connection[Any], holder: Holder
    ) -> None:
        self.holder = holder
        self._address = address
        self._connection: Connection[Any] | None = connection
        self._lost: str | None = None
        self._lock = threading.Lock()
        _HELD.add(self)

    def confirm(self) -> None:
        """Before an effect: is it still ours? One round trip.

        Raises: StoreUnavailable when the session was cut off or somebody else came since; once
        lost, an ownership stays lost.
        """
        with self._lock:
            if self._lost is None:
                self._lost = self._why_lost()
            if self._lost is not None:
                raise StoreUnavailable(f"{self._address.where}: {self._lost}")

    def beat(self) -> None:
        """Any query is a sign: the server notes when each began."""
        with self._lock:
            if self._connection is not None and self._lost is None:
                with suppress(*postgres_session.errors()):
                    self._connection.execute("SELECT 1")

    def release(self) -> None:
        """Give it up; twice is fine."""
        with self._lock:
            connection, self._connection = self._connection, None
            _HELD.discard(self)
            if connection is not None:
                connection.close()

    def let_go_in_child(self) -> None:
        """In a forked child: shut its copy of the socket, without a word to the server."""
        connection, self._connection = self._connection, None
        self._lock = threading.Lock()
        if connection is not None and not connection.closed:
            os.close(connection.fileno())
            # Kept, or its end would be taken for that of the owner's connection.
            _PARENTS.append(connection)

    def _why_lost(self) -> str | None:
        if self._connection is None:
            return "the ownership was given up"
        try:
            row = self._connection.execute(_IS_OURS).fetchone()
        except postgres_session.errors() as error:
            said = self._address.hidden(postgres_failures.words(error))
            return (
                f"the ownership was lost with its connection ({said}), so another process may own "
                "the store by now: end this process"
            )
        held, newest = row if row is not None else (0, None)
        if held == 1 and newest == self.epoch:
            return None
        if newest is not None and newest > self.epoch:
            return "another process has owned the store since: end this process"
        return (
            "the lock is no longer held by this session: end this process, and connect to the "
            "server itself, not through a pooler that shares sessions"
        )


def acquire(
    address: PostgresAddress, *, since: datetime, who: str = "", above_epoch: int = 0
) -> PostgresOwnership:
    """Own the store at `address`. Raises: StoreUnavailable naming the holder."""
    when = to_text(since)
    connection = _connected(address, "rollout owner", "off")
    try:
        if not _taken(connection):
            raise StoreUnavailable(f"{address.where}: is owned by {_named(connection)}")
        signed = Holder(epoch=0, pid=os.getpid(), host=socket.gethostname(), since=when, who=who)
        row = connection.execute(
            _SIGN, (above_epoch, signed.pid, signed.host, signed.since, signed.who)
        ).fetchone()
        assert row is not None, "an aggregate without groups is one row"
        ownership = PostgresOwnership(
            address,
            connection,
            Holder(row[0], signed.pid, signed.host, signed.since, signed.who),
        )
        ownership.confirm()
    except postgres_session.errors() as error:
        connection.close()
        raise _explained(error, address) from error
    except BaseException:
        connection.close()
        raise
    return ownership


def holder_of(address: PostgresAddress) -> Holder | None:
    """Who owns the store now, None when nobody does. Raises: StoreUnavailable."""
    connection = _connected(address, "rollout", "on")
    try:
        return _holder(connection)
    except postgres_session.errors() as error:
        raise _explained(error, address) from error
    finally:
        connection.close()


def pulse_of(address: PostgresAddress) -> Pulse | None:
    """Who owns the store now, with the newest sign of life. Raises: StoreUnavailable."""
    connection = _connected(address, "rollout", "on")
    try:
        row = connection.execute(_PULSE.encode()).fetchone()
    except postgres_session.errors() as error:
        raise _explained(error, address) from error
    finally:
        connection.close()
    return None if row is None else Pulse(Holder(*row[:-1]), row[-1] or "")


def _connected(address: PostgresAddress, name: str, read_only: str) -> Connection[Any]:
    settings = {"application_name": name, "default_transaction_read_only": read_only}
    return postgres_session.connect(address, busy_s=_BUSY_S, settings=settings)


def _taken(connection: Connection[Any]) -> bool:
    pause = threading.Event()
    for _ in range(int(_PATIENCE_S / _PAUSE_S)):
        row = connection.execute(_TAKE.encode()).fetchone()
        if row is not None and row[0]:
            return True
        pause.wait(_PAUSE_S)
    return False


def _holder(connection: Connection[Any]) -> Holder | None:
    row = connection.execute(_WHO).fetchone()
    return Holder(*row[:-1]) if row is not None else None


def _named(connection: Connection[Any]) -> str:
    row = connection.execute(_WHO).fetchone()
    if row is None:
        return "a process that has not said its name yet: try again in a moment"
    return (
        f"{Holder(*row[:-1])}: use `rollout status` or `tui` beside it, or end that process; only "
        f"when its machine is gone for good, SELECT pg_terminate_backend({row[-1]})"
    )


def _explained(error: Exception, address: PostgresAddress) -> Exception:
    if postgres_failures.state_of(error) == "42P01":
        return StoreUnavailable(
            f"{address.where}: is not a store of rollouts: start a rollout first"
        )
    return postgres_failures.explain(error, address)


_HELD: weakref.WeakSet[PostgresOwnership] = weakref.WeakSet()
_PARENTS: list[object] = []


def _let_go_in_child() -> None:
    # The session lives as long as any copy of its socket: a child that outlives the owner would
    # keep everybody out.
    for ownership in list(_HELD):
        ownership.let_go_in_child()


os.register_at_fork(after_in_child=_let_go_in_child)
