from __future__ import annotations

import os
import socket
import sqlite3
import stat
import subprocess
import sys
from collections.abc import Callable
from datetime import datetime
from pathlib import Path

import pytest
from alembic.autogenerate import compare_metadata
from alembic.runtime.migration import MigrationContext

from rollout.domain.errors import LogDamaged, RolloutError, StoreUnavailable
from rollout.domain.events import SoakStarted
from rollout.store.link import sqlite_link
from rollout.store.migrations.upgrade import upgrade
from rollout.store.opening import open_store
from rollout.store.schema import SCHEMA, SQLITE_TRIGGERS, VERSIONS
from rollout.store.sqlite_files import claim, network_file_system
from rollout.store.sqlite_rules import DURABLE, RELAXED, SqliteRules, set_pragmas
from rollout.store.tables import METADATA

Fill = Callable[[Path], Path]
SOAK = SoakStarted(phase="monitoring", attempt=1)


def mode(path: Path) -> int:
    return stat.S_IMODE(path.stat().st_mode)


def refusal(path: Path | str, *, create: bool = False) -> str:
    with pytest.raises(RolloutError) as caught:
        open_store(path, create=create, busy_s=0.05)
    return str(caught.value)


def test_a_new_store_and_the_folders_above_it_are_private(tmp_path: Path, now: datetime) -> None:
    path = tmp_path / "a" / "b" / "rollout.db"
    with open_store(path, create=True, profile="live", now=now) as store:
        assert store.info.schema == SCHEMA
        assert (store.info.profile, store.info.created) == ("live", "2026-01-06T18:00:00Z")
    assert (mode(path), mode(path.parent), mode(path.parent.parent)) == (0o600, 0o700, 0o700)


def test_the_journal_is_as_private_as_the_store(tmp_path: Path, fill: Fill) -> None:
    path = fill(tmp_path / "rollout.db")
    with open_store(path, create=False) as store, store.log._link.writing("r") as cursor:
        cursor.execute("INSERT INTO store_info VALUES ('a', 'b')")
        assert mode(tmp_path / "rollout.db-journal") == 0o600


@pytest.mark.parametrize(
    ("relaxed", "expected"), [(False, DURABLE), (True, RELAXED)], ids=["durable", "relaxed"]
)
def test_the_pragmas_took(tmp_path: Path, relaxed: bool, expected: dict[str, str | int]) -> None:
    with open_store(tmp_path / "x.db", create=True, relaxed=relaxed) as store:
        found = {name: store.log._link.fetch(f"PRAGMA {name}")[0][0] for name in expected}
    assert found == expected
    assert DURABLE["synchronous"] == 3


def test_a_pragma_that_does_not_take_is_refused() -> None:
    connection = sqlite3.connect(":memory:")
    with pytest.raises(StoreUnavailable, match="did not take journal_mode = delete"):
        set_pragmas(connection, [("journal_mode", "delete")], "here")
    with pytest.raises(StoreUnavailable, match="no such setting"):
        set_pragmas(connection, [("no_such_pragma", 1)], "here")
    connection.close()


def test_a_store_that_another_program_keeps_in_wal_mode_is_refused(
    tmp_path: Path, fill: Fill
) -> None:
    path = fill(tmp_path / "x.db")
    other = sqlite3.connect(path)
    other.execute("PRAGMA journal_mode=WAL")
    other.execute("SELECT count(*) FROM events").fetchone()
    assert "locked by another process" in refusal(path)
    other.close()


def test_a_missing_store_is_not_made_unless_asked(tmp_path: Path) -> None:
    assert "there is no store" in refusal(tmp_path / "none" / "x.db")
    assert not (tmp_path / "none").exists()


def test_an_empty_file_becomes_a_store_only_when_asked(tmp_path: Path) -> None:
    path = tmp_path / "x.db"
    path.touch()
    assert "is empty" in refusal(path)
    with open_store(path, create=True) as store:
        assert store.log.rollouts() == []


def test_another_kind_of_file_is_refused_with_or_without_create(tmp_path: Path) -> None:
    path = tmp_path / "x.db"
    path.write_text("phases:\n" * 400)
    for create in (False, True):
        assert "not a database" in refusal(path, create=create)


def test_another_database_is_refused_with_or_without_create(tmp_path: Path) -> None:
    path = tmp_path / "x.db"
    other = sqlite3.connect(path)
    other.execute("CREATE TABLE customers (id)")
    other.close()
    for create in (False, True):
        assert "not a store of rollouts" in refusal(path, create=create)


def test_a_symbolic_link_is_refused(tmp_path: Path, fill: Fill) -> None:
    link = tmp_path / "link.db"
    link.symlink_to(fill(tmp_path / "x.db"))
    assert "symbolic link" in refusal(link, create=True)
    dangling = tmp_path / "dangling.db"
    dangling.symlink_to(tmp_path / "nowhere.db")
    assert "symbolic link" in refusal(dangling, create=True)
    assert not (tmp_path / "nowhere.db").exists()


def test_a_folder_or_a_socket_is_refused(tmp_path: Path) -> None:
    assert "not a regular file" in refusal(tmp_path)
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind(str(tmp_path / "s"))
        assert "not a regular file" in refusal(tmp_path / "s", create=True)


def test_a_folder_that_is_a_file_is_named(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    assert "cannot be used as a store" in refusal(tmp_path / "file" / "x.db", create=True)


def test_a_file_open_to_others_is_closed_to_them(tmp_path: Path, fill: Fill) -> None:
    path = fill(tmp_path / "x.db")
    path.chmod(0o666)
    open_store(path, create=False).close()
    assert mode(path) == 0o660


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can give a file away")
def test_a_file_of_somebody_else_that_anybody_may_write_is_refused(
    tmp_path: Path, fill: Fill
) -> None:
    path = fill(tmp_path / "x.db")
    path.chmod(0o646)
    os.chown(path, 12345, 12345)
    assert "anybody may write" in refusal(path)


MOUNTS = """\
21 1 0:5 / / rw - ext4 /dev/vda rw
22 21 0:6 / /srv/team\\040share rw shared:1 - nfs4 host:/x rw
23 21 0:7 / /mnt rw - fuse.sshfs host:/x rw
24 23 0:8 / /mnt/local rw - ext4 /dev/vdb rw
25 21 0:9 / /over rw - cifs //host/x rw
26 21 0:9 / /over rw - tmpfs none rw
garbled
"""


@pytest.mark.parametrize(
    ("path", "kind"),
    [
        ("/home/me/x.db", None),
        ("/srv/team share/x.db", "nfs4"),
        ("/srv/team/x.db", None),
        ("/mnt/a/x.db", "fuse.sshfs"),
        ("/mntx/x.db", None),
        ("/mnt/local/x.db", None),
        ("/over/x.db", None),
    ],
)
def test_network_file_systems_are_recognised_by_the_innermost_mount(
    path: str, kind: str | None
) -> None:
    assert network_file_system(Path(path), MOUNTS) == kind


def test_a_store_on_a_network_file_system_is_refused_before_anything_is_made(
    tmp_path: Path,
) -> None:
    mounts = f"22 21 0:6 / {tmp_path} rw - nfs4 host:/x rw"
    with pytest.raises(StoreUnavailable, match="network file system"):
        open_store(tmp_path / "x.db", create=True, mountinfo=mounts)
    assert not (tmp_path / "x.db").exists()


def test_the_profile_of_a_store_stays(tmp_path: Path, fill: Fill, now: datetime) -> None:
    path = fill(tmp_path / "x.db")
    with pytest.raises(StoreUnavailable, match="belongs to the profile 'live', not 'rehearsal'"):
        open_store(path, create=True, profile="rehearsal")
    with open_store(path, create=False, profile="live", now=now.replace(year=2030)) as store:
        assert store.info.created == "2026-01-06T18:00:00Z"


def test_a_store_without_a_profile_takes_the_first_it_is_given(tmp_path: Path) -> None:
    path = tmp_path / "x.db"
    with open_store(path, create=True) as store:
        assert store.info.profile is None
    with open_store(path, create=False, profile="live") as store:
        assert store.info.profile == "live"
    with open_store(path, create=False) as store:
        assert store.info.profile == "live"


@pytest.mark.parametrize(
    ("url", "why"),
    [
        ("mysql://host/db", "kept in SQLite or PostgreSQL"),
        ("sqlite:///x.db?mode=ro", "takes no options"),
        ("://", "cannot be read"),
    ],
)
def test_a_url_of_another_kind_is_refused(url: str, why: str) -> None:
    assert why in refusal(url, create=True)


@pytest.mark.parametrize("odd", ["a b#c?d%41.db", "ä☃.db"])
def test_a_url_and_a_path_name_the_same_file(tmp_path: Path, odd: str, now: datetime) -> None:
    with open_store(tmp_path / odd, create=True) as store:
        store.log.append("r", 0, now, "me", [SOAK])
    assert {p.name for p in tmp_path.iterdir()} == {odd}
    with open_store(str(tmp_path / odd), create=False) as store:
        assert store.log.rollouts() == ["r"]


def test_a_sqlite_url_opens_its_file(tmp_path: Path, fill: Fill) -> None:
    path = fill(tmp_path / "x.db")
    with open_store(f"sqlite:///{path}", create=False) as store:
        assert store.path == path
    with open_store("sqlite://", create=True) as store:
        assert store.path is None


def test_the_migrations_make_exactly_the_tables_of_the_models(tmp_path: Path) -> None:
    path = tmp_path / "x.db"
    claim(path, create=True)
    link = sqlite_link(SqliteRules(path))
    with link.migrating() as connection:
        upgrade(connection)
        assert compare_metadata(MigrationContext.configure(connection), METADATA) == []
    found = dict(link.fetch("SELECT name, sql FROM sqlite_master WHERE type = 'trigger'"))
    assert found == SQLITE_TRIGGERS
    assert link.fetch("SELECT version_num FROM alembic_version") == [(VERSIONS[-1],)]
    link.close()


def test_an_older_store_is_brought_up_to_date_and_keeps_its_events(
    tmp_path: Path, now: datetime
) -> None:
    path = tmp_path / "x.db"
    make_older(path)
    raw = sqlite3.connect(path)
    assert ("snapshots",) not in raw.execute("SELECT name FROM sqlite_master").fetchall()
    raw.close()
    with open_store(path, create=False) as store:
        (event,) = store.log.append("r", 0, now, "me", [SOAK])
        store.log.save_snapshot("r", store.log.head("r"), b"x")
        assert list(store.log.read("r")) == [event]
        assert store.info.schema == SCHEMA


def test_a_migration_that_fails_leaves_the_older_store_as_it_was(tmp_path: Path) -> None:
    path = tmp_path / "x.db"
    make_older(path)
    raw = sqlite3.connect(path)
    raw.execute("CREATE VIEW snapshots AS SELECT 1")
    before = list(raw.iterdump())
    assert "snapshots" in refusal(path)
    assert list(raw.iterdump()) == before
    raw.close()


def make_older(path: Path) -> None:
    claim(path, create=True)
    link = sqlite_link(SqliteRules(path))
    with link.migrating() as connection:
        upgrade(connection, "0001")
    link.close()


@pytest.mark.parametrize(("version", "why"), [("0099", "newer build"), ("zebra", "unknown schema")])
def test_a_store_of_a_schema_this_build_does_not_know_is_refused(
    tmp_path: Path, fill: Fill, version: str, why: str
) -> None:
    path = fill(tmp_path / "x.db")
    raw = sqlite3.connect(path)
    raw.execute("UPDATE alembic_version SET version_num = ?", (version,))
    raw.commit()
    raw.close()
    before = path.read_bytes()
    assert why in refusal(path, create=True)
    assert path.read_bytes() == before


def test_a_locked_store_says_so(tmp_path: Path, fill: Fill) -> None:
    path = fill(tmp_path / "x.db")
    other = sqlite3.connect(path, isolation_level=None)
    other.execute("BEGIN EXCLUSIVE")
    assert "locked by another process" in refusal(path)
    other.close()


def test_a_store_with_a_changed_event_does_not_open(tmp_path: Path, fill: Fill) -> None:
    path = fill(tmp_path / "x.db")
    raw = sqlite3.connect(path)
    raw.execute("DROP TRIGGER events_stay")
    raw.execute("DELETE FROM snapshots")
    raw.execute("UPDATE events SET actor = 'you' WHERE seq = 7")
    raw.commit()
    raw.close()
    with pytest.raises(LogDamaged, match=r"r #7: the event was changed.*rollout verify"):
        open_store(path, create=False)


def test_events_before_a_snapshot_are_left_to_verify(tmp_path: Path, fill: Fill) -> None:
    path = fill(tmp_path / "x.db")
    raw = sqlite3.connect(path)
    raw.execute("DROP TRIGGER events_stay")
    raw.execute("UPDATE events SET actor = 'you' WHERE seq = 7")
    raw.commit()
    open_store(path, create=False).close()
    raw.execute("UPDATE snapshots SET hash = 'x'")
    raw.commit()
    raw.close()
    assert "r #7" in refusal(path)


def test_a_damaged_page_does_not_open(tmp_path: Path, fill: Fill) -> None:
    path = fill(tmp_path / "x.db")
    body = bytearray(path.read_bytes())
    page = body.index(b"phase 3")
    body[page // 4096 * 4096] ^= 0xFF
    path.write_bytes(body)
    with pytest.raises(LogDamaged, match=r"damaged.*rollout verify"):
        open_store(path, create=False)


def test_what_only_the_check_of_the_file_finds_does_not_open(tmp_path: Path, fill: Fill) -> None:
    path = fill(tmp_path / "x.db")
    body = bytearray(path.read_bytes())
    body[36:40] = (3).to_bytes(4, "big")  # the header's count of free pages
    path.write_bytes(body)
    with pytest.raises(LogDamaged, match=r"the file is damaged .*reelist"):
        open_store(path, create=False)


def test_opening_a_store_that_is_up_to_date_does_not_import_alembic(
    tmp_path: Path, fill: Fill
) -> None:
    path = fill(tmp_path / "x.db")
    script = (
        "import sys; from rollout.store.opening import open_store;"
        f"open_store({str(path)!r}, create=True).close();"
        "print([m for m in sys.modules if m.split('.')[0] == 'alembic'])"
    )
    done = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, text=True, check=True
    )
    assert done.stdout.strip() == "[]"
