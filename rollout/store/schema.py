"""What a store looks like inside, for those who read it without SQLAlchemy.

Tables are defined in `tables.py`, made by `migrations/`; here are the versions and the triggers,
which the verification compares word for word with what the file holds.
"""

from __future__ import annotations

VERSIONS = ("0001", "0002")
"""Every schema this build can read or bring up to date, oldest first."""

SCHEMA = VERSIONS[-1]

VERSION_TABLE = "alembic_version"
TABLES = ("events", "evidence", "snapshots", "store_info", VERSION_TABLE)

EVENT_COLUMNS = ("rollout", "seq", "at", "actor", "kind", "version", "payload", "prev", "hash")

SQLITE_TRIGGERS_0001 = {
    "events_stay": (
        "CREATE TRIGGER events_stay BEFORE UPDATE ON events "
        "BEGIN SELECT RAISE(ABORT, 'events are append-only: no update'); END"
    ),
    "events_remain": (
        "CREATE TRIGGER events_remain BEFORE DELETE ON events "
        "BEGIN SELECT RAISE(ABORT, 'events are append-only: no delete'); END"
    ),
    # A REPLACE deletes without firing the delete trigger unless the client asked for it;
    # demanding the next number refuses it in every client.
    "events_follow": (
        "CREATE TRIGGER events_follow BEFORE INSERT ON events "
        "WHEN NEW.seq IS NOT (SELECT coalesce(max(seq), 0) + 1 FROM events"
        " WHERE rollout = NEW.rollout) "
        "OR (NEW.seq > 1 AND NEW.prev IS NOT (SELECT hash FROM events"
        " WHERE rollout = NEW.rollout AND seq = NEW.seq - 1)) "
        "BEGIN SELECT RAISE(ABORT, 'events are append-only: not the next one'); END"
    ),
    "evidence_stays": (
        "CREATE TRIGGER evidence_stays BEFORE UPDATE ON evidence "
        "BEGIN SELECT RAISE(ABORT, 'evidence is append-only: no update'); END"
    ),
    "evidence_remains": (
        "CREATE TRIGGER evidence_remains BEFORE DELETE ON evidence "
        "BEGIN SELECT RAISE(ABORT, 'evidence is append-only: no delete'); END"
    ),
    "evidence_is_new": (
        "CREATE TRIGGER evidence_is_new BEFORE INSERT ON evidence "
        "WHEN EXISTS (SELECT 1 FROM evidence WHERE digest = NEW.digest) "
        "BEGIN SELECT RAISE(ABORT, 'evidence is append-only: already there'); END"
    ),
}
"""Name -> statement, as migration 0001 makes them. Frozen: a change is a new migration."""

SQLITE_TRIGGERS = SQLITE_TRIGGERS_0001
"""Name -> statement at the newest schema."""


def version_problem(found: str) -> str | None:
    """Why a store of schema `found` cannot be used by this build, None when it can.

    >>> version_problem("0001") is None
    True
    >>> version_problem("0099")
    'written by a newer build (schema 0099, this build knows up to 0002): upgrade rollout'
    """
    if found in VERSIONS:
        return None
    if found.isdigit() and found > SCHEMA:
        return (
            f"written by a newer build (schema {found}, this build knows up to {SCHEMA}): "
            "upgrade rollout"
        )
    return f"of the unknown schema {found!r}: restore a backup or run `rollout verify`"
