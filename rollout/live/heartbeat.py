"""The controller's sign of life: for the whole time that it owns a store, whatever it waits for."""

from __future__ import annotations

import threading
from types import TracebackType
from typing import Self

from rollout.store.holder import Ownership

EVERY_S = 0.5


class Heartbeat:
    """While this is open, a thread of its own beats: a check that takes minutes is no silence, and a
    frozen process, whose threads all stand still, is."""

    def __init__(self, owner: Ownership, every_s: float = EVERY_S) -> None:
        self._owner, self._every_s = owner, every_s
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._beat, name="heartbeat", daemon=True)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._stop.set()
        self._thread.join()

    def _beat(self) -> None:
        while not self._stop.is_set():
            self._owner.beat()
            self._stop.wait(self._every_s)
