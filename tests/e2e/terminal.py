"""A real terminal for tests: tmux runs the program, keys go in, the screen is read as text."""

from __future__ import annotations

import os
import re
import shlex
import subprocess
import threading
import uuid
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from time import monotonic

LOOK_S = 0.2
_ENDED = r"exit code (\d+)\."

_SURROUNDINGS = {
    **{name: value for name, value in os.environ.items() if name not in {"COLUMNS", "LINES"}},
    "TERM": "xterm-256color",
    "LANG": "C.UTF-8",
    "LC_ALL": "C.UTF-8",
}
"""Without the size of the terminal that the tests run in: a program would believe it."""


def pause(seconds: float) -> None:
    threading.Event().wait(seconds)


class NotSeen(AssertionError):
    """What was waited for did not come; the message holds the screen."""


@dataclass
class Terminal:
    """One program in one tmux session of `columns` x `lines`, on a server of its own."""

    columns: int
    lines: int
    server: str = field(default_factory=lambda: f"rollout-{uuid.uuid4().hex[:8]}")

    def run(self, command: Sequence[object], cwd: Path, env: Mapping[str, str]) -> None:
        variables = " ".join(f"{k}={shlex.quote(v)}" for k, v in env.items())
        # The shell says how it ended: tmux was seen not to know for a minute what had become of a pane.
        line = f"{variables} {shlex.join(str(part) for part in command)}; echo exit code $?."
        self._tmux(
            "-f",
            "/dev/null",
            "new-session",
            "-d",
            "-x",
            self.columns,
            "-y",
            self.lines,
            line,
            cwd=cwd,
        )
        self._tmux("set-option", "-g", "remain-on-exit", "on")

    def keys(self, *keys: str) -> None:
        self._tmux("send-keys", *keys)

    def type(self, text: str) -> None:
        self._tmux("send-keys", "-l", text)

    def screen(self) -> str:
        return self._tmux("capture-pane", "-p")

    def words(self) -> str:
        """The screen with its frames and line breaks taken out."""
        return " ".join(re.sub("[┏┓┗┛╍╏━┃┆▌╭╮╰╯─│┌┐└┘]", " ", self.screen()).split())

    def wait(self, seen: str | Callable[[str], bool], within_s: float = 60) -> str:
        """The words once `seen` is among them. Raises: NotSeen with the screen."""
        ends = monotonic() + within_s
        while monotonic() < ends:
            words = self.words()
            if seen in words if isinstance(seen, str) else seen(words):
                return words
            pause(LOOK_S)
        raise NotSeen(f"waited {within_s:g} s for {seen!r}; the screen:\n{self.screen()}")

    def gone(self, seen: str, within_s: float = 60) -> str:
        return self.wait(lambda words: seen not in words, within_s)

    def exit_code(self, within_s: float = 60) -> int:
        """Of the program, once it has ended. Raises: NotSeen with the screen."""
        found = re.search(_ENDED, self.wait(lambda words: bool(re.search(_ENDED, words)), within_s))
        assert found is not None
        return int(found[1])

    def close(self) -> None:
        self._tmux("kill-server")

    def _tmux(self, *arguments: object, cwd: Path | None = None) -> str:
        done = subprocess.run(
            ["tmux", "-L", self.server, *(str(a) for a in arguments)],
            cwd=cwd,
            env=_SURROUNDINGS,
            capture_output=True,
            text=True,
            check=False,
        )
        return done.stdout
