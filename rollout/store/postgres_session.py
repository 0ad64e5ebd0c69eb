"""One connection to PostgreSQL: the driver, the patience, and the settings it insists on."""

from __future__ import annotations

from collections.abc import Mapping
from types import ModuleType
from typing import TYPE_CHECKING, Any

from rollout.domain.errors import StoreUnavailable
from rollout.store import postgres_failures
from rollout.store.address import PostgresAddress

if TYPE_CHECKING:
    from psycopg import Connection

OLDEST = 140_000
"""Older servers are out of support, and untested here."""

_PATIENCE: dict[str, str] = {
    "connect_timeout": "10",
    "keepalives_idle": "30",
    "keepalives_interval": "10",
    "keepalives_count": "3",
    "tcp_user_timeout": "60000",
    "fallback_application_name": "rollout",
}
"""A dead network is noticed within a minute; the URL may say otherwise. Seconds, except
`tcp_user_timeout` in ms."""

_SESSION = {
    "default_transaction_isolation": "read committed",
    # A hidden row must be an error, never an absence.
    "row_security": "off",
    # A frozen writer is thrown out of its transaction; an owner may be idle for days.
    "idle_in_transaction_session_timeout": "60000",
    "idle_session_timeout": "0",
}

SHOWN = (
    "server_version",
    "fsync",
    "full_page_writes",
    "synchronous_commit",
    "synchronous_standby_names",
    "data_checksums",
)
"""What decides whether an acknowledged event survives a power cut; told, not all of it judged."""

_SET = """
SELECT set_config(s.name, v.value, false)
FROM unnest(%s::text[], %s::text[]) AS v(name, value) JOIN pg_settings s ON s.name = v.name
"""
_FACTS = "SELECT name, setting FROM pg_settings WHERE name = ANY(%s)"


def driver() -> ModuleType:
    """psycopg. Raises: StoreUnavailable naming the extra that brings it."""
    try:
        import psycopg
    except ImportError as error:
        raise StoreUnavailable(
            "a store in PostgreSQL needs psycopg, which is not installed: "
            "pip install 'rollout[postgres]'"
        ) from error
    return psycopg


def errors() -> tuple[type[Exception], ...]:
    """All that psycopg raises for what the server does or says."""
    return (driver().Error, UnicodeDecodeError)


def connect(
    address: PostgresAddress, *, busy_s: float, settings: Mapping[str, str]
) -> Connection[Any]:
    """A connection that commits each statement by itself, with these settings.

    `busy_s` bounds every wait for a lock. Raises: StoreUnavailable.
    """
    psycopg = driver()
    try:
        given = psycopg.conninfo.conninfo_to_dict(address.url)
        # Not through locals that hold the password any longer than needed.
        connection: Connection[Any] = psycopg.connect(
            **{**_PATIENCE, **given, "client_encoding": "UTF8"}, autocommit=True
        )
    except errors() as error:
        raise postgres_failures.explain_connecting(error, address) from error
    try:
        _settle(connection, address, {**_SESSION, **settings, "lock_timeout": _ms(busy_s)})
    except errors() as error:
        connection.close()
        raise postgres_failures.explain(error, address) from error
    except StoreUnavailable:
        connection.close()
        raise
    return connection


def facts(cursor: Any) -> dict[str, str]:
    """The settings of `SHOWN`, as the server has them for this session."""
    return {str(k): str(v) for k, v in cursor.execute(_FACTS, (list(SHOWN),)).fetchall()}


def _settle(
    connection: Connection[Any], address: PostgresAddress, settings: Mapping[str, str]
) -> None:
    version = connection.info.server_version
    if version < OLDEST:
        raise StoreUnavailable(
            f"{address.where}: PostgreSQL {version // 10_000} is too old: use {OLDEST // 10_000} "
            "or newer"
        )
    connection.execute(_SET, (list(settings), list(settings.values())))
    found = connection.execute(
        "SELECT current_setting('server_encoding'), current_schema()::text"
    ).fetchone()
    encoding, schema = found if found is not None else (None, None)
    if encoding != "UTF8":
        raise StoreUnavailable(
            f"{address.where}: the database's encoding is {encoding}: create it with UTF8"
        )
    if schema is None:
        raise StoreUnavailable(
            f"{address.where}: the search_path names no schema that there is: CREATE SCHEMA first"
        )


def _ms(seconds: float) -> str:
    # 0 would mean to wait for ever.
    return str(max(1, int(seconds * 1000)))
