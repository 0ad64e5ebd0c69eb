"""A rollout whose process can really be killed: the log is a SQLite file opened as in production, the
far side (services and their clock) is a file too, and a place to die is a SIGKILL."""

from __future__ import annotations

import os
import signal
import traceback
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

import msgspec
from fakes import Crashes, FakeRun
from small_plans import NAME, Bench

from rollout.domain.plan import Plan
from rollout.engine.wake import Need
from rollout.ports import Schedule
from rollout.store.opening import open_store

KILLED = -signal.SIGKILL
BROKE = 70
CHILD_S = 120
"""A child that takes longer hangs."""


class Far(msgspec.Struct, kw_only=True):
    """What the services know, and what they will answer; outlives every controller."""

    at: datetime
    runs: list[FakeRun] = []
    next_id: int = 100
    paused: bool = False
    schedule: Schedule = Schedule("hourly", minute=5)
    posts: list[datetime] = []
    canceled: list[int] = []
    triggers: list[str] = []
    settings: list[str] = []
    rows: dict[str, dict[str, Any]] = {}
    changes: list[tuple[str, int]] = []
    writes: list[str] = []
    next_row: int = 0


class Kills(Crashes):
    """Every place first makes the far side's truth last; then, at its number, the process is gone."""

    keep: Callable[[], None] = staticmethod(lambda: None)

    def here(self, place: str) -> None:
        self.keep()
        self.seen.append(place)
        if len(self.seen) in self.at:
            os.kill(os.getpid(), signal.SIGKILL)


@dataclass(frozen=True)
class Scenario:
    """`prepare` sets the far side up once. `person` answers a need (False: as everybody would);
    `stuck` is asked when nothing moves any more, and says whether it moved something."""

    name: str
    plan: Callable[[], Plan]
    prepare: Callable[[Bench], None]
    person: Callable[[DiskBench, Need], bool]
    stuck: Callable[[DiskBench], bool]


class DiskBench(Bench):
    """The bench of one process: opened on a folder that others opened before."""

    def __init__(self, scenario: Scenario, folder: Path, kill_at: frozenset[int]) -> None:
        super().__init__(scenario.plan(), Kills())
        self.scenario, self.folder = scenario, folder
        self.store = open_store(folder / "r.db", create=False)
        first = next(iter(self.log.read(NAME)))
        self.log.inner, self.evidence = self.store.log, self.store.evidence  # type: ignore[assignment]
        if self.store.log.head(NAME).seq == 0:
            self.store.log.append(NAME, 0, first.at, first.actor, [first.payload])
        scenario.prepare(self)
        if (folder / "far.json").exists():
            self._load(msgspec.json.decode((folder / "far.json").read_bytes(), type=Far))
        self._save()
        self.crashes.seen.clear()
        self.crashes.keep = self._save  # type: ignore[attr-defined]
        self.crashes.at = kill_at

    def answer(self, need: Need) -> bool:
        return self.scenario.person(self, need) or super().answer(need)

    def play(self) -> None:
        """To the end of the scenario, from wherever the log stands."""
        for _ in range(100):
            wake = self.go()
            if wake.ended or not self.scenario.stuck(self):
                return
        raise AssertionError(f"no end: {self.state.phases}")

    def _save(self) -> None:
        far = Far(
            at=self.clock.at,
            runs=self.census.listed,
            next_id=self.census.next_id,
            paused=self.census.paused,
            schedule=self.census.schedule,
            posts=self.census.posts,
            canceled=self.census.canceled,
            triggers=list(self.census.script),
            settings=list(self.census.settings),
            rows={k: dict(row) for k, row in self.salesforce.rows.items()},
            changes=self.salesforce.changes,
            writes=list(self.salesforce.script),
            next_row=self.salesforce._next,
        )
        path = self.folder / "far.json"
        fresh = path.with_suffix(".new")
        fresh.write_bytes(msgspec.json.encode(far))
        fresh.replace(path)

    def _load(self, far: Far) -> None:
        self.clock.at = far.at
        self.census.listed, self.census.next_id = far.runs, far.next_id
        self.census.paused, self.census.schedule = far.paused, far.schedule
        self.census.posts, self.census.canceled = far.posts, far.canceled
        self.census.script = deque(far.triggers)
        self.census.settings = deque(far.settings)
        self.salesforce.rows, self.salesforce.changes = far.rows, far.changes
        self.salesforce.script, self.salesforce._next = deque(far.writes), far.next_row


def in_process(work: Callable[[], None], complaint: Path) -> int:
    """Run `work` in a process of its own: 0, KILLED, or BROKE with the traceback in `complaint`."""
    pid = os.fork()
    if pid == 0:
        code = 0
        try:
            signal.alarm(CHILD_S)
            work()
        except BaseException:  # noqa: BLE001 - a child tells its parent, whatever it was
            complaint.write_text(traceback.format_exc())
            code = BROKE
        finally:
            os._exit(code)
    return os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])
