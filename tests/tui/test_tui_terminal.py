"""The terminal itself, on a real pty: whatever ends the program, it is left as it was found."""

from __future__ import annotations

import fcntl
import os
import pty
import re
import select
import signal
import struct
import subprocess
import sys
import termios
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from time import monotonic
from typing import Any

import pytest
from builders import held_story, store_file

WITHIN_S = 60.0
MODE = re.compile(rb"\x1b\[\?([\d;]+)([hl])")
ALTERNATE_SCREEN, WRAPS, CURSOR, MOUSE, PASTE = 1049, 7, 25, 1003, 2004
USUAL = {WRAPS, CURSOR}


@dataclass
class Terminal:
    """A program on a pty; this side keeps the other one open, so that its settings can be read."""

    process: subprocess.Popen[bytes]
    ours: int
    theirs: int
    seen: bytes = b""

    def read(self, wait_s: float = 0.1) -> bool:
        """Whether anything came."""
        if not select.select([self.ours], [], [], wait_s)[0]:
            return False
        self.seen += os.read(self.ours, 65536)
        return True

    def until(self, words: bytes) -> None:
        ends = monotonic() + WITHIN_S
        while words not in self.seen:
            assert monotonic() < ends, f"{words!r} never came: {self.seen[-500:]!r}"
            self.read()

    def ended(self) -> int:
        """Its exit code, after everything that it wrote."""
        ends = monotonic() + WITHIN_S
        while self.process.poll() is None:
            assert monotonic() < ends, "it did not end"
            self.read()
        while self.read(0.05):
            pass
        return self.process.returncode

    def settings(self) -> list[Any]:
        """Whether keys are echoed, lines are edited, and so on."""
        return termios.tcgetattr(self.theirs)

    def modes(self) -> set[int]:
        """DEC private modes that are switched on now."""
        on = set(USUAL)
        for numbers, how in MODE.findall(self.seen):
            said = {int(n) for n in numbers.split(b";")}
            on = on | said if how == b"h" else on - said
        return on


@contextmanager
def opened(command: list[str]) -> Iterator[tuple[Terminal, list[Any]]]:
    """The program on a terminal of its own, and how the terminal was before."""
    ours, theirs = pty.openpty()
    fcntl.ioctl(theirs, termios.TIOCSWINSZ, struct.pack("HHHH", 24, 80, 0, 0))
    before = termios.tcgetattr(theirs)
    process = subprocess.Popen(
        command,
        stdin=theirs,
        stdout=theirs,
        stderr=theirs,
        start_new_session=True,
        env={**os.environ, "TERM": "xterm-256color", "TEXTUAL_ANIMATIONS": "none"},
    )
    try:
        yield Terminal(process, ours, theirs), before
    finally:
        if process.poll() is None:
            process.kill()
        process.wait()
        os.close(ours)
        os.close(theirs)


@pytest.mark.parametrize(
    ("number", "code"), [(signal.SIGTERM, 143), (signal.SIGHUP, 129), (None, 0)]
)
def test_the_terminal_is_left_as_it_was_found(
    tmp_path: Path, number: signal.Signals | None, code: int
) -> None:
    store = tmp_path / "held.db"
    store_file(store, held_story)
    with opened([sys.executable, "-m", "rollout", "tui", "--state", str(store)]) as (t, before):
        t.until(b"The pilot")
        assert t.modes() >= {ALTERNATE_SCREEN, MOUSE, PASTE}
        assert CURSOR not in t.modes()
        assert t.settings() != before
        if number is None:
            os.write(t.ours, b"\x11")  # ctrl+q
        else:
            os.kill(t.process.pid, number)
        assert t.ended() == code
        assert t.modes() == USUAL
        assert t.settings() == before
        assert b"Traceback" not in t.seen


def test_who_the_plan_does_not_know_sits_down_nowhere(tmp_path: Path) -> None:
    store = tmp_path / "held.db"
    store_file(store, held_story)
    command = [sys.executable, "-m", "rollout", "tui", "--state", str(store), "--by", "ghost"]
    with opened(command) as (t, _):
        assert t.ended() == 2
        assert t.modes() == USUAL
        assert b"--by ghost: the plan names nobody of that name; known: `proj`, `sale`" in t.seen
        assert b"\x1b" not in t.seen
