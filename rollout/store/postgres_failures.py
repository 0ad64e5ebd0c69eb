"""PostgreSQL's errors in words that say what to do."""

from __future__ import annotations

import re
from typing import Any

from rollout.domain.errors import LogDamaged, RolloutError, StoreUnavailable
from rollout.store.address import PostgresAddress

_LOST = (
    "the connection was lost, so whether the last change arrived is not known: open the store "
    "again and read where it stands"
)
_BUSY = "locked by another connection: wait for it, or end it, and try again"
_AGAIN = "the database gave up on this change: try again; nothing was written"
_RIGHTS = "not permitted: let the store's owner grant this role what is missing"
_LOGIN = "the login was refused: check the user, PGPASSWORD or the password file, and pg_hba.conf"
_FULL = "the server's disk is full: free space there and try again; nothing was written"

# fmt: off
_ADVICE = {
    "28": _LOGIN,
    "3D": "there is no such database: CREATE DATABASE first, or name the right one",
    "3F": "there is no such schema: CREATE SCHEMA first, or name the right search_path",
    "25006": "read-only: this is a replica, or the role may only read: name the primary",
    "25P03": _LOST,
    "40": _AGAIN,
    "42501": _RIGHTS,
    "42P01": "a table is missing: is this the right database and schema? run `rollout verify`",
    "53100": _FULL,
    "53200": "the server is out of memory: try again later",
    "53300": "the server takes no more connections: end some, or raise max_connections",
    "55P03": _BUSY,
    "57014": "cancelled, by a person or by statement_timeout: try again",
    "57P03": "the server is starting or stopping: try again in a moment",
    "57": _LOST,
    "08": _LOST,
    "58": "the server met an input/output error: check its disk, then run `rollout verify`",
}
"""By SQLSTATE, else by its class. Source: PostgreSQL's appendix A, error codes."""
# fmt: on

_DAMAGED = frozenset({"XX001", "XX002"})

# The server's words before a login succeeds reach us without a code; these are in English unless
# the server speaks another language, and then the general advice has to do.
_BEFORE_LOGIN = (
    ("password authentication failed", _LOGIN),
    ("no password supplied", _LOGIN),
    ("no pg_hba.conf entry", _LOGIN),
    (r"role \"?.* does not exist", _LOGIN),
    (r"database \"?.* does not exist", _ADVICE["3D"]),
    ("too many clients|too many connections|connection slots", _ADVICE["53300"]),
    ("starting up", _ADVICE["57P03"]),
    ("shutting down", _ADVICE["57P03"]),
)


def state_of(error: BaseException) -> str:
    """The SQLSTATE, empty when the client itself raised."""
    return str(getattr(error, "sqlstate", None) or "")


def is_busy(error: BaseException) -> bool:
    """True when another connection's lock is in the way."""
    return state_of(error) == "55P03"


def is_damage(error: BaseException) -> bool:
    """True when the server met pages or an index that cannot be what was written."""
    return state_of(error) in _DAMAGED


def is_final(error: BaseException) -> bool:
    """True when the connection must not be used again: it is gone, or its state is not known."""
    state = state_of(error)
    if not state:
        # libpq's own words: no answer came. A value that cannot be sent leaves the connection whole.
        return type(error).__name__ in {"OperationalError", "InterfaceError"}
    return state == "25P03" or (state[:2] in {"08", "57", "58", "XX"} and state != "57014")


def explain(error: BaseException, address: PostgresAddress) -> RolloutError:
    """LogDamaged for damaged pages, else StoreUnavailable; both name the store and the way out."""
    state, where = state_of(error), address.where
    text = address.hidden(words(error))
    if is_damage(error):
        return LogDamaged(f"{where}: damaged ({text}): run `rollout verify`, restore a backup")
    advice = _ADVICE.get(state) or _ADVICE.get(state[:2])
    if advice is None and not state and is_final(error):
        advice = _LOST
    return StoreUnavailable(f"{where}: {advice} ({text})" if advice else f"{where}: {text}")


def explain_connecting(error: BaseException, address: PostgresAddress) -> RolloutError:
    """Why there is no connection, and what to check."""
    if state_of(error):
        return explain(error, address)
    text = address.hidden(words(error))
    if type(error).__name__ != "OperationalError":
        return StoreUnavailable(f"{address.where}: the store's URL cannot be used ({text})")
    general = "cannot be reached: check host, port and network, and that the server runs"
    advice = next((what for part, what in _BEFORE_LOGIN if re.search(part, text)), general)
    return StoreUnavailable(f"{address.where}: {advice} ({text})")


def words(error: BaseException) -> str:
    """The error's first sentence, without rows or statements."""
    diag: Any = getattr(error, "diag", None)
    return str(getattr(diag, "message_primary", None) or error)
