"""Where a run keeps its store: a file in memory-backed storage, opened as a live controller opens it."""

from __future__ import annotations

import os
import shutil
import sqlite3
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import closing, contextmanager, nullcontext
from pathlib import Path
from typing import Any
from unittest import mock

from rollout.engine import record
from rollout.live import opening
from rollout.live.clocks import StandingClock
from rollout.store.opening import Store, open_store

from .clocks import STARTS
from .oracle_log import Row
from .plans import NAME, STEPS, plan_named
from .shortcuts import quick

_SHM = Path("/dev/shm")
_COLUMNS = "rollout, seq, at, actor, kind, version, payload, prev, hash"
PROFILE = "sandbox"
_CHANGE_COUNTER = 24
"""Where it stands in a SQLite file. Source: the database file format, 1.3.7."""


class House:
    """One store file after the other, each a copy of one in which the rollout has just begun."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.path = folder / "rollout.db"
        self._templates: dict[tuple[str, int], Path] = {}
        self._reader: sqlite3.Connection | None = None
        self._guest: Store | None = None
        self._file: int | None = None
        self._seen: tuple[bytes, int, Sequence[Row]] = (b"", 0, ())

    def begin(self, plan: str, start: int) -> None:
        """A fresh store."""
        self.leave()
        shutil.copyfile(self._template(plan, start), self.path)
        self.path.chmod(0o600)
        uri = f"file:{self.path}?mode=ro"
        self._reader = sqlite3.connect(uri, uri=True, isolation_level=None)
        self._file = os.open(self.path, os.O_RDONLY)

    def leave(self) -> None:
        if self._guest is not None:
            self._guest.close()
            self._guest = None
        if self._reader is not None:
            self._reader.close()
            self._reader = None
        if self._file is not None:
            os.close(self._file)
            self._file = None
            self._seen = (b"", 0, ())
        for leftover in self.folder.glob("rollout.db*"):
            leftover.unlink()

    def _template(self, plan: str, start: int) -> Path:
        if (plan, start) not in self._templates:
            path = self.folder / f"{plan}-{start}.template"
            with open_store(path, create=True, profile=PROFILE, now=STARTS[start]) as store:
                clock = StandingClock(STARTS[start])
                opening.start(store, plan_named(plan), STEPS, PROFILE, clock)
            self._templates[plan, start] = path
        return self._templates[plan, start]

    def open(self) -> Store:
        """As in production: checked and verified. Not durable, as nothing here dies inside a commit:
        what a crash in SQLite leaves on a disk is for `tests/crashes`."""
        return open_store(self.path, create=False, relaxed=True)

    def guest(self) -> Store:
        """The store as people at other terminals have it open."""
        if self._guest is None:
            self._guest = self.open()
        return self._guest

    def rows(self, after: int) -> Sequence[Row]:
        """Asked again only when the file's change counter moved, which SQLite does at every commit."""
        assert self._reader is not None
        assert self._file is not None
        counter = os.pread(self._file, 4, _CHANGE_COUNTER)
        if self._seen[:2] != (counter, after):
            found = self._reader.execute(
                f"SELECT {_COLUMNS} FROM events WHERE rollout = ? AND seq > ? ORDER BY seq",
                (NAME, after),
            )
            self._seen = (counter, after, found.fetchall())
        return self._seen[2]

    def snapshots(self) -> Sequence[tuple[bytes]]:
        assert self._reader is not None
        return self._reader.execute("SELECT body FROM snapshots").fetchall()

    def tamper(self, sql: str, values: Sequence[Any] = ()) -> None:
        """Another SQL client, which asks nobody."""
        with closing(sqlite3.connect(self.path, isolation_level=None)) as connection:
            connection.execute(sql, values)

    def copied(self) -> Path:
        """A copy of the store to spoil."""
        place = self.folder / "rollout.db.copy"
        with closing(sqlite3.connect(place)) as copy:
            assert self._reader is not None
            self._reader.backup(copy)
        place.chmod(0o600)
        return place

    def bytes(self) -> bytes:
        """All that was written, for a search; only when nobody has it open."""
        return self.path.read_bytes()


@contextmanager
def housed(*, shortcuts: bool = True) -> Iterator[House]:
    """A folder in memory, gone at the end."""
    parent = _SHM if _SHM.is_dir() else None
    with (
        tempfile.TemporaryDirectory(prefix="rollout-sim-", dir=parent) as folder,
        quick() if shortcuts else nullcontext(),
    ):
        house = House(Path(folder))
        try:
            yield house
        finally:
            house.leave()


@contextmanager
def snapshots_every(events: int) -> Iterator[None]:
    with mock.patch.object(record, "SNAPSHOT_EVERY", events):
        yield
