from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime
from typing import Any

import pytest
from postgres_server import Server

from rollout.domain.errors import LogConflict, RolloutError, StoreUnavailable
from rollout.domain.events import Payload, SoakStarted
from rollout.store.address import PostgresAddress, located
from rollout.store.link import Collision
from rollout.store.opening import open_store
from rollout.store.postgres_rules import PostgresRules, postgres_link
from rollout.store.sql_evidence import SqlEvidenceStore
from rollout.store.sql_log import SqlEventLog
from rollout.store.verification import verify_store

psycopg = pytest.importorskip("psycopg")
Fill = Callable[[str], str]
SOAK = SoakStarted(phase="monitoring", attempt=1)
LAST = 25
"""Events in a filled store."""


def address(url: str) -> PostgresAddress:
    found = located(url)
    assert isinstance(found, PostgresAddress)
    return found


class Opened:
    """A log whose connection the test can spoil first."""

    def __init__(self, url: str, busy_s: float = 0.05) -> None:
        self.link = postgres_link(PostgresRules(address(url), relaxed=False, busy_s=busy_s))
        self.log = SqlEventLog(self.link)
        self.evidence = SqlEvidenceStore(self.link)

    @property
    def backend(self) -> int:
        return int(self.link.fetch("SELECT pg_backend_pid()")[0][0])


@pytest.fixture
def url(postgres: Server, fill: Fill) -> str:
    return fill(postgres.new_schema())


@pytest.fixture(scope="module")
def kept(postgres: Server, fill: Fill) -> str:
    """A store that nobody manages to change."""
    return fill(postgres.new_schema())


COPIED = "rollout, {}, at, actor, kind, version, payload, {}, hash FROM events WHERE seq = 25"


@pytest.mark.parametrize(
    "statement",
    [
        "UPDATE events SET actor = 'you' WHERE seq = 3",
        "UPDATE events SET seq = seq + 1000",
        "DELETE FROM events WHERE seq = 25",
        "DELETE FROM events",
        "TRUNCATE events",
        "TRUNCATE evidence, events, snapshots",
        "INSERT INTO events SELECT * FROM events WHERE seq = 3"
        " ON CONFLICT (rollout, seq) DO UPDATE SET actor = 'you'",
        "MERGE INTO events e USING (SELECT 3 AS seq) n ON e.seq = n.seq"
        " WHEN MATCHED THEN UPDATE SET actor = 'you'",
        f"INSERT INTO events SELECT {COPIED.format(27, 'hash')}",
        f"INSERT INTO events SELECT {COPIED.format(26, 'prev')}",
        f"INSERT INTO events SELECT {COPIED.format(25, 'prev')}",
        f"SET session_replication_role = replica; INSERT INTO events SELECT {COPIED.format(9, 'prev')}",
        "SET session_replication_role = replica; DELETE FROM events",
        "CREATE TEMP TABLE events (LIKE events); INSERT INTO pg_temp.events SELECT 'r', 26, at,"
        " actor, kind, version, payload, prev, hash FROM {schema}.events WHERE seq = 25;"
        f" INSERT INTO {{schema}}.events SELECT {COPIED.format(27, 'hash')}".replace(
            "FROM events", "FROM {schema}.events"
        ),
        "UPDATE evidence SET size = 0",
        "DELETE FROM evidence",
        "TRUNCATE evidence",
        "INSERT INTO evidence SELECT * FROM evidence"
        " ON CONFLICT (digest) DO UPDATE SET body = '', size = 0",
    ],
)
def test_another_client_cannot_rewrite_what_is_there(
    postgres: Server, kept: str, statement: str
) -> None:
    before = verify_store(kept)
    with postgres.connect(kept) as raw:
        schema = raw.execute("SELECT current_schema()").fetchone()
        assert schema
        with pytest.raises(psycopg.errors.IntegrityConstraintViolation, match="append-only"):
            raw.execute(statement.replace("{schema}", schema[0]).encode())
    assert verify_store(kept) == before
    assert before.ok


def test_evidence_that_is_there_is_not_inserted_twice(postgres: Server, kept: str) -> None:
    with postgres.connect(kept) as raw, pytest.raises(psycopg.errors.UniqueViolation):
        raw.execute("INSERT INTO evidence SELECT * FROM evidence")


def test_what_another_client_appends_without_the_right_hash_is_found(
    postgres: Server, url: str
) -> None:
    postgres.run(f"INSERT INTO events SELECT {COPIED.format(26, 'hash')}", url=url)
    assert [(p.rollout, p.seq) for p in verify_store(url).problems] == [("r", 26)]


def test_of_eight_that_append_the_same_number_one_wins(url: str, now: datetime) -> None:
    stores = [Opened(url, busy_s=10) for _ in range(8)]
    together = threading.Barrier(8)

    def append(store: Opened, seq: int) -> str:
        together.wait()
        try:
            return store.log.append("r", seq, now, "me", [SOAK])[0].hash
        except LogConflict as conflict:
            return "" if conflict.found_seq == seq + 1 else str(conflict)

    with ThreadPoolExecutor(8) as pool:
        for seq in range(LAST, LAST + 5):
            won = list(filter(None, pool.map(lambda store, at=seq: append(store, at), stores)))
            assert won == [stores[0].log.head("r").hash]
    for store in stores:
        store.link.close()
    found = verify_store(url)
    assert (found.ok, found.events) == (True, LAST + 5)


def test_the_first_event_of_a_rollout_has_one_winner_too(url: str, now: datetime) -> None:
    stores = [Opened(url, busy_s=10) for _ in range(4)]
    together = threading.Barrier(4)

    def begin(store: Opened) -> int:
        together.wait()
        try:
            return len(store.log.append("new", 0, now, "me", [SOAK, SOAK]))
        except LogConflict:
            return 0

    with ThreadPoolExecutor(4) as pool:
        assert sorted(pool.map(begin, stores)) == [0, 0, 0, 2]
    for store in stores:
        store.link.close()


def test_the_same_document_from_eight_at_once_is_one(url: str) -> None:
    stores = [Opened(url, busy_s=10) for _ in range(8)]
    together = threading.Barrier(8)

    def put(store: Opened) -> str:
        together.wait()
        return store.evidence.put({"rows": list(range(50))})

    with ThreadPoolExecutor(8) as pool:
        assert len(set(pool.map(put, stores))) == 1
    for store in stores:
        store.link.close()


class Hurried(PostgresRules):
    """A client that takes no lock at the beginning."""

    def begin(self, cursor: object, scope: str) -> None:
        cursor.execute("BEGIN")  # type: ignore[attr-defined]


class Interrupted(list[Payload]):
    """Somebody else appends between the look at the head and the insert."""

    def __init__(self, meanwhile: Callable[[], object]) -> None:
        super().__init__([SOAK])
        self._meanwhile = meanwhile

    def __iter__(self):  # type: ignore[no-untyped-def]
        self._meanwhile()
        return super().__iter__()


def test_without_the_lock_a_taken_number_is_still_a_conflict(url: str, now: datetime) -> None:
    hurried = postgres_link(Hurried(address(url), relaxed=False, busy_s=1))
    other = Opened(url)
    payloads = Interrupted(lambda: other.log.append("r", LAST, now, "other", [SOAK]))
    with pytest.raises(LogConflict) as caught:
        SqlEventLog(hurried).append("r", LAST, now, "me", payloads)
    assert (caught.value.expected_seq, caught.value.found_seq) == (LAST, LAST + 1)
    assert [e.actor for e in other.log.read("r", after=LAST)] == ["other"]
    hurried.close()
    other.link.close()
    assert verify_store(url).ok


def test_a_writer_of_the_same_rollout_is_waited_for_then_named(url: str, now: datetime) -> None:
    store, other = Opened(url), Opened(url)
    with other.link.writing("r"):
        with pytest.raises(StoreUnavailable, match="locked by another connection: wait for it"):
            store.log.append("r", LAST, now, "me", [SOAK])
        assert store.log.append("another", 0, now, "me", [SOAK])[0].seq == 1
    assert store.log.append("r", LAST, now, "me", [SOAK])[0].seq == LAST + 1
    for opened in (store, other):
        opened.link.close()


def test_stores_in_two_schemas_do_not_wait_for_each_other(
    postgres: Server, url: str, fill: Fill, now: datetime
) -> None:
    store, other = Opened(url), Opened(fill(postgres.new_schema()))
    with other.link.writing("r"):
        assert store.log.append("r", LAST, now, "me", [SOAK])[0].seq == LAST + 1
    for opened in (store, other):
        opened.link.close()


def test_readers_do_not_wait_for_a_writer(url: str) -> None:
    store, other = Opened(url), Opened(url)
    with other.link.writing("r") as cursor:
        cursor.execute("DELETE FROM snapshots")
        assert store.log.head("r").seq == LAST
        assert store.log.latest_snapshot("r") is not None
        assert verify_store(url).ok
    for opened in (store, other):
        opened.link.close()


def test_a_lost_connection_shuts_the_store_and_loses_nothing(
    postgres: Server, url: str, now: datetime
) -> None:
    store = Opened(url)
    store.log.append("r", LAST, now, "me", [SOAK])
    postgres.run(f"SELECT pg_terminate_backend({store.backend}, 5000)")
    with pytest.raises(StoreUnavailable, match=r"connection was lost.*open the store again"):
        store.log.append("r", LAST + 1, now, "me", [SOAK])
    with pytest.raises(StoreUnavailable, match=r"shut after an error.*open the store again"):
        store.log.head("r")
    store.link.close()
    with open_store(url, create=False) as again:
        assert again.log.head("r").seq == LAST + 1


def test_an_error_inside_a_transaction_leaves_the_store_usable(url: str, now: datetime) -> None:
    store = Opened(url)

    def half(then: Callable[[Any], object]) -> None:
        with store.link.writing("r") as cursor:
            cursor.execute("INSERT INTO store_info VALUES ('a', 'b')")
            then(cursor)

    with pytest.raises(StoreUnavailable, match="no_such_table"):
        half(lambda cursor: cursor.execute("SELECT * FROM no_such_table"))
    with pytest.raises(ValueError, match="mine"):
        half(lambda _: int("mine"))
    assert store.link.fetch("SELECT * FROM store_info WHERE key = 'a'") == []
    assert store.log.append("r", LAST, now, "me", [SOAK])[0].seq == LAST + 1
    store.link.close()


def test_a_row_that_is_refused_is_a_collision_in_one_line(url: str) -> None:
    store = Opened(url)
    with pytest.raises(Collision, match="no delete") as caught, store.link.writing("r") as cursor:
        cursor.execute("DELETE FROM events")
    assert "\n" not in str(caught.value)
    store.link.close()


def test_a_frozen_writer_is_put_out_of_its_transaction(url: str, now: datetime) -> None:
    frozen, other = Opened(url), Opened(url, busy_s=10)
    limit = "idle_in_transaction_session_timeout"
    assert frozen.link.fetch(f"SHOW {limit}") == [("1min",)]
    frozen.link.fetch(f"SELECT set_config('{limit}', '100', false)")

    def freeze() -> None:
        with frozen.link.writing("r") as cursor:
            cursor.execute("INSERT INTO store_info VALUES ('a', 'b')")
            assert other.log.append("r", LAST, now, "other", [SOAK])[0].seq == LAST + 1

    with pytest.raises(StoreUnavailable, match="open the store again"):
        freeze()
    assert other.link.fetch("SELECT * FROM store_info WHERE key = 'a'") == []
    for opened in (frozen, other):
        opened.link.close()


def test_threads_take_turns_on_one_connection(url: str, now: datetime) -> None:
    with open_store(url, create=False) as store, ThreadPoolExecutor(4) as pool:

        def one(number: int) -> int:
            return store.log.append(f"own {number}", 0, now, "me", [SOAK] * 3)[-1].seq

        assert list(pool.map(one, range(12))) == [3] * 12
    assert verify_store(url).ok


def test_a_child_process_must_open_the_store_by_itself(url: str) -> None:
    with open_store(url, create=False) as store:
        child = os.fork()
        if child == 0:
            try:
                store.log.head("r")
            except StoreUnavailable:
                os._exit(7)
            os._exit(0)
        assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 7
        assert store.log.head("r").seq == LAST


WRITER = """
import os, sys
from datetime import datetime, timezone
from rollout.domain.events import SoakStarted
from rollout.store.opening import open_store
now = datetime(2026, 1, 6, tzinfo=timezone.utc)
with open_store(sys.stdin.readline().strip(), create=False) as store:
    seq = store.log.head("r").seq
    while True:
        payloads = [SoakStarted(phase=f"{seq + n}", attempt=1) for n in (1, 2)]
        seq = store.log.append("r", seq, now, "me", payloads)[-1].seq
        os.write(1, b"%d\\n" % seq)
"""


def test_a_killed_writer_loses_nothing_it_acknowledged_and_leaves_no_halves(url: str) -> None:
    acknowledged = LAST
    for enough in (3, 17, 40):
        writer = subprocess.Popen(
            [sys.executable, "-c", WRITER], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
        )
        assert writer.stdin
        assert writer.stdout
        writer.stdin.write(url + "\n")
        writer.stdin.flush()
        seen = [int(writer.stdout.readline()) for _ in range(enough)]
        writer.send_signal(signal.SIGKILL)
        rest, _ = writer.communicate()
        acknowledged = max(*seen, *(int(n) for n in rest.split("\n")[:-1]), acknowledged)
        # The next to write waits until the server has ended the killed one's transaction.
        with open_store(url, create=False) as store, store.log._link.writing("r") as cursor:
            found = cursor.execute("SELECT max(seq) FROM events").fetchone()[0]
        assert acknowledged <= found <= acknowledged + 2
        assert found % 2 == LAST % 2
        acknowledged = found
    found = verify_store(url)
    assert (found.ok, found.events) == (True, acknowledged)


def test_a_document_too_large_for_one_message_comes_back_whole(url: str) -> None:
    with open_store(url, create=False) as store:
        document = [f"{n**7:x}" for n in range(150_000)]
        assert store.evidence.get(store.evidence.put(document)) == document


def test_a_server_that_is_not_there_is_an_error_of_ours(postgres: Server) -> None:
    gone = postgres.url().replace(f":{postgres.port}/", ":1/")
    with pytest.raises(RolloutError, match="cannot be reached: check host, port and network"):
        open_store(gone, create=True)
