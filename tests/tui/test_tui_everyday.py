"""What works on every screen: help, the palette, copies, the filter, leaving, starting a controller."""

from __future__ import annotations

import asyncio
import os
import signal
from pathlib import Path

import pytest
from builders import completed_story, held_story, store_file
from seats import Table, play
from textual.command import CommandPalette
from textual.widgets import Button, Input

from rollout.cli.seat_launcher import ControllerLauncher, beside
from rollout.domain.errors import StoreUnavailable
from rollout.live.launching import launch
from rollout.tui.copying import keep_copy
from rollout.tui.launcher import Launch
from rollout.tui.modals.confirm import ConfirmDialog
from rollout.tui.modals.decision import DecisionDialog
from rollout.tui.modals.help import HelpDialog
from rollout.tui.screens.gates import GatesScreen
from rollout.tui.widgets.pane import Pane
from rollout.view.text import cells


@pytest.fixture
def held(tmp_path: Path) -> Path:
    path = tmp_path / "held.db"
    store_file(path, held_story)
    return path


class NotingLauncher:
    """Starts nothing, and remembers that it was asked to."""

    command = "rollout run --state held.db"
    log = "held.db.controller.log"

    def __init__(self, why_not: str = "") -> None:
        self.asked, self._why_not = 0, why_not

    def why_not(self, profile: str) -> str:
        return self._why_not

    def launch(self) -> Launch:
        self.asked += 1
        return Launch("process 7 drives the rollout; it talks to held.db.controller.log")


# help and palette ------------------------------------------------------------


def test_help_is_about_the_focused_pane_and_names_every_key(held: Path) -> None:
    async def script(table: Table) -> None:
        await table.look(sign=True)
        await table.press("question_mark")
        assert isinstance(table.app.screen, HelpDialog)
        pane = table.app.screen.query_one("#d-help", Pane)
        said = " ".join(" ".join(pane.lines).split())
        assert "What may I do" in said
        assert "Enter, or a second click, opens the dialog" in said
        assert "(go) only when every entry gate is go; pilot is held" in said
        for word in ("not known: it blocks like a failure", "STALE", "2 gates", "Hold Shift"):
            assert word in said
        assert "REHEARSAL" in table.text()
        assert max(cells(line) for line in table.screen()) <= 80
        await table.press("escape")
        assert not isinstance(table.app.screen, HelpDialog)

    play(held, script)


def test_the_palette_lists_every_action_and_runs_it(held: Path) -> None:
    async def script(table: Table) -> None:
        await table.look(sign=True)
        names = {name: about for name, about, _ in table.app.palette()}
        assert {"proceed", "roll back", "go to gates", "theme", "help", "filter"} <= set(names)
        assert names["proceed"].startswith("(locked) only when every entry gate is go")
        await table.press("colon")
        assert isinstance(table.app.screen, CommandPalette)
        assert "REHEARSAL" in table.screen()[0]
        await table.press(*"gates")
        await table.pilot.pause(0.3)
        await table.press("enter", "enter")
        await table.pilot.pause(0.3)
        assert isinstance(table.app.screen, GatesScreen)

    play(held, script)


def test_an_action_of_the_palette_opens_its_dialog_or_says_why_not(held: Path) -> None:
    async def script(table: Table) -> None:
        await table.look(sign=True)
        doing = {name: run for name, _, run in table.app.palette()}
        doing["proceed"]()
        await table.settle()
        assert "proceed: only when every entry gate is go" in table.words()
        doing["retry"]()
        await table.settle()
        assert isinstance(table.app.screen, DecisionDialog)
        await table.press("escape")
        doing["zoom"]()
        await table.settle()
        assert table.app.screen.has_class("-zoomed")

    play(held, script)


def test_moving_the_cursor_opens_and_decides_nothing(held: Path) -> None:
    async def script(table: Table) -> None:
        await table.look(sign=True)
        for key in ("j", "down", "end", "home", "pagedown", "k", "up"):
            await table.press(key)
            assert not isinstance(table.app.screen, DecisionDialog), key
        await table.press("home", "enter")
        assert isinstance(table.app.screen, DecisionDialog)

    play(held, script)


# copies ------------------------------------------------------------------------


def test_a_copy_goes_to_the_terminal_and_into_a_file_that_is_named(
    held: Path, tmp_path: Path
) -> None:
    path = tmp_path / "copied.txt"

    async def script(table: Table) -> None:
        await table.look(sign=True)
        await table.press("j", "y")
        assert table.app.clipboard.startswith("r ◇ WAIT  retry")
        assert path.read_text().startswith("r ◇ WAIT  retry")
        assert "copied 1 line; also in" in table.words()
        await table.press("Y")
        assert "close finding" in path.read_text()
        assert path.stat().st_mode & 0o777 == 0o600

    play(held, script, copies=path, size=(140, 45))


def test_a_copy_that_cannot_be_kept_says_so(held: Path, tmp_path: Path) -> None:
    async def script(table: Table) -> None:
        await table.look(sign=True)
        await table.press("y")
        assert "copied 1 line; " in table.words()
        assert "cannot be written" in table.words()

    play(held, script, copies=tmp_path / "nowhere" / "copied.txt")
    target = tmp_path / "target"
    (tmp_path / "link").symlink_to(target)
    with pytest.raises(StoreUnavailable, match="cannot be written"):
        keep_copy("secret", tmp_path / "link")
    assert not target.exists()


# the filter ----------------------------------------------------------------------


def test_a_filter_narrows_the_focused_pane_and_escape_shows_all(held: Path) -> None:
    async def script(table: Table) -> None:
        await table.look(sign=True)
        await table.press("slash", *"waive")
        assert "only: waive" in table.text()
        assert "waive empty_keys" in table.text()
        assert "retry: try" not in table.text()
        await table.press("enter")
        assert table.app.focused is table.app.screen.query_one("#next")
        await table.press("escape")
        assert "retry: try" in table.text()
        await table.press("slash", *"xyzzy")
        assert "no row holds that (Esc shows all)" in table.words()
        await table.press("escape")
        assert "retry: try" in table.text()
        assert table.app.screen.query_one("#filter", Input).value == ""

    play(held, script, size=(100, 30))


# a controller ----------------------------------------------------------------------


def test_a_controller_is_started_after_a_question_only(held: Path) -> None:
    launcher = NotingLauncher()

    async def script(table: Table) -> None:
        await table.look()
        await table.press("C")
        assert isinstance(table.app.screen, ConfirmDialog)
        assert "rollout run --state held.db" in table.words()
        assert "of its own" in table.words()
        await table.press("enter")
        assert launcher.asked == 0
        await table.press("C", "tab", "enter")
        await table.work_done()
        assert launcher.asked == 1
        assert "process 7 drives the rollout" in table.words()

    play(held, script, launcher=launcher)


def test_a_second_controller_is_not_offered(held: Path) -> None:
    async def script(table: Table) -> None:
        await table.look(sign=True, holder="rollout run, process 3 on here since then")
        await table.press("C")
        assert "process 3 on here since then drives it" in table.words()

    play(held, script, launcher=NotingLauncher())


def test_no_controller_for_what_has_ended_or_is_a_rehearsal(tmp_path: Path) -> None:
    path = tmp_path / "done.db"
    store_file(path, completed_story)

    async def script(table: Table) -> None:
        await table.press("C")
        assert "no rollout was read yet" in table.words()
        await table.look()
        await table.press("C")
        assert "the rollout has ended" in table.words()

    play(path, script, launcher=NotingLauncher())
    real = ControllerLauncher("state/rollout.db", [])
    assert "`rollout rehearse --by-hand --resume`" in real.why_not("rehearsal")
    assert real.why_not("prod") == ""
    assert real.command == "rollout run"
    assert real.log == "state/rollout.db.controller.log"
    secret = ControllerLauncher("postgresql+psycopg://lead:pw@db/rollouts", [])
    assert "password" in secret.why_not("prod")
    assert beside("postgresql+psycopg://lead@db/rollouts", ".x") is None


def test_a_process_that_ends_at_once_says_why_and_one_that_lives_is_left_alone(
    tmp_path: Path,
) -> None:
    log = tmp_path / "deep" / "controller.log"
    done = launch(["status", "--state", str(tmp_path / "none.db")], log, wait_s=30)
    assert done.ended == 2
    assert "there is no store" in done.said[-1]
    assert log.stat().st_mode & 0o777 == 0o600
    again = launch(["--version"], log, wait_s=30)
    assert (again.ended, len(again.said)) == (0, 1)
    blocked = tmp_path / "file"
    blocked.write_text("")
    with pytest.raises(StoreUnavailable, match="cannot be written"):
        launch(["--version"], blocked / "log")


def test_a_process_outlives_the_call_in_a_session_of_its_own(tmp_path: Path) -> None:
    store = tmp_path / "held.db"
    store_file(store, held_story)
    done = launch(["log", "--follow", "--state", str(store)], tmp_path / "c.log", wait_s=1.0)
    try:
        assert done.ended is None
        assert os.getsid(done.pid) == done.pid
    finally:
        os.kill(done.pid, signal.SIGKILL)


# leaving ----------------------------------------------------------------------------


def test_leaving_asks_first_and_says_what_goes_on(held: Path) -> None:
    async def script(table: Table) -> None:
        await table.look(sign=True, holder="rollout run, process 3 on here since then")
        await table.press("q")
        assert isinstance(table.app.screen, ConfirmDialog)
        said = table.words()
        assert "Leaving stops nothing: rollout run, process 3 on here since then goes on" in said
        assert "come back with: rollout tui --state held.db" in said
        await table.press("enter", "escape")
        assert table.app.is_running
        await table.press("q")
        table.app.screen.query_one("#d-do", Button).press()
        await table.settle()

    app = play(held, script, come_back="rollout tui --state held.db")
    assert app.return_code == 0
    assert app.seat.link.stop.is_set()


@pytest.mark.parametrize(("number", "code"), [(signal.SIGTERM, 143), (signal.SIGHUP, 129)])
def test_a_signal_ends_it_cleanly_with_its_code(
    held: Path, number: signal.Signals, code: int
) -> None:
    async def script(table: Table) -> None:
        await table.look()
        os.kill(os.getpid(), number)
        for _ in range(50):
            await asyncio.sleep(0.01)
            if table.app.seat.link.stop.is_set():
                break

    assert play(held, script).return_code == code
