"""Everything that is PostgreSQL's own when a store is written: how a transaction begins, who waits
for whom, and what the server must promise."""

from __future__ import annotations

import hashlib
from pathlib import Path
from typing import Any

from sqlalchemy import Connection, StaticPool, create_engine, event

from rollout.domain.errors import RolloutError, StoreUnavailable
from rollout.store import postgres_failures, postgres_session
from rollout.store.address import PostgresAddress
from rollout.store.link import Link
from rollout.store.postgres_schema import KEYS_BROKEN, TABLES_FOUND

_MIGRATING = 0x726F_6C6C_6F75_7430
"""Key of the lock that migrations take: the letters `rollout0`."""

_STRONG = frozenset({"on", "remote_apply"})


class PostgresRules:
    """How a Link treats one PostgreSQL database."""

    path: Path | None = None

    def __init__(self, address: PostgresAddress, *, relaxed: bool, busy_s: float) -> None:
        self.address, self.where = address, address.where
        self.error = postgres_session.errors()
        self.conflict: type[Exception] = postgres_session.driver().IntegrityError
        self._relaxed, self._busy_s = relaxed, busy_s

    def connect(self) -> Any:
        """A connection that may write, and whose commits last.

        Raises: StoreUnavailable for a replica, or a server that does not keep what it acknowledges.
        """
        settings = {"default_transaction_read_only": "off"}
        if self._relaxed:
            settings["synchronous_commit"] = "off"
        raw = postgres_session.connect(self.address, busy_s=self._busy_s, settings=settings)
        try:
            self._insist(raw)
        except self.error as error:
            raw.close()
            raise self.failure(error) from error
        except StoreUnavailable:
            raw.close()
            raise
        return raw

    def begin(self, cursor: Any, scope: str) -> None:
        """Open a transaction that others with the same scope wait for; a lock per rollout."""
        key = int.from_bytes(hashlib.sha256(scope.encode()).digest()[:4], "big", signed=True)
        # One message: two would cost another round trip in every append. The table's number keeps
        # stores of other schemas apart.
        cursor.execute(
            f"BEGIN; SELECT pg_advisory_xact_lock('events'::regclass::oid::integer, {key})"
        )

    def failure(self, error: Exception) -> RolloutError:
        return postgres_failures.explain(error, self.address)

    def is_final(self, error: Exception) -> bool:
        """True when the connection must not be used again."""
        return postgres_failures.is_final(error)

    def damage(self, cursor: Any) -> list[str]:
        """Tables whose key is gone or invalid; pages are checked by the server when it reads them."""
        return [f"{row[0]} has no valid key" for row in cursor.execute(KEYS_BROKEN).fetchall()]

    def tables(self, cursor: Any) -> set[str]:
        """Names of the tables in the schema at hand."""
        return {str(row[0]) for row in cursor.execute(TABLES_FOUND).fetchall()}

    def settings(self, cursor: Any) -> dict[str, str]:
        """What decides whether a commit lasts."""
        return postgres_session.facts(cursor)

    def _insist(self, raw: Any) -> None:
        cursor = raw.cursor()
        if cursor.execute("SELECT pg_is_in_recovery()").fetchone()[0]:
            raise StoreUnavailable(f"{self.where}: is a read-only replica: name the primary")
        if self._relaxed:
            return
        found = postgres_session.facts(cursor)
        if found["fsync"] != "on":
            raise StoreUnavailable(
                f"{self.where}: the server runs with fsync = {found['fsync']}, so a power cut could "
                "lose acknowledged events: set fsync = on and reload it"
            )
        if found["synchronous_commit"] not in _STRONG:
            cursor.execute("SET synchronous_commit = on")


def postgres_link(rules: PostgresRules) -> Link:
    """Connect to PostgreSQL through one SQLAlchemy engine with one connection.

    Raises: StoreUnavailable.
    """
    # The URL names the dialect only: the address, with its password, stays with the rules.
    engine = create_engine(
        "postgresql+psycopg://", creator=rules.connect, poolclass=StaticPool, paramstyle="format"
    )

    @event.listens_for(engine, "begin")
    def begin(connection: Connection) -> None:
        connection.exec_driver_sql("BEGIN")
        connection.exec_driver_sql(f"SELECT pg_advisory_xact_lock({_MIGRATING})")

    return Link(engine, rules)
