"""A controller process: owns the store, ticks, and may die at any append and any port call."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Iterable, Iterator, Sequence
from datetime import datetime
from typing import Any, NoReturn

from rollout.adapters.census import CensusSyncService, census_judge
from rollout.adapters.http import HttpClient
from rollout.domain.errors import KindMisused, StoreUnavailable
from rollout.domain.events import Event, Payload
from rollout.domain.plan import Plan
from rollout.engine.controller import Controller, Services
from rollout.engine.wake import Wake
from rollout.live.controller_loop import Listener, OwnedLog, own
from rollout.ports import (
    EventLog,
    FileStore,
    Head,
    Notifier,
    PageReader,
    RecordStore,
    SyncService,
    Warehouse,
)
from rollout.store.opening import Store

from .census import TOKEN
from .clocks import Wall
from .house import House
from .network import Network
from .over_httpx import OverHttpx
from .plans import CHECKS, NAME, STEPS

Around = Callable[[str, Sequence[Payload]], None]


class WatchedLog:
    """The log of a process: `around` is called before and after each commit, and may not return."""

    def __init__(
        self, inner: EventLog, around: Around, acknowledge: Callable[[Sequence[Event]], None]
    ) -> None:
        self._inner, self._around, self._acknowledge = inner, around, acknowledge

    def append(
        self, rollout: str, expected_seq: int, at: datetime, actor: str, payloads: Sequence[Payload]
    ) -> list[Event]:
        self._around("before", payloads)
        events = self._inner.append(rollout, expected_seq, at, actor, payloads)
        self._around("after", payloads)
        self._acknowledge(events)
        return events

    def read(self, rollout: str, after: int = 0, limit: int | None = None) -> Iterator[Event]:
        return self._inner.read(rollout, after, limit)

    def head(self, rollout: str) -> Head:
        return self._inner.head(rollout)

    def rollouts(self) -> list[str]:
        return self._inner.rollouts()

    def save_snapshot(self, rollout: str, head: Head, body: bytes) -> None:
        self._inner.save_snapshot(rollout, head, body)

    def latest_snapshot(self, rollout: str) -> tuple[Head, bytes] | None:
        return self._inner.latest_snapshot(rollout)


class Connections:
    """ports.Connections over the simulated world; Census through the shipped adapter."""

    over_httpx = False
    """Whether the library is below the adapter, or the network in its place."""

    def __init__(
        self, network: Network, wall: Wall, target: RecordStore, warehouse: Warehouse
    ) -> None:
        client = HttpClient(
            "https://census.test/api/v1",
            service="census",
            token=TOKEN,
            transport=OverHttpx(network),
            monotonic=lambda: 0.0,
            now=wall.now,
            judge=census_judge,
        )
        if not self.over_httpx:
            in_place: Any = network
            client._client = in_place
        self.census: SyncService = CensusSyncService(client)
        self.target, self.databricks = target, warehouse

    def sync_service(self, name: str) -> SyncService:
        return self.census if name == "census" else _unknown(name)

    def record_store(self, name: str) -> RecordStore:
        return self.target if name == "salesforce" else _unknown(name)

    def warehouse(self, name: str) -> Warehouse:
        return self.databricks if name == "warehouse" else _unknown(name)

    def notifier(self, name: str) -> Notifier:
        _unknown(name)

    def pages(self) -> PageReader:
        _unknown("pages")

    def files(self) -> FileStore:
        _unknown("files")

    def names(self) -> Iterable[str]:
        return ["census", "salesforce", "warehouse"]


def _unknown(name: str) -> NoReturn:
    raise KindMisused(f"no connection {name!r}")


class _NoSignals:
    stopping = False

    def wait(self, seconds: float) -> None:
        raise AssertionError("nothing waits in a simulation")


class Process:
    """One life of the controller. Raises from the start: StoreUnavailable when another one lives."""

    def __init__(
        self,
        house: House,
        plan: Plan,
        wall: Wall,
        connections: Connections,
        around: Around,
        acknowledge: Callable[[Sequence[Event]], None],
    ) -> None:
        self.owner = own(house.path, NAME, wall.now())
        try:
            self.store: Store = house.open()
        except BaseException:
            self.owner.release()
            raise
        listener = Listener(event=lambda event: None, word=lambda word: None)
        signals: Any = _NoSignals()
        owned = OwnedLog(self.store.log, self.owner, signals, listener)
        services = Services(
            log=WatchedLog(owned, around, acknowledge),
            evidence=self.store.evidence,
            connections=connections,
            clock=wall,
            checks=CHECKS,
            steps=STEPS,
            workers=0,
            epoch=self.owner.epoch,
        )
        try:
            self.controller = Controller(plan, NAME, services)
        except BaseException:
            self.die()
            raise

    def tick(self) -> Wake:
        return self.controller.tick()

    def fill_disk(self) -> None:
        """From now on the file cannot grow."""
        raw = self._raw()
        pages = raw.execute("PRAGMA page_count").fetchone()[0]
        raw.execute(f"PRAGMA max_page_count = {pages}")

    def _raw(self) -> sqlite3.Connection:
        found = self.store.log._link._raw
        assert isinstance(found, sqlite3.Connection)
        return found

    def die(self) -> None:
        """What the kernel does for a killed process: its locks and descriptors are gone."""
        self.owner.release()
        self.store.close()


def is_ours(error: Exception) -> bool:
    """A full disk or a lost lock end a process; anything else is a bug."""
    return isinstance(error, StoreUnavailable)
