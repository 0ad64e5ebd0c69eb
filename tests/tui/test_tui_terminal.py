"""The program on a real terminal that goes away under it."""

from __future__ import annotations

import io
import os
import pty
import select
import sys
from collections.abc import Iterator
from pathlib import Path
from time import monotonic
from typing import IO, cast

import pytest
from builders import store_file
from seats import play
from textual.drivers._writer_thread import MAX_QUEUED_WRITES, WriterThread
from view_stories import no_go_story

from rollout.tui.terminal import MayGoAway, SteadyDriver

ROOT = Path(__file__).parents[2]
READ_S, END_S = 60.0, 30.0


class Window:
    """A terminal with `rollout tui` in it, whose other end is ours to close."""

    def __init__(self, store: Path) -> None:
        command = [sys.executable, "-m", "rollout", "tui", "--state", str(store)]
        self.pid, self.fd = pty.fork()
        if self.pid == 0:
            os.chdir(ROOT)
            os.environ.update(TERM="xterm-256color", TEXTUAL_ANIMATIONS="none")
            os.execv(command[0], command)

    def wait(self, words: bytes) -> None:
        seen, ends = b"", monotonic() + READ_S
        while words not in seen:
            assert monotonic() < ends, seen[-2000:]
            if select.select([self.fd], [], [], 0.2)[0]:
                seen += os.read(self.fd, 65536)

    def close(self) -> None:
        os.close(self.fd)
        self.fd = -1

    def ended(self) -> int | None:
        """Its exit code, None when it goes on."""
        ends = monotonic() + END_S
        while monotonic() < ends:
            pid, status = os.waitpid(self.pid, os.WNOHANG)
            if pid:
                self.pid = 0
                return os.waitstatus_to_exitcode(status)
            select.select([], [], [], 0.05)
        return None


def _stored(folder: Path) -> Path:
    path = folder / "s.db"
    store_file(path, no_go_story)
    return path


@pytest.fixture
def window(tmp_path: Path) -> Iterator[Window]:
    found = Window(_stored(tmp_path))
    yield found
    if found.fd >= 0:
        os.close(found.fd)
    if found.pid:
        os.kill(found.pid, 9)
        os.waitpid(found.pid, 0)


def test_a_closed_window_ends_the_program(window: Window) -> None:
    window.wait(b"What may I do")
    window.close()
    assert window.ended() == 128 + 1  # SIGHUP, as a shell tells it


class Closed(io.StringIO):
    def write(self, text: str) -> int:
        raise OSError(5, "Input/output error")


def test_what_is_written_to_a_closed_terminal_is_lost_and_raises_nothing() -> None:
    stream = MayGoAway(Closed())
    stream.write("one")
    assert stream.gone
    stream.write("two")
    stream.flush()


def test_the_thread_that_writes_ends_though_its_terminal_is_gone() -> None:
    thread = WriterThread(cast(IO[str], MayGoAway(Closed())))
    thread.start()
    for _ in range(MAX_QUEUED_WRITES * 3):  # a thread that died takes no more than its queue holds
        thread.write("more")
    thread.stop()
    assert not thread.is_alive()


def test_the_program_draws_through_the_driver_that_survives(tmp_path: Path) -> None:
    app = play(_stored(tmp_path), lambda table: table.look())
    assert app.driver_class is SteadyDriver


def test_an_open_terminal_gets_every_word() -> None:
    there = io.StringIO()
    stream = MayGoAway(there)
    stream.write("one")
    stream.flush()
    stream.write("two")
    assert (there.getvalue(), stream.gone) == ("onetwo", False)
