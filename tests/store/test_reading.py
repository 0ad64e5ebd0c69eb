from __future__ import annotations

import shutil
import signal
import sqlite3
import subprocess
import sys
from collections.abc import Callable
from datetime import datetime, timedelta
from pathlib import Path

import pytest

from rollout.domain.chain import genesis
from rollout.domain.errors import LogDamaged, RolloutError, StoreUnavailable
from rollout.domain.events import Measured, SoakStarted
from rollout.ports import Head
from rollout.store.link import sqlite_link
from rollout.store.migrations.upgrade import upgrade
from rollout.store.opening import open_store
from rollout.store.reading import Reader, open_readonly
from rollout.store.sqlite_files import claim
from rollout.store.sqlite_rules import SqliteRules

Fill = Callable[[Path], Path]
SOAK = SoakStarted(phase="monitoring", attempt=1)
LAST = 25


@pytest.fixture
def path(tmp_path: Path, fill: Fill) -> Path:
    return fill(tmp_path / "rollout.db")


def refusal(path: Path) -> str:
    with pytest.raises(StoreUnavailable) as caught:
        open_readonly(path, busy_s=0.05)
    return str(caught.value)


def test_a_reader_sees_what_the_log_holds(path: Path) -> None:
    with open_store(path, create=False) as store, open_readonly(path) as reader:
        assert reader.rollouts() == store.log.rollouts() == ["r"]
        assert reader.head("r") == store.log.head("r")
        assert reader.events("r") == list(store.log.read("r"))
        assert reader.sealed("r") == list(store.log.sealed("r"))
        assert reader.latest_snapshot("r") == store.log.latest_snapshot("r")
        assert reader.latest_snapshot("r") is not None
        assert reader.info() == {"profile": "live", "created": "2026-01-06T18:00:00Z"}
        (measured,) = reader.events("r", kinds=["measured"])
        assert isinstance(measured.payload, Measured)
        assert measured.payload.evidence
        found = reader.evidence(measured.payload.evidence)
        assert found == store.evidence.get(measured.payload.evidence) == {"metrics": {"rows": 50}}


def test_a_reader_knows_nothing_of_a_rollout_that_is_not_there(path: Path) -> None:
    with open_readonly(path) as reader:
        assert reader.head("other") == Head(seq=0, hash=genesis("other"))
        assert reader.events("other") == []
        assert reader.latest_snapshot("other") is None
        with pytest.raises(KeyError):
            reader.evidence("0" * 64)


def seqs(reader: Reader, **filters: object) -> list[int]:
    return [e.seq for e in reader.events("r", **filters)]  # type: ignore[arg-type]


def test_events_are_cut_from_either_end_and_by_kind(path: Path) -> None:
    with open_readonly(path) as reader:
        assert seqs(reader, after=22) == [23, 24, 25]
        assert seqs(reader, before=3) == [1, 2]
        assert seqs(reader, after=5, before=20, limit=2) == [6, 7]
        assert seqs(reader, after=5, before=20, limit=2, newest=True) == [18, 19]
        assert seqs(reader, kinds=["measured", "step_progressed"]) == [2, 5]
        assert seqs(reader, kinds=["soak_started"], limit=1, newest=True) == [25]
        assert seqs(reader, kinds=["no such kind"]) == []
        assert seqs(reader, limit=0) == []


def test_rollouts_are_listed_by_age(path: Path, now: datetime) -> None:
    with open_store(path, create=False) as store:
        store.log.append("a", 0, now, "me", [SOAK])
        store.log.append("z", 0, now - timedelta(days=1), "me", [SOAK])
        with open_readonly(path) as reader:
            assert reader.rollouts() == store.log.rollouts() == ["z", "a", "r"]


def test_a_reader_follows_a_writer(path: Path, now: datetime) -> None:
    with open_readonly(path) as reader, open_store(path, create=False) as store:
        for seq in range(LAST, LAST + 3):
            store.log.append("r", seq, now, "me", [SOAK])
            assert reader.head("r").seq == seq + 1


def test_a_reader_cannot_write(path: Path) -> None:
    with open_readonly(path) as reader, pytest.raises(StoreUnavailable, match="read-only"):
        reader.ask("DELETE FROM snapshots")


def test_a_missing_store_is_not_made(tmp_path: Path) -> None:
    assert "there is no store" in refusal(tmp_path / "x.db")
    assert list(tmp_path.iterdir()) == []


def test_what_is_no_store_is_named(tmp_path: Path) -> None:
    assert "is not a file" in refusal(tmp_path)
    text = tmp_path / "plan.yaml"
    text.write_text("phases:\n" * 400)
    assert "not a database" in refusal(text)
    (tmp_path / "empty.db").touch()
    assert "is not a store of rollouts" in refusal(tmp_path / "empty.db")


def test_a_newer_schema_is_refused(path: Path) -> None:
    raw = sqlite3.connect(path)
    raw.execute("UPDATE alembic_version SET version_num = '0099'")
    raw.commit()
    raw.close()
    assert "newer build" in refusal(path)


def test_an_older_schema_is_read_as_it_is(tmp_path: Path) -> None:
    path = tmp_path / "x.db"
    claim(path, create=True)
    link = sqlite_link(SqliteRules(path))
    with link.migrating() as connection:
        upgrade(connection, "0001")
    link.close()
    with open_readonly(path) as reader:
        assert reader.rollouts() == []
        assert reader.latest_snapshot("r") is None


def test_a_locked_store_says_so(path: Path) -> None:
    other = sqlite3.connect(path, isolation_level=None)
    other.execute("BEGIN EXCLUSIVE")
    assert "locked by another process" in refusal(path)
    other.close()


def test_a_lock_taken_later_is_named_too(path: Path) -> None:
    with open_readonly(path, busy_s=0.05) as reader:
        other = sqlite3.connect(path, isolation_level=None)
        other.execute("BEGIN EXCLUSIVE")
        with pytest.raises(StoreUnavailable, match="locked"):
            reader.rollouts()
        other.close()


@pytest.mark.parametrize(
    ("change", "why"),
    [
        ("rollout = CAST(x'ff' AS TEXT)", "is damaged"),
        ("seq = 'x'", "cannot be read"),
        ("version = 'x'", "wrong type"),
        ("prev = 'x'", "#25 is missing or was replaced"),
        ("payload = x'7b7d'", "cannot be read"),
        ("actor = CAST(x'ff' AS TEXT)", "cannot be read"),
    ],
)
def test_damage_is_an_error_never_a_traceback(path: Path, change: str, why: str) -> None:
    raw = sqlite3.connect(path)
    raw.execute("DROP TRIGGER events_stay")
    raw.execute(f"UPDATE events SET {change} WHERE seq = 25")
    raw.commit()
    raw.close()
    with open_readonly(path) as reader, pytest.raises(LogDamaged, match=why):
        _ = reader.rollouts(), reader.head("r"), reader.events("r")


def test_a_damaged_page_is_an_error(path: Path) -> None:
    body = bytearray(path.read_bytes())
    page = body.index(b"phase 3") // 4096 * 4096
    body[page : page + 200] = b"\xff" * 200
    path.write_bytes(body)
    with open_readonly(path) as reader, pytest.raises(RolloutError, match="damaged"):
        reader.events("r")


TORN = """
import os, signal, sqlite3, sys
c = sqlite3.connect(sys.argv[1], isolation_level=None)
c.execute("PRAGMA synchronous = 3")
c.execute("PRAGMA cache_size = 1")
c.execute("BEGIN IMMEDIATE")
c.execute("CREATE TABLE junk (x)")
c.executemany("INSERT INTO junk VALUES (?)", [("x" * 3000,)] * 200)
c.execute("DROP TRIGGER events_stay")
c.execute("UPDATE events SET actor = 'half done'")
os.kill(os.getpid(), signal.SIGKILL)
"""


def test_an_interrupted_commit_is_undone_before_reading(path: Path) -> None:
    with open_readonly(path) as reader:
        before = reader.events("r")
    done = subprocess.run([sys.executable, "-c", TORN, str(path)], check=False)
    assert done.returncode == -signal.SIGKILL
    journal = path.with_name(path.name + "-journal")
    assert journal.stat().st_size > 0
    with open_readonly(path) as reader:
        assert reader.events("r") == before
    assert not journal.exists()


def test_a_journal_that_cannot_be_undone_is_an_error(path: Path) -> None:
    path.with_name(path.name + "-journal").mkdir()
    assert str(path) in refusal(path)


def test_reading_loads_nothing_heavy(path: Path) -> None:
    script = f"""
import sys
from rollout.store.reading import open_readonly
from rollout.store.verification import verify_store
with open_readonly({str(path)!r}) as reader:
    reader.events(reader.rollouts()[0]), reader.latest_snapshot("r")
assert verify_store({str(path)!r}).ok
roots = {{name.split(".")[0] for name in sys.modules}}
print(sorted(roots & {{"pydantic", "sqlalchemy", "sqlmodel", "alembic", "duckdb", "textual"}}))
"""
    done = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, text=True, check=True
    )
    assert done.stdout.strip() == "[]"


def test_a_copy_is_read_like_the_original(path: Path, tmp_path: Path) -> None:
    copy = tmp_path / "copy of it?.db"
    shutil.copyfile(path, copy)
    copy.chmod(0o400)
    with open_readonly(copy) as reader:
        assert reader.head("r").seq == LAST
