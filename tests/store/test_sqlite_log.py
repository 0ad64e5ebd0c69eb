from __future__ import annotations

import os
import signal
import sqlite3
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from datetime import datetime
from pathlib import Path

import pytest

from rollout.domain.errors import LogConflict, LogDamaged, RolloutError, StoreUnavailable
from rollout.domain.events import Payload, SoakStarted
from rollout.store.link import Collision, Link, sqlite_link
from rollout.store.opening import open_store
from rollout.store.sql_evidence import SqlEvidenceStore
from rollout.store.sql_log import SqlEventLog
from rollout.store.sqlite_rules import SqliteRules
from rollout.store.verification import verify_store

Fill = Callable[[Path], Path]
SOAK = SoakStarted(phase="monitoring", attempt=1)
LAST = 25
"""Events in a filled store."""


class Opened:
    """A log whose connection the test can spoil first."""

    def __init__(self, path: Path) -> None:
        self.link: Link = sqlite_link(SqliteRules(path, busy_s=0.05))
        self.log = SqlEventLog(self.link)
        self.evidence = SqlEvidenceStore(self.link)


@pytest.fixture
def path(tmp_path: Path, fill: Fill) -> Path:
    return fill(tmp_path / "rollout.db")


@pytest.mark.parametrize(
    "statement",
    [
        "UPDATE events SET actor = 'you' WHERE seq = 3",
        "DELETE FROM events WHERE seq = 25",
        "DELETE FROM events",
        "REPLACE INTO events SELECT rollout, seq, at, 'you', kind, version, payload, prev, hash"
        " FROM events WHERE seq = 3",
        "INSERT OR REPLACE INTO events SELECT rollout, seq, at, 'you', kind, version, payload, prev,"
        " hash FROM events WHERE seq = 25",
        "INSERT INTO events SELECT * FROM events WHERE seq = 3"
        " ON CONFLICT DO UPDATE SET actor = 'you'",
        "INSERT INTO events SELECT rollout, 27, at, actor, kind, version, payload, hash, hash"
        " FROM events WHERE seq = 25",
        "INSERT INTO events SELECT rollout, 26, at, actor, kind, version, payload, prev, hash"
        " FROM events WHERE seq = 25",
        "UPDATE evidence SET size = 0",
        "DELETE FROM evidence",
        "REPLACE INTO evidence SELECT digest, x'00', 1 FROM evidence",
        "INSERT INTO evidence SELECT * FROM evidence WHERE true ON CONFLICT DO UPDATE SET size = 0",
    ],
)
def test_another_client_cannot_rewrite_what_is_there(path: Path, statement: str) -> None:
    raw = sqlite3.connect(path)
    before = list(raw.iterdump())
    with pytest.raises(sqlite3.IntegrityError, match="append-only"):
        raw.execute(statement)
    assert list(raw.iterdump()) == before
    raw.close()


def test_what_another_client_appends_without_the_right_hash_is_found(path: Path) -> None:
    raw = sqlite3.connect(path)
    raw.execute(
        "INSERT INTO events SELECT rollout, 26, at, actor, kind, version, payload, hash, hash"
        " FROM events WHERE seq = 25"
    )
    raw.commit()
    raw.close()
    assert [(p.rollout, p.seq) for p in verify_store(path).problems] == [("r", 26)]


def test_a_full_disk_loses_nothing_and_says_what_to_do(path: Path, now: datetime) -> None:
    store = Opened(path)
    pages = store.link.fetch("PRAGMA page_count")[0][0]
    store.link.fetch(f"PRAGMA max_page_count = {pages}")
    large: list[Payload] = [SoakStarted(phase="x" * 50_000, attempt=1)]
    with pytest.raises(StoreUnavailable, match="disk is full: free space"):
        store.log.append("r", LAST, now, "me", large)
    with pytest.raises(StoreUnavailable, match="disk is full"):
        store.evidence.put([n**3 for n in range(60_000)])
    assert store.log.head("r").seq == LAST
    store.link.fetch("PRAGMA max_page_count = 100000")
    assert store.log.append("r", LAST, now, "me", large)[0].seq == LAST + 1
    store.link.close()
    assert verify_store(path).ok


def test_a_read_only_database_says_so(path: Path, now: datetime) -> None:
    store = Opened(path)
    store.link.fetch("PRAGMA query_only = 1")
    with pytest.raises(StoreUnavailable, match="read-only: make the file and its folder writable"):
        store.log.append("r", LAST, now, "me", [SOAK])
    store.link.close()


def test_a_writer_elsewhere_is_waited_for_then_named(path: Path, now: datetime) -> None:
    store = Opened(path)
    other = sqlite3.connect(path, isolation_level=None)
    other.execute("BEGIN IMMEDIATE")
    with pytest.raises(StoreUnavailable, match="locked by another process"):
        store.log.append("r", LAST, now, "me", [SOAK])
    other.execute("ROLLBACK")
    assert store.log.append("r", LAST, now, "me", [SOAK])[0].seq == LAST + 1
    other.close()
    store.link.close()


def test_a_reader_that_does_not_let_go_stops_the_commit_but_not_the_log(
    path: Path, now: datetime
) -> None:
    store = Opened(path)
    other = sqlite3.connect(path, isolation_level=None)
    other.execute("BEGIN")
    other.execute("SELECT count(*) FROM events").fetchone()
    with pytest.raises(StoreUnavailable, match="locked"):
        store.log.append("r", LAST, now, "me", [SOAK])
    other.close()
    assert store.log.append("r", LAST, now, "me", [SOAK])[0].seq == LAST + 1
    store.link.close()


def test_after_damage_was_met_the_store_stays_shut(path: Path, now: datetime) -> None:
    store = Opened(path)
    with path.open("r+b") as file:
        file.truncate(path.stat().st_size // 2 // 4096 * 4096)
    with pytest.raises(LogDamaged, match="rollout verify"):
        store.evidence.put({"new": 1})
    with pytest.raises(StoreUnavailable, match=r"shut after an error.*open the store again"):
        store.log.head("r")
    store.link.close()


def test_a_refusal_by_a_foreign_trigger_is_not_called_a_conflict(path: Path, now: datetime) -> None:
    raw = sqlite3.connect(path)
    raw.execute("CREATE TRIGGER no BEFORE INSERT ON events BEGIN SELECT RAISE(ABORT, 'no'); END")
    raw.close()
    store = Opened(path)
    with pytest.raises(Collision, match="refused: no"):
        store.log.append("r", LAST, now, "me", [SOAK])
    store.link.close()


@pytest.mark.parametrize("how", ["moved", "replaced"])
def test_a_file_that_was_swapped_under_the_store_is_noticed_before_the_next_append(
    path: Path, now: datetime, fill: Fill, how: str
) -> None:
    store = Opened(path)
    path.rename(path.with_name("old.db"))
    if how == "replaced":
        fill(path)
    match = {"moved": "moved or deleted", "replaced": "another file has taken"}[how]
    for action in (
        lambda: store.log.append("r", LAST, now, "me", [SOAK]),
        lambda: store.evidence.put({"new": 1}),
    ):
        with pytest.raises(StoreUnavailable, match=match):
            action()
    store.link.close()


def test_a_child_process_must_open_the_store_by_itself(path: Path, now: datetime) -> None:
    store = Opened(path)
    child = os.fork()
    if child == 0:
        outcome = 1
        try:
            store.log.append("r", LAST, now, "me", [SOAK])
        except StoreUnavailable as error:
            outcome = 0 if "child process" in str(error) else 2
        finally:
            os._exit(outcome)
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0
    assert store.log.append("r", LAST, now, "me", [SOAK])[0].seq == LAST + 1
    store.link.close()


def test_a_closed_store_says_so_and_closes_twice(path: Path) -> None:
    store = open_store(path, create=False)
    store.close()
    store.close()
    with pytest.raises(StoreUnavailable, match="closed: open the store again"):
        store.log.head("r")


def test_a_gap_stops_a_reader(path: Path) -> None:
    raw = sqlite3.connect(path)
    raw.execute("DROP TRIGGER events_remain")
    raw.execute("DELETE FROM events WHERE seq = 9")
    raw.commit()
    raw.close()
    store = Opened(path)
    with pytest.raises(LogDamaged, match="#9 is missing"):
        list(store.log.read("r"))
    assert len(list(store.log.read("r", after=9))) == LAST - 9
    store.link.close()


@pytest.mark.parametrize(
    ("change", "error", "why"),
    [
        ("version = 2", StoreUnavailable, "newer build"),
        ("kind = 'stage_changed'", LogDamaged, "labelled stage_changed, holds soak_started"),
        ("payload = x'7b7d'", LogDamaged, "cannot be read"),
        ("payload = CAST('{}' AS TEXT)", LogDamaged, "wrong type"),
        ("at = 'yesterday'", LogDamaged, "cannot be read"),
        ("actor = CAST(x'ff' AS TEXT)", LogDamaged, "damaged"),
    ],
)
def test_an_event_that_cannot_be_read_stops_a_reader(
    path: Path, change: str, error: type[RolloutError], why: str
) -> None:
    raw = sqlite3.connect(path)
    raw.execute("DROP TRIGGER events_stay")
    raw.execute(f"UPDATE events SET {change} WHERE seq = 20")
    raw.commit()
    raw.close()
    store = Opened(path)
    with pytest.raises(error, match=why):
        list(store.log.read("r", after=19))
    store.link.close()


@pytest.mark.parametrize(
    "change",
    [
        "body = zeroblob(10)",
        "body = zeroblob(100)",
        "body = CAST(substr(body, 1, 60) AS BLOB)",
        "body = CAST(substr(body, 1, 40) || zeroblob(9) AS BLOB)",
        "hash = (SELECT hash FROM events WHERE seq = 2)",
        "seq = 24",
        "seq = 2, hash = (SELECT hash FROM events WHERE seq = 2)",
    ],
)
def test_a_damaged_snapshot_is_passed_over_and_reported(path: Path, change: str) -> None:
    with open_store(path, create=False) as store:
        assert store.log.latest_snapshot("r") is not None
    raw = sqlite3.connect(path)
    raw.execute(f"UPDATE snapshots SET {change}")
    raw.commit()
    raw.close()
    with open_store(path, create=False) as store:
        assert store.log.latest_snapshot("r") is None
    (problem,) = verify_store(path).problems
    assert "snapshot" in problem.what


def test_evidence_whose_bytes_changed_is_not_handed_out(path: Path) -> None:
    raw = sqlite3.connect(path)
    raw.execute("DROP TRIGGER evidence_stays")
    raw.execute("UPDATE evidence SET body = x'7b7d', size = 2")
    (digest,) = raw.execute("SELECT digest FROM evidence LIMIT 1").fetchone()
    raw.commit()
    raw.close()
    store = Opened(path)
    with pytest.raises(LogDamaged, match="do not match the digest"):
        store.evidence.get(digest)
    store.link.close()


def test_threads_of_one_store_take_turns(path: Path, now: datetime) -> None:
    store = Opened(path)

    def write(name: str) -> None:
        for seq in range(40):
            store.log.append(name, seq, now, "me", [SOAK])
            store.evidence.put({"name": name, "seq": seq})

    store.link.fetch("PRAGMA synchronous = 0")
    threads = [threading.Thread(target=write, args=(f"t{n}",)) for n in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    store.link.close()
    found = verify_store(path)
    assert (found.ok, found.events) == (True, LAST + 160)


RACE = """
import sys
from datetime import datetime, timezone
from rollout.domain.errors import LogConflict
from rollout.domain.events import SoakStarted
from rollout.store.opening import open_store
path, name = sys.argv[1:]
store = open_store(path, create=False, busy_s=60)
print("ready", flush=True)
sys.stdin.readline()
now = datetime(2026, 1, 6, tzinfo=timezone.utc)
won = []
for seq in range(25, 35):
    try:
        store.log.append("r", seq, now, name, [SoakStarted(phase=name, attempt=1)])
        won.append(seq + 1)
    except LogConflict:
        pass
print(*won, flush=True)
"""


def test_of_eight_processes_exactly_one_appends_each_number(path: Path) -> None:
    racers = [
        subprocess.Popen(
            [sys.executable, "-c", RACE, str(path), f"racer {n}"],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        for n in range(8)
    ]
    for racer in racers:
        assert racer.stdout
        assert racer.stdout.readline() == "ready\n"
    for racer in racers:
        assert racer.stdin
        racer.stdin.write("go\n")
        racer.stdin.flush()
    won = {n: list(map(int, racer.communicate()[0].split())) for n, racer in enumerate(racers)}
    assert [racer.returncode for racer in racers] == [0] * 8
    claimed = sorted(seq for seqs in won.values() for seq in seqs)
    found = verify_store(path)
    assert claimed == list(range(LAST + 1, found.events + 1))
    assert found.ok
    with open_store(path, create=False) as store:
        winners = {e.seq: e.actor for e in store.log.read("r", after=LAST)}
    assert winners == {seq: f"racer {n}" for n, seqs in won.items() for seq in seqs}


WRITER = """
import sys
from datetime import datetime, timezone
from rollout.domain.events import SoakStarted
from rollout.store.opening import open_store
store = open_store(sys.argv[1], create=False)
now = datetime(2026, 1, 6, tzinfo=timezone.utc)
seq = 25
while True:
    events = store.log.append("r", seq, now, "me", [SoakStarted(phase="p" * 300, attempt=1)] * 3)
    seq = events[-1].seq
    print(seq, flush=True)
"""


@pytest.mark.parametrize("acknowledged", [1, 7, 20])
def test_a_killed_writer_loses_nothing_it_was_told_is_safe(
    path: Path, now: datetime, acknowledged: int
) -> None:
    writer = subprocess.Popen(
        [sys.executable, "-c", WRITER, str(path)], stdout=subprocess.PIPE, text=True
    )
    assert writer.stdout
    for _ in range(acknowledged):
        last = int(writer.stdout.readline())
    writer.send_signal(signal.SIGKILL)
    rest = writer.communicate()[0].split()
    last = int(rest[-1]) if rest else last
    found = verify_store(path)
    assert found.ok
    assert found.events >= last
    assert (found.events - LAST) % 3 == 0
    with open_store(path, create=False) as store:
        head = store.log.head("r")
        assert head.seq == found.events
        assert store.log.append("r", head.seq, now, "me", [SOAK])[0].prev == head.hash


def test_two_connections_of_one_process_conflict_like_two_processes(
    path: Path, now: datetime
) -> None:
    with open_store(path, create=False) as one, open_store(path, create=False) as two:
        one.log.append("r", LAST, now, "one", [SOAK])
        with pytest.raises(LogConflict):
            two.log.append("r", LAST, now, "two", [SOAK])
        assert two.log.append("r", LAST + 1, now, "two", [SOAK])[0].seq == LAST + 2


LIMITED = """
import resource, sys
from datetime import datetime, timezone
from rollout.domain.errors import StoreUnavailable
from rollout.domain.events import SoakStarted
from rollout.store.opening import open_store
store = open_store(sys.argv[1], create=False)
size = int(sys.argv[2])
resource.setrlimit(resource.RLIMIT_FSIZE, (size, resource.RLIM_INFINITY))
now = datetime(2026, 1, 6, tzinfo=timezone.utc)
for _ in range(2):
    try:
        store.log.append("r", 25, now, "me", [SoakStarted(phase="x" * 90_000, attempt=1)])
    except StoreUnavailable as error:
        print(error)
"""


def test_after_an_input_output_error_the_store_is_shut_and_nothing_is_lost(path: Path) -> None:
    done = subprocess.run(
        [sys.executable, "-c", LIMITED, str(path), str(path.stat().st_size)],
        capture_output=True,
        text=True,
        check=True,
    )
    first, second = done.stdout.splitlines()
    assert "input/output error: end this process, check the disk" in first
    assert "shut after an error" in second
    found = verify_store(path)
    assert (found.ok, found.events) == (True, LAST)


class Hurried(SqliteRules):
    """Like a database that takes no write lock at the beginning."""

    def begin(self, cursor: object, scope: str) -> None:
        pass


class Interrupted(list[Payload]):
    """Somebody else appends between the look at the head and the insert."""

    def __init__(self, meanwhile: Callable[[], object]) -> None:
        super().__init__([SOAK])
        self._meanwhile = meanwhile

    def __iter__(self) -> Iterator[Payload]:
        self._meanwhile()
        return super().__iter__()


def test_without_a_write_lock_a_taken_number_is_still_a_conflict(path: Path, now: datetime) -> None:
    hurried = sqlite_link(Hurried(path))
    with open_store(path, create=False) as other:
        payloads = Interrupted(lambda: other.log.append("r", LAST, now, "other", [SOAK]))
        with pytest.raises(LogConflict) as caught:
            SqlEventLog(hurried).append("r", LAST, now, "me", payloads)
    assert caught.value.found_seq == LAST + 1
    hurried.close()
    assert verify_store(path).ok


def test_a_document_that_somebody_else_stored_meanwhile_is_stored_once(path: Path) -> None:
    store = Opened(path)
    document = {"new": 1}
    with open_store(path, create=False) as other:
        digest = other.evidence.put(document)
    assert store.evidence.put(document) == digest
    assert store.link.fetch("SELECT count(*) FROM evidence") == [(4,)]
    store.link.close()


def test_a_connection_that_cannot_be_made_as_wanted_is_closed_again(path: Path) -> None:
    rules = SqliteRules(path)
    rules._pragmas["temp_store"] = "zebra"
    with pytest.raises(StoreUnavailable, match="did not take temp_store"):
        rules.connect()
    with pytest.raises(StoreUnavailable, match="cannot be opened"):
        SqliteRules(path.with_name("gone.db")).connect()


def test_the_store_says_what_it_was_asked_of_a_damaged_file(path: Path) -> None:
    store = Opened(path)
    path.write_bytes(b"garbage " * 1000)
    with pytest.raises(RolloutError, match=r"not a database|damaged"):
        store.link.tables()
    store.link.close()
