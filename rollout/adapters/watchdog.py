"""Interrupt statements that run too long, with one thread for all of them."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from itertools import count
from threading import Condition, Thread

AGAIN_S = 0.2
"""An interrupt that comes before the statement has begun is forgotten, so it is said again."""


class Watch:
    """One guarded piece of work; `expired` is set when it was interrupted."""

    def __init__(self, deadline: float, interrupt: Callable[[], None]) -> None:
        self.deadline, self.interrupt, self.expired = deadline, interrupt, False


class Watchdog:
    """Real time, not the rehearsal's: a statement that hangs hangs on the wall clock.

    The thread starts with the first guard and sleeps until the earliest deadline, so that a guard
    costs a few microseconds, not a thread.
    """

    def __init__(self) -> None:
        self._changed = Condition()
        self._watches: dict[int, Watch] = {}
        self._numbers = count()
        self._wakes_at = float("inf")
        self._thread: Thread | None = None

    @contextmanager
    def guard(self, timeout_s: float, interrupt: Callable[[], None]) -> Iterator[Watch]:
        """Call `interrupt` when the block takes longer than `timeout_s` seconds, until it ends."""
        watch = Watch(time.monotonic() + timeout_s, interrupt)
        with self._changed:
            number = next(self._numbers)
            self._watches[number] = watch
            if self._thread is None:
                self._thread = Thread(target=self._run, name="statement-watchdog", daemon=True)
                self._thread.start()
            elif watch.deadline < self._wakes_at:
                self._changed.notify()
        try:
            yield watch
        finally:
            with self._changed:
                self._watches.pop(number, None)

    def _run(self) -> None:
        with self._changed:
            while True:
                now = time.monotonic()
                self._interrupt_late(now)
                wait = self._wakes_at - now
                self._changed.wait(None if wait == float("inf") else wait)

    def _interrupt_late(self, now: float) -> None:
        # A method of its own: the thread's frame must not keep a finished statement's cursor alive.
        for watch in self._watches.values():
            if watch.deadline <= now:
                watch.expired, watch.deadline = True, now + AGAIN_S
                watch.interrupt()
        self._wakes_at = min(
            (watch.deadline for watch in self._watches.values()), default=float("inf")
        )
