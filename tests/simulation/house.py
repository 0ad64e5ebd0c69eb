"""Where a run keeps its store: a file in memory-backed storage, opened as a live controller opens it."""

from __future__ import annotations

import shutil
import sqlite3
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import closing, contextmanager
from functools import lru_cache
from pathlib import Path
from typing import Any
from unittest import mock

from sqlalchemy.sql import ClauseElement

from rollout.checks import sql
from rollout.domain.machine import PlanMachine
from rollout.domain.plan import Plan
from rollout.engine import controller, record
from rollout.engine.approved_plan import plan_of as read_plan
from rollout.live import deciding, opening
from rollout.live.clocks import StandingClock
from rollout.store import ownership
from rollout.store.link import Link
from rollout.store.opening import Store, open_store

from .clocks import STARTS
from .oracle_log import Row
from .plans import NAME, STEPS, plan_named

_SHM = Path("/dev/shm")
_COLUMNS = "rollout, seq, at, actor, kind, version, payload, prev, hash"
PROFILE = "sandbox"


class House:
    """One store file after the other, each a copy of one in which the rollout has just begun."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.path = folder / "rollout.db"
        self._templates: dict[tuple[str, int], Path] = {}
        self._reader: sqlite3.Connection | None = None
        self._guest: Store | None = None

    def begin(self, plan: str, start: int) -> None:
        """A fresh store."""
        self.leave()
        shutil.copyfile(self._template(plan, start), self.path)
        self.path.chmod(0o600)
        uri = f"file:{self.path}?mode=ro"
        self._reader = sqlite3.connect(uri, uri=True, isolation_level=None)

    def leave(self) -> None:
        if self._guest is not None:
            self._guest.close()
            self._guest = None
        if self._reader is not None:
            self._reader.close()
            self._reader = None
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
        """As in production: checked, verified, durable."""
        return open_store(self.path, create=False)

    def guest(self) -> Store:
        """The store as people at other terminals have it open."""
        if self._guest is None:
            self._guest = self.open()
        return self._guest

    def rows(self, after: int) -> Sequence[Row]:
        assert self._reader is not None
        found = self._reader.execute(
            f"SELECT {_COLUMNS} FROM events WHERE rollout = ? AND seq > ? ORDER BY seq",
            (NAME, after),
        )
        return found.fetchall()

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
def housed() -> Iterator[House]:
    """A folder in memory, gone at the end."""
    parent = _SHM if _SHM.is_dir() else None
    with tempfile.TemporaryDirectory(prefix="rollout-sim-", dir=parent) as folder, quick():
        house = House(Path(folder))
        try:
            yield house
        finally:
            house.leave()


@contextmanager
def quick() -> Iterator[None]:
    """Pure functions of a plan are computed once, and nobody waits for a lock in vain."""

    @lru_cache
    def machine_of(phases: tuple[str, ...]) -> PlanMachine:
        return PlanMachine(phases)

    plans: dict[str, Plan] = {}

    def plan_of(evidence: Any, digest: str) -> Plan:
        if digest not in plans:
            plans[digest] = read_plan(evidence, digest)
        return plans[digest]

    def machine(phases: Sequence[str]) -> PlanMachine:
        return machine_of(tuple(phases))

    asked: dict[tuple[str, ...], str] = {}
    guard = sql.guarded

    def guarded(text: str, relations: list[str]) -> str:
        key = (text, *relations)
        if key not in asked:
            asked[key] = guard(text, relations)
        return asked[key]

    compiled: dict[Any, str] = {}
    compile_ = Link.statement

    def statement(self: Link, clause: ClauseElement, *names: str) -> str:
        made = clause._generate_cache_key()
        key = (made.key if made else id(clause), names)
        if key not in compiled:
            compiled[key] = compile_(self, clause, *names)
        return compiled[key]

    with (
        mock.patch.object(controller, "PlanMachine", machine),
        mock.patch.object(deciding, "PlanMachine", machine),
        mock.patch.object(deciding, "plan_of", plan_of),
        mock.patch.object(ownership, "_ATTEMPTS", 1),
        mock.patch.object(Link, "statement", statement),
        mock.patch.object(sql, "guarded", guarded),
    ):
        yield


@contextmanager
def snapshots_every(events: int) -> Iterator[None]:
    with mock.patch.object(record, "SNAPSHOT_EVERY", events):
        yield
