"""Wait until something happens: a signal, an instant, somebody else's event. Nothing is lost between."""

from __future__ import annotations

import os
import select
import signal
from collections.abc import Callable
from types import FrameType, TracebackType
from typing import Any, Self

ENDING = (signal.SIGTERM, signal.SIGINT, signal.SIGHUP)


class Signals:
    """While this is open, a signal that would end the process only sets `stopping` and wakes
    `wait`; a second one ends it at once, as without us. For the main thread.

    A pipe and not an Event: a handler runs between two instructions of the very thread that may
    be holding the Event's lock.
    """

    def __init__(self, tell: Callable[[str], None]) -> None:
        self._tell = tell
        self.stopping = False
        self._before: dict[int, Any] = {}

    def __enter__(self) -> Self:
        self._reader, self._writer = os.pipe2(os.O_NONBLOCK | os.O_CLOEXEC)
        self._fd_before = signal.set_wakeup_fd(self._writer, warn_on_full_buffer=False)
        for number in ENDING:
            if signal.getsignal(number) is not signal.SIG_IGN:  # nohup means it
                self._before[number] = signal.signal(number, self._heard)
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        for number, handler in self._before.items():
            signal.signal(number, handler)
        signal.set_wakeup_fd(self._fd_before)
        os.close(self._reader)
        os.close(self._writer)

    def wait(self, seconds: float) -> None:
        """At most so long; shorter when a signal comes."""
        if not self.stopping:
            select.select([self._reader], [], [], max(seconds, 0.0))
        self._drain()

    def _drain(self) -> None:
        try:
            while os.read(self._reader, 64):
                pass
        except BlockingIOError:
            return

    def _heard(self, number: int, _frame: FrameType | None) -> None:
        if self.stopping:
            signal.signal(number, signal.SIG_DFL)
            os.kill(os.getpid(), number)
            return
        self.stopping = True
        self._tell(f"{signal.Signals(number).name}: ending after what is under way")
