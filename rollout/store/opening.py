"""Open a store: the right file, the right schema, undamaged, or a reason why not."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Any

from sqlalchemy import insert, select

from rollout.domain.chain import verify
from rollout.domain.errors import LogDamaged, StoreUnavailable
from rollout.domain.instants import to_text
from rollout.store import sqlite_files
from rollout.store.address import PostgresAddress, located
from rollout.store.link import Link, sqlite_link
from rollout.store.schema import SCHEMA, VERSION_TABLE, version_problem
from rollout.store.sql_evidence import SqlEvidenceStore
from rollout.store.sql_log import SqlEventLog
from rollout.store.sqlite_rules import BUSY_S, SqliteRules
from rollout.store.tables import STORE_INFO

_SHOWN = 3
_SAID, _SAY = select(STORE_INFO), insert(STORE_INFO)


@dataclass(frozen=True)
class StoreInfo:
    """What the store says of itself; `created` is an instant's text, `settings` those of the
    database that decide whether a commit lasts."""

    schema: str
    profile: str | None = None
    created: str | None = None
    settings: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class Store:
    """An open store. Close it, or use it in a `with`. `where` may be shown, `path` is a file's."""

    log: SqlEventLog
    evidence: SqlEvidenceStore
    info: StoreInfo
    path: Path | None
    where: str
    close: Callable[[], None]

    def __enter__(self) -> Store:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


def open_store(
    url_or_path: str | Path,
    *,
    create: bool,
    profile: str | None = None,
    relaxed: bool = False,
    now: datetime | None = None,
    busy_s: float = BUSY_S,
    mountinfo: str | None = None,
) -> Store:
    """A path, `:memory:`, or a URL: `sqlite:///path`, `postgresql+psycopg://user@host/database`.

    `create` makes what is missing; `profile` is remembered in a new store and must fit an old one;
    `relaxed` gives up durability (rehearsals); `now` is noted as the time of creation; `mountinfo`
    replaces /proc/self/mountinfo.

    Raises: StoreUnavailable; LogDamaged when the file or a chain does not verify.
    """
    address = located(url_or_path)
    if isinstance(address, PostgresAddress):
        # Late, as SQLite needs no driver.
        from rollout.store.postgres_rules import PostgresRules, postgres_link

        link = postgres_link(PostgresRules(address, relaxed=relaxed, busy_s=busy_s))
        is_new = False
    else:
        is_new = address is None or sqlite_files.claim(address, create=create, mountinfo=mountinfo)
        link = sqlite_link(SqliteRules(address, relaxed=relaxed, busy_s=busy_s))
    try:
        return _open(link, create=create, is_new=is_new, profile=profile, now=now)
    except BaseException:
        link.close()
        raise


def _open(
    link: Link,
    *,
    create: bool,
    is_new: bool,
    profile: str | None,
    now: datetime | None,
) -> Store:
    if not is_new:
        _refuse_damaged(link)
    _bring_up_to_date(link, create=create)
    info = _agree(link, profile, now)
    log = SqlEventLog(link)
    if not is_new:
        _refuse_broken_chain(log)
    return Store(
        log=log,
        evidence=SqlEvidenceStore(link),
        info=info,
        path=link.rules.path,
        where=link.rules.where,
        close=link.close,
    )


def _refuse_damaged(link: Link) -> None:
    problems = link.damage()
    if problems:
        shown = "; ".join(problems[:_SHOWN])
        raise LogDamaged(
            f"{link.rules.where}: the {'file' if link.rules.path else 'database'} is damaged "
            f"({shown}): run `rollout verify`, "
            "restore a backup"
        )


def _bring_up_to_date(link: Link, *, create: bool) -> None:
    found = _schema(link)
    if found == SCHEMA:
        return
    if found is None and not create:
        raise StoreUnavailable(f"{link.rules.where}: is empty: start a rollout first")
    # Late, as only a new or an older store needs alembic.
    from rollout.store.migrations.upgrade import upgrade

    with link.migrating() as connection:
        upgrade(connection)


def _schema(link: Link) -> str | None:
    """The store's version, None for a database without tables. Raises: StoreUnavailable."""
    tables = link.tables()
    if not tables:
        return None
    if VERSION_TABLE not in tables or "events" not in tables:
        advice = "" if link.rules.path else ": give the store a database or a schema of its own"
        raise StoreUnavailable(
            f"{link.rules.where}: is a database, but not a store of rollouts{advice}"
        )
    rows = link.fetch(f"SELECT version_num FROM {VERSION_TABLE}")  # noqa: S608 - a constant
    found = str(rows[0][0]) if rows else ""
    problem = version_problem(found)
    if problem is not None:
        raise StoreUnavailable(f"{link.rules.where}: {problem}")
    return found


def _agree(link: Link, profile: str | None, now: datetime | None) -> StoreInfo:
    """What the store says of itself, completed by what we know. Raises: StoreUnavailable."""
    query = link.statement(_SAID)
    said = _said(link.fetch(query))
    missing = _missing(link, said, profile, now)
    if missing:
        with link.writing("store_info") as cursor:
            # Again under the lock: another process may be making the same store.
            said = _said(cursor.execute(query).fetchall())
            missing = _missing(link, said, profile, now)
            if missing:
                insertion = link.statement(_SAY, "key", "value")
                cursor.executemany(insertion, list(missing.items()))
    said.update(missing)
    return StoreInfo(
        schema=SCHEMA,
        profile=said.get("profile"),
        created=said.get("created"),
        settings=link.settings(),
    )


def _said(rows: list[Any]) -> dict[str, str]:
    return {str(k): str(v) for k, v in rows}


def _missing(
    link: Link, said: dict[str, str], profile: str | None, now: datetime | None
) -> dict[str, str]:
    if profile is not None and said.get("profile", profile) != profile:
        raise StoreUnavailable(
            f"{link.rules.where}: belongs to the profile {said['profile']!r}, not {profile!r}: "
            f"name another {'file' if link.rules.path else 'database'}"
        )
    missing: dict[str, str] = {}
    if profile is not None and "profile" not in said:
        missing["profile"] = profile
    if now is not None and not said:
        missing["created"] = to_text(now)
    return missing


def _refuse_broken_chain(log: SqlEventLog) -> None:
    """Follow each chain from its newest snapshot: what lies before was followed when it was made."""
    for rollout in log.rollouts():
        snapshot = log.latest_snapshot(rollout)
        after = snapshot[0].seq if snapshot else 0
        prev = snapshot[0].hash if snapshot else None
        problems = verify(log.sealed(rollout, after), rollout=rollout, after=after, prev=prev)
        if problems:
            raise LogDamaged(
                f"{rollout} #{problems[0].seq}: {problems[0].what}: run `rollout verify`, "
                "restore a backup"
            )
