"""SQLite's errors in words that say what to do."""

from __future__ import annotations

import sqlite3

from rollout.domain.errors import LogDamaged, RolloutError, StoreUnavailable

_ADVICE = {
    "SQLITE_FULL": "the disk is full: free space and try again; nothing was written",
    "SQLITE_BUSY": "locked by another process: wait for it, or end it, and try again",
    "SQLITE_LOCKED": "locked by another connection: wait for it and try again",
    "SQLITE_READONLY": "read-only: make the file and its folder writable for this user",
    "SQLITE_CANTOPEN": "cannot be opened: check that the folder exists and is writable",
    "SQLITE_PERM": "not permitted: check the rights on the file and its folder",
    "SQLITE_AUTH": "not permitted: check the rights on the file and its folder",
    "SQLITE_NOTADB": "not a database: this is another kind of file, or its first page is damaged",
    "SQLITE_TOOBIG": "too large a value for the database",
    "SQLITE_IOERR": (
        "input/output error: end this process, check the disk, then run `rollout verify`"
    ),
}


ERRORS = (sqlite3.Error, UnicodeDecodeError, MemoryError)
"""All that a damaged file makes the sqlite3 module raise: it decodes SQLite's own complaints, and
believes a damaged length."""


def error_name(error: BaseException) -> str:
    """SQLite's primary name, e.g. `SQLITE_FULL`; empty when Python raised by itself."""
    name = getattr(error, "sqlite_errorname", "") or ""
    return "_".join(name.split("_")[:2])


def is_final(error: Exception) -> bool:
    """True when the connection must not be used again: what reached the disk is unknown."""
    if not isinstance(error, sqlite3.Error):
        return True
    return error_name(error) in {"SQLITE_IOERR", "SQLITE_CORRUPT", "SQLITE_NOTADB"}


def explain(error: BaseException, where: str) -> RolloutError:
    """LogDamaged for a damaged file, else StoreUnavailable; both name the store and the way out.

    >>> explain(sqlite3.OperationalError("boom"), "state/rollout.db").args[0]
    'state/rollout.db: boom'
    """
    name, text = error_name(error), str(error)
    is_garbled = isinstance(error, UnicodeDecodeError) or "Could not decode to UTF-8" in text
    if name == "SQLITE_CORRUPT" or is_garbled:
        return LogDamaged(f"{where}: damaged ({text}): run `rollout verify`, restore a backup")
    if isinstance(error, MemoryError):
        return StoreUnavailable(f"{where}: a value does not fit into memory: run `rollout verify`")
    advice = _ADVICE.get(name)
    return StoreUnavailable(f"{where}: {advice} ({text})" if advice else f"{where}: {text}")
