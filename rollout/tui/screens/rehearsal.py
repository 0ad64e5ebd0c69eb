"""Rehearsal: the pace of its time, what goes wrong in it and who noticed. Exists in rehearsals only."""

from __future__ import annotations

from functools import partial
from pathlib import Path
from typing import ClassVar, cast

from textual.app import ComposeResult
from textual.binding import BindingType

from rollout.rehearsal import control
from rollout.rehearsal.board import Board, read_board
from rollout.store.address import located
from rollout.tui.keys import REHEARSAL_KEYS
from rollout.tui.screens.base import Host, RolloutScreen
from rollout.tui.snapshot import Snapshot
from rollout.tui.widgets.pane import Pane
from rollout.tui.widgets.rows import Row, RowsPane
from rollout.view.board_text import catalogue_lines, clock_lines, fault_rows, scorecard
from rollout.view.text import wrap

LOOK_S = 0.25
"""Between two looks at the board, a small file beside the store."""

NO_BOARD = [
    "nobody drives this rehearsal by hand:",
    "begin one with `rollout rehearse --tui`",
]


_PAUSE: dict[bool, control.AnyRequest] = {False: control.Pause(), True: control.Go()}

_BARE: dict[str, control.AnyRequest] = {
    "slower": control.Slower(),
    "faster": control.Faster(),
    "step": control.Step(),
}


class RehearsalHost(Host):
    """What this screen asks of the program besides."""

    setting: str | Path

    def say(self, text: str) -> None: ...


class RehearsalScreen(RolloutScreen):
    """It writes requests to the rehearsal's process and shows what that process says of itself."""

    OWN_KEYS = REHEARSAL_KEYS
    BINDINGS: ClassVar[list[BindingType]] = [key.binding() for key in REHEARSAL_KEYS]
    FOOTER: ClassVar[tuple[str, ...]] = (
        "stage.slower",
        "stage.faster",
        "stage.pause",
        "stage.inject",
        "stage.step",  # the one that goes where there is no room for all
        "stage.clear",
        "app.help",
    )

    def __init__(self) -> None:
        super().__init__()
        self._board: Board | None = None

    def compose_body(self) -> ComposeResult:
        yield Pane("Time", id="time")
        yield RowsPane("Faults of this rehearsal", id="faults", empty="none yet: inject one")
        yield RowsPane("To inject", id="catalogue", empty="no scenario beside the plan has a fault")

    def on_mount(self) -> None:
        self.call_after_refresh(self.query_one("#catalogue").focus)
        self.set_interval(LOOK_S, self.look)

    def on_screen_resume(self) -> None:
        super().on_screen_resume()
        self.look()

    def draw(self, snapshot: Snapshot) -> None:
        """The log says nothing of the stage; `look` does."""

    def look(self) -> None:
        """Read the board and show it."""
        if not self.is_current:
            return
        path = self._store
        self._board = read_board(path) if path is not None else None
        board, ascii_only = self._board, self.host.ascii_only
        time, faults = self.query_one("#time", Pane), self.query_one("#faults", RowsPane)
        catalogue = self.query_one("#catalogue", RowsPane)
        if board is None:
            time.show(lambda width: [line for said in NO_BOARD for line in wrap(said, width)])
            return
        time.show(partial(_time_lines, board, ascii_only=ascii_only))
        faults.show_rows(partial(_fault_rows, board, ascii_only=ascii_only))
        catalogue.show_rows(partial(_catalogue_rows, board, ascii_only=ascii_only))

    @property
    def _store(self) -> Path | None:
        address = located(cast("RehearsalHost", self.app).setting)
        return address if isinstance(address, Path) else None

    def action_ask(self, word: str) -> None:
        """A bare request, or one about the row under the cursor."""
        path = self._store
        if self._board is None or path is None:
            cast("RehearsalHost", self.app).say(NO_BOARD[0].rstrip(":"))
            return
        request = self._request(word)
        if request is None:
            cast("RehearsalHost", self.app).say("put the cursor on a fault first")
            return
        try:
            control.ask(path, request)
        except OSError as error:
            cast("RehearsalHost", self.app).say(f"{path}: cannot be asked: {error.strerror}")

    def _request(self, word: str) -> control.AnyRequest | None:
        if word in ("inject", "clear"):
            pane = self.query_one("#catalogue" if word == "inject" else "#faults", RowsPane)
            if not pane.selected:
                return None
            name = pane.selected
            if word == "inject":
                return control.Inject(name)
            return control.Clear(name)
        if word == "pause":
            assert self._board is not None
            return _PAUSE[self._board.paused]
        return _BARE[word]


def _time_lines(board: Board, width: int, *, ascii_only: bool) -> list[str]:
    lines = clock_lines(board, width, ascii_only=ascii_only)
    return [*lines, *wrap(scorecard(board), width)]


def _fault_rows(board: Board, width: int, *, ascii_only: bool) -> list[Row]:
    return [Row(fault, line) for fault, line in fault_rows(board, width, ascii_only=ascii_only)]


def _catalogue_rows(board: Board, width: int, *, ascii_only: bool) -> list[Row]:
    lines = catalogue_lines(board, width, ascii_only=ascii_only)
    return [Row(entry.name, line) for entry, line in zip(board.catalogue, lines, strict=True)]
