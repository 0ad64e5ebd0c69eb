from __future__ import annotations

import fcntl
import os
import signal
import stat
import subprocess
import sys
from datetime import datetime
from pathlib import Path

import pytest

from rollout.domain.errors import StoreUnavailable
from rollout.store.ownership import acquire, holder_of, lock_path


def test_the_owner_is_known_while_it_owns_and_no_longer(tmp_path: Path, now: datetime) -> None:
    store = tmp_path / "state" / "rollout.db"
    assert holder_of(store) is None
    with acquire(store, since=now, who="controller") as ownership:
        ownership.confirm()
        holder = holder_of(store)
        assert holder == ownership.holder
        assert (holder.pid, holder.since) == (os.getpid(), "2026-01-06T18:00:00Z")
    assert holder_of(store) is None
    assert stat.S_IMODE(lock_path(store).stat().st_mode) == 0o600


def test_the_second_is_told_who_the_first_is(tmp_path: Path, now: datetime) -> None:
    store = tmp_path / "rollout.db"
    with acquire(store, since=now, who="controller"):
        with pytest.raises(StoreUnavailable) as caught:
            acquire(store, since=now)
        text = str(caught.value)
        assert f"controller, process {os.getpid()} on " in text
        assert "since 2026-01-06T18:00:00Z" in text
    acquire(store, since=now).release()


def test_an_instant_without_a_zone_is_refused_and_leaves_the_store_free(
    tmp_path: Path, now: datetime
) -> None:
    store = tmp_path / "rollout.db"
    with pytest.raises(ValueError, match="time zone"):
        acquire(store, since=now.replace(tzinfo=None))
    acquire(store, since=now).release()


def test_epochs_only_grow(tmp_path: Path, now: datetime) -> None:
    store = tmp_path / "rollout.db"
    epochs = []
    for above in (0, 0, 7, 3):
        with acquire(store, since=now, above_epoch=above) as ownership:
            epochs.append(ownership.epoch)
    assert epochs == [1, 2, 8, 9]


def test_a_line_cut_short_by_a_crash_does_not_stop_the_next_owner(
    tmp_path: Path, now: datetime
) -> None:
    store = tmp_path / "rollout.db"
    acquire(store, since=now).release()
    with lock_path(store).open("ab") as file:
        file.write(b'{"epoch":2,"pi')
    with acquire(store, since=now) as ownership:
        assert ownership.epoch == 2
        assert holder_of(store) == ownership.holder


def test_a_holder_without_a_name_is_still_a_holder(tmp_path: Path, now: datetime) -> None:
    store = tmp_path / "rollout.db"
    with lock_path(store).open("wb") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        with pytest.raises(StoreUnavailable, match="has not said its name"):
            acquire(store, since=now)
        assert holder_of(store) is None


@pytest.mark.parametrize("how", ["deleted", "replaced"])
def test_an_owner_notices_that_its_lock_file_is_gone(
    tmp_path: Path, now: datetime, how: str
) -> None:
    store = tmp_path / "rollout.db"
    with acquire(store, since=now) as ownership:
        lock_path(store).unlink()
        if how == "replaced":
            lock_path(store).touch()
        with pytest.raises(StoreUnavailable, match="moved or deleted"):
            ownership.confirm()


def test_a_released_ownership_confirms_nothing(tmp_path: Path, now: datetime) -> None:
    ownership = acquire(tmp_path / "rollout.db", since=now)
    ownership.release()
    ownership.release()
    with pytest.raises(StoreUnavailable, match="given up"):
        ownership.confirm()


def test_a_lock_that_cannot_be_made_is_an_error_of_ours(tmp_path: Path, now: datetime) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(StoreUnavailable, match="cannot be locked"):
        acquire(tmp_path / "file" / "rollout.db", since=now)
    lock_path(tmp_path / "x.db").symlink_to(tmp_path / "file")
    with pytest.raises(StoreUnavailable, match="cannot be locked"):
        acquire(tmp_path / "x.db", since=now)
    with pytest.raises(StoreUnavailable, match="cannot be read"):
        holder_of(tmp_path / "file" / "rollout.db")


OWNER = r"""
import os, subprocess, sys
from datetime import datetime, timezone
from rollout.store.ownership import acquire
owned = acquire(sys.argv[1], since=datetime(2026, 1, 6, tzinfo=timezone.utc))
if os.fork() == 0:
    os.write(1, b"child\n")  # in one piece, as both write
    sys.stdin.read()
    os._exit(0)
spawned = subprocess.Popen([sys.executable, "-c", "import sys; sys.stdin.read()"])
os.write(1, b"owner\n")
sys.stdin.read()
"""


def start_owner(store: Path) -> subprocess.Popen[str]:
    process = subprocess.Popen(
        [sys.executable, "-c", OWNER, str(store)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    assert process.stdout
    assert {process.stdout.readline() for _ in range(2)} == {"child\n", "owner\n"}
    return process


def test_a_killed_owner_frees_the_store_at_once_though_its_children_live(
    tmp_path: Path, now: datetime
) -> None:
    store = tmp_path / "rollout.db"
    owner = start_owner(store)
    holder = holder_of(store)
    assert holder
    assert holder.pid == owner.pid
    with pytest.raises(StoreUnavailable, match=f"process {owner.pid}"):
        acquire(store, since=now)
    owner.kill()
    owner.wait()
    with acquire(store, since=now) as ownership:
        assert ownership.epoch == 2
    owner.communicate()


def test_a_frozen_owner_keeps_the_store(tmp_path: Path, now: datetime) -> None:
    store = tmp_path / "rollout.db"
    owner = start_owner(store)
    owner.send_signal(signal.SIGSTOP)
    with pytest.raises(StoreUnavailable, match=f"process {owner.pid}"):
        acquire(store, since=now)
    owner.send_signal(signal.SIGCONT)
    owner.communicate()
    acquire(store, since=now).release()
