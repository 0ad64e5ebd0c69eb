from __future__ import annotations

import gc
import os
import signal
import subprocess
import sys
from collections.abc import Callable
from datetime import datetime

import pytest
from postgres_server import Server

from rollout.domain.errors import StoreUnavailable
from rollout.store.ownership import Ownership, acquire, holder_of

Fill = Callable[[str], str]


@pytest.fixture(scope="module")
def url(postgres: Server, fill: Fill) -> str:
    """A store that every test leaves without an owner."""
    return fill(postgres.new_schema())


@pytest.fixture
def fresh(postgres: Server, fill: Fill) -> str:
    return fill(postgres.new_schema())


def test_the_owner_is_known_while_it_owns_and_no_longer(url: str, now: datetime) -> None:
    assert holder_of(url) is None
    with acquire(url, since=now, who="controller") as ownership:
        ownership.confirm()
        holder = holder_of(url)
        assert holder == ownership.holder
        assert (holder.pid, holder.since) == (os.getpid(), "2026-01-06T18:00:00Z")
    assert holder_of(url) is None


def test_the_second_is_told_who_the_first_is_and_how_to_end_a_lost_machine(
    url: str, now: datetime
) -> None:
    with acquire(url, since=now, who="controller"):
        with pytest.raises(StoreUnavailable) as caught:
            acquire(url, since=now)
        text = str(caught.value)
        assert f"controller, process {os.getpid()} on " in text
        assert "since 2026-01-06T18:00:00Z" in text
        assert "pg_terminate_backend(" in text
        assert "canary" not in text
    acquire(url, since=now).release()


def test_an_instant_without_a_zone_is_refused_and_leaves_the_store_free(
    url: str, now: datetime
) -> None:
    with pytest.raises(ValueError, match="time zone"):
        acquire(url, since=now.replace(tzinfo=None))
    acquire(url, since=now).release()


def test_epochs_only_grow(fresh: str, now: datetime) -> None:
    epochs = []
    for above in (0, 0, 7, 3):
        with acquire(fresh, since=now, above_epoch=above) as ownership:
            epochs.append(ownership.epoch)
    assert epochs == [1, 2, 8, 9]


def test_stores_in_two_schemas_have_an_owner_each(
    postgres: Server, url: str, fill: Fill, now: datetime
) -> None:
    other = fill(postgres.new_schema())
    with acquire(url, since=now, who="one"), acquire(other, since=now, who="two"):
        assert [str(holder_of(place)).split(",")[0] for place in (url, other)] == ["one", "two"]


def test_a_holder_without_a_name_is_still_a_holder(
    postgres: Server, fresh: str, now: datetime
) -> None:
    with acquire(fresh, since=now):
        postgres.run("TRUNCATE ownerships", url=fresh)
        with pytest.raises(StoreUnavailable, match="has not said its name yet: try again"):
            acquire(fresh, since=now)
        assert holder_of(fresh) is None


def cut_off(postgres: Server, url: str) -> None:
    postgres.run("SELECT pg_terminate_backend(max(backend), 5000) FROM ownerships", url=url)


def lost(ownership: Ownership) -> str:
    with pytest.raises(StoreUnavailable) as caught:
        ownership.confirm()
    return str(caught.value)


def test_an_owner_whose_connection_was_cut_off_notices_before_it_acts(
    postgres: Server, url: str, now: datetime
) -> None:
    with acquire(url, since=now) as ownership:
        cut_off(postgres, url)
        assert "lost with its connection" in lost(ownership)
        assert "end this process" in lost(ownership)
        with acquire(url, since=now) as second:
            second.confirm()
            assert second.epoch == ownership.epoch + 1
            assert "lost with its connection" in lost(ownership)


def test_an_owner_behind_a_pooler_that_shares_sessions_is_told_so(url: str, now: datetime) -> None:
    with acquire(url, since=now) as ownership:
        ownership._connection.execute("SELECT pg_advisory_unlock_all()")  # type: ignore[attr-defined]
        assert "not through a pooler that shares sessions" in lost(ownership)


def test_an_owner_of_the_past_is_told_so(postgres: Server, fresh: str, now: datetime) -> None:
    with acquire(fresh, since=now) as ownership:
        postgres.run(
            "INSERT INTO ownerships VALUES (9, 1, 1, 'another', 'now', 'somebody')", url=fresh
        )
        assert "another process has owned the store since" in lost(ownership)


def test_a_released_ownership_confirms_nothing(url: str, now: datetime) -> None:
    ownership = acquire(url, since=now)
    ownership.release()
    ownership.release()
    assert "given up" in lost(ownership)


def test_a_database_without_a_store_has_no_owner(postgres: Server, now: datetime) -> None:
    empty = postgres.new_schema()
    with pytest.raises(StoreUnavailable, match="is not a store of rollouts"):
        acquire(empty, since=now)
    with pytest.raises(StoreUnavailable, match="is not a store of rollouts"):
        holder_of(empty)


def test_a_store_in_memory_has_no_owner(now: datetime) -> None:
    with pytest.raises(StoreUnavailable, match="in memory has no owner"):
        acquire(":memory:", since=now)
    with pytest.raises(StoreUnavailable, match="in memory has no owner"):
        holder_of("sqlite://")


def test_a_role_without_rights_is_told_so(postgres: Server, url: str, now: datetime) -> None:
    schema = url.rpartition("%3D")[2]
    postgres.run(
        "CREATE ROLE visitor LOGIN PASSWORD 'canary 6'",
        f"GRANT USAGE ON SCHEMA {schema} TO visitor",
        url=url,
    )
    visitor = postgres.url(schema=schema, user="visitor", password="canary 6")
    with pytest.raises(StoreUnavailable, match="not permitted"):
        acquire(visitor, since=now)
    with pytest.raises(StoreUnavailable, match="not permitted"):
        holder_of(visitor)
    acquire(url, since=now).release()


OWNER = r"""
import os, subprocess, sys
from datetime import datetime, timezone
from rollout.store.ownership import acquire
owned = acquire(sys.stdin.readline().strip(), since=datetime(2026, 1, 6, tzinfo=timezone.utc))
if os.fork() == 0:
    os.write(1, b"child\n")  # in one piece, as both write
    sys.stdin.read()
    os._exit(0)
spawned = subprocess.Popen([sys.executable, "-c", "import sys; sys.stdin.read()"])
owned.confirm()
os.write(1, b"owner\n")
sys.stdin.read()
"""


def start_owner(url: str) -> subprocess.Popen[str]:
    process = subprocess.Popen(
        [sys.executable, "-c", OWNER], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    )
    assert process.stdin
    assert process.stdout
    process.stdin.write(url + "\n")
    process.stdin.flush()
    assert {process.stdout.readline() for _ in range(2)} == {"child\n", "owner\n"}
    return process


def test_a_killed_owner_frees_the_store_at_once_though_its_children_live(
    fresh: str, now: datetime
) -> None:
    owner = start_owner(fresh)
    holder = holder_of(fresh)
    assert holder
    assert holder.pid == owner.pid
    with pytest.raises(StoreUnavailable, match=f"process {owner.pid}"):
        acquire(fresh, since=now)
    owner.kill()
    owner.wait()
    with acquire(fresh, since=now) as ownership:
        assert ownership.epoch == 2
    owner.communicate()


def test_a_frozen_owner_keeps_the_store(url: str, now: datetime) -> None:
    owner = start_owner(url)
    owner.send_signal(signal.SIGSTOP)
    with pytest.raises(StoreUnavailable, match=f"process {owner.pid}"):
        acquire(url, since=now)
    owner.send_signal(signal.SIGCONT)
    owner.communicate()
    acquire(url, since=now).release()


def test_a_forked_child_does_not_hold_or_end_the_ownership(url: str, now: datetime) -> None:
    with acquire(url, since=now) as ownership:
        child = os.fork()
        if child == 0:
            try:
                ownership.confirm()
            except StoreUnavailable:
                gc.collect()
                os._exit(7)
            os._exit(0)
        assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 7
        ownership.confirm()
        assert holder_of(url) == ownership.holder
