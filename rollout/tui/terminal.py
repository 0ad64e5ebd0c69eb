"""The terminal below the program, which may go away: a window is closed, a connection is lost."""

from __future__ import annotations

from collections.abc import Callable
from typing import IO, Any

from textual.app import App
from textual.drivers.linux_driver import LinuxDriver


class MayGoAway:
    """A stream that swallows what is written once its terminal is gone.

    Textual writes from a thread behind a queue of 30: a write that raises ends the thread, and
    whoever puts the 31st text waits for ever, also the program that only wants to end.
    """

    def __init__(self, stream: IO[str]) -> None:
        self._stream = stream
        self.gone = False

    def write(self, text: str) -> None:
        self._unless_gone(self._stream.write, text)

    def flush(self) -> None:
        self._unless_gone(self._stream.flush)

    def fileno(self) -> int:
        return self._stream.fileno()

    def _unless_gone(self, do: Callable[..., object], *arguments: str) -> None:
        if self.gone:
            return
        try:
            do(*arguments)
        except OSError:
            self.gone = True


class SteadyDriver(LinuxDriver):
    """Textual's driver, but one that a closed terminal does not hang."""

    def __init__(self, app: App[Any], **options: Any) -> None:
        super().__init__(app, **options)
        self._file: Any = MayGoAway(self._file)
