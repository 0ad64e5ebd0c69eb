from __future__ import annotations

import sqlite3

import pytest

from rollout.domain.errors import LogDamaged, RolloutError, StoreUnavailable
from rollout.store.sqlite_failures import explain, is_final


def failure(name: str, text: str = "what SQLite said") -> sqlite3.Error:
    error = sqlite3.OperationalError(text)
    error.sqlite_errorname = name
    return error


@pytest.mark.parametrize(
    ("error", "kind", "what", "final"),
    [
        (failure("SQLITE_FULL"), StoreUnavailable, "disk is full", False),
        (failure("SQLITE_BUSY_SNAPSHOT"), StoreUnavailable, "locked", False),
        (failure("SQLITE_READONLY_DIRECTORY"), StoreUnavailable, "read-only", False),
        (failure("SQLITE_CANTOPEN_ISDIR"), StoreUnavailable, "cannot be opened", False),
        (failure("SQLITE_IOERR_FSYNC"), StoreUnavailable, "check the disk", True),
        (failure("SQLITE_NOTADB"), StoreUnavailable, "not a database", True),
        (failure("SQLITE_CORRUPT_INDEX"), LogDamaged, "restore a backup", True),
        (failure("SQLITE_ERROR", "no such table: x"), StoreUnavailable, "no such table", False),
        (failure("", "Could not decode to UTF-8 column"), LogDamaged, "damaged", False),
        (UnicodeDecodeError("utf-8", b"\xff", 0, 1, "bad"), LogDamaged, "damaged", True),
        (MemoryError(), StoreUnavailable, "does not fit into memory", True),
    ],
)
def test_every_failure_says_where_what_and_whether_to_go_on(
    error: Exception, kind: type[RolloutError], what: str, final: bool
) -> None:
    explained = explain(error, "state/rollout.db")
    assert type(explained) is kind
    assert str(explained).startswith("state/rollout.db: ")
    assert what in str(explained)
    assert is_final(error) is final
