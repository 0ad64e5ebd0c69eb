"""Who starts a controller for a rollout that nobody drives; always a process of its own."""

from __future__ import annotations

from typing import Protocol

import msgspec


class Launch(msgspec.Struct, frozen=True):
    """What came of it, in words for the line above the keys; `failed` when it ended at once."""

    words: str
    failed: bool = False


class Launcher(Protocol):
    """`command` is what it will run, `log` where that talks to. `launch` takes seconds: in a thread."""

    @property
    def command(self) -> str: ...

    @property
    def log(self) -> str: ...

    def why_not(self, profile: str) -> str:
        """Why it cannot start one for such a rollout; empty when it can."""
        ...

    def launch(self) -> Launch: ...


class NoLauncher:
    """Of a recorded log, or where nobody said how."""

    command = ""
    log = ""

    def why_not(self, profile: str) -> str:
        return "a controller cannot be started from here"

    def launch(self) -> Launch:
        return Launch("a controller cannot be started from here", failed=True)
