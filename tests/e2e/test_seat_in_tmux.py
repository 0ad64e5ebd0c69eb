"""The seat beside real processes in a real terminal: a passphrase is typed, a controller dies."""

from __future__ import annotations

import shutil
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from live_processes import ROOT, begin, line_with, rollout, tiny_plan
from signing_desk import LEAD, Desk
from terminal import NotSeen, Terminal, pause

from rollout.live.clocks import SystemClock
from rollout.live.heartbeat import Heartbeat
from rollout.store.ownership import acquire

pytestmark = [pytest.mark.slow, pytest.mark.timeout(300)]

PASSPHRASE = "correct horse"
TRIES = 4


@pytest.fixture
def terminal() -> Iterator[Terminal]:
    if shutil.which("tmux") is None:
        pytest.fail("tmux is not installed")
    found = Terminal(100, 45)
    yield found
    found.close()


def sit(terminal: Terminal, state: Path, home: Path) -> None:
    terminal.run(
        [sys.executable, "-m", "rollout", "tui", "--state", state],
        cwd=ROOT,
        env={"TEXTUAL_ANIMATIONS": "none", "HOME": str(home), "SSH_AUTH_SOCK": ""},
    )


def fill_in(t: Terminal) -> None:
    """The lead approves, with a key of `~/.ssh`; opens the dialog anew when a key was lost on the way."""
    for _ in range(TRIES):
        if _filled(t):
            return
        t.keys("Escape")
        t.gone("[ Cancel ]")
    raise AssertionError(f"the form cannot be filled in:\n{t.screen()}")


def _filled(t: Terminal) -> bool:
    t.keys("s")
    t.wait("still to do")
    for seen in ("(x) approve", "(x) lead (project_lead)", "(x) sign now, with a key that"):
        t.keys("Tab")
        pause(0.4)
        t.keys("Enter")
        if not _comes(t, seen):
            return False
    t.keys("Tab")
    pause(0.6)
    t.type("it is right")
    if not _comes(t, lambda words: "still to do" not in words):
        return False
    t.keys("Tab")
    pause(0.4)
    t.keys("Tab")
    pause(0.4)
    return True


def _comes(t: Terminal, seen: str | Callable[[str], bool]) -> bool:
    try:
        t.wait(seen, 10)
    except NotSeen:
        return False
    return True


def test_a_passphrase_is_typed_on_the_terminal_and_never_seen(
    terminal: Terminal, tmp_path: Path
) -> None:
    state, ssh = tmp_path / "s.db", tmp_path / ".ssh"
    Desk(profile="sandbox", where=str(state)).store.close()
    ssh.mkdir(mode=0o700)
    key = LEAD.write(ssh / "id_ed25519")
    change = ["ssh-keygen", "-q", "-p", "-N", PASSPHRASE, "-f", str(key)]
    subprocess.run(change, check=True, capture_output=True)
    owner = acquire(state, since=SystemClock().now(), who="rollout run")
    with owner, Heartbeat(owner):
        sit(terminal, state, tmp_path)
        terminal.wait("LIVE")
        fill_in(terminal)
        terminal.keys("Enter")
        terminal.wait("Enter passphrase")
        terminal.keys("C-c")
        terminal.wait("refused: ssh-keygen")
        assert rollout("status", "--state", state)[0] in {0, 1, 3}
        terminal.keys("Enter")  # its button is focused still
        # The first question still stands there: only after the second nothing typed is shown.
        terminal.wait(lambda words: words.count("Enter passphrase") == 2)
        terminal.type(PASSPHRASE)
        terminal.keys("Enter")
        assert PASSPHRASE not in terminal.wait("recorded: #")
    assert "signed verified with the key" in rollout("log", "--state", state)[1]
    assert rollout("verify", "--state", state)[0] == 0


def test_a_killed_controller_makes_it_stale_and_the_next_one_live_again(
    terminal: Terminal, tmp_path: Path
) -> None:
    state = tmp_path / "tiny.db"
    assert rollout("start", tiny_plan(tmp_path), "--state", state)[0] == 0
    controller = begin("run", "--state", state)
    try:
        line_with(controller.stderr, "waits for a person", 90)
        sit(terminal, state, tmp_path)
        terminal.wait("LIVE")
        controller.send_signal(signal.SIGKILL)
        controller.communicate()
        words = terminal.wait("STALE", 20)
        assert "(a attest)" in words, "locked, and says so"
        controller = begin("run", "--state", state)
        terminal.wait("LIVE", 90)  # a controller takes its time to start on a busy machine
        terminal.keys("C-q")
        pause(1)
        assert controller.poll() is None, "leaving stops nothing"
    finally:
        controller.kill()
        controller.communicate()
