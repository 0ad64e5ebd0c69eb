"""What keeps a PostgreSQL store append-only, for those who make it and those who verify it."""

from __future__ import annotations

_ROW, _BEFORE, _INSERT, _DELETE, _UPDATE, _TRUNCATE = 1, 2, 4, 8, 16, 32
"""Bits of pg_trigger.tgtype. Source: PostgreSQL's catalog/pg_trigger.h."""

_REFUSE = """
BEGIN
  RAISE EXCEPTION '%: append-only, no %', TG_TABLE_NAME, lower(TG_OP)
    USING ERRCODE = 'integrity_constraint_violation';
END
"""

# The table is named by its schema, so that a temporary table of the same name cannot stand in.
_FOLLOW = """
DECLARE
  last_seq integer;
  last_hash text;
BEGIN
  EXECUTE format('SELECT seq, hash FROM %I.%I WHERE rollout = $1 ORDER BY seq DESC LIMIT 1',
    TG_TABLE_SCHEMA, TG_TABLE_NAME) INTO last_seq, last_hash USING NEW.rollout;
  IF NEW.seq IS DISTINCT FROM coalesce(last_seq, 0) + 1
    OR (last_seq IS NOT NULL AND NEW.prev IS DISTINCT FROM last_hash) THEN
    RAISE EXCEPTION '%: append-only, not the next one', TG_TABLE_NAME
      USING ERRCODE = 'integrity_constraint_violation';
  END IF;
  RETURN NEW;
END
"""

FUNCTIONS_0001 = {"rollout_refuse": _REFUSE, "rollout_follow": _FOLLOW}
"""Name -> body. Frozen: a change is a new migration."""

TRIGGERS_0001 = {
    "events_stay": ("events", "UPDATE", "ROW", "rollout_refuse"),
    "events_remain": ("events", "DELETE", "ROW", "rollout_refuse"),
    "events_are_kept": ("events", "TRUNCATE", "STATEMENT", "rollout_refuse"),
    "events_follow": ("events", "INSERT", "ROW", "rollout_follow"),
    "evidence_stays": ("evidence", "UPDATE", "ROW", "rollout_refuse"),
    "evidence_remains": ("evidence", "DELETE", "ROW", "rollout_refuse"),
    "evidence_is_kept": ("evidence", "TRUNCATE", "STATEMENT", "rollout_refuse"),
}
"""Name -> table, event, level, function. Frozen: a change is a new migration."""

FUNCTIONS, TRIGGERS = FUNCTIONS_0001, TRIGGERS_0001
"""As they are at the newest schema."""

OWNERSHIPS_0001 = """
CREATE TABLE ownerships (
  epoch integer PRIMARY KEY,
  backend integer NOT NULL,
  pid integer NOT NULL,
  host text NOT NULL,
  since text NOT NULL,
  who text NOT NULL
)
"""
"""Who owned the store, by epoch; `backend` is the server's process that holds the lock."""

OWNERSHIPS = "ownerships"

_BITS = {"INSERT": _INSERT, "DELETE": _DELETE, "UPDATE": _UPDATE, "TRUNCATE": _TRUNCATE}
_CONFIG = "search_path=pg_catalog, pg_temp"


def statements_0001() -> list[str]:
    """What migration 0001 adds on PostgreSQL, in order."""
    made = [OWNERSHIPS_0001]
    made += [
        f"CREATE FUNCTION {name}() RETURNS trigger LANGUAGE plpgsql "
        f"SET search_path = pg_catalog, pg_temp AS $rollout${body}$rollout$"
        for name, body in FUNCTIONS_0001.items()
    ]
    for name, (table, event, level, function) in TRIGGERS_0001.items():
        made.append(
            f"CREATE TRIGGER {name} BEFORE {event} ON {table} FOR EACH {level} "
            f"EXECUTE FUNCTION {function}()"
        )
        # Also for a session that calls itself a replica.
        made.append(f"ALTER TABLE {table} ENABLE ALWAYS TRIGGER {name}")
    return made


def guards() -> dict[str, str]:
    """Name -> description of everything that must guard the tables, as `GUARDS_FOUND` tells it."""
    found: dict[str, str] = {}
    for name, (table, event, level, function) in TRIGGERS.items():
        kind = _BITS[event] + _BEFORE + (_ROW if level == "ROW" else 0)
        found[name] = f"{table} {kind} A plpgsql {_CONFIG} {FUNCTIONS[function]}"
    return found


GUARDS_FOUND = """
SELECT t.tgname::text, concat_ws(' ', c.relname, t.tgtype, t.tgenabled, l.lanname,
  array_to_string(p.proconfig, ';'), p.prosrc)
  || CASE WHEN t.tgqual IS NULL AND t.tgnargs = 0 AND t.tgattr::text = '' THEN '' ELSE ' when' END
FROM pg_trigger t JOIN pg_class c ON c.oid = t.tgrelid JOIN pg_proc p ON p.oid = t.tgfoid
JOIN pg_language l ON l.oid = p.prolang
WHERE c.relnamespace = current_schema()::regnamespace AND c.relname IN ('events', 'evidence')
  AND NOT t.tgisinternal
UNION ALL
SELECT 'rule ' || rulename, definition FROM pg_rules
WHERE schemaname = current_schema() AND tablename IN ('events', 'evidence')
UNION ALL
SELECT 'row security of ' || relname, 'on' FROM pg_class
WHERE relnamespace = current_schema()::regnamespace AND relname IN ('events', 'evidence')
  AND relrowsecurity
"""
"""Everything that could change what is written to, or seen of, the log and the evidence."""

KEYS_BROKEN = """
SELECT c.relname::text FROM pg_class c
WHERE c.relnamespace = current_schema()::regnamespace
  AND c.relname IN ('events', 'evidence', 'snapshots', 'store_info', 'ownerships')
  AND c.relkind IN ('r', 'p') AND NOT EXISTS (SELECT 1 FROM pg_index i
    WHERE i.indrelid = c.oid AND i.indisprimary AND i.indisvalid AND i.indisunique)
ORDER BY 1
"""
"""Tables that would take the same key twice."""

TABLES_FOUND = "SELECT tablename::text FROM pg_tables WHERE schemaname = current_schema()"
