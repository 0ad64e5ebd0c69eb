from __future__ import annotations

import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from datetime import datetime

import pytest
from alembic.autogenerate import compare_metadata
from alembic.runtime.migration import MigrationContext
from postgres_server import PASSWORD, Server, running

from rollout.domain.errors import LogDamaged, RolloutError, StoreUnavailable
from rollout.domain.events import SoakStarted
from rollout.store import postgres_session
from rollout.store.address import PostgresAddress, located
from rollout.store.link import Link
from rollout.store.migrations.upgrade import upgrade
from rollout.store.opening import open_store
from rollout.store.ownership import acquire, holder_of
from rollout.store.postgres_rules import PostgresRules, postgres_link
from rollout.store.reading import open_readonly
from rollout.store.schema import SCHEMA
from rollout.store.tables import METADATA
from rollout.store.verification import verify_store

Fill = Callable[[str], str]
SOAK = SoakStarted(phase="monitoring", attempt=1)


def refusal(url: str, *, create: bool = False) -> str:
    with pytest.raises(RolloutError) as caught:
        open_store(url, create=create, busy_s=0.05)
    assert "canary" not in str(caught.value)
    return str(caught.value)


@pytest.fixture
def url(postgres: Server, fill: Fill) -> str:
    return fill(postgres.new_schema())


def linked(url: str, *, relaxed: bool = False) -> Link:
    address = located(url)
    assert isinstance(address, PostgresAddress)
    return postgres_link(PostgresRules(address, relaxed=relaxed, busy_s=1))


def test_a_new_database_becomes_a_store(postgres: Server, now: datetime) -> None:
    url = postgres.new_database()
    with open_store(url, create=True, profile="live", now=now) as store:
        assert store.log.append("r", 0, now, "me", [SOAK])[0].seq == 1
        info = store.info
        assert (info.schema, info.profile, info.created) == (SCHEMA, "live", "2026-01-06T18:00:00Z")
        assert store.path is None
        assert store.where.startswith("postgresql://postgres@127.0.0.1:")
        assert "canary" not in repr(store)
    with open_store(url, create=False, profile="live") as store:
        assert store.log.rollouts() == ["r"]


def test_what_a_commit_rests_on_is_shown(url: str) -> None:
    with open_store(url, create=False) as store:
        found = dict(store.info.settings)
    assert (found["fsync"], found["synchronous_commit"]) == ("on", "on")
    assert set(found) == set(postgres_session.SHOWN)


@pytest.mark.parametrize(
    ("given", "relaxed", "expected"),
    [
        ("off", False, "on"),
        ("local", False, "on"),
        ("remote_apply", False, "remote_apply"),
        ("on", True, "off"),
    ],
)
def test_a_commit_waits_for_the_disk_whatever_the_session_was_given(
    postgres: Server, given: str, relaxed: bool, expected: str
) -> None:
    url = postgres.new_schema() + f"%20-csynchronous_commit%3D{given}"
    with open_store(url, create=True, relaxed=relaxed) as store:
        assert store.info.settings["synchronous_commit"] == expected


@contextmanager
def without_fsync(postgres: Server) -> Iterator[None]:
    reload = "SELECT pg_reload_conf()"
    postgres.run("ALTER SYSTEM SET fsync = off", reload)
    wait_for(postgres, "off")
    try:
        yield
    finally:
        postgres.run("ALTER SYSTEM RESET fsync", reload)
        wait_for(postgres, "on")


def wait_for(postgres: Server, fsync: str) -> None:
    pause = threading.Event()
    for _ in range(500):
        with postgres.connect() as raw:
            row = raw.execute("SHOW fsync").fetchone()
        if row == (fsync,):
            return
        pause.wait(0.01)
    raise AssertionError(f"the server did not take fsync = {fsync}")


def test_a_server_that_does_not_keep_what_it_acknowledges_is_for_rehearsals_only(
    postgres: Server, url: str
) -> None:
    with without_fsync(postgres):
        assert "fsync = off, so a power cut could lose acknowledged events" in refusal(url)
        with open_store(url, create=False, relaxed=True) as store:
            assert store.info.settings["fsync"] == "off"
        with open_readonly(url) as reader:
            assert reader.rollouts() == ["r"]


def test_an_empty_schema_becomes_a_store_only_when_asked(postgres: Server) -> None:
    url = postgres.new_schema()
    assert "is empty: start a rollout first" in refusal(url)
    open_store(url, create=True).close()
    open_store(url, create=False).close()


def test_another_database_is_refused_with_or_without_create(postgres: Server) -> None:
    url = postgres.new_schema()
    postgres.run("CREATE TABLE customers (id integer)", url=url)
    for create in (False, True):
        said = refusal(url, create=create)
        assert "not a store of rollouts: give the store a database or a schema of its own" in said


def test_what_is_missing_on_the_server_is_named(postgres: Server) -> None:
    assert "CREATE DATABASE first" in refusal(postgres.url("nowhere"), create=True)
    assert "CREATE SCHEMA first" in refusal(postgres.url(schema="nowhere"), create=True)
    assert "the login was refused" in refusal(postgres.url(user="nobody"), create=True)
    assert "the login was refused" in refusal(postgres.url(password="canary 2"), create=True)


def test_a_password_can_stay_out_of_the_url(
    postgres: Server, url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    bare = url.replace(postgres.url(database="").partition("//")[2].rpartition("@")[0], "postgres")
    assert "canary" not in bare
    assert "the login was refused" in refusal(bare)
    monkeypatch.setenv("PGPASSWORD", PASSWORD)
    with open_store(bare, create=False) as store:
        assert store.log.rollouts() == ["r"]


def test_a_parameter_the_driver_does_not_know_is_named(postgres: Server) -> None:
    assert "the store's URL cannot be used" in refusal(postgres.url() + "?nonsense=1")


def test_a_database_in_another_encoding_is_refused(postgres: Server) -> None:
    url = postgres.new_database("ENCODING 'SQL_ASCII' TEMPLATE template0")
    assert "encoding is SQL_ASCII: create it with UTF8" in refusal(url, create=True)


def test_a_role_without_rights_is_told_so(postgres: Server, url: str) -> None:
    postgres.run("CREATE ROLE guest LOGIN PASSWORD 'canary 3'")
    schema = url.rpartition("%3D")[2]
    postgres.run(f"GRANT USAGE ON SCHEMA {schema} TO guest")
    guest = postgres.url(schema=schema, user="guest", password="canary 3")
    assert "not permitted" in refusal(guest)
    postgres.run("CREATE SCHEMA closed; GRANT USAGE ON SCHEMA closed TO guest")
    closed = postgres.url(schema="closed", user="guest", password="canary 3")
    assert "not permitted" in refusal(closed, create=True)


def test_a_role_that_may_only_read_can_read(postgres: Server, url: str, now: datetime) -> None:
    schema = url.rpartition("%3D")[2]
    postgres.run(
        "CREATE ROLE looker LOGIN PASSWORD 'canary 4'",
        f"GRANT USAGE ON SCHEMA {schema} TO looker",
        f"GRANT SELECT ON ALL TABLES IN SCHEMA {schema} TO looker",
    )
    looker = postgres.url(schema=schema, user="looker", password="canary 4")
    with acquire(url, since=now, who="controller") as ownership:
        assert holder_of(looker) == ownership.holder
    assert verify_store(looker).ok
    with open_store(looker, create=False) as store, pytest.raises(StoreUnavailable) as caught:
        store.log.append("r", 25, now, "me", [SOAK])
    assert "not permitted" in str(caught.value)


def test_the_profile_of_a_store_stays(url: str, now: datetime) -> None:
    with pytest.raises(StoreUnavailable, match="'live', not 'rehearsal': name another database"):
        open_store(url, create=True, profile="rehearsal")
    with open_store(url, create=False, profile="live", now=now.replace(year=2030)) as store:
        assert store.info.created == "2026-01-06T18:00:00Z"


def test_of_four_that_make_the_same_store_all_find_it(postgres: Server, now: datetime) -> None:
    url, together = postgres.new_schema(), threading.Barrier(4)

    def make(number: int) -> str | None:
        together.wait()
        at = now.replace(year=2026 + number)
        with open_store(url, create=True, profile="live", now=at, busy_s=20) as store:
            return store.info.created

    with ThreadPoolExecutor(4) as pool:
        assert len(set(pool.map(make, range(4)))) == 1
    assert verify_store(url).ok


def test_two_profiles_cannot_both_make_the_same_store(postgres: Server) -> None:
    url, together = postgres.new_schema(), threading.Barrier(2)

    def make(profile: str) -> str:
        together.wait()
        try:
            with open_store(url, create=True, profile=profile, busy_s=20) as store:
                return f"made {store.info.profile}"
        except StoreUnavailable as error:
            return str(error)

    with ThreadPoolExecutor(2) as pool:
        said = list(pool.map(make, ["live", "sandbox"]))
    assert [text[:4] for text in said].count("made") == 1
    assert sum("belongs to the profile" in text for text in said) == 1


def test_the_migrations_make_exactly_the_tables_of_the_models(postgres: Server) -> None:
    link = linked(postgres.new_schema())
    with link.migrating() as connection:
        upgrade(connection)
        found = compare_metadata(MigrationContext.configure(connection), METADATA)
    assert [(change[0], change[1].name) for change in found] == [("remove_table", "ownerships")]
    keys = link.fetch(
        "SELECT table_name, column_name FROM information_schema.columns"
        " WHERE table_schema = current_schema() AND collation_name = 'C' ORDER BY 1"
    )
    assert keys == [
        ("events", "rollout"),
        ("evidence", "digest"),
        ("snapshots", "rollout"),
        ("store_info", "key"),
    ]
    link.close()


def test_an_older_store_is_brought_up_to_date_and_keeps_its_events(
    postgres: Server, now: datetime
) -> None:
    url = postgres.new_schema()
    link = linked(url)
    with link.migrating() as connection:
        upgrade(connection, "0001")
    link.close()
    with open_readonly(url) as reader:
        assert reader.latest_snapshot("r") is None
    assert verify_store(url).ok
    with open_store(url, create=False) as store:
        (event,) = store.log.append("r", 0, now, "me", [SOAK])
        store.log.save_snapshot("r", store.log.head("r"), b"x")
        assert list(store.log.read("r")) == [event]


def test_a_migration_that_fails_leaves_the_older_store_as_it_was(postgres: Server) -> None:
    url = postgres.new_schema()
    link = linked(url)
    with link.migrating() as connection:
        upgrade(connection, "0001")
    postgres.run("CREATE VIEW snapshots AS SELECT 1", url=url)
    assert "snapshots" in refusal(url)
    assert link.fetch("SELECT version_num FROM alembic_version") == [("0001",)]
    link.close()


@pytest.mark.parametrize(("version", "why"), [("0099", "newer build"), ("zebra", "unknown schema")])
def test_a_store_of_a_schema_this_build_does_not_know_is_refused(
    postgres: Server, url: str, version: str, why: str
) -> None:
    postgres.run(f"UPDATE alembic_version SET version_num = '{version}'", url=url)
    assert why in refusal(url, create=True)
    with pytest.raises(StoreUnavailable, match=why):
        open_readonly(url)
    with pytest.raises(StoreUnavailable, match=why):
        verify_store(url)


def test_a_store_with_a_changed_event_does_not_open(postgres: Server, url: str) -> None:
    postgres.run(
        "ALTER TABLE events DISABLE TRIGGER events_stay",
        "DELETE FROM snapshots",
        "UPDATE events SET actor = 'you' WHERE seq = 7",
        url=url,
    )
    with pytest.raises(LogDamaged, match=r"r #7: the event was changed.*rollout verify"):
        open_store(url, create=False)


def test_a_table_without_its_key_does_not_open(postgres: Server, url: str) -> None:
    postgres.run("ALTER TABLE events DROP CONSTRAINT events_pkey", url=url)
    with pytest.raises(LogDamaged, match=r"the database is damaged \(events has no valid key\)"):
        open_store(url, create=False)


def test_a_locked_table_says_so(postgres: Server, url: str) -> None:
    with postgres.connect(url) as raw, raw.transaction():
        raw.execute("LOCK TABLE events")
        assert "locked by another connection" in refusal(url)


def test_a_server_too_old_is_refused(
    postgres: Server, url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(postgres_session, "OLDEST", 990_000)
    assert "is too old: use 99 or newer" in refusal(url)


def test_a_missing_driver_names_the_extra_that_brings_it(
    monkeypatch: pytest.MonkeyPatch, now: datetime
) -> None:
    monkeypatch.setitem(sys.modules, "psycopg", None)
    url = "postgresql+psycopg://me:canary@db/x"
    for use in (
        lambda: open_store(url, create=True),
        lambda: open_readonly(url),
        lambda: verify_store(url),
        lambda: acquire(url, since=now),
        lambda: holder_of(url),
    ):
        with pytest.raises(StoreUnavailable) as caught:
            use()
        assert "pip install 'rollout[postgres]'" in str(caught.value)
        assert "canary" not in str(caught.value)


def test_a_store_in_sqlite_never_loads_the_driver_and_a_known_store_no_migrations(
    url: str, tmp_path_factory: pytest.TempPathFactory
) -> None:
    script = """
import sys
from pathlib import Path
from rollout.store.opening import open_store
from rollout.store.ownership import holder_of
from rollout.store.verification import verify_store
url, path = sys.stdin.read().split()
open_store(path, create=True).close()
assert verify_store(path).ok and holder_of(path) is None
print("psycopg" in sys.modules, "alembic" in sys.modules)
for name in [name for name in sys.modules if name.startswith("alembic")]:
    del sys.modules[name]
open_store(url, create=True).close()
print("psycopg" in sys.modules, "alembic" in sys.modules)
"""
    path = tmp_path_factory.mktemp("sqlite") / "x.db"
    done = subprocess.run(
        [sys.executable, "-c", script], input=f"{url}\n{path}", capture_output=True, text=True
    )
    assert done.stdout.split() == ["False", "True", "True", "False"], done.stderr


@pytest.mark.parametrize(("required", "ends"), [("", "Skipped"), ("1", "Failed")])
def test_a_missing_server_skips_unless_it_is_required(
    monkeypatch: pytest.MonkeyPatch, required: str, ends: str
) -> None:
    monkeypatch.setenv("ROLLOUT_REQUIRE_POSTGRES", required)
    monkeypatch.setattr("postgres_server._binaries", lambda: None)
    with pytest.raises(BaseException, match="no PostgreSQL server") as caught, running():
        pass
    assert type(caught.value).__name__ == ends


def test_the_password_of_the_tests_would_be_found(postgres: Server) -> None:
    assert "canary" in PASSWORD
    assert "canary" in postgres.url()
