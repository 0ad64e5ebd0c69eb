"""A store in PostgreSQL opened for reading: psycopg and msgspec, no SQLAlchemy."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

from rollout.domain.errors import RolloutError
from rollout.store import postgres_failures, postgres_session
from rollout.store.address import PostgresAddress
from rollout.store.postgres_schema import (
    GUARDS_FOUND,
    KEYS_BROKEN,
    OWNERSHIPS,
    TABLES_FOUND,
    guards,
)
from rollout.store.schema import TABLES

_READING = {"default_transaction_read_only": "on"}


class PostgresSource:
    """source.Source over one connection that may not write; a replica will do."""

    expected_tables = frozenset({*TABLES, OWNERSHIPS})

    def __init__(self, address: PostgresAddress, *, busy_s: float) -> None:
        """Raises: StoreUnavailable."""
        self.where = address.where
        self.errors = postgres_session.errors()
        self._address = address
        self._connection = postgres_session.connect(address, busy_s=busy_s, settings=_READING)

    @property
    def expected_guards(self) -> dict[str, str]:
        return guards()

    def execute(self, sql: str, values: Sequence[Any] = ()) -> list[Any]:
        return self._connection.execute(_ours(sql), values).fetchall()

    def stream(self, sql: str) -> Iterator[Any]:
        # Row by row from the network, as evidence may be larger than memory.
        with self._connection.cursor() as cursor:
            yield from cursor.stream(_ours(sql))

    def tables(self) -> set[str]:
        return {str(row[0]) for row in self.execute(TABLES_FOUND)}

    def damage(self) -> Iterator[str]:
        for row in self.execute(KEYS_BROKEN):
            yield f"the database is damaged: {row[0]} has no valid key"

    def guards(self) -> dict[str, str]:
        return {str(name): str(definition) for name, definition in self.execute(GUARDS_FOUND)}

    def failure(self, error: Exception) -> RolloutError:
        return postgres_failures.explain(error, self._address)

    def is_unavailable(self, error: Exception) -> bool:
        return postgres_failures.is_busy(error) or (
            postgres_failures.is_final(error) and not postgres_failures.is_damage(error)
        )

    def close(self) -> None:
        self._connection.close()


def _ours(sql: str) -> bytes:
    """Statements are constants of this package: none holds a question mark or a percent sign."""
    return sql.replace("?", "%s").encode()
