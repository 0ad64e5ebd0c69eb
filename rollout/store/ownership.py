"""Who may act on a store: one process, as long as it lives.

An OS lock on a file beside the store; `postgres_ownership` for one in PostgreSQL. A frozen owner keeps it (it may wake up in the middle of an
effect), a killed one loses it at once; no lease by the clock could promise either.
"""

from __future__ import annotations

import fcntl
import os
import socket
import threading
import weakref
from contextlib import suppress
from datetime import datetime
from pathlib import Path

import msgspec

from rollout.domain.errors import StoreUnavailable
from rollout.domain.instants import to_text
from rollout.store.address import PostgresAddress, located
from rollout.store.holder import Holder as Holder
from rollout.store.holder import Ownership as Ownership
from rollout.store.holder import Pulse as Pulse
from rollout.store.sqlite_files import make_private

_ATTEMPTS, _PAUSE_S = 5, 0.02
"""A reader asking who holds the lock holds it itself for microseconds."""


class FileOwnership(Ownership):
    """A lock on an open file."""

    def __init__(self, path: Path, descriptor: int, holder: Holder) -> None:
        self.path, self.holder = path, holder
        self._descriptor: int | None = descriptor
        _HELD.add(self)

    def confirm(self) -> None:
        """Before an effect: is it still ours? Raises: StoreUnavailable when the file was replaced."""
        if self._descriptor is None:
            raise StoreUnavailable(f"{self.path}: the ownership was given up")
        ours = os.fstat(self._descriptor)
        try:
            there = self.path.stat()
        except FileNotFoundError:
            there = None
        if there is None or (there.st_dev, there.st_ino) != (ours.st_dev, ours.st_ino):
            raise StoreUnavailable(
                f"{self.path}: the lock file was moved or deleted, so another process may own the "
                "store by now: end this process"
            )

    def beat(self) -> None:
        """The lock file's time of change is the sign: a frozen process cannot move it."""
        descriptor = self._descriptor
        if descriptor is not None:
            with suppress(OSError):
                os.utime(descriptor)

    def release(self) -> None:
        """Give it up; twice is fine."""
        descriptor, self._descriptor = self._descriptor, None
        _HELD.discard(self)
        if descriptor is not None:
            os.close(descriptor)


def lock_path(store: str | Path) -> Path:
    """Beside the store: locks on the database itself are SQLite's own.

    >>> lock_path("state/rollout.db").name
    'rollout.db.lock'
    """
    path = Path(store)
    return path.with_name(path.name + ".lock")


def acquire(
    store: str | Path, *, since: datetime, who: str = "", above_epoch: int = 0
) -> Ownership:
    """Own the store at `store`, a path or a URL. The epoch is higher than any before and than
    `above_epoch` (the newest in the log, in case the lock file was lost).

    Raises: StoreUnavailable naming the holder.
    """
    address = located(store)
    if isinstance(address, PostgresAddress):
        # Late, as SQLite needs no driver.
        from rollout.store import postgres_ownership

        return postgres_ownership.acquire(address, since=since, who=who, above_epoch=above_epoch)
    return _acquire_file(_on_disk(address), since, who, above_epoch)


def holder_of(store: str | Path) -> Holder | None:
    """Who owns the store now, None when nobody does. Raises: StoreUnavailable."""
    address = located(store)
    if isinstance(address, PostgresAddress):
        from rollout.store import postgres_ownership

        return postgres_ownership.holder_of(address)
    return _holder_of_file(lock_path(_on_disk(address)))


def pulse_of(store: str | Path) -> Pulse | None:
    """Who owns the store now, with the newest sign of life; None when nobody owns it.

    Raises: StoreUnavailable.
    """
    address = located(store)
    if isinstance(address, PostgresAddress):
        from rollout.store import postgres_ownership

        return postgres_ownership.pulse_of(address)
    path = lock_path(_on_disk(address))
    holder = _holder_of_file(path)
    if holder is None:
        return None
    try:
        return Pulse(holder, str(path.stat().st_mtime_ns))
    except OSError:
        return Pulse(holder, "")


def _on_disk(path: Path | None) -> Path:
    if path is None:
        raise StoreUnavailable("a store in memory has no owner: name a file or a URL")
    return path


def _acquire_file(store: Path, since: datetime, who: str, above_epoch: int) -> FileOwnership:
    path = lock_path(store)
    try:
        make_private(path.parent)
        descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC | os.O_NOFOLLOW, 0o600)
    except OSError as error:
        raise StoreUnavailable(f"{path}: cannot be locked: {error.strerror}") from error
    try:
        if not _locked(descriptor):
            known = _lines(descriptor)
            holder = str(known[-1]) if known else "a process that has not said its name yet"
            raise StoreUnavailable(
                f"{store}: is owned by {holder}: use `rollout status` or `tui` beside it, or end "
                "that process"
            )
        epoch = 1 + max([above_epoch, *(line.epoch for line in _lines(descriptor))])
        holder_now = Holder(
            epoch=epoch, pid=os.getpid(), host=socket.gethostname(), since=to_text(since), who=who
        )
        _add_line(descriptor, holder_now)
    except OSError as error:
        os.close(descriptor)
        raise StoreUnavailable(f"{path}: cannot be locked: {error.strerror}") from error
    except BaseException:
        os.close(descriptor)
        raise
    ownership = FileOwnership(path, descriptor, holder_now)
    try:
        ownership.confirm()
    except StoreUnavailable:
        ownership.release()
        raise
    return ownership


def _holder_of_file(path: Path) -> Holder | None:
    try:
        descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    except FileNotFoundError:
        return None
    except OSError as error:
        raise StoreUnavailable(f"{path}: cannot be read: {error.strerror}") from error
    try:
        fcntl.flock(descriptor, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except BlockingIOError:
        known = _lines(descriptor)
        return known[-1] if known else None
    finally:
        os.close(descriptor)
    return None


def _locked(descriptor: int) -> bool:
    for attempt in range(_ATTEMPTS):
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            if attempt + 1 < _ATTEMPTS:
                threading.Event().wait(_PAUSE_S)
        else:
            return True
    return False


def _lines(descriptor: int) -> list[Holder]:
    """Every ownership so far; a line cut short by a crash was never acted upon."""
    body = os.pread(descriptor, os.fstat(descriptor).st_size, 0)
    known: list[Holder] = []
    for line in body.splitlines():
        try:
            known.append(msgspec.json.decode(line, type=Holder))
        except msgspec.DecodeError:
            continue
    return known


def _add_line(descriptor: int, holder: Holder) -> None:
    body = msgspec.json.encode(holder) + b"\n"
    end = os.fstat(descriptor).st_size
    if end and os.pread(descriptor, 1, end - 1) != b"\n":
        body = b"\n" + body
    os.pwrite(descriptor, body, end)
    os.fsync(descriptor)


_HELD: weakref.WeakSet[FileOwnership] = weakref.WeakSet()


def _let_go_in_child() -> None:
    # The lock belongs to the open file, which a fork shares: a child that outlives the owner
    # would keep everybody out.
    for ownership in list(_HELD):
        ownership.release()


os.register_at_fork(after_in_child=_let_go_in_child)
